package rpc

// RescanRequest asks for one more search for a wallet's coins: lode_rescan.
type RescanRequest struct {
	Wallet string `json:"wallet,omitempty"`
	From   int32  `json:"from,omitempty"` // height of the first block of interest
	Gap    int    `json:"gap,omitempty"`  // unused addresses in a row that end the search; 0 is 20
}

// Rescanned is the Result of a rescan job.
type Rescanned struct {
	Wallets    []Wallet `json:"wallets"`     // with what they have now; none of them where there are many
	From       int32    `json:"from"`        // height
	Height     int32    `json:"height"`      // of the tip
	BlocksRead int64    `json:"blocks_read"` // of all in between: the others' filters told that there is nothing
}

// FeeEstimate is the reply of estimatesmartfee. There always is a feerate.
type FeeEstimate struct {
	FeeRate Amount `json:"feerate"` // per 1,000 vbytes
	Blocks  int    `json:"blocks"`  // the target
	Reason  string `json:"reason"`  // what the estimate rests on; lode's own
}
