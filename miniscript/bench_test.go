package miniscript

import "testing"

// BenchmarkInheritance does what a wallet does for each coin of a usual policy.
func BenchmarkInheritance(b *testing.B) {
	const expr = "or_d(multi(2,A,B,C),and_v(v:thresh(2,pkh(D),a:pkh(E),a:pkh(F)),older(52560)))"
	n, ring, err := parse(expr, P2WSH)
	if err != nil || n.Check() != nil {
		b.Fatal(err)
	}
	script := n.Script(ring.bytes)
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = parse(expr, P2WSH)
		}
	})
	b.Run("script", func(b *testing.B) {
		for b.Loop() {
			n.Script(ring.bytes)
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			_, _ = Decode(script, P2WSH, ring.find, ring.findHash)
		}
	})
	b.Run("satisfy", func(b *testing.B) {
		m := everything(P2WSH)
		for b.Loop() {
			_, _ = n.Satisfy(m)
		}
	})
}
