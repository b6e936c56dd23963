package chain

import (
	"cmp"
	"encoding/binary"
	"math/big"
	"math/bits"
)

// work is a sum of proof of work, an unsigned number of 256 bits, the lowest
// word first.
type work [4]uint64

func workOf(n *big.Int) work {
	var bytes [32]byte
	n.FillBytes(bytes[:])
	var w work
	for i := range w {
		w[i] = binary.BigEndian.Uint64(bytes[24-8*i:])
	}
	return w
}

func (w work) add(other work) work {
	var carry uint64
	for i := range w {
		w[i], carry = bits.Add64(w[i], other[i], carry)
	}
	return w
}

func (w work) compare(other work) int {
	for i := len(w) - 1; i >= 0; i-- {
		if c := cmp.Compare(w[i], other[i]); c != 0 {
			return c
		}
	}
	return 0
}

func (w work) number() *big.Int {
	var bytes [32]byte
	for i := range w {
		binary.BigEndian.PutUint64(bytes[24-8*i:], w[i])
	}
	return new(big.Int).SetBytes(bytes[:])
}

func (w work) sub(other work) work {
	var borrow uint64
	for i := range w {
		w[i], borrow = bits.Sub64(w[i], other[i], borrow)
	}
	return w
}
