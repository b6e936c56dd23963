// Package muhash implements MuHash3072, the hash of a set that Bitcoin Core
// gives for the UTXO set: elements can be put in and taken out in any order, and
// sets that were built differently have the same hash.
//
// It is a plain value for one goroutine at a time.
package muhash

import (
	"crypto/sha256"
	"math/big"
	"slices"

	"golang.org/x/crypto/chacha20"
)

// size is the length of a field element in bytes.
const size = 3072 / 8

// excess is what 2^3072 is above the modulus, the largest safe prime below it.
var excess = big.NewInt(1103717)

var (
	modulus = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 3072), excess)
	mask    = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 3072), big.NewInt(1))
)

// Hash is a set under construction. The zero value is the empty set.
type Hash struct {
	in, out field // product of what was put in, and of what was taken out
	key     [sha256.Size]byte
	elem    big.Int
	tmp     big.Int
}

// field is a number modulo the prime; zero stands for one, so that its zero
// value is the neutral element.
type field struct{ n big.Int }

// Insert puts an element into the set.
func (h *Hash) Insert(element []byte) { h.multiply(&h.in, element) }

// Remove takes an element out of the set. The element may also be put in later.
func (h *Hash) Remove(element []byte) { h.multiply(&h.out, element) }

// Finalize returns the hash of the set, in the byte order in which it was
// computed; Core prints it reversed. The set can be changed further.
func (h *Hash) Finalize() [32]byte {
	var product big.Int
	product.ModInverse(h.out.number(), modulus)
	product.Mul(&product, h.in.number())
	product.Mod(&product, modulus)
	var b [size]byte
	product.FillBytes(b[:])
	slices.Reverse(b[:])
	return sha256.Sum256(b[:])
}

var one = big.NewInt(1)

func (f *field) number() *big.Int {
	if f.n.Sign() == 0 {
		return one
	}
	return &f.n
}

func (h *Hash) multiply(f *field, element []byte) {
	h.key = sha256.Sum256(element)
	var stream [size]byte
	cipher, err := chacha20.NewUnauthenticatedCipher(h.key[:], make([]byte, chacha20.NonceSize))
	if err != nil {
		panic("muhash: key or nonce of a wrong size: " + err.Error())
	}
	cipher.XORKeyStream(stream[:], stream[:])
	slices.Reverse(stream[:])
	h.elem.SetBytes(stream[:])
	if f.n.Sign() == 0 {
		f.n.Set(&h.elem)
		return
	}
	h.tmp.Mul(&f.n, &h.elem)
	h.reduce(&f.n, &h.tmp)
}

// reduce sets dst to x, a product of two numbers below 2^3072, modulo the
// prime but for at most one subtraction: 2^3072 is worth excess, so the upper
// half is folded onto the lower one. x is used up.
func (h *Hash) reduce(dst, x *big.Int) {
	for x.BitLen() > 3072 {
		h.elem.Rsh(x, 3072)
		h.elem.Mul(&h.elem, excess)
		dst.And(x, mask)
		x.Add(dst, &h.elem)
	}
	dst.Set(x)
}
