package mempool

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
)

// model is the pool as one would write it without caring for speed: a list of
// transactions, everything else is worked out anew each time.
type model struct {
	*lab
	pool []*wire.MsgTx // parents first
	next int64         // makes transactions differ

	walked *chain.Entry // the tip that coins belongs to
	coins  map[wire.OutPoint]utxo
}

// utxo is a coin of the best chain.
type utxo struct {
	coin
	height   int32
	coinbase bool
}

// utxos walks the whole chain.
func (m *model) utxos() map[wire.OutPoint]utxo {
	if m.walked == m.chain.Tip() {
		return m.coins
	}
	set := map[wire.OutPoint]utxo{}
	for height := int32(1); height <= m.chain.Tip().Height; height++ {
		b, err := m.chain.Block(m.chain.ByHeight(height).Hash)
		if err != nil {
			m.t.Fatal(err)
		}
		for i, tx := range b.Transactions {
			for _, in := range tx.TxIn {
				delete(set, in.PreviousOutPoint)
			}
			for _, c := range outputs(tx) {
				if c.value > 0 {
					set[c.op] = utxo{c, height, i == 0}
				}
			}
		}
	}
	m.walked, m.coins = m.chain.Tip(), set
	return set
}

func (m *model) find(txid chainhash.Hash) *wire.MsgTx {
	for _, tx := range m.pool {
		if tx.TxHash() == txid {
			return tx
		}
	}
	return nil
}

// ancestors are a transaction's ancestors in the pool.
func (m *model) ancestors(tx *wire.MsgTx) map[*wire.MsgTx]bool {
	set := map[*wire.MsgTx]bool{}
	for _, in := range tx.TxIn {
		if parent := m.find(in.PreviousOutPoint.Hash); parent != nil && !set[parent] {
			set[parent] = true
			for a := range m.ancestors(parent) {
				set[a] = true
			}
		}
	}
	return set
}

// descendants are those that have a transaction among their ancestors, and itself.
func (m *model) descendants(tx *wire.MsgTx) map[*wire.MsgTx]bool {
	set := map[*wire.MsgTx]bool{tx: true}
	for _, other := range m.pool {
		if m.ancestors(other)[tx] {
			set[other] = true
		}
	}
	return set
}

// fee is what a transaction pays, if all that it spends is there for it.
func (m *model) fee(tx *wire.MsgTx, set map[wire.OutPoint]utxo) (int64, bool) {
	sum, next := int64(0), m.chain.Tip().Height+1
	for _, in := range tx.TxIn {
		if parent := m.find(in.PreviousOutPoint.Hash); parent != nil {
			sum += parent.TxOut[in.PreviousOutPoint.Index].Value
			continue
		}
		u, ok := set[in.PreviousOutPoint]
		if !ok || u.coinbase && next-u.height < m.params.Maturity {
			return 0, false
		}
		sum += u.value
	}
	final := tx.LockTime == 0 || int32(tx.LockTime) < next
	return sum - consensus.OutputSum(tx), final
}

func (m *model) conflicts(tx *wire.MsgTx) []*wire.MsgTx {
	var list []*wire.MsgTx
	for _, other := range m.pool {
		for _, in := range tx.TxIn {
			if slices.ContainsFunc(other.TxIn, func(o *wire.TxIn) bool { return o.PreviousOutPoint == in.PreviousOutPoint }) && !slices.Contains(list, other) {
				list = append(list, other)
			}
		}
	}
	return list
}

// short says whether chains stay within the limits, with the carve-out.
func (m *model) short(tx *wire.MsgTx, conflicts int) bool {
	ancestors := m.ancestors(tx)
	within := func(up, down int) bool {
		for a := range ancestors {
			if len(m.descendants(a))+1 > down {
				return false
			}
		}
		return len(ancestors)+1 <= up
	}
	down := m.policy.MaxDescendants
	if conflicts == 1 {
		down++
	}
	return within(m.policy.MaxAncestors, down) || within(2, down+1)
}

// replaceable says whether a transaction may replace those that it conflicts with.
func (m *model) replaceable(tx *wire.MsgTx, fee int64, conflicts []*wire.MsgTx, gone map[*wire.MsgTx]bool, set map[wire.OutPoint]utxo) bool {
	vsize := consensus.VSize(tx)
	ancestors := m.ancestors(tx)
	had := map[chainhash.Hash]bool{}
	count := 0
	for _, c := range conflicts {
		old, _ := m.fee(c, set)
		if ancestors[c] || fee*1000/vsize <= old*1000/consensus.VSize(c) {
			return false
		}
		count += len(m.descendants(c))
	}
	for c := range gone {
		for _, in := range c.TxIn {
			had[in.PreviousOutPoint.Hash] = true
		}
	}
	for _, in := range tx.TxIn {
		if id := in.PreviousOutPoint.Hash; m.find(id) != nil && !had[id] {
			return false
		}
	}
	var fees int64
	for c := range gone {
		old, _ := m.fee(c, set)
		fees += old
	}
	return count <= m.policy.MaxReplaced && fee >= fees+vsize
}

// accept says whether the pool takes a transaction, and does so.
func (m *model) takes(tx *wire.MsgTx) bool {
	set := m.utxos()
	fee, ok := m.fee(tx, set)
	conflicts := m.conflicts(tx)
	gone := map[*wire.MsgTx]bool{}
	for _, c := range conflicts {
		for d := range m.descendants(c) {
			gone[d] = true
		}
	}
	if !ok || m.find(tx.TxHash()) != nil || fee < consensus.VSize(tx) || !m.short(tx, len(conflicts)) {
		return false
	}
	if len(conflicts) > 0 && !m.replaceable(tx, fee, conflicts, gone, set) {
		return false
	}
	m.pool = slices.DeleteFunc(m.pool, func(t *wire.MsgTx) bool { return gone[t] })
	m.pool = append(m.pool, tx)
	return true
}

// refill empties the pool and adds what is still possible of what came back from
// blocks and of what was there: for them fees and replacement are settled, for the
// latter all but the number of its ancestors, too.
func (m *model) refill(back, kept []*wire.MsgTx) {
	m.pool = nil
	set := m.utxos()
	for i, tx := range append(back, kept...) {
		if _, ok := m.fee(tx, set); ok && len(m.conflicts(tx)) == 0 && (i >= len(back) && len(m.ancestors(tx)) < m.policy.MaxAncestors || i < len(back) && m.short(tx, 0)) {
			m.pool = append(m.pool, tx)
		}
	}
}

// settle removes what lost an input, until nothing does.
func (m *model) settle() {
	set := m.utxos()
	for {
		before := len(m.pool)
		m.pool = slices.DeleteFunc(slices.Clone(m.pool), func(tx *wire.MsgTx) bool {
			_, ok := m.fee(tx, set)
			return !ok
		})
		if len(m.pool) == before {
			return
		}
	}
}

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

func TestPoolEqualsModel(t *testing.T) {
	policy := DefaultPolicy()
	policy.MaxAncestors, policy.MaxDescendants, policy.MaxReplaced = 4, 4, 3
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{lab: newLab(t, policy)}
		m.matured(3)
		rt.Repeat(map[string]func(*rapid.T){
			"": m.compare,
			"accept": func(rt *rapid.T) {
				tx := m.draw(rt)
				_, err := m.lab.pool.Accept(tx, m.now)
				if want := m.takes(tx); want != (err == nil) {
					rt.Fatalf("accept: %v; the model says %v", err, want)
				}
			},
			"accept more": func(rt *rapid.T) {
				for range rapid.IntRange(2, 6).Draw(rt, "count") {
					tx := m.draw(rt)
					_, err := m.lab.pool.Accept(tx, m.now)
					if want := m.takes(tx); want != (err == nil) {
						rt.Fatalf("accept: %v; the model says %v", err, want)
					}
				}
			},
			"mine": func(rt *rapid.T) {
				txs := m.confirmable(rt, m.pool)
				if rapid.Bool().Draw(rt, "foreign") {
					// A transaction that this pool has never seen, perhaps in conflict with some.
					foreign := m.draw(rt)
					blocked := &model{lab: m.lab, pool: txs}
					if _, ok := blocked.fee(foreign, m.utxos()); ok && len(blocked.conflicts(foreign)) == 0 {
						txs = append(txs, foreign)
					}
				}
				m.mine(txs...)
				m.pool = slices.DeleteFunc(slices.Clone(m.pool), func(tx *wire.MsgTx) bool { return slices.Contains(txs, tx) })
				m.settle()
			},
			"reorganise": func(rt *rapid.T) { m.reorganise(rt) },
			"restart": func(rt *rapid.T) {
				m.open()
				m.compare(rt)
				m.adopt()
			},
		})
	})
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
