package kv

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/lode-chain/lode/internal/platform"
)

// A full disk is told through OnFatal before pebble dies of it.
func TestDiskFull(t *testing.T) {
	var full atomic.Bool
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	}))
	var told atomic.Pointer[error]
	s, err := OpenPebble("db", Options{FS: disk, OnFatal: func(err error) {
		told.Store(&err)
		full.Store(false) // the process would end here
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b Batch
	b.Put([]byte{SpaceNode, 1}, []byte("x"))
	full.Store(true)
	if err := s.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	if err := told.Load(); err == nil || !errors.Is(*err, syscall.ENOSPC) {
		t.Errorf("told %v", err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	s, err := OpenPebble(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != platform.FileMode && os.PathSeparator == '/' {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
