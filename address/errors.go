package address

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/btcsuite/btcd/address/v2/bech32"

	"github.com/lode-chain/lode/network"
)

// ErrorKind is a sort of failure; errors.Is finds it in every error of this
// package.
type ErrorKind string

// The sorts of failure.
const (
	// ErrFormat: not an address or key at all, or of a wrong length.
	ErrFormat ErrorKind = "unknown format"
	// ErrCharacter: letters that cannot be there, or upper and lower case mixed.
	ErrCharacter ErrorKind = "wrong character"
	// ErrChecksum: mistyped.
	ErrChecksum ErrorKind = "wrong checksum"
	// ErrNetwork: of another network.
	ErrNetwork ErrorKind = "of another network"
	// ErrProgram: a segwit address against the rules of BIP141 or BIP350.
	ErrProgram ErrorKind = "wrong witness program"
)

func (k ErrorKind) Error() string { return string(k) }

// Error says why a text is no address or key here. It never holds the text
// itself.
type Error struct {
	Kind ErrorKind
	// Message is Core's own text, as its validateaddress gives it.
	Message string
	// Locations are the bytes of the text, from 0, that are probably wrong, as
	// Core's validateaddress gives them.
	Locations []int
	// Hint is for the person who typed the text; may be empty.
	Hint string
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Hint
	}
	return strings.TrimSuffix(strings.ToLower(e.Message[:1])+e.Message[1:], ".")
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

func errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// hint explains a failure of Decode to the person who typed s, and may make its
// kind more exact.
func hint(s string, e *Error, p *network.Params) string {
	if text := StrangeCharacter(s); text != "" {
		e.Kind = ErrCharacter
		return text
	}
	switch {
	case s == "":
		return "the address is empty"
	case len(s) > maxAddressLength:
		return fmt.Sprintf("%d characters are too many for an address", len(s))
	}
	if text := foreign(s, p); text != "" {
		e.Kind = ErrNetwork
		return text
	}
	if text := keyInstead(s); text != "" {
		e.Kind = ErrFormat
		return text
	}
	switch {
	case e.Message == messageCharacters && s[e.Locations[0]] <= ' ':
		return "there is white space around the address"
	case e.Message == messageCharacters:
		return fmt.Sprintf("upper and lower case are mixed at character %d; write the address in one of them", e.Locations[0]+1)
	case e.Message == messageTooLong:
		return "the address is too long: at most 90 characters"
	case e.Message == messageBase32:
		return fmt.Sprintf("character %d, %q, is never used in such an address", e.Locations[0]+1, s[e.Locations[0]])
	case e.Kind == ErrChecksum && len(e.Locations) > 0:
		return "the address has a typing error, probably " + places(s, e.Locations)
	case e.Kind == ErrChecksum:
		return "the address has a typing error: its checksum does not match"
	case e.Kind == ErrFormat:
		return fmt.Sprintf("not an address; those of %s begin with %s1, or are in base58", p.Name, p.HRP)
	}
	return ""
}

// places names the characters at locations.
func places(s string, locations []int) string {
	var words []string
	for _, at := range locations {
		words = append(words, fmt.Sprintf("at character %d (%q)", at+1, rune(s[at])))
	}
	return strings.Join(words, " or ")
}

// foreign names the network of a well-formed address that is not of p.
func foreign(s string, p *network.Params) string {
	if hrp, data, _, err := bech32.DecodeGeneric(s); err == nil && hrp != p.HRP && len(data) > 0 {
		if name := networkOfHRP(hrp); name != "" {
			return fmt.Sprintf("this is a %s address; this chain is %s: ask for one that begins with %s1", name, p.Name, p.HRP)
		}
		return fmt.Sprintf("an address that begins with %s1 is of another network; those of %s begin with %s1", hrp, p.Name, p.HRP)
	}
	payload, ok := decodeBase58Check(s, 21)
	if !ok || len(payload) != 21 || payload[0] == p.PubKeyHashPrefix || payload[0] == p.ScriptHashPrefix {
		return ""
	}
	if name := networkOfPrefix(payload[0]); name != "" {
		return fmt.Sprintf("this is a %s address; this chain is %s: ask for one that begins with %s1", name, p.Name, p.HRP)
	}
	return fmt.Sprintf("an address with version byte %d is of another network; this chain is %s", payload[0], p.Name)
}

// keyInstead recognises keys that were given in place of an address.
func keyInstead(s string) string {
	payload, ok := decodeBase58Check(s, 78)
	switch {
	case !ok:
		return ""
	case len(payload) == 33 || len(payload) == 34 && payload[33] == 1:
		return "this is a private key, not an address; whoever sees it can take the coins"
	case len(payload) == 78:
		return "this is an extended key, not an address"
	}
	return ""
}

// StrangeCharacter describes the first character outside printable ASCII: where it
// is and what it looks like. It is empty when there is none; white space at either
// end is left to the decoders.
func StrangeCharacter(s string) string {
	position := 0
	for i, r := range s {
		position++
		if r > ' ' && r < 0x7f || r < utf8.RuneSelf && (trimSpace(s[:i+1]) == "" || trimSpace(s[i:]) == "") {
			continue
		}
		switch {
		case r == utf8.RuneError:
			return fmt.Sprintf("character %d is not valid text", position)
		case r == ' ':
			return fmt.Sprintf("there is a space at character %d", position)
		case unicode.IsSpace(r) || !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r):
			return fmt.Sprintf("character %d is invisible (%U); type it again without", position, r)
		case lookalikes[r] != 0:
			return fmt.Sprintf("character %d only looks like %q (it is %U); type it again", position, lookalikes[r], r)
		default:
			return fmt.Sprintf("character %d (%U) is never used in such a text", position, r)
		}
	}
	return ""
}

// lookalikes are the Cyrillic and Greek letters that most fonts draw as Latin
// ones. Full-width forms are told apart by their looks.
var lookalikes = map[rune]rune{
	'а': 'a', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'ӏ': 'l', 'о': 'o', 'р': 'p',
	'ԛ': 'q', 'ѕ': 's', 'ԝ': 'w', 'х': 'x', 'у': 'y', 'α': 'a', 'ο': 'o', 'ν': 'v', 'ρ': 'p', 'υ': 'u', 'ι': 'i',
	'А': 'A', 'В': 'B', 'С': 'C', 'Е': 'E', 'Н': 'H', 'І': 'I', 'Ј': 'J', 'К': 'K', 'М': 'M', 'О': 'O',
	'Р': 'P', 'Ѕ': 'S', 'Т': 'T', 'Х': 'X', 'У': 'Y', 'Α': 'A', 'Β': 'B', 'Ε': 'E', 'Ζ': 'Z', 'Η': 'H',
	'Ι': 'I', 'Κ': 'K', 'Μ': 'M', 'Ν': 'N', 'Ο': 'O', 'Ρ': 'P', 'Τ': 'T', 'Υ': 'Y', 'Χ': 'X',
}
