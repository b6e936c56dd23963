package consensus

import (
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// anyone is a script that anybody can spend with nothing.
var anyone = []byte{txscript.OP_TRUE}

// draft is a block that a test is still changing.
type draft struct {
	t    testing.TB
	node *naiveNode
	msg  *wire.MsgBlock
	// What seal leaves as it is.
	keepRoot, keepCommitment, keepWork bool
}

// newDraft returns a valid block on the tip: a coinbase that takes the subsidy,
// and txs.
func newDraft(n *naiveNode, txs ...*wire.MsgTx) *draft {
	parent := n.tip
	unix := max(parent.medianTime(), parent.msg.Header.Timestamp.Unix()) + 1
	ctx := n.headerContext(parent, unix)
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(&wire.TxIn{
		PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex},
		SignatureScript:  append(CoinbaseHeight(ctx.Height), txscript.OP_0),
		Sequence:         sequenceFinal,
	})
	coinbase.AddTxOut(wire.NewTxOut(n.params.SubsidyAt(ctx.Height), anyone))
	header := wire.BlockHeader{Version: 0x20000000, PrevBlock: parent.hash, Timestamp: time.Unix(unix, 0), Bits: ctx.Bits}
	d := &draft{t: n.t, node: n, msg: wire.NewMsgBlock(&header)}
	d.msg.Transactions = append([]*wire.MsgTx{coinbase}, txs...)
	return d
}

func (d *draft) coinbase() *wire.MsgTx { return d.msg.Transactions[0] }

// seal commits to the witnesses and transactions and finds a nonce.
func (d *draft) seal() *draft {
	if !d.keepCommitment {
		var nonce [32]byte
		cb := d.coinbase()
		if i := WitnessCommitmentIndex(d.msg); i >= 0 {
			cb.TxOut = append(cb.TxOut[:i], cb.TxOut[i+1:]...)
		}
		cb.TxIn[0].Witness = wire.TxWitness{nonce[:]}
		cb.AddTxOut(wire.NewTxOut(0, WitnessCommitmentScript(d.msg, nonce)))
	}
	if !d.keepRoot {
		d.msg.Header.MerkleRoot, _ = MerkleRoot(TxIDs(d.msg))
	}
	if !d.keepWork {
		d.msg.Header.Nonce = 0
		if !pow.Solve(&d.msg.Header) {
			d.t.Fatal("no nonce")
		}
	}
	return d
}

// check runs all of the rules on a block that would be the next, in their
// order, and changes nothing.
func (d *draft) check() error {
	n, header := d.node, d.msg.Header
	if err := CheckBlock(n.params, d.msg); err != nil {
		return err
	}
	ctx := n.headerContext(n.tip, header.Timestamp.Unix())
	if err := CheckHeader(n.params, ctx, &header, n.clock); err != nil {
		return err
	}
	if err := CheckBlockContext(n.params, ctx, d.msg); err != nil {
		return err
	}
	_, err := n.apply(n.tip, d.msg)
	return err
}

// accept puts the block on the node's chain.
func (d *draft) accept() *draft {
	d.t.Helper()
	if verdict := d.node.submit(EncodeBlock(d.msg)); verdict != "" {
		d.t.Fatalf("refused: %s", verdict)
	}
	return d
}

// wantKind checks that an error is a refusal of a kind that is invalid for ever
// and not a matter of mutation.
func wantKind(t *testing.T, err error, kind Kind) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != kind || e.Sort != Invalid || e.Mutated || !errors.Is(err, kind) {
		t.Errorf("got %+v, want %s", err, kind)
	}
}

// spendAll returns a transaction that spends coins with nothing and pays the
// given values to anybody.
func spendAll(ops []wire.OutPoint, values ...int64) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	for _, op := range ops {
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: op, Sequence: sequenceFinal})
	}
	for _, v := range values {
		tx.AddTxOut(wire.NewTxOut(v, anyone))
	}
	return tx
}

func spendOne(op wire.OutPoint, values ...int64) *wire.MsgTx {
	return spendAll([]wire.OutPoint{op}, values...)
}

// outOf returns the outpoint of a transaction's output.
func outOf(tx *wire.MsgTx, index uint32) wire.OutPoint {
	return wire.OutPoint{Hash: tx.TxHash(), Index: index}
}

const coin = int64(SatsPerCoin)

// ripeNode returns a node with 110 blocks, and the coinbases of the first ten,
// which are mature in block 111 and of which each pays 50 coins to anybody.
func ripeNode(t testing.TB) (*naiveNode, []wire.OutPoint) {
	n := newNaiveNode(t, network.Regtest())
	var ripe []wire.OutPoint
	for range 110 {
		d := newDraft(n).seal().accept()
		if len(ripe) < 10 {
			ripe = append(ripe, outOf(d.coinbase(), 0))
		}
	}
	return n, ripe
}
