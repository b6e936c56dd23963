package wallet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// ErrLowFee is the kind of refusals to raise a fee by too little.
const ErrLowFee Kind = "the fee is not raised enough"

// LowFee is the refusal of a replacement whose fee is too low. Its kind is
// ErrLowFee.
type LowFee struct {
	fee, least, old, more string
	Needed                FeeRate // that suffices
}

// Is makes errors.Is(err, ErrLowFee) true.
func (e *LowFee) Is(target error) bool { return target == ErrLowFee }

// Error is Core's text (CheckFeeRate), after that of the kind.
func (e *LowFee) Error() string {
	return fmt.Sprintf("%s: Insufficient total fee %s, must be at least %s (oldFee %s + incrementalFee %s)", ErrLowFee, e.fee, e.least, e.old, e.more)
}

// rateOf is the rate of a fee, rounded up.
func rateOf(fee consensus.Amount, vsize int64) FeeRate {
	return FeeRate((int64(fee)*1000 + vsize - 1) / vsize)
}

// bumpIncrement is by how much a replacement raises the feerate at least
// (policy, Core's WALLET_INCREMENTAL_RELAY_FEE).
const bumpIncrement FeeRate = 5_000

// Bump is a transaction of the wallet's whose fee is to be raised by another
// that takes its place.
type Bump struct {
	Old    *wire.MsgTx
	Coins  []Coin // that it spends, in the order of its inputs
	VSize  int64  // as it is signed
	Change int    // its output that is change, -1: it has none
	// Payments take the place of those of Old; nil: they stay as they are.
	Payments []Payment
	Rate     FeeRate // that is asked for; 0: as little more as is relayed
	MinRate  FeeRate // that the mempool takes now
}

// Fee is what the transaction pays.
func (b *Bump) Fee() consensus.Amount {
	var fee consensus.Amount
	for i := range b.Coins {
		fee += b.Coins[i].Value
	}
	for _, out := range b.Old.TxOut {
		fee -= consensus.Amount(out.Value)
	}
	return fee
}

// increment is by how much a replacement has to raise the feerate.
func increment(o *Options) FeeRate { return max(FeeRate(o.Policy.IncrementalRelayFee), bumpIncrement) }

// AutomaticRate is the feerate of a replacement for which none is asked (Core's
// EstimateFeeRate).
func (b *Bump) AutomaticRate(o *Options) FeeRate {
	rate := FeeRate(int64(b.Fee())*1000/b.VSize) + 1 + increment(o)
	return max(rate, b.MinRate, o.FeeRate)
}

// check refuses a feerate by which the replacement would not be relayed, or would
// cost too much (Core's CheckFeeRate). Vsize is that of the old transaction at
// most.
func (b *Bump) check(rate FeeRate, vsize int64, o *Options) error {
	fee, old, more := rate.Fee(vsize), b.Fee(), increment(o).Fee(vsize)
	maxFee := cmp.Or(o.MaxFee, consensus.Amount(DefaultMaxFee))
	switch {
	case rate < b.MinRate:
		return fmt.Errorf("%w: New fee rate (%s) is lower than the minimum fee rate (%s) to get into the mempool", ErrFee, rate, b.MinRate)
	case fee < old+more:
		return &LowFee{money(fee), money(old + more), money(old), money(more), rateOf(old+more, vsize)}
	case fee > maxFee && !o.AllowHighFee:
		return fmt.Errorf("%w: Specified or calculated fee %s is too high (cannot be higher than -maxtxfee %s)", ErrMaxFee, money(fee), money(maxFee))
	}
	return nil
}

// String shows the rate as Core does: "1.234 sat/vB".
func (r FeeRate) String() string { return fmt.Sprintf("%d.%03d sat/vB", r/1000, r%1000) }

// money shows an amount as Core's FormatMoney: no zeros behind the second
// decimal.
func money(a consensus.Amount) string {
	s := a.String()
	for strings.HasSuffix(s, "0") && len(s)-strings.IndexByte(s, '.') > 3 {
		s = s[:len(s)-1]
	}
	return s
}

// PlanBump plans the replacement: the same coins, and more of the confirmed ones
// when they are needed (unconfirmed ones would not be relayed, BIP125 rule 2), the
// same payments, less change. Without change of its own it gets o.Change. Kinds
// as those of Plan, and ErrLowFee.
func PlanBump(coins []Coin, b Bump, o Options) (*Draft, error) {
	rate := b.Rate
	if rate == 0 {
		rate = b.AutomaticRate(&o)
	}
	vsize := (WeightOf(b.Old, b.Coins, o.Solve) + 3) / 4
	if err := b.check(rate, vsize, &o); err != nil {
		return nil, err
	}
	payments := b.Payments
	if payments == nil {
		for i, out := range b.Old.TxOut {
			if i != b.Change {
				payments = append(payments, Payment{Script: out.PkScript, Value: consensus.Amount(out.Value)})
			}
		}
	}
	o.FeeRate, o.Must = rate, b.Coins
	if len(payments) == 0 { // all of it is change
		o.Only = true
		payments = []Payment{{Script: b.Old.TxOut[b.Change].PkScript, Rest: true}}
	}
	confirmed := slices.DeleteFunc(slices.Clone(coins), func(c Coin) bool { return c.Height == Unconfirmed })
	d, err := Plan(confirmed, payments, o)
	if err != nil {
		return nil, err
	}
	if least := b.Fee() + FeeRate(o.Policy.IncrementalRelayFee).Fee(d.VSize()); d.Fee < least {
		return nil, &LowFee{money(d.Fee), money(least), money(b.Fee()), money(least - b.Fee()), rateOf(least, d.VSize())}
	}
	return d, nil
}

// Package is what a child pays for: its unconfirmed ancestors that would not be
// mined at the rate asked for by themselves.
type Package struct {
	Fees  consensus.Amount
	VSize int64
}

// PlanChild plans a transaction that spends an unconfirmed output of the wallet's
// back to the wallet (o.Change), and pays so much that it and the package reach
// o.FeeRate together (child pays for parent). Confirmed coins are added when the
// output holds too little. Kinds as those of Plan, and ErrLowFee when the package
// pays that already.
func PlanChild(coins []Coin, parent Coin, pack Package, o Options) (*Draft, error) {
	o.ExtraFee = o.FeeRate.Fee(pack.VSize) - pack.Fees
	if o.ExtraFee <= 0 {
		return nil, fmt.Errorf("%w: the transaction and what it depends on pay %s for %d vbytes already, as much as %s", ErrLowFee, pack.Fees, pack.VSize, o.FeeRate)
	}
	more := slices.DeleteFunc(slices.Clone(coins), func(c Coin) bool {
		return c.Height == Unconfirmed || c.State != Spendable || c.Locked || c.Reused || c.OutPoint == parent.OutPoint
	})
	slices.SortFunc(more, func(a, b Coin) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), compareOutPoints(a.OutPoint, b.OutPoint))
	})
	payments := []Payment{{Script: o.Change.Script, Rest: true}}
	o.Must, o.Only = []Coin{parent}, true
	for {
		d, err := Plan(coins, payments, o)
		if !errors.Is(err, ErrFunds) && !errors.Is(err, ErrDust) || len(more) == 0 {
			return d, err
		}
		o.Must, more = append(o.Must, more[0]), more[1:]
	}
}
