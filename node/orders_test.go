package node

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/lode-chain/lode/rpc"
)

// TestWhomTheHostPays follows the wallets: the host mines to the default one, or
// to the one that was named, also when that changes or gets another name.
func TestWhomTheHostPays(t *testing.T) {
	c := config(filepath.Join(t.TempDir(), "regtest"), "lode up")
	c.Mine = true
	n := mustOpen(t, c)
	ctx, client := t.Context(), n.Client()
	pays := func(what, to string) {
		t.Helper()
		eventually(t, n, what, func(s rpc.Status) bool { return s.Mining.To == to && (s.Mining.Note == "") == (to != "") })
	}
	pays("nobody to pay", "")
	if _, err := client.NewWallets(ctx, rpc.NewWallets{Count: 2}); err != nil {
		t.Fatal(err)
	}
	pays("the first wallet", "Wallet1")
	if _, err := client.Settings(ctx, rpc.Settings{DefaultWallet: "Wallet2"}); err != nil {
		t.Fatal(err)
	}
	pays("the new default", "Wallet2")
	if _, err := client.Settings(ctx, rpc.Settings{MiningTo: "wallet1"}); err != nil {
		t.Fatal(err)
	}
	pays("the wallet that was named", "Wallet1")
	if _, err := client.RenameWallet(ctx, "1", "Alice"); err != nil {
		t.Fatal(err)
	}
	pays("it under its new name", "Alice")
	for _, nobody := range []string{"Wallet9", "9", "bcrt1qnonsense00000000000000000000000000000"} {
		var refusal *rpc.Error
		if _, err := client.Settings(ctx, rpc.Settings{MiningTo: nobody}); !errors.As(err, &refusal) {
			t.Errorf("%s: %v", nobody, err)
		}
	}
	if s := status(t, n); s.Settings.MiningTo != "Alice" {
		t.Errorf("remembered %q", s.Settings.MiningTo)
	}
}

// TestRewardsLeaveADeletedWallet: the worker that mines to the default wallet
// pays the next one when that is deleted.
func TestRewardsLeaveADeletedWallet(t *testing.T) {
	c := config(filepath.Join(t.TempDir(), "regtest"), "lode up")
	c.Mine = true
	c.Settings.MiningMode, c.Settings.Interval = "always", "10ms"
	n := mustOpen(t, c)
	ctx, client := t.Context(), n.Client()
	made, err := client.NewWallets(ctx, rpc.NewWallets{Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	paid := func(number string) {
		t.Helper()
		for {
			w, err := client.FindWallet(ctx, number)
			if err != nil {
				t.Fatal(err)
			}
			if w.Immature > 0 {
				return
			}
			if err := client.Call(ctx, "waitfornewblock", nil, 10_000); err != nil {
				t.Fatal(err)
			}
		}
	}
	paid("1")
	gone := rpc.DeleteWallet{Wallet: "1", Words: made[0].Mnemonic, WithCoins: true}
	if err := client.Call(ctx, "lode_deletewallet", nil, gone); err != nil {
		t.Fatal(err)
	}
	paid("2")
}
