package main

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/miner"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

// minerFlags are the flags of miner.
type minerFlags struct {
	to       string
	interval time.Duration
	threads  int
	blocks   int
}

func (p *program) minerCommand() *cobra.Command {
	var f minerFlags
	c := &cobra.Command{
		Use: "miner", Short: "Mine in a process of its own until Ctrl-C",
		Long: `Mines in a process of its own: the first block at once, then one at each
interval, transactions or not. Any number of miners may run. When the node goes
away they wait for it, or become it.`,
		Example: "  lode miner\n  lode miner --to Wallet2 --interval 10s\n  lode miner --blocks 2 --interval 1s",
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case c.Flags().Changed("interval") && f.interval < 0:
				return usagef("--interval %s: 0 or more", f.interval)
			case f.threads < 1 || f.threads > 1024:
				return usagef("--threads %d: 1 to 1,024", f.threads)
			case f.blocks < 0:
				return usagef("--blocks %d: 0 (no end) or more", f.blocks)
			}
			return p.runMiner(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.to, "to", "", "wallet or address that is paid (default: the default wallet)")
	_ = c.RegisterFlagCompletionFunc("to", p.completeWallets)
	flags.DurationVar(&f.interval, "interval", 30*time.Second, "time between blocks")
	flags.IntVar(&f.threads, "threads", 1, "processor cores that search")
	flags.IntVar(&f.blocks, "blocks", 0, "end after this many blocks (default: no end)")
	return c
}

func (p *program) runMiner(ctx context.Context, f minerFlags) error {
	c := p.lent
	if c == nil {
		where, err := p.findPlace()
		if err != nil {
			return err
		}
		if c, err = p.openAt(ctx, where, node.Config{Command: "miner", LongLived: true}); err != nil {
			return err
		}
	}
	m := &minerSession{program: p, flags: f, chain: c}
	err := m.run(ctx)
	farewell := m.farewell(ctx, err)
	if closed := p.close(c); closed != nil && (err == nil || errors.Is(err, errEnded)) {
		return closed
	}
	if farewell != "" && !p.json {
		p.screen.Printf("%s\n", farewell)
	}
	return err
}

// minerSession is one run of miner. Its mutex guards the output.
type minerSession struct {
	*program
	flags minerFlags
	chain *openChain

	stopped bool // somebody stopped the chain for all

	mu    sync.Mutex
	to    string // what is paid, for people
	mined int
}

func (m *minerSession) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if m.lent == nil {
		group.Go(func() error { return m.chain.node.Run(ctx, m.changed) })
	}
	group.Go(func() error {
		if err := m.mine(ctx); err != nil {
			return err
		}
		return errEnded
	})
	err := group.Wait()
	m.stopped = errors.Is(err, errStopping) || errors.Is(err, node.ErrStopped)
	if m.stopped || err == nil {
		return errEnded
	}
	return err
}

// mine waits for somebody to pay, then mines until ctx ends or all is mined.
func (m *minerSession) mine(ctx context.Context) error {
	wallet, script, err := m.payee(ctx)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	status, err := m.chain.Status(ctx)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	m.say("Mining to %s every %s on %s, from height %s. Ctrl-C stops.",
		m.to, console.Duration(m.flags.interval), status.Network, console.Thousands(int64(status.Height)))
	worker := miner.New(miner.Config{
		Source:   miner.NewRPCSource(m.chain.Client, script, rand.New(rand.NewPCG(seed(), seed()))),
		Policy:   miner.Always,
		Interval: m.flags.interval,
		First:    true,
		Threads:  m.flags.threads,
		Blocks:   m.flags.blocks,
		Rand:     rand.New(rand.NewPCG(seed(), seed())),
		OnBlock:  func(found miner.Found) { m.found(ctx, wallet, found) },
		OnRefused: func(height int32, reason string) {
			m.say("Block %s came too late or was refused (%s); trying again.", console.Thousands(int64(height)), console.Clean(reason))
		},
		OnAway: func(err error) { m.say("The node does not answer (%s); trying again.", console.Clean(oneLine(err))) },
		OnBack: func() { m.say("The node is back.") },
	})
	return worker.Run(ctx)
}

// payee returns whom blocks pay: the wallet, if it is one, and the script. With
// no wallet here it says so and waits for one, so that miner, up and wallet new
// can be started in any order.
func (m *minerSession) payee(ctx context.Context) (rpc.Wallet, []byte, error) {
	if m.flags.to != "" {
		if script, err := address.Decode(m.flags.to, m.chain.params); err == nil {
			m.to = m.flags.to
			w, err := m.chain.FindWallet(ctx, m.flags.to)
			if err != nil {
				return rpc.Wallet{}, script, nil // somebody else's address
			}
			return w, script, nil
		}
	}
	w, err := m.wallet(ctx)
	if errors.Is(err, errNoWallet) {
		m.note("%s. Waiting for one.", capital(errNoWallet.Error()))
		err = until(ctx, m.chain, 0, func() error { return nil }, func() (bool, error) {
			w, err = m.wallet(ctx)
			if errors.Is(err, errNoWallet) {
				return false, nil
			}
			return err == nil, err
		})
	}
	if err != nil {
		return rpc.Wallet{}, nil, err
	}
	m.to = console.Clean(w.Name)
	script, err := address.Decode(w.Address, m.chain.params)
	return w, script, err
}

// wallet returns the wallet of --to or the default one.
func (m *minerSession) wallet(ctx context.Context) (rpc.Wallet, error) {
	wallets, err := m.chain.ListWallets(ctx)
	if err != nil {
		return rpc.Wallet{}, err
	}
	if m.flags.to != "" && (len(wallets) > 0 || len(m.flags.to) >= shortestAddress) {
		return m.chain.FindWallet(ctx, m.flags.to) // an address that is wrong stays so
	}
	for _, w := range wallets {
		if w.Default {
			return w, nil
		}
	}
	if len(wallets) == 0 {
		return rpc.Wallet{}, errNoWallet
	}
	return wallets[0], nil
}

// minedJSON is a line of miner --json.
type minedJSON struct {
	Height  int32       `json:"height"`
	Hash    string      `json:"hash"`
	Reward  rpc.Amount  `json:"reward"`
	Balance *rpc.Amount `json:"balance,omitempty"` // spendable and immature; absent for an address of nobody here
}

// found shows a block: height, hash, reward, balance, and the new reward when
// a halving comes next.
func (m *minerSession) found(ctx context.Context, wallet rpc.Wallet, found miner.Found) {
	line := minedJSON{Height: found.Height, Hash: found.Hash.String(), Reward: rpc.Amount(found.Reward)}
	if wallet.Name != "" {
		if w, err := m.chain.FindWallet(ctx, fmt.Sprint(wallet.Number)); err == nil {
			sum := w.Spendable + w.Immature
			line.Balance = &sum
		}
	}
	m.mu.Lock()
	m.mined++
	m.mu.Unlock()
	if m.json {
		if b, err := json.Marshal(line); err == nil {
			m.screen.Printf("%s\n", b)
		}
		return
	}
	text := fmt.Sprintf("Block %s  %s  reward %s", console.Thousands(int64(line.Height)), line.Hash, line.Reward)
	if line.Balance != nil {
		text += fmt.Sprintf("  balance %s", *line.Balance)
	}
	m.say("%s", text)
	before, next := m.chain.params.SubsidyAt(found.Height), m.chain.params.SubsidyAt(found.Height+1)
	switch {
	case next < before && next > 0:
		m.say("Halving: from block %s on the reward is %s.", console.Thousands(int64(found.Height)+1), rpc.Amount(next))
	case next < before:
		m.say("Halving: from block %s on there is no reward but fees.", console.Thousands(int64(found.Height)+1))
	}
}

func (m *minerSession) say(format string, args ...any) {
	if m.json {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.screen.Printf(format+"\n", args...)
}

func (m *minerSession) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.screen.Notef(format+"\n", args...)
}

// changed tells of another host.
func (m *minerSession) changed(role node.Role) {
	if role.Host {
		m.say("This process hosts the chain now.")
	} else {
		m.say("The chain is hosted by pid %d, %s.", role.PID, role.Command)
	}
}

func (m *minerSession) farewell(ctx context.Context, err error) string {
	if err != nil && !errors.Is(err, errEnded) || m.flags.blocks > 0 && ctx.Err() == nil {
		return ""
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellWait)
	defer cancel()
	text := fmt.Sprintf("Stopped after %s", console.Count(m.mined, "block"))
	if m.stopped {
		return text + "."
	}
	if s, err := m.chain.Status(asking); err == nil {
		if pid, command := goesOn(s); pid != 0 {
			text += fmt.Sprintf("; the chain goes on in pid %d, %s", pid, command)
		}
	}
	return text + "."
}

// seed returns a start for a random source: two miners must not search the same
// blocks or retry in step.
func seed() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails (crypto/rand)
	return binary.LittleEndian.Uint64(b[:])
}
