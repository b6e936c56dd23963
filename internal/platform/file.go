package platform

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Modes of all files and folders that lode makes, whatever the umask.
const (
	FileMode fs.FileMode = 0o600
	DirMode  fs.FileMode = 0o700
)

// ErrNotRegular says that something other than a plain file is in a file's place.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooLarge says that a file is larger than it can rightly be.
var ErrTooLarge = errors.New("file is too large")

// DiskAdvice says what a person can do about a disk that takes no more, or is
// empty when an error is about something else.
func DiskAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk is full; free some space and start lode again, nothing that was confirmed is lost"
	case errors.Is(err, syscall.EROFS):
		return "the folder cannot be written to; make it writable, or choose another with --datadir"
	}
	return ""
}

// MakeDir makes a folder, and the parents that do not exist, readable by its
// owner only. A folder that is there already is left as it is.
func MakeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("a file of that name is in the way")}
		}
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := MakeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, DirMode); errors.Is(err, fs.ErrExist) {
		return nil // another process was first
	} else if err != nil {
		return err
	}
	if err := os.Chmod(dir, DirMode); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(dir))
}

// MakePrivateDir is MakeDir for a folder that lode alone uses: one that is there
// already is made readable by its owner only.
func MakePrivateDir(dir string) error {
	if err := MakeDir(dir); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() == DirMode {
		return err
	}
	return os.Chmod(dir, DirMode)
}

// CheckWritable makes a folder unless it is there, and checks that files can be
// made in it.
func CheckWritable(dir string) error {
	if err := MakeDir(dir); err != nil {
		return err
	}
	f, err := createTemp(dir, "check")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Create makes a new file that only its owner may read. It fails when the name
// is taken, by a link too.
func Create(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, FileMode)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(FileMode); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		f.Close()
		os.Remove(name)
		return nil, err
	}
	return f, nil
}

// WriteFile replaces a file as a whole: after a crash at any moment it holds
// either the old bytes or the new ones. The new ones are on disk when it returns.
func WriteFile(name string, data []byte) error {
	dir := filepath.Dir(name)
	f, err := createTemp(dir, filepath.Base(name))
	if err != nil {
		return err
	}
	temp := f.Name()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		os.Remove(temp)
		return err
	}
	return SyncDir(dir)
}

// The names of files that are to replace others: .NAME~SALT.tmp.
const (
	saltMark   = "~"
	saltSize   = 8 // bytes, in hex
	tempSuffix = ".tmp"
)

// createTemp makes a new file beside the one that it will replace.
func createTemp(dir, base string) (*os.File, error) {
	for tries := 0; ; tries++ {
		var salt [saltSize]byte
		if _, err := rand.Read(salt[:]); err != nil {
			return nil, err
		}
		f, err := Create(filepath.Join(dir, "."+base+saltMark+hex.EncodeToString(salt[:])+tempSuffix))
		if err == nil || !errors.Is(err, fs.ErrExist) || tries == 10 {
			return f, err
		}
	}
}

// RemoveLeftOvers removes what a WriteFile of one of the names left in a folder
// when its process was killed. Nobody may be writing them.
func RemoveLeftOvers(dir string, names ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		base, salt, ok := strings.Cut(strings.TrimSuffix(e.Name(), tempSuffix), saltMark)
		if !ok || len(salt) != 2*saltSize || !strings.HasSuffix(e.Name(), tempSuffix) || !slices.Contains(names, strings.TrimPrefix(base, ".")) {
			continue
		}
		errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
	}
	return errors.Join(errs...)
}

// ReadFile reads a regular file of at most limit bytes. Folders, pipes and
// devices are refused without opening them, so that nothing can block.
func ReadFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrNotRegular}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%w: over %d bytes", ErrTooLarge, limit)}
	}
	return data, err
}
