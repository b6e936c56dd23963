package consensus

import (
	"bytes"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// tapLeaf is a script in a taproot output, and how to get at it.
type tapLeaf struct {
	script, control, lock []byte
	hash                  chainhash.Hash
}

// newLeaf returns a leaf of version 0xc0 under aKey, below the hashes of path.
func newLeaf(script []byte, path []chainhash.Hash) tapLeaf { return newLeafOf(0xc0, script, path) }

func newLeafOf(version byte, script []byte, path []chainhash.Hash) tapLeaf {
	l := tapLeaf{script: script, hash: tapLeafHash(version, script)}
	root := l.hash
	for _, other := range path {
		left, right := root, other
		if bytes.Compare(left[:], right[:]) > 0 {
			left, right = right, left
		}
		root = *chainhash.TaggedHash(chainhash.TagTapBranch, left[:], right[:])
	}
	out := txscript.ComputeTaprootOutputKey(aPub, root[:])
	l.control = append([]byte{version | out.SerializeCompressed()[0]&1}, schnorr.SerializePubKey(aPub)...)
	for _, h := range path {
		l.control = append(l.control, h[:]...)
	}
	l.lock = append([]byte{txscript.OP_1, txscript.OP_DATA_32}, schnorr.SerializePubKey(out)...)
	return l
}

func (l tapLeaf) witness(items ...[]byte) wire.TxWitness {
	return append(append(wire.TxWitness{}, items...), l.script, l.control)
}

// sign returns a signature for the first input of tx, of the script of l.
func (l tapLeaf) sign(t *testing.T, tx *wire.MsgTx, coins []*Coin, hashType byte, annex []byte) []byte {
	t.Helper()
	exec := &taprootExec{script: true, leaf: l.hash, codeSeparator: blankCodeSeparator}
	if annex != nil {
		hash := chainhash.Hash(chainhash.HashH(appendBytes(nil, annex)))
		exec.annexHash = &hash
	}
	hash, ok := (&txContext{tx: tx, coins: coins}).taprootSigHash(0, hashType, exec)
	if !ok {
		t.Fatal("nothing to sign")
	}
	sig, err := schnorr.Sign(aKey, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	if hashType == 0 {
		return sig.Serialize()
	}
	return append(sig.Serialize(), hashType)
}

// TestTapscript: the rules that are tapscript's own.
func TestTapscript(t *testing.T) {
	key := schnorr.SerializePubKey(aPub)
	checkSig := append(pushes(key), txscript.OP_CHECKSIG)
	ifThen := []byte{txscript.OP_IF, txscript.OP_1, txscript.OP_ELSE, txscript.OP_1, txscript.OP_ENDIF}
	var rules []spendRule
	add := func(name string, script []byte, witness func(l tapLeaf, tx *wire.MsgTx, coins []*Coin) wire.TxWitness, consensus, standard scriptError) {
		l := newLeaf(script, nil)
		tx, coins := spendOf(l.lock)
		tx.TxIn[0].Witness = witness(l, tx, coins)
		rules = append(rules, spendRule{name, tx, coins, consensus, standard})
	}
	items := func(items ...[]byte) func(tapLeaf, *wire.MsgTx, []*Coin) wire.TxWitness {
		return func(l tapLeaf, _ *wire.MsgTx, _ []*Coin) wire.TxWitness { return l.witness(items...) }
	}
	signed := func(hashType byte, annex []byte, change func(sig []byte) []byte) func(tapLeaf, *wire.MsgTx, []*Coin) wire.TxWitness {
		return func(l tapLeaf, tx *wire.MsgTx, coins []*Coin) wire.TxWitness {
			sig := l.sign(t, tx, coins, hashType, annex)
			if change != nil {
				sig = change(sig)
			}
			w := l.witness(sig)
			if annex != nil {
				w = append(w, annex)
			}
			return w
		}
	}
	add("signed", checkSig, signed(0, nil, nil), "", "")
	add("signed, ALL", checkSig, signed(1, nil, nil), "", "")
	add("65 bytes with type 0", checkSig, signed(0, nil, func(sig []byte) []byte { return append(sig, 0) }), errSchnorrSigHashType, errSchnorrSigHashType)
	add("65 bytes with type 4", checkSig, signed(0, nil, func(sig []byte) []byte { return append(sig, 4) }), errSchnorrSigHashType, errSchnorrSigHashType)
	add("63 bytes", checkSig, signed(0, nil, func(sig []byte) []byte { return sig[:63] }), errSchnorrSigSize, errSchnorrSigSize)
	add("another signature", checkSig, signed(0, nil, func(sig []byte) []byte { sig[40] ^= 1; return sig }), errSchnorrSig, errSchnorrSig)
	add("no signature", checkSig, items(nil), errEvalFalse, errEvalFalse)
	add("annex, signed", checkSig, signed(0, []byte{annexTag, 1}, nil), "", "")
	add("annex, not signed", checkSig, func(l tapLeaf, tx *wire.MsgTx, coins []*Coin) wire.TxWitness {
		return append(l.witness(l.sign(t, tx, coins, 0, nil)), []byte{annexTag, 1})
	}, errSchnorrSig, errSchnorrSig)
	add("key of 31 bytes is unknown", append(pushes(key[:31]), txscript.OP_CHECKSIG), items([]byte{1}), "", errDiscouragePubkeyType)
	add("key of 33 bytes is unknown", append(pushes(aPub.SerializeCompressed()), txscript.OP_CHECKSIG), items([]byte{1}), "", errDiscouragePubkeyType)
	add("empty key", []byte{0, txscript.OP_CHECKSIG}, items([]byte{1}), errPubkeyType, errPubkeyType)
	add("CHECKSIGADD", slices.Concat([]byte{txscript.OP_5}, pushes(key), []byte{txscript.OP_CHECKSIGADD, txscript.OP_6, txscript.OP_EQUAL}), signed(0, nil, nil), "", "")
	add("CHECKSIGADD without signature", slices.Concat([]byte{txscript.OP_5}, pushes(key), []byte{txscript.OP_CHECKSIGADD, txscript.OP_5, txscript.OP_EQUAL}), items(nil), "", "")
	add("CHECKMULTISIG", []byte{0, 0, 0, txscript.OP_CHECKMULTISIG}, items(), errTapscriptCheckMultisig, errTapscriptCheckMultisig)
	add("CHECKMULTISIGVERIFY", []byte{0, 0, 0, txscript.OP_CHECKMULTISIGVERIFY, 0x51}, items(), errTapscriptCheckMultisig, errTapscriptCheckMultisig)
	add("CHECKMULTISIG passed over", []byte{0, txscript.OP_IF, txscript.OP_CHECKMULTISIG, txscript.OP_ENDIF, 0x51}, items(), "", "")
	add("IF of 1", ifThen, items([]byte{1}), "", "")
	add("IF of nothing", ifThen, items(nil), "", "")
	add("IF of 2", ifThen, items([]byte{2}), errTapscriptMinimalIf, errTapscriptMinimalIf)
	add("IF of 0x00", ifThen, items([]byte{0}), errTapscriptMinimalIf, errTapscriptMinimalIf)
	add("IF of 0x0100", ifThen, items([]byte{1, 0}), errTapscriptMinimalIf, errTapscriptMinimalIf)
	add("two items left", []byte{0x51, 0x51}, items(), errCleanStack, errCleanStack)
	add("witness item of 520 bytes", []byte{txscript.OP_DROP, 0x51}, items(make([]byte, 520)), "", "")
	add("witness item of 521 bytes", []byte{txscript.OP_DROP, 0x51}, items(make([]byte, 521)), errPushSize, errPushSize)

	// OP_SUCCESS wins over all that stands before, behind, and on the stack, but
	// not over what cannot be read before it.
	for _, op := range []byte{80, 98, 126, 129, 131, 134, 137, 138, 141, 142, 149, 153, 187, 254} {
		add("OP_SUCCESS", []byte{txscript.OP_RETURN, op, 75}, items(make([]byte, 600)), "", errDiscourageOpSuccess)
	}
	add("OP_SUCCESS passed over", []byte{0, txscript.OP_IF, 80, txscript.OP_ENDIF}, items(), "", errDiscourageOpSuccess)
	add("OP_SUCCESS in a push", []byte{1, 80, txscript.OP_DROP, 0x51}, items(), "", "")
	add("a broken push before OP_SUCCESS", []byte{txscript.OP_PUSHDATA1, 9, 80}, items(), errBadOpcode, errBadOpcode)
	checkSpends(t, rules)
}

// TestTapscriptSigopBudget: each signature check takes 50 of the witness's size
// and 50 more to begin with; the annex counts.
func TestTapscriptSigopBudget(t *testing.T) {
	const checks = 12
	script := slices.Concat(pushes(schnorr.SerializePubKey(aPub)),
		bytes.Repeat([]byte{txscript.OP_2DUP, txscript.OP_CHECKSIGVERIFY}, checks), []byte{txscript.OP_2DROP, txscript.OP_1})
	run := func(pad int, annex bool) scriptError {
		l := newLeaf(append(bytes.Repeat([]byte{txscript.OP_NOP}, pad), script...), nil)
		tx, coins := spendOf(l.lock)
		var extra []byte
		if annex {
			extra = append([]byte{annexTag}, make([]byte, 30)...)
		}
		w := l.witness(l.sign(t, tx, coins, 0, extra))
		if annex {
			w = append(w, extra)
		}
		tx.TxIn[0].Witness = w
		return runInput(t, tx, 0, coins, MandatoryFlags)
	}
	size := func(pad int) int {
		l := newLeaf(append(bytes.Repeat([]byte{txscript.OP_NOP}, pad), script...), nil)
		return l.witness(make([]byte, 64)).SerializeSize()
	}
	pad := 0
	for size(pad)+50 < 50*checks {
		pad++
	}
	if pad == 0 || size(pad)+50 != 50*checks {
		t.Fatalf("no script of the right size: %d", size(pad))
	}
	if got := run(pad, false); got != scriptOK {
		t.Errorf("enough: %q", got)
	}
	if got := run(pad-1, false); got != errTapscriptWeight {
		t.Errorf("one byte too few: %q", got)
	}
	if got := run(pad-1, true); got != scriptOK {
		t.Errorf("one byte too few, with an annex: %q", got)
	}
}

// TestTaprootControlBlocks: their size is 33 + 32k with k up to 128; leaf versions
// that mean nothing pass.
func TestTaprootControlBlocks(t *testing.T) {
	path := make([]chainhash.Hash, 129)
	for i := range path {
		path[i] = chainhash.Hash{byte(i), 5}
	}
	one := []byte{txscript.OP_1}
	var rules []spendRule
	add := func(name string, l tapLeaf, consensus, standard scriptError) {
		tx, coins := spendOf(l.lock)
		tx.TxIn[0].Witness = l.witness()
		rules = append(rules, spendRule{name, tx, coins, consensus, standard})
	}
	for _, depth := range []int{0, 1, 2, 127, 128} {
		add("deep", newLeaf(one, path[:depth]), "", "")
	}
	add("129 deep", newLeaf(one, path), errTaprootControlSize, errTaprootControlSize)
	for _, size := range []int{0, 1, 32, 34, 64, 66} {
		l := newLeaf(one, path[:2])
		l.control = l.control[:size]
		add("cut off", l, errTaprootControlSize, errTaprootControlSize)
	}
	wrong := newLeaf(one, path[:2])
	wrong.control[40] ^= 1
	add("another path", wrong, errWitnessMismatch, errWitnessMismatch)
	parity := newLeaf(one, nil)
	parity.control[0] ^= 1
	add("the other parity", parity, errWitnessMismatch, errWitnessMismatch)
	script := newLeaf(one, nil)
	script.script = []byte{txscript.OP_2}
	add("another script", script, errWitnessMismatch, errWitnessMismatch)
	fails := []byte{txscript.OP_RETURN, txscript.OP_PUSHDATA1}
	for _, version := range []byte{0xc2, 0x66, 0xfe, 0x00} {
		add("unknown leaf version", newLeafOf(version, fails, nil), "", errDiscourageLeaf)
	}
	add("the known one", newLeafOf(0xc0, fails, nil), errBadOpcode, errBadOpcode)
	checkSpends(t, rules)

	// A control block that begins with 0x50 is taken for an annex, and the script
	// before it for a signature.
	for i := byte(1); ; i++ {
		l := newLeafOf(0x50, []byte{1, i}, nil)
		if l.control[0] != annexTag {
			continue // the other parity
		}
		tx, coins := spendOf(l.lock)
		tx.TxIn[0].Witness = l.witness()
		if got := runInput(t, tx, 0, coins, MandatoryFlags); got != errSchnorrSigSize {
			t.Errorf("leaf version 0x50: %q", got)
		}
		break
	}
}
