package par

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRunChecksEachOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 7} {
		for _, n := range []int{0, 1, 3, 4, 5, 100} {
			calls := make([]atomic.Int32, n)
			first, err := NewSize(workers).Run(n, func(i int) error {
				calls[i].Add(1)
				return nil
			})
			if first != n || err != nil {
				t.Errorf("%d workers, %d checks: %d, %v", workers, n, first, err)
			}
			for i := range calls {
				if calls[i].Load() != 1 {
					t.Errorf("%d workers: check %d of %d ran %d times", workers, i, n, calls[i].Load())
				}
			}
		}
	}
}

// TestLowestFailureDecides lets later checks fail earlier in time.
func TestLowestFailureDecides(t *testing.T) {
	const n = 64
	for lowest := range n {
		var passed atomic.Int32
		high, once := make(chan struct{}), sync.Once{}
		first, err := NewSize(4).Run(n, func(i int) error {
			switch {
			case i == lowest:
				if i < n-2*claim {
					<-high // some higher check has failed before this one
				}
				return fmt.Errorf("check %d", i)
			case i > lowest:
				once.Do(func() { close(high) })
				return errors.New("a higher one")
			}
			passed.Add(1)
			return nil
		})
		if first != lowest || err == nil || err.Error() != fmt.Sprintf("check %d", lowest) {
			t.Fatalf("lowest %d: got %d, %v", lowest, first, err)
		}
		if int(passed.Load()) != lowest {
			t.Fatalf("lowest %d: only %d checks below it ran", lowest, passed.Load())
		}
	}
}
