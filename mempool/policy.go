package mempool

import "time"

// Policy is what a pool takes and keeps: the settings of Core's that concern its
// mempool. Rates are satoshis per 1,000 vbytes.
type Policy struct {
	RequireStandard     bool          // refuse transactions of unusual form
	MinRelayFee         int64         // -minrelaytxfee
	IncrementalRelayFee int64         // -incrementalrelayfee: what a replacement pays for its own relay
	DustRelayFee        int64         // -dustrelayfee
	MaxDataCarrier      int           // -datacarriersize: bytes of an OP_RETURN script
	MaxMemory           int64         // -maxmempool: bytes in this process
	Expiry              time.Duration // -mempoolexpiry
	MaxAncestors        int           // -limitancestorcount: itself included
	MaxAncestorSize     int64         // -limitancestorsize: vbytes
	MaxDescendants      int           // -limitdescendantcount
	MaxDescendantSize   int64         // -limitdescendantsize
	MaxReplaced         int           // MAX_REPLACEMENT_CANDIDATES: transactions that one may replace
}

// DefaultPolicy returns Core 28.1's defaults.
func DefaultPolicy() Policy {
	return Policy{
		RequireStandard:     true,
		MinRelayFee:         1_000,
		IncrementalRelayFee: 1_000,
		DustRelayFee:        3_000,
		MaxDataCarrier:      83,
		MaxMemory:           300_000_000,
		Expiry:              336 * time.Hour,
		MaxAncestors:        25,
		MaxAncestorSize:     101_000,
		MaxDescendants:      25,
		MaxDescendantSize:   101_000,
		MaxReplaced:         100,
	}
}

const (
	// Core's carve-out (policy): one small child more than the limit, with a
	// single ancestor, so that both parties of a contract can raise its fee.
	carveOutSize = 10_000 // vbytes, EXTRA_DESCENDANT_TX_SIZE_LIMIT

	rollingHalfLife = 12 * time.Hour // of the floor, ROLLING_FEE_HALFLIFE
	// maxReturning bounds the transactions that come back in one reorganisation,
	// in bytes (policy, MAX_DISCONNECTED_TX_POOL_BYTES). Beyond it the latest
	// blocks' are given up first, as they may depend on the others.
	maxReturning = 20_000_000
)
