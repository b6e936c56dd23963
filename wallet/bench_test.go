package wallet

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/mempool"
)

// BenchmarkSign1000 signs 1,000 inputs, and has the library sign the same: the
// ratio is the figure, at most 1.3. Both derive no keys: they have them.
// The library's ECDSA signatures do not have a low R, which costs ours a second
// nonce on average.
func BenchmarkSign1000(b *testing.B) {
	const inputs = 1000
	for _, kind := range []keys.Type{keys.Bech32, keys.Bech32m} {
		b.Run(string(kind), func(b *testing.B) {
			key := testKey(100)
			form := map[keys.Type]string{keys.Bech32: "wpkh($1)", keys.Bech32m: "tr($1)"}[kind]
			d := parse(b, form)
			coin := coinsOf(b, d, 0, 0, 50_000)[0]
			out, err := d.Output(0, coin.Script)
			if err != nil {
				b.Fatal(err)
			}
			coins := make([]Coin, inputs)
			prev := make(spent, inputs)
			tx := wire.NewMsgTx(2)
			for i := range coins {
				coins[i] = coin
				coins[i].OutPoint.Index = uint32(i)
				prev[coins[i].OutPoint] = wire.NewTxOut(int64(coin.Value), coin.Script)
				tx.AddTxIn(wire.NewTxIn(&coins[i].OutPoint, nil, nil))
			}
			tx.AddTxOut(wire.NewTxOut(1_000_000, coin.Script))
			var ours, theirs time.Duration
			for b.Loop() {
				start := time.Now()
				library(b, tx, coins, prev, kind, key)
				middle := time.Now()
				complete, _, err := Sign(tx, coins, func(*Coin) (*descriptor.Output, error) { return out, nil }, SignOptions{})
				if err != nil || !complete {
					b.Fatal(err)
				}
				theirs, ours = theirs+middle.Sub(start), ours+time.Since(middle)
			}
			b.ReportMetric(float64(ours)/float64(theirs), "ratio")
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1000, "ms/ours")
			b.ReportMetric(float64(theirs.Microseconds())/float64(b.N)/1000, "ms/library")
		})
	}
}

func library(b *testing.B, tx *wire.MsgTx, coins []Coin, prev spent, kind keys.Type, key *btcec.PrivateKey) {
	hashes := txscript.NewTxSigHashes(tx, prev)
	for i := range coins {
		var err error
		if kind == keys.Bech32 {
			tx.TxIn[i].Witness, err = txscript.WitnessSignature(tx, hashes, i, int64(coins[i].Value), coins[i].Script, txscript.SigHashAll, key, true)
		} else {
			tx.TxIn[i].Witness, err = txscript.TaprootWitnessSignature(tx, hashes, i, int64(coins[i].Value), coins[i].Script, txscript.SigHashDefault, key)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlan chooses among 10,000 coins.
func BenchmarkPlan(b *testing.B) {
	d := parse(b, "wpkh($1)")
	coin := coinsOf(b, d, 0, 0, 0)[0]
	coins := make([]Coin, 10_000)
	for i := range coins {
		coins[i] = coin
		coins[i].OutPoint.Index, coins[i].Value = uint32(i), consensus.Amount(10_000+i*7919%100_000)
	}
	state := uint64(1)
	o := Options{
		FeeRate: 5_000, Solve: solverOf(d), Policy: mempool.DefaultPolicy(), Change: Change{Script: coin.Script},
		Rand: func(n int) int { state = state*6364136223846793005 + 1; return int(state>>33) % n },
	}
	for b.Loop() {
		if _, err := Plan(coins, []Payment{{Script: coin.Script, Value: 1_000_000}}, o); err != nil {
			b.Fatal(err)
		}
	}
}
