package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/miner"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

// up are the flags of up.
type up struct {
	wallets        int
	mnemonicFile   string
	randomMnemonic bool
	interval       time.Duration
	emptyBlocks    bool
	noMining       bool
	mineOnTx       bool
	mining         string
	to             string
	temp           bool
	rpcPort        int
	readyFile      string
	backupEvery    int
	backupDir      string
	passphraseFile string

	given func(flag string) bool // was it on the command line?
}

// defaultWallets is how many wallets the demonstration begins with.
const defaultWallets = 5

// maxUpWallets is how many wallets up makes. Policy: all are funded by one
// transaction a block.
const maxUpWallets = 1000

func (p *program) upCommand() *cobra.Command {
	var f up
	c := &cobra.Command{
		Use: "up", Short: "Start the chain and keep it running",
		Long: `Opens the data directory, or makes it, and keeps the chain running until Ctrl-C.
An empty one becomes the demonstration network regtest with five funded wallets.

A block is mined at each interval when a transaction waits. Interval, mining,
backups and port are remembered for the next time. When another process hosts
the chain already, the flags are applied there, and this one shows what
happens.`,
		Example: `  lode up
  lode up --interval 10s --empty-blocks
  lode up --wallets 20 --random-mnemonic
  lode up --temp --rpc-port 0 --ready-file ready`,
		RunE: func(c *cobra.Command, _ []string) error {
			if p.lent != nil {
				return errors.New("the chain is up: this console holds it open")
			}
			f.given = c.Flags().Changed
			if err := onlyOne(f.given, "mining", "empty-blocks", "mine-on-tx", "no-mining"); err != nil {
				return err
			}
			if err := onlyOne(f.given, "mnemonic-file", "random-mnemonic"); err != nil {
				return err
			}
			return p.runUp(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.IntVar(&f.wallets, "wallets", defaultWallets, "wallets that an empty regtest begins with; 0 for none")
	flags.StringVar(&f.mnemonicFile, "mnemonic-file", "", "file with the words of these wallets (- for standard input)")
	flags.BoolVar(&f.randomMnemonic, "random-mnemonic", false, "new random words for these wallets")
	flags.DurationVar(&f.interval, "interval", 0, "time between blocks (default 30s)")
	flags.StringVar(&f.mining, "mining", "", "when to mine: on-tick (at each interval when a transaction waits), always, on-tx, never")
	flags.BoolVar(&f.emptyBlocks, "empty-blocks", false, "mine at each interval, transactions or not; as --mining always")
	flags.BoolVar(&f.mineOnTx, "mine-on-tx", false, "mine as soon as a transaction waits; as --mining on-tx")
	flags.BoolVar(&f.noMining, "no-mining", false, "do not mine; as --mining never")
	flags.StringVar(&f.to, "to", "", "wallet or address that mined blocks pay (default: the default wallet)")
	flags.IntVar(&f.rpcPort, "rpc-port", 0, "port for RPC; 0 is any free one (default: the network's)")
	flags.IntVar(&f.backupEvery, "backup-every", 0, "blocks between backups; 0 for none (default 5)")
	flags.StringVar(&f.backupDir, "backup-dir", "", "folder for the backups (default: backups in the chain's folder)")
	flags.StringVar(&f.readyFile, "ready-file", "", "file that appears when all is ready, with the status as JSON")
	flags.BoolVar(&f.temp, "temp", false, "use a throw-away folder and a free port; all is deleted at the end")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	_ = c.RegisterFlagCompletionFunc("mining", cobra.FixedCompletions(miner.Policies(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// settings are what the flags change.
func (f up) settings() (rpc.Settings, error) {
	s := rpc.Settings{MiningTo: f.to}
	if f.given("interval") {
		if f.interval <= 0 {
			return s, usagef("--interval %s: a time such as 30s or 2m", f.interval)
		}
		s.Interval = f.interval.String()
	}
	if f.given("mining") && !slices.Contains(miner.Policies(), f.mining) {
		return s, usagef("--mining %s: one of %s", f.mining, console.List(miner.Policies()))
	}
	for _, mode := range []struct {
		flag, value string
		on          bool
	}{
		{"mining", f.mining, true},
		{"empty-blocks", string(miner.Always), f.emptyBlocks},
		{"mine-on-tx", string(miner.OnTx), f.mineOnTx},
		{"no-mining", string(miner.Never), f.noMining},
	} {
		if f.given(mode.flag) {
			s.MiningMode = string(miner.OnTick)
			if mode.on {
				s.MiningMode = mode.value
			}
		}
	}
	if f.given("rpc-port") || f.temp {
		if f.rpcPort < 0 || f.rpcPort > 65535 {
			return s, usagef("--rpc-port %d: 0 to 65535", f.rpcPort)
		}
		s.RPCPort = &f.rpcPort
	}
	if f.given("backup-every") {
		if f.backupEvery < 0 {
			return s, usagef("--backup-every %d: 0 or more blocks", f.backupEvery)
		}
		s.BackupEvery = f.backupEvery
		if f.backupEvery == 0 {
			s.BackupEvery = -1 // 0 means "not said" in rpc.Settings
		}
	}
	if f.backupDir != "" {
		dir, err := absolute(f.backupDir)
		if err != nil {
			return s, err
		}
		s.BackupDir = dir
	}
	return s, nil
}

func (p *program) runUp(ctx context.Context, f up) (err error) {
	if f.wallets < 0 || f.wallets > maxUpWallets {
		return usagef("--wallets %d: 0 to %s; lode wallet new makes more later", f.wallets, console.Thousands(maxUpWallets))
	}
	settings, err := f.settings()
	if err != nil {
		return err
	}
	words, err := p.upWords(f)
	if err != nil {
		return err
	}
	if f.readyFile, err = prepareReadyFile(f.readyFile); err != nil {
		return err
	}
	where, cleanUp, err := p.upPlace(f)
	if err != nil {
		return err
	}
	defer cleanUp()
	c, err := p.openAt(ctx, where, node.Config{Command: "up", LongLived: true, Mine: true, RPCPort: settings.RPCPort})
	if err != nil {
		return err
	}
	session := &upSession{program: p, flags: f, settings: settings, chain: c, words: words}
	err = session.run(ctx)
	if f.readyFile != "" {
		os.Remove(f.readyFile)
	}
	farewell := session.farewell(err)
	if closed := c.node.Close(); err == nil || errors.Is(err, errEnded) {
		if closed != nil {
			return closed
		}
	}
	if farewell != "" && !p.json {
		p.screen.Printf("%s\n", farewell)
	}
	return err
}

// prepareReadyFile returns the absolute path of the ready file, after making sure
// that it can be written. One left by a run that was killed goes: it would say
// "ready" too early.
func prepareReadyFile(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	abs, err := absolute(file)
	if err != nil {
		return "", err
	}
	fail := func(err error) (string, error) {
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			err = path.Err
		}
		return "", fmt.Errorf("--ready-file %s cannot be written: %w", file, err)
	}
	if info, err := os.Lstat(abs); err == nil && info.IsDir() {
		return fail(errors.New("it is a folder"))
	}
	if _, err := os.Stat(filepath.Dir(abs)); errors.Is(err, fs.ErrNotExist) {
		return fail(fmt.Errorf("there is no folder %s", filepath.Dir(abs)))
	}
	probe, err := os.CreateTemp(filepath.Dir(abs), ".lode-ready-")
	if err != nil {
		return fail(err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fail(err)
	}
	if err := os.Remove(abs); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	return abs, nil
}

// upPlace returns where up works, and what to do with it in the end.
func (p *program) upPlace(f up) (place, func(), error) {
	if !f.temp {
		where, err := p.findPlace()
		return where, func() {}, err
	}
	if p.dataDir != "" {
		return place{}, nil, usagef("--temp makes a folder of its own; leave --datadir out")
	}
	dataDir, err := os.MkdirTemp("", "lode-")
	if err != nil {
		return place{}, nil, fmt.Errorf("making the throw-away folder: %w", err)
	}
	cleanUp := func() { os.RemoveAll(dataDir) }
	params, err := readRules(filepath.Join(dataDir, demoNetwork), demoNetwork)
	if err != nil {
		cleanUp()
		return place{}, nil, err
	}
	return place{dataDir: dataDir, dir: filepath.Join(dataDir, demoNetwork), params: params}, cleanUp, nil
}
