package consensus

import (
	"errors"
	"maps"
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/network"
)

// TestSameBlock spends coins of the block itself, which must have been created
// further up in it.
func TestSameBlock(t *testing.T) {
	n, ripe := ripeNode(t)
	first := spendOne(ripe[0], 20*coin, 30*coin)
	second := spendOne(outOf(first, 1), 29*coin)
	third := spendOne(outOf(second, 0), 28*coin)
	if err := newDraft(n, first, second, third).seal().check(); err != nil {
		t.Errorf("forwards: %v", err)
	}
	wantKind(t, newDraft(n, second, first).seal().check(), BadTxnsInputsMissingOrSpent)
	twice := spendOne(outOf(first, 1), 1)
	wantKind(t, newDraft(n, first, second, twice).seal().check(), BadTxnsInputsMissingOrSpent)

	d := newDraft(n, first, second, third).seal()
	update, err := n.apply(n.tip, d.msg)
	if err != nil {
		t.Fatal(err)
	}
	if len(update.Spent) != 1 || update.Spent[0].OutPoint != ripe[0] || !update.Spent[0].Coin.Coinbase {
		t.Errorf("spent: %+v", update.Spent)
	}
	// The coinbase's, the first one's first, the third one's; not the commitment.
	if len(update.Created) != 3 || update.Created[0].OutPoint != outOf(d.coinbase(), 0) ||
		update.Created[1].OutPoint != outOf(first, 0) || update.Created[2].OutPoint != outOf(third, 0) {
		t.Errorf("created: %+v", update.Created)
	}
	if update.Fees != 2*coin || len(update.Checks) != 3 || update.Checks[2].Position != 3 || len(update.Undo.Txs) != 3 {
		t.Errorf("fees %d, %d checks, undo of %d", update.Fees, len(update.Checks), len(update.Undo.Txs))
	}
	// A coinbase of the same block is not mature.
	wantKind(t, newDraft(n, spendOne(outOf(d.coinbase(), 0), 1)).seal().check(), BadTxnsInputsMissingOrSpent)
}

// TestMaturity spends a coinbase one block too early and then in time.
func TestMaturity(t *testing.T) {
	n, ripe := ripeNode(t)
	young := outOf(n.tip.ancestor(12).msg.Transactions[0], 0)
	wantKind(t, newDraft(n, spendOne(young, 1)).seal().check(), BadTxnsPrematureSpend)
	newDraft(n).seal().accept()
	newDraft(n, spendOne(young, 1), spendOne(ripe[0], 1)).seal().accept()
}

// TestNeverCoins checks that outputs which cannot be spent do not become coins.
func TestNeverCoins(t *testing.T) {
	n, ripe := ripeNode(t)
	tx := spendOne(ripe[0], 0, 0, 0, 0)
	tx.TxOut[0].PkScript = []byte{txscript.OP_RETURN, 1, 1}
	tx.TxOut[1].PkScript = make([]byte, 10_001)
	tx.TxOut[2].PkScript = make([]byte, 10_000)
	newDraft(n, tx).seal().accept()
	for i, want := range []bool{false, false, true, true} {
		if got := n.coins[outOf(tx, uint32(i))] != nil; got != want {
			t.Errorf("output %d is a coin: %t", i, got)
		}
	}
	wantKind(t, newDraft(n, spendOne(outOf(tx, 0), 0)).seal().check(), BadTxnsInputsMissingOrSpent)
}

// TestBIP30 repeats transactions whose coins are still there, and one whose
// coins are all spent.
func TestBIP30(t *testing.T) {
	p := network.Regtest()
	p.BIP34Height = 1 << 30 // so that coinbases can repeat
	n := newNaiveNode(t, p)
	first := newDraft(n).seal().accept()
	for range 110 {
		newDraft(n).seal().accept()
	}
	repeat := func() *draft {
		d := newDraft(n)
		d.msg.Transactions[0] = first.coinbase().Copy()
		d.keepCommitment = true
		return d.seal()
	}
	wantKind(t, repeat().check(), BadTxnsBIP30)
	tx := spendOne(outOf(first.coinbase(), 0), 50*coin)
	newDraft(n, tx).seal().accept()
	repeat().accept()
	if c := n.coins[outOf(first.coinbase(), 0)]; c == nil || c.Height != n.tip.height {
		t.Errorf("the repeated coinbase is %+v", c)
	}
	// The transaction that spent the first one still has its own coin.
	for range 100 {
		newDraft(n).seal().accept()
	}
	wantKind(t, newDraft(n, tx).seal().check(), BadTxnsBIP30)
}

// TestRelativeLocks waits for blocks, and for time.
func TestRelativeLocks(t *testing.T) {
	n, ripe := ripeNode(t)
	fund := spendOne(ripe[0], coin, coin)
	newDraft(n, fund).seal().accept()
	byHeight, byTime := spendOne(outOf(fund, 0), 1), spendOne(outOf(fund, 1), 1)
	byHeight.TxIn[0].Sequence = 3
	byTime.TxIn[0].Sequence = sequenceSeconds | 1
	wantKind(t, newDraft(n, byHeight).seal().check(), BadTxnsNonFinal)
	wantKind(t, newDraft(n, byTime).seal().check(), BadTxnsNonFinal)
	newDraft(n).seal().accept()
	wantKind(t, newDraft(n, byHeight).seal().check(), BadTxnsNonFinal)
	newDraft(n).seal().accept()
	if err := newDraft(n, byHeight).seal().check(); err != nil {
		t.Errorf("after 3 blocks: %v", err)
	}
	start := n.tip.ancestor(110).medianTime() // of the parent of the coin's block
	for n.tip.medianTime() < start+512 {
		wantKind(t, newDraft(n, byTime).seal().check(), BadTxnsNonFinal)
		d := newDraft(n)
		d.msg.Header.Timestamp = d.msg.Header.Timestamp.Add(100e9)
		d.seal().accept()
	}
	if err := newDraft(n, byTime).seal().check(); err != nil {
		t.Errorf("after 512 s: %v", err)
	}
	// Version 1 has no relative locks.
	byHeight.Version, byHeight.TxIn[0].Sequence = 1, 1000
	if err := newDraft(n, byHeight).seal().check(); err != nil {
		t.Errorf("version 1: %v", err)
	}
	n.params.CSVHeight = 1 << 30
	byHeight.Version = 2
	if err := newDraft(n, byHeight).seal().check(); err != nil {
		t.Errorf("before BIP68: %v", err)
	}
}

// TestSigOpsOfInputs counts what only the coins reveal, up to the limit.
func TestSigOpsOfInputs(t *testing.T) {
	n, ripe := ripeNode(t)
	n.trust = true // only the count is of interest
	redeem := append([]byte{txscript.OP_RETURN}, make([]byte, 100)...)
	for i := 1; i < len(redeem); i++ {
		redeem[i] = txscript.OP_CHECKMULTISIG
	}
	// 10 inputs of 100 multisigs: 10 * 100 * 20 * 4 = 80,000.
	lock := append(append([]byte{txscript.OP_HASH160, txscript.OP_DATA_20}, make([]byte, 20)...), txscript.OP_EQUAL)
	fund := spendOne(ripe[0], make([]int64, 11)...)
	for _, out := range fund.TxOut {
		out.PkScript = lock
	}
	var ops []wire.OutPoint
	for i := range fund.TxOut {
		ops = append(ops, outOf(fund, uint32(i)))
	}
	newDraft(n, fund).seal().accept()
	spend := spendAll(ops[:10], 0)
	for _, in := range spend.TxIn {
		in.SignatureScript = appendPush(nil, redeem)
	}
	d := newDraft(n, spend).seal()
	if _, err := n.applyUnchecked(d.msg); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	spend.TxOut[0].PkScript = []byte{txscript.OP_CHECKSIG}
	d.seal()
	_, err := n.applyUnchecked(d.msg)
	wantKind(t, err, BadBlkSigops)
}

// applyUnchecked applies a block to the tip without running scripts.
func (n *naiveNode) applyUnchecked(msg *wire.MsgBlock) (*Update, error) {
	ctx := BlockContext{
		Height: n.tip.height + 1, MedianTimePast: n.tip.medianTime(),
		MedianTimeAt: func(height int32) int64 { return n.tip.ancestor(height).medianTime() },
	}
	return Apply(n.params, ctx, msg, TxIDs(msg), n.coins)
}

// TestChecksComeFirst gives a block in which a script fails before a coin is
// missing, and one in which it is the other way round.
func TestChecksComeFirst(t *testing.T) {
	n, ripe := ripeNode(t)
	badScript, badCoin := spendOne(ripe[0], 1), spendOne(wire.OutPoint{Index: 7}, 1)
	badScript.TxIn[0].SignatureScript = []byte{txscript.OP_RETURN}
	d := newDraft(n, badScript, badCoin).seal()
	update, err := n.applyUnchecked(d.msg)
	if !errors.Is(err, BadTxnsInputsMissingOrSpent) || len(update.Checks) != 1 || update.Created != nil {
		t.Errorf("%v, with %+v", err, update)
	}
	wantKind(t, d.check(), ScriptMandatory)
	wantKind(t, newDraft(n, badCoin, badScript).seal().check(), BadTxnsInputsMissingOrSpent)

	// What the coinbase takes is looked at last.
	d = newDraft(n, badScript)
	d.coinbase().TxOut[0].Value++
	wantKind(t, d.seal().check(), ScriptMandatory)
}

// TestAccumulatedFees gives a block whose transactions pay the most that there
// can be, and then a satoshi more, all together.
func TestAccumulatedFees(t *testing.T) {
	n, _ := ripeNode(t)
	n.trust = true
	ops := []wire.OutPoint{{Index: 1000}, {Index: 1001}, {Index: 1002}}
	values := []int64{int64(MaxMoney) - 5, 5, 1}
	var txs []*wire.MsgTx
	for i, op := range ops {
		n.coins[op] = &Coin{Value: values[i], Script: anyone}
		txs = append(txs, spendOne(op, 0))
	}
	if _, err := n.applyUnchecked(newDraft(n, txs[:2]...).seal().msg); err != nil {
		t.Errorf("21 million: %v", err)
	}
	_, err := n.applyUnchecked(newDraft(n, txs...).seal().msg)
	wantKind(t, err, BadTxnsAccumulatedFee)
}

// brokenView fails on its n-th look-up.
type brokenView struct {
	View
	left int
}

var errDisk = errors.New("disk")

func (v *brokenView) Coin(op wire.OutPoint) (*Coin, error) {
	if v.left--; v.left < 0 {
		return nil, errDisk
	}
	return v.View.Coin(op)
}

// TestLocalFailure lets each look-up fail in turn: that is no verdict.
func TestLocalFailure(t *testing.T) {
	n, ripe := ripeNode(t)
	d := newDraft(n, spendOne(ripe[0], 1, 2), spendOne(ripe[1], 3)).seal()
	ctx := BlockContext{Height: n.tip.height + 1, MedianTimePast: n.tip.medianTime(), MedianTimeAt: func(int32) int64 { return 0 }}
	lookups := 2 + 2 + 1 + 2 // each output, with the commitment; each input
	for i := range lookups {
		update, err := Apply(n.params, ctx, d.msg, TxIDs(d.msg), &brokenView{n.coins, i})
		if update != nil || !errors.Is(err, errDisk) || SortOf(err) != Local {
			t.Errorf("look-up %d: %v", i, err)
		}
	}
	if _, err := Apply(n.params, ctx, d.msg, TxIDs(d.msg), &brokenView{n.coins, lookups}); err != nil {
		t.Errorf("no failure: %v", err)
	}
}

// TestRevertIsOpposite builds random blocks, applies them, takes them back, and
// compares with the coins as they were.
func TestRevertIsOpposite(t *testing.T) {
	base, ripe := ripeNode(t)
	rapid.Check(t, func(rt *rapid.T) {
		n := *base
		n.coins = maps.Clone(base.coins)
		free := append([]wire.OutPoint(nil), ripe...)
		value := map[wire.OutPoint]int64{}
		for _, op := range free {
			value[op] = 50 * coin
		}
		var before []coinMap
		for range rapid.IntRange(1, 4).Draw(rt, "blocks") {
			var txs []*wire.MsgTx
			for range rapid.IntRange(0, 6).Draw(rt, "txs") {
				var ops []wire.OutPoint
				var sum int64
				for range rapid.IntRange(1, 3).Draw(rt, "inputs") {
					if len(free) == 0 {
						break
					}
					i := rapid.IntRange(0, len(free)-1).Draw(rt, "coin")
					ops, sum = append(ops, free[i]), sum+value[free[i]]
					free = append(free[:i], free[i+1:]...)
				}
				if len(ops) == 0 {
					continue
				}
				outs := rapid.IntRange(1, 4).Draw(rt, "outputs")
				values := make([]int64, outs)
				for i := range values {
					values[i] = sum / int64(outs)
				}
				tx := spendAll(ops, values...)
				if rapid.Bool().Draw(rt, "burn") {
					tx.TxOut[0].PkScript = []byte{txscript.OP_RETURN}
				}
				for i, out := range tx.TxOut {
					if op := outOf(tx, uint32(i)); !Unspendable(out.PkScript) {
						free = append(free, op)
						value[op] = out.Value
					}
				}
				txs = append(txs, tx)
			}
			before = append(before, maps.Clone(n.coins))
			d := newDraft(&n, txs...).seal()
			block := &naiveBlock{msg: d.msg, hash: d.msg.BlockHash(), parent: n.tip, height: n.tip.height + 1}
			if err := n.connect(block); err != nil {
				rt.Fatal(err)
			}
		}
		for len(before) > 0 {
			n.disconnect()
			want := before[len(before)-1]
			before = before[:len(before)-1]
			if len(n.coins) != len(want) {
				rt.Fatalf("%d coins, want %d", len(n.coins), len(want))
			}
			for op, coin := range want {
				if got := n.coins[op]; got == nil || string(EncodeCoin(nil, got)) != string(EncodeCoin(nil, coin)) {
					rt.Fatalf("coin %v is %+v, want %+v", op, got, coin)
				}
			}
		}
	})
}

// TestRevertMismatch gives the undo of another block.
func TestRevertMismatch(t *testing.T) {
	n, ripe := ripeNode(t)
	d := newDraft(n, spendAll(ripe[:2], 1)).seal()
	for _, undo := range []*Undo{{}, {Txs: [][]Coin{{}}}, {Txs: [][]Coin{make([]Coin, 2), nil}}} {
		if _, _, err := Revert(d.msg, TxIDs(d.msg), undo); !errors.Is(err, ErrEncoding) {
			t.Errorf("%v", err)
		}
	}
}

// BenchmarkApply applies a block of 1,000 transactions with two inputs and
// outputs, without its scripts.
func BenchmarkApply(b *testing.B) {
	n := newNaiveNode(b, network.Regtest())
	coins := coinMap{}
	block := newDraft(n).msg
	for i := range 1000 {
		ops := []wire.OutPoint{{Index: uint32(2*i + 1)}, {Index: uint32(2 * i)}}
		for _, op := range ops {
			coins[op] = &Coin{Value: 10, Script: anyone}
		}
		block.AddTransaction(spendAll(ops, 9, 9))
	}
	ids := TxIDs(block)
	ctx := BlockContext{Height: 1, MedianTimeAt: func(int32) int64 { return 0 }}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Apply(n.params, ctx, block, ids, coins); err != nil {
			b.Fatal(err)
		}
	}
}
