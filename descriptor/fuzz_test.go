package descriptor

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
)

// FuzzParse holds that any text is either refused with an *Error, or written and
// parsed again to the same, and that its scripts, if it gives any, agree with
// its outputs.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"core_descriptor_tests.json", "bip380_to_389.json"} {
		data, err := os.ReadFile("../testdata/vectors/descriptors/" + name)
		if err != nil {
			f.Fatal(err)
		}
		var all []map[string]any
		if err := json.Unmarshal(data, &all); err != nil {
			f.Fatal(err)
		}
		for _, v := range all {
			for _, field := range []string{"prv", "pub", "expr"} {
				if text, ok := v[field].(string); ok && len(text) < 2000 {
					f.Add(text)
				}
			}
		}
	}
	p := mainnet()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4000 {
			return
		}
		d, err := Parse(text, p)
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Message == "" || e.Kind == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		again, err := ParseChecked(d.String(), p)
		if err != nil || again.String() != d.String() || again.ID() != d.ID() || again.Ranged() != d.Ranged() {
			t.Fatalf("%q: written as %s: %v", text, d, err)
		}
		if private, complete, err := d.Private(); err == nil {
			full, err := ParseChecked(private, p)
			if err != nil || full.String() != d.String() {
				t.Fatalf("%q: private form: %v", text, err)
			}
			if same, all, err := full.Private(); err != nil || same != private || all != complete {
				t.Fatalf("%q: private form changes: %v", text, err)
			}
		}
		checkFuzzed(t, d, p)
	})
}

func checkFuzzed(t *testing.T, d *Descriptor, p *network.Params) {
	const index = 7
	scripts, err := d.Scripts(index)
	if err != nil {
		return
	}
	for _, script := range scripts {
		o, err := d.Output(index, script)
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		back, err := OutputOfScripts(*o)
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		for _, o := range []*Output{o, back} {
			if _, err := o.Satisfy(Material{}); !errors.Is(err, ErrUnsatisfiable) {
				t.Fatalf("%s: satisfied by nothing: %v", d, err)
			}
		}
		if !d.Solvable() {
			continue
		}
		inferred, err := ParseChecked(o.Infer(p), p)
		if err != nil {
			t.Fatalf("%s: inferred %s: %v", d, o.Infer(p), err)
		}
		if same, err := inferred.Scripts(0); err != nil || !bytes.Equal(same[0], script) {
			t.Fatalf("%s: inferred %s", d, inferred)
		}
	}
}

// BenchmarkScripts compares the scripts of one index with those of an account.
func BenchmarkScripts(b *testing.B) {
	seed := bytes.Repeat([]byte{7}, 16)
	p := network.Regtest()
	forms := map[keys.Type]func(key string) string{
		keys.Legacy:     func(key string) string { return "pkh(" + key + ")" },
		keys.P2SHSegwit: func(key string) string { return "sh(wpkh(" + key + "))" },
		keys.Bech32:     func(key string) string { return "wpkh(" + key + ")" },
		keys.Bech32m:    func(key string) string { return "tr(" + key + ")" },
	}
	for _, kind := range keys.Types() {
		account, err := keys.DeriveAccount(seed, kind, 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("account/"+string(kind), func(b *testing.B) {
			for i := range b.N {
				if _, _, err := account.Child(0, uint32(i)); err != nil {
					b.Fatal(err)
				}
			}
		})
		d, err := Parse(forms[kind]("[d34db33f/84h/1h/0h]"+account.Key().EncodePublic(p)+"/0/*"), p)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("descriptor/"+string(kind), func(b *testing.B) {
			for i := range b.N {
				if _, err := d.Scripts(uint32(i)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	account, _ := keys.DeriveAccount(seed, keys.Bech32, 1, 0)
	text := "wpkh([d34db33f/84h/1h/0h]" + account.Key().EncodePublic(p) + "/0/*)"
	b.Run("parse", func(b *testing.B) {
		for range b.N {
			if _, err := Parse(text, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOutput is what signing asks for each coin.
func BenchmarkOutput(b *testing.B) {
	seed := bytes.Repeat([]byte{7}, 16)
	p := network.Regtest()
	account, _ := keys.DeriveAccount(seed, keys.Bech32, 1, 0)
	private, _ := account.Key().EncodePrivate(p)
	public := account.Key().EncodePublic(p)
	for name, text := range map[string]string{
		"wpkh":       "wpkh(" + private + "/0/*)",
		"tr":         "tr(" + private + "/0/*)",
		"multisig":   "wsh(sortedmulti(2," + private + "/0/*," + public + "/1/*," + public + "/2/*))",
		"miniscript": "wsh(or_d(pk(" + private + "/0/*),and_v(v:pkh(" + public + "/1/*),older(144))))",
	} {
		d, err := Parse(text, p)
		if err != nil {
			b.Fatal(err)
		}
		scripts, err := d.Scripts(5)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if _, err := d.Output(5, scripts[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
