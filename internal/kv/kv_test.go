package kv

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// forEachStore runs a test on every implementation: they must not differ.
func forEachStore(t *testing.T, test func(t *testing.T, s Store)) {
	t.Run("memory", func(t *testing.T) {
		s := NewMemory()
		test(t, s)
		closeStore(t, s)
	})
	t.Run("pebble", func(t *testing.T) {
		s, err := OpenPebble("db", Options{FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		test(t, s)
		closeStore(t, s)
	})
}

func closeStore(t *testing.T, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second close: %v", err)
	}
	if _, err := s.Get([]byte("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("get after close: %v", err)
	}
	if err := s.Apply(new(Batch), true); !errors.Is(err, ErrClosed) {
		t.Errorf("apply after close: %v", err)
	}
	if err := s.Scan(nil, nil, func(_, _ []byte) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("scan after close: %v", err)
	}
	if _, err := s.Snapshot().Get([]byte("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("snapshot after close: %v", err)
	}
}

// contents lists keys and values in [lower, upper) as k=v.
func contents(t *testing.T, r Reader, lower, upper []byte) []string {
	t.Helper()
	var all []string
	err := r.Scan(lower, upper, func(k, v []byte) error {
		all = append(all, fmt.Sprintf("%s=%s", k, v))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func apply(t *testing.T, s Store, fill func(b *Batch)) {
	t.Helper()
	b := new(Batch)
	fill(b)
	if err := s.Apply(b, true); err != nil {
		t.Fatal(err)
	}
}

func TestGetScanAndDelete(t *testing.T) {
	forEachStore(t, func(t *testing.T, s Store) {
		apply(t, s, func(b *Batch) {
			b.Put([]byte("b"), []byte("2"))
			b.Put([]byte("a"), []byte("1"))
			b.Put([]byte("c"), nil)
			b.Put([]byte("d\xff"), []byte("4"))
		})
		if v, err := s.Get([]byte("b")); err != nil || string(v) != "2" {
			t.Errorf("b: %q, %v", v, err)
		}
		if v, err := s.Get([]byte("c")); err != nil || v == nil || len(v) != 0 {
			t.Errorf("an empty value is not nil: %v, %v", v, err)
		}
		if _, err := s.Get([]byte("bb")); !errors.Is(err, ErrNotFound) {
			t.Errorf("bb: %v", err)
		}
		if got := contents(t, s, []byte("b"), []byte("d")); !slices.Equal(got, []string{"b=2", "c="}) {
			t.Errorf("scan: %q", got)
		}
		if got := contents(t, s, []byte("d"), After([]byte("d"))); !slices.Equal(got, []string{"d\xff=4"}) {
			t.Errorf("prefix scan: %q", got)
		}
		apply(t, s, func(b *Batch) {
			b.DeleteRange([]byte("a"), []byte("c"))
			b.Delete([]byte("nothing"))
			b.Put([]byte("a"), []byte("again"))
		})
		if got := contents(t, s, nil, nil); !slices.Equal(got, []string{"a=again", "c=", "d\xff=4"}) {
			t.Errorf("after deletes: %q", got)
		}
	})
}

func TestLaterChangesOfABatchWin(t *testing.T) {
	forEachStore(t, func(t *testing.T, s Store) {
		apply(t, s, func(b *Batch) {
			b.Put([]byte("a"), []byte("1"))
			b.Delete([]byte("a"))
			b.Put([]byte("b"), []byte("1"))
			b.DeleteRange([]byte("a"), []byte("z"))
			more := new(Batch)
			more.Put([]byte("c"), []byte("3"))
			b.Append(more)
			if b.Len() != 5 || b.Size() == 0 {
				t.Errorf("len %d, size %d", b.Len(), b.Size())
			}
		})
		if got := contents(t, s, nil, nil); !slices.Equal(got, []string{"c=3"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestSnapshotStands(t *testing.T) {
	forEachStore(t, func(t *testing.T, s Store) {
		apply(t, s, func(b *Batch) { b.Put([]byte("a"), []byte("old")) })
		snapshot := s.Snapshot()
		apply(t, s, func(b *Batch) {
			b.Put([]byte("a"), []byte("new"))
			b.Put([]byte("b"), []byte("new"))
		})
		if v, err := snapshot.Get([]byte("a")); err != nil || string(v) != "old" {
			t.Errorf("%q, %v", v, err)
		}
		if got := contents(t, snapshot, nil, nil); !slices.Equal(got, []string{"a=old"}) {
			t.Errorf("got %q", got)
		}
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
		if got := contents(t, s, nil, nil); !slices.Equal(got, []string{"a=new", "b=new"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestScanSeesOneStateAndStopsOnError(t *testing.T) {
	forEachStore(t, func(t *testing.T, s Store) {
		apply(t, s, func(b *Batch) {
			b.Put([]byte("a"), nil)
			b.Put([]byte("b"), nil)
		})
		var seen []string
		err := s.Scan(nil, nil, func(k, _ []byte) error {
			seen = append(seen, string(k))
			apply(t, s, func(b *Batch) { b.Put([]byte("c"), nil) })
			return nil
		})
		if err != nil || !slices.Equal(seen, []string{"a", "b"}) {
			t.Errorf("%q, %v", seen, err)
		}
		stop := errors.New("stop")
		if err := s.Scan(nil, nil, func(_, _ []byte) error { return stop }); err != stop {
			t.Errorf("%v", err)
		}
	})
}

// TestAgainstModel applies random batches to each store and to a map.
func TestAgainstModel(t *testing.T) {
	forEachStore(t, func(t *testing.T, s Store) {
		rng := rand.New(rand.NewPCG(1, 2))
		model := make(map[string]string)
		key := func() []byte { return []byte{'a' + byte(rng.IntN(6)), 'a' + byte(rng.IntN(6))} }
		for round := range 200 {
			apply(t, s, func(b *Batch) {
				for range rng.IntN(5) {
					switch k := key(); rng.IntN(5) {
					case 0:
						b.Delete(k)
						delete(model, string(k))
					case 1:
						upper := key()
						if bytes.Compare(k, upper) >= 0 {
							continue
						}
						b.DeleteRange(k, upper)
						for have := range model {
							if have >= string(k) && have < string(upper) {
								delete(model, have)
							}
						}
					default:
						v := fmt.Sprint(round)
						b.Put(k, []byte(v))
						model[string(k)] = v
					}
				}
			})
			var want []string
			for k, v := range model {
				want = append(want, k+"="+v)
			}
			slices.Sort(want)
			if got := contents(t, s, nil, nil); !slices.Equal(got, want) {
				t.Fatalf("round %d: got %q, want %q", round, got, want)
			}
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	forEachStore(t, func(t *testing.T, s Store) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for n := range 50 {
					b := new(Batch)
					b.Put([]byte{byte(i)}, []byte{byte(n)})
					b.Put([]byte{byte(i), 1}, []byte{byte(n)})
					if err := s.Apply(b, false); err != nil {
						t.Error(err)
						return
					}
					snapshot := s.Snapshot()
					v, err := snapshot.Get([]byte{byte(i)})
					w, err2 := snapshot.Get([]byte{byte(i), 1})
					if err != nil || err2 != nil || !bytes.Equal(v, w) {
						t.Errorf("torn batch: %v %v %v %v", v, w, err, err2)
					}
					if err := snapshot.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestAfter(t *testing.T) {
	for _, c := range []struct{ prefix, want []byte }{
		{[]byte("u"), []byte("v")},
		{[]byte{'u', 0xff}, []byte("v")},
		{[]byte{0xff, 0xff}, nil},
		{nil, nil},
	} {
		if got := After(c.prefix); !bytes.Equal(got, c.want) {
			t.Errorf("After(%x) = %x, want %x", c.prefix, got, c.want)
		}
	}
}

func TestPebbleKeepsWhatItAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	s, err := OpenPebble(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, func(b *Batch) { b.Put([]byte("a"), []byte("1")) })
	if _, err := OpenPebble(dir, Options{}); err == nil {
		t.Error("opened twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = OpenPebble(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Get([]byte("a")); err != nil || string(v) != "1" {
		t.Errorf("%q, %v", v, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPebbleAfterPowerLoss commits with sync, cuts the power, and finds all
// commits or, of the last one, which was not synced, all or nothing.
func TestPebbleAfterPowerLoss(t *testing.T) {
	for seed := range uint64(10) {
		fs := vfs.NewCrashableMem()
		s, err := OpenPebble("db", Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		apply(t, s, func(b *Batch) {
			b.Put([]byte("a"), []byte("1"))
			b.Put([]byte("b"), []byte("1"))
		})
		last := new(Batch)
		last.Put([]byte("a"), []byte("2"))
		last.Put([]byte("b"), []byte("2"))
		if err := s.Apply(last, false); err != nil {
			t.Fatal(err)
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 0))})
		after, err := OpenPebble("db", Options{FS: crashed})
		if err != nil {
			t.Fatal(err)
		}
		got := contents(t, after, nil, nil)
		if !slices.Equal(got, []string{"a=1", "b=1"}) && !slices.Equal(got, []string{"a=2", "b=2"}) {
			t.Errorf("seed %d: %q", seed, got)
		}
		if err := errors.Join(after.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkPebbleSyncedCommit(b *testing.B) {
	s, err := OpenPebble(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	batch := new(Batch)
	batch.Put([]byte("key"), make([]byte, 500))
	for b.Loop() {
		if err := s.Apply(batch, true); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPebbleOpenEmpty(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		s, err := OpenPebble(filepath.Join(b.TempDir(), fmt.Sprint(i)), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}
