package mempool

import (
	"fmt"

	"github.com/lode-chain/lode/consensus"
)

// Kinds of transactions that the pool refuses although a block could hold them,
// with Core's reject strings. What breaks a consensus rule has its kind in
// package consensus. A missing input is consensus.BadTxnsInputsMissingOrSpent;
// testmempoolaccept calls it "missing-inputs".
const (
	Coinbase             consensus.Kind = "coinbase"
	Version              consensus.Kind = "version"
	TxSize               consensus.Kind = "tx-size"
	TxSizeSmall          consensus.Kind = "tx-size-small"
	ScriptSigSize        consensus.Kind = "scriptsig-size"
	ScriptSigNotPushOnly consensus.Kind = "scriptsig-not-pushonly"
	ScriptPubKey         consensus.Kind = "scriptpubkey"
	Dust                 consensus.Kind = "dust"
	MultiOpReturn        consensus.Kind = "multi-op-return"
	NonFinal             consensus.Kind = "non-final"
	NonBIP68Final        consensus.Kind = "non-BIP68-final"
	AlreadyInMempool     consensus.Kind = "txn-already-in-mempool"
	SameNonWitnessData   consensus.Kind = "txn-same-nonwitness-data-in-mempool"
	AlreadyKnown         consensus.Kind = "txn-already-known"
	NonstandardInputs    consensus.Kind = "bad-txns-nonstandard-inputs"
	NonstandardWitness   consensus.Kind = "bad-witness-nonstandard"
	TooManySigops        consensus.Kind = "bad-txns-too-many-sigops"
	MinRelayFeeNotMet    consensus.Kind = "min relay fee not met"
	MempoolMinFeeNotMet  consensus.Kind = "mempool min fee not met"
	TooLongMempoolChain  consensus.Kind = "too-long-mempool-chain"
	SpendsConflictingTx  consensus.Kind = "bad-txns-spends-conflicting-tx"
	InsufficientFee      consensus.Kind = "insufficient fee"
	TooManyReplacements  consensus.Kind = "too many potential replacements"
	ReplacementAddsInput consensus.Kind = "replacement-adds-unconfirmed"
	MempoolFull          consensus.Kind = "mempool full"
)

// policy returns a refusal by this pool's policy. Its sort is NotYet: another
// pool, or this one at another time, may take the same transaction.
func policy(kind consensus.Kind, debug string, args ...any) error {
	return &consensus.Error{Kind: kind, Sort: consensus.NotYet, Debug: fmt.Sprintf(debug, args...)}
}

// local returns a failure of this machine.
func local(doing string, err error) error {
	return fmt.Errorf("mempool: %s: %w", doing, err)
}
