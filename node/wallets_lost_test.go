package node

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// skewed is a demonstration whose clock can be put forward.
func skewed(t *testing.T, wallets int) (p *purse, clock func(*Config), later func(time.Duration)) {
	t.Helper()
	var skew atomic.Int64
	clock = func(c *Config) { c.Clock = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) } }
	p = newPurse(t, "", clock)
	p.make(rpc.NewWallets{Count: wallets, Mnemonic: keys.PublishedWords})
	must[rpc.Funded](t)(p.Fund(t.Context(), rpc.FundRequest{}))
	return p, clock, func(d time.Duration) { skew.Add(int64(d)) }
}

// swept has another wallet pay, and the mempool with that drop a payment that is
// too old.
func (p *purse) swept(txid, other string) {
	p.t.Helper()
	p.pay(other, other, coin)
	if hash, _ := rpc.ParseHash(txid, "txid"); p.host().pool.Get(hash) != nil {
		p.t.Fatal("the payment is still in the mempool")
	}
}

// inputsOf returns a payment's coins as TXID:N, and their sum.
func (p *purse) inputsOf(plan rpc.SendPlan) (coins []string, sum rpc.Amount) {
	p.t.Helper()
	for _, in := range plan.Explain.Inputs {
		coins, sum = append(coins, in.Coin), sum+in.Amount
	}
	return coins, sum
}

// TestLostPaymentKeepsItsCoins: what a payment spends that left the mempool is no
// other payment's until it is given up, for it may come back.
func TestLostPaymentKeepsItsCoins(t *testing.T) {
	p, _, later := skewed(t, 3)
	before, total := p.wallet("1").Spendable, p.wallet("1").Spendable+p.wallet("1").Immature
	request := rpc.SendRequest{From: "1", To: "2", Amount: coin}
	request.Explain = true
	sent := must[rpc.SendPlan](t)(p.Send(t.Context(), request))
	coins, sum := p.inputsOf(sent)
	child := p.pay("1", "2", before-sum) // needs the change of the first
	later(15 * 24 * time.Hour)
	p.swept(sent.TxID, "3")

	if w := p.wallet("1"); w.Spendable != 0 {
		t.Errorf("all coins are kept: %+v", w)
	}
	var list []unspent
	p.core(&list, "listunspent")
	if len(list) != 0 {
		t.Errorf("listunspent: %+v", list)
	}
	_, err := p.Send(t.Context(), rpc.SendRequest{From: "1", To: "2", Amount: coin})
	refused(t, err, rpc.CodeInsufficientFunds, "left the mempool", "abandontransaction")
	named := rpc.SendRequest{From: "1", To: "2", Amount: coin / 2}
	named.Coins = coins[:1]
	_, err = p.Send(t.Context(), named)
	refused(t, err, rpc.CodeInvalidParameter, "is kept for payment "+sent.TxID)

	h := p.history(rpc.HistoryRequest{Wallet: "1"})
	if h.Balance != total || len(h.Entries) < 3 || h.Entries[0].TxID != child.TxID || h.Entries[1].TxID != sent.TxID {
		t.Fatalf("the history: %s of %s, %+v", h.Balance, total, h.Entries[:2])
	}
	if e := h.Entries[1]; e.State != rpc.StateLost || e.Direction != rpc.DirectionOut || e.With != "Wallet2" ||
		e.Fee == nil || *e.Fee != sent.Fee || e.Amount != -rpc.SignedAmount(coin+sent.Fee) || e.Balance != total {
		t.Errorf("lost: %+v", e)
	}

	if _, err := p.abandon("1", sent.TxID); err != nil {
		t.Fatal(err)
	}
	if w := p.wallet("1"); w.Spendable != before {
		t.Errorf("given up, with what needs it: %+v, before %s", w, before)
	}
	for _, e := range p.history(rpc.HistoryRequest{Wallet: "1"}).Entries[:2] {
		if e.State != rpc.StateAbandoned {
			t.Errorf("given up: %+v", e)
		}
	}
	again := p.pay("1", "2", before-coin)
	if tx := p.coreTx("1", sent.TxID); !tx.Details[0].Abandoned {
		t.Errorf("%+v", tx)
	}
	if e := p.history(rpc.HistoryRequest{Wallet: "1", Limit: 1}).Entries[0]; e.TxID != again.TxID || e.State != "" {
		t.Errorf("the newest: %+v", e)
	}
	p.mine(1, "3")
	h = p.history(rpc.HistoryRequest{Wallet: "1", Limit: 3})
	if h.Entries[0].TxID != again.TxID || h.Entries[1].State != rpc.StateConflicted || h.Balance != p.wallet("1").Spendable+p.wallet("1").Immature {
		t.Errorf("lost for ever: %s, %+v", h.Balance, h.Entries)
	}
}

// TestLostPaymentComesBack: it is submitted again, and its coins are its own all
// the while.
func TestLostPaymentComesBack(t *testing.T) {
	p, clock, later := skewed(t, 3)
	sent := p.pay("1", "2", coin)
	spendable := p.wallet("1").Spendable
	later(15 * 24 * time.Hour)
	p.swept(sent.TxID, "3")
	if w := p.wallet("1"); w.Spendable != spendable-sent.Change {
		t.Errorf("the change of a lost payment counts: %+v", w)
	}
	p.shut()
	p = newPurse(t, p.dir, clock) // what a crash between journal and mempool leaves
	if w := p.wallet("1"); w.Spendable != spendable-sent.Change && w.Spendable != spendable {
		t.Errorf("after a start: %+v", w)
	}
	if err := p.host().wallets.resend(t.Context(), new(resends)); err != nil {
		t.Fatal(err)
	}
	p.mine(1, "3")
	if tx := p.coreTx("1", sent.TxID); tx.Confirmations < 1 {
		t.Errorf("it did not come back: %+v", tx)
	}
}

// TestRefusedPaymentIsGivenUp: a payment that was recorded and then refused is
// not made later, behind the back of who was told so.
func TestRefusedPaymentIsGivenUp(t *testing.T) {
	p := demo(t, 2)
	w := p.host().wallets
	before := p.wallet("1").Spendable
	pay, err := w.newPayment(t.Context(), rpc.SendRequest{From: "1", To: "2", Amount: coin})
	if err != nil {
		t.Fatal(err)
	}
	defer pay.close()
	if err := errors.Join(w.plan(t.Context(), pay), w.sign(pay)); err != nil {
		t.Fatal(err)
	}
	tx := pay.draft.Tx
	if err := w.recordDetails(pay, sentDetails{SendPlan: rpc.SendPlan{TxID: tx.TxHash().String()}}, tx, ""); err != nil {
		t.Fatal(err)
	}
	if now := p.wallet("1").Spendable; now >= before {
		t.Errorf("recorded and not yet in the mempool: %s can be spent of %s", now, before)
	}
	bad := tx.Copy()
	bad.TxIn[0].Witness = nil // as if the mempool had changed its mind
	if err := w.enter(pay.file, bad); err == nil || consensus.SortOf(err) != consensus.Local {
		t.Errorf("%v", err)
	}
	if !pay.file.IsAbandoned(tx.TxHash().String()) {
		t.Error("it is tried again")
	}
	if now := p.wallet("1").Spendable; now != before {
		t.Errorf("%s can be spent of %s", now, before)
	}
}

// TestAvoidReuse: where a wallet avoids it, payments take no coins at addresses
// that were spent from, unless they are named or it is asked for.
func TestAvoidReuse(t *testing.T) {
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 2})
	p.mine(102, "1") // two mature coins at one address
	var address string
	p.core(&address, "getnewaddress")
	p.pay("1", address, coin)
	p.mine(1, "2")
	first := p.wallet("1").Address
	p.core(nil, "setwalletflag", "avoid_reuse")
	p.mine(100, "2")
	refused(t, p.Call(t.Context(), "setwalletflag", nil, "avoid_reuse"), rpc.CodeInvalidParameter)

	var coins []unspent
	p.core(&coins, "listunspent")
	var used []string
	var reused, clean rpc.Amount
	for _, c := range coins {
		if *c.Reused {
			used, reused = append(used, c.TxID+":0"), reused+c.Amount
			if c.Address != first {
				t.Errorf("%+v is reused", c)
			}
		} else {
			clean += c.Amount
		}
	}
	if reused == 0 || clean == 0 {
		t.Fatalf("%s reused, %s not: %+v", reused, clean, coins)
	}
	_, err := p.Send(t.Context(), rpc.SendRequest{From: "1", To: "2", Amount: clean + coin})
	refused(t, err, rpc.CodeInsufficientFunds, reused.String()+" is at addresses that were spent from before")
	to := p.wallet("2").Address
	refused(t, p.Call(t.Context(), "sendtoaddress", nil, to, clean+coin), rpc.CodeInsufficientFunds, "Insufficient funds")
	refused(t, p.OnWallet("Wallet2").Call(t.Context(), "sendtoaddress", nil, to, 1, "", "", false, nil, nil, nil, true),
		rpc.CodeWallet, `wallet does not have the "avoid reuse" feature enabled`)
	all := must[rpc.SendPlan](t)(p.PrepareSend(t.Context(), rpc.SendRequest{From: "1", To: "2", Max: true}))
	if all.Amount+all.Fee != clean {
		t.Errorf("all that there is are %s and a fee of %s, not %s", all.Amount, all.Fee, clean)
	}
	named := rpc.SendRequest{From: "1", To: "2", Amount: coin}
	named.Coins = used[:1]
	if _, err := p.PrepareSend(t.Context(), named); err != nil {
		t.Errorf("a coin that is named: %v", err)
	}
	p.core(nil, "sendtoaddress", to, clean+coin, "", "", false, nil, nil, nil, false)
}
