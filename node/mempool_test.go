package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

func newMempoolHost(t *testing.T) (h *miningHost, coins []*wire.MsgTx) {
	t.Helper()
	h = newMiningHost(t, fastRegtest())
	h.registerMempool(h.server)
	coins = h.mine(10)
	h.mine(3)
	return h, coins
}

func hexesOf(txs ...*wire.MsgTx) (list []string) {
	for _, tx := range txs {
		list = append(list, hexOf(tx))
	}
	return list
}

// replies calls a method and compares its reply, as JSON, with what Core says.
func (h *miningHost) replies(want, method string, params ...any) {
	h.t.Helper()
	var got, wanted any
	h.call(&got, method, params...)
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		h.t.Fatal(err)
	}
	for _, d := range differences("", got, wanted) {
		h.t.Errorf("%s: %s", method, d)
	}
}

func (h *miningHost) accepted(tx *wire.MsgTx, fee int64) string {
	vsize := consensus.VSize(tx)
	return fmt.Sprintf(`{"txid":"%s","wtxid":"%s","allowed":true,"vsize":%d,"fees":{"base":%s,"effective-feerate":%s,"effective-includes":["%[2]s"]}}`,
		tx.TxHash(), tx.WitnessHash(), vsize, consensus.Amount(fee), consensus.Amount(fee*1000/vsize))
}

func refusedAs(tx *wire.MsgTx, reason string) string {
	return fmt.Sprintf(`{"txid":"%s","wtxid":"%s","allowed":false,"reject-reason":"%s"}`, tx.TxHash(), tx.WitnessHash(), reason)
}

func unjudged(tx *wire.MsgTx, packageError string) string {
	if packageError != "" {
		packageError = fmt.Sprintf(`,"package-error":"%s"`, packageError)
	}
	return fmt.Sprintf(`{"txid":"%s","wtxid":"%s"%s}`, tx.TxHash(), tx.WitnessHash(), packageError)
}

func TestTestMempoolAccept(t *testing.T) {
	h, coins := newMempoolHost(t)
	parent := spend(coins[0], 1_000)
	child := spend(parent, 2_000)
	grand := spend(child, 3_000)
	h.replies("["+h.accepted(parent, 1_000)+"]", "testmempoolaccept", hexesOf(parent))
	h.replies("["+refusedAs(child, "missing-inputs")+"]", "testmempoolaccept", hexesOf(child))
	h.replies("["+h.accepted(parent, 1_000)+","+h.accepted(child, 2_000)+","+h.accepted(grand, 3_000)+"]", "testmempoolaccept", hexesOf(parent, child, grand))
	for want, txs := range map[string][]*wire.MsgTx{
		"package-not-sorted":          {child, parent},
		"package-contains-duplicates": {parent, parent},
		"conflict-in-package":         {parent, spend(coins[0], 5_000)},
	} {
		h.replies("["+unjudged(txs[0], want)+","+unjudged(txs[1], want)+"]", "testmempoolaccept", hexesOf(txs...))
	}
	truc := spend(coins[1], 1_000)
	truc.Version = 3
	plain := spend(truc, 1_000)
	violation := fmt.Sprintf("TRUC-violation, non-version=3 tx %s (wtxid=%s) cannot spend from version=3 tx %s (wtxid=%s)", plain.TxHash(), plain.WitnessHash(), truc.TxHash(), truc.WitnessHash())
	h.replies("["+unjudged(truc, violation)+","+unjudged(plain, violation)+"]", "testmempoolaccept", hexesOf(truc, plain))

	// The first refusal ends it, and so does a fee that is too high.
	poor := spend(child, 10)
	h.replies("["+unjudged(parent, "")+","+unjudged(child, "")+","+refusedAs(poor, "min relay fee not met")+"]", "testmempoolaccept", hexesOf(parent, child, poor))
	rich := spend(parent, 50_000_000)
	after := spend(rich, 1_000)
	h.replies("["+h.accepted(parent, 1_000)+","+refusedAs(rich, "max-fee-exceeded")+","+unjudged(after, "")+"]", "testmempoolaccept", hexesOf(parent, rich, after))
	h.replies("["+h.accepted(parent, 1_000)+","+h.accepted(rich, 50_000_000)+","+h.accepted(after, 1_000)+"]", "testmempoolaccept", hexesOf(parent, rich, after), 0)

	h.accept(parent)
	h.replies("["+refusedAs(parent, "txn-already-in-mempool")+"]", "testmempoolaccept", hexesOf(parent))
	rival := spend(coins[0], 90_000)
	h.replies("["+refusedAs(rival, "bip125-replacement-disallowed")+","+unjudged(truc, "")+"]", "testmempoolaccept", hexesOf(rival, truc))
	h.replies("["+h.accepted(rival, 90_000)+"]", "testmempoolaccept", hexesOf(rival))
	bad := spend(parent, 1_000)
	bad.TxIn[0].Witness = wire.TxWitness{{txscript.OP_FALSE}}
	h.replies("["+refusedAs(bad, "mandatory-script-verify-flag-failed (Witness program hash mismatch)")+"]", "testmempoolaccept", hexesOf(bad))

	h.fails(rpc.CodeInvalidParameter, "Array must contain between 1 and 25 transactions.", "testmempoolaccept", []string{})
	h.fails(rpc.CodeInvalidParameter, "Array must contain between 1 and 25 transactions.", "testmempoolaccept", make([]string, 26))
	h.fails(rpc.CodeDeserialization, "TX decode failed: 00 Make sure the tx has at least one input.", "testmempoolaccept", []string{"00"})
	h.fails(rpc.CodeInvalidParameter, "Fee rates larger than or equal to 1BTC/kvB are not accepted", "testmempoolaccept", hexesOf(child), 1)
}

func TestSendRawTransaction(t *testing.T) {
	h, coins := newMempoolHost(t)
	tx := spend(coins[0], 1_000)
	id := `"` + tx.TxHash().String() + `"`
	h.replies(id, "sendrawtransaction", hexOf(tx))
	h.replies(id, "sendrawtransaction", hexOf(tx))
	if i := h.pool.Info(h.now()); i.Unbroadcast != 1 {
		t.Errorf("%d are not broadcast", i.Unbroadcast)
	}
	burnt := spend(coins[1], 2_000)
	burnt.TxOut = append(burnt.TxOut, &wire.TxOut{Value: 1_000, PkScript: []byte{txscript.OP_RETURN}})
	h.fails(rpc.CodeVerify, "Unspendable output exceeds maximum configured by user (maxburnamount)", "sendrawtransaction", hexOf(burnt))
	h.fails(rpc.CodeVerify, "Unspendable output exceeds maximum configured by user (maxburnamount)", "sendrawtransaction", hexOf(burnt), nil, "0.00000999")
	unknown := spend(coins[1], 2_000)
	unknown.TxOut[0].PkScript = []byte{0xbb}
	h.fails(rpc.CodeVerify, "Unspendable output exceeds maximum", "sendrawtransaction", hexOf(unknown))
	h.fails(rpc.CodeVerifyRejected, "scriptpubkey", "sendrawtransaction", hexOf(unknown), nil, 50)
	h.fails(rpc.CodeVerify, "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)", "sendrawtransaction", hexOf(spend(coins[1], 50_000_000)))
	h.fails(rpc.CodeVerify, "bad-txns-inputs-missingorspent", "sendrawtransaction", hexOf(spend(spend(coins[1], 1), 1_000)))
	h.fails(rpc.CodeVerifyRejected, "min relay fee not met, 1 < 96", "sendrawtransaction", hexOf(spend(coins[1], 1)))
	h.mine(1)
	h.fails(rpc.CodeAlreadyInChain, "Transaction outputs already in utxo set", "sendrawtransaction", hexOf(tx))
}

func TestSubmitPackage(t *testing.T) {
	h, coins := newMempoolHost(t)
	parent := spend(coins[0], 0)
	parent.Version = 3
	child := spend(parent, 5_000)
	child.Version = 3
	fee := consensus.Amount(5_000 * 1000 / (consensus.VSize(parent) + consensus.VSize(child)))
	both := fmt.Sprintf(`"effective-feerate":%s,"effective-includes":["%s","%s"]`, fee, parent.WitnessHash(), child.WitnessHash())
	want := fmt.Sprintf(`{"package_msg":"success","tx-results":{
		"%s":{"txid":"%s","vsize":%d,"fees":{"base":0.00000000,%s}},
		"%s":{"txid":"%s","vsize":%d,"fees":{"base":0.00005000,%s}}},"replaced-transactions":[]}`,
		parent.WitnessHash(), parent.TxHash(), consensus.VSize(parent), both, child.WitnessHash(), child.TxHash(), consensus.VSize(child), both)
	h.replies(want, "submitpackage", hexesOf(parent, child))
	known := fmt.Sprintf(`{"package_msg":"success","tx-results":{
		"%s":{"txid":"%s","vsize":%d,"fees":{"base":0.00000000}},
		"%s":{"txid":"%s","vsize":%d,"fees":{"base":0.00005000}}},"replaced-transactions":[]}`,
		parent.WitnessHash(), parent.TxHash(), consensus.VSize(parent), child.WitnessHash(), child.TxHash(), consensus.VSize(child))
	h.replies(known, "submitpackage", hexesOf(parent, child))
	if i := h.pool.Info(h.now()); i.Unbroadcast != 2 {
		t.Errorf("%d are not broadcast", i.Unbroadcast)
	}

	// A refusal of the whole; and of one.
	rival := spend(coins[0], 1)
	rival.Version = 3
	low := spend(rival, 5_000)
	low.Version = 3
	var got packageJSON
	h.call(&got, "submitpackage", hexesOf(rival, low))
	if got.Message != fmt.Sprintf("package RBF failed: insufficient anti-DoS fees, rejecting replacement %s, not enough additional fees to relay; 0.00000001 < 0.%08d", low.TxHash(), 2*consensus.VSize(low)) {
		t.Errorf("message %q", got.Message)
	}
	if e := got.Txs[low.WitnessHash().String()].Error; e != "bad-txns-inputs-missingorspent" {
		t.Errorf("child: %q", e)
	}
	if e := got.Txs[rival.WitnessHash().String()].Error; e != "min relay fee not met, 1 < 96" {
		t.Errorf("parent: %q", e)
	}
	high := spend(rival, 50_000)
	high.Version = 3
	h.call(&got, "submitpackage", hexesOf(rival, high))
	if got.Message != "success" || len(got.Replaced) != 2 {
		t.Errorf("%+v", got)
	}

	plain := spend(coins[1], 1_000)
	h.fails(rpc.CodeInvalidParameter, "Array must contain between 2 and 25 transactions.", "submitpackage", hexesOf(plain))
	h.fails(rpc.CodeVerify, "package topology disallowed. not child-with-parents or parents depend on each other.", "submitpackage", hexesOf(plain, spend(coins[2], 1_000)))
	h.fails(rpc.CodeDeserialization, "TX decode failed: 00 Make", "submitpackage", []string{"00", "00"})
	burnt := spend(plain, 2_000)
	burnt.TxOut = append(burnt.TxOut, &wire.TxOut{Value: 1_000, PkScript: []byte{txscript.OP_RETURN}})
	h.fails(rpc.CodeVerify, "Unspendable output exceeds maximum", "submitpackage", hexesOf(plain, burnt))
	rich := spend(plain, 50_000_000)
	h.call(&got, "submitpackage", hexesOf(plain, rich))
	if got.Message != "transaction failed" || got.Txs[rich.WitnessHash().String()].Error != "max feerate exceeded" {
		t.Errorf("%+v", got)
	}
}

func TestPrioritiseTransaction(t *testing.T) {
	h, coins := newMempoolHost(t)
	tx := spend(coins[0], 1_000)
	h.accept(tx)
	id, absent := tx.TxHash().String(), strings.Repeat("ab", 32)
	h.replies("true", "prioritisetransaction", id, 0, 700)
	h.replies("true", "prioritisetransaction", absent, nil, -5)
	h.replies(fmt.Sprintf(`{"%s":{"fee_delta":700,"in_mempool":true,"modified_fee":1700},"%s":{"fee_delta":-5,"in_mempool":false}}`, id, absent), "getprioritisedtransactions")
	var entry mempoolEntryJSON
	h.call(&entry, "getmempoolentry", id)
	if entry.Fees.Base != 1_000 || entry.Fees.Modified != 1_700 || entry.Fees.Ancestor != 1_700 || entry.Fees.Descendant != 1_700 {
		t.Errorf("%+v", entry)
	}
	h.replies("true", "prioritisetransaction", absent, nil, 5)
	h.replies(fmt.Sprintf(`{"%s":{"fee_delta":700,"in_mempool":true,"modified_fee":1700}}`, id), "getprioritisedtransactions")
	h.fails(rpc.CodeInvalidParameter, "Priority is no longer supported, dummy argument to prioritisetransaction must be 0.", "prioritisetransaction", id, 1, 700)
	// A template leaves out what looks as if it paid nothing.
	h.replies("true", "prioritisetransaction", id, 0, -1_700)
	if tpl, _, err := h.template(t.Context(), anyoneScript); err != nil || len(tpl.Entries) != 0 {
		t.Errorf("%d transactions, %v", len(tpl.Entries), err)
	}
}

func TestSaveAndImportMempool(t *testing.T) {
	h, coins := newMempoolHost(t)
	tx := spend(coins[0], 1_000)
	h.call(nil, "sendrawtransaction", hexOf(tx))
	h.call(nil, "prioritisetransaction", tx.TxHash().String(), 0, 700)
	name := filepath.Join(h.dir, "mempool.dat")
	for range 2 { // the second time there is one
		h.replies(fmt.Sprintf(`{"filename":%q}`, name), "savemempool")
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	rival := spend(coins[0], 90_000)
	h.accept(rival)
	h.mine(1)
	h.replies("{}", "importmempool", name) // its coin is gone

	// Another node with the same chain.
	other := newMiningHost(t, h.params)
	other.registerMempool(other.server)
	for height := int32(1); height < h.chain.Tip().Height; height++ {
		b, err := h.chain.Block(h.chain.ByHeight(height).Hash)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.chain.Accept(b, h.now()); err != nil {
			t.Fatal(err)
		}
	}
	other.replies("{}", "importmempool", name, map[string]any{"use_current_time": false, "apply_fee_delta_priority": true, "apply_unbroadcast_set": true})
	e := other.pool.Get(tx.TxHash())
	if e == nil || e.Delta != 700 || !e.Unbroadcast {
		t.Errorf("imported %+v", e)
	}
	h.fails(rpc.CodeMisc, "Unable to import mempool file", "importmempool", filepath.Join(h.dir, "nosuch"))
	h.fails(rpc.CodeInvalidParameter, "mempool.dat is not an absolute path", "importmempool", "mempool.dat")
	if err := os.WriteFile(name, []byte("no such thing"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.fails(rpc.CodeMisc, "Unable to import mempool file", "importmempool", name)
}
