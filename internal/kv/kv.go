// Package kv is the seam between lode and the database that keeps what can be
// rebuilt from blocks: ordered keys, snapshots, and batches that are applied
// as a whole or not at all.
//
// Two stores stand behind it, pebble on a disk and a twin in memory; one
// conformance suite runs on both. The package gives no meaning to what it
// stores. Every key begins with one byte that says whose it is, and nobody
// writes under another's:
//
//	h  chain: block index
//	u  chain: unspent outputs
//	t  chain: format, network, tip, end of the block files
//	m  mempool
//	w  wallet: coins and history
//	x  index: transactions
//	f  index: block filters
//	b  backup
//	s  node: settings and state that outlive a host
//
// Stores and snapshots may be used from many goroutines; a Batch belongs to
// one. What has been acknowledged to anybody must have been applied with
// sync = true: an unsynced batch need not even have reached the system when
// Apply returns.
package kv

import "errors"

// The first bytes of the key spaces.
const (
	SpaceIndex   = 'h'
	SpaceCoins   = 'u'
	SpaceChain   = 't'
	SpaceMempool = 'm'
	SpaceWallet  = 'w'
	SpaceTxIndex = 'x'
	SpaceFilters = 'f'
	SpaceBackup  = 'b'
	SpaceNode    = 's'
)

var (
	// ErrNotFound is what Get returns for a key that is not there.
	ErrNotFound = errors.New("key not found")
	// ErrFailed marks every answer of a store after one of its writes failed.
	// What such a write left behind is known only after the store has been
	// opened anew.
	ErrFailed = errors.New("the store failed earlier; restart after repairing the cause")
	// ErrClosed is returned by stores and snapshots that have been closed.
	ErrClosed = errors.New("the store is closed")
)

// Reader reads one state of a store.
type Reader interface {
	// Get returns a copy of the value of key, or ErrNotFound.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for each key in [lower, upper), in the order of their
	// bytes; a nil upper means no end. Keys and values are valid only during
	// the call. All calls see the state at the time of Scan. An error of fn
	// ends the scan and is returned as it is.
	Scan(lower, upper []byte, fn func(key, value []byte) error) error
}

// Store is a database.
type Store interface {
	Reader
	// Snapshot freezes the present state. It must be closed.
	Snapshot() Snapshot
	// Apply performs all of a batch or nothing, later entries winning over
	// earlier ones. With sync it returns once the batch survives power loss.
	// After an error the batch must be taken for lost, and the store answers
	// everything with ErrFailed.
	Apply(b *Batch, sync bool) error
	// Close ends the use of the store; snapshots must have been closed before.
	Close() error
}

// Snapshot is a frozen state of a store.
type Snapshot interface {
	Reader
	Close() error
}

// After returns the smallest key that is larger than every key that begins
// with prefix: the upper bound of a scan over them. It is nil, meaning no end,
// if there is none.
func After(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			upper := append([]byte(nil), prefix[:i+1]...)
			upper[i]++
			return upper
		}
	}
	return nil
}
