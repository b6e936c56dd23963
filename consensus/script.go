package consensus

import (
	"bytes"
	"encoding/binary"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Limits of scripts (consensus).
const (
	maxScriptSize       = 10_000 // bytes; not in tapscript
	maxElementSize      = 520    // bytes of a stack item
	maxStackSize        = 1_000  // items on both stacks
	maxOpsPerScript     = 201    // not in tapscript
	maxKeysPerMultisig  = 20
	maxNumberSize       = 4 // bytes of a number in arithmetic
	maxLockTimeNumber   = 5 // bytes of a number that is a lock time
	annexTag            = 0x50
	leafMask            = 0xfe
	leafTapscript       = 0xc0
	controlBaseSize     = 33
	controlNodeSize     = 32
	controlMaxNodes     = 128
	sigopWeight         = 50 // of a signature in tapscript, and what it starts with
	blankCodeSeparator  = 0xffffffff
	witnessKeyHashSize  = 20
	witnessScriptSize   = 32
	witnessTaprootSize  = 32
	maxWitnessProgram   = 40
	minWitnessProgram   = 2
	payToScriptHashSize = 23
)

// nextOp reads the first instruction of a script: its opcode, the data that it
// pushes, and what follows. ok is false when the script ends within it.
func nextOp(script []byte) (op byte, data, rest []byte, ok bool) {
	op, rest = script[0], script[1:]
	if op > txscript.OP_PUSHDATA4 {
		return op, nil, rest, true
	}
	n := uint64(op)
	switch op {
	case txscript.OP_PUSHDATA1:
		if len(rest) < 1 {
			return op, nil, nil, false
		}
		n, rest = uint64(rest[0]), rest[1:]
	case txscript.OP_PUSHDATA2:
		if len(rest) < 2 {
			return op, nil, nil, false
		}
		n, rest = uint64(binary.LittleEndian.Uint16(rest)), rest[2:]
	case txscript.OP_PUSHDATA4:
		if len(rest) < 4 {
			return op, nil, nil, false
		}
		n, rest = uint64(binary.LittleEndian.Uint32(rest)), rest[4:]
	}
	if n > uint64(len(rest)) {
		return op, nil, nil, false
	}
	return op, rest[:n:n], rest[n:], true
}

// lastPush returns the data of a script's last instruction. ok is false when the
// script does more than push (Core's IsPushOnly).
func lastPush(script []byte) (data []byte, ok bool) {
	for len(script) > 0 {
		var op byte
		if op, data, script, ok = nextOp(script); !ok || op > txscript.OP_16 {
			return nil, false
		}
	}
	return data, true
}

func isPushOnly(script []byte) bool {
	_, ok := lastPush(script)
	return ok
}

// appendPush appends the instruction that pushes data, as CScript's << does: it
// never uses the opcodes for small numbers.
func appendPush(dst, data []byte) []byte {
	switch n := len(data); {
	case n < txscript.OP_PUSHDATA1:
		dst = append(dst, byte(n))
	case n <= 0xff:
		dst = append(dst, txscript.OP_PUSHDATA1, byte(n))
	case n <= 0xffff:
		dst = binary.LittleEndian.AppendUint16(append(dst, txscript.OP_PUSHDATA2), uint16(n))
	default:
		dst = binary.LittleEndian.AppendUint32(append(dst, txscript.OP_PUSHDATA4), uint32(n))
	}
	return append(dst, data...)
}

// isMinimalPush reports whether data could not be pushed in fewer bytes than by
// op (Core's CheckMinimalPush).
func isMinimalPush(op byte, data []byte) bool {
	switch n := len(data); {
	case n == 0:
		return op == txscript.OP_0
	case n == 1 && (data[0] >= 1 && data[0] <= 16 || data[0] == 0x81):
		return false // OP_1 to OP_16, OP_1NEGATE
	case n <= 75:
		return int(op) == n
	case n <= 0xff:
		return op == txscript.OP_PUSHDATA1
	case n <= 0xffff:
		return op == txscript.OP_PUSHDATA2
	default:
		return true
	}
}

// isPayToScriptHash reports whether a script has the form of BIP16.
func isPayToScriptHash(script []byte) bool {
	return len(script) == payToScriptHashSize && script[0] == txscript.OP_HASH160 &&
		script[1] == txscript.OP_DATA_20 && script[22] == txscript.OP_EQUAL
}

// witnessProgram returns the version and program of a script that has the form
// of BIP141.
func witnessProgram(script []byte) (version int, program []byte, ok bool) {
	n := len(script)
	if n < minWitnessProgram+2 || n > maxWitnessProgram+2 || int(script[1])+2 != n {
		return 0, nil, false
	}
	switch op := script[0]; {
	case op == txscript.OP_0:
		return 0, script[2:], true
	case op >= txscript.OP_1 && op <= txscript.OP_16:
		return int(op - txscript.OP_1 + 1), script[2:], true
	default:
		return 0, nil, false
	}
}

// isPayToAnchor reports whether a witness program is the one that anybody can
// spend without a witness (BIP433).
func isPayToAnchor(version int, program []byte) bool {
	return version == 1 && bytes.Equal(program, []byte{0x4e, 0x73})
}

// countSigOps counts a script's signature checks up to its end or to where it
// breaks off. A multisig counts for 20 unless accurate is set and the number of
// its keys precedes it.
func countSigOps(script []byte, accurate bool) int64 {
	var n int64
	last := byte(txscript.OP_INVALIDOPCODE)
	for len(script) > 0 {
		op, _, rest, ok := nextOp(script)
		if !ok {
			break
		}
		switch op {
		case txscript.OP_CHECKSIG, txscript.OP_CHECKSIGVERIFY:
			n++
		case txscript.OP_CHECKMULTISIG, txscript.OP_CHECKMULTISIGVERIFY:
			if accurate && last >= txscript.OP_1 && last <= txscript.OP_16 {
				n += int64(last - txscript.OP_1 + 1)
			} else {
				n += maxKeysPerMultisig
			}
		}
		last, script = op, rest
	}
	return n
}

// legacySigOps counts the signature checks in a transaction's own scripts
// (Core's GetLegacySigOpCount).
func legacySigOps(tx *wire.MsgTx) int64 {
	var n int64
	for _, in := range tx.TxIn {
		n += countSigOps(in.SignatureScript, false)
	}
	for _, out := range tx.TxOut {
		n += countSigOps(out.PkScript, false)
	}
	return n
}

// SigOpCost returns the cost of a transaction's signature checks, those in the
// scripts and witnesses of its inputs among them (BIP141, Core's
// GetTransactionSigOpCost). coins are in the order of the inputs; a coinbase
// needs none.
func SigOpCost(tx *wire.MsgTx, coins []*Coin, flags Flags) int64 {
	cost := legacySigOps(tx) * WitnessScale
	if IsCoinbase(tx) {
		return cost
	}
	for i, in := range tx.TxIn {
		script := coins[i].Script
		redeem, nested := []byte(nil), false
		if isPayToScriptHash(script) && flags&VerifyP2SH != 0 {
			if redeem, nested = lastPush(in.SignatureScript); nested {
				cost += countSigOps(redeem, true) * WitnessScale
			}
		}
		if flags&VerifyWitness == 0 {
			continue
		}
		if version, program, ok := witnessProgram(script); ok {
			cost += witnessSigOps(version, program, in.Witness)
		} else if version, program, ok := witnessProgram(redeem); nested && ok {
			cost += witnessSigOps(version, program, in.Witness)
		}
	}
	return cost
}

func witnessSigOps(version int, program []byte, witness wire.TxWitness) int64 {
	switch {
	case version != 0:
		return 0 // taproot has a budget of its own
	case len(program) == witnessKeyHashSize:
		return 1
	case len(program) == witnessScriptSize && len(witness) > 0:
		return countSigOps(witness[len(witness)-1], true)
	default:
		return 0
	}
}

// findAndDelete returns the script without the instructions that push sig, as
// signatures are taken out of legacy scripts before they are hashed, and whether
// there were any. Only whole instructions count, pushed the way that appendPush
// does (Core's FindAndDelete; CVE-2024-38365).
func findAndDelete(script, sig []byte) ([]byte, bool) {
	push := appendPush(make([]byte, 0, len(sig)+5), sig)
	if !bytes.Contains(script, push) {
		return script, false
	}
	var kept []byte
	found := false
	for at := script; ; {
		for bytes.HasPrefix(at, push) {
			at = at[len(push):]
			found = true
		}
		if len(at) == 0 {
			break
		}
		_, _, rest, ok := nextOp(at)
		if !ok {
			kept = append(kept, at...)
			break
		}
		kept = append(kept, at[:len(at)-len(rest)]...)
		at = rest
	}
	if !found {
		return script, false
	}
	return kept, true
}

// scriptNumber is a number as scripts compute with it.
type scriptNumber int64

// bytes returns the number in its shortest form: little-endian, the highest bit
// being the sign, and nothing for zero.
func (n scriptNumber) bytes() []byte {
	if n == 0 {
		return nil
	}
	negative := n < 0
	abs := uint64(n)
	if negative {
		abs = -abs
	}
	b := make([]byte, 0, 9)
	for ; abs > 0; abs >>= 8 {
		b = append(b, byte(abs))
	}
	if b[len(b)-1]&0x80 != 0 {
		b = append(b, 0)
	}
	if negative {
		b[len(b)-1] |= 0x80
	}
	return b
}

// parseNumber reads a number of at most size bytes. ok is false when it is
// longer, or when minimal is set and it could be shorter.
func parseNumber(b []byte, minimal bool, size int) (n scriptNumber, ok bool) {
	if len(b) > size {
		return 0, false
	}
	if len(b) == 0 {
		return 0, true
	}
	top := b[len(b)-1]
	if minimal && top&0x7f == 0 && (len(b) == 1 || b[len(b)-2]&0x80 == 0) {
		return 0, false
	}
	for i, v := range b {
		n |= scriptNumber(v) << (8 * i)
	}
	if top&0x80 != 0 {
		n = -(n &^ (0x80 << (8 * (len(b) - 1))))
	}
	return n, true
}

// asBool reports whether a stack item counts as true: any but zero and negative
// zero of any length.
func asBool(b []byte) bool {
	for i, v := range b {
		if v != 0 {
			return i != len(b)-1 || v != 0x80
		}
	}
	return false
}
