package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func (p *program) walletRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rename [WALLET [NAME]]", Short: "Give a wallet another name",
		Long: `Gives a wallet another name. Names of digits only are refused, as they would
look like numbers, and those with =, a comma or a semicolon. On a terminal it
asks for what was left out.`,
		Example: "  lode wallet rename Wallet1 Alice",
		Args:    atMost(2), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) < 2 && !p.canAsk() {
				return usagef("%s is missing (%s --help)", [...]string{"WALLET", "NAME"}[len(args)], c.CommandPath())
			}
			return p.runRename(c.Context(), args)
		},
	}
}

func (p *program) runRename(ctx context.Context, args []string) error {
	return p.with(ctx, "wallet rename", func(c *openChain) error {
		old, err := p.walletToRename(ctx, c, first(args))
		if err != nil {
			return err
		}
		name := ""
		if len(args) > 1 {
			name = args[1]
		} else if name, err = p.screen.Ask(ctx, "New name of "+console.Clean(old.Name)+": "); err != nil {
			return err
		}
		w, err := c.RenameWallet(ctx, numbered(old), strings.TrimSpace(name))
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(w)
		}
		p.screen.Printf("%s is now %s.\n", console.Clean(old.Name), console.Clean(w.Name))
		return nil
	})
}

func (p *program) walletToRename(ctx context.Context, c *openChain, given string) (rpc.Wallet, error) {
	if given != "" {
		return c.FindWallet(ctx, given)
	}
	return p.chooseOne(ctx, c, "Rename", "lode wallet rename WALLET NAME")
}
