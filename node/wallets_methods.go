package node

import (
	"context"
	"slices"

	"github.com/lode-chain/lode/rpc"
)

// registerWallet adds the methods of the wallets: lode's own here, Core's in
// wallets_core.go.
func (h *Host) registerWallet(s *rpc.Server) {
	h.registerCoreWallet(s)
	one := rpc.Param{Name: "wallet", Type: rpc.String, Optional: true, Help: "Name, number or address; the default wallet when left out"}
	passphrase := rpc.Param{Name: "passphrase", Type: rpc.String, Optional: true, Help: "Of the wallets, when they are locked; it holds for this call only"}
	name := rpc.Param{Name: "name", Type: rpc.String, Optional: true, Help: "What to call it"}
	kind := rpc.Param{Name: "type", Type: rpc.String, Optional: true, Help: "bech32, bech32m, p2sh-segwit or legacy"}
	payment := []rpc.Param{
		{Name: "from", Type: rpc.String, Optional: true, Help: "Wallet that pays; the default wallet when left out"},
		{Name: "to", Type: rpc.String, Help: "Address, or a wallet's name or number"},
		{Name: "amount", Type: rpc.Any, Help: "In coins"},
		{Name: "fee_rate", Type: rpc.Number, Optional: true, Help: "In sat/vB"},
		{Name: "key", Type: rpc.String, Optional: true, Help: "Chosen by the caller: the same key twice is one payment"},
	}
	for _, m := range []rpc.Method{
		{
			Name: "lode_wallets", Summary: "Lists all wallets with their balances.",
			Handler: own(func(ctx context.Context, w *wallets, _ rpc.Empty) (any, error) { return w.list(ctx) }, h),
		}, {
			Name: "lode_wallet", Summary: "Returns one wallet.", Params: []rpc.Param{one}, Example: `'{"wallet":"Wallet1"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.WalletRequest) (any, error) {
				file, err := w.find(r.Wallet)
				if err != nil {
					return nil, err
				}
				return w.show(ctx, file)
			}, h),
		}, {
			Name: "lode_newwallets", Summary: "Makes wallets, each with words of its own, and returns what it takes to restore them.",
			Params: []rpc.Param{
				{Name: "count", Type: rpc.Number, Optional: true, Help: "How many (default 1)"},
				name,
				{Name: "words", Type: rpc.Number, Optional: true, Help: "Length of the mnemonic: 12 (default) or 24"},
				kind,
				{Name: "mnemonic", Type: rpc.String, Optional: true, Help: "Words that all share, as accounts 0, 1, 2…"},
				passphrase,
				{Name: "show_private", Type: rpc.Bool, Optional: true, Help: "Return the private key of the first address too"},
			},
			Example: `'{"count":3}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.NewWallets) (any, error) { return w.newWallets(ctx, r) }, h),
		}, {
			Name: "lode_walletkeys", Summary: "Returns a wallet's words and the private key of its first address. Where the wallets are under a passphrase it must be given.",
			Params: []rpc.Param{one, passphrase}, Example: `'{"wallet":"Wallet1"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.WalletRequest) (any, error) { return w.walletKeys(ctx, r) }, h),
		}, {
			Name:    "lode_restorewords",
			Summary: "Finds the accounts of a mnemonic that were ever paid and makes wallets of them; of words that were never paid, the first account.",
			Params: []rpc.Param{
				{Name: "mnemonic", Type: rpc.String, Help: "The words"},
				{Name: "bip39_passphrase", Type: rpc.String, Optional: true, Help: "The words' own passphrase"},
				name,
				{Name: "path", Type: rpc.String, Optional: true, Help: "Take the one key at this path instead, e.g. m"},
				kind,
				passphrase,
			},
			Example: `'{"mnemonic":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.RestoreWords) (any, error) { return w.restore(ctx, r) }, h),
		}, {
			Name: "lode_importkey", Summary: "Makes a wallet of one private key and finds its coins, or says that it is here already.",
			Params:  []rpc.Param{{Name: "key", Type: rpc.String, Help: "64 hex digits or WIF"}, name, kind, passphrase},
			Example: `'{"key":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.ImportKey) (any, error) { return w.importKey(ctx, r) }, h),
		}, {
			Name: "lode_renamewallet", Summary: "Gives a wallet another name.",
			Params:  []rpc.Param{one, {Name: "name", Type: rpc.String, Help: "The new name"}},
			Example: `'{"wallet":"Wallet1","name":"Alice"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.RenameWallet) (any, error) { return w.rename(ctx, r) }, h),
		}, {
			Name: "lode_preparesend", Summary: "Computes a payment without making it.", Params: payment,
			Example: `'{"from":"Wallet1","to":"Wallet2","amount":1.5}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.SendRequest) (any, error) { return w.prepareSend(ctx, r) }, h),
		}, {
			Name: "lode_send", Summary: "Makes a payment.", Params: append(slices.Clone(payment), passphrase),
			Example: `'{"from":"Wallet1","to":"Wallet2","amount":1.5}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.SendRequest) (any, error) { return w.send(ctx, r) }, h),
		}, {
			Name: "lode_unlock", Summary: "Opens the wallets' secrets until the host ends or walletlock is called.",
			Params:  []rpc.Param{{Name: "passphrase", Type: rpc.String, Help: "Of the wallets"}},
			Example: `'{"passphrase":"…"}'`,
			Handler: own(func(_ context.Context, w *wallets, r rpc.Passphrase) (any, error) {
				if !w.vault.Encrypted() {
					return nil, errNoPassphrase
				}
				return nil, w.unlock(r.Passphrase, 0)
			}, h),
		}, {
			Name: "lode_setpassphrase", Summary: "Puts the wallets under a passphrase; only before the first is made.",
			Params:  []rpc.Param{{Name: "passphrase", Type: rpc.String, Help: "The passphrase"}},
			Example: `'{"passphrase":"…"}'`,
			Handler: own(func(_ context.Context, w *wallets, r rpc.Passphrase) (any, error) {
				return nil, w.setPassphrase(r.Passphrase)
			}, h),
		},
	} {
		m.Section, m.Own = rpc.SectionLode, true
		s.Register(m)
	}
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
