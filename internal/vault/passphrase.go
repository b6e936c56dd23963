package vault

import (
	"encoding/hex"
	"fmt"
	"io"
)

// Encrypted says whether the secrets are under a passphrase.
func (v *Vault) Encrypted() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.kdf != nil
}

// Locked says whether the passphrase is needed before a secret can be used.
func (v *Vault) Locked() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.kdf != nil && v.key == nil
}

// SetPassphrase puts the wallets that will be made under a passphrase, and
// leaves them unlocked. It is for a folder without wallets.
// Kinds: ErrNotEmpty, ErrBadPassphrase.
func (v *Vault) SetPassphrase(passphrase []byte) error {
	if err := checkPassphrase(passphrase); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.fault != nil:
		return v.fault
	case v.kdf != nil:
		return fmt.Errorf("%w: a passphrase is set already", ErrNotEmpty)
	case v.next > 1 || len(v.wallets) > 0:
		return fmt.Errorf("%w: a passphrase is set before the first one is made", ErrNotEmpty)
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(v.cfg.Rand, salt); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	kdf := v.cfg.KDF
	kdf.Salt = hex.EncodeToString(salt)
	key, err := derive(passphrase, kdf)
	if err != nil {
		return err
	}
	head, err := v.encodeHead(v.next, &kdf, key)
	if err != nil {
		return err
	}
	if err := replace(v.cfg.FS, v.path(vaultFile), head); err != nil {
		return fmt.Errorf("store the passphrase check: %w", err)
	}
	if err := v.cfg.FS.SyncDir(v.cfg.Dir); err != nil {
		return fmt.Errorf("store the passphrase check: %w", err)
	}
	check, err := decodeFile(whatVault, head, new(vaultHead))
	if err != nil {
		return err
	}
	v.kdf, v.check, v.key = &kdf, check, key
	return nil
}

// Unseal runs the key derivation and returns the key if the passphrase is
// right; the caller wipes it. The vault stays as it is.
// Kinds: ErrPassphrase, ErrNotEncrypted.
func (v *Vault) Unseal(passphrase []byte) (*Key, error) {
	v.mu.RLock()
	kdf := v.kdf
	v.mu.RUnlock()
	switch {
	case kdf == nil:
		return nil, ErrNotEncrypted
	case len(passphrase) == 0 || len(passphrase) > maxPassphrase:
		return nil, ErrPassphrase
	}
	key, err := derive(passphrase, *kdf)
	if err != nil {
		return nil, err
	}
	if err := v.verify(key); err != nil {
		key.Wipe()
		return nil, err
	}
	return key, nil
}

// Unlock is Unseal, and keeps the key until Lock. When another key is held
// already it is only checked.
func (v *Vault) Unlock(passphrase []byte) error {
	key, err := v.Unseal(passphrase)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.key.Wipe()
	v.key = key
	return nil
}

// Lock forgets the key.
func (v *Vault) Lock() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.key.Wipe()
	v.key = nil
}

// verify opens the check of the folder's own file, or, where that is lost,
// one of the first wallets.
func (v *Vault) verify(key *Key) error {
	v.mu.RLock()
	check, wallets := v.check, v.wallets
	v.mu.RUnlock()
	if check != nil {
		if text, err := check.open(key); err != nil || string(text) != checkText {
			return ErrPassphrase
		}
		return nil
	}
	for _, w := range wallets[:min(len(wallets), 8)] {
		if w.header.KDF == nil || *w.header.KDF != key.kdf {
			continue
		}
		if s, err := w.open(key); err == nil {
			s.Wipe()
			return nil
		}
	}
	return ErrPassphrase
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
	name := w.vault.secretsPath(w.header.Number)
	data, err := readAll(w.vault.cfg.FS, name)
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

// RecordSend records a payment before it is submitted, and with it the change
// index it uses (next as in Issue; 0 for none). It is durable when it returns.
func (w *Wallet) RecordSend(s Send, changeChain, next uint32) error {
	if s.Key == "" || len(s.Key) > maxSendKey {
		return fmt.Errorf("the key of a payment has 1 to %d bytes, this one %d", maxSendKey, len(s.Key))
	}
	recs := []*record{{Send: &s}}
	if next > w.journal.issuedNext(changeChain) {
		recs = append(recs, &record{Issued: &issued{Chain: changeChain, Next: next}})
	}
	return w.journal.append(recs...)
}

// Send returns the payment recorded under a key. Kind: ErrUnknown.
func (w *Wallet) Send(key string) (*Send, error) { return w.journal.send(key) }
