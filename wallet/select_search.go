package wallet

import (
	"math"
	"slices"

	"github.com/lode-chain/lode/consensus"
)

// bnbTries bounds the search of branchAndBound (Core's TOTAL_TRIES); policy.
const bnbTries = 100_000

// branchAndBound looks for groups that need no change: their sum is from target
// to target+slack, and of those the ones with the least waste (Core's
// SelectCoinsBnB). Groups are sorted, largest first. Nil: none found.
func branchAndBound(groups []group, target, slack consensus.Amount, room int64) []int {
	var available consensus.Amount // of the groups that are not decided about
	for i := range groups {
		available += groups[i].amount
	}
	if available < target || len(groups) == 0 {
		return nil
	}
	var picked, best []int
	var value, waste consensus.Amount
	var weight int64
	bestWaste := consensus.Amount(math.MaxInt64)
	expensive := groups[0].waste > 0 // then more inputs are never better
	for try, at := 0, 0; try < bnbTries; try, at = try+1, at+1 {
		back := false
		switch {
		case value+available < target, value > target+slack, expensive && waste > bestWaste, weight > room:
			back = true
		case value >= target:
			if total := waste + value - target; total <= bestWaste {
				best, bestWaste = slices.Clone(picked), total
			}
			back = true
		}
		if !back {
			g := &groups[at]
			available -= g.amount
			// A group like the one before it, which was left out, only repeats what failed.
			if len(picked) == 0 || picked[len(picked)-1] == at-1 || g.amount != groups[at-1].amount || g.waste != groups[at-1].waste {
				picked, value, waste, weight = append(picked, at), value+g.amount, waste+g.waste, weight+g.weight
			}
			continue
		}
		if len(picked) == 0 {
			break
		}
		// Leave out the last one that was taken, and go on behind it.
		last := picked[len(picked)-1]
		for at--; at > last; at-- {
			available += groups[at].amount
		}
		g := &groups[last]
		picked, value, waste, weight = picked[:len(picked)-1], value-g.amount, waste-g.waste, weight-g.weight
	}
	return best
}

// knapsackTries is how often knapsack draws (Core's iterations), and knapsackWork
// how many groups it looks at in all, so that many coins take no longer; policy.
const (
	knapsackTries = 1000
	knapsackWork  = 2_000_000
)

// knapsack looks for groups that hold as little as possible above target, or
// above target and change where that cannot be had exactly (Core's
// KnapsackSolver). Nil: there are none.
func knapsack(groups []group, target, change consensus.Amount, room int64, rand func(n int) int) []int {
	larger := -1 // the smallest that does it alone
	var small []int
	var sum consensus.Amount
	for i := range groups { // largest first
		switch amount := groups[i].amount; {
		case amount == target:
			return fitting(groups, []int{i}, room)
		case amount < target+change:
			small = append(small, i)
			sum += amount
		default:
			larger = i
		}
	}
	alone := func() []int {
		if larger < 0 {
			return nil
		}
		return fitting(groups, []int{larger}, room)
	}
	switch {
	case sum == target:
		return fitting(groups, small, room)
	case sum < target:
		return alone()
	}
	bits := coinFlips(rand)
	best, total := bestSubset(groups, small, sum, target, bits)
	if total != target && sum >= target+change {
		best, total = bestSubset(groups, small, sum, target+change, bits)
	}
	if larger >= 0 && (total != target && total < target+change || groups[larger].amount <= total) {
		return alone()
	}
	if list := fitting(groups, best, room); list != nil {
		return list
	}
	return alone()
}

// fitting returns what was picked unless it is too heavy.
func fitting(groups []group, picked []int, room int64) []int {
	for _, i := range picked {
		room -= groups[i].weight
	}
	if room < 0 {
		return nil
	}
	return picked
}

// bestSubset draws subsets of groups, whose sum is at least target, and returns
// the one with the smallest sum (Core's ApproximateBestSubset).
func bestSubset(groups []group, from []int, sum, target consensus.Amount, flip func() bool) ([]int, consensus.Amount) {
	best, bestSum := slices.Clone(from), sum
	in := make([]bool, len(from))
	amounts := make([]consensus.Amount, len(from))
	for k, i := range from {
		amounts[k] = groups[i].amount
	}
	tries := min(knapsackTries, knapsackWork/max(1, len(from))+1)
	for try := 0; try < tries && bestSum != target; try++ {
		clear(in)
		var total consensus.Amount
		reached := false
		for pass := 0; pass < 2 && !reached; pass++ {
			for k, amount := range amounts {
				if pass == 0 && !flip() || pass == 1 && in[k] {
					continue
				}
				in[k] = true
				if total += amount; total < target {
					continue
				}
				reached = true
				if total < bestSum {
					bestSum, best = total, best[:0]
					for j := range from {
						if in[j] {
							best = append(best, from[j])
						}
					}
				}
				in[k] = false
				total -= amount
			}
		}
	}
	return best, bestSum
}

// coinFlips makes single bits of a source of numbers.
func coinFlips(rand func(n int) int) func() bool {
	const width = 30
	var bits, left int
	return func() bool {
		if left == 0 {
			bits, left = rand(1<<width), width
		}
		bit := bits&1 == 1
		bits, left = bits>>1, left-1
		return bit
	}
}

// randomDraw takes groups at random until they hold target; when they are too
// heavy the smallest go (Core's SelectCoinsSRD). Nil: they do not suffice.
func randomDraw(groups []group, target consensus.Amount, room int64, rand func(n int) int) []int {
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	shuffle(order, rand)
	var picked []int
	var sum consensus.Amount
	for _, i := range order {
		picked, sum, room = append(picked, i), sum+groups[i].amount, room-groups[i].weight
		for room < 0 && len(picked) > 0 {
			// Groups are sorted: the highest index is the smallest amount.
			least := 0
			for k := range picked {
				if picked[k] > picked[least] {
					least = k
				}
			}
			g := &groups[picked[least]]
			sum, room = sum-g.amount, room+g.weight
			picked = slices.Delete(picked, least, least+1)
		}
		if sum >= target {
			return picked
		}
	}
	return nil
}
