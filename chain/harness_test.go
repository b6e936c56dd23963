package chain

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// far is a time at which no block of the tests is too new.
var far = time.Unix(1<<32-1, 0)

// shortMaturity is regtest, but coinbases can be spent after two blocks, so
// that tests of spending need few blocks.
func shortMaturity() *network.Params {
	p := network.Regtest()
	p.Maturity = 2
	return p
}

// disk is what survives when a manager goes.
type disk struct {
	params *network.Params
	store  kv.Store
	fs     *blockfile.MemFS
}

func newDisk(p *network.Params) *disk {
	return &disk{params: p, store: kv.NewMemory(), fs: blockfile.NewMemFS()}
}

func (d *disk) config() Config {
	return Config{Params: d.params, Store: d.store, Dir: "blocks", FS: d.fs, Exec: par.New()}
}

func (d *disk) open(t testing.TB) *Manager {
	t.Helper()
	m, err := Open(d.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// script is a test of one chain that reads like a play: named blocks are made on
// named parents, given to the chain, and the tip is looked at.
type script struct {
	*testing.T
	disk   *disk
	watch  *coinWatch
	m      *Manager
	blocks map[string]*wire.MsgBlock
}

func newScript(t *testing.T) *script {
	d := newDisk(shortMaturity())
	w := d.watch()
	return &script{
		T:      t,
		disk:   d,
		watch:  w,
		m:      d.open(t),
		blocks: map[string]*wire.MsgBlock{"genesis": d.params.Genesis},
	}
}

// mutation changes a block before its nonce is searched.
type mutation func(b *wire.MsgBlock)

// make builds the named block on the named parent.
func (s *script) make(name, parent string, change ...mutation) *wire.MsgBlock {
	s.Helper()
	on := s.blocks[parent]
	if on == nil {
		s.Fatalf("no block %q", parent)
	}
	b := buildBlock(s.disk.params, on, s.height(on)+1, name, change...)
	s.blocks[name] = b
	return b
}

// height counts the blocks below one.
func (s *script) height(b *wire.MsgBlock) int32 {
	for name := range s.blocks {
		if parent := s.blocks[name]; parent.BlockHash() == b.Header.PrevBlock {
			return s.height(parent) + 1
		}
	}
	return 0
}

// consistent looks at everything that can be looked at after a step.
func (s *script) consistent() {
	s.Helper()
	if err := errors.Join(s.m.CheckIndex(), s.watch.fault); err != nil {
		s.Fatal(err)
	}
}

// accept makes a block and expects it to be taken.
func (s *script) accept(name, parent string, change ...mutation) {
	s.Helper()
	s.submit(s.make(name, parent, change...))
}

func (s *script) submit(b *wire.MsgBlock) {
	s.Helper()
	if _, err := s.m.Accept(b, far); err != nil {
		s.Fatalf("block was refused: %v", err)
	}
	s.consistent()
}

// refuse makes a block and expects it to be refused.
func (s *script) refuse(kind consensus.Kind, name, parent string, change ...mutation) {
	s.Helper()
	s.resubmit(kind, s.make(name, parent, change...))
}

func (s *script) resubmit(kind consensus.Kind, b *wire.MsgBlock) {
	s.Helper()
	if _, err := s.m.Accept(b, far); !errors.Is(err, kind) {
		s.Fatalf("got %v, want %s", err, kind)
	}
	s.consistent()
}

// expectBadAncestor makes a block with which a branch would win, but for one of
// its ancestors.
func (s *script) expectBadAncestor(kind consensus.Kind, name, parent string) {
	s.Helper()
	result, err := s.m.Accept(s.make(name, parent), far)
	if err != nil || result.Best || !errors.Is(result.Ancestor, kind) {
		s.Fatalf("got %+v, %v, want an ancestor with %s", result, err, kind)
	}
	s.consistent()
}

func (s *script) expectTip(name string) {
	s.Helper()
	if got := s.m.Tip(); got.Hash != s.blocks[name].BlockHash() {
		s.Fatalf("tip is %s, want %s", s.name(got), name)
	}
	s.consistent()
}

func (s *script) name(e *Entry) string {
	for name, b := range s.blocks {
		if b.BlockHash() == e.Hash {
			return name
		}
	}
	return e.Hash.String()
}

// expectTips compares the ends of all branches, as "name status".
func (s *script) expectTips(want ...string) {
	s.Helper()
	have := make(map[string]bool)
	for _, tip := range s.m.Tips() {
		have[s.name(tip.Entry)+" "+string(tip.Status)] = true
	}
	wanted := make(map[string]bool)
	for _, w := range want {
		wanted[w] = true
	}
	if !maps.Equal(have, wanted) {
		s.Fatalf("tips %v, want %v", have, wanted)
	}
}

// reopen closes the chain and opens it anew.
func (s *script) reopen() {
	s.Helper()
	if err := s.m.Close(); err != nil {
		s.Fatal(err)
	}
	s.m = s.disk.open(s)
}

// spend adds a transaction that spends the first output of the coinbase of a
// block, which anybody may, to another that anybody may spend.
func (s *script) spend(of string, fee int64) mutation {
	tx := spendOutput(s.blocks[of].Transactions[0], 0, fee)
	return func(b *wire.MsgBlock) { b.Transactions = append(b.Transactions, tx) }
}

// overpay makes the coinbase claim more than there is: found only when the block
// is connected.
func overpay(b *wire.MsgBlock) { b.Transactions[0].TxOut[0].Value += 1e9 }

var anyone = []byte{txscript.OP_TRUE}

func spendOutput(from *wire.MsgTx, n uint32, fee int64) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: from.TxHash(), Index: n}, nil, nil))
	tx.AddTxOut(wire.NewTxOut(from.TxOut[n].Value-fee, anyone))
	return tx
}

// buildBlock makes a block with a coinbase that anybody can spend; label makes
// it differ from its siblings.
func buildBlock(p *network.Params, on *wire.MsgBlock, height int32, label string, change ...mutation) *wire.MsgBlock {
	coinbase := wire.NewMsgTx(1)
	sig := append(consensus.CoinbaseHeight(height), byte(len(label)))
	coinbase.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: math.MaxUint32}, append(sig, label...), nil))
	coinbase.AddTxOut(wire.NewTxOut(p.SubsidyAt(height), anyone))
	b := &wire.MsgBlock{Header: wire.BlockHeader{
		Version:   4,
		PrevBlock: on.BlockHash(),
		Timestamp: on.Header.Timestamp.Add(time.Second),
		Bits:      p.PowLimitBits,
	}}
	b.AddTransaction(coinbase)
	for _, c := range change {
		c(b)
	}
	b.Header.MerkleRoot, _ = consensus.MerkleRoot(consensus.TxIDs(b))
	pow.Solve(&b.Header)
	return b
}

// buildChain makes n empty blocks on one.
func buildChain(p *network.Params, on *wire.MsgBlock, height int32, n int) []*wire.MsgBlock {
	blocks := make([]*wire.MsgBlock, n)
	for i := range blocks {
		height++
		on = buildBlock(p, on, height, "chain")
		blocks[i] = on
	}
	return blocks
}

// digest is a fingerprint of a set of coins that does not depend on their order.
type digest [32]byte

func (d *digest) toggle(op wire.OutPoint, coin *consensus.Coin) {
	for i, x := range sha256.Sum256(consensus.AppendUTXO(nil, op, coin)) {
		d[i] ^= x
	}
}

// storedCoins reads all coins of a store.
func storedCoins(t testing.TB, r kv.Reader) memoryView {
	t.Helper()
	coins := make(memoryView)
	err := r.Scan([]byte{kv.SpaceCoins}, kv.After([]byte{kv.SpaceCoins}), func(key, value []byte) error {
		op, err := decodeCoinKey(key)
		if err != nil {
			return err
		}
		coins[op], err = consensus.DecodeCoin(value)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return coins
}

func (v memoryView) digest() (d digest) {
	for op, coin := range v {
		d.toggle(op, coin)
	}
	return d
}

// groupDigest is the digest of the coins as a group sees them.
func groupDigest(t testing.TB, g *Group) digest {
	t.Helper()
	coins := storedCoins(t, g.m.store)
	for op, change := range g.coins {
		if change.coin == nil {
			delete(coins, op)
		} else {
			coins[op] = change.coin
		}
	}
	return coins.digest()
}

// replayed returns the coins after the chain up to e, applied afresh. Scripts
// are not run.
func replayed(t testing.TB, m *Manager, e *Entry) memoryView {
	t.Helper()
	m = &Manager{params: m.params, files: m.files, exec: noChecks{}}
	coins := make(memoryView)
	for height := int32(1); height <= e.Height; height++ {
		at := e.Ancestor(height)
		if err := m.verifyBlock(at, at.meta, coins); err != nil {
			t.Fatalf("replay height %d: %v", height, err)
		}
	}
	return coins
}

// noChecks is an executor that lets everything pass.
type noChecks struct{}

func (noChecks) Run(n int, _ func(i int) error) (int, error) { return n, nil }

// readChain reads a gzipped file of bootstrap records from testdata/chains.
func readChain(t testing.TB, name string) [][]byte {
	t.Helper()
	data := readGzip(t, filepath.Join("chains", name))
	var raws [][]byte
	for len(data) > 0 {
		if len(data) < 8 || binary.LittleEndian.Uint32(data) != network.Regtest().Magic {
			t.Fatal("not a record")
		}
		size := binary.LittleEndian.Uint32(data[4:])
		raws = append(raws, data[8:8+size:8+size])
		data = data[8+size:]
	}
	return raws
}

func readGzip(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".gz") {
		return raw
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	if err := json.Unmarshal(readGzip(t, name), v); err != nil {
		t.Fatal(err)
	}
}

func decode(t testing.TB, raw []byte) *wire.MsgBlock {
	t.Helper()
	b, err := consensus.DecodeBlock(raw)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// importAll gives blocks to a chain in one group. Refusals fail the test.
func importAll(t testing.TB, m *Manager, raws [][]byte) {
	t.Helper()
	err := m.Group(context.Background(), func(g *Group) error {
		for i, raw := range raws {
			if _, err := g.Accept(decode(t, raw), far); err != nil {
				return fmt.Errorf("block %d: %w", i, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
