package consensus

import (
	"cmp"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
)

// Limits of blocks and transactions (consensus).
const (
	// MaxBlockWeight is the largest weight of a block (BIP141).
	MaxBlockWeight = 4_000_000
	// MaxBlockSigOpsCost is the largest sum of sigop costs in a block (BIP141).
	MaxBlockSigOpsCost = 80_000
	// WitnessScale is how much a byte outside the witnesses weighs, and a
	// signature check outside of them costs (BIP141).
	WitnessScale = 4
	// LockTimeThreshold is the lock time from which it means Unix seconds; below
	// it means a height.
	LockTimeThreshold = 500_000_000
)

// IsCoinbase reports whether a transaction has the form of a coinbase: a single
// input that spends nothing.
func IsCoinbase(tx *wire.MsgTx) bool {
	return len(tx.TxIn) == 1 && isNull(&tx.TxIn[0].PreviousOutPoint)
}

func isNull(op *wire.OutPoint) bool {
	return op.Index == wire.MaxPrevOutIndex && op.Hash == chainhash.Hash{}
}

// Weight returns a transaction's weight (BIP141).
func Weight(tx *wire.MsgTx) int64 {
	stripped := int64(tx.SerializeSizeStripped())
	total := stripped
	if tx.HasWitness() {
		total = int64(tx.SerializeSize())
	}
	return stripped*(WitnessScale-1) + total
}

// VSize returns a transaction's size in virtual bytes: a quarter of its weight,
// rounded up (BIP141). For the policy rule that sigops count too, see the
// mempool.
func VSize(tx *wire.MsgTx) int64 { return (Weight(tx) + WitnessScale - 1) / WitnessScale }

// BlockWeight returns a block's weight (BIP141).
func BlockWeight(b *wire.MsgBlock) int64 {
	weight := int64(80+compactSizeLen(len(b.Transactions))) * WitnessScale
	for _, tx := range b.Transactions {
		weight += Weight(tx)
	}
	return weight
}

// OutputSum returns the sum of a transaction's outputs in satoshis. It means
// something only once CheckTransaction has passed.
func OutputSum(tx *wire.MsgTx) int64 {
	var sum int64
	for _, out := range tx.TxOut {
		sum += out.Value
	}
	return sum
}

// CheckTransaction checks what can be said of a transaction without its context
// (Core's CheckTransaction).
func CheckTransaction(tx *wire.MsgTx) error {
	if len(tx.TxIn) == 0 {
		return refuse(BadTxnsVinEmpty, "")
	}
	if len(tx.TxOut) == 0 {
		return refuse(BadTxnsVoutEmpty, "")
	}
	// The witness is left out: it is bounded by the block's weight.
	if tx.SerializeSizeStripped()*WitnessScale > MaxBlockWeight {
		return refuse(BadTxnsOversize, "")
	}
	var sum Amount
	for _, out := range tx.TxOut {
		switch value := Amount(out.Value); {
		case value < 0:
			return refuse(BadTxnsVoutNegative, "")
		case value > MaxMoney:
			return refuse(BadTxnsVoutTooLarge, "")
		default:
			sum += value
		}
		if !sum.InRange() {
			return refuse(BadTxnsTxOutTotalTooLarge, "")
		}
	}
	if hasDuplicateInputs(tx) {
		return refuse(BadTxnsInputsDuplicate, "")
	}
	if IsCoinbase(tx) {
		if n := len(tx.TxIn[0].SignatureScript); n < 2 || n > 100 {
			return refuse(BadCbLength, "")
		}
		return nil
	}
	for _, in := range tx.TxIn {
		if isNull(&in.PreviousOutPoint) {
			return refuse(BadTxnsPrevoutNull, "")
		}
	}
	return nil
}

// hasDuplicateInputs reports whether two inputs spend the same coin
// (CVE-2018-17144).
func hasDuplicateInputs(tx *wire.MsgTx) bool {
	n := len(tx.TxIn)
	if n == 1 {
		return false
	}
	if n <= 8 {
		for i, in := range tx.TxIn {
			for _, other := range tx.TxIn[:i] {
				if in.PreviousOutPoint == other.PreviousOutPoint {
					return true
				}
			}
		}
		return false
	}
	ops := make([]wire.OutPoint, n)
	for i, in := range tx.TxIn {
		ops[i] = in.PreviousOutPoint
	}
	slices.SortFunc(ops, func(a, b wire.OutPoint) int {
		return cmp.Or(slices.Compare(a.Hash[:], b.Hash[:]), cmp.Compare(a.Index, b.Index))
	})
	return len(slices.Compact(ops)) != n
}

// CheckTxInputs checks the sums of a transaction that is no coinbase and whether
// the coins that it spends are mature in a block at height, and returns its fee
// in satoshis (Core's Consensus::CheckTxInputs). coins are in the order of the
// inputs; nil stands for one that does not exist or is spent.
func CheckTxInputs(p *network.Params, tx *wire.MsgTx, coins []*Coin, height int32) (fee int64, err error) {
	if slices.Contains(coins, nil) {
		return 0, refuse(BadTxnsInputsMissingOrSpent, "CheckTxInputs: inputs missing/spent")
	}
	var in Amount
	for _, c := range coins {
		if depth := height - c.Height; c.Coinbase && depth < p.Maturity {
			return 0, refuse(BadTxnsPrematureSpend, "tried to spend coinbase at depth %d", depth)
		}
		if value := Amount(c.Value); !value.InRange() || !(in + value).InRange() {
			return 0, refuse(BadTxnsInputValuesOutOfRange, "")
		}
		in += Amount(c.Value)
	}
	out := Amount(OutputSum(tx))
	if in < out {
		return 0, refuse(BadTxnsInBelowOut, "value in (%s) < value out (%s)", in.short(), out.short())
	}
	if !(in - out).InRange() {
		return 0, refuse(BadTxnsFeeOutOfRange, "")
	}
	return int64(in - out), nil
}
