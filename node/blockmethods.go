package node

import (
	"context"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/rpc"
)

// registerChain adds the methods of Core's section Blockchain that are about
// blocks and coins.
func (h *Host) registerChain(s *rpc.Server) {
	blockHash := rpc.Param{Name: "blockhash", Type: rpc.String, Help: "The block's hash"}
	for _, m := range []rpc.Method{
		{
			Name: "getblockchaininfo", Summary: "Returns the state of the chain.", Handler: h.getBlockchainInfo,
		},
		{
			Name: "getbestblockhash", Summary: "Returns the hash of the tip.",
			Handler: func(context.Context, *rpc.Request) (any, error) { return h.chain.Tip().Hash.String(), nil },
		},
		{
			Name: "getblockcount", Summary: "Returns the height of the tip. The genesis block has height 0.",
			Handler: func(context.Context, *rpc.Request) (any, error) { return h.chain.Tip().Height, nil },
		},
		{
			Name: "getdifficulty", Summary: "Returns the proof-of-work difficulty as a multiple of Bitcoin's smallest.",
			Handler: func(context.Context, *rpc.Request) (any, error) { return float(difficulty(h.chain.Tip().Bits())), nil },
		},
		{
			Name: "getblockhash", Summary: "Returns the hash of the block at a height of the best chain.",
			Params: []rpc.Param{{Name: "height", Type: rpc.Number, Help: "The height"}}, Example: "1000", Handler: h.getBlockHash,
		},
		{
			Name: "getblockheader", Summary: "Returns a block's header.",
			Params: []rpc.Param{
				blockHash,
				{Name: "verbose", Type: rpc.Bool, Optional: true, Help: "true (default) for an object, false for hex"},
			},
			Example: `"hash"`, Handler: h.getBlockHeader,
		},
		{
			Name: "getblock", Summary: "Returns a block.",
			Params: []rpc.Param{
				blockHash,
				{Name: "verbosity|verbose", Type: rpc.Any, Optional: true, Help: "0 for hex, 1 (default) with txids, 2 with transactions, 3 also with what they spend"},
			},
			Example: `"hash" 2`, Handler: h.getBlock,
		},
		{
			Name: "getchaintips", Summary: "Returns the ends of all known branches, the best chain's among them.", Handler: h.getChainTips,
		},
		{
			Name: "gettxout", Summary: "Returns an unspent output, or null.",
			Params: []rpc.Param{
				{Name: "txid", Type: rpc.String, Help: "The transaction"},
				{Name: "n", Type: rpc.Number, Help: "The output's number"},
				{Name: "include_mempool", Type: rpc.Bool, Optional: true, Help: "Count what the mempool creates and spends (default true)"},
			},
			Example: `"txid" 1`, Handler: h.getTxOut,
		},
		{
			Name: "gettxoutsetinfo", Summary: "Counts and hashes the set of unspent outputs.",
			Params: []rpc.Param{
				{Name: "hash_type", Type: rpc.String, Optional: true, Help: "hash_serialized_3 (default), muhash or none"},
				{Name: "hash_or_height", Type: rpc.Any, Optional: true, Help: "Not available: needs an index"},
				{Name: "use_index", Type: rpc.Bool, Optional: true, Help: "Has no effect"},
			},
			Example: `"muhash"`, Handler: h.getTxOutSetInfo,
		},
		{
			Name: "verifychain", Summary: "Validates the whole chain again, from the genesis block on.",
			Params: []rpc.Param{
				{Name: "checklevel", Type: rpc.Number, Optional: true, Help: "Has no effect: everything is checked"},
				{Name: "nblocks", Type: rpc.Number, Optional: true, Help: "Has no effect: all are checked"},
			},
			Handler: h.verifyChain,
		},
		hidden("invalidateblock", "Treats a block, and all on top of it, as invalid.", blockHash, h.move(func(b chainhash.Hash) error { return h.chain.Invalidate(b) })),
		hidden("reconsiderblock", "Takes invalidateblock back.", blockHash, h.move(func(b chainhash.Hash) error { return h.chain.Reconsider(b) })),
		hidden("preciousblock", "Prefers a block to others with the same work.", blockHash, h.move(func(b chainhash.Hash) error { return h.chain.Precious(b) })),
	} {
		m.Section = rpc.SectionBlockchain
		if m.Name == "preciousblock" {
			m.Hidden = false // as in Core
		}
		s.Register(m)
	}
}

type handler = func(context.Context, *rpc.Request) (any, error)

func hidden(name, summary string, block rpc.Param, h handler) rpc.Method {
	return rpc.Method{Name: name, Summary: summary, Hidden: true, Params: []rpc.Param{block}, Example: `"hash"`, Handler: h}
}
