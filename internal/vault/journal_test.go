package vault

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	w := create(t, v, words("one"))[0]
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(w.Archive(true))
	do(w.LockCoin("aa:0", "bb:1", "aa:0"))
	do(w.UnlockCoin("aa:0", "cc:9"))
	do(w.Abandon("dd", true))
	do(w.Abandon("ee", true))
	do(w.Abandon("ee", false))
	do(w.SetNote("ff", "rent"))
	do(w.SetNote("gg", "x"))
	do(w.SetNote("gg", ""))
	do(w.SetLabel([]byte{7}, "Bob"))
	do(w.Issue(3, 9))
	check := func(w *Wallet) {
		t.Helper()
		if !w.Archived() || !slices.Equal(w.LockedCoins(), []string{"bb:1"}) || len(w.Abandoned()) != 1 || !w.Abandoned()["dd"] ||
			w.Note("ff") != "rent" || w.Note("gg") != "" || w.Labels()["07"] != "Bob" || w.Issued()[3] != 9 {
			t.Errorf("%v %v %v %q %v %v", w.Archived(), w.LockedCoins(), w.Abandoned(), w.Note("ff"), w.Labels(), w.Issued())
		}
	}
	check(w)
	check(open(t, dir, nil).Wallet(1))
	// What changes nothing is not written.
	before := len(mustRead(t, v.journalPath(1)))
	do(w.Archive(true))
	do(w.LockCoin("bb:1"))
	do(w.Issue(3, 2))
	do(w.SetNote("ff", "rent"))
	do(w.Abandon("dd", true))
	if after := len(mustRead(t, v.journalPath(1))); after != before {
		t.Errorf("%d bytes more", after-before)
	}
	do(w.Archive(false))
	if open(t, dir, nil).Wallet(1).Archived() {
		t.Error("it is archived still")
	}
	for _, err := range []error{
		w.LockCoin(strings.Repeat("a", 100)), w.Abandon(strings.Repeat("a", 100), true), w.SetNote("aa", strings.Repeat("a", 2000)),
		w.SetNote(strings.Repeat("a", 100), "x"), w.SetLabel([]byte{1}, strings.Repeat("a", 2000)),
	} {
		if err == nil {
			t.Error("a record without bounds was taken")
		}
	}
}

// TestJournalIsBounded relabels one script for ever: the file stays small, and
// payments are found after each renewal.
func TestJournalIsBounded(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, quick{})
	w := create(t, v, words("one"))[0]
	text := strings.Repeat("x", maxLabel-10)
	most, renewed, before := 0, 0, 0
	for i := range 3 * compactFrom / maxLabel {
		if i%100 == 0 {
			if err := w.RecordSend(Send{Key: fmt.Sprint(i), TxID: "t", Tx: "00"}, 1, uint32(i+1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.SetLabel([]byte{1}, fmt.Sprint(text, i)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(v.journalPath(1))
		if err != nil {
			t.Fatal(err)
		}
		if int(info.Size()) < before {
			renewed++
		}
		before = int(info.Size())
		most = max(most, before)
	}
	if most > compactFrom+4*maxLabel || renewed < 2 {
		t.Errorf("the journal had up to %d bytes and was renewed %d times", most, renewed)
	}
	for _, w := range []*Wallet{w, open(t, dir, quick{}).Wallet(1)} {
		for i := 0; i < 3*compactFrom/maxLabel; i += 100 {
			if _, err := w.Send(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok := w.Label([]byte{1}); !ok || w.Issued()[1] == 0 {
			t.Error("a renewal has lost a record")
		}
	}
}

// TestRenewalSweep fails each operation of a renewal: what was there before is
// there after it, and a record that was refused may not be half there.
func TestRenewalSweep(t *testing.T) {
	for _, mode := range []struct{ tear, dead bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		for op := 1; ; op++ {
			dir := filepath.Join(t.TempDir(), "w")
			v := open(t, dir, quick{})
			w := create(t, v, words("one"))[0]
			if err := w.RecordSend(Send{Key: "k", TxID: "t", Tx: "00"}, 1, 5); err != nil {
				t.Fatal(err)
			}
			fs := &faulty{tear: mode.tear, dead: mode.dead}
			v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap, FS: fs, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			w = v.Wallet(1)
			w.journal.version = 1 // as an earlier version wrote it: to be renewed
			fs.left = op
			err = w.Issue(1, 6)
			second := w.Issue(1, 7)
			failed := fs.left <= 0
			v = open(t, dir, quick{})
			w = v.Wallet(1)
			if w == nil || len(v.Problems()) != 0 || len(v.Notices()) != 0 {
				t.Fatalf("%+v, operation %d: %v, %v", mode, op, v.Problems(), v.Notices())
			}
			got := w.Issued()[1]
			if _, serr := w.Send("k"); serr != nil || got < 5 || err == nil && got < 6 || second == nil && got != 7 {
				t.Fatalf("%+v, operation %d: index %d after %v, %v; %v", mode, op, got, err, second, serr)
			}
			if !failed {
				break
			}
		}
	}
}

// TestTornPages appends in one write what spans pages and loses any of them, as
// a power loss can: the wallet opens, all records before are there, what is lost
// is told and the bytes are kept aside.
func TestTornPages(t *testing.T) {
	const page = 512
	dir := t.TempDir()
	v := open(t, dir, quick{})
	w := create(t, v, words("one"))[0]
	if err := w.SetLabel([]byte{1}, "before"); err != nil {
		t.Fatal(err)
	}
	path := v.journalPath(1)
	before := len(mustRead(t, path))
	var recs []*record
	for i := range 8 {
		recs = append(recs, &record{Label: &label{fmt.Sprintf("aa%02d", i), strings.Repeat("y", 300)}})
	}
	if err := w.journal.append(recs...); err != nil {
		t.Fatal(err)
	}
	whole := mustRead(t, path)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		bad := bytes.Clone(whole)
		lost := 0
		for at := before / page * page; at < len(whole); at += page {
			if random.IntN(3) == 0 {
				clear(bad[max(at, before):min(at+page, len(bad))])
				lost++
			}
		}
		if cut := random.IntN(4); cut == 0 {
			bad = bad[:before+random.IntN(len(bad)-before)]
		}
		asides, _ := filepath.Glob(path + damagedSuffix + "*")
		for _, a := range asides {
			os.Remove(a)
		}
		os.WriteFile(path, bad, 0o600)
		v := open(t, dir, quick{})
		w := v.Wallet(1)
		if w == nil {
			t.Fatalf("locked out: %v", v.Problems())
		}
		if text, _ := w.Label([]byte{1}); text != "before" {
			t.Fatal("a record before the damage is lost")
		}
		for script, text := range w.Labels() {
			if script != "01" && text != strings.Repeat("y", 300) {
				t.Fatalf("%s: %q", script, text)
			}
		}
		if err := w.SetLabel([]byte{2}, "after"); err != nil {
			t.Fatal(err)
		}
		v = open(t, dir, quick{})
		if text, _ := v.Wallet(1).Label([]byte{2}); text != "after" || len(v.Notices()) != 0 {
			t.Fatalf("after it was mended: %v", v.Notices())
		}
	}
	// One lost page in the middle costs what lies in it, and no more.
	bad := bytes.Clone(whole)
	clear(bad[before+page : before+page+10])
	os.WriteFile(path, bad, 0o600)
	v = open(t, dir, quick{})
	if got := len(v.Wallet(1).Labels()); got < 7 || len(v.Notices()) != 1 || !strings.Contains(v.Notices()[0].Error(), path) {
		t.Errorf("%d labels are left; %v", got, v.Notices())
	}
}

// TestForeignJournal puts the journal of another wallet, and one of a later
// version, in a wallet's place: they are not taken for damage.
func TestForeignJournal(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir, nil)
	made := create(t, v, words("one"), words("two"))
	for _, w := range made {
		if err := w.SetLabel([]byte{1}, "x"); err != nil {
			t.Fatal(err)
		}
	}
	os.WriteFile(v.journalPath(1), mustRead(t, v.journalPath(2)), 0o600)
	if p := open(t, dir, nil).Problems(); len(p) != 1 || !strings.Contains(p[0].Error(), "another wallet") {
		t.Errorf("problems %v", p)
	}
	j := &journal{id: made[0].Header().ID}
	newer, _, _, err := j.encode(nil, 0, 0, []*record{{Journal: journalVersion + 1, Wallet: j.id}})
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(v.journalPath(1), newer, 0o600)
	p := open(t, dir, nil).Problems()
	if len(p) != 1 {
		t.Fatal(p)
	}
	mustBe(t, p[0], ErrNewer)
}
