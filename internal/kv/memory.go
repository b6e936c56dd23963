package kv

import (
	"bytes"
	"maps"
	"slices"
	"sync"
)

// NewMemory returns an empty store that lives in memory: the twin of the one
// on a disk, for tests and for views that are thrown away. Snapshots are
// cheap until the next write, which then copies the state.
func NewMemory() Store { return &memory{data: make(map[string][]byte)} }

// memory keeps its state in one map, which is copied before a write if a
// snapshot or a scan holds it. mu guards all fields.
type memory struct {
	mu     sync.Mutex
	data   map[string][]byte
	keys   []string // sorted keys of data; nil when they must be sorted anew
	shared bool     // data and keys are in use by a view
	closed bool
}

func (m *memory) Get(key []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	return (&memoryView{data: m.data}).Get(key)
}

func (m *memory) Scan(lower, upper []byte, fn func(key, value []byte) error) error {
	view, err := m.view(true)
	if err != nil {
		return err
	}
	return view.Scan(lower, upper, fn)
}

func (m *memory) Snapshot() Snapshot {
	view, err := m.view(true)
	if err != nil {
		view.closed = true
	}
	return view
}

func (m *memory) view(sorted bool) (*memoryView, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return &memoryView{}, ErrClosed
	}
	if sorted && m.keys == nil {
		m.keys = slices.Sorted(maps.Keys(m.data))
	}
	m.shared = true
	return &memoryView{data: m.data, keys: m.keys}, nil
}

func (m *memory) Apply(b *Batch, _ bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	if m.shared {
		m.data, m.shared = maps.Clone(m.data), false
	}
	m.keys = nil
	return b.each(func(kind opKind, key, value []byte) error {
		switch kind {
		case opPut:
			m.data[string(key)] = bytes.Clone(value)
		case opDelete:
			delete(m.data, string(key))
		case opDeleteRange:
			maps.DeleteFunc(m.data, func(k string, _ []byte) bool {
				return k >= string(key) && k < string(value)
			})
		}
		return nil
	})
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.closed = true
	return nil
}

// memoryView is a frozen state of a memory store.
type memoryView struct {
	data   map[string][]byte
	keys   []string
	closed bool
}

func (v *memoryView) Get(key []byte) ([]byte, error) {
	if v.closed {
		return nil, ErrClosed
	}
	value, ok := v.data[string(key)]
	if !ok {
		return nil, ErrNotFound
	}
	return append(make([]byte, 0, len(value)), value...), nil
}

func (v *memoryView) Scan(lower, upper []byte, fn func(key, value []byte) error) error {
	if v.closed {
		return ErrClosed
	}
	start, _ := slices.BinarySearch(v.keys, string(lower))
	for _, key := range v.keys[start:] {
		if upper != nil && key >= string(upper) {
			return nil
		}
		if err := fn([]byte(key), v.data[key]); err != nil {
			return err
		}
	}
	return nil
}

func (v *memoryView) Close() error {
	if v.closed {
		return ErrClosed
	}
	v.closed = true
	return nil
}
