package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// history are the flags of history.
type history struct {
	limit, page int
}

func (p *program) historyCommand() *cobra.Command {
	f := history{limit: 20, page: 1}
	c := &cobra.Command{
		Use: "history [WALLET]", Short: "Show what a wallet paid and was paid",
		Long: `Shows what a wallet paid and was paid, the newest first: confirmations, the
other side, the amount by which the wallet's balance changed, the fee where it
paid one, and the balance after it. 0 confirmations: it waits for a block.`,
		Example: "  lode history Wallet1\n  lode history Wallet1 --limit 50 --page 2\n  lode history 1 --json",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.limit < 1 || f.limit > rpc.MaxHistory:
				return usagef("--limit %d: 1 to %s payments a page", f.limit, console.Thousands(rpc.MaxHistory))
			case f.page < 1 || f.page > 1_000_000:
				return usagef("--page %d: pages begin with 1", f.page)
			}
			return p.runHistory(c.Context(), f, first(args))
		},
	}
	c.Flags().IntVar(&f.limit, "limit", f.limit, "payments a page")
	c.Flags().IntVar(&f.page, "page", f.page, "which page; 1 is the newest")
	return c
}

func (p *program) runHistory(ctx context.Context, f history, which string) error {
	return p.with(ctx, "history", func(c *openChain) error {
		w, err := p.chooseWallet(ctx, c, "History of", "lode history WALLET", which)
		if err != nil {
			return err
		}
		h, err := c.History(ctx, rpc.HistoryRequest{Wallet: numbered(w), Limit: f.limit, Skip: (f.page - 1) * f.limit})
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(h)
		}
		p.showHistory(f, w, h)
		return nil
	})
}

func (p *program) showHistory(f history, w rpc.Wallet, h rpc.History) {
	pages := (h.Total + f.limit - 1) / f.limit
	switch {
	case h.Total == 0:
		p.screen.Printf("Nothing was paid to %s yet. It receives at %s.\n", console.Clean(h.Wallet), w.Address)
		return
	case len(h.Entries) == 0:
		p.screen.Printf("There are %s only.\n", console.Count(pages, "page"))
		return
	}
	t := console.Table{
		Head:  []string{"Conf", "When", "", "With", "Amount", "Fee", "Balance"},
		Right: []bool{true, false, false, false, true, true, true}, Shrink: []int{3},
		Drop: []int{5, 0, 3},
	}
	for _, e := range h.Entries {
		r := historyRow(e)
		with := console.Clean(r.With)
		if r.Label != "" {
			with += " (" + console.Clean(r.Label) + ")"
		}
		t.Rows = append(t.Rows, []string{r.Confirmations, r.When, r.Direction, with, r.Amount, r.Fee, r.Balance})
	}
	p.screen.Table(t)
	if pages > 1 {
		text := fmt.Sprintf("Page %s of %s", console.Thousands(int64(f.page)), console.Thousands(int64(pages)))
		if f.page < pages {
			text += fmt.Sprintf("; --page %d has older ones", f.page+1)
		}
		p.screen.Printf("%s.\n", text)
	}
}
