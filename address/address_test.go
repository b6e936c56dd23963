package address

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/address/v2/bech32"

	"github.com/lode-chain/lode/network"
)

// readVectors decodes a JSON file of testdata/vectors.
func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// bitcoin returns the prefixes of Bitcoin's networks.
func bitcoin() map[string]*network.Params {
	main, test, signet := network.Regtest(), network.Regtest(), network.Regtest()
	main.Name, main.HRP, main.PubKeyHashPrefix, main.ScriptHashPrefix, main.WIFPrefix = "main", "bc", 0, 5, 128
	test.Name, test.HRP = "test", "tb"
	signet.Name, signet.HRP = "signet", "tb"
	return map[string]*network.Params{"main": main, "test": test, "signet": signet, "regtest": network.Regtest()}
}

func swapCase(s string) string {
	if lower(s) == s {
		return strings.ToUpper(s)
	}
	return lower(s)
}

func TestCoreValid(t *testing.T) {
	var vectors [][]json.RawMessage
	readVectors(t, "core/key_io_valid.json", &vectors)
	nets, checked := bitcoin(), 0
	for _, v := range vectors {
		var text, payload string
		var meta struct {
			Chain                                string
			IsPrivkey, IsCompressed, TryCaseFlip bool
		}
		for i, into := range []any{&text, &payload, &meta} {
			if err := json.Unmarshal(v[i], into); err != nil {
				t.Fatal(err)
			}
		}
		p, want := nets[meta.Chain], unhex(t, payload)
		checked++
		if meta.IsPrivkey {
			key, compressed, err := DecodeWIF(text, p)
			if err != nil || !bytes.Equal(key.Serialize(), want) || compressed != meta.IsCompressed {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if got := EncodeWIF(key, compressed, p); got != text {
				t.Errorf("%s encodes as %s", text, got)
			}
			if _, err := Decode(text, p); err == nil || !strings.Contains(err.Error(), "private key") {
				t.Errorf("%s as an address: %v", text, err)
			}
			continue
		}
		script, err := Decode(text, p)
		if err != nil || !bytes.Equal(script, want) {
			t.Errorf("%s: %x, %v", text, script, err)
		}
		if got, ok := Encode(want, p); !ok || got != text {
			t.Errorf("%s encodes as %s", text, got)
		}
		_, err = Decode(swapCase(text), p)
		if meta.TryCaseFlip != (err == nil) {
			t.Errorf("%s: %v", swapCase(text), err)
		}
		for name, other := range nets {
			shared := other.HRP == p.HRP || p.PubKeyHashPrefix == other.PubKeyHashPrefix && !strings.HasPrefix(text, p.HRP+"1")
			if _, err := Decode(text, other); (err == nil) != shared || err != nil && !errors.Is(err, ErrNetwork) {
				t.Errorf("%s on %s: %v", text, name, err)
			}
		}
		if _, _, err := DecodeWIF(text, p); err == nil {
			t.Errorf("%s is a private key", text)
		}
	}
	if checked < 50 {
		t.Errorf("%d vectors", checked)
	}
}

func TestCoreInvalid(t *testing.T) {
	var vectors [][]string
	readVectors(t, "core/key_io_invalid.json", &vectors)
	for _, v := range vectors {
		for name, p := range bitcoin() {
			if _, err := Decode(v[0], p); err == nil {
				t.Errorf("%q is an address on %s", v[0], name)
			}
			if _, _, err := DecodeWIF(v[0], p); err == nil {
				t.Errorf("%q is a key on %s", v[0], name)
			}
		}
	}
}

func TestBase58(t *testing.T) {
	var vectors [][2]string
	readVectors(t, "core/base58_encode_decode.json", &vectors)
	for _, v := range vectors {
		raw, ok := decodeBase58(v[1], 256)
		if !ok || !bytes.Equal(raw, unhex(t, v[0])) {
			t.Errorf("%q: %x", v[1], raw)
		}
		if got := base58.Encode(unhex(t, v[0])); got != v[1] {
			t.Errorf("%s: %q", v[0], got)
		}
	}
	// Core's bounds and white space.
	if _, ok := decodeBase58(strings.Repeat("1", 101), 100); ok {
		t.Error("101 bytes")
	}
	if _, ok := decodeBase58(strings.Repeat("z", 10_000), 100); ok {
		t.Error("10,000 letters")
	}
	if _, ok := decodeBase58(" \t1\n", 100); !ok {
		t.Error("white space around")
	}
	if _, ok := decodeBase58("1 1", 100); ok {
		t.Error("white space inside")
	}
}

type segwitVectors struct {
	ValidStrings   []string                                 `json:"valid_strings"`
	InvalidStrings []struct{ Hex, Reason string }           `json:"invalid_strings"`
	ValidSegwit    []struct{ Address, ScriptPubKey string } `json:"valid_segwit"`
	InvalidSegwit  []struct{ Hex, Reason string }           `json:"invalid_segwit"`
}

func TestBIP173AndBIP350(t *testing.T) {
	var vectors map[string]segwitVectors
	readVectors(t, "bip/bech32_bip173_bip350.json", &vectors)
	nets := bitcoin()
	for bip, v := range vectors {
		if len(v.ValidStrings)*len(v.InvalidStrings)*len(v.ValidSegwit)*len(v.InvalidSegwit) == 0 {
			t.Fatalf("%s: %+v", bip, v)
		}
		for _, s := range v.ValidStrings {
			if _, _, _, err := bech32.DecodeGeneric(s); err != nil {
				t.Errorf("%s %q: %v", bip, s, err)
			}
		}
		for _, s := range v.InvalidStrings {
			text := string(unhex(t, s.Hex))
			if _, _, version, err := bech32.DecodeGeneric(text); err == nil && (version == bech32.VersionM) == strings.HasSuffix(bip, "m") {
				t.Errorf("%s %q (%s): accepted", bip, text, s.Reason)
			}
		}
		for _, s := range v.InvalidSegwit {
			for name, p := range nets {
				if _, err := Decode(string(unhex(t, s.Hex)), p); err == nil {
					t.Errorf("%s %x (%s): accepted on %s", bip, s.Hex, s.Reason, name)
				}
			}
		}
		for _, s := range v.ValidSegwit {
			p := nets["main"]
			if lower(s.Address[:2]) == "tb" {
				p = nets["test"]
			}
			script, err := Decode(s.Address, p)
			if bip == "bip173_bech32" && !strings.HasPrefix(s.ScriptPubKey, "00") {
				if err == nil { // BIP350 supersedes these
					t.Errorf("%s: accepted", s.Address)
				}
				continue
			}
			if err != nil || hex.EncodeToString(script) != s.ScriptPubKey {
				t.Errorf("%s: %x, %v", s.Address, script, err)
			}
			if got, ok := Encode(script, p); !ok || got != lower(s.Address) {
				t.Errorf("%s encodes as %s", s.Address, got)
			}
		}
	}
}

// TestCoreMessages compares texts and locations with those of Core's
// validateaddress on regtest.
func TestCoreMessages(t *testing.T) {
	for _, c := range []struct {
		text, message string
		at            []int
	}{
		{"bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqdmchcc", "Version 1+ witness address must use Bech32m checksum", nil},
		{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7k35mrzd", "Version 0 witness address must use Bech32 checksum", nil},
		{"bcrt130xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqynjegk", "Invalid Bech32 address witness version", nil},
		{"bcrt1s0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav25430mtr", "Invalid Bech32 address program size (41 bytes)", nil},
		{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kqqq5k3my", "Invalid Bech32 v0 address program size (21 bytes), per BIP141", nil},
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "Invalid or unsupported Segwit (Bech32) or Base58 encoding.", nil},
		{
			"bcrt1q049edschfnwystcqnsvyfpj23mpsg3jcedq9xv049edschfnwystcqnsvyfpj23mpsg3jcedq9xv049edschfnwystcqnsvyfpj23m",
			"Bech32 string too long",
			[]int{90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107},
		},
		{"bcrt1q049edschfnwystcqnsvyfpj23mpsg3jcedq9xv", "Invalid Bech32 checksum", []int{9}},
		{"BCRT1QPLMTZKC2XHARPPZDLNPAQL78RSHJ68U32RAH7R", "Invalid Bech32 checksum", []int{38}},
		{"bcrt1qax9suht3qv95sw33xavx8crpxduefdrsvgsklu", "Invalid Bech32 checksum", []int{22, 43}},
		{"bcrtq049ldschfnwystcqnsvyfpj23mpsg3jcedq9xv", "Missing separator", nil},
		{"bcrt1q04oldschfnwystcqnsvyfpj23mpsg3jcedq9xv", "Invalid Base 32 character", []int{8}},
		{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081", "Invalid separator position", []int{43}},
		{"bcrt1qw508d6qejxtdg4y5R3Zarvary0c5xw7kygt080", "Invalid character or mixed case", []int{22, 24}},
		{"17VZNX1SN5NtKa8UQFxwQbFeFc3iqRYhem", "Invalid or unsupported Base58-encoded address.", nil},
		{"mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJJfn", "Invalid checksum or length of Base58 address (P2PKH or P2SH)", nil},
		{"asfah14i8fajz0123f", "Invalid or unsupported Segwit (Bech32) or Base58 encoding.", nil},
		{"", "Invalid checksum or length of Base58 address (P2PKH or P2SH)", nil},
		{"nosuch", "Invalid checksum or length of Base58 address (P2PKH or P2SH)", nil},
		{base58.CheckEncode(make([]byte, 19), 111), "Invalid length for Base58 address (P2PKH or P2SH)", nil},
		{base58.CheckEncode(make([]byte, 32), 239), "Invalid checksum or length of Base58 address (P2PKH or P2SH)", nil},
	} {
		_, err := Decode(c.text, network.Regtest())
		var e *Error
		if !errors.As(err, &e) || e.Message != c.message || !slices.Equal(e.Locations, c.at) {
			t.Errorf("%q: %+v; Core says %q %v", c.text, e, c.message, c.at)
		}
	}
	empty, _ := bech32.Encode("bcrt", nil)
	padded, _ := bech32.Encode("bcrt", []byte{0, 1})
	for text, message := range map[string]string{empty: "Empty Bech32 data section", padded: "Invalid padding in Bech32 data section"} {
		var e *Error
		if _, err := Decode(text, network.Regtest()); !errors.As(err, &e) || e.Message != message || !errors.Is(err, ErrProgram) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestHints checks what the person who typed an address is told.
func TestHints(t *testing.T) {
	const good = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
	office := network.Regtest()
	office.Name, office.HRP = "office", "office"
	lab := network.Regtest()
	lab.Name, lab.HRP, lab.PubKeyHashPrefix, lab.ScriptHashPrefix = "lab", "lab", 60, 61
	for _, c := range []struct {
		p    *network.Params
		text string
		kind ErrorKind
		says string
	}{
		{network.Regtest(), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", ErrNetwork, "this is a mainnet address; this chain is regtest"},
		{network.Regtest(), "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", ErrNetwork, "this is a testnet or signet address"},
		{network.Regtest(), "17VZNX1SN5NtKa8UQFxwQbFeFc3iqRYhem", ErrNetwork, "this is a mainnet address"},
		{network.Regtest(), base58.CheckEncode(make([]byte, 20), 48), ErrNetwork, "version byte 48"},
		{office, good, ErrNetwork, "this is a regtest address; this chain is office"},
		{lab, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", ErrNetwork, "this is a test network address; this chain is lab"},
		{network.Regtest(), encodeOn(t, office), ErrNetwork, "begins with office1"},
		{network.Regtest(), "", ErrChecksum, "the address is empty"},
		{network.Regtest(), "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt0q0", ErrChecksum, `probably at character 43 ('q')`},
		{network.Regtest(), "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJJfn", ErrChecksum, "its checksum does not match"},
		{network.Regtest(), "bcrt1qw508d6qejxtdg4y5R3zarvary0c5xw7kygt080", ErrCharacter, "mixed at character 23"},
		{network.Regtest(), "bcrt1qw5o8d6qejxtdg4y5r3zarvary0c5xw7kygt080", ErrCharacter, `character 9, 'o', is never used`},
		{network.Regtest(), good + "\u200b", ErrCharacter, "character 45 is invisible (U+200B)"},
		{network.Regtest(), "\ufeff" + good, ErrCharacter, "character 1 is invisible (U+FEFF)"},
		{network.Regtest(), "bcrt1qw508d6\u00adqejxtdg4y5r3zarvary0c5xw7kygt080", ErrCharacter, "character 13 is invisible"},
		{network.Regtest(), strings.Replace(good, "a", "а", 1), ErrCharacter, `character 26 only looks like 'a' (it is U+0430)`},
		{network.Regtest(), strings.Replace(good, "c", "с", 1), ErrCharacter, `character 2 only looks like 'c' (it is U+0441)`},
		{network.Regtest(), "bcrt1q w508d6", ErrCharacter, "there is a space at character 7"},
		{network.Regtest(), good + "\n", ErrCharacter, "white space around"},
		{network.Regtest(), "bcrt1é", ErrCharacter, "(U+00E9) is never used"},
		{network.Regtest(), "\xff", ErrCharacter, "not valid text"},
		{network.Regtest(), strings.Repeat("q", 1000), ErrFormat, "1000 characters are too many"},
		{network.Regtest(), "bcrt1" + strings.Repeat("q", 100), ErrFormat, "at most 90"},
		{network.Regtest(), "Wallet0", ErrFormat, "not an address; those of regtest begin with bcrt1"},
		{network.Regtest(), "cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N", ErrFormat, "this is a private key, not an address"},
		{
			network.Regtest(), "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
			ErrFormat, "this is an extended key",
		},
	} {
		_, err := Decode(c.text, c.p)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q on %s: %v; it should say %q (%s)", c.text, c.p.Name, err, c.says, c.kind)
		}
	}
}

func encodeOn(t *testing.T, p *network.Params) string {
	t.Helper()
	s, ok := Encode(WitnessScript(0, make([]byte, 20)), p)
	if !ok {
		t.Fatal("no address")
	}
	return s
}

// TestPrefixLikeBase58 has an HRP with which base58 addresses may begin too.
func TestPrefixLikeBase58(t *testing.T) {
	p := network.Regtest()
	p.HRP = "mi"
	for _, text := range []string{"mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", encodeOn(t, p)} {
		if _, err := Decode(text, p); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestTypos makes every mistake of one letter, and every swap of neighbours, in
// addresses of each form. Each must be refused, and be located where the code
// can do that.
func TestTypos(t *testing.T) {
	p := network.Regtest()
	for _, script := range [][]byte{
		PubKeyHashScript([20]byte{1, 2, 3}), ScriptHashScript([20]byte{4}), WitnessScript(0, []byte(strings.Repeat("k", 20))),
		WitnessScript(0, []byte(strings.Repeat("s", 32))), WitnessScript(1, []byte(strings.Repeat("t", 32))), WitnessScript(1, anchorProgram),
	} {
		good, _ := Encode(script, p)
		segwit := strings.HasPrefix(good, "bcrt1")
		letters := "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0OIl"
		for i := range len(good) {
			for _, c := range []byte(letters) {
				bad := good[:i] + string(c) + good[i+1:]
				if bad == good {
					continue
				}
				_, err := Decode(bad, p)
				var e *Error
				if !errors.As(err, &e) {
					t.Fatalf("%s: accepted", bad)
				}
				if segwit && i > 4 && strings.IndexByte(bech32Charset, c) >= 0 && !slices.Equal(e.Locations, []int{i}) {
					t.Fatalf("%s: %+v, not located at %d", bad, e, i)
				}
			}
			if i > 0 && good[i] != good[i-1] {
				bad := []byte(good)
				bad[i], bad[i-1] = bad[i-1], bad[i]
				_, err := Decode(string(bad), p)
				var e *Error
				if !errors.As(err, &e) || segwit && i > 5 && !slices.Equal(e.Locations, []int{i - 1, i}) {
					t.Fatalf("%s: %v", bad, err)
				}
			}
			for _, bad := range []string{good[:i] + good[i+1:], good[:i] + "q" + good[i:]} {
				if _, err := Decode(bad, p); err == nil {
					t.Fatalf("%s: accepted", bad)
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	p := network.Regtest()
	f.Fuzz(func(t *testing.T, s string) {
		script, err := Decode(s, p)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Message == "" || e.Error() == "" {
				t.Fatalf("%q: %#v", s, err)
			}
			for _, at := range e.Locations {
				if at < 0 || at >= len(s) {
					t.Fatalf("%q: location %d", s, at)
				}
			}
		} else if again, ok := Encode(script, p); !ok || again != trimSpace(s) && again != lower(s) {
			t.Fatalf("%q encodes as %q", s, again)
		}
		if key, compressed, err := DecodeWIF(s, p); err == nil && EncodeWIF(key, compressed, p) != trimSpace(s) {
			t.Fatalf("%q is another key's too", s)
		}
	})
}
