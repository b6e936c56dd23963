package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
)

// Bounds of what a group holds before it commits by itself (policy). A block
// may overshoot them by what it brings; a block's undo counts as block bytes.
const (
	groupFileBytes = 16 << 20
	groupBlocks    = 1024
	groupCoinBytes = 64 << 20
)

// Result says what became of a block.
type Result struct {
	Entry *Entry // nil if the block was refused without being remembered
	Known bool   // it had come in before
	Best  bool   // it is part of the best chain now
	// Ancestor is why an ancestor of the block was just found invalid, and the
	// block with it, when its branch was tried; else nil.
	Ancestor error
}

// Group is the writer of a chain: blocks that are committed together. Nothing
// of it can be seen, or is durable, before it commits, which it does at its end
// and whenever it has grown too large. It belongs to the function that it was
// made for.
type Group struct {
	m   *Manager
	ctx context.Context
	err error // a local failure, after which nothing more is done

	// The layer over the published state.
	entries map[chainhash.Hash]*Entry
	order   []*Entry // entries, as they came in
	metas   map[*Entry]meta
	keep    int      // how many of the published best entries still count
	branch  []*Entry // best entries above these
	coins   map[wire.OutPoint]coinChange
	lastSeq int64
	lowSeq  int64

	fileBytes, coinBytes int
}

// coinChange is a coin that a group has created or, with a nil coin, spent.
type coinChange struct {
	coin   *consensus.Coin
	stored bool // the store may hold a coin at this place
}

// Group runs fn as the chain's only writer; it waits until no other is, or ctx
// ends. The group commits when fn returns nil. If fn returns an error, what has
// not been committed is dropped and the error is returned. A refused block does
// not end a group: it is for fn to decide.
//
// In fn, use the group, not methods of the manager that write: those would wait
// for the group to end.
func (m *Manager) Group(ctx context.Context, fn func(g *Group) error) (err error) {
	select {
	case <-m.writer:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { m.writer <- struct{}{} }()
	if err := m.writable(); err != nil {
		return err
	}
	g := &Group{m: m, ctx: ctx}
	g.reset()
	defer func() {
		// Also when fn panics.
		if discardErr := g.discard(); discardErr != nil {
			err = errors.Join(err, discardErr)
		}
	}()
	if err := fn(g); err != nil {
		return err
	}
	if g.err != nil {
		return g.err
	}
	return g.commit()
}

// Accept takes one block: a group of its own. now is the time that the block's
// is compared with. The block is shared from now on and must not be changed.
// A refusal is a *consensus.Error; any other error says that this machine
// failed.
func (m *Manager) Accept(b *wire.MsgBlock, now time.Time) (Result, error) {
	var (
		result  Result
		refusal error
	)
	err := m.Group(context.Background(), func(g *Group) error {
		result, refusal = g.Accept(b, now)
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	return result, refusal
}

// writable says whether the manager may be written to.
func (m *Manager) writable() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.stopped != nil {
		return fmt.Errorf("%w (%w)", ErrStopped, m.stopped)
	}
	return nil
}

// stop refuses all further writes. It returns err.
func (m *Manager) stop(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped == nil {
		m.stopped = err
	}
	return err
}

// Tip returns the best block as the group sees it.
func (g *Group) Tip() *Entry {
	if n := len(g.branch); n > 0 {
		return g.branch[n-1]
	}
	return g.m.best[g.keep-1]
}

// Commit makes what the group holds durable and visible, before its end.
func (g *Group) Commit() error {
	if g.err != nil {
		return g.err
	}
	return g.commit()
}

// reset makes the layer empty.
func (g *Group) reset() {
	g.entries = make(map[chainhash.Hash]*Entry)
	g.order = nil
	g.metas = make(map[*Entry]meta)
	g.keep = len(g.m.best)
	g.branch = nil
	g.coins = make(map[wire.OutPoint]coinChange)
	g.lastSeq, g.lowSeq = g.m.lastSeq, g.m.lowSeq
	g.fileBytes, g.coinBytes = 0, 0
}

// discard drops what has not been committed.
func (g *Group) discard() error {
	if g.m.files.End() == g.m.end || g.m.writable() != nil {
		return nil
	}
	if err := g.m.files.Rewind(g.m.end); err != nil {
		return g.m.stop(fmt.Errorf("take back uncommitted blocks: %w", err))
	}
	return nil
}

// full reports whether the group has reached one of its bounds.
func (g *Group) full() bool {
	return g.fileBytes >= groupFileBytes || g.coinBytes >= groupCoinBytes || len(g.metas) >= groupBlocks
}

// commit writes the layer in the order that survives a crash, publishes it, and
// leaves it empty.
func (g *Group) commit() error {
	m := g.m
	if len(g.metas) == 0 && g.Tip() == m.tip() {
		return nil
	}
	if err := m.files.Sync(); err != nil {
		return m.stop(fmt.Errorf("store blocks: %w", err))
	}
	end := m.files.End()
	batch := g.batch()
	if end != m.end {
		batch.Put(keyEnd, encodePosition(end))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// Readers wait, so that what they read in the store and the tip agree.
	if err := m.store.Apply(batch, true); err != nil {
		m.stopped = err
		return fmt.Errorf("store the chain's state: %w", err)
	}
	m.end = end
	g.publish()
	g.reset()
	return nil
}

// batch collects what the store has to change, all but the end of the files.
// Each key occurs once, so their order is of no account.
func (g *Group) batch() *kv.Batch {
	batch := new(kv.Batch)
	batch.Grow(128*len(g.metas) + 96*len(g.coins))
	var key, value []byte
	for e, changed := range g.metas {
		value = encodeEntry(value[:0], e, changed)
		batch.Put(entryKey(e), value)
	}
	for op, change := range g.coins {
		key = coinKey(key[:0], op)
		if change.coin == nil {
			batch.Delete(key)
			continue
		}
		value = consensus.EncodeCoin(value[:0], change.coin)
		batch.Put(key, value)
	}
	if tip := g.Tip(); tip != g.m.tip() {
		batch.Put(keyTip, encodeTip(tip))
	}
	return batch
}

// publish makes the layer the state that readers see. The caller holds mu.
func (g *Group) publish() {
	m := g.m
	for _, e := range g.order {
		m.index[e.Hash] = e
		m.leaves[e] = struct{}{}
		delete(m.leaves, e.parent)
	}
	for e, changed := range g.metas {
		e.meta = changed
	}
	m.lastSeq, m.lowSeq = g.lastSeq, g.lowSeq
	m.coins.update(g.coins)
	if tip := g.Tip(); tip != m.tip() {
		m.best = append(m.best[:g.keep], g.branch...)
		close(m.changed)
		m.changed = make(chan struct{})
	}
}
