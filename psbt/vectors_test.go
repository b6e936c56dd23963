package psbt

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// coreVectors is Core's test/functional/data/rpc_psbt.json.
type coreVectors struct {
	Invalid        []string
	InvalidWithMsg [][2]string `json:"invalid_with_msg"`
	Valid          []string
	Creator        []struct {
		Inputs []struct {
			TxID string
			Vout uint32
		}
		Outputs []map[string]json.Number
		Result  string
	}
	Signer []struct {
		PrivKeys     []string
		PSBT, Result string
	}
	Combiner []struct {
		Combine []string
		Result  string
	}
	Finalizer []struct{ Finalize, Result string }
	Extractor []struct{ Extract, Result string }
}

func readVectors(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func coreCases(t testing.TB) *coreVectors {
	t.Helper()
	v := new(coreVectors)
	readVectors(t, "core/rpc_psbt.json", v)
	if len(v.Invalid) < 40 || len(v.Valid) < 20 || len(v.Signer) < 6 {
		t.Fatal("vectors are missing")
	}
	return v
}

// bipCase is a case of the texts of BIP174 and BIP371.
type bipCase struct {
	BIP                     int
	Kind, Case, Base64, Hex string
}

func bipCases(t testing.TB) []bipCase {
	t.Helper()
	var list []bipCase
	readVectors(t, "bip/bip174_bip371_psbt_cases.json", &list)
	if len(list) < 51 {
		t.Fatal("vectors are missing")
	}
	return list
}

func mustDecode(t testing.TB, s string) *Packet {
	t.Helper()
	p, err := DecodeBase64(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCoreDecode holds decoding against Core's vectors. What is valid comes out
// as it was, or when Core orders or leaves out something of it, is the same after
// being read again.
func TestCoreDecode(t *testing.T) {
	v := coreCases(t)
	for i, s := range v.Invalid {
		if _, err := DecodeBase64(s); !errors.Is(err, ErrFormat) {
			t.Errorf("invalid %d: %v", i, err)
		}
	}
	for _, c := range v.InvalidWithMsg {
		var format *FormatError
		if _, err := DecodeBase64(c[0]); !errors.As(err, &format) || !strings.Contains(format.CoreText(), c[1]) {
			t.Errorf("got %v, want %s", err, c[1])
		}
	}
	for i, s := range v.Valid {
		p, err := DecodeBase64(s)
		if err != nil {
			t.Errorf("valid %d: %v", i, err)
			continue
		}
		raw, _ := base64.StdEncoding.DecodeString(s)
		if err := sameFields(raw, p); err != nil {
			t.Errorf("valid %d: %v", i, err)
		}
	}
}

// TestBIPDecode holds decoding against the cases in the texts of the BIPs.
func TestBIPDecode(t *testing.T) {
	for _, c := range bipCases(t) {
		raw, err := base64.StdEncoding.DecodeString(c.Base64)
		if err != nil {
			t.Fatal(err)
		}
		if c.Hex != "" {
			if other, err := hex.DecodeString(c.Hex); err != nil || !bytes.Equal(raw, other) {
				t.Errorf("%s: hex and base64 differ", c.Case)
			}
		}
		_, err = DecodeBase64(c.Base64)
		if want := c.Kind == "invalid"; (err != nil) != want {
			t.Errorf("BIP%d %s %s: %v", c.BIP, c.Kind, c.Case, err)
		} else if err != nil {
			t.Logf("%s: %v", c.Case, err)
		}
	}
}
