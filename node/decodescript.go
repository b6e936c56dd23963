package node

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/rpc"
)

type decodedScript struct {
	scriptJSON
	P2SH   string         `json:"p2sh,omitempty"`
	Segwit *decodedSegwit `json:"segwit,omitempty"`
}

type decodedSegwit struct {
	scriptJSON
	P2SHSegwit string `json:"p2sh-segwit"`
}

// decodeScript is Core's decodescript: for a script that can stand behind a hash
// it also has the addresses of that hash.
func (h *Host) decodeScript(_ context.Context, r *rpc.Request) (any, error) {
	script, err := r.Hex(0, "argument")
	if err != nil {
		return nil, err
	}
	j := decodedScript{scriptJSON: describeScript(script, h.params)}
	j.Hex = nil
	kind := address.KindOf(script)
	if !wrappable(kind, script) {
		return j, nil
	}
	j.P2SH, _ = address.Encode(address.ScriptHashScript(address.Hash160(script)), h.params)
	program := witnessProgram(kind, script)
	if program == nil {
		return j, nil
	}
	segwit := decodedSegwit{scriptJSON: describeScript(program, h.params)}
	if address.KindOf(program) == address.P2WSH {
		segwit.Desc = (&descriptor.Output{Script: program, WitnessScript: script}).Infer(h.params)
	}
	segwit.P2SHSegwit, _ = address.Encode(address.ScriptHashScript(address.Hash160(program)), h.params)
	j.Segwit = &segwit
	return j, nil
}

// wrappable says whether decodescript shows a script's address behind a hash:
// not if it is one itself, or could never be spent there.
func wrappable(kind address.Kind, script []byte) bool {
	switch kind {
	case address.NullData, address.P2SH, address.WitnessUnknown, address.P2TR, address.P2A:
		return false
	}
	if consensus.Unspendable(script) {
		return false
	}
	t := txscript.MakeScriptTokenizer(0, script)
	for t.Next() {
		op := t.Opcode()
		if op > txscript.OP_NOP10 || isOpSuccess(op) || len(t.Data()) > txscript.MaxScriptElementSize {
			return false
		}
	}
	return t.Err() == nil
}

// isOpSuccess says whether an opcode is one of tapscript's OP_SUCCESSx (BIP342).
func isOpSuccess(op byte) bool {
	return op == 80 || op == 98 || op >= 126 && op <= 129 || op >= 131 && op <= 134 || op == 137 || op == 138 ||
		op == 141 || op == 142 || op >= 149 && op <= 153 || op >= 187 && op <= 254
}

// witnessProgram is the version 0 program that is equivalent to a script; nil
// when there is none.
func witnessProgram(kind address.Kind, script []byte) []byte {
	compressed := func(key []byte) bool { return len(key) == 33 }
	switch kind {
	case address.P2PK:
		key := script[1 : len(script)-1]
		if !compressed(key) {
			return nil
		}
		hash := address.Hash160(key)
		return address.WitnessScript(0, hash[:])
	case address.P2PKH:
		return address.WitnessScript(0, script[3:23])
	case address.Multisig:
		_, keys, _ := address.ParseMultisig(script)
		if slices.ContainsFunc(keys, func(k []byte) bool { return !compressed(k) }) {
			return nil
		}
	case address.NonStandard:
	default:
		return nil
	}
	hash := sha256.Sum256(script)
	return address.WitnessScript(0, hash[:])
}
