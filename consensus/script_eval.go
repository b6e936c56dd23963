package consensus

import (
	"github.com/btcsuite/btcd/txscript/v2"
)

// machine is a script under way.
type machine struct {
	engine  *engine
	version scriptVersion
	exec    *taprootExec // of a tapscript

	stack, alt [][]byte // the items themselves are never changed
	branches   []bool   // open OP_IFs: whether their present branch is taken
	skipping   int      // how many of them are not
	ops        int      // counted against the limit
	code       []byte   // from after the last OP_CODESEPARATOR, for signatures
	rest       []byte   // what is left to run
}

// Items that opcodes push; nobody writes to them.
var (
	itemFalse = []byte{}
	itemTrue  = []byte{1}
)

// eval runs one script on a stack, which it may overwrite, and returns the
// resulting one (Core's EvalScript).
func (e *engine) eval(stack [][]byte, script []byte, version scriptVersion, exec *taprootExec) ([][]byte, scriptError) {
	if version != tapScript && len(script) > maxScriptSize {
		return nil, errScriptSize
	}
	m := machine{engine: e, version: version, exec: exec, stack: stack, code: script, rest: script}
	minimal := e.flags&VerifyMinimalData != 0
	for position := uint32(0); len(m.rest) > 0; position++ {
		op, data, rest, ok := nextOp(m.rest)
		if !ok {
			return nil, errBadOpcode
		}
		m.rest = rest
		if len(data) > maxElementSize {
			return nil, errPushSize
		}
		if version != tapScript && op > txscript.OP_16 {
			if m.ops++; m.ops > maxOpsPerScript {
				return nil, errOpCount
			}
		}
		if isDisabled(op) {
			return nil, errDisabledOpcode
		}
		if op == txscript.OP_CODESEPARATOR && version == legacyScript && e.flags&VerifyConstScriptCode != 0 {
			return nil, errCodeSeparator
		}
		running := m.skipping == 0
		switch {
		case running && op <= txscript.OP_PUSHDATA4:
			if minimal && !isMinimalPush(op, data) {
				return nil, errMinimalData
			}
			m.stack = append(m.stack, data)
		case running || op >= txscript.OP_IF && op <= txscript.OP_ENDIF:
			if err := m.step(op, position); err != scriptOK {
				return nil, err
			}
		}
		if len(m.stack)+len(m.alt) > maxStackSize {
			return nil, errStackSize
		}
	}
	if len(m.branches) != 0 {
		return nil, errUnbalancedConditional
	}
	return m.stack, scriptOK
}

// isDisabled reports whether an opcode fails a script even where it is not
// executed (CVE-2010-5137).
func isDisabled(op byte) bool {
	switch op {
	case txscript.OP_CAT, txscript.OP_SUBSTR, txscript.OP_LEFT, txscript.OP_RIGHT,
		txscript.OP_INVERT, txscript.OP_AND, txscript.OP_OR, txscript.OP_XOR,
		txscript.OP_2MUL, txscript.OP_2DIV, txscript.OP_MUL, txscript.OP_DIV,
		txscript.OP_MOD, txscript.OP_LSHIFT, txscript.OP_RSHIFT:
		return true
	default:
		return false
	}
}

// step executes an opcode that is not a push of data.
func (m *machine) step(op byte, position uint32) scriptError {
	switch {
	case op == txscript.OP_1NEGATE:
		m.pushNumber(-1)
		return scriptOK
	case op >= txscript.OP_1 && op <= txscript.OP_16:
		m.pushNumber(scriptNumber(op - txscript.OP_1 + 1))
		return scriptOK
	case op >= txscript.OP_NOP && op <= txscript.OP_RETURN:
		return m.flow(op)
	case op >= txscript.OP_TOALTSTACK && op <= txscript.OP_TUCK:
		return m.moveItems(op)
	case op == txscript.OP_SIZE:
		if !m.has(1) {
			return errInvalidStack
		}
		m.pushNumber(scriptNumber(len(m.top(1))))
		return scriptOK
	case op == txscript.OP_EQUAL || op == txscript.OP_EQUALVERIFY:
		return m.equal(op)
	case op >= txscript.OP_1ADD && op <= txscript.OP_0NOTEQUAL:
		return m.unary(op)
	case op >= txscript.OP_ADD && op <= txscript.OP_MAX:
		return m.binary(op)
	case op == txscript.OP_WITHIN:
		return m.within()
	case op >= txscript.OP_RIPEMD160 && op <= txscript.OP_HASH256:
		return m.hash(op)
	case op == txscript.OP_CODESEPARATOR:
		m.code = m.rest
		if m.exec != nil {
			m.exec.codeSeparator = position
		}
		return scriptOK
	case op == txscript.OP_CHECKSIG || op == txscript.OP_CHECKSIGVERIFY:
		return m.checkSig(op)
	case op == txscript.OP_CHECKSIGADD:
		return m.checkSigAdd()
	case op == txscript.OP_CHECKMULTISIG || op == txscript.OP_CHECKMULTISIGVERIFY:
		return m.checkMultisig(op)
	case op >= txscript.OP_NOP1 && op <= txscript.OP_NOP10:
		return m.upgradableNop(op)
	default:
		return errBadOpcode
	}
}

// has reports whether the stack holds at least n items.
func (m *machine) has(n int) bool { return len(m.stack) >= n }

// top returns the n-th item from the top, the topmost being the first.
func (m *machine) top(n int) []byte { return m.stack[len(m.stack)-n] }

func (m *machine) drop(n int) { m.stack = m.stack[:len(m.stack)-n] }

func (m *machine) push(item []byte) { m.stack = append(m.stack, item) }

func (m *machine) pushNumber(n scriptNumber) { m.push(n.bytes()) }

func (m *machine) pushBool(b bool) {
	if b {
		m.push(itemTrue)
	} else {
		m.push(itemFalse)
	}
}

// number reads the n-th item from the top as a number of at most size bytes.
func (m *machine) number(n, size int) (scriptNumber, bool) {
	return parseNumber(m.top(n), m.engine.flags&VerifyMinimalData != 0, size)
}

// result pushes b, or, for an opcode that verifies, pushes nothing and fails
// with err where b is false.
func (m *machine) result(b, verifies bool, err scriptError) scriptError {
	if !verifies {
		m.pushBool(b)
	} else if !b {
		return err
	}
	return scriptOK
}

// flow executes OP_NOP, conditionals, OP_VERIFY and OP_RETURN.
func (m *machine) flow(op byte) scriptError {
	switch op {
	case txscript.OP_NOP:
		return scriptOK
	case txscript.OP_IF, txscript.OP_NOTIF:
		return m.branch(op == txscript.OP_NOTIF)
	case txscript.OP_ELSE:
		if len(m.branches) == 0 {
			return errUnbalancedConditional
		}
		taken := &m.branches[len(m.branches)-1]
		if *taken {
			m.skipping++
		} else {
			m.skipping--
		}
		*taken = !*taken
		return scriptOK
	case txscript.OP_ENDIF:
		if len(m.branches) == 0 {
			return errUnbalancedConditional
		}
		if !m.branches[len(m.branches)-1] {
			m.skipping--
		}
		m.branches = m.branches[:len(m.branches)-1]
		return scriptOK
	case txscript.OP_VERIFY:
		if !m.has(1) {
			return errInvalidStack
		}
		if !asBool(m.top(1)) {
			return errVerify
		}
		m.drop(1)
		return scriptOK
	case txscript.OP_RETURN:
		return errOpReturn
	default: // OP_VER, OP_VERIF, OP_VERNOTIF
		return errBadOpcode
	}
}

// branch executes OP_IF, or OP_NOTIF when not is set. Inside of a branch that is
// skipped it only counts.
func (m *machine) branch(not bool) scriptError {
	taken := false
	if m.skipping == 0 {
		if !m.has(1) {
			return errUnbalancedConditional
		}
		item := m.top(1)
		minimal := len(item) == 0 || len(item) == 1 && item[0] == 1
		if m.version == tapScript && !minimal {
			return errTapscriptMinimalIf
		}
		if m.version == segwitScript && m.engine.flags&VerifyMinimalIf != 0 && !minimal {
			return errMinimalIf
		}
		taken = asBool(item) != not
		m.drop(1)
	}
	m.branches = append(m.branches, taken)
	if !taken {
		m.skipping++
	}
	return scriptOK
}

// upgradableNop executes OP_NOP1 to OP_NOP10, of which two have become lock
// times.
func (m *machine) upgradableNop(op byte) scriptError {
	flags := m.engine.flags
	switch {
	case op == txscript.OP_CHECKLOCKTIMEVERIFY:
		if flags&VerifyCheckLockTime != 0 {
			return m.checkLockTime()
		}
		return scriptOK
	case op == txscript.OP_CHECKSEQUENCEVERIFY:
		if flags&VerifyCheckSequence != 0 {
			return m.checkSequence()
		}
		return scriptOK
	case flags&VerifyDiscourageNops != 0:
		return errDiscourageNops
	default:
		return scriptOK
	}
}

// checkLockTime executes OP_CHECKLOCKTIMEVERIFY (BIP65).
func (m *machine) checkLockTime() scriptError {
	if !m.has(1) {
		return errInvalidStack
	}
	want, ok := m.number(1, maxLockTimeNumber)
	if !ok {
		return errUnknown
	}
	if want < 0 {
		return errNegativeLockTime
	}
	tx := m.engine.ctx.tx
	have := scriptNumber(tx.LockTime)
	if (have < LockTimeThreshold) != (want < LockTimeThreshold) || want > have ||
		tx.TxIn[m.engine.index].Sequence == sequenceFinal {
		return errUnsatisfiedLockTime
	}
	return scriptOK
}

// checkSequence executes OP_CHECKSEQUENCEVERIFY (BIP112).
func (m *machine) checkSequence() scriptError {
	if !m.has(1) {
		return errInvalidStack
	}
	want, ok := m.number(1, maxLockTimeNumber)
	if !ok {
		return errUnknown
	}
	if want < 0 {
		return errNegativeLockTime
	}
	if want&sequenceDisable != 0 {
		return scriptOK
	}
	tx := m.engine.ctx.tx
	have := scriptNumber(tx.TxIn[m.engine.index].Sequence)
	// The version counts as unsigned here (CVE-2024-34478).
	if uint32(tx.Version) < 2 || have&sequenceDisable != 0 {
		return errUnsatisfiedLockTime
	}
	have &= sequenceSeconds | sequenceMask
	want &= sequenceSeconds | sequenceMask
	if (have < sequenceSeconds) != (want < sequenceSeconds) || want > have {
		return errUnsatisfiedLockTime
	}
	return scriptOK
}
