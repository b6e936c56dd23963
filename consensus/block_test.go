package consensus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
)

// TestBlockRules changes one thing of a valid block at a time.
func TestBlockRules(t *testing.T) {
	n, ripe := ripeNode(t)
	height := n.tip.height + 1
	missing := wire.OutPoint{Hash: chainhash.Hash{1}}
	// Repeated opcodes that each count 20.
	multisigs := func(n int) []byte { return bytes.Repeat([]byte{txscript.OP_CHECKMULTISIG}, n) }

	tests := []struct {
		name   string
		txs    []*wire.MsgTx
		change func(d *draft)
		want   Kind
	}{
		{name: "nothing", txs: []*wire.MsgTx{spendOne(ripe[0], 50*coin)}},
		{"work", nil, func(d *draft) {
			d.seal().keepWork = true
			for d.msg.Header.Nonce = 0; CheckProofOfWork(n.params, &d.msg.Header) == nil; {
				d.msg.Header.Nonce++
			}
		}, HighHash},
		{"no transactions", nil, func(d *draft) {
			d.msg.Transactions, d.keepCommitment = nil, true
		}, BadBlkLength},
		{"stripped size", []*wire.MsgTx{spendOne(ripe[0], 0)}, func(d *draft) {
			d.msg.Transactions[1].TxOut[0].PkScript = make([]byte, 999_800)
		}, BadBlkLength},
		{"no coinbase", []*wire.MsgTx{spendOne(ripe[0], 0)}, func(d *draft) {
			d.msg.Transactions, d.keepCommitment = d.msg.Transactions[1:], true
		}, NoCoinbase},
		{"two coinbases", nil, func(d *draft) {
			d.msg.Transactions = append(d.msg.Transactions, newDraft(n).coinbase())
			d.msg.Transactions[1].LockTime = 1
		}, BadCbMultiple},
		{"coinbase script of 1 byte", nil, func(d *draft) {
			d.coinbase().TxIn[0].SignatureScript = []byte{1}
		}, BadCbLength},
		{"coinbase script of 101 bytes", nil, func(d *draft) {
			d.coinbase().TxIn[0].SignatureScript = append(CoinbaseHeight(height), make([]byte, 99)...)
		}, BadCbLength},
		{"coinbase script of 100 bytes", nil, func(d *draft) {
			d.coinbase().TxIn[0].SignatureScript = append(CoinbaseHeight(height), make([]byte, 98)...)
		}, ""},
		{"legacy sigops at the limit", nil, func(d *draft) {
			d.coinbase().TxOut[0].PkScript = multisigs(1000)
		}, ""},
		{"legacy sigops above the limit", nil, func(d *draft) {
			d.coinbase().TxOut[0].PkScript = append(multisigs(1000), txscript.OP_CHECKSIG)
		}, BadBlkSigops},
		{"sigops in a coinbase's own script", nil, func(d *draft) {
			d.coinbase().TxOut[0].PkScript = multisigs(1000)
			d.coinbase().TxIn[0].SignatureScript = append(CoinbaseHeight(height), txscript.OP_CHECKSIG)
		}, BadBlkSigops},
		{"height", nil, func(d *draft) {
			d.coinbase().TxIn[0].SignatureScript = append(CoinbaseHeight(height+1), 0)
		}, BadCbHeight},
		{"height pushed in more bytes than it needs", nil, func(d *draft) {
			d.coinbase().TxIn[0].SignatureScript = append([]byte{2, byte(height), 0}, 0)
		}, BadCbHeight},
		{"coinbase takes 1 satoshi too much", nil, func(d *draft) { d.coinbase().TxOut[0].Value++ }, BadCbAmount},
		{"coinbase takes less than it may", nil, func(d *draft) { d.coinbase().TxOut[0].Value = 1 }, ""},
		{"coinbase takes the fees", []*wire.MsgTx{spendOne(ripe[0], 49*coin)}, func(d *draft) {
			d.coinbase().TxOut[0].Value += coin
		}, ""},
		{"coinbase takes more than the fees", []*wire.MsgTx{spendOne(ripe[0], 49*coin)}, func(d *draft) {
			d.coinbase().TxOut[0].Value += coin + 1
		}, BadCbAmount},
		{"transaction not final", []*wire.MsgTx{spendOne(ripe[0], 0)}, func(d *draft) {
			d.msg.Transactions[1].LockTime, d.msg.Transactions[1].TxIn[0].Sequence = uint32(height), 0
		}, BadTxnsNonFinal},
		{"coinbase not final", nil, func(d *draft) {
			d.coinbase().LockTime, d.coinbase().TxIn[0].Sequence = uint32(height), 0
		}, BadTxnsNonFinal},
		{"coinbase with a lock time, but final", nil, func(d *draft) { d.coinbase().LockTime = uint32(height) }, ""},
		{"a coin that does not exist", []*wire.MsgTx{spendOne(missing, 0)}, nil, BadTxnsInputsMissingOrSpent},
		{"genesis coinbase", []*wire.MsgTx{spendOne(outOf(n.params.Genesis.Transactions[0], 0), 0)}, nil, BadTxnsInputsMissingOrSpent},
		{"a coin twice", []*wire.MsgTx{spendOne(ripe[0], 1), spendOne(ripe[0], 2)}, nil, BadTxnsInputsMissingOrSpent},
		{"more out than in", []*wire.MsgTx{spendOne(ripe[0], 50*coin+1)}, nil, BadTxnsInBelowOut},
		{"script", []*wire.MsgTx{spendOne(ripe[0], 0)}, func(d *draft) {
			d.msg.Transactions[1].TxIn[0].SignatureScript = []byte{txscript.OP_RETURN}
		}, ScriptMandatory},
	}
	for _, test := range tests {
		d := newDraft(n, test.txs...)
		if test.change != nil {
			test.change(d)
		}
		err := d.seal().check()
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
			continue
		}
		wantKind(t, err, test.want)
	}
}

// TestMutated checks that what a block's hash does not cover is not held
// against the hash, and what it covers is.
func TestMutated(t *testing.T) {
	n, ripe := ripeNode(t)
	plain := func() *draft { return newDraft(n, spendOne(ripe[0], 1), spendOne(ripe[1], 2)).seal() }
	tests := []struct {
		name   string
		change func(d *draft)
		want   Kind
	}{
		{"root", func(d *draft) { d.msg.Header.MerkleRoot[0] ^= 1; d.keepWork = false; d.seal() }, BadTxnMrklRoot},
		{"transaction gone", func(d *draft) { d.msg.Transactions = d.msg.Transactions[:2] }, BadTxnMrklRoot},
		{"last one repeated", func(d *draft) { d.msg.Transactions = append(d.msg.Transactions, d.msg.Transactions[2]) }, BadTxnsDuplicate},
		{"no nonce", func(d *draft) { d.coinbase().TxIn[0].Witness = nil }, BadWitnessNonceSize},
		{"two nonces", func(d *draft) {
			d.coinbase().TxIn[0].Witness = append(d.coinbase().TxIn[0].Witness, make([]byte, 32))
		}, BadWitnessNonceSize},
		{"short nonce", func(d *draft) { d.coinbase().TxIn[0].Witness[0] = make([]byte, 31) }, BadWitnessNonceSize},
		{"other nonce", func(d *draft) { d.coinbase().TxIn[0].Witness[0][3] = 9 }, BadWitnessMerkleMatch},
		{"other witness", func(d *draft) { d.msg.Transactions[1].TxIn[0].Witness = wire.TxWitness{{}} }, BadWitnessMerkleMatch},
	}
	for _, test := range tests {
		d := plain()
		d.keepRoot, d.keepCommitment, d.keepWork = true, true, true
		test.change(d)
		if test.name == "last one repeated" && rootOf(d) != d.msg.Header.MerkleRoot {
			t.Fatal("the test's block does not have the same root")
		}
		e, ok := errors.AsType[*Error](d.check())
		if !ok || e.Kind != test.want || !e.Mutated || e.Sort != Invalid {
			t.Errorf("%s: %+v, want %s", test.name, e, test.want)
		}
	}

	// Witnesses without a commitment.
	d := plain()
	d.coinbase().TxOut = d.coinbase().TxOut[:1]
	d.coinbase().TxIn[0].Witness = nil
	d.keepCommitment = true
	if err := d.seal().check(); err != nil {
		t.Errorf("neither witnesses nor a commitment: %v", err)
	}
	d.msg.Transactions[2].TxIn[0].Witness = wire.TxWitness{{1}}
	if e, ok := errors.AsType[*Error](d.check()); !ok || e.Kind != UnexpectedWitness || !e.Mutated {
		t.Errorf("witness without commitment: %+v", e)
	}
}

// rootOf returns the root of a draft's transactions.
func rootOf(d *draft) chainhash.Hash {
	root, _ := MerkleRoot(TxIDs(d.msg))
	return root
}

// TestLastCommitmentCounts puts a wrong commitment before the right one, and
// then behind it.
func TestLastCommitmentCounts(t *testing.T) {
	n, _ := ripeNode(t)
	wrong := wire.NewTxOut(0, append(commitmentHeader[:], make([]byte, 40)...))
	d := newDraft(n).seal()
	d.keepCommitment = true
	outs := d.coinbase().TxOut
	d.coinbase().TxOut = []*wire.TxOut{outs[0], wrong, outs[1]}
	if err := d.seal().check(); err != nil {
		t.Errorf("right one last: %v", err)
	}
	d.coinbase().TxOut = []*wire.TxOut{outs[0], outs[1], wrong}
	if err := d.seal().check(); !errors.Is(err, BadWitnessMerkleMatch) {
		t.Errorf("wrong one last: %v", err)
	}
	// Too short by a byte to be a commitment at all.
	wrong.PkScript = wrong.PkScript[:37]
	if err := d.seal().check(); err != nil {
		t.Errorf("a short one last: %v", err)
	}
}

// TestAddWitnessNonce takes the nonce from a block and puts it back.
func TestAddWitnessNonce(t *testing.T) {
	n, _ := ripeNode(t)
	d := newDraft(n).seal()
	if AddWitnessNonce(d.msg) {
		t.Error("changed a block that has its nonce")
	}
	d.coinbase().TxIn[0].Witness = nil
	if !AddWitnessNonce(d.msg) || d.check() != nil {
		t.Errorf("not restored: %v", d.check())
	}
	d.coinbase().TxIn[0].Witness, d.coinbase().TxOut = nil, d.coinbase().TxOut[:1]
	if AddWitnessNonce(d.msg) {
		t.Error("changed a block without commitment")
	}
}

// TestWeight fills a block with witness bytes up to the limit and one above.
func TestWeight(t *testing.T) {
	n, ripe := ripeNode(t)
	fund := newDraft(n, spendOne(ripe[0], coin))
	fund.msg.Transactions[1].TxOut[0].PkScript = append([]byte{txscript.OP_1, txscript.OP_DATA_32}, make([]byte, 32)...)
	n.trust = true // the key is no key: what counts here is bytes
	fund.seal().accept()
	spend := spendOne(outOf(fund.msg.Transactions[1], 0), 1)
	spend.TxIn[0].Witness = wire.TxWitness{{}}
	d := newDraft(n, spend).seal()
	room := int(MaxBlockWeight - BlockWeight(d.msg))
	spend.TxIn[0].Witness = wire.TxWitness{make([]byte, room-4)} // its length takes 5 bytes, not 1
	if err := d.seal().check(); BlockWeight(d.msg) != MaxBlockWeight || err != nil {
		t.Errorf("weight %d: %v", BlockWeight(d.msg), err)
	}
	if again, err := DecodeBlock(EncodeBlock(d.msg)); err != nil || again.BlockHash() != d.msg.BlockHash() {
		t.Errorf("a full block cannot be read back: %v", err)
	}
	spend.TxIn[0].Witness[0] = append(spend.TxIn[0].Witness[0], 0)
	wantKind(t, d.seal().check(), BadBlkWeight)
}

// TestWeightAfterCommitment makes a block too heavy with a witness that it does
// not commit to: that is found first, since anybody could have added it.
func TestWeightAfterCommitment(t *testing.T) {
	n, ripe := ripeNode(t)
	d := newDraft(n, spendOne(ripe[0], 1)).seal()
	d.msg.Transactions[1].TxIn[0].Witness = wire.TxWitness{make([]byte, MaxBlockWeight)}
	expectMutated(t, d.check(), BadWitnessMerkleMatch)
	// Without the witness it is the same block, and good.
	d.msg.Transactions[1].TxIn[0].Witness = nil
	if err := d.check(); err != nil {
		t.Error(err)
	}
}

// TestManyWitnessItems reads a transaction with as many witness items as a block
// has room for: no limit but the weight holds (CVE-2022-39389, CVE-2022-44797).
func TestManyWitnessItems(t *testing.T) {
	tx := spendOne(wire.OutPoint{Index: 1}, 5)
	for _, witness := range []wire.TxWitness{make(wire.TxWitness, 3_900_000), {make([]byte, 3_900_000)}, {make([]byte, 11_001), make([]byte, 600_000)}} {
		tx.TxIn[0].Witness = witness
		got, err := DecodeTx(EncodeTx(tx))
		if err != nil || len(got.TxIn[0].Witness) != len(witness) || Weight(got) != Weight(tx) || Weight(got) > MaxBlockWeight {
			t.Errorf("%d items: %v", len(witness), err)
		}
		if err := CheckTransaction(tx); err != nil {
			t.Errorf("%d items: %v", len(witness), err)
		}
	}
}

// TestTargets gives a header targets that no block may have, whatever its hash.
func TestTargets(t *testing.T) {
	p := network.Regtest()
	h := p.Genesis.Header
	for name, bits := range map[string]uint32{
		"zero": 0, "zero with a size": 0x20000000, "negative": 0x20ffffff, "negative zero": 0x00800000,
		"overflow": 0x217fffff, "far overflow": 0xff7fffff, "above the limit": 0x2100ffff, "too hard": 0x1d00ffff,
	} {
		h.Bits = bits
		if err := CheckProofOfWork(p, &h); err == nil {
			t.Errorf("%s: %08x is met", name, bits)
		} else {
			wantKind(t, err, HighHash)
		}
	}
	h.Bits = p.PowLimitBits
	if err := CheckProofOfWork(p, &h); err != nil {
		t.Error(err)
	}
}

// TestSixtyFourBytes puts a transaction of 64 bytes into a block, where it is
// valid (policy refuses it, CVE-2017-12842).
func TestSixtyFourBytes(t *testing.T) {
	n, ripe := ripeNode(t)
	tx := spendOne(ripe[0], 50*coin)
	tx.TxOut[0].PkScript = []byte{txscript.OP_TRUE, txscript.OP_NOP, txscript.OP_NOP, txscript.OP_NOP}
	if size := tx.SerializeSize(); size != 64 {
		t.Fatalf("%d bytes", size)
	}
	if err := newDraft(n, tx).seal().check(); err != nil {
		t.Error(err)
	}
}

// TestLockTimeCutoff locks a transaction until a time between the median and
// the block's own: before BIP113 the latter counted.
func TestLockTimeCutoff(t *testing.T) {
	n, ripe := ripeNode(t)
	tx := spendOne(ripe[0], 1)
	tx.TxIn[0].Sequence = 0
	tx.LockTime = uint32(n.tip.medianTime())
	d := newDraft(n, tx)
	wantKind(t, d.seal().check(), BadTxnsNonFinal)
	n.params.CSVHeight = 1 << 30
	if err := d.check(); err != nil {
		t.Errorf("before BIP113: %v", err)
	}
	n.params.CSVHeight = 1
	tx.LockTime--
	if err := d.seal().check(); err != nil {
		t.Errorf("median time above the lock time: %v", err)
	}
}

// TestCoinbaseHeight compares with what Core pushes.
func TestCoinbaseHeight(t *testing.T) {
	for height, want := range map[int32][]byte{
		0: {0}, 1: {0x51}, 16: {0x60}, 17: {1, 17}, 127: {1, 127}, 128: {2, 128, 0}, 255: {2, 255, 0},
		256: {2, 0, 1}, 32767: {2, 255, 127}, 32768: {3, 0, 128, 0}, 8388608: {4, 0, 0, 128, 0}, 1<<31 - 1: {4, 255, 255, 255, 127},
	} {
		if got := CoinbaseHeight(height); !bytes.Equal(got, want) {
			t.Errorf("%d: %x, want %x", height, got, want)
		}
	}
}

// TestEarlyHeights mines the first 17 blocks, whose heights are pushed by
// opcodes of their own, with the other form tried at each.
func TestEarlyHeights(t *testing.T) {
	n := newNaiveNode(t, network.Regtest())
	for range 17 {
		d := newDraft(n)
		height := n.tip.height + 1
		if height <= 16 {
			d.coinbase().TxIn[0].SignatureScript = []byte{1, byte(height), 0}
			wantKind(t, d.seal().check(), BadCbHeight)
			d = newDraft(n)
		}
		d.seal().accept()
	}
}

// TestHalving mines across a halving: the block takes half as much, and no more.
func TestHalving(t *testing.T) {
	n := newNaiveNode(t, network.Regtest())
	for n.tip.height < 149 {
		newDraft(n).seal().accept()
	}
	d := newDraft(n)
	if got := d.coinbase().TxOut[0].Value; got != 25*coin {
		t.Fatalf("block 150 takes %d", got)
	}
	d.coinbase().TxOut[0].Value++
	wantKind(t, d.seal().check(), BadCbAmount)
	d.coinbase().TxOut[0].Value--
	d.seal().accept()
	if got := n.params.SubsidyAt(150 * 64); got != 0 {
		t.Errorf("after 64 halvings %d", got)
	}
}

// TestHeaderRules changes one thing of a valid header at a time.
func TestHeaderRules(t *testing.T) {
	p := network.Regtest()
	const now = 1_700_000_000
	ctx := HeaderContext{Height: 200, MedianTimePast: now - 6000, Bits: 0x207fffff}
	ctx.Prev.Timestamp = time.Unix(now-100, 0)
	boundary := ctx
	boundary.Height = 288 // divisible by 144
	tests := []struct {
		name   string
		ctx    HeaderContext
		change func(h *wire.BlockHeader)
		want   string
		sort   Sort
	}{
		{"nothing", ctx, func(*wire.BlockHeader) {}, "", Invalid},
		{"bits", ctx, func(h *wire.BlockHeader) { h.Bits = 0x207ffffe }, "bad-diffbits", Invalid},
		{"time at the median", ctx, func(h *wire.BlockHeader) { h.Timestamp = time.Unix(now-6000, 0) }, "time-too-old", Invalid},
		{"time above the median", ctx, func(h *wire.BlockHeader) { h.Timestamp = time.Unix(now-5999, 0) }, "", Invalid},
		{"timewarp by 600 s", boundary, func(h *wire.BlockHeader) { h.Timestamp = time.Unix(now-700, 0) }, "", Invalid},
		{"timewarp by 601 s", boundary, func(h *wire.BlockHeader) { h.Timestamp = time.Unix(now-701, 0) }, "time-timewarp-attack", Invalid},
		{"two hours ahead", ctx, func(h *wire.BlockHeader) { h.Timestamp = time.Unix(now+7200, 0) }, "", Invalid},
		{"more than two hours ahead", ctx, func(h *wire.BlockHeader) { h.Timestamp = time.Unix(now+7201, 0) }, "time-too-new", NotYet},
		{"version 3", ctx, func(h *wire.BlockHeader) { h.Version = 3 }, "bad-version(0x00000003)", Invalid},
		{"version 4", ctx, func(h *wire.BlockHeader) { h.Version = 4 }, "", Invalid},
		{"negative version", ctx, func(h *wire.BlockHeader) { h.Version = -1 << 31 }, "bad-version(0x80000000)", Invalid},
		{"highest version", ctx, func(h *wire.BlockHeader) { h.Version = 1<<31 - 1 }, "", Invalid},
	}
	for _, test := range tests {
		h := wire.BlockHeader{Version: 0x20000000, Timestamp: time.Unix(now, 0), Bits: ctx.Bits}
		test.change(&h)
		err := CheckHeader(p, test.ctx, &h, now)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Reject() != test.want || e.Sort != test.sort || e.Mutated {
			t.Errorf("%s: %+v, want %s", test.name, err, test.want)
		}
	}
	p.EnforceBIP94 = false
	h := wire.BlockHeader{Version: 4, Timestamp: time.Unix(now-5000, 0), Bits: ctx.Bits}
	if err := CheckHeader(p, boundary, &h, now); err != nil {
		t.Errorf("timewarp where BIP94 is off: %v", err)
	}
}

// TestDecodeStrict changes a block's bytes so that they are not a block's.
func TestDecodeStrict(t *testing.T) {
	n, ripe := ripeNode(t)
	raw := EncodeBlock(newDraft(n, spendOne(ripe[0], coin)).seal().msg)
	if got, err := DecodeBlock(raw); err != nil || !bytes.Equal(EncodeBlock(got), raw) {
		t.Fatalf("a good block: %v", err)
	}
	at := func(b []byte, i int, replace ...byte) []byte {
		return append(append(bytes.Clone(b[:i]), replace...), b[i+1:]...)
	}
	for name, bad := range map[string][]byte{
		"empty":                   nil,
		"a byte too many":         append(bytes.Clone(raw), 0),
		"count in 3 bytes":        at(raw, 80, 0xfd, 2, 0),
		"count in 5 bytes":        at(raw, 80, 0xfe, 2, 0, 0, 0),
		"count in 9 bytes":        at(raw, 80, 0xff, 2, 0, 0, 0, 0, 0, 0, 0),
		"huge count":              at(raw, 80, 0xfe, 0, 0, 0, 1),
		"count above the limit":   at(raw, 80, 0xff, 0, 0, 0, 0, 0, 0, 0, 1),
		"unknown optional data":   at(raw, 86, 3),
		"only unknown flag":       at(raw, 86, 2),
		"one transaction missing": at(raw, 80, 3),
	} {
		if _, err := DecodeBlock(bad); !errors.Is(err, ErrDecode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range raw {
		if _, err := DecodeBlock(raw[:i]); !errors.Is(err, ErrDecode) {
			t.Fatalf("cut off after %d bytes: %v", i, err)
		}
	}
	if _, size, err := DecodeBlockPrefix(append(bytes.Clone(raw), 1, 2, 3)); err != nil || size != len(raw) {
		t.Errorf("prefix: %d, %v", size, err)
	}
	if h, err := DecodeHeader(raw[:80]); err != nil || h.BlockHash() != chainhash.DoubleHashH(raw[:80]) {
		t.Errorf("header: %v", err)
	}
	for _, size := range []int{0, 79, 81} {
		if _, err := DecodeHeader(raw[:size]); !errors.Is(err, ErrDecode) {
			t.Errorf("header of %d bytes: %v", size, err)
		}
	}
}

// TestDecodeTx reads forms of transactions that software has differed on.
func TestDecodeTx(t *testing.T) {
	tx := spendOne(wire.OutPoint{Index: 1}, 5)
	tx.TxIn[0].Witness = wire.TxWitness{{1}}
	raw := EncodeTx(tx)
	if got, err := DecodeTx(raw); err != nil || got.WitnessHash() != tx.WitnessHash() {
		t.Fatalf("good: %v", err)
	}
	// All witnesses empty although the flag says that there are some.
	superfluous := append(bytes.Clone(raw[:len(raw)-7]), 0)
	superfluous = append(superfluous, raw[len(raw)-4:]...)
	if _, err := DecodeTx(superfluous); err == nil {
		t.Error("a superfluous witness flag is accepted")
	}
	// No inputs and no outputs: read with witnesses, it is just that.
	empty := []byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if got, err := DecodeTx(empty); err != nil || len(got.TxIn)+len(got.TxOut) != 0 {
		t.Errorf("empty: %v", err)
	}
	// One output and no inputs looks like a witness flag.
	unfunded := wire.NewMsgTx(2)
	unfunded.AddTxOut(wire.NewTxOut(7, anyone))
	raw = EncodeTx(unfunded)
	if _, err := DecodeTx(raw); err == nil {
		t.Error("a transaction without inputs is read with witnesses")
	}
	for name, decode := range map[string]func([]byte) (*wire.MsgTx, error){"no witness": DecodeTxNoWitness, "guess": GuessTx} {
		if got, err := decode(raw); err != nil || len(got.TxOut) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := GuessTx(EncodeTx(tx)); err != nil || !got.HasWitness() {
		t.Errorf("guess with witness: %v", err)
	}
	if _, err := GuessTx([]byte{1}); !errors.Is(err, ErrDecode) {
		t.Errorf("guess of a byte: %v", err)
	}
}

// TestDecodeMemory checks that counts do not get more memory than there are
// bytes for.
func TestDecodeMemory(t *testing.T) {
	header := make([]byte, 80)
	for _, count := range []uint32{1 << 16, 1 << 24, maxCompactSize} {
		raw := binary.LittleEndian.AppendUint32(append(bytes.Clone(header), 0xfe), count)
		raw = append(raw, make([]byte, 100)...)
		if n := testing.AllocsPerRun(1, func() {
			if _, err := DecodeBlock(raw); err == nil {
				t.Error("accepted")
			}
		}); n > 20 {
			t.Errorf("%d allocations", int(n))
		}
	}
}
