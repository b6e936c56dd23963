package mempool

import (
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// Sums are totals over a transaction and its relatives in the pool.
type Sums struct {
	Count int   // transactions, itself included
	VSize int64 // vbytes
	Fees  int64 // modified fees, in satoshis
}

func (s *Sums) add(e *Entry)    { s.Count++; s.VSize += e.VSize; s.Fees += e.ModifiedFee() }
func (s *Sums) remove(e *Entry) { s.Count--; s.VSize -= e.VSize; s.Fees -= e.ModifiedFee() }

// Entry is a transaction in the pool as it stood at one moment. It is never
// changed once made: when its relatives change, another Entry takes its place.
type Entry struct {
	Tx    *wire.MsgTx // not to be changed
	TxID  chainhash.Hash
	WTxID chainhash.Hash

	Fee       int64     // satoshis
	Delta     int64     // satoshis by which Prioritise makes it look as if it paid more
	Weight    int64     //
	VSize     int64     // vbytes, more than Weight/4 when it has many signature checks (policy, Core's GetVirtualTransactionSize)
	SigOpCost int64     //
	Time      time.Time // when it came in; whole seconds
	Height    int32     // of the tip at that time

	// Unbroadcast: it was handed in here, and no peer has asked for it yet.
	Unbroadcast bool

	Parents     []chainhash.Hash // in the pool, whose outputs it spends
	Children    []chainhash.Hash // in the pool, that spend its outputs
	Ancestors   Sums
	Descendants Sums
}

// ModifiedFee is the fee by which a transaction is judged, mined and evicted, in
// satoshis; what it pays is Fee.
func (e *Entry) ModifiedFee() int64 {
	const limit = int64(consensus.MaxMoney) // so that sums do not overflow
	return e.Fee + min(max(e.Delta, -limit), limit)
}

// NewEntry measures a transaction that spends coins. Relatives are left out.
func NewEntry(tx *wire.MsgTx, fee, sigOpCost int64, now time.Time, height int32) *Entry {
	return newEntry(tx, fee, 0, sigOpCost, now, height)
}

func newEntry(tx *wire.MsgTx, fee, delta, sigOpCost int64, now time.Time, height int32) *Entry {
	e := &Entry{
		Tx:        tx,
		TxID:      tx.TxHash(),
		WTxID:     tx.WitnessHash(),
		Fee:       fee,
		Delta:     delta,
		Weight:    consensus.Weight(tx),
		SigOpCost: sigOpCost,
		Time:      time.Unix(now.Unix(), 0),
		Height:    height,
	}
	e.VSize = (max(e.Weight, sigOpCost*bytesPerSigOp) + consensus.WitnessScale - 1) / consensus.WitnessScale
	e.Ancestors.add(e)
	e.Descendants.add(e)
	return e
}

// memory estimates what a transaction occupies in this process, in bytes. The
// pool's size limit is counted in it.
func (e *Entry) memory() int64 {
	size := 700 // entry, node, map slots
	for _, in := range e.Tx.TxIn {
		size += 200 + len(in.SignatureScript)
		for _, item := range in.Witness {
			size += 24 + len(item)
		}
	}
	for _, out := range e.Tx.TxOut {
		size += 48 + len(out.PkScript)
	}
	return int64(size)
}

// node is a transaction with its links. All of it belongs to the pool's owner.
type node struct {
	entry    *Entry // its relatives and their sums are stale while dirty
	dirty    bool
	parents  []*node // without repetition
	children []*node // without repetition
	anc      Sums
	desc     Sums
	order    int // place in graph.order
	heap     int // place in graph.worst
	memory   int64
}

// view returns the entry as it stands.
func (n *node) view() *Entry {
	if !n.dirty {
		return n.entry
	}
	e := *n.entry
	e.Ancestors, e.Descendants = n.anc, n.desc
	e.Parents, e.Children = ids(n.parents), ids(n.children)
	n.entry, n.dirty = &e, false
	return n.entry
}

func ids(nodes []*node) []chainhash.Hash {
	if len(nodes) == 0 {
		return nil
	}
	list := make([]chainhash.Hash, len(nodes))
	for i, n := range nodes {
		list[i] = n.entry.TxID
	}
	return list
}

// graph is the set of transactions with its indexes, kept consistent by insert
// and remove. It decides nothing.
type graph struct {
	nodes   map[chainhash.Hash]*node
	byWTxID map[chainhash.Hash]*node
	spent   map[wire.OutPoint]*node // who spends it
	order   []*node                 // parents before children; nil where one was removed
	holes   int                     // in order
	worst   evictionHeap

	vsize       int64
	fees        int64 // what is paid, not modified
	memory      int64
	unbroadcast int
}

func newGraph() *graph {
	return &graph{
		nodes:   map[chainhash.Hash]*node{},
		byWTxID: map[chainhash.Hash]*node{},
		spent:   map[wire.OutPoint]*node{},
	}
}

// parentsOf returns the nodes whose outputs a transaction spends.
func (g *graph) parentsOf(tx *wire.MsgTx) []*node {
	var parents []*node
	for _, in := range tx.TxIn {
		if p := g.nodes[in.PreviousOutPoint.Hash]; p != nil && !slices.Contains(parents, p) {
			parents = append(parents, p)
		}
	}
	return parents
}

// insert adds a transaction that conflicts with none here and has no children
// here.
func (g *graph) insert(e *Entry) *node {
	n := &node{entry: e, dirty: true, parents: g.parentsOf(e.Tx), memory: e.memory(), order: len(g.order)}
	n.anc.add(e)
	n.desc.add(e)
	for _, p := range n.parents {
		p.children = append(p.children, n)
		p.dirty = true
	}
	for a := range reach(n, parentsOf) {
		n.anc.add(a.entry)
		a.desc.add(e)
		a.dirty = true
		g.worst.fix(a)
	}
	g.nodes[e.TxID], g.byWTxID[e.WTxID] = n, n
	for _, in := range e.Tx.TxIn {
		g.spent[in.PreviousOutPoint] = n
	}
	g.order = append(g.order, n)
	g.worst.push(n)
	g.vsize += e.VSize
	g.fees += e.Fee
	g.memory += n.memory
	if e.Unbroadcast {
		g.unbroadcast++
	}
	return n
}

// prioritise changes what a transaction's fee is taken for.
func (g *graph) prioritise(n *node, delta int64) {
	e := *n.entry
	e.Delta = delta
	change := e.ModifiedFee() - n.entry.ModifiedFee()
	n.entry, n.dirty = &e, true
	n.anc.Fees += change
	n.desc.Fees += change
	for d := range reach(n, childrenOf) {
		d.anc.Fees += change
		d.dirty = true
	}
	g.worst.fix(n)
	for a := range reach(n, parentsOf) {
		a.desc.Fees += change
		a.dirty = true
		g.worst.fix(a)
	}
}

// mark notes whether a peer has yet to ask for a transaction.
func (g *graph) mark(n *node, unbroadcast bool) {
	if n.entry.Unbroadcast == unbroadcast {
		return
	}
	e := *n.entry
	e.Unbroadcast = unbroadcast
	n.entry, n.dirty = &e, true
	if unbroadcast {
		g.unbroadcast++
	} else {
		g.unbroadcast--
	}
}

// remove takes a transaction out. Its relatives stay.
func (g *graph) remove(n *node) {
	e := n.entry
	for a := range reach(n, parentsOf) {
		a.desc.remove(e)
		a.dirty = true
		g.worst.fix(a)
	}
	for d := range reach(n, childrenOf) {
		d.anc.remove(e)
		d.dirty = true
	}
	for _, p := range n.parents {
		p.children = without(p.children, n)
	}
	for _, c := range n.children {
		c.parents = without(c.parents, n)
	}
	delete(g.nodes, e.TxID)
	delete(g.byWTxID, e.WTxID)
	for _, in := range e.Tx.TxIn {
		delete(g.spent, in.PreviousOutPoint)
	}
	g.worst.remove(n)
	g.vsize -= e.VSize
	g.fees -= e.Fee
	g.memory -= n.memory
	if e.Unbroadcast {
		g.unbroadcast--
	}
	g.order[n.order] = nil
	if g.holes++; g.holes > 64 && g.holes > len(g.order)/2 {
		g.compact()
	}
}

// compact closes the holes in order.
func (g *graph) compact() {
	g.order = slices.DeleteFunc(g.order, func(n *node) bool { return n == nil })
	for i, n := range g.order {
		n.order = i
	}
	g.holes = 0
}

// entries returns all transactions, parents before children.
func (g *graph) entries() []*Entry {
	list := make([]*Entry, 0, len(g.nodes))
	for _, n := range g.order {
		if n != nil {
			list = append(list, n.view())
		}
	}
	return list
}

func without(list []*node, n *node) []*node {
	return slices.DeleteFunc(list, func(m *node) bool { return m == n })
}

func parentsOf(n *node) []*node  { return n.parents }
func childrenOf(n *node) []*node { return n.children }

// reach returns the nodes that can be reached from n, n itself left out.
func reach(n *node, next func(*node) []*node) map[*node]struct{} {
	if len(next(n)) == 0 {
		return nil
	}
	seen := map[*node]struct{}{}
	todo := slices.Clone(next(n))
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, old := seen[m]; !old {
			seen[m] = struct{}{}
			todo = append(todo, next(m)...)
		}
	}
	return seen
}

// withDescendants returns the nodes and all that depend on them, parents before
// children.
func withDescendants(nodes ...*node) []*node {
	set := map[*node]struct{}{}
	for _, n := range nodes {
		set[n] = struct{}{}
		for d := range reach(n, childrenOf) {
			set[d] = struct{}{}
		}
	}
	list := make([]*node, 0, len(set))
	for n := range set {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *node) int { return a.order - b.order })
	return list
}
