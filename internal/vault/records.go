package vault

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

const (
	maxSendKey = 256    // bytes; policy
	maxLabel   = 1024   // bytes of a label or note; policy
	maxSends   = 10_000 // payments whose keys outlive the next renewal of the journal; policy
	maxTxID    = 64     // hex digits
	maxCoinID  = maxTxID + 11
)

// record is one line of a journal. The first one holds only Journal and Wallet.
type record struct {
	Journal int    `json:"journal,omitempty"` // format version
	Wallet  string `json:"wallet,omitempty"`  // its ID

	Name      string   `json:"name,omitempty"`
	Archived  *bool    `json:"archived,omitempty"`
	Issued    *issued  `json:"issued,omitempty"`
	Label     *label   `json:"label,omitempty"`
	Send      *Send    `json:"send,omitempty"` // with Issued: its change
	Lock      []string `json:"lock,omitempty"` // coins
	Unlock    []string `json:"unlock,omitempty"`
	Abandoned *abandon `json:"abandoned,omitempty"`
	Note      *note    `json:"note,omitempty"`
	Flag      *flag    `json:"flag,omitempty"`
}

type label struct {
	Script string `json:"script"` // hex
	Label  string `json:"label"`
}

type issued struct {
	Chain uint32 `json:"chain"`
	Next  uint32 `json:"next"`
}

type abandon struct {
	TxID string `json:"txid"`
	Gone bool   `json:"gone"` // false: it is waited for again
}

type note struct {
	TxID string `json:"txid"`
	Text string `json:"text"`
}

// Send is a payment that was signed: written before it is submitted, so that
// the same key can never make a second one.
type Send struct {
	Key     string `json:"key"`
	TxID    string `json:"txid"`
	Tx      string `json:"tx"`                // hex, with witnesses
	Details string `json:"details,omitempty"` // the caller's own, returned with it
}

// Outpoint is an output of a transaction, as "txid:n".
type Outpoint = string

// state is what the records of a journal come to.
type state struct {
	name      string
	archived  bool
	next      map[uint32]uint32
	labels    map[string]string // of scripts, in hex
	sends     map[string]span
	locked    map[string]bool
	abandoned map[string]bool
	notes     map[string]string // of transactions
	flags     map[string]bool   // settings that are on
}

// span is where a send's line is: they are read back when asked for.
type span struct {
	off int64
	len int
}

// set makes the map where there is none.
func set[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = make(map[K]V)
	}
	(*m)[k] = v
}

// replay makes a record count.
func (s *state) replay(rec *record, at span) error {
	known := false
	if rec.Name != "" {
		s.name, known = rec.Name, true
	}
	if rec.Archived != nil {
		s.archived, known = *rec.Archived, true
	}
	if i := rec.Issued; i != nil {
		set(&s.next, i.Chain, max(s.next[i.Chain], i.Next))
		known = true
	}
	if rec.Label != nil {
		set(&s.labels, rec.Label.Script, rec.Label.Label)
		known = true
	}
	if rec.Send != nil {
		set(&s.sends, rec.Send.Key, at)
		known = true
	}
	for _, coin := range rec.Lock {
		set(&s.locked, coin, true)
		known = true
	}
	for _, coin := range rec.Unlock {
		delete(s.locked, coin)
		known = true
	}
	if a := rec.Abandoned; a != nil {
		delete(s.abandoned, a.TxID)
		if a.Gone {
			set(&s.abandoned, a.TxID, true)
		}
		known = true
	}
	if n := rec.Note; n != nil {
		delete(s.notes, n.TxID)
		if n.Text != "" {
			set(&s.notes, n.TxID, n.Text)
		}
		known = true
	}
	if rec.Flag != nil {
		s.setFlag(rec.Flag)
		known = true
	}
	if !known {
		return fmt.Errorf("%w: a line of no known kind", ErrDamaged)
	}
	return nil
}

// sentLine is a payment's record as it lies in the file.
type sentLine struct {
	key  string
	at   span
	body []byte
}

// live returns the records that the state comes from: the payments, oldest
// first and the newest maxSends only, as they are in the file.
func (j *journal) live() (recs []*record, sends []sentLine, err error) {
	if j.name != "" {
		recs = append(recs, &record{Name: j.name})
	}
	if j.archived {
		recs = append(recs, &record{Archived: &j.archived})
	}
	for _, chain := range slices.Sorted(maps.Keys(j.next)) {
		recs = append(recs, &record{Issued: &issued{chain, j.next[chain]}})
	}
	for _, script := range slices.Sorted(maps.Keys(j.labels)) {
		recs = append(recs, &record{Label: &label{script, j.labels[script]}})
	}
	for coins := range slices.Chunk(slices.Sorted(maps.Keys(j.locked)), 1_000) {
		recs = append(recs, &record{Lock: coins})
	}
	for _, txid := range slices.Sorted(maps.Keys(j.abandoned)) {
		recs = append(recs, &record{Abandoned: &abandon{txid, true}})
	}
	for _, txid := range slices.Sorted(maps.Keys(j.notes)) {
		recs = append(recs, &record{Note: &note{txid, j.notes[txid]}})
	}
	recs = append(recs, j.flagRecords()...)
	for key, at := range j.sends {
		sends = append(sends, sentLine{key: key, at: at})
	}
	slices.SortFunc(sends, func(a, b sentLine) int { return cmp.Compare(a.at.off, b.at.off) })
	if len(sends) == 0 {
		return recs, nil, nil
	}
	sends = sends[max(0, len(sends)-maxSends):]
	f, err := j.fs.Open(j.path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	for i := range sends {
		if _, sends[i].body, err = j.sendAt(f, sends[i].key, sends[i].at); err != nil {
			return nil, nil, err
		}
	}
	return recs, sends, nil
}

// sendAt reads a payment's line back.
func (j *journal) sendAt(f io.ReaderAt, key string, at span) (*Send, []byte, error) {
	line := make([]byte, at.len-1) // a last line may lack its end
	if _, err := f.ReadAt(line, at.off); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", j.path, err)
	}
	var rec record
	if err := json.Unmarshal(line[9:], &rec); err != nil || rec.Send == nil || rec.Send.Key != key {
		return nil, nil, fmt.Errorf("%s: %w: it was changed while in use", j.path, ErrDamaged)
	}
	return rec.Send, line[9:], nil
}

// ask calls f with the state.
func (j *journal) ask(f func(*state)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(&j.state)
}

// Issued returns, for each chain of scripts, the next index that has not been
// given out. Chains that are missing are at 0.
func (w *Wallet) Issued() (next map[uint32]uint32) {
	w.journal.ask(func(s *state) { next = maps.Clone(s.next) })
	return next
}

func (w *Wallet) issuedNext(chain uint32) (next uint32) {
	w.journal.ask(func(s *state) { next = s.next[chain] })
	return next
}

// Issue records that all indexes of a chain below next have been given out. It
// is durable when it returns.
func (w *Wallet) Issue(chain, next uint32) error {
	if next <= w.issuedNext(chain) {
		return nil
	}
	return w.journal.append(&record{Issued: &issued{Chain: chain, Next: next}})
}

// SetLabel names a script of the wallet. It is durable when it returns.
func (w *Wallet) SetLabel(script []byte, text string) error {
	if len(text) > maxLabel {
		return fmt.Errorf("a label has at most %d bytes, this one %d", maxLabel, len(text))
	}
	return w.journal.append(&record{Label: &label{Script: hex.EncodeToString(script), Label: text}})
}

// Label returns the label of a script, and whether it was ever set.
func (w *Wallet) Label(script []byte) (text string, ok bool) {
	w.journal.ask(func(s *state) { text, ok = s.labels[hex.EncodeToString(script)] })
	return text, ok
}

// Labels returns the labels of all scripts that have one, by script in hex.
func (w *Wallet) Labels() (labels map[string]string) {
	w.journal.ask(func(s *state) { labels = maps.Clone(s.labels) })
	return labels
}

// Archive hides the wallet from lists, or shows it again. It is durable when it
// returns.
func (w *Wallet) Archive(hidden bool) error {
	if w.Archived() == hidden {
		return nil
	}
	return w.journal.append(&record{Archived: &hidden})
}

// Archived says whether the wallet is hidden from lists.
func (w *Wallet) Archived() (hidden bool) {
	w.journal.ask(func(s *state) { hidden = s.archived })
	return hidden
}

// LockCoin keeps coins from being chosen until UnlockCoin, through restarts too.
func (w *Wallet) LockCoin(coins ...Outpoint) error {
	return w.changeLocks(coins, true)
}

// UnlockCoin lets coins be chosen again.
func (w *Wallet) UnlockCoin(coins ...Outpoint) error {
	return w.changeLocks(coins, false)
}

func (w *Wallet) changeLocks(coins []Outpoint, lock bool) error {
	var changed []string
	w.journal.ask(func(s *state) {
		for _, coin := range coins {
			if s.locked[coin] != lock {
				changed = append(changed, coin)
			}
		}
	})
	for _, coin := range changed {
		if len(coin) > maxCoinID {
			return fmt.Errorf("%s is no output of a transaction", strconv.Quote(clip(coin)))
		}
	}
	var recs []*record
	for part := range slices.Chunk(changed, 1_000) {
		if lock {
			recs = append(recs, &record{Lock: part})
		} else {
			recs = append(recs, &record{Unlock: part})
		}
	}
	if len(recs) == 0 {
		return nil
	}
	return w.journal.append(recs...)
}

// LockedCoins returns the coins that are kept from being chosen, sorted.
func (w *Wallet) LockedCoins() (coins []Outpoint) {
	w.journal.ask(func(s *state) { coins = slices.Sorted(maps.Keys(s.locked)) })
	return coins
}

// Abandon notes that a transaction is not waited for any more, or again.
func (w *Wallet) Abandon(txid string, abandoned bool) error {
	if w.IsAbandoned(txid) == abandoned {
		return nil
	}
	if len(txid) > maxTxID {
		return fmt.Errorf("%s is no transaction", strconv.Quote(clip(txid)))
	}
	return w.journal.append(&record{Abandoned: &abandon{txid, abandoned}})
}

// Abandoned returns the transactions that are not waited for.
func (w *Wallet) Abandoned() (txids map[string]bool) {
	w.journal.ask(func(s *state) { txids = maps.Clone(s.abandoned) })
	return txids
}

// IsAbandoned says whether a transaction is not waited for.
func (w *Wallet) IsAbandoned(txid string) (gone bool) {
	w.journal.ask(func(s *state) { gone = s.abandoned[txid] })
	return gone
}

// SetNote says what a transaction was, in the user's words; "" removes it.
func (w *Wallet) SetNote(txid, text string) error {
	switch {
	case len(text) > maxLabel:
		return fmt.Errorf("a note has at most %d bytes, this one %d", maxLabel, len(text))
	case len(txid) > maxTxID:
		return fmt.Errorf("%s is no transaction", strconv.Quote(clip(txid)))
	case w.Note(txid) == text:
		return nil
	}
	return w.journal.append(&record{Note: &note{txid, text}})
}

// Note returns what was said of a transaction, "" for nothing.
func (w *Wallet) Note(txid string) (text string) {
	w.journal.ask(func(s *state) { text = s.notes[txid] })
	return text
}

// RecordSend records a payment before it is submitted, and with it the change
// index it uses (next as in Issue; 0 for none). It is durable when it returns.
func (w *Wallet) RecordSend(s Send, changeChain, next uint32) error {
	if s.Key == "" || len(s.Key) > maxSendKey {
		return fmt.Errorf("the key of a payment has 1 to %d bytes, this one %d", maxSendKey, len(s.Key))
	}
	// One record: a payment is never kept whose change address is given out again.
	rec := &record{Send: &s}
	if next > w.issuedNext(changeChain) {
		rec.Issued = &issued{Chain: changeChain, Next: next}
	}
	return w.journal.append(rec)
}

// Send returns the payment recorded under a key. Kind: ErrUnknown when the key
// was never used.
func (w *Wallet) Send(key string) (*Send, error) {
	j := w.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	at, ok := j.sends[key]
	if !ok {
		return nil, fmt.Errorf("payment with key %s: %w", strconv.Quote(clip(key)), ErrUnknown)
	}
	f, err := j.fs.Open(j.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, _, err := j.sendAt(f, key, at)
	return s, err
}
