package consensus

import (
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
)

// BlockContext is what a block's transactions are checked against besides the
// coins.
type BlockContext struct {
	// Height is that of the block.
	Height int32
	// MedianTimePast is that of the block's parent, in Unix seconds.
	MedianTimePast int64
	// MedianTimeAt returns the median time past of the block at a height of the
	// same branch, for relative lock times.
	MedianTimeAt func(height int32) int64
}

// Update is what a block does to the coins.
type Update struct {
	// Spent are the coins that were there before the block and are not after it,
	// in the order in which they were spent.
	Spent []SpentCoin
	// Created are the coins that are there after the block and were not before,
	// in the block's order.
	Created []CreatedCoin
	// Undo is what Revert needs.
	Undo Undo
	// Checks are the script checks that are left to run, in the block's order.
	// The block is valid only if all of them pass; the first that fails gives the
	// reason.
	Checks []ScriptCheck
	// Fees is the sum of the transactions' fees in satoshis.
	Fees int64
}

// Apply checks a block that has passed CheckBlock and CheckBlockContext against
// the coins and returns what it does to them (Core's ConnectBlock). The view is
// not changed, and each coin is looked up in it once. The genesis block is not
// applied: its coinbase cannot be spent.
//
// With an *Error it also returns an update, which holds nothing but the checks
// of the transactions before the one that was refused: Core runs each
// transaction's scripts before it looks at the next (-par=1), so that the first
// of these checks to fail, if one does, is the reason to give.
func Apply(p *network.Params, ctx BlockContext, b *wire.MsgBlock, txids []chainhash.Hash, view View) (*Update, error) {
	if err := checkBIP30(b, txids, view); err != nil {
		return refusedUpdate(nil, err)
	}
	a := newApplication(p, ctx, b, txids, view)
	for i, tx := range b.Transactions {
		if err := a.add(i, tx); err != nil {
			return refusedUpdate(a.update.Checks, err)
		}
	}
	paid, limit := OutputSum(b.Transactions[0]), a.update.Fees+p.SubsidyAt(ctx.Height)
	if paid > limit {
		return refusedUpdate(a.update.Checks, refuse(BadCbAmount, "coinbase pays too much (actual=%d vs limit=%d)", paid, limit))
	}
	return a.finish(), nil
}

// refusedUpdate returns what Apply returns with an error.
func refusedUpdate(checks []ScriptCheck, err error) (*Update, error) {
	if SortOf(err) == Local {
		return nil, err
	}
	return &Update{Checks: checks}, err
}

// checkBIP30 checks that no transaction would overwrite coins that are still
// there. It is not left out on the ground that BIP34 makes it impossible:
// Core's regtest always checks, and the reject string tells.
func checkBIP30(b *wire.MsgBlock, txids []chainhash.Hash, view View) error {
	for i, tx := range b.Transactions {
		for o := range tx.TxOut {
			coin, err := view.Coin(wire.OutPoint{Hash: txids[i], Index: uint32(o)})
			if err != nil {
				return err
			}
			if coin != nil {
				return refuse(BadTxnsBIP30, "tried to overwrite transaction")
			}
		}
	}
	return nil
}

// application is a block being applied.
type application struct {
	params *network.Params
	ctx    BlockContext
	block  *wire.MsgBlock
	txids  []chainhash.Hash
	view   View
	flags  Flags

	update  Update
	sigops  int64
	created map[wire.OutPoint]*Coin    // by this block, and not spent by it so far
	spent   map[wire.OutPoint]struct{} // of the view's coins
	coins   []*Coin                    // room for those of all inputs
}

func newApplication(p *network.Params, ctx BlockContext, b *wire.MsgBlock, txids []chainhash.Hash, view View) *application {
	inputs, outputs := 0, 0
	for _, tx := range b.Transactions {
		inputs += len(tx.TxIn)
		outputs += len(tx.TxOut)
	}
	inputs-- // the coinbase's
	return &application{
		params: p, ctx: ctx, block: b, txids: txids, view: view,
		flags: ScriptFlags(p, ctx.Height),
		update: Update{
			Spent:  make([]SpentCoin, 0, inputs),
			Undo:   Undo{Txs: make([][]Coin, 0, len(b.Transactions)-1)},
			Checks: make([]ScriptCheck, 0, inputs),
		},
		created: make(map[wire.OutPoint]*Coin, outputs),
		spent:   make(map[wire.OutPoint]struct{}, inputs),
		coins:   make([]*Coin, 0, inputs),
	}
}

// add checks the transaction at a position and notes what it does.
func (a *application) add(position int, tx *wire.MsgTx) error {
	var coins []*Coin
	if position > 0 {
		var err error
		if coins, err = a.lookUp(tx); err != nil {
			return err
		}
		fee, err := CheckTxInputs(a.params, tx, coins, a.ctx.Height)
		if err != nil {
			return err
		}
		a.update.Fees += fee
		if !Amount(a.update.Fees).InRange() {
			return refuse(BadTxnsAccumulatedFee, "accumulated fee in the block out of range.")
		}
		if a.ctx.Height >= a.params.CSVHeight && !a.sequenceLocksMet(tx, coins) {
			return refuse(BadTxnsNonFinal, "contains a non-BIP68-final transaction")
		}
	}
	if a.sigops += SigOpCost(tx, coins, a.flags); a.sigops > MaxBlockSigOpsCost {
		return refuse(BadBlkSigops, "too many sigops")
	}
	if position > 0 {
		a.update.Checks = appendChecks(a.update.Checks, position, tx, coins, a.flags)
		a.spend(tx, coins)
	}
	a.create(position, tx)
	return nil
}

// lookUp returns the coins that a transaction spends, in the order of its
// inputs; nil for those that are not there.
func (a *application) lookUp(tx *wire.MsgTx) ([]*Coin, error) {
	start := len(a.coins)
	for _, in := range tx.TxIn {
		op := in.PreviousOutPoint
		coin := a.created[op]
		if _, gone := a.spent[op]; coin == nil && !gone {
			var err error
			if coin, err = a.view.Coin(op); err != nil {
				return nil, err
			}
		}
		a.coins = append(a.coins, coin)
	}
	return a.coins[start:len(a.coins):len(a.coins)], nil
}

func (a *application) sequenceLocksMet(tx *wire.MsgTx, coins []*Coin) bool {
	heights := make([]int32, len(coins))
	for i, c := range coins {
		heights[i] = c.Height
	}
	locks := SequenceLocks(tx, heights, a.ctx.MedianTimeAt)
	return locks.Met(a.ctx.Height, a.ctx.MedianTimePast)
}

// spend takes a transaction's coins out of the set. There are no duplicates
// among its inputs: CheckTransaction has seen to that.
func (a *application) spend(tx *wire.MsgTx, coins []*Coin) {
	undo := make([]Coin, len(coins))
	for i, in := range tx.TxIn {
		op := in.PreviousOutPoint
		undo[i] = *coins[i]
		if _, ours := a.created[op]; ours {
			delete(a.created, op)
			continue
		}
		a.spent[op] = struct{}{}
		a.update.Spent = append(a.update.Spent, SpentCoin{OutPoint: op, Coin: *coins[i]})
	}
	a.update.Undo.Txs = append(a.update.Undo.Txs, undo)
}

// create puts a transaction's outputs into the set, so that later transactions
// of the block can spend them.
func (a *application) create(position int, tx *wire.MsgTx) {
	for i, out := range tx.TxOut {
		if Unspendable(out.PkScript) {
			continue
		}
		op := wire.OutPoint{Hash: a.txids[position], Index: uint32(i)}
		a.created[op] = &Coin{Value: out.Value, Script: out.PkScript, Height: a.ctx.Height, Coinbase: position == 0}
	}
}

// finish lists what the block has left of its own outputs.
func (a *application) finish() *Update {
	a.update.Created = make([]CreatedCoin, 0, len(a.created))
	for i, tx := range a.block.Transactions {
		for o := range tx.TxOut {
			op := wire.OutPoint{Hash: a.txids[i], Index: uint32(o)}
			if coin := a.created[op]; coin != nil {
				a.update.Created = append(a.update.Created, CreatedCoin{OutPoint: op, Coin: *coin})
			}
		}
	}
	return &a.update
}

// Revert returns what takes a block back that was applied: which coins to
// remove and which to restore, the opposite of the update's Created and Spent
// (Core's DisconnectBlock). undo has to be the one that Apply gave for it.
func Revert(b *wire.MsgBlock, txids []chainhash.Hash, undo *Undo) (remove []wire.OutPoint, restore []SpentCoin, err error) {
	if len(undo.Txs) != len(b.Transactions)-1 {
		return nil, nil, errUndoMismatch
	}
	position := make(map[chainhash.Hash]int, len(txids))
	for i, id := range txids {
		position[id] = i
	}
	within := make(map[wire.OutPoint]struct{}) // created and spent by the block itself
	for i, tx := range b.Transactions[1:] {
		coins := undo.Txs[i]
		if len(coins) != len(tx.TxIn) {
			return nil, nil, errUndoMismatch
		}
		for j, in := range tx.TxIn {
			op := in.PreviousOutPoint
			// A coin of this block bears this block's id; an older transaction
			// with the same id could only be one that was spent completely.
			if from, ours := position[op.Hash]; ours && from <= i {
				within[op] = struct{}{}
			} else {
				restore = append(restore, SpentCoin{OutPoint: op, Coin: coins[j]})
			}
		}
	}
	for i, tx := range b.Transactions {
		for o, out := range tx.TxOut {
			op := wire.OutPoint{Hash: txids[i], Index: uint32(o)}
			if _, gone := within[op]; !gone && !Unspendable(out.PkScript) {
				remove = append(remove, op)
			}
		}
	}
	return remove, restore, nil
}

var errUndoMismatch = fmt.Errorf("%w: the undo belongs to another block", ErrEncoding)
