package wallet

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/mempool"
)

// Unconfirmed is the height of coins that are in no block yet.
const Unconfirmed int32 = -1

// State says whether a coin can be spent.
type State uint8

// The states of a coin.
const (
	// Spendable: confirmed, or unconfirmed change of the wallet's own payment.
	Spendable State = iota
	// Immature: mined, and too young to be spent.
	Immature
	// Pending: unconfirmed, and paid by somebody else.
	Pending
	// Spent: a transaction in the mempool spends it, or one of the wallet's own that
	// may come back there; see Reserve.
	Spent
)

// Coin is an output that belongs to a wallet.
type Coin struct {
	OutPoint wire.OutPoint
	Value    consensus.Amount
	Script   []byte
	Chain    uint32
	Index    uint32
	Height   int32 // of its block, or Unconfirmed
	Coinbase bool
	State    State

	Matures   int32          // Immature: height of the tip at which it is spendable
	SpentBy   chainhash.Hash // Spent: by which transaction
	Kept      bool           // Spent: that is neither in a block nor in the mempool now
	Ancestors int            // Unconfirmed: its transaction and what that depends on in the mempool
	Crowd     int            // Unconfirmed: most descendants that one of those has, itself included
	Locked    bool           // by hand: no payment takes it unless it names it
	Reused    bool           // paid to an address that was spent from before; see MarkReused
}

// Balance is what a wallet has. Coins that the mempool spends are in none of
// the sums.
type Balance struct {
	Spendable consensus.Amount
	Pending   consensus.Amount
	Immature  consensus.Amount
	Coins     int // how many there are of all three
}

// View is all wallets at one moment: a state of the store and of the mempool
// at the same block.
type View struct {
	r        kv.Reader
	maturity int32
	At       Position
	mempool  *unconfirmed
	kept     func(wallet uint32, op wire.OutPoint) (chainhash.Hash, bool)
}

// Reserve has the view count as spent the coins that by names a transaction for:
// payments of the wallet's own that left the mempool and may come back to it, as
// Core's IsSpent does.
func (v *View) Reserve(by func(wallet uint32, op wire.OutPoint) (chainhash.Hash, bool)) { v.kept = by }

// reserve marks a coin that is kept for a payment.
func (v *View) reserve(wallet uint32, c *Coin) {
	if v.kept == nil || c.State == Spent {
		return
	}
	if by, ok := v.kept(wallet, c.OutPoint); ok {
		c.State, c.SpentBy, c.Kept = Spent, by, true
	}
}

// waiting returns a wallet's unconfirmed coins.
func (v *View) waiting(wallet uint32) []Coin {
	coins := slices.Clone(v.mempool.coins[wallet]) // those of the mempool are shared
	for i := range coins {
		v.reserve(wallet, &coins[i])
	}
	return coins
}

// View returns the wallets at one moment. The reader is to be frozen for as
// long as the view is in use and to stand at the snapshot's tip. Maturity is
// the number of confirmations after the first that a coinbase needs.
func (b *Book) View(r kv.Reader, snap mempool.Snapshot, maturity int32) (*View, error) {
	at, err := ReadPosition(r)
	if err != nil {
		return nil, err
	}
	u, err := b.update(r, snap)
	if err != nil {
		return nil, err
	}
	return &View{r: r, maturity: maturity, At: at, mempool: u}, nil
}

// coin turns a row into a coin.
func (v *View) coin(k, value []byte) (Coin, error) {
	if len(k) != 42 {
		return Coin{}, damaged(rowCoin, k)
	}
	row, err := decodeRow(value)
	if err != nil {
		return Coin{}, err
	}
	coin := Coin{
		Value: consensus.Amount(row.coin.Value), Script: row.coin.Script, Chain: row.chain, Index: row.index,
		Height: row.coin.Height, Coinbase: row.coin.Coinbase,
	}
	copy(coin.OutPoint.Hash[:], k[6:])
	coin.OutPoint.Index = uint32(k[38])<<24 | uint32(k[39])<<16 | uint32(k[40])<<8 | uint32(k[41])
	v.state(&coin)
	v.reserve(walletOf(k), &coin)
	return coin, nil
}

// state fills in whether a confirmed coin can be spent. A coinbase counts as
// mature one block later than consensus would have it, as in Core's wallet
// (GetTxBlocksToMaturity).
func (v *View) state(c *Coin) {
	if by, ok := v.mempool.spent[c.OutPoint]; ok {
		c.State, c.SpentBy = Spent, by
	} else if c.Coinbase && v.At.Height-c.Height < v.maturity {
		c.State, c.Matures = Immature, c.Height+v.maturity
	}
}

// Coins returns a wallet's coins: confirmed ones first, in the order of their
// outpoints, then unconfirmed ones in that of the mempool.
func (v *View) Coins(wallet uint32) ([]Coin, error) {
	var coins []Coin
	prefix := key(rowCoin, be32(wallet))
	err := v.r.Scan(prefix, kv.After(prefix), func(k, value []byte) error {
		c, err := v.coin(k, value)
		coins = append(coins, c)
		return err
	})
	return append(coins, v.waiting(wallet)...), err
}

// errStop ends a scan that has found what it looks for.
var errStop = errors.New("found")

// MarkReused marks those of a wallet's coins whose address the wallet has spent
// from (Core's IsSpentKey).
func (v *View) MarkReused(wallet uint32, coins []Coin) error {
	for i := range coins {
		c := &coins[i]
		if c.Reused = v.mempool.from[Owner{wallet, c.Chain, c.Index}]; c.Reused {
			continue
		}
		prefix := reusePrefix(Owner{wallet, c.Chain, c.Index})
		err := v.r.Scan(prefix, kv.After(prefix), func(k, _ []byte) error {
			c.Reused = true
			return errStop
		})
		if err != nil && !errors.Is(err, errStop) {
			return err
		}
	}
	return nil
}

// Balance adds up a wallet's coins.
func (v *View) Balance(wallet uint32) (Balance, error) {
	var b Balance
	coins, err := v.Coins(wallet)
	for i := range coins {
		b.add(&coins[i])
	}
	return b, err
}

// Balances adds up the coins of all wallets that have any.
func (v *View) Balances() (map[uint32]Balance, error) {
	all := make(map[uint32]Balance)
	var current Balance
	id := uint32(0)
	prefix := key(rowCoin)
	err := v.r.Scan(prefix, kv.After(prefix), func(k, value []byte) error {
		c, err := v.coin(k, value)
		if err != nil {
			return err
		}
		if w := walletOf(k); w != id {
			if id != 0 {
				all[id] = current
			}
			id, current = w, Balance{}
		}
		current.add(&c)
		return nil
	})
	if id != 0 {
		all[id] = current
	}
	for wallet := range v.mempool.coins {
		b, coins := all[wallet], v.waiting(wallet)
		for i := range coins {
			b.add(&coins[i])
		}
		all[wallet] = b
	}
	return all, err
}

func (b *Balance) add(c *Coin) {
	switch c.State {
	case Spendable:
		b.Spendable += c.Value
	case Pending:
		b.Pending += c.Value
	case Immature:
		b.Immature += c.Value
	case Spent:
		return
	}
	b.Coins++
}

// Used says whether a wallet has ever been paid, the mempool included.
func (v *View) Used(wallet uint32) (bool, error) {
	used, err := Used(v.r, wallet)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(used, func(n uint32) bool { return n > 0 }) || len(v.mempool.coins[wallet]) > 0, nil
}

// compareOutPoints orders outpoints by their bytes.
func compareOutPoints(a, b wire.OutPoint) int {
	return cmp.Or(bytes.Compare(a.Hash[:], b.Hash[:]), cmp.Compare(a.Index, b.Index))
}
