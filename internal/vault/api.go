package vault

import "errors"

var errSoon = errors.New("soon")

// AddDescriptors adds descriptors to a wallet, with their private forms ("" where there is none), and changes
// those whose text it has already. It needs the key where the wallet is encrypted.
func (v *Vault) AddDescriptors(w *Wallet, list []Descriptor, private []string, key *Key) error {
	return errSoon
}

// Archive hides or shows the wallet; Archived says which.
func (w *Wallet) Archive(hidden bool) error { return errSoon }
func (w *Wallet) Archived() bool            { return false }

// Outpoint is an output of a transaction, as "txid:n".
type Outpoint = string

// LockCoin keeps a coin from being chosen, until UnlockCoin.
func (w *Wallet) LockCoin(coins ...Outpoint) error   { return errSoon }
func (w *Wallet) UnlockCoin(coins ...Outpoint) error { return errSoon }
func (w *Wallet) LockedCoins() []Outpoint            { return nil } // sorted

// Abandon notes that a transaction is not waited for any more.
func (w *Wallet) Abandon(txid string, abandoned bool) error { return errSoon }
func (w *Wallet) Abandoned() map[string]bool                { return nil }

// SetNote names a transaction: the counterparty, what it was for; "" removes it.
func (w *Wallet) SetNote(txid, text string) error { return errSoon }
func (w *Wallet) Note(txid string) string         { return "" }

// Labels returns the labels of scripts by script in hex.
func (w *Wallet) Labels() map[string]string { return nil }

// SetPassphrase, ChangePassphrase and RemovePassphrase seal all wallets anew.
func (v *Vault) ChangePassphrase(old, passphrase []byte) error { return errSoon }
func (v *Vault) RemovePassphrase(old []byte) error             { return errSoon }

// Adopt seals a wallet whose file came from another folder as the others here are.
func (v *Vault) Adopt(w *Wallet, old []byte, key *Key) error { return errSoon }

// Foreign says that a wallet is not sealed as the folder is: its file was copied in.
func (w *Wallet) Foreign() bool { return false }

// Delete removes a wallet and its secret. Its number is never given again.
func (v *Vault) Delete(w *Wallet) error { return errSoon }
