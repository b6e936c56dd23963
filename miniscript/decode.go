package miniscript

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/txscript/v2"
)

// element is an opcode with what it pushes. The VERIFY forms of opcodes are
// taken apart into two elements.
type element struct {
	op   byte
	data []byte
}

// decodeStep is a step that the decoder has still to take. Scripts are read from
// their end, where the opcode is that says what an expression is.
type decodeStep struct {
	what decodeKind
	frag fragment
	n    int    // how many nodes frag is made of; thresh: members read so far
	k    uint32 // thresh: the threshold
}

type decodeKind uint8

const (
	decSingle   decodeKind = iota // a B, K or V that is no and_v
	decAny                        // a B, K or V
	decWrapped                    // a W
	decMaybeAnd                   // another expression before the last, joined by and_v
	decSwap                       // SWAP, then s:
	decAlt                        // TOALTSTACK, then a:
	decBuild                      // a node of the last ones read, which are in reverse order
	decThresh                     // thresh: ADD and a member, or the first member
	decEndIf                      // what stands before the last branch of an IF
	decNotIf                      // or_d or or_c
	decElse                       // or_i or andor
	decAndOr                      // andor, whose branches are not in the order of its arguments
)

// decoder reads a script as Core's miniscript::FromScript does.
type decoder struct {
	ctx  Context
	in   []element // last opcode first
	key  func(raw []byte) (int, bool)
	hash func(h [20]byte) (int, bool)
	todo []decodeStep
	done []*Node
}

// Decode reads a script back into an expression that is valid at the top level,
// and whose script is this one to the byte. The function key returns the number
// that is to stand for a public key (33 bytes in P2WSH, 32 in Tapscript), and hash
// that of the key whose HASH160 is given (of pk_h; it may be nil); false refuses
// the script, as no other expression would give it. All errors are ErrDecode.
func Decode(script []byte, ctx Context, key func(raw []byte) (int, bool), hash func(h [20]byte) (int, bool)) (*Node, error) {
	if len(script) > ctx.maxScript() {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrDecode, ctx.maxScript())
	}
	in, ok := takeApart(script)
	if !ok {
		return nil, fmt.Errorf("%w: a push that is cut short or not minimal, or VERIFY where another opcode includes it", ErrDecode)
	}
	d := &decoder{ctx: ctx, in: in, key: key, hash: hash, todo: []decodeStep{{what: decAny}}}
	for len(d.todo) > 0 {
		if len(d.done) > 0 && !d.done[len(d.done)-1].valid() {
			return nil, fmt.Errorf("%w: types do not fit", ErrDecode)
		}
		s := d.todo[len(d.todo)-1]
		d.todo = d.todo[:len(d.todo)-1]
		if !d.step(s) {
			return nil, fmt.Errorf("%w: %d opcodes from its end", ErrDecode, len(in)-len(d.in))
		}
	}
	if len(d.in) > 0 || len(d.done) != 1 || !d.done[0].validAlone() {
		return nil, fmt.Errorf("%w: not one expression of type B", ErrDecode)
	}
	root := d.done[0]
	root.markRepeats()
	return root, nil
}

// takeApart splits a script into its elements, the last first (Core's
// DecomposeScript). It refuses pushes that are not minimal and a VERIFY that
// should be part of the opcode before it.
func takeApart(script []byte) ([]element, bool) {
	var out []element
	t := txscript.MakeScriptTokenizer(0, script)
	for t.Next() {
		op, data := t.Opcode(), t.Data()
		switch {
		case op >= txscript.OP_1 && op <= txscript.OP_16:
			data = []byte{op - txscript.OP_1 + 1}
		case op == txscript.OP_CHECKSIGVERIFY:
			out, op = append(out, element{op: txscript.OP_CHECKSIG}), txscript.OP_VERIFY
		case op == txscript.OP_CHECKMULTISIGVERIFY:
			out, op = append(out, element{op: txscript.OP_CHECKMULTISIG}), txscript.OP_VERIFY
		case op == txscript.OP_EQUALVERIFY:
			out, op = append(out, element{op: txscript.OP_EQUAL}), txscript.OP_VERIFY
		case op == txscript.OP_NUMEQUALVERIFY:
			out, op = append(out, element{op: txscript.OP_NUMEQUAL}), txscript.OP_VERIFY
		case op > txscript.OP_0 && op <= txscript.OP_PUSHDATA4:
			if !minimalPush(op, data) {
				return nil, false
			}
		case op == txscript.OP_VERIFY && len(out) > 0 && foldable(out[len(out)-1].op):
			return nil, false
		}
		out = append(out, element{op, data})
	}
	slices.Reverse(out)
	return out, t.Err() == nil
}

// foldable reports whether an opcode has a VERIFY form.
func foldable(op byte) bool {
	switch op {
	case txscript.OP_EQUAL, txscript.OP_CHECKSIG, txscript.OP_CHECKMULTISIG, txscript.OP_NUMEQUAL:
		return true
	}
	return false
}

// minimalPush reports whether no shorter opcode pushes the same (Core's
// CheckMinimalPush).
func minimalPush(op byte, data []byte) bool {
	switch size := len(data); {
	case size == 0:
		return false
	case size == 1 && (data[0] >= 1 && data[0] <= 16 || data[0] == 0x81):
		return false
	case size <= 75:
		return int(op) == size
	case size <= 0xff:
		return op == txscript.OP_PUSHDATA1
	case size <= 0xffff:
		return op == txscript.OP_PUSHDATA2
	default:
		return true
	}
}

// number reads an element that pushes a number of up to 31 bits in its shortest
// form. Numbers below 1 have no use in miniscript, and are refused.
func (e element) number() (uint32, bool) {
	size := len(e.data)
	if size == 0 || size > 4 {
		return 0, false
	}
	last := e.data[size-1]
	if last&0x80 != 0 || last == 0 && (size == 1 || e.data[size-2]&0x80 == 0) {
		return 0, false // negative, or not minimal
	}
	v := binary.LittleEndian.Uint32(append(slices.Clone(e.data), 0, 0, 0, 0))
	return v, v >= 1
}

// at reports whether the element at a distance has an opcode.
func (d *decoder) at(i int, op byte) bool { return i < len(d.in) && d.in[i].op == op }

func (d *decoder) later(steps ...decodeStep) { d.todo = append(d.todo, steps...) }

func (d *decoder) push(n *Node, used int) bool {
	d.done = append(d.done, n.finish())
	d.in = d.in[used:]
	return true
}

// build makes a node of the last ones, the last of which is its first argument.
func (d *decoder) build(f fragment, count int, k uint32) bool {
	if len(d.done) < count {
		return false
	}
	subs := slices.Clone(d.done[len(d.done)-count:])
	slices.Reverse(subs)
	d.done = d.done[:len(d.done)-count]
	return d.push(&Node{ctx: d.ctx, frag: f, k: k, subs: subs}, 0)
}

func (d *decoder) step(s decodeStep) bool {
	switch s.what {
	case decSingle:
		return d.single()
	case decAny:
		d.later(decodeStep{what: decMaybeAnd}, decodeStep{what: decSingle})
	case decWrapped:
		last := decodeStep{what: decSwap}
		if d.at(0, txscript.OP_FROMALTSTACK) {
			d.in = d.in[1:]
			last.what = decAlt
		}
		d.later(last, decodeStep{what: decAny})
	case decMaybeAnd:
		// These opcodes begin an expression, so none ends before them.
		for _, op := range []byte{
			txscript.OP_IF, txscript.OP_ELSE, txscript.OP_NOTIF, txscript.OP_TOALTSTACK, txscript.OP_SWAP,
		} {
			if d.at(0, op) {
				return true
			}
		}
		if len(d.in) > 0 {
			d.later(decodeStep{what: decBuild, frag: andV, n: 2}, decodeStep{what: decAny})
		}
	case decSwap:
		return d.opened(txscript.OP_SWAP, wrapS)
	case decAlt:
		return d.opened(txscript.OP_TOALTSTACK, wrapA)
	case decBuild:
		return d.build(s.frag, s.n, s.k)
	case decThresh:
		if d.at(0, txscript.OP_ADD) {
			d.in = d.in[1:]
			d.later(decodeStep{what: decThresh, n: s.n + 1, k: s.k}, decodeStep{what: decWrapped})
			return true
		}
		if int(s.k) > s.n+1 {
			return false
		}
		d.later(decodeStep{what: decBuild, frag: thresh, n: s.n + 1, k: s.k}, decodeStep{what: decSingle})
	default:
		return d.branch(s)
	}
	return true
}

// opened expects the opcode with which a wrapper begins.
func (d *decoder) opened(op byte, f fragment) bool {
	if !d.at(0, op) {
		return false
	}
	d.in = d.in[1:]
	return d.build(f, 1, 0)
}

// branch goes on within an IF, of which the last branch has been read.
func (d *decoder) branch(s decodeStep) bool {
	switch s.what {
	case decEndIf:
		switch {
		case d.at(0, txscript.OP_ELSE):
			d.in = d.in[1:]
			d.later(decodeStep{what: decElse}, decodeStep{what: decAny})
		case d.at(0, txscript.OP_IF) && d.at(1, txscript.OP_DUP):
			d.in = d.in[2:]
			return d.build(wrapD, 1, 0)
		case d.at(0, txscript.OP_IF) && d.at(1, txscript.OP_0NOTEQUAL) && d.at(2, txscript.OP_SIZE):
			d.in = d.in[3:]
			return d.build(wrapJ, 1, 0)
		case d.at(0, txscript.OP_NOTIF):
			d.in = d.in[1:]
			d.later(decodeStep{what: decNotIf})
		default:
			return false
		}
	case decNotIf:
		last := decodeStep{what: decBuild, frag: orC, n: 2}
		if d.at(0, txscript.OP_IFDUP) {
			d.in = d.in[1:]
			last.frag = orD
		}
		d.later(last, decodeStep{what: decSingle})
	case decElse:
		switch {
		case d.at(0, txscript.OP_IF):
			d.in = d.in[1:]
			return d.build(orI, 2, 0)
		case d.at(0, txscript.OP_NOTIF):
			d.in = d.in[1:]
			d.later(decodeStep{what: decAndOr}, decodeStep{what: decSingle})
		default:
			return false
		}
	case decAndOr:
		// Read in the order Y, Z, X.
		if n := len(d.done); n >= 3 {
			d.done[n-3], d.done[n-2] = d.done[n-2], d.done[n-3]
		}
		return d.build(andOr, 3, 0)
	}
	return true
}

// single reads an expression that is not joined by and_v. Nor are those directly
// within it: and_v(X,c:Y) and c:and_v(X,Y) have the same script, and only the
// first of such two is ever made.
func (d *decoder) single() bool {
	if len(d.in) == 0 {
		return false
	}
	if n, used, ok := d.leaf(); used > 0 {
		return ok && d.push(n, used)
	}
	first := d.in[0].op
	inner := decodeStep{what: decSingle}
	switch first {
	case txscript.OP_CHECKSIG:
		d.later(decodeStep{what: decBuild, frag: wrapC, n: 1}, inner)
	case txscript.OP_VERIFY:
		d.later(decodeStep{what: decBuild, frag: wrapV, n: 1}, inner)
	case txscript.OP_0NOTEQUAL:
		d.later(decodeStep{what: decBuild, frag: wrapN, n: 1}, inner)
	case txscript.OP_EQUAL:
		if len(d.in) < 3 {
			return false
		}
		k, ok := d.in[1].number()
		if !ok {
			return false
		}
		d.in = d.in[1:]
		d.later(decodeStep{what: decThresh, k: k})
	case txscript.OP_ENDIF:
		d.later(decodeStep{what: decEndIf}, decodeStep{what: decAny})
	case txscript.OP_BOOLAND:
		d.later(decodeStep{what: decBuild, frag: andB, n: 2}, inner, decodeStep{what: decWrapped})
	case txscript.OP_BOOLOR:
		d.later(decodeStep{what: decBuild, frag: orB, n: 2}, inner, decodeStep{what: decWrapped})
	default:
		return false
	}
	d.in = d.in[1:]
	return true
}

// leaf reads an expression without members. It returns how many elements it has,
// 0 if there is none here, and whether it is acceptable.
func (d *decoder) leaf() (*Node, int, bool) {
	in := d.in
	switch first := in[0]; {
	case first.op == txscript.OP_1:
		return &Node{ctx: d.ctx, frag: just1}, 1, true
	case first.op == txscript.OP_0:
		return &Node{ctx: d.ctx, frag: just0}, 1, true
	case len(first.data) == 33 || len(first.data) == 32:
		i, ok := d.pubKey(first)
		return &Node{ctx: d.ctx, frag: pkK, keys: []int{i}}, 1, ok
	case d.at(0, txscript.OP_VERIFY) && d.at(1, txscript.OP_EQUAL) && d.at(3, txscript.OP_HASH160) &&
		d.at(4, txscript.OP_DUP) && len(in[2].data) == 20:
		if d.hash == nil {
			return nil, 5, false
		}
		i, ok := d.hash([20]byte(in[2].data))
		return &Node{ctx: d.ctx, frag: pkH, keys: []int{i}}, 5, ok
	case first.op == txscript.OP_CHECKSEQUENCEVERIFY && len(in) > 1:
		k, ok := in[1].number()
		return &Node{ctx: d.ctx, frag: older, k: k}, 2, ok
	case first.op == txscript.OP_CHECKLOCKTIMEVERIFY && len(in) > 1:
		k, ok := in[1].number()
		return &Node{ctx: d.ctx, frag: after, k: k}, 2, ok
	case first.op == txscript.OP_EQUAL:
		return d.hashLock()
	case first.op == txscript.OP_CHECKMULTISIG && len(in) > 2:
		return d.multi()
	case first.op == txscript.OP_NUMEQUAL && len(in) > 3:
		return d.multiA()
	}
	return nil, 0, false
}

// pubKey returns the number of a pushed key.
func (d *decoder) pubKey(e element) (int, bool) {
	if len(e.data) != d.ctx.keySize() || len(e.data) == 33 && e.data[0] != 2 && e.data[0] != 3 {
		return 0, false
	}
	return d.key(e.data)
}

func (d *decoder) hashLock() (*Node, int, bool) {
	if !d.at(3, txscript.OP_VERIFY) || !d.at(4, txscript.OP_EQUAL) || !d.at(6, txscript.OP_SIZE) {
		return nil, 0, false
	}
	if size, ok := d.in[5].number(); !ok || size != preimageSize {
		return nil, 0, false
	}
	for h, op := range hashOps {
		if d.at(2, op) && len(d.in[1].data) == Hash(h).size() {
			return &Node{ctx: d.ctx, frag: hashed, hash: Hash(h), digest: slices.Clone(d.in[1].data)}, 7, true
		}
	}
	return nil, 0, false
}

func (d *decoder) multi() (*Node, int, bool) {
	n, ok := d.in[1].number()
	if !ok || d.ctx != P2WSH || n > maxMultiKeys || len(d.in) < 3+int(n) {
		return nil, 3, false
	}
	keys := make([]int, n)
	for i := range keys {
		if keys[len(keys)-1-i], ok = d.pubKey(d.in[2+i]); !ok {
			return nil, 3, false
		}
	}
	k, ok := d.in[2+n].number()
	return &Node{ctx: d.ctx, frag: multi, k: k, keys: keys}, 3 + int(n), ok && k <= n
}

func (d *decoder) multiA() (*Node, int, bool) {
	k, ok := d.in[1].number()
	if !ok || d.ctx != Tapscript {
		return nil, 4, false
	}
	var keys []int
	for pos := 2; pos+1 < len(d.in) && len(keys) < maxMultiAKeys; pos += 2 {
		if !d.at(pos, txscript.OP_CHECKSIGADD) && !d.at(pos, txscript.OP_CHECKSIG) {
			break
		}
		i, ok := d.pubKey(d.in[pos+1])
		if !ok {
			break
		}
		keys = append(keys, i)
		if d.at(pos, txscript.OP_CHECKSIG) {
			slices.Reverse(keys)
			return &Node{ctx: d.ctx, frag: multiA, k: k, keys: keys}, pos + 2, int(k) <= len(keys)
		}
	}
	return nil, 4, false
}
