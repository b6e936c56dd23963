package descriptor

import (
	"fmt"
	"io"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
)

// MaxIndex is the highest index of a ranged descriptor (BIP32).
const MaxIndex = 1<<31 - 1

// Descriptor is a parsed output descriptor. It is never changed, so many may use
// it at once. It hides its private keys from package fmt.
type Descriptor struct {
	params *network.Params
}

// Parse reads a descriptor of network p, as Core 28.1 does. A checksum may
// follow after '#' and is then checked. The error is an *Error.
func Parse(s string, p *network.Params) (*Descriptor, error) {
	return nil, &Error{Kind: ErrSyntax}
}

// String returns the descriptor without private keys, with its checksum.
func (d *Descriptor) String() string { return "" }

// Format hides the private keys from every verb of package fmt.
func (d *Descriptor) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// Private returns the descriptor with the private keys that it has, and its
// checksum; complete says that none lacks. ErrNoPrivateKey when it has none.
func (d *Descriptor) Private() (text string, complete bool, err error) { return "", false, nil }

// Public returns the descriptor without its private keys.
func (d *Descriptor) Public() *Descriptor { return d }

// Normalized returns the public form in which hardened steps are part of the
// origin, as Core's listdescriptors shows it. It needs the private keys where
// there are such steps (ErrNoPrivateKey).
func (d *Descriptor) Normalized() (string, error) { return "", nil }

// HasPrivate reports whether any private key is there.
func (d *Descriptor) HasPrivate() bool { return false }

// Ranged reports whether the descriptor has a script for each index; without,
// all indexes give the same.
func (d *Descriptor) Ranged() bool { return false }

// Solvable reports whether the descriptor tells how to spend its outputs, which
// addr(), raw() do not.
func (d *Descriptor) Solvable() bool { return false }

// Single reports whether each index has one script only; combo() has several.
func (d *Descriptor) Single() bool { return false }

// Type returns the kind of address that the descriptor gives; false when it
// gives none, or several.
func (d *Descriptor) Type() (keys.Type, bool) { return "", false }

// Scripts returns the output scripts of an index, several for combo().
// ErrRange above MaxIndex; ErrNoPrivateKey where a hardened step lacks one.
func (d *Descriptor) Scripts(index uint32) ([][]byte, error) { return nil, nil }

// Output returns all that the descriptor knows about spending a script that
// Scripts gives for an index.
func (d *Descriptor) Output(index uint32, script []byte) (*Output, error) { return nil, nil }

// ID returns what Core's wallet calls the descriptor's id: the SHA-256 of its
// text without private keys.
func (d *Descriptor) ID() [32]byte { return [32]byte{} }
