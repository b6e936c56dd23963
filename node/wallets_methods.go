package node

import (
	"context"

	"github.com/lode-chain/lode/rpc"
)

// registerWallet adds the methods of the wallets: each subject's file has a
// function of its own for that.
func (h *Host) registerWallet(s *rpc.Server) {
	h.registerCoreWallet(s)
	h.registerWalletList(s)
	h.registerWalletKeys(s)
	h.registerRestore(s)
	h.registerSend(s)
	h.registerLock(s)
	h.registerSafety(s)
	h.registerScreens(s)
	h.registerPSBT(s)
	h.registerDescriptorWallets(s)
	h.registerManage(s)
	h.registerHistory(s)
	h.registerReceived(s)
	h.registerLabels(s)
}

// The parameters that several of the wallets' methods have.
var (
	oneParam        = rpc.Param{Name: "wallet", Type: rpc.String, Optional: true, Help: "Name, number or address; the default wallet when left out"}
	passphraseParam = rpc.Param{Name: "passphrase", Type: rpc.String, Optional: true, Help: "Of the wallets, when they are locked; it holds for this call only"}
	nameParam       = rpc.Param{Name: "name", Type: rpc.String, Optional: true, Help: "What to call it"}
	typeParam       = rpc.Param{Name: "type", Type: rpc.String, Optional: true, Help: "bech32, bech32m, p2sh-segwit or legacy"}
)

// registerOwn adds one of lode's own methods.
func registerOwn(s *rpc.Server, m rpc.Method) {
	m.Section, m.Own = rpc.SectionLode, true
	s.Register(m)
}

// own makes the handler of one of lode's methods, whose object is read into an
// R. The wallets are looked up when it is called: methods are registered before
// they are open.
func own[R any](do func(context.Context, *wallets, R) (any, error), h *Host) func(context.Context, *rpc.Request) (any, error) {
	return func(ctx context.Context, r *rpc.Request) (any, error) {
		var request R
		if err := r.Object(&request); err != nil {
			return nil, err
		}
		return do(ctx, h.wallets, request)
	}
}
