package mempool

import (
	"math/rand/v2"
	"testing"
)

// TestEstimateProperties draws outlooks: an estimate is never below the floor,
// never grows with the target, is no less when it is conservative, and is one of
// the rates that it was made of.
func TestEstimateProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	fills := func(n int) (list []Fill) {
		for range n {
			list = append(list, Fill{r.IntN(2) == 0, r.Int64N(50_000)})
		}
		return list
	}
	for range 300 {
		o := Outlook{Floor: 1_000 + r.Int64N(3_000), Next: fills(r.IntN(8)), Recent: fills(r.IntN(7))}
		known := map[int64]bool{o.Floor: true}
		for _, f := range append(append([]Fill(nil), o.Next...), o.Recent...) {
			known[f.Rate] = true
		}
		for _, conservative := range []bool{false, true} {
			last := Estimate{Rate: 1 << 60}
			for target := -1; target <= MaxTarget+1; target++ {
				e := o.Estimate(target, conservative)
				if e.Rate < o.Floor || e.Rate > last.Rate || !known[e.Rate] || (e.Basis == OnFloor) != (e.Rate == o.Floor) {
					t.Fatalf("%+v: target %d (%t): %+v after %+v", o, target, conservative, e, last)
				}
				if careful := o.Estimate(target, true); careful.Rate < e.Rate {
					t.Fatalf("%+v: target %d: %+v, conservative %+v", o, target, e, careful)
				}
				last = e
			}
			if last.Basis != OnFloor {
				t.Fatalf("%+v: the longest target takes %+v", o, last)
			}
		}
	}
}

// TestEstimateBasis goes through what an estimate can rest on.
func TestEstimateBasis(t *testing.T) {
	full := func(rates ...int64) (list []Fill) {
		for _, rate := range rates {
			list = append(list, Fill{rate > 0, rate})
		}
		return list
	}
	for name, c := range map[string]struct {
		o            Outlook
		target       int
		conservative bool
		want         Estimate
	}{
		"nothing is known":              {Outlook{Floor: 1000}, 1, false, Estimate{Rate: 1000}},
		"empty blocks":                  {Outlook{Floor: 1000, Recent: full(0, 0, 0, 0), Next: full(0)}, 1, true, Estimate{Rate: 1000}},
		"three blocks wait, the first":  {Outlook{Floor: 1000, Next: full(9000, 5000, 0)}, 1, false, Estimate{9000, OnMempool, 2}},
		"three blocks wait, the second": {Outlook{Floor: 1000, Next: full(9000, 5000, 0)}, 2, false, Estimate{5000, OnMempool, 2}},
		"three blocks wait, the third":  {Outlook{Floor: 1000, Next: full(9000, 5000, 0)}, 3, false, Estimate{Rate: 1000}},
		"a fuller floor":                {Outlook{Floor: 7000, Next: full(5000, 0)}, 1, false, Estimate{Rate: 7000}},
		"one full block of six":         {Outlook{Floor: 1000, Recent: full(8000, 0, 0, 0, 0, 0)}, 1, false, Estimate{Rate: 1000}},
		"the same, conservative":        {Outlook{Floor: 1000, Recent: full(8000, 0, 0, 0, 0, 0)}, 1, true, Estimate{8000, OnBlocks, 1}},
		"the same, with patience":       {Outlook{Floor: 1000, Recent: full(8000, 0, 0, 0, 0, 0)}, 2, true, Estimate{Rate: 1000}},
		"four full blocks of six":       {Outlook{Floor: 1000, Recent: full(8000, 7000, 6000, 5000, 0, 0)}, 1, false, Estimate{5000, OnBlocks, 4}},
	} {
		if got := c.o.Estimate(c.target, c.conservative); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
