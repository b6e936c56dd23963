package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func (p *program) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show who hosts the chain, where it listens and where it stands",
		Long:    "Shows who hosts the chain, where it listens and where it stands.",
		Example: "  lode status\n  lode status --json",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.existing(ctx, "status", func(c *openChain) error {
				s, err := p.readStatus(ctx, c)
				if err != nil {
					return err
				}
				p.noteDamaged(s)
				if p.json {
					return p.printJSON(s)
				}
				p.showStatus(s)
				return nil
			})
		},
	}
}

// readStatus returns the chain's status. When this command is its own host, it
// says that nobody hosts: in a moment that is true again.
func (p *program) readStatus(ctx context.Context, c *openChain) (rpc.Status, error) {
	s, err := c.Status(ctx)
	if err == nil && p.lent == nil && s.HostPID == os.Getpid() {
		s.HostPID, s.HostCommand, s.Socket, s.Started = 0, "", "", 0
		s.Mining.NextBlock, s.Mining.Note = 0, "nobody hosts the chain"
	}
	return s, err
}

func (p *program) showStatus(s rpc.Status) {
	host := "nobody; lode up starts one"
	if s.HostPID != 0 {
		host = fmt.Sprintf("pid %d, %s, for %s", s.HostPID, s.HostCommand, console.Duration(p.now().Sub(time.Unix(s.Started, 0))))
	}
	rpcURL := s.RPCURL
	if rpcURL == "" && s.RPCNote != "" {
		rpcURL = "no port: " + s.RPCNote
	}
	var guests []string
	for _, g := range s.Guests {
		guests = append(guests, fmt.Sprintf("pid %d, %s", g.PID, g.Command))
	}
	wallets := console.Thousands(int64(s.Wallets))
	if len(s.Damaged) > 0 {
		wallets += fmt.Sprintf(", %s more cannot be read", console.Thousands(int64(len(s.Damaged))))
	}
	switch {
	case s.Locked:
		wallets += ", under a passphrase, locked"
	case s.Encrypted:
		wallets += ", under a passphrase, open (lode wallet lock)"
	}
	switch {
	case s.Plain == 0:
	case s.Encrypted:
		wallets += fmt.Sprintf(", %s of them plain", console.Thousands(int64(s.Plain)))
	case s.Published == s.Plain:
		wallets += ", of published words: everybody has the keys"
	default:
		wallets += ", plain: who can read the files has the keys"
	}
	p.screen.Fields(
		[2]string{"Network", s.Network},
		[2]string{"Folder", s.DataDir},
		[2]string{"Host", host},
		[2]string{"Guests", strings.Join(guests, "; ")},
		[2]string{"RPC", rpcURL},
		[2]string{"Cookie", s.CookieFile},
		[2]string{"Height", console.Thousands(int64(s.Height))},
		[2]string{"Tip", fmt.Sprintf("%s, %s", s.BestBlock, p.when(s.TipTime))},
		[2]string{"Waiting", console.Count(s.MempoolTxs, "transaction")},
		[2]string{"Wallets", wallets},
		[2]string{"Default", console.Clean(s.DefaultWallet)},
		[2]string{"Mining", p.miningLine(s)},
		[2]string{"Backups", backupLine(s)},
	)
}

// miningLine says in one line how the host mines, and which miners do.
func (p *program) miningLine(s rpc.Status) string {
	var miners []string
	for _, m := range minersOf(s) {
		miners = append(miners, fmt.Sprintf("pid %d, %s", m.PID, m.Command))
	}
	switch line := p.hostMining(s); {
	case len(miners) == 0:
		return line
	case s.Mining.Note != "" || s.Mining.Mode == "never":
		return "by " + strings.Join(miners, "; ")
	default:
		return line + "; and by " + strings.Join(miners, "; ")
	}
}

// minersOf returns the processes that mine by themselves.
func minersOf(s rpc.Status) []rpc.Guest {
	return slices.DeleteFunc(append(slices.Clone(s.Guests), rpc.Guest{PID: s.HostPID, Command: s.HostCommand}),
		func(g rpc.Guest) bool { return !strings.HasPrefix(g.Command, "lode miner") })
}

// hostMining says how the host itself mines.
func (p *program) hostMining(s rpc.Status) string {
	if s.Mining.Note != "" {
		return s.Mining.Note
	}
	var line string
	switch s.Mining.Mode {
	case "always":
		line = "a block every " + s.Mining.Interval
	case "on-tick":
		line = "every " + s.Mining.Interval + " when a transaction waits"
	case "on-tx":
		line = "as soon as a transaction waits"
	case "never":
		return "not by itself; lode mine or lode miner does"
	default:
		return s.Mining.Mode
	}
	if s.Mining.To != "" {
		line += ", paid to " + console.Clean(s.Mining.To)
	}
	return line
}

func backupLine(s rpc.Status) string {
	switch {
	case s.BackupError != "":
		return "the last one failed: " + s.BackupError
	case s.Settings.BackupEvery < 0:
		return "off"
	case s.BackupDir == "":
		return ""
	}
	return fmt.Sprintf("every %s to %s", console.Count(s.Settings.BackupEvery, "block"), s.BackupDir)
}

func (p *program) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "Stop the chain for all: lode up, miners and consoles",
		Long:    "Stops the chain for all: the process that hosts it and those that would take its\nplace. Everything is kept.",
		Example: "  lode stop",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.existing(ctx, "stop", func(c *openChain) error {
				role := c.node.Role()
				if role.Host && p.lent == nil {
					return errors.New("no host is running in this data directory; start one with lode up")
				}
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				if err := c.Stop(ctx, true); err != nil {
					return err
				}
				p.screen.Printf("Stopped at height %s: pid %d, %s.\n", console.Thousands(int64(s.Height)), role.PID, role.Command)
				for _, g := range s.Guests {
					p.screen.Printf("Stopped too: pid %d, %s.\n", g.PID, g.Command)
				}
				return nil
			})
		},
	}
}

// runBare is lode without a command: on a terminal the state in five lines and
// three next commands, elsewhere the help.
func (p *program) runBare(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(c, args[0])
	}
	if !p.screen.OutIsTerminal() {
		return c.Help()
	}
	where, err := p.findPlace()
	if err != nil {
		return err
	}
	if _, err := os.Stat(where.dir); errors.Is(err, fs.ErrNotExist) {
		p.screen.Printf("lode: a private Bitcoin-style chain in one program.\nThere is no chain in %s yet.\n\n", where.dataDir)
		p.nextCommands([2]string{"lode up", "a living chain with five funded wallets"},
			[2]string{"lode init NAME", "a chain of your own, to keep"},
			[2]string{"lode --help", "all commands"})
		return nil
	}
	ctx := c.Context()
	return p.with(ctx, "", func(c *openChain) error {
		s, err := p.readStatus(ctx, c)
		if err != nil {
			return err
		}
		wallets, err := c.ListWallets(ctx)
		if err != nil {
			return err
		}
		p.showBare(s, wallets)
		return nil
	})
}

func (p *program) showBare(s rpc.Status, wallets []rpc.Wallet) {
	host := "nobody hosts it now"
	if s.HostPID != 0 {
		host = fmt.Sprintf("hosted by pid %d, %s", s.HostPID, s.HostCommand)
	}
	var spendable, immature rpc.Amount
	for _, w := range wallets {
		spendable, immature = spendable+w.Spendable, immature+w.Immature
	}
	p.screen.Fields(
		[2]string{"Network", fmt.Sprintf("%s in %s", s.Network, s.DataDir)},
		[2]string{"Chain", fmt.Sprintf("height %s, %s", console.Thousands(int64(s.Height)), host)},
		[2]string{"Tip", fmt.Sprintf("%s, %s", console.Short(s.BestBlock, 24), p.when(s.TipTime))},
		[2]string{"Wallets", fmt.Sprintf("%s with %s spendable, %s immature", console.Thousands(int64(len(wallets))), spendable, immature)},
		[2]string{"Waiting", console.Count(s.MempoolTxs, "transaction")},
	)
	p.screen.Printf("\n")
	up := [2]string{"lode up", "keep the chain running"}
	if s.HostPID != 0 {
		up = [2]string{"lode mine", "make a block now"}
	}
	second := [2]string{"lode send", "pay somebody"}
	if len(wallets) == 0 {
		second = [2]string{"lode wallet new", "make a wallet"}
	}
	p.nextCommands(up, second, [2]string{"lode console", "talk to the chain; lode --help lists all"})
}

func (p *program) nextCommands(commands ...[2]string) {
	p.screen.Printf("Next:\n")
	for _, c := range commands {
		p.screen.Printf("  %-18s%s\n", c[0], p.screen.Faint(c[1]))
	}
}
