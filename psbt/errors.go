package psbt

// ErrorKind is a sort of failure of this package; errors.Is finds it.
type ErrorKind string

// The sorts of failure.
const (
	// ErrFormat: the bytes are no packet. The error is a *FormatError.
	ErrFormat ErrorKind = "not a PSBT"
	// ErrDifferent: packets of different transactions cannot be combined.
	ErrDifferent ErrorKind = "the PSBTs are not of the same transaction"
	// ErrTwice: an input is in several of the packets that are to be joined.
	ErrTwice ErrorKind = "an input is in several PSBTs"
	// ErrNoUTXO: what the input spends is not in the packet.
	ErrNoUTXO ErrorKind = "the output that the input spends is not in the PSBT"
	// ErrNotWitness: only the spent output itself is there, which is not enough to
	// sign an input that is not of segwit.
	ErrNotWitness ErrorKind = "the whole transaction that the input spends is needed, as the input is not of segwit"
	// ErrContradiction: what the packet says of the output that an input spends
	// does not fit together.
	ErrContradiction ErrorKind = "what the PSBT says of the coin contradicts itself"
	// ErrScripts: redeem script, witness script or leaves are not those of the
	// output that is spent.
	ErrScripts ErrorKind = "the scripts in the PSBT are not those of the output that the input spends"
	// ErrSighash: another sighash type is asked for than the packet says.
	ErrSighash ErrorKind = "the sighash type is not the one that the PSBT asks for"
	// ErrSignature: a signature, or the input as a whole, is not valid.
	ErrSignature ErrorKind = "a signature is not valid"
	// ErrIncomplete: inputs are not final yet.
	ErrIncomplete ErrorKind = "the PSBT is not complete"
)

func (k ErrorKind) Error() string { return string(k) }

// FormatError says why bytes are no packet.
type FormatError struct {
	// Message is Core's own text.
	Message string
	// Plain says that Core adds nothing to the text; else it is thrown by a stream
	// and followed by the stream's name.
	Plain bool
}

func (e *FormatError) Error() string { return string(ErrFormat) + ": " + e.Message }

// Unwrap returns the kind.
func (e *FormatError) Unwrap() error { return ErrFormat }

// CoreText is what Core's replies say after "TX decode failed " (libstdc++'s
// what() of a std::ios_base::failure).
func (e *FormatError) CoreText() string {
	if e.Plain {
		return e.Message
	}
	return e.Message + ": iostream error"
}
