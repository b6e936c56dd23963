package node

import (
	"context"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
)

// maxBIP125 is the highest sequence number that announces replacement.
const maxBIP125 = wire.MaxTxInSequenceNum - 2

var errNotInMempool = rpc.CodeInvalidAddress.New("Transaction not in mempool")

// registerMempool adds the methods about the mempool.
func (h *Host) registerMempool(s *rpc.Server) {
	txid := rpc.Param{Name: "txid", Type: rpc.String, Help: "The transaction"}
	verbose := rpc.Param{Name: "verbose", Type: rpc.Bool, Optional: true, Help: "true for objects, false (default) for txids"}
	for _, m := range []rpc.Method{
		{
			Name: "getmempoolinfo", Section: rpc.SectionBlockchain, Summary: "Returns the mempool in numbers.", Handler: h.getMempoolInfo,
		}, {
			Name: "getrawmempool", Section: rpc.SectionBlockchain, Summary: "Lists the transactions in the mempool.",
			Params: []rpc.Param{verbose, {
				Name: "mempool_sequence", Type: rpc.Bool, Optional: true, Help: "Also return the mempool's sequence number",
			}},
			Example: "true", Handler: h.getRawMempool,
		}, {
			Name: "getmempoolentry", Section: rpc.SectionBlockchain, Summary: "Returns what the mempool knows of a transaction.",
			Params: []rpc.Param{txid}, Example: `"txid"`, Handler: h.getMempoolEntry,
		}, {
			Name: "getmempoolancestors", Section: rpc.SectionBlockchain, Summary: "Lists the unconfirmed transactions that one builds on.",
			Params: []rpc.Param{txid, verbose}, Example: `"txid"`,
			Handler: h.mempoolRelatives(func(e *mempool.Entry) []chainhash.Hash { return e.Parents }),
		}, {
			Name: "getmempooldescendants", Section: rpc.SectionBlockchain, Summary: "Lists the unconfirmed transactions that build on one.",
			Params: []rpc.Param{txid, verbose}, Example: `"txid"`,
			Handler: h.mempoolRelatives(func(e *mempool.Entry) []chainhash.Hash { return e.Children }),
		}, {
			Name: "gettxspendingprevout", Section: rpc.SectionBlockchain, Summary: "Tells which transactions in the mempool spend outputs.",
			Params: []rpc.Param{{Name: "outputs", Type: rpc.Array, Help: "Objects with txid and vout"}}, Example: `[{"txid":"...","vout":0}]`,
			Handler: h.getTxSpendingPrevout,
		},
	} {
		s.Register(m)
	}
	h.registerSubmit(s)
	h.registerMempoolCare(s)
}

func (h *Host) getMempoolInfo(ctx context.Context, _ *rpc.Request) (any, error) {
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	i := h.pool.Info(h.now())
	return struct {
		Loaded      bool       `json:"loaded"`
		Size        int        `json:"size"`
		Bytes       int64      `json:"bytes"`
		Usage       int64      `json:"usage"`
		TotalFee    rpc.Amount `json:"total_fee"`
		MaxMempool  int64      `json:"maxmempool"`
		MinFee      rpc.Amount `json:"mempoolminfee"`
		MinRelayFee rpc.Amount `json:"minrelaytxfee"`
		Incremental rpc.Amount `json:"incrementalrelayfee"`
		Unbroadcast int        `json:"unbroadcastcount"`
		FullRBF     bool       `json:"fullrbf"`
	}{
		true, i.Count, i.VSize, i.Memory, rpc.Amount(i.Fees), i.MaxMemory, rpc.Amount(max(i.MinFee, i.Policy.MinRelayFee)),
		rpc.Amount(i.Policy.MinRelayFee), rpc.Amount(i.Policy.IncrementalRelayFee), i.Unbroadcast, true,
	}, nil
}

type mempoolEntryJSON struct {
	VSize           int64    `json:"vsize"`
	Weight          int64    `json:"weight"`
	Time            int64    `json:"time"`
	Height          int32    `json:"height"`
	DescendantCount int      `json:"descendantcount"`
	DescendantSize  int64    `json:"descendantsize"`
	AncestorCount   int      `json:"ancestorcount"`
	AncestorSize    int64    `json:"ancestorsize"`
	WTxID           string   `json:"wtxid"`
	Fees            feesJSON `json:"fees"`
	Depends         []string `json:"depends"`
	SpentBy         []string `json:"spentby"`
	Replaceable     bool     `json:"bip125-replaceable"`
	Unbroadcast     bool     `json:"unbroadcast"`
}

type feesJSON struct {
	Base       rpc.Amount `json:"base"`
	Modified   rpc.Amount `json:"modified"`
	Ancestor   rpc.Amount `json:"ancestor"`
	Descendant rpc.Amount `json:"descendant"`
}

// describeEntry is Core's entryToJSON.
func (h *Host) describeEntry(e *mempool.Entry) mempoolEntryJSON {
	return mempoolEntryJSON{
		VSize: e.VSize, Weight: e.Weight, Time: e.Time.Unix(), Height: e.Height,
		DescendantCount: e.Descendants.Count, DescendantSize: e.Descendants.VSize,
		AncestorCount: e.Ancestors.Count, AncestorSize: e.Ancestors.VSize, WTxID: e.WTxID.String(),
		Fees:    feesJSON{rpc.Amount(e.Fee), rpc.Amount(e.ModifiedFee()), rpc.Amount(e.Ancestors.Fees), rpc.Amount(e.Descendants.Fees)},
		Depends: hashStrings(e.Parents), SpentBy: hashStrings(e.Children), Replaceable: h.signalsReplacement(e), Unbroadcast: e.Unbroadcast,
	}
}

func hashStrings(hashes []chainhash.Hash) []string {
	list := make([]string, len(hashes))
	for i := range hashes {
		list[i] = hashes[i].String()
	}
	slices.Sort(list)
	return list
}

// signalsReplacement says whether a transaction or one that it builds on
// announces by BIP125 that it may be replaced.
func (h *Host) signalsReplacement(e *mempool.Entry) bool {
	signals := func(tx *wire.MsgTx) bool {
		return slices.ContainsFunc(tx.TxIn, func(in *wire.TxIn) bool { return in.Sequence <= maxBIP125 })
	}
	if signals(e.Tx) {
		return true
	}
	for _, a := range h.relatives(e, func(e *mempool.Entry) []chainhash.Hash { return e.Parents }) {
		if signals(a.Tx) {
			return true
		}
	}
	return false
}

// relatives walks from a transaction through the mempool; its own entry is left
// out. The mempool bounds how many there can be.
func (h *Host) relatives(e *mempool.Entry, next func(*mempool.Entry) []chainhash.Hash) []*mempool.Entry {
	seen := map[chainhash.Hash]bool{e.TxID: true}
	var found []*mempool.Entry
	for todo := slices.Clone(next(e)); len(todo) > 0; {
		id := todo[0]
		todo = todo[1:]
		if seen[id] {
			continue
		}
		seen[id] = true
		if r := h.pool.Get(id); r != nil {
			found = append(found, r)
			todo = append(todo, next(r)...)
		}
	}
	return found
}

func (h *Host) getRawMempool(ctx context.Context, r *rpc.Request) (any, error) {
	verbose, err := r.Flag(0, false)
	if err != nil {
		return nil, err
	}
	sequence, err := r.Flag(1, false)
	if err != nil {
		return nil, err
	}
	if verbose && sequence {
		return nil, rpc.CodeInvalidParameter.New("Verbose results cannot contain mempool sequence values.")
	}
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	snapshot := h.pool.Snapshot()
	list := h.describeEntries(snapshot.Entries, verbose)
	if !sequence {
		return list, nil
	}
	return struct {
		TxIDs    any    `json:"txids"`
		Sequence uint64 `json:"mempool_sequence"`
	}{list, snapshot.Sequence}, nil
}

// describeEntries lists txids, or with verbose an object by txid.
func (h *Host) describeEntries(entries []*mempool.Entry, verbose bool) any {
	if verbose {
		objects := map[string]mempoolEntryJSON{}
		for _, e := range entries {
			objects[e.TxID.String()] = h.describeEntry(e)
		}
		return objects
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.TxID.String()
	}
	return ids
}

// poolEntry finds the transaction that parameter 0 names.
func (h *Host) poolEntry(ctx context.Context, r *rpc.Request) (*mempool.Entry, error) {
	txid, err := r.Hash(0, "txid")
	if err != nil {
		return nil, err
	}
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	if e := h.pool.Get(txid); e != nil {
		return e, nil
	}
	return nil, errNotInMempool
}

func (h *Host) getMempoolEntry(ctx context.Context, r *rpc.Request) (any, error) {
	e, err := h.poolEntry(ctx, r)
	if err != nil {
		return nil, err
	}
	return h.describeEntry(e), nil
}

func (h *Host) mempoolRelatives(next func(*mempool.Entry) []chainhash.Hash) handler {
	return func(ctx context.Context, r *rpc.Request) (any, error) {
		e, err := h.poolEntry(ctx, r)
		if err != nil {
			return nil, err
		}
		verbose, err := r.Flag(1, false)
		if err != nil {
			return nil, err
		}
		return h.describeEntries(h.relatives(e, next), verbose), nil
	}
}

func (h *Host) getTxSpendingPrevout(ctx context.Context, r *rpc.Request) (any, error) {
	var outputs []struct {
		TxID string `json:"txid"`
		Vout int64  `json:"vout"`
	}
	if err := r.Decode(0, &outputs); err != nil {
		return nil, err
	}
	if len(outputs) == 0 {
		return nil, rpc.CodeInvalidParameter.New("Invalid parameter, outputs are missing")
	}
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	type spentJSON struct {
		TxID     string `json:"txid"`
		Vout     int64  `json:"vout"`
		Spending string `json:"spendingtxid,omitempty"`
	}
	list := make([]spentJSON, len(outputs))
	for i, o := range outputs {
		txid, err := rpc.ParseHash(o.TxID, "txid")
		if err != nil {
			return nil, err
		}
		if o.Vout < 0 || o.Vout > 1<<32-1 {
			return nil, rpc.CodeInvalidParameter.New("Invalid parameter, vout cannot be negative")
		}
		list[i] = spentJSON{TxID: o.TxID, Vout: o.Vout}
		if spender, ok := h.pool.Spender(wire.OutPoint{Hash: txid, Index: uint32(o.Vout)}); ok {
			list[i].Spending = spender.String()
		}
	}
	return list, nil
}
