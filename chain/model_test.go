package chain

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// chainModel says what a chain must look like, in the plainest way: every block
// ever delivered is kept with what was said about it, and the tip is the highest
// of those that are good down to genesis; of equal height the one seen first.
// Every block has the same work.
type chainModel struct {
	*grower
	t        *testing.T
	disk     *disk
	watch    *coinWatch
	m        *Manager
	stored   map[*modelBlock]bool
	declared map[*modelBlock]bool // invalid by hand
	seen     map[*modelBlock]int
	clock    int // of the last block seen
	precious int // of the last one preferred, counted downwards
}

// FuzzChain lets a chain grow branches, some with blocks that break a rule, and
// be told which to take for invalid, good or precious; blocks come alone or in
// groups that are dropped or committed, and the chain is opened anew in between.
// After each step it must be where the model is.
func FuzzChain(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a chain is as strong as its weakest link; a fork is as good as its best branch"))
	f.Fuzz(fuzzChain)
}

func fuzzChain(t *testing.T, data []byte) {
	if len(data) > 1024 {
		return
	}
	d := newDisk(shortMaturity())
	w := d.watch()
	c := &chainModel{
		grower: newGrower(d.params, data), t: t, disk: d, watch: w, m: d.open(t),
		stored: map[*modelBlock]bool{}, declared: map[*modelBlock]bool{}, seen: map[*modelBlock]int{},
	}
	c.stored[c.blocks[0]] = true
	c.base()
	for _, b := range c.blocks[1:] {
		c.accept(b)
	}
	for range 60 {
		if !c.left() {
			break
		}
		c.step()
		c.compare()
	}
}

func (c *chainModel) step() {
	some := func() *modelBlock { return c.blocks[max(1, len(c.blocks)-1-c.below(12))] }
	var err error
	switch c.below(12) {
	case 1:
		b := some()
		if err = c.m.Invalidate(b.hash); c.stored[b] {
			c.declared[b] = true
		}
	case 2:
		b := some()
		err = c.m.Reconsider(b.hash)
		for _, other := range c.blocks {
			if c.stored[b] && (b.has(other) || other.has(b)) {
				delete(c.declared, other)
			}
		}
	case 3:
		b := some()
		if err = c.m.Precious(b.hash); c.stored[b] && c.good(b) && b.height >= c.best().height {
			c.precious--
			c.seen[b] = c.precious
		}
	case 4:
		if err = c.m.Close(); err == nil {
			c.m, err = Open(c.disk.config())
		}
	case 5:
		c.group(1+c.below(4), c.below(3) == 1)
	default:
		c.accept(c.next())
	}
	if err != nil && !errors.Is(err, ErrUnknownBlock) {
		c.t.Fatal(err)
	}
}

// next makes a block on one of the last ones: empty, spending a coin, or wrong.
func (c *chainModel) next() *modelBlock {
	parent := c.blocks[max(3, len(c.blocks)-1-max(0, c.below(14)-4))]
	kind := c.below(8)
	b := c.build(parent, func(b *wire.MsgBlock, coins map[wire.OutPoint]modelCoin) {
		if kind < 3 {
			return
		}
		for _, op := range sortedOps(coins) {
			coin := coins[op]
			if string(coin.out.PkScript) != string(anyone) || coin.coinbase && parent.height+1-coin.height < c.params.Maturity {
				continue
			}
			tx := wire.NewMsgTx(2)
			tx.AddTxIn(wire.NewTxIn(&op, nil, nil))
			tx.AddTxOut(wire.NewTxOut(coin.out.Value/2, anyone))
			tx.AddTxOut(wire.NewTxOut(coin.out.Value/2, anyone))
			b.AddTransaction(tx)
			if kind == 7 {
				twice := tx.Copy() // of the same coin
				twice.LockTime = 1
				b.AddTransaction(twice)
			}
			return
		}
	}, func(b *wire.MsgBlock) {
		if kind == 6 {
			overpay(b)
		}
	})
	b.wrong = kind == 6 || kind == 7 && len(b.msg.Transactions) == 3
	return b
}

// accept delivers a block alone.
func (c *chainModel) accept(b *modelBlock) {
	c.t.Helper()
	_, err := c.m.Accept(b.msg, far)
	c.judge(b, err)
}

// group delivers several blocks at once, and then drops or commits them.
func (c *chainModel) group(n int, drop bool) {
	c.t.Helper()
	errDropped := errors.New("dropped")
	var blocks []*modelBlock
	var errs []error
	err := c.m.Group(context.Background(), func(g *Group) error {
		for range n {
			b := c.next()
			_, err := g.Accept(b.msg, far)
			blocks, errs = append(blocks, b), append(errs, err)
		}
		if drop {
			return errDropped
		}
		return nil
	})
	switch {
	case drop && errors.Is(err, errDropped):
		c.blocks = c.blocks[:len(c.blocks)-n]
	case err != nil:
		c.t.Fatal(err)
	default:
		for i, b := range blocks {
			c.judge(b, errs[i])
		}
	}
}

// judge compares what was said of a block that was delivered with what had to be,
// and remembers it.
func (c *chainModel) judge(b *modelBlock, err error) {
	c.t.Helper()
	declared, wrong := false, false
	for a := b.parent; a != nil; a = a.parent {
		declared = declared || c.declared[a]
		wrong = wrong || a.wrong
	}
	switch {
	case !c.stored[b.parent]:
		if !errors.Is(err, consensus.PrevBlkAbsent) {
			c.t.Fatalf("without its parent: %v", err)
		}
		return
	case errors.Is(err, consensus.BadPrevBlk) && (declared || wrong):
		return
	case declared:
		c.t.Fatalf("on a block declared invalid: %v", err)
	case err != nil && !b.wrong:
		c.t.Fatalf("a good block: %v", err)
	}
	// A wrong block is stored, too, and may even pass for good on a side branch.
	c.stored[b] = true
	c.clock++
	c.seen[b] = c.clock
}

// good reports whether a stored block may be the tip.
func (c *chainModel) good(b *modelBlock) bool {
	for ; b != nil; b = b.parent {
		if b.wrong || c.declared[b] {
			return false
		}
	}
	return true
}

// best returns the block that must be the tip.
func (c *chainModel) best() *modelBlock {
	best := c.blocks[0]
	for _, b := range c.blocks {
		if !c.stored[b] || !c.good(b) {
			continue
		}
		if b.height > best.height || b.height == best.height && c.seen[b] < c.seen[best] {
			best = b
		}
	}
	return best
}

// compare looks whether the chain is where the model is.
func (c *chainModel) compare() {
	c.t.Helper()
	if err := errors.Join(c.m.CheckIndex(), c.watch.fault); err != nil {
		c.t.Fatal(err)
	}
	tip, want := c.m.Tip(), c.best()
	if tip.Hash != want.hash {
		c.t.Fatalf("tip %s at height %d, want %s at %d", tip.Hash, tip.Height, want.hash, want.height)
	}
	c.compareCoins(c.t, c.m, c.watch)

	// Every end of a branch is told, with the right status where the model knows.
	ends := map[string]TipInfo{}
	for _, info := range c.m.Tips() {
		ends[info.Entry.Hash.String()] = info
	}
	for _, b := range c.blocks {
		isEnd := c.stored[b] && !slices.ContainsFunc(c.blocks, func(o *modelBlock) bool { return o.parent == b && c.stored[o] })
		info, told := ends[b.hash.String()]
		switch {
		case !isEnd && b != want:
			if told {
				c.t.Fatalf("%s at height %d is told as an end", b.hash, b.height)
			}
			continue
		case !told:
			c.t.Fatalf("the end %s at height %d is not told", b.hash, b.height)
		}
		declared := false
		for a := b; a != nil; a = a.parent {
			declared = declared || c.declared[a]
		}
		fork := b
		for !want.has(fork) {
			fork = fork.parent
		}
		switch {
		case (info.Status == TipActive) != (b == want),
			declared && info.Status != TipInvalid,
			c.good(b) && b != want && info.Status != TipValidFork && info.Status != TipValidHeaders,
			info.BranchLen != b.height-fork.height:
			c.t.Fatalf("the end %s at height %d: %+v", b.hash, b.height, info)
		}
	}
}
