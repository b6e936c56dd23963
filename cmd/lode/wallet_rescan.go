package main

import (
	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// gapHelp is what --gap says.
const gapHelp = "unused addresses in a row that end the search (default 20)"

func (p *program) walletRescanCommand() *cobra.Command {
	var r rpc.RescanRequest
	c := &cobra.Command{
		Use: "rescan [WALLET]", Short: "Search the chain once more for a wallet's coins",
		Long: `Searches the chain once more for the coins of a wallet: where it was used
elsewhere so far on that the usual search ended too early, give a larger --gap.
The wallet can be used meanwhile. Ctrl-C ends the search; what was there stays.`,
		Example: "  lode wallet rescan Wallet1 --gap 200",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case c.Flags().Changed("gap") && r.Gap < 1:
				return usagef("--gap %d: at least 1", r.Gap)
			case r.From < 0:
				return usagef("--from %d: heights begin with 0", r.From)
			}
			if len(args) > 0 {
				r.Wallet = args[0]
			}
			ctx := c.Context()
			return p.with(ctx, "wallet rescan", func(c *openChain) error {
				var found rpc.Rescanned
				if err := p.job(ctx, c, "Searching", "lode_rescan", r, &found); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(found)
				}
				p.walletTable(found.Wallets, true)
				p.screen.Printf("Searched the blocks %s to %s.\n", console.Thousands(int64(found.From)), console.Thousands(int64(found.Height)))
				return nil
			})
		},
	}
	c.Flags().Int32Var(&r.From, "from", 0, "height of the first block to search")
	c.Flags().IntVar(&r.Gap, "gap", 0, gapHelp)
	return c
}
