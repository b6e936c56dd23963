package node

import (
	"encoding/hex"
	"errors"
	"math/big"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/pow"
	"github.com/lode-chain/lode/rpc"
)

// propose tells what a miner's block would be refused for if it had its proof of
// work, as a BIP22 string; nil says for nothing (BIP23).
func (h *Host) propose(text string) (any, error) {
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, rpc.CodeDeserialization.New("Block decode failed")
	}
	b, err := consensus.DecodeBlock(data)
	if err != nil {
		return nil, rpc.CodeDeserialization.New("Block decode failed")
	}
	if e := h.chain.ByHash(b.BlockHash()); e != nil {
		return h.knownProposal(b, e)
	}
	for {
		tip := h.chain.Tip()
		if b.Header.PrevBlock != tip.Hash {
			return "inconclusive-not-best-prevblk", nil
		}
		err := h.testBlock(b, tip)
		if refusal, ok := errors.AsType[*consensus.Error](err); ok && refusal.Sort != consensus.Local {
			return refusal.Reject(), nil
		}
		if !errors.Is(err, errMoved) {
			return nil, err
		}
	}
}

// knownProposal answers for a block that is stored already.
func (h *Host) knownProposal(b *wire.MsgBlock, e *chain.Entry) (any, error) {
	reason, err := h.submit(b) // changes nothing
	switch {
	case err != nil:
		return nil, err
	case reason == string(consensus.DuplicateBad) || h.chain.InBest(e):
		return reason, nil
	}
	if _, err := h.chain.Undo(e.Hash); err == nil {
		return "duplicate", nil // it was part of the best chain once
	}
	return "duplicate-inconclusive", nil
}

// errMoved says that the chain has moved on from the tip that a block was to be
// tested on.
var errMoved = errors.New("the chain has moved on")

// testBlock checks all of a block on the tip but its proof of work (Core's
// TestBlockValidity).
func (h *Host) testBlock(b *wire.MsgBlock, tip *chain.Entry) error {
	header := consensus.HeaderContext{
		Height: tip.Height + 1, Prev: tip.Header(), MedianTimePast: tip.MedianTimePast(),
		Bits: tip.NextBits(h.params, b.Header.Timestamp.Unix()),
	}
	if err := consensus.CheckHeader(h.params, header, &b.Header, h.now().Unix()); err != nil {
		return err
	}
	if err := h.checkUnsolved(b); err != nil {
		return err
	}
	if err := consensus.CheckBlockContext(h.params, header, b); err != nil {
		return err
	}
	txids := consensus.TxIDs(b)
	view, err := h.coinsOf(b, txids, tip)
	if err != nil {
		return err
	}
	update, refused := consensus.Apply(h.params, consensus.BlockContext{
		Height: header.Height, MedianTimePast: header.MedianTimePast,
		MedianTimeAt: func(height int32) int64 { return tip.Ancestor(height).MedianTimePast() },
	}, b, txids, view)
	if consensus.SortOf(refused) == consensus.Local && refused != nil {
		return refused
	}
	if err := consensus.RunChecks(h.exec, update.Checks); err != nil {
		return err
	}
	return refused
}

// checkUnsolved is consensus.CheckBlock without the proof of work, which a copy
// of the header gets that is as easy as can be. The rest of a header is not looked
// at there but for the merkle root.
func (h *Host) checkUnsolved(b *wire.MsgBlock) error {
	const easy = 0x207fffff // every other hash is good
	params, solved := *h.params, *b
	params.PowLimit = new(big.Int).Lsh(big.NewInt(1), 255)
	solved.Header.Bits = easy
	if !pow.Solve(&solved.Header) {
		return errors.New("no nonce for half of all hashes")
	}
	return consensus.CheckBlock(&params, &solved)
}

// fetchedCoins are a consensus.View.
type fetchedCoins map[wire.OutPoint]*consensus.Coin

// Coin implements consensus.View.
func (c fetchedCoins) Coin(op wire.OutPoint) (*consensus.Coin, error) { return c[op], nil }

// coinsOf fetches all coins that a block on the tip spends or may overwrite.
func (h *Host) coinsOf(b *wire.MsgBlock, txids []chainhash.Hash, tip *chain.Entry) (fetchedCoins, error) {
	var ops []wire.OutPoint
	for i, tx := range b.Transactions {
		for _, in := range tx.TxIn {
			ops = append(ops, in.PreviousOutPoint)
		}
		for o := range tx.TxOut {
			ops = append(ops, wire.OutPoint{Hash: txids[i], Index: uint32(o)})
		}
	}
	coins, at, err := h.chain.Coins(ops)
	if err != nil {
		return nil, err
	}
	if at != tip {
		return nil, errMoved
	}
	view := make(fetchedCoins, len(ops))
	for i, op := range ops {
		view[op] = coins[i]
	}
	return view, nil
}
