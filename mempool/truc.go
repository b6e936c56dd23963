package mempool

import (
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Limits of TRUC transactions (BIP431, policy): such a transaction is topologically
// restricted until confirmation, so that nobody can keep it from being replaced.
// It has at most one unconfirmed relative, parent or child.
const (
	trucVersion      = 3      // TRUC_VERSION
	trucMaxVSize     = 10_000 // vbytes, TRUC_MAX_VSIZE
	trucMaxChildSize = 1_000  // vbytes, TRUC_CHILD_MAX_VSIZE
	trucMaxChain     = 2      // TRUC_ANCESTOR_LIMIT and TRUC_DESCENDANT_LIMIT
)

// names is how Core's TRUC messages name a transaction.
func names(txid, wtxid chainhash.Hash) string {
	return fmt.Sprintf("tx %s (wtxid=%s)", txid, wtxid)
}

func (e *Entry) names() string { return names(e.TxID, e.WTxID) }

func isTRUC(tx *wire.MsgTx) bool { return tx.Version == trucVersion }

// mixed is what is said of a transaction of one version with a parent of another.
func mixed(child string, childTRUC bool, parent string) string {
	if childTRUC {
		return fmt.Sprintf("version=3 %s cannot spend from non-version=3 %s", child, parent)
	}
	return fmt.Sprintf("non-version=3 %s cannot spend from version=3 %s", child, parent)
}

// checkTRUC judges a transaction by its ancestors in the pool (Core's
// SingleTRUCChecks), and returns the complaint. Where that is about another child
// of its parent, it also returns that child if it could be replaced.
func checkTRUC(e *Entry, ancestors map[*node]struct{}, conflicts []*node) (sibling *node, complaint string) {
	truc := isTRUC(e.Tx)
	sorted := sortedNodes(ancestors)
	for _, a := range sorted {
		if isTRUC(a.entry.Tx) != truc {
			return nil, mixed(e.names(), truc, a.entry.names())
		}
	}
	switch {
	case !truc:
		return nil, ""
	case e.VSize > trucMaxVSize:
		return nil, fmt.Sprintf("version=3 %s is too big: %d > %d virtual bytes", e.names(), e.VSize, trucMaxVSize)
	case len(sorted)+1 > trucMaxChain:
		return nil, e.names() + " would have too many ancestors"
	case len(sorted) == 0:
		return nil, ""
	case e.VSize > trucMaxChildSize:
		return nil, fmt.Sprintf("version=3 child %s is too big: %d > %d virtual bytes", e.names(), e.VSize, trucMaxChildSize)
	}
	parent := sorted[0]
	replaced := slices.ContainsFunc(parent.children, func(c *node) bool { return slices.Contains(conflicts, c) })
	if parent.desc.Count+1 <= trucMaxChain || replaced {
		return nil, ""
	}
	// There can be more than one child after a reorganisation. Which one to evict
	// would then have to be decided, so none is.
	if parent.desc.Count == 2 && parent.children[0].anc.Count == 2 {
		sibling = parent.children[0]
	}
	return sibling, parent.entry.names() + " would exceed descendant count limit"
}

// checkPackageTRUC judges one transaction of a package by those of the package
// that come before it and by its ancestors in the pool (Core's PackageTRUCChecks),
// and returns the complaint.
func checkPackageTRUC(c *candidate, group []*candidate) string {
	e := c.entry
	var parents []*Entry // in the package
	for _, other := range group {
		if other == c {
			break
		}
		if spendsFrom(e.Tx, other.entry.TxID) {
			parents = append(parents, other.entry)
		}
	}
	above := sortedNodes(c.ancestors)
	if !isTRUC(e.Tx) {
		for _, a := range above {
			if isTRUC(a.entry.Tx) {
				return mixed(e.names(), false, a.entry.names())
			}
		}
		for _, parent := range parents {
			if isTRUC(parent.Tx) {
				return mixed(e.names(), false, parent.names())
			}
		}
		return ""
	}
	switch {
	case e.VSize > trucMaxVSize:
		return fmt.Sprintf("version=3 %s is too big: %d > %d virtual bytes", e.names(), e.VSize, trucMaxVSize)
	case len(above)+len(parents)+1 > trucMaxChain:
		return e.names() + " would have too many ancestors"
	case len(above)+len(parents) == 0:
		return ""
	case e.VSize > trucMaxChildSize:
		return fmt.Sprintf("version=3 child %s is too big: %d > %d virtual bytes", e.names(), e.VSize, trucMaxChildSize)
	}
	var parent *Entry
	crowded := false
	if len(above) > 0 {
		parent, crowded = above[0].entry, above[0].desc.Count > 1
	} else {
		parent = parents[0]
	}
	if !isTRUC(parent.Tx) {
		return mixed(e.names(), true, parent.names())
	}
	for _, other := range group {
		if other == c {
			continue
		}
		for _, in := range other.entry.Tx.TxIn {
			switch in.PreviousOutPoint.Hash {
			case parent.TxID:
				return parent.names() + " would exceed descendant count limit"
			case e.TxID:
				return other.entry.names() + " would have too many ancestors"
			}
		}
	}
	if crowded {
		return parent.names() + " would exceed descendant count limit"
	}
	return ""
}

func spendsFrom(tx *wire.MsgTx, txid chainhash.Hash) bool {
	return slices.ContainsFunc(tx.TxIn, func(in *wire.TxIn) bool { return in.PreviousOutPoint.Hash == txid })
}

// sortedNodes lists a set in the order of Core's sets.
func sortedNodes(set map[*node]struct{}) []*node {
	list := make([]*node, 0, len(set))
	for n := range set {
		list = append(list, n)
	}
	slices.SortFunc(list, byTxID)
	return list
}
