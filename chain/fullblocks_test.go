package chain

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/blockchain/fullblocktests"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
)

// fullBlockParams are the rules that btcd's fullblocktests are made for: regtest
// as it was before BIP94.
func fullBlockParams() *network.Params {
	p := network.Regtest()
	p.Name = "fullblocktests"
	p.TargetTimespan = 14 * 24 * 60 * 60
	p.EnforceBIP94 = false
	return p
}

// fullBlockKinds are the kinds that Core has for what btcd calls by these codes.
var fullBlockKinds = map[blockchain.ErrorCode][]consensus.Kind{
	blockchain.ErrBadCoinbaseValue:     {consensus.BadCbAmount},
	blockchain.ErrImmatureSpend:        {consensus.BadTxnsPrematureSpend},
	blockchain.ErrMissingTxOut:         {consensus.BadTxnsInputsMissingOrSpent},
	blockchain.ErrSpendTooHigh:         {consensus.BadTxnsInBelowOut},
	blockchain.ErrTooManySigOps:        {consensus.BadBlkSigops},
	blockchain.ErrBlockTooBig:          {consensus.BadBlkLength},
	blockchain.ErrBadCoinbaseScriptLen: {consensus.BadCbLength},
	blockchain.ErrFirstTxNotCoinbase:   {consensus.NoCoinbase},
	blockchain.ErrMultipleCoinbases:    {consensus.BadCbMultiple},
	blockchain.ErrHighHash:             {consensus.HighHash},
	blockchain.ErrTimeTooNew:           {consensus.TimeTooNew},
	blockchain.ErrTimeTooOld:           {consensus.TimeTooOld},
	blockchain.ErrBadMerkleRoot:        {consensus.BadTxnMrklRoot},
	blockchain.ErrUnexpectedDifficulty: {consensus.BadDiffBits, consensus.HighHash},
	blockchain.ErrOverwriteTx:          {consensus.BadTxnsBIP30},
	blockchain.ErrBadCoinbaseHeight:    {consensus.BadCbHeight},
	// A repeated transaction is one by itself to btcd. To Core it is a matter of
	// the merkle tree, if it stands where that could hide it; else of the coins.
	blockchain.ErrDuplicateTx:       {consensus.BadTxnsDuplicate, consensus.BadTxnsInputsMissingOrSpent},
	blockchain.ErrDuplicateTxInputs: {consensus.BadTxnsInputsDuplicate},
	blockchain.ErrUnfinalizedTx:     {consensus.BadTxnsNonFinal},
	blockchain.ErrScriptValidation:  {consensus.ScriptMandatory},
	blockchain.ErrScriptMalformed:   {consensus.ScriptMandatory},
	blockchain.ErrNoTransactions:    {consensus.BadBlkLength, consensus.BadTxnMrklRoot},
}

// fullBlocks plays btcd's tests against a chain. Like btcd, it keeps blocks whose
// parent is not known, and gives them to the chain once it is.
type fullBlocks struct {
	*testing.T
	m       *Manager
	now     time.Time
	orphans []*wire.MsgBlock

	accepted, rejected, others int
	check                      func() // after each step
}

func (f *fullBlocks) play(tests [][]fullblocktests.TestInstance) {
	f.Helper()
	for _, group := range tests {
		for i := range group {
			f.step(group[i])
			f.check()
			group[i] = nil // large ones need not stay in memory
		}
	}
}

func (f *fullBlocks) step(item fullblocktests.TestInstance) {
	f.Helper()
	switch item := item.(type) {
	case fullblocktests.AcceptedBlock:
		f.accepted++
		f.accept(item)
	case fullblocktests.RejectedBlock:
		f.rejected++
		result, err := f.deliver(item.Block)
		if err == nil && item.Name == "b56p2" && !result.Best {
			// So Core has no opinion on this one, which repeats transactions on a
			// side branch, before that branch is tried.
			err = f.try(item.Block, "b57")
		}
		kinds := fullBlockKinds[item.RejectCode]
		if !slices.ContainsFunc(kinds, func(k consensus.Kind) bool { return errors.Is(err, k) }) {
			f.Errorf("%s: %v, want %s as one of %v", item.Name, err, item.RejectCode, kinds)
		}
	case fullblocktests.RejectedNonCanonicalBlock:
		f.others++
		if _, err := consensus.DecodeBlock(item.RawBlock); !errors.Is(err, consensus.ErrDecode) {
			f.Errorf("%s: %v", item.Name, err)
		}
	case fullblocktests.OrphanOrRejectedBlock:
		f.others++
		_, err := f.m.Accept(item.Block, f.now)
		if !errors.Is(err, consensus.PrevBlkAbsent) && !errors.Is(err, consensus.BadPrevBlk) {
			f.Errorf("%s: %v", item.Name, err)
		}
	case fullblocktests.ExpectedTip:
		f.others++
		if tip := f.m.Tip(); tip.Hash != item.Block.BlockHash() || tip.Height != item.Height {
			f.Fatalf("the tip is %s at height %d, want %s at %d", tip.Hash, tip.Height, item.Name, item.Height)
		}
	case fullblocktests.BlockDisconnectExpectUTXO:
		f.others++
		f.expectCoinWithout(item)
	default:
		f.Fatalf("unknown kind of test: %T", item)
	}
}

func (f *fullBlocks) accept(item fullblocktests.AcceptedBlock) {
	f.Helper()
	result, err := f.deliver(item.Block)
	if item.IsOrphan {
		if !errors.Is(err, consensus.PrevBlkAbsent) {
			f.Fatalf("%s: %v, want an unknown parent", item.Name, err)
		}
		f.orphans = append(f.orphans, item.Block)
		return
	}
	if err != nil || result.Best != item.IsMainChain || result.Entry.Height != item.Height || result.Entry.Hash != item.Block.BlockHash() {
		f.Fatalf("%s at height %d: %+v, %v, want in the best chain: %t", item.Name, item.Height, result, err, item.IsMainChain)
	}
}

// try makes the chain look into a block of a side branch by taking away the tip,
// which has the same work, and puts it back.
func (f *fullBlocks) try(b *wire.MsgBlock, tipName string) error {
	f.Helper()
	tip := f.m.Tip()
	if err := f.m.Invalidate(tip.Hash); err != nil {
		f.Fatal(err)
	}
	_, err := f.m.Accept(b, f.now)
	if err := f.m.Reconsider(tip.Hash); err != nil {
		f.Fatal(err)
	}
	if f.m.Tip() != tip || !errors.Is(err, consensus.DuplicateBad) {
		f.Fatalf("%v; the tip is %s, want %s", err, f.m.Tip().Hash, tipName)
	}
	return refusal(consensus.BadTxnsDuplicate, "found bad when tried")
}

// deliver gives a block to the chain, and then those that have waited for it.
// The error is what btcd would have of it: also that of an ancestor, or of one of
// those that have waited.
func (f *fullBlocks) deliver(b *wire.MsgBlock) (Result, error) {
	result, err := f.m.Accept(b, f.now)
	if err != nil {
		return result, err
	}
	err = result.Ancestor
	for {
		i := slices.IndexFunc(f.orphans, func(o *wire.MsgBlock) bool { return f.m.ByHash(o.Header.PrevBlock) != nil })
		if i < 0 {
			return result, err
		}
		orphan := f.orphans[i]
		f.orphans = slices.Delete(f.orphans, i, i+1)
		_, orphanErr := f.m.Accept(orphan, f.now)
		err = errors.Join(err, orphanErr)
	}
}

// expectCoinWithout looks whether a coin is there once a block of the best chain
// has been taken off.
func (f *fullBlocks) expectCoinWithout(item fullblocktests.BlockDisconnectExpectUTXO) {
	f.Helper()
	err := f.m.Group(context.Background(), func(g *Group) error {
		tip, e := g.Tip(), g.entry(item.BlockHash)
		if e == nil || !g.inBest(e) {
			f.Fatalf("%s: block %s is not in the best chain", item.Name, item.BlockHash)
		}
		if _, err := g.moveTo(e.parent, nil); err != nil {
			return err
		}
		coin, err := g.Coin(item.OutPoint)
		if (coin != nil) != item.Expected {
			f.Errorf("%s: coin %s is there: %t", item.Name, item.OutPoint, coin != nil)
		}
		if err != nil {
			return err
		}
		_, err = g.moveTo(tip, nil)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
}

// TestFullBlocks plays all of btcd's fullblocktests but the reorganisation over
// 1,088 blocks of a megabyte, which TestFullBlocksLarge adds.
func TestFullBlocks(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("arithmetic of many signatures; TestCoresChainInOneGroup runs the same code side by side")
	}
	now := time.Now()
	tests, err := fullblocktests.Generate(false)
	if err != nil {
		t.Fatal(err)
	}
	d := newDisk(fullBlockParams())
	w := d.watch()
	f := &fullBlocks{T: t, m: d.open(t), now: now, check: func() {}}
	f.check = func() {
		if err := errors.Join(f.m.CheckIndex(), w.fault); err != nil {
			t.Fatal(err)
		}
	}
	f.play(tests)
	if f.accepted != 143 || f.rejected != 43 {
		t.Errorf("%d accepted, %d rejected, %d others", f.accepted, f.rejected, f.others)
	}
	if len(f.orphans) != 0 {
		t.Errorf("%d blocks never found their parent", len(f.orphans))
	}
	if storedCoins(t, d.store).digest() != replayed(t, f.m, f.m.Tip()).digest() {
		t.Error("coins differ from a replay")
	}
}
