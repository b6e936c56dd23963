package descriptor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/miniscript"
)

// kind is a function of script expressions.
type kind uint8

const (
	kindPK kind = iota
	kindPKH
	kindWPKH
	kindCombo
	kindMulti
	kindSortedMulti
	kindMultiA
	kindSortedMultiA
	kindSH
	kindWSH
	kindTR
	kindRawTR
	kindAddr
	kindRaw
	kindMiniscript // everything else in wsh() and tr()
)

var kindNames = [...]string{
	"pk", "pkh", "wpkh", "combo", "multi", "sortedmulti", "multi_a", "sortedmulti_a", "sh", "wsh", "tr", "rawtr",
	"addr", "raw", "miniscript",
}

// String returns the name of the function.
func (k kind) String() string { return kindNames[k] }

// node is a script expression. It never changes. Keys are numbers of the
// descriptor's list.
type node struct {
	kind      kind
	keys      []int
	threshold int        // of the multisig functions
	xonly     bool       // in a taproot leaf, where keys have 32 bytes
	sub       *node      // of sh and wsh
	leaves    []leafNode // of tr
	script    []byte     // of addr and raw
	mini      *miniscript.Node
}

// leafNode is a script of a taproot tree, in the order of the text.
type leafNode struct {
	node  *node
	depth int
}

// text writes a node. ok is false when a key's text is not.
func (d *Descriptor) text(n *node, f form) (text string, ok bool) {
	ok = true
	key := func(i int) string {
		s, good := d.keys[i].text(f, d.params)
		ok = ok && good
		return s
	}
	if n.kind == kindMiniscript {
		text = n.mini.String(func(i int) string { return key(n.keys[i]) })
		return text, ok
	}
	var args []string
	if n.threshold > 0 {
		args = append(args, strconv.Itoa(n.threshold))
	}
	for _, k := range n.keys {
		args = append(args, key(k))
	}
	switch n.kind {
	case kindSH, kindWSH:
		s, good := d.text(n.sub, f)
		args, ok = append(args, s), ok && good
	case kindTR:
		if len(n.leaves) > 0 {
			s, good := treeText(len(n.leaves), func(i int) int { return n.leaves[i].depth },
				func(i int) (string, bool) { return d.text(n.leaves[i].node, f) })
			args, ok = append(args, s), ok && good
		}
	case kindAddr:
		s, _ := address.Encode(n.script, d.params)
		args = append(args, s)
	case kindRaw:
		args = append(args, hex.EncodeToString(n.script))
	}
	return n.kind.String() + "(" + strings.Join(args, ",") + ")", ok
}

// treeText writes a taproot tree of n leaves: their depths tell where it
// branches.
func treeText(n int, depth func(i int) int, leaf func(i int) (string, bool)) (text string, ok bool) {
	var b strings.Builder
	var right []bool // as the parser has them
	ok = true
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		for len(right) < depth(i) {
			b.WriteByte('{')
			right = append(right, false)
		}
		s, good := leaf(i)
		ok = ok && good
		b.WriteString(s)
		for len(right) > 0 && right[len(right)-1] {
			b.WriteByte('}')
			right = right[:len(right)-1]
		}
		if len(right) > 0 {
			right[len(right)-1] = true
		}
	}
	return b.String(), ok
}

// outputType returns the type of a node's addresses (Core's GetOutputType);
// empty when it has none.
func (n *node) outputType() keys.Type {
	switch n.kind {
	case kindPKH:
		return keys.Legacy
	case kindWPKH, kindWSH:
		return keys.Bech32
	case kindSH:
		if n.sub.outputType() == keys.Bech32 {
			return keys.P2SHSegwit
		}
		return keys.Legacy
	case kindTR, kindRawTR:
		return keys.Bech32m
	case kindAddr, kindRaw:
		return typeOfScript(n.script)
	}
	return ""
}

// typeOfScript returns the type of a script's address (Core's
// OutputTypeFromDestination).
func typeOfScript(script []byte) keys.Type {
	switch address.KindOf(script) {
	case address.P2PKH, address.P2SH:
		return keys.Legacy
	case address.P2WPKH, address.P2WSH:
		return keys.Bech32
	case address.P2TR, address.P2A, address.WitnessUnknown:
		return keys.Bech32m
	}
	return ""
}

// build returns the script of a node, whose keys are ks. Combo has the first
// of its scripts.
func (n *node) build(ks []derived) []byte {
	switch n.kind {
	case kindPK, kindCombo:
		return pubKeyScript(n.keyBytes(ks)[0])
	case kindPKH:
		return address.PubKeyHashScript(address.Hash160(ks[n.keys[0]].raw))
	case kindWPKH:
		hash := address.Hash160(ks[n.keys[0]].raw)
		return address.WitnessScript(0, hash[:])
	case kindMulti, kindSortedMulti, kindMultiA, kindSortedMultiA:
		list := n.keyBytes(ks)
		if n.kind == kindSortedMulti || n.kind == kindSortedMultiA {
			slices.SortFunc(list, bytes.Compare)
		}
		if n.xonly {
			return multiAScript(n.threshold, list)
		}
		return MultisigScript(n.threshold, list)
	case kindSH:
		return address.ScriptHashScript(address.Hash160(n.sub.build(ks)))
	case kindWSH:
		hash := sha256.Sum256(n.sub.build(ks))
		return address.WitnessScript(0, hash[:])
	case kindTR:
		root, _ := newTree(n.leafScripts(ks))
		output := txscript.ComputeTaprootOutputKey(ks[n.keys[0]].pub, root)
		return address.WitnessScript(1, schnorr.SerializePubKey(output))
	case kindRawTR:
		return address.WitnessScript(1, ks[n.keys[0]].raw[1:33])
	case kindMiniscript:
		list := n.keyBytes(ks)
		return n.mini.Script(func(i int) []byte { return list[i] })
	}
	return n.script // addr, raw
}

// scripts returns the output scripts of a node that stands on top.
func (n *node) scripts(ks []derived) [][]byte {
	list := [][]byte{n.build(ks)}
	if n.kind != kindCombo {
		return list
	}
	raw := ks[n.keys[0]].raw
	hash := address.Hash160(raw)
	list = append(list, address.PubKeyHashScript(hash))
	if len(raw) == 33 {
		witness := address.WitnessScript(0, hash[:])
		list = append(list, witness, address.ScriptHashScript(address.Hash160(witness)))
	}
	return list
}

// keyBytes returns the keys as the node's script has them.
func (n *node) keyBytes(ks []derived) [][]byte {
	list := make([][]byte, len(n.keys))
	for i, k := range n.keys {
		if list[i] = ks[k].raw; n.xonly {
			list[i] = list[i][1:33]
		}
	}
	return list
}

// leafScripts returns the leaves of a taproot node with script and depth.
func (n *node) leafScripts(ks []derived) []Leaf {
	leaves := make([]Leaf, len(n.leaves))
	for i, l := range n.leaves {
		leaves[i] = Leaf{Script: l.node.build(ks), Version: byte(txscript.BaseLeafVersion), Depth: l.depth}
	}
	return leaves
}

func pubKeyScript(key []byte) []byte {
	script := make([]byte, 0, len(key)+2)
	script = append(script, byte(len(key)))
	script = append(script, key...)
	return append(script, txscript.OP_CHECKSIG)
}

// MultisigScript returns the script that asks for required signatures of keys,
// at most 20 (Core's GetScriptForMultisig).
func MultisigScript(required int, keys [][]byte) []byte {
	script := appendNumber(nil, required)
	for _, k := range keys {
		script = append(script, byte(len(k)))
		script = append(script, k...)
	}
	return append(appendNumber(script, len(keys)), txscript.OP_CHECKMULTISIG)
}

func multiAScript(required int, keys [][]byte) []byte {
	var script []byte
	for i, k := range keys {
		script = append(script, byte(len(k)))
		script = append(script, k...)
		if i == 0 {
			script = append(script, txscript.OP_CHECKSIG)
		} else {
			script = append(script, txscript.OP_CHECKSIGADD)
		}
	}
	return append(appendNumber(script, required), txscript.OP_NUMEQUAL)
}

// appendNumber pushes a number from 1 to 999.
func appendNumber(script []byte, n int) []byte {
	switch {
	case n <= 16:
		return append(script, txscript.OP_1+byte(n)-1)
	case n <= 0x7f:
		return append(script, 1, byte(n))
	}
	return append(script, 2, byte(n), byte(n>>8))
}
