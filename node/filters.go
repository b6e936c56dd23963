package node

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/rpc"
)

// The names of the indexes, as Core's getindexinfo has them.
const (
	txIndexName     = "txindex"
	filterIndexName = "basic block filter index"
)

// getBlockFilter is Core's getblockfilter.
func (h *Host) getBlockFilter(ctx context.Context, r *rpc.Request) (any, error) {
	hash, err := r.Hash(0, "blockhash")
	if err != nil {
		return nil, err
	}
	kind, err := r.Text(1, "basic")
	if err != nil {
		return nil, err
	}
	if kind != "basic" {
		return nil, rpc.CodeInvalidAddress.New("Unknown filtertype")
	}
	e := h.chain.ByHash(hash)
	if e == nil {
		return nil, rpc.CodeInvalidAddress.New("Block not found")
	}
	filter, header, err := h.filters.Find(ctx, e)
	if errors.Is(err, chain.ErrNoData) {
		return nil, rpc.CodeInvalidAddress.New("Filter not found. Block was not connected to active chain.")
	}
	if err != nil {
		return nil, err
	}
	return struct {
		Filter string `json:"filter"`
		Header string `json:"header"`
	}{hex.EncodeToString(filter), header.String()}, nil
}

// indexState is how far an index is.
type indexState struct {
	Synced bool  `json:"synced"`
	Height int32 `json:"best_block_height"`
}

// getIndexInfo is Core's getindexinfo.
func (h *Host) getIndexInfo(_ context.Context, r *rpc.Request) (any, error) {
	only, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	reply := make(map[string]indexState)
	for name, height := range map[string]func() (int32, error){txIndexName: h.txindex.Height, filterIndexName: h.filters.Height} {
		at, err := height()
		if err != nil {
			return nil, err
		}
		if only == "" || only == name {
			reply[name] = indexState{at == h.chain.Tip().Height, max(at, 0)}
		}
	}
	return reply, nil
}

// registerFilters adds the methods about the indexes.
func (h *Host) registerFilters(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "getblockfilter", Section: rpc.SectionBlockchain, Summary: "Returns the compact filter of a block (BIP158) and its header (BIP157).",
		Params: []rpc.Param{
			{Name: "blockhash", Type: rpc.String, Help: "The block"},
			{Name: "filtertype", Type: rpc.String, Optional: true, Help: "basic"},
		},
		Example: `"hash"`, Handler: h.getBlockFilter,
	})
	s.Register(rpc.Method{
		Name: "getindexinfo", Section: rpc.SectionUtil, Summary: "Tells how far the indexes are; both are always kept.",
		Params:  []rpc.Param{{Name: "index_name", Type: rpc.String, Optional: true, Help: "Only this one"}},
		Handler: h.getIndexInfo,
	})
}
