package keys

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/network"
)

// Extended is an extended key as some wallets write it (SLIP-132), with what its
// prefix says about the addresses that are made of it.
type Extended struct {
	Key *ExtendedKey
	// Type is the type of the addresses; empty for the common prefixes (xpub,
	// tpub), which do not say it.
	Type Type
	// Multisig tells that the addresses are those of several keys.
	Multisig bool
}

// slip132 are the version bytes that SLIP-132 adds to those of BIP32, for
// mainnet and for the test networks.
var slip132 = []struct {
	public, private [2]uint32 // mainnet, test networks
	letters         [2]string
	kind            Type
	multisig        bool
}{
	{[2]uint32{0x049d7cb2, 0x044a5262}, [2]uint32{0x049d7878, 0x044a4e28}, [2]string{"y", "u"}, P2SHSegwit, false},
	{[2]uint32{0x04b24746, 0x045f1cf6}, [2]uint32{0x04b2430c, 0x045f18bc}, [2]string{"z", "v"}, Bech32, false},
	{[2]uint32{0x0295b43f, 0x024289ef}, [2]uint32{0x0295b005, 0x024285b5}, [2]string{"Y", "U"}, P2SHSegwit, true},
	{[2]uint32{0x02aa7ed3, 0x02575483}, [2]uint32{0x02aa7a99, 0x02575048}, [2]string{"Z", "V"}, Bech32, true},
}

// slip132Networks are the networks of the pairs in slip132, with the version
// bytes that BIP32 has for them.
var slip132Networks = [2]struct {
	name            string
	public, private uint32
}{{"mainnet", 0x0488b21e, 0x0488ade4}, {"test network", 0x043587cf, 0x04358394}}

// ParseSLIP132 reads an extended key of network p whose prefix may say what it is
// for (ypub, zpub, upub, vpub and so on). The error holds nothing of the key.
func ParseSLIP132(s string, p *network.Params) (Extended, error) {
	raw, err := address.DecodeBase58Check(strings.TrimSpace(s), 78)
	if err != nil || len(raw) != 78 {
		k, err := ParseExtended(s, p)
		return Extended{Key: k}, err
	}
	version := binary.BigEndian.Uint32(raw)
	for _, v := range slip132 {
		for i, n := range slip132Networks {
			private := version == v.private[i]
			if !private && version != v.public[i] {
				continue
			}
			// A network has the prefixes of the one whose xpub or tpub it shares.
			if binary.BigEndian.Uint32(p.ExtPub[:]) != n.public {
				name := v.letters[i] + "pub"
				if private {
					name = v.letters[i] + "prv"
				}
				why := &address.Error{Kind: address.ErrNetwork, Message: "Invalid extended key", Hint: fmt.Sprintf("%s keys are of %s; this chain is %s%s", name, n.name, p.Name, slip132Here(v.letters[1-i], slip132Networks[1-i].public, p))}
				return Extended{}, fmt.Errorf("%w: %w", ErrExtendedKey, why)
			}
			copy(raw, p.ExtPub[:])
			if private {
				copy(raw, p.ExtPrv[:])
			}
			k, err := parseExtended(raw, p)
			return Extended{Key: k, Type: v.kind, Multisig: v.multisig}, err
		}
	}
	k, err := parseExtended(raw, p)
	return Extended{Key: k}, err
}

// slip132Here says how keys of a network begin that has these version bytes.
func slip132Here(letter string, public uint32, p *network.Params) string {
	if binary.BigEndian.Uint32(p.ExtPub[:]) != public {
		return ""
	}
	plain := "t"
	if public == slip132Networks[0].public {
		plain = "x"
	}
	return fmt.Sprintf(", where keys begin with %spub or %spub", plain, letter)
}

// slip132Name returns how a key with these version bytes begins; empty when
// SLIP-132 does not have them.
func slip132Name(version [4]byte) string {
	for _, v := range slip132 {
		for i := range slip132Networks {
			switch binary.BigEndian.Uint32(version[:]) {
			case v.public[i]:
				return v.letters[i] + "pub"
			case v.private[i]:
				return v.letters[i] + "prv"
			}
		}
	}
	return ""
}
