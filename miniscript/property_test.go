package miniscript

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"

	//lint:ignore SA1019 One of the hashes that scripts have.
	"golang.org/x/crypto/ripemd160"
	"pgregory.net/rapid"

	"github.com/lode-chain/lode/address"
)

// More cases than rapid's 100 are cheap here; -rapid.checks still says otherwise.
func init() { _ = flag.Set("rapid.checks", "1000") }

// grower makes random expressions of a wanted base type. What does not fit gives
// way to a leaf, so that all it makes is well typed; whether it is sane is left
// to chance.
type grower struct {
	t    *rapid.T
	ctx  Context
	keys int  // how many have been given out
	own  bool // no key twice
}

func (g *grower) draw(n int) int { return rapid.IntRange(0, n-1).Draw(g.t, "choice") }

func (g *grower) key() int {
	if !g.own && g.keys > 0 && g.draw(8) == 0 {
		return g.draw(g.keys)
	}
	g.keys++
	return g.keys - 1
}

func (g *grower) fits(base props, n *Node) *Node {
	if n.typ.has(base) {
		return n
	}
	return g.leaf(base)
}

// leaf returns a small expression of a base type.
func (g *grower) leaf(base props) *Node {
	switch base {
	case isK:
		f := pkK
		if g.draw(2) == 0 {
			f = pkH
		}
		return (&Node{ctx: g.ctx, frag: f, keys: []int{g.key()}}).finish()
	case isV:
		return g.ctx.node(wrapV, g.leaf(isB))
	case isW:
		return g.ctx.node(wrapA, g.leaf(isB))
	}
	lock := []uint32{1, 16, 17, 127, 128, 32767, 32768, 144, 65535, 65536, 1<<22 | 1, 1<<22 | 100, 499_999_999, 500_000_000, maxLock}
	switch g.draw(12) {
	case 0:
		return g.ctx.node(just0)
	case 1:
		return g.ctx.node(just1)
	case 2:
		return (&Node{ctx: g.ctx, frag: older, k: lock[g.draw(len(lock))]}).finish()
	case 3:
		return (&Node{ctx: g.ctx, frag: after, k: lock[g.draw(len(lock))]}).finish()
	case 4:
		h := Hash(g.draw(4))
		return (&Node{ctx: g.ctx, frag: hashed, hash: h, digest: digestOf(h, preimageOf(g.draw(4)))}).finish()
	case 5:
		f, n := multi, 1+g.draw(4)
		if g.ctx == Tapscript {
			f = multiA
		}
		keys := make([]int, n)
		for i := range keys {
			keys[i] = g.key()
		}
		return (&Node{ctx: g.ctx, frag: f, k: uint32(1 + g.draw(n)), keys: keys}).finish()
	default:
		return g.ctx.node(wrapC, g.leaf(isK))
	}
}

// grow returns an expression of a base type.
func (g *grower) grow(base props, depth int) *Node {
	if depth == 0 || g.draw(6) == 0 {
		return g.leaf(base)
	}
	sub := func(base props) *Node { return g.grow(base, depth-1) }
	var n *Node
	switch base {
	case isW:
		f := wrapA
		if g.draw(2) == 0 {
			f = wrapS
		}
		n = g.ctx.node(f, sub(isB))
	case isV:
		switch g.draw(5) {
		case 0:
			n = g.ctx.node(orC, sub(isB), sub(isV))
		case 1:
			n = g.ctx.node(andV, sub(isV), sub(isV))
		case 2:
			n = g.ctx.node(orI, sub(isV), sub(isV))
		case 3:
			n = g.ctx.node(andOr, sub(isB), sub(isV), sub(isV))
		default:
			n = g.ctx.node(wrapV, sub(isB))
		}
	case isK:
		switch g.draw(3) {
		case 0:
			n = g.ctx.node(andV, sub(isV), sub(isK))
		case 1:
			n = g.ctx.node(orI, sub(isK), sub(isK))
		default:
			n = g.ctx.node(andOr, sub(isB), sub(isK), sub(isK))
		}
	default:
		n = g.growB(sub)
	}
	return g.fits(base, n)
}

func (g *grower) growB(sub func(base props) *Node) *Node {
	switch g.draw(13) {
	case 0:
		return g.ctx.node(andV, sub(isV), sub(isB))
	case 1:
		return g.ctx.node(andB, sub(isB), sub(isW))
	case 2:
		return g.ctx.node(orB, sub(isB), sub(isW))
	case 3:
		return g.ctx.node(orD, sub(isB), sub(isB))
	case 4:
		return g.ctx.node(orI, sub(isB), sub(isB))
	case 5:
		return g.ctx.node(andOr, sub(isB), sub(isB), sub(isB))
	case 6:
		return g.ctx.node(wrapD, sub(isV))
	case 7:
		return g.ctx.node(wrapJ, sub(isB))
	case 8:
		return g.ctx.node(wrapN, sub(isB))
	case 9:
		return g.ctx.node(wrapC, sub(isK))
	case 10:
		return g.ctx.node(andOr, sub(isB), sub(isB), g.ctx.node(just0))
	default:
		subs := []*Node{sub(isB)}
		for range g.draw(4) {
			subs = append(subs, sub(isW))
		}
		return (&Node{ctx: g.ctx, frag: thresh, k: uint32(1 + g.draw(len(subs))), subs: subs}).finish()
	}
}

// tree draws an expression that is valid at the top level.
func tree(t *rapid.T, depth int, own bool) *Node {
	ctx := Context(rapid.IntRange(0, 1).Draw(t, "context"))
	g := &grower{t: t, ctx: ctx, own: own}
	n := g.grow(isB, depth)
	if !n.validAlone() {
		t.Skip("script too long")
	}
	n.markRepeats()
	return n
}

// preimageOf and digestOf give out a few preimages and their digests.
func preimageOf(i int) []byte {
	sum := sha256.Sum256([]byte{byte(i)})
	return sum[:]
}

func digestOf(h Hash, preimage []byte) []byte {
	sum := sha256.Sum256(preimage)
	switch h {
	case SHA256:
		return sum[:]
	case HASH256:
		sum = sha256.Sum256(sum[:])
		return sum[:]
	case RIPEMD160:
		r := ripemd160.New()
		r.Write(preimage)
		return r.Sum(nil)
	default:
		h := address.Hash160(preimage)
		return h[:]
	}
}

// preimageFor finds the preimage of a digest among those known.
func preimageFor(h Hash, digest []byte, known map[int]bool) ([]byte, bool) {
	for i := range 4 {
		if p := preimageOf(i); known[i] && bytes.Equal(digestOf(h, p), digest) {
			return p, true
		}
	}
	return nil, false
}

// TestRoundTrip writes random trees as text and script and reads them back.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := tree(t, 5, false)
		name := func(i int) string { return fmt.Sprint("k", i) }
		number := func(s string) (int, error) {
			var i int
			_, err := fmt.Sscanf(s, "k%d", &i)
			return i, err
		}
		raw := func(i int) []byte { return publicKey(i, n.ctx) }
		text, script := n.String(name), n.Script(raw)
		if len(script) != n.ScriptSize() {
			t.Fatalf("%s: script of %d bytes, %d told", text, len(script), n.ScriptSize())
		}
		again, err := Parse(text, n.ctx, number)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !same(again, n) {
			t.Fatalf("%s: came back as %s", text, again.String(name))
		}
		places := map[string]int{}
		for i := range 200 {
			places[string(raw(i))] = i
			h := address.Hash160(raw(i))
			places[string(h[:])] = i
		}
		decoded, err := Decode(script, n.ctx,
			func(b []byte) (int, bool) { i, ok := places[string(b)]; return i, ok },
			func(h [20]byte) (int, bool) { i, ok := places[string(h[:])]; return i, ok })
		if err != nil {
			t.Fatalf("%s: %x: %v", text, script, err)
		}
		if !bytes.Equal(decoded.Script(raw), script) {
			t.Fatalf("%s: decoded as %s", text, decoded.String(name))
		}
		if decoded.typ != n.typ {
			t.Fatalf("%s: type %s, decoded as %s with %s", text, n.typ, decoded.String(name), decoded.typ)
		}
		checkType(t, n)
	})
}

// same reports whether two trees are equal.
func same(a, b *Node) bool {
	if a.ctx != b.ctx || a.frag != b.frag || a.hash != b.hash || a.k != b.k || a.repeats != b.repeats || a.typ != b.typ ||
		a.size != b.size || a.ops != b.ops || a.stack != b.stack || a.wit != b.wit ||
		!slices.Equal(a.keys, b.keys) || !bytes.Equal(a.digest, b.digest) || len(a.subs) != len(b.subs) {
		return false
	}
	for i := range a.subs {
		if !same(a.subs[i], b.subs[i]) {
			return false
		}
	}
	return true
}

// checkType checks what holds of every type (BIP379; Core's SanitizeType), and
// which keys are told to be repeated, in every part of a tree.
func checkType(t *rapid.T, n *Node) {
	for i, c := range []struct {
		from, to props
		never    bool
	}{
		{from: zeroArg, to: oneArg, never: true},
		{from: nonZero, to: zeroArg, never: true},
		{from: nonZero, to: isW, never: true},
		{from: isV, to: dissat, never: true},
		{from: isV, to: unit, never: true},
		{from: isV, to: expr, never: true},
		{from: expr, to: forced, never: true},
		{from: dissat, to: forced, never: true},
		{from: isK, to: unit},
		{from: expr, to: dissat},
		{from: isV, to: forced},
		{from: isK, to: safe},
		{from: zeroArg, to: nonMall},
	} {
		if n.typ.has(c.from) && n.typ.has(c.to) == c.never {
			t.Fatalf("rule %d broken by %s", i, n.typ)
		}
	}
	keys := n.Keys()
	distinct := map[int]bool{}
	for _, k := range keys {
		distinct[k] = true
	}
	if n.repeats != (len(distinct) < len(keys)) {
		t.Fatalf("repeated keys %v: told %v", keys, n.repeats)
	}
	for _, s := range n.subs {
		checkType(t, s)
	}
}

// TestThreshDifferently compares the limits of thresh with those found by going
// through every choice of members.
func TestThreshDifferently(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &grower{t: t, ctx: Context(rapid.IntRange(0, 1).Draw(t, "context"))}
		subs := []*Node{g.grow(isB, 2)}
		for range 1 + g.draw(4) {
			subs = append(subs, g.grow(isW, 2))
		}
		k := 1 + g.draw(len(subs))
		n := (&Node{ctx: g.ctx, frag: thresh, k: uint32(k), subs: subs}).finish()
		if n.typ == 0 {
			t.Skip("badly typed")
		}
		var stack stackInfo
		wit, ops := pair[amount]{impossible, impossible}, pair[amount]{impossible, impossible}
		for set := range 1 << len(subs) {
			run, w, o, count := noTraffic, amount(0), amount(0), 0
			for i, s := range subs {
				part, pw, po := s.stack.dis, s.wit.dis, s.ops.dis
				if set>>i&1 == 1 {
					count++
					part, pw, po = s.stack.sat, s.wit.sat, s.ops.sat
				}
				run, w, o = run.then(part), w.and(pw), o.and(po)
				if i > 0 {
					run = run.then(takeOne)
				}
			}
			run = run.then(pushOne, takeOne)
			switch count {
			case k:
				stack.sat, wit.sat, ops.sat = stack.sat.or(run), wit.sat.or(w), ops.sat.or(o)
			case 0:
				stack.dis, wit.dis, ops.dis = run, w, o
			}
		}
		if n.stack != stack || n.wit != wit || n.ops.pair != ops {
			t.Fatalf("%+v %+v %+v, want %+v %+v %+v", n.stack, n.wit, n.ops.pair, stack, wit, ops)
		}
	})
}

// TestConcurrentUse uses one tree from several goroutines, for the race detector.
func TestConcurrentUse(t *testing.T) {
	n, ring, err := parse("or_d(pk(A),and_v(v:multi(1,B,C),older(144)))", P2WSH)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for range 4 {
		go func() {
			_ = n.Check()
			n.Keys()
			text := n.String(ring.name)
			_, err := n.Satisfy(everything(P2WSH))
			if text != "or_d(pk(A),and_v(v:multi(1,B,C),older(144)))" {
				err = errors.New(text)
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
