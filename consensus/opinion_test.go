package consensus

import (
	"testing"

	"github.com/btcsuite/btcd/wire/v2"
)

// TestSecondOpinion compares what the two interpreters say of real transactions,
// as they are and with each byte of what unlocks their inputs changed. Only the
// verdicts are compared: txscript's reasons are others.
func TestSecondOpinion(t *testing.T) {
	n := readVaried(t, true)
	type key struct{ lock, sig, items int }
	seen := map[key]int{}
	compared := 0
	for b := n.tip; b.parent != nil; b = b.parent {
		for i, tx := range b.msg.Transactions[1:] {
			if len(tx.TxIn) > 4 {
				continue
			}
			coins := make([]*Coin, len(tx.TxIn))
			for j := range coins {
				coins[j] = &b.undo.Txs[i][j]
			}
			for j, in := range tx.TxIn {
				// A few of each shape are enough.
				k := key{len(coins[j].Script), len(in.SignatureScript) / 8, len(in.Witness)}
				if seen[k]++; seen[k] > 12 {
					continue
				}
				compared += compareVariants(t, tx.Copy(), j, coins)
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d variants were compared", compared)
	}
}

// compareVariants changes the bytes that unlock an input one at a time.
func compareVariants(t *testing.T, tx *wire.MsgTx, index int, coins []*Coin) (compared int) {
	t.Helper()
	compare := func(what string) {
		compared++
		if runInput(t, tx, index, coins, MandatoryFlags); t.Failed() {
			t.Fatalf("with %s", what)
		}
	}
	compare("as it is")
	in := tx.TxIn[index]
	for _, part := range append(wire.TxWitness{in.SignatureScript}, in.Witness...) {
		for i := 0; i < len(part); i += 3 {
			old := part[i]
			part[i] ^= 1 << (i % 8)
			compare("a byte changed")
			part[i] = old
		}
	}
	return compared
}
