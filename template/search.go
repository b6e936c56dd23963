package template

import (
	"slices"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
)

// Bounds of the search for a better choice (policy). Among many transactions the
// choice by feerate is within a small part of the best anyhow; among few large
// ones it may leave much of a block empty.
const (
	maxSearched = 40     // candidates
	maxSteps    = 20_000 // choices tried; about 5 ms
)

// choose returns the transactions for a block, parents before children. It is
// the choice by feerate, unless there are few candidates that do not all fit, and
// another choice of them pays more.
func choose(candidates []*mempool.Entry, height int32, cutoff, minRate int64) []*mempool.Entry {
	s := newSelection(candidates, height, cutoff, minRate)
	chosen := s.run()
	if len(chosen) == len(candidates) || len(chosen) > maxSearched {
		return chosen
	}
	// What would be taken if there were room.
	roomy := newSelection(candidates, height, cutoff, minRate)
	roomy.weight, roomy.sigOps = unlimited, unlimited
	worth := roomy.run()
	if len(worth) == len(chosen) || len(worth) > maxSearched {
		return chosen
	}
	better := search(worth, feesOf(chosen))
	if better == nil {
		return chosen
	}
	// In the order of feerates, as anyone expects, and without what is only worth
	// it together with a child that is not in.
	if ordered := newSelection(better, height, cutoff, minRate).run(); feesOf(ordered) > feesOf(chosen) {
		return ordered
	}
	return chosen
}

// unlimited is far enough below the limits that everything fits.
const unlimited = -1 << 40

func feesOf(entries []*mempool.Entry) (sum int64) {
	for _, e := range entries {
		sum += e.ModifiedFee()
	}
	return sum
}

// searcher tries all choices that could beat the best one yet, those with the
// best feerates first (branch and bound).
type searcher struct {
	entries []*mempool.Entry
	parents [][]int // places in entries, all before the child's
	byRate  []int   // the same places, the best feerate first
	bySigOp []int   // and those that pay most for a signature check first
	steps   int

	state  []state // of each place in the choice that is being tried
	fees   int64
	weight int64
	sigOps int64

	best   int64
	chosen []*mempool.Entry
}

// search returns the choice of entries, parents first, that pays most, or nil if
// none that it comes upon pays more than atLeast.
func search(entries []*mempool.Entry, atLeast int64) []*mempool.Entry {
	s := &searcher{
		entries: entries, best: atLeast, weight: reservedWeight, sigOps: reservedSigOpsCost,
		parents: make([][]int, len(entries)), state: make([]state, len(entries)),
	}
	for i, e := range entries {
		s.byRate = append(s.byRate, i)
		for j, other := range entries[:i] {
			if slices.Contains(e.Parents, other.TxID) {
				s.parents[i] = append(s.parents[i], j)
			}
		}
	}
	s.bySigOp = slices.Clone(s.byRate)
	s.sort(s.byRate, weightOf)
	s.sort(s.bySigOp, sigOpsOf)
	s.try(0)
	return s.chosen
}

func weightOf(e *mempool.Entry) int64 { return e.Weight }
func sigOpsOf(e *mempool.Entry) int64 { return e.SigOpCost }

// sort orders places by fee for a size.
func (s *searcher) sort(places []int, size func(*mempool.Entry) int64) {
	slices.SortStableFunc(places, func(i, j int) int {
		a, b := s.entries[i], s.entries[j]
		return -mempool.CompareFeerates(a.ModifiedFee(), max(size(a), 1), b.ModifiedFee(), max(size(b), 1))
	})
}

// try decides about the entries from place k of byRate on, both ways.
func (s *searcher) try(k int) {
	if s.fees > s.best {
		s.best, s.chosen = s.fees, s.inBlock()
	}
	if s.steps++; s.steps > maxSteps {
		return
	}
	for k < len(s.byRate) && s.state[s.byRate[k]] != waiting {
		k++
	}
	if k == len(s.byRate) ||
		s.bound(s.byRate, weightOf, consensus.MaxBlockWeight-s.weight) <= s.best ||
		s.bound(s.bySigOp, sigOpsOf, consensus.MaxBlockSigOpsCost-s.sigOps) <= s.best {
		return
	}
	i := s.byRate[k]
	if added, ok := s.take(i); ok {
		s.try(k + 1)
		s.undo(added)
	}
	s.state[i] = impossible
	s.try(k + 1)
	s.state[i] = waiting
}

// take puts an entry with its ancestors into the block, if they fit and none of
// them has been ruled out.
func (s *searcher) take(i int) (added []int, ok bool) {
	if s.state[i] == impossible {
		return nil, false
	}
	for _, j := range s.parents[i] {
		if s.state[j] == inBlock {
			continue
		}
		more, ok := s.take(j)
		added = append(added, more...)
		if !ok {
			s.undo(added)
			return nil, false
		}
	}
	e := s.entries[i]
	if s.weight+e.Weight > consensus.MaxBlockWeight || s.sigOps+e.SigOpCost > consensus.MaxBlockSigOpsCost {
		s.undo(added)
		return nil, false
	}
	s.state[i] = inBlock
	s.count(e, 1)
	return append(added, i), true
}

func (s *searcher) undo(added []int) {
	for _, i := range added {
		s.state[i] = waiting
		s.count(s.entries[i], -1)
	}
}

func (s *searcher) count(e *mempool.Entry, sign int64) {
	s.fees += sign * e.ModifiedFee()
	s.weight += sign * e.Weight
	s.sigOps += sign * e.SigOpCost
}

// bound is more than what the choice that is being tried can come to, as if
// transactions could be cut to fill the room that is left. places are in the
// order of what they pay for a size.
func (s *searcher) bound(places []int, size func(*mempool.Entry) int64, room int64) int64 {
	fees := s.fees
	for _, i := range places {
		e := s.entries[i]
		if s.state[i] != waiting || e.ModifiedFee() <= 0 {
			continue
		}
		n := size(e)
		if n > room {
			return fees + int64(float64(e.ModifiedFee())*float64(room)/float64(n)) + 1
		}
		fees, room = fees+e.ModifiedFee(), room-n
	}
	return fees
}

// inBlock lists the choice that is being tried, parents first.
func (s *searcher) inBlock() []*mempool.Entry {
	var list []*mempool.Entry
	for i, e := range s.entries {
		if s.state[i] == inBlock {
			list = append(list, e)
		}
	}
	return list
}
