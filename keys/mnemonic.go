// Package keys makes keys of words and of seeds: mnemonics (BIP39), extended
// keys (BIP32), and accounts by the four common schemes (BIP44, BIP49, BIP84,
// BIP86).
//
// It also makes the entropy of words from rolls of dice, and the signatures of
// hashes and messages that Core makes of a key; what is signed in a transaction
// is the wallet's part. It stores and encrypts nothing. Randomness is passed in. Types that
// hold secrets print as a placeholder; secrets leave them only through methods
// whose names say so.
package keys

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lode-chain/lode/address"
)

// PublishedWords is the mnemonic of BIP39's first test vector, which everybody
// knows. Only the demonstration network may use it.
const PublishedWords = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

// hardhatWords is the mnemonic that Ethereum's development tools share.
const hardhatWords = "test test test test test test test test test test test junk"

// maxMnemonicBytes bounds a mnemonic that is looked at (policy); the longest
// sentence of any list has about 700.
const maxMnemonicBytes = 4096

// ErrorKind is a sort of failure of this package; errors.Is finds it.
type ErrorKind string

// The sorts of failure.
const (
	ErrWordCount    ErrorKind = "wrong number of words"
	ErrUnknownWord  ErrorKind = "unknown word"
	ErrChecksum     ErrorKind = "wrong checksum"
	ErrPath         ErrorKind = "wrong derivation path"
	ErrExtendedKey  ErrorKind = "wrong extended key"
	ErrInvalidChild ErrorKind = "no key at this index"
	ErrPublicOnly   ErrorKind = "no private key here"
	ErrNotP2PKH     ErrorKind = "messages are signed for addresses of a key's hash only (P2PKH)"
	ErrEncoding     ErrorKind = "not base64"
)

func (k ErrorKind) Error() string { return string(k) }

// MnemonicError says what is wrong with a mnemonic.
type MnemonicError struct {
	Kind     ErrorKind
	Count    int      // words there are
	Index    int      // from 1, of the wrong word; 0 when no single word is to blame
	Word     string   // that word
	Language string   // of most of the words
	Nearest  []string // at most three words that were probably meant
}

// Unwrap returns the kind.
func (e *MnemonicError) Unwrap() error { return e.Kind }

func (e *MnemonicError) Error() string {
	switch {
	case e.Kind == ErrWordCount:
		return fmt.Sprintf("a mnemonic has 12, 15, 18, 21 or 24 words; here are %d", e.Count)
	case e.Kind == ErrChecksum:
		return "the words do not belong together (wrong checksum): one of them is another word of the list, or two have changed places"
	case utf8.RuneCountInString(e.Word) > 24: // not a word; it may be some other secret
		return fmt.Sprintf("word %d is not in the %s list", e.Index, e.Language)
	}
	text := fmt.Sprintf("word %d, %q, is not in the %s list", e.Index, norm.NFC.String(e.Word), e.Language)
	if strange := address.StrangeCharacter(e.Word); strange != "" && e.Language == English {
		text += ": its " + strange
	}
	if len(e.Nearest) > 0 {
		text += "; did you mean " + norm.NFC.String(strings.Join(e.Nearest, ", ")) + "?"
	}
	return text
}

func goodWordCount(n int) bool { return n >= 12 && n <= 24 && n%3 == 0 }

// NewMnemonic returns an English mnemonic of 12, 15, 18, 21 or 24 words from
// fresh entropy of rand.
func NewMnemonic(words int, rand io.Reader) (string, error) {
	if !goodWordCount(words) {
		return "", &MnemonicError{Kind: ErrWordCount, Count: words}
	}
	entropy := make([]byte, words/3*4)
	if _, err := io.ReadFull(rand, entropy); err != nil {
		return "", fmt.Errorf("read entropy for a mnemonic: %w", err)
	}
	return MnemonicOf(entropy, English)
}

// MnemonicOf writes 16, 20, 24, 28 or 32 bytes of entropy in the words of lang.
func MnemonicOf(entropy []byte, lang string) (string, error) {
	if len(entropy)%4 != 0 || !goodWordCount(len(entropy)/4*3) {
		return "", fmt.Errorf("entropy of a mnemonic has 16, 20, 24, 28 or 32 bytes, not %d", len(entropy))
	}
	l, err := listOf(lang)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(entropy)
	bits := append(slices.Clone(entropy), sum[0])
	words := make([]string, len(entropy)/4*3)
	for i := range words {
		words[i] = l.words[elevenBits(bits, i)]
	}
	return strings.Join(words, " "), nil
}

// elevenBits returns the i-th group of eleven bits.
func elevenBits(b []byte, i int) int {
	first := i * 11
	var window [4]byte
	copy(window[:], b[first/8:])
	return int(binary.BigEndian.Uint32(window[:])<<(first%8)) >> 21 & 2047
}

// CheckMnemonic returns a mnemonic in its one normal form (NFKD, lower case,
// single spaces, accents where its list has them) and the language of its
// words. The error is a *MnemonicError.
func CheckMnemonic(s string) (normalized, lang string, err error) {
	m, err := parse(s)
	if err != nil {
		return "", "", err
	}
	return strings.Join(m.words, " "), m.lang, nil
}

// parsed is a mnemonic that has been checked.
type parsed struct {
	words   []string
	lang    string
	entropy []byte
}

func parse(s string) (*parsed, error) {
	if len(s) > maxMnemonicBytes {
		return nil, &MnemonicError{Kind: ErrWordCount, Count: len(strings.Fields(s))}
	}
	words := strings.Fields(tidy(s))
	if !goodWordCount(len(words)) {
		return nil, &MnemonicError{Kind: ErrWordCount, Count: len(words)}
	}
	// Lists share words, so a sentence may be spelled by more than one of them.
	// Its checksum then decides; where several agree, the seed is the same.
	allKnown := false
	for _, lang := range languages {
		m, ok := parseIn(words, lang)
		if ok && m.entropy != nil {
			return m, nil
		}
		allKnown = allKnown || ok
	}
	lang, _ := Language(words)
	if allKnown {
		return nil, &MnemonicError{Kind: ErrChecksum, Count: len(words), Language: lang}
	}
	at := slices.IndexFunc(words, func(w string) bool {
		_, ok := Known(w, lang)
		return !ok
	})
	return nil, &MnemonicError{
		Kind: ErrUnknownWord, Count: len(words), Index: at + 1, Word: words[at],
		Language: lang, Nearest: Nearest(words[at], lang, 3),
	}
}

// parseIn reads words in one language; false when its list lacks one of them.
// The entropy is nil when the checksum is wrong.
func parseIn(words []string, lang string) (*parsed, bool) {
	l := lists[lang]()
	m := &parsed{words: make([]string, len(words)), lang: lang}
	number := new(big.Int)
	for i, w := range words {
		at, ok := l.find(w)
		if !ok {
			return nil, false
		}
		m.words[i] = l.words[at]
		number.Lsh(number, 11).Or(number, big.NewInt(int64(at)))
	}
	checkBits := uint(len(words) / 3)
	check := byte(number.Uint64() & (1<<checkBits - 1))
	entropy := number.Rsh(number, checkBits).FillBytes(make([]byte, len(words)/3*4))
	if sha256.Sum256(entropy)[0]>>(8-checkBits) == check {
		m.entropy = entropy
	}
	return m, true
}

// Entropy returns what a mnemonic was made of.
func Entropy(mnemonic string) ([]byte, error) {
	m, err := parse(mnemonic)
	if err != nil {
		return nil, err
	}
	return m.entropy, nil
}

// LastWords returns the words of lang that complete the words before the last
// to a mnemonic with the right checksum: 128 for one of 12 words, 8 for 24.
func LastWords(words []string, lang string) ([]string, error) {
	if !goodWordCount(len(words) + 1) {
		return nil, &MnemonicError{Kind: ErrWordCount, Count: len(words) + 1}
	}
	l, err := listOf(lang)
	if err != nil {
		return nil, err
	}
	if lang == "" {
		lang = English
	}
	all := make([]string, len(words)+1)
	for i, w := range words {
		known, ok := Known(w, lang)
		if !ok {
			return nil, &MnemonicError{
				Kind: ErrUnknownWord, Count: len(all), Index: i + 1, Word: w,
				Language: lang, Nearest: Nearest(w, lang, 3),
			}
		}
		all[i] = known
	}
	var fitting []string
	for _, w := range l.words {
		all[len(words)] = w
		if m, ok := parseIn(all, lang); ok && m.entropy != nil {
			fitting = append(fitting, w)
		}
	}
	return fitting, nil
}

// Seed returns the 64-byte seed of a mnemonic and its BIP39 passphrase, which
// is empty for most. It does not check the mnemonic. It takes about a
// millisecond, on purpose; seeds of many mnemonics can be computed at once.
func Seed(mnemonic, bip39Passphrase string) []byte {
	salt := "mnemonic" + norm.NFKD.String(bip39Passphrase)
	seed, err := pbkdf2.Key(sha512.New, norm.NFKD.String(mnemonic), []byte(salt), 2048, 64)
	if err != nil {
		panic(fmt.Sprintf("keys: BIP39 needs PBKDF2, which this process forbids: %v", err))
	}
	return seed
}

// IsPublished reports whether a mnemonic is one that everybody knows: of the
// published vectors, in any language and length, or of other tools' demos.
func IsPublished(mnemonic string) bool {
	m, err := parse(mnemonic)
	if err != nil {
		return false
	}
	oneByte := !slices.ContainsFunc(m.entropy, func(b byte) bool { return b != m.entropy[0] })
	return oneByte || strings.Join(m.words, " ") == hardhatWords
}
