package mempool

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	//lint:ignore SA1019 Bitcoin's addresses are made of it.
	"golang.org/x/crypto/ripemd160"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// anyone is a standard output that the witness in spendAnyone spends: the hash of
// a script that is always true.
var (
	trueScript  = []byte{txscript.OP_TRUE}
	anyone      = witnessScriptOf(trueScript)
	spendAnyone = wire.TxWitness{trueScript}
)

func witnessScriptOf(script []byte) []byte {
	hash := sha256.Sum256(script)
	return append([]byte{txscript.OP_0, 32}, hash[:]...)
}

// fastRules is regtest with coinbases that mature soon. Only tests know it.
func fastRules() *network.Params {
	p := network.Regtest()
	p.Name, p.Maturity = "regtest-fast", 3
	return p
}

// coin is an output that a test can spend.
type coin struct {
	op    wire.OutPoint
	value int64
}

// lab is a chain in memory with a pool on it.
type lab struct {
	t       testing.TB
	params  *network.Params
	chain   *chain.Manager
	store   kv.Store
	checked *chain.CheckCache
	policy  Policy
	pool    *Pool
	now     time.Time
	blocks  uint64 // built so far; makes each coinbase differ
}

func newLab(t testing.TB, policy Policy) *lab {
	t.Helper()
	return newLabOn(t, policy, kv.NewMemory(), blockfile.NewMemFS())
}

// newLabOn opens what a store and block files hold.
func newLabOn(t testing.TB, policy Policy, store kv.Store, files blockfile.FS) *lab {
	t.Helper()
	l := &lab{
		t: t, params: fastRules(), policy: policy, store: store,
		checked: chain.NewCheckCache(1000),
		now:     time.Unix(1_700_000_000, 0),
	}
	var err error
	l.chain, err = chain.Open(chain.Config{Params: l.params, Store: store, Exec: par.New(), Checked: l.checked, FS: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.chain.Close() })
	l.open()
	return l
}

// open opens the pool, anew if there was one.
func (l *lab) open() {
	l.t.Helper()
	var err error
	l.pool, err = Open(Config{
		Params: l.params, Chain: l.chain, Store: l.store, Exec: par.New(), Checked: l.checked, Policy: l.policy,
		Now: func() time.Time { return l.now },
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// block builds a block on parent.
func (l *lab) block(parent *chain.Entry, txs ...*wire.MsgTx) *wire.MsgBlock {
	l.blocks++
	height := parent.Height + 1
	sig := append(consensus.CoinbaseHeight(height), 8)
	sig = binary.LittleEndian.AppendUint64(sig, l.blocks)
	coinbase := &wire.MsgTx{
		Version: 2,
		TxIn:    []*wire.TxIn{{PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex}, SignatureScript: sig, Sequence: wire.MaxTxInSequenceNum, Witness: wire.TxWitness{make([]byte, 32)}}},
		TxOut:   []*wire.TxOut{{Value: l.params.SubsidyAt(height), PkScript: anyone}},
	}
	b := &wire.MsgBlock{Transactions: append([]*wire.MsgTx{coinbase}, txs...)}
	coinbase.TxOut = append(coinbase.TxOut, &wire.TxOut{PkScript: consensus.WitnessCommitmentScript(b, [32]byte{})})
	at := max(l.now.Unix(), parent.MedianTimePast()+1)
	b.Header = wire.BlockHeader{Version: 0x20000000, PrevBlock: parent.Hash, Timestamp: time.Unix(at, 0), Bits: parent.NextBits(l.params, at)}
	b.Header.MerkleRoot, _ = consensus.MerkleRoot(consensus.TxIDs(b))
	if !pow.Solve(&b.Header) {
		l.t.Fatal("no nonce found")
	}
	return b
}

// mineOn accepts a block on parent and returns it with its coinbase.
func (l *lab) mineOn(parent *chain.Entry, txs ...*wire.MsgTx) (*chain.Entry, coin) {
	l.t.Helper()
	b := l.block(parent, txs...)
	r, err := l.chain.Accept(b, l.now)
	if err != nil {
		l.t.Fatalf("block %d: %v", parent.Height+1, err)
	}
	return r.Entry, coin{wire.OutPoint{Hash: b.Transactions[0].TxHash()}, b.Transactions[0].TxOut[0].Value}
}

// mine accepts a block on the tip and returns its coinbase.
func (l *lab) mine(txs ...*wire.MsgTx) coin {
	l.t.Helper()
	_, c := l.mineOn(l.chain.Tip(), txs...)
	return c
}

// matured mines until n coinbases can be spent, and returns them.
func (l *lab) matured(n int) []coin {
	l.t.Helper()
	var coins []coin
	for range n {
		coins = append(coins, l.mine())
	}
	for range l.params.Maturity - 1 {
		l.mine()
	}
	return coins
}

// pay spends coins with a fee to n equal outputs.
func pay(fee int64, n int, from ...coin) *wire.MsgTx {
	tx := &wire.MsgTx{Version: 2}
	sum := -fee
	for _, c := range from {
		tx.TxIn = append(tx.TxIn, &wire.TxIn{PreviousOutPoint: c.op, Sequence: wire.MaxTxInSequenceNum, Witness: spendAnyone})
		sum += c.value
	}
	for range n {
		tx.TxOut = append(tx.TxOut, &wire.TxOut{Value: sum / int64(n), PkScript: anyone})
	}
	return tx
}

// outputs are the coins that a transaction makes.
func outputs(tx *wire.MsgTx) []coin {
	var coins []coin
	txid := tx.TxHash()
	for i, out := range tx.TxOut {
		coins = append(coins, coin{wire.OutPoint{Hash: txid, Index: uint32(i)}, out.Value})
	}
	return coins
}

// accept adds transactions that must be taken.
func (l *lab) accept(txs ...*wire.MsgTx) {
	l.t.Helper()
	for _, tx := range txs {
		if _, err := l.pool.Accept(tx, l.now); err != nil {
			l.t.Fatalf("accept %s: %v", tx.TxHash(), err)
		}
	}
	l.check()
}

// refuse adds a transaction that must be refused with a kind, and returns the
// explanation.
func (l *lab) refuse(tx *wire.MsgTx, kind consensus.Kind) string {
	l.t.Helper()
	before, sequence := l.ids(), l.pool.Snapshot().Sequence
	_, testErr := l.pool.Test(tx, l.now)
	_, err := l.pool.Accept(tx, l.now)
	if !errors.Is(err, kind) {
		l.t.Fatalf("accept %s: %v, want %s", tx.TxHash(), err, kind)
	}
	if kind != MempoolFull && (testErr == nil || testErr.Error() != err.Error()) {
		l.t.Errorf("Test says %v, Accept %v", testErr, err)
	}
	if !slices.Equal(l.ids(), before) || l.pool.Snapshot().Sequence != sequence {
		l.t.Error("a refused transaction changed the pool")
	}
	l.check()
	e, _ := errors.AsType[*consensus.Error](err)
	return e.Debug
}

func (l *lab) check() {
	l.t.Helper()
	if err := l.pool.Check(); err != nil {
		l.t.Fatalf("pool is inconsistent: %v", err)
	}
}

// ids are the pool's transactions, parents first.
func (l *lab) ids() []chainhash.Hash {
	l.t.Helper()
	if err := l.pool.CatchUp(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	var ids []chainhash.Hash
	for _, e := range l.pool.Snapshot().Entries {
		ids = append(ids, e.TxID)
	}
	return ids
}

// holds checks that the pool has these transactions and no others, in any order.
func (l *lab) holds(txs ...*wire.MsgTx) {
	l.t.Helper()
	got, want := l.ids(), make([]chainhash.Hash, 0, len(txs))
	for _, tx := range txs {
		want = append(want, tx.TxHash())
	}
	order := func(a, b chainhash.Hash) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if !slices.Equal(got, want) {
		l.t.Fatalf("pool holds %v, want %v", got, want)
	}
	l.check()
}

// hash160 is what a P2SH output commits to.
func hash160(b []byte) []byte {
	sum := sha256.Sum256(b)
	h := ripemd160.New()
	h.Write(sum[:])
	return h.Sum(nil)
}
