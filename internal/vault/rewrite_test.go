package vault

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// folder makes a vault of a wallet of its own file, some in a shared one, one
// that is watched only, and one of descriptors.
func folder(t testing.TB, dir, passphrase string) {
	t.Helper()
	v := open(t, dir, quick{})
	if passphrase != "" {
		if err := v.SetPassphrase([]byte(passphrase)); err != nil {
			t.Fatal(err)
		}
	}
	create(t, v, words("words 0"))
	create(t, v, many(aloneUpTo+1)...)
	create(t, v, New{Header: Header{Source: SourceDescriptors, WatchOnly: true, Descriptors: []Descriptor{{Text: "addr(x)#abc"}}}})
	if err := v.Wallet(1).SetLabel([]byte{1}, "rent"); err != nil {
		t.Fatal(err)
	}
}

const folderSize = aloneUpTo + 3

// copyDir copies a folder of plain files.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.WriteFile(filepath.Join(to, e.Name()), mustRead(t, filepath.Join(from, e.Name())), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// under says under which of the passphrases all of a folder's wallets are; it
// fails if that is not one and the same for all, or if anything is lost.
func under(t testing.TB, v *Vault, passphrases ...string) string {
	t.Helper()
	if p := v.Problems(); len(p) != 0 || v.Len() != folderSize {
		t.Fatalf("%d wallets, problems %v", v.Len(), p)
	}
	found := ""
	if v.Encrypted() {
		for _, p := range passphrases {
			if p != "" && v.Unlock([]byte(p)) == nil {
				found = p
			}
		}
		if found == "" {
			t.Fatal("no passphrase opens the folder")
		}
	}
	for _, w := range v.Wallets() {
		s, err := w.Secret(nil)
		if err != nil {
			t.Fatalf("under %q: wallet %d: %v", found, w.Number(), err)
		}
		want := ""
		switch n := w.Number(); {
		case n == 1:
			want = "words 0"
		case n < folderSize:
			want = fmt.Sprintf("words %d", n-1)
		}
		if string(s.Mnemonic) != want || w.Encrypted() != (found != "" && n(w) < folderSize) || w.Foreign() {
			t.Fatalf("under %q: wallet %d has %q, encrypted %v", found, w.Number(), s.Mnemonic, w.Encrypted())
		}
	}
	if text, _ := v.Wallet(1).Label([]byte{1}); text != "rent" {
		t.Fatalf("the label is %q", text)
	}
	return found
}

func n(w *Wallet) int { return w.Number() }

// TestPassphraseSweep sets, changes and removes the passphrase of a folder with
// wallets and fails each operation of the file system in turn: whole, torn, as if
// the power went, and as a single failure. Afterwards all wallets are under the
// old passphrase or all under the new one, and what was acknowledged counts.
func TestPassphraseSweep(t *testing.T) {
	changes := []struct {
		name, from, to string
		do             func(*Vault) error
	}{
		{"set", "", "new", func(v *Vault) error { return v.SetPassphrase([]byte("new")) }},
		{"change", "old", "new", func(v *Vault) error { return v.ChangePassphrase([]byte("old"), []byte("new")) }},
		{"remove", "old", "", func(v *Vault) error { return v.RemovePassphrase([]byte("old")) }},
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			base := filepath.Join(t.TempDir(), "base")
			folder(t, base, c.from)
			for _, mode := range []struct{ tear, dead bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
				for op := 1; ; op++ {
					dir := filepath.Join(t.TempDir(), "w")
					copyDir(t, base, dir)
					fs := &faulty{tear: mode.tear, dead: mode.dead}
					v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: fs, Workers: 1})
					if err != nil {
						t.Fatal(err)
					}
					fs.left = op // Open has not begun to count
					err = c.do(v)
					failed := fs.left <= 0
					where := fmt.Sprintf("%+v, operation %d, error %v", mode, op, err)
					// In the same process everything is readable, whatever happened.
					for _, w := range v.Wallets() {
						if !v.Locked() {
							if s, serr := w.Secret(nil); serr != nil || w.Number() == 2 && string(s.Mnemonic) != "words 1" {
								t.Fatalf("%s: wallet %d in the same process: %v", where, w.Number(), serr)
							}
						}
					}
					// An interrupted recovery is recovered from as well.
					for again := 1; again < 6; again++ {
						fs := &faulty{left: again, tear: mode.tear, dead: mode.dead}
						Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: fs, Workers: 1})
					}
					got := under(t, open(t, dir, quick{}), c.from, c.to)
					switch {
					case err == nil && got != c.to:
						t.Fatalf("%s: acknowledged, but the folder is under %q", where, got)
					case got != c.from && got != c.to:
						t.Fatalf("%s: the folder is under %q", where, got)
					}
					entries, _ := os.ReadDir(dir)
					for _, e := range entries {
						if strings.HasSuffix(e.Name(), ".new") || strings.HasSuffix(e.Name(), tempSuffix) {
							t.Fatalf("%s: %s is left over", where, e.Name())
						}
					}
					if !failed {
						break // op is past the last operation
					}
					if op > 60 {
						t.Fatal("no end")
					}
				}
			}
		})
	}
}

// TestFailedChangeGoesOn fails one operation of a change and goes on in the same
// process: wallets are made, and the change is made again.
func TestFailedChangeGoesOn(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	folder(t, base, "old")
	for op := 1; op < 30; op++ {
		dir := filepath.Join(t.TempDir(), "w")
		copyDir(t, base, dir)
		fs := &faulty{}
		v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: fs, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Unlock([]byte("old")); err != nil {
			t.Fatal(err)
		}
		fs.left = op
		now := "old"
		if err := v.ChangePassphrase([]byte("old"), []byte("new")); err == nil {
			now = "new"
		}
		if err := v.AddDescriptors(v.Wallet(2), []Descriptor{{Text: "wpkh(a)"}}, []string{"wpkh(A)"}, nil); err == nil {
			if err := v.ChangePassphrase([]byte(now), []byte("third")); err == nil {
				now = "third"
			} else if fs.left > 0 {
				t.Fatalf("operation %d: %v", op, err)
			}
		} else if v.fault == nil && fs.left > 0 {
			t.Fatalf("operation %d: %v", op, err)
		}
		got := under(t, open(t, dir, quick{}), "old", "new", "third")
		if v.fault == nil && got != now {
			t.Fatalf("operation %d: under %q, want %q", op, got, now)
		}
	}
}

// TestDeleteAndDescriptorsSweep fails each operation of adding descriptors to a
// wallet in a shared file, and of deleting wallets.
func TestDeleteAndDescriptorsSweep(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	folder(t, base, "old")
	d := []Descriptor{{Text: "wpkh(xpub)#1", Active: true}, {Text: "wpkh(xpub)#2", Internal: true}}
	for _, mode := range []struct{ tear, dead bool }{{false, false}, {true, true}} {
		for op := 1; ; op++ {
			dir := filepath.Join(t.TempDir(), "w")
			copyDir(t, base, dir)
			fs := &faulty{tear: mode.tear, dead: mode.dead}
			v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: fs, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Unlock([]byte("old")); err != nil {
				t.Fatal(err)
			}
			w := v.Wallet(3)
			fs.left = op
			added := v.AddDescriptors(w, d, []string{"wpkh(xprv)", ""}, nil)
			deleted := v.Delete(v.Wallet(2))
			alone := v.Delete(v.Wallet(1))
			failed := fs.left <= 0

			v = open(t, dir, quick{})
			where := fmt.Sprintf("%+v, operation %d: %v, %v, %v", mode, op, added, deleted, alone)
			if p := v.Problems(); len(p) != 0 {
				t.Fatalf("%s: %v", where, p)
			}
			if err := v.Unlock([]byte("old")); err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if v.Wallet(2) != nil && deleted == nil || v.Wallet(1) != nil && alone == nil {
				t.Fatalf("%s: a deleted wallet is back", where)
			}
			s, err := v.Wallet(3).Secret(nil)
			if err != nil || string(s.Mnemonic) != "words 2" {
				t.Fatalf("%s: %v", where, err)
			}
			switch got := len(v.Wallet(3).Header().Descriptors); {
			case got == 2 && s.Descriptors[0] != "wpkh(xprv)", got == 1, got == 0 && added == nil, got != len(s.Descriptors):
				t.Fatalf("%s: %d descriptors, secrets of %d", where, got, len(s.Descriptors))
			}
			if got := v.Next(); got != folderSize+1 {
				t.Fatalf("%s: the next number is %d", where, got)
			}
			if v.Wallet(1) == nil {
				if left, _ := filepath.Glob(filepath.Join(dir, "wallet-1.*")); len(left) != 0 {
					t.Fatalf("%s: left of a deleted wallet: %v", where, left)
				}
			}
			if !failed {
				break
			}
			if op > 60 {
				t.Fatal("no end")
			}
		}
	}
}

// TestSupersedeKeepsTheOldUntilDurable looks at the old bytes in the moment at
// which a power loss could bring their name back, and where the folder could not
// be made durable.
func TestSupersedeKeepsTheOldUntilDurable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is overwritten there")
	}
	for _, fails := range []error{nil, errInjected} {
		dir := t.TempDir()
		to, from := filepath.Join(dir, "wallet-1.secrets"), filepath.Join(dir, "wallet-1.secrets.tmp")
		for name, text := range map[string]string{to: "old secret", from: "new secret"} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		old, err := os.Open(to)
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		read := func() string {
			b := make([]byte, 10)
			if _, err := old.ReadAt(b, 0); err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		synced := ""
		err = supersede(from, to, func(d string) error {
			if d != dir || string(mustRead(t, to)) != "new secret" {
				t.Errorf("%s is synced before the rename", d)
			}
			synced = read()
			return fails
		})
		if err != nil || synced != "old secret" {
			t.Errorf("%v; the old bytes are %q while their name can come back", err, synced)
		}
		if gone := read() != "old secret"; gone != (fails == nil) {
			t.Errorf("the sync: %v; old bytes overwritten: %v", fails, gone)
		}
	}
}

func TestDelete(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	made := create(t, v, words("secret-one"), words("two"), words("three"))
	if err := v.Rename(made[2], "Alice"); err != nil {
		t.Fatal(err)
	}
	if err := v.Delete(made[2]); err != nil {
		t.Fatal(err)
	}
	_, err := made[2].Secret(nil)
	mustBe(t, err, ErrUnknown)
	mustBe(t, v.Delete(made[2]), ErrUnknown)
	mustBe(t, made[2].SetLabel([]byte{1}, "x"), ErrUnknown)
	if v.Wallet(3) != nil || len(v.ByName("Alice")) != 0 || v.Len() != 2 {
		t.Error("it is still there")
	}
	if got := create(t, v, New{Header: Header{Name: "Alice", Source: "words"}, Secret: &Secret{Mnemonic: []byte("x")}})[0].Number(); got != 4 {
		t.Errorf("the number %d, want 4", got)
	}
	if err := v.Delete(v.Wallet(4)); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir, nil).Next(); got != 5 {
		t.Errorf("the next number is %d, want 5", got)
	}
}

// TestSupersede says what is overwritten: the old bytes, unless they have another
// name, which may be somebody's copy.
func TestSupersede(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed over there")
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, f := range []string{"old", "linked", "new", "newer", "gone", "kept"} {
		os.WriteFile(path(f), []byte("precious "+f), 0o600)
	}
	old, err := os.Open(path("old"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := (Disk{}).Supersede(path("new"), path("old")); err != nil {
		t.Fatal(err)
	}
	was := make([]byte, 12)
	if _, err := old.ReadAt(was, 0); err != nil || !bytes.Equal(was, make([]byte, 12)) {
		t.Errorf("the old bytes are %q, %v", was, err)
	}
	if got := mustRead(t, path("old")); string(got) != "precious new" {
		t.Errorf("%q", got)
	}
	os.Link(path("linked"), path("copy"))
	if err := (Disk{}).Supersede(path("newer"), path("linked")); err != nil {
		t.Fatal(err)
	}
	os.Link(path("gone"), path("copy of gone"))
	if err := (Disk{}).Wipe(path("gone")); err != nil {
		t.Fatal(err)
	}
	os.Symlink(path("kept"), path("link"))
	if err := (Disk{}).Wipe(path("link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"copy": "precious linked", "copy of gone": "precious gone", "kept": "precious kept"} {
		if got := mustRead(t, path(name)); string(got) != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestAdopt copies wallets of other folders in.
func TestAdopt(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	folder(t, other, "theirs")
	plainOther := filepath.Join(t.TempDir(), "plain")
	folder(t, plainOther, "")
	for _, mine := range []string{"", "mine"} {
		dir := filepath.Join(t.TempDir(), "w")
		v := open(t, dir, nil)
		if mine != "" {
			if err := v.SetPassphrase([]byte(mine)); err != nil {
				t.Fatal(err)
			}
		} else if err := v.Delete(create(t, v, words("gone"))[0]); err != nil {
			t.Fatal(err)
		}
		name := "wallet-1.secrets"
		if err := os.WriteFile(filepath.Join(dir, name), mustRead(t, filepath.Join(other, name)), 0o600); err != nil {
			t.Fatal(err)
		}
		v = open(t, dir, nil)
		if v.Encrypted() != (mine != "") || len(v.Problems()) != 0 {
			t.Fatalf("a file copied in has changed the folder: encrypted %v, %v", v.Encrypted(), v.Problems())
		}
		w := v.Wallet(1)
		_, err := w.Secret(nil)
		mustBe(t, err, ErrForeign)
		if !w.Foreign() {
			t.Error("it is not said to be foreign")
		}
		if mine != "" {
			mustBe(t, v.Adopt(w, []byte("theirs"), nil), ErrLocked)
			if err := v.Unlock([]byte(mine)); err != nil {
				t.Fatal(err)
			}
			_, err := w.Secret(nil)
			mustBe(t, err, ErrForeign)
		}
		for _, wrong := range []string{"", "mine", "theirs "} {
			mustBe(t, v.Adopt(w, []byte(wrong), nil), ErrPassphrase)
		}
		// A change of the passphrase leaves it as it is, and loses nothing.
		if mine != "" {
			if err := v.ChangePassphrase([]byte(mine), []byte("mine too")); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.Adopt(w, []byte("theirs"), nil); err != nil {
			t.Fatal(err)
		}
		v = open(t, dir, nil)
		if mine != "" {
			if err := v.Unlock([]byte("mine too")); err != nil {
				t.Fatal(err)
			}
		}
		if s, err := v.Wallet(1).Secret(nil); err != nil || string(s.Mnemonic) != "words 0" || v.Wallet(1).Foreign() || v.Wallet(1).Encrypted() != (mine != "") {
			t.Errorf("adopted: %v, encrypted %v", err, v.Wallet(1).Encrypted())
		}
		// A plain one can be used as it is, says so, and is sealed on request.
		name = fmt.Sprintf("wallets-2-%d.secrets", folderSize-1)
		if err := os.WriteFile(filepath.Join(dir, name), mustRead(t, filepath.Join(plainOther, name)), 0o600); err != nil {
			t.Fatal(err)
		}
		v = open(t, dir, nil)
		if mine != "" {
			if err := v.Unlock([]byte("mine too")); err != nil {
				t.Fatal(err)
			}
		}
		if w := v.Wallet(2); !w.Plain() || w.Foreign() {
			t.Error("a plain wallet does not say so")
		}
		if err := v.Adopt(v.Wallet(2), nil, nil); err != nil {
			t.Fatal(err)
		}
		if v.Wallet(2).Plain() != (mine == "") || v.Wallet(3).Plain() != true {
			t.Error("sealing one wallet has sealed none or another")
		}
		if s, err := v.Wallet(3).Secret(nil); err != nil || string(s.Mnemonic) != "words 2" {
			t.Errorf("its neighbour: %v", err)
		}
	}
}

// TestDamagedNeighbour changes the passphrase of a shared file in which one
// wallet is damaged: its bytes stay, to be mended.
func TestDamagedNeighbour(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	folder(t, dir, "old")
	path := filepath.Join(dir, fmt.Sprintf("wallets-2-%d.secrets", folderSize-1))
	good := mustRead(t, path)
	size := sealedSize(good)
	bad := bytes.Clone(good)
	bad[size-10] ^= 1
	os.WriteFile(path, bad, 0o600)
	v := open(t, dir, nil)
	if len(v.Problems()) != 1 || v.Wallet(2) != nil {
		t.Fatal(v.Problems())
	}
	if err := v.ChangePassphrase([]byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	after := mustRead(t, path)
	if !bytes.Equal(after[:size], bad[:size]) {
		t.Fatal("the damaged wallet's bytes have changed")
	}
	after[size-10] ^= 1
	os.WriteFile(path, after, 0o600)
	v = open(t, dir, nil)
	if err := v.Unlock([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if s, err := v.Wallet(3).Secret(nil); err != nil || string(s.Mnemonic) != "words 2" {
		t.Error(err)
	}
	if err := v.Adopt(v.Wallet(2), []byte("old"), nil); err != nil {
		t.Fatal(err)
	}
	if s, err := v.Wallet(2).Secret(nil); err != nil || string(s.Mnemonic) != "words 1" {
		t.Error(err)
	}
}

func TestAddDescriptors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	folder(t, dir, "p")
	v := open(t, dir, nil)
	w := v.Wallet(2)
	d := Descriptor{Text: "wpkh(xpub)#1", Active: true, Label: "savings", Birth: 7, Next: 3, End: 1000}
	mustBe(t, v.AddDescriptors(w, []Descriptor{d}, []string{"wpkh(xprv)"}, nil), ErrLocked)
	key, err := v.Unseal([]byte("p"))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.AddDescriptors(w, []Descriptor{d, {Text: "two"}}, []string{"wpkh(xprv)", ""}, key); err != nil {
		t.Fatal(err)
	}
	d.Active, d.Label = false, "old savings"
	if err := v.AddDescriptors(w, []Descriptor{d}, []string{""}, key); err != nil {
		t.Fatal(err)
	}
	// Those that are watched only need no key.
	if err := v.AddDescriptors(v.Wallet(folderSize), []Descriptor{{Text: "addr(y)#abc"}}, []string{""}, nil); err != nil {
		t.Fatal(err)
	}
	if v.AddDescriptors(v.Wallet(folderSize), []Descriptor{{Text: "addr(z)#abc"}}, []string{"pk(secret)"}, nil) == nil {
		t.Error("a secret was given to a wallet that is watched only")
	}
	v = open(t, dir, nil)
	if got := v.Wallet(2).Header().Descriptors; len(got) != 2 || got[0] != d || got[1].Text != "two" {
		t.Errorf("descriptors %+v", got)
	}
	s, err := v.Wallet(2).Secret(key)
	if err != nil || len(s.Descriptors) != 2 || s.Descriptors[0] != "wpkh(xprv)" || s.Descriptors[1] != "" {
		t.Errorf("private forms: %v", err)
	}
	if got := v.Wallet(folderSize).Header().Descriptors; len(got) != 2 {
		t.Errorf("watched descriptors %+v", got)
	}
	made, err := v.Create([]New{{Header: Header{Source: SourceDescriptors, WatchOnly: true}}}, nil)
	if err != nil || made[0].Encrypted() || made[0].Plain() {
		t.Errorf("a wallet that is watched only needs the passphrase: %v", err)
	}
	_, err = v.Create([]New{words("x")}, nil)
	mustBe(t, err, ErrLocked)
}

// TestFormat1 opens a folder that an earlier version has written.
func TestFormat1(t *testing.T) {
	dir := t.TempDir()
	kdf := cheap
	kdf.Salt = strings.Repeat("00", saltSize)
	key, err := derive([]byte("p"), kdf)
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, t.TempDir(), nil)
	old := func(what string, head any, body []byte) []byte {
		data, err := encodeFile(what, head, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(data), "\n")
		f := &sealedFile{aad: []byte(what + " 1\n" + lines[1])}
		sealed, err := key.seal(body, f.aad, v.cfg.Rand)
		if err != nil {
			t.Fatal(err)
		}
		out := fmt.Appendf(f.aad, "%s %s\n", bodySealed, b64(sealed))
		return fmt.Appendf(out, "sha256 %x\n", sum(out))
	}
	head := words("").Header
	head.Number, head.ID, head.Network, head.Name, head.KDF = 1, "00", v.network, "Wallet1", &kdf
	os.WriteFile(filepath.Join(dir, vaultFile), old(whatVault, vaultHead{Network: v.network, Next: 2, KDF: &kdf}, []byte(checkText)), 0o600)
	os.WriteFile(filepath.Join(dir, "wallet-1.secrets"), old(whatWallet, head, []byte(`{"mnemonic":"b25l"}`)), 0o600)
	j := &journal{id: "00"}
	journal, _, _, err := j.encode(nil, 0, 0, []*record{{Journal: 1, Wallet: "00"}, {Name: "Alice"}})
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "wallet-1.journal"), journal, 0o600)

	v = open(t, dir, nil)
	mustBe(t, v.Unlock([]byte("wrong")), ErrPassphrase)
	if err := v.Unlock([]byte("p")); err != nil {
		t.Fatal(err)
	}
	if s, err := v.Wallet(1).Secret(nil); err != nil || string(s.Mnemonic) != "one" || v.Wallet(1).Name() != "Alice" {
		t.Fatal(err)
	}
	if err := v.Wallet(1).LockCoin("aa:0"); err != nil {
		t.Fatal(err)
	}
	create(t, v, words("two"))
	v = open(t, dir, nil)
	if err := v.ChangePassphrase([]byte("p"), []byte("q")); err != nil {
		t.Fatal(err)
	}
	if v.Wallet(1).Name() != "Alice" || len(v.Wallet(1).LockedCoins()) != 1 || len(v.Problems()) != 0 {
		t.Errorf("%q, %v", v.Wallet(1).Name(), v.Problems())
	}
}
