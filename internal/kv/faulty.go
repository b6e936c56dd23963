package kv

import (
	"errors"
	"fmt"
	"sync"
)

// ErrInjected is the failure of a Faulty store.
var ErrInjected = errors.New("injected failure")

// Faulty is a store for tests whose n-th Apply fails. Like a real one it then
// answers nothing more, and the batch may or may not have reached the disk.
type Faulty struct {
	Store

	mu      sync.Mutex
	failAt  int
	reaches bool
	applied int
	failed  bool
}

// NewFaulty wraps a store. Apply number failAt, counted from 1, fails; 0
// never. With reaches, that batch is in the store all the same, as when only
// the acknowledgement got lost.
func NewFaulty(s Store, failAt int, reaches bool) *Faulty {
	return &Faulty{Store: s, failAt: failAt, reaches: reaches}
}

// Applied returns how often Apply was called.
func (f *Faulty) Applied() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied
}

// Apply fails when its turn has come, and ever after.
func (f *Faulty) Apply(b *Batch, sync bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applied++
	switch {
	case f.failed:
		return fmt.Errorf("%w (%w)", ErrFailed, ErrInjected)
	case f.applied != f.failAt:
		return f.Store.Apply(b, sync)
	}
	f.failed = true
	if f.reaches {
		if err := f.Store.Apply(b, sync); err != nil {
			return err
		}
	}
	return ErrInjected
}

// Get answers until the store has failed.
func (f *Faulty) Get(key []byte) ([]byte, error) {
	if err := f.state(); err != nil {
		return nil, err
	}
	return f.Store.Get(key)
}

// Scan answers until the store has failed.
func (f *Faulty) Scan(lower, upper []byte, fn func(key, value []byte) error) error {
	if err := f.state(); err != nil {
		return err
	}
	return f.Store.Scan(lower, upper, fn)
}

// Snapshot freezes the state, or the failure.
func (f *Faulty) Snapshot() Snapshot {
	if err := f.state(); err != nil {
		return failedSnapshot{err}
	}
	return f.Store.Snapshot()
}

func (f *Faulty) state() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed {
		return fmt.Errorf("%w (%w)", ErrFailed, ErrInjected)
	}
	return nil
}
