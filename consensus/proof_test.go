package consensus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// TestPartialMerkleTrees builds and reads the trees of merkleblock.json. The
// filters of BIP37 that chose the transactions are a matter of the peer
// protocol, so the choice is taken from the file; the two cases that are of
// filters only have no tree.
func TestPartialMerkleTrees(t *testing.T) {
	var v struct {
		Cases []struct {
			Name        string
			Block       string `json:"block_hex"`
			MerkleBlock string `json:"merkleblock_hex"`
			Matched     []struct {
				Index int
				TxID  string
			}
		} `json:"bip37_cases"`
		Trees []struct {
			TxIDs   any
			Root    string `json:"merkle_root"`
			Matches []int  `json:"match_indices"`
			Tree    string `json:"partial_merkle_tree_hex"`
		} `json:"partial_merkle_trees_generated"`
	}
	readJSON(t, "vectors/core/merkleblock.json", &v)
	whole := 0
	for _, c := range v.Cases {
		block, err := DecodeBlock(unhex(t, c.Block))
		if err != nil {
			t.Fatal(err)
		}
		if c.MerkleBlock == "" {
			continue
		}
		whole++
		var positions []int
		var txids []chainhash.Hash
		for _, m := range c.Matched {
			positions = append(positions, m.Index)
			txids = append(txids, displayHash(t, m.TxID))
		}
		ids := TxIDs(block)
		p := NewTxOutProof(&block.Header, ids, func(i int) bool { return slices.Contains(positions, i) })
		if got := hex.EncodeToString(p.Encode(nil)); got != c.MerkleBlock {
			t.Errorf("%s: %s, want %s", c.Name, got, c.MerkleBlock)
		}
		compareProof(t, c.Name, unhex(t, c.MerkleBlock), len(ids), txids, positions)
	}
	if whole != 8 || len(v.Cases) != 10 || len(v.Trees) != 24 {
		t.Errorf("%d of %d cases, %d trees", whole, len(v.Cases), len(v.Trees))
	}

	big, err := DecodeBlock(readFile(t, "vectors/blocks/block413567.raw.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range v.Trees {
		ids := TxIDs(big)[:500]
		if list, ok := c.TxIDs.([]any); ok {
			ids = nil
			for _, id := range list {
				ids = append(ids, displayHash(t, id.(string)))
			}
		}
		header := wire.BlockHeader{MerkleRoot: displayHash(t, c.Root)}
		p := NewTxOutProof(&header, ids, func(i int) bool { return slices.Contains(c.Matches, i) })
		if got := hex.EncodeToString(p.encodeTree(nil)); got != c.Tree {
			t.Errorf("%d: %s, want %s", i, got, c.Tree)
		}
		var txids []chainhash.Hash
		for _, position := range c.Matches {
			txids = append(txids, ids[position])
		}
		compareProof(t, c.Root, p.Encode(nil), len(ids), txids, c.Matches)
	}
}

// compareProof reads a proof and expects it to show these transactions.
func compareProof(t *testing.T, name string, raw []byte, txs int, txids []chainhash.Hash, positions []int) {
	t.Helper()
	p, err := DecodeTxOutProof(raw)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	gotIDs, gotPositions, err := p.Verify(txs)
	if err != nil || !slices.Equal(gotIDs, txids) || !slices.Equal(gotPositions, positions) {
		t.Errorf("%s: %v, %v, %v", name, gotIDs, gotPositions, err)
	}
	if !bytes.Equal(p.Encode(nil), raw) {
		t.Errorf("%s: written differently", name)
	}
}

// TestProofRefusals changes one thing of a good proof at a time.
func TestProofRefusals(t *testing.T) {
	ids := make([]chainhash.Hash, 7)
	for i := range ids {
		ids[i][0] = byte(i + 1)
	}
	var header wire.BlockHeader
	header.MerkleRoot, _ = MerkleRoot(ids)
	good := func() *TxOutProof {
		return NewTxOutProof(&header, ids, func(i int) bool { return i == 2 || i == 6 })
	}
	if got, positions, err := good().Verify(7); err != nil || len(got) != 2 || positions[1] != 6 {
		t.Fatalf("good: %v, %v, %v", got, positions, err)
	}
	for name, change := range map[string]func(p *TxOutProof){
		"a hash changed":          func(p *TxOutProof) { p.hashes[0][5] ^= 1 },
		"a hash less":             func(p *TxOutProof) { p.hashes = p.hashes[1:] },
		"a hash more":             func(p *TxOutProof) { p.hashes = append(p.hashes, p.hashes[0]) },
		"no hashes":               func(p *TxOutProof) { p.hashes = nil },
		"more hashes than leaves": func(p *TxOutProof) { p.hashes = make([]chainhash.Hash, 8) },
		"no flags":                func(p *TxOutProof) { p.bits = nil },
		"flags cut off":           func(p *TxOutProof) { p.bits = p.bits[:len(p.hashes)] },
		"flags left over":         func(p *TxOutProof) { p.bits = append(p.bits, make([]bool, 8)...) },
		"a flag changed":          func(p *TxOutProof) { p.bits[1] = false },
		"another root":            func(p *TxOutProof) { p.Header.MerkleRoot[0] ^= 1 },
	} {
		p := good()
		change(p)
		if got, _, err := p.Verify(7); !errors.Is(err, ErrProof) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	// A leaf that stands for the repeated half of a tree (CVE-2012-2459): with
	// eight transactions of which the last repeats the seventh.
	p := NewTxOutProof(&header, append(ids[:7:7], ids[6]), func(i int) bool { return i == 7 })
	if root, _ := MerkleRoot(append(ids[:7:7], ids[6])); root != header.MerkleRoot {
		t.Fatal("the repeated list has another root")
	}
	if _, _, err := p.Verify(8); !errors.Is(err, ErrProof) {
		t.Errorf("repeated branch: %v", err)
	}
	for _, txs := range []uint32{0, MaxBlockWeight/minTxWeight + 1, 1 << 31, 1<<32 - 1} {
		p := good()
		p.Txs = txs
		if _, _, err := p.Verify(int(txs)); !errors.Is(err, ErrProof) {
			t.Errorf("%d transactions: %v", txs, err)
		}
	}
	raw := good().Encode(nil)
	for i := range raw {
		if _, err := DecodeTxOutProof(raw[:i]); !errors.Is(err, ErrDecode) {
			t.Errorf("cut off after %d bytes: %v", i, err)
		}
	}
	if _, err := DecodeTxOutProof(append(raw, 1)); err != nil {
		t.Errorf("bytes behind it: %v", err)
	}
}

// TestProofCountsTransactions passes an inner node of a tree off as a
// transaction of 64 bytes (CVE-2017-12842): only the number of transactions
// tells that the tree ends one level further down.
func TestProofCountsTransactions(t *testing.T) {
	ids := make([]chainhash.Hash, 4)
	for i := range ids {
		ids[i] = chainhash.Hash{byte(i + 1)}
	}
	var header wire.BlockHeader
	header.MerkleRoot, _ = MerkleRoot(ids)
	inner := []chainhash.Hash{joinHashes(ids[0], ids[1]), joinHashes(ids[2], ids[3])}
	p := NewTxOutProof(&header, inner, func(i int) bool { return i == 0 })
	if got, _, err := p.Verify(2); err != nil || got[0] != inner[0] {
		t.Fatalf("the forgery does not even lead to the root: %v", err)
	}
	if _, _, err := p.Verify(4); !errors.Is(err, ErrProof) {
		t.Errorf("taken: %v", err)
	}
}

func FuzzDecodeTxOutProof(f *testing.F) {
	ids := make([]chainhash.Hash, 5)
	for i := range ids {
		ids[i][1] = byte(i)
	}
	for matches := range 32 {
		if matches%7 == 0 {
			f.Add(NewTxOutProof(&wire.BlockHeader{}, ids, func(i int) bool { return matches>>i&1 == 1 }).Encode(nil))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := DecodeTxOutProof(raw)
		if err != nil {
			return
		}
		p.Header.MerkleRoot, _, _, err = p.extract()
		if err != nil {
			return
		}
		txids, positions, err := p.Verify(int(p.Txs))
		if err != nil || len(txids) != len(positions) || !slices.IsSorted(positions) {
			t.Errorf("%v, %v, %v", txids, positions, err)
		}
		if len(positions) > 0 && positions[len(positions)-1] >= int(p.Txs) {
			t.Errorf("position %d of %d", positions[len(positions)-1], p.Txs)
		}
	})
}
