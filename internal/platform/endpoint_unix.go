//go:build !windows

package platform

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxSocketName is the longest name of a Unix socket that all systems take:
// macOS has 104 bytes with the closing zero.
const maxSocketName = 103

// Listen opens the private endpoint of a folder: a socket in it, or where the
// folder's name is too long for a socket's, in a folder of the user's own among
// the temporary files. A socket that a process left behind is replaced: the
// caller holds the folder's lock.
func Listen(dir string) (net.Listener, Endpoint, error) {
	name := filepath.Join(dir, "socket")
	if len(name) > maxSocketName {
		short, err := shortDir(dir)
		if err != nil {
			return nil, Endpoint{}, err
		}
		name = filepath.Join(short, "socket")
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, Endpoint{}, err
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, Endpoint{}, err
	}
	if err := os.Chmod(name, FileMode); err != nil {
		l.Close()
		return nil, Endpoint{}, err
	}
	return l, Endpoint{Socket: name}, nil
}

// shortDir makes a folder for the socket of dir and checks that it is the
// user's own: in a folder that all may write, anybody can have been first.
func shortDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(abs))
	base := "lode-" + strconv.Itoa(os.Getuid()) + "-" + hex.EncodeToString(sum[:8])
	short := filepath.Join(os.TempDir(), base)
	if len(short)+len("/socket") > maxSocketName {
		short = filepath.Join("/tmp", base)
	}
	if err := os.Mkdir(short, DirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(short)
	if err != nil {
		return "", err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || ok && int(owner.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s belongs to somebody else: set TMPDIR to a folder of your own", short)
	}
	return short, os.Chmod(short, DirMode)
}
