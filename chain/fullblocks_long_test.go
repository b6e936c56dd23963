//go:build long

package chain

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain/fullblocktests"

	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
)

// TestFullBlocksLarge plays btcd's fullblocktests with their last part: a
// reorganisation from 1,088 blocks of a megabyte to as many empty ones, and
// back. It takes 2 GB of memory and as much of the disk.
func TestFullBlocksLarge(t *testing.T) {
	now := time.Now()
	tests, err := fullblocktests.Generate(true)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, err := kv.OpenPebble(filepath.Join(dir, "db"), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d := &disk{params: fullBlockParams(), store: store}
	w := d.watch()
	m, err := Open(Config{Params: d.params, Store: w, Dir: filepath.Join(dir, "blocks"), Exec: par.New()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	f := &fullBlocks{T: t, m: m, now: now, check: func() {
		if w.fault != nil {
			t.Fatal(w.fault)
		}
	}}
	f.play(tests)
	if f.accepted != 2322 || f.rejected != 43 {
		t.Errorf("%d accepted, %d rejected, %d others", f.accepted, f.rejected, f.others)
	}
	if err := m.CheckIndex(); err != nil {
		t.Error(err)
	}
	// Each commit of the two reorganisations has left a tip with its coins.
	if w.tips < 2 {
		t.Errorf("only %d tips were seen twice", w.tips)
	}
	if storedCoins(t, store).digest() != replayed(t, m, m.Tip()).digest() {
		t.Error("coins differ from a replay")
	}
}
