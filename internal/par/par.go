// Package par runs independent checks on all cores.
//
// It decides nothing: which failure counts is fixed by the order of the
// checks, not by the order in which they happen to end.
package par

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// claim is how many checks a goroutine takes at a time. Checks of signatures
// take a fifth of a millisecond each, so larger claims gain nothing.
const claim = 4

// Pool runs checks. It holds no goroutines between runs and may be used by
// several callers at once.
type Pool struct{ workers int }

// New returns a pool of as many workers as Go uses cores.
func New() *Pool { return NewSize(runtime.GOMAXPROCS(0)) }

// NewSize returns a pool of a given number of workers, at least one.
func NewSize(workers int) *Pool { return &Pool{workers: max(workers, 1)} }

// Run calls check for 0 to n-1 on all workers, and returns once all calls have
// ended. It returns the lowest index whose check failed, and that failure; all
// checks below it have been made, those above it need not have been. Without a
// failure it returns n and nil.
func (p *Pool) Run(n int, check func(i int) error) (int, error) {
	run := run{n: int64(n), check: check, failed: n}
	run.bound.Store(int64(n))
	helpers := min(p.workers, (n+claim-1)/claim) - 1
	var wg sync.WaitGroup
	for range helpers {
		wg.Go(run.work)
	}
	run.work()
	wg.Wait()
	return run.failed, run.err
}

// run is one call of Run.
type run struct {
	n     int64
	check func(i int) error
	next  atomic.Int64 // first index that nobody has claimed
	bound atomic.Int64 // no check from here on is of interest

	mu     sync.Mutex // guards failed and err
	failed int
	err    error
}

func (r *run) work() {
	for {
		start := r.next.Add(claim) - claim
		if start >= r.bound.Load() {
			return
		}
		for i := start; i < min(start+claim, r.n); i++ {
			if i >= r.bound.Load() {
				return
			}
			if err := r.check(int(i)); err != nil {
				r.fail(int(i), err)
				return
			}
		}
	}
}

// fail notes a failure if it is the lowest so far.
func (r *run) fail(i int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i < r.failed {
		r.failed, r.err = i, err
		r.bound.Store(int64(i))
	}
}
