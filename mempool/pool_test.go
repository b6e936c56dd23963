package mempool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
)

func TestAcceptAndConfirm(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(2)
	parent := pay(1000, 2, coins[0])
	child := pay(1000, 1, outputs(parent)[0])
	changed := l.pool.Changed()
	l.accept(parent, child)
	select {
	case <-changed:
	default:
		t.Error("Changed did not close")
	}
	e := l.pool.Get(parent.TxHash())
	if e.Fee != 1000 || e.Descendants.Count != 2 || e.Descendants.Fees != 2000 || len(e.Children) != 1 || e.Weight != consensus.Weight(parent) {
		t.Errorf("parent is %+v", e)
	}
	if id, ok := l.pool.Spender(coins[0].op); !ok || id != parent.TxHash() {
		t.Errorf("spender is %v %v", id, ok)
	}
	seq := l.pool.Seq()

	l.mine(parent)
	l.holds(child)
	if e := l.pool.Get(child.TxHash()); e.Ancestors.Count != 1 || len(e.Parents) != 0 {
		t.Errorf("child still has ancestors: %+v", e)
	}
	if l.pool.Seq() == seq {
		t.Error("Seq did not change")
	}
	l.mine(child)
	l.holds()
	if info := l.pool.Info(l.now); info.Count != 0 || info.VSize != 0 || info.Memory != 0 || info.Fees != 0 {
		t.Errorf("an empty pool counts %+v", info)
	}
}

func TestRefusals(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(6)
	immature := l.mine()
	change := func(tx *wire.MsgTx, f func(*wire.MsgTx)) *wire.MsgTx { f(tx); return tx }
	held := pay(1000, 1, coins[0])
	l.accept(held)
	confirmed := pay(1000, 1, coins[1])
	l.mine(confirmed)
	next := uint32(l.chain.Tip().Height + 1)

	tests := []struct {
		name  string
		tx    *wire.MsgTx
		kind  consensus.Kind
		debug string
	}{
		{"no inputs", &wire.MsgTx{Version: 2, TxOut: held.TxOut}, consensus.BadTxnsVinEmpty, ""},
		{"coinbase", l.block(l.chain.Tip()).Transactions[0], Coinbase, ""},
		{"version 4", change(pay(1000, 1, coins[2]), func(tx *wire.MsgTx) { tx.Version = 4 }), Version, ""},
		{"too heavy", pay(100_000, 2_400, coins[2]), TxSize, ""},
		{"small", change(pay(1000, 1, coins[2]), func(tx *wire.MsgTx) { tx.TxOut[0].PkScript = []byte{txscript.OP_RETURN} }), TxSizeSmall, ""},
		{"lock height", change(pay(1000, 1, coins[2]), func(tx *wire.MsgTx) { tx.LockTime, tx.TxIn[0].Sequence = next, 0 }), NonFinal, ""},
		{"lock time", change(pay(1000, 1, coins[2]), func(tx *wire.MsgTx) {
			tx.LockTime, tx.TxIn[0].Sequence = uint32(l.chain.Tip().MedianTimePast()), 0
		}), NonFinal, ""},
		{"known", held, AlreadyInMempool, ""},
		{"other witness", change(held.Copy(), func(tx *wire.MsgTx) { tx.TxIn[0].Witness = wire.TxWitness{{1}} }), SameNonWitnessData, ""},
		{"confirmed", confirmed, AlreadyKnown, ""},
		{"no such coin", pay(1000, 1, coin{wire.OutPoint{Hash: held.TxHash(), Index: 9}, 9_000}), consensus.BadTxnsInputsMissingOrSpent, ""},
		{"spent coin", pay(2000, 1, coins[1]), consensus.BadTxnsInputsMissingOrSpent, ""},
		{"relative lock", change(pay(1000, 1, outputs(confirmed)[0]), func(tx *wire.MsgTx) { tx.TxIn[0].Sequence = 2 }), NonBIP68Final, ""},
		{"relative lock of a pool coin", change(pay(1000, 1, outputs(held)[0]), func(tx *wire.MsgTx) { tx.TxIn[0].Sequence = 1 }), NonBIP68Final, ""},
		{"immature", pay(1000, 1, immature), consensus.BadTxnsPrematureSpend, "tried to spend coinbase at depth 2"},
		{"creates money", pay(-1, 1, coins[2]), consensus.BadTxnsInBelowOut, ""},
		{"fee too low", pay(95, 1, coins[2]), MinRelayFeeNotMet, "95 < 96"},
		{"bad script", change(pay(1000, 1, coins[2]), func(tx *wire.MsgTx) { tx.TxIn[0].Witness = wire.TxWitness{{txscript.OP_FALSE}} }), consensus.ScriptMandatory, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l.t = t
			debug := l.refuse(tt.tx, tt.kind)
			if tt.debug != "" && debug != tt.debug {
				t.Errorf("explanation %q, want %q", debug, tt.debug)
			}
		})
	}
	l.t = t
	l.holds(held)

	// What only the limits refused passes once they are met.
	l.accept(pay(96, 1, coins[2]))
	l.accept(change(pay(1000, 1, coins[3]), func(tx *wire.MsgTx) { tx.LockTime, tx.TxIn[0].Sequence = next-1, 0 }))
	l.accept(change(pay(1000, 1, outputs(confirmed)[0]), func(tx *wire.MsgTx) { tx.TxIn[0].Sequence = 1 }))
}

func TestNonMandatoryScript(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coin := l.matured(1)[0]
	// The script leaves two elements: a block may hold that in a legacy script,
	// CLEANSTACK forbids it here. As a redeem script of a P2SH output.
	redeem := []byte{txscript.OP_TRUE}
	p2sh := append(append([]byte{txscript.OP_HASH160, 20}, hash160(redeem)...), txscript.OP_EQUAL)
	fund := pay(1000, 1, coin)
	fund.TxOut[0].PkScript = p2sh
	l.mine(fund)
	tx := pay(1000, 1, outputs(fund)[0])
	tx.TxIn[0].Witness = nil
	tx.TxIn[0].SignatureScript = []byte{txscript.OP_TRUE, 1, txscript.OP_TRUE}
	_, err := l.pool.Accept(tx, l.now)
	if e, ok := errors.AsType[*consensus.Error](err); !ok || e.Kind != consensus.ScriptNonMandatory || e.Sort != consensus.NotYet || !strings.HasPrefix(e.Reject(), "non-mandatory-script-verify-flag (") {
		t.Errorf("refused with %v", err)
	}
	l.mine(tx) // a block may hold it
	l.holds()
}

func TestReplacement(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(4)
	old := pay(1000, 1, coins[0])
	child := pay(5000, 1, outputs(old)[0])
	other := pay(1000, 1, coins[1])
	l.accept(old, child, other)
	vsize := consensus.VSize(old)

	id := func(tx *wire.MsgTx) string { return tx.TxHash().String() }
	refused := func(tx *wire.MsgTx, kind consensus.Kind, want string) {
		t.Helper()
		if got := l.refuse(tx, kind); got != want {
			t.Errorf("explanation\n%q, want\n%q", got, want)
		}
	}
	tx := pay(999, 1, coins[0])
	refused(tx, InsufficientFee, fmt.Sprintf("rejecting replacement %s; new feerate %s <= old feerate %s", id(tx), rateText(999*1000/vsize), rateText(1000*1000/vsize)))
	tx = pay(5999, 1, coins[0])
	refused(tx, InsufficientFee, "rejecting replacement "+id(tx)+", less fees than conflicting txs; 0.00005999 < 0.00006")
	tx = pay(6000+vsize-1, 1, coins[0])
	refused(tx, InsufficientFee, fmt.Sprintf("rejecting replacement %s, not enough additional fees to relay; 0.%08d < 0.%08d", id(tx), vsize-1, vsize))
	tx = pay(20_000, 1, coins[0], outputs(other)[0])
	refused(tx, ReplacementAddsInput, "replacement "+id(tx)+" adds unconfirmed input, idx 1")
	tx = pay(20_000, 1, coins[0], outputs(child)[0])
	refused(tx, SpendsConflictingTx, id(tx)+" spends conflicting transaction "+id(old))

	better := pay(6000+vsize, 1, coins[0])
	l.accept(better)
	l.holds(better, other)
	// Two conflicts at once.
	both := pay(20_000, 1, coins[0], coins[1])
	l.accept(both)
	l.holds(both)
}

// TestReplacementAtTheSameFeerate has one that pays enough in all, but no more for
// its size than what it would replace.
func TestReplacementAtTheSameFeerate(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(1)
	const rate = 10
	old, larger := pay(0, 1, coins[0]), pay(0, 5, coins[0])
	old = pay(rate*consensus.VSize(old), 1, coins[0])
	larger = pay(rate*consensus.VSize(larger), 5, coins[0])
	l.accept(old)
	if got := l.refuse(larger, InsufficientFee); !strings.HasSuffix(got, "; new feerate 0.00010000 BTC/kvB <= old feerate 0.00010000 BTC/kvB") {
		t.Errorf("explanation %q", got)
	}
	larger = pay(rate*consensus.VSize(larger)+consensus.VSize(larger)/100, 5, coins[0])
	l.accept(larger)
	l.holds(larger)
}

func TestTooManyReplacements(t *testing.T) {
	policy := DefaultPolicy()
	policy.MaxReplaced = 4
	l := newLab(t, policy)
	coins := l.matured(2)
	root := pay(1000, 4, coins[0])
	l.accept(root)
	for _, c := range outputs(root) {
		l.accept(pay(1000, 1, c))
	}
	if got := l.refuse(pay(100_000, 1, coins[0]), TooManyReplacements); !strings.HasSuffix(got, "; too many potential replacements (5 > 4)\n") {
		t.Errorf("explanation %q", got)
	}
}

func TestChainLimits(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(30)
	tx := pay(1000, 2, coins[0])
	l.accept(tx)
	root := tx
	for range 24 {
		tx = pay(1000, 1, outputs(tx)[0])
		l.accept(tx)
	}
	if got := l.refuse(pay(1000, 1, outputs(tx)[0]), TooLongMempoolChain); got != "too many unconfirmed ancestors [limit: 25]" {
		t.Errorf("explanation %q", got)
	}
	// The carve-out: one more child of the root itself, and no second one. It is not
	// for TRUC transactions, whatever else is wrong with them.
	truc := pay(1000, 2, outputs(root)[1])
	truc.Version = trucVersion
	l.refuse(truc, TooLongMempoolChain)
	extra := pay(1000, 2, outputs(root)[1])
	l.accept(extra)
	if got := l.refuse(pay(1000, 1, outputs(extra)[0]), TooLongMempoolChain); got != "too many descendants for tx "+root.TxHash().String()+" [limit: 25]" {
		t.Errorf("explanation %q", got)
	}

	var many []coin
	for _, c := range coins[1:26] {
		tx := pay(1000, 1, c)
		l.accept(tx)
		many = append(many, outputs(tx)[0])
	}
	if got := l.refuse(pay(10_000, 1, many...), TooLongMempoolChain); got != "too many unconfirmed parents [limit: 25]" {
		t.Errorf("explanation %q", got)
	}
	l.accept(pay(10_000, 1, many[1:]...))
}

func TestSizeLimits(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(1)
	big := pay(100_000, 2_000, coins[0]) // 86 kvB
	l.accept(big)
	c := outputs(big)
	child := pay(100_000, 300, c[:60]...) // 20 kvB
	if got := l.refuse(child, TooLongMempoolChain); !strings.HasPrefix(got, "exceeds descendant size limit for tx ") {
		t.Errorf("explanation %q", got)
	}
	// The size of what would go is free.
	large := pay(100_000, 200, c[:30]...) // 11 kvB
	l.accept(large)
	other := pay(200_000, 230, c[:30]...) // 12 kvB
	if size := consensus.VSize(big) + consensus.VSize(large) + consensus.VSize(other); size <= 101_000 || consensus.VSize(other) <= carveOutSize {
		t.Fatalf("all have only %d vbytes", size)
	}
	l.accept(other)
	l.holds(big, other)
	// The carve-out is one of size, too.
	extra := pay(50_000, 150, c[30:31]...) // 6 kvB
	if size := consensus.VSize(big) + consensus.VSize(other) + consensus.VSize(extra); size <= 101_000 {
		t.Fatalf("all have only %d vbytes", size)
	}
	l.accept(extra)
	if got := l.refuse(pay(100_000, 200, c[31:32]...), TooLongMempoolChain); !strings.HasPrefix(got, "exceeds descendant size limit for tx ") {
		t.Errorf("explanation %q", got)
	}
}

func TestFullPool(t *testing.T) {
	policy := DefaultPolicy()
	l := newLab(t, policy)
	coins := l.matured(12)
	one := NewEntry(pay(1000, 1, coins[0]), 1000, 0, l.now, 0).memory()
	l.policy.MaxMemory = 5 * one
	l.open()

	cheap := pay(200, 1, coins[0])
	child := pay(300, 1, outputs(cheap)[0])
	l.accept(cheap, child)
	kept := []*wire.MsgTx{pay(1000, 1, coins[1]), pay(2000, 1, coins[2]), pay(3000, 1, coins[3])}
	l.accept(kept...)
	if info := l.pool.Info(l.now); info.Memory != 5*one || info.MinFee != policy.MinRelayFee {
		t.Errorf("full pool is %+v", info)
	}
	l.refuse(pay(150, 1, coins[4]), MempoolFull) // would be the first to go
	last := pay(10_000, 1, coins[5])
	l.accept(last) // evicts the cheap one and its child
	l.holds(append(kept, last)...)
	vsize := consensus.VSize(cheap)
	rate := 500*1000/(2*vsize) + policy.IncrementalRelayFee
	if info := l.pool.Info(l.now); info.MinFee != rate {
		t.Errorf("floor is %d, want %d", info.MinFee, rate)
	}
	low := pay(rate*vsize/1000, 1, coins[6])
	if got := l.refuse(low, MempoolMinFeeNotMet); got != fmt.Sprintf("%d < %d", rate*vsize/1000, feeAt(rate, vsize)) {
		t.Errorf("explanation %q", got)
	}

	// The floor stays until a block comes, then halves, faster in an emptier pool.
	floorAfter := func(d time.Duration) int64 { l.now = l.now.Add(d); return l.pool.Info(l.now).MinFee }
	if got := floorAfter(48 * time.Hour); got != rate {
		t.Errorf("floor fell to %d without a block", got)
	}
	l.mine(kept...)
	l.holds(last) // the pool follows, and from then on the floor falls
	if got := floorAfter(10 * time.Second); got != rate {
		t.Errorf("floor fell to %d within ten seconds", got)
	}
	if got := floorAfter(3*time.Hour - 10*time.Second); got != (rate+1)/2 && got != rate/2 {
		t.Errorf("floor is %d after a quarter of its half-life in an empty pool, want half of %d", got, rate)
	}
	if got := floorAfter(12 * time.Hour); got != policy.MinRelayFee {
		t.Errorf("floor is %d, want none", got)
	}
	l.accept(low)
}

func TestExpiry(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(3)
	old := pay(1000, 1, coins[0])
	child := pay(1000, 1, outputs(old)[0])
	l.accept(old)
	l.now = l.now.Add(300 * time.Hour)
	l.accept(child, pay(1000, 1, coins[1]))
	l.now = l.now.Add(36 * time.Hour)
	l.accept(pay(1000, 1, coins[2]))
	l.holds(old, child, pay(1000, 1, coins[1]), pay(1000, 1, coins[2])) // two weeks, and no more
	l.now = l.now.Add(time.Second)
	fresh := pay(2000, 1, coins[2])
	l.accept(fresh)
	l.holds(fresh, pay(1000, 1, coins[1]))
}

// TestNewestGoesFirst has a full pool of transactions that pay the same.
func TestNewestGoesFirst(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(5)
	first := pay(1000, 1, coins[0])
	l.policy.MaxMemory = 4 * NewEntry(first, 1000, 0, l.now, 0).memory()
	l.open()
	kept := []*wire.MsgTx{first, pay(1000, 1, coins[1]), pay(1000, 1, coins[2])}
	l.accept(kept...)
	l.now = l.now.Add(time.Second)
	l.accept(pay(1000, 1, coins[3]))
	better := pay(2000, 1, coins[4])
	l.accept(better)
	l.holds(append(kept, better)...)
}

// TestReturningIsBounded disconnects more than is kept: the highest blocks give way.
func TestReturningIsBounded(t *testing.T) {
	var back returned
	for height := range byte(4) {
		tx := &wire.MsgTx{LockTime: uint32(height), TxOut: []*wire.TxOut{{PkScript: make([]byte, maxReturning*2/5)}}}
		back.add(chain.Step{Block: &wire.MsgBlock{Transactions: []*wire.MsgTx{{}, tx}}})
	}
	if len(back.blocks) != 2 || back.size > maxReturning || back.blocks[0].txs[0].LockTime != 2 {
		t.Errorf("%d blocks of %d bytes, from %d on", len(back.blocks), back.size, back.blocks[0].txs[0].LockTime)
	}
}

func TestReorganisation(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(5)
	fork := l.chain.Tip()
	a := pay(1000, 1, coins[0])
	b := pay(1000, 1, outputs(a)[0])
	c := pay(1000, 1, coins[1])
	d := pay(1000, 1, outputs(b)[0]) // waits on what the first branch confirms
	l.mine(a, c)
	early := l.mine(b)
	l.accept(d)
	// Becomes non-final and immature on the other branch, which is as high.
	for range l.params.Maturity - 1 {
		l.mine()
	}
	premature := pay(1000, 1, early)
	locked := pay(1000, 1, coins[2])
	locked.LockTime, locked.TxIn[0].Sequence = uint32(l.chain.Tip().Height), 0
	relative := pay(1000, 1, outputs(c)[0])
	relative.TxIn[0].Sequence = 1
	below := pay(1000, 1, outputs(locked)[0])
	l.accept(premature, locked, relative, below)

	// The other branch confirms another spender of the same coin as c, and a.
	rival := pay(5000, 1, coins[1])
	e, _ := l.mineOn(fork, rival, a)
	for l.chain.Tip() != e {
		e, _ = l.mineOn(e)
	}
	// d depends on b, which comes back; relative and c lost their coin; locked
	// stays final, as the branch is higher.
	l.holds(b, d, locked, below)
	ids := l.ids()
	if ids[0] != b.TxHash() {
		t.Errorf("what came back is not first: %v", ids)
	}
	l.mine(b, d)
	l.holds(locked, below)
}

func TestReorganisationToNonFinal(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(2)
	fork := l.chain.Tip()
	// A branch of less blocks with more work cannot be had on regtest, so the
	// lock is on median time: the second branch's blocks are older.
	l.now = l.now.Add(time.Hour)
	for range 12 {
		l.mine()
	}
	tx := pay(1000, 1, coins[0])
	tx.LockTime, tx.TxIn[0].Sequence = uint32(l.chain.Tip().MedianTimePast()-1), 0
	child := pay(1000, 1, outputs(tx)[0])
	l.accept(tx, child)
	l.now = l.now.Add(-time.Hour)
	e := fork
	for l.chain.Tip() != e || e == fork {
		e, _ = l.mineOn(e)
	}
	l.holds()
}

func TestReopen(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(6)
	a := pay(1000, 2, coins[0])
	b := pay(1000, 1, outputs(a)[0])
	c := pay(1000, 1, coins[1])
	l.accept(a, b, c)
	before := l.pool.Snapshot().Entries
	l.checked = chain.NewCheckCache(10)
	l.open()
	l.holds(a, b, c)
	for _, old := range before {
		if e := l.pool.Get(old.TxID); !e.Time.Equal(old.Time) || e.Height != old.Height || e.Fee != old.Fee || e.Ancestors != old.Ancestors {
			t.Errorf("reopened as %+v, was %+v", e, old)
		}
	}
	if l.checked.Len() != 0 {
		t.Error("what was read from the store counts as checked for blocks")
	}

	// The chain moves while nobody looks: one is confirmed, one loses its coin.
	fork := l.chain.Tip()
	l.mine(a)
	rival := pay(9000, 1, coins[1])
	l.mine(rival)
	l.open()
	l.holds(b)
	// And back, with the pool closed again.
	e := fork
	for l.chain.Tip() != e || e == fork {
		e, _ = l.mineOn(e)
	}
	l.open()
	l.holds(a, b, rival)
}

func TestStoreFailure(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(3)
	old := pay(1000, 1, coins[0])
	child := pay(1000, 1, outputs(old)[0])
	l.accept(old, child)
	before := l.pool.Snapshot()

	faulty := kv.NewFaulty(l.store, 1, false)
	l.pool.config.Store = faulty
	_, err := l.pool.Accept(pay(50_000, 1, coins[0]), l.now)
	if consensus.SortOf(err) != consensus.Local || !errors.Is(err, kv.ErrInjected) {
		t.Fatalf("accept: %v", err)
	}
	parent := pay(50_000, 1, coins[0])
	l.pool.config.Store = kv.NewFaulty(l.store, 1, false)
	if _, err := l.pool.SubmitPackage([]*wire.MsgTx{parent, pay(1000, 1, outputs(parent)[0])}, l.now, 0, true); !errors.Is(err, kv.ErrInjected) {
		t.Fatalf("submit: %v", err)
	}
	l.pool.config.Store = kv.NewFaulty(l.store, 1, false)
	if err := l.pool.Prioritise(old.TxHash(), 5); !errors.Is(err, kv.ErrInjected) {
		t.Fatalf("prioritise: %v", err)
	}
	l.pool.config.Store = l.store
	if l.pool.Seq() != before.Seq {
		t.Error("Seq changed")
	}
	l.holds(old, child)
}

func TestCheckedForTheChain(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	tx := pay(1000, 1, l.matured(1)[0])
	l.accept(tx)
	if !l.checked.Has(tx.WitnessHash(), consensus.ScriptFlags(l.params, l.chain.Tip().Height+1)) {
		t.Error("the chain would check the scripts again")
	}
}

func TestRunFollows(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	tx := pay(1000, 1, l.matured(1)[0])
	l.accept(tx)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.pool.Run(ctx) }()
	changed := l.pool.Changed()
	l.mine(tx)
	<-changed
	if l.pool.Get(tx.TxHash()) != nil {
		t.Error("confirmed transaction is still there")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWrongSignature has the reason that Core 28.1 gives: the first fault under
// all flags, with the kind of what consensus says.
func TestWrongSignature(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	c := l.matured(1)[0]
	key, _ := btcec.PrivKeyFromBytes([]byte{7})
	pub := key.PubKey().SerializeCompressed()
	fund := pay(1000, 1, c)
	fund.TxOut[0].PkScript = slices.Concat([]byte{txscript.OP_DUP, txscript.OP_HASH160, 20}, hash160(pub), []byte{txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG})
	l.mine(fund)
	tx := pay(1000, 1, outputs(fund)[0])
	tx.TxIn[0].Witness = nil
	sig := append(ecdsa.Sign(key, make([]byte, 32)).Serialize(), byte(txscript.SigHashAll))
	tx.TxIn[0].SignatureScript = slices.Concat([]byte{byte(len(sig))}, sig, []byte{33}, pub)
	_, err := l.pool.Accept(tx, l.now)
	const want = "mandatory-script-verify-flag-failed (Signature must be zero for failed CHECK(MULTI)SIG operation)"
	if err == nil || err.Error() != want || consensus.SortOf(err) != consensus.Invalid {
		t.Errorf("%v, want %s", err, want)
	}
}
