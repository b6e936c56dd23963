package wallet

import "github.com/lode-chain/lode/consensus"

// Sums are what a wallet's coins are good for now. Coins that the mempool spends
// are in none of them.
type Sums struct {
	Spendable  consensus.Amount // a payment may take them, perhaps with signatures of others
	Pending    consensus.Amount // unconfirmed, paid by others
	Immature   consensus.Amount // mined, not yet spendable
	Locked     consensus.Amount // by hand
	Reused     consensus.Amount // at addresses that were spent from, where that is avoided
	TimeLocked consensus.Amount // whose time locks have not passed
}

// Locks tells which coins are time-locked.
type Locks struct{ ways weights }

// NewLocks returns the Locks of a wallet's coins at a tip.
func NewLocks(solve Solver, tip Tip) *Locks { return &Locks{weights{solve: solve, tip: tip}} }

// Waits says whether a time lock of a coin has not passed, and when it does. A coin
// that the solver does not know how to spend is not said to wait.
func (l *Locks) Waits(c *Coin) (passes string, waits bool) {
	way, err := l.ways.of(c)
	if err != nil || way.waits == (lock{}) {
		return "", false
	}
	return way.waits.text(c), true
}

// Reckon adds up coins. Those that solve does not know how to spend count as
// spendable: elsewhere somebody may.
func Reckon(coins []Coin, solve Solver, tip Tip) Sums {
	var s Sums
	locks := NewLocks(solve, tip)
	for i := range coins {
		c := &coins[i]
		sum := &s.Spendable
		switch c.State {
		case Spent:
			continue
		case Pending:
			sum = &s.Pending
		case Immature:
			sum = &s.Immature
		case Spendable:
			switch {
			case c.Locked:
				sum = &s.Locked
			case c.Reused:
				sum = &s.Reused
			default:
				if way, err := locks.ways.of(c); err == nil && way.waits != (lock{}) {
					sum = &s.TimeLocked
				}
			}
		}
		*sum += c.Value
	}
	return s
}
