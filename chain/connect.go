package chain

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// settle makes the branch with the most work the best chain; of equal work the
// one whose last block came in first. Branches that turn out invalid are marked,
// and the next best is tried: with nothing better, the walk ends where it began.
func (g *Group) settle() error {
	for {
		target := g.candidate()
		if target == g.Tip() {
			return nil
		}
		if _, err := g.moveTo(target, nil); err != nil && isLocal(err) {
			return err
		}
	}
}

// candidate returns the block that should be the tip, as far as is known.
func (g *Group) candidate() *Entry {
	best := g.Tip()
	for leaf := range g.leaves() {
		e := leaf
		for at := g.meta(e).status; at.bad() || at&hasBlock == 0; at = g.meta(e).status {
			e = e.parent
		}
		switch c := e.work.compare(best.work); {
		case c > 0, c == 0 && g.meta(e).seq < g.meta(best).seq:
			best = e
		}
	}
	return best
}

// leaves calls yield for entries of which every known branch's last is one.
func (g *Group) leaves() func(yield func(*Entry) bool) {
	return func(yield func(*Entry) bool) {
		for e := range g.m.leaves {
			if !yield(e) {
				return
			}
		}
		for _, e := range g.order {
			if !yield(e) {
				return
			}
		}
	}
}

// moveTo makes target the tip, step by step. If a block on the way breaks a
// rule, the block is marked and returned with the refusal, and the tip is its
// parent. last is target's body if it is at hand.
func (g *Group) moveTo(target *Entry, last *body) (bad *Entry, err error) {
	fork := commonAncestor(g.Tip(), target)
	for g.Tip() != fork {
		if err := g.disconnect(); err != nil {
			return nil, err
		}
		if err := g.commitIfFull(); err != nil {
			return nil, err
		}
	}
	for height := fork.Height + 1; height <= target.Height; height++ {
		e, b := target, last
		if height < target.Height {
			e, b = target.Ancestor(height), nil
		}
		if b == nil {
			if b, err = g.m.body(e, g.meta(e)); err != nil {
				return nil, err
			}
		}
		if err := g.connect(e, b); err != nil {
			if marks(err) {
				g.markFailed(e)
			}
			return e, err
		}
		if err := g.commitIfFull(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// connect puts a block on the tip, or changes nothing.
func (g *Group) connect(e *Entry, b *body) error {
	at := g.meta(e)
	update, err := consensus.Apply(g.m.params, e.blockContext(), b.block, b.txids, g)
	if update != nil && at.status&hasUndo == 0 {
		// A failed script comes before what Apply found after it. Blocks that
		// were connected before, on the same ancestors, passed them then.
		if scriptErr := g.m.runChecks(update.Checks); scriptErr != nil {
			err = scriptErr
		}
	}
	switch {
	case err == nil:
	case at.status&hasUndo != 0 && !isLocal(err):
		return fmt.Errorf("%w: block %s was valid before and now is not: %v", ErrDamaged, e.Hash, err)
	default:
		return err
	}
	if at.status&hasUndo == 0 {
		raw := update.Undo.Encode(nil)
		if at.undo, err = g.m.files.Append(raw); err != nil {
			return g.m.stop(fmt.Errorf("store undo: %w", err))
		}
		g.fileBytes += len(raw)
		at.status |= hasUndo
		g.setMeta(e, at)
	}
	for i := range update.Spent {
		g.spend(update.Spent[i].OutPoint)
	}
	for i := range update.Created {
		g.create(update.Created[i].OutPoint, &update.Created[i].Coin)
	}
	g.push(e)
	connected := *b
	connected.undo = &update.Undo
	g.m.recent.put(e.Hash, &connected)
	return nil
}

// runChecks runs script checks, but for those of transactions that are known to
// be good. The first of the block's that fails is the reason.
func (m *Manager) runChecks(checks []consensus.ScriptCheck) error {
	if m.checked != nil && m.checked.Len() > 0 {
		checks = m.unknown(checks)
	}
	return consensus.RunChecks(m.exec, checks)
}

// unknown returns the checks of transactions that are not known to be good.
func (m *Manager) unknown(checks []consensus.ScriptCheck) []consensus.ScriptCheck {
	left := make([]consensus.ScriptCheck, 0, len(checks))
	position, good := 0, false // the coinbase, at position 0, has no checks
	for i := range checks {
		c := &checks[i]
		if c.Position != position {
			position, good = c.Position, m.checked.Has(c.Tx().WitnessHash(), c.Flags())
		}
		if !good {
			left = append(left, *c)
		}
	}
	return left
}

// disconnect takes the tip off.
func (g *Group) disconnect() error {
	tip := g.Tip()
	at := g.meta(tip)
	b, err := g.m.body(tip, at)
	if err != nil {
		return err
	}
	undo, err := g.m.undo(tip, at)
	if err != nil {
		return err
	}
	remove, restore, err := consensus.Revert(b.block, b.txids, undo)
	if err != nil {
		return fmt.Errorf("%w: undo of block %s: %w", ErrDamaged, tip.Hash, err)
	}
	for _, op := range remove {
		g.spend(op)
	}
	for i := range restore {
		g.create(restore[i].OutPoint, &restore[i].Coin)
	}
	if n := len(g.branch); n > 0 {
		g.branch = g.branch[:n-1]
	} else {
		g.keep--
	}
	// Its meta may be unchanged, but the step counts for the bounds.
	g.setMeta(tip, at)
	return nil
}

// push appends an entry to the best chain.
func (g *Group) push(e *Entry) {
	if len(g.branch) == 0 && g.keep < len(g.m.best) && g.m.best[g.keep] == e {
		g.keep++ // back to where the published chain was
		return
	}
	g.branch = append(g.branch, e)
}

// Coin returns a coin as the group sees it: a Group is the consensus.View that
// its blocks are applied to.
func (g *Group) Coin(op wire.OutPoint) (*consensus.Coin, error) {
	if change, ok := g.coins[op]; ok {
		return change.coin, nil
	}
	return g.m.coin(op)
}

func (g *Group) spend(op wire.OutPoint) {
	change, ok := g.coins[op]
	switch {
	case !ok:
		g.coinBytes += coinBytes
		g.coins[op] = coinChange{stored: true}
	case change.stored:
		g.coins[op] = coinChange{stored: true}
	default: // created and spent between two commits: the store never hears of it
		g.coinBytes -= coinSize(change.coin)
		delete(g.coins, op)
	}
}

// create keeps a copy: coins of one block share memory, and each may outlive
// the others by far.
func (g *Group) create(op wire.OutPoint, coin *consensus.Coin) {
	own := *coin
	own.Script = bytes.Clone(coin.Script)
	g.coinBytes += coinSize(&own)
	g.coins[op] = coinChange{coin: &own, stored: g.coins[op].stored}
}

// markFailed notes that a block breaks a rule, and so all its descendants.
func (g *Group) markFailed(bad *Entry) {
	at := g.meta(bad)
	at.status |= failed
	g.setMeta(bad, at)
	for leaf := range g.leaves() {
		if leaf.Ancestor(bad.Height) != bad {
			continue
		}
		for e := leaf; e != bad; e = e.parent {
			at := g.meta(e)
			at.status |= failedParent
			g.setMeta(e, at)
		}
	}
}
