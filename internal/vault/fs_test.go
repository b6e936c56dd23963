package vault

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var errInjected = errors.New("injected")

// quick is Disk without waiting for it, for tests of what is written and not of
// how.
type quick struct{ Disk }

func (quick) Create(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (quick) WriteAt(name string, data []byte, off int64) error {
	f, err := openRegular(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, off)
	return errors.Join(err, f.Close())
}

func (quick) Truncate(name string, size int64) error { return os.Truncate(name, size) }
func (quick) SyncDir(string) error                   { return nil }
func (quick) Supersede(from, to string) error        { return os.Rename(from, to) }
func (quick) Wipe(name string) error                 { return os.Remove(name) }

// faulty fails the n-th changing operation, having done half of it when it is
// a write and tear is set. All later ones work, as on a disk that has a bad
// moment; with dead set they fail too, as after a power loss.
type faulty struct {
	quick
	left       int
	tear, dead bool
}

func (f *faulty) fail() bool {
	f.left--
	return f.left == 0 || (f.dead && f.left < 0)
}

func (f *faulty) Create(name string, data []byte) error {
	if f.fail() {
		if f.tear {
			f.quick.Create(name, data[:len(data)/2])
		}
		return errInjected
	}
	return f.quick.Create(name, data)
}

func (f *faulty) WriteAt(name string, data []byte, off int64) error {
	if f.fail() {
		if f.tear {
			f.quick.WriteAt(name, data[:len(data)/2], off)
		}
		return errInjected
	}
	return f.quick.WriteAt(name, data, off)
}

func (f *faulty) Truncate(name string, size int64) error {
	if f.fail() {
		return errInjected
	}
	return f.quick.Truncate(name, size)
}

func (f *faulty) Rename(from, to string) error {
	if f.fail() {
		return errInjected
	}
	return f.quick.Rename(from, to)
}

func (f *faulty) Supersede(from, to string) error {
	if f.fail() {
		return errInjected
	}
	return f.quick.Supersede(from, to)
}

func (f *faulty) Wipe(name string) error {
	if f.fail() {
		return errInjected
	}
	return f.quick.Wipe(name)
}

func (f *faulty) Remove(name string) error {
	if f.fail() {
		return errInjected
	}
	return f.quick.Remove(name)
}

func (f *faulty) SyncDir(dir string) error {
	if f.fail() {
		return errInjected
	}
	return f.quick.SyncDir(dir)
}

// TestFailEveryWrite runs a small life of a vault and fails each of its
// changing operations in turn. What was acknowledged is there afterwards, what
// was refused may not be half there, and the vault opens without a problem.
func TestFailEveryWrite(t *testing.T) {
	for _, mode := range []struct{ tear, dead bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		for n := 1; ; n++ {
			dir := filepath.Join(t.TempDir(), "w")
			fs := &faulty{left: n, tear: mode.tear, dead: mode.dead}
			v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: fs, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			wallets, names, sends, failures := 0, map[int]string{}, map[string]bool{}, 0
			for range 2 {
				if made, err := v.Create([]New{words("a"), words("b")}, nil); err == nil {
					wallets += len(made)
				} else {
					failures++
				}
			}
			for _, w := range v.Wallets() {
				for _, name := range []string{"x", "y"} {
					name += DefaultName(w.Number())
					if err := v.Rename(w, name); err == nil {
						names[w.Number()] = name
					} else {
						failures++
					}
				}
				key := DefaultName(w.Number())
				if err := w.RecordSend(Send{Key: key}, 1, 1); err == nil {
					sends[key] = true
				} else {
					failures++
				}
			}

			v = open(t, dir, quick{})
			if p := v.Problems(); len(p) != 0 {
				t.Fatalf("%+v, operation %d: %v", mode, n, p)
			}
			if got := v.Len(); got < wallets || (!mode.dead && got != wallets) {
				t.Fatalf("%+v, operation %d: %d wallets, acknowledged %d", mode, n, got, wallets)
			}
			for number, name := range names {
				if got := v.Wallet(number).Name(); got != name && !mode.dead {
					t.Fatalf("%+v, operation %d: wallet %d is called %q, acknowledged %q", mode, n, number, got, name)
				}
				key := DefaultName(number)
				if _, err := v.Wallet(number).Send(key); (err == nil) != sends[key] && !mode.dead {
					t.Fatalf("%+v, operation %d: send %v, acknowledged %v", mode, n, err, sends[key])
				}
				if _, err := v.Wallet(number).Send(key); err != nil && sends[key] {
					t.Fatalf("%+v, operation %d: send lost: %v", mode, n, err)
				}
			}
			seen := map[string]bool{}
			for _, w := range v.Wallets() {
				if _, err := w.Secret(nil); err != nil || seen[w.Header().ID] {
					t.Fatalf("%+v, operation %d: secret %v", mode, n, err)
				}
				seen[w.Header().ID] = true
			}
			if failures == 0 {
				break // n is past the last operation
			}
			if n > 100 {
				t.Fatal("no end")
			}
		}
	}
}

func TestModesAndLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	old := setUmask(0o777)
	dir := filepath.Join(t.TempDir(), "wallets")
	setUmask(0)
	v := open(t, dir, nil)
	setUmask(0o777)
	w := create(t, v, words("a"))[0]
	if err := v.Rename(w, "A"); err != nil {
		t.Fatal(err)
	}
	setUmask(old)
	check := func() {
		t.Helper()
		if info, _ := os.Stat(dir); info.Mode().Perm() != dirMode {
			t.Errorf("folder %v", info.Mode())
		}
		entries, _ := os.ReadDir(dir)
		if len(entries) != 3 {
			t.Errorf("entries %v", entries)
		}
		for _, e := range entries {
			if info, _ := e.Info(); info.Mode().Perm() != fileMode {
				t.Errorf("%s: %v", e.Name(), info.Mode())
			}
		}
	}
	check()
	os.Chmod(dir, 0o755)
	for _, f := range []string{vaultFile, "wallet-1.secrets", "wallet-1.journal"} {
		os.Chmod(filepath.Join(dir, f), 0o644)
	}
	open(t, dir, nil)
	check()

	// A link in the place of a file or of the folder is not followed.
	for _, f := range []string{"wallet-1.secrets", "wallet-1.journal"} {
		path := filepath.Join(dir, f)
		away := filepath.Join(t.TempDir(), "away")
		os.Rename(path, away)
		os.Symlink(away, path)
		p := open(t, dir, nil).Problems()
		if len(p) != 1 || !strings.Contains(p[0].Error(), path) || !strings.Contains(p[0].Error(), "symbolic link") {
			t.Errorf("%s as a link: %v", f, p)
		}
		os.Remove(path)
		os.Rename(away, path)
	}
	target := filepath.Join(t.TempDir(), "target")
	os.WriteFile(target, []byte("precious"), 0o644)
	os.Symlink(target, filepath.Join(dir, "wallet-2.secrets.tmp"))
	create(t, open(t, dir, nil), words("b"))
	if got := mustRead(t, target); string(got) != "precious" {
		t.Errorf("written through a link: %q", got)
	}
	link := filepath.Join(t.TempDir(), "link")
	os.Symlink(dir, link)
	if _, err := Open(Config{Dir: link, Network: testNetwork}); err == nil {
		t.Error("a link in the place of the folder is followed")
	}
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}
