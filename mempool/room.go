package mempool

import (
	"math"
	"time"
)

// trim evicts transactions with their descendants, those that pay least first,
// until the pool is within its size, and raises the floor above what they paid
// (Core's TrimToSize).
func (p *Pool) trim() []*Entry {
	var removed []*Entry
	for p.graph.memory > p.policy.MaxMemory {
		n := p.graph.worst.lowest()
		if n == nil {
			break
		}
		removedRate := math.Trunc(float64(n.desc.Fees) * 1000 / float64(n.desc.VSize))
		p.floor.raise(removedRate + float64(p.policy.IncrementalRelayFee))
		removed = append(removed, p.forget(withDescendants(n))...)
	}
	return removed
}

// expire removes what has waited too long, with its descendants.
func (p *Pool) expire(now time.Time) []*Entry {
	limit := now.Add(-p.policy.Expiry).Unix()
	if p.oldest >= limit || len(p.graph.nodes) == 0 {
		return nil
	}
	var old []*node
	oldest := now.Unix()
	for _, n := range p.graph.nodes {
		if t := n.entry.Time.Unix(); t < limit {
			old = append(old, n)
		} else {
			oldest = min(oldest, t)
		}
	}
	p.oldest = oldest
	return p.forget(withDescendants(old...))
}
