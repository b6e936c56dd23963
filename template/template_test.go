package template

import (
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// anyone is an output that the witness OP_TRUE spends.
var anyone = func() []byte {
	hash := sha256.Sum256([]byte{txscript.OP_TRUE})
	return append([]byte{txscript.OP_0, 32}, hash[:]...)
}()

// bench is a chain and a pool in memory, mined with templates only.
type bench struct {
	t      *testing.T
	params *network.Params
	chain  *chain.Manager
	pool   *mempool.Pool
	now    int64
	extra  uint64
}

func newBench(t *testing.T) *bench {
	t.Helper()
	p := network.Regtest()
	p.Name, p.Maturity = "regtest-fast", 3
	b := &bench{t: t, params: p, now: 1_700_000_000}
	store, checked := kv.NewMemory(), chain.NewCheckCache(1000)
	var err error
	b.chain, err = chain.Open(chain.Config{Params: p, Store: store, Exec: par.New(), Checked: checked, FS: blockfile.NewMemFS()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.chain.Close() })
	b.pool, err = mempool.Open(mempool.Config{Params: p, Chain: b.chain, Store: store, Exec: par.New(), Checked: checked})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// build makes a template on a parent from all that waits.
func (b *bench) build(parent *chain.Entry) *Template {
	b.t.Helper()
	if err := b.pool.CatchUp(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.extra++
	t, err := Build(Input{
		Params: b.params, Parent: parent, Now: b.now, Candidates: b.pool.Snapshot().Entries,
		Script: anyone, ExtraNonce: b.extra, MinFeeRate: 1000,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

// connect solves a template; the chain must take it as its tip.
func (b *bench) connect(t *Template) *chain.Entry {
	b.t.Helper()
	if !pow.Solve(&t.Block.Header) {
		b.t.Fatal("no nonce")
	}
	r, err := b.chain.Accept(t.Block, time.Unix(b.now, 0))
	if err != nil || !r.Best {
		b.t.Fatalf("template of block %d: %v (tip: %v)", t.Height, err, r.Best)
	}
	return r.Entry
}

// mine connects n templates and returns their coinbases' outputs.
func (b *bench) mine(n int) []wire.OutPoint {
	b.t.Helper()
	var coins []wire.OutPoint
	for range n {
		t := b.build(b.chain.Tip())
		b.connect(t)
		coins = append(coins, wire.OutPoint{Hash: t.Block.Transactions[0].TxHash()})
	}
	return coins
}

// pay spends an output of value to n outputs with a script.
func pay(op wire.OutPoint, value, fee int64, n int, script []byte) *wire.MsgTx {
	tx := &wire.MsgTx{Version: 2, TxIn: []*wire.TxIn{{
		PreviousOutPoint: op, Sequence: wire.MaxTxInSequenceNum, Witness: wire.TxWitness{{txscript.OP_TRUE}},
	}}}
	for range n {
		tx.TxOut = append(tx.TxOut, &wire.TxOut{Value: (value - fee) / int64(n), PkScript: script})
	}
	return tx
}

func (b *bench) accept(tx *wire.MsgTx) {
	b.t.Helper()
	if _, err := b.pool.Accept(tx, time.Unix(b.now, 0)); err != nil {
		b.t.Fatal(err)
	}
}

func TestRandomPoolsConnect(t *testing.T) {
	b := newBench(t)
	type coin struct {
		op    wire.OutPoint
		value int64
	}
	r := rand.New(rand.NewPCG(3, 4))
	var coins []coin
	for range 10 {
		for _, op := range b.mine(5) {
			coins = append(coins, coin{op, b.params.SubsidyAt(b.chain.Tip().Height)})
		}
		b.mine(int(b.params.Maturity))
		for range 60 {
			i := r.IntN(len(coins))
			c := coins[i]
			n := 1 + r.IntN(4)
			fee := 200 + r.Int64N(20_000)
			if c.value < 100_000 {
				continue
			}
			tx := pay(c.op, c.value, fee, n, anyone)
			if _, err := b.pool.Accept(tx, time.Unix(b.now, 0)); err != nil {
				continue // too long a chain
			}
			coins = slices.Delete(coins, i, i+1)
			for j, out := range tx.TxOut {
				coins = append(coins, coin{wire.OutPoint{Hash: tx.TxHash(), Index: uint32(j)}, out.Value})
			}
		}
		want := b.pool.Info(time.Unix(b.now, 0))
		tpl := b.build(b.chain.Tip())
		if len(tpl.Entries) != want.Count || tpl.Fees != want.Fees || tpl.Reward != b.params.SubsidyAt(tpl.Height)+tpl.Fees {
			t.Errorf("template has %d of %d transactions, fees %d of %d", len(tpl.Entries), want.Count, tpl.Fees, want.Fees)
		}
		b.connect(tpl)
	}
}

func TestWeightLimit(t *testing.T) {
	b := newBench(t)
	coins := b.mine(14)
	b.mine(int(b.params.Maturity))
	for i, op := range coins {
		b.accept(pay(op, 50e8, 200_000+10_000*int64(i), 2_200, anyone)) // 378,600 weight
	}
	tpl := b.build(b.chain.Tip())
	if weight := consensus.BlockWeight(tpl.Block); weight > consensus.MaxBlockWeight || weight < 3_700_000 {
		t.Errorf("weight %d", weight)
	}
	if len(tpl.Entries) != 10 || tpl.Entries[0].Fee < 330_000 || tpl.Entries[9].Fee < 240_000 {
		t.Errorf("%d transactions, not the ten that pay most", len(tpl.Entries))
	}
	b.connect(tpl)
	b.connect(b.build(b.chain.Tip()))
	if n := b.chain.Tip().TxCount(); n != 5 {
		t.Errorf("the next block has %d transactions, want the other four and its coinbase", n)
	}
}

func TestSigOpLimit(t *testing.T) {
	b := newBench(t)
	coins := b.mine(8)
	b.mine(int(b.params.Maturity))
	key := append([]byte{33, 2}, make([]byte, 32)...)
	multisig := slices.Concat([]byte{txscript.OP_1}, key, []byte{txscript.OP_1, txscript.OP_CHECKMULTISIG}) // cost 80
	for _, op := range coins {
		b.accept(pay(op, 50e8, 200_000, 190, multisig)) // 15,200
	}
	tpl := b.build(b.chain.Tip())
	if len(tpl.Entries) != 5 {
		t.Errorf("%d transactions of sigop cost 15,200 in a block", len(tpl.Entries))
	}
	b.connect(tpl)
	b.connect(b.build(b.chain.Tip()))
}

func TestCheapStaysOut(t *testing.T) {
	b := newBench(t)
	op := b.mine(1)[0]
	b.mine(int(b.params.Maturity))
	b.accept(pay(op, 50e8, 1000, 1, anyone))
	tpl, err := Build(Input{Params: b.params, Parent: b.chain.Tip(), Now: b.now, Candidates: b.pool.Snapshot().Entries, Script: anyone, MinFeeRate: 20_000})
	if err != nil || len(tpl.Entries) != 0 {
		t.Errorf("%d transactions, %v", len(tpl.Entries), err)
	}
}

// TestClockBehind has the clock go back to before the median time of the chain.
func TestClockBehind(t *testing.T) {
	b := newBench(t)
	b.mine(20)
	median := b.chain.Tip().MedianTimePast()
	b.now -= 3600
	tpl := b.build(b.chain.Tip())
	if got := tpl.Block.Header.Timestamp.Unix(); got != median+1 || tpl.MinTime != median+1 {
		t.Errorf("time %d, least %d, want %d", got, tpl.MinTime, median+1)
	}
	b.connect(tpl)
}

// TestTimewarpRule comes to a height where BIP94 bounds the time from below, above
// what the median asks for.
func TestTimewarpRule(t *testing.T) {
	b := newBench(t)
	b.mine(142)
	start := b.now
	b.now += 7000
	b.mine(1)
	b.now = start
	tpl := b.build(b.chain.Tip())
	if got := tpl.Block.Header.Timestamp.Unix(); tpl.Height != 144 || got != start+7000-600 {
		t.Errorf("block %d has time %d, want %d", tpl.Height, got, start+7000-600)
	}
	b.connect(tpl)
}

func TestAfterReorganisation(t *testing.T) {
	b := newBench(t)
	op := b.mine(1)[0]
	b.mine(int(b.params.Maturity))
	fork := b.chain.Tip()
	tx := pay(op, 50e8, 1000, 1, anyone)
	b.accept(tx)
	b.mine(1)
	// Two empty blocks take the place of the one that confirmed it.
	e := fork
	for range 2 {
		b.extra++
		tpl, err := Exactly(Input{Params: b.params, Parent: e, Now: b.now, Script: anyone, ExtraNonce: b.extra})
		if err != nil {
			t.Fatal(err)
		}
		pow.Solve(&tpl.Block.Header)
		r, err := b.chain.Accept(tpl.Block, time.Unix(b.now, 0))
		if err != nil {
			t.Fatal(err)
		}
		e = r.Entry
	}
	tpl := b.build(b.chain.Tip())
	if len(tpl.Entries) != 1 || tpl.Entries[0].TxID != tx.TxHash() {
		t.Errorf("%d transactions after the reorganisation", len(tpl.Entries))
	}
	b.connect(tpl)
}

func TestLongScriptIsRefused(t *testing.T) {
	b := newBench(t)
	_, err := Build(Input{Params: b.params, Parent: b.chain.Tip(), Now: b.now, Script: make([]byte, 2000)})
	if err != ErrScript {
		t.Errorf("a script of 2,000 bytes: %v", err)
	}
}

func TestExtraNonce(t *testing.T) {
	b := newBench(t)
	tpl := b.build(b.chain.Tip())
	root := tpl.Block.Header.MerkleRoot
	SetExtraNonce(tpl.Block, 1<<40)
	if ExtraNonce(tpl.Block) != 1<<40 || tpl.Block.Header.MerkleRoot == root {
		t.Error("the extra nonce was not set")
	}
	b.connect(tpl)
}

// entry is a candidate that exists only as numbers.
func entry(id byte, fee, weight int64, parents ...*mempool.Entry) *mempool.Entry {
	e := &mempool.Entry{Tx: &wire.MsgTx{}, TxID: chainhash.Hash{id}, Fee: fee, Weight: weight, VSize: (weight + 3) / 4}
	for _, p := range parents {
		e.Parents = append(e.Parents, p.TxID)
	}
	return e
}

func TestChildPaysForParent(t *testing.T) {
	parent := entry(1, 0, 1_500_000)
	child := entry(2, 9_000_000, 500_000, parent)
	middle := entry(3, 3_000_000, 1_500_000)
	low := entry(4, 600_000, 600_000)
	got := newSelection([]*mempool.Entry{low, parent, middle, child}, 1, 0, 1000).run()
	if !slices.Equal(got, []*mempool.Entry{parent, child, middle}) {
		t.Errorf("chose %v", got)
	}
	// Without the child nobody pays for the parent.
	got = newSelection([]*mempool.Entry{low, parent, middle}, 1, 0, 1000).run()
	if !slices.Equal(got, []*mempool.Entry{middle, low}) {
		t.Errorf("chose %v", got)
	}
}

func TestNonFinalStaysOutWithDescendants(t *testing.T) {
	parent := entry(1, 1000, 1000)
	parent.Tx = &wire.MsgTx{LockTime: 5, TxIn: []*wire.TxIn{{}}}
	child := entry(2, 100_000, 1000, parent)
	other := entry(3, 1000, 1000)
	if got := newSelection([]*mempool.Entry{parent, child, other}, 5, 0, 0).run(); !slices.Equal(got, []*mempool.Entry{other}) {
		t.Errorf("chose %v", got)
	}
	if got := newSelection([]*mempool.Entry{parent, child, other}, 6, 0, 0).run(); len(got) != 3 {
		t.Errorf("chose %v", got)
	}
}

// TestSelectionEqualsNaive compares with the same rule, worked out anew for every
// choice.
func TestSelectionEqualsNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var all []*mempool.Entry
		for i := range 2 + r.IntN(14) {
			e := entry(byte(i+1), r.Int64N(1000), 300_000+r.Int64N(500_000))
			for _, p := range all {
				if r.IntN(4) == 0 {
					e.Parents = append(e.Parents, p.TxID)
				}
			}
			all = append(all, e)
		}
		got := newSelection(all, 1, 0, 0).run()
		if want := naive(all); !slices.Equal(got, want) {
			t.Fatalf("chose %v\nwant %v", idsOf(got), idsOf(want))
		}
	}
}

func naive(all []*mempool.Entry) (chosen []*mempool.Entry) {
	weight := int64(reservedWeight)
	failed := map[*mempool.Entry]bool{}
	for {
		var best []*mempool.Entry
		var bestOf *mempool.Entry
		var bestFees, bestSize int64
		for _, e := range all {
			if failed[e] || slices.Contains(chosen, e) {
				continue
			}
			var group []*mempool.Entry // e with its ancestors, in order
			need := map[chainhash.Hash]bool{e.TxID: true}
			for _, a := range slices.Backward(all) {
				if need[a.TxID] && !slices.Contains(chosen, a) {
					group = append(group, a)
					for _, p := range a.Parents {
						need[p] = true
					}
				}
			}
			slices.Reverse(group)
			var fees, size int64
			for _, a := range group {
				fees, size = fees+a.Fee, size+a.VSize
			}
			if mempool.CompareFeerates(e.Fee, e.VSize, fees, size) < 0 {
				fees, size = e.Fee, e.VSize
			}
			c := 1
			if bestOf != nil {
				c = mempool.CompareFeerates(fees, size, bestFees, bestSize)
			}
			if c > 0 || c == 0 && e.TxID[0] < bestOf.TxID[0] {
				best, bestOf, bestFees, bestSize = group, e, fees, size
			}
		}
		if bestOf == nil {
			return chosen
		}
		sum := weight
		for _, a := range best {
			sum += a.Weight
		}
		if sum > consensus.MaxBlockWeight {
			failed[bestOf] = true
			continue
		}
		weight, chosen = sum, append(chosen, best...)
	}
}

func idsOf(entries []*mempool.Entry) (ids []byte) {
	for _, e := range entries {
		ids = append(ids, e.TxID[0])
	}
	return ids
}

func BenchmarkBuild5000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []*mempool.Entry
	for i := range 5000 {
		e := entry(0, 100+r.Int64N(10_000), 560)
		e.TxID[1], e.TxID[2] = byte(i), byte(i>>8)
		if i > 0 && r.IntN(3) > 0 {
			e.Parents = []chainhash.Hash{all[i-1].TxID}
		}
		all = append(all, e)
	}
	for b.Loop() {
		newSelection(all, 1, 0, 0).run()
	}
}
