package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/node"
)

// lockFile is the lock of a network's folder; who holds it hosts the chain.
const lockFile = "lock"

// backupFolder is where the backups are unless another folder is set.
const backupFolder = "backups"

// ours are the entries of a network's folder that lode makes there. Anything
// else in it is somebody else's and stays. The network's rules stay too.
var ours = []string{"blocks", "db", "wallets", backupFolder, "settings", "lode.log", "lode.log.1", "host.json", "socket", ".cookie", historyFile}

func (p *program) resetCommand() *cobra.Command {
	var backups bool
	c := &cobra.Command{
		Use: "reset", Short: "Throw the chain and its wallets away",
		Long: `Throws the chain and its wallets away, after showing what goes and asking. The
backups of the chain stay unless --backups is given, and so do the rules of a
network of one's own: lode up begins it anew.`,
		Example: "  lode reset\n  lode reset --yes --backups",
		RunE: func(c *cobra.Command, _ []string) error {
			if p.lent != nil {
				return errors.New("the console holds the chain; leave it and run lode reset")
			}
			return p.runReset(c.Context(), backups)
		},
	}
	p.yesFlag(c, "do not ask")
	c.Flags().BoolVar(&backups, "backups", false, "throw the backups in the chain's folder away too")
	return c
}

// resetJSON is what reset --json prints. What could not be found out is left out.
type resetJSON struct {
	Folder  string   `json:"folder"`
	Removed []string `json:"removed"`
	Kept    []string `json:"kept"` // backups, in that folder or another
	Blocks  int32    `json:"blocks,omitempty"`
	Wallets int      `json:"wallets"`
	Note    string   `json:"note,omitempty"` // why the chain could not be looked at

	network string
	keys    int // of Wallets, those that no words bring back
}

func (p *program) runReset(ctx context.Context, backups bool) error {
	if p.json && !p.yes {
		return usagef("--json asks nothing: add --yes to throw the chain away")
	}
	dataDir, name, err := p.findFolder()
	if err != nil {
		return err
	}
	dir := filepath.Join(dataDir, name)
	if err := node.CheckFolder(dir); err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no chain in %s; nothing to throw away", dataDir)
	}
	out := resetJSON{Folder: dir}
	if out.Removed, out.Kept, err = resetEntries(dir, backups); err != nil {
		return err
	}
	if len(out.Removed) == 0 {
		return fmt.Errorf("nothing of lode is in %s but what stays", dir)
	}
	lock, err := lockToReset(dir)
	if err != nil {
		return err
	}
	_ = lock.Unlock() // opening the chain takes it
	if err := p.lookBeforeReset(ctx, dir, name, &out); err != nil {
		return err
	}
	if !p.json {
		p.showReset(out)
	}
	if err := p.confirmReset(ctx, name); err != nil {
		return err
	}
	if lock, err = lockToReset(dir); err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }() // nothing is left to protect
	for _, entry := range out.Removed {
		if err := os.RemoveAll(filepath.Join(dir, entry)); err != nil {
			return err
		}
	}
	if p.json {
		return p.printJSON(out)
	}
	p.screen.Printf("Gone. lode up begins anew.\n")
	return nil
}

// lockToReset takes the lock of a network's folder: only who holds it may remove
// what is in it, since a host would go on writing.
func lockToReset(dir string) (*platform.Lock, error) {
	lock, err := platform.TryLock(filepath.Join(dir, lockFile))
	if err == nil && lock == nil {
		err = errors.New("the chain is running; stop it first: lode stop")
	}
	return lock, err
}

// resetEntries returns those of ours that are in dir: what goes, and the backups
// if they stay.
func resetEntries(dir string, backups bool) (goes, stays []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	goes, stays = []string{}, []string{}
	for _, e := range entries {
		switch {
		case !slices.Contains(ours, e.Name()):
		case e.Name() == backupFolder && !backups:
			stays = append(stays, filepath.Join(dir, e.Name()))
		default:
			goes = append(goes, e.Name())
		}
	}
	return goes, stays, nil
}

// lookBeforeReset finds out what is lost. A chain that cannot be opened is no
// reason to refuse: throwing it away may be why the person is here. One that has
// been started meanwhile is.
func (p *program) lookBeforeReset(ctx context.Context, dir, name string, out *resetJSON) error {
	params, err := readRules(dir, name)
	if err != nil {
		out.Note = "the rules of the network cannot be read: " + oneLine(err)
		return nil
	}
	c, err := p.openAt(ctx, place{dir: dir, params: params}, node.Config{Command: "reset"})
	if err != nil {
		out.Note = "the chain cannot be opened: " + oneLine(err)
		return ctx.Err()
	}
	defer c.node.Close()
	if !c.node.IsHost() {
		return errors.New("the chain is running; stop it first: lode stop")
	}
	s, err := c.Status(ctx)
	if err != nil {
		out.Note = "the chain does not answer: " + oneLine(err)
		return ctx.Err()
	}
	out.network, out.Blocks, out.Wallets = s.Network, s.Height+1, s.Wallets
	if rel, err := filepath.Rel(dir, s.BackupDir); err != nil || strings.HasPrefix(rel, "..") {
		out.Kept = append(out.Kept, s.BackupDir)
	}
	if wallets, err := c.ListWallets(ctx); err == nil {
		for _, w := range wallets {
			if w.Source == "key" {
				out.keys++
			}
		}
	}
	return nil
}

// showReset says what goes and what stays.
func (p *program) showReset(r resetJSON) {
	p.screen.Notef("This goes for good from %s:\n  %s\n", r.Folder, strings.Join(r.Removed, ", "))
	if r.Note != "" {
		p.screen.Notef("  (%s)\n", console.Clean(r.Note))
	} else {
		p.screen.Notef("  %s of %s\n", console.Count(r.Blocks, "block"), r.network)
	}
	if n := r.Wallets - r.keys; n > 0 {
		p.screen.Notef("  %s: only their words bring them back\n", console.Count(n, "wallet"))
	}
	if r.keys > 0 {
		p.screen.Notef("  %s: no words bring them back, only the keys themselves\n", console.Count(r.keys, "wallet of an imported key", "wallets of imported keys"))
	}
	for _, dir := range r.Kept {
		hint := ""
		if dir == filepath.Join(r.Folder, backupFolder) {
			hint = " (--backups throws them away too)"
		}
		p.screen.Notef("The backups in %s stay%s.\n", dir, hint)
	}
}

// confirmReset asks. Where real words may go, the network's name has to be
// typed; a yes is too easy.
func (p *program) confirmReset(ctx context.Context, name string) error {
	if p.yes || name == demoNetwork {
		return p.confirm(ctx, "Throw it away?")
	}
	if !p.canAsk() {
		return usagef("this asks before it acts; where nobody can answer, add --yes")
	}
	answer, err := p.screen.Ask(ctx, fmt.Sprintf("Type %s to throw it away: ", name))
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != name {
		return errDeclined
	}
	return nil
}
