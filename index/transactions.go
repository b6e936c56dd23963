// Package index tells where things are in the chain: in which block a
// transaction stands, and, by compact filters (BIP158), which blocks a script may
// occur in.
//
// An index is a follower of the chain: it keeps the hash of the last block that
// it has seen in the same batch as its own changes, and can be rebuilt from
// blocks at any time. It knows nothing of the mempool and judges nothing.
package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
)

// The transaction index's keys: positionKey holds the hash of the last block
// seen, txPrefix and a txid the block's hash, its height and the transaction's
// place in it (four bytes each, little-endian).
var (
	positionKey = []byte{kv.SpaceTxIndex, 'p'}
	txPrefix    = []byte{kv.SpaceTxIndex, 't'}
)

const locationSize = chainhash.HashSize + 4 + 4

// Location is where a transaction of the best chain stands.
type Location struct {
	Block    chainhash.Hash
	Height   int32
	Position int // in the block; the coinbase is 0
}

// Transactions is the index of all transactions of the best chain but the
// genesis block's, which Core's index leaves out too. Its tail is the only
// writer; it may be used from any goroutine.
type Transactions struct {
	store kv.Store
	chain *chain.Manager
	tail  *chain.Tail
}

// Open returns the index that is kept in store. It follows the chain when it is
// run, asked to catch up or looked into.
func Open(store kv.Store, m *chain.Manager) *Transactions {
	t := &Transactions{store: store, chain: m}
	t.tail = chain.NewTail(m, follower{store})
	return t
}

// CatchUp follows the chain to its tip of now.
func (t *Transactions) CatchUp(ctx context.Context) error { return t.tail.CatchUp(ctx) }

// Run follows the chain until ctx ends, and then returns nil.
func (t *Transactions) Run(ctx context.Context) error {
	if err := t.tail.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

// Height returns that of the last block seen, -1 before the first.
func (t *Transactions) Height() (int32, error) {
	hash, err := follower{t.store}.Position()
	if err != nil || hash == (chainhash.Hash{}) {
		return -1, err
	}
	if e := t.chain.ByHash(hash); e != nil {
		return e.Height, nil
	}
	return -1, nil
}

// Find returns where a transaction stands in the best chain of now; false when
// it is not there.
func (t *Transactions) Find(ctx context.Context, txid chainhash.Hash) (Location, bool, error) {
	if err := t.CatchUp(ctx); err != nil {
		return Location{}, false, err
	}
	value, err := t.store.Get(txKey(txid))
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return Location{}, false, nil
	case err != nil:
		return Location{}, false, fmt.Errorf("transaction index: %w", err)
	case len(value) != locationSize:
		return Location{}, false, fmt.Errorf("transaction index: entry of %s has %d bytes", txid, len(value))
	}
	l := Location{
		Height:   int32(binary.LittleEndian.Uint32(value[chainhash.HashSize:])),
		Position: int(binary.LittleEndian.Uint32(value[chainhash.HashSize+4:])),
	}
	copy(l.Block[:], value)
	return l, true, nil
}

// Tx returns a transaction of the best chain and where it stands; nil when it is
// not there.
func (t *Transactions) Tx(ctx context.Context, txid chainhash.Hash) (*wire.MsgTx, Location, error) {
	l, ok, err := t.Find(ctx, txid)
	if err != nil || !ok {
		return nil, Location{}, err
	}
	b, err := t.chain.Block(l.Block)
	if err != nil {
		return nil, Location{}, fmt.Errorf("transaction index: %w", err)
	}
	if l.Position >= len(b.Transactions) {
		return nil, Location{}, fmt.Errorf("transaction index: block %s has no transaction %d", l.Block, l.Position)
	}
	return b.Transactions[l.Position], l, nil
}

func txKey(txid chainhash.Hash) []byte {
	key := make([]byte, 0, len(txPrefix)+chainhash.HashSize)
	return append(append(key, txPrefix...), txid[:]...)
}

// follower writes the index.
type follower struct{ store kv.Store }

// Position returns the last block seen, the zero hash before the first.
func (f follower) Position() (chainhash.Hash, error) {
	value, err := f.store.Get(positionKey)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return chainhash.Hash{}, nil
	case err != nil:
		return chainhash.Hash{}, fmt.Errorf("transaction index: %w", err)
	case len(value) != chainhash.HashSize:
		return chainhash.Hash{}, fmt.Errorf("transaction index: position of %d bytes", len(value))
	}
	return chainhash.Hash(value), nil
}

// Follow records the blocks that came and forgets those that went, in one batch.
// It need not be synced: what is lost is read from the blocks again.
func (f follower) Follow(steps []chain.Step) error {
	var b kv.Batch
	var position chainhash.Hash
	value := make([]byte, locationSize)
	for _, s := range steps {
		e := s.Entry
		if !s.Connect {
			for _, txid := range s.TxIDs {
				b.Delete(txKey(txid))
			}
			position = e.Parent().Hash
			continue
		}
		position = e.Hash
		if e.Height == 0 {
			continue
		}
		copy(value, e.Hash[:])
		binary.LittleEndian.PutUint32(value[chainhash.HashSize:], uint32(e.Height))
		for i, txid := range s.TxIDs {
			binary.LittleEndian.PutUint32(value[chainhash.HashSize+4:], uint32(i))
			b.Put(txKey(txid), value)
		}
	}
	if len(steps) == 0 {
		return nil
	}
	b.Put(positionKey, position[:])
	if err := f.store.Apply(&b, false); err != nil {
		return fmt.Errorf("transaction index: %w", err)
	}
	return nil
}
