package node

import (
	"context"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

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
	l.entries = append(l.entries, v.Unconfirmed(number)...)
	if err == nil {
		err = l.findLost(ctx)
	}
	if err != nil {
		v.Close()
		return nil, err
	}
	return l, nil
}

// findLost finds the payments that the wallet has made and that are neither in a
// block nor in the mempool, and puts each before the next that it has made.
func (l *ledger) findLost(ctx context.Context) error {
	sent, err := l.sent.all(l.file)
	if err != nil {
		return walletError(err)
	}
	known := make(map[chainhash.Hash]bool, len(l.entries))
	for i := range l.entries {
		known[l.entries[i].TxID] = true
	}
	lost, err := l.lostSends(ctx, sent, known)
	if err != nil || len(lost) == 0 {
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
	}
	l.placeLost(sent, known)
	return nil
}

// placeLost puts the lost payments among the entries.
func (l *ledger) placeLost(sent []sentRef, known map[chainhash.Hash]bool) {
	before := make(map[chainhash.Hash][]wallet.Entry) // by the next payment, newest first
	var next chainhash.Hash                           // none: they are the newest
	for _, s := range slices.Backward(sent) {
		if t := l.lost[s.txid]; t != nil {
			before[next] = append(before[next], t.Entry)
		} else if known[s.txid] {
			next = s.txid
		}
	}
	all := make([]wallet.Entry, 0, len(l.entries)+len(l.lost))
	for _, e := range append(l.entries, wallet.Entry{}) {
		lost := before[e.TxID]
		slices.Reverse(lost)
		all = append(append(all, lost...), e)
	}
	l.entries = all[:len(all)-1]
}

// output returns an output of a block, of the mempool or of a lost payment, nil
// when there is none.
func (l *ledger) output(ctx context.Context, op wire.OutPoint) *wire.TxOut {
	if parent, ok := l.lost[op.Hash]; ok && int(op.Index) < len(parent.tx.TxOut) {
		return parent.tx.TxOut[op.Index]
	}
	if f, err := l.host.findTx(ctx, op.Hash, nil); err == nil && int(op.Index) < len(f.tx.TxOut) {
		return f.tx.TxOut[op.Index]
	}
	return nil
}

// spends is the value of a coin if it is, or was, the wallet's.
func (l *ledger) spends(ctx context.Context, op wire.OutPoint) consensus.Amount {
	out := l.output(ctx, op)
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

// lostEntry returns the lost payment of an entry, nil when it is none.
func (l *ledger) lostEntry(e wallet.Entry) *walletTx {
	if e.Height != wallet.Unconfirmed {
		return nil
	}
	return l.lost[e.TxID]
}

// state is that of a lost payment in a HistoryEntry.
func (t *walletTx) state() string {
	switch {
	case t.depth < 0:
		return rpc.StateConflicted
	case t.abandoned:
		return rpc.StateAbandoned
	case len(t.inPool) > 0:
		return rpc.StateConflicted
	}
	return rpc.StateLost
}

// read loads one transaction; nil when it left meanwhile.
func (l *ledger) read(ctx context.Context, e wallet.Entry) (*walletTx, error) {
	if t := l.lostEntry(e); t != nil {
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

// lostSends returns those of the recorded payments that are neither in a block nor
// in the mempool, oldest first. Known: those that were just seen there.
func (l *ledger) lostSends(ctx context.Context, sent []sentRef, known map[chainhash.Hash]bool) ([]*wire.MsgTx, error) {
	var lost []*wire.MsgTx
	for _, s := range sent {
		if known[s.txid] {
			continue
		}
		if there, err := l.exists(ctx, s.txid); there || err != nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		recorded, err := l.file.Send(s.key)
		if err != nil {
			return nil, walletError(err)
		}
		tx, err := sentTx(recorded)
		if err != nil {
			return nil, err
		}
		lost = append(lost, tx)
	}
	return lost, nil
}
