package miniscript

// Node is a parsed expression. It never changes.
type Node struct{ ctx Context }

// Parse reads an expression. The function key is called once for each key
// expression, in order, and returns the number that stands for it.
func Parse(expr string, ctx Context, key func(expr string) (int, error)) (*Node, error) {
	return nil, ErrSyntax
}

// Decode reads a script back into an expression.
func Decode(script []byte, ctx Context, key func(raw []byte) (int, bool), hash func(h [20]byte) (int, bool)) (*Node, error) {
	return nil, ErrDecode
}

// Script returns the script of the expression.
func (n *Node) Script(key func(i int) []byte) []byte { return nil }

// String returns the expression in the form that Core prints.
func (n *Node) String(key func(i int) string) string { return "" }

// Keys returns the numbers of the keys in the order of the expression, repeated
// where a key is repeated.
func (n *Node) Keys() []int { return nil }

// Check says why the expression must not stand alone in an output.
func (n *Node) Check() error { return nil }

// ScriptSize returns the script's size in bytes.
func (n *Node) ScriptSize() int { return 0 }

// MaxWitness returns the most items and bytes that a satisfaction needs, without
// the script. ok is false where there is none.
func (n *Node) MaxWitness() (items, bytes int, ok bool) { return 0, 0, false }

// Satisfy returns the cheapest satisfaction that nobody else can alter.
func (n *Node) Satisfy(m Material) (*Satisfaction, error) { return nil, ErrUnsatisfiable }
