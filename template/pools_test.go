package template

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// TestMixedPoolsConnect fills pools with what makes templates hard: TRUC parents
// without fees and their children, transactions with many signature checks, heavy
// ones, chains, and fees that are not what they seem. Every template on the way
// to an empty pool must connect.
func TestMixedPoolsConnect(t *testing.T) {
	b := newBench(t)
	r := rand.New(rand.NewPCG(9, 10))
	key := append([]byte{33, 2}, make([]byte, 32)...)
	multisig := slices.Concat([]byte{txscript.OP_1}, key, []byte{txscript.OP_1, txscript.OP_CHECKMULTISIG})
	type coin struct {
		op    wire.OutPoint
		value int64
	}
	var coins []coin
	for _, op := range b.mine(110) {
		coins = append(coins, coin{op, 50e8})
	}
	b.mine(int(b.params.Maturity))
	keep := func(tx *wire.MsgTx) {
		for i, out := range tx.TxOut {
			if len(out.PkScript) == len(anyone) && out.Value > 10_000_000 {
				coins = append(coins, coin{wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}, out.Value})
			}
		}
	}
	now := time.Unix(b.now, 0)
	kinds := map[string]int{}
	for n := 0; n < 200 && len(coins) > 0; n++ {
		i := r.IntN(len(coins))
		c := coins[i]
		coins = slices.Delete(coins, i, i+1)
		switch r.IntN(5) {
		case 0: // a package
			parent := pay(c.op, c.value, 0, 1, anyone)
			parent.Version = 3
			child := pay(wire.OutPoint{Hash: parent.TxHash()}, parent.TxOut[0].Value, 2_000+r.Int64N(9_000), 1, anyone)
			child.Version = 3
			result, err := b.pool.SubmitPackage([]*wire.MsgTx{parent, child}, now, 0, false)
			if err != nil {
				t.Fatal(err)
			}
			if result.Err == nil {
				kinds["package"]++
				keep(child)
			}
		case 1: // signature checks, up to the limit of one transaction
			if _, err := b.pool.Accept(pay(c.op, c.value, 80_000+r.Int64N(50_000), 50+r.IntN(140), multisig), now); err == nil {
				kinds["sigops"]++
			}
		case 2: // heavy
			if _, err := b.pool.Accept(pay(c.op, c.value, 100_000+r.Int64N(200_000), 1_000+r.IntN(1_200), anyone), now); err == nil {
				kinds["heavy"]++
			}
		default:
			tx := pay(c.op, c.value, 200+r.Int64N(20_000), 1+r.IntN(3), anyone)
			if r.IntN(4) == 0 {
				if err := b.pool.Prioritise(tx.TxHash(), r.Int64N(20_000)-10_000); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := b.pool.Accept(tx, now); err == nil {
				kinds["plain"]++
				keep(tx)
			}
		}
	}
	if len(kinds) != 4 || kinds["package"] < 5 || kinds["sigops"] < 8 {
		t.Errorf("the pool has %v", kinds)
	}
	blocks := 0
	for b.pool.Info(now).Count > 0 {
		tpl := b.build(b.chain.Tip())
		if blocks++; len(tpl.Entries) == 0 {
			// Only what nobody wants to mine is left.
			for _, e := range b.pool.Snapshot().Entries {
				if e.ModifiedFee()*1000 >= 1000*e.VSize && len(e.Parents) == 0 {
					t.Errorf("%s was left out", e.TxID)
				}
			}
			break
		}
		b.connect(tpl)
		if err := b.pool.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if blocks < 3 {
		t.Errorf("all fit into %d blocks", blocks)
	}
}
