package node

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// payee is one output that a payment makes.
type payee struct {
	wallet.Payment
	to, name string // address, and the wallet's name where it is one of ours
}

// payment is a payment on its way from request to transaction.
type payment struct {
	file   *vault.Wallet
	from   string // the wallet as it was asked for
	payees []payee
	reason string     // of the fee rate, for people
	opener *vault.Key // of the request's passphrase; nil: the one held

	coins      []wire.OutPoint // that must be spent
	must       []wallet.Coin   // they
	takes      func(c *wallet.Coin, tip int32) bool
	unsafe     bool // coins that others have paid and no block has
	reuse      bool // coins at addresses that were spent from, also where the wallet avoids them
	change     []byte
	changeType keys.Type
	changeSet  bool // changeType was asked for
	cosigned   bool // coins that need signatures of others may be taken
	explain    bool
	comment    string
	data       string // hex, as it was asked for
	options    wallet.Options

	request [sha256.Size]byte // digest of what lode's methods were asked for
	shown   string            // the plan that it has to be; empty: any

	draft       *wallet.Draft
	ring        *ring
	changeChain uint32
	changeNext  uint32 // the change index plus one; 0: nothing new is issued
	remaining   consensus.Amount
	tip         int32
	at          *chain.Entry // the tip
	signatures  [][]wallet.Signature
}

// plan chooses coins and a change address.
func (w *wallets) plan(ctx context.Context, p *payment) error {
	v, err := w.view(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	coins, err := w.coinsFor(v, p)
	if err != nil {
		return err
	}
	if err := w.fillOptions(v, p); err != nil {
		return err
	}
	payments := make([]wallet.Payment, len(p.payees))
	for i := range p.payees {
		payments[i] = p.payees[i].Payment
	}
	if w.resume(p, coins) {
		w.settled(p, coins)
		return nil
	}
	if p.draft, err = wallet.Plan(coins, payments, p.options); err != nil {
		return err
	}
	w.settled(p, coins)
	if p.shown != "" && p.shown != planID(p.draft.Tx) {
		return w.changed(p)
	}
	return nil
}

// fillOptions says what a plan has to know of the chain, the mempool and the
// wallet's keys.
func (w *wallets) fillOptions(v *walletView, p *payment) error {
	if err := w.setChange(p); err != nil {
		return err
	}
	tip, o := w.host.chain.ByHash(v.At.Hash), &p.options
	p.tip, p.at = tip.Height, tip
	random, err := w.randomOf(p, tip.Hash)
	if err != nil {
		return err
	}
	o.Must, o.Solve, o.Alone = p.must, w.solveFor(p), !p.cosigned
	o.Policy, o.Rand = w.host.pool.Info(w.host.now()).Policy, random.below
	o.Discard = w.discardRate(o)
	o.Tip = tipOf(tip)
	if !o.LockFixed {
		o.LockTime = wallet.AntiSniping(tip.Height, tip.Time(), w.host.now().Unix(), random.below)
	}
	return nil
}

// settled notes what a draft leaves in the wallet to pay with.
func (w *wallets) settled(p *payment, coins []wallet.Coin) {
	p.remaining = 0
	for i, out := range p.draft.Tx.TxOut {
		if i == p.draft.ChangeAt && p.options.Change.Foreign {
			continue
		}
		if _, mine := w.owns(p.file, out.PkScript); mine || i == p.draft.ChangeAt {
			p.remaining += consensus.Amount(out.Value)
		}
	}
	coins = slices.Clone(coins)
	spends := make(map[wire.OutPoint]bool, len(p.draft.Coins))
	for i := range p.draft.Coins {
		spends[p.draft.Coins[i].OutPoint] = true
	}
	for i := range coins {
		if spends[coins[i].OutPoint] {
			coins[i].State = wallet.Spent
		}
	}
	p.remaining += wallet.Reckon(coins, p.options.Solve, p.options.Tip).Spendable
	if p.draft.Change == 0 {
		p.changeNext = 0
	}
}

// coinsFor returns a wallet's coins, those marked that no payment takes unless it
// names them, without those that this one does not take; and finds those that it
// must spend.
func (w *wallets) coinsFor(v *walletView, p *payment) ([]wallet.Coin, error) {
	coins, err := w.coinsOf(v, p.file)
	if err != nil {
		return nil, err
	}
	if p.file.Flag(flagAvoidReuse) && !p.reuse {
		p.options.ByScript = true // what is left at an address could not be spent any more
	}
	at := make(map[wire.OutPoint]int, len(p.coins))
	for i := range coins {
		c := &coins[i]
		c.Reused = c.Reused && !p.reuse
		if p.unsafe && c.State == wallet.Pending {
			c.State = wallet.Spendable
		}
		if len(p.coins) > 0 {
			at[c.OutPoint] = i
		}
	}
	for _, op := range p.coins {
		i, ok := at[op]
		if !ok {
			return nil, fmt.Errorf("%w: %s is not an unspent coin of wallet %s", wallet.ErrCoin, op, p.file.Name())
		}
		p.must = append(p.must, coins[i])
	}
	p.coins = nil // found
	if p.takes != nil {
		coins = slices.DeleteFunc(coins, func(c wallet.Coin) bool { return !p.takes(&c, v.At.Height) })
	}
	return coins, nil
}

// setChange finds where change goes to: as Core, to an address of the type of
// those that are paid, where the wallet has that.
func (w *wallets) setChange(p *payment) error {
	if p.change != nil {
		p.options.Change = wallet.Change{Script: p.change, Foreign: true}
		if owner, ok := w.owns(p.file, p.change); ok {
			p.options.Change = wallet.Change{Script: p.change, Chain: owner.Chain, Index: owner.Index}
		}
		return nil
	}
	roles, err := w.roles(p.file)
	if err != nil {
		return err
	}
	t := p.changeType
	if !p.changeSet {
		scripts := make([][]byte, len(p.payees))
		for i := range p.payees {
			scripts[i] = p.payees[i].Script
		}
		t = wallet.ChangeType(scripts, keys.Type(p.file.Header().Type), func(t keys.Type) bool { return active(roles, true, t) != nil })
	}
	script, chain, next, err := w.changeFor(p.file, t)
	if err != nil {
		return err
	}
	p.changeChain, p.changeNext = chain, next
	p.options.Change = wallet.Change{Script: script, Chain: chain, Index: max(next, 1) - 1}
	return nil
}

// solveFor tells how coins are spent: by the private keys that there are where
// it matters which ones are, else by public ones.
func (w *wallets) solveFor(p *payment) wallet.Solver {
	if p.ring != nil {
		return p.ring.Solve
	}
	if head := p.file.Header(); len(head.Descriptors) > 0 && !head.WatchOnly {
		if ring, err := w.ring(p.file, p.opener); err == nil {
			p.ring = ring
			return ring.Solve
		}
	}
	return w.solver(p.file)
}

// close forgets the keys.
func (p *payment) close() {
	if p.ring != nil {
		p.ring.Close()
	}
}

// result is a payment as lode's methods show it.
func (w *wallets) result(p *payment) rpc.SendPlan {
	vsize := p.draft.VSize()
	plan := rpc.SendPlan{
		From: p.from, FromName: p.file.Name(), Fee: p.draft.Fee, FeeRate: satPerVB(p.draft.Fee, vsize), FeeReason: p.reason, VSize: vsize,
		Inputs: len(p.draft.Coins), Change: p.draft.Change, Remaining: p.remaining, Replaceable: !p.options.Final,
	}
	if p.draft.Change > 0 {
		plan.ChangeAddress, _ = address.Encode(p.options.Change.Script, w.host.params)
		plan.ChangeForeign = p.options.Change.Foreign
	}
	for i, to := range p.payees {
		at := i
		if p.draft.ChangeAt >= 0 && p.draft.ChangeAt <= i {
			at++
		}
		value := consensus.Amount(p.draft.Tx.TxOut[at].Value)
		plan.Amount += value
		if to.to != "" {
			plan.Payments = append(plan.Payments, rpc.Paid{To: to.to, ToName: to.name, Amount: value, Output: at})
		}
	}
	if len(plan.Payments) > 0 {
		plan.To, plan.ToName = plan.Payments[0].To, plan.Payments[0].ToName
	}
	if p.options.LockFixed {
		plan.LockTime = &p.options.LockTime
	}
	plan.Data = p.data
	if p.explain {
		plan.Explain = w.story(p)
	}
	return plan
}

// satPerVB is a feerate with three decimals.
func satPerVB(fee consensus.Amount, vsize int64) float64 {
	return math.Round(float64(fee)/float64(max(vsize, 1))*1000) / 1000
}

// prepareSend computes a payment and makes none.
func (w *wallets) prepareSend(ctx context.Context, r rpc.SendRequest) (rpc.SendPlan, error) {
	p, err := w.newPayment(ctx, r)
	if err != nil {
		return rpc.SendPlan{}, err
	}
	defer p.close()
	p.shown = ""
	if r.Passphrase != "" { // what the keys can sign may depend on them
		key, done, err := w.keyFor(r.Passphrase)
		if err != nil {
			return rpc.SendPlan{}, err
		}
		defer done()
		p.opener = key
	}
	if r.Key != "" { // a payment that was made is shown, not what another would be
		if plan, tx, known, err := w.recorded(p, r.Key); known || err != nil {
			if err == nil {
				plan, _, err = w.latest(ctx, p, plan, tx)
			}
			return plan, err
		}
	}
	if err := w.planSend(ctx, p); err != nil {
		return rpc.SendPlan{}, err
	}
	plan := w.result(p)
	plan.Plan = w.keepShown(p)
	return plan, nil
}

// planSend is plan for lode's methods.
func (w *wallets) planSend(ctx context.Context, p *payment) error {
	if err := w.plan(ctx, p); err != nil {
		return planError(err)
	}
	return w.mature(p)
}

// send makes a payment: chosen, signed, recorded and in the mempool when it
// returns. The same key of the same wallet is one payment.
func (w *wallets) send(ctx context.Context, r rpc.SendRequest) (rpc.SendPlan, error) {
	p, err := w.newPayment(ctx, r)
	if err != nil {
		return rpc.SendPlan{}, err
	}
	defer p.close()
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
	mu := w.sendingOf(number)
	mu.Lock()
	return mu.Unlock
}

func (w *wallets) sendingOf(number int) *sync.Mutex {
	mu, _ := w.sending.LoadOrStore(number, new(sync.Mutex))
	return mu.(*sync.Mutex)
}

// pay chooses, signs, records and submits. The caller holds the wallet's lock.
func (w *wallets) pay(ctx context.Context, p *payment, key string) (rpc.SendPlan, error) {
	if p.file.Header().WatchOnly {
		return rpc.SendPlan{}, errWatchOnly(p.file)
	}
	if err := w.planSend(ctx, p); err != nil {
		return rpc.SendPlan{}, err
	}
	if err := w.sign(p); err != nil {
		return rpc.SendPlan{}, err
	}
	return w.submit(p, key)
}

// errWatchOnly says that a wallet has no keys.
func errWatchOnly(file *vault.Wallet) error {
	return rpc.Errorf(rpc.CodeWallet, "wallet %s only watches: it has no private keys; make a PSBT of the payment (lode psbt create --from %[1]s), and have it signed where they are", file.Name())
}

// sign makes a draft's signatures.
func (w *wallets) sign(p *payment) error {
	if p.ring == nil {
		ring, err := w.ring(p.file, p.opener)
		if err != nil {
			return err
		}
		p.ring = ring
	}
	for i := range p.draft.Coins { // parsed before many ask at once
		if _, err := p.ring.chain(p.draft.Coins[i].Chain); err != nil {
			return err
		}
	}
	o := wallet.SignOptions{Run: w.host.exec.Run}
	if p.explain {
		o.Signed = func(_ int, sigs []wallet.Signature) { p.signatures = append(p.signatures, sigs) }
	}
	complete, problems, err := wallet.Sign(p.draft.Tx, p.draft.Coins, p.ring.Solve, o)
	if err == nil && !complete {
		err = rpc.CodeWallet.New(problems[0].Error() + "; a payment that others have to sign too is made with lode psbt")
	}
	return err
}

// submit records a signed payment and puts it into the mempool.
func (w *wallets) submit(p *payment, key string) (rpc.SendPlan, error) {
	tx := p.draft.Tx
	// Asked before anything is recorded: a refusal leaves no trace.
	if _, err := w.host.pool.Test(tx, w.host.now()); err != nil {
		return rpc.SendPlan{}, refusedPayment(err)
	}
	plan := w.result(p)
	plan.TxID = tx.TxHash().String()
	if err := w.record(p, plan, tx, key); err != nil {
		return rpc.SendPlan{}, err
	}
	return plan, w.enter(p.file, tx)
}

// enter puts a recorded payment into the mempool. One that is refused is given up:
// it would be tried again after somebody was told that it was not made. When this
// machine fails it may be in the store, and is tried again. The caller holds the
// wallet's lock.
func (w *wallets) enter(file *vault.Wallet, tx *wire.MsgTx) error {
	_, err := w.host.pool.AcceptOwn(tx, w.host.now())
	if err == nil {
		return nil
	}
	if consensus.SortOf(err) != consensus.Local {
		if failed := file.Abandon(tx.TxHash().String(), true); failed != nil {
			return errors.Join(refusedPayment(err), failed)
		}
	}
	return refusedPayment(err)
}

// sentDetails is what is kept of a payment beside the transaction.
type sentDetails struct {
	rpc.SendPlan
	Asked    string `json:"asked,omitempty"`    // digest of what was asked for; empty in older files
	Replaces string `json:"replaces,omitempty"` // txid of the payment that it takes the place of
}

// asked is a digest of what a payment was asked to do, by which a repeated
// request is known from another one under the same key.
func (p *payment) asked() string {
	h := sha256.New()
	for _, to := range p.payees {
		fmt.Fprintf(h, "%x %d %t %t\n", to.Script, to.Value, to.Rest, to.Subtract)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// record writes the payment and its change index to the wallet's journal, and
// watches what the index brings with it.
func (w *wallets) record(p *payment, plan rpc.SendPlan, tx *wire.MsgTx, key string) error {
	plan.Explain = nil
	return w.recordDetails(p, sentDetails{SendPlan: plan, Asked: p.asked()}, tx, key)
}

func (w *wallets) recordDetails(p *payment, kept sentDetails, tx *wire.MsgTx, key string) error {
	details, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	key = cmp.Or(key, kept.TxID) // every payment is remembered until a block has it, and after
	s := vault.Send{Key: key, TxID: kept.TxID, Tx: hex.EncodeToString(consensus.EncodeTx(tx)), Details: string(details)}
	if err := p.file.RecordSend(s, p.changeChain, p.changeNext); err != nil {
		return rpc.CodeWallet.New(err.Error())
	}
	w.sent.recorded(p.file, key, tx)
	if p.comment != "" {
		if err := p.file.SetNote(kept.TxID, p.comment); err != nil {
			return rpc.CodeWallet.New(err.Error())
		}
	}
	if p.changeNext == 0 {
		return nil
	}
	return w.watch(uint32(p.file.Number()))
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

// recorded returns the payment that was made under a key, and its transaction.
func (w *wallets) recorded(p *payment, key string) (plan rpc.SendPlan, tx *wire.MsgTx, known bool, err error) {
	sent, err := p.file.Send(key)
	if errors.Is(err, vault.ErrUnknown) {
		return plan, nil, false, nil
	}
	if err != nil {
		return plan, nil, true, walletError(err)
	}
	var kept sentDetails
	if err := json.Unmarshal([]byte(sent.Details), &kept); err != nil {
		return plan, nil, true, fmt.Errorf("the payment recorded under key %q cannot be read: %w", clipped(key), err)
	}
	plan = kept.SendPlan
	if kept.Asked != p.asked() && (kept.Asked != "" || plan.To != p.payees[0].to || plan.Amount != p.payees[0].Value) {
		return rpc.SendPlan{}, nil, true, rpc.Errorf(rpc.CodeInvalidParameter,
			"key %q was used for another payment, %s to %s: choose a new key", clipped(key), plan.Amount, plan.To)
	}
	plan.Repeated = true
	raw, err := hex.DecodeString(sent.Tx)
	if err != nil {
		return plan, nil, true, err
	}
	tx, err = consensus.DecodeTx(raw)
	return plan, tx, true, err
}

// repeat returns the payment that was made under a key, and submits it again
// if it is neither confirmed nor in the mempool.
func (w *wallets) repeat(ctx context.Context, p *payment, key string) (plan rpc.SendPlan, known bool, err error) {
	plan, tx, known, err := w.recorded(p, key)
	if !known || err != nil {
		return plan, known, err
	}
	txid := tx.TxHash()
	plan, there, err := w.latest(ctx, p, plan, tx)
	if there || err != nil {
		return plan, true, err
	}
	switch _, err := w.host.pool.AcceptOwn(tx, w.host.now()); {
	case err == nil:
		return plan, true, p.file.Abandon(txid.String(), false)
	case consensus.SortOf(err) == consensus.Local:
		return rpc.SendPlan{}, true, err // it may be there after a restart: a new key could pay twice
	case p.file.IsAbandoned(txid.String()):
		return rpc.SendPlan{}, true, rpc.Errorf(rpc.CodeVerifyRejected,
			"the payment %s recorded under this key is in no block and is refused now (%v): choose a new key", txid, err)
	default:
		return rpc.SendPlan{}, true, rpc.Errorf(rpc.CodeVerifyRejected,
			"the payment %s recorded under this key is in no block and is refused now (%v); it is tried again after each block: "+
				"give it up with abandontransaction if it must not be made, then choose a new key", txid, err)
	}
}

// latest returns a payment as it stands: itself, or the one with a higher fee that
// has taken its place, with its own fee and change. There: one of them is in the
// mempool or in a block.
func (w *wallets) latest(ctx context.Context, p *payment, plan rpc.SendPlan, tx *wire.MsgTx) (latest rpc.SendPlan, there bool, err error) {
	txid := tx.TxHash()
	if there, err := w.exists(ctx, txid); there || err != nil {
		return plan, there, err
	}
	by, err := w.successor(ctx, p.file, txid)
	if by == "" || err != nil {
		return plan, false, err
	}
	plan.TxID = by
	sent, err := p.file.Send(by)
	if err != nil {
		return plan, true, walletError(err)
	}
	var kept sentDetails
	if err := json.Unmarshal([]byte(sent.Details), &kept); err != nil {
		return plan, true, fmt.Errorf("the payment %s cannot be read: %w", by, err)
	}
	plan.Fee, plan.FeeRate, plan.FeeReason, plan.VSize, plan.Inputs = kept.Fee, kept.FeeRate, kept.FeeReason, kept.VSize, kept.Inputs
	plan.Change, plan.ChangeAddress, plan.ChangeForeign, plan.Remaining = kept.Change, kept.ChangeAddress, kept.ChangeForeign, kept.Remaining
	plan.Replaceable = kept.Replaceable
	if len(kept.Payments) == len(plan.Payments) { // same outputs, perhaps at other places
		for i := range kept.Payments {
			kept.Payments[i].ToName = plan.Payments[i].ToName
		}
		plan.Payments = kept.Payments
	}
	return plan, true, nil
}

// successor returns the payment that has taken the place of another one with a
// higher fee, and is in the mempool or in a block; empty when there is none.
func (w *wallets) successor(ctx context.Context, file *vault.Wallet, txid chainhash.Hash) (string, error) {
	for by := w.replacedBy(file, txid); by != ""; by = w.replacedBy(file, txid) {
		var err error
		if txid, err = rpc.ParseHash(by, "txid"); err != nil {
			return "", err
		}
		if there, err := w.exists(ctx, txid); there || err != nil {
			return by, err
		}
	}
	return "", nil
}

// exists says whether a transaction is in the mempool or in a block.
func (w *wallets) exists(ctx context.Context, txid chainhash.Hash) (bool, error) {
	if w.host.pool.Get(txid) != nil {
		return true, nil
	}
	_, found, err := w.host.txindex.Find(ctx, txid)
	return found, err
}
