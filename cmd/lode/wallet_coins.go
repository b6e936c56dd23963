package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// walletCoins are the flags of wallet coins.
type walletCoins struct{ lock, unlock []string }

func (p *program) walletCoinsCommand() *cobra.Command {
	var f walletCoins
	c := &cobra.Command{
		Use: "coins [WALLET]", Short: "List a wallet's coins, lock and unlock them",
		Long: `Lists a wallet's coins: what can be spent, and why the rest cannot just now.
A coin that is locked is left alone by all payments but those that name it.`,
		Example: "  lode wallet coins Wallet1\n  lode wallet coins Wallet1 --lock TXID:0\n  lode wallet coins Wallet1 --unlock TXID:0",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			return p.runWalletCoins(c.Context(), f, first(args))
		},
	}
	c.Flags().StringArrayVar(&f.lock, "lock", nil, "lock this coin, TXID:N; repeatable")
	c.Flags().StringArrayVar(&f.unlock, "unlock", nil, "unlock this coin, TXID:N; repeatable")
	return c
}

func (p *program) runWalletCoins(ctx context.Context, f walletCoins, wanted string) error {
	return p.with(ctx, "wallet coins", func(c *openChain) error {
		w, err := p.chooseWallet(ctx, c, "Coins of", "lode wallet coins WALLET", wanted)
		if err != nil {
			return err
		}
		number := strconv.Itoa(w.Number)
		for _, one := range []struct {
			unlock bool
			coins  []string
		}{{true, f.unlock}, {false, f.lock}} {
			if err := lockCoins(ctx, c, number, one.unlock, one.coins); err != nil {
				return err
			}
		}
		coins, err := c.Coins(ctx, rpc.WalletRequest{Wallet: number})
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(coins)
		}
		if len(coins) == 0 {
			p.screen.Printf("%s has no coins.\n", console.Clean(w.Name))
			return nil
		}
		t := console.Table{Head: []string{"Coin", "Amount", "State"}, Right: []bool{false, true, false}, Shrink: []int{2}}
		for _, coin := range coins {
			state := coin.State
			if coin.Note != "" {
				state += ": " + coin.Note
			}
			t.Rows = append(t.Rows, []string{coin.Coin, coin.Amount.String(), state})
		}
		p.screen.Table(t)
		return nil
	})
}

// lockCoins locks or unlocks coins that are written as TXID:N.
func lockCoins(ctx context.Context, c *openChain, wallet string, unlock bool, coins []string) error {
	if len(coins) == 0 {
		return nil
	}
	type outPoint struct {
		TxID string `json:"txid"`
		Vout uint32 `json:"vout"`
	}
	list := make([]outPoint, len(coins))
	for i, text := range coins {
		txid, n, ok := strings.Cut(text, ":")
		vout, err := strconv.ParseUint(n, 10, 32)
		if !ok || err != nil || !isHash(txid) {
			return usagef("%q is no coin: write its transaction and output, TXID:N", console.Clean(text))
		}
		list[i] = outPoint{txid, uint32(vout)}
	}
	return c.OnWallet(wallet).Call(ctx, "lockunspent", nil, unlock, list)
}
