package chain

import (
	"errors"
	"testing"

	"github.com/lode-chain/lode/internal/kv"
)

// TestLostDatabase opens block files whose database is gone: they are all that
// is left of the chain and must not be cut off to make room for another. What
// a crash before the first commit leaves, genesis at most, is no hindrance.
func TestLostDatabase(t *testing.T) {
	s := newScript(t)
	s.accept("a", "genesis")
	if err := s.m.Close(); err != nil {
		t.Fatal(err)
	}
	d, kept := s.disk, s.disk.store
	for range 2 {
		d.store = kv.NewMemory()
		if _, err := Open(d.config()); !errors.Is(err, ErrNoDatabase) {
			t.Fatalf("got %v, want %v", err, ErrNoDatabase)
		}
	}
	d.store = kept
	if m := d.open(t); m.Tip().Hash != s.blocks["a"].BlockHash() {
		t.Errorf("tip %s after the database was put back", m.Tip().Hash)
	}

	d = newDisk(s.disk.params)
	if err := d.open(t).Close(); err != nil {
		t.Fatal(err)
	}
	d.store = kv.NewMemory()
	d.open(t)
}
