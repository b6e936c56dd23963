package node

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerReceived adds Core's methods about what addresses were paid.
func (h *Host) registerReceived(s *rpc.Server) {
	minconf := rpc.Param{Name: "minconf", Type: rpc.Number, Optional: true, Help: "Confirmations at least (default 1)"}
	empty := rpc.Param{Name: "include_empty", Type: rpc.Bool, Optional: true, Help: "Addresses that were never paid too (default false)"}
	watchOnly := rpc.Param{Name: "include_watchonly", Type: rpc.Bool, Optional: true, Help: "No meaning here"}
	immature := rpc.Param{Name: "include_immature_coinbase", Type: rpc.Bool, Optional: true, Help: "Rewards that cannot be spent yet (default false)"}
	for _, m := range []rpc.Method{
		{
			Name: "getreceivedbyaddress", Summary: "Returns how much an address of a wallet was ever paid.",
			Params:  []rpc.Param{{Name: "address", Type: rpc.String, Help: "The address"}, minconf, immature},
			Example: `"bcrt1q…" 6`, Handler: onWallet(h, (*coreWallet).receivedByAddress),
		}, {
			Name: "getreceivedbylabel", Summary: "Returns how much the addresses of a label were ever paid.",
			Params:  []rpc.Param{{Name: "label", Type: rpc.String, Help: "The label; \"\" for addresses that have none"}, minconf, immature},
			Example: `"rent"`, Handler: onWallet(h, (*coreWallet).receivedByLabel),
		}, {
			Name: "listreceivedbyaddress", Summary: "Lists what each address of a wallet was ever paid.",
			Params: []rpc.Param{minconf, empty, watchOnly, {Name: "address_filter", Type: rpc.String, Optional: true, Help: "Only this address"}, immature},
			Handler: onWallet(h, func(c *coreWallet, ctx context.Context, r *rpc.Request) (any, error) {
				return c.listReceived(ctx, r, false)
			}),
		}, {
			Name: "listreceivedbylabel", Summary: "Lists what the addresses of each label were ever paid.",
			Params: []rpc.Param{minconf, empty, watchOnly, immature},
			Handler: onWallet(h, func(c *coreWallet, ctx context.Context, r *rpc.Request) (any, error) {
				return c.listReceived(ctx, r, true)
			}),
		}, {
			Name: "listaddressgroupings", Summary: "Lists a wallet's addresses in groups that payments have shown to belong together.",
			Handler: onWallet(h, (*coreWallet).groupings),
		},
	} {
		registerCore(s, m)
	}
}

// tallied is what a script was ever paid.
type tallied struct {
	script []byte
	amount consensus.Amount
	depth  int64 // of the newest payment
	txids  []chainhash.Hash
}

// tally adds up what each script of the wallet was paid, with payments of so
// many confirmations at least (Core's ListReceived).
func (l *ledger) tally(ctx context.Context, least int64, immature bool) (map[string]*tallied, error) {
	sums := make(map[string]*tallied)
	for _, e := range l.entries {
		if e.Received == 0 {
			continue
		}
		t, err := l.read(ctx, e)
		if err != nil {
			return nil, err
		}
		if t == nil || t.depth < least || t.lost || t.Coinbase && l.immature(t) && !immature {
			continue
		}
		for _, out := range t.tx.TxOut {
			if _, mine := l.owns(l.file, out.PkScript); !mine {
				continue
			}
			s := sums[string(out.PkScript)]
			if s == nil {
				s = &tallied{script: out.PkScript, depth: t.depth}
				sums[string(out.PkScript)] = s
			}
			s.amount += consensus.Amount(out.Value)
			s.depth = min(s.depth, t.depth)
			s.txids = append(s.txids, e.TxID)
		}
	}
	return sums, nil
}

// listed says whether a script of the wallet is one that was given out, and its
// label: those for change are not, unless they were labelled.
func (l *ledger) listed(script []byte) (label string, ok bool) {
	label, known := l.file.Label(script)
	if known {
		return label, true
	}
	owner, mine := l.owns(l.file, script)
	return "", mine && int(owner.Chain) < len(l.roles) && !l.roles[owner.Chain].Internal
}

// minconf reads how many confirmations are wanted at least.
func (c *coreWallet) tallyFor(ctx context.Context, r *rpc.Request, minconf, immature int) (*ledger, map[string]*tallied, error) {
	least, err := r.Int(minconf, 1)
	if err != nil {
		return nil, nil, err
	}
	young, err := r.Flag(immature, false)
	if err != nil {
		return nil, nil, err
	}
	l, err := c.ledger(ctx)
	if err != nil {
		return nil, nil, err
	}
	sums, err := l.tally(ctx, least, young)
	if err != nil {
		l.view.Close()
	}
	return l, sums, err
}

func (c *coreWallet) receivedByAddress(ctx context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	script, err := address.Decode(text, c.host.params)
	if err != nil {
		return nil, rpc.CodeInvalidAddress.New("Invalid Bitcoin address")
	}
	if _, mine := c.owns(c.file, script); !mine {
		return nil, rpc.CodeWallet.New("Address not found in wallet")
	}
	l, sums, err := c.tallyFor(ctx, r, 1, 2)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	if s := sums[string(script)]; s != nil {
		return s.amount, nil
	}
	return consensus.Amount(0), nil
}

func (c *coreWallet) receivedByLabel(ctx context.Context, r *rpc.Request) (any, error) {
	label, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	l, sums, err := c.tallyFor(ctx, r, 1, 2)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	var sum consensus.Amount
	found := slices.Contains(l.labels(), label)
	for _, s := range sums {
		if name, ok := l.listed(s.script); ok && name == label {
			sum, found = sum+s.amount, true
		}
	}
	if !found {
		return nil, rpc.CodeWallet.New("Label not found in wallet")
	}
	return sum, nil
}

// receivedRow is one row of listreceivedbyaddress, and without its address and
// transactions of listreceivedbylabel.
type receivedRow struct {
	Address       string           `json:"address,omitempty"`
	Amount        consensus.Amount `json:"amount"`
	Confirmations int64            `json:"confirmations"`
	Label         string           `json:"label"`
	TxIDs         *[]string        `json:"txids,omitempty"`
}

func (c *coreWallet) listReceived(ctx context.Context, r *rpc.Request, byLabel bool) (any, error) {
	empty, err := r.Flag(1, false)
	if err != nil {
		return nil, err
	}
	immature := 4
	var only []byte
	if byLabel {
		immature = 3
	} else if r.Has(3) {
		text, err := r.Text(3, "")
		if err != nil {
			return nil, err
		}
		if only, err = address.Decode(text, c.host.params); err != nil {
			return nil, rpc.CodeWallet.New("address_filter parameter was invalid")
		}
	}
	l, sums, err := c.tallyFor(ctx, r, 0, immature)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	if empty {
		for _, script := range l.givenOut() {
			if sums[string(script)] == nil {
				sums[string(script)] = &tallied{script: script}
			}
		}
	}
	rows := []receivedRow{}
	for _, key := range slices.SortedFunc(keysOf(sums), strings.Compare) {
		s := sums[key]
		label, ok := l.listed(s.script)
		if !ok || only != nil && !bytes.Equal(only, s.script) {
			continue
		}
		row := receivedRow{Amount: s.amount, Confirmations: s.depth, Label: label}
		if !byLabel {
			row.Address, _ = address.Encode(s.script, c.host.params)
			texts := hashTexts(s.txids)
			row.TxIDs = &texts
		}
		rows = append(rows, row)
	}
	if byLabel {
		rows = mergeLabels(rows)
	}
	return rows, nil
}

// keysOf iterates over the keys of a map.
func keysOf[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// mergeLabels adds rows of the same label up.
func mergeLabels(rows []receivedRow) []receivedRow {
	slices.SortStableFunc(rows, func(a, b receivedRow) int { return cmp.Compare(a.Label, b.Label) })
	merged := rows[:0]
	for _, row := range rows {
		if n := len(merged); n > 0 && merged[n-1].Label == row.Label {
			last := &merged[n-1]
			last.Amount += row.Amount
			if row.Confirmations > 0 {
				last.Confirmations = min(last.Confirmations, row.Confirmations)
			}
			continue
		}
		merged = append(merged, row)
	}
	return merged
}

// givenOut returns the scripts of addresses that were given out, and those that
// have labels.
func (l *ledger) givenOut() [][]byte {
	var scripts [][]byte
	for i := range l.roles {
		r := &l.roles[i]
		if r.Internal {
			continue
		}
		end := uint32(1)
		if r.parsed.Ranged() {
			end = l.firstFree(l.file, r)
		}
		for index := r.Begin; index < end; index++ {
			list, err := r.parsed.Scripts(index)
			if err != nil {
				break
			}
			scripts = append(scripts, list...)
		}
	}
	for text := range l.file.Labels() {
		script, err := hex.DecodeString(text)
		if _, mine := l.owns(l.file, script); err == nil && mine {
			scripts = append(scripts, script)
		}
	}
	return scripts
}

// groupings is listaddressgroupings: addresses that were spent together, or whose
// change went to each other.
func (c *coreWallet) groupings(ctx context.Context, _ *rpc.Request) (any, error) {
	l, err := c.ledger(ctx)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	parent := make(map[string]string) // union-find over scripts
	var root func(s string) string
	root = func(s string) string {
		p, ok := parent[s]
		if !ok {
			parent[s] = s
			return s
		}
		if p == s {
			return s
		}
		parent[s] = root(p)
		return parent[s]
	}
	for _, e := range l.entries {
		t, err := l.read(ctx, e)
		if err != nil {
			return nil, err
		}
		if t == nil {
			continue
		}
		var together []string
		for _, in := range t.tx.TxIn {
			if f, err := c.host.findTx(ctx, in.PreviousOutPoint.Hash, nil); t.Sent > 0 && err == nil && int(in.PreviousOutPoint.Index) < len(f.tx.TxOut) {
				script := f.tx.TxOut[in.PreviousOutPoint.Index].PkScript
				if _, mine := c.owns(c.file, script); mine {
					together = append(together, string(script))
				}
			}
		}
		for _, out := range t.tx.TxOut {
			if _, mine := c.owns(c.file, out.PkScript); mine {
				root(string(out.PkScript))
				if _, given := l.listed(out.PkScript); len(together) > 0 && !given {
					together = append(together, string(out.PkScript))
				}
			}
		}
		for i := 1; i < len(together); i++ {
			parent[root(together[i])] = root(together[0])
		}
	}
	coins, err := l.view.Coins(uint32(c.file.Number()))
	if err != nil {
		return nil, err
	}
	balance := make(map[string]consensus.Amount)
	for i := range coins {
		if coin := &coins[i]; coin.SpentBy == (chainhash.Hash{}) && coin.Matures == 0 {
			balance[string(coin.Script)] += coin.Value
		}
	}
	groups := make(map[string][][]any)
	for _, script := range slices.Sorted(keysOf(parent)) {
		a, _ := address.Encode([]byte(script), c.host.params)
		row := []any{a, balance[script]}
		if label, ok := l.listed([]byte(script)); ok {
			row = append(row, label)
		}
		groups[root(script)] = append(groups[root(script)], row)
	}
	reply := [][][]any{}
	for _, r := range slices.Sorted(keysOf(groups)) {
		reply = append(reply, groups[r])
	}
	return reply, nil
}

// gapAfter returns the gap limit that a search needs to find a payment to an index
// of a wallet's chain, when the indexes below that no block has used since the
// last used one are more than such a search tolerates by itself; else 0.
func (w *wallets) gapAfter(file *vault.Wallet, chain, index uint32) int {
	used, err := wallet.Used(w.host.store, uint32(file.Number()))
	if err != nil || int(chain) >= len(used) || index < used[chain] {
		return 0
	}
	if gap := index - used[chain] + 1; gap > wallet.Gap {
		return int(gap)
	}
	return 0
}

// gapAt is gapAfter for a script of a wallet that searches for accounts bring
// back; 0 for others.
func (w *wallets) gapAt(file *vault.Wallet, script []byte) int {
	owner, mine := w.owns(file, script)
	if !mine || file.Header().Account == "" {
		return 0
	}
	return w.gapAfter(file, owner.Chain, owner.Index)
}

// gapOf returns the gap limit with which a search for a wallet of words finds all
// that was paid to it or may still be, 0 if the common one does.
func (w *wallets) gapOf(ctx context.Context, file *vault.Wallet) (int, error) {
	most := 0
	for chain, next := range w.issuedOf(file) {
		if next > 0 {
			most = max(most, w.gapAfter(file, chain, next-1))
		}
	}
	used, err := wallet.Used(w.host.store, uint32(file.Number()))
	if err != nil || !slices.ContainsFunc(used, func(n uint32) bool { return n > wallet.Gap }) {
		return most, nil // it may have no rows yet
	}
	c := &coreWallet{wallets: w, file: file}
	l, err := c.ledger(ctx)
	if err != nil {
		return 0, err
	}
	defer l.view.Close()
	sums, err := l.tally(ctx, 1, true)
	if err != nil {
		return 0, err
	}
	indexes := make(map[uint32][]uint32)
	for script := range sums {
		if o, mine := w.owns(file, []byte(script)); mine {
			indexes[o.Chain] = append(indexes[o.Chain], o.Index)
		}
	}
	for _, list := range indexes {
		slices.Sort(list)
		behind := uint32(0) // one behind the last used
		for _, index := range list {
			if gap := int(index) - int(behind) + 1; gap > wallet.Gap {
				most = max(most, gap)
			}
			behind = index + 1
		}
	}
	return most, nil
}
