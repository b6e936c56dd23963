package chain

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
)

// TestGroupIsInvisibleUntilItCommits looks at the chain from outside while a
// group runs.
func TestGroupIsInvisibleUntilItCommits(t *testing.T) {
	d := newDisk(shortMaturity())
	m := d.open(t)
	blocks := buildChain(d.params, d.params.Genesis, 0, 3)
	changed := m.Changed()
	err := m.Group(t.Context(), func(g *Group) error {
		for i, b := range blocks {
			result, err := g.Accept(b, far)
			if err != nil || !result.Best || g.Tip() != result.Entry || g.Tip().Height != int32(i+1) {
				t.Fatalf("block %d: %+v, %v", i, result, err)
			}
		}
		if m.Tip().Height != 0 || m.ByHash(blocks[0].BlockHash()) != nil || m.ByHeight(1) != nil || len(m.Tips()) != 1 {
			t.Error("the group can be seen")
		}
		coins, _, err := m.Coins([]wire.OutPoint{{Hash: blocks[0].Transactions[0].TxHash()}})
		if err != nil || coins[0] != nil {
			t.Errorf("its coins can be seen: %v, %v", coins, err)
		}
		select {
		case <-changed:
			t.Error("a change was announced")
		default:
		}
		if result, err := g.Accept(blocks[0], far); err != nil || !result.Known || !result.Best {
			t.Errorf("own block again: %+v, %v", result, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	<-changed
	if m.Tip().Height != 3 || m.ByHash(blocks[0].BlockHash()) != m.ByHeight(1) {
		t.Error("the group has not been published")
	}
}

func TestFailedGroupLeavesNothing(t *testing.T) {
	d := newDisk(shortMaturity())
	m := d.open(t)
	blocks := buildChain(d.params, d.params.Genesis, 0, 5)
	if _, err := m.Accept(blocks[0], far); err != nil {
		t.Fatal(err)
	}
	end := m.files.End()
	stop := errors.New("changed my mind")
	err := m.Group(t.Context(), func(g *Group) error {
		for _, b := range blocks[1:4] {
			if _, err := g.Accept(b, far); err != nil {
				return err
			}
		}
		return stop
	})
	if err != stop || m.Tip().Height != 1 || m.files.End() != end {
		t.Fatalf("%v, height %d, end %v", err, m.Tip().Height, m.files.End())
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = m.Group(t.Context(), func(g *Group) error {
			if _, err := g.Accept(blocks[1], far); err != nil {
				return err
			}
			panic("a bug of the caller")
		})
	}()
	acceptAll(t, m, blocks)
	if m.Tip().Height != 5 || storedCoins(t, d.store).digest() != replayed(t, m, m.Tip()).digest() {
		t.Error("the chain does not go on")
	}
}

// TestGroupCommitsByItself fills a group beyond its bound and then fails it:
// what was committed at the bound stays.
func TestGroupCommitsByItself(t *testing.T) {
	d := newDisk(network.Regtest())
	m := d.open(t)
	blocks := buildChain(d.params, d.params.Genesis, 0, groupBlocks+10)
	stop := errors.New("stop")
	err := m.Group(t.Context(), func(g *Group) error {
		for _, b := range blocks {
			if _, err := g.Accept(b, far); err != nil {
				return err
			}
		}
		if err := g.Commit(); err != nil {
			return err
		}
		return stop
	})
	if err != stop || m.Tip().Height != groupBlocks+10 {
		t.Fatalf("%v, height %d", err, m.Tip().Height)
	}
	// A long reorganisation commits on its way, and ends where it should.
	if err := m.Invalidate(blocks[4].BlockHash()); err != nil {
		t.Fatal(err)
	}
	if m.Tip().Height != 4 {
		t.Errorf("height %d", m.Tip().Height)
	}
	if err := m.Reconsider(blocks[4].BlockHash()); err != nil {
		t.Fatal(err)
	}
	if m.Tip().Height != groupBlocks+10 {
		t.Errorf("height %d", m.Tip().Height)
	}
	if storedCoins(t, d.store).digest() != replayed(t, m, m.Tip()).digest() {
		t.Error("coins differ from a replay")
	}
}

func TestGroupBounds(t *testing.T) {
	for name, g := range map[string]*Group{
		"files": {fileBytes: groupFileBytes},
		"coins": {coinBytes: groupCoinBytes},
	} {
		if !g.full() {
			t.Errorf("%s: not full at the bound", name)
		}
	}
	if (&Group{fileBytes: groupFileBytes - 1, coinBytes: groupCoinBytes - 1}).full() {
		t.Error("full below the bounds")
	}
}

// TestOneWriterAtATime lets a second writer wait, and give up.
func TestOneWriterAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDisk(network.Regtest()).open(t)
		defer m.Close()
		err := m.Group(t.Context(), func(*Group) error {
			ctx, cancel := context.WithCancel(t.Context())
			waited := make(chan error)
			go func() { waited <- m.Group(ctx, func(*Group) error { return nil }) }()
			synctest.Wait()
			select {
			case err := <-waited:
				t.Errorf("did not wait: %v", err)
			default:
			}
			cancel()
			if err := <-waited; !errors.Is(err, context.Canceled) {
				t.Errorf("gave up with %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestCancelledGroupTakesNoMore(t *testing.T) {
	d := newDisk(network.Regtest())
	m := d.open(t)
	blocks := buildChain(d.params, d.params.Genesis, 0, 2)
	ctx, cancel := context.WithCancel(t.Context())
	err := m.Group(ctx, func(g *Group) error {
		if _, err := g.Accept(blocks[0], far); err != nil {
			return err
		}
		cancel()
		if _, err := g.Accept(blocks[1], far); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		return nil // keep what is there
	})
	if err != nil || m.Tip().Height != 1 {
		t.Errorf("%v, height %d", err, m.Tip().Height)
	}
}

func TestClosedChainRefusesBlocks(t *testing.T) {
	d := newDisk(network.Regtest())
	m := d.open(t)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := m.Accept(buildChain(d.params, d.params.Genesis, 0, 1)[0], far)
	if !errors.Is(err, ErrStopped) || consensus.SortOf(err) != consensus.Local {
		t.Errorf("got %v", err)
	}
}

// TestCheckCacheSavesScripts counts the script checks of a block whose
// transaction is known to be good.
func TestCheckCacheSavesScripts(t *testing.T) {
	for _, known := range []bool{false, true} {
		d := newDisk(shortMaturity())
		counter := &countingExecutor{}
		c := d.config()
		c.Exec, c.Checked = counter, NewCheckCache(10)
		m, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		blocks := buildChain(d.params, d.params.Genesis, 0, 2)
		tx := spendOutput(blocks[0].Transactions[0], 0, 7)
		c.Checked.Add(tx.WitnessHash(), 0) // of other flags: does not count
		if known {
			c.Checked.Add(tx.WitnessHash(), consensus.ScriptFlags(d.params, 3))
		}
		blocks = append(blocks, buildBlock(d.params, blocks[1], 3, "", func(b *wire.MsgBlock) {
			b.Transactions = append(b.Transactions, tx)
		}))
		acceptAll(t, m, blocks)
		if want := map[bool]int{false: 1, true: 0}[known]; counter.checks != want {
			t.Errorf("known %v: %d checks were run, want %d", known, counter.checks, want)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

type countingExecutor struct {
	serial
	checks int
}

func (c *countingExecutor) Run(n int, check func(i int) error) (int, error) {
	c.checks += n
	return c.serial.Run(n, check)
}
