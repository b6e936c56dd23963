package node

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
)

// estimated calls estimatesmartfee.
func (p *purse) estimated(params ...any) rpc.FeeEstimate {
	p.t.Helper()
	var e rpc.FeeEstimate
	p.core(&e, "estimatesmartfee", params...)
	return e
}

// TestEstimateSmartFeeAsCore replays Core's calls. Where Core has no answer for
// lack of data, lode has the floor.
func TestEstimateSmartFeeAsCore(t *testing.T) {
	p := newPurse(t, "", fastClock)
	replayed := 0
	for _, call := range readRecorded(t, "util_and_errors.json") {
		if call.Method != "estimatesmartfee" {
			continue
		}
		replayed++
		params := make([]any, len(call.Params))
		for i := range params {
			params[i] = call.Params[i]
		}
		var got json.RawMessage
		err := p.Call(t.Context(), call.Method, &got, params...)
		if call.Error != nil {
			refused(t, err, call.Error.Code, call.Error.Message)
			continue
		}
		if text := string(got); err != nil || text != `{"feerate":0.00001000,"blocks":6,"reason":"there are no blocks yet to learn from: the least that is taken"}` {
			t.Errorf("%s, %v", text, err)
		}
	}
	if replayed != 3 {
		t.Errorf("%d calls were replayed", replayed)
	}
	for _, bad := range [][]any{{0}, {1009}, {-1}, {6, ""}, {6, "x"}} {
		refused(t, p.Call(t.Context(), "estimatesmartfee", nil, bad...), rpc.CodeInvalidParameter)
	}
	for _, mode := range []string{"unset", "ECONOMICAL", "Conservative"} {
		if e := p.estimated(1008, mode); e.FeeRate != 1_000 || e.Blocks != 1008 {
			t.Errorf("%s: %+v", mode, e)
		}
	}
	if rate, why := p.host().estimateFee(0); rate != 1_000 || why == "" {
		t.Errorf("%d, %q", rate, why)
	}
}

// fullBlocks mines blocks that are full of transactions that pay a feerate, of a
// coin that is anyone's.
func fullBlocks(t *testing.T, h *Host, coin *wire.MsgTx, blocks int, rate int64) {
	t.Helper()
	err := h.chain.Group(t.Context(), func(g *chain.Group) error {
		tries := int64(-1)
		for range blocks {
			var waiting []*mempool.Entry
			for range 9 {
				const vsize = 110_800
				tx := spend(coin, rate*vsize/1000)
				tx.AddTxOut(wire.NewTxOut(0, make([]byte, vsize-130)))
				e := mempool.NewEntry(tx, rate*vsize/1000, 4, time.Unix(0, 0), 0)
				if len(waiting) > 0 {
					e.Parents = append(e.Parents, waiting[len(waiting)-1].TxID)
				}
				waiting = append(waiting, e)
				coin = tx
			}
			if _, err := h.extend(g, anyoneScript, waiting, 0, &tries); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFeesOfBlocks looks at blocks that are empty, at full ones, and at those
// that are left after a reorganisation.
func TestFeesOfBlocks(t *testing.T) {
	p := newPurse(t, "", fastClock)
	h := p.host()
	is := func(what string, target int, mode string, low, high rpc.Amount, reason string) {
		t.Helper()
		e := p.estimated(target, mode)
		if e.FeeRate < low || e.FeeRate > high || !strings.Contains(e.Reason, reason) {
			t.Errorf("%s: within %d blocks, %s: %+v, want %d to %d: %s", what, target, mode, e, low, high, reason)
		}
	}
	generate(t, p.node, 110)
	is("empty blocks", 1, "conservative", 1000, 1000, "nothing waits and the blocks have room")
	first, err := h.chain.Block(h.chain.ByHeight(1).Hash)
	if err != nil {
		t.Fatal(err)
	}
	fullBlocks(t, h, first.Transactions[0], 4, 20_000)
	is("four full blocks", 1, "economical", 20_000, 20_100, "4 of the last 6 blocks were full")
	is("four full blocks", 2, "economical", 1000, 1000, "the least that is taken")
	is("four full blocks", 4, "conservative", 20_000, 20_100, "4 of the last 6 blocks were full")
	is("four full blocks", 5, "conservative", 1000, 1000, "the least that is taken")
	// The reorganisation leaves one of them; what was in the others is large enough
	// to be refused by the mempool.
	fork := h.chain.ByHeight(112)
	if err := h.chain.Invalidate(fork.Hash); err != nil {
		t.Fatal(err)
	}
	is("after a reorganisation", 1, "economical", 1000, 30_000, "")
	generate(t, p.node, 6)
	is("behind it", 1, "conservative", 1000, 1000, "nothing waits")
	if err := h.chain.Reconsider(fork.Hash); err != nil {
		t.Fatal(err)
	}
}

// TestFeesOfTheMempool fills the mempool over a block: estimates go up, fall with
// the target, and who pays them gets in by then.
func TestFeesOfTheMempool(t *testing.T) {
	p := newPurse(t, "", fastClock)
	h := p.host()
	generate(t, p.node, 400)
	now := h.now()
	spent := 0
	next := func(rate int64, vsize int) *mempool.Entry {
		t.Helper()
		spent++
		b, err := h.chain.Block(h.chain.ByHeight(int32(spent)).Hash)
		if err != nil {
			t.Fatal(err)
		}
		tx := spend(b.Transactions[0], 0)
		tx.TxOut[0].Value /= 2
		out := tx.TxOut[0]
		for len(tx.TxOut)*43 < vsize-100 {
			tx.AddTxOut(wire.NewTxOut(400, out.PkScript))
		}
		value := b.Transactions[0].TxOut[0].Value
		fee := (mempool.NewEntry(tx, 0, 4, now, 0).VSize*rate + 999) / 1000
		out.Value = value - fee - int64(len(tx.TxOut)-1)*400
		e, err := h.pool.Accept(tx, h.now())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for i := range 260 {
		next(int64(2_000+100*i), 9_500)
	}
	last := rpc.Amount(1 << 40)
	for _, target := range []int{1, 2, 3, 6} {
		e := p.estimated(target)
		if e.FeeRate > last {
			t.Errorf("within %d blocks: %d, more than %d", target, e.FeeRate, last)
		}
		last = e.FeeRate
		if full := target < 3; full != (e.FeeRate > 1_000) || full != (e.Reason == "what waits fills 2 blocks") {
			t.Errorf("within %d blocks: %+v", target, e)
		}
	}
	// One payment for each target.
	for target, e := range []*mempool.Entry{next(int64(p.estimated(1).FeeRate), 2_000), next(int64(p.estimated(2).FeeRate), 3_000), next(int64(p.estimated(3).FeeRate), 200)} {
		generate(t, p.node, 1)
		if h.pool.Get(e.TxID) != nil {
			t.Errorf("the payment for %d blocks still waits", target+1)
		}
	}
	if e := p.estimated(1, "economical"); e.FeeRate != 1000 || !strings.Contains(e.Reason, "nothing waits") {
		t.Errorf("afterwards: %+v", e)
	}
	if e := p.estimated(2, "conservative"); e.FeeRate <= 1000 || !strings.Contains(e.Reason, "2 of the last 6 blocks were full") {
		t.Errorf("afterwards: %+v", e)
	}
}

// TestIndexMethods calls getblockfilter and getindexinfo.
func TestIndexMethods(t *testing.T) {
	p := newPurse(t, "", fastClock)
	h := p.host()
	generate(t, p.node, 3)
	if err := h.filters.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	type filter struct{ Filter, Header string }
	var first, second filter
	stale := h.chain.ByHeight(2)
	p.core(&first, "getblockfilter", h.chain.ByHeight(1).Hash.String())
	p.core(&second, "getblockfilter", stale.Hash.String(), "basic")
	if len(first.Filter) < 6 || first.Header == second.Header || len(second.Header) != 64 {
		t.Errorf("%+v, %+v", first, second)
	}
	if err := h.chain.Invalidate(stale.Hash); err != nil {
		t.Fatal(err)
	}
	generate(t, p.node, 3)
	var again filter
	if p.core(&again, "getblockfilter", stale.Hash.String()); again != second {
		t.Errorf("of a stale block: %+v, want %+v", again, second)
	}
	refused(t, p.Call(t.Context(), "getblockfilter", nil, stale.Hash.String(), "x"), rpc.CodeInvalidAddress, "Unknown filtertype")
	refused(t, p.Call(t.Context(), "getblockfilter", nil, strings.Repeat("7", 64)), rpc.CodeInvalidAddress, "Block not found")
	type states map[string]indexState
	var all, one, none states
	if err := h.filters.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.core(&all, "getindexinfo")
	p.core(&one, "getindexinfo", "txindex")
	p.core(&none, "getindexinfo", "coinstatsindex")
	want := indexState{true, 4}
	if len(all) != 2 || all["txindex"] != want || all["basic block filter index"] != want || len(one) != 1 || len(none) != 0 {
		t.Errorf("%+v, %+v, %+v", all, one, none)
	}
}
