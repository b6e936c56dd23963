package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// maxMine is how many blocks one call mines. Policy.
const maxMine = 1_000_000

// mineStep is how many blocks are asked for at once, so that progress is seen
// and Ctrl-C keeps what is mined.
const mineStep = 10_000

func (p *program) mineCommand() *cobra.Command {
	var to string
	var explain bool
	c := &cobra.Command{
		Use: "mine [N]", Short: "Mine N blocks now (default 1)",
		Long: `Mines blocks now, one after the other, paid to the default wallet or to --to.
What a block pays can be spent after the network's maturity. --explain tells of
the last one how its header, its hash and the target go together, with the real
values.`,
		Example: "  lode mine\n  lode mine 5 --to Wallet2\n  lode mine --explain",
		Args:    atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			blocks := 1
			if len(args) > 0 {
				n, err := strconv.Atoi(args[0])
				if err != nil || n < 1 || n > maxMine {
					return usagef("%q is not a number of blocks from 1 to %s", args[0], console.Thousands(maxMine))
				}
				blocks = n
			}
			return p.runMine(c.Context(), blocks, to, explain)
		},
	}
	c.Flags().StringVar(&to, "to", "", "wallet or address that is paid (default: the default wallet)")
	_ = c.RegisterFlagCompletionFunc("to", p.completeWallets)
	c.Flags().BoolVar(&explain, "explain", false, "tell how header, hash and target of the last one go together")
	return c
}

// minedNowJSON is what mine --json prints.
type minedNowJSON struct {
	rpc.Mined
	Explain explanation `json:"explain,omitempty"`
}

func (p *program) runMine(ctx context.Context, blocks int, to string, explain bool) error {
	return p.with(ctx, "mine", func(c *openChain) error {
		if to == "" {
			wallets, err := c.ListWallets(ctx)
			if err != nil {
				return err
			}
			if len(wallets) == 0 {
				return noWallet(ctx, c)
			}
		}
		progress := p.screen.Progress("Mining", p.now())
		defer progress.Clear()
		var all rpc.Mined
		for done := 0; done < blocks; {
			if blocks > mineStep {
				progress.Show(int64(done), int64(blocks), "blocks", p.now())
			}
			mined, err := c.Mine(ctx, rpc.MineRequest{Blocks: min(mineStep, blocks-done), To: to})
			if err != nil {
				return err
			}
			if len(mined.Hashes) == 0 {
				return fmt.Errorf("no block was mined")
			}
			done += len(mined.Hashes)
			mined.Hashes = append(all.Hashes, mined.Hashes...)
			mined.Reward += all.Reward
			all = mined
		}
		progress.Clear()
		var told explanation
		if explain {
			var err error
			if told, err = explainBlock(ctx, c, all.Hashes[len(all.Hashes)-1]); err != nil {
				return fmt.Errorf("mined, but explaining it failed: %w", err)
			}
		}
		if p.json {
			return p.printJSON(minedNowJSON{all, told})
		}
		p.showExplanation("How block "+console.Thousands(int64(all.Height))+" was mined.", told)
		return p.showMined(ctx, c, all)
	})
}

func (p *program) showMined(ctx context.Context, c *openChain, mined rpc.Mined) error {
	to := mined.Address
	if mined.To != "" {
		to = console.Clean(mined.To)
	}
	p.screen.Printf("Mined %s: height %s, %s to %s.\n",
		console.Count(len(mined.Hashes), "block"), console.Thousands(int64(mined.Height)), mined.Reward, to)
	if len(mined.Hashes) == 1 {
		p.screen.Printf("%s\n", mined.Hashes[0])
	}
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if status.Reward == 0 {
		p.screen.Printf("The subsidy has ended on this network: blocks pay fees only.\n")
	}
	return nil
}
