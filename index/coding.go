package index

import (
	"encoding/binary"
	"math/bits"
)

// The coding of filters (BIP158): Golomb-Rice codes of filterP bits of remainder,
// the highest bit of a byte first, and SipHash-2-4. It is written here, as a
// search asks a hundred thousand filters for a thousand scripts; tests compare it
// with btcutil's.

// bitWriter writes codes.
type bitWriter struct {
	out   []byte
	bits  uint64 // not written yet, from the highest bit on
	count int    // how many
}

// golomb writes one code: a quotient in ones, a zero, a remainder.
func (w *bitWriter) golomb(n uint64) {
	for quotient := n >> filterP; ; quotient -= 32 {
		if quotient < 32 {
			w.write(1<<(quotient+1)-2, int(quotient)+1)
			break
		}
		w.write(1<<32-1, 32)
	}
	w.write(n&(1<<filterP-1), filterP)
}

// write appends the lowest bits of n, at most 33.
func (w *bitWriter) write(n uint64, count int) {
	for ; w.count >= 8; w.count -= 8 {
		w.out = append(w.out, byte(w.bits>>56))
		w.bits <<= 8
	}
	w.bits |= n << (64 - count) >> w.count
	w.count += count
}

// bytes returns all that was written, the last byte filled with zeros.
func (w *bitWriter) bytes() []byte {
	for ; w.count > 0; w.count -= 8 {
		w.out = append(w.out, byte(w.bits>>56))
		w.bits <<= 8
	}
	return w.out
}

// bitReader reads codes.
type bitReader struct {
	data  []byte
	bits  uint64 // those at hand, from the highest bit on
	count int    // how many
}

func (r *bitReader) fill() {
	for r.count <= 56 && len(r.data) > 0 {
		r.bits |= uint64(r.data[0]) << (56 - r.count)
		r.data = r.data[1:]
		r.count += 8
	}
}

// golomb reads one code; false when the bytes end within it.
func (r *bitReader) golomb() (uint64, bool) {
	quotient := uint64(0)
	for {
		r.fill()
		ones := min(bits.LeadingZeros64(^r.bits), r.count)
		quotient += uint64(ones)
		r.bits <<= ones
		if r.count -= ones; r.count > 0 {
			break // at a zero
		}
		if len(r.data) == 0 {
			return 0, false
		}
	}
	r.bits <<= 1
	r.count--
	r.fill()
	if r.count < filterP {
		return 0, false
	}
	remainder := r.bits >> (64 - filterP)
	r.bits <<= filterP
	r.count -= filterP
	return quotient<<filterP | remainder, true
}

// sipWords appends what SipHash reads of some data: words of eight bytes, the
// last with what is left and the length.
func sipWords(words []uint64, data []byte) []uint64 {
	last := uint64(len(data)) << 56
	for ; len(data) >= 8; data = data[8:] {
		words = append(words, binary.LittleEndian.Uint64(data))
	}
	for i, b := range data {
		last |= uint64(b) << (8 * i)
	}
	return append(words, last)
}

// sipHash is SipHash-2-4 of words.
func sipHash(k0, k1 uint64, words []uint64) uint64 {
	v0, v1 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d
	v2, v3 := k0^0x6c7967656e657261, k1^0x7465646279746573
	for _, m := range words {
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
	}
	v2 ^= 0xff
	for range 4 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}
