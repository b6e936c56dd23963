package address

import (
	"bytes"

	"github.com/btcsuite/btcd/txscript/v2"
)

// Kind is the form of an output script.
type Kind string

// The forms that output scripts have, in Core's order of preference. Those from
// P2PKH to WitnessUnknown have addresses.
const (
	P2PKH          Kind = "p2pkh"
	P2SH           Kind = "p2sh"
	P2WPKH         Kind = "p2wpkh"
	P2WSH          Kind = "p2wsh"
	P2TR           Kind = "p2tr"
	P2A            Kind = "p2a"             // pay to anchor
	WitnessUnknown Kind = "witness_unknown" // a witness version of the future
	P2PK           Kind = "p2pk"
	Multisig       Kind = "multisig" // bare
	NullData       Kind = "nulldata" // OP_RETURN and pushes
	NonStandard    Kind = "nonstandard"
)

// CoreName returns the form's name in Core's RPC replies ("type" of a
// scriptPubKey).
func (k Kind) CoreName() string {
	switch k {
	case P2PKH:
		return "pubkeyhash"
	case P2SH:
		return "scripthash"
	case P2WPKH:
		return "witness_v0_keyhash"
	case P2WSH:
		return "witness_v0_scripthash"
	case P2TR:
		return "witness_v1_taproot"
	case P2A:
		return "anchor"
	case P2PK:
		return "pubkey"
	default:
		return string(k)
	}
}

// KindOf returns the form of an output script (Core's Solver).
func KindOf(script []byte) Kind {
	if len(script) == 23 && script[0] == opHash160 && script[1] == 20 && script[22] == opEqual {
		return P2SH
	}
	if version, program, ok := witnessProgram(script); ok {
		switch {
		case version == 0 && len(program) == 20:
			return P2WPKH
		case version == 0 && len(program) == 32:
			return P2WSH
		case version == 0:
			return NonStandard
		case version == 1 && len(program) == 32:
			return P2TR
		case version == 1 && bytes.Equal(program, anchorProgram):
			return P2A
		default:
			return WitnessUnknown
		}
	}
	switch {
	case len(script) > 0 && script[0] == opReturn && txscript.IsPushOnlyScript(script[1:]):
		return NullData
	case isPubKeyScript(script):
		return P2PK
	case len(script) == 25 && bytes.Equal(script[:3], []byte{opDup, opHash160, 20}) &&
		script[23] == opEqualVerify && script[24] == opCheckSig:
		return P2PKH
	}
	if _, _, ok := ParseMultisig(script); ok {
		return Multisig
	}
	return NonStandard
}

func isPubKeyScript(script []byte) bool {
	n := len(script)
	return (n == 35 || n == 67) && int(script[0]) == n-2 && script[n-1] == opCheckSig && pubKeySizeFits(script[1:n-1])
}

// pubKeySizeFits reports whether a key has the length that its first byte asks
// for (Core's CPubKey::ValidSize).
func pubKeySizeFits(key []byte) bool {
	if len(key) == 0 {
		return false
	}
	switch key[0] {
	case 2, 3:
		return len(key) == 33
	case 4, 6, 7:
		return len(key) == 65
	}
	return false
}

// ParseMultisig returns the number of signatures that a bare multisig script
// asks for and its keys (Core's MatchMultisig).
func ParseMultisig(script []byte) (required int, keys [][]byte, ok bool) {
	if len(script) == 0 || script[len(script)-1] != txscript.OP_CHECKMULTISIG {
		return 0, nil, false
	}
	t := txscript.MakeScriptTokenizer(0, script)
	if !t.Next() {
		return 0, nil, false
	}
	if required, ok = count(t.Opcode(), t.Data()); !ok {
		return 0, nil, false
	}
	for t.Next() && pubKeySizeFits(t.Data()) {
		keys = append(keys, t.Data())
	}
	total, ok := count(t.Opcode(), t.Data())
	if !ok || t.Err() != nil || total != len(keys) || required > total || int(t.ByteIndex())+1 != len(script) {
		return 0, nil, false
	}
	return required, keys, true
}

// count reads a number from 1 to 20 that is pushed in the shortest way (Core's
// GetScriptNumber with MAX_PUBKEYS_PER_MULTISIG).
func count(op byte, data []byte) (int, bool) {
	switch {
	case op >= op1 && op <= op16:
		return int(op-op1) + 1, true
	case op == 1 && len(data) == 1 && data[0] > 16 && data[0] <= 20:
		return int(data[0]), true
	}
	return 0, false
}
