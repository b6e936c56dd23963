package node

import (
	"strings"
	"testing"

	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
)

// Wallets of the same words are different accounts: one does not sign for another,
// and only the one whose key lacks is named.
func TestWalletsOfTheSameWordsDoNotSignForEachOther(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	const words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	if _, err := p.NewWallets(ctx, rpc.NewWallets{Count: 2, Mnemonic: words}); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, name := range []string{"Wallet1", "Wallet2"} {
		k, err := p.SharedKey(ctx, rpc.SharedKeyRequest{Wallet: name})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.Key)
	}
	if _, err := p.Multisig(ctx, rpc.MultisigRequest{Name: "Shared", Required: 2, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	p.mine(2, "Wallet1")
	p.mine(101, "Shared")
	for _, c := range []struct {
		from   string
		lacks  []string
		signed []int // by Wallet1 and Wallet2
	}{{"Wallet1", []string{"Wallet1"}, []int{1, 0}}, {"Shared", []string{"Wallet1", "Wallet2"}, []int{1, 1}}} {
		made, err := p.CreatePSBT(ctx, rpc.SendRequest{From: c.from, To: "Wallet2", Amount: coin})
		if err != nil {
			t.Fatal(err)
		}
		var lacks []string
		for _, k := range made.View.Inputs[0].Missing {
			lacks = append(lacks, k.Wallets...)
		}
		for _, name := range c.lacks {
			if strings.Count(strings.Join(lacks, " "), name) != 1 {
				t.Errorf("%s: %v lack, want %v", c.from, lacks, c.lacks)
			}
		}
		if len(lacks) != len(c.lacks) {
			t.Errorf("%s: %v lack, want %v", c.from, lacks, c.lacks)
		}
		for i, name := range []string{"Wallet1", "Wallet2"} {
			s, err := p.SignPSBT(ctx, rpc.SignPSBT{PSBT: made.PSBT, Wallet: name})
			if err != nil || s.Added != c.signed[i] {
				t.Errorf("%s by %s: %d signatures, %v", c.from, name, s.Added, err)
			}
		}
	}
}

// A branch that opens with age is there for who has its key: in a PSBT that others
// made, and for a wallet that has no other key.
func TestRecoveryBranch(t *testing.T) {
	for _, form := range []string{"wsh(or_d(pk(A),and_v(v:pkh(B),older(10))))", "tr(A,and_v(v:pk(B),older(10)))", "tr(" + unspendable + ",or_d(pk(A),and_v(v:pkh(B),older(10))))"} {
		t.Run(form, func(t *testing.T) { recovery(t, form) })
	}
}

func recovery(t *testing.T, form string) {
	ctx := t.Context()
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 2})
	var public [2]string
	for i, name := range []string{"Wallet1", "Wallet2"} {
		k, err := p.SharedKey(ctx, rpc.SharedKeyRequest{Wallet: name})
		if err != nil {
			t.Fatal(err)
		}
		public[i] = k.Key
	}
	const private = "tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK"
	with := func(b string) string { return strings.NewReplacer("A", public[0]+"/0/*", "B", b+"/0/*").Replace(form) }
	watch, own := with(public[1]), with(private)
	for name, text := range map[string]string{"Watch": watch, "Own": own} {
		if _, err := p.ImportWallet(ctx, rpc.NewDescriptorWallet{Name: name, Watch: name == "Watch", Descriptors: []rpc.DescriptorImport{{Desc: &text, Active: true}}}); err != nil {
			t.Fatal(err)
		}
		p.mine(1, name)
	}
	p.mine(110, "Wallet1")

	made, err := p.CreatePSBT(ctx, rpc.SendRequest{From: "Watch", To: "Wallet2", Amount: 10 * coin, FeeRate: 1})
	if err != nil {
		t.Fatal(err)
	}
	if made.View.Inputs[0].Sequence != 10 {
		t.Errorf("sequence %d", made.View.Inputs[0].Sequence)
	}
	signed, err := p.SignPSBT(ctx, rpc.SignPSBT{PSBT: made.PSBT, Wallet: "Wallet2"})
	if err != nil || !signed.Complete {
		t.Fatalf("%+v, %v", signed, err)
	}
	var done struct {
		Hex      string
		Complete bool
	}
	if p.core(&done, "finalizepsbt", signed.PSBT); !done.Complete {
		t.Fatal("not complete")
	}
	p.core(nil, "sendrawtransaction", done.Hex)
	if _, err := p.Send(ctx, rpc.SendRequest{From: "Own", To: "Wallet2", Amount: 10 * coin, FeeRate: 1}); err != nil {
		t.Error(err)
	}

	// With another sequence that is what lacks, and it is told.
	packet, err := psbt.DecodeBase64(made.PSBT)
	if err != nil {
		t.Fatal(err)
	}
	packet.Tx.TxIn[0].Sequence = 0xfffffffd
	late, err := p.SignPSBT(ctx, rpc.SignPSBT{PSBT: packet.Base64(), Wallet: "Wallet2"})
	if err != nil {
		t.Fatal(err)
	}
	if how := late.View.Inputs[0].Status; !strings.Contains(how, "older(10) needs a sequence from 10") || !strings.Contains(how, "4294967293") {
		t.Error(how)
	}
}

// What became of the coins of a PSBT is told, and what does not fit together is not
// signed.
func TestPSBTOfBadCoins(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 2})
	p.mine(101, "Wallet1")
	made, err := p.CreatePSBT(ctx, rpc.SendRequest{From: "Wallet1", To: "Wallet2", Amount: coin, FeeRate: 1})
	if err != nil || len(made.View.Warnings) > 0 || made.View.Inputs[0].CoinState != coinUnspent {
		t.Fatalf("%+v, %v", made.View, err)
	}
	change := func(f func(*psbt.Packet)) string {
		packet, err := psbt.DecodeBase64(made.PSBT)
		if err != nil {
			t.Fatal(err)
		}
		f(packet)
		return packet.Base64()
	}
	told := func(text, state, want string) {
		t.Helper()
		v, err := p.ShowPSBT(ctx, rpc.PSBTRequest{PSBT: text})
		if err != nil || v.Inputs[0].CoinState != state || !strings.Contains(strings.Join(v.Warnings, "; "), want) {
			t.Errorf("%q, %q, want %q, %v", v.Inputs[0].CoinState, v.Warnings, want, err)
		}
	}
	for want, text := range map[string]string{
		"by its transaction and": change(func(p *psbt.Packet) { p.Inputs[0].WitnessUTXO.Value-- }),
		"its script is":          change(func(p *psbt.Packet) { p.Inputs[0].WitnessUTXO.PkScript[5] ^= 1 }),
	} {
		s, err := p.SignPSBT(ctx, rpc.SignPSBT{PSBT: text, Wallet: "1"})
		if err != nil || s.Added != 0 || len(s.Refused) != 1 || !strings.Contains(s.Refused[0], want) || !strings.Contains(s.View.Inputs[0].Status, want) {
			t.Errorf("%+v, %v", s, err)
		}
	}
	low := change(func(p *psbt.Packet) {
		for _, out := range p.Tx.TxOut {
			if out.Value != int64(coin) {
				out.Value += int64(*made.View.Fee) - 10
			}
		}
	})
	told(low, coinUnspent, "below what the mempool takes now, 1 sat/vB")
	if s, err := p.SignPSBT(ctx, rpc.SignPSBT{PSBT: low, Wallet: "1"}); err != nil || s.Added != 1 || len(s.View.Warnings) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	told(change(func(p *psbt.Packet) {
		p.Tx.TxIn[0].PreviousOutPoint.Hash[0] ^= 1
		p.Inputs[0].NonWitnessUTXO = nil
	}), coinUnknown, "is not known here")

	sent, err := p.Send(ctx, rpc.SendRequest{From: "Wallet1", To: "Wallet2", Max: true})
	if err != nil {
		t.Fatal(err)
	}
	told(made.PSBT, coinSpent, "spent since, by transaction "+sent.TxID)
	p.mine(1, "Wallet2")
	told(made.PSBT, coinSpent, "spent since, in a block")
}
