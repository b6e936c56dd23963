package template

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
)

// exhaustive tries every set of transactions that has the parents of each.
func exhaustive(all []*mempool.Entry) (best int64) {
	for set := range 1 << len(all) {
		var fees int64
		weight, sigOps := int64(reservedWeight), int64(reservedSigOpsCost)
		whole := true
		for i, e := range all {
			if set&(1<<i) == 0 {
				continue
			}
			fees, weight, sigOps = fees+e.Fee, weight+e.Weight, sigOps+e.SigOpCost
			for j, parent := range all[:i] {
				if set&(1<<j) == 0 && slices.Contains(e.Parents, parent.TxID) {
					whole = false
				}
			}
		}
		if whole && weight <= consensus.MaxBlockWeight && sigOps <= consensus.MaxBlockSigOpsCost {
			best = max(best, fees)
		}
	}
	return best
}

// TestFeesNearBest compares with exhaustive search on small pools of which a
// block cannot hold all.
func TestFeesNearBest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	worst, improved := 1.0, 0
	for range 400 {
		var all []*mempool.Entry
		for i := range 3 + r.IntN(10) {
			e := entry(byte(i+1), r.Int64N(100_000), 1_000+r.Int64N(1_500_000))
			if r.IntN(2) == 0 {
				e.SigOpCost = r.Int64N(30_000)
			}
			for _, p := range all {
				if r.IntN(5) == 0 {
					e.Parents = append(e.Parents, p.TxID)
				}
			}
			all = append(all, e)
		}
		got := choose(all, 1, 0, 0)
		weight, sigOps := int64(reservedWeight), int64(reservedSigOpsCost)
		for i, e := range got {
			weight, sigOps = weight+e.Weight, sigOps+e.SigOpCost
			for _, p := range e.Parents {
				if !slices.ContainsFunc(got[:i], func(e *mempool.Entry) bool { return e.TxID == p }) {
					t.Fatal("a child comes without or before its parent")
				}
			}
		}
		if weight > consensus.MaxBlockWeight || sigOps > consensus.MaxBlockSigOpsCost {
			t.Fatal("a limit is broken")
		}
		if greedy := newSelection(all, 1, 0, 0).run(); feesOf(got) > feesOf(greedy) {
			improved++
		}
		if best := exhaustive(all); best > 0 {
			worst = min(worst, float64(feesOf(got))/float64(best))
		}
	}
	if worst < 0.99 {
		t.Errorf("fees are %.4f of the best in the worst case", worst)
	}
	if improved == 0 {
		t.Error("the choice by feerate was the best every time: the test tries nothing")
	}
}

// TestSearchIsBounded gives the search many choices that are nearly equal.
func TestSearchIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, sigOps := range []int64{0, 5_000} {
		var all []*mempool.Entry
		for i := range maxSearched {
			e := entry(byte(i+1), 100_000+r.Int64N(100), 200_000+r.Int64N(1_000))
			e.SigOpCost = sigOps
			all = append(all, e)
		}
		s := newSelection(all, 1, 0, 0)
		if got, greedy := feesOf(choose(all, 1, 0, 0)), feesOf(s.run()); got < greedy {
			t.Errorf("fees %d, by feerate %d", got, greedy)
		}
	}
}

func TestModifiedFeesDecide(t *testing.T) {
	rich, favourite := entry(1, 100_000, 3_000_000), entry(2, 1_000, 3_000_000)
	favourite.Delta = 200_000
	shunned := entry(3, 50_000, 1_000)
	shunned.Delta = -60_000
	got := choose([]*mempool.Entry{rich, favourite, shunned}, 1, 0, 10)
	if !slices.Equal(got, []*mempool.Entry{favourite}) {
		t.Errorf("chose %v", idsOf(got))
	}
}

func TestSignals(t *testing.T) {
	b := newBench(t)
	if s := TestDummy(b.params, b.chain.Tip()); s != Defined {
		t.Errorf("another network has testdummy: %d", s)
	}
	b.params.Name = regtest
	states := map[int32]State{}
	for range 440 {
		tip := b.chain.Tip()
		states[tip.Height+1] = TestDummy(b.params, tip)
		b.mine(1)
	}
	for height, want := range map[int32]State{1: Defined, 143: Defined, 144: Started, 287: Started, 288: LockedIn, 431: LockedIn, 432: Active, 440: Active} {
		if states[height] != want {
			t.Errorf("block %d: state %d, want %d", height, states[height], want)
		}
		version := b.chain.ByHeight(height).Header().Version
		if signal := version == 0x30000000; signal != (want == Started || want == LockedIn) || !signal && version != 0x20000000 {
			t.Errorf("block %d has version %08x", height, version)
		}
	}
	// A window without enough signals changes nothing.
	old := newBench(t)
	old.mine(300)
	old.params.Name = regtest
	if s := TestDummy(old.params, old.chain.Tip()); s != Started {
		t.Errorf("state %d after blocks that do not signal", s)
	}
}

func BenchmarkSearch(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	var all []*mempool.Entry
	for i := range maxSearched {
		all = append(all, entry(byte(i+1), 100_000+r.Int64N(100), 200_000+r.Int64N(1_000)))
	}
	for b.Loop() {
		choose(all, 1, 0, 0)
	}
}
