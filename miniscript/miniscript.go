// Package miniscript reads, checks, writes and satisfies miniscript (BIP379),
// the part of Bitcoin's script that can be composed and analysed, as Bitcoin
// Core 28.1 does for wsh() and tr() descriptors.
//
// It knows nothing of keys: an expression's keys are numbers that the caller
// gives out while parsing and turns into bytes or text when asked. Key
// expressions, derivation, signing and what stands around the script (P2WSH,
// taproot leaves, control blocks) belong to package descriptor. A Node is a
// value that never changes, so it may be shared; the package holds no state.
//
// Expressions come from strangers. No function recurses over the tree, so depth
// costs memory and not stack, and a script over its size limit is refused while
// it is read. Time grows with the length of the expression, and for thresh() and
// multi_a() with the number of members times the number needed, which the
// consensus limit of 1000 stack items bounds.
package miniscript

import "errors"

// Context is the kind of script that an expression is for: rules, key sizes and
// limits differ between the two.
type Context uint8

const (
	P2WSH     Context = iota // the witness script of a version 0 output; keys of 33 bytes
	Tapscript                // a leaf of a taproot output; keys of 32 bytes
)

// keySize returns the length in bytes of a public key in a script.
func (c Context) keySize() int {
	if c == Tapscript {
		return 32
	}
	return 33
}

// Hash is a hash function whose preimage an expression can ask for.
type Hash uint8

const (
	SHA256 Hash = iota
	HASH256
	RIPEMD160
	HASH160
)

// String returns the fragment's name.
func (h Hash) String() string { return [...]string{"sha256", "hash256", "ripemd160", "hash160"}[h] }

// size returns the length of a digest in bytes.
func (h Hash) size() int {
	if h == SHA256 || h == HASH256 {
		return 32
	}
	return 20
}

// preimageSize is the length in bytes of every preimage: the scripts ask for it,
// so that a preimage fits on other chains too (BIP379).
const preimageSize = 32

// Limits on scripts and on what satisfies them.
const (
	// maxWSHScript is the size of a witness script in bytes that nodes relay
	// (policy, MAX_STANDARD_P2WSH_SCRIPT_SIZE).
	maxWSHScript = 3600
	// maxTapScript is the size of a leaf in bytes that leaves room for the
	// largest witness in a transaction of 400,000 weight units (policy):
	// without the transaction's body of one input and one output (378), the
	// largest witness (1000 items of 65 bytes, a control block of 4129 bytes,
	// and their lengths: 70,135) and the script's own length (5).
	maxTapScript = 400_000 - 378 - 70_135 - 5
	// maxOps is the number of operations that are not pushes in one P2WSH
	// script, each key of an executed CHECKMULTISIG included (consensus).
	maxOps = 201
	// maxWSHItems is the number of witness items besides the script that nodes
	// relay for P2WSH (policy, MAX_STANDARD_P2WSH_STACK_ITEMS).
	maxWSHItems = 100
	// maxStack is the number of items on the stacks while a script runs
	// (consensus).
	maxStack = 1000
	// maxMultiKeys and maxMultiAKeys are the number of keys in multi
	// (consensus) and multi_a (so that all signatures fit on the stack).
	maxMultiKeys, maxMultiAKeys = 20, 999
	// maxLock is the highest argument of older and after, as numbers in scripts
	// have up to 31 bits and a sign.
	maxLock = 1<<31 - 1
	// lockTimeThreshold separates heights from times in after (consensus,
	// LOCKTIME_THRESHOLD).
	lockTimeThreshold = 500_000_000
	// sequenceTimeFlag is set in an older that counts units of 512 seconds and
	// not blocks; sequenceValueMask has the bits that count (consensus, BIP68).
	sequenceTimeFlag, sequenceValueMask = 1 << 22, 0xffff
)

// maxScript returns the size limit of a script in bytes (policy).
func (c Context) maxScript() int {
	if c == Tapscript {
		return maxTapScript
	}
	return maxWSHScript
}

// Kinds of refusal, for errors.Is.
var (
	// ErrSyntax is what Parse returns for text that is no expression.
	ErrSyntax = errors.New("not a miniscript expression")
	// ErrDecode is what Decode returns for a script that no valid expression
	// gives.
	ErrDecode = errors.New("not a miniscript script")
	// ErrInsane is what Check returns; the error is a *CheckError.
	ErrInsane = errors.New("miniscript is not sane")
	// ErrUnsatisfiable is what Satisfy returns where keys, preimages or locks
	// are missing.
	ErrUnsatisfiable = errors.New("the script cannot be satisfied with what is known")
	// ErrMalleable is what Satisfy returns where others could alter every
	// witness that it finds.
	ErrMalleable = errors.New("the script can only be satisfied in a way that others can alter")
)
