package wallet

import (
	"errors"
	"testing"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/keys"
)

// TestReckonAgreesWithPlan: what is told to be spendable can be paid, and a satoshi
// more cannot; each of the other coins is in one other sum.
func TestReckonAgreesWithPlan(t *testing.T) {
	o := testOptions(keys.Bech32, 0)
	var coins []Coin
	for i := range 8 {
		coins = append(coins, testCoin(keys.Bech32, uint32(i+1), 10_000<<i))
	}
	coins[1].Locked = true
	coins[2].Reused = true
	coins[3].State = Immature
	coins[4].State = Pending
	coins[5].State = Spent
	sums := Reckon(coins, nil, o.Tip)
	want := Sums{Spendable: 10_000 + 640_000 + 1_280_000, Locked: 20_000, Reused: 40_000, Immature: 80_000, Pending: 160_000}
	if sums != want {
		t.Fatalf("%+v, want %+v", sums, want)
	}
	pay := []Payment{{Script: o.Change.Script, Value: sums.Spendable}}
	if _, err := Plan(coins, pay, o); err != nil {
		t.Error(err)
	}
	pay[0].Value++
	if _, err := Plan(coins, pay, o); !errors.Is(err, ErrFunds) {
		t.Error(err)
	}
}

// TestNothingToPayWith: all of an empty wallet is told in words.
func TestNothingToPayWith(t *testing.T) {
	o := testOptions(keys.Bech32, 1000)
	pay := []Payment{{Script: o.Change.Script, Rest: true}}
	_, err := Plan(nil, pay, o)
	if want := "insufficient funds: there is nothing to pay with, 0.00000000 is spendable"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	locked := testCoin(keys.Bech32, 1, consensus.SatsPerCoin)
	locked.Locked = true
	_, err = Plan([]Coin{locked}, pay, o)
	if want := "insufficient funds: there is nothing to pay with, 0.00000000 is spendable; 1.00000000 is in coins that were locked by hand: name them, or unlock them (lode wallet coins, lockunspent), to spend them"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}
