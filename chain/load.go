package chain

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
)

// slab is the number of entries that are allocated together when the index is
// read. Entries live as long as the manager, so nothing is kept for too long.
const slab = 1024

// loadEnd reads the committed end of the block files, before they are opened.
func loadEnd(r kv.Reader) (blockfile.Position, error) {
	value, err := r.Get(keyEnd)
	if err != nil {
		return blockfile.Position{}, fmt.Errorf("%w: end of the block files: %w", ErrDamaged, err)
	}
	return decodePosition(value)
}

// checkUnused makes sure that beginning a chain destroys no other: the block
// files may hold genesis at most, which a crash before the first commit leaves.
func checkUnused(c Config) error {
	size, err := blockfile.Size(c.FS, c.Dir)
	if err != nil {
		return err
	}
	if genesis := len(consensus.EncodeBlock(c.Params.Genesis)) + blockfile.Overhead; size > int64(genesis) {
		return fmt.Errorf("%w: %s", ErrNoDatabase, c.Dir)
	}
	return nil
}

// putGenesis begins a chain. The coins that genesis creates do not exist, as in
// Core.
func (m *Manager) putGenesis() error {
	genesis := m.params.Genesis
	at, err := m.files.Append(consensus.EncodeBlock(genesis))
	if err != nil {
		return fmt.Errorf("store genesis: %w", err)
	}
	if err := m.files.Sync(); err != nil {
		return fmt.Errorf("store genesis: %w", err)
	}
	e := new(Entry)
	newEntry(e, m.params.GenesisHash, &genesis.Header, nil, len(genesis.Transactions))
	e.meta = meta{status: hasBlock | hasUndo, block: at}
	m.end = m.files.End()

	var batch kv.Batch
	putOwner(&batch, m.params)
	batch.Put(entryKey(e), encodeEntry(nil, e, e.meta))
	batch.Put(keyTip, encodeTip(e))
	batch.Put(keyEnd, encodePosition(m.end))
	if err := m.store.Apply(&batch, true); err != nil {
		return fmt.Errorf("store genesis: %w", err)
	}
	m.index[e.Hash] = e
	m.leaves[e] = struct{}{}
	m.best = []*Entry{e}
	return nil
}

// load reads the index of an existing chain.
func (m *Manager) load() error {
	value, err := m.store.Get(keyTip)
	if err != nil {
		return fmt.Errorf("%w: tip: %w", ErrDamaged, err)
	}
	tipHash, height, err := decodeTip(value)
	if err != nil {
		return err
	}
	m.index = make(map[chainhash.Hash]*Entry, height+height/8+64)
	if err := m.loadEntries(); err != nil {
		return err
	}
	tip := m.index[tipHash]
	if tip == nil || tip.Height != height {
		return fmt.Errorf("%w: the tip %s is not in the index", ErrDamaged, tipHash)
	}
	m.best = make([]*Entry, height+1)
	for e := tip; e != nil; e = e.parent {
		m.best[e.Height] = e
	}
	if m.best[0].Hash != m.params.GenesisHash {
		return fmt.Errorf("%w: genesis is %s", ErrDamaged, m.best[0].Hash)
	}
	return nil
}

func (m *Manager) loadEntries() error {
	var (
		prefix = []byte{kv.SpaceIndex}
		free   []Entry
		last   *Entry
	)
	lookup := func(hash chainhash.Hash) *Entry {
		// Mostly the entry that was read just before.
		if last != nil && last.Hash == hash {
			return last
		}
		return m.index[hash]
	}
	err := m.store.Scan(prefix, kv.After(prefix), func(key, value []byte) error {
		if len(free) == 0 {
			free = make([]Entry, slab)
		}
		e := &free[0]
		free = free[1:]
		if err := decodeEntry(e, key, value, lookup); err != nil {
			return err
		}
		m.index[e.Hash] = e
		m.lastSeq = max(m.lastSeq, e.meta.seq)
		m.lowSeq = min(m.lowSeq, e.meta.seq)
		// Mostly each entry is the next one's parent, and never a leaf.
		if last != nil && e.parent != last {
			m.leaves[last] = struct{}{}
			delete(m.leaves, e.parent)
		}
		last = e
		return nil
	})
	if last != nil {
		m.leaves[last] = struct{}{}
	}
	if err != nil && !errors.Is(err, ErrDamaged) {
		return fmt.Errorf("read block index: %w", err)
	}
	return err
}
