package miniscript

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// everyWay finds all witnesses of a node by going through all choices, with
// nothing decided on the way: the naive model that Satisfy is compared with.
type everyWay struct {
	n     *Node
	p     purse
	limit bool // too many
}

const mostWays = 400

// join returns every combination, b above a.
func (e *everyWay) join(a, b [][]string) [][]string {
	var out [][]string
	if len(a)*len(b) > mostWays {
		e.limit = true
		return nil
	}
	for _, x := range a {
		for _, y := range b {
			out = append(out, append(slices.Clone(x), y...))
		}
	}
	return out
}

// sigOf is the dummy signature of a key: their lengths differ a little, as those
// of real ones do.
func sigOf(key int) []byte { return append(bytes.Repeat([]byte{0x30}, 69+key%3), byte(key)) }

func (e *everyWay) all(n *Node) (sat, dis [][]string) {
	one, zero := [][]string{{"\x01"}}, [][]string{{""}}
	var x, y, z [2][][]string
	for i, v := range []*[2][][]string{&x, &y, &z} {
		if i < len(n.subs) && n.frag != thresh {
			v[0], v[1] = e.all(n.subs[i])
		}
	}
	switch n.frag {
	case wrapA, wrapS, wrapC, wrapN:
		return x[0], x[1]
	case wrapD:
		return e.join(x[0], one), zero
	case wrapV:
		return x[0], nil
	case wrapJ:
		top := func(w []string) bool { return w[len(w)-1] == "" }
		return slices.DeleteFunc(x[0], top), append(slices.DeleteFunc(x[1], top), zero...)
	case andV:
		return e.join(y[0], x[0]), e.join(y[1], x[0])
	case andB:
		return e.join(y[0], x[0]), slices.Concat(e.join(y[1], x[1]), e.join(y[0], x[1]), e.join(y[1], x[0]))
	case orB:
		return slices.Concat(e.join(y[0], x[0]), e.join(y[1], x[0]), e.join(y[0], x[1])), e.join(y[1], x[1])
	case orC:
		return append(x[0], e.join(y[0], x[1])...), nil
	case orD:
		return append(x[0], e.join(y[0], x[1])...), e.join(y[1], x[1])
	case orI:
		return append(e.join(x[0], one), e.join(y[0], zero)...), append(e.join(x[1], one), e.join(y[1], zero)...)
	case andOr:
		return append(e.join(y[0], x[0]), e.join(z[0], x[1])...), append(e.join(y[1], x[0]), e.join(z[1], x[1])...)
	case thresh:
		return e.allThresh(n)
	}
	return e.allLeaf(n)
}

func (e *everyWay) allThresh(n *Node) (sat, dis [][]string) {
	type member struct{ sat, dis [][]string }
	var members []member
	for _, s := range n.subs {
		a, b := e.all(s)
		members = append(members, member{a, b})
	}
	for set := range 1 << len(members) {
		way, count := [][]string{{}}, 0
		for i := len(members) - 1; i >= 0; i-- {
			part := members[i].dis
			if set>>i&1 == 1 {
				part, count = members[i].sat, count+1
			}
			way = e.join(way, part)
		}
		if count == int(n.k) {
			sat = append(sat, way...)
		} else {
			dis = append(dis, way...)
		}
	}
	return sat, dis
}

func (e *everyWay) allLeaf(n *Node) (sat, dis [][]string) {
	way := func(ok bool, items ...string) [][]string {
		if !ok {
			return nil
		}
		return [][]string{items}
	}
	switch n.frag {
	case just0:
		return nil, way(true)
	case just1:
		return way(true), nil
	case pkK, pkH:
		k := n.keys[0]
		sat, dis = way(e.p.keys[k], string(sigOf(k))), way(true, "")
		if n.frag == pkH {
			raw := way(true, string(publicKey(k, n.ctx)))
			sat, dis = e.join(sat, raw), e.join(dis, raw)
		}
		return sat, dis
	case older:
		return way(e.p.older(n.k)), nil
	case after:
		return way(e.p.after(n.k)), nil
	case hashed:
		p, ok := preimageFor(n.hash, n.digest, e.p.preimages)
		return way(ok, string(p)), [][]string{{strings.Repeat("\x00", 32)}, {strings.Repeat("\x07", 32)}}
	}
	for set := range 1 << len(n.keys) {
		var items []string
		count := 0
		for i, k := range n.keys {
			switch {
			case set>>i&1 == 1 && !e.p.keys[k]:
				count = -100
			case set>>i&1 == 1:
				count++
				items = append(items, string(sigOf(k)))
			case n.frag == multiA:
				items = append(items, "")
			}
		}
		if n.frag == multi {
			items = append([]string{""}, items...)
		} else {
			slices.Reverse(items)
		}
		if count == int(n.k) {
			sat = append(sat, items)
		}
	}
	zeros := int(n.k) + 1
	if n.frag == multiA {
		zeros = len(n.keys)
	}
	return sat, [][]string{slices.Repeat([]string{""}, zeros)}
}

// stranger returns what somebody has who has seen a witness: the signatures and
// preimages in it, and all time locks that the signer had.
func stranger(n *Node, p purse, witness []string) purse {
	s := purse{keys: map[int]bool{}, preimages: map[int]bool{}, older: p.older, after: p.after}
	for _, k := range n.Keys() {
		s.keys[k] = slices.Contains(witness, string(sigOf(k)))
	}
	for i := range 4 {
		s.preimages[i] = slices.Contains(witness, string(preimageOf(i)))
	}
	return s
}

// TestAgainstEveryWay compares Satisfy with going through all witnesses of small
// sane expressions: it finds one if there is any, no stranger can make another
// from it, and of all such it is the smallest.
func TestAgainstEveryWay(t *testing.T) {
	compared, refused, several := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		n := tree(t, 5, true)
		if !n.sane() {
			t.Skip("not sane")
		}
		p := drawPurse(t, n)
		// Locks of one kind only, as a transaction has.
		relKind, absKind := rapid.Bool().Draw(t, "relative time"), rapid.Bool().Draw(t, "absolute time")
		older, after := p.older, p.after
		p.older = func(l uint32) bool { return l&sequenceTimeFlag != 0 == relKind && older(l) }
		p.after = func(l uint32) bool { return l >= lockTimeThreshold == absKind && after(l) }

		e := &everyWay{n: n, p: p}
		ways, _ := e.all(n)
		if e.limit {
			t.Skip("too many ways")
		}
		text := n.String(func(i int) string { return string(rune('A' + i)) })
		got, err := n.Satisfy(p.material(n.ctx, sigOf))
		if len(ways) == 0 {
			if !errors.Is(err, ErrUnsatisfiable) {
				t.Fatalf("%s: %v, %v, but there is no way", text, got, err)
			}
			refused++
			return
		}
		if err != nil {
			t.Fatalf("%s: %v, but there are %d ways", text, err, len(ways))
		}
		var stack []string
		for _, item := range got.Stack {
			stack = append(stack, string(item))
		}
		if !slices.ContainsFunc(ways, func(w []string) bool { return slices.Equal(w, stack) }) {
			t.Fatalf("%s: %q is no way of satisfying it", text, stack)
		}
		size := func(w []string) int { return len(strings.Join(w, "")) + len(w) }
		others := func(w []string) bool {
			e := &everyWay{n: n, p: stranger(n, p, w)}
			theirs, _ := e.all(n)
			return slices.ContainsFunc(theirs, func(o []string) bool { return !slices.Equal(o, w) })
		}
		if others(stack) {
			t.Fatalf("%s: others can alter %q", text, stack)
		}
		for _, w := range ways {
			if size(w) < size(stack) && !others(w) {
				t.Fatalf("%s: %q is smaller than %q", text, w, stack)
			}
		}
		compared++
		if len(ways) > 3 {
			several++
		}
	})
	t.Logf("compared %d, %d of them with over 3 ways, and %d that cannot be satisfied", compared, several, refused)
	if compared < 10 || refused < 3 {
		t.Errorf("compared only %d, and %d that cannot be satisfied", compared, refused)
	}
}
