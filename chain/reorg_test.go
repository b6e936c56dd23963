package chain

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/muhash"
	"github.com/lode-chain/lode/network"
)

// walkBackAndForth takes blocks off the best chain, one commit each, down to a
// height, and puts them on again. The watch compares the coins at each tip with
// those that it had on the way there.
func walkBackAndForth(t *testing.T, m *Manager, w *coinWatch, down int32) {
	t.Helper()
	tip, before, seen := m.Tip(), w.hash(), w.tips
	err := m.Group(context.Background(), func(g *Group) error {
		for g.Tip().Height > down {
			if err := g.disconnect(); err != nil {
				return err
			}
			if err := g.Commit(); err != nil {
				return err
			}
		}
		for height := down + 1; height <= tip.Height; height++ {
			if _, err := g.moveTo(tip.Ancestor(height), nil); err != nil {
				return err
			}
			if err := g.Commit(); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, w.fault, m.CheckIndex()); err != nil {
		t.Fatal(err)
	}
	if m.Tip() != tip || w.hash() != before || int32(w.tips-seen) < tip.Height-down {
		t.Errorf("tip %s, coins %s, want %s, %s; %d tips compared", m.Tip().Hash, w.hash(), tip.Hash, before, w.tips-seen)
	}
}

// TestCoresChainBackAndForth takes all of Core's chain back, block by block,
// to where there are no coins, and forth again.
func TestCoresChainBackAndForth(t *testing.T) {
	raws, want := varied(t)
	d := newDisk(network.Regtest())
	w := d.watch()
	c := d.config()
	c.Exec = noChecks{}
	m, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for i, raw := range raws {
		if _, err := m.Accept(decode(t, raw), far); err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
	}
	if got := w.hash().String(); got != want.MuHash {
		t.Errorf("coins %s, want %s", got, want.MuHash)
	}
	walkBackAndForth(t, m, w, 0)
	if got, empty := w.known[d.params.GenesisHash], chainhash.Hash(new(muhash.Hash).Finalize()); got != empty {
		t.Errorf("coins at genesis: %s", got)
	}
}

// fanOut splits a transaction's first output into n.
func fanOut(from *wire.MsgTx, n int) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: from.TxHash()}, nil, nil))
	for range n {
		tx.AddTxOut(wire.NewTxOut(from.TxOut[0].Value/int64(n), anyone))
	}
	return tx
}

// busyBranch builds a branch of blocks in which each transaction spends one of
// the block before; the first ones spend coins. pad is how many bytes each
// carries besides, salt makes branches differ.
func busyBranch(p *network.Params, on *wire.MsgBlock, height int32, coins []wire.OutPoint, value int64, n, pad int, salt byte) []*wire.MsgBlock {
	blocks := make([]*wire.MsgBlock, n)
	for i := range blocks {
		height++
		next := make([]wire.OutPoint, len(coins))
		blocks[i] = buildBlock(p, on, height, string(rune('a'+salt)), func(b *wire.MsgBlock) {
			for j, op := range coins {
				tx := wire.NewMsgTx(2)
				tx.AddTxIn(wire.NewTxIn(&op, nil, nil))
				tx.AddTxOut(wire.NewTxOut(value, anyone))
				script := make([]byte, 2+pad)
				script[0], script[1] = txscript.OP_RETURN, salt
				tx.AddTxOut(wire.NewTxOut(0, script))
				next[j] = wire.OutPoint{Hash: tx.TxHash()}
				b.Transactions = append(b.Transactions, tx)
			}
		})
		coins, on = next, blocks[i]
	}
	return blocks
}

// longReorg plays a reorganisation over n blocks on each side, all of them busy,
// and back, and expects each tip to come with the same coins both times.
//
//	genesis ── … ── fork ── a1 ── … ── an
//	                    └── b1 ── … ── bn ── bn+1
func longReorg(t *testing.T, m *Manager, w *coinWatch, n, txs, pad int) {
	t.Helper()
	p := m.Params()
	base := buildChain(p, p.Genesis, 0, 3)
	split := fanOut(base[0].Transactions[0], txs)
	fork := buildBlock(p, base[2], 4, "fork", func(b *wire.MsgBlock) { b.Transactions = append(b.Transactions, split) })
	var coins []wire.OutPoint
	for i := range split.TxOut {
		coins = append(coins, wire.OutPoint{Hash: split.TxHash(), Index: uint32(i)})
	}
	value := split.TxOut[0].Value
	a := busyBranch(p, fork, 4, coins, value, n, pad, 1)
	b := busyBranch(p, fork, 4, coins, value, n+1, pad, 2)
	a = append(a, buildChain(p, a[n-1], int32(4+n), 2)...)
	weight := consensus.BlockWeight(a[0])

	acceptAll(t, m, append(base, fork))
	for _, step := range []struct {
		blocks []*wire.MsgBlock
		tip    *wire.MsgBlock
	}{{a[:n], a[n-1]}, {b[:n], a[n-1]}, {b[n:], b[n]}, {a[n : n+1], b[n]}, {a[n+1:], a[n+1]}} {
		acceptAll(t, m, step.blocks)
		if err := errors.Join(w.fault, m.CheckIndex()); err != nil {
			t.Fatal(err)
		}
		if m.Tip().Hash != step.tip.BlockHash() {
			t.Fatalf("the tip is %s at height %d, want %s", m.Tip().Hash, m.Tip().Height, step.tip.BlockHash())
		}
	}
	coinsNow := storedCoins(t, w).digest()
	if coinsNow != replayed(t, m, m.Tip()).digest() {
		t.Error("coins differ from a replay")
	}
	t.Logf("%d blocks of weight %d on each side, %d tips compared", n, weight, w.tips)
}

// TestReorgOf500Blocks reorganises 500 busy blocks; long tests have full ones.
func TestReorgOf500Blocks(t *testing.T) {
	d := newDisk(shortMaturity())
	w := d.watch()
	longReorg(t, d.open(t), w, 500, 8, 0)
}

// TestBadBlockAnywhereOnABranch gives a branch that would win, but for one of its
// blocks, whichever it is: the tip stays, and so do the coins.
//
//	genesis ── a1 ── a2 ── a3(spends a1) ── a4(spends a3) ── a5
//	       └── b1 ── b2 ── b3(spends b1) ── b4(spends b3) ── b5 ── b6
func TestBadBlockAnywhereOnABranch(t *testing.T) {
	for bad := 1; bad <= 6; bad++ {
		t.Run(fmt.Sprint("b", bad), func(t *testing.T) {
			s := newScript(t)
			grow := func(branch string, n, bad int) (last error) {
				parent := "genesis"
				for i := 1; i <= n; i++ {
					name := fmt.Sprint(branch, i)
					var change []mutation
					switch i {
					case 3:
						change = append(change, s.spend(branch+"1", 7))
					case 4:
						spend := spendOutput(s.blocks[branch+"3"].Transactions[1], 0, 7)
						change = append(change, func(b *wire.MsgBlock) { b.Transactions = append(b.Transactions, spend) })
					}
					if i == bad {
						change = append(change, overpay)
					}
					result, err := s.m.Accept(s.make(name, parent, change...), far)
					if last = err; err == nil {
						last = result.Ancestor
					}
					s.consistent()
					parent = name
				}
				return last
			}
			if err := grow("a", 5, 0); err != nil {
				t.Fatal(err)
			}
			before, coins := s.m.Tip(), s.watch.hash()
			if err := grow("b", 6, bad); !errors.Is(err, consensus.BadCbAmount) {
				t.Errorf("the last block: %v", err)
			}
			if s.m.Tip() != before || s.watch.hash() != coins {
				t.Errorf("tip %s, coins %s, want a5, %s", s.name(s.m.Tip()), s.watch.hash(), coins)
			}
			s.reopen()
			s.expectTip("a5")
			s.expectTips("a5 active", "b6 invalid")
			// What is good of the branch can still be built on.
			parent := "genesis"
			if bad > 1 {
				parent = fmt.Sprint("b", bad-1)
			}
			for i := bad; i <= 6; i++ {
				name := fmt.Sprint("c", i)
				s.accept(name, parent)
				parent = name
			}
			s.expectTip("c6")
		})
	}
}

// Branches of a block that was declared invalid are good again when any of its
// descendants is reconsidered, but for those with a bad block of their own.
//
//	genesis ── a1 ── a2 ── a3
//	            ├─── b2 ── b3(overpays) ── b4
//	            └─── c2 ── c3 ── c4
func TestReconsiderFreesOtherBranches(t *testing.T) {
	s := newScript(t)
	hash := func(name string) chainhash.Hash { return s.blocks[name].BlockHash() }
	do := func(what func(chainhash.Hash) error, name string) {
		t.Helper()
		if err := what(hash(name)); err != nil {
			t.Fatal(err)
		}
		s.consistent()
	}
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	s.accept("a3", "a2")
	s.accept("b2", "a1")
	s.accept("b3", "b2", overpay)
	s.expectBadAncestor(consensus.BadCbAmount, "b4", "b3")
	s.accept("c2", "a1")
	s.accept("c3", "c2")
	s.expectTips("a3 active", "b4 invalid", "c3 valid-headers")

	do(s.m.Invalidate, "a1")
	s.expectTip("genesis")
	s.expectTips("genesis active", "a3 invalid", "b4 invalid", "c3 invalid")
	do(s.m.Reconsider, "a2")
	s.expectTip("a3")
	s.expectTips("a3 active", "b4 invalid", "c3 valid-headers")
	s.refuse(consensus.BadPrevBlk, "b5", "b4")
	s.accept("d3", "b2")
	s.expectTips("a3 active", "b4 invalid", "c3 valid-headers", "d3 valid-headers")

	// A branch that was declared invalid within another one stays so when only
	// the other is reconsidered by a descendant elsewhere.
	do(s.m.Invalidate, "c2")
	do(s.m.Invalidate, "a1")
	s.expectTip("genesis")
	do(s.m.Reconsider, "d3")
	s.expectTip("a3")
	s.expectTips("a3 active", "b4 invalid", "c3 invalid", "d3 valid-headers")
	s.reopen()
	s.consistent()
	do(s.m.Reconsider, "c3")
	s.accept("c4", "c3")
	s.expectTip("c4")

	// The block that breaks a rule is tried again, since b4 came in before c4,
	// which has the same work, and is found bad again.
	do(s.m.Reconsider, "b4")
	s.expectTip("c4")
	s.expectTips("a3 valid-fork", "b4 invalid", "c4 active", "d3 valid-headers")
	s.resubmit(consensus.DuplicateBad, s.blocks["b3"])
}

// TestInvalidateEachHeight declares a block at each height invalid and
// reconsiders it: the chain ends up where it was, with the same coins.
func TestInvalidateEachHeight(t *testing.T) {
	s := newScript(t)
	parent := "genesis"
	for i := 1; i <= 12; i++ {
		name := fmt.Sprint("a", i)
		var change []mutation
		if i > 3 {
			change = append(change, s.spend(fmt.Sprint("a", i-2), int64(i)))
		}
		s.accept(name, parent, change...)
		parent = name
	}
	for height := int32(1); height <= 12; height++ {
		e := s.m.ByHeight(height)
		if err := s.m.Invalidate(e.Hash); err != nil {
			t.Fatal(err)
		}
		s.consistent()
		if s.m.Tip() != e.Parent() {
			t.Errorf("without height %d the tip is %s", height, s.name(s.m.Tip()))
		}
		if err := s.m.Reconsider(e.Hash); err != nil {
			t.Fatal(err)
		}
		s.expectTip("a12")
	}
	walkBackAndForth(t, s.m, s.watch, 0)
}
