package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/internal/vault"
)

// While init makes a network, all of it is in a folder of its own, whose lock is
// held. One that a killed init left may hold the words of its wallet: the next
// init in that place removes it.

const (
	initPrefix = ".lode-init-"
	initLock   = "init.lock"
	// initAge is how old a folder without a lock must be: it may be one that was
	// made this moment. Policy.
	initAge = time.Hour
)

var initName = regexp.MustCompile(`^\.lode-init-[0-9]+$`)

// initFolder is the folder in which an init works.
type initFolder struct {
	path string
	lock *platform.Lock
}

func newInitFolder(parent string) (*initFolder, error) {
	path, err := os.MkdirTemp(parent, initPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := platform.TryLock(filepath.Join(path, initLock))
	if err == nil && lock == nil {
		err = fmt.Errorf("%s is in use already", path)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &initFolder{path, lock}, nil
}

// release lets go of the lock and removes its file, before what else is in the
// folder gets its own name.
func (f *initFolder) release() error {
	if f.lock == nil {
		return nil
	}
	err := f.lock.Unlock()
	f.lock = nil
	return errors.Join(err, os.Remove(filepath.Join(f.path, initLock)))
}

// remove removes the folder, if it is still there.
func (f *initFolder) remove() error {
	if f.lock != nil {
		_ = f.lock.Unlock() // an open file cannot be removed everywhere
	}
	return removeInit(f.path)
}

// removeInit removes the folder of an init. Secrets in it are overwritten as far
// as the file system does that.
func removeInit(path string) error {
	secrets, err := filepath.Glob(filepath.Join(escapeGlob(path), "*", "wallets", "*"))
	for _, name := range secrets {
		err = errors.Join(err, vault.Disk{}.Wipe(name))
	}
	return errors.Join(err, os.RemoveAll(path))
}

// globMeta are the characters that filepath.Glob takes for more than themselves.
var globMeta = regexp.MustCompile(`[*?\[\\]`)

func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path // there is no escaping there
	}
	return globMeta.ReplaceAllString(path, `\$0`)
}

// sweepInits removes the folders in parent that killed inits have left, and
// nothing that is not certainly one of them or that is in use.
func sweepInits(parent string, now time.Time) error {
	entries, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(parent, e.Name())
		if e.IsDir() && initName.MatchString(e.Name()) && abandonedInit(path, now) {
			if failed := removeInit(path); failed != nil {
				err = errors.Join(err, fmt.Errorf("removing what an interrupted lode init left in %s: %w", path, failed))
			}
		}
	}
	return err
}

// abandonedInit says whether a folder holds what init puts there and nothing
// else, and no process is at it.
func abandonedInit(path string, now time.Time) bool {
	entries, err := os.ReadDir(path)
	if err != nil {
		return false
	}
	locked, networks := false, 0
	for _, e := range entries {
		switch {
		case e.Name() == initLock && e.Type().IsRegular():
			locked = true
		case e.IsDir():
			networks++
		default:
			return false
		}
	}
	if networks > 1 {
		return false
	}
	if !locked {
		info, err := os.Stat(path)
		return err == nil && now.Sub(info.ModTime()) > initAge
	}
	lock, err := platform.TryLock(filepath.Join(path, initLock))
	if err != nil || lock == nil {
		return false
	}
	return lock.Unlock() == nil
}
