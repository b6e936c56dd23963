package consensus

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Parts of a signature's hash type.
const (
	sigHashAll          = 0x01
	sigHashNone         = 0x02
	sigHashSingle       = 0x03
	sigHashAnyoneCanPay = 0x80
	sigHashBaseMask     = 0x1f // legacy and segwit
	sigHashOutputMask   = 0x03 // taproot
)

// txContext is a transaction with the coins that it spends, in the order of its
// inputs. The hashes that its signatures have in common are computed once, by
// whichever check needs them first.
type txContext struct {
	tx    *wire.MsgTx
	coins []*Coin

	judge judge // what txscript needs

	once sync.Once
	// Hashes over a part of all inputs or outputs: single SHA-256 as taproot
	// wants it; segwit hashes the first three once more.
	prevouts, sequences, outputs chainhash.Hash
	amounts, scripts             chainhash.Hash
}

// shared computes the shared hashes.
func (c *txContext) shared() {
	c.once.Do(func() {
		size := 0
		for _, out := range c.tx.TxOut {
			size += out.SerializeSize()
		}
		for _, coin := range c.coins {
			size = max(size, 36*len(c.tx.TxIn), len(coin.Script)+9)
		}
		buf := make([]byte, 0, size)

		for _, in := range c.tx.TxIn {
			buf = appendOutPoint(buf, &in.PreviousOutPoint)
		}
		c.prevouts = sha256.Sum256(buf)
		buf = buf[:0]
		for _, in := range c.tx.TxIn {
			buf = binary.LittleEndian.AppendUint32(buf, in.Sequence)
		}
		c.sequences = sha256.Sum256(buf)
		buf = buf[:0]
		for _, out := range c.tx.TxOut {
			buf = appendOutput(buf, out.Value, out.PkScript)
		}
		c.outputs = sha256.Sum256(buf)
		buf = buf[:0]
		for _, coin := range c.coins {
			buf = binary.LittleEndian.AppendUint64(buf, uint64(coin.Value))
		}
		c.amounts = sha256.Sum256(buf)
		buf = buf[:0]
		for _, coin := range c.coins {
			buf = appendBytes(buf, coin.Script)
		}
		c.scripts = sha256.Sum256(buf)
	})
}

func appendOutPoint(dst []byte, op *wire.OutPoint) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, op.Hash[:]...), op.Index)
}

func appendOutput(dst []byte, value int64, script []byte) []byte {
	return appendBytes(binary.LittleEndian.AppendUint64(dst, uint64(value)), script)
}

func appendBytes(dst, b []byte) []byte {
	return append(appendCompactSize(dst, uint64(len(b))), b...)
}

// hashOne is what the legacy algorithm signs where SIGHASH_SINGLE has no output
// that goes with its input.
var hashOne = chainhash.Hash{1}

// legacySigHash returns the hash that a signature in a legacy script signs. The
// hash type is a number of 32 bits here, although signatures carry only one
// byte of it.
func legacySigHash(tx *wire.MsgTx, index int, script []byte, hashType uint32) chainhash.Hash {
	base := hashType & sigHashBaseMask
	if base == sigHashSingle && index >= len(tx.TxOut) {
		return hashOne
	}
	le := binary.LittleEndian
	script = withoutCodeSeparators(script)
	buf := make([]byte, 0, tx.SerializeSizeStripped()+len(script)+16)
	buf = le.AppendUint32(buf, uint32(tx.Version))
	inputs := tx.TxIn
	if hashType&sigHashAnyoneCanPay != 0 {
		inputs = tx.TxIn[index : index+1]
	}
	buf = appendCompactSize(buf, uint64(len(inputs)))
	signed := tx.TxIn[index]
	for _, in := range inputs {
		buf = appendOutPoint(buf, &in.PreviousOutPoint)
		sequence := in.Sequence
		if in == signed {
			buf = appendBytes(buf, script)
		} else {
			buf = append(buf, 0)
			if base == sigHashSingle || base == sigHashNone {
				sequence = 0
			}
		}
		buf = le.AppendUint32(buf, sequence)
	}
	outputs := tx.TxOut
	switch base {
	case sigHashNone:
		outputs = nil
	case sigHashSingle:
		outputs = tx.TxOut[:index+1]
	}
	buf = appendCompactSize(buf, uint64(len(outputs)))
	for i, out := range outputs {
		if base == sigHashSingle && i != index {
			buf = appendOutput(buf, -1, nil)
		} else {
			buf = appendOutput(buf, out.Value, out.PkScript)
		}
	}
	buf = le.AppendUint32(buf, tx.LockTime)
	buf = le.AppendUint32(buf, hashType)
	return doubleSHA256(buf)
}

// withoutCodeSeparators returns a script without its OP_CODESEPARATORs, up to
// where it breaks off.
func withoutCodeSeparators(script []byte) []byte {
	var kept []byte
	found := false
	for at := script; len(at) > 0; {
		op, _, rest, ok := nextOp(at)
		if !ok {
			if found {
				kept = append(kept, at...)
			}
			break
		}
		if op == txscript.OP_CODESEPARATOR {
			if !found {
				found = true
				kept = append(make([]byte, 0, len(script)), script[:len(script)-len(at)]...)
			}
		} else if found {
			kept = append(kept, at[:len(at)-len(rest)]...)
		}
		at = rest
	}
	if !found {
		return script
	}
	return kept
}

// segwitSigHash returns the hash that a signature in a version 0 witness signs
// (BIP143).
func (c *txContext) segwitSigHash(index int, script []byte, hashType uint32) chainhash.Hash {
	c.shared()
	le := binary.LittleEndian
	base := hashType & sigHashBaseMask
	anyone := hashType&sigHashAnyoneCanPay != 0
	all := base != sigHashSingle && base != sigHashNone
	again := func(h chainhash.Hash) chainhash.Hash { return sha256.Sum256(h[:]) }

	var prevouts, sequences, outputs chainhash.Hash
	if !anyone {
		prevouts = again(c.prevouts)
		if all {
			sequences = again(c.sequences)
		}
	}
	if all {
		outputs = again(c.outputs)
	} else if base == sigHashSingle && index < len(c.tx.TxOut) {
		out := c.tx.TxOut[index]
		outputs = doubleSHA256(appendOutput(nil, out.Value, out.PkScript))
	}
	in := c.tx.TxIn[index]
	buf := make([]byte, 0, 4+32+32+36+9+len(script)+8+4+32+4+4)
	buf = le.AppendUint32(buf, uint32(c.tx.Version))
	buf = append(buf, prevouts[:]...)
	buf = append(buf, sequences[:]...)
	buf = appendOutPoint(buf, &in.PreviousOutPoint)
	buf = appendBytes(buf, script)
	buf = le.AppendUint64(buf, uint64(c.coins[index].Value))
	buf = le.AppendUint32(buf, in.Sequence)
	buf = append(buf, outputs[:]...)
	buf = le.AppendUint32(buf, c.tx.LockTime)
	buf = le.AppendUint32(buf, hashType)
	return doubleSHA256(buf)
}

// taprootExec is what a taproot spend's signatures sign besides the transaction.
type taprootExec struct {
	annexHash     *chainhash.Hash // nil without annex
	script        bool            // in a tapscript rather than by the key
	leaf          chainhash.Hash
	codeSeparator uint32 // index of the last one executed
	weightLeft    int64  // for signature checks
}

// taprootSigHash returns the hash that a Schnorr signature signs (BIP341,
// BIP342). ok is false when the hash type is unknown or asks for an output that
// does not exist.
func (c *txContext) taprootSigHash(index int, hashType byte, exec *taprootExec) (hash chainhash.Hash, ok bool) {
	if hashType > 0x03 && (hashType < 0x81 || hashType > 0x83) {
		return hash, false
	}
	outputs := hashType & sigHashOutputMask
	if hashType == 0 {
		outputs = sigHashAll
	}
	if outputs == sigHashSingle && index >= len(c.tx.TxOut) {
		return hash, false
	}
	c.shared()
	le := binary.LittleEndian
	buf := make([]byte, 0, 64+300)
	buf = append(buf, tapSigHashTag[:]...)
	buf = append(buf, 0, hashType) // 0 is the epoch
	buf = le.AppendUint32(buf, uint32(c.tx.Version))
	buf = le.AppendUint32(buf, c.tx.LockTime)
	anyone := hashType&sigHashAnyoneCanPay != 0
	if !anyone {
		buf = append(buf, c.prevouts[:]...)
		buf = append(buf, c.amounts[:]...)
		buf = append(buf, c.scripts[:]...)
		buf = append(buf, c.sequences[:]...)
	}
	if outputs == sigHashAll {
		buf = append(buf, c.outputs[:]...)
	}
	var spendType byte
	if exec.script {
		spendType = 2
	}
	if exec.annexHash != nil {
		spendType |= 1
	}
	buf = append(buf, spendType)
	if in := c.tx.TxIn[index]; anyone {
		buf = appendOutPoint(buf, &in.PreviousOutPoint)
		buf = appendOutput(buf, c.coins[index].Value, c.coins[index].Script)
		buf = le.AppendUint32(buf, in.Sequence)
	} else {
		buf = le.AppendUint32(buf, uint32(index))
	}
	if exec.annexHash != nil {
		buf = append(buf, exec.annexHash[:]...)
	}
	if outputs == sigHashSingle {
		out := c.tx.TxOut[index]
		single := sha256.Sum256(appendOutput(nil, out.Value, out.PkScript))
		buf = append(buf, single[:]...)
	}
	if exec.script {
		buf = append(buf, exec.leaf[:]...)
		buf = append(buf, 0) // version of the key
		buf = le.AppendUint32(buf, exec.codeSeparator)
	}
	return sha256.Sum256(buf), true
}

// Prefixes of tagged hashes (BIP340): the tag's own hash, twice.
var (
	tapSigHashTag = tagPrefix("TapSighash")
	tapLeafTag    = tagPrefix("TapLeaf")
	tapBranchTag  = tagPrefix("TapBranch")
	tapTweakTag   = tagPrefix("TapTweak")
)

func tagPrefix(tag string) (prefix [64]byte) {
	h := sha256.Sum256([]byte(tag))
	copy(prefix[:32], h[:])
	copy(prefix[32:], h[:])
	return prefix
}

// tapLeafHash returns the hash of a script as a leaf of a taproot tree.
func tapLeafHash(version byte, script []byte) chainhash.Hash {
	buf := make([]byte, 0, 64+1+9+len(script))
	buf = append(append(buf, tapLeafTag[:]...), version)
	return sha256.Sum256(appendBytes(buf, script))
}
