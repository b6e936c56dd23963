package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
)

// SignLowR makes the ECDSA signature of a hash of 32 bytes that Core makes
// (CKey::Sign): deterministic (RFC6979), with a low S, and with an R whose DER
// form needs no leading zero, so that it has at most 71 bytes with its sighash
// byte. Nonces are tried until one gives such an R, two on average; only the
// point is computed for each, not a whole signature.
func SignLowR(key *btcec.PrivateKey, hash []byte) *ecdsa.Signature {
	var secret [32]byte
	key.Key.PutBytes(&secret)
	defer clear(secret[:])
	for counter := uint32(0); ; counter++ {
		var extra []byte // what makes the nonces of one hash differ
		if counter > 0 {
			extra = make([]byte, 32)
			binary.LittleEndian.PutUint32(extra, counter)
		}
		k := btcec.NonceRFC6979(secret[:], hash, extra, nil, 0)
		var point btcec.JacobianPoint
		btcec.ScalarBaseMultNonConst(k, &point)
		toAffine(&point)
		x := point.X.Bytes()
		if x[0] >= 0x80 {
			k.Zero()
			continue
		}
		var r, e btcec.ModNScalar
		r.SetBytes(x)
		e.SetByteSlice(hash)
		s := new(btcec.ModNScalar).Mul2(&key.Key, &r).Add(&e).Mul(new(btcec.ModNScalar).InverseValNonConst(k))
		k.Zero()
		if r.IsZero() || s.IsZero() {
			continue // nobody has ever seen one
		}
		if s.IsOverHalfOrder() {
			s.Negate()
		}
		return ecdsa.NewSignature(&r, s)
	}
}

// messageMagic is what signed messages begin with, so that no signature of one
// is good for a transaction (Core's MESSAGE_MAGIC).
const messageMagic = "Bitcoin Signed Message:\n"

// messageHash returns what is signed for a message (Core's MessageHash).
func messageHash(message string) []byte {
	var b bytes.Buffer
	for _, s := range []string{messageMagic, message} {
		_ = wire.WriteVarString(&b, 0, s) // a buffer takes all
	}
	return chainhash.DoubleHashB(b.Bytes())
}

// SignMessage signs a message with the key of a P2PKH address (Core's
// signmessage): 65 bytes in base64, from which the public key can be recovered.
// Compressed says which form of the public key the address is made of.
func SignMessage(key *btcec.PrivateKey, compressed bool, message string) string {
	return base64.StdEncoding.EncodeToString(ecdsa.SignCompact(key, messageHash(message), compressed))
}

// VerifyMessage reports whether signature is that of a message by the key of a
// P2PKH script (Core's verifymessage). The error is ErrNotP2PKH for another
// kind of script, and ErrEncoding for a signature that is not base64.
func VerifyMessage(script []byte, signature, message string) (bool, error) {
	if address.KindOf(script) != address.P2PKH {
		return false, ErrNotP2PKH
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return false, ErrEncoding
	}
	if len(sig) != 65 {
		return false, nil
	}
	// Of the first byte Core reads three bits only, so that the signatures that
	// other wallets mark as of segwit addresses (BIP137) are good here too.
	sig[0] = 27 + (sig[0]-27)&7
	pub, compressed, err := ecdsa.RecoverCompact(sig, messageHash(message))
	if err != nil {
		return false, nil // no key could have made it
	}
	raw := pub.SerializeCompressed()
	if !compressed {
		raw = pub.SerializeUncompressed()
	}
	return bytes.Equal(address.PubKeyHashScript(address.Hash160(raw)), script), nil
}
