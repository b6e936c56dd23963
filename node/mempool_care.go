package node

import (
	"context"
	"encoding/binary"
	"path/filepath"

	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
)

// mempoolFile is the name of the mempool's export in a network's folder.
const mempoolFile = "mempool.dat"

// registerMempoolCare adds the methods that change how the mempool treats its
// transactions, and those that write it to a file and read it back.
func (h *Host) registerMempoolCare(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "prioritisetransaction", Section: rpc.SectionMining,
		Summary: "Makes a transaction look as if it paid more or less, for what is mined and kept. The fee itself stays.",
		Params: []rpc.Param{
			{Name: "txid", Type: rpc.String, Help: "The transaction, in the mempool or not"},
			{Name: "dummy", Type: rpc.Any, Optional: true, Help: "0 or null"},
			{Name: "fee_delta", Type: rpc.Number, Help: "Satoshis to add, or to take away if negative"},
		},
		Example: `"txid" 0.0 10000`, Handler: h.prioritiseTransaction,
	})
	s.Register(rpc.Method{
		Name: "getprioritisedtransactions", Section: rpc.SectionMining,
		Summary: "Lists what prioritisetransaction has added, by txid.", Handler: h.getPrioritisedTransactions,
	})
	s.Register(rpc.Method{
		Name: "savemempool", Section: rpc.SectionBlockchain,
		Summary: "Writes the mempool to mempool.dat in the network's folder, in Core's format. The mempool survives restarts without it.",
		Handler: h.saveMempool,
	})
	s.Register(rpc.Method{
		Name: "importmempool", Section: rpc.SectionBlockchain,
		Summary: "Adds the transactions of a mempool.dat, of lode or of Core, to the mempool.",
		Params: []rpc.Param{
			{Name: "filepath", Type: rpc.String, Help: "The file"},
			{Name: "options", Type: rpc.Object, Optional: true, Help: `{"use_current_time": true, "apply_fee_delta_priority": false, "apply_unbroadcast_set": false}`},
		},
		Example: `"/path/to/mempool.dat"`, Handler: h.importMempool,
	})
}

func (h *Host) prioritiseTransaction(_ context.Context, r *rpc.Request) (any, error) {
	txid, err := r.Hash(0, "txid")
	if err != nil {
		return nil, err
	}
	var dummy float64
	if err := r.Decode(1, &dummy); err != nil {
		return nil, err
	}
	if dummy != 0 {
		return nil, rpc.CodeInvalidParameter.New("Priority is no longer supported, dummy argument to prioritisetransaction must be 0.")
	}
	delta, err := r.Int(2, 0)
	if err != nil {
		return nil, err
	}
	return true, h.pool.Prioritise(txid, delta)
}

func (h *Host) getPrioritisedTransactions(ctx context.Context, _ *rpc.Request) (any, error) {
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	type priorityJSON struct {
		Delta     int64  `json:"fee_delta"` // satoshis
		InMempool bool   `json:"in_mempool"`
		Modified  *int64 `json:"modified_fee,omitempty"` // satoshis
	}
	reply := map[string]priorityJSON{}
	for _, p := range h.pool.Priorities() {
		j := priorityJSON{Delta: p.Delta, InMempool: p.Entry != nil}
		if p.Entry != nil {
			fee := p.Entry.ModifiedFee()
			j.Modified = &fee
		}
		reply[p.TxID.String()] = j
	}
	return reply, nil
}

func (h *Host) saveMempool(ctx context.Context, _ *rpc.Request) (any, error) {
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	var key [8]byte
	binary.LittleEndian.PutUint64(key[:], h.randUint64())
	name := filepath.Join(h.dir, mempoolFile)
	if err := platform.WriteFile(name, h.pool.Export(key)); err != nil {
		return nil, rpc.Errorf(rpc.CodeMisc, "Unable to dump mempool to disk: %v", err)
	}
	return struct {
		Filename string `json:"filename"`
	}{name}, nil
}

func (h *Host) importMempool(_ context.Context, r *rpc.Request) (any, error) {
	name, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	options := struct {
		UseCurrentTime bool `json:"use_current_time"`
		ApplyDeltas    bool `json:"apply_fee_delta_priority"`
		ApplyUnsent    bool `json:"apply_unbroadcast_set"`
	}{UseCurrentTime: true}
	if err := r.Decode(1, &options); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(name) {
		// The host's working directory means nothing to who calls it.
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%s is not an absolute path", name)
	}
	file, err := platform.ReadFile(name, mempool.MaxDump)
	if err != nil {
		return nil, rpc.Errorf(rpc.CodeMisc, "Unable to import mempool file: %v", err)
	}
	done, err := h.pool.Import(file, h.now(), mempool.ImportOptions{
		UseCurrentTime: options.UseCurrentTime, ApplyFeeDeltas: options.ApplyDeltas, ApplyUnbroadcastSet: options.ApplyUnsent,
	})
	if err != nil {
		return nil, rpc.Errorf(rpc.CodeMisc, "Unable to import mempool file %s: %v", name, err)
	}
	h.log.Info("mempool imported", "file", name, "accepted", done.Accepted, "refused", done.Refused, "expired", done.Expired, "known", done.Known)
	return struct{}{}, nil
}
