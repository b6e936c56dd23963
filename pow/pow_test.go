package pow

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("../testdata/vectors/core/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func parseBits(t *testing.T, s string) uint32 {
	t.Helper()
	v, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(v)
}

func hexNumber(t *testing.T, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return n
}

// TestVectors compares compact targets and proofs of work with Core's tests.
func TestVectors(t *testing.T) {
	var v struct {
		Compact []struct {
			Compact            string
			Target             string
			Roundtrip          string `json:"roundtrip_compact"`
			Negative, Overflow bool
		}
		CheckPow []struct {
			Network, Bits, Hash, Why string
			HashIsOne                bool `json:"hash_is_1"`
			Valid                    bool
		} `json:"check_pow"`
	}
	readJSON(t, "pow.json", &v)
	for _, c := range v.Compact {
		target, negative, overflow := TargetFromBits(parseBits(t, c.Compact))
		if negative != c.Negative || overflow != c.Overflow {
			t.Errorf("%s: negative %t, overflow %t", c.Compact, negative, overflow)
		}
		if overflow {
			continue
		}
		if target.Cmp(hexNumber(t, c.Target)) != 0 {
			t.Errorf("%s: %x, want %s", c.Compact, target, c.Target)
		}
		if got := BitsFromTarget(target); !negative && got != parseBits(t, c.Roundtrip) {
			t.Errorf("%s: back to %08x, want %s", c.Compact, got, c.Roundtrip)
		}
	}
	mainLimit := hexNumber(t, "00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff")
	for _, c := range v.CheckPow {
		var hash chainhash.Hash
		if c.HashIsOne {
			hash[0] = 1
		} else if h, err := chainhash.NewHashFromStr(c.Hash); err == nil {
			hash = *h
		}
		if got := Check(hash, parseBits(t, c.Bits), mainLimit); got != c.Valid {
			t.Errorf("bits %s (%s): %t", c.Bits, c.Why, got)
		}
	}
	if len(v.Compact) == 0 || len(v.CheckPow) == 0 {
		t.Error("no vectors")
	}
}

func TestWork(t *testing.T) {
	var v struct {
		Proofs []struct{ Bits, Work string } `json:"block_proof"`
	}
	readJSON(t, "work_and_subsidy.json", &v)
	for _, c := range v.Proofs {
		if got := Work(parseBits(t, c.Bits)); got.Cmp(hexNumber(t, c.Work)) != 0 {
			t.Errorf("%s: %x, want %s", c.Bits, got, c.Work)
		}
	}
	for _, bits := range []uint32{0, 0x04923456 /* negative */, 0xff123456 /* overflow */} {
		if got := Work(bits); got.Sign() != 0 {
			t.Errorf("%08x: %s", bits, got)
		}
	}
}

// TestSearch finds Bitcoin's own nonces: those of block 0 of main and block 1.
func TestSearch(t *testing.T) {
	const header = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
	raw, err := hex.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	var h [80]byte
	copy(h[:], raw)
	target, _, _ := TargetFromBits(0x1d00ffff)
	const nonce = 2083236893
	for _, from := range []uint32{nonce, nonce - 1000} {
		if got, found := Search(&h, from, 1001, target); !found || got != nonce {
			t.Errorf("from %d: %d, %t", from, got, found)
		}
	}
	if _, found := Search(&h, nonce-1000, 1000, target); found {
		t.Error("found a nonce that does not meet the target")
	}
	if _, found := Search(&h, nonce, 1, new(big.Int)); found {
		t.Error("found a nonce for a target of zero")
	}
}

// TestSearchLimit checks that a hash equal to the target is enough, and that
// one more than the target is not.
func TestSearchLimit(t *testing.T) {
	var h [80]byte
	h[0] = 7
	hash := chainhash.DoubleHashB(h[:])
	slices.Reverse(hash)
	target := new(big.Int).SetBytes(hash)
	if _, found := Search(&h, 0, 1, target); !found {
		t.Error("a hash equal to the target is not accepted")
	}
	if _, found := Search(&h, 0, 1, target.Sub(target, big.NewInt(1))); found {
		t.Error("a hash above the target is accepted")
	}
}

func TestSolve(t *testing.T) {
	h := wire.BlockHeader{Version: 4, Timestamp: time.Unix(1_700_000_000, 0), Bits: 0x207fffff, Nonce: 1<<32 - 3}
	limit, _, _ := TargetFromBits(h.Bits)
	for range 20 {
		h.Version++
		if Solve(&h) && !Check(h.BlockHash(), h.Bits, limit) {
			t.Fatal("the solution does not meet the target")
		}
	}
	if raw := EncodeHeader(&h); chainhash.DoubleHashH(raw[:]) != h.BlockHash() {
		t.Error("EncodeHeader does not give what is hashed")
	}
	h.Nonce, h.Bits = 1<<32-100, 0x03000001
	if Solve(&h) || h.Nonce != 1<<32-100 {
		t.Error("solved, or changed, what has no solution")
	}
}

func BenchmarkSearch(b *testing.B) {
	var h [80]byte
	for b.Loop() {
		Search(&h, 0, 1000, big.NewInt(1))
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "hashes/s")
}
