package miner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/template"
)

const (
	easyBits       = 0x207fffff
	impossibleBits = 0x01000001 // target 0: nothing meets it
)

var errAway = errors.New("connection refused")

// fakeSource is a chain of one number: how many blocks have been handed in.
type fakeSource struct {
	mu        sync.Mutex
	height    int32
	waiting   int // transactions
	moves     int // of the tip or the mempool
	moved     chan struct{}
	bits      uint32
	away      bool
	templates int
	submitted []*wire.MsgBlock

	onTemplate func(longPollID string) // called before each answer
	onSubmit   func(attempt int) error // the answer to attempt, from 1
}

func newFake() *fakeSource { return &fakeSource{bits: easyBits, moved: make(chan struct{})} }

func (s *fakeSource) id() string { return fmt.Sprint(s.height, "/", s.moves) }

func (s *fakeSource) move(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.moves++
	close(s.moved)
	s.moved = make(chan struct{})
}

func (s *fakeSource) Template(ctx context.Context, longPollID string) (Work, error) {
	if s.onTemplate != nil {
		s.onTemplate(longPollID)
	}
	s.mu.Lock()
	s.templates++
	for !s.away && longPollID != "" && longPollID == s.id() {
		moved := s.moved
		s.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return Work{}, ctx.Err()
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.away {
		return Work{}, errAway
	}
	b := &wire.MsgBlock{Transactions: []*wire.MsgTx{template.Coinbase(s.height+1, 50, []byte{0x51}, nil, uint64(s.height))}}
	for i := range s.waiting {
		b.Transactions = append(b.Transactions, &wire.MsgTx{LockTime: uint32(i)})
	}
	b.Header = wire.BlockHeader{Bits: s.bits, Timestamp: time.Now()}
	template.SetMerkleRoot(b)
	return Work{Block: b, Height: s.height + 1, Reward: 50, LongPollID: s.id()}, nil
}

func (s *fakeSource) Submit(ctx context.Context, b *wire.MsgBlock) error {
	s.mu.Lock()
	s.submitted = append(s.submitted, b)
	attempt := len(s.submitted)
	s.mu.Unlock()
	if s.onSubmit != nil {
		if err := s.onSubmit(attempt); err != nil {
			return err
		}
	}
	s.move(func() { s.height++; s.waiting = 0 })
	return nil
}

// mined runs a worker for a time and returns when it found blocks, in seconds.
func mined(t *testing.T, c Config, runFor time.Duration, meanwhile func()) []float64 {
	t.Helper()
	start := time.Now()
	var at []float64
	c.OnBlock = func(Found) { at = append(at, time.Since(start).Seconds()) }
	ctx, cancel := context.WithTimeout(t.Context(), runFor)
	defer cancel()
	if meanwhile != nil {
		go meanwhile()
	}
	if err := New(c).Run(ctx); err != nil {
		t.Fatal(err)
	}
	return at
}

func wantTimes(t *testing.T, got []float64, want ...float64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("blocks at seconds %v, want %v", got, want)
	}
}

func TestTimetable(t *testing.T) {
	afterSeconds := func(s *fakeSource, n int) func() {
		return func() {
			time.Sleep(time.Duration(n) * time.Second) // in the bubble's time
			s.move(func() { s.waiting++ })
		}
	}
	tests := []struct {
		name   string
		policy Policy
		first  bool
		slow   time.Duration // what the first Submit takes
		txAt   int           // second at which a transaction comes
		want   []float64
	}{
		{"always from the first tick", Always, false, 0, 0, []float64{30, 60, 90, 120}},
		{"first at once", Always, true, 0, 0, []float64{0, 30, 60, 90, 120}},
		{"no drift after slow blocks", Always, true, 7 * time.Second, 0, []float64{7, 30, 60, 90, 120}},
		{"missed ticks cost one block", Always, true, 100 * time.Second, 0, []float64{100, 100, 120}},
		{"on a tick with a transaction only", OnTick, false, 0, 45, []float64{60}},
		{"first without a transaction", OnTick, true, 0, 45, []float64{0, 60}},
		{"as soon as there is one", OnTx, false, 0, 45, []float64{45}},
		{"never", Never, false, 0, 45, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFake()
				s.onSubmit = func(attempt int) error {
					if attempt == 1 {
						time.Sleep(tt.slow)
					}
					return nil
				}
				c := Config{Source: s, Policy: tt.policy, Interval: 30 * time.Second, First: tt.first}
				var meanwhile func()
				if tt.txAt > 0 {
					meanwhile = afterSeconds(s, tt.txAt)
				}
				wantTimes(t, mined(t, c, 125*time.Second, meanwhile), tt.want...)
			})
		})
	}
}

func TestNextTickIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Config{Source: newFake(), Interval: 30 * time.Second})
		if _, ok := w.NextTick(); ok {
			t.Error("a tick is due before Run")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		start := time.Now()
		go func() { done <- w.Run(ctx) }()
		time.Sleep(31 * time.Second)
		if at, ok := w.NextTick(); !ok || at.Sub(start) != time.Minute {
			t.Errorf("next tick %v after start (%v), want 1m", at.Sub(start), ok)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, ok := w.NextTick(); ok {
			t.Error("a tick is due after Run")
		}
	})
}

func TestNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wantTimes(t, mined(t, Config{Source: newFake(), Blocks: 5}, time.Minute, nil), 0, 0, 0, 0, 0)
	})
}

func TestBlocksLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got := mined(t, Config{Source: newFake(), Interval: 10 * time.Second, First: true, Blocks: 3}, time.Hour, nil)
		wantTimes(t, got, 0, 10, 20)
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("Run ended after %s, want 20s", took)
		}
	})
}

func TestSourceAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake()
		s.away = true
		var away, back []float64
		start := time.Now()
		c := Config{
			Source: s, Interval: 10 * time.Second, First: true,
			OnAway: func(err error) {
				if !errors.Is(err, errAway) {
					t.Errorf("OnAway(%v)", err)
				}
				away = append(away, time.Since(start).Seconds())
			},
			OnBack: func() { back = append(back, time.Since(start).Seconds()) },
		}
		got := mined(t, c, 45*time.Second, func() {
			time.Sleep(20 * time.Second)
			s.move(func() { s.away = false })
		})
		// Asked after 0.25, 0.5, 1, 2, 4, 8 and 15 s more.
		wantTimes(t, away, 0)
		wantTimes(t, back, 30.75)
		wantTimes(t, got, 30.75, 30.75, 40)
	})
}

func TestBackoffIsSpread(t *testing.T) {
	w := New(Config{Rand: rand.New(rand.NewPCG(1, 2))})
	seen := map[time.Duration]bool{}
	for failed := range 40 {
		d := w.backoff(failed + 1)
		whole := New(Config{}).backoff(failed + 1)
		if d < whole/2 || d > whole || whole > lastRetry {
			t.Errorf("retry %d after %s, without jitter %s", failed+1, d, whole)
		}
		seen[d] = true
	}
	if len(seen) < 30 {
		t.Errorf("only %d different waits", len(seen))
	}
}

func TestLostAnswerResubmitsSameBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake()
		s.onSubmit = func(attempt int) error {
			if attempt <= 2 {
				return errAway
			}
			return nil
		}
		wantTimes(t, mined(t, Config{Source: s, First: true, Blocks: 1}, time.Minute, nil), 0.75)
		if len(s.submitted) != 3 || s.submitted[0].BlockHash() != s.submitted[2].BlockHash() {
			t.Errorf("%d submissions, not three of the same block", len(s.submitted))
		}
	})
}

func TestRefusedBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake()
		s.onSubmit = func(attempt int) error {
			if attempt <= 1 {
				return &RefusedError{"inconclusive"}
			}
			return nil
		}
		var reasons []string
		c := Config{Source: s, First: true, Blocks: 1, OnRefused: func(_ int32, r string) { reasons = append(reasons, r) }}
		wantTimes(t, mined(t, c, time.Minute, nil), 0)
		if !slices.Equal(reasons, []string{"inconclusive"}) || s.templates != 2 {
			t.Errorf("refused %v, %d templates; want one and a new template", reasons, s.templates)
		}

		s.onSubmit = func(int) error { return &RefusedError{"time-too-new"} }
		reasons = nil
		mined(t, c, time.Minute, nil)
		if len(reasons) < 5 || len(reasons) > 15 {
			t.Errorf("%d attempts in a minute at blocks that are always refused", len(reasons))
		}
	})
}

func TestExtraNonceRolls(t *testing.T) {
	s := newFake()
	s.bits = 0x1f7fffff // one hash in 512
	w := New(Config{Source: s, First: true, Blocks: 8, Threads: 2})
	w.nonces = 64
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rolled := 0
	for i, b := range s.submitted {
		if template.ExtraNonce(b) != uint64(i) {
			rolled++
		}
		root := b.Header.MerkleRoot
		if template.SetMerkleRoot(b); b.Header.MerkleRoot != root {
			t.Errorf("block %d: merkle root does not follow the extra nonce", i)
		}
	}
	if len(s.submitted) != 8 || rolled == 0 {
		t.Errorf("%d blocks, %d with a rolled extra nonce", len(s.submitted), rolled)
	}
}

func TestNewWorkReplacesOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake()
		s.bits = impossibleBits
		s.onTemplate = func(longPollID string) {
			if longPollID != "" { // the search has begun
				s.move(func() { s.height, s.bits = 7, easyBits })
			}
		}
		var found Found
		w := New(Config{Source: s, First: true, Blocks: 1, Threads: 2, OnBlock: func(f Found) { found = f }})
		if err := w.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found.Height != 8 {
			t.Errorf("found block %d, want 8, on the new tip", found.Height)
		}
	})
}

func TestTransactionsTakenByOthersEndTheTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake()
		s.bits, s.waiting = impossibleBits, 1
		s.onTemplate = func(longPollID string) {
			if longPollID != "" {
				s.move(func() { s.height, s.waiting, s.bits = 1, 0, easyBits })
			}
		}
		c := Config{Source: s, Policy: OnTick, Interval: 30 * time.Second}
		wantTimes(t, mined(t, c, 100*time.Second, nil))
	})
}

func TestCancelEndsSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newFake()
		s.bits = impossibleBits
		s.onTemplate = func(longPollID string) {
			if longPollID != "" {
				cancel()
			}
		}
		if err := New(Config{Source: s, First: true, Threads: 3}).Run(ctx); err != nil {
			t.Error(err)
		}
		if len(s.submitted) != 0 {
			t.Error("a block without proof of work was handed in")
		}
	})
}

func TestTriesLimit(t *testing.T) {
	s := newFake()
	s.bits = 0x1f00ffff // one hash in 65,536 or less
	for _, tries := range []int64{1, 100, quickNonces + 1, 3 * quickNonces} {
		w := New(Config{Source: s, First: true, Tries: tries, Threads: 2})
		if err := w.Run(t.Context()); err != nil || w.TriesLeft() != 0 {
			t.Errorf("%d tries: %v, %d left", tries, err, w.TriesLeft())
		}
	}
	s.bits = easyBits
	w := New(Config{Source: s, First: true, Tries: 1000, Blocks: 3})
	if err := w.Run(t.Context()); err != nil || w.TriesLeft() < 900 || w.TriesLeft() > 997 {
		t.Errorf("three easy blocks left %d of 1000 tries (%v)", w.TriesLeft(), err)
	}
}

func TestParsePolicy(t *testing.T) {
	for _, p := range []Policy{OnTick, Always, OnTx, Never} {
		if got, err := ParsePolicy(string(p)); err != nil || got != p {
			t.Errorf("ParsePolicy(%q) = %q, %v", p, got, err)
		}
	}
	if _, err := ParsePolicy("sometimes"); err == nil {
		t.Error(`"sometimes" passed`)
	}
}
