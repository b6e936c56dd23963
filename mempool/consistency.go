package mempool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
)

// Check compares everything that the pool keeps with what can be derived from
// its transactions, the chain and the store. It is for tests: it takes time that
// grows with the square of the pool's size.
func (p *Pool) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.follow(); err != nil {
		return err
	}
	return errors.Join(p.graph.check(), p.checkPossible(), p.checkStored())
}

// check derives links and sums anew.
func (g *graph) check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	var total Sums
	var memory, paid int64
	unbroadcast := 0
	spent := map[wire.OutPoint]*node{}
	holes := 0
	for i, n := range g.order {
		if n == nil {
			holes++
			continue
		}
		e := n.view()
		total.add(e)
		memory += e.memory()
		paid += e.Fee
		if e.Unbroadcast {
			unbroadcast++
		}
		if n.order != i || g.nodes[e.TxID] != n || g.byWTxID[e.WTxID] != n || e.Tx.TxHash() != e.TxID || e.Tx.WitnessHash() != e.WTxID {
			fault("%s: indexes are wrong", e.TxID)
		}
		for _, in := range e.Tx.TxIn {
			if spent[in.PreviousOutPoint] != nil {
				fault("%s: input %s is spent twice", e.TxID, in.PreviousOutPoint)
			}
			spent[in.PreviousOutPoint] = n
		}
		if !slices.Equal(n.parents, g.parentsOf(e.Tx)) && !sameNodes(n.parents, g.parentsOf(e.Tx)) {
			fault("%s: parents are wrong", e.TxID)
		}
		for _, parent := range n.parents {
			if parent.order >= i || !slices.Contains(parent.children, n) {
				fault("%s: parent %s does not precede or know it", e.TxID, parent.entry.TxID)
			}
		}
		for _, child := range n.children {
			if !slices.Contains(child.parents, n) {
				fault("%s: child %s does not know it", e.TxID, child.entry.TxID)
			}
		}
		if e.Ancestors != sumOf(n, parentsOf) || e.Descendants != sumOf(n, childrenOf) {
			fault("%s: sums %+v %+v, want %+v %+v", e.TxID, e.Ancestors, e.Descendants, sumOf(n, parentsOf), sumOf(n, childrenOf))
		}
	}
	if total.Count != len(g.nodes) || total.Count != len(g.byWTxID) || total.Count != len(g.worst.list) || holes != g.holes {
		fault("%d transactions in order, %d and %d in indexes, %d in the heap, %d holes of %d", total.Count, len(g.nodes), len(g.byWTxID), len(g.worst.list), holes, g.holes)
	}
	if total.VSize != g.vsize || paid != g.fees || memory != g.memory || unbroadcast != g.unbroadcast {
		fault("totals %d %d %d %d, want %d %d %d %d", g.vsize, g.fees, g.memory, g.unbroadcast, total.VSize, paid, memory, unbroadcast)
	}
	if !maps.Equal(spent, g.spent) {
		fault("the index of spent outputs is wrong")
	}
	for i, n := range g.worst.list {
		if n.heap != i || g.worst.list.Less(i, 0) {
			fault("%s: the heap is out of order", n.entry.TxID)
		}
	}
	return errors.Join(faults...)
}

func sameNodes(a, b []*node) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(n *node) bool { return !slices.Contains(b, n) })
}

func sumOf(n *node, next func(*node) []*node) Sums {
	var s Sums
	s.add(n.entry)
	for m := range reach(n, next) {
		s.add(m.entry)
	}
	return s
}

// checkPossible says whether the next block could hold every transaction.
func (p *Pool) checkPossible() error {
	for _, e := range p.graph.entries() {
		var ops []wire.OutPoint
		for _, in := range e.Tx.TxIn {
			ops = append(ops, in.PreviousOutPoint)
		}
		found, tip, err := p.coinsOf(ops)
		if err != nil {
			return err
		}
		if tip != p.tip {
			return errors.New("the chain has moved on during the check")
		}
		coins := (&coinView{pool: p, chain: found}).coins(e.Tx)
		if slices.Contains(coins, nil) {
			return fmt.Errorf("%s: has lost a coin", e.TxID)
		}
		fee, err := consensus.CheckTxInputs(p.config.Params, e.Tx, coins, tip.Height+1)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", e.TxID, err)
		case fee != e.Fee || consensus.SigOpCost(e.Tx, coins, consensus.StandardFlags) != e.SigOpCost:
			return fmt.Errorf("%s: fee %d, want %d", e.TxID, e.Fee, fee)
		case !consensus.IsFinal(e.Tx, tip.Height+1, tip.MedianTimePast()) || !p.locksMet(e.Tx, coins):
			return fmt.Errorf("%s: is not final", e.TxID)
		}
	}
	return nil
}

// checkStored compares pool and store.
func (p *Pool) checkStored() error {
	position, err := p.config.Store.Get(positionKey)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err == nil && !bytes.Equal(position, p.tip.Hash[:]) {
		return fmt.Errorf("stored position %x is not the tip %s", position, p.tip.Hash)
	}
	stored := 0
	unbroadcast := 0
	deltas := map[chainhash.Hash]int64{}
	return errors.Join(
		p.scanIDs(txPrefix, func(txid chainhash.Hash, value []byte) error {
			stored++
			n := p.graph.nodes[txid]
			switch {
			case n == nil:
				return fmt.Errorf("%s is in the store only", txid)
			case !bytes.Equal(value, encodeRecord(n.entry)):
				return fmt.Errorf("%s is stored otherwise", txid)
			case n.entry.Delta != p.deltas[txid]:
				return fmt.Errorf("%s has delta %d, want %d", txid, n.entry.Delta, p.deltas[txid])
			}
			return nil
		}),
		p.scanIDs(unbroadcastPrefix, func(txid chainhash.Hash, _ []byte) error {
			unbroadcast++
			if n := p.graph.nodes[txid]; n == nil || !n.entry.Unbroadcast {
				return fmt.Errorf("%s is stored as unbroadcast", txid)
			}
			return nil
		}),
		p.scanIDs(deltaPrefix, func(txid chainhash.Hash, value []byte) error {
			deltas[txid] = int64(binary.LittleEndian.Uint64(value))
			return nil
		}),
		func() error {
			if stored != len(p.graph.nodes) || unbroadcast != p.graph.unbroadcast || !maps.Equal(deltas, p.deltas) {
				return fmt.Errorf("%d of %d transactions, %d of %d unbroadcast, deltas %v of %v are stored",
					stored, len(p.graph.nodes), unbroadcast, p.graph.unbroadcast, deltas, p.deltas)
			}
			return nil
		}(),
	)
}
