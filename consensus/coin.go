package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Coin is an unspent output, with what the rules need to know of where it came
// from. It is never changed once made, so it may be shared.
type Coin struct {
	Value    int64  // satoshis
	Script   []byte // scriptPubKey
	Height   int32  // of the block that created it
	Coinbase bool   // created by a coinbase
}

// View is a set of coins to check a block against.
type View interface {
	// Coin returns the coin at an outpoint, or nil when there is none. An error
	// means that this machine failed to look.
	Coin(op wire.OutPoint) (*Coin, error)
}

// SpentCoin is a coin and where it stood.
type SpentCoin struct {
	OutPoint wire.OutPoint
	Coin     Coin
}

// CreatedCoin is a coin and where it now stands.
type CreatedCoin = SpentCoin

// Undo is what is needed, besides the block, to take a block back: the coins
// that each transaction but the coinbase spent, in the order of its inputs.
type Undo struct {
	Txs [][]Coin
}

// ErrEncoding is wrapped by the errors of DecodeCoin and DecodeUndo: the bytes
// are not what EncodeCoin or Undo.Encode wrote.
var ErrEncoding = errors.New("damaged coin data")

// Unspendable reports whether an output can never be spent and therefore never
// enters the set of coins (Core's CScript::IsUnspendable).
func Unspendable(script []byte) bool {
	return len(script) > 0 && script[0] == txscript.OP_RETURN || len(script) > maxScriptSize
}

// EncodeCoin appends the compact form in which a coin is stored: height and
// coinbase flag, value, script length, script.
func EncodeCoin(dst []byte, c *Coin) []byte {
	code := uint64(uint32(c.Height)) << 1
	if c.Coinbase {
		code |= 1
	}
	dst = binary.AppendUvarint(dst, code)
	dst = binary.AppendUvarint(dst, uint64(c.Value))
	dst = binary.AppendUvarint(dst, uint64(len(c.Script)))
	return append(dst, c.Script...)
}

// DecodeCoin reads what EncodeCoin wrote, all of b. The coin has a copy of its
// script.
func DecodeCoin(b []byte) (*Coin, error) {
	var c Coin
	rest, err := decodeCoin(&c, b)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", ErrEncoding, len(rest))
	}
	c.Script = append([]byte(nil), c.Script...)
	return &c, nil
}

// decodeCoin reads one coin from the start of b and returns what follows it.
// The coin's script is a part of b.
func decodeCoin(c *Coin, b []byte) ([]byte, error) {
	var fields [3]uint64
	for i := range fields {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, fmt.Errorf("%w: cut off", ErrEncoding)
		}
		fields[i], b = v, b[n:]
	}
	code, value, length := fields[0], fields[1], fields[2]
	if code>>1 > 1<<31-1 || value > uint64(MaxMoney) || length > uint64(len(b)) {
		return nil, fmt.Errorf("%w: a value is out of range", ErrEncoding)
	}
	c.Height, c.Coinbase = int32(code>>1), code&1 == 1
	c.Value = int64(value)
	c.Script = b[:length:length]
	return b[length:], nil
}

// Encode appends the compact form in which the undo of a block is stored.
func (u *Undo) Encode(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(u.Txs)))
	for _, coins := range u.Txs {
		dst = binary.AppendUvarint(dst, uint64(len(coins)))
		for i := range coins {
			dst = EncodeCoin(dst, &coins[i])
		}
	}
	return dst
}

// DecodeUndo reads what Undo.Encode wrote, all of b. The scripts are parts of
// b, which must not be changed as long as the undo is in use.
func DecodeUndo(b []byte) (*Undo, error) {
	// An empty transaction takes a byte and a coin three, so that a damaged
	// count cannot ask for much more memory than there are bytes.
	n, b, err := undoCount(b, 1)
	if err != nil {
		return nil, err
	}
	u := &Undo{Txs: make([][]Coin, n)}
	for i := range u.Txs {
		if n, b, err = undoCount(b, 3); err != nil {
			return nil, err
		}
		u.Txs[i] = make([]Coin, n)
		for j := range u.Txs[i] {
			if b, err = decodeCoin(&u.Txs[i][j], b); err != nil {
				return nil, err
			}
		}
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", ErrEncoding, len(b))
	}
	return u, nil
}

// undoCount reads a number of things of at least size bytes each.
func undoCount(b []byte, size int) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > uint64(len(b)-n)/uint64(size) {
		return 0, nil, fmt.Errorf("%w: a count is out of range", ErrEncoding)
	}
	return v, b[n:], nil
}

// AppendUTXO appends a coin in the form that Core hashes for gettxoutsetinfo,
// for muhash and hash_serialized_3 alike.
func AppendUTXO(dst []byte, op wire.OutPoint, c *Coin) []byte {
	dst = append(dst, op.Hash[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, op.Index)
	code := uint32(c.Height) << 1
	if c.Coinbase {
		code |= 1
	}
	dst = binary.LittleEndian.AppendUint32(dst, code)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Value))
	dst = appendCompactSize(dst, uint64(len(c.Script)))
	return append(dst, c.Script...)
}
