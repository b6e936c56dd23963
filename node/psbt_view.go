package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

func (w *wallets) showPSBT(ctx context.Context, r rpc.PSBTRequest) (rpc.PSBTView, error) {
	p, err := readablePacket(r.PSBT)
	if err != nil {
		return rpc.PSBTView{}, err
	}
	// What the chain knows of its coins is shown, though not in the PSBT.
	if err := w.host.addUTXOs(ctx, p, anyScript); err != nil {
		return rpc.PSBTView{}, err
	}
	return w.viewPSBT(ctx, p)
}

// viewPSBT explains a packet, and looks its coins up.
func (w *wallets) viewPSBT(ctx context.Context, p *psbt.Packet) (rpc.PSBTView, error) {
	v := w.explainPSBT(p)
	return v, w.checkCoins(ctx, p, &v)
}

func (w *wallets) explainPSBT(p *psbt.Packet) rpc.PSBTView {
	v := rpc.PSBTView{
		TxID: p.Tx.TxHash().String(), Version: uint32(p.Tx.Version), LockTime: p.Tx.LockTime, Complete: p.Complete(),
		Inputs: []rpc.PSBTInput{}, Outputs: []rpc.PSBTOutput{},
	}
	a := p.Analyze()
	v.Invalid, v.VSize = a.Invalid, a.VSize
	if fee, ok := packetFee(p); ok && fee < 0 {
		v.Invalid = "its outputs are worth " + (-fee).String() + " more than its inputs"
	} else if ok {
		sum := fee
		for _, out := range p.Tx.TxOut {
			sum += consensus.Amount(out.Value)
		}
		v.Fee, v.Sum = &fee, &sum
		if v.VSize > 0 {
			v.FeeRate = math.Round(float64(fee)/float64(v.VSize)*1000) / 1000
		}
	}
	known := w.signers()
	for _, x := range p.XPubs {
		k := signerKey(nil, x.Origin, known)
		k.Key = encodeBase58Check(x.Key[:])
		v.XPubs = append(v.XPubs, k)
	}
	next := psbt.Extractor
	for i := range p.Inputs {
		var how psbt.InputAnalysis
		if i < len(a.Inputs) {
			how = a.Inputs[i]
		}
		in := w.viewInput(p, i, how, known)
		if how.Next == psbt.Updater && len(in.Missing) > 0 && noScriptMissing(how) {
			how.Next = psbt.SignerRole // Core does not tell for taproot
		}
		next = min(next, how.Next)
		v.Inputs = append(v.Inputs, in)
	}
	v.Next = next.String()
	for _, out := range p.Tx.TxOut {
		o := rpc.PSBTOutput{Amount: rpc.Amount(out.Value), Script: hex.EncodeToString(out.PkScript), Wallets: w.namesOf(out.PkScript)}
		o.Address, _ = address.Encode(out.PkScript, w.host.params)
		if len(out.PkScript) > 0 && out.PkScript[0] == txscript.OP_RETURN {
			o.Data = hex.EncodeToString(pushed(out.PkScript[1:]))
		}
		v.Outputs = append(v.Outputs, o)
	}
	return v
}

func noScriptMissing(how psbt.InputAnalysis) bool {
	return how.HasUTXO && how.MissingRedeemScript == nil && how.MissingWitnessScript == nil && len(how.MissingPubKeys) == 0
}

// pushed joins the data that a script pushes.
func pushed(script []byte) (data []byte) {
	t := txscript.MakeScriptTokenizer(0, script)
	for t.Next() {
		data = append(data, t.Data()...)
	}
	return data
}

// namesOf are the names of the wallets that a script is an address of.
func (w *wallets) namesOf(script []byte) []string {
	names := []string{}
	owners, err := wallet.OwnersOf(w.host.store, script)
	if err != nil {
		return names
	}
	for _, o := range owners {
		if file := w.vault.Wallet(int(o.Wallet)); file != nil {
			names = append(names, file.Name())
		}
	}
	return names
}

func signerKey(pub []byte, from psbt.Origin, known *signers) rpc.PSBTKey {
	k := rpc.PSBTKey{Key: hex.EncodeToString(pub)}
	if fingerprint := hex.EncodeToString(from.Fingerprint[:]); from.Fingerprint != [4]byte{} {
		k.Fingerprint, k.Path = fingerprint, pathText(from.Path)
	}
	k.Wallets = known.names(pub, from)
	return k
}

func (w *wallets) viewInput(p *psbt.Packet, i int, how psbt.InputAnalysis, known *signers) rpc.PSBTInput {
	in, txIn := &p.Inputs[i], p.Tx.TxIn[i]
	v := rpc.PSBTInput{
		Coin: txIn.PreviousOutPoint.String(), Sequence: txIn.Sequence, Wallets: []string{},
		Signed: []rpc.PSBTKey{}, Missing: []rpc.PSBTKey{}, Leaves: len(in.TapLeaves),
	}
	if in.Sighash != nil {
		v.Sighash = sighashName(*in.Sighash)
	}
	spent, ok := p.UTXO(i)
	if err := p.CheckUTXO(i); err != nil {
		v.Status = err.Error()
		return v
	}
	if !ok {
		v.Status = "the coin that it spends is not known: it is neither in the PSBT nor in the chain"
		return v
	}
	amount := rpc.Amount(spent.Value)
	v.Amount, v.Wallets = &amount, w.namesOf(spent.PkScript)
	v.Address, _ = address.Encode(spent.PkScript, w.host.params)
	script := spent.PkScript
	for _, inner := range [][]byte{in.RedeemScript, in.WitnessScript} {
		if len(inner) > 0 {
			script = inner
		}
	}
	v.Required, _, _ = address.ParseMultisig(script)
	if how.Final || in.Final() {
		v.Status = "final"
		if !how.Final {
			v.Status = "final, but it does not hold"
		}
		return v
	}
	if address.KindOf(spent.PkScript) == address.P2TR {
		viewTap(in, spent.PkScript, &v, known)
	} else {
		viewKeys(in, &v, known)
	}
	v.Status = statusOf(how)
	return v
}

// viewKeys lists the keys of ECDSA.
func viewKeys(in *psbt.Input, v *rpc.PSBTInput, known *signers) {
	origins := make(map[string]psbt.Origin)
	for _, d := range in.Derivations {
		origins[string(d.PubKey)] = d.Origin
	}
	signed := make(map[string]bool)
	for _, s := range in.PartialSigs {
		signed[string(s.PubKey)] = true
		v.Signed = append(v.Signed, signerKey(s.PubKey, origins[string(s.PubKey)], known))
	}
	for _, d := range in.Derivations {
		if !signed[string(d.PubKey)] {
			v.Missing = append(v.Missing, signerKey(d.PubKey, d.Origin, known))
		}
	}
}

// viewTap lists the keys of the key path and of the leaves.
func viewTap(in *psbt.Input, script []byte, v *rpc.PSBTInput, known *signers) {
	internal := in.TapInternalKey
	if internal == nil {
		internal = script[2:]
	}
	if len(in.TapKeySig) > 0 {
		v.Signed = append(v.Signed, rpc.PSBTKey{Key: hex.EncodeToString(internal)})
	}
	if hex.EncodeToString(internal) == psbt.Nobody && len(in.TapLeaves) == 1 {
		v.Required = requiredOf(in.TapLeaves[0].Script)
	}
	signed := make(map[string]bool)
	for _, s := range in.TapScriptSigs {
		k := rpc.PSBTKey{Key: hex.EncodeToString(s.PubKey[:])}
		for _, d := range in.TapDerivations {
			if d.PubKey == s.PubKey {
				k = signerKey(d.PubKey[:], d.Origin, known)
			}
		}
		k.Leaf = hex.EncodeToString(s.Leaf[:])
		signed[k.Key+k.Leaf] = true
		v.Signed = append(v.Signed, k)
	}
	for _, d := range in.TapDerivations {
		k := signerKey(d.PubKey[:], d.Origin, known)
		if !wallet.CanSign(d.PubKey[:], d.Origin.Fingerprint) {
			continue
		}
		if bytes.Equal(d.PubKey[:], internal) && len(in.TapKeySig) == 0 {
			v.Missing = append(v.Missing, k)
		}
		for _, leaf := range d.Leaves {
			if k.Leaf = hex.EncodeToString(leaf[:]); !signed[k.Key+k.Leaf] && len(in.TapKeySig) == 0 {
				v.Missing = append(v.Missing, k)
			}
		}
	}
}

// requiredOf is how many signatures a script of multi_a asks for; 0 for others.
func requiredOf(script []byte) int {
	var ops []byte
	t := txscript.MakeScriptTokenizer(0, script)
	for t.Next() {
		ops = append(ops, t.Opcode())
	}
	n := len(ops)
	if t.Err() != nil || n < 4 || ops[n-1] != txscript.OP_NUMEQUAL || ops[n-2] < txscript.OP_1 || ops[n-2] > txscript.OP_16 {
		return 0
	}
	for i, op := range ops[:n-2] {
		want := byte(txscript.OP_CHECKSIGADD)
		switch {
		case i%2 == 0:
			want = txscript.OP_DATA_32
		case i == 1:
			want = txscript.OP_CHECKSIG
		}
		if op != want {
			return 0
		}
	}
	return int(ops[n-2]-txscript.OP_1) + 1
}

// statusOf says what an open input needs.
func statusOf(how psbt.InputAnalysis) string {
	if how.Next == psbt.Finalizer {
		return "ready to be finalized"
	}
	var lack []string
	switch {
	case how.MissingRedeemScript != nil:
		lack = append(lack, "its redeem script")
	case how.MissingWitnessScript != nil:
		lack = append(lack, "its witness script")
	case len(how.MissingPubKeys) > 0:
		lack = append(lack, "its public key")
	}
	if lack != nil {
		return "lacks " + strings.Join(lack, ", ")
	}
	if how.Lacks != "" {
		return how.Lacks
	}
	return "waits for signatures"
}

// sighashName is a sighash type in words.
func sighashName(kind uint32) string {
	if kind == 0 {
		return "DEFAULT"
	}
	if name := sighashNames[byte(kind)]; name != "" && kind <= 0xff {
		return strings.Trim(name, "[]")
	}
	return fmt.Sprintf("0x%x", kind)
}
