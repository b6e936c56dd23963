package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
)

const (
	// defaultMaxFeeRate is above what a transaction that is handed in pays unless
	// told otherwise: 0.1 coins per 1,000 vbytes (policy, Core's
	// DEFAULT_MAX_RAW_TX_FEE_RATE).
	defaultMaxFeeRate = consensus.SatsPerCoin / 10
	maxScriptElement  = 520 // bytes that a script pushes at once (consensus)
)

var (
	errMaxFee      = rpc.CodeVerify.New("Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)")
	errMaxBurn     = rpc.CodeVerify.New("Unspendable output exceeds maximum configured by user (maxburnamount)")
	errNotAPackage = rpc.CodeVerify.New("package topology disallowed. not child-with-parents or parents depend on each other.")
)

// registerSubmit adds the methods that put transactions into the mempool.
func (h *Host) registerSubmit(s *rpc.Server) {
	maxFee := rpc.Param{Name: "maxfeerate", Type: rpc.Any, Optional: true, Help: "Refuse above this, in coins per 1,000 vbytes; default 0.10, 0 for no limit"}
	maxBurn := rpc.Param{Name: "maxburnamount", Type: rpc.Any, Optional: true, Help: "Refuse outputs that cannot be spent above this sum; default 0"}
	s.Register(rpc.Method{
		Name: "sendrawtransaction", Section: rpc.SectionRaw, Summary: "Puts a signed transaction into the mempool and returns its txid.",
		Params:  []rpc.Param{{Name: "hexstring", Type: rpc.String, Help: "The transaction in hex"}, maxFee, maxBurn},
		Example: `"hex"`, Handler: h.sendRawTransaction,
	})
	s.Register(rpc.Method{
		Name: "testmempoolaccept", Section: rpc.SectionRaw,
		Summary: "Tells whether the mempool would take transactions, which may spend each other's outputs, parents first.",
		Params:  []rpc.Param{{Name: "rawtxs", Type: rpc.Array, Help: "Transactions in hex"}, maxFee},
		Example: `["hex"]`, Handler: h.testMempoolAccept,
	})
	s.Register(rpc.Method{
		Name: "submitpackage", Section: rpc.SectionRaw,
		Summary: "Puts a transaction into the mempool together with parents of it, for whose fees it may pay.",
		Params:  []rpc.Param{{Name: "package", Type: rpc.Array, Help: "Transactions in hex, the child last"}, maxFee, maxBurn},
		Example: `["parent","child"]`, Handler: h.submitPackage,
	})
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

// feeLimit is what a size may cost at a rate per 1,000 vbytes, in satoshis,
// rounded up (Core's CFeeRate::GetFee). A rate of 0 sets no limit.
func feeLimit(rate consensus.Amount, vsize int64) int64 { return (int64(rate)*vsize + 999) / 1000 }

// decodeTx reads a transaction that somebody hands in (Core's DecodeHexTx).
func decodeTx(text string) (*wire.MsgTx, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return consensus.GuessTx(raw)
}

// decodeTxs reads several.
func decodeTxs(texts []string) ([]*wire.MsgTx, error) {
	txs := make([]*wire.MsgTx, len(texts))
	for i, text := range texts {
		var err error
		if txs[i], err = decodeTx(text); err != nil {
			return nil, rpc.Errorf(rpc.CodeDeserialization, "TX decode failed: %s Make sure the tx has at least one input.", text)
		}
	}
	return txs, nil
}

// burns says whether a transaction has an output that cannot be spent above a sum.
func burns(tx *wire.MsgTx, limit consensus.Amount) bool {
	return slices.ContainsFunc(tx.TxOut, func(out *wire.TxOut) bool {
		return out.Value > int64(limit) && (consensus.Unspendable(out.PkScript) || !validOps(out.PkScript))
	})
}

// validOps says whether a script is made of known opcodes and pushes of allowed
// size (Core's HasValidOps).
func validOps(script []byte) bool {
	t := txscript.MakeScriptTokenizer(0, script)
	for t.Next() {
		if t.Opcode() > txscript.OP_NOP10 || len(t.Data()) > maxScriptElement {
			return false
		}
	}
	return t.Err() == nil
}

func (h *Host) sendRawTransaction(ctx context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
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
	if burns(tx, burn) {
		return nil, errMaxBurn
	}
	rate, err := feeRate(r, 1, defaultMaxFeeRate)
	if err != nil {
		return nil, err
	}
	return h.broadcast(ctx, tx, feeLimit(rate, consensus.VSize(tx)))
}

// broadcast takes a transaction from its owner and returns its txid (Core's
// BroadcastTransaction). maxFee is in satoshis; 0 sets no limit.
func (h *Host) broadcast(ctx context.Context, tx *wire.MsgTx, maxFee int64) (any, error) {
	txid := tx.TxHash()
	known, err := h.created(ctx, txid, len(tx.TxOut))
	if err != nil {
		return nil, err
	}
	if known {
		return nil, rpc.CodeAlreadyInChain.New("Transaction outputs already in utxo set")
	}
	if h.pool.Get(txid) != nil { // as in Core, sending again is no mistake
		return txid.String(), h.pool.SetUnbroadcast(txid, true)
	}
	if maxFee > 0 {
		e, err := h.pool.Test(tx, h.now())
		if err != nil {
			return nil, refusal(err)
		}
		if e.Fee > maxFee {
			return nil, errMaxFee
		}
	}
	e, err := h.pool.AcceptOwn(tx, h.now())
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

// submittedFeesJSON is what replies about handed-in transactions tell of fees.
type submittedFeesJSON struct {
	Base     rpc.Amount  `json:"base"`
	Rate     *rpc.Amount `json:"effective-feerate,omitempty"` // coins per 1,000 vbytes
	Includes []string    `json:"effective-includes,omitempty"`
}

func submittedFees(r mempool.TxResult) *submittedFeesJSON {
	fees := &submittedFeesJSON{Base: rpc.Amount(r.Entry.Fee)}
	if !r.Known {
		rate := rpc.Amount(r.Rate)
		fees.Rate = &rate
		for _, wtxid := range r.Includes {
			fees.Includes = append(fees.Includes, wtxid.String())
		}
	}
	return fees
}

type verdictJSON struct {
	TxID         string             `json:"txid"`
	WTxID        string             `json:"wtxid"`
	PackageError string             `json:"package-error,omitempty"`
	Allowed      *bool              `json:"allowed,omitempty"`
	VSize        int64              `json:"vsize,omitempty"`
	Fees         *submittedFeesJSON `json:"fees,omitempty"`
	Reject       string             `json:"reject-reason,omitempty"`
}

func (h *Host) testMempoolAccept(_ context.Context, r *rpc.Request) (any, error) {
	var texts []string
	if err := r.Decode(0, &texts); err != nil {
		return nil, err
	}
	if len(texts) < 1 || len(texts) > mempool.MaxPackage {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Array must contain between 1 and %d transactions.", mempool.MaxPackage)
	}
	rate, err := feeRate(r, 1, defaultMaxFeeRate)
	if err != nil {
		return nil, err
	}
	txs, err := decodeTxs(texts)
	if err != nil {
		return nil, err
	}
	result, err := h.testTxs(txs)
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdictJSON, len(txs))
	exceeded := false // of what comes behind such a transaction nothing is said
	for i, tx := range txs {
		v := verdictJSON{TxID: tx.TxHash().String(), WTxID: tx.WitnessHash().String()}
		if e := result.Err; e != nil && e.Kind != mempool.TransactionFailed {
			v.PackageError = e.Error()
		}
		if one, ok := result.Txs[tx.WitnessHash()]; ok && !exceeded {
			exceeded = v.judge(one, rate)
		}
		verdicts[i] = v
	}
	return verdicts, nil
}

// testTxs asks the mempool about transactions.
func (h *Host) testTxs(txs []*wire.MsgTx) (*mempool.PackageResult, error) {
	if len(txs) > 1 {
		return h.pool.TestPackage(txs, h.now())
	}
	wtxid := txs[0].WitnessHash()
	one := mempool.TxResult{Includes: []chainhash.Hash{wtxid}}
	if one.Entry, one.Err = h.pool.Test(txs[0], h.now()); one.Err == nil {
		one.Rate = one.Entry.ModifiedFee() * 1000 / one.Entry.VSize
	} else if consensus.SortOf(one.Err) == consensus.Local {
		return nil, one.Err
	}
	return &mempool.PackageResult{Txs: map[chainhash.Hash]mempool.TxResult{wtxid: one}}, nil
}

// judge fills in what became of a transaction, and says whether it pays too much.
func (v *verdictJSON) judge(r mempool.TxResult, rate consensus.Amount) (exceeded bool) {
	refused, _ := errors.AsType[*consensus.Error](r.Err)
	switch {
	case errors.Is(r.Err, consensus.BadTxnsInputsMissingOrSpent):
		v.Reject = "missing-inputs"
	case refused != nil:
		v.Reject = refused.Reject()
	case rate > 0 && r.Entry.Fee > feeLimit(rate, r.Entry.VSize):
		v.Reject, exceeded = "max-fee-exceeded", true
	default:
		v.VSize, v.Fees = r.Entry.VSize, submittedFees(r)
	}
	allowed := v.Reject == ""
	v.Allowed = &allowed
	return exceeded
}

type packageJSON struct {
	Message  string                     `json:"package_msg"`
	Txs      map[string]packageTxResult `json:"tx-results"` // by wtxid
	Replaced []string                   `json:"replaced-transactions"`
}

type packageTxResult struct {
	TxID       string             `json:"txid"`
	OtherWTxID string             `json:"other-wtxid,omitempty"`
	VSize      int64              `json:"vsize,omitempty"`
	Fees       *submittedFeesJSON `json:"fees,omitempty"`
	Error      string             `json:"error,omitempty"`
}

func (h *Host) submitPackage(_ context.Context, r *rpc.Request) (any, error) {
	var texts []string
	if err := r.Decode(0, &texts); err != nil {
		return nil, err
	}
	if len(texts) < 2 || len(texts) > mempool.MaxPackage {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Array must contain between 2 and %d transactions.", mempool.MaxPackage)
	}
	rate, err := feeRate(r, 1, defaultMaxFeeRate)
	if err != nil {
		return nil, err
	}
	burn, err := amountParam(r, 2, 0)
	if err != nil {
		return nil, err
	}
	txs, err := decodeTxs(texts)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(txs, func(tx *wire.MsgTx) bool { return burns(tx, burn) }) {
		return nil, errMaxBurn
	}
	if !mempool.ChildWithParentsTree(txs) {
		return nil, errNotAPackage
	}
	result, err := h.pool.SubmitPackage(txs, h.now(), int64(rate), true)
	if err != nil {
		return nil, err
	}
	return h.describePackage(txs, result)
}

// describePackage tells what became of a package, and announces what was taken.
func (h *Host) describePackage(txs []*wire.MsgTx, result *mempool.PackageResult) (any, error) {
	reply := packageJSON{Message: "success", Txs: map[string]packageTxResult{}, Replaced: []string{}}
	if result.Err != nil {
		reply.Message = result.Err.Error()
	}
	for _, tx := range txs {
		one, ok := result.Txs[tx.WitnessHash()]
		if !ok {
			continue
		}
		j := packageTxResult{TxID: tx.TxHash().String()}
		switch {
		case one.Err != nil:
			j.Error = one.Err.Error()
		case one.OtherWTxID != chainhash.Hash{}:
			j.OtherWTxID = one.OtherWTxID.String()
		default:
			j.VSize, j.Fees = one.Entry.VSize, submittedFees(one)
		}
		reply.Txs[tx.WitnessHash().String()] = j
		if !one.Accepted() {
			continue
		}
		if err := h.pool.SetUnbroadcast(one.Entry.TxID, true); err != nil {
			return nil, err
		}
		if !one.Known {
			h.announceTx(one.Entry)
		}
	}
	for _, txid := range result.Replaced {
		reply.Replaced = append(reply.Replaced, txid.String())
	}
	return reply, nil
}
