package kv

import (
	"bytes"
	"errors"
)

// Watched is a store for tests that tells of every change.
type Watched struct {
	Store
	see func(key, before, after []byte)
}

// NewWatched wraps a store. After each batch that was applied, see is called for
// every key that it has changed, with the value of before and that of after; nil
// stands for none. It is called by one goroutine at a time, as Apply is.
func NewWatched(s Store, see func(key, before, after []byte)) *Watched {
	return &Watched{Store: s, see: see}
}

// Apply applies the batch and tells what it has changed.
func (w *Watched) Apply(b *Batch, sync bool) error {
	type change struct{ key, before, after []byte }
	var changes []*change
	byKey := make(map[string]*change)
	note := func(key, value []byte) error {
		c := byKey[string(key)]
		if c == nil {
			before, err := w.Get(key)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			c = &change{key: bytes.Clone(key), before: before}
			byKey[string(key)] = c
			changes = append(changes, c)
		}
		c.after = value
		return nil
	}
	err := b.each(func(kind opKind, key, value []byte) error {
		switch kind {
		case opPut:
			return note(key, append([]byte{}, value...))
		case opDelete:
			return note(key, nil)
		default:
			for _, c := range changes {
				if bytes.Compare(c.key, key) >= 0 && bytes.Compare(c.key, value) < 0 {
					c.after = nil
				}
			}
			return w.Scan(key, value, func(k, _ []byte) error { return note(bytes.Clone(k), nil) })
		}
	})
	if err != nil {
		return err
	}
	if err := w.Store.Apply(b, sync); err != nil {
		return err
	}
	for _, c := range changes {
		if !bytes.Equal(c.before, c.after) || (c.before == nil) != (c.after == nil) {
			w.see(c.key, c.before, c.after)
		}
	}
	return nil
}
