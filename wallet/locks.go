package wallet

import "github.com/lode-chain/lode/consensus"

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
