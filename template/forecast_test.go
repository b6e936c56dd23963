package template

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
)

// crowd makes a mempool of its own: transactions of many sizes, of which some
// build on others.
func crowd(r *rand.Rand, weight int64) (entries []*mempool.Entry) {
	for sum := int64(0); sum < weight; {
		op := wire.OutPoint{Hash: chainhash.HashH([]byte{byte(len(entries)), byte(len(entries) >> 8), byte(len(entries) >> 16)})}
		var parent *mempool.Entry
		if len(entries) > 0 && r.IntN(4) == 0 {
			if parent = entries[r.IntN(len(entries))]; len(parent.Parents) > 0 {
				parent = nil // packages of two, or of a parent and several children
			} else {
				op = wire.OutPoint{Hash: parent.TxID, Index: r.Uint32() % 1000}
			}
		}
		e := candidate(op, 200+r.IntN(30_000), 1_000+r.Int64N(60_000))
		if parent != nil {
			e.Parents = []chainhash.Hash{parent.TxID}
		}
		entries = append(entries, e)
		sum += e.Weight
	}
	return entries
}

// candidate makes an entry of some vbytes, more or less, that pays a feerate.
func candidate(op wire.OutPoint, vsize int, rate int64) *mempool.Entry {
	tx := pay(op, 0, 0, 1, make([]byte, vsize))
	e := mempool.NewEntry(tx, 0, 0, time.Unix(0, 0), 1)
	return mempool.NewEntry(tx, (e.VSize*rate+999)/1000, 4, time.Unix(0, 0), 1)
}

// wait says how many blocks it takes until a transaction is in one.
func wait(in Input, e *mempool.Entry) int {
	in.Candidates = append(slices.Clone(in.Candidates), e)
	for n := 1; ; n++ {
		chosen := choose(in.Candidates, 1, 0, in.MinFeeRate)
		if slices.Contains(chosen, e) {
			return n
		}
		if len(chosen) == 0 {
			return mempool.MaxTarget
		}
		in.Candidates = slices.DeleteFunc(in.Candidates, func(c *mempool.Entry) bool { return slices.Contains(chosen, c) })
	}
}

// TestEstimatesGetIn fills blocks from mempools of up to six of them: who pays
// what was estimated for a target is in a block by then, who pays much less is not.
func TestEstimatesGetIn(t *testing.T) {
	b := newBench(t)
	r := rand.New(rand.NewPCG(3, 4))
	tight := 0
	for round := range 12 {
		in := Input{Params: b.params, Parent: b.chain.Tip(), MinFeeRate: 1000, Candidates: crowd(r, int64(round)*2_000_000)}
		fills := Forecast(in, mempool.MaxTarget)
		if last := fills[len(fills)-1]; last.Full {
			t.Errorf("round %d: the last of %d blocks is full", round, len(fills))
		}
		o := mempool.Outlook{Floor: 1000, Next: fills}
		for target := 1; target <= len(fills)+1; target++ {
			estimate := o.Estimate(target, false)
			mine := candidate(wire.OutPoint{Index: uint32(target)}, 100+r.IntN(forecastRoom-300), estimate.Rate)
			if n := wait(in, mine); n > target {
				t.Errorf("round %d: %d sat/kvB for %d blocks took %d", round, estimate.Rate, target, n)
			}
			if estimate.Basis == mempool.OnFloor {
				continue
			}
			if estimate.Basis != mempool.OnMempool || !fills[target-1].Full {
				t.Errorf("round %d: target %d rests on %d", round, target, estimate.Basis)
			}
			if n := wait(in, candidate(wire.OutPoint{Index: 77}, 4_000, estimate.Rate*7/10)); n > target {
				tight++
			}
		}
	}
	if tight < 20 {
		t.Errorf("only %d estimates are not far too high", tight)
	}
}

// TestForecastEnds does not go on for ever about what fits into no block, nor
// about what pays too little.
func TestForecastEnds(t *testing.T) {
	b := newBench(t)
	in := Input{Params: b.params, Parent: b.chain.Tip(), MinFeeRate: 1000}
	is := func(what string, want ...mempool.Fill) {
		t.Helper()
		if got := Forecast(in, 10); !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	is("nothing waits", mempool.Fill{})
	in.Candidates = []*mempool.Entry{candidate(wire.OutPoint{}, 1_100_000, 5000)}
	is("too large for a block", mempool.Fill{})
	in.Candidates = []*mempool.Entry{candidate(wire.OutPoint{}, 200, 900), candidate(wire.OutPoint{Index: 1}, 990_000, 10)}
	is("too cheap", mempool.Fill{})
}

// TestFillOf reads off blocks how full they were.
func TestFillOf(t *testing.T) {
	if f := FillOf(nil, 1_000); f.Full {
		t.Errorf("an empty block: %+v", f)
	}
	var entries []*mempool.Entry
	for i := range 49 {
		entries = append(entries, candidate(wire.OutPoint{Index: uint32(i)}, 20_000, int64(10_000+100*i)))
	}
	f := FillOf(entries, consensus.MaxBlockWeight-1_000)
	if !f.Full || f.Rate < 10_000 || f.Rate > 10_010 {
		t.Errorf("a full block: %+v", f)
	}
	// A child that pays for its parent.
	cheap := candidate(wire.OutPoint{Index: 99}, 10_000, 0)
	child := candidate(wire.OutPoint{Hash: cheap.TxID}, 10_000, 30_000)
	child.Parents = []chainhash.Hash{cheap.TxID}
	f = FillOf(append(entries[10:], cheap, child), consensus.MaxBlockWeight-1_000)
	if !f.Full || f.Rate < 11_000 || f.Rate > 11_010 {
		t.Errorf("with a package: %+v", f)
	}
}
