package mempool

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
)

// candidate is a transaction that has passed the checks.
type candidate struct {
	entry    *Entry
	replaced []*node // what goes when it comes: conflicts and their descendants, parents first
}

// check judges a transaction against the chain's tip and the pool, in the order
// of Core's MemPoolAccept, whose first complaint is the one that is reported.
func (p *Pool) check(tx *wire.MsgTx, now time.Time) (*candidate, error) {
	if err := p.checkAlone(tx); err != nil {
		return nil, err
	}
	coins, err := p.coins(tx)
	if err != nil {
		return nil, err
	}
	a := arrival{tx: tx, time: now, height: p.tip.Height}
	return p.judge(a, coins)
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

// coins returns the coins that a transaction spends, of the chain and of the
// pool, nil where there is none. The pool is at the tip to which they belong.
func (p *Pool) coins(tx *wire.MsgTx) ([]*consensus.Coin, error) {
	for {
		if err := p.follow(); err != nil {
			return nil, err
		}
		ops := make([]wire.OutPoint, 0, len(tx.TxIn))
		for _, in := range tx.TxIn {
			if p.graph.nodes[in.PreviousOutPoint.Hash] == nil {
				ops = append(ops, in.PreviousOutPoint)
			}
		}
		found, tip, err := p.config.Chain.Coins(ops)
		if err != nil {
			return nil, local("read coins", err)
		}
		if tip == p.tip {
			byOp := make(map[wire.OutPoint]*consensus.Coin, len(ops))
			for i, op := range ops {
				byOp[op] = found[i]
			}
			return p.withPoolCoins(tx, byOp), nil
		}
	}
}

// withPoolCoins returns the coins that a transaction spends from those of the
// chain and from the outputs of the pool's transactions, which count as being in
// the next block.
func (p *Pool) withPoolCoins(tx *wire.MsgTx, ofChain map[wire.OutPoint]*consensus.Coin) []*consensus.Coin {
	coins := make([]*consensus.Coin, len(tx.TxIn))
	for i, in := range tx.TxIn {
		op := in.PreviousOutPoint
		parent := p.graph.nodes[op.Hash]
		if parent == nil {
			coins[i] = ofChain[op]
		} else if outs := parent.entry.Tx.TxOut; int64(op.Index) < int64(len(outs)) {
			coins[i] = &consensus.Coin{Value: outs[op.Index].Value, Script: outs[op.Index].PkScript, Height: p.tip.Height + 1}
		}
	}
	return coins
}

// arrival is a transaction on its way into the pool.
type arrival struct {
	tx     *wire.MsgTx
	time   time.Time
	height int32 // of the tip when it came in

	origin  origin
	checked bool // its scripts have passed under the standard flags
}

// origin says where a transaction comes from, and so what has been settled.
type origin uint8

const (
	fresh     origin = iota // handed in
	fromBlock               // of a block that was disconnected: fees and replacement do not matter
	kept                    // it was in the pool before: neither do the limits of chains
)

// judge checks all that checkAlone does not, given the coins that are spent.
func (p *Pool) judge(a arrival, coins []*consensus.Coin) (*candidate, error) {
	tx, next := a.tx, p.tip.Height+1
	if !consensus.IsFinal(tx, next, p.tip.MedianTimePast()) {
		return nil, policy(NonFinal, "")
	}
	if err := p.checkNew(tx); err != nil {
		return nil, err
	}
	conflicts := p.conflicts(tx)
	if a.origin != fresh && len(conflicts) > 0 {
		return nil, policy(InsufficientFee, "conflicts with %s", conflicts[0].entry.TxID)
	}
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
	if sigOps > maxStandardSigOpCost {
		return nil, policy(TooManySigops, "%d", sigOps)
	}
	c := &candidate{entry: NewEntry(tx, fee, sigOps, a.time, a.height)}
	if a.origin == fresh {
		if err := p.checkFee(c.entry, a.time); err != nil {
			return nil, err
		}
	}
	if a.origin != kept {
		if c.replaced, err = p.checkRelatives(c.entry, conflicts); err != nil {
			return nil, err
		}
	}
	if !a.checked {
		if err := p.checkScripts(c.entry, coins); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// checkRelatives judges a transaction by its ancestors in the pool and by those
// that it conflicts with, and returns what it replaces.
func (p *Pool) checkRelatives(e *Entry, conflicts []*node) ([]*node, error) {
	ancestors, err := p.checkLimits(e, conflicts)
	if err != nil || len(conflicts) == 0 {
		return nil, err
	}
	for _, n := range conflicts {
		if _, both := ancestors[n]; both {
			return nil, &consensus.Error{Kind: SpendsConflictingTx, Debug: fmt.Sprintf("%s spends conflicting transaction %s", e.TxID, n.entry.TxID)}
		}
	}
	return p.checkReplacement(e, conflicts)
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
// outputs, without repetition.
func (p *Pool) conflicts(tx *wire.MsgTx) []*node {
	var list []*node
	for _, in := range tx.TxIn {
		if n := p.graph.spent[in.PreviousOutPoint]; n != nil && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
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

// checkFee refuses what pays less than the pool's floor (Core's CheckFeeRate).
func (p *Pool) checkFee(e *Entry, now time.Time) error {
	least := feeAt(p.policy.MinRelayFee, e.VSize)
	if e.Fee < least {
		return policy(MinRelayFeeNotMet, "%d < %d", e.Fee, least)
	}
	least = feeAt(p.floor.rate(now, p.graph.memory, &p.policy), e.VSize)
	if e.Fee < least {
		return policy(MempoolMinFeeNotMet, "%d < %d", e.Fee, least)
	}
	return nil
}

// limits are how many relatives a transaction may have in the pool, itself
// included, and their size in vbytes.
type limits struct {
	ancestors, descendants       int
	ancestorSize, descendantSize int64
}

// checkLimits returns a transaction's ancestors in the pool, or refuses it when
// there would be too long a chain.
func (p *Pool) checkLimits(e *Entry, conflicts []*node) (map[*node]struct{}, error) {
	l := limits{p.policy.MaxAncestors, p.policy.MaxDescendants, p.policy.MaxAncestorSize, p.policy.MaxDescendantSize}
	if len(conflicts) == 1 {
		// The conflict goes, so its place among its parents' descendants is free.
		l.descendants++
		l.descendantSize += conflicts[0].desc.VSize
	}
	ancestors, problem := p.ancestors(e, l)
	if problem == "" {
		return ancestors, nil
	}
	if e.VSize <= carveOutSize {
		l.ancestors = 2
		l.descendants++
		l.descendantSize += carveOutSize
		if ancestors, again := p.ancestors(e, l); again == "" {
			return ancestors, nil
		}
	}
	return nil, policy(TooLongMempoolChain, "%s", problem)
}

// ancestors walks up from a new transaction and says in Core's words which limit
// it meets (CalculateAncestorsAndCheckLimits).
func (p *Pool) ancestors(e *Entry, l limits) (map[*node]struct{}, string) {
	todo := p.graph.parentsOf(e.Tx)
	if len(todo)+1 > l.ancestors {
		return nil, fmt.Sprintf("too many unconfirmed parents [limit: %d]", l.ancestors)
	}
	seen := map[*node]struct{}{}
	size := e.VSize
	for len(todo) > 0 {
		n := todo[0]
		todo = todo[1:]
		seen[n] = struct{}{}
		size += n.entry.VSize
		switch {
		case n.desc.VSize+e.VSize > l.descendantSize:
			return nil, fmt.Sprintf("exceeds descendant size limit for tx %s [limit: %d]", n.entry.TxID, l.descendantSize)
		case n.desc.Count+1 > l.descendants:
			return nil, fmt.Sprintf("too many descendants for tx %s [limit: %d]", n.entry.TxID, l.descendants)
		case size > l.ancestorSize:
			return nil, fmt.Sprintf("exceeds ancestor size limit [limit: %d]", l.ancestorSize)
		}
		for _, parent := range n.parents {
			if _, old := seen[parent]; !old && !slices.Contains(todo, parent) {
				todo = append(todo, parent)
			}
		}
		if len(todo)+len(seen)+1 > l.ancestors {
			return nil, fmt.Sprintf("too many unconfirmed ancestors [limit: %d]", l.ancestors)
		}
	}
	return seen, ""
}

// checkScripts runs the scripts of all inputs under the standard flags, and lets
// the chain know that they pass.
func (p *Pool) checkScripts(e *Entry, coins []*consensus.Coin) error {
	if p.config.Checked.Has(e.WTxID, consensus.StandardFlags) {
		return nil
	}
	consensusFlags := consensus.ScriptFlags(p.config.Params, p.tip.Height+1)
	checks := consensus.TxChecks(e.Tx, coins, consensus.StandardFlags)
	if _, err := p.config.Exec.Run(len(checks), func(i int) error { return checks[i].Run() }); err != nil {
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
