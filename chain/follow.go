package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// Bounds of one answer of Steps (policy).
const (
	maxSteps  = 1024
	stepBytes = 8 << 20
)

// ErrUnknownPosition says that a follower's last block is not in the index: it
// belongs to another chain, or to one that was lost. The follower has to be
// emptied and to start from the zero hash.
var ErrUnknownPosition = errors.New("the follower's last block is unknown to the chain")

// Step is a move of the tip by one block: Entry is connected, or taken off. All
// of it is shared and must not be changed.
type Step struct {
	Connect bool
	Entry   *Entry
	Block   *wire.MsgBlock
	TxIDs   []chainhash.Hash // of Block's transactions
	Undo    *consensus.Undo  // what Block spent; empty for genesis
}

// Steps returns the way from a follower's last block to the tip, or the first
// part of it: at most limit steps, and few enough to bound memory; limit 0 means
// as many as may be. Blocks to take off come first. From the zero hash, the way
// begins with genesis. At the tip it is empty.
func (m *Manager) Steps(from chainhash.Hash, limit int) ([]Step, error) {
	if limit <= 0 || limit > maxSteps {
		limit = maxSteps
	}
	way, metas, err := m.way(from, limit)
	if err != nil {
		return nil, err
	}
	steps := make([]Step, 0, len(way))
	size := 0
	for i, s := range way {
		b, err := m.body(s.Entry, metas[i])
		if err != nil {
			return nil, err
		}
		if s.Undo, err = m.undo(s.Entry, metas[i]); err != nil {
			return nil, err
		}
		s.Block, s.TxIDs = b.block, b.txids
		steps = append(steps, s)
		if size += b.size; size >= stepBytes {
			break
		}
	}
	return steps, nil
}

// way returns the steps without their blocks, and where these are.
func (m *Manager) way(from chainhash.Hash, limit int) (way []Step, metas []meta, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	next := int32(0) // height to connect next
	if from != (chainhash.Hash{}) {
		e := m.index[from]
		if e == nil {
			return nil, nil, fmt.Errorf("%w: %s", ErrUnknownPosition, from)
		}
		for ; int(e.Height) >= len(m.best) || m.best[e.Height] != e; e = e.parent {
			if len(way) == limit {
				return way, metas, nil
			}
			way = append(way, Step{Entry: e})
			metas = append(metas, e.meta)
		}
		next = e.Height + 1
	}
	for _, e := range m.best[next:min(len(m.best), int(next)+limit-len(way))] {
		way = append(way, Step{Connect: true, Entry: e})
		metas = append(metas, e.meta)
	}
	return way, metas, nil
}

// Follower is something that changes with the best chain: mempool, wallets, an
// index, backups.
type Follower interface {
	// Position returns the last block that the follower has seen, or the zero
	// hash.
	Position() (chainhash.Hash, error)
	// Follow takes the next steps. It stores what they change and the new
	// position in one batch, or nothing.
	Follow(steps []Step) error
}

// Tail brings one follower to the tip. Its methods may be called from many
// goroutines; the follower is called by one at a time.
type Tail struct {
	m        *Manager
	follower Follower
	turn     chan struct{} // holds one token: whoever has it may call the follower
}

// NewTail returns the tail of a follower. It starts nothing.
func NewTail(m *Manager, f Follower) *Tail {
	t := &Tail{m: m, follower: f, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// CatchUp returns once the follower has seen the tip of when the call came in,
// or a later one, or once a later tip has left that block.
func (t *Tail) CatchUp(ctx context.Context) error {
	goal := t.m.Tip()
	select {
	case <-t.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { t.turn <- struct{}{} }()
	for {
		at, err := t.follower.Position()
		if err != nil {
			return fmt.Errorf("read follower's position: %w", err)
		}
		if t.m.Reached(at, goal) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		steps, err := t.m.Steps(at, 0)
		if err != nil || len(steps) == 0 {
			return err
		}
		if err := t.follower.Follow(steps); err != nil {
			return fmt.Errorf("follow the chain: %w", err)
		}
	}
}

// Reached reports whether a follower whose last block this is stands on the best
// chain and has goal behind it.
func (m *Manager) Reached(at chainhash.Hash, goal *Entry) bool {
	e := m.ByHash(at)
	return e != nil && m.InBest(e) && e.Ancestor(goal.Height) == goal
}

// Run keeps the follower at the tip until ctx ends, and returns its error, or
// that of the follower.
func (t *Tail) Run(ctx context.Context) error {
	for {
		changed := t.m.Changed()
		if err := t.CatchUp(ctx); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
