//go:build !windows

package node

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// TestKilledSearch kills the host with SIGKILL while it searches for a wallet's
// coins. The next host, a guest until then, goes on with the search by itself.
func TestKilledSearch(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, filepath.Join(t.TempDir(), "regtest"), fastClock)
	scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 301)
	pays := spreadPays(9_000, scripts[:20])
	pays[5_000] = scripts[300] // found with a larger gap only
	paidChain(t, p.host(), 9_000, pays)
	got := must[rpc.Restored](t)(p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words, Name: "Old"}))
	if got.Wallets[0].Coins != 20 {
		t.Fatalf("%+v", got)
	}
	p.shut()

	host := spawn(t, p.dir)
	if role := host.ready(t); !role.Host {
		t.Fatal("the child is not the host")
	}
	guest := newPurse(t, p.dir, fastClock, func(c *Config) { c.LongLived = true })
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	took := make(chan Role, 10)
	go func() { ran <- guest.node.Run(ctx, func(r Role) { took <- r }) }()
	defer func() {
		cancel()
		<-ran
	}()
	if _, err := guest.StartJob(t.Context(), "lode_rescan", rpc.RescanRequest{Wallet: "Old", Gap: 400}); err != nil {
		t.Fatal(err)
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for role := receive(t, "the guest", took); !role.Host; role = receive(t, "the guest", took) {
	}
	guest.found("Old")
	if w := guest.wallet("Old"); w.Coins != 21 {
		t.Errorf("after the search: %+v", w)
	}
}
