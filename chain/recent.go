package chain

import (
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// recentBytes bounds the memory of blocks that are kept decoded (policy); a
// decoded block is reckoned at decodedFactor times its bytes.
const (
	recentBytes   = 16 << 20
	decodedFactor = 4
)

// body is a decoded block with what was worked out about it. It is shared and
// must not be changed.
type body struct {
	block *wire.MsgBlock
	txids []chainhash.Hash
	undo  *consensus.Undo // nil until the block has been connected
	size  int             // serialized
}

// recentBlocks keeps the blocks that were connected last, so that followers
// need not read and decode them again.
type recentBlocks struct {
	mu     sync.Mutex
	bodies map[chainhash.Hash]*body
	order  []chainhash.Hash // as they came in
	size   int
	limit  int
}

func newRecentBlocks(limit int) *recentBlocks {
	return &recentBlocks{bodies: make(map[chainhash.Hash]*body), limit: limit}
}

func (r *recentBlocks) get(hash chainhash.Hash) *body {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies[hash]
}

func (r *recentBlocks) put(hash chainhash.Hash, b *body) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.bodies[hash]; ok {
		return
	}
	r.bodies[hash] = b
	r.order = append(r.order, hash)
	r.size += b.memory()
	for r.size > r.limit && len(r.order) > 1 {
		oldest := r.order[0]
		r.order = r.order[1:]
		r.size -= r.bodies[oldest].memory()
		delete(r.bodies, oldest)
	}
}

// memory estimates the bytes that a decoded block takes.
func (b *body) memory() int { return 1024 + decodedFactor*b.size }
