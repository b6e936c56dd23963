package descriptor

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/miniscript"
)

// Key is one key of an output, with the private key where the descriptor had
// it.
type Key struct {
	// Public has 33 bytes, or 65 when the descriptor gives an uncompressed key.
	// A key that is written with 32 bytes only has the first byte 2.
	Public []byte
	// Fingerprint is that of the master key from which Path leads to this key;
	// the key's own one, with an empty path, where no master key is known.
	Fingerprint [4]byte
	Path        keys.Path

	private *btcec.PrivateKey
}

// PrivateKey returns the private key, if there is one.
func (k *Key) PrivateKey() (*btcec.PrivateKey, bool) { return k.private, k.private != nil }

// XOnly returns the key's 32 bytes as taproot has them (BIP340).
func (k *Key) XOnly() []byte { return k.Public[1:33] }

// Format hides the private key from every verb of package fmt.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "[key %x]", k.Public) }

// Leaf is a script of a taproot output (BIP341).
type Leaf struct {
	Script       []byte
	Version      byte
	Depth        int
	ControlBlock []byte
	Hash         chainhash.Hash // by which signatures commit to the leaf
	Keys         [][]byte       // x-only, in the order of the script; nil when the script is not understood

	program *program
}

// Output is an output script with all that is known about spending it. It is
// never changed, so many may use it at once.
type Output struct {
	Script        []byte
	RedeemScript  []byte // of P2SH
	WitnessScript []byte // of P2WSH
	Keys          []Key  // each once
	// InternalKey is the x-only key of a taproot output before it is tweaked; nil
	// where it is not known, as in rawtr(). Then the output key itself signs.
	InternalKey []byte
	MerkleRoot  []byte // of the leaves; empty when there are none
	Leaves      []Leaf
	Type        keys.Type // of its address; empty when it is of none of the types

	program *program // of the witness script, where that is miniscript
}

// program is a script that package miniscript understands, with the bytes of
// its keys by their numbers.
type program struct {
	node *miniscript.Node
	keys [][]byte
}

// String names the output and hides its keys.
func (o Output) String() string { return fmt.Sprintf("[output %x]", o.Script) }

// Format hides the output's keys from every verb of package fmt.
func (o Output) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// describe fills in what a descriptor's node n tells about the output, which is
// the at-th of its scripts.
func (o *Output) describe(n *node, ks []derived, at int) {
	switch {
	case n.kind == kindCombo && at == 3:
		hash := address.Hash160(ks[n.keys[0]].raw)
		o.RedeemScript = address.WitnessScript(0, hash[:])
	case n.kind == kindSH:
		o.RedeemScript = n.sub.build(ks)
		o.describe(n.sub, ks, 0)
	case n.kind == kindWSH:
		o.WitnessScript = n.sub.build(ks)
		o.program = n.sub.program(ks)
	case n.kind == kindTR:
		internal := ks[n.keys[0]].pub
		o.InternalKey = schnorr.SerializePubKey(internal)
		o.Leaves = n.leafScripts(ks)
		var paths [][]byte
		o.MerkleRoot, paths = newTree(o.Leaves)
		output := txscript.ComputeTaprootOutputKey(internal, o.MerkleRoot)
		for i := range o.Leaves {
			l := &o.Leaves[i]
			l.ControlBlock = controlBlock(l.Version, internal, output, paths[i])
			if l.program = n.leaves[i].node.program(ks); l.program == nil {
				l.program = o.decode(l.Script, miniscript.Tapscript)
			}
			l.Keys = l.program.used()
		}
	}
}

// program returns a miniscript node with its keys; nil for other nodes.
func (n *node) program(ks []derived) *program {
	if n.kind != kindMiniscript {
		return nil
	}
	return &program{n.mini, n.keyBytes(ks)}
}

// used returns the program's keys, each once, in the order of the script.
func (p *program) used() [][]byte {
	if p == nil {
		return nil
	}
	var list [][]byte
	for _, i := range p.node.Keys() {
		if !containsBytes(list, p.keys[i]) {
			list = append(list, p.keys[i])
		}
	}
	return list
}

func containsBytes(list [][]byte, b []byte) bool {
	for _, e := range list {
		if bytes.Equal(e, b) {
			return true
		}
	}
	return false
}

// decode reads a script as miniscript; nil when it is none. Keys that the script
// has only the hash of must be among the output's.
func (o *Output) decode(script []byte, c miniscript.Context) *program {
	p := &program{}
	add := func(key []byte) int {
		p.keys = append(p.keys, key)
		return len(p.keys) - 1
	}
	node, err := miniscript.Decode(script, c,
		func(raw []byte) (int, bool) {
			_, err := parsePoint(raw)
			return add(bytes.Clone(raw)), err == nil
		},
		func(h [20]byte) (int, bool) {
			for i := range o.Keys {
				key := o.Keys[i].Public
				if c == miniscript.Tapscript {
					key = o.Keys[i].XOnly()
				}
				if address.Hash160(key) == h {
					return add(key), true
				}
			}
			return 0, false
		})
	if err != nil {
		return nil
	}
	p.node = node
	return p
}

// parsePoint reads a key of 32 or 33 bytes.
func parsePoint(raw []byte) (*btcec.PublicKey, error) {
	if len(raw) == schnorr.PubKeyBytesLen {
		return schnorr.ParsePubKey(raw)
	}
	return btcec.ParsePubKey(raw)
}

// NewKey returns a key of 33 or 65 bytes with where it comes from, for
// OutputOfScripts. Private may be nil.
func NewKey(pub []byte, fingerprint [4]byte, path keys.Path, private *btcec.PrivateKey) Key {
	return Key{Public: pub, Fingerprint: fingerprint, Path: path, private: private}
}

// OutputOfScripts returns the output that known.Script pays to, to be spent by
// the scripts, the internal key and the leaves that known has, for those who
// have no descriptor of it. Leaves need their Script and ControlBlock only. Keys
// that the scripts have only the hashes of must be among known.Keys. It fails
// with ErrMismatch when the scripts do not belong to the output.
func OutputOfScripts(known Output) (*Output, error) {
	o := &Output{
		Script: known.Script, RedeemScript: known.RedeemScript, WitnessScript: known.WitnessScript, Keys: known.Keys,
		InternalKey: known.InternalKey, MerkleRoot: known.MerkleRoot, Type: typeOfScript(known.Script),
	}
	script := o.Script
	if len(o.RedeemScript) > 0 {
		if !bytes.Equal(address.ScriptHashScript(address.Hash160(o.RedeemScript)), script) {
			return nil, &Error{Kind: ErrMismatch, Message: "The redeem script is not the one of the output"}
		}
		if script = o.RedeemScript; typeOfScript(script) == keys.Bech32 {
			o.Type = keys.P2SHSegwit
		}
	}
	if len(o.WitnessScript) > 0 {
		hash := sha256.Sum256(o.WitnessScript)
		if !bytes.Equal(address.WitnessScript(0, hash[:]), script) {
			return nil, &Error{Kind: ErrMismatch, Message: "The witness script is not the one of the output"}
		}
		if _, _, ok := template(o.WitnessScript); !ok {
			o.program = o.decode(o.WitnessScript, miniscript.P2WSH)
		}
	}
	for _, l := range known.Leaves {
		if err := o.addLeaf(l); err != nil {
			return nil, err
		}
	}
	if len(known.Leaves) == 0 && len(o.InternalKey) > 0 {
		internal, err := schnorr.ParsePubKey(o.InternalKey)
		if err != nil || !o.isKey(txscript.ComputeTaprootOutputKey(internal, o.MerkleRoot)) {
			return nil, &Error{Kind: ErrMismatch, Message: "The internal key is not the one of the output"}
		}
	}
	return o, nil
}

// addLeaf takes a leaf whose control block proves that it is of this output.
func (o *Output) addLeaf(l Leaf) error {
	mismatch := &Error{Kind: ErrMismatch, Message: "The control block of a leaf is not one of the output"}
	block, err := txscript.ParseControlBlock(l.ControlBlock)
	if err != nil {
		return mismatch
	}
	root := block.RootHash(l.Script)
	output := txscript.ComputeTaprootOutputKey(block.InternalKey, root)
	if !o.isKey(output) || block.OutputKeyYIsOdd != (output.SerializeCompressed()[0] == 3) {
		return mismatch
	}
	o.InternalKey, o.MerkleRoot = schnorr.SerializePubKey(block.InternalKey), root
	leaf := Leaf{
		Script: l.Script, Version: byte(block.LeafVersion), ControlBlock: l.ControlBlock,
		Depth: len(block.InclusionProof) / chainhash.HashSize,
	}
	leaf.Hash = leafHash(&leaf)
	if block.LeafVersion == txscript.BaseLeafVersion {
		leaf.program = o.decode(l.Script, miniscript.Tapscript)
		leaf.Keys = leaf.program.used()
	}
	o.Leaves = append(o.Leaves, leaf)
	return nil
}

// isKey reports whether the output is taproot with this output key.
func (o *Output) isKey(key *btcec.PublicKey) bool {
	return bytes.Equal(o.Script, address.WitnessScript(1, schnorr.SerializePubKey(key)))
}
