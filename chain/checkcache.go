package chain

import (
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
)

// CheckCache remembers transactions all of whose scripts are known to be good
// under certain flags, so that a block need not check again what the mempool
// has checked. A transaction's id covers the outputs that it spends, so the
// entry is good on every branch. It is bounded, and safe for concurrent use.
type CheckCache struct {
	mu         sync.Mutex
	young, old map[checkKey]struct{} // old is dropped when young is full
	limit      int                   // entries in each
}

type checkKey struct {
	wtxid chainhash.Hash
	flags consensus.Flags
}

// NewCheckCache returns a cache of at most n transactions (policy). Those added
// last stay: at least n/2 of them.
func NewCheckCache(n int) *CheckCache {
	return &CheckCache{young: make(map[checkKey]struct{}), limit: max(n/2, 1)}
}

// Add notes that all scripts of a transaction are good under flags.
func (c *CheckCache) Add(wtxid chainhash.Hash, flags consensus.Flags) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(checkKey{wtxid, flags})
}

// Has reports whether Add was called with the same arguments not long ago.
func (c *CheckCache) Has(wtxid chainhash.Hash, flags consensus.Flags) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := checkKey{wtxid, flags}
	if _, ok := c.young[key]; ok {
		return true
	}
	_, ok := c.old[key]
	if ok {
		c.add(key)
	}
	return ok
}

// Len returns the number of entries.
func (c *CheckCache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.young) + len(c.old)
}

func (c *CheckCache) add(key checkKey) {
	if len(c.young) >= c.limit {
		c.old, c.young = c.young, make(map[checkKey]struct{})
	}
	c.young[key] = struct{}{}
}
