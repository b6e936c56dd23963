package chain

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/database"
	_ "github.com/btcsuite/btcd/database/ffldb" // registers the store
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// otherChain is a chain of btcd's, with the rules of shortMaturity.
//
// What it is known to do in another way than Core, and how that is kept out of
// the comparison:
//   - it enforces P2SH by the block's time, not always: all blocks are of 2020;
//   - it knows neither BIP94's rules nor BIP30 after BIP34: no branch reaches
//     height 144, and no coinbase repeats, as none can with its height in it;
//   - it refuses a block that repeats a transaction by itself, where Core does not
//     look into blocks of a side branch before their turn, unless the merkle tree
//     shows it: those that it does not show are left out (TestFullBlocks has one);
//   - it takes blocks on other branches of a block that was found bad until one of
//     them would win, where Core refuses them at once: what counts is
//     that none of them becomes the tip;
//   - it keeps blocks whose parent it does not know: that counts as refused;
//   - it reads the clock, but all blocks are of the past;
//   - its reasons are others: only the verdict and the tip are compared.
//
// It shares the script engine with lode, so scripts are hardly a second opinion
// here; the transcript of Core's interpreter is, in package consensus.
func otherChain(tb testing.TB) *blockchain.BlockChain {
	tb.Helper()
	db, err := database.Create("ffldb", filepath.Join(tb.TempDir(), "btcd"), wire.TestNet)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	params := chaincfg.RegressionNetParams
	params.CoinbaseMaturity = uint16(shortMaturity().Maturity)
	other, err := blockchain.New(&blockchain.Config{
		DB: db, ChainParams: &params, TimeSource: blockchain.NewMedianTime(), UtxoCacheMaxSize: 1 << 20,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return other
}

// FuzzAgainstBtcd grows branches of valid and damaged blocks, asks lode and btcd
// about each, and compares lode's coins with those of a model.
func FuzzAgainstBtcd(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("the quick brown fox jumps over the lazy dog, and back again"))
	f.Fuzz(compareWithBtcd)
}

func compareWithBtcd(t *testing.T, data []byte) {
	if len(data) > 2048 {
		return // more bytes find nothing that several runs do not
	}
	d := newDisk(shortMaturity())
	w := d.watch()
	m, other := d.open(t), otherChain(t)
	g := newGrower(d.params, data)
	g.base()
	deliver := func(b *modelBlock) (taken bool) {
		result, err := m.Accept(b.msg, far)
		if err == nil {
			err = result.Ancestor
		}
		if err != nil && isLocal(err) {
			t.Fatal(err)
		}
		_, orphan, otherErr := other.ProcessBlock(btcutil.NewBlock(b.msg), blockchain.BFNone)
		if orphan {
			otherErr = errors.New("unknown parent")
		}
		onBad := errors.Is(err, consensus.BadPrevBlk) || errors.Is(err, consensus.PrevBlkAbsent)
		if (err == nil) != (otherErr == nil) && !onBad {
			t.Errorf("height %d: lode %v, btcd %v", b.height, err, otherErr)
		}
		if best := other.BestSnapshot(); best.Hash != m.Tip().Hash {
			t.Fatalf("lode's tip is %s at height %d, btcd's %s at %d; last lode %v, btcd %v",
				m.Tip().Hash, m.Tip().Height, best.Hash, best.Height, err, otherErr)
		}
		if err := errors.Join(m.CheckIndex(), w.fault); err != nil {
			t.Fatal(err)
		}
		g.compareCoins(t, m, w)
		return err == nil
	}
	for _, b := range g.blocks[1:] {
		deliver(b)
	}
	if m.Tip().Height != 5 {
		t.Fatal("the blocks to begin with were not taken")
	}
	for range 40 {
		if !g.left() {
			break
		}
		// On the last block, mostly; else on one of the last ten.
		back := max(0, g.below(16)-5)
		b := g.wild(g.blocks[max(3, len(g.blocks)-1-back)])
		// Now and then a refused block is built on too.
		if repeatsUnseen(b.msg) || !deliver(b) && g.below(4) != 1 {
			g.blocks = g.blocks[:len(g.blocks)-1]
		}
	}
}

// repeatsUnseen reports whether a block repeats a transaction where its merkle
// tree does not show it.
func repeatsUnseen(b *wire.MsgBlock) bool {
	txids := consensus.TxIDs(b)
	_, seen := consensus.MerkleRoot(txids)
	slices.SortFunc(txids, func(a, b chainhash.Hash) int { return bytes.Compare(a[:], b[:]) })
	return !seen && len(slices.Compact(txids)) < len(b.Transactions)
}
