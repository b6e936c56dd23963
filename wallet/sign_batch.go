package wallet

import (
	"encoding/binary"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
)

// job is an ECDSA signature to be made, of a hash of 32 bytes.
type job struct {
	key  *btcec.PrivateKey
	hash []byte
	kind byte    // sighash type, put behind the signature
	to   *[]byte // where it goes to
	k    *btcec.ModNScalar
	r    btcec.JacobianPoint
}

// signAll makes signatures with the nonces, the low R and the low S of
// keys.SignLowR, whose results are the same. Half of all nonces give a high R
// and are for nothing; doing many at once, with one inversion for all of their
// points (Montgomery's trick), makes up for that.
func signAll(jobs []*job) {
	extra := make([]byte, 32)
	for counter := uint32(0); len(jobs) > 0; counter++ {
		binary.LittleEndian.PutUint32(extra, counter)
		for _, j := range jobs {
			var secret [32]byte
			j.key.Key.PutBytes(&secret)
			if counter == 0 {
				j.k = btcec.NonceRFC6979(secret[:], j.hash, nil, nil, 0)
			} else {
				j.k = btcec.NonceRFC6979(secret[:], j.hash, extra, nil, 0)
			}
			clear(secret[:])
			btcec.ScalarBaseMultNonConst(j.k, &j.r)
		}
		left := jobs[:0:0]
		for i, x := range affineX(jobs) {
			if !jobs[i].finish(x) {
				left = append(left, jobs[i])
			}
		}
		jobs = left
	}
}

// affineX returns the affine X of each job's point, with one field inversion:
// that of the product of all Zs, from which each one's follows.
func affineX(jobs []*job) []*btcec.FieldVal {
	products := make([]btcec.FieldVal, len(jobs)+1) // of the Zs before i
	products[0].SetInt(1)
	for i, j := range jobs {
		products[i+1].Mul2(&products[i], &j.r.Z).Normalize()
	}
	inverse := products[len(jobs)] // of the Zs up to i
	inverse.Inverse().Normalize()
	xs := make([]*btcec.FieldVal, len(jobs))
	for i := len(jobs) - 1; i >= 0; i-- {
		z := new(btcec.FieldVal).Mul2(&inverse, &products[i])
		inverse.Mul(&jobs[i].r.Z).Normalize()
		xs[i] = new(btcec.FieldVal).SquareVal(z)
		xs[i].Mul(&jobs[i].r.X).Normalize()
	}
	return xs
}

// finish makes the signature of a nonce's point, unless its R is high.
func (j *job) finish(x *btcec.FieldVal) bool {
	defer j.k.Zero()
	raw := x.Bytes()
	if raw[0] >= 0x80 {
		return false
	}
	var r, e btcec.ModNScalar
	r.SetBytes(raw)
	e.SetByteSlice(j.hash)
	s := new(btcec.ModNScalar).Mul2(&j.key.Key, &r).Add(&e).Mul(new(btcec.ModNScalar).InverseValNonConst(j.k))
	if r.IsZero() || s.IsZero() {
		return false // nobody has ever seen one
	}
	if s.IsOverHalfOrder() {
		s.Negate()
	}
	*j.to = append(ecdsa.NewSignature(&r, s).Serialize(), j.kind)
	return true
}
