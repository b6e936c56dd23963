package vault

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/argon2"
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

// foreign says whether secrets that are sealed so are not sealed as the folder
// is. Plain ones in a folder under a passphrase can be used as they are.
func (v *Vault) foreign(kdf *KDF) bool {
	return kdf != nil && (v.kdf == nil || *kdf != *v.kdf)
}

// passCheck is a text under the folder's key, by which a passphrase is checked.
type passCheck struct {
	sealed, aad []byte
	old         bool // of format 1: bound to the rest of its file
}

func (c *passCheck) opens(key *Key) bool {
	text, err := key.open(c.sealed, c.aad)
	return err == nil && string(text) == checkText
}

// checkAAD binds a check to its folder's network and parameters.
func (v *Vault) checkAAD(kdf KDF) []byte {
	j, err := json.Marshal(kdf)
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	return fmt.Appendf(nil, "%s\n%s\n%s\n", checkText, v.network, j)
}

func (v *Vault) newCheck(key *Key) (*passCheck, error) {
	if key == nil {
		return nil, nil
	}
	c := &passCheck{aad: v.checkAAD(key.kdf)}
	var err error
	c.sealed, err = key.seal([]byte(checkText), c.aad, v.cfg.Rand)
	return c, err
}

// encodeHead returns the folder's own file as it is, with another next number.
// A check of format 1, or one that is lost, is made anew with the key. Kind:
// ErrLocked. The caller holds mu.
func (v *Vault) encodeHead(next int, key *Key) ([]byte, error) {
	head := vaultHead{Network: v.network, Next: next, KDF: v.kdf, Generation: v.generation}
	if v.kdf == nil {
		return encodeFile(whatVault, head, nil, nil, nil)
	}
	check := v.check
	if check == nil || check.old {
		if key == nil {
			return nil, ErrLocked
		}
		var err error
		if check, err = v.newCheck(key); err != nil {
			return nil, err
		}
	}
	head.Check = hex.EncodeToString(check.sealed)
	return encodeFile(whatVault, head, nil, nil, nil)
}

// SetPassphrase puts the wallets, those to come too, under a passphrase and
// leaves them unlocked. Either all are under it afterwards or none.
// Kinds: ErrEncrypted, ErrBadPassphrase.
func (v *Vault) SetPassphrase(passphrase []byte) error {
	if err := checkPassphrase(passphrase); err != nil {
		return err
	}
	v.creating.Lock()
	defer v.creating.Unlock()
	if v.Encrypted() {
		return ErrEncrypted
	}
	key, err := v.newKey(passphrase)
	if err != nil {
		return err
	}
	return v.reseal(nil, key, true)
}

// ChangePassphrase puts all wallets under another passphrase. They stay locked
// or unlocked. Either all are under the new one afterwards or all under the old.
// Kinds: ErrNotEncrypted, ErrPassphrase, ErrBadPassphrase.
func (v *Vault) ChangePassphrase(old, passphrase []byte) error {
	if err := checkPassphrase(passphrase); err != nil {
		return err
	}
	v.creating.Lock()
	defer v.creating.Unlock()
	from, err := v.Unseal(old)
	if err != nil {
		return err
	}
	defer from.Wipe()
	to, err := v.newKey(passphrase)
	if err != nil {
		return err
	}
	return v.reseal(from, to, !v.Locked())
}

// RemovePassphrase leaves all wallets plain: whoever reads the files has the
// keys. Kinds: ErrNotEncrypted, ErrPassphrase.
func (v *Vault) RemovePassphrase(passphrase []byte) error {
	v.creating.Lock()
	defer v.creating.Unlock()
	from, err := v.Unseal(passphrase)
	if err != nil {
		return err
	}
	defer from.Wipe()
	return v.reseal(from, nil, false)
}

// newKey derives the key of a new passphrase, with a salt of its own.
func (v *Vault) newKey(passphrase []byte) (*Key, error) {
	kdf := v.cfg.KDF
	if kdf == (KDF{}) {
		kdf = calibrate()
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(v.cfg.Rand, salt); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	kdf.Salt = hex.EncodeToString(salt)
	return derive(passphrase, kdf)
}

// Unseal runs the key derivation and returns the key if the passphrase is
// right; the caller wipes it. The vault stays as it is. What cannot be a
// passphrase takes as long as one that is wrong, and says the same.
// Kinds: ErrPassphrase, ErrNotEncrypted.
func (v *Vault) Unseal(passphrase []byte) (*Key, error) {
	v.mu.RLock()
	kdf := v.kdf
	v.mu.RUnlock()
	if kdf == nil {
		return nil, ErrNotEncrypted
	}
	possible := checkPassphrase(passphrase) == nil
	if !possible {
		passphrase = []byte{0}
	}
	key, err := derive(passphrase, *kdf)
	if err != nil {
		return nil, err
	}
	if err := v.verify(key); err != nil || !possible {
		key.Wipe()
		return nil, ErrPassphrase
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
	if v.kdf == nil || key.kdf != *v.kdf {
		key.Wipe()
		return ErrPassphrase // changed meanwhile
	}
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
		if !check.opens(key) {
			return ErrPassphrase
		}
		return nil
	}
	tries := 8
	for _, w := range wallets {
		if kdf := w.header.Load().KDF; kdf == nil || *kdf != key.kdf {
			continue
		}
		if s, err := w.open(key); err == nil {
			s.Wipe()
			return nil
		}
		if tries--; tries == 0 {
			break
		}
	}
	return ErrPassphrase
}

const (
	// unlockTime is how long it takes a machine to try a passphrase; policy.
	unlockTime = 250 * time.Millisecond
	// measureTime is how long a machine is measured; policy.
	measureTime = 400 * time.Millisecond
	// Never less than the second choice of RFC 9106, however slow the machine is
	// while it is measured; policy.
	leastTime      = 3
	leastMemoryKiB = 64 << 10
	mostMemoryKiB  = 256 << 10
	kdfThreads     = 4
)

// calibrate returns parameters with which a passphrase takes this machine about
// unlockTime: more memory first, then more passes.
func calibrate() KDF {
	kdf := KDF{Name: kdfName, Time: leastTime, MemoryKiB: leastMemoryKiB, Threads: kdfThreads}
	best := time.Duration(1 << 62)
	salt := make([]byte, saltSize)
	for from, tries := time.Now(), 0; tries < 2 || time.Since(from) < measureTime; tries++ {
		begin := time.Now() // the best of some: others use the machine too
		wipe(argon2.IDKey(salt, salt, kdf.Time, kdf.MemoryKiB, kdf.Threads, 32))
		best = min(best, time.Since(begin))
	}
	for kdf.MemoryKiB < mostMemoryKiB && 2*best <= unlockTime {
		kdf.MemoryKiB, best = 2*kdf.MemoryKiB, 2*best
	}
	kdf.Time = uint32(max(leastTime, min(maxKDFTime/2, leastTime*unlockTime/max(best, 1))))
	return kdf
}

// equalKDF says whether two are the same, or none.
func equalKDF(a, b *KDF) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
