package mempool

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
)

// The pool's keys: positionKey holds the hash of the last block that it has
// followed, txPrefix and a txid one transaction, deltaPrefix and a txid what
// Prioritise added to its fee, in satoshis (8 bytes, little-endian, signed).
// unbroadcastPrefix and the txid of a transaction say that no peer has asked for
// it yet; the value is empty.
//
// A transaction's value is a version byte, the time it came in (Unix seconds),
// the height of the tip then, the script flags that it was checked under, all
// little-endian, and its bytes with witnesses.
var (
	positionKey = []byte{kv.SpaceMempool, 'p'}
	txPrefix    = []byte{kv.SpaceMempool, 't'}
	deltaPrefix = []byte{kv.SpaceMempool, 'd'}

	unbroadcastPrefix = []byte{kv.SpaceMempool, 'u'}
)

const (
	recordVersion = 1
	recordHeader  = 1 + 8 + 4 + 4
)

func txKey(txid chainhash.Hash) []byte          { return slices.Concat(txPrefix, txid[:]) }
func deltaKey(txid chainhash.Hash) []byte       { return slices.Concat(deltaPrefix, txid[:]) }
func unbroadcastKey(txid chainhash.Hash) []byte { return slices.Concat(unbroadcastPrefix, txid[:]) }

// scanIDs reads what is stored under a prefix and a txid.
func (p *Pool) scanIDs(prefix []byte, fn func(txid chainhash.Hash, value []byte) error) error {
	return p.config.Store.Scan(prefix, kv.After(prefix), func(key, value []byte) error {
		if len(key) != len(prefix)+chainhash.HashSize {
			return fmt.Errorf("key %x has a wrong length", key)
		}
		return fn(chainhash.Hash(key[len(prefix):]), value)
	})
}

func encodeRecord(e *Entry) []byte {
	b := make([]byte, 0, recordHeader+e.Tx.SerializeSize())
	b = append(b, recordVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Time.Unix()))
	b = binary.LittleEndian.AppendUint32(b, uint32(e.Height))
	b = binary.LittleEndian.AppendUint32(b, uint32(consensus.StandardFlags))
	return append(b, consensus.EncodeTx(e.Tx)...)
}

func decodeRecord(b []byte) (arrival, error) {
	if len(b) < recordHeader || b[0] != recordVersion {
		return arrival{}, errors.New("a stored transaction has an unknown form")
	}
	tx, err := consensus.DecodeTx(b[recordHeader:])
	if err != nil {
		return arrival{}, err
	}
	return arrival{
		tx:      tx,
		time:    time.Unix(int64(binary.LittleEndian.Uint64(b[1:])), 0),
		height:  int32(binary.LittleEndian.Uint32(b[9:])),
		origin:  kept,
		checked: consensus.Flags(binary.LittleEndian.Uint32(b[13:])) == consensus.StandardFlags,
	}, nil
}

// load reads what is stored and brings it to the chain's tip.
func (p *Pool) load() error {
	p.tip = p.config.Chain.Tip()
	switch position, err := p.config.Store.Get(positionKey); {
	case errors.Is(err, kv.ErrNotFound):
	case err != nil:
		return local("read position", err)
	case len(position) != chainhash.HashSize:
		return local("read position", fmt.Errorf("%d bytes", len(position)))
	default:
		if e := p.config.Chain.ByHash(chainhash.Hash(position)); e != nil {
			p.tip = e
		}
	}
	if err := p.scanIDs(deltaPrefix, func(txid chainhash.Hash, value []byte) error {
		if len(value) != 8 {
			return fmt.Errorf("delta of %d bytes", len(value))
		}
		p.deltas[txid] = int64(binary.LittleEndian.Uint64(value))
		return nil
	}); err != nil {
		return local("read stored fee deltas", err)
	}
	unbroadcast := map[chainhash.Hash]bool{}
	if err := p.scanIDs(unbroadcastPrefix, func(txid chainhash.Hash, _ []byte) error {
		unbroadcast[txid] = true
		return nil
	}); err != nil {
		return local("read stored transactions", err)
	}
	var stored []arrival
	if err := p.scanIDs(txPrefix, func(txid chainhash.Hash, value []byte) error {
		a, err := decodeRecord(slices.Clone(value))
		a.unbroadcast = unbroadcast[txid]
		stored = append(stored, a)
		return err
	}); err != nil {
		return local("read stored transactions", err)
	}
	slices.SortStableFunc(stored, func(a, b arrival) int { return cmp.Compare(a.time.Unix(), b.time.Unix()) })
	return p.rebuild(stored)
}

// stage writes the difference between two states of the pool into a batch.
func stage(b *kv.Batch, added, removed []*Entry) {
	for _, e := range removed {
		b.Delete(txKey(e.TxID))
		if e.Unbroadcast {
			b.Delete(unbroadcastKey(e.TxID))
		}
	}
	for _, e := range added {
		b.Put(txKey(e.TxID), encodeRecord(e))
		if e.Unbroadcast {
			b.Put(unbroadcastKey(e.TxID), nil)
		}
	}
}
