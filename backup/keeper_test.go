package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lode-chain/lode/internal/newfile"
)

func isKind(err, kind error) bool { return errors.Is(err, kind) }

// The five blocks of the first backup, as any JSON reader sees them.
func TestFirstBackup(t *testing.T) {
	f := newFixture(t)
	f.mine(4, "")
	f.wrote(5)
	if _, err := os.Stat(f.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is made before the first backup: %v", err)
	}
	f.mine(1, "")
	f.wrote(5, "chain_backup_5.json")
	f.wrote(5)

	data, err := os.ReadFile(f.file("chain_backup_5.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Format, Version, Note, Software, Created, Network, Tip, ChainWork any
		Keys                                                              *bool `json:"contains_keys"`
		Height, Count                                                     int
		First                                                             int `json:"first_height"`
		Fork                                                              int `json:"fork_height"`
		Previous                                                          *struct{}
		Blocks                                                            []struct {
			Height    int
			Hash, Raw string
			Time      time.Time
			TxIDs     []string
		}
		SHA256 string
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	tip := f.chain.Tip()
	if got.Keys == nil || *got.Keys || got.Network != "regtest" || got.Tip != tip.Hash.String() ||
		got.First != 1 || got.Height != 5 || got.Fork != 0 || got.Previous != nil || len(got.Blocks) != 5 ||
		got.Created != "2023-11-14T22:13:20Z" || got.Software != "lode test" {
		t.Errorf("header is %+v", got)
	}
	for i, b := range got.Blocks {
		e := f.chain.ByHeight(int32(i) + 1)
		raw, err := f.chain.BlockBytes(e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if b.Height != i+1 || b.Hash != e.Hash.String() || b.Time.Unix() != e.Time() || len(b.TxIDs) != 1 || b.Raw != hex.EncodeToString(raw) {
			t.Errorf("block %d is %+v", i+1, b)
		}
	}
	// The checksum is over all lines but the last two.
	lines := bytes.SplitAfter(data, []byte("\n"))
	sum := sha256.Sum256(bytes.Join(lines[:len(lines)-3], nil))
	if got.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("checksum is %s, want %x", got.SHA256, sum)
	}
	if info, err := os.Stat(f.file("chain_backup_5.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	if info, err := os.Stat(f.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the folder %v (%v), want 0700", info.Mode(), err)
	}
	f.restores("chain_backup_5.json", tip)
}

func TestCostFollowsNewBlocks(t *testing.T) {
	f := newFixture(t)
	f.mine(111, "") // more than 100 at once
	f.wrote(5, "chain_backup_110.json")
	f.mine(4, "")
	f.wrote(5, "chain_backup_115.json")
	f.mine(12, "") // few at once: as if one by one
	f.newKeeper()
	f.wrote(5, "chain_backup_120.json", "chain_backup_125.json")
	f.wrote(7, "chain_backup_126.json") // another distance
	f.wrote(0)
	f.wrote(1000)
	f.mine(101, "")
	f.wrote(1, "chain_backup_228.json")

	info, err := ReadInfo(f.file("chain_backup_126.json"))
	if err != nil || info.FirstHeight != 126 || info.Blocks != 1 || info.Previous.File != "chain_backup_125.json" {
		t.Errorf("one block more: %+v (%v)", info, err)
	}
	f.restores("chain_backup_228.json", f.chain.Tip())
	f.restores("chain_backup_115.json", f.chain.ByHeight(115))
}

func TestBoundsOfAFile(t *testing.T) {
	f := newFixture(t)
	f.keeper.bounds = bounds{oneByOne: 5, blocks: 30, bytes: 1 << 20}
	f.mine(100, "")
	f.wrote(10, "chain_backup_30.json", "chain_backup_60.json", "chain_backup_90.json", "chain_backup_100.json")
	f.restores("chain_backup_100.json", f.chain.Tip())
	f.mine(100, "")
	f.keeper.bounds = bounds{oneByOne: 5, blocks: 1000, bytes: 20_000}
	names, _ := f.update(10)
	for _, name := range names {
		if info, err := ReadInfo(f.file(name)); err != nil || info.Size > 22_000 || info.Blocks < 20 && name != "chain_backup_200.json" {
			t.Errorf("%s: %d blocks, %d bytes (%v)", name, info.Blocks, info.Size, err)
		}
	}
	f.restores("chain_backup_200.json", f.chain.Tip())
	// A block over the bound still gets its file.
	f.keeper.bounds.bytes = 1
	f.mine(10, "")
	if names, _ := f.update(10); len(names) != 10 {
		t.Errorf("wrote %d files, want one for each block", len(names))
	}
}

func TestLimitGoesOnNextTime(t *testing.T) {
	f := newFixture(t)
	f.mine(30, "")
	n := 0
	for f.keeper.Due(f.dir, 5) {
		if err := f.keeper.Update(context.Background(), f.dir, 5, 1, func(Written) { n++ }); err != nil {
			t.Fatal(err)
		}
	}
	if n != 6 {
		t.Errorf("%d files, want 6", n)
	}
}

// A reorganisation below the last backup:
//
//	0 … 8 - 9 - 10          backed up: 5, 10
//	     \- 9'- 10'- 11'
func TestReorganisation(t *testing.T) {
	f := newFixture(t)
	f.mine(10, "")
	f.wrote(5, "chain_backup_5.json", "chain_backup_10.json")
	old := f.chain.Tip()
	f.mineOn(f.chain.ByHeight(8), 3, "fork")
	f.wrote(5, name(10, f.chain.ByHeight(10).Hash))
	info, err := ReadInfo(f.file(name(10, f.chain.ByHeight(10).Hash)))
	if err != nil || info.FirstHeight != 9 || info.ForkHeight != 8 || info.ForkBlock != old.Ancestor(8).Hash || info.Previous.Tip != old.Hash {
		t.Errorf("header after the fork: %+v (%v)", info, err)
	}
	f.restores(name(10, f.chain.ByHeight(10).Hash), f.chain.ByHeight(10))
	f.restores("chain_backup_10.json", old)

	// Deeper, below the file before: that one is what the next continues, and
	// the files of dead branches are not needed.
	f.mineOn(f.chain.ByHeight(3), 12, "deep")
	names, notes := f.update(5)
	if len(notes) != 0 || len(names) != 3 {
		t.Errorf("wrote %q, notes %q", names, notes)
	}
	f.remove("chain_backup_10.json")
	f.restores("chain_backup_15.json", f.chain.Tip())
	if info, err := ReadInfo(f.file(names[0])); err != nil || info.Previous.File != "chain_backup_5.json" || info.ForkHeight != 3 {
		t.Errorf("first file of the deep branch: %+v (%v)", info, err)
	}
}

func TestSameNameIsNeverOverwritten(t *testing.T) {
	f := newFixture(t)
	f.mine(5, "")
	if err := os.Mkdir(f.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	tip := f.chain.Tip()
	for _, taken := range []string{"chain_backup_5.json", name(5, tip.Hash)} {
		if err := os.WriteFile(f.file(taken), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.TrimSuffix(name(5, tip.Hash), ".json") + "_2.json"
	f.wrote(5, want)
	f.restores(want, tip)
	if got, err := os.ReadFile(f.file("chain_backup_5.json")); err != nil || string(got) != "precious" {
		t.Errorf("the file in the way holds %q (%v)", got, err)
	}
}

func TestRemovedFiles(t *testing.T) {
	f := newFixture(t)
	f.mine(20, "")
	f.wrote(5, "chain_backup_5.json", "chain_backup_10.json", "chain_backup_15.json", "chain_backup_20.json")

	// The middle one is gone: 15 and 20 restore nothing any more.
	f.remove("chain_backup_10.json")
	f.mine(5, "")
	tip := f.chain.Tip()
	names, notes := f.update(5)
	want := []string{"chain_backup_10.json", name(15, tip.Ancestor(15).Hash), name(20, tip.Ancestor(20).Hash), "chain_backup_25.json"}
	if !slices.Equal(names, want) || len(notes) != 1 || !strings.Contains(notes[0], "from block 6") {
		t.Fatalf("wrote %q, notes %q", names, notes)
	}
	f.restores("chain_backup_25.json", tip)
	f.restores("chain_backup_20.json", tip.Ancestor(20)) // whole again

	// The last one is gone.
	f.remove("chain_backup_25.json")
	f.mine(5, "")
	if names, notes = f.update(5); len(names) != 2 || len(notes) != 1 || !strings.Contains(notes[0], "chain_backup_25.json has been removed") {
		t.Errorf("wrote %q, notes %q", names, notes)
	}

	// All are gone, while no keeper ran.
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	f.newKeeper()
	f.mine(5, "")
	names, _ = f.update(5)
	if len(names) != 7 {
		t.Errorf("wrote %q", names)
	}
	f.restores("chain_backup_35.json", f.chain.Tip())
}

func TestMark(t *testing.T) {
	f := newFixture(t)
	if _, ok := f.keeper.Mark(); ok {
		t.Error("a new keeper has a mark")
	}
	f.mine(12, "")
	f.wrote(5, "chain_backup_5.json", "chain_backup_10.json")
	mark, ok := f.keeper.Mark()
	if !ok || mark.File != f.file("chain_backup_10.json") || mark.Done != f.chain.ByHeight(10).Hash {
		t.Errorf("mark %+v", mark)
	}
	resume := func() bool {
		f.newKeeper()
		f.keeper.Resume(mark)
		return !f.keeper.Due(f.dir, 5)
	}
	if !resume() || !f.keeper.Due(f.dir, 6) || !f.keeper.Due(f.dir+"2", 5) {
		t.Error("a keeper that goes on does not know what is due")
	}
	f.mine(3, "")
	f.wrote(5, "chain_backup_15.json")
	f.remove("chain_backup_10.json")
	if resume() {
		t.Error("the last file is gone, and nothing is due")
	}
}

func TestForeignFilesInTheFolder(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	other.dir = f.dir
	other.mine(10, "other")
	other.wrote(5, "chain_backup_5.json", "chain_backup_10.json")
	for name, content := range map[string]string{"notes.json": "{}", "chain_backup_7.json": "", "chain_backup_x.json": "x"} {
		if err := os.WriteFile(f.file(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(f.file("chain_backup_8.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.mine(10, "")
	f.wrote(5, name(5, f.chain.ByHeight(5).Hash), name(10, f.chain.Tip().Hash))
	f.restores(name(10, f.chain.Tip().Hash), f.chain.Tip())

	list, err := List(f.dir, f.chain.Params())
	if err != nil {
		t.Fatal(err)
	}
	var good, bad []string
	for _, l := range list {
		if l.Err == nil {
			good = append(good, filepath.Base(l.File))
		} else {
			bad = append(bad, filepath.Base(l.File))
		}
	}
	if len(good) != 4 || !slices.Equal(bad, []string{"chain_backup_7.json", "chain_backup_8.json"}) {
		t.Errorf("list has %q, and %q with errors", good, bad)
	}
}

// faulty fails its operations from number failAt on; kill lets all later ones
// fail too, as when the process is gone.
type faulty struct {
	newfile.OS
	failAt, ops int
	kill        bool
}

var errDisk = errors.New("no space left on device")

func (f *faulty) step() error {
	f.ops++
	if f.ops == f.failAt || f.kill && f.ops > f.failAt && f.failAt > 0 {
		return errDisk
	}
	return nil
}

type faultyHandle struct {
	newfile.Handle
	fs *faulty
}

func (f *faulty) CreateTemp(dir, pattern string) (newfile.Handle, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	h, err := f.OS.CreateTemp(dir, pattern)
	return faultyHandle{h, f}, err
}

func (f *faulty) Link(a, b string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.OS.Link(a, b)
}

func (f *faulty) Remove(name string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.OS.Remove(name)
}

func (f *faulty) SyncDir(dir string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.OS.SyncDir(dir)
}

func (h faultyHandle) Write(p []byte) (int, error) {
	if err := h.fs.step(); err != nil {
		n, _ := h.Handle.Write(p[:len(p)/2]) // torn
		return n, err
	}
	return h.Handle.Write(p)
}

func (h faultyHandle) Sync() error {
	if err := h.fs.step(); err != nil {
		return err
	}
	return h.Handle.Sync()
}

// Every operation of writing two backups fails once, or is the last before the
// process dies: what carries a backup's name is whole, and the next run
// completes the work and cleans up.
func TestFaultAtEveryOperation(t *testing.T) {
	for _, kill := range []bool{false, true} {
		for at := 1; ; at++ {
			f := newFixture(t)
			f.mine(10, "")
			disk := &faulty{failAt: at, kill: kill}
			f.keeper.FS = disk
			err := f.keeper.Update(context.Background(), f.dir, 5, 0, func(Written) {})
			if disk.ops < at {
				if err != nil {
					t.Fatal(err)
				}
				if at < 10 {
					t.Fatalf("only %d operations were tried", at)
				}
				break
			}
			if !errors.Is(err, errDisk) {
				t.Fatalf("operation %d failed and Update says %v", at, err)
			}
			list, err := List(f.dir, f.chain.Params())
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range list {
				if l.Err != nil {
					t.Fatalf("operation %d: %v", at, l.Err)
				}
				f.restores(l.Name(), f.chain.ByHeight(l.Height))
			}
			if kill {
				f.newKeeper()
			}
			f.keeper.FS = nil
			f.now = time.Now().Add(time.Hour)
			f.update(5)
			f.mine(5, "") // so that it looks once more
			f.wrote(5, "chain_backup_15.json")
			f.restores("chain_backup_15.json", f.chain.Tip())
			entries, err := os.ReadDir(f.dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if !fileName.MatchString(e.Name()) {
					t.Errorf("operation %d left %s", at, e.Name())
				}
			}
		}
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	f := newFixture(t)
	f.mine(10, "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.keeper.Update(ctx, f.dir, 5, 0, func(Written) {}); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	if entries, err := os.ReadDir(f.dir); err != nil || len(entries) != 0 {
		t.Errorf("left over: %v (%v)", entries, err)
	}
}
