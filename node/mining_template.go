package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/pow"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/template"
)

// Policy of long polls for block templates.
const (
	longPollCalm = 5 * time.Second // before new transactions end one
	longPollMax  = 5 * time.Minute
)

var errMode = rpc.CodeInvalidParameter.New("Invalid mode")

// templateRequest is what getblocktemplate takes.
type templateRequest struct {
	Mode       json.RawMessage `json:"mode"`
	Data       json.RawMessage `json:"data"`
	Rules      []string        `json:"rules"`
	LongPollID json.RawMessage `json:"longpollid"`
}

// templateJSON is what getblocktemplate returns, in Core's order.
type templateJSON struct {
	Capabilities      []string         `json:"capabilities"`
	Version           int32            `json:"version"`
	Rules             []string         `json:"rules"`
	VBAvailable       map[string]int   `json:"vbavailable"`
	VBRequired        int              `json:"vbrequired"`
	PreviousBlockHash string           `json:"previousblockhash"`
	Transactions      []templateTxJSON `json:"transactions"`
	CoinbaseAux       struct{}         `json:"coinbaseaux"`
	CoinbaseValue     int64            `json:"coinbasevalue"` // satoshis
	LongPollID        string           `json:"longpollid"`
	Target            string           `json:"target"`
	MinTime           int64            `json:"mintime"`
	Mutable           []string         `json:"mutable"`
	NonceRange        string           `json:"noncerange"`
	SigOpLimit        int              `json:"sigoplimit"`
	SizeLimit         int              `json:"sizelimit"`
	WeightLimit       int              `json:"weightlimit"`
	CurTime           int64            `json:"curtime"`
	Bits              string           `json:"bits"`
	Height            int32            `json:"height"`
	Commitment        string           `json:"default_witness_commitment"`
}

type templateTxJSON struct {
	Data    string `json:"data"`
	TxID    string `json:"txid"`
	Hash    string `json:"hash"`
	Depends []int  `json:"depends"` // places in the block, from 1
	Fee     int64  `json:"fee"`     // satoshis
	SigOps  int64  `json:"sigops"`  // cost
	Weight  int64  `json:"weight"`
}

func (h *Host) getBlockTemplate(ctx context.Context, r *rpc.Request) (any, error) {
	var req templateRequest
	if err := r.Decode(0, &req); err != nil {
		return nil, err
	}
	mode := "template"
	if given(req.Mode) && json.Unmarshal(req.Mode, &mode) != nil {
		return nil, errMode
	}
	switch mode {
	case "proposal":
		var data string
		if !given(req.Data) || json.Unmarshal(req.Data, &data) != nil {
			return nil, rpc.CodeType.New("Missing data String key for proposal")
		}
		return h.propose(data)
	case "template":
	default:
		return nil, errMode
	}
	if given(req.LongPollID) {
		id := ""
		if json.Unmarshal(req.LongPollID, &id) != nil {
			// Core takes anything else for the state of now.
			id = longPollID(h.chain.Tip().Hash, h.pool.Seq())
		}
		if err := h.longPoll(ctx, id); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(req.Rules, "segwit") {
		return nil, rpc.CodeInvalidParameter.New(`getblocktemplate must be called with the segwit rule set (call with {"rules": ["segwit"]})`)
	}
	t, id, err := h.template(ctx, []byte{txscript.OP_TRUE})
	if err != nil {
		return nil, err
	}
	reply := templateReply(t, id)
	switch template.TestDummy(h.params, h.chain.ByHash(t.Block.Header.PrevBlock)) {
	case template.Started, template.LockedIn:
		reply.VBAvailable["testdummy"] = template.TestDummyBit
	case template.Active:
		reply.Rules = slices.Insert(reply.Rules, len(reply.Rules)-1, "testdummy")
	}
	return reply, nil
}

// given says whether a key is there and not null.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// longPoll holds a call until there is newer work. That it has waited for very
// long is no error.
func (h *Host) longPoll(ctx context.Context, id string) error {
	if len(id) < chainhash.MaxHashStringSize {
		return rpc.CodeInvalidParameter.New("longpollid is none that this node gave")
	}
	if err := rpc.Park(ctx); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, longPollMax)
	defer cancel()
	err := h.awaitWork(waiting, id, longPollCalm)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func templateReply(t *template.Template, id string) templateJSON {
	header := t.Block.Header
	target, _, _ := pow.TargetFromBits(header.Bits)
	reply := templateJSON{
		Capabilities:      []string{"proposal"},
		Version:           header.Version,
		Rules:             []string{"csv", "!segwit", "taproot"},
		VBAvailable:       map[string]int{},
		PreviousBlockHash: header.PrevBlock.String(),
		Transactions:      make([]templateTxJSON, 0, len(t.Entries)),
		CoinbaseValue:     t.Reward,
		LongPollID:        id,
		Target:            fmt.Sprintf("%064x", target),
		MinTime:           t.MinTime,
		Mutable:           []string{"time", "transactions", "prevblock"},
		NonceRange:        "00000000ffffffff",
		SigOpLimit:        consensus.MaxBlockSigOpsCost,
		SizeLimit:         consensus.MaxBlockWeight,
		WeightLimit:       consensus.MaxBlockWeight,
		CurTime:           header.Timestamp.Unix(),
		Bits:              fmt.Sprintf("%08x", header.Bits),
		Height:            t.Height,
		Commitment:        hex.EncodeToString(t.Commitment),
	}
	place := make(map[chainhash.Hash]int, len(t.Entries))
	for i, e := range t.Entries {
		place[e.TxID] = i + 1
		tx := templateTxJSON{
			Data: hex.EncodeToString(consensus.EncodeTx(e.Tx)), TxID: e.TxID.String(), Hash: e.WTxID.String(),
			Depends: []int{}, Fee: e.Fee, SigOps: e.SigOpCost, Weight: e.Weight,
		}
		for _, parent := range e.Parents {
			if at := place[parent]; at > 0 {
				tx.Depends = append(tx.Depends, at)
			}
		}
		reply.Transactions = append(reply.Transactions, tx)
	}
	return reply
}
