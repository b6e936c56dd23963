// Package miner is the worker that turns block templates into blocks: it asks
// a Source for work, searches nonces on some threads, hands what it found back,
// and keeps to a timetable.
//
// It knows neither the chain nor the mempool: a Source stands for them, either
// in the same process or, as RPCSource, at the other end of a JSON-RPC
// connection. It does not choose transactions (package template does) and does
// not know what a block must look like beyond its coinbase's extra nonce.
//
// A Worker owns its timetable; Run is its only goroutine besides those that it
// starts and ends itself. It reads the clock through package time, whose
// monotonic readings keep the timetable straight when the wall clock jumps;
// block times come from the Source.
package miner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Work is a block that lacks nothing but its proof of work.
type Work struct {
	Block      *wire.MsgBlock // its coinbase ends in template.ExtraNonceSize bytes that may be rolled
	Height     int32
	Reward     int64  // what the coinbase pays, in satoshis, fees included
	LongPollID string // names the state that the work was made from
}

// transactions is the number of payments in the block, the coinbase aside.
func (w Work) transactions() int { return len(w.Block.Transactions) - 1 }

// Source is where work comes from and blocks go to.
type Source interface {
	// Template returns work. With the LongPollID of earlier work it waits until
	// the tip or the mempool has moved, or until it has waited long enough.
	Template(ctx context.Context, longPollID string) (Work, error)
	// Submit hands in a block. It returns a *RefusedError when the block was
	// judged and did not become the tip; any other error says that nobody
	// knows, and the same block is handed in again.
	Submit(ctx context.Context, b *wire.MsgBlock) error
}

// RefusedError says that a block was looked at and did not become the tip.
type RefusedError struct {
	Reason string // as submitblock says it, e.g. "inconclusive" for a stale one
}

func (e *RefusedError) Error() string { return "block refused: " + e.Reason }

// Policy says when a Worker mines.
type Policy string

// The policies, as settings and flags spell them.
const (
	OnTick Policy = "on-tick" // at a tick, if a transaction waits
	Always Policy = "always"  // at each tick
	OnTx   Policy = "on-tx"   // as soon as a transaction waits; no ticks
	Never  Policy = "never"
)

// Policies returns all policies as settings spell them.
func Policies() []string {
	return []string{string(OnTick), string(Always), string(OnTx), string(Never)}
}

// ParsePolicy reads a policy as settings spell it.
func ParsePolicy(s string) (Policy, error) {
	if !slices.Contains(Policies(), s) {
		return "", fmt.Errorf("mining mode %q is none of %s", s, strings.Join(Policies(), ", "))
	}
	return Policy(s), nil
}

// Found is a block that the source has accepted.
type Found struct {
	Hash         chainhash.Hash
	Height       int32
	Reward       int64 // satoshis, fees included
	Transactions int   // the coinbase aside
}

// Config is what a Worker is made with. Only Source is needed.
type Config struct {
	Source   Source
	Policy   Policy        // "" is Always
	Interval time.Duration // between ticks; 0 or less leaves no pause between blocks
	First    bool          // mine a block at once, whatever the policy, and tick from then on
	Threads  int           // that search at once; less than 1 is 1
	Blocks   int           // Run ends after so many; 0 is no limit
	Tries    int64         // Run ends after so many hashes; 0 is no limit
	Rand     *rand.Rand    // jitter of retries; nil has none

	// What happened, for people. All are optional, are called one at a time and
	// hold the worker up while they run.
	OnBlock   func(Found)
	OnRefused func(height int32, reason string)
	OnAway    func(error) // the source stopped answering; retries go on
	OnBack    func()      // it answers again
}

// Worker mines blocks on its source's templates.
type Worker struct {
	config Config
	next   atomic.Pointer[time.Time]
	away   bool // the source did not answer last; only Run's callers of ask touch it

	nonces uint64       // of one extra nonce: 1<<32, fewer in tests
	tries  atomic.Int64 // hashes left, if they are limited
}

// New makes a worker. It starts nothing.
func New(c Config) *Worker {
	if c.Policy == "" {
		c.Policy = Always
	}
	c.Threads = max(c.Threads, 1)
	w := &Worker{config: c, nonces: 1 << 32}
	w.tries.Store(c.Tries)
	return w
}

// TriesLeft returns what Run has left of Config.Tries.
func (w *Worker) TriesLeft() int64 { return max(w.tries.Load(), 0) }

// exhausted says whether no hash may be tried any more.
func (w *Worker) exhausted() bool { return w.config.Tries > 0 && w.tries.Load() <= 0 }

// NextTick returns when the next block is due; false while none is.
func (w *Worker) NextTick() (time.Time, bool) {
	if t := w.next.Load(); t != nil {
		return *t, true
	}
	return time.Time{}, false
}

// Run mines until ctx ends, or the wanted number of blocks is found, or Tries have
// been used up, and returns nil. A source that fails is asked again for as long as that takes.
func (w *Worker) Run(ctx context.Context) error {
	defer w.next.Store(nil)
	mined := 0
	more := func(found bool) bool {
		if found {
			mined++
		}
		return ctx.Err() == nil && (w.config.Blocks == 0 || mined < w.config.Blocks) && !w.exhausted()
	}
	start := time.Now()
	if w.config.Policy == Never {
		<-ctx.Done()
		return nil
	}
	if w.config.First && !more(w.mine(ctx, false)) {
		return nil
	}
	if w.config.Policy == OnTx {
		for more(w.mineOnTransaction(ctx)) {
		}
		return nil
	}
	for due := start; ; {
		due = nextTick(due, time.Now(), w.config.Interval)
		w.next.Store(&due)
		if !sleep(ctx, time.Until(due)) || !more(w.mine(ctx, w.config.Policy == OnTick)) {
			return nil
		}
	}
}

// nextTick returns the tick that follows last. When that and perhaps more have
// passed already, it returns the latest of them: they cost one block together,
// and after it the timetable goes on as it was.
func nextTick(last, now time.Time, interval time.Duration) time.Time {
	if interval <= 0 {
		return now
	}
	next := last.Add(interval)
	if late := now.Sub(next); late > 0 {
		next = next.Add(late / interval * interval)
	}
	return next
}

// mineOnTransaction waits until there is something to confirm and mines it.
func (w *Worker) mineOnTransaction(ctx context.Context) bool {
	work, ok := w.template(ctx, "")
	for ok && work.transactions() == 0 {
		work, ok = w.template(ctx, work.LongPollID)
	}
	return ok && w.mineWork(ctx, work, true)
}

// mine mines one block. It gives up, returning false, when ctx ends, and with
// needTx as soon as no transaction waits.
func (w *Worker) mine(ctx context.Context, needTx bool) bool {
	work, ok := w.template(ctx, "")
	return ok && w.mineWork(ctx, work, needTx)
}

func (w *Worker) mineWork(ctx context.Context, work Work, needTx bool) bool {
	for refused := 0; ; {
		if w.exhausted() {
			return false
		}
		if needTx && work.transactions() == 0 {
			return false
		}
		block, fresh, ok := w.search(ctx, work)
		switch {
		case !ok:
			return false
		case block == nil:
			work = fresh
			continue
		}
		err := w.submit(ctx, block)
		if err == nil {
			if w.config.OnBlock != nil {
				w.config.OnBlock(Found{block.BlockHash(), work.Height, work.Reward, work.transactions()})
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		var refusal *RefusedError
		if errors.As(err, &refusal) && w.config.OnRefused != nil {
			w.config.OnRefused(work.Height, refusal.Reason)
		}
		// A stale block is worked on anew at once; what is refused again and
		// again must not keep a processor busy.
		if refused > 0 && !sleep(ctx, w.backoff(refused)) {
			return false
		}
		refused++
		if work, ok = w.template(ctx, ""); !ok {
			return false
		}
	}
}

// template asks the source for work until it answers; false when ctx ended.
func (w *Worker) template(ctx context.Context, longPollID string) (Work, bool) {
	var work Work
	err := w.ask(ctx, func() (err error) {
		work, err = w.config.Source.Template(ctx, longPollID)
		return err
	})
	return work, err == nil
}

// submit hands a block in until the source has judged it.
func (w *Worker) submit(ctx context.Context, b *wire.MsgBlock) error {
	return w.ask(ctx, func() error { return w.config.Source.Submit(ctx, b) })
}

// ask repeats call until it succeeds, the source refuses a block or ctx ends,
// waiting longer each time.
func (w *Worker) ask(ctx context.Context, call func() error) error {
	for failed := 1; ; failed++ {
		err := call()
		var refusal *RefusedError
		if err == nil || errors.As(err, &refusal) {
			if w.away && w.config.OnBack != nil {
				w.config.OnBack()
			}
			w.away = false
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !w.away && w.config.OnAway != nil {
			w.config.OnAway(err)
		}
		w.away = true
		if !sleep(ctx, w.backoff(failed)) {
			return ctx.Err()
		}
	}
}

// Waits between retries (policy): doubled each time up to the longest, and then
// spread over the upper half so that many miners do not come back at once.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 15 * time.Second
)

func (w *Worker) backoff(failed int) time.Duration {
	d := lastRetry
	if failed < 8 {
		d = min(firstRetry<<(failed-1), lastRetry)
	}
	if w.config.Rand != nil {
		d = d/2 + time.Duration(w.config.Rand.Int64N(int64(d/2)+1))
	}
	return d
}

// sleep waits for d; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
