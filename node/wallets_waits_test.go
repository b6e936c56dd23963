package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// TestScanNoticesMove lets the chain move between two looks of a scan: blocks of
// another branch are not taken for the next ones.
func TestScanNoticesMove(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	h := p.host()
	paidChain(t, h, 150, map[int32][]byte{140: scriptsAt(t, words, keys.Bech32, 0, 0, 1)[0]})
	s := firstScan(t, p, words, 20)
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.chain.Invalidate(h.chain.ByHeight(130).Hash); err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{0, 5, 40} { // less, less and more than the scan has seen
		if more > 0 {
			generate(t, p.node, more)
		}
		if done, err := s.advance(t.Context()); done || !errors.Is(err, errChainMoved) {
			t.Errorf("%d blocks of another branch: %t, %v", more, done, err)
		}
	}
	if err := s.run(t.Context()); err != nil || s.tip != h.chain.Tip() {
		t.Errorf("at %d, %v", s.tip.Height, err)
	}
}

// TestSearchOutlivesCaller: who asked for a search and goes away, or is sent away
// as the host ends, does not wait for it.
func TestSearchOutlivesCaller(t *testing.T) {
	p := demo(t, 2)
	w := p.host().wallets
	files := w.vault.Wallets()
	other := &runningScan{ended: make(chan struct{})}
	if err := w.scans.claim(files[:1], other); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.made(ctx, files[:1], true); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if len(w.scans.of(files)) != 1 {
		t.Error("the search is not due any more")
	}
	w.scans.release(files[:1], other)
	if err := w.rescan(t.Context(), files[:1]); err != nil || len(w.scans.of(files)) != 0 {
		t.Errorf("%v", err)
	}
}

// TestResendDoesNotWait: a call that holds a wallet for long does not hold up
// what follows the chain.
func TestResendDoesNotWait(t *testing.T) {
	p, _, later := skewed(t, 3)
	sent := p.pay("1", "2", coin)
	later(15 * 24 * time.Hour)
	p.swept(sent.TxID, "3")
	w := p.host().wallets
	unlock := w.lockWallet(1)
	var r resends
	if err := w.resend(t.Context(), &r); err != nil || len(r.open) == 0 {
		t.Errorf("%v, %d open", err, len(r.open))
	}
	unlock()
	hash, _ := rpc.ParseHash(sent.TxID, "txid")
	if err := w.resend(t.Context(), &r); err != nil || w.host.pool.Get(hash) == nil {
		t.Errorf("it is not sent again: %v", err)
	}
}

// TestDeleteWithKeptCoins: coins that are kept for a lost payment are coins.
func TestDeleteWithKeptCoins(t *testing.T) {
	p, _, later := skewed(t, 3)
	sent := must[rpc.SendPlan](t)(p.Send(t.Context(), rpc.SendRequest{From: "2", To: "3", Max: true}))
	later(15 * 24 * time.Hour)
	p.swept(sent.TxID, "3")
	if w := p.wallet("2"); w.Spendable+w.Pending+w.Immature != 0 {
		t.Fatalf("%+v", w)
	}
	w := p.host().wallets
	_, err := w.deleteWallet(t.Context(), rpc.DeleteWallet{Wallet: "2"})
	refused(t, err, rpc.CodeWallet, (sent.Amount+sent.Fee).String()+" coins")
	files := w.vault.Wallets()
	if len(files) != 3 {
		t.Errorf("%d wallets are left", len(files))
	}
}
