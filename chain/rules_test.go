package chain

import (
	"context"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
)

// The first block of a window of 144 may be up to 600 seconds before its parent,
// on regtest too; others need only be above the median (BIP94).
func TestTimewarpOnRegtest(t *testing.T) {
	p := network.Regtest()
	m := newDisk(p).open(t)
	blocks := buildChain(p, p.Genesis, 0, 142)
	// The parent is far ahead of the median.
	late := func(b *wire.MsgBlock) { b.Header.Timestamp = b.Header.Timestamp.Add(2000 * time.Second) }
	parent := buildBlock(p, blocks[141], 143, "late", late)
	acceptAll(t, m, append(blocks, parent))
	at := func(before int64) mutation {
		return func(b *wire.MsgBlock) {
			b.Header.Timestamp = parent.Header.Timestamp.Add(-time.Duration(before) * time.Second)
		}
	}
	if _, err := m.Accept(buildBlock(p, parent, 144, "warp", at(601)), far); !errors.Is(err, consensus.TimeTimewarp) {
		t.Errorf("601 s before: %v", err)
	}
	edge := buildBlock(p, parent, 144, "edge", at(600))
	if result, err := m.Accept(edge, far); err != nil || !result.Best {
		t.Errorf("600 s before: %v", err)
	}
	// At height 145 the median alone counts.
	if result, err := m.Accept(buildBlock(p, edge, 145, "later", at(1500)), far); err != nil || !result.Best {
		t.Errorf("not the first of a window: %v", err)
	}
}

// What says nothing about a block's hash must not be held against it: the block
// itself is taken afterwards (CVE-2012-2459 and its like).
func TestMutationsDoNotPoison(t *testing.T) {
	s := newScript(t)
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	good := s.make("a3", "a2", s.spend("a1", 1), func(b *wire.MsgBlock) {
		b.Transactions = append(b.Transactions, spendOutput(b.Transactions[1], 0, 1))
		commit(b)
	})
	for name, mutant := range map[string]struct {
		change func(b *wire.MsgBlock)
		kind   consensus.Kind
	}{
		"last one repeated": {func(b *wire.MsgBlock) { b.Transactions = append(b.Transactions, b.Transactions[2]) }, consensus.BadTxnsDuplicate},
		"one missing":       {func(b *wire.MsgBlock) { b.Transactions = b.Transactions[:2] }, consensus.BadTxnMrklRoot},
		"witness added":     {func(b *wire.MsgBlock) { b.Transactions[1].TxIn[0].Witness = wire.TxWitness{{1}} }, consensus.BadWitnessMerkleMatch},
		"nonce gone":        {func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].Witness = nil }, consensus.BadWitnessNonceSize},
		"nonce changed":     {func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].Witness[0][0] = 1 }, consensus.BadWitnessMerkleMatch},
		"heavy witness":     {func(b *wire.MsgBlock) { b.Transactions[2].TxIn[0].Witness = wire.TxWitness{make([]byte, 5e6)} }, consensus.BadWitnessMerkleMatch},
	} {
		b := decode(t, consensus.EncodeBlock(good)) // shares nothing
		mutant.change(b)
		if b.BlockHash() != good.BlockHash() {
			t.Fatalf("%s: another hash", name)
		}
		for range 2 { // the second time it is not known either
			if _, err := s.m.Accept(b, far); !errors.Is(err, mutant.kind) {
				t.Errorf("%s: %v, want %s", name, err, mutant.kind)
			}
		}
	}
	s.submit(good)
	s.expectTip("a3")

	// Without a commitment, a witness is not expected at all.
	plain := s.make("a4", "a3", s.spend("a2", 1))
	b := decode(t, consensus.EncodeBlock(plain))
	b.Transactions[1].TxIn[0].Witness = wire.TxWitness{{1}}
	s.resubmit(consensus.UnexpectedWitness, b)
	s.submit(plain)
	s.expectTip("a4")
}

// A coinbase that is mature on one branch need not be so on another.
//
//	genesis ── a1 ── a2 ── a3(spends a1)
//	            └─── b2(spends a1) ── b3 ── b4
//	            └─── c2 ── c3(spends a1) ── c4
func TestMaturityAcrossForks(t *testing.T) {
	s := newScript(t) // two blocks make a coinbase mature
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	s.accept("a3", "a2", s.spend("a1", 1))
	s.accept("b2", "a1", s.spend("a1", 2))
	s.accept("b3", "b2")
	s.expectBadAncestor(consensus.BadTxnsPrematureSpend, "b4", "b3")
	s.expectTip("a3")
	s.accept("c2", "a1")
	s.accept("c3", "c2", s.spend("a1", 3))
	s.accept("c4", "c3")
	s.expectTip("c4")

	// Nobody can spend the genesis block's.
	s.refuse(consensus.BadTxnsInputsMissingOrSpent, "d5", "c4", s.spend("genesis", 0))
}

// What counts is the work of a branch, not how many blocks it has.
//
//	genesis ── a1 ── a2 ── a3 ── … ── a6        slow, and so easy
//	       └── b1 ── b2 ── b3 ── b4             fast, and so hard from b2 on
func TestMostWorkNotHeight(t *testing.T) {
	p := network.Regtest()
	p.Name, p.NoRetargeting, p.AllowMinDifficulty, p.EnforceBIP94 = "retargets", false, false, false
	p.TargetSpacing, p.TargetTimespan = 600, 1200 // a new target every two blocks
	d := newDisk(p)
	w := d.watch()
	m := d.open(t)
	branch := func(label string, n int, spacing int64) (blocks []*wire.MsgBlock) {
		on, parent := p.Genesis, m.ByHeight(0)
		for i := 1; i <= n; i++ {
			at := on.Header.Timestamp.Unix() + spacing
			b := buildBlock(p, on, int32(i), label, func(b *wire.MsgBlock) {
				b.Header.Timestamp, b.Header.Bits = time.Unix(at, 0), parent.NextBits(p, at)
			})
			e := new(Entry)
			newEntry(e, b.BlockHash(), &b.Header, parent, 1)
			on, parent, blocks = b, e, append(blocks, b)
		}
		return blocks
	}
	a, b := branch("a", 6, 5000), branch("b", 4, 100)
	acceptAll(t, m, a)
	if m.Tip().Height != 6 {
		t.Fatalf("height %d", m.Tip().Height)
	}
	before := m.Tip().ChainWork()
	acceptAll(t, m, b)
	if err := errors.Join(m.CheckIndex(), w.fault); err != nil {
		t.Fatal(err)
	}
	tip := m.Tip()
	if tip.Hash != b[3].BlockHash() || tip.Height != 4 || tip.ChainWork().Cmp(before) <= 0 {
		t.Errorf("tip at height %d with work %v, against %v", tip.Height, tip.ChainWork(), before)
	}
	// Genesis and b1 take 2 hashes each; b2 and b3 four times as many, b4 sixteen
	// times.
	if want := big.NewInt(2 + 2 + 8 + 8 + 32); tip.ChainWork().CmpAbs(want) != 0 {
		t.Errorf("work %v, want %v", tip.ChainWork(), want)
	}
	easy := buildBlock(p, b[3], 5, "easy", func(b *wire.MsgBlock) { b.Header.Timestamp = b.Header.Timestamp.Add(time.Hour) })
	if _, err := m.Accept(easy, far); !errors.Is(err, consensus.BadDiffBits) {
		t.Errorf("an easy block on the hard branch: %v", err)
	}
}

// A block may create and spend far more coins than any cache or group holds at
// once: bounds of storage are no rules (BIP50).
func TestStorageBoundsAreNoRules(t *testing.T) {
	d := newDisk(shortMaturity())
	m := d.open(t)
	m.coins = newCoinCache(1000 * coinBytes)
	p := m.Params()
	base := buildChain(p, p.Genesis, 0, 3)
	many := fanOut(base[0].Transactions[0], 90_000)
	create := buildBlock(p, base[2], 4, "many", func(b *wire.MsgBlock) { b.AddTransaction(many) })
	spend := buildBlock(p, create, 5, "gone", func(b *wire.MsgBlock) {
		tx, from := wire.NewMsgTx(2), many.TxHash()
		for i := range 22_000 {
			tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: from, Index: uint32(4 * i)}, nil, nil))
		}
		tx.AddTxOut(wire.NewTxOut(1, anyone))
		b.AddTransaction(tx)
	})
	acceptAll(t, m, append(base, create))
	if result, err := m.Accept(spend, far); err != nil || !result.Best {
		t.Fatalf("22,000 coins spent at once: %v", err)
	}
	stats, err := m.UTXOStats(context.Background(), HashNone)
	if err != nil {
		t.Fatal(err)
	}
	// Three coinbases less the one that was split, two more, and one output.
	if want := int64(90_000 - 22_000 + 2 + 2 + 1); stats.TxOuts != want {
		t.Errorf("%d coins, want %d", stats.TxOuts, want)
	}
	if err := m.Invalidate(create.BlockHash()); err != nil {
		t.Fatal(err)
	}
	if got := len(storedCoins(t, d.store)); got != 3 {
		t.Errorf("%d coins without these blocks", got)
	}
}

// Proofs that Core made of transactions of its chain prove here what they prove
// there.
func TestProofsAsCore(t *testing.T) {
	raws, _ := varied(t)
	c := newDisk(network.Regtest()).config()
	c.Exec = noChecks{}
	m, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	importAll(t, m, raws)
	var transcript struct {
		Calls []struct {
			Method string
			Params []any
			Status int
			Result any
		}
	}
	readJSON(t, "vectors/core/rpc_transcripts/chain.json", &transcript)
	made, verified := 0, 0
	for _, call := range transcript.Calls {
		if call.Status != 200 || call.Method != "gettxoutproof" && call.Method != "verifytxoutproof" {
			continue
		}
		text, ok := call.Result.(string)
		if call.Method == "verifytxoutproof" {
			text, ok = call.Params[0].(string), true
		}
		if !ok {
			t.Fatalf("%s: no proof", call.Method)
		}
		proof, err := consensus.DecodeTxOutProof(unhex(t, text))
		if err != nil {
			t.Fatal(err)
		}
		e := m.ByHash(proof.Header.BlockHash())
		if e == nil {
			t.Fatalf("a proof of block %s", proof.Header.BlockHash())
		}
		txids, positions, err := proof.Verify(e.TxCount())
		if err != nil {
			t.Fatal(err)
		}
		if call.Method == "verifytxoutproof" {
			verified++
			if want := call.Result.([]any); len(want) != len(txids) || want[0] != txids[0].String() {
				t.Errorf("proved %v, want %v", txids, want)
			}
			continue
		}
		made++
		b, err := m.Block(e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		again := consensus.NewTxOutProof(&b.Header, consensus.TxIDs(b), func(i int) bool { return slices.Contains(positions, i) })
		if got := again.Encode(nil); string(got) != string(unhex(t, text)) {
			t.Errorf("another proof for %v: %x, want %s", call.Params, got, text)
		}
		if _, _, err := proof.Verify(e.TxCount() + 1); !errors.Is(err, consensus.ErrProof) {
			t.Errorf("with another number of transactions: %v", err)
		}
	}
	if made < 10 || verified < 5 {
		t.Errorf("%d proofs made, %d verified", made, verified)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
