package blockfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
)

// ErrInjected is the failure of a MemFS.
var ErrInjected = errors.New("injected failure")

// MemFS is a file system in memory that can fail and lose power.
type MemFS struct {
	mu     sync.Mutex
	files  map[string]*memFile
	failAt int
	writes int
}

// memFile is a file of a MemFS.
type memFile struct {
	fs     *MemFS
	data   []byte
	synced []byte // data at the last sync
	named  bool   // its folder was synced since it was made
}

// NewMemFS returns an empty file system.
func NewMemFS() *MemFS { return &MemFS{files: make(map[string]*memFile)} }

// FailAt makes change number n from now on fail, counted from 1: a write, of
// which the first half takes place, or a sync, cut, or removal; later changes
// fail too. 0 makes nothing fail.
func (m *MemFS) FailAt(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failAt, m.writes = n, 0
}

// Changes returns the number of changes since FailAt was last called.
func (m *MemFS) Changes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

// Crash returns the files as another process might find them after the power
// failed: what was synced is there; of what was not, anything or nothing.
func (m *MemFS) Crash(rng *rand.Rand) *MemFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := NewMemFS()
	names := make([]string, 0, len(m.files))
	for name := range m.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := m.files[name]
		if !f.named && rng.IntN(2) == 0 {
			continue
		}
		data := slices.Clone(f.synced)
		switch rng.IntN(3) {
		case 0: // only what was synced
		case 1: // all
			data = slices.Clone(f.data)
		default: // torn: its length, part of its data
			if tail := len(f.data) - len(f.synced); tail > 0 {
				data = append(data, f.data[len(f.synced):len(f.synced)+rng.IntN(tail+1)]...)
				data = append(data, make([]byte, rng.IntN(tail+1))...)
			}
		}
		after.files[name] = &memFile{fs: after, data: data, synced: slices.Clone(data), named: true}
	}
	return after
}

// change counts a change and says whether it fails.
func (m *MemFS) change() error {
	m.writes++
	if m.failAt > 0 && m.writes >= m.failAt {
		return ErrInjected
	}
	return nil
}

// MakeDir does nothing: folders are part of names.
func (m *MemFS) MakeDir(string) error { return nil }

// Open opens or makes a file.
func (m *MemFS) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		if err := m.change(); err != nil {
			return nil, err
		}
		f = &memFile{fs: m}
		m.files[name] = f
	}
	return f, nil
}

// Size returns the length of a file.
func (m *MemFS) Size(name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		return 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return int64(len(f.data)), nil
}

// Remove deletes a file.
func (m *MemFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; !ok {
		return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	if err := m.change(); err != nil {
		return err
	}
	delete(m.files, name)
	return nil
}

// SyncDir makes the names in a folder survive a crash.
func (m *MemFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change(); err != nil {
		return err
	}
	for name, f := range m.files {
		if filepath.Dir(name) == filepath.Clean(dir) {
			f.named = true
		}
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.fs.change()
	if err != nil {
		p = p[:len(p)/2]
	}
	if end := int(off) + len(p); end > len(f.data) {
		f.data = append(f.data, make([]byte, end-len(f.data))...)
	}
	return copy(f.data[off:], p), err
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if int64(len(f.data)) == size {
		return nil
	}
	if err := f.fs.change(); err != nil {
		return err
	}
	f.data = slices.Clone(f.data[:size])
	if len(f.synced) > len(f.data) {
		f.synced = slices.Clone(f.data)
	}
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.change(); err != nil {
		return err
	}
	f.synced = slices.Clone(f.data)
	return nil
}

func (f *memFile) Close() error { return nil }
