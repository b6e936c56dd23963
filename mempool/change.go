package mempool

import (
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/internal/kv"
)

// change is what one operation does to the pool: at once in memory, then as a
// whole in the store, or nothing of it.
type change struct {
	pool    *Pool
	added   []*node  // some may have gone again
	removed []*Entry // parents before children in each removal
	moves   uint64   // of the pool before
}

func (p *Pool) change() *change { return &change{pool: p, moves: p.moves} }

// replace adds a transaction that has passed the checks, and takes out what it
// replaces.
func (c *change) replace(new *candidate) *node {
	c.removed = append(c.removed, c.pool.forget(new.replaced)...)
	n := c.pool.insert(new.entry)
	c.added = append(c.added, n)
	return n
}

// limit removes what has waited too long and what there is no room for (Core's
// LimitMempoolSize).
func (c *change) limit(now time.Time) {
	c.removed = append(c.removed, c.pool.expire(now)...)
	c.removed = append(c.removed, c.pool.trim()...)
}

// holds says whether a transaction that was added is still there.
func (c *change) holds(n *node) bool { return c.pool.graph.nodes[n.entry.TxID] == n }

// commit stores the change, synced. If that fails it is reverted.
func (c *change) commit() error {
	if len(c.added) == 0 && len(c.removed) == 0 {
		return nil
	}
	var added []*Entry
	for _, n := range c.added {
		if c.holds(n) {
			added = append(added, n.entry)
		}
	}
	var b kv.Batch
	stage(&b, added, c.removed)
	if err := c.pool.config.Store.Apply(&b, true); err != nil {
		c.revert()
		return local("store a transaction", err)
	}
	for _, e := range added {
		c.pool.oldest = min(c.pool.oldest, e.Time.Unix())
	}
	c.pool.touch(true)
	return nil
}

// revert makes the pool what it was before, but for a higher floor when there was
// no room.
func (c *change) revert() {
	graph := c.pool.graph
	own := map[chainhash.Hash]bool{}
	for i := len(c.added) - 1; i >= 0; i-- {
		n := c.added[i]
		own[n.entry.TxID] = true
		if c.holds(n) {
			graph.remove(n)
		}
	}
	for _, e := range parentsFirst(c.removed, func(e *Entry) *wire.MsgTx { return e.Tx }) {
		if !own[e.TxID] {
			graph.insert(e)
		}
	}
	c.pool.moves = c.moves
	c.pool.view = nil
}
