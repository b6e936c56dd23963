package miniscript

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// fragment is what a node of the tree is.
type fragment uint8

// The fragments of BIP379. Those that are only another way of writing one are
// not here: pk(X) is c:pk_k(X), pkh(X) c:pk_h(X), and_n(X,Y) andor(X,Y,0), t:X
// and_v(X,1), l:X or_i(0,X), u:X or_i(X,0).
const (
	just0  fragment = iota // 0
	just1                  // 1
	pkK                    // <key>
	pkH                    // DUP HASH160 <keyhash> EQUALVERIFY
	older                  // <n> CHECKSEQUENCEVERIFY
	after                  // <n> CHECKLOCKTIMEVERIFY
	hashed                 // SIZE 32 EQUALVERIFY <hash function> <digest> EQUAL
	multi                  // <k> <key>... <n> CHECKMULTISIG; P2WSH only
	multiA                 // <key> CHECKSIG (<key> CHECKSIGADD)... <k> NUMEQUAL; Tapscript only
	wrapA                  // TOALTSTACK [X] FROMALTSTACK
	wrapS                  // SWAP [X]
	wrapC                  // [X] CHECKSIG
	wrapD                  // DUP IF [X] ENDIF
	wrapV                  // [X] VERIFY, or the VERIFY form of X's last opcode
	wrapJ                  // SIZE 0NOTEQUAL IF [X] ENDIF
	wrapN                  // [X] 0NOTEQUAL
	andV                   // [X] [Y]
	andB                   // [X] [Y] BOOLAND
	orB                    // [X] [Y] BOOLOR
	orC                    // [X] NOTIF [Y] ENDIF
	orD                    // [X] IFDUP NOTIF [Y] ENDIF
	orI                    // IF [X] ELSE [Y] ENDIF
	andOr                  // [X] NOTIF [Z] ELSE [Y] ENDIF
	thresh                 // [X1] ([Xi] ADD)... <k> EQUAL
)

// names has the fragments that are written with their name and arguments.
var names = map[fragment]string{
	pkK: "pk_k", pkH: "pk_h", older: "older", after: "after", multi: "multi", multiA: "multi_a", andV: "and_v",
	andB: "and_b", orB: "or_b", orC: "or_c", orD: "or_d", orI: "or_i", andOr: "andor", thresh: "thresh",
}

// wrappers has the fragments that are written as one letter before a colon.
var wrappers = map[byte]fragment{'a': wrapA, 's': wrapS, 'c': wrapC, 'd': wrapD, 'v': wrapV, 'j': wrapJ, 'n': wrapN}

// Node is an expression. It never changes.
type Node struct {
	ctx  Context
	frag fragment
	hash Hash // of hashed
	// repeats is set if one key occurs twice in this expression.
	repeats bool
	k       uint32 // the lock of older and after, the threshold of multi, multi_a and thresh
	keys    []int
	digest  []byte
	subs    []*Node

	// What follows from the above, see finish.
	typ   props
	size  int // of the script, in bytes
	ops   opsInfo
	stack stackInfo
	wit   pair[amount]
}

// finish fills in what follows from the fields that say what the node is.
func (n *Node) finish() *Node {
	n.typ = typeOf(n)
	n.size = scriptSize(n)
	n.limits()
	return n
}

// node returns an expression made of others.
func (c Context) node(f fragment, subs ...*Node) *Node {
	return (&Node{ctx: c, frag: f, subs: subs}).finish()
}

// eval computes something for every node from what it is for its members, and
// returns what it is for the root (Core's TreeEval). It does not recurse.
func eval[R any](root *Node, up func(n *Node, subs []R) R) R {
	type frame struct {
		n    *Node
		next int
	}
	stack := []frame{{n: root}}
	var results []R
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next < len(top.n.subs) {
			top.next++
			stack = append(stack, frame{n: top.n.subs[top.next-1]})
			continue
		}
		first := len(results) - len(top.n.subs)
		r := up(top.n, results[first:])
		clear(results[first:])
		results = append(results[:first], r)
		stack = stack[:len(stack)-1]
	}
	return results[0]
}

// unfold writes a tree: each piece is either written or stands for a node, whose
// pieces follow in its place. It does not recurse.
func unfold[P any](root P, pieces func(p P) []P) {
	stack := []P{root}
	for len(stack) > 0 {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		more := pieces(p)
		for i := len(more) - 1; i >= 0; i-- {
			stack = append(stack, more[i])
		}
	}
}

// Keys returns the numbers of the keys in the order of the expression, one for
// each place that has a key.
func (n *Node) Keys() []int {
	var keys []int
	eval(n, func(n *Node, _ []struct{}) struct{} {
		keys = append(keys, n.keys...)
		return struct{}{}
	})
	return keys
}

// markRepeats finds which expressions have a key twice, for a whole tree at
// once. It must be called before the tree is shown to anybody.
func (n *Node) markRepeats() {
	type span struct{ first, twin int } // its first key's place; the last place that was seen before within it
	seen := map[int]int{}
	places := 0
	eval(n, func(n *Node, subs []span) span {
		s := span{first: places, twin: -1}
		if len(subs) > 0 {
			s.first = subs[0].first
		}
		for _, sub := range subs {
			s.twin = max(s.twin, sub.twin)
		}
		for _, key := range n.keys {
			if last, ok := seen[key]; ok {
				s.twin = max(s.twin, last)
			}
			seen[key] = places
			places++
		}
		n.repeats = s.twin >= s.first
		return s
	})
}

// text is a piece of an expression's text.
type text struct {
	s       string
	n       *Node
	wrapped bool // n follows a wrapper
}

// String returns the expression as Core prints it, with pk, pkh, and_n, t:, l:
// and u: wherever they can be written.
func (n *Node) String(key func(i int) string) string {
	var b strings.Builder
	unfold(text{n: n}, func(t text) []text {
		if t.n == nil {
			b.WriteString(t.s)
			return nil
		}
		if letter, sub := t.n.wrapper(); letter != 0 {
			b.WriteByte(letter)
			return []text{{n: sub, wrapped: true}}
		}
		if t.wrapped {
			b.WriteByte(':')
		}
		return t.n.written(key)
	})
	return b.String()
}

// wrapper returns the letter and the member of a node that is written as a
// wrapper, or no letter.
func (n *Node) wrapper() (byte, *Node) {
	switch n.frag {
	case wrapA:
		return 'a', n.subs[0]
	case wrapS:
		return 's', n.subs[0]
	case wrapC:
		if f := n.subs[0].frag; f == pkK || f == pkH {
			return 0, nil
		}
		return 'c', n.subs[0]
	case wrapD:
		return 'd', n.subs[0]
	case wrapV:
		return 'v', n.subs[0]
	case wrapJ:
		return 'j', n.subs[0]
	case wrapN:
		return 'n', n.subs[0]
	case andV:
		if n.subs[1].frag == just1 {
			return 't', n.subs[0]
		}
	case orI:
		if n.subs[0].frag == just0 {
			return 'l', n.subs[1]
		}
		if n.subs[1].frag == just0 {
			return 'u', n.subs[0]
		}
	}
	return 0, nil
}

// written returns the text of a node that is no wrapper.
func (n *Node) written(key func(i int) string) []text {
	call := func(name, arg string) []text { return []text{{s: name + "(" + arg + ")"}} }
	switch n.frag {
	case just0:
		return []text{{s: "0"}}
	case just1:
		return []text{{s: "1"}}
	case pkK, pkH:
		return call(names[n.frag], key(n.keys[0]))
	case wrapC:
		if n.subs[0].frag == pkK {
			return call("pk", key(n.subs[0].keys[0]))
		}
		return call("pkh", key(n.subs[0].keys[0]))
	case older, after:
		return call(names[n.frag], strconv.Itoa(int(n.k)))
	case hashed:
		return call(n.hash.String(), hex.EncodeToString(n.digest))
	case multi, multiA:
		var b strings.Builder
		b.WriteString(strconv.Itoa(int(n.k)))
		for _, i := range n.keys {
			b.WriteString("," + key(i))
		}
		return call(names[n.frag], b.String())
	}
	name, subs := names[n.frag], n.subs
	if n.frag == andOr && subs[2].frag == just0 {
		name, subs = "and_n", subs[:2]
	}
	out := []text{{s: name + "("}}
	if n.frag == thresh {
		out[0].s += strconv.Itoa(int(n.k)) + ","
	}
	for i, sub := range subs {
		if i > 0 {
			out = append(out, text{s: ","})
		}
		out = append(out, text{n: sub})
	}
	return append(out, text{s: ")"})
}
