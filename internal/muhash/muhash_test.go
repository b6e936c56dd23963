package muhash

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
)

// number returns the 32-byte element that Core's tests call FromInt.
func number(i byte) []byte {
	b := make([]byte, 32)
	b[0] = i
	return b
}

// text returns a hash as Core prints it.
func text(sum [32]byte) string {
	slices.Reverse(sum[:])
	return hex.EncodeToString(sum[:])
}

// TestCore checks the two values that are known from Core: the set of its unit
// test, and the UTXO set of a chain that has only a genesis block.
func TestCore(t *testing.T) {
	var h Hash
	if got, want := text(h.Finalize()), "dd5ad2a105c2d29495f577245c357409002329b9f4d6182c0af3dc2f462555c8"; got != want {
		t.Errorf("empty set: %s, want %s", got, want)
	}
	h.Insert(number(0))
	h.Insert(number(1))
	h.Remove(number(2))
	if got, want := text(h.Finalize()), "10d312b100cbd32ada024a6646e40d3482fcff103668d2625f10002a607d5863"; got != want {
		t.Errorf("0 + 1 - 2: %s, want %s", got, want)
	}
}

// TestOrder checks that only the set counts, not how it came about.
func TestOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	elements := make([][]byte, 40)
	for i := range elements {
		elements[i] = binary.LittleEndian.AppendUint64(nil, rnd.Uint64())
	}
	var plain, mixed Hash
	for _, e := range elements[:20] {
		plain.Insert(e)
	}
	order := rnd.Perm(len(elements))
	for _, i := range order {
		mixed.Insert(elements[i])
	}
	if plain.Finalize() == mixed.Finalize() {
		t.Fatal("different sets have the same hash")
	}
	mixed.Finalize() // changes nothing
	for _, i := range order {
		if i >= 20 {
			mixed.Remove(elements[i])
		}
	}
	if plain.Finalize() != mixed.Finalize() {
		t.Error("equal sets have different hashes")
	}
	for _, e := range elements[:20] {
		mixed.Remove(e)
	}
	var empty Hash
	if mixed.Finalize() != empty.Finalize() {
		t.Error("all elements taken out, and yet it is not the empty set")
	}
}

// BenchmarkInsert puts one coin's 60 bytes into a set.
func BenchmarkInsert(b *testing.B) {
	var h Hash
	element := make([]byte, 60)
	for i := range b.N {
		binary.LittleEndian.PutUint64(element, uint64(i))
		h.Insert(element)
	}
	if h.Finalize() == sha256.Sum256(nil) {
		b.Fatal("impossible")
	}
}
