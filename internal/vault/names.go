package vault

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxName = 64 // characters; policy

// defaultKey matches nameKey of all default names.
var defaultKey = regexp.MustCompile(`^wallet[l2-9][ol2-9]*$`)

// DefaultName is the name of a wallet that was given none: its number is in
// it, so nothing has to be searched for.
func DefaultName(number int) string { return "Wallet" + strconv.Itoa(number) }

// CheckName refuses a name that a person could not type back or could take for
// something else: control, invisible and compatibility characters, letters of
// several alphabets, digits only (that is a number), a slash (it would not fit
// /wallet/NAME), a dash in front (a flag), and what sets names apart where several
// are paid: =, a comma, a semicolon, # in front. Wallets that have such a name
// from before keep it. Kind: ErrName.
func CheckName(name string) error {
	why := badName(name)
	if why == "" {
		return nil
	}
	return fmt.Errorf("%w %s: %s", ErrName, strconv.QuoteToASCII(clip(name)), why)
}

func badName(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case !utf8.ValidString(name):
		return "it is not UTF-8"
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Sprintf("it is longer than %d characters", maxName)
	case strings.TrimSpace(name) != name:
		return "it begins or ends with a space"
	case strings.HasPrefix(name, "-"):
		return "it begins with a dash, as a flag does"
	case strings.HasPrefix(name, "#"):
		return "it begins with #, as a comment in a file of payments does"
	}
	digits := true
	for _, r := range name {
		if !unicode.IsDigit(r) {
			digits = false
		}
		switch {
		case r == '/' || r == '\\':
			return "it contains a slash"
		case r == '=' || r == ',' || r == ';':
			return fmt.Sprintf("it contains %q, which separates names from amounts where several are paid", r)
		case r == ' ':
		case !unicode.IsGraphic(r) || unicode.IsSpace(r) || invisible(r):
			return fmt.Sprintf("it contains the character %U, which cannot be seen", r)
		}
	}
	if digits {
		return "digits only would be taken for a wallet's number"
	}
	if norm.NFKC.String(name) != name {
		return "it contains a character that has a plainer form"
	}
	return mixedScripts(name)
}

// invisible tells graphic characters that leave no ink of their own.
func invisible(r rune) bool {
	switch {
	case r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x2800: // fillers and the blank Braille pattern
		return true
	case unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Cf, r):
		return true
	}
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// mixedScripts refuses letters of two alphabets in one name, but for those
// that are written together (UTS 39's "highly restrictive": Latin with
// Chinese, Japanese or Korean).
func mixedScripts(name string) string {
	groups := map[string]string{"Han": "east", "Hiragana": "east", "Katakana": "east", "Hangul": "east", "Bopomofo": "east"}
	first := ""
	for _, r := range name {
		if !unicode.IsLetter(r) {
			continue
		}
		s := scriptOf(r)
		if s == "" {
			continue
		}
		if g, ok := groups[s]; ok {
			s = g
		}
		switch {
		case first == "" || first == s:
			first = s
		case first == "Latin" && s == "east", first == "east" && s == "Latin":
			first = "east"
		default:
			return "it mixes letters of different alphabets, which look alike"
		}
	}
	return ""
}

func scriptOf(r rune) string {
	if r < utf8.RuneSelf {
		return "Latin"
	}
	// Asked in the order of how common they are here; the rest in any order,
	// as a letter has one script only.
	for _, s := range [...]string{"Latin", "Cyrillic", "Greek", "Han", "Hiragana", "Katakana", "Hangul"} {
		if unicode.Is(unicode.Scripts[s], r) {
			return s
		}
	}
	for s, table := range unicode.Scripts {
		if s != "Common" && s != "Inherited" && unicode.Is(table, r) {
			return s
		}
	}
	return ""
}

// lookalikes maps letters to the Latin letter or digit that they are taken
// for, after case folding. It is the part of UTS 39's confusables that a whole
// name can be written with.
var lookalikes = map[rune]rune{
	'0': 'o', '1': 'l',
	// Cyrillic
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'к': 'k', 'ӏ': 'l', 'м': 'm', 'н': 'h', 'о': 'o',
	'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'т': 't', 'у': 'y', 'ѵ': 'v', 'ԝ': 'w', 'х': 'x',
	// Greek
	'α': 'a', 'β': 'b', 'ε': 'e', 'η': 'n', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ζ': 'z', 'μ': 'm',
	// Latin with little to tell it apart
	'ı': 'i', 'ɑ': 'a', 'ɡ': 'g',
}

// nameKey is what two names have in common when they are the same to a person.
func nameKey(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(norm.NFKC.String(name)) {
		if l, ok := lookalikes[r]; ok {
			r = l
		}
		b.WriteRune(r)
	}
	return b.String()
}

// sameName says whether a person who types a means b: case does not count.
func sameName(a, b string) bool {
	return strings.EqualFold(norm.NFC.String(a), norm.NFC.String(b))
}

// reserved says whether name is, or looks like, the default name of another
// wallet than number. Such names are kept free for the wallets to come.
func reserved(name string, number int) bool {
	return defaultKey.MatchString(nameKey(name)) && !strings.EqualFold(name, DefaultName(number))
}

func clip(s string) string {
	r := []rune(s)
	if len(r) > maxName {
		return string(r[:maxName]) + "…"
	}
	return s
}
