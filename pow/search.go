package pow

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"
)

// EncodeHeader returns the 80 bytes of a header over which its hash is taken.
func EncodeHeader(h *wire.BlockHeader) (b [80]byte) {
	binary.LittleEndian.PutUint32(b[0:], uint32(h.Version))
	copy(b[4:], h.PrevBlock[:])
	copy(b[36:], h.MerkleRoot[:])
	binary.LittleEndian.PutUint32(b[68:], uint32(h.Timestamp.Unix()))
	binary.LittleEndian.PutUint32(b[72:], h.Bits)
	binary.LittleEndian.PutUint32(b[76:], h.Nonce)
	return b
}

// Search tries n nonces from the given one upwards, in place, and stops at the
// first with which the header's double SHA-256 is at most target. It wraps
// around after the highest nonce. A caller that wants to be able to stop
// searches in short runs. The header is left with the last nonce tried.
func Search(header *[80]byte, from, n uint32, target *big.Int) (nonce uint32, found bool) {
	if target.Sign() <= 0 {
		return 0, false
	}
	var limit [32]byte // big-endian
	if target.BitLen() > 256 {
		maxTarget.FillBytes(limit[:])
	} else {
		target.FillBytes(limit[:])
	}
	// Nearly every hash is decided by its eight highest bytes.
	high := binary.BigEndian.Uint64(limit[:])
	for nonce = from; n > 0; nonce, n = nonce+1, n-1 {
		binary.LittleEndian.PutUint32(header[76:], nonce)
		hash := sha256.Sum256(header[:])
		hash = sha256.Sum256(hash[:])
		top := binary.LittleEndian.Uint64(hash[24:])
		if top > high {
			continue
		}
		if top < high {
			return nonce, true
		}
		slices.Reverse(hash[:])
		if slices.Compare(hash[:], limit[:]) <= 0 {
			return nonce, true
		}
	}
	return 0, false
}
