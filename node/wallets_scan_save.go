package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/internal/kv"
)

// The rows of scans, under kv.SpaceNode: savePrefix and a scan's ID hold how far
// it was, duePrefix and a wallet's number (four bytes, big-endian) that the wallet
// is still to be searched for.
var (
	savePrefix = []byte{kv.SpaceNode, 'c'}
	duePrefix  = []byte{kv.SpaceNode, 'd'}
)

const (
	// saveEvery is how many chunks of blocks lie between two notes of how far a
	// scan is, while it has found little (policy).
	saveEvery = 4
	// maxSaved is how many scans that were interrupted are remembered (policy).
	maxSaved = 8
)

// savedScan is what another scan for the same scripts needs to go on.
type savedScan struct {
	Tip    chainhash.Hash `json:"tip"`
	Layers []savedLayer   `json:"layers"`
	Seen   [][]uint32     `json:"seen"` // by chain
	Found  []int32        `json:"found"`
}

type savedLayer struct {
	Spans []span `json:"spans"`
	UpTo  int32  `json:"up_to"`
}

// key is the key of what is saved of the scan: a hash of what it looks for, which
// says nothing to others.
func (s *coinScan) key() []byte {
	h := sha256.New()
	var b [12]byte
	binary.BigEndian.PutUint32(b[:], uint32(s.from))
	binary.BigEndian.PutUint32(b[4:], s.gap)
	h.Write(b[:8])
	for _, c := range s.chains {
		binary.BigEndian.PutUint32(b[:], uint32(c.wallet))
		binary.BigEndian.PutUint32(b[4:], c.number)
		binary.BigEndian.PutUint32(b[8:], c.Start)
		h.Write(b[:])
		for _, script := range c.scripts[0] {
			h.Write(script)
		}
	}
	return h.Sum(append([]byte(nil), savePrefix...))
}

// storeSometimes saves how far the scan is, the less often the more there is to
// write.
func (s *coinScan) storeSometimes() error {
	s.saved++
	if s.saved < saveEvery+len(s.found)/2_000 {
		return nil
	}
	return s.store()
}

// store saves how far the scan is.
func (s *coinScan) store() error {
	if !s.keep {
		return nil
	}
	s.saved = 0
	saved := savedScan{Tip: s.tip.Hash, Found: slices.Sorted(maps.Keys(s.found))}
	for _, l := range s.layers {
		saved.Layers = append(saved.Layers, savedLayer{l.spans, l.upTo})
	}
	for _, c := range s.chains {
		saved.Seen = append(saved.Seen, slices.Sorted(maps.Keys(c.seen)))
	}
	value, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	var b kv.Batch
	b.Put(s.key(), value)
	if err := s.host.store.Apply(&b, false); err != nil {
		return fmt.Errorf("save the scan: %w", err)
	}
	return nil
}

// forget drops what was saved, for the scan has ended.
func (s *coinScan) forget(b *kv.Batch) { b.Delete(s.key()) }

// resume goes on with what an interrupted scan for the same scripts has saved, if
// there is anything, and saves from now on.
func (s *coinScan) resume() error {
	s.keep = true
	if err := s.host.tidyScans(s.key()); err != nil {
		return err
	}
	value, err := s.host.store.Get(s.key())
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var saved savedScan
	if err := json.Unmarshal(value, &saved); err != nil || len(saved.Seen) != len(s.chains) || len(saved.Layers) == 0 {
		return nil // of another version: from the start
	}
	tip := s.host.chain.ByHash(saved.Tip)
	if tip == nil || tip.Height < s.from-1 || tip.Height != saved.Layers[0].UpTo {
		return nil
	}
	layers, ok := s.spread(saved.Layers)
	if !ok {
		return nil
	}
	for i, c := range s.chains {
		for _, n := range saved.Seen[i] {
			c.seen[n], c.fresh = true, true
		}
	}
	for _, height := range saved.Found {
		s.found[height] = true
	}
	s.tip, s.layers = tip, layers
	return s.watchMore()
}

// tidyScans drops what was saved of other scans over the limit: nobody went on with
// them, mostly. One that runs saves itself again.
func (h *Host) tidyScans(but []byte) error {
	var b kv.Batch
	n := 0
	err := h.store.Scan(savePrefix, kv.After(savePrefix), func(k, _ []byte) error {
		if n++; n >= maxSaved && !bytes.Equal(k, but) {
			b.Delete(k)
		}
		return nil
	})
	if err != nil || b.Len() == 0 {
		return err
	}
	return h.store.Apply(&b, false)
}

// spread returns the scripts that saved layers stand for. Scripts that the scan
// has derived and none of them names begin at the start.
func (s *coinScan) spread(saved []savedLayer) (layers []layer, ok bool) {
	covered := make([]uint32, len(s.chains)) // up to which index, by chain
	for i, c := range s.chains {
		covered[i] = c.Start
	}
	add := func(l *layer, p span) bool {
		c := s.chains[p.Chain]
		for n := p.From; n < p.To; n++ {
			for n >= c.derived {
				if !s.deriveOne(p.Chain) {
					return false
				}
			}
			l.scripts = append(l.scripts, c.scripts[n-c.Start]...)
		}
		l.spans = append(l.spans, p)
		covered[p.Chain] = max(covered[p.Chain], p.To)
		return true
	}
	for i, l := range saved {
		if i > 0 && l.UpTo > saved[i-1].UpTo || l.UpTo < s.from-1 {
			return nil, false
		}
		next := layer{upTo: l.UpTo}
		for _, p := range l.Spans {
			if p.Chain < 0 || p.Chain >= len(s.chains) || p.From < s.chains[p.Chain].Start || p.To > maxIndex || !add(&next, p) {
				return nil, false
			}
		}
		layers = append(layers, next)
	}
	rest := layer{upTo: s.from - 1}
	for i, c := range s.chains {
		if covered[i] < c.derived {
			add(&rest, span{i, covered[i], c.derived})
		}
	}
	if len(rest.scripts) > 0 {
		layers = append(layers, rest)
	}
	return layers, true
}

// deriveOne derives the next script of a chain.
func (s *coinScan) deriveOne(chain int) bool {
	c := s.chains[chain]
	scripts, err := s.sources[c.wallet].Scripts(c.number, c.derived)
	if err != nil {
		return false
	}
	for _, script := range scripts {
		s.owners[string(script)] = append(s.owners[string(script)], scanHit{chain, c.derived})
	}
	c.scripts = append(c.scripts, scripts)
	c.derived++
	return true
}
