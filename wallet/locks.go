package wallet

import (
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// Parts of an input's sequence number (BIP68), consensus.
const (
	sequenceOff  = 1 << 31 // no relative lock
	sequenceTime = 1 << 22 // in units of 512 seconds, else in blocks
	sequenceMask = 1<<22 | 0xffff
)

// olderMet says whether an input's sequence satisfies a relative lock (BIP112).
func olderMet(n, sequence uint32) bool {
	if n&sequenceOff != 0 || sequence&sequenceOff != 0 {
		return n&sequenceOff != 0
	}
	return n&sequenceTime == sequence&sequenceTime && n&0xffff <= sequence&0xffff
}

// afterMet says whether a transaction's lock time satisfies an absolute lock
// (BIP65).
func afterMet(n, lockTime uint32) bool {
	return (n < consensus.LockTimeThreshold) == (lockTime < consensus.LockTimeThreshold) && n <= lockTime
}

// unmet says why a lock does not hold in a transaction, whether or not it has
// passed in the chain: signatures commit to what the transaction says.
func unmet(tx *wire.MsgTx, in *wire.TxIn, relative bool, n uint32) string {
	switch {
	case relative && uint32(tx.Version) < 2:
		return fmt.Sprintf("older(%d) needs a transaction of version 2, and this one is of version %d", n, tx.Version)
	case relative && n&sequenceTime != 0:
		return fmt.Sprintf("older(%d) needs a sequence of at least %d (%d seconds), and that of the input is %d: make the transaction anew when the coin is that old", n, n&sequenceMask, (n&0xffff)<<9, in.Sequence)
	case relative:
		return fmt.Sprintf("older(%d) needs a sequence from %d to %d, and that of the input is %d: make the transaction anew when the coin has %d confirmations", n, n&0xffff, 0xffff, in.Sequence, n&0xffff)
	case afterMet(n, tx.LockTime):
		return fmt.Sprintf("after(%d) needs a sequence below %d, which turns the locktime off", n, in.Sequence)
	}
	return fmt.Sprintf("after(%d) needs a locktime of at least that, and that of the transaction is %d: make the transaction anew when it has passed", n, tx.LockTime)
}
