package wallet

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// fee is the price of the transaction with these inputs.
func (p *planner) fee(chosen []candidate, change bool) (consensus.Amount, int64) {
	s := p.outputs
	for i := range chosen {
		s.addInput(chosen[i].weight, chosen[i].witness)
	}
	if change {
		s.addOutput(p.Change.Script)
	}
	return p.FeeRate.Fee(s.vsize()) + p.ExtraFee, s.total()
}

// draft makes the transaction.
func (p *planner) draft(chosen []candidate) (*Draft, error) {
	d := &Draft{Tx: wire.NewMsgTx(2), ChangeAt: -1, Tried: p.tried, Available: len(p.must) + len(p.confirmed) + len(p.waiting)}
	if len(p.tried) > 0 {
		d.Algorithm = p.tried[0].Algorithm
	}
	d.Tx.LockTime = p.LockTime
	var sum consensus.Amount
	for _, c := range chosen {
		d.Tx.AddTxIn(p.input(&c))
		d.Tx.LockTime = laterLock(d.Tx.LockTime, c.lockTime)
		d.Coins = append(d.Coins, *c.coin)
		if sum += c.coin.Value; sum > consensus.MaxMoney {
			return nil, fmt.Errorf("%w: the coins add up to more than %s", ErrAmount, consensus.MaxMoney)
		}
	}
	p.openLocks(d.Tx, chosen)
	for _, pay := range p.payments {
		d.Tx.AddTxOut(wire.NewTxOut(int64(pay.Value), pay.Script))
	}
	if err := p.settle(d, chosen, sum); err != nil {
		return nil, err
	}
	if d.Fee > p.MaxFee && !p.AllowHighFee {
		return nil, fmt.Errorf("%w: it would be %s, the limit is %s; a lower feerate or fewer coins at once make it less", ErrMaxFee, d.Fee, p.MaxFee)
	}
	if d.Weight > maxStandardWeight {
		return nil, fmt.Errorf("%w: weight %d, the limit is %d", ErrSize, d.Weight, maxStandardWeight)
	}
	return d, nil
}

// input makes one that is not signed.
func (p *planner) input(c *candidate) *wire.TxIn {
	in := wire.NewTxIn(&c.coin.OutPoint, nil, nil)
	asked, ok := p.Sequences[c.coin.OutPoint]
	switch {
	case ok:
		in.Sequence = asked
	case c.sequence != 0:
		in.Sequence = cmp.Or(c.usable.older, c.sequence)
	case c.usable.older != 0 && !p.Final:
		in.Sequence = c.usable.older
	case p.Final:
		in.Sequence = FinalSequence
	default:
		in.Sequence = Sequence
	}
	return in
}

// openLocks raises the locktime to the absolute locks that coins have met and that
// others may want to use, as far as that goes with the locks that coins need.
func (p *planner) openLocks(tx *wire.MsgTx, chosen []candidate) {
	var needed, usable uint32
	for i := range chosen {
		needed = laterLock(needed, chosen[i].lockTime)
	}
	for i := range chosen {
		if l := chosen[i].usable.after; l != 0 {
			usable = laterAfter(needed, usable, l)
		}
	}
	if !p.LockFixed && usable != 0 {
		tx.LockTime = laterLock(tx.LockTime, usable)
	}
}

// laterLock is the locktime that satisfies both. A lock by time takes the place
// of the height that nobody needs.
func laterLock(a, b uint32) uint32 {
	if b >= consensus.LockTimeThreshold && a < consensus.LockTimeThreshold {
		return b
	}
	return max(a, b)
}

// settle divides what the coins hold between payments, change and fee.
func (p *planner) settle(d *Draft, chosen []candidate, sum consensus.Amount) error {
	fee, weight := p.fee(chosen, false)
	if p.rest > 0 {
		d.Fee, d.Weight = fee, weight
		return p.settleRest(d, sum)
	}
	if len(p.Change.Script) > 0 {
		d.Fee, d.Weight = p.fee(chosen, true)
		d.Change = sum - p.target - d.Fee
		if p.subtracted > 0 {
			d.Change = sum - p.target
		}
	}
	if d.Change < p.changeMin || d.Change <= 0 {
		d.Change, d.Fee, d.Weight = 0, fee, weight
	}
	paid := p.target
	if p.subtracted > 0 {
		// What is left over above the payments goes to the fee first.
		paid -= max(0, d.Fee-(sum-p.target-d.Change))
	}
	if d.Fee = sum - paid - d.Change; d.Fee < 0 || p.subtracted == 0 && d.Change == 0 && d.Fee < fee {
		return ErrFunds
	}
	if err := p.takeOff(d, p.target-paid); err != nil {
		return err
	}
	if d.Change > 0 {
		if d.ChangeAt = p.changePlace(len(d.Tx.TxOut) + 1); d.ChangeAt > len(d.Tx.TxOut) {
			return fmt.Errorf("%w: there is no output %d for the change", ErrAmount, d.ChangeAt)
		}
		d.Tx.TxOut = slices.Insert(d.Tx.TxOut, d.ChangeAt, wire.NewTxOut(int64(d.Change), p.Change.Script))
	}
	return nil
}

func (p *planner) changePlace(n int) int {
	if p.ChangeAt != nil {
		return max(0, *p.ChangeAt)
	}
	return p.Rand(n)
}

// takeOff takes a fee from the payments that bear it: equal parts, what does not
// divide from the first (Core's order).
func (p *planner) takeOff(d *Draft, fee consensus.Amount) error {
	if p.subtracted == 0 || fee == 0 {
		return nil
	}
	part := fee / consensus.Amount(p.subtracted)
	rest := fee - part*consensus.Amount(p.subtracted)
	for i, pay := range p.payments {
		if !pay.Subtract {
			continue
		}
		left := pay.Value - part - rest
		rest = 0
		if dust := p.dust(pay.Script); left < dust {
			return fmt.Errorf("%w: after the fee of %s less than %s is left of the payment of %s", ErrDust, d.Fee, dust, pay.Value)
		}
		d.Tx.TxOut[i].Value = int64(left)
	}
	return nil
}

// settleRest gives what is left to the payments of the rest.
func (p *planner) settleRest(d *Draft, sum consensus.Amount) error {
	left := sum - p.target - d.Fee
	if left < 0 {
		return ErrFunds
	}
	part := left / consensus.Amount(p.rest)
	more := left - part*consensus.Amount(p.rest)
	for i, pay := range p.payments {
		if !pay.Rest {
			continue
		}
		value := part + more
		more = 0
		if dust := p.dust(pay.Script); value < dust || value <= 0 {
			return fmt.Errorf("%w: of %s the fee of %s and other payments of %s leave %s, and less than %s is not worth spending", ErrDust, sum, d.Fee, p.target, value, dust)
		}
		d.Tx.TxOut[i].Value = int64(value)
	}
	return nil
}
