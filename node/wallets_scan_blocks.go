package node

import (
	"context"
	"errors"
	"sync"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/index"
)

const (
	// scanChunk is how many blocks are matched between two looks at the chain,
	// scanPiece how many of them one core takes at a time, and scanBytes bounds the
	// filters of them in memory (policy).
	scanChunk = 2048
	scanPiece = 32
	scanBytes = 32 << 20
	// scanRun is how many blocks in a row are read at once (policy).
	scanRun = 16
	// Reading a block takes as long as asking its filter for scanReadScripts
	// scripts, and for scanReadTx more for each transaction. Who looks for more
	// reads the block (measured, rounded).
	scanReadScripts = 2_000
	scanReadTx      = 200
)

// indexing is the filter index on its way to the tip of when it began.
type indexing struct {
	running sync.WaitGroup
	ended   chan struct{}
	err     error // set before ended closes
}

// startIndexing lets the filter index catch up, beside its own loop, which may
// not run yet.
func (h *Host) startIndexing(ctx context.Context) *indexing {
	i := &indexing{ended: make(chan struct{})}
	i.running.Go(func() {
		defer close(i.ended)
		i.err = h.filters.CatchUp(ctx)
	})
	return i
}

func (i *indexing) wait() { i.running.Wait() }

// indexed waits until the filter index has come to a height.
func (s *coinScan) indexed(ctx context.Context, height int32) error {
	for {
		moved := s.host.filters.Moved()
		at, err := s.host.filters.Height()
		if err != nil || at >= height {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.indexing.ended:
			if s.indexing.err != nil {
				return s.indexing.err
			}
			return s.host.filters.CatchUp(ctx) // new blocks have come since
		}
	}
}

// match returns those of some blocks in a row that may have one of a layer's
// scripts, and how many of the blocks it has asked: fewer than all when their
// filters are large.
func (s *coinScan) match(ctx context.Context, blocks []*chain.Entry, l *layer) (candidates []*chain.Entry, n int, err error) {
	if err := s.indexed(ctx, blocks[0].Height); err != nil {
		return nil, 0, err
	}
	filters, err := s.filtersOf(ctx, blocks)
	if err != nil {
		return nil, 0, err
	}
	n = len(filters)
	may, q, scripts := make([]bool, n), l.asQuery(), len(l.scripts)
	_, err = s.host.exec.Run((n+scanPiece-1)/scanPiece, func(piece int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := piece * scanPiece; i < min(n, (piece+1)*scanPiece); i++ {
			may[i] = filters[i] == nil || scripts > scanReadScripts+scanReadTx*blocks[i].TxCount()
			if may[i] {
				continue
			}
			ok, err := q.Matches(filters[i], blocks[i].Hash)
			may[i] = ok || err != nil // a damaged one does not count
		}
		return nil
	})
	for i := range may {
		if may[i] {
			candidates = append(candidates, blocks[i])
		}
	}
	return candidates, n, err
}

// errEnough ends a look into the index.
var errEnough = errors.New("enough")

// filtersOf reads the filters of blocks in a row, as many as there are and fit. One
// that cannot be read is nil.
func (s *coinScan) filtersOf(ctx context.Context, blocks []*chain.Entry) (filters [][]byte, err error) {
	size := 0
	moved := false
	err = s.host.filters.Scan(blocks[0].Height, blocks[len(blocks)-1].Height, func(f index.Filter) error {
		want := blocks[len(filters)]
		moved = f.Height == want.Height && !f.Of(want.Hash)
		if moved || f.Height != want.Height || size > scanBytes {
			return errEnough
		}
		size += len(f.Bytes)
		filters = append(filters, append([]byte{}, f.Bytes...))
		return nil
	})
	switch {
	case len(filters) > 0:
		return filters, nil
	case moved && !s.host.chain.InBest(blocks[0]):
		return nil, errChainMoved
	case moved: // the index may have yet to leave a branch
		if err := s.host.filters.CatchUp(ctx); err != nil {
			return nil, err
		}
		if f, ok, err := s.host.filters.At(blocks[0].Height); err == nil && ok && f.Of(blocks[0].Hash) {
			return [][]byte{f.Bytes}, nil
		}
		return [][]byte{nil}, nil
	case err == nil || errors.Is(err, errEnough) || errors.Is(err, index.ErrDamaged):
		return [][]byte{nil}, nil
	}
	return nil, err
}

// examine reads blocks and notes which scripts they use.
func (s *coinScan) examine(ctx context.Context, blocks []*chain.Entry) error {
	runs := inRuns(blocks)
	var mu sync.Mutex // guards what the runs note
	_, err := s.host.exec.Run(len(runs), func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.walk(runs[i], func(steps []chain.Step) error {
			var hits []scanHit
			var heights []int32
			for k := range steps {
				before := len(hits)
				if hits = s.hits(hits, &steps[k]); len(hits) > before {
					heights = append(heights, steps[k].Entry.Height)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, height := range heights {
				s.found[height] = true
			}
			for _, hit := range hits {
				if c := s.chains[hit.chain]; !c.seen[hit.index] {
					c.seen[hit.index], c.fresh = true, true
				}
			}
			return nil
		})
	})
	return err
}

// hits appends the places of the scripts that a block pays to or spends from.
func (s *coinScan) hits(hits []scanHit, step *chain.Step) []scanHit {
	for _, tx := range step.Block.Transactions {
		for _, out := range tx.TxOut {
			hits = append(hits, s.owners[string(out.PkScript)]...)
		}
	}
	undo := step.Undo
	if undo == nil {
		undo = new(consensus.Undo)
	}
	for _, coins := range undo.Txs {
		for i := range coins {
			hits = append(hits, s.owners[string(coins[i].Script)]...)
		}
	}
	return hits
}

// walk reads blocks in a row and calls fn for each part of them.
func (s *coinScan) walk(blocks []*chain.Entry, fn func([]chain.Step) error) error {
	for len(blocks) > 0 {
		steps, err := s.host.chain.Steps(blocks[0].Parent().Hash, len(blocks))
		if err != nil {
			return err
		}
		if len(steps) == 0 {
			return errChainMoved
		}
		for i := range steps {
			if !steps[i].Connect || steps[i].Entry != blocks[i] {
				return errChainMoved
			}
		}
		s.read.Add(int64(len(steps)))
		if err := fn(steps); err != nil {
			return err
		}
		blocks = blocks[len(steps):]
	}
	return nil
}

// inRuns divides blocks, by ascending height, into such that follow each other.
func inRuns(blocks []*chain.Entry) (runs [][]*chain.Entry) {
	for len(blocks) > 0 {
		n := 1
		for n < min(len(blocks), scanRun) && blocks[n].Height == blocks[n-1].Height+1 {
			n++
		}
		runs = append(runs, blocks[:n])
		blocks = blocks[n:]
	}
	return runs
}
