package wallet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
)

// Limits of payments; policy.
const (
	// DefaultMaxFee is the most that a payment's fee may be (Core's -maxtxfee).
	DefaultMaxFee = consensus.SatsPerCoin / 10
	// MaxFeeRate is the highest feerate that can be asked for: 10,000 sat/vB.
	MaxFeeRate FeeRate = 10_000_000

	maxPayments = 10_000
)

// Kind is a sort of refusal, for errors.Is.
type Kind string

// Error makes a Kind an error.
func (k Kind) Error() string { return string(k) }

// The kinds of refusals of Plan.
const (
	// ErrAmount: an amount is zero, negative or impossibly large.
	ErrAmount Kind = "bad amount"
	// ErrDust: an output would be worth less than spending it costs.
	ErrDust Kind = "the amount is dust"
	// ErrFunds: what can be spent does not suffice; see Shortage.
	ErrFunds Kind = "insufficient funds"
	// ErrFee: the feerate or the fee is out of bounds.
	ErrFee Kind = "bad fee"
	// ErrSize: the transaction would be too large to be relayed.
	ErrSize Kind = "the transaction is too large"
)

// Payment is an output to make.
type Payment struct {
	Script []byte
	Value  consensus.Amount
}

// Options say how a payment is made.
type Options struct {
	FeeRate     FeeRate
	MaxFee      consensus.Amount // 0: DefaultMaxFee
	Change      []byte           // script that change goes to
	SubtractFee bool             // the fee comes off the first payment
	LockTime    uint32           // see AntiSniping
	Policy      mempool.Policy   // dust and chain limits of the pool it is for
	// Rand returns a number below n; it places the change among the outputs.
	Rand func(n int) int
}

// Draft is a payment without signatures.
type Draft struct {
	Tx       *wire.MsgTx
	Coins    []Coin           // that its inputs spend, in their order
	Fee      consensus.Amount //
	Change   consensus.Amount // 0: there is none
	ChangeAt int              // its output, -1: there is none
	Weight   int64            // at most, once it is signed
}

// VSize returns the vbytes that the fee was reckoned for.
func (d *Draft) VSize() int64 { return (d.Weight + 3) / 4 }

// Sequence is that of all inputs: replaceable (BIP125) and with a locktime
// that counts.
const Sequence = wire.MaxTxInSequenceNum - 2

// Plan chooses coins for payments. It prefers confirmed ones, wants no change
// where an exact sum can be found, and takes the largest coins first otherwise.
// Change that would be dust goes to the fee. Kinds: ErrAmount, ErrDust,
// ErrFunds, ErrFee, ErrSize.
func Plan(coins []Coin, payments []Payment, o Options) (*Draft, error) {
	if o.MaxFee == 0 {
		o.MaxFee = DefaultMaxFee
	}
	p, err := newPlanner(payments, &o)
	if err != nil {
		return nil, err
	}
	var confirmed, all []candidate
	for _, c := range coins {
		if c.State != Spendable {
			continue
		}
		weight, witness, err := inputWeight(c.Script)
		if err != nil {
			return nil, err
		}
		cand := candidate{coin: c, weight: weight, witness: witness}
		cand.effective = c.Value - o.FeeRate.Fee((weight+3)/4)
		if c.Height != Unconfirmed {
			confirmed = append(confirmed, cand)
		}
		if p.chainable(&c) {
			all = append(all, cand)
		}
	}
	chosen, err := p.choose(confirmed)
	if errors.Is(err, ErrFunds) && len(all) > len(confirmed) {
		chosen, err = p.choose(all)
	}
	if errors.Is(err, ErrFunds) {
		return nil, p.shortage(coins)
	}
	if err != nil {
		return nil, err
	}
	return p.draft(chosen)
}

// candidate is a coin that may be spent.
type candidate struct {
	coin      Coin
	weight    int64
	witness   bool
	effective consensus.Amount // value less the price of its input
}

// planner holds what does not depend on the coins chosen.
type planner struct {
	*Options
	payments []Payment
	target   consensus.Amount // sum of the payments
	outputs  size
}

func newPlanner(payments []Payment, o *Options) (*planner, error) {
	p := &planner{Options: o, payments: payments}
	switch {
	case o.FeeRate < 0 || o.FeeRate > MaxFeeRate:
		return nil, fmt.Errorf("%w: a feerate is from 0 to %d sat/vB", ErrFee, MaxFeeRate/1000)
	case len(payments) == 0 || len(payments) > maxPayments:
		return nil, fmt.Errorf("%w: %d payments in one transaction", ErrSize, len(payments))
	}
	for _, pay := range payments {
		if pay.Value <= 0 || pay.Value > consensus.MaxMoney {
			return nil, fmt.Errorf("%w: %s is not above 0 and at most %s", ErrAmount, pay.Value, consensus.MaxMoney)
		}
		if p.target += pay.Value; p.target > consensus.MaxMoney {
			return nil, fmt.Errorf("%w: the payments add up to more than %s", ErrAmount, consensus.MaxMoney)
		}
		if dust := p.dust(pay.Script); pay.Value < dust {
			return nil, fmt.Errorf("%w: %s is less than %s, the least that is worth spending later", ErrDust, pay.Value, dust)
		}
		p.outputs.addOutput(pay.Script)
	}
	return p, nil
}

func (p *planner) dust(script []byte) consensus.Amount {
	return consensus.Amount(mempool.DustThreshold(script, p.Policy.DustRelayFee))
}

// chainable says whether a spend of the coin keeps within the pool's limits for
// chains of unconfirmed transactions.
func (p *planner) chainable(c *Coin) bool {
	return c.Height != Unconfirmed || (c.Ancestors < p.Policy.MaxAncestors && c.Crowd < p.Policy.MaxDescendants)
}

// fee is the price of the transaction with these inputs.
func (p *planner) fee(chosen []candidate, change bool) (consensus.Amount, int64) {
	s := p.outputs
	for i := range chosen {
		s.addInput(chosen[i].weight, chosen[i].witness)
	}
	if change {
		s.addOutput(p.Change)
	}
	return p.FeeRate.Fee(s.vsize()), s.total()
}

// choose returns the coins to spend; ErrFunds without more when they do not
// suffice.
func (p *planner) choose(cands []candidate) ([]candidate, error) {
	slices.SortFunc(cands, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.effective, a.effective), compareOutPoints(a.coin.OutPoint, b.coin.OutPoint))
	})
	if chosen := p.exact(cands); chosen != nil {
		return chosen, nil
	}
	var sum consensus.Amount
	var chosen []candidate
	grown, ancestors := p.outputs, 0
	for i := range cands {
		c := &cands[i]
		if c.effective <= 0 {
			break // it costs more than it brings, as do all after it
		}
		if c.coin.Height == Unconfirmed {
			if ancestors+c.coin.Ancestors >= p.Policy.MaxAncestors {
				continue
			}
			ancestors += c.coin.Ancestors
		}
		if sum += c.coin.Value; sum > consensus.MaxMoney {
			return nil, fmt.Errorf("%w: the coins add up to more than %s", ErrAmount, consensus.MaxMoney)
		}
		chosen = append(chosen, *c)
		grown.addInput(c.weight, c.witness)
		fee := p.FeeRate.Fee(grown.vsize())
		if p.SubtractFee {
			fee = 0
		}
		if grown.total() > maxStandardWeight {
			return nil, fmt.Errorf("%w: it would take over %d coins, which hold %s: pay less at once", ErrSize, len(chosen)-1, sum-c.coin.Value)
		}
		if sum >= p.target+fee {
			return chosen, nil
		}
	}
	return nil, ErrFunds
}

// exactTries bounds the search of exact; policy.
const exactTries = 20_000

// exact looks for coins whose sum needs no change: it is above what is needed
// by less than change would cost to make and to spend (Core's branch and bound,
// in its plainest form). cands are sorted, largest first. Nil: none found.
func (p *planner) exact(cands []candidate) []candidate {
	if p.SubtractFee || len(p.Change) == 0 {
		return nil
	}
	base, _ := p.fee(nil, false)
	need := p.target + base
	spend, _, err := inputWeight(p.Change)
	if err != nil {
		return nil
	}
	slack := min(p.FeeRate.Fee((outputWeight(p.Change)+spend+3)/4), p.dust(p.Change))
	rest := make([]consensus.Amount, len(cands)+1) // what coins from i on add
	n := len(cands)
	for n > 0 && cands[n-1].effective <= 0 {
		n--
	}
	for i := n - 1; i >= 0; i-- {
		rest[i] = rest[i+1] + cands[i].effective
	}
	var picked []int
	var sum consensus.Amount
	tries := 0
	// search decides about coin i: with it first, then without.
	var search func(i int) bool
	search = func(i int) bool {
		if tries++; tries > exactTries || sum > need+slack || len(picked) > maxExactCoins {
			return false
		}
		if sum >= need {
			return p.fits(cands, picked)
		}
		if i == n || sum+rest[i] < need {
			return false
		}
		c := &cands[i]
		if c.coin.Height != Unconfirmed { // chains of several would have to be counted
			picked, sum = append(picked, i), sum+c.effective
			if search(i + 1) {
				return true
			}
			picked, sum = picked[:len(picked)-1], sum-c.effective
		}
		// Coins of the same value would only repeat what has failed.
		for i++; i < n && cands[i].effective == c.effective; i++ {
		}
		return search(i)
	}
	if n > maxExactCoins || !search(0) {
		return nil
	}
	chosen := make([]candidate, len(picked))
	for i, at := range picked {
		chosen[i] = cands[at]
	}
	return chosen
}

// maxExactCoins bounds the depth of the search; policy.
const maxExactCoins = 500

// fits checks a choice of exact against the real fee, since rounding and the
// marker of witnesses were left out.
func (p *planner) fits(cands []candidate, picked []int) bool {
	chosen := make([]candidate, len(picked))
	var sum consensus.Amount
	for i, at := range picked {
		chosen[i] = cands[at]
		sum += cands[at].coin.Value
	}
	fee, weight := p.fee(chosen, false)
	return sum >= p.target+fee && sum <= consensus.MaxMoney && weight <= maxStandardWeight
}

// draft makes the transaction.
func (p *planner) draft(chosen []candidate) (*Draft, error) {
	d := &Draft{Tx: wire.NewMsgTx(2), ChangeAt: -1}
	d.Tx.LockTime = p.LockTime
	var sum consensus.Amount
	for _, c := range chosen {
		in := wire.NewTxIn(&c.coin.OutPoint, nil, nil)
		in.Sequence = Sequence
		d.Tx.AddTxIn(in)
		d.Coins = append(d.Coins, c.coin)
		sum += c.coin.Value
	}
	for _, pay := range p.payments {
		d.Tx.AddTxOut(wire.NewTxOut(int64(pay.Value), pay.Script))
	}
	if err := p.settle(d, chosen, sum); err != nil {
		return nil, err
	}
	if d.Fee > p.MaxFee {
		return nil, fmt.Errorf("%w: it would be %s, more than the limit of %s; a lower feerate or fewer coins at once make it less", ErrFee, d.Fee, p.MaxFee)
	}
	if d.Weight > maxStandardWeight {
		return nil, fmt.Errorf("%w: weight %d, the limit is %d", ErrSize, d.Weight, maxStandardWeight)
	}
	return d, nil
}

// settle divides what the coins hold between payments, change and fee.
func (p *planner) settle(d *Draft, chosen []candidate, sum consensus.Amount) error {
	var weight int64
	d.Fee, weight = p.fee(chosen, true)
	paid := p.target
	if p.SubtractFee {
		paid -= d.Fee
	}
	d.Change, d.Weight = sum-paid-d.Fee, weight
	if len(p.Change) == 0 || d.Change <= 0 || d.Change < p.dust(p.Change) {
		d.Change = 0
		d.Fee, d.Weight = p.fee(chosen, false)
		if p.SubtractFee {
			// What is left over above the payment goes to the fee first.
			paid = p.target - max(0, d.Fee-(sum-p.target))
		}
		d.Fee = sum - paid
	}
	if p.SubtractFee {
		first := d.Tx.TxOut[0]
		first.Value -= int64(p.target - paid)
		if dust := p.dust(first.PkScript); consensus.Amount(first.Value) < dust {
			return fmt.Errorf("%w: after the fee of %s less than %s is left of it", ErrDust, d.Fee, dust)
		}
	}
	if d.Change > 0 {
		d.ChangeAt = p.Rand(len(d.Tx.TxOut) + 1)
		d.Tx.TxOut = slices.Insert(d.Tx.TxOut, d.ChangeAt, wire.NewTxOut(int64(d.Change), p.Change))
	}
	return nil
}

// antiSnipingAge is how old a tip may be, in seconds, for its height to be used
// as locktime (Core's MAX_ANTI_FEE_SNIPING_TIP_AGE).
const antiSnipingAge = 8 * 60 * 60

// AntiSniping returns the locktime with which a payment says that it belongs
// into the next block, so that nobody gains by mining the last one again; now
// and then one further back, for the privacy of those that are delayed (Core's
// DiscourageFeeSniping). Times are Unix seconds.
func AntiSniping(tip int32, tipTime, now int64, rand func(n int) int) uint32 {
	if now-tipTime > antiSnipingAge || tip < 0 {
		return 0
	}
	if rand(10) == 0 {
		return uint32(max(0, int(tip)-rand(100)))
	}
	return uint32(tip)
}
