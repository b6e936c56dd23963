package consensus

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"slices"

	"github.com/btcsuite/btcd/txscript/v2"
	//lint:ignore SA1019 Bitcoin's scripts hash with it.
	"golang.org/x/crypto/ripemd160"
)

// needs is how many items each opcode that moves items wants on the stack.
var needs = [256]int{
	txscript.OP_TOALTSTACK: 1,
	txscript.OP_2DROP:      2,
	txscript.OP_2DUP:       2,
	txscript.OP_3DUP:       3,
	txscript.OP_2OVER:      4,
	txscript.OP_2ROT:       6,
	txscript.OP_2SWAP:      4,
	txscript.OP_IFDUP:      1,
	txscript.OP_DROP:       1,
	txscript.OP_DUP:        1,
	txscript.OP_NIP:        2,
	txscript.OP_OVER:       2,
	txscript.OP_PICK:       2,
	txscript.OP_ROLL:       2,
	txscript.OP_ROT:        3,
	txscript.OP_SWAP:       2,
	txscript.OP_TUCK:       2,
}

// moveItems executes an opcode that only moves or copies items.
func (m *machine) moveItems(op byte) scriptError {
	n := len(m.stack)
	if n < needs[op] {
		return errInvalidStack
	}
	switch op {
	case txscript.OP_TOALTSTACK:
		m.alt = append(m.alt, m.top(1))
		m.drop(1)
	case txscript.OP_FROMALTSTACK:
		if len(m.alt) == 0 {
			return errInvalidAltStack
		}
		m.push(m.alt[len(m.alt)-1])
		m.alt = m.alt[:len(m.alt)-1]
	case txscript.OP_2DROP:
		m.drop(2)
	case txscript.OP_2DUP:
		m.stack = append(m.stack, m.stack[n-2:n]...)
	case txscript.OP_3DUP:
		m.stack = append(m.stack, m.stack[n-3:n]...)
	case txscript.OP_2OVER:
		m.stack = append(m.stack, m.stack[n-4:n-2]...)
	case txscript.OP_2ROT:
		rotate(m.stack[n-6:], 2)
	case txscript.OP_2SWAP:
		rotate(m.stack[n-4:], 2)
	case txscript.OP_IFDUP:
		if asBool(m.top(1)) {
			m.push(m.top(1))
		}
	case txscript.OP_DEPTH:
		m.pushNumber(scriptNumber(n))
	case txscript.OP_DROP:
		m.drop(1)
	case txscript.OP_DUP:
		m.push(m.top(1))
	case txscript.OP_NIP:
		m.stack = slices.Delete(m.stack, n-2, n-1)
	case txscript.OP_OVER:
		m.push(m.top(2))
	case txscript.OP_PICK, txscript.OP_ROLL:
		return m.pick(op == txscript.OP_ROLL)
	case txscript.OP_ROT:
		rotate(m.stack[n-3:], 1)
	case txscript.OP_SWAP:
		rotate(m.stack[n-2:], 1)
	case txscript.OP_TUCK:
		m.stack = slices.Insert(m.stack, n-2, m.top(1))
	}
	return scriptOK
}

// rotate moves the first k items behind the others.
func rotate(items [][]byte, k int) {
	var moved [2][]byte
	copy(moved[:k], items)
	copy(items, items[k:])
	copy(items[len(items)-k:], moved[:k])
}

// pick executes OP_PICK, or OP_ROLL when remove is set.
func (m *machine) pick(remove bool) scriptError {
	depth, ok := m.number(1, maxNumberSize)
	if !ok {
		return errUnknown
	}
	m.drop(1)
	if depth < 0 || depth >= scriptNumber(len(m.stack)) {
		return errInvalidStack
	}
	i := len(m.stack) - 1 - int(depth)
	item := m.stack[i]
	if remove {
		m.stack = slices.Delete(m.stack, i, i+1)
	}
	m.push(item)
	return scriptOK
}

func (m *machine) equal(op byte) scriptError {
	if !m.has(2) {
		return errInvalidStack
	}
	same := bytes.Equal(m.top(1), m.top(2))
	m.drop(2)
	return m.result(same, op == txscript.OP_EQUALVERIFY, errEqualVerify)
}

// unary executes an opcode that turns a number into another.
func (m *machine) unary(op byte) scriptError {
	if !m.has(1) {
		return errInvalidStack
	}
	n, ok := m.number(1, maxNumberSize)
	if !ok {
		return errUnknown
	}
	switch op {
	case txscript.OP_1ADD:
		n++
	case txscript.OP_1SUB:
		n--
	case txscript.OP_NEGATE:
		n = -n
	case txscript.OP_ABS:
		n = max(n, -n)
	case txscript.OP_NOT:
		n = number(n == 0)
	case txscript.OP_0NOTEQUAL:
		n = number(n != 0)
	}
	m.drop(1)
	m.pushNumber(n)
	return scriptOK
}

// number returns one for true and zero for false.
func number(b bool) scriptNumber {
	if b {
		return 1
	}
	return 0
}

// binary executes an opcode that makes one number of two.
func (m *machine) binary(op byte) scriptError {
	if !m.has(2) {
		return errInvalidStack
	}
	a, okA := m.number(2, maxNumberSize)
	b, okB := m.number(1, maxNumberSize)
	if !okA || !okB {
		return errUnknown
	}
	var n scriptNumber
	switch op {
	case txscript.OP_ADD:
		n = a + b
	case txscript.OP_SUB:
		n = a - b
	case txscript.OP_BOOLAND:
		n = number(a != 0 && b != 0)
	case txscript.OP_BOOLOR:
		n = number(a != 0 || b != 0)
	case txscript.OP_NUMEQUAL, txscript.OP_NUMEQUALVERIFY:
		n = number(a == b)
	case txscript.OP_NUMNOTEQUAL:
		n = number(a != b)
	case txscript.OP_LESSTHAN:
		n = number(a < b)
	case txscript.OP_GREATERTHAN:
		n = number(a > b)
	case txscript.OP_LESSTHANOREQUAL:
		n = number(a <= b)
	case txscript.OP_GREATERTHANOREQUAL:
		n = number(a >= b)
	case txscript.OP_MIN:
		n = min(a, b)
	case txscript.OP_MAX:
		n = max(a, b)
	default: // disabled ones lie between these
		return errBadOpcode
	}
	m.drop(2)
	if op == txscript.OP_NUMEQUALVERIFY {
		return m.result(n != 0, true, errNumEqualVerify)
	}
	m.pushNumber(n)
	return scriptOK
}

func (m *machine) within() scriptError {
	if !m.has(3) {
		return errInvalidStack
	}
	n, ok1 := m.number(3, maxNumberSize)
	low, ok2 := m.number(2, maxNumberSize)
	high, ok3 := m.number(1, maxNumberSize)
	if !ok1 || !ok2 || !ok3 {
		return errUnknown
	}
	m.drop(3)
	m.pushBool(low <= n && n < high)
	return scriptOK
}

func (m *machine) hash(op byte) scriptError {
	if !m.has(1) {
		return errInvalidStack
	}
	item := m.top(1)
	m.drop(1)
	switch op {
	case txscript.OP_RIPEMD160:
		m.push(ripemd(item))
	case txscript.OP_SHA1:
		h := sha1.Sum(item)
		m.push(h[:])
	case txscript.OP_SHA256:
		h := sha256.Sum256(item)
		m.push(h[:])
	case txscript.OP_HASH160:
		h := sha256.Sum256(item)
		m.push(ripemd(h[:]))
	case txscript.OP_HASH256:
		h := doubleSHA256(item)
		m.push(h[:])
	}
	return scriptOK
}

func ripemd(b []byte) []byte {
	h := ripemd160.New()
	h.Write(b)
	return h.Sum(nil)
}

// checkSig executes OP_CHECKSIG and OP_CHECKSIGVERIFY.
func (m *machine) checkSig(op byte) scriptError {
	if !m.has(2) {
		return errInvalidStack
	}
	good, err := m.signature(m.top(2), m.top(1))
	if err != scriptOK {
		return err
	}
	m.drop(2)
	return m.result(good, op == txscript.OP_CHECKSIGVERIFY, errCheckSigVerify)
}

// checkSigAdd executes OP_CHECKSIGADD, which exists in tapscript only (BIP342).
func (m *machine) checkSigAdd() scriptError {
	if m.version != tapScript {
		return errBadOpcode
	}
	if !m.has(3) {
		return errInvalidStack
	}
	n, ok := m.number(2, maxNumberSize)
	if !ok {
		return errUnknown
	}
	good, err := m.signature(m.top(3), m.top(1))
	if err != scriptOK {
		return err
	}
	m.drop(3)
	m.pushNumber(n + number(good))
	return scriptOK
}

// signature checks one signature (Core's EvalChecksig).
func (m *machine) signature(sig, key []byte) (good bool, err scriptError) {
	e := m.engine
	if m.version == tapScript {
		return m.tapSignature(sig, key)
	}
	code := m.code
	if m.version == legacyScript {
		var found bool
		if code, found = findAndDelete(code, sig); found && e.flags&VerifyConstScriptCode != 0 {
			return false, errSigFindAndDelete
		}
	}
	if err := checkSigEncoding(sig, e.flags); err != scriptOK {
		return false, err
	}
	if err := checkKeyEncoding(key, e.flags, m.version); err != scriptOK {
		return false, err
	}
	good = e.checkECDSA(sig, key, code, m.version)
	if !good && len(sig) != 0 && e.flags&VerifyNullFail != 0 {
		return false, errSigNullFail
	}
	return good, scriptOK
}

// tapSignature checks a signature in a tapscript: it is empty, or good, or fails
// the script (Core's EvalChecksigTapscript).
func (m *machine) tapSignature(sig, key []byte) (good bool, err scriptError) {
	good = len(sig) != 0
	if good {
		if m.exec.weightLeft -= sigopWeight; m.exec.weightLeft < 0 {
			return false, errTapscriptWeight
		}
	}
	switch {
	case len(key) == 0:
		return false, errPubkeyType
	case len(key) == 32:
		if good {
			if err := m.engine.checkSchnorr(sig, key, m.exec); err != scriptOK {
				return false, err
			}
		}
	case m.engine.flags&VerifyDiscouragePubkeyType != 0:
		return false, errDiscouragePubkeyType
	}
	return good, scriptOK
}

// checkMultisig executes OP_CHECKMULTISIG and OP_CHECKMULTISIGVERIFY. On the
// stack, from the bottom: an item without meaning, the signatures, their number,
// the keys, their number.
func (m *machine) checkMultisig(op byte) scriptError {
	if m.version == tapScript {
		return errTapscriptCheckMultisig
	}
	if !m.has(1) {
		return errInvalidStack
	}
	nKeys, ok := m.number(1, maxNumberSize)
	if !ok {
		return errUnknown
	}
	if nKeys < 0 || nKeys > maxKeysPerMultisig {
		return errPubkeyCount
	}
	if m.ops += int(nKeys); m.ops > maxOpsPerScript {
		return errOpCount
	}
	at := int(nKeys) + 2 // place of the number of signatures, from the top
	if !m.has(at) {
		return errInvalidStack
	}
	nSigs, ok := m.number(at, maxNumberSize)
	if !ok {
		return errUnknown
	}
	if nSigs < 0 || nSigs > nKeys {
		return errSigCount
	}
	if !m.has(at + int(nSigs)) {
		return errInvalidStack
	}
	n := len(m.stack)
	keys := m.stack[n-1-int(nKeys) : n-1]
	sigs := m.stack[n-at-int(nSigs) : n-at]
	good, err := m.multisig(sigs, keys)
	if err != scriptOK {
		return err
	}
	if !good && m.engine.flags&VerifyNullFail != 0 {
		for _, sig := range sigs {
			if len(sig) != 0 {
				return errSigNullFail
			}
		}
	}
	m.drop(at + int(nSigs))
	// One item more is taken than is used, a bug that has become a rule.
	if !m.has(1) {
		return errInvalidStack
	}
	if m.engine.flags&VerifyNullDummy != 0 && len(m.top(1)) != 0 {
		return errSigNullDummy
	}
	m.drop(1)
	return m.result(good, op == txscript.OP_CHECKMULTISIGVERIFY, errCheckMultisigVerify)
}

// multisig reports whether all signatures are good, each for a key of its own,
// in the keys' order. Both are tried from the last one on.
func (m *machine) multisig(sigs, keys [][]byte) (bool, scriptError) {
	e, code := m.engine, m.code
	if m.version == legacyScript {
		for _, sig := range slices.Backward(sigs) {
			var found bool
			if code, found = findAndDelete(code, sig); found && e.flags&VerifyConstScriptCode != 0 {
				return false, errSigFindAndDelete
			}
		}
	}
	for len(sigs) > 0 {
		if len(sigs) > len(keys) {
			return false, scriptOK
		}
		sig, key := sigs[len(sigs)-1], keys[len(keys)-1]
		if err := checkSigEncoding(sig, e.flags); err != scriptOK {
			return false, err
		}
		if err := checkKeyEncoding(key, e.flags, m.version); err != scriptOK {
			return false, err
		}
		if e.checkECDSA(sig, key, code, m.version) {
			sigs = sigs[:len(sigs)-1]
		}
		keys = keys[:len(keys)-1]
	}
	return true, scriptOK
}
