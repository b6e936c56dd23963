package descriptor

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/miniscript"
)

// Material is what Satisfy may use. A nil function has nothing to give.
type Material struct {
	// Signature returns the signature of a key, with its sighash byte where it has
	// one. Pub is 33 bytes (65 for an uncompressed key) for ECDSA; it is 32 bytes
	// for taproot, where leaf is the hash of the leaf that is signed for. For the
	// key path leaf is nil and pub is the internal key, or the output key when
	// that is not known.
	Signature func(pub []byte, leaf *chainhash.Hash) ([]byte, bool)
	// Preimage returns the 32 bytes whose hash is digest.
	Preimage func(kind miniscript.Hash, digest []byte) ([]byte, bool)
	// Older and After say whether a relative or absolute lock may be counted as
	// met.
	Older, After func(n uint32) bool
	// Unmet says why a lock that Older (relative) or After refused does not count,
	// for people; nil: that it has not passed.
	Unmet func(relative bool, n uint32) string
}

// Satisfaction is what an input needs to spend an output.
type Satisfaction struct {
	ScriptSig []byte
	Witness   [][]byte
	// Sequence is what the input's sequence must at least be (BIP68), LockTime
	// what the transaction's lock time must at least be (BIP65), each in the unit
	// that its value has; 0: any will do. A lock time also asks for a sequence
	// that is not final.
	Sequence, LockTime uint32
}

// Satisfy returns the cheapest way to spend the output with what m gives: for
// taproot the key path, or else the leaf whose witness is smallest. The error
// is an *UnsatisfiableError.
func (o *Output) Satisfy(m Material) (*Satisfaction, error) {
	t := &attempt{material: m}
	s, ok := t.output(o)
	if !ok {
		return nil, t.failure()
	}
	return s, nil
}

// attempt is one try to spend an output; it notes what was lacking.
type attempt struct {
	material Material
	known    bool // a way to spend is known
	keys     [][]byte
	lacking  []string
}

func (t *attempt) output(o *Output) (*Satisfaction, bool) {
	if address.KindOf(o.Script) == address.P2TR {
		return t.taproot(o)
	}
	s := &Satisfaction{}
	script, redeem := o.Script, o.RedeemScript
	if len(redeem) > 0 {
		script = redeem
	}
	switch kind := address.KindOf(script); {
	case kind == address.P2WPKH:
		hash := [20]byte(script[2:])
		stack, ok := t.template(o, address.PubKeyHashScript(hash))
		s.Witness = stack
		if len(redeem) > 0 {
			s.ScriptSig = push(nil, redeem)
		}
		return s, ok
	case kind == address.P2WSH && len(o.WitnessScript) > 0:
		if len(redeem) > 0 {
			s.ScriptSig = push(nil, redeem)
		}
		var ok bool
		if o.program == nil {
			s.Witness, ok = t.template(o, o.WitnessScript)
		} else {
			s.Witness, ok = t.program(o.program, nil, s)
		}
		s.Witness = append(s.Witness, o.WitnessScript)
		return s, ok
	}
	stack, ok := t.template(o, script)
	for _, item := range stack {
		s.ScriptSig = push(s.ScriptSig, item)
	}
	if len(redeem) > 0 {
		s.ScriptSig = push(s.ScriptSig, redeem)
	}
	return s, ok
}

// template recognises the scripts that need no miniscript: pk, pkh and multi.
func template(script []byte) (kind address.Kind, keys [][]byte, ok bool) {
	switch kind = address.KindOf(script); kind {
	case address.P2PK:
		return kind, [][]byte{script[1 : len(script)-1]}, true
	case address.P2PKH:
		return kind, nil, true
	case address.Multisig:
		_, keys, ok = address.ParseMultisig(script)
		return kind, keys, ok
	}
	return kind, nil, false
}

// template returns the stack that satisfies a script of one of the templates.
func (t *attempt) template(o *Output, script []byte) (stack [][]byte, ok bool) {
	kind, keys, ok := template(script)
	if !ok {
		return nil, false
	}
	switch kind {
	case address.P2PK:
		t.known = true
		sig, ok := t.sign(keys[0], nil)
		return [][]byte{sig}, ok
	case address.P2PKH:
		for i := range o.Keys {
			if key := o.Keys[i].Public; address.Hash160(key) == [20]byte(script[3:23]) {
				t.known = true
				sig, ok := t.sign(key, nil)
				return [][]byte{sig, key}, ok
			}
		}
		return nil, false
	}
	t.known = true
	required, _, _ := address.ParseMultisig(script)
	stack = [][]byte{nil} // OP_CHECKMULTISIG takes one element too many
	for _, key := range keys {
		if len(stack) > required {
			break
		}
		if sig, ok := t.sign(key, nil); ok {
			stack = append(stack, sig)
		}
	}
	if n := len(stack) - 1; n < required {
		t.lacking = append(t.lacking, fmt.Sprintf("%d of %d signatures are there", n, required))
		return nil, false
	}
	return stack, true
}

func (t *attempt) taproot(o *Output) (*Satisfaction, bool) {
	t.known = true
	key := o.InternalKey
	if len(key) == 0 {
		key = o.Script[2:]
	}
	if sig, ok := t.sign(key, nil); ok {
		return &Satisfaction{Witness: [][]byte{sig}}, true
	}
	var best *Satisfaction
	for i := range o.Leaves {
		l := &o.Leaves[i]
		if l.program == nil {
			continue
		}
		s := &Satisfaction{}
		stack, ok := t.program(l.program, &l.Hash, s)
		if !ok {
			continue
		}
		s.Witness = append(stack, l.Script, l.ControlBlock)
		if best == nil || witnessSize(s.Witness) < witnessSize(best.Witness) {
			best = s
		}
	}
	return best, best != nil
}

func witnessSize(witness [][]byte) int { return wire.TxWitness(witness).SerializeSize() }

// program satisfies a miniscript and notes in s the locks that this relies on.
func (t *attempt) program(p *program, leaf *chainhash.Hash, s *Satisfaction) (stack [][]byte, ok bool) {
	t.known = true
	found, err := p.node.Satisfy(miniscript.Material{
		Sign: func(key int) ([]byte, bool) { return t.sign(p.keys[key], leaf) },
		Preimage: func(kind miniscript.Hash, digest []byte) ([]byte, bool) {
			if t.material.Preimage != nil {
				if preimage, ok := t.material.Preimage(kind, digest); ok {
					return preimage, true
				}
			}
			t.lack("the preimage of %x is not known", digest)
			return nil, false
		},
		Older:    t.lock(t.material.Older, "relative", wire.SequenceLockTimeIsSeconds),
		After:    t.lock(t.material.After, "absolute", 0),
		KeyBytes: func(key int) []byte { return p.keys[key] },
	})
	if errors.Is(err, miniscript.ErrMalleable) {
		t.lack("%s", err)
	}
	if err != nil {
		return nil, false
	}
	s.Sequence, s.LockTime = found.Older, found.After
	return found.Stack, true
}

// lock asks one of the material's functions whether a lock is over.
func (t *attempt) lock(over func(uint32) bool, kind string, seconds uint32) func(uint32) bool {
	return func(n uint32) bool {
		if over != nil && over(n) {
			return true
		}
		switch {
		case t.material.Unmet != nil:
			t.lack("%s", t.material.Unmet(kind == "relative", n))
		case kind == "relative" && n&seconds != 0:
			t.lack("the coin is not yet %d seconds old", (n&wire.SequenceLockTimeMask)<<wire.SequenceLockTimeGranularity)
		case kind == "relative":
			t.lack("the coin has not yet %d confirmations", n&wire.SequenceLockTimeMask)
		case n < txscript.LockTimeThreshold:
			t.lack("block %d has not been reached", n)
		default:
			t.lack("the time %d has not been reached", n)
		}
		return false
	}
}

// sign asks for a signature and notes when there is none.
func (t *attempt) sign(key []byte, leaf *chainhash.Hash) ([]byte, bool) {
	if t.material.Signature != nil {
		if sig, ok := t.material.Signature(key, leaf); ok {
			return sig, true
		}
	}
	if !containsBytes(t.keys, key) {
		t.keys = append(t.keys, bytes.Clone(key))
	}
	return nil, false
}

func (t *attempt) lack(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, l := range t.lacking {
		if l == text {
			return
		}
	}
	t.lacking = append(t.lacking, text)
}

// shownKeys is how many keys an error names.
const shownKeys = 3

func (t *attempt) failure() *UnsatisfiableError {
	if !t.known {
		return &UnsatisfiableError{}
	}
	e := &UnsatisfiableError{Keys: t.keys}
	if n := len(t.keys); n > 0 {
		var names []string
		for _, k := range t.keys[:min(n, shownKeys)] {
			names = append(names, fmt.Sprintf("%x", k))
		}
		text := "no signature of " + strings.Join(names, ", ")
		if n > shownKeys {
			text += fmt.Sprintf(" and %d more", n-shownKeys)
		}
		t.lacking = append(t.lacking, text)
	}
	e.Text = "the output cannot be spent with what is known: " + strings.Join(t.lacking, "; ")
	return e
}

// push appends a push of data that is as short as can be.
func push(script, data []byte) []byte {
	b := txscript.NewScriptBuilder(txscript.WithScriptAllocSize(len(data) + 3))
	p, err := b.AddData(data).Script()
	if err != nil {
		return append(script, txscript.OP_INVALIDOPCODE) // larger than a script may push
	}
	return append(script, p...)
}
