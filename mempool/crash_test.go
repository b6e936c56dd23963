package mempool

import (
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
)

// lossyStore forgets in a crash what was not synced, nor followed by a batch that
// was.
type lossyStore struct {
	kv.Store           // as it is seen while everything runs
	disk     kv.Store  // as it is found after a crash
	pending  *kv.Batch // not synced
}

func newLossyStore() *lossyStore {
	return &lossyStore{Store: kv.NewMemory(), disk: kv.NewMemory(), pending: &kv.Batch{}}
}

func (s *lossyStore) Apply(b *kv.Batch, sync bool) error {
	s.pending.Append(b)
	if sync {
		if err := s.disk.Apply(s.pending, true); err != nil {
			return err
		}
		s.pending = &kv.Batch{}
	}
	return s.Store.Apply(b, sync)
}

// TestNothingIsLost crashes after each step of a history: what Accept has returned
// is in the chain or in the pool when they are opened again.
func TestNothingIsLost(t *testing.T) {
	history := func(l *lab) (steps []func(), taken func() []*wire.MsgTx) {
		coins := l.matured(4)
		fork := l.chain.Tip()
		a := pay(1000, 2, coins[0])
		b := pay(1000, 1, outputs(a)[0])
		c := pay(1000, 1, outputs(a)[1])
		d := pay(1000, 1, coins[1])
		var all []*wire.MsgTx
		accept := func(tx *wire.MsgTx) func() {
			return func() {
				l.accept(tx)
				all = append(all, tx)
			}
		}
		e := fork
		other := func(txs ...*wire.MsgTx) func() { return func() { e, _ = l.mineOn(e, txs...) } }
		return []func(){
			func() {},
			accept(a), accept(b), accept(c),
			func() { l.mine(a) },
			accept(d),
			func() { l.mine(b, d) },
			func() { l.ids() }, // the pool follows
			other(), other(),
			other(a), // the tip from here on
			func() { l.ids() },
			func() { l.mine(c, d) },
			accept(pay(1000, 1, coins[2])),
		}, func() []*wire.MsgTx { return all }
	}
	count := 1
	for n := 1; n <= count; n++ {
		store, files := newLossyStore(), blockfile.NewMemFS()
		l := newLabOn(t, DefaultPolicy(), store, files)
		steps, taken := history(l)
		count = len(steps)
		for _, step := range steps[:n] {
			step()
		}

		after := newLabOn(t, DefaultPolicy(), store.disk, files)
		after.check()
		found := map[chainhash.Hash]bool{}
		for _, id := range after.ids() {
			found[id] = true
		}
		for height := int32(1); height <= after.chain.Tip().Height; height++ {
			block, err := after.chain.Block(after.chain.ByHeight(height).Hash)
			if err != nil {
				t.Fatal(err)
			}
			for _, tx := range block.Transactions {
				found[tx.TxHash()] = true
			}
		}
		for _, tx := range taken() {
			if !found[tx.TxHash()] {
				t.Errorf("after a crash behind step %d, %s is nowhere", n-1, tx.TxHash())
			}
		}
	}
}

// failingStore refuses batches of the pool while fail is set.
type failingStore struct {
	kv.Store
	fail bool
}

var errNoSpace = errors.New("no space")

func (s *failingStore) Apply(b *kv.Batch, sync bool) error {
	if s.fail {
		return errNoSpace
	}
	return s.Store.Apply(b, sync)
}

// TestFollowingCanFail has no room for what a block changes, and for what a
// reorganisation does: the pool stays what it was, and follows when there is.
func TestFollowingCanFail(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(3)
	store := &failingStore{Store: l.store}
	var err error
	l.pool, err = Open(Config{Params: l.params, Chain: l.chain, Store: store, Exec: par.New(), Checked: l.checked})
	if err != nil {
		t.Fatal(err)
	}
	a, gone := pay(1000, 1, coins[0]), pay(1000, 1, coins[1])
	child, orphan := pay(1000, 1, outputs(a)[0]), pay(1000, 1, outputs(gone)[0])
	l.accept(a, gone, child, orphan)
	for _, tx := range []*wire.MsgTx{a, gone, child} {
		if err := l.pool.Prioritise(tx.TxHash(), 500); err != nil {
			t.Fatal(err)
		}
	}
	fails := func() {
		t.Helper()
		before, priorities := l.pool.Snapshot(), l.pool.Priorities()
		store.fail = true
		if err := l.pool.CatchUp(t.Context()); !errors.Is(err, errNoSpace) {
			t.Fatalf("following says %v", err)
		}
		store.fail = false
		if after := l.pool.Snapshot(); after.Tip != before.Tip || after.Sequence != before.Sequence || !slices.EqualFunc(after.Entries, before.Entries, func(a, b *Entry) bool {
			return a.TxID == b.TxID && a.Ancestors == b.Ancestors && a.Descendants == b.Descendants
		}) || !slices.EqualFunc(l.pool.Priorities(), priorities, func(a, b Priority) bool { return a.TxID == b.TxID && a.Delta == b.Delta }) {
			t.Error("the pool has changed")
		}
	}
	fork := l.chain.Tip()
	other := pay(2000, 1, coins[1])
	l.mine(a, other)
	fails()
	l.holds(child)
	if p := l.pool.Priorities(); len(p) != 1 || p[0].TxID != child.TxHash() {
		t.Errorf("priorities %v", p)
	}
	e, _ := l.mineOn(fork)
	l.mineOn(e, other, pay(3000, 1, coins[0]))
	fails()
	l.holds()
}
