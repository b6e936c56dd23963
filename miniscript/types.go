package miniscript

import "strings"

// props is the set of type letters of an expression (BIP379, "Type system"): one
// of B, V, K, W, and properties. No letters: the expression is badly typed.
type props uint32

const (
	isB     props = 1 << iota // base: pushes nonzero when satisfied, zero when not
	isV                       // verify: pushes nothing, cannot be dissatisfied
	isK                       // key: pushes a key for a signature
	isW                       // wrapped: a B that starts one below the top
	zeroArg                   // z: takes nothing from the stack
	oneArg                    // o: takes exactly one item
	nonZero                   // n: its top item need never be zero
	dissat                    // d: can be dissatisfied
	unit                      // u: pushes exactly 1 when satisfied
	expr                      // e: can be dissatisfied, in one way only
	forced                    // f: dissatisfying it needs a signature
	safe                      // s: satisfying it needs a signature
	nonMall                   // m: has a satisfaction that others cannot alter
	costly                    // x: its last opcode has no VERIFY form
	relTime                   // g: has an older() in seconds
	relHigh                   // h: has an older() in blocks
	absTime                   // i: has an after() in seconds
	absHigh                   // j: has an after() in blocks
	noMix                     // k: no way of satisfying it needs both kinds of one lock

	locks = relTime | relHigh | absTime | absHigh
)

// letters names the properties, in the order of the constants.
const letters = "BVKWzonduefsmxghijk"

// has reports whether the type has all of the given letters.
func (p props) has(all props) bool { return p&all == all }

// when returns p if the condition holds, and nothing otherwise.
func when(ok bool, p props) props {
	if ok {
		return p
	}
	return 0
}

// String returns the letters.
func (p props) String() string {
	var b strings.Builder
	for i, c := range letters {
		if p>>i&1 == 1 {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// mixes reports whether two parts that are both needed have both kinds of one
// lock.
func mixes(x, y props) bool {
	return x.has(relTime) && y.has(relHigh) || x.has(relHigh) && y.has(relTime) ||
		x.has(absTime) && y.has(absHigh) || x.has(absHigh) && y.has(absTime)
}

// typeOf returns the type of an expression from those of its members, or nothing
// if they do not fit (BIP379, "Correctness", "Malleability", "Timelocks").
func typeOf(n *Node) props {
	var x, y, z props
	switch len(n.subs) {
	case 3:
		z = n.subs[2].typ
		fallthrough
	case 2:
		y = n.subs[1].typ
		fallthrough
	case 1:
		x = n.subs[0].typ
	}
	var t props
	switch {
	case n.frag == thresh:
		t = threshType(n)
	case len(n.subs) == 0:
		t = leafType(n)
	case len(n.subs) == 1:
		t = wrapperType(n.frag, x, n.ctx) | x&(locks|noMix)
	case n.frag == andV || n.frag == andB:
		t = andType(n.frag, x, y) | (x|y)&locks | when((x&y).has(noMix) && !mixes(x, y), noMix)
	case n.frag == andOr:
		t = andOrType(x, y, z) | (x|y|z)&locks | when((x&y&z).has(noMix) && !mixes(x, y), noMix)
	default:
		t = orType(n.frag, x, y) | (x|y)&locks | x&y&noMix
	}
	if t&(isB|isV|isK|isW) == 0 {
		return 0
	}
	return t
}

func leafType(n *Node) props {
	const key = isK | nonZero | unit | dissat | expr | nonMall | safe | costly | noMix
	switch n.frag {
	case pkK:
		return key | oneArg
	case pkH:
		return key
	case older:
		return isB | zeroArg | forced | nonMall | costly | noMix |
			when(n.k&sequenceTimeFlag != 0, relTime) | when(n.k&sequenceTimeFlag == 0, relHigh)
	case after:
		return isB | zeroArg | forced | nonMall | costly | noMix |
			when(n.k >= lockTimeThreshold, absTime) | when(n.k < lockTimeThreshold, absHigh)
	case just1:
		return isB | zeroArg | unit | forced | nonMall | costly | noMix
	case just0:
		return isB | zeroArg | unit | dissat | expr | nonMall | safe | costly | noMix
	case multi:
		return isB | nonZero | unit | dissat | expr | nonMall | safe | noMix
	case multiA:
		return isB | unit | dissat | expr | nonMall | safe | noMix
	default: // the hashes
		return isB | oneArg | nonZero | unit | dissat | nonMall | noMix
	}
}

func wrapperType(f fragment, x props, ctx Context) props {
	switch f {
	case wrapA:
		return when(x.has(isB), isW) | x&(unit|dissat|forced|expr|nonMall|safe) | costly
	case wrapS:
		return when(x.has(isB|oneArg), isW) | x&(unit|dissat|forced|expr|nonMall|safe|costly)
	case wrapC:
		return when(x.has(isK), isB) | x&(oneArg|nonZero|dissat|forced|expr|nonMall) | unit | safe
	case wrapD:
		// It leaves what OP_IF took. That this is exactly 1 (MINIMALIF) is
		// consensus in tapscript only.
		return when(x.has(isV|zeroArg), isB|oneArg) | when(x.has(forced), expr) | x&(nonMall|safe) |
			nonZero | dissat | costly | when(ctx == Tapscript, unit)
	case wrapV:
		return when(x.has(isB), isV) | x&(zeroArg|oneArg|nonZero|nonMall|safe) | forced | costly
	case wrapJ:
		return when(x.has(isB|nonZero), isB) | when(x.has(forced), expr) | x&(oneArg|unit|nonMall|safe) |
			nonZero | dissat | costly
	default: // wrapN
		return x&(isB|zeroArg|oneArg|nonZero|dissat|forced|expr|nonMall|safe) | unit | costly
	}
}

// together returns z, o and n of a part followed by another.
func together(x, y props) props {
	return x&y&zeroArg | when((x|y).has(zeroArg), (x|y)&oneArg) | x&nonZero | when(x.has(zeroArg), y&nonZero)
}

func andType(f fragment, x, y props) props {
	t := together(x, y) | x&y&(dissat|nonMall) | (x|y)&safe
	if f == andV {
		return t | when(x.has(isV), y&(isB|isV|isK)) | when(y.has(forced) || x.has(safe), forced) | y&(unit|costly)
	}
	return t | when(x.has(isB) && y.has(isW), isB) | when((x&y).has(expr|safe), expr) |
		when((x&y).has(forced) || x.has(safe|forced) || y.has(safe|forced), forced) | unit | costly
}

func orType(f fragment, x, y props) props {
	anySafe := (x | y).has(safe)
	switch f {
	case orB:
		return when(x.has(isB|dissat) && y.has(isW|dissat), isB) | together(x, y)&^nonZero |
			when(anySafe && (x&y).has(expr), x&y&nonMall) | x&y&(safe|expr) | dissat | unit | costly
	case orC:
		return when(x.has(isB|dissat|unit), y&isV) | when(y.has(zeroArg), x&oneArg) |
			when(anySafe && x.has(expr), x&y&nonMall) | x&y&(zeroArg|safe) | forced | costly
	case orD:
		return when(x.has(isB|dissat|unit), y&isB) | when(y.has(zeroArg), x&oneArg) |
			when(anySafe && x.has(expr), x&y&nonMall) | x&y&(zeroArg|safe) | y&(unit|forced|dissat|expr) | costly
	default: // orI
		return x&y&(isV|isB|isK|unit|forced|safe) | when((x&y).has(zeroArg), oneArg) |
			when((x|y).has(forced), (x|y)&expr) | when(anySafe, x&y&nonMall) | (x|y)&dissat | costly
	}
}

func andOrType(x, y, z props) props {
	each := x | y&z
	sure := x.has(safe) || y.has(forced)
	return when(x.has(isB|dissat|unit), y&z&(isB|isV|isK)) | x&y&z&zeroArg | when(each.has(zeroArg), each&oneArg) |
		y&z&unit | when(sure, z&(forced|expr)) | z&dissat |
		when(x.has(expr) && (x|y|z).has(safe), x&y&z&nonMall) | z&(x|y)&safe | costly
}

func threshType(n *Node) props {
	allE, allM := true, true
	args, safes, k := 0, 0, int(n.k)
	var seen props
	mix := false
	for i, s := range n.subs {
		t := s.typ
		if i == 0 && !t.has(isB|dissat|unit) || i > 0 && !t.has(isW|dissat|unit) {
			return 0
		}
		allE = allE && t.has(expr)
		allM = allM && t.has(nonMall)
		if t.has(safe) {
			safes++
		}
		switch {
		case t.has(oneArg):
			args++
		case !t.has(zeroArg):
			args += 2
		}
		mix = mix || !t.has(noMix) || k > 1 && mixes(seen, t)
		seen |= t & locks
	}
	return isB | dissat | unit | when(args == 0, zeroArg) | when(args == 1, oneArg) |
		when(allE && safes == len(n.subs), expr) |
		when(allE && allM && safes >= len(n.subs)-k, nonMall) |
		when(safes >= len(n.subs)-k+1, safe) | seen | when(!mix, noMix)
}
