package node

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerSend adds the methods that make payments.
func (h *Host) registerSend(s *rpc.Server) {
	payment := []rpc.Param{
		{Name: "from", Type: rpc.String, Optional: true, Help: "Wallet that pays; the default wallet when left out"},
		{Name: "to", Type: rpc.String, Optional: true, Help: "Address, or a wallet's name or number"},
		{Name: "amount", Type: rpc.Any, Optional: true, Help: "In coins"},
		{Name: "max", Type: rpc.Bool, Optional: true, Help: "Pay all that there is to it"},
		{Name: "subtract", Type: rpc.Bool, Optional: true, Help: "The fee comes off the amount"},
		{Name: "recipients", Type: rpc.Array, Optional: true, Help: "More payments: objects with to, amount or max, and subtract"},
		{Name: "fee_rate", Type: rpc.Number, Optional: true, Help: "In sat/vB"},
		{Name: "target", Type: rpc.Number, Optional: true, Help: "Blocks within which it should be confirmed, instead of a fee rate"},
		{Name: "coins", Type: rpc.Array, Optional: true, Help: "Spend these, txid:n, and no others"},
		{Name: "add_coins", Type: rpc.Bool, Optional: true, Help: "But others too when they do not suffice"},
		{Name: "data", Type: rpc.String, Optional: true, Help: "Hex, for an OP_RETURN output"},
		{Name: "change", Type: rpc.String, Optional: true, Help: "Address for the change"},
		{Name: "replaceable", Type: rpc.Bool, Optional: true, Help: "By one with a higher fee (default true)"},
		{Name: "locktime", Type: rpc.Number, Optional: true, Help: "Of the transaction"},
		{Name: "max_fee", Type: rpc.Any, Optional: true, Help: "Most that the fee may be, in coins (default 0.1)"},
		{Name: "allow_high_fee", Type: rpc.Bool, Optional: true, Help: "Pay any fee"},
		{Name: "explain", Type: rpc.Bool, Optional: true, Help: "Tell each step with its values"},
		{Name: "key", Type: rpc.String, Optional: true, Help: "Chosen by the caller: the same key twice is one payment"},
	}
	for _, m := range []rpc.Method{
		{
			Name: "lode_preparesend", Summary: "Computes a payment without making it.", Params: append(slices.Clone(payment), passphraseParam),
			Example: `'{"from":"Wallet1","to":"Wallet2","amount":1.5}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.SendRequest) (any, error) { return w.prepareSend(ctx, r) }, h),
		}, {
			Name: "lode_send", Summary: "Makes a payment.",
			Params: append(slices.Clone(payment),
				rpc.Param{Name: "plan", Type: rpc.String, Optional: true, Help: "Of lode_preparesend's reply: pay that, or when it has changed nothing"}, passphraseParam),
			Example: `'{"from":"Wallet1","to":"Wallet2","amount":1.5}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.SendRequest) (any, error) { return w.send(ctx, r) }, h),
		},
	} {
		registerOwn(s, m)
	}
	h.registerCoreSend(s)
	h.registerSign(s)
	h.registerBump(s)
	h.registerCoins(s)
}

// newPayment reads a request.
func (w *wallets) newPayment(ctx context.Context, r rpc.SendRequest) (*payment, error) {
	p := &payment{explain: r.Explain, request: digestOf(r), shown: r.Plan, data: r.Data}
	var err error
	if p.file, err = w.find(r.From); err != nil {
		return nil, err
	}
	p.from = cmp.Or(r.From, strconv.Itoa(p.file.Number()))
	if r.To != "" {
		r.Recipients = slices.Insert(slices.Clone(r.Recipients), 0, rpc.Recipient{To: r.To, Amount: r.Amount, Max: r.Max, Subtract: r.Subtract})
	}
	if len(r.Recipients) == 0 && r.Data == "" {
		return nil, rpc.CodeInvalidParameter.New("whom to pay is missing: an address, or a wallet's name or number")
	}
	for _, to := range r.Recipients {
		if err := w.addPayee(ctx, p, to); err != nil {
			return nil, err
		}
	}
	if r.Data != "" {
		script, err := dataScript(json.RawMessage(strconv.Quote(r.Data)))
		if err != nil {
			return nil, err
		}
		p.payees = append(p.payees, payee{Payment: wallet.Payment{Script: script}})
	}
	if err := w.sendOptions(p, &r); err != nil {
		return nil, err
	}
	p.options.FeeRate, p.reason, err = w.rateFor(r.FeeRate, r.Target)
	return p, err
}

// addPayee reads a recipient.
func (w *wallets) addPayee(ctx context.Context, p *payment, r rpc.Recipient) error {
	if r.To == "" {
		return rpc.CodeInvalidParameter.New("whom to pay is missing: an address, or a wallet's name or number")
	}
	if r.Max && (r.Amount != 0 || r.Subtract) {
		return rpc.CodeInvalidParameter.New("all that there is goes without an amount, and the fee comes off it in any case")
	}
	to := payee{Payment: wallet.Payment{Value: r.Amount, Rest: r.Max, Subtract: r.Subtract}}
	var err error
	if to.Script, to.name, err = w.host.payeeScript(ctx, r.To); err != nil {
		return err
	}
	to.to, _ = address.Encode(to.Script, w.host.params)
	p.payees = append(p.payees, to)
	return nil
}

// sendOptions reads how a payment is to be made.
func (w *wallets) sendOptions(p *payment, r *rpc.SendRequest) error {
	for _, text := range r.Coins {
		op, err := parseOutPoint(text)
		if err != nil {
			return err
		}
		p.coins = append(p.coins, op)
	}
	p.options.Only = len(p.coins) > 0 && !r.AddCoins
	p.options.MaxFee, p.options.AllowHighFee = r.MaxFee, r.AllowHighFee
	p.options.Final = r.Replaceable != nil && !*r.Replaceable
	if r.LockTime != nil {
		p.options.LockTime, p.options.LockFixed = *r.LockTime, true
	}
	if r.Change == "" {
		return nil
	}
	var err error
	if p.change, err = address.Decode(r.Change, w.host.params); err != nil {
		return rpc.Errorf(rpc.CodeInvalidAddress, "the change address: %s", err)
	}
	return nil
}

// parseOutPoint reads "txid:n".
func parseOutPoint(text string) (wire.OutPoint, error) {
	id, n, ok := strings.Cut(text, ":")
	hash, err := rpc.ParseHash(id, "txid")
	index, numErr := strconv.ParseUint(n, 10, 32)
	if !ok || err != nil || numErr != nil {
		return wire.OutPoint{}, rpc.Errorf(rpc.CodeInvalidParameter, "%q is no coin: write its transaction and output, TXID:N", clipped(text))
	}
	return wire.OutPoint{Hash: hash, Index: uint32(index)}, nil
}
