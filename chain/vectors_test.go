package chain

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
)

// featureStep is one step of Core's feature_block test.
type featureStep struct {
	Op     string `json:"op"`
	Test   string `json:"test"`
	Clock  int64  `json:"clock"`
	Blocks []struct {
		Name     string  `json:"name"`
		Hash     string  `json:"hash"`
		Hex      string  `json:"hex"`
		Submit   *string `json:"core_submitblock"`
		TipAfter string  `json:"core_tip_after"`
	} `json:"blocks"`
	Hash          string `json:"hash"`
	TxID          string `json:"txid"`
	Vout          uint32 `json:"vout"`
	Confirmations int32  `json:"confirmations"`
	Height        int32  `json:"height"`
	Best          string `json:"best"`
	TxOuts        int64  `json:"txouts"`
	Total         string `json:"total_amount_btc"`
	Hash3         string `json:"hash_serialized_3"`
	MuHash        string `json:"muhash"`
}

// TestCoresFeatureBlock gives the 237 blocks of Core's feature_block to a chain
// and expects Core's answer to each, Core's tip after each, and Core's coins at
// the end.
func TestCoresFeatureBlock(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("arithmetic of many signatures; TestCoresChainInOneGroup runs the same code side by side")
	}
	// The test was made with BIP34 from height 2 on.
	p := network.Regtest()
	p.BIP34Height = 2
	d := newDisk(p)
	w := d.watch()
	m := d.open(t)
	var steps []featureStep
	readJSON(t, "vectors/blocks/feature_block_28.1.json.gz", &steps)
	n := 0
	for _, step := range steps {
		switch step.Op {
		case "blocks":
			for _, b := range step.Blocks {
				n++
				want := ""
				if b.Submit != nil {
					want = strings.TrimPrefix(*b.Submit, "RPC:-22:")
				}
				raw, err := hex.DecodeString(b.Hex)
				if err != nil {
					t.Fatal(err)
				}
				if got := submitBlock(t, m, raw, time.Unix(step.Clock, 0)); got != want {
					t.Errorf("%s (%s): got %q, want %q", b.Name, step.Test, got, want)
				}
				if err := errors.Join(w.fault, m.CheckIndex()); err != nil {
					t.Fatalf("%s (%s): %v", b.Name, step.Test, err)
				}
				if tip := m.Tip().Hash.String(); tip != b.TipAfter {
					t.Fatalf("%s (%s): tip %s, want %s", b.Name, step.Test, tip, b.TipAfter)
				}
			}
		case "invalidateblock":
			if err := m.Invalidate(mustHash(t, step.Hash)); err != nil {
				t.Fatal(err)
			}
		case "expect_txout":
			coins, tip, err := m.Coins([]wire.OutPoint{{Hash: mustHash(t, step.TxID), Index: step.Vout}})
			if err != nil || coins[0] == nil || tip.Height-coins[0].Height+1 != step.Confirmations {
				t.Errorf("%s: output %s is not as expected: %v, %v", step.Test, step.TxID, coins, err)
			}
		case "final":
			expectVerdict(t, m, verdict{
				Height: step.Height, BestBlock: step.Best, TxOuts: step.TxOuts, Total: step.Total,
				MuHash: step.MuHash, Hash3: step.Hash3,
			})
		}
	}
	if n != 237 {
		t.Errorf("%d blocks", n)
	}
	walkBackAndForth(t, m, w, 0)
	if storedCoins(t, d.store).digest() != replayed(t, m, m.Tip()).digest() {
		t.Error("coins differ from a replay")
	}
}
