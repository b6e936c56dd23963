package node

import (
	"context"
	"encoding/hex"
	"errors"
	"math/big"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/template"
)

func (h *Host) registerMining(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "getblocktemplate", Section: rpc.SectionMining,
		Summary: "Returns what is needed to build the next block (BIP22, BIP23, BIP145).",
		Params: []rpc.Param{{
			Name: "template_request", Type: rpc.Object,
			Help: `{"rules": ["segwit"], "longpollid": "…"}: with an id, waits until there is something newer. {"mode": "proposal", "data": "hex"}: tells what is wrong with a block but for its proof of work, or null`,
		}},
		Example: `'{"rules": ["segwit"]}'`,
		Handler: h.getBlockTemplate,
	})
	s.Register(rpc.Method{
		Name: "submitblock", Section: rpc.SectionMining,
		Summary: "Hands in a block. Returns null when it became the tip, else why not (BIP22).",
		Params: []rpc.Param{
			{Name: "hexdata", Type: rpc.String, Help: "the block, serialized, in hex"},
			{Name: "dummy", Type: rpc.Any, Optional: true, Help: "ignored"},
		},
		Example: `"mydata"`,
		Handler: h.submitBlock,
	})
	s.Register(rpc.Method{
		Name: "getmininginfo", Section: rpc.SectionMining,
		Summary: "Returns the state of the chain as a miner sees it.",
		Handler: h.getMiningInfo,
	})
	s.Register(rpc.Method{
		Name: "getnetworkhashps", Section: rpc.SectionMining,
		Summary: "Returns the estimated hashes per second of all miners, from the times of the last blocks.",
		Params: []rpc.Param{
			{Name: "nblocks", Type: rpc.Number, Optional: true, Help: "how many blocks to look at; -1: since the last change of difficulty. Default 120"},
			{Name: "height", Type: rpc.Number, Optional: true, Help: "the last of them; -1: the tip"},
		},
		Handler: h.getNetworkHashPS,
	})
	s.Register(rpc.Method{
		Name: "generatetoaddress", Section: rpc.SectionMining, Hidden: true,
		Summary: "Mines blocks at once that pay to an address. Returns their hashes.",
		Params: []rpc.Param{
			{Name: "nblocks", Type: rpc.Number, Help: "how many"},
			{Name: "address", Type: rpc.String, Help: "who is paid"},
			{Name: "maxtries", Type: rpc.Number, Optional: true, Help: "hashes after which to stop. Default 1000000"},
		},
		Example: `11 "myaddress"`,
		Handler: h.generateToAddress,
	})
	s.Register(rpc.Method{
		Name: "generateblock", Section: rpc.SectionMining, Hidden: true,
		Summary: "Mines a block with exactly the transactions given, which pays to an address.",
		Params: []rpc.Param{
			{Name: "output", Type: rpc.String, Help: "the address"},
			{Name: "transactions", Type: rpc.Array, Help: "each a txid in the mempool or a transaction in hex"},
			{Name: "submit", Type: rpc.Bool, Optional: true, Help: "false: only return the block. Default true"},
		},
		Example: `"myaddress" '["rawtx", "mempool_txid"]'`,
		Handler: h.generateBlock,
	})
	s.Register(rpc.Method{
		Name: "lode_mine", Section: rpc.SectionLode, Own: true,
		Summary: "Mines blocks at once that pay to a wallet or an address.",
		Params: []rpc.Param{
			{Name: "blocks", Type: rpc.Number, Optional: true, Help: "how many. Default 1"},
			{Name: "to", Type: rpc.String, Optional: true, Help: "wallet (name or number) or address. Default: the default wallet"},
		},
		Example: `{"blocks":1,"to":"Wallet1"}`,
		Handler: h.lodeMine,
	})
	s.Register(rpc.Method{
		Name: "lode_fund", Section: rpc.SectionLode, Own: true,
		Summary: "Mines the demonstration's funds for the wallets that are there, or makes some first. Only on regtest; above height 0 it does nothing.",
		Params: []rpc.Param{
			{Name: "wallets", Type: rpc.Number, Optional: true, Help: "how many to make when there is none. Default 0"},
			{Name: "mnemonic", Type: rpc.String, Optional: true, Help: "the words that these share"},
		},
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			var request rpc.FundRequest
			if err := r.Object(&request); err != nil {
				return nil, err
			}
			return h.fund(ctx, request)
		},
	})
}

func (h *Host) submitBlock(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, rpc.CodeDeserialization.New("Block decode failed")
	}
	b, err := consensus.DecodeBlock(data)
	if err != nil {
		return nil, rpc.CodeDeserialization.New("Block decode failed")
	}
	if len(b.Transactions) == 0 || !consensus.IsCoinbase(b.Transactions[0]) {
		return nil, rpc.CodeDeserialization.New("Block does not start with a coinbase")
	}
	if parent := h.chain.ByHash(b.Header.PrevBlock); parent != nil && parent.Height+1 >= h.params.SegwitHeight {
		consensus.AddWitnessNonce(b)
	}
	reason, err := h.submit(b)
	if err != nil {
		return nil, rpc.CodeVerify.New(err.Error())
	}
	if reason != "" {
		return reason, nil
	}
	return nil, nil
}

func (h *Host) getMiningInfo(ctx context.Context, _ *rpc.Request) (any, error) {
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	tip := h.chain.Tip()
	hashes, err := hashesPerSecond(h.params.RetargetInterval(), tip, 120)
	if err != nil {
		return nil, err
	}
	return struct {
		Blocks        int32    `json:"blocks"`
		Difficulty    float    `json:"difficulty"`
		NetworkHashPS float    `json:"networkhashps"`
		PooledTx      int      `json:"pooledtx"`
		Chain         string   `json:"chain"`
		Warnings      []string `json:"warnings"`
	}{tip.Height, float(difficulty(tip.Bits())), float(hashes), h.pool.Info(h.now()).Count, h.params.Name, []string{}}, nil
}

func (h *Host) getNetworkHashPS(_ context.Context, r *rpc.Request) (any, error) {
	blocks, err := r.Int(0, 120)
	if err != nil {
		return nil, err
	}
	height, err := r.Int(1, -1)
	if err != nil {
		return nil, err
	}
	tip := h.chain.Tip()
	if blocks < -1 || blocks == 0 {
		return nil, rpc.CodeInvalidParameter.New("Invalid nblocks. Must be a positive number or -1.")
	}
	if height < -1 || height > int64(tip.Height) {
		return nil, rpc.CodeInvalidParameter.New("Block does not exist at specified height")
	}
	if height >= 0 {
		tip = tip.Ancestor(int32(height))
	}
	hashes, err := hashesPerSecond(h.params.RetargetInterval(), tip, blocks)
	return float(hashes), err
}

// hashesPerSecond estimates the speed of the miners from the last blocks up to
// an entry (Core's GetNetworkHashPS).
func hashesPerSecond(interval int32, last *chain.Entry, blocks int64) (float64, error) {
	if last.Height == 0 {
		return 0, nil
	}
	if blocks == -1 {
		blocks = int64(last.Height%interval) + 1
	}
	first := last
	earliest, latest := last.Time(), last.Time()
	for range min(blocks, int64(last.Height)) {
		first = first.Parent()
		earliest, latest = min(earliest, first.Time()), max(latest, first.Time())
	}
	if earliest == latest {
		return 0, nil
	}
	work := new(big.Int).Sub(last.ChainWork(), first.ChainWork())
	hashes, _ := new(big.Float).SetInt(work).Float64()
	return hashes / float64(latest-earliest), nil
}

func (h *Host) generateToAddress(ctx context.Context, r *rpc.Request) (any, error) {
	blocks, err := r.Int(0, 0)
	if err != nil {
		return nil, err
	}
	to, err := r.Text(1, "")
	if err != nil {
		return nil, err
	}
	tries, err := r.Int(2, defaultTries)
	if err != nil {
		return nil, err
	}
	script, err := address.Decode(to, h.params)
	if err != nil {
		return nil, rpc.CodeInvalidAddress.New("Error: Invalid address")
	}
	hashes := []string{}
	if blocks <= 0 || tries <= 0 {
		return hashes, nil
	}
	mined, err := h.generate(ctx, int(min(blocks, maxGenerate+1)), script, tries)
	if err != nil {
		return nil, err
	}
	return append(hashes, texts(mined.hashes)...), nil
}

func texts(hashes []chainhash.Hash) []string {
	list := make([]string, len(hashes))
	for i := range hashes {
		list[i] = hashes[i].String()
	}
	return list
}

func (h *Host) generateBlock(ctx context.Context, r *rpc.Request) (any, error) {
	to, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	var items []string
	if err := r.Decode(1, &items); err != nil {
		return nil, err
	}
	submit, err := r.Flag(2, true)
	if err != nil {
		return nil, err
	}
	script, err := address.Decode(to, h.params)
	if err != nil {
		return nil, rpc.CodeInvalidAddress.New("Error: Invalid address or descriptor")
	}
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	txs, err := h.givenTransactions(items)
	if err != nil {
		return nil, err
	}
	b, err := h.mineExactly(ctx, script, txs, submit)
	if err != nil {
		return nil, err
	}
	reply := struct {
		Hash string `json:"hash"`
		Hex  string `json:"hex,omitempty"`
	}{Hash: b.BlockHash().String()}
	if !submit {
		reply.Hex = hex.EncodeToString(consensus.EncodeBlock(b))
		return reply, nil
	}
	return reply, h.awaitFollowers(ctx)
}

// givenTransactions reads what generateblock is to mine.
func (h *Host) givenTransactions(items []string) ([]*wire.MsgTx, error) {
	txs := make([]*wire.MsgTx, 0, len(items))
	for _, item := range items {
		if txid, err := rpc.ParseHash(item, "txid"); err == nil {
			e := h.pool.Get(txid)
			if e == nil {
				return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Transaction %s not in mempool.", item)
			}
			txs = append(txs, e.Tx)
			continue
		}
		data, err := hex.DecodeString(item)
		var tx *wire.MsgTx
		if err == nil {
			tx, err = consensus.GuessTx(data)
		}
		if err != nil {
			return nil, rpc.Errorf(rpc.CodeDeserialization, "Transaction decode failed for %s. Make sure the tx has at least one input.", item)
		}
		txs = append(txs, tx)
	}
	return txs, nil
}

// errTrial ends a group whose block was only tried.
var errTrial = errors.New("only tried")

// mineExactly mines a block with the given transactions on the tip. Without keep
// the chain judges it, but does not take it.
func (h *Host) mineExactly(ctx context.Context, script []byte, txs []*wire.MsgTx, keep bool) (*wire.MsgBlock, error) {
	var b *wire.MsgBlock
	var refused error
	err := h.chain.Group(ctx, func(g *chain.Group) error {
		entries := make([]*mempool.Entry, len(txs))
		for i, tx := range txs {
			entries[i] = &mempool.Entry{Tx: tx} // fees are left to nobody, as in Core
		}
		now := h.now()
		t, err := template.Exactly(template.Input{
			Params: h.params, Parent: g.Tip(), Now: now.Unix(), Candidates: entries, Script: script, ExtraNonce: h.randUint64(),
		})
		if err != nil {
			return err
		}
		b = t.Block
		tries := int64(-1)
		solve(b, &tries)
		if _, refused = g.Accept(b, now); refused != nil || !keep {
			return errTrial
		}
		return nil
	})
	if refusal, ok := errors.AsType[*consensus.Error](refused); ok {
		return nil, rpc.Errorf(rpc.CodeVerify, "TestBlockValidity failed: %s", refusal)
	}
	if err = errors.Join(err, refused); err != nil && !errors.Is(err, errTrial) {
		return nil, err
	}
	return b, nil
}

func (h *Host) lodeMine(ctx context.Context, r *rpc.Request) (any, error) {
	req := rpc.MineRequest{Blocks: 1}
	if err := r.Object(&req); err != nil {
		return nil, err
	}
	if req.Blocks < 1 || req.Blocks > maxGenerate {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%d blocks is not within 1 to %d", req.Blocks, maxGenerate)
	}
	script, label, err := h.payeeScript(ctx, req.To)
	if err != nil {
		return nil, err
	}
	mined, err := h.generate(ctx, req.Blocks, script, 0)
	if err != nil {
		return nil, err
	}
	reply := rpc.Mined{Hashes: texts(mined.hashes), Height: mined.height, To: label, Reward: rpc.Amount(mined.reward)}
	reply.Address, _ = address.Encode(script, h.params)
	return reply, nil
}
