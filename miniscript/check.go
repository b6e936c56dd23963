package miniscript

import "strconv"

// Problem is why an expression must not be used, in Core's words.
type Problem string

const (
	Invalid       Problem = "is invalid" // its types do not fit, or its script is too long
	Malleable     Problem = "is not sane: malleable witnesses exist"
	NoSignature   Problem = "is not sane: witnesses without signature exist"
	MixedLocks    Problem = "is not sane: contains mixes of timelocks expressed in blocks and seconds"
	RepeatedKey   Problem = "is not sane: contains duplicate public keys"
	TooLarge      Problem = "is not sane: needs witnesses that may exceed resource limits"
	Insane        Problem = "is not sane" // not of type B
	Unsatisfiable Problem = "is not satisfiable"
)

// CheckError says which part of an expression has which problem. It is an
// ErrInsane.
type CheckError struct {
	Sub     *Node // the innermost part with a problem
	Problem Problem
}

// Text returns Core's message, in which keys are written as the function says.
func (e *CheckError) Text(key func(i int) string) string {
	return e.Sub.String(key) + " " + string(e.Problem)
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
func (n *Node) problem(part *Node, sane bool) Problem {
	switch {
	case !part.valid():
		return Invalid
	case sane:
		return Unsatisfiable
	case !part.typ.has(nonMall):
		return Malleable
	case part == n && !part.typ.has(safe):
		return NoSignature
	case !part.typ.has(noMix):
		return MixedLocks
	case part.repeats:
		return RepeatedKey
	case !part.withinLimits():
		return TooLarge
	default:
		return Insane
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
