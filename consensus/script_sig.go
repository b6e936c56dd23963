package consensus

import (
	"bytes"
	"crypto/sha256"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
)

// checkSigEncoding checks a signature's form as far as flags ask for it (Core's
// CheckSignatureEncoding). An empty signature, which is always wrong, has no
// form.
func checkSigEncoding(sig []byte, flags Flags) scriptError {
	if len(sig) == 0 {
		return scriptOK
	}
	if flags&(VerifyDERSig|VerifyLowS|VerifyStrictEnc) != 0 && !isStrictDER(sig) {
		return errSigDER
	}
	if flags&VerifyLowS != 0 {
		if _, s, ok := parseLaxDER(sig[:len(sig)-1]); !ok || s.IsOverHalfOrder() {
			return errSigHighS
		}
	}
	if flags&VerifyStrictEnc != 0 {
		if base := sig[len(sig)-1] &^ sigHashAnyoneCanPay; base < sigHashAll || base > sigHashSingle {
			return errSigHashType
		}
	}
	return scriptOK
}

// isStrictDER reports whether a signature with its hash type is in DER (BIP66,
// Core's IsValidSignatureEncoding).
func isStrictDER(sig []byte) bool {
	n := len(sig)
	if n < 9 || n > 73 || sig[0] != 0x30 || int(sig[1]) != n-3 {
		return false
	}
	r := int(sig[3])
	if 5+r >= n {
		return false
	}
	s := int(sig[5+r])
	if r+s+7 != n {
		return false
	}
	return isDERInteger(sig[2], sig[4:4+r]) && isDERInteger(sig[4+r], sig[6+r:6+r+s])
}

// isDERInteger reports whether b is a positive integer in its shortest form.
func isDERInteger(tag byte, b []byte) bool {
	return tag == 0x02 && len(b) > 0 && b[0]&0x80 == 0 &&
		(len(b) == 1 || b[0] != 0 || b[1]&0x80 != 0)
}

// parseLaxDER reads a signature without hash type as OpenSSL once did, which is
// what counts before BIP66 (Core's ecdsa_signature_parse_der_lax). A number that
// is out of range makes both zero, which no key signs.
func parseLaxDER(b []byte) (r, s btcec.ModNScalar, ok bool) {
	if len(b) < 2 || b[0] != 0x30 {
		return r, s, false
	}
	length, b := int(b[1]), b[2:]
	if length&0x80 != 0 {
		// The length itself is not looked at, only skipped.
		if length -= 0x80; length > len(b) {
			return r, s, false
		}
		b = b[length:]
	}
	rBytes, b, ok := laxInteger(b)
	if !ok {
		return r, s, false
	}
	sBytes, _, ok := laxInteger(b)
	if !ok {
		return r, s, false
	}
	if len(rBytes) > 32 || len(sBytes) > 32 || r.SetByteSlice(rBytes) || s.SetByteSlice(sBytes) {
		return btcec.ModNScalar{}, btcec.ModNScalar{}, true
	}
	return r, s, true
}

// laxInteger reads an integer and returns it without leading zeros, and what
// follows it.
func laxInteger(b []byte) (number, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != 0x02 {
		return nil, nil, false
	}
	length, b := int(b[1]), b[2:]
	if length&0x80 != 0 {
		n := length - 0x80
		if n > len(b) {
			return nil, nil, false
		}
		for n > 0 && b[0] == 0 {
			n, b = n-1, b[1:]
		}
		if n >= 4 {
			return nil, nil, false
		}
		length = 0
		for ; n > 0; n, b = n-1, b[1:] {
			length = length<<8 | int(b[0])
		}
	}
	if length > len(b) {
		return nil, nil, false
	}
	return bytes.TrimLeft(b[:length], "\x00"), b[length:], true
}

// checkKeyEncoding checks a public key's form as far as flags ask for it (Core's
// CheckPubKeyEncoding).
func checkKeyEncoding(key []byte, flags Flags, version scriptVersion) scriptError {
	compressed := len(key) == 33 && (key[0] == 2 || key[0] == 3)
	if flags&VerifyStrictEnc != 0 && !compressed && (len(key) != 65 || key[0] != 4) {
		return errPubkeyType
	}
	if flags&VerifyWitnessPubkeyType != 0 && version == segwitScript && !compressed {
		return errWitnessPubkeyType
	}
	return scriptOK
}

// verifyECDSA reports whether a signature without hash type signs hash under a
// key, which may be in hybrid form.
func verifyECDSA(sig, key []byte, hash chainhash.Hash) bool {
	pub, err := btcec.ParsePubKey(key)
	if err != nil {
		return false
	}
	r, s, ok := parseLaxDER(sig)
	if !ok || r.IsZero() || s.IsZero() {
		return false
	}
	return ecdsa.NewSignature(&r, &s).Verify(hash[:], pub)
}

// verifySchnorr reports whether a signature of 64 bytes signs hash under a key
// of 32 (BIP340).
func verifySchnorr(sig, key []byte, hash chainhash.Hash) bool {
	pub, err := schnorr.ParsePubKey(key)
	if err != nil {
		return false
	}
	parsed, err := schnorr.ParseSignature(sig)
	return err == nil && parsed.Verify(hash[:], pub)
}

// checkSchnorr checks a signature with or without its hash type (Core's
// CheckSchnorrSignature). key has 32 bytes.
func (e *engine) checkSchnorr(sig, key []byte, exec *taprootExec) scriptError {
	var hashType byte
	switch len(sig) {
	case 64:
	case 65:
		if hashType = sig[64]; hashType == 0 {
			return errSchnorrSigHashType
		}
	default:
		return errSchnorrSigSize
	}
	hash, ok := e.ctx.taprootSigHash(e.index, hashType, exec)
	if !ok {
		return errSchnorrSigHashType
	}
	if !verifySchnorr(sig[:64], key, hash) {
		return errSchnorrSig
	}
	return scriptOK
}

// checkECDSA reports whether a signature with its hash type is good for a key
// in a legacy or segwit script (Core's CheckECDSASignature).
func (e *engine) checkECDSA(sig, key, code []byte, version scriptVersion) bool {
	if len(sig) == 0 || len(key) == 0 {
		return false
	}
	hashType := uint32(sig[len(sig)-1])
	var hash chainhash.Hash
	if version == segwitScript {
		hash = e.ctx.segwitSigHash(e.index, code, hashType)
	} else {
		hash = legacySigHash(e.ctx.tx, e.index, code, hashType)
	}
	return verifyECDSA(sig[:len(sig)-1], key, hash)
}

// commitsToLeaf reports whether an output key commits to a leaf by way of a
// control block, whose length is right (Core's VerifyTaprootCommitment).
func commitsToLeaf(control, outputKey []byte, leaf chainhash.Hash) bool {
	internal := control[1:controlBaseSize]
	root := leaf
	var buf [128]byte
	for path := control[controlBaseSize:]; len(path) > 0; path = path[controlNodeSize:] {
		node := path[:controlNodeSize]
		b := append(buf[:0], tapBranchTag[:]...)
		if bytes.Compare(root[:], node) < 0 {
			b = append(append(b, root[:]...), node...)
		} else {
			b = append(append(b, node...), root[:]...)
		}
		root = sha256.Sum256(b)
	}
	b := append(append(append(buf[:0], tapTweakTag[:]...), internal...), root[:]...)
	tweakHash := sha256.Sum256(b)

	var tweak btcec.ModNScalar
	if overflow := tweak.SetBytes((*[32]byte)(&tweakHash)); overflow != 0 {
		return false
	}
	key, err := schnorr.ParsePubKey(internal)
	if err != nil {
		return false
	}
	var point, tweaked, sum btcec.JacobianPoint
	key.AsJacobian(&point)
	btcec.ScalarBaseMultNonConst(&tweak, &tweaked)
	btcec.AddNonConst(&point, &tweaked, &sum)
	if (sum.X.IsZero() && sum.Y.IsZero()) || sum.Z.IsZero() {
		return false
	}
	sum.ToAffine()
	x := sum.X.Bytes()
	return bytes.Equal(x[:], outputKey) && sum.Y.IsOdd() == (control[0]&1 == 1)
}
