package node

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// defaultFeeRate is what a payment costs when nothing else is asked for: 2
// sat/vB (policy), twice what the mempool wants at least.
const defaultFeeRate wallet.FeeRate = 2_000

// payment is a payment on its way from request to transaction.
type payment struct {
	file     *vault.Wallet
	from     string // the wallet as it was asked for
	script   []byte
	to       string // address
	toName   string
	amount   consensus.Amount
	rate     wallet.FeeRate
	subtract bool
	opener   *vault.Key // of the request's passphrase; nil: the one held

	draft       *wallet.Draft
	changeChain uint32
	changeNext  uint32 // the change index plus one; 0: nothing new is issued
	remaining   consensus.Amount
}

// newPayment reads a request.
func (w *wallets) newPayment(ctx context.Context, r rpc.SendRequest) (*payment, error) {
	p := &payment{amount: r.Amount}
	var err error
	if p.file, err = w.find(r.From); err != nil {
		return nil, err
	}
	p.from = cmp.Or(r.From, strconv.Itoa(p.file.Number()))
	if r.To == "" {
		return nil, rpc.CodeInvalidParameter.New("whom to pay is missing: an address, or a wallet's name or number")
	}
	if p.script, p.toName, err = w.host.payeeScript(ctx, r.To); err != nil {
		return nil, err
	}
	p.to, _ = address.Encode(p.script, w.host.params)
	p.rate, err = w.feeRate(r.FeeRate)
	return p, err
}

// feeRate turns sat/vB into a rate that the mempool takes; 0 is the default.
func (w *wallets) feeRate(satPerVB float64) (wallet.FeeRate, error) {
	least := wallet.FeeRate(w.host.pool.Info(w.host.now()).MinFee)
	if satPerVB == 0 {
		return max(defaultFeeRate, least), nil
	}
	if math.IsNaN(satPerVB) || satPerVB < 0 || satPerVB > float64(wallet.MaxFeeRate)/1000 {
		return 0, rpc.Errorf(rpc.CodeInvalidParameter, "fee rate %s is not within %s to %d sat/vB", decimal(satPerVB), decimal(float64(least)/1000), wallet.MaxFeeRate/1000)
	}
	rate := wallet.FeeRate(math.Round(satPerVB * 1000))
	if rate < least {
		return 0, rpc.Errorf(rpc.CodeInvalidParameter, "fee rate %s is below %s sat/vB, the least that the mempool takes now", decimal(satPerVB), decimal(float64(least)/1000))
	}
	return rate, nil
}

// decimal shows a number without an exponent.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// plan chooses coins and a change address.
func (w *wallets) plan(ctx context.Context, p *payment) error {
	change, err := w.changeScript(p)
	if err != nil {
		return err
	}
	v, err := w.view(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	coins, err := v.Coins(uint32(p.file.Number()))
	if err != nil {
		return err
	}
	random, err := newRandom(w.host.rand)
	if err != nil {
		return err
	}
	tip := w.host.chain.ByHash(v.At.Hash)
	p.draft, err = wallet.Plan(coins, []wallet.Payment{{Script: p.script, Value: p.amount, Subtract: p.subtract}}, wallet.Options{
		FeeRate: p.rate, Change: wallet.Change{Script: change}, Policy: w.host.pool.Info(w.host.now()).Policy, Rand: random.below,
		LockTime: wallet.AntiSniping(tip.Height, tip.Time(), w.host.now().Unix(), random.below),
	})
	if err != nil {
		return err
	}
	for i := range coins {
		if coins[i].State == wallet.Spendable {
			p.remaining += coins[i].Value
		}
	}
	for i := range p.draft.Coins {
		p.remaining -= p.draft.Coins[i].Value
	}
	p.remaining += p.draft.Change
	if p.draft.Change == 0 {
		p.changeNext = 0
	}
	return nil
}

// changeScript is where change goes to.
func (w *wallets) changeScript(p *payment) (script []byte, err error) {
	script, p.changeChain, p.changeNext, err = w.changeFor(p.file, "")
	return script, err
}

// result is a payment as lode's methods show it.
func (p *payment) result() rpc.SendPlan {
	vsize := p.draft.VSize()
	return rpc.SendPlan{
		From: p.from, FromName: p.file.Name(), To: p.to, ToName: p.toName, Amount: p.amount,
		Fee: p.draft.Fee, FeeRate: math.Round(float64(p.draft.Fee)/float64(vsize)*1000) / 1000, VSize: vsize,
		Inputs: len(p.draft.Coins), Change: p.draft.Change, Remaining: p.remaining,
	}
}

// prepareSend computes a payment and makes none.
func (w *wallets) prepareSend(ctx context.Context, r rpc.SendRequest) (rpc.SendPlan, error) {
	p, err := w.newPayment(ctx, r)
	if err != nil {
		return rpc.SendPlan{}, err
	}
	if err := w.plan(ctx, p); err != nil {
		return rpc.SendPlan{}, planError(err)
	}
	return p.result(), nil
}

// send makes a payment: chosen, signed, recorded and in the mempool when it
// returns. The same key of the same wallet is one payment.
func (w *wallets) send(ctx context.Context, r rpc.SendRequest) (rpc.SendPlan, error) {
	p, err := w.newPayment(ctx, r)
	if err != nil {
		return rpc.SendPlan{}, err
	}
	if r.Passphrase != "" {
		key, done, err := w.keyFor(r.Passphrase)
		if err != nil {
			return rpc.SendPlan{}, err
		}
		defer done()
		p.opener = key
	}
	defer w.lockWallet(p.file.Number())()
	if r.Key != "" {
		if plan, known, err := w.repeat(ctx, p, r.Key); known || err != nil {
			return plan, err
		}
	}
	return w.pay(ctx, p, r.Key)
}

// lockWallet waits until no other payment of the wallet is on its way.
func (w *wallets) lockWallet(number int) (unlock func()) {
	mu, _ := w.sending.LoadOrStore(number, new(sync.Mutex))
	mu.(*sync.Mutex).Lock()
	return mu.(*sync.Mutex).Unlock
}

// pay chooses, signs, records and submits. The caller holds the wallet's lock.
func (w *wallets) pay(ctx context.Context, p *payment, key string) (rpc.SendPlan, error) {
	if err := w.plan(ctx, p); err != nil {
		return rpc.SendPlan{}, planError(err)
	}
	ring, err := w.ring(p.file, p.opener)
	if err != nil {
		return rpc.SendPlan{}, err
	}
	defer ring.Close()
	tx := p.draft.Tx
	if err := wallet.SignKeys(tx, p.draft.Coins, ring.coinKey); err != nil {
		return rpc.SendPlan{}, err
	}
	// Asked before anything is recorded: a refusal leaves no trace.
	if _, err := w.host.pool.Test(tx, w.host.now()); err != nil {
		return rpc.SendPlan{}, refusedPayment(err)
	}
	plan := p.result()
	plan.TxID = tx.TxHash().String()
	if err := w.record(p, plan, tx, key); err != nil {
		return rpc.SendPlan{}, err
	}
	if _, err := w.host.pool.AcceptOwn(tx, w.host.now()); err != nil {
		return rpc.SendPlan{}, refusedPayment(err)
	}
	return plan, nil
}

// record writes the payment and its change index to the wallet's journal, and
// watches what the index brings with it.
func (w *wallets) record(p *payment, plan rpc.SendPlan, tx *wire.MsgTx, key string) error {
	number := uint32(p.file.Number())
	if key == "" {
		key = plan.TxID // every payment is remembered until a block has it, and after
	}
	details, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	s := vault.Send{Key: key, TxID: plan.TxID, Tx: hex.EncodeToString(consensus.EncodeTx(tx)), Details: string(details)}
	if err := p.file.RecordSend(s, p.changeChain, p.changeNext); err != nil {
		return rpc.CodeWallet.New(err.Error())
	}
	if p.changeNext == 0 {
		return nil
	}
	return w.watch(number)
}

// watch stores the scripts that an issued index brings into the gap.
func (w *wallets) watch(number uint32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.book.LookAhead(w.host.store, number, w.issuedOf(w.vault.Wallet(int(number))))
	if err != nil {
		return err
	}
	return w.apply(b, false)
}

// repeat returns the payment that was made under a key, and submits it again
// if it is neither confirmed nor in the mempool.
func (w *wallets) repeat(ctx context.Context, p *payment, key string) (plan rpc.SendPlan, known bool, err error) {
	sent, err := p.file.Send(key)
	if errors.Is(err, vault.ErrUnknown) {
		return plan, false, nil
	}
	if err != nil {
		return plan, true, walletError(err)
	}
	if err := json.Unmarshal([]byte(sent.Details), &plan); err != nil {
		return plan, true, fmt.Errorf("the payment recorded under key %q cannot be read: %w", clipped(key), err)
	}
	if plan.To != p.to || plan.Amount != p.amount {
		return rpc.SendPlan{}, true, rpc.Errorf(rpc.CodeInvalidParameter,
			"key %q was used for another payment, %s to %s: choose a new key", clipped(key), plan.Amount, plan.To)
	}
	plan.Repeated = true
	raw, err := hex.DecodeString(sent.Tx)
	if err != nil {
		return plan, true, err
	}
	tx, err := consensus.DecodeTx(raw)
	if err != nil {
		return plan, true, err
	}
	txid := tx.TxHash()
	if there, err := w.exists(ctx, txid); there || err != nil {
		return plan, true, err
	}
	switch _, err := w.host.pool.AcceptOwn(tx, w.host.now()); {
	case err == nil:
		return plan, true, nil
	case consensus.SortOf(err) == consensus.Local:
		return rpc.SendPlan{}, true, err // it may be there after a restart: a new key could pay twice
	default:
		return rpc.SendPlan{}, true, rpc.Errorf(rpc.CodeVerifyRejected,
			"the payment %s recorded under this key is in no block and is refused now (%v): choose a new key", txid, err)
	}
}

// exists says whether a transaction is in the mempool or in a block.
func (w *wallets) exists(ctx context.Context, txid chainhash.Hash) (bool, error) {
	if w.host.pool.Get(txid) != nil {
		return true, nil
	}
	_, found, err := w.host.txindex.Find(ctx, txid)
	return found, err
}

// planError gives refusals of a payment their codes.
func planError(err error) error {
	switch {
	case errors.Is(err, wallet.ErrFunds):
		return rpc.CodeInsufficientFunds.New(err.Error())
	case errors.Is(err, wallet.ErrAmount), errors.Is(err, wallet.ErrDust), errors.Is(err, wallet.ErrFee), errors.Is(err, wallet.ErrMaxFee):
		return rpc.CodeInvalidParameter.New(err.Error())
	case errors.Is(err, wallet.ErrSize):
		return rpc.CodeWallet.New(err.Error())
	}
	return err
}

// refusedPayment gives an answer of the mempool its code.
func refusedPayment(err error) error {
	if refused, ok := errors.AsType[*consensus.Error](err); ok {
		return rpc.Errorf(rpc.CodeVerifyRejected, "the mempool refuses the payment: %s", refused)
	}
	return err
}

// random gives numbers from a source that was read once, so that its failure
// is noticed before it matters.
type random struct{ state uint64 }

func newRandom(source io.Reader) (*random, error) {
	var b [8]byte
	if _, err := io.ReadFull(source, b[:]); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return &random{binary.LittleEndian.Uint64(b[:])}, nil
}

// below returns a number below n (splitmix64): it places change outputs and
// blurs locktimes, and nothing secret hangs on it.
func (r *random) below(n int) int {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

func (c *coreWallet) sendToAddress(ctx context.Context, r *rpc.Request) (any, error) {
	to, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	p := &payment{file: c.file}
	if p.script, err = address.Decode(to, c.host.params); err != nil {
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Invalid Bitcoin address: %s", clipped(to))
	}
	p.to = to
	if p.amount, err = coreAmount(r.Raw(1)); err != nil {
		return nil, err
	}
	if p.subtract, err = r.Flag(4, false); err != nil {
		return nil, err
	}
	rate, err := coreFeeRate(r.Raw(9))
	if err != nil {
		return nil, err
	}
	if p.rate, err = c.feeRate(rate); err != nil {
		return nil, err
	}
	verbose, err := r.Flag(10, false)
	if err != nil {
		return nil, err
	}
	defer c.lockWallet(c.file.Number())()
	plan, err := c.pay(ctx, p, "")
	if e, ok := errors.AsType[*rpc.Error](err); ok && e.Code == rpc.CodeInsufficientFunds {
		return nil, rpc.CodeInsufficientFunds.New("Insufficient funds")
	}
	if err != nil {
		return nil, err
	}
	if !verbose {
		return plan.TxID, nil
	}
	return struct {
		TxID   string `json:"txid"`
		Reason string `json:"fee_reason"`
	}{plan.TxID, "Fallback fee"}, nil
}

// coreAmount reads an amount with the errors of Core's AmountFromValue.
func coreAmount(raw json.RawMessage) (rpc.Amount, error) {
	var a rpc.Amount
	if err := json.Unmarshal(raw, &a); err != nil {
		text := string(raw)
		if s, err := strconv.Unquote(text); err == nil {
			text = s
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && (f < 0 || f > float64(consensus.MaxMoney)/float64(consensus.SatsPerCoin)) {
			return 0, rpc.CodeType.New("Amount out of range")
		}
		return 0, rpc.CodeType.New("Invalid amount")
	}
	if a == 0 {
		return 0, rpc.CodeInsufficientFunds.New("Transaction amount too small")
	}
	return a, nil
}

// coreFeeRate reads a rate in sat/vB, a number or a string.
func coreFeeRate(raw json.RawMessage) (float64, error) {
	if len(raw) == 0 {
		return 0, nil
	}
	text := string(raw)
	if s, err := strconv.Unquote(text); err == nil {
		text = s
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, rpc.CodeType.New("Invalid amount")
	}
	return rate, nil
}

// registerSend adds the methods that make payments.
func (h *Host) registerSend(s *rpc.Server) {
	payment := []rpc.Param{
		{Name: "from", Type: rpc.String, Optional: true, Help: "Wallet that pays; the default wallet when left out"},
		{Name: "to", Type: rpc.String, Help: "Address, or a wallet's name or number"},
		{Name: "amount", Type: rpc.Any, Help: "In coins"},
		{Name: "fee_rate", Type: rpc.Number, Optional: true, Help: "In sat/vB"},
		{Name: "key", Type: rpc.String, Optional: true, Help: "Chosen by the caller: the same key twice is one payment"},
	}
	for _, m := range []rpc.Method{
		{
			Name: "lode_preparesend", Summary: "Computes a payment without making it.", Params: payment,
			Example: `'{"from":"Wallet1","to":"Wallet2","amount":1.5}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.SendRequest) (any, error) { return w.prepareSend(ctx, r) }, h),
		}, {
			Name: "lode_send", Summary: "Makes a payment.", Params: append(slices.Clone(payment), passphraseParam),
			Example: `'{"from":"Wallet1","to":"Wallet2","amount":1.5}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.SendRequest) (any, error) { return w.send(ctx, r) }, h),
		},
	} {
		registerOwn(s, m)
	}
	for _, m := range []rpc.Method{
		{
			Name: "sendtoaddress", Summary: "Pays an address.",
			Params: []rpc.Param{
				{Name: "address", Type: rpc.String, Help: "Whom to pay"},
				{Name: "amount", Type: rpc.Any, Help: "In coins"},
				{Name: "comment", Type: rpc.String, Optional: true, Help: "Not kept"},
				{Name: "comment_to", Type: rpc.String, Optional: true, Help: "Not kept"},
				{Name: "subtractfeefromamount", Type: rpc.Bool, Optional: true, Help: "The receiver pays the fee (default false)"},
				{Name: "replaceable", Type: rpc.Bool, Optional: true, Help: "All payments are"},
				{Name: "conf_target", Type: rpc.Number, Optional: true, Help: "No meaning here"},
				{Name: "estimate_mode", Type: rpc.String, Optional: true, Help: "No meaning here"},
				{Name: "avoid_reuse", Type: rpc.Bool, Optional: true, Help: "No meaning here"},
				{Name: "fee_rate", Type: rpc.Any, Optional: true, Help: "In sat/vB"},
				{Name: "verbose", Type: rpc.Bool, Optional: true, Help: "Return an object (default false)"},
			},
			Example: `"bcrt1q…" 0.1`, Handler: onWallet(h, (*coreWallet).sendToAddress),
		},
	} {
		registerCore(s, m)
	}
}
