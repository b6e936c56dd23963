package psbt

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/lode-chain/lode/miniscript"
)

const magic = "psbt\xff"

// Types of fields (BIP174, BIP371).
const (
	globalTx          = 0x00
	globalXPub        = 0x01
	globalVersion     = 0xfb
	fieldProprietary  = 0xfc
	inNonWitnessUTXO  = 0x00
	inWitnessUTXO     = 0x01
	inPartialSig      = 0x02
	inSighash         = 0x03
	inRedeemScript    = 0x04
	inWitnessScript   = 0x05
	inDerivation      = 0x06
	inFinalScriptSig  = 0x07
	inFinalWitness    = 0x08
	inRIPEMD160       = 0x0a
	inSHA256          = 0x0b
	inHASH160         = 0x0c
	inHASH256         = 0x0d
	inTapKeySig       = 0x13
	inTapScriptSig    = 0x14
	inTapLeaf         = 0x15
	inTapDerivation   = 0x16
	inTapInternalKey  = 0x17
	inTapMerkleRoot   = 0x18
	outRedeemScript   = 0x00
	outWitnessScript  = 0x01
	outDerivation     = 0x02
	outTapInternalKey = 0x05
	outTapTree        = 0x06
	outTapDerivation  = 0x07
)

// DecodeBase64 reads a packet from base64 (RFC 4648, padded, nothing around it),
// as RPC calls have it (Core's DecodeBase64PSBT). The error is a *FormatError.
func DecodeBase64(s string) (*Packet, error) {
	if base64.StdEncoding.DecodedLen(len(s)) > MaxSize+2 {
		return nil, tooLarge()
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || containsNewline(s) { // which the decoder passes over
		return nil, &FormatError{Message: "invalid base64", Plain: true}
	}
	return Decode(raw)
}

func containsNewline(s string) bool {
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' {
			return true
		}
	}
	return false
}

func tooLarge() error {
	return &FormatError{Message: fmt.Sprintf("it is larger than %d bytes", MaxSize), Plain: true}
}

// Decode reads a packet, all of b, as strictly as Core 28.1. The packet uses parts
// of b, which must not be changed any more. The error is a *FormatError.
func Decode(b []byte) (*Packet, error) {
	if len(b) > MaxSize {
		return nil, tooLarge()
	}
	r := &reader{b: b, end: endOfData}
	p := r.packet()
	if r.err == nil && len(r.b) > 0 {
		r.err = &FormatError{Message: "extra data after PSBT", Plain: true}
	}
	if r.err != nil {
		return nil, r.err
	}
	p.Sort()
	return p, nil
}

func (r *reader) packet() *Packet {
	if string(r.take(uint64(len(magic)))) != magic {
		r.fail("Invalid PSBT magic bytes")
		return nil
	}
	p := r.global()
	if r.err == nil && p.Tx == nil {
		r.fail("No unsigned transaction was provided")
	}
	if r.err != nil {
		return nil
	}
	for i := 0; i < len(p.Tx.TxIn) && len(r.b) > 0; i++ {
		in := r.input()
		if tx, spent := in.NonWitnessUTXO, p.Tx.TxIn[i].PreviousOutPoint; tx != nil && r.err == nil {
			if tx.TxHash() != spent.Hash {
				r.fail("Non-witness UTXO does not match outpoint hash")
			} else if uint64(spent.Index) >= uint64(len(tx.TxOut)) {
				r.fail("Input specifies output index that does not exist")
			}
		}
		p.Inputs = append(p.Inputs, in)
	}
	if len(p.Inputs) != len(p.Tx.TxIn) {
		r.fail("Inputs provided does not match the number of inputs in transaction.")
	}
	for i := 0; i < len(p.Tx.TxOut) && len(r.b) > 0; i++ {
		p.Outputs = append(p.Outputs, r.output())
	}
	if len(p.Outputs) != len(p.Tx.TxOut) {
		r.fail("Outputs provided does not match the number of outputs in transaction.")
	}
	return p
}

func (r *reader) global() *Packet {
	p := new(Packet)
	xpubs := make(map[[65]byte]bool)
	r.fields("the global map", func(kind uint64) string {
		switch kind {
		case globalTx:
			return "Duplicate Key, unsigned tx already provided"
		case globalXPub:
			return "Duplicate key, global xpub already provided"
		case globalVersion:
			return "Duplicate Key, version already provided"
		}
		return twiceUnknown(kind)
	}, func(kind uint64, key []byte) {
		switch kind {
		case globalTx:
			if !r.only(key, "Global unsigned tx") {
				return
			}
			p.Tx = r.tx(decodeUnsigned)
			if r.err != nil {
				return
			}
			for _, in := range p.Tx.TxIn {
				if len(in.SignatureScript) > 0 {
					r.fail("Unsigned tx does not have empty scriptSigs and scriptWitnesses.")
				}
			}
		case globalXPub:
			x := r.xpub(key)
			if r.err == nil && xpubs[x.id()] {
				r.fail("Duplicate key, global xpub already provided")
			}
			xpubs[x.id()] = true
			p.XPubs = append(p.XPubs, x)
		case globalVersion:
			if r.only(key, "Global version") && binary.LittleEndian.Uint32(r.sized(4)) > 0 {
				r.fail("Unsupported version number")
			}
		case fieldProprietary:
			p.Proprietary = append(p.Proprietary, r.proprietary(key))
		default:
			p.Unknown = append(p.Unknown, r.pair(key))
		}
	})
	return p
}

func twiceUnknown(kind uint64) string {
	if kind == fieldProprietary {
		return twiceOwn
	}
	return twiceOther
}

// xpub reads an extended key and its origin (Core's DecodeWithVersion).
func (r *reader) xpub(key []byte) XPub {
	var x XPub
	if len(key) != len(x.Key)+1 {
		r.fail("Size of key was not the expected size for the type global xpub")
		return x
	}
	copy(x.Key[:], key[1:])
	// A master key has neither a parent nor a number.
	if from := [8]byte(x.Key[5:13]); x.Key[4] == 0 && from != [8]byte{} || !validPubKey(x.Key[45:]) {
		r.fail(badPubKey)
		return x
	}
	x.Origin = r.origin(r.compactSize())
	return x
}

func (r *reader) input() Input {
	var in Input
	r.fields("an input map", twiceInput, func(kind uint64, key []byte) {
		switch {
		case kind >= inTapKeySig && kind <= inTapMerkleRoot:
			r.tapInput(&in, kind, key)
		case kind >= inRIPEMD160 && kind <= inHASH256:
			in.Preimages = append(in.Preimages, r.preimage(byte(kind), key))
		default:
			r.scriptInput(&in, kind, key)
		}
	})
	return in
}

// scriptInput reads the fields that are not of taproot alone.
func (r *reader) scriptInput(in *Input, kind uint64, key []byte) {
	switch kind {
	case inNonWitnessUTXO:
		if r.only(key, "Non-witness utxo") {
			in.NonWitnessUTXO = r.tx(decodeWhole)
		}
	case inWitnessUTXO:
		if r.only(key, "Witness utxo") {
			in.WitnessUTXO = r.txOut()
		}
	case inPartialSig:
		if len(key) != 33+1 && len(key) != 65+1 {
			r.fail("Size of key was not the expected size for the type partial signature pubkey")
			return
		}
		if !validPubKey(key[1:]) {
			r.fail(badPubKey)
			return
		}
		in.PartialSigs = append(in.PartialSigs, PartialSig{key[1:], r.bytes()})
	case inSighash:
		if r.only(key, "Sighash type") {
			v := binary.LittleEndian.Uint32(r.sized(4))
			in.Sighash = &v
		}
	case inRedeemScript:
		if r.only(key, "Input redeemScript") {
			in.RedeemScript = r.bytes()
		}
	case inWitnessScript:
		if r.only(key, "Input witnessScript") {
			in.WitnessScript = r.bytes()
		}
	case inDerivation:
		in.Derivations = append(in.Derivations, r.derivation(key))
	case inFinalScriptSig:
		if r.only(key, "Final scriptSig") {
			in.FinalScriptSig = r.bytes()
		}
	case inFinalWitness:
		if r.only(key, "Final scriptWitness") {
			in.FinalWitness = r.stack()
		}
	case fieldProprietary:
		in.Proprietary = append(in.Proprietary, r.proprietary(key))
	default:
		in.Unknown = append(in.Unknown, r.pair(key))
	}
}

// tapInput reads the fields of BIP371.
func (r *reader) tapInput(in *Input, kind uint64, key []byte) {
	switch kind {
	case inTapKeySig:
		if r.only(key, "Input Taproot key signature") {
			in.TapKeySig = r.schnorr("key")
		}
	case inTapScriptSig:
		if len(key) != 1+32+32 {
			r.fail("Input Taproot script signature key is not 65 bytes")
			return
		}
		s := TapSig{PubKey: [32]byte(key[1:]), Leaf: [32]byte(key[33:]), Sig: r.schnorr("script")}
		in.TapScriptSigs = append(in.TapScriptSigs, s)
	case inTapLeaf:
		switch {
		case len(key) < 34:
			r.fail("Taproot leaf script key is not at least 34 bytes")
			return
		case (len(key)-2)%32 != 0:
			r.fail("Input Taproot leaf script key's control block size is not valid")
			return
		}
		value := r.bytes()
		if r.err == nil && len(value) == 0 {
			r.fail("Input Taproot leaf script must be at least 1 byte")
		}
		if r.err == nil {
			last := len(value) - 1
			in.TapLeaves = append(in.TapLeaves, TapLeaf{value[:last:last], value[last], key[1:]})
		}
	case inTapDerivation:
		in.TapDerivations = append(in.TapDerivations, r.tapDerivation(key, "Input"))
	case inTapInternalKey:
		if r.only(key, "Input Taproot internal key") {
			in.TapInternalKey = orNil(r.sized(32))
		}
	case inTapMerkleRoot:
		if r.only(key, "Input Taproot merkle root") {
			in.TapMerkleRoot = orNil(r.sized(32))
		}
	}
}

// orNil returns nil for zeros, which Core holds to be no value.
func orNil(b []byte) []byte {
	for _, c := range b {
		if c != 0 {
			return b
		}
	}
	return nil
}

// schnorr reads a signature for a path, with or without a sighash byte.
func (r *reader) schnorr(path string) []byte {
	sig := r.bytes()
	switch {
	case r.err != nil:
	case len(sig) < 64:
		r.fail("Input Taproot " + path + " path signature is shorter than 64 bytes")
	case len(sig) > 65:
		r.fail("Input Taproot " + path + " path signature is longer than 65 bytes")
	}
	return sig
}

// preimageKinds are the hashes whose preimages have fields, with Core's names.
var preimageKinds = map[byte]struct {
	kind miniscript.Hash
	size int
	name string
}{
	inRIPEMD160: {miniscript.RIPEMD160, 20, "ripemd160"},
	inSHA256:    {miniscript.SHA256, 32, "sha256"},
	inHASH160:   {miniscript.HASH160, 20, "hash160"},
	inHASH256:   {miniscript.HASH256, 32, "hash256"},
}

// preimageField is the type of the field with a hash's preimages.
func preimageField(kind miniscript.Hash) byte {
	for field, k := range preimageKinds {
		if k.kind == kind {
			return field
		}
	}
	return 0
}

func (r *reader) preimage(field byte, key []byte) Preimage {
	k := preimageKinds[field]
	if len(key) != k.size+1 {
		r.fail("Size of key was not the expected size for the type " + k.name + " preimage")
		return Preimage{}
	}
	return Preimage{k.kind, key[1:], r.bytes()}
}

func twiceInput(kind uint64) string {
	const already = " already provided"
	names := map[uint64]string{
		inNonWitnessUTXO: "non-witness utxo", inWitnessUTXO: "witness utxo", inPartialSig: "partial signature for pubkey",
		inSighash: "sighash type", inRedeemScript: "redeemScript", inWitnessScript: "witnessScript",
		inFinalScriptSig: "final scriptSig", inFinalWitness: "final scriptWitness", inRIPEMD160: "ripemd160 preimage",
		inSHA256: "sha256 preimage", inHASH160: "hash160 preimage", inHASH256: "hash256 preimage",
		inTapKeySig: "Taproot key signature", inTapScriptSig: "Taproot script signature", inTapLeaf: "Taproot leaf script",
		inTapDerivation: "Taproot BIP32 keypath", inTapInternalKey: "Taproot internal key", inTapMerkleRoot: "Taproot merkle root",
	}
	if kind == inDerivation {
		return twicePath
	}
	if name, ok := names[kind]; ok {
		return "Duplicate Key, input " + name + already
	}
	return twiceUnknown(kind)
}

func (r *reader) output() Output {
	var out Output
	r.fields("an output map", twiceOutput, func(kind uint64, key []byte) {
		switch kind {
		case outRedeemScript:
			if r.only(key, "Output redeemScript") {
				out.RedeemScript = r.bytes()
			}
		case outWitnessScript:
			if r.only(key, "Output witnessScript") {
				out.WitnessScript = r.bytes()
			}
		case outDerivation:
			out.Derivations = append(out.Derivations, r.derivation(key))
		case outTapInternalKey:
			if r.only(key, "Output Taproot internal key") {
				out.TapInternalKey = orNil(r.sized(32))
			}
		case outTapTree:
			if r.only(key, "Output Taproot tree") {
				out.TapTree = r.tree()
			}
		case outTapDerivation:
			out.TapDerivations = append(out.TapDerivations, r.tapDerivation(key, "Output"))
		case fieldProprietary:
			out.Proprietary = append(out.Proprietary, r.proprietary(key))
		default:
			out.Unknown = append(out.Unknown, r.pair(key))
		}
	})
	return out
}

func twiceOutput(kind uint64) string {
	switch kind {
	case outRedeemScript:
		return "Duplicate Key, output redeemScript already provided"
	case outWitnessScript:
		return "Duplicate Key, output witnessScript already provided"
	case outDerivation:
		return twicePath
	case outTapInternalKey:
		return "Duplicate Key, output Taproot internal key already provided"
	case outTapTree:
		return "Duplicate Key, output Taproot tree already provided"
	case outTapDerivation:
		return "Duplicate Key, output Taproot BIP32 keypath already provided"
	}
	return twiceUnknown(kind)
}

// tree reads the leaves of a taproot tree, which must be a whole binary tree
// (Core's TaprootBuilder).
func (r *reader) tree() []TreeLeaf {
	v := reader{b: r.bytes(), end: endOfKey}
	if r.err != nil {
		return nil
	}
	if len(v.b) == 0 {
		r.fail("Output Taproot tree must not be empty")
		return nil
	}
	var leaves []TreeLeaf
	for len(v.b) > 0 {
		leaf := TreeLeaf{Depth: v.take(1)[0], Version: v.take(1)[0], Script: v.bytes()}
		switch {
		case v.err != nil:
		case leaf.Depth > maxTreeDepth:
			v.fail("Output Taproot tree has as leaf greater than Taproot maximum depth")
		case leaf.Version&1 != 0:
			v.fail("Output Taproot tree has a leaf with an invalid leaf version")
		}
		leaves = append(leaves, leaf)
	}
	if v.err == nil && !wholeTree(leaves) {
		v.fail("Output Taproot tree is malformed")
	}
	if v.err != nil {
		r.fail(v.err.Message)
	}
	return leaves
}

// maxTreeDepth is consensus: a control block has at most 128 hashes (BIP341).
const maxTreeDepth = 128

// wholeTree reports whether leaves, depth first, are all of a binary tree.
func wholeTree(leaves []TreeLeaf) bool {
	var open []byte // depths of the subtrees that wait for their sibling, the deepest last
	for _, leaf := range leaves {
		depth := leaf.Depth
		for len(open) > 0 && open[len(open)-1] == depth { // two of a depth are one of the depth above
			if depth == 0 {
				return false
			}
			open = open[:len(open)-1]
			depth--
		}
		if len(open) > 0 && open[len(open)-1] > depth {
			return false // a deeper one was left without its sibling
		}
		open = append(open, depth)
	}
	return len(open) == 1 && open[0] == 0
}
