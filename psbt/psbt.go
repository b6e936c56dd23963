// Package psbt reads, writes and works on partially signed transactions: BIP174
// version 0 with the taproot fields of BIP371, as Bitcoin Core 28.1 does. All
// roles are here: Creator (New, Join), Updater (Update, UpdateOutput), Signer
// (Sign), Combiner (Combine), Finalizer (Finalize) and Extractor (Extract).
//
// What scripts mean and how they are satisfied is package descriptor's, making
// signatures is package wallet's, and where coins, keys and files are is known
// to the callers alone. A Packet belongs to who made or decoded it; nothing here
// keeps state. Packets have no private keys.
package psbt

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/miniscript"
)

// MaxSize is how many bytes a packet may have: policy, Core's MAX_FILE_SIZE_PSBT.
const MaxSize = 100_000_000

// Packet is a partially signed transaction. Lists are in the order in which Core
// writes them; add to them with the methods of this package or call Sort after.
type Packet struct {
	Tx          *wire.MsgTx // without scriptSigs and witnesses
	XPubs       []XPub
	Proprietary []Pair
	Unknown     []Pair
	Inputs      []Input  // one for each of Tx.TxIn
	Outputs     []Output // one for each of Tx.TxOut
}

// Pair is a field that is kept as it came. Key begins with the field's type.
type Pair struct{ Key, Value []byte }

// Origin says by which path a key comes from the master key of which wallet.
type Origin struct {
	Fingerprint [4]byte // of the master key
	Path        keys.Path
}

// XPub is an extended public key that the keys of inputs and outputs come from.
type XPub struct {
	Key    [78]byte // BIP32's serialization
	Origin Origin
}

// Derivation is where a public key of 33 or 65 bytes comes from.
type Derivation struct {
	PubKey []byte
	Origin Origin
}

// TapDerivation is where an x-only key comes from, and in which leaves it is:
// none for an internal key.
type TapDerivation struct {
	PubKey [32]byte
	Leaves []chainhash.Hash
	Origin Origin
}

// PartialSig is an ECDSA signature with its sighash byte.
type PartialSig struct{ PubKey, Sig []byte }

// TapSig is a Schnorr signature for a leaf, of 64 or 65 bytes.
type TapSig struct {
	PubKey [32]byte
	Leaf   chainhash.Hash
	Sig    []byte
}

// TapLeaf is a script that an input may be spent by, with a control block. A
// script that is in the tree twice is listed with each.
type TapLeaf struct {
	Script       []byte
	Version      byte
	ControlBlock []byte
}

// TreeLeaf is one leaf of an output's tree, which lists them depth first.
type TreeLeaf struct {
	Depth, Version byte
	Script         []byte
}

// Preimage is what hashes to Digest.
type Preimage struct {
	Kind          miniscript.Hash
	Digest, Value []byte
}

// Input is what is known of an input.
type Input struct {
	NonWitnessUTXO *wire.MsgTx // the whole transaction that is spent
	WitnessUTXO    *wire.TxOut // the output that is spent, of segwit

	PartialSigs   []PartialSig
	Sighash       *uint32 // that signatures are to have; nil: not said
	RedeemScript  []byte
	WitnessScript []byte
	Derivations   []Derivation
	Preimages     []Preimage

	TapKeySig      []byte
	TapScriptSigs  []TapSig
	TapLeaves      []TapLeaf
	TapDerivations []TapDerivation
	TapInternalKey []byte // 32 bytes, or none
	TapMerkleRoot  []byte // 32 bytes, or none

	FinalScriptSig []byte
	FinalWitness   wire.TxWitness

	Proprietary []Pair
	Unknown     []Pair
}

// Final reports whether the input has its scriptSig or witness.
func (in *Input) Final() bool { return len(in.FinalScriptSig) > 0 || len(in.FinalWitness) > 0 }

// Output is what is known of an output.
type Output struct {
	RedeemScript   []byte
	WitnessScript  []byte
	Derivations    []Derivation
	TapInternalKey []byte // 32 bytes, or none
	TapTree        []TreeLeaf
	TapDerivations []TapDerivation
	Proprietary    []Pair
	Unknown        []Pair
}

// New returns the packet of an unsigned transaction (Creator). Scripts and
// witnesses of its inputs are left out, and the transaction is copied.
func New(tx *wire.MsgTx) *Packet {
	unsigned := tx.Copy()
	for _, in := range unsigned.TxIn {
		in.SignatureScript, in.Witness = nil, nil
	}
	return &Packet{Tx: unsigned, Inputs: make([]Input, len(tx.TxIn)), Outputs: make([]Output, len(tx.TxOut))}
}

// UTXO returns the output that input i spends, if the packet has it. A whole
// transaction goes first: it is what the input's outpoint commits to.
func (p *Packet) UTXO(i int) (*wire.TxOut, bool) {
	in, spent := &p.Inputs[i], p.Tx.TxIn[i].PreviousOutPoint
	if tx := in.NonWitnessUTXO; tx != nil {
		if uint64(spent.Index) >= uint64(len(tx.TxOut)) || tx.TxHash() != spent.Hash {
			return nil, false
		}
		return tx.TxOut[spent.Index], true
	}
	return in.WitnessUTXO, in.WitnessUTXO != nil
}

// CheckUTXO holds what the packet says of the output that input i spends against
// itself: ErrContradiction. A whole transaction is proven by its txid; one who is
// shown another output beside it is to be deceived about amounts.
func (p *Packet) CheckUTXO(i int) error {
	in, spent := &p.Inputs[i], p.Tx.TxIn[i].PreviousOutPoint
	tx, out := in.NonWitnessUTXO, in.WitnessUTXO
	if tx == nil {
		return nil
	}
	if tx.TxHash() != spent.Hash {
		return fmt.Errorf("%w: the input spends an output of %s, and the transaction in the PSBT (non_witness_utxo) is %s", inputError(i, ErrContradiction), spent.Hash, tx.TxHash())
	}
	if uint64(spent.Index) >= uint64(len(tx.TxOut)) {
		return fmt.Errorf("%w: the input spends output %d of a transaction that has %d", inputError(i, ErrContradiction), spent.Index, len(tx.TxOut))
	}
	want := tx.TxOut[spent.Index]
	switch {
	case out == nil:
		return nil
	case out.Value != want.Value:
		return fmt.Errorf("%w: it holds %s by its transaction and %s by the PSBT (witness_utxo)", inputError(i, ErrContradiction), consensus.Amount(want.Value), consensus.Amount(out.Value))
	case !bytes.Equal(out.PkScript, want.PkScript):
		return fmt.Errorf("%w: its script is %x by its transaction and %x by the PSBT (witness_utxo)", inputError(i, ErrContradiction), want.PkScript, out.PkScript)
	}
	return nil
}

// Complete reports whether all inputs are final.
func (p *Packet) Complete() bool {
	return !slices.ContainsFunc(p.Inputs, func(in Input) bool { return !in.Final() })
}

// Clone returns a copy that shares nothing that methods of this package change.
func (p *Packet) Clone() *Packet {
	c := *p
	c.Tx = p.Tx.Copy()
	c.XPubs, c.Proprietary, c.Unknown = slices.Clone(p.XPubs), slices.Clone(p.Proprietary), slices.Clone(p.Unknown)
	c.Inputs, c.Outputs = slices.Clone(p.Inputs), slices.Clone(p.Outputs)
	for i := range c.Inputs {
		in := &c.Inputs[i]
		in.PartialSigs, in.Derivations, in.Preimages = slices.Clone(in.PartialSigs), slices.Clone(in.Derivations), slices.Clone(in.Preimages)
		in.TapScriptSigs, in.TapLeaves = slices.Clone(in.TapScriptSigs), slices.Clone(in.TapLeaves)
		in.TapDerivations = cloneTap(in.TapDerivations)
		in.Proprietary, in.Unknown = slices.Clone(in.Proprietary), slices.Clone(in.Unknown)
	}
	for i := range c.Outputs {
		out := &c.Outputs[i]
		out.Derivations, out.TapTree, out.TapDerivations = slices.Clone(out.Derivations), slices.Clone(out.TapTree), cloneTap(out.TapDerivations)
		out.Proprietary, out.Unknown = slices.Clone(out.Proprietary), slices.Clone(out.Unknown)
	}
	return &c
}

// cloneTap also copies the lists of leaves, to which updating adds.
func cloneTap(list []TapDerivation) []TapDerivation {
	list = slices.Clone(list)
	for i := range list {
		list[i].Leaves = slices.Clone(list[i].Leaves)
	}
	return list
}
