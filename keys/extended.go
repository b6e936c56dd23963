package keys

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/network"
)

// Hardened is added to the index of a hardened child (BIP32).
const Hardened = 1 << 31

// maxDepth is the number of steps below a master key that BIP32 can write.
const maxDepth = 255

// Path leads from a master key to another one.
type Path []uint32

// ParsePath reads a path such as m/84'/1'/0'/0/5; h or H may stand for ', and m
// is the master key itself.
func ParsePath(s string) (Path, error) {
	parts := strings.Split(s, "/")
	if parts[0] != "m" {
		return nil, fmt.Errorf("%w: it begins with m, as in m/84'/1'/0'/0/0", ErrPath)
	}
	if len(parts)-1 > maxDepth {
		return nil, fmt.Errorf("%w: at most %d steps", ErrPath, maxDepth)
	}
	path := make(Path, 0, len(parts)-1)
	for i, part := range parts[1:] {
		number := strings.TrimRight(part, "'hH")
		index, err := strconv.ParseUint(number, 10, 31)
		if err != nil || len(part)-len(number) > 1 || number[0] == '+' {
			return nil, fmt.Errorf("%w: step %d is %.20q; it must be a number from 0 to %d, with ' behind it when hardened",
				ErrPath, i+1, part, Hardened-1)
		}
		if len(part) > len(number) {
			index += Hardened
		}
		path = append(path, uint32(index))
	}
	return path, nil
}

// String writes the path as ParsePath reads it.
func (p Path) String() string {
	b := []byte{'m'}
	for _, i := range p {
		b = append(b, '/')
		b = strconv.AppendUint(b, uint64(i&^Hardened), 10)
		if i >= Hardened {
			b = append(b, '\'')
		}
	}
	return string(b)
}

// ExtendedKey is a private or public key together with the chain code by which
// its children are derived (BIP32). It is never changed, so many may use it at
// once.
type ExtendedKey struct {
	secret *btcec.ModNScalar // nil in a public one
	pub    *btcec.PublicKey
	chain  [32]byte
	depth  byte
	parent [4]byte // fingerprint
	index  uint32
}

// secretNode is what a private child is derived from.
type secretNode struct {
	key   btcec.ModNScalar
	chain [32]byte
}

func masterNode(seed []byte) (secretNode, error) {
	if len(seed) < 16 || len(seed) > 64 {
		return secretNode{}, fmt.Errorf("a seed has 16 to 64 bytes, not %d", len(seed))
	}
	var n secretNode
	left := n.split(hmacSHA512([]byte("Bitcoin seed"), seed))
	if n.key.SetByteSlice(left) || n.key.IsZero() {
		return secretNode{}, fmt.Errorf("%w: the seed gives no key", ErrInvalidChild)
	}
	return n, nil
}

// split keeps the right half of sum as chain code and returns the left one.
func (n *secretNode) split(sum []byte) []byte {
	copy(n.chain[:], sum[32:])
	return sum[:32]
}

// child derives a private child (BIP32's CKDpriv). Only a child that is not
// hardened needs the public key.
func (n *secretNode) child(index uint32, pub *btcec.PublicKey) (secretNode, error) {
	var data [37]byte
	if index >= Hardened {
		n.key.PutBytesUnchecked(data[1:33])
	} else {
		copy(data[:], pub.SerializeCompressed())
	}
	binary.BigEndian.PutUint32(data[33:], index)
	var c secretNode
	left := c.split(hmacSHA512(n.chain[:], data[:]))
	overflow := c.key.SetByteSlice(left)
	c.key.Add(&n.key)
	if overflow || c.key.IsZero() {
		return secretNode{}, ErrInvalidChild
	}
	return c, nil
}

// public returns the public key: the slow step, a multiplication on the curve.
func (n *secretNode) public() *btcec.PublicKey {
	return btcec.PrivKeyFromScalar(&n.key).PubKey()
}

// walk derives the private key at path below n, which is at the given depth.
// Public keys are computed only where a step or the result needs them.
func (n secretNode) walk(depth byte, path Path) (*ExtendedKey, error) {
	k := &ExtendedKey{depth: depth + byte(len(path))}
	for i, index := range path {
		var pub *btcec.PublicKey
		last := i == len(path)-1
		if last || index < Hardened {
			pub = n.public()
		}
		if last {
			k.parent, k.index = fingerprint(pub), index
		}
		var err error
		if n, err = n.child(index, pub); err != nil {
			return nil, fmt.Errorf("derive %s: %w", path[:i+1], err)
		}
	}
	k.secret, k.chain, k.pub = &n.key, n.chain, n.public()
	return k, nil
}

// NewMaster returns the master key of a seed of 16 to 64 bytes.
func NewMaster(seed []byte) (*ExtendedKey, error) {
	n, err := masterNode(seed)
	if err != nil {
		return nil, err
	}
	return n.walk(0, nil)
}

// DerivePath returns the private key at a path below a seed's master key; "m"
// is the master key itself.
func DerivePath(seed []byte, path string) (*btcec.PrivateKey, error) {
	p, err := ParsePath(path)
	if err != nil {
		return nil, err
	}
	n, err := masterNode(seed)
	if err != nil {
		return nil, err
	}
	k, err := n.walk(0, p)
	if err != nil {
		return nil, err
	}
	return k.PrivateKey()
}

// Derive returns the key at a path below k. A public key has no hardened
// children.
func (k *ExtendedKey) Derive(path ...uint32) (*ExtendedKey, error) {
	if len(path) == 0 {
		return k, nil
	}
	if int(k.depth)+len(path) > maxDepth {
		return nil, fmt.Errorf("%w: at most %d steps", ErrPath, maxDepth)
	}
	if k.secret != nil {
		return secretNode{*k.secret, k.chain}.walk(k.depth, path)
	}
	for _, index := range path {
		var err error
		if k, err = k.publicChild(index); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// publicChild derives a public child (BIP32's CKDpub).
func (k *ExtendedKey) publicChild(index uint32) (*ExtendedKey, error) {
	pub, chain, err := k.childPoint(index)
	if err != nil {
		return nil, err
	}
	return &ExtendedKey{pub: pub, chain: chain, depth: k.depth + 1, parent: fingerprint(k.pub), index: index}, nil
}

// childPoint computes the key and the chain code of a public child.
func (k *ExtendedKey) childPoint(index uint32) (*btcec.PublicKey, [32]byte, error) {
	if index >= Hardened {
		return nil, [32]byte{}, fmt.Errorf("%w: a hardened child needs it", ErrPublicOnly)
	}
	var data [37]byte
	copy(data[:], k.pub.SerializeCompressed())
	binary.BigEndian.PutUint32(data[33:], index)
	sum := hmacSHA512(k.chain[:], data[:])

	var step btcec.ModNScalar
	var point, offset, base btcec.JacobianPoint
	overflow := step.SetByteSlice(sum[:32])
	btcec.ScalarBaseMultNonConst(&step, &offset)
	k.pub.AsJacobian(&base)
	btcec.AddNonConst(&offset, &base, &point)
	if overflow || point.Z.IsZero() {
		return nil, [32]byte{}, ErrInvalidChild
	}
	toAffine(&point)
	return btcec.NewPublicKey(&point.X, &point.Y), [32]byte(sum[32:]), nil
}

// PublicChild returns the public key at index below k, which must not be
// hardened. It is what Derive gives, without all that is not the key.
func (k *ExtendedKey) PublicChild(index uint32) (*btcec.PublicKey, error) {
	point, _, err := k.childPoint(index)
	return point, err
}

// PrivateChild returns the private key at index below k; ErrPublicOnly when k
// is public.
func (k *ExtendedKey) PrivateChild(index uint32) (*btcec.PrivateKey, error) {
	if k.secret == nil {
		return nil, ErrPublicOnly
	}
	n := secretNode{*k.secret, k.chain}
	n, err := n.child(index, k.pub)
	if err != nil {
		return nil, err
	}
	return btcec.PrivKeyFromScalar(&n.key), nil
}

// Public returns k without its private part.
func (k *ExtendedKey) Public() *ExtendedKey {
	public := *k
	public.secret = nil
	return &public
}

// IsPrivate reports whether k holds a private key.
func (k *ExtendedKey) IsPrivate() bool { return k.secret != nil }

// PrivateKey returns the private key; ErrPublicOnly when there is none.
func (k *ExtendedKey) PrivateKey() (*btcec.PrivateKey, error) {
	if k.secret == nil {
		return nil, ErrPublicOnly
	}
	secret := *k.secret
	return btcec.PrivKeyFromScalar(&secret), nil
}

// PublicKey returns the public key.
func (k *ExtendedKey) PublicKey() *btcec.PublicKey { return k.pub }

// Fingerprint returns the first four bytes of the public key's Hash160.
func (k *ExtendedKey) Fingerprint() [4]byte { return fingerprint(k.pub) }

// EncodePublic writes the public key in BIP32's text form (xpub, tpub).
func (k *ExtendedKey) EncodePublic(p *network.Params) string {
	return k.encode(p.ExtPub, [33]byte(k.pub.SerializeCompressed()))
}

// EncodePrivate writes the private key in BIP32's text form (xprv, tprv);
// ErrPublicOnly when there is none.
func (k *ExtendedKey) EncodePrivate(p *network.Params) (string, error) {
	if k.secret == nil {
		return "", ErrPublicOnly
	}
	var data [33]byte
	k.secret.PutBytesUnchecked(data[1:])
	return k.encode(p.ExtPrv, data), nil
}

func (k *ExtendedKey) encode(version [4]byte, key [33]byte) string {
	b := make([]byte, 0, 82)
	b = append(b, version[:]...)
	b = append(b, k.depth)
	b = append(b, k.parent[:]...)
	b = binary.BigEndian.AppendUint32(b, k.index)
	b = append(b, k.chain[:]...)
	b = append(b, key[:]...)
	sum := chainhash.DoubleHashB(b)
	return base58.Encode(append(b, sum[:4]...))
}

// ParseExtended reads an extended key of network p, as strictly as BIP32's
// fifth test vector asks. The error holds nothing of the key.
func ParseExtended(s string, p *network.Params) (*ExtendedKey, error) {
	raw, err := address.DecodeBase58Check(strings.TrimSpace(s), 78)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExtendedKey, err)
	}
	if len(raw) != 78 {
		return nil, fmt.Errorf("%w: it has %d bytes instead of 78", ErrExtendedKey, len(raw))
	}
	return parseExtended(raw, p)
}

// parseExtended reads the 78 bytes of an extended key.
func parseExtended(raw []byte, p *network.Params) (*ExtendedKey, error) {
	version := [4]byte(raw)
	private := version == p.ExtPrv
	if !private && version != p.ExtPub {
		if name, _, ok := address.ExtVersion(version); ok {
			why := &address.Error{Kind: address.ErrNetwork, Message: "Invalid extended key", Hint: fmt.Sprintf("it is of %s; this chain is %s", name, p.Name)}
			return nil, fmt.Errorf("%w: %w", ErrExtendedKey, why)
		}
		if name := slip132Name(version); name != "" {
			return nil, fmt.Errorf("%w: it is a %s key (SLIP-132), which has no place here: write it with the prefix of this chain's keys", ErrExtendedKey, name)
		}
		return nil, fmt.Errorf("%w: unknown version bytes %x; those of %s are %x and %x",
			ErrExtendedKey, version, p.Name, p.ExtPub, p.ExtPrv)
	}
	k := &ExtendedKey{
		depth:  raw[4],
		parent: [4]byte(raw[5:]),
		index:  binary.BigEndian.Uint32(raw[9:]),
		chain:  [32]byte(raw[13:]),
	}
	if k.depth == 0 && (k.parent != [4]byte{} || k.index != 0) {
		return nil, fmt.Errorf("%w: a master key has no parent and no index", ErrExtendedKey)
	}
	if !private {
		pub, err := btcec.ParsePubKey(raw[45:])
		if err != nil {
			return nil, fmt.Errorf("%w: not a public key", ErrExtendedKey)
		}
		k.pub = pub
		return k, nil
	}
	key, err := address.ParsePrivateKey(raw[46:])
	if err != nil || raw[45] != 0 {
		return nil, fmt.Errorf("%w: not a private key", ErrExtendedKey)
	}
	k.secret, k.pub = &key.Key, key.PubKey()
	return k, nil
}

// String hides the key.
func (k ExtendedKey) String() string {
	if k.secret != nil {
		return "[extended private key]"
	}
	return "[extended public key]"
}

// Format hides the key from every verb of package fmt, and so from logs.
func (k ExtendedKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

func fingerprint(pub *btcec.PublicKey) [4]byte {
	hash := address.Hash160(pub.SerializeCompressed())
	return [4]byte(hash[:4])
}

func hmacSHA512(key, data []byte) []byte {
	h := hmac.New(sha512.New, key)
	h.Write(data)
	return h.Sum(nil)
}
