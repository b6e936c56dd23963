package wallet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/mempool"
)

// testKey is the private key of a number, and its script of a type.
func testKey(n uint32) *btcec.PrivateKey {
	var b [32]byte
	b[31], b[30], b[0] = byte(n), byte(n>>8), 1
	key, _ := btcec.PrivKeyFromBytes(b[:])
	return key
}

func testCoin(t keys.Type, n uint32, value consensus.Amount) Coin {
	var hash chainhash.Hash
	hash[0], hash[1] = byte(n), byte(n>>8)
	return Coin{OutPoint: wire.OutPoint{Hash: hash, Index: n % 3}, Value: value, Script: t.Script(testKey(n).PubKey()), Index: n, Height: 1}
}

func testOptions(t keys.Type, rate FeeRate) Options {
	return Options{FeeRate: rate, Change: Change{Script: t.Script(testKey(9999).PubKey())}, Policy: mempool.DefaultPolicy(), Rand: func(n int) int { return n - 1 }}
}

// finish signs a draft and runs what the mempool would: the scripts under its
// flags, sums, sizes.
func finish(t rapid.TB, d *Draft, rate FeeRate) {
	t.Helper()
	if err := SignKeys(d.Tx, d.Coins, func(c *Coin) (*btcec.PrivateKey, error) { return testKey(c.Index), nil }); err != nil {
		t.Fatal(err)
	}
	checkSigned(t, d, rate, 3)
}

// checkSigned checks a signed draft, whose signatures may be some bytes shorter
// an input than they were reckoned.
func checkSigned(t rapid.TB, d *Draft, rate FeeRate, shorter int64) {
	t.Helper()
	if err := consensus.CheckTransaction(d.Tx); err != nil {
		t.Fatal(err)
	}
	var coins []*consensus.Coin
	var in, out consensus.Amount
	for _, c := range d.Coins {
		coins = append(coins, &consensus.Coin{Value: int64(c.Value), Script: c.Script, Height: 1})
		in += c.Value
	}
	for _, o := range d.Tx.TxOut {
		out += consensus.Amount(o.Value)
		if dust := mempool.DustThreshold(o.PkScript, mempool.DefaultPolicy().DustRelayFee); o.Value < dust {
			t.Fatalf("an output of %d is dust", o.Value)
		}
	}
	if in-out != d.Fee {
		t.Fatalf("inputs %s − outputs %s is not the fee of %s", in, out, d.Fee)
	}
	checks := consensus.TxChecks(d.Tx, coins, consensus.StandardFlags)
	for i := range checks {
		if err := checks[i].Run(); err != nil {
			t.Fatalf("input %d: %v", i, err)
		}
	}
	weight := consensus.Weight(d.Tx)
	if weight > d.Weight || d.Weight-weight > int64(len(d.Coins))*4*shorter {
		t.Fatalf("weight %d, reckoned %d", weight, d.Weight)
	}
	vsize := consensus.VSize(d.Tx)
	least, most := rate.Fee(vsize), rate.Fee(d.VSize())
	if d.Change == 0 {
		most += 1820 + rate.Fee(43) // what no change is made of: dust at 10 sat/vB, of P2PKH at most
	}
	if d.Fee < least || d.Fee > most+consensus.Amount(vsize) {
		t.Fatalf("fee %d for %d vbytes at %d sat/kvB, most is %d", d.Fee, vsize, rate, most)
	}
}

func TestPlan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		own := rapid.SampledFrom(keys.Types()).Draw(rt, "type")
		rate := FeeRate(rapid.Int64Range(0, 50_000).Draw(rt, "rate"))
		var coins []Coin
		var total consensus.Amount
		for i := range rapid.IntRange(1, 30).Draw(rt, "coins") {
			typ := own
			if rapid.IntRange(0, 4).Draw(rt, "other type") == 0 {
				typ = rapid.SampledFrom(keys.Types()).Draw(rt, "coin type")
			}
			c := testCoin(typ, uint32(i+1), consensus.Amount(rapid.Int64Range(1, 2_000_000).Draw(rt, "value")))
			c.State = rapid.SampledFrom([]State{Spendable, Spendable, Spendable, Immature, Pending, Spent}).Draw(rt, "state")
			if c.State == Spendable {
				total += c.Value
			}
			coins = append(coins, c)
		}
		var payments []Payment
		var sum consensus.Amount
		for i := range rapid.IntRange(1, 3).Draw(rt, "payments") {
			typ := rapid.SampledFrom(keys.Types()).Draw(rt, "payment type")
			p := Payment{Script: typ.Script(testKey(uint32(500 + i)).PubKey()), Value: consensus.Amount(rapid.Int64Range(600, 3_000_000).Draw(rt, "amount"))}
			sum += p.Value
			payments = append(payments, p)
		}
		o := testOptions(own, rate)
		subtract := rapid.Bool().Draw(rt, "subtract")
		payments[0].Subtract = subtract
		d, err := Plan(slices.Clone(coins), payments, o)
		if err != nil {
			var short *Shortage
			switch {
			case errors.As(err, &short):
				if short.Spendable != total || short.Needed != sum {
					rt.Fatalf("%+v, spendable %s, needed %s", short, total, sum)
				}
				// All coins together would not have done.
				if subtract && total-short.Worthless >= sum || !subtract && total-short.Worthless >= sum+short.Fee {
					rt.Fatalf("refused: %v", err)
				}
			case subtract && errors.Is(err, ErrDust):
			default:
				rt.Fatal(err)
			}
			return
		}
		for _, c := range d.Coins {
			if c.State != Spendable {
				rt.Fatalf("spends %+v", c)
			}
		}
		for i, p := range payments {
			at := i
			if d.ChangeAt >= 0 && d.ChangeAt <= i {
				at++
			}
			got := consensus.Amount(d.Tx.TxOut[at].Value)
			if got != p.Value && !(subtract && i == 0 && got < p.Value) {
				rt.Fatalf("payment %d of %s is %s", i, p.Value, got)
			}
		}
		if d.Change > 0 && d.Change < 294 {
			rt.Fatalf("change of %s is dust", d.Change)
		}
		finish(rt, d, rate)
	})
}

func TestPlanWantsNoChange(t *testing.T) {
	o := testOptions(keys.Bech32, 2000)
	coins := []Coin{testCoin(keys.Bech32, 1, 900_000), testCoin(keys.Bech32, 2, 70_000), testCoin(keys.Bech32, 3, 50_000), testCoin(keys.Bech32, 4, 31_000)}
	pay := []Payment{{Script: keys.Bech32.Script(testKey(50).PubKey())}}
	two := consensus.Amount(2 * (11*4 + 31*4 + 2 + 2*272) / 4)
	pay[0].Value = 70_000 + 31_000 - two - 100
	d, err := Plan(coins, pay, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Coins) != 2 || d.Change != 0 {
		t.Errorf("spends %d coins, change %s", len(d.Coins), d.Change)
	}
	finish(t, d, o.FeeRate)
}

func TestPlanPrefersConfirmed(t *testing.T) {
	o := testOptions(keys.Bech32m, 1000)
	fresh := testCoin(keys.Bech32m, 1, 5_000_000)
	fresh.Height, fresh.Ancestors, fresh.Crowd = Unconfirmed, 1, 1
	coins := []Coin{fresh, testCoin(keys.Bech32m, 2, 1_000_000)}
	pay := []Payment{{Script: o.Change.Script, Value: 500_000}}
	d, err := Plan(coins, pay, o)
	if err != nil || len(d.Coins) != 1 || d.Coins[0].Height == Unconfirmed {
		t.Errorf("%v, %v", d, err)
	}
	pay[0].Value = 3_000_000
	if d, err = Plan(coins, pay, o); err != nil || d.Coins[0].Height != Unconfirmed {
		t.Errorf("%v, %v", d, err)
	}
	coins[0].Ancestors = o.Policy.MaxAncestors
	if _, err = Plan(coins, pay, o); !errors.Is(err, ErrFunds) || !strings.Contains(err.Error(), "too many unconfirmed payments") {
		t.Error(err)
	}
	coins[0].Ancestors, coins[0].Crowd = 1, o.Policy.MaxDescendants
	if _, err = Plan(coins, pay, o); !errors.Is(err, ErrFunds) {
		t.Error(err)
	}
	// Two long chains may not be joined.
	coins[0].Ancestors, coins[0].Crowd = 13, 13
	coins[1] = coins[0]
	coins[1].OutPoint.Index++
	pay[0].Value = 7_000_000
	if _, err = Plan(coins, pay, o); !errors.Is(err, ErrFunds) {
		t.Error(err)
	}
}

func TestPlanRefusals(t *testing.T) {
	script := keys.Bech32.Script(testKey(1).PubKey())
	rich := []Coin{testCoin(keys.Bech32, 1, consensus.SatsPerCoin)}
	for i := range uint32(29) {
		rich = append(rich, testCoin(keys.Bech32, i+2, consensus.SatsPerCoin))
	}
	for name, c := range map[string]struct {
		pay  []Payment
		rate FeeRate
		max  consensus.Amount
		kind Kind
	}{
		"nothing":      {nil, 1000, 0, ErrSize},
		"zero":         {[]Payment{{Script: script, Value: 0}}, 1000, 0, ErrAmount},
		"negative":     {[]Payment{{Script: script, Value: -1}}, 1000, 0, ErrAmount},
		"over 21 M":    {[]Payment{{Script: script, Value: consensus.MaxMoney + 1}}, 1000, 0, ErrAmount},
		"sum overflow": {[]Payment{{Script: script, Value: consensus.MaxMoney}, {Script: script, Value: consensus.MaxMoney}}, 1000, 0, ErrAmount},
		"dust":         {[]Payment{{Script: script, Value: 293}}, 1000, 0, ErrDust},
		"rate":         {[]Payment{{Script: script, Value: 1000}}, MaxFeeRate + 1, 0, ErrFee},
		"minus":        {[]Payment{{Script: script, Value: 1000}}, -1, 0, ErrFee},
		"absurd fee":   {[]Payment{{Script: script, Value: consensus.SatsPerCoin}}, MaxFeeRate, 1000, ErrMaxFee},
		"default max":  {[]Payment{{Script: script, Value: 29 * consensus.SatsPerCoin}}, MaxFeeRate, 0, ErrMaxFee},
		"funds":        {[]Payment{{Script: script, Value: 30 * consensus.SatsPerCoin}}, 1000, 0, ErrFunds},
		"all money":    {[]Payment{{Script: script, Value: consensus.MaxMoney}}, 1000, 0, ErrFunds},
	} {
		o := testOptions(keys.Bech32, c.rate)
		o.MaxFee = c.max
		if _, err := Plan(rich, c.pay, o); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %q", name, err, c.kind)
		}
	}
	var many []Coin
	for i := range 3_000 {
		many = append(many, testCoin(keys.Bech32, uint32(i), 1_000))
		many[i].OutPoint.Index = uint32(i)
	}
	if _, err := Plan(many, []Payment{{Script: script, Value: 2_500_000}}, testOptions(keys.Bech32, 1000)); !errors.Is(err, ErrSize) {
		t.Errorf("too many coins: %v", err)
	}
}

func TestShortage(t *testing.T) {
	o := testOptions(keys.Bech32, 1000)
	coins := []Coin{
		testCoin(keys.Bech32, 1, 100_000), testCoin(keys.Bech32, 2, 60), testCoin(keys.Bech32, 3, 5_000_000),
		testCoin(keys.Bech32, 4, 7_000_000), testCoin(keys.Bech32, 5, 200), testCoin(keys.Bech32, 6, 300), testCoin(keys.Bech32, 7, 400),
	}
	coins[2].State, coins[2].Matures = Immature, 120
	coins[3].State, coins[3].Matures = Immature, 110
	coins[4].State = Pending
	coins[5].State, coins[5].SpentBy = Spent, chainhash.Hash{5}
	coins[6].State, coins[6].SpentBy = Spent, chainhash.Hash{6}
	_, err := Plan(coins, []Payment{{Script: o.Change.Script, Value: 200_000}}, o)
	want := "insufficient funds: 0.00200000 is needed and 0.00000110 for the fee, 0.00100060 is spendable, " +
		"0.00000060 of it in coins that cost more than they bring; 0.00000700 is already spent by unconfirmed transaction " +
		chainhash.Hash{6}.String() + " and 1 more; 0.12000000 is mined but immature, the first 0.07000000 of it can be spent from height 110 on; " +
		"0.00000200 is pending until the next block"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestSignRefusesOtherKeys(t *testing.T) {
	for _, typ := range keys.Types() {
		o := testOptions(typ, 1000)
		d, err := Plan([]Coin{testCoin(typ, 1, 100_000)}, []Payment{{Script: o.Change.Script, Value: 50_000}}, o)
		if err != nil {
			t.Fatal(err)
		}
		err = SignKeys(d.Tx, d.Coins, func(*Coin) (*btcec.PrivateKey, error) { return testKey(2), nil })
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestAntiSniping(t *testing.T) {
	at := func(n int) func(int) int { return func(int) int { return n } }
	for _, c := range []struct {
		tip       int32
		age       int64
		rand      int
		wantTimes string
	}{
		{100, 0, 1, "100"}, {100, 0, 0, "100"}, {5, antiSnipingAge, 3, "5"}, {5, antiSnipingAge + 1, 3, "0"},
	} {
		if got := fmt.Sprint(AntiSniping(c.tip, 1000, 1000+c.age, at(c.rand))); got != c.wantTimes {
			t.Errorf("%+v: %s", c, got)
		}
	}
	calls := 0
	back := AntiSniping(50, 0, 0, func(n int) int { calls++; return []int{0, 99}[calls-1] })
	if back != 0 {
		t.Errorf("further back than genesis: %d", back)
	}
}
