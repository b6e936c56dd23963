package descriptor

import (
	"testing"

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

func mustKey(t *testing.T) *btcec.PublicKey {
	t.Helper()
	key, err := btcec.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key.PubKey()
}
