package vault

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/text/unicode/norm"
)

const (
	kdfName         = "argon2id"
	saltSize        = 16
	maxPassphrase   = 4096    // bytes; policy
	maxKDFTime      = 64      // passes; policy, bounds what a foreign file can cost
	maxKDFMemoryKiB = 1 << 20 // 1 GiB; policy
	maxKDFThreads   = 64      // policy
)

// KDF says how a key is made from a passphrase. It is stored in clear beside
// what it protects, and all wallets of a data directory share one, so that one
// run opens them all.
type KDF struct {
	Name      string `json:"name"`
	Salt      string `json:"salt"` // hex
	Time      uint32 `json:"time"`
	MemoryKiB uint32 `json:"memory_kib"`
	Threads   uint8  `json:"threads"`
}

// check refuses parameters that are not argon2id's or that would cost a
// machine's memory or minutes. It is asked before anything read is used.
func (k KDF) check() error {
	salt, err := hex.DecodeString(k.Salt)
	switch {
	case k.Name != kdfName:
		return fmt.Errorf("unknown key derivation %q", k.Name)
	case err != nil || len(salt) != saltSize:
		return fmt.Errorf("the salt is not %d bytes in hex", saltSize)
	case k.Time < 1 || k.Time > maxKDFTime:
		return fmt.Errorf("argon2id time %d is not in 1–%d", k.Time, maxKDFTime)
	case k.Threads < 1 || k.Threads > maxKDFThreads:
		return fmt.Errorf("argon2id threads %d is not in 1–%d", k.Threads, maxKDFThreads)
	case k.MemoryKiB < 8*uint32(k.Threads) || k.MemoryKiB > maxKDFMemoryKiB:
		return fmt.Errorf("argon2id memory %d KiB is not in %d–%d", k.MemoryKiB, 8*uint32(k.Threads), maxKDFMemoryKiB)
	}
	return nil
}

// Key opens the secrets of a data directory. It prints as nothing.
type Key struct {
	kdf   KDF
	bytes []byte
}

// derive runs the key derivation. It takes as long as kdf says.
func derive(passphrase []byte, kdf KDF) (*Key, error) {
	if err := kdf.check(); err != nil {
		return nil, err
	}
	salt, err := hex.DecodeString(kdf.Salt)
	if err != nil {
		return nil, err
	}
	normal := normalize(passphrase)
	defer wipe(normal)
	return &Key{kdf: kdf, bytes: argon2.IDKey(normal, salt, kdf.Time, kdf.MemoryKiB, kdf.Threads, chacha20poly1305.KeySize)}, nil
}

// normalize returns a copy of the passphrase in NFC, so that the same keys
// typed on another system give the same bytes.
func normalize(passphrase []byte) []byte {
	if utf8.Valid(passphrase) {
		return norm.NFC.Append(nil, passphrase...)
	}
	return bytes.Clone(passphrase)
}

// checkPassphrase refuses what cannot be a new passphrase.
func checkPassphrase(passphrase []byte) error {
	switch {
	case len(passphrase) == 0:
		return fmt.Errorf("%w: it is empty", ErrBadPassphrase)
	case len(passphrase) > maxPassphrase:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrBadPassphrase, maxPassphrase)
	}
	return nil
}

// Wipe overwrites the key; it opens nothing afterwards.
func (k *Key) Wipe() {
	if k != nil {
		wipe(k.bytes)
		k.bytes = nil
	}
}

func (k *Key) clone() *Key {
	if k == nil {
		return nil
	}
	return &Key{kdf: k.kdf, bytes: bytes.Clone(k.bytes)}
}

// seal returns nonce and ciphertext of plain, bound to aad.
func (k *Key) seal(plain, aad []byte, rand io.Reader) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.bytes)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return aead.Seal(nonce, nonce, plain, aad), nil
}

// open undoes seal.
func (k *Key) open(sealed, aad []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.bytes)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, ErrDamaged
	}
	return aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], aad)
}

const hidden = "[hidden]"

// String hides the key.
func (*Key) String() string { return hidden }

// GoString hides the key.
func (*Key) GoString() string { return hidden }

// LogValue hides the key.
func (*Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// Secret is what spends a wallet's coins: the words and their BIP39
// passphrase, or one private key, and those of its descriptors. It prints as nothing, in JSON too. Who asks
// for one wipes it when done.
type Secret struct {
	Mnemonic        []byte // normalised, or empty
	BIP39Passphrase []byte
	Key             []byte // 32 bytes, or empty
	// Descriptors are the private forms of the header's, in their order; "" where
	// there is none.
	Descriptors []string // they cannot be overwritten: strings
}

func (s *Secret) empty() bool {
	if s == nil {
		return true
	}
	for _, d := range s.Descriptors {
		if d != "" {
			return false
		}
	}
	return len(s.Mnemonic) == 0 && len(s.BIP39Passphrase) == 0 && len(s.Key) == 0
}

// Wipe overwrites the secret.
func (s *Secret) Wipe() {
	if s == nil {
		return
	}
	wipe(s.Mnemonic)
	wipe(s.BIP39Passphrase)
	wipe(s.Key)
	clear(s.Descriptors)
	*s = Secret{}
}

// Format hides the secret under every verb of package fmt.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret.
func (Secret) GoString() string { return hidden }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the secret.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

func wipe(b []byte) {
	clear(b)
}
