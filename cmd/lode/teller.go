package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// teller is what stands behind the wallets' screens: their texts become calls,
// and replies become texts.
type teller struct {
	p *program
	c *openChain

	// base is what each payment has beside what is typed, and passphraseFile is
	// tried before a passphrase is asked for.
	base           rpc.SendRequest
	passphraseFile string
	sent           rpc.SendPlan // the last payment that was made
	unlocked       string       // passphrase for the next quote
}

// newKey returns a key under which a payment is made once.
func newKey() string {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return hex.EncodeToString(key[:])
}

// NewKey implements console.Teller.
func (t *teller) NewKey() string { return newKey() }

// told turns an error into what a screen knows, or into the sentence that the
// command line would print.
func (t *teller) told(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rpc.CodeUnlockNeeded.New("")):
		return console.ErrLocked
	case errors.Is(err, rpc.CodePassphrase.New("")):
		return console.ErrPassphrase
	case errors.Is(err, rpc.CodePlanChanged.New("")):
		return &console.ChangedError{Text: capital(oneLine(err)) + ". This is how it is now."}
	}
	return errors.New(capital(t.p.explain(ctx, err)))
}

func walletRow(w rpc.Wallet) console.WalletRow {
	return console.WalletRow{
		Number: w.Number, Name: w.Name, Kind: kindText(w), Address: w.Address,
		Spendable: w.Spendable.String(), Immature: w.Immature.String(), Pending: w.Pending.String(),
		Keys: keysOf(w),
	}
}

// keysOf says who can use a wallet's keys.
func keysOf(w rpc.Wallet) console.Keys {
	switch {
	case !w.Plain && w.Encrypted:
		return console.SealedKeys
	case !w.Plain:
		return console.NoKeys
	case w.Published:
		return console.PublicKeys
	}
	return console.PlainKeys
}

// kindText is what sort of wallet it is, in a few words.
func kindText(w rpc.Wallet) string {
	text := w.Type
	if w.Multisig != "" {
		text += " · " + w.Multisig
	}
	if w.WatchOnly {
		text += " · only watched"
	}
	if w.Scanning {
		text += " · still searching"
	}
	return text
}

// Wallets implements console.Teller.
func (t *teller) Wallets(ctx context.Context) ([]console.WalletRow, error) {
	wallets, err := t.c.ListWallets(ctx)
	if err != nil {
		return nil, t.told(ctx, err)
	}
	rows := make([]console.WalletRow, len(wallets))
	for i, w := range wallets {
		rows[i] = walletRow(w)
	}
	return rows, nil
}

// Wallet implements console.Teller.
func (t *teller) Wallet(ctx context.Context, number int) (console.WalletRow, error) {
	w, err := t.c.FindWallet(ctx, strconv.Itoa(number))
	return walletRow(w), t.told(ctx, err)
}

// Details implements console.Teller.
func (t *teller) Details(ctx context.Context, number int) ([][2]string, error) {
	w, err := t.c.FindWallet(ctx, strconv.Itoa(number))
	if err != nil {
		return nil, t.told(ctx, err)
	}
	secured := "under the passphrase"
	switch {
	case w.WatchOnly:
		secured = "none here: it only watches"
	case w.Foreign:
		secured = "under another passphrase than the other wallets"
	case !w.Encrypted:
		secured = "no passphrase: whoever reads this folder has its keys"
	}
	searching := ""
	if w.Scanning {
		searching = "its coins are still being looked for: the sums may lack some"
	}
	return [][2]string{
		{"Number", strconv.Itoa(w.Number)},
		{"Type", w.Type},
		{"Multisig", w.Multisig},
		{"From", sourceText(w)},
		{"Secrets", secured},
		{"Account", w.Path},
		{"Public key", w.PublicKey},
		{"Address", w.Address},
		{"Coins", console.Thousands(int64(w.Coins))},
		{"Since height", console.Thousands(int64(w.Birth))},
		{"Note", searching},
	}, nil
}

func sourceText(w rpc.Wallet) string {
	switch w.Source {
	case "key":
		return "an imported key: no words bring it back"
	case "words":
		return "words"
	}
	return w.Source
}

// Receive implements console.Teller.
func (t *teller) Receive(ctx context.Context, number int, fresh bool) (console.Place, error) {
	r, err := t.c.Receive(ctx, rpc.ReceiveRequest{Wallet: strconv.Itoa(number), New: fresh})
	return console.Place{Address: r.Address, Label: r.Label}, t.told(ctx, err)
}

// URI implements console.Teller.
func (t *teller) URI(address, amount, label string) (string, error) {
	u := paymentURI{Address: address, Label: label}
	var err error
	if amount != "" {
		if u.Amount, err = parsePayment(amount); err != nil {
			return "", err
		}
	}
	return u.String(), nil
}

// Label implements console.Teller.
func (t *teller) Label(ctx context.Context, number int, address, text string) error {
	return t.told(ctx, t.c.Label(ctx, rpc.LabelRequest{Wallet: strconv.Itoa(number), Address: address, Label: text}))
}

// Rename implements console.Teller.
func (t *teller) Rename(ctx context.Context, number int, name string) error {
	_, err := t.c.RenameWallet(ctx, strconv.Itoa(number), name)
	return t.told(ctx, err)
}

// Words implements console.Teller.
func (t *teller) Words(ctx context.Context, number int, passphrase string) (console.Recovery, error) {
	w, err := t.c.WalletKeys(ctx, rpc.WalletRequest{Wallet: strconv.Itoa(number), Passphrase: passphrase})
	if err != nil {
		return console.Recovery{}, t.told(ctx, err)
	}
	r := console.Recovery{Words: strings.Fields(w.Mnemonic), Path: w.Path}
	if len(r.Words) == 0 {
		r.Note = "This wallet has no words. lode wallet show --show-private shows its key, lode wallet backup keeps all of it."
	}
	return r, nil
}

// History implements console.Teller.
func (t *teller) History(ctx context.Context, number, skip, limit int) (console.Past, error) {
	h, err := t.c.History(ctx, rpc.HistoryRequest{Wallet: strconv.Itoa(number), Skip: skip, Limit: limit})
	if err != nil {
		return console.Past{}, t.told(ctx, err)
	}
	past := console.Past{Total: h.Total, Balance: h.Balance.String()}
	for _, e := range h.Entries {
		past.Rows = append(past.Rows, historyRow(e))
	}
	return past, nil
}

// stateNotes tell what became of payments that are neither in a block nor in the
// mempool.
var stateNotes = map[string]string{
	rpc.StateLost:       "left the mempool; sent again after each block, and its coins are kept for it",
	rpc.StateAbandoned:  "given up",
	rpc.StateConflicted: "another payment has spent its coins",
}

// historyRow is an entry as tables and screens show it.
func historyRow(e rpc.HistoryEntry) console.PastRow {
	row := console.PastRow{
		Direction: e.Direction, With: e.With, Amount: e.Amount.String(), Balance: e.Balance.String(),
		Confirmations: console.Thousands(int64(e.Confirmations)), TxID: e.TxID, Address: e.Address, Label: e.Label,
	}
	if e.Time != 0 {
		row.When = time.Unix(e.Time, 0).Format("2006-01-02 15:04")
	}
	if e.Fee != nil {
		row.Fee = e.Fee.String()
	}
	if e.Direction == rpc.DirectionMined {
		row.With = "block " + console.Thousands(int64(e.Height))
	}
	if e.Others > 0 && e.Direction == rpc.DirectionOut {
		row.With += fmt.Sprintf(" and %s more", console.Thousands(int64(e.Others)))
	}
	switch {
	case e.State != "":
		row.Confirmations, row.Note = e.State, stateNotes[e.State]
	case e.Immature > 0:
		row.Note = console.Count(e.Immature, "block") + " until it can be spent"
	case e.Confirmations == 0:
		row.Note = "waits for a block"
	}
	return row
}
