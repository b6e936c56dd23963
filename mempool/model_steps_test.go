package mempool

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/chain"
)

// draw makes a transaction from coins of the chain and of the pool, spent or not.
func (m *model) draw(rt *rapid.T) *wire.MsgTx {
	var coins []coin
	for _, u := range m.utxos() {
		coins = append(coins, u.coin)
	}
	for _, tx := range m.pool {
		coins = append(coins, outputs(tx)...)
	}
	slices.SortFunc(coins, func(a, b coin) int {
		if c := slices.Compare(a.op.Hash[:], b.op.Hash[:]); c != 0 {
			return c
		}
		return int(a.op.Index) - int(b.op.Index)
	})
	m.next++
	from := []coin{rapid.SampledFrom(coins).Draw(rt, "coin")}
	if second := rapid.SampledFrom(coins).Draw(rt, "second coin"); rapid.Bool().Draw(rt, "two inputs") && second != from[0] {
		from = append(from, second)
	}
	fee := rapid.Int64Range(50, 3000).Draw(rt, "fee")
	tx := pay(fee*100+m.next%100, rapid.IntRange(1, 3).Draw(rt, "outputs"), from...)
	if rapid.IntRange(0, 9).Draw(rt, "cheap") == 0 {
		tx = pay(rapid.Int64Range(50, 200).Draw(rt, "low fee"), 1, from...)
	}
	if rapid.IntRange(0, 2).Draw(rt, "truc") == 0 {
		tx.Version = 3
	}
	if rapid.IntRange(0, 9).Draw(rt, "locked") == 0 {
		tx.LockTime = uint32(m.chain.Tip().Height + rapid.Int32Range(-2, 2).Draw(rt, "lock"))
		tx.TxIn[0].Sequence = wire.MaxTxInSequenceNum - 1
	}
	return tx
}

// compare checks that pool and model agree.
func (m *model) compare(rt *rapid.T) {
	if err := m.lab.pool.Check(); err != nil {
		rt.Fatalf("pool is inconsistent: %v", err)
	}
	byID := func(a, b chainhash.Hash) int { return slices.Compare(a[:], b[:]) }
	var want []chainhash.Hash
	for _, tx := range m.pool {
		want = append(want, tx.TxHash())
	}
	got := m.ids()
	slices.SortFunc(got, byID)
	slices.SortFunc(want, byID)
	if !slices.Equal(got, want) {
		rt.Fatalf("pool has %v\nmodel has %v", got, want)
	}
	deltas := map[chainhash.Hash]int64{}
	for _, p := range m.lab.pool.Priorities() {
		deltas[p.TxID] = p.Delta
	}
	if !maps.Equal(deltas, m.deltas) {
		rt.Fatalf("pool has deltas %v\nmodel has %v", deltas, m.deltas)
	}
}

// adopt takes over the pool's order, which the model does not know after a restart.
func (m *model) adopt() {
	m.pool = nil
	for _, e := range m.lab.pool.Snapshot().Entries {
		m.pool = append(m.pool, e.Tx)
	}
}

// confirmable draws a part of a list that a block on the model's tip could hold.
func (m *model) confirmable(rt *rapid.T, list []*wire.MsgTx) []*wire.MsgTx {
	var part []*wire.MsgTx
	for _, tx := range list {
		if rapid.Bool().Draw(rt, "confirm") {
			for a := range m.ancestors(tx) {
				if !slices.Contains(part, a) {
					return part
				}
			}
			part = append(part, tx)
		}
	}
	return part
}

// Fewer runs than rapid's 100 by default; -rapid.checks asks for more.
func init() {
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
}

func TestPoolEqualsModel(t *testing.T) { rapid.Check(t, poolEqualsModel(t)) }

// FuzzPoolEqualsModel is the same with a fuzzer's choices.
func FuzzPoolEqualsModel(f *testing.F) {
	f.Fuzz(func(t *testing.T, choices []byte) { rapid.MakeFuzz(poolEqualsModel(t))(t, choices) })
}

// poolEqualsModel does the same to pool and model, and compares them after each
// step.
func poolEqualsModel(t testing.TB) func(*rapid.T) {
	policy := DefaultPolicy()
	policy.MaxAncestors, policy.MaxDescendants, policy.MaxReplaced = 4, 4, 3
	return func(rt *rapid.T) {
		l := newLab(t, policy)
		defer l.chain.Close()
		m := &model{lab: l, deltas: map[chainhash.Hash]int64{}}
		m.matured(3)
		accept := func(rt *rapid.T) {
			tx := m.draw(rt)
			_, err := m.lab.pool.Accept(tx, m.now)
			if want := m.takes(tx, false); want != (err == nil) {
				rt.Fatalf("accept: %v; the model says %v", err, want)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":       m.compare,
			"accept": accept,
			"accept more": func(rt *rapid.T) {
				for range rapid.IntRange(2, 6).Draw(rt, "count") {
					accept(rt)
				}
			},
			"package":    m.submitFamily,
			"prioritise": m.prioritise,
			"mine":       m.mineSome,
			"reorganise": m.reorganise,
			"restart": func(rt *rapid.T) {
				m.open()
				m.compare(rt)
				m.adopt()
			},
		})
	}
}

// submitFamily hands in a parent and its child. The model has no opinion on
// packages: it takes over what the pool has then.
func (m *model) submitFamily(rt *rapid.T) {
	parent := m.draw(rt)
	var out coin
	for _, out = range outputs(parent) {
		break
	}
	child := pay(rapid.Int64Range(50, 300_000).Draw(rt, "child's fee"), 1, out)
	child.Version = parent.Version
	r, err := m.lab.pool.SubmitPackage([]*wire.MsgTx{parent, child}, m.now, 0, rapid.Bool().Draw(rt, "own"))
	if err != nil {
		rt.Fatal(err)
	}
	for _, tx := range []*wire.MsgTx{parent, child} {
		one := r.Txs[tx.WitnessHash()]
		if there := m.lab.pool.Get(tx.TxHash()) != nil; there != one.Accepted() || r.Err == nil && !there {
			rt.Fatalf("%s is in the pool: %v; package %v, result %+v", tx.TxHash(), there, r.Err, one)
		}
	}
	for _, gone := range r.Replaced {
		if m.lab.pool.Get(gone) != nil || m.find(gone) == nil {
			rt.Fatalf("%s was not replaced", gone)
		}
	}
	m.adopt()
}

func (m *model) prioritise(rt *rapid.T) {
	id := chainhash.Hash{rapid.Byte().Draw(rt, "absent")}
	if len(m.pool) > 0 && rapid.Bool().Draw(rt, "present") {
		id = rapid.SampledFrom(m.pool).Draw(rt, "which").TxHash()
	}
	delta := rapid.Int64Range(-3000, 3000).Draw(rt, "delta")
	if err := m.lab.pool.Prioritise(id, delta); err != nil {
		rt.Fatal(err)
	}
	if m.deltas[id] += delta; m.deltas[id] == 0 {
		delete(m.deltas, id)
	}
}

// mineSome confirms some of the pool, and perhaps a transaction that it has never
// seen.
func (m *model) mineSome(rt *rapid.T) {
	txs := m.confirmable(rt, m.pool)
	if rapid.Bool().Draw(rt, "foreign") {
		foreign := m.draw(rt)
		foreign.Version = 2
		blocked := &model{lab: m.lab, pool: txs}
		if _, ok := blocked.fee(foreign, m.utxos()); ok && len(blocked.conflicts(foreign)) == 0 {
			txs = append(txs, foreign)
		}
	}
	m.mine(txs...)
	for _, tx := range txs {
		delete(m.deltas, tx.TxHash())
		m.pool = slices.DeleteFunc(m.pool, func(other *wire.MsgTx) bool { return other == tx })
		for _, in := range tx.TxIn {
			for _, rival := range m.conflicts(&wire.MsgTx{TxIn: []*wire.TxIn{in}}) {
				delete(m.deltas, rival.TxHash())
				gone := m.descendants(rival)
				m.pool = slices.DeleteFunc(m.pool, func(other *wire.MsgTx) bool { return gone[other] })
			}
		}
	}
	m.settle()
}

// reorganise replaces the last blocks by one more, which confirm a part of what
// the old ones did.
func (m *model) reorganise(rt *rapid.T) {
	tip := m.chain.Tip()
	depth := rapid.Int32Range(1, min(3, tip.Height-3)).Draw(rt, "depth")
	fork := tip.Ancestor(tip.Height - depth)
	var back []*wire.MsgTx
	for height := fork.Height + 1; height <= tip.Height; height++ {
		b, err := m.chain.Block(m.chain.ByHeight(height).Hash)
		if err != nil {
			m.t.Fatal(err)
		}
		back = append(back, b.Transactions[1:]...)
	}
	closed := rapid.Bool().Draw(rt, "while closed")
	e := fork
	for range depth + 1 {
		var err error
		if e, err = m.extendWith(e, nil); err != nil {
			rt.Fatal(err)
		}
	}
	if closed {
		m.open()
	}
	m.refill(back, m.pool)
	m.compare(rt)
	m.adopt()
}

func (m *model) extendWith(parent *chain.Entry, txs []*wire.MsgTx) (*chain.Entry, error) {
	r, err := m.chain.Accept(m.block(parent, txs...), m.now)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", parent.Height+1, err)
	}
	return r.Entry, nil
}
