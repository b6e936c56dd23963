package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
)

// ErrInvalidChain says that a stored chain breaks a rule or that what is stored
// beside it does not follow from it.
var ErrInvalidChain = errors.New("the stored chain does not verify; restore a backup or import the blocks anew")

// Verify validates the whole best chain again, from genesis on, out of the block
// files into a set of coins in memory, with every rule and every script; then it
// compares the undo data and the stored coins with what came out. Blocks may
// come in meanwhile; they are not looked at. progress, which may be nil, is told
// how many blocks of how many are done.
func (m *Manager) Verify(ctx context.Context, progress func(done, total int32)) error {
	m.mu.RLock()
	snapshot := m.store.Snapshot()
	best := slices.Clone(m.best)
	metas := make([]meta, len(best))
	for i, e := range best {
		metas[i] = e.meta
	}
	m.mu.RUnlock()
	defer snapshot.Close()

	coins := make(memoryView)
	for i, e := range best {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.verifyBlock(e, metas[i], coins); err != nil {
			return fmt.Errorf("%w: height %d, block %s: %w", ErrInvalidChain, e.Height, e.Hash, err)
		}
		if progress != nil {
			progress(int32(i+1), int32(len(best)))
		}
	}
	return coins.compare(ctx, snapshot)
}

// verifyBlock checks one block and applies it to coins.
func (m *Manager) verifyBlock(e *Entry, at meta, coins memoryView) error {
	raw, err := m.read(e, "block", at.block)
	if err != nil {
		return err
	}
	block, err := consensus.DecodeBlock(raw)
	if err != nil {
		return err
	}
	if got := block.BlockHash(); got != e.Hash {
		return fmt.Errorf("block %s is in its place", got)
	}
	if e.parent == nil {
		return nil // genesis is a rule itself
	}
	if block.Header.PrevBlock != e.parent.Hash {
		return errors.New("it does not follow the block before")
	}
	txids := consensus.TxIDs(block)
	if err := consensus.CheckBlockIDs(m.params, block, txids); err != nil {
		return err
	}
	parent, time := e.parent, block.Header.Timestamp.Unix()
	header := parent.headerContext(m.params, time)
	if err := consensus.CheckHeader(m.params, header, &block.Header, time); err != nil {
		return err
	}
	if err := consensus.CheckBlockContext(m.params, header, block); err != nil {
		return err
	}
	update, err := consensus.Apply(m.params, e.blockContext(), block, txids, coins)
	if update != nil {
		// All of them, whatever the mempool knows.
		if scriptErr := consensus.RunChecks(m.exec, update.Checks); scriptErr != nil {
			err = scriptErr
		}
	}
	if err != nil {
		return err
	}
	undo, err := m.read(e, "undo of block", at.undo)
	if err != nil {
		return err
	}
	if !bytes.Equal(undo, update.Undo.Encode(nil)) {
		return errors.New("the stored undo data is not its own")
	}
	for i := range update.Spent {
		delete(coins, update.Spent[i].OutPoint)
	}
	for i := range update.Created {
		coins[update.Created[i].OutPoint] = &update.Created[i].Coin
	}
	return nil
}

// memoryView is a set of coins in memory.
type memoryView map[wire.OutPoint]*consensus.Coin

// Coin returns a coin, or nil.
func (v memoryView) Coin(op wire.OutPoint) (*consensus.Coin, error) { return v[op], nil }

// compare looks whether a store holds exactly the coins of the view.
func (v memoryView) compare(ctx context.Context, r kv.Reader) error {
	stored := 0
	prefix := []byte{kv.SpaceCoins}
	var want []byte
	err := r.Scan(prefix, kv.After(prefix), func(key, value []byte) error {
		if stored%statsInterval == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		stored++
		op, err := decodeCoinKey(key)
		if err != nil {
			return err
		}
		coin := v[op]
		if coin == nil {
			return fmt.Errorf("%w: coin %s is stored, but not unspent", ErrInvalidChain, op)
		}
		if want = consensus.EncodeCoin(want[:0], coin); !bytes.Equal(value, want) {
			return fmt.Errorf("%w: coin %s is stored wrongly", ErrInvalidChain, op)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if stored != len(v) {
		return fmt.Errorf("%w: %d unspent outputs are stored, %d exist", ErrInvalidChain, stored, len(v))
	}
	return nil
}
