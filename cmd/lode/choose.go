package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// errNoWallet is the answer wherever a wallet is needed and none is there.
var errNoWallet = errors.New("no wallet here: lode wallet new")

// namedChoices is how many wallets an error names. Policy.
const namedChoices = 5

// noWallet is errNoWallet, unless wallets are there that cannot be read.
func noWallet(ctx context.Context, c *openChain) error {
	_, err := c.FindWallet(ctx, "")
	s, statusErr := c.Status(ctx)
	if err != nil && statusErr == nil && len(s.Damaged) > 0 {
		return err
	}
	return errNoWallet
}

// noteDamaged tells of wallets that cannot be read, before what is shown without
// them.
func (p *program) noteDamaged(s rpc.Status) {
	for i, text := range s.Damaged {
		if i == namedChoices {
			p.screen.Notef("lode: … and %s more\n", console.Thousands(int64(len(s.Damaged)-i)))
			break
		}
		p.screen.Notef("lode: a wallet cannot be read: %s\n", console.Clean(text))
	}
	for i, text := range s.Mended {
		if i == namedChoices {
			break
		}
		p.screen.Notef("lode: %s\n", console.Clean(text))
	}
	if len(s.Damaged) > 0 {
		p.screen.Notef("lode: put back a copy of the file, or bring the wallet back from its words: lode wallet restore\n")
	}
}

// chooseWallet returns the wallet that the person means. With given it is that
// one; a wallet that is alone needs no choice; on a terminal a list opens; else
// the error names the choices and the flag.
func (p *program) chooseWallet(ctx context.Context, c *openChain, title, flag, given string) (rpc.Wallet, error) {
	if given != "" {
		return c.FindWallet(ctx, given)
	}
	wallets, err := c.ListWallets(ctx)
	if err != nil {
		return rpc.Wallet{}, err
	}
	switch len(wallets) {
	case 0:
		return rpc.Wallet{}, noWallet(ctx, c)
	case 1:
		return wallets[0], nil
	}
	pick := walletPick(title, wallets, "")
	pick.Note = keysNote(wallets)
	w, _, err := p.pickWallet(ctx, wallets, flag, pick)
	return w, err
}

// chooseOne is chooseWallet for what should not happen to a wallet because it is
// alone: it has to be chosen.
func (p *program) chooseOne(ctx context.Context, c *openChain, title, flag string) (rpc.Wallet, error) {
	wallets, err := c.ListWallets(ctx)
	if err != nil {
		return rpc.Wallet{}, err
	}
	if len(wallets) == 0 {
		return rpc.Wallet{}, noWallet(ctx, c)
	}
	w, _, err := p.pickWallet(ctx, wallets, flag, walletPick(title, wallets, ""))
	return w, err
}

// keysNote tells of those among wallets whose keys are under no passphrase.
func keysNote(wallets []rpc.Wallet) string {
	n := make(map[console.Keys]int)
	for _, w := range wallets {
		n[keysOf(w)]++
	}
	return console.KeysNote(n[console.PlainKeys], n[console.PublicKeys], n[console.SealedKeys] > 0)
}

// choosePayee returns the address to be paid: that of a wallet from a list,
// which marks the sender, or one that the person types.
func (p *program) choosePayee(ctx context.Context, c *openChain, sender string) (string, error) {
	wallets, err := c.ListWallets(ctx)
	if err != nil {
		return "", err
	}
	pick := walletPick("To", wallets, sender)
	pick.Other = func(text string) (hint string, ok bool) {
		_, err := address.Decode(text, c.params)
		switch {
		case err == nil:
			return "Enter pays this address", true
		case len(text) >= shortestAddress:
			return capital(oneLine(err)), false
		}
		return "", false
	}
	w, typed, err := p.pickWallet(ctx, wallets, "--to (or an address)", pick)
	return cmp.Or(typed, w.Address), err
}

// shortestAddress is how many characters a typed text must have for the person
// to be told what is wrong with it as an address. Policy.
const shortestAddress = 20

// pickWallet opens a list. The text is what was typed instead of a wallet.
func (p *program) pickWallet(ctx context.Context, wallets []rpc.Wallet, flag string, pick console.Pick) (w rpc.Wallet, text string, err error) {
	switch {
	case len(wallets) == 0:
		return w, "", errNoWallet
	case !p.canAsk():
		return w, "", missingChoice(wallets, flag)
	}
	picked, err := p.screen.Pick(ctx, pick)
	if err != nil {
		return w, "", err
	}
	if picked.Row < 0 {
		p.screen.Notef("%s %s\n", pick.Title, console.Clean(picked.Text))
		return w, picked.Text, nil
	}
	w = wallets[picked.Row]
	p.screen.Notef("%s %s\n", pick.Title, console.Clean(w.Name))
	return w, "", nil
}

// missingChoice is the error of a choice that nobody can be asked for.
func missingChoice(wallets []rpc.Wallet, flag string) error {
	var names []string
	for i, w := range wallets {
		if i == namedChoices {
			names = append(names, fmt.Sprintf("%s more", console.Thousands(int64(len(wallets)-i))))
			break
		}
		names = append(names, fmt.Sprintf("%d %s", w.Number, w.Name))
	}
	return usagef("which wallet? say it with %s: %s", flag, console.List(names))
}

// walletPick is the list to choose a wallet from. It marks the wallet of the
// name in sender.
func walletPick(title string, wallets []rpc.Wallet, sender string) console.Pick {
	pick := console.Pick{
		Title:   title,
		Head:    []string{"#", "Name", "Spendable", "Immature", "Pending", "Address"},
		Right:   []bool{true, false, true, true, true, false},
		Shrink:  []int{1, 5},
		Choices: make([]console.Choice, len(wallets)),
	}
	for i, w := range wallets {
		name := console.Clean(w.Name)
		if w.Name == sender {
			name += " (sender)"
		}
		pick.Choices[i] = console.Choice{
			Number: w.Number, Name: w.Name, Key: w.Address,
			Cells: []string{
				strconv.Itoa(w.Number), name, w.Spendable.String(),
				w.Immature.String(), w.Pending.String(), w.Address,
			},
		}
	}
	return pick
}

// walletTable shows wallets with their balances, and the sums under them.
func (p *program) walletTable(wallets []rpc.Wallet, sums bool) {
	t := console.Table{
		Head:   []string{"#", "Name", "Type", "Address", "Spendable", "Immature", "Pending"},
		Right:  []bool{true, false, false, false, true, true, true},
		Shrink: []int{3, 1},
		Drop:   []int{2, 3},
	}
	var spendable, immature, pending rpc.Amount
	for _, w := range wallets {
		name := console.Clean(w.Name)
		t.Rows = append(t.Rows, []string{
			strconv.Itoa(w.Number), name, walletKind(w), w.Address,
			w.Spendable.String(), w.Immature.String(), w.Pending.String(),
		})
		spendable, immature, pending = spendable+w.Spendable, immature+w.Immature, pending+w.Pending
	}
	if sums && len(wallets) > 1 {
		t.Foot = []string{"", "all", "", "", spendable.String(), immature.String(), pending.String()}
	}
	p.screen.Table(t)
	searched := 0
	for _, w := range wallets {
		if w.Scanning {
			searched++
		}
	}
	if searched > 0 {
		p.screen.Printf("%s still being searched for on the chain: there may be more.\n",
			console.Count(searched, "wallet's coins are", "wallets' coins are"))
	}
}

// walletKind says in a word or two what a wallet is.
func walletKind(w rpc.Wallet) string {
	kind := w.Type
	if w.Multisig != "" {
		kind = w.Multisig
	}
	if w.WatchOnly {
		kind += ", watched"
	}
	return kind
}
