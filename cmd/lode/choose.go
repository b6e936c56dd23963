package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// errNoWallet is the answer wherever a wallet is needed and none is there.
var errNoWallet = errors.New("no wallet here: lode wallet new")

// namedChoices is how many wallets an error names. Policy.
const namedChoices = 5

// chooseWallet returns the wallet that the person means. With given it is that
// one; a wallet that is alone needs no choice; on a terminal a list opens; else
// the error names the choices and the flag.
//
// The list marks the wallet of the name in sender.
func (p *program) chooseWallet(ctx context.Context, c *openChain, title, flag, given, sender string) (rpc.Wallet, error) {
	if given != "" {
		return c.FindWallet(ctx, given)
	}
	wallets, err := c.ListWallets(ctx)
	if err != nil {
		return rpc.Wallet{}, err
	}
	switch {
	case len(wallets) == 0:
		return rpc.Wallet{}, errNoWallet
	case len(wallets) == 1 && sender == "":
		return wallets[0], nil
	case !p.canAsk():
		return rpc.Wallet{}, missingChoice(wallets, flag)
	}
	i, err := p.screen.Pick(ctx, walletPick(title, wallets, sender))
	if err != nil {
		return rpc.Wallet{}, err
	}
	p.screen.Notef("%s %s\n", title, console.Clean(wallets[i].Name))
	return wallets[i], nil
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

// walletPick is the list to choose a wallet from.
func walletPick(title string, wallets []rpc.Wallet, sender string) console.Pick {
	pick := console.Pick{
		Title:   title,
		Head:    []string{"#", "Name", "Spendable", "Immature", "Pending", "Address"},
		Right:   []bool{true, false, true, true, true, false},
		Choices: make([]console.Choice, len(wallets)),
	}
	for i, w := range wallets {
		mark := ""
		if w.Name == sender {
			mark = "sender"
		}
		pick.Choices[i] = console.Choice{
			Number: w.Number,
			Cells: []string{
				strconv.Itoa(w.Number), console.Clean(w.Name), w.Spendable.String(),
				w.Immature.String(), w.Pending.String(), console.Short(w.Address, 20),
			},
			Search: w.Name + " " + w.Address,
			Mark:   mark,
		}
	}
	return pick
}

// walletTable shows wallets with their balances, and the sums under them.
func (p *program) walletTable(wallets []rpc.Wallet, sums bool) {
	t := console.Table{
		Head:  []string{"#", "Name", "Type", "Address", "Spendable", "Immature", "Pending"},
		Right: []bool{true, false, false, false, true, true, true},
	}
	var spendable, immature, pending rpc.Amount
	for _, w := range wallets {
		name := console.Clean(w.Name)
		t.Rows = append(t.Rows, []string{
			strconv.Itoa(w.Number), name, w.Type, w.Address,
			w.Spendable.String(), w.Immature.String(), w.Pending.String(),
		})
		spendable, immature, pending = spendable+w.Spendable, immature+w.Immature, pending+w.Pending
	}
	if sums && len(wallets) > 1 {
		t.Foot = []string{"", "all", "", "", spendable.String(), immature.String(), pending.String()}
	}
	p.screen.Table(t)
}
