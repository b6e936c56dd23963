package main

import (
	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/rpc"
)

// balanceJSON is one row of balance --json.
type balanceJSON struct {
	Number    int        `json:"number"`
	Name      string     `json:"name"`
	Address   string     `json:"address"`
	Spendable rpc.Amount `json:"spendable"`
	Immature  rpc.Amount `json:"immature"`
	Pending   rpc.Amount `json:"pending"`
}

func (p *program) balanceCommand() *cobra.Command {
	return &cobra.Command{
		Use: "balance [WALLET]", Short: "Show what the wallets have",
		Long: `Shows what all wallets have, or one. Spendable can be paid with now. Immature
was mined and waits for its confirmations. Pending was paid by others and is
not in a block yet.`,
		Example: "  lode balance\n  lode balance Wallet1",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return p.with(ctx, "balance", func(c *openChain) error {
				wallets, err := c.ListWallets(ctx)
				if len(args) > 0 {
					var w rpc.Wallet
					w, err = c.FindWallet(ctx, args[0])
					wallets = []rpc.Wallet{w}
				}
				if err != nil {
					return err
				}
				if p.json {
					rows := make([]balanceJSON, len(wallets))
					for i, w := range wallets {
						rows[i] = balanceJSON{w.Number, w.Name, w.Address, w.Spendable, w.Immature, w.Pending}
					}
					return p.printJSON(rows)
				}
				if len(wallets) == 0 {
					p.screen.Printf("%s\n", capital(errNoWallet.Error()))
					return nil
				}
				p.walletTable(wallets, true)
				return nil
			})
		},
	}
}
