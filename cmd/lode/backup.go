package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// when shows a time of the chain in the zone of the person.
func (p *program) when(unix int64) string { return console.When(unix, time.Local) }

func (p *program) backupCommand() *cobra.Command {
	return group("backup", "List, check and restore the backups of the chain",
		`A backup holds the blocks since the one before it; together they are the whole
chain. lode up writes one every few blocks. Backups hold no keys: the words of
the wallets are kept by nobody but you. Beside the backups of a network of
one's own lies a copy of its rules, network.toml.`,
		"  lode backup list\n  lode backup verify\n  lode backup restore backups/chain_backup_5.json",
		p.backupListCommand(), p.backupVerifyCommand(), p.backupRestoreCommand())
}

func (p *program) backupListCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the backups",
		Long:    "Lists the backups in the backup folder, or in another one.",
		Example: "  lode backup list\n  lode backup list --dir /mnt/usb/backups",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if dir != "" {
				var err error
				if dir, err = absolute(dir); err != nil {
					return err
				}
				if _, err := os.ReadDir(dir); err != nil {
					return err
				}
			}
			return p.with(ctx, "backup list", func(c *openChain) error {
				backups, err := c.Backups(ctx, dir)
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(backups)
				}
				p.showBackups(backups)
				return nil
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "folder to look in (default: the backup folder)")
	return c
}

func (p *program) showBackups(backups []rpc.Backup) {
	if len(backups) == 0 {
		p.screen.Printf("No backup yet: lode up writes one every few blocks (--backup-every).\n")
		return
	}
	t := console.Table{
		Head:   []string{"File", "From", "To", "Blocks", "Size", "Written", "Tip"},
		Right:  []bool{false, true, true, true, true, false, false},
		Shrink: []int{6},
	}
	var damaged []string
	for _, b := range backups {
		file := filepath.Base(b.File)
		if b.Error != "" {
			damaged = append(damaged, about(b))
			t.Rows = append(t.Rows, []string{file, "-", "-", "-", console.Size(b.Size), "-", "damaged"})
			continue
		}
		t.Rows = append(t.Rows, []string{
			file, console.Thousands(int64(b.FirstBlock)), console.Thousands(int64(b.Height)),
			console.Thousands(int64(b.Blocks)), console.Size(b.Size), p.when(b.Created), console.Short(b.Tip, 20),
		})
	}
	p.screen.Table(t)
	for _, d := range damaged {
		p.screen.Printf("%s\n", p.screen.Warn(console.Clean(d)))
	}
	p.screen.Printf("In %s. They hold no keys: keep the words of your wallets.\n", filepath.Dir(backups[0].File))
}

// errBadBackups reports that backup verify found some that are not sound.
var errBadBackups = errors.New("not all backups are sound; a restore would stop there")

func (p *program) backupVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify [FILE…]", Short: "Check backups (default: all)",
		Long: `Checks that backups are whole and of this network, and that the backups before
them are there. Files of a network that is not here are checked by the
network.toml that lies beside them. The exit code is 0 only when all are sound.`,
		Example: "  lode backup verify\n  lode backup verify backups/chain_backup_5.json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			var files []string
			for _, arg := range args {
				file, err := existingFile(arg)
				if err != nil {
					return err
				}
				files = append(files, file)
			}
			checked, err := p.verifyBackups(ctx, files)
			if err != nil {
				return err
			}
			bad := 0
			for _, b := range checked {
				if b.Error != "" {
					bad++
				}
				if !p.json && (b.Error == "" || len(checked) > 1) {
					p.showVerified(b)
				}
			}
			if p.json {
				if err := p.printJSON(checked); err != nil {
					return err
				}
			}
			switch {
			case bad == 1 && len(checked) == 1:
				return errors.New(about(checked[0]))
			case bad > 0:
				return errBadBackups
			case !p.json:
				p.screen.Printf("%s, all sound.\n", console.Count(len(checked), "backup"))
			}
			return nil
		},
	}
}

func (p *program) showVerified(b rpc.Backup) {
	if b.Error != "" {
		p.screen.Printf("%s\n", p.screen.Warn(console.Clean(about(b))))
		return
	}
	p.screen.Printf("%s  sound, heights %s to %s\n", filepath.Base(b.File),
		console.Thousands(int64(b.FirstBlock)), console.Thousands(int64(b.Height)))
}

// about is what is wrong with a backup, beginning with its name.
func about(b rpc.Backup) string {
	if strings.HasPrefix(b.Error, b.File) || strings.HasPrefix(b.Error, filepath.Base(b.File)) {
		return b.Error
	}
	return filepath.Base(b.File) + ": " + b.Error
}

func (p *program) backupRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE", Short: "Take in the chain of a backup",
		Long: `Takes in the blocks of a backup and of those before it, which lie beside it.
Every block is checked in full. Into an empty data directory this brings back
the chain; wallets come back from their words (lode wallet restore).

The rules of a network of one's own lie beside its backups as network.toml; an
empty data directory gets them from there.`,
		Example: "  lode backup restore backups/chain_backup_5.json\n  lode --datadir new backup restore backups/chain_backup_5.json",
		Args:    needArgs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			file, err := existingFile(args[0])
			if err != nil {
				return err
			}
			return p.withBackup(ctx, file, func(c *openChain) error {
				var result rpc.ImportResult
				if err := p.job(ctx, c, "Restoring", "lode_restorebackup", rpc.FileRequest{File: file}, &result); err != nil {
					return err
				}
				if err := p.showImport(result); err != nil || p.json {
					return err
				}
				wallets, err := c.ListWallets(ctx)
				if err == nil && len(wallets) == 0 {
					p.screen.Printf("Backups hold no keys: lode wallet restore brings the wallets back.\n")
				}
				return err
			})
		},
	}
}
