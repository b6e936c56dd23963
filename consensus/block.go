package consensus

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
)

// CheckBlock checks what can be said of a block without its place in the chain,
// proof of work included (Core's CheckBlock).
func CheckBlock(p *network.Params, b *wire.MsgBlock) error {
	return CheckBlockIDs(p, b, TxIDs(b))
}

// CheckBlockIDs is CheckBlock for a caller that knows the ids of the block's
// transactions already.
func CheckBlockIDs(p *network.Params, b *wire.MsgBlock, txids []chainhash.Hash) error {
	if err := CheckProofOfWork(p, &b.Header); err != nil {
		return err
	}
	root, repeated := MerkleRoot(txids)
	if root != b.Header.MerkleRoot {
		return mutated(BadTxnMrklRoot, "hashMerkleRoot mismatch")
	}
	if repeated {
		return mutated(BadTxnsDuplicate, "duplicate transaction")
	}
	return checkBody(b, txids)
}

// checkBody checks the sizes and transactions of a block whose merkle root is
// right.
func checkBody(b *wire.MsgBlock, txids []chainhash.Hash) error {
	if len(b.Transactions) == 0 || b.SerializeSizeStripped()*WitnessScale > MaxBlockWeight {
		return refuse(BadBlkLength, "size limits failed")
	}
	if !IsCoinbase(b.Transactions[0]) {
		return refuse(NoCoinbase, "first tx is not coinbase")
	}
	for _, tx := range b.Transactions[1:] {
		if IsCoinbase(tx) {
			return refuse(BadCbMultiple, "more than one coinbase")
		}
	}
	for i, tx := range b.Transactions {
		if err := CheckTransaction(tx); err != nil {
			e := *err.(*Error)
			e.Debug = fmt.Sprintf("Transaction check failed (tx hash %s) %s", txids[i], e.Debug)
			return &e
		}
	}
	// Too few: checks in witnesses and P2SH scripts are counted by Apply.
	var sigops int64
	for _, tx := range b.Transactions {
		sigops += legacySigOps(tx)
	}
	if sigops*WitnessScale > MaxBlockSigOpsCost {
		return refuse(BadBlkSigops, "out-of-bounds SigOpCount")
	}
	return nil
}

// CheckBlockContext checks a block against its place in the chain, but not
// against the coins (Core's ContextualCheckBlock): finality, the height in the
// coinbase, the commitment to the witnesses, and the weight.
func CheckBlockContext(p *network.Params, ctx HeaderContext, b *wire.MsgBlock) error {
	cutoff := b.Header.Timestamp.Unix()
	if ctx.Height >= p.CSVHeight {
		cutoff = ctx.MedianTimePast // BIP113
	}
	for _, tx := range b.Transactions {
		if !IsFinal(tx, ctx.Height, cutoff) {
			return refuse(BadTxnsNonFinal, "non-final transaction")
		}
	}
	if ctx.Height >= p.BIP34Height && !bytes.HasPrefix(b.Transactions[0].TxIn[0].SignatureScript, CoinbaseHeight(ctx.Height)) {
		return refuse(BadCbHeight, "block height mismatch in coinbase")
	}
	if err := checkWitnesses(b, ctx.Height >= p.SegwitHeight); err != nil {
		return err
	}
	// Only now, since witnesses could have been added by anybody before.
	if BlockWeight(b) > MaxBlockWeight {
		return refuse(BadBlkWeight, "ContextualCheckBlock : weight limit failed")
	}
	return nil
}

// CoinbaseHeight returns the bytes with which the script of the coinbase at a
// height has to begin: the height, pushed in the shortest way (BIP34).
func CoinbaseHeight(height int32) []byte {
	switch {
	case height == 0:
		return []byte{txscript.OP_0}
	case height <= 16:
		return []byte{byte(txscript.OP_1 - 1 + height)}
	}
	n := scriptNumber(int64(height)).bytes()
	return append([]byte{byte(len(n))}, n...)
}
