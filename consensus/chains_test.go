package consensus

import (
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/network"
)

// chainFacts is what Core says of a chain after reading it.
type chainFacts struct {
	Height    int32  `json:"height"`
	BestBlock string `json:"best_block"`
	ChainWork string `json:"chainwork"`
	TxOuts    int    `json:"txouts"`
	Total     Amount `json:"total_amount_btc"`
	MuHash    string `json:"muhash"`
	Hash      string `json:"hash_serialized_3"`
}

func (n *naiveNode) compare(t *testing.T, want chainFacts) {
	t.Helper()
	txouts, total, mu, hash := n.stats()
	got := chainFacts{n.tip.height, n.tip.hash.String(), want.ChainWork, txouts, total, mu, hash}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// readVaried returns a node that has read the varied chain made by Core: 600
// blocks with 12 reorganisations.
func readVaried(t testing.TB, trust bool) *naiveNode {
	t.Helper()
	n := newNaiveNode(t, network.Regtest())
	n.trust = trust
	for i, raw := range records(t, readFile(t, "chains/core281_varied.dat.gz"))[1:] {
		if verdict := n.submit(raw); verdict != "" && verdict != "inconclusive" {
			t.Fatalf("record %d: %s", i+1, verdict)
		}
	}
	return n
}

// TestVariedChain reads a chain that Core has made and compares the coins at the
// end, with all scripts run.
func TestVariedChain(t *testing.T) {
	var want chainFacts
	readJSON(t, "chains/core281_varied.json", &want)
	n := readVaried(t, brief())
	n.compare(t, want)

	// All the way back, and there are no coins; and forth again.
	tip := n.tip
	if err := n.moveTo(n.blocks[n.params.GenesisHash]); err != nil || len(n.coins) != 0 {
		t.Errorf("%d coins at genesis (%v)", len(n.coins), err)
	}
	n.trust = true
	if err := n.moveTo(tip); err != nil {
		t.Error(err)
	}
	n.compare(t, want)
}

// TestMutants submits 1,120 variants of real blocks; each verdict must be
// Core's, to the letter.
func TestMutants(t *testing.T) {
	if !longTests {
		t.Skip("TestMutantsAsCore of package chain gives the same blocks to a real chain")
	}
	n := readVaried(t, true)
	var sets []struct {
		Base, Parent string
		Height       int32
		MockTime     int64
		Mutants      []struct {
			Kind, Hash, Block string
			Verdict           *string
		}
	}
	readJSON(t, "chains/core281_varied_mutants.json.gz", &sets)
	count := 0
	for _, set := range sets {
		parent, base := n.blocks[displayHash(t, set.Parent)], n.blocks[displayHash(t, set.Base)]
		n.clock, base.invalid = set.MockTime, true
		// Nothing but the mutants may lead away from the parent.
		hidden := map[*naiveBlock]bool{}
		for _, b := range n.blocks {
			if b.parent == parent && !b.invalid {
				b.invalid, hidden[b] = true, true
			}
		}
		if err := n.moveTo(parent); err != nil {
			t.Fatal(err)
		}
		n.trust = false
		for i, m := range set.Mutants {
			want := ""
			if m.Verdict != nil {
				want = *m.Verdict
			}
			if got := n.submitOnTip(unhex(t, m.Block)); got != want {
				t.Errorf("height %d, mutant %d (%s): %q, want %q", set.Height, i, m.Kind, got, want)
			}
			count++
		}
		n.trust, base.invalid = true, false
		for b := range hidden {
			b.invalid = false
		}
	}
	if count != 1120 {
		t.Errorf("%d mutants were run", count)
	}
}

// submitOnTip is submit followed by invalidateblock, for a block that may only
// become the tip or fail.
func (n *naiveNode) submitOnTip(raw []byte) string {
	parent := n.tip
	others := n.blocks
	n.blocks = map[chainhash.Hash]*naiveBlock{}
	for hash, b := range others {
		if b.work.Cmp(parent.work) <= 0 || b.failed() {
			n.blocks[hash] = b
		}
	}
	verdict := n.submit(raw)
	if n.tip != parent {
		n.tip.invalid = true
		n.disconnect()
	}
	for hash, b := range n.blocks {
		others[hash] = b
	}
	n.blocks = others
	return verdict
}

func displayHash(t testing.TB, s string) chainhash.Hash {
	t.Helper()
	hash, err := chainhash.NewHashFromStr(s)
	if err != nil {
		t.Fatal(err)
	}
	return *hash
}

// TestFeatureBlock replays Core's feature_block with Core's answer to each
// block.
func TestFeatureBlock(t *testing.T) {
	if !longTests {
		t.Skip("TestCoresFeatureBlock of package chain gives the same blocks to a real chain")
	}
	var steps []struct {
		Op, Test, Hash, TxID string
		Vout                 uint32
		Confirmations        int32
		Clock                int64
		BecomesTip           bool `json:"becomes_tip"`
		Best                 string
		chainFacts
		Blocks []struct {
			Name, Hash, Hex string
			Submit          *string `json:"core_submitblock"`
			Tip             string  `json:"core_tip_after"`
		}
	}
	readJSON(t, "vectors/blocks/feature_block_28.1.json.gz", &steps)
	p := network.Regtest()
	p.BIP34Height = 2
	n := newNaiveNode(t, p)
	submitted := 0
	for _, step := range steps {
		switch step.Op {
		case "blocks":
			n.clock = step.Clock
			for _, b := range step.Blocks {
				want := ""
				if b.Submit != nil {
					want = *b.Submit
				}
				got := n.submit(unhex(t, b.Hex))
				if got == "Block decode failed" || got == "Block does not start with a coinbase" {
					got = "RPC:-22:" + got
				}
				if got != want {
					t.Errorf("%s: %s: %q, want %q", step.Test, b.Name, got, want)
				}
				if n.tip.hash.String() != b.Tip {
					t.Fatalf("%s: %s: the tip is %s, want %s", step.Test, b.Name, n.tip.hash, b.Tip)
				}
				submitted++
			}
		case "invalidateblock":
			n.blocks[displayHash(t, step.Hash)].invalid = true
			n.activate(map[chainhash.Hash]error{})
		case "expect_txout":
			coin := n.coins[outPoint(displayHash(t, step.TxID), step.Vout)]
			if coin == nil || n.tip.height-coin.Height+1 != step.Confirmations {
				t.Errorf("coin %s:%d is %+v at height %d", step.TxID, step.Vout, coin, n.tip.height)
			}
		case "final":
			step.BestBlock = step.Best
			n.compare(t, step.chainFacts)
		}
	}
	if submitted != 237 {
		t.Errorf("%d blocks were submitted", submitted)
	}
}
