// Package miniscript reads, checks, writes and satisfies miniscript (BIP379),
// the part of Bitcoin's script that can be composed and analysed, as Bitcoin
// Core 28.1 does for wsh() and tr() descriptors.
//
// It knows nothing of keys: an expression's keys are numbers that the caller
// gives out while parsing and turns into bytes or text when asked. Key
// expressions, derivation, signing and what stands around the script (P2WSH,
// taproot leaves, control blocks) belong to package descriptor. A Node is a
// value that never changes, so it may be shared; the package holds no state.
package miniscript

import "errors"

// Context is the kind of script that an expression is for: rules, key sizes and
// limits differ between the two.
type Context uint8

const (
	P2WSH     Context = iota // the witness script of a version 0 output; keys of 33 bytes
	Tapscript                // a leaf of a taproot output; keys of 32 bytes
)

// Hash is a hash function whose preimage an expression can ask for.
type Hash uint8

const (
	SHA256 Hash = iota
	HASH256
	RIPEMD160
	HASH160
)

// Kinds of refusal. What errors.Is finds is stable; the texts are Core's.
var (
	ErrSyntax        = errors.New("not a miniscript expression")
	ErrDecode        = errors.New("not a miniscript script")
	ErrInsane        = errors.New("miniscript is not sane")
	ErrUnsatisfiable = errors.New("the script cannot be satisfied with what is known")
	ErrMalleable     = errors.New("the script can be satisfied, but not in a way that others cannot alter")
)

// Material is what Satisfy may use. A nil function has nothing to give.
type Material struct {
	// Sign returns the signature for a key, with its sighash byte.
	Sign func(key int) (sig []byte, ok bool)
	// Preimage returns the 32 bytes whose hash is digest.
	Preimage func(kind Hash, digest []byte) ([]byte, bool)
	// Older and After say whether a relative or absolute lock may be counted as
	// met.
	Older, After func(n uint32) bool
	// KeyBytes returns a key as the script has it: 33 bytes in P2WSH, 32 in
	// Tapscript. It is needed for pk_h.
	KeyBytes func(key int) []byte
}

// Satisfaction is a witness without the script itself, the bottom of the stack
// first, with the highest locks that it relies on (0: none).
type Satisfaction struct {
	Stack        [][]byte
	Older, After uint32
}
