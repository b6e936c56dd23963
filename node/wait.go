package node

import (
	"context"
	"time"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/rpc"
)

// maxWait bounds the wait methods when they are called without a timeout: a
// client that is gone is noticed anyway (policy).
const maxWait = 365 * 24 * time.Hour

// registerWait adds Core's hidden methods that wait for blocks.
func (h *Host) registerWait(s *rpc.Server) {
	timeout := rpc.Param{Name: "timeout", Type: rpc.Number, Optional: true, Help: "Milliseconds; 0 (default) waits for ever"}
	s.Register(rpc.Method{
		Name: "waitfornewblock", Section: rpc.SectionBlockchain, Hidden: true,
		Summary: "Waits until the tip changes and returns it.",
		Params:  []rpc.Param{timeout}, Example: "1000",
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			begun := h.chain.Tip()
			return h.waitFor(ctx, r, 0, func(tip *chain.Entry) bool { return tip != begun })
		},
	})
	s.Register(rpc.Method{
		Name: "waitforblock", Section: rpc.SectionBlockchain, Hidden: true,
		Summary: "Waits until a block is the tip and returns the tip.",
		Params:  []rpc.Param{{Name: "blockhash", Type: rpc.String, Help: "The block's hash"}, timeout}, Example: `"hash" 1000`,
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			hash, err := r.Hash(0, "blockhash")
			if err != nil {
				return nil, err
			}
			return h.waitFor(ctx, r, 1, func(tip *chain.Entry) bool { return tip.Hash == hash })
		},
	})
	s.Register(rpc.Method{
		Name: "waitforblockheight", Section: rpc.SectionBlockchain, Hidden: true,
		Summary: "Waits until the tip has at least a height and returns the tip.",
		Params:  []rpc.Param{{Name: "height", Type: rpc.Number, Help: "The height"}, timeout}, Example: "100 1000",
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			height, err := r.Int(0, 0)
			if err != nil {
				return nil, err
			}
			return h.waitFor(ctx, r, 1, func(tip *chain.Entry) bool { return int64(tip.Height) >= height })
		},
	})
}

// waitFor waits until the tip is as wanted or the time of parameter i is over,
// and returns the tip of then.
func (h *Host) waitFor(ctx context.Context, r *rpc.Request, i int, wanted func(*chain.Entry) bool) (any, error) {
	millis, err := r.Int(i, 0)
	if err != nil {
		return nil, err
	}
	if millis < 0 {
		return nil, rpc.CodeMisc.New("Negative timeout")
	}
	wait := maxWait
	if millis > 0 && millis < maxWait.Milliseconds() {
		wait = time.Duration(millis) * time.Millisecond
	}
	if err := rpc.Park(ctx); err != nil {
		return nil, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	type tipJSON struct {
		Hash   string `json:"hash"`
		Height int32  `json:"height"`
	}
	for {
		changed, tip := h.chain.Changed(), h.chain.Tip()
		if wanted(tip) {
			return tipJSON{tip.Hash.String(), tip.Height}, h.awaitFollowers(ctx)
		}
		select {
		case <-changed:
		case <-timer.C:
			return tipJSON{tip.Hash.String(), tip.Height}, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
