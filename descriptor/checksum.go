package descriptor

import (
	"fmt"
	"strings"
)

// The characters of a descriptor and of its checksum (BIP380).
const (
	inputCharset    = "0123456789()[],'/*abcdefgh@:$%{}" + "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~" + "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
	checksumCharset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	checksumSize    = 8
	// maxLocated is the length up to which a wrong character is looked for; policy.
	maxLocated = 10_000
)

// Checksum returns the eight characters that follow a descriptor after '#'
// (BIP380). It is empty when the descriptor has characters that none may have.
func Checksum(descriptor string) string {
	symbols, ok := symbolsOf(descriptor)
	if !ok {
		return ""
	}
	c := uint64(1)
	for _, v := range symbols {
		c = polymod(c, uint64(v))
	}
	for range checksumSize {
		c = polymod(c, 0)
	}
	c ^= 1
	var sum [checksumSize]byte
	for i := range sum {
		sum[i] = checksumCharset[c>>(5*(7-i))&31]
	}
	return string(sum[:])
}

// symbolsOf returns what the checksum is computed over: the low five bits of
// each character's place, and after each three characters their high bits. ok
// is false when a character has no place.
func symbolsOf(descriptor string) (symbols []byte, ok bool) {
	symbols = make([]byte, 0, len(descriptor)*4/3+1)
	class, count := 0, 0
	for i := range len(descriptor) {
		pos := strings.IndexByte(inputCharset, descriptor[i])
		if pos < 0 {
			return nil, false
		}
		symbols = append(symbols, byte(pos&31))
		class = class*3 + pos>>5
		if count++; count == 3 {
			symbols = append(symbols, byte(class))
			class, count = 0, 0
		}
	}
	if count > 0 {
		symbols = append(symbols, byte(class))
	}
	return symbols, true
}

func polymod(c, value uint64) uint64 {
	top := c >> 35
	c = (c&0x7ffffffff)<<5 ^ value
	for i, g := range [...]uint64{0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd} {
		if top>>i&1 == 1 {
			c ^= g
		}
	}
	return c
}

// WithChecksum returns a descriptor with its checksum.
func WithChecksum(descriptor string) string { return descriptor + "#" + Checksum(descriptor) }

// cutChecksum checks the checksum of s, if it has one, and returns what stands
// before it (Core's CheckChecksum).
func cutChecksum(s string) (body string, given bool, err *Error) {
	body, sum, given := strings.Cut(s, "#")
	switch {
	case strings.Contains(sum, "#"):
		return "", false, errorf(ErrChecksum, "Multiple '#' symbols")
	case given && len(sum) != checksumSize:
		return "", false, errorf(ErrChecksum, "Expected 8 character checksum, not %d characters", len(sum))
	}
	want := Checksum(body)
	switch {
	case want == "":
		e := errorf(ErrSyntax, "Invalid characters in payload")
		for i := range len(body) {
			if strings.IndexByte(inputCharset, body[i]) < 0 {
				e.Hint = fmt.Sprintf("character %d is never used in a descriptor", i+1)
				break
			}
		}
		return "", false, e
	case given && sum != want:
		e := errorf(ErrChecksum, "Provided checksum '%s' does not match computed checksum '%s'", sum, want)
		e.Hint = locate(body, sum, want)
		return "", false, e
	}
	return body, given, nil
}

// locate says which character is probably wrong when sum is not the checksum of
// body: the only one whose change, or whose exchange with its neighbour,
// explains the difference; empty when there is none or several. The checksum
// is linear, so the changes can be tried one by one without computing it anew.
func locate(body, sum, want string) string {
	if n, at := differences(sum, want); n == 1 {
		return fmt.Sprintf("character %d of the checksum is probably wrong", at+1)
	}
	var target uint64
	for i := range checksumSize {
		a, b := strings.IndexByte(checksumCharset, sum[i]), strings.IndexByte(checksumCharset, want[i])
		if a < 0 {
			return fmt.Sprintf("%q is never used in a checksum", sum[i])
		}
		target = target<<5 | uint64(a^b)
	}
	if len(body) > maxLocated {
		return ""
	}
	d := newDamage(body)
	var found []string
	for i := range len(body) {
		for c := range len(inputCharset) {
			if c != d.places[i] && d.effect(i, c, -1) == target {
				found = append(found, fmt.Sprintf("character %d is probably wrong: with %q there the checksum would be right", i+1, inputCharset[c]))
			}
		}
	}
	for i := range len(body) - 1 {
		if d.places[i] != d.places[i+1] && d.effect(i, d.places[i+1], d.places[i]) == target {
			found = append(found, fmt.Sprintf("characters %d and %d have probably changed places", i+1, i+2))
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// damage tells what changes of a descriptor do to its checksum.
type damage struct {
	places  []int       // of the characters in inputCharset
	weights [][5]uint64 // what each bit of each symbol adds to the checksum
}

func newDamage(body string) *damage {
	d := &damage{places: make([]int, len(body))}
	for i := range len(body) {
		d.places[i] = strings.IndexByte(inputCharset, body[i])
	}
	symbols, _ := symbolsOf(body)
	d.weights = weightsOf(len(symbols))
	return d
}

// effect returns what the checksum changes by when the character at i becomes
// the one in place first, and the next one, unless second is negative, the one
// in place second.
func (d *damage) effect(i, first, second int) uint64 {
	var e uint64
	for group := i / 3; group*3 <= i+1 && group*3 < len(d.places); group++ {
		size := min(3, len(d.places)-group*3)
		oldClass, newClass := 0, 0
		for j := range size {
			at := group*3 + j
			was, is := d.places[at], d.places[at]
			switch {
			case at == i:
				is = first
			case at == i+1 && second >= 0:
				is = second
			}
			e ^= times(&d.weights[group*4+j], byte(was^is)&31)
			oldClass, newClass = oldClass*3+was>>5, newClass*3+is>>5
		}
		e ^= times(&d.weights[group*4+size], byte(oldClass^newClass))
	}
	return e
}

// differences counts the places where two texts of one length differ, and
// returns the last.
func differences(a, b string) (n, at int) {
	for i := range len(a) {
		if a[i] != b[i] {
			n, at = n+1, i
		}
	}
	return n, at
}

// weightsOf returns, for each of n symbols, what each bit of it adds to the
// checksum.
func weightsOf(n int) [][5]uint64 {
	w := make([][5]uint64, n)
	var bits [5]uint64
	for b := range bits {
		bits[b] = 1 << b
	}
	for range checksumSize {
		for b := range bits {
			bits[b] = polymod(bits[b], 0)
		}
	}
	for i := n - 1; i >= 0; i-- {
		w[i] = bits
		for b := range bits {
			bits[b] = polymod(bits[b], 0)
		}
	}
	return w
}

// times returns what a change of a symbol adds to the checksum.
func times(weights *[5]uint64, difference byte) uint64 {
	var e uint64
	for b := range weights {
		if difference>>b&1 == 1 {
			e ^= weights[b]
		}
	}
	return e
}
