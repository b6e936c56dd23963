package consensus

import (
	"sync"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// engineFlags are txscript's names for the rules.
var engineFlags = [...]struct {
	ours   Flags
	theirs txscript.ScriptFlags
}{
	{VerifyP2SH, txscript.ScriptBip16},
	{VerifyStrictEnc, txscript.ScriptVerifyStrictEncoding},
	{VerifyDERSig, txscript.ScriptVerifyDERSignatures},
	{VerifyLowS, txscript.ScriptVerifyLowS},
	{VerifyNullDummy, txscript.ScriptStrictMultiSig},
	{VerifySigPushOnly, txscript.ScriptVerifySigPushOnly},
	{VerifyMinimalData, txscript.ScriptVerifyMinimalData},
	{VerifyDiscourageNops, txscript.ScriptDiscourageUpgradableNops},
	{VerifyCleanStack, txscript.ScriptVerifyCleanStack},
	{VerifyCheckLockTime, txscript.ScriptVerifyCheckLockTimeVerify},
	{VerifyCheckSequence, txscript.ScriptVerifyCheckSequenceVerify},
	{VerifyWitness, txscript.ScriptVerifyWitness},
	{VerifyDiscourageWitnessProgram, txscript.ScriptVerifyDiscourageUpgradeableWitnessProgram},
	{VerifyMinimalIf, txscript.ScriptVerifyMinimalIf},
	{VerifyNullFail, txscript.ScriptVerifyNullFail},
	{VerifyWitnessPubkeyType, txscript.ScriptVerifyWitnessPubKeyType},
	{VerifyConstScriptCode, txscript.ScriptVerifyConstScriptCode},
	{VerifyTaproot, txscript.ScriptVerifyTaproot},
	{VerifyDiscourageTaprootVersion, txscript.ScriptVerifyDiscourageUpgradeableTaprootVersion},
	{VerifyDiscourageOpSuccess, txscript.ScriptVerifyDiscourageOpSuccess},
	{VerifyDiscouragePubkeyType, txscript.ScriptVerifyDiscourageUpgradeablePubkeyType},
}

// judge is what txscript's engine needs of a transaction and its coins. It is
// made once for all inputs, by whichever check comes first.
type judge struct {
	once   sync.Once
	outs   []wire.TxOut
	places map[wire.OutPoint]int // nil where a search of the inputs is as quick
	hashes *txscript.TxSigHashes
}

// searchInputs is the number of inputs up to which the coin of an outpoint is
// searched for among them.
const searchInputs = 8

// accepts runs an input's scripts and witness through txscript. Its error says
// why they are refused, in txscript's words.
func (c *txContext) accepts(input int, flags Flags) error {
	c.judge.once.Do(func() {
		c.judge.outs = make([]wire.TxOut, len(c.coins))
		for i, coin := range c.coins {
			c.judge.outs[i] = wire.TxOut{Value: coin.Value, PkScript: coin.Script}
		}
		if len(c.coins) > searchInputs {
			c.judge.places = make(map[wire.OutPoint]int, len(c.coins))
			for i, in := range c.tx.TxIn {
				c.judge.places[in.PreviousOutPoint] = i
			}
		}
		c.judge.hashes = txscript.NewTxSigHashes(c.tx, c)
	})
	var theirs txscript.ScriptFlags
	for _, f := range engineFlags {
		if flags&f.ours != 0 {
			theirs |= f.theirs
		}
	}
	coin := c.coins[input]
	vm, err := txscript.NewEngine(coin.Script, c.tx, input, theirs, nil, c.judge.hashes, coin.Value, c)
	if err != nil {
		return err
	}
	return vm.Execute()
}

// FetchPrevOutput returns the output that one of the transaction's inputs
// spends; it makes a transaction's context what txscript asks for coins.
func (c *txContext) FetchPrevOutput(op wire.OutPoint) *wire.TxOut {
	if c.judge.places != nil {
		if i, ok := c.judge.places[op]; ok {
			return &c.judge.outs[i]
		}
		return nil
	}
	for i, in := range c.tx.TxIn {
		if in.PreviousOutPoint == op {
			return &c.judge.outs[i]
		}
	}
	return nil
}
