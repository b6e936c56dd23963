package wallet

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/keys"
)

// bumpable is a payment of 100,000 with change, and the wallet's other coins.
func bumpable(t *testing.T, change consensus.Amount) (Bump, []Coin, Options) {
	t.Helper()
	o := testOptions(keys.Bech32, 0)
	coins := []Coin{testCoin(keys.Bech32, 1, 100_000+change+282), testCoin(keys.Bech32, 2, 400_000), testCoin(keys.Bech32, 3, 700_000)}
	old := wire.NewMsgTx(2)
	in := wire.NewTxIn(&coins[0].OutPoint, nil, nil)
	in.Sequence = Sequence
	old.AddTxIn(in)
	old.AddTxOut(wire.NewTxOut(100_000, keys.Bech32.Script(testKey(77).PubKey())))
	old.AddTxOut(wire.NewTxOut(int64(change), o.Change.Script))
	return Bump{Old: old, Coins: coins[:1], VSize: 141, Change: 1, MinRate: 1000}, coins[1:], o
}

func TestPlanBump(t *testing.T) {
	b, coins, o := bumpable(t, 50_000)
	d, err := PlanBump(coins, b, o)
	if err != nil {
		t.Fatal(err)
	}
	// Core's rate: that of the old one, 1 sat and 5 sat/vB more.
	if rate := b.AutomaticRate(&o); rate != 2000+1+5000 || len(d.Coins) != 1 || d.Fee != rate.Fee(d.VSize()) || d.Change != 50_000+282-d.Fee {
		t.Errorf("rate %d, %d coins, fee %d, change %d", rate, len(d.Coins), d.Fee, d.Change)
	}
	b.Rate = 6_900
	if _, err := PlanBump(coins, b, o); !errors.Is(err, ErrLowFee) || !strings.Contains(err.Error(), "Insufficient total fee 0.00000973, must be at least 0.00000987 (oldFee 0.00000282 + incrementalFee 0.00000705)") {
		t.Error(err)
	}
	b.Rate, b.MinRate = 8_000, 9_000
	if _, err := PlanBump(coins, b, o); !errors.Is(err, ErrFee) || !strings.Contains(err.Error(), "New fee rate (8.000 sat/vB) is lower than the minimum fee rate (9.000 sat/vB)") {
		t.Error(err)
	}
	b.Rate, b.MinRate, o.MaxFee = 500_000, 1_000, 10_000
	if _, err := PlanBump(coins, b, o); !errors.Is(err, ErrMaxFee) {
		t.Error(err)
	}
	// Too little change: more coins come in, and what was paid stays.
	b, coins, o = bumpable(t, 600)
	b.Rate = 20_000
	d, err = PlanBump(coins, b, o)
	if err != nil || len(d.Coins) != 2 || d.Coins[0].OutPoint != b.Coins[0].OutPoint {
		t.Fatal(d, err)
	}
	paid := slices.ContainsFunc(d.Tx.TxOut, func(out *wire.TxOut) bool { return out.Value == 100_000 })
	if !paid {
		t.Error("the payment has changed")
	}
	// Unconfirmed coins are not added (BIP125 rule 2).
	for i := range coins {
		coins[i].Height, coins[i].Ancestors, coins[i].Crowd = Unconfirmed, 1, 1
	}
	if _, err = PlanBump(coins, b, o); !errors.Is(err, ErrFunds) {
		t.Error(err)
	}
	// All of it is change: it bears the fee.
	b, coins, o = bumpable(t, 50_000)
	b.Old.TxOut, b.Change, b.VSize = b.Old.TxOut[1:], 0, 110
	b.Coins[0].Value = 50_000 + 220
	if d, err = PlanBump(coins, b, o); err != nil || len(d.Tx.TxOut) != 1 || d.Fee <= 220 {
		t.Error(d, err)
	}
}

func TestPlanChild(t *testing.T) {
	o := testOptions(keys.Bech32, 20_000)
	parent := testCoin(keys.Bech32, 1, 80_000)
	parent.Height, parent.State, parent.Ancestors, parent.Crowd = Unconfirmed, Pending, 1, 1
	pack := Package{Fees: 200, VSize: 200}
	d, err := PlanChild(nil, parent, pack, o)
	if err != nil {
		t.Fatal(err)
	}
	if all, least := pack.Fees+d.Fee, o.FeeRate.Fee(pack.VSize+d.VSize()); all < least || all > least+1 {
		t.Errorf("both pay %d, %d are needed", all, least)
	}
	parent.Value = 3_000 // too little: another coin helps
	if _, err := PlanChild(nil, parent, pack, o); !errors.Is(err, ErrFunds) && !errors.Is(err, ErrDust) {
		t.Error(err)
	}
	d, err = PlanChild([]Coin{testCoin(keys.Bech32, 2, 90_000)}, parent, pack, o)
	if err != nil || len(d.Coins) != 2 || len(d.Tx.TxOut) != 1 {
		t.Error(d, err)
	}
	pack.Fees = 10_000
	if _, err := PlanChild(nil, parent, pack, o); !errors.Is(err, ErrLowFee) {
		t.Error(err)
	}
}
