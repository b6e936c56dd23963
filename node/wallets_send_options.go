package node

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// fundOptions are the options of send, sendall, fundrawtransaction and
// walletcreatefundedpsbt, each by the names that Core has for it.
type fundOptions struct {
	fields map[string]json.RawMessage
}

// readFundOptions reads an object of options. Those that Core does not know are
// refused with its text.
func readFundOptions(raw json.RawMessage) (*fundOptions, error) {
	o := &fundOptions{fields: make(map[string]json.RawMessage)}
	if raw == nil {
		return o, nil
	}
	for _, f := range outputFields(raw) {
		if !slices.Contains(fundOptionNames, f.name) {
			return nil, rpc.Errorf(rpc.CodeType, "Unexpected key %s", f.name)
		}
		if rpc.KindOf(f.value) != "null" {
			o.fields[f.name] = f.value
		}
	}
	return o, nil
}

var fundOptionNames = []string{
	"add_inputs", "add_to_wallet", "changeAddress", "change_address", "changePosition", "change_position", "change_type", "conf_target",
	"estimate_mode", "fee_rate", "feeRate", "include_unsafe", "includeWatching", "include_watching", "input_weights", "inputs", "locktime",
	"lockUnspents", "lock_unspents", "maxconf", "max_tx_weight", "minconf", "psbt", "replaceable", "send_max", "solving_data",
	"subtractFeeFromOutputs", "subtract_fee_from_outputs",
}

// raw returns the first of an option's names that is given.
func (o *fundOptions) raw(names ...string) json.RawMessage {
	for _, name := range names {
		if v, ok := o.fields[name]; ok {
			return v
		}
	}
	return nil
}

func (o *fundOptions) flag(def bool, names ...string) (bool, error) {
	raw := o.raw(names...)
	if raw == nil {
		return def, nil
	}
	if rpc.KindOf(raw) != "bool" {
		return false, rpc.Errorf(rpc.CodeType, "JSON value of type %s for field %s is not of expected type bool", rpc.KindOf(raw), names[0])
	}
	return string(raw) == "true", nil
}

func (o *fundOptions) text(names ...string) (string, error) {
	raw := o.raw(names...)
	if raw == nil {
		return "", nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", rpc.Errorf(rpc.CodeType, "JSON value of type %s for field %s is not of expected type string", rpc.KindOf(raw), names[0])
	}
	return s, nil
}

// number returns an integer option; ok is false when it is not given.
func (o *fundOptions) number(names ...string) (n int64, ok bool, err error) {
	raw := o.raw(names...)
	if raw == nil {
		return 0, false, nil
	}
	if rpc.KindOf(raw) != "number" {
		return 0, false, rpc.Errorf(rpc.CodeType, "JSON value of type %s for field %s is not of expected type number", rpc.KindOf(raw), names[0])
	}
	if n, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
		return 0, false, rpc.CodeMisc.New("JSON integer out of range")
	}
	return n, true, nil
}

// applyFund has a payment made as the options say (Core's FundTransaction). Rate
// parameters beside the options, where a method has them, are in target, mode
// and rate.
func (c *coreWallet) applyFund(p *payment, o *fundOptions, target, mode, rate json.RawMessage) error {
	if err := c.fundRate(p, o, target, mode, rate); err != nil {
		return err
	}
	if err := c.fundChange(p, o); err != nil {
		return err
	}
	if err := fundDepth(p, o); err != nil {
		return err
	}
	var err error
	if p.unsafe, err = o.flag(false, "include_unsafe"); err != nil {
		return err
	}
	if raw := o.raw("replaceable"); raw != nil {
		rbf, err := o.flag(true, "replaceable")
		if err != nil {
			return err
		}
		p.options.Final = !rbf
	}
	if n, ok, err := o.number("locktime"); err != nil || ok {
		if err != nil {
			return err
		}
		if n < 0 || n > math.MaxUint32 {
			return rpc.CodeInvalidParameter.New("Invalid parameter, locktime out of range")
		}
		p.options.LockTime, p.options.LockFixed = uint32(n), true
	}
	if err := c.fundInputs(p, o); err != nil {
		return err
	}
	return subtractFrom(p.payees, o.raw("subtract_fee_from_outputs", "subtractFeeFromOutputs"))
}

// fundRate reads how much is paid for each vbyte.
func (c *coreWallet) fundRate(p *payment, o *fundOptions, target, mode, rate json.RawMessage) error {
	pick := func(param json.RawMessage, name string) (json.RawMessage, error) {
		option := o.raw(name)
		if param != nil && option != nil {
			return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Pass %s either as parameter or in the options, but not both", name)
		}
		if param != nil {
			return param, nil
		}
		return option, nil
	}
	var err error
	if target, err = pick(target, "conf_target"); err != nil {
		return err
	}
	if mode, err = pick(mode, "estimate_mode"); err != nil {
		return err
	}
	if rate, err = pick(rate, "fee_rate"); err != nil {
		return err
	}
	if old := o.raw("feeRate"); old != nil { // coins per 1,000 vbytes
		switch {
		case rate != nil:
			return rpc.CodeInvalidParameter.New("Cannot specify both fee_rate (sat/vB) and feeRate (BTC/kvB)")
		case target != nil:
			return rpc.CodeInvalidParameter.New("Cannot specify both conf_target and feeRate. Please provide either a confirmation target in blocks for automatic fee estimation, or an explicit fee rate.")
		case mode != nil:
			return rpc.CodeInvalidParameter.New("Cannot specify both estimate_mode and feeRate")
		}
		a, err := amountValue(old)
		if err != nil {
			return err
		}
		return c.takeRate(p, wallet.FeeRate(a))
	}
	return c.setRate(p, target, mode, rate)
}

// fundChange reads where change goes to.
func (c *coreWallet) fundChange(p *payment, o *fundOptions) error {
	to, err := o.text("change_address", "changeAddress")
	if err != nil {
		return err
	}
	kind, err := o.text("change_type")
	if err != nil {
		return err
	}
	if to != "" {
		if kind != "" {
			return rpc.CodeInvalidParameter.New("Cannot specify both change address and address type options")
		}
		if p.change, err = address.Decode(to, c.host.params); err != nil {
			return rpc.CodeInvalidAddress.New("Change address must be a valid bitcoin address")
		}
	}
	if kind != "" {
		if p.changeType, err = keys.ParseType(kind); err != nil {
			return rpc.Errorf(rpc.CodeInvalidAddress, "Unknown change type '%s'", clipped(kind))
		}
		p.changeSet = true
	}
	at, ok, err := o.number("change_position", "changePosition")
	if err != nil {
		return err
	}
	if ok && at != -1 {
		if at < 0 || at > int64(len(p.payees)) {
			return rpc.CodeInvalidParameter.New("changePosition out of bounds")
		}
		place := int(at)
		p.options.ChangeAt = &place
	}
	return nil
}

// fundDepth reads how many confirmations coins have.
func fundDepth(p *payment, o *fundOptions) error {
	least, hasLeast, err := o.number("minconf")
	if err != nil {
		return err
	}
	most, hasMost, err := o.number("maxconf")
	switch {
	case err != nil:
		return err
	case hasLeast && least < 0:
		return rpc.CodeInvalidParameter.New("Negative minconf")
	case hasMost && most < least:
		return rpc.Errorf(rpc.CodeInvalidParameter, "maxconf can't be lower than minconf: %d < %d", most, least)
	case !hasLeast && !hasMost:
		return nil
	}
	p.takes = func(coin *wallet.Coin, tip int32) bool {
		n := confirmations(coin, tip)
		return n >= least && (!hasMost || n <= most)
	}
	return nil
}

// fundInputs reads the coins that must be spent.
func (c *coreWallet) fundInputs(p *payment, o *fundOptions) error {
	var list []json.RawMessage
	if raw := o.raw("inputs"); raw != nil && json.Unmarshal(raw, &list) != nil {
		return rpc.Errorf(rpc.CodeType, "JSON value of type %s for field inputs is not of expected type array", rpc.KindOf(raw))
	}
	tx := wire.NewMsgTx(2)
	for _, item := range list {
		if err := addRawInput(tx, item, nil); err != nil {
			return err
		}
		in := tx.TxIn[len(tx.TxIn)-1]
		p.coins = append(p.coins, in.PreviousOutPoint)
		if given := new(rawInput); json.Unmarshal(item, given) == nil && given.Sequence != "" {
			if p.options.Sequences == nil {
				p.options.Sequences = make(map[wire.OutPoint]uint32)
			}
			p.options.Sequences[in.PreviousOutPoint] = in.Sequence
		}
	}
	add, err := o.flag(len(p.coins) == 0, "add_inputs")
	p.options.Only = !add
	return err
}
