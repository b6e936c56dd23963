package wallet

import (
	"bytes"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
)

// given finds signatures of other keys in what the input has already (Core's
// DataFromTransaction): each push of the right size is tried with each key that
// has not signed. Leaves of taproot outputs are left alone: Core does not put
// parts of them into transactions either.
func (s *signer) given(made []Signature) []Signature {
	in := s.tx.TxIn[s.i]
	if len(in.SignatureScript) == 0 && len(in.Witness) == 0 || address.KindOf(s.out.Script) == address.P2TR {
		return nil
	}
	var sigs []Signature
	for _, push := range pushes(in) {
		if len(push) < 9 || len(push) > 73 {
			continue
		}
		sig, err := ecdsa.ParseDERSignature(push[:len(push)-1])
		if err != nil {
			continue
		}
		hash, err := s.hash(txscript.SigHashType(push[len(push)-1]))
		if err != nil {
			continue
		}
		for _, pub := range s.publicKeys() {
			has := func(g Signature) bool { return bytes.Equal(g.PubKey, pub) }
			if slices.ContainsFunc(made, has) || slices.ContainsFunc(sigs, has) {
				continue
			}
			if key, err := btcec.ParsePubKey(pub); err == nil && sig.Verify(hash, key) {
				sigs = append(sigs, Signature{PubKey: pub, Sig: push, Hash: hash})
				break
			}
		}
	}
	return sigs
}

// publicKeys are those of the output: its keys, and those that its scripts name.
func (s *signer) publicKeys() [][]byte {
	var list [][]byte
	for k := range s.out.Keys {
		list = append(list, s.out.Keys[k].Public)
	}
	for _, script := range [3][]byte{s.out.Script, s.out.RedeemScript, s.out.WitnessScript} {
		t := txscript.MakeScriptTokenizer(0, script)
		for t.Next() {
			if n := len(t.Data()); n == 33 || n == 65 {
				list = append(list, t.Data())
			}
		}
	}
	return list
}

// pushes are the items of an input's witness and scriptSig.
func pushes(in *wire.TxIn) [][]byte {
	list := slices.Clone([][]byte(in.Witness))
	t := txscript.MakeScriptTokenizer(0, in.SignatureScript)
	for t.Next() {
		if len(t.Data()) > 0 {
			list = append(list, t.Data())
		}
	}
	return list
}

// partly puts the signatures of a multisig that are there into the input, with
// empty pushes where more are needed, as Core does, for others to add theirs.
func (s *signer) partly(in *wire.TxIn, sigs []Signature) {
	script := s.out.Script
	p := program(s.out)
	switch {
	case len(p) == 34:
		script = s.out.WitnessScript
	case p != nil:
		return
	case len(s.out.RedeemScript) > 0:
		script = s.out.RedeemScript
	}
	needed, keys, ok := address.ParseMultisig(script)
	if !ok || len(sigs) == 0 {
		return
	}
	stack := [][]byte{nil}
	for _, key := range keys {
		at := slices.IndexFunc(sigs, func(sig Signature) bool { return bytes.Equal(sig.PubKey, key) })
		if at >= 0 && len(stack) <= needed {
			stack = append(stack, sigs[at].Sig)
		}
	}
	for len(stack) <= needed {
		stack = append(stack, nil)
	}
	if len(p) == 34 {
		in.Witness = append(stack, s.out.WitnessScript)
		in.SignatureScript = nil
		if len(s.out.RedeemScript) > 0 {
			in.SignatureScript = pushAll([][]byte{s.out.RedeemScript})
		}
		return
	}
	if len(s.out.RedeemScript) > 0 {
		stack = append(stack, s.out.RedeemScript)
	}
	in.SignatureScript = pushAll(stack)
}

// pushAll is a script that pushes items; the empty one is OP_0.
func pushAll(items [][]byte) []byte {
	b := txscript.NewScriptBuilder()
	for _, item := range items {
		b.AddFullData(item)
	}
	script, _ := b.Script()
	return script
}

// Verify says whether a signature is one of a key of the output for input i, and
// what it signs.
func Verify(tx *wire.MsgTx, i int, hashes *txscript.TxSigHashes, prev txscript.PrevOutputFetcher, out *descriptor.Output, sig *Signature) bool {
	s, err := newSigner(tx, i, hashes, prev, out, 0)
	if err != nil || len(sig.Sig) < 9 {
		return false
	}
	if address.KindOf(out.Script) != address.P2TR {
		hash, err := s.hash(txscript.SigHashType(sig.Sig[len(sig.Sig)-1]))
		if err != nil {
			return false
		}
		parsed, err := ecdsa.ParseDERSignature(sig.Sig[:len(sig.Sig)-1])
		key, keyErr := btcec.ParsePubKey(sig.PubKey)
		return err == nil && keyErr == nil && parsed.Verify(hash, key)
	}
	raw, kind := sig.Sig, txscript.SigHashDefault
	if len(raw) == 65 {
		raw, kind = raw[:64], txscript.SigHashType(raw[64])
		if kind == txscript.SigHashDefault {
			return false // BIP341: such a signature has 64 bytes
		}
	}
	pub := out.Script[2:]
	hash, err := txscript.CalcTaprootSignatureHash(hashes, kind, tx, i, s.own())
	if sig.Leaf != nil {
		pub, err = sig.PubKey, ErrUnknownCoin
		for l := range out.Leaves {
			if out.Leaves[l].Hash == *sig.Leaf {
				hash, err = s.leafHash(&out.Leaves[l], kind)
			}
		}
	}
	if err != nil {
		return false
	}
	parsed, err := schnorr.ParseSignature(raw)
	key, keyErr := schnorr.ParsePubKey(pub)
	return err == nil && keyErr == nil && parsed.Verify(hash, key)
}
