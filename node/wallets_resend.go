package node

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
)

// resends knows the payments that no block has yet, of all wallets. It belongs to
// wallets.Run.
type resends struct {
	seen map[int]int // by wallet number: how many of its payments were looked at
	open map[chainhash.Hash]openSend
}

// openSend is a payment that no block had when it was last looked at.
type openSend struct {
	file *vault.Wallet
	raw  string // hex
}

// resend submits payments again that have fallen out of the mempool, as Core's
// ResubmitWalletTransactions does, unless they were abandoned. Those that are
// refused, because others have taken their coins, are tried again after the next
// block: that may be taken back.
func (w *wallets) resend(ctx context.Context, r *resends) error {
	if err := w.findOpen(r); err != nil {
		return err
	}
	order := slices.SortedFunc(maps.Keys(r.open), func(a, b chainhash.Hash) int { return slices.Compare(a[:], b[:]) })
	for _, txid := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		send := r.open[txid]
		settled, err := w.resendOne(ctx, txid, send)
		if err != nil {
			return err
		}
		if settled {
			delete(r.open, txid)
		}
	}
	return nil
}

// findOpen takes in payments that were recorded since it was last called.
func (w *wallets) findOpen(r *resends) error {
	if r.seen == nil {
		r.seen, r.open = make(map[int]int), make(map[chainhash.Hash]openSend)
	}
	for _, file := range w.vault.Wallets() {
		n := file.SentCount()
		if n == r.seen[file.Number()] {
			continue
		}
		sends, err := file.Sends()
		if err != nil {
			w.host.log.Error("a wallet's payments cannot be read", "wallet", file.Number(), "err", err)
			continue // the others go on
		}
		from := r.seen[file.Number()]
		if from > len(sends) {
			from = 0 // the journal was made shorter
		}
		for _, s := range sends[from:] {
			if txid, err := chainhash.NewHashFromStr(s.TxID); err == nil {
				r.open[*txid] = openSend{file, s.Tx}
			}
		}
		r.seen[file.Number()] = len(sends)
	}
	return nil
}

// resendOne looks after one payment and says whether a block has it. No payment
// of the wallet is on its way meanwhile; while one is, this one has to wait for the
// next block, as the rest of Run has not.
func (w *wallets) resendOne(ctx context.Context, txid chainhash.Hash, send openSend) (settled bool, err error) {
	mu := w.sendingOf(send.file.Number())
	if !mu.TryLock() {
		return false, nil
	}
	defer mu.Unlock()
	if w.host.pool.Get(txid) != nil {
		return false, nil
	}
	if _, found, err := w.host.txindex.Find(ctx, txid); found || err != nil {
		return found, err
	}
	if send.file.IsAbandoned(txid.String()) {
		return false, nil
	}
	raw, err := hex.DecodeString(send.raw)
	if err != nil {
		return true, nil // nothing can be done with it
	}
	tx, err := consensus.DecodeTx(raw)
	if err != nil {
		return true, nil
	}
	if _, err := w.host.pool.AcceptOwn(tx, w.host.now()); err == nil {
		w.host.log.Info("a payment is in the mempool again", "txid", txid)
	}
	return false, nil
}
