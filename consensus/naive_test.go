package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/internal/muhash"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// coinMap is a set of coins in memory.
type coinMap map[wire.OutPoint]*Coin

func (m coinMap) Coin(op wire.OutPoint) (*Coin, error) { return m[op], nil }

// naiveBlock is a header that a naive node knows, and what it thinks of it.
type naiveBlock struct {
	msg     *wire.MsgBlock
	hash    chainhash.Hash
	parent  *naiveBlock
	height  int32
	work    *big.Int
	seen    int // in what order it came
	invalid bool
	passed  bool // has been applied once
	undo    *Undo
}

// naiveNode is the plainest node that can be made of the rules: everything in
// maps, reorganisations by Revert and Apply. It answers as Core's submitblock.
type naiveNode struct {
	t      testing.TB
	params *network.Params
	clock  int64
	blocks map[chainhash.Hash]*naiveBlock
	tip    *naiveBlock
	coins  coinMap
	// trust leaves out the scripts of blocks.
	trust bool
}

func newNaiveNode(t testing.TB, p *network.Params) *naiveNode {
	genesis := &naiveBlock{msg: p.Genesis, hash: p.GenesisHash, work: pow.Work(p.Genesis.Header.Bits), passed: true}
	return &naiveNode{
		t: t, params: p, clock: 1 << 40, tip: genesis, coins: coinMap{},
		blocks: map[chainhash.Hash]*naiveBlock{p.GenesisHash: genesis},
	}
}

func (b *naiveBlock) ancestor(height int32) *naiveBlock {
	for b.height > height {
		b = b.parent
	}
	return b
}

func (b *naiveBlock) medianTime() int64 {
	var times []int64
	for at := b; at != nil && len(times) < MedianTimeSpan; at = at.parent {
		times = append(times, at.msg.Header.Timestamp.Unix())
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func (b *naiveBlock) failed() bool {
	for at := b; at != nil; at = at.parent {
		if at.invalid {
			return true
		}
	}
	return false
}

func (n *naiveNode) headerContext(parent *naiveBlock, newTime int64) HeaderContext {
	at := func(height int32) (int64, uint32) {
		h := parent.ancestor(height).msg.Header
		return h.Timestamp.Unix(), h.Bits
	}
	return HeaderContext{
		Height: parent.height + 1, Prev: parent.msg.Header, MedianTimePast: parent.medianTime(),
		Bits: ExpectedBits(n.params, parent.height, at, newTime),
	}
}

// submit gives a block to the node and returns what submitblock would.
func (n *naiveNode) submit(raw []byte) string {
	msg, _, err := DecodeBlockPrefix(raw)
	if err != nil {
		return "Block decode failed"
	}
	if len(msg.Transactions) == 0 || !IsCoinbase(msg.Transactions[0]) {
		return "Block does not start with a coinbase"
	}
	hash := msg.BlockHash()
	if known := n.blocks[hash]; known != nil {
		if known.failed() {
			return "duplicate-invalid"
		}
		if known.passed {
			return "duplicate"
		}
	}
	if n.blocks[msg.Header.PrevBlock] != nil {
		AddWitnessNonce(msg)
	}
	block, err := n.accept(msg, hash)
	if err != nil {
		return reject(n.t, err)
	}
	reason := map[chainhash.Hash]error{}
	n.activate(reason)
	if err := reason[hash]; err != nil {
		return reject(n.t, err)
	}
	if !block.passed {
		return "inconclusive"
	}
	return ""
}

func reject(t testing.TB, err error) string {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("not a refusal: %v", err)
	}
	return e.Reject()
}

// accept checks what does not need the coins and puts the block into the index.
func (n *naiveNode) accept(msg *wire.MsgBlock, hash chainhash.Hash) (*naiveBlock, error) {
	if err := CheckBlock(n.params, msg); err != nil {
		return nil, err
	}
	block := n.blocks[hash]
	if block == nil {
		parent := n.blocks[msg.Header.PrevBlock]
		if parent == nil {
			return nil, &Error{Kind: PrevBlkAbsent, Sort: NotYet}
		}
		if parent.failed() {
			return nil, refuse(BadPrevBlk, "")
		}
		ctx := n.headerContext(parent, msg.Header.Timestamp.Unix())
		if err := CheckHeader(n.params, ctx, &msg.Header, n.clock); err != nil {
			return nil, err
		}
		block = &naiveBlock{
			hash: hash, parent: parent, height: ctx.Height, seen: len(n.blocks),
			work: new(big.Int).Add(parent.work, pow.Work(msg.Header.Bits)),
		}
		block.msg = &wire.MsgBlock{Header: msg.Header}
		n.blocks[hash] = block
	}
	ctx := n.headerContext(block.parent, msg.Header.Timestamp.Unix())
	if err := CheckBlockContext(n.params, ctx, msg); err != nil {
		block.invalid = block.invalid || !err.(*Error).Mutated
		return nil, err
	}
	block.msg = msg
	return block, nil
}

// activate moves to the best branch, trying the next best when one fails, and
// notes why those failed that did.
func (n *naiveNode) activate(reason map[chainhash.Hash]error) {
	for {
		best := n.tip
		for best.failed() {
			best = best.parent
		}
		for _, b := range n.blocks {
			if len(b.msg.Transactions) == 0 || b.failed() {
				continue
			}
			if c := b.work.Cmp(best.work); c > 0 || c == 0 && b.seen < best.seen {
				best = b
			}
		}
		if err := n.moveTo(best); err == nil {
			return
		} else if e, ok := errors.AsType[*failedBlock](err); ok {
			e.block.invalid = true
			reason[e.block.hash] = e.err
		}
	}
}

type failedBlock struct {
	block *naiveBlock
	err   error
}

func (e *failedBlock) Error() string { return e.err.Error() }

// moveTo walks from the tip to another block.
func (n *naiveNode) moveTo(to *naiveBlock) error {
	var up []*naiveBlock
	at := to
	for at.height > n.tip.height {
		up, at = append(up, at), at.parent
	}
	for n.tip != at {
		for n.tip.height > at.height {
			n.disconnect()
		}
		if n.tip != at {
			n.disconnect()
			up, at = append(up, at), at.parent
		}
	}
	for _, b := range slices.Backward(up) {
		if err := n.connect(b); err != nil {
			return &failedBlock{b, err}
		}
	}
	return nil
}

func (n *naiveNode) connect(b *naiveBlock) error {
	update, err := n.apply(b.parent, b.msg)
	if err != nil {
		return err
	}
	for _, c := range update.Spent {
		delete(n.coins, c.OutPoint)
	}
	for _, c := range update.Created {
		n.coins[c.OutPoint] = &c.Coin
	}
	if b.undo, err = DecodeUndo(update.Undo.Encode(nil)); err != nil {
		n.t.Fatal(err)
	}
	n.tip, b.passed = b, true
	return nil
}

// apply checks a block against the coins, which must be as after its parent.
func (n *naiveNode) apply(parent *naiveBlock, msg *wire.MsgBlock) (*Update, error) {
	ctx := BlockContext{
		Height: parent.height + 1, MedianTimePast: parent.medianTime(),
		MedianTimeAt: func(height int32) int64 { return parent.ancestor(height).medianTime() },
	}
	update, err := Apply(n.params, ctx, msg, TxIDs(msg), n.coins)
	if update != nil && (!n.trust || err != nil) {
		if failed := runChecks(update.Checks); failed != nil {
			return nil, failed
		}
	}
	return update, err
}

// runChecks runs checks on two cores and returns the error of the first that
// fails.
func runChecks(checks []ScriptCheck) error {
	errs := make([]error, len(checks))
	var wg sync.WaitGroup
	for half := range 2 {
		wg.Go(func() {
			for i := half; i < len(checks); i += 2 {
				errs[i] = checks[i].Run()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *naiveNode) disconnect() {
	b := n.tip
	remove, restore, err := Revert(b.msg, TxIDs(b.msg), b.undo)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, op := range remove {
		if n.coins[op] == nil {
			n.t.Fatalf("Revert removes %v, which is not there", op)
		}
		delete(n.coins, op)
	}
	for _, c := range restore {
		if n.coins[c.OutPoint] != nil {
			n.t.Fatalf("Revert restores %v, which is there", c.OutPoint)
		}
		n.coins[c.OutPoint] = &c.Coin
	}
	n.tip = b.parent
}

// stats returns what gettxoutsetinfo says of the coins.
func (n *naiveNode) stats() (txouts int, total Amount, mu, serialized string) {
	var set muhash.Hash
	var all []byte
	ops := slices.SortedFunc(maps.Keys(n.coins), func(a, b wire.OutPoint) int {
		if c := slices.Compare(a.Hash[:], b.Hash[:]); c != 0 {
			return c
		}
		return int(int64(a.Index) - int64(b.Index))
	})
	for _, op := range ops {
		coin := n.coins[op]
		total += Amount(coin.Value)
		bytes := AppendUTXO(nil, op, coin)
		set.Insert(bytes)
		all = append(all, bytes...)
	}
	return len(ops), total, chainhash.Hash(set.Finalize()).String(), doubleSHA256(all).String()
}

// records splits a file in bootstrap.dat format.
func records(t testing.TB, file []byte) (blocks [][]byte) {
	t.Helper()
	for len(file) > 0 {
		n := 8 + int(binary.LittleEndian.Uint32(file[4:]))
		blocks = append(blocks, file[8:n])
		file = file[n:]
	}
	return blocks
}

func (n *naiveNode) String() string { return fmt.Sprintf("%d %s", n.tip.height, n.tip.hash) }

func outPoint(hash chainhash.Hash, index uint32) wire.OutPoint {
	return wire.OutPoint{Hash: hash, Index: index}
}
