package keys

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/network"
)

func typeOf(purpose uint32) Type {
	for _, t := range Types() {
		if t.Purpose() == purpose {
			return t
		}
	}
	return ""
}

// TestAddresses checks 480 addresses of 96 accounts, with all that lies on the
// way to them.
func TestAddresses(t *testing.T) {
	var vectors []struct {
		Mnemonic, Passphrase, Network string
		Purpose                       uint32
		AccountPath                   string `json:"account_path"`
		AccountXPrv                   string `json:"account_xprv"`
		AccountXPub                   string `json:"account_xpub"`
		MasterFingerprint             string `json:"master_fingerprint"`
		Addresses                     []struct{ Path, PubKey, WIF, Address, ScriptPubKey string }
	}
	readVectors(t, "bip/bip44_49_84_86_addresses.json", &vectors)
	test := network.Regtest()
	test.Name, test.HRP = "test", "tb"
	nets := map[string]*network.Params{"main": mainnet(), "test": test, "regtest": network.Regtest()}
	seeds := make(map[[2]string][]byte)
	checked := 0
	for _, v := range vectors {
		id := [2]string{v.Mnemonic, v.Passphrase}
		if seeds[id] == nil {
			seeds[id] = Seed(v.Mnemonic, v.Passphrase)
		}
		seed, p := seeds[id], nets[v.Network]
		path, err := ParsePath(v.AccountPath)
		if err != nil {
			t.Fatal(err)
		}
		derived, err := DeriveAccount(seed, typeOf(v.Purpose), path[1]-Hardened, path[2]-Hardened)
		if err != nil {
			t.Fatal(err)
		}
		master, err := NewMaster(seed)
		if err != nil {
			t.Fatal(err)
		}
		fingerprint := master.Fingerprint()
		prv, err := derived.Key().EncodePrivate(p)
		if err != nil || prv != v.AccountXPrv || derived.Key().EncodePublic(p) != v.AccountXPub ||
			derived.Path() != v.AccountPath || hex.EncodeToString(fingerprint[:]) != v.MasterFingerprint {
			t.Errorf("%s %s: %s, %v", v.Network, v.AccountPath, prv, err)
		}
		for _, a := range v.Addresses {
			leaf, err := ParsePath(a.Path)
			if err != nil {
				t.Fatal(err)
			}
			chain, index := leaf[3], leaf[4]
			for _, account := range []*Account{derived, derived.Public()} {
				pub, script, err := account.Child(chain, index)
				text, ok := address.Encode(script, p)
				if err != nil || !ok || text != a.Address || hex.EncodeToString(script) != a.ScriptPubKey ||
					hex.EncodeToString(pub.SerializeCompressed()) != a.PubKey || account.ChildPath(chain, index) != a.Path {
					t.Errorf("%s %s: %s, %v", v.Network, a.Path, text, err)
				}
			}
			key, err := derived.PrivateChild(chain, index)
			if err != nil || address.EncodeWIF(key, true, p) != a.WIF {
				t.Errorf("%s %s: %v", v.Network, a.Path, err)
			}
			direct, err := DerivePath(seed, a.Path)
			if err != nil || !direct.Key.Equals(&key.Key) {
				t.Errorf("%s %s: %v", v.Network, a.Path, err)
			}
			if _, err := derived.Public().PrivateChild(chain, index); !errors.Is(err, ErrPublicOnly) {
				t.Errorf("private key of a public account: %v", err)
			}
			checked++
		}
	}
	if checked != 480 {
		t.Errorf("%d addresses", checked)
	}
}

// TestPublished checks the values as the BIPs print them.
func TestPublished(t *testing.T) {
	var vectors map[string]map[string]map[string]string
	readVectors(t, "bip/bip49_84_86_published.json", &vectors)
	seed := Seed(PublishedWords, "")

	key, err := DerivePath(seed, "m")
	if err != nil || hex.EncodeToString(key.Serialize()) != "1837c1be8e2995ec11cda2b066151be2cfb48adf9e47b151d46adab3a21cdf67" {
		t.Errorf("master key: %v", err)
	}

	bip49 := vectors["bip49"]
	account, err := DeriveAccount(seed, P2SHSegwit, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	first := bip49["Account 0, first receiving private key = m/49'/1'/0'/0/0"]
	key, err = account.PrivateChild(Receive, 0)
	if err != nil || "0x"+hex.EncodeToString(key.Serialize()) != first["account0recvPrivateKeyHex"] ||
		address.EncodeWIF(key, true, network.Regtest()) != first["account0recvPrivateKey"] ||
		"0x"+hex.EncodeToString(key.PubKey().SerializeCompressed()) != first["account0recvPublicKeyHex"] {
		t.Errorf("bip49: %v", err)
	}
	if got := "0x" + hex.EncodeToString(P2SHSegwit.RedeemScript(key.PubKey())); got != bip49["Address derivation"]["scriptSig"] {
		t.Errorf("bip49: redeem script %s", got)
	}
	text, _ := address.Encode(P2SHSegwit.Script(key.PubKey()), network.Regtest())
	if want := bip49["addressBytes base58check encoded for testnet"]["address"]; text+" (testnet)" != want {
		t.Errorf("bip49: %s, want %s", text, want)
	}

	checked := 0
	for name, where := range map[string][2]uint32{"first receiving": {0, 0}, "second receiving": {0, 1}, "first change": {1, 0}} {
		for bip, kind := range map[string]Type{"bip84": Bech32, "bip86": Bech32m} {
			account, err := DeriveAccount(seed, kind, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			for section, v := range vectors[bip] {
				if !strings.Contains(section, name) {
					continue
				}
				pub, script, err := account.Child(where[0], where[1])
				if err != nil {
					t.Fatal(err)
				}
				if text, _ := address.Encode(script, mainnet()); text != v["address"] {
					t.Errorf("%s, %s: %s", bip, section, text)
				}
				if internal := v["internal_key"]; internal != "" && (hex.EncodeToString(schnorr.SerializePubKey(pub)) != internal ||
					hex.EncodeToString(script[2:]) != v["output_key"] || hex.EncodeToString(script) != v["scriptPubKey"]) {
					t.Errorf("%s, %s: %x", bip, section, script)
				}
				if want := v["pubkey"]; want != "" && hex.EncodeToString(pub.SerializeCompressed()) != want {
					t.Errorf("%s, %s: %x", bip, section, pub.SerializeCompressed())
				}
				checked++
			}
		}
	}
	if checked != 6 {
		t.Errorf("%d addresses", checked)
	}
}

func TestTypes(t *testing.T) {
	key, err := DerivePath(make([]byte, 16), "m")
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range Types() {
		got, err := ParseType(strings.ToUpper(string(kind)))
		if err != nil || got != kind || kind.Purpose() != []uint32{44, 49, 84, 86}[i] {
			t.Errorf("%s: %s, %v", kind, got, err)
		}
		want := []address.Kind{address.P2PKH, address.P2SH, address.P2WPKH, address.P2TR}[i]
		if got := address.KindOf(kind.Script(key.PubKey())); got != want {
			t.Errorf("%s: script is %s", kind, got)
		}
		if (kind.RedeemScript(key.PubKey()) != nil) != (kind == P2SHSegwit) {
			t.Errorf("%s: redeem script", kind)
		}
	}
	for _, s := range []string{"", "segwit", "p2pkh", strings.Repeat("x", 10_000)} {
		if _, err := ParseType(s); err == nil || !strings.Contains(err.Error(), "bech32m") || len(err.Error()) > 200 {
			t.Errorf("%.20q: %v", s, err)
		}
	}
	if Type("x").Purpose() != 0 || Type("x").Script(key.PubKey()) != nil {
		t.Error("an unknown type has scripts")
	}
}

func TestAccountBounds(t *testing.T) {
	seed := make([]byte, 16)
	a, err := DeriveAccount(seed, Bech32, 1, 7)
	if err != nil || a.Type() != Bech32 || a.Number() != 7 {
		t.Fatalf("%v, %v", a, err)
	}
	if _, _, err := a.Child(2, 0); !errors.Is(err, ErrPath) {
		t.Errorf("chain 2: %v", err)
	}
	if _, _, err := a.Child(0, Hardened); err == nil {
		t.Error("hardened index")
	}
	if _, err := a.PrivateChild(2, 0); !errors.Is(err, ErrPath) {
		t.Errorf("chain 2: %v", err)
	}
	if _, err := a.PrivateChild(0, Hardened); !errors.Is(err, ErrPath) {
		t.Errorf("hardened index: %v", err)
	}
	for _, c := range []struct {
		t             Type
		coin, account uint32
	}{{"x", 1, 0}, {Bech32, Hardened, 0}, {Bech32, 1, Hardened}} {
		if _, err := DeriveAccount(seed, c.t, c.coin, c.account); err == nil {
			t.Errorf("%+v", c)
		}
	}
	if _, err := DeriveAccount(make([]byte, 3), Bech32, 1, 0); err == nil {
		t.Error("a seed of 3 bytes")
	}
}

func BenchmarkAccount(b *testing.B) {
	seed := Seed(PublishedWords, "")
	for b.Loop() {
		a, err := DeriveAccount(seed, Bech32, 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := a.Child(Receive, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChild(b *testing.B) {
	a, err := DeriveAccount(Seed(PublishedWords, ""), Bech32, 1, 0)
	if err != nil {
		b.Fatal(err)
	}
	for i := uint32(0); b.Loop(); i++ {
		if _, _, err := a.Child(Receive, i%Hardened); err != nil {
			b.Fatal(err)
		}
	}
}
