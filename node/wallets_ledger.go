package node

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
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
