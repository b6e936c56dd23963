package template

import (
	"container/heap"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
)

// selection chooses transactions by the feerate of each together with its
// ancestors that are not in the block yet, so that a child pays for its parents
// (Core's BlockAssembler::addPackageTxs).
type selection struct {
	height  int32 // of the block
	cutoff  int64 // its lock-time cutoff: the parent's median time (BIP113)
	minRate int64 // satoshis per 1,000 vbytes
	any     bool  // forecast takes whatever it gets

	items  []item
	queue  itemQueue
	weight int64 // of the block so far
	sigOps int64
	chosen []*mempool.Entry
}

// item is one candidate. Its sums cover it and its ancestors that are still to be
// mined.
type item struct {
	entry    *mempool.Entry
	parents  []int // places in selection.items
	children []int
	fees     int64
	vsize    int64
	weight   int64
	sigOps   int64
	state    state
	place    int // in the queue
}

type state uint8

const (
	waiting state = iota
	inBlock
	impossible
)

// fullAfter is the number of packages in a row that may not fit before a nearly
// full block is taken for full (policy, Core's MAX_CONSECUTIVE_FAILURES).
const fullAfter = 1_000

func newSelection(candidates []*mempool.Entry, height int32, cutoff, minRate int64) *selection {
	s := &selection{
		height: height, cutoff: cutoff, minRate: minRate,
		weight: reservedWeight, sigOps: reservedSigOpsCost,
		items: make([]item, len(candidates)),
	}
	at := make(map[chainhash.Hash]int, len(candidates))
	for i, e := range candidates {
		s.items[i] = item{entry: e}
		for _, id := range e.Parents {
			if j, ok := at[id]; ok {
				s.items[i].parents = append(s.items[i].parents, j)
				s.items[j].children = append(s.items[j].children, i)
			}
		}
		at[e.TxID] = i
		for _, j := range s.packageOf(i) {
			s.items[i].add(s.items[j].entry, 1)
		}
	}
	s.queue = itemQueue{items: s.items, list: make([]int, len(candidates))}
	for i := range candidates {
		s.queue.list[i], s.items[i].place = i, i
	}
	heap.Init(&s.queue)
	return s
}

func (it *item) add(e *mempool.Entry, sign int64) {
	it.fees += sign * e.ModifiedFee()
	it.vsize += sign * e.VSize
	it.weight += sign * e.Weight
	it.sigOps += sign * e.SigOpCost
}

// run fills the block and returns its transactions, parents before children.
func (s *selection) run() []*mempool.Entry {
	failed := 0
	for s.queue.Len() > 0 {
		i := heap.Pop(&s.queue).(int)
		it := &s.items[i]
		if it.fees < (s.minRate*it.vsize+999)/1000 {
			break // everything behind it pays less
		}
		if !s.fits(it) {
			failed++
			if failed > fullAfter && s.weight > consensus.MaxBlockWeight-reservedWeight {
				break
			}
			it.state = impossible
			continue
		}
		group := s.packageOf(i)
		if !s.possible(group) {
			it.state = impossible
			continue
		}
		failed = 0
		for _, j := range group {
			s.take(j)
		}
	}
	return s.chosen
}

// fits says whether an item and its ancestors have room (consensus limits).
func (s *selection) fits(it *item) bool {
	return s.weight+it.weight <= consensus.MaxBlockWeight && s.sigOps+it.sigOps <= consensus.MaxBlockSigOpsCost
}

// possible says whether nothing in a group is locked to a later block.
func (s *selection) possible(group []int) bool {
	return !slices.ContainsFunc(group, func(i int) bool {
		return !consensus.IsFinal(s.items[i].entry.Tx, s.height, s.cutoff)
	})
}

// packageOf returns an item and its ancestors that are not in the block, parents
// before children. An ancestor that did not fit by itself is among them: as a
// part of this package it does not fit either.
func (s *selection) packageOf(i int) []int {
	if len(s.items[i].parents) == 0 {
		return []int{i}
	}
	seen := map[int]bool{i: true}
	group := []int{i}
	for k := 0; k < len(group); k++ {
		for _, j := range s.items[group[k]].parents {
			if !seen[j] && s.items[j].state != inBlock {
				seen[j] = true
				group = append(group, j)
			}
		}
	}
	slices.Sort(group) // candidates come parents first
	return group
}

// take puts an item into the block; its descendants no longer have to pay for it.
func (s *selection) take(i int) {
	it := &s.items[i]
	it.state = inBlock
	s.weight += it.entry.Weight
	s.sigOps += it.entry.SigOpCost
	s.chosen = append(s.chosen, it.entry)
	if it.place >= 0 {
		heap.Remove(&s.queue, it.place)
	}
	if len(it.children) == 0 {
		return
	}
	seen := map[int]bool{}
	todo := slices.Clone(it.children)
	for len(todo) > 0 {
		j := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[j] {
			continue
		}
		seen[j] = true
		s.items[j].add(it.entry, -1)
		if s.items[j].place >= 0 {
			heap.Fix(&s.queue, s.items[j].place)
		}
		todo = append(todo, s.items[j].children...)
	}
}

// itemQueue is a heap of places in items, the best feerate on top.
type itemQueue struct {
	items []item
	list  []int
}

func (q *itemQueue) Len() int { return len(q.list) }

// Less prefers the higher feerate, then the smaller txid, so that the result does
// not depend on the order of the candidates. The feerate of an item is the lower
// one of its own and that with its ancestors (Core's
// CompareTxMemPoolEntryByAncestorFee).
func (q *itemQueue) Less(i, j int) bool {
	a, b := &q.items[q.list[i]], &q.items[q.list[j]]
	fees1, size1 := a.score()
	fees2, size2 := b.score()
	if c := mempool.CompareFeerates(fees1, size1, fees2, size2); c != 0 {
		return c > 0
	}
	return slices.Compare(a.entry.TxID[:], b.entry.TxID[:]) < 0
}

func (it *item) score() (fees, vsize int64) {
	if mempool.CompareFeerates(it.entry.ModifiedFee(), it.entry.VSize, it.fees, it.vsize) < 0 {
		return it.entry.ModifiedFee(), it.entry.VSize
	}
	return it.fees, it.vsize
}

func (q *itemQueue) Swap(i, j int) {
	q.list[i], q.list[j] = q.list[j], q.list[i]
	q.items[q.list[i]].place, q.items[q.list[j]].place = i, j
}

// Push is called by package heap: a forecast puts back what did not fit.
func (q *itemQueue) Push(x any) {
	i := x.(int)
	q.items[i].place = len(q.list)
	q.list = append(q.list, i)
}

// Pop is called by package heap.
func (q *itemQueue) Pop() any {
	i := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	q.items[i].place = -1
	return i
}
