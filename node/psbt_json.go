package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/miniscript"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
)

// The shapes of decodepsbt, with Core's fields in Core's order.
type (
	packetJSON struct {
		Tx          txJSON            `json:"tx"`
		XPubs       []xpubJSON        `json:"global_xpubs"`
		Version     int               `json:"psbt_version"`
		Proprietary []proprietaryJSON `json:"proprietary"`
		Unknown     hexPairs          `json:"unknown"`
		Inputs      []packetInJSON    `json:"inputs"`
		Outputs     []packetOutJSON   `json:"outputs"`
		Fee         *rpc.Amount       `json:"fee,omitempty"`
	}
	xpubJSON struct {
		XPub        string `json:"xpub"`
		Fingerprint string `json:"master_fingerprint"`
		Path        string `json:"path"`
	}
	proprietaryJSON struct {
		Identifier string `json:"identifier"`
		Subtype    uint64 `json:"subtype"`
		Key        string `json:"key"`
		Value      string `json:"value"`
	}
	packetInJSON struct {
		WitnessUTXO    *spentJSON        `json:"witness_utxo,omitempty"`
		NonWitnessUTXO *txJSON           `json:"non_witness_utxo,omitempty"`
		PartialSigs    hexPairs          `json:"partial_signatures,omitempty"`
		Sighash        *string           `json:"sighash,omitempty"`
		RedeemScript   *scriptTypeJSON   `json:"redeem_script,omitempty"`
		WitnessScript  *scriptTypeJSON   `json:"witness_script,omitempty"`
		Derivations    []derivationJSON  `json:"bip32_derivs,omitempty"`
		FinalScriptSig *scriptSig        `json:"final_scriptSig,omitempty"`
		FinalWitness   []string          `json:"final_scriptwitness,omitempty"`
		RIPEMD160      hexPairs          `json:"ripemd160_preimages,omitempty"`
		SHA256         hexPairs          `json:"sha256_preimages,omitempty"`
		HASH160        hexPairs          `json:"hash160_preimages,omitempty"`
		HASH256        hexPairs          `json:"hash256_preimages,omitempty"`
		TapKeySig      string            `json:"taproot_key_path_sig,omitempty"`
		TapScriptSigs  []tapSigJSON      `json:"taproot_script_path_sigs,omitempty"`
		TapScripts     []tapScriptJSON   `json:"taproot_scripts,omitempty"`
		TapDerivations []tapPathJSON     `json:"taproot_bip32_derivs,omitempty"`
		TapInternalKey string            `json:"taproot_internal_key,omitempty"`
		TapMerkleRoot  string            `json:"taproot_merkle_root,omitempty"`
		Proprietary    []proprietaryJSON `json:"proprietary,omitempty"`
		Unknown        hexPairs          `json:"unknown,omitempty"`
	}
	packetOutJSON struct {
		RedeemScript   *scriptTypeJSON   `json:"redeem_script,omitempty"`
		WitnessScript  *scriptTypeJSON   `json:"witness_script,omitempty"`
		Derivations    []derivationJSON  `json:"bip32_derivs,omitempty"`
		TapInternalKey string            `json:"taproot_internal_key,omitempty"`
		TapTree        []treeLeafJSON    `json:"taproot_tree,omitempty"`
		TapDerivations []tapPathJSON     `json:"taproot_bip32_derivs,omitempty"`
		Proprietary    []proprietaryJSON `json:"proprietary,omitempty"`
		Unknown        hexPairs          `json:"unknown,omitempty"`
	}
	spentJSON struct {
		Amount       rpc.Amount `json:"amount"`
		ScriptPubKey scriptJSON `json:"scriptPubKey"`
	}
	scriptTypeJSON struct {
		Asm  string `json:"asm"`
		Hex  string `json:"hex"`
		Type string `json:"type"`
	}
	derivationJSON struct {
		PubKey      string `json:"pubkey"`
		Fingerprint string `json:"master_fingerprint"`
		Path        string `json:"path"`
	}
	tapPathJSON struct {
		derivationJSON
		Leaves []string `json:"leaf_hashes"`
	}
	tapSigJSON struct {
		PubKey string `json:"pubkey"`
		Leaf   string `json:"leaf_hash"`
		Sig    string `json:"sig"`
	}
	tapScriptJSON struct {
		Script        string   `json:"script"`
		Version       int      `json:"leaf_ver"`
		ControlBlocks []string `json:"control_blocks"`
	}
	treeLeafJSON struct {
		Depth   int    `json:"depth"`
		Version int    `json:"leaf_ver"`
		Script  string `json:"script"`
	}
)

// hexPairs is an object of hex values under hex names, in their order.
type hexPairs []psbt.Pair

// MarshalJSON writes the object.
func (l hexPairs) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, p := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = hex.AppendEncode(b, p.Key)
		b = append(b, `":"`...)
		b = hex.AppendEncode(b, p.Value)
		b = append(b, '"')
	}
	return append(b, '}'), nil
}

func (h *Host) decodePSBT(_ context.Context, r *rpc.Request) (any, error) {
	p, err := packetOf(r, 0)
	if err != nil {
		return nil, err
	}
	return describePacket(p, h.params), nil
}

func describePacket(p *psbt.Packet, params *network.Params) packetJSON {
	j := packetJSON{
		Tx: describeTx(p.Tx, params, nil, false), XPubs: []xpubJSON{}, Proprietary: describeProprietary(p.Proprietary),
		Unknown: p.Unknown, Inputs: make([]packetInJSON, len(p.Inputs)), Outputs: make([]packetOutJSON, len(p.Outputs)),
	}
	for _, x := range p.XPubs {
		j.XPubs = append(j.XPubs, xpubJSON{encodeBase58Check(x.Key[:]), hex.EncodeToString(x.Origin.Fingerprint[:]), pathText(x.Origin.Path)})
	}
	if j.Unknown == nil {
		j.Unknown = hexPairs{}
	}
	for i := range p.Inputs {
		j.Inputs[i] = describePacketIn(p, i, params)
	}
	for i := range p.Outputs {
		j.Outputs[i] = describePacketOut(&p.Outputs[i])
	}
	if fee, ok := packetFee(p); ok {
		j.Fee = &fee
	}
	return j
}

// packetFee is what inputs have more than outputs, where all are known and sums
// make sense.
func packetFee(p *psbt.Packet) (rpc.Amount, bool) {
	var in, out consensus.Amount
	for i := range p.Inputs {
		spent, ok := p.UTXO(i)
		if !ok || !consensus.Amount(spent.Value).InRange() || !(in + consensus.Amount(spent.Value)).InRange() {
			return 0, false
		}
		in += consensus.Amount(spent.Value)
	}
	for _, o := range p.Tx.TxOut {
		if !consensus.Amount(o.Value).InRange() || !(out + consensus.Amount(o.Value)).InRange() {
			return 0, false
		}
		out += consensus.Amount(o.Value)
	}
	return in - out, true
}

func describePacketIn(p *psbt.Packet, i int, params *network.Params) packetInJSON {
	in := &p.Inputs[i]
	j := packetInJSON{
		RedeemScript: scriptType(in.RedeemScript), WitnessScript: scriptType(in.WitnessScript),
		Derivations: derivations(in.Derivations), TapKeySig: hex.EncodeToString(in.TapKeySig),
		TapDerivations: tapPaths(in.TapDerivations), TapInternalKey: hex.EncodeToString(in.TapInternalKey),
		TapMerkleRoot: hex.EncodeToString(in.TapMerkleRoot), Proprietary: describeProprietary(in.Proprietary), Unknown: in.Unknown,
	}
	if out := in.WitnessUTXO; out != nil {
		j.WitnessUTXO = &spentJSON{rpc.Amount(out.Value), describeScript(out.PkScript, params)}
	}
	if in.NonWitnessUTXO != nil {
		tx := describeTx(in.NonWitnessUTXO, params, nil, false)
		j.NonWitnessUTXO = &tx
	}
	for _, s := range in.PartialSigs {
		j.PartialSigs = append(j.PartialSigs, psbt.Pair{Key: s.PubKey, Value: s.Sig})
	}
	if in.Sighash != nil {
		name := strings.Trim(sighashNames[byte(*in.Sighash)], "[]")
		j.Sighash = &name
	}
	if len(in.FinalScriptSig) > 0 {
		j.FinalScriptSig = &scriptSig{disassemble(in.FinalScriptSig, true), hex.EncodeToString(in.FinalScriptSig)}
	}
	for _, item := range in.FinalWitness {
		j.FinalWitness = append(j.FinalWitness, hex.EncodeToString(item))
	}
	for _, x := range in.Preimages {
		list := map[miniscript.Hash]*hexPairs{
			miniscript.RIPEMD160: &j.RIPEMD160, miniscript.SHA256: &j.SHA256,
			miniscript.HASH160: &j.HASH160, miniscript.HASH256: &j.HASH256,
		}[x.Kind]
		*list = append(*list, psbt.Pair{Key: x.Digest, Value: x.Value})
	}
	for _, s := range in.TapScriptSigs {
		j.TapScriptSigs = append(j.TapScriptSigs, tapSigJSON{hex.EncodeToString(s.PubKey[:]), hex.EncodeToString(s.Leaf[:]), hex.EncodeToString(s.Sig)})
	}
	for k, l := range in.TapLeaves {
		if k > 0 && in.TapLeaves[k-1].Version == l.Version && bytes.Equal(in.TapLeaves[k-1].Script, l.Script) {
			last := &j.TapScripts[len(j.TapScripts)-1]
			last.ControlBlocks = append(last.ControlBlocks, hex.EncodeToString(l.ControlBlock))
			continue
		}
		j.TapScripts = append(j.TapScripts, tapScriptJSON{hex.EncodeToString(l.Script), int(l.Version), []string{hex.EncodeToString(l.ControlBlock)}})
	}
	return j
}

func describePacketOut(out *psbt.Output) packetOutJSON {
	j := packetOutJSON{
		RedeemScript: scriptType(out.RedeemScript), WitnessScript: scriptType(out.WitnessScript), Derivations: derivations(out.Derivations),
		TapInternalKey: hex.EncodeToString(out.TapInternalKey), TapDerivations: tapPaths(out.TapDerivations),
		Proprietary: describeProprietary(out.Proprietary), Unknown: out.Unknown,
	}
	for _, l := range out.TapTree {
		j.TapTree = append(j.TapTree, treeLeafJSON{int(l.Depth), int(l.Version), hex.EncodeToString(l.Script)})
	}
	return j
}

// scriptType is Core's ScriptToUniv without the address.
func scriptType(script []byte) *scriptTypeJSON {
	if len(script) == 0 {
		return nil
	}
	return &scriptTypeJSON{disassemble(script, false), hex.EncodeToString(script), address.KindOf(script).CoreName()}
}

func derivation(pub []byte, from psbt.Origin) derivationJSON {
	return derivationJSON{hex.EncodeToString(pub), hex.EncodeToString(from.Fingerprint[:]), pathText(from.Path)}
}

func derivations(list []psbt.Derivation) (j []derivationJSON) {
	for _, d := range list {
		j = append(j, derivation(d.PubKey, d.Origin))
	}
	return j
}

func tapPaths(list []psbt.TapDerivation) (j []tapPathJSON) {
	for _, d := range list {
		leaves := []string{}
		for _, leaf := range d.Leaves {
			leaves = append(leaves, hex.EncodeToString(leaf[:]))
		}
		j = append(j, tapPathJSON{derivation(d.PubKey[:], d.Origin), leaves})
	}
	return j
}

// pathText is a path as Core writes it.
func pathText(p keys.Path) string { return hardenedByH(p.String()) }

// describeProprietary splits the keys of proprietary fields (BIP174).
func describeProprietary(list []psbt.Pair) []proprietaryJSON {
	j := []proprietaryJSON{}
	for _, p := range list {
		rest := p.Key[1:]
		n, size := compactSize(rest)
		identifier := rest[size : size+int(n)]
		subtype, _ := compactSize(rest[size+int(n):])
		j = append(j, proprietaryJSON{hex.EncodeToString(identifier), subtype, hex.EncodeToString(p.Key), hex.EncodeToString(p.Value)})
	}
	return j
}

// compactSize reads a number from a key that has been checked when it was
// decoded.
func compactSize(b []byte) (n uint64, size int) {
	switch b[0] {
	case 0xfd:
		return uint64(binary.LittleEndian.Uint16(b[1:])), 3
	case 0xfe:
		return uint64(binary.LittleEndian.Uint32(b[1:])), 5
	case 0xff:
		return binary.LittleEndian.Uint64(b[1:]), 9
	}
	return uint64(b[0]), 1
}

func encodeBase58Check(payload []byte) string {
	return base58.Encode(append(bytes.Clone(payload), chainhash.DoubleHashB(payload)[:4]...))
}
