package mempool

import (
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
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
