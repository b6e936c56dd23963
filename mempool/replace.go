package mempool

import (
	"fmt"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
)

// checkReplacement decides whether a transaction may take the place of those
// that it conflicts with, and notes all that would go. The rules are BIP125's, by
// Core's numbers, without the first: every transaction can be replaced (full RBF,
// the default of Core 28).
func (p *Pool) checkReplacement(c *candidate) error {
	e := c.entry
	suffix := ""
	if c.sibling {
		suffix = " (including sibling eviction)"
	}
	// Rule 6: a higher feerate than each direct conflict.
	rate := c.rate()
	for _, n := range c.conflicts {
		if old := rateOf(n.entry.ModifiedFee(), n.entry.VSize); rate <= old {
			return reconsider(InsufficientFee+consensus.Kind(suffix), "rejecting replacement %s; new feerate %s <= old feerate %s", e.TxID, rateText(rate), rateText(old))
		}
	}
	// Rule 5: not too many go.
	if problem := p.tooManyReplaced(e, c.conflicts); problem != "" {
		return policy(TooManyReplacements+consensus.Kind(suffix), "%s", problem)
	}
	replaced := withDescendants(c.conflicts...)
	// Rule 2: no unconfirmed inputs but those that something replaced had.
	had := map[chainhash.Hash]bool{}
	for _, n := range replaced {
		for _, in := range n.entry.Tx.TxIn {
			had[in.PreviousOutPoint.Hash] = true
		}
	}
	for i, in := range e.Tx.TxIn {
		if txid := in.PreviousOutPoint.Hash; !had[txid] && p.graph.nodes[txid] != nil {
			return policy(ReplacementAddsInput+consensus.Kind(suffix), "replacement %s adds unconfirmed input, idx %d", e.TxID, i)
		}
	}
	if problem := p.paysTooLittle(e.TxID, e.ModifiedFee(), e.VSize, modifiedFees(replaced)); problem != "" {
		return reconsider(InsufficientFee+consensus.Kind(suffix), "%s", problem)
	}
	c.replaced = replaced
	return nil
}

// tooManyReplaced counts what would go with direct conflicts, with repetition, as
// that is cheap (Core's GetEntriesForConflicts), and returns the complaint.
func (p *Pool) tooManyReplaced(e *Entry, conflicts []*node) string {
	count := 0
	for _, n := range conflicts {
		if count += n.desc.Count; count > p.policy.MaxReplaced {
			return fmt.Sprintf("rejecting replacement %s; too many potential replacements (%d > %d)\n", e.TxID, count, p.policy.MaxReplaced)
		}
	}
	return ""
}

// paysTooLittle holds a replacement's fee against the fees of what it replaces
// (rule 3) and the cost of its own relay on top (rule 4), and returns the
// complaint (Core's PaysForRBF).
func (p *Pool) paysTooLittle(txid chainhash.Hash, fee, vsize, replaced int64) string {
	if fee < replaced {
		return fmt.Sprintf("rejecting replacement %s, less fees than conflicting txs; %s < %s", txid, moneyText(fee), moneyText(replaced))
	}
	if least := feeAt(p.policy.IncrementalRelayFee, vsize); fee-replaced < least {
		return fmt.Sprintf("rejecting replacement %s, not enough additional fees to relay; %s < %s", txid, moneyText(fee-replaced), moneyText(least))
	}
	return ""
}

func modifiedFees(nodes []*node) (sum int64) {
	for _, n := range nodes {
		sum += n.entry.ModifiedFee()
	}
	return sum
}

// checkPackageReplacement decides whether a parent and its child may together
// take the place of others (Core's part of PackageMempoolChecks), and notes with
// the parent all that would go.
func (p *Pool) checkPackageReplacement(group []*candidate, fees, vsize int64) error {
	const failed = "package RBF failed: "
	if len(group) != 2 || !spendsFrom(group[1].entry.Tx, group[0].entry.TxID) {
		return policy(failed+"package must be 1-parent-1-child", "")
	}
	parent, child := group[0], group[1]
	if len(parent.ancestors) > 0 || len(child.ancestors) > 0 {
		return policy(failed+"new transaction cannot have mempool ancestors", "")
	}
	conflicts := slices.Concat(parent.conflicts, child.conflicts)
	slices.SortFunc(conflicts, byTxID)
	conflicts = slices.Compact(conflicts)
	if problem := p.tooManyReplaced(child.entry, conflicts); problem != "" {
		return policy(failed+"too many potential replacements", "%s", problem)
	}
	replaced := withDescendants(conflicts...)
	if problem := p.paysTooLittle(child.entry.TxID, fees, vsize, modifiedFees(replaced)); problem != "" {
		return policy(failed+"insufficient anti-DoS fees", "%s", problem)
	}
	// The child has to pay for more than what the parent lacks.
	if together, alone := rateOf(fees, vsize), parent.rate(); together <= alone {
		return policy(failed+"package feerate is less than or equal to parent feerate", "package feerate %s <= parent feerate is %s", rateText(together), rateText(alone))
	}
	if problem := improves(conflicts, replaced, chunk{fees, vsize}); problem != "" {
		return policy(failed+consensus.Kind(problem), "")
	}
	parent.replaced = replaced
	return nil
}

// rateOf is a feerate in satoshis per 1,000 vbytes, as Core's CFeeRate rounds it.
func rateOf(fee, vsize int64) int64 { return fee * 1000 / vsize }

// rateText writes satoshis per 1,000 vbytes as Core's CFeeRate::ToString does.
func rateText(rate int64) string {
	return fmt.Sprintf("%s BTC/kvB", consensus.Amount(rate))
}

// moneyText writes satoshis as Core's FormatMoney does: at least two decimals.
func moneyText(sats int64) string {
	s := consensus.Amount(sats).String()
	keep := strings.IndexByte(s, '.') + 3
	return s[:keep] + strings.TrimRight(s[keep:], "0")
}
