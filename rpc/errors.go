package rpc

import "fmt"

// Code is an error number of Bitcoin Core's src/rpc/protocol.h.
type Code int

// The codes that lode uses, named as in Core.
const (
	CodeInvalidRequest Code = -32600
	CodeMethodNotFound Code = -32601
	CodeInternal       Code = -32603
	CodeParse          Code = -32700

	CodeMisc              Code = -1
	CodeType              Code = -3
	CodeWallet            Code = -4
	CodeInvalidAddress    Code = -5 // also "no such block, transaction or key"
	CodeInsufficientFunds Code = -6
	CodeInvalidParameter  Code = -8
	CodeNotConnected      Code = -9
	CodeInvalidLabel      Code = -11
	CodeKeypoolRanOut     Code = -12
	CodeUnlockNeeded      Code = -13
	CodePassphrase        Code = -14
	CodeWrongEncState     Code = -15
	CodeWalletNotFound    Code = -18
	CodeDatabase          Code = -20
	CodeDeserialization   Code = -22
	CodeVerify            Code = -25
	CodeVerifyRejected    Code = -26
	CodeAlreadyInChain    Code = -27
	CodeInWarmup          Code = -28
	CodeDeprecated        Code = -32
	CodeAlreadyLoaded     Code = -35
	CodeWalletExists      Code = -36

	// CodePlanChanged is lode's own: a payment is no longer the one that was shown.
	CodePlanChanged Code = -1001
)

// Error is what a method answers when it fails, and what Client.Call returns
// then. errors.Is compares the code only, so that errors.Is(err,
// rpc.CodeWalletNotFound.New("")) asks for the kind.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Errorf makes an Error with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message alone: it is written for people.
func (e *Error) Error() string { return e.Message }

// Is says whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// New makes an Error of this code with the message given.
func (c Code) New(message string) *Error { return &Error{Code: c, Message: message} }
