package kv

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestFaultyStoreFailsOnceAndForEver(t *testing.T) {
	for _, reaches := range []bool{false, true} {
		inner := NewMemory()
		f := NewFaulty(inner, 2, reaches)
		put := func(key string) error {
			b := new(Batch)
			b.Put([]byte(key), nil)
			return f.Apply(b, true)
		}
		if err := put("a"); err != nil {
			t.Fatal(err)
		}
		if err := put("b"); !errors.Is(err, ErrInjected) {
			t.Fatalf("second apply: %v", err)
		}
		if err := put("c"); !errors.Is(err, ErrFailed) {
			t.Errorf("third apply: %v", err)
		}
		if _, err := f.Get([]byte("a")); !errors.Is(err, ErrFailed) {
			t.Errorf("get: %v", err)
		}
		if err := f.Scan(nil, nil, nil); !errors.Is(err, ErrFailed) {
			t.Errorf("scan: %v", err)
		}
		if _, err := f.Snapshot().Get(nil); !errors.Is(err, ErrFailed) {
			t.Errorf("snapshot: %v", err)
		}
		want := []string{"a="}
		if reaches {
			want = append(want, "b=")
		}
		if got := contents(t, inner, nil, nil); !slices.Equal(got, want) {
			t.Errorf("reaches %v: %q, want %q", reaches, got, want)
		}
	}
}

// TestPebbleFailsAloudWhenItsLogCannotBeWritten makes the disk refuse the
// write-ahead log, once at writing and once at syncing. The commit must say
// so, nothing may be read or written after, and another open finds the last
// acknowledged state.
func TestPebbleFailsAloudWhenItsLogCannotBeWritten(t *testing.T) {
	for _, kind := range []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData} {
		var broken atomic.Bool
		disk := vfs.NewCrashableMem()
		fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if broken.Load() && op.Kind == kind && strings.HasSuffix(op.Path, ".log") {
				return ErrInjected
			}
			return nil
		}))
		s, err := OpenPebble("db", Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		apply(t, s, func(b *Batch) { b.Put([]byte("a"), []byte("1")) })
		broken.Store(true)
		b := new(Batch)
		b.Put([]byte("a"), []byte("2"))
		if err := s.Apply(b, true); err == nil {
			if kind == errorfs.OpFileSync {
				continue // this system syncs by another call
			}
			t.Fatalf("%v: commit on a broken disk succeeded", kind)
		}
		broken.Store(false)
		if err := s.Apply(b, true); !errors.Is(err, ErrFailed) {
			t.Errorf("%v: a failed store took another batch: %v", kind, err)
		}
		if _, err := s.Get([]byte("a")); !errors.Is(err, ErrFailed) {
			t.Errorf("%v: a failed store answered: %v", kind, err)
		}
		crashed := disk.CrashClone(vfs.CrashCloneCfg{})
		if err := s.Close(); err != nil {
			t.Errorf("%v: close: %v", kind, err)
		}
		after, err := OpenPebble("db", Options{FS: crashed})
		if err != nil {
			t.Fatal(err)
		}
		if got := contents(t, after, nil, nil); !slices.Equal(got, []string{"a=1"}) {
			t.Errorf("%v: after reopening: %q", kind, got)
		}
		if err := after.Close(); err != nil {
			t.Error(err)
		}
	}
}
