package node

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/index"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/wallet"
)

const (
	// maxGap bounds the gap limit that can be asked for (policy).
	maxGap = 100_000
	// maxIndex is where unhardened children end (BIP32).
	maxIndex = 1<<31 - 1
)

// errChainMoved says that the chain has left blocks that a scan was at.
var errChainMoved = errors.New("the chain has left a block of the scan")

// coinScan is a search of the chain for the coins of wallets. It asks the blocks'
// filters for the wallets' scripts and reads only blocks that may have some. Where
// scripts are used so far on that more have to be watched, the blocks before are
// matched against the new scripts alone.
//
// It belongs to one goroutine and holds no lock. All that it supposes of the chain
// is the block up to which it has come, so that a reorganisation takes it back to
// the fork.
type coinScan struct {
	host *Host
	from int32  // the first block that may pay the wallets, at least 1
	gap  uint32 // how many unused scripts end a chain

	added   []wallet.Added  // wallet i+1 of the scan
	sources []wallet.Source // of their scripts
	chains  []*scanned      // of all wallets, in their order
	owners  map[string][]scanHit

	layers []layer        // of scripts: the first has come furthest, each further one less far
	tip    *chain.Entry   // up to which the first layer has come
	found  map[int32]bool // heights of blocks up to tip that pay to or spend from the wallets

	indexing *indexing // the filter index on its way to the tip
	progress func(done, total int64)
	told     int64           // the last done that progress was told
	due      map[int]dueScan // what it does for wallets that are here
	keep     bool            // save what is known from time to time, so that another scan goes on
	saved    int             // chunks since that was done
	read     atomic.Int64    // blocks that were read
}

// scanHit is a script's place: a chain of the scan, and an index.
type scanHit struct {
	chain int
	index uint32
}

// span is a row of indexes of a chain, To not included.
type span struct {
	Chain int    `json:"chain"`
	From  uint32 `json:"from"`
	To    uint32 `json:"to"`
}

// layer is a set of scripts that were matched with the blocks up to a height.
type layer struct {
	spans   []span
	scripts [][]byte
	upTo    int32
	query   *index.Query // for scripts, made when it is needed
}

func (l *layer) asQuery() *index.Query {
	if l.query == nil {
		l.query = index.NewQuery(l.scripts)
	}
	return l.query
}

// newScan prepares a scan from the block at a height on. issued tells for each
// wallet and chain the first index that was not given out; nil, that none was.
func (w *wallets) newScan(heads []vault.Header, issued []map[uint32]uint32, from int32, gap uint32) (*coinScan, error) {
	s := &coinScan{
		host: w.host, from: max(1, from), gap: gap, progress: func(int64, int64) {},
		added: make([]wallet.Added, len(heads)), sources: make([]wallet.Source, len(heads)),
		owners: make(map[string][]scanHit), found: make(map[int32]bool),
	}
	_, err := w.host.exec.Run(len(heads), func(i int) (err error) {
		if s.added[i], err = addedOf(heads[i], uint32(i+1), w.host.params); err == nil {
			s.sources[i], err = w.sourceOf(heads[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, a := range s.added {
		for n, c := range a.Chains {
			one := &scanned{Chain: c, wallet: i, number: uint32(n), derived: c.Start, seen: make(map[uint32]bool)}
			if issued != nil {
				one.issued = issued[i][uint32(n)]
			}
			s.chains = append(s.chains, one)
		}
	}
	tip := w.host.chain.Tip()
	s.tip = tip.Ancestor(min(s.from-1, tip.Height))
	s.layers = []layer{{upTo: s.tip.Height}}
	return s, s.watchMore()
}

// run goes to the tip of the chain, with all scripts that have to be watched.
func (s *coinScan) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	s.indexing = s.host.startIndexing(ctx)
	defer s.indexing.wait()
	defer cancel()
	for {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, s.store())
		}
		s.retreat()
		if done, err := s.advance(ctx); done || err != nil && !errors.Is(err, errChainMoved) {
			return err
		}
	}
}

// retreat leaves blocks that the chain has left.
func (s *coinScan) retreat() {
	if s.host.chain.InBest(s.tip) {
		return
	}
	for !s.host.chain.InBest(s.tip) {
		delete(s.found, s.tip.Height)
		s.tip = s.tip.Parent()
	}
	for i := range s.layers {
		s.layers[i].upTo = min(s.layers[i].upTo, s.tip.Height)
	}
}

// advance takes the last layer one chunk further, and reports whether there is
// nothing left to do.
func (s *coinScan) advance(ctx context.Context) (done bool, err error) {
	last := len(s.layers) - 1
	l := &s.layers[last]
	var goal *chain.Entry
	if last == 0 {
		switch goal = s.host.chain.Tip(); {
		case goal == s.tip:
			return true, nil
		case goal.Ancestor(s.tip.Height) != s.tip: // it moved since retreat
			return false, errChainMoved
		}
	} else {
		below := &s.layers[last-1]
		if l.upTo == below.upTo {
			below.spans = append(below.spans, l.spans...)
			below.scripts, below.query = append(below.scripts, l.scripts...), nil
			s.layers = s.layers[:last]
			return false, nil
		}
		goal = s.tip.Ancestor(below.upTo)
	}
	blocks := s.blocksAfter(l.upTo, goal)
	candidates, n, err := s.match(ctx, blocks, l)
	if err != nil {
		return false, err
	}
	if err := s.examine(ctx, candidates); err != nil {
		return false, err
	}
	end := blocks[n-1]
	l.upTo = end.Height
	if last == 0 {
		s.tip = end
	}
	if err := s.watchMore(); err != nil {
		return false, err
	}
	s.tell()
	return false, s.storeSometimes()
}

// blocksAfter returns the blocks behind a height on the way to goal, a chunk of
// them at most.
func (s *coinScan) blocksAfter(height int32, goal *chain.Entry) []*chain.Entry {
	n := min(goal.Height-height, scanChunk)
	e := goal.Ancestor(height + n)
	blocks := make([]*chain.Entry, n)
	for i := n - 1; i >= 0; i-- {
		blocks[i], e = e, e.Parent()
	}
	return blocks
}

// tell tells how far the scan is: blocks, with layers that have not come so far
// counted by their share of the scripts. It never tells less than before.
func (s *coinScan) tell() {
	tip := s.host.chain.Tip().Height
	var sum, scripts float64
	for _, l := range s.layers {
		sum += float64(len(l.scripts)) * float64(l.upTo-s.from+1)
		scripts += float64(len(l.scripts))
	}
	if scripts == 0 {
		return
	}
	s.told = max(s.told, int64(sum/scripts))
	s.progress(s.told, max(s.told, int64(tip-s.from+1)))
}

// scanned is one chain of scripts. All indexes are absolute.
type scanned struct {
	wallet.Chain
	wallet  int             // in coinScan.added
	number  uint32          // of the chain in the wallet
	issued  uint32          // those below were given out
	derived uint32          // the scripts of those below are known
	used    uint32          // one above the last that is used with no gap before it
	seen    map[uint32]bool // used, whatever is before
	fresh   bool            // more was seen since used was reckoned
	scripts [][][]byte      // from Start on
}

// goal is up to which index scripts have to be watched.
func (c *scanned) goal(gap uint32) uint32 {
	if !c.Ranged {
		return 1
	}
	first := c.Start
	if c.number == 0 {
		first++ // it is shown when a wallet is made
	}
	return uint32(min(max(uint64(max(c.used, c.issued, first))+uint64(gap), uint64(c.End)), maxIndex))
}

// settle moves used over what was seen within the gap.
func (c *scanned) settle(gap uint32) {
	c.fresh = false
	for i := c.goal(gap); i > c.used; i-- {
		if c.seen[i-1] {
			c.used = i
			i = c.goal(gap) + 1
		}
	}
}

// watchMore derives the scripts that are to be watched now. They make a layer of
// their own that begins at the start.
func (s *coinScan) watchMore() error {
	var more []int
	for i, c := range s.chains {
		if c.fresh {
			c.settle(s.gap)
		}
		if c.derived < c.goal(s.gap) {
			more = append(more, i)
		}
	}
	if len(more) == 0 {
		return nil
	}
	// A chain that is in use gets twice as many at a time, so that the blocks are
	// matched a few times more, not once for each gap. What is found there does not
	// count before the gap reaches it.
	derived := make([][][][]byte, len(more))
	_, err := s.host.exec.Run(len(more), func(k int) error {
		c := s.chains[more[k]]
		end := c.goal(s.gap)
		if c.Ranged && c.used > 0 {
			end = uint32(min(uint64(end)+uint64(max(s.gap, c.used-c.Start)), maxIndex))
		}
		for n := c.derived; n < end; n++ {
			scripts, err := s.sources[c.wallet].Scripts(c.number, n)
			if err != nil {
				return err
			}
			derived[k] = append(derived[k], scripts)
		}
		return nil
	})
	if err != nil {
		return err
	}
	fresh := layer{upTo: min(s.from-1, s.tip.Height)}
	for k, i := range more {
		c := s.chains[i]
		fresh.spans = append(fresh.spans, span{i, c.derived, c.derived + uint32(len(derived[k]))})
		for _, scripts := range derived[k] {
			for _, script := range scripts {
				s.owners[string(script)] = append(s.owners[string(script)], scanHit{i, c.derived})
				fresh.scripts = append(fresh.scripts, script)
			}
			c.scripts = append(c.scripts, scripts)
			c.derived++
		}
	}
	s.layers = append(s.layers, fresh)
	return nil
}

// usedBy says whether blocks have paid a wallet of the scan.
func (s *coinScan) usedBy(wallet int) bool {
	return slices.ContainsFunc(s.chains, func(c *scanned) bool { return c.wallet == wallet && c.used > 0 })
}
