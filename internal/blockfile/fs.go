package blockfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/lode-chain/lode/internal/platform"
)

// FS is what block files need of a file system: the real one, or a twin in
// memory that loses power.
type FS interface {
	// MakeDir makes a folder and its parents unless it is there.
	MakeDir(dir string) error
	// Open opens a file for reading and writing, or makes an empty one.
	Open(name string) (File, error)
	// Size returns the length of a file, or an error that is fs.ErrNotExist.
	Size(name string) (int64, error)
	// Remove deletes a file.
	Remove(name string) error
	// SyncDir makes the names in a folder survive power loss.
	SyncDir(dir string) error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// OS is the real file system. Files are made with mode 0600, folders with
// 0700: blocks say what their owner has paid.
type OS struct{}

// MakeDir makes a folder and its parents; their names survive power loss.
func (OS) MakeDir(dir string) error { return platform.MakeDir(dir) }

// Open opens or makes a file.
func (OS) Open(name string) (File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// Size returns the length of a file.
func (OS) Size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a regular file", name)
	}
	return info.Size(), nil
}

// Remove deletes a file.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir makes the names in a folder survive power loss.
func (OS) SyncDir(dir string) error { return platform.SyncDir(dir) }

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
