package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/pow"
)

// minTxWeight is the least weight of a transaction that could be valid (Core's
// MIN_TRANSACTION_WEIGHT).
const minTxWeight = WitnessScale * 60

// ErrProof is wrapped by the errors of TxOutProof.Verify: the proof proves
// nothing.
var ErrProof = errors.New("not a proof")

// TxOutProof proves that transactions stand in a block: the block's header and
// the part of its merkle tree that leads to them (BIP37, Core's CMerkleBlock and
// CPartialMerkleTree, what gettxoutproof returns).
type TxOutProof struct {
	Header wire.BlockHeader
	// Txs is the number of transactions that the block is said to have. It
	// decides the shape of the tree.
	Txs uint32

	hashes []chainhash.Hash
	bits   []bool // by depth first: does something under this node match?
}

// NewTxOutProof returns the proof of those transactions of a block that match
// tells by their position. txids are those of all the block's transactions, of
// which there is at least one.
func NewTxOutProof(header *wire.BlockHeader, txids []chainhash.Hash, match func(position int) bool) *TxOutProof {
	p := &TxOutProof{Header: *header, Txs: uint32(len(txids))}
	// All levels of the tree, the leaves first, and what matches below each.
	hashes := [][]chainhash.Hash{txids}
	below := [][]bool{make([]bool, len(txids))}
	for i := range txids {
		below[0][i] = match(i)
	}
	for top := hashes[0]; len(top) > 1; {
		marks, width := below[len(below)-1], (len(top)+1)/2
		next, nextMarks := make([]chainhash.Hash, width), make([]bool, width)
		for i := range next {
			left, right := 2*i, min(2*i+1, len(top)-1)
			next[i] = joinHashes(top[left], top[right])
			nextMarks[i] = marks[left] || marks[right]
		}
		hashes, below, top = append(hashes, next), append(below, nextMarks), next
	}
	var walk func(level, i int)
	walk = func(level, i int) {
		p.bits = append(p.bits, below[level][i])
		if level == 0 || !below[level][i] {
			p.hashes = append(p.hashes, hashes[level][i])
			return
		}
		walk(level-1, 2*i)
		if 2*i+1 < len(hashes[level-1]) {
			walk(level-1, 2*i+1)
		}
	}
	walk(len(hashes)-1, 0)
	return p
}

func joinHashes(left, right chainhash.Hash) chainhash.Hash {
	var pair [2 * chainhash.HashSize]byte
	copy(pair[:], left[:])
	copy(pair[chainhash.HashSize:], right[:])
	return doubleSHA256(pair[:])
}

// Encode appends the proof's serialization.
func (p *TxOutProof) Encode(dst []byte) []byte {
	header := pow.EncodeHeader(&p.Header)
	return p.encodeTree(append(dst, header[:]...))
}

// encodeTree appends what follows the header.
func (p *TxOutProof) encodeTree(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, p.Txs)
	dst = appendCompactSize(dst, uint64(len(p.hashes)))
	for i := range p.hashes {
		dst = append(dst, p.hashes[i][:]...)
	}
	flags := make([]byte, (len(p.bits)+7)/8)
	for i, bit := range p.bits {
		if bit {
			flags[i/8] |= 1 << (i % 8)
		}
	}
	return appendBytes(dst, flags)
}

// DecodeTxOutProof reads a proof. Bytes that follow it are left alone, as in
// Core's verifytxoutproof.
func DecodeTxOutProof(b []byte) (*TxOutProof, error) {
	d := decoder{b: b}
	p := new(TxOutProof)
	d.header(&p.Header)
	p.Txs = d.uint32()
	p.hashes = make([]chainhash.Hash, d.count(chainhash.HashSize))
	for i := range p.hashes {
		copy(p.hashes[i][:], d.next(chainhash.HashSize))
	}
	flags := d.bytes()
	if d.err != nil {
		return nil, fmt.Errorf("%w of a proof: %w", ErrDecode, d.err)
	}
	p.bits = make([]bool, 8*len(flags))
	for i := range p.bits {
		p.bits[i] = flags[i/8]>>(i%8)&1 == 1
	}
	return p, nil
}

// Verify returns the ids and positions of the transactions that the proof shows
// to be in its block. txs is how many transactions the block with this header
// really has, which the caller looks up: without comparing it, an inner node of
// the tree could be passed off as a transaction of 64 bytes (CVE-2017-12842).
// The errors wrap ErrProof.
func (p *TxOutProof) Verify(txs int) (txids []chainhash.Hash, positions []int, err error) {
	if int64(p.Txs) != int64(txs) {
		return nil, nil, fmt.Errorf("%w: it is of %d transactions, but the block has %d", ErrProof, p.Txs, txs)
	}
	root, txids, positions, err := p.extract()
	if err != nil {
		return nil, nil, err
	}
	if root != p.Header.MerkleRoot {
		return nil, nil, fmt.Errorf("%w: it leads to the merkle root %s, not to the block's %s", ErrProof, root, p.Header.MerkleRoot)
	}
	return txids, positions, nil
}

// extract walks the tree (Core's CPartialMerkleTree::ExtractMatches).
func (p *TxOutProof) extract() (root chainhash.Hash, txids []chainhash.Hash, positions []int, err error) {
	switch {
	case p.Txs == 0:
		err = errors.New("a block has at least one transaction")
	case p.Txs > MaxBlockWeight/minTxWeight:
		err = errors.New("no block has that many transactions")
	case uint64(len(p.hashes)) > uint64(p.Txs):
		err = errors.New("more hashes than transactions")
	case len(p.bits) < len(p.hashes):
		err = errors.New("fewer flags than hashes")
	}
	if err != nil {
		return root, nil, nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	w := proofWalk{proof: p}
	height := 0
	for p.width(height) > 1 {
		height++
	}
	root = w.node(height, 0)
	switch {
	case w.fault != "":
	case (w.bit+7)/8 != (len(p.bits)+7)/8:
		w.fault = "flags are left over"
	case w.hash != len(p.hashes):
		w.fault = "hashes are left over"
	}
	if w.fault != "" {
		return root, nil, nil, fmt.Errorf("%w: %s", ErrProof, w.fault)
	}
	return root, w.txids, w.positions, nil
}

// width returns the number of nodes at a height above the leaves.
func (p *TxOutProof) width(height int) uint32 {
	return (p.Txs + 1<<height - 1) >> height
}

// proofWalk is the walk over a proof's tree, depth first.
type proofWalk struct {
	proof     *TxOutProof
	bit, hash int // used up so far
	txids     []chainhash.Hash
	positions []int
	fault     string
}

// node returns the hash of the node at a height and position.
func (w *proofWalk) node(height int, position uint32) (hash chainhash.Hash) {
	if w.fault != "" {
		return hash
	}
	if w.bit == len(w.proof.bits) {
		w.fault = "flags are missing"
		return hash
	}
	matches := w.proof.bits[w.bit]
	w.bit++
	if height > 0 && matches {
		left := w.node(height-1, 2*position)
		right := left
		if 2*position+1 < w.proof.width(height-1) {
			// Two equal branches would let one transaction prove another
			// position (CVE-2012-2459).
			if right = w.node(height-1, 2*position+1); right == left && w.fault == "" {
				w.fault = "two branches are the same"
			}
		}
		return joinHashes(left, right)
	}
	if w.hash == len(w.proof.hashes) {
		w.fault = "hashes are missing"
		return hash
	}
	hash = w.proof.hashes[w.hash]
	w.hash++
	if height == 0 && matches {
		w.txids = append(w.txids, hash)
		w.positions = append(w.positions, int(position))
	}
	return hash
}
