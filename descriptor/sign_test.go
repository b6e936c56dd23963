package descriptor

import (
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// signSchnorr signs with a key that is not tweaked.
func signSchnorr(key *btcec.PrivateKey, hash []byte) ([]byte, error) {
	sig, err := schnorr.Sign(key, hash)
	if err != nil {
		return nil, err
	}
	return sig.Serialize(), nil
}
