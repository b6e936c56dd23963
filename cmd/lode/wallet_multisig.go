package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/rpc"
)

// formHelp lists the forms of a multisig.
const formHelp = "form of the multisig: wsh, sh-wsh, sh or tr"

func completeForms(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"wsh", "sh-wsh", "sh", "tr"}, cobra.ShellCompDirectiveNoFileComp
}

func (p *program) walletMultisigCommand() *cobra.Command {
	var r rpc.MultisigRequest
	var passphraseFile string
	c := &cobra.Command{
		Use: "multisig M KEY…", Short: "Make a wallet that several people sign for",
		Long: `Makes the wallet of a multisig: M of the keys have to sign. Everybody gives
the others what lode wallet xpub prints for a wallet of theirs, and all make
the same multisig, each with --sign-with and their own wallet. Without it, the
multisig is only watched. The order of the keys does not matter.

Payments from it go from one to the next as a PSBT: lode psbt create, sign,
combine, finalize.`,
		Example: `  lode wallet xpub Alice
  lode wallet multisig 2 "[…]tpub…" "[…]tpub…" --sign-with Alice --name shared`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if r.Required, err = strconv.Atoi(args[0]); err != nil {
				return usagef("%q is no number of signatures: lode wallet multisig M KEY…", args[0])
			}
			r.Keys = args[1:]
			for _, key := range r.Keys {
				if secretInside(key) {
					return usagef("this is a private key, and arguments of a program are public: give the public one, and --sign-with the wallet that signs")
				}
			}
			return p.runMultisig(c.Context(), r, passphraseFile)
		},
	}
	c.Flags().StringVar(&r.Name, "name", "", "name of the wallet")
	c.Flags().StringVar(&r.SignWith, "sign-with", "", "wallet whose key signs; it is added if it is not among the keys")
	_ = c.RegisterFlagCompletionFunc("sign-with", p.completeWallets)
	c.Flags().StringVar(&r.Form, "form", "wsh", formHelp)
	_ = c.RegisterFlagCompletionFunc("form", completeForms)
	c.Flags().BoolVar(&r.Old, "old", false, "it was paid before: look for its coins in all blocks")
	c.Flags().StringVar(&passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

func (p *program) runMultisig(ctx context.Context, r rpc.MultisigRequest, passphraseFile string) error {
	return p.with(ctx, "wallet multisig", func(c *openChain) error {
		var w rpc.DescriptorWallet
		make := func(passphrase string) (err error) {
			r.Passphrase = passphrase
			w, err = c.Multisig(ctx, r)
			return err
		}
		var err error
		if r.SignWith == "" {
			err = make("")
		} else {
			err = p.unlocking(ctx, passphraseFile, make)
		}
		if err != nil {
			return err
		}
		d, err := c.Descriptors(ctx, rpc.DescriptorsRequest{Wallet: strconv.Itoa(w.Number)})
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(struct {
				rpc.DescriptorWallet
				Descriptors []rpc.WalletDescriptor `json:"descriptors"`
			}{w, d.Descriptors})
		}
		switch {
		case w.Already:
			p.screen.Printf("Already here as %s (number %d).\n", console.Clean(w.Name), w.Number)
		case w.WatchOnly:
			p.screen.Printf("Watching %s: %s\n", console.Clean(w.Name), w.Address)
		default:
			p.screen.Printf("Made %s: %s\n", console.Clean(w.Name), w.Address)
		}
		p.screen.Printf("Its descriptors, for the others and for your backup:\n")
		for _, row := range d.Descriptors {
			p.screen.Printf("%s\n", row.Desc)
		}
		return nil
	})
}

func (p *program) walletXPubCommand() *cobra.Command {
	var form, passphraseFile string
	var account bool
	c := &cobra.Command{
		Use: "xpub [WALLET]", Short: "Print a wallet's key to hand out for a multisig",
		Long: `Prints the key that a wallet has for multisigs (BIP48), as a key expression:
where it comes from, and the extended public key. Others can see your balance
with it, and spend nothing. --account prints the key of the wallet's own account
instead, with which lode wallet watch sees all its addresses.`,
		Example: "  lode wallet xpub Alice\n  lode wallet xpub Alice --account",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return p.with(ctx, "wallet xpub", func(c *openChain) error {
				w, err := p.chooseWallet(ctx, c, "Key of", "lode wallet xpub WALLET", first(args))
				if err != nil {
					return err
				}
				var k rpc.SharedKey
				err = p.unlocking(ctx, passphraseFile, func(passphrase string) (err error) {
					k, err = c.SharedKey(ctx, rpc.SharedKeyRequest{Wallet: strconv.Itoa(w.Number), Form: form, Account: account, Passphrase: passphrase})
					return err
				})
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(k)
				}
				p.screen.Printf("%s\n", k.Key)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&account, "account", false, "the key of the wallet's own account, not that for multisigs")
	c.Flags().StringVar(&form, "form", "wsh", formHelp)
	_ = c.RegisterFlagCompletionFunc("form", completeForms)
	c.Flags().StringVar(&passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

func (p *program) walletDescriptorsCommand() *cobra.Command {
	var private bool
	var passphraseFile, out string
	c := &cobra.Command{
		Use: "descriptors [WALLET]", Short: "Print a wallet's descriptors",
		Long: `Prints the descriptors of a wallet: what Bitcoin Core and other programs take
in to watch the same addresses. With --private they can spend its coins: --out
writes them to a new file that only its owner can read, in the form that lode
wallet import and importdescriptors take.`,
		Example: "  lode wallet descriptors Alice\n  lode wallet descriptors Alice --private --out alice.descriptors",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return p.with(ctx, "wallet descriptors", func(c *openChain) error {
				if out != "" {
					if err := freePlace(out); err != nil {
						return err
					}
				}
				w, err := p.chooseWallet(ctx, c, "Descriptors of", "lode wallet descriptors WALLET", first(args))
				if err != nil {
					return err
				}
				var d rpc.Descriptors
				ask := func(passphrase string) (err error) {
					d, err = c.Descriptors(ctx, rpc.DescriptorsRequest{Wallet: strconv.Itoa(w.Number), Private: private, Passphrase: passphrase})
					return err
				}
				if private && !w.WatchOnly {
					err = p.unlocking(ctx, passphraseFile, ask)
				} else {
					err = ask("")
				}
				if err != nil {
					return err
				}
				if out != "" {
					return p.writeDescriptors(out, d)
				}
				if p.json {
					return p.printJSON(d)
				}
				for _, row := range d.Descriptors {
					p.screen.Printf("%s\n", row.Desc)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "write them to this new file, as JSON, readable by its owner only")
	c.Flags().BoolVar(&private, "private", false, "with private keys: whoever reads them can spend the coins")
	c.Flags().StringVar(&passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

// writeDescriptors writes a wallet's descriptors to a new file, readable by its
// owner only.
func (p *program) writeDescriptors(out string, d rpc.Descriptors) error {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	f, err := platform.Create(out)
	if errors.Is(err, fs.ErrExist) {
		return errTaken(out)
	}
	if err != nil {
		return err
	}
	if err := writeAndSync(f, string(data)+"\n"); err != nil {
		os.Remove(out)
		return err
	}
	if p.json {
		return p.printJSON(struct {
			File string `json:"file"`
		}{out})
	}
	p.screen.Printf("%s\n", out)
	if d.Private {
		p.screen.Notef("Whoever reads it can spend the coins of %s.\n", console.Clean(d.Wallet))
	}
	return nil
}
