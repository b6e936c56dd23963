package node

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

// coreTx is what gettransaction is asked for here.
type coreTx struct {
	Confirmations int64    `json:"confirmations"`
	Trusted       *bool    `json:"trusted"`
	Conflicts     []string `json:"walletconflicts"`
	InPool        []string `json:"mempoolconflicts"`
	Details       []struct {
		Category  string `json:"category"`
		Abandoned bool   `json:"abandoned"`
	} `json:"details"`
	Hex string `json:"hex"`
}

func (p *purse) coreTx(wallet, txid string) coreTx {
	p.t.Helper()
	var tx coreTx
	if err := p.OnWallet(wallet).Call(p.t.Context(), "gettransaction", &tx, txid); err != nil {
		p.t.Fatal(err)
	}
	return tx
}

// bestBlock returns the hash of the tip.
func (p *purse) bestBlock() string {
	p.t.Helper()
	var hash string
	p.core(&hash, "getbestblockhash")
	return hash
}

// TestReorganisedPayment follows a payment from the mempool into a block, out of
// it and into another.
func TestReorganisedPayment(t *testing.T) {
	p := demo(t, 2)
	sent := p.pay("1", "2", coin)
	if tx := p.coreTx("1", sent.TxID); tx.Confirmations != 0 || tx.Trusted == nil || !*tx.Trusted {
		t.Errorf("waiting: %+v", tx)
	}
	if tx := p.coreTx("2", sent.TxID); tx.Trusted == nil || *tx.Trusted {
		t.Errorf("waiting, at the other: %+v", tx)
	}
	p.mine(1, "1")
	tip := p.bestBlock()
	if tx := p.coreTx("2", sent.TxID); tx.Confirmations != 1 || tx.Trusted != nil {
		t.Errorf("in a block: %+v", tx)
	}
	p.core(nil, "invalidateblock", tip)
	if tx := p.coreTx("2", sent.TxID); tx.Confirmations != 0 {
		t.Errorf("taken back: %+v", tx)
	}
	var since struct {
		Transactions, Removed []struct {
			TxID          string `json:"txid"`
			Confirmations int64  `json:"confirmations"`
		}
	}
	if err := p.OnWallet("2").Call(t.Context(), "listsinceblock", &since, tip); err != nil || len(since.Removed) == 0 || since.Removed[0].TxID != sent.TxID {
		t.Errorf("%+v, %v", since, err)
	}
	p.core(nil, "reconsiderblock", tip)
	p.mine(1, "1")
	if tx := p.coreTx("2", sent.TxID); tx.Confirmations != 2 {
		t.Errorf("deeper: %+v", tx)
	}
}

// TestConflictedPayment makes a payment lose to another that a block has: it is
// shown as conflicted, its change counts no more, and it cannot be abandoned.
func TestConflictedPayment(t *testing.T) {
	p := demo(t, 2)
	sent := p.pay("1", "2", coin)
	waiting := p.coreTx("1", sent.TxID)
	if _, err := p.abandon("1", sent.TxID); err == nil {
		t.Error("a payment that waits can be abandoned")
	}
	balance := p.wallet("1").Spendable
	// Another payment of the same coins, by a template of its own.
	rival := p.rival(sent.TxID)
	var mined struct{ Hash string }
	p.core(&mined, "generateblock", p.wallet("2").Address, []string{rival})
	tx := p.coreTx("1", sent.TxID)
	if tx.Confirmations != -1 || len(tx.Conflicts) != 1 || tx.Trusted == nil || *tx.Trusted {
		t.Errorf("conflicted: %+v", tx)
	}
	other := p.coreTx("1", tx.Conflicts[0])
	if other.Confirmations != 1 || !slices.Equal(other.Conflicts, []string{sent.TxID}) {
		t.Errorf("its rival: %+v", other)
	}
	if _, err := p.abandon("1", sent.TxID); err == nil {
		t.Error("a payment that lost can be abandoned")
	}
	if after := p.wallet("1").Spendable; after == balance {
		t.Errorf("the balance is as before, %s", after)
	}
	var list []struct {
		TxID          string `json:"txid"`
		Confirmations int64  `json:"confirmations"`
	}
	p.core(&list, "listtransactions", "*", 100)
	if !slices.ContainsFunc(list, func(row struct {
		TxID          string `json:"txid"`
		Confirmations int64  `json:"confirmations"`
	},
	) bool {
		return row.TxID == sent.TxID && row.Confirmations == -1
	}) {
		t.Error("it is not listed")
	}
	// Taken back, it is in the mempool again, or waits to be.
	p.core(nil, "invalidateblock", mined.Hash)
	if tx := p.coreTx("1", sent.TxID); tx.Confirmations != 0 || tx.Hex != waiting.Hex {
		t.Errorf("after the reorganisation: %+v", tx)
	}
	if _, err := p.abandon("1", "00"+sent.TxID[2:]); err == nil {
		t.Error("a transaction that is not there can be abandoned")
	}
}

func (p *purse) abandon(wallet, txid string) (any, error) {
	var result any
	err := p.OnWallet(wallet).Call(p.t.Context(), "abandontransaction", &result, txid)
	return result, err
}

// rival signs another payment of a payment's coins and returns it in hex.
func (p *purse) rival(txid string) string {
	p.t.Helper()
	var raw string
	p.core(&raw, "getrawtransaction", txid)
	serialized, err := hex.DecodeString(raw)
	if err != nil {
		p.t.Fatal(err)
	}
	tx, err := consensus.DecodeTx(serialized)
	if err != nil {
		p.t.Fatal(err)
	}
	var total int64
	for _, in := range tx.TxIn {
		var out struct{ Value rpc.Amount }
		p.core(&out, "gettxout", in.PreviousOutPoint.Hash.String(), in.PreviousOutPoint.Index, false)
		total += int64(out.Value)
		in.Witness, in.SignatureScript = nil, nil
	}
	script, _, err := p.host().payeeScript(p.t.Context(), "1")
	if err != nil {
		p.t.Fatal(err)
	}
	tx.TxOut = []*wire.TxOut{wire.NewTxOut(total-5_000, script)}
	var signed struct {
		Hex      string
		Complete bool
	}
	if err := p.OnWallet("1").Call(p.t.Context(), "signrawtransactionwithwallet", &signed, hexOf(tx)); err != nil || !signed.Complete {
		p.t.Fatalf("%+v, %v", signed, err)
	}
	return signed.Hex
}

// TestReplacedPayment shows a payment that was replaced, and gives it up.
func TestReplacedPayment(t *testing.T) {
	p := demo(t, 2)
	sent := p.pay("1", "2", coin)
	var bumped struct{ TxID string }
	if err := p.OnWallet("1").Call(t.Context(), "bumpfee", &bumped, sent.TxID); err != nil {
		t.Fatal(err)
	}
	old := p.coreTx("1", sent.TxID)
	if old.Confirmations != 0 || *old.Trusted || !slices.Equal(old.InPool, []string{bumped.TxID}) || !slices.Equal(old.Conflicts, []string{bumped.TxID}) {
		t.Errorf("replaced: %+v", old)
	}
	if tx := p.coreTx("1", bumped.TxID); !*tx.Trusted || !slices.Equal(tx.Conflicts, []string{sent.TxID}) {
		t.Errorf("its replacement: %+v", tx)
	}
	if w := p.wallet("2"); w.Pending != coin {
		t.Errorf("the payee counts one of them: %+v", w)
	}
	if _, err := p.abandon("1", sent.TxID); err != nil {
		t.Errorf("abandon: %v", err)
	}
	if old := p.coreTx("1", sent.TxID); !old.Details[0].Abandoned {
		t.Errorf("abandoned: %+v", old)
	}
	p.mine(1, "1")
	if old := p.coreTx("1", sent.TxID); old.Confirmations != -1 {
		t.Errorf("its replacement is in a block: %+v", old)
	}
}

// TestLockedCoins keeps coins from being chosen, through a restart.
func TestLockedCoins(t *testing.T) {
	p := demo(t, 2)
	type row struct {
		TxID   string     `json:"txid"`
		Vout   int64      `json:"vout"`
		Amount rpc.Amount `json:"amount"`
	}
	var coins []row
	p.core(&coins, "listunspent")
	locked := []map[string]any{}
	for _, c := range coins[1:] {
		locked = append(locked, map[string]any{"txid": c.TxID, "vout": c.Vout})
	}
	p.core(nil, "lockunspent", false, locked)
	refused(t, p.Call(t.Context(), "lockunspent", nil, false, locked[:1]), rpc.CodeInvalidParameter, "output already locked")
	p.shut()
	p = newPurse(t, p.dir)
	var left, list []row
	p.core(&left, "listunspent")
	p.core(&list, "listlockunspent")
	if len(left) != 1 || left[0].TxID != coins[0].TxID || len(list) != len(locked) {
		t.Errorf("%d left, %d locked", len(left), len(list))
	}
	_, err := p.Send(t.Context(), rpc.SendRequest{From: "1", To: "2", Amount: coins[0].Amount + 1})
	refused(t, err, rpc.CodeInsufficientFunds)
	p.core(nil, "lockunspent", true)
	refused(t, p.Call(t.Context(), "lockunspent", nil, true, locked[:1]), rpc.CodeInvalidParameter, "expected locked output")
	p.pay("1", "2", coins[0].Amount+1)
}

// TestOrphanedReward loses a block's reward with the block.
func TestOrphanedReward(t *testing.T) {
	p := demo(t, 2)
	before := p.wallet("2")
	p.mine(1, "2")
	if w := p.wallet("2"); w.Immature <= before.Immature {
		t.Errorf("%+v", w)
	}
	p.core(nil, "invalidateblock", p.bestBlock())
	if w := p.wallet("2"); w.Immature != before.Immature || w.Spendable != before.Spendable {
		t.Errorf("%+v, before %+v", w, before)
	}
}
