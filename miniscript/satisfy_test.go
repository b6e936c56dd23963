package miniscript

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"
)

// spend is a transaction that spends an output of one script, and what is needed
// to sign and run it.
type spend struct {
	n       *Node
	script  []byte
	tx      *wire.MsgTx
	prev    *txscript.CannedPrevOutputFetcher
	control []byte
	sigs    map[int][]byte
}

const coinValue = 100_000

func newSpend(t testing.TB, n *Node) *spend {
	s := &spend{n: n, sigs: map[int][]byte{}}
	s.script = n.Script(func(i int) []byte { return publicKey(i, n.ctx) })
	out := chainhash.HashB(s.script)
	pkScript := append([]byte{txscript.OP_0, 32}, out...)
	if n.ctx == Tapscript {
		internal := privateKey(900).PubKey()
		tree := txscript.AssembleTaprootScriptTree(txscript.NewBaseTapLeaf(s.script))
		root := tree.RootNode.TapHash()
		key := txscript.ComputeTaprootOutputKey(internal, root[:])
		pkScript = append([]byte{txscript.OP_1, 32}, key.SerializeCompressed()[1:]...)
		block := tree.LeafMerkleProofs[0].ToControlBlock(internal)
		var err error
		if s.control, err = block.ToBytes(); err != nil {
			t.Fatal(err)
		}
	}
	s.prev = txscript.NewCannedPrevOutputFetcher(pkScript, coinValue)
	s.tx = wire.NewMsgTx(2)
	s.tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: chainhash.Hash{1}}, nil, nil))
	s.tx.AddTxOut(wire.NewTxOut(coinValue-1000, pkScript))
	return s
}

// lock sets what the transaction promises about time.
func (s *spend) lock(older, after uint32) {
	clear(s.sigs)
	s.tx.TxIn[0].Sequence, s.tx.LockTime = wire.MaxTxInSequenceNum-1, after
	if older != 0 {
		s.tx.TxIn[0].Sequence = older
	}
}

// met reports whether the transaction meets a lock, by the rules of BIP68, BIP112
// and BIP65.
func (s *spend) olderMet(n uint32) bool {
	const mask = sequenceTimeFlag | sequenceValueMask
	seq := s.tx.TxIn[0].Sequence
	return seq < 1<<31 && seq&sequenceTimeFlag == n&sequenceTimeFlag && n&mask <= seq&mask
}

func (s *spend) afterMet(n uint32) bool {
	return (n < lockTimeThreshold) == (s.tx.LockTime < lockTimeThreshold) && n <= s.tx.LockTime
}

// sign returns the signature of a key over the transaction as it stands.
func (s *spend) sign(t testing.TB, key int) []byte {
	if sig, ok := s.sigs[key]; ok {
		return sig
	}
	hashes := txscript.NewTxSigHashes(s.tx, s.prev)
	var sig []byte
	var err error
	if s.n.ctx == P2WSH {
		sig, err = txscript.RawTxInWitnessSignature(s.tx, hashes, 0, coinValue, s.script, txscript.SigHashAll, privateKey(key))
	} else {
		sig, err = txscript.RawTxInTapscriptSignature(s.tx, hashes, 0, coinValue, s.prev.FetchPrevOutput(wire.OutPoint{}).PkScript,
			txscript.NewBaseTapLeaf(s.script), txscript.SigHashAll, privateKey(key))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.sigs[key] = sig
	return sig
}

// run runs the script with a witness under the rules by which nodes relay.
func (s *spend) run(stack [][]byte) error {
	witness := append(slices.Clone(stack), s.script)
	if s.control != nil {
		witness = append(witness, s.control)
	}
	s.tx.TxIn[0].Witness = witness
	engine, err := txscript.NewEngine(s.prev.FetchPrevOutput(wire.OutPoint{}).PkScript, s.tx, 0, txscript.StandardVerifyFlags,
		nil, txscript.NewTxSigHashes(s.tx, s.prev), coinValue, s.prev)
	if err != nil {
		return err
	}
	return engine.Execute()
}

// purse is what a signer has.
type purse struct {
	keys, preimages map[int]bool
	older, after    func(uint32) bool
}

func (p purse) material(ctx Context, sign func(key int) []byte) Material {
	return Material{
		Sign: func(key int) ([]byte, bool) {
			if !p.keys[key] {
				return nil, false
			}
			return sign(key), true
		},
		Preimage: func(h Hash, digest []byte) ([]byte, bool) { return preimageFor(h, digest, p.preimages) },
		Older:    p.older, After: p.after,
		KeyBytes: func(i int) []byte { return publicKey(i, ctx) },
	}
}

// drawPurse draws what a signer has: mostly nearly everything.
func drawPurse(t *rapid.T, n *Node) purse {
	p := purse{keys: map[int]bool{}, preimages: map[int]bool{}}
	have := rapid.IntRange(1, 10).Draw(t, "have")
	for _, k := range n.Keys() {
		p.keys[k] = rapid.IntRange(0, have).Draw(t, "key") > 0
	}
	for i := range 4 {
		p.preimages[i] = rapid.IntRange(0, have).Draw(t, "preimage") > 0
	}
	p.older = func(l uint32) bool { return l%7 != uint32(have) }
	p.after = func(l uint32) bool { return l%5 != uint32(have) }
	return p
}

// TestSatisfactionsRun satisfies random expressions with random knowledge, first
// planned with dummy signatures, then signed in a transaction that has the locks
// that the plan tells, and runs the result in btcd's engine.
func TestSatisfactionsRun(t *testing.T) {
	ran := map[Context]int{}
	rapid.Check(t, func(t *rapid.T) {
		n := tree(t, 4, rapid.Bool().Draw(t, "own"))
		p := drawPurse(t, n)
		dummy := make([]byte, 72)
		if n.ctx == Tapscript {
			dummy = dummy[:65]
		}
		plan, err := n.Satisfy(p.material(n.ctx, func(int) []byte { return dummy }))
		if err != nil {
			if !errors.Is(err, ErrUnsatisfiable) && !errors.Is(err, ErrMalleable) {
				t.Fatal(err)
			}
			return
		}
		checkSize(t, n, plan)
		s := newSpend(nil, n)
		s.lock(plan.Older, plan.After)
		met := p
		met.older, met.after = s.olderMet, s.afterMet
		got, err := n.Satisfy(met.material(n.ctx, func(key int) []byte { return s.sign(nil, key) }))
		if err != nil && n.sane() {
			t.Fatalf("%v, but a plan with locks %d %d was found", err, plan.Older, plan.After)
		} else if err != nil {
			return // more locks are met now, and others could use that
		}
		checkSize(t, n, got)
		if !n.withinLimits() {
			return
		}
		if err := s.run(got.Stack); err != nil {
			t.Fatalf("%s: %x: %v", n.String(func(i int) string { return "K" }), got.Stack, err)
		}
		ran[n.ctx]++
	})
	t.Log("ran", ran)
	if ran[P2WSH] < 10 || ran[Tapscript] < 10 {
		t.Errorf("ran only %v", ran)
	}
}

// checkSize checks a satisfaction against the largest that is told.
func checkSize(t *rapid.T, n *Node, s *Satisfaction) {
	items, most, ok := n.MaxWitness()
	size := 0
	for _, item := range s.Stack {
		size += 1 + len(item)
	}
	if !ok || len(s.Stack) > items || size > most {
		t.Fatalf("%d items, %d bytes; told to be at most %d, %d (%v)", len(s.Stack), size, items, most, ok)
	}
}

// everyWay finds all witnesses of a node by going through all choices, with
// nothing decided on the way: the naive model that Satisfy is compared with.
type everyWay struct {
	n     *Node
	p     purse
	limit bool // too many
}

const mostWays = 400

// join returns every combination, b above a.
func (e *everyWay) join(a, b [][]string) [][]string {
	var out [][]string
	if len(a)*len(b) > mostWays {
		e.limit = true
		return nil
	}
	for _, x := range a {
		for _, y := range b {
			out = append(out, append(slices.Clone(x), y...))
		}
	}
	return out
}

// sigOf is the dummy signature of a key: their lengths differ a little, as those
// of real ones do.
func sigOf(key int) []byte { return append(bytes.Repeat([]byte{0x30}, 69+key%3), byte(key)) }

func (e *everyWay) all(n *Node) (sat, dis [][]string) {
	one, zero := [][]string{{"\x01"}}, [][]string{{""}}
	var x, y, z [2][][]string
	for i, v := range []*[2][][]string{&x, &y, &z} {
		if i < len(n.subs) && n.frag != thresh {
			v[0], v[1] = e.all(n.subs[i])
		}
	}
	switch n.frag {
	case wrapA, wrapS, wrapC, wrapN:
		return x[0], x[1]
	case wrapD:
		return e.join(x[0], one), zero
	case wrapV:
		return x[0], nil
	case wrapJ:
		top := func(w []string) bool { return w[len(w)-1] == "" }
		return slices.DeleteFunc(x[0], top), append(slices.DeleteFunc(x[1], top), zero...)
	case andV:
		return e.join(y[0], x[0]), e.join(y[1], x[0])
	case andB:
		return e.join(y[0], x[0]), slices.Concat(e.join(y[1], x[1]), e.join(y[0], x[1]), e.join(y[1], x[0]))
	case orB:
		return slices.Concat(e.join(y[0], x[0]), e.join(y[1], x[0]), e.join(y[0], x[1])), e.join(y[1], x[1])
	case orC:
		return append(x[0], e.join(y[0], x[1])...), nil
	case orD:
		return append(x[0], e.join(y[0], x[1])...), e.join(y[1], x[1])
	case orI:
		return append(e.join(x[0], one), e.join(y[0], zero)...), append(e.join(x[1], one), e.join(y[1], zero)...)
	case andOr:
		return append(e.join(y[0], x[0]), e.join(z[0], x[1])...), append(e.join(y[1], x[0]), e.join(z[1], x[1])...)
	case thresh:
		return e.allThresh(n)
	}
	return e.allLeaf(n)
}

func (e *everyWay) allThresh(n *Node) (sat, dis [][]string) {
	type member struct{ sat, dis [][]string }
	var members []member
	for _, s := range n.subs {
		a, b := e.all(s)
		members = append(members, member{a, b})
	}
	for set := range 1 << len(members) {
		way, count := [][]string{{}}, 0
		for i := len(members) - 1; i >= 0; i-- {
			part := members[i].dis
			if set>>i&1 == 1 {
				part, count = members[i].sat, count+1
			}
			way = e.join(way, part)
		}
		if count == int(n.k) {
			sat = append(sat, way...)
		} else {
			dis = append(dis, way...)
		}
	}
	return sat, dis
}

func (e *everyWay) allLeaf(n *Node) (sat, dis [][]string) {
	way := func(ok bool, items ...string) [][]string {
		if !ok {
			return nil
		}
		return [][]string{items}
	}
	switch n.frag {
	case just0:
		return nil, way(true)
	case just1:
		return way(true), nil
	case pkK, pkH:
		k := n.keys[0]
		sat, dis = way(e.p.keys[k], string(sigOf(k))), way(true, "")
		if n.frag == pkH {
			raw := way(true, string(publicKey(k, n.ctx)))
			sat, dis = e.join(sat, raw), e.join(dis, raw)
		}
		return sat, dis
	case older:
		return way(e.p.older(n.k)), nil
	case after:
		return way(e.p.after(n.k)), nil
	case hashed:
		p, ok := preimageFor(n.hash, n.digest, e.p.preimages)
		return way(ok, string(p)), [][]string{{strings.Repeat("\x00", 32)}, {strings.Repeat("\x07", 32)}}
	}
	for set := range 1 << len(n.keys) {
		var items []string
		count := 0
		for i, k := range n.keys {
			switch {
			case set>>i&1 == 1 && !e.p.keys[k]:
				count = -100
			case set>>i&1 == 1:
				count++
				items = append(items, string(sigOf(k)))
			case n.frag == multiA:
				items = append(items, "")
			}
		}
		if n.frag == multi {
			items = append([]string{""}, items...)
		} else {
			slices.Reverse(items)
		}
		if count == int(n.k) {
			sat = append(sat, items)
		}
	}
	zeros := int(n.k) + 1
	if n.frag == multiA {
		zeros = len(n.keys)
	}
	return sat, [][]string{slices.Repeat([]string{""}, zeros)}
}

// stranger returns what somebody has who has seen a witness: the signatures and
// preimages in it, and all time locks that the signer had.
func stranger(n *Node, p purse, witness []string) purse {
	s := purse{keys: map[int]bool{}, preimages: map[int]bool{}, older: p.older, after: p.after}
	for _, k := range n.Keys() {
		s.keys[k] = slices.Contains(witness, string(sigOf(k)))
	}
	for i := range 4 {
		s.preimages[i] = slices.Contains(witness, string(preimageOf(i)))
	}
	return s
}

// TestAgainstEveryWay compares Satisfy with going through all witnesses of small
// sane expressions: it finds one if there is any, no stranger can make another
// from it, and of all such it is the smallest.
func TestAgainstEveryWay(t *testing.T) {
	compared, refused, several := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		n := tree(t, 5, true)
		if !n.sane() {
			t.Skip("not sane")
		}
		p := drawPurse(t, n)
		// Locks of one kind only, as a transaction has.
		relKind, absKind := rapid.Bool().Draw(t, "relative time"), rapid.Bool().Draw(t, "absolute time")
		older, after := p.older, p.after
		p.older = func(l uint32) bool { return l&sequenceTimeFlag != 0 == relKind && older(l) }
		p.after = func(l uint32) bool { return l >= lockTimeThreshold == absKind && after(l) }

		e := &everyWay{n: n, p: p}
		ways, _ := e.all(n)
		if e.limit {
			t.Skip("too many ways")
		}
		text := n.String(func(i int) string { return string(rune('A' + i)) })
		got, err := n.Satisfy(p.material(n.ctx, sigOf))
		if len(ways) == 0 {
			if !errors.Is(err, ErrUnsatisfiable) {
				t.Fatalf("%s: %v, %v, but there is no way", text, got, err)
			}
			refused++
			return
		}
		if err != nil {
			t.Fatalf("%s: %v, but there are %d ways", text, err, len(ways))
		}
		var stack []string
		for _, item := range got.Stack {
			stack = append(stack, string(item))
		}
		if !slices.ContainsFunc(ways, func(w []string) bool { return slices.Equal(w, stack) }) {
			t.Fatalf("%s: %q is no way of satisfying it", text, stack)
		}
		size := func(w []string) int { return len(strings.Join(w, "")) + len(w) }
		others := func(w []string) bool {
			e := &everyWay{n: n, p: stranger(n, p, w)}
			theirs, _ := e.all(n)
			return slices.ContainsFunc(theirs, func(o []string) bool { return !slices.Equal(o, w) })
		}
		if others(stack) {
			t.Fatalf("%s: others can alter %q", text, stack)
		}
		for _, w := range ways {
			if size(w) < size(stack) && !others(w) {
				t.Fatalf("%s: %q is smaller than %q", text, w, stack)
			}
		}
		compared++
		if len(ways) > 3 {
			several++
		}
	})
	t.Logf("compared %d, %d of them with over 3 ways, and %d that cannot be satisfied", compared, several, refused)
	if compared < 10 || refused < 3 {
		t.Errorf("compared only %d, and %d that cannot be satisfied", compared, refused)
	}
}

// TestWaysMatchTypes compares the ways of every part of random trees with what
// its type says (Core's checks in ProduceInput).
func TestWaysMatchTypes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := tree(t, 5, false)
		s := satisfier{Material: drawPurse(t, n).material(n.ctx, sigOf), sigs: map[int]input{}}
		eval(n, func(n *Node, subs []ways) ways {
			w := s.ways(n, subs)
			rule := func(name string, holds bool) {
				if !holds {
					t.Fatalf("rule %s broken: %s, %+v", name, n.typ, w)
				}
			}
			for _, in := range []input{w.sat, w.dis} {
				rule("z", !in.ok || !n.typ.has(zeroArg) || in.items == 0)
				rule("o", !in.ok || !n.typ.has(oneArg) || in.items == 1)
				rule("n", !in.ok || !n.typ.has(nonZero) || in.items >= 1)
				rule("items", !in.ok || len(in.list()) == in.items)
			}
			if w.sat.ok && n.typ.has(nonZero) {
				list := w.sat.list()
				rule("n on top", len(list[len(list)-1]) > 0)
			}
			rule("d", !n.typ.has(dissat) || w.dis.ok && !w.dis.sig)
			rule("f", !n.typ.has(forced) || !w.dis.ok || w.dis.sig)
			rule("s", !n.typ.has(safe) || !w.sat.ok || w.sat.sig)
			rule("me", !n.typ.has(nonMall|expr) || w.dis.ok && !w.dis.mall)
			rule("m", !n.typ.has(nonMall) || !w.sat.ok || !w.sat.mall)
			return w
		})
	})
}

// TestMalleableRefused has expressions with a witness that others could alter,
// and what makes one that they cannot.
func TestMalleableRefused(t *testing.T) {
	for _, c := range []struct {
		expr     string
		preimage bool // the signer has it
		want     error
	}{
		// The hash is not satisfied: any 32 bytes will do.
		{"or_b(sha256(#),s:pk(A))", false, ErrMalleable},
		{"or_d(sha256(#),pk(A))", false, ErrMalleable},
		{"andor(sha256(#),pk(A),pk(B))", false, ErrMalleable},
		{"andor(sha256(#),pk(A),pk(B))", true, nil},
		// Two ways without a signature.
		{"and_v(v:pk(A),or_i(older(1),older(2)))", true, ErrMalleable},
		{"thresh(2,pk(A),aln:older(1),aln:older(2))", true, ErrMalleable},
		// No signature at all.
		{"sha256(#)", true, ErrMalleable},
		{"older(1)", true, ErrMalleable},
		{"or_i(and_v(v:pk(A),older(1)),pk(B))", true, nil},
	} {
		n, _, err := parse(c.expr, P2WSH)
		if err != nil {
			t.Fatal(err)
		}
		m := everything(P2WSH)
		if !c.preimage {
			m.Preimage = nil
		}
		if _, err = n.Satisfy(m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.expr, err, c.want)
		}
	}
}

// TestMissing checks what is told to be missing.
func TestMissing(t *testing.T) {
	n, _, err := parse("and_v(and_v(v:pk(A),v:pkh(B)),and_v(and_v(v:older(144),v:after(500)),sha256(#)))", P2WSH)
	if err != nil {
		t.Fatal(err)
	}
	m := everything(P2WSH)
	m.Sign, m.Preimage, m.Older, m.After = nil, nil, nil, nil
	_, err = n.Satisfy(m)
	var missing *MissingError
	if !errors.Is(err, ErrUnsatisfiable) || !errors.As(err, &missing) {
		t.Fatal(err)
	}
	if !slices.Equal(missing.Keys, []int{0, 1}) || !slices.Equal(missing.Older, []uint32{144}) ||
		!slices.Equal(missing.After, []uint32{500}) || len(missing.Digests) != 1 || missing.Digests[0].Kind != SHA256 {
		t.Errorf("%+v", missing)
	}
	if want := "not available: 2 signatures, 1 preimages, 2 time locks"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	if err := n.Check(); err != nil {
		t.Error(err)
	}
}

// TestLocks checks which locks are told, and that locks of two kinds are never
// relied on together.
func TestLocks(t *testing.T) {
	for _, c := range []struct {
		expr         string
		older, after uint32
		err          error
	}{
		{expr: "and_v(v:pk(A),and_v(v:older(10),older(144)))", older: 144},
		{expr: "and_v(v:pk(A),and_v(v:older(65541),older(4)))", older: 65541}, // its value is 5
		{expr: "and_v(v:pk(A),and_v(v:older(65541),older(6)))", older: 6},
		{expr: "and_v(v:pk(A),older(65536))", older: 65536}, // its value is 0
		{expr: "and_v(v:pk(A),and_v(v:after(10),after(9)))", after: 10},
		{expr: "and_v(v:pk(A),and_v(v:after(500000000),after(600000000)))", after: 600000000},
		{expr: "and_v(v:pk(A),and_v(v:after(10),older(9)))", after: 10, older: 9},
		{expr: "and_v(v:pk(A),and_v(v:after(10),after(500000000)))", err: ErrUnsatisfiable},
		{expr: "and_v(v:pk(A),and_v(v:older(10),older(4194305)))", err: ErrUnsatisfiable},
		{expr: "or_d(pk(A),and_v(v:pk(B),older(9)))"},
		{expr: "pk(A)"},
	} {
		n, _, err := parse(c.expr, Tapscript)
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.Satisfy(everything(Tapscript))
		if c.err != nil || err != nil {
			if !errors.Is(err, c.err) {
				t.Errorf("%s: %v", c.expr, err)
			}
			continue
		}
		if got.Older != c.older || got.After != c.after {
			t.Errorf("%s: locks %d and %d", c.expr, got.Older, got.After)
		}
		s := newSpend(t, n)
		s.lock(got.Older, got.After)
		m := everything(Tapscript)
		m.Sign = func(key int) ([]byte, bool) { return s.sign(t, key), true }
		if got, err = n.Satisfy(m); err == nil {
			err = s.run(got.Stack)
		}
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
		}
	}
}

// TestNobodyElse checks that the engine refuses what was not allowed: a witness
// of another key, or of a lock that is not met.
func TestNobodyElse(t *testing.T) {
	for _, ctx := range []Context{P2WSH, Tapscript} {
		n, _, err := parse("and_v(v:pk(A),older(10))", ctx)
		if err != nil {
			t.Fatal(err)
		}
		s := newSpend(t, n)
		s.lock(10, 0)
		m := everything(ctx)
		m.Sign = func(key int) ([]byte, bool) { return s.sign(t, key), true }
		good, err := n.Satisfy(m)
		if err != nil || s.run(good.Stack) != nil {
			t.Fatal(err)
		}
		if s.run([][]byte{s.sign(t, 1)}) == nil {
			t.Error("another key can spend it")
		}
		s.lock(9, 0)
		if good, err = n.Satisfy(m); err != nil || s.run(good.Stack) == nil {
			t.Error("it can be spent early")
		}
	}
}
