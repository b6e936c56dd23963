package miner

import (
	"context"
	"math/big"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/pow"
	"github.com/lode-chain/lode/template"
)

const (
	// quickNonces are tried before threads and a watch on the source are
	// started: on easy networks that is all a block needs.
	quickNonces = 1 << 14
	// chunkNonces are searched between two looks at whether to go on.
	chunkNonces = 1 << 16
	// refresh is the longest time that one template is worked on; newer ones
	// have a newer time.
	refresh = 30 * time.Second
)

// search looks for a nonce. It returns the solved block, or newer work that
// replaced the given one, or false when ctx ended.
func (w *Worker) search(ctx context.Context, work Work) (*wire.MsgBlock, Work, bool) {
	if ctx.Err() != nil {
		return nil, Work{}, false
	}
	target, negative, overflow := pow.TargetFromBits(work.Block.Header.Bits)
	if negative || overflow {
		target = new(big.Int) // nothing meets it; newer work may
	}
	quick := min(quickNonces, w.nonces)
	if nonce, ok := w.searchHeader(&work.Block.Header, 0, uint32(quick), target); ok {
		work.Block.Header.Nonce = nonce
		return work.Block, Work{}, true
	}

	searching, stop := context.WithCancel(ctx)
	defer stop()
	var fresh Work
	var newer bool
	var watch sync.WaitGroup
	watch.Go(func() {
		fresh, newer = w.watch(searching, work.LongPollID)
		stop()
	})
	solved := w.grind(searching, work.Block, target)
	stop()
	watch.Wait()
	switch {
	case solved:
		return work.Block, Work{}, true
	case newer:
		return nil, fresh, true
	}
	return nil, Work{}, false
}

// watch waits for newer work.
func (w *Worker) watch(ctx context.Context, longPollID string) (Work, bool) {
	waiting, cancel := context.WithTimeout(ctx, refresh)
	defer cancel()
	if work, ok := w.template(waiting, longPollID); ok {
		return work, true
	}
	return w.template(ctx, "")
}

// grind searches all nonces of one extra nonce after another, until it finds a
// solution, which it writes into the block, or ctx ends.
func (w *Worker) grind(ctx context.Context, b *wire.MsgBlock, target *big.Int) bool {
	extra := template.ExtraNonce(b)
	for ctx.Err() == nil && !w.exhausted() {
		if w.grindNonces(ctx, &b.Header, target) {
			return true
		}
		if ctx.Err() == nil {
			extra++
			template.SetExtraNonce(b, extra)
		}
	}
	return false
}

// grindNonces searches the nonces of a header on all threads: each takes the
// next chunk until one has found a solution or none is left.
func (w *Worker) grindNonces(ctx context.Context, h *wire.BlockHeader, target *big.Int) bool {
	var next, solution atomic.Uint64
	const none = 1 << 32
	solution.Store(none)
	header := *h
	var threads sync.WaitGroup
	for range w.config.Threads {
		threads.Go(func() {
			for ctx.Err() == nil && solution.Load() == none && !w.exhausted() {
				from := next.Add(chunkNonces) - chunkNonces
				if from >= w.nonces {
					return
				}
				count := min(chunkNonces, w.nonces-from)
				if nonce, ok := w.searchHeader(&header, uint32(from), uint32(count), target); ok {
					solution.CompareAndSwap(none, uint64(nonce))
				}
			}
		})
	}
	threads.Wait()
	if solution.Load() == none {
		return false
	}
	h.Nonce = uint32(solution.Load())
	return true
}

// searchHeader searches n nonces of a header, beginning with from, or as many as
// there are tries left.
func (w *Worker) searchHeader(h *wire.BlockHeader, from, n uint32, target *big.Int) (uint32, bool) {
	if w.config.Tries > 0 {
		left := w.tries.Add(-int64(n)) + int64(n) // before this search
		granted := uint32(min(int64(n), max(left, 0)))
		w.tries.Add(int64(n - granted))
		n = granted
	}
	raw := pow.EncodeHeader(h)
	nonce, found := pow.Search(&raw, from, n, target)
	if found && w.config.Tries > 0 {
		w.tries.Add(int64(n) - int64(nonce-from) - 1) // give back what was not used
	}
	return nonce, found
}
