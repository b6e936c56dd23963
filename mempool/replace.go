package mempool

import (
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
)

// checkReplacement decides whether a transaction may take the place of those
// that it conflicts with, and returns all that would go. The rules are BIP125's,
// by Core's numbers, without the first: every transaction can be replaced (full
// RBF, the default of Core 28).
func (p *Pool) checkReplacement(e *Entry, conflicts []*node) ([]*node, error) {
	// Rule 6: a higher feerate than each direct conflict.
	rate := e.Fee * 1000 / e.VSize
	for _, n := range conflicts {
		if old := n.entry.Fee * 1000 / n.entry.VSize; rate <= old {
			return nil, policy(InsufficientFee, "rejecting replacement %s; new feerate %s <= old feerate %s", e.TxID, rateText(rate), rateText(old))
		}
	}
	// Rule 5: not too many go. Counted with repetition, as that is cheap.
	count := 0
	for _, n := range conflicts {
		count += n.desc.Count
	}
	if count > p.policy.MaxReplaced {
		return nil, policy(TooManyReplacements, "rejecting replacement %s; too many potential replacements (%d > %d)\n", e.TxID, count, p.policy.MaxReplaced)
	}
	// Rule 2: no unconfirmed inputs but those that a conflict had.
	had := map[chainhash.Hash]bool{}
	for _, n := range conflicts {
		for _, in := range n.entry.Tx.TxIn {
			had[in.PreviousOutPoint.Hash] = true
		}
	}
	for i, in := range e.Tx.TxIn {
		if txid := in.PreviousOutPoint.Hash; !had[txid] && p.graph.nodes[txid] != nil {
			return nil, policy(ReplacementAddsInput, "replacement %s adds unconfirmed input, idx %d", e.TxID, i)
		}
	}
	replaced := withDescendants(conflicts...)
	var fees int64
	for _, n := range replaced {
		fees += n.entry.Fee
	}
	// Rule 3: at least their fees. Rule 4: and its own relay on top.
	if e.Fee < fees {
		return nil, policy(InsufficientFee, "rejecting replacement %s, less fees than conflicting txs; %s < %s", e.TxID, moneyText(e.Fee), moneyText(fees))
	}
	if least := feeAt(p.policy.IncrementalRelayFee, e.VSize); e.Fee-fees < least {
		return nil, policy(InsufficientFee, "rejecting replacement %s, not enough additional fees to relay; %s < %s", e.TxID, moneyText(e.Fee-fees), moneyText(least))
	}
	return replaced, nil
}

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
