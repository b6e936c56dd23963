package mempool

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// Limits of transactions that are judged together (policy).
const (
	MaxPackage       = 25      // MAX_PACKAGE_COUNT
	maxPackageWeight = 404_000 // MAX_PACKAGE_WEIGHT
)

// The terms of transactions that are judged together, and of each by itself
// before that.
var (
	testedTogether  = terms{}
	inPackage       = terms{replace: true, packageFees: true}
	singleInPackage = terms{replace: true, evictSibling: true}
)

// PackageResult is what became of transactions that were handed in together.
type PackageResult struct {
	// Err is nil when all are in the pool, or would be. Its kind is
	// TransactionFailed where the refusal of one of the transactions tells more.
	Err *consensus.Error
	// Txs are by wtxid. Those that were not looked at are missing.
	Txs map[chainhash.Hash]TxResult
	// Replaced are the txids of what had to go, in the order of their bytes.
	Replaced []chainhash.Hash
}

// TxResult is what became of one transaction of several. Err is set when it was
// refused, OtherWTxID when the pool has it with another witness; otherwise Entry
// is it.
type TxResult struct {
	Err        error
	OtherWTxID chainhash.Hash
	Entry      *Entry
	Known      bool // it was in the pool before

	// Rate is the feerate by which it was judged, in satoshis per 1,000 vbytes,
	// and Includes are the wtxids of those whose fees it was taken from. Not
	// told of what was known.
	Rate     int64
	Includes []chainhash.Hash

	replaced []*node
}

// Accepted says whether the transaction is in the pool, or would be.
func (r *TxResult) Accepted() bool { return r.Err == nil && r.Entry != nil }

// TestPackage judges transactions that may spend each other's outputs, parents
// first, by what each pays for itself, and changes nothing (Core's
// ProcessNewPackage with test_accept). One alone is for Test. Its error is a
// failure of this machine.
func (p *Pool) TestPackage(txs []*wire.MsgTx, now time.Time) (*PackageResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if refused := wellFormed(txs); refused != nil {
		return &PackageResult{Err: refused}, nil
	}
	v, err := p.coinView(txs...)
	if err != nil {
		return nil, err
	}
	result, _, err := p.admitTogether(txs, now, v, testedTogether, false)
	return result, err
}

// SubmitPackage adds a transaction and parents of it (Core's ProcessNewPackage):
// each by itself if it can be, the rest together, by the feerate of all. Those
// that were taken stay when others are refused. Above maxRate satoshis per 1,000
// vbytes a transaction is refused, unless that is 0. own is as in AcceptOwn. What
// was taken is in the store, synced, when SubmitPackage returns; its error is a
// failure of this machine.
func (p *Pool) SubmitPackage(txs []*wire.MsgTx, now time.Time, maxRate int64, own bool) (*PackageResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if refused := wellFormed(txs); refused != nil {
		return &PackageResult{Err: refused}, nil
	}
	if !ChildWithParents(txs) {
		return &PackageResult{Err: refusal(policy(PackageNotFamily, ""))}, nil
	}
	v, err := p.coinView(txs...)
	if err != nil {
		return nil, err
	}
	child := txs[len(txs)-1]
	for _, in := range child.TxIn {
		if op := in.PreviousOutPoint; !slices.ContainsFunc(txs, hasID(op.Hash)) && v.chain[op] == nil {
			return &PackageResult{Err: refusal(policy(PackageParentAbsent, ""))}, nil
		}
	}
	s := submission{pool: p, do: p.change(), view: v, now: now, maxRate: maxRate, own: own, results: map[chainhash.Hash]TxResult{}}
	if err := s.run(txs); err != nil {
		s.do.revert()
		return nil, err
	}
	if err := s.do.commit(); err != nil {
		return nil, err
	}
	return s.report(txs), nil
}

// submission is a package on its way into the pool.
type submission struct {
	pool    *Pool
	do      *change
	view    *coinView
	now     time.Time
	maxRate int64
	own     bool

	refused *consensus.Error // the package as a whole
	results map[chainhash.Hash]TxResult
}

func (s *submission) run(txs []*wire.MsgTx) error {
	var left []*wire.MsgTx // that may pass together
	for _, tx := range txs {
		again, err := s.alone(tx)
		if err != nil {
			return err
		}
		if again {
			left = append(left, tx)
		}
	}
	if s.refused == nil && len(left) > 0 {
		if err := s.together(left); err != nil {
			return err
		}
	}
	s.do.limit(s.now)
	return nil
}

// alone tries to add a transaction by itself, and says whether it may be tried
// again together with others.
func (s *submission) alone(tx *wire.MsgTx) (again bool, err error) {
	id, wtxid := tx.TxHash(), tx.WitnessHash()
	if n := s.pool.graph.nodes[id]; n != nil {
		r := TxResult{Known: true, Entry: n.entry}
		if n.entry.WTxID != wtxid {
			r.OtherWTxID = n.entry.WTxID
		}
		s.results[wtxid] = r
		return false, nil
	}
	t := singleInPackage
	t.maxRate = s.maxRate
	c, err := s.pool.admit(s.arrival(tx), s.view, t)
	switch {
	case err == nil:
		s.take(c, c.rate(), []chainhash.Hash{wtxid})
		return false, nil
	case consensus.SortOf(err) == consensus.Local:
		return false, err
	}
	s.results[wtxid] = TxResult{Err: err}
	if mayMend(err) {
		return true, nil
	}
	// Nothing else would change by looking at it with the others.
	s.refused = &consensus.Error{Kind: TransactionFailed, Sort: consensus.NotYet}
	return false, nil
}

func (s *submission) arrival(tx *wire.MsgTx) arrival {
	return arrival{tx: tx, time: s.now, height: s.pool.tip.Height, unbroadcast: s.own}
}

func (s *submission) take(c *candidate, rate int64, includes []chainhash.Hash) {
	s.results[c.entry.WTxID] = TxResult{Entry: c.entry, Rate: rate, Includes: includes, replaced: c.replaced}
	s.do.replace(c)
}

// together adds what did not pass by itself.
func (s *submission) together(txs []*wire.MsgTx) error {
	if len(txs) == 1 {
		again, err := s.alone(txs[0])
		if again {
			s.refused = &consensus.Error{Kind: TransactionFailed, Sort: consensus.NotYet}
		}
		return err
	}
	t := inPackage
	t.maxRate = s.maxRate
	result, group, err := s.pool.admitTogether(txs, s.now, s.view, t, s.own)
	if err != nil {
		return err
	}
	s.refused = result.Err
	maps.Copy(s.results, result.Txs)
	if result.Err == nil {
		for _, c := range group {
			s.do.replace(c)
		}
	}
	return nil
}

// report tells what is in the pool in the end.
func (s *submission) report(txs []*wire.MsgTx) *PackageResult {
	r := &PackageResult{Err: s.refused, Txs: s.results}
	for _, tx := range txs {
		wtxid := tx.WitnessHash()
		one := r.Txs[wtxid]
		if one.Err != nil {
			continue
		}
		n := s.pool.graph.nodes[tx.TxHash()]
		if n == nil {
			r.Err = &consensus.Error{Kind: TransactionFailed, Sort: consensus.NotYet}
			r.Txs[wtxid] = TxResult{Err: policy(MempoolFull, "")}
			continue
		}
		one.Entry = n.view()
		for _, gone := range one.replaced {
			r.Replaced = append(r.Replaced, gone.entry.TxID)
		}
		r.Txs[wtxid] = one
	}
	slices.SortFunc(r.Replaced, func(a, b chainhash.Hash) int { return slices.Compare(a[:], b[:]) })
	return r
}

// admitTogether judges transactions that are to come at the same moment (Core's
// AcceptMultipleTransactions).
func (p *Pool) admitTogether(txs []*wire.MsgTx, now time.Time, v *coinView, t terms, own bool) (*PackageResult, []*candidate, error) {
	r := &PackageResult{Txs: map[chainhash.Hash]TxResult{}}
	failed := func(tx *wire.MsgTx, err error) (*PackageResult, []*candidate, error) {
		if consensus.SortOf(err) == consensus.Local {
			return nil, nil, err
		}
		r.Err = &consensus.Error{Kind: TransactionFailed, Sort: consensus.NotYet}
		r.Txs[tx.WitnessHash()] = TxResult{Err: err}
		return r, nil, nil
	}
	refused := func(err error) (*PackageResult, []*candidate, error) {
		r.Err = refusal(err)
		return r, nil, nil
	}
	v.group = map[chainhash.Hash]*wire.MsgTx{}
	defer func() { v.group = nil }()
	var group []*candidate
	var fees, vsize int64
	var includes []chainhash.Hash
	conflicts := false
	for _, tx := range txs {
		c, err := p.preCheck(arrival{tx: tx, time: now, height: p.tip.Height, unbroadcast: own}, v, t)
		if err != nil {
			return failed(tx, err)
		}
		if t.maxRate > 0 && c.rate() > t.maxRate {
			return failed(tx, policy(MaxFeerateExceeded, ""))
		}
		v.group[c.entry.TxID] = tx
		group = append(group, c)
		fees, vsize = fees+c.entry.ModifiedFee(), vsize+c.entry.VSize
		includes = append(includes, c.entry.WTxID)
		conflicts = conflicts || len(c.conflicts) > 0
	}
	for _, c := range group {
		if complaint := checkPackageTRUC(c, group); complaint != "" {
			return refused(policy(TRUCViolation, "%s", complaint))
		}
	}
	if t.packageFees {
		if err := p.checkFloor(fees, vsize, now); err != nil {
			return failed(txs[len(txs)-1], err)
		}
	}
	if problem := p.packageLimits(txs, vsize); problem != "" {
		return refused(policy(PackageMempoolLimits, "%s", problem))
	}
	if conflicts {
		if err := p.checkPackageReplacement(group, fees, vsize); err != nil {
			return refused(err)
		}
	}
	for _, c := range group {
		if err := p.checkScripts(c.entry, c.coins); err != nil {
			if t.packageFees {
				clear(r.Txs) // none of them will come
			}
			return failed(c.entry.Tx, err)
		}
		one := TxResult{Entry: c.entry, Rate: c.rate(), Includes: []chainhash.Hash{c.entry.WTxID}, replaced: c.replaced}
		if t.packageFees {
			one.Rate, one.Includes = rateOf(fees, vsize), includes
		}
		r.Txs[c.entry.WTxID] = one
	}
	return r, group, nil
}

// refusal returns the *consensus.Error that a refusal is.
func refusal(err error) *consensus.Error {
	e, _ := errors.AsType[*consensus.Error](err)
	return e
}

// wellFormed checks transactions without looking at anything else (Core's
// IsWellFormedPackage).
func wellFormed(txs []*wire.MsgTx) *consensus.Error {
	refuse := func(kind consensus.Kind) *consensus.Error { return refusal(policy(kind, "")) }
	if len(txs) > MaxPackage {
		return refuse(PackageTooMany)
	}
	weight := int64(0)
	later := map[chainhash.Hash]bool{}
	for _, tx := range txs {
		weight += consensus.Weight(tx)
		later[tx.TxHash()] = true
	}
	switch {
	case len(txs) > 1 && weight > maxPackageWeight:
		return refuse(PackageTooLarge)
	case len(later) != len(txs):
		return refuse(PackageDuplicates)
	}
	for _, tx := range txs {
		for _, in := range tx.TxIn {
			if later[in.PreviousOutPoint.Hash] {
				return refuse(PackageNotSorted)
			}
		}
		delete(later, tx.TxHash())
	}
	spent := map[wire.OutPoint]*wire.MsgTx{}
	for _, tx := range txs {
		if len(tx.TxIn) == 0 {
			return refuse(PackageConflict)
		}
		for _, in := range tx.TxIn {
			// Spending twice in one transaction is left to CheckTransaction.
			if by := spent[in.PreviousOutPoint]; by != nil && by != tx {
				return refuse(PackageConflict)
			}
			spent[in.PreviousOutPoint] = tx
		}
	}
	return nil
}

func hasID(txid chainhash.Hash) func(*wire.MsgTx) bool {
	return func(tx *wire.MsgTx) bool { return tx.TxHash() == txid }
}

// ChildWithParents says whether all transactions but the last are parents of it
// (Core's IsChildWithParents).
func ChildWithParents(txs []*wire.MsgTx) bool {
	if len(txs) < 2 {
		return false
	}
	child := txs[len(txs)-1]
	return !slices.ContainsFunc(txs[:len(txs)-1], func(parent *wire.MsgTx) bool { return !spendsFrom(child, parent.TxHash()) })
}

// ChildWithParentsTree says, besides, whether the parents are independent of each
// other (Core's IsChildWithParentsTree).
func ChildWithParentsTree(txs []*wire.MsgTx) bool {
	if !ChildWithParents(txs) {
		return false
	}
	parents := txs[:len(txs)-1]
	return !slices.ContainsFunc(parents, func(tx *wire.MsgTx) bool {
		return slices.ContainsFunc(parents, func(parent *wire.MsgTx) bool { return spendsFrom(tx, parent.TxHash()) })
	})
}
