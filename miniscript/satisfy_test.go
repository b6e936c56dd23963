package miniscript

import (
	"errors"
	"slices"
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

// TestUnsatisfiable leaves out one thing after the other.
func TestUnsatisfiable(t *testing.T) {
	n, _, err := parse("and_v(and_v(v:pk(A),v:pkh(B)),and_v(and_v(v:older(144),v:after(500)),sha256(#)))", P2WSH)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		leave func(m *Material)
		want  error
	}{
		{"nothing", func(*Material) {}, nil},
		{"signatures", func(m *Material) { m.Sign = nil }, ErrUnsatisfiable},
		{"one signature", func(m *Material) { m.Sign = func(i int) ([]byte, bool) { return make([]byte, 72), i == 0 } }, ErrUnsatisfiable},
		{"preimages", func(m *Material) { m.Preimage = nil }, ErrUnsatisfiable},
		{"a byte of the preimage", func(m *Material) {
			m.Preimage = func(Hash, []byte) ([]byte, bool) { return make([]byte, 31), true }
		}, ErrUnsatisfiable},
		{"the relative lock", func(m *Material) { m.Older = nil }, ErrUnsatisfiable},
		{"the absolute lock", func(m *Material) { m.After = func(uint32) bool { return false } }, ErrUnsatisfiable},
		{"the key of a hash", func(m *Material) { m.KeyBytes = nil }, ErrUnsatisfiable},
	} {
		m := everything(P2WSH)
		c.leave(&m)
		if _, err := n.Satisfy(m); !errors.Is(err, c.want) {
			t.Errorf("without %s: %v", c.what, err)
		}
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
