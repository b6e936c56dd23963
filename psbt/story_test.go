package psbt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/miniscript"
	"github.com/lode-chain/lode/network"
)

// person has one master key; its account is m/48h/1h/0h.
type person struct {
	public, private string // key expressions
}

func people(t testing.TB, n int) []person {
	t.Helper()
	list := make([]person, n)
	for i := range list {
		seed := sha256.Sum256([]byte{byte(i)})
		master, err := keys.NewMaster(seed[:])
		if err != nil {
			t.Fatal(err)
		}
		path, _ := keys.ParsePath("m/48'/1'/0'")
		account, err := master.Derive(path...)
		if err != nil {
			t.Fatal(err)
		}
		private, err := account.EncodePrivate(network.Regtest())
		if err != nil {
			t.Fatal(err)
		}
		public := account.EncodePublic(network.Regtest())
		origin := fmt.Sprintf("[%x/48h/1h/0h]", master.Fingerprint())
		list[i] = person{origin + public + "/0/*", origin + private + "/0/*"}
	}
	return list
}

// descriptorOf parses a descriptor with {0}, {1}… for the keys, one of which, or
// none, is private.
func descriptorOf(t testing.TB, template string, all []person, owner int) *descriptor.Descriptor {
	t.Helper()
	for i, p := range all {
		key := p.public
		if i == owner {
			key = p.private
		}
		template = strings.ReplaceAll(template, fmt.Sprintf("{%d}", i), key)
	}
	d, err := descriptor.Parse(template, network.Regtest())
	if err != nil {
		t.Fatalf("%s: %v", template, err)
	}
	return d
}

const storyIndex = 3

func outputOf(t testing.TB, d *descriptor.Descriptor) *descriptor.Output {
	t.Helper()
	scripts, err := d.Scripts(storyIndex)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Output(storyIndex, scripts[0])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// payFrom makes the packet of a transaction that spends an output of d's script,
// and one of a plain key that belongs to nobody here and is final already.
func payFrom(t testing.TB, d *descriptor.Descriptor, sequence, lock uint32) *Packet {
	t.Helper()
	funding := wire.NewMsgTx(2)
	funding.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: chainhash.Hash{1}}, nil, nil))
	funding.AddTxOut(wire.NewTxOut(100_000, outputOf(t, d).Script))
	tx := wire.NewMsgTx(2)
	tx.LockTime = lock
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: funding.TxHash()}, Sequence: sequence})
	tx.AddTxOut(wire.NewTxOut(90_000, outputOf(t, d).Script))
	p := New(tx)
	if !p.AddUTXO(0, funding) {
		t.Fatal("the transaction is not the one that is spent")
	}
	if err := p.Update(0, outputOf(t, d), true); err != nil {
		t.Fatal(err)
	}
	if err := p.UpdateOutput(0, outputOf(t, d), true); err != nil {
		t.Fatal(err)
	}
	return reread(t, p)
}

// reread sends a packet through its serialization, as a file would.
func reread(t testing.TB, p *Packet) *Packet {
	t.Helper()
	q, err := Decode(p.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(q.Encode(), p.Encode()) {
		t.Fatal("a packet is not read as it was written")
	}
	return q
}

var preimage = []byte("thirty-two bytes that hash to it")

// stories are the kinds of outputs, with who has to sign.
func stories() []struct {
	name, template string
	signers        []int
	sequence, lock uint32
	hash           bool
} {
	digest := sha256.Sum256(preimage)
	h := hex.EncodeToString(digest[:])
	const unspendable = Nobody
	final := uint32(wire.MaxTxInSequenceNum - 2)
	return []struct {
		name, template string
		signers        []int
		sequence, lock uint32
		hash           bool
	}{
		{"legacy", "pkh({0})", []int{0}, final, 0, false},
		{"segwit", "wpkh({0})", []int{0}, final, 0, false},
		{"nested", "sh(wpkh({0}))", []int{0}, final, 0, false},
		{"legacy multisig", "sh(multi(2,{0},{1},{2}))", []int{0, 2}, final, 0, false},
		{"multisig", "wsh(sortedmulti(2,{0},{1},{2}))", []int{2, 1}, final, 0, false},
		{"nested multisig", "sh(wsh(multi(2,{0},{1},{2})))", []int{1, 0}, final, 0, false},
		{"taproot key", "tr({0})", []int{0}, final, 0, false},
		{"taproot leaf", "tr(" + unspendable + ",multi_a(2,{0},{1},{2}))", []int{2, 0}, final, 0, false},
		{"taproot tree", "tr({0},{pk({1}),sortedmulti_a(2,{2},{3})})", []int{3, 2}, final, 0, false},
		{"taproot key over a tree", "tr({0},{pk({1}),pk({2})})", []int{0}, final, 0, false},
		{"after blocks", "wsh(or_d(pk({0}),and_v(v:pkh({1}),older(10))))", []int{1}, 10, 0, false},
		{"after a height", "wsh(andor(pk({0}),after(500),pk({1})))", []int{0}, final, 600, false},
		{"taproot time lock", "tr(" + unspendable + ",and_v(v:pk({0}),after(500)))", []int{0}, final, 500, false},
		{"hash lock", "wsh(and_v(v:pk({0}),sha256(" + h + ")))", []int{0}, final, 0, true},
		{"threshold", "wsh(thresh(2,pk({0}),s:pk({1}),s:pk({2})))", []int{0, 2}, final, 0, false},
	}
}

// TestStories has each kind of output spent by its signers, each with a copy of
// the packet, combined by somebody who only watches.
func TestStories(t *testing.T) {
	all := people(t, 4)
	for _, c := range stories() {
		t.Run(c.name, func(t *testing.T) {
			watch := descriptorOf(t, c.template, all, -1)
			start := payFrom(t, watch, c.sequence, c.lock)
			if c.name == "taproot leaf" {
				if size := start.Analyze().VSize; size < 150 {
					t.Errorf("%d vB: the key path that nobody can sign counts", size)
				}
			}
			if c.hash {
				digest := sha256.Sum256(preimage)
				start.Inputs[0].Preimages = []Preimage{{miniscript.SHA256, digest[:], preimage}}
				start = reread(t, start)
			}
			if start.Clone().Finalize() {
				t.Fatal("complete without signatures")
			}
			var signed []*Packet
			for n, who := range c.signers {
				p := start.Clone()
				mine := outputOf(t, descriptorOf(t, c.template, all, who))
				done, err := NewSigner(p).Process(0, mine, Options{Sign: true, Origins: true})
				if err != nil {
					t.Fatal(err)
				}
				if done != (len(c.signers) == 1) {
					t.Errorf("signer %d: complete is %v", n, done)
				}
				if a := p.Analyze(); a.Next != Finalizer && len(c.signers) == 1 {
					t.Errorf("next is %s", a.Next)
				}
				if len(c.signers) > 1 && p.Clone().Finalize() {
					t.Error("one of two signatures is enough")
				}
				signed = append(signed, reread(t, p))
			}
			slices.Reverse(signed)
			together, err := Combine(append([]*Packet{start}, signed...)...)
			if err != nil {
				t.Fatal(err)
			}
			together = reread(t, together)
			expected := together.Analyze().VSize
			if !together.Finalize() {
				t.Fatalf("not complete: %+v", together.Analyze())
			}
			tx, err := reread(t, together).Extract()
			if err != nil {
				t.Fatal(err)
			}
			if got := consensus.VSize(tx); got > expected || got < expected-4 {
				t.Errorf("%d vB, expected %d", got, expected)
			}
			if a := together.Analyze(); a.Next != Extractor || a.Fee != 10_000 {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestLocksAreHeld: what is locked is not complete under another lock time or
// sequence, though all have signed.
func TestLocksAreHeld(t *testing.T) {
	all := people(t, 4)
	for _, c := range stories() {
		if !strings.Contains(c.template, "older") && !strings.Contains(c.template, "after") {
			continue
		}
		p := payFrom(t, descriptorOf(t, c.template, all, -1), wire.MaxTxInSequenceNum-2, 0)
		mine := outputOf(t, descriptorOf(t, c.template, all, c.signers[0]))
		if done, err := NewSigner(p).Process(0, mine, Options{Sign: true, Finalize: true}); done || err != nil {
			t.Errorf("%s: %v, %v", c.name, done, err)
		}
		if a := p.Analyze(); a.Inputs[0].Lacks == "" {
			t.Errorf("%s: nobody is told of the lock", c.name)
		}
	}
}

// TestSignerRefuses has what is wrong with an input that a key is there for.
func TestSignerRefuses(t *testing.T) {
	all := people(t, 3)
	const template = "wsh(sortedmulti(2,{0},{1},{2}))"
	mine := outputOf(t, descriptorOf(t, template, all, 0))
	start := payFrom(t, descriptorOf(t, template, all, -1), wire.MaxTxInSequenceNum-2, 0)
	for _, c := range []struct {
		name   string
		change func(p *Packet)
		want   error
	}{
		{"no UTXO", func(p *Packet) { p.Inputs[0].NonWitnessUTXO = nil }, ErrNoUTXO},
		{"another witness script", func(p *Packet) { p.Inputs[0].WitnessScript = []byte{0x51} }, ErrScripts},
		{"a redeem script where there is none", func(p *Packet) { p.Inputs[0].RedeemScript = []byte{0x51} }, ErrScripts},
		{"only a wrong redeem script", func(p *Packet) {
			p.Inputs[0].RedeemScript, p.Inputs[0].WitnessScript, p.Inputs[0].Derivations = []byte{0x51}, nil, nil
		}, ErrScripts},
		{"a coin of another script", func(p *Packet) {
			p.Inputs[0].NonWitnessUTXO, p.Inputs[0].WitnessUTXO = nil, wire.NewTxOut(1, []byte{0x51})
		}, ErrScripts},
		{"another sighash", func(p *Packet) { p.Inputs[0].Sighash = new(uint32(3)) }, ErrSighash},
		{"final, and wrong", func(p *Packet) { p.Inputs[0].FinalWitness = wire.TxWitness{{1}} }, ErrSignature},
	} {
		p := start.Clone()
		c.change(p)
		before := p.Encode()
		if _, err := NewSigner(p).Process(0, mine, Options{Sign: true}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if len(p.Inputs[0].PartialSigs) > 0 || !bytes.Equal(before, p.Encode()) {
			t.Errorf("%s: the packet has changed", c.name)
		}
	}
	legacy := payFrom(t, descriptorOf(t, "pkh({0})", all, -1), wire.MaxTxInSequenceNum-2, 0)
	out, _ := legacy.UTXO(0)
	legacy.Inputs[0].WitnessUTXO, legacy.Inputs[0].NonWitnessUTXO = out, nil
	if _, err := NewSigner(legacy).Process(0, outputOf(t, descriptorOf(t, "pkh({0})", all, 0)), Options{Sign: true}); !errors.Is(err, ErrNotWitness) {
		t.Errorf("a witness UTXO for a legacy input: %v", err)
	}
}

// TestWrongSignature: a signature that is not valid does not make an input final.
func TestWrongSignature(t *testing.T) {
	all := people(t, 1)
	p := payFrom(t, descriptorOf(t, "wpkh({0})", all, -1), wire.MaxTxInSequenceNum-2, 0)
	mine := outputOf(t, descriptorOf(t, "wpkh({0})", all, 0))
	if done, err := NewSigner(p).Process(0, mine, Options{Sign: true}); !done || err != nil {
		t.Fatal(done, err)
	}
	sig := bytes.Clone(p.Inputs[0].PartialSigs[0].Sig)
	for _, at := range []int{4, 10, len(sig) - 2, len(sig) - 1} {
		q := p.Clone()
		bad := bytes.Clone(sig)
		bad[at] ^= 1
		q.Inputs[0].PartialSigs[0].Sig = bad
		if q.Finalize() {
			t.Errorf("byte %d changed, and still complete", at)
		}
		if a := q.Analyze(); a.Inputs[0].Lacks == "" {
			t.Errorf("byte %d changed, and nobody is told", at)
		}
	}
}

// TestJoin puts two payments together and refuses an input twice.
func TestJoin(t *testing.T) {
	all := people(t, 2)
	a := payFrom(t, descriptorOf(t, "wpkh({0})", all, -1), 5, 0)
	b := payFrom(t, descriptorOf(t, "tr({1})", all, -1), 6, 7)
	b.Unknown = []Pair{{[]byte{0xf0}, []byte{1}}}
	swapped := 0
	p, err := Join(func(n int, swap func(i, j int)) { swapped++; swap(0, n-1) }, a, b)
	if err != nil {
		t.Fatal(err)
	}
	p = reread(t, p)
	if len(p.Inputs) != 2 || len(p.Outputs) != 2 || p.Tx.LockTime != 0 || len(p.Unknown) != 1 || swapped != 2 {
		t.Errorf("%+v", p)
	}
	if p.Tx.TxIn[0].Sequence != 6 || len(p.Inputs[0].TapInternalKey) != 32 {
		t.Error("inputs are not where their data is")
	}
	var twice *TwiceError
	if _, err := Join(nil, a, a); !errors.As(err, &twice) || !errors.Is(err, ErrTwice) || twice.OutPoint != a.Tx.TxIn[0].PreviousOutPoint {
		t.Errorf("the same twice: %v", err)
	}
}

// TestDropTransactions: the whole transactions go only where every signature
// commits to what it spends.
func TestDropTransactions(t *testing.T) {
	all := people(t, 1)
	for template, dropped := range map[string]bool{"tr({0})": true, "wpkh({0})": false, "pkh({0})": false} {
		p := payFrom(t, descriptorOf(t, template, all, -1), 5, 0)
		_, _ = NewSigner(p).Process(0, nil, Options{})
		q := p.Clone()
		if q.DropTransactions(0x81); q.Inputs[0].NonWitnessUTXO == nil {
			t.Errorf("%s: dropped for ANYONECANPAY", template)
		}
		if p.DropTransactions(0); (p.Inputs[0].NonWitnessUTXO == nil) != dropped {
			t.Errorf("%s: dropped is not %v", template, dropped)
		}
	}
}

// TestAnalyzeInvalid has packets that can never be a transaction.
func TestAnalyzeInvalid(t *testing.T) {
	all := people(t, 1)
	start := payFrom(t, descriptorOf(t, "wpkh({0})", all, -1), 5, 0)
	for want, change := range map[string]func(p *Packet){
		"PSBT is not valid. Input 0 has invalid value": func(p *Packet) {
			p.Inputs[0].NonWitnessUTXO, p.Inputs[0].WitnessUTXO = nil, wire.NewTxOut(21e14+1, []byte{0x51})
		},
		"PSBT is not valid. Input 0 spends unspendable output": func(p *Packet) {
			p.Inputs[0].NonWitnessUTXO, p.Inputs[0].WitnessUTXO = nil, wire.NewTxOut(1, []byte{0x6a})
		},
		"PSBT is not valid. Output amount invalid": func(p *Packet) { p.Tx.TxOut[0].Value = 21e14 + 1 },
	} {
		p := start.Clone()
		change(p)
		if a := p.Analyze(); a.Invalid != want || a.Next != Creator || a.FeeKnown {
			t.Errorf("got %+v, want %s", a, want)
		}
	}
}
