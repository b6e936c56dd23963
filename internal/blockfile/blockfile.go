// Package blockfile keeps blocks and their undo data in append-only segment
// files, each record with a checksum.
//
// It does not know what it stores, nor which records count: its user keeps the
// locations, and the position behind the last record that it has committed, in
// a database, and must call Sync before it commits a location. What lies
// behind the committed position when the files are opened is left over from a
// crash and is cut off; what is missing before it is an error that names the
// file.
//
// Files belongs to one writer. Reads may come from many goroutines, also while
// the writer appends.
package blockfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"path/filepath"
	"sync"
)

const (
	// segmentBytes is where a new segment begins.
	segmentBytes = 128 << 20
	// Overhead are the bytes that precede each record: CRC-32C of length and
	// data, length; both little-endian.
	Overhead = 8
	// MaxRecord bounds a record; larger lengths are taken for damage. The
	// undo data of a block of 4,000,000 weight stays far below.
	MaxRecord = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	// ErrDamaged says that a file does not hold what was written to it.
	ErrDamaged = errors.New("block file is damaged")
	// ErrFailed says that an earlier write failed. What is on the disk is
	// known only after opening anew.
	ErrFailed = errors.New("writing block files failed earlier; restart after repairing the cause")
)

// Position is a place between records.
type Position struct{ Segment, Offset uint32 }

// Location is where a record lies, and the length of its data.
type Location struct{ Segment, Offset, Size uint32 }

// Files are the segments in one folder. mu guards all below it; holders of a
// read lock may only read the current segment.
type Files struct {
	fs    FS
	dir   string
	limit uint32 // where a new segment begins

	mu      sync.RWMutex
	current File
	end     Position
	renamed bool  // names in the folder have not been synced
	dirty   bool  // the current segment has not been synced
	failed  error // why nothing more may be written
}

// Open opens the files in dir and cuts them off at end, the position that was
// committed last; the zero Position makes an empty set. A nil fs is the real
// file system.
func Open(fs FS, dir string, end Position) (*Files, error) {
	return open(fs, dir, end, segmentBytes)
}

func open(fs FS, dir string, end Position, limit uint32) (*Files, error) {
	if fs == nil {
		fs = OS{}
	}
	f := &Files{fs: fs, dir: dir, limit: limit, end: end}
	if err := fs.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("make folder of block files: %w", err)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	current, err := fs.Open(f.name(end.Segment))
	if err != nil {
		return nil, fmt.Errorf("open block file: %w", err)
	}
	f.current = current
	if err := f.cut(end); err != nil {
		return nil, errors.Join(err, current.Close())
	}
	f.renamed, f.dirty = true, true
	return f, nil
}

// Size returns how many bytes the first segment in dir has; 0 if there is none.
// Opening at the zero Position would cut them off. A record of n bytes takes
// n + Overhead.
func Size(fs FS, dir string) (int64, error) {
	if fs == nil {
		fs = OS{}
	}
	size, err := fs.Size(segmentName(dir, 0))
	if missing(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at block file: %w", err)
	}
	return size, nil
}

// check makes sure that all bytes before the end are there.
func (f *Files) check() error {
	for segment := range f.end.Segment + 1 {
		name := f.name(segment)
		size, err := f.fs.Size(name)
		want := int64(0)
		if segment == f.end.Segment {
			want = int64(f.end.Offset)
		}
		switch {
		case missing(err) && f.end == (Position{}):
		case missing(err):
			return fmt.Errorf("%w: %s is missing", ErrDamaged, name)
		case err != nil:
			return fmt.Errorf("look at block file: %w", err)
		case size < want:
			return fmt.Errorf("%w: %s has %d bytes, at least %d were written", ErrDamaged, name, size, want)
		}
	}
	return nil
}

// cut removes all that lies behind end, which is in the current segment.
func (f *Files) cut(end Position) error {
	if err := f.current.Truncate(int64(end.Offset)); err != nil {
		return doing("cut", f.name(end.Segment), err)
	}
	for segment := end.Segment + 1; ; segment++ {
		err := f.fs.Remove(f.name(segment))
		if missing(err) {
			break
		}
		if err != nil {
			return fmt.Errorf("remove left-over block file: %w", err)
		}
		f.renamed = true
	}
	f.end = end
	return nil
}

// End returns the position behind the last record.
func (f *Files) End() Position {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.end
}

// Append writes a record. It is durable, and its location may be committed,
// after the next Sync.
func (f *Files) Append(data []byte) (Location, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return Location{}, err
	}
	if len(data) > MaxRecord {
		return Location{}, fmt.Errorf("record of %d bytes, at most %d fit", len(data), MaxRecord)
	}
	record := make([]byte, Overhead, Overhead+len(data))
	binary.LittleEndian.PutUint32(record[4:], uint32(len(data)))
	record = append(record, data...)
	binary.LittleEndian.PutUint32(record, crc32.Checksum(record[4:], castagnoli))

	if f.end.Offset > 0 && uint64(f.end.Offset)+uint64(len(record)) > uint64(f.limit) {
		if err := f.roll(); err != nil {
			return Location{}, f.fail(err)
		}
	}
	if _, err := f.current.WriteAt(record, int64(f.end.Offset)); err != nil {
		return Location{}, f.fail(doing("write", f.name(f.end.Segment), err))
	}
	location := Location{f.end.Segment, f.end.Offset, uint32(len(data))}
	f.end.Offset += uint32(len(record))
	f.dirty = true
	return location, nil
}

// doing says what failed on which file, unless the error does.
func doing(what, name string, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}

// roll begins a new segment once the present one is durable.
func (f *Files) roll() error {
	if err := f.syncCurrent(); err != nil {
		return err
	}
	if f.end.Segment == math.MaxUint32 {
		return errors.New("no segment number is left")
	}
	next, err := f.fs.Open(f.name(f.end.Segment + 1))
	if err != nil {
		return fmt.Errorf("make block file: %w", err)
	}
	if err := f.current.Close(); err != nil {
		return errors.Join(doing("close", f.name(f.end.Segment), err), next.Close())
	}
	f.current, f.end = next, Position{Segment: f.end.Segment + 1}
	f.renamed, f.dirty = true, true
	return nil
}

// Sync makes all records durable.
func (f *Files) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	if err := f.syncCurrent(); err != nil {
		return f.fail(err)
	}
	if f.renamed {
		if err := f.fs.SyncDir(f.dir); err != nil {
			return f.fail(doing("sync", f.dir, err))
		}
		f.renamed = false
	}
	return nil
}

func (f *Files) syncCurrent() error {
	if !f.dirty {
		return nil
	}
	if err := f.current.Sync(); err != nil {
		return doing("sync", f.name(f.end.Segment), err)
	}
	f.dirty = false
	return nil
}

// Rewind takes back all records behind end, none of which may have been
// committed.
func (f *Files) Rewind(end Position) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	if end == f.end {
		return nil
	}
	if end.Segment != f.end.Segment {
		previous, err := f.fs.Open(f.name(end.Segment))
		if err != nil {
			return f.fail(fmt.Errorf("open block file: %w", err))
		}
		if err := f.current.Close(); err != nil {
			return f.fail(errors.Join(fmt.Errorf("close block file: %w", err), previous.Close()))
		}
		f.current = previous
	}
	f.dirty = true
	if err := f.cut(end); err != nil {
		return f.fail(err)
	}
	return nil
}

// Read returns the data of a record. An error that is ErrDamaged names the
// file.
func (f *Files) Read(at Location) ([]byte, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.current == nil {
		return nil, errors.New("block files are closed")
	}
	record := make([]byte, Overhead+int(at.Size))
	if at.Segment == f.end.Segment {
		return f.read(f.current, at, record)
	}
	// Earlier segments are read seldom; keeping them open would cost file
	// descriptors without bound.
	if _, err := f.fs.Size(f.name(at.Segment)); missing(err) {
		return nil, fmt.Errorf("%w: %s is missing", ErrDamaged, f.name(at.Segment))
	}
	file, err := f.fs.Open(f.name(at.Segment))
	if err != nil {
		return nil, fmt.Errorf("open block file: %w", err)
	}
	data, err := f.read(file, at, record)
	return data, errors.Join(err, file.Close())
}

func (f *Files) read(file File, at Location, record []byte) ([]byte, error) {
	if _, err := file.ReadAt(record, int64(at.Offset)); err != nil {
		return nil, fmt.Errorf("%w: %s, %d bytes at %d: %w", ErrDamaged, f.name(at.Segment), len(record), at.Offset, err)
	}
	if binary.LittleEndian.Uint32(record[4:]) != at.Size ||
		binary.LittleEndian.Uint32(record) != crc32.Checksum(record[4:], castagnoli) {
		return nil, fmt.Errorf("%w: %s, wrong checksum at %d", ErrDamaged, f.name(at.Segment), at.Offset)
	}
	return record[Overhead:], nil
}

// Close closes the files. What has not been synced may be lost.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil {
		return nil
	}
	err := f.current.Close()
	f.current = nil
	return err
}

func (f *Files) usable() error {
	switch {
	case f.current == nil:
		return errors.New("block files are closed")
	case f.failed != nil:
		return fmt.Errorf("%w (%w)", ErrFailed, f.failed)
	}
	return nil
}

// fail bars further writes: after a failed write or sync the system may have
// dropped data that it reports as written when asked again.
func (f *Files) fail(err error) error {
	f.failed = err
	return err
}

func (f *Files) name(segment uint32) string { return segmentName(f.dir, segment) }

func segmentName(dir string, segment uint32) string {
	return filepath.Join(dir, fmt.Sprintf("blk%05d.dat", segment))
}
