package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
)

const (
	// defaultMaxFeeRate is above what sendrawtransaction pays unless told
	// otherwise: 0.1 coins per 1,000 vbytes (policy, Core's DEFAULT_MAX_RAW_TX_FEE_RATE).
	defaultMaxFeeRate = consensus.SatsPerCoin / 10
	maxTestTxs        = 25 // transactions of testmempoolaccept (policy, Core's MAX_PACKAGE_COUNT)
	// maxBIP125 is the highest sequence number that announces replacement.
	maxBIP125 = wire.MaxTxInSequenceNum - 2
)

var (
	errNotInMempool = rpc.CodeInvalidAddress.New("Transaction not in mempool")
	errMaxFee       = rpc.CodeVerify.New("Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)")
)

// registerMempool adds the methods that ask about the mempool or put
// transactions into it.
func (h *Host) registerMempool(s *rpc.Server) {
	txid := rpc.Param{Name: "txid", Type: rpc.String, Help: "The transaction"}
	verbose := rpc.Param{Name: "verbose", Type: rpc.Bool, Optional: true, Help: "true for objects, false (default) for txids"}
	maxFee := rpc.Param{Name: "maxfeerate", Type: rpc.Any, Optional: true, Help: "Refuse above this, in coins per 1,000 vbytes; default 0.10, 0 for no limit"}
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
		}, {
			Name: "sendrawtransaction", Section: rpc.SectionRaw, Summary: "Puts a signed transaction into the mempool and returns its txid.",
			Params: []rpc.Param{
				{Name: "hexstring", Type: rpc.String, Help: "The transaction in hex"}, maxFee,
				{Name: "maxburnamount", Type: rpc.Any, Optional: true, Help: "Refuse outputs that cannot be spent above this sum; default 0"},
			},
			Example: `"hex"`, Handler: h.sendRawTransaction,
		}, {
			Name: "testmempoolaccept", Section: rpc.SectionRaw,
			Summary: "Tells whether the mempool would take transactions. Each is judged by itself.",
			Params:  []rpc.Param{{Name: "rawtxs", Type: rpc.Array, Help: "Transactions in hex"}, maxFee},
			Example: `["hex"]`, Handler: h.testMempoolAccept,
		},
	} {
		s.Register(m)
	}
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
		rpc.Amount(i.Policy.MinRelayFee), rpc.Amount(i.Policy.IncrementalRelayFee), 0, true,
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
		Fees:    feesJSON{rpc.Amount(e.Fee), rpc.Amount(e.Fee), rpc.Amount(e.Ancestors.Fees), rpc.Amount(e.Descendants.Fees)},
		Depends: hashStrings(e.Parents), SpentBy: hashStrings(e.Children), Replaceable: h.signalsReplacement(e),
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
	}{list, snapshot.Seq}, nil
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

// feeRate reads a feerate in coins per 1,000 vbytes (Core's ParseFeeRate).
func feeRate(r *rpc.Request, i int, def consensus.Amount) (consensus.Amount, error) {
	rate, err := amountParam(r, i, def)
	if err != nil {
		return 0, err
	}
	if rate >= consensus.SatsPerCoin {
		return 0, rpc.CodeInvalidParameter.New("Fee rates larger than or equal to 1BTC/kvB are not accepted")
	}
	return rate, nil
}

// amountParam reads a parameter that is an amount, as a number or a string.
func amountParam(r *rpc.Request, i int, def consensus.Amount) (consensus.Amount, error) {
	if !r.Has(i) {
		return def, nil
	}
	raw := r.Raw(i)
	switch {
	case bytes.ContainsAny(raw[:1], `{[tf`):
		return 0, rpc.CodeType.New("Amount is not a number or string")
	case raw[0] == '-':
		return 0, rpc.CodeType.New("Amount out of range")
	}
	if err := json.Unmarshal(raw, &def); err != nil {
		return 0, rpc.CodeType.New("Invalid amount")
	}
	return def, nil
}

// tooHigh says whether a fee is above what a rate per 1,000 vbytes allows; a
// rate of 0 allows everything.
func tooHigh(e *mempool.Entry, rate consensus.Amount) bool {
	return rate > 0 && e.Fee > int64(rate)*e.VSize/1000
}

func (h *Host) sendRawTransaction(ctx context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	rate, err := feeRate(r, 1, defaultMaxFeeRate)
	if err != nil {
		return nil, err
	}
	burn, err := amountParam(r, 2, 0)
	if err != nil {
		return nil, err
	}
	tx, err := decodeTx(text)
	if err != nil {
		return nil, rpc.CodeDeserialization.New("TX decode failed. Make sure the tx has at least one input.")
	}
	for _, out := range tx.TxOut {
		if consensus.Unspendable(out.PkScript) && out.Value > int64(burn) {
			return nil, rpc.CodeVerify.New("Unspendable output exceeds maximum configured by user (maxburnamount)")
		}
	}
	txid := tx.TxHash()
	known, err := h.created(ctx, txid, len(tx.TxOut))
	if err != nil {
		return nil, err
	}
	if known {
		return nil, rpc.CodeAlreadyInChain.New("Transaction outputs already in utxo set")
	}
	if h.pool.Get(txid) != nil {
		return txid.String(), nil // as in Core, sending again is no mistake
	}
	if rate > 0 {
		e, err := h.pool.Test(tx, h.now())
		if err != nil {
			return nil, refusal(err)
		}
		if tooHigh(e, rate) {
			return nil, errMaxFee
		}
	}
	e, err := h.pool.Accept(tx, h.now())
	if err != nil {
		return nil, refusal(err)
	}
	h.announceTx(e)
	return txid.String(), nil
}

// created says whether the best chain has an unspent output of a transaction.
func (h *Host) created(ctx context.Context, txid chainhash.Hash, outputs int) (bool, error) {
	if err := h.pool.CatchUp(ctx); err != nil {
		return false, err
	}
	ops := make([]wire.OutPoint, outputs)
	for i := range ops {
		ops[i] = wire.OutPoint{Hash: txid, Index: uint32(i)}
	}
	coins, _, err := h.chain.Coins(ops)
	return slices.ContainsFunc(coins, func(c *consensus.Coin) bool { return c != nil }), err
}

// refusal gives the mempool's refusals Core's codes (JSONRPCTransactionError).
func refusal(err error) error {
	var e *consensus.Error
	switch {
	case !errors.As(err, &e) || e.Sort == consensus.Local:
		return err
	case errors.Is(e, consensus.BadTxnsInputsMissingOrSpent):
		return rpc.CodeVerify.New(e.Error())
	}
	return rpc.CodeVerifyRejected.New(e.Error())
}

func (h *Host) testMempoolAccept(_ context.Context, r *rpc.Request) (any, error) {
	var texts []string
	if err := r.Decode(0, &texts); err != nil {
		return nil, err
	}
	if len(texts) < 1 || len(texts) > maxTestTxs {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Array must contain between 1 and %d transactions.", maxTestTxs)
	}
	rate, err := feeRate(r, 1, defaultMaxFeeRate)
	if err != nil {
		return nil, err
	}
	txs := make([]*wire.MsgTx, len(texts))
	for i, text := range texts {
		if txs[i], err = decodeTx(text); err != nil {
			return nil, rpc.Errorf(rpc.CodeDeserialization, "TX decode failed: %s Make sure the tx has at least one input.", text)
		}
	}
	verdicts := make([]verdictJSON, len(txs))
	for i, tx := range txs {
		if verdicts[i], err = h.judge(tx, rate); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

type verdictJSON struct {
	TxID    string         `json:"txid"`
	WTxID   string         `json:"wtxid"`
	Allowed bool           `json:"allowed"`
	VSize   int64          `json:"vsize,omitempty"`
	Fees    *effectiveJSON `json:"fees,omitempty"`
	Reject  string         `json:"reject-reason,omitempty"`
}

type effectiveJSON struct {
	Base     rpc.Amount `json:"base"`
	Rate     rpc.Amount `json:"effective-feerate"` // coins per 1,000 vbytes
	Includes []string   `json:"effective-includes"`
}

// judge asks the mempool about one transaction.
func (h *Host) judge(tx *wire.MsgTx, rate consensus.Amount) (verdictJSON, error) {
	v := verdictJSON{TxID: tx.TxHash().String(), WTxID: tx.WitnessHash().String()}
	e, err := h.pool.Test(tx, h.now())
	var refused *consensus.Error
	switch {
	case errors.Is(err, consensus.BadTxnsInputsMissingOrSpent):
		v.Reject = "missing-inputs"
	case errors.As(err, &refused) && refused.Sort != consensus.Local:
		v.Reject = refused.Reject()
	case err != nil:
		return v, err
	case tooHigh(e, rate):
		v.Reject = "max-fee-exceeded"
	default:
		v.Allowed, v.VSize = true, e.VSize
		v.Fees = &effectiveJSON{rpc.Amount(e.Fee), rpc.Amount(e.Fee * 1000 / e.VSize), []string{v.WTxID}}
	}
	return v, nil
}

// decodeTx reads a transaction that somebody hands in (Core's DecodeHexTx).
func decodeTx(text string) (*wire.MsgTx, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return consensus.GuessTx(raw)
}
