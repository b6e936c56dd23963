package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
)

func (p *program) walletsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "wallets", Short: "Walk through the wallets on the screen",
		Long: `Opens the list of the wallets on the terminal. Type to filter it by name, number
or address, Enter opens a wallet: pay from it, receive with a QR code, look
back, rename it, label addresses, see its words. Esc goes back and leaves.
--plain asks with numbers instead. Archived wallets are not in the list.`,
		Example: "  lode wallets\n  lode wallets --plain",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if p.json {
				return usagef("this is for people; scripts take lode wallet list --json, lode send, lode receive, lode history")
			}
			return p.with(ctx, "wallets", func(c *openChain) error { return p.runWallets(ctx, c) })
		},
	}
}

func (p *program) runWallets(ctx context.Context, c *openChain) error {
	wallets, err := c.ListWallets(ctx)
	if err != nil {
		return err
	}
	if len(wallets) == 0 {
		return noWallet(ctx, c)
	}
	if !p.screen.Interactive {
		return usagef("nobody can be asked here; take lode wallet list, lode send, lode receive or lode history with a wallet")
	}
	err = p.screen.Wallets(ctx, &teller{p: p, c: c})
	if errors.Is(err, console.ErrCancelled) {
		err = errLeftWallets
	}
	return err
}

// errLeftWallets reports that the screens were left, which is how they end.
var errLeftWallets = fmt.Errorf("left the wallets; what was done is kept: %w", console.ErrCancelled)
