package vault

// Kind is a sort of failure, for errors.Is. The error around it names the file
// and what to do.
type Kind string

// Error makes a Kind an error.
func (k Kind) Error() string { return string(k) }

// The kinds of this package.
const (
	// ErrDamaged: a file's bytes are not those that were written.
	ErrDamaged Kind = "the file is damaged"
	// ErrNewer: a file was written by a later version of lode.
	ErrNewer Kind = "the file was written by a newer lode; use that version"
	// ErrNetwork: a file belongs to a network with other rules.
	ErrNetwork Kind = "the file belongs to another network"
	// ErrPassphrase: the passphrase is wrong. There is only this one message.
	ErrPassphrase Kind = "wrong passphrase"
	// ErrLocked: secrets are encrypted and the passphrase has not been given.
	ErrLocked Kind = "the wallets are locked"
	// ErrNotEncrypted: a passphrase was given and there is none.
	ErrNotEncrypted Kind = "the wallets are not encrypted: there is no passphrase"
	// ErrBadPassphrase: a new passphrase cannot be used.
	ErrBadPassphrase Kind = "this cannot be a passphrase"
	// ErrEncrypted: a passphrase cannot be set where there is one.
	ErrEncrypted Kind = "there is a passphrase already"
	// ErrForeign: a wallet's file was copied in and is sealed otherwise than the
	// others.
	ErrForeign Kind = "the wallet came from another folder and is under that one's passphrase"
	// ErrNoBackup: a file is no backup of a wallet.
	ErrNoBackup Kind = "this is no backup of a wallet"
	// ErrName: a name cannot be used.
	ErrName Kind = "bad wallet name"
	// ErrNameTaken: a name is in use, or looks like one that is.
	ErrNameTaken Kind = "wallet name in use"
	// ErrUnknown: there is no such wallet or record.
	ErrUnknown Kind = "not found"
)
