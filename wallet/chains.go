package wallet

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/lode-chain/lode/internal/kv"
)

// SetChains returns what makes a wallet have these chains: those it has, whose
// range may have grown, and new ones behind them, of which nothing is stored
// before LookAhead; nil when nothing changes. What blocks have paid to new
// scripts before is not looked for.
func (b *Book) SetChains(r kv.Reader, wallet uint32, chains []Chain) (*kv.Batch, error) {
	if err := b.load(r); err != nil {
		return nil, err
	}
	a, err := b.account(wallet)
	if err != nil {
		return nil, err
	}
	if len(chains) < len(a.chains) || len(chains) > MaxChains {
		return nil, fmt.Errorf("wallet %d has %d chains of scripts and cannot have %d", wallet, len(a.chains), len(chains))
	}
	next := &account{chains: slices.Clone(a.chains)}
	for i, c := range chains {
		switch {
		case i >= len(a.chains):
			next.chains = append(next.chains, newWatched(c))
		case c.Start < a.chains[i].Start:
			next.chains[i] = newWatched(c) // those in between lack: all are stored once more
			next.chains[i].used = a.chains[i].used
		default:
			next.chains[i].End = max(next.chains[i].End, c.End)
		}
	}
	if slices.Equal(next.chains, a.chains) {
		return nil, nil
	}
	b.accounts[wallet] = next
	c := newChanges(r)
	c.put(accountKey(wallet), next.encode())
	return c.batch(), nil
}

// Remove returns what takes a wallet out of the book, with its coins.
func (b *Book) Remove(r kv.Reader, wallet uint32) (*kv.Batch, error) {
	c := newChanges(r)
	drop := func(k, v []byte) error {
		c.delete(bytes.Clone(k))
		return nil
	}
	for _, row := range [...]byte{rowAccount, rowCoin, rowHistory, rowReuse} {
		prefix := key(row, be32(wallet))
		if err := r.Scan(prefix, kv.After(prefix), drop); err != nil {
			return nil, err
		}
	}
	prefix := key(rowScript)
	err := r.Scan(prefix, kv.After(prefix), func(k, v []byte) error {
		owners, err := decodeOwners(v)
		if err != nil {
			return err
		}
		var left []byte
		for _, o := range owners {
			if o.Wallet != wallet {
				left = o.append(left)
			}
		}
		if len(left) < len(v) {
			c.put(bytes.Clone(k), left) // nil deletes
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	prefix = key(rowOutPoint)
	err = r.Scan(prefix, kv.After(prefix), func(k, v []byte) error {
		wallets, err := decodeWallets(v)
		if err != nil {
			return err
		}
		if left := slices.DeleteFunc(wallets, func(w uint32) bool { return w == wallet }); 4*len(left) < len(v) {
			c.put(bytes.Clone(k), encodeWallets(left))
		}
		return nil
	})
	b.Forget()
	return c.batch(), err
}
