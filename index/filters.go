package index

import (
	"encoding/binary"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/v2/gcs"
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
func BasicFilter(b *wire.MsgBlock, hash chainhash.Hash, undo *consensus.Undo) ([]byte, error) {
	set := make(map[string]struct{})
	for _, tx := range b.Transactions {
		for _, out := range tx.TxOut {
			if s := out.PkScript; len(s) > 0 && s[0] != txscript.OP_RETURN {
				set[string(s)] = struct{}{}
			}
		}
	}
	for _, coins := range undo.Txs {
		for i := range coins {
			if s := coins[i].Script; len(s) > 0 {
				set[string(s)] = struct{}{}
			}
		}
	}
	items := make([][]byte, 0, len(set)) // the coding sorts them by their hashes
	for s := range set {
		items = append(items, []byte(s))
	}
	f, err := gcs.BuildGCSFilter(filterP, filterM, filterKey(hash), items)
	if err != nil {
		return nil, fmt.Errorf("filter of block %s: %w", hash, err)
	}
	raw, err := f.NBytes()
	if err != nil {
		return nil, fmt.Errorf("filter of block %s: %w", hash, err)
	}
	return raw, nil
}

// filterKey returns the key under which a filter's scripts are hashed: the first
// half of the block's hash.
func filterKey(hash chainhash.Hash) [gcs.KeySize]byte {
	return [gcs.KeySize]byte(hash[:gcs.KeySize])
}

// FilterHeader returns the header of a block's filter, which commits to the
// filter and to all filters before it (BIP157). Before the first is the zero
// hash.
func FilterHeader(filter []byte, previous chainhash.Hash) chainhash.Hash {
	hash := chainhash.DoubleHashH(filter)
	return chainhash.DoubleHashH(append(hash[:], previous[:]...))
}

// FilterMatches reports whether any of the scripts may be in the filter of the
// block with a hash. It errs on the side of yes, once in about 785,000 scripts.
func FilterMatches(filter []byte, hash chainhash.Hash, scripts [][]byte) (bool, error) {
	f, err := parseFilter(filter)
	if err != nil {
		return false, fmt.Errorf("filter of block %s: %w", hash, err)
	}
	if f.N() == 0 || len(scripts) == 0 {
		return false, nil
	}
	return f.MatchAny(filterKey(hash), scripts)
}

// parseFilter reads a filter. Each item takes at least filterP+1 bits, so that
// a damaged count is found here.
func parseFilter(filter []byte) (*gcs.Filter, error) {
	n, size := compactSize(filter)
	if size == 0 || n > uint64(len(filter)-size)*8/(filterP+1) {
		return nil, fmt.Errorf("damaged: %d bytes", len(filter))
	}
	return gcs.FromBytes(uint32(n), filterP, filterM, filter[size:])
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
