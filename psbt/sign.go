package psbt

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/miniscript"
	"github.com/lode-chain/lode/wallet"
)

// Signer works on the inputs of one packet, as its Signer and Finalizer. It is
// made when all outputs that inputs spend have been added, and what it keeps for
// all inputs is reckoned once. It is for one goroutine.
type Signer struct {
	p      *Packet
	tx     *wire.MsgTx // inputs are made final in it to be checked
	coins  []*consensus.Coin
	all    bool // the packet has the outputs that all inputs spend
	prev   prevouts
	hashes *txscript.TxSigHashes
	checks []consensus.ScriptCheck
}

// prevouts are the outputs that inputs spend; one that is not known is empty.
type prevouts map[wire.OutPoint]*wire.TxOut

func (p prevouts) FetchPrevOutput(op wire.OutPoint) *wire.TxOut { return p[op] }

// NewSigner returns a signer for the inputs of p.
func NewSigner(p *Packet) *Signer {
	s := &Signer{p: p, tx: p.Tx.Copy(), all: true, prev: make(prevouts, len(p.Inputs)), coins: make([]*consensus.Coin, len(p.Inputs))}
	for i, in := range p.Tx.TxIn {
		out, ok := p.UTXO(i)
		if !ok {
			out, s.all = new(wire.TxOut), false
		}
		s.prev[in.PreviousOutPoint] = out
		s.coins[i] = &consensus.Coin{Value: out.Value, Script: out.PkScript}
	}
	s.hashes = txscript.NewTxSigHashes(s.tx, s.prev)
	s.checks = consensus.TxChecks(s.tx, s.coins, consensus.StandardFlags)
	return s
}

// Options say what Process does.
type Options struct {
	// Sighash is the type of signatures, 0 for all; with it the packet, if it asks
	// for a type, must agree (ErrSighash).
	Sighash uint32
	// Sign uses the private keys of the output that is given.
	Sign bool
	// Origins adds where keys come from.
	Origins bool
	// Finalize makes an input final that has all it needs.
	Finalize bool
}

// Process updates, signs and finalizes input i with what out says of the output
// that it spends; nil: with what the packet itself says (Core's SignPSBTInput). It
// reports whether the input has all that it needs. What lacks is no error.
func (s *Signer) Process(i int, out *descriptor.Output, o Options) (complete bool, err error) {
	in := &s.p.Inputs[i]
	if s.Verified(i) {
		return true, nil
	}
	spent, ok := s.p.UTXO(i)
	if !ok {
		return false, inputError(i, ErrNoUTXO)
	}
	if in.Final() {
		return false, inputError(i, ErrSignature)
	}
	if o.Sign && in.Sighash != nil && *in.Sighash != o.Sighash {
		return false, inputError(i, ErrSighash)
	}
	if out != nil {
		if err := s.p.Update(i, out, false); err != nil {
			return false, err
		}
	} else if err := in.checkScripts(i, spent.PkScript); err != nil {
		return false, err
	}
	segwit, known := in.segwit(spent.PkScript)
	if in.NonWitnessUTXO == nil && !segwit {
		if !known {
			return false, nil
		}
		return false, inputError(i, ErrNotWitness)
	}
	if out != nil && o.Sign {
		if err := s.sign(i, out, o.Sighash); err != nil {
			return false, err
		}
	}
	if out != nil && o.Origins {
		in.addOrigins(out)
	}
	if segwit && known {
		in.WitnessUTXO = spent
	}
	if out == nil {
		if out, err = s.p.Known(i); err != nil {
			return false, nil // it is not even known what lacks
		}
	}
	return s.finish(i, out, o.Finalize), nil
}

// sign adds the signatures of out's private keys.
func (s *Signer) sign(i int, out *descriptor.Output, sighash uint32) error {
	in := &s.p.Inputs[i]
	taproot := address.KindOf(out.Script) == address.P2TR
	if taproot && !s.all {
		return nil // its signatures commit to what all inputs spend
	}
	if !slices.ContainsFunc(out.Keys, func(k descriptor.Key) bool { _, ok := k.PrivateKey(); return ok }) {
		return nil
	}
	sigs, err := wallet.Signatures(s.tx, i, s.hashes, s.prev, out, txscript.SigHashType(sighash))
	if err != nil {
		return inputError(i, err)
	}
	for _, sig := range sigs {
		switch {
		case !taproot:
			in.PartialSigs = insert(in.PartialSigs, compareSigs, PartialSig{sig.PubKey, sig.Sig})
		case sig.Leaf == nil:
			if len(in.TapKeySig) == 0 {
				in.TapKeySig = sig.Sig
			}
		case len(in.TapKeySig) == 0: // else the leaves are not needed
			add := TapSig{PubKey: [32]byte(sig.PubKey), Leaf: *sig.Leaf, Sig: sig.Sig}
			in.TapScriptSigs = insert(in.TapScriptSigs, compareTapSigs, add)
		}
	}
	return nil
}

// signatures are those that an input has.
func (in *Input) signatures(script, internal []byte) []wallet.Signature {
	var list []wallet.Signature
	for _, s := range in.PartialSigs {
		list = append(list, wallet.Signature{PubKey: s.PubKey, Sig: s.Sig})
	}
	if len(in.TapKeySig) > 0 {
		if internal == nil {
			internal = script[2:]
		}
		list = append(list, wallet.Signature{PubKey: internal, Sig: in.TapKeySig})
	}
	for i := range in.TapScriptSigs {
		s := &in.TapScriptSigs[i]
		list = append(list, wallet.Signature{PubKey: s.PubKey[:], Leaf: &s.Leaf, Sig: s.Sig})
	}
	return list
}

// preimage finds what hashes to digest.
func (in *Input) preimage(kind miniscript.Hash, digest []byte) ([]byte, bool) {
	for _, p := range in.Preimages {
		if p.Kind == kind && bytes.Equal(p.Digest, digest) {
			return p.Value, true
		}
	}
	return nil, false
}

// finish reports whether an input's signatures satisfy out, and makes the input
// final where that is asked for.
func (s *Signer) finish(i int, out *descriptor.Output, finalize bool) bool {
	in, txIn := &s.p.Inputs[i], s.tx.TxIn[i]
	defer func() { txIn.SignatureScript, txIn.Witness = nil, nil }()
	if err := wallet.Finish(s.tx, i, out, in.signatures(out.Script, out.InternalKey), in.preimage); err != nil {
		return false
	}
	if !s.valid(i) {
		return false
	}
	if finalize {
		*in = Input{
			NonWitnessUTXO: in.NonWitnessUTXO, WitnessUTXO: in.WitnessUTXO,
			FinalScriptSig: txIn.SignatureScript, FinalWitness: txIn.Witness,
			Proprietary: in.Proprietary, Unknown: in.Unknown,
		}
	}
	return true
}

// valid runs the scripts of an input that is final in s.tx.
func (s *Signer) valid(i int) bool {
	if !s.all && address.KindOf(s.coins[i].Script) == address.P2TR {
		return false
	}
	return s.checks[i].Run() == nil
}

// Verified reports whether input i is final, and what makes it final holds (Core's
// PSBTInputSignedAndVerified).
func (s *Signer) Verified(i int) bool {
	in, txIn := &s.p.Inputs[i], s.tx.TxIn[i]
	if _, ok := s.p.UTXO(i); !ok || !in.Final() {
		return false
	}
	defer func() { txIn.SignatureScript, txIn.Witness = nil, nil }()
	txIn.SignatureScript, txIn.Witness = in.FinalScriptSig, in.FinalWitness
	return s.valid(i)
}

// Known returns what the packet itself says of the output that input i spends.
// Keys that are given replace those of the packet, as they may have their private
// keys; others are passed over.
func (p *Packet) Known(i int, given ...descriptor.Key) (*descriptor.Output, error) {
	in := &p.Inputs[i]
	spent, ok := p.UTXO(i)
	if !ok {
		return nil, inputError(i, ErrNoUTXO)
	}
	if err := in.checkScripts(i, spent.PkScript); err != nil {
		return nil, err
	}
	known := descriptor.Output{
		Script: spent.PkScript, RedeemScript: in.RedeemScript, WitnessScript: in.WitnessScript,
		InternalKey: in.TapInternalKey, MerkleRoot: in.TapMerkleRoot, Keys: in.keys(given),
	}
	for _, l := range in.TapLeaves {
		known.Leaves = append(known.Leaves, descriptor.Leaf{Script: l.Script, Version: l.Version, ControlBlock: l.ControlBlock})
	}
	out, err := descriptor.OutputOfScripts(known)
	if err != nil {
		return nil, fmt.Errorf("input %d: %w", i, err)
	}
	return out, nil
}

// keys lists the keys that an input names, each once.
func (in *Input) keys(given []descriptor.Key) []descriptor.Key {
	var list []descriptor.Key
	seen := make(map[string]bool)
	add := func(public []byte, from Origin, xonly bool) {
		if seen[string(public)] {
			return
		}
		seen[string(public)] = true
		for _, k := range given {
			if bytes.Equal(k.Public, public) || xonly && bytes.Equal(k.XOnly(), public[1:]) {
				list = append(list, k)
				return
			}
		}
		list = append(list, descriptor.NewKey(public, from.Fingerprint, from.Path, nil))
	}
	for _, d := range in.Derivations {
		add(d.PubKey, d.Origin, false)
	}
	for _, s := range in.PartialSigs {
		add(s.PubKey, Origin{}, false)
	}
	for _, d := range in.TapDerivations {
		add(even(d.PubKey[:]), d.Origin, true)
	}
	for _, s := range in.TapScriptSigs {
		add(even(s.PubKey[:]), Origin{}, true)
	}
	return list
}

// even is the public key that an x-only key stands for (BIP340).
func even(x []byte) []byte { return append([]byte{2}, x...) }

// Finalize makes all inputs final that can be, and reports whether all are
// (Finalizer, Core's FinalizePSBT).
func (p *Packet) Finalize() bool {
	s := NewSigner(p)
	complete := true
	for i := range p.Inputs {
		done, err := s.Process(i, nil, Options{Finalize: true})
		complete = complete && done && err == nil
	}
	return complete
}

// Extract returns the transaction of a packet of which all inputs are final
// (Extractor). It does not run their scripts.
func (p *Packet) Extract() (*wire.MsgTx, error) {
	tx := p.Tx.Copy()
	for i := range p.Inputs {
		in := &p.Inputs[i]
		if !in.Final() {
			return nil, inputError(i, ErrIncomplete)
		}
		tx.TxIn[i].SignatureScript, tx.TxIn[i].Witness = in.FinalScriptSig, in.FinalWitness
	}
	return tx, nil
}
