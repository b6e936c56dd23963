package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/rpc"
)

// Keys of the tests: the account of BIP32's first test vector on test networks,
// and its public half.
const (
	testXPrv = "tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK"
	testXPub = "tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B"
	mainXPub = "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB"
)

// importOne imports one descriptor by Core's method and returns its result.
func (p *purse) importOne(wallet string, fields map[string]any) importResult {
	p.t.Helper()
	if _, ok := fields["timestamp"]; !ok {
		fields["timestamp"] = "now"
	}
	var results []importResult
	if err := p.OnWallet(wallet).Call(p.t.Context(), "importdescriptors", &results, []any{fields}); err != nil {
		p.t.Fatalf("importdescriptors: %v", err)
	}
	return results[0]
}

// TestImportRefusals holds what importdescriptors and lode's own import refuse.
func TestImportRefusals(t *testing.T) {
	p := newPurse(t, "")
	p.core(nil, "createwallet", "keys", false, true)
	p.core(nil, "createwallet", "watch", true)
	sum := descriptor.WithChecksum
	ranged, single := sum("wpkh("+testXPrv+"/0/*)"), sum("wpkh("+testXPrv+"/7)")
	wrong := ranged[:len(ranged)-1] + "q"
	if wrong == ranged {
		wrong = ranged[:len(ranged)-1] + "p"
	}
	for _, c := range []struct {
		name, wallet string
		fields       map[string]any
		code         rpc.Code
		text         string
	}{
		{"no checksum", "keys", map[string]any{"desc": "wpkh(" + testXPrv + "/0/*)"}, rpc.CodeInvalidAddress, "Missing checksum"},
		{"wrong checksum", "keys", map[string]any{"desc": wrong}, rpc.CodeInvalidAddress, "checksum"},
		{"key of another network", "watch", map[string]any{"desc": sum("wpkh(" + mainXPub + "/0/*)")}, rpc.CodeInvalidAddress, "is not valid"},
		{"hardened step under a public key", "watch", map[string]any{"desc": sum("wpkh(" + testXPub + "/1h/*)")}, rpc.CodeWallet, "hardened derivations"},
		{"hardened wildcard", "keys", map[string]any{"desc": sum("wpkh(" + testXPrv + "/0/*h)")}, rpc.CodeWallet, "hardened derivations"},
		{"range over 2^31", "keys", map[string]any{"desc": ranged, "range": 1 << 31}, rpc.CodeInvalidParameter, "End of range is too high"},
		{"range too large", "keys", map[string]any{"desc": ranged, "range": []int{0, 1_000_000}}, rpc.CodeInvalidParameter, "Range is too large"},
		{"range backwards", "keys", map[string]any{"desc": ranged, "range": []int{2, 1}}, rpc.CodeInvalidParameter, "begin after end"},
		{"range below zero", "keys", map[string]any{"desc": ranged, "range": []int{-1, 10}}, rpc.CodeInvalidParameter, "greater or equal than 0"},
		{"range of a single one", "keys", map[string]any{"desc": single, "range": 5}, rpc.CodeInvalidParameter, "un-ranged descriptor"},
		{"next index", "keys", map[string]any{"desc": ranged, "range": 5, "next_index": 6}, rpc.CodeInvalidParameter, "next_index is out of range"},
		{"active single one", "keys", map[string]any{"desc": single, "active": true}, rpc.CodeInvalidParameter, "Active descriptors must be ranged"},
		{"label of a range", "keys", map[string]any{"desc": ranged, "range": 5, "label": "x"}, rpc.CodeInvalidParameter, "Ranged descriptors should not have a label"},
		{"label of change", "keys", map[string]any{"desc": single, "internal": true, "label": "x"}, rpc.CodeInvalidParameter, "Internal addresses should not have a label"},
		{"active combo", "keys", map[string]any{"desc": sum("combo(" + testXPrv + "/*)"), "range": 5, "active": true}, rpc.CodeWallet, "Combo descriptors cannot be set to active"},
		{"private keys to watch", "watch", map[string]any{"desc": ranged}, rpc.CodeWallet, "private keys disabled"},
		{"public keys to spend", "keys", map[string]any{"desc": sum("wpkh(" + testXPub + "/0/*)")}, rpc.CodeWallet, "without private keys"},
		{"several paths", "keys", map[string]any{"desc": sum("wpkh(" + testXPrv + "/<0;1>/*)")}, rpc.CodeInvalidAddress, ""},
	} {
		r := p.importOne(c.wallet, c.fields)
		if r.Success || r.Error == nil || r.Error.Code != c.code || !strings.Contains(r.Error.Message, c.text) {
			t.Errorf("%s: %+v %v, want %d %s", c.name, r, r.Error, c.code, c.text)
		}
		if r.Error != nil && strings.Contains(r.Error.Message, testXPrv[8:40]) {
			t.Errorf("%s: the message shows the key: %s", c.name, r.Error.Message)
		}
	}
	err := p.OnWallet("keys").Call(t.Context(), "importdescriptors", nil, []any{map[string]any{"desc": ranged}})
	refused(t, err, rpc.CodeType, "Missing required timestamp field for key")

	// lode's own methods say where and what.
	for desc, text := range map[string]string{
		wrong:                                "checksum",
		"wpkh(" + mainXPub + "/0/*)":         "regtest",
		"wpkh(" + testXPub + "/1h/*)":        "hardened",
		"wsh(multi(2," + testXPub + "/0/*))": "",
	} {
		_, err := p.ImportWallet(t.Context(), rpc.NewDescriptorWallet{Descriptors: []rpc.DescriptorImport{{Desc: &desc}}})
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", desc, err, text)
		}
	}
	for _, what := range []string{mainXPub, testXPrv, "bcrt1qnosuch", "", testXPub + "/0"} {
		if _, err := p.Watch(t.Context(), rpc.WatchRequest{What: []string{what}}); err == nil || strings.Contains(err.Error(), testXPrv[8:40]) {
			t.Errorf("watch %.12s: %v", what, err)
		}
	}
}

// TestImportedWallet spends what is paid to imported descriptors of each kind,
// gets the coins that were there before, and has all of it after a restart.
func TestImportedWallet(t *testing.T) {
	p := demo(t, 1)
	sum := descriptor.WithChecksum
	p.core(nil, "createwallet", "imported", false, true)
	in := p.OnWallet("imported")
	for _, d := range []string{
		"wpkh(" + testXPrv + "/84h/1h/0h/0/*)", "tr(" + testXPrv + "/86h/1h/0h/0/*)", "sh(wpkh(" + testXPrv + "/49h/1h/0h/0/*))", "pkh(" + testXPrv + "/44h/1h/0h/0/*)",
	} {
		if r := p.importOne("imported", map[string]any{"desc": sum(d), "active": true, "range": 10}); !r.Success {
			t.Fatalf("%s: %v", d, r.Error)
		}
	}
	for i, kind := range []string{"bech32", "bech32m", "p2sh-segwit", "legacy"} {
		var a string
		if err := in.Call(t.Context(), "getnewaddress", &a, "", kind); err != nil {
			t.Fatal(err)
		}
		p.pay("1", a, rpc.Amount(i+1)*coin)
	}
	p.mine(1, "1")
	check := func() {
		t.Helper()
		if w := p.wallet("imported"); w.Spendable != 10*coin || w.Coins != 4 {
			t.Errorf("%+v", w)
		}
	}
	check()
	// The same descriptors elsewhere, imported afterwards, find the same coins.
	text := sum("combo(" + testXPrv + "/84h/1h/0h/0/*)")
	w := must[rpc.DescriptorWallet](t)(p.ImportWallet(t.Context(), rpc.NewDescriptorWallet{Name: "combo", Descriptors: []rpc.DescriptorImport{{Desc: &text, Range: json.RawMessage("10")}}}))
	if w.Spendable != coin || w.WatchOnly {
		t.Errorf("%+v", w)
	}
	p.shut()
	p = newPurse(t, p.dir)
	check()
	var txid string
	if err := p.OnWallet("imported").Call(t.Context(), "sendtoaddress", &txid, p.wallet("1").Address, 9.9); err != nil {
		t.Fatal(err)
	}
	if b := p.wallet("combo"); b.Spendable != 0 {
		t.Errorf("its coin was spent by another wallet: %+v", b)
	}
	p.mine(1, "1")
}

// TestAddressTypes gives a wallet of words further types of addresses when they
// are asked for.
func TestAddressTypes(t *testing.T) {
	p := demo(t, 2)
	one := p.OnWallet("1")
	prefixes := map[string]string{"legacy": "mn", "p2sh-segwit": "2", "bech32": "b", "bech32m": "b"}
	for _, kind := range []string{"legacy", "p2sh-segwit", "bech32m", "bech32"} {
		var a, change string
		if err := one.Call(t.Context(), "getnewaddress", &a, kind, kind); err != nil {
			t.Fatal(err)
		}
		if err := one.Call(t.Context(), "getrawchangeaddress", &change, kind); err != nil {
			t.Fatal(err)
		}
		if !strings.ContainsAny(a[:1], prefixes[kind]) || a == change {
			t.Errorf("%s: %s and %s", kind, a, change)
		}
		p.pay("2", a, coin)
		p.mine(1, "2")
		var received rpc.Amount
		if err := one.Call(t.Context(), "getreceivedbyaddress", &received, a); err != nil || received != coin {
			t.Errorf("%s: %s is not seen: %s, %v", kind, a, received, err)
		}
		var info struct {
			IsMine bool     `json:"ismine"`
			Labels []string `json:"labels"`
			Parent string   `json:"parent_desc"`
		}
		if err := one.Call(t.Context(), "getaddressinfo", &info, a); err != nil || !info.IsMine || !slices.Equal(info.Labels, []string{kind}) || info.Parent == "" {
			t.Errorf("%s: %+v, %v", kind, info, err)
		}
	}
	var created struct{ Descs []string }
	refused(t, one.Call(t.Context(), "createwalletdescriptor", &created, "bech32m"), rpc.CodeWallet, "Descriptor already exists")
	if err := p.OnWallet("2").Call(t.Context(), "createwalletdescriptor", &created, "bech32m"); err != nil || len(created.Descs) != 2 {
		t.Errorf("%v, %v", created, err)
	}
	// All of it is spent at once.
	all := p.wallet("1").Spendable
	p.pay("1", "2", all-coin/100)
	p.mine(1, "2")
	p.shut()
	p = newPurse(t, p.dir)
	var d struct{ Descriptors []descriptorRow }
	if err := p.OnWallet("1").Call(t.Context(), "listdescriptors", &d); err != nil || len(d.Descriptors) != 8 {
		t.Errorf("%d descriptors, %v", len(d.Descriptors), err)
	}
}

// TestTypesWhileLocked cannot add a type without the words.
func TestTypesWhileLocked(t *testing.T) {
	p := newPurse(t, "")
	if err := p.SetPassphrase(t.Context(), "secret"); err != nil {
		t.Fatal(err)
	}
	p.make(rpc.NewWallets{Count: 1})
	p.core(nil, "walletlock")
	var a string
	p.core(&a, "getnewaddress", "fine")
	refused(t, p.Call(t.Context(), "getnewaddress", &a, "", "legacy"), rpc.CodeUnlockNeeded)
	refused(t, p.Call(t.Context(), "listdescriptors", nil, true), rpc.CodeUnlockNeeded)
	refused(t, p.Call(t.Context(), "signmessage", nil, a, "x"), rpc.CodeUnlockNeeded)
	_, err := p.Descriptors(t.Context(), rpc.DescriptorsRequest{Private: true})
	refused(t, err, rpc.CodeUnlockNeeded, "passphrase")
	if d := must[rpc.Descriptors](t)(p.Descriptors(t.Context(), rpc.DescriptorsRequest{Private: true, Passphrase: "secret"})); !strings.Contains(d.Descriptors[0].Desc, "tprv") {
		t.Errorf("%d descriptors", len(d.Descriptors))
	}
}

// TestLongLabel wastes no address on a label that cannot be kept.
func TestLongLabel(t *testing.T) {
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 1})
	var first, second string
	p.core(&first, "getnewaddress")
	refused(t, p.Call(t.Context(), "getnewaddress", nil, strings.Repeat("x", 1_025)), rpc.CodeInvalidLabel)
	p.core(&second, "getnewaddress")
	var info struct {
		Path string `json:"hdkeypath"`
	}
	p.core(&info, "getaddressinfo", second)
	if info.Path != "m/84h/1h/0h/0/2" {
		t.Errorf("%s", info.Path)
	}
}

// TestMultisigWallets makes the same multisig from both sides, and watches it.
func TestMultisigWallets(t *testing.T) {
	for _, form := range []string{"wsh", "sh-wsh", "sh", "tr"} {
		p := demo(t, 3)
		var list []string
		for n := 1; n <= 3; n++ {
			list = append(list, must[rpc.SharedKey](t)(p.SharedKey(t.Context(), rpc.SharedKeyRequest{Wallet: fmt.Sprint(n), Form: form})).Key)
		}
		watched := must[rpc.DescriptorWallet](t)(p.Multisig(t.Context(), rpc.MultisigRequest{Name: "watched", Required: 2, Keys: list, Form: form}))
		slices.Reverse(list)
		signs := must[rpc.DescriptorWallet](t)(p.Multisig(t.Context(), rpc.MultisigRequest{Name: "signs", Required: 2, Keys: list, Form: form, SignWith: "2"}))
		if watched.Address != signs.Address || !watched.WatchOnly || signs.WatchOnly || signs.Multisig != "2 of 3" {
			t.Errorf("%s: %+v, %+v", form, watched, signs)
		}
		p.pay("1", "signs", coin)
		p.mine(1, "1")
		if p.wallet("watched").Spendable != coin || p.wallet("signs").Spendable != coin {
			t.Errorf("%s: what is paid to a multisig is seen by all who have it", form)
		}
		slices.Reverse(list)
		if again := must[rpc.DescriptorWallet](t)(p.Multisig(t.Context(), rpc.MultisigRequest{Required: 2, Keys: list, Form: form})); !again.Already || again.Name != "watched" {
			t.Errorf("%s: once more: %+v", form, again)
		}
		p.shut()
	}
}

// TestUnloadedWallets hides a wallet from Core's methods only.
func TestUnloadedWallets(t *testing.T) {
	p := newPurse(t, "")
	p.core(nil, "createwallet", "a")
	refused(t, p.Call(t.Context(), "createwallet", nil, "a"), rpc.CodeWallet, "Database already exists")
	refused(t, p.Call(t.Context(), "loadwallet", nil, "a"), rpc.CodeAlreadyLoaded, "is already loaded")
	p.core(nil, "unloadwallet", "a")
	refused(t, p.Call(t.Context(), "getbalance", nil), rpc.CodeWalletNotFound, "No wallet is loaded.")
	refused(t, p.OnWallet("a").Call(t.Context(), "getbalance", nil), rpc.CodeWalletNotFound, "not loaded")
	if w := p.wallet("a"); w.Name != "a" {
		t.Errorf("lode's own methods see it: %+v", w)
	}
	p.core(nil, "loadwallet", "a")
	p.core(nil, "getbalance")
	refused(t, p.Call(t.Context(), "createwallet", nil, "x", true, false, "passphrase"), rpc.CodeWallet, "private keys are disabled")
	refused(t, p.Call(t.Context(), "createwallet", nil, "x", false, false, "", false, false), rpc.CodeWallet, "BDB wallet creation is deprecated")
	p.core(nil, "createwallet", "b", false, false, "", true)
	var info struct {
		AvoidReuse bool `json:"avoid_reuse"`
	}
	if err := p.OnWallet("b").Call(t.Context(), "getwalletinfo", &info); err != nil || !info.AvoidReuse {
		t.Errorf("%+v, %v", info, err)
	}
}
