package miniscript

import "strconv"

// Why an expression must not be used, in Core's words.
const (
	badTypes      = "is invalid" // or its script is too long
	malleable     = "is not sane: malleable witnesses exist"
	noSignature   = "is not sane: witnesses without signature exist"
	mixedLocks    = "is not sane: contains mixes of timelocks expressed in blocks and seconds"
	repeatedKey   = "is not sane: contains duplicate public keys"
	tooLarge      = "is not sane: needs witnesses that may exceed resource limits"
	insane        = "is not sane" // not of type B
	unsatisfiable = "is not satisfiable"
)

// CheckError says which part of an expression has which problem. It is an
// ErrInsane.
type CheckError struct {
	Sub     *Node  // the innermost part with a problem
	Problem string // in Core's words: "is invalid", "is not sane: ..."
}

// Text returns Core's message, in which keys are written as the function says.
func (e *CheckError) Text(key func(i int) string) string {
	return e.Sub.String(key) + " " + e.Problem
}

// Error returns the message with numbers in place of keys.
func (e *CheckError) Error() string {
	return e.Text(func(i int) string { return "key " + strconv.Itoa(i) })
}

// Is makes every CheckError an ErrInsane.
func (e *CheckError) Is(target error) bool { return target == ErrInsane }

// Check says why the expression must not stand alone in an output (Core's
// IsSane, and that it can be satisfied at all): nil, or a *CheckError about the
// innermost part that is not sane, the first of those in the order of the
// expression (Core's FindInsaneSub).
func (n *Node) Check() error {
	sane := n.sane()
	if sane && n.stack.sat.possible {
		return nil
	}
	part := eval(n, func(n *Node, subs []*Node) *Node {
		for _, s := range subs {
			if s != nil {
				return s
			}
		}
		if !n.saneInside() {
			return n
		}
		return nil
	})
	if part == nil {
		part = n
	}
	return &CheckError{part, n.problem(part, sane)}
}

// problem names what is wrong with a part, in Core's order.
func (n *Node) problem(part *Node, sane bool) string {
	switch {
	case !part.valid():
		return badTypes
	case sane:
		return unsatisfiable
	case !part.typ.has(nonMall):
		return malleable
	case part == n && !part.typ.has(safe):
		return noSignature
	case !part.typ.has(noMix):
		return mixedLocks
	case part.repeats:
		return repeatedKey
	case !part.withinLimits():
		return tooLarge
	default:
		return insane
	}
}

// valid reports whether the types fit and the script is not too long.
func (n *Node) valid() bool { return n.typ != 0 && n.size <= n.ctx.maxScript() }

// validAlone reports whether the expression is valid as a whole script.
func (n *Node) validAlone() bool { return n.valid() && n.typ.has(isB) }

// saneInside reports whether the expression means what it says as a part of
// another (Core's IsSaneSubexpression).
func (n *Node) saneInside() bool {
	return n.valid() && n.withinLimits() && n.typ.has(nonMall|noMix) && !n.repeats
}

// sane reports whether the expression is safe as a whole script.
func (n *Node) sane() bool { return n.validAlone() && n.saneInside() && n.typ.has(safe) }
