package keys

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chainhash/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/network"
)

// keyVectors are the facts of Core's key_tests and of its signmessage test.
type keyVectors struct {
	WIF []struct {
		Name, WIF string
		Address   string `json:"p2pkh_main"`
	}
	BadAddress []string `json:"bad_address"`
	RFC6979    struct {
		Message, Digest string
		Values          []struct {
			Compact bool
			Sig     string
		}
	}
	SignMessage struct{ WIF, Address, Message, Signature string }
}

// TestKeysAndMessages runs Core's vectors of keys, addresses, signatures with a
// low R, and signed messages.
func TestKeysAndMessages(t *testing.T) {
	var v keyVectors
	readVectors(t, "core/keys_and_messages.json", &v)
	type wif struct {
		key        *btcec.PrivateKey
		compressed bool
	}
	named := map[string]wif{}
	for _, w := range v.WIF {
		key, compressed, err := address.DecodeWIF(w.WIF, mainnet())
		if err != nil {
			t.Fatal(err)
		}
		named[w.Name] = wif{key, compressed}
		if back := address.EncodeWIF(key, compressed, mainnet()); back != w.WIF {
			t.Errorf("%s: written as %s", w.Name, back)
		}
		raw := key.PubKey().SerializeUncompressed()
		if compressed {
			raw = key.PubKey().SerializeCompressed()
		}
		if text, _ := address.Encode(address.PubKeyHashScript(address.Hash160(raw)), mainnet()); text != w.Address {
			t.Errorf("%s: address %s", w.Name, text)
		}
	}
	for _, bad := range v.BadAddress {
		if _, _, err := address.DecodeWIF(bad, mainnet()); err == nil { // an address is no key
			t.Errorf("%s: accepted", bad)
		}
	}
	digest := chainhash.DoubleHashB([]byte(v.RFC6979.Message))
	if hex.EncodeToString(digest) != v.RFC6979.Digest {
		t.Fatalf("digest %x", digest)
	}
	for i, name := range []string{"1", "2"} {
		if sig := SignLowR(named[name].key, digest).Serialize(); hex.EncodeToString(sig) != v.RFC6979.Values[i].Sig {
			t.Errorf("key %s: %x", name, sig)
		}
	}
	for i, name := range []string{"1", "1C", "2", "2C"} {
		w := named[name]
		if sig := ecdsa.SignCompact(w.key, digest, w.compressed); hex.EncodeToString(sig) != v.RFC6979.Values[i+2].Sig {
			t.Errorf("key %s, recoverable: %x", name, sig)
		}
	}
	m := v.SignMessage
	key, compressed, err := address.DecodeWIF(m.WIF, network.Regtest())
	if err != nil {
		t.Fatal(err)
	}
	if got := SignMessage(key, compressed, m.Message); got != m.Signature {
		t.Errorf("message: %s", got)
	}
	script, err := address.Decode(m.Address, network.Regtest())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := VerifyMessage(script, m.Signature, m.Message); !ok || err != nil {
		t.Errorf("verify: %v, %v", ok, err)
	}
}

func TestVerifyMessageRefuses(t *testing.T) {
	key, err := DerivePath(make([]byte, 16), "m")
	if err != nil {
		t.Fatal(err)
	}
	for _, compressed := range []bool{true, false} {
		raw := key.PubKey().SerializeCompressed()
		if !compressed {
			raw = key.PubKey().SerializeUncompressed()
		}
		script := address.PubKeyHashScript(address.Hash160(raw))
		sig := SignMessage(key, compressed, "text")
		if ok, err := VerifyMessage(script, sig, "text"); !ok || err != nil {
			t.Errorf("compressed %v: %v, %v", compressed, ok, err)
		}
		// Headers of BIP137 for segwit addresses, of which Core ignores the high bits.
		marked, _ := base64.StdEncoding.DecodeString(sig)
		for marked[0] < 248 {
			marked[0] += 8
			if ok, err := VerifyMessage(script, base64.StdEncoding.EncodeToString(marked), "text"); !ok || err != nil {
				t.Errorf("header %d: %v, %v", marked[0], ok, err)
			}
		}
		for name, c := range map[string][2]string{
			"another text":      {sig, "texT"},
			"another signature": {SignMessage(key, !compressed, "text"), "text"},
			"too short":         {"AAAA", "text"},
			"empty":             {"", "text"},
			"no point":          {strings.Repeat("A", 88-1) + "=", "text"},
		} {
			if ok, err := VerifyMessage(script, c[0], c[1]); ok || err != nil {
				t.Errorf("%s: %v, %v", name, ok, err)
			}
		}
		if _, err := VerifyMessage(script, "not base64!", "text"); !errors.Is(err, ErrEncoding) {
			t.Error(err)
		}
	}
	if _, err := VerifyMessage(Bech32.Script(key.PubKey()), "", "text"); !errors.Is(err, ErrNotP2PKH) {
		t.Error(err)
	}
}

// TestSignLowR holds signatures of many keys and hashes against the rules.
func TestSignLowR(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		hash := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")
		seed[31] |= 1
		key, err := address.ParsePrivateKey(seed)
		if err != nil {
			t.Skip()
		}
		sig := SignLowR(key, hash)
		der := sig.Serialize()
		if !sig.Verify(hash, key.PubKey()) || len(der) > 70 || ecdsa.VerifyLowS(der) != nil {
			t.Fatalf("%x", der)
		}
		if again := SignLowR(key, hash); !again.IsEqual(sig) {
			t.Fatal("not deterministic")
		}
	})
}

func BenchmarkSignLowR(b *testing.B) {
	key, _ := DerivePath(make([]byte, 16), "m")
	hash := make([]byte, 32)
	b.Run("library", func(b *testing.B) {
		for i := range b.N {
			hash[0], hash[1], hash[2] = byte(i), byte(i>>8), byte(i>>16)
			ecdsa.Sign(key, hash)
		}
	})
	b.Run("low R", func(b *testing.B) {
		for i := range b.N {
			hash[0], hash[1], hash[2] = byte(i), byte(i>>8), byte(i>>16)
			SignLowR(key, hash)
		}
	})
}
