package keys

import (
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"pgregory.net/rapid"
)

// TestAffine compares toAffine with the library's.
func TestAffine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var k btcec.ModNScalar
		k.SetByteSlice(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "k"))
		if k.IsZero() {
			t.Skip()
		}
		var p btcec.JacobianPoint
		btcec.ScalarBaseMultNonConst(&k, &p)
		q := p
		toAffine(&p)
		q.ToAffine()
		if !p.X.Equals(&q.X) || !p.Y.Equals(&q.Y) || !p.Z.Equals(&q.Z) {
			t.Fatalf("%v and %v", p, q)
		}
	})
}
