package backup

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/network"
)

func (f *fixture) verify(name string) error {
	_, err := Verify(context.Background(), f.chain.Params(), f.file(name), nil)
	return err
}

// backedUp is a chain of 15 blocks with the backups 5, 10 and 15.
func backedUp(t *testing.T) *fixture {
	f := newFixture(t)
	f.mine(15, "")
	f.wrote(5, "chain_backup_5.json", "chain_backup_10.json", "chain_backup_15.json")
	return f
}

func TestPredecessors(t *testing.T) {
	f := backedUp(t)
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(f.file(from), f.file(to)); err != nil {
			t.Fatal(err)
		}
	}
	rename("chain_backup_5.json", "first.json")
	rename("chain_backup_10.json", "chain_backup_5.json") // the name of another
	f.restores("chain_backup_15.json", f.chain.Tip())

	rename("first.json", "first.txt")
	says(t, f.verify("chain_backup_15.json"), ErrIncomplete,
		"chain_backup_5.json is incomplete", "continues chain_backup_5.json", f.chain.ByHeight(5).Hash.String())
	list, err := List(f.dir, f.chain.Params())
	if err != nil || len(list) != 2 || !errors.Is(list[0].Err, ErrIncomplete) || !errors.Is(list[1].Err, ErrIncomplete) {
		t.Errorf("list: %+v (%v)", list, err)
	}

	// A predecessor that was written anew has another checksum and the same tip.
	h, blocks := headerFor(f.chain, 5)
	h.Software = "lode of somebody else"
	forge(t, f.file("copy.json"), h, 1, blocks, nil)
	f.restores("chain_backup_15.json", f.chain.Tip())

	// One that is damaged says so.
	data, err := os.ReadFile(f.file("copy.json"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte(`"raw":"`)) + 9
	data[at] ^= 1
	if err := os.WriteFile(f.file("copy.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, f.verify("chain_backup_15.json"), ErrDamaged, "copy.json is damaged: block 1")
}

// What was found sound a moment ago is not read again for its successors.
func TestVerifier(t *testing.T) {
	f := backedUp(t)
	now := f.now
	v := NewVerifier(f.chain.Params(), func() time.Time { return now })
	verify := func(name string) (blocks int, err error) {
		_, err = v.Verify(context.Background(), f.file(name), func(int64, int64) { blocks++ })
		return blocks, err
	}
	for _, step := range []struct {
		name string
		want int
	}{{"chain_backup_10.json", 10}, {"chain_backup_15.json", 5}, {"chain_backup_15.json", 5}, {"chain_backup_5.json", 5}} {
		if got, err := verify(step.name); err != nil || got != step.want {
			t.Errorf("%s: %d blocks read, want %d (%v)", step.name, got, step.want, err)
		}
	}
	f.mineOn(f.chain.ByHeight(13), 7, "fork")
	f.wrote(10, "chain_backup_20.json")
	if got, err := verify("chain_backup_20.json"); err != nil || got != 3+7 {
		t.Errorf("after a fork within a file: %d blocks read, want those from 11 on (%v)", got, err)
	}

	data, err := os.ReadFile(f.file("chain_backup_5.json"))
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.Index(data, []byte(`"raw":"`))+9] ^= 1
	if err := os.WriteFile(f.file("chain_backup_5.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(verifiedFor)
	_, err = verify("chain_backup_15.json")
	says(t, err, ErrDamaged, "chain_backup_5.json")
}

func TestPathTricks(t *testing.T) {
	f := backedUp(t)
	outside := filepath.Join(t.TempDir(), "chain_backup_5.json")
	if err := os.Rename(f.file("chain_backup_5.json"), outside); err != nil {
		t.Fatal(err)
	}
	replace := func(make func(file string) error) error {
		t.Helper()
		file := f.file("chain_backup_5.json")
		if err := make(file); err != nil {
			t.Skip(err)
		}
		defer os.RemoveAll(file)
		says(t, f.verify("chain_backup_10.json"), ErrIncomplete, "chain_backup_5.json")
		list, err := List(f.dir, f.chain.Params())
		if err != nil || len(list) != 3 || !errors.Is(list[0].Err, platform.ErrNotRegular) {
			t.Errorf("list: %+v (%v)", list, err)
		}
		return f.verify("chain_backup_5.json")
	}
	says(t, replace(func(file string) error { return os.Symlink(outside, file) }), platform.ErrNotRegular)
	says(t, replace(func(file string) error { return os.Symlink("/dev/zero", file) }), platform.ErrNotRegular)
	says(t, replace(func(file string) error { return os.Mkdir(file, 0o700) }), platform.ErrNotRegular)
	says(t, replace(func(file string) error { return makeFIFO(file) }), platform.ErrNotRegular)
	says(t, f.verify("chain_backup_99.json"), fs.ErrNotExist)

	// Names inside a file.
	info, err := ReadInfo(f.file("chain_backup_10.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, blocks := headerFor(f.chain, 10)
	for _, name := range []string{"../x/chain_backup_5.json", outside, "", ".", "..", "chain_backup_5.json/", "a\x00b", strings.Repeat("a", 5000)} {
		h := info.Header
		before := *h.Previous
		before.File = name
		h.Previous = &before
		forge(t, f.file("forged.json"), h, 6, blocks[5:], nil)
		says(t, f.verify("forged.json"), ErrDamaged, "not the name of a backup")
	}
}

func TestRestoreOntoAChain(t *testing.T) {
	f := backedUp(t)
	ctx := context.Background()
	restore := func(to *chain.Manager) (Restored, error) {
		return Restore(ctx, f.chain.Params(), to, f.file("chain_backup_15.json"), farNow, nil)
	}
	some := newChain(t, f.chain.Params())
	if _, err := Restore(ctx, f.chain.Params(), some, f.file("chain_backup_5.json"), farNow, nil); err != nil {
		t.Fatal(err)
	}
	var calls int
	r, err := Restore(ctx, f.chain.Params(), some, f.file("chain_backup_15.json"), farNow, func(done, total int64) {
		if calls++; total != 15 || done != int64(5+calls) {
			t.Errorf("progress %d of %d", done, total)
		}
	})
	if err != nil || r.Accepted != 10 || r.Blocks != 15 || r.Files != 3 || r.Tip.Hash != f.chain.Tip().Hash || calls != 10 {
		t.Errorf("onto a part: %+v, %d calls (%v)", r, calls, err)
	}
	if r, err := restore(some); err != nil || r.Accepted != 0 || r.Tip.Height != 15 {
		t.Errorf("onto itself: %+v (%v)", r, err)
	}
	longer := newFixture(t)
	longer.chain = some
	longer.mine(3, "more")
	if r, err := restore(some); err != nil || r.Accepted != 0 || r.Tip.Height != 18 {
		t.Errorf("onto a longer chain: %+v (%v)", r, err)
	}

	other := newFixture(t)
	other.mine(3, "other")
	tip := other.chain.Tip()
	_, err = restore(other.chain)
	says(t, err, ErrOtherChain, "block 3", tip.Hash.String(), "empty data directory")
	if other.chain.Tip() != tip {
		t.Error("the other chain has moved")
	}
}

// A backup whose blocks are well made and break a rule.
func TestInvalidBlockStopsARestore(t *testing.T) {
	f := newFixture(t)
	f.mine(4, "")
	h, blocks := headerFor(f.chain, 4)
	rich := *blocks[3]
	coinbase := rich.Transactions[0].Copy()
	coinbase.TxOut[0].Value++
	rich.Transactions = []*wire.MsgTx{coinbase}
	h.Tip = seal(&rich).BlockHash()
	blocks[3] = &rich
	file := f.dir + ".json"
	forge(t, file, h, 1, blocks, nil)

	to := newChain(t, f.chain.Params())
	_, err := Restore(context.Background(), f.chain.Params(), to, file, farNow, nil)
	says(t, err, consensus.BadCbAmount, "block 4", rich.BlockHash().String(), "refused")
	if to.Tip().Height != 3 {
		t.Errorf("the chain is at block %d, want what came before the bad one", to.Tip().Height)
	}
}

func TestCancelledRestoreGoesOn(t *testing.T) {
	f := backedUp(t)
	to := newChain(t, f.chain.Params())
	ctx, cancel := context.WithCancel(context.Background())
	file := f.file("chain_backup_15.json")
	_, err := Restore(ctx, f.chain.Params(), to, file, farNow, func(done, _ int64) {
		if done == 7 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || to.Tip().Height != 7 {
		t.Fatalf("cancelled at block %d: %v", to.Tip().Height, err)
	}
	if r, err := Restore(context.Background(), f.chain.Params(), to, file, farNow, nil); err != nil || r.Accepted != 8 {
		t.Errorf("second restore: %+v (%v)", r, err)
	}
}

// The 600 blocks that Bitcoin Core mined, with 12 reorganisations, backed up
// while they come in, restore the tip that Core has.
func TestCoreChain(t *testing.T) {
	var want struct {
		Height int32
		Best   string `json:"best_block"`
	}
	data, err := os.ReadFile("../testdata/chains/core281_varied.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	for i, b := range readRecords(t, "../testdata/chains/core281_varied.dat.gz") {
		for _, tx := range b.Transactions { // Core has run the scripts
			checked.Add(tx.WitnessHash(), consensus.ScriptFlags(f.chain.Params(), 1))
		}
		if _, err := f.chain.Accept(b, far); err != nil {
			t.Fatal(err)
		}
		if i > 150 {
			f.update(5)
		}
	}
	names, _ := f.update(1)
	tip := f.restore(names[len(names)-1])
	if tip.Height != want.Height || tip.Hash != wantHash(t, want.Best) {
		t.Errorf("restored block %d %s, want %d %s", tip.Height, tip.Hash, want.Height, want.Best)
	}
	list, err := List(f.dir, f.chain.Params())
	if err != nil {
		t.Fatal(err)
	}
	forks := 0
	for _, l := range list {
		if l.Err != nil {
			t.Errorf("%s: %v", l.File, l.Err)
		}
		if l.Previous != nil && l.ForkHeight < l.Previous.Height {
			forks++
		}
	}
	if forks < 3 {
		t.Errorf("only %d of %d backups come after a reorganisation", forks, len(list))
	}
}

func readRecords(t *testing.T, file string) (blocks []*wire.MsgBlock) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		size := binary.LittleEndian.Uint32(data[4:])
		b, err := consensus.DecodeBlock(data[8 : 8+size])
		if err != nil {
			t.Fatal(err)
		}
		if data = data[8+size:]; b.Header.PrevBlock != [32]byte{} {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// BenchmarkWrite backs up a thousand new blocks at once.
func BenchmarkWrite(b *testing.B) {
	f := &fixture{T: &testing.T{}, chain: newChain(b, network.Regtest())}
	f.mine(1000, "")
	for b.Loop() {
		f.newKeeper()
		if err := f.keeper.Update(context.Background(), b.TempDir(), 5, 0, func(Written) {}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLook is what the first backup after a start costs on top when there
// are 2,000 others.
func BenchmarkLook(b *testing.B) {
	f := &fixture{T: &testing.T{}, chain: newChain(b, network.Regtest()), dir: b.TempDir()}
	f.newKeeper()
	for range 2000 {
		f.mine(5, "")
		if err := f.keeper.Update(context.Background(), f.dir, 5, 0, func(Written) {}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		f.newKeeper()
		if err := f.keeper.Update(context.Background(), f.dir, 5, 0, func(Written) {}); err != nil {
			b.Fatal(err)
		}
	}
}
