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
	v.creating.Lock()
	defer v.creating.Unlock()
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
