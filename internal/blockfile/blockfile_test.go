package blockfile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// forEachFS runs a test on the real file system and on its twin.
func forEachFS(t *testing.T, test func(t *testing.T, fs FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, OS{}, t.TempDir()) })
	t.Run("memory", func(t *testing.T) { test(t, NewMemFS(), "blocks") })
}

func mustOpen(t *testing.T, fs FS, dir string, end Position, limit uint32) *Files {
	t.Helper()
	f, err := open(fs, dir, end, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// record returns different bytes of a different length for each n.
func record(n int) []byte { return bytes.Repeat([]byte{byte(n), byte(n >> 8)}, 5+n%17) }

func mustAppend(t *testing.T, f *Files, from, to int) []Location {
	t.Helper()
	var at []Location
	for n := from; n < to; n++ {
		location, err := f.Append(record(n))
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, location)
	}
	return at
}

func expect(t *testing.T, f *Files, at []Location) {
	t.Helper()
	for n, location := range at {
		if got, err := f.Read(location); err != nil || !bytes.Equal(got, record(n)) {
			t.Fatalf("record %d: %x, %v", n, got, err)
		}
	}
}

func TestAppendReadReopen(t *testing.T) {
	forEachFS(t, func(t *testing.T, fs FS, dir string) {
		f := mustOpen(t, fs, dir, Position{}, 200)
		at := mustAppend(t, f, 0, 40)
		expect(t, f, at)
		if f.End().Segment < 5 {
			t.Errorf("end %v: segments do not roll over", f.End())
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		end := f.End()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(at[0]); err == nil {
			t.Error("read from closed files")
		}
		f = mustOpen(t, fs, dir, end, 200)
		at = append(at, mustAppend(t, f, 40, 60)...)
		expect(t, f, at)
	})
}

func TestEmptyAndLargeRecords(t *testing.T) {
	forEachFS(t, func(t *testing.T, fs FS, dir string) {
		f := mustOpen(t, fs, dir, Position{}, 100)
		for _, size := range []int{0, 1, 1000, 0} { // 1,000 is longer than a segment
			data := bytes.Repeat([]byte{7}, size)
			at, err := f.Append(data)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := f.Read(at); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes: got %d, %v", size, len(got), err)
			}
		}
		if _, err := f.Append(make([]byte, MaxRecord+1)); err == nil {
			t.Error("took a record over the limit")
		}
		if _, err := f.Append(nil); err != nil {
			t.Errorf("refusing a record must not bar the next: %v", err)
		}
	})
}

// TestRewindAndTornTail takes records back, in the same and in earlier
// segments, once by Rewind and once by opening at an earlier end.
func TestRewindAndTornTail(t *testing.T) {
	forEachFS(t, func(t *testing.T, fs FS, dir string) {
		f := mustOpen(t, fs, dir, Position{}, 200)
		at := mustAppend(t, f, 0, 12)
		end := f.End()
		for extra := range 12 {
			mustAppend(t, f, 100, 100+extra)
			if err := f.Rewind(end); err != nil {
				t.Fatal(err)
			}
			if f.End() != end {
				t.Fatalf("end %v, want %v", f.End(), end)
			}
			expect(t, f, at)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, f, 200, 220)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		f = mustOpen(t, fs, dir, end, 200)
		at = append(at, mustAppend(t, f, 12, 20)...)
		expect(t, f, at)
		if _, err := fs.Size(filepath.Join(dir, fmt.Sprintf("blk%05d.dat", f.End().Segment+1))); !missing(err) {
			t.Errorf("a segment is left over: %v", err)
		}
	})
}

func TestDamageNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	f := mustOpen(t, OS{}, dir, Position{}, 200)
	at := mustAppend(t, f, 0, 40)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	end := f.End()
	damaged := func(err error, segment uint32) {
		t.Helper()
		name := fmt.Sprintf("blk%05d.dat", segment)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one that names %s", err, name)
		}
	}
	// Any bit of a record, header included.
	first := filepath.Join(dir, "blk00000.dat")
	good, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	for i := range Overhead + int(at[0].Size) {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(first, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := f.Read(at[0])
		damaged(err, 0)
	}
	// A short file, at reading and at opening.
	last := at[len(at)-1]
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, fmt.Sprintf("blk%05d.dat", last.Segment)), int64(end.Offset)-1); err != nil {
		t.Fatal(err)
	}
	_, err = open(OS{}, dir, end, 200)
	damaged(err, last.Segment)
	// A missing one.
	f = mustOpen(t, OS{}, dir, Position{last.Segment, last.Offset}, 200)
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	_, err = f.Read(at[0])
	damaged(err, 0)
	_, err = open(OS{}, dir, Position{last.Segment, last.Offset}, 200)
	damaged(err, 0)
}

// TestEveryFailureStopsWriting makes each change fail in turn. No failure may
// pass unseen, nothing may be written after it, and after a crash all that was
// synced before is there.
func TestEveryFailureStopsWriting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := 1; ; n++ {
		fs := NewMemFS()
		f := mustOpen(t, fs, "blocks", Position{}, 200)
		fs.FailAt(n)
		var (
			at, durable []Location
			end         Position
			failed      error
		)
		for i := 0; i < 12 && failed == nil; i++ {
			var location Location
			if location, failed = f.Append(record(i)); failed != nil {
				break
			}
			at = append(at, location)
			if i%3 == 2 {
				if failed = f.Sync(); failed == nil {
					durable, end = at, f.End()
				}
			}
		}
		if failed == nil {
			if n < 15 {
				t.Errorf("only %d changes could fail", n-1)
			}
			return
		}
		if !errors.Is(failed, ErrInjected) {
			t.Fatalf("change %d: %v", n, failed)
		}
		fs.FailAt(0)
		if _, err := f.Append(nil); !errors.Is(err, ErrFailed) {
			t.Errorf("change %d: append after a failure: %v", n, err)
		}
		if err := f.Sync(); !errors.Is(err, ErrFailed) {
			t.Errorf("change %d: sync after a failure: %v", n, err)
		}
		expect(t, mustOpen(t, fs.Crash(rng), "blocks", end, 200), durable)
	}
}
