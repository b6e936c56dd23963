package wallet

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
)

// shared are descriptors of several keys and ways. All keys are public; holding
// gives some of them their private keys.
var shared = []string{
	"wpkh(@1)", "tr(@1)", "wsh(multi(2,@1,@2,@3))", "sh(multi(2,@1,@2,@3))", "sh(wsh(sortedmulti(1,@1,@2)))",
	"tr(=N,sortedmulti_a(2,@1,@2,@3))", "tr(=N,{pk(@1),{pk(@2),multi_a(2,@3,@4)}})", "tr(@1,and_v(v:pk(@2),older(10)))",
	"tr(xpubN/0/7,pk(@1))", "tr(@1,{pk(@2),{pk(@3),pk(@4)}})",
	"wsh(or_d(pk(@1),and_v(v:pkh(@2),older(10))))", "tr(=N,or_d(pk(@1),and_v(v:pkh(@2),older(10))))",
	"wsh(andor(multi(2,@1,@2,@3),older(3),and_v(v:pkh(@4),older(12))))", "wsh(or_i(and_v(v:pkh(@1),after(700)),and_v(v:pk(@2),after(900))))",
	"wsh(or_d(multi(2,@1,@2),and_v(v:thresh(2,pkh(@3),a:pkh(@4),a:pkh(@5)),after(500))))",
	"wsh(or_d(pk(@1),or_i(and_v(v:pkh(@2),older(2000)),and_v(v:pk(@3),older(7)))))",
	"wsh(or_d(pk(@1),and_v(v:pk(@2),after(1700060000))))",
}

// nobodysXPub is an extended key of Nobody's point.
const nobodysXPub = "tpubD6NzVbkrYhZ4WLczPJWReQycCJdd6YVWXubbVUFnJ5KgU5MDQrD998ZJLSmaB7GVcCnJSDWprxmrGkJ6SvgQC6QAffVpqSvonXmeizXcrkN"

// holding fills in the keys of a descriptor: those of the bits of set are private.
func holding(text string, set int) string {
	text = strings.NewReplacer("=N", Nobody, "xpubN", nobodysXPub).Replace(text)
	for n := range 5 {
		if set>>n&1 == 1 {
			text = strings.ReplaceAll(text, fmt.Sprintf("@%d", n+1), fmt.Sprintf("$%d", n+1))
		}
	}
	return text
}

var parsedOnce sync.Map

// parsed is parse for texts that come again and again.
func parsed(t *testing.T, text string) *descriptor.Descriptor {
	t.Helper()
	d, ok := parsedOnce.Load(text)
	if !ok {
		d, _ = parsedOnce.LoadOrStore(text, parse(t, text))
	}
	return d.(*descriptor.Descriptor)
}

func keysIn(text string) (n int) {
	for strings.Contains(text, fmt.Sprintf("@%d", n+1)) {
		n++
	}
	return n
}

// A payment pays the feerate that was asked for, whoever signs it: those who made
// it alone if they can, else any of those who can together. And whoever can sign
// for a coin by a lock that it has met, can sign the payment.
func TestEveryWayPaysItsRate(t *testing.T) {
	t.Parallel()
	for _, text := range shared {
		n := keysIn(text)
		could := make([]bool, 1<<n)
		for signers := range could {
			could[signers] = finished(t, anyLock(t, text, signers), text, signers) != nil
		}
		for holds := range 1 << min(n, 3) {
			d := parsed(t, holding(text, holds))
			o := signOptionsFor(solverOf(d))
			o.FeeRate = 1_000
			coins := coinsOf(t, d, 0, 0, 1_000_000)
			pay := []Payment{{Script: o.Change.Script, Value: 200_000}}
			draft, err := Plan(coins, pay, o)
			if err != nil {
				t.Fatalf("%s, %b: %v", text, holds, err)
			}
			own := finished(t, draft, text, holds)
			if own != nil && draft.Fee < o.FeeRate.Fee(consensus.VSize(own)) {
				t.Errorf("%s, %b: fee %d for %d vB", text, holds, draft.Fee, consensus.VSize(own))
			}
			for signers := 1; signers < 1<<n; signers++ {
				done := finished(t, draft, text, signers)
				if (done != nil) != could[signers] {
					t.Errorf("%s, %b: %b signed %t, could %t (sequence %d, locktime %d)", text, holds, signers, done != nil, could[signers], draft.Tx.TxIn[0].Sequence, draft.Tx.LockTime)
				}
				if own == nil && done != nil && draft.Fee < o.FeeRate.Fee(consensus.VSize(done)) {
					t.Errorf("%s, %b: signed by %b, fee %d for %d vB", text, holds, signers, draft.Fee, consensus.VSize(done))
				}
			}
		}
	}
}

// anyLock is a payment of those who sign it alone, with the locks that they need.
func anyLock(t *testing.T, text string, signers int) *Draft {
	t.Helper()
	d := parsed(t, holding(text, signers))
	o := signOptionsFor(solverOf(d))
	o.Alone = true
	draft, err := Plan(coinsOf(t, d, 0, 0, 1_000_000), []Payment{{Script: o.Change.Script, Value: 200_000}}, o)
	if err != nil {
		return nil
	}
	return draft
}

// finished is a payment signed with some of the keys; nil if they do not do.
func finished(t *testing.T, draft *Draft, text string, signers int) *wire.MsgTx {
	t.Helper()
	if draft == nil {
		return nil
	}
	tx := draft.Tx.Copy()
	complete, _, err := Sign(tx, draft.Coins, solverOf(parsed(t, holding(text, signers))), SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !complete {
		return nil
	}
	return tx
}

// Nobody signs for the point that has no private key, nor for what derives from it.
func TestNobodySigns(t *testing.T) {
	for _, text := range []string{"tr(=N)", "tr(xpubN/0/7)", "tr(xpubN/0/7,pk(=N))"} {
		d := parse(t, holding(text, 0))
		o := signOptionsFor(solverOf(d))
		if _, err := Plan(coinsOf(t, d, 0, 0, 100_000), []Payment{{Script: o.Change.Script, Value: 50_000}}, o); err == nil {
			t.Errorf("%s can be spent", text)
		}
	}
}

// What a wallet signs alone has no sequence or locktime beyond what it needs, and
// a payment that is not to be replaced keeps its sequence.
func TestLocksAreOpenForOthersOnly(t *testing.T) {
	for _, c := range []struct {
		text     string
		alone    bool
		final    bool
		sequence uint32
	}{
		{"wsh(or_d(pk($1),and_v(v:pkh(@2),older(10))))", true, false, Sequence},
		{"wsh(or_d(pk($1),and_v(v:pkh(@2),older(10))))", false, false, 10},
		{"wsh(or_d(pk($1),and_v(v:pkh(@2),older(10))))", false, true, FinalSequence},
		{"wsh(or_d(pk(@1),and_v(v:pkh($2),older(10))))", true, false, 10},
		{"wsh(or_d(pk(@1),or_i(and_v(v:pkh(@2),older(20)),and_v(v:pk($3),older(7)))))", true, false, 7},
		{"wsh(or_d(pk(@1),or_i(and_v(v:pkh(@2),older(20)),and_v(v:pk($3),older(7)))))", false, false, 20},
	} {
		d := parse(t, c.text)
		o := signOptionsFor(solverOf(d))
		o.Alone, o.Final = c.alone, c.final
		draft, err := Plan(coinsOf(t, d, 0, 0, 100_000), []Payment{{Script: o.Change.Script, Value: 50_000}}, o)
		if err != nil || draft.Tx.TxIn[0].Sequence != c.sequence {
			t.Errorf("%+v: %v, %v", c, draft, err)
		}
	}
	// A locktime that was drawn from further back is raised to what has passed, and
	// one that was asked for is kept.
	d := parse(t, "wsh(or_d(pk(@1),and_v(v:pk(@2),after(900))))")
	for _, fixed := range []bool{false, true} {
		o := signOptionsFor(solverOf(d))
		o.LockTime, o.LockFixed = 850, fixed
		draft, err := Plan(coinsOf(t, d, 0, 0, 100_000), []Payment{{Script: o.Change.Script, Value: 50_000}}, o)
		if err != nil || draft.Tx.LockTime != map[bool]uint32{false: 900, true: 850}[fixed] {
			t.Errorf("%t: %v, %v", fixed, draft, err)
		}
	}
}

// Very many ways are not all looked at, and those of another kind are still found.
func TestManyWaysAreQuick(t *testing.T) {
	d := parse(t, "wsh(or_d(multi(1,@1,@2,@3,@4,@5,@6,@7),and_v(v:multi(2,@8,@9),older(10))))")
	c := coinsOf(t, d, 0, 0, 1)[0]
	w := weights{solve: solverOf(d), tip: Tip{Height: 1000}}
	way, err := w.of(&c)
	if err != nil || way.weight < outPointWeight+3*ecdsaSize {
		t.Errorf("%+v, %v", way, err)
	}
}
