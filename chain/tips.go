package chain

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// ErrGenesis says that the genesis block cannot be declared invalid.
var ErrGenesis = errors.New("the genesis block cannot be invalid")

// TipStatus says what is known of a branch, in Core's words (getchaintips).
type TipStatus string

// What is known of a branch.
const (
	TipActive       TipStatus = "active"        // the best chain
	TipInvalid      TipStatus = "invalid"       // it contains an invalid block
	TipHeadersOnly  TipStatus = "headers-only"  // not all blocks are stored
	TipValidHeaders TipStatus = "valid-headers" // all blocks are stored, but were never connected
	TipValidFork    TipStatus = "valid-fork"    // connected once, and left
)

// TipInfo describes the end of a branch.
type TipInfo struct {
	Entry     *Entry
	BranchLen int32 // blocks between the best chain and the end
	Status    TipStatus
}

// Tips returns the ends of all known branches, the highest first.
func (m *Manager) Tips() []TipInfo {
	m.mu.RLock()
	defer m.mu.RUnlock()
	tip := m.tip()
	tips := []TipInfo{{Entry: tip, Status: TipActive}}
	for e := range m.leaves {
		if e == tip {
			continue
		}
		info := TipInfo{Entry: e, BranchLen: e.Height - commonAncestor(e, tip).Height}
		switch at := e.meta.status; {
		case at.bad():
			info.Status = TipInvalid
		case at&hasBlock == 0:
			info.Status = TipHeadersOnly
		case at&hasUndo != 0:
			info.Status = TipValidFork
		default:
			info.Status = TipValidHeaders
		}
		tips = append(tips, info)
	}
	slices.SortFunc(tips, func(a, b TipInfo) int {
		return cmp.Or(cmp.Compare(b.Entry.Height, a.Entry.Height), bytes.Compare(a.Entry.Hash[:], b.Entry.Hash[:]))
	})
	return tips
}

// Invalidate declares a block and all its descendants invalid, and moves to the
// best branch that is left (Core's invalidateblock).
func (m *Manager) Invalidate(hash chainhash.Hash) error {
	return m.direct(hash, func(g *Group, e *Entry) error {
		if e.parent == nil {
			return ErrGenesis
		}
		for g.inBest(e) {
			if err := g.disconnect(); err != nil {
				return err
			}
			if err := g.commitIfFull(); err != nil {
				return err
			}
		}
		g.markFailed(e)
		return g.settle()
	})
}

// Reconsider takes back that a block, its ancestors or its descendants are
// invalid, and moves to the best branch; blocks that break a rule are found
// invalid again (Core's reconsiderblock).
//
// Branches that begin at one of these ancestors are good again too, unless they
// have a bad block of their own. Core 28 forgets them, and then fails its own
// check of the index, which is on by default on regtest.
func (m *Manager) Reconsider(hash chainhash.Hash) error {
	return m.direct(hash, func(g *Group, e *Entry) error {
		// A block that is not bad has no bad ancestors.
		var top *Entry
		for a := e; a != nil && g.meta(a).status.bad(); a = a.parent {
			g.clearFailed(a)
			top = a
		}
		for leaf := range g.leaves() {
			if leaf.Ancestor(e.Height) != e {
				continue
			}
			for d := leaf; d != e; d = d.parent {
				g.clearFailed(d)
			}
		}
		if top != nil {
			g.clearFailedParents(top)
		}
		return g.settle()
	})
}

// Precious treats a block as if it had come in before all others of the same
// work (Core's preciousblock). One with less work than the tip stays where it
// is.
func (m *Manager) Precious(hash chainhash.Hash) error {
	return m.direct(hash, func(g *Group, e *Entry) error {
		at := g.meta(e)
		if e.work.compare(g.Tip().work) < 0 || at.status.bad() || at.status&hasBlock == 0 {
			return nil
		}
		g.lowSeq--
		at.seq = g.lowSeq
		g.setMeta(e, at)
		return g.settle()
	})
}

// direct runs fn on a known block as the writer.
func (m *Manager) direct(hash chainhash.Hash, fn func(g *Group, e *Entry) error) error {
	return m.Group(context.Background(), func(g *Group) error {
		e := g.entry(hash)
		if e == nil {
			return fmt.Errorf("%w: %s", ErrUnknownBlock, hash)
		}
		return fn(g, e)
	})
}

func (g *Group) clearFailed(e *Entry) {
	at := g.meta(e)
	if at.status.bad() {
		at.status &^= failed | failedParent
		g.setMeta(e, at)
	}
}

// clearFailedParents takes back that an ancestor is bad from those descendants of
// top, which is good, that have no bad one any more.
func (g *Group) clearFailedParents(top *Entry) {
	for leaf := range g.leaves() {
		if leaf.Ancestor(top.Height) != top {
			continue
		}
		var path []*Entry
		for e := leaf; e != top; e = e.parent {
			path = append(path, e)
		}
		for _, e := range slices.Backward(path) {
			at := g.meta(e)
			if at.status &^= failedParent; at != g.meta(e) {
				g.setMeta(e, at)
			}
			if at.status&failed != 0 {
				break
			}
		}
	}
}
