package vault

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// flag is a setting of a wallet.
type flag struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

// setFlag makes a record of a setting count.
func (s *state) setFlag(f *flag) {
	delete(s.flags, f.Name)
	if f.On {
		set(&s.flags, f.Name, true)
	}
}

// flagRecords returns the records that the settings come from.
func (s *state) flagRecords() (recs []*record) {
	for _, name := range slices.Sorted(maps.Keys(s.flags)) {
		recs = append(recs, &record{Flag: &flag{name, true}})
	}
	return recs
}

// SetFlag turns a setting of the wallet on or off. It is durable when it returns.
func (w *Wallet) SetFlag(name string, on bool) error {
	if w.Flag(name) == on {
		return nil
	}
	if len(name) > maxSendKey {
		return fmt.Errorf("%s is no setting of a wallet", strconv.Quote(clip(name)))
	}
	return w.journal.append(&record{Flag: &flag{name, on}})
}

// Flag says whether a setting of the wallet is on.
func (w *Wallet) Flag(name string) (on bool) {
	w.journal.ask(func(s *state) { on = s.flags[name] })
	return on
}

// Sends returns the payments that are recorded, oldest first.
func (w *Wallet) Sends() ([]*Send, error) {
	j := w.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.sends) == 0 {
		return nil, nil
	}
	keys := slices.SortedFunc(maps.Keys(j.sends), func(a, b string) int { return cmp.Compare(j.sends[a].off, j.sends[b].off) })
	f, err := j.fs.Open(j.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list := make([]*Send, len(keys))
	for i, key := range keys {
		if list[i], _, err = j.sendAt(f, key, j.sends[key]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// SentCount returns how many payments are recorded.
func (w *Wallet) SentCount() (n int) {
	w.journal.ask(func(s *state) { n = len(s.sends) })
	return n
}
