package wallet

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/mempool"
)

// Limits of payments; policy.
const (
	// DefaultMaxFee is the most that a payment's fee may be (Core's -maxtxfee).
	DefaultMaxFee = consensus.SatsPerCoin / 10
	// MaxFeeRate is the highest feerate that can be asked for: 10,000 sat/vB.
	MaxFeeRate FeeRate = 10_000_000
	// DefaultLongTermRate is the feerate at which it is worth spending more coins
	// than needed (Core's -consolidatefeerate).
	DefaultLongTermRate FeeRate = 10_000
	// DefaultDiscardRate is the feerate at which change must be worth spending
	// (Core's -discardfee).
	DefaultDiscardRate FeeRate = 10_000

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
	// ErrMaxFee: the fee is more than the most that is allowed.
	ErrMaxFee Kind = "the fee is too high"
	// ErrSize: the transaction would be too large to be relayed.
	ErrSize Kind = "the transaction is too large"
	// ErrCoin: a coin that is to be spent cannot be spent now.
	ErrCoin Kind = "the coin cannot be spent"
	// ErrData: data that the mempool does not take.
	ErrData Kind = "bad data"
)

// Payment is an output to make.
type Payment struct {
	Script []byte
	Value  consensus.Amount // 0 with data (OP_RETURN) and with Rest
	// Subtract: the fee, or an equal part of it, comes off this one.
	Subtract bool
	// Rest: it gets all that the other payments and the fee leave of the coins, or
	// an equal part of it.
	Rest bool
}

// Change is where change goes to: the script, and its place in the wallet when
// it is the wallet's. No script: there is none.
type Change struct {
	Script       []byte
	Chain, Index uint32
	Foreign      bool
}

// Options say how a payment is made.
type Options struct {
	FeeRate  FeeRate
	LongTerm FeeRate          // 0: DefaultLongTermRate
	Discard  FeeRate          // 0: DefaultDiscardRate
	ExtraFee consensus.Amount // beside that for the size: what unconfirmed parents lack

	MaxFee       consensus.Amount // 0: DefaultMaxFee
	AllowHighFee bool             // no MaxFee

	Change   Change
	ChangeAt *int // its output; nil: a random one

	Must []Coin // coins that are spent in any case, in this order
	Only bool   // and no others
	// Alone: coins that need signatures of others are left.
	Alone bool
	// ByScript: coins of one script are spent together (Core's -avoidpartialspends).
	ByScript bool
	// Sweep: a payment of the rest takes also coins that cost more than they bring.
	Sweep bool

	Final     bool                     // it says that it is not to be replaced (BIP125)
	Sequences map[wire.OutPoint]uint32 // of inputs whose sequence is asked for
	LockTime  uint32                   // see AntiSniping; time-locked coins may raise it
	LockFixed bool                     // LockTime is asked for: they may not

	Solve  Solver         // what it takes to spend; nil: wallets of one key
	Tip    Tip            // what time locks are measured by
	Policy mempool.Policy // dust and chain limits of the pool it is for
	// Rand returns a number below n: for the choice of coins and the places of
	// inputs and change. Nothing secret hangs on it.
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

	Algorithm string    // that chose the coins; empty when there was no choice
	Tried     []Attempt // what each one found, the best first
	Available int       // coins that there were to choose from
}

// Attempt is what one way of choosing coins found.
type Attempt struct {
	Algorithm string
	Coins     int
	Sum       consensus.Amount
	Change    consensus.Amount // 0: none
	Waste     consensus.Amount // see selection.waste
}

// VSize returns the vbytes that the fee was reckoned for.
func (d *Draft) VSize() int64 { return (d.Weight + 3) / 4 }

// The sequences of inputs whose coins ask for none: both let the locktime count,
// and the first says that the transaction may be replaced (BIP125).
const (
	Sequence      = wire.MaxTxInSequenceNum - 2
	FinalSequence = wire.MaxTxInSequenceNum - 1
)

// Plan chooses coins for payments. It prefers confirmed ones and those of one
// type, and of what branch and bound, knapsack and single random draw find the
// one with the least waste, as Core does. Change that would not be worth
// spending goes to the fee. Kinds: ErrAmount, ErrDust, ErrFunds, ErrFee,
// ErrMaxFee, ErrSize, ErrCoin, ErrData.
func Plan(coins []Coin, payments []Payment, o Options) (*Draft, error) {
	p, err := newPlanner(payments, &o)
	if err != nil {
		return nil, err
	}
	if err := p.sort(coins); err != nil {
		return nil, err
	}
	var chosen []candidate
	if p.rest > 0 {
		chosen, err = p.everything()
	} else {
		chosen, err = p.choose()
	}
	if errors.Is(err, ErrFunds) {
		return nil, p.shortage(coins)
	}
	if err != nil {
		return nil, err
	}
	d, err := p.draft(chosen)
	if errors.Is(err, ErrFunds) {
		return nil, p.shortage(coins)
	}
	return d, err
}

// candidate is a coin that may be spent.
type candidate struct {
	coin *Coin
	spending
	effective consensus.Amount // value less the price of its input
	waste     consensus.Amount // price of its input now less that in the long term
}

// planner holds what does not depend on the coins chosen.
type planner struct {
	*Options
	payments   []Payment
	target     consensus.Amount // sum of the payments
	outputs    size
	subtracted int // payments that the fee comes off
	rest       int // payments that get what is left
	weights    weights

	changeFee  consensus.Amount // price of making change
	changeCost consensus.Amount // and of spending it one day
	changeMin  consensus.Amount // less is no change
	changeGoal consensus.Amount // what knapsack and draws aim at

	must      []candidate
	confirmed []candidate
	waiting   []candidate // unconfirmed change
	tried     []Attempt
}

func newPlanner(payments []Payment, o *Options) (*planner, error) {
	p := &planner{Options: o, payments: payments, weights: weights{solve: o.Solve, tip: o.Tip, alone: o.Alone}}
	if o.LockFixed {
		p.weights.lockTime, p.weights.lockFixed = o.LockTime, true
	}
	if o.MaxFee == 0 {
		o.MaxFee = DefaultMaxFee
	}
	if o.LongTerm == 0 {
		o.LongTerm = DefaultLongTermRate
	}
	if o.Discard == 0 {
		o.Discard = DefaultDiscardRate
	}
	switch {
	case o.FeeRate < 0 || o.FeeRate > MaxFeeRate:
		return nil, fmt.Errorf("%w: a feerate is from 0 to %d sat/vB", ErrFee, MaxFeeRate/1000)
	case len(payments) == 0 || len(payments) > maxPayments:
		return nil, fmt.Errorf("%w: %d payments in one transaction", ErrSize, len(payments))
	}
	for i := range payments {
		if err := p.addPayment(&payments[i]); err != nil {
			return nil, err
		}
	}
	if p.outputs.total() > maxStandardWeight {
		return nil, fmt.Errorf("%w: its %d payments alone weigh %d, the limit is %d", ErrSize, len(payments), p.outputs.total(), maxStandardWeight)
	}
	p.reckonChange()
	return p, nil
}

// addPayment checks a payment and counts it.
func (p *planner) addPayment(pay *Payment) error {
	p.outputs.addOutput(pay.Script)
	switch data := consensus.Unspendable(pay.Script); {
	case data && p.Policy.MaxDataCarrier < len(pay.Script):
		return fmt.Errorf("%w: %d bytes with their opcodes, the mempool takes at most %d", ErrData, len(pay.Script), p.Policy.MaxDataCarrier)
	case data && pay.Value == 0 && !pay.Rest:
		return nil
	case pay.Rest:
		p.rest++
		return nil
	case pay.Value <= 0 || pay.Value > consensus.MaxMoney:
		return fmt.Errorf("%w: %s is not above 0 and at most %s", ErrAmount, pay.Value, consensus.MaxMoney)
	}
	if p.target += pay.Value; p.target > consensus.MaxMoney {
		return fmt.Errorf("%w: the payments add up to more than %s", ErrAmount, consensus.MaxMoney)
	}
	if dust := p.dust(pay.Script); pay.Value < dust {
		return fmt.Errorf("%w: %s is less than %s, the least that is worth spending later", ErrDust, pay.Value, dust)
	}
	if pay.Subtract {
		p.subtracted++
	}
	return nil
}

// reckonChange finds out what change costs and how much of it is worth having
// (Core's CreateTransactionInternal).
func (p *planner) reckonChange() {
	if len(p.Change.Script) == 0 || p.rest > 0 {
		p.Change.Script = nil
		return
	}
	way, err := spending{}, error(nil)
	if !p.Change.Foreign {
		way, err = p.weights.of(&Coin{Script: p.Change.Script, Chain: p.Change.Chain, Index: p.Change.Index})
	}
	if p.Change.Foreign || err != nil {
		if way.weight, way.witness, err = inputWeight(p.Change.Script); err != nil {
			way.weight = outPointWeight + 4*redeemScriptSig + keyHashWitness // as Core assumes of those it does not know
		}
	}
	vsize := (way.weight + 3) / 4
	p.changeFee = p.FeeRate.Fee((outputWeight(p.Change.Script) + 3) / 4)
	spend := p.Discard.Fee(vsize)
	p.changeCost = p.changeFee + spend
	p.changeMin = max(spend+1, p.dust(p.Change.Script), consensus.Amount(mempool.DustThreshold(p.Change.Script, int64(p.Discard))))
	p.changeGoal = p.changeTarget(p.target/consensus.Amount(len(p.payments))) + p.changeFee
}

// Bounds of the change that is aimed at (Core's CHANGE_LOWER and CHANGE_UPPER);
// policy.
const (
	changeLower = 50_000
	changeUpper = 1_000_000
)

// changeTarget draws how much change is aimed at, so that it does not tell
// itself from payments (Core's GenerateChangeTarget).
func (p *planner) changeTarget(payment consensus.Amount) consensus.Amount {
	if payment <= changeLower/2 {
		return changeLower
	}
	return changeLower + consensus.Amount(p.Rand(int(min(2*payment, changeUpper)-changeLower)+1))
}

func (p *planner) dust(script []byte) consensus.Amount {
	return consensus.Amount(mempool.DustThreshold(script, p.Policy.DustRelayFee))
}

// sort finds the coins that may be taken.
func (p *planner) sort(coins []Coin) error {
	named := make(map[wire.OutPoint]bool, len(p.Must))
	for i := range p.Must {
		c := &p.Must[i]
		if named[c.OutPoint] {
			return fmt.Errorf("%w: %s is named twice", ErrCoin, c.OutPoint)
		}
		named[c.OutPoint] = true
		cand, err := p.named(c)
		if err != nil {
			return err
		}
		p.must = append(p.must, cand)
	}
	if p.Only {
		return nil
	}
	for i := range coins {
		c := &coins[i]
		if c.State != Spendable || c.Locked || c.Reused || named[c.OutPoint] {
			continue
		}
		way, err := p.weights.of(c)
		if err != nil || way.waits != (lock{}) || way.others && p.Alone || !p.lockFits(way) {
			continue // the shortage tells
		}
		switch {
		case c.Height != Unconfirmed:
			p.confirmed = append(p.confirmed, p.candidate(c, way))
		case p.chainable(c):
			p.waiting = append(p.waiting, p.candidate(c, way))
		}
	}
	return nil
}

// named checks a coin that is asked for.
func (p *planner) named(c *Coin) (candidate, error) {
	refuse := func(format string, args ...any) (candidate, error) {
		return candidate{}, fmt.Errorf("%w: %s %s", ErrCoin, c.OutPoint, fmt.Sprintf(format, args...))
	}
	switch c.State {
	case Immature:
		return refuse("is mined but immature: it can be spent from height %d on", c.Matures)
	case Spent:
		if c.Kept {
			return refuse("is kept for payment %s, which left the mempool and may come back: abandontransaction gives it up", c.SpentBy)
		}
		return refuse("is already spent by transaction %s", c.SpentBy)
	}
	way, err := p.weights.of(c)
	switch {
	case err != nil:
		return refuse("is one that this wallet does not know how to spend: %s", err)
	case way.waits != (lock{}):
		return refuse("is time-locked: %s", way.waits.text(c))
	case way.others && p.Alone:
		return refuse("needs signatures of others: lode psbt makes a transaction that they can sign too")
	case !p.lockFits(way):
		return refuse("needs a locktime of at least %d, and %d is asked for", way.lockTime, p.LockTime)
	}
	return p.candidate(c, way), nil
}

// lockFits says whether a coin goes with the locktime that is asked for.
func (p *planner) lockFits(way spending) bool {
	return !p.LockFixed || way.lockTime == 0 || afterMet(way.lockTime, p.LockTime)
}

func (p *planner) candidate(c *Coin, way spending) candidate {
	vsize := (way.weight + 3) / 4
	if !way.witness {
		vsize = (way.weight + 1 + 3) / 4 // the count of no witnesses, beside others that have some
	}
	fee := p.FeeRate.Fee(vsize)
	return candidate{coin: c, spending: way, effective: c.Value - fee, waste: fee - p.LongTerm.Fee(vsize)}
}

// chainable says whether a spend of the coin keeps within the pool's limits for
// chains of unconfirmed transactions.
func (p *planner) chainable(c *Coin) bool {
	return c.Height != Unconfirmed || (c.Ancestors < p.Policy.MaxAncestors && c.Crowd < p.Policy.MaxDescendants)
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

// ChangeType returns the type of address that change goes to: that of the
// payments, the newest type of theirs first, where the wallet has such change
// addresses, else its own (after Core's TransactionChangeType, which ends with
// bech32m). A wallet of legacy addresses stays with them.
func ChangeType(scripts [][]byte, own keys.Type, has func(keys.Type) bool) keys.Type {
	if own == keys.Legacy {
		return own
	}
	paid := make(map[keys.Type]bool)
	for _, script := range scripts {
		if t, ok := TypeOf(script); ok {
			paid[t] = true
		} else if address.KindOf(script) == address.P2WSH {
			paid[keys.Bech32] = true
		}
	}
	for _, t := range [...]keys.Type{keys.Bech32m, keys.Bech32, keys.P2SHSegwit, keys.Legacy} {
		if paid[t] && has(t) {
			return t
		}
	}
	return own
}
