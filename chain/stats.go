package chain

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/muhash"
)

// UTXOHash names a hash over all unspent outputs, as gettxoutsetinfo does.
type UTXOHash string

// The hashes over all unspent outputs.
const (
	HashNone       UTXOHash = "none"
	HashMuHash     UTXOHash = "muhash"            // MuHash3072: does not depend on the order
	HashSerialized UTXOHash = "hash_serialized_3" // double SHA-256 over all, by outpoint
)

// Stats describes the set of unspent outputs (Core's gettxoutsetinfo).
type Stats struct {
	Tip          *Entry           // as of which block
	TxOuts       int64            // unspent outputs
	Transactions int64            // transactions that have one
	Total        consensus.Amount // sum of their values
	BogoSize     int64            // Core's measure that does not depend on the store
	DiskSize     int64            // estimate, in bytes
	HashType     UTXOHash
	Hash         chainhash.Hash // of HashType; zero for HashNone
}

// statsInterval is after how many coins a scan looks whether it is to end.
const statsInterval = 4096

// UTXOStats counts and hashes all unspent outputs as of one tip. Blocks may come
// in meanwhile.
func (m *Manager) UTXOStats(ctx context.Context, hashType UTXOHash) (Stats, error) {
	hasher, err := newCoinHasher(hashType)
	if err != nil {
		return Stats{}, err
	}
	m.mu.RLock()
	snapshot, tip := m.store.Snapshot(), m.tip()
	m.mu.RUnlock()
	defer snapshot.Close()

	stats := Stats{Tip: tip, HashType: hashType}
	var lastTx chainhash.Hash
	var buf []byte
	prefix := []byte{kv.SpaceCoins}
	err = snapshot.Scan(prefix, kv.After(prefix), func(key, value []byte) error {
		if stats.TxOuts%statsInterval == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		op, err := decodeCoinKey(key)
		if err != nil {
			return err
		}
		coin, err := consensus.DecodeCoin(value)
		if err != nil {
			return fmt.Errorf("%w: coin %s: %w", ErrDamaged, op, err)
		}
		if stats.TxOuts == 0 || op.Hash != lastTx {
			stats.Transactions++
			lastTx = op.Hash
		}
		stats.TxOuts++
		stats.Total += consensus.Amount(coin.Value)
		// txid, index, height and coinbase, value, length of the script, script
		stats.BogoSize += 32 + 4 + 4 + 8 + 2 + int64(len(coin.Script))
		stats.DiskSize += int64(len(key) + len(value))
		buf = consensus.AppendUTXO(buf[:0], op, coin)
		hasher.add(buf)
		return nil
	})
	if err != nil {
		return Stats{}, fmt.Errorf("scan unspent outputs: %w", err)
	}
	stats.Hash = hasher.sum()
	return stats, nil
}

// coinHasher hashes coins in the order of their outpoints.
type coinHasher interface {
	add(coin []byte)
	sum() chainhash.Hash
}

func newCoinHasher(t UTXOHash) (coinHasher, error) {
	switch t {
	case HashNone:
		return noHasher{}, nil
	case HashMuHash:
		return &muHasher{}, nil
	case HashSerialized:
		return serializedHasher{sha256.New()}, nil
	}
	return nil, fmt.Errorf("%q is not a hash of unspent outputs; use %s, %s or %s", t, HashMuHash, HashSerialized, HashNone)
}

type noHasher struct{}

func (noHasher) add([]byte)          {}
func (noHasher) sum() chainhash.Hash { return chainhash.Hash{} }

type muHasher struct{ muhash.Hash }

func (h *muHasher) add(coin []byte)     { h.Insert(coin) }
func (h *muHasher) sum() chainhash.Hash { return h.Finalize() }

type serializedHasher struct{ hash.Hash }

func (h serializedHasher) add(coin []byte) { h.Write(coin) }

func (h serializedHasher) sum() chainhash.Hash { return sha256.Sum256(h.Sum(nil)) }
