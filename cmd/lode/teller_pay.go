package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// request reads an order as it was typed. What is wrong is an
// *console.InputError.
func (t *teller) request(o console.Order) (r rpc.SendRequest, link paymentURI, err error) {
	wrong := func(field string, err error) (rpc.SendRequest, paymentURI, error) {
		return r, link, &console.InputError{Field: field, Text: capital(oneLine(err))}
	}
	r = t.base
	r.From, r.To, r.Key, r.Plan = strconv.Itoa(o.From), o.To, cmp.Or(t.base.Key, o.Key), o.Plan
	if isURI(o.To) {
		if link, err = parseURI(o.To); err != nil {
			return wrong(console.FieldTo, err)
		}
		r.To = link.Address
	}
	switch amount := strings.TrimSpace(o.Amount); {
	case r.To == "":
		return wrong(console.FieldTo, errors.New("whom to pay?"))
	case link.Amount != 0 && amount == "":
		r.Amount = link.Amount
	case amount == "":
		return wrong(console.FieldAmount, errors.New("how much?"))
	case strings.EqualFold(amount, "max"):
		r.Max = true
	default:
		if r.Amount, err = parsePayment(amount); err != nil {
			return wrong(console.FieldAmount, err)
		}
	}
	if err := readRate(o.Rate, &r); err != nil {
		return wrong(console.FieldRate, err)
	}
	return r, link, nil
}

// readRate reads a fee rate in sat/vB, or a target in blocks.
func readRate(text string, r *rpc.SendRequest) error {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return nil
	}
	for _, unit := range []string{"blocks", "block"} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.Atoi(strings.TrimSpace(number))
			if err != nil || n < 1 || n > 1008 {
				return errors.New("a target is 1 to 1008 blocks")
			}
			r.Target = n
			return nil
		}
	}
	rate, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "sat/vb")), 64)
	switch {
	case err != nil || math.IsNaN(rate) || math.IsInf(rate, 0) || rate <= 0:
		return errors.New("a rate is a number such as 2.5, a target is 6 blocks")
	case rate > float64(maxFeeRate):
		return fmt.Errorf("a rate is at most %d sat/vB", maxFeeRate)
	}
	r.FeeRate = rate
	return nil
}

// Quote implements console.Teller.
func (t *teller) Quote(ctx context.Context, o console.Order) (console.Quote, error) {
	r, link, err := t.request(o)
	if err != nil {
		return console.Quote{}, err
	}
	r.Passphrase, t.unlocked = t.unlocked, ""
	plan, err := t.c.PrepareSend(ctx, r)
	if err != nil {
		return console.Quote{}, t.blamed(ctx, err)
	}
	q := console.Quote{
		To: plan.To, Amount: plan.Amount.String(), Change: changeWords(plan), Remains: plan.Remaining.String() + " spendable",
		Fee: fmt.Sprintf("%s  (%s sat/vB, %s vB, %s)", plan.Fee,
			strconv.FormatFloat(plan.FeeRate, 'f', -1, 64), console.Thousands(plan.VSize), console.Count(plan.Inputs, "input")),
		Rate: plan.FeeReason,
		Note: console.Clean(link.Message), More: extraRows(plan), Plan: plan.Plan,
	}
	if plan.ToName != "" {
		q.To = console.Clean(plan.ToName) + "  " + plan.To
	}
	if plan.ToName != "" && plan.ToName == plan.FromName {
		q.Note = "the wallet pays itself: only the fee leaves it"
	}
	if link.Address != "" {
		q.TypedTo = link.Address
		if link.Amount != 0 && o.Amount == "" {
			q.TypedAmount = link.Amount.String()
		}
	}
	return q, nil
}

// blamed puts a refusal to the field that it is about.
func (t *teller) blamed(ctx context.Context, err error) error {
	text := t.told(ctx, err).Error()
	var refusal *rpc.Error
	if !errors.As(err, &refusal) {
		return errors.New(text)
	}
	switch {
	case refusal.Code == rpc.CodeWalletNotFound, refusal.Code == rpc.CodeInvalidAddress, strings.Contains(text, "ambiguous"):
		return &console.InputError{Field: console.FieldTo, Text: text}
	case refusal.Code == rpc.CodeInsufficientFunds, strings.Contains(text, "dust"), strings.Contains(text, "mount"):
		return &console.InputError{Field: console.FieldAmount, Text: text}
	case strings.Contains(text, "fee rate"), strings.Contains(text, "Fee rate"):
		return &console.InputError{Field: console.FieldRate, Text: text}
	}
	return errors.New(text)
}

// Pay implements console.Teller.
func (t *teller) Pay(ctx context.Context, o console.Order, passphrase string) (console.Paid, error) {
	r, _, err := t.request(o)
	if err != nil {
		return console.Paid{}, err
	}
	if r.Passphrase = passphrase; passphrase == "" && t.passphraseFile != "" {
		if r.Passphrase, err = t.p.readPassphrase(t.passphraseFile); err != nil {
			return console.Paid{}, err
		}
	}
	sent, err := t.c.Send(ctx, r)
	if err != nil {
		var changed *console.ChangedError
		switch told := t.told(ctx, err); {
		case errors.Is(told, console.ErrLocked), errors.Is(told, console.ErrPassphrase):
			return console.Paid{}, told
		case errors.As(told, &changed):
			t.unlocked = r.Passphrase
			return console.Paid{}, told
		}
		return console.Paid{}, t.blamed(ctx, err)
	}
	t.sent = sent
	paid := console.Paid{TxID: sent.TxID}
	if status, err := t.c.Status(ctx); err == nil {
		paid.Next = t.p.nextBlock(status)
	}
	return paid, nil
}

// sendOnScreen lets the person fill in what a payment lacks and makes it. What
// base holds beside From, To, Amount and FeeRate is part of it.
func (p *program) sendOnScreen(ctx context.Context, c *openChain, from rpc.Wallet, base rpc.SendRequest, passphraseFile string) (rpc.SendPlan, error) {
	o := console.Order{To: base.To}
	switch {
	case base.Max:
		o.Amount = "max"
	case base.Amount != 0:
		o.Amount = base.Amount.String()
	}
	switch {
	case base.FeeRate != 0:
		o.Rate = strconv.FormatFloat(base.FeeRate, 'f', -1, 64)
	case base.Target != 0:
		o.Rate = console.Count(base.Target, "block")
	}
	base.To, base.Amount, base.Max, base.FeeRate, base.Target = "", 0, false, 0, 0
	t := &teller{p: p, c: c, base: base, passphraseFile: passphraseFile}
	_, err := p.screen.SendForm(ctx, t, walletRow(from), o)
	return t.sent, err
}

// fillOnScreen is send where something was left out: the form asks for it.
func (p *program) fillOnScreen(ctx context.Context, c *openChain, f send) error {
	from, err := p.chooseWallet(ctx, c, "From", "--from", f.from)
	if err != nil {
		return err
	}
	base := f.base
	base.To, base.Key = f.to, f.key
	if f.amount != "" {
		if base.Amount, err = parsePayment(f.amount); err != nil {
			return err
		}
	}
	sent, err := p.sendOnScreen(ctx, c, from, base, f.passphraseFile)
	if err != nil {
		return err
	}
	return p.afterSend(ctx, c, f, sent)
}
