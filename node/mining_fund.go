package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/template"
)

// fundBlocks is the number of blocks that are mined for the demonstration before
// the one that fans the coins out.
const fundBlocks = 110

// fund makes the demonstration's wallets where there are none and mines its funds:
// blocks that pay to the default wallet, and one more whose transactions spread
// what has matured over all wallets. The blocks are one group of the chain: either
// all of them are there afterwards, or none. Of several callers the first one does
// it, and the others find it done.
func (h *Host) fund(ctx context.Context, r rpc.FundRequest) (rpc.Funded, error) {
	if !h.params.Demo {
		return rpc.Funded{}, rpc.Errorf(rpc.CodeMisc, "network %s has no coins mined in advance; mine some with lode mine", h.params.Name)
	}
	h.mining.funding.Lock()
	defer h.mining.funding.Unlock()
	done := rpc.Funded{Wallets: h.wallets.vault.Len(), Height: h.chain.Tip().Height}
	if done.Height > 0 {
		return done, nil
	}
	if done.Wallets == 0 && r.Wallets > 0 && len(h.wallets.damaged()) == 0 {
		made, err := h.wallets.newWallets(ctx, rpc.NewWallets{Count: r.Wallets, Mnemonic: r.Mnemonic})
		if err != nil {
			return done, err
		}
		done.Wallets = len(made)
	}
	if err := h.mineDemo(ctx); err != nil {
		return done, err
	}
	done.Funded, done.Height = true, h.chain.Tip().Height
	return done, nil
}

// mineDemo mines the demonstration's blocks.
func (h *Host) mineDemo(ctx context.Context) error {
	script, _, err := h.payeeScript(ctx, "")
	if err != nil {
		return err
	}
	err = h.chain.Group(ctx, func(g *chain.Group) error {
		if height := g.Tip().Height; height != 0 {
			return rpc.Errorf(rpc.CodeMisc, "the chain is at height %d; only an empty one is funded", height)
		}
		return h.mineFunds(g, script, func(coins []consensus.SpentCoin) ([]*wire.MsgTx, error) { return h.fanOut(ctx, coins) })
	})
	if err != nil {
		return err
	}
	return h.awaitFollowers(context.WithoutCancel(ctx))
}

// mineFunds mines the blocks inside a group. fanOut makes transactions of the coins
// that have matured.
func (h *Host) mineFunds(g *chain.Group, script []byte, fanOut func([]consensus.SpentCoin) ([]*wire.MsgTx, error)) error {
	tries := int64(-1)
	var coins []consensus.SpentCoin
	for range fundBlocks {
		t, err := h.extend(g, script, nil, 0, &tries)
		if err != nil {
			return err
		}
		// Those that the block after all of these may spend.
		if fundBlocks+1-t.Height >= h.params.Maturity {
			coins = append(coins, rewardOf(t))
		}
	}
	txs, err := fanOut(coins)
	if err != nil {
		return err
	}
	waiting, err := h.measure(txs, coins)
	if err != nil {
		return err
	}
	for len(waiting) > 0 {
		t, err := h.extend(g, script, waiting, 0, &tries)
		if err != nil {
			return err
		}
		if len(t.Entries) == 0 {
			return errors.New("fund the wallets: a transaction does not fit into a block")
		}
		waiting = withoutEntries(waiting, t.Entries)
	}
	return nil
}

// rewardOf is the coin that a block's coinbase makes.
func rewardOf(t *template.Template) consensus.SpentCoin {
	coinbase := t.Block.Transactions[0]
	out := coinbase.TxOut[0]
	return consensus.SpentCoin{
		OutPoint: wire.OutPoint{Hash: coinbase.TxHash()},
		Coin:     consensus.Coin{Value: out.Value, Script: out.PkScript, Height: t.Height, Coinbase: true},
	}
}

// measure makes template candidates of transactions that spend only the coins
// given and outputs of those before them.
func (h *Host) measure(txs []*wire.MsgTx, coins []consensus.SpentCoin) ([]*mempool.Entry, error) {
	known := make(map[wire.OutPoint]*consensus.Coin, len(coins))
	for i := range coins {
		known[coins[i].OutPoint] = &coins[i].Coin
	}
	var entries []*mempool.Entry
	for _, tx := range txs {
		spent := make([]*consensus.Coin, len(tx.TxIn))
		fee := -consensus.OutputSum(tx)
		for i, in := range tx.TxIn {
			if spent[i] = known[in.PreviousOutPoint]; spent[i] == nil {
				return nil, fmt.Errorf("fund the wallets: transaction %s spends an unknown coin", tx.TxHash())
			}
			fee += spent[i].Value
		}
		e := mempool.NewEntry(tx, fee, consensus.SigOpCost(tx, spent, consensus.StandardFlags), h.now(), 0)
		for i, out := range tx.TxOut {
			known[wire.OutPoint{Hash: e.TxID, Index: uint32(i)}] = &consensus.Coin{Value: out.Value, Script: out.PkScript, Height: fundBlocks + 1}
		}
		for _, in := range tx.TxIn {
			e.Parents = append(e.Parents, in.PreviousOutPoint.Hash)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
