package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/network"
)

// diary is a follower that notes what it sees.
type diary struct {
	at    chainhash.Hash
	lines []string
	fail  error
}

func (d *diary) Position() (chainhash.Hash, error) { return d.at, nil }

func (d *diary) Follow(steps []Step) error {
	if d.fail != nil {
		return d.fail
	}
	for _, s := range steps {
		if s.Block.BlockHash() != s.Entry.Hash || len(s.TxIDs) != len(s.Block.Transactions) ||
			s.TxIDs[0] != s.Block.Transactions[0].TxHash() || len(s.Undo.Txs) != max(0, len(s.TxIDs)-1) && s.Entry.Height > 0 {
			return errors.New("a step is not whole")
		}
		sign, parent := "-", s.Entry.Parent()
		switch {
		case s.Connect && parent == nil:
			sign = "+"
		case s.Connect:
			sign = "+"
			if d.at != parent.Hash {
				return errors.New("a connected block does not follow")
			}
		case d.at != s.Entry.Hash:
			return errors.New("not the last block is taken off")
		}
		d.lines = append(d.lines, fmt.Sprintf("%s%d", sign, s.Entry.Height))
		if d.at = s.Entry.Hash; !s.Connect {
			d.at = parent.Hash
		}
	}
	return nil
}

// A follower sees every step in order, across reorganisations and restarts.
//
//	genesis ── a1 ── a2
//	       └── b1 ── b2 ── b3
func TestFollowerSeesEveryStep(t *testing.T) {
	s := newScript(t)
	d := &diary{}
	catchUp := func() []string {
		t.Helper()
		d.lines = nil
		if err := NewTail(s.m, d).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d.at != s.m.Tip().Hash {
			t.Fatal("not at the tip")
		}
		return d.lines
	}
	expect := func(want ...string) {
		t.Helper()
		if got := catchUp(); !slices.Equal(got, want) {
			t.Errorf("saw %v, want %v", got, want)
		}
	}
	expect("+0")
	s.accept("a1", "genesis")
	s.accept("a2", "a1")
	expect("+1", "+2")
	expect()
	s.accept("b1", "genesis")
	s.accept("b2", "b1")
	expect()
	s.accept("b3", "b2")
	s.reopen() // from the files, not from memory
	expect("-2", "-1", "+1", "+2", "+3")
	d.at = chainhash.Hash{}
	expect("+0", "+1", "+2", "+3")

	steps, err := s.m.Steps(s.blocks["a2"].BlockHash(), 3)
	if err != nil || len(steps) != 3 || steps[1].Connect || !steps[2].Connect {
		t.Errorf("limited: %v, %v", steps, err)
	}
	d.at = chainhash.Hash{1}
	if err := NewTail(s.m, d).CatchUp(t.Context()); !errors.Is(err, ErrUnknownPosition) {
		t.Errorf("unknown position: %v", err)
	}
	d.at, d.fail = chainhash.Hash{}, errors.New("disk full")
	if err := NewTail(s.m, d).CatchUp(t.Context()); !errors.Is(err, d.fail) {
		t.Errorf("failing follower: %v", err)
	}
}

// TestTailRuns follows a chain that grows, and stops when it is told to.
func TestTailRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(network.Regtest())
		m := d.open(t)
		defer m.Close()
		f := &diary{}
		tail := NewTail(m, f)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- tail.Run(ctx) }()
		for _, b := range buildChain(d.params, d.params.Genesis, 0, 3) {
			if _, err := m.Accept(b, far); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if f.at != b.BlockHash() {
				t.Error("the follower was not woken")
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestStepsAreBounded(t *testing.T) {
	d := newDisk(network.Regtest())
	m := d.open(t)
	acceptAll(t, m, buildChain(d.params, d.params.Genesis, 0, maxSteps+10))
	steps, err := m.Steps(chainhash.Hash{}, 0)
	if err != nil || len(steps) != maxSteps {
		t.Errorf("%d steps, %v", len(steps), err)
	}
}
