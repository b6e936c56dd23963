package mempool

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
)

var someTime = time.Unix(1_700_000_000, 0)

func repeat(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func push(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }

var (
	compressed   = append([]byte{2}, repeat(7, 32)...)
	uncompressed = append([]byte{4}, repeat(7, 64)...)
	p2pkh        = slices.Concat([]byte{txscript.OP_DUP, txscript.OP_HASH160, 20}, repeat(1, 20), []byte{txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG})
	p2sh         = slices.Concat([]byte{txscript.OP_HASH160, 20}, repeat(1, 20), []byte{txscript.OP_EQUAL})
	p2wpkh       = append([]byte{txscript.OP_0, 20}, repeat(1, 20)...)
	p2tr         = append([]byte{txscript.OP_1, 32}, repeat(1, 32)...)
	p2a          = []byte{txscript.OP_1, 2, 0x4e, 0x73}
)

// bare is an m-of-n multisig of compressed keys.
func bare(m, n int) []byte {
	script := []byte{txscript.OP_1 - 1 + byte(m)}
	for range n {
		script = append(script, push(compressed)...)
	}
	return append(script, txscript.OP_1-1+byte(n), txscript.OP_CHECKMULTISIG)
}

func TestClassify(t *testing.T) {
	seventeen := []byte{txscript.OP_1}
	for range 17 {
		seventeen = append(seventeen, push(compressed)...)
	}
	seventeen = append(seventeen, 1, 17, txscript.OP_CHECKMULTISIG)
	tests := []struct {
		name     string
		script   []byte
		want     address.Kind
		standard bool
	}{
		{"empty", nil, address.NonStandard, false},
		{"p2pk compressed", append(push(compressed), txscript.OP_CHECKSIG), address.P2PK, true},
		{"p2pk uncompressed", append(push(uncompressed), txscript.OP_CHECKSIG), address.P2PK, true},
		{"p2pk hybrid", append(push(append([]byte{6}, uncompressed[1:]...)), txscript.OP_CHECKSIG), address.P2PK, true},
		{"p2pk of a wrong prefix", append(push(append([]byte{5}, compressed[1:]...)), txscript.OP_CHECKSIG), address.NonStandard, false},
		{"p2pkh", p2pkh, address.P2PKH, true},
		{"p2sh", p2sh, address.P2SH, true},
		{"1-of-1", bare(1, 1), address.Multisig, true},
		{"3-of-3", bare(3, 3), address.Multisig, true},
		{"1-of-4", bare(1, 4), address.Multisig, false},
		{"2-of-1", bare(2, 1), address.NonStandard, false},
		{"1-of-17", seventeen, address.Multisig, false},
		{"multisig with one opcode more", append(bare(1, 1), txscript.OP_NOP), address.NonStandard, false},
		{"multisig with a wrong count", append(bare(1, 2)[:69], txscript.OP_3, txscript.OP_CHECKMULTISIG), address.NonStandard, false},
		{"OP_RETURN alone", []byte{txscript.OP_RETURN}, address.NullData, true},
		{"OP_RETURN with 80 bytes", slices.Concat([]byte{txscript.OP_RETURN, txscript.OP_PUSHDATA1, 80}, repeat(0, 80)), address.NullData, true},
		{"OP_RETURN with 81 bytes", slices.Concat([]byte{txscript.OP_RETURN, txscript.OP_PUSHDATA1, 81}, repeat(0, 81)), address.NullData, false},
		{"OP_RETURN with a number", []byte{txscript.OP_RETURN, txscript.OP_16}, address.NullData, true},
		{"OP_RETURN with no push", []byte{txscript.OP_RETURN, txscript.OP_NOP}, address.NonStandard, false},
		{"OP_RETURN with a cut push", []byte{txscript.OP_RETURN, 5, 1}, address.NonStandard, false},
		{"p2wpkh", p2wpkh, address.P2WPKH, true},
		{"p2wsh", append([]byte{txscript.OP_0, 32}, repeat(1, 32)...), address.P2WSH, true},
		{"witness 0 of 25 bytes", append([]byte{txscript.OP_0, 25}, repeat(1, 25)...), address.NonStandard, false},
		{"p2tr", p2tr, address.P2TR, true},
		{"p2a", p2a, address.P2A, true},
		{"witness 1 of 2 bytes", []byte{txscript.OP_1, 2, 0x4e, 0x74}, address.WitnessUnknown, true},
		{"witness 16 of 40 bytes", append([]byte{txscript.OP_16, 40}, repeat(1, 40)...), address.WitnessUnknown, true},
		{"witness of 41 bytes", append([]byte{txscript.OP_16, 41}, repeat(1, 41)...), address.NonStandard, false},
		{"OP_TRUE", []byte{txscript.OP_TRUE}, address.NonStandard, false},
	}
	policy := DefaultPolicy()
	for _, tt := range tests {
		if got := address.KindOf(tt.script); got != tt.want || standardOutput(got, tt.script, &policy) != tt.standard {
			t.Errorf("%s: kind %s, want %s; standard %v", tt.name, got, tt.want, !tt.standard)
		}
	}
}

// TestDustThresholds has the values that Core documents for 3 sat/vB.
func TestDustThresholds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []byte
		want   int64
	}{
		{"p2pkh", p2pkh, 546},
		{"p2sh", p2sh, 540},
		{"p2wpkh", p2wpkh, 294},
		{"p2wsh", anyone, 330},
		{"p2tr", p2tr, 330},
		{"p2a", p2a, 240},
		{"OP_RETURN", []byte{txscript.OP_RETURN}, 0},
	} {
		if got := DustThreshold(tt.script, 3000); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := feeAt(1001, 1); got != 2 {
		t.Errorf("1.001 satoshis are rounded to %d", got)
	}
}

func TestStandardForm(t *testing.T) {
	base := func() *wire.MsgTx {
		return &wire.MsgTx{
			Version: 2,
			TxIn:    []*wire.TxIn{{SignatureScript: push(repeat(1, 20))}},
			TxOut:   []*wire.TxOut{{Value: 1000, PkScript: p2wpkh}},
		}
	}
	opReturn := &wire.TxOut{PkScript: []byte{txscript.OP_RETURN, 1, 1}}
	tests := []struct {
		name   string
		change func(*wire.MsgTx)
		want   consensus.Kind
	}{
		{"as it is", func(tx *wire.MsgTx) {}, ""},
		{"version 1", func(tx *wire.MsgTx) { tx.Version = 1 }, ""},
		{"version 3", func(tx *wire.MsgTx) { tx.Version = 3 }, ""},
		{"version 0", func(tx *wire.MsgTx) { tx.Version = 0 }, Version},
		{"version 4", func(tx *wire.MsgTx) { tx.Version = 4 }, Version},
		{"version 0xffffffff", func(tx *wire.MsgTx) { tx.Version = -1 }, Version},
		{"input script of 1,650 bytes", func(tx *wire.MsgTx) {
			tx.TxIn[0].SignatureScript = slices.Concat(slices.Repeat(push(repeat(1, 74)), 22))
		}, ""},
		{"input script of 1,651 bytes", func(tx *wire.MsgTx) { tx.TxIn[0].SignatureScript = repeat(txscript.OP_1, 1651) }, ScriptSigSize},
		{"input script with an opcode", func(tx *wire.MsgTx) { tx.TxIn[0].SignatureScript = []byte{txscript.OP_NOP} }, ScriptSigNotPushOnly},
		{"dust", func(tx *wire.MsgTx) { tx.TxOut[0].Value = 293 }, Dust},
		{"no dust", func(tx *wire.MsgTx) { tx.TxOut[0].Value = 294 }, ""},
		{"one OP_RETURN", func(tx *wire.MsgTx) { tx.TxOut = append(tx.TxOut, opReturn) }, ""},
		{"two", func(tx *wire.MsgTx) { tx.TxOut = append(tx.TxOut, opReturn, opReturn) }, MultiOpReturn},
		{"unknown output", func(tx *wire.MsgTx) { tx.TxOut[0].PkScript = []byte{txscript.OP_TRUE} }, ScriptPubKey},
	}
	policy := DefaultPolicy()
	for _, tt := range tests {
		tx := base()
		tt.change(tx)
		err := checkStandard(tx, &policy)
		if e, _ := err.(*consensus.Error); (err == nil) != (tt.want == "") || e != nil && (e.Kind != tt.want || e.Sort != consensus.NotYet) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestStandardInputs(t *testing.T) {
	redeem := func(script []byte) []byte { return push(script) }
	tests := []struct {
		name   string
		script []byte
		sig    []byte
		want   bool
	}{
		{"p2pkh", p2pkh, nil, true},
		{"nonstandard", []byte{txscript.OP_TRUE}, nil, false},
		{"unknown witness", []byte{txscript.OP_2, 2, 1, 1}, nil, false},
		{"p2a", p2a, nil, true},
		{"p2sh without a redeem script", p2sh, nil, false},
		{"p2sh of 15 checks", p2sh, redeem(repeat(txscript.OP_CHECKSIG, 15)), true},
		{"p2sh of 16 checks", p2sh, redeem(repeat(txscript.OP_CHECKSIG, 16)), false},
		{"p2sh of a counted multisig", p2sh, redeem([]byte{txscript.OP_15, txscript.OP_CHECKMULTISIG}), true},
		{"p2sh of an uncounted multisig", p2sh, redeem([]byte{txscript.OP_NOP, txscript.OP_CHECKMULTISIG}), false},
		{"p2sh behind 999 pushes", p2sh, append(repeat(txscript.OP_0, 999), redeem([]byte{txscript.OP_TRUE})...), true},
		{"p2sh behind 1,000 pushes, one too many", p2sh, append(repeat(txscript.OP_0, 1000), redeem([]byte{txscript.OP_TRUE})...), false},
		{"p2sh with a cut push", p2sh, []byte{5, 1}, false},
		{"p2sh of a number", p2sh, []byte{txscript.OP_5}, true},
	}
	for _, tt := range tests {
		tx := &wire.MsgTx{TxIn: []*wire.TxIn{{SignatureScript: tt.sig}}}
		if got := standardInputs(tx, []*consensus.Coin{{Script: tt.script}}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestStandardWitness(t *testing.T) {
	p2wsh := anyone
	leaf := append([]byte{0xc0}, repeat(1, 32)...)
	items := func(n, size int, last ...[]byte) wire.TxWitness {
		var w wire.TxWitness
		for range n {
			w = append(w, repeat(1, size))
		}
		return append(w, last...)
	}
	tests := []struct {
		name    string
		script  []byte
		sig     []byte
		witness wire.TxWitness
		want    bool
	}{
		{"none", p2pkh, nil, nil, true},
		{"on p2pkh", p2pkh, nil, items(1, 1), false},
		{"on p2a", p2a, nil, items(1, 1), false},
		{"p2wsh of 100 items of 80 bytes", p2wsh, nil, items(100, 80, repeat(1, 3600)), true},
		{"p2wsh of 101 items", p2wsh, nil, items(101, 80, repeat(1, 3600)), false},
		{"p2wsh with an item of 81 bytes", p2wsh, nil, items(1, 81, trueScript), false},
		{"p2wsh script of 3,601 bytes", p2wsh, nil, items(0, 0, repeat(1, 3601)), false},
		{"wrapped p2wsh", p2sh, push(p2wsh), items(1, 81, trueScript), false},
		{"wrapped p2wpkh", p2sh, push(p2wpkh), items(2, 70), true},
		{"on plain p2sh", p2sh, push(trueScript), items(1, 1), false},
		{"on p2sh without redeem script", p2sh, nil, items(1, 1), false},
		{"key path", p2tr, nil, items(1, 64), true},
		{"annex", p2tr, nil, items(1, 64, []byte{annexTag}), false},
		{"tapscript with 80 bytes", p2tr, nil, items(1, 80, trueScript, leaf), true},
		{"tapscript with 81 bytes", p2tr, nil, items(1, 81, trueScript, leaf), false},
		{"another leaf version with 81 bytes", p2tr, nil, items(1, 81, trueScript, append([]byte{0xc2}, leaf[1:]...)), true},
		{"empty control block", p2tr, nil, items(1, 1, trueScript, nil), false},
		{"wrapped taproot is anything", p2sh, push(p2tr), items(1, 64, []byte{annexTag}), true},
	}
	for _, tt := range tests {
		tx := &wire.MsgTx{TxIn: []*wire.TxIn{{SignatureScript: tt.sig, Witness: tt.witness}}}
		if got := standardWitness(tx, []*consensus.Coin{{Script: tt.script}}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestVirtualSizeCountsSigOps(t *testing.T) {
	tx := pay(0, 1, coin{value: 1000})
	plain, heavy := NewEntry(tx, 0, 1, someTime, 0), NewEntry(tx, 0, 400, someTime, 0)
	if plain.VSize != consensus.VSize(tx) || heavy.VSize != 400*bytesPerSigOp/4 {
		t.Errorf("sizes %d and %d", plain.VSize, heavy.VSize)
	}
}

func TestRecords(t *testing.T) {
	e := NewEntry(pay(0, 2, coin{value: 1000}), 5, 0, someTime, 77)
	record := encodeRecord(e)
	a, err := decodeRecord(record)
	if err != nil || a.tx.WitnessHash() != e.WTxID || !a.time.Equal(e.Time) || a.height != 77 || !a.checked || a.origin != kept {
		t.Errorf("%+v %v", a, err)
	}
	record[13]++ // other flags
	if a, err = decodeRecord(record); err != nil || a.checked {
		t.Errorf("scripts checked under other flags count as checked (%v)", err)
	}
	for n := range record {
		if _, err := decodeRecord(record[:n]); err == nil {
			t.Fatalf("%d bytes of %s pass", n, hex.EncodeToString(record))
		}
	}
}
