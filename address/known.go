package address

import (
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// knownNetworks are Bitcoin's own, to be named when something of theirs turns
// up on another chain. Test, signet and regtest share all but the HRP.
var knownNetworks = []struct {
	name                        string
	pubKeyHash, scriptHash, wif byte
	hrps                        map[string]string
	extPub, extPrv              [4]byte
}{
	{
		"mainnet", 0, 5, 128,
		map[string]string{"bc": "mainnet"},
		[4]byte{0x04, 0x88, 0xb2, 0x1e},
		[4]byte{0x04, 0x88, 0xad, 0xe4},
	},
	{
		"test network", 111, 196, 239,
		map[string]string{"tb": "testnet or signet", "bcrt": "regtest"},
		[4]byte{0x04, 0x35, 0x87, 0xcf},
		[4]byte{0x04, 0x35, 0x83, 0x94},
	},
}

func networkOfHRP(hrp string) string {
	for _, n := range knownNetworks {
		if name := n.hrps[hrp]; name != "" {
			return name
		}
	}
	return ""
}

func networkOfPrefix(prefix byte) string {
	for _, n := range knownNetworks {
		if prefix == n.pubKeyHash || prefix == n.scriptHash {
			return n.name
		}
	}
	return ""
}

func networkOfWIF(prefix byte) string {
	for _, n := range knownNetworks {
		if prefix == n.wif {
			return n.name
		}
	}
	return ""
}

// ExtVersion returns the Bitcoin network to which version bytes of an extended
// key belong, and whether they mark a private one. Test, signet and regtest
// share theirs and are called "test network".
func ExtVersion(version [4]byte) (name string, private, ok bool) {
	for _, n := range knownNetworks {
		switch version {
		case n.extPub:
			return n.name, false, true
		case n.extPrv:
			return n.name, true, true
		}
	}
	return "", false, false
}

// DecodeBase58Check returns the bytes, at most maxBytes, that a base58 text
// holds before its checksum. The error is an *Error without hint.
func DecodeBase58Check(s string, maxBytes int) ([]byte, error) {
	if payload, ok := decodeBase58Check(s, maxBytes); ok {
		return payload, nil
	}
	if text := StrangeCharacter(s); text != "" {
		return nil, &Error{Kind: ErrCharacter, Message: "Invalid base58 encoding", Hint: text}
	}
	if _, ok := decodeBase58(s, maxBytes+4); ok {
		return nil, &Error{Kind: ErrChecksum, Message: "Invalid base58 checksum"}
	}
	return nil, &Error{Kind: ErrFormat, Message: "Invalid base58 encoding"}
}

func checksum(payload []byte) [4]byte {
	sum := chainhash.DoubleHashB(payload)
	return [4]byte(sum[:4])
}

func isBase58(c byte) bool {
	switch {
	case c >= '1' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return c != 'I' && c != 'O' && c != 'l'
	}
	return false
}

// trimSpace cuts what C's isspace calls white space, as Core does.
func trimSpace(s string) string { return strings.Trim(s, " \f\n\r\t\v") }

// lower changes ASCII letters only, so that positions stay what they were.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
