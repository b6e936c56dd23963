package descriptor

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
)

// TestRecorded holds every scriptPubKey that Bitcoin Core 28.1 described in its
// recorded replies against Infer.
func TestRecorded(t *testing.T) {
	data, err := os.ReadFile("../testdata/vectors/core/rpc_transcripts/chain.json")
	if err != nil {
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	collect(all, seen)
	kinds := map[string]bool{}
	for script, want := range seen {
		raw, err := hex.DecodeString(script)
		if err != nil {
			t.Fatal(err)
		}
		if got := Infer(raw, network.Regtest()); got != want {
			t.Errorf("%s: got %s, want %s", script, got, want)
		}
		kind, _, _ := strings.Cut(want, "(")
		kinds[kind] = true
	}
	for _, kind := range []string{"addr", "raw", "rawtr", "pk"} {
		if !kinds[kind] {
			t.Errorf("no %s() among the %d recorded ones", kind, len(seen))
		}
	}
}

func collect(v any, seen map[string]string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			collect(e, seen)
		}
	case map[string]any:
		script, ok1 := v["hex"].(string)
		desc, ok2 := v["desc"].(string)
		if ok1 && ok2 {
			seen[script] = desc
		}
		for _, e := range v {
			collect(e, seen)
		}
	}
}

func TestInferOdd(t *testing.T) {
	key := "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	for script, want := range map[string]string{
		"":                                "raw()",
		"6a":                              "raw(6a)",
		"51":                              "raw(51)",
		"21" + "02" + key + "ac":          "pk(02" + key + ")",
		"41" + "06" + key + key + "ac":    "raw(4106" + key + key + "ac)",
		"51" + "21" + "02" + key + "51ae": "multi(1,02" + key + ")",
		"5120" + strings.Repeat("ff", 32): "addr(bcrt1plllllllllllllllllllllllllllllllllllllllllllllllllllse0lp4e)",
	} {
		raw, err := hex.DecodeString(script)
		if err != nil {
			t.Fatal(err)
		}
		if got := Infer(raw, network.Regtest()); got != WithChecksum(want) {
			t.Errorf("%s: got %s, want %s", script, got, want)
		}
	}
}

// TestTypes asks for the type of every kind of address that addr() and raw() can
// have.
func TestTypes(t *testing.T) {
	hash, program := strings.Repeat("11", 20), strings.Repeat("11", 32)
	for script, want := range map[string]keys.Type{
		"76a914" + hash + "88ac": keys.Legacy, "a914" + hash + "87": keys.Legacy, "0014" + hash: keys.Bech32, "0020" + program: keys.Bech32,
		"5120" + program: keys.Bech32m, "51024e73": keys.Bech32m, "5220" + program: keys.Bech32m, "6a": "", "0015" + hash + "11": "",
	} {
		d, err := Parse("raw("+script+")", network.Regtest())
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := d.Type(); got != want || ok != (want != "") {
			t.Errorf("%s: %q", script, got)
		}
	}
}

// TestChecksum uses the examples of BIP380 and of Core's getdescriptorinfo.
func TestChecksum(t *testing.T) {
	for descriptor, want := range map[string]string{
		"raw(deadbeef)": "89f8spxm",
		"wpkh(02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9)": "8zl0zxma",
		"addr(bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080)":                       "8pk5s7ya",
		"raw()":  "58lrscpx",
		"raw(ü)": "",
	} {
		if got := Checksum(descriptor); got != want {
			t.Errorf("%s: got %s, want %s", descriptor, got, want)
		}
	}
}
