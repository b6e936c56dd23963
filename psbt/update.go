package psbt

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
)

// AddUTXO gives input i the transaction that it spends, unless it has it. False
// when it spends another one.
func (p *Packet) AddUTXO(i int, tx *wire.MsgTx) bool {
	in, spent := &p.Inputs[i], p.Tx.TxIn[i].PreviousOutPoint
	if uint64(spent.Index) >= uint64(len(tx.TxOut)) || tx.TxHash() != spent.Hash {
		return false
	}
	if in.NonWitnessUTXO == nil {
		in.NonWitnessUTXO = tx
	}
	return true
}

// Update gives input i what out, which is the output that it spends, says of
// how to spend it; with origins also where its keys come from (Updater). What the
// packet has already stays, and must fit: ErrScripts. The packet must have the
// output that is spent: ErrNoUTXO.
func (p *Packet) Update(i int, out *descriptor.Output, origins bool) error {
	in := &p.Inputs[i]
	spent, ok := p.UTXO(i)
	if !ok {
		return inputError(i, ErrNoUTXO)
	}
	if !bytes.Equal(spent.PkScript, out.Script) {
		return inputError(i, ErrScripts)
	}
	known := Input{RedeemScript: in.RedeemScript, WitnessScript: in.WitnessScript}
	keep(&known.RedeemScript, out.RedeemScript)
	keep(&known.WitnessScript, out.WitnessScript)
	if err := known.checkScripts(i, spent.PkScript); err != nil {
		return err
	}
	in.addScripts(out)
	if origins {
		in.addOrigins(out)
	}
	return nil
}

func inputError(i int, err error) error { return fmt.Errorf("input %d: %w", i, err) }

func (in *Input) addScripts(out *descriptor.Output) {
	keep(&in.RedeemScript, out.RedeemScript)
	keep(&in.WitnessScript, out.WitnessScript)
	if address.KindOf(out.Script) != address.P2TR {
		return
	}
	keep(&in.TapInternalKey, out.InternalKey)
	keep(&in.TapMerkleRoot, out.MerkleRoot)
	for _, leaf := range out.Leaves {
		in.TapLeaves = insert(in.TapLeaves, compareTapLeaves, TapLeaf{leaf.Script, leaf.Version, leaf.ControlBlock})
	}
}

func (in *Input) addOrigins(out *descriptor.Output) {
	if address.KindOf(out.Script) == address.P2TR {
		in.TapDerivations = addTapOrigins(in.TapDerivations, out)
		return
	}
	in.Derivations = addOrigins(in.Derivations, out)
}

func addOrigins(list []Derivation, out *descriptor.Output) []Derivation {
	for k := range out.Keys {
		key := &out.Keys[k]
		list = insert(list, compareDerivations, Derivation{key.Public, Origin{key.Fingerprint, key.Path}})
	}
	return list
}

func addTapOrigins(list []TapDerivation, out *descriptor.Output) []TapDerivation {
	for k := range out.Keys {
		key := &out.Keys[k]
		var in []chainhash.Hash
		for _, leaf := range out.Leaves {
			if slices.ContainsFunc(leaf.Keys, func(pub []byte) bool { return bytes.Equal(pub, key.XOnly()) }) {
				in = insert(in, compareHashes, leaf.Hash)
			}
		}
		d := TapDerivation{PubKey: [32]byte(key.XOnly()), Leaves: in, Origin: Origin{key.Fingerprint, key.Path}}
		if at, found := slices.BinarySearchFunc(list, d, compareTapDerivations); found {
			list[at].Leaves = insert(list[at].Leaves, compareHashes, in...)
		} else {
			list = slices.Insert(list, at, d)
		}
	}
	return list
}

// checkScripts holds the scripts of an input against the output that it spends,
// as BIP174 wants of signers.
func (in *Input) checkScripts(i int, script []byte) error {
	if len(in.RedeemScript) > 0 {
		hash := address.Hash160(in.RedeemScript)
		if !bytes.Equal(script, address.ScriptHashScript(hash)) {
			return fmt.Errorf("%w: the redeem script has another hash", inputError(i, ErrScripts))
		}
		script = in.RedeemScript
	}
	if len(in.WitnessScript) > 0 {
		hash := sha256.Sum256(in.WitnessScript)
		if !bytes.Equal(script, address.WitnessScript(0, hash[:])) {
			return fmt.Errorf("%w: the witness script has another hash", inputError(i, ErrScripts))
		}
	}
	return nil
}

// segwit says whether signatures of an input that spends script commit to what
// it spends. Known is false where a script lacks that decides.
func (in *Input) segwit(script []byte) (is, known bool) {
	if address.KindOf(script) == address.P2SH {
		if len(in.RedeemScript) == 0 {
			return false, false
		}
		script = in.RedeemScript
	}
	switch address.KindOf(script) {
	case address.P2WSH:
		return true, len(in.WitnessScript) > 0
	case address.P2WPKH, address.P2TR:
		return true, true
	}
	return false, true
}

// UpdateOutput gives output i what out says of its script; with origins also
// where its keys come from. Out must have the output's script.
func (p *Packet) UpdateOutput(i int, out *descriptor.Output, origins bool) error {
	o := &p.Outputs[i]
	if !bytes.Equal(p.Tx.TxOut[i].PkScript, out.Script) {
		return fmt.Errorf("output %d: %w", i, ErrScripts)
	}
	keep(&o.RedeemScript, out.RedeemScript)
	keep(&o.WitnessScript, out.WitnessScript)
	if address.KindOf(out.Script) != address.P2TR {
		if origins {
			o.Derivations = addOrigins(o.Derivations, out)
		}
		return nil
	}
	if len(out.InternalKey) > 0 {
		o.TapInternalKey = out.InternalKey
	}
	if len(out.Leaves) > 0 {
		o.TapTree = nil
		for _, leaf := range out.Leaves {
			o.TapTree = append(o.TapTree, TreeLeaf{byte(leaf.Depth), leaf.Version, leaf.Script})
		}
	}
	if origins {
		o.TapDerivations = addTapOrigins(o.TapDerivations, out)
	}
	return nil
}

// DropTransactions leaves out the whole transactions that inputs spend when all
// of them are of taproot, whose signatures commit to what they spend (Core's
// RemoveUnnecessaryTransactions). Not for signatures that commit to their own
// input alone.
func (p *Packet) DropTransactions(sighash uint32) {
	const anyoneCanPay = 0x80
	if sighash&anyoneCanPay != 0 {
		return
	}
	for i := range p.Inputs {
		if out := p.Inputs[i].WitnessUTXO; out == nil || !futureWitness(out.PkScript) {
			return
		}
	}
	for i := range p.Inputs {
		p.Inputs[i].NonWitnessUTXO = nil
	}
}

// futureWitness reports whether a script is a witness program of version 1 or
// more.
func futureWitness(script []byte) bool {
	const op1, op16 = 0x51, 0x60
	return len(script) >= 4 && len(script) <= 42 && script[0] >= op1 && script[0] <= op16 && int(script[1]) == len(script)-2
}
