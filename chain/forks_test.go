package chain

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// Of equal work, the branch seen first stays; more work wins.
//
//	genesis ── a1 ── a2
//	       └── b1 ── b2 ── b3
func TestFirstSeenStaysUntilMoreWork(t *testing.T) {
	s := newScript(t)
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	s.accept("b1", "genesis")
	s.accept("b2", "b1")
	s.expectTip("a2")
	s.expectTips("a2 active", "b2 valid-headers")
	s.accept("b3", "b2")
	s.expectTip("b3")
	s.expectTips("a2 valid-fork", "b3 active")
	s.reopen()
	s.expectTip("b3")
	s.expectTips("a2 valid-fork", "b3 active")
}

// A branch whose second block breaks a rule is left at once, and the coins are
// those of before.
//
//	genesis ── a1 ── a2 ── a3(spends a1)
//	       └── b1 ── b2 ── b3(overpays) ── b4
//	                  └─── c3(spends a1, which is not there)
func TestReorgThatFailsHalfWay(t *testing.T) {
	s := newScript(t)
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	s.accept("a3", "a2", s.spend("a1", 100))
	before := storedCoins(t, s.disk.store).digest()

	s.accept("b1", "genesis")
	s.accept("b2", "b1")
	s.accept("b3", "b2", overpay) // no more work than a3: not looked into yet
	s.expectTip("a3")
	s.expectBadAncestor(consensus.BadCbAmount, "b4", "b3")
	s.expectTip("a3")
	s.expectTips("a3 active", "b4 invalid")
	if storedCoins(t, s.disk.store).digest() != before {
		t.Error("the coins have changed")
	}
	// What was learned is remembered, also over a restart.
	s.resubmit(consensus.DuplicateBad, s.blocks["b3"])
	s.resubmit(consensus.DuplicateBad, s.blocks["b4"])
	s.refuse(consensus.BadPrevBlk, "b5", "b4")
	s.reopen()
	s.resubmit(consensus.DuplicateBad, s.blocks["b3"])
	s.refuse(consensus.BadPrevBlk, "b4'", "b3")
	s.expectTip("a3")

	// The good part of the branch can still win.
	s.accept("c3", "b2", s.spend("a1", 100))
	s.expectBadAncestor(consensus.BadTxnsInputsMissingOrSpent, "c4", "c3")
	s.accept("d3", "b2")
	s.accept("d4", "d3")
	s.expectTip("d4")
	if storedCoins(t, s.disk.store).digest() != replayed(t, s.m, s.m.Tip()).digest() {
		t.Error("coins differ from a replay")
	}
}

// A block that breaks a rule directly on the tip gives its own reason, and is
// remembered with it only if its hash is to blame.
func TestRefusalsOnTheTip(t *testing.T) {
	s := newScript(t)
	s.accept("a1", "genesis")
	s.refuse(consensus.BadCbAmount, "over", "a1", overpay)
	s.resubmit(consensus.DuplicateBad, s.blocks["over"])

	// Found before the coins are looked at: also remembered.
	s.refuse(consensus.BadCbHeight, "height", "a1", func(b *wire.MsgBlock) {
		b.Transactions[0].TxIn[0].SignatureScript = []byte{0x51, 0x51}
	})
	s.resubmit(consensus.DuplicateBad, s.blocks["height"])
	s.expectTips("a1 active", "over invalid", "height invalid")

	// Found before the parent is looked up: not remembered, as in Core.
	s.refuse(consensus.BadCbMultiple, "two", "a1", func(b *wire.MsgBlock) {
		b.Transactions = append(b.Transactions, b.Transactions[0].Copy())
		b.Transactions[1].LockTime = 1
	})
	s.resubmit(consensus.BadCbMultiple, s.blocks["two"])

	// The hash says nothing about a transaction that was repeated at the end.
	s.accept("b1", "a1")
	good := s.make("b2", "b1", s.spend("a1", 1), func(b *wire.MsgBlock) {
		b.Transactions = append(b.Transactions, spendOutput(b.Transactions[1], 0, 1))
	})
	mutant := good.Copy()
	mutant.Transactions = append(mutant.Transactions, mutant.Transactions[2])
	s.resubmit(consensus.BadTxnsDuplicate, mutant)
	s.submit(good)
	s.expectTip("b2")
}

// What comes too early may come again.
//
//	genesis ── a1 ── a2 (a1 is not known, then it is)
func TestNotYet(t *testing.T) {
	s := newScript(t)
	a1 := s.make("a1", "genesis")
	a2 := s.make("a2", "a1")
	_, err := s.m.Accept(a2, far)
	if !errors.Is(err, consensus.PrevBlkAbsent) || consensus.SortOf(err) != consensus.NotYet {
		t.Fatalf("orphan: %v", err)
	}
	early := a1.Header.Timestamp.Add(-consensus.MaxFutureBlockTime*time.Second - time.Second)
	if _, err := s.m.Accept(a1, early); !errors.Is(err, consensus.TimeTooNew) || consensus.SortOf(err) != consensus.NotYet {
		t.Fatalf("block of the future: %v", err)
	}
	if _, err := s.m.Accept(a1, early.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	s.submit(a2)
	s.expectTip("a2")

	result, err := s.m.Accept(a1, far)
	if err != nil || !result.Known || !result.Best || result.Entry.Hash != a1.BlockHash() {
		t.Errorf("duplicate: %+v, %v", result, err)
	}
	s.accept("b1", "genesis")
	if result, err := s.m.Accept(s.blocks["b1"], far); err != nil || !result.Known || result.Best {
		t.Errorf("duplicate on a side branch: %+v, %v", result, err)
	}
}

// Blocks declared invalid go with all that is built on them, and come back.
//
//	genesis ── a1 ── a2 ── a3
//	            └─── b2
func TestInvalidateAndReconsider(t *testing.T) {
	s := newScript(t)
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	s.accept("a3", "a2")
	s.accept("b2", "a1")
	hash := func(name string) chainhash.Hash { return s.blocks[name].BlockHash() }

	if err := s.m.Invalidate(hash("a2")); err != nil {
		t.Fatal(err)
	}
	s.expectTip("b2")
	s.expectTips("b2 active", "a3 invalid")
	s.refuse(consensus.BadPrevBlk, "a4", "a3")
	s.reopen()
	s.expectTip("b2")
	if err := s.m.Invalidate(hash("b2")); err != nil {
		t.Fatal(err)
	}
	s.expectTip("a1")
	s.accept("c2", "a1")
	s.expectTip("c2")
	if err := s.m.Reconsider(hash("a3")); err != nil { // clears a2 as well
		t.Fatal(err)
	}
	s.expectTip("a3")
	if err := s.m.Reconsider(hash("b2")); err != nil {
		t.Fatal(err)
	}
	s.expectTip("a3")
	s.expectTips("a3 active", "b2 valid-fork", "c2 valid-fork")
	if err := s.m.Invalidate(s.disk.params.GenesisHash); !errors.Is(err, ErrGenesis) {
		t.Errorf("genesis: %v", err)
	}
	if err := s.m.Invalidate(chainhash.Hash{1}); !errors.Is(err, ErrUnknownBlock) {
		t.Errorf("unknown: %v", err)
	}

	// A block that breaks a rule stays out, however often it is reconsidered.
	s.refuse(consensus.BadCbAmount, "bad", "a3", overpay)
	if err := s.m.Reconsider(hash("bad")); err != nil {
		t.Fatal(err)
	}
	s.expectTip("a3")
	s.resubmit(consensus.DuplicateBad, s.blocks["bad"])
}

// One of two tips of the same work can be preferred, and after a restart it
// still is the tip.
//
//	genesis ── a1 ── a2
//	       └── b1 ── b2
func TestPrecious(t *testing.T) {
	s := newScript(t)
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	s.accept("b1", "genesis")
	s.accept("b2", "b1")
	for _, name := range []string{"b2", "a2", "b2"} {
		if err := s.m.Precious(s.blocks[name].BlockHash()); err != nil {
			t.Fatal(err)
		}
		s.expectTip(name)
	}
	if err := s.m.Precious(s.blocks["a1"].BlockHash()); err != nil {
		t.Fatal(err)
	}
	s.expectTip("b2")
	s.reopen()
	s.expectTip("b2")
	s.accept("a3", "a2")
	s.expectTip("a3")
}

// A coinbase that a reorganisation took away cannot be spent on the other
// branch, and comes back with its own.
//
//	genesis ── a1 ── a2 ── a3(spends a1)
//	       └── b1 ── b2 ── b3 ── b4(spends b1)
func TestCoinsFollowTheBranch(t *testing.T) {
	s := newScript(t)
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	s.accept("a3", "a2", s.spend("a1", 5))
	ops := []wire.OutPoint{
		{Hash: s.blocks["a1"].Transactions[0].TxHash()},
		{Hash: s.blocks["a3"].Transactions[1].TxHash()},
		{Hash: s.blocks["a3"].Transactions[0].TxHash()},
	}
	expect := func(tip string, there ...bool) {
		t.Helper()
		coins, at, err := s.m.Coins(ops)
		if err != nil || s.name(at) != tip {
			t.Fatalf("coins at %s: %v", s.name(at), err)
		}
		for i := range there {
			if (coins[i] != nil) != there[i] {
				t.Errorf("at %s: coin %d: %v", tip, i, coins[i])
			}
		}
	}
	expect("a3", false, true, true)
	s.accept("b1", "genesis")
	s.accept("b2", "b1")
	s.accept("b3", "b2")
	s.accept("b4", "b3", s.spend("b1", 5))
	expect("b4", false, false, false)
	if err := s.m.Invalidate(s.blocks["b1"].BlockHash()); err != nil {
		t.Fatal(err)
	}
	expect("a3", false, true, true)
	if err := s.m.Invalidate(s.blocks["a3"].BlockHash()); err != nil {
		t.Fatal(err)
	}
	expect("a2", true, false, false)
	if err := s.m.Verify(context.Background(), nil); err != nil {
		t.Error(err)
	}
}
