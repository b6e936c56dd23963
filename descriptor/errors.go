package descriptor

import (
	"fmt"
	"strings"
)

// ErrorKind is a sort of failure of this package; errors.Is finds it.
type ErrorKind string

// The sorts of failure.
const (
	ErrSyntax        ErrorKind = "not a descriptor"
	ErrChecksum      ErrorKind = "wrong descriptor checksum"
	ErrNetwork       ErrorKind = "key of another network"
	ErrNoPrivateKey  ErrorKind = "a private key is needed"
	ErrRange         ErrorKind = "index out of range"
	ErrUnsatisfiable ErrorKind = "cannot be satisfied"
	ErrMismatch      ErrorKind = "the scripts do not belong to the output"
)

func (k ErrorKind) Error() string { return string(k) }

// Error says why a text is no descriptor here, or why one does not give what it
// was asked for. It holds no private key.
type Error struct {
	Kind ErrorKind
	// Message is Core's own text. Where that quotes what could be a private key,
	// the key is left out.
	Message string
	// Hint is for the person who wrote the descriptor; may be empty.
	Hint string
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Message + ": " + e.Hint
	}
	return e.Message
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

func errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// in puts the name of the function in front in which e arose.
func (e *Error) in(function string) *Error {
	e.Message = function + ": " + e.Message
	return e
}

// shortestSecret is the length from which on a base58 text may hold a private
// key: one in wallet import format has 51 or 52 characters, an extended one 111.
const shortestSecret = 48

// redact replaces in an error what could be a private key, also one with a typing
// error. Hexadecimal and extended public keys stay, since errors are hard to
// understand without.
func redact(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		end := i
		for end < len(s) && !isSeparator(s[end]) {
			end++
		}
		if word := s[i:end]; len(word) >= shortestSecret && !isPublic(word) {
			b.WriteString("(hidden)")
		} else {
			b.WriteString(word)
		}
		if end < len(s) {
			b.WriteByte(s[end])
			end++
		}
		i = end
	}
	return b.String()
}

// isSeparator reports whether c stands between the words of descriptors and of
// sentences about them.
func isSeparator(c byte) bool { return strings.IndexByte("()[]{}<>,;:/#'\" ", c) >= 0 }

func isPublic(word string) bool {
	return strings.Trim(word, "0123456789abcdefABCDEF") == "" || word[1:4] == "pub"
}

// UnsatisfiableError says what lacks to spend an output.
type UnsatisfiableError struct {
	// Keys are those whose signatures lack and could help.
	Keys [][]byte
	// Text says it all in words; empty when no way to spend the output is known.
	Text string
}

func (e *UnsatisfiableError) Error() string {
	if e.Text == "" {
		return "no way to spend this output is known"
	}
	return e.Text
}

// Unwrap returns the kind.
func (e *UnsatisfiableError) Unwrap() error { return ErrUnsatisfiable }
