package address

import (
	"fmt"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/network"
)

// EncodeWIF writes a private key in the wallet import format of network p.
// Compressed tells that addresses are made of the key's compressed public key.
func EncodeWIF(key *btcec.PrivateKey, compressed bool, p *network.Params) string {
	payload := key.Serialize()
	if compressed {
		payload = append(payload, 1)
	}
	return base58.CheckEncode(payload, p.WIFPrefix)
}

// DecodeWIF reads a private key of network p, and whether its public key is
// compressed (Core's DecodeSecret). The error is an *Error that holds nothing of
// the key.
func DecodeWIF(s string, p *network.Params) (key *btcec.PrivateKey, compressed bool, err error) {
	payload, ok := decodeBase58Check(s, 34)
	if !ok {
		return nil, false, wifError(s)
	}
	switch {
	case len(payload) == 33:
	case len(payload) == 34 && payload[33] == 1:
		compressed = true
	default:
		return nil, false, &Error{Kind: ErrFormat, Message: "Invalid private key encoding", Hint: "not a private key: wrong length"}
	}
	if payload[0] != p.WIFPrefix {
		e := &Error{
			Kind: ErrNetwork, Message: "Invalid private key encoding",
			Hint: "this private key is of another network; this chain is " + p.Name,
		}
		if name := networkOfWIF(payload[0]); name != "" {
			e.Hint = fmt.Sprintf("this is a %s private key; this chain is %s", name, p.Name)
		}
		return nil, false, e
	}
	key, err = ParsePrivateKey(payload[1:33])
	return key, compressed, err
}

func wifError(s string) *Error {
	e := &Error{
		Kind: ErrFormat, Message: "Invalid private key encoding",
		Hint: "not a private key in wallet import format",
	}
	if text := StrangeCharacter(s); text != "" {
		e.Kind, e.Hint = ErrCharacter, text
	} else if raw, ok := decodeBase58(s, 38); ok && len(raw) >= 37 {
		e.Kind, e.Hint = ErrChecksum, "the private key has a typing error: its checksum does not match"
	}
	return e
}

// ParsePrivateKey reads the 32 bytes of a private key, which must be from 1 to
// the order of the curve less one.
func ParsePrivateKey(raw []byte) (*btcec.PrivateKey, error) {
	var scalar btcec.ModNScalar
	if len(raw) != 32 || scalar.SetByteSlice(raw) || scalar.IsZero() {
		return nil, &Error{Kind: ErrFormat, Message: "Invalid private key", Hint: "not a private key: the number is out of range"}
	}
	return btcec.PrivKeyFromScalar(&scalar), nil
}
