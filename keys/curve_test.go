package keys

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// The curve library is not ours, but every coin depends on it.

func TestWycheproofECDSA(t *testing.T) {
	var vectors struct {
		TestGroups []struct {
			PublicKey struct{ Uncompressed string }
			Tests     []struct {
				TcID                      int
				Comment, Msg, Sig, Result string
			}
		}
	}
	readVectors(t, "core/ecdsa_secp256k1_sha256_bitcoin_test.json", &vectors)
	checked := 0
	for _, g := range vectors.TestGroups {
		pub, err := btcec.ParsePubKey(unhex(t, g.PublicKey.Uncompressed))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range g.Tests {
			hash := sha256.Sum256(unhex(t, v.Msg))
			sig, err := ecdsa.ParseDERSignature(unhex(t, v.Sig))
			ok := err == nil && sig.Verify(hash[:], pub)
			if ok {
				s := sig.S()
				ok = !s.IsOverHalfOrder()
			}
			if ok != (v.Result == "valid") {
				t.Errorf("%d, %s: %v", v.TcID, v.Comment, ok)
			}
			checked++
		}
	}
	if checked != 463 {
		t.Errorf("%d signatures", checked)
	}
}

func TestBIP340(t *testing.T) {
	f, err := os.Open("../testdata/vectors/bip/bip340_test_vectors.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 16 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		secret, public, aux, message, signature := unhex(t, row[1]), unhex(t, row[2]), unhex(t, row[3]), unhex(t, row[4]), unhex(t, row[5])
		if len(message) != 32 {
			continue // the library signs hashes only, as Bitcoin does
		}
		if len(secret) > 0 {
			key, _ := btcec.PrivKeyFromBytes(secret)
			sig, err := schnorr.Sign(key, message, schnorr.CustomNonce([32]byte(aux)))
			if err != nil || !strings.EqualFold(hex.EncodeToString(sig.Serialize()), row[5]) {
				t.Errorf("%s: signed %v", row[0], err)
			}
		}
		pub, err := schnorr.ParsePubKey(public)
		ok := err == nil
		if ok {
			sig, err := schnorr.ParseSignature(signature)
			ok = err == nil && sig.Verify(message, pub)
		}
		if ok != (row[6] == "TRUE") {
			t.Errorf("%s (%s): %v, %v", row[0], row[7], ok, err)
		}
	}
}
