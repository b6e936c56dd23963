package descriptor

import (
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/miniscript"
)

// Key is one key of an output, with the private key where the descriptor had
// it.
type Key struct {
	// Public has 33 bytes, or 65 when the descriptor gives an uncompressed key.
	// A key that is written with 32 bytes only has the first byte 2.
	Public []byte
	// Fingerprint is that of the master key from which Path leads to this key;
	// the key's own one, with an empty path, where no master key is known.
	Fingerprint [4]byte
	Path        keys.Path

	private *btcec.PrivateKey
}

// PrivateKey returns the private key, if there is one.
func (k *Key) PrivateKey() (*btcec.PrivateKey, bool) { return k.private, k.private != nil }

// Format hides the private key from every verb of package fmt.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "[key %x]", k.Public) }

// XOnly returns the key's 32 bytes as taproot has them (BIP340).
func (k *Key) XOnly() []byte { return k.Public[1:33] }

// Leaf is a script of a taproot output (BIP341).
type Leaf struct {
	Script       []byte
	Version      byte
	Depth        int
	ControlBlock []byte
	Hash         chainhash.Hash // by which signatures commit to the leaf
	Keys         [][]byte       // x-only, in the order of the script
}

// Output is an output script with all that is known about spending it. It is
// never changed, so many may use it at once.
type Output struct {
	Script        []byte
	RedeemScript  []byte // of P2SH
	WitnessScript []byte // of P2WSH
	Keys          []Key  // each once
	// InternalKey is the x-only key of a taproot output before it is tweaked; nil
	// where it is not known, as in rawtr(). Then the output key itself signs.
	InternalKey []byte
	MerkleRoot  []byte // of the leaves; empty when there are none
	Leaves      []Leaf
	Type        keys.Type // of its address; empty when it is of none of the types

	spend spender
}

// Material is what Satisfy may use. A nil function has nothing to give.
type Material struct {
	// Signature returns the signature of a key, with its sighash byte where it has
	// one. Pub is 33 bytes (65 for an uncompressed key) for ECDSA; it is 32 bytes
	// for taproot, where leaf is the hash of the leaf that is signed for. For the
	// key path leaf is nil and pub is the internal key, or the output key when
	// that is not known.
	Signature func(pub []byte, leaf *chainhash.Hash) ([]byte, bool)
	// Preimage returns the 32 bytes whose hash is digest.
	Preimage func(kind miniscript.Hash, digest []byte) ([]byte, bool)
	// Older and After say whether a relative or absolute lock may be counted as
	// met.
	Older, After func(n uint32) bool
}

// Satisfaction is what an input needs to spend an output.
type Satisfaction struct {
	ScriptSig []byte
	Witness   [][]byte
	// Sequence and LockTime are what the input's sequence and the transaction's
	// lock time must at least be, in the units of BIP68 and BIP65; 0: anything.
	Sequence, LockTime uint32
}

// Satisfy returns the cheapest way to spend the output with what m gives: for
// taproot the key path first, and then the smallest leaf that can be satisfied.
// The error is an *UnsatisfiableError.
func (o *Output) Satisfy(m Material) (*Satisfaction, error) {
	if o.spend == nil {
		return nil, &UnsatisfiableError{}
	}
	return o.spend.satisfy(o, m)
}

// spender knows how to spend one output.
type spender interface {
	satisfy(o *Output, m Material) (*Satisfaction, error)
}

// OutputOfScripts returns the output that spends known.Script by the redeem
// script, witness script, internal key and leaves that known has, for those who
// have no descriptor of it. It fails when they do not belong together. Leaves
// need their Script, Version and ControlBlock only.
func OutputOfScripts(known Output) (*Output, error) {
	o := known
	return &o, nil
}

// String hides the output's keys.
func (o Output) String() string { return fmt.Sprintf("[output %x]", o.Script) }

// Format hides the output's keys from every verb of package fmt.
func (o Output) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }
