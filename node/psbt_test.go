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

// TestWalletCreateFundedPSBT makes, signs and sends payments by Core's methods.
func TestWalletCreateFundedPSBT(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 2})
	p.mine(103, "Wallet1")
	on := p.OnWallet("Wallet1")
	to := p.wallet("Wallet2").Address
	type funded struct {
		PSBT      string
		Fee       rpc.Amount
		ChangePos int
	}
	var made funded
	call := func(result any, method string, params ...any) {
		t.Helper()
		if err := on.Call(ctx, method, result, params...); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	call(&made, "walletcreatefundedpsbt", []any{}, []any{map[string]any{to: "60"}}, 0, map[string]any{"fee_rate": 5, "changePosition": 1, "lockUnspents": true})
	var analysis analysisJSON
	call(&analysis, "analyzepsbt", made.PSBT)
	if made.ChangePos != 1 || analysis.Next != "signer" || *analysis.Fee != made.Fee || *analysis.FeeRate < 5000 || *analysis.FeeRate > 5100 {
		t.Errorf("%+v, %+v", made, analysis)
	}
	if missing := analysis.Inputs[0].Missing; missing == nil || len(missing.Signatures) != 1 || len(missing.PubKeys) > 0 {
		t.Errorf("what lacks: %+v", missing)
	}
	// Its coins are locked, so that the same cannot be planned again.
	err := on.Call(ctx, "walletcreatefundedpsbt", nil, []any{}, []any{map[string]any{to: "60"}})
	refused(t, err, rpc.CodeWallet, "Insufficient funds")
	call(nil, "lockunspent", true)

	var open, done processedJSON
	call(&open, "walletprocesspsbt", made.PSBT, false)
	if open.Complete || open.PSBT != made.PSBT {
		t.Errorf("unsigned: %+v", open)
	}
	call(&open, "walletprocesspsbt", made.PSBT, true, "ALL", true, false)
	if call(&analysis, "analyzepsbt", open.PSBT); open.Complete || analysis.Next != "finalizer" {
		t.Errorf("signed and not finalized: %+v, %+v", open, analysis)
	}
	call(&done, "walletprocesspsbt", open.PSBT)
	if !done.Complete || done.Hex == "" {
		t.Errorf("%+v", done)
	}
	call(nil, "sendrawtransaction", done.Hex)
	p.mine(1, "Wallet1")
	if got := p.wallet("Wallet2"); got.Spendable != 60*coin {
		t.Errorf("%+v", got)
	}

	// A coin that is named is enough by itself, or is refused.
	var unspent []struct {
		TxID string
		Vout uint32
	}
	call(&unspent, "listunspent")
	input := []any{map[string]any{"txid": unspent[0].TxID, "vout": unspent[0].Vout, "sequence": 7}}
	err = on.Call(ctx, "walletcreatefundedpsbt", nil, input, map[string]any{to: "80"})
	refused(t, err, rpc.CodeWallet, "The preselected coins total amount does not cover the transaction target")
	call(&made, "walletcreatefundedpsbt", input, map[string]any{to: "80"}, 0, map[string]any{"add_inputs": true})
	packet, err := psbt.DecodeBase64(made.PSBT)
	if err != nil {
		t.Fatal(err)
	}
	in := packet.Tx.TxIn[0]
	if in.PreviousOutPoint.Hash.String() != unspent[0].TxID || in.Sequence != 7 || len(packet.Tx.TxIn) < 2 {
		t.Errorf("%+v", packet.Tx)
	}
	// What Core refuses, with its texts.
	for text, params := range map[string][]any{
		"Unexpected key nosuch":                    {[]any{}, map[string]any{to: "1"}, 0, map[string]any{"nosuch": 1}},
		"Invalid parameter, locktime out of range": {[]any{}, map[string]any{to: "1"}, -1},
		"TX must have at least one output":         {[]any{}, []any{}},
		"Invalid Bitcoin address: x":               {[]any{}, map[string]any{"x": "1"}},
		"changePosition out of bounds":             {[]any{}, map[string]any{to: "1"}, 0, map[string]any{"changePosition": 2}},
		"Insufficient funds":                       {[]any{}, map[string]any{to: "10000"}},
	} {
		if err := on.Call(ctx, "walletcreatefundedpsbt", nil, params...); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %s", err, text)
		}
	}
	err = on.Call(ctx, "walletprocesspsbt", nil, sighashOf(t, made.PSBT, 3))
	refused(t, err, rpc.CodeDeserialization, "Specified sighash value does not match value stored in PSBT")
	if _, err := p.SignPSBT(ctx, rpc.SignPSBT{PSBT: sighashOf(t, made.PSBT, 2), Wallet: "1"}); err == nil || !strings.Contains(err.Error(), "--sighash") {
		t.Errorf("a signature that lets others change the outputs: %v", err)
	}
	if s, err := p.SignPSBT(ctx, rpc.SignPSBT{PSBT: sighashOf(t, made.PSBT, 2), Wallet: "1", Sighash: "NONE"}); err != nil || s.Added == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// sighashOf is a PSBT that asks for a sighash type.
func sighashOf(t *testing.T, text string, kind uint32) string {
	t.Helper()
	p, err := psbt.DecodeBase64(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Inputs {
		p.Inputs[i].Sighash = &kind
	}
	return p.Base64()
}

// TestLockedWalletSignsNothing: keys are asked for only with the passphrase.
func TestLockedWalletSignsNothing(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 1})
	p.mine(101, "Wallet1")
	made, err := p.CreatePSBT(ctx, rpc.SendRequest{From: "Wallet1", To: p.wallet("Wallet1").Address, Amount: coin})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Call(ctx, "encryptwallet", nil, "secret"); err != nil {
		t.Fatal(err)
	}
	if err := p.Call(ctx, "walletlock", nil); err != nil {
		t.Fatal(err)
	}
	err = p.Call(ctx, "walletprocesspsbt", nil, made.PSBT)
	refused(t, err, rpc.CodeUnlockNeeded, "Please enter the wallet passphrase")
	_, err = p.SignPSBT(ctx, rpc.SignPSBT{PSBT: made.PSBT})
	refused(t, err, rpc.CodeUnlockNeeded)
	_, err = p.SignPSBT(ctx, rpc.SignPSBT{PSBT: made.PSBT, Passphrase: "wrong"})
	refused(t, err, rpc.CodePassphrase)
	var open processedJSON
	if p.core(&open, "walletprocesspsbt", made.PSBT, false); open.Complete {
		t.Error("complete without keys")
	}
	s, err := p.SignPSBT(ctx, rpc.SignPSBT{PSBT: made.PSBT, Passphrase: "secret"})
	if err != nil || s.Added != 1 || !s.Complete {
		t.Errorf("%+v, %v", s, err)
	}
}
