package mempool

import (
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
)

// Limits of standard transactions, all policy, with Core's names and values.
const (
	maxStandardVersion    = 3       // TX_MAX_STANDARD_VERSION
	maxStandardWeight     = 400_000 // MAX_STANDARD_TX_WEIGHT
	maxStandardScriptSig  = 1_650   // MAX_STANDARD_SCRIPTSIG_SIZE
	minStandardNonWitness = 65      // MIN_STANDARD_TX_NONWITNESS_SIZE; CVE-2017-12842
	maxStandardSigOpCost  = 16_000  // MAX_STANDARD_TX_SIGOPS_COST
	maxP2SHSigOps         = 15      // MAX_P2SH_SIGOPS
	maxP2WSHScript        = 3_600   // MAX_STANDARD_P2WSH_SCRIPT_SIZE
	maxP2WSHStackItems    = 100     // MAX_STANDARD_P2WSH_STACK_ITEMS
	maxP2WSHStackItem     = 80      // MAX_STANDARD_P2WSH_STACK_ITEM_SIZE
	maxTapscriptStackItem = 80      // MAX_STANDARD_TAPSCRIPT_STACK_ITEM_SIZE
	maxBareMultisigKeys   = 3       // in IsStandard
	maxScriptElement      = 520     // MAX_SCRIPT_ELEMENT_SIZE (consensus)
	maxStack              = 1_000   // items, MAX_STACK_SIZE (consensus)
	bytesPerSigOp         = 20      // DEFAULT_BYTES_PER_SIGOP
	annexTag              = 0x50    // ANNEX_TAG (BIP341)
	tapscriptLeaf         = 0xc0    // TAPROOT_LEAF_TAPSCRIPT
	taprootLeafMask       = 0xfe    // TAPROOT_LEAF_MASK
	dustInputSize         = 148     // of the input that spends a non-witness output
	dustInputSizeWitness  = 67      // of the one that spends a witness output
)

// witnessProgram splits a script into witness version and program (BIP141).
func witnessProgram(script []byte) (version int, program []byte, ok bool) {
	if len(script) < 4 || len(script) > 42 || int(script[1])+2 != len(script) {
		return 0, nil, false
	}
	switch op := script[0]; {
	case op == txscript.OP_0:
		return 0, script[2:], true
	case op >= txscript.OP_1 && op <= txscript.OP_16:
		return int(op-txscript.OP_1) + 1, script[2:], true
	}
	return 0, nil, false
}

// lastPush is the top of the stack after a script of pushes has run; false when
// the script does not run or leaves nothing.
func lastPush(script []byte) (top []byte, ok bool) {
	t := txscript.MakeScriptTokenizer(0, script)
	for items := 1; t.Next(); items++ {
		if items > maxStack {
			return nil, false
		}
		switch op := t.Opcode(); {
		case op == txscript.OP_0:
			top = nil
		case op <= txscript.OP_PUSHDATA4:
			if top = t.Data(); len(top) > maxScriptElement {
				return nil, false
			}
		case op == txscript.OP_1NEGATE:
			top = []byte{0x81}
		case op >= txscript.OP_1 && op <= txscript.OP_16:
			top = []byte{op - txscript.OP_1 + 1}
		default:
			return nil, false
		}
		ok = true
	}
	return top, ok && t.Err() == nil
}

// feeAt is what size vbytes cost at a rate in satoshis per 1,000 vbytes, rounded
// up (Core's CFeeRate::GetFee).
func feeAt(ratePerKvB, size int64) int64 {
	fee := (ratePerKvB*size + 999) / 1000
	if fee == 0 && size != 0 && ratePerKvB > 0 {
		return 1
	}
	return fee
}

// DustThreshold is the smallest value in satoshis that an output with this
// script may have: what it costs to spend it at rate satoshis per 1,000 vbytes
// (policy, Core's GetDustThreshold).
func DustThreshold(script []byte, rate int64) int64 {
	if consensus.Unspendable(script) {
		return 0
	}
	size := int64((&wire.TxOut{PkScript: script}).SerializeSize())
	if _, _, ok := witnessProgram(script); ok {
		size += dustInputSizeWitness
	} else {
		size += dustInputSize
	}
	return feeAt(rate, size)
}

// checkStandard refuses transactions of unusual form (Core's IsStandardTx).
func checkStandard(tx *wire.MsgTx, p *Policy) error {
	if v := uint32(tx.Version); v < 1 || v > maxStandardVersion {
		return policy(Version, "")
	}
	if consensus.Weight(tx) > maxStandardWeight {
		return policy(TxSize, "")
	}
	for _, in := range tx.TxIn {
		if len(in.SignatureScript) > maxStandardScriptSig {
			return policy(ScriptSigSize, "")
		}
		if !txscript.IsPushOnlyScript(in.SignatureScript) {
			return policy(ScriptSigNotPushOnly, "")
		}
	}
	data := 0
	for _, out := range tx.TxOut {
		kind := address.KindOf(out.PkScript)
		if !standardOutput(kind, out.PkScript, p) {
			return policy(ScriptPubKey, "")
		}
		if kind == address.NullData {
			data++
		} else if out.Value < DustThreshold(out.PkScript, p.DustRelayFee) {
			return policy(Dust, "")
		}
	}
	if data > 1 {
		return policy(MultiOpReturn, "")
	}
	return nil
}

// standardOutput says whether outputs of this form are relayed (Core's
// IsStandard).
func standardOutput(kind address.Kind, script []byte, p *Policy) bool {
	switch kind {
	case address.NonStandard:
		return false
	case address.Multisig:
		_, keys, _ := address.ParseMultisig(script)
		return len(keys) <= maxBareMultisigKeys
	case address.NullData:
		return len(script) <= p.MaxDataCarrier
	}
	return true
}

// standardInputs says whether the coins that a transaction spends have a form
// that may be spent (Core's AreInputsStandard).
func standardInputs(tx *wire.MsgTx, coins []*consensus.Coin) bool {
	for i, coin := range coins {
		switch address.KindOf(coin.Script) {
		case address.NonStandard, address.WitnessUnknown:
			return false
		case address.P2SH:
			redeem, ok := lastPush(tx.TxIn[i].SignatureScript)
			if !ok || preciseSigOps(redeem) > maxP2SHSigOps {
				return false
			}
		}
	}
	return true
}

// preciseSigOps counts a redeem script's signature checks, multisigs by their
// number of keys (Core's GetSigOpCount(true)).
func preciseSigOps(script []byte) int {
	t := txscript.MakeScriptTokenizer(0, script)
	count, last := 0, byte(txscript.OP_INVALIDOPCODE)
	for t.Next() {
		switch t.Opcode() {
		case txscript.OP_CHECKSIG, txscript.OP_CHECKSIGVERIFY:
			count++
		case txscript.OP_CHECKMULTISIG, txscript.OP_CHECKMULTISIGVERIFY:
			if last >= txscript.OP_1 && last <= txscript.OP_16 {
				count += int(last-txscript.OP_1) + 1
			} else {
				count += txscript.MaxPubKeysPerMultiSig
			}
		}
		last = t.Opcode()
	}
	return count
}

// standardWitness says whether witnesses keep within the limits of relay (Core's
// IsWitnessStandard).
func standardWitness(tx *wire.MsgTx, coins []*consensus.Coin) bool {
	for i, in := range tx.TxIn {
		if len(in.Witness) == 0 {
			continue
		}
		script, wrapped := coins[i].Script, false
		if address.KindOf(script) == address.P2A {
			return false
		}
		if txscript.IsPayToScriptHash(script) {
			redeem, ok := lastPush(in.SignatureScript)
			if !ok {
				return false
			}
			script, wrapped = redeem, true
		}
		version, program, ok := witnessProgram(script)
		switch {
		case !ok:
			return false
		case version == 0 && len(program) == 32:
			if !standardP2WSH(in.Witness) {
				return false
			}
		case version == 1 && len(program) == 32 && !wrapped:
			if !standardTaproot(in.Witness) {
				return false
			}
		}
	}
	return true
}

func standardP2WSH(witness wire.TxWitness) bool {
	last := len(witness) - 1
	return len(witness[last]) <= maxP2WSHScript && last <= maxP2WSHStackItems && itemsWithin(witness[:last], maxP2WSHStackItem)
}

func standardTaproot(witness wire.TxWitness) bool {
	n := len(witness)
	if n == 1 {
		return true // key path
	}
	last := witness[n-1]
	if len(last) == 0 || last[0] == annexTag {
		return false
	}
	return last[0]&taprootLeafMask != tapscriptLeaf || itemsWithin(witness[:n-2], maxTapscriptStackItem)
}

func itemsWithin(items wire.TxWitness, size int) bool {
	for _, item := range items {
		if len(item) > size {
			return false
		}
	}
	return true
}
