package chain

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/muhash"
)

// coinWatch is a store that keeps the hash of all stored coins up to date, so
// that it can be had after every block. The same tip must always come with the
// same coins: whoever leaves a block and comes back to it finds those of before.
type coinWatch struct {
	*kv.Watched
	set   muhash.Hash
	known map[chainhash.Hash]chainhash.Hash // tip to hash of the coins
	tips  int                               // how often a known tip was seen again
	fault error
}

// watch makes a disk's store, which is empty, a watched one.
func (d *disk) watch() *coinWatch {
	w := &coinWatch{known: make(map[chainhash.Hash]chainhash.Hash)}
	w.Watched = kv.NewWatched(d.store, w.see)
	d.store = w
	return w
}

func (w *coinWatch) see(key, before, after []byte) {
	if key[0] != kv.SpaceCoins {
		return
	}
	op, err := decodeCoinKey(key)
	if err != nil {
		w.fault = errors.Join(w.fault, err)
		return
	}
	for _, side := range []struct {
		value []byte
		put   func([]byte)
	}{{before, w.set.Remove}, {after, w.set.Insert}} {
		if side.value == nil {
			continue
		}
		coin, err := consensus.DecodeCoin(side.value)
		if err != nil {
			w.fault = errors.Join(w.fault, err)
			return
		}
		side.put(consensus.AppendUTXO(nil, op, coin))
	}
}

// Apply applies a batch and looks at the tip that it leaves.
func (w *coinWatch) Apply(b *kv.Batch, sync bool) error {
	if err := w.Watched.Apply(b, sync); err != nil {
		return err
	}
	value, err := w.Get(keyTip)
	if err != nil {
		return err
	}
	tip, height, err := decodeTip(value)
	if err != nil {
		return nil // a test has damaged it
	}
	now := w.hash()
	if before, ok := w.known[tip]; ok {
		w.tips++
		if before != now {
			w.fault = errors.Join(w.fault, fmt.Errorf("at block %s (height %d) the coins were %s and are %s", tip, height, before, now))
		}
	}
	w.known[tip] = now
	return nil
}

// hash returns the MuHash of all stored coins.
func (w *coinWatch) hash() chainhash.Hash { return w.set.Finalize() }
