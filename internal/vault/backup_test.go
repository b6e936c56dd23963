package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"
)

const cheapWork = 4 // of scrypt, for tests

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, quick{})
	if err := v.SetPassphrase([]byte("folder")); err != nil {
		t.Fatal(err)
	}
	w := create(t, v, words("tellnobody"))[0]
	if err := v.AddDescriptors(w, []Descriptor{{Text: "wpkh(xpub)"}}, []string{"wpkh(tellnobody)"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		v.Rename(w, "Alice"), w.SetLabel([]byte{1}, "rent"), w.Issue(0, 7), w.Issue(1, 3), w.LockCoin("aa:1"),
		w.SetNote("bb", "shoes"), w.Abandon("cc", true), w.Archive(true), w.SetFlag("avoid_reuse", true),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := w.Backup(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.NetworkName, b.Made, b.Height, b.Block = "regtest", 5, 6, "00"
	_, err = b.Encode(nil, cheapWork)
	mustBe(t, err, ErrBadPassphrase)
	data, err := b.Encode([]byte("e\u0301xtra"), cheapWork)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("tellnobody")) || bytes.Contains(data, []byte(b64([]byte("tellnobody")))) || bytes.Contains(data, []byte("Alice")) {
		t.Fatal("the backup is not encrypted")
	}
	copied, err := w.Copy(b)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(copied, []byte(b64([]byte("tellnobody")))) {
		t.Fatal("the copy is not sealed")
	}
	for what, open := range map[string]func() (*Backup, error){
		"backup": func() (*Backup, error) { return DecodeBackup(data, []byte("\u00e9xtra")) },
		"copy":   func() (*Backup, error) { return DecodeBackup(copied, []byte("folder")) },
		"here":   func() (*Backup, error) { return v.OpenCopy(copied, nil) },
	} {
		got, err := open()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !b.Same(got.Secret) || got.Name != "Alice" || !got.Archived || got.Issued[0] != 7 || got.Labels["01"] != "rent" || got.Notes["bb"] != "shoes" ||
			!reflect.DeepEqual(got.Locked, []string{"aa:1"}) || !reflect.DeepEqual(got.Abandoned, []string{"cc"}) || got.Header.ID != w.Header().ID ||
			len(got.Header.Descriptors) != 1 || got.Height != 6 || got.NetworkName != "regtest" {
			t.Errorf("%s: %+v", what, got.Header)
		}
		// Into a folder of its own.
		v2 := openNew(t)
		n := New{Header: got.Header, Secret: got.Secret}
		n.Header.Name = got.Name
		again := create(t, v2, n)[0]
		if err := again.Take(got); err != nil {
			t.Fatal(err)
		}
		if again.Number() != 1 || !again.Archived() || again.Issued()[1] != 3 || again.Labels()["01"] != "rent" || len(again.LockedCoins()) != 1 || !again.Flag("avoid_reuse") || !again.Abandoned()["cc"] {
			t.Errorf("%s: not all was taken", what)
		}
		if s, err := again.Secret(nil); err != nil || !b.Same(s) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, wrong := range []string{"", "extra", "folder", strings.Repeat("x", 1<<20)} {
		_, err := DecodeBackup(data, []byte(wrong))
		mustBe(t, err, ErrPassphrase)
	}
	_, err = DecodeBackup(copied, []byte("wrong"))
	mustBe(t, err, ErrPassphrase)
	v.Lock()
	_, err = v.OpenCopy(copied, nil)
	mustBe(t, err, ErrLocked)
	_, err = openNew(t).OpenCopy(copied, nil)
	mustBe(t, err, ErrForeign)
}

func openNew(t *testing.T) *Vault {
	t.Helper()
	return open(t, t.TempDir(), quick{})
}

// TestBackupDamaged changes and cuts a backup and a copy: no change goes
// unnoticed, and no error shows what is in it.
func TestBackupDamaged(t *testing.T) {
	v := openNew(t)
	w := create(t, v, words("tellnobody"))[0]
	b, err := w.Backup(nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := b.Encode([]byte("p"), 1)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := w.Copy(b)
	if err != nil {
		t.Fatal(err)
	}
	for what, good := range map[string][]byte{"backup": data, "copy": copied} {
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			for _, bad := range [][]byte{bad, good[:i]} {
				got, err := DecodeBackup(bad, []byte("p"))
				if err == nil {
					t.Fatalf("%s, byte %d: unnoticed: %v", what, i, got)
				}
				if strings.Contains(err.Error(), "tellnobody") {
					t.Fatalf("%s, byte %d: %v", what, i, err)
				}
			}
		}
	}
}

// TestBackupForeign opens what is no backup.
func TestBackupForeign(t *testing.T) {
	encrypt := func(plain string, recipient age.Recipient) []byte {
		var out bytes.Buffer
		w, err := age.Encrypt(&out, recipient)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(plain))
		w.Close()
		return out.Bytes()
	}
	scrypt, err := age.NewScryptRecipient("p")
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(1)
	x, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		data []byte
		kind Kind
	}{
		"nothing":        {nil, ErrNoBackup},
		"text":           {[]byte("hello"), ErrNoBackup},
		"another's age":  {encrypt("a diary", scrypt), ErrNoBackup},
		"other JSON":     {encrypt(`{"words":"tellnobody"}`, scrypt), ErrNoBackup},
		"for a key":      {encrypt("x", x.Recipient()), ErrNoBackup},
		"newer":          {encrypt(`{"lode_wallet_backup":2,"more":1}`, scrypt), ErrNewer},
		"unknown fields": {encrypt(`{"lode_wallet_backup":1,"more":1}`, scrypt), ErrDamaged},
		"no secret":      {encrypt(`{"lode_wallet_backup":1,"wallet":{"source":"words"}}`, scrypt), ErrDamaged},
		"much work":      {bytes.Replace(data(t), []byte(" 1\n"), []byte(" 30\n"), 1), ErrDamaged},
	} {
		_, err := DecodeBackup(c.data, []byte("p"))
		if err == nil {
			t.Errorf("%s: taken", what)
			continue
		}
		mustBe(t, err, c.kind)
		if strings.Contains(err.Error(), "tellnobody") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func data(t *testing.T) []byte {
	t.Helper()
	w := create(t, openNew(t), words("x"))[0]
	b, err := w.Backup(nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := b.Encode([]byte("p"), 1)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBackupDoesNotPrint(t *testing.T) {
	b := &Backup{Name: "tellnobody", Secret: &Secret{Mnemonic: []byte("tellnobody"), Descriptors: []string{"tellnobody"}}}
	j, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if out := fmt.Sprintf("%v %+v %#v %s %x", b, b, b, b, b) + string(j) + b.LogValue().String(); strings.Contains(out, "tellnobody") || strings.Contains(out, "74656c") {
		t.Errorf("printed: %s", out)
	}
}

// TestMissing takes what a backup has more into a wallet that has gone on.
func TestMissing(t *testing.T) {
	w := create(t, openNew(t), words("x"))[0]
	for _, err := range []error{w.SetLabel([]byte{1}, "new"), w.Issue(0, 9)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	old := &Backup{Issued: map[uint32]uint32{0: 5, 1: 2}, Labels: map[string]string{"01": "old", "02": "only there"}}
	m := old.Missing(w)
	if m.Empty() || len(m.Issued) != 1 || m.Issued[1] != 2 || len(m.Labels) != 1 {
		t.Fatalf("%v %v", m.Issued, m.Labels)
	}
	if err := w.Take(m); err != nil {
		t.Fatal(err)
	}
	if w.Labels()["01"] != "new" || w.Labels()["02"] != "only there" || w.Issued()[0] != 9 || w.Issued()[1] != 2 {
		t.Errorf("%v %v", w.Labels(), w.Issued())
	}
	if !old.Missing(w).Empty() {
		t.Error("something is missing still")
	}
}
