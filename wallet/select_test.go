package wallet

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/mempool"
)

// drawGroups draws a few groups, sorted as a planner sorts them.
func drawGroups(t *rapid.T) []group {
	rate := rapid.Int64Range(-200, 200).Draw(t, "waste of an input") // all of one type have the same
	groups := make([]group, rapid.IntRange(0, 10).Draw(t, "groups"))
	for i := range groups {
		groups[i] = group{amount: consensus.Amount(rapid.Int64Range(1, 40).Draw(t, "amount")) * 100, waste: consensus.Amount(rate), weight: 272}
	}
	slices.SortFunc(groups, func(a, b group) int { return int(b.amount - a.amount) })
	return groups
}

func sumOf(groups []group, picked []int) (amount, waste consensus.Amount) {
	for _, i := range picked {
		amount, waste = amount+groups[i].amount, waste+groups[i].waste
	}
	return amount, waste
}

// random is a source for tests.
func random(t *rapid.T) func(n int) int {
	state := rapid.Uint64().Draw(t, "random")
	return func(n int) int {
		state = state*6364136223846793005 + 1442695040888963407
		return int(state>>33) % n
	}
}

// Branch and bound finds what trying all subsets finds: of those that suffice, but
// not without their smallest, the one with the least waste.
func TestBranchAndBoundEqualsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := drawGroups(t)
		target := consensus.Amount(rapid.Int64Range(1, 10_000).Draw(t, "target"))
		slack := consensus.Amount(rapid.Int64Range(0, 500).Draw(t, "slack"))
		best := consensus.Amount(math.MaxInt64)
		for set := range uint(1) << len(groups) {
			var amount, waste, last consensus.Amount
			for i := range groups {
				if set>>i&1 == 1 {
					last = groups[i].amount
					amount, waste = amount+last, waste+groups[i].waste
				}
			}
			if set != 0 && amount >= target && amount <= target+slack && amount-last < target {
				best = min(best, waste+amount-target)
			}
		}
		picked := branchAndBound(groups, target, slack, 1<<40)
		if (picked == nil) != (best == math.MaxInt64) {
			t.Fatalf("picked %v, the model's least waste is %d", picked, best)
		}
		if picked != nil {
			amount, waste := sumOf(groups, picked)
			if amount < target || amount > target+slack || waste+amount-target != best {
				t.Fatalf("amount %d, waste %d; target %d, slack %d, least %d", amount, waste+amount-target, target, slack, best)
			}
		}
	})
}

// Knapsack holds target, finds something whenever there is something, and is
// never worse than the smallest coin that does it alone.
func TestKnapsackAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := drawGroups(t)
		target := consensus.Amount(rapid.Int64Range(1, 20_000).Draw(t, "target"))
		change := consensus.Amount(rapid.Int64Range(0, 1000).Draw(t, "change"))
		var all consensus.Amount
		exact, alone := false, consensus.Amount(math.MaxInt64)
		for i := range groups {
			all += groups[i].amount
			if groups[i].amount >= target+change {
				alone = min(alone, groups[i].amount)
			}
			exact = exact || groups[i].amount == target
		}
		picked := knapsack(groups, target, change, 1<<40, random(t))
		if (picked != nil) != (all >= target) {
			t.Fatalf("picked %v of %d for %d", picked, all, target)
		}
		amount, _ := sumOf(groups, picked)
		switch {
		case picked == nil:
		case amount < target, exact && amount != target, amount > alone:
			t.Fatalf("%d for %d, alone %d", amount, target, alone)
		}
		if once := slices.Compact(slices.Sorted(slices.Values(picked))); len(once) != len(picked) {
			t.Fatalf("picked twice: %v", picked)
		}
	})
}

// A random draw holds its target unless all together do not; each coin is drawn
// once, and no more than needed.
func TestRandomDrawAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := drawGroups(t)
		target := consensus.Amount(rapid.Int64Range(1, 20_000).Draw(t, "target"))
		room := int64(rapid.IntRange(0, 12).Draw(t, "room")) * 272
		picked := randomDraw(groups, target, room, random(t))
		var most consensus.Amount // that fits
		for i := range groups[:min(len(groups), int(room/272))] {
			most += groups[i].amount
		}
		if (picked != nil) != (most >= target) {
			t.Fatalf("picked %v, at most %d fits, for %d", picked, most, target)
		}
		seen := 0
		for _, i := range picked {
			if seen>>i&1 == 1 {
				t.Fatalf("%d is drawn twice", i)
			}
			seen |= 1 << i
		}
		if amount, _ := sumOf(groups, picked); picked != nil && (amount < target || int64(bits.OnesCount(uint(seen)))*272 > room) {
			t.Fatalf("%d for %d", amount, target)
		}
	})
}

// The selection that is taken has the least waste of those found.
func TestLeastWasteWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var coins []Coin
		for i := range rapid.IntRange(1, 25).Draw(t, "coins") {
			coins = append(coins, testCoin(keys.Bech32, uint32(i+1), consensus.Amount(rapid.Int64Range(1_000, 500_000).Draw(t, "value"))))
		}
		o := testOptions(keys.Bech32, FeeRate(rapid.Int64Range(1_000, 40_000).Draw(t, "rate")))
		o.Rand = random(t)
		d, err := Plan(coins, []Payment{{Script: o.Change.Script, Value: consensus.Amount(rapid.Int64Range(1_000, 2_000_000).Draw(t, "amount"))}}, o)
		if err != nil {
			return
		}
		for i := range d.Tried {
			if d.Tried[i].Waste < d.Tried[0].Waste {
				t.Fatalf("%+v", d.Tried)
			}
		}
		if d.Algorithm != d.Tried[0].Algorithm || d.Tried[0].Coins != len(d.Coins) || (d.Tried[0].Algorithm == bnbName) && d.Change != 0 {
			t.Fatalf("%+v, change %d, %d coins", d.Tried, d.Change, len(d.Coins))
		}
	})
}

// A type of script that suffices alone is not mixed with others.
func TestPlanDoesNotMixTypes(t *testing.T) {
	o := testOptions(keys.Bech32, 2000)
	var coins []Coin
	for i := range uint32(10) {
		coins = append(coins, testCoin(keys.Types()[i%4], i+1, 100_000))
	}
	for range 20 {
		d, err := Plan(coins, []Payment{{Script: o.Change.Script, Value: 150_000}}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range d.Coins {
			if a, b := len(c.Script), len(d.Coins[0].Script); a != b {
				t.Fatalf("mixes scripts of %d and %d bytes", a, b)
			}
		}
	}
}

// What is locked by hand is spent only when it is named; what is named is spent
// first, and alone if asked.
func TestPlanNamedAndLockedCoins(t *testing.T) {
	o := testOptions(keys.Bech32, 1000)
	coins := []Coin{testCoin(keys.Bech32, 1, 100_000), testCoin(keys.Bech32, 2, 900_000), testCoin(keys.Bech32, 3, 50_000)}
	coins[1].Locked = true
	pay := []Payment{{Script: o.Change.Script, Value: 200_000}}
	_, err := Plan(coins, pay, o)
	if !errors.Is(err, ErrFunds) || !strings.Contains(err.Error(), "0.00900000 is in coins that were locked by hand") {
		t.Error(err)
	}
	o.Must, o.Only = coins[1:2], true
	d, err := Plan(coins, pay, o)
	if err != nil || len(d.Coins) != 1 || d.Coins[0].OutPoint != coins[1].OutPoint {
		t.Error(d, err)
	}
	o.Must = coins[2:3]
	if _, err = Plan(coins, pay, o); !errors.Is(err, ErrFunds) || !strings.Contains(err.Error(), "0.00050000 is in the coins that were asked for") {
		t.Error(err)
	}
	o.Only, pay[0].Value = false, 120_000
	if d, err = Plan(coins, pay, o); err != nil || len(d.Coins) != 2 || d.Coins[0].OutPoint != coins[2].OutPoint {
		t.Error(d, err)
	}
	o.Must = []Coin{coins[2], coins[2]}
	if _, err = Plan(coins, pay, o); !errors.Is(err, ErrCoin) {
		t.Error(err)
	}
	for state, text := range map[State]string{Immature: "immature: it can be spent from height 7 on", Spent: "is already spent by"} {
		bad := coins[0]
		bad.State, bad.Matures, bad.SpentBy = state, 7, chainhash.Hash{1}
		o.Must = []Coin{bad}
		if _, err = Plan(coins, pay, o); !errors.Is(err, ErrCoin) || !strings.Contains(err.Error(), text) {
			t.Error(err)
		}
	}
}

// All that is there goes to the payments of the rest, in equal parts.
func TestPlanRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var coins []Coin
		var sum, worth consensus.Amount
		o := testOptions(keys.Bech32, FeeRate(rapid.Int64Range(1_000, 30_000).Draw(t, "rate")))
		o.Sweep = rapid.Bool().Draw(t, "sweep")
		for i := range rapid.IntRange(1, 20).Draw(t, "coins") {
			c := testCoin(rapid.SampledFrom(keys.Types()).Draw(t, "type"), uint32(i+1), consensus.Amount(rapid.Int64Range(1, 100_000).Draw(t, "value")))
			coins = append(coins, c)
			sum += c.Value
			if way, _ := (&weights{}).of(&c); c.Value > o.FeeRate.Fee((way.weight+4)/4) {
				worth += c.Value
			}
		}
		payments := []Payment{{Script: o.Change.Script, Rest: true}, {Script: o.Change.Script, Rest: true}, {Script: o.Change.Script, Value: 5_000}}
		d, err := Plan(coins, payments, o)
		if err != nil {
			if !errors.Is(err, ErrDust) && !errors.Is(err, ErrFunds) {
				t.Fatal(err)
			}
			return
		}
		var in consensus.Amount
		for _, c := range d.Coins {
			in += c.Value
		}
		if o.Sweep && in != sum || !o.Sweep && in < worth || d.Change != 0 || d.Tx.TxOut[2].Value != 5_000 {
			t.Fatalf("%d of %d, worth %d", in, sum, worth)
		}
		if a, b := d.Tx.TxOut[0].Value, d.Tx.TxOut[1].Value; a-b < 0 || a-b > 1 {
			t.Fatalf("%d and %d", a, b)
		}
		finish(t, d, o.FeeRate)
	})
}

// Several payments bear the fee in equal parts, the first what does not divide.
func TestPlanSubtractsFromSeveral(t *testing.T) {
	o := testOptions(keys.Bech32, 1003)
	coins := []Coin{testCoin(keys.Bech32, 1, 1_000_000)}
	pay := []Payment{{Script: o.Change.Script, Value: 100_000, Subtract: true}, {Script: o.Change.Script, Value: 100_000}, {Script: o.Change.Script, Value: 100_000, Subtract: true}}
	zero := 0
	o.ChangeAt = &zero
	d, err := Plan(coins, pay, o)
	if err != nil || d.ChangeAt != 0 || d.Change != 700_000 {
		t.Fatal(d, err)
	}
	first, second, third := 100_000-d.Tx.TxOut[1].Value, d.Tx.TxOut[2].Value, 100_000-d.Tx.TxOut[3].Value
	if first+third != int64(d.Fee) || first-third < 0 || first-third > 1 || second != 100_000 {
		t.Errorf("%d, %d, %d of %d", first, second, third, d.Fee)
	}
	pay[0].Value = 300
	if _, err := Plan(coins, pay, o); !errors.Is(err, ErrDust) {
		t.Error(err)
	}
}

func TestPlanData(t *testing.T) {
	o := testOptions(keys.Bech32, 1000)
	coins := []Coin{testCoin(keys.Bech32, 1, 1_000_000)}
	d, err := Plan(coins, []Payment{{Script: []byte{0x6a, 1, 7}}}, o)
	if err != nil || d.Change == 0 {
		t.Fatal(d, err)
	}
	finish(t, d, o.FeeRate)
	if _, err := Plan(coins, []Payment{{Script: append([]byte{0x6a, 0x4c, 100}, make([]byte, 100)...)}}, o); !errors.Is(err, ErrData) {
		t.Error(err)
	}
}

// Coins of one script are spent together when that is asked for.
func TestPlanByScript(t *testing.T) {
	o := testOptions(keys.Bech32, 1000)
	o.ByScript = true
	var coins []Coin
	for i := range uint32(6) {
		c := testCoin(keys.Bech32, 1+i/3, 50_000)
		c.OutPoint.Index = i
		coins = append(coins, c)
	}
	d, err := Plan(coins, []Payment{{Script: o.Change.Script, Value: 20_000}}, o)
	if err != nil || len(d.Coins) != 3 {
		t.Fatal(d, err)
	}
}

// Time-locked coins are spent with the right sequence and locktime once their lock
// has passed, and told of before.
func TestPlanTimeLocks(t *testing.T) {
	for _, c := range []struct {
		text     string
		tip      int32
		refused  string // part of the message
		sequence uint32
		lockTime uint32
	}{
		{"wsh(and_v(v:pk($1),older(50)))", 148, "spendable from height 149 on", 0, 0},
		{"wsh(and_v(v:pk($1),older(50)))", 149, "", 50, 20},
		{"wsh(and_v(v:pk($1),after(500)))", 499, "spendable from height 500 on", 0, 0},
		{"wsh(and_v(v:pk($1),after(500)))", 500, "", Sequence, 500},
		{"wsh(and_v(v:pk($1),after(1700060000)))", 100, "when the median time of the last blocks is past 2023-11-15 14:53:20 UTC", 0, 0},
		{"wsh(and_v(v:pk($1),after(1700060000)))", 101, "", Sequence, 1_700_060_000},
		{"wsh(and_v(v:pk($1),older(4194306)))", 100, "17m4s after its block", 0, 0},
		{"wsh(and_v(v:pk($1),older(4194306)))", 101, "", 4194306, 20},
		{"tr(@1,{and_v(v:pk($2),older(7)),and_v(v:pk($3),after(600))})", 104, "spendable from height 106 on", 0, 0},
		{"wsh(or_d(pk(@1),and_v(v:pk($2),older(300))))", 150, "spendable from height 399 on", 0, 0},
	} {
		d := parse(t, c.text)
		solve := solverOf(d)
		o := signOptionsFor(solve)
		o.Alone, o.LockTime, o.Tip.Height = true, 20, c.tip
		draft, err := Plan(coinsOf(t, d, 0, 0, 1_000_000), []Payment{{Script: o.Change.Script, Value: 200_000}}, o)
		if c.refused != "" {
			if !errors.Is(err, ErrFunds) || !strings.Contains(err.Error(), "time-locked") || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s at %d: %v", c.text, c.tip, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s at %d: %v", c.text, c.tip, err)
			continue
		}
		if in := draft.Tx.TxIn[0]; in.Sequence != c.sequence || draft.Tx.LockTime != c.lockTime {
			t.Errorf("%s: sequence %d, locktime %d", c.text, in.Sequence, draft.Tx.LockTime)
		}
		if complete, problems, err := Sign(draft.Tx, draft.Coins, solve, SignOptions{}); err != nil || !complete {
			t.Fatal(problems, err)
		}
		verify(t, draft.Tx, draft.Coins)
	}
}

// Locks by height and by time are not mixed, and a locktime that is asked for is
// kept.
func TestPlanLocksThatExclude(t *testing.T) {
	list := solverOf(parse(t, "wsh(and_v(v:pk($1),after(500)))"), parse(t, "wsh(and_v(v:pk($1),after(1700000000)))"))
	o := signOptionsFor(list)
	coins := append(coinsOf(t, parse(t, "wsh(and_v(v:pk($1),after(500)))"), 0, 0, 100_000), coinsOf(t, parse(t, "wsh(and_v(v:pk($1),after(1700000000)))"), 1, 0, 300_000)...)
	pay := []Payment{{Script: o.Change.Script, Value: 50_000}}
	d, err := Plan(coins, pay, o)
	if err != nil || len(d.Coins) != 1 || d.Coins[0].Chain != 0 || d.Tx.LockTime != 1000 {
		t.Fatal(d, err)
	}
	pay[0].Value = 200_000
	if d, err = Plan(coins, pay, o); err != nil || len(d.Coins) != 1 || d.Coins[0].Chain != 1 || d.Tx.LockTime != 1_700_000_000 {
		t.Fatal(d, err)
	}
	pay[0].Value = 350_000
	if _, err = Plan(coins, pay, o); !errors.Is(err, ErrFunds) {
		t.Error(err)
	}
	o.LockTime, o.LockFixed, pay[0].Value = 400, true, 50_000
	if _, err = Plan(coins, pay, o); !errors.Is(err, ErrFunds) || !strings.Contains(err.Error(), "time-locked") {
		t.Error(err)
	}
	o.LockTime = 2000 // which passes the first, although the tip is not there yet
	o.Tip.Height = 10
	if d, err = Plan(coins, pay, o); err != nil || d.Tx.LockTime != 2000 {
		t.Error(d, err)
	}
}

// A wallet that has a part of the keys says that others must sign.
func TestPlanAlone(t *testing.T) {
	d := parse(t, "wsh(multi(2,$1,@2,@3))")
	o := signOptionsFor(solverOf(d))
	o.Alone = true
	coins := coinsOf(t, d, 0, 0, 100_000)
	pay := []Payment{{Script: o.Change.Script, Value: 50_000}}
	if _, err := Plan(coins, pay, o); !errors.Is(err, ErrFunds) || !strings.Contains(err.Error(), "needs signatures of others") {
		t.Error(err)
	}
	o.Alone = false
	if _, err := Plan(coins, pay, o); err != nil {
		t.Error(err)
	}
	watch := parse(t, "addr(bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080)")
	o.Solve = solverOf(watch)
	if _, err := Plan(coinsOf(t, watch, 0, 0, 100_000), pay, o); !errors.Is(err, ErrFunds) || !strings.Contains(err.Error(), "watched only") {
		t.Error(err)
	}
}

func TestChangeType(t *testing.T) {
	script := func(k keys.Type) []byte { return k.Script(testKey(1).PubKey()) }
	all := func(keys.Type) bool { return true }
	only := func(k keys.Type) func(keys.Type) bool { return func(t keys.Type) bool { return t == k } }
	for _, c := range []struct {
		paid []keys.Type
		own  keys.Type
		has  func(keys.Type) bool
		want keys.Type
	}{
		{[]keys.Type{keys.Bech32m}, keys.Bech32, all, keys.Bech32m},
		{[]keys.Type{keys.Legacy, keys.P2SHSegwit}, keys.Bech32, all, keys.P2SHSegwit},
		{[]keys.Type{keys.Bech32m}, keys.Bech32, only(keys.Bech32), keys.Bech32},
		{[]keys.Type{keys.Bech32m}, keys.Legacy, all, keys.Legacy},
		{nil, keys.Bech32m, all, keys.Bech32m},
	} {
		var scripts [][]byte
		for _, k := range c.paid {
			scripts = append(scripts, script(k))
		}
		if got := ChangeType(scripts, c.own, c.has); got != c.want {
			t.Errorf("%v: %s, want %s", c.paid, got, c.want)
		}
	}
}

// A payment from all kinds of wallets at once conserves value, pays its rate, and
// passes the mempool's scripts.
func TestPlanEveryDescriptor(t *testing.T) {
	var list []Coin
	solvers := solverOf()
	for chain, text := range signable {
		d := parse(t, text)
		list = append(list, coinsOf(t, d, uint32(chain), 0, 0)...)
		inner := solvers
		solvers = func(c *Coin) (*descriptor.Output, error) {
			if int(c.Chain) == chain {
				return d.Output(c.Index, c.Script)
			}
			return inner(c)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		coins := slices.Clone(list)
		var total consensus.Amount
		for i := range coins {
			coins[i].Value = consensus.Amount(rapid.Int64Range(10_000, 3_000_000).Draw(t, "value"))
			total += coins[i].Value
		}
		o := Options{
			FeeRate: FeeRate(rapid.Int64Range(1_000, 50_000).Draw(t, "rate")), Solve: solvers, Alone: true, Policy: mempool.DefaultPolicy(), Rand: random(t),
			Change: Change{Script: keys.Bech32.Script(testKey(9999).PubKey()), Foreign: true}, LockTime: 1000,
			Tip: Tip{Height: 1000, MedianTime: func(height int32) int64 { return 1_700_000_000 + int64(height)*600 }},
		}
		pay := []Payment{{Script: o.Change.Script, Value: consensus.Amount(rapid.Int64Range(1_000, int64(total/2)).Draw(t, "amount")), Subtract: rapid.Bool().Draw(t, "subtract")}}
		d, err := Plan(coins, pay, o)
		if errors.Is(err, ErrDust) || errors.Is(err, ErrFunds) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		complete, problems, err := Sign(d.Tx, d.Coins, solvers, SignOptions{})
		if err != nil || !complete {
			t.Fatal(problems, err)
		}
		checkSigned(t, d, o.FeeRate, 5)
	})
}
