package descriptor

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
)

// drawKey makes a key expression, private or public, of a seed of its own.
func drawKey(t *rapid.T, p *network.Params, tr bool) string {
	seed := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "seed")
	master, err := keys.NewMaster(seed)
	if err != nil {
		t.Skip()
	}
	text := ""
	if rapid.Bool().Draw(t, "origin") {
		text = fmt.Sprintf("[%x%s]", seed[:4], drawPath(t, true))
	}
	private := rapid.Bool().Draw(t, "private")
	if rapid.IntRange(0, 3).Draw(t, "single") == 0 {
		key, err := master.PrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		raw := key.PubKey().SerializeCompressed()
		switch {
		case private:
			return text + address.EncodeWIF(key, true, p)
		case tr && rapid.Bool().Draw(t, "x-only"):
			raw = raw[1:]
		}
		return text + hex.EncodeToString(raw)
	}
	if private {
		xprv, err := master.EncodePrivate(p)
		if err != nil {
			t.Fatal(err)
		}
		text += xprv + drawPath(t, true)
	} else {
		text += master.EncodePublic(p) + drawPath(t, false)
	}
	return text + rapid.SampledFrom([]string{"", "/*", "/*"}).Draw(t, "wildcard")
}

func drawPath(t *rapid.T, hardened bool) string {
	path := ""
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		path += fmt.Sprintf("/%d", rapid.Uint32Max(1<<31-1).Draw(t, "step"))
		if hardened && rapid.Bool().Draw(t, "hardened") {
			path += "h"
		}
	}
	return path
}

// drawDescriptor makes any descriptor that has keys.
func drawDescriptor(t *rapid.T, p *network.Params) string {
	key := func(tr bool) string { return drawKey(t, p, tr) }
	list := func(n int, tr bool) string {
		var all []string
		for range n {
			all = append(all, key(tr))
		}
		return fmt.Sprintf("%d,%s", rapid.IntRange(1, n).Draw(t, "required"), strings.Join(all, ","))
	}
	inner := func(c context) string {
		forms := []string{"pk", "pkh", "multi", "sortedmulti"}
		if c == inSH {
			forms = append(forms, "wpkh")
		}
		if c == inWSH {
			forms = append(forms, "mini")
		}
		switch f := rapid.SampledFrom(forms).Draw(t, "inner"); f {
		case "multi", "sortedmulti":
			n := 3
			if c != top {
				n = 6
			}
			return f + "(" + list(rapid.IntRange(1, n).Draw(t, "keys"), false) + ")"
		case "mini":
			return fmt.Sprintf("or_d(pk(%s),and_v(v:pkh(%s),older(%d)))", key(false), key(false), rapid.IntRange(1, 65535).Draw(t, "lock"))
		default:
			return f + "(" + key(false) + ")"
		}
	}
	leaf := func() string {
		switch rapid.IntRange(0, 3).Draw(t, "leaf") {
		case 0:
			return "pk(" + key(true) + ")"
		case 1:
			return "multi_a(" + list(rapid.IntRange(1, 4).Draw(t, "keys"), true) + ")"
		case 2:
			return "sortedmulti_a(" + list(rapid.IntRange(1, 4).Draw(t, "keys"), true) + ")"
		}
		return fmt.Sprintf("and_v(v:pk(%s),after(%d))", key(true), rapid.IntRange(1, 499_999_999).Draw(t, "lock"))
	}
	var tree func(depth int) string
	tree = func(depth int) string {
		if depth == 0 || rapid.Bool().Draw(t, "is leaf") {
			return leaf()
		}
		return "{" + tree(depth-1) + "," + tree(depth-1) + "}"
	}
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		return inner(top)
	case 1:
		return "wpkh(" + key(false) + ")"
	case 2:
		return "combo(" + key(false) + ")"
	case 3:
		return "sh(" + inner(inSH) + ")"
	case 4:
		return "wsh(" + inner(inWSH) + ")"
	case 5:
		return "sh(wsh(" + inner(inWSH) + "))"
	case 6:
		return "rawtr(" + key(true) + ")"
	}
	if rapid.Bool().Draw(t, "key only") {
		return "tr(" + key(true) + ")"
	}
	return "tr(" + key(true) + "," + tree(3) + ")"
}

// TestProperties holds any descriptor against what must be true of all:
// writing and parsing is the identity, for every form; public, private and
// normalized form give the same scripts; Output agrees with Scripts; what the
// scripts alone tell is the same output; and what is inferred of an output has
// its script.
func TestProperties(t *testing.T) {
	p := network.Regtest()
	rapid.Check(t, func(t *rapid.T) {
		text := drawDescriptor(t, p)
		d, err := Parse(text, p)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		again, err := ParseChecked(d.String(), p)
		if err != nil || again.String() != d.String() || again.HasPrivate() || again.ID() != d.ID() {
			t.Fatalf("%s: public form %s, %v", text, d, err)
		}
		full := d
		if d.HasPrivate() {
			private, _, err := d.Private()
			if err != nil {
				t.Fatal(err)
			}
			if full, err = ParseChecked(private, p); err != nil || private != WithChecksum(text) || full.String() != d.String() {
				t.Fatalf("%s: private form %s, %v", text, private, err)
			}
		} else if d.String() != WithChecksum(text) {
			t.Fatalf("%s: written as %s", text, d)
		}
		normal, err := d.Normalized()
		if err != nil {
			t.Fatal(err)
		}
		norm, err := ParseChecked(normal, p)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := norm.Normalized(); err != nil || twice != normal {
			t.Fatalf("%s: normalized %s, and again %s, %v", text, normal, twice, err)
		}
		index := rapid.Uint32Max(MaxIndex).Draw(t, "index")
		scripts, err := d.Scripts(index)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []*Descriptor{full, norm} {
			same, err := other.Scripts(index)
			if err != nil || len(same) != len(scripts) {
				t.Fatalf("%s: %s: %v", text, other, err)
			}
			for i := range same {
				if !bytes.Equal(same[i], scripts[i]) {
					t.Fatalf("%s: %s gives %x instead of %x", text, other, same[i], scripts[i])
				}
			}
		}
		for _, script := range scripts {
			checkOutput(t, d, p, index, script)
		}
		if _, err := d.Output(index, []byte{txscript.OP_TRUE}); !errors.Is(err, ErrMismatch) {
			t.Fatal(err)
		}
		if _, err := d.Scripts(MaxIndex + 1); !errors.Is(err, ErrRange) {
			t.Fatal(err)
		}
	})
}

func checkOutput(t *rapid.T, d *Descriptor, p *network.Params, index uint32, script []byte) {
	o, err := d.Output(index, script)
	if err != nil || !bytes.Equal(o.Script, script) {
		t.Fatalf("%s: output: %v", d, err)
	}
	for _, k := range o.Keys {
		private, ok := k.PrivateKey()
		if ok && !bytes.Equal(private.PubKey().SerializeCompressed()[1:], k.XOnly()) {
			t.Fatalf("%s: another private key", d)
		}
	}
	back, err := OutputOfScripts(*o)
	if err != nil || len(back.Leaves) != len(o.Leaves) || back.Type != o.Type && d.Single() && d.root.kind != kindPK && d.root.outputType() != "" {
		t.Fatalf("%s: from its scripts: %v", d, err)
	}
	for i := range o.Leaves {
		if back.Leaves[i].Hash != o.Leaves[i].Hash || back.Leaves[i].Depth != o.Leaves[i].Depth || len(back.Leaves[i].Keys) != len(o.Leaves[i].Keys) {
			t.Fatalf("%s: leaf %d", d, i)
		}
	}
	inferred := o.Infer(p)
	e, err := ParseChecked(inferred, p)
	if err != nil {
		t.Fatalf("%s: inferred %s: %v", d, inferred, err)
	}
	same, err := e.Scripts(0)
	if err != nil || !bytes.Equal(same[0], script) || !e.Solvable() {
		t.Fatalf("%s: inferred %s: %v", d, inferred, err)
	}
	if again := back.Infer(p); again != inferred {
		t.Fatalf("%s: inferred %s and %s", d, inferred, again)
	}
}

// TestSpend spends an output of every form with the keys of its descriptor, by
// the script engine's judgement; and it fails, saying so, when one key lacks
// that is needed.
func TestSpend(t *testing.T) {
	p := network.Regtest()
	key := func(n byte) string {
		master, err := keys.NewMaster(bytes.Repeat([]byte{n}, 16))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := master.EncodePrivate(p)
		return text
	}
	a, b, c := key(1)+"/0h/*", key(2)+"/1/*", key(3)+"/*h"
	pub := func(n byte) string {
		master, err := keys.NewMaster(bytes.Repeat([]byte{n}, 16))
		if err != nil {
			t.Fatal(err)
		}
		return master.EncodePublic(p) + "/*"
	}
	uncompressed := "91gGn1HgSap6CbU12F6z3pJri26xzp7Ay1VW6NHCoEayNXwRpu2"
	for _, s := range []struct {
		text               string
		sequence, lockTime uint32
		fails              string
	}{
		{"pk(" + a + ")", 0, 0, ""},
		{"pkh(" + a + ")", 0, 0, ""},
		{"pkh(" + uncompressed + ")", 0, 0, ""},
		{"wpkh(" + c + ")", 0, 0, ""},
		{"combo(" + b + ")", 0, 0, ""},
		{"combo(" + uncompressed + ")", 0, 0, ""},
		{"multi(2," + a + "," + pub(9) + "," + c + ")", 0, 0, ""},
		{"sh(pk(" + a + "))", 0, 0, ""},
		{"sh(pkh(" + a + "))", 0, 0, ""},
		{"sh(wpkh(" + a + "))", 0, 0, ""},
		{"sh(sortedmulti(2," + a + "," + b + "," + c + "))", 0, 0, ""},
		{"sh(multi(1," + uncompressed + "))", 0, 0, ""},
		{"sh(multi(2," + a + "," + pub(9) + "))", 0, 0, "1 of 2 signatures are there"},
		{"wsh(pk(" + a + "))", 0, 0, ""},
		{"wsh(pkh(" + a + "))", 0, 0, ""},
		{"wsh(sortedmulti(2," + a + "," + b + "," + pub(9) + "))", 0, 0, ""},
		{"sh(wsh(multi(3," + a + "," + b + "," + c + ")))", 0, 0, ""},
		{"wsh(or_d(pk(" + pub(9) + "),and_v(v:pkh(" + a + "),older(10))))", 10, 0, ""},
		{"wsh(or_d(pk(" + pub(9) + "),and_v(v:pkh(" + a + "),older(10))))", 9, 0, "the coin has not yet 10 confirmations"},
		{"wsh(or_d(pk(" + pub(9) + "),and_v(v:pkh(" + a + "),older(4194305))))", 1 << 22, 0, "the coin is not yet 512 seconds old"},
		{"sh(wsh(and_v(v:pk(" + a + "),after(100))))", 0, 100, ""},
		{"sh(wsh(and_v(v:pk(" + a + "),after(100))))", 0, 99, "block 100 has not been reached"},
		{"wsh(and_v(v:pk(" + a + "),after(1700000000)))", 0, 1_699_999_999, "the time 1700000000 has not been reached"},
		{"wsh(and_v(v:pk(" + a + "),sha256(0000000000000000000000000000000000000000000000000000000000000000)))", 0, 0, "the preimage of 00000000"},
		{"tr(" + a + ")", 0, 0, ""},
		{"tr(" + a + ",pk(" + b + "))", 0, 0, ""},
		{"tr(" + pub(9) + ",pk(" + b + "))", 0, 0, ""},
		{"tr(" + pub(9) + ",{pk(" + pub(8) + "),{multi_a(2," + a + "," + pub(7) + "," + c + "),and_v(v:pk(" + b + "),after(9))}})", 0, 9, ""},
		{"tr(" + pub(9) + ",{sortedmulti_a(2," + b + "," + c + "),pk(" + pub(8) + ")})", 0, 0, ""},
		{"tr(" + pub(9) + ",pkh(" + b + "))", 0, 0, ""},
		{"tr(" + pub(9) + ",{pk(" + pub(8) + "),and_v(v:pk(" + b + "),older(5))})", 4, 0, "the coin has not yet 5 confirmations"},
		{"rawtr(" + a + ")", 0, 0, ""},
		{"wpkh(" + pub(9) + ")", 0, 0, "no signature of"},
		{"raw(51)", 0, 0, "no way to spend this output is known"},
		{"addr(2N2uFi5LbDQQwTqAVd5veF6qE9hWww2DVzF)", 0, 0, "no way to spend this output is known"},
	} {
		d, err := Parse(s.text, p)
		if err != nil {
			t.Errorf("%s: %v", s.text, err)
			continue
		}
		for index := range uint32(2) {
			scripts, err := d.Scripts(index)
			if err != nil {
				t.Errorf("%s: %v", s.text, err)
			}
			for _, script := range scripts {
				o, err := d.Output(index, script)
				if err != nil {
					t.Errorf("%s: %v", s.text, err)
					continue
				}
				back, err := OutputOfScripts(*o)
				if err != nil {
					t.Errorf("%s: %v", s.text, err)
					continue
				}
				for _, o := range []*Output{o, back} {
					err := spendWith(o, s.sequence, s.lockTime, nil)
					switch {
					case s.fails == "" && err != nil:
						t.Errorf("%s: %v", s.text, err)
					case s.fails != "" && (!errors.Is(err, ErrUnsatisfiable) || !strings.Contains(err.Error(), s.fails)):
						t.Errorf("%s: %v, want %s", s.text, err, s.fails)
					}
				}
			}
		}
	}
}

// TestCheapestLeaf takes the key path where it can, and otherwise the leaf with
// the smallest witness, also when it stands deeper in the tree.
func TestCheapestLeaf(t *testing.T) {
	d, err := Parse("tr("+somePub+",{multi_a(2,"+somePub+","+otherPub+"),{and_v(v:pk("+otherPub+"),older(3)),pk("+otherPub+")}})", network.Regtest())
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := d.Scripts(0)
	if err != nil {
		t.Fatal(err)
	}
	o, err := d.Output(0, scripts[0])
	if err != nil {
		t.Fatal(err)
	}
	never, always := func(uint32) bool { return false }, func(uint32) bool { return true }
	for _, c := range []struct {
		keyPath bool
		without int // the leaf that nobody signs
		older   func(uint32) bool
		want    int // leaf; -1: key path, -2: none
	}{
		{true, 0, always, -1},
		{false, 0, always, 2},
		{false, 2, always, 1},
		{false, 2, never, 0},
		{false, -1, never, 2},
	} {
		s, err := o.Satisfy(Material{
			Signature: func(pub []byte, leaf *chainhash.Hash) ([]byte, bool) {
				if leaf == nil {
					return make([]byte, 64), c.keyPath
				}
				return make([]byte, 64), c.without < 0 || *leaf != o.Leaves[c.without].Hash
			},
			Older: c.older,
		})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if c.want < 0 {
			if len(s.Witness) != 1 {
				t.Errorf("%+v: %d items", c, len(s.Witness))
			}
			continue
		}
		if n := len(s.Witness); !bytes.Equal(s.Witness[n-2], o.Leaves[c.want].Script) || !bytes.Equal(s.Witness[n-1], o.Leaves[c.want].ControlBlock) {
			t.Errorf("%+v: another leaf", c)
		}
		if locked := s.Sequence == 3; locked != (c.want == 1) {
			t.Errorf("%+v: sequence %d", c, s.Sequence)
		}
	}
}
