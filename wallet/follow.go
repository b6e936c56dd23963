package wallet

import (
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
)

// step applies one block, or takes it off, and moves the position.
func (b *Book) step(c *changes, s *chain.Step, at Position) error {
	header := s.Block.Header
	switch {
	case s.Connect && header.PrevBlock != at.Hash:
		return fmt.Errorf("it does not follow %s, where the wallets are", at.Hash)
	case !s.Connect && s.Entry.Hash != at.Hash:
		return fmt.Errorf("it is not %s, where the wallets are", at.Hash)
	}
	w := &walk{book: b, changes: c, step: s}
	if !s.Connect {
		if err := w.disconnect(); err != nil {
			return err
		}
		c.put(positionKey(), Position{header.PrevBlock, s.Entry.Height - 1}.encode())
		return nil
	}
	if s.Entry.Height > 0 { // nobody can spend the genesis coinbase (consensus)
		if err := w.use(); err != nil {
			return err
		}
		if err := w.connect(); err != nil {
			return err
		}
	}
	c.put(positionKey(), Position{s.Entry.Hash, s.Entry.Height}.encode())
	return nil
}

// walk goes through one block. Which coins it spends is taken from the undo
// data, so no coin has to be read.
type walk struct {
	book    *Book
	changes *changes
	step    *chain.Step
}

// use notes which scripts the block pays to. Where one was not used before,
// more are watched, and the block may pay to those too.
func (w *walk) use() error {
	for again := true; again; {
		again = false
		for _, tx := range w.step.Block.Transactions {
			for _, out := range tx.TxOut {
				owners, err := w.book.owners(w.changes, out.PkScript)
				if err != nil {
					return err
				}
				for _, o := range owners {
					more, err := w.book.use(w.changes, o)
					if err != nil {
						return err
					}
					again = again || more
				}
			}
		}
	}
	return nil
}

// use notes that a script was paid to and reports whether more are watched now.
func (b *Book) use(c *changes, o Owner) (more bool, err error) {
	a, err := b.account(o.Wallet)
	if err != nil {
		return false, err
	}
	if int(o.Chain) >= len(a.chains) {
		return false, damaged(rowAccount, be32(o.Wallet))
	}
	if a.chains[o.Chain].used > o.Index {
		return false, nil
	}
	a.chains[o.Chain].used = o.Index + 1
	c.put(accountKey(o.Wallet), a.encode())
	return b.extend(c, o.Wallet, a, int(o.Chain), 0)
}

// sums are what one transaction moves for one wallet.
type sums struct {
	wallet         uint32
	received, sent int64
}

// tally collects sums in the order in which wallets are first touched.
type tally []sums

func (t *tally) of(wallet uint32) *sums {
	for i := range *t {
		if (*t)[i].wallet == wallet {
			return &(*t)[i]
		}
	}
	*t = append(*t, sums{wallet: wallet})
	return &(*t)[len(*t)-1]
}

func (w *walk) connect() error {
	height := w.step.Entry.Height
	for place, tx := range w.step.Block.Transactions {
		var t tally
		txid := w.step.TxIDs[place]
		err := w.spent(place, func(op wire.OutPoint, coin *consensus.Coin, owners []Owner) {
			for _, o := range onceEach(owners) {
				t.of(o.Wallet).sent += coin.Value
				w.changes.delete(coinKey(o.Wallet, op))
			}
			w.changes.delete(outPointKey(op))
			for _, o := range owners {
				w.changes.put(reuseKey(o, op), []byte{})
			}
		})
		if err != nil {
			return err
		}
		for i, out := range tx.TxOut {
			owners, err := w.book.owners(w.changes, out.PkScript)
			if err != nil {
				return err
			}
			if len(owners) == 0 {
				continue
			}
			for _, o := range onceEach(owners) {
				t.of(o.Wallet).received += out.Value
			}
			coin := consensus.Coin{Value: out.Value, Script: out.PkScript, Height: height, Coinbase: place == 0}
			w.store(wire.OutPoint{Hash: txid, Index: uint32(i)}, owners, &coin)
		}
		for _, s := range t {
			e := Entry{TxID: txid, Coinbase: place == 0, Received: consensus.Amount(s.received), Sent: consensus.Amount(s.sent)}
			w.changes.put(historyKey(s.wallet, height, place), e.encode())
		}
	}
	return nil
}

func (w *walk) disconnect() error {
	txs := w.step.Block.Transactions
	for place := len(txs) - 1; place >= 0; place-- {
		var t tally // whose history is touched
		for i, out := range txs[place].TxOut {
			owners, err := w.book.owners(w.changes, out.PkScript)
			if err != nil {
				return err
			}
			if len(owners) == 0 {
				continue
			}
			op := wire.OutPoint{Hash: w.step.TxIDs[place], Index: uint32(i)}
			for _, o := range owners {
				t.of(o.Wallet)
				w.changes.delete(coinKey(o.Wallet, op))
			}
			w.changes.delete(outPointKey(op))
		}
		err := w.spent(place, func(op wire.OutPoint, coin *consensus.Coin, owners []Owner) {
			for _, o := range owners {
				t.of(o.Wallet)
			}
			w.store(op, owners, coin)
			for _, o := range owners {
				w.changes.delete(reuseKey(o, op))
			}
		})
		if err != nil {
			return err
		}
		for _, s := range t {
			w.changes.delete(historyKey(s.wallet, w.step.Entry.Height, place))
		}
	}
	return nil
}

// spent calls fn for the coins of wallets that a transaction of the block
// spends.
func (w *walk) spent(place int, fn func(wire.OutPoint, *consensus.Coin, []Owner)) error {
	if place == 0 {
		return nil
	}
	tx := w.step.Block.Transactions[place]
	if w.step.Undo == nil || place > len(w.step.Undo.Txs) || len(w.step.Undo.Txs[place-1]) != len(tx.TxIn) {
		return errors.New("its undo data does not fit")
	}
	coins := w.step.Undo.Txs[place-1]
	for i, in := range tx.TxIn {
		owners, err := w.book.owners(w.changes, coins[i].Script)
		if err != nil {
			return err
		}
		if len(owners) > 0 {
			fn(in.PreviousOutPoint, &coins[i], owners)
		}
	}
	return nil
}

// store gives a coin to its owners.
func (w *walk) store(op wire.OutPoint, owners []Owner, coin *consensus.Coin) {
	wallets := make([]uint32, 0, len(owners))
	for _, o := range onceEach(owners) {
		r := row{chain: o.Chain, index: o.Index, coin: *coin}
		w.changes.put(coinKey(o.Wallet, op), r.encode())
		wallets = append(wallets, o.Wallet)
	}
	w.changes.put(outPointKey(op), encodeWallets(wallets))
}

// onceEach leaves one owner of each wallet, the first: a wallet has a coin once,
// even if several of its descriptors give the script.
func onceEach(owners []Owner) []Owner {
	if len(owners) < 2 {
		return owners
	}
	var list []Owner
	for _, o := range owners {
		if !slices.ContainsFunc(list, func(l Owner) bool { return l.Wallet == o.Wallet }) {
			list = append(list, o)
		}
	}
	return list
}
