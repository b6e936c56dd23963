package consensus

import "github.com/lode-chain/lode/network"

// Flags say which rules scripts are run under, as a set of bits (Core's
// SCRIPT_VERIFY_*).
type Flags uint32

// The rules that can be switched on.
const (
	VerifyP2SH Flags = 1 << iota
	VerifyStrictEnc
	VerifyDERSig
	VerifyLowS
	VerifyNullDummy
	VerifySigPushOnly
	VerifyMinimalData
	VerifyDiscourageNops
	VerifyCleanStack
	VerifyCheckLockTime
	VerifyCheckSequence
	VerifyWitness
	VerifyDiscourageWitnessProgram
	VerifyMinimalIf
	VerifyNullFail
	VerifyWitnessPubkeyType
	VerifyConstScriptCode
	VerifyTaproot
	VerifyDiscourageTaprootVersion
	VerifyDiscourageOpSuccess
	VerifyDiscouragePubkeyType
)

// MandatoryFlags are the consensus rules once every soft fork is active.
const MandatoryFlags = VerifyP2SH | VerifyDERSig | VerifyNullDummy | VerifyCheckLockTime |
	VerifyCheckSequence | VerifyWitness | VerifyTaproot

// StandardFlags are the rules for transactions that come in from outside:
// consensus and policy (Core's STANDARD_SCRIPT_VERIFY_FLAGS).
const StandardFlags = MandatoryFlags | VerifyStrictEnc | VerifyMinimalData | VerifyDiscourageNops |
	VerifyCleanStack | VerifyMinimalIf | VerifyNullFail | VerifyLowS | VerifyDiscourageWitnessProgram |
	VerifyWitnessPubkeyType | VerifyConstScriptCode | VerifyDiscourageTaprootVersion |
	VerifyDiscourageOpSuccess | VerifyDiscouragePubkeyType

// ScriptFlags returns the consensus rules for scripts in a block at a height
// (Core's GetBlockScriptFlags). P2SH and witnesses are checked at every height,
// taproot from its own.
func ScriptFlags(p *network.Params, height int32) Flags {
	flags := VerifyP2SH | VerifyWitness
	for _, fork := range []struct {
		from  int32
		flags Flags
	}{
		{p.BIP66Height, VerifyDERSig},
		{p.BIP65Height, VerifyCheckLockTime},
		{p.CSVHeight, VerifyCheckSequence},
		{p.SegwitHeight, VerifyNullDummy},
		{p.TaprootHeight, VerifyTaproot},
	} {
		if height >= fork.from {
			flags |= fork.flags
		}
	}
	return flags
}
