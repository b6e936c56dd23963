package rpc

import (
	"bytes"
	"context"
)

// SignedAmount is an Amount that may be below zero, as a change of a balance is.
type SignedAmount Amount

// String returns the amount with its sign.
func (a SignedAmount) String() string {
	if a < 0 {
		return "-" + Amount(-a).String()
	}
	return "+" + Amount(a).String()
}

// MarshalJSON implements json.Marshaler: as an Amount, with a minus before it.
func (a SignedAmount) MarshalJSON() ([]byte, error) {
	if a >= 0 {
		return Amount(a).MarshalJSON()
	}
	text, err := Amount(-a).MarshalJSON()
	return append([]byte("-"), text...), err
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *SignedAmount) UnmarshalJSON(text []byte) error {
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	var v Amount
	if err := v.UnmarshalJSON(digits); err != nil {
		return err
	}
	if *a = SignedAmount(v); negative {
		*a = -*a
	}
	return nil
}

// MaxHistory is how many payments one call of lode_history returns. Policy.
const MaxHistory = 10_000

// HistoryRequest is the request of lode_history: a page of what a wallet paid
// and was paid, the newest first.
type HistoryRequest struct {
	Wallet string `json:"wallet,omitempty"`
	Limit  int    `json:"limit,omitempty"` // entries at most; 0 is 20
	Skip   int    `json:"skip,omitempty"`  // newer entries to leave out
}

// History is the reply of lode_history.
type History struct {
	Wallet  string         `json:"wallet"`
	Number  int            `json:"number"`
	Total   int            `json:"total"` // entries there are in all
	Skip    int            `json:"skip"`
	Balance Amount         `json:"balance"` // after the newest: spendable, pending and immature together
	Entries []HistoryEntry `json:"entries"`
}

// The directions of a HistoryEntry.
const (
	DirectionIn    = "in"    // paid by somebody else
	DirectionOut   = "out"   // paid to somebody else
	DirectionSelf  = "self"  // paid to itself: only the fee left
	DirectionMined = "mined" // a block's reward
)

// HistoryEntry is one payment as one wallet sees it.
type HistoryEntry struct {
	TxID          string       `json:"txid"`
	Direction     string       `json:"direction"`
	Amount        SignedAmount `json:"amount"`         // by which the wallet's balance changed, the fee included
	Fee           *Amount      `json:"fee,omitempty"`  // where the wallet paid it
	Balance       Amount       `json:"balance"`        // after this entry
	With          string       `json:"with,omitempty"` // the other side: a wallet's name, else an address
	Label         string       `json:"label,omitempty"`
	Address       string       `json:"address,omitempty"`  // that was paid
	Others        int          `json:"others,omitempty"`   // more addresses that were paid
	Confirmations int32        `json:"confirmations"`      // 0 while it waits for a block
	Immature      int32        `json:"immature,omitempty"` // blocks until a reward can be spent
	Height        int32        `json:"height,omitempty"`
	Time          int64        `json:"time"` // Unix seconds: of the block, else when it came in; 0 when that is not known
	// State is set for a payment of the wallet's own that is neither in a block nor in
	// the mempool. Balances do not count it.
	State string `json:"state,omitempty"`
}

// The states of a HistoryEntry.
const (
	StateLost       = "lost"       // submitted again after each block; its coins are kept for it until it is given up
	StateAbandoned  = "abandoned"  // given up
	StateConflicted = "conflicted" // another payment has spent its coins
)

// ReceiveRequest is the request of lode_receive: an address of a wallet to be
// paid at. It is the last one given out while that was never paid, else the next
// one; New asks for the next one always.
type ReceiveRequest struct {
	Wallet string `json:"wallet,omitempty"`
	New    bool   `json:"new,omitempty"`
	Label  string `json:"label,omitempty"` // remembered of the address
}

// Received is the reply of lode_receive.
type Received struct {
	Wallet  string `json:"wallet"`
	Number  int    `json:"number"`
	Address string `json:"address"`
	Label   string `json:"label,omitempty"`
	New     bool   `json:"new"` // given out by this call
	// RestoreGap is the gap limit with which a search for the words finds this
	// address; 0 where the common 20 do.
	RestoreGap int `json:"restore_gap,omitempty"`
}

// LabelRequest is the request of lode_label: what to remember of an address,
// one's own or another's. An empty text takes the label away.
type LabelRequest struct {
	Wallet  string `json:"wallet,omitempty"`
	Address string `json:"address"`
	Label   string `json:"label"`
}

// History calls lode_history.
func (c *Client) History(ctx context.Context, r HistoryRequest) (History, error) {
	return ask[History](ctx, c, "lode_history", r)
}

// Receive calls lode_receive.
func (c *Client) Receive(ctx context.Context, r ReceiveRequest) (Received, error) {
	return ask[Received](ctx, c, "lode_receive", r)
}

// Label calls lode_label.
func (c *Client) Label(ctx context.Context, r LabelRequest) error {
	return c.Call(ctx, "lode_label", nil, r)
}
