package chain

import (
	"math/big"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// Entry is a block's node in the index: its header and where it stands. What
// can be seen of it from outside never changes, and an entry stays good for as
// long as its manager lives, so it may be kept and compared by pointer.
type Entry struct {
	// Hash is the block's hash, Height its distance from genesis.
	Hash   chainhash.Hash
	Height int32

	version    int32
	merkleRoot chainhash.Hash
	time       uint32
	bits       uint32
	nonce      uint32
	txs        uint32
	chainTxs   uint64
	work       work // of all blocks up to this one
	parent     *Entry
	skip       *Entry // some ancestor further back

	meta meta // published state; guarded by Manager.mu, written by the one writer
}

// meta is what changes about a block: a group keeps its own until it commits.
type meta struct {
	status status
	block  blockfile.Location
	undo   blockfile.Location
	seq    int64 // order of arrival: of equal work, the lowest wins
}

// status says what is known of a block.
type status uint8

const (
	// hasBlock: the block's bytes are stored.
	hasBlock status = 1 << iota
	// hasUndo: its undo data is stored, since it was connected once and every
	// rule was found kept.
	hasUndo
	// failed: it breaks a rule, or was declared invalid.
	failed
	// failedParent: an ancestor is failed.
	failedParent
)

// bad reports whether the block can never be part of the best chain.
func (s status) bad() bool { return s&(failed|failedParent) != 0 }

// newEntry places a header on its parent, which is nil for genesis only.
func newEntry(e *Entry, hash chainhash.Hash, h *wire.BlockHeader, parent *Entry, txs int) {
	*e = Entry{
		Hash:       hash,
		version:    h.Version,
		merkleRoot: h.MerkleRoot,
		time:       uint32(h.Timestamp.Unix()),
		bits:       h.Bits,
		nonce:      h.Nonce,
		txs:        uint32(txs),
		chainTxs:   uint64(txs),
		parent:     parent,
	}
	switch {
	case parent == nil:
		e.work = workOf(pow.Work(h.Bits))
		return
	case parent.parent != nil && parent.bits == h.Bits:
		// The work of one block is what the parent added.
		e.work = parent.work.add(parent.work.sub(parent.parent.work))
	default:
		e.work = parent.work.add(workOf(pow.Work(h.Bits)))
	}
	e.Height = parent.Height + 1
	e.chainTxs += parent.chainTxs
	e.skip = parent.Ancestor(skipHeight(e.Height))
}

// Header returns the block's header.
func (e *Entry) Header() wire.BlockHeader {
	h := wire.BlockHeader{
		Version:    e.version,
		MerkleRoot: e.merkleRoot,
		Timestamp:  time.Unix(int64(e.time), 0),
		Bits:       e.bits,
		Nonce:      e.nonce,
	}
	if e.parent != nil {
		h.PrevBlock = e.parent.Hash
	}
	return h
}

// Parent returns the entry before, or nil for genesis.
func (e *Entry) Parent() *Entry { return e.parent }

// Time returns the header's time, in Unix seconds.
func (e *Entry) Time() int64 { return int64(e.time) }

// Bits returns the header's compact target.
func (e *Entry) Bits() uint32 { return e.bits }

// TxCount returns the number of transactions in the block.
func (e *Entry) TxCount() int { return int(e.txs) }

// ChainTxs returns the number of transactions in the chain up to the block.
func (e *Entry) ChainTxs() int64 { return int64(e.chainTxs) }

// ChainWork returns the work of the chain up to the block.
func (e *Entry) ChainWork() *big.Int { return e.work.number() }

// Ancestor returns the entry at a height of the chain that ends in e, or nil
// if the height is not on it.
func (e *Entry) Ancestor(height int32) *Entry {
	if height < 0 || height > e.Height {
		return nil
	}
	// Core's CBlockIndex::GetAncestor: take the skip unless the parent's skip
	// leads much further without passing the target.
	for e.Height > height {
		skip, next := skipHeight(e.Height), skipHeight(e.Height-1)
		if e.skip != nil && (skip == height || skip > height && !(next < skip-2 && next >= height)) {
			e = e.skip
		} else {
			e = e.parent
		}
	}
	return e
}

// MedianTimePast returns the median of the times of the last 11 blocks up to
// e, in Unix seconds (consensus, Core's GetMedianTimePast).
func (e *Entry) MedianTimePast() int64 {
	var times [consensus.MedianTimeSpan]uint32
	n := 0
	for ; n < consensus.MedianTimeSpan && e != nil; e = e.parent {
		times[n] = e.time
		n++
	}
	slices.Sort(times[:n])
	return int64(times[n/2])
}

// NextBits returns the compact target that a block on top of e must have when
// its time, in Unix seconds, is newTime.
func (e *Entry) NextBits(p *network.Params, newTime int64) uint32 {
	return consensus.ExpectedBits(p, e.Height, func(height int32) (int64, uint32) {
		at := e.Ancestor(height)
		return at.Time(), at.bits
	}, newTime)
}

// headerContext returns what a block on top of e is checked against.
func (e *Entry) headerContext(p *network.Params, newTime int64) consensus.HeaderContext {
	return consensus.HeaderContext{
		Height:         e.Height + 1,
		Prev:           e.Header(),
		MedianTimePast: e.MedianTimePast(),
		Bits:           e.NextBits(p, newTime),
	}
}

// blockContext returns what the block of e is applied in.
func (e *Entry) blockContext() consensus.BlockContext {
	parent := e.parent
	return consensus.BlockContext{
		Height:         e.Height,
		MedianTimePast: parent.MedianTimePast(),
		MedianTimeAt:   func(height int32) int64 { return parent.Ancestor(height).MedianTimePast() },
	}
}

// skipHeight returns the height that an entry's skip leads to, such that every
// ancestor is reached in a number of steps that grows with the logarithm of the
// distance (Core's GetSkipHeight).
func skipHeight(height int32) int32 {
	if height < 2 {
		return 0
	}
	clearLowest := func(n int32) int32 { return n & (n - 1) }
	if height&1 == 1 {
		return clearLowest(clearLowest(height-1)) + 1
	}
	return clearLowest(height)
}

// commonAncestor returns the last entry that two chains share. Every entry
// descends from genesis, so there is one.
func commonAncestor(a, b *Entry) *Entry {
	if a.Height > b.Height {
		a = a.Ancestor(b.Height)
	} else {
		b = b.Ancestor(a.Height)
	}
	for a != b {
		if a.skip == b.skip {
			a, b = a.parent, b.parent
		} else {
			a, b = a.skip, b.skip
		}
	}
	return a
}
