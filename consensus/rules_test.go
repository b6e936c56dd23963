package consensus

import (
	"bytes"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// The tests of this file go with lines of docs/coverage.md: each changes one
// thing of a spend that is good.

// aKey signs in these tests.
var aKey, aPub = btcec.PrivKeyFromBytes(bytes.Repeat([]byte{7}, 32))

// spendOf returns a transaction of one input and one output, and the coin that
// it spends.
func spendOf(lock []byte) (*wire.MsgTx, []*Coin) {
	tx := spendOne(wire.OutPoint{Hash: chainhash.Hash{1}}, 900)
	return tx, []*Coin{{Value: 1000, Script: lock}}
}

// pushes returns the script that pushes items.
func pushes(items ...[]byte) (script []byte) {
	for _, item := range items {
		script = appendPush(script, item)
	}
	return script
}

// signLegacy returns an ECDSA signature for the first input of tx under a script.
func signLegacy(tx *wire.MsgTx, script []byte, hashType byte) []byte {
	hash := legacySigHash(tx, 0, script, uint32(hashType))
	return append(ecdsa.Sign(aKey, hash[:]).Serialize(), hashType)
}

// withHighS returns a signature with the other s, which is as good, but for low-S.
func withHighS(t *testing.T, sig []byte) []byte {
	t.Helper()
	r, s, ok := parseLaxDER(sig[:len(sig)-1])
	if !ok {
		t.Fatal("not a signature")
	}
	s.Negate()
	rb, sb := r.Bytes(), s.Bytes()
	number := func(b []byte) []byte {
		b = bytes.TrimLeft(b, "\x00")
		if b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return append([]byte{2, byte(len(b))}, b...)
	}
	body := append(number(rb[:]), number(sb[:])...)
	return append(append([]byte{0x30, byte(len(body))}, body...), sig[len(sig)-1])
}

// spendRule is what becomes of a spend under consensus, and under policy.
type spendRule struct {
	name                string
	tx                  *wire.MsgTx
	coins               []*Coin
	consensus, standard scriptError
}

func checkSpends(t *testing.T, rules []spendRule) {
	t.Helper()
	for _, r := range rules {
		if got := runInput(t, r.tx, 0, r.coins, MandatoryFlags); got != r.consensus {
			t.Errorf("%s: %q, want %q", r.name, got, r.consensus)
		}
		if got := runInput(t, r.tx, 0, r.coins, StandardFlags); got != r.standard {
			t.Errorf("%s, policy: %q, want %q", r.name, got, r.standard)
		}
	}
}

// TestSignatureForms: strict DER and NULLDUMMY are consensus; low-S, NULLFAIL and
// STRICTENC are policy.
func TestSignatureForms(t *testing.T) {
	key := aPub.SerializeCompressed()
	hybrid := aPub.SerializeUncompressed()
	hybrid[0] = 6 + hybrid[64]&1
	lock := append(pushes(key), txscript.OP_CHECKSIG)
	hybridLock := append(pushes(hybrid), txscript.OP_CHECKSIG)
	wrongHybrid := bytes.Clone(hybrid)
	wrongHybrid[0] ^= 1
	wrongLock := append(pushes(wrongHybrid), txscript.OP_CHECKSIG)
	notLock := append(pushes(key), txscript.OP_CHECKSIG, txscript.OP_NOT)
	multi := append(append([]byte{txscript.OP_1}, pushes(key)...), txscript.OP_1, txscript.OP_CHECKMULTISIG)
	notMulti := append(bytes.Clone(multi), txscript.OP_NOT)

	var rules []spendRule
	add := func(name string, lock []byte, sig func(good []byte) []byte, consensus, standard scriptError) {
		tx, coins := spendOf(lock)
		tx.TxIn[0].SignatureScript = sig(signLegacy(tx, lock, 1))
		rules = append(rules, spendRule{name, tx, coins, consensus, standard})
	}
	add("good", lock, func(good []byte) []byte { return pushes(good) }, "", "")
	add("high S", lock, func(good []byte) []byte { return pushes(withHighS(t, good)) }, "", errSigHighS)
	add("zero before r", lock, func(good []byte) []byte {
		lax := append([]byte{0x30, good[1] + 1, 2, good[3] + 1, 0}, good[4:]...)
		return pushes(lax)
	}, errSigDER, errSigDER)
	add("a byte behind s", lock, func(good []byte) []byte {
		return pushes(append(append(bytes.Clone(good[:len(good)-1]), 0), 1))
	}, errSigDER, errSigDER)
	add("no signature", lock, func([]byte) []byte { return pushes(nil) }, errEvalFalse, errEvalFalse)
	add("empty signature where none is wanted", notLock, func([]byte) []byte { return pushes(nil) }, "", "")
	add("wrong signature where none is wanted", notLock, func(good []byte) []byte {
		tx, _ := spendOf(lock)
		tx.LockTime = 1
		return pushes(signLegacy(tx, lock, 1))
	}, "", errSigNullFail)
	add("hash type 0x50", lock, func([]byte) []byte {
		tx, _ := spendOf(lock)
		return pushes(signLegacy(tx, lock, 0x50))
	}, "", errSigHashType)
	add("hybrid key", hybridLock, func(good []byte) []byte { return pushes(good) }, "", errPubkeyType)
	add("hybrid key of the other parity", wrongLock, func(good []byte) []byte { return pushes(good) }, errEvalFalse, errPubkeyType)
	add("multisig", multi, func(good []byte) []byte { return pushes(nil, good) }, "", "")
	add("dummy not empty", multi, func(good []byte) []byte { return append([]byte{txscript.OP_1}, pushes(good)...) }, errSigNullDummy, errSigNullDummy)
	add("dummy not empty where it fails", notMulti, func([]byte) []byte { return []byte{txscript.OP_1, txscript.OP_0} }, errSigNullDummy, errSigNullDummy)
	checkSpends(t, rules)
	// Before BIP66 and BIP147 all of these were good.
	for i, name := range map[int]string{2: "zero before r", 3: "a byte behind s", 11: "dummy not empty"} {
		if rules[i].name != name {
			t.Fatal("another test")
		}
		if got := runInput(t, rules[i].tx, 0, rules[i].coins, VerifyP2SH|VerifyWitness); got != scriptOK {
			t.Errorf("%s, in old blocks: %q", name, got)
		}
	}
}

// TestCodeSeparatorExecuted: a signature covers the script from the last
// separator on that was executed, not from one that was passed over.
func TestCodeSeparatorExecuted(t *testing.T) {
	key := pushes(aPub.SerializeCompressed())
	// <first> CODESEPARATOR IF CODESEPARATOR ENDIF <key> CHECKSIG
	lock := slices.Concat([]byte{txscript.OP_CODESEPARATOR, txscript.OP_IF, txscript.OP_CODESEPARATOR, txscript.OP_ENDIF}, key, []byte{txscript.OP_CHECKSIG})
	for _, test := range []struct {
		taken byte
		from  int
		want  scriptError
	}{
		{txscript.OP_0, 1, ""}, {txscript.OP_0, 3, errEvalFalse}, {txscript.OP_0, 0, ""}, // separators are left out
		{txscript.OP_1, 3, ""}, {txscript.OP_1, 1, errEvalFalse}, {txscript.OP_1, 0, errEvalFalse},
	} {
		tx, coins := spendOf(lock)
		sig := signLegacy(tx, lock[test.from:], 1)
		tx.TxIn[0].SignatureScript = append(pushes(sig), test.taken)
		if got := runInput(t, tx, 0, coins, MandatoryFlags); got != test.want {
			t.Errorf("branch taken: %d, signed from %d: %q, want %q", test.taken, test.from, got, test.want)
		}
	}
}

// TestSingleWithoutOutput: SIGHASH_SINGLE for an input without an output of the
// same index signs the number 1 in legacy scripts, zeros instead of the output in
// version 0, and nothing in taproot. Hash types that mean nothing count as ALL in
// legacy scripts and version 0, and fail in taproot.
func TestSingleWithoutOutput(t *testing.T) {
	const single = 3
	tx := spendAll([]wire.OutPoint{{Index: 1}, {Index: 2}}, 5)
	one := chainhash.Hash{1}
	if got := legacySigHash(tx, 1, anyone, single); got != one {
		t.Errorf("legacy: %x", got[:])
	}
	if got := legacySigHash(tx, 0, anyone, single); got == one {
		t.Error("legacy: 1 with an output, too")
	}
	ctx := &txContext{tx: tx, coins: []*Coin{{Value: 1}, {Value: 2}}}
	hash := ctx.segwitSigHash(1, anyone, single)
	tx.TxOut[0].Value++
	if again := (&txContext{tx: tx, coins: ctx.coins}).segwitSigHash(1, anyone, single); again != hash {
		t.Error("version 0: the other output counts")
	}
	if _, ok := ctx.taprootSigHash(1, single, &taprootExec{}); ok {
		t.Error("taproot: signed")
	}
	if _, ok := ctx.taprootSigHash(0, single, &taprootExec{}); !ok {
		t.Error("taproot: not signed with an output")
	}
	// In taproot only these eight bytes.
	for hashType := range 256 {
		_, ok := ctx.taprootSigHash(0, byte(hashType), &taprootExec{})
		want := hashType <= 3 || hashType >= 0x81 && hashType <= 0x83
		if ok != want {
			t.Errorf("taproot: type %#x: %t", hashType, ok)
		}
	}
	if legacySigHash(tx, 0, anyone, 0x41) == legacySigHash(tx, 0, anyone, 1) {
		t.Error("legacy: the unknown bits of the type are not signed")
	}

	// A whole spend of the second of two inputs, signed for the number 1.
	lock := append(pushes(aPub.SerializeCompressed()), txscript.OP_CHECKSIG)
	sig := append(ecdsa.Sign(aKey, one[:]).Serialize(), single)
	tx.TxIn[1].SignatureScript = pushes(sig)
	coins := []*Coin{{Script: anyone}, {Script: lock}}
	if got := runInput(t, tx, 1, coins, MandatoryFlags); got != scriptOK {
		t.Errorf("spend signed for 1: %q", got)
	}
	tx.AddTxOut(wire.NewTxOut(1, anyone))
	if got := runInput(t, tx, 1, coins, MandatoryFlags); got != errEvalFalse {
		t.Errorf("the same with an output: %q", got)
	}
}

// TestLockTimeOpcodes: what CHECKLOCKTIMEVERIFY and CHECKSEQUENCEVERIFY ask of the
// transaction.
func TestLockTimeOpcodes(t *testing.T) {
	const cltv, csv = txscript.OP_CHECKLOCKTIMEVERIFY, txscript.OP_CHECKSEQUENCEVERIFY
	five := []byte{0, 0, 0, 0, 1} // 2^32
	tests := []struct {
		name     string
		op       byte
		operand  []byte
		lockTime uint32
		sequence uint32
		version  int32
		want     scriptError
	}{
		{"CLTV reached", cltv, scriptNumber(100).bytes(), 100, 0, 1, ""},
		{"CLTV not reached", cltv, scriptNumber(101).bytes(), 100, 0, 1, errUnsatisfiedLockTime},
		{"CLTV, final input", cltv, scriptNumber(100).bytes(), 100, sequenceFinal, 1, errUnsatisfiedLockTime},
		{"CLTV of a time, lock of a height", cltv, scriptNumber(LockTimeThreshold).bytes(), 499_999_999, 0, 1, errUnsatisfiedLockTime},
		{"CLTV of a height, lock of a time", cltv, scriptNumber(1).bytes(), LockTimeThreshold, 0, 1, errUnsatisfiedLockTime},
		{"CLTV of a time", cltv, scriptNumber(LockTimeThreshold).bytes(), LockTimeThreshold, 0, 1, ""},
		{"CLTV negative", cltv, scriptNumber(-1).bytes(), 100, 0, 1, errNegativeLockTime},
		{"CLTV of 5 bytes, in range", cltv, scriptNumber(1<<32 - 1).bytes(), 1<<32 - 1, 0, 1, ""},
		{"CLTV of 5 bytes, out of range", cltv, five, 1<<32 - 1, 0, 1, errUnsatisfiedLockTime},
		{"CLTV of 6 bytes", cltv, append(five, 0), 100, 0, 1, errUnknown},
		{"CLTV of nothing", cltv, nil, 0, 0, 1, errInvalidStack},
		{"CSV reached", csv, scriptNumber(10).bytes(), 0, 10, 2, ""},
		{"CSV not reached", csv, scriptNumber(11).bytes(), 0, 10, 2, errUnsatisfiedLockTime},
		{"CSV, version 1", csv, scriptNumber(10).bytes(), 0, 10, 1, errUnsatisfiedLockTime},
		{"CSV, version -1 is a high one", csv, scriptNumber(10).bytes(), 0, 10, -1, ""},
		{"CSV, input without lock", csv, scriptNumber(10).bytes(), 0, 1<<31 | 10, 2, errUnsatisfiedLockTime},
		{"CSV of a time, lock of blocks", csv, scriptNumber(1<<22 | 1).bytes(), 0, 10, 2, errUnsatisfiedLockTime},
		{"CSV of blocks, lock of a time", csv, scriptNumber(1).bytes(), 0, 1<<22 | 10, 2, errUnsatisfiedLockTime},
		{"CSV of a time", csv, scriptNumber(1<<22 | 1).bytes(), 0, 1<<22 | 1, 2, ""},
		{"CSV switched off by bit 31", csv, scriptNumber(1 << 31).bytes(), 0, sequenceFinal, 1, ""},
		{"CSV of 5 bytes with bit 32 only", csv, five, 0, 0, 2, ""},
		{"CSV negative", csv, scriptNumber(-1).bytes(), 0, 10, 2, errNegativeLockTime},
		{"CSV of 6 bytes", csv, append(five, 0), 0, 10, 2, errUnknown},
		{"CSV of nothing", csv, nil, 0, 0, 2, errInvalidStack},
	}
	for _, test := range tests {
		lock := []byte{test.op, txscript.OP_1}
		if test.operand != nil {
			lock = append(pushes(test.operand), test.op, txscript.OP_1)
		}
		tx, coins := spendOf(lock)
		tx.LockTime, tx.TxIn[0].Sequence, tx.Version = test.lockTime, test.sequence, test.version
		if got := runInput(t, tx, 0, coins, MandatoryFlags); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if got := runInput(t, tx, 0, coins, VerifyP2SH); test.operand != nil && got != scriptOK {
			t.Errorf("%s, before the soft fork: %q", test.name, got)
		}
	}
}

// TestOpcodesByExecution: disabled opcodes fail where they are not executed, too;
// reserved ones only where they are.
func TestOpcodesByExecution(t *testing.T) {
	for _, test := range []struct {
		name                 string
		op                   byte
		executed, passedOver scriptError
	}{
		{"CAT", txscript.OP_CAT, errDisabledOpcode, errDisabledOpcode},
		{"LSHIFT", txscript.OP_LSHIFT, errDisabledOpcode, errDisabledOpcode},
		{"2MUL", txscript.OP_2MUL, errDisabledOpcode, errDisabledOpcode},
		{"VERIF", txscript.OP_VERIF, errBadOpcode, errBadOpcode},
		{"VERNOTIF", txscript.OP_VERNOTIF, errBadOpcode, errBadOpcode},
		{"RESERVED", txscript.OP_RESERVED, errBadOpcode, ""},
		{"VER", txscript.OP_VER, errBadOpcode, ""},
		{"RESERVED1", txscript.OP_RESERVED1, errBadOpcode, ""},
		{"0xff", 0xff, errBadOpcode, ""},
		{"CHECKSIGADD", txscript.OP_CHECKSIGADD, errBadOpcode, ""},
		{"RETURN", txscript.OP_RETURN, errOpReturn, ""},
		{"NOP5", txscript.OP_NOP5, "", ""},
	} {
		for taken, want := range map[byte]scriptError{txscript.OP_1: test.executed, txscript.OP_0: test.passedOver} {
			tx, coins := spendOf([]byte{taken, txscript.OP_IF, test.op, txscript.OP_ENDIF, txscript.OP_1})
			if got := runInput(t, tx, 0, coins, MandatoryFlags); got != want {
				t.Errorf("%s, executed: %t: %q, want %q", test.name, taken == txscript.OP_1, got, want)
			}
		}
	}
}

// TestScriptLimits goes to each limit of scripts and one beyond, in a legacy
// script, in version 0 and in a tapscript.
func TestScriptLimits(t *testing.T) {
	repeat := func(op byte, n int) []byte { return bytes.Repeat([]byte{op}, n) }
	one := []byte{txscript.OP_1}
	dropped := func(size int) []byte { return append(pushes(make([]byte, size)), txscript.OP_DROP, txscript.OP_1) }
	// Pushes that are not opcodes to be counted, dropped two at a time at the end.
	padded := func(size int) []byte {
		script := []byte{}
		for len(script)+523+2 < size {
			script = append(script, dropped(520)[:524]...) // with its DROP
		}
		rest := size - len(script) - 1
		return append(append(script, repeat(txscript.OP_NOP, rest)...), txscript.OP_1)
	}
	for _, test := range []struct {
		name                  string
		script                []byte
		legacy, version0, tap scriptError
	}{
		{"201 ops", append(repeat(txscript.OP_NOP, 201), one...), "", "", ""},
		{"202 ops", append(repeat(txscript.OP_NOP, 202), one...), errOpCount, errOpCount, ""},
		{"multisig counts its key, 201", slices.Concat([]byte{0, 0, 0, 1, 1, txscript.OP_1, txscript.OP_1, txscript.OP_CHECKMULTISIG, txscript.OP_DROP, txscript.OP_DROP},
			repeat(txscript.OP_NOP, 197), one), "", "", errTapscriptCheckMultisig},
		{"multisig counts its key, 202", slices.Concat([]byte{0, 0, 0, 1, 1, txscript.OP_1, txscript.OP_1, txscript.OP_CHECKMULTISIG, txscript.OP_DROP, txscript.OP_DROP},
			repeat(txscript.OP_NOP, 198), one), errOpCount, errOpCount, errTapscriptCheckMultisig},
		{"520 bytes pushed", dropped(520), "", "", ""},
		{"521 bytes pushed", dropped(521), errPushSize, errPushSize, errPushSize},
		{"10,000 bytes", padded(10_000), "", "", ""},
		{"10,001 bytes", padded(10_001), errScriptSize, errScriptSize, ""},
		{"1,000 items", slices.Concat(repeat(txscript.OP_1, 1000), repeat(txscript.OP_2DROP, 199)), errCleanStack, errCleanStack, errCleanStack},
		{"1,001 items", repeat(txscript.OP_1, 1001), errStackSize, errStackSize, errStackSize},
		{"1,001 items with those aside", slices.Concat(repeat(txscript.OP_1, 500), repeat(txscript.OP_TOALTSTACK, 100), repeat(txscript.OP_1, 501), one), errStackSize, errStackSize, errStackSize},
	} {
		tx, coins := spendOf(test.script)
		legacy := runInput(t, tx, 0, coins, MandatoryFlags)
		// In legacy scripts a clean stack is policy only.
		if want := test.legacy; legacy != want && !(want == errCleanStack && legacy == scriptOK) {
			t.Errorf("%s, legacy: %q, want %q", test.name, legacy, want)
		}
		tx, coins = spendOf(witnessLock(test.script))
		tx.TxIn[0].Witness = wire.TxWitness{test.script}
		if got := runInput(t, tx, 0, coins, MandatoryFlags); got != test.version0 {
			t.Errorf("%s, version 0: %q, want %q", test.name, got, test.version0)
		}
		leaf := newLeaf(test.script, nil)
		tx, coins = spendOf(leaf.lock)
		tx.TxIn[0].Witness = leaf.witness()
		if got := runInput(t, tx, 0, coins, MandatoryFlags); got != test.tap {
			t.Errorf("%s, tapscript: %q, want %q", test.name, got, test.tap)
		}
	}
}

// witnessLock returns the script that pays to the hash of a script (BIP141).
func witnessLock(script []byte) []byte {
	return append([]byte{txscript.OP_0, txscript.OP_DATA_32}, chainhash.HashB(script)...)
}

// TestP2SHPushOnly: what unlocks P2SH may only push.
func TestP2SHPushOnly(t *testing.T) {
	redeem := []byte{txscript.OP_1}
	lock := slices.Concat([]byte{txscript.OP_HASH160, txscript.OP_DATA_20}, address.Hash160(redeem), []byte{txscript.OP_EQUAL})
	for _, test := range []struct {
		sig      []byte
		want     scriptError
		wantNoSH scriptError
	}{
		{pushes([]byte{txscript.OP_1}), "", ""},
		{append([]byte{txscript.OP_NOP}, 1, txscript.OP_1), errSigPushOnly, ""},
		{append([]byte{txscript.OP_1, txscript.OP_DROP}, 1, txscript.OP_1), errSigPushOnly, ""},
		{append([]byte{txscript.OP_RESERVED}, 1, txscript.OP_1), errBadOpcode, errBadOpcode}, // counts as a push, but runs
		{pushes([]byte{txscript.OP_2}), errEvalFalse, errEvalFalse},                          // another script
	} {
		tx, coins := spendOf(lock)
		tx.TxIn[0].SignatureScript = test.sig
		if bytes.Equal(test.sig, []byte{txscript.OP_1}) {
			tx.TxIn[0].SignatureScript = []byte{1, txscript.OP_1}
		}
		if got := runInput(t, tx, 0, coins, MandatoryFlags); got != test.want {
			t.Errorf("%x: %q, want %q", test.sig, got, test.want)
		}
		if got := runInput(t, tx, 0, coins, 0); got != test.wantNoSH {
			t.Errorf("%x, before BIP16: %q, want %q", test.sig, got, test.wantNoSH)
		}
	}
}
