package node

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/template"
	"github.com/lode-chain/lode/wallet"
)

const (
	// recentBlocks is how many of the last blocks an estimate looks at (policy).
	recentBlocks = 6
	// defaultTarget is within how many blocks a payment is wanted when nobody says
	// (policy, Core's -txconfirmtarget).
	defaultTarget = 6
)

// fees estimates feerates. mu guards what was worked out and holds for a state of
// the mempool or for a block.
type fees struct {
	host *Host

	mu    sync.Mutex
	seq   uint64 // of the mempool, for next
	tip   chainhash.Hash
	next  []mempool.Fill
	fills map[chainhash.Hash]mempool.Fill // of the last blocks
}

// estimateFee returns the feerate by which a transaction gets into one of the next
// target blocks, and why it is that; 0 is the default target. It never fails for
// lack of data: the floor then is the answer.
func (h *Host) estimateFee(target int) (rate wallet.FeeRate, why string) {
	if target == 0 {
		target = defaultTarget
	}
	e, why, err := h.fees.estimate(context.Background(), target, false)
	if err != nil {
		return wallet.FeeRate(h.feeFloor()), "no estimate: " + err.Error()
	}
	return wallet.FeeRate(e.Rate), why
}

// feeFloor is the least feerate that is taken by the mempool and mined here, in
// satoshis per 1,000 vbytes.
func (h *Host) feeFloor() int64 {
	info := h.pool.Info(h.now())
	return max(info.MinFee, info.Policy.MinRelayFee, minBlockFeeRate)
}

// estimate looks at the mempool and the last blocks of now.
func (f *fees) estimate(ctx context.Context, target int, conservative bool) (mempool.Estimate, string, error) {
	if err := f.host.pool.CatchUp(ctx); err != nil {
		return mempool.Estimate{}, "", err
	}
	snap := f.host.pool.Snapshot()
	tip := f.host.chain.ByHash(snap.Tip)
	o := mempool.Outlook{Floor: f.host.feeFloor()}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil || f.seq != snap.Seq || f.tip != snap.Tip {
		f.next = forecast(template.Input{
			Params: f.host.params, Parent: tip, Candidates: snap.Entries, MinFeeRate: minBlockFeeRate,
		})
		f.seq, f.tip = snap.Seq, snap.Tip
	}
	o.Next = f.next
	var err error
	if o.Recent, err = f.recent(tip); err != nil {
		return mempool.Estimate{}, "", err
	}
	e := o.Estimate(target, conservative)
	return e, reason(e, len(snap.Entries), len(o.Recent)), nil
}

// forecast is template.Forecast, without its work where all fits into one block.
func forecast(in template.Input) []mempool.Fill {
	var weight, sigOps int64
	for _, e := range in.Candidates {
		weight += e.Weight
		sigOps += e.SigOpCost
	}
	if weight < consensus.MaxBlockWeight/2 && sigOps < consensus.MaxBlockSigOpsCost/2 {
		return []mempool.Fill{{}}
	}
	return template.Forecast(in, mempool.MaxTarget)
}

// recent tells how full the last blocks were, the latest first. The caller holds
// mu.
func (f *fees) recent(tip *chain.Entry) ([]mempool.Fill, error) {
	var list []mempool.Fill
	known := make(map[chainhash.Hash]mempool.Fill, recentBlocks)
	for e := tip; e != nil && e.Height > 0 && len(list) < recentBlocks; e = e.Parent() {
		fill, ok := f.fills[e.Hash]
		if !ok {
			var err error
			if fill, err = f.fillOf(e); err != nil {
				return nil, err
			}
		}
		known[e.Hash] = fill
		list = append(list, fill)
	}
	f.fills = known // of those only: it stays small, whatever the chain does
	return list, nil
}

// fillOf tells how full a block was. The fees are those of its undo data.
func (f *fees) fillOf(e *chain.Entry) (mempool.Fill, error) {
	b, err := f.host.chain.Block(e.Hash)
	if err != nil {
		return mempool.Fill{}, err
	}
	undo, err := f.host.chain.Undo(e.Hash)
	if err != nil {
		return mempool.Fill{}, err
	}
	var entries []*mempool.Entry
	here := make(map[chainhash.Hash]bool)
	weight := consensus.Weight(b.Transactions[0])
	for i, tx := range b.Transactions[1:] {
		fee := int64(0)
		for _, coin := range undo.Txs[i] {
			fee += coin.Value
		}
		for _, out := range tx.TxOut {
			fee -= out.Value
		}
		entry := mempool.NewEntry(tx, fee, 0, f.host.started, e.Height)
		for _, in := range tx.TxIn {
			if here[in.PreviousOutPoint.Hash] {
				entry.Parents = append(entry.Parents, in.PreviousOutPoint.Hash)
			}
		}
		here[entry.TxID] = true
		weight += entry.Weight
		entries = append(entries, entry)
	}
	return template.FillOf(entries, weight), nil
}

// reason says in words what an estimate rests on.
func reason(e mempool.Estimate, waiting, recent int) string {
	switch {
	case e.Basis == mempool.OnMempool && e.Full == 1:
		return "what waits fills a block"
	case e.Basis == mempool.OnMempool:
		return fmt.Sprintf("what waits fills %d blocks", e.Full)
	case e.Basis == mempool.OnBlocks:
		return fmt.Sprintf("%d of the last %d blocks were full", e.Full, recent)
	case recent == 0:
		return "there are no blocks yet to learn from: the least that is taken"
	case waiting == 0:
		return "nothing waits and the blocks have room: the least that is taken"
	}
	return "the blocks have room for what waits: the least that is taken"
}

// estimateModes are Core's, and whether they are conservative. Unset is
// economical, since 28.
var estimateModes = map[string]bool{"UNSET": false, "ECONOMICAL": false, "CONSERVATIVE": true}

// readTarget reads conf_target and estimate_mode (Core's ParseConfirmTarget,
// FeeModeFromString).
func readTarget(r *rpc.Request) (target int, conservative bool, err error) {
	n, err := r.Int(0, 0)
	if err != nil {
		return 0, false, err
	}
	if n < 1 || n > mempool.MaxTarget {
		return 0, false, rpc.Errorf(rpc.CodeInvalidParameter, "Invalid conf_target, must be between 1 and %d", mempool.MaxTarget)
	}
	mode, err := r.Text(1, "unset")
	if err != nil {
		return 0, false, err
	}
	conservative, ok := estimateModes[strings.ToUpper(mode)]
	if !ok {
		return 0, false, rpc.CodeInvalidParameter.New(`Invalid estimate_mode parameter, must be one of: "unset", "economical", "conservative"`)
	}
	return int(n), conservative, nil
}

// estimateSmartFee is Core's estimatesmartfee, but that there always is a feerate.
// The field reason is lode's own.
func (h *Host) estimateSmartFee(ctx context.Context, r *rpc.Request) (any, error) {
	target, conservative, err := readTarget(r)
	if err != nil {
		return nil, err
	}
	e, why, err := h.fees.estimate(ctx, target, conservative)
	if err != nil {
		return nil, err
	}
	return rpc.FeeEstimate{FeeRate: rpc.Amount(e.Rate), Blocks: target, Reason: why}, nil
}

// registerFees adds the methods about feerates.
func (h *Host) registerFees(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "estimatesmartfee", Section: rpc.SectionUtil,
		Summary: "Estimates the feerate by which a transaction gets into one of the next blocks, from what waits and from the last blocks. There always is an answer; reason says what it rests on.",
		Params: []rpc.Param{
			{Name: "conf_target", Type: rpc.Number, Help: "Within how many blocks, 1 to 1008"},
			{Name: "estimate_mode", Type: rpc.String, Optional: true, Help: `"economical" (default) or "conservative"`},
		},
		Example: "6", Handler: h.estimateSmartFee,
	})
}
