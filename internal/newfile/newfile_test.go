package newfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCommitNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "a")
	if err := os.WriteFile(taken, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Create(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit("a"); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("commit to a taken name: %v, want fs.ErrExist", err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "link")); err == nil {
		if err := f.Commit("link"); !errors.Is(err, fs.ErrExist) {
			t.Fatalf("commit to a dangling link: %v, want fs.ErrExist", err)
		}
	}
	if err := f.Commit("b"); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	for name, want := range map[string]string{"a": "precious", "b": "new"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "b")); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode of the file is %v (%v), want it private", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if err := f.Commit("a"); err == nil {
		t.Error("a discarded file can be committed")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left over: %v", entries)
	}
}

// brokenSync fails when a file is synced.
type brokenSync struct{ OS }

type brokenHandle struct{ Handle }

var errDisk = errors.New("disk failure")

func (b brokenSync) CreateTemp(dir, pattern string) (Handle, error) {
	h, err := b.OS.CreateTemp(dir, pattern)
	return brokenHandle{h}, err
}

func (brokenHandle) Sync() error { return errDisk }

func TestFailedSyncIsNeverTriedAgain(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(brokenSync{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Commit("a"); !errors.Is(err, errDisk) {
			t.Fatalf("commit after a failed sync: %v", err)
		}
	}
	f.Discard()
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left over: %v", entries)
	}
}

func TestIsLeftOver(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	old := now.Add(-time.Hour)
	for name, when := range map[string]time.Time{".new-1.tmp": old, ".new-2.tmp": now, "a.tmp": old, ".new-3": old} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if got, want := IsLeftOver(e, now, time.Minute), e.Name() == ".new-1.tmp"; got != want {
			t.Errorf("IsLeftOver(%s) = %v, want %v", e.Name(), got, want)
		}
	}
}
