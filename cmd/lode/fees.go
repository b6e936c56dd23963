package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
)

// feeTargets are the targets that fees shows.
var feeTargets = []int{1, 2, 3, 6, 12, 24, 144}

// feeJSON is one row of fees --json.
type feeJSON struct {
	Blocks  int     `json:"blocks"`
	FeeRate float64 `json:"fee_rate"` // sat/vB
	Reason  string  `json:"reason"`
}

func (p *program) feesCommand() *cobra.Command {
	var target int
	var conservative bool
	c := &cobra.Command{
		Use: "fees", Short: "Show what feerate gets a payment into the next blocks",
		Long: `Shows what feerate gets a payment into one of the next blocks, and why. It is
reckoned from what waits and from the last blocks, so there always is an answer.`,
		Example: "  lode fees\n  lode fees --target 2",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			targets := feeTargets
			if c.Flags().Changed("target") {
				if target < 1 || target > mempool.MaxTarget {
					return usagef("--target %d: 1 to %d blocks", target, mempool.MaxTarget)
				}
				targets = []int{target}
			}
			mode := "economical"
			if conservative {
				mode = "conservative"
			}
			return p.with(ctx, "fees", func(c *openChain) error {
				var rows []feeJSON
				for _, n := range targets {
					var e rpc.FeeEstimate
					if err := c.Call(ctx, "estimatesmartfee", &e, n, mode); err != nil {
						return err
					}
					rows = append(rows, feeJSON{e.Blocks, float64(e.FeeRate) / 1000, e.Reason})
				}
				if p.json {
					return p.printJSON(rows)
				}
				t := console.Table{Head: []string{"Within", "sat/vB", "Because"}, Right: []bool{false, true, false}, Shrink: []int{2}}
				for i, row := range rows {
					if i > 0 && rows[i-1].FeeRate == row.FeeRate {
						continue // more patience gains nothing here
					}
					t.Rows = append(t.Rows, []string{console.Count(row.Blocks, "block"), strconv.FormatFloat(row.FeeRate, 'f', -1, 64), row.Reason})
				}
				p.screen.Table(t)
				return nil
			})
		},
	}
	c.Flags().IntVar(&target, "target", 0, fmt.Sprintf("only for this many blocks, 1 to %d", mempool.MaxTarget))
	c.Flags().BoolVar(&conservative, "conservative", false, "as if the next blocks were as the fullest of the last ones")
	return c
}
