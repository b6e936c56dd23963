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

func TestAnyChangedByteIsFound(t *testing.T) {
	f := newFixture(t)
	f.mine(3, "")
	f.wrote(2, "chain_backup_2.json")
	f.wrote(3, "chain_backup_3.json")
	v := NewVerifier(f.chain.Params(), farNow) // so that the first file is not read each time
	verify := func(name string) error {
		_, err := v.Verify(context.Background(), f.file(name), nil)
		return err
	}
	for _, name := range []string{"chain_backup_2.json", "chain_backup_3.json"} {
		data, err := os.ReadFile(f.file(name))
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(f.file(name), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		// In place: writing whole files thousands of times is slow.
		put := func(b []byte, at int) {
			if _, err := file.WriteAt(b, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range data {
			put([]byte{data[i] ^ 1<<(i%8)}, i)
			if err := verify(name); err == nil {
				t.Fatalf("%s: a change of byte %d (%q) is not found", name, i, data[max(0, i-20):i+1])
			}
			put(data[i:i+1], i)
		}
		put([]byte("\n"), len(data))
		if err := verify(name); err == nil {
			t.Fatalf("%s: a byte more is not found", name)
		}
		for n := len(data) - 1; n >= 0; n -= 1 + n%7 {
			if err := file.Truncate(int64(n)); err != nil {
				t.Fatal(err)
			}
			err := verify(name)
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotBackup) {
				t.Fatalf("%s cut to %d bytes: %v", name, n, err)
			}
		}
		put(data, 0)
		if err := verify(name); err != nil {
			t.Fatal(err)
		}
	}
}

// Files that are well made and say something wrong. The checksum of each is right.
func TestForgedFiles(t *testing.T) {
	f := newFixture(t)
	f.mine(3, "")
	file := f.dir + ".json"
	twist := func(old, with string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("no %q in the file", old)
			}
			return strings.Replace(s, old, with, 1)
		}
	}
	other := network.Regtest()
	other.Maturity++
	named := network.Regtest()
	named.Name = "mynet"
	tests := []struct {
		what   string
		header func(h *Header)
		blocks func(b []*wire.MsgBlock) []*wire.MsgBlock
		text   func(string) string
		kind   error
		says   string
	}{
		{what: "nothing"},
		{what: "version", text: twist(`"version": 1`, `"version": 2`), kind: ErrVersion, says: "newer lode"},
		{what: "keys", text: twist(`"contains_keys": false`, `"contains_keys": true`), kind: ErrDamaged},
		{what: "format", text: twist(`lode chain backup`, `other backup`), kind: ErrNotBackup},
		{what: "field twice", text: twist(`"height": 3`, "\"height\": 4,\n  \"height\": 3"), kind: ErrDamaged},
		{what: "unknown field", text: twist(`"height": 3`, "\"height\": 3,\n  \"x\": 1"), kind: ErrDamaged},
		{what: "type", text: twist(`"height": 3`, `"height": "3"`), kind: ErrDamaged},
		{what: "huge number", text: twist(`"height": 3`, `"height": 3e400`), kind: ErrDamaged},
		{what: "deep", text: twist(`"height": 3`, `"height": `+strings.Repeat("[", 12_000)), kind: ErrNotBackup},
		{what: "long header", text: twist(`"height": 3`, `"height": 3`+strings.Repeat(" ", 1<<20)), kind: ErrDamaged, says: "too long"},
		{what: "bad UTF-8", text: twist(`lode test`, "\xff\xfe"), kind: ErrDamaged},
		{what: "network name", header: func(h *Header) { *h = renamed(*h, named) }, kind: ErrForeign, says: `"mynet"`},
		{what: "rules", header: func(h *Header) { h.Fingerprint = other.Fingerprint() }, kind: ErrForeign, says: "other rules"},
		{what: "genesis", header: func(h *Header) { h.Genesis[0]++; h.ForkBlock = h.Genesis }, kind: ErrForeign, says: "genesis"},
		{what: "work", header: func(h *Header) { h.ChainWork = strings.Repeat("0", 63) + "1" }, kind: ErrDamaged, says: "work"},
		{what: "work text", header: func(h *Header) { h.ChainWork = "1" }, kind: ErrDamaged},
		{what: "heights", header: func(h *Header) { h.Height = 4 }, kind: ErrDamaged, says: "heights"},
		{what: "genesis again", header: func(h *Header) { h.FirstHeight, h.ForkHeight, h.Height = 0, -1, 2 }, kind: ErrDamaged},
		{what: "no predecessor named", header: func(h *Header) { h.FirstHeight, h.ForkHeight, h.Height = 2, 1, 4 }, kind: ErrDamaged},
		{what: "tip", header: func(h *Header) { h.Tip[0]++ }, kind: ErrDamaged, says: "block 3"},
		{what: "more blocks than it says", header: func(h *Header) { h.Height, h.Blocks = 2, 2 }, kind: ErrDamaged},
		{what: "fewer", header: func(h *Header) { h.Height, h.Blocks = 4, 4 }, kind: ErrDamaged},
		{
			what: "order", kind: ErrDamaged, says: "block 1",
			blocks: func(b []*wire.MsgBlock) []*wire.MsgBlock { return []*wire.MsgBlock{b[1], b[0], b[2]} },
		},
		{
			what: "proof of work", kind: ErrDamaged, says: "high-hash",
			header: func(h *Header) { h.Tip = badPow(f.chain).BlockHash() },
			blocks: func(b []*wire.MsgBlock) []*wire.MsgBlock { return append(b[:2], badPow(f.chain)) },
		},
		{
			what: "other transactions", kind: ErrDamaged, says: "bad-txnmrklroot",
			blocks: func(b []*wire.MsgBlock) []*wire.MsgBlock {
				c := *b[2]
				c.Transactions = []*wire.MsgTx{b[1].Transactions[0]}
				return append(b[:2], &c)
			},
		},
		{what: "height of a block", text: twist(`{"height":2`, `{"height":7`), kind: ErrDamaged, says: "block 2"},
		{what: "time of a block", text: twist(`"time":"2011`, `"time":"2012`), kind: ErrDamaged, says: "time"},
		{what: "upper case", text: func(s string) string {
			at := strings.Index(s, `"raw":"`) + 7
			return s[:at] + strings.ToUpper(s[at:at+200]) + s[at+200:]
		}, kind: ErrDamaged},
		{what: "long line", text: twist(`"raw":"`, `"raw":"`+strings.Repeat("00", 9<<20)), kind: ErrDamaged, says: "too long"},
		{what: "half a digit", text: twist(`"}`+"\n"+endLine, `0"}`+"\n"+endLine), kind: ErrDamaged, says: "hex"},
		{what: "comma", text: twist("\"}\n"+endLine, "\"},\n"+endLine), kind: ErrDamaged},
		{what: "line ends", text: func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }, kind: ErrNotBackup},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			h, blocks := headerFor(f.chain, 3)
			if test.header != nil {
				test.header(&h)
			}
			if test.blocks != nil {
				blocks = test.blocks(blocks)
			}
			forge(t, file, h, max(1, h.FirstHeight), blocks, test.text)
			_, err := Verify(context.Background(), f.chain.Params(), file, nil)
			if test.kind == nil && err == nil {
				return
			}
			says(t, err, test.kind, test.says)
		})
	}
}

func renamed(h Header, p *network.Params) Header {
	h.Network, h.Fingerprint = p.Name, p.Fingerprint()
	return h
}

// badPow returns block 3 with a nonce that does not do.
func badPow(m *chain.Manager) *wire.MsgBlock {
	b, err := m.Block(m.ByHeight(3).Hash)
	if err != nil {
		panic(err)
	}
	c := *b
	for consensus.CheckBlock(m.Params(), &c) == nil {
		c.Header.Nonce++
	}
	return &c
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
		if _, err := f.chain.Accept(b, far); err != nil {
			t.Fatal(err)
		}
		for _, tx := range b.Transactions {
			checked.Add(tx.WitnessHash(), consensus.ScriptFlags(f.chain.Params(), 1))
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

// A file of the first format, kept for good: it must always be read, and
// writing the same blocks must give the same bytes.
func TestGolden(t *testing.T) {
	f := newFixture(t)
	f.mine(6, "golden")
	f.wrote(3, "chain_backup_3.json", "chain_backup_6.json")
	for _, name := range []string{"chain_backup_3.json", "chain_backup_6.json"} {
		got, err := os.ReadFile(f.file(name))
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "v1", name)
		if os.Getenv("LODE_REWRITE") != "" {
			if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not written as before", name)
		}
	}
	f.dir = filepath.Join("testdata", "v1")
	f.restores("chain_backup_6.json", f.chain.Tip())
}

// Whatever a file holds, reading it ends with a clear kind of error.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"chain_backup_3.json", "chain_backup_6.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", "v1", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add([]byte("{\n" + blocksLine))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := newReader("x.json", nopCloser{bytes.NewReader(data)}, int64(len(data)))
		for err == nil {
			_, err = r.block()
		}
		if err == io.EOF {
			return // only what is well made ends so
		}
		for _, kind := range []error{ErrNotBackup, ErrVersion, ErrDamaged} {
			if errors.Is(err, kind) {
				return
			}
		}
		t.Fatalf("error of no kind: %v", err)
	})
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

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
