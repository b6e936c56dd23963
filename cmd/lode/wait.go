package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// waitJSON is what wait --json prints.
type waitJSON struct {
	Height        int32  `json:"height"`
	BestBlock     string `json:"best_block"`
	TxID          string `json:"txid,omitempty"`
	Confirmations int    `json:"confirmations,omitempty"`
}

func (p *program) waitCommand() *cobra.Command {
	var height int32
	var txid string
	var confirmations int
	var timeout time.Duration
	c := &cobra.Command{
		Use: "wait", Short: "Wait for a height or for a transaction's confirmation",
		Long:    "Waits until the chain has reached a height, or a transaction is in a block.",
		Example: "  lode wait --height 120 --timeout 1m\n  lode wait --tx TXID --confirmations 6",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			byHeight := c.Flags().Changed("height")
			if err := positive(c, "timeout", timeout); err != nil {
				return err
			}
			switch {
			case byHeight && c.Flags().Changed("tx"):
				return usagef("--height and --tx: wait for one of the two")
			case !byHeight && !c.Flags().Changed("tx"):
				return usagef("say what to wait for: --height N or --tx TXID")
			case !byHeight && !isHash(txid):
				return usagef("--tx %q: a txid has 64 hex digits", txid)
			case height < 0:
				return usagef("--height %d: heights begin with 0", height)
			case confirmations < 1:
				return usagef("--confirmations %d: at least 1", confirmations)
			}
			return p.with(ctx, "wait", func(c *openChain) error {
				var out waitJSON
				var err error
				if byHeight {
					err = p.waitForHeight(ctx, c, height, timeout)
				} else {
					out.TxID = txid
					out.Confirmations, err = p.waitForTx(ctx, c, txid, confirmations, timeout)
				}
				if err != nil {
					return err
				}
				status, err := c.Status(ctx)
				if err != nil {
					return err
				}
				out.Height, out.BestBlock = status.Height, status.BestBlock
				if p.json {
					return p.printJSON(out)
				}
				if txid != "" {
					p.screen.Printf("%s: %s.\n", txid, console.Count(out.Confirmations, "confirmation"))
				} else {
					p.screen.Printf("Height %s.\n", console.Thousands(int64(out.Height)))
				}
				return nil
			})
		},
	}
	c.Flags().Int32Var(&height, "height", 0, "height to wait for")
	c.Flags().StringVar(&txid, "tx", "", "transaction to wait for")
	c.Flags().IntVar(&confirmations, "confirmations", 1, "confirmations that the transaction must have")
	c.Flags().DurationVar(&timeout, "timeout", 0, "longest time to wait, for example 30s (default: no limit)")
	return c
}

func (p *program) waitForHeight(ctx context.Context, c *openChain, height int32, timeout time.Duration) error {
	var now int32
	return until(ctx, c, timeout,
		func() error {
			return fmt.Errorf("height %s was not reached within %s; it is %s", console.Thousands(int64(height)), timeout, console.Thousands(int64(now)))
		},
		func() (bool, error) {
			status, err := c.Status(ctx)
			now = status.Height
			return now >= height, err
		})
}

// waitForTx returns the transaction's confirmations once they are enough.
func (p *program) waitForTx(ctx context.Context, c *openChain, txid string, enough int, timeout time.Duration) (int, error) {
	var tx struct {
		Confirmations int `json:"confirmations"`
	}
	seen := false
	err := until(ctx, c, timeout,
		func() error {
			if !seen {
				return fmt.Errorf("transaction %s did not appear within %s", txid, timeout)
			}
			return fmt.Errorf("%s has %s after %s and is still valid: lode wait --tx %s goes on waiting",
				console.Short(txid, 16), console.Count(tx.Confirmations, "confirmation"), timeout, txid)
		},
		func() (bool, error) {
			err := c.Call(ctx, "getrawtransaction", &tx, txid, 1)
			if errors.Is(err, rpc.CodeInvalidAddress.New("")) {
				return false, nil // not here yet
			}
			seen = seen || err == nil
			return tx.Confirmations >= enough, err
		})
	return tx.Confirmations, err
}

// eventsWait is how long one call waits for events, in seconds.
const eventsWait = 30

// until asks done after each event of the chain, and returns when it says so.
// After timeout, if that is not 0, it returns late's error.
func until(ctx context.Context, c *openChain, timeout time.Duration, late func() error, done func() (bool, error)) error {
	events, err := c.Events(ctx, rpc.EventsRequest{})
	if err != nil {
		return err
	}
	polling := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		polling, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		events, err = c.Events(polling, rpc.EventsRequest{Since: &events.Next, Timeout: eventsWait})
		switch {
		case polling.Err() != nil && ctx.Err() == nil:
			return late()
		case err != nil:
			return err
		case events.Stopping:
			return errors.New("the chain was stopped while this waited")
		}
	}
}
