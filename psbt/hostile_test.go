package psbt

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"
)

// TestMemory: what is allocated is bounded by what came in, whatever counts and
// lengths it names.
func TestMemory(t *testing.T) {
	compact := func(n uint32) []byte { return binary.LittleEndian.AppendUint32([]byte{0xfe}, n) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	head := []byte(magic)
	tx := func(ins, outs []byte) []byte { return join([]byte{2, 0, 0, 0}, ins, outs) }
	valid := New(&wire.MsgTx{Version: 2, TxIn: []*wire.TxIn{{}}}).Encode()
	open := valid[:len(valid)-1] // before the separator of the input's map
	for name, raw := range map[string][]byte{
		"inputs":        join(head, []byte{1, globalTx, 9}, tx(compact(0x02000000), nil)),
		"outputs":       join(head, []byte{1, globalTx, 10}, tx([]byte{0}, compact(0x02000000))),
		"a key":         join(head, compact(0x02000000)),
		"a value":       join(head, []byte{1, 0x77}, compact(0x02000000)),
		"a witness":     join(open, []byte{1, inFinalWitness, 5}, compact(0x02000000)),
		"leaf hashes":   join(open, []byte{33, inTapDerivation}, make([]byte, 32), []byte{9}, compact(0x02000000)),
		"a path":        join(open, []byte{34, inDerivation}, []byte{2}, make([]byte, 31), []byte{1}, compact(0x02000000)),
		"a transaction": join(open, []byte{1, inNonWitnessUTXO, 9}, tx(compact(0x02000000), nil)),
		"a tree":        join(valid[:len(valid)-1], []byte{0}, compact(0x02000000)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(raw)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<10 {
			t.Errorf("%s: %d bytes for %d", name, used, len(raw))
		}
	}
	if _, err := Decode(make([]byte, MaxSize+1)); !errors.Is(err, ErrFormat) {
		t.Errorf("above the limit: %v", err)
	}
}

// TestEveryByte cuts valid packets at each byte, and changes each: none panics, and
// no cut one is a packet.
func TestEveryByte(t *testing.T) {
	v := coreCases(t)
	for _, s := range v.Valid {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			if _, err := Decode(raw[:i:i]); !errors.Is(err, ErrFormat) {
				t.Fatalf("cut at %d: %v", i, err)
			}
			for _, mask := range []byte{0x01, 0x80, 0xff} {
				changed := bytes.Clone(raw)
				changed[i] ^= mask
				if p, err := Decode(changed); err == nil {
					if err := sameFields(bytes.Clone(changed), p); err != nil {
						t.Errorf("byte %d: %v", i, err)
					}
				} else if !errors.Is(err, ErrFormat) {
					t.Errorf("byte %d: %v", i, err)
				}
			}
		}
		if _, err := Decode(append(bytes.Clone(raw), 0)); err == nil || err.(*FormatError).CoreText() != "extra data after PSBT" {
			t.Errorf("a byte too many: %v", err)
		}
	}
}

// TestBase64 has what is no base64 for Core.
func TestBase64(t *testing.T) {
	s := coreCases(t).Valid[0]
	for _, bad := range []string{"", "nosuch", s[1:], s + "\n", s[:20] + "\n" + s[20:], " " + s, s + "=", s[:len(s)-1] + "-"} {
		var format *FormatError
		if _, err := DecodeBase64(bad); !errors.As(err, &format) {
			t.Errorf("%.30q: %v", bad, err)
		}
	}
}

// TestTrees has leaves that are a tree, and that are none (Core's
// TaprootBuilder).
func TestTrees(t *testing.T) {
	for _, c := range []struct {
		depths []byte
		want   bool
	}{
		{[]byte{0}, true},
		{[]byte{1, 1}, true},
		{[]byte{1, 2, 2}, true},
		{[]byte{2, 2, 1}, true},
		{[]byte{2, 2, 2, 2}, true},
		{[]byte{3, 3, 2, 1}, true},
		{[]byte{1}, false},
		{[]byte{0, 0}, false},
		{[]byte{1, 1, 1}, false},
		{[]byte{2, 1, 2}, false},
		{[]byte{1, 2}, false},
		{[]byte{2, 2}, false},
		{[]byte{1, 1, 0}, false},
		{nil, false},
	} {
		var leaves []TreeLeaf
		for _, d := range c.depths {
			leaves = append(leaves, TreeLeaf{Depth: d})
		}
		if got := wholeTree(leaves); got != c.want {
			t.Errorf("%v: %v", c.depths, got)
		}
	}
}

// BenchmarkSign signs 1,000 inputs of a 2-of-3 with one key.
func BenchmarkSign(b *testing.B) {
	all := people(b, 3)
	const template = "wsh(sortedmulti(2,{0},{1},{2}))"
	watch, mine := outputOf(b, descriptorOf(b, template, all, -1)), outputOf(b, descriptorOf(b, template, all, 0))
	tx := wire.NewMsgTx(2)
	for i := range 1000 {
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Index: uint32(i)}, Sequence: 1})
	}
	tx.AddTxOut(wire.NewTxOut(1, watch.Script))
	start := New(tx)
	for i := range start.Inputs {
		start.Inputs[i].WitnessUTXO = wire.NewTxOut(1000, watch.Script)
	}
	for b.Loop() {
		p := start.Clone()
		s := NewSigner(p)
		for i := range p.Inputs {
			if _, err := s.Process(i, mine, Options{Sign: true, Origins: true}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
