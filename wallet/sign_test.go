package wallet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/network"
)

// withKeys fills in a descriptor: $1 to $9 are private keys, @1 to @9 their
// public ones, =1 to =9 the x-only ones.
func withKeys(text string) string {
	for n := range uint32(9) {
		key := testKey(100 + n)
		pub := hex.EncodeToString(key.PubKey().SerializeCompressed())
		text = strings.NewReplacer(
			fmt.Sprintf("$%d", n+1), address.EncodeWIF(key, true, network.Regtest()), fmt.Sprintf("@%d", n+1), pub, fmt.Sprintf("=%d", n+1), pub[2:],
		).Replace(text)
	}
	return text
}

func parse(t testing.TB, text string) *descriptor.Descriptor {
	t.Helper()
	d, err := descriptor.Parse(withKeys(text), network.Regtest())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// solverOf solves coins whose chain is a place in a list.
func solverOf(list ...*descriptor.Descriptor) Solver {
	return func(c *Coin) (*descriptor.Output, error) { return list[c.Chain].Output(c.Index, c.Script) }
}

// coinsOf returns a coin of each script of a descriptor.
func coinsOf(t testing.TB, d *descriptor.Descriptor, chain, index uint32, value consensus.Amount) []Coin {
	t.Helper()
	scripts, err := d.Scripts(index)
	if err != nil {
		t.Fatal(err)
	}
	var coins []Coin
	for i, script := range scripts {
		c := Coin{Value: value, Script: script, Chain: chain, Index: index, Height: 100}
		c.OutPoint.Hash[0], c.OutPoint.Hash[1], c.OutPoint.Index = byte(chain+1), byte(index), uint32(i)
		coins = append(coins, c)
	}
	return coins
}

// signable are descriptors of every kind, with keys that suffice.
var signable = []string{
	"pk($1)", "pkh($1)", "wpkh($1)", "sh(wpkh($1))", "sh(pk($1))", "sh(pkh($1))", "wsh(pk($1))", "wsh(pkh($1))", "sh(wsh(pkh($1)))", "combo($1)",
	"multi(1,$1,@2)", "multi(2,$1,@2,$3)", "sortedmulti(2,$1,$2,@3)", "sh(multi(2,$1,$2,@3))", "wsh(multi(2,@1,$2,$3))",
	"wsh(multi(3,$1,$2,$3,@4,@5))", "sh(wsh(sortedmulti(2,$1,@2,$3)))",
	"tr($1)", "rawtr($1)", "tr($1,pk(@2))", "tr(@1,pk($2))", "tr(=1,{pk(=2),{pk($3),pk(=4)}})", "tr(@1,multi_a(2,$2,@3,$4))", "tr(@1,sortedmulti_a(2,$2,$3,@4))",
	"wsh(and_v(v:pk($1),older(10)))", "wsh(and_v(v:pk($1),after(150)))", "wsh(or_d(pk(@1),and_v(v:pkh($2),older(144))))", "wsh(andor(pk($1),older(5),pk(@2)))",
	"wsh(thresh(2,pk($1),s:pk(@2),s:pk($3)))", "wsh(or_i(and_v(v:pk($1),after(1700000000)),pk(@2)))", "tr(@1,and_v(v:pk($2),older(4194305)))",
	"tr(@1,{and_v(v:pk(@2),pk(@3)),or_d(pk(@4),and_v(v:pk($5),after(10)))})",
}

func signOptionsFor(solve Solver) Options {
	return Options{
		FeeRate: 3_000, Change: Change{Script: keys.Bech32.Script(testKey(9999).PubKey()), Foreign: true}, Solve: solve, Policy: mempool.DefaultPolicy(),
		Rand: func(n int) int { return n / 2 }, LockTime: 1000,
		Tip: Tip{Height: 1000, MedianTime: func(height int32) int64 { return 1_700_000_000 + int64(height)*600 }},
	}
}

// verify runs the scripts of a transaction under the mempool's flags.
func verify(t testing.TB, tx *wire.MsgTx, spends []Coin) {
	t.Helper()
	coins := make([]*consensus.Coin, len(spends))
	for i := range spends {
		coins[i] = &consensus.Coin{Value: int64(spends[i].Value), Script: spends[i].Script, Height: 1}
	}
	for i, c := range consensus.TxChecks(tx, coins, consensus.StandardFlags) {
		if err := c.Run(); err != nil {
			t.Fatalf("input %d, %x: %v", i, spends[i].Script, err)
		}
	}
}

func TestSignEveryDescriptor(t *testing.T) {
	for _, text := range signable {
		t.Run(text, func(t *testing.T) {
			d := parse(t, text)
			solve := solverOf(d)
			for _, coin := range coinsOf(t, d, 0, 0, 1_000_000) {
				o := signOptionsFor(solve)
				o.Alone = true
				draft, err := Plan([]Coin{coin}, []Payment{{Script: o.Change.Script, Value: 200_000}}, o)
				if err != nil {
					t.Fatal(err)
				}
				complete, problems, err := Sign(draft.Tx, draft.Coins, solve, SignOptions{})
				if err != nil || !complete {
					t.Fatal(problems, err)
				}
				verify(t, draft.Tx, draft.Coins)
				weight := consensus.Weight(draft.Tx)
				// Signatures may be shorter than reckoned, by a low R and by chance.
				if weight > draft.Weight || draft.Weight-weight > 4*4*5 {
					t.Errorf("weight %d, reckoned %d", weight, draft.Weight)
				}
				if fee, least := draft.Fee, o.FeeRate.Fee(consensus.VSize(draft.Tx)); fee < least {
					t.Errorf("fee %d, least %d", fee, least)
				}
			}
		})
	}
}

// All sighash types of all kinds hold under consensus.
func TestSignSighashTypes(t *testing.T) {
	for _, text := range []string{"pkh($1)", "wpkh($1)", "sh(wpkh($1))", "wsh(multi(2,$1,$2))", "tr($1)", "tr(@1,pk($2))"} {
		d := parse(t, text)
		coins := append(coinsOf(t, d, 0, 0, 50_000), coinsOf(t, d, 0, 1, 60_000)...)
		for _, kind := range []txscript.SigHashType{0, 1, 2, 3, 0x81, 0x82, 0x83} {
			tx := wire.NewMsgTx(2)
			for i := range coins {
				tx.AddTxIn(wire.NewTxIn(&coins[i].OutPoint, nil, nil))
				tx.AddTxOut(wire.NewTxOut(40_000, coins[0].Script))
			}
			complete, problems, err := Sign(tx, coins, solverOf(d), SignOptions{SigHash: kind})
			if err != nil || !complete {
				t.Fatal(text, kind, problems, err)
			}
			verify(t, tx, coins)
		}
	}
}

// Before segwit SIGHASH_SINGLE without an output signs the number 1, with which
// all coins of the key could be taken: nothing of the kind is ever signed.
func TestSignSingleWithoutOutput(t *testing.T) {
	for _, text := range []string{"pkh($1)", "sh(multi(1,$1,$2))", "wpkh($1)", "wsh(multi(2,$1,$2))", "tr($1)", "tr(@1,pk($2))"} {
		d := parse(t, text)
		coins := append(coinsOf(t, d, 0, 0, 50_000), coinsOf(t, d, 0, 1, 60_000)...)
		for _, kind := range []txscript.SigHashType{3, 0x83} {
			tx := wire.NewMsgTx(2)
			for i := range coins {
				tx.AddTxIn(wire.NewTxIn(&coins[i].OutPoint, nil, nil))
			}
			tx.AddTxOut(wire.NewTxOut(40_000, coins[0].Script))
			complete, problems, err := Sign(tx, coins, solverOf(d), SignOptions{SigHash: kind})
			if err != nil || complete || len(problems) != 1 || problems[0].Input != 1 || !errors.Is(problems[0].Err, ErrNoOutput) {
				t.Fatal(text, kind, problems, err)
			}
			if in := tx.TxIn[1]; len(in.SignatureScript)+len(in.Witness) > 0 {
				t.Errorf("%s, %x: signed %x %x", text, kind, in.SignatureScript, in.Witness)
			}
		}
	}
}

// Two who have a key each complete a multisig one after the other, whoever is
// first; the transaction in between is what Core makes.
func TestSignMultisigInTurns(t *testing.T) {
	many := "wsh(multi(2,%s,%s" + strings.Repeat(",@3", 18) + "))" // more keys than OP_16 counts
	for _, form := range []string{many, "multi(2,%s,%s,@3)", "sh(multi(2,%s,%s,@3))", "wsh(multi(2,%s,%s,@3))", "sh(wsh(sortedmulti(2,%s,%s,@3)))"} {
		first, second := parse(t, fmt.Sprintf(form, "$1", "@2")), parse(t, fmt.Sprintf(form, "@1", "$2"))
		coins := coinsOf(t, first, 0, 0, 70_000)
		for _, order := range [][2]*descriptor.Descriptor{{first, second}, {second, first}} {
			tx := wire.NewMsgTx(2)
			tx.AddTxIn(wire.NewTxIn(&coins[0].OutPoint, nil, nil))
			tx.AddTxOut(wire.NewTxOut(60_000, coins[0].Script))
			complete, problems, err := Sign(tx, coins, solverOf(order[0]), SignOptions{})
			if err != nil || complete || len(problems) != 1 || !errors.Is(problems[0].Err, descriptor.ErrUnsatisfiable) {
				t.Fatal(form, complete, problems, err)
			}
			complete, problems, err = Sign(tx, coins, solverOf(order[1]), SignOptions{})
			if err != nil || !complete {
				t.Fatal(form, problems, err)
			}
			verify(t, tx, coins)
		}
	}
}

// A coin whose output is not known cannot be signed, nor taproot ones beside it.
func TestSignUnknownCoins(t *testing.T) {
	d, e := parse(t, "tr($1)"), parse(t, "wpkh($1)")
	coins := append(coinsOf(t, d, 0, 0, 50_000), coinsOf(t, e, 1, 0, 50_000)...)
	coins = append(coins, Coin{OutPoint: wire.OutPoint{Index: 7}})
	tx := wire.NewMsgTx(2)
	for i := range coins {
		tx.AddTxIn(wire.NewTxIn(&coins[i].OutPoint, nil, nil))
	}
	tx.AddTxOut(wire.NewTxOut(40_000, coins[0].Script))
	complete, problems, err := Sign(tx, coins, solverOf(d, e), SignOptions{})
	if err != nil || complete || len(problems) != 2 || problems[0].Input != 0 || problems[1].Input != 2 || !errors.Is(problems[0].Err, ErrUnknownCoin) {
		t.Error(complete, problems, err)
	}
	if _, _, err := Sign(tx, coins[:2], solverOf(d, e), SignOptions{}); err == nil {
		t.Error("signed with too few coins")
	}
}

// ECDSA signatures have a low R, so that they are never longer than 71 bytes.
func TestSignaturesAreShort(t *testing.T) {
	d := parse(t, "wpkh($1)")
	for i := range 20 {
		coins := coinsOf(t, d, 0, 0, consensus.Amount(50_000+i))
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(wire.NewTxIn(&coins[0].OutPoint, nil, nil))
		tx.AddTxOut(wire.NewTxOut(40_000, coins[0].Script))
		var seen []Signature
		if complete, _, err := Sign(tx, coins, solverOf(d), SignOptions{Signed: func(_ int, s []Signature) { seen = append(seen, s...) }}); err != nil || !complete {
			t.Fatal(err)
		}
		if len(seen) != 1 || len(seen[0].Sig) > 71 || len(seen[0].Hash) != 32 {
			t.Errorf("%+v", seen)
		}
		if _, err := ecdsa.ParseDERSignature(seen[0].Sig[:len(seen[0].Sig)-1]); err != nil {
			t.Error(err)
		}
		// With the bare key the same comes out.
		again := tx.Copy()
		again.TxIn[0].Witness = nil
		if err := SignKeys(again, coins, func(*Coin) (*btcec.PrivateKey, error) { return testKey(100), nil }); err != nil || !slices.EqualFunc(again.TxIn[0].Witness, tx.TxIn[0].Witness, bytes.Equal) {
			t.Error(err, again.TxIn[0].Witness)
		}
	}
}

// Verify takes each signature that Signatures makes and no other.
func TestVerifySignatures(t *testing.T) {
	for _, text := range []string{"wsh(multi(2,$1,$2,@3))", "tr($1,{pk($2),pk($3)})", "pkh($1)", "sh(wpkh($1))"} {
		d := parse(t, text)
		coins := coinsOf(t, d, 0, 0, 50_000)
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(wire.NewTxIn(&coins[0].OutPoint, nil, nil))
		tx.AddTxOut(wire.NewTxOut(40_000, coins[0].Script))
		prev := spent{coins[0].OutPoint: wire.NewTxOut(50_000, coins[0].Script)}
		hashes := txscript.NewTxSigHashes(tx, prev)
		out, err := solverOf(d)(&coins[0])
		if err != nil {
			t.Fatal(err)
		}
		sigs, err := Signatures(tx, 0, hashes, prev, out, 0)
		if err != nil || len(sigs) == 0 {
			t.Fatal(text, err)
		}
		for i := range sigs {
			if !Verify(tx, 0, hashes, prev, out, &sigs[i]) {
				t.Errorf("%s: signature %d is refused", text, i)
			}
			bad := sigs[i]
			bad.Sig = append([]byte(nil), bad.Sig...)
			bad.Sig[len(bad.Sig)/2] ^= 1
			if Verify(tx, 0, hashes, prev, out, &bad) {
				t.Errorf("%s: damaged signature %d is taken", text, i)
			}
			if len(sigs) > 1 {
				other := sigs[i]
				other.PubKey, other.Leaf = sigs[(i+1)%len(sigs)].PubKey, sigs[(i+1)%len(sigs)].Leaf
				if Verify(tx, 0, hashes, prev, out, &other) {
					t.Errorf("%s: signature %d is taken as another key's", text, i)
				}
			}
		}
	}
}

// Signatures that are made together are those that are made alone.
func TestSignAllEqualsSignLowR(t *testing.T) {
	var jobs []*job
	var want [][]byte
	got := make([][]byte, 50)
	for i := range got {
		hash := sha256.Sum256([]byte{byte(i)})
		key := testKey(uint32(i + 1))
		want = append(want, append(keys.SignLowR(key, hash[:]).Serialize(), 1))
		jobs = append(jobs, &job{key: key, hash: hash[:], kind: 1, to: &got[i]})
	}
	signAll(jobs)
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("%d: %x, alone %x", i, got[i], want[i])
		}
	}
	signAll(nil)
}
