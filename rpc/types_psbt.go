package rpc

import "context"

// PSBTRequest names a PSBT, in base64: lode_showpsbt.
type PSBTRequest struct {
	PSBT string `json:"psbt"`
}

// SignPSBT is the request of lode_signpsbt.
type SignPSBT struct {
	PSBT       string `json:"psbt"`
	Wallet     string `json:"wallet,omitempty"`     // that signs; absent: the default wallet
	Sighash    string `json:"sighash,omitempty"`    // absent: what the PSBT asks for, if that is ALL or DEFAULT
	Passphrase string `json:"passphrase,omitempty"` // when wallets are locked
}

// SignedPSBT is the reply of lode_signpsbt.
type SignedPSBT struct {
	PSBT     string   `json:"psbt"`
	Wallet   string   `json:"wallet"`
	Added    int      `json:"added"`    // signatures that the wallet has made
	Complete bool     `json:"complete"` // nobody else has to sign: lode psbt finalize is next
	Refused  []string `json:"refused"`  // inputs that were not signed because something is wrong with them
	View     PSBTView `json:"view"`
}

// CreatedPSBT is the reply of lode_createpsbt, whose request is a SendRequest.
type CreatedPSBT struct {
	PSBT string   `json:"psbt"`
	Plan SendPlan `json:"plan"`
	View PSBTView `json:"view"`
}

// PSBTView explains a PSBT: lode_showpsbt.
type PSBTView struct {
	TxID     string       `json:"txid"` // that it will have, unless a scriptSig changes it
	Version  uint32       `json:"version"`
	LockTime uint32       `json:"locktime"`
	Inputs   []PSBTInput  `json:"inputs"`
	Outputs  []PSBTOutput `json:"outputs"`
	Sum      *Amount      `json:"sum,omitempty"`      // of the inputs; absent where one is not known
	Fee      *Amount      `json:"fee,omitempty"`      //
	VSize    int64        `json:"vsize,omitempty"`    // expected
	FeeRate  float64      `json:"fee_rate,omitempty"` // sat/vB, expected
	XPubs    []PSBTKey    `json:"xpubs,omitempty"`
	Next     string       `json:"next"`               // updater, signer, finalizer, extractor
	Complete bool         `json:"complete"`           // all inputs are final
	Invalid  string       `json:"invalid,omitempty"`  // why it can never be a transaction
	Warnings []string     `json:"warnings,omitempty"` // coins that are gone, a fee that is too low
}

// PSBTInput is an input of a PSBT.
type PSBTInput struct {
	Coin     string    `json:"coin"` // txid:n
	Amount   *Amount   `json:"amount,omitempty"`
	Address  string    `json:"address,omitempty"`
	Wallets  []string  `json:"wallets"`           // whose coin it is
	Sequence uint32    `json:"sequence"`          //
	Sighash  string    `json:"sighash,omitempty"` // that signatures are to have
	Status   string    `json:"status"`            // final, ready, or what lacks
	Required int       `json:"required,omitempty"`
	Signed   []PSBTKey `json:"signed"`  // who has signed
	Missing  []PSBTKey `json:"missing"` // who could sign and has not
	Leaves   int       `json:"leaves,omitempty"`

	CoinState string `json:"coin_state"`         // unspent, spent or unknown
	SpentBy   string `json:"spent_by,omitempty"` // the transaction of the mempool that spends it
}

// PSBTOutput is an output of a PSBT.
type PSBTOutput struct {
	Amount  Amount   `json:"amount"`
	Address string   `json:"address,omitempty"`
	Script  string   `json:"script"`  // hex
	Wallets []string `json:"wallets"` // whose address it is
	Data    string   `json:"data,omitempty"`
}

// PSBTKey is a key that signs.
type PSBTKey struct {
	Key         string   `json:"key"` // public, hex; an xpub is in base58
	Fingerprint string   `json:"fingerprint,omitempty"`
	Path        string   `json:"path,omitempty"`
	Wallets     []string `json:"wallets,omitempty"` // whose words it comes from
	Leaf        string   `json:"leaf,omitempty"`    // of taproot: the script that it signs for
}

// ShowPSBT calls lode_showpsbt.
func (c *Client) ShowPSBT(ctx context.Context, r PSBTRequest) (PSBTView, error) {
	return ask[PSBTView](ctx, c, "lode_showpsbt", r)
}

// SignPSBT calls lode_signpsbt.
func (c *Client) SignPSBT(ctx context.Context, r SignPSBT) (SignedPSBT, error) {
	return ask[SignedPSBT](ctx, c, "lode_signpsbt", r)
}

// CreatePSBT calls lode_createpsbt.
func (c *Client) CreatePSBT(ctx context.Context, r SendRequest) (CreatedPSBT, error) {
	return ask[CreatedPSBT](ctx, c, "lode_createpsbt", r)
}
