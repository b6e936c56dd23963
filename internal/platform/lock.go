package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// Lock is a held lock of a file. The system releases it when the process dies.
type Lock struct{ f *flock.Flock }

// TryLock takes the lock of a file, which is made when it is not there, or
// returns nil when another process (or another Lock of this one) holds it.
func TryLock(name string) (*Lock, error) {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: ErrNotRegular}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f := flock.New(name, flock.SetPermissions(FileMode))
	ok, err := f.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !ok {
		return nil, nil
	}
	return &Lock{f}, nil
}

// Unlock releases the lock. The file stays: removing it would let two processes
// hold locks of two files of one name.
func (l *Lock) Unlock() error { return l.f.Close() }
