package mempool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// The form of mempool.dat, Core's file: a version (8 bytes, little-endian as all
// numbers), from version 2 on a key with its length, and behind that, XORed with
// the key by the place in the file, the number of transactions (8 bytes); each
// with its witnesses, the time it came in and its fee delta (8 bytes each); the
// deltas of transactions that are not there; and the txids of those that no peer
// has asked for.
const (
	dumpPlain   = 1 // MEMPOOL_DUMP_VERSION_NO_XOR_KEY
	dumpVersion = 2 // MEMPOOL_DUMP_VERSION
	dumpKeySize = 8
)

// MaxDump is the size of the largest file that Import reads, in bytes: what Core's
// default limit of memory can hold, and room.
const MaxDump = 1 << 30

// ErrDump says that a file is no mempool.dat, or not a whole one.
var ErrDump = errors.New("not a mempool.dat of version 1 or 2, or damaged")

// Export returns the pool as a mempool.dat of version 2, XORed with key.
func (p *Pool) Export(key [dumpKeySize]byte) []byte {
	p.mu.Lock()
	entries, deltas := p.graph.entries(), maps.Clone(p.deltas)
	p.mu.Unlock()

	b := binary.LittleEndian.AppendUint64(nil, dumpVersion)
	b = append(b, dumpKeySize)
	b = append(b, key[:]...)
	secret := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(entries)))
	var unbroadcast []chainhash.Hash
	for _, e := range entries {
		b = append(b, consensus.EncodeTx(e.Tx)...)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Time.Unix()))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Delta))
		delete(deltas, e.TxID)
		if e.Unbroadcast {
			unbroadcast = append(unbroadcast, e.TxID)
		}
	}
	byBytes := func(a, b chainhash.Hash) int { return bytes.Compare(a[:], b[:]) }
	b = appendCompactSize(b, len(deltas))
	for _, txid := range slices.SortedFunc(maps.Keys(deltas), byBytes) {
		b = append(b, txid[:]...)
		b = binary.LittleEndian.AppendUint64(b, uint64(deltas[txid]))
	}
	slices.SortFunc(unbroadcast, byBytes)
	b = appendCompactSize(b, len(unbroadcast))
	for _, txid := range unbroadcast {
		b = append(b, txid[:]...)
	}
	xorWith(b, secret, key[:])
	return b
}

// ImportOptions say what is taken from a mempool.dat (Core's ImportMempoolOptions).
type ImportOptions struct {
	UseCurrentTime      bool // not the times in the file
	ApplyFeeDeltas      bool
	ApplyUnbroadcastSet bool
}

// Imported counts what became of a file's transactions.
type Imported struct{ Accepted, Refused, Expired, Known int }

// Import adds what a mempool.dat holds, as if it came in now, and then the rest
// of the file. A file that is damaged changes nothing; ErrDump says so.
func (p *Pool) Import(file []byte, now time.Time, o ImportOptions) (Imported, error) {
	var done Imported
	d, err := readDump(file)
	if err != nil {
		return done, err
	}
	for _, tx := range d.txs {
		if o.ApplyFeeDeltas && tx.delta != 0 {
			if err := p.Prioritise(tx.tx.TxHash(), tx.delta); err != nil {
				return done, err
			}
		}
		at := time.Unix(tx.time, 0)
		if o.UseCurrentTime {
			at = now
		}
		if !at.After(now.Add(-p.policy.Expiry)) {
			done.Expired++
			continue
		}
		switch _, err := p.Accept(tx.tx, at); {
		case err == nil:
			done.Accepted++
		case consensus.SortOf(err) == consensus.Local:
			return done, err
		case errors.Is(err, AlreadyInMempool) || errors.Is(err, SameNonWitnessData):
			done.Known++
		default:
			done.Refused++
		}
	}
	if o.ApplyFeeDeltas {
		for txid, delta := range d.deltas {
			if err := p.Prioritise(txid, delta); err != nil {
				return done, err
			}
		}
	}
	if o.ApplyUnbroadcastSet {
		for _, txid := range d.unbroadcast {
			if err := p.SetUnbroadcast(txid, true); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// dump is what a mempool.dat holds.
type dump struct {
	txs         []dumpedTx
	deltas      map[chainhash.Hash]int64 // of transactions that are not in txs
	unbroadcast []chainhash.Hash
}

type dumpedTx struct {
	tx          *wire.MsgTx
	time, delta int64
}

// readDump reads a whole file. Bytes behind its end are left alone, as Core does.
func readDump(file []byte) (*dump, error) {
	r := dumpReader{data: slices.Clone(file)}
	switch version := r.uint64(); version {
	case dumpPlain:
	case dumpVersion:
		key := slices.Clone(r.next(r.compactSize(1)))
		if len(key) > 0 {
			xorWith(r.data, r.at, key)
		}
	default:
		return nil, ErrDump
	}
	d := &dump{deltas: map[chainhash.Hash]int64{}}
	for n := r.uint64(); n > 0 && r.err == nil; n-- {
		d.txs = append(d.txs, dumpedTx{r.tx(), int64(r.uint64()), int64(r.uint64())})
	}
	for n := r.compactSize(chainhash.HashSize + 8); n > 0 && r.err == nil; n-- {
		txid := r.hash()
		d.deltas[txid] = int64(r.uint64())
	}
	for n := r.compactSize(chainhash.HashSize); n > 0 && r.err == nil; n-- {
		d.unbroadcast = append(d.unbroadcast, r.hash())
	}
	return d, r.err
}

// xorWith XORs the bytes from a place on with a key that repeats from the
// beginning of the file.
func xorWith(b []byte, from int, key []byte) {
	for i := from; i < len(b); i++ {
		b[i] ^= key[i%len(key)]
	}
}

// dumpReader reads a file's fields; after a mistake it returns zeros and keeps
// the error.
type dumpReader struct {
	data []byte
	at   int
	err  error
}

func (r *dumpReader) next(n int) []byte {
	if r.err != nil || n > len(r.data)-r.at {
		r.err = ErrDump
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *dumpReader) uint64() uint64 {
	if b := r.next(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *dumpReader) hash() (h chainhash.Hash) {
	copy(h[:], r.next(chainhash.HashSize))
	return h
}

// compactSize reads a count of items of at least size bytes each.
func (r *dumpReader) compactSize(size int) int {
	rest := bytes.NewReader(r.data[r.at:])
	n, err := wire.ReadVarInt(rest, 0)
	if r.err != nil || err != nil || n > uint64(rest.Len()/size) {
		r.err = ErrDump
		return 0
	}
	r.at = len(r.data) - rest.Len()
	return int(n)
}

func (r *dumpReader) tx() *wire.MsgTx {
	if r.err != nil {
		return nil
	}
	// wire finds its end, consensus is strict.
	rest := bytes.NewReader(r.data[r.at:])
	if err := new(wire.MsgTx).Deserialize(rest); err != nil {
		r.err = fmt.Errorf("%w: %w", ErrDump, err)
		return nil
	}
	tx, err := consensus.DecodeTx(slices.Clone(r.next(len(r.data) - rest.Len() - r.at)))
	if err != nil {
		r.err = fmt.Errorf("%w: %w", ErrDump, err)
	}
	return tx
}

func appendCompactSize(b []byte, n int) []byte {
	var buf bytes.Buffer
	_ = wire.WriteVarInt(&buf, 0, uint64(n)) // never fails on a buffer
	return append(b, buf.Bytes()...)
}
