package miniscript

// amount is the most of something over all ways of satisfying or dissatisfying
// an expression; negative if there is no way.
type amount int32

const impossible amount = -1

// and returns the most of two parts that are both needed.
func (a amount) and(b amount) amount {
	if a < 0 || b < 0 {
		return impossible
	}
	return a + b
}

// or returns the most of two alternatives.
func (a amount) or(b amount) amount { return max(a, b) }

// pair has what an expression takes when it is satisfied and when not.
type pair[T any] struct{ sat, dis T }

// opsInfo counts operations: static are those in the script that are not pushes,
// and the pair has the keys in executed CHECKMULTISIGs.
type opsInfo struct {
	static int32
	pair[amount]
}

// traffic is how many items a piece of script takes from the stacks, over all
// ways of running it (Core's SatInfo): net is the most by which the stacks are
// higher before than after, peak the most by which they are higher at any moment
// than after. The zero value stands for a piece that cannot be run.
type traffic struct {
	net, peak int32
	possible  bool
}

type stackInfo = pair[traffic]

// then returns the traffic of a piece followed by others.
func (a traffic) then(more ...traffic) traffic {
	for _, b := range more {
		if !a.possible || !b.possible {
			return traffic{}
		}
		a = traffic{a.net + b.net, max(b.peak, b.net+a.peak), true}
	}
	return a
}

// or returns the traffic of a choice between two pieces.
func (a traffic) or(b traffic) traffic {
	switch {
	case !a.possible:
		return b
	case !b.possible:
		return a
	}
	return traffic{max(a.net, b.net), max(a.peak, b.peak), true}
}

// Traffic of single opcodes.
var (
	noTraffic = traffic{0, 0, true}
	pushOne   = traffic{-1, 0, true} // a push, DUP, SIZE, IFDUP of what is not zero
	takeOne   = traffic{1, 1, true}  // IF, NOTIF, VERIFY, EQUAL, CHECKSIG after the key, ADD, BOOLAND, BOOLOR
	takeTwo   = traffic{2, 2, true}  // EQUALVERIFY
)

// limits computes what bounds the use of resources: operations, stack items and
// witness bytes (Core's CalcOps, CalcStackSize, CalcWitnessSize).
//
// A badly typed node has none of it.
func (n *Node) limits() {
	if n.typ == 0 {
		return
	}
	n.ops.static = n.staticOps()
	switch {
	case n.frag == thresh:
		n.threshLimits()
	case len(n.subs) == 0:
		n.leafLimits()
	default:
		n.ops.pair = combine(n, func(s *Node) pair[amount] { return s.ops.pair }, amount.and, amount.or)
		n.wit = combine(n, func(s *Node) pair[amount] { return s.wit }, amount.and, amount.or)
		n.branchBytes()
		n.branchStack()
	}
}

// staticOps counts the opcodes in the script that are not pushes.
func (n *Node) staticOps() int32 {
	var ops int32
	for _, s := range n.subs {
		ops += s.ops.static
	}
	switch n.frag {
	case just0, just1, pkK:
		return 0
	case pkH:
		return 3
	case older, after, multi:
		return 1
	case hashed:
		return 4
	case multiA:
		return int32(len(n.keys)) + 1
	case wrapV:
		if n.subs[0].typ.has(costly) {
			ops++
		}
		return ops
	case thresh:
		return ops + int32(len(n.subs))
	default:
		return ops + int32(overhead[n.frag])
	}
}

func (n *Node) leafLimits() {
	keys, k := int32(len(n.keys)), int32(n.k)
	sig, key := amount(1+72), amount(1+33)
	if n.ctx == Tapscript {
		sig, key = 1+65, 1+32
	}
	never, both := pair[amount]{0, impossible}, pair[amount]{0, 0}
	switch n.frag {
	case just0:
		n.ops.pair, n.wit = pair[amount]{impossible, 0}, pair[amount]{impossible, 0}
		n.stack = stackInfo{dis: pushOne}
	case just1:
		n.ops.pair, n.wit = never, never
		n.stack = stackInfo{sat: pushOne}
	case older, after:
		n.ops.pair, n.wit = never, never
		n.stack = stackInfo{sat: pushOne}
	case pkK:
		n.ops.pair, n.wit = both, pair[amount]{sig, 1}
		n.stack = stackInfo{pushOne, pushOne}
	case pkH:
		n.ops.pair, n.wit = both, pair[amount]{sig + key, 1 + key}
		t := pushOne.then(pushOne, takeTwo)
		n.stack = stackInfo{t, t}
	case hashed:
		n.ops.pair, n.wit = never, pair[amount]{1 + preimageSize, impossible}
		n.stack = stackInfo{sat: pushOne.then(pushOne, takeTwo, pushOne, takeOne)}
	case multi:
		n.ops.pair = pair[amount]{amount(keys), amount(keys)}
		n.wit = pair[amount]{amount(k)*sig + 1, amount(k) + 1}
		t := traffic{k, k + keys + 2, true} // k signatures and a zero; keys and the two numbers pushed
		n.stack = stackInfo{t, t}
	case multiA:
		n.ops.pair = both
		n.wit = pair[amount]{amount(k)*sig + amount(keys-k), amount(keys)}
		t := traffic{keys - 1, keys, true}
		n.stack = stackInfo{t, t}
	}
}

// combine returns a quantity of a node from that of its members, for quantities
// that need only be added along a way.
func combine(n *Node, of func(*Node) pair[amount], and, or func(a, b amount) amount) pair[amount] {
	x := of(n.subs[0])
	var y, z pair[amount]
	if len(n.subs) > 1 {
		y = of(n.subs[1])
	}
	switch n.frag {
	case wrapD, wrapJ:
		return pair[amount]{x.sat, 0}
	case wrapV:
		return pair[amount]{x.sat, impossible}
	case andV:
		return pair[amount]{and(x.sat, y.sat), impossible}
	case andB:
		return pair[amount]{and(x.sat, y.sat), and(x.dis, y.dis)}
	case orB:
		return pair[amount]{or(and(x.sat, y.dis), and(x.dis, y.sat)), and(x.dis, y.dis)}
	case orC:
		return pair[amount]{or(x.sat, and(x.dis, y.sat)), impossible}
	case orD:
		return pair[amount]{or(x.sat, and(x.dis, y.sat)), and(x.dis, y.dis)}
	case orI:
		return pair[amount]{or(x.sat, y.sat), or(x.dis, y.dis)}
	case andOr:
		z = of(n.subs[2])
		return pair[amount]{or(and(x.sat, y.sat), and(x.dis, z.sat)), and(x.dis, z.dis)}
	default: // a, s, c, n
		return x
	}
}

// branchBytes adds the items that choose a branch to the witness: 1 for IF of
// or_i and d:, and the empty one for ELSE.
func (n *Node) branchBytes() {
	switch n.frag {
	case wrapD:
		n.wit = pair[amount]{n.subs[0].wit.sat.and(2), 1}
	case wrapJ:
		n.wit.dis = 1
	case orI:
		x, y := n.subs[0].wit, n.subs[1].wit
		n.wit = pair[amount]{x.sat.and(2).or(y.sat.and(1)), x.dis.and(2).or(y.dis.and(1))}
	}
}

func (n *Node) branchStack() {
	x := n.subs[0].stack
	var y, z stackInfo
	if len(n.subs) > 1 {
		y = n.subs[1].stack
	}
	switch n.frag {
	case wrapC:
		n.stack = stackInfo{x.sat.then(takeOne), x.dis.then(takeOne)}
	case wrapD, wrapJ: // DUP IF; SIZE 0NOTEQUAL IF
		test := pushOne.then(takeOne)
		n.stack = stackInfo{test.then(x.sat), test}
	case wrapV:
		n.stack = stackInfo{sat: x.sat.then(takeOne)}
	case andV:
		n.stack = stackInfo{sat: x.sat.then(y.sat)}
	case andB:
		n.stack = stackInfo{x.sat.then(y.sat, takeOne), x.dis.then(y.dis, takeOne)}
	case orB:
		n.stack = stackInfo{x.sat.then(y.dis).or(x.dis.then(y.sat)).then(takeOne), x.dis.then(y.dis, takeOne)}
	case orC:
		n.stack = stackInfo{sat: x.sat.then(takeOne).or(x.dis.then(takeOne, y.sat))}
	case orD:
		n.stack = stackInfo{
			x.sat.then(pushOne, takeOne).or(x.dis.then(takeOne, y.sat)),
			x.dis.then(takeOne, y.dis),
		}
	case orI:
		n.stack = stackInfo{takeOne.then(x.sat.or(y.sat)), takeOne.then(x.dis.or(y.dis))}
	case andOr:
		z = n.subs[2].stack
		n.stack = stackInfo{
			x.sat.then(takeOne, y.sat).or(x.dis.then(takeOne, z.sat)),
			x.dis.then(takeOne, z.dis),
		}
	default: // a, s, n
		n.stack = x
	}
}

// threshLimits goes over the members and keeps, for each number of satisfied
// ones up to k, the most of each quantity.
func (n *Node) threshLimits() {
	type column struct {
		ops, wit amount
		stack    traffic
	}
	none := column{impossible, impossible, traffic{}}
	both := func(a, b column, add traffic) column {
		return column{a.ops.and(b.ops), a.wit.and(b.wit), a.stack.then(b.stack, add)}
	}
	either := func(a, b column) column {
		return column{a.ops.or(b.ops), a.wit.or(b.wit), a.stack.or(b.stack)}
	}
	if eaters := n.eaters(); eaters > maxStack {
		// No way of running it fits on the stack, whatever the exact numbers.
		over := column{0, amount(eaters), traffic{int32(eaters), int32(eaters), true}}
		sat := none
		if int(n.k) <= eaters {
			sat = over
		}
		n.ops.pair, n.wit = pair[amount]{sat.ops, over.ops}, pair[amount]{sat.wit, over.wit}
		n.stack = stackInfo{sat.stack, over.stack}
		return
	}
	cols := []column{{stack: noTraffic}}
	for i, s := range n.subs {
		add := takeOne
		if i == 0 {
			add = noTraffic
		}
		sat := column{s.ops.sat, s.wit.sat, s.stack.sat}
		dis := column{s.ops.dis, s.wit.dis, s.stack.dis}
		if len(cols) <= int(n.k) && sat.stack.possible {
			cols = append(cols, none)
		}
		for j := len(cols) - 1; j >= 0; j-- {
			c := both(cols[j], dis, add)
			if j > 0 {
				c = either(c, both(cols[j-1], sat, add))
			}
			cols[j] = c
		}
	}
	sat := none
	if len(cols) > int(n.k) {
		sat = cols[n.k]
	}
	n.ops.pair, n.wit = pair[amount]{sat.ops, cols[0].ops}, pair[amount]{sat.wit, cols[0].wit}
	n.stack = stackInfo{sat.stack.then(pushOne, takeOne), cols[0].stack.then(pushOne, takeOne)}
}

// eaters counts the members of a thresh that can be satisfied. Each of them
// takes at least one item from the stack however it is used: one that took
// nothing would come out the same every time, and could not be dissatisfied too.
func (n *Node) eaters() int {
	count := 0
	for _, s := range n.subs {
		if s.stack.sat.possible && !s.typ.has(zeroArg) {
			count++
		}
	}
	return count
}

// MaxWitness returns the most items, and the most bytes with a length byte for
// each item, that a satisfaction nobody else can alter needs, without the script
// itself (Core's GetStackSize and GetWitnessSize). Signatures are counted with
// 72 bytes in P2WSH and 65 in Tapscript. It is meant for whole scripts. ok is false
// if nobody can satisfy the expression.
func (n *Node) MaxWitness() (items, bytes int, ok bool) {
	if !n.stack.sat.possible {
		return 0, 0, false
	}
	return int(n.stack.sat.net) + n.left(), int(n.wit.sat), true
}

// left is the number of items that the expression leaves on the stack.
func (n *Node) left() int {
	if n.typ&(isB|isK|isW) != 0 {
		return 1
	}
	return 0
}

// withinLimits reports whether every satisfaction can be run and relayed: the
// number of operations and stack items (Core's CheckOpsLimit, CheckStackSize).
func (n *Node) withinLimits() bool {
	if !n.stack.sat.possible {
		return true
	}
	if n.ctx == Tapscript {
		return int(n.stack.sat.peak)+n.left() <= maxStack
	}
	return int(n.ops.static)+int(n.ops.sat) <= maxOps && int(n.stack.sat.net)+n.left() <= maxWSHItems
}
