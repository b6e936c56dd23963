package wallet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
)

// The rows, all under kv.SpaceWallet. Numbers in keys are big-endian, so that
// they sort.
//
//	p                                → hash and height of the last block seen
//	a wallet                         → format; per chain: what is watched, stored and used
//	s script                         → owners: wallet, chain, index
//	c wallet txid vout               → a confirmed coin: chain, index, coin
//	o txid vout                      → the wallets that have it
//	h wallet height place-in-block   → a confirmed payment
//	u wallet chain index txid vout   → a block has spent this coin of the index
const (
	rowPosition = 'p'
	rowAccount  = 'a'
	rowScript   = 's'
	rowCoin     = 'c'
	rowOutPoint = 'o'
	rowHistory  = 'h'
	rowReuse    = 'u'
)

// ErrDamaged says that a row is not what this package wrote. The rows can be
// built again from the blocks.
var ErrDamaged = errors.New("the wallets' part of the database is damaged")

func damaged(kind byte, key []byte) error {
	return fmt.Errorf("%w: row %c %x", ErrDamaged, kind, key)
}

func key(kind byte, parts ...[]byte) []byte {
	n := 2
	for _, p := range parts {
		n += len(p)
	}
	k := append(make([]byte, 0, n), kv.SpaceWallet, kind)
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

func be32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func positionKey() []byte             { return key(rowPosition) }
func accountKey(wallet uint32) []byte { return key(rowAccount, be32(wallet)) }
func scriptKey(script []byte) []byte  { return key(rowScript, script) }

func outPointKey(op wire.OutPoint) []byte {
	k := append(make([]byte, 0, 38), kv.SpaceWallet, rowOutPoint)
	k = append(k, op.Hash[:]...)
	return binary.BigEndian.AppendUint32(k, op.Index)
}

func coinKey(wallet uint32, op wire.OutPoint) []byte {
	k := append(make([]byte, 0, 42), kv.SpaceWallet, rowCoin)
	k = binary.BigEndian.AppendUint32(k, wallet)
	k = append(k, op.Hash[:]...)
	return binary.BigEndian.AppendUint32(k, op.Index)
}

func historyKey(wallet uint32, height int32, place int) []byte {
	k := append(make([]byte, 0, 14), kv.SpaceWallet, rowHistory)
	k = binary.BigEndian.AppendUint32(k, wallet)
	k = binary.BigEndian.AppendUint32(k, uint32(height))
	return binary.BigEndian.AppendUint32(k, uint32(place))
}

// reuseKey is the key of a coin that was spent, behind its index.
func reuseKey(o Owner, op wire.OutPoint) []byte {
	k := append(reusePrefix(o), op.Hash[:]...)
	return binary.BigEndian.AppendUint32(k, op.Index)
}

func reusePrefix(o Owner) []byte {
	k := append(make([]byte, 0, 50), kv.SpaceWallet, rowReuse)
	k = binary.BigEndian.AppendUint32(k, o.Wallet)
	k = binary.BigEndian.AppendUint32(k, o.Chain)
	return binary.BigEndian.AppendUint32(k, o.Index)
}

// Position is a block on the chain. The zero value stands before genesis.
type Position struct {
	Hash   chainhash.Hash
	Height int32
}

func (p Position) encode() []byte { return append(be32(uint32(p.Height)), p.Hash[:]...) }

func decodePosition(b []byte) (Position, error) {
	var p Position
	if len(b) != 4+len(p.Hash) {
		return p, damaged(rowPosition, nil)
	}
	p.Height = int32(binary.BigEndian.Uint32(b))
	copy(p.Hash[:], b[4:])
	return p, nil
}

// watched is what is known of one chain of a wallet's scripts. All indexes are
// absolute.
type watched struct {
	Chain
	stored uint32 // scripts from Start up to below this index are stored
	used   uint32 // one above the last index that a block paid to; 0: none
}

// account is what is known of a wallet's scripts.
type account struct{ chains []watched }

const (
	// accountFormat is the first byte of an account's row. Rows of another format
	// count as damaged, so that all are made anew from the blocks.
	accountFormat = 2
	watchedSize   = 17
)

func (a *account) encode() []byte {
	b := append(make([]byte, 0, 1+watchedSize*len(a.chains)), accountFormat)
	for i := range a.chains {
		w := &a.chains[i]
		ranged := byte(0)
		if w.Ranged {
			ranged = 1
		}
		b = append(b, ranged)
		for _, n := range [...]uint32{w.Start, w.End, w.stored, w.used} {
			b = binary.BigEndian.AppendUint32(b, n)
		}
	}
	return b
}

func decodeAccount(b []byte) (*account, error) {
	if len(b)%watchedSize != 1 || b[0] != accountFormat {
		return nil, damaged(rowAccount, b)
	}
	a := &account{chains: make([]watched, len(b)/watchedSize)}
	for i := range a.chains {
		at := b[1+watchedSize*i:]
		if at[0] > 1 {
			return nil, damaged(rowAccount, b)
		}
		n := func(k int) uint32 { return binary.BigEndian.Uint32(at[1+4*k:]) }
		a.chains[i] = watched{Chain: Chain{Ranged: at[0] == 1, Start: n(0), End: n(1)}, stored: n(2), used: n(3)}
	}
	return a, nil
}

// newWatched is a chain of which nothing is stored yet.
func newWatched(c Chain) watched { return watched{Chain: c, stored: c.Start} }

// goal is up to which index scripts of a chain are to be stored when those below
// issued were given out. The first script of the first chain counts as issued:
// it is shown when a wallet is made.
func (w *watched) goal(first bool, issued, gap uint32) uint32 {
	if !w.Ranged {
		return 1
	}
	issued = max(issued, w.Start)
	if first {
		issued = max(issued, w.Start+1)
	}
	return min(max(max(w.used, issued)+gap, w.End), maxIndex)
}

const ownerSize = 12

func (o Owner) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, o.Wallet)
	b = binary.BigEndian.AppendUint32(b, o.Chain)
	return binary.BigEndian.AppendUint32(b, o.Index)
}

func decodeOwners(b []byte) ([]Owner, error) {
	if len(b)%ownerSize != 0 {
		return nil, damaged(rowScript, b)
	}
	owners := make([]Owner, len(b)/ownerSize)
	for i := range owners {
		at := b[i*ownerSize:]
		owners[i] = Owner{binary.BigEndian.Uint32(at), binary.BigEndian.Uint32(at[4:]), binary.BigEndian.Uint32(at[8:])}
	}
	return owners, nil
}

// row is a confirmed coin as it is stored.
type row struct {
	chain, index uint32
	coin         consensus.Coin
}

func (r *row) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(r.chain))
	b = binary.AppendUvarint(b, uint64(r.index))
	return consensus.EncodeCoin(b, &r.coin)
}

func decodeRow(b []byte) (*row, error) {
	chain, n := binary.Uvarint(b)
	if n <= 0 || chain > maxIndex {
		return nil, damaged(rowCoin, b)
	}
	index, m := binary.Uvarint(b[n:])
	if m <= 0 || index > maxIndex {
		return nil, damaged(rowCoin, b)
	}
	coin, err := consensus.DecodeCoin(b[n+m:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", damaged(rowCoin, b), err)
	}
	return &row{uint32(chain), uint32(index), *coin}, nil
}

// Entry is a confirmed payment that touches a wallet.
type Entry struct {
	TxID     chainhash.Hash
	Height   int32
	Place    int // in its block
	Coinbase bool
	Received consensus.Amount
	Sent     consensus.Amount // coins of the wallet that it spends
}

func (e *Entry) encode() []byte {
	b := append([]byte(nil), e.TxID[:]...)
	flag := byte(0)
	if e.Coinbase {
		flag = 1
	}
	b = append(b, flag)
	b = binary.AppendUvarint(b, uint64(e.Received))
	return binary.AppendUvarint(b, uint64(e.Sent))
}

func decodeEntry(k, b []byte) (Entry, error) {
	var e Entry
	if len(k) != 14 || len(b) < 33 {
		return e, damaged(rowHistory, k)
	}
	e.Height = int32(binary.BigEndian.Uint32(k[6:]))
	e.Place = int(binary.BigEndian.Uint32(k[10:]))
	copy(e.TxID[:], b)
	e.Coinbase = b[32] == 1
	received, n := binary.Uvarint(b[33:])
	if n <= 0 {
		return e, damaged(rowHistory, k)
	}
	sent, m := binary.Uvarint(b[33+n:])
	if m <= 0 {
		return e, damaged(rowHistory, k)
	}
	e.Received, e.Sent = consensus.Amount(received), consensus.Amount(sent)
	return e, nil
}

func encodeWallets(list []uint32) []byte {
	var b []byte
	for _, w := range list {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func decodeWallets(b []byte) ([]uint32, error) {
	if len(b)%4 != 0 {
		return nil, damaged(rowOutPoint, b)
	}
	list := make([]uint32, len(b)/4)
	for i := range list {
		list[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return list, nil
}

// changes are writes that are not stored yet, with what is below them: later
// steps of one batch read what earlier ones wrote.
type changes struct {
	below kv.Reader
	at    map[string]int // into ops
	ops   []op
}

type op struct {
	key, value []byte // value nil: deleted
}

func newChanges(r kv.Reader) *changes { return &changes{below: r, at: make(map[string]int)} }

// get returns the value, nil when there is none.
func (c *changes) get(k []byte) ([]byte, error) {
	if i, ok := c.at[string(k)]; ok {
		return c.ops[i].value, nil
	}
	v, err := c.below.Get(k)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

func (c *changes) put(k, v []byte) {
	if i, ok := c.at[string(k)]; ok {
		c.ops[i].value = v
		return
	}
	c.at[string(k)] = len(c.ops)
	c.ops = append(c.ops, op{k, v})
}

func (c *changes) delete(k []byte) { c.put(k, nil) }

func (c *changes) batch() *kv.Batch {
	b := new(kv.Batch)
	for _, o := range c.ops {
		if o.value == nil {
			b.Delete(o.key)
		} else {
			b.Put(o.key, o.value)
		}
	}
	return b
}
