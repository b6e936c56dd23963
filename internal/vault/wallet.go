package vault

import (
	"fmt"
	"sync/atomic"
)

// Wallet is one wallet of a vault.
type Wallet struct {
	vault   *Vault
	number  int
	header  atomic.Pointer[Header] // replaced, never changed
	secrets place                  // of its record; guarded by the vault's mu
	journal *journal
}

func newWallet(v *Vault, h *Header) *Wallet {
	w := &Wallet{vault: v, number: h.Number}
	w.header.Store(h)
	return w
}

// Header returns what is public about the wallet.
func (w *Wallet) Header() Header { return *w.header.Load() }

// Number returns the wallet's number.
func (w *Wallet) Number() int { return w.number }

// Encrypted says whether the wallet's secret is under a passphrase.
func (w *Wallet) Encrypted() bool { return w.header.Load().KDF != nil }

// Plain says whether whoever reads the wallet's file can spend its coins.
func (w *Wallet) Plain() bool {
	h := w.header.Load()
	return h.KDF == nil && !h.WatchOnly
}

// Foreign says that a wallet's file came from another folder: it is under
// another passphrase than the others, or under one while they are under none.
func (w *Wallet) Foreign() bool {
	w.vault.mu.RLock()
	defer w.vault.mu.RUnlock()
	return w.vault.foreign(w.header.Load().KDF)
}

// Name returns the wallet's present name.
func (w *Wallet) Name() string {
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	if w.journal.name != "" {
		return w.journal.name
	}
	return w.header.Load().Name
}

// Secret reads the wallet's secret from its file; the caller wipes it. key
// opens an encrypted one; nil takes the one held since Unlock.
// Kinds: ErrLocked, ErrForeign, ErrDamaged.
func (w *Wallet) Secret(key *Key) (*Secret, error) {
	if key == nil {
		if w.Encrypted() && w.Foreign() {
			return nil, ErrForeign
		}
		w.vault.mu.RLock()
		key = w.vault.key.clone()
		w.vault.mu.RUnlock()
		defer key.Wipe()
	}
	return w.open(key)
}

// open reads the file and decrypts it. The header has to be the one that the
// vault was opened with, or the keys would not be those of its addresses.
func (w *Wallet) open(key *Key) (*Secret, error) {
	name, data, err := w.readFile()
	if err != nil {
		return nil, named(name, err)
	}
	defer wipe(data)
	s, err := openSealed(data, w.header.Load(), key)
	if err != nil {
		return nil, named(name, err)
	}
	return s, nil
}

// readFile reads the wallet's sealed file.
func (w *Wallet) readFile() (name string, data []byte, err error) {
	w.vault.mu.RLock()
	defer w.vault.mu.RUnlock()
	name = w.vault.path(w.secrets.file)
	if w.secrets.size == 0 {
		return name, nil, ErrUnknown // deleted
	}
	data, err = w.secrets.read(w.vault.cfg.FS, name)
	return name, data, err
}

// openSealed decrypts a sealed file, which is to have the ID of a header.
func openSealed(data []byte, want *Header, key *Key) (*Secret, error) {
	var head fileHeader
	file, err := decodeFile(whatWallet, data, &head)
	if err != nil {
		return nil, err
	}
	defer wipe(file.body)
	switch {
	case head.ID != want.ID || head.Deleted:
		return nil, fmt.Errorf("%w: it was changed while in use", ErrDamaged)
	case head.WatchOnly:
		return new(Secret), nil
	case key != nil && head.KDF != nil && key.kdf != *head.KDF:
		return nil, ErrForeign
	}
	body, err := file.open(key)
	if err != nil {
		return nil, err
	}
	defer wipe(body)
	s, err := decodeSecret(body)
	if err != nil {
		return nil, err
	}
	if err := checkSecret(&head.Header, s); err != nil {
		s.Wipe()
		return nil, damaged(err)
	}
	return s, nil
}

// Rename gives the wallet another name. Kinds: ErrName, ErrNameTaken.
func (v *Vault) Rename(w *Wallet, name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := w.Name()
	if err := v.claimable(name, w.number); err != nil {
		return err
	}
	if err := w.journal.append(&record{Name: name}); err != nil {
		return err
	}
	if v.names[nameKey(old)] == w.number {
		delete(v.names, nameKey(old))
	}
	v.names[nameKey(name)] = w.number
	return nil
}
