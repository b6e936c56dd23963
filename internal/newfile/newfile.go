// Package newfile makes files that are there as a whole or not at all, and that
// never take the place of another file.
//
// A file is written under a temporary name beside its place, synced, and then
// linked to its name; a name that is taken stays as it is. Files that have to
// replace older ones are for package platform. The package holds no state.
package newfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lode-chain/lode/internal/platform"
)

const (
	tempPrefix = ".new-"
	tempSuffix = ".tmp"
)

// FS is what is asked of the file system. Tests put failures in here.
type FS interface {
	// CreateTemp makes a new file with a name of its own, as os.CreateTemp.
	CreateTemp(dir, pattern string) (Handle, error)
	// Link gives a file a second name; it fails with fs.ErrExist when that is taken.
	Link(name, second string) error
	Remove(name string) error
	SyncDir(dir string) error
}

// Handle is an open file of an FS.
type Handle interface {
	io.Writer
	Name() string
	Sync() error
	Close() error
}

// OS is the real file system.
type OS struct{}

// CreateTemp makes a file that only its owner may read, whatever the umask.
func (OS) CreateTemp(dir, pattern string) (Handle, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(platform.FileMode); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// Link makes a hard link. Where the file system has none, an empty file takes
// the name first, so that nothing of somebody else's can be replaced.
func (OS) Link(name, second string) error {
	err := os.Link(name, second)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, statErr := os.Lstat(name); statErr != nil {
		return err
	}
	reserved, createErr := platform.Create(second)
	if createErr != nil {
		return createErr
	}
	err = reserved.Close()
	if err == nil {
		err = os.Rename(name, second)
	}
	if err != nil {
		return errors.Join(err, os.Remove(second))
	}
	return nil
}

// Remove removes a file.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir makes the names in a folder durable.
func (OS) SyncDir(dir string) error { return platform.SyncDir(dir) }

// File is a file in the making. End it with Commit or Discard.
type File struct {
	fs     FS
	handle Handle
	dir    string
	err    error // of the first write that failed
	closed bool
	named  bool
}

// Create begins a file in dir. A nil fs is the real file system.
func Create(fsys FS, dir string) (*File, error) {
	if fsys == nil {
		fsys = OS{}
	}
	handle, err := fsys.CreateTemp(dir, tempPrefix+"*"+tempSuffix)
	if err != nil {
		return nil, err
	}
	return &File{fs: fsys, handle: handle, dir: dir}, nil
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.handle.Write(p)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// Commit gives the file its name, a base name; it is durable when Commit
// returns nil. When the name is taken the error is fs.ErrExist, and Commit may
// be called again with another name.
func (f *File) Commit(name string) error {
	if err := f.close(); err != nil {
		return err
	}
	if err := f.fs.Link(f.handle.Name(), filepath.Join(f.dir, name)); err != nil {
		return err
	}
	f.named = true
	if err := f.fs.Remove(f.handle.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the temporary name of %s: %w", name, err)
	}
	return f.fs.SyncDir(f.dir)
}

// close ends the writing, once: whatever failed first is the answer for good.
func (f *File) close() error {
	if f.closed {
		return f.err
	}
	f.closed = true
	if f.err == nil {
		f.err = f.handle.Sync()
	}
	if err := f.handle.Close(); f.err == nil {
		f.err = err
	}
	return f.err
}

// Discard removes the file unless it has been committed.
func (f *File) Discard() {
	if f.named {
		return
	}
	if f.err == nil {
		f.err = errors.New("the file was discarded")
	}
	_ = f.close()
	_ = f.fs.Remove(f.handle.Name()) // what stays is found by IsLeftOver later
}

// IsLeftOver reports whether an entry of a folder is a file that was never
// finished, and old enough that nobody can still be writing it.
func IsLeftOver(entry fs.DirEntry, now time.Time, age time.Duration) bool {
	name := entry.Name()
	if !strings.HasPrefix(name, tempPrefix) || !strings.HasSuffix(name, tempSuffix) || !entry.Type().IsRegular() {
		return false
	}
	info, err := entry.Info()
	return err == nil && now.Sub(info.ModTime()) > age
}

// Write makes a file of data under a name that must be free; it is durable when
// Write returns nil, and not there at all after an error. A taken name is
// fs.ErrExist.
func Write(name string, data []byte) error {
	f, err := Create(nil, filepath.Dir(name))
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit(filepath.Base(name))
}
