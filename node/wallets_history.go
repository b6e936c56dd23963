package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerHistory adds Core's methods about what a wallet paid and was paid.
func (h *Host) registerHistory(s *rpc.Server) {
	watchOnly := rpc.Param{Name: "include_watchonly", Type: rpc.Bool, Optional: true, Help: "No meaning here"}
	for _, m := range []rpc.Method{
		{
			Name: "gettransaction", Summary: "Tells what a transaction means to a wallet.",
			Params: []rpc.Param{
				{Name: "txid", Type: rpc.String, Help: "The transaction"}, watchOnly,
				{Name: "verbose", Type: rpc.Bool, Optional: true, Help: "With the decoded transaction (default false)"},
			},
			Example: `"txid"`, Handler: onWallet(h, (*coreWallet).getTransaction),
		}, {
			Name: "listtransactions", Summary: "Lists the newest payments of a wallet, the oldest of them first.",
			Params: []rpc.Param{
				{Name: "label|dummy", Type: rpc.String, Optional: true, Help: `Only payments to addresses with this label; "*" (default) for all`},
				{Name: "count", Type: rpc.Number, Optional: true, Help: "How many (default 10)"},
				{Name: "skip", Type: rpc.Number, Optional: true, Help: "Newer ones to leave out (default 0)"}, watchOnly,
			},
			Example: `"*" 20 100`, Handler: onWallet(h, (*coreWallet).listTransactions),
		}, {
			Name: "listsinceblock", Summary: "Lists a wallet's payments since a block, and those that a reorganisation has taken away.",
			Params: []rpc.Param{
				{Name: "blockhash", Type: rpc.String, Optional: true, Help: "The block; all payments when left out"},
				{Name: "target_confirmations", Type: rpc.Number, Optional: true, Help: "Of the block that is returned as the last (default 1)"}, watchOnly,
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

// walletTx is a transaction as one wallet sees it.
type walletTx struct {
	wallet.Entry
	tx    *wire.MsgTx
	block *chain.Entry // nil: in none
	depth int64        // confirmations; negative: of the block with a transaction that it lost to
	lost  bool         // neither in a block nor in the mempool

	time      int64
	trusted   bool
	abandoned bool
	rivals    []chainhash.Hash // transactions of the wallet that spend the same coins
	inPool    []chainhash.Hash // those of the mempool, for one that lost to them
}

// ledger is what a wallet's transactions are read from: one moment.
type ledger struct {
	*coreWallet
	view      *walletView
	roles     []role
	entries   []wallet.Entry // oldest first; those in no block last
	lost      map[chainhash.Hash]*walletTx
	abandoned map[string]bool
}

// ledger opens a wallet's transactions. The caller closes the view.
func (c *coreWallet) ledger(ctx context.Context) (*ledger, error) {
	if err := c.host.awaitFollowers(ctx); err != nil {
		return nil, err
	}
	v, err := c.view(ctx)
	if err != nil {
		return nil, err
	}
	l := &ledger{coreWallet: c, view: v, abandoned: c.file.Abandoned()}
	number := uint32(c.file.Number())
	if l.roles, err = c.wallets.roles(c.file); err == nil {
		err = wallet.History(v.snapshot, number, func(e wallet.Entry) error {
			l.entries = append(l.entries, e)
			return nil
		})
	}
	if err == nil {
		err = l.findLost(ctx)
	}
	if err != nil {
		v.Close()
		return nil, err
	}
	l.entries = append(l.entries, v.Unconfirmed(number)...)
	return l, nil
}

// findLost finds the payments that the wallet has made and that are neither in a
// block nor in the mempool, and puts them behind the confirmed ones.
func (l *ledger) findLost(ctx context.Context) error {
	lost, err := l.lostSends(ctx, l.file)
	if err != nil {
		return err
	}
	l.lost = make(map[chainhash.Hash]*walletTx, len(lost))
	for _, tx := range lost {
		t := &walletTx{Entry: wallet.Entry{TxID: tx.TxHash(), Height: wallet.Unconfirmed}, tx: tx, lost: true}
		t.abandoned = l.abandoned[t.TxID.String()]
		for _, in := range tx.TxIn {
			t.Sent += l.spends(ctx, in.PreviousOutPoint)
			if by, ok := l.host.pool.Spender(in.PreviousOutPoint); ok && !slices.Contains(t.inPool, by) {
				t.inPool = append(t.inPool, by)
			}
		}
		for _, out := range tx.TxOut {
			if _, mine := l.owns(l.file, out.PkScript); mine {
				t.Received += consensus.Amount(out.Value)
			}
		}
		if err := l.findRivals(ctx, t); err != nil {
			return err
		}
		l.lost[t.TxID] = t
		l.entries = append(l.entries, t.Entry)
	}
	return nil
}

// spends is the value of a coin if it is, or was, the wallet's.
func (l *ledger) spends(ctx context.Context, op wire.OutPoint) consensus.Amount {
	var out *wire.TxOut
	if parent, ok := l.lost[op.Hash]; ok && int(op.Index) < len(parent.tx.TxOut) {
		out = parent.tx.TxOut[op.Index]
	} else if f, err := l.host.findTx(ctx, op.Hash, nil); err == nil && int(op.Index) < len(f.tx.TxOut) {
		out = f.tx.TxOut[op.Index]
	}
	if out == nil {
		return 0
	}
	if _, mine := l.owns(l.file, out.PkScript); !mine {
		return 0
	}
	return consensus.Amount(out.Value)
}

// findRivals finds the wallet's confirmed transactions that spend a coin which a
// lost payment wanted, and with them how deep it is buried (Core's
// walletconflicts and negative confirmations).
func (l *ledger) findRivals(ctx context.Context, t *walletTx) error {
	wanted := make(map[wire.OutPoint]bool, len(t.tx.TxIn))
	for _, in := range t.tx.TxIn {
		wanted[in.PreviousOutPoint] = true
	}
	for i := len(l.entries) - 1; i >= 0; i-- {
		e := &l.entries[i]
		if e.Sent == 0 || e.Height == wallet.Unconfirmed {
			continue
		}
		f, err := l.host.findTx(ctx, e.TxID, nil)
		if err != nil {
			continue // it left the chain meanwhile
		}
		for _, in := range f.tx.TxIn {
			if wanted[in.PreviousOutPoint] {
				t.rivals = append(t.rivals, e.TxID)
				t.depth = -int64(l.view.At.Height-e.Height) - 1
				break
			}
		}
	}
	for _, id := range t.inPool {
		if slices.ContainsFunc(l.view.Unconfirmed(uint32(l.file.Number())), func(e wallet.Entry) bool { return e.TxID == id }) {
			t.rivals = append(t.rivals, id)
		}
	}
	slices.SortFunc(t.rivals, func(a, b chainhash.Hash) int { return slices.Compare(a[:], b[:]) })
	return nil
}

// read loads one transaction; nil when it left meanwhile.
func (l *ledger) read(ctx context.Context, e wallet.Entry) (*walletTx, error) {
	if t := l.lost[e.TxID]; t != nil && e.Height == wallet.Unconfirmed {
		return t, nil
	}
	f, err := l.host.findTx(ctx, e.TxID, nil)
	if err != nil {
		return nil, ctx.Err()
	}
	t := &walletTx{Entry: e, tx: f.tx}
	if e.Height != wallet.Unconfirmed {
		t.block = l.host.chain.ByHeight(e.Height)
		t.depth, t.time, t.trusted = int64(l.view.At.Height-e.Height)+1, t.block.Time(), true
	} else {
		t.trusted = l.view.Trusted(uint32(l.file.Number()), e.TxID)
		if waiting := l.host.pool.Get(e.TxID); waiting != nil {
			t.time = waiting.Time.Unix()
		}
	}
	for id, other := range l.lost {
		if slices.ContainsFunc(other.rivals, func(r chainhash.Hash) bool { return r == e.TxID }) {
			t.rivals = append(t.rivals, id)
		}
	}
	slices.SortFunc(t.rivals, func(a, b chainhash.Hash) int { return slices.Compare(a[:], b[:]) })
	return t, nil
}

// txState is what Core's WalletTxToJSON tells of a transaction.
type txState struct {
	Confirmations int64    `json:"confirmations"`
	Generated     bool     `json:"generated,omitempty"`
	Trusted       *bool    `json:"trusted,omitempty"`
	BlockHash     string   `json:"blockhash,omitempty"`
	BlockHeight   *int32   `json:"blockheight,omitempty"`
	BlockIndex    *int     `json:"blockindex,omitempty"`
	BlockTime     *int64   `json:"blocktime,omitempty"`
	TxID          string   `json:"txid"`
	WTxID         string   `json:"wtxid"`
	Conflicts     []string `json:"walletconflicts"`
	InPool        []string `json:"mempoolconflicts"`
	ReplacedBy    string   `json:"replaced_by_txid,omitempty"`
	Comment       string   `json:"comment,omitempty"`
	Time          int64    `json:"time"`
	Received      int64    `json:"timereceived"`
	Replaceable   string   `json:"bip125-replaceable"`
}

func (l *ledger) state(t *walletTx) txState {
	s := txState{
		Confirmations: t.depth, Generated: t.Coinbase, TxID: t.TxID.String(), WTxID: t.tx.WitnessHash().String(),
		Conflicts: hashTexts(t.rivals), InPool: hashTexts(t.inPool), Comment: l.file.Note(t.TxID.String()),
		Time: t.time, Received: t.time, Replaceable: "no",
	}
	switch {
	case t.block != nil:
		when := t.block.Time()
		s.BlockHash, s.BlockHeight, s.BlockIndex, s.BlockTime = t.block.Hash.String(), &t.Height, &t.Place, &when
	default:
		s.Trusted = &t.trusted
		switch {
		case signalsReplacement(t.tx):
			s.Replaceable = "yes"
		case t.lost:
			s.Replaceable = "unknown"
		}
	}
	return s
}

func hashTexts(list []chainhash.Hash) []string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = list[i].String()
	}
	return texts
}

// movement is one row of listtransactions: an output that a wallet paid, or was
// paid.
type movement struct {
	Address     string   `json:"address,omitempty"`
	ParentDescs []string `json:"parent_descs,omitempty"`
	Category    string   `json:"category"`
	Amount      signed   `json:"amount"`
	Label       *string  `json:"label,omitempty"`
	Vout        int      `json:"vout"`
	Fee         *signed  `json:"fee,omitempty"`
	Abandoned   bool     `json:"abandoned"`
	*txState             // where it is asked for
}

// signed is an amount that may be negative.
type signed consensus.Amount

// MarshalJSON writes it with eight decimals.
func (s signed) MarshalJSON() ([]byte, error) {
	if s >= 0 {
		return json.Marshal(consensus.Amount(s))
	}
	text, err := json.Marshal(consensus.Amount(-s))
	return append([]byte{'-'}, text...), err
}

// movements lists what a transaction paid and what the wallet got of it (Core's
// ListTransactions): payments first, without change unless it is asked for.
func (l *ledger) movements(t *walletTx, label *string, change, long bool) []movement {
	var sent, received []movement
	var state *txState
	if long {
		s := l.state(t)
		state = &s
	}
	fee := signed(0)
	if t.Sent > 0 {
		fee = -signed(t.Sent)
		for _, out := range t.tx.TxOut {
			fee += signed(out.Value)
		}
	}
	for i, out := range t.tx.TxOut {
		owner, mine := l.owns(l.file, out.PkScript)
		name, known := l.file.Label(out.PkScript)
		external := mine && int(owner.Chain) < len(l.roles) && !l.roles[owner.Chain].Internal
		listed := known || external
		if mine && !listed && t.Sent > 0 && !change || !mine && t.Sent == 0 {
			continue
		}
		m := movement{Vout: i, Amount: signed(out.Value), Abandoned: t.abandoned, txState: state}
		m.Address, _ = address.Encode(out.PkScript, l.host.params)
		if listed {
			m.Label = &name
		}
		if t.Sent > 0 {
			s := m
			s.Category, s.Amount, s.Fee = "send", -m.Amount, &fee
			sent = append(sent, s)
		}
		if mine {
			if int(owner.Chain) < len(l.roles) {
				m.ParentDescs = []string{l.roles[owner.Chain].parsed.String()}
			}
			m.Category = l.category(t)
			if label == nil || name == *label && listed {
				received = append(received, m)
			}
		}
	}
	if label != nil {
		return received
	}
	return append(sent, received...)
}

func (l *ledger) category(t *walletTx) string {
	switch {
	case !t.Coinbase:
		return "receive"
	case t.depth < 1:
		return "orphan"
	case l.immature(t):
		return "immature"
	}
	return "generate"
}

func (l *ledger) immature(t *walletTx) bool {
	return t.Coinbase && l.view.At.Height-t.Height < l.host.params.Maturity
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

// find returns one of the wallet's transactions.
func (l *ledger) find(ctx context.Context, txid chainhash.Hash) (*walletTx, error) {
	for _, e := range l.entries {
		if e.TxID != txid {
			continue
		}
		if t, err := l.read(ctx, e); t != nil || err != nil {
			return t, err
		}
	}
	return nil, rpc.CodeInvalidAddress.New("Invalid or non-wallet transaction id")
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

func (c *coreWallet) listSinceBlock(ctx context.Context, r *rpc.Request) (any, error) {
	q, err := c.sinceQuery(r)
	if err != nil {
		return nil, err
	}
	l, err := c.ledger(ctx)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	reply := struct {
		Transactions []movement  `json:"transactions"`
		Removed      *[]movement `json:"removed,omitempty"`
		Last         string      `json:"lastblock"`
	}{Transactions: []movement{}}
	depth := int64(-1)
	if q.common != nil {
		depth = int64(l.view.At.Height) + 1 - int64(q.common.Height)
	}
	for _, e := range l.entries {
		t, err := l.read(ctx, e)
		if err != nil {
			return nil, err
		}
		if t != nil && (depth < 0 || max(t.depth, -t.depth) < depth) {
			reply.Transactions = append(reply.Transactions, l.movements(t, q.label, q.change, true)...)
		}
	}
	if q.removed {
		removed, err := l.removed(ctx, q)
		if err != nil {
			return nil, err
		}
		reply.Removed = &removed
	}
	last := c.host.chain.ByHeight(max(0, l.view.At.Height+1-int32(min(q.target, int64(l.view.At.Height)+1))))
	if last != nil {
		reply.Last = last.Hash.String()
	}
	return reply, nil
}

// sinceQuery are the arguments of listsinceblock.
type sinceQuery struct {
	from, common    *chain.Entry // the block asked for, and the last of its chain that is in the best one
	target          int64
	removed, change bool
	label           *string
}

func (c *coreWallet) sinceQuery(r *rpc.Request) (q sinceQuery, err error) {
	if text, err := r.Text(0, ""); err != nil {
		return q, err
	} else if text != "" {
		hash, err := r.Hash(0, "blockhash")
		if err != nil {
			return q, err
		}
		if q.from = c.host.chain.ByHash(hash); q.from == nil {
			return q, rpc.CodeInvalidAddress.New("Block not found")
		}
		q.common = q.from
		for !c.host.chain.InBest(q.common) {
			q.common = q.common.Parent()
		}
	}
	if q.target, err = r.Int(1, 1); err != nil {
		return q, err
	}
	if q.target < 1 {
		return q, rpc.CodeInvalidParameter.New("Invalid parameter")
	}
	if q.removed, err = r.Flag(3, true); err != nil {
		return q, err
	}
	if q.change, err = r.Flag(4, false); err != nil {
		return q, err
	}
	if r.Has(5) {
		text, err := r.Text(5, "")
		if err != nil {
			return q, err
		}
		q.label = &text
	}
	return q, nil
}

// removed lists what was in the blocks from the one asked for back to the best
// chain.
func (l *ledger) removed(ctx context.Context, q sinceQuery) ([]movement, error) {
	rows := []movement{}
	for b := q.from; b != nil && b != q.common; b = b.Parent() {
		block, err := l.host.chain.Block(b.Hash)
		if err != nil {
			return nil, rpc.CodeInternal.New("Can't read block from disk")
		}
		for _, tx := range block.Transactions {
			t, err := l.find(ctx, tx.TxHash())
			if err != nil {
				continue // none of the wallet's any more
			}
			rows = append(rows, l.movements(t, q.label, q.change, true)...)
		}
	}
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
	if err := c.file.Abandon(txid.String(), true); err != nil {
		return nil, rpc.CodeWallet.New(err.Error())
	}
	return nil, nil
}

// lostSends returns the payments that a wallet has made and that are neither in
// a block nor in the mempool, oldest first.
func (w *wallets) lostSends(ctx context.Context, file *vault.Wallet) ([]*wire.MsgTx, error) {
	if file.SentCount() == 0 {
		return nil, nil
	}
	sends, err := file.Sends()
	if err != nil {
		return nil, walletError(err)
	}
	var lost []*wire.MsgTx
	for _, s := range sends {
		txid, err := chainhash.NewHashFromStr(s.TxID)
		if err != nil {
			return nil, err
		}
		if there, err := w.exists(ctx, *txid); there || err != nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		raw, err := hex.DecodeString(s.Tx)
		if err != nil {
			return nil, err
		}
		tx, err := consensus.DecodeTx(raw)
		if err != nil {
			return nil, err
		}
		lost = append(lost, tx)
	}
	return lost, nil
}
