package psbt

import (
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"
)

// Combine merges packets of the same transaction into a new one (Combiner). Where
// two differ in a field the first one's stays, as in Core. ErrDifferent when they
// are of different transactions.
func Combine(list ...*Packet) (*Packet, error) {
	if len(list) == 0 {
		return nil, ErrIncomplete
	}
	p := list[0].Clone()
	for _, q := range list[1:] {
		if p.Tx.TxHash() != q.Tx.TxHash() {
			return nil, ErrDifferent
		}
		for i := range p.Inputs {
			p.Inputs[i].merge(&q.Inputs[i])
		}
		for i := range p.Outputs {
			p.Outputs[i].merge(&q.Outputs[i])
		}
		p.XPubs = mergeXPubs(p.XPubs, q.XPubs)
		p.Proprietary = insert(p.Proprietary, comparePairs, q.Proprietary...)
		p.Unknown = insert(p.Unknown, comparePairs, q.Unknown...)
	}
	return p, nil
}

// mergeXPubs adds keys that are not there. One key has one origin, as a packet with
// two of them could not be read again.
func mergeXPubs(list, add []XPub) []XPub {
	seen := make(map[[65]byte]bool, len(list))
	for _, x := range list {
		seen[x.id()] = true
	}
	var others []XPub
	for _, x := range add {
		if !seen[x.id()] {
			seen[x.id()] = true
			others = append(others, x)
		}
	}
	return insert(list, compareXPubs, others...)
}

// id is what Core tells extended keys apart by when it reads them: chain code and
// key.
func (x *XPub) id() [65]byte { return [65]byte(x.Key[13:]) }

func (in *Input) merge(other *Input) {
	if in.NonWitnessUTXO == nil {
		in.NonWitnessUTXO = other.NonWitnessUTXO
	}
	if in.WitnessUTXO == nil {
		in.WitnessUTXO = other.WitnessUTXO
	}
	if in.Sighash == nil {
		in.Sighash = other.Sighash
	}
	in.PartialSigs = insert(in.PartialSigs, compareSigs, other.PartialSigs...)
	in.Derivations = insert(in.Derivations, compareDerivations, other.Derivations...)
	in.Preimages = insert(in.Preimages, comparePreimages, other.Preimages...)
	in.TapScriptSigs = insert(in.TapScriptSigs, compareTapSigs, other.TapScriptSigs...)
	in.TapLeaves = insert(in.TapLeaves, compareTapLeaves, other.TapLeaves...)
	in.TapDerivations = insert(in.TapDerivations, compareTapDerivations, other.TapDerivations...)
	in.Proprietary = insert(in.Proprietary, comparePairs, other.Proprietary...)
	in.Unknown = insert(in.Unknown, comparePairs, other.Unknown...)
	keep(&in.RedeemScript, other.RedeemScript)
	keep(&in.WitnessScript, other.WitnessScript)
	keep(&in.FinalScriptSig, other.FinalScriptSig)
	if len(in.FinalWitness) == 0 {
		in.FinalWitness = other.FinalWitness
	}
	keep(&in.TapKeySig, other.TapKeySig)
	keep(&in.TapInternalKey, other.TapInternalKey)
	keep(&in.TapMerkleRoot, other.TapMerkleRoot)
}

func (out *Output) merge(other *Output) {
	out.Derivations = insert(out.Derivations, compareDerivations, other.Derivations...)
	out.TapDerivations = insert(out.TapDerivations, compareTapDerivations, other.TapDerivations...)
	out.Proprietary = insert(out.Proprietary, comparePairs, other.Proprietary...)
	out.Unknown = insert(out.Unknown, comparePairs, other.Unknown...)
	keep(&out.RedeemScript, other.RedeemScript)
	keep(&out.WitnessScript, other.WitnessScript)
	keep(&out.TapInternalKey, other.TapInternalKey)
	if len(out.TapTree) == 0 {
		out.TapTree = other.TapTree
	}
}

// keep sets a field that is empty.
func keep(field *[]byte, other []byte) {
	if len(*field) == 0 {
		*field = other
	}
}

// TwiceError names the input that several packets have.
type TwiceError struct{ OutPoint wire.OutPoint }

func (e *TwiceError) Error() string { return fmt.Sprintf("%s: %s", ErrTwice, e.OutPoint) }

// Unwrap returns the kind.
func (e *TwiceError) Unwrap() error { return ErrTwice }

// Join puts the inputs and outputs of several packets into one transaction of the
// highest version and lowest lock time (Core's joinpsbts). What was signed is left
// out, as it no longer holds. shuffle, which may be nil, orders inputs and then
// outputs: it calls swap for n things as math/rand's Shuffle. The error is a
// *TwiceError.
func Join(shuffle func(n int, swap func(i, j int)), list ...*Packet) (*Packet, error) {
	tx := wire.NewMsgTx(1)
	tx.LockTime = 0xffffffff
	joined := &Packet{Tx: tx}
	seen := make(map[wire.OutPoint]bool)
	for _, p := range list {
		tx.Version = int32(max(uint32(tx.Version), uint32(p.Tx.Version)))
		tx.LockTime = min(tx.LockTime, p.Tx.LockTime)
	}
	for _, p := range list {
		p = p.Clone()
		for i, in := range p.Tx.TxIn {
			if seen[in.PreviousOutPoint] {
				return nil, &TwiceError{in.PreviousOutPoint}
			}
			seen[in.PreviousOutPoint] = true
			open := p.Inputs[i]
			open.PartialSigs, open.FinalScriptSig, open.FinalWitness = nil, nil, nil
			open.TapKeySig, open.TapScriptSigs = nil, nil
			tx.TxIn, joined.Inputs = append(tx.TxIn, in), append(joined.Inputs, open)
		}
		tx.TxOut, joined.Outputs = append(tx.TxOut, p.Tx.TxOut...), append(joined.Outputs, p.Outputs...)
		joined.XPubs = mergeXPubs(joined.XPubs, p.XPubs)
		joined.Unknown = insert(joined.Unknown, comparePairs, p.Unknown...)
		joined.Proprietary = insert(joined.Proprietary, comparePairs, p.Proprietary...)
	}
	if shuffle != nil {
		shuffle(len(tx.TxIn), func(i, j int) {
			tx.TxIn[i], tx.TxIn[j] = tx.TxIn[j], tx.TxIn[i]
			joined.Inputs[i], joined.Inputs[j] = joined.Inputs[j], joined.Inputs[i]
		})
		shuffle(len(tx.TxOut), func(i, j int) {
			tx.TxOut[i], tx.TxOut[j] = tx.TxOut[j], tx.TxOut[i]
			joined.Outputs[i], joined.Outputs[j] = joined.Outputs[j], joined.Outputs[i]
		})
	}
	return joined, nil
}
