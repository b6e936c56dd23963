package mempool

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/internal/kv"
)

// Prioritise adds satoshis to what a transaction's fee is taken for when it is
// judged, mined or evicted, in the pool now or later. That lasts until a block
// confirms the transaction or makes it impossible, and over restarts.
func (p *Pool) Prioritise(txid chainhash.Hash, sats int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.follow(); err != nil {
		return err
	}
	var b kv.Batch
	delta := addSaturated(p.deltas[txid], sats)
	p.stageDelta(&b, txid, delta)
	if err := p.config.Store.Apply(&b, true); err != nil {
		return local("store a fee delta", err)
	}
	p.setDelta(txid, delta)
	return nil
}

func (p *Pool) stageDelta(b *kv.Batch, txid chainhash.Hash, delta int64) {
	if delta == 0 {
		b.Delete(deltaKey(txid))
	} else {
		b.Put(deltaKey(txid), binary.LittleEndian.AppendUint64(nil, uint64(delta)))
	}
}

func (p *Pool) setDelta(txid chainhash.Hash, delta int64) {
	if delta == 0 {
		delete(p.deltas, txid)
	} else {
		p.deltas[txid] = delta
	}
	if n := p.graph.nodes[txid]; n != nil && n.entry.Delta != delta {
		p.graph.prioritise(n, delta)
		p.touch(true)
	}
}

// Priority is what Prioritise has added to a transaction's fee.
type Priority struct {
	TxID  chainhash.Hash
	Delta int64  // satoshis, never 0
	Entry *Entry // nil: not in the pool
}

// Priorities lists what Prioritise has asked for, by txid.
func (p *Pool) Priorities() []Priority {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Priority, 0, len(p.deltas))
	for txid, delta := range p.deltas {
		item := Priority{TxID: txid, Delta: delta}
		if n := p.graph.nodes[txid]; n != nil {
			item.Entry = n.view()
		}
		list = append(list, item)
	}
	slices.SortFunc(list, func(a, b Priority) int { return bytes.Compare(a.TxID[:], b.TxID[:]) })
	return list
}

// SetUnbroadcast notes whether a peer has yet to ask for a transaction. One that
// is not in the pool is left alone.
func (p *Pool) SetUnbroadcast(txid chainhash.Hash, unbroadcast bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.graph.nodes[txid]
	if n == nil || n.entry.Unbroadcast == unbroadcast {
		return nil
	}
	var b kv.Batch
	if unbroadcast {
		b.Put(unbroadcastKey(txid), nil)
	} else {
		b.Delete(unbroadcastKey(txid))
	}
	if err := p.config.Store.Apply(&b, true); err != nil {
		return local("store what is not broadcast", err)
	}
	p.graph.mark(n, unbroadcast)
	p.touch(false)
	return nil
}

// addSaturated adds two numbers of satoshis without overflow (Core's
// SaturatingAdd).
func addSaturated(a, b int64) int64 {
	switch sum := a + b; {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	default:
		return sum
	}
}
