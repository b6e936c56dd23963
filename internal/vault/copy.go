package vault

import (
	"bytes"
	"errors"
	"fmt"
)

// A copy of a wallet is what Core's backupwallet writes: the wallet's file as it
// is, sealed under the folder's passphrase or plain, and behind it, as another
// sealed file without a secret, the facts of its journal. It needs no passphrase
// to be made.

const whatFacts = "lode-wallet-facts"

// IsCopy says whether data begins as a wallet's own file does.
func IsCopy(data []byte) bool { return bytes.HasPrefix(data, []byte(whatWallet+" ")) }

// Copy returns the wallet's file with the facts of a backup, whose secret is not
// looked at.
func (w *Wallet) Copy(b *Backup) ([]byte, error) {
	name, sealed, err := w.readFile()
	if err != nil {
		return nil, named(name, err)
	}
	facts := b.file()
	facts.Header, facts.Secret = Header{}, secretBody{}
	more, err := encodeFile(whatFacts, facts, nil, nil, nil)
	return append(sealed, more...), err
}

// Facts is Backup without the secret.
func (w *Wallet) Facts() *Backup {
	b := &Backup{Network: w.vault.network, Header: w.Header(), Secret: new(Secret), Name: w.Name()}
	w.facts(b)
	return b
}

// OpenCopy opens a copy that is plain or under this folder's passphrase; the
// caller wipes what it returns. Kinds: ErrNoBackup, ErrLocked, ErrForeign,
// ErrDamaged, ErrNewer.
func (v *Vault) OpenCopy(data []byte, key *Key) (*Backup, error) {
	if !IsCopy(data) {
		return nil, ErrNoBackup
	}
	key, done := v.keyOrHeld(key)
	defer done()
	return decodeCopy(data, false, func(kdf KDF) (*Key, error) {
		switch {
		case v.isForeign(&kdf):
			return nil, ErrForeign
		case key == nil:
			return nil, ErrLocked
		}
		return key.clone(), nil
	})
}

// decodeCopy opens a copy with the key that keyOf gives, which it wipes. With
// alone it is a wallet's own file, without facts: its block is empty then.
func decodeCopy(data []byte, alone bool, keyOf func(KDF) (*Key, error)) (*Backup, error) {
	size := sealedSize(data)
	var head fileHeader
	if _, err := decodeFile(whatWallet, data[:size], &head); err != nil {
		return nil, err
	}
	facts := &backupFile{Network: head.Network, Name: head.Name}
	if head.Deleted {
		return nil, fmt.Errorf("%w: that wallet was deleted", ErrNoBackup)
	}
	if !alone {
		facts = new(backupFile)
		if _, err := decodeFile(whatFacts, data[size:], facts); err != nil {
			return nil, err
		}
	}
	var key *Key
	if head.KDF != nil {
		if err := head.KDF.check(); err != nil {
			return nil, damaged(err)
		}
		var err error
		if key, err = keyOf(*head.KDF); err != nil {
			return nil, err
		}
		defer key.Wipe()
	}
	secret, err := openSealed(data[:size], &head.Header, key)
	if key != nil && errors.Is(err, ErrDamaged) {
		err = ErrPassphrase // the checksum is right
	}
	if err != nil {
		return nil, fmt.Errorf("open the copy: %w", err)
	}
	facts.Header = head.Header
	return facts.backup(secret)
}
