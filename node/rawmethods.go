package node

import (
	"context"
	"encoding/hex"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

// registerRaw adds the methods that show transactions and scripts.
func (h *Host) registerRaw(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "getrawtransaction", Section: rpc.SectionRaw,
		Summary: "Returns a transaction of the mempool or the best chain; with a block's hash, of that block.",
		Params: []rpc.Param{
			{Name: "txid", Type: rpc.String, Help: "The transaction"},
			{Name: "verbosity|verbose", Type: rpc.Any, Optional: true, Help: "0 (default) for hex, 1 for an object, 2 also with fee and what it spends"},
			{Name: "blockhash", Type: rpc.String, Optional: true, Help: "The block to look in"},
		},
		Example: `"txid" 1`, Handler: h.getRawTransaction,
	})
	s.Register(rpc.Method{
		Name: "decoderawtransaction", Section: rpc.SectionRaw, Summary: "Shows what a serialized transaction says.",
		Params: []rpc.Param{
			{Name: "hexstring", Type: rpc.String, Help: "The transaction in hex"},
			{Name: "iswitness", Type: rpc.Bool, Optional: true, Help: "Whether it is in the form with witnesses; left out, both are tried"},
		},
		Example: `"hex"`, Handler: h.decodeRawTransaction,
	})
	s.Register(rpc.Method{
		Name: "decodescript", Section: rpc.SectionRaw, Summary: "Shows what a script says, and the addresses that pay to it.",
		Params: []rpc.Param{{Name: "hexstring", Type: rpc.String, Help: "The script in hex"}}, Example: `"51"`, Handler: h.decodeScript,
	})
}

func (h *Host) getRawTransaction(ctx context.Context, r *rpc.Request) (any, error) {
	txid, err := r.Hash(0, "parameter 1")
	if err != nil {
		return nil, err
	}
	if txid == h.params.Genesis.Transactions[0].TxHash() {
		return nil, rpc.CodeInvalidAddress.New("The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved")
	}
	level, err := verbosity(r, 1, 0)
	if err != nil {
		return nil, err
	}
	var given *chain.Entry
	if r.Has(2) {
		hash, err := r.Hash(2, "parameter 3")
		if err != nil {
			return nil, err
		}
		if given = h.chain.ByHash(hash); given == nil {
			return nil, rpc.CodeInvalidAddress.New("Block hash not found")
		}
	}
	f, err := h.findTx(ctx, txid, given)
	if err != nil {
		return nil, err
	}
	raw := hex.EncodeToString(consensus.EncodeTx(f.tx))
	if level <= 0 {
		return raw, nil
	}
	var coins []consensus.Coin
	if level >= 2 && f.block != nil {
		undo, _ := h.chain.Undo(f.block.Hash) // blocks that were never connected have none
		coins = spentBy(undo, f.position)
	}
	j := describeTx(f.tx, h.params, coins, level >= 2)
	j.Hex = raw
	if f.block == nil {
		return j, nil
	}
	best := h.chain.InBest(f.block)
	if given != nil {
		j.InActiveChain = &best
	}
	j.BlockHash = f.block.Hash.String()
	confirmations := int32(0)
	if best {
		confirmations = h.chain.Tip().Height - f.block.Height + 1
		j.Time, j.BlockTime = f.block.Time(), f.block.Time()
	}
	j.Confirmations = &confirmations
	return j, nil
}

// found is a transaction and where it stands.
type found struct {
	tx       *wire.MsgTx
	block    *chain.Entry // nil: in the mempool
	position int          // in the block
}

// findTx looks for a transaction in a block, or without one in the mempool and
// the best chain.
func (h *Host) findTx(ctx context.Context, txid [32]byte, block *chain.Entry) (found, error) {
	if block != nil {
		b, err := h.chain.Block(block.Hash)
		if err != nil {
			return found{}, err
		}
		for i, tx := range b.Transactions {
			if tx.TxHash() == txid {
				return found{tx, block, i}, nil
			}
		}
		return found{}, rpc.CodeInvalidAddress.New("No such transaction found in the provided block. Use gettransaction for wallet transactions.")
	}
	if err := h.awaitFollowers(ctx); err != nil {
		return found{}, err
	}
	if e := h.pool.Get(txid); e != nil {
		return found{tx: e.Tx}, nil
	}
	tx, where, err := h.txindex.Tx(ctx, txid)
	if err != nil {
		return found{}, err
	}
	if tx == nil {
		return found{}, rpc.CodeInvalidAddress.New("No such mempool or blockchain transaction. Use gettransaction for wallet transactions.")
	}
	return found{tx, h.chain.ByHash(where.Block), where.Position}, nil
}

func (h *Host) decodeRawTransaction(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	decode := consensus.GuessTx
	if r.Has(1) {
		witness, err := r.Flag(1, true)
		if err != nil {
			return nil, err
		}
		decode = consensus.DecodeTxNoWitness
		if witness {
			decode = consensus.DecodeTx
		}
	}
	raw, err := hex.DecodeString(text)
	if err == nil {
		var tx *wire.MsgTx
		if tx, err = decode(raw); err == nil {
			return describeTx(tx, h.params, nil, false), nil
		}
	}
	return nil, rpc.CodeDeserialization.New("TX decode failed")
}
