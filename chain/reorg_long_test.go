//go:build long

package chain

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/network"
)

// TestReorgOf500FullBlocks reorganises 500 blocks of close to the greatest
// weight, on the disk.
func TestReorgOf500FullBlocks(t *testing.T) {
	dir := t.TempDir()
	store, err := kv.OpenPebble(filepath.Join(dir, "db"), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d := &disk{params: shortMaturity(), store: store}
	w := d.watch()
	m, err := Open(Config{Params: d.params, Store: w, Dir: filepath.Join(dir, "blocks")})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	longReorg(t, m, w, 500, 2000, 400)
}

// TestEveryChainBackAndForth takes the other chains of the tests back, block by
// block, and forth again.
func TestEveryChainBackAndForth(t *testing.T) {
	t.Run("bulk", func(t *testing.T) {
		d := newDisk(network.Regtest())
		w := d.watch()
		c := d.config()
		c.Exec = noChecks{}
		m, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for _, raw := range readChain(t, "bulk_20x1000.dat.gz") {
			if _, err := m.Accept(decode(t, raw), far); err != nil {
				t.Fatal(err)
			}
		}
		var want verdict
		readJSON(t, "chains/bulk_20x1000.json", &want)
		if got := w.hash().String(); got != want.MuHash {
			t.Errorf("coins %s, want %s", got, want.MuHash)
		}
		walkBackAndForth(t, m, w, 0)
	})
	t.Run("mainnet", func(t *testing.T) {
		d := newDisk(mainnet(t))
		w := d.watch()
		m := d.open(t)
		err := m.Group(context.Background(), func(g *Group) error {
			for _, b := range mainnetBlocks(t) {
				if _, err := g.Accept(b, far); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// Once to learn the coins of each tip on the way, once to compare.
		walkBackAndForth(t, m, w, 0)
	})
}
