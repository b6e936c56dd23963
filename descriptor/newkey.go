package descriptor

import (
	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/keys"
)

// NewKey makes a key of OutputOfScripts from its bytes (33 or 65), its origin,
// and its private key, which may be nil.
func NewKey(public []byte, fingerprint [4]byte, path keys.Path, private *btcec.PrivateKey) Key {
	return Key{Public: public, Fingerprint: fingerprint, Path: path, private: private}
}
