package index

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// Constants of the basic filter (BIP158): a false positive in about filterM
// questions, coded with filterP bits of remainder.
const (
	filterP = 19
	filterM = 784931
)

// BasicFilter returns the serialization of a block's basic filter (BIP158): a
// set of the scripts that the block pays to and of those that it spends from,
// which undo tells. Empty scripts, and outputs that begin with OP_RETURN, are
// left out.
func BasicFilter(b *wire.MsgBlock, hash chainhash.Hash, undo *consensus.Undo) []byte {
	var scripts [][]byte
	for _, tx := range b.Transactions {
		for _, out := range tx.TxOut {
			if s := out.PkScript; len(s) > 0 && s[0] != txscript.OP_RETURN {
				scripts = append(scripts, s)
			}
		}
	}
	for _, coins := range undo.Txs {
		for i := range coins {
			if s := coins[i].Script; len(s) > 0 {
				scripts = append(scripts, s)
			}
		}
	}
	return filterOf(hash, scripts)
}

// filterOf codes a set of scripts; those that occur twice count once. A value is
// a script's hash under a key that is the first half of the block's hash, brought
// into a range that grows with the number of scripts; written are the differences
// of the sorted values, as Golomb-Rice codes.
func filterOf(hash chainhash.Hash, scripts [][]byte) []byte {
	if len(scripts) > 1 {
		seen := make(map[string]struct{}, len(scripts))
		scripts = slices.DeleteFunc(scripts, func(s []byte) bool {
			_, twice := seen[string(s)]
			seen[string(s)] = struct{}{}
			return twice
		})
	}
	values := make([]uint64, len(scripts))
	k := keyOf(hash)
	var words []uint64
	for i, s := range scripts {
		words = sipWords(words[:0], s)
		values[i] = k.value(words, len(scripts))
	}
	slices.Sort(values)
	w := bitWriter{out: appendCompactSize(make([]byte, 0, 4+3*len(values)), len(values))}
	last := uint64(0)
	for _, v := range values {
		w.golomb(v - last)
		last = v
	}
	return w.bytes()
}

// filterKey is the key under which the scripts of one block's filter are hashed.
type filterKey struct{ k0, k1 uint64 }

func keyOf(hash chainhash.Hash) filterKey {
	return filterKey{binary.LittleEndian.Uint64(hash[:8]), binary.LittleEndian.Uint64(hash[8:16])}
}

// value is what stands for a script, as sipWords has it, in a filter of n scripts.
func (k filterKey) value(script []uint64, n int) uint64 {
	value, _ := bits.Mul64(sipHash(k.k0, k.k1, script), uint64(n)*filterM)
	return value
}

// FilterHeader returns the header of a block's filter, which commits to the
// filter and to all filters before it (BIP157). Before the first is the zero
// hash.
func FilterHeader(filter []byte, previous chainhash.Hash) chainhash.Hash {
	hash := chainhash.DoubleHashH(filter)
	return chainhash.DoubleHashH(append(hash[:], previous[:]...))
}

// Query is a set of scripts that filters are asked for. It never changes, and may
// be used from any goroutine.
type Query struct{ scripts [][]uint64 } // as sipWords has them

// NewQuery returns the query for scripts.
func NewQuery(scripts [][]byte) *Query {
	n := 0
	for _, s := range scripts {
		n += len(s)/8 + 1
	}
	q := &Query{make([][]uint64, len(scripts))}
	words := make([]uint64, 0, n)
	for i, s := range scripts {
		from := len(words)
		words = sipWords(words, s)
		q.scripts[i] = words[from:]
	}
	return q
}

// Matches reports whether any of the scripts may be in the filter of the block
// with a hash. It errs on the side of yes, once in about 785,000 scripts.
func (q *Query) Matches(filter []byte, hash chainhash.Hash) (bool, error) {
	var few [8]uint64
	values, err := filterValues(filter, few[:0])
	if err != nil {
		return false, fmt.Errorf("filter of block %s: %w", hash, err)
	}
	if len(values) == 0 {
		return false, nil
	}
	k := keyOf(hash)
	for _, script := range q.scripts {
		value := k.value(script, len(values))
		if len(values) > len(few) {
			if _, ok := slices.BinarySearch(values, value); ok {
				return true, nil
			}
			continue
		}
		for _, v := range values {
			if v == value {
				return true, nil
			}
		}
	}
	return false, nil
}

// filterValues decodes a filter's values, in ascending order, and appends them
// to values.
func filterValues(filter []byte, values []uint64) ([]uint64, error) {
	n, size := compactSize(filter)
	// Each value takes at least filterP+1 bits, so that a damaged count is found.
	if size == 0 || n > uint64(len(filter)-size)*8/(filterP+1) {
		return nil, fmt.Errorf("damaged: %d bytes", len(filter))
	}
	if uint64(cap(values)) < n {
		values = make([]uint64, 0, n)
	}
	r := bitReader{data: filter[size:]}
	last := uint64(0)
	for range n {
		difference, ok := r.golomb()
		if !ok {
			return nil, fmt.Errorf("damaged: %d bytes end within a value", len(filter))
		}
		last += difference
		values = append(values, last)
	}
	return values, nil
}

// appendCompactSize writes a count.
func appendCompactSize(b []byte, n int) []byte {
	switch {
	case n < 0xfd:
		return append(b, byte(n))
	case n <= 0xffff:
		return binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	}
	return binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n)) // no block has more
}

// compactSize reads a count from the start of b, and how many bytes it took; 0
// when there is none.
func compactSize(b []byte) (n uint64, size int) {
	switch {
	case len(b) >= 1 && b[0] < 0xfd:
		return uint64(b[0]), 1
	case len(b) >= 3 && b[0] == 0xfd:
		return uint64(binary.LittleEndian.Uint16(b[1:])), 3
	case len(b) >= 5 && b[0] == 0xfe:
		return uint64(binary.LittleEndian.Uint32(b[1:])), 5
	}
	return 0, 0 // no block has more
}
