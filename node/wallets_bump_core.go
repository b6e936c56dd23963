package node

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// bumpError gives a refusal of a higher fee Core's text and code.
func bumpError(err error) error {
	var e *rpc.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	for _, known := range []struct {
		kind wallet.Kind
		code rpc.Code
	}{{wallet.ErrLowFee, rpc.CodeInvalidParameter}, {wallet.ErrMaxFee, rpc.CodeWallet}, {wallet.ErrFee, rpc.CodeWallet}} {
		if errors.Is(err, known.kind) {
			return known.code.New(afterKind(err, known.kind))
		}
	}
	if e, ok := errors.AsType[*rpc.Error](coreError(err, rpc.CodeWallet)); ok {
		return rpc.CodeWallet.New("Unable to create transaction. " + e.Message)
	}
	return err
}

// afterKind is an error's text without that of its kind.
func afterKind(err error, kind wallet.Kind) string {
	text := err.Error()
	if n := len(kind) + 2; len(text) > n && text[:n-2] == string(kind) {
		return text[n:]
	}
	return text
}

// bumpOptions reads the options of bumpfee.
func (c *coreWallet) bumpOptions(r *rpc.Request, p *payment) (outputs []payee, changeAt *int64, err error) {
	fields := make(map[string]json.RawMessage)
	if raw := r.Raw(1); raw != nil {
		known := []string{"confTarget", "conf_target", "fee_rate", "replaceable", "estimate_mode", "outputs", "original_change_index"}
		for _, f := range outputFields(raw) {
			if !slices.Contains(known, f.name) {
				return nil, nil, rpc.Errorf(rpc.CodeType, "Unexpected key %s", f.name)
			}
			if rpc.KindOf(f.value) != "null" {
				fields[f.name] = f.value
			}
		}
	}
	o := &fundOptions{fields}
	if o.raw("confTarget") != nil && o.raw("conf_target") != nil {
		return nil, nil, rpc.CodeInvalidParameter.New("confTarget and conf_target options should not both be set. Use conf_target (confTarget is deprecated).")
	}
	target := o.raw("conf_target", "confTarget")
	if err := c.setRate(p, target, o.raw("estimate_mode"), o.raw("fee_rate")); err != nil {
		return nil, nil, coreError(err, rpc.CodeWallet)
	}
	if target == nil && o.raw("fee_rate") == nil {
		p.options.FeeRate = 0 // as little more as is relayed
	}
	rbf, err := o.flag(true, "replaceable")
	if err != nil {
		return nil, nil, err
	}
	p.options.Final = !rbf
	if at, ok, err := o.number("original_change_index"); err != nil {
		return nil, nil, err
	} else if ok {
		changeAt = &at
	}
	if raw := o.raw("outputs"); raw != nil {
		if changeAt != nil {
			return nil, nil, rpc.CodeInvalidParameter.New("The options 'outputs' and 'original_change_index' are incompatible. You can only either specify a new set of outputs, or designate a change output to be recycled.")
		}
		if outputs, err = c.corePayees(raw); err == nil && len(outputs) == 0 {
			err = rpc.CodeInvalidParameter.New("Invalid parameter, output argument cannot be an empty array")
		}
	}
	return outputs, changeAt, err
}

// prepareBump does what bumpfee and psbtbumpfee have in common.
func (c *coreWallet) prepareBump(ctx context.Context, r *rpc.Request, p *payment, mine bool) (*bump, error) {
	txid, err := r.Hash(0, "txid")
	if err != nil {
		return nil, err
	}
	outputs, changeAt, err := c.bumpOptions(r, p)
	if err != nil {
		return nil, err
	}
	rate := p.options.FeeRate
	v, err := c.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	b, err := c.findBump(ctx, p, v, txid, mine)
	if err != nil {
		return nil, err
	}
	b.Rate, p.options.FeeRate = rate, 0
	for i := range outputs {
		b.Payments = append(b.Payments, outputs[i].Payment)
	}
	if changeAt != nil {
		if *changeAt < 0 || *changeAt >= int64(len(b.Old.TxOut)) {
			return nil, rpc.CodeInvalidParameter.New("Change position is out of range")
		}
		b.Change, p.change = int(*changeAt), b.Old.TxOut[*changeAt].PkScript
	}
	return b, bumpError(c.planBump(b))
}

// bumped is the reply of bumpfee and psbtbumpfee.
type bumped struct {
	PSBT    string     `json:"psbt,omitempty"`
	TxID    string     `json:"txid,omitempty"`
	OrigFee rpc.Amount `json:"origfee"`
	Fee     rpc.Amount `json:"fee"`
	Errors  []string   `json:"errors"`
}

func (c *coreWallet) bumpFee(ctx context.Context, r *rpc.Request) (any, error) {
	if c.file.Header().WatchOnly {
		return nil, rpc.CodeWallet.New("bumpfee is not available with wallets that have private keys disabled. Use psbtbumpfee instead.")
	}
	p := &payment{file: c.file}
	defer p.close()
	defer c.lockWallet(c.file.Number())()
	b, err := c.prepareBump(ctx, r, p, true)
	if err != nil {
		return nil, err
	}
	if err := c.sign(p); err != nil {
		return nil, err
	}
	txid, err := c.submitBump(b)
	return bumped{TxID: txid, OrigFee: b.Fee(), Fee: p.draft.Fee, Errors: []string{}}, err
}

func (c *coreWallet) psbtBumpFee(ctx context.Context, r *rpc.Request) (any, error) {
	p := &payment{file: c.file, cosigned: true}
	defer p.close()
	defer c.lockWallet(c.file.Number())()
	b, err := c.prepareBump(ctx, r, p, false)
	if err != nil {
		return nil, err
	}
	text, err := c.packetText(ctx, p.draft.Tx, false)
	return bumped{PSBT: text, OrigFee: b.Fee(), Fee: p.draft.Fee, Errors: []string{}}, err
}
