package wallet

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
)

// Sources returns the source of a wallet's scripts, nil when it is not known
// now: then no more of them are watched. A Book asks only when it needs a
// script that is not stored.
type Sources func(wallet uint32) (Source, error)

// Book is all wallets of a node as functions of a kv.Reader. It belongs to one
// owner.
//
// What it keeps beside its sources is a copy of rows, read at the first use:
// the scripts, 24 bytes each, and the counters. Methods that return a batch
// have changed the copy already: the owner stores the batch before it calls
// again, or calls Forget when it cannot.
type Book struct {
	// Gap is how many scripts are watched beyond the last used or issued one; it
	// is set before the first call only.
	Gap uint32

	sources  Sources
	scripts  map[scriptID]place // nil: not read yet
	accounts map[uint32]*account

	effects map[chainhash.Hash]*effect // of the mempool's transactions; nil for those that touch no wallet
	fresh   [][]byte                   // scripts that were added after effects were judged
	seen    uint64                     // the mempool's Seq of view
	view    *unconfirmed
}

// scriptID stands for a script: the first half of its SHA-256.
type scriptID [16]byte

func idOf(script []byte) scriptID {
	sum := sha256.Sum256(script)
	return scriptID(sum[:16])
}

// place is an Owner in one word: 24 bits of wallet, 8 of chain, 31 of index.
// All bits set means several owners, who are in the script's row.
type place uint64

const severalOwners = ^place(0)

func (o Owner) place() place {
	return place(o.Wallet)<<39 | place(o.Chain)<<31 | place(o.Index)
}

func (p place) owner() Owner {
	return Owner{Wallet: uint32(p >> 39), Chain: uint32(p>>31) & 0xff, Index: uint32(p & maxIndex)}
}

// NewBook returns the book of wallets that sources gives scripts of.
func NewBook(sources Sources) *Book { return &Book{Gap: Gap, sources: sources} }

// Forget drops what was concluded from rows and from the mempool: a batch was
// not stored, or rows were changed by another.
func (b *Book) Forget() {
	b.scripts, b.accounts = nil, nil
	b.effects, b.fresh, b.view = nil, nil, nil
}

// load reads the copy of rows.
func (b *Book) load(r kv.Reader) error {
	if b.scripts != nil {
		return nil
	}
	scripts, accounts := make(map[scriptID]place), make(map[uint32]*account)
	prefix := key(rowScript)
	err := r.Scan(prefix, kv.After(prefix), func(k, v []byte) error {
		if len(v) != ownerSize {
			scripts[idOf(k[2:])] = severalOwners
			return nil
		}
		o, err := decodeOwners(v)
		if err == nil {
			scripts[idOf(k[2:])] = o[0].place()
		}
		return err
	})
	if err != nil {
		return err
	}
	prefix = key(rowAccount)
	err = r.Scan(prefix, kv.After(prefix), func(k, v []byte) error {
		a, err := decodeAccount(v)
		if err != nil || len(k) != 6 {
			return damaged(rowAccount, k)
		}
		accounts[walletOf(k)] = a
		return nil
	})
	if err != nil {
		return err
	}
	b.scripts, b.accounts = scripts, accounts
	return nil
}

// owners returns who owns a script.
func (b *Book) owners(c *changes, script []byte) ([]Owner, error) {
	switch p, ok := b.scripts[idOf(script)]; {
	case !ok:
		return nil, nil
	case p != severalOwners:
		return []Owner{p.owner()}, nil
	}
	v, err := c.get(scriptKey(script))
	if err != nil {
		return nil, err
	}
	return decodeOwners(v)
}

func (b *Book) account(wallet uint32) (*account, error) {
	if a, ok := b.accounts[wallet]; ok {
		return a, nil
	}
	return nil, fmt.Errorf("wallet %d is not in the book", wallet)
}

// ReadPosition returns the block up to which the wallets have followed.
func ReadPosition(r kv.Reader) (Position, error) {
	return readPosition(newChanges(r))
}

// Added describes a wallet to begin with.
type Added struct {
	Wallet uint32
	Chains []Chain
	// First is the script of chain 0 at its first index, for those that have one
	// there; else nothing is watched before LookAhead.
	First []byte
}

// Add returns what stores new wallets, with their first script only: call
// LookAhead before anybody could pay to another one. Position, if there is
// none yet, is where they begin to follow.
func (b *Book) Add(r kv.Reader, at Position, wallets []Added) (*kv.Batch, error) {
	if err := b.load(r); err != nil {
		return nil, err
	}
	c := newChanges(r)
	if old, err := c.get(positionKey()); err != nil {
		return nil, err
	} else if old == nil {
		c.put(positionKey(), at.encode())
	}
	for _, w := range wallets {
		if b.accounts[w.Wallet] != nil || w.Wallet == 0 || w.Wallet > MaxWallet || len(w.Chains) > MaxChains || len(w.First) > 0 && len(w.Chains) == 0 {
			b.Forget()
			return nil, fmt.Errorf("wallet %d is there already, or cannot be", w.Wallet)
		}
		a := &account{chains: make([]watched, len(w.Chains))}
		for i := range w.Chains {
			a.chains[i] = newWatched(w.Chains[i])
		}
		if len(w.First) > 0 {
			a.chains[0].stored++
			if err := b.addScript(c, w.First, Owner{Wallet: w.Wallet, Index: a.chains[0].Start}); err != nil {
				return nil, err
			}
		}
		b.accounts[w.Wallet] = a
		c.put(accountKey(w.Wallet), a.encode())
	}
	return c.batch(), nil
}

// addScript stores who owns a script, beside other owners that it may have.
func (b *Book) addScript(c *changes, script []byte, o Owner) error {
	owners, err := b.owners(c, script)
	if err != nil {
		return err
	}
	if slices.Contains(owners, o) {
		return nil
	}
	var row []byte
	for _, other := range owners {
		row = other.append(row)
	}
	c.put(scriptKey(script), o.append(row))
	if len(owners) == 0 {
		b.scripts[idOf(script)] = o.place()
	} else {
		b.scripts[idOf(script)] = severalOwners
	}
	b.fresh = append(b.fresh, script)
	return nil
}

// Incomplete returns, in order, the wallets for which not all scripts are
// stored that should be watched when next tells how many of each chain were
// issued.
func (b *Book) Incomplete(r kv.Reader, next func(wallet, chain uint32) uint32) ([]uint32, error) {
	if err := b.load(r); err != nil {
		return nil, err
	}
	var list []uint32
	for _, wallet := range slices.Sorted(maps.Keys(b.accounts)) {
		a := b.accounts[wallet]
		for i := range a.chains {
			c := &a.chains[i]
			if c.stored < c.goal(i == 0, next(wallet, uint32(i)), b.Gap) {
				list = append(list, wallet)
				break
			}
		}
	}
	return list, nil
}

// LookAhead returns what stores all scripts that a wallet should watch, when
// issued tells how many of each chain were given out; nil when they are there.
func (b *Book) LookAhead(r kv.Reader, wallet uint32, issued map[uint32]uint32) (*kv.Batch, error) {
	if err := b.load(r); err != nil {
		return nil, err
	}
	c := newChanges(r)
	a, err := b.account(wallet)
	if err != nil {
		return nil, err
	}
	for i := range a.chains {
		if _, err := b.extend(c, wallet, a, i, issued[uint32(i)]); err != nil {
			b.Forget()
			return nil, err
		}
	}
	if len(c.ops) == 0 {
		return nil, nil
	}
	return c.batch(), nil
}

// extend stores the scripts that a chain lacks and reports whether it did.
func (b *Book) extend(c *changes, wallet uint32, a *account, chain int, issued uint32) (bool, error) {
	count := &a.chains[chain]
	goal := count.goal(chain == 0, issued, b.Gap)
	if count.stored >= goal {
		return false, nil
	}
	source, err := b.sources(wallet)
	if err != nil {
		return false, fmt.Errorf("scripts of wallet %d: %w", wallet, err)
	}
	if source == nil || uint32(chain) >= source.Chains() {
		return false, nil
	}
	for ; count.stored < goal; count.stored++ {
		scripts, err := source.Scripts(uint32(chain), count.stored)
		if err != nil {
			return false, fmt.Errorf("script %d/%d of wallet %d: %w", chain, count.stored, wallet, err)
		}
		for _, script := range scripts {
			if err := b.addScript(c, script, Owner{wallet, uint32(chain), count.stored}); err != nil {
				return false, err
			}
		}
	}
	c.put(accountKey(wallet), a.encode())
	return true, nil
}

// Owners is OwnersOf out of the copy of rows.
func (b *Book) Owners(r kv.Reader, script []byte) ([]Owner, error) {
	if err := b.load(r); err != nil {
		return nil, err
	}
	return b.owners(newChanges(r), script)
}

// OwnersOf returns who owns a script.
func OwnersOf(r kv.Reader, script []byte) ([]Owner, error) {
	v, err := newChanges(r).get(scriptKey(script))
	if err != nil || v == nil {
		return nil, err
	}
	return decodeOwners(v)
}

// Used returns, for each chain of a wallet, how many scripts from index 0 on
// blocks have used, up to the last used one.
func Used(r kv.Reader, wallet uint32) ([]uint32, error) {
	v, err := r.Get(accountKey(wallet))
	if errors.Is(err, kv.ErrNotFound) {
		return nil, fmt.Errorf("wallet %d is not in the book", wallet)
	}
	if err != nil {
		return nil, err
	}
	a, err := decodeAccount(v)
	if err != nil {
		return nil, err
	}
	used := make([]uint32, len(a.chains))
	for i, c := range a.chains {
		used[i] = c.used
	}
	return used, nil
}

// History calls fn for a wallet's confirmed payments, oldest first.
func History(r kv.Reader, wallet uint32, fn func(Entry) error) error {
	prefix := key(rowHistory, be32(wallet))
	return r.Scan(prefix, kv.After(prefix), func(k, v []byte) error {
		e, err := decodeEntry(k, v)
		if err != nil {
			return err
		}
		return fn(e)
	})
}

// walletOf reads the wallet number of a key that begins with one.
func walletOf(k []byte) uint32 {
	if len(k) < 6 {
		return 0
	}
	return uint32(k[2])<<24 | uint32(k[3])<<16 | uint32(k[4])<<8 | uint32(k[5])
}

// Follow returns what stores the next steps of the chain and the position
// behind them.
func (b *Book) Follow(r kv.Reader, steps []chain.Step) (*kv.Batch, error) {
	if err := b.load(r); err != nil {
		return nil, err
	}
	c := newChanges(r)
	for i := range steps {
		at, err := readPosition(c)
		if err == nil {
			err = b.step(c, &steps[i], at)
		}
		if err != nil {
			b.Forget()
			return nil, fmt.Errorf("block %d %s: %w", steps[i].Entry.Height, steps[i].Entry.Hash, err)
		}
	}
	return c.batch(), nil
}

func readPosition(c *changes) (Position, error) {
	v, err := c.get(positionKey())
	if err != nil || v == nil {
		return Position{}, err
	}
	return decodePosition(v)
}

// Has says whether a wallet has rows; the book must have been read before.
func (b *Book) Has(wallet uint32) bool { return b.accounts[wallet] != nil }

// Highest returns the highest number of a wallet that has rows, 0 when none has;
// the book must have been read before.
func (b *Book) Highest() uint32 {
	highest := uint32(0)
	for wallet := range b.accounts {
		highest = max(highest, wallet)
	}
	return highest
}
