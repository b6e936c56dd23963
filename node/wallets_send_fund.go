package node

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/psbt"
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
		if jsonType(f.value) != "null" {
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
	if jsonType(raw) != "bool" {
		return false, rpc.Errorf(rpc.CodeType, "JSON value of type %s for field %s is not of expected type bool", jsonType(raw), names[0])
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
		return "", rpc.Errorf(rpc.CodeType, "JSON value of type %s for field %s is not of expected type string", jsonType(raw), names[0])
	}
	return s, nil
}

// number returns an integer option; ok is false when it is not given.
func (o *fundOptions) number(names ...string) (n int64, ok bool, err error) {
	raw := o.raw(names...)
	if raw == nil {
		return 0, false, nil
	}
	if jsonType(raw) != "number" {
		return 0, false, rpc.Errorf(rpc.CodeType, "JSON value of type %s for field %s is not of expected type number", jsonType(raw), names[0])
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
		return rpc.Errorf(rpc.CodeType, "JSON value of type %s for field inputs is not of expected type array", jsonType(raw))
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

// sendOutputs is send.
func (c *coreWallet) sendOutputs(ctx context.Context, r *rpc.Request) (any, error) {
	o, err := readFundOptions(r.Raw(4))
	if err != nil {
		return nil, err
	}
	p := &payment{file: c.file}
	if p.payees, err = c.corePayees(r.Raw(0)); err != nil {
		return nil, err
	}
	if err := c.applyFund(p, o, r.Raw(1), r.Raw(2), r.Raw(3)); err != nil {
		return nil, coreError(err, rpc.CodeWallet)
	}
	return c.sendAs(ctx, p, o)
}

// sendAs makes a payment, or what is to be signed elsewhere, as the options of
// send and sendall say.
func (c *coreWallet) sendAs(ctx context.Context, p *payment, o *fundOptions) (any, error) {
	defer p.close()
	if len(p.payees) == 0 {
		return nil, rpc.CodeInvalidParameter.New("TX must have at least one output")
	}
	asPSBT, err := o.flag(false, "psbt")
	if err != nil {
		return nil, err
	}
	commit, err := o.flag(true, "add_to_wallet")
	if err != nil {
		return nil, err
	}
	lock, err := o.flag(false, "lock_unspents", "lockUnspents")
	if err != nil {
		return nil, err
	}
	p.cosigned = true
	defer c.lockWallet(c.file.Number())()
	if err := c.plan(ctx, p); err != nil {
		return nil, coreError(err, rpc.CodeWallet)
	}
	if lock {
		if err := c.lockInputs(p); err != nil {
			return nil, err
		}
	}
	var reply struct {
		PSBT     string `json:"psbt,omitempty"`
		TxID     string `json:"txid,omitempty"`
		Hex      string `json:"hex,omitempty"`
		Complete bool   `json:"complete"`
	}
	unsigned := p.draft.Tx.Copy()
	if reply.Complete, err = c.signPartly(p); err != nil {
		return nil, err
	}
	if asPSBT || !reply.Complete || !commit {
		if reply.PSBT, err = c.packetText(ctx, unsigned, true); err != nil {
			return nil, err
		}
	}
	if !reply.Complete {
		return reply, nil
	}
	reply.TxID = p.draft.Tx.TxHash().String()
	if asPSBT || !commit {
		reply.Hex = hexOf(p.draft.Tx)
		return reply, nil
	}
	_, err = c.submit(p, "")
	return reply, err
}

// signPartly signs what the wallet's keys can sign and says whether that is all.
func (c *coreWallet) signPartly(p *payment) (complete bool, err error) {
	if c.file.Header().WatchOnly {
		return false, nil
	}
	if p.ring == nil {
		if p.ring, err = c.ring(c.file, p.opener); err != nil {
			return false, err
		}
	}
	complete, _, err = wallet.Sign(p.draft.Tx, p.draft.Coins, p.ring.Solve, wallet.SignOptions{})
	return complete, err
}

// packetText is a transaction as a PSBT with all that the wallet knows of it, and
// its signatures where they are wanted.
func (c *coreWallet) packetText(ctx context.Context, tx *wire.MsgTx, sign bool) (string, error) {
	packet := psbt.New(tx)
	sign = sign && !c.file.Header().WatchOnly
	ring, done, err := c.packetRing(c.file, sign, nil)
	if err != nil {
		return "", err
	}
	defer done()
	if err := c.host.addUTXOs(ctx, packet, ring.mine); err != nil {
		return "", err
	}
	if _, _, err := processPacket(packet, ring, psbt.Options{Sign: sign, Origins: true, Finalize: true}); err != nil {
		return "", err
	}
	return packet.Base64(), nil
}

// lockInputs locks the coins of a draft by hand, so that nothing else takes them.
func (c *coreWallet) lockInputs(p *payment) error {
	var list []string
	for i := range p.draft.Coins {
		list = append(list, p.draft.Coins[i].OutPoint.String())
	}
	if err := c.file.LockCoin(list...); err != nil {
		return rpc.CodeWallet.New(err.Error())
	}
	return nil
}

// sendAll is sendall.
func (c *coreWallet) sendAll(ctx context.Context, r *rpc.Request) (any, error) {
	o, err := readFundOptions(r.Raw(4))
	if err != nil {
		return nil, err
	}
	p := &payment{file: c.file}
	if p.payees, err = c.allPayees(r.Raw(0)); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(p.payees, func(to payee) bool { return to.Rest }) {
		return nil, rpc.CodeInvalidParameter.New("Must provide at least one address without a specified amount")
	}
	sendMax, err := o.flag(false, "send_max")
	if err != nil {
		return nil, err
	}
	if o.raw("inputs") != nil && o.raw("send_max") != nil {
		return nil, rpc.CodeInvalidParameter.New("Cannot combine send_max with specific inputs.")
	}
	if o.raw("inputs") != nil && (o.raw("minconf") != nil || o.raw("maxconf") != nil) {
		return nil, rpc.CodeInvalidParameter.New("Cannot combine minconf or maxconf with specific inputs.")
	}
	if err := c.applyFund(p, o, r.Raw(1), r.Raw(2), r.Raw(3)); err != nil {
		return nil, coreError(err, rpc.CodeWallet)
	}
	p.options.Sweep = !sendMax
	reply, err := c.sendAs(ctx, p, o)
	if e, ok := err.(*rpc.Error); ok && e.Message == "Insufficient funds" {
		return nil, rpc.CodeInsufficientFunds.New("Total value of UTXO pool too low to pay for transaction. Try using lower feerate or excluding uneconomic UTXOs with 'send_max' option.")
	}
	return reply, err
}

// allPayees reads the recipients of sendall: addresses, and objects that give
// one an amount.
func (c *coreWallet) allPayees(raw json.RawMessage) ([]payee, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, rpc.CodeType.New(err.Error())
	}
	outputs := make([]json.RawMessage, len(items))
	rest := make([]bool, len(items))
	for i, item := range items {
		switch jsonType(item) {
		case "string":
			rest[i] = true
			outputs[i] = json.RawMessage(`{` + string(item) + `:0}`)
		case "object":
			outputs[i] = item
		default:
			return nil, rpc.Errorf(rpc.CodeType, "JSON value of type %s is not of expected type object", jsonType(item))
		}
	}
	joined, err := json.Marshal(outputs)
	if err != nil {
		return nil, err
	}
	list, err := c.corePayees(joined)
	for i := range list {
		list[i].Rest = rest[i]
	}
	return list, err
}

// fundRaw is fundrawtransaction.
func (c *coreWallet) fundRaw(ctx context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	tx, err := decodeTx(text)
	if err != nil {
		return nil, rpc.CodeDeserialization.New("TX decode failed")
	}
	options := r.Raw(1)
	if jsonType(options) == "bool" { // as it was once: includeWatching
		options = nil
	}
	o, err := readFundOptions(options)
	if err != nil {
		return nil, err
	}
	p, err := c.fundTx(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	defer p.close()
	return struct {
		Hex       string     `json:"hex"`
		Fee       rpc.Amount `json:"fee"`
		ChangePos int        `json:"changepos"`
	}{hexOf(p.draft.Tx), p.draft.Fee, p.draft.ChangeAt}, nil
}

// fundTx adds coins and change to a transaction, as the options say (Core's
// FundTransaction): its inputs stay, in their order, as do its outputs, version
// and locktime. The draft is not signed. The caller closes the payment.
func (c *coreWallet) fundTx(ctx context.Context, tx *wire.MsgTx, o *fundOptions) (*payment, error) {
	p := &payment{file: c.file, cosigned: true}
	for _, out := range tx.TxOut {
		to, _ := address.Encode(out.PkScript, c.host.params)
		p.payees = append(p.payees, payee{Payment: wallet.Payment{Script: out.PkScript, Value: consensus.Amount(out.Value)}, to: to})
	}
	if len(p.payees) == 0 {
		return nil, rpc.CodeInvalidParameter.New("TX must have at least one output")
	}
	if err := c.applyFund(p, o, nil, nil, nil); err != nil {
		return nil, coreError(err, rpc.CodeWallet)
	}
	p.options.LockTime, p.options.LockFixed = tx.LockTime, true
	p.options.Sequences = make(map[wire.OutPoint]uint32)
	for _, in := range tx.TxIn {
		p.coins = append(p.coins, in.PreviousOutPoint)
		p.options.Sequences[in.PreviousOutPoint] = in.Sequence
	}
	if o.raw("add_inputs") == nil {
		p.options.Only = false
	}
	lock, err := o.flag(false, "lock_unspents", "lockUnspents")
	if err != nil {
		return nil, err
	}
	defer c.lockWallet(c.file.Number())()
	if err := c.plan(ctx, p); err != nil {
		p.close()
		return nil, coreError(err, rpc.CodeWallet)
	}
	p.draft.Tx.Version = tx.Version
	if lock {
		if err := c.lockInputs(p); err != nil {
			p.close()
			return nil, err
		}
	}
	if p.changeNext > 0 { // given out: whoever signs it may send it at any time
		if err := c.file.Issue(p.changeChain, p.changeNext); err != nil {
			p.close()
			return nil, rpc.CodeWallet.New(err.Error())
		}
		if err := c.watch(uint32(c.file.Number())); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}
