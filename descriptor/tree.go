package descriptor

import (
	"bytes"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
)

// branch is a node of a taproot tree that is being built: the leaves below it
// are those from first to last.
type branch struct {
	depth       int
	hash        chainhash.Hash
	first, last int
}

// newTree computes the Merkle root of leaves that are given in the order of
// their tree, with their depths (BIP341), and fills in their hashes. Paths are
// the hashes by which each leaf proves that it is in the tree, from the leaf
// up. The root of no leaves is empty.
func newTree(leaves []Leaf) (root []byte, paths [][]byte) {
	if len(leaves) == 0 {
		return nil, nil
	}
	paths = make([][]byte, len(leaves))
	var open []branch
	for i := range leaves {
		l := &leaves[i]
		l.Hash = leafHash(l)
		b := branch{l.Depth, l.Hash, i, i + 1}
		for len(open) > 0 && open[len(open)-1].depth == b.depth && b.depth > 0 {
			left := open[len(open)-1]
			open = open[:len(open)-1]
			for j := left.first; j < left.last; j++ {
				paths[j] = append(paths[j], b.hash[:]...)
			}
			for j := b.first; j < b.last; j++ {
				paths[j] = append(paths[j], left.hash[:]...)
			}
			b = branch{b.depth - 1, branchHash(left.hash, b.hash), left.first, b.last}
		}
		open = append(open, b)
	}
	return open[0].hash[:], paths
}

func leafHash(l *Leaf) chainhash.Hash {
	return txscript.TapLeaf{LeafVersion: txscript.TapscriptLeafVersion(l.Version), Script: l.Script}.TapHash()
}

func branchHash(a, b chainhash.Hash) chainhash.Hash {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return *chainhash.TaggedHash(chainhash.TagTapBranch, a[:], b[:])
}

// controlBlock returns the control block of a leaf of the given version whose
// path leads to the root of an output.
func controlBlock(version byte, internal, output *btcec.PublicKey, path []byte) []byte {
	block := make([]byte, 0, 33+len(path))
	block = append(block, version|output.SerializeCompressed()[0]&1)
	block = append(block, schnorr.SerializePubKey(internal)...)
	return append(block, path...)
}
