package node

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerBump adds the methods that raise the fee of payments that wait.
func (h *Host) registerBump(s *rpc.Server) {
	params := []rpc.Param{
		{Name: "txid", Type: rpc.String, Help: "The payment"},
		{Name: "options", Type: rpc.Object, Optional: true, Help: "conf_target, fee_rate, replaceable, estimate_mode, outputs, original_change_index"},
	}
	registerCore(s, rpc.Method{
		Name: "bumpfee", Summary: "Replaces a payment that waits by one with a higher fee.", Params: params, Example: `"txid"`,
		Handler: onWallet(h, (*coreWallet).bumpFee),
	})
	registerCore(s, rpc.Method{
		Name: "psbtbumpfee", Summary: "Returns the replacement of a payment with a higher fee as a PSBT.", Params: params, Example: `"txid"`,
		Handler: onWallet(h, (*coreWallet).psbtBumpFee),
	})
	registerOwn(s, rpc.Method{
		Name: "lode_bumpfee", Summary: "Raises the fee of a payment that waits: by one that replaces it, or with child by one that spends an output of it.",
		Params: []rpc.Param{
			{Name: "txid", Type: rpc.String, Help: "The payment"},
			oneParam,
			{Name: "child", Type: rpc.Bool, Optional: true, Help: "Pay by a child: works for payments of others to the wallet too"},
			{Name: "output", Type: rpc.Number, Optional: true, Help: "That the child spends (default: the wallet's largest)"},
			{Name: "fee_rate", Type: rpc.Number, Optional: true, Help: "In sat/vB; of both together with child (default: 5 sat/vB more than it pays)"},
			{Name: "target", Type: rpc.Number, Optional: true, Help: "Blocks within which it should be confirmed"},
			{Name: "max_fee", Type: rpc.Any, Optional: true, Help: "Most that the fee may be, in coins (default 0.1)"},
			{Name: "allow_high_fee", Type: rpc.Bool, Optional: true, Help: "Pay any fee"},
			{Name: "explain", Type: rpc.Bool, Optional: true, Help: "Tell each step with its values"},
			{Name: "dry_run", Type: rpc.Bool, Optional: true, Help: "Compute only"},
			passphraseParam,
		},
		Example: `'{"txid":"id","fee_rate":20}'`,
		Handler: own(func(ctx context.Context, w *wallets, r rpc.BumpRequest) (any, error) { return w.bump(ctx, r) }, h),
	})
}

// bump is a payment that raises the fee of another one.
type bump struct {
	*payment
	entry *mempool.Entry // that is replaced, or spent
	wallet.Bump
	view *walletView
}

// findBump finds the payment whose fee is to be raised, and says why it cannot be
// (Core's feebumper::PreconditionChecks). Mine: all that it spends must be the
// wallet's.
func (w *wallets) findBump(ctx context.Context, p *payment, v *walletView, txid chainhash.Hash, mine bool) (*bump, error) {
	b := &bump{payment: p, view: v, Bump: wallet.Bump{Change: -1}}
	if b.entry = w.host.pool.Get(txid); b.entry == nil {
		return nil, w.notWaiting(ctx, p.file, txid)
	}
	b.Old, b.VSize = b.entry.Tx, b.entry.VSize
	coins, touches, err := w.spentBy(p.file, v, b.Old)
	if err != nil {
		return nil, err
	}
	pays := slices.ContainsFunc(b.Old.TxOut, func(out *wire.TxOut) bool { _, ok := w.owns(p.file, out.PkScript); return ok })
	switch {
	case !touches && !pays:
		return nil, rpc.CodeInvalidAddress.New("Invalid or non-wallet transaction id")
	case w.hasOwnChild(p.file, b.entry):
		return nil, rpc.CodeInvalidParameter.New("Transaction has descendants in the wallet")
	case b.entry.Descendants.Count > 1:
		return nil, rpc.CodeInvalidParameter.New("Transaction has descendants in the mempool")
	case !signalsReplacement(b.Old):
		return nil, errFinal
	case coins == nil && mine:
		return nil, rpc.CodeWallet.New("Transaction contains inputs that don't belong to this wallet")
	case coins == nil:
		return nil, rpc.CodeWallet.New("Unable to create transaction. Not all of its inputs are known")
	}
	b.Coins = coins
	for i, out := range b.Old.TxOut {
		if owner, ok := w.owns(p.file, out.PkScript); ok && b.Change < 0 && w.isChange(p.file, owner) {
			b.Change = i
			p.change = out.PkScript
		}
	}
	return b, nil
}

// notWaiting says why a transaction that is not in the mempool cannot be bumped.
func (w *wallets) notWaiting(ctx context.Context, file *vault.Wallet, txid chainhash.Hash) error {
	unknown := rpc.CodeInvalidAddress.New("Invalid or non-wallet transaction id")
	if by := w.replacedBy(file, txid); by != "" {
		return rpc.Errorf(rpc.CodeWallet, "Cannot bump transaction %s which was already bumped by transaction %s", txid, by)
	}
	f, err := w.host.findTx(ctx, txid, nil)
	if err != nil || f.block == nil {
		return unknown
	}
	v, err := w.view(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	found := false
	err = wallet.History(v.snapshot, uint32(file.Number()), func(e wallet.Entry) error {
		found = found || e.TxID == txid
		return nil
	})
	if err != nil || !found {
		return unknown
	}
	return rpc.CodeWallet.New("Transaction has been mined, or is conflicted with a mined transaction")
}

// replacedBy returns the txid of the recorded payment that took the place of
// another one.
func (w *wallets) replacedBy(file *vault.Wallet, txid chainhash.Hash) string {
	id, by := txid.String(), ""
	sends, err := file.Sends()
	if err != nil {
		return ""
	}
	for _, s := range sends {
		var kept sentDetails
		if json.Unmarshal([]byte(s.Details), &kept) == nil && kept.Replaces == id {
			by = s.TxID
		}
	}
	return by
}

// hasOwnChild says whether a payment of the wallet's spends an output of another
// one that waits.
func (w *wallets) hasOwnChild(file *vault.Wallet, e *mempool.Entry) bool {
	for _, id := range e.Children {
		child := w.host.pool.Get(id)
		if child == nil {
			continue
		}
		for _, in := range child.Tx.TxIn {
			if op := in.PreviousOutPoint; op.Hash == e.TxID {
				if _, ok := w.owns(file, e.Tx.TxOut[op.Index].PkScript); ok {
					return true
				}
			}
		}
	}
	return false
}

// isChange says whether a script of the wallet's is one for change.
func (w *wallets) isChange(file *vault.Wallet, owner wallet.Owner) bool {
	roles, err := w.roles(file)
	return err == nil && int(owner.Chain) < len(roles) && roles[owner.Chain].Internal
}

// spentBy returns the coins that a transaction in the mempool spends, as if it did
// not: nil when not all are the wallet's. Touches: some are.
func (w *wallets) spentBy(file *vault.Wallet, v *walletView, tx *wire.MsgTx) (coins []wallet.Coin, touches bool, err error) {
	ops := outPointsOf(tx)
	found, _, err := w.host.chain.Coins(ops)
	if err != nil {
		return nil, false, err
	}
	all := true
	for i, op := range ops {
		c := wallet.Coin{OutPoint: op, Height: wallet.Unconfirmed}
		if found[i] != nil {
			c.Script, c.Value, c.Height, c.Coinbase = found[i].Script, consensus.Amount(found[i].Value), found[i].Height, found[i].Coinbase
		} else if parent := w.host.pool.Get(op.Hash); parent != nil && uint64(op.Index) < uint64(len(parent.Tx.TxOut)) {
			out := parent.Tx.TxOut[op.Index]
			c.Script, c.Value = out.PkScript, consensus.Amount(out.Value)
			c.Ancestors = parent.Ancestors.Count
		}
		owner, mine := w.owns(file, c.Script)
		if !mine || len(c.Script) == 0 {
			all = false
			continue
		}
		touches = true
		c.Chain, c.Index = owner.Chain, owner.Index
		coins = append(coins, c)
	}
	if !all {
		coins = nil
	}
	return coins, touches, nil
}

// planBump plans the replacement.
func (w *wallets) planBump(b *bump) error {
	p := b.payment
	coins, err := w.coinsFor(b.view, p)
	if err != nil {
		return err
	}
	if err := w.fillOptions(b.view, p); err != nil {
		return err
	}
	b.MinRate = wallet.FeeRate(w.host.pool.Info(w.host.now()).MinFee)
	if p.draft, err = wallet.PlanBump(coins, b.Bump, p.options); err != nil {
		return err
	}
	// What is not change is paid as before.
	p.payees = p.payees[:0]
	for i, out := range p.draft.Tx.TxOut {
		if i != p.draft.ChangeAt {
			to, _ := address.Encode(out.PkScript, w.host.params)
			p.payees = append(p.payees, payee{Payment: wallet.Payment{Script: out.PkScript, Value: consensus.Amount(out.Value)}, to: to})
		}
	}
	w.settled(p, coins)
	return nil
}

// submitBump records a signed replacement and puts it into the mempool.
func (w *wallets) submitBump(b *bump) (string, error) {
	p, tx := b.payment, b.draft.Tx
	if _, err := w.host.pool.Test(tx, w.host.now()); err != nil {
		return "", refusedPayment(err)
	}
	plan := w.result(p)
	plan.TxID, plan.Explain = tx.TxHash().String(), nil
	if err := w.recordDetails(p, sentDetails{SendPlan: plan, Replaces: b.entry.TxID.String()}, tx, ""); err != nil {
		return "", err
	}
	return plan.TxID, w.enter(p.file, tx)
}

// bump is lode_bumpfee.
func (w *wallets) bump(ctx context.Context, r rpc.BumpRequest) (rpc.BumpPlan, error) {
	txid, err := rpc.ParseHash(r.TxID, "txid")
	if err != nil {
		return rpc.BumpPlan{}, err
	}
	file, err := w.bumpWallet(ctx, r.Wallet, txid)
	if err != nil {
		return rpc.BumpPlan{}, err
	}
	p := &payment{file: file, from: file.Name(), explain: r.Explain}
	defer p.close()
	p.options.MaxFee, p.options.AllowHighFee = r.MaxFee, r.AllowHighFee
	var rate wallet.FeeRate
	if r.FeeRate != 0 || r.Target != 0 {
		if rate, p.reason, err = w.rateFor(r.FeeRate, r.Target); err != nil {
			return rpc.BumpPlan{}, err
		}
	}
	if r.Passphrase != "" {
		key, done, err := w.keyFor(r.Passphrase)
		if err != nil {
			return rpc.BumpPlan{}, err
		}
		defer done()
		p.opener = key
	}
	defer w.lockWallet(file.Number())()
	v, err := w.view(ctx)
	if err != nil {
		return rpc.BumpPlan{}, err
	}
	defer v.Close()
	if r.Child {
		return w.payForParent(ctx, v, p, txid, rate, r)
	}
	b, err := w.findBump(ctx, p, v, txid, true)
	if err != nil {
		return rpc.BumpPlan{}, unbumpable(err)
	}
	b.Rate = rate
	if err := w.planBump(b); err != nil {
		return rpc.BumpPlan{}, ownBumpError(err, rate, r.Target)
	}
	plan := w.bumpPlan(p, b.entry, b.Fee())
	plan.Replaces, plan.PackageRate = txid.String(), plan.FeeRate
	if r.DryRun {
		return plan, nil
	}
	if file.Header().WatchOnly {
		return plan, errWatchOnly(file)
	}
	if err := w.sign(p); err != nil {
		return plan, err
	}
	if plan.TxID, err = w.submitBump(b); err == nil && r.Explain {
		plan.Explain = w.story(p)
	}
	return plan, err
}

// bumpPlan is a higher fee as lode's method shows it.
func (w *wallets) bumpPlan(p *payment, e *mempool.Entry, old consensus.Amount) rpc.BumpPlan {
	vsize := p.draft.VSize()
	plan := rpc.BumpPlan{
		Wallet: p.file.Name(), OldFee: old, OldFeeRate: satPerVB(old, e.VSize), Fee: p.draft.Fee, FeeRate: satPerVB(p.draft.Fee, vsize),
		VSize: vsize, Inputs: len(p.draft.Coins), Change: p.draft.Change,
	}
	if p.explain {
		plan.Explain = w.story(p)
	}
	return plan
}

// bumpWallet returns the wallet that is named, else the one that a transaction
// that waits spends from or, failing that, pays to.
func (w *wallets) bumpWallet(ctx context.Context, wanted string, txid chainhash.Hash) (*vault.Wallet, error) {
	if wanted != "" {
		return w.find(wanted)
	}
	if err := w.host.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	e := w.host.pool.Get(txid)
	if e == nil {
		if f, err := w.host.findTx(ctx, txid, nil); err == nil && f.block != nil {
			return nil, rpc.CodeWallet.New("Transaction has been mined, or is conflicted with a mined transaction")
		}
		for _, file := range w.vault.Wallets() {
			if by := w.replacedBy(file, txid); by != "" {
				return nil, rpc.Errorf(rpc.CodeWallet, "Cannot bump transaction %s which was already bumped by transaction %s", txid, by)
			}
		}
		return nil, rpc.CodeInvalidAddress.New("Invalid or non-wallet transaction id")
	}
	coins, _, err := w.host.chain.Coins(outPointsOf(e.Tx))
	if err != nil {
		return nil, err
	}
	for i, in := range e.Tx.TxIn {
		var script []byte
		if coins[i] != nil {
			script = coins[i].Script
		} else if parent := w.host.pool.Get(in.PreviousOutPoint.Hash); parent != nil {
			script = parent.Tx.TxOut[in.PreviousOutPoint.Index].PkScript
		}
		if file, err := w.byScript(script, ""); err == nil {
			return file, nil
		}
	}
	for _, out := range e.Tx.TxOut {
		if file, err := w.byScript(out.PkScript, ""); err == nil {
			return file, nil
		}
	}
	return nil, rpc.CodeInvalidAddress.New("Invalid or non-wallet transaction id")
}

func outPointsOf(tx *wire.MsgTx) []wire.OutPoint {
	ops := make([]wire.OutPoint, len(tx.TxIn))
	for i, in := range tx.TxIn {
		ops[i] = in.PreviousOutPoint
	}
	return ops
}
