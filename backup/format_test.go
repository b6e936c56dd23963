package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
)

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
