package descriptor

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/miniscript"
	"github.com/lode-chain/lode/network"
)

// Limits of descriptors.
const (
	maxMultisigKeys     = 20  // consensus: OP_CHECKMULTISIG
	maxMultiAKeys       = 999 // policy, Core's MAX_PUBKEYS_PER_MULTI_A
	maxBareMultisigKeys = 3   // policy: what is relayed
	maxRedeemScriptSize = 520 // consensus: bytes of a pushed element
	maxTreeDepth        = 128 // consensus: BIP341
	maxDescriptorBytes  = 1 << 20
)

// context is where an expression stands, which decides what may stand there.
type context uint8

const (
	top context = iota
	inSH
	inWPKH
	inWSH
	inTR
)

// parser reads one descriptor and gathers its keys.
type parser struct {
	params *network.Params
	keys   []*keyExpr
}

// Parse reads a descriptor of network p, with the rules and refusals of Core
// 28.1. A checksum may follow after '#' and is then checked. The error is an
// *Error.
func Parse(s string, p *network.Params) (*Descriptor, error) {
	d, _, err := parse(s, p)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// ParseChecked is Parse for a descriptor whose checksum must be there.
func ParseChecked(s string, p *network.Params) (*Descriptor, error) {
	d, given, err := parse(s, p)
	if err != nil {
		return nil, err
	}
	if !given {
		e := errorf(ErrChecksum, "Missing checksum")
		body, _, _ := strings.Cut(s, "#")
		e.Hint = "it would be " + Checksum(body)
		return nil, e
	}
	return d, nil
}

func parse(s string, p *network.Params) (d *Descriptor, checksum bool, err error) {
	if len(s) > maxDescriptorBytes {
		return nil, false, errorf(ErrSyntax, "A descriptor has at most %d characters", maxDescriptorBytes)
	}
	body, checksum, fault := cutChecksum(s)
	if fault == nil {
		x := &parser{params: p}
		rest := body
		var root *node
		if root, fault = x.script(&rest, top); fault == nil && rest != "" {
			fault = errorf(ErrSyntax, "Unexpected text behind the descriptor: '%s'", rest)
		}
		if fault == nil {
			return newDescriptor(root, x.keys, p), checksum, nil
		}
	}
	fault.Message, fault.Hint = redact(fault.Message), redact(fault.Hint)
	return nil, checksum, fault
}

// expression cuts the first expression off s: what stands before the first comma
// or closing bracket outside of brackets.
func expression(s *string) string {
	level := 0
	for i, c := range []byte(*s) {
		switch {
		case c == '(' || c == '{':
			level++
		case level > 0 && (c == ')' || c == '}'):
			level--
		case level == 0 && (c == ')' || c == '}' || c == ','):
			e := (*s)[:i]
			*s = (*s)[i:]
			return e
		}
	}
	e := *s
	*s = ""
	return e
}

// function returns what stands in the brackets of name(…).
func function(name, s string) (inside string, ok bool) {
	if inside, ok = strings.CutPrefix(s, name+"("); ok {
		inside, ok = strings.CutSuffix(inside, ")")
	}
	return inside, ok
}

// placed says in what a function may stand; elsewhere it is refused.
type placed struct {
	kind    kind
	allowed []context
	refusal string // Core's; empty: read on as miniscript
}

// functions are the script expressions in the order in which Core looks for
// them.
var functions = []placed{
	{kindPK, []context{top, inSH, inWSH, inTR}, ""},
	{kindPKH, []context{top, inSH, inWSH}, ""},
	{kindCombo, []context{top}, "Can only have combo() at top level"},
	{kindMulti, []context{top, inSH, inWSH}, "Can only have multi/sortedmulti at top level, in sh(), or in wsh()"},
	{kindSortedMulti, []context{top, inSH, inWSH}, "Can only have multi/sortedmulti at top level, in sh(), or in wsh()"},
	{kindMultiA, []context{inTR}, "Can only have multi_a/sortedmulti_a inside tr()"},
	{kindSortedMultiA, []context{inTR}, "Can only have multi_a/sortedmulti_a inside tr()"},
	{kindWPKH, []context{top, inSH}, "Can only have wpkh() at top level or inside sh()"},
	{kindSH, []context{top}, "Can only have sh() at top level"},
	{kindWSH, []context{top, inSH}, "Can only have wsh() at top level or inside sh()"},
	{kindAddr, []context{top}, "Can only have addr() at top level"},
	{kindTR, []context{top}, "Can only have tr at top level"},
	{kindRawTR, []context{top}, "Can only have rawtr at top level"},
	{kindRaw, []context{top}, "Can only have raw() at top level"},
}

// script reads the first script expression of s (Core's ParseScript).
func (x *parser) script(s *string, c context) (*node, *Error) {
	e := expression(s)
	for i := range functions {
		f := &functions[i]
		inside, ok := function(f.kind.String(), e)
		switch {
		case !ok:
		case slices.Contains(f.allowed, c):
			return x.function(f.kind, inside, c)
		case f.refusal != "":
			return nil, errorf(ErrSyntax, "%s", f.refusal)
		}
	}
	return x.miniscript(e, c)
}

// function reads what stands in the brackets of a function.
func (x *parser) function(k kind, inside string, c context) (*node, *Error) {
	switch k {
	case kindWPKH:
		return x.single(k, inside, inWPKH)
	case kindMulti, kindSortedMulti, kindMultiA, kindSortedMultiA:
		return x.multisig(k, inside, c)
	case kindSH:
		return x.wrapper(k, inside, inSH)
	case kindWSH:
		return x.wrapper(k, inside, inWSH)
	case kindAddr:
		return x.addr(inside)
	case kindTR:
		return x.taproot(inside)
	case kindRawTR:
		return x.rawTaproot(inside)
	case kindRaw:
		return raw(inside)
	default:
		return x.single(k, inside, c)
	}
}

// single reads a function of one key.
func (x *parser) single(k kind, inside string, c context) (*node, *Error) {
	key, err := x.key(inside, c)
	if err != nil {
		return nil, err.in(k.String() + "()")
	}
	return &node{kind: k, keys: []int{key}, xonly: c == inTR}, nil
}

// wrapper reads a function of one script.
func (x *parser) wrapper(k kind, inside string, inner context) (*node, *Error) {
	sub, err := x.script(&inside, inner)
	if err != nil {
		return nil, err
	}
	if inside != "" {
		return nil, errorf(ErrSyntax, "%s(): Unexpected text behind the script: '%s'", k, inside)
	}
	return &node{kind: k, sub: sub}, nil
}

// multisig reads the functions of a threshold and keys.
func (x *parser) multisig(k kind, inside string, c context) (*node, *Error) {
	text := expression(&inside)
	threshold, ok := parseUint32(text)
	if !ok {
		return nil, errorf(ErrSyntax, "Multi threshold '%s' is not valid", text)
	}
	n := &node{kind: k, xonly: c == inTR}
	size := 0
	for inside != "" {
		if inside[0] != ',' {
			return nil, errorf(ErrSyntax, "Multi: expected ',', got '%c'", inside[0])
		}
		inside = inside[1:]
		key, err := x.key(expression(&inside), c)
		if err != nil {
			return nil, err.in("Multi")
		}
		n.keys = append(n.keys, key)
		size += 1 + x.keys[key].size()
	}
	if err := checkMultisig(n, threshold, size, c); err != nil {
		return nil, err
	}
	n.threshold = int(threshold)
	return n, nil
}

func checkMultisig(n *node, threshold uint32, size int, c context) *Error {
	count := len(n.keys)
	switch {
	case c != inTR && (count == 0 || count > maxMultisigKeys):
		return errorf(ErrSyntax, "Cannot have %d keys in multisig; must have between 1 and %d keys, inclusive", count, maxMultisigKeys)
	case c == inTR && (count == 0 || count > maxMultiAKeys):
		return errorf(ErrSyntax, "Cannot have %d keys in multi_a; must have between 1 and %d keys, inclusive", count, maxMultiAKeys)
	case threshold < 1:
		return errorf(ErrSyntax, "Multisig threshold cannot be %d, must be at least 1", threshold)
	case threshold > uint32(count):
		return errorf(ErrSyntax, "Multisig threshold cannot be larger than the number of keys; threshold is %d but only %d keys specified", threshold, count)
	case c == top && count > maxBareMultisigKeys:
		return errorf(ErrSyntax, "Cannot have %d pubkeys in bare multisig; only at most %d pubkeys", count, maxBareMultisigKeys)
	case c == inSH && size+3 > maxRedeemScriptSize:
		return errorf(ErrSyntax, "P2SH script is too large, %d bytes is larger than %d bytes", size+3, maxRedeemScriptSize)
	}
	return nil
}

func (x *parser) addr(inside string) (*node, *Error) {
	script, err := address.Decode(inside, x.params)
	if err != nil {
		e := errorf(ErrSyntax, "Address is not valid")
		if errors.Is(err, address.ErrNetwork) {
			e.Kind = ErrNetwork
		}
		e.Hint = err.Error()
		return nil, e
	}
	return &node{kind: kindAddr, script: script}, nil
}

func raw(inside string) (*node, *Error) {
	script, err := hex.DecodeString(inside)
	if err != nil || inside == "" {
		return nil, errorf(ErrSyntax, "Raw script is not hex")
	}
	return &node{kind: kindRaw, script: script}, nil
}

func (x *parser) rawTaproot(inside string) (*node, *Error) {
	arg := expression(&inside)
	if inside != "" {
		return nil, errorf(ErrSyntax, "rawtr(): only one key expected.")
	}
	key, err := x.key(arg, inTR)
	if err != nil {
		return nil, err.in("rawtr()")
	}
	return &node{kind: kindRawTR, keys: []int{key}}, nil
}

// taproot reads a taproot output: its internal key and the tree of its scripts.
func (x *parser) taproot(inside string) (*node, *Error) {
	key, err := x.key(expression(&inside), inTR)
	if err != nil {
		return nil, err.in("tr()")
	}
	n := &node{kind: kindTR, keys: []int{key}}
	if inside == "" {
		return n, nil
	}
	if inside[0] != ',' {
		return nil, errorf(ErrSyntax, "tr: expected ',', got '%c'", inside[0])
	}
	inside = inside[1:]
	// right says of each step from the top of the tree to where we are whether
	// it goes to the right.
	var right []bool
	for {
		for strings.HasPrefix(inside, "{") {
			inside = inside[1:]
			if right = append(right, false); len(right) > maxTreeDepth {
				return nil, errorf(ErrSyntax, "tr() supports at most %d nesting levels", maxTreeDepth)
			}
		}
		sub, err := x.script(&inside, inTR)
		if err != nil {
			return nil, err
		}
		n.leaves = append(n.leaves, leafNode{sub, len(right)})
		for len(right) > 0 && right[len(right)-1] {
			if !strings.HasPrefix(inside, "}") {
				return nil, errorf(ErrSyntax, "tr(): expected '}' after script expression")
			}
			inside = inside[1:]
			right = right[:len(right)-1]
		}
		if len(right) == 0 {
			break
		}
		if !strings.HasPrefix(inside, ",") {
			return nil, errorf(ErrSyntax, "tr(): expected ',' after script expression")
		}
		inside = inside[1:]
		right[len(right)-1] = true
	}
	if inside != "" {
		return nil, errorf(ErrSyntax, "tr(): expected ')' after script expression")
	}
	return n, nil
}

// miniscript reads what is none of the other functions.
func (x *parser) miniscript(e string, c context) (*node, *Error) {
	mc, kc := miniscript.Tapscript, inTR
	if c == inWSH {
		mc, kc = miniscript.P2WSH, inWSH
	}
	n := &node{kind: kindMiniscript, xonly: kc == inTR}
	var keyFault *Error
	known := map[string]int{}
	m, err := miniscript.Parse(e, mc, func(text string) (int, error) {
		key, err := x.key(text, kc)
		if err != nil {
			keyFault = err
			return 0, err
		}
		n.keys = append(n.keys, key)
		number := len(n.keys) - 1
		// Core takes keys for the same that are the same at index 0.
		if at, err := x.keys[key].at(0); err == nil {
			if first, ok := known[string(at.raw)]; ok {
				return first, nil
			}
			known[string(at.raw)] = number
		}
		return number, nil
	})
	switch {
	case keyFault != nil:
		return nil, keyFault
	case err == nil && c != inWSH && c != inTR:
		return nil, errorf(ErrSyntax, "Miniscript expressions can only be used in wsh or tr.")
	case err == nil:
		if why := (*miniscript.CheckError)(nil); errors.As(m.Check(), &why) {
			return nil, errorf(ErrSyntax, "%s", why.Text(func(i int) string {
				text, _ := x.keys[n.keys[i]].text(public, x.params)
				return text
			}))
		}
		n.mini = m
		return n, nil
	case c == inSH:
		return nil, errorf(ErrSyntax, "A function is needed within P2SH")
	case c == inWSH:
		return nil, errorf(ErrSyntax, "A function is needed within P2WSH")
	}
	return nil, errorf(ErrSyntax, "'%s' is not a valid descriptor function", e)
}
