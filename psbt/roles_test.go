package psbt

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/network"
)

// TestCoreCreator makes Core's packet.
func TestCoreCreator(t *testing.T) {
	for _, c := range coreCases(t).Creator {
		tx := wire.NewMsgTx(2)
		for _, in := range c.Inputs {
			hash, err := chainhash.NewHashFromStr(in.TxID)
			if err != nil {
				t.Fatal(err)
			}
			tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(hash, in.Vout), []byte{1}, wire.TxWitness{{1}}))
		}
		for _, out := range c.Outputs {
			for to, value := range out {
				script, err := address.Decode(to, network.Regtest())
				if err != nil {
					t.Fatal(err)
				}
				amount, err := consensus.ParseAmount(value.String())
				if err != nil {
					t.Fatal(err)
				}
				tx.AddTxOut(wire.NewTxOut(int64(amount), script))
			}
		}
		if got := New(tx).Base64(); got != c.Result {
			t.Errorf("got %s, want %s", got, c.Result)
		}
	}
}

// signWith signs what the packet says with keys in WIF (Core's signer test).
func signWith(t *testing.T, p *Packet, wifs []string, sighash uint32) error {
	t.Helper()
	keys := make(map[string]*btcec.PrivateKey)
	for _, wif := range wifs {
		key, _, err := address.DecodeWIF(wif, network.Regtest())
		if err != nil {
			t.Fatal(err)
		}
		keys[string(key.PubKey().SerializeCompressed())] = key
	}
	s := NewSigner(p)
	var refused error // of the last input that is: the others are signed nonetheless
	for i := range p.Inputs {
		var given []descriptor.Key
		for _, d := range p.Inputs[i].Derivations {
			if key, ok := keys[string(d.PubKey)]; ok {
				given = append(given, descriptor.NewKey(d.PubKey, d.Origin.Fingerprint, d.Origin.Path, key))
			}
		}
		out, err := p.Known(i, given...)
		if err == nil {
			_, err = s.Process(i, out, Options{Sign: true, Sighash: sighash, Finalize: true})
		}
		refused = cmp.Or(err, refused)
	}
	return refused
}

// TestCoreSigner signs Core's packets with Core's keys, to the byte.
func TestCoreSigner(t *testing.T) {
	for n, c := range coreCases(t).Signer {
		p := mustDecode(t, c.PSBT)
		err := signWith(t, p, c.PrivKeys, 1)
		if refused := c.PSBT == c.Result; (err != nil) != refused {
			t.Errorf("signer %d: %v", n, err)
		}
		if got := p.Base64(); got != c.Result {
			t.Errorf("signer %d: got\n%s\nCore has\n%s", n, got, c.Result)
		}
	}
}

// TestSignerMustFail has the cases of BIP174 in which a signer must not sign, with
// the keys that it could sign with.
func TestSignerMustFail(t *testing.T) {
	wifs := coreCases(t).Signer[0].PrivKeys
	for _, c := range coreCases(t).Signer {
		wifs = append(wifs, c.PrivKeys...)
	}
	n := 0
	for _, c := range bipCases(t) {
		if c.Kind != "signer_must_fail" {
			continue
		}
		n++
		p, err := DecodeBase64(c.Base64)
		if err != nil {
			t.Errorf("%s: %v", c.Case, err)
			continue
		}
		err = signWith(t, p, wifs, 1)
		if !errors.Is(err, ErrScripts) && !errors.Is(err, ErrNotWitness) {
			t.Errorf("%s: %v", c.Case, err)
		}
		t.Logf("%s: %v", c.Case, err)
	}
	if n != 4 {
		t.Errorf("%d cases", n)
	}
}

// TestCoreCombiner merges Core's packets, in either order.
func TestCoreCombiner(t *testing.T) {
	for n, c := range coreCases(t).Combiner {
		var list []*Packet
		for _, s := range c.Combine {
			list = append(list, mustDecode(t, s))
		}
		for range 2 {
			p, err := Combine(list...)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Base64(); got != c.Result {
				t.Errorf("combiner %d: got\n%s\nCore has\n%s", n, got, c.Result)
			}
			slices.Reverse(list)
		}
	}
	v := coreCases(t)
	if _, err := Combine(mustDecode(t, v.Valid[0]), mustDecode(t, v.Valid[1])); !errors.Is(err, ErrDifferent) {
		t.Errorf("packets of two transactions: %v", err)
	}
}

// A key to which two packets give different origins keeps the first one: with both
// the packet could not be read again.
func TestCombineXPubs(t *testing.T) {
	pub, err := hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	if err != nil {
		t.Fatal(err)
	}
	var list []*Packet
	for k := range byte(2) {
		p := mustDecode(t, coreCases(t).Valid[0])
		for n := range byte(20) {
			x := XPub{Origin: Origin{Fingerprint: [4]byte{k, n}}}
			x.Key[4], x.Key[13] = 1, 10*k+n // ten are in both packets
			copy(x.Key[45:], pub)
			p.XPubs = append(p.XPubs, x)
		}
		list = append(list, p)
	}
	for range 2 {
		p, err := Combine(list...)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(p.Encode())
		if err != nil || len(again.XPubs) != 30 {
			t.Fatal(err)
		}
		for i, x := range list[0].XPubs {
			if !slices.ContainsFunc(again.XPubs, func(y XPub) bool { return compareXPubs(x, y) == 0 }) {
				t.Errorf("key %d of the first packet has another origin", i)
			}
		}
		slices.Reverse(list)
	}
}

func TestCoreFinalizer(t *testing.T) {
	for _, c := range coreCases(t).Finalizer {
		p := mustDecode(t, c.Finalize)
		if !p.Finalize() || !p.Complete() {
			t.Error("not complete")
		}
		if got := p.Base64(); got != c.Result {
			t.Errorf("got\n%s\nCore has\n%s", got, c.Result)
		}
	}
}

func TestCoreExtractor(t *testing.T) {
	v := coreCases(t)
	for _, c := range v.Extractor {
		p := mustDecode(t, c.Extract)
		if !p.Finalize() {
			t.Error("not complete")
		}
		tx, err := p.Extract()
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(consensus.EncodeTx(tx)); got != c.Result {
			t.Errorf("got %s", got)
		}
	}
	if _, err := mustDecode(t, v.Finalizer[0].Finalize).Extract(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("an open packet: %v", err)
	}
}

// TestCloneSharesNothing changes a clone in every way and looks at the original.
func TestCloneSharesNothing(t *testing.T) {
	for _, s := range coreCases(t).Valid {
		p := mustDecode(t, s)
		before := p.Encode()
		if _, err := Combine(p, p.Clone()); err != nil {
			t.Error(err)
		}
		work(p.Clone())
		if !bytes.Equal(p.Encode(), before) {
			t.Error("the original has changed")
		}
	}
}

// TestContradiction: an output beside a whole transaction must be the one of it.
func TestContradiction(t *testing.T) {
	all := people(t, 1)
	start := payFrom(t, descriptorOf(t, "wpkh({0})", all, -1), wire.MaxTxInSequenceNum-2, 0)
	spent, ok := start.UTXO(0)
	if !ok {
		t.Fatal("no coin")
	}
	for name, c := range map[string]struct {
		change func(*Input)
		want   error
	}{
		"alone":               {func(*Input) {}, nil},
		"the same":            {func(in *Input) { in.WitnessUTXO = wire.NewTxOut(spent.Value, spent.PkScript) }, nil},
		"another value":       {func(in *Input) { in.WitnessUTXO = wire.NewTxOut(spent.Value+1, spent.PkScript) }, ErrContradiction},
		"another script":      {func(in *Input) { in.WitnessUTXO = wire.NewTxOut(spent.Value, []byte{0x51}) }, ErrContradiction},
		"another transaction": {func(in *Input) { in.NonWitnessUTXO = wire.NewMsgTx(2) }, ErrContradiction},
	} {
		p := start.Clone()
		c.change(&p.Inputs[0])
		if err := p.CheckUTXO(0); !errors.Is(err, c.want) || (err != nil) != (c.want != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
