package address

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/lode-chain/lode/network"
)

func TestKindOf(t *testing.T) {
	key33, key65 := "02"+strings.Repeat("11", 32), "04"+strings.Repeat("22", 64)
	for _, c := range []struct {
		script string
		kind   Kind
		core   string
	}{
		{"76a914" + strings.Repeat("01", 20) + "88ac", P2PKH, "pubkeyhash"},
		{"a914" + strings.Repeat("01", 20) + "87", P2SH, "scripthash"},
		{"0014" + strings.Repeat("01", 20), P2WPKH, "witness_v0_keyhash"},
		{"0020" + strings.Repeat("01", 32), P2WSH, "witness_v0_scripthash"},
		{"5120" + strings.Repeat("01", 32), P2TR, "witness_v1_taproot"},
		{"51024e73", P2A, "anchor"},
		{"52024e73", WitnessUnknown, "witness_unknown"},
		{"5114" + strings.Repeat("01", 20), WitnessUnknown, "witness_unknown"},
		{"6028" + strings.Repeat("01", 40), WitnessUnknown, "witness_unknown"},
		{"0015" + strings.Repeat("01", 21), NonStandard, "nonstandard"},
		{"6029" + strings.Repeat("01", 41), NonStandard, "nonstandard"},
		{"5101" + "01", NonStandard, "nonstandard"},
		{"6a", NullData, "nulldata"},
		{"6a0401020304", NullData, "nulldata"},
		{"6a04010203", NonStandard, "nonstandard"},
		{"6aac", NonStandard, "nonstandard"},
		{"21" + key33 + "ac", P2PK, "pubkey"},
		{"41" + key65 + "ac", P2PK, "pubkey"},
		{"2105" + strings.Repeat("11", 32) + "ac", NonStandard, "nonstandard"},
		{"5121" + key33 + "51ae", Multisig, "multisig"},
		{"5221" + key33 + "41" + key65 + "52ae", Multisig, "multisig"},
		{"5221" + key33 + "51ae", NonStandard, "nonstandard"},
		{"5121" + key33 + "52ae", NonStandard, "nonstandard"},
		{"51" + strings.Repeat("21"+key33, 17) + "0111ae", Multisig, "multisig"},
		{"51" + strings.Repeat("21"+key33, 21) + "0115ae", NonStandard, "nonstandard"},
		{"51" + "21" + key33 + "0101ae", NonStandard, "nonstandard"},
		{"51ae", NonStandard, "nonstandard"},
		{"ae", NonStandard, "nonstandard"},
		{"5121" + key33 + "5161ae", NonStandard, "nonstandard"},
		{"", NonStandard, "nonstandard"},
		{"51", NonStandard, "nonstandard"},
	} {
		script := unhex(t, c.script)
		kind := KindOf(script)
		if kind != c.kind || kind.CoreName() != c.core {
			t.Errorf("%s: %s (%s), want %s", c.script, kind, kind.CoreName(), c.kind)
		}
		s, ok := Encode(script, network.Regtest())
		if want := !slices.Contains([]Kind{P2PK, Multisig, NullData, NonStandard}, kind); ok != want {
			t.Errorf("%s: address %q", c.script, s)
		}
		if !ok {
			continue
		}
		if back, err := Decode(s, network.Regtest()); err != nil || !bytes.Equal(back, script) {
			t.Errorf("%s: %s gives %x, %v", c.script, s, back, err)
		}
	}
	required, keys, ok := ParseMultisig(unhex(t, "5221"+key33+"41"+key65+"52ae"))
	if !ok || required != 2 || len(keys) != 2 || len(keys[1]) != 65 {
		t.Errorf("%d of %x", required, keys)
	}
}
