package address

import (
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/network"
)

// TestCoreKeys checks Core's own keys against their addresses.
func TestCoreKeys(t *testing.T) {
	var vectors struct {
		WIF        []map[string]string
		BadAddress []string `json:"bad_address"`
	}
	readVectors(t, "core/keys_and_messages.json", &vectors)
	p := bitcoin()["main"]
	if len(vectors.WIF) != 4 {
		t.Fatalf("%d keys", len(vectors.WIF))
	}
	for _, v := range vectors.WIF {
		key, compressed, err := DecodeWIF(v["wif"], p)
		if err != nil || compressed != strings.HasSuffix(v["name"], "C") {
			t.Fatalf("%s: %v", v["wif"], err)
		}
		pub := key.PubKey().SerializeUncompressed()
		if compressed {
			pub = key.PubKey().SerializeCompressed()
		}
		if got, _ := Encode(PubKeyHashScript(Hash160(pub)), p); got != v["p2pkh_main"] {
			t.Errorf("%s: %s", v["wif"], got)
		}
	}
	for _, s := range vectors.BadAddress {
		if _, _, err := DecodeWIF(s, p); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestWIFErrors(t *testing.T) {
	const good = "cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N"
	order := btcec.S256().N.FillBytes(make([]byte, 32))
	for _, c := range []struct {
		text string
		kind ErrorKind
		says string
	}{
		{"5HxWvvfubhXpYYpS3tJkw6fq9jE9j18THftkZjHHfmFiWtmAbrj", ErrNetwork, "this is a mainnet private key; this chain is regtest"},
		{base58.CheckEncode(make([]byte, 32), 55), ErrNetwork, "of another network"},
		{strings.Replace(good, "z", "y", 1), ErrChecksum, "typing error"},
		{good[:51], ErrChecksum, "typing error"},
		{"", ErrFormat, "wallet import format"},
		{"0" + good[1:], ErrFormat, "wallet import format"},
		{good[:40], ErrFormat, "wallet import format"},
		{good[:20] + "\u200b" + good[20:], ErrCharacter, "invisible"},
		{base58.CheckEncode(make([]byte, 32), 239), ErrFormat, "out of range"},
		{base58.CheckEncode(order, 239), ErrFormat, "out of range"},
		{base58.CheckEncode(append(make([]byte, 32), 2), 239), ErrFormat, "wrong length"},
		{base58.CheckEncode(make([]byte, 31), 239), ErrFormat, "wrong length"},
		{strings.Repeat("z", 1000), ErrFormat, "wallet import format"},
	} {
		_, _, err := DecodeWIF(c.text, network.Regtest())
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v; it should say %q (%s)", c.text, err, c.says, c.kind)
		}
		if err != nil && len(c.text) > 20 && strings.Contains(err.Error(), c.text[5:20]) {
			t.Errorf("%q: the error holds the key: %v", c.text, err)
		}
	}
	if key, compressed, err := DecodeWIF(" "+good+"\n", network.Regtest()); err != nil || !compressed || EncodeWIF(key, true, network.Regtest()) != good {
		t.Errorf("white space around: %v", err)
	}
}

// TestWIFTypos makes every mistake of one letter and every swap of neighbours.
func TestWIFTypos(t *testing.T) {
	const good = "cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N"
	for i := range len(good) {
		for c := byte('!'); c < 0x7f; c++ {
			bad := good[:i] + string(c) + good[i+1:]
			if _, _, err := DecodeWIF(bad, network.Regtest()); (err == nil) != (bad == good) {
				t.Fatalf("%s: %v", bad, err)
			}
		}
		if i > 0 && good[i] != good[i-1] {
			bad := []byte(good)
			bad[i], bad[i-1] = bad[i-1], bad[i]
			if _, _, err := DecodeWIF(string(bad), network.Regtest()); err == nil {
				t.Fatalf("%s: accepted", bad)
			}
		}
	}
}

func TestExtVersion(t *testing.T) {
	for version, want := range map[[4]byte]struct {
		name    string
		private bool
	}{
		{0x04, 0x88, 0xb2, 0x1e}: {"mainnet", false}, {0x04, 0x88, 0xad, 0xe4}: {"mainnet", true},
		{0x04, 0x35, 0x87, 0xcf}: {"test network", false}, {0x04, 0x35, 0x83, 0x94}: {"test network", true},
	} {
		if name, private, ok := ExtVersion(version); !ok || name != want.name || private != want.private {
			t.Errorf("%x: %s %v", version, name, private)
		}
	}
	if _, _, ok := ExtVersion([4]byte{1}); ok {
		t.Error("an unknown version is known")
	}
}
