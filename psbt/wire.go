package psbt

import (
	"bytes"
	"encoding/binary"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// maxCompactSize is the largest length in a serialization (Core's MAX_SIZE).
const maxCompactSize = 0x02000000

// Texts of Core that several fields share.
const (
	endOfData  = "DataStream::read(): end of data"
	endOfKey   = "SpanReader::read(): end of data"
	wrongSize  = "Size of value was not the stated size"
	badPubKey  = "Invalid pubkey"
	badPath    = "Invalid length for HD key path"
	twiceOwn   = "Duplicate Key, proprietary key already found"
	twiceOther = "Duplicate Key, key for unknown value already provided"
	twicePath  = "Duplicate Key, pubkey derivation path already provided"
	badPathKey = "Size of key was not the expected size for the type BIP32 keypath"
)

// reader reads from b what comes next. The first failure is kept, after which
// everything reads as zero or empty. What it returns are parts of b.
type reader struct {
	b   []byte
	end string // Core's text for reading too far
	err *FormatError
}

func (r *reader) fail(message string) {
	if r.err == nil {
		r.err = &FormatError{Message: message}
	}
	r.b = nil
}

// take returns the next n bytes; after a failure, as many zeros for small n.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail(r.end)
		return make([]byte, min(n, 80))
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// compactSize is Core's ReadCompactSize.
func (r *reader) compactSize() uint64 {
	var v, least uint64
	switch first := r.take(1)[0]; first {
	case 0xfd:
		v, least = uint64(binary.LittleEndian.Uint16(r.take(2))), 0xfd
	case 0xfe:
		v, least = uint64(binary.LittleEndian.Uint32(r.take(4))), 0x10000
	case 0xff:
		v, least = binary.LittleEndian.Uint64(r.take(8)), 0x100000000
	default:
		return uint64(first)
	}
	switch {
	case v < least:
		r.fail("non-canonical ReadCompactSize()")
		return 0
	case v > maxCompactSize:
		r.fail("ReadCompactSize(): size too large")
		return 0
	}
	return v
}

// bytes reads a length and as many bytes.
func (r *reader) bytes() []byte {
	n := r.compactSize()
	if n > uint64(len(r.b)) {
		r.fail(r.end)
		return nil
	}
	return r.take(n)
}

// sized reads a value that has exactly n bytes.
func (r *reader) sized(n int) []byte {
	if b := r.bytes(); r.err == nil && len(b) != n {
		r.fail(wrongSize)
	} else if r.err == nil {
		return b
	}
	return make([]byte, n)
}

// tx reads a value that is a transaction.
func (r *reader) tx(decode func([]byte) (*wire.MsgTx, error)) *wire.MsgTx {
	b := r.bytes()
	if r.err != nil {
		return nil
	}
	tx, err := decode(b)
	if err != nil {
		r.fail(wrongSize)
	}
	return tx
}

// txOut reads a value that is an output. One with Core's mark of a missing output
// reads as none.
func (r *reader) txOut() *wire.TxOut {
	v := reader{b: r.bytes(), end: wrongSize}
	if r.err != nil {
		return nil
	}
	out := &wire.TxOut{Value: int64(binary.LittleEndian.Uint64(v.take(8)))}
	out.PkScript = v.bytes()
	if v.err != nil || len(v.b) != 0 {
		r.fail(wrongSize)
	}
	if out.Value == -1 {
		return nil
	}
	return out
}

// stack reads a value that is a witness.
func (r *reader) stack() wire.TxWitness {
	v := reader{b: r.bytes(), end: wrongSize}
	if r.err != nil {
		return nil
	}
	n := v.compactSize()
	if n > uint64(len(v.b)) {
		v.fail(wrongSize)
		n = 0
	}
	stack := make(wire.TxWitness, n)
	for i := range stack {
		stack[i] = v.bytes()
	}
	if v.err != nil || len(v.b) != 0 {
		r.fail(wrongSize)
	}
	return stack
}

// origin reads n bytes of a fingerprint and path (Core's DeserializeKeyOrigin).
func (r *reader) origin(n uint64) Origin {
	var o Origin
	if r.err != nil {
		return o
	}
	if n%4 != 0 || n == 0 {
		r.fail(badPath)
		return o
	}
	b := r.take(n)
	if r.err != nil {
		return o
	}
	copy(o.Fingerprint[:], b)
	for b = b[4:]; len(b) > 0; b = b[4:] {
		o.Path = append(o.Path, binary.LittleEndian.Uint32(b))
	}
	return o
}

// derivation reads the value of a key's path.
func (r *reader) derivation(key []byte) Derivation {
	if len(key) != 33+1 && len(key) != 65+1 {
		r.fail(badPathKey)
		return Derivation{}
	}
	if !validPubKey(key[1:]) {
		r.fail(badPubKey)
		return Derivation{}
	}
	return Derivation{key[1:], r.origin(r.compactSize())}
}

// tapDerivation reads the value of an x-only key's path and leaves. Side is Core's
// name for the map.
func (r *reader) tapDerivation(key []byte, side string) TapDerivation {
	var d TapDerivation
	if len(key) != 33 {
		r.fail(side + " Taproot BIP32 keypath key is not at 33 bytes")
		return d
	}
	copy(d.PubKey[:], key[1:])
	size := r.compactSize()
	before := len(r.b)
	n := r.compactSize()
	if n > uint64(len(r.b)/chainhash.HashSize) {
		r.fail(r.end)
		n = 0
	}
	for range n {
		d.Leaves = append(d.Leaves, chainhash.Hash(r.take(chainhash.HashSize)))
	}
	used := uint64(before - len(r.b))
	if r.err == nil && used > size {
		r.fail(side + " Taproot BIP32 keypath has an invalid length")
		return d
	}
	d.Origin = r.origin(size - used)
	return d
}

// pair reads the value of a field that is kept as it came.
func (r *reader) pair(key []byte) Pair { return Pair{key, r.bytes()} }

// proprietary reads a field whose key has an identifier and a subtype.
func (r *reader) proprietary(key []byte) Pair {
	k := reader{b: key[1:], end: endOfKey}
	k.bytes()
	k.compactSize()
	if k.err != nil {
		r.fail(k.err.Message)
	}
	return r.pair(key)
}

// fields reads a map up to its separator and has each field read. name says
// which map it is, twice what Core says when a key comes again.
func (r *reader) fields(name string, twice func(kind uint64) string, field func(kind uint64, key []byte)) {
	seen := make(map[string]struct{})
	for len(r.b) > 0 {
		key := r.bytes()
		if r.err != nil {
			return
		}
		if len(key) == 0 {
			return
		}
		k := reader{b: key, end: endOfKey}
		kind := k.compactSize()
		if k.err != nil {
			r.fail(k.err.Message)
			return
		}
		if _, again := seen[string(key)]; again {
			r.fail(twice(kind))
			return
		}
		seen[string(key)] = struct{}{}
		field(kind, key)
		if r.err != nil {
			return
		}
	}
	if r.err == nil {
		r.fail("Separator is missing at the end of " + name)
	}
}

// only fails unless a key has nothing but its type.
func (r *reader) only(key []byte, name string) bool {
	if len(key) != 1 {
		r.fail(name + " key is more than one byte type")
	}
	return len(key) == 1
}

// validPubKey is Core's CPubKey::IsFullyValid.
func validPubKey(b []byte) bool {
	_, err := btcec.ParsePubKey(b)
	return err == nil
}

func appendCompactSize(dst []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(dst, byte(n))
	case n <= 0xffff:
		return binary.LittleEndian.AppendUint16(append(dst, 0xfd), uint16(n))
	case n <= 0xffffffff:
		return binary.LittleEndian.AppendUint32(append(dst, 0xfe), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xff), n)
}

func appendBytes(dst, b []byte) []byte {
	return append(appendCompactSize(dst, uint64(len(b))), b...)
}

// appendField appends a field: its type and the rest of its key, and its value.
func appendField(dst []byte, kind byte, key, value []byte) []byte {
	dst = appendCompactSize(dst, uint64(len(key)+1))
	dst = append(append(dst, kind), key...)
	return appendBytes(dst, value)
}

func appendPairs(dst []byte, list []Pair) []byte {
	for _, p := range list {
		dst = appendBytes(appendBytes(dst, p.Key), p.Value)
	}
	return dst
}

func appendOrigin(dst []byte, o Origin) []byte {
	dst = append(dst, o.Fingerprint[:]...)
	for _, step := range o.Path {
		dst = binary.LittleEndian.AppendUint32(dst, step)
	}
	return dst
}

func appendDerivations(dst []byte, kind byte, list []Derivation) []byte {
	for _, d := range list {
		dst = appendField(dst, kind, d.PubKey, appendOrigin(nil, d.Origin))
	}
	return dst
}

func appendTapDerivations(dst []byte, kind byte, list []TapDerivation) []byte {
	for _, d := range list {
		value := appendCompactSize(nil, uint64(len(d.Leaves)))
		for _, leaf := range d.Leaves {
			value = append(value, leaf[:]...)
		}
		dst = appendField(dst, kind, d.PubKey[:], appendOrigin(value, d.Origin))
	}
	return dst
}

// encodeTx is the form from before segwit, which has no witnesses.
func encodeTx(tx *wire.MsgTx) []byte {
	var buf bytes.Buffer
	buf.Grow(tx.SerializeSizeStripped())
	_ = tx.SerializeNoWitness(&buf) // a bytes.Buffer does not fail
	return buf.Bytes()
}

func decodeUnsigned(b []byte) (*wire.MsgTx, error) { return consensus.DecodeTxNoWitness(b) }
func decodeWhole(b []byte) (*wire.MsgTx, error)    { return consensus.DecodeTx(b) }
