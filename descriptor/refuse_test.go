package descriptor

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
)

const (
	somePub  = "03a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd"
	otherPub = "0379e45b3cf75f9c5f9befd8e9506fb962f6a9d185ac87001ec44a8d3df8d4a9e3"
	someXPub = "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB"
	someXPrv = "xprv9s21ZrQH143K31xYSDQpPDxsXRTUcvj2iNHm5NUtrGiGG5e2DtALGdso3pGz6ssrdK4PFmM8NSpSBHNqPqm55Qn3LqFtT2emdEXVYsCzC2U"
	someWIF  = "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1"
)

// TestCoreMessages asks for each of Core's refusals that the vectors may not
// have.
func TestCoreMessages(t *testing.T) {
	many := func(n int) string { return strings.Repeat(","+otherPub, n) }
	deep := func(n int) string {
		return strings.Repeat("{", n) + "pk(" + somePub + ")" + strings.Repeat(",pk("+somePub+")}", n)
	}
	for text, want := range map[string]string{
		"":                                                   "'' is not a valid descriptor function",
		"wpkh()":                                             "wpkh(): No key provided",
		"wpkh(/1)":                                           "wpkh(): No key provided",
		"wpkh(zz)":                                           "wpkh(): key 'zz' is not valid",
		"wpkh(" + somePub:                                    "'wpkh(" + somePub + "' is not a valid descriptor function",
		"pk(" + somePub + "0)":                               "pk(): key '" + somePub + "0' is not valid",
		"pk(" + somePub[2:] + ")":                            "pk(): Pubkey '" + somePub[2:] + "' is invalid",
		"pk([d34db33f/1]" + somePub[:64] + ")":               "pk(): Pubkey '" + somePub[:64] + "' is invalid",
		"pkh(]" + somePub + ")":                              "pkh(): Key origin start '[ character expected but not found, got ']' instead",
		"pkh([zzzzzzzz]" + somePub + ")":                     "pkh(): Fingerprint 'zzzzzzzz' is not hex",
		"pkh([d34db33f/*]" + somePub + ")":                   "pkh(): Key path value '*' is not a valid uint32",
		"pkh([d34db33f/]" + somePub + ")":                    "pkh(): Key path value '' is not a valid uint32",
		"pkh(" + someXPub + "/-1)":                           "pkh(): Key path value '-1' is not a valid uint32",
		"pkh(" + someXPub + "/++1)":                          "pkh(): Key path value '++1' is not a valid uint32",
		"pkh(" + someXPub + "/1hh)":                          "pkh(): Key path value '1h' is not a valid uint32",
		"pkh(" + someXPub + "/4294967296)":                   "pkh(): Key path value '4294967296' is not a valid uint32",
		"pkh(" + someXPub + "/4294967295h)":                  "pkh(): Key path value 4294967295 is out of range",
		"pkh(" + someXPub + "/*/1)":                          "pkh(): Key path value '*' is not a valid uint32",
		"pkh(" + someXPub + "/<0;1>/*)":                      "pkh(): Key path value '<0;1>' is not a valid uint32",
		"multi()":                                            "Multi threshold '' is not valid",
		"multi(1)":                                           "Cannot have 0 keys in multisig; must have between 1 and 20 keys, inclusive",
		"multi(-1," + somePub + ")":                          "Multi threshold '-1' is not valid",
		"multi(0," + somePub + ")":                           "Multisig threshold cannot be 0, must be at least 1",
		"multi(1,zz)":                                        "Multi: key 'zz' is not valid",
		"wsh(multi(1" + many(21) + "))":                      "Cannot have 21 keys in multisig; must have between 1 and 20 keys, inclusive",
		"sh(multi(1" + many(16) + "))":                       "P2SH script is too large, 547 bytes is larger than 520 bytes",
		"multi_a(1," + somePub + ")":                         "Can only have multi_a/sortedmulti_a inside tr()",
		"wsh(sortedmulti_a(1," + somePub + "))":              "Can only have multi_a/sortedmulti_a inside tr()",
		"tr(" + somePub + ",multi(1," + somePub + "))":       "Can only have multi/sortedmulti at top level, in sh(), or in wsh()",
		"tr(" + somePub + ",sortedmulti(1," + somePub + "))": "Can only have multi/sortedmulti at top level, in sh(), or in wsh()",
		"tr(" + somePub + ",multi_a(2," + somePub + "))":     "Multisig threshold cannot be larger than the number of keys; threshold is 2 but only 1 keys specified",
		"tr(" + somePub + ",multi_a(1" + many(1000) + "))":   "Cannot have 1000 keys in multi_a; must have between 1 and 999 keys, inclusive",
		"tr(" + somePub + ",wpkh(" + somePub + "))":          "Can only have wpkh() at top level or inside sh()",
		"tr(" + somePub + ",wsh(pk(" + somePub + ")))":       "Can only have wsh() at top level or inside sh()",
		"tr(" + somePub + ",tr(" + somePub + "))":            "Can only have tr at top level",
		"sh(tr(" + somePub + "))":                            "Can only have tr at top level",
		"sh(rawtr(" + somePub + "))":                         "Can only have rawtr at top level",
		"wsh(raw(00))":                                       "Can only have raw() at top level",
		"sh(addr(1))":                                        "Can only have addr() at top level",
		"tr(" + somePub + ",{pk(" + somePub + ")})":          "tr(): expected ',' after script expression",
		"tr(" + somePub + ",{pk(" + somePub + "),pk(" + somePub + "),pk(" + somePub + ")})": "tr(): expected '}' after script expression",
		"tr(" + somePub + ",pk(" + somePub + "),pk(" + somePub + "))":                       "tr(): expected ')' after script expression",
		"tr(" + somePub + "," + deep(129) + ")":                                             "tr() supports at most 128 nesting levels",
		"tr()":                                                                              "tr(): No key provided",
		"tr(" + somePub + ",)":                                                              "'' is not a valid descriptor function",
		"rawtr(" + somePub + "," + somePub + ")":                                            "rawtr(): only one key expected.",
		"raw(0)":                                                                            "Raw script is not hex",
		"raw()":                                                                             "Raw script is not hex",
		"pk_k(" + somePub + ")":                                                             "Miniscript expressions can only be used in wsh or tr.",
		"and_v(v:pk(" + somePub + "),pk(" + otherPub + "))":                                 "Miniscript expressions can only be used in wsh or tr.",
		"sh(and_v(v:pk(" + somePub + "),pk(" + otherPub + ")))":                             "Miniscript expressions can only be used in wsh or tr.",
		"wsh(and_v(v:pk(" + somePub + "),pk(" + somePub + ")))":                             "and_v(v:pk(" + somePub + "),pk(" + somePub + ")) is not sane: contains duplicate public keys",
		"wsh(and_v(v:pk(zz),pk(" + somePub + ")))":                                          "key 'zz' is not valid",
		"raw(00)#":    "Expected 8 character checksum, not 0 characters",
		"raw(00)#a#b": "Multiple '#' symbols",
		"raw(é)":      "Invalid characters in payload",
	} {
		_, err := Parse(text, mainnet())
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.90s: accepted", text)
		} else if e.Message != want {
			t.Errorf("%.90s: %q, want %q", text, e.Message, want)
		}
	}
	for _, text := range []string{
		"tr(" + somePub + "," + deep(128) + ")",
		"tr(" + somePub + ",multi_a(1" + many(999) + "))",
		"sh(multi(1" + many(15) + "))",
		"wsh(multi(+1" + many(20) + "))",
		"pkh([D34DB33F/1'/+2]" + someXPub + "/+3/*)",
		"raw(6A)",
	} {
		d, err := Parse(text, mainnet())
		if err != nil {
			t.Errorf("%.60s: %v", text, err)
			continue
		}
		again, err := ParseChecked(d.String(), mainnet())
		if err != nil || again.String() != d.String() {
			t.Errorf("%.60s: %v", text, err)
		}
	}
	if _, err := Parse("raw("+strings.Repeat("00", maxDescriptorBytes)+")", mainnet()); err == nil {
		t.Error("a megabyte is accepted")
	}
}

// TestOtherNetwork refuses keys and addresses of another network and names it.
func TestOtherNetwork(t *testing.T) {
	for _, text := range []string{
		"wpkh(" + someXPub + "/*)", "wpkh(" + someXPrv + "/*)", "wpkh(" + someWIF + ")", "wsh(and_v(v:pk(" + someXPub + "),older(1)))",
		"tr(" + someXPub + ",pk(" + somePub + "))", "multi(1," + somePub + "," + someWIF + ")", "addr(bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4)",
	} {
		if _, err := Parse(text, mainnet()); err != nil {
			t.Errorf("%s on its own network: %v", text, err)
		}
		_, err := Parse(text, network.Regtest())
		if !errors.Is(err, ErrNetwork) || !strings.Contains(err.Error(), "mainnet") || !strings.Contains(err.Error(), "regtest") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Parse("wpkh(zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs/0/*)", mainnet()); err == nil || !strings.Contains(err.Error(), "zpub key (SLIP-132)") {
		t.Error(err)
	}
}

// TestChecksumPlace says at which character a descriptor goes wrong.
func TestChecksumPlace(t *testing.T) {
	good := "wsh(sortedmulti(2,[d34db33f/48h/0h/0h/2h]" + someXPub + "/0/*," + somePub + "))"
	sum := Checksum(good)
	for at := 0; at < len(good); at += 2 {
		wrong := []byte(good)
		wrong[at] = "abx3"[at%4]
		if wrong[at] == good[at] {
			wrong[at] = '7'
		}
		if wrong[at] == good[at] {
			continue
		}
		_, err := Parse(string(wrong)+"#"+sum, mainnet())
		if !errors.Is(err, ErrChecksum) || !strings.Contains(err.Error(), fmt.Sprintf("character %d is probably wrong: with %q there", at+1, good[at])) {
			t.Fatalf("%d: %v", at+1, err)
		}
		if !strings.Contains(err.Error(), "computed checksum '"+Checksum(string(wrong))+"'") {
			t.Fatalf("%d: %v", at+1, err)
		}
		if at == 0 || good[at] == good[at-1] {
			continue
		}
		swapped := []byte(good)
		swapped[at-1], swapped[at] = swapped[at], swapped[at-1]
		if _, err := Parse(string(swapped)+"#"+sum, mainnet()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("characters %d and %d have probably changed places", at, at+1)) {
			t.Fatalf("%d: %v", at+1, err)
		}
	}
	for i := range sum {
		wrong := []byte(sum)
		if wrong[i] = 'q'; sum[i] == 'q' {
			wrong[i] = 'p'
		}
		if _, err := Parse(good+"#"+string(wrong), mainnet()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("character %d of the checksum is probably wrong", i+1)) {
			t.Fatal(err)
		}
	}
	if _, err := Parse("raw(deedbeef)#89f8spbm", mainnet()); err == nil || !strings.Contains(err.Error(), `'b' is never used in a checksum`) {
		t.Error(err)
	}
	for zeros, want := range map[int]bool{maxLocated - len("raw()"): true, maxLocated: false} {
		text := "raw(" + strings.Repeat("0", zeros) + ")"
		sum := Checksum(text)
		_, err := Parse(strings.Replace(text, "0", "1", 1)+"#"+sum, mainnet())
		if !errors.Is(err, ErrChecksum) || strings.Contains(err.Error(), "character 5 is probably wrong") != want {
			t.Errorf("%d: %.200s", zeros, err)
		}
	}
	if _, err := ParseChecked("raw(deadbeef)", mainnet()); !errors.Is(err, ErrChecksum) || !strings.Contains(err.Error(), "it would be 89f8spxm") {
		t.Error(err)
	}
}

// TestHardenedUnderPublic refuses to derive hardened steps from a public key, and
// says what to do about it.
func TestHardenedUnderPublic(t *testing.T) {
	for _, text := range []string{"wpkh(" + someXPub + "/0h/*)", "wpkh(" + someXPub + "/*h)", "wsh(multi(1," + someXPrv + "/*h," + someXPub + "/1'/*))"} {
		d, err := Parse(text, mainnet())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		// The private key of the third is that of the same root, so it helps both.
		if d.HasPrivate() {
			d = d.Public()
		}
		if _, err := d.Scripts(0); !errors.Is(err, ErrNoPrivateKey) || !strings.Contains(err.Error(), "hardened step under a public key") {
			t.Errorf("%s: %v", text, err)
		}
	}
	d, err := Parse("wpkh("+someXPub+"/0h/*)", mainnet())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Normalized(); !errors.Is(err, ErrNoPrivateKey) {
		t.Error(err)
	}
}

// TestSameKeyTwice gives the private key once and finds it for both places, as
// Core does.
func TestSameKeyTwice(t *testing.T) {
	d, err := Parse("sh(multi(2,"+someXPrv+"/0/*,"+someXPub+"/1h/*,"+someWIF+","+somePub+"))", mainnet())
	if err != nil {
		t.Fatal(err)
	}
	text, complete, err := d.Private()
	if want := "sh(multi(2," + someXPrv + "/0/*," + someXPrv + "/1h/*," + someWIF + "," + someWIF + "))"; text != WithChecksum(want) || !complete || err != nil {
		t.Errorf("%s, %v, %v", text, complete, err)
	}
	d, err = Parse("tr("+someXPub+",{pk("+somePub[2:]+"),pk("+someWIF+")})", mainnet())
	if err != nil {
		t.Fatal(err)
	}
	text, complete, err = d.Private()
	if want := "tr(" + someXPub + ",{pk(" + someWIF + "),pk(" + someWIF + ")})"; text != WithChecksum(want) || complete || err != nil {
		t.Errorf("%s, %v, %v", text, complete, err)
	}
}

// TestSecretsDoNotPrint prints what holds private keys in all ways, and looks
// for them in errors.
func TestSecretsDoNotPrint(t *testing.T) {
	d, err := Parse("wsh(and_v(v:pk("+someXPrv+"/*),pk("+someWIF+")))", mainnet())
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := d.Scripts(0)
	if err != nil {
		t.Fatal(err)
	}
	o, err := d.Output(0, scripts[0])
	if err != nil {
		t.Fatal(err)
	}
	key, _ := o.Keys[1].PrivateKey()
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	for _, v := range []any{d, *d, o, *o, o.Keys, o.Keys[1], &o.Keys[1]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		log.Info("x", "v", v)
	}
	secret := fmt.Sprintf("%x", key.Serialize())
	for _, s := range []string{someXPrv, someWIF, secret, fmt.Sprint(key.Serialize())} {
		if strings.Contains(b.String(), s) {
			t.Errorf("printed: %s", s)
		}
	}
	for _, text := range []string{
		someWIF, someXPrv, "foo(" + someWIF + ")", "wpkh(" + someWIF + "/1)", "wpkh(" + someWIF[:51] + ")", "multi(" + someWIF + ",1)",
		"wpkh(" + someXPrv[:110] + "/0)", "wpkh(" + someXPrv + "/x)", "pkh([" + someWIF + "]" + somePub + ")", "pkh([" + someWIF[:8] + "/" + someWIF + "]" + somePub + ")",
		"wsh(and_v(v:pk(" + someXPrv + "),pk(" + someXPrv + ")))", "raw(" + someWIF + ")", "addr(" + someWIF + ")", "wpkh(" + someWIF + ")#" + "89f8spxm",
		"sh(wpkh(" + somePub + ")" + someXPrv + ")", "wpkh(" + strings.ReplaceAll(someWIF, "T", "l") + ")",
		"wpkh(" + someWIF[:26] + "-" + someWIF[26:] + ")", "wpkh(" + someWIF[:26] + "=" + someWIF[27:] + ")", "wpkh(" + someXPrv[:40] + "_" + someXPrv[40:] + ")",
	} {
		for _, p := range []*network.Params{mainnet(), network.Regtest()} {
			_, err := Parse(text, p)
			if err == nil {
				t.Errorf("%s: accepted", text)
				continue
			}
			for i := range len(text) - 20 {
				part := text[i : i+20]
				if (strings.Contains(someXPrv, part) || strings.Contains(someWIF, part)) && strings.Contains(err.Error(), part) {
					t.Errorf("%s", err)
					break
				}
			}
		}
	}
}

// TestMismatch refuses scripts that are not of the output.
func TestMismatch(t *testing.T) {
	d, err := Parse("tr("+somePub+",{pk("+somePub+"),pk("+otherPub+")})", mainnet())
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := d.Scripts(0)
	if err != nil {
		t.Fatal(err)
	}
	good, err := d.Output(0, scripts[0])
	if err != nil {
		t.Fatal(err)
	}
	redeem := []byte{0x51}
	hash := address.Hash160(redeem)
	for name, o := range map[string]Output{
		"redeem script":        {Script: scripts[0], RedeemScript: redeem},
		"other redeem script":  {Script: address.ScriptHashScript(hash), RedeemScript: []byte{0x52}},
		"witness script":       {Script: address.ScriptHashScript(hash), RedeemScript: redeem, WitnessScript: redeem},
		"internal key":         {Script: scripts[0], InternalKey: good.InternalKey},
		"no point":             {Script: scripts[0], InternalKey: bytes.Repeat([]byte{255}, 32), MerkleRoot: good.MerkleRoot},
		"leaf":                 {Script: scripts[0], Leaves: []Leaf{{Script: redeem, ControlBlock: good.Leaves[0].ControlBlock}}},
		"no control block":     {Script: scripts[0], Leaves: []Leaf{{Script: good.Leaves[0].Script}}},
		"another one's leaves": {Script: keys.Bech32m.Script(mustKey(t)), Leaves: good.Leaves},
	} {
		if _, err := OutputOfScripts(o); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OutputOfScripts(Output{Script: scripts[0], InternalKey: good.InternalKey, MerkleRoot: good.MerkleRoot}); err != nil {
		t.Error(err)
	}
}
