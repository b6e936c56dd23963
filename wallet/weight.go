package wallet

import (
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
)

// Weights of parts of a transaction. Signatures are counted at their largest:
// 72 bytes for ECDSA with a low S, 64 for Schnorr.
const (
	outPointWeight = 4 * (32 + 4 + 4 + 1) // outpoint, sequence, length of scriptSig

	keyHashScriptSig = 1 + 72 + 1 + 33     // signature, key
	keyHashWitness   = 1 + 1 + 72 + 1 + 33 // count, signature, key
	taprootWitness   = 1 + 1 + 64          // count, signature
	redeemScriptSig  = 1 + 22              // push of a version 0 key hash program

	segwitMarker = 2 // marker and flag; other inputs then have an empty witness of 1
)

// maxStandardWeight is the largest transaction that is relayed (policy, Core's
// MAX_STANDARD_TX_WEIGHT).
const maxStandardWeight = 400_000

// spending is what it takes to spend a coin.
type spending struct {
	weight   int64 // of the signed input
	witness  bool
	sequence uint32 // that the input must have, 0: any
	lockTime uint32 // that the transaction must have at least, 0: any

	// Locks that the coin has met and that other ways to spend it may ask for,
	// so that they can be taken too. Not needed for this one.
	usable lock

	// Not now: the lock that has to pass first. Zero: it can be spent.
	waits lock
	// Keys of others must sign too.
	others bool
}

// lock is a time lock: relative, absolute, or both.
type lock struct {
	older, after uint32
}

// inputWeight returns what an input that spends a script of one key weighs when
// it is signed, and whether it has a witness.
func inputWeight(script []byte) (weight int64, witness bool, err error) {
	switch kind := address.KindOf(script); kind {
	case address.P2PKH:
		return outPointWeight + 4*keyHashScriptSig, false, nil
	case address.P2SH:
		return outPointWeight + 4*redeemScriptSig + keyHashWitness, true, nil
	case address.P2WPKH:
		return outPointWeight + keyHashWitness, true, nil
	case address.P2TR:
		return outPointWeight + taprootWitness, true, nil
	default:
		return 0, false, fmt.Errorf("a wallet cannot spend an output of kind %s", kind)
	}
}

func outputWeight(script []byte) int64 {
	return 4 * int64((&wire.TxOut{PkScript: script}).SerializeSize())
}

// weights finds out what it takes to spend coins. All scripts of a chain are
// spent alike, so each is asked about once, and once more for each state of its
// time locks.
type weights struct {
	solve Solver // nil: scripts of one key
	tip   Tip
	// A locktime that is asked for: locks up to it pass with it.
	lockTime  uint32
	lockFixed bool
	alone     bool // the wallet signs by itself: what others could do does not count
	tx        *wire.MsgTx
	input     int // of tx, if that is set: its sequence and locktime say what has passed
	known     map[chainKind]*chainSpending
}

// chainKind is a chain and a kind of its scripts: combo() has several.
type chainKind struct {
	chain uint32
	kind  address.Kind
}

type chainSpending struct {
	locks []lock // that its scripts ask for
	ways  map[string]spending
	err   error
}

// Tip is what time locks are measured by.
type Tip struct {
	Height int32
	// MedianTime returns the median time past of a block of the best chain, Unix
	// seconds (BIP113); nil: locks by time have not passed.
	MedianTime func(height int32) int64
}

// of returns what it takes to spend a coin.
func (w *weights) of(c *Coin) (spending, error) {
	if w.solve == nil {
		weight, witness, err := inputWeight(c.Script)
		return spending{weight: weight, witness: witness}, err
	}
	id := chainKind{c.Chain, address.KindOf(c.Script)}
	known := w.known[id]
	if known == nil {
		known = &chainSpending{ways: make(map[string]spending)}
		if w.known == nil {
			w.known = make(map[chainKind]*chainSpending)
		}
		w.known[id] = known
	}
	if known.err != nil {
		return spending{}, known.err
	}
	if way, ok := known.ways[known.state(w, c)]; ok {
		return way, nil
	}
	way, locks, err := w.reckon(c)
	if err != nil {
		known.err = err
		return spending{}, err
	}
	known.locks = locks
	known.ways[known.state(w, c)] = way
	return way, nil
}

// state says which of the chain's locks have passed for a coin.
func (k *chainSpending) state(w *weights, c *Coin) string {
	if len(k.locks) == 0 {
		return ""
	}
	b := make([]byte, len(k.locks))
	for i, l := range k.locks {
		if l.older != 0 && w.older(c, l.older) || l.older == 0 && w.after(l.after) {
			b[i] = 1
		}
	}
	return string(b)
}

// spendingOf measures an input.
func spendingOf(s *descriptor.Satisfaction) spending {
	script := int64(len(s.ScriptSig))
	way := spending{
		weight: 4 * (32 + 4 + 4 + int64(wire.VarIntSerializeSize(uint64(script))) + script), witness: len(s.Witness) > 0,
		sequence: s.Sequence, lockTime: s.LockTime,
	}
	if way.witness {
		way.weight += int64(wire.TxWitness(s.Witness).SerializeSize())
	}
	return way
}

// older says whether a relative lock has passed in the next block (BIP68).
func (w *weights) older(c *Coin, n uint32) bool {
	switch {
	case w.tx != nil:
		return olderMet(n, w.tx.TxIn[w.input].Sequence)
	case n&sequenceOff != 0:
		return true
	case c.Height == Unconfirmed:
		return n&0xffff == 0
	case n&sequenceTime == 0:
		return int64(c.Height)+int64(n&0xffff) <= int64(w.tip.Height)+1
	case w.tip.MedianTime == nil:
		return false
	}
	return w.tip.MedianTime(max(0, c.Height-1))+int64(n&0xffff)<<9 <= w.tip.MedianTime(w.tip.Height)
}

// after says whether an absolute lock has passed in the next block (BIP113).
func (w *weights) after(n uint32) bool {
	if w.tx != nil {
		return afterMet(n, w.tx.LockTime)
	}
	if afterMet(n, w.lockTime) {
		return true
	}
	if n < consensus.LockTimeThreshold {
		return int64(n) <= int64(w.tip.Height)
	}
	return w.tip.MedianTime != nil && int64(n) < w.tip.MedianTime(w.tip.Height)
}

// size adds up the weight of a transaction while it grows.
type size struct {
	inputs, outputs int
	plain           int // inputs without a witness
	weight          int64
}

func (s *size) addInput(weight int64, witness bool) {
	s.inputs++
	s.weight += weight
	if !witness {
		s.plain++
	}
}

func (s *size) addOutput(script []byte) {
	s.outputs++
	s.weight += outputWeight(script)
}

// total is the weight of the whole transaction.
func (s *size) total() int64 {
	w := s.weight + 4*int64(4+4+wire.VarIntSerializeSize(uint64(s.inputs))+wire.VarIntSerializeSize(uint64(s.outputs)))
	if s.plain < s.inputs {
		w += segwitMarker + int64(s.plain)
	}
	return w
}

func (s *size) vsize() int64 { return (s.total() + 3) / 4 }

// FeeRate is a price in satoshis per 1,000 vbytes, as Core's CFeeRate.
type FeeRate int64

// Fee is the price of some vbytes, rounded up.
func (r FeeRate) Fee(vsize int64) consensus.Amount {
	return consensus.Amount((int64(r)*vsize + 999) / 1000)
}

// SignedWeight is what a transaction weighs, at most, that spends coins of
// wallets of one key each and pays to scripts.
func SignedWeight(coins []Coin, scripts [][]byte) int64 {
	var s size
	for i := range coins {
		weight, witness, err := inputWeight(coins[i].Script)
		if err != nil {
			continue // signing refuses it
		}
		s.addInput(weight, witness)
	}
	for _, script := range scripts {
		s.addOutput(script)
	}
	return s.total()
}

// WeightOf returns what a transaction weighs, at most, once it is signed, when
// coins are those that it spends, in the order of its inputs. Coins that the
// solver does not know are counted as Core counts them: by what their input has.
func WeightOf(tx *wire.MsgTx, coins []Coin, solve Solver) int64 {
	w := weights{solve: solve, tx: tx}
	var s size
	for i := range coins {
		w.input = i
		way, err := w.of(&coins[i])
		if err != nil {
			in := tx.TxIn[i]
			s.addInput(4*int64(in.SerializeSize())+int64(in.Witness.SerializeSize()), len(in.Witness) > 0)
			continue
		}
		s.addInput(way.weight, way.witness)
	}
	for _, out := range tx.TxOut {
		s.addOutput(out.PkScript)
	}
	return s.total()
}
