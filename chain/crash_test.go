package chain

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
)

// play is what every crash happens in: a payment, a reorganisation that
// succeeds, one that fails, and an invalidation.
//
//	genesis ── a1 ── a2 ── a3(spends a1)
//	       └── b1 ── b2 ── b3 ── b4(spends b1) ── b5     then, in a group, b6 ── b7
//	            └─── c2 ── c3 ── c4 ────────────── c5 ── c6(overpays)
func play(t *testing.T) []*wire.MsgBlock {
	s := newScript(t)
	var blocks []*wire.MsgBlock
	add := func(name, parent string, change ...mutation) {
		blocks = append(blocks, s.make(name, parent, change...))
	}
	add("a1", "genesis")
	add("a2", "a1")
	add("a3", "a2", s.spend("a1", 10))
	add("b1", "genesis")
	add("b2", "b1")
	add("b3", "b2")
	add("b4", "b3", s.spend("b1", 10))
	add("b5", "b4")
	add("c2", "b1")
	add("c3", "c2")
	add("c4", "c3")
	add("c5", "c4")
	add("c6", "c5", overpay)
	add("b6", "b5")
	add("b7", "b6")
	return blocks
}

// perform gives the play to a chain until something fails, and notes each tip
// that was acknowledged.
func perform(m *Manager, blocks []*wire.MsgBlock) (tips []chainhash.Hash, err error) {
	note := func(err error) error {
		if err == nil || !isLocal(err) {
			tips = append(tips, m.Tip().Hash)
			return nil
		}
		return err
	}
	for _, b := range blocks[:13] {
		_, err := m.Accept(b, far)
		if err := note(err); err != nil {
			return tips, err
		}
	}
	if err := note(m.Invalidate(blocks[7].BlockHash())); err != nil {
		return tips, err
	}
	if err := note(m.Reconsider(blocks[7].BlockHash())); err != nil {
		return tips, err
	}
	return tips, note(m.Group(context.Background(), func(g *Group) error {
		for _, b := range blocks[13:] {
			if _, err := g.Accept(b, far); err != nil {
				return err
			}
		}
		return nil
	}))
}

// expectSurvivor opens what a crash left and checks that it is a state that was
// acknowledged, or the one that was being committed, and that the chain goes on
// to the play's end.
func expectSurvivor(t *testing.T, what string, d *disk, tips []chainhash.Hash, blocks []*wire.MsgBlock, all []chainhash.Hash) {
	t.Helper()
	m, err := Open(d.config())
	if err != nil {
		t.Fatalf("%s: open: %v", what, err)
	}
	defer m.Close()
	allowed := []chainhash.Hash{d.params.GenesisHash}
	if len(tips) > 0 {
		allowed = tips[len(tips)-1:]
	}
	if len(tips) < len(all) {
		allowed = append(slices.Clone(allowed), all[len(tips)])
	}
	if !slices.Contains(allowed, m.Tip().Hash) {
		t.Fatalf("%s: tip %s at height %d is not the one that was committed", what, m.Tip().Hash, m.Tip().Height)
	}
	if storedCoins(t, d.store).digest() != replayed(t, m, m.Tip()).digest() {
		t.Fatalf("%s: coins differ from a replay", what)
	}
	if _, err := perform(m, blocks); err != nil {
		t.Fatalf("%s: the chain does not go on: %v", what, err)
	}
	if m.Tip().Hash != all[len(all)-1] || storedCoins(t, d.store).digest() != replayed(t, m, m.Tip()).digest() {
		t.Fatalf("%s: it ends at height %d", what, m.Tip().Height)
	}
}

// expectStopped checks that a chain whose storage failed takes nothing more, and
// still answers with its last committed state.
func expectStopped(t *testing.T, what string, m *Manager, tips []chainhash.Hash, err error, blocks []*wire.MsgBlock) {
	t.Helper()
	if !isLocal(err) {
		t.Fatalf("%s: %v counts as a verdict on a block", what, err)
	}
	if _, err := m.Accept(blocks[len(blocks)-1], far); !errors.Is(err, ErrStopped) {
		t.Fatalf("%s: after the failure a block got %v", what, err)
	}
	if len(tips) > 0 && m.Tip().Hash != tips[len(tips)-1] {
		t.Fatalf("%s: the tip moved without a commit", what)
	}
}

func rehearse(t *testing.T) (blocks []*wire.MsgBlock, all []chainhash.Hash, d *disk) {
	blocks = play(t)
	d = newDisk(shortMaturity())
	all, err := perform(d.open(t), blocks)
	if err != nil {
		t.Fatal(err)
	}
	return blocks, all, d
}

// TestEveryFileFailure makes each write, sync and cut of the block files fail
// in turn, half of a write taking place; then the power goes.
func TestEveryFileFailure(t *testing.T) {
	blocks, all, rehearsal := rehearse(t)
	changes := rehearsal.fs.Changes()
	if changes < 40 {
		t.Fatalf("only %d changes", changes)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= changes; n++ {
		what := fmt.Sprintf("change %d of %d", n, changes)
		d := newDisk(shortMaturity())
		d.fs.FailAt(n)
		m, err := Open(d.config())
		var tips []chainhash.Hash
		if err == nil {
			if tips, err = perform(m, blocks); err == nil {
				t.Fatalf("%s: nothing failed", what)
			}
			d.fs.FailAt(0) // it works again, but nobody may rely on that
			expectStopped(t, what, m, tips, err, blocks)
		}
		d.fs = d.fs.Crash(rng)
		expectSurvivor(t, what, d, tips, blocks, all)
	}
}

// TestEveryCommitFailure makes each commit of the store fail in turn, once
// without a trace and once with the batch stored all the same.
func TestEveryCommitFailure(t *testing.T) {
	blocks, all, _ := rehearse(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for _, reaches := range []bool{false, true} {
		for n := 1; ; n++ {
			what := fmt.Sprintf("commit %d, reaches %v", n, reaches)
			d := newDisk(shortMaturity())
			c := d.config()
			c.Store = kv.NewFaulty(d.store, n, reaches)
			m, err := Open(c)
			var tips []chainhash.Hash
			if err == nil {
				if tips, err = perform(m, blocks); err == nil {
					if n < 17 {
						t.Errorf("only %d commits", n-1)
					}
					break
				}
				expectStopped(t, what, m, tips, err, blocks)
			}
			d.fs = d.fs.Crash(rng)
			expectSurvivor(t, what, d, tips, blocks, all)
		}
	}
}

// TestPowerLossAnywhere cuts the power after each change that pebble or the
// block files make to the disk, with parts of what was not synced lost.
func TestPowerLossAnywhere(t *testing.T) {
	blocks, all, _ := rehearse(t)
	rng := rand.New(rand.NewPCG(5, 6))
	type crash struct {
		db   *vfs.MemFS
		fs   *blockfile.MemFS
		tips int
	}
	var crashes []crash
	medium := vfs.NewCrashableMem()
	files := blockfile.NewMemFS()
	var acknowledged int
	fs := errorfs.Wrap(medium, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if acknowledged > 0 {
				crashes = append(crashes, crash{
					medium.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}), files.Crash(rng), acknowledged,
				})
			}
		}
		return nil
	}))
	store, err := kv.OpenPebble("db", kv.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{shortMaturity(), store, files}
	m := d.open(t)
	for i, b := range blocks[:13] {
		_, err := m.Accept(b, far)
		if err != nil && isLocal(err) {
			t.Fatal(err)
		}
		acknowledged = i + 1
	}
	if err := errors.Join(m.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
	if len(crashes) < 10 {
		t.Errorf("only %d crashes", len(crashes))
	}
	for i, c := range crashes {
		store, err := kv.OpenPebble("db", kv.Options{FS: c.db})
		if err != nil {
			t.Fatalf("crash %d: %v", i, err)
		}
		expectSurvivor(t, fmt.Sprintf("crash %d", i), &disk{shortMaturity(), store, c.fs}, all[:c.tips], blocks, all)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestInterruptedReorgIsFinished leaves a chain between two branches, as a crash
// between two commits of a long reorganisation does.
func TestInterruptedReorgIsFinished(t *testing.T) {
	d := newDisk(shortMaturity())
	m := d.open(t)
	blocks := buildChain(d.params, d.params.Genesis, 0, 6)
	acceptAll(t, m, blocks)
	err := m.Group(t.Context(), func(g *Group) error {
		for range 3 {
			if err := g.disconnect(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || m.Tip().Height != 3 {
		t.Fatalf("%v, height %d", err, m.Tip().Height)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = d.open(t)
	if m.Tip().Hash != blocks[5].BlockHash() {
		t.Errorf("height %d after opening", m.Tip().Height)
	}
	if storedCoins(t, d.store).digest() != replayed(t, m, m.Tip()).digest() {
		t.Error("coins differ from a replay")
	}
}
