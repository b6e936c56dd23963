package descriptor

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
)

// form is a way in which a descriptor is written.
type form uint8

const (
	public     form = iota
	compatible      // public, hardened steps with ': what Core makes ids of
	normalized      // public, hardened steps inside the origin
	private         // with the private keys that are there
)

// wildcard says how the last step of a ranged key depends on the index.
type wildcard uint8

const (
	noWildcard       wildcard = iota
	plainWildcard             // /*
	hardenedWildcard          // /*h
)

// keyExpr is a key expression (BIP380). It is never changed, but for its parent,
// which is derived when it is first asked for.
type keyExpr struct {
	origin *origin // nil when none is given

	// A single key.
	pub   *btcec.PublicKey
	raw   []byte // 33 bytes, or 65
	xonly bool   // written with 32 bytes
	wif   *btcec.PrivateKey

	// An extended key; nil when it is a single one.
	root       *keys.ExtendedKey
	path       keys.Path
	wildcard   wildcard
	apostrophe bool // hardened steps, also those of the origin, are written with '

	// parent returns the key at the end of path, private where that is known.
	parent func() (*keys.ExtendedKey, error)
}

// origin says where a key comes from: from the master key with a fingerprint,
// by a path.
type origin struct {
	fingerprint [4]byte
	path        keys.Path
}

// newExtended completes an expression of an extended key.
func newExtended(k keyExpr) *keyExpr {
	k.parent = sync.OnceValues(func() (*keys.ExtendedKey, error) {
		if k.isHardened() && !k.root.IsPrivate() {
			return nil, &Error{
				Kind: ErrNoPrivateKey, Message: "Cannot derive script without private keys",
				Hint: "the descriptor has a hardened step under a public key; use the extended public key behind that step, or the private key",
			}
		}
		return k.root.Derive(k.path...)
	})
	return &k
}

// isHardened reports whether a private key is needed to derive from the root.
func (k *keyExpr) isHardened() bool {
	return k.wildcard == hardenedWildcard || slices.ContainsFunc(k.path, func(i uint32) bool { return i >= keys.Hardened })
}

func (k *keyExpr) hasPrivate() bool { return k.wif != nil || k.root != nil && k.root.IsPrivate() }

// withoutPrivate returns the expression without private keys.
func (k *keyExpr) withoutPrivate() *keyExpr {
	public := *k
	public.wif = nil
	if k.root != nil {
		public.root = k.root.Public()
		return newExtended(public)
	}
	return &public
}

// derived is a key expression's key at an index.
type derived struct {
	pub *btcec.PublicKey
	raw []byte
}

// at derives the public key of an index: for a ranged key one step below its
// parent.
func (k *keyExpr) at(index uint32) (derived, error) {
	if k.root == nil {
		return derived{k.pub, k.raw}, nil
	}
	parent, err := k.parent()
	if err != nil {
		return derived{}, err
	}
	pub := parent.PublicKey()
	switch k.wildcard {
	case plainWildcard:
		if pub, err = parent.PublicChild(index); err != nil {
			return derived{}, err
		}
	case hardenedWildcard:
		key, err := parent.PrivateChild(index + keys.Hardened)
		if err != nil {
			return derived{}, err
		}
		pub = key.PubKey()
	}
	return derived{pub, pub.SerializeCompressed()}, nil
}

// privateAt returns the private key of an index; nil when it is not known.
func (k *keyExpr) privateAt(index uint32) (*btcec.PrivateKey, error) {
	if k.root == nil || !k.root.IsPrivate() {
		return k.wif, nil
	}
	parent, err := k.parent()
	if err != nil {
		return nil, err
	}
	switch k.wildcard {
	case plainWildcard:
		return parent.PrivateChild(index)
	case hardenedWildcard:
		return parent.PrivateChild(index + keys.Hardened)
	}
	return parent.PrivateKey()
}

// source returns the fingerprint and path of the key of an index, as PSBTs and
// signing devices need them.
func (k *keyExpr) source(index uint32, raw []byte) ([4]byte, keys.Path) {
	var path keys.Path
	var fingerprint [4]byte
	switch {
	case k.origin != nil:
		fingerprint, path = k.origin.fingerprint, slices.Clone(k.origin.path)
	case k.root != nil:
		fingerprint = k.root.Fingerprint()
	default:
		hash := address.Hash160(raw)
		fingerprint = [4]byte(hash[:4])
	}
	path = append(path, k.path...)
	switch k.wildcard {
	case plainWildcard:
		path = append(path, index)
	case hardenedWildcard:
		path = append(path, index+keys.Hardened)
	}
	return fingerprint, path
}

// text writes the expression. ok is false when a private key that the form needs
// is not there; a private form then has the public key instead.
func (k *keyExpr) text(f form, p *network.Params) (text string, ok bool) {
	apostrophe := k.apostrophe && f != normalized || f == compatible
	var b strings.Builder
	if k.origin != nil {
		b.WriteString("[" + hex.EncodeToString(k.origin.fingerprint[:]))
		writePath(&b, k.origin.path, apostrophe)
	}
	if k.root == nil {
		if k.origin != nil {
			b.WriteString("]")
		}
		switch {
		case f == private && k.wif != nil:
			b.WriteString(address.EncodeWIF(k.wif, len(k.raw) == 33, p))
			return b.String(), true
		case k.xonly:
			b.WriteString(hex.EncodeToString(k.raw[1:]))
		default:
			b.WriteString(hex.EncodeToString(k.raw))
		}
		return b.String(), f != private
	}
	root, path := k.root, k.path
	if f == normalized && k.wildcard != hardenedWildcard {
		folded, rest, ok := k.fold()
		if !ok {
			return "", false
		}
		if n := len(path) - len(rest); n > 0 {
			if k.origin == nil {
				fingerprint := k.root.Fingerprint()
				b.WriteString("[" + hex.EncodeToString(fingerprint[:]))
			}
			writePath(&b, path[:n], false)
			b.WriteString("]")
			root, path = folded, rest
		} else if k.origin != nil {
			b.WriteString("]")
		}
	} else if k.origin != nil {
		b.WriteString("]")
	}
	ok = true
	if f == private {
		text, err := root.EncodePrivate(p)
		if ok = err == nil; !ok {
			text = root.EncodePublic(p)
		}
		b.WriteString(text)
	} else {
		b.WriteString(root.EncodePublic(p))
	}
	writePath(&b, path, apostrophe)
	switch {
	case k.wildcard == hardenedWildcard && apostrophe:
		b.WriteString("/*'")
	case k.wildcard == hardenedWildcard:
		b.WriteString("/*h")
	case k.wildcard == plainWildcard:
		b.WriteString("/*")
	}
	return b.String(), ok
}

// fold derives the key behind the last hardened step of the path, and returns
// the steps that remain; false when the private key for that is not there.
func (k *keyExpr) fold() (folded *keys.ExtendedKey, rest keys.Path, ok bool) {
	last := len(k.path) - 1
	for last >= 0 && k.path[last] < keys.Hardened {
		last--
	}
	if last < 0 {
		return k.root, k.path, true
	}
	if !k.root.IsPrivate() {
		return nil, nil, false
	}
	folded, err := k.root.Derive(k.path[:last+1]...)
	return folded, k.path[last+1:], err == nil
}

func writePath(b *strings.Builder, path keys.Path, apostrophe bool) {
	for _, i := range path {
		b.WriteByte('/')
		b.WriteString(strconv.FormatUint(uint64(i&^keys.Hardened), 10))
		switch {
		case i < keys.Hardened:
		case apostrophe:
			b.WriteByte('\'')
		default:
			b.WriteByte('h')
		}
	}
}
