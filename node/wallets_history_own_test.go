package node

import (
	"testing"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

func (p *purse) history(r rpc.HistoryRequest) rpc.History {
	p.t.Helper()
	return must[rpc.History](p.t)(p.History(p.t.Context(), r))
}

// TestHistory: direction, the other side, fee and the balance after each, of
// mined, received, sent and moved coins, waiting and confirmed.
func TestHistory(t *testing.T) {
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 3})
	p.mine(101, "1")
	sent := p.pay("1", "2", 3*coin)
	p.mine(1, "3")
	back := p.pay("2", "1", coin)
	moved := p.pay("1", "1", coin)

	h := p.history(rpc.HistoryRequest{Wallet: "1"})
	if h.Total != 104 || len(h.Entries) != 20 || h.Wallet != "Wallet1" || h.Entries[0].Balance != h.Balance {
		t.Fatalf("%d entries of %d, balance %s, first %+v", len(h.Entries), h.Total, h.Balance, h.Entries[0])
	}
	for i, want := range []struct {
		txid, direction, with string
		amount                rpc.SignedAmount
		fee                   rpc.Amount // -1: none
		confirmations         int32
	}{
		{moved.TxID, rpc.DirectionSelf, "Wallet1", -rpc.SignedAmount(moved.Fee), moved.Fee, 0},
		{back.TxID, rpc.DirectionIn, "Wallet2", rpc.SignedAmount(coin), -1, 0},
		{sent.TxID, rpc.DirectionOut, "Wallet2", -rpc.SignedAmount(3*coin + sent.Fee), sent.Fee, 1},
		{"", rpc.DirectionMined, "", rpc.SignedAmount(50 * coin), -1, 2},
	} {
		e := h.Entries[i]
		if i < 2 && e.TxID == h.Entries[1-i].TxID || want.txid != "" && e.TxID != want.txid || e.Direction != want.direction ||
			e.With != want.with || e.Amount != want.amount || e.Confirmations != want.confirmations || e.Time == 0 {
			t.Errorf("entry %d is %+v, want %+v", i, e, want)
		}
		if (e.Fee == nil) != (want.fee < 0) || e.Fee != nil && *e.Fee != want.fee {
			t.Errorf("entry %d has the fee %v, want %s", i, e.Fee, want.fee)
		}
		if next := h.Entries[i+1].Balance; rpc.SignedAmount(e.Balance-next) != e.Amount {
			t.Errorf("entry %d: %s after %s with %s", i, e.Balance, next, e.Amount)
		}
	}
	if e := h.Entries[3]; e.Height != 101 || e.Immature != 99 {
		t.Errorf("the newest reward is %+v", e)
	}
	// Pages fit together, and the last begins with the first payment.
	w := p.wallet("1")
	if h.Balance != w.Spendable+w.Immature+w.Pending {
		t.Errorf("balance %s, the wallet has %+v", h.Balance, w)
	}
	last := p.history(rpc.HistoryRequest{Wallet: "1", Skip: 100, Limit: 50})
	if len(last.Entries) != 4 || last.Entries[3].Height != 1 || last.Entries[3].Balance != 50*coin {
		t.Errorf("the last page is %+v", last.Entries)
	}
	if beyond := p.history(rpc.HistoryRequest{Wallet: "1", Skip: 1000}); len(beyond.Entries) != 0 || beyond.Total != 104 {
		t.Errorf("beyond the end: %+v", beyond)
	}
	for _, r := range []rpc.HistoryRequest{{Limit: -1}, {Limit: rpc.MaxHistory + 1}, {Skip: -1}} {
		_, err := p.History(t.Context(), r)
		refused(t, err, rpc.CodeInvalidParameter)
	}
}

// TestHistoryAfterReorganisation: a payment that lost its block waits again, and
// the balances follow.
func TestHistoryAfterReorganisation(t *testing.T) {
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 2})
	p.mine(101, "1")
	sent := p.pay("1", "2", coin)
	tip := p.mine(1, "1")
	if e := p.history(rpc.HistoryRequest{Wallet: "2"}).Entries[0]; e.Confirmations != 1 || e.Height != 102 {
		t.Fatalf("confirmed: %+v", e)
	}
	p.core(nil, "invalidateblock", tip.Hashes[0])
	h := p.history(rpc.HistoryRequest{Wallet: "2"})
	if e := h.Entries[0]; h.Total != 1 || e.TxID != sent.TxID || e.Confirmations != 0 || e.Height != 0 || e.Balance != coin {
		t.Errorf("after the block was taken away: %+v", h)
	}
}

// TestReceive: the last address while nobody has paid it, else the next; labels
// stay with their address and show in the history.
func TestReceive(t *testing.T) {
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 2})
	p.mine(101, "2")
	ask := func(r rpc.ReceiveRequest) rpc.Received {
		t.Helper()
		return must[rpc.Received](t)(p.Receive(t.Context(), r))
	}
	first := ask(rpc.ReceiveRequest{Wallet: "1"})
	if first.Address != p.wallet("1").Address || first.New {
		t.Errorf("first %+v", first)
	}
	if again := ask(rpc.ReceiveRequest{Wallet: "1", Label: "rent"}); again.Address != first.Address || again.Label != "rent" {
		t.Errorf("again %+v", again)
	}
	p.pay("2", first.Address, coin) // waits, and the address is used all the same
	next := ask(rpc.ReceiveRequest{Wallet: "1"})
	if next.Address == first.Address || !next.New || next.Label != "" {
		t.Errorf("next %+v", next)
	}
	if e := p.history(rpc.HistoryRequest{Wallet: "1"}).Entries[0]; e.Label != "rent" || e.Address != first.Address {
		t.Errorf("the payment is %+v", e)
	}
	p.mine(1, "2")
	if same := ask(rpc.ReceiveRequest{Wallet: "1"}); same.Address != next.Address || same.New {
		t.Errorf("same %+v", same)
	}
	fresh := ask(rpc.ReceiveRequest{Wallet: "1", New: true, Label: "lunch"})
	if fresh.Address == next.Address || fresh.Label != "lunch" {
		t.Errorf("fresh %+v", fresh)
	}
	// Labels of others' addresses are for the history.
	other := p.wallet("2").Address
	must[any](t)(nil, p.Label(t.Context(), rpc.LabelRequest{Wallet: "1", Address: other, Label: "shop"}))
	p.pay("1", other, coin/2)
	if e := p.history(rpc.HistoryRequest{Wallet: "1"}).Entries[0]; e.Label != "shop" || e.With != "Wallet2" {
		t.Errorf("the payment is %+v", e)
	}
	refused(t, p.Label(t.Context(), rpc.LabelRequest{Wallet: "1", Address: "nowhere", Label: "x"}), rpc.CodeInvalidAddress)
	refused(t, p.Label(t.Context(), rpc.LabelRequest{Wallet: "1", Address: other, Label: "*"}), rpc.CodeInvalidLabel)
	// A single key has one address and no next one.
	if _, err := p.ImportKey(t.Context(), rpc.ImportKey{Key: "0000000000000000000000000000000000000000000000000000000000000007", Name: "Key"}); err != nil {
		t.Fatal(err)
	}
	p.pay("2", "Key", coin)
	if key := ask(rpc.ReceiveRequest{Wallet: "Key"}); key.Address != p.wallet("Key").Address {
		t.Errorf("the key's %+v", key)
	}
	_, err := p.Receive(t.Context(), rpc.ReceiveRequest{Wallet: "Key", New: true})
	refused(t, err, rpc.CodeKeypoolRanOut)
}

// TestNewWalletsInAnyLanguage: words of every list and length.
func TestNewWalletsInAnyLanguage(t *testing.T) {
	p := newPurse(t, "")
	for i, lang := range keys.Languages() {
		w := p.make(rpc.NewWallets{Language: lang, Words: 12 + 3*(i%5)})[0]
		if _, got, err := keys.CheckMnemonic(w.Mnemonic); err != nil || got != lang && lang != "chinese_traditional" {
			t.Errorf("%s: the words are %s, %v", lang, got, err)
		}
	}
	_, err := p.NewWallets(t.Context(), rpc.NewWallets{Language: "klingon"})
	refused(t, err, rpc.CodeInvalidParameter)
}
