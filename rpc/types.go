package rpc

import (
	"encoding/json"

	"github.com/lode-chain/lode/consensus"
)

// Amount is an amount in satoshis that is written in JSON as bitcoins with
// exactly eight decimals, as Core writes it.
type Amount = consensus.Amount

// The types below are the replies of lode's own methods, the ones that Core
// has no name for. They are what `--json` prints, so a field that has been
// released keeps its name and meaning.

// Status is the reply of lode_status: who hosts the chain and where it stands.
type Status struct {
	Version       string   `json:"version"`
	Network       string   `json:"network"`
	DataDir       string   `json:"datadir"`        // folder of the network, absolute
	RPCURL        string   `json:"rpc_url"`        // empty while no port is open
	RPCNote       string   `json:"rpc_note"`       // why no port is open, or empty
	CookieFile    string   `json:"cookie_file"`    // empty while no port is open
	Socket        string   `json:"socket"`         // where guests reach the host
	HostPID       int      `json:"host_pid"`       //
	HostCommand   string   `json:"host_command"`   // e.g. "lode up"
	Started       int64    `json:"started"`        // Unix seconds
	Guests        []Guest  `json:"guests"`         // long-lived processes attached to the host
	Height        int32    `json:"height"`         //
	BestBlock     string   `json:"best_block"`     //
	TipTime       int64    `json:"tip_time"`       // Unix seconds
	MempoolTxs    int      `json:"mempool_txs"`    //
	Wallets       int      `json:"wallets"`        //
	DefaultWallet string   `json:"default_wallet"` // name of the one that is used when none is named, or empty
	Damaged       []string `json:"damaged"`        // wallets' files that cannot be read: name and reason
	Mended        []string `json:"mended"`         // wallets' files that were damaged and are mended: what was lost
	Plain         int      `json:"plain"`          // wallets whose keys can be read by whoever reads their files
	Published     int      `json:"published"`      // those of them with the demonstration's words, which everybody knows
	Encrypted     bool     `json:"encrypted"`      // wallets are under a passphrase
	Locked        bool     `json:"locked"`         // and it has not been given yet
	Mining        Mining   `json:"mining"`         //
	Settings      Settings `json:"settings"`       //
	BackupDir     string   `json:"backup_dir"`     //
	BackupError   string   `json:"backup_error"`   // why the last backup failed, or empty
	Demo          bool     `json:"demo"`           // the demonstration network
	Reward        Amount   `json:"next_reward"`    // subsidy of the next block
	NextHalving   int32    `json:"next_halving"`   // height of the next halving, 0 when none is left
	CoinsIssued   Amount   `json:"coins_issued"`   // subsidy of all blocks so far
	Maturity      int32    `json:"maturity"`       // confirmations a coinbase needs
}

// Guest is a long-lived process that is attached to the host.
type Guest struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// Mining says how the host itself mines.
type Mining struct {
	Mode      string `json:"mode"`       // "on-tick", "always", "on-tx" or "never"
	Interval  string `json:"interval"`   // e.g. "30s"
	To        string `json:"to"`         // wallet or address that is paid
	NextBlock int64  `json:"next_block"` // Unix seconds of the next tick, 0 when none is due
	Note      string `json:"note"`       // why it does not mine, or empty
}

// Settings are remembered in the data directory.
type Settings struct {
	Interval      string `json:"interval,omitempty"`
	MiningMode    string `json:"mining_mode,omitempty"`
	MiningTo      string `json:"mining_to,omitempty"`
	BackupEvery   int    `json:"backup_every,omitempty"`
	BackupDir     string `json:"backup_dir,omitempty"`
	RPCPort       *int   `json:"rpc_port,omitempty"` // as asked for; 0 is any free one
	DefaultWallet string `json:"default_wallet,omitempty"`
}

// Wallet is one row of lode_wallets and the reply of lode_wallet.
type Wallet struct {
	Number     int    `json:"number"` // from 1, stable, never reused
	Name       string `json:"name"`
	Type       string `json:"type"`      // bech32, bech32m, p2sh-segwit or legacy
	Path       string `json:"path"`      // account path, e.g. m/84'/1'/0'; empty for an imported key
	Address    string `json:"address"`   // its first receiving address
	PublicKey  string `json:"publickey"` // of that address, hex
	Source     string `json:"source"`    // "words", "key" or "descriptors"
	Default    bool   `json:"default"`
	Encrypted  bool   `json:"encrypted"`
	Plain      bool   `json:"plain"`                 // whoever reads its file can spend its coins
	Published  bool   `json:"published"`             // it is of the demonstration's words, which everybody knows
	WatchOnly  bool   `json:"watch_only"`            // it has no keys
	SingleKey  bool   `json:"single_key"`            // it is one key: at Path of its words, or imported
	Multisig   string `json:"multisig,omitempty"`    // such as "2 of 3": how many of the keys sign
	Archived   bool   `json:"archived"`              // hidden from lists
	Foreign    bool   `json:"foreign"`               // under another passphrase than the others: its file was copied in
	Spendable  Amount `json:"spendable"`             // can be paid with now
	Locked     Amount `json:"locked,omitempty"`      // locked by hand
	Reused     Amount `json:"reused,omitempty"`      // at addresses that were spent from, where the wallet avoids them
	TimeLocked Amount `json:"time_locked,omitempty"` // their time locks have not passed
	Pending    Amount `json:"pending"`               // unconfirmed and paid by others
	Immature   Amount `json:"immature"`              // mined, not yet spendable
	Coins      int    `json:"coins"`                 // unspent outputs, immature ones included
	Birth      int32  `json:"birth"`                 // height at which it was made
	Scanning   bool   `json:"scanning,omitempty"`    // its coins are still being looked for: the sums may lack some
}

// MaxNewWallets is how many wallets one call makes. Policy.
const MaxNewWallets = 20_000

// NewWallets asks for wallets: lode_newwallets.
type NewWallets struct {
	Count       int    `json:"count"`
	Name        string `json:"name,omitempty"`       // of one wallet, or the stem of many
	Words       int    `json:"words,omitempty"`      // 12, 15, 18, 21 or 24
	Language    string `json:"language,omitempty"`   // of the words; empty is English
	Type        string `json:"type,omitempty"`       //
	Mnemonic    string `json:"mnemonic,omitempty"`   // shared by all; accounts 0, 1, 2…; else each has its own
	Passphrase  string `json:"passphrase,omitempty"` // of the wallets, when they are locked; for this call only
	ShowPrivate bool   `json:"show_private,omitempty"`
}

// FundRequest asks for the demonstration's funds: lode_fund. Where there is no
// wallet, Wallets of them are made first, of the words that all share.
type FundRequest struct {
	Wallets  int    `json:"wallets,omitempty"`
	Mnemonic string `json:"mnemonic,omitempty"`
}

// Funded is the reply of lode_fund.
type Funded struct {
	Funded  bool  `json:"funded"` // by this call; not when the chain had begun already
	Wallets int   `json:"wallets"`
	Height  int32 `json:"height"`
}

// WalletKeys is a wallet with what it takes to restore it. Replies that bear
// it are sent only to the caller who made the wallet or asked for its words.
type WalletKeys struct {
	Wallet
	Mnemonic    string `json:"mnemonic,omitempty"`
	AddressPath string `json:"address_path"` // path of Address
	PrivateKey  string `json:"private_key,omitempty"`
	WIF         string `json:"wif,omitempty"`
	// What it takes to restore the wallet besides.
	Fingerprint    string   `json:"fingerprint,omitempty"`     // of the master key, with the words' own passphrase
	BIP39          bool     `json:"bip39_passphrase"`          // the words have a passphrase of their own, and do not restore the wallet without
	RestoreGap     int      `json:"restore_gap,omitempty"`     // gap limit that a search needs, if it is above the common 20
	RestoreCommand string   `json:"restore_command,omitempty"` // that restores the wallet, but for Added
	Added          []string `json:"added,omitempty"`           // descriptors that words or key alone do not bring back
}

// RestoreWords asks for the wallets of a mnemonic: lode_restorewords.
type RestoreWords struct {
	Mnemonic        string `json:"mnemonic"`
	BIP39Passphrase string `json:"bip39_passphrase,omitempty"`
	Name            string `json:"name,omitempty"`
	Path            string `json:"path,omitempty"`       // one key at this path instead of a search, e.g. "m"
	Type            string `json:"type,omitempty"`       // goes with Path; or restricts the search
	Passphrase      string `json:"passphrase,omitempty"` // as in NewWallets
	Gap             int    `json:"gap,omitempty"`        // unused addresses in a row that end the search; 0 is 20
}

// Restored is the reply of lode_restorewords.
type Restored struct {
	Wallets []Wallet `json:"wallets"` // made now
	Already []Wallet `json:"already"` // were here before
	Gap     int      `json:"gap"`     // unused addresses in a row that ended the search; 0 for one key, which is not searched for
}

// ImportKey asks for a wallet of one private key: lode_importkey.
type ImportKey struct {
	Key        string `json:"key"` // WIF or 64 hex digits
	Name       string `json:"name,omitempty"`
	Type       string `json:"type,omitempty"`
	Passphrase string `json:"passphrase,omitempty"` // as in NewWallets
}

// ImportedKey is the reply of lode_importkey: the key's wallet, and whether it
// was here before.
type ImportedKey struct {
	Wallet
	Already   bool   `json:"already"`
	WatchedBy string `json:"watched_by,omitempty"` // wallet that watched its address before, and still only watches
}

// SendRequest asks for a payment: lode_preparesend only computes it, lode_send
// makes it. The same Key twice is one payment.
type SendRequest struct {
	From       string      `json:"from"`         // wallet: name, number or address
	To         string      `json:"to,omitempty"` // address, or a wallet's name or number
	Amount     Amount      `json:"amount,omitempty"`
	Max        bool        `json:"max,omitempty"`        // all that there is to To, instead of an amount
	Subtract   bool        `json:"subtract,omitempty"`   // the fee comes off what To gets
	Recipients []Recipient `json:"recipients,omitempty"` // beside To, or instead
	FeeRate    float64     `json:"fee_rate,omitempty"`   // sat/vB; 0 is the default
	SendOptions
	Key        string `json:"key,omitempty"`        // idempotency key, chosen by the caller
	Plan       string `json:"plan,omitempty"`       // of lode_send: pay this plan of lode_preparesend, or nothing
	Passphrase string `json:"passphrase,omitempty"` // as in NewWallets
}

// SendPlan is the reply of lode_preparesend and lode_send.
type SendPlan struct {
	From          string     `json:"from"` // as asked for
	FromName      string     `json:"from_name"`
	To            string     `json:"to"` // address of the first payment
	ToName        string     `json:"to_name,omitempty"`
	Amount        Amount     `json:"amount"`   // of all payments
	Payments      []Paid     `json:"payments"` // in the order in which they were asked for
	Fee           Amount     `json:"fee"`
	FeeRate       float64    `json:"fee_rate"` // sat/vB
	FeeReason     string     `json:"fee_reason"`
	VSize         int64      `json:"vsize"`
	Inputs        int        `json:"inputs"`
	Change        Amount     `json:"change"`
	ChangeAddress string     `json:"change_address,omitempty"`
	ChangeForeign bool       `json:"change_foreign,omitempty"` // that is none of the wallet's
	Data          string     `json:"data,omitempty"`           // hex, in an OP_RETURN output
	LockTime      *uint32    `json:"locktime,omitempty"`       // where one was asked for
	Remaining     Amount     `json:"remaining"`                // can be paid with afterwards, change included unless it is foreign
	Replaceable   bool       `json:"replaceable"`
	TxID          string     `json:"txid,omitempty"` // only when sent
	Plan          string     `json:"plan,omitempty"` // of lode_preparesend: for SendRequest.Plan
	Repeated      bool       `json:"repeated"`       // Key was known: this is the payment made then
	Explain       *SendStory `json:"explain,omitempty"`
}

// Event is one row of lode_events.
type Event struct {
	Seq    uint64 `json:"seq"`
	Kind   string `json:"kind"` // block, disconnected, tx, halving, backup, backup-failed, wallet, stopping
	Time   int64  `json:"time"`
	Height int32  `json:"height,omitempty"`
	Hash   string `json:"hash,omitempty"` // block hash or txid
	Txs    int    `json:"txs,omitempty"`
	Reward Amount `json:"reward,omitempty"`
	To     string `json:"to,omitempty"` // wallet name or address paid by the coinbase
	Text   string `json:"text"`         // the line a person reads
}

// EventsRequest long-polls lode_events: it returns at once when events after
// Since exist, else after Timeout seconds. A guest names itself here, and is
// listed in Status while its poll is open.
type EventsRequest struct {
	Since   *uint64 `json:"since,omitempty"`   // absent: only the present position
	Timeout float64 `json:"timeout,omitempty"` // seconds, at most 60
	PID     int     `json:"pid,omitempty"`
	Command string  `json:"command,omitempty"`
	Mine    bool    `json:"mine,omitempty"` // asks the host to mine by itself as the settings say
}

// Events is the reply of lode_events.
type Events struct {
	Next     uint64  `json:"next"` // the Since of the next call
	Missed   bool    `json:"missed"`
	Stopping bool    `json:"stopping"` // the chain is being stopped for all: do not take over
	Events   []Event `json:"events"`
}

// Job is long work that the host does for a caller: lode_import, lode_export,
// lode_verify and lode_restorebackup start one and reply with it; lode_job
// long-polls it; lode_canceljob ends it.
type Job struct {
	ID     string          `json:"id"`
	Kind   string          `json:"kind"`
	Done   int64           `json:"done"`
	Total  int64           `json:"total"` // 0 while unknown
	Unit   string          `json:"unit"`  // "blocks" or "bytes"
	Ended  bool            `json:"ended"`
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// ImportResult is the Result of an import or restore job.
type ImportResult struct {
	Read      int    `json:"read"`     // blocks in the file
	Accepted  int    `json:"accepted"` // new ones
	Known     int    `json:"known"`
	Skipped   int64  `json:"skipped_bytes"` // between the blocks, not part of any
	Height    int32  `json:"height"`
	BestBlock string `json:"best_block"`
}

// ExportResult is the Result of an export job.
type ExportResult struct {
	File      string `json:"file"`
	Blocks    int    `json:"blocks"`
	Size      int64  `json:"size"` // bytes of the file
	Height    int32  `json:"height"`
	BestBlock string `json:"best_block"`
}

// VerifyResult is the Result of a verify job.
type VerifyResult struct {
	Blocks    int    `json:"blocks"` // checked, genesis included
	Height    int32  `json:"height"`
	BestBlock string `json:"best_block"`
}

// Backup is one row of lode_backups.
type Backup struct {
	File       string `json:"file"` // absolute
	Network    string `json:"network"`
	FirstBlock int32  `json:"first_height"`
	Height     int32  `json:"height"` // of the tip it holds
	ForkHeight int32  `json:"fork_height"`
	Tip        string `json:"tip"`
	Previous   string `json:"previous"`
	Blocks     int    `json:"blocks"`
	Size       int64  `json:"size"` // bytes
	Created    int64  `json:"created"`
	Error      string `json:"error,omitempty"`
}
