package consensus

// scriptError is why a script fails, in the words of Core (ScriptErrorString);
// empty when it does not.
type scriptError string

// Error returns the text.
func (e scriptError) Error() string { return string(e) }

// Reasons for which scripts fail, under Core's names.
const (
	scriptOK scriptError = ""

	errUnknown                scriptError = "unknown error"
	errEvalFalse              scriptError = "Script evaluated without error but finished with a false/empty top stack element"
	errOpReturn               scriptError = "OP_RETURN was encountered"
	errScriptSize             scriptError = "Script is too big"
	errPushSize               scriptError = "Push value size limit exceeded"
	errOpCount                scriptError = "Operation limit exceeded"
	errStackSize              scriptError = "Stack size limit exceeded"
	errSigCount               scriptError = "Signature count negative or greater than pubkey count"
	errPubkeyCount            scriptError = "Pubkey count negative or limit exceeded"
	errVerify                 scriptError = "Script failed an OP_VERIFY operation"
	errEqualVerify            scriptError = "Script failed an OP_EQUALVERIFY operation"
	errCheckMultisigVerify    scriptError = "Script failed an OP_CHECKMULTISIGVERIFY operation"
	errCheckSigVerify         scriptError = "Script failed an OP_CHECKSIGVERIFY operation"
	errNumEqualVerify         scriptError = "Script failed an OP_NUMEQUALVERIFY operation"
	errBadOpcode              scriptError = "Opcode missing or not understood"
	errDisabledOpcode         scriptError = "Attempted to use a disabled opcode"
	errInvalidStack           scriptError = "Operation not valid with the current stack size"
	errInvalidAltStack        scriptError = "Operation not valid with the current altstack size"
	errUnbalancedConditional  scriptError = "Invalid OP_IF construction"
	errNegativeLockTime       scriptError = "Negative locktime"
	errUnsatisfiedLockTime    scriptError = "Locktime requirement not satisfied"
	errSigHashType            scriptError = "Signature hash type missing or not understood"
	errSigDER                 scriptError = "Non-canonical DER signature"
	errMinimalData            scriptError = "Data push larger than necessary"
	errSigPushOnly            scriptError = "Only push operators allowed in signatures"
	errSigHighS               scriptError = "Non-canonical signature: S value is unnecessarily high"
	errSigNullDummy           scriptError = "Dummy CHECKMULTISIG argument must be zero"
	errPubkeyType             scriptError = "Public key is neither compressed or uncompressed"
	errCleanStack             scriptError = "Stack size must be exactly one after execution"
	errMinimalIf              scriptError = "OP_IF/NOTIF argument must be minimal"
	errSigNullFail            scriptError = "Signature must be zero for failed CHECK(MULTI)SIG operation"
	errDiscourageNops         scriptError = "NOPx reserved for soft-fork upgrades"
	errDiscourageWitness      scriptError = "Witness version reserved for soft-fork upgrades"
	errDiscourageLeaf         scriptError = "Taproot version reserved for soft-fork upgrades"
	errDiscourageOpSuccess    scriptError = "OP_SUCCESSx reserved for soft-fork upgrades"
	errDiscouragePubkeyType   scriptError = "Public key version reserved for soft-fork upgrades"
	errWitnessWrongLength     scriptError = "Witness program has incorrect length"
	errWitnessEmpty           scriptError = "Witness program was passed an empty witness"
	errWitnessMismatch        scriptError = "Witness program hash mismatch"
	errWitnessMalleated       scriptError = "Witness requires empty scriptSig"
	errWitnessMalleatedP2SH   scriptError = "Witness requires only-redeemscript scriptSig"
	errWitnessUnexpected      scriptError = "Witness provided for non-witness script"
	errWitnessPubkeyType      scriptError = "Using non-compressed keys in segwit"
	errSchnorrSigSize         scriptError = "Invalid Schnorr signature size"
	errSchnorrSigHashType     scriptError = "Invalid Schnorr signature hash type"
	errSchnorrSig             scriptError = "Invalid Schnorr signature"
	errTaprootControlSize     scriptError = "Invalid Taproot control block size"
	errTapscriptWeight        scriptError = "Too much signature validation relative to witness weight"
	errTapscriptCheckMultisig scriptError = "OP_CHECKMULTISIG(VERIFY) is not available in tapscript"
	errTapscriptMinimalIf     scriptError = "OP_IF/NOTIF argument must be minimal in tapscript"
	errCodeSeparator          scriptError = "Using OP_CODESEPARATOR in non-witness script"
	errSigFindAndDelete       scriptError = "Signature is found in scriptCode"
)
