package keys

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/network"
)

func TestBIP32(t *testing.T) {
	var vectors struct {
		Valid []struct {
			Seed   string
			Chains []struct{ Path, Pub, Prv string }
		}
		Invalid []struct{ Key, Reason string }
	}
	readVectors(t, "bip/bip32.json", &vectors)
	p := mainnet()
	for _, v := range vectors.Valid {
		master, err := NewMaster(unhex(t, v.Seed))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range v.Chains {
			path, err := ParsePath(c.Path)
			if err != nil {
				t.Fatal(err)
			}
			k, err := master.Derive(path...)
			if err != nil {
				t.Fatalf("%s: %v", c.Path, err)
			}
			prv, err := k.EncodePrivate(p)
			if err != nil || prv != c.Prv || k.EncodePublic(p) != c.Pub {
				t.Errorf("seed %s %s: %s, %s, %v", v.Seed, c.Path, prv, k.EncodePublic(p), err)
			}
			for _, s := range []string{c.Prv, c.Pub} {
				read, err := ParseExtended(s, p)
				if err != nil || read.EncodePublic(p) != c.Pub || read.IsPrivate() != (s == c.Prv) {
					t.Errorf("%s: %v", s, err)
				}
				// One step at a time gives the same as all at once.
				if n := len(path); n > 0 && path[n-1] < Hardened {
					parent, err := master.Derive(path[:n-1]...)
					if err != nil {
						t.Fatal(err)
					}
					child, err := parent.Public().Derive(path[n-1])
					if err != nil || child.EncodePublic(p) != c.Pub {
						t.Errorf("%s from its public parent: %v", c.Path, err)
					}
				}
			}
			key, err := DerivePath(unhex(t, v.Seed), c.Path)
			want, _ := k.PrivateKey()
			if err != nil || !key.Key.Equals(&want.Key) {
				t.Errorf("%s: %v", c.Path, err)
			}
		}
	}
	for _, v := range vectors.Invalid {
		if _, err := ParseExtended(v.Key, p); !errors.Is(err, ErrExtendedKey) {
			t.Errorf("%s (%s): %v", v.Key, v.Reason, err)
		}
	}
	if len(vectors.Valid) != 4 || len(vectors.Invalid) != 16 {
		t.Errorf("%d and %d vectors", len(vectors.Valid), len(vectors.Invalid))
	}
}

// TestSecondOpinion compares derivations with another implementation's.
func TestSecondOpinion(t *testing.T) {
	p := network.Regtest()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 16, 64).Draw(t, "seed")
		path := Path(rapid.SliceOfN(rapid.Uint32(), 0, 4).Draw(t, "path"))
		ours, err := NewMaster(seed)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := hdkeychain.NewMaster(seed, &chaincfg.RegressionNetParams)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range path {
			if theirs, err = theirs.Derive(i); err != nil {
				t.Fatal(err)
			}
		}
		k, err := ours.Derive(path...)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.EncodePrivate(p); err != nil || got != theirs.String() {
			t.Fatalf("%s: %s, theirs %s", path, got, theirs)
		}
		child, err := k.Public().Derive(7)
		if err != nil {
			t.Fatal(err)
		}
		same, err := k.Derive(7)
		if err != nil || same.EncodePublic(p) != child.EncodePublic(p) {
			t.Fatal("the private and the public way part")
		}
	})
}

func TestExtendedKeyBounds(t *testing.T) {
	for _, size := range []int{0, 15, 65} {
		if _, err := NewMaster(make([]byte, size)); err == nil {
			t.Errorf("a seed of %d bytes", size)
		}
	}
	k, err := NewMaster(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	deep, err := k.Derive(make([]uint32, 255)...)
	if err != nil || deep.depth != 255 {
		t.Fatalf("255 steps: %v", err)
	}
	if _, err := deep.Derive(0); !errors.Is(err, ErrPath) {
		t.Errorf("256 steps: %v", err)
	}
	if _, err := k.Public().Derive(Hardened); !errors.Is(err, ErrPublicOnly) {
		t.Errorf("hardened child of a public key: %v", err)
	}
	if _, err := k.Public().PrivateKey(); !errors.Is(err, ErrPublicOnly) {
		t.Errorf("private key of a public one: %v", err)
	}
	if _, err := k.Public().EncodePrivate(network.Regtest()); !errors.Is(err, ErrPublicOnly) {
		t.Errorf("private text of a public one: %v", err)
	}
	if !k.IsPrivate() || k.Public().IsPrivate() || k.Fingerprint() != k.Public().Fingerprint() {
		t.Error("the public half is not the key's")
	}
}

func TestParseExtendedErrors(t *testing.T) {
	const xpub = "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8"
	for text, says := range map[string]string{
		xpub:                        "it is of mainnet; this chain is regtest",
		xpub[:50] + "x" + xpub[51:]: "checksum",
		"":                          "wrong extended key",
		"tpub":                      "wrong extended key",
		"0":                         "wrong extended key",
		strings.Repeat("z", 5000):   "wrong extended key",
		"cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N": "34 bytes instead of 78",
		// Unknown versions are told with those that would be right.
		"DMwo58pR1QLEFihHiXPVykYB6fJmsTeHvyTp7hRThAtCX8CvYzgPcn8XnmdfHGMQzT7ayAmfo4z3gY5KfbrZWZ6St24UVf2Qgo6oujFktLHdHY4": "043587cf and 04358394",
	} {
		_, err := ParseExtended(text, network.Regtest())
		if !errors.Is(err, ErrExtendedKey) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v; it should say %q", text, err, says)
		}
	}
}

func TestParsePath(t *testing.T) {
	for s, want := range map[string]string{
		"m": "m", "m/0": "m/0", "m/84'/1'/0'/0/5": "m/84'/1'/0'/0/5", "m/44h/1H/2147483647'": "m/44'/1'/2147483647'",
		"m" + strings.Repeat("/1", 255): "m" + strings.Repeat("/1", 255),
	} {
		if p, err := ParsePath(s); err != nil || p.String() != want {
			t.Errorf("%s: %s, %v", s, p, err)
		}
	}
	for _, s := range []string{
		"", "/", "m/", "m//0", "0", "84'/1'/0'", "M", "x/0", "m/-1", "m/+1", "m/1e3", "m/2147483648", "m/4294967296'", "m/0''", "m/'", "m/h",
		"m/0 ", " m", "m/0x1", "m/1_0", "m" + strings.Repeat("/1", 256), "m/" + strings.Repeat("9", 10_000),
	} {
		_, err := ParsePath(s)
		if !errors.Is(err, ErrPath) || len(err.Error()) > 200 {
			t.Errorf("%.40q: %v", s, err)
		}
		if _, err := DerivePath(make([]byte, 16), s); !errors.Is(err, ErrPath) {
			t.Errorf("%.40q: %v", s, err)
		}
	}
}

// TestSecretsDoNotPrint prints what holds secrets in every way there is.
func TestSecretsDoNotPrint(t *testing.T) {
	seed := Seed(PublishedWords, "")
	master, err := NewMaster(seed)
	if err != nil {
		t.Fatal(err)
	}
	account, err := DeriveAccount(seed, Bech32, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, k := range []*ExtendedKey{master, account.Key()} {
		key, err := k.PrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		prv, err := k.EncodePrivate(network.Regtest())
		if err != nil {
			t.Fatal(err)
		}
		decimal := strings.Trim(fmt.Sprint(key.Serialize()), "[]")
		secrets = append(secrets, hex.EncodeToString(key.Serialize()), prv, decimal, fmt.Sprint(k.chain), hex.EncodeToString(k.chain[:]))
		words := fmt.Sprintf("%d", key.Key)
		secrets = append(secrets, strings.Trim(words, "{}[]"))
	}
	holder := struct {
		Key     *ExtendedKey
		Value   ExtendedKey
		Account *Account
		List    []any
	}{master, *master, account, []any{*account, master}}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%T"} {
		for _, v := range []any{master, *master, account, *account, holder, &holder} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(h)
		log.Info("x", "key", master, "value", *master, "account", account, "value", *account, "holder", holder)
	}
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(s)) {
			t.Errorf("%s was printed", s)
		}
	}
	if got := fmt.Sprint(master, master.Public(), account); got != "[extended private key] [extended public key] [account m/84'/1'/0']" {
		t.Error(got)
	}
	if fmt.Sprint((*Account)(nil), (*ExtendedKey)(nil)) != "<nil> <nil>" {
		t.Error("nothing does not print as nothing")
	}
}

func TestErrorsHoldNoKeys(t *testing.T) {
	k, err := NewMaster(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	good, err := k.EncodePrivate(network.Regtest())
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		_, err := ParseExtended(good[:i]+"z"+good[i+1:], network.Regtest())
		if err != nil && strings.Contains(err.Error(), good[60:70]) {
			t.Fatalf("%v", err)
		}
	}
	var e *address.Error
	if _, err := ParseExtended(good+"\u200b", network.Regtest()); !errors.As(err, &e) || !strings.Contains(err.Error(), "invisible") {
		t.Errorf("%v", err)
	}
}
