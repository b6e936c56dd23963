package mempool

import (
	"math"
	"time"
)

// floor is the feerate below which a pool takes nothing because it had to evict
// something that paid that much. It halves over time once a block has come
// (Core's rollingMinimumFeeRate).
type floor struct {
	sats    float64   // per 1,000 vbytes
	updated time.Time // when it last decayed
	block   bool      // one has come since the floor was raised
}

// raise sets the floor above a feerate at which transactions were evicted.
func (f *floor) raise(rate float64) {
	if rate > f.sats {
		f.sats, f.block = rate, false
	}
}

// connected notes that a block has come at a time: decay begins.
func (f *floor) connected(now time.Time) {
	f.block, f.updated = true, now
}

// rate returns the floor in satoshis per 1,000 vbytes (Core's GetMinFee).
func (f *floor) rate(now time.Time, memory int64, p *Policy) int64 {
	if f.block && f.sats > 0 {
		f.decay(now, memory, p)
		if f.sats < float64(p.IncrementalRelayFee)/2 {
			f.sats = 0
			return 0
		}
	}
	if f.sats == 0 {
		return 0
	}
	return max(int64(math.Round(f.sats)), p.IncrementalRelayFee)
}

// decay halves the floor every 12 hours, faster while the pool is rather empty.
func (f *floor) decay(now time.Time, memory int64, p *Policy) {
	passed := now.Sub(f.updated)
	if passed <= 10*time.Second {
		return
	}
	halfLife := rollingHalfLife
	switch {
	case memory < p.MaxMemory/4:
		halfLife /= 4
	case memory < p.MaxMemory/2:
		halfLife /= 2
	}
	f.sats /= math.Pow(2, passed.Seconds()/halfLife.Seconds())
	f.updated = now
}
