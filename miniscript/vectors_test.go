package miniscript

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/address"
)

// keyring gives out numbers for key expressions: equal expressions, equal
// numbers. Its keys are the capital letters, and public keys in hex.
type keyring struct {
	ctx   Context
	names []string
}

func (r *keyring) number(name string) (int, error) {
	for i, n := range r.names {
		if n == name {
			return i, nil
		}
	}
	if len(name) != 1 && len(name) != 66 {
		return 0, errors.New("no key")
	}
	r.names = append(r.names, name)
	return len(r.names) - 1, nil
}

func (r *keyring) name(i int) string { return r.names[i] }

// privateKey returns the private key that is a number: 1, 2, 3, ...
func privateKey(i int) *btcec.PrivateKey {
	var raw [32]byte
	raw[30], raw[31] = byte((i+1)>>8), byte(i+1)
	key, _ := btcec.PrivKeyFromBytes(raw[:])
	return key
}

var publicKeys = map[int][]byte{}

// publicKey returns the public key of a number as a script has it.
func publicKey(i int, ctx Context) []byte {
	if publicKeys[i] == nil {
		publicKeys[i] = privateKey(i).PubKey().SerializeCompressed()
	}
	return publicKeys[i][33-ctx.keySize():]
}

// bytes returns a key's bytes: those of the hex, or of the private key that is
// the letter's number.
func (r *keyring) bytes(i int) []byte {
	if name := r.names[i]; len(name) == 66 {
		raw, _ := hex.DecodeString(name)
		return raw[33-r.ctx.keySize():]
	}
	return publicKey(int(r.names[i][0]-'A'), r.ctx)
}

// find returns the number of a key by its bytes, and findHash by their HASH160.
func (r *keyring) find(raw []byte) (int, bool) {
	for i := range r.names {
		if string(r.bytes(i)) == string(raw) {
			return i, true
		}
	}
	return 0, false
}

func (r *keyring) findHash(h [20]byte) (int, bool) {
	for i := range r.names {
		if address.Hash160(r.bytes(i)) == h {
			return i, true
		}
	}
	return 0, false
}

// parse reads an expression with the abbreviations of the test data.
func parse(expr string, ctx Context) (*Node, *keyring, error) {
	expr = strings.NewReplacer(
		"#", "926a54995ca48600920a19bf7bc502ca5f2f7d07e6f804c4f00ebf0325084dbc",
		"$", "c7bcb868ab4db55ca45f8eefe5b1677d9fc2c4111e295baaee1b34ed352c719b",
	).Replace(expr)
	ring := &keyring{ctx: ctx}
	n, err := Parse(expr, ctx, ring.number)
	return n, ring, err
}

// rows reads a file of test data.
func rows(t testing.TB, name string) [][]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(raw)) {
		out = append(out, strings.Split(strings.TrimRight(line, "\n"), "\t"))
	}
	if len(out) < 20 {
		t.Fatalf("%s: only %d rows", name, len(out))
	}
	return out
}

// execItems is the most items on the stacks while the script runs.
func (n *Node) execItems() int { return int(n.stack.sat.peak) + n.left() }

func (n *Node) opCount() int { return int(n.ops.static) + int(n.ops.sat) }

// letterProps returns the letters m, s and k among an expression's properties.
func letterProps(n *Node) string {
	out := ""
	for _, p := range []struct {
		p props
		s string
	}{{nonMall, "m"}, {safe, "s"}, {noMix, "k"}} {
		if n.typ.has(p.p) {
			out += p.s
		}
	}
	return out
}

// checkRoundTrips checks that an expression comes back from its text and script.
func checkRoundTrips(t testing.TB, n *Node, ring *keyring) {
	t.Helper()
	text, script := n.String(ring.name), n.Script(ring.bytes)
	if len(script) != n.ScriptSize() {
		t.Fatalf("%s: script of %d bytes, %d told", text, len(script), n.ScriptSize())
	}
	again, err := Parse(text, n.ctx, ring.number)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if got := again.String(ring.name); got != text {
		t.Fatalf("%s: came back as %s", text, got)
	}
	if got := again.Script(ring.bytes); string(got) != string(script) {
		t.Fatalf("%s: script %x after reading its text, was %x", text, got, script)
	}
	decoded, err := Decode(script, n.ctx, ring.find, ring.findHash)
	if err != nil {
		t.Fatalf("%s: %x: %v", text, script, err)
	}
	if got := decoded.Script(ring.bytes); string(got) != string(script) {
		t.Fatalf("%s: decoded to %s, with script %x and not %x", text, decoded.String(ring.name), got, script)
	}
}

// TestCoreScripts compares scripts, properties and limits with those in Core's
// tests.
func TestCoreScripts(t *testing.T) {
	for _, r := range rows(t, "core.tsv") {
		for ctx, want := range map[Context]string{P2WSH: r[1], Tapscript: r[2]} {
			if want == "=" {
				want = r[1]
			}
			n, ring, err := parse(r[0], ctx)
			if want == "-" {
				if err == nil && n.validAlone() {
					t.Errorf("%s: valid in context %d", r[0], ctx)
				}
				continue
			}
			if err != nil || !n.validAlone() {
				t.Fatalf("%s: %v", r[0], err)
			}
			if got := hex.EncodeToString(n.Script(ring.bytes)); want != "?" && got != want {
				t.Errorf("%s:\n%s\n%s", r[0], got, want)
			}
			sorted := ""
			for _, c := range "msk" {
				if strings.ContainsRune(r[3], c) {
					sorted += string(c)
				}
			}
			if got := letterProps(n); got != sorted {
				t.Errorf("%s: properties %s, want %s", r[0], got, sorted)
			}
			items, bytes, ok := n.MaxWitness()
			wit := r[6]
			if ctx == Tapscript {
				wit = r[7]
			}
			for _, c := range []struct {
				what, want string
				got        int
			}{{"operations", r[4], n.opCount()}, {"items", r[5], items}, {"witness", wit, bytes}, {"running", r[8], n.execItems()}} {
				if c.want != "-" && (!ok || strconv.Itoa(c.got) != c.want) {
					t.Errorf("%s: %s %d, want %s", r[0], c.what, c.got, c.want)
				}
			}
			checkRoundTrips(t, n, ring)
		}
	}
}

// TestCoreRules goes through Core's validity rules, one for each way of putting
// fragments together that is wrong, and malformed texts.
func TestCoreRules(t *testing.T) {
	for _, r := range rows(t, "core_rules.tsv") {
		for _, ctx := range []Context{P2WSH, Tapscript} {
			n, ring, err := parse(r[0], ctx)
			if r[1] == "invalid" {
				if err == nil && n.validAlone() {
					t.Errorf("%q: valid", r[0])
				}
				continue
			}
			if err != nil || !n.validAlone() {
				t.Errorf("%q: %v", r[0], err)
				continue
			}
			want := ""
			for _, c := range "msk" {
				if strings.ContainsRune(r[1], c) {
					want += string(c)
				}
			}
			if got := letterProps(n); got != want {
				t.Errorf("%q: properties %s, want %s", r[0], got, want)
			}
			checkRoundTrips(t, n, ring)
		}
	}
}

// TestBIP379Props compares sizes and limits with the BIP's test vectors. Those
// come from software that also counts ways that others could alter, so that
// expressions that need such ways compare in script size only.
func TestBIP379Props(t *testing.T) {
	for _, r := range rows(t, "bip379_props.tsv") {
		n, ring, err := parse(r[0], P2WSH)
		if err != nil {
			t.Fatalf("%s: %v", r[0], err)
		}
		bit := map[bool]int{true: 1}
		items, bytes, _ := n.MaxWitness()
		got := fmt.Sprint(n.ScriptSize(), bit[n.typ.has(nonMall)])
		want := r[1] + " " + r[5]
		if n.typ.has(nonMall) {
			got += " " + fmt.Sprint(n.opCount(), items+1, bit[!n.typ.has(noMix)], bit[n.typ.has(safe)], bytes)
			want += " " + strings.Join([]string{r[2], r[3], r[4], r[6], r[7]}, " ")
		}
		if got != want {
			t.Errorf("%s:\n%s\n%s", r[0], got, want)
		}
		checkRoundTrips(t, n, ring)
	}
}

// TestBIP379Types compares types with the BIP's test vectors. Of expressions that
// are not m these tell neither e nor s, and count operations differently.
func TestBIP379Types(t *testing.T) {
	for _, r := range rows(t, "bip379_types.tsv") {
		n, ring, err := parse(r[0], P2WSH)
		if err != nil {
			t.Fatalf("%s: %v", r[0], err)
		}
		compared := "BVKWzondum"
		if n.typ.has(nonMall) {
			compared = "BVKWzonduesm"
			if got := strconv.Itoa(n.opCount()); got != r[2] {
				t.Errorf("%s: %s operations, want %s", r[0], got, r[2])
			}
		}
		for i, c := range letters {
			if has := n.typ>>i&1 == 1; strings.ContainsRune(compared, c) && has != strings.ContainsRune(r[1], c) {
				t.Errorf("%s: %s, want %s", r[0], n.typ, r[1])
			}
		}
		checkRoundTrips(t, n, ring)
	}
}

// TestBIP379Validity goes through the BIP's lists of valid and invalid ones.
func TestBIP379Validity(t *testing.T) {
	for _, r := range rows(t, "bip379_valid.txt") {
		n, ring, err := parse(r[0], P2WSH)
		if err != nil || !n.validAlone() {
			t.Errorf("%s: invalid: %v", r[0], err)
			continue
		}
		checkRoundTrips(t, n, ring)
	}
	for _, r := range rows(t, "bip379_invalid.txt") {
		n, _, err := parse(r[0], P2WSH)
		if err != nil {
			t.Errorf("%s: %v", r[0], err)
			continue
		}
		if n.validAlone() {
			t.Errorf("%s: valid", r[0])
		}
		if err := n.Check(); !errors.Is(err, ErrInsane) {
			t.Errorf("%s: %v", r[0], err)
		}
	}
}
