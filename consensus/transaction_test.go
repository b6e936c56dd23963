package consensus

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
)

// TestCheckTransaction changes one thing of a valid transaction at a time.
func TestCheckTransaction(t *testing.T) {
	op := func(i uint32) wire.OutPoint { return wire.OutPoint{Hash: chainhash.Hash{9}, Index: i} }
	many := func(n uint32) (ops []wire.OutPoint) {
		for i := range n {
			ops = append(ops, op(n-i))
		}
		return ops
	}
	asCoinbase := func(script int) func(tx *wire.MsgTx) {
		return func(tx *wire.MsgTx) {
			tx.TxIn = tx.TxIn[:1]
			tx.TxIn[0].PreviousOutPoint = wire.OutPoint{Index: wire.MaxPrevOutIndex}
			tx.TxIn[0].SignatureScript = make([]byte, script)
		}
	}
	tests := []struct {
		name   string
		change func(tx *wire.MsgTx)
		want   Kind
	}{
		{"nothing", func(*wire.MsgTx) {}, ""},
		{"no inputs", func(tx *wire.MsgTx) { tx.TxIn = nil }, BadTxnsVinEmpty},
		{"no outputs", func(tx *wire.MsgTx) { tx.TxOut = nil }, BadTxnsVoutEmpty},
		{"1,000,000 bytes", func(tx *wire.MsgTx) {
			tx.TxOut[0].PkScript = make([]byte, 1_000_000-tx.SerializeSize()-3)
		}, ""},
		{"1,000,001 bytes", func(tx *wire.MsgTx) {
			tx.TxOut[0].PkScript = make([]byte, 1_000_001-tx.SerializeSize()-3)
		}, BadTxnsOversize},
		{"a witness of 3,000,000 bytes", func(tx *wire.MsgTx) { tx.TxIn[0].Witness = wire.TxWitness{make([]byte, 3_000_000)} }, ""},
		{"negative value", func(tx *wire.MsgTx) { tx.TxOut[1].Value = -1 }, BadTxnsVoutNegative},
		{"least value", func(tx *wire.MsgTx) { tx.TxOut[1].Value = -1 << 63 }, BadTxnsVoutNegative},
		{"21 million", func(tx *wire.MsgTx) { tx.TxOut[0].Value, tx.TxOut[1].Value = int64(MaxMoney), 0 }, ""},
		{"21 million and a satoshi", func(tx *wire.MsgTx) { tx.TxOut[1].Value = int64(MaxMoney) + 1 }, BadTxnsVoutTooLarge},
		{"highest value", func(tx *wire.MsgTx) { tx.TxOut[1].Value = 1<<63 - 1 }, BadTxnsVoutTooLarge},
		{"sum", func(tx *wire.MsgTx) { tx.TxOut[0].Value, tx.TxOut[1].Value = int64(MaxMoney), 1 }, BadTxnsTxOutTotalTooLarge},
		{"same input", func(tx *wire.MsgTx) { tx.TxIn[2].PreviousOutPoint = tx.TxIn[0].PreviousOutPoint }, BadTxnsInputsDuplicate},
		{"same input among many", func(tx *wire.MsgTx) {
			*tx = *spendAll(append(many(50), op(50)), 1)
		}, BadTxnsInputsDuplicate},
		{"many inputs", func(tx *wire.MsgTx) { *tx = *spendAll(many(50), 1) }, ""},
		{"null among the inputs", func(tx *wire.MsgTx) {
			tx.TxIn[1].PreviousOutPoint = wire.OutPoint{Index: wire.MaxPrevOutIndex}
		}, BadTxnsPrevoutNull},
		{"null hash only", func(tx *wire.MsgTx) { tx.TxIn[1].PreviousOutPoint.Hash = chainhash.Hash{} }, ""},
		{"null index only", func(tx *wire.MsgTx) { tx.TxIn[1].PreviousOutPoint.Index = wire.MaxPrevOutIndex }, ""},
		{"coinbase, 1 byte", asCoinbase(1), BadCbLength},
		{"coinbase, 2 bytes", asCoinbase(2), ""},
		{"coinbase, 100 bytes", asCoinbase(100), ""},
		{"coinbase, 101 bytes", asCoinbase(101), BadCbLength},
	}
	for _, test := range tests {
		tx := spendAll(many(3), 1, 2)
		test.change(tx)
		err := CheckTransaction(tx)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if !errors.Is(err, test.want) {
			t.Errorf("%s:", test.name)
			wantKind(t, err, test.want)
		}
	}
}

func TestCheckTxInputs(t *testing.T) {
	p := network.Regtest()
	tx := spendAll(make([]wire.OutPoint, 2), 700, 200)
	const height = 500
	coins := func(a, b int64) []*Coin { return []*Coin{{Value: a, Height: 3}, {Value: b, Height: 4}} }
	if fee, err := CheckTxInputs(p, tx, coins(600, 310), height); fee != 10 || err != nil {
		t.Errorf("fee %d, %v", fee, err)
	}
	if fee, err := CheckTxInputs(p, tx, coins(600, 300), height); fee != 0 || err != nil {
		t.Errorf("fee %d, %v", fee, err)
	}
	_, err := CheckTxInputs(p, tx, coins(600, 299), height)
	wantKind(t, err, BadTxnsInBelowOut)
	if want := "bad-txns-in-belowout, value in (0.00000899) < value out (0.000009)"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	_, err = CheckTxInputs(p, tx, []*Coin{{Value: 1000}, nil}, height)
	wantKind(t, err, BadTxnsInputsMissingOrSpent)
	_, err = CheckTxInputs(p, tx, coins(int64(MaxMoney), 1), height)
	wantKind(t, err, BadTxnsInputValuesOutOfRange)
	_, err = CheckTxInputs(p, tx, coins(int64(MaxMoney)+1, 1), height)
	wantKind(t, err, BadTxnsInputValuesOutOfRange)
	_, err = CheckTxInputs(p, tx, coins(-1, 1000), height)
	wantKind(t, err, BadTxnsInputValuesOutOfRange)

	young := coins(600, 310)
	young[1].Coinbase, young[1].Height = true, height-99
	_, err = CheckTxInputs(p, tx, young, height)
	wantKind(t, err, BadTxnsPrematureSpend)
	if _, err := CheckTxInputs(p, tx, young, height+1); err != nil {
		t.Errorf("at depth 100: %v", err)
	}
	// A missing coin is named before an immature one.
	_, err = CheckTxInputs(p, tx, []*Coin{young[1], nil}, height)
	wantKind(t, err, BadTxnsInputsMissingOrSpent)
}

func TestIsFinal(t *testing.T) {
	const height, cutoff = 100, 1_600_000_000
	tests := []struct {
		lock      uint32
		sequences [2]uint32
		want      bool
	}{
		{0, [2]uint32{0, 0}, true},
		{99, [2]uint32{0, 0}, true},
		{100, [2]uint32{0, 0}, false},
		{100, [2]uint32{sequenceFinal, sequenceFinal}, true},
		{100, [2]uint32{sequenceFinal, sequenceFinal - 1}, false},
		{LockTimeThreshold - 1, [2]uint32{0, 0}, false},
		{LockTimeThreshold, [2]uint32{0, 0}, true},
		{cutoff - 1, [2]uint32{0, 0}, true},
		{cutoff, [2]uint32{0, 0}, false},
		{cutoff, [2]uint32{sequenceFinal, sequenceFinal}, true},
		{1<<32 - 1, [2]uint32{0, 0}, false},
	}
	for _, test := range tests {
		tx := spendAll(make([]wire.OutPoint, 2), 1)
		tx.LockTime = test.lock
		tx.TxIn[0].Sequence, tx.TxIn[1].Sequence = test.sequences[0], test.sequences[1]
		if got := IsFinal(tx, height, cutoff); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}

func TestSequenceLocks(t *testing.T) {
	// Median times of 1,000,000 s and 600 s more a block.
	median := func(height int32) int64 { return 1_000_000 + 600*int64(height) }
	tests := []struct {
		version  int32
		sequence uint32
		want     Locks
	}{
		{2, 10, Locks{50 + 10 - 1, -1}},
		{2, 0, Locks{49, -1}},
		{2, 0xffff, Locks{50 + 0xffff - 1, -1}},
		{2, 0x10000 | 10, Locks{59, -1}}, // bits without meaning
		{2, 1<<22 | 3, Locks{-1, median(49) + 3*512 - 1}},
		{2, 1 << 22, Locks{-1, median(49) - 1}},
		{2, 1<<31 | 10, Locks{-1, -1}},
		{2, sequenceFinal, Locks{-1, -1}},
		{1, 10, Locks{-1, -1}},
		{0, 10, Locks{-1, -1}},
		{-1, 10, Locks{59, -1}}, // unsigned, CVE-2024-34478
		{-1 << 31, 10, Locks{59, -1}},
	}
	for _, test := range tests {
		tx := spendOne(wire.OutPoint{}, 1)
		tx.Version, tx.TxIn[0].Sequence = test.version, test.sequence
		if got := SequenceLocks(tx, []int32{50}, median); got != test.want {
			t.Errorf("version %d, sequence %#x: %+v, want %+v", test.version, test.sequence, got, test.want)
		}
	}
	// The latest of several inputs counts, heights and times apart.
	tx := spendAll(make([]wire.OutPoint, 4), 1)
	tx.TxIn[0].Sequence, tx.TxIn[1].Sequence = 5, 1
	tx.TxIn[2].Sequence, tx.TxIn[3].Sequence = 1<<22|1, 1<<22|2
	if got, want := SequenceLocks(tx, []int32{10, 20, 0, 3}, median), (Locks{20, median(2) + 1023}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	locks := Locks{Height: 20, Time: 5000}
	for _, test := range []struct {
		height int32
		time   int64
		want   bool
	}{{20, 6000, false}, {21, 5000, false}, {21, 5001, true}} {
		if got := locks.Met(test.height, test.time); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}

func TestSigOpCost(t *testing.T) {
	p2sh := append(append([]byte{txscript.OP_HASH160, txscript.OP_DATA_20}, make([]byte, 20)...), txscript.OP_EQUAL)
	p2wpkh := append([]byte{txscript.OP_0, txscript.OP_DATA_20}, make([]byte, 20)...)
	p2wsh := append([]byte{txscript.OP_0, txscript.OP_DATA_32}, make([]byte, 32)...)
	p2tr := append([]byte{txscript.OP_1, txscript.OP_DATA_32}, make([]byte, 32)...)
	multisig3 := []byte{txscript.OP_3, txscript.OP_CHECKMULTISIG}
	tests := []struct {
		name    string
		lock    []byte
		sig     []byte
		witness wire.TxWitness
		out     []byte
		want    int64
	}{
		{"none", anyone, nil, nil, anyone, 0},
		{"output", anyone, nil, nil, []byte{txscript.OP_CHECKSIG, txscript.OP_CHECKSIGVERIFY}, 8},
		{"multisig counts 20", anyone, nil, nil, multisig3, 80},
		{"input's own", anyone, []byte{txscript.OP_CHECKSIG}, nil, anyone, 4},
		{"in a push", anyone, []byte{1, txscript.OP_CHECKSIG}, nil, anyone, 0},
		{"up to where it breaks off", anyone, nil, nil, []byte{txscript.OP_CHECKSIG, 5, txscript.OP_CHECKSIG}, 4},
		{"lock of the coin does not count", []byte{txscript.OP_CHECKSIG}, nil, nil, anyone, 0},
		{"P2SH, accurate", p2sh, appendPush(nil, multisig3), nil, anyone, 12},
		{"P2SH, no number", p2sh, appendPush(nil, multisig3[1:]), nil, anyone, 80},
		{"P2SH, number zero", p2sh, appendPush(nil, []byte{txscript.OP_0, txscript.OP_CHECKMULTISIG}), nil, anyone, 80},
		{"P2SH, number 16", p2sh, appendPush(nil, []byte{txscript.OP_16, txscript.OP_CHECKMULTISIG}), nil, anyone, 64},
		{"P2SH, no small number", p2sh, appendPush(nil, []byte{1, 17, txscript.OP_CHECKMULTISIG}), nil, anyone, 80},
		{"P2SH, not push-only", p2sh, append([]byte{txscript.OP_NOP}, appendPush(nil, multisig3)...), nil, anyone, 0},
		{"P2WPKH", p2wpkh, nil, nil, anyone, 1},
		{"P2WSH", p2wsh, nil, wire.TxWitness{{1}, multisig3}, anyone, 3},
		{"P2WSH without witness", p2wsh, nil, nil, anyone, 0},
		{"P2SH-P2WPKH", p2sh, appendPush(nil, p2wpkh), nil, anyone, 1},
		{"P2SH-P2WSH", p2sh, appendPush(nil, p2wsh), wire.TxWitness{multisig3}, anyone, 3},
		{"taproot", p2tr, nil, wire.TxWitness{{txscript.OP_CHECKSIG}}, anyone, 0},
	}
	for _, test := range tests {
		tx := spendOne(wire.OutPoint{}, 1)
		tx.TxIn[0].SignatureScript, tx.TxIn[0].Witness = test.sig, test.witness
		tx.TxOut[0].PkScript = test.out
		if got := SigOpCost(tx, []*Coin{{Script: test.lock}}, MandatoryFlags); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	coinbase := newDraft(newNaiveNode(t, network.Regtest())).coinbase()
	coinbase.TxOut[0].PkScript = multisig3
	if got := SigOpCost(coinbase, nil, MandatoryFlags); got != 80 {
		t.Errorf("coinbase: %d", got)
	}
}

// TestSizes compares with sizes that are easily counted.
func TestSizes(t *testing.T) {
	tx := spendOne(wire.OutPoint{}, 1) // 4+1+41+1+10+4
	if Weight(tx) != 61*4 || VSize(tx) != 61 {
		t.Errorf("%d, %d", Weight(tx), VSize(tx))
	}
	tx.TxIn[0].Witness = wire.TxWitness{{1, 2}} // 2+1+1+2 more
	if Weight(tx) != 61*4+6 || VSize(tx) != 63 {
		t.Errorf("%d, %d", Weight(tx), VSize(tx))
	}
	b := wire.NewMsgBlock(&wire.BlockHeader{})
	b.Transactions = []*wire.MsgTx{tx, tx}
	if got, want := BlockWeight(b), int64(3*b.SerializeSizeStripped()+b.SerializeSize()); got != want {
		t.Errorf("block: %d, want %d", got, want)
	}
}

func TestUnspendable(t *testing.T) {
	for _, test := range []struct {
		script []byte
		want   bool
	}{
		{nil, false},
		{[]byte{txscript.OP_RETURN}, true},
		{[]byte{txscript.OP_RETURN, 5}, true},
		{[]byte{txscript.OP_NOP, txscript.OP_RETURN}, false},
		{[]byte{5, 1}, false}, // breaks off: never spendable, but Core keeps it
		{bytes.Repeat([]byte{txscript.OP_NOP}, 10_000), false},
		{bytes.Repeat([]byte{txscript.OP_NOP}, 10_001), true},
	} {
		if got := Unspendable(test.script); got != test.want {
			t.Errorf("%.8x (%d bytes): %t", test.script, len(test.script), got)
		}
	}
}

// TestScriptKinds checks which reason a check gives when policy, consensus or
// both are broken.
func TestScriptKinds(t *testing.T) {
	lock := []byte{txscript.OP_NOP10, txscript.OP_CODESEPARATOR}
	tests := []struct {
		sig   []byte
		flags Flags
		want  string
	}{
		{[]byte{txscript.OP_1}, MandatoryFlags, ""},
		{[]byte{txscript.OP_1}, StandardFlags, "non-mandatory-script-verify-flag (NOPx reserved for soft-fork upgrades)"},
		{[]byte{txscript.OP_0}, MandatoryFlags, "mandatory-script-verify-flag-failed (Script evaluated without error but finished with a false/empty top stack element)"},
		// Policy fails first, and its reason is given, though consensus fails too:
		// Core names the other one from version 29 on.
		{[]byte{txscript.OP_0}, StandardFlags, "mandatory-script-verify-flag-failed (NOPx reserved for soft-fork upgrades)"},
	}
	for _, test := range tests {
		tx := spendOne(wire.OutPoint{}, 1)
		tx.TxIn[0].SignatureScript = test.sig
		checks := TxChecks(tx, []*Coin{{Script: lock}}, test.flags)
		got := ""
		if err := checks[0].Run(); err != nil {
			got = err.Error()
		}
		if len(checks) != 1 || checks[0].Tx() != tx || checks[0].Flags() != test.flags || got != test.want {
			t.Errorf("%x under %#x: %q, want %q", test.sig, test.flags, got, test.want)
		}
	}
}

// TestScriptFlags checks from which height on each rule holds.
func TestScriptFlags(t *testing.T) {
	p := network.Regtest()
	if got := ScriptFlags(p, 1); got != MandatoryFlags {
		t.Errorf("regtest: %#x, want %#x", got, MandatoryFlags)
	}
	p.BIP66Height, p.BIP65Height, p.CSVHeight, p.SegwitHeight, p.TaprootHeight = 10, 20, 30, 40, 50
	want := VerifyP2SH | VerifyWitness
	for height, added := range map[int32]Flags{9: 0, 10: VerifyDERSig} {
		if got := ScriptFlags(p, height); got != want|added {
			t.Errorf("height %d: %#x", height, got)
		}
	}
	if got := ScriptFlags(p, 49); got != MandatoryFlags&^VerifyTaproot {
		t.Errorf("height 49: %#x", got)
	}
	if got := ScriptFlags(p, 50); got != MandatoryFlags {
		t.Errorf("height 50: %#x", got)
	}
}
