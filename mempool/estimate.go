package mempool

import "slices"

// MaxTarget is the highest number of blocks within which a transaction can be
// wanted in one (Core's longest horizon of estimates).
const MaxTarget = 1008

// Fill is how a block was filled, or would be: whether it had no room for all that
// waited, and by which feerate a transaction gets in before the last ones that it
// took, in satoshis per 1,000 vbytes.
type Fill struct {
	Full bool
	Rate int64
}

// Outlook is what a feerate is estimated from. Nothing in it is learned over
// time, so that it is right from the first block on, and after a reorganisation.
type Outlook struct {
	Floor  int64  // satoshis per 1,000 vbytes: less is not taken, or not mined
	Next   []Fill // the blocks that what waits now would fill, the next one first
	Recent []Fill // the last blocks of the chain, the latest first
}

// Basis says what an estimate rests on.
type Basis uint8

const (
	// OnFloor: there is room in blocks for whatever pays the floor.
	OnFloor Basis = iota
	// OnMempool: what waits now fills the blocks within the target.
	OnMempool
	// OnBlocks: the last blocks were full.
	OnBlocks
)

// Estimate is a feerate in satoshis per 1,000 vbytes, never below the floor, and
// what it rests on. Full is how many blocks speak for more than the floor: of those
// to come, or of the last ones.
type Estimate struct {
	Rate  int64
	Basis Basis
	Full  int
}

// Estimate returns the feerate by which a transaction of usual size gets into one
// of the next target blocks. It never grows with the target. A conservative
// estimate holds even if all of the next blocks are as the fullest of the last
// ones; else half of these may have been fuller.
func (o *Outlook) Estimate(target int, conservative bool) Estimate {
	target = min(max(target, 1), MaxTarget)
	best := Estimate{Rate: o.Floor}
	if r := o.next(target); r > best.Rate {
		best = Estimate{Rate: r, Basis: OnMempool, Full: full(o.Next)}
	}
	if r := o.recent(target, conservative); r > best.Rate {
		best = Estimate{Rate: r, Basis: OnBlocks, Full: full(o.Recent)}
	}
	return best
}

func full(list []Fill) (n int) {
	for _, f := range list {
		if f.Full {
			n++
		}
	}
	return n
}

// rates are what gets in, block by block.
func (o *Outlook) rates(list []Fill) []int64 {
	rates := make([]int64, len(list))
	for i, f := range list {
		rates[i] = o.Floor
		if f.Full {
			rates[i] = max(o.Floor, f.Rate)
		}
	}
	return rates
}

// next is the least that gets into one of the first blocks that what waits fills.
func (o *Outlook) next(target int) int64 {
	if target > len(o.Next) {
		return o.Floor // one of them takes all that is left
	}
	return slices.Min(o.rates(o.Next[:target]))
}

// recent takes the next blocks for such as the last ones: to get into one of
// target of them takes no more than what target-1 of the fullest last ones took
// less than. Without being conservative, half of those are left out beforehand.
func (o *Outlook) recent(target int, conservative bool) int64 {
	rates := o.rates(o.Recent)
	slices.Sort(rates)
	at := len(rates) - target
	if !conservative {
		at -= len(rates) / 2
	}
	if at < 0 {
		return o.Floor
	}
	return rates[at]
}
