// Package pow holds the arithmetic of proof of work: compact targets, the work
// that a target stands for, whether a hash meets it, and the search for a nonce
// that does.
//
// It keeps no state, starts no threads and reads no clock. What target a block
// must have is for package consensus to say; when to search, and on how many
// cores, is for package miner.
package pow

import (
	"math/big"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// TargetFromBits expands a compact target (Core's arith_uint256::SetCompact).
// The target is taken modulo 2^256; negative and overflow say that the compact
// form stood for a number below zero or one too large, neither of which any
// block may have.
func TargetFromBits(bits uint32) (target *big.Int, negative, overflow bool) {
	size := uint(bits >> 24)
	word := bits & 0x007fffff
	target = new(big.Int)
	if size <= 3 {
		word >>= 8 * (3 - size)
		target.SetUint64(uint64(word))
	} else {
		target.SetUint64(uint64(word))
		target.Lsh(target, 8*(size-3))
		if target.BitLen() > 256 {
			target.And(target, maxTarget)
		}
	}
	negative = word != 0 && bits&0x00800000 != 0
	overflow = word != 0 && (size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32))
	return target, negative, overflow
}

// maxTarget is 2^256 - 1.
var maxTarget = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))

// BitsFromTarget returns the compact form of a target that is not negative,
// rounded down to its 24 leading bits (Core's arith_uint256::GetCompact).
func BitsFromTarget(target *big.Int) uint32 {
	size := uint(target.BitLen()+7) / 8
	var word uint32
	if size <= 3 {
		word = uint32(target.Uint64()) << (8 * (3 - size))
	} else {
		word = uint32(new(big.Int).Rsh(target, 8*(size-3)).Uint64())
	}
	// The highest bit would be read as a sign.
	if word&0x00800000 != 0 {
		word >>= 8
		size++
	}
	return uint32(size)<<24 | word
}

// Work returns the number of hashes that a block with these bits takes on
// average: 2^256 / (target + 1), and zero for a target that no block may have
// (Core's GetBlockProof).
func Work(bits uint32) *big.Int {
	target, negative, overflow := TargetFromBits(bits)
	if negative || overflow || target.Sign() == 0 {
		return new(big.Int)
	}
	target.Add(target, big.NewInt(1))
	return target.Div(new(big.Int).Lsh(big.NewInt(1), 256), target)
}

// Check reports whether a block hash meets the target that bits stand for, and
// whether that target is one that a block may have: positive and at most
// powLimit (consensus, Core's CheckProofOfWork).
func Check(hash chainhash.Hash, bits uint32, powLimit *big.Int) bool {
	target, negative, overflow := TargetFromBits(bits)
	if negative || overflow || target.Sign() == 0 || target.Cmp(powLimit) > 0 {
		return false
	}
	return hashNumber(hash).Cmp(target) <= 0
}

// hashNumber returns a hash as the little-endian number that it is compared as.
func hashNumber(hash chainhash.Hash) *big.Int {
	var b [chainhash.HashSize]byte
	for i := range hash {
		b[len(hash)-1-i] = hash[i]
	}
	return new(big.Int).SetBytes(b[:])
}

// Solve searches all nonces from the header's own upwards and sets the first
// that meets the header's bits. It returns false, with the header as it was,
// when there is none; the caller then changes the time or the coinbase.
func Solve(h *wire.BlockHeader) bool {
	target, negative, overflow := TargetFromBits(h.Bits)
	if negative || overflow {
		return false
	}
	header := EncodeHeader(h)
	left := 1<<32 - uint64(h.Nonce)
	for from := h.Nonce; left > 0; {
		n := uint32(min(left, 1<<31))
		if nonce, found := Search(&header, from, n, target); found {
			h.Nonce = nonce
			return true
		}
		from += n
		left -= uint64(n)
	}
	return false
}
