package console

import (
	"context"
	"errors"
)

// Teller answers what the wallets' screens ask and does what they are told. All
// texts in and out are as a person types and reads them; what they mean is the
// Teller's business. Its calls may take a while: the screens run them beside
// themselves, at most one of each kind at a time that still matters.
//
// Errors are sentences for the person. ErrLocked asks for a passphrase,
// ErrPassphrase for another one, and an *InputError names the field it is about.
type Teller interface {
	// Wallets lists the wallets, those left out that are archived.
	Wallets(ctx context.Context) ([]WalletRow, error)
	// Wallet returns one of them.
	Wallet(ctx context.Context, number int) (WalletRow, error)
	// Details tells about a wallet, as pairs of a label and a value.
	Details(ctx context.Context, number int) ([][2]string, error)
	// Quote computes a payment and makes none.
	Quote(ctx context.Context, o Order) (Quote, error)
	// Pay makes a payment. The same Order.Key twice is one payment.
	Pay(ctx context.Context, o Order, passphrase string) (Paid, error)
	// NewKey returns a key that no order has had.
	NewKey() string
	// Receive returns an address to be paid at; fresh asks for one never shown.
	Receive(ctx context.Context, number int, fresh bool) (Place, error)
	// URI is what a payment link to an address says (BIP21).
	URI(address, amount, label string) (string, error)
	// Label remembers a text of an address.
	Label(ctx context.Context, number int, address, text string) error
	// History returns a page of payments, the newest first.
	History(ctx context.Context, number, skip, limit int) (Past, error)
	// Rename gives a wallet another name.
	Rename(ctx context.Context, number int, name string) error
	// Words returns what brings a wallet back.
	Words(ctx context.Context, number int, passphrase string) (Recovery, error)
}

// What a Teller asks for.
var (
	ErrLocked     = errors.New("the wallets are locked")
	ErrPassphrase = errors.New("that is not the passphrase")
)

// The fields of an Order, for InputError.
const (
	FieldTo     = "to"
	FieldAmount = "amount"
	FieldRate   = "rate"
)

// InputError is what is wrong with one field.
type InputError struct{ Field, Text string }

// Error implements error.
func (e *InputError) Error() string { return e.Text }

// ChangedError says how a payment differs from what was shown. Nothing was paid.
type ChangedError struct{ Text string }

// Error implements error.
func (e *ChangedError) Error() string { return e.Text }

// WalletRow is a wallet as the list shows it.
type WalletRow struct {
	Number  int
	Name    string
	Kind    string // of its addresses
	Address string
	// Sums.
	Spendable, Immature, Pending string
	Keys                         Keys
}

// Keys says who can use the keys of a wallet.
type Keys int

// Who can use the keys of a wallet.
const (
	NoKeys     Keys = iota // nobody: it is only watched
	SealedKeys             // who knows the passphrase
	PlainKeys              // who can read the folder
	PublicKeys             // everybody: they are the demonstration's
)

// KeysNote is a sentence about wallets whose keys are under no passphrase, or
// empty where there are none: how many can be read by whoever reads the folder,
// and how many everybody has. Where sealed is set the folder has a passphrase.
func KeysNote(plain, public int, sealed bool) string {
	if plain == 0 && public > 0 {
		return "These words are published: everybody has these keys. For experiments only."
	}
	if plain == 0 {
		return ""
	}
	text := "1 wallet is plain: whoever can read the folder can read its words"
	if plain > 1 {
		text = Thousands(int64(plain)) + " wallets are plain: whoever can read the folder can read their words"
	}
	if sealed {
		return text + ". To seal one: lode wallet passphrase adopt WALLET"
	}
	return text + ". Set a passphrase: lode wallet passphrase set"
}

// keysNote is KeysNote of the wallets in a list.
func keysNote(rows []WalletRow) string {
	n := make(map[Keys]int)
	for _, w := range rows {
		n[w.Keys]++
	}
	return KeysNote(n[PlainKeys], n[PublicKeys], n[SealedKeys] > 0)
}

// Order is a payment as it was typed.
type Order struct {
	From   int    // number of the wallet
	To     string // a name, a number, an address or a payment link
	Amount string // "max" for all there is
	Rate   string // sat/vB, or blocks to wait; empty is the node's choice
	Key    string
	Plan   string // the Quote that it was shown as; Pay makes that or returns a *ChangedError
}

// Quote is what a payment would be. All of it is ready to be shown.
type Quote struct {
	To, Amount, Fee, Change, Remains, Note string
	Rate                                   string // why the fee rate is what it is
	More                                   [][2]string
	Plan                                   string // for Order.Plan
	// Typed are the fields as a payment link set them, else empty.
	TypedTo, TypedAmount string
}

// Paid is a payment that was made.
type Paid struct {
	TxID string
	Next string // when it will be confirmed, in words
}

// Place is an address to be paid at.
type Place struct{ Address, Label string }

// Past is a page of payments.
type Past struct {
	Total   int
	Balance string
	Rows    []PastRow
}

// PastRow is one payment.
type PastRow struct {
	When, Direction, With, Amount, Fee, Balance, Confirmations string
	TxID, Address, Label, Note                                 string
}

// Recovery is what brings a wallet back: words, or for those that have none a
// note that says what else.
type Recovery struct {
	Words []string
	Path  string
	Note  string
}
