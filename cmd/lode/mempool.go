package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/console"
)

// poolEntry is what mempool shows of getrawmempool's reply.
type poolEntry struct {
	TxID  string `json:"txid"`
	VSize int64  `json:"vsize"`
	Time  int64  `json:"time"`
	Fees  struct {
		Base consensus.Amount `json:"base"`
	} `json:"fees"`
	Depends []string `json:"depends"`
}

// mempoolJSON is one row of mempool --json.
type mempoolJSON struct {
	TxID    string           `json:"txid"`
	VSize   int64            `json:"vsize"`
	Fee     consensus.Amount `json:"fee"`
	FeeRate float64          `json:"fee_rate"` // sat/vB
	Time    int64            `json:"time"`
	Depends []string         `json:"depends"`
}

func (p *program) mempoolCommand() *cobra.Command {
	return &cobra.Command{
		Use: "mempool", Short: "Show the transactions that wait for a block",
		Long:    "Shows the transactions that wait for a block, the oldest first.",
		Example: "  lode mempool",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.with(ctx, "mempool", func(c *openChain) error {
				var entries map[string]poolEntry
				if err := c.Call(ctx, "getrawmempool", &entries, true); err != nil {
					return err
				}
				rows := poolRows(entries)
				if p.json {
					return p.printJSON(rows)
				}
				if len(rows) == 0 {
					p.screen.Printf("No transaction waits.\n")
					return nil
				}
				t := console.Table{
					Head:   []string{"Transaction", "Waiting", "vB", "Fee", "sat/vB", "Depends on"},
					Right:  []bool{false, true, true, true, true, true},
					Shrink: []int{0},
				}
				for _, row := range rows {
					t.Rows = append(t.Rows, []string{
						row.TxID, console.Duration(p.now().Sub(time.Unix(row.Time, 0))), console.Thousands(row.VSize),
						row.Fee.String(), fmt.Sprintf("%.1f", row.FeeRate), strconv.Itoa(len(row.Depends)),
					})
				}
				p.screen.Table(t)
				p.screen.Printf("%s. %s\n", console.Count(len(rows), "transaction waits", "transactions wait"), "lode mine makes a block now.")
				return nil
			})
		},
	}
}

// poolRows orders entries by time, then txid.
func poolRows(entries map[string]poolEntry) []mempoolJSON {
	rows := make([]mempoolJSON, 0, len(entries))
	for _, txid := range slices.Sorted(maps.Keys(entries)) {
		e := entries[txid]
		row := mempoolJSON{TxID: txid, VSize: e.VSize, Fee: e.Fees.Base, Time: e.Time, Depends: e.Depends}
		if row.Depends == nil {
			row.Depends = []string{}
		}
		if e.VSize > 0 {
			row.FeeRate = float64(e.Fees.Base) / float64(e.VSize)
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b mempoolJSON) int { return int(a.Time - b.Time) })
	return rows
}
