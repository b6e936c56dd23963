package keys

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/network"
)

// withVersion writes an extended key with other version bytes.
func withVersion(t *testing.T, key string, version []byte) string {
	t.Helper()
	raw, err := address.DecodeBase58Check(key, 78)
	if err != nil {
		t.Fatal(err)
	}
	copy(raw, version)
	sum := chainhash.DoubleHashB(raw)
	return base58.Encode(append(raw, sum[:4]...))
}

// TestSLIP132 runs the document's own examples, and every prefix that it lists
// on every network.
func TestSLIP132(t *testing.T) {
	var vectors struct {
		Versions []struct {
			Network, Encoding string
			PublicVersion     string `json:"public_version"`
			PublicPrefix      string `json:"public_prefix"`
			PrivateVersion    string `json:"private_version"`
			PrivatePrefix     string `json:"private_prefix"`
		}
		Vectors []struct {
			AccountPath    string `json:"account_path"`
			AccountPrivate string `json:"account_private"`
			AccountPublic  string `json:"account_public"`
			AddressPath    string `json:"address_path"`
			Address        string
		}
	}
	readVectors(t, "bip/slip132.json", &vectors)
	main, test := mainnet(), network.Regtest()
	kinds := map[string]Type{"P2PKH or P2SH": "", "P2WPKH in P2SH": P2SHSegwit, "P2WPKH": Bech32, "Multi-signature P2WSH in P2SH": P2SHSegwit, "Multi-signature P2WSH": Bech32}
	for _, v := range vectors.Versions {
		p, other := main, test
		if strings.Contains(v.Network, "Testnet") {
			p, other = test, main
		}
		for i, version := range []string{v.PublicVersion, v.PrivateVersion} {
			prefix := []string{v.PublicPrefix, v.PrivatePrefix}[i]
			source := []string{vectors.Vectors[0].AccountPublic, vectors.Vectors[0].AccountPrivate}[i]
			raw, err := hex.DecodeString(strings.TrimPrefix(version, "0x"))
			if err != nil || len(raw) != 4 {
				t.Fatal(err)
			}
			text := withVersion(t, source, raw)
			if !strings.HasPrefix(text, prefix) {
				t.Fatalf("%s does not begin with %s", text, prefix)
			}
			k, err := ParseSLIP132(text, p)
			if kind, ok := kinds[v.Encoding]; err != nil || !ok || k.Type != kind || k.Multisig != strings.HasPrefix(v.Encoding, "Multi") || k.Key.IsPrivate() != (i == 1) {
				t.Errorf("%s: %+v, %v", prefix, k, err)
			} else if k.Key.EncodePublic(main) != vectors.Vectors[0].AccountPublic {
				t.Errorf("%s: another key", prefix)
			}
			if _, err := ParseSLIP132(text, other); !errors.Is(err, ErrExtendedKey) || !errors.Is(err, address.ErrNetwork) {
				t.Errorf("%s on %s: %v", prefix, other.Name, err)
			}
			if _, err := ParseExtended(text, p); (err == nil) != (binary.BigEndian.Uint32(raw) == binary.BigEndian.Uint32(p.ExtPub[:]) || binary.BigEndian.Uint32(raw) == binary.BigEndian.Uint32(p.ExtPrv[:])) {
				t.Errorf("%s by ParseExtended: %v", prefix, err)
			}
		}
	}
	seed := Seed(PublishedWords, "")
	for _, v := range vectors.Vectors {
		for _, text := range []string{v.AccountPublic, v.AccountPrivate} {
			k, err := ParseSLIP132(text, main)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			kind := k.Type
			if kind == "" {
				kind = Legacy
			}
			account, err := DeriveAccount(seed, kind, 0, 0)
			if err != nil || account.Path() != v.AccountPath || k.Key.EncodePublic(main) != account.Key().EncodePublic(main) {
				t.Errorf("%s: %v", v.AccountPath, err)
				continue
			}
			pub, err := k.Key.Public().Derive(0, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := address.Encode(kind.Script(pub.PublicKey()), main); got != v.Address {
				t.Errorf("%s: %s", v.AddressPath, got)
			}
		}
	}
	for _, bad := range []string{"", "zpub", "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYt"} {
		if _, err := ParseSLIP132(bad, main); !errors.Is(err, ErrExtendedKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
