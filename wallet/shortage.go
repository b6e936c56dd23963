package wallet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
)

// Shortage says why a wallet's coins do not suffice: what is there, what is
// needed, and what is there but cannot be spent now. Its kind is ErrFunds.
type Shortage struct {
	Needed    consensus.Amount // the payments
	Fee       consensus.Amount // what they would cost with all coins, at least
	Spendable consensus.Amount // sum of the coins that can be spent
	Worthless consensus.Amount // part of that in coins that cost more than they bring

	Immature consensus.Amount
	Matures  int32            // height at which the first of those can be spent
	First    consensus.Amount // how much of it then
	Pending  consensus.Amount // unconfirmed, paid by others
	Chained  consensus.Amount // own change at the end of too long a chain
	Spent    consensus.Amount // spent by transactions in the mempool
	Spenders []chainhash.Hash // the first of those, in the order of their sums
	spenders int              // how many there are
}

// Is makes errors.Is(err, ErrFunds) true.
func (s *Shortage) Is(target error) bool { return target == ErrFunds }

// Error explains the shortage in one line.
func (s *Shortage) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s is needed and %s for the fee, %s is spendable", ErrFunds, s.Needed, s.Fee, s.Spendable)
	if s.Worthless > 0 {
		fmt.Fprintf(&b, ", %s of it in coins that cost more than they bring", s.Worthless)
	}
	if s.Spent > 0 {
		fmt.Fprintf(&b, "; %s is already spent by unconfirmed transaction %s", s.Spent, s.Spenders[0])
		if s.spenders > 1 {
			fmt.Fprintf(&b, " and %d more", s.spenders-1)
		}
	}
	if s.Immature > 0 {
		fmt.Fprintf(&b, "; %s is mined but immature, the first %s of it can be spent from height %d on", s.Immature, s.First, s.Matures)
	}
	if s.Pending > 0 {
		fmt.Fprintf(&b, "; %s is pending until the next block", s.Pending)
	}
	if s.Chained > 0 {
		fmt.Fprintf(&b, "; %s is change of too many unconfirmed payments in a row and can be spent after the next block", s.Chained)
	}
	return b.String()
}

const maxSpenders = 3 // listed in a Shortage

func (p *planner) shortage(coins []Coin) *Shortage {
	s := &Shortage{Needed: p.target}
	sums := make(map[chainhash.Hash]consensus.Amount)
	var useful []candidate
	for i := range coins {
		c := &coins[i]
		switch c.State {
		case Spendable:
			if !p.chainable(c) {
				s.Chained += c.Value
				continue
			}
			s.Spendable += c.Value
			weight, witness, err := inputWeight(c.Script)
			if err != nil || c.Value <= p.FeeRate.Fee((weight+3)/4) {
				s.Worthless += c.Value
				continue
			}
			useful = append(useful, candidate{coin: *c, weight: weight, witness: witness})
		case Immature:
			s.Immature += c.Value
			switch {
			case s.Matures == 0 || c.Matures < s.Matures:
				s.Matures, s.First = c.Matures, c.Value
			case c.Matures == s.Matures:
				s.First += c.Value
			}
		case Pending:
			s.Pending += c.Value
		case Spent:
			s.Spent += c.Value
			sums[c.SpentBy] += c.Value
		}
	}
	if len(useful) == 0 {
		// The price of the smallest payment, from one coin of the wallet's type.
		if weight, witness, err := inputWeight(p.Change); err == nil {
			useful = append(useful, candidate{weight: weight, witness: witness})
		}
	}
	if !p.SubtractFee {
		s.Fee, _ = p.fee(useful, false)
	}
	s.spenders = len(sums)
	for txid := range sums {
		s.Spenders = append(s.Spenders, txid)
	}
	slices.SortFunc(s.Spenders, func(a, b chainhash.Hash) int {
		if sums[a] != sums[b] {
			return int(max(-1, min(1, sums[b]-sums[a])))
		}
		return slices.Compare(a[:], b[:])
	})
	s.Spenders = s.Spenders[:min(len(s.Spenders), maxSpenders)]
	return s
}
