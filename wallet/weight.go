package wallet

import (
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
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

// input returns what an input that spends script weighs when it is signed, and
// whether it has a witness.
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
// wallets and pays to scripts.
func SignedWeight(coins []Coin, scripts [][]byte) int64 {
	var s size
	for i := range coins {
		weight, witness, err := inputWeight(coins[i].Script)
		if err != nil {
			continue // Sign refuses it
		}
		s.addInput(weight, witness)
	}
	for _, script := range scripts {
		s.addOutput(script)
	}
	return s.total()
}
