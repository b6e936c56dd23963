// Package mempool holds the transactions that wait for a block: which ones are
// taken (Core 28.1's default policy), which replace others, which go when there
// is no room or a block makes them impossible.
//
// It leaves consensus to package consensus, the coins and the order of blocks
// to package chain, the choice of what to mine to package template, and the
// sending to peers to others: it only remembers what no peer has asked for yet.
//
// A Pool owns its transactions under one mutex. It follows the chain by itself:
// every operation first walks from the block it knows to the present tip, so
// nothing is ever judged against an old tip. What Accept has returned is in the
// store; a transaction leaves the store when the chain has it or it was dropped.
// mempool.dat, Core's file, is only for import and export.
package mempool

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/network"
)

// Config is what a Pool is opened with.
type Config struct {
	Params  *network.Params
	Chain   *chain.Manager
	Store   kv.Store
	Exec    chain.Executor    // runs script checks
	Checked *chain.CheckCache // the chain's; what the pool has checked goes in
	Policy  Policy            // the zero value is DefaultPolicy

	// Now dates the transactions that come back from disconnected blocks, and
	// the blocks from which on the floor decays. Nil: the tip's time does.
	Now func() time.Time
}

// Pool is the mempool. Its methods may be called from any goroutine.
type Pool struct {
	config Config
	policy Policy

	mu      sync.Mutex // guards all below
	graph   *graph
	tip     *chain.Entry // of the chain, up to which blocks have been followed
	seq     uint64
	changed chan struct{}
	view    *Snapshot // of the present state, or nil
	floor   floor
	oldest  int64                    // no entry's time is before it, Unix seconds
	deltas  map[chainhash.Hash]int64 // satoshis, by txid, in the pool or not; none is 0
	moves   uint64                   // transactions that came and went, plus 1
}

// Open loads the transactions that were stored and follows the chain to its tip.
func Open(c Config) (*Pool, error) {
	if c.Policy == (Policy{}) {
		c.Policy = DefaultPolicy()
	}
	p := &Pool{config: c, policy: c.Policy, graph: newGraph(), changed: make(chan struct{}), deltas: map[chainhash.Hash]int64{}, moves: 1}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// Accept adds a transaction, and takes out those that it replaces, or refuses it
// with a *consensus.Error. It is in the store, synced, when Accept returns.
func (p *Pool) Accept(tx *wire.MsgTx, now time.Time) (*Entry, error) {
	return p.accept(tx, now, false)
}

// AcceptOwn is Accept for a transaction that starts at this node: it counts as
// not broadcast until a peer asks for it.
func (p *Pool) AcceptOwn(tx *wire.MsgTx, now time.Time) (*Entry, error) {
	return p.accept(tx, now, true)
}

func (p *Pool) accept(tx *wire.MsgTx, now time.Time, own bool) (*Entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.check(tx, now, own)
	if err != nil {
		return nil, err
	}
	do := p.change()
	n := do.replace(c)
	do.limit(now)
	if !do.holds(n) {
		do.revert()
		return nil, reconsider(MempoolFull, "")
	}
	if err := do.commit(); err != nil {
		return nil, err
	}
	return n.view(), nil
}

// Test judges a transaction as Accept does, but for room in a full pool, and
// changes nothing.
func (p *Pool) Test(tx *wire.MsgTx, now time.Time) (*Entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.check(tx, now, false)
	if err != nil {
		return nil, err
	}
	return c.entry, nil
}

func (p *Pool) check(tx *wire.MsgTx, now time.Time, own bool) (*candidate, error) {
	if err := p.checkAlone(tx); err != nil {
		return nil, err // before coins are read
	}
	v, err := p.coinView(tx)
	if err != nil {
		return nil, err
	}
	return p.admit(arrival{tx: tx, time: now, height: p.tip.Height, unbroadcast: own}, v, single)
}

// Get returns a transaction of the pool as it is now known, nil when it is not
// there. It does not follow the chain first.
func (p *Pool) Get(txid chainhash.Hash) *Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.graph.nodes[txid]; n != nil {
		return n.view()
	}
	return nil
}

// Spender returns the transaction in the pool that spends an output.
func (p *Pool) Spender(op wire.OutPoint) (txid chainhash.Hash, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.graph.spent[op]; n != nil {
		return n.entry.TxID, true
	}
	return chainhash.Hash{}, false
}

// Snapshot is the pool at one moment. It is never changed once made.
type Snapshot struct {
	Tip     chainhash.Hash // of the chain at that moment, as far as the pool had followed it
	Seq     uint64
	Entries []*Entry // parents before children

	// Sequence counts every transaction that came or went, from 1 (Core's
	// mempool_sequence).
	Sequence uint64
}

// Snapshot returns all transactions as they are now known; CatchUp first brings
// it to the chain's tip.
func (p *Pool) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view == nil {
		p.view = &Snapshot{Tip: p.tip.Hash, Seq: p.seq, Entries: p.graph.entries(), Sequence: p.moves}
	}
	return *p.view
}

// Seq counts the changes of the pool since it was opened.
func (p *Pool) Seq() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seq
}

// Changed returns a channel that is closed when a transaction next comes or goes.
func (p *Pool) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// Info is the pool in numbers.
type Info struct {
	Count     int
	VSize     int64 // vbytes of all
	Memory    int64 // bytes that they occupy, estimated
	MaxMemory int64
	Fees      int64 // satoshis of all, as they are paid
	MinFee    int64 // satoshis per 1,000 vbytes that a transaction must pay now
	Policy    Policy

	Unbroadcast int // transactions that no peer has asked for yet
}

// Info counts.
func (p *Pool) Info(now time.Time) Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Info{
		Count:     len(p.graph.nodes),
		VSize:     p.graph.vsize,
		Memory:    p.graph.memory,
		MaxMemory: p.policy.MaxMemory,
		Fees:      p.graph.fees,
		MinFee:    max(p.floor.rate(now, p.graph.memory, &p.policy), p.policy.MinRelayFee),
		Policy:    p.policy,

		Unbroadcast: p.graph.unbroadcast,
	}
}

// CatchUp follows the chain to its tip of now.
func (p *Pool) CatchUp(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.follow()
}

// Run follows the chain until ctx ends, and then returns nil. Without it the
// pool would follow only when it is asked something.
func (p *Pool) Run(ctx context.Context) error {
	for {
		moved := p.config.Chain.Changed()
		if err := p.CatchUp(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil
		}
	}
}

// touch notes that the set of transactions or the tip has changed. Only a
// change of the set is announced.
func (p *Pool) touch(set bool) {
	p.view = nil
	if set {
		p.seq++
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// insert adds a transaction to the graph.
func (p *Pool) insert(e *Entry) *node {
	p.moves++
	return p.graph.insert(e)
}

// forget removes transactions from the graph, children before parents, and
// returns their entries, parents before children.
func (p *Pool) forget(nodes []*node) []*Entry {
	p.moves += uint64(len(nodes))
	entries := make([]*Entry, 0, len(nodes))
	for _, n := range slices.Backward(nodes) {
		entries = append(entries, n.entry)
		p.graph.remove(n)
	}
	slices.Reverse(entries)
	return entries
}
