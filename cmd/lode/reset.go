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

// ours are the entries of a network's folder that lode makes there. Anything
// else in it is somebody else's and stays. The network's rules stay too.
var ours = []string{"blocks", "db", "wallets", "backups", "settings", "lode.log", "lode.log.1", "host.json", "socket", ".cookie", historyFile}

func (p *program) resetCommand() *cobra.Command {
	var keepBackups bool
	c := &cobra.Command{
		Use: "reset", Short: "Throw the chain and its wallets away",
		Long: `Throws the chain, its wallets and its backups away, after showing what goes and
asking. The rules of a network of one's own stay, so that lode up begins it anew.`,
		Example: "  lode reset\n  lode reset --yes --keep-backups",
		RunE: func(c *cobra.Command, _ []string) error {
			if p.lent != nil {
				return errors.New("the console holds the chain; leave it and run lode reset")
			}
			return p.runReset(c.Context(), keepBackups)
		},
	}
	p.yesFlag(c, "do not ask")
	c.Flags().BoolVar(&keepBackups, "keep-backups", false, "leave the backups")
	return c
}

func (p *program) runReset(ctx context.Context, keepBackups bool) error {
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
	goes, err := resetEntries(dir, keepBackups)
	if err != nil {
		return err
	}
	if len(goes) == 0 {
		return fmt.Errorf("nothing of lode is in %s", dir)
	}
	p.screen.Notef("This goes for good from %s:\n", dir)
	for _, line := range p.describeReset(ctx, dir, name, goes) {
		p.screen.Notef("  %s\n", line)
	}
	if err := p.confirmReset(ctx, name); err != nil {
		return err
	}
	// Only who holds the lock may remove: a host would go on writing.
	lock, err := platform.TryLock(filepath.Join(dir, lockFile))
	if err != nil {
		return err
	}
	if lock == nil {
		return errors.New("the chain is running; stop it first: lode stop")
	}
	defer func() { _ = lock.Unlock() }() // nothing is left to protect
	for _, entry := range goes {
		if err := os.RemoveAll(filepath.Join(dir, entry)); err != nil {
			return err
		}
	}
	p.screen.Printf("Gone. lode up begins anew.\n")
	return nil
}

// resetEntries returns those of ours that are in dir.
func resetEntries(dir string, keepBackups bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var goes []string
	for _, e := range entries {
		if slices.Contains(ours, e.Name()) && !(keepBackups && e.Name() == "backups") {
			goes = append(goes, e.Name())
		}
	}
	return goes, nil
}

// describeReset says what is lost. A chain that cannot be opened is no reason
// to refuse: throwing it away may be why the person is here.
func (p *program) describeReset(ctx context.Context, dir, name string, goes []string) []string {
	lines := []string{strings.Join(goes, ", ")}
	params, err := readRules(dir, name)
	if err != nil {
		return append(lines, "(the rules of the network cannot be read: "+oneLine(err)+")")
	}
	c, err := p.openAt(ctx, place{dir: dir, params: params}, node.Config{Command: "reset"})
	if err != nil {
		return append(lines, "(the chain cannot be opened: "+oneLine(err)+")")
	}
	defer c.node.Close()
	s, err := c.Status(ctx)
	if err != nil {
		return append(lines, "(the chain does not answer: "+oneLine(err)+")")
	}
	lines = append(lines, fmt.Sprintf("%s of %s", console.Count(s.Height+1, "block"), s.Network))
	if s.Wallets > 0 {
		lines = append(lines, console.Count(s.Wallets, "wallet")+": only their words bring them back")
	}
	if slices.Contains(goes, "backups") {
		if backups, err := c.Backups(ctx, filepath.Join(dir, "backups")); err == nil && len(backups) > 0 {
			lines = append(lines, console.Count(len(backups), "backup")+" (--keep-backups leaves them)")
		}
	}
	return lines
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
