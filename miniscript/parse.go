package miniscript

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// task is a step that the parser has still to take.
type task struct {
	what taskKind
	frag fragment
	n, k int // thresh: members read so far, threshold
}

type taskKind uint8

const (
	readWrapped taskKind = iota // an expression, perhaps after wrappers and a colon
	readPlain                   // an expression
	readComma
	readClose
	readMore // thresh: a comma and another member, or the end
	build    // make a node of the last ones read
	buildAndN
	buildT
	buildU
)

// parser reads an expression as Core's miniscript::FromString does, with a stack
// of its own in place of recursion.
type parser struct {
	ctx   Context
	in    string // what is left to read
	total int    // length of the whole
	key   func(expr string) (int, error)
	todo  []task
	done  []*Node
	// size counts the bytes of script that what has been read will take at
	// least, each member counted as one byte before it is read. It grows with
	// nearly every step, so that input that is too long is refused early.
	size int
}

// Parse reads an expression. The function key is called for each key expression
// from left to right and returns the number that is to stand for it; the same
// number means the same key, which Check refuses. Its error is returned as it is.
// All other errors are ErrSyntax: like Core, Parse accepts expressions whose types
// do not fit, so that Check can name the part that is wrong.
func Parse(expr string, ctx Context, key func(expr string) (int, error)) (*Node, error) {
	p := &parser{ctx: ctx, in: expr, total: len(expr), key: key, size: 1, todo: []task{{what: readWrapped}}}
	for len(p.todo) > 0 {
		if p.size > ctx.maxScript() {
			return nil, fmt.Errorf("%w: its script would be longer than %d bytes", ErrSyntax, ctx.maxScript())
		}
		t := p.todo[len(p.todo)-1]
		p.todo = p.todo[:len(p.todo)-1]
		if err := p.step(t); err != nil {
			return nil, err
		}
	}
	if p.in != "" {
		return nil, p.fail("nothing may follow the expression")
	}
	root := p.done[0]
	root.markRepeats()
	return root, nil
}

// fail returns an ErrSyntax that says where it happened. It shows nothing of the
// expression, which may have private keys in it.
func (p *parser) fail(why string) error {
	return fmt.Errorf("%w: %s, at character %d", ErrSyntax, why, p.total-len(p.in)+1)
}

func (p *parser) later(tasks ...task) { p.todo = append(p.todo, tasks...) }

func (p *parser) push(n *Node) { p.done = append(p.done, n.finish()) }

// pop takes the last n nodes.
func (p *parser) pop(n int) []*Node {
	subs := make([]*Node, n)
	copy(subs, p.done[len(p.done)-n:])
	p.done = p.done[:len(p.done)-n]
	return subs
}

func (p *parser) step(t task) error {
	switch t.what {
	case readWrapped:
		return p.wrappers()
	case readPlain:
		return p.plain()
	case readComma:
		return p.char(',')
	case readClose:
		return p.char(')')
	case readMore:
		return p.more(t)
	case buildAndN:
		subs := p.pop(2)
		p.push(&Node{ctx: p.ctx, frag: andOr, subs: append(subs, p.ctx.node(just0))})
	case buildT:
		p.push(&Node{ctx: p.ctx, frag: andV, subs: append(p.pop(1), p.ctx.node(just1))})
	case buildU:
		p.push(&Node{ctx: p.ctx, frag: orI, subs: append(p.pop(1), p.ctx.node(just0))})
	default:
		subs := p.pop(t.n)
		if t.frag == wrapV && subs[0].typ.has(costly) {
			p.size++
		}
		p.push(&Node{ctx: p.ctx, frag: t.frag, subs: subs})
	}
	return nil
}

func (p *parser) char(c byte) error {
	if p.in == "" || p.in[0] != c {
		return p.fail(fmt.Sprintf("'%c' is missing", c))
	}
	p.in = p.in[1:]
	return nil
}

// more goes on after a member of a thresh.
func (p *parser) more(t task) error {
	if strings.HasPrefix(p.in, ",") {
		p.in = p.in[1:]
		p.later(task{what: readMore, n: t.n + 1, k: t.k}, task{what: readWrapped})
		p.size += 2
		return nil
	}
	if t.k > t.n {
		return p.fail("a threshold is larger than the number of members")
	}
	if err := p.char(')'); err != nil {
		return err
	}
	p.push(&Node{ctx: p.ctx, frag: thresh, k: uint32(t.k), subs: p.pop(t.n)})
	return nil
}

// wrappers reads letters before a colon, if there is one.
func (p *parser) wrappers() error {
	end := -1
	for i := 1; i < len(p.in); i++ {
		if p.in[i] == ':' {
			end = i
			break
		}
		if p.in[i] < 'a' || p.in[i] > 'z' {
			break
		}
	}
	for i := 0; i < end; i++ {
		if p.size > p.ctx.maxScript() {
			return nil // refused by the caller
		}
		switch c := p.in[i]; c {
		case 't':
			p.size++
			p.later(task{what: buildT})
		case 'u':
			p.size += 4
			p.later(task{what: buildU})
		case 'l':
			p.size += 4
			p.push(&Node{ctx: p.ctx, frag: just0})
			p.later(task{what: build, frag: orI, n: 2})
		case 'v':
			// vv: is never valid, and adds nothing to the size.
			if i > 0 && p.in[i-1] == 'v' {
				return p.fail("v: cannot follow v:")
			}
			p.later(task{what: build, frag: wrapV, n: 1})
		default:
			f, ok := wrappers[c]
			if !ok {
				return p.fail("a letter before a colon is no wrapper")
			}
			p.size += overhead[f]
			p.later(task{what: build, frag: f, n: 1})
		}
	}
	p.in = p.in[end+1:]
	p.later(task{what: readPlain})
	return nil
}

// branches has the fragments whose arguments are expressions, and how much each
// adds to the script with all members counted as one byte more than they are.
var branches = map[string]struct {
	frag     fragment
	arity    int
	overhead int
}{
	"andor": {andOr, 3, 5}, "and_n": {andOr, 2, 5}, "and_b": {andB, 2, 2}, "and_v": {andV, 2, 1},
	"or_b": {orB, 2, 2}, "or_c": {orC, 2, 3}, "or_d": {orD, 2, 4}, "or_i": {orI, 2, 4},
}

// plain reads an expression without wrappers.
func (p *parser) plain() error {
	if strings.HasPrefix(p.in, "0") || strings.HasPrefix(p.in, "1") {
		f := just0
		if p.in[0] == '1' {
			f = just1
		}
		p.in = p.in[1:]
		p.push(&Node{ctx: p.ctx, frag: f})
		return nil
	}
	const longest = len("ripemd160(")
	open := strings.IndexByte(p.in[:min(len(p.in), longest)], '(')
	if open < 0 {
		return p.fail("the name of a fragment is missing")
	}
	name := p.in[:open]
	if b, ok := branches[name]; ok {
		p.in = p.in[open+1:]
		p.size += b.overhead
		last := task{what: build, frag: b.frag, n: b.arity}
		if name == "and_n" {
			last = task{what: buildAndN}
		}
		p.later(last, task{what: readClose}, task{what: readWrapped})
		for range b.arity - 1 {
			p.later(task{what: readComma}, task{what: readWrapped})
		}
		return nil
	}
	if name == "thresh" {
		return p.thresh(open)
	}
	leaf := p.leaf(name)
	if leaf == nil {
		return p.fail("this is no fragment here")
	}
	p.in = p.in[open+1:]
	end := strings.IndexByte(p.in, ')')
	if end < 1 {
		return p.fail("an argument or its closing bracket is missing")
	}
	n, err := leaf(p.in[:end])
	if err != nil {
		return err
	}
	p.in = p.in[end+1:]
	p.push(n)
	p.size += n.size - 1
	return nil
}

func (p *parser) thresh(open int) error {
	arg := p.in[open+1:]
	end := strings.IndexAny(arg, ",)")
	if end < 0 || arg[end] != ',' {
		return p.fail("a threshold is missing")
	}
	k, ok := number(arg[:end])
	if !ok {
		return p.fail("a threshold is no number from 1 to 2147483647")
	}
	p.in = arg[end+1:]
	p.size += 1 + numberSize(k)
	p.later(task{what: readMore, n: 1, k: int(k)}, task{what: readWrapped})
	return nil
}

// leaf returns what reads the argument of a fragment without members, or nil if
// there is no such fragment in this context.
func (p *parser) leaf(name string) func(arg string) (*Node, error) {
	hash := func(h Hash) func(string) (*Node, error) {
		return func(arg string) (*Node, error) {
			digest, err := hex.DecodeString(arg)
			if err != nil || len(digest) != h.size() {
				return nil, p.fail(fmt.Sprintf("a digest is not %d hexadecimal digits", 2*h.size()))
			}
			return &Node{ctx: p.ctx, frag: hashed, hash: h, digest: digest}, nil
		}
	}
	switch {
	case name == "pk" || name == "pk_k":
		return p.keyLeaf(pkK, name == "pk")
	case name == "pkh" || name == "pk_h":
		return p.keyLeaf(pkH, name == "pkh")
	case name == "older":
		return p.lock(older)
	case name == "after":
		return p.lock(after)
	case name == "sha256":
		return hash(SHA256)
	case name == "hash256":
		return hash(HASH256)
	case name == "ripemd160":
		return hash(RIPEMD160)
	case name == "hash160":
		return hash(HASH160)
	case name == "multi" && p.ctx == P2WSH:
		return p.multi(multi, maxMultiKeys)
	case name == "multi_a" && p.ctx == Tapscript:
		return p.multi(multiA, maxMultiAKeys)
	}
	return nil
}

func (p *parser) keyLeaf(f fragment, checked bool) func(arg string) (*Node, error) {
	return func(arg string) (*Node, error) {
		i, err := p.key(arg)
		if err != nil {
			return nil, err
		}
		n := &Node{ctx: p.ctx, frag: f, keys: []int{i}}
		if checked {
			n = &Node{ctx: p.ctx, frag: wrapC, subs: []*Node{n.finish()}}
		}
		return n, nil
	}
}

func (p *parser) lock(f fragment) func(arg string) (*Node, error) {
	return func(arg string) (*Node, error) {
		k, ok := number(arg)
		if !ok {
			return nil, p.fail("a lock is no number from 1 to 2147483647")
		}
		return &Node{ctx: p.ctx, frag: f, k: k}, nil
	}
}

func (p *parser) multi(f fragment, most int) func(arg string) (*Node, error) {
	return func(arg string) (*Node, error) {
		first, rest, more := strings.Cut(arg, ",")
		k, ok := number(first)
		if !ok {
			return nil, p.fail("a threshold is no number from 1 to 2147483647")
		}
		n := &Node{ctx: p.ctx, frag: f, k: k}
		for more {
			var key string
			key, rest, more = strings.Cut(rest, ",")
			if key == "" {
				return nil, p.fail("a key is missing")
			}
			i, err := p.key(key)
			if err != nil {
				return nil, err
			}
			n.keys = append(n.keys, i)
		}
		if len(n.keys) < 1 || len(n.keys) > most || int(k) > len(n.keys) {
			return nil, p.fail(fmt.Sprintf("%s takes a threshold and up to %d keys, not fewer than the threshold", names[f], most))
		}
		return n, nil
	}
}

// number reads a decimal number from 1 to maxLock. Leading zeros are allowed, as
// in Core, and signs are not.
func number(s string) (uint32, bool) {
	var v uint64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
		if v > maxLock {
			return 0, false
		}
	}
	return uint32(v), v >= 1
}
