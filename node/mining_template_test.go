package node

import (
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/pow"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/template"
)

// TestRecordedTemplate asks for the template that Core was asked for on the chain
// which it made.
func TestRecordedTemplate(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("validates the chain that Core made")
	}
	c := config(filepath.Join(t.TempDir(), "regtest"), "test")
	c.Clock = clock
	n := mustOpen(t, c)
	importVaried(t, n.link.host)
	compared := 0
	for _, call := range readRecorded(t, "util_and_errors.json") {
		if call.Method != "getblocktemplate" || call.Error != nil {
			continue
		}
		compared++
		var result json.RawMessage
		if err := n.Client().Call(t.Context(), call.Method, &result, call.Params[0]); err != nil {
			t.Fatal(err)
		}
		for _, d := range differences("", asRecorded(t, result), call.Result) {
			if !strings.HasPrefix(d, ".longpollid:") { // counts other changes
				t.Error(d)
			}
		}
	}
	if compared == 0 {
		t.Error("nothing is recorded")
	}
}

// TestTestDummy follows Core's regtest: the template tells of a soft fork that
// miners may test their software with.
func TestTestDummy(t *testing.T) {
	p := fastRegtest()
	p.Name = "regtest"
	h := newMiningHost(t, p)
	type reply struct {
		Version   int32          `json:"version"`
		Rules     []string       `json:"rules"`
		Available map[string]int `json:"vbavailable"`
	}
	for _, want := range []struct {
		height  int
		version int32
		active  bool
		offered int
	}{
		{100, 0x20000000, false, 0}, {144, 0x30000000, false, 28}, {288, 0x30000000, false, 28}, {432, 0x20000000, true, 0},
	} {
		h.mine(want.height - 1 - int(h.chain.Tip().Height))
		var got reply
		h.call(&got, "getblocktemplate", map[string]any{"rules": []string{"segwit"}})
		rules := []string{"csv", "!segwit", "taproot"}
		if want.active {
			rules = []string{"csv", "!segwit", "testdummy", "taproot"}
		}
		if got.Version != want.version || got.Available["testdummy"] != want.offered || !slices.Equal(got.Rules, rules) {
			t.Errorf("block %d: %+v", want.height, got)
		}
	}
}

func TestProposals(t *testing.T) {
	h := newMiningHost(t, fastRegtest())
	coinbases := h.mine(6)
	tx := spend(coinbases[0], 1000)
	h.accept(tx)
	propose := func(b *wire.MsgBlock) any {
		t.Helper()
		var reason any
		h.call(&reason, "getblocktemplate", map[string]any{"mode": "proposal", "data": hex.EncodeToString(consensus.EncodeBlock(b))})
		return reason
	}
	tpl, _, err := h.template(t.Context(), anyoneScript)
	if err != nil {
		t.Fatal(err)
	}
	good := tpl.Block
	for pow.Check(good.BlockHash(), good.Header.Bits, h.params.PowLimit) {
		good.Header.Nonce++ // proposals have no proof of work
	}
	unsolved := func(change func(b *wire.MsgBlock)) *wire.MsgBlock {
		b := good.Copy()
		change(b)
		return b
	}
	remade := func(change func(b *wire.MsgBlock)) *wire.MsgBlock {
		b := unsolved(change)
		template.SetMerkleRoot(b)
		return b
	}
	for _, tt := range []struct {
		want any
		b    *wire.MsgBlock
	}{
		{nil, good},
		{"inconclusive-not-best-prevblk", unsolved(func(b *wire.MsgBlock) { b.Header.PrevBlock[0]++ })},
		{"bad-txnmrklroot", unsolved(func(b *wire.MsgBlock) { b.Header.MerkleRoot[0]++ })},
		{"bad-diffbits", unsolved(func(b *wire.MsgBlock) { b.Header.Bits = 0x207ffffe })},
		{"time-too-old", unsolved(func(b *wire.MsgBlock) { b.Header.Timestamp = time.Unix(1, 0) })},
		{"time-too-new", unsolved(func(b *wire.MsgBlock) { b.Header.Timestamp = h.now().Add(3 * time.Hour) })},
		{"bad-version(0x00000003)", unsolved(func(b *wire.MsgBlock) { b.Header.Version = 3 })},
		{"bad-cb-multiple", remade(func(b *wire.MsgBlock) { b.Transactions = append(b.Transactions, b.Transactions[0]) })},
		{"bad-cb-height", remade(func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].SignatureScript[0]++ })},
		{"bad-cb-amount", remade(func(b *wire.MsgBlock) { b.Transactions[0].TxOut[0].Value++ })},
		{"bad-witness-merkle-match", remade(func(b *wire.MsgBlock) { b.Transactions[1].TxIn[0].Witness = wire.TxWitness{{1}} })},
		{"bad-txns-inputs-missingorspent", recommitted(remade, func(b *wire.MsgBlock) { b.Transactions[1].TxIn[0].PreviousOutPoint.Index++ })},
	} {
		if got := propose(tt.b); got != tt.want {
			t.Errorf("%v, want %v", got, tt.want)
		}
	}
	before := h.chain.Tip()
	known, err := h.chain.Block(before.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if got := propose(known); got != "duplicate" {
		t.Errorf("the tip: %v", got)
	}
	h.fails(rpc.CodeType, "Missing data String key for proposal", "getblocktemplate", map[string]any{"mode": "proposal"})
	h.fails(rpc.CodeType, "Missing data String key for proposal", "getblocktemplate", map[string]any{"mode": "proposal", "data": 1})
	h.fails(rpc.CodeDeserialization, "Block decode failed", "getblocktemplate", map[string]any{"mode": "proposal", "data": "00"})
	h.fails(rpc.CodeInvalidParameter, "Invalid mode", "getblocktemplate", map[string]any{"mode": 1})
	if h.chain.Tip() != before || len(h.chain.Tips()) != 1 {
		t.Error("a proposal changed the chain")
	}
}

// recommitted changes a block and renews what commits to its witnesses.
func recommitted(make func(func(*wire.MsgBlock)) *wire.MsgBlock, change func(*wire.MsgBlock)) *wire.MsgBlock {
	return make(func(b *wire.MsgBlock) {
		change(b)
		b.Transactions[0].TxOut[1].PkScript = consensus.WitnessCommitmentScript(b, [32]byte{})
	})
}
