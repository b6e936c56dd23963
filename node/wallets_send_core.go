package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerCoreSend adds the methods of Core's that make payments.
func (h *Host) registerCoreSend(s *rpc.Server) {
	target := rpc.Param{Name: "conf_target", Type: rpc.Number, Optional: true, Help: "Blocks within which it should be confirmed"}
	mode := rpc.Param{Name: "estimate_mode", Type: rpc.String, Optional: true, Help: "unset, economical or conservative: no difference here"}
	rate := rpc.Param{Name: "fee_rate", Type: rpc.Any, Optional: true, Help: "In sat/vB, instead of a target"}
	replace := rpc.Param{Name: "replaceable", Type: rpc.Bool, Optional: true, Help: "By one with a higher fee (default true)"}
	verbose := rpc.Param{Name: "verbose", Type: rpc.Bool, Optional: true, Help: "Return an object (default false)"}
	options := rpc.Param{Name: "options", Type: rpc.Object, Optional: true, Help: "As Core's"}
	for _, m := range []rpc.Method{
		{
			Name: "sendtoaddress", Summary: "Pays an address.",
			Params: []rpc.Param{
				{Name: "address", Type: rpc.String, Help: "Whom to pay"},
				{Name: "amount", Type: rpc.Any, Help: "In coins"},
				{Name: "comment", Type: rpc.String, Optional: true, Help: "What it is for; kept in the wallet"},
				{Name: "comment_to", Type: rpc.String, Optional: true, Help: "Whom it is to; kept in the wallet"},
				{Name: "subtractfeefromamount", Type: rpc.Bool, Optional: true, Help: "The receiver pays the fee (default false)"},
				replace, target, mode,
				{Name: "avoid_reuse", Type: rpc.Bool, Optional: true, Help: "Take no coins at addresses that were spent from; only where the wallet has that flag (default: the flag)"},
				rate, verbose,
			},
			Example: `"bcrt1q…" 0.1`, Handler: onWallet(h, (*coreWallet).sendToAddress),
		}, {
			Name: "sendmany", Summary: "Pays several addresses in one transaction.",
			Params: []rpc.Param{
				{Name: "dummy", Type: rpc.String, Optional: true, Help: `Must be ""`},
				{Name: "amounts", Type: rpc.Object, Help: "Addresses with their amounts"},
				{Name: "minconf", Type: rpc.Number, Optional: true, Help: "No meaning"},
				{Name: "comment", Type: rpc.String, Optional: true, Help: "What it is for; kept in the wallet"},
				{Name: "subtractfeefrom", Type: rpc.Array, Optional: true, Help: "Addresses that bear the fee, in equal parts"},
				replace, target, mode, rate, verbose,
			},
			Example: `"" {"bcrt1q…":0.1}`, Handler: onWallet(h, (*coreWallet).sendMany),
		}, {
			Name: "send", Summary: "Pays addresses, and data; or returns what is to be signed by others too.",
			Params: []rpc.Param{
				{Name: "outputs", Type: rpc.Any, Help: "Objects with an address and its amount, or data and hex"},
				target, mode, rate, options,
			},
			Example: `[{"bcrt1q…":0.1}]`, Handler: onWallet(h, (*coreWallet).sendOutputs),
		}, {
			Name: "sendall", Summary: "Pays all that a wallet has to addresses; those with an amount get that, the others what is left.",
			Params: []rpc.Param{
				{Name: "recipients", Type: rpc.Array, Help: "Addresses, or objects with an address and its amount"},
				target, mode, rate, options,
			},
			Example: `["bcrt1q…"]`, Handler: onWallet(h, (*coreWallet).sendAll),
		}, {
			Name: "fundrawtransaction", Summary: "Adds coins of a wallet, and change, to a transaction until it pays what it says.",
			Params: []rpc.Param{
				{Name: "hexstring", Type: rpc.String, Help: "The transaction in hex"},
				options,
				{Name: "iswitness", Type: rpc.Bool, Optional: true, Help: "Whether it is in the form with witnesses"},
			},
			Example: `"hex"`, Handler: onWallet(h, (*coreWallet).fundRaw),
		},
	} {
		registerCore(s, m)
	}
}

// setRate reads a confirmation target, estimate mode and fee rate (Core's
// SetFeeEstimateMode).
func (c *coreWallet) setRate(p *payment, target, mode, rate json.RawMessage) error {
	if rate != nil {
		if target != nil {
			return rpc.CodeInvalidParameter.New("Cannot specify both conf_target and fee_rate. Please provide either a confirmation target in blocks for automatic fee estimation, or an explicit fee rate.")
		}
		if mode != nil && string(mode) != `"unset"` {
			return rpc.CodeInvalidParameter.New("Cannot specify both estimate_mode and fee_rate")
		}
		perVB, err := rateValue(rate)
		if err != nil {
			return err
		}
		return c.takeRate(p, perVB)
	}
	if mode != nil {
		var text string
		if json.Unmarshal(mode, &text) != nil || !slices.Contains([]string{"unset", "economical", "conservative"}, text) {
			return rpc.CodeInvalidParameter.New(`Invalid estimate_mode parameter, must be one of: "unset", "economical", "conservative"`)
		}
	}
	blocks := 0
	if target != nil {
		n, err := strconv.Atoi(string(target))
		if err != nil || n < 1 || n > maxTarget {
			return rpc.Errorf(rpc.CodeInvalidParameter, "Invalid conf_target, must be between 1 and %d", maxTarget)
		}
		blocks = n
	}
	var err error
	p.options.FeeRate, p.reason, err = c.rateFor(0, blocks)
	return err
}

// takeRate has a payment pay a rate that was asked for.
func (c *coreWallet) takeRate(p *payment, rate wallet.FeeRate) error {
	least := wallet.FeeRate(c.host.pool.Info(c.host.now()).MinFee)
	if rate < least {
		return &coreRefusal{"Fee rate (" + rate.String() + ") is lower than the minimum fee rate setting (" + least.String() + ")"}
	}
	p.options.FeeRate, p.reason = rate, askedReason
	return nil
}

// rateValue reads a rate in sat/vB, a number or a string of at most three
// decimals, with the errors of Core's AmountFromValue.
func rateValue(raw json.RawMessage) (wallet.FeeRate, error) {
	a, err := amountValue(raw)
	switch {
	case err != nil:
		return 0, err
	case a%(consensus.SatsPerCoin/1000) != 0:
		return 0, rpc.CodeType.New("Invalid amount")
	}
	return wallet.FeeRate(a / (consensus.SatsPerCoin / 1000)), nil
}

// coreRefusal is a refusal of Core's CreateTransaction; its code depends on the
// method.
type coreRefusal struct{ text string }

func (e *coreRefusal) Error() string { return e.text }

// coreError gives a refusal of a payment Core's text and the code of the method.
func coreError(err error, code rpc.Code) error {
	var refusal *coreRefusal
	var short *wallet.Shortage
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return code.New(refusal.text)
	case errors.As(err, &short) && short.Named:
		return code.New("The preselected coins total amount does not cover the transaction target. Please allow other inputs to be automatically selected or include more coins manually")
	case errors.As(err, &short) && short.Chained > 0 && short.Spendable+short.Chained >= short.Needed+short.Fee:
		return code.New("Unconfirmed UTXOs are available, but spending them creates a chain of transactions that will be rejected by the mempool")
	case errors.Is(err, wallet.ErrFunds):
		return code.New("Insufficient funds")
	case errors.Is(err, wallet.ErrDust):
		return code.New("Transaction amount too small")
	case errors.Is(err, wallet.ErrMaxFee):
		return code.New("Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)")
	case errors.Is(err, wallet.ErrSize):
		return code.New("Transaction too large")
	case errors.Is(err, wallet.ErrAmount), errors.Is(err, wallet.ErrFee), errors.Is(err, wallet.ErrCoin), errors.Is(err, wallet.ErrData):
		return code.New(err.Error())
	}
	return err
}

// corePay makes a payment and gives its refusals the code of the method.
func (c *coreWallet) corePay(ctx context.Context, p *payment, code rpc.Code) (rpc.SendPlan, error) {
	defer p.close()
	if c.file.Header().WatchOnly {
		return rpc.SendPlan{}, rpc.CodeWallet.New("Error: Private keys are disabled for this wallet")
	}
	defer c.lockWallet(c.file.Number())()
	for i := range p.payees {
		if value := p.payees[i].Value; value == 0 && !p.payees[i].Rest && !consensus.Unspendable(p.payees[i].Script) {
			return rpc.SendPlan{}, code.New("Transaction amount too small")
		}
	}
	if len(p.payees) == 0 {
		return rpc.SendPlan{}, code.New("Transaction must have at least one recipient")
	}
	if err := c.plan(ctx, p); err != nil {
		return rpc.SendPlan{}, coreError(err, code)
	}
	if err := c.sign(p); err != nil {
		return rpc.SendPlan{}, err
	}
	return c.submit(p, "")
}

// sentReply is what sendtoaddress and sendmany return.
func sentReply(plan rpc.SendPlan, reason string, verbose bool) any {
	if !verbose {
		return plan.TxID
	}
	return struct {
		TxID   string `json:"txid"`
		Reason string `json:"fee_reason"`
	}{plan.TxID, reason}
}

// coreReason is Core's word for where a fee rate comes from.
func coreReason(p *payment) string {
	switch p.reason {
	case usualReason:
		return "Fallback fee"
	case askedReason:
		return "PayTxFee set"
	}
	return "Half Target 60% Threshold"
}

func (c *coreWallet) sendToAddress(ctx context.Context, r *rpc.Request) (any, error) {
	to, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	p := &payment{file: c.file}
	note, err := r.Text(2, "")
	if err != nil {
		return nil, err
	}
	payeeNote, err := r.Text(3, "")
	if err != nil {
		return nil, err
	}
	p.comment = joined(note, payeeNote)
	avoid, err := c.avoidReuse(r, 8)
	if err != nil {
		return nil, err
	}
	p.reuse = !avoid
	if err := coreReplaceable(r, 5, p); err != nil {
		return nil, err
	}
	if err := c.setRate(p, r.Raw(6), r.Raw(7), r.Raw(9)); err != nil {
		return nil, coreError(err, rpc.CodeInsufficientFunds)
	}
	one := payee{to: to}
	if one.Subtract, err = r.Flag(4, false); err != nil {
		return nil, err
	}
	script, addressErr := address.Decode(to, c.host.params)
	if one.Value, err = amountValue(r.Raw(1)); err != nil {
		return nil, err
	}
	if addressErr != nil {
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Invalid Bitcoin address: %s", clipped(to))
	}
	one.Script = script
	p.payees = []payee{one}
	verbose, err := r.Flag(10, false)
	if err != nil {
		return nil, err
	}
	plan, err := c.corePay(ctx, p, rpc.CodeInsufficientFunds)
	return sentOr(plan, p, verbose, err)
}

func sentOr(plan rpc.SendPlan, p *payment, verbose bool, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return sentReply(plan, coreReason(p), verbose), nil
}

// joined is a note of two parts, of which either may be empty.
func joined(a, b string) string {
	if a != "" && b != "" {
		return a + " – " + b
	}
	return a + b
}

// coreReplaceable reads whether a payment may be replaced.
func coreReplaceable(r *rpc.Request, i int, p *payment) error {
	rbf, err := replaceable(r, i)
	p.options.Final = rbf != nil && !*rbf
	return err
}

func (c *coreWallet) sendMany(ctx context.Context, r *rpc.Request) (any, error) {
	dummy, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	if dummy != "" {
		return nil, rpc.CodeInvalidParameter.New(`Dummy value must be set to ""`)
	}
	p := &payment{file: c.file}
	if p.comment, err = r.Text(3, ""); err != nil {
		return nil, err
	}
	if err := coreReplaceable(r, 5, p); err != nil {
		return nil, err
	}
	if err := c.setRate(p, r.Raw(6), r.Raw(7), r.Raw(8)); err != nil {
		return nil, coreError(err, rpc.CodeInsufficientFunds)
	}
	if p.payees, err = c.corePayees(r.Raw(1)); err != nil {
		return nil, err
	}
	if err := subtractFrom(p.payees, r.Raw(4)); err != nil {
		return nil, err
	}
	verbose, err := r.Flag(9, false)
	if err != nil {
		return nil, err
	}
	plan, err := c.corePay(ctx, p, rpc.CodeInsufficientFunds)
	return sentOr(plan, p, verbose, err)
}

// corePayees reads outputs as Core's methods take them.
func (c *coreWallet) corePayees(raw json.RawMessage) ([]payee, error) {
	outs, err := rawOutputs(raw, c.host.params)
	if err != nil {
		return nil, err
	}
	list := make([]payee, len(outs))
	for i, out := range outs {
		list[i] = payee{Payment: wallet.Payment{Script: out.script, Value: out.amount}}
		if !out.data {
			list[i].to = out.name
		}
	}
	return list, nil
}

// subtractFrom marks the outputs that bear the fee, by address or by position
// (Core's InterpretSubtractFeeFromOutputInstructions).
func subtractFrom(list []payee, raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	const what = "Invalid parameter 'subtract fee from output', "
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return rpc.Errorf(rpc.CodeType, "JSON value of type %s is not of expected type array", rpc.KindOf(raw))
	}
	for _, item := range items {
		var name string
		at := -1
		switch rpc.KindOf(item) {
		case "string":
			_ = json.Unmarshal(item, &name)
			at = slices.IndexFunc(list, func(p payee) bool { return p.to == name })
			if at < 0 {
				return rpc.Errorf(rpc.CodeInvalidParameter, what+"destination %s not found in tx outputs", clipped(name))
			}
		case "number":
			n, err := strconv.Atoi(string(item))
			switch {
			case err != nil:
				return rpc.CodeMisc.New("JSON integer out of range")
			case n < 0:
				return rpc.Errorf(rpc.CodeInvalidParameter, what+"negative position: %d", n)
			case n >= len(list):
				return rpc.Errorf(rpc.CodeInvalidParameter, what+"position too large: %d", n)
			}
			at = n
		default:
			return rpc.Errorf(rpc.CodeInvalidParameter, what+"invalid value type: %s", rpc.KindOf(item))
		}
		if list[at].Subtract {
			return rpc.Errorf(rpc.CodeInvalidParameter, what+"duplicated position: %d", at)
		}
		list[at].Subtract = true
	}
	return nil
}

// amountValue reads an amount with the errors of Core's AmountFromValue.
func amountValue(raw json.RawMessage) (rpc.Amount, error) {
	if t := rpc.KindOf(raw); t != "number" && t != "string" {
		return 0, rpc.CodeType.New("Amount is not a number or string")
	}
	var a rpc.Amount
	if err := json.Unmarshal(raw, &a); err == nil {
		return a, nil
	}
	text := string(raw)
	if s, err := strconv.Unquote(text); err == nil {
		text = s
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) && (f < 0 || f > float64(consensus.MaxMoney)/float64(consensus.SatsPerCoin)) {
		return 0, rpc.CodeType.New("Amount out of range")
	}
	return 0, rpc.CodeType.New("Invalid amount")
}

// hexOf is a transaction as RPC methods show it.
func hexOf(tx *wire.MsgTx) string { return hex.EncodeToString(consensus.EncodeTx(tx)) }
