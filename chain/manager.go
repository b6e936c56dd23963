// Package chain owns the best chain: the index of all known blocks, the set of
// unspent outputs, the block and undo files, and every change of the tip.
//
// Blocks come in by one door, Accept, alone or as a Group that is committed
// together. Package consensus judges them; this package decides which branch is
// best, connects and disconnects, and stores. It reads no clock, and it starts
// no goroutine; script checks run on the Executor that it is given.
//
// # Who owns what
//
// A Manager has at most one writer at a time: the Group that runs. The group
// works on a private layer over the committed state and nobody sees anything of
// it before it commits. Manager.mu guards what has been published. Followers
// (mempool, wallets, indexes, backups) are never called from here: they pull the
// steps from the block that they have seen last to the tip (Steps, Tail).
//
// # What is on the disk, and in which order
//
// Block and undo bytes are written and synced first; then one synced batch names
// them, changes the coins, and moves the tip and the committed end of the files.
// So a crash leaves the last committed state, and bytes behind the committed end
// are cut off when the files are opened. A commit that failed is never tried
// again: the manager refuses all further writes until it has been opened anew.
package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/network"
)

var (
	// ErrUnknownBlock says that no block with this hash is in the index.
	ErrUnknownBlock = errors.New("block not found")
	// ErrNoData says that a block's bytes are not stored: only its header is
	// known.
	ErrNoData = errors.New("block data is not stored")
	// ErrNoDatabase says that there are block files, but that the database, which
	// says where in them the blocks are, is empty.
	ErrNoDatabase = errors.New("there are block files without their database; " +
		"put the database back, or move the block files away and restore a backup")
	// ErrStopped says that writing has failed before, or that the manager is
	// closed. What is committed stays; nothing more can be added.
	ErrStopped = errors.New("the chain takes no more blocks; repair the cause and restart")
)

// Executor runs the script checks of blocks. par.Pool is one.
type Executor = consensus.Executor

// Config is what a Manager works with. The store is used, not owned: it is
// closed by who opened it, after the manager.
type Config struct {
	Params  *network.Params
	Store   kv.Store
	Dir     string       // folder of the block files
	Exec    Executor     // runs script checks; nil runs them one after the other
	Checked *CheckCache  // transactions whose scripts need no check; may be nil
	FS      blockfile.FS // nil is the real file system
}

// Manager is the owner of a chain. Its methods may be called from many
// goroutines.
type Manager struct {
	params  *network.Params
	store   kv.Store
	exec    Executor
	checked *CheckCache
	files   *blockfile.Files
	coins   *coinCache
	recent  *recentBlocks

	// writer holds one token; whoever has taken it is the writer.
	writer chan struct{}

	mu      sync.RWMutex // guards what follows, and the meta of published entries
	index   map[chainhash.Hash]*Entry
	best    []*Entry            // by height; the last is the tip
	leaves  map[*Entry]struct{} // entries without children
	end     blockfile.Position  // committed end of the block files
	lastSeq int64               // of the entry that came in last
	lowSeq  int64               // lowest that was ever given out
	changed chan struct{}       // closed when the tip moves
	stopped error               // why no more writes are taken
}

// Open opens the chain in a store, or begins one with the network's genesis
// block in an empty store. A reorganisation that a crash interrupted is
// finished.
func Open(c Config) (*Manager, error) {
	fresh, err := checkOwner(c.Store, c.Params)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		params:  c.Params,
		store:   c.Store,
		exec:    c.Exec,
		checked: c.Checked,
		coins:   newCoinCache(coinCacheBytes),
		recent:  newRecentBlocks(recentBytes),
		writer:  make(chan struct{}, 1),
		index:   make(map[chainhash.Hash]*Entry),
		leaves:  make(map[*Entry]struct{}),
		changed: make(chan struct{}),
	}
	if m.exec == nil {
		m.exec = serial{}
	}
	if fresh {
		err = checkUnused(c)
	} else {
		m.end, err = loadEnd(c.Store)
	}
	if err != nil {
		return nil, err
	}
	if m.files, err = blockfile.Open(c.FS, c.Dir, m.end); err != nil {
		return nil, err
	}
	if err := m.start(fresh); err != nil {
		return nil, errors.Join(err, m.files.Close())
	}
	m.writer <- struct{}{}
	if err := m.Group(context.Background(), (*Group).settle); err != nil {
		return nil, errors.Join(fmt.Errorf("finish reorganisation: %w", err), m.files.Close())
	}
	return m, nil
}

// start brings the index into memory.
func (m *Manager) start(fresh bool) error {
	if fresh {
		return m.putGenesis()
	}
	return m.load()
}

// Close waits for the writer and ends the use of the block files. Entries and
// what is in memory stay readable.
func (m *Manager) Close() error {
	<-m.writer
	defer func() { m.writer <- struct{}{} }()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped == nil {
		m.stopped = errors.New("the chain is closed")
	}
	return m.files.Close()
}

// Params returns the rules of the chain.
func (m *Manager) Params() *network.Params { return m.params }

// Tip returns the last block of the best chain.
func (m *Manager) Tip() *Entry {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.tip()
}

func (m *Manager) tip() *Entry { return m.best[len(m.best)-1] }

// ByHash returns a known block's entry, on whichever branch, or nil.
func (m *Manager) ByHash(hash chainhash.Hash) *Entry {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.index[hash]
}

// ByHeight returns the entry at a height of the best chain, or nil.
func (m *Manager) ByHeight(height int32) *Entry {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if height < 0 || int(height) >= len(m.best) {
		return nil
	}
	return m.best[height]
}

// InBest reports whether an entry is part of the best chain.
func (m *Manager) InBest(e *Entry) bool { return m.ByHeight(e.Height) == e }

// Changed returns a channel that is closed when the tip moves next. Get the
// channel before looking at the tip, so as not to miss a move.
func (m *Manager) Changed() <-chan struct{} {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.changed
}

// Coins returns the unspent outputs at outpoints, nil for those that are not
// there, and the tip as of which this is true.
func (m *Manager) Coins(ops []wire.OutPoint) ([]*consensus.Coin, *Entry, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	coins := make([]*consensus.Coin, len(ops))
	for i, op := range ops {
		coin, err := m.coin(op)
		if err != nil {
			return nil, nil, err
		}
		coins[i] = coin
	}
	return coins, m.tip(), nil
}

// coin returns a committed coin, or nil. The caller holds mu or is the writer.
func (m *Manager) coin(op wire.OutPoint) (*consensus.Coin, error) {
	if coin := m.coins.get(op); coin != nil {
		return coin, nil
	}
	var key [1 + chainhash.HashSize + 4]byte
	value, err := m.store.Get(coinKey(key[:0], op))
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up coin %s: %w", op, err)
	}
	coin, err := consensus.DecodeCoin(value)
	if err != nil {
		return nil, fmt.Errorf("%w: coin %s: %w", ErrDamaged, op, err)
	}
	m.coins.put(op, coin)
	return coin, nil
}

// Block returns a stored block, on whichever branch. It is shared and must not
// be changed.
func (m *Manager) Block(hash chainhash.Hash) (*wire.MsgBlock, error) {
	e, at, err := m.find(hash)
	if err != nil {
		return nil, err
	}
	b, err := m.body(e, at)
	if err != nil {
		return nil, err
	}
	return b.block, nil
}

// BlockBytes returns a stored block's serialization.
func (m *Manager) BlockBytes(hash chainhash.Hash) ([]byte, error) {
	e, at, err := m.find(hash)
	if err != nil {
		return nil, err
	}
	return m.read(e, "block", at.block)
}

// Undo returns the outputs that a block spent. Only blocks that have been part
// of the best chain have it. It is shared and must not be changed.
func (m *Manager) Undo(hash chainhash.Hash) (*consensus.Undo, error) {
	e, at, err := m.find(hash)
	if err != nil {
		return nil, err
	}
	return m.undo(e, at)
}

// find returns a published block with its published meta.
func (m *Manager) find(hash chainhash.Hash) (*Entry, meta, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.index[hash]
	if e == nil {
		return nil, meta{}, fmt.Errorf("%w: %s", ErrUnknownBlock, hash)
	}
	return e, e.meta, nil
}

// body returns a block from the recent ones or from its file, which at names.
func (m *Manager) body(e *Entry, at meta) (*body, error) {
	if b := m.recent.get(e.Hash); b != nil {
		return b, nil
	}
	if at.status&hasBlock == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoData, e.Hash)
	}
	raw, err := m.read(e, "block", at.block)
	if err != nil {
		return nil, err
	}
	block, err := consensus.DecodeBlock(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: block %s: %w", ErrDamaged, e.Hash, err)
	}
	if block.BlockHash() != e.Hash {
		return nil, fmt.Errorf("%w: block %s: another block is in its place", ErrDamaged, e.Hash)
	}
	return &body{block: block, txids: consensus.TxIDs(block), size: len(raw)}, nil
}

// undo returns a block's undo data from the recent ones or from its file.
func (m *Manager) undo(e *Entry, at meta) (*consensus.Undo, error) {
	if e.parent == nil {
		return &consensus.Undo{}, nil
	}
	if b := m.recent.get(e.Hash); b != nil && b.undo != nil {
		return b.undo, nil
	}
	if at.status&hasUndo == 0 {
		return nil, fmt.Errorf("%w: undo of %s", ErrNoData, e.Hash)
	}
	raw, err := m.read(e, "undo of block", at.undo)
	if err != nil {
		return nil, err
	}
	undo, err := consensus.DecodeUndo(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: undo of block %s: %w", ErrDamaged, e.Hash, err)
	}
	return undo, nil
}

func (m *Manager) read(e *Entry, what string, at blockfile.Location) ([]byte, error) {
	raw, err := m.files.Read(at)
	if err != nil {
		return nil, fmt.Errorf("read %s %s (height %d): %w", what, e.Hash, e.Height, err)
	}
	return raw, nil
}

// serial is the executor of those who bring none.
type serial struct{}

func (serial) Run(n int, check func(i int) error) (int, error) {
	for i := range n {
		if err := check(i); err != nil {
			return i, err
		}
	}
	return n, nil
}
