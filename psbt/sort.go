package psbt

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
)

// The orders below are those of Core's std::map and std::set over its types, in
// which it writes fields.

func comparePairs(a, b Pair) int { return bytes.Compare(a.Key, b.Key) }

// compareOrigins is Core's KeyOriginInfo::operator<.
func compareOrigins(a, b Origin) int {
	return cmp.Or(bytes.Compare(a.Fingerprint[:], b.Fingerprint[:]), cmp.Compare(len(a.Path), len(b.Path)), slices.Compare(a.Path, b.Path))
}

// compareXPubs is by origin, and then Core's CExtPubKey::operator<: key, chain
// code.
func compareXPubs(a, b XPub) int {
	return cmp.Or(compareOrigins(a.Origin, b.Origin), bytes.Compare(a.Key[45:], b.Key[45:]), bytes.Compare(a.Key[13:45], b.Key[13:45]))
}

func compareDerivations(a, b Derivation) int { return comparePubKeys(a.PubKey, b.PubKey) }

// comparePubKeys is Core's CPubKey::operator<.
func comparePubKeys(a, b []byte) int { return bytes.Compare(a, b) }

func compareTapDerivations(a, b TapDerivation) int { return bytes.Compare(a.PubKey[:], b.PubKey[:]) }

func compareHashes(a, b chainhash.Hash) int { return bytes.Compare(a[:], b[:]) }

func compareTapSigs(a, b TapSig) int {
	return cmp.Or(bytes.Compare(a.PubKey[:], b.PubKey[:]), compareHashes(a.Leaf, b.Leaf))
}

func compareTapLeaves(a, b TapLeaf) int {
	return cmp.Or(bytes.Compare(a.Script, b.Script), cmp.Compare(a.Version, b.Version),
		cmp.Compare(len(a.ControlBlock), len(b.ControlBlock)), bytes.Compare(a.ControlBlock, b.ControlBlock))
}

func comparePreimages(a, b Preimage) int {
	return cmp.Or(cmp.Compare(preimageField(a.Kind), preimageField(b.Kind)), bytes.Compare(a.Digest, b.Digest))
}

// compareSigs is by the hash of the key.
func compareSigs(a, b PartialSig) int {
	x, y := address.Hash160(a.PubKey), address.Hash160(b.PubKey)
	return bytes.Compare(x[:], y[:])
}

// sortSigs hashes each key once.
func sortSigs(list []PartialSig) {
	type hashed struct {
		hash [20]byte
		sig  PartialSig
	}
	all := make([]hashed, len(list))
	for i, s := range list {
		all[i] = hashed{address.Hash160(s.PubKey), s}
	}
	slices.SortFunc(all, func(a, b hashed) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	for i := range all {
		list[i] = all[i].sig
	}
}

// Sort puts all lists in the order in which they are written, as callers must
// who have changed one.
func (p *Packet) Sort() {
	slices.SortFunc(p.XPubs, compareXPubs)
	slices.SortFunc(p.Proprietary, comparePairs)
	slices.SortFunc(p.Unknown, comparePairs)
	for i := range p.Inputs {
		p.Inputs[i].sort()
	}
	for i := range p.Outputs {
		p.Outputs[i].sort()
	}
}

func (in *Input) sort() {
	sortSigs(in.PartialSigs)
	slices.SortFunc(in.Derivations, compareDerivations)
	slices.SortFunc(in.Preimages, comparePreimages)
	slices.SortFunc(in.TapScriptSigs, compareTapSigs)
	slices.SortFunc(in.TapLeaves, compareTapLeaves)
	sortTap(in.TapDerivations)
	slices.SortFunc(in.Proprietary, comparePairs)
	slices.SortFunc(in.Unknown, comparePairs)
}

func (out *Output) sort() {
	slices.SortFunc(out.Derivations, compareDerivations)
	sortTap(out.TapDerivations)
	slices.SortFunc(out.Proprietary, comparePairs)
	slices.SortFunc(out.Unknown, comparePairs)
}

func sortTap(list []TapDerivation) {
	for i := range list {
		slices.SortFunc(list[i].Leaves, compareHashes)
		list[i].Leaves = slices.Compact(list[i].Leaves)
	}
	slices.SortFunc(list, compareTapDerivations)
}

// insert adds to a sorted list what it has none equal to (std::map::insert).
func insert[T any](list []T, compare func(a, b T) int, add ...T) []T {
	if len(add) > 8 { // not one move of the whole list for each
		list = append(list[:len(list):len(list)], add...)
		slices.SortStableFunc(list, compare) // the first of equal ones stays
		return slices.CompactFunc(list, func(a, b T) bool { return compare(a, b) == 0 })
	}
	for _, item := range add {
		if at, found := slices.BinarySearchFunc(list, item, compare); !found {
			list = slices.Insert(list, at, item)
		}
	}
	return list
}
