package node

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

// registerHistory adds Core's methods about what a wallet paid and was paid.
func (h *Host) registerHistory(s *rpc.Server) {
	watchOnly := rpc.Param{Name: "include_watchonly", Type: rpc.Bool, Optional: true, Help: "No meaning here"}
	for _, m := range []rpc.Method{
		{
			Name: "gettransaction", Summary: "Tells what a transaction means to a wallet.",
			Params: []rpc.Param{
				{Name: "txid", Type: rpc.String, Help: "The transaction"},
				watchOnly,
				{Name: "verbose", Type: rpc.Bool, Optional: true, Help: "With the decoded transaction (default false)"},
			},
			Example: `"txid"`, Handler: onWallet(h, (*coreWallet).getTransaction),
		}, {
			Name: "listtransactions", Summary: "Lists the newest payments of a wallet, the oldest of them first.",
			Params: []rpc.Param{
				{Name: "label|dummy", Type: rpc.String, Optional: true, Help: `Only payments to addresses with this label; "*" (default) for all`},
				{Name: "count", Type: rpc.Number, Optional: true, Help: "How many (default 10)"},
				{Name: "skip", Type: rpc.Number, Optional: true, Help: "Newer ones to leave out (default 0)"},
				watchOnly,
			},
			Example: `"*" 20 100`, Handler: onWallet(h, (*coreWallet).listTransactions),
		}, {
			Name: "listsinceblock", Summary: "Lists a wallet's payments since a block, and those that a reorganisation has taken away.",
			Params: []rpc.Param{
				{Name: "blockhash", Type: rpc.String, Optional: true, Help: "The block; all payments when left out"},
				{Name: "target_confirmations", Type: rpc.Number, Optional: true, Help: "Of the block that is returned as the last (default 1)"},
				watchOnly,
				{Name: "include_removed", Type: rpc.Bool, Optional: true, Help: "Payments that were in blocks that have left the chain (default true)"},
				{Name: "include_change", Type: rpc.Bool, Optional: true, Help: "Change too (default false)"},
				{Name: "label", Type: rpc.String, Optional: true, Help: "Only payments to addresses with this label"},
			},
			Handler: onWallet(h, (*coreWallet).listSinceBlock),
		}, {
			Name: "abandontransaction", Summary: "Gives up a payment that is in no block and not in the mempool: its coins can be spent again.",
			Params:  []rpc.Param{{Name: "txid", Type: rpc.String, Help: "The transaction"}},
			Example: `"txid"`, Handler: onWallet(h, (*coreWallet).abandon),
		}, {
			Name: "simulaterawtransaction", Summary: "Tells by how much transactions would change a wallet's balance.",
			Params: []rpc.Param{
				{Name: "rawtxs", Type: rpc.Array, Optional: true, Help: "Transactions in hex"},
				{Name: "options", Type: rpc.Object, Optional: true, Help: "include_watchonly: no meaning here"},
			},
			Example: `'["hex"]'`, Handler: onWallet(h, (*coreWallet).simulate),
		},
	} {
		registerCore(s, m)
	}
}

func (c *coreWallet) getTransaction(ctx context.Context, r *rpc.Request) (any, error) {
	txid, err := r.Hash(0, "txid")
	if err != nil {
		return nil, err
	}
	verbose, err := r.Flag(2, false)
	if err != nil {
		return nil, err
	}
	l, err := c.ledger(ctx)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	t, err := l.find(ctx, txid)
	if err != nil {
		return nil, err
	}
	type reply struct {
		Amount signed  `json:"amount"`
		Fee    *signed `json:"fee,omitempty"`
		txState
		Details   []movement `json:"details"`
		Hex       string     `json:"hex"`
		Decoded   any        `json:"decoded,omitempty"`
		LastBlock blockRef   `json:"lastprocessedblock"`
	}
	answer := reply{
		txState: l.state(t), Details: l.movements(t, nil, false, false), Hex: hex.EncodeToString(consensus.EncodeTx(t.tx)),
		LastBlock: blockRef{l.view.At.Hash.String(), l.view.At.Height},
	}
	net := signed(t.Received) - signed(t.Sent)
	if l.immature(t) {
		net -= signed(t.Received)
	}
	if t.Sent > 0 {
		fee := -signed(t.Sent)
		for _, out := range t.tx.TxOut {
			fee += signed(out.Value)
		}
		answer.Fee = &fee
		net -= fee
	}
	answer.Amount = net
	if verbose {
		answer.Decoded = describeTx(t.tx, c.host.params, nil, false)
	}
	return answer, nil
}

func (c *coreWallet) listTransactions(ctx context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "*")
	if err != nil {
		return nil, err
	}
	var label *string
	if text != "*" {
		if label = &text; text == "" {
			return nil, rpc.CodeInvalidParameter.New(`Label argument must be a valid label name or "*".`)
		}
	}
	count, err := r.Int(1, 10)
	if err != nil {
		return nil, err
	}
	skip, err := r.Int(2, 0)
	if err != nil {
		return nil, err
	}
	if count < 0 {
		return nil, rpc.CodeInvalidParameter.New("Negative count")
	}
	if skip < 0 {
		return nil, rpc.CodeInvalidParameter.New("Negative from")
	}
	l, err := c.ledger(ctx)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	rows := []movement{} // newest first
	for _, e := range slices.Backward(l.entries) {
		if int64(len(rows))-skip >= count {
			break
		}
		t, err := l.read(ctx, e)
		if err != nil {
			return nil, err
		}
		if t != nil {
			rows = append(rows, l.movements(t, label, false, true)...)
		}
	}
	rows = rows[min(int64(len(rows)), skip):]
	rows = rows[:min(int64(len(rows)), count)]
	slices.Reverse(rows)
	return rows, nil
}

// simulate is simulaterawtransaction.
func (c *coreWallet) simulate(ctx context.Context, r *rpc.Request) (any, error) {
	var texts []string
	if err := r.Decode(0, &texts); err != nil {
		return nil, err
	}
	v, err := c.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	coins, err := v.Coins(uint32(c.file.Number()))
	if err != nil {
		return nil, err
	}
	var change signed
	mine := make(map[wire.OutPoint]consensus.Amount) // of the transactions before
	spent := make(map[wire.OutPoint]bool)
	for i := range coins {
		mine[coins[i].OutPoint] = coins[i].Value
	}
	for _, text := range texts {
		raw, err := hex.DecodeString(text)
		if err != nil {
			return nil, rpc.CodeDeserialization.New("Transaction hex string decoding failure.")
		}
		tx, err := consensus.GuessTx(raw)
		if err != nil {
			return nil, rpc.CodeDeserialization.New("Transaction hex string decoding failure.")
		}
		for _, in := range tx.TxIn {
			op := in.PreviousOutPoint
			if spent[op] {
				return nil, rpc.CodeInvalidParameter.New("Transaction(s) are spending the same output more than once")
			}
			value, ok := mine[op]
			if !ok && !c.spendable(op) {
				return nil, rpc.CodeInvalidParameter.New("One or more transaction inputs are missing or have been spent already")
			}
			spent[op] = true
			change -= signed(value)
		}
		txid := tx.TxHash()
		for i, out := range tx.TxOut {
			op := wire.OutPoint{Hash: txid, Index: uint32(i)}
			mine[op] = 0
			if _, ok := c.owns(c.file, out.PkScript); ok {
				mine[op] = consensus.Amount(out.Value)
				change += signed(out.Value)
			}
		}
	}
	return struct {
		Change signed `json:"balance_change"`
	}{change}, nil
}

// spendable says whether an output is there to be spent.
func (c *coreWallet) spendable(op wire.OutPoint) bool {
	coins, _, err := c.host.chain.Coins([]wire.OutPoint{op})
	if err == nil && coins[0] != nil {
		return true
	}
	waiting := c.host.pool.Get(op.Hash)
	return waiting != nil && int(op.Index) < len(waiting.Tx.TxOut)
}

// abandon is abandontransaction.
func (c *coreWallet) abandon(ctx context.Context, r *rpc.Request) (any, error) {
	txid, err := r.Hash(0, "txid")
	if err != nil {
		return nil, err
	}
	defer c.lockWallet(c.file.Number())() // it is not submitted again meanwhile
	l, err := c.ledger(ctx)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	t, err := l.find(ctx, txid)
	if err != nil {
		return nil, err
	}
	if !t.lost || t.depth != 0 {
		return nil, rpc.CodeInvalidAddress.New("Transaction not eligible for abandonment")
	}
	for _, id := range l.withChildren(txid) {
		if err := c.file.Abandon(id.String(), true); err != nil {
			return nil, rpc.CodeWallet.New(err.Error())
		}
	}
	return nil, nil
}

// withChildren returns a lost payment and those that spend its outputs, and so on:
// without it none of them can be made (Core's RecursiveUpdateTxState).
func (l *ledger) withChildren(txid chainhash.Hash) []chainhash.Hash {
	list := []chainhash.Hash{txid}
	for i := 0; i < len(list); i++ {
		for id, t := range l.lost {
			spends := slices.ContainsFunc(t.tx.TxIn, func(in *wire.TxIn) bool { return in.PreviousOutPoint.Hash == list[i] })
			if spends && !slices.Contains(list, id) {
				list = append(list, id)
			}
		}
	}
	return list
}
