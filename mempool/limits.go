package mempool

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"
)

// limits are how many relatives a transaction may have in the pool, itself
// included, and their size in vbytes.
type limits struct {
	ancestors, descendants       int
	ancestorSize, descendantSize int64
}

func (p *Policy) limits() limits {
	return limits{p.MaxAncestors, p.MaxDescendants, p.MaxAncestorSize, p.MaxDescendantSize}
}

// checkLimits returns a transaction's ancestors in the pool, or refuses it when
// there would be too long a chain.
func (p *Pool) checkLimits(e *Entry, conflicts []*node, carveOut bool) (map[*node]struct{}, error) {
	l := p.policy.limits()
	if len(conflicts) == 1 && carveOut {
		// The conflict goes, so its place among its parents' descendants is free.
		l.descendants++
		l.descendantSize += conflicts[0].desc.VSize
	}
	ancestors, problem := p.ancestors(e, l)
	if problem == "" {
		return ancestors, nil
	}
	if carveOut && e.VSize <= carveOutSize && e.Tx.Version != trucVersion {
		l.ancestors = 2
		l.descendants++
		l.descendantSize += carveOutSize
		if ancestors, again := p.ancestors(e, l); again == "" {
			return ancestors, nil
		}
	}
	return nil, policy(TooLongMempoolChain, "%s", problem)
}

// ancestors walks up from a new transaction and says in Core's words which limit
// it meets (CalculateMemPoolAncestors).
func (p *Pool) ancestors(e *Entry, l limits) (map[*node]struct{}, string) {
	parents := p.graph.parentsOf(e.Tx)
	if len(parents)+1 > l.ancestors {
		return nil, fmt.Sprintf("too many unconfirmed parents [limit: %d]", l.ancestors)
	}
	return climb(parents, 1, e.VSize, l)
}

// climb collects the parents given and all their ancestors. It stops where count
// transactions more, of size vbytes together, would break a limit, and says which
// (Core's CalculateAncestorsAndCheckLimits, whose order decides what is said).
func climb(todo []*node, count int, size int64, l limits) (map[*node]struct{}, string) {
	todo = slices.Clone(todo)
	seen := map[*node]struct{}{}
	total := size
	for len(todo) > 0 {
		n := slices.MinFunc(todo, byTxID)
		todo = without(todo, n)
		seen[n] = struct{}{}
		total += n.entry.VSize
		switch {
		case n.desc.VSize+size > l.descendantSize:
			return nil, fmt.Sprintf("exceeds descendant size limit for tx %s [limit: %d]", n.entry.TxID, l.descendantSize)
		case n.desc.Count+count > l.descendants:
			return nil, fmt.Sprintf("too many descendants for tx %s [limit: %d]", n.entry.TxID, l.descendants)
		case total > l.ancestorSize:
			return nil, fmt.Sprintf("exceeds ancestor size limit [limit: %d]", l.ancestorSize)
		}
		for _, parent := range n.parents {
			if _, old := seen[parent]; !old && !slices.Contains(todo, parent) {
				todo = append(todo, parent)
			}
			if len(todo)+len(seen)+count > l.ancestors {
				return nil, fmt.Sprintf("too many unconfirmed ancestors [limit: %d]", l.ancestors)
			}
		}
	}
	return seen, ""
}

// packageLimits says in Core's words which limit transactions meet that would
// come together, as if all of them descended from every ancestor that any has in
// the pool (CheckPackageLimits). It returns nothing when they meet none.
func (p *Pool) packageLimits(txs []*wire.MsgTx, size int64) string {
	l, count := p.policy.limits(), len(txs)
	switch {
	case count > l.ancestors:
		return fmt.Sprintf("package count %d exceeds ancestor count limit [limit: %d]", count, l.ancestors)
	case count > l.descendants:
		return fmt.Sprintf("package count %d exceeds descendant count limit [limit: %d]", count, l.descendants)
	case size > l.ancestorSize:
		return fmt.Sprintf("package size %d exceeds ancestor size limit [limit: %d]", size, l.ancestorSize)
	case size > l.descendantSize:
		return fmt.Sprintf("package size %d exceeds descendant size limit [limit: %d]", size, l.descendantSize)
	}
	var parents []*node
	for _, tx := range txs {
		for _, n := range p.graph.parentsOf(tx) {
			if !slices.Contains(parents, n) {
				parents = append(parents, n)
			}
		}
		if len(parents)+count > l.ancestors {
			return fmt.Sprintf("too many unconfirmed parents [limit: %d]", l.ancestors)
		}
	}
	if _, problem := climb(parents, count, size, l); problem != "" {
		return "possibly " + problem
	}
	return ""
}

// byTxID orders nodes as Core's sets of them are ordered.
func byTxID(a, b *node) int { return bytes.Compare(a.entry.TxID[:], b.entry.TxID[:]) }
