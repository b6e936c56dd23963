package node

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// maxPlans is how many payments that were shown are remembered; policy.
const maxPlans = 64

// plans makes a payment the one that was shown. Its random choices depend on a
// secret and on what is asked for, so that the same request on the same coins is
// the same transaction; and the last ones that were shown are remembered, so that
// a block that came since does not change them. mu guards all of it; of the
// wallets' locks it is taken last.
type plans struct {
	mu     sync.Mutex
	secret []byte // of this host, until it ends
	shown  []shownPlan
}

// shownPlan is a payment that lode_preparesend has shown.
type shownPlan struct {
	id      string
	wallet  int
	request [sha256.Size]byte
	draft   wallet.Draft
	change  []byte
	rate    wallet.FeeRate
	reason  string
	private bool // it was made with the private keys at hand
}

// seed returns the source of a payment's random choices.
func (s *plans) seed(source io.Reader, parts ...[]byte) (*random, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret == nil {
		secret := make([]byte, sha256.Size)
		if _, err := io.ReadFull(source, secret); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
		s.secret = secret
	}
	h := hmac.New(sha256.New, s.secret)
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return newRandom(strings.NewReader(string(h.Sum(nil))))
}

// remember keeps a payment that is shown, and forgets the oldest.
func (s *plans) remember(one shownPlan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = slices.DeleteFunc(s.shown, func(other shownPlan) bool { return other.id == one.id })
	if len(s.shown) == maxPlans {
		s.shown = slices.Delete(s.shown, 0, 1)
	}
	s.shown = append(s.shown, one)
}

func (s *plans) find(id string) (shownPlan, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.shown, func(one shownPlan) bool { return one.id == id })
	if i < 0 {
		return shownPlan{}, false
	}
	return s.shown[i], true
}

// planID names a payment: the hash of its transaction without signatures.
func planID(tx *wire.MsgTx) string { return tx.TxHash().String() }

// digestOf is a request without what does not change the payment.
func digestOf(r rpc.SendRequest) [sha256.Size]byte {
	r.Key, r.Passphrase, r.Plan, r.Explain = "", "", "", false
	text, _ := json.Marshal(r) // no value of it fails
	return sha256.Sum256(text)
}

// randomOf returns the source of a payment's random choices: the same for the same
// request with the same change address on the same chain.
func (w *wallets) randomOf(p *payment, tip chainhash.Hash) (*random, error) {
	of := fmt.Sprintf("%d %d %d", p.file.Number(), p.options.FeeRate, p.options.LockTime)
	return w.plans.seed(w.host.rand, []byte(of), []byte(p.asked()), p.options.Change.Script, tip[:])
}

// tipOf is a block as time locks are measured by.
func tipOf(tip *chain.Entry) wallet.Tip {
	return wallet.Tip{Height: tip.Height, MedianTime: func(height int32) int64 { return tip.Ancestor(height).MedianTimePast() }}
}

// keepShown remembers a payment that was planned and returns its name.
func (w *wallets) keepShown(p *payment) string {
	id := planID(p.draft.Tx)
	w.plans.remember(shownPlan{
		id: id, wallet: p.file.Number(), request: p.request, draft: copyDraft(p.draft), change: p.options.Change.Script,
		rate: p.options.FeeRate, reason: p.reason, private: p.ring != nil,
	})
	return id
}

func copyDraft(d *wallet.Draft) wallet.Draft {
	c := *d
	c.Tx, c.Coins = d.Tx.Copy(), slices.Clone(d.Coins)
	return c
}

// resume takes the payment that was shown, if it can still be made: none of its
// coins is spent or locked meanwhile, its change address is still free, and the
// mempool takes its fee.
func (w *wallets) resume(p *payment, coins []wallet.Coin) bool {
	one, ok := w.plans.find(p.shown)
	if !ok || one.wallet != p.file.Number() || one.request != p.request || one.private != (p.ring != nil) ||
		one.rate < wallet.FeeRate(w.host.pool.Info(w.host.now()).MinFee) ||
		one.draft.Change > 0 && !slices.Equal(one.change, p.options.Change.Script) {
		return false
	}
	named := make(map[wire.OutPoint]bool, len(p.must))
	for i := range p.must {
		named[p.must[i].OutPoint] = true
	}
	now := make(map[wire.OutPoint]*wallet.Coin, len(coins))
	for i := range coins {
		now[coins[i].OutPoint] = &coins[i]
	}
	draft := copyDraft(&one.draft)
	for i := range draft.Coins {
		c := now[draft.Coins[i].OutPoint]
		if c == nil || c.State == wallet.Spent || c.State == wallet.Immature || (c.Locked || c.Reused) && !named[c.OutPoint] {
			return false
		}
		draft.Coins[i] = *c // it may be confirmed by now
	}
	p.draft, p.options.FeeRate, p.reason = &draft, one.rate, one.reason
	return true
}

// changed says how a payment differs from the one that was shown.
func (w *wallets) changed(p *payment) error {
	var what []string
	one, ok := w.plans.find(p.shown)
	if ok && one.wallet == p.file.Number() && one.request == p.request {
		what = whatChanged(&one.draft, p.draft)
	}
	text := fmt.Sprintf("the fee is %s now", p.draft.Fee)
	if len(what) > 0 {
		text = strings.Join(what, ", ")
	}
	return rpc.Errorf(rpc.CodePlanChanged, "the payment is not the one any more that was shown: %s; nothing was sent", text)
}

// whatChanged tells two plans of one request apart, for people.
func whatChanged(was, is *wallet.Draft) []string {
	var what []string
	if is.Fee != was.Fee {
		what = append(what, fmt.Sprintf("the fee is %s now instead of %s", is.Fee, was.Fee))
	}
	if is.Change != was.Change {
		what = append(what, fmt.Sprintf("the change is %s instead of %s", is.Change, was.Change))
	}
	spends := func(d *wallet.Draft) (list []string) {
		for i := range d.Coins {
			list = append(list, d.Coins[i].OutPoint.String())
		}
		slices.Sort(list)
		return list
	}
	switch {
	case len(is.Coins) != len(was.Coins):
		what = append(what, fmt.Sprintf("it spends %d coins instead of %d", len(is.Coins), len(was.Coins)))
	case !slices.Equal(spends(is), spends(was)):
		what = append(what, "it spends other coins")
	case len(what) == 0:
		what = append(what, fmt.Sprintf("its change address, order or locktime is another one; the fee is %s as before", is.Fee))
	}
	return what
}

// mature refuses a payment whose locktime has not come: the mempool would not take
// it.
func (w *wallets) mature(p *payment) error {
	tx := p.draft.Tx
	if consensus.IsFinal(tx, p.at.Height+1, p.at.MedianTimePast()) {
		return nil
	}
	if tx.LockTime < consensus.LockTimeThreshold {
		return rpc.Errorf(rpc.CodeInvalidParameter, "locktime %d: such a payment can be sent from height %d on, and the chain is at %d", tx.LockTime, tx.LockTime, p.at.Height)
	}
	return rpc.Errorf(rpc.CodeInvalidParameter, "locktime %d: such a payment can be sent once the median time of the last %d blocks is past %s, and it is %s",
		tx.LockTime, medianBlocks, utcText(int64(tx.LockTime)), utcText(p.at.MedianTimePast()))
}

// medianBlocks is how many blocks the median time is of (BIP113).
const medianBlocks = 11

func utcText(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
