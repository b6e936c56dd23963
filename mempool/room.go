package mempool

import (
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/internal/kv"
)

// add puts a checked transaction into the pool and the store. When it fails, the
// pool is as it was before, but for a higher floor when there was no room.
func (p *Pool) add(c *candidate, now time.Time) (*Entry, error) {
	removed := p.forget(c.replaced)
	n := p.graph.insert(c.entry)
	removed = append(removed, p.expire(now)...)
	removed = append(removed, p.trim()...)
	undo := func() {
		if p.graph.nodes[c.entry.TxID] == n {
			p.graph.remove(n)
		}
		p.restore(removed, c.entry)
	}
	if p.graph.nodes[c.entry.TxID] != n {
		undo()
		return nil, policy(MempoolFull, "")
	}
	var b kv.Batch
	stage(&b, []*Entry{c.entry}, removed)
	if err := p.config.Store.Apply(&b, true); err != nil {
		undo()
		return nil, local("store a transaction", err)
	}
	p.oldest = min(p.oldest, c.entry.Time.Unix())
	p.touch(true)
	return n.view(), nil
}

// restore puts removed transactions back, but for one.
func (p *Pool) restore(removed []*Entry, except *Entry) {
	for _, e := range parentsFirst(removed, func(e *Entry) *wire.MsgTx { return e.Tx }) {
		if e.TxID != except.TxID {
			p.graph.insert(e)
		}
	}
}

// trim evicts transactions with their descendants, those that pay least first,
// until the pool is within its size, and raises the floor above what they paid
// (Core's TrimToSize).
func (p *Pool) trim() []*Entry {
	var removed []*Entry
	for p.graph.memory > p.policy.MaxMemory {
		n := p.graph.worst.lowest()
		if n == nil {
			break
		}
		p.floor.raise(float64(n.desc.Fees*1000/n.desc.VSize + p.policy.IncrementalRelayFee))
		removed = append(removed, p.forget(withDescendants(n))...)
	}
	return removed
}

// expire removes what has waited too long, with its descendants.
func (p *Pool) expire(now time.Time) []*Entry {
	limit := now.Add(-p.policy.Expiry).Unix()
	if p.oldest >= limit || len(p.graph.nodes) == 0 {
		return nil
	}
	var old []*node
	oldest := now.Unix()
	for _, n := range p.graph.nodes {
		if t := n.entry.Time.Unix(); t < limit {
			old = append(old, n)
		} else {
			oldest = min(oldest, t)
		}
	}
	p.oldest = oldest
	return p.forget(withDescendants(old...))
}
