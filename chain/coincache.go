package chain

import (
	"sync"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// coinCacheBytes bounds the cache of unspent outputs (policy). An output takes
// about coinBytes with its share of the map, besides its script.
const (
	coinCacheBytes = 24 << 20
	coinBytes      = 176
)

// coinCache keeps unspent outputs as they were last committed. It forgets the
// older half of what it holds when it is full.
type coinCache struct {
	mu         sync.Mutex
	young, old map[wire.OutPoint]*consensus.Coin
	size       int // bytes of young
	limit      int
}

func newCoinCache(limit int) *coinCache {
	return &coinCache{young: make(map[wire.OutPoint]*consensus.Coin), limit: limit / 2}
}

// get returns a coin if the cache has it, else nil.
func (c *coinCache) get(op wire.OutPoint) *consensus.Coin {
	c.mu.Lock()
	defer c.mu.Unlock()
	if coin, ok := c.young[op]; ok {
		return coin
	}
	coin, ok := c.old[op]
	if ok {
		delete(c.old, op)
		c.add(op, coin)
	}
	return coin
}

// put notes a committed coin.
func (c *coinCache) put(op wire.OutPoint, coin *consensus.Coin) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(op, coin)
}

// update notes all coins of a commit; nil ones are gone.
func (c *coinCache) update(changes map[wire.OutPoint]coinChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for op, change := range changes {
		delete(c.old, op)
		if change.coin != nil {
			c.add(op, change.coin)
		} else if gone, ok := c.young[op]; ok {
			c.size -= coinSize(gone)
			delete(c.young, op)
		}
	}
}

func (c *coinCache) add(op wire.OutPoint, coin *consensus.Coin) {
	if c.size >= c.limit {
		c.old, c.young, c.size = c.young, make(map[wire.OutPoint]*consensus.Coin), 0
	}
	if replaced, ok := c.young[op]; ok {
		c.size -= coinSize(replaced)
	}
	c.young[op] = coin
	c.size += coinSize(coin)
}

// coinSize estimates the memory that a coin takes in a map.
func coinSize(coin *consensus.Coin) int { return coinBytes + len(coin.Script) }
