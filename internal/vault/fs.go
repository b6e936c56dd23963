package vault

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/lode-chain/lode/internal/platform"
)

const (
	fileMode = 0o600
	dirMode  = 0o700
)

// FS is what the vault asks of a file system: whole operations, so that a test
// can fail or tear any one of them. A nil error means that the operation's
// bytes are on the disk; directory entries are only after SyncDir.
type FS interface {
	// MakeDir makes dir if it is missing, durably, and sees to it that only its
	// owner can enter it. A symbolic link is refused.
	MakeDir(dir string) error
	// List returns the names of dir's entries, sorted.
	List(dir string) ([]string, error)
	// Open opens a regular file for reading; never through a symbolic link.
	Open(name string) (File, error)
	// Create makes a file that must not exist yet, writes data and syncs it.
	Create(name string, data []byte) error
	// WriteAt writes data at off of an existing regular file and syncs it.
	WriteAt(name string, data []byte, off int64) error
	// Truncate cuts an existing regular file and syncs it.
	Truncate(name string, size int64) error
	Rename(from, to string) error
	// Supersede is Rename, and overwrites what was at to as far as it can, once no
	// power loss can bring it back.
	Supersede(from, to string) error
	Remove(name string) error
	// Wipe overwrites a regular file as far as it can and removes it.
	Wipe(name string) error
	// SyncDir makes creations, renames and removals in dir durable.
	SyncDir(dir string) error
}

// File is an open file to read.
type File interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// Disk is the operating system's FS.
type Disk struct{}

var _ FS = Disk{}

// MakeDir is described at FS.
func (Disk) MakeDir(dir string) error {
	if err := platform.MakeDir(dir); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is %s, not a folder: remove it or choose another data directory", dir, kindOfFile(info.Mode()))
	}
	return tighten(dir, info, dirMode)
}

// List is described at FS.
func (Disk) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Open is described at FS.
func (Disk) Open(name string) (File, error) {
	f, err := openRegular(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Create is described at FS.
func (Disk) Create(name string, data []byte) error {
	// O_EXCL does not follow a symbolic link in the last place of the name.
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	err = f.Chmod(fileMode) // an umask may have taken the owner's bits
	if runtime.GOOS == "windows" {
		err = nil
	}
	if err == nil {
		_, err = f.Write(data)
	}
	return syncClose(f, err)
}

// WriteAt is described at FS.
func (Disk) WriteAt(name string, data []byte, off int64) error {
	f, err := openRegular(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, off)
	return syncClose(f, err)
}

// Truncate is described at FS.
func (Disk) Truncate(name string, size int64) error {
	f, err := openRegular(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	return syncClose(f, f.Truncate(size))
}

// Rename is described at FS.
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// Supersede is described at FS.
func (Disk) Supersede(from, to string) error { return supersede(from, to, platform.SyncDir) }

// supersede is Disk's Supersede with what makes the folder durable. Where that
// fails the old bytes stay: after a power loss the name may be theirs again.
func supersede(from, to string, syncDir func(string) error) error {
	if runtime.GOOS == "windows" {
		return os.Rename(from, to) // an open file cannot be renamed over there
	}
	old, err := openRegular(to, os.O_WRONLY)
	if err != nil {
		return os.Rename(from, to)
	}
	defer old.Close()
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if syncDir(filepath.Dir(to)) == nil {
		overwrite(old, 0)
	}
	return nil
}

// Wipe is described at FS.
func (Disk) Wipe(name string) error {
	if f, err := openRegular(name, os.O_WRONLY); err == nil {
		overwrite(f, 1)
		f.Close()
	}
	return os.Remove(name)
}

// overwrite puts zeros in the place of a file's bytes, unless it has more names
// than expected: a hard link may be somebody's copy. Not all file systems write
// in place, so nobody may rely on it.
func overwrite(f *os.File, names uint64) {
	info, err := f.Stat()
	if err != nil {
		return
	}
	if n, ok := platform.Links(info); !ok || n != names {
		return
	}
	zeros := make([]byte, 64<<10)
	for at, size := int64(0), info.Size(); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return
		}
	}
	f.Sync()
}

// Remove is described at FS.
func (Disk) Remove(name string) error { return os.Remove(name) }

// SyncDir is described at FS.
func (Disk) SyncDir(dir string) error { return platform.SyncDir(dir) }

// openRegular opens a file that exists, is regular and is not a link, and
// takes away what rights others have to it.
func openRegular(name string, flag int) (*os.File, error) {
	before, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	// Asked before opening: opening a FIFO would wait for its other end.
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s, not a file: it is not followed", name, kindOfFile(before.Mode()))
	}
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("%s was replaced while it was being opened", name)
	}
	if err == nil {
		err = tighten(name, after, fileMode)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// tighten takes away the rights of group and others, and gives the owner's.
func tighten(name string, info fs.FileInfo, want fs.FileMode) error {
	if runtime.GOOS == "windows" || info.Mode().Perm() == want {
		return nil
	}
	return os.Chmod(name, want)
}

func syncClose(f *os.File, err error) error {
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func kindOfFile(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&(fs.ModeDevice|fs.ModeCharDevice) != 0:
		return "a device"
	case m.IsRegular():
		return "a file"
	default:
		return "a special file"
	}
}
