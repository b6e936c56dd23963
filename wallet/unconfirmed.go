package wallet

import (
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/mempool"
)

// effect is what a transaction of the mempool does to wallets. It stays true
// for as long as the transaction is there, wherever its parents are.
type effect struct {
	inputs  []moved
	outputs []moved
	count   int // inputs in all
}

// moved is a coin that comes or goes.
type moved struct {
	owner    Owner
	outPoint wire.OutPoint
	script   []byte
	value    int64
}

// unconfirmed is what all of the mempool does to wallets. It is never changed
// once made.
type unconfirmed struct {
	coins map[uint32][]Coin                // unspent outputs of its transactions
	spent map[wire.OutPoint]chainhash.Hash // coins of wallets that it spends
	moves map[uint32][]Entry               // what its transactions move, parents first
	from  map[Owner]bool                   // indexes that it spends from
	trust map[chainhash.Hash]map[uint32]bool
}

// add notes what a transaction does to each wallet that it touches.
func (u *unconfirmed) add(txid chainhash.Hash, f *effect) {
	entry := func(id uint32) *Entry {
		list := u.moves[id]
		if n := len(list); n == 0 || list[n-1].TxID != txid {
			list = append(list, Entry{TxID: txid, Height: Unconfirmed})
			u.moves[id] = list
		}
		return &list[len(list)-1]
	}
	for _, m := range f.inputs {
		entry(m.owner.Wallet).Sent += consensus.Amount(m.value)
	}
	for _, m := range f.outputs {
		entry(m.owner.Wallet).Received += consensus.Amount(m.value)
	}
}

// Unconfirmed returns a wallet's payments that wait for a block, parents first;
// their height is Unconfirmed.
func (v *View) Unconfirmed(wallet uint32) []Entry { return v.mempool.moves[wallet] }

// Trusted says whether a transaction of the mempool is a wallet's own, with all
// that it depends on there (Core's CachedTxIsTrusted).
func (v *View) Trusted(wallet uint32, txid chainhash.Hash) bool { return v.mempool.trust[txid][wallet] }

// update judges what is new in the mempool. The reader has to stand at the
// snapshot's tip.
func (b *Book) update(r kv.Reader, snap mempool.Snapshot) (*unconfirmed, error) {
	if b.view != nil && b.seen == snap.Seq && len(b.fresh) == 0 {
		return b.view, nil
	}
	if err := b.load(r); err != nil {
		return nil, err
	}
	b.judgeAgain(snap.Entries)
	c := newChanges(r)
	effects := make(map[chainhash.Hash]*effect, len(snap.Entries))
	for _, e := range snap.Entries {
		f, ok := b.effects[e.TxID]
		if !ok {
			var err error
			if f, err = b.judge(c, e, effects); err != nil {
				b.Forget()
				return nil, err
			}
		}
		effects[e.TxID] = f
	}
	b.effects, b.seen = effects, snap.Seq
	b.view = sum(snap.Entries, effects)
	return b.view, nil
}

// judgeAgain forgets all effects if a transaction that was judged pays to a
// script that was added since.
func (b *Book) judgeAgain(entries []*mempool.Entry) {
	if len(b.fresh) > 0 && len(b.effects) > 0 {
		fresh := make(map[string]bool, len(b.fresh))
		for _, s := range b.fresh {
			fresh[string(s)] = true
		}
	search:
		for _, e := range entries {
			for _, out := range e.Tx.TxOut {
				if fresh[string(out.PkScript)] {
					b.effects = nil
					break search
				}
			}
		}
	}
	b.fresh = nil
}

// judge finds out what a transaction does. Its parents in the mempool have
// been judged before it.
func (b *Book) judge(c *changes, e *mempool.Entry, effects map[chainhash.Hash]*effect) (*effect, error) {
	f := &effect{count: len(e.Tx.TxIn)}
	for _, in := range e.Tx.TxIn {
		op := in.PreviousOutPoint
		if parent, ok := effects[op.Hash]; ok {
			if parent != nil {
				for _, m := range parent.outputs {
					if m.outPoint == op {
						f.inputs = append(f.inputs, m)
					}
				}
			}
			continue
		}
		coins, err := confirmed(c, op)
		if err != nil {
			return nil, err
		}
		f.inputs = append(f.inputs, coins...)
	}
	for i, out := range e.Tx.TxOut {
		owners, err := b.owners(c, out.PkScript)
		if err != nil {
			return nil, err
		}
		for _, o := range onceEach(owners) {
			f.outputs = append(f.outputs, moved{o, wire.OutPoint{Hash: e.TxID, Index: uint32(i)}, out.PkScript, out.Value})
		}
	}
	if len(f.inputs)+len(f.outputs) == 0 {
		return nil, nil
	}
	return f, nil
}

// confirmed returns a confirmed coin once for each wallet that has it.
func confirmed(c *changes, op wire.OutPoint) ([]moved, error) {
	v, err := c.get(outPointKey(op))
	if err != nil || v == nil {
		return nil, err
	}
	wallets, err := decodeWallets(v)
	if err != nil {
		return nil, err
	}
	var list []moved
	for _, id := range wallets {
		v, err := c.get(coinKey(id, op))
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, damaged(rowCoin, coinKey(id, op))
		}
		row, err := decodeRow(v)
		if err != nil {
			return nil, err
		}
		list = append(list, moved{Owner{id, row.chain, row.index}, op, row.coin.Script, row.coin.Value})
	}
	return list, nil
}

// sum adds effects up, parents before children.
func sum(entries []*mempool.Entry, effects map[chainhash.Hash]*effect) *unconfirmed {
	u := &unconfirmed{
		coins: make(map[uint32][]Coin), spent: make(map[wire.OutPoint]chainhash.Hash),
		from: make(map[Owner]bool), trust: make(map[chainhash.Hash]map[uint32]bool), moves: make(map[uint32][]Entry),
	}
	crowd := make(map[chainhash.Hash]int, len(entries)) // most descendants that it or an ancestor of it has
	for _, e := range entries {
		most := e.Descendants.Count
		for _, p := range e.Parents {
			most = max(most, crowd[p])
		}
		crowd[e.TxID] = most
		if f := effects[e.TxID]; f != nil {
			u.add(e.TxID, f)
			for _, m := range f.inputs {
				u.spent[m.outPoint] = e.TxID
				u.from[m.owner] = true
			}
		}
	}
	trusted := u.trust
	for _, e := range entries {
		f := effects[e.TxID]
		if f == nil {
			continue
		}
		trust := trustedFor(e, f, trusted)
		if len(trust) > 0 {
			trusted[e.TxID] = trust
		}
		for _, m := range f.outputs {
			if _, gone := u.spent[m.outPoint]; gone {
				continue
			}
			coin := Coin{
				OutPoint: m.outPoint, Value: consensus.Amount(m.value), Script: m.script, Chain: m.owner.Chain, Index: m.owner.Index,
				Height: Unconfirmed, State: Pending, Ancestors: e.Ancestors.Count, Crowd: crowd[e.TxID],
			}
			if trust[m.owner.Wallet] {
				coin.State = Spendable
			}
			u.coins[m.owner.Wallet] = append(u.coins[m.owner.Wallet], coin)
		}
	}
	return u
}

// trustedFor returns the wallet that made a transaction: all of its inputs are
// that wallet's, and so are those of its parents in the mempool. What the
// wallet pays to itself that way it can spend at once (Core's CachedTxIsTrusted).
func trustedFor(e *mempool.Entry, f *effect, trusted map[chainhash.Hash]map[uint32]bool) map[uint32]bool {
	own := make(map[uint32]int, 1)
	for _, m := range f.inputs {
		own[m.owner.Wallet]++
	}
	var trust map[uint32]bool
	for wallet, n := range own {
		if n != f.count {
			continue
		}
		good := true
		for _, p := range e.Parents {
			good = good && trusted[p][wallet]
		}
		if good {
			if trust == nil {
				trust = make(map[uint32]bool, 1)
			}
			trust[wallet] = true
		}
	}
	return trust
}
