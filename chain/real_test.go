package chain

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/network"
)

// verdict is what Bitcoin Core says after reading a chain.
type verdict struct {
	Height    int32             `json:"height"`
	BestBlock string            `json:"best_block"`
	ChainWork string            `json:"chainwork"`
	TxOuts    int64             `json:"txouts"`
	Total     string            `json:"total_amount_btc"`
	BogoSize  int64             `json:"bogosize"`
	MuHash    string            `json:"muhash"`
	Hash3     string            `json:"hash_serialized_3"`
	AtHeight  map[string]string `json:"hash_at_height"`
	Tips      []struct {
		Height    int32  `json:"height"`
		Hash      string `json:"hash"`
		BranchLen int32  `json:"branchlen"`
		Status    string `json:"status"`
	} `json:"chaintips"`
}

// expectVerdict compares a chain with what Core says of it.
func expectVerdict(t *testing.T, m *Manager, want verdict) {
	t.Helper()
	tip := m.Tip()
	if tip.Height != want.Height || tip.Hash.String() != want.BestBlock {
		t.Errorf("tip %d %s, want %d %s", tip.Height, tip.Hash, want.Height, want.BestBlock)
	}
	if work := fmt.Sprintf("%064x", tip.ChainWork()); want.ChainWork != "" && work != want.ChainWork {
		t.Errorf("work %s, want %s", work, want.ChainWork)
	}
	for _, h := range []struct {
		kind UTXOHash
		hash string
	}{{HashMuHash, want.MuHash}, {HashSerialized, want.Hash3}} {
		stats, err := m.UTXOStats(context.Background(), h.kind)
		if err != nil {
			t.Fatal(err)
		}
		total, err := consensus.ParseAmount(want.Total)
		if err != nil {
			t.Fatal(err)
		}
		if stats.Hash.String() != h.hash {
			t.Errorf("%s %s, want %s", h.kind, stats.Hash, h.hash)
		}
		if stats.TxOuts != want.TxOuts || stats.Total != total {
			t.Errorf("%d outputs of %v, want %d of %v", stats.TxOuts, stats.Total, want.TxOuts, total)
		}
		if want.BogoSize != 0 && stats.BogoSize != want.BogoSize {
			t.Errorf("bogosize %d, want %d", stats.BogoSize, want.BogoSize)
		}
	}
	for height, hash := range want.AtHeight {
		n, err := strconv.Atoi(height)
		if err != nil {
			t.Fatal(err)
		}
		if e := m.ByHeight(int32(n)); e == nil || e.Hash.String() != hash {
			t.Errorf("height %s: %v, want %s", height, e, hash)
		}
	}
}

func varied(t testing.TB) ([][]byte, verdict) {
	var want verdict
	readJSON(t, "chains/core281_varied.json", &want)
	return readChain(t, "core281_varied.dat.gz"), want
}

// variedChecks knows the transactions of Core's chain as good once a test has
// run all of their scripts, so that the others need not.
var variedChecks = NewCheckCache(1 << 16)

// learn puts all transactions that were checked into variedChecks.
func learn(t *testing.T, raws [][]byte) {
	t.Helper()
	p := network.Regtest()
	for _, raw := range raws {
		b := decode(t, raw)
		for _, tx := range b.Transactions {
			variedChecks.Add(tx.WitnessHash(), consensus.ScriptFlags(p, 1))
		}
	}
}

// withoutChecks opens a chain that does not run the scripts of Core's chain
// again.
func withoutChecks(t *testing.T, d *disk) *Manager {
	t.Helper()
	c := d.config()
	c.Checked = variedChecks
	m, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestCoresChainInOneGroup reads 600 blocks that Core made, 12 reorganisations
// among them, and ends where Core ended, also after opening anew.
func TestCoresChainInOneGroup(t *testing.T) {
	raws, want := varied(t)
	dir := t.TempDir()
	open := func(exec Executor) (*Manager, kv.Store) {
		store, err := kv.OpenPebble(filepath.Join(dir, "db"), kv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := Open(Config{Params: network.Regtest(), Store: store, Dir: filepath.Join(dir, "blocks"), Exec: exec})
		if err != nil {
			t.Fatal(err)
		}
		return m, store
	}
	m, store := open(par.New())
	importAll(t, m, raws)
	learn(t, raws)
	expectVerdict(t, m, want)
	expectTips(t, m, want)
	if err := errors.Join(m.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
	m, store = open(noChecks{}) // all scripts have been run once
	expectVerdict(t, m, want)
	expectTips(t, m, want)
	var last int32
	if err := m.Verify(context.Background(), func(done, total int32) { last = done }); err != nil || last != want.Height+1 {
		t.Errorf("verify: %v after %d blocks", err, last)
	}
	if err := errors.Join(m.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// expectTips compares with getchaintips. What was invalidated by hand on the
// node that made the chain is an ordinary fork here.
func expectTips(t *testing.T, m *Manager, want verdict) {
	t.Helper()
	tips := m.Tips()
	if len(tips) != len(want.Tips) {
		t.Fatalf("%d tips, want %d", len(tips), len(want.Tips))
	}
	for i, tip := range tips {
		w := want.Tips[i]
		if tip.Entry.Height != w.Height || tip.Entry.Hash.String() != w.Hash || tip.BranchLen != w.BranchLen {
			t.Errorf("tip %d: %d %s +%d, want %+v", i, tip.Entry.Height, tip.Entry.Hash, tip.BranchLen, w)
		}
		if status := string(tip.Status); w.Status != "invalid" && status != w.Status {
			t.Errorf("tip %s is %s, want %s", tip.Entry.Hash, status, w.Status)
		}
	}
}

// TestCoresChainBlockByBlock gives the same blocks one at a time and opens the
// chain anew after each hundred.
func TestCoresChainBlockByBlock(t *testing.T) {
	raws, want := varied(t)
	d := newDisk(network.Regtest())
	w := d.watch()
	m := withoutChecks(t, d)
	for i, raw := range raws {
		b, before := decode(t, raw), m.Tip()
		result, err := m.Accept(b, far)
		if err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		if result.Entry.Hash != b.BlockHash() || result.Best != m.InBest(result.Entry) {
			t.Fatalf("block %d: %+v", i, result)
		}
		if w.fault != nil {
			t.Fatalf("block %d: %v", i, w.fault)
		}
		if i%10 == 9 || result.Best && result.Entry.Parent() != before {
			if err := m.CheckIndex(); err != nil {
				t.Fatalf("block %d: %v", i, err)
			}
		}
		if i%100 == 99 {
			tip := m.Tip()
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			m = withoutChecks(t, d)
			if m.Tip().Hash != tip.Hash || m.Tip().work != tip.work {
				t.Fatalf("after block %d: tip %s, was %s", i, m.Tip().Hash, tip.Hash)
			}
			if storedCoins(t, d.store).digest() != replayed(t, m, m.Tip()).digest() {
				t.Fatalf("after block %d: coins differ from a replay", i)
			}
		}
	}
	expectVerdict(t, m, want)
	expectTips(t, m, want)
	if got := w.hash().String(); got != want.MuHash {
		t.Errorf("the watched coins are %s, want %s", got, want.MuHash)
	}
}

// TestRevertUndoesApply walks back and forth over every reorganisation of
// Core's chain, some blocks further than it went, and finds the same coins.
func TestRevertUndoesApply(t *testing.T) {
	raws, _ := varied(t)
	m := withoutChecks(t, newDisk(network.Regtest()))
	reorgs := 0
	err := m.Group(context.Background(), func(g *Group) error {
		for _, raw := range raws {
			before := g.Tip()
			if _, err := g.Accept(decode(t, raw), far); err != nil {
				return err
			}
			tip := g.Tip()
			if tip == before || tip.Parent() == before {
				continue
			}
			reorgs++
			want := groupDigest(t, g)
			for _, there := range []*Entry{before, tip.Ancestor(max(0, tip.Height-20)), tip} {
				if _, err := g.moveTo(there, nil); err != nil {
					return err
				}
			}
			if g.Tip() != tip || groupDigest(t, g) != want {
				t.Errorf("height %d: other coins after walking back and forth", tip.Height)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if reorgs != 12 {
		t.Errorf("%d reorganisations, want 12", reorgs)
	}
}

// mutants are variants of one block with Core's verdicts.
type mutants struct {
	Base     string `json:"base"`
	MockTime int64  `json:"mocktime"`
	Mutants  []struct {
		Kind    string  `json:"kind"`
		Hash    string  `json:"hash"`
		Block   string  `json:"block"`
		Verdict *string `json:"verdict"`
	} `json:"mutants"`
}

// TestMutantsAsCore gives 1,120 broken and unbroken variants of Core's blocks to
// the chain, in the order in which Core got them, and expects Core's verdicts.
func TestMutantsAsCore(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("arithmetic of many signatures; TestCoresChainInOneGroup runs the same code side by side")
	}
	raws, _ := varied(t)
	d := newDisk(network.Regtest())
	w := d.watch()
	m := withoutChecks(t, d)
	importAll(t, m, raws)
	var sets []mutants
	readJSON(t, "chains/core281_varied_mutants.json.gz", &sets)
	n := 0
	for _, set := range sets {
		base := mustHash(t, set.Base)
		if err := m.Invalidate(base); err != nil {
			t.Fatal(err)
		}
		for i, mutant := range set.Mutants {
			n++
			want := ""
			if mutant.Verdict != nil {
				want = *mutant.Verdict
			}
			raw, err := hex.DecodeString(mutant.Block)
			if err != nil {
				t.Fatal(err)
			}
			if got := submitBlock(t, m, raw, time.Unix(set.MockTime, 0)); got != want {
				t.Errorf("%s of %s, number %d: got %q, want %q", mutant.Kind, set.Base, i, got, want)
			}
			if want == "" {
				if err := m.Invalidate(mustHash(t, mutant.Hash)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := m.Reconsider(base); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(m.CheckIndex(), w.fault); err != nil {
			t.Fatal(err)
		}
	}
	if n != 1120 {
		t.Errorf("%d mutants", n)
	}
	if storedCoins(t, d.store).digest() != replayed(t, m, m.Tip()).digest() {
		t.Error("coins differ from a replay")
	}
}

// submitBlock answers as Core's submitblock does.
func submitBlock(t *testing.T, m *Manager, raw []byte, now time.Time) string {
	t.Helper()
	b, err := consensus.DecodeBlock(raw)
	if err != nil {
		return "Block decode failed"
	}
	if len(b.Transactions) == 0 || !consensus.IsCoinbase(b.Transactions[0]) {
		return "Block does not start with a coinbase"
	}
	result, err := m.Accept(b, now)
	if err != nil {
		var refusal *consensus.Error
		if !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		return refusal.Reject()
	}
	switch {
	case result.Known && result.Best:
		return "duplicate"
	case result.Known, !result.Best:
		return "inconclusive"
	}
	return ""
}

func mustHash(t *testing.T, s string) chainhash.Hash {
	t.Helper()
	hash, err := chainhash.NewHashFromStr(s)
	if err != nil {
		t.Fatal(err)
	}
	return *hash
}
