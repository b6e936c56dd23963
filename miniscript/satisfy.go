package miniscript

// Material is what Satisfy may use. A nil function has nothing to give.
type Material struct {
	// Sign returns the signature for a key, with its sighash byte if it has one.
	Sign func(key int) (sig []byte, ok bool)
	// Preimage returns the 32 bytes whose hash is digest. That they are is for the
	// caller to know; what has another length counts as none.
	Preimage func(kind Hash, digest []byte) ([]byte, bool)
	// Older and After say whether a lock, as it is in the expression, may be
	// counted as met.
	Older, After func(n uint32) bool
	// KeyBytes returns a key as the script has it: 33 bytes in P2WSH, 32 in
	// Tapscript. pk_h needs it, also where it is not satisfied.
	KeyBytes func(key int) []byte
}

// Satisfaction is a witness without the script itself, the bottom of the stack
// first, with the highest locks that it relies on.
type Satisfaction struct {
	Stack [][]byte
	// Older is the argument of an older, which as the input's sequence number
	// meets all that are relied on, and After that of an after, which does so as
	// the transaction's lock time; 0: none.
	Older, After uint32
}

// input is one way of satisfying or dissatisfying a node (Core's InputStack).
// The zero value is no way at all.
type input struct {
	ok    bool
	sig   bool // has a signature
	mall  bool // somebody else could put another in its place
	items int
	bytes int // size in a witness: items and a length byte each
	older uint32
	after uint32
	rope  *rope
}

// rope is a row of stack items, as a tree so that rows are joined at no cost.
type rope struct {
	item        []byte
	left, right *rope
}

// ways has the best way of satisfying a node and of dissatisfying it.
type ways = pair[input]

var (
	nothing = input{ok: true}
	zero    = single(nil)
	one     = single([]byte{1})
	// zeros dissatisfies a hash; anything else of that length would do it too.
	zeros = input{ok: true, mall: true, items: 1, bytes: 1 + preimageSize, rope: &rope{item: make([]byte, preimageSize)}}
)

func single(item []byte) input {
	return input{ok: true, items: 1, bytes: 1 + len(item), rope: &rope{item: item}}
}

// then returns the way that has b above a on the stack. Two locks of different
// kinds cannot be met by one transaction, so that this is no way.
func (a input) then(b input) input {
	c, ok := a.measure(b)
	if !ok {
		return input{}
	}
	switch {
	case a.rope == nil:
		c.rope = b.rope
	case b.rope == nil:
		c.rope = a.rope
	default:
		c.rope = &rope{left: a.rope, right: b.rope}
	}
	return c
}

// measure is then without the items themselves.
func (a input) measure(b input) (input, bool) {
	if !a.ok || !b.ok || a.items+b.items > maxStack {
		return input{}, false
	}
	older, ok1 := laterOlder(a.older, b.older)
	after, ok2 := laterAfter(a.after, b.after)
	return input{
		ok: true, sig: a.sig || b.sig, mall: a.mall || b.mall,
		items: a.items + b.items, bytes: a.bytes + b.bytes, older: older, after: after,
	}, ok1 && ok2
}

// laterOlder returns the one of two relative locks that meets both.
func laterOlder(a, b uint32) (uint32, bool) {
	switch {
	case a == 0:
		return b, true
	case b == 0:
		return a, true
	case (a^b)&sequenceTimeFlag != 0:
		return 0, false
	case b&sequenceValueMask > a&sequenceValueMask:
		return b, true
	}
	return a, true
}

// laterAfter returns the one of two absolute locks that meets both.
func laterAfter(a, b uint32) (uint32, bool) {
	if a != 0 && b != 0 && (a < lockTimeThreshold) != (b < lockTimeThreshold) {
		return 0, false
	}
	return max(a, b), true
}

// or returns the better of two ways, marked if the other makes it malleable
// (Core's operator| of InputStack): others can go the way without a signature, so
// that it has to be the one taken.
func (a input) or(b input) input {
	first, mall := a.beats(b)
	if !first {
		a = b
	}
	a.mall = a.mall || mall
	return a
}

// beats reports whether the way a is to be taken and not b, and whether the
// choice between them makes it malleable.
func (a input) beats(b input) (first, mall bool) {
	switch {
	case !a.ok || !b.ok:
		return a.ok, false
	case a.sig != b.sig:
		return !a.sig, false
	case !a.sig:
		return a.bytes <= b.bytes, true
	case a.mall != b.mall:
		return !a.mall, false
	}
	return a.bytes <= b.bytes, false
}

// malleable returns the way marked as one that others can alter.
func (a input) malleable() input {
	a.mall = true
	return a
}

// Satisfy returns the cheapest witness that nobody else can alter (Core's
// Node::Satisfy). It asks for everything in the expression, so that the
// functions of m see all that might be wanted. The error is ErrUnsatisfiable or
// ErrMalleable. A witness that is found runs if Check finds nothing wrong; of other expressions it may be over a
// limit, and ways may be missed that need locks of both kinds in different parts.
func (n *Node) Satisfy(m Material) (*Satisfaction, error) {
	s := satisfier{Material: m, sigs: map[int]input{}}
	w := eval(n, s.ways)
	switch {
	case !w.sat.ok:
		return nil, ErrUnsatisfiable
	case w.sat.mall || !w.sat.sig:
		return nil, ErrMalleable
	}
	return &Satisfaction{Stack: w.sat.list(), Older: w.sat.older, After: w.sat.after}, nil
}

// list returns the items, the bottom of the stack first.
func (a input) list() [][]byte {
	out := make([][]byte, 0, a.items)
	if a.rope == nil {
		return out
	}
	unfold(a.rope, func(r *rope) []*rope {
		if r.left == nil {
			out = append(out, append([]byte{}, r.item...))
			return nil
		}
		return []*rope{r.left, r.right}
	})
	return out
}

// satisfier asks for material, each signature once.
type satisfier struct {
	Material
	sigs map[int]input
}

func (s *satisfier) sign(key int) input {
	if in, ok := s.sigs[key]; ok {
		return in
	}
	var in input
	if s.Sign != nil {
		if sig, ok := s.Sign(key); ok {
			in = single(sig)
			in.sig = true
		}
	}
	s.sigs[key] = in
	return in
}

func (s *satisfier) preimage(h Hash, digest []byte) input {
	if s.Preimage != nil {
		if p, ok := s.Preimage(h, digest); ok && len(p) == preimageSize {
			return single(p)
		}
	}
	return input{}
}

// ways returns the best ways for a node from those for its members. An item that
// is needed later lies deeper, so that a later part's items come first.
func (s *satisfier) ways(n *Node, subs []ways) ways {
	switch len(subs) {
	case 0:
		return s.leaf(n)
	case 1:
		return wrapperWays(n.frag, subs[0])
	}
	if n.frag == thresh {
		return threshWays(n, subs)
	}
	x, y := subs[0], subs[1]
	switch n.frag {
	case andV:
		// To dissatisfy it is never needed, as X must be satisfied all the same.
		return ways{y.sat.then(x.sat), y.dis.then(x.sat)}
	case andB:
		return ways{y.sat.then(x.sat), y.dis.then(x.dis).
			or(y.sat.then(x.dis).malleable()).or(y.dis.then(x.sat).malleable())}
	case orB:
		// With both satisfied, others could dissatisfy either.
		return ways{y.dis.then(x.sat).or(y.sat.then(x.dis)).or(y.sat.then(x.sat).malleable()), y.dis.then(x.dis)}
	case orC:
		return ways{sat: x.sat.or(y.sat.then(x.dis))}
	case orD:
		return ways{x.sat.or(y.sat.then(x.dis)), y.dis.then(x.dis)}
	case orI:
		return ways{x.sat.then(one).or(y.sat.then(zero)), x.dis.then(one).or(y.dis.then(zero))}
	default: // andOr
		z := subs[2]
		return ways{y.sat.then(x.sat).or(z.sat.then(x.dis)), y.dis.then(x.sat).or(z.dis.then(x.dis))}
	}
}

func wrapperWays(f fragment, x ways) ways {
	switch f {
	case wrapD:
		return ways{x.sat.then(one), zero}
	case wrapJ:
		// Another dissatisfaction than zero may be in X itself; whether its top
		// item is zero is not known, so that it is taken not to be.
		dis := zero
		dis.mall = x.dis.ok && !x.dis.sig
		return ways{x.sat, dis}
	case wrapV:
		return ways{sat: x.sat}
	default: // a, s, c, n
		return x
	}
}

func (s *satisfier) leaf(n *Node) ways {
	switch n.frag {
	case just0:
		return ways{dis: nothing}
	case just1:
		return ways{sat: nothing}
	case pkK:
		return ways{s.sign(n.keys[0]), zero}
	case pkH:
		var raw []byte
		if s.KeyBytes != nil {
			raw = s.KeyBytes(n.keys[0])
		}
		if raw == nil {
			return ways{}
		}
		key := single(raw)
		return ways{s.sign(n.keys[0]).then(key), zero.then(key)}
	case older:
		if s.Older == nil || !s.Older(n.k) {
			return ways{}
		}
		return ways{sat: input{ok: true, older: n.k}}
	case after:
		if s.After == nil || !s.After(n.k) {
			return ways{}
		}
		return ways{sat: input{ok: true, after: n.k}}
	case hashed:
		return ways{s.preimage(n.hash, n.digest), zeros}
	default:
		return s.multi(n)
	}
}

// multi returns the ways of multi and multi_a: signatures in the order in which
// the script takes them, with a zero for each key without one in multi_a, and one
// zero below all in multi.
func (s *satisfier) multi(n *Node) ways {
	start, skip := zero, nothing
	if n.frag == multiA {
		start, skip = nothing, zero
	}
	cols := []input{start}
	for i := range n.keys {
		key := n.keys[i]
		if n.frag == multiA {
			key = n.keys[len(n.keys)-1-i]
		}
		cols = column(cols, int(n.k), ways{s.sign(key), skip})
	}
	dis := cols[0]
	if n.frag == multi {
		for range n.k {
			dis = dis.then(zero)
		}
	}
	if len(cols) <= int(n.k) {
		return ways{dis: dis}
	}
	return ways{cols[n.k], dis}
}

// column adds a member to the best ways of satisfying 0, 1, 2, ... up to most of
// those before it, which lie below it on the stack.
func column(cols []input, most int, member ways) []input {
	if len(cols) <= most && member.sat.ok {
		cols = append(cols, input{})
	}
	for j := len(cols) - 1; j >= 0; j-- {
		if j == 0 {
			cols[j] = cols[j].then(member.dis)
			continue
		}
		// Only the better of the two is joined.
		without, ok1 := cols[j].measure(member.dis)
		with, ok2 := cols[j-1].measure(member.sat)
		without.ok, with.ok = ok1, ok2
		first, mall := without.beats(with)
		if first {
			cols[j] = cols[j].then(member.dis)
		} else {
			cols[j] = cols[j-1].then(member.sat)
		}
		cols[j].mall = cols[j].mall || mall
	}
	return cols
}

// threshWays returns the ways of a thresh. Its last member's items lie deepest.
// To dissatisfy it, any other number than k of members can be satisfied; those
// ways are never chosen, but they can make the one with none malleable.
func threshWays(n *Node, subs []ways) ways {
	if n.eaters() > maxStack {
		return ways{} // over what fits on the stack in every way
	}
	cols := []input{nothing}
	for i := len(subs) - 1; i >= 0; i-- {
		cols = column(cols, len(subs), subs[i])
	}
	w := ways{dis: cols[0]}
	for i, c := range cols[1:] {
		if i+1 != int(n.k) {
			w.dis = w.dis.or(c.malleable())
		}
	}
	if int(n.k) < len(cols) {
		w.sat = cols[n.k]
	}
	return w
}
