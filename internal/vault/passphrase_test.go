package vault

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPassphraseTexts says which passphrases can be, and that all others are
// wrong in one way.
func TestPassphraseTexts(t *testing.T) {
	for _, c := range []struct {
		set  string
		good []string
		bad  []string
	}{
		{"e\u0301", []string{"\u00e9"}, []string{"e"}}, // NFC: typed on another system
		{"\uff41", nil, []string{"a"}},                 // but not NFKC: another character is another passphrase
		{"nul\x00in it", nil, []string{"nul", "nul\x00"}},
		{"\xff\xfe", nil, []string{"\xff", "\ufffd\ufffd"}}, // not UTF-8
		{" space ", nil, []string{"space"}},
		{strings.Repeat("x", maxPassphrase), nil, []string{strings.Repeat("x", maxPassphrase-1)}},
	} {
		v := open(t, t.TempDir(), quick{})
		create(t, v, words("one"))
		if err := v.SetPassphrase([]byte(c.set)); err != nil {
			t.Fatalf("%q: %v", c.set, err)
		}
		v.Lock()
		for _, good := range append(c.good, c.set) {
			if err := v.Unlock([]byte(good)); err != nil {
				t.Errorf("%q does not open what %q closed: %v", good, c.set, err)
			}
			v.Lock()
		}
		for _, bad := range append(c.bad, "", strings.Repeat("x", 1<<20), "\x00", c.set+"\x00", c.set+" ") {
			err := v.Unlock([]byte(bad))
			if mustBe(t, err, ErrPassphrase); err.Error() != string(ErrPassphrase) {
				t.Errorf("a wrong passphrase says %q", err)
			}
		}
	}
	v := open(t, t.TempDir(), quick{})
	for _, bad := range []string{"", strings.Repeat("x", maxPassphrase+1), strings.Repeat("x", 1<<20)} {
		mustBe(t, v.SetPassphrase([]byte(bad)), ErrBadPassphrase)
		mustBe(t, v.ChangePassphrase([]byte("x"), []byte(bad)), ErrBadPassphrase)
	}
	mustBe(t, v.ChangePassphrase([]byte("x"), []byte("y")), ErrNotEncrypted)
	mustBe(t, v.RemovePassphrase([]byte("x")), ErrNotEncrypted)
}

// TestNoOracle tries passphrases that cannot be and that are wrong: each costs a
// derivation, so neither time nor text tells them apart.
func TestNoOracle(t *testing.T) {
	v := open(t, t.TempDir(), quick{})
	v.cfg.KDF = KDF{Name: kdfName, Time: 2, MemoryKiB: 8 << 10, Threads: 1}
	if err := v.SetPassphrase([]byte("right")); err != nil {
		t.Fatal(err)
	}
	least := func(passphrase string) time.Duration {
		best := time.Hour
		for range 5 {
			begin := time.Now()
			mustBe(t, v.Unlock([]byte(passphrase)), ErrPassphrase)
			best = min(best, time.Since(begin))
		}
		return best
	}
	wrong := least("wrong")
	for _, p := range []string{"", strings.Repeat("x", 1<<20), "\x00"} {
		if got := least(p); got < wrong/4 {
			t.Errorf("%d bytes take %v, a wrong passphrase %v", len(p), got, wrong)
		}
	}
}

// TestPassphraseIsForAll changes the passphrase and looks who is locked.
func TestPassphraseIsForAll(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, quick{})
	w := create(t, v, words("one"))[0]
	if !w.Plain() || w.Encrypted() {
		t.Error("a plain wallet does not say so")
	}
	if err := v.SetPassphrase([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if w.Plain() || v.Locked() {
		t.Error("plain, or locked, after the passphrase was set")
	}
	if data := mustRead(t, v.path("wallet-1.secrets")); strings.Contains(string(data), b64([]byte("one"))) {
		t.Error("the words are in the file")
	}
	mustBe(t, v.ChangePassphrase([]byte("wrong"), []byte("b")), ErrPassphrase)
	if err := v.ChangePassphrase([]byte("a"), []byte("b")); err != nil || v.Locked() {
		t.Fatal(err)
	}
	if _, err := w.Secret(nil); err != nil {
		t.Error(err)
	}
	v.Lock()
	if err := v.ChangePassphrase([]byte("b"), []byte("c")); err != nil || !v.Locked() {
		t.Fatalf("a change unlocks: %v", err)
	}
	mustBe(t, v.RemovePassphrase([]byte("b")), ErrPassphrase)
	if err := v.RemovePassphrase([]byte("c")); err != nil || v.Encrypted() || v.Locked() {
		t.Fatal(err)
	}
	if s, err := open(t, dir, quick{}).Wallet(1).Secret(nil); err != nil || string(s.Mnemonic) != "one" {
		t.Error(err)
	}
}

// TestWipedOnLock looks at the very bytes that were the key.
func TestWipedOnLock(t *testing.T) {
	v := open(t, t.TempDir(), quick{})
	if err := v.SetPassphrase([]byte("p")); err != nil {
		t.Fatal(err)
	}
	held := v.key.bytes
	if hex.EncodeToString(held) == strings.Repeat("00", len(held)) {
		t.Fatal("no key is held")
	}
	v.Lock()
	if hex.EncodeToString(held) != strings.Repeat("00", len(held)) {
		t.Error("the key is in memory still")
	}
	s := &Secret{Mnemonic: []byte("words"), BIP39Passphrase: []byte("extra"), Key: []byte("key"), Descriptors: []string{"wpkh(xprv)"}}
	parts := [][]byte{s.Mnemonic, s.BIP39Passphrase, s.Key}
	s.Wipe()
	for _, p := range parts {
		if strings.Trim(string(p), "\x00") != "" {
			t.Errorf("left: %q", p)
		}
	}
}

// TestMemoryBomb opens files that ask for more than a machine has.
func TestMemoryBomb(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, quick{})
	bomb := KDF{Name: kdfName, Salt: strings.Repeat("00", saltSize), Time: 1, MemoryKiB: 1<<32 - 1, Threads: 1}
	data, err := encodeFile(whatVault, vaultHead{Network: v.network, Next: 1, KDF: &bomb, Check: "00"}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, vaultFile), data, 0o600)
	v = open(t, dir, quick{})
	if len(v.Problems()) != 1 || v.Encrypted() {
		t.Errorf("problems %v", v.Problems())
	}
	mustBe(t, v.Problems()[0], ErrDamaged)
}

// TestCalibrate measures what a passphrase costs here.
func TestCalibrate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes most of a second")
	}
	kdf := calibrate()
	kdf.Salt = strings.Repeat("00", saltSize)
	if err := kdf.check(); err != nil {
		t.Fatal(err)
	}
	if kdf.Time < leastTime || kdf.MemoryKiB < leastMemoryKiB {
		t.Errorf("below the floor: %+v", kdf)
	}
	begin := time.Now()
	key, err := derive([]byte("p"), kdf)
	if err != nil {
		t.Fatal(err)
	}
	key.Wipe()
	t.Logf("%+v takes %v", kdf, time.Since(begin))
}
