package psbt

import (
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/wallet"
)

// Role is who has to work on a packet or input next.
type Role uint8

// The roles in the order in which they come (BIP174).
const (
	Creator Role = iota
	Updater
	SignerRole
	Finalizer
	Extractor
)

// String returns Core's name of the role.
func (r Role) String() string {
	return [...]string{"creator", "updater", "signer", "finalizer", "extractor"}[r]
}

// Analysis says how far a packet is (Core's AnalyzePSBT).
type Analysis struct {
	Inputs []InputAnalysis
	Next   Role
	// Fee is in satoshis; known when all spent outputs are.
	Fee      consensus.Amount
	FeeKnown bool
	// VSize is what the transaction is expected to have when it is signed; 0: not
	// known.
	VSize int64
	// Invalid says what makes the packet useless, in Core's words; empty: nothing.
	// Then the rest means nothing.
	Invalid string
}

// InputAnalysis says how far an input is, and what lacks.
type InputAnalysis struct {
	HasUTXO, Final bool
	Next           Role
	// Public keys and those that have not signed, by their hashes.
	MissingPubKeys, MissingSigs [][20]byte
	MissingRedeemScript         []byte // its hash
	MissingWitnessScript        []byte // its hash
	Lacks                       string // what it needs yet, for people; empty: nothing, or it is not known
}

// Analyze says how far a packet is. It leaves the packet as it is.
func (p *Packet) Analyze() *Analysis {
	p = p.Clone()
	a := &Analysis{Inputs: make([]InputAnalysis, len(p.Inputs)), Next: Extractor, FeeKnown: true}
	s := NewSigner(p)
	var total consensus.Amount
	for i := range p.Inputs {
		n := &a.Inputs[i]
		spent, ok := p.UTXO(i)
		if ok {
			if !moneyRange(spent.Value) || !moneyRange(int64(total)+spent.Value) {
				return invalid("PSBT is not valid. Input %d has invalid value", i)
			}
			if consensus.Unspendable(spent.PkScript) {
				return invalid("PSBT is not valid. Input %d spends unspendable output", i)
			}
			total += consensus.Amount(spent.Value)
			n.HasUTXO = true
		} else {
			a.FeeKnown = false
		}
		s.analyze(i, n)
		a.Next = min(a.Next, n.Next)
	}
	if !a.FeeKnown {
		return a
	}
	var out int64
	for _, o := range p.Tx.TxOut {
		if !moneyRange(o.Value) || !moneyRange(out+o.Value) {
			return invalid("PSBT is not valid. Output amount invalid")
		}
		out += o.Value
	}
	a.Fee = total - consensus.Amount(out)
	a.VSize = s.expectedVSize()
	return a
}

// invalid is the analysis of a packet that cannot become a transaction.
func invalid(format string, args ...any) *Analysis {
	return &Analysis{Invalid: fmt.Sprintf(format, args...), Next: Creator}
}

func moneyRange(v int64) bool { return v >= 0 && v <= int64(consensus.MaxMoney) }

// analyze fills in what is known of an input whose HasUTXO is set.
func (s *Signer) analyze(i int, n *InputAnalysis) {
	if s.Verified(i) {
		n.Final, n.Next = true, Extractor
		return
	}
	n.Next = Updater
	if !n.HasUTXO {
		return
	}
	if complete, err := s.Process(i, nil, Options{}); err != nil {
		n.Lacks = err.Error()
		return
	} else if complete {
		n.Next = Finalizer
		return
	}
	s.missing(i, n)
	if len(n.MissingPubKeys) == 0 && n.MissingRedeemScript == nil && n.MissingWitnessScript == nil && len(n.MissingSigs) > 0 {
		n.Next = SignerRole
	}
}

// missing says what an input lacks that has its UTXO.
func (s *Signer) missing(i int, n *InputAnalysis) {
	in := &s.p.Inputs[i]
	script := s.coins[i].Script
	if address.KindOf(script) == address.P2SH {
		if len(in.RedeemScript) == 0 {
			n.MissingRedeemScript = script[2:22]
			return
		}
		script = in.RedeemScript
	}
	switch address.KindOf(script) {
	case address.P2WSH:
		if len(in.WitnessScript) == 0 {
			n.MissingWitnessScript = script[2:34]
			return
		}
	case address.P2WPKH, address.P2PKH:
		var hash [20]byte
		copy(hash[:], script[len(script)-20:])
		if address.KindOf(script) == address.P2PKH {
			copy(hash[:], script[3:23])
		}
		if !in.knows(hash) {
			n.MissingPubKeys = append(n.MissingPubKeys, hash)
			return
		}
	case address.P2TR:
		if out, err := s.p.Known(i); err == nil { // Core does not tell which signatures
			n.Lacks = s.lacks(i, out)
		}
		return
	}
	out, err := s.p.Known(i)
	if err != nil {
		n.Lacks = err.Error()
		return
	}
	n.Lacks = s.lacks(i, out)
	var lack *descriptor.UnsatisfiableError
	if _, err := out.Satisfy(s.material(i, nil)); !errors.As(err, &lack) {
		return
	}
	for _, pub := range lack.Keys {
		n.MissingSigs = append(n.MissingSigs, address.Hash160(pub))
	}
}

// lacks says what an input that cannot be final needs yet, under the locks of the
// transaction.
func (s *Signer) lacks(i int, out *descriptor.Output) string {
	in, txIn := &s.p.Inputs[i], s.tx.TxIn[i]
	defer func() { txIn.SignatureScript, txIn.Witness = nil, nil }()
	if err := wallet.Finish(s.tx, i, out, in.signatures(out.Script, out.InternalKey), in.preimage); err != nil {
		return err.Error()
	}
	return ErrSignature.Error()
}

// knows reports whether an input names the public key of a hash.
func (in *Input) knows(hash [20]byte) bool {
	for _, d := range in.Derivations {
		if address.Hash160(d.PubKey) == hash {
			return true
		}
	}
	for _, sig := range in.PartialSigs {
		if address.Hash160(sig.PubKey) == hash {
			return true
		}
	}
	return false
}

// material is what an input has to satisfy its script with. A dummy of the length
// that Core reckons with stands for each signature that lacks, when it is given.
func (s *Signer) material(i int, dummy func(pub []byte, leaf *chainhash.Hash) ([]byte, bool)) descriptor.Material {
	in := &s.p.Inputs[i]
	return descriptor.Material{
		Signature: func(pub []byte, leaf *chainhash.Hash) ([]byte, bool) {
			if sig, ok := in.signature(pub, leaf); ok || dummy == nil {
				return sig, ok
			}
			return dummy(pub, leaf)
		},
		Preimage: in.preimage,
		Older:    func(uint32) bool { return true },
		After:    func(uint32) bool { return true },
	}
}

// signature finds a signature that an input has.
func (in *Input) signature(pub []byte, leaf *chainhash.Hash) ([]byte, bool) {
	if len(pub) == 32 && leaf == nil {
		return in.TapKeySig, len(in.TapKeySig) > 0
	}
	if leaf != nil {
		for _, s := range in.TapScriptSigs {
			if s.Leaf == *leaf && string(s.PubKey[:]) == string(pub) {
				return s.Sig, true
			}
		}
		return nil, false
	}
	for _, s := range in.PartialSigs {
		if string(s.PubKey) == string(pub) {
			return s.Sig, true
		}
	}
	return nil, false
}

// Lengths of signatures that are not there yet: DER with 32 bytes for each number
// and the sighash byte, as low-R signatures have at most; Schnorr without one.
const (
	ecdsaLength   = 71
	schnorrLength = 64
)

// expectedVSize is the virtual size that the transaction has when all have
// signed; 0 where it is not known what an input will look like. Signatures that
// suffice count as they are.
func (s *Signer) expectedVSize() int64 {
	tx := s.p.Tx.Copy()
	for i := range s.p.Inputs {
		in, txIn := &s.p.Inputs[i], tx.TxIn[i]
		if in.Final() {
			txIn.SignatureScript, txIn.Witness = in.FinalScriptSig, in.FinalWitness
			continue
		}
		out, err := s.p.Known(i)
		if err != nil {
			return 0
		}
		if wallet.Finish(tx, i, out, in.signatures(out.Script, out.InternalKey), in.preimage) == nil {
			continue
		}
		done, err := out.Satisfy(s.material(i, in.dummy))
		if err != nil {
			return 0
		}
		txIn.SignatureScript, txIn.Witness = done.ScriptSig, done.Witness
	}
	const bytesPerSigOp = 20 // policy, as relay counts
	weight := max(consensus.Weight(tx), consensus.SigOpCost(tx, s.coins, consensus.StandardFlags)*bytesPerSigOp)
	return (weight + consensus.WitnessScale - 1) / consensus.WitnessScale
}

// Nobody is the x-only point whose private key nobody knows, which BIP341 proposes
// as the internal key of outputs that only their scripts can spend.
const Nobody = wallet.Nobody

// dummy stands for a signature that is still to come. Nobody is expected to sign
// with an internal key of which nothing is said while the leaves' keys are known.
func (in *Input) dummy(pub []byte, leaf *chainhash.Hash) ([]byte, bool) {
	if len(pub) != 32 {
		return make([]byte, ecdsaLength), true
	}
	var master [4]byte
	said := slices.ContainsFunc(in.TapDerivations, func(d TapDerivation) bool {
		master = d.Origin.Fingerprint
		return string(d.PubKey[:]) == string(pub)
	})
	if !said {
		master = [4]byte{}
	}
	if !wallet.CanSign(pub, master) {
		return nil, false
	}
	if leaf == nil && len(in.TapDerivations) > 0 {
		return make([]byte, schnorrLength), said
	}
	return make([]byte, schnorrLength), true
}
