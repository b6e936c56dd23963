package node

import (
	"context"
	"fmt"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerCoins adds the method that lists coins.
func (h *Host) registerCoins(s *rpc.Server) {
	registerOwn(s, rpc.Method{
		Name: "lode_coins", Summary: "Lists a wallet's coins, each with why it can be spent now or cannot; lockunspent locks and unlocks them.",
		Params: []rpc.Param{oneParam}, Example: `'{"wallet":"Wallet1"}'`,
		Handler: own(func(ctx context.Context, w *wallets, r rpc.WalletRequest) (any, error) {
			return w.listCoins(ctx, r.Wallet)
		}, h),
	})
}

// listCoins is lode_coins.
func (w *wallets) listCoins(ctx context.Context, wanted string) ([]rpc.WalletCoin, error) {
	file, err := w.find(wanted)
	if err != nil {
		return nil, err
	}
	v, err := w.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	coins, err := w.coinsOf(v, file)
	if err != nil {
		return nil, err
	}
	locks := wallet.NewLocks(w.solver(file), tipOf(w.host.chain.ByHash(v.At.Hash)))
	rows := make([]rpc.WalletCoin, len(coins))
	for i := range coins {
		c := &coins[i]
		row := &rows[i]
		row.Coin, row.Amount, row.Confirmations = c.OutPoint.String(), c.Value, confirmations(c, v.At.Height)
		row.Address, _ = address.Encode(c.Script, w.host.params)
		row.State, row.Note = coinState(c, locks)
	}
	return rows, nil
}

// coinState says whether a payment can take a coin now, and if not why.
func coinState(c *wallet.Coin, locks *wallet.Locks) (state, note string) {
	passes, timeLocked := locks.Waits(c)
	switch {
	case c.State == wallet.Immature:
		return rpc.CoinImmature, fmt.Sprintf("spendable from height %d on", c.Matures)
	case c.State == wallet.Pending:
		return rpc.CoinPending, ""
	case c.State == wallet.Spent && c.Kept:
		return rpc.CoinSpent, fmt.Sprintf("by %s, which left the mempool and may come back", c.SpentBy)
	case c.State == wallet.Spent:
		return rpc.CoinSpent, fmt.Sprintf("by %s, which waits for a block", c.SpentBy)
	case c.Locked:
		return rpc.CoinLocked, ""
	case c.Reused:
		return rpc.CoinReused, ""
	case timeLocked:
		return rpc.CoinTimeLocked, passes
	}
	return rpc.CoinSpendable, ""
}
