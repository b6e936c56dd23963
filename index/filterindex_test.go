package index

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/v2/gcs"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
)

// TestCodingIsBtcutils makes and asks filters of all sizes with btcutil's code
// too, and finds every script of a filter.
func TestCodingIsBtcutils(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := func(n int) (list [][]byte) {
		for range n {
			s := make([]byte, 8+r.IntN(80))
			for i := range s {
				s[i] = byte(r.Uint32())
			}
			list = append(list, s)
		}
		return list
	}
	for i := range 400 {
		n := 1 + r.IntN(60)
		if i%100 == 0 {
			n = 300 * (1 + i/100)
		}
		in, out := some(n), some(1+r.IntN(60))
		hash := chainhash.HashH(in[0])
		key := [gcs.KeySize]byte(hash[:])
		theirs, err := gcs.BuildGCSFilter(filterP, filterM, key, in)
		if err != nil {
			t.Fatal(err)
		}
		want, err := theirs.NBytes()
		if err != nil {
			t.Fatal(err)
		}
		filter := filterOf(hash, slices.Concat(in, in[:n/2]))
		if !bytes.Equal(filter, want) {
			t.Fatalf("%d scripts: %x, want %x", n, filter, want)
		}
		for _, s := range in {
			if ok, err := NewQuery([][]byte{out[0], s}).Matches(filter, hash); !ok || err != nil {
				t.Fatalf("%x is not found: %v", s, err)
			}
		}
		match, err := theirs.MatchAny(key, out)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := NewQuery(out).Matches(filter, hash); got != match || err != nil {
			t.Fatalf("others: %t, %v, want %t", got, err, match)
		}
	}
}

// TestQueryOfDamage reads filters that are none, or are cut off.
func TestQueryOfDamage(t *testing.T) {
	hash := chainhash.Hash{1}
	filter := filterOf(hash, [][]byte{{1}, {2}, {3}, {4}})
	q := NewQuery([][]byte{[]byte("nobody's")})
	for _, f := range [][]byte{nil, {1}, {9, 1, 2, 3}, {0xfd, 1}, {0xff, 1, 0}, filter[:5], bytes.Repeat([]byte{0xff}, 40), append([]byte{4}, bytes.Repeat([]byte{0xff}, 40)...)} {
		if ok, err := q.Matches(f, hash); err == nil {
			t.Errorf("%x: %t", f, ok)
		}
	}
}

// TestFilterIndexFollows keeps the filters of the best chain across
// reorganisations and restarts, and answers for other branches too.
func TestFilterIndexFollows(t *testing.T) {
	c := newChain(t)
	f := OpenFilters(c.store, c.chain, par.New())
	if h, err := f.Height(); h != -1 || err != nil {
		t.Errorf("an empty index is at %d, %v", h, err)
	}
	check := func() {
		t.Helper()
		if err := f.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		tip := c.chain.Tip()
		if h, err := f.Height(); h != tip.Height || err != nil {
			t.Errorf("the index is at %d, %v, want %d", h, err, tip.Height)
		}
		next, below := int32(0), chainhash.Hash{}
		err := f.Scan(0, 1<<30, func(got Filter) error {
			e := c.chain.ByHeight(next)
			want, err := f.build(e)
			if err != nil || got.Height != next || !got.Of(e.Hash) || got.Of(chainhash.Hash{}) || !bytes.Equal(got.Bytes, want) {
				t.Errorf("height %d: %+v, want %x, %v", next, got, want, err)
			}
			next, below = next+1, FilterHeader(want, below)
			filter, header, err := f.Find(t.Context(), e)
			if err != nil || header != below || !bytes.Equal(filter, want) {
				t.Errorf("height %d: %x, header %s, want %x, %s, %v", next, filter, header, want, below, err)
			}
			return nil
		})
		if err != nil || next != tip.Height+1 {
			t.Errorf("%d filters, %v, want %d", next, err, tip.Height+1)
		}
	}
	check()
	b1, _ := c.mineOn(c.chain.Tip())
	moved := f.Moved()
	b2, _ := c.mineOn(b1)
	check()
	select {
	case <-moved:
	default:
		t.Error("nobody was told that the index went on")
	}
	r2, _ := c.mineOn(b1)
	r3, _ := c.mineOn(r2)
	check()
	stale, header, err := f.Find(t.Context(), b2) // of the branch that was left
	if want, _ := f.build(b2); err != nil || !bytes.Equal(stale, want) {
		t.Errorf("a stale block: %x, %v", stale, err)
	}
	f = OpenFilters(c.store, c.chain, par.New())
	b3, _ := c.mineOn(b2)
	c.mineOn(b3)
	check()
	if again, same, err := f.Find(t.Context(), b2); err != nil || same != header || !bytes.Equal(again, stale) {
		t.Errorf("the same block on the best chain: %x, %s, %v, want %x, %s", again, same, err, stale, header)
	}
	got, _, err := f.Find(t.Context(), r3)
	if want, _ := f.build(r3); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the tip that was left: %x, %v", got, err)
	}
	if err := c.chain.Invalidate(b2.Hash); err != nil { // the way back is shorter
		t.Fatal(err)
	}
	check()
	if err := c.chain.Reconsider(b2.Hash); err != nil {
		t.Fatal(err)
	}
	check()
}

// TestFilterIndexIsMadeAnew builds the index again when its rows are not its
// own.
func TestFilterIndexIsMadeAnew(t *testing.T) {
	for name, damage := range map[string]func(*kv.Batch){
		"position":        func(b *kv.Batch) { b.Put(filterPositionKey, []byte{1}) },
		"foreign":         func(b *kv.Batch) { b.Put(filterPositionKey, bytes.Repeat([]byte{7}, 36)) },
		"the last filter": func(b *kv.Batch) { b.Put(heightKey(filterPrefix, 2), []byte{1, 2, 3}) },
		"a header":        func(b *kv.Batch) { b.Delete(heightKey(headerPrefix, 0)) },
		"a missing one":   func(b *kv.Batch) { b.Delete(heightKey(filterPrefix, 2)) },
	} {
		c := newChain(t)
		f := OpenFilters(c.store, c.chain, par.New())
		e, _ := c.mineOn(c.chain.Tip())
		e, _ = c.mineOn(e)
		if err := f.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		var b kv.Batch
		damage(&b)
		if err := c.store.Apply(&b, false); err != nil {
			t.Fatal(err)
		}
		e, _ = c.mineOn(e)
		if err := f.CatchUp(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n := 0
		if err := f.Scan(0, e.Height, func(Filter) error { n++; return nil }); err != nil || n != 4 {
			t.Errorf("%s: %d filters, %v", name, n, err)
		}
	}
}

// TestFilterIndexSurvivesFailedWrites fails each write in turn: what is there
// afterwards is a whole index up to its position.
func TestFilterIndexSurvivesFailedWrites(t *testing.T) {
	for _, reaches := range []bool{false, true} {
		c := newChain(t)
		for range 3 {
			c.mineOn(c.chain.Tip())
		}
		f := OpenFilters(kv.NewFaulty(c.store, 1, reaches), c.chain, par.New())
		if err := f.CatchUp(t.Context()); !errors.Is(err, kv.ErrInjected) {
			t.Errorf("the failure is hidden: %v", err)
		}
		again := OpenFilters(c.store, c.chain, par.New())
		if err := again.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h, err := again.Height(); h != 3 || err != nil {
			t.Errorf("at %d, %v", h, err)
		}
	}
}

// BenchmarkQuery asks a filter of one script, as most are on a quiet chain, for
// a thousand.
// BenchmarkQuery asks the filter of a small block for 1,000 scripts, and has
// btcutil's gcs answer the same.
func BenchmarkQuery(b *testing.B) {
	var scripts [][]byte
	for i := range 1000 {
		s := make([]byte, 22)
		s[0], s[5], s[6] = 1, byte(i), byte(i>>8)
		scripts = append(scripts, s)
	}
	hash := chainhash.Hash{1, 2, 3}
	filter := filterOf(hash, [][]byte{{9, 9}})
	q := NewQuery(scripts)
	for b.Loop() {
		if ok, err := q.Matches(filter, hash); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	ours := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	const turns = 200
	start := time.Now()
	for range turns {
		f, err := gcs.FromNBytes(filterP, filterM, filter)
		if err != nil {
			b.Fatal(err)
		}
		if ok, err := f.MatchAny([gcs.KeySize]byte(hash[:]), scripts); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	theirs := float64(time.Since(start).Nanoseconds()) / turns
	b.ReportMetric(ours/float64(len(scripts)), "ns/script")
	b.ReportMetric(theirs/ours, "times-gcs")
}

// TestStoredHeaders reckons headers across those that are stored, forth and back.
func TestStoredHeaders(t *testing.T) {
	c := newChain(t)
	f := OpenFilters(c.store, c.chain, par.New())
	e := c.chain.Tip()
	for range 2*headerEvery + 5 {
		c.built = 0 // a block's height makes its coinbase another
		e, _ = c.mineOn(e)
	}
	check := func() {
		t.Helper()
		if err := f.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		var below chainhash.Hash
		for height := int32(0); height <= c.chain.Tip().Height; height++ {
			at, ok, err := f.At(height)
			if below = FilterHeader(at.Bytes, below); err != nil || !ok {
				t.Fatalf("height %d: %t, %v", height, ok, err)
			}
			if place := height % headerEvery; place > 1 && place < headerEvery-1 && place%50 != 0 {
				continue
			}
			_, header, err := f.Find(t.Context(), c.chain.ByHeight(height))
			if err != nil || header != below {
				t.Fatalf("height %d: header %s, want %s, %v", height, header, below, err)
			}
		}
	}
	check()
	if err := c.chain.Invalidate(c.chain.ByHeight(2*headerEvery - 3).Hash); err != nil {
		t.Fatal(err)
	}
	if err := f.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for e = c.chain.Tip(); e.Height < 2*headerEvery+5; {
		c.built = 7
		e, _ = c.mineOn(e)
	}
	check()
}
