package template

import (
	"container/heap"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
)

// forecastRoom is how much room a transaction of usual size needs in a full block,
// in vbytes (policy): some seventy inputs.
const forecastRoom = 5_000

// Forecast fills up to n blocks from the candidates, one after the other, as Build
// would if nothing else came in, and tells how full each is. It ends with the
// first that has room for one more transaction of usual size. The coinbase script and the time in
// the input have no meaning.
func Forecast(in Input, n int) []mempool.Fill {
	s := newSelection(in.Candidates, in.Parent.Height+1, in.Parent.MedianTimePast(), in.MinFeeRate)
	var fills []mempool.Fill
	for len(fills) < n {
		f := s.forecast()
		fills = append(fills, f)
		if !f.Full {
			break
		}
	}
	return fills
}

// FillOf tells how full a block was, of the entries of its transactions but the
// coinbase, parents before children.
func FillOf(entries []*mempool.Entry, weight int64) mempool.Fill {
	if weight < consensus.MaxBlockWeight-forecastRoom*consensus.WitnessScale {
		return mempool.Fill{}
	}
	s := newSelection(entries, 0, 0, 0)
	s.weight, s.sigOps, s.any = unlimited, unlimited, true
	f := s.forecast()
	f.Full = true
	return f
}

// taken is what one package adds to a block.
type taken struct{ rate, vsize int64 }

// forecast fills one block. What does not fit stays for the next.
func (s *selection) forecast() mempool.Fill {
	if s.weight >= 0 {
		s.weight, s.sigOps = reservedWeight, reservedSigOpsCost
	}
	var packages []taken
	var aside []int
	for failed := 0; s.queue.Len() > 0; {
		i := heap.Pop(&s.queue).(int)
		it := &s.items[i]
		if !s.any && it.fees < (s.minRate*it.vsize+999)/1000 {
			s.queue.list = s.queue.list[:0] // everything behind it pays less
			break
		}
		if !s.fits(it) {
			aside = append(aside, i)
			if failed++; failed > fullAfter && s.weight > consensus.MaxBlockWeight-reservedWeight {
				break
			}
			continue
		}
		group := s.packageOf(i)
		if !s.any && !s.possible(group) {
			continue
		}
		failed = 0
		packages = append(packages, taken{(it.fees*1000 + it.vsize - 1) / it.vsize, it.vsize})
		for _, j := range group {
			s.take(j)
		}
	}
	if len(packages) == 0 {
		return mempool.Fill{} // what does not fit into an empty block never will
	}
	for _, i := range aside {
		heap.Push(&s.queue, i)
	}
	f := mempool.Fill{Full: s.weight > consensus.MaxBlockWeight-forecastRoom*consensus.WitnessScale ||
		s.sigOps > consensus.MaxBlockSigOpsCost-reservedSigOpsCost}
	// A transaction that pays more than all of the last ones of forecastRoom
	// together goes before them, and has their room.
	room := int64(0)
	for k := len(packages) - 1; k >= 0 && room < forecastRoom; k-- {
		room += packages[k].vsize
		f.Rate = max(f.Rate, packages[k].rate+1)
	}
	return f
}
