package mempool

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
)

// candidate is a transaction that has passed the checks.
type candidate struct {
	entry     *Entry
	coins     []*consensus.Coin  // that it spends
	ancestors map[*node]struct{} // in the pool
	conflicts []*node            // what cannot stay when it comes, by txid
	sibling   bool               // one of conflicts is only another child of its parent
	replaced  []*node            // conflicts and their descendants, parents first
}

// rate is the feerate by which it is judged, in satoshis per 1,000 vbytes.
func (c *candidate) rate() int64 { return rateOf(c.entry.ModifiedFee(), c.entry.VSize) }

// terms are what differs between the ways into the pool (Core's ATMPArgs).
type terms struct {
	replace      bool  // it may take the place of others
	evictSibling bool  // and, as a TRUC transaction, of its parent's other child
	packageFees  bool  // the floor is for its package as a whole
	carveOut     bool  // the limits of chains may be stretched
	maxRate      int64 // refuse above, in satoshis per 1,000 vbytes; 0: never
}

// single are the terms of a transaction that comes alone.
var single = terms{replace: true, evictSibling: true, carveOut: true}

// admit judges a transaction against the chain's tip and the pool, in the order
// of Core's MemPoolAccept, whose first complaint is the one that is reported.
func (p *Pool) admit(a arrival, v *coinView, t terms) (*candidate, error) {
	c, err := p.preCheck(a, v, t)
	if err != nil {
		return nil, err
	}
	if t.maxRate > 0 && c.rate() > t.maxRate {
		return nil, policy(MaxFeerateExceeded, "")
	}
	if len(c.conflicts) > 0 {
		if err := p.checkReplacement(c); err != nil {
			return nil, err
		}
	}
	if !a.checked {
		if err := p.checkScripts(c.entry, c.coins); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// preCheck is admit without what may be different for a transaction in a package:
// replacement, and the scripts (Core's PreChecks).
func (p *Pool) preCheck(a arrival, v *coinView, t terms) (*candidate, error) {
	if err := p.checkAlone(a.tx); err != nil {
		return nil, err
	}
	c, err := p.checkCoins(a, v, t)
	if err != nil {
		return nil, err
	}
	if a.origin == fresh {
		if err := p.checkFee(c.entry, a.time, t); err != nil {
			return nil, err
		}
	}
	if err := p.checkRelatives(c, a.origin, t); err != nil {
		return nil, err
	}
	return c, nil
}

// checkAlone checks what does not depend on the chain.
func (p *Pool) checkAlone(tx *wire.MsgTx) error {
	if err := consensus.CheckTransaction(tx); err != nil {
		return err
	}
	if consensus.IsCoinbase(tx) {
		return policy(Coinbase, "")
	}
	if p.policy.RequireStandard {
		if err := checkStandard(tx, &p.policy); err != nil {
			return err
		}
	}
	if tx.SerializeSizeStripped() < minStandardNonWitness {
		return policy(TxSizeSmall, "")
	}
	return nil
}

// coinView finds the coins that transactions on their way into the pool spend. What
// it has of the chain belongs to the tip that the pool is at.
type coinView struct {
	pool  *Pool
	chain map[wire.OutPoint]*consensus.Coin
	group map[chainhash.Hash]*wire.MsgTx // of the same package, judged before
}

// coinView brings the pool to the chain's tip and fetches the coins of transactions.
func (p *Pool) coinView(txs ...*wire.MsgTx) (*coinView, error) {
	for {
		if err := p.follow(); err != nil {
			return nil, err
		}
		var ops []wire.OutPoint
		for _, tx := range txs {
			for _, in := range tx.TxIn {
				if p.graph.nodes[in.PreviousOutPoint.Hash] == nil {
					ops = append(ops, in.PreviousOutPoint)
				}
			}
		}
		coins, tip, err := p.coinsOf(ops)
		if err != nil {
			return nil, err
		}
		if tip == p.tip {
			return &coinView{pool: p, chain: coins}, nil
		}
	}
}

// coinsOf looks coins up in the chain, and says to which tip they belong.
func (p *Pool) coinsOf(ops []wire.OutPoint) (map[wire.OutPoint]*consensus.Coin, *chain.Entry, error) {
	found, tip, err := p.config.Chain.Coins(ops)
	if err != nil {
		return nil, nil, local("read coins", err)
	}
	coins := make(map[wire.OutPoint]*consensus.Coin, len(ops))
	for i, op := range ops {
		coins[op] = found[i]
	}
	return coins, tip, nil
}

// coins returns the coins that a transaction spends, nil where there is none.
// Those of other waiting transactions count as being in the next block.
func (v *coinView) coins(tx *wire.MsgTx) []*consensus.Coin {
	coins := make([]*consensus.Coin, len(tx.TxIn))
	for i, in := range tx.TxIn {
		op := in.PreviousOutPoint
		parent := v.group[op.Hash]
		if n := v.pool.graph.nodes[op.Hash]; n != nil {
			parent = n.entry.Tx
		}
		if parent == nil {
			coins[i] = v.chain[op]
		} else if int64(op.Index) < int64(len(parent.TxOut)) {
			out := parent.TxOut[op.Index]
			coins[i] = &consensus.Coin{Value: out.Value, Script: out.PkScript, Height: v.pool.tip.Height + 1}
		}
	}
	return coins
}

// arrival is a transaction on its way into the pool.
type arrival struct {
	tx     *wire.MsgTx
	time   time.Time
	height int32 // of the tip when it came in

	origin      origin
	checked     bool // its scripts have passed under the standard flags
	unbroadcast bool // as in Entry
}

// origin says where a transaction comes from, and so what has been settled.
type origin uint8

const (
	fresh     origin = iota // handed in
	fromBlock               // of a block that was disconnected: its fee does not matter
	kept                    // it was in the pool before: nor do its children's number and TRUC
)

// checkCoins checks a transaction's place in time, that it is new, and what it
// spends.
func (p *Pool) checkCoins(a arrival, v *coinView, t terms) (*candidate, error) {
	tx, next := a.tx, p.tip.Height+1
	if !consensus.IsFinal(tx, next, p.tip.MedianTimePast()) {
		return nil, policy(NonFinal, "")
	}
	if err := p.checkNew(tx); err != nil {
		return nil, err
	}
	conflicts := p.conflicts(tx)
	switch {
	case len(conflicts) == 0:
	case a.origin == kept:
		return nil, policy(InsufficientFee, "conflicts with %s", conflicts[0].entry.TxID)
	case !t.replace:
		return nil, policy(ReplacementDisallowed, "")
	}
	coins := v.coins(tx)
	if slices.Contains(coins, nil) {
		return nil, p.missing(a)
	}
	if !p.locksMet(tx, coins) {
		return nil, policy(NonBIP68Final, "")
	}
	fee, err := consensus.CheckTxInputs(p.config.Params, tx, coins, next)
	if err != nil {
		return nil, err
	}
	if p.policy.RequireStandard {
		if !standardInputs(tx, coins) {
			return nil, policy(NonstandardInputs, "")
		}
		if tx.HasWitness() && !standardWitness(tx, coins) {
			return nil, policy(NonstandardWitness, "")
		}
	}
	sigOps := consensus.SigOpCost(tx, coins, consensus.StandardFlags)
	e := newEntry(tx, fee, p.deltas[tx.TxHash()], sigOps, a.time, a.height)
	e.Unbroadcast = a.unbroadcast
	if sigOps > maxStandardSigOpCost {
		return nil, policy(TooManySigops, "%d", sigOps)
	}
	return &candidate{entry: e, coins: coins, conflicts: conflicts}, nil
}

// checkRelatives judges a transaction by its ancestors in the pool, and adds to
// its conflicts the sibling that it would evict.
func (p *Pool) checkRelatives(c *candidate, from origin, t terms) error {
	if from == kept {
		// Only a reorganisation can have made its chain longer.
		unlimited := limits{p.policy.MaxAncestors, math.MaxInt, p.policy.MaxAncestorSize, math.MaxInt64}
		if _, problem := p.ancestors(c.entry, unlimited); problem != "" {
			return policy(TooLongMempoolChain, "%s", problem)
		}
		return nil
	}
	var err error
	if c.ancestors, err = p.checkLimits(c.entry, c.conflicts, t.carveOut); err != nil {
		return err
	}
	sibling, complaint := checkTRUC(c.entry, c.ancestors, c.conflicts)
	switch {
	case complaint == "":
	case sibling == nil || !t.evictSibling:
		return policy(TRUCViolation, "%s", complaint)
	default:
		c.conflicts, c.sibling = append(c.conflicts, sibling), true
		slices.SortFunc(c.conflicts, byTxID)
	}
	for _, n := range sortedNodes(c.ancestors) {
		if slices.Contains(c.conflicts, n) {
			return &consensus.Error{Kind: SpendsConflictingTx, Debug: fmt.Sprintf("%s spends conflicting transaction %s", c.entry.TxID, n.entry.TxID)}
		}
	}
	return nil
}

// checkNew refuses what the pool has already.
func (p *Pool) checkNew(tx *wire.MsgTx) error {
	if p.graph.byWTxID[tx.WitnessHash()] != nil {
		return policy(AlreadyInMempool, "")
	}
	if p.graph.nodes[tx.TxHash()] != nil {
		return policy(SameNonWitnessData, "")
	}
	return nil
}

// conflicts returns the transactions of the pool that spend one of the same
// outputs, by txid.
func (p *Pool) conflicts(tx *wire.MsgTx) []*node {
	var list []*node
	for _, in := range tx.TxIn {
		if n := p.graph.spent[in.PreviousOutPoint]; n != nil && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, byTxID)
	return list
}

// missing is the refusal of a transaction whose inputs are not all there. That
// is so for one that a block has confirmed, too.
func (p *Pool) missing(a arrival) error {
	if a.origin == fresh {
		txid := a.tx.TxHash()
		ops := make([]wire.OutPoint, len(a.tx.TxOut))
		for i := range ops {
			ops[i] = wire.OutPoint{Hash: txid, Index: uint32(i)}
		}
		coins, _, err := p.config.Chain.Coins(ops)
		if err != nil {
			return local("read coins", err)
		}
		if slices.ContainsFunc(coins, func(c *consensus.Coin) bool { return c != nil }) {
			return policy(AlreadyKnown, "")
		}
	}
	return &consensus.Error{Kind: consensus.BadTxnsInputsMissingOrSpent, Sort: consensus.NotYet}
}

// locksMet says whether relative lock times (BIP68) allow a transaction in the
// next block.
func (p *Pool) locksMet(tx *wire.MsgTx, coins []*consensus.Coin) bool {
	heights := make([]int32, len(coins))
	for i, c := range coins {
		heights[i] = c.Height
	}
	locks := consensus.SequenceLocks(tx, heights, medianTimeAt(p.tip))
	return locks.Met(p.tip.Height+1, p.tip.MedianTimePast())
}

// medianTimeAt looks median times up on the branch that ends at tip.
func medianTimeAt(tip *chain.Entry) func(int32) int64 {
	return func(height int32) int64 { return tip.Ancestor(height).MedianTimePast() }
}

// checkFee refuses what pays less than is asked of every transaction, and of one
// that comes now. A package cannot make up for the former, as it may lose the
// child that pays; but TRUC transactions are safe from that.
func (p *Pool) checkFee(e *Entry, now time.Time, t terms) error {
	fee := e.ModifiedFee()
	if least := feeAt(p.policy.MinRelayFee, e.VSize); !isTRUC(e.Tx) && fee < least {
		return policy(MinRelayFeeNotMet, "%d < %d", fee, least)
	}
	if t.packageFees {
		return nil
	}
	return p.checkFloor(fee, e.VSize, now)
}

// checkFloor refuses what pays less than the pool's floor for its size (Core's
// CheckFeeRate).
func (p *Pool) checkFloor(fee, vsize int64, now time.Time) error {
	if least := feeAt(p.floor.rate(now, p.graph.memory, &p.policy), vsize); fee < least {
		return reconsider(MempoolMinFeeNotMet, "%d < %d", fee, least)
	}
	if least := feeAt(p.policy.MinRelayFee, vsize); fee < least {
		return reconsider(MinRelayFeeNotMet, "%d < %d", fee, least)
	}
	return nil
}

// checkScripts runs the scripts of all inputs under the standard flags, and lets
// the chain know that they pass.
func (p *Pool) checkScripts(e *Entry, coins []*consensus.Coin) error {
	if p.config.Checked.Has(e.WTxID, consensus.StandardFlags) {
		return nil
	}
	consensusFlags := consensus.ScriptFlags(p.config.Params, p.tip.Height+1)
	checks := consensus.TxChecks(e.Tx, coins, consensus.StandardFlags)
	if err := consensus.RunChecks(p.config.Exec, checks); err != nil {
		if refusal, ok := errors.AsType[*consensus.Error](err); ok && refusal.Kind == consensus.ScriptNonMandatory {
			refusal.Sort = consensus.NotYet // policy
		}
		return err
	}
	p.config.Checked.Add(e.WTxID, consensus.StandardFlags)
	if consensusFlags&^consensus.StandardFlags == 0 {
		// Flags only forbid: what passes under more of them passes under fewer.
		p.config.Checked.Add(e.WTxID, consensusFlags)
	}
	return nil
}
