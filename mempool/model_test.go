package mempool

import (
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
)

// model is the pool as one would write it without caring for speed: a list of
// transactions, everything else is worked out anew each time.
type model struct {
	*lab
	pool   []*wire.MsgTx // parents first
	deltas map[chainhash.Hash]int64
	next   int64 // makes transactions differ

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

// modified is a fee with what Prioritise added to it.
func (m *model) modified(tx *wire.MsgTx, set map[wire.OutPoint]utxo) int64 {
	fee, _ := m.fee(tx, set)
	return fee + m.deltas[tx.TxHash()]
}

// truc says whether a transaction keeps the rules of BIP431, perhaps in the place
// of another child of its parent. Sizes are far below the limits here.
func (m *model) truc(tx *wire.MsgTx, conflicts []*wire.MsgTx) (sibling *wire.MsgTx, ok bool) {
	ancestors := m.ancestors(tx)
	var parent *wire.MsgTx
	for a := range ancestors {
		if (a.Version == 3) != (tx.Version == 3) {
			return nil, false
		}
		parent = a
	}
	switch {
	case tx.Version != 3 || parent == nil:
		return nil, true
	case len(ancestors) > 1:
		return nil, false
	}
	others := m.descendants(parent)
	delete(others, parent)
	for other := range others {
		if slices.Contains(conflicts, other) {
			return nil, true
		}
		sibling = other
	}
	if len(others) > 1 || sibling != nil && len(m.ancestors(sibling)) > 1 {
		return nil, false
	}
	return sibling, true
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
	return within(m.policy.MaxAncestors, down) || tx.Version != 3 && within(2, down+1)
}

// replaceable says whether a transaction may replace those that it conflicts with.
func (m *model) replaceable(tx *wire.MsgTx, fee int64, conflicts []*wire.MsgTx, gone map[*wire.MsgTx]bool, set map[wire.OutPoint]utxo) bool {
	vsize := consensus.VSize(tx)
	ancestors := m.ancestors(tx)
	had := map[chainhash.Hash]bool{}
	count := 0
	for _, c := range conflicts {
		old := m.modified(c, set)
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
		fees += m.modified(c, set)
	}
	return count <= m.policy.MaxReplaced && fee >= fees+vsize
}

// takes says whether the pool takes a transaction, and does so. One that comes
// back from a block need not pay the least fee.
func (m *model) takes(tx *wire.MsgTx, back bool) bool {
	set := m.utxos()
	_, ok := m.fee(tx, set)
	fee := m.modified(tx, set)
	conflicts := m.conflicts(tx)
	if !ok || m.find(tx.TxHash()) != nil || !back && fee < consensus.VSize(tx) || !m.short(tx, len(conflicts)) {
		return false
	}
	sibling, ok := m.truc(tx, conflicts)
	if !ok {
		return false
	}
	if sibling != nil {
		conflicts = append(conflicts, sibling)
	}
	gone := map[*wire.MsgTx]bool{}
	for _, c := range conflicts {
		for d := range m.descendants(c) {
			gone[d] = true
		}
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
	for _, tx := range back {
		m.takes(tx, true)
	}
	set := m.utxos()
	for _, tx := range kept {
		if _, ok := m.fee(tx, set); ok && len(m.conflicts(tx)) == 0 && len(m.ancestors(tx)) < m.policy.MaxAncestors {
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
