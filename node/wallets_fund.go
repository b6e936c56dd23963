package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

const (
	// fundCoins is how many coins each wallet gets, so that it can make
	// payments before its change is confirmed.
	fundCoins = 5
	// fundOutputs bounds the outputs of one transaction: with the largest kind
	// of output, 43 vbytes, it stays a standard one.
	fundOutputs = 2_000
	// fundFeeRate is what the demonstration's transactions pay: 1 sat/vB.
	fundFeeRate wallet.FeeRate = 1_000
)

// fanOut returns signed transactions that spend coins of the host's wallets and
// leave each wallet five coins of equal value. Sats that do not divide go to the
// fee. With many wallets the first transaction makes one coin for each of the
// others, which come behind it. It reads the wallets' files, not their coins, so
// it can be called while blocks are still being made.
func (h *Host) fanOut(ctx context.Context, coins []consensus.SpentCoin) ([]*wire.MsgTx, error) {
	files := h.wallets.vault.Wallets()
	if len(files) == 0 || len(coins) == 0 {
		return nil, nil
	}
	f := funding{wallets: h.wallets, rings: make(map[int]*ring)}
	defer f.close()
	var outputs [][]byte
	for _, file := range files {
		script, err := h.wallets.firstScript(file)
		if err != nil {
			return nil, err
		}
		if script == nil || file.Header().WatchOnly {
			continue // nobody here could spend it
		}
		for range fundCoins {
			outputs = append(outputs, script)
		}
	}
	if len(outputs) == 0 {
		return nil, nil
	}
	var total consensus.Amount
	for i := range coins {
		c := &coins[i]
		if err := f.add(c.OutPoint, &c.Coin); err != nil {
			return nil, err
		}
		total += consensus.Amount(c.Coin.Value)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f.build(outputs, total)
}

// funding makes the transactions of fanOut.
type funding struct {
	wallets *wallets
	rings   map[int]*ring // by wallet number
	coins   []wallet.Coin
	owners  []int // wallet numbers of coins
}

func (f *funding) close() {
	for _, r := range f.rings {
		r.Close()
	}
}

// add takes a coin in whose wallet's keys can be had.
func (f *funding) add(op wire.OutPoint, c *consensus.Coin) error {
	file, err := f.wallets.byScript(c.Script, "of a matured coin")
	if err != nil {
		return err
	}
	owner, ok := f.wallets.owns(file, c.Script)
	if !ok {
		return fmt.Errorf("coin %s: %w", op, wallet.ErrKey)
	}
	if file.Header().WatchOnly {
		return rpc.Errorf(rpc.CodeWallet, "wallet %s gets the first coins and only watches, so nobody here can pay them out", file.Name())
	}
	if f.rings[file.Number()] == nil {
		r, err := f.wallets.ring(file, nil)
		if err != nil {
			return err
		}
		f.rings[file.Number()] = r
	}
	f.coins = append(f.coins, wallet.Coin{
		OutPoint: op, Value: consensus.Amount(c.Value), Script: c.Script, Chain: owner.Chain, Index: owner.Index, Height: c.Height, Coinbase: c.Coinbase,
	})
	f.owners = append(f.owners, file.Number())
	return nil
}

// build divides a sum among outputs.
func (f *funding) build(outputs [][]byte, total consensus.Amount) ([]*wire.MsgTx, error) {
	batches := (len(outputs) + fundOutputs - 1) / fundOutputs
	if batches > fundOutputs {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%d wallets are too many to fund at once", len(outputs)/fundCoins)
	}
	// Fees first: the sums follow from them.
	middle := f.coins[0].Script // one coin for each batch goes here
	fees := make([]consensus.Amount, batches)
	var rest consensus.Amount
	for i := range fees {
		scripts := batch(outputs, i)
		if batches == 1 {
			fees[i] = fundFeeRate.Fee((wallet.SignedWeight(f.coins, scripts) + 3) / 4)
		} else {
			fees[i] = fundFeeRate.Fee((wallet.SignedWeight(f.coins[:1], scripts) + 3) / 4)
		}
		rest += fees[i]
	}
	if batches > 1 {
		middles := make([][]byte, batches)
		for i := range middles {
			middles[i] = middle
		}
		rest += fundFeeRate.Fee((wallet.SignedWeight(f.coins, middles) + 3) / 4)
	}
	each := (total - rest) / consensus.Amount(len(outputs))
	for _, script := range outputs {
		if least := mempool.DustThreshold(script, mempool.DefaultPolicy().DustRelayFee); each < consensus.Amount(least) {
			return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%s is too little for %d wallets", total, len(outputs)/fundCoins)
		}
	}
	if batches == 1 {
		tx, err := f.spend(f.coins, f.owners, outputs, func(int) consensus.Amount { return each })
		return []*wire.MsgTx{tx}, err
	}
	return f.buildTree(outputs, batches, each, fees, middle)
}

// batch returns the outputs of one transaction.
func batch(outputs [][]byte, i int) [][]byte {
	return outputs[i*fundOutputs : min(len(outputs), (i+1)*fundOutputs)]
}

// buildTree makes one transaction for each batch, and the one before them.
func (f *funding) buildTree(outputs [][]byte, batches int, each consensus.Amount, fees []consensus.Amount, middle []byte) ([]*wire.MsgTx, error) {
	scripts := make([][]byte, batches)
	for i := range scripts {
		scripts[i] = middle
	}
	sum := func(i int) consensus.Amount { return each*consensus.Amount(len(batch(outputs, i))) + fees[i] }
	first, err := f.spend(f.coins, f.owners, scripts, sum)
	if err != nil {
		return nil, err
	}
	txs := []*wire.MsgTx{first}
	txid := first.TxHash()
	for i := range batches {
		coin := f.coins[0]
		coin.OutPoint, coin.Value = wire.OutPoint{Hash: txid, Index: uint32(i)}, sum(i)
		tx, err := f.spend([]wallet.Coin{coin}, f.owners[:1], batch(outputs, i), func(int) consensus.Amount { return each })
		if err != nil {
			return nil, err
		}
		txs = append(txs, tx)
	}
	return txs, nil
}

// spend signs one transaction.
func (f *funding) spend(coins []wallet.Coin, owners []int, outputs [][]byte, value func(i int) consensus.Amount) (*wire.MsgTx, error) {
	tx := wire.NewMsgTx(2)
	byCoin := make(map[wire.OutPoint]*ring, len(coins))
	for i := range coins {
		in := wire.NewTxIn(&coins[i].OutPoint, nil, nil)
		in.Sequence = wallet.Sequence
		tx.AddTxIn(in)
		byCoin[coins[i].OutPoint] = f.rings[owners[i]]
	}
	for i, script := range outputs {
		tx.AddTxOut(wire.NewTxOut(int64(value(i)), script))
	}
	err := wallet.SignKeys(tx, coins, func(c *wallet.Coin) (*btcec.PrivateKey, error) { return byCoin[c.OutPoint].coinKey(c) })
	if errors.Is(err, wallet.ErrKey) {
		err = rpc.Errorf(rpc.CodeWallet, "the wallet that gets the first coins has not all keys to pay them out: %s", err)
	}
	return tx, err
}
