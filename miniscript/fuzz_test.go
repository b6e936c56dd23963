package miniscript

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/lode-chain/lode/address"
)

// rawKey returns bytes that look like the key of a number: deriving real ones
// would take most of the time.
func rawKey(i int, ctx Context) []byte {
	raw := bytes.Repeat([]byte{2}, 33)
	binary.BigEndian.PutUint32(raw[29:], uint32(i))
	return raw[33-ctx.keySize():]
}

// FuzzParse reads any text. What can be read comes back the same from its text
// and, if it is valid, from its script, and nothing that is asked of it fails.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, expr string, tapscript bool) {
		ctx := P2WSH
		if tapscript {
			ctx = Tapscript
		}
		numbers := map[string]int{}
		var names []string
		number := func(s string) (int, error) {
			i, ok := numbers[s]
			if !ok {
				i = len(names)
				numbers[s], names = i, append(names, s)
			}
			return i, nil
		}
		name := func(i int) string { return names[i] }
		raw := func(i int) []byte { return rawKey(i, ctx) }
		n, err := Parse(expr, ctx, number)
		if err != nil {
			if !errors.Is(err, ErrSyntax) {
				t.Fatal(err)
			}
			return
		}
		text := n.String(name)
		again, err := Parse(text, ctx, number)
		if err != nil || again.String(name) != text {
			t.Fatalf("%q: %q: %v", expr, text, err)
		}
		script := n.Script(raw)
		if len(script) != n.ScriptSize() {
			t.Fatalf("%q: %d bytes, %d told", text, len(script), n.ScriptSize())
		}
		if s, err := n.Satisfy(everythingRaw(ctx)); err == nil && n.validAlone() {
			size := 0
			for _, item := range s.Stack {
				size += 1 + len(item)
			}
			if items, most, ok := n.MaxWitness(); !ok || len(s.Stack) > items || size > most {
				t.Fatalf("%q: %d items of %d bytes, told %d of %d", text, len(s.Stack), size, items, most)
			}
		}
		if err := n.Check(); err != nil && err.Error() == "" {
			t.Fatal("no message")
		}
		if !n.validAlone() {
			return
		}
		places, hashes := map[string]int{}, map[[20]byte]int{}
		for i := range names {
			places[string(raw(i))], hashes[address.Hash160(raw(i))] = i, i
		}
		back, err := Decode(script, ctx,
			func(b []byte) (int, bool) { i, ok := places[string(b)]; return i, ok },
			func(h [20]byte) (int, bool) { i, ok := hashes[h]; return i, ok })
		if err != nil || !bytes.Equal(back.Script(raw), script) || back.typ != n.typ {
			t.Fatalf("%q: %x: %v", text, script, err)
		}
	})
}

// everythingRaw is everything with rawKey's keys.
func everythingRaw(ctx Context) Material {
	m := everything(ctx)
	m.KeyBytes = func(i int) []byte { return rawKey(i, ctx) }
	return m
}

// FuzzDecode reads any script. What can be read gives the same script again, and
// its text is an expression.
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, script []byte, tapscript bool) {
		ctx := P2WSH
		if tapscript {
			ctx = Tapscript
		}
		var keys [][]byte
		number := func(raw []byte) (int, bool) {
			for i, k := range keys {
				if bytes.Equal(k, raw) {
					return i, true
				}
			}
			keys = append(keys, bytes.Clone(raw))
			return len(keys) - 1, true
		}
		hash := func(h [20]byte) (int, bool) {
			for i := range 4 {
				if raw := rawKey(i, ctx); address.Hash160(raw) == h {
					return number(raw)
				}
			}
			return 0, false
		}
		n, err := Decode(script, ctx, number, hash)
		if err != nil {
			if !errors.Is(err, ErrDecode) {
				t.Fatal(err)
			}
			return
		}
		raw := func(i int) []byte { return keys[i] }
		if got := n.Script(raw); !bytes.Equal(got, script) {
			t.Fatalf("%x: written as %x", script, got)
		}
		name := func(i int) string { return string(rune('A' + i)) }
		text := n.String(name)
		again, err := Parse(text, ctx, func(s string) (int, error) { return int([]rune(s)[0] - 'A'), nil })
		if err != nil || !bytes.Equal(again.Script(raw), script) {
			t.Fatalf("%x: %s: %v", script, text, err)
		}
	})
}
