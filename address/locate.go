package address

import (
	"slices"
	"strings"
	"sync"
)

// Core's texts for what it finds wrong in a bech32 string.
const (
	messageTooLong    = "Bech32 string too long"
	messageCharacters = "Invalid character or mixed case"
	messageSeparator  = "Invalid separator position"
	messageBase32     = "Invalid Base 32 character"
)

const (
	maxBech32Length    = 90 // characters (BIP173)
	bech32ChecksumSize = 6
	bech32Charset      = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// checksumConstants are what the checksum of an intact string comes to.
var checksumConstants = []struct {
	name  string
	value uint32
}{
	{"Bech32", 1},           // BIP173
	{"Bech32m", 0x2bc830a3}, // BIP350
}

// locateErrors says what is wrong with a string that is no bech32 string, and
// where if at most two letters of its data part are wrong (Core's
// bech32::LocateErrors).
func locateErrors(s string) *Error {
	if len(s) > maxBech32Length {
		e := &Error{Kind: ErrFormat, Message: messageTooLong}
		for i := maxBech32Length; i < len(s); i++ {
			e.Locations = append(e.Locations, i)
		}
		return e
	}
	if at := wrongCharacters(s); len(at) > 0 {
		return &Error{Kind: ErrCharacter, Message: messageCharacters, Locations: at}
	}
	separator := strings.LastIndexByte(s, '1')
	if separator < 0 {
		return &Error{Kind: ErrFormat, Message: "Missing separator"}
	}
	if separator == 0 || separator+bech32ChecksumSize >= len(s) {
		return &Error{Kind: ErrFormat, Message: messageSeparator, Locations: []int{separator}}
	}
	s = lower(s)
	values := make([]byte, 0, maxBech32Length)
	for i := separator + 1; i < len(s); i++ {
		v := strings.IndexByte(bech32Charset, s[i])
		if v < 0 {
			return &Error{Kind: ErrCharacter, Message: messageBase32, Locations: []int{i}}
		}
		values = append(values, byte(v))
	}

	best := &Error{Kind: ErrChecksum, Message: "Invalid checksum"}
	sum := polymod(s[:separator], values)
	for _, c := range checksumConstants {
		at := locate(sum^c.value, len(values))
		if len(at) > 0 && (best.Locations == nil || len(at) < len(best.Locations)) {
			for i := range at {
				at[i] = len(s) - 1 - at[i]
			}
			slices.Sort(at)
			best.Message, best.Locations = "Invalid "+c.name+" checksum", at
		}
	}
	return best
}

// wrongCharacters returns the positions of what is not printable ASCII, and of
// letters whose case differs from the first letter's.
func wrongCharacters(s string) []int {
	var at []int
	var lower, upper bool
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			if upper {
				at = append(at, i)
			} else {
				lower = true
			}
		case c >= 'A' && c <= 'Z':
			if lower {
				at = append(at, i)
			} else {
				upper = true
			}
		case c < 33 || c > 126:
			at = append(at, i)
		}
	}
	return at
}

// terms is what each difference of a letter at each position, counted from the
// right, adds to the checksum. It never changes once it has been computed.
var terms = sync.OnceValue(func() map[uint32]int {
	m := make(map[uint32]int, 31*maxBech32Length)
	for difference := uint32(1); difference < 32; difference++ {
		value := difference
		for position := range maxBech32Length {
			m[value] = position
			value = polymodStep(value)
		}
	}
	return m
})

// locate returns the one or two positions, counted from the right, whose change
// explains a wrong checksum. The checksum is linear: each wrong letter adds a
// term that depends only on its position and on the difference, and no two
// combinations of at most two letters in 90 add up to the same.
func locate(residue uint32, length int) []int {
	all := terms()
	if i, ok := all[residue]; ok {
		if i < length {
			return []int{i}
		}
		return nil
	}
	for value, i := range all {
		if j, ok := all[residue^value]; ok && i != j && i < length && j < length {
			return []int{i, j}
		}
	}
	return nil
}

// polymod computes BIP173's checksum of a string's parts.
func polymod(hrp string, values []byte) uint32 {
	sum := uint32(1)
	for i := range len(hrp) {
		sum = polymodStep(sum) ^ uint32(hrp[i]>>5)
	}
	sum = polymodStep(sum)
	for i := range len(hrp) {
		sum = polymodStep(sum) ^ uint32(hrp[i]&31)
	}
	for _, v := range values {
		sum = polymodStep(sum) ^ uint32(v)
	}
	return sum
}

// polymodStep multiplies by x modulo BIP173's generator.
func polymodStep(sum uint32) uint32 {
	top := sum >> 25
	sum = sum & 0x1ffffff << 5
	for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}
