package kv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lode-chain/lode/internal/platform"
)

// Sizes of a pebble store. They keep an idle process small; a private chain's
// hot data fits.
const (
	blockCacheBytes = 16 << 20
	memTableBytes   = 8 << 20
	maxOpenFiles    = 256
	bloomBits       = 10
)

// formatVersion of new databases is named, so that another release of pebble
// does not raise it by itself and lock an older lode out.
const formatVersion = pebble.FormatWALSyncChunks

// Options are what may differ between pebble stores. The zero value is right
// for a data directory.
type Options struct {
	// FS is the file system; nil is the real one. Tests inject faults here.
	FS vfs.FS
	// OnFatal is called when pebble cannot go on and no call could be told, for
	// instance when it cannot write its manifest in the background, or when the
	// disk is full: then it does not survive to begin a new log. The process
	// must end in it; pebble panics or dies when OnFatal returns.
	OnFatal func(error)
}

// OpenPebble opens the database in dir, or makes an empty one there. No other
// process may have it open.
func OpenPebble(dir string, o Options) (Store, error) {
	if o.FS == nil {
		o.FS = privateFS{vfs.Default}
	}
	var opened atomic.Bool // before, Open returns what fails
	if o.OnFatal != nil {
		o.FS = vfs.OnDiskFull(o.FS, func() {
			if opened.Load() {
				o.OnFatal(fmt.Errorf("write the database %s: %w", dir, syscall.ENOSPC))
			}
		})
	}
	if err := o.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make database folder: %w", err)
	}
	// The lock is ours, so that a store that has failed can let go of it.
	lock, err := pebble.LockDirectory(dir, o.FS)
	if err != nil {
		return nil, fmt.Errorf("lock database %s: %w", dir, err)
	}
	cache := pebble.NewCache(blockCacheBytes)
	defer cache.Unref()
	options := &pebble.Options{
		FS:                          o.FS,
		Lock:                        lock,
		Cache:                       cache,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		MaxOpenFiles:                maxOpenFiles,
		FormatMajorVersion:          formatVersion,
		Logger:                      quietLogger{o.OnFatal},
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", dir, err), lock.Close())
	}
	opened.Store(true)
	return &pebbleStore{db: db, lock: lock}, nil
}

// privateFS is a file system whose files only their owner may read, whatever the
// umask.
type privateFS struct{ vfs.FS }

// Create makes a file.
func (p privateFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := p.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, platform.FileMode); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Lock makes the lock's file.
func (p privateFS) Lock(name string) (io.Closer, error) {
	lock, err := p.FS.Lock(name)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, platform.FileMode); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// Unwrap returns the file system below.
func (p privateFS) Unwrap() vfs.FS { return p.FS }

// pebbleStore is a Store on pebble. mu guards failed and closed.
type pebbleStore struct {
	db   *pebble.DB
	lock *pebble.Lock

	mu     sync.RWMutex
	failed error
	closed bool
}

// state says whether the store may be used.
func (s *pebbleStore) state() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.failed != nil:
		return fmt.Errorf("%w (%w)", ErrFailed, s.failed)
	}
	return nil
}

func (s *pebbleStore) Get(key []byte) ([]byte, error) {
	if err := s.state(); err != nil {
		return nil, err
	}
	return pebbleGet(s.db, key)
}

func (s *pebbleStore) Scan(lower, upper []byte, fn func(key, value []byte) error) error {
	if err := s.state(); err != nil {
		return err
	}
	return pebbleScan(s.db, lower, upper, fn)
}

func (s *pebbleStore) Snapshot() Snapshot {
	if err := s.state(); err != nil {
		return failedSnapshot{err}
	}
	return pebbleSnapshot{snapshot: s.db.NewSnapshot()}
}

func (s *pebbleStore) Apply(b *Batch, sync bool) error {
	if err := s.state(); err != nil {
		return err
	}
	batch := s.db.NewBatchWithSize(b.Size() + 64)
	err := b.each(func(kind opKind, key, value []byte) error {
		switch kind {
		case opPut:
			return batch.Set(key, value, nil)
		case opDelete:
			return batch.Delete(key, nil)
		default:
			return batch.DeleteRange(key, value, nil)
		}
	})
	if err != nil {
		return errors.Join(fmt.Errorf("fill batch: %w", err), batch.Close())
	}
	if err := commit(batch, sync); err != nil {
		// The batch may be visible already without being on the disk.
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
		return fmt.Errorf("commit: %w", err)
	}
	return batch.Close()
}

// commit turns pebble's panics about its log into errors: they are failures
// of the disk, and the caller is about to stop anyway.
func commit(batch *pebble.Batch, sync bool) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = r
		default:
			panic(r)
		}
	}()
	if sync {
		return batch.Commit(pebble.Sync)
	}
	return batch.Commit(pebble.NoSync)
}

func (s *pebbleStore) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		// A pebble whose log has failed does not close; what it has not
		// acknowledged it may lose. Only the lock is given back.
		return s.lock.Close()
	}
	return errors.Join(s.db.Close(), s.lock.Close())
}

// pebbleSnapshot is a Snapshot of a pebbleStore. It stays readable when the
// store fails, since it holds only what had been committed before.
type pebbleSnapshot struct{ snapshot *pebble.Snapshot }

func (s pebbleSnapshot) Get(key []byte) ([]byte, error) { return pebbleGet(s.snapshot, key) }

func (s pebbleSnapshot) Scan(lower, upper []byte, fn func(key, value []byte) error) error {
	return pebbleScan(s.snapshot, lower, upper, fn)
}

func (s pebbleSnapshot) Close() error { return s.snapshot.Close() }

func pebbleGet(r pebble.Reader, key []byte) ([]byte, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	result := append(make([]byte, 0, len(value)), value...)
	return result, closer.Close()
}

func pebbleScan(r pebble.Reader, lower, upper []byte, fn func(key, value []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(fmt.Errorf("scan: %w", err), it.Close())
		}
		if err := fn(it.Key(), value); err != nil {
			it.Close()
			return err
		}
	}
	if err := it.Close(); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	return nil
}

// failedSnapshot is what a store that cannot be read returns.
type failedSnapshot struct{ err error }

func (s failedSnapshot) Get([]byte) ([]byte, error) { return nil, s.err }

func (s failedSnapshot) Scan(_, _ []byte, _ func(key, value []byte) error) error { return s.err }

func (s failedSnapshot) Close() error { return nil }

// quietLogger keeps pebble's messages to itself, except the last one.
type quietLogger struct{ onFatal func(error) }

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf does not return. A failed commit is recovered from in commit; all
// else has no caller that could be told.
func (l quietLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if l.onFatal != nil && !strings.Contains(format, "fatal commit error") {
		l.onFatal(err)
	}
	panic(err)
}
