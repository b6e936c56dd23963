package chain

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
)

// mainnet is Bitcoin's main network, and testnet3 its third test network, as
// Core 28.1 has them, for blocks that were really mined. They are of these tests
// only: no network file can describe them.
func mainnet(t testing.TB) *network.Params {
	p := network.Regtest()
	p.Name, p.Demo, p.HRP = "main", false, "bc"
	p.Magic = uint32(wire.MainNet)
	p.Genesis = genesisOf(t, "main")
	p.GenesisHash = p.Genesis.BlockHash()
	p.PowLimitBits = 0x1d00ffff
	p.PowLimit, _ = new(big.Int).SetString("00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 16)
	p.NoRetargeting, p.AllowMinDifficulty, p.EnforceBIP94 = false, false, false
	p.TargetTimespan = 14 * 24 * 60 * 60
	p.HalvingInterval = 210_000
	p.BIP34Height, p.BIP65Height, p.BIP66Height = 227_931, 388_381, 363_725
	p.CSVHeight, p.SegwitHeight, p.TaprootHeight = 419_328, 481_824, 709_632
	return p
}

func testnet3(t testing.TB) *network.Params {
	p := mainnet(t)
	p.Name, p.HRP = "test", "tb"
	p.Magic = uint32(wire.TestNet3)
	p.Genesis = genesisOf(t, "test")
	p.GenesisHash = p.Genesis.BlockHash()
	p.AllowMinDifficulty = true
	p.BIP34Height, p.BIP65Height, p.BIP66Height = 21_111, 581_885, 330_776
	p.CSVHeight, p.SegwitHeight, p.TaprootHeight = 770_112, 834_624, 1<<30 // beyond what is read here
	return p
}

func genesisOf(t testing.TB, name string) *wire.MsgBlock {
	t.Helper()
	var blocks []struct {
		Network string `json:"network"`
		Block   string `json:"block_hex"`
	}
	readJSON(t, "vectors/blocks/genesis_blocks.json", &blocks)
	for _, b := range blocks {
		if b.Network == name {
			raw, err := hex.DecodeString(b.Block)
			if err != nil {
				t.Fatal(err)
			}
			return decode(t, raw)
		}
	}
	t.Fatalf("no genesis of %s", name)
	return nil
}

// TestMainnetIsClosed checks that nobody can open what these tests know of real
// networks: network files refuse their names, magics and prefixes.
func TestMainnetIsClosed(t *testing.T) {
	for _, name := range []string{"main", "mainnet", "bitcoin", "test", "testnet3"} {
		if err := network.CheckName(name); err == nil {
			t.Errorf("a network may be called %q", name)
		}
	}
	spec, err := network.NewSpec("club", time.Unix(1_700_000_000, 0), rand.NewChaCha8([32]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	_, file, err := network.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	magic := regexp.MustCompile(`(?m)^(magic *= *)"[0-9a-f]{8}"`)
	if !magic.Match(file) {
		t.Fatalf("no magic in %s", file)
	}
	for _, known := range []string{"f9beb4d9", "0b110907"} {
		if _, err := network.Parse(magic.ReplaceAll(file, []byte(`${1}"`+known+`"`))); err == nil {
			t.Errorf("a network may have the magic %s", known)
		}
	}
	if _, err := network.Parse(file); err != nil {
		t.Errorf("the file itself: %v", err)
	}
}

// mainnetBlocks returns the main network's first 14,132 blocks.
func mainnetBlocks(t *testing.T) (blocks []*wire.MsgBlock) {
	t.Helper()
	for data := readGzip(t, "vectors/blocks/mainnet_0_14131.blk.gz"); len(data) > 0; {
		if binary.LittleEndian.Uint32(data) != uint32(wire.MainNet) {
			t.Fatal("not a record")
		}
		end := 8 + binary.LittleEndian.Uint32(data[4:])
		blocks = append(blocks, decode(t, data[8:end]))
		data = data[end:]
	}
	return blocks
}

// TestMainnetBlocks reads the main network's first 14,132 blocks by its own
// rules: real proof of work, seven windows of difficulty, coinbases to keys,
// and the first payments.
func TestMainnetBlocks(t *testing.T) {
	if raceDetector {
		t.Skip("arithmetic of one thread; TestCoresChainInOneGroup runs the same code side by side")
	}
	p := mainnet(t)
	d := newDisk(p)
	w := d.watch()
	m := d.open(t)
	blocks := mainnetBlocks(t)
	err := m.Group(context.Background(), func(g *Group) error {
		for i, b := range blocks {
			// Each block is checked by the clock of a minute after it.
			result, err := g.Accept(b, b.Header.Timestamp.Add(time.Minute))
			if err != nil {
				return fmt.Errorf("height %d: %w", i, err)
			}
			if !result.Best || int(result.Entry.Height) != i {
				t.Fatalf("height %d: %+v", i, result)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tip := m.Tip()
	const last = "00000000b3e750f37fdb42e1018799a9f44b546d393b130b369590a072430a1c"
	if tip.Height != 14131 || tip.Hash.String() != last {
		t.Errorf("tip %d %s", tip.Height, tip.Hash)
	}
	// Difficulty was 1 all the time, 4295032833 hashes a block.
	if want := new(big.Int).Mul(big.NewInt(4295032833), big.NewInt(14132)); tip.ChainWork().Cmp(want) != 0 {
		t.Errorf("work %v, want %v", tip.ChainWork(), want)
	}
	stats, err := m.UTXOStats(context.Background(), HashMuHash)
	if err != nil {
		t.Fatal(err)
	}
	if want := p.TotalSubsidy(14131); int64(stats.Total) != want {
		t.Errorf("coins of %d, want %d: nobody paid a fee then", stats.Total, want)
	}
	if err := m.CheckIndex(); err != nil {
		t.Error(err)
	}
	if coins := replayed(t, m, tip); coins.digest() != storedCoins(t, d.store).digest() || int64(len(coins)) != stats.TxOuts {
		t.Error("coins differ from a replay")
	}

	walkBackAndForth(t, m, w, 14_031)

	// One more block in the same window, with a target of its own.
	next := &wire.MsgBlock{Header: wire.BlockHeader{Version: 1, PrevBlock: tip.Hash, Timestamp: time.Unix(tip.Time()+1, 0), Bits: 0x207fffff}}
	if _, err := m.Accept(next, far); !errors.Is(err, consensus.HighHash) {
		t.Errorf("a block with regtest's work: %v", err)
	}
}

// TestTestnet3Headers follows the headers of testnet3, and a fork of two of ten
// years later, which the twenty-minute rule lets be easy.
func TestTestnet3Headers(t *testing.T) {
	p := testnet3(t)
	raw, err := os.ReadFile("../testdata/vectors/core/blockheader_testnet3.hex")
	if err != nil {
		t.Fatal(err)
	}
	genesis := new(Entry)
	newEntry(genesis, p.GenesisHash, &p.Genesis.Header, nil, 1)
	known := map[chainhash.Hash]*Entry{genesis.Hash: genesis}
	check := func(h *wire.BlockHeader) (*Entry, error) {
		parent := known[h.PrevBlock]
		if parent == nil {
			t.Fatalf("no parent %s", h.PrevBlock)
		}
		if err := consensus.CheckProofOfWork(p, h); err != nil {
			return nil, err
		}
		ctx := parent.headerContext(p, h.Timestamp.Unix())
		return parent, consensus.CheckHeader(p, ctx, h, h.Timestamp.Unix())
	}
	var tip, forkTip *Entry
	headers := 0
	for line := range strings.FieldsSeq(string(raw)) {
		text, fork := strings.CutPrefix(line, "fork:")
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		h, err := consensus.DecodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		parent, err := check(&h)
		if err != nil {
			t.Fatalf("%s: %v", h.BlockHash(), err)
		}
		e := new(Entry)
		newEntry(e, h.BlockHash(), &h, parent, 0)
		known[e.Hash] = e
		headers++
		if fork {
			forkTip = e
		} else {
			tip = e
		}

		// Other bits would be refused even with the work done.
		ctx := parent.headerContext(p, e.Time())
		h.Bits = 0x1c7fff80
		if err := consensus.CheckHeader(p, ctx, &h, e.Time()); !errors.Is(err, consensus.BadDiffBits) {
			t.Errorf("%s with other bits: %v", e.Hash, err)
		}
	}
	if headers != 548 || tip.Height != 546 || forkTip.Height != 2 {
		t.Fatalf("%d headers, to heights %d and %d", headers, tip.Height, forkTip.Height)
	}
	if commonAncestor(tip, forkTip) != genesis || tip.work.compare(forkTip.work) <= 0 {
		t.Error("the fork should begin at genesis and lose")
	}

	// Later on, blocks are hard: one that comes within twenty minutes must be as
	// hard as the last that was, a later one may be easy.
	at := tip
	grow := func(bits uint32, after int64) {
		e := new(Entry)
		newEntry(e, chainhash.Hash{}, &wire.BlockHeader{Bits: bits, Timestamp: time.Unix(at.Time()+after, 0)}, at, 0)
		at = e
	}
	for at.Height < 4031 { // a whole window of fast blocks
		grow(at.NextBits(p, at.Time()+150), 150)
	}
	hard := at.NextBits(p, at.Time()+150)
	if hard == p.PowLimitBits {
		t.Fatal("the difficulty did not rise")
	}
	grow(hard, 150)
	for range 3 {
		if got := at.NextBits(p, at.Time()+1201); got != p.PowLimitBits {
			t.Errorf("20 minutes and a second later: %08x", got)
		}
		if got := at.NextBits(p, at.Time()+1200); got != hard {
			t.Errorf("20 minutes later: %08x, want %08x", got, hard)
		}
		grow(p.PowLimitBits, 1201)
	}
}
