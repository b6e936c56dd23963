package wallet

import (
	"errors"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/internal/kv"
)

// chainsSource has as many chains as it says; chain 1 has two scripts an index,
// chain 2 is not ranged, and chain 3 gives the scripts of chain 0 once more.
type chainsSource struct{ chains uint32 }

func (s chainsSource) Chains() uint32           { return s.chains }
func (s chainsSource) Ranged(chain uint32) bool { return chain != 2 }
func (s chainsSource) Scripts(chain, index uint32) ([][]byte, error) {
	switch chain {
	case 1:
		return [][]byte{testScript(1, 1, index), testScript(1, 101, index)}, nil
	case 3:
		chain = 0
	}
	return [][]byte{testScript(1, chain, index)}, nil
}

// chainsFixture is a book with one wallet, whose source grows.
func chainsFixture(t *testing.T, chains ...Chain) (*fixture, *chainsSource) {
	f := newFixture(t, kv.NewMemory(), 0)
	source := &chainsSource{uint32(len(chains))}
	f.book = NewBook(func(uint32) (Source, error) { return source, nil })
	f.apply(f.book.Add(f.store, Position{}, []Added{{Wallet: 1, Chains: chains}}))
	f.apply(f.book.LookAhead(f.store, 1, nil))
	return f, source
}

func (f *fixture) owner(script []byte) []Owner {
	f.t.Helper()
	owners, err := OwnersOf(f.store, script)
	if err != nil {
		f.t.Fatal(err)
	}
	return owners
}

// TestRangedChain watches from the start of a range to its end at least, and
// beyond what is used.
func TestRangedChain(t *testing.T) {
	f, _ := chainsFixture(t, Chain{Ranged: true, Start: 1_000, End: 1_100})
	for index, want := range map[uint32]bool{0: false, 999: false, 1_000: true, 1_099: true, 1_100: false} {
		if got := len(f.owner(testScript(1, 0, index))) > 0; got != want {
			t.Errorf("index %d is watched: %v", index, got)
		}
	}
	f.connect(f.tx(nil, pay(testScript(1, 0, 1_095), 5)))
	if f.owner(testScript(1, 0, 1_095+Gap)) == nil || f.owner(testScript(1, 0, 1_096+Gap)) != nil {
		t.Error("a use near the end does not watch the gap behind it")
	}
	used, err := Used(f.store, 1)
	if err != nil || used[0] != 1_096 {
		t.Errorf("used %v, %v", used, err)
	}
}

// TestAddChains gives a wallet that has rows further chains, as importing
// descriptors does: several scripts an index, a single one, and one that gives
// scripts which it has already.
func TestAddChains(t *testing.T) {
	f, source := chainsFixture(t, Chain{Ranged: true})
	f.connect(f.tx(nil, pay(testScript(1, 0, 0), 5)))
	source.chains = 4
	chains := []Chain{{Ranged: true}, {Ranged: true, End: 3}, {}, {Ranged: true}}
	f.apply(f.book.SetChains(f.store, 1, chains))
	f.apply(f.book.LookAhead(f.store, 1, nil))
	if b, err := f.book.SetChains(f.store, 1, chains); b != nil || err != nil {
		t.Errorf("the same chains again: %v, %v", b, err)
	}
	if _, err := f.book.SetChains(f.store, 1, chains[:1]); err == nil {
		t.Error("chains can be taken away")
	}
	f.book.Forget() // all is in the rows
	cb := f.tx(nil, pay(testScript(1, 1, 2), 10), pay(testScript(1, 101, 2), 20), pay(testScript(1, 2, 0), 40), pay(testScript(1, 0, 1), 80))
	f.connect(cb)
	if b := f.balance(1); b.Immature != 155 {
		t.Errorf("a coin counts once, whoever gives its script: %+v", b)
	}
	if owners := f.owner(testScript(1, 0, 1)); len(owners) != 2 {
		t.Errorf("%v", owners)
	}
	used, err := Used(f.store, 1)
	if err != nil || used[0] != 2 || used[1] != 3 || used[2] != 1 || used[3] != 2 {
		t.Errorf("used %v, %v", used, err)
	}
	before := f.dump()
	f.connect(f.tx(nil, pay([]byte{0x51}, 1)), f.tx([]wire.OutPoint{{Hash: cb.TxHash(), Index: 0}, {Hash: cb.TxHash(), Index: 3}}, pay([]byte{0x51}, 1)))
	f.undo(1)
	compareRows(t, before, f.dump())
}

// compareRows holds rows after a block that was taken off against those before
// it.
func compareRows(t *testing.T, before, after map[string]string) {
	t.Helper()
	for k, v := range before {
		if after[k] != v {
			t.Errorf("row %q: %q, before %q", k, after[k], v)
		}
	}
	for k := range after {
		if _, ok := before[k]; !ok {
			t.Errorf("row %q is left over", k)
		}
	}
}

// TestReuse marks coins at an address that was spent from, through a
// reorganisation.
func TestReuse(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 1)
	reused := func() bool {
		t.Helper()
		v := f.view()
		coins, err := v.Coins(1)
		if err == nil {
			err = v.MarkReused(1, coins)
		}
		if err != nil {
			t.Fatal(err)
		}
		any := false
		for i := range coins {
			if coins[i].Index == 0 {
				any = any || coins[i].Reused
			} else if coins[i].Reused {
				t.Error("an address that was not spent from")
			}
		}
		return any
	}
	cb := f.tx(nil, pay(testScript(1, 0, 0), 5), pay(testScript(1, 0, 1), 5))
	f.connect(cb)
	if reused() {
		t.Error("before any spend")
	}
	f.connect(f.tx(nil, pay(testScript(1, 0, 0), 7)), f.tx([]wire.OutPoint{{Hash: cb.TxHash()}}, pay([]byte{0x51}, 1)))
	if !reused() {
		t.Error("after a spend")
	}
	f.undo(1)
	if reused() {
		t.Error("after the spend's block left the chain")
	}
	spend := f.tx([]wire.OutPoint{{Hash: cb.TxHash()}}, pay(testScript(1, 0, 0), 1))
	v := f.view(entry(nil, spend))
	coins, err := v.Coins(1)
	if err != nil || v.MarkReused(1, coins) != nil || !coins[len(coins)-1].Reused {
		t.Errorf("a spend that waits: %+v, %v", coins, err)
	}
}

// TestRemove takes a wallet out of the book and leaves the others.
func TestRemove(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 2)
	cb := f.tx(nil, pay(testScript(1, 0, 0), 5), pay(testScript(2, 0, 0), 6))
	f.connect(cb)
	f.apply(f.book.Remove(f.store, 1))
	if err := f.book.load(f.store); err != nil {
		t.Fatal(err)
	}
	if f.book.Has(1) || !f.book.Has(2) || f.owner(testScript(1, 0, 0)) != nil {
		t.Error("wallet 1 is still there, or 2 is not")
	}
	if b := f.balance(2); b.Immature != 6 {
		t.Errorf("%+v", b)
	}
	f.connect(f.tx(nil, pay([]byte{0x51}, 1)), f.tx([]wire.OutPoint{{Hash: cb.TxHash()}, {Hash: cb.TxHash(), Index: 1}}, pay([]byte{0x51}, 1)))
	if b := f.balance(2); b.Coins != 0 {
		t.Errorf("%+v", b)
	}
}

// TestOldRows takes rows of an earlier format for damaged: they are made anew.
func TestOldRows(t *testing.T) {
	f := newFixture(t, kv.NewMemory(), 1)
	b := new(kv.Batch)
	b.Put(accountKey(1), []byte{1, 0, 0, 0, 21, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0}) // ranged; stored and used of two chains
	f.apply(b, nil)
	f.book.Forget()
	if _, err := f.book.Incomplete(f.store, func(_, _ uint32) uint32 { return 0 }); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}
