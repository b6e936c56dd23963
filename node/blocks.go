package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"
	"strconv"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

// This file has the methods that ask about blocks.

// float is a number as Core prints it: 16 significant digits.
type float float64

// MarshalJSON writes the number in Core's form.
func (f float) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(f), 'g', 16, 64), nil
}

// difficulty is Core's GetDifficulty: the largest target of Bitcoin's own
// network divided by this one.
func difficulty(bits uint32) float64 {
	mantissa := bits & 0x00ffffff
	if mantissa == 0 {
		return 0
	}
	d := float64(0x0000ffff) / float64(mantissa)
	for shift := bits >> 24; shift < 29; shift++ {
		d *= 256
	}
	for shift := bits >> 24; shift > 29; shift-- {
		d /= 256
	}
	return d
}

// work writes a chain's work as 64 hex digits.
func work(w *big.Int) string { return fmt.Sprintf("%064x", w) }

type headerJSON struct {
	Hash          string `json:"hash"`
	Confirmations int32  `json:"confirmations"`
	Height        int32  `json:"height"`
	Version       int32  `json:"version"`
	VersionHex    string `json:"versionHex"`
	MerkleRoot    string `json:"merkleroot"`
	Time          int64  `json:"time"`
	MedianTime    int64  `json:"mediantime"`
	Nonce         uint32 `json:"nonce"`
	Bits          string `json:"bits"`
	Difficulty    float  `json:"difficulty"`
	ChainWork     string `json:"chainwork"`
	NTx           int    `json:"nTx"`
	Previous      string `json:"previousblockhash,omitempty"`
	Next          string `json:"nextblockhash,omitempty"`
}

type blockJSON struct {
	headerJSON
	StrippedSize int   `json:"strippedsize"`
	Size         int   `json:"size"`
	Weight       int64 `json:"weight"`
	Tx           []any `json:"tx"` // txids, or txJSON
}

// describeHeader is Core's blockheaderToJSON.
func (h *Host) describeHeader(e *chain.Entry) headerJSON {
	header := e.Header()
	j := headerJSON{
		Hash: e.Hash.String(), Confirmations: -1, Height: e.Height,
		Version: header.Version, VersionHex: hex8(uint32(header.Version)), MerkleRoot: header.MerkleRoot.String(),
		Time: e.Time(), MedianTime: e.MedianTimePast(), Nonce: header.Nonce,
		Bits: hex8(header.Bits), Difficulty: float(difficulty(header.Bits)), ChainWork: work(e.ChainWork()), NTx: e.TxCount(),
	}
	if p := e.Parent(); p != nil {
		j.Previous = p.Hash.String()
	}
	// One tip for both answers: blocks come in meanwhile.
	if tip := h.chain.Tip(); tip.Ancestor(e.Height) == e {
		j.Confirmations = tip.Height - e.Height + 1
		if next := tip.Ancestor(e.Height + 1); next != nil {
			j.Next = next.Hash.String()
		}
	}
	return j
}

// describeBlock is Core's blockToJSON: with verbosity 1 the txids, with 2 the
// transactions and their fees, with 3 also what they spend.
func (h *Host) describeBlock(e *chain.Entry, verbosity int64) (any, error) {
	block, err := h.chain.Block(e.Hash)
	if err != nil {
		return nil, err
	}
	j := blockJSON{
		headerJSON: h.describeHeader(e), StrippedSize: block.SerializeSizeStripped(), Size: block.SerializeSize(),
		Weight: consensus.BlockWeight(block), Tx: make([]any, len(block.Transactions)),
	}
	var undo *consensus.Undo
	if verbosity >= 2 {
		undo, _ = h.chain.Undo(e.Hash) // blocks that were never connected have none
	}
	for i, tx := range block.Transactions {
		if verbosity <= 1 {
			j.Tx[i] = tx.TxHash().String()
			continue
		}
		t := describeTx(tx, h.params, spentBy(undo, i), verbosity >= 3)
		t.Hex = hex.EncodeToString(consensus.EncodeTx(tx))
		j.Tx[i] = t
	}
	return j, nil
}

// spentBy returns what transaction i of a block spent; nil when it is not known.
func spentBy(undo *consensus.Undo, i int) []consensus.Coin {
	if undo == nil || i == 0 || i > len(undo.Txs) {
		return nil
	}
	return undo.Txs[i-1]
}

// entry finds the block that parameter i names.
func (h *Host) entry(r *rpc.Request, i int, name string) (*chain.Entry, error) {
	hash, err := r.Hash(i, name)
	if err != nil {
		return nil, err
	}
	return h.entryOf(hash)
}

func (h *Host) entryOf(hash chainhash.Hash) (*chain.Entry, error) {
	if e := h.chain.ByHash(hash); e != nil {
		return e, nil
	}
	return nil, rpc.CodeInvalidAddress.New("Block not found")
}

// verbosity reads a parameter that is a number or, as in old Core, a boolean.
func verbosity(r *rpc.Request, i int, def int64) (int64, error) {
	switch string(r.Raw(i)) {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	return r.Int(i, def)
}

func (h *Host) getBlock(_ context.Context, r *rpc.Request) (any, error) {
	e, err := h.entry(r, 0, "blockhash")
	if err != nil {
		return nil, err
	}
	v, err := verbosity(r, 1, 1)
	if err != nil {
		return nil, err
	}
	if v <= 0 {
		raw, err := h.chain.BlockBytes(e.Hash)
		return hex.EncodeToString(raw), err
	}
	return h.describeBlock(e, v)
}

func (h *Host) getBlockHeader(_ context.Context, r *rpc.Request) (any, error) {
	e, err := h.entry(r, 0, "hash")
	if err != nil {
		return nil, err
	}
	verbose, err := r.Flag(1, true)
	if err != nil || verbose {
		return h.describeHeader(e), err
	}
	header := e.Header()
	return hex.EncodeToString(encodeHeader(&header)), nil
}

func encodeHeader(header *wire.BlockHeader) []byte {
	return consensus.EncodeBlock(&wire.MsgBlock{Header: *header})[:wire.MaxBlockHeaderPayload]
}

func (h *Host) getBlockHash(_ context.Context, r *rpc.Request) (any, error) {
	height, err := r.Int(0, 0)
	if err != nil {
		return nil, err
	}
	if height >= 0 && height <= int64(h.chain.Tip().Height) {
		if e := h.chain.ByHeight(int32(height)); e != nil {
			return e.Hash.String(), nil
		}
	}
	return nil, rpc.CodeInvalidParameter.New("Block height out of range")
}

func (h *Host) getChainTips(context.Context, *rpc.Request) (any, error) {
	type tipJSON struct {
		Height    int32           `json:"height"`
		Hash      string          `json:"hash"`
		BranchLen int32           `json:"branchlen"`
		Status    chain.TipStatus `json:"status"`
	}
	tips := []tipJSON{}
	for _, t := range h.chain.Tips() {
		tips = append(tips, tipJSON{t.Entry.Height, t.Entry.Hash.String(), t.BranchLen, t.Status})
	}
	return tips, nil
}

func (h *Host) getBlockchainInfo(context.Context, *rpc.Request) (any, error) {
	tip := h.chain.Tip()
	size, err := folderSize(filepath.Join(h.dir, "blocks"))
	if err != nil {
		return nil, err
	}
	return struct {
		Chain        string   `json:"chain"`
		Blocks       int32    `json:"blocks"`
		Headers      int32    `json:"headers"`
		BestBlock    string   `json:"bestblockhash"`
		Difficulty   float    `json:"difficulty"`
		Time         int64    `json:"time"`
		MedianTime   int64    `json:"mediantime"`
		Verification float    `json:"verificationprogress"`
		Initial      bool     `json:"initialblockdownload"` // there are no peers to download from
		ChainWork    string   `json:"chainwork"`
		SizeOnDisk   int64    `json:"size_on_disk"`
		Pruned       bool     `json:"pruned"`
		Warnings     []string `json:"warnings"`
	}{
		h.params.Name, tip.Height, tip.Height, tip.Hash.String(), float(difficulty(tip.Bits())), tip.Time(), tip.MedianTimePast(),
		1, false, work(tip.ChainWork()), size, false,
		[]string{},
	}, nil
}

// folderSize is the sum of the sizes of the files in a folder.
func folderSize(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

func (h *Host) getTxOut(ctx context.Context, r *rpc.Request) (any, error) {
	txid, err := r.Hash(0, "txid")
	if err != nil {
		return nil, err
	}
	n, err := r.Int(1, 0)
	if err != nil {
		return nil, err
	}
	withPool, err := r.Flag(2, true)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > 1<<32-1 {
		return nil, nil
	}
	op := wire.OutPoint{Hash: txid, Index: uint32(n)}
	if withPool {
		if err := h.pool.CatchUp(ctx); err != nil {
			return nil, err
		}
		if _, spent := h.pool.Spender(op); spent {
			return nil, nil
		}
	}
	coins, tip, err := h.chain.Coins([]wire.OutPoint{op})
	if err != nil {
		return nil, err
	}
	coin, confirmations := coins[0], int32(0)
	if coin != nil {
		confirmations = tip.Height - coin.Height + 1
	} else if withPool {
		if e := h.pool.Get(txid); e != nil && int(n) < len(e.Tx.TxOut) {
			out := e.Tx.TxOut[n]
			coin = &consensus.Coin{Value: out.Value, Script: out.PkScript}
		}
	}
	if coin == nil {
		return nil, nil
	}
	return struct {
		BestBlock     string     `json:"bestblock"`
		Confirmations int32      `json:"confirmations"`
		Value         rpc.Amount `json:"value"`
		ScriptPubKey  scriptJSON `json:"scriptPubKey"`
		Coinbase      bool       `json:"coinbase"`
	}{tip.Hash.String(), confirmations, rpc.Amount(coin.Value), describeScript(coin.Script, h.params), coin.Coinbase}, nil
}

func (h *Host) getTxOutSetInfo(ctx context.Context, r *rpc.Request) (any, error) {
	name, err := r.Text(0, string(chain.HashSerialized))
	if err != nil {
		return nil, err
	}
	hashType := chain.UTXOHash(name)
	switch hashType {
	case chain.HashSerialized, chain.HashMuHash, chain.HashNone:
	default:
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "'%s' is not a valid hash_type", name)
	}
	if r.Has(1) {
		if hashType == chain.HashSerialized {
			return nil, rpc.CodeInvalidParameter.New("hash_serialized_3 hash type cannot be queried for a specific block")
		}
		return nil, rpc.CodeInvalidParameter.New("Querying specific block heights requires coinstatsindex")
	}
	s, err := h.chain.UTXOStats(ctx, hashType)
	if err != nil {
		return nil, err
	}
	j := struct {
		Height       int32      `json:"height"`
		BestBlock    string     `json:"bestblock"`
		TxOuts       int64      `json:"txouts"`
		BogoSize     int64      `json:"bogosize"`
		Serialized   string     `json:"hash_serialized_3,omitempty"`
		MuHash       string     `json:"muhash,omitempty"`
		Total        rpc.Amount `json:"total_amount"`
		Transactions int64      `json:"transactions"`
		DiskSize     int64      `json:"disk_size"`
	}{
		Height: s.Tip.Height, BestBlock: s.Tip.Hash.String(), TxOuts: s.TxOuts, BogoSize: s.BogoSize,
		Total: s.Total, Transactions: s.Transactions, DiskSize: s.DiskSize,
	}
	switch hashType {
	case chain.HashSerialized:
		j.Serialized = s.Hash.String()
	case chain.HashMuHash:
		j.MuHash = s.Hash.String()
	}
	return j, nil
}

func (h *Host) verifyChain(ctx context.Context, _ *rpc.Request) (any, error) {
	err := h.chain.Verify(ctx, nil)
	if err != nil && ctx.Err() == nil {
		h.log.Error("verifychain found the chain damaged", "err", err)
		return false, nil
	}
	return err == nil, err
}

// move is invalidateblock, reconsiderblock and preciousblock.
func (h *Host) move(do func(chainhash.Hash) error) func(context.Context, *rpc.Request) (any, error) {
	return func(ctx context.Context, r *rpc.Request) (any, error) {
		e, err := h.entry(r, 0, "blockhash")
		if err != nil {
			return nil, err
		}
		if err := do(e.Hash); err != nil {
			return nil, err
		}
		return nil, h.awaitFollowers(ctx)
	}
}
