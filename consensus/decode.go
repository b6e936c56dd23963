package consensus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// maxCompactSize is the largest length or count in a serialization (consensus,
// Core's MAX_SIZE).
const maxCompactSize = 0x02000000

// The least number of bytes that one of each takes, so that a count cannot ask
// for more memory than a small multiple of the bytes that came with it.
const (
	minTxBytes    = 10
	minTxInBytes  = 41
	minTxOutBytes = 9
)

// ErrDecode is wrapped by every error of the decoders.
var ErrDecode = errors.New("not a serialization")

// DecodeBlock reads a block with witnesses, all of b. It refuses what Core's
// decoder refuses (lengths not in their shortest form, a witness flag without
// witnesses, unknown optional data) and nothing else: there is no limit on
// counts and sizes but the bytes themselves. The block's scripts and witnesses
// are parts of b, which must not be changed as long as the block is in use.
func DecodeBlock(b []byte) (*wire.MsgBlock, error) {
	block, n, err := DecodeBlockPrefix(b)
	if err == nil && n != len(b) {
		return nil, fmt.Errorf("%w of a block: %d bytes too many", ErrDecode, len(b)-n)
	}
	return block, err
}

// DecodeBlockPrefix is DecodeBlock for a block that other bytes may follow,
// as Core's submitblock allows. It also returns the block's length.
func DecodeBlockPrefix(b []byte) (*wire.MsgBlock, int, error) {
	d := decoder{b: b}
	block := new(wire.MsgBlock)
	d.header(&block.Header)
	n := d.count(minTxBytes)
	txs := make([]wire.MsgTx, n)
	block.Transactions = make([]*wire.MsgTx, n)
	for i := range txs {
		d.tx(&txs[i], true)
		block.Transactions[i] = &txs[i]
	}
	if d.err != nil {
		return nil, 0, fmt.Errorf("%w of a block: %w", ErrDecode, d.err)
	}
	return block, len(b) - len(d.b), nil
}

// DecodeHeader reads the 80 bytes of a header.
func DecodeHeader(b []byte) (wire.BlockHeader, error) {
	d := decoder{b: b}
	var h wire.BlockHeader
	d.header(&h)
	if d.err == nil && len(d.b) != 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	if d.err != nil {
		return h, fmt.Errorf("%w of a header: %w", ErrDecode, d.err)
	}
	return h, nil
}

// DecodeTx reads a transaction with or without witnesses, all of b, as strictly
// as DecodeBlock. The transaction's scripts and witnesses are parts of b.
func DecodeTx(b []byte) (*wire.MsgTx, error) { return decodeTx(b, true) }

// DecodeTxNoWitness reads a transaction in the form from before segregated
// witness, in which one without inputs is not mistaken for one with witnesses.
func DecodeTxNoWitness(b []byte) (*wire.MsgTx, error) { return decodeTx(b, false) }

func decodeTx(b []byte, witness bool) (*wire.MsgTx, error) {
	d := decoder{b: b}
	tx := new(wire.MsgTx)
	d.tx(tx, witness)
	if d.err == nil && len(d.b) != 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	if d.err != nil {
		return nil, fmt.Errorf("%w of a transaction: %w", ErrDecode, d.err)
	}
	return tx, nil
}

// GuessTx reads a transaction that may be in either form, as people hand it in:
// the one with witnesses is tried first, and the other is taken when only it
// can be read or only its scripts make sense (Core's DecodeTx).
func GuessTx(b []byte) (*wire.MsgTx, error) {
	extended, err := DecodeTx(b)
	if err == nil && saneScripts(extended) {
		return extended, nil
	}
	legacy, legacyErr := DecodeTxNoWitness(b)
	if legacyErr == nil && (err != nil || saneScripts(legacy)) {
		return legacy, nil
	}
	return extended, err
}

// saneScripts reports whether all scripts of a transaction consist of known
// opcodes (Core's CheckTxScriptsSanity).
func saneScripts(tx *wire.MsgTx) bool {
	if !IsCoinbase(tx) {
		for _, in := range tx.TxIn {
			if !saneScript(in.SignatureScript) {
				return false
			}
		}
	}
	for _, out := range tx.TxOut {
		if !saneScript(out.PkScript) {
			return false
		}
	}
	return true
}

func saneScript(script []byte) bool {
	if len(script) > maxScriptSize {
		return false
	}
	for len(script) > 0 {
		op, data, rest, ok := nextOp(script)
		if !ok || op > txscript.OP_NOP10 || len(data) > maxElementSize {
			return false
		}
		script = rest
	}
	return true
}

// EncodeBlock returns the serialization of a block with witnesses.
func EncodeBlock(block *wire.MsgBlock) []byte {
	var buf bytes.Buffer
	buf.Grow(block.SerializeSize())
	// A bytes.Buffer does not fail.
	_ = block.Serialize(&buf)
	return buf.Bytes()
}

// EncodeTx returns the serialization of a transaction with its witnesses.
func EncodeTx(tx *wire.MsgTx) []byte {
	var buf bytes.Buffer
	buf.Grow(tx.SerializeSize())
	_ = tx.Serialize(&buf)
	return buf.Bytes()
}

// decoder reads from b what comes next. The first failure is kept in err, after
// which everything reads as zero or empty.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
	d.b = nil
}

// zeros is what is read after a failure.
var zeros [80]byte

// next returns the next n bytes, of which there may be at most 80 when they
// turn out to be missing.
func (d *decoder) next(n int) []byte {
	if n > len(d.b) {
		d.fail("it ends too early")
		return zeros[:min(n, len(zeros))]
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) uint32() uint32 { return binary.LittleEndian.Uint32(d.next(4)) }

// compactSize reads a length or count.
func (d *decoder) compactSize() uint64 {
	var v, least uint64
	switch first := d.next(1)[0]; first {
	case 0xfd:
		v, least = uint64(binary.LittleEndian.Uint16(d.next(2))), 0xfd
	case 0xfe:
		v, least = uint64(d.uint32()), 0x10000
	case 0xff:
		v, least = binary.LittleEndian.Uint64(d.next(8)), 0x100000000
	default:
		return uint64(first)
	}
	if v < least {
		d.fail("a length is not in its shortest form")
		return 0
	}
	if v > maxCompactSize {
		d.fail("a length of %d is above the limit of %d", v, maxCompactSize)
		return 0
	}
	return v
}

// count reads the number of things of which each takes at least size bytes.
func (d *decoder) count(size int) int {
	n := d.compactSize()
	if n > uint64(len(d.b)/size) {
		d.fail("it ends too early")
		return 0
	}
	return int(n)
}

// bytes reads a length and as many bytes.
func (d *decoder) bytes() []byte {
	n := d.compactSize()
	if n > uint64(len(d.b)) {
		d.fail("it ends too early")
		return nil
	}
	return d.next(int(n))
}

func (d *decoder) header(h *wire.BlockHeader) {
	b := d.next(80)
	h.Version = int32(binary.LittleEndian.Uint32(b[0:]))
	copy(h.PrevBlock[:], b[4:])
	copy(h.MerkleRoot[:], b[36:])
	h.Timestamp = time.Unix(int64(binary.LittleEndian.Uint32(b[68:])), 0)
	h.Bits = binary.LittleEndian.Uint32(b[72:])
	h.Nonce = binary.LittleEndian.Uint32(b[76:])
}

// tx reads a transaction (Core's UnserializeTransaction).
func (d *decoder) tx(tx *wire.MsgTx, witness bool) {
	tx.Version = int32(d.uint32())
	d.inputs(tx)
	var flags byte
	if len(tx.TxIn) == 0 && witness && d.err == nil {
		// Either the mark of the extended form or no inputs at all.
		if flags = d.next(1)[0]; flags != 0 {
			d.inputs(tx)
			d.outputs(tx)
		}
	} else {
		d.outputs(tx)
	}
	if flags&1 != 0 {
		flags ^= 1
		for _, in := range tx.TxIn {
			d.witness(in)
		}
		if d.err == nil && !tx.HasWitness() {
			d.fail("superfluous witness record")
		}
	}
	if flags != 0 {
		d.fail("unknown transaction optional data")
	}
	tx.LockTime = d.uint32()
}

func (d *decoder) inputs(tx *wire.MsgTx) {
	n := d.count(minTxInBytes)
	ins := make([]wire.TxIn, n)
	tx.TxIn = make([]*wire.TxIn, n)
	for i := range ins {
		in := &ins[i]
		copy(in.PreviousOutPoint.Hash[:], d.next(32))
		in.PreviousOutPoint.Index = d.uint32()
		in.SignatureScript = d.bytes()
		in.Sequence = d.uint32()
		tx.TxIn[i] = in
	}
}

func (d *decoder) outputs(tx *wire.MsgTx) {
	n := d.count(minTxOutBytes)
	outs := make([]wire.TxOut, n)
	tx.TxOut = make([]*wire.TxOut, n)
	for i := range outs {
		out := &outs[i]
		out.Value = int64(binary.LittleEndian.Uint64(d.next(8)))
		out.PkScript = d.bytes()
		tx.TxOut[i] = out
	}
}

func (d *decoder) witness(in *wire.TxIn) {
	n := d.count(1)
	if n == 0 {
		return
	}
	in.Witness = make(wire.TxWitness, n)
	for i := range in.Witness {
		in.Witness[i] = d.bytes()
	}
}

// appendCompactSize appends a length or count in its shortest form.
func appendCompactSize(dst []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(dst, byte(n))
	case n <= 0xffff:
		return binary.LittleEndian.AppendUint16(append(dst, 0xfd), uint16(n))
	case n <= 0xffffffff:
		return binary.LittleEndian.AppendUint32(append(dst, 0xfe), uint32(n))
	default:
		return binary.LittleEndian.AppendUint64(append(dst, 0xff), n)
	}
}

// compactSizeLen returns the number of bytes that appendCompactSize appends.
func compactSizeLen(n int) int {
	switch {
	case n < 0xfd:
		return 1
	case n <= 0xffff:
		return 3
	case n <= 0xffffffff:
		return 5
	default:
		return 9
	}
}
