package index

import (
	"context"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// chainWithIndex is a chain in memory with an index over it.
type chainWithIndex struct {
	t     *testing.T
	chain *chain.Manager
	store kv.Store
	index *Transactions
	built byte
}

func newChain(t *testing.T) *chainWithIndex {
	t.Helper()
	store := kv.NewMemory()
	m, err := chain.Open(chain.Config{Params: network.Regtest(), Store: store, FS: blockfile.NewMemFS()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return &chainWithIndex{t: t, chain: m, store: store, index: Open(store, m)}
}

// mineOn accepts an empty block on parent; no two have the same coinbase.
func (c *chainWithIndex) mineOn(parent *chain.Entry) (*chain.Entry, chainhash.Hash) {
	c.t.Helper()
	p := c.chain.Params()
	c.built++
	coinbase := &wire.MsgTx{
		Version: 2,
		TxIn: []*wire.TxIn{{
			PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex},
			SignatureScript:  append(consensus.CoinbaseHeight(parent.Height+1), 1, c.built),
		}},
		TxOut: []*wire.TxOut{{Value: 1, PkScript: []byte{txscript.OP_TRUE}}},
	}
	b := &wire.MsgBlock{Transactions: []*wire.MsgTx{coinbase}}
	at := parent.Time() + 1
	b.Header = wire.BlockHeader{Version: 4, PrevBlock: parent.Hash, Timestamp: time.Unix(at, 0), Bits: parent.NextBits(p, at), MerkleRoot: coinbase.TxHash()}
	pow.Solve(&b.Header)
	r, err := c.chain.Accept(b, time.Unix(at, 0))
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Entry, coinbase.TxHash()
}

func (c *chainWithIndex) wantAt(txid chainhash.Hash, e *chain.Entry) {
	c.t.Helper()
	l, ok, err := c.index.Find(c.t.Context(), txid)
	if err != nil || !ok || l != (Location{Block: e.Hash, Height: e.Height}) {
		c.t.Errorf("%s is at %+v %v %v, want block %d", txid, l, ok, err, e.Height)
	}
	tx, _, err := c.index.Tx(c.t.Context(), txid)
	if err != nil || tx == nil || tx.TxHash() != txid {
		c.t.Errorf("Tx(%s) = %v %v", txid, tx, err)
	}
}

func (c *chainWithIndex) wantNone(txid chainhash.Hash) {
	c.t.Helper()
	if l, ok, err := c.index.Find(c.t.Context(), txid); ok || err != nil {
		c.t.Errorf("%s is at %+v (%v), want nowhere", txid, l, err)
	}
	if tx, _, err := c.index.Tx(c.t.Context(), txid); tx != nil || err != nil {
		c.t.Errorf("Tx(%s) = %v %v", txid, tx, err)
	}
}

func TestFollowsReorganisations(t *testing.T) {
	c := newChain(t)
	genesis := c.chain.Tip()
	c.wantNone(c.chain.Params().Genesis.Transactions[0].TxHash())
	b1, tx1 := c.mineOn(genesis)
	b2, tx2 := c.mineOn(b1)
	c.wantAt(tx1, b1)
	c.wantAt(tx2, b2)

	r2, other2 := c.mineOn(b1)
	c.wantNone(other2) // a side branch
	r3, other3 := c.mineOn(r2)
	c.wantNone(tx2)
	c.wantAt(tx1, b1)
	c.wantAt(other2, r2)
	c.wantAt(other3, r3)

	// Opened anew, the index goes on from where it was, over another reorganisation.
	c.index = Open(c.store, c.chain)
	b3, tx3 := c.mineOn(b2)
	b4, tx4 := c.mineOn(b3)
	c.wantAt(tx2, b2)
	c.wantAt(tx3, b3)
	c.wantAt(tx4, b4)
	c.wantNone(other3)
}

func TestRunEndsWithItsContext(t *testing.T) {
	c := newChain(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.index.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestDamageIsReported(t *testing.T) {
	c := newChain(t)
	_, txid := c.mineOn(c.chain.Tip())
	if err := c.index.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	var b kv.Batch
	b.Put(txKey(txid), []byte{1, 2, 3})
	if err := c.store.Apply(&b, false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.index.Find(t.Context(), txid); err == nil {
		t.Error("a damaged entry passed")
	}
	b.Reset()
	b.Put(positionKey, []byte{1})
	if err := c.store.Apply(&b, false); err != nil {
		t.Fatal(err)
	}
	if err := c.index.CatchUp(t.Context()); err == nil {
		t.Error("a damaged position passed")
	}
}
