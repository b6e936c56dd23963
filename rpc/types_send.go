package rpc

import "context"

// Recipient is one payment of a SendRequest.
type Recipient struct {
	To       string `json:"to"` // address, or a wallet's name or number
	Amount   Amount `json:"amount,omitempty"`
	Max      bool   `json:"max,omitempty"`      // all that the others and the fee leave, instead of an amount
	Subtract bool   `json:"subtract,omitempty"` // the fee, or an equal part of it, comes off this payment
}

// SendOptions are how a payment is made, beside whom it pays.
type SendOptions struct {
	Target       int      `json:"target,omitempty"`         // blocks within which it should be confirmed, instead of a fee rate
	Coins        []string `json:"coins,omitempty"`          // spend these, "txid:n", and no others
	AddCoins     bool     `json:"add_coins,omitempty"`      // but others too when they do not suffice
	Data         string   `json:"data,omitempty"`           // hex, in an output that nobody can spend (OP_RETURN)
	Change       string   `json:"change,omitempty"`         // address for the change
	Replaceable  *bool    `json:"replaceable,omitempty"`    // absent: yes (BIP125)
	LockTime     *uint32  `json:"locktime,omitempty"`       // absent: against fee sniping, as Core
	MaxFee       Amount   `json:"max_fee,omitempty"`        // most that the fee may be; 0: 0.1
	AllowHighFee bool     `json:"allow_high_fee,omitempty"` // no such limit
	Explain      bool     `json:"explain,omitempty"`        // tell each step with its values
}

// Paid is one payment of a SendPlan.
type Paid struct {
	To     string `json:"to"` // address
	ToName string `json:"to_name,omitempty"`
	Amount Amount `json:"amount"` // that arrives
	Output int    `json:"output"` // of the transaction
}

// SendStory tells how a payment came to be: lode_preparesend tells all but the
// signatures, lode_send those too. It holds no private key.
type SendStory struct {
	Available int           `json:"available"` // coins that there were to choose from
	Inputs    []StoryInput  `json:"inputs"`
	Choices   []StoryChoice `json:"choices"` // the one that was taken first
	Outputs   []StoryOutput `json:"outputs"`
	Weight    int64         `json:"weight"` // at most, signed
	LockTime  uint32        `json:"locktime"`
	Unsigned  string        `json:"unsigned,omitempty"` // hex
	Signed    string        `json:"signed,omitempty"`   // hex
}

// StoryChoice is what one way of choosing coins found.
type StoryChoice struct {
	Algorithm string `json:"algorithm"` // bnb, knapsack, srd, largest first, all; empty for coins that were asked for
	Coins     int    `json:"coins"`
	Sum       Amount `json:"sum"`
	Change    Amount `json:"change"`
	Waste     int64  `json:"waste"` // satoshis; negative where spending now is cheaper than later
}

// StoryInput is a coin that is spent.
type StoryInput struct {
	Coin          string           `json:"coin"` // txid:n
	Amount        Amount           `json:"amount"`
	Address       string           `json:"address,omitempty"`
	Confirmations int32            `json:"confirmations"`
	Sequence      uint32           `json:"sequence"`
	Signatures    []StorySignature `json:"signatures,omitempty"`
	ScriptSig     string           `json:"script_sig,omitempty"` // hex
	Witness       []string         `json:"witness,omitempty"`    // hex
}

// StorySignature is a signature and what it signs.
type StorySignature struct {
	PublicKey string `json:"publickey"` // hex
	Hash      string `json:"hash"`      // the signature hash, hex
	Signature string `json:"signature"` // hex
}

// StoryOutput is an output of the transaction.
type StoryOutput struct {
	Amount  Amount `json:"amount"`
	Address string `json:"address,omitempty"`
	Script  string `json:"script"` // hex
	Change  bool   `json:"change,omitempty"`
}

// BumpRequest asks for a higher fee of a transaction that waits: lode_bumpfee.
// The transaction is replaced (BIP125), or with Child one that spends an output
// of it pays for both.
type BumpRequest struct {
	TxID         string  `json:"txid"`
	Wallet       string  `json:"wallet,omitempty"`   // absent: the one that it belongs to
	Child        bool    `json:"child,omitempty"`    // pay by a child (CPFP)
	Output       *int    `json:"output,omitempty"`   // that the child spends; absent: the largest of the wallet
	FeeRate      float64 `json:"fee_rate,omitempty"` // sat/vB, of both together for a child; 0: what is needed
	Target       int     `json:"target,omitempty"`
	MaxFee       Amount  `json:"max_fee,omitempty"`
	AllowHighFee bool    `json:"allow_high_fee,omitempty"`
	Explain      bool    `json:"explain,omitempty"`
	DryRun       bool    `json:"dry_run,omitempty"` // compute only
	Passphrase   string  `json:"passphrase,omitempty"`
}

// BumpPlan is the reply of lode_bumpfee.
type BumpPlan struct {
	Wallet      string     `json:"wallet"`
	Replaces    string     `json:"replaces,omitempty"` // txid that is replaced
	Parent      string     `json:"parent,omitempty"`   // txid that the child pays for
	OldFee      Amount     `json:"old_fee"`
	OldFeeRate  float64    `json:"old_fee_rate"` // sat/vB
	Fee         Amount     `json:"fee"`
	FeeRate     float64    `json:"fee_rate"`     // sat/vB of the transaction
	PackageRate float64    `json:"package_rate"` // sat/vB with the parents that it pays for
	VSize       int64      `json:"vsize"`
	Inputs      int        `json:"inputs"`
	Change      Amount     `json:"change"` // what comes back to the wallet
	TxID        string     `json:"txid,omitempty"`
	Explain     *SendStory `json:"explain,omitempty"`
}

// BumpFee calls lode_bumpfee.
func (c *Client) BumpFee(ctx context.Context, r BumpRequest) (BumpPlan, error) {
	return ask[BumpPlan](ctx, c, "lode_bumpfee", r)
}

// The states of a WalletCoin.
const (
	CoinSpendable  = "spendable"
	CoinPending    = "pending"     // unconfirmed, paid by others
	CoinImmature   = "immature"    // mined, not yet spendable
	CoinSpent      = "spent"       // by a transaction that waits for a block
	CoinLocked     = "locked"      // by hand
	CoinReused     = "reused"      // at an address that was spent from, where the wallet avoids them
	CoinTimeLocked = "time-locked" // until its lock has passed
)

// WalletCoin is one row of lode_coins.
type WalletCoin struct {
	Coin          string `json:"coin"` // txid:n
	Amount        Amount `json:"amount"`
	Address       string `json:"address,omitempty"`
	Confirmations int64  `json:"confirmations"`
	State         string `json:"state"`
	Note          string `json:"note,omitempty"` // when it can be spent, or what spends it
}

// Coins calls lode_coins.
func (c *Client) Coins(ctx context.Context, r WalletRequest) ([]WalletCoin, error) {
	return ask[[]WalletCoin](ctx, c, "lode_coins", r)
}
