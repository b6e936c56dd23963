package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func (p *program) walletArchiveCommand() *cobra.Command {
	return p.archiveCommand(true, &cobra.Command{
		Use: "archive [WALLET]", Short: "Hide a wallet from lists",
		Long:    "Hides a wallet from lists and choices. It is watched all the same, and found by\nits name. lode wallet list --all shows it, lode wallet unhide brings it back.",
		Example: "  lode wallet archive Wallet3",
	})
}

func (p *program) walletUnhideCommand() *cobra.Command {
	return p.archiveCommand(false, &cobra.Command{
		Use: "unhide WALLET", Short: "Show an archived wallet in lists again",
		Long:    "Shows a wallet in lists and choices again.",
		Example: "  lode wallet unhide Wallet3",
	})
}

func (p *program) archiveCommand(archived bool, c *cobra.Command) *cobra.Command {
	c.Args, c.ValidArgsFunction = atMost(1), p.completeWallets
	if !archived {
		c.Args = needArgs("WALLET") // the list does not show it
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx := c.Context()
		return p.with(ctx, "wallet "+c.Name(), func(c *openChain) error {
			which := first(args)
			if which == "" {
				w, err := p.chooseOne(ctx, c, "Archive", "lode wallet archive WALLET")
				if err != nil {
					return err
				}
				which = numbered(w)
			}
			w, err := c.ArchiveWallet(ctx, rpc.ArchiveWallet{Wallet: which, Archived: archived})
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(w)
			}
			if archived {
				p.screen.Printf("%s is hidden from lists now; lode wallet list --all shows it.\n", console.Clean(w.Name))
			} else {
				p.screen.Printf("%s is in the lists again.\n", console.Clean(w.Name))
			}
			return nil
		})
	}
	return c
}

// deleteWallet are the flags of wallet delete.
type deleteWallet struct {
	wordsFile, keyFile, backup string
	backupPassphraseFile       string
	passphraseFile             string
	bip39PassphraseFile        string
	path, kind                 string
	withCoins                  bool
}

// deletedJSON is what wallet delete --json prints: the wallet that was.
type deletedJSON struct {
	rpc.Wallet
	Deleted bool `json:"deleted"`
}

func (p *program) walletDeleteCommand() *cobra.Command {
	var f deleteWallet
	c := &cobra.Command{
		Use: "delete [WALLET]", Short: "Delete a wallet that you can bring back",
		Long: `Deletes a wallet's keys from this data directory. First show that you have them
elsewhere: type its words, or give a backup of it (or, for a wallet of one key,
that key). A wallet that has coins is deleted only with --with-coins.

What is shown has to bring the wallet back: its keys are derived of it. So words
that have a passphrase of their own (BIP39) count only with it, and for a wallet
of one key at a path of its words --path and --type are needed too, as for lode
wallet restore. Descriptors that were added come back from a backup only.

Its number is never given to another. Its file is overwritten, but disks and
copies may keep old bytes.`,
		Example: "  lode wallet delete Wallet3\n  lode wallet delete Wallet3 --backup wallet3.age",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			err := onlyOne(func(flag string) bool { return c.Flags().Changed(flag) }, "words-file", "key-file", "backup")
			if err != nil {
				return err
			}
			return p.runWalletDelete(c.Context(), f, first(args))
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.wordsFile, "words-file", "", "file with its words (- for standard input)")
	flags.StringVar(&f.bip39PassphraseFile, "bip39-passphrase-file", "", "with words: file with their own passphrase (BIP39), if they have one")
	flags.StringVar(&f.path, "path", "", "with words, for a wallet of one key of theirs: its path")
	flags.StringVar(&f.kind, "type", "", "goes with --path: bech32, bech32m, p2sh-segwit or legacy")
	_ = c.RegisterFlagCompletionFunc("type", completeTypes)
	flags.StringVar(&f.keyFile, "key-file", "", "file with its key, for a wallet of one key (- for standard input)")
	flags.StringVar(&f.backup, "backup", "", "backup of it (lode wallet backup)")
	flags.StringVar(&f.backupPassphraseFile, backupPassphraseFlag, "", "file whose first line is the backup's passphrase (- for standard input)")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	flags.BoolVar(&f.withCoins, "with-coins", false, "delete it although it has coins")
	p.yesFlag(c, "do not ask once more")
	return c
}

// walletToDelete is the wallet that was named, else one from a list.
func (p *program) walletToDelete(ctx context.Context, c *openChain, given string) (rpc.Wallet, error) {
	if given != "" {
		return c.FindWallet(ctx, given)
	}
	return p.chooseOne(ctx, c, "Delete", "lode wallet delete WALLET")
}

func (p *program) runWalletDelete(ctx context.Context, f deleteWallet, wallet string) error {
	stdin := 0
	for _, file := range []string{f.wordsFile, f.keyFile, f.backup, f.backupPassphraseFile, f.passphraseFile, f.bip39PassphraseFile} {
		if file == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return usagef("standard input can hold one secret, not several")
	}
	return p.with(ctx, "wallet delete", func(c *openChain) error {
		w, err := p.walletToDelete(ctx, c, wallet)
		if err != nil {
			return err
		}
		if coins := w.Spendable + w.Pending + w.Immature; coins != 0 && !f.withCoins {
			return fmt.Errorf("%s has %s coins; send them elsewhere first, or delete it with them (--with-coins)", console.Clean(w.Name), coins)
		}
		request := rpc.DeleteWallet{Wallet: strconv.Itoa(w.Number), WithCoins: f.withCoins}
		if !w.WatchOnly {
			if err := p.showProof(ctx, f, w, &request); err != nil {
				return err
			}
		}
		if err := p.confirm(ctx, fmt.Sprintf("Delete %s for good?", console.Clean(w.Name))); err != nil {
			return err
		}
		err = p.unlocking(ctx, f.passphraseFile, func(passphrase string) (err error) {
			request.Passphrase = passphrase
			w, err = c.DeleteWallet(ctx, request)
			return err
		})
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(deletedJSON{w, true})
		}
		p.screen.Printf("%s is deleted. Its number %d stays unused.\n", console.Clean(w.Name), w.Number)
		return nil
	})
}

// showProof reads what brings the wallet back: from files, or typed.
func (p *program) showProof(ctx context.Context, f deleteWallet, w rpc.Wallet, r *rpc.DeleteWallet) (err error) {
	switch {
	case f.backup != "":
		if r.Backup, err = p.readWalletBackup(f.backup); err == nil {
			r.BackupPassphrase, err = p.knownPassphrase(ctx, f.backupPassphraseFile, backupPassphraseFlag, "Passphrase of the backup: ")
		}
	case f.wordsFile != "":
		if r.Words, err = p.readSecret(f.wordsFile); err == nil {
			r.Words, err = checkedWords(r.Words)
		}
		if err == nil && f.bip39PassphraseFile != "" {
			r.BIP39Passphrase, err = p.readBIP39Passphrase(ctx, restore{bip39PassphraseFile: f.bip39PassphraseFile})
		}
		r.Path, r.Type = f.path, f.kind
	case f.keyFile != "":
		r.Key, err = p.readSecret(f.keyFile)
	case !p.screen.Interactive || p.json:
		return usagef("show that %s can be brought back: --words-file F, --backup F or --key-file F", console.Clean(w.Name))
	case w.Source == "words":
		var words []string
		p.screen.Printf("Type the words of %s, so that it is sure that you have them.\n", console.Clean(w.Name))
		words, err = p.screen.Words(ctx, wordList())
		if r.Words = strings.Join(words, " "); err == nil {
			err = p.typeBesides(ctx, f, w, r)
		}
	case w.Source == "key":
		r.Key, err = p.screen.Secret(ctx, "Its private key (hex or WIF): ")
	default:
		return usagef("only a backup brings %s back: make one with lode wallet backup, and give it with --backup F", console.Clean(w.Name))
	}
	return err
}

// typeBesides asks for what words do not bring a wallet back without.
func (p *program) typeBesides(ctx context.Context, f deleteWallet, w rpc.Wallet, r *rpc.DeleteWallet) (err error) {
	r.Path, r.Type = f.path, f.kind
	r.BIP39Passphrase, err = p.readBIP39Passphrase(ctx, restore{bip39PassphraseFile: f.bip39PassphraseFile})
	if err == nil && f.bip39PassphraseFile == "" {
		r.BIP39Passphrase, err = p.screen.Secret(ctx, "BIP39 passphrase of the words (empty if they have none): ")
	}
	if err == nil && w.SingleKey && r.Path == "" {
		r.Path, err = p.screen.Ask(ctx, "Path of its key, as for lode wallet restore --path: ")
	}
	if err == nil && w.SingleKey && r.Type == "" {
		r.Type, err = p.screen.Ask(ctx, "Type of its address (bech32, bech32m, p2sh-segwit, legacy): ")
	}
	return err
}
