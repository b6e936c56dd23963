package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// balanceJSON is one row of balance --json.
type balanceJSON struct {
	Number     int        `json:"number"`
	Name       string     `json:"name"`
	Address    string     `json:"address"`
	Spendable  rpc.Amount `json:"spendable"`
	Locked     rpc.Amount `json:"locked,omitempty"`
	TimeLocked rpc.Amount `json:"time_locked,omitempty"`
	Reused     rpc.Amount `json:"reused,omitempty"`
	Immature   rpc.Amount `json:"immature"`
	Pending    rpc.Amount `json:"pending"`
}

func (p *program) balanceCommand() *cobra.Command {
	return &cobra.Command{
		Use: "balance [WALLET]", Short: "Show what the wallets have",
		Long: `Shows what all wallets have, or one. Spendable can be paid with now. Immature
was mined and waits for its confirmations. Pending was paid by others and is
not in a block yet. Coins that are locked are in none of these; a line says what
they hold. Archived wallets are not in the list; a line says what they
have.`,
		Example: "  lode balance\n  lode balance Wallet1",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return p.with(ctx, "balance", func(c *openChain) error {
				wallets, hidden, err := balances(ctx, c, args)
				if err != nil {
					return err
				}
				if p.json {
					rows := make([]balanceJSON, len(wallets))
					for i, w := range wallets {
						rows[i] = balanceJSON{w.Number, w.Name, w.Address, w.Spendable, w.Locked, w.TimeLocked, w.Reused, w.Immature, w.Pending}
					}
					return p.printJSON(rows)
				}
				switch {
				case len(wallets) > 0:
					p.walletTable(wallets, true)
				case len(hidden) == 0:
					p.screen.Printf("%s\n", capital(noWallet(ctx, c).Error()))
				}
				p.showApart(wallets)
				p.showHidden(hidden)
				return nil
			})
		},
	}
}

// balances returns the wallet that is named, or all of them, the archived ones
// apart.
func balances(ctx context.Context, c *openChain, args []string) (wallets, hidden []rpc.Wallet, err error) {
	if len(args) > 0 {
		w, err := c.FindWallet(ctx, args[0])
		return []rpc.Wallet{w}, nil, err
	}
	all, err := c.ListAllWallets(ctx)
	wallets = make([]rpc.Wallet, 0, len(all))
	for _, w := range all {
		if w.Archived {
			hidden = append(hidden, w)
		} else {
			wallets = append(wallets, w)
		}
	}
	return wallets, hidden, err
}

// showApart says what wallets have beside: coins that a payment leaves alone.
func (p *program) showApart(wallets []rpc.Wallet) {
	for _, w := range wallets {
		var parts []string
		for _, part := range []struct {
			sum  rpc.Amount
			what string
		}{{w.Locked, "locked by hand"}, {w.TimeLocked, "time-locked"}, {w.Reused, "at addresses that were spent from"}} {
			if part.sum > 0 {
				parts = append(parts, part.sum.String()+" "+part.what)
			}
		}
		if len(parts) > 0 {
			p.screen.Printf("%s has beside %s (lode wallet coins %d).\n", console.Clean(w.Name), console.List(parts), w.Number)
		}
	}
}

// showHidden says what the sums of a list leave out.
func (p *program) showHidden(hidden []rpc.Wallet) {
	if len(hidden) == 0 {
		return
	}
	var spendable, immature, pending rpc.Amount
	for _, w := range hidden {
		spendable, immature, pending = spendable+w.Spendable, immature+w.Immature, pending+w.Pending
	}
	p.screen.Printf("Left out: %s with %s spendable, %s immature, %s pending (lode wallet list --all).\n",
		console.Count(len(hidden), "archived wallet"), spendable, immature, pending)
}
