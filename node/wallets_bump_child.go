package node

import (
	"context"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// payForParent spends an output of a transaction that waits, so that both
// together reach a feerate (CPFP).
func (w *wallets) payForParent(ctx context.Context, v *walletView, p *payment, txid chainhash.Hash, rate wallet.FeeRate, r rpc.BumpRequest) (rpc.BumpPlan, error) {
	e := w.host.pool.Get(txid)
	if e == nil {
		return rpc.BumpPlan{}, w.notWaiting(ctx, p.file, txid)
	}
	coins, err := w.coinsFor(v, p)
	if err != nil {
		return rpc.BumpPlan{}, err
	}
	parent, err := parentCoin(coins, e, r.Output, p.file.Name())
	if err != nil {
		return rpc.BumpPlan{}, err
	}
	p.payees = []payee{{Payment: wallet.Payment{Script: parent.Script}}}
	if err := w.fillOptions(v, p); err != nil {
		return rpc.BumpPlan{}, err
	}
	o := &p.options
	if o.FeeRate = rate; rate == 0 {
		// As a replacement would: what it pays, and as much more as is relayed.
		o.FeeRate = wallet.FeeRate(e.Fee*1000/e.VSize) + max(wallet.FeeRate(o.Policy.IncrementalRelayFee), 5*wallet.FeeRate(o.Policy.MinRelayFee))
	}
	pack := w.packageOf(e, o.FeeRate)
	if p.draft, err = wallet.PlanChild(coins, *parent, pack, *o); err != nil {
		return rpc.BumpPlan{}, ownBumpError(err, o.FeeRate, r.Target)
	}
	to, _ := address.Encode(o.Change.Script, w.host.params)
	p.payees = []payee{{Payment: wallet.Payment{Script: o.Change.Script}, to: to, name: p.file.Name()}}
	next := p.changeNext // the output is no change to the plan, and yet a new address
	w.settled(p, coins)
	p.changeNext = next
	plan := w.bumpPlan(p, e, consensus.Amount(e.Fee))
	plan.Parent, plan.Change = txid.String(), consensus.Amount(p.draft.Tx.TxOut[0].Value)
	plan.PackageRate = satPerVB(pack.Fees+p.draft.Fee, pack.VSize+p.draft.VSize())
	if r.DryRun {
		return plan, nil
	}
	if p.file.Header().WatchOnly {
		return plan, errWatchOnly(p.file)
	}
	if err := w.sign(p); err != nil {
		return plan, err
	}
	sent, err := w.submit(p, "")
	plan.TxID = sent.TxID
	if r.Explain {
		plan.Explain = sent.Explain
	}
	return plan, err
}

// parentCoin is the output of a transaction that a child spends: the one that is
// asked for, else the largest of the wallet's.
func parentCoin(coins []wallet.Coin, e *mempool.Entry, output *int, name string) (*wallet.Coin, error) {
	var parent *wallet.Coin
	for i := range coins {
		c := &coins[i]
		if c.OutPoint.Hash != e.TxID || output != nil && int64(*output) != int64(c.OutPoint.Index) {
			continue
		}
		if parent == nil || c.Value > parent.Value {
			parent = c
		}
	}
	if parent == nil {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "transaction %s has no unspent output of wallet %s that a child could spend", e.TxID, name)
	}
	if parent.Ancestors >= mempool.DefaultPolicy().MaxAncestors {
		return nil, rpc.CodeWallet.New(fmt.Sprintf("transaction %s depends on too many others that wait for the mempool to take a child", e.TxID))
	}
	return parent, nil
}

// packageOf adds up the transactions that would not be mined at a rate without a
// child: a transaction and its ancestors, without those that some of their own
// pay enough for (the rule of Core's MiniMiner).
func (w *wallets) packageOf(e *mempool.Entry, rate wallet.FeeRate) wallet.Package {
	rest := make(map[chainhash.Hash]*mempool.Entry)
	var walk func(id chainhash.Hash)
	walk = func(id chainhash.Hash) {
		if entry := w.host.pool.Get(id); entry != nil && rest[id] == nil {
			rest[id] = entry
			for _, parent := range entry.Parents {
				walk(parent)
			}
		}
	}
	walk(e.TxID)
	for again := true; again; {
		again = false
		for id := range rest {
			if id == e.TxID {
				continue
			}
			set := make(map[chainhash.Hash]bool)
			sum := sumOf(rest, id, set)
			if sum.Fees >= rate.Fee(sum.VSize) {
				for mined := range set {
					delete(rest, mined)
				}
				again = true
				break
			}
		}
	}
	return sumOf(rest, e.TxID, make(map[chainhash.Hash]bool))
}

// sumOf adds a transaction and its ancestors up, as far as they are in a set.
func sumOf(in map[chainhash.Hash]*mempool.Entry, id chainhash.Hash, seen map[chainhash.Hash]bool) wallet.Package {
	e := in[id]
	if e == nil || seen[id] {
		return wallet.Package{}
	}
	seen[id] = true
	sum := wallet.Package{Fees: consensus.Amount(e.ModifiedFee()), VSize: e.VSize}
	for _, parent := range e.Parents {
		more := sumOf(in, parent, seen)
		sum.Fees, sum.VSize = sum.Fees+more.Fees, sum.VSize+more.VSize
	}
	return sum
}
