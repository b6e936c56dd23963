package wallet

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/mempool"
)

// testSource gives scripts that are quick to make.
type testSource uint32

func (testSource) Chains() uint32     { return 2 }
func (testSource) Ranged(uint32) bool { return true }
func (s testSource) Scripts(chain, index uint32) ([][]byte, error) {
	return [][]byte{testScript(uint32(s), chain, index)}, nil
}

func testScript(wallet, chain, index uint32) []byte {
	var id [12]byte
	binary.BigEndian.PutUint32(id[:], wallet)
	binary.BigEndian.PutUint32(id[4:], chain)
	binary.BigEndian.PutUint32(id[8:], index)
	hash := address.Hash160(id[:])
	return address.WitnessScript(0, hash[:])
}

// fixture is a store with a book and a chain of made-up blocks.
type fixture struct {
	t     rapid.TB
	store kv.Store
	book  *Book
	steps []chain.Step // the chain from genesis on
	coins map[wire.OutPoint]consensus.Coin
	salt  uint32
}

const testMaturity = 3

func newFixture(t rapid.TB, store kv.Store, wallets int) *fixture {
	f := &fixture{t: t, store: store, coins: make(map[wire.OutPoint]consensus.Coin)}
	f.book = NewBook(func(w uint32) (Source, error) { return testSource(w), nil })
	var added []Added
	for w := 1; w <= wallets; w++ {
		added = append(added, Added{Wallet: uint32(w), Chains: []Chain{{Ranged: true}, {Ranged: true}}, First: testScript(uint32(w), 0, 0)})
	}
	f.apply(f.book.Add(store, Position{}, added))
	for w := 1; w <= wallets; w++ {
		f.apply(f.book.LookAhead(store, uint32(w), nil))
	}
	f.connect()
	return f
}

func (f *fixture) apply(b *kv.Batch, err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	if b == nil {
		return
	}
	if err := f.store.Apply(b, false); err != nil {
		f.t.Fatal(err)
	}
}

// tx spends coins and pays out.
func (f *fixture) tx(spends []wire.OutPoint, outs ...*wire.TxOut) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	for i := range spends {
		tx.AddTxIn(wire.NewTxIn(&spends[i], nil, nil))
	}
	if len(spends) == 0 {
		f.salt++
		tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: wire.MaxPrevOutIndex}, binary.BigEndian.AppendUint32(nil, f.salt), nil))
	}
	tx.TxOut = outs
	return tx
}

func pay(script []byte, value int64) *wire.TxOut { return wire.NewTxOut(value, script) }

// connect adds a block, its first transaction being the coinbase.
func (f *fixture) connect(txs ...*wire.MsgTx) {
	f.t.Helper()
	if len(txs) == 0 {
		txs = []*wire.MsgTx{f.tx(nil, pay([]byte{0x51}, 1))}
	}
	b := &wire.MsgBlock{Transactions: txs}
	height := int32(len(f.steps))
	if height > 0 {
		b.Header.PrevBlock = f.steps[height-1].Entry.Hash
	}
	f.salt++
	b.Header.Nonce = f.salt
	b.Header.Timestamp = time.Unix(int64(height), 0)
	s := chain.Step{Connect: true, Block: b, TxIDs: consensus.TxIDs(b), Undo: new(consensus.Undo)}
	s.Entry = &chain.Entry{Hash: b.BlockHash(), Height: height}
	for i, tx := range txs {
		if i > 0 {
			var spent []consensus.Coin
			for _, in := range tx.TxIn {
				coin, ok := f.coins[in.PreviousOutPoint]
				if !ok {
					f.t.Fatalf("the test spends nothing: %s", in.PreviousOutPoint)
				}
				delete(f.coins, in.PreviousOutPoint)
				spent = append(spent, coin)
			}
			s.Undo.Txs = append(s.Undo.Txs, spent)
		}
		if height == 0 {
			continue
		}
		for n, out := range tx.TxOut {
			f.coins[wire.OutPoint{Hash: s.TxIDs[i], Index: uint32(n)}] = consensus.Coin{Value: out.Value, Script: out.PkScript, Height: height, Coinbase: i == 0}
		}
	}
	f.steps = append(f.steps, s)
	f.apply(f.book.Follow(f.store, []chain.Step{s}))
}

// undo takes the last blocks off, all in one batch.
func (f *fixture) undo(n int) {
	f.t.Helper()
	var way []chain.Step
	for range n {
		s := f.steps[len(f.steps)-1]
		f.steps = f.steps[:len(f.steps)-1]
		for i := len(s.TxIDs) - 1; i >= 0; i-- {
			for out := range s.Block.Transactions[i].TxOut {
				delete(f.coins, wire.OutPoint{Hash: s.TxIDs[i], Index: uint32(out)})
			}
			if i > 0 {
				for n, in := range s.Block.Transactions[i].TxIn {
					f.coins[in.PreviousOutPoint] = s.Undo.Txs[i-1][n]
				}
			}
		}
		s.Connect = false
		way = append(way, s)
	}
	f.apply(f.book.Follow(f.store, way))
}

func (f *fixture) view(pool ...*mempool.Entry) *View {
	f.t.Helper()
	f.salt++
	v, err := f.book.View(f.store, mempool.Snapshot{Seq: uint64(f.salt), Entries: pool}, testMaturity)
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func (f *fixture) coinsOf(wallet uint32, pool ...*mempool.Entry) []Coin {
	f.t.Helper()
	coins, err := f.view(pool...).Coins(wallet)
	if err != nil {
		f.t.Fatal(err)
	}
	return coins
}

func (f *fixture) balance(wallet uint32, pool ...*mempool.Entry) Balance {
	f.t.Helper()
	b, err := f.view(pool...).Balance(wallet)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *fixture) dump() map[string]string {
	all := make(map[string]string)
	err := f.store.Scan(nil, nil, func(k, v []byte) error {
		all[string(k)] = string(v)
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// entry puts a transaction into a made-up pool.
func entry(pool []*mempool.Entry, tx *wire.MsgTx) *mempool.Entry {
	e := mempool.NewEntry(tx, 100, 0, time.Unix(0, 0), 0)
	for _, in := range tx.TxIn {
		for _, p := range pool {
			if p.TxID == in.PreviousOutPoint.Hash && !slices.Contains(e.Parents, p.TxID) {
				e.Parents = append(e.Parents, p.TxID)
				e.Ancestors.Count += p.Ancestors.Count
				p.Descendants.Count++
			}
		}
	}
	return e
}

// TestModel drives the book with random blocks and reorganisations and
// compares it with the set of all coins, sorted out by their scripts.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const wallets = 3
		f := newFixture(rt, kv.NewMemory(), wallets)
		owner := make(map[string]uint32)
		var scripts [][]byte
		for w := uint32(1); w <= wallets; w++ {
			for c := uint32(0); c < 2; c++ {
				for i := uint32(0); i < 4; i++ {
					s := testScript(w, c, i)
					owner[string(s)] = w
					scripts = append(scripts, s)
				}
			}
		}
		scripts = append(scripts, []byte{0x51}, []byte{0x6a})
		drawScript := func() []byte { return rapid.SampledFrom(scripts).Draw(rt, "script") }
		block := func() {
			txs := []*wire.MsgTx{f.tx(nil, pay(drawScript(), 50))}
			free := make(map[wire.OutPoint]bool)
			for op := range f.coins {
				free[op] = true
			}
			for range rapid.IntRange(0, 4).Draw(rt, "txs") {
				ops := slices.SortedFunc(maps.Keys(free), compareOutPoints)
				var spends []wire.OutPoint
				for range rapid.IntRange(1, 3).Draw(rt, "inputs") {
					if len(ops) == 0 {
						break
					}
					i := rapid.IntRange(0, len(ops)-1).Draw(rt, "input")
					spends = append(spends, ops[i])
					delete(free, ops[i])
					ops = slices.Delete(ops, i, i+1)
				}
				if len(spends) == 0 {
					break
				}
				var outs []*wire.TxOut
				for range rapid.IntRange(1, 3).Draw(rt, "outputs") {
					outs = append(outs, pay(drawScript(), int64(rapid.IntRange(0, 9).Draw(rt, "value"))))
				}
				tx := f.tx(spends, outs...)
				txs = append(txs, tx)
				for i := range outs { // to be spent in the same block
					free[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = true
				}
			}
			f.connect(txs...)
		}
		check := func() {
			want := make(map[uint32]Balance)
			tip := int32(len(f.steps) - 1)
			for _, coin := range f.coins {
				w := owner[string(coin.Script)]
				if w == 0 {
					continue
				}
				b := want[w]
				b.Coins++
				if coin.Coinbase && tip-coin.Height < testMaturity {
					b.Immature += consensus.Amount(coin.Value)
				} else {
					b.Spendable += consensus.Amount(coin.Value)
				}
				want[w] = b
			}
			got, err := f.view().Balances()
			if err != nil {
				rt.Fatal(err)
			}
			if !maps.Equal(got, want) {
				rt.Fatalf("balances %v, want %v", got, want)
			}
			for w := uint32(1); w <= wallets; w++ {
				one := f.balance(w)
				if one != want[w] {
					rt.Fatalf("balance of %d: %v, want %v", w, one, want[w])
				}
				var sum consensus.Amount
				err := History(f.store, w, func(e Entry) error { sum += e.Received - e.Sent; return nil })
				if err != nil || sum != one.Spendable+one.Immature {
					rt.Fatalf("history of %d adds up to %v, balance %v (%v)", w, sum, one, err)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"block": func(*rapid.T) { block() },
			"reorg": func(*rapid.T) {
				if len(f.steps) < 2 {
					rt.Skip("nothing to take off")
				}
				f.undo(rapid.IntRange(1, len(f.steps)-1).Draw(rt, "depth"))
			},
			"identity": func(*rapid.T) {
				before := f.dump()
				coins := maps.Clone(f.coins)
				block()
				f.undo(1)
				if !sameCoins(coins, f.coins) {
					rt.Fatal("the test's own chain is wrong")
				}
				// What was used once stays used, so the counters may grow.
				after := f.dump()
				for k, v := range after {
					if k[1] != rowAccount && k[1] != rowScript && before[k] != v {
						rt.Fatalf("row %q changed by a block and its undoing", k)
					}
				}
				for k := range before {
					if _, ok := after[k]; !ok {
						rt.Fatalf("row %q is gone", k)
					}
				}
			},
			"": func(*rapid.T) { check() },
		})
	})
}

func sameCoins(a, b map[wire.OutPoint]consensus.Coin) bool {
	return maps.EqualFunc(a, b, func(x, y consensus.Coin) bool { return x.Value == y.Value && x.Height == y.Height })
}

// TestLookAhead pays to the last watched script and, in the same block and in
// any order, to those that are watched only because of that.
func TestLookAhead(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 1)
	outs := func(indexes ...uint32) []*wire.TxOut {
		var list []*wire.TxOut
		for _, i := range indexes {
			list = append(list, pay(testScript(1, 0, i), 1))
		}
		return list
	}
	f.connect(f.tx(nil, outs(60, 40, 20)...))
	if b := f.balance(1); b.Immature != 3 {
		t.Errorf("found %v of 3", b)
	}
	f.connect(f.tx(nil, outs(60+Gap+1)...))
	if b := f.balance(1); b.Immature != 3 {
		t.Errorf("a script past the gap was found: %v", b)
	}
	used, err := Used(f.store, 1)
	if err != nil || !slices.Equal(used, []uint32{61, 0}) {
		t.Errorf("used %v, %v", used, err)
	}
	// An issued index moves the gap too.
	f.apply(f.book.LookAhead(f.store, 1, map[uint32]uint32{0: 70, 1: 5}))
	f.connect(f.tx(nil, append(outs(89), pay(testScript(1, 1, 24), 1))...))
	if b := f.balance(1); b.Immature+b.Spendable != 5 {
		t.Errorf("issued indexes: %v", b)
	}
	for change, want := range map[uint32]int{5: 0, 26: 1} {
		list, err := f.book.Incomplete(f.store, func(_, c uint32) uint32 { return []uint32{70, change}[c] })
		if err != nil || len(list) != want {
			t.Errorf("incomplete %v, %v", list, err)
		}
	}
}

// TestTwoOwners gives the same script to two wallets: each has the coin, and
// one spend takes it from both.
func TestTwoOwners(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 1)
	f.apply(f.book.Add(f.store, Position{}, []Added{{Wallet: 7, Chains: []Chain{{}}, First: testScript(1, 0, 0)}}))
	f.apply(f.book.LookAhead(f.store, 7, nil))
	cb := f.tx(nil, pay(testScript(1, 0, 0), 5))
	f.connect(cb)
	for range testMaturity {
		f.connect()
	}
	if a, b := f.balance(1), f.balance(7); a != b || a.Spendable != 5 {
		t.Errorf("balances %v and %v", a, b)
	}
	before := f.dump()
	op := wire.OutPoint{Hash: cb.TxHash()}
	f.connect(f.tx(nil, pay([]byte{0x51}, 1)), f.tx([]wire.OutPoint{op}, pay([]byte{0x51}, 5)))
	if a, b := f.balance(1), f.balance(7); a.Coins+b.Coins != 0 {
		t.Errorf("balances %v and %v", a, b)
	}
	f.undo(1)
	if !maps.Equal(before, f.dump()) {
		t.Error("undoing the spend is not the identity")
	}
}

func TestUnconfirmed(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 2)
	cb := f.tx(nil, pay(testScript(1, 0, 0), 100), pay([]byte{0x51}, 7))
	f.connect(cb)
	for range testMaturity {
		f.connect()
	}
	at := func(tx *wire.MsgTx, i uint32) wire.OutPoint { return wire.OutPoint{Hash: tx.TxHash(), Index: i} }

	// Wallet 1 pays 30 to wallet 2 and keeps 60.
	a := f.tx([]wire.OutPoint{at(cb, 0)}, pay(testScript(2, 0, 0), 30), pay(testScript(1, 1, 0), 60))
	pool := []*mempool.Entry{entry(nil, a)}
	if b := f.balance(1, pool...); b != (Balance{Spendable: 60, Coins: 1}) {
		t.Errorf("own change: %+v", b)
	}
	if b := f.balance(2, pool...); b != (Balance{Pending: 30, Coins: 1}) {
		t.Errorf("paid by another: %+v", b)
	}
	coins := f.coinsOf(1, pool...)
	if len(coins) != 2 || coins[0].State != Spent || coins[0].SpentBy != a.TxHash() || coins[1].Height != Unconfirmed {
		t.Errorf("coins %+v", coins)
	}

	// Wallet 2 passes the pending coin on to itself: still not its to spend.
	b := f.tx([]wire.OutPoint{at(a, 0)}, pay(testScript(2, 1, 0), 29))
	pool = append(pool, entry(pool, b))
	if b := f.balance(2, pool...); b != (Balance{Pending: 29, Coins: 1}) {
		t.Errorf("change of a pending coin: %+v", b)
	}
	// A stranger adds an input: not all is wallet 1's.
	c := f.tx([]wire.OutPoint{at(a, 1), at(cb, 1)}, pay(testScript(1, 0, 1), 66))
	pool = append(pool, entry(pool, c))
	if b := f.balance(1, pool...); b != (Balance{Pending: 66, Coins: 1}) {
		t.Errorf("a joint payment: %+v", b)
	}
	if got := f.coinsOf(1, pool...); got[len(got)-1].Ancestors != 2 || got[len(got)-1].Crowd != 3 {
		t.Errorf("relatives: %+v", got)
	}

	// The first is confirmed; effects of the others still hold.
	f.connect(f.tx(nil, pay([]byte{0x51}, 1)), a)
	rest := []*mempool.Entry{entry(nil, b), entry(nil, c)}
	if b := f.balance(2, rest...); b != (Balance{Spendable: 29, Coins: 1}) {
		t.Errorf("after the block: %+v", b)
	}
	if b := f.balance(1, rest...); b != (Balance{Pending: 66, Coins: 1}) {
		t.Errorf("after the block: %+v", b)
	}
	// And a reorganisation brings it back.
	f.undo(1)
	if b := f.balance(2, pool...); b != (Balance{Pending: 29, Coins: 1}) {
		t.Errorf("after the reorganisation: %+v", b)
	}

	// A script that is watched only now is in a transaction judged before.
	d := f.tx([]wire.OutPoint{{Hash: chainhash.Hash{9}}}, pay(testScript(1, 0, 25), 8))
	if b := f.balance(1, entry(nil, d)); b.Pending != 0 {
		t.Errorf("a script past the gap: %+v", b)
	}
	f.apply(f.book.LookAhead(f.store, 1, map[uint32]uint32{0: 10}))
	if b := f.balance(1, entry(nil, d)); b.Pending != 8 {
		t.Errorf("a script that came into the gap: %+v", b)
	}
}

// TestCopyRows finds a wallet's coins in a book of its own and moves them.
func TestCopyRows(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 1)
	alone := newFixture(t, kv.NewMemory(), 0)
	alone.book = NewBook(func(w uint32) (Source, error) { return testSource(w + 1), nil })
	alone.apply(alone.book.Add(alone.store, Position{}, []Added{
		{Wallet: 1, Chains: []Chain{{Ranged: true}, {Ranged: true}}, First: testScript(2, 0, 0)}, {Wallet: 8, Chains: []Chain{{}}, First: testScript(9, 0, 0)},
	}))
	alone.apply(alone.book.LookAhead(alone.store, 1, nil))
	cb := f.tx(nil, pay(testScript(2, 0, 0), 4), pay(testScript(1, 0, 0), 2), pay(testScript(9, 0, 0), 3))
	f.connect(cb)
	steps := []chain.Step{f.steps[1]}
	steps[0].Block.Header.PrevBlock = alone.steps[0].Entry.Hash
	alone.apply(alone.book.Follow(alone.store, steps))

	f.apply(CopyRows(alone.store, f.store, map[uint32]uint32{1: 2}))
	f.book.Forget()
	if b := f.balance(2); b.Immature != 4 {
		t.Errorf("moved: %+v", b)
	}
	if b := f.balance(1); b.Immature != 2 {
		t.Errorf("the other: %+v", b)
	}
	if all, err := f.view().Balances(); err != nil || len(all) != 2 {
		t.Errorf("a wallet that was not asked for came along: %v %v", all, err)
	}
	f.undo(1)
	if all, err := f.view().Balances(); err != nil || len(all) != 0 {
		t.Errorf("after a reorganisation: %v %v", all, err)
	}
}

func TestStepsMustFit(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 1)
	f.connect()
	f.connect()
	before := f.dump()
	if _, err := f.book.Follow(f.store, f.steps[1:2]); err == nil {
		t.Error("a block was connected twice")
	}
	off := f.steps[1]
	off.Connect = false
	if _, err := f.book.Follow(f.store, []chain.Step{off}); err == nil {
		t.Error("a block was taken off that is not the last")
	}
	if !maps.Equal(before, f.dump()) {
		t.Error("something was stored")
	}
}

func TestDamagedRows(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 1)
	f.connect(f.tx(nil, pay(testScript(1, 0, 0), 5)))
	for k, v := range f.dump() {
		b := new(kv.Batch)
		b.Put([]byte(k), append([]byte(v), 1, 2, 3)[:len(v)-1])
		f.apply(b, nil)
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("row %q cut short: %v", k, p)
				}
			}()
			f.book.Forget()
			view, err := f.book.View(f.store, mempool.Snapshot{Seq: 1e9}, testMaturity)
			if err == nil {
				_, err = view.Balances()
			}
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("row %q cut short: %v", k, err)
			}
		}()
		b = new(kv.Batch)
		b.Put([]byte(k), []byte(v))
		f.apply(b, nil)
	}
}

// BenchmarkList adds up the balances of 10,000 wallets with five coins each.
func BenchmarkList(b *testing.B) {
	f := benchFixture(b, 10_000, 5)
	for b.Loop() {
		if all, err := f.view().Balances(); err != nil || len(all) != 10_000 {
			b.Fatal(len(all), err)
		}
	}
}

// BenchmarkBlock follows blocks of 2,000 transactions that pay 2,000 wallets
// out of 10,000, each from a coin of another.
func BenchmarkBlock(b *testing.B) {
	f := benchFixture(b, 10_000, 5)
	var ops []wire.OutPoint
	for op := range f.coins {
		ops = append(ops, op)
	}
	slices.SortFunc(ops, compareOutPoints)
	txs := []*wire.MsgTx{f.tx(nil, pay(testScript(1, 0, 0), 50))}
	for i := range 2_000 {
		txs = append(txs, f.tx(ops[i:i+1], pay(testScript(uint32(1+i*5), 0, 0), 5), pay(testScript(uint32(2+i*3), 1, 0), 4)))
	}
	f.connect(txs...)
	step := f.steps[len(f.steps)-1]
	f.undo(1)
	for b.Loop() {
		batch, err := f.book.Follow(f.store, []chain.Step{step})
		if err != nil {
			b.Fatal(err)
		}
		if batch.Len() < 8_000 {
			b.Fatal(batch.Len())
		}
	}
}

func benchFixture(b *testing.B, wallets, coins int) *fixture {
	store, err := kv.OpenPebble(b.TempDir(), kv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	f := newFixture(b, store, wallets)
	for c := range coins {
		var outs []*wire.TxOut
		for w := 1; w <= wallets; w++ {
			outs = append(outs, pay(testScript(uint32(w), 0, uint32(c)), 1000))
		}
		f.connect(f.tx(nil, outs...))
	}
	b.Logf("%d wallets, %d coins", wallets, len(f.coins))
	return f
}
