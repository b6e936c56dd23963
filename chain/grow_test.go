package chain

import (
	"crypto/sha256"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
)

// choices turns the bytes of a fuzzer into decisions; when they run out, every
// decision is 0.
type choices struct{ bytes []byte }

// below returns a number below n, which is at most 256.
func (c *choices) below(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

func (c *choices) left() bool { return len(c.bytes) > 0 }

// modelCoin is an output, and what can be told of it without any of the code
// under test.
type modelCoin struct {
	out      *wire.TxOut
	height   int32
	coinbase bool
}

// modelBlock is a block that a fuzzer has made, and the coins after it: simply
// all outputs of its branch that nothing on the branch spends.
type modelBlock struct {
	msg    *wire.MsgBlock
	hash   chainhash.Hash
	parent *modelBlock
	height int32
	coins  map[wire.OutPoint]modelCoin
	wrong  bool // made to break a rule
}

func newModelBlock(msg *wire.MsgBlock, parent *modelBlock) *modelBlock {
	b := &modelBlock{msg: msg, hash: msg.BlockHash(), parent: parent}
	if parent == nil {
		b.coins = map[wire.OutPoint]modelCoin{} // those of genesis do not count
		return b
	}
	b.height = parent.height + 1
	b.coins = maps.Clone(parent.coins)
	for i, tx := range msg.Transactions {
		for _, in := range tx.TxIn {
			delete(b.coins, in.PreviousOutPoint)
		}
		for n, out := range tx.TxOut {
			unspendable := len(out.PkScript) > 10_000 || len(out.PkScript) > 0 && out.PkScript[0] == 0x6a
			if !unspendable {
				b.coins[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(n)}] = modelCoin{out, b.height, i == 0}
			}
		}
	}
	return b
}

// digest returns that of the coins, to compare with what a chain has stored.
func (b *modelBlock) digest() (d digest) {
	for op, c := range b.coins {
		d.toggle(op, &consensus.Coin{Value: c.out.Value, Script: c.out.PkScript, Height: c.height, Coinbase: c.coinbase})
	}
	return d
}

// has reports whether other is b or one of its ancestors.
func (b *modelBlock) has(other *modelBlock) bool {
	for ; b != nil; b = b.parent {
		if b == other {
			return true
		}
	}
	return false
}

// grower makes blocks as a fuzzer's choices will have it.
type grower struct {
	choices
	params *network.Params
	blocks []*modelBlock // the first is genesis
	made   int
}

func newGrower(p *network.Params, data []byte) *grower {
	return &grower{choices: choices{data}, params: p, blocks: []*modelBlock{newModelBlock(p.Genesis, nil)}}
}

// base adds blocks that every run begins with: coins of all kinds that can be
// spent at once.
func (g *grower) base() {
	for i := range 5 {
		parent := g.blocks[i]
		change := func(b *wire.MsgBlock) {
			if i == 0 {
				b.Header.Timestamp = time.Unix(1_600_000_000, 0) // after all soft forks
			}
		}
		if i == 4 {
			change = func(b *wire.MsgBlock) {
				tx := fanOut(g.blocks[1].msg.Transactions[0], 2*len(lockKinds))
				for j, out := range tx.TxOut {
					out.PkScript = lockKinds[j%len(lockKinds)].script
				}
				b.AddTransaction(tx)
			}
		}
		g.add(buildBlock(g.params, parent.msg, parent.height+1, "base", change), parent)
	}
}

func (g *grower) add(msg *wire.MsgBlock, parent *modelBlock) *modelBlock {
	b := newModelBlock(msg, parent)
	g.blocks = append(g.blocks, b)
	return b
}

// lockKind is a script and what unlocks it.
type lockKind struct {
	script  []byte
	sig     []byte
	witness wire.TxWitness
}

// lockKinds are the scripts that grown transactions pay to.
var lockKinds = func() []lockKind {
	redeem := []byte{txscript.OP_TRUE}
	hash := sha256.Sum256(redeem)
	p2sh := append(append([]byte{txscript.OP_HASH160, txscript.OP_DATA_20}, address.Hash160(redeem)...), txscript.OP_EQUAL)
	p2wsh := append([]byte{txscript.OP_0, txscript.OP_DATA_32}, hash[:]...)
	return []lockKind{
		{script: redeem},
		{script: nil, sig: redeem},
		{script: p2sh, sig: []byte{1, txscript.OP_TRUE}},
		{script: p2wsh, witness: wire.TxWitness{redeem}},
		{script: []byte{txscript.OP_7, txscript.OP_CHECKLOCKTIMEVERIFY}},
		{script: []byte{txscript.OP_2, txscript.OP_CHECKSEQUENCEVERIFY}},
		{script: []byte{txscript.OP_1, 2, 0x4e, 0x73}},
		{script: []byte{txscript.OP_CHECKSIG}},                  // nobody's
		{script: []byte{txscript.OP_RETURN, 1, 2}},              // never a coin
		{script: slices.Repeat([]byte{txscript.OP_NOP}, 9_999)}, // long, and leaves nothing
	}
}()

// wild makes a block on a parent out of choices, most of which leave it valid.
func (g *grower) wild(parent *modelBlock) *modelBlock {
	return g.build(parent, func(b *wire.MsgBlock, coins map[wire.OutPoint]modelCoin) {
		for range g.below(4) {
			b.Transactions = append(b.Transactions, g.transaction(coins))
		}
	}, g.mutation())
}

// build makes a block on a parent: fill adds transactions, change may damage it
// before its nonce is searched, after its witnesses are committed to.
func (g *grower) build(parent *modelBlock, fill func(b *wire.MsgBlock, coins map[wire.OutPoint]modelCoin), change mutation) *modelBlock {
	g.made++
	label := string([]byte{byte(g.made), byte(g.made >> 8)})
	msg := buildBlock(g.params, parent.msg, parent.height+1, label, func(b *wire.MsgBlock) {
		fill(b, maps.Clone(parent.coins))
		if slices.ContainsFunc(b.Transactions, (*wire.MsgTx).HasWitness) {
			commit(b)
		}
		if change != nil {
			change(b)
		}
	})
	return g.add(msg, parent)
}

// commit makes a block's coinbase commit to its witnesses.
func commit(b *wire.MsgBlock) {
	coinbase := b.Transactions[0]
	coinbase.TxIn[0].Witness = wire.TxWitness{make([]byte, 32)}
	coinbase.AddTxOut(wire.NewTxOut(0, consensus.WitnessCommitmentScript(b, [32]byte{})))
}

// transaction spends some of the coins, and takes them out of the set and puts
// its own in, so that the next one may spend them.
func (g *grower) transaction(coins map[wire.OutPoint]modelCoin) *wire.MsgTx {
	tx := wire.NewMsgTx([]int32{2, 1, -1, 0}[g.below(4)])
	ops := sortedOps(coins)
	sum := int64(0)
	for range 1 + g.below(3) {
		if len(ops) == 0 {
			tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 7}, nil, nil)) // there is none
			break
		}
		op := ops[g.below(min(len(ops), 256))]
		kind := g.kindOf(coins[op].out.PkScript)
		in := wire.NewTxIn(&op, kind.sig, kind.witness)
		in.Sequence = []uint32{0xffffffff, 0, 1, 2, 3, 1 << 22, 1<<22 | 1, 1<<31 | 5}[g.below(8)]
		switch g.below(24) {
		case 1:
			in.PreviousOutPoint.Index += 3
		case 2:
			in.SignatureScript = []byte{txscript.OP_0}
		case 3:
			in.Witness = wire.TxWitness{{1}}
		}
		tx.AddTxIn(in)
		sum += coins[op].out.Value
	}
	tx.LockTime = []uint32{0, 3, 6, 7, 8, 9, 499_999_999, 1_600_000_000, 1_600_000_005, 1_700_000_000}[g.below(10)]
	outs := 1 + g.below(3)
	for range outs {
		tx.AddTxOut(wire.NewTxOut(sum/int64(outs), lockKinds[g.below(len(lockKinds))].script))
	}
	switch g.below(24) {
	case 1:
		tx.TxOut[0].Value++
	case 2:
		tx.TxOut[0].Value = -1
	case 3:
		tx.TxOut[0].Value = 21e14 + 1
	case 4:
		tx.TxOut = nil
	case 5:
		tx.TxIn = append(tx.TxIn, tx.TxIn[0])
	}
	for _, in := range tx.TxIn {
		delete(coins, in.PreviousOutPoint)
	}
	for i, out := range tx.TxOut {
		coins[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = modelCoin{out: out}
	}
	return tx
}

// sortedOps returns the places of coins in a fixed order.
func sortedOps(coins map[wire.OutPoint]modelCoin) []wire.OutPoint {
	return slices.SortedFunc(maps.Keys(coins), func(a, b wire.OutPoint) int {
		if c := slices.Compare(a.Hash[:], b.Hash[:]); c != 0 {
			return c
		}
		return int(a.Index) - int(b.Index)
	})
}

func (g *grower) kindOf(script []byte) lockKind {
	for _, k := range lockKinds {
		if string(k.script) == string(script) {
			return k
		}
	}
	return lockKind{}
}

// mutation chooses what is wrong with a block; mostly nothing.
func (g *grower) mutation() mutation {
	switch g.below(48) {
	case 1:
		return func(b *wire.MsgBlock) { b.Transactions[0].TxOut[0].Value++ }
	case 2:
		return func(b *wire.MsgBlock) { b.Transactions[0].TxOut[0].Value-- }
	case 3:
		return func(b *wire.MsgBlock) { b.Transactions = append(b.Transactions, b.Transactions[len(b.Transactions)-1]) }
	case 4:
		back := time.Duration(g.below(8)) * time.Second
		return func(b *wire.MsgBlock) { b.Header.Timestamp = b.Header.Timestamp.Add(-back) }
	case 5:
		ahead := time.Duration(g.below(256)) * 10 * time.Second
		return func(b *wire.MsgBlock) { b.Header.Timestamp = b.Header.Timestamp.Add(ahead) }
	case 6:
		version := []int32{3, 2, 1, 0, -1, 1 << 30, -1 << 31}[g.below(7)]
		return func(b *wire.MsgBlock) { b.Header.Version = version }
	case 7:
		return func(b *wire.MsgBlock) { b.Header.Bits = 0x207ffffe }
	case 8:
		return func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].SignatureScript[0]++ }
	case 9:
		return func(b *wire.MsgBlock) { b.AddTransaction(b.Transactions[0].Copy()) }
	case 10:
		return func(b *wire.MsgBlock) { b.Transactions[0].TxOut = b.Transactions[0].TxOut[:1] } // no commitment
	case 11:
		return func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].Witness = nil }
	case 12:
		return func(b *wire.MsgBlock) { slices.Reverse(b.Transactions[1:]) }
	case 13:
		return func(b *wire.MsgBlock) { slices.Reverse(b.Transactions) }
	case 14:
		over := g.below(2)
		return func(b *wire.MsgBlock) {
			b.Transactions[0].TxOut[0].PkScript = slices.Repeat([]byte{txscript.OP_CHECKSIG}, 20_000+over)
		}
	case 15:
		size := []int{1, 2, 99, 100, 101}[g.below(5)]
		return func(b *wire.MsgBlock) {
			sig := append(b.Transactions[0].TxIn[0].SignatureScript, make([]byte, 101)...)
			b.Transactions[0].TxIn[0].SignatureScript = sig[:size]
		}
	case 16:
		return func(b *wire.MsgBlock) { b.Transactions[0].LockTime, b.Transactions[0].TxIn[0].Sequence = 1<<31, 0 }
	case 17:
		return func(b *wire.MsgBlock) { b.Transactions = b.Transactions[1:] }
	}
	return nil
}

// compareCoins compares a chain's stored coins with the model's at its tip.
func (g *grower) compareCoins(t *testing.T, m *Manager, w *coinWatch) {
	t.Helper()
	tip := m.Tip()
	i := slices.IndexFunc(g.blocks, func(b *modelBlock) bool { return b.hash == tip.Hash })
	if i < 0 {
		t.Fatalf("the tip %s is unknown", tip.Hash)
	}
	if got, want := storedCoins(t, w), g.blocks[i]; got.digest() != want.digest() {
		t.Fatalf("at height %d: %d coins, want %d", tip.Height, len(got), len(want.coins))
	}
}
