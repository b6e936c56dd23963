package psbt

import (
	"encoding/base64"
	"encoding/binary"
)

// Encode returns the packet's bytes, as Core writes them: fields by type, those of
// one type sorted. Of an input that is final only what that needs is written.
func (p *Packet) Encode() []byte {
	b := appendField([]byte(magic), globalTx, nil, encodeTx(p.Tx))
	for _, x := range p.XPubs {
		b = appendField(b, globalXPub, x.Key[:], appendOrigin(nil, x.Origin))
	}
	b = appendPairs(b, p.Proprietary)
	b = appendPairs(b, p.Unknown)
	b = append(b, 0)
	for i := range p.Inputs {
		b = p.Inputs[i].append(b)
	}
	for i := range p.Outputs {
		b = p.Outputs[i].append(b)
	}
	return b
}

// Base64 returns the packet in base64.
func (p *Packet) Base64() string { return base64.StdEncoding.EncodeToString(p.Encode()) }

func (in *Input) append(b []byte) []byte {
	if in.NonWitnessUTXO != nil {
		b = appendField(b, inNonWitnessUTXO, nil, encodeTx(in.NonWitnessUTXO))
	}
	if out := in.WitnessUTXO; out != nil {
		value := binary.LittleEndian.AppendUint64(nil, uint64(out.Value))
		b = appendField(b, inWitnessUTXO, nil, appendBytes(value, out.PkScript))
	}
	if in.Final() {
		if len(in.FinalScriptSig) > 0 {
			b = appendField(b, inFinalScriptSig, nil, in.FinalScriptSig)
		}
		if len(in.FinalWitness) > 0 {
			value := appendCompactSize(nil, uint64(len(in.FinalWitness)))
			for _, item := range in.FinalWitness {
				value = appendBytes(value, item)
			}
			b = appendField(b, inFinalWitness, nil, value)
		}
	} else {
		b = in.appendOpen(b)
	}
	b = appendPairs(b, in.Proprietary)
	b = appendPairs(b, in.Unknown)
	return append(b, 0)
}

// appendOpen appends the fields of an input that is not final.
func (in *Input) appendOpen(b []byte) []byte {
	for _, s := range in.PartialSigs {
		b = appendField(b, inPartialSig, s.PubKey, s.Sig)
	}
	if in.Sighash != nil {
		b = appendField(b, inSighash, nil, binary.LittleEndian.AppendUint32(nil, *in.Sighash))
	}
	b = appendScript(b, inRedeemScript, in.RedeemScript)
	b = appendScript(b, inWitnessScript, in.WitnessScript)
	b = appendDerivations(b, inDerivation, in.Derivations)
	for _, p := range in.Preimages {
		b = appendField(b, preimageField(p.Kind), p.Digest, p.Value)
	}
	b = appendScript(b, inTapKeySig, in.TapKeySig)
	for _, s := range in.TapScriptSigs {
		b = appendField(b, inTapScriptSig, append(s.PubKey[:], s.Leaf[:]...), s.Sig)
	}
	for _, l := range in.TapLeaves {
		b = appendField(b, inTapLeaf, l.ControlBlock, append(l.Script[:len(l.Script):len(l.Script)], l.Version))
	}
	b = appendTapDerivations(b, inTapDerivation, in.TapDerivations)
	b = appendScript(b, inTapInternalKey, in.TapInternalKey)
	return appendScript(b, inTapMerkleRoot, in.TapMerkleRoot)
}

// appendScript appends a field whose value is left out when it is empty.
func appendScript(b []byte, kind byte, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	return appendField(b, kind, nil, value)
}

func (out *Output) append(b []byte) []byte {
	b = appendScript(b, outRedeemScript, out.RedeemScript)
	b = appendScript(b, outWitnessScript, out.WitnessScript)
	b = appendDerivations(b, outDerivation, out.Derivations)
	b = appendPairs(b, out.Proprietary)
	b = appendScript(b, outTapInternalKey, out.TapInternalKey)
	if len(out.TapTree) > 0 {
		var value []byte
		for _, leaf := range out.TapTree {
			value = appendBytes(append(value, leaf.Depth, leaf.Version), leaf.Script)
		}
		b = appendField(b, outTapTree, nil, value)
	}
	b = appendTapDerivations(b, outTapDerivation, out.TapDerivations)
	b = appendPairs(b, out.Unknown)
	return append(b, 0)
}
