package consensus

import (
	"errors"
	"fmt"
)

// Kind names the rule that was broken. It is the constant part of the reject
// string that Core gives for it, and it is an error itself, so that
// errors.Is(err, consensus.HighHash) works.
type Kind string

// Error returns the kind's text.
func (k Kind) Error() string { return string(k) }

// Kinds of refused headers.
const (
	HighHash      Kind = "high-hash"            // proof of work does not meet the target
	BadDiffBits   Kind = "bad-diffbits"         // not the target that the chain asks for
	TimeTooOld    Kind = "time-too-old"         // not above the median of the last 11 blocks
	TimeTimewarp  Kind = "time-timewarp-attack" // BIP94
	TimeTooNew    Kind = "time-too-new"         // over two hours ahead; may pass later
	BadVersion    Kind = "bad-version"          // followed by the version
	PrevBlkAbsent Kind = "prev-blk-not-found"   // the parent is not known; may pass later
	BadPrevBlk    Kind = "bad-prevblk"          // the parent is invalid
	Duplicate     Kind = "duplicate"            // known already
	DuplicateBad  Kind = "duplicate-invalid"    // known already, as invalid
	NoCoinbase    Kind = "bad-cb-missing"       // the first transaction is not a coinbase
)

// Kinds of refused blocks.
const (
	BadTxnMrklRoot        Kind = "bad-txnmrklroot"
	BadTxnsDuplicate      Kind = "bad-txns-duplicate"
	BadBlkLength          Kind = "bad-blk-length"
	BadBlkWeight          Kind = "bad-blk-weight"
	BadBlkSigops          Kind = "bad-blk-sigops"
	BadCbMultiple         Kind = "bad-cb-multiple"
	BadCbLength           Kind = "bad-cb-length"
	BadCbHeight           Kind = "bad-cb-height"
	BadCbAmount           Kind = "bad-cb-amount"
	BadWitnessNonceSize   Kind = "bad-witness-nonce-size"
	BadWitnessMerkleMatch Kind = "bad-witness-merkle-match"
	UnexpectedWitness     Kind = "unexpected-witness"
	BadTxnsBIP30          Kind = "bad-txns-BIP30"
)

// Kinds of refused transactions.
const (
	BadTxnsVinEmpty              Kind = "bad-txns-vin-empty"
	BadTxnsVoutEmpty             Kind = "bad-txns-vout-empty"
	BadTxnsOversize              Kind = "bad-txns-oversize"
	BadTxnsVoutNegative          Kind = "bad-txns-vout-negative"
	BadTxnsVoutTooLarge          Kind = "bad-txns-vout-toolarge"
	BadTxnsTxOutTotalTooLarge    Kind = "bad-txns-txouttotal-toolarge"
	BadTxnsInputsDuplicate       Kind = "bad-txns-inputs-duplicate"
	BadTxnsPrevoutNull           Kind = "bad-txns-prevout-null"
	BadTxnsNonFinal              Kind = "bad-txns-nonfinal"
	BadTxnsInputsMissingOrSpent  Kind = "bad-txns-inputs-missingorspent"
	BadTxnsPrematureSpend        Kind = "bad-txns-premature-spend-of-coinbase"
	BadTxnsInputValuesOutOfRange Kind = "bad-txns-inputvalues-outofrange"
	BadTxnsInBelowOut            Kind = "bad-txns-in-belowout"
	BadTxnsFeeOutOfRange         Kind = "bad-txns-fee-outofrange"
	BadTxnsAccumulatedFee        Kind = "bad-txns-accumulated-fee-outofrange"
	ScriptMandatory              Kind = "mandatory-script-verify-flag-failed" // followed by the script error
	ScriptNonMandatory           Kind = "non-mandatory-script-verify-flag"    // policy; followed by the script error
)

// Sort says what a refusal means for the future.
type Sort uint8

const (
	// Invalid: wrong for ever, whoever checks it.
	Invalid Sort = iota
	// NotYet: may pass later (time too new, parent unknown).
	NotYet
	// Local: says nothing about the object; this machine failed.
	Local
)

// String returns the sort in words.
func (s Sort) String() string {
	switch s {
	case Invalid:
		return "invalid"
	case NotYet:
		return "not yet"
	default:
		return "local failure"
	}
}

// Error is a refusal.
type Error struct {
	// Kind names the rule.
	Kind Kind
	// Sort says whether the refusal holds for ever.
	Sort Sort
	// Mutated says that the fault may lie in bytes that the block's hash does
	// not cover, so that the hash must not be remembered as invalid: another
	// block with this hash may be good (CVE-2012-2459).
	Mutated bool
	// Detail is what Core appends to the kind in its reject string, with the
	// brackets: "(0x00000001)" or " (Invalid Schnorr signature)".
	Detail string
	// Debug is Core's explanation, for logs and people; it may be empty.
	Debug string
}

// Reject returns Core's reject string, as submitblock and testmempoolaccept
// return it.
func (e *Error) Reject() string { return string(e.Kind) + e.Detail }

// Error returns the reject string, followed by the explanation where there is
// one (Core's ValidationState::ToString).
func (e *Error) Error() string {
	if e.Debug == "" {
		return e.Reject()
	}
	return e.Reject() + ", " + e.Debug
}

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

// SortOf returns the sort of any error: that of the *Error in its chain, else
// Local.
func SortOf(err error) Sort {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Sort
	}
	return Local
}

// refuse returns the refusal of an object that is invalid for ever.
func refuse(kind Kind, debug string, args ...any) *Error {
	return &Error{Kind: kind, Debug: fmt.Sprintf(debug, args...)}
}

// mutated returns a refusal that says nothing about the block's hash.
func mutated(kind Kind, debug string) *Error {
	return &Error{Kind: kind, Mutated: true, Debug: debug}
}
