package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var cheap = KDF{Name: kdfName, Time: 1, MemoryKiB: 8, Threads: 1}

var testNetwork = [32]byte{1, 2, 3}

func open(t testing.TB, dir string, fs FS) *Vault {
	t.Helper()
	v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func words(s string) New {
	return New{
		Header: Header{Source: "words", Type: "bech32", Path: "m/84'/1'/0'", Account: "tpub…", PublicKey: "02", Script: "0014", Birth: 5, Created: 6},
		Secret: &Secret{Mnemonic: []byte(s), BIP39Passphrase: []byte("extra")},
	}
}

func create(t testing.TB, v *Vault, news ...New) []*Wallet {
	t.Helper()
	made, err := v.Create(news, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func mustBe(t testing.TB, err error, kind Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want %q", err, kind)
	}
}

func TestReopen(t *testing.T) {
	for _, passphrase := range []string{"", "open sesame"} {
		t.Run(passphrase, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "wallets")
			v := open(t, dir, nil)
			if passphrase != "" {
				if err := v.SetPassphrase([]byte(passphrase)); err != nil {
					t.Fatal(err)
				}
			}
			made := create(t, v, words("one"), New{Header: Header{Source: "key", Type: "legacy"}, Secret: &Secret{Key: bytes.Repeat([]byte{7}, 32)}}, words("three"))
			if err := v.Rename(made[2], "Alice"); err != nil {
				t.Fatal(err)
			}
			if err := made[1].Issue(1, 4); err != nil {
				t.Fatal(err)
			}
			if err := made[1].RecordSend(Send{Key: "k", TxID: "t", Tx: "00", Details: "d"}, 1, 6); err != nil {
				t.Fatal(err)
			}

			if err := made[0].SetLabel([]byte{1}, "rent"); err != nil {
				t.Fatal(err)
			}

			v = open(t, dir, nil)
			if p := v.Problems(); len(p) != 0 {
				t.Fatal(p)
			}
			list := v.Wallets()
			if len(list) != 3 || list[0].Name() != "Wallet1" || list[2].Name() != "Alice" || list[1].Number() != 2 {
				t.Fatalf("wallets %v", list)
			}
			if next := list[1].Issued(); next[1] != 6 || next[0] != 0 {
				t.Errorf("issued %v", next)
			}
			if text, ok := list[0].Label([]byte{1}); !ok || text != "rent" {
				t.Errorf("label %q", text)
			}
			if _, ok := list[0].Label([]byte{2}); ok {
				t.Error("a label that was never set")
			}
			send, err := list[1].Send("k")
			if err != nil || send.TxID != "t" || send.Details != "d" {
				t.Errorf("send %v, %v", send, err)
			}
			_, err = list[1].Send("other")
			mustBe(t, err, ErrUnknown)
			if v.Encrypted() != (passphrase != "") || v.Locked() != v.Encrypted() {
				t.Errorf("encrypted %v, locked %v", v.Encrypted(), v.Locked())
			}
			if passphrase != "" {
				_, err := list[0].Secret(nil)
				mustBe(t, err, ErrLocked)
				_, err = v.Create([]New{words("x")}, nil)
				mustBe(t, err, ErrLocked)
				for _, wrong := range []string{"", "open sesamE", "open sesame ", "open sesame\x00", strings.Repeat("x", 1<<20)} {
					err := v.Unlock([]byte(wrong))
					mustBe(t, err, ErrPassphrase)
					if err.Error() != string(ErrPassphrase) {
						t.Errorf("wrong passphrase says %q", err)
					}
				}
				if err := v.Unlock([]byte(passphrase)); err != nil {
					t.Fatal(err)
				}
			} else {
				mustBe(t, v.Unlock([]byte("x")), ErrNotEncrypted)
			}
			secret, err := list[2].Secret(nil)
			if err != nil || string(secret.Mnemonic) != "three" || string(secret.BIP39Passphrase) != "extra" {
				t.Fatalf("secret: %v", err)
			}
			if secret, err = list[1].Secret(nil); err != nil || !bytes.Equal(secret.Key, bytes.Repeat([]byte{7}, 32)) {
				t.Fatalf("key: %v", err)
			}
			v.Lock()
			if passphrase != "" {
				_, err := list[2].Secret(nil)
				mustBe(t, err, ErrLocked)
			}
		})
	}
}

func TestNumbersAreNeverReused(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	create(t, v, words("a"), words("b"))
	if err := os.Remove(filepath.Join(dir, "wallet-2.secrets")); err != nil {
		t.Fatal(err)
	}
	v = open(t, dir, nil)
	if n := create(t, v, words("c"))[0].Number(); n != 3 {
		t.Errorf("number %d, want 3", n)
	}
	// Without the folder's own file the highest number there counts.
	if err := os.Remove(filepath.Join(dir, vaultFile)); err != nil {
		t.Fatal(err)
	}
	v = open(t, dir, nil)
	if n := create(t, v, words("d"))[0].Number(); n != 4 {
		t.Errorf("number %d, want 4", n)
	}
}

func TestPassphrase(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	mustBe(t, v.SetPassphrase(nil), ErrBadPassphrase)
	mustBe(t, v.SetPassphrase(make([]byte, maxPassphrase+1)), ErrBadPassphrase)
	if err := v.SetPassphrase([]byte("re\u0301sume\u0301\x00")); err != nil {
		t.Fatal(err)
	}
	mustBe(t, v.SetPassphrase([]byte("again")), ErrEncrypted)
	create(t, v, words("a"))

	v = open(t, dir, nil)
	key, err := v.Unseal([]byte("r\u00e9sum\u00e9\x00")) // the same in NFC
	if err != nil {
		t.Fatal(err)
	}
	if !v.Locked() {
		t.Error("Unseal unlocked the vault")
	}
	if _, err := v.Create([]New{words("b")}, key); err != nil {
		t.Fatal(err)
	}
	s, err := v.Wallet(2).Secret(key)
	if err != nil || string(s.Mnemonic) != "b" {
		t.Fatalf("secret with a key of one's own: %v", err)
	}
	key.Wipe()

	// The folder's own file is lost: the wallets say how they are opened.
	os.Remove(filepath.Join(dir, vaultFile))
	v = open(t, dir, nil)
	mustBe(t, v.Unlock([]byte("wrong")), ErrPassphrase)
	if err := v.Unlock([]byte("r\u00e9sum\u00e9\x00")); err != nil {
		t.Fatal(err)
	}
}

// TestEveryByte changes and cuts each file at every byte: the wallet is either
// as it was or refused with an error that names the file, and the other wallet
// loads all the same.
func TestEveryByte(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	if err := v.SetPassphrase([]byte("p")); err != nil {
		t.Fatal(err)
	}
	made := create(t, v, words("one"), words("two"))
	if err := v.Rename(made[0], "Alice"); err != nil {
		t.Fatal(err)
	}
	if err := made[0].RecordSend(Send{Key: "k", TxID: "t", Tx: "00"}, 1, 2); err != nil {
		t.Fatal(err)
	}
	key, err := v.Unseal([]byte("p"))
	if err != nil {
		t.Fatal(err)
	}
	intact := func(v *Vault) bool {
		w := v.Wallet(1)
		if w == nil || w.Name() != "Alice" || w.Issued()[1] != 2 {
			return false
		}
		_, err := w.Send("k")
		return err == nil
	}
	for _, name := range []string{"wallet-1.secrets", "wallet-1.journal", vaultFile} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, at int, bad []byte) {
			t.Helper()
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: quick{}, Workers: 1})
			if err != nil {
				if name != vaultFile || !strings.Contains(err.Error(), path) {
					t.Fatalf("%s %s at %d: %v", name, what, at, err)
				}
				return
			}
			if other := v.Wallet(2); other == nil {
				t.Fatalf("%s %s at %d: the other wallet is gone", name, what, at)
			} else if s, err := other.Secret(key); err != nil || string(s.Mnemonic) != "two" {
				t.Fatalf("%s %s at %d: the other wallet's secret: %v", name, what, at, err)
			}
			problems := slices.Concat(v.Problems(), v.Notices())
			if len(problems) == 0 && !intact(v) && what != "cut" {
				t.Fatalf("%s %s at %d: changed unnoticed", name, what, at)
			}
			if name == "wallet-1.journal" {
				if s, err := v.Wallet(1).Secret(key); err != nil || string(s.Mnemonic) != "one" || len(v.Problems()) != 0 {
					t.Fatalf("%s %s at %d: the wallet is locked out: %v, %v", name, what, at, err, v.Problems())
				}
				asides, _ := filepath.Glob(path + damagedSuffix + "*")
				if len(asides) != len(v.Notices()) || len(asides) == 1 && !bytes.Equal(mustRead(t, asides[0]), bad) {
					t.Fatalf("%s %s at %d: put aside: %v, notices %v", name, what, at, asides, v.Notices())
				}
				for _, aside := range asides {
					os.Remove(aside)
				}
				if v := open(t, dir, quick{}); len(v.Notices()) != 0 || len(v.Problems()) != 0 {
					t.Fatalf("%s %s at %d: not mended: %v", name, what, at, v.Notices())
				}
			}
			for _, p := range problems {
				if !strings.Contains(p.Error(), path) {
					t.Fatalf("%s %s at %d: the error names no file: %v", name, what, at, p)
				}
			}
			if name != "wallet-1.journal" && len(problems) == 0 {
				t.Fatalf("%s %s at %d: no error", name, what, at)
			}
		}
		for i := range good {
			flip := []byte{0x01, 0x20, 0xff}[i%3]
			bad := bytes.Clone(good)
			bad[i] ^= flip
			try(fmt.Sprintf("^%#x", flip), i, bad)
			try("cut", i, good[:i])
		}
		try("longer", len(good), append(bytes.Clone(good), 'x', '\n'))
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v := open(t, dir, nil); len(v.Problems()) != 0 || !intact(v) {
		t.Fatal(v.Problems())
	}
}

// TestSealedHeader changes the header of an encrypted wallet and makes the
// checksum right again: the secret no longer opens.
func TestSealedHeader(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	if err := v.SetPassphrase([]byte("p")); err != nil {
		t.Fatal(err)
	}
	w := create(t, v, words("one"))[0]
	file, err := decodeFile(whatWallet, mustRead(t, v.path("wallet-1.secrets")), new(Header))
	if err != nil {
		t.Fatal(err)
	}
	h := w.Header()
	h.Script = "beef"
	forged, err := encodeFile(whatWallet, h, []byte("{}"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	head, err := decodeFile(whatWallet, forged, new(Header))
	if err != nil {
		t.Fatal(err)
	}
	file.aad = head.aad
	if _, err := file.open(v.key); !errors.Is(err, ErrDamaged) {
		t.Fatalf("a changed header: %v", err)
	}
}

func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	w := create(t, v, words("one"))[0]
	path := v.journalPath(1)
	var ends []int
	for i := range 3 {
		if err := v.Rename(w, fmt.Sprintf("name %d", i)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(mustRead(t, path)))
	}
	whole := mustRead(t, path)
	for cut := ends[1]; cut < ends[2]; cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		v := open(t, dir, nil)
		want := "name 1"
		if cut == ends[2]-1 {
			want = "name 2" // all but the line end
		}
		if len(v.Problems()) != 0 {
			t.Fatalf("cut at %d: %v", cut, v.Problems())
		}
		if got := v.Wallet(1).Name(); got != want {
			t.Fatalf("cut at %d: name %q", cut, got)
		}
		if err := v.Rename(v.Wallet(1), "after"); err != nil {
			t.Fatal(err)
		}
		if v := open(t, dir, nil); v.Wallet(1).Name() != "after" {
			t.Fatalf("cut at %d: the record after the cut is lost", cut)
		}
	}
}

func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir, nil), words("one"))
	_, err := Open(Config{Dir: dir, Network: [32]byte{9}, KDF: cheap})
	mustBe(t, err, ErrNetwork)

	os.Remove(filepath.Join(dir, vaultFile))
	v, err := Open(Config{Dir: dir, Network: [32]byte{9}, KDF: cheap})
	if err != nil {
		t.Fatal(err)
	}
	if p := v.Problems(); len(p) != 1 || !errors.Is(p[0], ErrNetwork) {
		t.Errorf("problems %v", p)
	}

	newer := bytes.Replace(mustRead(t, filepath.Join(dir, "wallet-1.secrets")), fmt.Appendf(nil, "lode-wallet %d", formatVersion), fmt.Appendf(nil, "lode-wallet %d", formatVersion+1), 1)
	os.WriteFile(filepath.Join(dir, "wallet-1.secrets"), newer, 0o600)
	if p := open(t, dir, nil).Problems(); len(p) != 1 || !errors.Is(p[0], ErrNewer) {
		t.Errorf("problems %v", p)
	}
	// The number of a wallet that cannot be read is not given away.
	if n := open(t, dir, nil).Next(); n != 2 {
		t.Errorf("next number %d", n)
	}
}

func TestCopiedFile(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir, nil), words("one"))
	os.WriteFile(filepath.Join(dir, "wallet-5.secrets"), mustRead(t, filepath.Join(dir, "wallet-1.secrets")), 0o600)
	v := open(t, dir, nil)
	if p := v.Problems(); len(p) != 1 || !strings.Contains(p[0].Error(), "wallet-5") || !strings.Contains(p[0].Error(), "file of wallet 1 under the name of another") {
		t.Errorf("problems %v", p)
	}
}

func TestKDFBounds(t *testing.T) {
	good := KDF{Name: kdfName, Salt: strings.Repeat("00", saltSize), Time: 1, MemoryKiB: 8, Threads: 1}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*KDF){
		"name":    func(k *KDF) { k.Name = "md5" },
		"salt":    func(k *KDF) { k.Salt = "00" },
		"time":    func(k *KDF) { k.Time = 0 },
		"minutes": func(k *KDF) { k.Time = 1 << 31 },
		"memory":  func(k *KDF) { k.MemoryKiB = 1 << 31 },
		"tiny":    func(k *KDF) { k.MemoryKiB = 7 },
		"threads": func(k *KDF) { k.Threads = 0 },
	} {
		bad := good
		change(&bad)
		if bad.check() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := &Secret{Mnemonic: []byte("tellnobody"), Key: []byte("tellnobody")}
	k := &Key{bytes: []byte("tellnobody")}
	j, err := json.Marshal(map[string]any{"a": s, "b": *s})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		fmt.Sprint(s, *s, k), fmt.Sprintf("%v %+v %#v %s %x %q %d", s, s, s, s, s, s, s), fmt.Sprintf("%v %#v %+v", *s, *s, []Secret{*s}),
		fmt.Sprintf("%v %#v %s", k, k, k), string(j), s.LogValue().String(), k.LogValue().String(),
	} {
		if strings.Contains(out, "tellnobody") || strings.Contains(out, "74656c6c") || strings.Contains(out, "116") {
			t.Errorf("printed: %s", out)
		}
	}
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestTornSend tears the record of a payment at every byte: if it is there, the
// index of its change is too.
func TestTornSend(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	w := create(t, v, words("one"))[0]
	if err := v.Rename(w, "Alice"); err != nil {
		t.Fatal(err)
	}
	path := v.journalPath(1)
	before := len(mustRead(t, path))
	if err := w.RecordSend(Send{Key: "k", TxID: "t", Tx: "00"}, 1, 3); err != nil {
		t.Fatal(err)
	}
	whole := mustRead(t, path)
	for cut := before; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		w := open(t, dir, nil).Wallet(1)
		if w == nil {
			continue // all but a line end: cannot be told from a changed one
		}
		if _, err := w.Send("k"); err == nil && w.Issued()[1] != 3 {
			t.Fatalf("cut at %d of %d: the payment is there, its change index is not", cut-before, len(whole)-before)
		}
	}
}
