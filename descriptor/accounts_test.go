package descriptor

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
)

// TestAccounts derives the 480 addresses of BIP44, BIP49, BIP84 and BIP86 accounts
// by descriptors, in all the forms that a wallet may have them: from the master
// key, from the account's private key and from its public one.
func TestAccounts(t *testing.T) {
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
	forms := map[uint32]string{44: "pkh(%s)", 49: "sh(wpkh(%s))", 84: "wpkh(%s)", 86: "tr(%s)"}
	masters := map[string]*keys.ExtendedKey{}
	checked := 0
	for _, v := range vectors {
		p := nets[v.Network]
		master := masters[v.Mnemonic+v.Passphrase]
		if master == nil {
			var err error
			if master, err = keys.NewMaster(keys.Seed(v.Mnemonic, v.Passphrase)); err != nil {
				t.Fatal(err)
			}
			masters[v.Mnemonic+v.Passphrase] = master
		}
		xprv, err := master.EncodePrivate(p)
		if err != nil {
			t.Fatal(err)
		}
		steps := strings.ReplaceAll(strings.TrimPrefix(v.AccountPath, "m/"), "'", "h")
		origin := "[" + v.MasterFingerprint + "/" + steps + "]"
		for _, a := range v.Addresses {
			path, err := keys.ParsePath(a.Path)
			if err != nil {
				t.Fatal(err)
			}
			end := fmt.Sprintf("/%d/*", path[3])
			var normal string
			for i, key := range []string{xprv + "/" + steps + end, origin + v.AccountXPrv + end, origin + v.AccountXPub + end} {
				d, err := Parse(fmt.Sprintf(forms[v.Purpose], key), p)
				if err != nil {
					t.Fatal(err)
				}
				scripts, err := d.Scripts(path[4])
				if err != nil || len(scripts) != 1 || hex.EncodeToString(scripts[0]) != a.ScriptPubKey {
					t.Fatalf("%s: %x, %v", a.Path, scripts, err)
				}
				if text, _ := address.Encode(scripts[0], p); text != a.Address {
					t.Errorf("%s: %s, want %s", a.Path, text, a.Address)
				}
				o, err := d.Output(path[4], scripts[0])
				if err != nil || len(o.Keys) != 1 {
					t.Fatalf("%s: %v", a.Path, err)
				}
				k := &o.Keys[0]
				if hex.EncodeToString(k.Public) != a.PubKey || k.Path.String() != a.Path || hex.EncodeToString(k.Fingerprint[:]) != v.MasterFingerprint {
					t.Errorf("%s: key %x, path %s of %x", a.Path, k.Public, k.Path, k.Fingerprint)
				}
				if private, ok := k.PrivateKey(); ok != (i < 2) || ok && address.EncodeWIF(private, true, p) != a.WIF {
					t.Errorf("%s: another private key", a.Path)
				}
				text, err := d.Normalized()
				if err != nil || normal != "" && text != normal {
					t.Errorf("%s: normalized %s and %s, %v", a.Path, text, normal, err)
				}
				normal = text
			}
			checked++
		}
	}
	if checked != 480 {
		t.Errorf("%d addresses", checked)
	}
}
