package wallet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
)

// Names of the ways to choose coins, as Core calls them.
const (
	bnbName      = "bnb"      // branch and bound: a sum without change
	knapsackName = "knapsack" // little above what is needed with change
	srdName      = "srd"      // single random draw
	largestName  = "largest first"
	allName      = "all"
)

// maxGroup is how many coins of one script are spent together at most (policy,
// Core's OUTPUT_GROUP_MAX_ENTRIES).
const maxGroup = 100

// choose returns the coins to spend, those that must be first; ErrFunds without
// more when they do not suffice.
func (p *planner) choose() ([]candidate, error) {
	if enough, err := p.enough(p.must); enough || err != nil {
		return p.must, err
	}
	if p.Only {
		return nil, ErrFunds
	}
	few := make([]candidate, 0, len(p.waiting))
	for _, c := range p.waiting {
		if c.coin.Ancestors <= 2 {
			few = append(few, c)
		}
	}
	// As Core's eligibility filters: unconfirmed change only when needed, and from
	// short chains first.
	rounds := [][]candidate{p.confirmed}
	if len(few) > 0 {
		rounds = append(rounds, slices.Concat(p.confirmed, few))
	}
	if len(p.waiting) > len(few) {
		rounds = append(rounds, slices.Concat(p.confirmed, p.waiting))
	}
	err := error(ErrFunds)
	for _, cands := range rounds {
		var chosen []candidate
		if chosen, err = p.chooseFrom(cands); !errors.Is(err, ErrFunds) {
			return chosen, err
		}
	}
	return nil, err
}

// enough says whether coins pay for all.
func (p *planner) enough(chosen []candidate) (bool, error) {
	if len(chosen) == 0 {
		return false, nil
	}
	var sum consensus.Amount
	for i := range chosen {
		sum += chosen[i].coin.Value
	}
	fee, weight := p.fee(chosen, false)
	if p.subtracted > 0 {
		fee = 0
	}
	if sum < p.target+fee {
		return false, nil
	}
	if weight > maxStandardWeight {
		return false, fmt.Errorf("%w: weight %d with the coins asked for, the limit is %d", ErrSize, weight, maxStandardWeight)
	}
	return true, nil
}

// chooseFrom chooses among coins: of one type of script where those suffice, as
// a mix tells that they belong together.
func (p *planner) chooseFrom(cands []candidate) ([]candidate, error) {
	// Locks by height and by time do not go into one transaction.
	byTime := func(c candidate) bool { return c.lockTime >= consensus.LockTimeThreshold }
	byHeight := func(c candidate) bool { return c.lockTime > 0 && c.lockTime < consensus.LockTimeThreshold }
	if mixed := slices.Concat(p.must, cands); slices.ContainsFunc(mixed, byTime) && slices.ContainsFunc(mixed, byHeight) {
		drop, other := byTime, byHeight
		if slices.ContainsFunc(p.must, byTime) {
			drop, other = byHeight, byTime
		}
		chosen, err := p.chooseFrom(slices.DeleteFunc(slices.Clone(cands), drop))
		if errors.Is(err, ErrFunds) && !slices.ContainsFunc(p.must, other) {
			return p.chooseFrom(slices.DeleteFunc(slices.Clone(cands), other))
		}
		return chosen, err
	}
	byKind := make(map[address.Kind][]candidate)
	var kinds []address.Kind
	for _, c := range cands {
		kind := address.KindOf(c.coin.Script)
		if byKind[kind] == nil {
			kinds = append(kinds, kind)
		}
		byKind[kind] = append(byKind[kind], c)
	}
	slices.Sort(kinds)
	var best *selection
	for _, kind := range kinds {
		best = p.better(best, p.selectFrom(byKind[kind]))
	}
	if best == nil && len(kinds) > 1 {
		best = p.selectFrom(cands)
	}
	if best == nil {
		return p.largestFirst(cands)
	}
	p.tried = p.tried[:0]
	for _, s := range best.others {
		p.tried = append(p.tried, s.attempt)
	}
	return slices.Concat(p.must, best.coins(p)), nil
}

// group is coins that are spent together.
type group struct {
	coins  []candidate
	amount consensus.Amount // effective values, or values where the payee bears the fee
	waste  consensus.Amount
	weight int64
}

// selection is a choice among groups.
type selection struct {
	attempt
	groups []group
	picked []int
	others []*selection // all that were found, itself included, the best first
}

type attempt = Attempt

// coins of a selection, in a random order.
func (s *selection) coins(p *planner) []candidate {
	var list []candidate
	for _, g := range s.picked {
		list = append(list, s.groups[g].coins...)
	}
	shuffle(list, p.Rand)
	return list
}

func shuffle[T any](list []T, rand func(n int) int) {
	for i := len(list) - 1; i > 0; i-- {
		j := rand(i + 1)
		list[i], list[j] = list[j], list[i]
	}
}

// better returns the selection with less waste, and of two with the same the one
// that spends more coins (Core's order).
func (p *planner) better(a, b *selection) *selection {
	if a == nil || b != nil && compareSelections(b, a) < 0 {
		return b
	}
	return a
}

func compareSelections(a, b *selection) int {
	return cmp.Or(cmp.Compare(a.Waste, b.Waste), cmp.Compare(b.Coins, a.Coins))
}

// groups puts coins together; those that cost more than they bring are left.
func (p *planner) groups(cands []candidate) []group {
	var list []group
	at := make(map[string]int)
	for i := range cands {
		c := &cands[i]
		amount := c.effective
		if p.subtracted > 0 {
			amount = c.coin.Value
		}
		if p.ByScript {
			if g, ok := at[string(c.coin.Script)]; ok && len(list[g].coins) < maxGroup {
				list[g].coins = append(list[g].coins, *c)
				list[g].amount, list[g].waste, list[g].weight = list[g].amount+amount, list[g].waste+c.waste, list[g].weight+c.weight
				continue
			}
			at[string(c.coin.Script)] = len(list)
		}
		list = append(list, group{coins: cands[i : i+1 : i+1], amount: amount, waste: c.waste, weight: c.weight})
	}
	list = slices.DeleteFunc(list, func(g group) bool { return g.amount <= 0 })
	slices.SortFunc(list, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.amount, a.amount), cmp.Compare(a.waste, b.waste), compareOutPoints(a.coins[0].coin.OutPoint, b.coins[0].coin.OutPoint))
	})
	return list
}

// need is what groups have to add up to, and the weight that they may have.
func (p *planner) need(groups int) (amount consensus.Amount, weight int64) {
	base := p.outputs
	for i := range p.must {
		base.addInput(p.must[i].weight, p.must[i].witness)
	}
	// Counted as if there were witnesses and as many inputs as there can be.
	total := base.total() + 4*2 + segwitMarker + int64(base.plain)
	if groups+len(p.must) <= 0xfc {
		total -= 4 * 2
	}
	amount = p.target
	if p.subtracted == 0 {
		amount += p.FeeRate.Fee((total+3)/4) + p.ExtraFee
	}
	for i := range p.must {
		amount -= p.must[i].coin.Value
	}
	return amount, maxStandardWeight - total
}

// selectFrom has each algorithm look for groups and returns the selection with
// the least waste; nil when none finds any (Core's ChooseSelectionResult).
func (p *planner) selectFrom(cands []candidate) *selection {
	groups := p.groups(cands)
	n := 0
	for i := range groups {
		n += len(groups[i].coins)
	}
	target, room := p.need(n)
	if target <= 0 {
		target = 1 // some coin, for the fee of those that must be
	}
	var found []*selection
	try := func(name string, picked []int) {
		if picked == nil {
			return
		}
		s := &selection{groups: groups, picked: picked}
		s.Algorithm = name
		if p.measure(s, target) && p.keepsChains(s) {
			found = append(found, s)
		}
	}
	if p.subtracted == 0 && len(p.Change.Script) > 0 {
		try(bnbName, branchAndBound(groups, target, p.changeCost, room))
	}
	room -= outputWeight(p.Change.Script)
	try(knapsackName, knapsack(groups, target, p.changeGoal, room, p.Rand))
	try(srdName, randomDraw(groups, target+changeLower+p.changeFee, room, p.Rand))
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, compareSelections)
	found[0].others = found
	return found[0]
}

// measure reckons a selection's waste (Core's RecalculateWaste): what its inputs
// cost now above what they would cost in the long term, and the cost of its
// change or else the excess that goes to the fee. It reports whether the
// selection suffices.
func (p *planner) measure(s *selection, target consensus.Amount) bool {
	var amount consensus.Amount
	for _, i := range s.picked {
		g := &s.groups[i]
		amount += g.amount
		s.Waste += g.waste
		s.Coins += len(g.coins)
		for k := range g.coins {
			s.Sum += g.coins[k].coin.Value
		}
	}
	for i := range p.must {
		s.Waste += p.must[i].waste
		s.Coins++
		s.Sum += p.must[i].coin.Value
	}
	if amount < target || s.Sum > consensus.MaxMoney {
		return false
	}
	change := amount - target
	if p.subtracted == 0 {
		change -= p.changeFee
	}
	if len(p.Change.Script) > 0 && change >= p.changeMin {
		s.Change = change
		s.Waste += p.changeCost
	} else {
		s.Waste += amount - target
	}
	return true
}

// keepsChains says whether a selection keeps within the pool's limits for
// unconfirmed ancestors, of which none may be counted twice.
func (p *planner) keepsChains(s *selection) bool {
	ancestors := 0
	for i := range p.must {
		ancestors += p.must[i].coin.Ancestors
	}
	for _, i := range s.picked {
		for k := range s.groups[i].coins {
			ancestors += s.groups[i].coins[k].coin.Ancestors
		}
	}
	return ancestors < p.Policy.MaxAncestors || ancestors == 0
}

// largestFirst takes the largest coins until they suffice: what finds a way
// wherever there is one.
func (p *planner) largestFirst(cands []candidate) ([]candidate, error) {
	cands = slices.Clone(cands)
	slices.SortFunc(cands, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.effective, a.effective), compareOutPoints(a.coin.OutPoint, b.coin.OutPoint))
	})
	chosen := slices.Clone(p.must)
	grown, ancestors := p.outputs, 0
	var sum consensus.Amount
	for i := range chosen {
		grown.addInput(chosen[i].weight, chosen[i].witness)
		ancestors += chosen[i].coin.Ancestors
		sum += chosen[i].coin.Value
	}
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
		if grown.total() > maxStandardWeight {
			return nil, fmt.Errorf("%w: it would take over %d coins, which hold %s: pay less at once", ErrSize, len(chosen)-1, sum-c.coin.Value)
		}
		fee := p.FeeRate.Fee(grown.vsize()) + p.ExtraFee
		if p.subtracted > 0 {
			fee = 0
		}
		if sum >= p.target+fee {
			p.tried = []Attempt{{Algorithm: largestName, Coins: len(chosen), Sum: sum}}
			return chosen, nil
		}
	}
	return nil, ErrFunds
}

// everything returns all coins that a payment of the rest takes.
func (p *planner) everything() ([]candidate, error) {
	chosen := slices.Clone(p.must)
	ancestors := 0
	for i := range chosen {
		ancestors += chosen[i].coin.Ancestors
	}
	if !p.Only && len(p.must) == 0 {
		for _, c := range slices.Concat(p.confirmed, p.waiting) {
			if c.effective <= 0 && !p.Sweep || c.coin.Ancestors > 0 && ancestors+c.coin.Ancestors >= p.Policy.MaxAncestors {
				continue
			}
			ancestors += c.coin.Ancestors
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, ErrFunds
	}
	if _, weight := p.fee(chosen, false); weight > maxStandardWeight {
		return nil, fmt.Errorf("%w: all %d coins at once weigh %d, the limit is %d: name fewer of them", ErrSize, len(chosen), weight, maxStandardWeight)
	}
	var sum consensus.Amount
	for i := range chosen {
		sum += chosen[i].coin.Value
	}
	p.tried = []Attempt{{Algorithm: allName, Coins: len(chosen), Sum: sum}}
	return chosen, nil
}
