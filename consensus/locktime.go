package consensus

import (
	"github.com/btcsuite/btcd/wire/v2"
)

// Meaning of an input's sequence number (BIP68, consensus).
const (
	sequenceFinal     = 0xffffffff
	sequenceDisable   = 1 << 31 // no relative lock
	sequenceSeconds   = 1 << 22 // in units of 512 s rather than blocks
	sequenceMask      = 0xffff
	sequenceTimeShift = 9 // 512 seconds
)

// IsFinal reports whether a transaction's lock time allows it in a block at
// height whose lock-time cutoff is cutoff, in Unix seconds: the median time of
// the block's parent (BIP113). Core's IsFinalTx.
func IsFinal(tx *wire.MsgTx, height int32, cutoff int64) bool {
	if tx.LockTime == 0 {
		return true
	}
	limit := cutoff
	if tx.LockTime < LockTimeThreshold {
		limit = int64(height)
	}
	if int64(tx.LockTime) < limit {
		return true
	}
	for _, in := range tx.TxIn {
		if in.Sequence != sequenceFinal {
			return false
		}
	}
	return true
}

// Locks are the last height and the last median time at which a transaction's
// relative lock times still forbid it; -1 where nothing does.
type Locks struct {
	Height int32
	Time   int64 // Unix seconds
}

// Met reports whether a block at height whose parent has the given median time
// may hold the transaction (Core's EvaluateSequenceLocks).
func (l Locks) Met(height int32, parentMedianTime int64) bool {
	return l.Height < height && l.Time < parentMedianTime
}

// SequenceLocks returns the relative locks of a transaction (BIP68, Core's
// CalculateSequenceLocks). heights are those of the coins that it spends, in the
// order of its inputs; for a coin that is not in a block yet it is the height of
// the next block. medianTimeAt returns the median time past of the block at a
// height of the same branch. BIP68 is enforced from csvHeight on, which is for
// the caller to look at.
func SequenceLocks(tx *wire.MsgTx, heights []int32, medianTimeAt func(height int32) int64) Locks {
	locks := Locks{Height: -1, Time: -1}
	// The version counts as unsigned here (CVE-2024-34478).
	if uint32(tx.Version) < 2 {
		return locks
	}
	for i, in := range tx.TxIn {
		if in.Sequence&sequenceDisable != 0 {
			continue
		}
		units := int64(in.Sequence & sequenceMask)
		if in.Sequence&sequenceSeconds != 0 {
			// Counted from the median time of the coin block's parent.
			from := medianTimeAt(max(heights[i]-1, 0))
			locks.Time = max(locks.Time, from+units<<sequenceTimeShift-1)
		} else {
			locks.Height = max(locks.Height, heights[i]+int32(units)-1)
		}
	}
	return locks
}
