package node

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
)

// TestPSBTVectors has the RPC methods answer Core's vectors, with Core's texts.
func TestPSBTVectors(t *testing.T) {
	data, err := os.ReadFile("../testdata/vectors/core/rpc_psbt.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Invalid        []string
		InvalidWithMsg [][2]string `json:"invalid_with_msg"`
		Valid          []string
		Creator        []struct {
			Inputs, Outputs json.RawMessage
			Result          string
		}
		Signer []struct {
			PrivKeys     []string
			PSBT, Result string
		}
		Combiner []struct {
			Combine []string
			Result  string
		}
		Finalizer []struct{ Finalize, Result string }
		Extractor []struct{ Extract, Result string }
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	p := newPurse(t, "")
	var reply struct {
		PSBT, Hex string
		Complete  bool
	}
	for _, text := range v.Invalid {
		p.fails(rpc.CodeDeserialization, "TX decode failed ", "decodepsbt", text)
	}
	for _, c := range v.InvalidWithMsg {
		p.fails(rpc.CodeDeserialization, "TX decode failed "+c[1]+": iostream error", "decodepsbt", c[0])
	}
	for i, text := range v.Valid {
		var j struct{ Tx struct{ TxID string } }
		if err := p.Call(t.Context(), "decodepsbt", &j, text); err != nil || j.Tx.TxID == "" {
			t.Errorf("valid %d: %v", i, err)
		}
	}
	var text string
	for _, c := range v.Creator {
		if p.core(&text, "createpsbt", c.Inputs, c.Outputs, 0, false); text != c.Result {
			t.Errorf("createpsbt: %s", text)
		}
	}
	for i, c := range v.Signer {
		name := fmt.Sprintf("signer%d", i)
		p.core(nil, "createwallet", name, false, true)
		var imports []map[string]any
		for _, key := range c.PrivKeys {
			var info struct{ Checksum string }
			p.core(&info, "getdescriptorinfo", "combo("+key+")")
			imports = append(imports, map[string]any{"desc": "combo(" + key + ")#" + info.Checksum, "timestamp": "now"})
		}
		on := p.OnWallet(name)
		if err := on.Call(t.Context(), "importdescriptors", nil, imports); err != nil {
			t.Fatal(err)
		}
		if err := on.Call(t.Context(), "walletprocesspsbt", &reply, c.PSBT, true, "ALL"); err != nil || reply.PSBT != c.Result {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", name, err, reply.PSBT, c.Result)
		}
	}
	for _, c := range v.Combiner {
		if p.core(&text, "combinepsbt", c.Combine); text != c.Result {
			t.Errorf("combinepsbt: %s", text)
		}
	}
	for _, c := range v.Finalizer {
		if p.core(&reply, "finalizepsbt", c.Finalize, false); reply.PSBT != c.Result || !reply.Complete {
			t.Errorf("finalizepsbt: %+v", reply)
		}
	}
	for _, c := range v.Extractor {
		if p.core(&reply, "finalizepsbt", c.Extract); reply.Hex != c.Result {
			t.Errorf("extract: %+v", reply)
		}
	}
	p.fails(rpc.CodeInvalidParameter, "Parameter 'txs' cannot be empty", "combinepsbt", []string{})
	p.fails(rpc.CodeInvalidParameter, "PSBTs not compatible (different transactions)", "combinepsbt", v.Valid[:2])
	p.fails(rpc.CodeInvalidParameter, "At least two PSBTs are required to join PSBTs.", "joinpsbts", v.Valid[:1])
	p.fails(rpc.CodeInvalidParameter, "'NOSUCH' is not a valid sighash parameter.", "descriptorprocesspsbt", v.Valid[0], []string{}, "NOSUCH")
}

// fails wants an error whose message begins with what is given.
func (p *purse) fails(code rpc.Code, message, method string, params ...any) {
	p.t.Helper()
	err := p.Call(p.t.Context(), method, nil, params...)
	if e, ok := err.(*rpc.Error); !ok || e.Code != code || !strings.HasPrefix(e.Message, message) {
		p.t.Errorf("%s: got %v, want %d %s", method, err, code, message)
	}
}

// shared is a machine of the story: its wallet with words, if it has one.
type shared struct {
	*purse
	key string
}

// TestPSBTStory: three machines share a 2-of-3. One only watches; it makes a
// payment, the other two sign copies of it with wallets that have no more than
// their words, and the one that watches puts it together and sends it.
func TestPSBTStory(t *testing.T) {
	for _, form := range []string{"wsh", "sh-wsh", "sh", "tr"} {
		t.Run(form, func(t *testing.T) { psbtStory(t, form) })
	}
}

func psbtStory(t *testing.T, form string) {
	ctx := t.Context()
	watcher := newPurse(t, "")
	signers := []*shared{{purse: newPurse(t, "")}, {purse: newPurse(t, "")}}
	third := newPurse(t, "")
	var keys []string
	for _, s := range append(slices.Clone(signers), &shared{purse: third}) {
		if _, err := s.NewWallets(ctx, rpc.NewWallets{Count: 1, Name: "Mine"}); err != nil {
			t.Fatal(err)
		}
		k, err := s.SharedKey(ctx, rpc.SharedKeyRequest{Wallet: "Mine", Form: form})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.Key)
	}
	if _, err := watcher.Multisig(ctx, rpc.MultisigRequest{Name: "Shared", Required: 2, Keys: keys, Form: form}); err != nil {
		t.Fatal(err)
	}
	watcher.mine(102, "Shared")
	made, err := watcher.CreatePSBT(ctx, rpc.SendRequest{From: "Shared", To: fresh(t, watcher), Amount: 75 * 1e8, FeeRate: 3})
	if err != nil {
		t.Fatal(err)
	}
	if v := made.View; v.Next != psbt.SignerRole.String() || v.Fee == nil || len(v.Inputs) != 2 || v.Inputs[0].Wallets[0] != "Shared" || len(v.Inputs[0].Missing) != 3 || v.Inputs[0].Required != 2 {
		t.Errorf("%+v", v)
	}
	var signed []string
	for _, s := range signers {
		reply, err := s.SignPSBT(ctx, rpc.SignPSBT{PSBT: made.PSBT})
		if err != nil {
			t.Fatal(err)
		}
		if reply.Added != 2 || reply.Complete || len(reply.Refused) > 0 {
			t.Errorf("%+v", reply)
		}
		if by := reply.View.Inputs[0].Signed; len(by) != 1 || len(by[0].Wallets) != 1 || by[0].Wallets[0] != "Mine" {
			t.Errorf("who has signed is not told: %+v", by)
		}
		signed = append(signed, reply.PSBT)
	}
	var done struct {
		PSBT, Hex string
		Complete  bool
	}
	watcher.core(&done, "finalizepsbt", signed[0])
	if done.Complete || done.PSBT != signed[0] {
		t.Errorf("one of two: %+v", done)
	}
	var both, txid string
	watcher.core(&both, "combinepsbt", signed)
	watcher.core(&done, "finalizepsbt", both)
	if !done.Complete {
		t.Fatal("not complete")
	}
	watcher.core(&txid, "sendrawtransaction", done.Hex)
	view, err := watcher.ShowPSBT(ctx, rpc.PSBTRequest{PSBT: both})
	if err != nil || view.Next != psbt.Finalizer.String() {
		t.Errorf("%+v, %v", view, err)
	}
	var entry struct{ VSize int64 }
	if watcher.core(&entry, "getmempoolentry", txid); entry.VSize > view.VSize || entry.VSize < view.VSize-2*int64(len(view.Inputs)) {
		t.Errorf("%d vB, told %d", entry.VSize, view.VSize)
	}
}

// fresh is an address that nobody has been paid at.
func fresh(t *testing.T, p *purse) (address string) {
	t.Helper()
	if _, err := p.NewWallets(t.Context(), rpc.NewWallets{Count: 1}); err != nil {
		t.Fatal(err)
	}
	list, err := p.ListWallets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list[len(list)-1].Address
}
