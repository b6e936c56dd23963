// Package template builds blocks to be mined: which of the waiting transactions
// go in and in which order, and everything else that a block needs but the proof
// of work.
//
// It takes values and returns a value: it neither reads the mempool nor the
// clock, and does not search nonces.
package template

import (
	"errors"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/network"
)

// Policy of block building, with Core's values.
const (
	reservedWeight     = 4_000        // for header, count and coinbase
	reservedSigOpsCost = 400          // for the coinbase's outputs
	headerWeight       = 4 * (80 + 9) // and of the count of transactions, at most
)

// Input is what a block is built from.
type Input struct {
	Params     *network.Params
	Parent     *chain.Entry
	Now        int64            // Unix seconds
	Candidates []*mempool.Entry // parents before children; one whose parents are not among them is taken as spending confirmed outputs
	Script     []byte           // that the coinbase pays to
	ExtraNonce uint64
	// MinFeeRate is the feerate in satoshis per 1,000 vbytes below which nothing
	// is mined (policy, Core's -blockmintxfee).
	MinFeeRate int64
}

// Template is a block without proof of work, and what is known about it.
type Template struct {
	Block      *wire.MsgBlock
	Height     int32
	Reward     int64            // what the coinbase pays, in satoshis
	Fees       int64            // satoshis
	Commitment []byte           // script of the witness commitment
	MinTime    int64            // lowest time that the block may have, Unix seconds
	Entries    []*mempool.Entry // of the block's transactions, the coinbase aside
}

// ErrScript says that the script to be paid is too long for a coinbase that fits
// into what is reserved for it.
var ErrScript = errors.New("script to be paid is too long")

// Build fills a block with those of the candidates that pay most.
func Build(in Input) (*Template, error) {
	return assemble(in, choose(in.Candidates, in.Parent.Height+1, in.Parent.MedianTimePast(), in.MinFeeRate))
}

// Exactly makes a block of all candidates in their order, whether the chain will
// take it or not.
func Exactly(in Input) (*Template, error) { return assemble(in, in.Candidates) }

func assemble(in Input, entries []*mempool.Entry) (*Template, error) {
	t := &Template{Height: in.Parent.Height + 1, MinTime: minTime(in.Params, in.Parent), Entries: entries}
	b := &wire.MsgBlock{Transactions: make([]*wire.MsgTx, 1, len(entries)+1)}
	for _, e := range entries {
		t.Fees += e.Fee
		b.Transactions = append(b.Transactions, e.Tx)
	}
	t.Reward = in.Params.SubsidyAt(t.Height) + t.Fees
	t.Commitment = consensus.WitnessCommitmentScript(b, [32]byte{})
	b.Transactions[0] = Coinbase(t.Height, t.Reward, in.Script, t.Commitment, in.ExtraNonce)
	if consensus.Weight(b.Transactions[0])+headerWeight > reservedWeight {
		return nil, ErrScript
	}
	now := max(in.Now, t.MinTime)
	b.Header = wire.BlockHeader{
		Version:   Version(in.Params, in.Parent),
		PrevBlock: in.Parent.Hash,
		Timestamp: time.Unix(now, 0),
		Bits:      in.Parent.NextBits(in.Params, now),
	}
	SetMerkleRoot(b)
	t.Block = b
	return t, nil
}

// minTime is the lowest time that a block on parent may have: above the median of
// the last 11, and not far before its parent where BIP94 says so.
func minTime(p *network.Params, parent *chain.Entry) int64 {
	t := parent.MedianTimePast() + 1
	if p.EnforceBIP94 && (parent.Height+1)%p.RetargetInterval() == 0 {
		t = max(t, parent.Time()-consensus.MaxTimewarp)
	}
	return t
}
