package template

import (
	"encoding/binary"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// ExtraNonceSize is the number of bytes at the end of a coinbase's scriptSig
// that a miner may change freely.
const ExtraNonceSize = 8

// Coinbase makes the coinbase of the block at height: it pays value satoshis to
// script and carries the script of a witness commitment (BIP141) unless that is
// empty. Its scriptSig is the height (BIP34) and the extra nonce.
func Coinbase(height int32, value int64, script, commitment []byte, extraNonce uint64) *wire.MsgTx {
	sig := consensus.CoinbaseHeight(height)
	sig = append(sig, ExtraNonceSize)
	sig = binary.LittleEndian.AppendUint64(sig, extraNonce)
	in := &wire.TxIn{
		PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex},
		SignatureScript:  sig,
		Sequence:         wire.MaxTxInSequenceNum,
	}
	tx := &wire.MsgTx{Version: 2, TxIn: []*wire.TxIn{in}, TxOut: []*wire.TxOut{{Value: value, PkScript: script}}}
	if len(commitment) > 0 {
		in.Witness = wire.TxWitness{make([]byte, chainhash.HashSize)} // the witness reserved value
		tx.TxOut = append(tx.TxOut, &wire.TxOut{PkScript: commitment})
	}
	return tx
}

// ExtraNonce reads the extra nonce of a block whose coinbase ends in one.
func ExtraNonce(b *wire.MsgBlock) uint64 {
	sig := b.Transactions[0].TxIn[0].SignatureScript
	return binary.LittleEndian.Uint64(sig[len(sig)-ExtraNonceSize:])
}

// SetExtraNonce changes the extra nonce of a block whose coinbase ends in one,
// and the merkle root with it. The witness commitment does not cover it.
func SetExtraNonce(b *wire.MsgBlock, n uint64) {
	sig := b.Transactions[0].TxIn[0].SignatureScript
	binary.LittleEndian.PutUint64(sig[len(sig)-ExtraNonceSize:], n)
	SetMerkleRoot(b)
}

// SetMerkleRoot writes the merkle root of a block's transactions into its header.
func SetMerkleRoot(b *wire.MsgBlock) {
	b.Header.MerkleRoot, _ = consensus.MerkleRoot(consensus.TxIDs(b))
}
