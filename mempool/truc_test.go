package mempool

import (
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// payTRUC is pay with version 3.
func payTRUC(fee int64, n int, from ...coin) *wire.MsgTx {
	tx := pay(fee, n, from...)
	tx.Version = trucVersion
	return tx
}

func named(tx *wire.MsgTx) string { return names(tx.TxHash(), tx.WitnessHash()) }

// TestTRUC has the rules of BIP431 for transactions that come alone, with Core's
// words.
func TestTRUC(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(8)
	refused := func(tx *wire.MsgTx, want string) {
		t.Helper()
		if got := l.refuse(tx, TRUCViolation); got != want {
			t.Errorf("explanation\n%q, want\n%q", got, want)
		}
	}
	parent := payTRUC(1000, 3, coins[0])
	other := payTRUC(1000, 2, coins[1])
	plain := pay(1000, 2, coins[2])
	l.accept(parent, other, plain)

	tx := pay(1000, 1, outputs(parent)[0])
	refused(tx, "non-version=3 "+named(tx)+" cannot spend from version=3 "+named(parent))
	tx = payTRUC(1000, 1, outputs(plain)[0])
	refused(tx, "version=3 "+named(tx)+" cannot spend from non-version=3 "+named(plain))
	tx = payTRUC(20_000, 300, coins[3])
	refused(tx, fmt.Sprintf("version=3 %s is too big: %d > 10000 virtual bytes", named(tx), consensus.VSize(tx)))
	tx = payTRUC(20_000, 30, outputs(parent)[0])
	refused(tx, fmt.Sprintf("version=3 child %s is too big: %d > 1000 virtual bytes", named(tx), consensus.VSize(tx)))
	tx = payTRUC(1000, 1, outputs(parent)[0], outputs(other)[0])
	refused(tx, named(tx)+" would have too many ancestors")

	child := payTRUC(1000, 1, outputs(parent)[0])
	l.accept(child)
	tx = payTRUC(1000, 1, outputs(child)[0])
	refused(tx, named(tx)+" would have too many ancestors")

	// A child of another output takes the place of the first one, by the rules of
	// replacement.
	sibling := payTRUC(1000, 2, outputs(parent)[1])
	l.refuse(sibling, "insufficient fee (including sibling eviction)")
	l.holds(parent, other, plain, child)
	sibling = payTRUC(3000, 1, outputs(parent)[1])
	l.accept(sibling)
	l.holds(parent, other, plain, sibling)
	// So does one that spends the same output.
	again := payTRUC(5000, 1, outputs(parent)[1])
	l.accept(again)
	l.holds(parent, other, plain, again)

	// Confirmed parents do not count.
	l.mine(parent)
	l.accept(pay(1000, 1, outputs(parent)[2]))
	// A TRUC transaction without a fee does not pass alone either.
	if got := l.refuse(payTRUC(0, 1, coins[4]), MinRelayFeeNotMet); got != "0 < 96" {
		t.Errorf("explanation %q", got)
	}
}

// TestTRUCAfterReorganisation has two children of one parent that comes back: both
// stay, and none of them is evicted for a third.
func TestTRUCAfterReorganisation(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(1)
	fork := l.chain.Tip()
	parent := payTRUC(1000, 3, coins[0])
	l.mine(parent)
	a, b := payTRUC(1000, 1, outputs(parent)[0]), payTRUC(1000, 1, outputs(parent)[1])
	l.accept(a, b)
	e, _ := l.mineOn(fork)
	l.mineOn(e)
	l.holds(parent, a, b)
	if got := l.refuse(payTRUC(9000, 1, outputs(parent)[2]), TRUCViolation); got != named(parent)+" would exceed descendant count limit" {
		t.Errorf("explanation %q", got)
	}
	l.accept(payTRUC(9000, 1, outputs(parent)[0])) // replaces a
}

// TestNoEvictionOfSiblingsWithOtherParents has a child come back with two parents:
// it is not evicted for another child of one of them.
func TestNoEvictionOfSiblingsWithOtherParents(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(2)
	fork := l.chain.Tip()
	one, two := payTRUC(1000, 2, coins[0]), payTRUC(1000, 1, coins[1])
	l.mine(one, two)
	child := payTRUC(1000, 1, outputs(one)[0], outputs(two)[0])
	l.accept(child)
	e, _ := l.mineOn(fork)
	l.mineOn(e)
	l.holds(one, two, child)
	if got := l.refuse(payTRUC(9000, 1, outputs(one)[1]), TRUCViolation); got != named(one)+" would exceed descendant count limit" {
		t.Errorf("explanation %q", got)
	}
}

// TestChainThatCameBackIsCut has a transaction wait on a confirmed chain which a
// reorganisation makes unconfirmed, and then too long.
func TestChainThatCameBackIsCut(t *testing.T) {
	policy := DefaultPolicy()
	policy.MaxAncestors = 4
	l := newLab(t, policy)
	coins := l.matured(1)
	fork := l.chain.Tip()
	a := pay(1000, 1, coins[0])
	b := pay(1000, 1, outputs(a)[0])
	l.mine(a, b)
	var waiting []*wire.MsgTx
	last := b
	for range 4 {
		last = pay(1000, 1, outputs(last)[0])
		waiting = append(waiting, last)
	}
	l.accept(waiting...)
	e, _ := l.mineOn(fork)
	l.mineOn(e)
	l.holds(a, b, waiting[0], waiting[1])
}

func TestAnchors(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(2)
	tx := pay(1000, 2, coins[0])
	tx.TxOut[1] = &wire.TxOut{Value: 240, PkScript: []byte{0x51, 2, 0x4e, 0x73}}
	tx.TxOut[0].Value += 1000
	l.accept(tx)
	low := pay(1000, 2, coins[1])
	low.TxOut[1] = &wire.TxOut{Value: 239, PkScript: []byte{0x51, 2, 0x4e, 0x73}}
	l.refuse(low, Dust)
	// Anyone spends an anchor, without a witness.
	spend := pay(1000, 1, outputs(tx)...)
	spend.TxIn[1].Witness = nil
	l.accept(spend)
	stuffed := spend.Copy()
	stuffed.LockTime, stuffed.TxIn[1].Witness = 1, wire.TxWitness{{1}}
	l.refuse(stuffed, NonstandardWitness)
}
