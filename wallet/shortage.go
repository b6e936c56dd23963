package wallet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// Shortage says why a wallet's coins do not suffice: what is there, what is
// needed, and what is there but cannot be spent now. Its kind is ErrFunds.
type Shortage struct {
	Needed    consensus.Amount // the payments
	Fee       consensus.Amount // what they would cost with all coins, at least
	Spendable consensus.Amount // sum of the coins that can be spent
	Worthless consensus.Amount // part of that in coins that cost more than they bring

	All        bool // all that there is was to be paid
	Named      bool // only the coins that were asked for count as spendable
	Immature   consensus.Amount
	Matures    int32            // height at which the first of those can be spent
	First      consensus.Amount // how much of it then
	Pending    consensus.Amount // unconfirmed, paid by others
	Chained    consensus.Amount // own change at the end of too long a chain
	Spent      consensus.Amount // spent by transactions in the mempool
	Spenders   []chainhash.Hash // the first of those, in the order of their sums
	Kept       consensus.Amount // spent by payments that left the mempool and may come back
	KeptFor    chainhash.Hash   // the first of those
	Locked     consensus.Amount // locked by hand
	Reused     consensus.Amount // at addresses that were spent from, where that is avoided
	TimeLocked consensus.Amount // whose time locks have not passed
	Passes     string           // when the first of those does
	Others     consensus.Amount // that need signatures of others
	Unknown    consensus.Amount // that the wallet does not know how to spend
	spenders   int              // how many there are
}

// Is makes errors.Is(err, ErrFunds) true.
func (s *Shortage) Is(target error) bool { return target == ErrFunds }

// Error explains the shortage in one line.
func (s *Shortage) Error() string {
	var b strings.Builder
	where := "is spendable"
	if s.Named {
		where = "is in the coins that were asked for"
	}
	switch {
	case s.All && s.Needed == 0 && s.Spendable == 0:
		fmt.Fprintf(&b, "%s: there is nothing to pay with, 0.00000000 %s", ErrFunds, where)
	case s.All && s.Needed == 0:
		fmt.Fprintf(&b, "%s: the fee would be %s, and %s %s", ErrFunds, s.Fee, s.Spendable, where)
	default:
		fmt.Fprintf(&b, "%s: %s is needed and %s for the fee, %s %s", ErrFunds, s.Needed, s.Fee, s.Spendable, where)
	}
	if s.Worthless > 0 {
		fmt.Fprintf(&b, ", %s of it in coins that cost more than they bring", s.Worthless)
	}
	if s.Spent > 0 {
		fmt.Fprintf(&b, "; %s is already spent by unconfirmed transaction %s", s.Spent, s.Spenders[0])
		if s.spenders > 1 {
			fmt.Fprintf(&b, " and %d more", s.spenders-1)
		}
	}
	if s.Kept > 0 {
		fmt.Fprintf(&b, "; %s is kept for payment %s, which left the mempool and may come back: abandontransaction gives it up", s.Kept, s.KeptFor)
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
	if s.TimeLocked > 0 {
		fmt.Fprintf(&b, "; %s is time-locked, the first of it %s", s.TimeLocked, s.Passes)
	}
	if s.Locked > 0 {
		fmt.Fprintf(&b, "; %s is in coins that were locked by hand: name them, or unlock them (lode wallet coins, lockunspent), to spend them", s.Locked)
	}
	if s.Reused > 0 {
		fmt.Fprintf(&b, "; %s is at addresses that were spent from before, which this wallet avoids: name the coins to spend them", s.Reused)
	}
	if s.Others > 0 {
		fmt.Fprintf(&b, "; %s needs signatures of others too: make a PSBT for them", s.Others)
	}
	if s.Unknown > 0 {
		fmt.Fprintf(&b, "; %s is watched only: this wallet does not know how to spend it", s.Unknown)
	}
	return b.String()
}

const maxSpenders = 3 // listed in a Shortage

// tallied is a shortage while it is added up.
type tallied struct {
	*Shortage
	p      *planner
	useful []candidate
	sums   map[chainhash.Hash]consensus.Amount
	passes moment
}

func (p *planner) shortage(coins []Coin) *Shortage {
	s := &tallied{Shortage: &Shortage{Needed: p.target, Named: p.Only, All: p.rest > 0}, p: p, sums: make(map[chainhash.Hash]consensus.Amount)}
	named := make(map[wire.OutPoint]bool, len(p.must))
	for i := range p.must {
		c := &p.must[i]
		named[c.coin.OutPoint] = true
		s.Spendable += c.coin.Value
		s.useful = append(s.useful, *c)
	}
	for i := range coins {
		if !p.Only && !named[coins[i].OutPoint] {
			s.count(&coins[i])
		}
	}
	if len(s.useful) == 0 {
		// The price of the smallest payment, from one coin of the wallet's type.
		if weight, witness, err := inputWeight(p.Change.Script); err == nil {
			s.useful = append(s.useful, candidate{spending: spending{weight: weight, witness: witness}})
		}
	}
	if p.subtracted == 0 {
		s.Fee, _ = p.fee(s.useful, false)
	}
	if s.TimeLocked > 0 {
		s.Passes = s.passes.text()
	}
	s.spenders = len(s.sums)
	for txid := range s.sums {
		s.Spenders = append(s.Spenders, txid)
	}
	slices.SortFunc(s.Spenders, func(a, b chainhash.Hash) int {
		if s.sums[a] != s.sums[b] {
			return int(max(-1, min(1, s.sums[b]-s.sums[a])))
		}
		return slices.Compare(a[:], b[:])
	})
	s.Spenders = s.Spenders[:min(len(s.Spenders), maxSpenders)]
	return s.Shortage
}

// count puts a coin where it belongs.
func (s *tallied) count(c *Coin) {
	switch c.State {
	case Immature:
		s.Immature += c.Value
		switch {
		case s.Matures == 0 || c.Matures < s.Matures:
			s.Matures, s.First = c.Matures, c.Value
		case c.Matures == s.Matures:
			s.First += c.Value
		}
		return
	case Pending:
		s.Pending += c.Value
		return
	case Spent:
		if c.Kept {
			if s.Kept += c.Value; s.KeptFor == (chainhash.Hash{}) {
				s.KeptFor = c.SpentBy
			}
			return
		}
		s.Spent += c.Value
		s.sums[c.SpentBy] += c.Value
		return
	}
	way, err := s.p.weights.of(c)
	switch {
	case c.Locked:
		s.Locked += c.Value
	case c.Reused:
		s.Reused += c.Value
	case err != nil:
		s.Unknown += c.Value
	case way.waits != (lock{}) || !s.p.lockFits(way):
		s.TimeLocked += c.Value
		s.passes = s.passes.earlier(way.waits.moment(c))
	case way.others && s.p.Alone:
		s.Others += c.Value
	case !s.p.chainable(c):
		s.Chained += c.Value
	default:
		s.Spendable += c.Value
		cand := s.p.candidate(c, way)
		if cand.effective <= 0 {
			s.Worthless += c.Value
			return
		}
		s.useful = append(s.useful, cand)
	}
}

// moment is when a lock passes: at a height of the tip, at a median time past,
// or some blocks after it is confirmed. The zero value is never.
type moment struct {
	height int64
	time   int64 // Unix seconds
	blocks int64 // after the coin's confirmation
	span   int64 // seconds after the coin's block
}

// moment of a lock of a coin.
func (l lock) moment(c *Coin) moment {
	var m moment
	switch n := int64(l.older & 0xffff); {
	case l.older == 0:
	case l.older&sequenceTime != 0:
		m.span = n << 9
	case c.Height == Unconfirmed:
		m.blocks = n
	default:
		m.height = int64(c.Height) + n - 1
	}
	if l.after >= consensus.LockTimeThreshold {
		m.time = int64(l.after)
	} else {
		m.height = max(m.height, int64(l.after))
	}
	return m
}

// earlier of two moments, as far as they can be compared.
func (m moment) earlier(other moment) moment {
	if m == (moment{}) || other.height > 0 && (m.height == 0 || other.height < m.height) || other.time > 0 && other.time < m.time {
		return other
	}
	return m
}

func (m moment) text() string {
	var parts []string
	if m.height > 0 {
		parts = append(parts, fmt.Sprintf("from height %d on", m.height))
	}
	if m.time > 0 {
		parts = append(parts, fmt.Sprintf("when the median time of the last blocks is past %s", time.Unix(m.time, 0).UTC().Format("2006-01-02 15:04:05 UTC")))
	}
	if m.blocks > 0 {
		parts = append(parts, fmt.Sprintf("%d blocks after it is confirmed", m.blocks-1))
	}
	if m.span > 0 {
		parts = append(parts, fmt.Sprintf("%s after its block", time.Duration(m.span)*time.Second))
	}
	if len(parts) == 0 {
		return "with another locktime"
	}
	return "spendable " + strings.Join(parts, " and ")
}

// text says when a coin's lock passes.
func (l lock) text(c *Coin) string { return l.moment(c).text() }
