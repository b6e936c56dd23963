package vault

import (
	"errors"
	"fmt"
)

// The sources of wallets.
const (
	SourceWords       = "words"       // a mnemonic: its account, or one key of it
	SourceKey         = "key"         // one private key
	SourceDescriptors = "descriptors" // nothing but descriptors
)

// Header is what is public about a wallet.
type Header struct {
	Number    int    `json:"number"` // from 1, never used twice
	ID        string `json:"id"`     // 16 random bytes in hex
	Network   string `json:"network"`
	Name      string `json:"name"`   // as it was made; renames are in the journal
	Source    string `json:"source"` // SourceWords, SourceKey or SourceDescriptors
	Type      string `json:"type"`
	Path      string `json:"path"`      // of the account, or of the one key
	Account   string `json:"account"`   // extended public key; empty for one key
	PublicKey string `json:"publickey"` // of its first address, hex
	Script    string `json:"script"`    // of its first address, hex
	Master    string `json:"master"`    // fingerprint of the master key (BIP32), hex; empty for a key
	Birth     int32  `json:"birth"`     // height; no coin of it is older
	Created   int64  `json:"created"`   // Unix seconds
	KDF       *KDF   `json:"kdf"`       // nil: the secret is not encrypted

	// WatchOnly: there is no secret, and so nothing is encrypted ever.
	WatchOnly bool `json:"watch_only,omitempty"`
	// Descriptors are the wallet's beside those of its words or key, in the order
	// of their chains. A Header that was handed out shares them: they are not
	// changed in place.
	Descriptors []Descriptor `json:"descriptors,omitempty"`
}

// Descriptor is one set of scripts of a wallet, in public form.
type Descriptor struct {
	Text     string `json:"text"` // without private keys, with its checksum
	Internal bool   `json:"internal,omitempty"`
	Active   bool   `json:"active,omitempty"` // new addresses, or change, are taken from it
	Label    string `json:"label,omitempty"`
	Birth    int32  `json:"birth,omitempty"`     // height; no coin of it is older
	Time     int64  `json:"timestamp,omitempty"` // Unix seconds, as it was imported
	Begin    uint32 `json:"begin,omitempty"`     // first index of its range
	Next     uint32 `json:"next,omitempty"`      // first index to give out, as it was imported; the journal has what was issued since
	End      uint32 `json:"end,omitempty"`       // index behind its range; 0 for no range
}

// maxDescriptors is how many descriptors a wallet can have; policy.
const maxDescriptors = 2_000

// checkSecret refuses a secret that is not of the kind that the header states.
func checkSecret(h *Header, s *Secret) error {
	if s == nil {
		s = new(Secret)
	}
	has := func(b []byte) bool { return len(b) > 0 }
	ok := true
	switch {
	case h.WatchOnly:
		ok = s.empty()
	case h.Source == SourceDescriptors:
		ok = !has(s.Mnemonic) && !has(s.Key)
	default:
		ok = has(s.Mnemonic) != has(s.Key)
	}
	switch {
	case !ok:
		return errors.New("its secret is not of the kind that it states")
	case len(s.Key) != 0 && len(s.Key) != 32:
		return errors.New("its key has a wrong length")
	case len(s.Descriptors) > len(h.Descriptors):
		return fmt.Errorf("it has secrets of %d descriptors and %d descriptors", len(s.Descriptors), len(h.Descriptors))
	case len(h.Descriptors) > maxDescriptors:
		return fmt.Errorf("it has %d descriptors, over the limit of %d", len(h.Descriptors), maxDescriptors)
	}
	return nil
}
