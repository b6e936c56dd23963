package descriptor

// ErrorKind is a sort of failure of this package; errors.Is finds it.
type ErrorKind string

// The sorts of failure.
const (
	ErrSyntax        ErrorKind = "not a descriptor"
	ErrChecksum      ErrorKind = "wrong descriptor checksum"
	ErrNetwork       ErrorKind = "key of another network"
	ErrNoPrivateKey  ErrorKind = "a private key is needed"
	ErrRange         ErrorKind = "index out of range"
	ErrNotSolvable   ErrorKind = "no way to spend it is known"
	ErrUnsatisfiable ErrorKind = "cannot be satisfied"
	ErrMismatch      ErrorKind = "the scripts do not belong to the output"
)

func (k ErrorKind) Error() string { return string(k) }

// Error says why a text is no descriptor here. It holds no private key.
type Error struct {
	Kind    ErrorKind
	Message string // Core's own text
	Hint    string // for the person who typed it; may be empty
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Message + ": " + e.Hint
	}
	return e.Message
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// UnsatisfiableError says what lacks to spend an output.
type UnsatisfiableError struct {
	Keys [][]byte // that did not sign
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
