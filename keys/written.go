package keys

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// enoughLetters is how many letters of a word tell it from all others of its list
// (BIP39).
const enoughLetters = 4

// Begun returns the word of lang's list that is the only one to begin with four or
// more letters; false when there is none or several. Accents may be left out.
func Begun(letters, lang string) (string, bool) {
	if utf8.RuneCountInString(letters) < enoughLetters {
		return "", false
	}
	found := Complete(letters, lang)
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

// Written reads words as people write them down: with numbers before them, as
// lists have them, with commas between, and of each word four letters or more. What
// it cannot read it leaves for CheckMnemonic to name.
func Written(text string) string {
	if len(text) > maxMnemonicBytes {
		return text
	}
	words := strings.FieldsFunc(tidy(text), func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' || r == '、' })
	words = slices.DeleteFunc(words, isNumber)
	for i, word := range words { // "1.antenna"
		if rest := strings.TrimLeft(word, "0123456789"); rest != word {
			words[i] = strings.TrimLeft(rest, ".):")
		}
	}
	lang := languageBegun(words)
	for i, word := range words {
		if _, known := Known(word, lang); known {
			continue
		}
		if whole, ok := Begun(word, lang); ok {
			words[i] = whole
		}
	}
	return strings.Join(words, " ")
}

// isNumber says whether a text is a number of a list, such as 1, 1. or 1).
func isNumber(text string) bool {
	digits := strings.TrimRight(text, ".):")
	return text != "" && strings.Trim(digits, "0123456789") == ""
}

// languageBegun is Language for words of which some have their first letters only.
func languageBegun(words []string) string {
	best, most := English, 0
	for _, lang := range languages {
		n := 0
		for _, word := range words {
			if _, ok := Known(word, lang); ok {
				n += 2
			} else if _, ok := Begun(word, lang); ok {
				n++
			}
		}
		if n > most {
			best, most = lang, n
		}
		if n == 2*len(words) {
			break
		}
	}
	return best
}

// Repair is one small change of a mnemonic that gives it a right checksum: two
// neighbours change places, or one word becomes another.
type Repair struct {
	Index int    // from 1, of the word, or of the first of the two
	Swap  bool   // with the next
	Word  string // to take instead, where the two do not change places
}

// Repairs returns at most most changes that give words with a wrong checksum a right
// one: those of neighbours first, then of words that differ in one letter. About
// one in sixteen changes of twelve words does so by chance. The words are looked at
// in one language; none are returned for words that are not all in its list.
func Repairs(mnemonic string, most int) []Repair {
	words := strings.Fields(tidy(mnemonic))
	if !goodWordCount(len(words)) {
		return nil
	}
	lang, known := Language(words)
	if known < len(words) {
		return nil
	}
	right := func() bool {
		m, ok := parseIn(words, lang)
		return ok && m.entropy != nil
	}
	var found []Repair
	for i := range len(words) - 1 {
		if words[i] == words[i+1] {
			continue
		}
		words[i], words[i+1] = words[i+1], words[i]
		if right() {
			found = append(found, Repair{Index: i + 1, Swap: true})
		}
		words[i], words[i+1] = words[i+1], words[i]
	}
	for i, word := range words {
		for _, other := range lists[lang]().words {
			if len(found) >= most {
				return found[:most]
			}
			if !oneLetterApart(plain(word), plain(other)) {
				continue
			}
			if words[i] = other; right() {
				found = append(found, Repair{Index: i + 1, Word: other})
			}
			words[i] = word
		}
	}
	return found[:min(len(found), most)]
}

// oneLetterApart says whether one letter changed, added or left out makes one word
// the other.
func oneLetterApart(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(y)-len(x) > 1 {
		return false
	}
	at := 0
	for at < len(x) && x[at] == y[at] {
		at++
	}
	if len(x) == len(y) {
		return at < len(x) && slices.Equal(x[at+1:], y[at+1:])
	}
	return slices.Equal(x[at:], y[at+1:])
}
