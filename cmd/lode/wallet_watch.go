package main

import (
	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func (p *program) walletWatchCommand() *cobra.Command {
	var name, kind string
	c := &cobra.Command{
		Use: "watch XPUB|DESCRIPTOR|ADDRESS…", Short: "Watch coins that this wallet cannot spend",
		Long: `Makes a wallet that only watches: of an extended public key (xpub, ypub, zpub
and the like), of descriptors, or of addresses. It shows balances and payments
and prepares PSBTs for those who have the keys.`,
		Example: `  lode wallet watch bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
  lode wallet watch --name cold vpub5…
  lode wallet watch "wsh(sortedmulti(2,[…]tpub…/0/*,[…]tpub…/0/*))"`,
		Args: someArgs("XPUB, DESCRIPTOR or ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			for _, arg := range args {
				if secretInside(arg) {
					return usagef("this is a private key, and arguments of a program are public: to watch, give the public one; to spend, give it to lode wallet import on standard input")
				}
			}
			ctx := c.Context()
			return p.with(ctx, "wallet watch", func(c *openChain) error {
				w, err := c.Watch(ctx, rpc.WatchRequest{What: args, Name: name, Type: kind})
				if err != nil {
					return err
				}
				return p.showImported(w)
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "name of the wallet")
	foldedFlag(c, &kind, "type", "", "address type of an extended key that does not say it: bech32, bech32m, p2sh-segwit or legacy")
	_ = c.RegisterFlagCompletionFunc("type", completeTypes)
	return c
}

func (p *program) walletLabelCommand() *cobra.Command {
	var wallet string
	c := &cobra.Command{
		Use: "label ADDRESS TEXT", Short: "Remember a text of an address",
		Long: `Remembers a text of an address, one's own or another's: histories show it. An
empty text takes it away. It is kept by the wallet that the address belongs to,
else by the one of --wallet, else by the default wallet.`,
		Example: `  lode wallet label bcrt1q… "rent, March"
  lode wallet label --wallet Alice bcrt1q… landlord`,
		Args: needArgs("ADDRESS", "TEXT"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return p.with(ctx, "wallet label", func(c *openChain) error {
				of := wallet
				if of == "" {
					if w, err := c.FindWallet(ctx, args[0]); err == nil {
						of = w.Name
					}
				}
				w, err := c.FindWallet(ctx, of)
				if err != nil {
					return err
				}
				if err := c.Call(ctx, "lode_label", nil, rpc.LabelRequest{Wallet: w.Name, Address: args[0], Label: args[1]}); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(struct {
						Wallet  string `json:"wallet"`
						Address string `json:"address"`
						Label   string `json:"label"`
					}{w.Name, args[0], args[1]})
				}
				if args[1] == "" {
					p.screen.Printf("%s has no label now.\n", args[0])
					return nil
				}
				p.screen.Printf("%s is %q to %s now.\n", args[0], args[1], console.Clean(w.Name))
				return nil
			})
		},
	}
	c.Flags().StringVar(&wallet, "wallet", "", "wallet that remembers it: name, number or address")
	_ = c.RegisterFlagCompletionFunc("wallet", p.completeWallets)
	return c
}
