package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// many describes wallets that are enough to share a file.
func many(n int) []New {
	news := make([]New, n)
	for i := range news {
		news[i] = words(fmt.Sprintf("words %d", i+1))
	}
	return news
}

// wantMany says that wallets have the secrets that many gave them.
func wantMany(t *testing.T, v *Vault, first, last int) {
	t.Helper()
	for number := first; number <= last; number++ {
		s, err := v.Wallet(number).Secret(nil)
		if err != nil || string(s.Mnemonic) != fmt.Sprintf("words %d", number-first+1) {
			t.Errorf("the secret of wallet %d: %v", number, err)
		}
	}
}

func TestSharedFile(t *testing.T) {
	for _, passphrase := range []string{"", "p"} {
		dir := filepath.Join(t.TempDir(), "w")
		v := open(t, dir, nil)
		if passphrase != "" {
			if err := v.SetPassphrase([]byte(passphrase)); err != nil {
				t.Fatal(err)
			}
		}
		create(t, v, words("alone"))
		made := create(t, v, many(maxTogether+aloneUpTo)...)
		wantMany(t, v, 2, 1+len(made))
		if err := v.Rename(made[3], "Alice"); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 5 { // vault, three of secrets, a journal
			t.Fatalf("%v, %v", entries, err)
		}

		v = open(t, dir, nil)
		if p := v.Problems(); len(p) != 0 || v.Len() != 1+len(made) {
			t.Fatalf("%d wallets, problems %v", v.Len(), p)
		}
		if passphrase != "" {
			_, err := v.Wallet(9).Secret(nil)
			mustBe(t, err, ErrLocked)
			if err := v.Unlock([]byte(passphrase)); err != nil {
				t.Fatal(err)
			}
		}
		wantMany(t, v, 2, 1+len(made))
		if named := v.ByName("alice"); len(named) != 1 || named[0].Number() != 5 || v.Next() != 2+len(made) {
			t.Errorf("%v, next %d", named, v.Next())
		}
	}
}

// TestSharedFileEveryByte changes and cuts a shared file: one changed byte costs
// one wallet at most, a cut those behind it, and what is lost is told.
func TestSharedFileEveryByte(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir, nil), many(aloneUpTo+1)...)
	path := filepath.Join(dir, fmt.Sprintf("wallets-1-%d.secrets", aloneUpTo+1))
	good := mustRead(t, path)
	try := func(what string, at int, bad []byte, most int) {
		t.Helper()
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		v := open(t, dir, quick{})
		lost := aloneUpTo + 1 - v.Len()
		if p := v.Problems(); lost > most || len(p) == 0 {
			t.Fatalf("%s at %d: %d wallets lost: %v", what, at, lost, p)
		}
		for _, p := range v.Problems() {
			if !errors.Is(p, ErrDamaged) && !errors.Is(p, ErrNewer) || !strings.Contains(p.Error(), path) {
				t.Fatalf("%s at %d: %v", what, at, p)
			}
		}
		for _, w := range v.Wallets() {
			if s, err := w.Secret(nil); err != nil || string(s.Mnemonic) != fmt.Sprintf("words %d", w.Number()) {
				t.Fatalf("%s at %d: wallet %d: %v", what, at, w.Number(), err)
			}
		}
		if v.Next() != aloneUpTo+2 {
			t.Fatalf("%s at %d: next is %d", what, at, v.Next())
		}
	}
	record := sealedSize(good)
	for i := record - 1; i < 2*record+40; i++ { // the second, and where it meets its neighbours
		flip := []byte{0x01, 0x20, good[i] ^ '\n'}[i%3]
		if good[i] == '\n' {
			flip = 0x01
		}
		bad := bytes.Clone(good)
		bad[i] ^= flip
		try(fmt.Sprintf("^%#x", flip), i, bad, 1)
	}
	for i := 0; i < len(good); i += 97 {
		try("cut", i, good[:i], aloneUpTo+1-i/(record+8))
	}
	try("longer", len(good), append(bytes.Clone(good), 'x', '\n'), 0)
	try("doubled", len(good), append(bytes.Clone(good), good...), 0)
}

// TestSharedFileNames copies files of secrets to names that they never had.
func TestSharedFileNames(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir, nil), many(aloneUpTo+1)...)
	data := mustRead(t, filepath.Join(dir, fmt.Sprintf("wallets-1-%d.secrets", aloneUpTo+1)))
	for name, problems := range map[string]int{
		"wallets-7-3.secrets": 1, "wallets-4-4.secrets": 1, "wallets-4.secrets": 1, "wallet-1-17.secrets": 1,
		"wallets-1-99999999.secrets": 1, "wallets-1-99999999999999999999.secrets": 1, "wallets-1-5000.secrets": 1,
		"wallets-1-18.secrets": 18, // 17 that are there twice, one that is missing
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		v := open(t, dir, nil)
		if p := v.Problems(); len(p) != problems || !strings.Contains(p[0].Error(), path) && problems == 1 {
			t.Errorf("%s: problems %v", name, p)
		}
		wantMany(t, v, 1, aloneUpTo+1)
		os.Remove(path)
	}
}

// TestSharedFileFailures fails each operation that makes a shared file: all of
// its wallets are there afterwards or none, and what was acknowledged is.
func TestSharedFileFailures(t *testing.T) {
	for _, dead := range []bool{false, true} {
		for n := 1; ; n++ {
			dir := filepath.Join(t.TempDir(), "w")
			fs := &faulty{left: n, tear: true, dead: dead}
			v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: fs, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Create(many(aloneUpTo+1), nil)
			v = open(t, dir, nil)
			if p := v.Problems(); len(p) != 0 {
				t.Fatalf("operation %d: %v", n, p)
			}
			switch got := v.Len(); {
			case got == aloneUpTo+1 && (err == nil || dead):
				wantMany(t, v, 1, got)
			case got != 0 || err == nil:
				t.Fatalf("operation %d: %d wallets, %v", n, got, err)
			}
			if err == nil {
				break // n is past the last operation
			}
			if n > 20 {
				t.Fatal("no end")
			}
		}
	}
}
