package keys

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/address"
)

// Type is a kind of address, named as Core does. Each has the BIP by which
// accounts of it are derived.
type Type string

// The types of addresses.
const (
	Legacy     Type = "legacy"      // P2PKH, BIP44
	P2SHSegwit Type = "p2sh-segwit" // P2WPKH inside P2SH, BIP49
	Bech32     Type = "bech32"      // P2WPKH, BIP84
	Bech32m    Type = "bech32m"     // P2TR, key path only, BIP86
)

// Types returns all types, in the order of their BIPs.
func Types() []Type { return []Type{Legacy, P2SHSegwit, Bech32, Bech32m} }

// ParseType reads the name of a type.
func ParseType(s string) (Type, error) {
	if t := Type(strings.ToLower(s)); slices.Contains(Types(), t) {
		return t, nil
	}
	return "", fmt.Errorf("%.40q is no type of address; there are legacy, p2sh-segwit, bech32 and bech32m", s)
}

// Purpose returns the first number of the type's paths, which is that of its
// BIP; 0 when there is no such type.
func (t Type) Purpose() uint32 {
	switch t {
	case Legacy:
		return 44
	case P2SHSegwit:
		return 49
	case Bech32:
		return 84
	case Bech32m:
		return 86
	}
	return 0
}

// Script returns the output script that pays to a key; nil when there is no
// such type.
func (t Type) Script(pub *btcec.PublicKey) []byte {
	switch t {
	case Legacy:
		return address.PubKeyHashScript(address.Hash160(pub.SerializeCompressed()))
	case P2SHSegwit:
		return address.ScriptHashScript(address.Hash160(t.RedeemScript(pub)))
	case Bech32:
		hash := address.Hash160(pub.SerializeCompressed())
		return address.WitnessScript(0, hash[:])
	case Bech32m:
		output := txscript.ComputeTaprootKeyNoScript(pub)
		return address.WitnessScript(1, schnorr.SerializePubKey(output))
	}
	return nil
}

// RedeemScript returns what an input must show besides signature and key to
// spend a P2SHSegwit output; nil for other types.
func (t Type) RedeemScript(pub *btcec.PublicKey) []byte {
	if t != P2SHSegwit {
		return nil
	}
	hash := address.Hash160(pub.SerializeCompressed())
	return address.WitnessScript(0, hash[:])
}

// The two chains of an account (BIP44).
const (
	Receive uint32 = 0
	Change  uint32 = 1
)

// Account is one account of a seed, or the public half of one. It is never
// changed, so many may use it at once.
type Account struct {
	kind   Type
	path   Path
	key    *ExtendedKey
	chains [2]*ExtendedKey // public keys of Receive and Change
}

// DeriveAccount returns the account m/purpose'/coinType'/account' of a seed.
func DeriveAccount(seed []byte, t Type, coinType, account uint32) (*Account, error) {
	path, err := accountPath(t, coinType, account)
	if err != nil {
		return nil, err
	}
	n, err := masterNode(seed)
	if err != nil {
		return nil, err
	}
	key, err := n.walk(0, path)
	if err != nil {
		return nil, err
	}
	return newAccount(t, path, key)
}

func accountPath(t Type, coinType, account uint32) (Path, error) {
	if t.Purpose() == 0 {
		return nil, fmt.Errorf("%.40q is no type of address", string(t))
	}
	if coinType >= Hardened || account >= Hardened {
		return nil, fmt.Errorf("%w: coin type and account are below %d", ErrPath, Hardened)
	}
	return Path{t.Purpose() + Hardened, coinType + Hardened, account + Hardened}, nil
}

func newAccount(t Type, path Path, key *ExtendedKey) (*Account, error) {
	a := &Account{kind: t, path: path, key: key}
	for chain := range a.chains {
		k, err := key.Public().publicChild(uint32(chain))
		if err != nil {
			return nil, fmt.Errorf("derive %s/%d: %w", path, chain, err)
		}
		a.chains[chain] = k
	}
	return a, nil
}

// Type returns the type of the account's addresses.
func (a *Account) Type() Type { return a.kind }

// Number returns the account's number, the last one of its path.
func (a *Account) Number() uint32 { return a.path[2] - Hardened }

// Path returns the account's path, such as m/84'/1'/0'.
func (a *Account) Path() string { return a.path.String() }

// ChildPath returns the path of one of the account's keys.
func (a *Account) ChildPath(chain, index uint32) string {
	return append(slices.Clone(a.path), chain, index).String()
}

// Key returns the account's extended key.
func (a *Account) Key() *ExtendedKey { return a.key }

// Public returns the account without its private keys.
func (a *Account) Public() *Account {
	public := *a
	public.key = a.key.Public()
	return &public
}

// Child returns the public key at chain and index, and the script that pays to
// it. Chain is Receive or Change.
func (a *Account) Child(chain, index uint32) (*btcec.PublicKey, []byte, error) {
	if chain > Change {
		return nil, nil, fmt.Errorf("%w: an account has the chains 0 and 1, not %d", ErrPath, chain)
	}
	k, err := a.chains[chain].publicChild(index)
	if err != nil {
		return nil, nil, fmt.Errorf("derive %s: %w", a.ChildPath(chain, index), err)
	}
	return k.pub, a.kind.Script(k.pub), nil
}

// PrivateChild returns the private key at chain and index; ErrPublicOnly when
// the account is without.
func (a *Account) PrivateChild(chain, index uint32) (*btcec.PrivateKey, error) {
	if chain > Change {
		return nil, fmt.Errorf("%w: an account has the chains 0 and 1, not %d", ErrPath, chain)
	}
	if index >= Hardened {
		return nil, fmt.Errorf("%w: an index is below %d", ErrPath, Hardened)
	}
	if a.key.secret == nil {
		return nil, ErrPublicOnly
	}
	// The public keys of both steps are known, so this needs no multiplication.
	n := secretNode{*a.key.secret, a.key.chain}
	n, err := n.child(chain, a.key.pub)
	if err == nil {
		n, err = n.child(index, a.chains[chain].pub)
	}
	if err != nil {
		return nil, fmt.Errorf("derive %s: %w", a.ChildPath(chain, index), err)
	}
	return btcec.PrivKeyFromScalar(&n.key), nil
}

// String names the account and hides its keys.
func (a Account) String() string { return fmt.Sprintf("[account %s]", a.path) }

// Format hides the account's keys from every verb of package fmt, and so from
// logs.
func (a Account) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }
