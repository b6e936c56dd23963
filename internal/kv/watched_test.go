package kv

import (
	"maps"
	"testing"
)

// TestWatched follows a store by what it tells.
func TestWatched(t *testing.T) {
	seen := map[string]string{}
	calls := 0
	s := NewWatched(NewMemory(), func(key, before, after []byte) {
		calls++
		if was, ok := seen[string(key)]; was != string(before) || ok != (before != nil) {
			t.Errorf("%s was %q, not %q", key, was, before)
		}
		if after == nil {
			delete(seen, string(key))
		} else {
			seen[string(key)] = string(after)
		}
	})
	for _, step := range []struct {
		change func(b *Batch)
		want   map[string]string
		calls  int
	}{
		{func(b *Batch) { b.Put([]byte("a"), []byte("1")); b.Put([]byte("b"), nil) }, map[string]string{"a": "1", "b": ""}, 2},
		{func(b *Batch) { b.Put([]byte("a"), []byte("1")); b.Delete([]byte("x")) }, map[string]string{"a": "1", "b": ""}, 0},
		{func(b *Batch) { b.Put([]byte("c"), []byte("2")); b.Delete([]byte("c")) }, map[string]string{"a": "1", "b": ""}, 0},
		{func(b *Batch) { b.Put([]byte("aa"), []byte("3")); b.Delete([]byte("b")) }, map[string]string{"a": "1", "aa": "3"}, 2},
		{func(b *Batch) {
			b.Put([]byte("ab"), []byte("4"))
			b.DeleteRange([]byte("a"), []byte("b"))
			b.Put([]byte("a"), []byte("5"))
		}, map[string]string{"a": "5"}, 2},
	} {
		calls = 0
		var b Batch
		step.change(&b)
		if err := s.Apply(&b, true); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(seen, step.want) || calls != step.calls {
			t.Errorf("%v after %d calls, want %v after %d", seen, calls, step.want, step.calls)
		}
	}
}
