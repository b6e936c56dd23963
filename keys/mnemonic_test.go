package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

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

// mainnet returns mainnet's prefixes, in which the published vectors are
// written.
func mainnet() *network.Params {
	p := network.Regtest()
	p.Name, p.HRP, p.PubKeyHashPrefix, p.ScriptHashPrefix, p.WIFPrefix, p.CoinType = "main", "bc", 0, 5, 128, 0
	p.ExtPub, p.ExtPrv = [4]byte{0x04, 0x88, 0xb2, 0x1e}, [4]byte{0x04, 0x88, 0xad, 0xe4}
	return p
}

// checkVector runs one BIP39 vector through all that touches it.
func checkVector(t *testing.T, lang, entropy, mnemonic, passphrase, seed, xprv string) {
	t.Helper()
	normalized, _, err := CheckMnemonic(mnemonic)
	if err != nil {
		t.Errorf("%s %s: %v", lang, entropy, err)
		return
	}
	made, err := MnemonicOf(unhex(t, entropy), lang)
	if err != nil || made != normalized || made != norm.NFKD.String(strings.ReplaceAll(mnemonic, "\u3000", " ")) {
		t.Errorf("%s %s: made %q, %v", lang, entropy, made, err)
	}
	if got, err := Entropy(mnemonic); err != nil || hex.EncodeToString(got) != entropy {
		t.Errorf("%s %s: entropy %x, %v", lang, entropy, got, err)
	}
	for _, m := range []string{mnemonic, normalized} {
		if got := Seed(m, passphrase); hex.EncodeToString(got) != seed {
			t.Errorf("%s %s: seed %x", lang, entropy, got)
		}
	}
	master, err := NewMaster(unhex(t, seed))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := master.EncodePrivate(mainnet()); err != nil || got != xprv {
		t.Errorf("%s %s: %s, %v", lang, entropy, got, err)
	}
}

func TestBIP39(t *testing.T) {
	checked := 0
	for _, file := range []string{"bip39/trezor_vectors_english.json", "bip39/trezor_vectors_other_languages.json"} {
		var vectors map[string][][4]string
		readVectors(t, file, &vectors)
		for lang, list := range vectors {
			t.Run(lang, func(t *testing.T) {
				t.Parallel()
				for _, v := range list {
					checkVector(t, lang, v[0], v[1], "TREZOR", v[2], v[3])
				}
			})
			checked += len(list)
		}
	}
	var japanese []struct {
		Entropy, Mnemonic, Passphrase, Seed string
		XPrv                                string `json:"bip32_xprv"`
	}
	readVectors(t, "bip39/test_JP_BIP39.json", &japanese)
	for _, v := range japanese {
		checkVector(t, "japanese", v.Entropy, v.Mnemonic, v.Passphrase, v.Seed, v.XPrv)
		checked++
	}
	if checked != 24+200+15 {
		t.Errorf("%d vectors", checked)
	}
}

func TestWordLists(t *testing.T) {
	sums, err := os.ReadFile("../testdata/vectors/bip39/wordlists.sha256")
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range Languages() {
		l := lists[lang]()
		sum := sha256.Sum256([]byte(strings.Join(l.words, "\n") + "\n"))
		if want := fmt.Sprintf("%x  wordlist_%s.txt", sum, lang); !strings.Contains(string(sums), want) {
			t.Errorf("%s: the list is not BIP39's", lang)
		}
		seen := make(map[string]bool)
		for i, w := range l.words {
			if tidy(w) != w {
				t.Errorf("%s: %q is not in normal form", lang, w)
			}
			if at, ok := l.find(plain(w)); !ok || at != i || seen[plain(w)] {
				t.Errorf("%s: %q without accents is not unique", lang, w)
			}
			seen[plain(w)] = true
		}
		if len(l.words) != 2048 {
			t.Errorf("%s: %d words", lang, len(l.words))
		}
	}
}

// TestLanguages writes entropies in each language and has the language found.
func TestLanguages(t *testing.T) {
	for _, lang := range Languages() {
		for i := range 20 {
			sum := sha256.Sum256([]byte{byte(i)})
			m, err := MnemonicOf(sum[:16], lang)
			if err != nil {
				t.Fatal(err)
			}
			normalized, found, err := CheckMnemonic(strings.ToUpper(norm.NFC.String(m)))
			if lang == "turkish" { // its dotless i has no upper case of its own
				normalized, found, err = CheckMnemonic(norm.NFC.String(m))
			}
			if err != nil || normalized != m {
				t.Errorf("%s: %q, %v", lang, normalized, err)
			}
			if found != lang && !strings.HasPrefix(lang, "chinese_") {
				t.Errorf("%s: taken for %s", lang, found)
			}
		}
	}
	if _, err := MnemonicOf(make([]byte, 16), "klingon"); err == nil || !strings.Contains(err.Error(), "english, japanese") {
		t.Errorf("unknown language: %v", err)
	}
	if lang, known := Language([]string{"abaissar", "abeille", "abolir"}); lang != "french" || known != 2 {
		t.Errorf("%s, %d", lang, known)
	}
	if lang, known := Language([]string{"xyzzy"}); lang != English || known != 0 {
		t.Errorf("%s, %d", lang, known)
	}
}

func TestNewMnemonic(t *testing.T) {
	for words, size := range map[int]int{12: 16, 15: 20, 18: 24, 21: 28, 24: 32} {
		m, err := NewMnemonic(words, bytes.NewReader(make([]byte, size)))
		if err != nil || len(strings.Fields(m)) != words {
			t.Errorf("%d words: %q, %v", words, m, err)
		}
		if _, lang, err := CheckMnemonic(m); err != nil || lang != English {
			t.Errorf("%q: %s, %v", m, lang, err)
		}
		if _, err := NewMnemonic(words, bytes.NewReader(make([]byte, size-1))); err == nil {
			t.Errorf("%d words of too little entropy", words)
		}
	}
	for _, words := range []int{-3, 0, 3, 11, 13, 25, 27} {
		if _, err := NewMnemonic(words, bytes.NewReader(make([]byte, 64))); !errors.Is(err, ErrWordCount) {
			t.Errorf("%d words: %v", words, err)
		}
	}
	if m, _ := NewMnemonic(12, bytes.NewReader(make([]byte, 16))); m != PublishedWords {
		t.Errorf("zeros give %q", m)
	}
	for _, size := range []int{0, 4, 15, 17, 36} {
		if _, err := MnemonicOf(make([]byte, size), English); err == nil {
			t.Errorf("%d bytes of entropy", size)
		}
	}
}

const goodWords = "legal winner thank year wave sausage worth useful legal winner thank yellow"

func TestTidyInput(t *testing.T) {
	for _, s := range []string{
		goodWords, strings.ToUpper(goodWords), "  " + strings.ReplaceAll(goodWords, " ", "\n\t ") + "\n",
		strings.ReplaceAll(goodWords, " ", "\u3000"), strings.ReplaceAll(goodWords, " ", "\u00a0"),
		"\ufeff" + goodWords, strings.Replace(goodWords, "winner", "win\u200bner", 1),
		"ｌｅｇａｌ" + strings.TrimPrefix(goodWords, "legal"),
	} {
		if got, lang, err := CheckMnemonic(s); err != nil || got != goodWords || lang != English {
			t.Errorf("%q: %q, %s, %v", s, got, lang, err)
		}
	}
	spanish, err := MnemonicOf(bytes.Repeat([]byte{0x80}, 16), "spanish")
	if err != nil {
		t.Fatal(err)
	}
	if got, lang, err := CheckMnemonic(plain(spanish)); err != nil || got != spanish || lang != "spanish" || plain(spanish) == spanish {
		t.Errorf("without accents: %q, %s, %v", got, lang, err)
	}
}

// TestWrongWord makes one typing error in each word in turn.
func TestWrongWord(t *testing.T) {
	words := strings.Fields(goodWords)
	for i, w := range words {
		for _, typo := range []string{
			w[:1] + "qx" + w[1:], w[:len(w)-1] + "7", string(w[1]) + string(w[0]) + w[2:] + "9",
		} {
			bad := slices.Clone(words)
			bad[i] = typo
			_, _, err := CheckMnemonic(strings.Join(bad, " "))
			var e *MnemonicError
			if !errors.As(err, &e) || !errors.Is(err, ErrUnknownWord) || e.Index != i+1 || e.Word != typo || !slices.Contains(e.Nearest, w) {
				t.Errorf("%s for %s: %+v", typo, w, e)
			}
			if !strings.Contains(err.Error(), fmt.Sprintf("word %d, %q, is not in the english list; did you mean ", i+1, typo)) {
				t.Errorf("%v", err)
			}
		}
	}
}

func TestWrongMnemonics(t *testing.T) {
	japanese, _ := MnemonicOf(make([]byte, 16), "japanese")
	for name, c := range map[string]struct {
		s    string
		kind ErrorKind
		says string
	}{
		"empty":          {"", ErrWordCount, "here are 0"},
		"one word short": {strings.TrimSuffix(goodWords, " yellow"), ErrWordCount, "12, 15, 18, 21 or 24 words; here are 11"},
		"one too many":   {goodWords + " yellow", ErrWordCount, "here are 13"},
		"a huge text":    {strings.Repeat("x ", 5000), ErrWordCount, "here are 5000"},
		"another word":   {strings.Replace(goodWords, "winner", "winter", 1), ErrChecksum, "one of them is another word"},
		"words swapped":  {"winner legal thank year wave sausage worth useful legal winner thank yellow", ErrChecksum, "changed places"},
		"a long word":    {strings.Replace(goodWords, "winner", strings.Repeat("x", 25), 1), ErrUnknownWord, "word 2 is not in the english list"},
		"other letters":  {strings.Replace(goodWords, "yellow", "уellow", 1), ErrUnknownWord, "did you mean yellow"},
		"japanese typo":  {strings.Replace(japanese, norm.NFKD.String("あおぞら"), "あおぞり", 1), ErrUnknownWord, `word 12, "あおぞり", is not in the japanese list; did you mean あおぞら`},
	} {
		_, _, err := CheckMnemonic(c.s)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; it should say %q", name, err, c.says)
		}
	}
}

func TestNearestAndComplete(t *testing.T) {
	for word, want := range map[string]string{
		"abandn": "abandon", "abandno": "abandon", "abondon": "abandon", "zooo": "zoo", "Yelow": "yellow", "sausgae": "sausage",
	} {
		if got := Nearest(word, "", 3); len(got) == 0 || got[0] != want {
			t.Errorf("%s: %q", word, got)
		}
	}
	if got := Complete("aban", English); !slices.Equal(got, []string{"abandon"}) {
		t.Errorf("aban: %q", got)
	}
	if got := Complete("ZO", ""); !slices.Equal(got, []string{"zone", "zoo"}) {
		t.Errorf("ZO: %q", got)
	}
	if got := Complete("abdo", "spanish"); !slices.Equal(got, []string{norm.NFKD.String("abdomen")}) {
		t.Errorf("abdo: %q", got)
	}
	if got := Complete("arbol", "spanish"); !slices.Equal(got, []string{norm.NFKD.String("árbol")}) {
		t.Errorf("arbol: %q", got)
	}
	if got := Complete("", English); len(got) != 2048 {
		t.Errorf("nothing typed: %d words", len(got))
	}
	if w, ok := Known("ARBOL", "spanish"); !ok || w != norm.NFKD.String("árbol") {
		t.Errorf("%q", w)
	}
	long := strings.Repeat("a", maxMnemonicBytes+1)
	if _, ok := Known(long, English); ok || Nearest(long, English, 3) != nil || Complete(long, English) != nil || Complete("a", "klingon") != nil {
		t.Error("nonsense has answers")
	}
}

func TestLastWords(t *testing.T) {
	for _, m := range []string{goodWords, PublishedWords, strings.Repeat("zoo ", 23) + "vote"} {
		words := strings.Fields(m)
		got, err := LastWords(words[:len(words)-1], "")
		if want := 2048 >> (len(words) / 3); err != nil || len(got) != want || !slices.Contains(got, words[len(words)-1]) {
			t.Errorf("%s: %d words, want %d; %v", m, len(got), want, err)
		}
	}
	if _, err := LastWords(strings.Fields(goodWords), ""); !errors.Is(err, ErrWordCount) {
		t.Errorf("all words there: %v", err)
	}
	words := strings.Fields(goodWords)[:11]
	words[4] = "wawe"
	var e *MnemonicError
	if _, err := LastWords(words, ""); !errors.As(err, &e) || e.Index != 5 || !slices.Contains(e.Nearest, "wave") {
		t.Errorf("wrong word: %v", err)
	}
}

func TestIsPublished(t *testing.T) {
	chinese, _ := MnemonicOf(make([]byte, 32), "chinese_simplified")
	for _, m := range []string{PublishedWords, strings.ToUpper(PublishedWords), goodWords, chinese, hardhatWords, strings.Repeat("zoo ", 11) + "wrong"} {
		if !IsPublished(m) {
			t.Errorf("%q is published", m)
		}
	}
	own, _ := MnemonicOf([]byte("0123456789abcdef"), English)
	for _, m := range []string{own, "", "abandon"} {
		if IsPublished(m) {
			t.Errorf("%q is not published", m)
		}
	}
}

func FuzzCheckMnemonic(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		m, lang, err := CheckMnemonic(s)
		if err != nil {
			var e *MnemonicError
			if !errors.As(err, &e) || e.Error() == "" || (e.Kind == ErrUnknownWord) != (e.Index > 0) {
				t.Fatalf("%q: %#v", s, err)
			}
			return
		}
		again, sameLang, err := CheckMnemonic(m)
		if err != nil || again != m || sameLang != lang {
			t.Fatalf("%q: %q, then %q, %v", s, m, again, err)
		}
		entropy, err := Entropy(m)
		if err != nil {
			t.Fatal(err)
		}
		if made, err := MnemonicOf(entropy, lang); err != nil || made != m {
			t.Fatalf("%q: made again %q, %v", m, made, err)
		}
	})
}

func BenchmarkSeed(b *testing.B) {
	for b.Loop() {
		Seed(PublishedWords, "")
	}
}

func BenchmarkCheckMnemonic(b *testing.B) {
	for b.Loop() {
		if _, _, err := CheckMnemonic(goodWords); err != nil {
			b.Fatal(err)
		}
	}
}
