package consensus

import (
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// txscriptFlags are txscript's names for the rules that it knows.
var txscriptFlags = map[Flags]txscript.ScriptFlags{
	VerifyP2SH: txscript.ScriptBip16, VerifyStrictEnc: txscript.ScriptVerifyStrictEncoding,
	VerifyDERSig: txscript.ScriptVerifyDERSignatures, VerifyLowS: txscript.ScriptVerifyLowS,
	VerifyNullDummy: txscript.ScriptStrictMultiSig, VerifySigPushOnly: txscript.ScriptVerifySigPushOnly,
	VerifyMinimalData: txscript.ScriptVerifyMinimalData, VerifyDiscourageNops: txscript.ScriptDiscourageUpgradableNops,
	VerifyCleanStack: txscript.ScriptVerifyCleanStack, VerifyCheckLockTime: txscript.ScriptVerifyCheckLockTimeVerify,
	VerifyCheckSequence: txscript.ScriptVerifyCheckSequenceVerify, VerifyWitness: txscript.ScriptVerifyWitness,
	VerifyDiscourageWitnessProgram: txscript.ScriptVerifyDiscourageUpgradeableWitnessProgram,
	VerifyMinimalIf:                txscript.ScriptVerifyMinimalIf, VerifyNullFail: txscript.ScriptVerifyNullFail,
	VerifyWitnessPubkeyType: txscript.ScriptVerifyWitnessPubKeyType, VerifyTaproot: txscript.ScriptVerifyTaproot,
	VerifyDiscourageTaprootVersion: txscript.ScriptVerifyDiscourageUpgradeableTaprootVersion,
	VerifyDiscourageOpSuccess:      txscript.ScriptVerifyDiscourageOpSuccess,
	VerifyDiscouragePubkeyType:     txscript.ScriptVerifyDiscourageUpgradeablePubkeyType,
	VerifyConstScriptCode:          txscript.ScriptVerifyConstScriptCode,
}

// secondOpinion runs an input through txscript.
func secondOpinion(tx *wire.MsgTx, index int, coins []*Coin, flags Flags) error {
	prevouts := make(map[wire.OutPoint]*wire.TxOut, len(coins))
	for i, in := range tx.TxIn {
		prevouts[in.PreviousOutPoint] = wire.NewTxOut(coins[i].Value, coins[i].Script)
	}
	fetcher := txscript.NewMultiPrevOutFetcher(prevouts)
	var theirs txscript.ScriptFlags
	for ours, f := range txscriptFlags {
		if flags&ours != 0 {
			theirs |= f
		}
	}
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	vm, err := txscript.NewEngine(coins[index].Script, tx, index, theirs, nil, hashes, coins[index].Value, fetcher)
	if err != nil {
		return err
	}
	return vm.Execute()
}

// TestSecondOpinion compares the verdicts on real transactions, as they are and
// with each byte of what unlocks their inputs changed, with those of txscript.
// Only the verdicts are compared: its reasons are others, and it looks at some
// things before running a script that Core looks at after.
func TestSecondOpinion(t *testing.T) {
	n := readVaried(t, true)
	type key struct{ lock, sig, items int }
	seen := map[key]int{}
	compared := 0
	for b := n.tip; b.parent != nil; b = b.parent {
		for i, tx := range b.msg.Transactions[1:] {
			if len(tx.TxIn) > 4 {
				continue
			}
			coins := make([]*Coin, len(tx.TxIn))
			for j := range coins {
				coins[j] = &b.undo.Txs[i][j]
			}
			for j, in := range tx.TxIn {
				// A few of each shape are enough.
				k := key{len(coins[j].Script), len(in.SignatureScript) / 8, len(in.Witness)}
				if seen[k]++; seen[k] > 12 {
					continue
				}
				compared += compareVariants(t, tx.Copy(), j, coins)
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d variants were compared", compared)
	}
}

// compareVariants changes the bytes that unlock an input one at a time.
func compareVariants(t *testing.T, tx *wire.MsgTx, index int, coins []*Coin) (compared int) {
	t.Helper()
	compare := func(what string) {
		compared++
		ours, theirs := runInput(tx, index, coins, MandatoryFlags), secondOpinion(tx, index, coins, MandatoryFlags)
		if (ours == scriptOK) != (theirs == nil) {
			t.Errorf("input %d of %s, %s: %q, txscript: %v", index, tx.TxHash(), what, ours, theirs)
		}
	}
	compare("as it is")
	in := tx.TxIn[index]
	for _, part := range append(wire.TxWitness{in.SignatureScript}, in.Witness...) {
		for i := 0; i < len(part); i += 3 {
			old := part[i]
			part[i] ^= 1 << (i % 8)
			compare("a byte changed")
			part[i] = old
		}
	}
	return compared
}
