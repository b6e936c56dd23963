package mempool

import (
	"math"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
)

func TestPrioritise(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(4)
	parent := pay(1000, 1, coins[0])
	child := pay(1000, 1, outputs(parent)[0])
	l.accept(parent, child)
	changed := l.pool.Changed()
	l.prioritise(parent.TxHash(), 300)
	select {
	case <-changed:
	default:
		t.Error("templates are not told")
	}
	l.prioritise(child.TxHash(), -500)
	p, c := l.pool.Get(parent.TxHash()), l.pool.Get(child.TxHash())
	if p.Fee != 1000 || p.ModifiedFee() != 1300 || p.Descendants.Fees != 1800 || c.Ancestors.Fees != 1800 || c.Ancestors.Count != 2 {
		t.Errorf("parent %+v, child %+v", p, c)
	}
	if i := l.pool.Info(l.now); i.Fees != 2000 {
		t.Errorf("fees %d", i.Fees)
	}
	// It may come before the transaction.
	poor := pay(1, 1, coins[1])
	l.refuse(poor, MinRelayFeeNotMet)
	l.prioritise(poor.TxHash(), 1000)
	l.accept(poor)
	// A replacement must outdo the modified fee.
	l.refuse(pay(1050, 1, coins[1]), InsufficientFee)
	l.prioritise(poor.TxHash(), -1000)
	l.prioritise(chainhash.Hash{9}, 5)
	if list := l.pool.Priorities(); len(list) != 3 {
		t.Errorf("%+v", list)
	}
	l.open()
	l.check()
	if e := l.pool.Get(parent.TxHash()); e.Delta != 300 || len(l.pool.Priorities()) != 3 {
		t.Errorf("after a restart: %+v", e)
	}

	// A block ends it, for what it confirms and for what it makes impossible, also
	// while nobody follows and in a reorganisation; the rest stays.
	fork := l.chain.Tip()
	l.mine(parent)
	l.mine(pay(2, 1, outputs(parent)[0]))
	l.holds(poor)
	if list := l.pool.Priorities(); len(list) != 1 || list[0].TxID != (chainhash.Hash{9}) || list[0].Delta != 5 || list[0].Entry != nil {
		t.Errorf("after blocks: %+v", list)
	}
	l.prioritise(poor.TxHash(), 7)
	e, _ := l.mineOn(fork, poor)
	e, _ = l.mineOn(e)
	l.mineOn(e)
	l.open()
	l.check()
	if list := l.pool.Priorities(); len(list) != 1 {
		t.Errorf("after a reorganisation: %+v", list)
	}
	l.prioritise(chainhash.Hash{9}, math.MaxInt64)
	l.prioritise(chainhash.Hash{9}, math.MaxInt64)
	if list := l.pool.Priorities(); list[0].Delta != math.MaxInt64 {
		t.Errorf("sum of large deltas: %+v", list)
	}
}

func TestUnbroadcast(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(3)
	a, b := pay(1000, 1, coins[0]), pay(1000, 1, coins[1])
	if _, err := l.pool.AcceptOwn(a, l.now); err != nil {
		t.Fatal(err)
	}
	l.accept(b)
	count := func(want int) {
		t.Helper()
		l.check()
		if i := l.pool.Info(l.now); i.Unbroadcast != want {
			t.Errorf("%d are unbroadcast, want %d", i.Unbroadcast, want)
		}
	}
	set := func(txid chainhash.Hash, to bool) {
		t.Helper()
		if err := l.pool.SetUnbroadcast(txid, to); err != nil {
			t.Fatal(err)
		}
	}
	count(1)
	set(b.TxHash(), true)
	set(chainhash.Hash{1}, true)
	count(2)
	l.open()
	count(2)
	set(b.TxHash(), false)
	count(1)
	fork := l.chain.Tip()
	l.mine(a)
	l.pool.CatchUp(t.Context())
	count(0)
	e, _ := l.mineOn(fork)
	l.mineOn(e) // it comes back, and has been seen
	l.holds(a, b)
	count(0)
}

func TestCompareFeerates(t *testing.T) {
	for _, tt := range []struct {
		fees1, size1, fees2, size2 int64
		want                       int
	}{
		{1, 2, 2, 4, 0}, {1, 2, 1, 3, 1}, {-1, 2, 1, 3, -1}, {-1, 2, -1, 3, -1}, {-2, 2, -1, 1, 0}, {0, 5, -1, 9, 1}, {math.MaxInt64, 1, math.MaxInt64, 2, 1},
	} {
		if got := CompareFeerates(tt.fees1, tt.size1, tt.fees2, tt.size2); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}
