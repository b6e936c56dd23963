package mempool

import (
	"errors"
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
	MaxFeerateExceeded   consensus.Kind = "max feerate exceeded"
	TRUCViolation        consensus.Kind = "TRUC-violation"
	// ReplacementDisallowed: several transactions are tested together.
	ReplacementDisallowed consensus.Kind = "bip125-replacement-disallowed"
)

// Kinds of refused packages.
const (
	// TransactionFailed: the refusal of one of the transactions says why.
	TransactionFailed    consensus.Kind = "transaction failed"
	PackageTooMany       consensus.Kind = "package-too-many-transactions"
	PackageTooLarge      consensus.Kind = "package-too-large"
	PackageDuplicates    consensus.Kind = "package-contains-duplicates"
	PackageNotSorted     consensus.Kind = "package-not-sorted"
	PackageConflict      consensus.Kind = "conflict-in-package"
	PackageNotFamily     consensus.Kind = "package-not-child-with-parents"
	PackageParentAbsent  consensus.Kind = "package-not-child-with-unconfirmed-parents"
	PackageMempoolLimits consensus.Kind = "package-mempool-limits"
)

// mendable is a refusal for a fee that a child in the same package could make up
// for (Core's TX_RECONSIDERABLE).
type mendable struct{ refusal *consensus.Error }

// Error returns the refusal's text.
func (e mendable) Error() string { return e.refusal.Error() }

// Unwrap returns the refusal.
func (e mendable) Unwrap() error { return e.refusal }

// reconsider returns a refusal that a package may mend.
func reconsider(kind consensus.Kind, debug string, args ...any) error {
	return mendable{&consensus.Error{Kind: kind, Sort: consensus.NotYet, Debug: fmt.Sprintf(debug, args...)}}
}

// mayMend says whether a transaction that was refused may pass in a package.
func mayMend(err error) bool {
	_, low := errors.AsType[mendable](err)
	return low || errors.Is(err, consensus.BadTxnsInputsMissingOrSpent)
}

// policy returns a refusal by this pool's policy. Its sort is NotYet: another
// pool, or this one at another time, may take the same transaction.
func policy(kind consensus.Kind, debug string, args ...any) error {
	return &consensus.Error{Kind: kind, Sort: consensus.NotYet, Debug: fmt.Sprintf(debug, args...)}
}

// local returns a failure of this machine.
func local(doing string, err error) error {
	return fmt.Errorf("mempool: %s: %w", doing, err)
}
