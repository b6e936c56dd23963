package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/newfile"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/rpc"
)

// maxWalletBackup is the most bytes of a wallet's backup. Policy.
const maxWalletBackup = 16 << 20

// backupWallet are the flags of wallet backup.
type backupWallet struct {
	to                   string
	passphraseFile       string
	backupPassphraseFile string
}

// walletBackupJSON is what wallet backup --json prints.
type walletBackupJSON struct {
	Wallet rpc.Wallet `json:"wallet"`
	File   string     `json:"file"`
	Bytes  int        `json:"bytes"`
}

func (p *program) walletBackupCommand() *cobra.Command {
	var f backupWallet
	c := &cobra.Command{
		Use: "backup [WALLET]", Short: "Write a wallet into one encrypted file",
		Long: `Writes one file that brings the wallet back elsewhere: its words or keys, its
descriptors, labels and notes, which addresses it has given out and which coins
it has locked. The file is encrypted under a passphrase of its own, in the
format of age (age-encryption.org); nothing is ever written over.

Coins are on the chain, not in this file: lode backup is for that.`,
		Example: "  lode wallet backup Alice --to alice.age\n  lode wallet backup 1 --to /mnt/usb/ --backup-passphrase-file pass",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error { return p.runWalletBackup(c.Context(), f, first(args)) },
	}
	flags := c.Flags()
	flags.StringVar(&f.to, "to", "", "the file to make, or a folder to make it in")
	flags.StringVar(&f.backupPassphraseFile, backupPassphraseFlag, "", "file whose first line is the passphrase that the backup will be under (- for standard input)")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

func (p *program) runWalletBackup(ctx context.Context, f backupWallet, wallet string) error {
	switch {
	case f.to == "":
		return usagef("say which file to make: --to FILE")
	case f.passphraseFile == "-" && f.backupPassphraseFile == "-":
		return usagef("standard input can hold one passphrase, not both")
	}
	if err := freePlace(f.to); err != nil {
		return err // before anybody types a passphrase
	}
	return p.with(ctx, "wallet backup", func(c *openChain) error {
		w, err := p.chooseWallet(ctx, c, "Back up", "lode wallet backup WALLET", wallet)
		if err != nil {
			return err
		}
		request := rpc.BackupWallet{Wallet: strconv.Itoa(w.Number)}
		if request.BackupPassphrase, err = p.newPassphrase(ctx, f.backupPassphraseFile, backupPassphraseFlag, "Passphrase for the backup"); err != nil {
			return err
		}
		var made rpc.WalletBackup
		err = p.unlocking(ctx, f.passphraseFile, func(passphrase string) (err error) {
			request.Passphrase = passphrase
			made, err = c.BackupWallet(ctx, request)
			return err
		})
		if err != nil {
			return err
		}
		file, err := writeBackup(f.to, made)
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(walletBackupJSON{made.Wallet, file, len(made.Data)})
		}
		p.screen.Printf("%s is in %s (%s), under the passphrase of the backup.\n", console.Clean(made.Wallet.Name), file, console.Size(int64(len(made.Data))))
		return nil
	})
}

// freePlace refuses a place for a new file that is taken, by whatever it is.
// Nothing is opened: a pipe would block.
func freePlace(to string) error {
	info, err := os.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent, err := os.Lstat(filepath.Dir(to))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the folder %s does not exist", filepath.Dir(to))
		}
		if err == nil && parent.Mode().IsRegular() {
			return fmt.Errorf("%s is a file, not a folder", filepath.Dir(to))
		}
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return nil
	}
	return errTaken(to)
}

func errTaken(file string) error {
	return fmt.Errorf("%s is there already and is left as it is; choose another name", file)
}

// writeBackup makes the file. In a folder it has a name of its own.
func writeBackup(to string, made rpc.WalletBackup) (string, error) {
	if info, err := os.Lstat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, filepath.Base(made.Name))
	}
	file, err := absolute(to)
	if err != nil {
		return "", err
	}
	if err := newfile.Write(file, made.Data); errors.Is(err, fs.ErrExist) {
		return "", errTaken(file)
	} else if err != nil {
		return "", fmt.Errorf("writing the backup: %w", err)
	}
	return file, nil
}

// readWalletBackup reads a backup's file, or standard input when its name is -.
// Only plain files are opened.
func (p *program) readWalletBackup(file string) ([]byte, error) {
	if file == "-" {
		return console.ReadAll(p.screen.In, maxWalletBackup)
	}
	data, err := platform.ReadFile(file, maxWalletBackup)
	if errors.Is(err, platform.ErrNotRegular) {
		return nil, fmt.Errorf("%s is no file", file)
	}
	if errors.Is(err, platform.ErrTooLarge) {
		return nil, fmt.Errorf("%s has over %s: it is no backup of a wallet", file, console.Size(maxWalletBackup))
	}
	return data, err
}

// restoreBackup are the flags of wallet restore --from.
type restoreBackup struct {
	from                 string
	name                 string
	passphraseFile       string
	backupPassphraseFile string
	otherChain, merge    bool
}

// addTo adds the flags that go with --from; passphraseFile and name are those of
// wallet restore.
func (f *restoreBackup) addTo(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "backup of a wallet to restore (lode wallet backup) instead of words")
	flags.StringVar(&f.backupPassphraseFile, backupPassphraseFlag, "", "with --from: file whose first line is the backup's passphrase (- for standard input)")
	flags.BoolVar(&f.otherChain, "other-chain", false, "with --from: take the keys although the backup was made on another chain")
	flags.BoolVar(&f.merge, "merge", false, "with --from: if the wallet is here, take the labels and notes that it lacks")
}

func (p *program) runRestoreBackup(ctx context.Context, f restoreBackup) error {
	stdin := 0
	for _, file := range []string{f.from, f.passphraseFile, f.backupPassphraseFile} {
		if file == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return usagef("standard input can hold one of backup and passphrases, not several")
	}
	data, err := p.readWalletBackup(f.from)
	if err != nil {
		return err
	}
	request := rpc.RestoreBackup{Data: data, Name: f.name, OtherChain: f.otherChain, Merge: f.merge}
	if request.BackupPassphrase, err = p.knownPassphrase(ctx, f.backupPassphraseFile, backupPassphraseFlag, "Passphrase of the backup: "); err != nil {
		return err
	}
	return p.restoreFrom(ctx, request, f.passphraseFile)
}

// restoreFrom makes the wallet of a backup's bytes and tells of it.
func (p *program) restoreFrom(ctx context.Context, request rpc.RestoreBackup, passphraseFile string) error {
	return p.with(ctx, "wallet restore", func(c *openChain) error {
		var restored rpc.RestoredBackup
		err := p.unlocking(ctx, passphraseFile, func(passphrase string) (err error) {
			request.Passphrase = passphrase
			restored, err = c.RestoreBackup(ctx, request)
			return err
		})
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(restored)
		}
		for _, warning := range restored.Warnings {
			p.screen.Notef("lode: %s\n", console.Clean(warning))
		}
		if restored.Merged {
			p.screen.Printf("%s has all now that the backup knows.\n", console.Clean(restored.Wallet.Name))
			return nil
		}
		p.walletTable([]rpc.Wallet{restored.Wallet}, false)
		p.screen.Printf("Restored 1 wallet.\n")
		return nil
	})
}
