package wallet

import (
	"bytes"
	"slices"

	"github.com/lode-chain/lode/internal/kv"
)

// CopyRows returns what stores all rows of wallets in one reader beside those of
// another book at the same position. Renumber gives the number that a wallet gets
// there; wallets it does not know are left out. Wallets that the other book has
// already keep what it knows of them, and learn what the reader knows more.
func CopyRows(from, to kv.Reader, renumber map[uint32]uint32) (*kv.Batch, error) {
	c := newChanges(to)
	prefix := []byte{kv.SpaceWallet}
	err := from.Scan(prefix, kv.After(prefix), func(k, v []byte) error {
		switch k[1] {
		case rowAccount, rowCoin, rowHistory, rowReuse:
			number, ok := renumber[walletOf(k)]
			if !ok {
				return nil
			}
			k = key(k[1], be32(number), k[6:])
			if k[1] == rowAccount {
				return c.mergeAccount(k, v)
			}
			c.put(k, bytes.Clone(v))
		case rowScript:
			owners, err := decodeOwners(v)
			if err != nil {
				return err
			}
			return c.mergeOwners(bytes.Clone(k), owners, renumber)
		case rowOutPoint:
			wallets, err := decodeWallets(v)
			if err != nil {
				return err
			}
			return c.mergeWallets(bytes.Clone(k), wallets, renumber)
		}
		return nil
	})
	return c.batch(), err
}

// mergeAccount stores a wallet's chains, of which some may be there.
func (c *changes) mergeAccount(k, v []byte) error {
	a, err := decodeAccount(v)
	if err != nil {
		return err
	}
	there, err := c.get(k)
	if err != nil {
		return err
	}
	if there != nil {
		old, err := decodeAccount(there)
		if err != nil {
			return err
		}
		for i := range old.chains {
			if i == len(a.chains) {
				a.chains = append(a.chains, old.chains[i:]...)
				break
			}
			n, o := &a.chains[i], &old.chains[i]
			n.End, n.used = max(n.End, o.End), max(n.used, o.used)
			if n.Start == o.Start {
				n.stored = max(n.stored, o.stored)
			}
		}
	}
	c.put(k, a.encode())
	return nil
}

// mergeOwners adds a script's owners to those it has.
func (c *changes) mergeOwners(k []byte, owners []Owner, renumber map[uint32]uint32) error {
	v, err := c.get(k)
	if err != nil {
		return err
	}
	there, err := decodeOwners(v)
	if err != nil {
		return err
	}
	row := bytes.Clone(v)
	for _, o := range owners {
		number, ok := renumber[o.Wallet]
		if o.Wallet = number; ok && !slices.Contains(there, o) {
			row = o.append(row)
		}
	}
	if len(row) > len(v) {
		c.put(k, row)
	}
	return nil
}

// mergeWallets adds the wallets that have a coin to those that are known.
func (c *changes) mergeWallets(k []byte, wallets []uint32, renumber map[uint32]uint32) error {
	v, err := c.get(k)
	if err != nil {
		return err
	}
	there, err := decodeWallets(v)
	if err != nil {
		return err
	}
	row := bytes.Clone(v)
	for _, w := range wallets {
		if number, ok := renumber[w]; ok && !slices.Contains(there, number) {
			row = append(row, be32(number)...)
		}
	}
	if len(row) > len(v) {
		c.put(k, row)
	}
	return nil
}
