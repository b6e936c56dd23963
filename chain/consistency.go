package chain

import (
	"errors"
	"fmt"

	"github.com/lode-chain/lode/pow"
)

// CheckIndex compares everything that is kept about blocks with what follows
// from their headers and from each other (Core's CheckBlockIndex). It is for
// tests, which call it after each step: it takes time that grows with the number
// of all blocks. The coins are for Verify to look at.
func (m *Manager) CheckIndex() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return errors.Join(m.checkEntries(), m.checkBest())
}

// checkEntries looks at each block beside its parent.
func (m *Manager) checkEntries() error {
	var faults []error
	parents := make(map[*Entry]bool, len(m.index))
	seqs := make(map[int64]*Entry, len(m.index))
	for hash, e := range m.index {
		fault := func(what string) {
			faults = append(faults, fmt.Errorf("block %s at height %d: %s", e.Hash, e.Height, what))
		}
		if header := e.Header(); hash != e.Hash || header.BlockHash() != e.Hash {
			fault("the index has it under another hash")
		}
		at := e.meta
		if at.status&hasUndo != 0 && at.status&hasBlock == 0 {
			fault("its undo data is stored, but not its bytes")
		}
		if other := seqs[at.seq]; other != nil {
			fault(fmt.Sprintf("it came in at the same moment as %s", other.Hash))
		}
		seqs[at.seq] = e
		if at.seq > m.lastSeq || at.seq < m.lowSeq {
			fault("it came in at a moment that never was")
		}
		parent := e.parent
		if parent == nil {
			if e != m.best[0] || e.Height != 0 || e.chainTxs != uint64(e.txs) {
				fault("it has no parent")
			}
			continue
		}
		parents[parent] = true
		switch {
		case m.index[parent.Hash] != parent:
			fault("its parent is not in the index")
		case e.Height != parent.Height+1 || e.chainTxs != parent.chainTxs+uint64(e.txs):
			fault("its height or count of transactions does not follow from its parent")
		case e.work != parent.work.add(workOf(pow.Work(e.bits))):
			fault("its work does not follow from its parent")
		case e.skip == nil || e.skip.Height != skipHeight(e.Height) || e.Ancestor(e.skip.Height) != e.skip:
			fault("its skip leads elsewhere")
		case parent.meta.status.bad() != (at.status&failedParent != 0):
			fault("whether its parent is bad is not noted rightly")
		case at.status&hasBlock != 0 && parent.meta.status&hasBlock == 0:
			fault("its bytes are stored, but not its parent's")
		case at.status&hasUndo != 0 && parent.meta.status&hasUndo == 0:
			fault("it was connected, but never its parent")
		}
	}
	for _, e := range m.index {
		if _, leaf := m.leaves[e]; leaf == parents[e] {
			faults = append(faults, fmt.Errorf("block %s at height %d: ends a branch: %t", e.Hash, e.Height, leaf))
		}
	}
	if len(m.leaves)+len(parents) != len(m.index) {
		faults = append(faults, fmt.Errorf("%d ends and %d parents of %d blocks", len(m.leaves), len(parents), len(m.index)))
	}
	return errors.Join(faults...)
}

// checkBest looks at the best chain, and whether it is the best.
func (m *Manager) checkBest() error {
	tip := m.tip()
	for height, e := range m.best {
		switch at := e.meta.status; {
		case int(e.Height) != height || tip.Ancestor(int32(height)) != e || m.index[e.Hash] != e:
			return fmt.Errorf("height %d of the best chain is %s at height %d", height, e.Hash, e.Height)
		case at.bad() || at&hasBlock == 0 || at&hasUndo == 0:
			return fmt.Errorf("block %s at height %d is in the best chain with status %b", e.Hash, height, at)
		}
	}
	for _, e := range m.index {
		if e.meta.status.bad() || e.meta.status&hasBlock == 0 {
			continue
		}
		if c := e.work.compare(tip.work); c > 0 || c == 0 && e.meta.seq < tip.meta.seq {
			return fmt.Errorf("block %s at height %d should be the tip rather than %s", e.Hash, e.Height, tip.Hash)
		}
	}
	return nil
}
