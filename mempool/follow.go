package mempool

import (
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
)

// maxSteps is the number of blocks that are asked of the chain at once.
const maxSteps = 128

// follow brings the pool to the chain's tip.
func (p *Pool) follow() error {
	for {
		tip := p.config.Chain.Tip()
		if tip == p.tip {
			return nil
		}
		if len(p.graph.nodes) == 0 && len(p.deltas) == 0 && tip.Height > p.tip.Height && tip.Ancestor(p.tip.Height) == p.tip {
			// Nothing waits and nothing comes back: the blocks need not be read.
			if err := p.moveTo(tip, &move{}); err != nil {
				return err
			}
			p.floor.connected(p.timeAt(tip))
			p.touch(false)
			continue
		}
		steps, err := p.config.Chain.Steps(p.tip.Hash, maxSteps)
		if err != nil {
			return local("follow the chain", err)
		}
		if len(steps) > 0 && !steps[0].Connect {
			// Of the transactions here, any may have lost its coins or become
			// premature: all are judged anew.
			if err := p.rebuild(p.waiting()); err != nil {
				return err
			}
			continue
		}
		if err := p.connect(steps); err != nil {
			return err
		}
	}
}

// move is what a change of the tip does to the store, and to the fee deltas once
// it is stored.
type move struct {
	batch kv.Batch
	ended []chainhash.Hash // whose deltas are over
}

// end ends what Prioritise asked for a transaction.
func (m *move) end(p *Pool, txid chainhash.Hash) {
	if _, ok := p.deltas[txid]; ok {
		m.batch.Delete(deltaKey(txid))
		m.ended = append(m.ended, txid)
	}
}

// moveTo stores a move together with the new position, or changes nothing. It need
// not be synced: what is lost with it is done again from the position before.
func (p *Pool) moveTo(tip *chain.Entry, m *move) error {
	m.batch.Put(positionKey, tip.Hash[:])
	if err := p.config.Store.Apply(&m.batch, false); err != nil {
		return local("store the position", err)
	}
	p.tip = tip
	for _, txid := range m.ended {
		delete(p.deltas, txid)
	}
	return nil
}

// connect removes what blocks confirm, and what spends the same coins as they do.
// Everything else stays possible: with more blocks lock times expire and
// coinbases mature.
func (p *Pool) connect(steps []chain.Step) error {
	if len(steps) == 0 {
		return nil
	}
	var m move
	var confirmed, lost []*node // in the order of the blocks
	seen := map[*node]bool{}
	for _, step := range steps {
		for i, tx := range step.Block.Transactions {
			m.end(p, step.TxIDs[i])
			if i == 0 {
				continue
			}
			if n := p.graph.nodes[step.TxIDs[i]]; n != nil {
				seen[n] = true
				confirmed = append(confirmed, n)
			}
			for _, in := range tx.TxIn {
				if n := p.graph.spent[in.PreviousOutPoint]; n != nil && !seen[n] {
					seen[n] = true
					lost = append(lost, n)
					m.end(p, n.entry.TxID)
				}
			}
		}
	}
	lost = withDescendants(lost...)
	for _, n := range slices.Concat(confirmed, lost) {
		stage(&m.batch, nil, []*Entry{n.entry})
	}
	tip := steps[len(steps)-1].Entry
	if err := p.moveTo(tip, &m); err != nil {
		return err
	}
	p.forget(lost)
	for _, n := range confirmed { // parents first: their children stay
		p.forget([]*node{n})
	}
	p.floor.connected(p.timeAt(tip))
	p.touch(len(seen) > 0)
	return nil
}

// waiting returns the pool's transactions as arrivals.
func (p *Pool) waiting() []arrival {
	entries := p.graph.entries()
	list := make([]arrival, len(entries))
	for i, e := range entries {
		list[i] = arrival{tx: e.Tx, time: e.Time, height: e.Height, origin: kept, checked: true, unbroadcast: e.Unbroadcast}
	}
	return list
}

// rebuild walks to the chain's tip and makes the pool anew, from the transactions
// of the blocks that were disconnected on the way and from those given. The
// former come first, since the latter may depend on them.
func (p *Pool) rebuild(given []arrival) error {
	var back returned
	var m move
	tip := p.tip
	for {
		var err error
		if tip, err = p.walk(tip, &back, &m); err != nil {
			return err
		}
		list := append(p.returning(&back, tip), given...)
		list = parentsFirst(list, func(a arrival) *wire.MsgTx { return a.tx })
		var ops []wire.OutPoint
		for _, a := range list {
			for _, in := range a.tx.TxIn {
				ops = append(ops, in.PreviousOutPoint)
			}
		}
		coins, at, err := p.coinsOf(ops)
		if err != nil {
			return err
		}
		if at == tip {
			return p.refill(tip, list, given, coins, &m)
		}
	}
}

// walk takes the disconnected blocks' transactions on the way from a block to
// the chain's tip, and returns the tip. The blocks that are connected need not be
// read for that, as what they confirm has no coins left to spend; but they end
// what Prioritise asked for.
func (p *Pool) walk(from *chain.Entry, back *returned, m *move) (*chain.Entry, error) {
	for {
		tip := p.config.Chain.Tip()
		up := tip.Ancestor(from.Height) == from
		if up && (len(p.deltas) == 0 || tip == from) {
			if tip.Height > p.tip.Height {
				p.floor.connected(p.timeAt(tip))
			}
			return tip, nil
		}
		steps, err := p.config.Chain.Steps(from.Hash, maxSteps)
		if err != nil {
			return nil, local("follow the chain", err)
		}
		for _, step := range steps {
			if step.Connect {
				for _, txid := range step.TxIDs {
					m.end(p, txid)
				}
				from = step.Entry
				continue
			}
			back.add(step)
			from = step.Entry.Parent()
		}
	}
}

// refill makes the pool of a list of transactions, leaving out what is not
// possible after tip, and stores the difference. given are those of the list that
// are in the store.
func (p *Pool) refill(tip *chain.Entry, list, given []arrival, coins map[wire.OutPoint]*consensus.Coin, m *move) (err error) {
	oldGraph, oldTip, oldMoves := p.graph, p.tip, p.moves
	defer func() {
		if err != nil {
			p.graph, p.tip, p.moves = oldGraph, oldTip, oldMoves
		}
	}()
	p.graph, p.tip = newGraph(), tip
	v := &coinView{pool: p, chain: coins}
	for _, a := range list {
		c, err := p.admit(a, v, single)
		if err == nil {
			p.forget(c.replaced) // nothing but a sibling of the same block can be
			p.insert(c.entry)
		} else if consensus.SortOf(err) == consensus.Local {
			return err
		}
	}
	p.trim()
	p.oldest = 0

	stored := make(map[chainhash.Hash]chainhash.Hash, len(given))
	for _, a := range given {
		stored[a.tx.TxHash()] = a.tx.WitnessHash()
	}
	for _, e := range p.graph.entries() {
		if stored[e.TxID] != e.WTxID {
			m.batch.Put(txKey(e.TxID), encodeRecord(e))
		}
		delete(stored, e.TxID)
	}
	for txid := range stored {
		m.batch.Delete(txKey(txid))
		m.batch.Delete(unbroadcastKey(txid))
	}
	if err := p.moveTo(tip, m); err != nil {
		return err
	}
	p.touch(true)
	return nil
}

// timeAt is the present, as far as the pool is told of it.
func (p *Pool) timeAt(tip *chain.Entry) time.Time {
	if p.config.Now != nil {
		return p.config.Now()
	}
	return time.Unix(tip.Time(), 0)
}

// returned collects the transactions of disconnected blocks, the latest block
// first, as they are disconnected.
type returned struct {
	blocks []returnedBlock
	size   int
}

type returnedBlock struct {
	txs  []*wire.MsgTx
	size int
}

func (r *returned) add(step chain.Step) {
	b := returnedBlock{txs: step.Block.Transactions[1:]}
	for _, tx := range b.txs {
		b.size += tx.SerializeSize()
	}
	r.blocks = append(r.blocks, b)
	for r.size += b.size; r.size > maxReturning && len(r.blocks) > 1; r.blocks = r.blocks[1:] {
		r.size -= r.blocks[0].size
	}
}

// returning turns them into arrivals, in the order of the chain.
func (p *Pool) returning(r *returned, tip *chain.Entry) []arrival {
	now := p.timeAt(tip)
	var list []arrival
	for _, b := range slices.Backward(r.blocks) {
		for _, tx := range b.txs {
			list = append(list, arrival{tx: tx, time: now, height: tip.Height, origin: fromBlock})
		}
	}
	return list
}

// parentsFirst orders transactions so that none comes before one whose output it
// spends, and leaves them in their order otherwise. Of those with the same txid
// the first stays.
func parentsFirst[T any](list []T, tx func(T) *wire.MsgTx) []T {
	at := make(map[chainhash.Hash]int, len(list)) // where each stands in list, until it is placed
	for i, t := range list {
		if _, twice := at[tx(t).TxHash()]; !twice {
			at[tx(t).TxHash()] = i
		}
	}
	sorted := make([]T, 0, len(at))
	var place func(txid chainhash.Hash)
	place = func(txid chainhash.Hash) {
		i, ok := at[txid]
		if !ok {
			return
		}
		delete(at, txid)
		for _, in := range tx(list[i]).TxIn {
			place(in.PreviousOutPoint.Hash)
		}
		sorted = append(sorted, list[i])
	}
	for _, t := range list {
		place(tx(t).TxHash())
	}
	return sorted
}
