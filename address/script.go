package address

import (
	"crypto/sha256"

	//lint:ignore SA1019 Bitcoin's addresses are made of it.
	"golang.org/x/crypto/ripemd160"
)

// Hash160 returns RIPEMD-160 of SHA-256 of data.
func Hash160(data []byte) [20]byte {
	sum := sha256.Sum256(data)
	h := ripemd160.New()
	h.Write(sum[:])
	return [20]byte(h.Sum(nil))
}

// PubKeyHashScript returns the P2PKH script of a key's Hash160.
func PubKeyHashScript(hash [20]byte) []byte {
	script := append([]byte{opDup, opHash160, 20}, hash[:]...)
	return append(script, opEqualVerify, opCheckSig)
}

// ScriptHashScript returns the P2SH script of a redeem script's Hash160.
func ScriptHashScript(hash [20]byte) []byte {
	return append(append([]byte{opHash160, 20}, hash[:]...), opEqual)
}

// WitnessScript returns the script of a witness program of 2 to 40 bytes, for
// the versions 0 to 16 (BIP141).
func WitnessScript(version byte, program []byte) []byte {
	op := byte(op0)
	if version > 0 {
		op = op1 + version - 1
	}
	return append([]byte{op, byte(len(program))}, program...)
}
