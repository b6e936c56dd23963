// Package descriptor describes output scripts as text: output descriptors
// (BIP380 to BIP387), with miniscript (BIP379) in wsh() and in the leaves of
// tr(). It parses and writes them, derives the scripts of each index, tells all
// that is needed to spend one (Output), and puts signatures together to what an
// input must show (Output.Satisfy). It also infers the descriptor of a script
// as far as what is known of it tells.
//
// The rules, the refusals and their texts are those of Bitcoin Core 28.1, which
// has no multipath descriptors (BIP389). Computing and signing signature
// hashes is the wallet's part; what miniscript means is package miniscript's.
// Descriptors and outputs never change and hold no other state.
package descriptor

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
)

// MaxIndex is the highest index of a ranged descriptor (BIP32).
const MaxIndex = 1<<31 - 1

// Descriptor is a parsed output descriptor. It is never changed, so many may use
// it at once. It hides its private keys from package fmt.
type Descriptor struct {
	params *network.Params
	root   *node
	keys   []*keyExpr
	ranged bool
}

// newDescriptor completes what the parser has read. A key that is given twice,
// once private and once public, is private in both places.
func newDescriptor(root *node, list []*keyExpr, p *network.Params) *Descriptor {
	d := &Descriptor{params: p, root: root, keys: list}
	single := map[string]*keyExpr{}
	extended := map[string]*keyExpr{}
	for _, k := range list {
		d.ranged = d.ranged || k.wildcard != noWildcard
		switch {
		case k.wif != nil:
			single[string(k.raw)] = k
			single[string(k.raw[1:33])] = k
		case k.hasPrivate():
			extended[k.root.EncodePublic(p)] = k
		}
	}
	for i, k := range list {
		switch {
		case k.hasPrivate():
		case k.root != nil && len(extended) > 0:
			if twin := extended[k.root.EncodePublic(p)]; twin != nil {
				known := *k
				known.root = twin.root
				list[i] = newExtended(known)
			}
		case k.root == nil:
			name := k.raw
			if k.xonly {
				name = k.raw[1:]
			}
			if twin := single[string(name)]; twin != nil {
				known := *k
				known.wif = twin.wif
				list[i] = &known
			}
		}
	}
	return d
}

// String returns the descriptor without private keys, with its checksum.
func (d Descriptor) String() string {
	text, _ := d.text(d.root, public)
	return WithChecksum(text)
}

// Format hides the private keys from every verb of package fmt.
func (d Descriptor) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// Private returns the descriptor with the private keys that it has, and its
// checksum; complete says that none lacks. ErrNoPrivateKey when it has none.
func (d *Descriptor) Private() (text string, complete bool, err error) {
	if !d.HasPrivate() {
		return "", false, &Error{Kind: ErrNoPrivateKey, Message: "The descriptor has no private keys"}
	}
	text, complete = d.text(d.root, private)
	return WithChecksum(text), complete, nil
}

// Public returns the descriptor without its private keys. Where it has hardened
// steps behind an extended key, only the descriptor that Normalized writes can
// go on deriving.
func (d *Descriptor) Public() *Descriptor {
	if !d.HasPrivate() {
		return d
	}
	public := *d
	public.keys = make([]*keyExpr, len(d.keys))
	for i, k := range d.keys {
		public.keys[i] = k.withoutPrivate()
	}
	return &public
}

// Normalized returns the public form in which hardened steps are part of the
// origin, as Core's listdescriptors shows it, with its checksum. It needs the
// private keys where there are such steps (ErrNoPrivateKey).
func (d *Descriptor) Normalized() (string, error) {
	text, ok := d.text(d.root, normalized)
	if !ok {
		return "", &Error{Kind: ErrNoPrivateKey, Message: "Cannot derive the keys behind hardened steps without private keys"}
	}
	return WithChecksum(text), nil
}

// HasPrivate reports whether any private key is there.
func (d *Descriptor) HasPrivate() bool { return slices.ContainsFunc(d.keys, (*keyExpr).hasPrivate) }

// Ranged reports whether the descriptor has a script for each index; without,
// all indexes give the same.
func (d *Descriptor) Ranged() bool { return d.ranged }

// Solvable reports whether the descriptor tells how to spend its outputs, which
// addr() and raw() do not.
func (d *Descriptor) Solvable() bool { return d.root.kind != kindAddr && d.root.kind != kindRaw }

// Single reports whether each index has one script only; combo() has several.
func (d *Descriptor) Single() bool { return d.root.kind != kindCombo }

// Type returns the kind of address that the descriptor gives (Core's
// GetOutputType); false when it gives none, or several.
func (d *Descriptor) Type() (keys.Type, bool) {
	t := d.root.outputType()
	return t, t != ""
}

// ID returns what Core's wallet calls the descriptor's id: the SHA-256 of its
// text without private keys, with ' for hardened steps. Its String is in the
// order of bytes in which Core shows it.
func (d *Descriptor) ID() chainhash.Hash {
	text, _ := d.text(d.root, compatible)
	return sha256.Sum256([]byte(WithChecksum(text)))
}

// derive returns all keys of an index.
func (d *Descriptor) derive(index uint32) ([]derived, error) {
	if index > MaxIndex {
		return nil, &Error{Kind: ErrRange, Message: fmt.Sprintf("There is no index %d: the highest is %d", index, uint32(MaxIndex))}
	}
	ks := make([]derived, len(d.keys))
	for i, k := range d.keys {
		var err error
		if ks[i], err = k.at(index); err != nil {
			return nil, err
		}
	}
	return ks, nil
}

// Scripts returns the output scripts of an index, several for combo(). It costs
// one derivation for each ranged key. ErrRange above MaxIndex; ErrNoPrivateKey
// where a hardened step lacks one.
func (d *Descriptor) Scripts(index uint32) ([][]byte, error) {
	ks, err := d.derive(index)
	if err != nil {
		return nil, err
	}
	return d.root.scripts(ks), nil
}

// Output returns all that the descriptor knows about spending a script that
// Scripts gives for an index; ErrMismatch when it is none of them. Private keys
// that the descriptor has are in the output's keys.
func (d *Descriptor) Output(index uint32, script []byte) (*Output, error) {
	ks, err := d.derive(index)
	if err != nil {
		return nil, err
	}
	o := &Output{Script: script, Type: typeOfScript(script)}
	if t, ok := d.Type(); ok {
		o.Type = t
	}
	at := slices.IndexFunc(d.root.scripts(ks), func(s []byte) bool { return bytes.Equal(s, script) })
	if at < 0 {
		return nil, &Error{Kind: ErrMismatch, Message: fmt.Sprintf("The descriptor does not give this script at index %d", index)}
	}
	for i, k := range d.keys {
		if slices.ContainsFunc(o.Keys, func(other Key) bool { return bytes.Equal(other.Public, ks[i].raw) }) {
			continue
		}
		key := Key{Public: ks[i].raw}
		key.Fingerprint, key.Path = k.source(index, ks[i].raw)
		if key.private, err = k.privateAt(index); err != nil {
			return nil, err
		}
		o.Keys = append(o.Keys, key)
	}
	o.describe(d.root, ks, at)
	return o, nil
}
