package consensus

import (
	"bytes"
	"crypto/sha256"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// scriptVersion is the set of rules that a script runs under (Core's
// SigVersion).
type scriptVersion uint8

const (
	legacyScript scriptVersion = iota
	segwitScript               // version 0 witness
	tapScript                  // version 1 witness, leaf version 0xc0
)

// engine runs the scripts of one input. It follows Core's interpreter step by
// step, because which of several faults is met first decides the reject string.
type engine struct {
	ctx   *txContext
	index int // of the input
	flags Flags
}

// verify runs an input's scripts and witness against the script of the coin that
// it spends (Core's VerifyScript).
func (e *engine) verify() scriptError {
	in, lock := e.ctx.tx.TxIn[e.index], e.ctx.coins[e.index].Script
	if e.flags&VerifySigPushOnly != 0 && !isPushOnly(in.SignatureScript) {
		return errSigPushOnly
	}
	stack, err := e.eval(make([][]byte, 0, 8), in.SignatureScript, legacyScript, nil)
	if err != scriptOK {
		return err
	}
	pushed := stack
	if e.flags&VerifyP2SH != 0 && isPayToScriptHash(lock) {
		pushed = append([][]byte(nil), stack...) // the lock is going to overwrite it
	}
	if stack, err = e.eval(stack, lock, legacyScript, nil); err != scriptOK {
		return err
	}
	if len(stack) == 0 || !asBool(stack[len(stack)-1]) {
		return errEvalFalse
	}
	hadWitness := false
	if version, program, ok := witnessProgram(lock); ok && e.flags&VerifyWitness != 0 {
		hadWitness = true
		if len(in.SignatureScript) != 0 {
			return errWitnessMalleated
		}
		if err := e.verifyWitness(in.Witness, version, program, false); err != scriptOK {
			return err
		}
		stack = stack[:1] // a witness program leaves more on it
	}
	if e.flags&VerifyP2SH != 0 && isPayToScriptHash(lock) {
		if stack, hadWitness, err = e.verifyRedeem(pushed, in); err != scriptOK {
			return err
		}
	}
	if e.flags&VerifyCleanStack != 0 && len(stack) != 1 {
		return errCleanStack
	}
	if e.flags&VerifyWitness != 0 && !hadWitness && len(in.Witness) != 0 {
		return errWitnessUnexpected
	}
	return scriptOK
}

// verifyRedeem runs a P2SH input's own script, the last of what it pushed, and
// the witness program that it may be (BIP16, BIP141).
func (e *engine) verifyRedeem(stack [][]byte, in *wire.TxIn) (_ [][]byte, hadWitness bool, err scriptError) {
	if !isPushOnly(in.SignatureScript) {
		return nil, false, errSigPushOnly
	}
	// Not empty, or the hash would not have matched.
	redeem := stack[len(stack)-1]
	if stack, err = e.eval(stack[:len(stack)-1], redeem, legacyScript, nil); err != scriptOK {
		return nil, false, err
	}
	if len(stack) == 0 || !asBool(stack[len(stack)-1]) {
		return nil, false, errEvalFalse
	}
	version, program, ok := witnessProgram(redeem)
	if !ok || e.flags&VerifyWitness == 0 {
		return stack, false, scriptOK
	}
	if !bytes.Equal(in.SignatureScript, appendPush(nil, redeem)) {
		return nil, true, errWitnessMalleatedP2SH
	}
	return stack[:1], true, e.verifyWitness(in.Witness, version, program, true)
}

// verifyWitness checks a witness against the program that asks for it (BIP141,
// BIP341, Core's VerifyWitnessProgram).
func (e *engine) verifyWitness(witness wire.TxWitness, version int, program []byte, p2sh bool) scriptError {
	switch {
	case version == 0 && len(program) == witnessScriptSize:
		if len(witness) == 0 {
			return errWitnessEmpty
		}
		script := witness[len(witness)-1]
		if hash := sha256.Sum256(script); !bytes.Equal(hash[:], program) {
			return errWitnessMismatch
		}
		return e.runWitness(witness[:len(witness)-1], script, segwitScript, nil)
	case version == 0 && len(program) == witnessKeyHashSize:
		if len(witness) != 2 {
			return errWitnessMismatch
		}
		script := append([]byte{txscript.OP_DUP, txscript.OP_HASH160, txscript.OP_DATA_20}, program...)
		script = append(script, txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG)
		return e.runWitness(witness, script, segwitScript, nil)
	case version == 0:
		return errWitnessWrongLength
	case version == 1 && len(program) == witnessTaprootSize && !p2sh:
		if e.flags&VerifyTaproot == 0 {
			return scriptOK
		}
		return e.verifyTaproot(witness, program)
	case !p2sh && isPayToAnchor(version, program):
		return scriptOK
	case e.flags&VerifyDiscourageWitnessProgram != 0:
		return errDiscourageWitness
	default:
		return scriptOK // left for later soft forks
	}
}

// verifyTaproot checks a witness against a taproot output key (BIP341).
func (e *engine) verifyTaproot(witness wire.TxWitness, key []byte) scriptError {
	if len(witness) == 0 {
		return errWitnessEmpty
	}
	exec := &taprootExec{codeSeparator: blankCodeSeparator}
	stack := witness
	if last := stack[len(stack)-1]; len(stack) >= 2 && len(last) > 0 && last[0] == annexTag {
		hash := chainhash.Hash(sha256.Sum256(appendBytes(nil, last)))
		exec.annexHash = &hash
		stack = stack[:len(stack)-1]
	}
	if len(stack) == 1 {
		return e.checkSchnorr(stack[0], key, exec)
	}
	control, script := stack[len(stack)-1], stack[len(stack)-2]
	n := len(control) - controlBaseSize
	if n < 0 || n > controlMaxNodes*controlNodeSize || n%controlNodeSize != 0 {
		return errTaprootControlSize
	}
	version := control[0] & leafMask
	exec.leaf = tapLeafHash(version, script)
	if !commitsToLeaf(control, key, exec.leaf) {
		return errWitnessMismatch
	}
	if version != leafTapscript {
		if e.flags&VerifyDiscourageTaprootVersion != 0 {
			return errDiscourageLeaf
		}
		return scriptOK
	}
	exec.script = true
	exec.weightLeft = int64(witness.SerializeSize()) + sigopWeight
	return e.runWitness(stack[:len(stack)-2], script, tapScript, exec)
}

// runWitness runs a script on the items of a witness (Core's
// ExecuteWitnessScript). The items are not changed.
func (e *engine) runWitness(items [][]byte, script []byte, version scriptVersion, exec *taprootExec) scriptError {
	if version == tapScript {
		// An opcode that stands for success wins over everything, even over what
		// could not be read behind it.
		for at := script; len(at) > 0; {
			op, _, rest, ok := nextOp(at)
			if !ok {
				return errBadOpcode
			}
			if isOpSuccess(op) {
				if e.flags&VerifyDiscourageOpSuccess != 0 {
					return errDiscourageOpSuccess
				}
				return scriptOK
			}
			at = rest
		}
		if len(items) > maxStackSize {
			return errStackSize
		}
	}
	for _, item := range items {
		if len(item) > maxElementSize {
			return errPushSize
		}
	}
	stack := append(make([][]byte, 0, len(items)+4), items...)
	stack, err := e.eval(stack, script, version, exec)
	switch {
	case err != scriptOK:
		return err
	case len(stack) != 1:
		return errCleanStack
	case !asBool(stack[0]):
		return errEvalFalse
	default:
		return scriptOK
	}
}

// isOpSuccess reports whether an opcode ends a tapscript with success (BIP342).
func isOpSuccess(op byte) bool {
	return op == 80 || op == 98 || op >= 126 && op <= 129 || op >= 131 && op <= 134 ||
		op >= 137 && op <= 138 || op >= 141 && op <= 142 || op >= 149 && op <= 153 ||
		op >= 187 && op <= 254
}
