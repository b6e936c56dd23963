package node

import (
	"context"
	"fmt"

	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// errAborted is Core's text.
var errAborted = rpc.CodeMisc.New("Rescan aborted.")

// checkGap reads a gap limit that was asked for.
func checkGap(gap int) (uint32, error) {
	switch {
	case gap == 0:
		return wallet.Gap, nil
	case gap < 0 || gap > maxGap:
		return 0, rpc.Errorf(rpc.CodeInvalidParameter, "a gap limit of %d is not within 1 to %d", gap, maxGap)
	}
	return uint32(gap), nil
}

// rescanRequest is lode_rescan.
func (w *wallets) rescanRequest(_ context.Context, r rpc.RescanRequest) (any, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return nil, err
	}
	gap, err := checkGap(r.Gap)
	if err != nil {
		return nil, err
	}
	if tip := w.host.chain.Tip().Height; r.From < 0 || r.From > tip {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "height %d is not within 0 to %d, the chain's", r.From, tip)
	}
	return w.startScan([]*vault.Wallet{file}, func(*vault.Wallet) dueScan {
		return w.again(file, dueScan{From: r.From, Gap: gap, Asked: true})
	})
}

// again is a search that was asked for, which covers one that is due. The caller,
// expect, holds the scans' mu.
func (w *wallets) again(file *vault.Wallet, asked dueScan) dueScan {
	if d, ok := w.scans.due[file.Number()]; ok && !d.Asked {
		return dueScan{From: min(d.From, asked.From), Gap: max(d.Gap, asked.Gap)}
	}
	return asked
}

// rescanBlockchain is Core's rescanblockchain. The search always goes on to the
// tip, as wallets here follow the whole chain; blocks below start_height are not
// looked at.
func (c *coreWallet) rescanBlockchain(ctx context.Context, r *rpc.Request) (any, error) {
	tip := c.host.chain.Tip().Height
	start, stop := int64(0), int64(tip)
	if err := r.Decode(0, &start); err != nil {
		return nil, err
	}
	if err := r.Decode(1, &stop); err != nil {
		return nil, err
	}
	switch {
	case start < 0 || start > int64(tip):
		return nil, rpc.CodeInvalidParameter.New("Invalid start_height")
	case stop < 0 || stop > int64(tip):
		return nil, rpc.CodeInvalidParameter.New("Invalid stop_height")
	case stop < start:
		return nil, rpc.CodeInvalidParameter.New("stop_height must be greater than start_height")
	}
	job, err := c.startScan([]*vault.Wallet{c.file}, func(file *vault.Wallet) dueScan {
		return c.again(file, dueScan{From: int32(start), Gap: wallet.Gap, Asked: true})
	})
	if err != nil {
		return nil, err
	}
	cancelled, err := c.host.jobs.wait(ctx, job.ID)
	switch {
	case err != nil && cancelled:
		return nil, errAborted
	case err != nil:
		return nil, fmt.Errorf("rescan: %w", err)
	}
	return struct {
		Start int64 `json:"start_height"`
		Stop  int64 `json:"stop_height"`
	}{start, stop}, nil
}

// abortRescan is Core's abortrescan.
func (c *coreWallet) abortRescan(ctx context.Context, _ *rpc.Request) (any, error) {
	running := c.scans.runningOf([]*vault.Wallet{c.file})
	if running == nil {
		return false, nil
	}
	c.scans.mu.Lock()
	job := running.job
	c.scans.mu.Unlock()
	if job == nil {
		return false, nil // it has only begun to begin
	}
	_, err := c.host.jobs.cancelJob(ctx, job.id)
	return err == nil, err
}

// scanInfo is the field scanning of Core's getwalletinfo.
func (w *wallets) scanInfo(number int) any {
	progress, since, ok := w.scanning(number)
	if !ok {
		return false
	}
	return struct {
		Duration int64   `json:"duration"`
		Progress float64 `json:"progress"`
	}{int64(w.host.now().Sub(since).Seconds()), progress}
}

// registerRescan adds the methods that look for coins once more.
func (h *Host) registerRescan(s *rpc.Server) {
	registerCore(s, rpc.Method{
		Name: "rescanblockchain", Summary: "Searches the chain once more for a wallet's coins, and returns when that is done.",
		Params: []rpc.Param{
			{Name: "start_height", Type: rpc.Number, Optional: true, Help: "The first block (default 0)"},
			{Name: "stop_height", Type: rpc.Number, Optional: true, Help: "The last block; what follows is searched too, as the wallet follows the whole chain"},
		},
		Example: "0", Handler: onWallet(h, (*coreWallet).rescanBlockchain),
	})
	registerCore(s, rpc.Method{
		Name: "abortrescan", Summary: "Ends a search for a wallet's coins; true if there was one.", Handler: onWallet(h, (*coreWallet).abortRescan),
	})
	registerOwn(s, rpc.Method{
		Name: "lode_rescan", Summary: "Starts a job that searches the chain once more for a wallet's coins.",
		Params: []rpc.Param{
			oneParam,
			{Name: "from", Type: rpc.Number, Optional: true, Help: "Height of the first block (default 0)"},
			gapParam,
		},
		Example: `'{"wallet":"Wallet1","gap":100}'`,
		Handler: own(func(ctx context.Context, w *wallets, r rpc.RescanRequest) (any, error) {
			return w.rescanRequest(ctx, r)
		}, h),
	})
}

var gapParam = rpc.Param{Name: "gap", Type: rpc.Number, Optional: true, Help: "How many unused addresses in a row end the search (default 20)"}
