package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

const (
	goodAddress = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
	goodBase58  = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn" // of another network's twin
	goodWIF     = "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA"
	goodWords   = "legal winner thank year wave sausage worth useful legal winner thank yellow"

	charset32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	charset58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	letters   = "abcdefghijklmnopqrstuvwxyz"
)

// mistypes returns each text that differs from good by one character of the
// alphabet, by two neighbours that changed places, by one character missing or
// doubled, or by the case of one letter.
func mistypes(good, alphabet string) []string {
	var all []string
	for i, r := range good {
		for _, other := range alphabet {
			if other != r {
				all = append(all, good[:i]+string(other)+good[i+1:])
			}
		}
		if turned := unicode.ToUpper(r) + unicode.ToLower(r) - r; turned != r {
			all = append(all, good[:i]+string(turned)+good[i+1:])
		}
		if i > 0 && good[i-1] != good[i] {
			all = append(all, good[:i-1]+good[i:i+1]+good[i-1:i]+good[i+1:])
		}
		all = append(all, good[:i]+good[i+1:], good[:i]+good[i:i+1]+good[i:])
	}
	return all
}

// realProgram is the program on a chain of its own, where nobody can be asked.
func realProgram(t *testing.T) (run func(input string, args ...string) (code int, notes string), c *openChain) {
	t.Helper()
	params := network.Regtest()
	n, err := node.Open(t.Context(), node.Config{Dir: filepath.Join(t.TempDir(), "n"), Params: params, Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	c = &openChain{Client: n.Client(), node: n, params: params}
	return func(input string, args ...string) (int, string) {
		var notes bytes.Buffer
		p := &program{
			screen: &console.Screen{In: strings.NewReader(input), Out: io.Discard, Err: &notes, Plain: true},
			getenv: func(string) string { return "" }, now: time.Now,
			cwd:  func() (string, error) { return t.TempDir(), nil },
			lent: c,
		}
		code := p.run(context.Background(), args)
		return code, notes.String()
	}, c
}

// TestMistyped gives every single mistake in an address, a key and words to what
// takes them, through the client that all commands use. Each is refused, and
// nothing is made.
func TestMistyped(t *testing.T) {
	ctx := t.Context()
	_, c := realProgram(t)
	if _, err := c.NewWallets(ctx, rpc.NewWallets{Count: 1}); err != nil {
		t.Fatal(err)
	}
	pay := func(to string) error {
		_, err := c.PrepareSend(ctx, rpc.SendRequest{From: "1", To: to, Amount: 100_000})
		return err
	}
	watch := func(what string) error {
		_, err := c.Watch(ctx, rpc.WatchRequest{What: []string{what}})
		return err
	}
	bring := func(key string) error {
		_, err := c.ImportKey(ctx, rpc.ImportKey{Key: key})
		return err
	}
	restore := func(words string) error {
		_, err := c.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: words})
		return err
	}
	for _, take := range []struct {
		name, good, alphabet string
		do                   func(string) error
	}{
		{"pay", goodAddress, charset32, pay},
		{"watch", goodAddress, charset32, watch},
		{"pay", goodBase58, charset58, pay},
		{"watch", goodBase58, charset58, watch},
		{"import", goodWIF, charset58, bring},
		{"restore", goodWords, letters, restore},
	} {
		tries, other := 0, 0
		for _, bad := range mistypes(take.good, take.alphabet) {
			if take.name == "restore" {
				// Case is no part of words, and a wrong word that is in the list passes a
				// checksum of 4 bits now and then: nobody can know.
				if _, _, err := keys.CheckMnemonic(bad); err == nil {
					other++
					continue
				}
			}
			tries++
			if err := take.do(bad); err == nil || strings.Contains(err.Error(), "insufficient") {
				t.Errorf("%s: %s for %s: %v", take.name, bad, take.good, err)
			}
		}
		if tries < 1000 || other > 100 {
			t.Errorf("%s: %d mistakes and %d other texts of words", take.name, tries, other)
		}
	}
	all, err := c.ListAllWallets(ctx)
	if err != nil || len(all) != 1 {
		t.Errorf("%d wallets, %v", len(all), err)
	}
}

// TestStrangeCharacters types characters that look like others or like nothing
// into each command that takes an address, a key or words. The one line that comes
// back names the character and its place.
func TestStrangeCharacters(t *testing.T) {
	run, c := realProgram(t)
	if _, err := c.NewWallets(t.Context(), rpc.NewWallets{Count: 1}); err != nil {
		t.Fatal(err)
	}
	put := func(good string, at int, text string) string { return good[:at] + text + good[at+1:] }
	address := []struct{ bad, says string }{
		{put(goodAddress, 25, "а"), `character 26 only looks like 'a' (it is U+0430)`},
		{put(goodAddress, 25, "ａ"), `character 26 (U+FF41)`},
		{goodAddress[:9] + "\u200b" + goodAddress[9:], `character 10 is invisible (U+200B)`},
		{goodAddress + "\u2060", `character 45 is invisible (U+2060)`},
		{"\ufeff" + goodAddress, `character 1 is invisible (U+FEFF)`},
		{goodAddress[:9] + "\u00a0" + goodAddress[9:], `character 10 is invisible (U+00A0)`},
	}
	check := func(says, input string, args ...string) {
		t.Helper()
		code, notes := run(input, args...)
		if code != exitError || !strings.Contains(notes, says) || strings.Count(notes, "\n") != 1 {
			t.Errorf("%+q < %+q: code %d, %q; want %q in it", args, input, code, notes, says)
		}
	}
	for _, c := range address {
		check(c.says, "", "send", "--from", "1", "--to", c.bad, "--amount", "1", "--yes")
		check(c.says, "", "wallet", "watch", c.bad)
	}
	for _, c := range []struct{ bad, says string }{
		{put(goodWIF, 4, "е"), `character 5 only looks like 'e' (it is U+0435)`},
		{put(goodWIF, 4, "ｅ"), `character 5 (U+FF45)`},
		{goodWIF[:7] + "\u200d" + goodWIF[7:], `character 8 is invisible (U+200D)`},
		{"\ufeff" + goodWIF, `character 1 is invisible (U+FEFF)`},
	} {
		check(c.says, c.bad+"\n", "wallet", "import", "-")
	}
	check(`word 12, "уellow", is not in the english list: its character 1 only looks like 'y' (it is U+0443)`,
		strings.Replace(goodWords, "yellow", "уellow", 1)+"\n", "wallet", "restore")
	check(`did you mean yellow`, strings.Replace(goodWords, "yellow", "yеllow", 1)+"\n", "wallet", "restore")
	if all, err := c.ListAllWallets(t.Context()); err != nil || len(all) != 1 {
		t.Fatalf("%d wallets, %v", len(all), err)
	}
	// Words are compared in the normal form of BIP39, which has no other widths and,
	// here, nothing invisible: these are the same words.
	for i, same := range []string{strings.ToUpper(goodWords), strings.Replace(goodWords, "w", "ｗ", 1), strings.Replace(goodWords, "w", "\u200bw", 1)} {
		code, notes := run(same+"\n", "wallet", "restore", "--json")
		all, err := c.ListAllWallets(t.Context())
		if code != 0 || err != nil || len(all) != 2 {
			t.Errorf("%s: code %d, %s, %d wallets, %v", fmt.Sprint(i), code, notes, len(all), err)
		}
	}
}
