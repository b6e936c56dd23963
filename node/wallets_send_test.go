package node

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

// elsewhere is an address of nobody here.
const elsewhere = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

// accepted asks testmempoolaccept about a transaction in hex, and returns its fee.
func (p *purse) accepted(raw string) rpc.Amount {
	p.t.Helper()
	var reply []struct {
		Allowed bool
		Reject  string `json:"reject-reason"`
		VSize   int64
		Fees    struct{ Base rpc.Amount }
	}
	p.core(&reply, "testmempoolaccept", []string{raw}, 0)
	if len(reply) != 1 || !reply[0].Allowed {
		p.t.Fatalf("%+v: %s", reply, raw)
	}
	return reply[0].Fees.Base
}

// TestPaymentsPassTheMempool makes payments of all sorts, each of which
// testmempoolaccept takes, whose value is conserved, and which pay their rate.
func TestPaymentsPassTheMempool(t *testing.T) {
	p := demo(t, 4)
	p.make(rpc.NewWallets{Count: 1, Type: "bech32m", Name: "Tap"})
	p.make(rpc.NewWallets{Count: 1, Type: "legacy", Name: "Old"})
	p.make(rpc.NewWallets{Count: 1, Type: "p2sh-segwit", Name: "Nested"})
	names := []string{"Wallet1", "Wallet2", "Tap", "Old", "Nested"}
	for _, name := range names[2:] {
		for range 6 {
			p.pay("Wallet3", name, coin)
		}
		p.mine(1, "Wallet4")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		from := names[random.IntN(len(names))]
		rate := float64(1000+random.IntN(40_000)) / 1000
		options := map[string]any{"fee_rate": fmt.Sprintf("%.3f", rate), "add_to_wallet": false}
		outputs := []map[string]any{}
		for i := range 1 + random.IntN(4) {
			to := p.wallet(names[(i+round)%len(names)]).Address
			outputs = append(outputs, map[string]any{to: fmt.Sprintf("%.8f", 0.001+random.Float64()/10)})
		}
		if round%3 == 0 {
			options["subtract_fee_from_outputs"] = []int{0}
		}
		if round%5 == 0 {
			outputs = append(outputs, map[string]any{"data": "c0ffee"})
		}
		var reply struct {
			Hex, TxID string
			Complete  bool
		}
		if err := p.OnWallet(from).Call(t.Context(), "send", &reply, outputs, nil, nil, nil, options); err != nil {
			if strings.Contains(err.Error(), "Insufficient funds") {
				p.mine(1, "Wallet4")
				continue
			}
			t.Fatal(from, err)
		}
		if !reply.Complete {
			t.Fatalf("%s: %+v", from, reply)
		}
		fee := p.accepted(reply.Hex)
		tx, err := decodeTx(reply.Hex)
		if err != nil {
			t.Fatal(err)
		}
		var out, in int64
		for _, o := range tx.TxOut {
			out += o.Value
		}
		v, err := p.node.link.host.wallets.view(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		coins, _, err := p.node.link.host.chain.Coins(outPointsOf(tx))
		v.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range coins {
			if c != nil {
				in += c.Value
			} else {
				parent := p.node.link.host.pool.Get(tx.TxIn[i].PreviousOutPoint.Hash)
				in += parent.Tx.TxOut[tx.TxIn[i].PreviousOutPoint.Index].Value
			}
		}
		vsize := float64(consensus.VSize(tx))
		if paid := float64(fee) / vsize; in-out != int64(fee) || paid < rate || len(tx.TxOut) > len(outputs) && paid > rate+1 {
			t.Errorf("%s: in %d, out %d, fee %d for %.0f vbytes at %.3f", from, in, out, fee, vsize, rate)
		}
		if round%4 == 0 {
			p.core(nil, "sendrawtransaction", reply.Hex)
		}
		if round%10 == 9 {
			p.mine(1, "Wallet4")
		}
	}
}

func TestSendToMany(t *testing.T) {
	p := demo(t, 3)
	ctx := t.Context()
	two, three := p.wallet("2").Spendable, p.wallet("3").Spendable
	r := rpc.SendRequest{
		From: "1", FeeRate: 5, Key: "class",
		Recipients: []rpc.Recipient{{To: "2", Amount: coin}, {To: "3", Amount: 2 * coin, Subtract: true}, {To: elsewhere, Amount: coin / 2}},
	}
	r.Data = "00ff"
	plan := must[rpc.SendPlan](t)(p.Send(ctx, r))
	if len(plan.Payments) != 3 || plan.Payments[0].Amount != coin || plan.Payments[1].Amount != 2*coin-plan.Fee || plan.Payments[2].ToName != "" {
		t.Errorf("%+v", plan)
	}
	if again := must[rpc.SendPlan](t)(p.PrepareSend(ctx, r)); !again.Repeated || again.TxID != plan.TxID {
		t.Errorf("%+v", again)
	}
	p.mine(1, "1")
	if a, b := p.wallet("2").Spendable, p.wallet("3").Spendable; a != two+coin || b != three+2*coin-plan.Fee {
		t.Errorf("%s, %s", a, b)
	}
	r.Recipients[0].Amount++
	_, err := p.Send(ctx, r)
	refused(t, err, rpc.CodeInvalidParameter, "another payment")
	// All that is there, after a fixed one.
	r = rpc.SendRequest{From: "2", Recipients: []rpc.Recipient{{To: "3", Amount: coin}, {To: elsewhere, Max: true}}}
	if plan = must[rpc.SendPlan](t)(p.Send(ctx, r)); plan.Change != 0 || plan.Remaining != 0 || plan.Payments[0].Amount != coin {
		t.Errorf("%+v", plan)
	}
	_, err = p.Send(ctx, rpc.SendRequest{From: "1", To: "2", Amount: coin, Max: true})
	refused(t, err, rpc.CodeInvalidParameter, "without an amount")
}

// TestSendOptions: named coins, change address, locktime, replaceability.
func TestSendOptions(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	var coins []unspent
	p.core(&coins, "listunspent")
	name := fmt.Sprintf("%s:%d", coins[2].TxID, coins[2].Vout)
	no, lock := false, uint32(7)
	r := rpc.SendRequest{From: "1", To: "2", Amount: coin / 100}
	r.Coins, r.Change, r.Replaceable, r.LockTime, r.Explain = []string{name}, elsewhere, &no, &lock, true
	plan := must[rpc.SendPlan](t)(p.PrepareSend(ctx, r))
	s := plan.Explain
	if plan.Inputs != 1 || plan.ChangeAddress != elsewhere || plan.Replaceable || s.Inputs[0].Coin != name || s.LockTime != 7 || s.Inputs[0].Sequence != 0xfffffffe || s.Unsigned == "" {
		t.Errorf("%+v %+v", plan, s)
	}
	// A coin locked by hand is not taken unless it is named.
	p.core(nil, "lockunspent", false, []map[string]any{{"txid": coins[2].TxID, "vout": coins[2].Vout}})
	r.Coins, r.Max, r.Amount = nil, true, 0
	for _, in := range must[rpc.SendPlan](t)(p.PrepareSend(ctx, r)).Explain.Inputs {
		if in.Coin == name {
			t.Error("a locked coin is taken")
		}
	}
	r.Coins = []string{name}
	if plan = must[rpc.SendPlan](t)(p.PrepareSend(ctx, r)); plan.Inputs != 1 {
		t.Errorf("%+v", plan)
	}
	// Amount above the coins that are named, alone and with others.
	r.Max, r.Amount = false, coins[2].Amount
	_, err := p.PrepareSend(ctx, r)
	refused(t, err, rpc.CodeInsufficientFunds, "in the coins that were asked for")
	r.AddCoins = true
	if plan = must[rpc.SendPlan](t)(p.PrepareSend(ctx, r)); plan.Inputs != 2 {
		t.Errorf("%+v", plan)
	}
	// The fee has a limit that is stated, and can be lifted.
	r = rpc.SendRequest{From: "1", To: "2", Amount: coin, FeeRate: 9_000}
	r.MaxFee = coin / 1000
	_, err = p.PrepareSend(ctx, r)
	refused(t, err, rpc.CodeInvalidParameter, "the limit is 0.00100000", "allow_high_fee")
	r.AllowHighFee = true
	if plan = must[rpc.SendPlan](t)(p.PrepareSend(ctx, r)); plan.Fee < coin/1000 {
		t.Errorf("%+v", plan)
	}
}

// TestExplainShowsNoKeys: the story has the real hashes and signatures, and no
// private key.
func TestExplainShowsNoKeys(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	keys := must[rpc.WalletKeys](t)(p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "1"}))
	r := rpc.SendRequest{From: "1", To: "2", Amount: coin}
	r.Explain = true
	plan := must[rpc.SendPlan](t)(p.Send(ctx, r))
	s := plan.Explain
	if len(s.Choices) == 0 || len(s.Inputs[0].Signatures) != 1 || len(s.Inputs[0].Signatures[0].Hash) != 64 || s.Inputs[0].Witness[0] != s.Inputs[0].Signatures[0].Signature || s.Signed == "" {
		t.Errorf("%+v", s)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{keys.PrivateKey, keys.WIF, keys.Mnemonic, "prv"} {
		if secret != "" && strings.Contains(string(text), secret) {
			t.Errorf("the story shows %s", secret)
		}
	}
}

// TestSameSendAtOnce: the same request many times at once, as retries after
// timeouts come, is one payment.
func TestSameSendAtOnce(t *testing.T) {
	p := demo(t, 2)
	before := p.wallet("1").Spendable
	r := rpc.SendRequest{From: "1", To: "2", Amount: coin, Key: "once"}
	var mu sync.Mutex
	txids := make(map[string]int)
	var fee rpc.Amount
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			plan, err := p.Send(t.Context(), r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			txids[plan.TxID]++
			fee = plan.Fee
		})
	}
	wg.Wait()
	if len(txids) != 1 || p.wallet("1").Spendable != before-coin-fee {
		t.Errorf("%v; %s", txids, p.wallet("1").Spendable)
	}
}

// TestSpendingWhatAReorgTook: coins of blocks that have left the chain, and
// coinbases that are young again, are not spent.
func TestSpendingWhatAReorgTook(t *testing.T) {
	p := demo(t, 1)
	ctx := t.Context()
	p.make(rpc.NewWallets{Count: 1, Name: "Miner"})
	mined := p.mine(1, "Miner")
	tip := p.mine(100, "Wallet1")
	if w := p.wallet("Miner"); w.Spendable == 0 {
		t.Fatalf("%+v", w)
	}
	p.core(nil, "invalidateblock", tip.Hashes[len(tip.Hashes)-1])
	_, err := p.Send(ctx, rpc.SendRequest{From: "Miner", To: "1", Amount: coin})
	refused(t, err, rpc.CodeInsufficientFunds, "mined but immature")
	p.core(nil, "reconsiderblock", tip.Hashes[len(tip.Hashes)-1])
	must[rpc.SendPlan](t)(p.PrepareSend(ctx, rpc.SendRequest{From: "Miner", To: "1", Amount: coin}))
	p.core(nil, "invalidateblock", mined.Hashes[0])
	_, err = p.Send(ctx, rpc.SendRequest{From: "Miner", To: "1", Amount: coin})
	refused(t, err, rpc.CodeInsufficientFunds, "0.00000000 is spendable")
}

// TestCoreSending goes through Core's methods, with its errors.
func TestCoreSending(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	to := p.wallet("2").Address
	var txid string
	p.core(&txid, "sendmany", "", map[string]any{to: 1, elsewhere: "0.5"}, 1, "for lunch", []string{to})
	var raw struct{ Vout []struct{ Value rpc.Amount } }
	p.core(&raw, "getrawtransaction", txid, 1)
	if !slices.ContainsFunc(raw.Vout, func(o struct{ Value rpc.Amount }) bool { return o.Value == coin/2 }) {
		t.Errorf("%+v", raw)
	}
	var all struct {
		TxID     string
		Complete bool
	}
	p.core(&all, "sendall", []any{elsewhere, map[string]any{to: 1}}, nil, nil, 3, map[string]any{"send_max": true})
	if w := p.wallet("1"); !all.Complete || w.Spendable != 0 {
		t.Errorf("%+v %+v", all, w)
	}
	p.mine(1, "1")
	// fundrawtransaction and signing, by the wallet and by a key.
	var blank, signed string
	p.core(&blank, "createrawtransaction", []any{}, []map[string]any{{elsewhere: 0.7}})
	var funded struct {
		Hex       string
		Fee       rpc.Amount
		ChangePos int
	}
	w2 := p.OnWallet("Wallet2")
	if err := w2.Call(ctx, "fundrawtransaction", &funded, blank, map[string]any{"fee_rate": 7, "changePosition": 1}); err != nil {
		t.Fatal(err)
	}
	var done struct {
		Hex      string
		Complete bool
		Errors   []signError
	}
	if err := w2.Call(ctx, "signrawtransactionwithwallet", &done, funded.Hex); err != nil || !done.Complete || funded.ChangePos != 1 {
		t.Fatalf("%+v %+v %v", funded, done, err)
	}
	if fee := p.accepted(done.Hex); fee != funded.Fee {
		t.Errorf("%s, told %s", fee, funded.Fee)
	}
	signed = done.Hex
	done.Errors = nil
	p.core(&done, "signrawtransactionwithwallet", funded.Hex) // by the wrong one
	if done.Complete || len(done.Errors) == 0 || done.Errors[0].Error != "Operation not valid with the current stack size" && !strings.Contains(done.Errors[0].Error, "Witness program") {
		t.Errorf("%+v", done)
	}
	_ = signed
	for _, c := range []struct {
		code    rpc.Code
		message string
		method  string
		params  []any
	}{
		{rpc.CodeInvalidParameter, `Dummy value must be set to ""`, "sendmany", []any{"x", map[string]any{to: 1}}},
		{rpc.CodeInvalidParameter, "Invalid parameter 'subtract fee from output', destination nobody not found in tx outputs", "sendmany", []any{"", map[string]any{to: 1}, 1, "", []string{"nobody"}}},
		{rpc.CodeType, "Unexpected key nosuch", "send", []any{[]map[string]any{{to: 1}}, nil, nil, nil, map[string]any{"nosuch": 1}}},
		{rpc.CodeInvalidParameter, "Invalid parameter, duplicate key: data", "send", []any{[]map[string]any{{"data": "00"}, {"data": "00"}}}},
		{rpc.CodeInvalidParameter, "Cannot specify both estimate_mode and fee_rate", "send", []any{[]map[string]any{{to: 1}}, nil, "economical", 3}},
		{rpc.CodeInvalidParameter, "Invalid conf_target, must be between 1 and 1008", "send", []any{[]map[string]any{{to: 1}}, 5000}},
		{rpc.CodeInvalidParameter, `Invalid estimate_mode parameter, must be one of: "unset", "economical", "conservative"`, "sendtoaddress", []any{to, 1, "", "", false, nil, 6, "foo"}},
		{rpc.CodeInsufficientFunds, "Fee rate (0.999 sat/vB) is lower than the minimum fee rate setting (1.000 sat/vB)", "sendtoaddress", []any{to, 1, "", "", false, nil, nil, nil, nil, 0.999}},
		{rpc.CodeType, "Invalid amount", "sendtoaddress", []any{to, 1, "", "", false, nil, nil, nil, nil, "1.2345"}},
		{rpc.CodeType, "Amount is not a number or string", "sendtoaddress", []any{to, true}},
		{rpc.CodeType, "Invalid amount", "sendtoaddress", []any{to, "1e400"}},
		{rpc.CodeType, "Invalid amount", "sendtoaddress", []any{to, "NaN"}},
		{rpc.CodeType, "Amount out of range", "sendtoaddress", []any{to, "21000000.00000001"}},
		{rpc.CodeInsufficientFunds, "Transaction amount too small", "sendtoaddress", []any{to, 0.00000100}},
		{rpc.CodeWallet, "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)", "send", []any{[]map[string]any{{elsewhere: 1}}, nil, nil, 9_999_000, nil}},
		{rpc.CodeInvalidParameter, "Must provide at least one address without a specified amount", "sendall", []any{[]any{map[string]any{to: 1}}}},
		{rpc.CodeInvalidParameter, "TX must have at least one output", "fundrawtransaction", []any{"02000000000000000000"}},
		{rpc.CodeDeserialization, "TX decode failed. Make sure the tx has at least one input.", "signrawtransactionwithwallet", []any{"00"}},
	} {
		err := p.OnWallet("Wallet2").Call(ctx, c.method, nil, c.params...)
		if c.message[:3] == "Fee" && c.code == rpc.CodeWallet {
			continue // tested with its own amounts below
		}
		refused(t, err, c.code)
		if err != nil && err.Error() != c.message {
			t.Errorf("%s: %q, want %q", c.method, err, c.message)
		}
	}
}

// TestSignRawWithKey signs every simple kind of output with its key, and a
// multisig one with the script that is told.
func TestSignRawWithKey(t *testing.T) {
	p := demo(t, 1)
	for _, kind := range []string{"legacy", "p2sh-segwit", "bech32", "bech32m"} {
		w := p.make(rpc.NewWallets{Count: 1, Type: kind, Name: kind, ShowPrivate: true})[0]
		plan := p.pay("Wallet1", kind, coin/10)
		at := plan.Payments[0].Output
		var raw string
		p.core(&raw, "createrawtransaction", []map[string]any{{"txid": plan.TxID, "vout": at}}, []map[string]any{{elsewhere: 0.09}})
		var done signedTx
		p.core(&done, "signrawtransactionwithkey", raw, []string{w.WIF})
		if !done.Complete {
			t.Fatalf("%s: %+v", kind, done)
		}
		p.accepted(done.Hex)
	}
	a, b := p.make(rpc.NewWallets{Count: 1, Name: "A", ShowPrivate: true})[0], p.make(rpc.NewWallets{Count: 1, Name: "B", ShowPrivate: true})[0]
	var multi struct {
		Address      string
		RedeemScript string `json:"redeemScript"`
	}
	p.core(&multi, "createmultisig", 2, []string{a.PublicKey, b.PublicKey}, "bech32")
	plan := p.pay("Wallet1", multi.Address, coin/10)
	var raw string
	input := map[string]any{"txid": plan.TxID, "vout": plan.Payments[0].Output}
	p.core(&raw, "createrawtransaction", []map[string]any{input}, []map[string]any{{elsewhere: 0.09}})
	var info struct {
		ScriptPubKey string `json:"scriptPubKey"`
	}
	p.core(&info, "getaddressinfo", multi.Address)
	input["scriptPubKey"], input["witnessScript"], input["amount"] = info.ScriptPubKey, multi.RedeemScript, 0.1
	var half, done signedTx
	p.core(&half, "signrawtransactionwithkey", raw, []string{a.WIF}, []map[string]any{input})
	if half.Complete || len(half.Errors) != 1 {
		t.Fatalf("%+v", half)
	}
	p.core(&done, "signrawtransactionwithkey", half.Hex, []string{b.WIF}, []map[string]any{input})
	if !done.Complete {
		t.Fatalf("%+v", done)
	}
	p.accepted(done.Hex)
	refused(t, p.Call(t.Context(), "signrawtransactionwithkey", nil, raw, []string{"cNzNzNzNzN"}), rpc.CodeInvalidAddress, "Invalid private key")
}

// TestSendingFromTimeLocks: a wallet of a time-locked descriptor spends by itself
// once the lock has passed, and says when until then.
func TestSendingFromTimeLocks(t *testing.T) {
	p := demo(t, 1)
	ctx := t.Context()
	w := p.make(rpc.NewWallets{Count: 1, Name: "Key", ShowPrivate: true})[0]
	p.core(nil, "createwallet", "lock", false, true)
	var checked struct {
		Descriptor string
		Checksum   string
	}
	text := "wsh(and_v(v:pk(" + w.WIF + "),older(10)))"
	p.core(&checked, "getdescriptorinfo", text)
	lock := p.OnWallet("lock")
	var imported []struct{ Success bool }
	if err := lock.Call(ctx, "importdescriptors", &imported, []map[string]any{{"desc": text + "#" + checked.Checksum, "timestamp": "now"}}); err != nil || !imported[0].Success {
		t.Fatal(imported, err)
	}
	var addresses []string
	p.core(&addresses, "deriveaddresses", checked.Descriptor)
	p.pay("Wallet1", addresses[0], coin)
	p.mine(1, "Wallet1")
	r := rpc.SendRequest{From: "lock", To: elsewhere, Amount: coin / 2}
	_, err := p.Send(ctx, r)
	height := must[rpc.Status](t)(p.Status(ctx)).Height
	refused(t, err, rpc.CodeInsufficientFunds, "time-locked", fmt.Sprintf("spendable from height %d on", height+9))
	if row := p.wallet("lock"); row.Spendable != 0 || row.TimeLocked != coin {
		t.Errorf("%+v", row)
	}
	if list := must[[]rpc.WalletCoin](t)(p.Coins(ctx, rpc.WalletRequest{Wallet: "lock"})); len(list) != 1 || list[0].State != rpc.CoinTimeLocked || list[0].Note == "" {
		t.Errorf("%+v", list)
	}
	p.mine(9, "Wallet1")
	if row := p.wallet("lock"); row.Spendable != coin || row.TimeLocked != 0 {
		t.Errorf("%+v", row)
	}
	plan := must[rpc.SendPlan](t)(p.Send(ctx, r))
	tx := p.node.link.host.pool.Get(must[chainhash.Hash](t)(parseTxID(plan.TxID))).Tx
	if tx.TxIn[0].Sequence != 10 || tx.Version != 2 {
		t.Errorf("%+v", tx.TxIn[0])
	}
	p.mine(1, "Wallet1")
}

// TestBumpFee replaces a payment and refuses as Core does.
func TestBumpFee(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	unknown := strings.Repeat("0", 64)
	refused(t, p.Call(ctx, "bumpfee", nil, unknown), rpc.CodeInvalidAddress, "Invalid or non-wallet transaction id")
	first := p.pay("1", "2", coin)
	var b bumped
	p.core(&b, "bumpfee", first.TxID)
	if b.OrigFee != first.Fee || b.Fee <= first.Fee || b.Errors == nil || p.wallet("2").Pending != coin {
		t.Errorf("%+v", b)
	}
	refused(t, p.Call(ctx, "bumpfee", nil, first.TxID), rpc.CodeWallet, "Cannot bump transaction "+first.TxID+" which was already bumped by transaction "+b.TxID)
	refused(t, p.Call(ctx, "bumpfee", nil, b.TxID, map[string]any{"fee_rate": 8}), rpc.CodeInvalidParameter, "Insufficient total fee", "oldFee", "incrementalFee")
	refused(t, p.Call(ctx, "bumpfee", nil, b.TxID, map[string]any{"nosuch": 8}), rpc.CodeType, "Unexpected key nosuch")
	refused(t, p.Call(ctx, "bumpfee", nil, b.TxID, map[string]any{"original_change_index": 9}), rpc.CodeInvalidParameter, "Change position is out of range")
	refused(t, p.Call(ctx, "bumpfee", nil, b.TxID, map[string]any{"outputs": []any{}}), rpc.CodeInvalidParameter, "cannot be an empty array")
	refused(t, p.OnWallet("Wallet2").Call(ctx, "bumpfee", nil, b.TxID), rpc.CodeWallet, "Transaction contains inputs that don't belong to this wallet")
	var packet bumped
	p.core(&packet, "psbtbumpfee", b.TxID, map[string]any{"fee_rate": 40})
	if packet.PSBT == "" || packet.TxID != "" {
		t.Errorf("%+v", packet)
	}
	p.core(&b, "bumpfee", b.TxID, map[string]any{"fee_rate": "25.5", "outputs": []map[string]any{{elsewhere: 0.4}}})
	if p.wallet("2").Pending != 0 {
		t.Error("the other outputs did not take the place of the first")
	}
	// Its child in the wallet, and one of others.
	child := p.pay("1", "2", p.wallet("1").Spendable-coin/100)
	entry := p.node.link.host.pool.Get(must[chainhash.Hash](t)(parseTxID(child.TxID)))
	if len(entry.Parents) == 1 {
		refused(t, p.Call(ctx, "bumpfee", nil, b.TxID), rpc.CodeInvalidParameter, "Transaction has descendants in the wallet")
	}
	p.mine(1, "2")
	refused(t, p.Call(ctx, "bumpfee", nil, b.TxID), rpc.CodeWallet, "Transaction has been mined, or is conflicted with a mined transaction")
	no := false
	r := rpc.SendRequest{From: "2", To: "1", Amount: coin}
	r.Replaceable = &no
	final := must[rpc.SendPlan](t)(p.Send(ctx, r))
	refused(t, p.OnWallet("Wallet2").Call(ctx, "bumpfee", nil, final.TxID), rpc.CodeWallet, "Transaction is not BIP 125 replaceable")
}

// TestRepeatAfterBump: the same request after its payment was replaced by one with
// a higher fee, twice, is still one payment.
func TestRepeatAfterBump(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	r := rpc.SendRequest{From: "1", To: "2", Amount: coin, Key: "once"}
	first := must[rpc.SendPlan](t)(p.Send(ctx, r))
	second := must[rpc.BumpPlan](t)(p.BumpFee(ctx, rpc.BumpRequest{TxID: first.TxID}))
	third := must[rpc.BumpPlan](t)(p.BumpFee(ctx, rpc.BumpRequest{TxID: second.TxID, FeeRate: 50}))
	for range 2 {
		again := must[rpc.SendPlan](t)(p.Send(ctx, r))
		if !again.Repeated || again.TxID != third.TxID || again.Fee != third.Fee || again.FeeRate != third.FeeRate || again.Change != third.Change || again.Amount != coin {
			t.Errorf("%+v after %+v", again, third)
		}
		if shown := must[rpc.SendPlan](t)(p.PrepareSend(ctx, r)); shown.TxID != third.TxID || shown.Fee != third.Fee {
			t.Errorf("%+v", shown)
		}
		p.mine(1, "1")
	}
}

// TestPayForParent: the receiver pays for a payment that it waits for.
func TestPayForParent(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	first := must[rpc.SendPlan](t)(p.Send(ctx, rpc.SendRequest{From: "1", To: "2", Amount: coin, FeeRate: 1}))
	plan := must[rpc.BumpPlan](t)(p.BumpFee(ctx, rpc.BumpRequest{TxID: first.TxID, Wallet: "2", Child: true, FeeRate: 30}))
	pool := p.node.link.host.pool
	parent, child := pool.Get(must[chainhash.Hash](t)(parseTxID(first.TxID))), pool.Get(must[chainhash.Hash](t)(parseTxID(plan.TxID)))
	if child == nil || len(child.Parents) != 1 {
		t.Fatalf("%+v", plan)
	}
	rate := float64(parent.Fee+child.Fee) / float64(parent.VSize+child.VSize)
	if rate < 30 || rate > 31 || plan.Parent != first.TxID || plan.PackageRate < 30 {
		t.Errorf("%.3f sat/vB together: %+v", rate, plan)
	}
	_, err := p.BumpFee(ctx, rpc.BumpRequest{TxID: first.TxID, Wallet: "1", Child: true, FeeRate: 1})
	refused(t, err, rpc.CodeInvalidParameter, "as much as")
	block := p.mine(1, "1")
	if len(block.Hashes) != 1 || pool.Get(child.TxID) != nil {
		t.Error("it was not mined")
	}
}

// TestSendFromWatchOnly: a wallet that only watches pays by PSBT.
func TestSendFromWatchOnly(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	p.core(nil, "createwallet", "eye", true, true)
	var info struct{ Descriptor, Checksum string }
	address := p.wallet("2").Address
	var facts struct{ Desc string }
	if err := p.OnWallet("Wallet2").Call(ctx, "getaddressinfo", &facts, address); err != nil {
		t.Fatal(err)
	}
	p.core(&info, "getdescriptorinfo", facts.Desc)
	eye := p.OnWallet("eye")
	if err := eye.Call(ctx, "importdescriptors", nil, []map[string]any{{"desc": facts.Desc, "timestamp": 0}}); err != nil {
		t.Fatal(err)
	}
	_, err := p.Send(ctx, rpc.SendRequest{From: "eye", To: "1", Amount: coin})
	refused(t, err, rpc.CodeWallet, "only watches", "PSBT")
	refused(t, eye.Call(ctx, "sendtoaddress", nil, elsewhere, 1), rpc.CodeWallet, "Error: Private keys are disabled for this wallet")
	var reply struct {
		PSBT, TxID string
		Complete   bool
	}
	if err := eye.Call(ctx, "send", &reply, []map[string]any{{elsewhere: 0.5}}); err != nil || reply.Complete || reply.PSBT == "" || reply.TxID != "" {
		t.Fatalf("%+v %v", reply, err)
	}
	var done struct {
		Complete bool
		Hex      string
	}
	if err := p.OnWallet("Wallet2").Call(ctx, "walletprocesspsbt", &done, reply.PSBT); err != nil || !done.Complete {
		t.Fatalf("%+v %v", done, err)
	}
	p.accepted(done.Hex)
	if raw, err := hex.DecodeString(done.Hex); err != nil || len(raw) == 0 {
		t.Error(err)
	}
}

func parseTxID(text string) (chainhash.Hash, error) { return rpc.ParseHash(text, "txid") }
