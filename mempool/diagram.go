package mempool

import (
	"fmt"
	"math/big"
	"slices"
)

// chunk is a group of transactions that a miner takes together.
type chunk struct{ fees, vsize int64 }

// improves says whether a miner gains at every block size when chunk takes the
// place of the transactions in replaced, of which conflicts are spent directly
// by it, and returns what is wrong otherwise (Core's ImprovesFeerateDiagram). It
// answers only where conflicts have at most one relative.
func improves(conflicts, replaced []*node, added chunk) string {
	for _, n := range conflicts {
		if problem := simple(n); problem != "" {
			return problem
		}
	}
	before, after := chunksOf(replaced), []chunk{added}
	for _, n := range conflicts {
		// A parent that stays is worth only its own fee from then on.
		if len(n.parents) > 0 && !slices.Contains(replaced, n.parents[0]) {
			parent := n.parents[0].entry
			after = append(after, chunk{parent.ModifiedFee(), parent.VSize})
		}
	}
	if !better(diagram(after), diagram(before)) {
		return "insufficient feerate: does not improve feerate diagram"
	}
	return ""
}

// simple says what is wrong with a conflict whose relatives are too many to draw
// a diagram (Core's CheckConflictTopology).
func simple(n *node) string {
	id := n.entry.TxID
	switch {
	case n.anc.Count > 2:
		return fmt.Sprintf("%s has %d ancestors, max 1 allowed", id, n.anc.Count-1)
	case n.desc.Count > 2:
		return fmt.Sprintf("%s has %d descendants, max 1 allowed", id, n.desc.Count-1)
	case n.anc.Count > 1 && n.desc.Count > 1:
		return fmt.Sprintf("%s has both ancestor and descendant, exceeding cluster limit of 2", id)
	case n.desc.Count > 1 && n.children[0].anc.Count > 2:
		return fmt.Sprintf("%s is not the only parent of child %s", id, n.children[0].entry.TxID)
	case n.anc.Count > 1 && n.parents[0].desc.Count > 2:
		return fmt.Sprintf("%s is not the only child of parent %s", id, n.parents[0].entry.TxID)
	}
	return ""
}

// chunksOf divides pairs of parent and child, and single transactions, into
// chunks. The parents of those given are counted in.
func chunksOf(nodes []*node) []chunk {
	var list []chunk
	for _, n := range nodes {
		if n.desc.Count > 1 {
			continue // counted with its child
		}
		own := chunk{n.entry.ModifiedFee(), n.entry.VSize}
		both := chunk{n.anc.Fees, n.anc.VSize}
		switch {
		case n.anc.Count == 1:
			list = append(list, own)
		case CompareFeerates(own.fees, own.vsize, both.fees, both.vsize) > 0:
			list = append(list, both) // the child pays for its parent
		default:
			list = append(list, chunk{both.fees - own.fees, both.vsize - own.vsize}, own)
		}
	}
	return list
}

// diagram orders chunks as a miner takes them and adds them up: the points of a
// curve that shows the fees that a block of each size can have.
func diagram(chunks []chunk) []chunk {
	slices.SortFunc(chunks, func(a, b chunk) int { return CompareFeerates(b.fees, b.vsize, a.fees, a.vsize) })
	points := make([]chunk, 1, len(chunks)+1)
	for i, c := range chunks {
		points = append(points, chunk{points[i].fees + c.fees, points[i].vsize + c.vsize})
	}
	return points
}

// better says whether the curve a is nowhere below b, and somewhere above (Core's
// CompareChunks). Both go on level behind their last point.
func better(a, b []chunk) bool {
	above := false
	for _, point := range slices.Concat(a, b) {
		c := feesAt(a, point.vsize).Cmp(feesAt(b, point.vsize))
		if c < 0 {
			return false
		}
		above = above || c > 0
	}
	return above
}

// feesAt reads a curve at a size.
func feesAt(points []chunk, vsize int64) *big.Rat {
	last := points[len(points)-1]
	for i, next := range points[1:] {
		if vsize < next.vsize {
			from := points[i]
			rise := big.NewRat(next.fees-from.fees, next.vsize-from.vsize)
			rise.Mul(rise, new(big.Rat).SetInt64(vsize-from.vsize))
			return rise.Add(rise, new(big.Rat).SetInt64(from.fees))
		}
	}
	return new(big.Rat).SetInt64(last.fees)
}
