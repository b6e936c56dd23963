package rpc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Sections in which `help` lists the methods, as in Core, and lode's own.
const (
	SectionBlockchain = "Blockchain"
	SectionControl    = "Control"
	SectionMining     = "Mining"
	SectionNetwork    = "Network"
	SectionRaw        = "Rawtransactions"
	SectionUtil       = "Util"
	SectionWallet     = "Wallet"
	SectionLode       = "Lode"
)

// Type is the JSON type that a parameter must have.
type Type string

// The parameter types, as Core names them in "Wrong type passed" errors. Any
// is for a parameter that takes several: the handler checks it.
const (
	String Type = "string"
	Number Type = "number"
	Bool   Type = "bool"
	Array  Type = "array"
	Object Type = "object"
	Any    Type = "any"
)

// Param describes one parameter of a method.
type Param struct {
	Name     string // "verbosity|verbose": names after the first are aliases
	Type     Type
	Optional bool
	Help     string
}

// Method is one entry of the server's table.
type Method struct {
	Name    string
	Section string // one of the Section constants
	Hidden  bool   // not listed by help, as Core's invalidateblock
	Summary string // what it does: one sentence, then more if it must be

	// Params in their order. An own method of lode (Own) instead takes one
	// object with the fields that Params names, as named parameters or as its
	// only positional one; its handler reads it with Request.Object.
	Params []Param
	Own    bool

	Result  string // what it returns, in words; may be empty
	Example string // arguments of an example call: JSON values, e.g. `"hash" 2`

	Handler func(ctx context.Context, r *Request) (any, error)
}

// Request is one call as its handler sees it: parameters in their places,
// types checked against the method's table entry.
type Request struct {
	Method string
	// Wallet is NAME of a call to /wallet/NAME; HasWallet tells an empty name
	// from a call to /.
	Wallet    string
	HasWallet bool

	method *Method
	args   []json.RawMessage // nil where left out or null
	object json.RawMessage   // of an own method
}

// Has says whether parameter i (from 0) is there and not null.
func (r *Request) Has(i int) bool { return i < len(r.args) && r.args[i] != nil }

// Raw returns the JSON of parameter i, nil when it is left out.
func (r *Request) Raw(i int) json.RawMessage {
	if !r.Has(i) {
		return nil
	}
	return r.args[i]
}

// Decode reads parameter i into v and leaves v as it is when the parameter is
// left out. A value of a wrong type is Core's error -3.
func (r *Request) Decode(i int, v any) error {
	if !r.Has(i) {
		return nil
	}
	if err := json.Unmarshal(r.args[i], v); err != nil {
		return typeError(r.name(i), err)
	}
	return nil
}

// Object reads the parameters of an own method into v, a pointer to a struct.
// Fields that v does not have are refused by name.
func (r *Request) Object(v any) error {
	if len(r.object) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(r.object))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return Errorf(CodeInvalidParameter, "Unknown named parameter %s", strings.Trim(field, `"`))
		}
		return typeError(r.Method, err)
	}
	return nil
}

// Text returns parameter i as a string, or def when it is left out.
func (r *Request) Text(i int, def string) (string, error) {
	err := r.Decode(i, &def)
	return def, err
}

// Int returns parameter i as an integer, or def when it is left out.
func (r *Request) Int(i int, def int64) (int64, error) {
	if !r.Has(i) {
		return def, nil
	}
	if err := json.Unmarshal(r.args[i], &def); err != nil {
		return 0, CodeMisc.New("JSON integer out of range")
	}
	return def, nil
}

// Flag returns parameter i as a boolean, or def when it is left out.
func (r *Request) Flag(i int, def bool) (bool, error) {
	err := r.Decode(i, &def)
	return def, err
}

// Hash returns parameter i as a hash in display order. Name is what Core calls
// the value in its messages ("blockhash", "txid", "parameter 1").
func (r *Request) Hash(i int, name string) (chainhash.Hash, error) {
	s, err := r.Text(i, "")
	if err != nil {
		return chainhash.Hash{}, err
	}
	return ParseHash(s, name)
}

// Hex returns parameter i as bytes. Name is what Core calls the value in its
// messages ("argument").
func (r *Request) Hex(i int, name string) ([]byte, error) {
	s, err := r.Text(i, "")
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, Errorf(CodeInvalidParameter, "%s must be hexadecimal string (not '%s')", name, s)
	}
	return b, nil
}

// ParseHash reads a hash in display order with the errors of Core's ParseHashV.
func ParseHash(s, name string) (chainhash.Hash, error) {
	var h chainhash.Hash
	if len(s) != chainhash.MaxHashStringSize {
		return h, Errorf(CodeInvalidParameter, "%s must be of length %d (not %d, for '%s')",
			name, chainhash.MaxHashStringSize, len(s), s)
	}
	if err := chainhash.Decode(&h, s); err != nil {
		return h, Errorf(CodeInvalidParameter, "%s must be hexadecimal string (not '%s')", name, s)
	}
	return h, nil
}

func (r *Request) name(i int) string {
	if r.method != nil && i < len(r.method.Params) {
		return r.method.Params[i].names()[0]
	}
	return fmt.Sprintf("parameter %d", i+1)
}

func typeError(what string, err error) *Error {
	text := strings.TrimPrefix(err.Error(), "json: ")
	return Errorf(CodeType, "%s: %s", what, text)
}

func (p Param) names() []string { return strings.Split(p.Name, "|") }

// bind puts the parameters of a call in their places and checks them as Core
// does: names, then number, then types.
func (m *Method) bind(r *Request, params json.RawMessage) error {
	r.method = m
	params = bytes.TrimSpace(params)
	named := len(params) > 0 && params[0] == '{'
	if m.Own {
		return m.bindObject(r, params, named)
	}
	var err error
	if named {
		r.args, err = m.byName(params)
	} else if len(params) > 0 {
		err = json.Unmarshal(params, &r.args)
	}
	if err != nil {
		return err
	}
	required := 0
	for i, p := range m.Params {
		if !p.Optional {
			required = i + 1
		}
	}
	if len(r.args) > len(m.Params) || len(r.args) < required {
		return CodeMisc.New(m.help())
	}
	var wrong []string
	for i, raw := range r.args {
		p := m.Params[i]
		kind := KindOf(raw)
		if kind == "null" {
			r.args[i] = nil
			if p.Optional {
				continue
			}
		}
		if p.Type != Any && string(p.Type) != kind {
			wrong = append(wrong, fmt.Sprintf("    \"Position %d (%s)\": \"JSON value of type %s is not of expected type %s\"",
				i+1, p.names()[0], kind, p.Type))
		}
	}
	if wrong != nil {
		return CodeType.New("Wrong type passed:\n{\n" + strings.Join(wrong, ",\n") + "\n}")
	}
	for len(r.args) > 0 && r.args[len(r.args)-1] == nil {
		r.args = r.args[:len(r.args)-1]
	}
	return nil
}

// bindObject takes the one object of an own method.
func (m *Method) bindObject(r *Request, params json.RawMessage, named bool) error {
	if named {
		r.object = params
		return nil
	}
	var list []json.RawMessage
	if len(params) > 0 {
		if err := json.Unmarshal(params, &list); err != nil {
			return err
		}
	}
	switch {
	case len(list) == 0:
		return nil
	case len(list) == 1 && KindOf(list[0]) == "object":
		r.object = list[0]
		return nil
	}
	return Errorf(CodeInvalidParameter, "%s takes named parameters: %s", m.Name, strings.Join(m.paramNames(), ", "))
}

func (m *Method) paramNames() []string {
	var names []string
	for _, p := range m.Params {
		names = append(names, p.names()[0])
	}
	return names
}

// byName is Core's transformNamedArguments: "args" holds leading positional
// ones, every other name must be known and given once.
func (m *Method) byName(params json.RawMessage) ([]json.RawMessage, error) {
	fields, err := objectFields(params)
	if err != nil {
		return nil, err
	}
	var args []json.RawMessage
	given := map[string]json.RawMessage{}
	for _, f := range fields {
		if _, twice := given[f.name]; twice {
			return nil, Errorf(CodeInvalidParameter, "Parameter %s specified multiple times", f.name)
		}
		given[f.name] = f.value
	}
	if list, ok := given["args"]; ok && KindOf(list) == "array" {
		if err := json.Unmarshal(list, &args); err != nil {
			return nil, err
		}
		delete(given, "args")
	}
	positional := len(args)
	for i, p := range m.Params {
		for _, name := range p.names() {
			value, ok := given[name]
			if !ok {
				continue
			}
			delete(given, name)
			if i < positional {
				return nil, Errorf(CodeInvalidParameter, "Parameter %s specified twice both as positional and named argument", name)
			}
			for len(args) <= i {
				args = append(args, nil)
			}
			args[i] = value
		}
	}
	for _, f := range fields { // in the order of the request, so that the text is always the same
		if _, left := given[f.name]; left {
			return nil, Errorf(CodeInvalidParameter, "Unknown named parameter %s", f.name)
		}
	}
	return args, nil
}

type field struct {
	name  string
	value json.RawMessage
}

// objectFields reads an object with its fields in order, duplicates kept.
func objectFields(object json.RawMessage) ([]field, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var fields []field
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		fields = append(fields, field{name.(string), value})
	}
	return fields, nil
}

// KindOf names the type of a JSON value as Core's univalue does.
func KindOf(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "null"
	}
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}

// help is what `help NAME` prints.
func (m *Method) help() string {
	var b strings.Builder
	b.WriteString(m.Name)
	for _, p := range m.Params {
		if p.Optional {
			fmt.Fprintf(&b, " ( %s )", p.names()[0])
		} else {
			fmt.Fprintf(&b, " %s", p.names()[0])
		}
	}
	fmt.Fprintf(&b, "\n\n%s\n", strings.TrimRight(m.Summary, "\n"))
	if len(m.Params) > 0 {
		b.WriteString("\nArguments:\n")
		width := 0
		for _, p := range m.Params {
			width = max(width, utf8.RuneCountInString(p.names()[0]))
		}
		for i, p := range m.Params {
			need := "required"
			if p.Optional {
				need = "optional"
			}
			fmt.Fprintf(&b, "%d. %-*s    (%s, %s) %s\n", i+1, width, p.names()[0], p.Type, need, p.Help)
		}
		if m.Own {
			b.WriteString("All of them are named parameters of one object.\n")
		}
	}
	if m.Result != "" {
		fmt.Fprintf(&b, "\nResult:\n%s\n", strings.TrimRight(m.Result, "\n"))
	}
	fmt.Fprintf(&b, "\nExample:\n> curl --user \"$(cat .cookie)\" --data-binary '{\"id\":1,\"method\":\"%s\",\"params\":%s}' http://127.0.0.1:18443/\n",
		m.Name, m.exampleParams())
	return b.String()
}

// exampleParams is the example as the params of a request.
func (m *Method) exampleParams() string {
	example := strings.ReplaceAll(m.Example, "'", "") // quotes for a shell
	if m.Own {
		return cmp.Or(example, "{}")
	}
	var values []string
	for d := json.NewDecoder(strings.NewReader(example)); ; {
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return "[" + strings.Join(values, ",") + "]"
		}
		values = append(values, string(v))
	}
}

// helpList is what a bare `help` prints: the visible methods by section.
func helpList(methods []*Method) string {
	bySection := map[string][]*Method{}
	for _, m := range methods {
		if !m.Hidden {
			bySection[m.Section] = append(bySection[m.Section], m)
		}
	}
	sections := make([]string, 0, len(bySection))
	for s := range bySection {
		sections = append(sections, s)
	}
	slices.Sort(sections)
	var b strings.Builder
	for _, s := range sections {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "== %s ==\n", s)
		list := bySection[s]
		slices.SortFunc(list, func(a, b *Method) int { return strings.Compare(a.Name, b.Name) })
		for _, m := range list {
			line, _, _ := strings.Cut(m.help(), "\n")
			b.WriteString(line + "\n")
		}
	}
	return strings.TrimRight(b.String(), "\n")
}
