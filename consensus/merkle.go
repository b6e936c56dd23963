package consensus

import (
	"crypto/sha256"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// TxIDs returns the ids of a block's transactions, in order.
func TxIDs(b *wire.MsgBlock) []chainhash.Hash {
	ids := make([]chainhash.Hash, len(b.Transactions))
	for i, tx := range b.Transactions {
		ids[i] = tx.TxHash()
	}
	return ids
}

// MerkleRoot returns the root of the tree over hashes, and whether two equal
// hashes were joined on the way: then a list with the last hashes repeated has
// the same root, and the list says nothing about what the root commits to
// (CVE-2012-2459). No hashes give the zero hash. Core's ComputeMerkleRoot.
func MerkleRoot(hashes []chainhash.Hash) (root chainhash.Hash, mutated bool) {
	if len(hashes) == 0 {
		return root, false
	}
	level := append(make([]chainhash.Hash, 0, len(hashes)+1), hashes...)
	var pair [2 * chainhash.HashSize]byte
	for len(level) > 1 {
		for i := 0; i+1 < len(level); i += 2 {
			mutated = mutated || level[i] == level[i+1]
		}
		if len(level)%2 == 1 {
			level = append(level, level[len(level)-1])
		}
		for i := range len(level) / 2 {
			copy(pair[:32], level[2*i][:])
			copy(pair[32:], level[2*i+1][:])
			level[i] = doubleSHA256(pair[:])
		}
		level = level[:len(level)/2]
	}
	return level[0], mutated
}

func doubleSHA256(b []byte) chainhash.Hash {
	h := sha256.Sum256(b)
	return sha256.Sum256(h[:])
}

// WitnessMerkleRoot returns the root of the tree over the transactions' ids with
// witnesses, the coinbase counting as zero (BIP141).
func WitnessMerkleRoot(b *wire.MsgBlock) chainhash.Hash {
	ids := make([]chainhash.Hash, len(b.Transactions))
	for i, tx := range b.Transactions {
		if i > 0 {
			ids[i] = tx.WitnessHash()
		}
	}
	root, _ := MerkleRoot(ids)
	return root
}

// commitmentHeader starts the script of an output that commits to a block's
// witnesses: OP_RETURN, a push of 36 bytes, and a mark (BIP141).
var commitmentHeader = [6]byte{txscript.OP_RETURN, txscript.OP_DATA_36, 0xaa, 0x21, 0xa9, 0xed}

// commitmentSize is the least length of such a script.
const commitmentSize = len(commitmentHeader) + chainhash.HashSize

// WitnessCommitmentIndex returns which output of a block's coinbase commits to
// the witnesses: the last of those that have the form; -1 when none has (Core's
// GetWitnessCommitmentIndex).
func WitnessCommitmentIndex(b *wire.MsgBlock) int {
	if len(b.Transactions) == 0 {
		return -1
	}
	outs := b.Transactions[0].TxOut
	for i := len(outs) - 1; i >= 0; i-- {
		if s := outs[i].PkScript; len(s) >= commitmentSize && [6]byte(s) == commitmentHeader {
			return i
		}
	}
	return -1
}

// WitnessCommitmentScript returns the script of the output that commits to the
// witnesses of a block under the given nonce, which belongs into the coinbase's
// witness. It does not depend on the coinbase.
func WitnessCommitmentScript(b *wire.MsgBlock, nonce [32]byte) []byte {
	commitment := witnessCommitment(b, nonce[:])
	return append(commitmentHeader[:len(commitmentHeader):len(commitmentHeader)], commitment[:]...)
}

func witnessCommitment(b *wire.MsgBlock, nonce []byte) chainhash.Hash {
	root := WitnessMerkleRoot(b)
	return doubleSHA256(append(root[:], nonce...))
}

// AddWitnessNonce gives the coinbase of a block that commits to its witnesses,
// but has lost the coinbase's own, a nonce of zeros, as Core does with blocks
// that miners submit (UpdateUncommittedBlockStructures). It returns whether it
// changed the block.
func AddWitnessNonce(b *wire.MsgBlock) bool {
	if WitnessCommitmentIndex(b) < 0 || b.Transactions[0].HasWitness() || len(b.Transactions[0].TxIn) == 0 {
		return false
	}
	b.Transactions[0].TxIn[0].Witness = wire.TxWitness{make([]byte, 32)}
	return true
}

// checkWitnesses checks a block's witnesses against its commitment to them, or
// that there are none without one (Core's CheckWitnessMalleation). Witnesses
// are not covered by the block's hash, so a refusal says nothing about it.
func checkWitnesses(b *wire.MsgBlock, segwit bool) error {
	if i := WitnessCommitmentIndex(b); segwit && i >= 0 {
		stack := b.Transactions[0].TxIn[0].Witness
		if len(stack) != 1 || len(stack[0]) != 32 {
			return mutated(BadWitnessNonceSize, "CheckWitnessMalleation : invalid witness reserved value size")
		}
		want := b.Transactions[0].TxOut[i].PkScript[len(commitmentHeader):commitmentSize]
		if got := witnessCommitment(b, stack[0]); string(got[:]) != string(want) {
			return mutated(BadWitnessMerkleMatch, "CheckWitnessMalleation : witness merkle commitment mismatch")
		}
		return nil
	}
	for _, tx := range b.Transactions {
		if tx.HasWitness() {
			return mutated(UnexpectedWitness, "CheckWitnessMalleation : unexpected witness data found")
		}
	}
	return nil
}
