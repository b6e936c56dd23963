package keys

import (
	"math/big"

	"github.com/btcsuite/btcd/btcec/v2"
)

// curveP is the prime of the field that the curve is over.
var curveP = btcec.S256().P

// toAffine is JacobianPoint.ToAffine, at a third of its time: the inverse of Z,
// which is nearly all of it, is computed by Euclid's algorithm instead of by a
// power. Like the library's multiplications it does not take the same time for
// all points. The point must not be the one at infinity.
func toAffine(p *btcec.JacobianPoint) {
	var buf [32]byte
	p.Z.Normalize().PutBytes(&buf)
	inverse := new(big.Int).SetBytes(buf[:])
	inverse.ModInverse(inverse, curveP).FillBytes(buf[:])

	var z, zz btcec.FieldVal
	z.SetBytes(&buf)
	zz.SquareVal(&z)
	p.X.Mul(&zz).Normalize()
	p.Y.Mul(zz.Mul(&z)).Normalize()
	p.Z.SetInt(1)
}
