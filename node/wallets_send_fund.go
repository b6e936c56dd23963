package node

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

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
		switch rpc.KindOf(item) {
		case "string":
			rest[i] = true
			outputs[i] = json.RawMessage(`{` + string(item) + `:0}`)
		case "object":
			outputs[i] = item
		default:
			return nil, rpc.Errorf(rpc.CodeType, "JSON value of type %s is not of expected type object", rpc.KindOf(item))
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
	if rpc.KindOf(options) == "bool" { // as it was once: includeWatching
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
