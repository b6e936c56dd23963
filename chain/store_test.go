package chain

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/network"
)

func put(t *testing.T, s kv.Store, key, value []byte) {
	t.Helper()
	b := new(kv.Batch)
	b.Put(key, value)
	if err := s.Apply(b, true); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesForeignData(t *testing.T) {
	d := newDisk(network.Regtest())
	if err := d.open(t).Close(); err != nil {
		t.Fatal(err)
	}
	refused := func(kind error, words ...string) {
		t.Helper()
		_, err := Open(d.config())
		if !errors.Is(err, kind) {
			t.Fatalf("got %v, want %v", err, kind)
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not say %q", err, word)
			}
		}
	}
	d.params.Subsidy++
	refused(ErrOtherNetwork, "network file")
	d.params.Name = "club"
	refused(ErrOtherNetwork, `"regtest"`, `"club"`, "another data directory")
	d.params = network.Regtest()
	if err := d.open(t).Close(); err != nil {
		t.Fatal(err)
	}
	put(t, d.store, keyFormat, binary.BigEndian.AppendUint32(nil, formatVersion+1))
	refused(ErrNewerFormat, "newer version")
}

// TestOpenRefusesDamage takes away or breaks what opening needs.
func TestOpenRefusesDamage(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, d *disk){
		"no tip":  func(t *testing.T, d *disk) { put(t, d.store, keyTip, nil) },
		"no end":  func(t *testing.T, d *disk) { put(t, d.store, keyEnd, []byte{1}) },
		"the tip": func(t *testing.T, d *disk) { put(t, d.store, keyTip, make([]byte, 36)) },
		"an entry": func(t *testing.T, d *disk) {
			b := new(kv.Batch)
			b.DeleteRange([]byte{kv.SpaceIndex, 0, 0, 0, 2}, []byte{kv.SpaceIndex, 0, 0, 0, 3})
			if err := d.store.Apply(b, true); err != nil {
				t.Fatal(err)
			}
		},
	} {
		d := newDisk(network.Regtest())
		m := d.open(t)
		acceptAll(t, m, buildChain(d.params, d.params.Genesis, 0, 3))
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		damage(t, d)
		if _, err := Open(d.config()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := newDisk(network.Regtest())
	if err := d.open(t).Close(); err != nil {
		t.Fatal(err)
	}
	d.fs = blockfile.NewMemFS()
	if _, err := Open(d.config()); !errors.Is(err, blockfile.ErrDamaged) || !strings.Contains(err.Error(), filepath.Join("blocks", "blk00000.dat")) {
		t.Errorf("missing file: %v", err)
	}
}

// TestVerifyFindsDamage changes one stored thing at a time.
func TestVerifyFindsDamage(t *testing.T) {
	setUp := func() (*script, wire.OutPoint) {
		s := newScript(t)
		s.accept("a1", "genesis")
		s.accept("a2", "a1")
		s.accept("a3", "a2", s.spend("a1", 3))
		return s, wire.OutPoint{Hash: s.blocks["a3"].Transactions[1].TxHash()}
	}
	flip := func(s *script, at blockfile.Location) {
		file, err := s.disk.fs.Open(filepath.Join("blocks", "blk00000.dat"))
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		if _, err := file.ReadAt(b[:], int64(at.Offset)+10); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 4
		if _, err := file.WriteAt(b[:], int64(at.Offset)+10); err != nil {
			t.Fatal(err)
		}
	}
	for name, damage := range map[string]func(s *script, op wire.OutPoint){
		"nothing":   func(*script, wire.OutPoint) {},
		"a block":   func(s *script, _ wire.OutPoint) { flip(s, s.m.ByHeight(2).meta.block) },
		"an undo":   func(s *script, _ wire.OutPoint) { flip(s, s.m.ByHeight(3).meta.undo) },
		"coin gone": func(s *script, op wire.OutPoint) { deleteCoin(t, s.disk.store, op) },
		"coin more": func(s *script, op wire.OutPoint) {
			op.Index = 7
			put(t, s.disk.store, coinKey(nil, op), consensus.EncodeCoin(nil, &consensus.Coin{Value: 1}))
		},
		"coin changed": func(s *script, op wire.OutPoint) {
			put(t, s.disk.store, coinKey(nil, op), consensus.EncodeCoin(nil, &consensus.Coin{Value: 1}))
		},
	} {
		s, op := setUp()
		damage(s, op)
		err := s.m.Verify(t.Context(), nil)
		if good := name == "nothing"; good != (err == nil) || !good && !errors.Is(err, ErrInvalidChain) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, _ := setUp()
	c, counter := s.disk.config(), new(countingExecutor)
	c.Exec = counter
	if err := s.m.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	defer m.Close()
	if err := m.Verify(t.Context(), nil); err != nil || counter.checks != 1 {
		t.Errorf("%v, %d scripts were run", err, counter.checks)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.m.Verify(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := s.m.UTXOStats(ctx, HashNone); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := s.m.UTXOStats(t.Context(), "sha1"); err == nil {
		t.Error("took an unknown hash")
	}
}

func deleteCoin(t *testing.T, s kv.Store, op wire.OutPoint) {
	t.Helper()
	b := new(kv.Batch)
	b.Delete(coinKey(nil, op))
	if err := s.Apply(b, true); err != nil {
		t.Fatal(err)
	}
}

func TestReadingBlocks(t *testing.T) {
	s := newScript(t)
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	s.accept("a3", "a2", s.spend("a1", 3))
	s.accept("b1", "genesis")
	for range 2 { // from memory, then from the files
		for _, name := range []string{"genesis", "a1", "a3", "b1"} {
			hash, want := s.blocks[name].BlockHash(), consensus.EncodeBlock(s.blocks[name])
			raw, err := s.m.BlockBytes(hash)
			if err != nil || !bytes.Equal(raw, want) {
				t.Errorf("%s: bytes differ: %v", name, err)
			}
			b, err := s.m.Block(hash)
			if err != nil || !bytes.Equal(consensus.EncodeBlock(b), want) {
				t.Errorf("%s: block differs: %v", name, err)
			}
		}
		undo, err := s.m.Undo(s.blocks["a3"].BlockHash())
		if err != nil || len(undo.Txs) != 1 || len(undo.Txs[0]) != 1 || undo.Txs[0][0].Value != s.disk.params.Subsidy {
			t.Errorf("undo: %+v, %v", undo, err)
		}
		if _, err := s.m.Undo(s.blocks["b1"].BlockHash()); !errors.Is(err, ErrNoData) {
			t.Errorf("undo of a block that was never connected: %v", err)
		}
		if _, err := s.m.Block(chainhash.Hash{1}); !errors.Is(err, ErrUnknownBlock) {
			t.Errorf("unknown block: %v", err)
		}
		s.reopen()
	}
}

// TestEntries compares ancestors, medians and work with the plain way to find
// them, on a long chain.
func TestEntries(t *testing.T) {
	d := newDisk(network.Regtest())
	m := d.open(t)
	acceptAll(t, m, buildChain(d.params, d.params.Genesis, 0, 300))
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		e := m.ByHeight(rng.Int32N(301))
		height := rng.Int32N(310) - 5
		want := m.ByHeight(height)
		if height > e.Height {
			want = nil
		}
		if got := e.Ancestor(height); got != want {
			t.Fatalf("ancestor %d of %d: %v", height, e.Height, got)
		}
	}
	tip := m.Tip()
	if tip.ChainWork().Int64() != 301*2 || tip.ChainTxs() != 301 || tip.TxCount() != 1 {
		t.Errorf("work %v, txs %d", tip.ChainWork(), tip.ChainTxs())
	}
	if got, want := tip.MedianTimePast(), m.ByHeight(295).Time(); got != want {
		t.Errorf("median %d, want %d", got, want)
	}
	if h := tip.Header(); h.BlockHash() != tip.Hash {
		t.Error("the header does not hash to the entry's hash")
	}
	if tip.NextBits(d.params, tip.Time()+1) != d.params.PowLimitBits {
		t.Error("wrong bits")
	}
}

// TestCachesStayBounded fills each cache far beyond its bound.
func TestCachesStayBounded(t *testing.T) {
	checks := NewCheckCache(100)
	for i := range 1000 {
		checks.Add(chainhash.Hash{byte(i), byte(i >> 8)}, 1)
		if !checks.Has(chainhash.Hash{byte(i), byte(i >> 8)}, 1) || checks.Len() > 100 {
			t.Fatalf("%d: %d entries", i, checks.Len())
		}
		if i >= 50 && !checks.Has(chainhash.Hash{0}, 1) && i < 60 {
			t.Fatal("what is asked for often was forgotten")
		}
	}
	if checks.Has(chainhash.Hash{byte(999 & 0xff), byte(999 >> 8)}, 2) {
		t.Error("other flags")
	}

	coins := newCoinCache(100 * coinBytes)
	for i := range uint32(1000) {
		op := wire.OutPoint{Index: i}
		coins.put(op, &consensus.Coin{Value: int64(i)})
		if got := coins.get(op); got == nil || got.Value != int64(i) {
			t.Fatalf("%d: %v", i, got)
		}
		if n := len(coins.young) + len(coins.old); n > 102 {
			t.Fatalf("%d coins", n)
		}
		if i%3 == 0 {
			coins.update(map[wire.OutPoint]coinChange{op: {}})
			if coins.get(op) != nil {
				t.Fatal("a spent coin stayed")
			}
		}
	}

	recent := newRecentBlocks(20_000)
	for i := range 100 {
		recent.put(chainhash.Hash{byte(i)}, &body{size: 1000})
		if len(recent.bodies) > 4 || recent.get(chainhash.Hash{byte(i)}) == nil || len(recent.order) != len(recent.bodies) {
			t.Fatalf("%d blocks", len(recent.bodies))
		}
	}
}
