package miniscript

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestCheckMessages compares what Check says with Core's descriptor errors. The
// innermost part with a problem is named, and of the problems of a part the first
// in Core's order.
func TestCheckMessages(t *testing.T) {
	for _, c := range []struct {
		expr, want string
		ctx        Context
	}{
		{expr: "and_v(vc:andor(v:pk_k(A),pk_k(B),and_v(v:older(1),pk_k(C))),after(10))", want: "v:pk_k(A) is invalid"},
		{expr: "or_b(sha256(#),s:pk(A))", want: "or_b(sha256(#),s:pk(A)) is not sane: malleable witnesses exist"},
		{
			expr: "and_b(and_b(older(1),a:older(100000000)),s:pk(A))",
			want: "and_b(older(1),a:older(100000000)) is not sane: contains mixes of timelocks expressed in blocks and seconds",
		},
		{
			expr: "or_i(and_b(after(1),a:after(1000000000)),pk(A))",
			want: "and_b(after(1),a:after(1000000000)) is not sane: contains mixes of timelocks expressed in blocks and seconds",
		},
		{expr: "and_v(v:sha256(#),older(5))", want: "and_v(v:sha256(#),older(5)) is not sane: witnesses without signature exist"},
		{expr: "and_v(v:pk(A),pk(A))", want: "and_v(v:pk(A),pk(A)) is not sane: contains duplicate public keys"},
		{expr: "or_b(c:pk_k(A),ac:pk_h(A))", want: "or_b(pk(A),a:pkh(A)) is not sane: contains duplicate public keys"},
		{
			expr: "or_i(and_b(pk(A),s:pk(B)),and_b(older(1),s:pk(A)))",
			want: "or_i(and_b(pk(A),s:pk(B)),and_b(older(1),s:pk(A))) is not sane: contains duplicate public keys",
		},
		{expr: "or_i(multi(1,A,A),pk(B))", want: "multi(1,A,A) is not sane: contains duplicate public keys"},
		{expr: "and_v(v:pk(A),0)", want: "and_v(v:pk(A),0) is not satisfiable"},
		{expr: "pk_k(A)", want: "pk_k(A) is not sane"},
		{expr: "v:pk(A)", want: "v:pk(A) is not sane"},
		{expr: "thresh(2,dv:older(42),s:pk(A),s:pk(B))", want: "thresh(2,dv:older(42),s:pk(A),s:pk(B)) is invalid"},
		{expr: "thresh(2,dv:older(42),s:pk(A),s:pk(B))", ctx: Tapscript},
		{expr: "or_d(pk(A),and_v(v:pkh(B),older(144)))"},
		{expr: "multi_a(2,A,B,C)", ctx: Tapscript},
	} {
		n, ring, err := parse(c.expr, c.ctx)
		if err != nil {
			t.Fatalf("%s: %v", c.expr, err)
		}
		got := ""
		if err := n.Check(); err != nil {
			var check *CheckError
			if !errors.As(err, &check) || !errors.Is(err, ErrInsane) {
				t.Fatalf("%s: %v", c.expr, err)
			}
			got = strings.ReplaceAll(check.Text(ring.name), "926a54995ca48600920a19bf7bc502ca5f2f7d07e6f804c4f00ebf0325084dbc", "#")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.expr, got, c.want)
		}
	}
}

// chain nests count expressions in each other: before + ... + last + after.
func chain(count int, before, last, after string) string {
	return strings.Repeat(before, count) + last + strings.Repeat(after, count)
}

// TestLimits has expressions at and over each limit.
func TestLimits(t *testing.T) {
	problem := func(expr string, ctx Context) string {
		t.Helper()
		n, _, err := parse(expr, ctx)
		if err != nil {
			return "unreadable"
		}
		var check *CheckError
		if errors.As(n.Check(), &check) {
			return check.Problem
		}
		return "sane"
	}
	manyKeys := func(count int) string {
		expr := "pk(" + strings.Repeat("0", 64) + "00)"
		for i := 1; i < count; i++ {
			expr = "and_b(pk(" + strings.Repeat("0", 63) + hex.EncodeToString([]byte{byte(i >> 8), byte(i)})[1:] + "),a:" + expr + ")"
		}
		return expr
	}
	multiKeys := func(name string, k string, count int) string {
		expr := name + "(" + k
		for i := range count {
			expr += "," + strings.Repeat("0", 63) + hex.EncodeToString([]byte{byte(i >> 8), byte(i)})[1:]
		}
		return expr + ")"
	}
	for _, c := range []struct {
		what, expr, wsh, tap string
	}{
		// Each and_b has 3 operations, each pk one.
		{"201 operations", chain(50, "and_b(older(1),a:", "pk(A)", ")"), "sane", "sane"},
		{"205 operations", chain(51, "and_b(older(1),a:", "pk(A)", ")"), tooLarge, "sane"},
		{"99 keys", manyKeys(99), "unreadable", "sane"},
		{"script over 3600 bytes", manyKeys(200), "unreadable", "sane"},
		{"1000 items while running", chain(998, "and_b(older(1),a:", "pk(A)", ")"), "unreadable", "sane"},
		{"1001 items while running", chain(999, "and_b(older(1),a:", "pk(A)", ")"), "unreadable", tooLarge},
		{"20 keys", multiKeys("multi", "20", 20), "sane", "unreadable"},
		{"21 keys", multiKeys("multi", "1", 21), "unreadable", "unreadable"},
		{"999 keys", multiKeys("multi_a", "999", 999), "unreadable", "sane"},
		{"1000 keys", multiKeys("multi_a", "1", 1000), "unreadable", "unreadable"},
		{"threshold over keys", multiKeys("multi_a", "3", 2), "unreadable", "unreadable"},
		{"3599 bytes", chain(3564, "n", ":pk(A)", ""), tooLarge, "sane"},
		{"3601 bytes", chain(3566, "n", ":pk(A)", ""), "unreadable", "sane"},
		{"largest leaf", chain(maxTapScript-34, "n", ":pk(A)", ""), "unreadable", "sane"},
		{"over the largest leaf", chain(maxTapScript-33, "n", ":pk(A)", ""), "unreadable", "unreadable"},
	} {
		if got := problem(c.expr, P2WSH); got != c.wsh {
			t.Errorf("%s in P2WSH: %s, want %s", c.what, got, c.wsh)
		}
		if got := problem(c.expr, Tapscript); got != c.tap {
			t.Errorf("%s in Tapscript: %s, want %s", c.what, got, c.tap)
		}
	}
}

// TestItemsOver100 has one satisfaction of 100 items, and one of 101.
func TestItemsOver100(t *testing.T) {
	for items, sane := range map[int]bool{100: true, 101: false} {
		n, _, err := parse(chain(items-1, "or_i(0,", "pk(A)", ")"), P2WSH)
		if err != nil {
			t.Fatal(err)
		}
		// or_i has 3 operations each, over 201 already: leave those out.
		n.ops.static = 0
		if got, _, ok := n.MaxWitness(); !ok || got != items {
			t.Fatalf("%d items, want %d", got, items)
		}
		if n.sane() != sane {
			t.Errorf("%d items: sane %v", items, n.sane())
		}
	}
}

// TestHostileInput reads expressions and scripts made to cost much: deep, wide,
// and endless.
func TestHostileInput(t *testing.T) {
	const deep = 100_000
	wide := "thresh(10000,l:1" + strings.Repeat(",al:1", 36_000) + ")"
	square := "thresh(500,l:1" + strings.Repeat(",al:1", 999) + strings.Repeat(",a:0", 4_000) + ")"
	squares := chain(3, "or_i(thresh(500,l:1"+strings.Repeat(",al:1", 999)+"),", "pk(A)", ")")
	for _, expr := range []string{
		chain(deep, "n", ":pk(A)", ""), chain(deep, "l", ":pk(A)", ""), chain(deep, "v", ":pk(A)", ""),
		chain(deep, "vn", ":pk(A)", ""), chain(deep/5, "tv", ":pk(A)", ""),
		chain(deep, "and_v(v:1,", "pk(A)", ")"), chain(deep/5, "and_v(", "v:1", ",v:1)"), chain(deep, "or_i(0,", "pk(A)", ")"),
		chain(deep, "andor(", "pk(A)", ",0,0)"), chain(deep/5, "thresh(1,", "pk(A)", ")"), chain(deep, "and_n(", "", ""),
		chain(deep, "(", "", ""), strings.Repeat("a", 1_000_000), strings.Repeat(":", deep), strings.Repeat("a:", deep),
		"multi(1" + strings.Repeat(",A", deep) + ")", "multi_a(999" + strings.Repeat(",A", 999) + ")",
		"thresh(1" + strings.Repeat(",0", deep/5) + ")", wide, square, squares, "older(" + strings.Repeat("9", 1_000_000) + ")",
		"thresh(" + strings.Repeat("9", deep) + ",pk(A))", "pk(" + strings.Repeat("A", deep) + ")",
	} {
		for _, ctx := range []Context{P2WSH, Tapscript} {
			start := time.Now()
			n, ring, err := parse(expr, ctx)
			if err == nil {
				_ = n.Check()
				n.Keys()
				text := n.String(ring.name)
				script := n.Script(ring.bytes)
				if n.validAlone() {
					back, err := Decode(script, ctx, ring.find, ring.findHash)
					if err != nil {
						t.Errorf("%.40s: %v", expr, err)
					} else if again := back.Script(ring.bytes); string(again) != string(script) {
						t.Errorf("%.40s: another script after decoding", expr)
					}
				}
				_, _ = n.Satisfy(everything(ctx))
				_ = text
			} else if !errors.Is(err, ErrSyntax) && err.Error() != "no key" {
				t.Errorf("%.40s: %v", expr, err)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("%.40s: %v", expr, d)
			} else if testing.Verbose() {
				t.Logf("%.30s %d: %v", expr, ctx, d.Round(time.Millisecond))
			}
		}
	}
}

// everything gives dummies for all that can be asked for.
func everything(ctx Context) Material {
	sigSize := 72
	if ctx == Tapscript {
		sigSize = 65
	}
	yes := func(uint32) bool { return true }
	return Material{
		Sign:     func(int) ([]byte, bool) { return make([]byte, sigSize), true },
		Preimage: func(Hash, []byte) ([]byte, bool) { return make([]byte, 32), true },
		Older:    yes, After: yes,
		KeyBytes: func(i int) []byte { return publicKey(i, ctx) },
	}
}

// TestDecodeRefusals has scripts that no expression gives.
func TestDecodeRefusals(t *testing.T) {
	const key = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
	for what, script := range map[string]string{
		"empty":                                "",
		"multi_a without any key":              "ac519c",
		"multi_a without the first key":        "ba20" + key[2:] + "ba519c",
		"multi_a without a key in the middle":  "ac20" + key[2:] + "ac20" + key[2:] + "ba519c",
		"push that is not minimal":             "4c21" + key + "ac",
		"number that is not minimal":           "0110b2",
		"number with an empty byte":            "021000b2",
		"negative number":                      "0181b2",
		"lock of zero":                         "00b2",
		"lock of 5 bytes":                      "050000008000b1",
		"VERIFY after CHECKSIG":                "21" + key + "ac6951",
		"cut push":                             "21" + key[:60],
		"uncompressed key":                     "41" + strings.Repeat("04", 65) + "ac",
		"key with a wrong first byte":          "21" + "05" + key[2:] + "ac",
		"key of the other context":             "20" + key[2:] + "ac",
		"K at the top":                         "21" + key,
		"V at the top":                         "21" + key + "ad",
		"something before":                     "5121" + key + "ac",
		"something behind":                     "21" + key + "ac51",
		"threshold over keys":                  "5221" + key + "51ae",
		"no keys":                              "5000ae",
		"keys not counted right":               "5121" + key + "52ae",
		"ENDIF alone":                          "5168",
		"IF without ENDIF":                     "6351",
		"digest of the wrong length":           "82012088a814" + strings.Repeat("11", 20) + "87",
		"preimage of another size":             "82012188a820" + strings.Repeat("11", 32) + "87",
		"thresh over members":                  "21" + key + "ac5287",
		"unknown opcode":                       "b0",
		"pk_h of a key that nobody has":        "76a914" + strings.Repeat("11", 20) + "88ac",
		"and_b without a wrapper":              "51519a",
		"bare number":                          "52",
		"CHECKMULTISIG with a huge key number": "51" + "04ffffff7f" + "ae",
	} {
		raw, err := hex.DecodeString(script)
		if err != nil {
			t.Fatal(what, err)
		}
		ring := &keyring{names: []string{key}}
		if n, err := Decode(raw, P2WSH, ring.find, ring.findHash); !errors.Is(err, ErrDecode) {
			t.Errorf("%s: %v, %v", what, n, err)
		}
		ring.ctx = Tapscript
		if what == "key of the other context" {
			raw = append([]byte{33, 2}, raw[1:]...)
		}
		if n, err := Decode(raw, Tapscript, ring.find, ring.findHash); !errors.Is(err, ErrDecode) {
			t.Errorf("%s in Tapscript: %v, %v", what, n, err)
		}
	}
	nobody := func([]byte) (int, bool) { return 0, false }
	for _, ctx := range []Context{P2WSH, Tapscript} {
		if _, err := Decode(append([]byte{byte(ctx.keySize())}, append(publicKey(0, ctx), 0xac)...), ctx, nobody, nil); !errors.Is(err, ErrDecode) {
			t.Errorf("a key that nobody knows: %v", err)
		}
	}
}
