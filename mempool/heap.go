package mempool

import (
	"cmp"
	"container/heap"
	"math/bits"
)

// evictionHeap keeps the transaction on top that is to go first when the pool
// is full: the one with the lowest score.
type evictionHeap struct{ list heapList }

func (h *evictionHeap) push(n *node)   { heap.Push(&h.list, n) }
func (h *evictionHeap) remove(n *node) { heap.Remove(&h.list, n.heap) }
func (h *evictionHeap) fix(n *node)    { heap.Fix(&h.list, n.heap) }

// lowest is the transaction on top, nil of an empty heap.
func (h *evictionHeap) lowest() *node {
	if len(h.list) == 0 {
		return nil
	}
	return h.list[0]
}

// heapList implements heap.Interface.
type heapList []*node

func (h heapList) Len() int { return len(h) }

// Less compares by score: the feerate of the transaction with all its
// descendants, or its own if that is higher (Core's
// CompareTxMemPoolEntryByDescendantScore). Among equals the newest goes first.
func (h heapList) Less(i, j int) bool {
	a, b := score(h[i]), score(h[j])
	if c := CompareFeerates(a.Fees, a.VSize, b.Fees, b.VSize); c != 0 {
		return c < 0
	}
	return cmp.Compare(h[i].order, h[j].order) > 0
}

func (h heapList) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

// Push is called by package heap.
func (h *heapList) Push(x any) {
	n := x.(*node)
	n.heap = len(*h)
	*h = append(*h, n)
}

// Pop is called by package heap.
func (h *heapList) Pop() any {
	old := *h
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return n
}

func score(n *node) Sums {
	own := Sums{VSize: n.entry.VSize, Fees: n.entry.ModifiedFee()}
	if CompareFeerates(own.Fees, own.VSize, n.desc.Fees, n.desc.VSize) > 0 {
		return own
	}
	return n.desc
}

// CompareFeerates compares the feerates fees/size of two transactions or groups
// of them: negative when the first is lower. Sizes are above zero; modified fees
// may be below.
func CompareFeerates(fees1, size1, fees2, size2 int64) int {
	switch negative1, negative2 := fees1 < 0, fees2 < 0; {
	case negative1 && negative2:
		return CompareFeerates(-fees2, size2, -fees1, size1)
	case negative1:
		return -1
	case negative2:
		return 1
	}
	high1, low1 := bits.Mul64(uint64(fees1), uint64(size2))
	high2, low2 := bits.Mul64(uint64(fees2), uint64(size1))
	return cmp.Or(cmp.Compare(high1, high2), cmp.Compare(low1, low2))
}
