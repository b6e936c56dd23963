package chain

import (
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// Accept takes a block: it is checked, stored, and connected if its branch has
// more work than the best chain. now is the time that the block's is compared
// with. The block is shared from now on and must not be changed.
//
// A refusal is a *consensus.Error and leaves the group usable. Any other error
// says that this machine failed, or that the group's context has ended; the
// group then takes no more.
func (g *Group) Accept(b *wire.MsgBlock, now time.Time) (Result, error) {
	if g.err != nil {
		return Result{}, g.err
	}
	if err := g.ctx.Err(); err != nil {
		return Result{}, err
	}
	result, err := g.accept(b, now)
	if err != nil && isLocal(err) {
		g.err = err
		return Result{}, err
	}
	if commitErr := g.commitIfFull(); commitErr != nil {
		return Result{}, commitErr
	}
	return result, err
}

// commitIfFull commits when the group has reached one of its bounds.
func (g *Group) commitIfFull() error {
	if !g.full() {
		return nil
	}
	if err := g.commit(); err != nil {
		g.err = err
		return err
	}
	return nil
}

// accept follows Core's order: ProcessNewBlock, AcceptBlock, ActivateBestChain.
func (g *Group) accept(b *wire.MsgBlock, now time.Time) (Result, error) {
	hash := b.BlockHash()
	e := g.entry(hash)
	if e != nil {
		switch at := g.meta(e).status; {
		case at.bad():
			return Result{Entry: e, Known: true}, refusal(consensus.DuplicateBad, "block was found invalid before")
		case at&hasBlock != 0:
			return Result{Entry: e, Known: true, Best: g.inBest(e)}, nil
		}
	}
	txids := consensus.TxIDs(b)
	if err := consensus.CheckBlockIDs(g.m.params, b, txids); err != nil {
		return Result{}, err
	}
	parent := g.entry(b.Header.PrevBlock)
	if parent == nil {
		return Result{}, &consensus.Error{Kind: consensus.PrevBlkAbsent, Sort: consensus.NotYet, Debug: "the parent is not known"}
	}
	switch at := g.meta(parent).status; {
	case at.bad():
		return Result{}, refusal(consensus.BadPrevBlk, "the parent is invalid")
	case at&hasBlock == 0:
		return Result{}, &consensus.Error{Kind: consensus.PrevBlkAbsent, Sort: consensus.NotYet, Debug: "the parent's data is not stored"}
	}
	ctx := parent.headerContext(g.m.params, b.Header.Timestamp.Unix())
	if err := consensus.CheckHeader(g.m.params, ctx, &b.Header, now.Unix()); err != nil {
		return Result{}, err
	}
	if err := consensus.CheckBlockContext(g.m.params, ctx, b); err != nil {
		if marks(err) {
			// Remembered without its bytes, as in Core.
			e = g.add(e, hash, b, parent)
			g.setMeta(e, meta{status: failed, seq: g.meta(e).seq})
			return Result{Entry: e}, err
		}
		return Result{}, err
	}
	return g.store(g.add(e, hash, b, parent), b, txids)
}

// store writes an accepted block's bytes and makes its branch the best chain if
// it has the most work. Of equal work, the branch seen first stays.
func (g *Group) store(e *Entry, b *wire.MsgBlock, txids []chainhash.Hash) (Result, error) {
	raw := consensus.EncodeBlock(b)
	at, err := g.m.files.Append(raw)
	if err != nil {
		return Result{}, g.m.stop(fmt.Errorf("store block: %w", err))
	}
	g.fileBytes += len(raw)
	changed := g.meta(e)
	changed.status, changed.block = hasBlock, at
	g.setMeta(e, changed)
	if e.work.compare(g.Tip().work) <= 0 {
		return Result{Entry: e}, nil
	}
	bad, refused := g.moveTo(e, &body{block: b, txids: txids, size: len(raw)})
	if refused == nil {
		return Result{Entry: e, Best: true}, nil
	}
	if isLocal(refused) {
		return Result{}, refused
	}
	if err := g.settle(); err != nil {
		return Result{}, err
	}
	if bad != e {
		// The block itself was not judged: Core says neither yes nor no.
		return Result{Entry: e, Ancestor: fmt.Errorf("ancestor %s at height %d: %w", bad.Hash, bad.Height, refused)}, nil
	}
	return Result{Entry: e}, refused
}

// entry returns a block's entry as the group sees it, or nil.
func (g *Group) entry(hash chainhash.Hash) *Entry {
	if e := g.entries[hash]; e != nil {
		return e
	}
	return g.m.index[hash]
}

// add returns e, or a new entry if that is nil.
func (g *Group) add(e *Entry, hash chainhash.Hash, b *wire.MsgBlock, parent *Entry) *Entry {
	if e != nil {
		return e
	}
	e = new(Entry)
	newEntry(e, hash, &b.Header, parent, len(b.Transactions))
	g.entries[hash] = e
	g.order = append(g.order, e)
	g.lastSeq++
	g.metas[e] = meta{seq: g.lastSeq}
	return e
}

// meta returns what changes about a block as the group sees it.
func (g *Group) meta(e *Entry) meta {
	if changed, ok := g.metas[e]; ok {
		return changed
	}
	return e.meta
}

func (g *Group) setMeta(e *Entry, changed meta) { g.metas[e] = changed }

// at returns the entry at a height of the best chain as the group sees it.
func (g *Group) at(height int32) *Entry {
	switch n := int(height) - g.keep; {
	case n < 0:
		return g.m.best[height]
	case n < len(g.branch):
		return g.branch[n]
	}
	return nil
}

func (g *Group) inBest(e *Entry) bool { return g.at(e.Height) == e }

// refusal returns a refusal for ever that the index decides.
func refusal(kind consensus.Kind, debug string) *consensus.Error {
	return &consensus.Error{Kind: kind, Debug: debug}
}

// isLocal reports whether an error says nothing about the block.
func isLocal(err error) bool { return consensus.SortOf(err) == consensus.Local }

// marks reports whether a refusal is of the block's hash for ever.
func marks(err error) bool {
	e, ok := errors.AsType[*consensus.Error](err)
	return ok && e.Sort == consensus.Invalid && !e.Mutated
}
