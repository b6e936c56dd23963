package keys

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/lode-chain/lode/internal/nearest"
)

// English is the language in which new mnemonics are written.
const English = "english"

// languages names the word lists, in the order in which they are tried.
var languages = []string{
	English, "japanese", "korean", "spanish", "chinese_simplified", "chinese_traditional",
	"french", "italian", "czech", "portuguese", "russian", "turkish",
}

// Languages returns the names of the word lists: BIP39's own ten, russian and
// turkish.
func Languages() []string { return slices.Clone(languages) }

// wordList is one of the lists of 2,048 words, decomposed as BIP39 wants it
// (NFKD).
type wordList struct {
	words []string
	index map[string]int // of each word, as written and without accents
}

//go:embed words/*.gz
var wordFiles embed.FS

// lists holds the word lists, each unpacked when it is first asked for.
var lists = func() map[string]func() *wordList {
	m := make(map[string]func() *wordList)
	for _, lang := range languages {
		m[lang] = sync.OnceValue(func() *wordList { return loadWords(lang) })
	}
	return m
}()

func loadWords(lang string) *wordList {
	packed, err := wordFiles.ReadFile("words/" + lang + ".gz")
	if err != nil {
		panic(err) // it is part of the program
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	l := &wordList{words: strings.Fields(string(text)), index: make(map[string]int, 2048)}
	for i, w := range l.words {
		l.index[w] = i
		l.index[plain(w)] = i // no two words of a list differ in accents only
	}
	return l
}

// find returns the index of a word, which may lack its accents.
func (l *wordList) find(word string) (int, bool) {
	if i, ok := l.index[word]; ok {
		return i, true
	}
	i, ok := l.index[plain(word)]
	return i, ok
}

// listOf returns the list of a language; the empty name stands for English.
func listOf(lang string) (*wordList, error) {
	if lang == "" {
		lang = English
	}
	load, ok := lists[lang]
	if !ok {
		return nil, fmt.Errorf("there is no word list %q; there are %s", lang, strings.Join(languages, ", "))
	}
	return load(), nil
}

// tidy brings a word or sentence into the form of the lists: decomposed, in
// lower case, without characters that nobody sees, one space between words.
func tidy(s string) string {
	s = strings.ToLower(norm.NFKD.String(s))
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// plain drops the accents of a decomposed word.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, s)
}

// Known returns a word as its list has it; false when lang's list has no such
// word. Accents may be left out.
func Known(word, lang string) (string, bool) {
	l, err := listOf(lang)
	if err != nil || len(word) > maxMnemonicBytes {
		return "", false
	}
	i, ok := l.find(tidy(word))
	if !ok {
		return "", false
	}
	return l.words[i], true
}

// Nearest returns at most n words of lang's list that somebody who wrote word
// probably meant, the likeliest first.
func Nearest(word, lang string, n int) []string {
	l, err := listOf(lang)
	if err != nil || len(word) > maxMnemonicBytes {
		return nil
	}
	return nearest.Words(tidy(word), l.words, n)
}

// Complete returns the words of lang's list that begin with prefix, in the
// list's order. Accents may be left out of prefix.
func Complete(prefix, lang string) []string {
	l, err := listOf(lang)
	if err != nil || len(prefix) > maxMnemonicBytes {
		return nil
	}
	prefix = tidy(prefix)
	var exact, loose []string
	for _, w := range l.words {
		if strings.HasPrefix(w, prefix) {
			exact = append(exact, w)
		} else if strings.HasPrefix(plain(w), prefix) {
			loose = append(loose, w)
		}
	}
	return append(exact, loose...)
}

// Language returns the language whose list has most of words, English among
// equals, and how many it has. It tells the language while words are typed.
func Language(words []string) (lang string, known int) {
	lang = English
	for _, l := range languages {
		n := 0
		for _, w := range words {
			if _, ok := Known(w, l); ok {
				n++
			}
		}
		if n > known {
			lang, known = l, n
		}
		if known == len(words) {
			break
		}
	}
	return lang, known
}
