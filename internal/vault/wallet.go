package vault

import (
	"encoding/hex"
	"fmt"
)

// Wallet is one wallet of a vault.
type Wallet struct {
	vault   *Vault
	header  Header
	secrets place // of its record
	journal *journal
}

// Header returns what is public about the wallet.
func (w *Wallet) Header() Header { return w.header }

// Number returns the wallet's number.
func (w *Wallet) Number() int { return w.header.Number }

// Encrypted says whether the wallet's secret is under a passphrase.
func (w *Wallet) Encrypted() bool { return w.header.KDF != nil }

// Name returns the wallet's present name.
func (w *Wallet) Name() string {
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	if w.journal.name != "" {
		return w.journal.name
	}
	return w.header.Name
}

// Secret reads the wallet's secret from its file; the caller wipes it. key
// opens an encrypted one; nil takes the one held since Unlock.
// Kinds: ErrLocked, ErrDamaged.
func (w *Wallet) Secret(key *Key) (*Secret, error) {
	if key == nil {
		w.vault.mu.RLock()
		if w.vault.key != nil {
			key = w.vault.key.clone()
		}
		w.vault.mu.RUnlock()
		defer key.Wipe()
	}
	return w.open(key)
}

// open reads the file and decrypts it. The header has to be the one that the
// vault was opened with, or the keys would not be those of its addresses.
func (w *Wallet) open(key *Key) (*Secret, error) {
	name := w.vault.path(w.secrets.file)
	data, err := w.secrets.read(w.vault.cfg.FS, name)
	if err != nil {
		return nil, named(name, err)
	}
	defer wipe(data)
	var head Header
	file, err := decodeFile(whatWallet, data, &head)
	if err == nil && head.ID != w.header.ID {
		err = fmt.Errorf("%w: it was changed while in use", ErrDamaged)
	}
	if err != nil {
		return nil, named(name, err)
	}
	body, err := file.open(key)
	if err != nil {
		return nil, named(name, err)
	}
	defer wipe(body)
	s, err := decodeSecret(body)
	if err != nil {
		return nil, named(name, err)
	}
	return s, nil
}

// Rename gives the wallet another name. Kinds: ErrName, ErrNameTaken.
func (v *Vault) Rename(w *Wallet, name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := w.Name()
	if err := v.claimable(name, w.header.Number); err != nil {
		return err
	}
	if err := w.journal.append(&record{Name: name}); err != nil {
		return err
	}
	if v.names[nameKey(old)] == w.header.Number {
		delete(v.names, nameKey(old))
	}
	v.names[nameKey(name)] = w.header.Number
	return nil
}

// Issued returns, for each chain of scripts, the next index that has not been
// given out. Chains that are missing are at 0.
func (w *Wallet) Issued() map[uint32]uint32 { return w.journal.allIssued() }

// Issue records that all indexes of a chain below next have been given out. It
// is durable when it returns.
func (w *Wallet) Issue(chain, next uint32) error {
	if next <= w.journal.issuedNext(chain) {
		return nil
	}
	return w.journal.append(&record{Issued: &issued{Chain: chain, Next: next}})
}

// SetLabel names a script of the wallet. It is durable when it returns.
func (w *Wallet) SetLabel(script []byte, text string) error {
	if len(text) > maxLabel {
		return fmt.Errorf("a label has at most %d bytes, this one %d", maxLabel, len(text))
	}
	return w.journal.append(&record{Label: &label{Script: hex.EncodeToString(script), Label: text}})
}

// Label returns the label of a script, and whether it was ever set.
func (w *Wallet) Label(script []byte) (string, bool) {
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	text, ok := w.journal.labels[hex.EncodeToString(script)]
	return text, ok
}

// RecordSend records a payment before it is submitted, and with it the change
// index it uses (next as in Issue; 0 for none). It is durable when it returns.
func (w *Wallet) RecordSend(s Send, changeChain, next uint32) error {
	if s.Key == "" || len(s.Key) > maxSendKey {
		return fmt.Errorf("the key of a payment has 1 to %d bytes, this one %d", maxSendKey, len(s.Key))
	}
	var recs []*record
	if next > w.journal.issuedNext(changeChain) {
		// First: a write that is torn between the two wastes an index, and never
		// keeps a payment whose change address is given out again.
		recs = append(recs, &record{Issued: &issued{Chain: changeChain, Next: next}})
	}
	recs = append(recs, &record{Send: &s})
	return w.journal.append(recs...)
}

// Send returns the payment recorded under a key. Kind: ErrUnknown.
func (w *Wallet) Send(key string) (*Send, error) { return w.journal.send(key) }
