package miner

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/template"
)

// Caller calls JSON-RPC methods: lode's client, or another of the same form.
type Caller interface {
	Call(ctx context.Context, method string, result any, params ...any) error
}

// RPCSource takes work from a node over getblocktemplate and hands blocks in
// over submitblock (BIP22, BIP23, BIP145). The node may be Bitcoin Core.
type RPCSource struct {
	caller Caller
	script []byte
	rand   *rand.Rand
}

// NewRPCSource makes a source whose coinbases pay to script. Rand gives each
// template an extra nonce to begin with, so that miners with the same script do
// not search the same blocks.
func NewRPCSource(c Caller, script []byte, r *rand.Rand) *RPCSource {
	return &RPCSource{caller: c, script: script, rand: r}
}

// templateRequest and templateReply are what getblocktemplate takes and returns,
// as far as it is needed here.
type templateRequest struct {
	Rules      []string `json:"rules"`
	LongPollID string   `json:"longpollid,omitempty"`
}

type templateReply struct {
	Version           int32  `json:"version"`
	PreviousBlockHash string `json:"previousblockhash"`
	Transactions      []struct {
		Data string `json:"data"`
	} `json:"transactions"`
	CoinbaseValue int64  `json:"coinbasevalue"`
	LongPollID    string `json:"longpollid"`
	CurTime       int64  `json:"curtime"`
	Bits          string `json:"bits"`
	Height        int32  `json:"height"`
	Commitment    string `json:"default_witness_commitment"`
}

// Template asks for a template. With the LongPollID of an earlier one the node
// answers when there is a better one.
func (s *RPCSource) Template(ctx context.Context, longPollID string) (Work, error) {
	var reply templateReply
	err := s.caller.Call(ctx, "getblocktemplate", &reply, templateRequest{Rules: []string{"segwit"}, LongPollID: longPollID})
	if err != nil {
		return Work{}, err
	}
	b, err := reply.block(s.script, s.rand.Uint64())
	if err != nil {
		return Work{}, fmt.Errorf("the node's block template is not usable: %w", err)
	}
	return Work{Block: b, Height: reply.Height, Reward: reply.CoinbaseValue, LongPollID: reply.LongPollID}, nil
}

// block builds the block that a template describes.
func (r *templateReply) block(script []byte, extraNonce uint64) (*wire.MsgBlock, error) {
	commitment, err := hex.DecodeString(r.Commitment)
	if err != nil {
		return nil, fmt.Errorf("default_witness_commitment: %w", err)
	}
	parent, err := chainhash.NewHashFromStr(r.PreviousBlockHash)
	if err != nil {
		return nil, fmt.Errorf("previousblockhash: %w", err)
	}
	bits, err := strconv.ParseUint(r.Bits, 16, 32)
	if err != nil {
		return nil, fmt.Errorf("bits: %w", err)
	}
	b := &wire.MsgBlock{
		Header:       wire.BlockHeader{Version: r.Version, PrevBlock: *parent, Timestamp: time.Unix(r.CurTime, 0), Bits: uint32(bits)},
		Transactions: []*wire.MsgTx{template.Coinbase(r.Height, r.CoinbaseValue, script, commitment, extraNonce)},
	}
	for i, t := range r.Transactions {
		data, err := hex.DecodeString(t.Data)
		if err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
		tx, err := consensus.DecodeTx(data)
		if err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
		b.Transactions = append(b.Transactions, tx)
	}
	template.SetMerkleRoot(b)
	return b, nil
}

// Submit hands a block in. One that the node has already counts as taken: the
// answer to an earlier attempt got lost.
func (s *RPCSource) Submit(ctx context.Context, b *wire.MsgBlock) error {
	var refusal *string
	if err := s.caller.Call(ctx, "submitblock", &refusal, hex.EncodeToString(consensus.EncodeBlock(b))); err != nil {
		return err
	}
	if refusal == nil || *refusal == "duplicate" {
		return nil
	}
	return &RefusedError{Reason: *refusal}
}
