// Package address writes output scripts and private keys in the forms that
// people handle (BIP173 and BIP350 segwit addresses, base58 addresses, wallet
// import format), and reads them back with errors that say what is wrong.
//
// It derives no keys and evaluates no scripts. All that differs between networks
// comes from network.Params; there is no registry, and the package keeps no
// state.
package address

import (
	"bytes"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/address/v2/bech32"

	"github.com/lode-chain/lode/network"
)

// Opcodes that the script forms below are made of.
const (
	op0           = 0x00
	op1           = 0x51
	op16          = 0x60
	opReturn      = 0x6a
	opDup         = 0x76
	opEqual       = 0x87
	opEqualVerify = 0x88
	opHash160     = 0xa9
	opCheckSig    = 0xac
)

// maxAddressLength is the longest text that is looked at, in bytes: Core's
// bounds of 90 characters for bech32 and 100 bytes for base58 lie below it.
const maxAddressLength = 256

// anchorProgram is the witness program of pay-to-anchor outputs.
var anchorProgram = []byte{0x4e, 0x73}

// Decode returns the output script of an address of network p. The error is an
// *Error; see there.
func Decode(s string, p *network.Params) ([]byte, error) {
	script, err := decode(s, p)
	if err != nil {
		err.Hint = hint(s, err, p)
		return nil, err
	}
	return script, nil
}

// decode follows Core's DecodeDestination, texts included.
func decode(s string, p *network.Params) ([]byte, *Error) {
	if len(s) > maxAddressLength {
		return nil, &Error{Kind: ErrFormat, Message: "Invalid or unsupported Segwit (Bech32) or Base58 encoding."}
	}
	if payload, ok := decodeBase58Check(s, 21); ok {
		return decodeLegacy(payload, p)
	}
	if len(s) < len(p.HRP) || lower(s[:len(p.HRP)]) != p.HRP {
		if _, ok := decodeBase58(s, 100); ok {
			return nil, &Error{Kind: ErrChecksum, Message: "Invalid checksum or length of Base58 address (P2PKH or P2SH)"}
		}
		return nil, &Error{Kind: ErrFormat, Message: "Invalid or unsupported Segwit (Bech32) or Base58 encoding."}
	}
	hrp, data, version, err := bech32.DecodeGeneric(s)
	if err != nil {
		return nil, locateErrors(s)
	}
	return decodeSegwit(hrp, data, version, p)
}

// decodeLegacy reads the payload of a base58 address.
func decodeLegacy(payload []byte, p *network.Params) ([]byte, *Error) {
	if len(payload) == 21 {
		switch payload[0] {
		case p.PubKeyHashPrefix:
			return PubKeyHashScript([20]byte(payload[1:])), nil
		case p.ScriptHashPrefix:
			return ScriptHashScript([20]byte(payload[1:])), nil
		}
	}
	if len(payload) > 0 && (payload[0] == p.PubKeyHashPrefix || payload[0] == p.ScriptHashPrefix) {
		return nil, &Error{Kind: ErrFormat, Message: "Invalid length for Base58 address (P2PKH or P2SH)"}
	}
	return nil, &Error{Kind: ErrNetwork, Message: "Invalid or unsupported Base58-encoded address."}
}

// decodeSegwit reads the data part of a bech32 string (BIP141, BIP173, BIP350).
func decodeSegwit(hrp string, data []byte, checksum bech32.Version, p *network.Params) ([]byte, *Error) {
	if len(data) == 0 {
		return nil, &Error{Kind: ErrProgram, Message: "Empty Bech32 data section"}
	}
	if hrp != p.HRP {
		return nil, errorf(ErrNetwork, "Invalid or unsupported prefix for Segwit (Bech32) address (expected %s, got %s).", p.HRP, hrp)
	}
	version := data[0]
	if version == 0 && checksum != bech32.Version0 {
		return nil, errorf(ErrProgram, "Version 0 witness address must use Bech32 checksum")
	}
	if version != 0 && checksum != bech32.VersionM {
		return nil, errorf(ErrProgram, "Version 1+ witness address must use Bech32m checksum")
	}
	program, err := bech32.ConvertBits(data[1:], 5, 8, false)
	if err != nil {
		return nil, errorf(ErrProgram, "Invalid padding in Bech32 data section")
	}
	unit := "bytes"
	if len(program) == 1 {
		unit = "byte"
	}
	switch {
	case version == 0 && len(program) != 20 && len(program) != 32:
		return nil, errorf(ErrProgram, "Invalid Bech32 v0 address program size (%d %s), per BIP141", len(program), unit)
	case version > 16:
		return nil, errorf(ErrProgram, "Invalid Bech32 address witness version")
	case len(program) < 2 || len(program) > 40:
		return nil, errorf(ErrProgram, "Invalid Bech32 address program size (%d %s)", len(program), unit)
	}
	return WitnessScript(version, program), nil
}

// Encode returns the address of an output script; false when scripts of its
// form have none (Core's ExtractDestination and EncodeDestination).
func Encode(script []byte, p *network.Params) (string, bool) {
	switch KindOf(script) {
	case P2PKH:
		return base58.CheckEncode(script[3:23], p.PubKeyHashPrefix), true
	case P2SH:
		return base58.CheckEncode(script[2:22], p.ScriptHashPrefix), true
	case P2WPKH, P2WSH, P2TR, P2A, WitnessUnknown:
		version, program, _ := witnessProgram(script)
		return encodeSegwit(version, program, p.HRP)
	default:
		return "", false
	}
}

func encodeSegwit(version byte, program []byte, hrp string) (string, bool) {
	data, err := bech32.ConvertBits(program, 8, 5, true)
	if err != nil {
		return "", false
	}
	encode := bech32.EncodeM
	if version == 0 {
		encode = bech32.Encode
	}
	s, err := encode(hrp, append([]byte{version}, data...))
	return s, err == nil
}

// witnessProgram parts a script that is a witness program (BIP141).
func witnessProgram(script []byte) (version byte, program []byte, ok bool) {
	if len(script) < 4 || len(script) > 42 || int(script[1])+2 != len(script) {
		return 0, nil, false
	}
	switch op := script[0]; {
	case op == op0:
		return 0, script[2:], true
	case op >= op1 && op <= op16:
		return op - op1 + 1, script[2:], true
	}
	return 0, nil, false
}

// decodeBase58 returns at most maxBytes bytes, white space around them ignored
// (Core's DecodeBase58).
func decodeBase58(s string, maxBytes int) ([]byte, bool) {
	s = trimSpace(s)
	// log(58)/log(256) of a byte a character, and one byte for each leading 1.
	if len(s) > maxBytes*138/100+1 {
		return nil, false
	}
	for _, c := range []byte(s) {
		if !isBase58(c) {
			return nil, false
		}
	}
	raw := base58.Decode(s)
	return raw, len(raw) <= maxBytes
}

// decodeBase58Check returns at most maxBytes bytes, version included, that were
// followed by the right checksum (Core's DecodeBase58Check).
func decodeBase58Check(s string, maxBytes int) ([]byte, bool) {
	raw, ok := decodeBase58(s, maxBytes+4)
	if !ok || len(raw) < 4 {
		return nil, false
	}
	payload := raw[:len(raw)-4]
	sum := checksum(payload)
	return payload, bytes.Equal(raw[len(raw)-4:], sum[:4])
}
