package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lode-chain/lode/rpc"
)

// fill gives a wallet many coins of many sizes.
func (p *purse) fill(from, to string, n int) {
	p.t.Helper()
	r := rpc.SendRequest{From: from}
	for i := range n {
		r.Recipients = append(r.Recipients, rpc.Recipient{To: to, Amount: coin/50 + rpc.Amount(i)*coin/317})
	}
	must[rpc.SendPlan](p.t)(p.Send(p.t.Context(), r))
	p.mine(1, from)
}

// TestWhatIsShownIsPaid: payments from a wallet of many coins are the ones that
// were shown, to the byte, also when blocks come in between.
func TestWhatIsShownIsPaid(t *testing.T) {
	p := demo(t, 3)
	ctx := t.Context()
	p.make(rpc.NewWallets{Count: 1, Name: "Many"})
	p.fill("Wallet1", "Many", 150)
	places := make(map[int]bool)
	for i := range 40 {
		r := rpc.SendRequest{From: "Many", To: "Wallet2", Amount: coin/40 + rpc.Amount(i)*coin/211, FeeRate: float64(i % 7)}
		r.Explain = true
		shown := must[rpc.SendPlan](t)(p.PrepareSend(ctx, r))
		again := must[rpc.SendPlan](t)(p.PrepareSend(ctx, r))
		if shown.Plan == "" || again.Plan != shown.Plan {
			t.Fatalf("shown twice: %s and %s", shown.Plan, again.Plan)
		}
		if i%4 == 3 {
			p.mine(1, "Many") // coins become ripe, others are confirmed
		}
		r.Plan = shown.Plan
		sent := must[rpc.SendPlan](t)(p.Send(ctx, r))
		if sent.TxID != shown.Plan { // witnesses are no part of it
			t.Errorf("payment %d: shown %s, sent %s", i, shown.Plan, sent.TxID)
		}
		if sent.Fee != shown.Fee || sent.Change != shown.Change || sent.ChangeAddress != shown.ChangeAddress || fmt.Sprint(sent.Payments) != fmt.Sprint(shown.Payments) ||
			sent.FeeReason != shown.FeeReason || sent.Inputs != shown.Inputs || sent.Explain.LockTime != shown.Explain.LockTime {
			t.Errorf("shown %+v\nsent %+v", shown, sent)
		}
		if sent.Change > 0 {
			places[1-sent.Payments[0].Output] = true
		}
	}
	if !places[0] || !places[1] {
		t.Errorf("change is always at the same place: %v", places)
	}
}

// TestChangedPlanIsRefused: nothing is sent when the payment that was shown cannot
// be made any more, and what is shown then can.
func TestChangedPlanIsRefused(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	r := rpc.SendRequest{From: "1", To: "2", Amount: coin}
	r.Explain = true
	shown := must[rpc.SendPlan](t)(p.PrepareSend(ctx, r))
	// Another payment takes its coin.
	other := rpc.SendRequest{From: "1", To: "2", Amount: coin / 10}
	other.Coins = []string{shown.Explain.Inputs[0].Coin}
	must[rpc.SendPlan](t)(p.Send(ctx, other))
	r.Plan = shown.Plan
	before := p.wallet("2").Pending
	_, err := p.Send(ctx, r)
	refused(t, err, rpc.CodePlanChanged, "nothing was sent", "not the one any more that was shown")
	if now := p.wallet("2").Pending; now != before {
		t.Errorf("%s was paid all the same", now-before)
	}
	next := must[rpc.SendPlan](t)(p.PrepareSend(ctx, r))
	r.Plan = next.Plan
	if sent := must[rpc.SendPlan](t)(p.Send(ctx, r)); sent.TxID != next.Plan {
		t.Errorf("shown %s, sent %s", next.Plan, sent.TxID)
	}
	// Its coin is locked by hand.
	shown = must[rpc.SendPlan](t)(p.PrepareSend(ctx, r))
	txid, n, _ := strings.Cut(shown.Explain.Inputs[0].Coin, ":")
	var vout int
	fmt.Sscan(n, &vout)
	p.core(nil, "lockunspent", false, []map[string]any{{"txid": txid, "vout": vout}})
	r.Plan = shown.Plan
	_, err = p.Send(ctx, r)
	refused(t, err, rpc.CodePlanChanged)
	// A plan of another request, and one that nobody has made.
	r.Plan = must[rpc.SendPlan](t)(p.PrepareSend(ctx, r)).Plan
	r.Amount++
	_, err = p.Send(ctx, r)
	refused(t, err, rpc.CodePlanChanged, "the fee is")
	r.Plan = strings.Repeat("0", 64)
	_, err = p.Send(ctx, r)
	refused(t, err, rpc.CodePlanChanged, "the fee is")
}

// TestForeignChange: change to somebody else does not remain, what the wallet pays
// to itself does.
func TestForeignChange(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	all := p.wallet("1").Spendable
	r := rpc.SendRequest{From: "1", To: "2", Amount: coin}
	r.Change, r.Data = elsewhere, "c0ffee"
	plan := must[rpc.SendPlan](t)(p.PrepareSend(ctx, r))
	if !plan.ChangeForeign || plan.Change == 0 || plan.Remaining != all-coin-plan.Fee-plan.Change || plan.Data != "c0ffee" || plan.LockTime != nil {
		t.Errorf("%+v of %s", plan, all)
	}
	must[rpc.SendPlan](t)(p.Send(ctx, r))
	if now := p.wallet("1").Spendable; now != plan.Remaining {
		t.Errorf("%s remains, told %s", now, plan.Remaining)
	}
	r = rpc.SendRequest{From: "1", To: "1", Amount: coin}
	plan = must[rpc.SendPlan](t)(p.Send(ctx, r))
	if now := p.wallet("1").Spendable; now != plan.Remaining {
		t.Errorf("to itself: %s remains, told %s", now, plan.Remaining)
	}
}

// TestFutureLockTime: refused at once, with the moment from which it can be sent.
func TestFutureLockTime(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	height := must[rpc.Status](t)(p.Status(ctx)).Height
	r := rpc.SendRequest{From: "1", To: "2", Amount: coin}
	later, far, now := uint32(height)+1, uint32(4_000_000_000), uint32(height)
	r.LockTime = &later
	_, err := p.PrepareSend(ctx, r)
	refused(t, err, rpc.CodeInvalidParameter, fmt.Sprintf("from height %d on, and the chain is at %d", later, height))
	_, err = p.Send(ctx, r)
	refused(t, err, rpc.CodeInvalidParameter, "from height")
	r.LockTime = &far
	_, err = p.PrepareSend(ctx, r)
	refused(t, err, rpc.CodeInvalidParameter, "past 2096-10-02 07:06:40 UTC")
	r.LockTime = &now
	if plan := must[rpc.SendPlan](t)(p.Send(ctx, r)); plan.LockTime == nil || *plan.LockTime != now {
		t.Errorf("%+v", plan)
	}
}
