package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func (p *program) walletCommand() *cobra.Command {
	return group("wallet", "Make, list, show, protect, back up and restore wallets",
		`A wallet is named in commands by its name (any case), its address, or the number
that lode wallet list shows.`,
		`  lode wallet new -n 3
  lode wallet list
  lode wallet restore`,
		p.walletNewCommand(), p.walletLastWordCommand(), p.walletPaperCommand(), p.walletListCommand(), p.walletShowCommand(),
		p.walletRenameCommand(), p.walletCoinsCommand(), p.walletImportCommand(), p.walletWatchCommand(),
		p.walletMultisigCommand(), p.walletXPubCommand(), p.walletDescriptorsCommand(), p.walletLabelCommand(), p.walletRestoreCommand(), p.walletRescanCommand(),
		p.walletBackupCommand(), p.walletPassphraseCommand(), p.walletUnlockCommand(), p.walletLockCommand(),
		p.walletArchiveCommand(), p.walletUnhideCommand(), p.walletDeleteCommand())
}

func (p *program) walletListCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the wallets with their numbers and balances",
		Long:    "Lists the wallets. A number stays with its wallet and is never given to another.",
		Example: "  lode wallet list\n  lode wallet list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.with(ctx, "wallet list", func(c *openChain) error {
				list := c.ListWallets
				if all {
					list = c.ListAllWallets
				}
				wallets, err := list(ctx)
				if err != nil {
					return err
				}
				status, err := c.Status(ctx)
				if err != nil {
					return err
				}
				p.noteDamaged(status)
				if p.json {
					return p.printJSON(wallets)
				}
				if len(wallets) == 0 && status.Wallets > 0 {
					p.screen.Printf("All wallets are archived; lode wallet list --all shows them.\n")
					return nil
				}
				if len(wallets) == 0 {
					p.screen.Printf("%s\n", capital(noWallet(ctx, c).Error()))
					return nil
				}
				p.walletTable(wallets, false)
				text := console.Count(len(wallets), "wallet")
				if hidden := status.Wallets - len(wallets); hidden > 0 {
					text += fmt.Sprintf("; %s archived (--all)", console.Thousands(int64(hidden)))
				}
				p.screen.Printf("%s.\n", text)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "list archived wallets too")
	return c
}

func (p *program) walletShowCommand() *cobra.Command {
	var words, private bool
	var passphraseFile string
	c := &cobra.Command{
		Use: "show [WALLET]", Short: "Show one wallet, on request with its words",
		Long:    "Shows one wallet. Its words and its key are shown only when asked for.",
		Example: "  lode wallet show Wallet1\n  lode wallet show 1 --show-words",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return p.with(ctx, "wallet show", func(c *openChain) error {
				w, err := p.chooseWallet(ctx, c, "Show", "lode wallet show WALLET", first(args))
				if err != nil {
					return err
				}
				keys := rpc.WalletKeys{Wallet: w}
				if words || private {
					err := p.unlocking(ctx, passphraseFile, func(passphrase string) (err error) {
						keys, err = c.WalletKeys(ctx, rpc.WalletRequest{Wallet: strconv.Itoa(w.Number), Passphrase: passphrase})
						return err
					})
					if err != nil {
						return err
					}
					if !words {
						keys.Mnemonic = ""
					}
					if !private {
						keys.PrivateKey, keys.WIF = "", ""
					}
				}
				if p.json {
					if words || private {
						return p.printJSON(keys)
					}
					return p.printJSON(w)
				}
				p.showWallet(keys)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&words, "show-words", false, "show the words")
	c.Flags().BoolVar(&private, "show-private", false, "show the private key of its address, as hex and WIF")
	c.Flags().StringVar(&passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

func (p *program) showWallet(w rpc.WalletKeys) {
	path := w.AddressPath
	if path == "" {
		path = w.Path
	}
	source := w.Source
	if w.Source == "key" {
		source = "an imported key: no words bring it back"
	}
	var besides [][2]string
	if w.Mnemonic != "" {
		if w.BIP39 {
			besides = append(besides, [2]string{"  BIP39 passphrase", "needed beside the words, and not shown"})
		}
		besides = append(besides, [2]string{"  Fingerprint", w.Fingerprint}, [2]string{"  Restore with", w.RestoreCommand})
		besides = append(besides, addedFacts(w.Added, true)...)
	}
	p.screen.Printf("%s\n", p.screen.Bold(console.Clean(w.Name)))
	p.screen.Fields(slices.Concat([][2]string{
		{"  Number", strconv.Itoa(w.Number)},
		{"  Type", w.Type},
		{"  From", source},
		{"  Keys", protection(w.Wallet)},
		{"  Path", path},
		{"  Public key", w.PublicKey},
		{"  Address", w.Address},
		{"  Spendable", w.Spendable.String()},
		{"  Immature", w.Immature.String()},
		{"  Pending", w.Pending.String()},
		{"  Coins", strconv.Itoa(w.Coins)},
		{"  Since height", strconv.Itoa(int(w.Birth))},
		{"  Mnemonic", w.Mnemonic},
		{"  Private key", w.PrivateKey},
		{"  WIF", w.WIF},
	}, besides)...)
}

// protection says who can use a wallet's keys.
func protection(w rpc.Wallet) string {
	switch {
	case w.WatchOnly:
		return "none: it is watched only"
	case w.Foreign:
		return fmt.Sprintf("under the passphrase of another folder: lode wallet passphrase adopt %d", w.Number)
	case w.Plain:
		return "plain: whoever reads its file can spend its coins (lode wallet passphrase set)"
	}
	return "under the passphrase"
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// absolute returns a path that means the same to another process.
func absolute(file string) (string, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", file, err)
	}
	return abs, nil
}
