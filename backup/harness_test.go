package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// far is a time at which no block of the tests is too new.
var far = time.Unix(1<<32-1, 0)

// checked are transactions whose scripts are known to be good.
var checked = chain.NewCheckCache(1 << 16)

func farNow() time.Time { return far }

// fixture is a chain in memory with a keeper that writes to a real folder.
type fixture struct {
	*testing.T
	chain  *chain.Manager
	keeper *Keeper
	dir    string
	now    time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, chain: newChain(t, network.Regtest()), dir: filepath.Join(t.TempDir(), "backups")}
	f.now = time.Unix(1_700_000_000, 0)
	f.newKeeper()
	return f
}

// newKeeper is what a restart does.
func (f *fixture) newKeeper() {
	f.keeper = NewKeeper(Config{
		Params:   f.chain.Params(),
		Chain:    f.chain,
		Software: "lode test",
		Now:      func() time.Time { return f.now },
	})
}

func newChain(t testing.TB, p *network.Params) *chain.Manager {
	t.Helper()
	m, err := chain.Open(chain.Config{
		Params: p, Store: kv.NewMemory(), Dir: "blocks", FS: blockfile.NewMemFS(), Exec: par.New(), Checked: checked,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// mine adds n blocks to the tip; tag makes them differ from those of another branch.
func (f *fixture) mine(n int, tag string) {
	f.Helper()
	f.mineOn(f.chain.Tip(), n, tag)
}

func (f *fixture) mineOn(parent *chain.Entry, n int, tag string) {
	f.Helper()
	err := f.chain.Group(context.Background(), func(g *chain.Group) error {
		for range n {
			r, err := g.Accept(newBlock(f.chain.Params(), parent, tag), far)
			if err != nil {
				return err
			}
			parent = r.Entry
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
}

// newBlock returns a valid block with nothing but a coinbase.
func newBlock(p *network.Params, parent *chain.Entry, tag string) *wire.MsgBlock {
	height := parent.Height + 1
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(&wire.TxIn{
		PreviousOutPoint: wire.OutPoint{Index: 0xffffffff},
		SignatureScript:  append(append(consensus.CoinbaseHeight(height), byte(len(tag)+1), '/'), tag...),
		Sequence:         0xffffffff,
	})
	coinbase.AddTxOut(&wire.TxOut{Value: p.SubsidyAt(height), PkScript: []byte{0x51}})
	return seal(&wire.MsgBlock{
		Header: wire.BlockHeader{
			Version: 0x20000000, PrevBlock: parent.Hash, Bits: p.PowLimitBits,
			Timestamp: time.Unix(parent.Time()+1, 0),
		},
		Transactions: []*wire.MsgTx{coinbase},
	})
}

func seal(b *wire.MsgBlock) *wire.MsgBlock {
	b.Header.MerkleRoot, _ = consensus.MerkleRoot(consensus.TxIDs(b))
	pow.Solve(&b.Header)
	return b
}

// update runs the keeper and returns the names that it wrote, and the notes.
func (f *fixture) update(every int32) (names, notes []string) {
	f.Helper()
	err := f.keeper.Update(context.Background(), f.dir, every, 0, func(w Written) {
		names = append(names, w.Name())
		if w.Note != "" {
			notes = append(notes, w.Note)
		}
	})
	if err != nil {
		f.Fatal(err)
	}
	return names, notes
}

func (f *fixture) wrote(every int32, want ...string) {
	f.Helper()
	if got, _ := f.update(every); !slices.Equal(got, want) {
		f.Fatalf("wrote %q, want %q", got, want)
	}
}

func (f *fixture) file(name string) string { return filepath.Join(f.dir, name) }

func (f *fixture) remove(name string) {
	f.Helper()
	if err := os.Remove(f.file(name)); err != nil {
		f.Fatal(err)
	}
}

// restore restores a file into an empty chain and returns its tip.
func (f *fixture) restore(name string) *chain.Entry {
	f.Helper()
	r, err := Restore(context.Background(), f.chain.Params(), newChain(f, f.chain.Params()), f.file(name), farNow, nil)
	if err != nil {
		f.Fatalf("restore %s: %v", name, err)
	}
	return r.Tip
}

// restores expects that a file brings a chain to a tip.
func (f *fixture) restores(name string, tip *chain.Entry) {
	f.Helper()
	if got := f.restore(name); got.Hash != tip.Hash || got.Height != tip.Height {
		f.Fatalf("%s restores block %d %s, want %d %s", name, got.Height, got.Hash, tip.Height, tip.Hash)
	}
}

// forge writes a file as lode would for any header and blocks, with change
// applied to its text before the checksum is made.
func forge(t testing.TB, file string, h Header, first int32, blocks []*wire.MsgBlock, change func(string) string) {
	t.Helper()
	text, err := h.encode()
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range blocks {
		text = appendBlock(text, first+int32(i), b, consensus.EncodeBlock(b))
		if i < len(blocks)-1 {
			text = append(text, ',')
		}
		text = append(text, '\n')
	}
	body := string(text) + endLine
	if change != nil {
		body = change(body)
	}
	sum := sha256.Sum256([]byte(body))
	body += sumPrefix + hex.EncodeToString(sum[:]) + sumSuffix
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

// headerFor returns the right header of a file with blocks 1 to n of a chain.
func headerFor(m *chain.Manager, n int32) (Header, []*wire.MsgBlock) {
	tip := m.ByHeight(n)
	h := newHeader(m.Params())
	h.Software, h.Created = "lode test", time.Unix(1_700_000_000, 0).UTC()
	h.FirstHeight, h.Height, h.Blocks = 1, n, int(n)
	h.ForkBlock, h.Tip, h.ChainWork = m.Params().GenesisHash, tip.Hash, formatWork(tip.ChainWork())
	var blocks []*wire.MsgBlock
	for i := int32(1); i <= n; i++ {
		b, err := m.Block(m.ByHeight(i).Hash)
		if err != nil {
			panic(err)
		}
		blocks = append(blocks, b)
	}
	return h, blocks
}

func wantHash(t *testing.T, s string) chainhash.Hash {
	t.Helper()
	h, err := chainhash.NewHashFromStr(s)
	if err != nil {
		t.Fatal(err)
	}
	return *h
}

// says expects an error of a kind (nil: any) whose text has all the parts.
func says(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if kind != nil && !isKind(err, kind) {
		t.Errorf("error %q is not of the kind %q", err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %q", err)
	}
}

func name(height int32, tip chainhash.Hash) string {
	return fmt.Sprintf("chain_backup_%d_%.8s.json", height, tip)
}
