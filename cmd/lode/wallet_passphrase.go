package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func (p *program) walletPassphraseCommand() *cobra.Command {
	return group("passphrase", "Set, change or remove the wallets' passphrase",
		`One passphrase protects all wallets of a data directory. It encrypts their words
and keys; names, addresses and balances can be seen without it. It cannot be
found again: without it only words, exported keys and backups bring coins back.

Characters count in Unicode's NFC form, so that the same letters typed on
another system are the same passphrase. It has at most 4,096 bytes.`,
		`  lode wallet passphrase set
  lode wallet passphrase change
  lode wallet passphrase remove`,
		p.passphraseSetCommand(), p.passphraseChangeCommand(), p.passphraseRemoveCommand(), p.passphraseAdoptCommand())
}

// The flags of files with passphrases beside that of the wallets.
const (
	newPassphraseFlag    = "new-passphrase-file"
	oldPassphraseFlag    = "old-passphrase-file"
	backupPassphraseFlag = "backup-passphrase-file"
)

// passphraseJSON is what the commands on the passphrase print with --json.
type passphraseJSON struct {
	Encrypted bool `json:"encrypted"`
	Locked    bool `json:"locked"`
	Plain     int  `json:"plain"` // wallets that are not under it
}

func (p *program) passphraseSetCommand() *cobra.Command {
	var file, other string
	c := &cobra.Command{
		Use: "set", Short: "Put all wallets under a passphrase",
		Long: `Puts all wallets of the data directory, and those to come, under a passphrase.
Either all are under it afterwards or none, whatever happens on the way.

The plain files are overwritten, but a disk may keep old bytes, and copies made
earlier stay as they are.`,
		Example: "  lode wallet passphrase set\n  lode wallet passphrase set --new-passphrase-file pass",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if other != "" {
				return usagef("the passphrase to set is a new one: give its file with --%s", newPassphraseFlag)
			}
			return p.with(ctx, "wallet passphrase", func(c *openChain) error {
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				if s.Encrypted {
					return fmt.Errorf("these wallets are under a passphrase already; change it with lode wallet passphrase change")
				}
				passphrase, err := p.newPassphrase(ctx, file, newPassphraseFlag, "New passphrase of the wallets")
				if err != nil {
					return err
				}
				if err := c.SetPassphrase(ctx, passphrase); err != nil {
					return err
				}
				text := "All wallets are under the passphrase now. Nobody can find it again for you."
				if p.lent != nil || s.HostPID != os.Getpid() {
					text += " They stay open for payments until the host ends; lode wallet lock locks them now."
				} else {
					text += " Payments ask for it from now on; lode wallet unlock opens them for a time while lode up runs."
				}
				return p.showPassphrase(ctx, c, text)
			})
		},
	}
	c.Flags().StringVar(&file, newPassphraseFlag, "", "file whose first line is the new passphrase (- for standard input)")
	c.Flags().StringVar(&other, passphraseFlag, "", "")
	_ = c.Flags().MarkHidden(passphraseFlag)
	return c
}

func (p *program) passphraseChangeCommand() *cobra.Command {
	var old, file string
	c := &cobra.Command{
		Use: "change", Short: "Put all wallets under another passphrase",
		Long:    "Puts all wallets under another passphrase. Either all are under the new one\nafterwards or all under the old one. Backups keep the passphrase that they have.",
		Example: "  lode wallet passphrase change\n  lode wallet passphrase change --passphrase-file old --new-passphrase-file new",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if old == "-" && file == "-" {
				return usagef("standard input can hold one passphrase, not both")
			}
			return p.with(ctx, "wallet passphrase", func(c *openChain) error {
				if err := needEncrypted(ctx, c); err != nil {
					return err
				}
				from, err := p.knownPassphrase(ctx, old, passphraseFlag, "Present passphrase of the wallets: ")
				if err != nil {
					return err
				}
				to, err := p.newPassphrase(ctx, file, newPassphraseFlag, "New passphrase of the wallets")
				if err != nil {
					return err
				}
				if err := c.ChangePassphrase(ctx, rpc.Passphrases{Passphrase: from, New: to}); err != nil {
					return err
				}
				return p.showPassphrase(ctx, c, "All wallets are under the new passphrase now.")
			})
		},
	}
	c.Flags().StringVar(&old, passphraseFlag, "", "file whose first line is the present passphrase (- for standard input)")
	c.Flags().StringVar(&file, newPassphraseFlag, "", "file whose first line is the new passphrase (- for standard input)")
	return c
}

func (p *program) passphraseRemoveCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "remove", Short: "Leave all wallets plain",
		Long:    "Takes the passphrase away. Whoever can read the files of the wallets has their\nkeys then.",
		Example: "  lode wallet passphrase remove",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.with(ctx, "wallet passphrase", func(c *openChain) error {
				if err := needEncrypted(ctx, c); err != nil {
					return err
				}
				passphrase, err := p.knownPassphrase(ctx, file, passphraseFlag, "Present passphrase of the wallets: ")
				if err != nil {
					return err
				}
				if err := p.confirm(ctx, "Leave the keys of all wallets unencrypted?"); err != nil {
					return err
				}
				if err := c.RemovePassphrase(ctx, passphrase); err != nil {
					return err
				}
				return p.showPassphrase(ctx, c, "The wallets are plain now: whoever reads their files has the keys.")
			})
		},
	}
	c.Flags().StringVar(&file, passphraseFlag, "", passphraseHelp)
	p.yesFlag(c, "do not ask")
	return c
}

func (p *program) passphraseAdoptCommand() *cobra.Command {
	var old, file string
	c := &cobra.Command{
		Use: "adopt WALLET|FILE", Short: "Take over a wallet's file that came from another folder",
		Long: `Seals a wallet as the others here are. It is for a file that was copied in from
another data directory: its old passphrase opens it one last time. A plain file
in a folder under a passphrase needs none.

Where its number is taken here, name the file instead, wherever it lies: the
wallet comes in under the next free number, and the file stays as it is.`,
		Example: "  lode wallet passphrase adopt 7\n  lode wallet passphrase adopt 7 --old-passphrase-file old\n  lode wallet passphrase adopt /mnt/old/wallets/wallet-2.secrets",
		Args:    needArgs("WALLET or FILE"), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			if old == "-" && file == "-" {
				return usagef("standard input can hold one passphrase, not both")
			}
			if strings.HasSuffix(args[0], ".secrets") {
				return p.adoptFile(ctx, args[0], old, file)
			}
			return p.with(ctx, "wallet passphrase", func(c *openChain) error {
				w, err := c.FindWallet(ctx, args[0])
				if err != nil {
					return err
				}
				request := rpc.AdoptWallet{Wallet: args[0]}
				if w.Foreign {
					if request.OldPassphrase, err = p.knownPassphrase(ctx, old, oldPassphraseFlag, "Passphrase that its file is under: "); err != nil {
						return err
					}
				}
				err = p.unlocking(ctx, file, func(passphrase string) (err error) {
					request.Passphrase = passphrase
					w, err = c.AdoptWallet(ctx, request)
					return err
				})
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(w)
				}
				p.screen.Printf("%s is sealed as the other wallets are.\n", console.Clean(w.Name))
				return nil
			})
		},
	}
	c.Flags().StringVar(&old, oldPassphraseFlag, "", "file whose first line is the passphrase that the wallet's file is under (- for standard input)")
	c.Flags().StringVar(&file, passphraseFlag, "", passphraseHelp)
	return c
}

// maxUnlock is the longest time for which wallets are unlocked: that of Core's
// walletpassphrase.
const maxUnlock = 100_000_000 * time.Second

func (p *program) walletUnlockCommand() *cobra.Command {
	var file string
	var last time.Duration
	c := &cobra.Command{
		Use: "unlock", Short: "Open the wallets for payments, for a time",
		Long: `Opens the wallets at the running host, so that payments need no passphrase. They
lock again after the time, with lode wallet lock, and when the host ends. Words
and keys are shown only for the passphrase all the same.`,
		Example: "  lode wallet unlock --for 10m",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if last < 0 || c.Flags().Changed("for") && last == 0 {
				return usagef("--for %s: more than 0, such as 10m; leave it out for no limit", last)
			}
			if last > maxUnlock {
				return usagef("--for %s: at most %s hours; leave it out for no limit", c.Flag("for").Value, console.Thousands(int64(maxUnlock/time.Hour)))
			}
			return p.with(ctx, "wallet unlock", func(c *openChain) error {
				if err := needEncrypted(ctx, c); err != nil {
					return err
				}
				if s, err := c.Status(ctx); err != nil {
					return err
				} else if p.lent == nil && s.HostPID == os.Getpid() {
					return fmt.Errorf("nobody hosts the chain, so the wallets would be locked again at once; start lode up first, or give --%s to the command that pays", passphraseFlag)
				}
				passphrase, err := p.knownPassphrase(ctx, file, passphraseFlag, "Passphrase of the wallets: ")
				if err != nil {
					return err
				}
				if err := c.UnlockFor(ctx, passphrase, last.Seconds()); err != nil {
					return err
				}
				if last == 0 {
					return p.showPassphrase(ctx, c, "The wallets are open until lode wallet lock or the end of the host.")
				}
				return p.showPassphrase(ctx, c, fmt.Sprintf("The wallets are open for %s.", last))
			})
		},
	}
	c.Flags().DurationVar(&last, "for", 0, "how long, such as 10m (default: until they are locked or the host ends)")
	c.Flags().StringVar(&file, passphraseFlag, "", passphraseHelp)
	return c
}

func (p *program) walletLockCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lock", Short: "Close the wallets again",
		Long:    "Makes the host forget the key of the wallets: payments need the passphrase\nagain.",
		Example: "  lode wallet lock",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.with(ctx, "wallet lock", func(c *openChain) error {
				if err := needEncrypted(ctx, c); err != nil {
					return err
				}
				if err := c.Lock(ctx); err != nil {
					return err
				}
				return p.showPassphrase(ctx, c, "The wallets are locked.")
			})
		},
	}
}

// needEncrypted says what to do where there is no passphrase.
func needEncrypted(ctx context.Context, c *openChain) error {
	s, err := c.Status(ctx)
	if err == nil && !s.Encrypted {
		err = fmt.Errorf("these wallets are under no passphrase; set one with lode wallet passphrase set")
	}
	return err
}

// showPassphrase prints how the wallets are protected now.
func (p *program) showPassphrase(ctx context.Context, c *openChain, text string) error {
	if !p.json {
		p.screen.Printf("%s\n", p.screen.Fold(text, 0))
		return nil
	}
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	return p.printJSON(passphraseJSON{s.Encrypted, s.Locked, s.Plain})
}

// knownPassphrase returns a passphrase that was set before: the first line of a
// file, or what a person types.
func (p *program) knownPassphrase(ctx context.Context, file, flag, question string) (string, error) {
	switch {
	case file != "":
		return p.readPassphrase(file)
	case !p.canAsk():
		return "", usagef("nobody can be asked here: give the passphrase with --%s F", flag)
	}
	return p.screen.Secret(ctx, question)
}

// newPassphrase returns a passphrase that is to be set. A person types it twice.
func (p *program) newPassphrase(ctx context.Context, file, flag, what string) (string, error) {
	switch {
	case file != "":
		return p.readPassphrase(file)
	case !p.canAsk():
		return "", usagef("nobody can be asked here: give the passphrase with --%s F", flag)
	}
	for try := 1; ; try++ {
		passphrase, err := p.screen.Secret(ctx, what+": ")
		if err != nil {
			return "", err
		}
		if passphrase == "" {
			p.screen.Notef("It is empty.\n")
		} else {
			again, err := p.screen.Secret(ctx, "Once more: ")
			if err != nil {
				return "", err
			}
			if again == passphrase {
				return passphrase, nil
			}
			p.screen.Notef("The two differ.\n")
		}
		if try == passphraseTries {
			return "", fmt.Errorf("no passphrase was set")
		}
	}
}

// adoptFile takes in a wallet whose file lies elsewhere, under the next free
// number.
func (p *program) adoptFile(ctx context.Context, name, old, passphraseFile string) error {
	data, err := p.readWalletBackup(name)
	if err != nil {
		return err
	}
	defer clear(data)
	request := rpc.RestoreBackup{Data: data, File: true}
	if !bytes.Contains(data, []byte("\nplain ")) && !bytes.Contains(data, []byte("\nnone ")) {
		if request.BackupPassphrase, err = p.knownPassphrase(ctx, old, oldPassphraseFlag, "Passphrase that the file is under: "); err != nil {
			return err
		}
	}
	return p.restoreFrom(ctx, request, passphraseFile)
}
