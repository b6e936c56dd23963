package mempool

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// submit hands a package in and checks the pool afterwards.
func (l *lab) submit(txs ...*wire.MsgTx) *PackageResult {
	l.t.Helper()
	r, err := l.pool.SubmitPackage(txs, l.now, 0, false)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, tx := range txs {
		one, ok := r.Txs[tx.WitnessHash()]
		if !ok && len(r.Txs) > 0 {
			l.t.Errorf("nothing is said of %s", tx.TxHash())
		}
		if there := l.pool.Get(tx.TxHash()) != nil; there != (one.Entry != nil) {
			l.t.Errorf("%s is in the pool: %v; result %+v", tx.TxHash(), there, one)
		}
	}
	l.check()
	return r
}

// message is what submitpackage says of a package.
func (r *PackageResult) message() string {
	if r.Err == nil {
		return "success"
	}
	return r.Err.Error()
}

func (l *lab) expect(r *PackageResult, want string) {
	l.t.Helper()
	if got := r.message(); got != want {
		l.t.Errorf("package: %q, want %q", got, want)
	}
}

func TestPackagesIllFormed(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(6)
	parent := pay(1000, 2, coins[0])
	child := pay(1000, 1, outputs(parent)[0])
	rival := pay(2000, 1, outputs(parent)[0])
	other := pay(1000, 1, coins[1])
	witness := parent.Copy()
	witness.TxIn[0].Witness = wire.TxWitness{{1}}
	heavy := []*wire.MsgTx{pay(100_000, 1_300, coins[2]), pay(100_000, 1_300, coins[3])}
	for want, txs := range map[string][]*wire.MsgTx{
		"package-too-many-transactions":              slices.Repeat([]*wire.MsgTx{parent}, 26),
		"package-too-large":                          heavy,
		"package-contains-duplicates":                {parent, witness},
		"package-not-sorted":                         {child, parent},
		"conflict-in-package":                        {parent, child, rival},
		"package-not-child-with-parents":             {parent, other},
		"package-not-child-with-unconfirmed-parents": {parent, pay(1000, 1, outputs(parent)[0], outputs(other)[0])},
		"success": {parent, child},
	} {
		r, err := l.pool.SubmitPackage(txs, l.now, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		l.expect(r, want)
		if len(r.Txs) != 0 && want != "success" {
			t.Errorf("%s: looked at transactions", want)
		}
		l.check()
	}
	l.holds(parent, child)
	if ChildWithParentsTree([]*wire.MsgTx{parent, child, pay(1, 1, outputs(parent)[1], outputs(child)[0])}) {
		t.Error("parents that depend on each other are no tree")
	}
}

// full makes the pool's floor rise to rate satoshis per 1,000 vbytes.
func (l *lab) full(rate int64) { l.pool.floor.raise(float64(rate)) }

func TestChildPaysForParents(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(6)
	l.full(10_000)
	a, b := pay(200, 1, coins[0]), pay(200, 1, coins[1])
	rich := pay(50_000, 1, coins[2])
	child := pay(10_000, 1, outputs(a)[0], outputs(b)[0], outputs(rich)[0])
	l.refuse(a, MempoolMinFeeNotMet)
	r := l.submit(a, b, rich, child)
	l.expect(r, "success")
	l.holds(a, b, rich, child)
	// The rich one came by itself; its fee does not count for the others.
	sizes := consensus.VSize(a) + consensus.VSize(b) + consensus.VSize(child)
	one := r.Txs[child.WitnessHash()]
	if one.Rate != 10_400*1000/sizes || !slices.Equal(one.Includes, []chainhash.Hash{a.WitnessHash(), b.WitnessHash(), child.WitnessHash()}) {
		t.Errorf("child: %+v", one)
	}
	if one := r.Txs[rich.WitnessHash()]; one.Rate != rateOf(50_000, consensus.VSize(rich)) || len(one.Includes) != 1 {
		t.Errorf("rich parent: %+v", one)
	}
	// All of it again.
	r = l.submit(a, b, rich, child)
	l.expect(r, "success")
	if one := r.Txs[child.WitnessHash()]; !one.Known || one.Rate != 0 {
		t.Errorf("known child: %+v", one)
	}

	// Below the floor together; and below what is asked of each.
	low := pay(200, 1, coins[3])
	poor := pay(200, 1, outputs(low)[0])
	r = l.submit(low, poor)
	l.expect(r, "transaction failed")
	if got, want := r.Txs[poor.WitnessHash()].Err.Error(), fmt.Sprintf("mempool min fee not met, 400 < %d", feeAt(10_000, 2*consensus.VSize(low))); got != want {
		t.Errorf("poor child: %q, want %q", got, want)
	}
	if got := r.Txs[low.WitnessHash()].Err.Error(); !strings.HasPrefix(got, "mempool min fee not met, 200 < ") {
		t.Errorf("its parent: %q", got)
	}
	free := pay(0, 1, coins[4])
	r = l.submit(free, pay(50_000, 1, outputs(free)[0]))
	l.expect(r, "transaction failed")
	if got := r.Txs[free.WitnessHash()].Err.Error(); got != "min relay fee not met, 0 < 96" {
		t.Errorf("parent without a fee: %q", got)
	}
	// TRUC parents may come without.
	free = payTRUC(0, 1, coins[4])
	paid := payTRUC(50_000, 1, outputs(free)[0])
	l.expect(l.submit(free, paid), "success")
	// A child may be refused for what no fee mends; its parent stays.
	fine := pay(50_000, 1, coins[5])
	wrong := pay(50_000, 1, outputs(fine)[0])
	wrong.TxIn[0].Witness = wire.TxWitness{{txscript.OP_FALSE}}
	r = l.submit(fine, wrong)
	l.expect(r, "transaction failed")
	if !r.Txs[fine.WitnessHash()].known() || l.pool.Get(fine.TxHash()) == nil {
		t.Error("the good parent did not stay")
	}
}

func (r TxResult) known() bool { return r.Accepted() }

func TestMaxFeerateOfPackages(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(1)
	l.full(5_000)
	parent := pay(200, 1, coins[0])
	child := pay(100_000, 1, outputs(parent)[0])
	r, err := l.pool.SubmitPackage([]*wire.MsgTx{parent, child}, l.now, 100_000, false)
	if err != nil {
		t.Fatal(err)
	}
	l.expect(r, "transaction failed")
	if got := r.Txs[child.WitnessHash()].Err.Error(); got != "max feerate exceeded" {
		t.Errorf("child: %q", got)
	}
	l.holds()
}

func TestOtherWitnessInPackage(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(1)
	parent := pay(1000, 1, coins[0])
	l.accept(parent)
	other := parent.Copy()
	other.TxIn[0].Witness = wire.TxWitness{{1}}
	child := pay(1000, 1, outputs(parent)[0])
	r := l.submit(other, child)
	l.expect(r, "success")
	if one := r.Txs[other.WitnessHash()]; one.OtherWTxID != parent.WitnessHash() {
		t.Errorf("other witness: %+v", one)
	}
}

// TestPackageReplacement follows Core's mempool_package_rbf.py.
func TestPackageReplacement(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(12)
	family := func(c coin, parentFee, childFee int64) []*wire.MsgTx {
		l.now = l.now.Add(1)
		parent := pay(parentFee, 1, c)
		return []*wire.MsgTx{parent, pay(childFee, 1, outputs(parent)[0])}
	}
	first := family(coins[0], 1_000, 1_000)
	l.expect(l.submit(first...), "success")
	tested, err := l.pool.TestPackage(family(coins[0], 999, 5_000), l.now)
	if err != nil || tested.message() != "transaction failed" {
		t.Errorf("test: %v, %v", tested, err)
	}
	for _, one := range tested.Txs {
		if one.Err.Error() != "bip125-replacement-disallowed" {
			t.Errorf("test: %v", one.Err)
		}
	}
	second := family(coins[0], 999, 5_000)
	r := l.submit(second...)
	l.expect(r, "success")
	gone := []chainhash.Hash{first[0].TxHash(), first[1].TxHash()}
	slices.SortFunc(gone, func(a, b chainhash.Hash) int { return slices.Compare(a[:], b[:]) })
	if !slices.Equal(r.Replaced, gone) {
		t.Errorf("replaced %v, want %v", r.Replaced, gone)
	}
	l.holds(second...)

	less := family(coins[0], 998, 5_000)
	l.expect(l.submit(less...), fmt.Sprintf("package RBF failed: insufficient anti-DoS fees, rejecting replacement %s, less fees than conflicting txs; 0.00005998 < 0.00005999", less[1].TxHash()))
	vsize := 2 * consensus.VSize(less[0])
	short := family(coins[0], 998, 5_001+vsize-1)
	l.expect(l.submit(short...), fmt.Sprintf("package RBF failed: insufficient anti-DoS fees, rejecting replacement %s, not enough additional fees to relay; 0.%08d < 0.%08d", short[1].TxHash(), vsize-1, vsize))
	if third := family(coins[0], 998, 5_001+vsize); true {
		l.expect(l.submit(third...), "success")
		l.holds(third...)
	}

	// The child must pay more than its parent.
	l.expect(l.submit(family(coins[1], 1_000, 4_000)...), "success")
	l.expect(l.submit(family(coins[1], 4_000, 4_000)...),
		fmt.Sprintf("package RBF failed: package feerate is less than or equal to parent feerate, package feerate %s <= parent feerate is %[1]s", rateText(rateOf(8_000, vsize))))

	// Nothing else may be waiting above.
	l.expect(l.submit(family(coins[2], 1_000, 4_000)...), "success")
	rival, helper := pay(1_001, 1, coins[2]), pay(1_000, 1, coins[3])
	l.expect(l.submit(rival, helper, pay(20_000, 1, outputs(rival)[0], outputs(helper)[0])), "package RBF failed: new transaction cannot have mempool ancestors")
	// Two parents that conflict.
	l.expect(l.submit(family(coins[4], 1_000, 4_000)...), "success")
	rival2 := pay(1_000-1, 1, coins[4])
	rival = pay(1_000-1, 1, coins[2])
	l.expect(l.submit(rival, rival2, pay(20_000, 1, outputs(rival)[0], outputs(rival2)[0])), "package RBF failed: package must be 1-parent-1-child")
}

func TestPackageReplacementTopology(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(9)
	replace := func(c coin) string {
		parent := pay(200, 1, c)
		return l.submit(parent, pay(100_000, 1, outputs(parent)[0])).message()
	}
	expect := func(got, want string) {
		t.Helper()
		if got != "package RBF failed: "+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// A chain of three: the conflict has two descendants, or two ancestors.
	a := pay(1000, 2, coins[0])
	b := pay(1000, 1, outputs(a)[0], coins[1])
	c := pay(1000, 1, outputs(b)[0], coins[2])
	l.accept(a, b, c)
	expect(replace(coins[0]), a.TxHash().String()+" has 2 descendants, max 1 allowed")
	expect(replace(coins[1]), b.TxHash().String()+" has both ancestor and descendant, exceeding cluster limit of 2")
	expect(replace(coins[2]), c.TxHash().String()+" has 2 ancestors, max 1 allowed")
	// Two parents of one child.
	a, b = pay(1000, 1, coins[3]), pay(1000, 1, coins[4])
	c = pay(1000, 1, outputs(a)[0], outputs(b)[0])
	l.accept(a, b, c)
	expect(replace(coins[3]), a.TxHash().String()+" is not the only parent of child "+c.TxHash().String())
	// Two children of one parent.
	a = pay(1000, 2, coins[5])
	b, c = pay(1000, 1, outputs(a)[0], coins[6]), pay(1000, 1, outputs(a)[1])
	l.accept(a, b, c)
	expect(replace(coins[6]), b.TxHash().String()+" is not the only child of parent "+a.TxHash().String())
	// A parent that is left behind may be worth less than before.
	a = pay(100, 1, coins[7])
	b = pay(50_000, 1, outputs(a)[0], coins[8])
	l.accept(a, b)
	parent := pay(200, 1, coins[8])
	got := l.submit(parent, pay(128_000, 900, outputs(parent)[0])).message()
	expect(got, "insufficient feerate: does not improve feerate diagram")
}

func TestPackagesTested(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(4)
	// Any sorted transactions may be tested together, a chain of three, too.
	a := pay(1000, 2, coins[0])
	b := pay(1000, 1, outputs(a)[0])
	c := pay(1000, 1, outputs(b)[0])
	lone := pay(1000, 1, coins[1])
	r, err := l.pool.TestPackage([]*wire.MsgTx{a, lone, b, c}, l.now)
	if err != nil || r.Err != nil || len(r.Txs) != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, one := range r.Txs {
		if !one.Accepted() || one.Rate != rateOf(1000, one.Entry.VSize) || len(one.Includes) != 1 {
			t.Errorf("%+v", one)
		}
	}
	l.holds()
	// The first refusal ends it.
	poor := pay(1, 1, outputs(a)[1])
	r, err = l.pool.TestPackage([]*wire.MsgTx{a, poor, b}, l.now)
	if err != nil || r.message() != "transaction failed" || len(r.Txs) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := r.Txs[poor.WitnessHash()].Err.Error(); got != "min relay fee not met, 1 < 96" {
		t.Errorf("poor: %q", got)
	}
	// The limits of chains hold for all together, without a carve-out.
	var chain []*wire.MsgTx
	tx := pay(1000, 1, coins[2])
	l.accept(tx)
	for range 25 {
		tx = pay(1000, 1, outputs(tx)[0])
		chain = append(chain, tx)
	}
	r, err = l.pool.TestPackage(chain, l.now)
	if err != nil || r.message() != "package-mempool-limits, too many unconfirmed parents [limit: 25]" {
		t.Errorf("%+v, %v", r.message(), err)
	}
	r, err = l.pool.TestPackage(chain[:24], l.now)
	if err != nil || r.message() != "success" {
		t.Errorf("%+v, %v", r.message(), err)
	}
	// TRUC inside a package.
	parent := payTRUC(1000, 2, coins[3])
	child := payTRUC(1000, 1, outputs(parent)[0])
	second := payTRUC(1000, 1, outputs(parent)[1])
	r, err = l.pool.TestPackage([]*wire.MsgTx{parent, child, second}, l.now)
	if err != nil || r.message() != "TRUC-violation, "+named(parent)+" would exceed descendant count limit" {
		t.Errorf("%+v, %v", r.message(), err)
	}
	deep := payTRUC(1000, 1, outputs(child)[0])
	r, err = l.pool.TestPackage([]*wire.MsgTx{parent, child, deep}, l.now)
	if err != nil || r.message() != "TRUC-violation, "+named(deep)+" would have too many ancestors" {
		t.Errorf("%+v, %v", r.message(), err)
	}
	plain := pay(1000, 1, outputs(parent)[0])
	r, err = l.pool.TestPackage([]*wire.MsgTx{parent, plain}, l.now)
	if err != nil || r.message() != "TRUC-violation, non-version=3 "+named(plain)+" cannot spend from version=3 "+named(parent) {
		t.Errorf("%+v, %v", r.message(), err)
	}
}

// TestPackageEvictedAtOnce has a package that passes and is the first to go when
// the pool is trimmed.
func TestPackageEvictedAtOnce(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(6)
	one := NewEntry(pay(1000, 1, coins[0]), 1000, 0, l.now, 0).memory()
	l.policy.MaxMemory = 3 * one
	l.open()
	kept := []*wire.MsgTx{pay(5000, 1, coins[0]), pay(5000, 1, coins[1]), pay(5000, 1, coins[2])}
	l.accept(kept...)
	parent := pay(1000, 1, coins[3])
	r := l.submit(parent, pay(1000, 1, outputs(parent)[0]))
	l.expect(r, "transaction failed")
	for _, one := range r.Txs {
		if one.Err.Error() != "mempool full" {
			t.Errorf("%+v", one)
		}
	}
	l.holds(kept...)
	l.open()
	l.holds(kept...)
}
