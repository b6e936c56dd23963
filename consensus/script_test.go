package consensus

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// TestLaxDER reads signatures in forms that were good before BIP66, and in some
// that never were.
func TestLaxDER(t *testing.T) {
	var r, s btcec.ModNScalar
	r.SetInt(5)
	s.SetInt(6)
	order := btcec.S256().N.Bytes()
	tests := []struct {
		name string
		sig  []byte
		ok   bool
		zero bool
	}{
		{"strict", []byte{0x30, 6, 2, 1, 5, 2, 1, 6}, true, false},
		{"leading zeros", []byte{0x30, 9, 2, 3, 0, 0, 5, 2, 2, 0, 6}, true, false},
		{"wrong total length", []byte{0x30, 99, 2, 1, 5, 2, 1, 6}, true, false},
		{"garbage behind", []byte{0x30, 6, 2, 1, 5, 2, 1, 6, 7, 8}, true, false},
		{"long total length", []byte{0x30, 0x82, 9, 9, 2, 1, 5, 2, 1, 6}, true, false},
		{"long lengths", []byte{0x30, 6, 2, 0x81, 1, 5, 2, 0x83, 0, 0, 1, 6}, true, false},
		{"very long lengths with zeros", []byte{0x30, 6, 2, 0x85, 0, 0, 0, 0, 1, 5, 2, 1, 6}, true, false},
		{"r of 33 bytes", append(append([]byte{0x30, 39, 2, 33, 1}, make([]byte, 32)...), 2, 1, 6), true, true},
		{"r at the order", append(append([]byte{0x30, 38, 2, 32}, order...), 2, 1, 6), true, true},
		{"s at the order", append([]byte{0x30, 38, 2, 1, 5, 2, 32}, order...), true, true},
		{"empty", nil, false, false},
		{"one byte", []byte{0x30}, false, false},
		{"no sequence", []byte{0x31, 6, 2, 1, 5, 2, 1, 6}, false, false},
		{"total length too long", []byte{0x30, 0x88, 2, 1, 5, 2, 1, 6}, false, false},
		{"no r", []byte{0x30, 6}, false, false},
		{"wrong mark of r", []byte{0x30, 6, 3, 1, 5, 2, 1, 6}, false, false},
		{"r cut off", []byte{0x30, 6, 2, 9, 5, 2, 1, 6}, false, false},
		{"length of r cut off", []byte{0x30, 6, 2, 0x89, 5, 2, 1, 6}, false, false},
		{"length of r of 4 bytes", []byte{0x30, 6, 2, 0x84, 1, 0, 0, 0, 5, 2, 1, 6}, false, false},
		{"no s", []byte{0x30, 6, 2, 1, 5}, false, false},
		{"wrong mark of s", []byte{0x30, 6, 2, 1, 5, 3, 1, 6}, false, false},
		{"s cut off", []byte{0x30, 6, 2, 1, 5, 2, 2, 6}, false, false},
	}
	for _, test := range tests {
		gotR, gotS, ok := parseLaxDER(test.sig)
		switch {
		case ok != test.ok:
			t.Errorf("%s: %t", test.name, ok)
		case test.zero && !(gotR.IsZero() && gotS.IsZero()):
			t.Errorf("%s: %v, %v instead of zero", test.name, gotR, gotS)
		case ok && !test.zero && !(gotR.Equals(&r) && gotS.Equals(&s)):
			t.Errorf("%s: %v, %v", test.name, gotR, gotS)
		}
	}
}

// TestFindAndDelete takes pushes out of scripts.
func TestFindAndDelete(t *testing.T) {
	long := bytes.Repeat([]byte{9}, 80)
	pushLong := appendPush(nil, long)
	tests := []struct {
		name              string
		script, sig, want []byte
	}{
		{"none", []byte{1, 7, 0x51}, []byte{8}, nil},
		{"one", []byte{0x51, 1, 8, 0x52}, []byte{8}, []byte{0x51, 0x52}},
		{"all there is", []byte{1, 8}, []byte{8}, []byte{}},
		{"two in a row", []byte{1, 8, 1, 8, 0x51}, []byte{8}, []byte{0x51}},
		{"within another push", []byte{3, 1, 8, 8}, []byte{8}, nil},
		{"behind an opcode number", []byte{0x51, 2, 1, 8, 1, 8}, []byte{8}, []byte{0x51, 2, 1, 8}},
		{"empty signature", []byte{0x51, 0, 0x52}, nil, []byte{0x51, 0x52}},
		{"long", append([]byte{0x51}, pushLong...), long, []byte{0x51}},
		{"long, pushed in another way", append([]byte{txscript.OP_PUSHDATA2, 80, 0}, long...), long, nil},
		{"before a broken push", []byte{1, 8, 0x51, 5, 1}, []byte{8}, []byte{0x51, 5, 1}},
		{"in a broken push", []byte{0x51, 5, 1, 8}, []byte{8}, nil},
	}
	for _, test := range tests {
		got, found := findAndDelete(test.script, test.sig)
		want := test.want
		if want == nil {
			want = test.script
		}
		if found != (test.want != nil) || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %t, want %x", test.name, got, found, want)
		}
	}
}

// TestPushes reads back what appendPush writes, at the lengths where its form
// changes.
func TestPushes(t *testing.T) {
	for _, size := range []int{0, 1, 75, 76, 255, 256, 65535, 65536} {
		data := bytes.Repeat([]byte{3}, size)
		if size == 1 {
			data[0] = 99 // small numbers have opcodes of their own
		}
		script := append(appendPush(nil, data), txscript.OP_NOP)
		op, got, rest, ok := nextOp(script)
		if !ok || !bytes.Equal(got, data) || len(rest) != 1 || !isMinimalPush(op, data) {
			t.Errorf("%d bytes: %t, %d bytes, %d left", size, ok, len(got), len(rest))
		}
		for cut := range min(len(script)-1, 5) {
			if cut > 0 {
				if _, _, _, ok := nextOp(script[:cut]); ok {
					t.Errorf("%d bytes, cut off after %d: read", size, cut)
				}
			}
		}
		d := decoder{b: appendBytes(nil, data)}
		if got := d.bytes(); d.err != nil || !bytes.Equal(got, data) || len(appendBytes(nil, data)) != compactSizeLen(size)+size {
			t.Errorf("%d bytes with their length: %v", size, d.err)
		}
	}
	for _, test := range []struct {
		op   byte
		data []byte
	}{
		{txscript.OP_PUSHDATA1, nil},
		{1, []byte{5}},
		{1, []byte{0x81}},
		{txscript.OP_PUSHDATA1, make([]byte, 75)},
		{txscript.OP_PUSHDATA2, make([]byte, 255)},
		{txscript.OP_PUSHDATA4, make([]byte, 65535)},
	} {
		if isMinimalPush(test.op, test.data) {
			t.Errorf("opcode %d for %d bytes is minimal", test.op, len(test.data))
		}
	}
}

// TestNumbers converts numbers there and back.
func TestNumbers(t *testing.T) {
	for _, n := range []scriptNumber{0, 1, -1, 127, 128, -127, -128, 255, 256, -255, 32767, 32768, 1<<31 - 1, -(1<<31 - 1), 1 << 31, 1<<39 - 1} {
		b := n.bytes()
		if got, ok := parseNumber(b, true, 5); !ok || got != n {
			t.Errorf("%d: %x becomes %d", n, b, got)
		}
		if len(b) > 0 {
			long := append(bytes.Clone(b), 0)
			if b[len(b)-1]&0x80 != 0 {
				long[len(b)-1] &= 0x7f
				long[len(b)] = 0x80
			}
			if got, ok := parseNumber(long, false, 6); !ok || got != n {
				t.Errorf("%d in a longer form: %d", n, got)
			}
			if _, ok := parseNumber(long, true, 6); ok {
				t.Errorf("%d in a longer form is minimal", n)
			}
		}
	}
	if _, ok := parseNumber(make([]byte, 5), false, 4); ok {
		t.Error("a number of 5 bytes is read as one of 4")
	}
	for item, want := range map[string]bool{"": false, "\x00": false, "\x80": false, "\x00\x80": false, "\x80\x00": true, "\x01": true} {
		if asBool([]byte(item)) != want {
			t.Errorf("%x is %t", item, !want)
		}
	}
}

// TestGuessLegacy reads a transaction whose bytes make sense in both forms, but
// scripts only in one.
func TestGuessLegacy(t *testing.T) {
	// Its output's script ends within a push, so that neither form is sane.
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: 3}, SignatureScript: []byte{5}, Sequence: 1})
	tx.AddTxOut(wire.NewTxOut(1, anyone))
	if got, err := GuessTx(EncodeTx(tx)); err != nil || got.TxHash() != tx.TxHash() {
		t.Errorf("a broken script: %v", err)
	}
	for _, script := range [][]byte{{txscript.OP_CHECKSIGADD}, make([]byte, 10_001), appendPush(nil, make([]byte, 521))} {
		if saneScript(script) {
			t.Errorf("%.5x is sane", script)
		}
	}
	if _, err := DecodeTx(append(EncodeTx(tx), 0)); !errors.Is(err, ErrDecode) {
		t.Errorf("a byte too many: %v", err)
	}
}

// TestWitnessPrograms spends programs of all versions with an empty witness,
// native and wrapped in P2SH.
func TestWitnessPrograms(t *testing.T) {
	program := func(version byte, size int) []byte {
		return append([]byte{version, byte(size)}, bytes.Repeat([]byte{7}, size)...)
	}
	anchor := []byte{txscript.OP_1, 2, 0x4e, 0x73}
	tests := []struct {
		name                string
		script              []byte
		consensus, standard scriptError
		wrapped, wrappedStd scriptError
	}{
		{"v0, 20", program(0, 20), errWitnessMismatch, errWitnessMismatch, errWitnessMismatch, errWitnessMismatch},
		{"v0, 32", program(0, 32), errWitnessEmpty, errWitnessEmpty, errWitnessEmpty, errWitnessEmpty},
		{"v0, 31", program(0, 31), errWitnessWrongLength, errWitnessWrongLength, errWitnessWrongLength, errWitnessWrongLength},
		{"v1, 32", program(txscript.OP_1, 32), errWitnessEmpty, errWitnessEmpty, scriptOK, errDiscourageWitness},
		{"v1, 33", program(txscript.OP_1, 33), scriptOK, errDiscourageWitness, scriptOK, errDiscourageWitness},
		{"anchor", anchor, scriptOK, scriptOK, scriptOK, errDiscourageWitness},
		{"v2, 32", program(txscript.OP_2, 32), scriptOK, errDiscourageWitness, scriptOK, errDiscourageWitness},
		{"v16, 40", program(txscript.OP_16, 40), scriptOK, errDiscourageWitness, scriptOK, errDiscourageWitness},
		{"v1, 41: no program", program(txscript.OP_1, 41), scriptOK, errCleanStack, scriptOK, errCleanStack},
		{"v1, 1: no program", program(txscript.OP_1, 1), scriptOK, errMinimalData, scriptOK, errMinimalData},
	}
	for _, test := range tests {
		native := spendOne(wire.OutPoint{}, 1)
		nested := spendOne(wire.OutPoint{}, 1)
		nested.TxIn[0].SignatureScript = appendPush(nil, test.script)
		hash := sha256.Sum256(test.script)
		lock := append(append([]byte{txscript.OP_HASH160, txscript.OP_DATA_20}, ripemd(hash[:])...), txscript.OP_EQUAL)
		for _, run := range []struct {
			what  string
			tx    *wire.MsgTx
			lock  []byte
			flags Flags
			want  scriptError
		}{
			{"native", native, test.script, MandatoryFlags, test.consensus},
			{"native, policy", native, test.script, StandardFlags, test.standard},
			{"wrapped", nested, lock, MandatoryFlags, test.wrapped},
			{"wrapped, policy", nested, lock, StandardFlags, test.wrappedStd},
		} {
			if got := runInput(t, run.tx, 0, []*Coin{{Script: run.lock}}, run.flags); got != run.want {
				t.Errorf("%s, %s: %q, want %q", test.name, run.what, got, run.want)
			}
		}
	}
}
