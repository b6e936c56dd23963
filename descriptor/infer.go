package descriptor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/miniscript"
	"github.com/lode-chain/lode/network"
)

// Infer returns the descriptor of an output script with its checksum (Core's
// InferDescriptor without known keys).
func Infer(script []byte, p *network.Params) string { return (&Output{Script: script}).Infer(p) }

// Infer returns the descriptor, with its checksum, that the output's scripts and
// keys tell (Core's InferDescriptor): of each key it has the origin that is
// known, and no ranges. Keys with an empty path and no fingerprint have no
// origin.
func (o *Output) Infer(p *network.Params) string {
	if d, ok := o.infer(o.Script, top); ok {
		return WithChecksum(d)
	}
	if a, ok := address.Encode(o.Script, p); ok {
		if back, err := address.Decode(a, p); err == nil && bytes.Equal(back, o.Script) {
			return WithChecksum("addr(" + a + ")")
		}
	}
	return WithChecksum("raw(" + hex.EncodeToString(o.Script) + ")")
}

// infer describes a script in a place; false when only its address or its bytes
// can be told.
func (o *Output) infer(script []byte, c context) (string, bool) {
	if c == inTR {
		if d, ok := o.inferMultiA(script); ok {
			return d, true
		}
		return o.inferMiniscript(script, miniscript.Tapscript)
	}
	switch address.KindOf(script) {
	case address.P2PK:
		if key, ok := o.keyText(script[1:len(script)-1], c); ok {
			return "pk(" + key + ")", true
		}
	case address.P2PKH:
		if key, ok := o.keyOf([20]byte(script[3:23]), c); ok {
			return "pkh(" + key + ")", true
		}
	case address.P2WPKH:
		if key, ok := o.keyOf([20]byte(script[2:]), inWPKH); ok && c != inWSH {
			return "wpkh(" + key + ")", true
		}
	case address.Multisig:
		if d, ok := o.inferMultisig(script, c); ok {
			return d, true
		}
	case address.P2SH:
		if c == top && len(o.RedeemScript) > 0 && bytes.Equal(address.ScriptHashScript(address.Hash160(o.RedeemScript)), script) {
			if d, ok := o.infer(o.RedeemScript, inSH); ok {
				return "sh(" + d + ")", true
			}
		}
	case address.P2WSH:
		if hash := sha256.Sum256(o.WitnessScript); c != inWSH && len(o.WitnessScript) > 0 && bytes.Equal(hash[:], script[2:]) {
			if d, ok := o.infer(o.WitnessScript, inWSH); ok {
				return "wsh(" + d + ")", true
			}
		}
	case address.P2TR:
		if c == top {
			return o.inferTaproot()
		}
	}
	if c == inWSH {
		return o.inferMiniscript(script, miniscript.P2WSH)
	}
	return "", false
}

// keyText writes a key with its origin; false when a descriptor may not have it
// in this place.
func (o *Output) keyText(key []byte, c context) (string, bool) {
	if len(key) == 65 && (hybrid(key) || c != top && c != inSH) {
		return "", false
	}
	text := hex.EncodeToString(key)
	for i := range o.Keys {
		k := &o.Keys[i]
		if !bytes.Equal(k.Public, key) && (c != inTR || !bytes.Equal(k.XOnly(), key)) {
			continue
		}
		if k.Fingerprint != [4]byte{} || len(k.Path) > 0 {
			var b strings.Builder
			b.WriteString("[" + hex.EncodeToString(k.Fingerprint[:]))
			writePath(&b, k.Path, false)
			return b.String() + "]" + text, true
		}
	}
	return text, true
}

// keyOf writes the key that has a hash.
func (o *Output) keyOf(hash [20]byte, c context) (string, bool) {
	for i := range o.Keys {
		if key := o.Keys[i].Public; address.Hash160(key) == hash {
			return o.keyText(key, c)
		}
	}
	return "", false
}

func (o *Output) inferMultisig(script []byte, c context) (string, bool) {
	required, keys, ok := address.ParseMultisig(script)
	if !ok {
		return "", false
	}
	args := []string{strconv.Itoa(required)}
	for _, key := range keys {
		text, ok := o.keyText(key, c)
		if !ok {
			return "", false
		}
		args = append(args, text)
	}
	return "multi(" + strings.Join(args, ",") + ")", true
}

// inferMultiA recognises a leaf of multi_a(), and of pk(), which looks like one
// without a threshold.
func (o *Output) inferMultiA(script []byte) (string, bool) {
	t := txscript.MakeScriptTokenizer(0, script)
	var args []string
	for t.Next() && len(t.Data()) == schnorr.PubKeyBytesLen {
		key, _ := o.keyText(t.Data(), inTR)
		want := byte(txscript.OP_CHECKSIGADD)
		if len(args) == 0 {
			want = txscript.OP_CHECKSIG
		}
		if !t.Next() || t.Opcode() != want {
			return "", false
		}
		args = append(args, key)
	}
	if t.Err() != nil || len(args) == 0 || len(args) > maxMultiAKeys {
		return "", false
	}
	if t.Done() && t.Opcode() == txscript.OP_CHECKSIG && len(args) == 1 && len(script) == 34 {
		return "pk(" + args[0] + ")", true
	}
	required, ok := smallNumber(t.Opcode(), t.Data())
	if !ok || required > len(args) || !t.Next() || t.Opcode() != txscript.OP_NUMEQUAL || !t.Done() {
		return "", false
	}
	return "multi_a(" + strconv.Itoa(required) + "," + strings.Join(args, ",") + ")", true
}

// smallNumber reads a pushed number from 1 to 999 that is pushed as shortly as
// can be.
func smallNumber(op byte, data []byte) (int, bool) {
	switch {
	case op >= txscript.OP_1 && op <= txscript.OP_16:
		return int(op - txscript.OP_1 + 1), true
	case op == 1 && data[0] > 16 && data[0] <= 0x7f:
		return int(data[0]), true
	case op == 2 && (data[1] > 0 || data[0] > 0x7f):
		n := int(data[0]) | int(data[1])<<8
		return n, n <= maxMultiAKeys
	}
	return 0, false
}

func (o *Output) inferMiniscript(script []byte, c miniscript.Context) (string, bool) {
	p := o.decode(script, c)
	if p == nil || p.node.Check() != nil {
		return "", false
	}
	place, ok := inWSH, true
	if c == miniscript.Tapscript {
		place = inTR
	}
	text := p.node.String(func(i int) string {
		key, good := o.keyText(p.keys[i], place)
		ok = ok && good
		return key
	})
	return text, ok
}

// inferTaproot describes a taproot output by its tree, when all of that is
// known, and otherwise by its key.
func (o *Output) inferTaproot() (string, bool) {
	if d, ok := o.inferTree(); ok {
		return d, true
	}
	output := o.Script[2:]
	if _, err := schnorr.ParsePubKey(output); err != nil {
		return "", false
	}
	key, ok := o.keyText(output, inTR)
	return "rawtr(" + key + ")", ok
}

func (o *Output) inferTree() (string, bool) {
	internal, err := schnorr.ParsePubKey(o.InternalKey)
	if err != nil {
		return "", false
	}
	leaves := append([]Leaf(nil), o.Leaves...)
	root, _ := newTree(leaves)
	if !bytes.Equal(root, o.MerkleRoot) || !o.isKey(txscript.ComputeTaprootOutputKey(internal, root)) {
		return "", false
	}
	key, _ := o.keyText(o.InternalKey, inTR)
	if len(leaves) == 0 {
		return "tr(" + key + ")", true
	}
	tree, ok := treeText(len(leaves), func(i int) int { return leaves[i].Depth }, func(i int) (string, bool) {
		if leaves[i].Version != byte(txscript.BaseLeafVersion) {
			return "", false
		}
		return o.infer(leaves[i].Script, inTR)
	})
	return "tr(" + key + "," + tree + ")", ok
}

// hybrid says whether a key has the form 06 or 07, which descriptors refuse.
func hybrid(key []byte) bool { return len(key) > 0 && (key[0] == 6 || key[0] == 7) }
