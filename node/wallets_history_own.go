package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// historyPage is how many entries lode_history returns unless asked otherwise.
const historyPage = 20

// registerScreens adds the methods that the wallets' screens are made of.
func (h *Host) registerScreens(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "lode_history", Summary: "Lists what a wallet paid and was paid, the newest first, with what it had after each.",
			Params: []rpc.Param{
				oneParam,
				{Name: "limit", Type: rpc.Number, Optional: true, Help: "Entries at most (default 20)"},
				{Name: "skip", Type: rpc.Number, Optional: true, Help: "Newer entries to leave out"},
			},
			Example: `'{"wallet":"Wallet1","limit":5}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.HistoryRequest) (any, error) { return w.history(ctx, r) }, h),
		}, {
			Name: "lode_receive", Summary: "Returns an address of a wallet to be paid at: the last one while nobody has paid it, else the next.",
			Params: []rpc.Param{
				oneParam,
				{Name: "new", Type: rpc.Bool, Optional: true, Help: "The next one in any case"},
				{Name: "label", Type: rpc.String, Optional: true, Help: "What to remember of it"},
			},
			Example: `'{"wallet":"Wallet1"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.ReceiveRequest) (any, error) { return w.receive(ctx, r) }, h),
		}, {
			Name: "lode_label", Summary: "Remembers a text of an address, one's own or another's; an empty one takes it away.",
			Params: []rpc.Param{
				oneParam,
				{Name: "address", Type: rpc.String, Help: "The address"},
				{Name: "label", Type: rpc.String, Help: "The text"},
			},
			Example: `'{"wallet":"Wallet1","address":"bcrt1q…","label":"rent"}'`,
			Handler: own(func(_ context.Context, w *wallets, r rpc.LabelRequest) (any, error) { return nil, w.label(r) }, h),
		},
	} {
		registerOwn(s, m)
	}
}

// label remembers a text of an address.
func (w *wallets) label(r rpc.LabelRequest) error {
	file, err := w.find(r.Wallet)
	if err != nil {
		return err
	}
	script, err := address.Decode(r.Address, w.host.params)
	if err != nil {
		return rpc.CodeInvalidAddress.New(err.Error())
	}
	return setLabel(file, script, r.Label)
}

func setLabel(file *vault.Wallet, script []byte, text string) error {
	if text == "*" { // means all labels elsewhere, as in Core
		return rpc.CodeInvalidLabel.New("Invalid label name")
	}
	if err := file.SetLabel(script, text); err != nil {
		return rpc.CodeInvalidLabel.New(err.Error())
	}
	return nil
}

// receive returns an address to be paid at.
func (w *wallets) receive(ctx context.Context, r rpc.ReceiveRequest) (rpc.Received, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.Received{}, err
	}
	reply := rpc.Received{Wallet: file.Name(), Number: file.Number(), New: r.New}
	var script []byte
	if !r.New {
		if script, err = w.lastUnpaid(ctx, file); err != nil {
			return reply, err
		}
	}
	if script == nil {
		c := &coreWallet{wallets: w, file: file}
		if script, err = c.issue(ctx, "", r.Label); err != nil {
			return reply, err
		}
		reply.New = true
	} else if r.Label != "" {
		if err := setLabel(file, script, r.Label); err != nil {
			return reply, err
		}
	}
	reply.Label, _ = file.Label(script)
	reply.RestoreGap = w.gapAt(file, script)
	reply.Address, _ = address.Encode(script, w.host.params)
	return reply, nil
}

// history returns a page of a wallet's payments.
func (w *wallets) history(ctx context.Context, r rpc.HistoryRequest) (rpc.History, error) {
	limit := cmp.Or(r.Limit, historyPage)
	if limit < 1 || limit > rpc.MaxHistory {
		return rpc.History{}, rpc.Errorf(rpc.CodeInvalidParameter, "limit %d is not within 1 to %d", r.Limit, rpc.MaxHistory)
	}
	if r.Skip < 0 {
		return rpc.History{}, rpc.CodeInvalidParameter.New("skip is negative")
	}
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.History{}, err
	}
	l, err := (&coreWallet{wallets: w, file: file}).ledger(ctx)
	if err != nil {
		return rpc.History{}, err
	}
	defer l.view.Close()
	list := l.entries
	reply := rpc.History{Wallet: file.Name(), Number: file.Number(), Total: len(list), Skip: r.Skip, Entries: []rpc.HistoryEntry{}}
	balances := make([]consensus.Amount, len(list))
	for i, e := range list {
		if l.lostEntry(e) == nil {
			reply.Balance += e.Received - e.Sent
		}
		balances[i] = reply.Balance
	}
	last := max(0, len(list)-r.Skip)
	for i, e := range slices.Backward(list[max(0, last-limit):last]) {
		entry, err := l.historyEntry(ctx, e)
		if err != nil {
			return rpc.History{}, err
		}
		entry.Balance = balances[max(0, last-limit)+i]
		reply.Entries = append(reply.Entries, entry)
	}
	return reply, nil
}

// historyEntry fills in what a wallet's own rows do not say: the other side and
// the fee.
func (l *ledger) historyEntry(ctx context.Context, e wallet.Entry) (rpc.HistoryEntry, error) {
	tip := l.view.At.Height
	entry := rpc.HistoryEntry{TxID: e.TxID.String(), Amount: rpc.SignedAmount(e.Received - e.Sent)}
	tx, coins, err := l.spending(ctx, e, &entry)
	if err != nil || tx == nil {
		return entry, err
	}
	if e.Height != wallet.Unconfirmed {
		entry.Height, entry.Confirmations = e.Height, tip-e.Height+1
	}
	switch {
	case e.Coinbase:
		entry.Direction = rpc.DirectionMined
		entry.Immature = max(0, l.host.params.Maturity-(tip-e.Height))
	case e.Sent > 0 && l.paysOnly(l.file, tx):
		entry.Direction = rpc.DirectionSelf
	case e.Sent > e.Received:
		entry.Direction = rpc.DirectionOut
	default:
		entry.Direction = rpc.DirectionIn
	}
	if e.Sent > 0 && entry.Direction != rpc.DirectionIn && len(coins) == len(tx.TxIn) {
		var fee consensus.Amount
		for i := range coins {
			fee += consensus.Amount(coins[i].Value)
		}
		for _, out := range tx.TxOut {
			fee -= consensus.Amount(out.Value)
		}
		entry.Fee = &fee
	}
	l.otherSide(l.file, tx, coins, &entry)
	return entry, nil
}

// spending returns an entry's transaction and the coins that it spends, as far
// as they are known, and fills in its time.
func (l *ledger) spending(ctx context.Context, e wallet.Entry, entry *rpc.HistoryEntry) (*wire.MsgTx, []consensus.Coin, error) {
	if t := l.lostEntry(e); t != nil {
		entry.State = t.state()
		return t.tx, l.coinsFrom(ctx, t.tx), nil
	}
	f, err := l.host.findTx(ctx, e.TxID, nil)
	if err != nil {
		return nil, nil, nil // it left the pool or the chain since the list was made
	}
	if f.block != nil {
		entry.Time = f.block.Time()
		undo, err := l.host.chain.Undo(f.block.Hash)
		if err != nil {
			return nil, nil, err
		}
		return f.tx, spentBy(undo, f.position), nil
	}
	if waiting := l.host.pool.Get(e.TxID); waiting != nil {
		entry.Time = waiting.Time.Unix()
	}
	return f.tx, l.coinsFrom(ctx, f.tx), nil
}

// coinsFrom returns the coins that an unconfirmed transaction spends, nil when not
// all are known.
func (l *ledger) coinsFrom(ctx context.Context, tx *wire.MsgTx) []consensus.Coin {
	coins := make([]consensus.Coin, 0, len(tx.TxIn))
	for _, in := range tx.TxIn {
		out := l.output(ctx, in.PreviousOutPoint)
		if out == nil {
			return nil
		}
		coins = append(coins, consensus.Coin{Value: out.Value, Script: out.PkScript})
	}
	return coins
}

// paysOnly says whether all that a transaction pays goes to the wallet itself.
func (w *wallets) paysOnly(file *vault.Wallet, tx *wire.MsgTx) bool {
	return !slices.ContainsFunc(tx.TxOut, func(out *wire.TxOut) bool {
		_, mine := w.owns(file, out.PkScript)
		return !mine
	})
}

// otherSide says with whom a payment was: who was paid, or who paid, and the
// label of the address that was paid.
func (w *wallets) otherSide(file *vault.Wallet, tx *wire.MsgTx, coins []consensus.Coin, entry *rpc.HistoryEntry) {
	in := entry.Direction == rpc.DirectionIn || entry.Direction == rpc.DirectionMined
	paid := make(map[string]bool)
	for _, out := range tx.TxOut {
		_, mine := w.owns(file, out.PkScript)
		if mine != in && entry.Direction != rpc.DirectionSelf || consensus.Unspendable(out.PkScript) {
			continue
		}
		if paid[string(out.PkScript)] {
			continue
		}
		if paid[string(out.PkScript)] = true; len(paid) > 1 {
			entry.Others++
			continue
		}
		entry.Address, _ = address.Encode(out.PkScript, w.host.params)
		entry.Label, _ = file.Label(out.PkScript)
		if !in {
			name, _ := w.owner(out.PkScript)
			entry.With = cmp.Or(name, entry.Address)
		}
	}
	if entry.Direction != rpc.DirectionIn {
		return
	}
	for i := range coins {
		if _, mine := w.owns(file, coins[i].Script); mine && len(coins) > 1 {
			continue
		}
		if name, ok := w.owner(coins[i].Script); ok {
			entry.With = name
			return
		}
		if entry.With == "" {
			entry.With, _ = address.Encode(coins[i].Script, w.host.params)
		}
	}
}

// lastUnpaid returns the script of the last address that was given out, nil when
// somebody has paid it or a later one.
func (w *wallets) lastUnpaid(ctx context.Context, file *vault.Wallet) ([]byte, error) {
	v, err := w.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	roles, err := w.roles(file)
	if err != nil {
		return nil, err
	}
	r := receiveRole(roles, file.Header(), "")
	if r == nil { // its only address is asked for again and again
		return hex.DecodeString(file.Header().Script)
	}
	next := w.firstFree(file, r)
	if next <= r.Begin {
		return nil, nil // none was given out yet
	}
	last := next - 1
	script, err := r.scriptAt(last)
	if err != nil {
		return nil, err
	}
	used, err := wallet.Used(v.snapshot, uint32(file.Number()))
	if err != nil || int(r.chain) < len(used) && used[r.chain] > last {
		return nil, err
	}
	for _, e := range v.Unconfirmed(uint32(file.Number())) {
		if pays(w.host.pool.Get(e.TxID).Tx, script) {
			return nil, nil
		}
	}
	return script, nil
}

func pays(tx *wire.MsgTx, script []byte) bool {
	return slices.ContainsFunc(tx.TxOut, func(out *wire.TxOut) bool { return slices.Equal(out.PkScript, script) })
}
