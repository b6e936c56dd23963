package node

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lode-chain/lode/rpc"
)

// walletReplies are the methods whose recorded calls are asked again, in their
// order.
var walletReplies = []string{
	"createwallet", "listwallets", "importdescriptors", "listdescriptors", "getwalletinfo", "getnewaddress", "getrawchangeaddress",
	"getaddressinfo", "getbalance", "getbalances", "listunspent", "listtransactions", "listlabels", "listreceivedbyaddress",
	"listreceivedbylabel", "listaddressgroupings", "listlockunspent", "listsinceblock", "getaddressesbylabel", "getreceivedbyaddress",
	"getreceivedbylabel", "gettransaction", "abandontransaction", "lockunspent", "setlabel", "signmessage", "setwalletflag",
	"keypoolrefill", "loadwallet", "unloadwallet", "listwalletdir", "createwalletdescriptor", "simulaterawtransaction",
	"importprivkey", "dumpprivkey",
	"sendrawtransaction", "invalidateblock", "reconsiderblock", "walletprocesspsbt", "createrawtransaction", "signrawtransactionwithwallet",
	"sendtoaddress", "sendmany", "send", "sendall", "bumpfee",
}

// walletsOnPurpose are the places where lode's replies about wallets differ from
// Core's, by method and field; * is every method.
var walletsOnPurpose = map[string]string{
	"*.parent_descs":                        "lode keeps the form that derives without private keys, as parent_desc has it",
	"*.timereceived":                        "rows are made of blocks: a payment counts as received when its block was made",
	"listtransactions.time":                 "as timereceived",
	"listsinceblock.time":                   "as timereceived",
	"gettransaction.time":                   "as timereceived",
	"getwalletinfo.format":                  "other files",
	"getwalletinfo.keypoolsize":             "20 addresses are watched ahead, or the range that was imported",
	"getwalletinfo.keypoolsize_hd_internal": "as keypoolsize",
	"getwalletinfo.birthtime":               "the time at which the wallet was made",
	"listdescriptors.range":                 "as keypoolsize",
}

// TestRecordedWallet asks what Core's wallet was asked, on the chain that Core
// made, fed with the blocks and transactions that Core was fed.
func TestRecordedWallet(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("validates the chain that Core made")
	}
	now := clock().Unix()
	c := config(filepath.Join(t.TempDir(), "regtest"), "test")
	c.Clock = func() time.Time { return time.Unix(now, 0) }
	n := mustOpen(t, c)
	h := n.link.host
	importVaried(t, h)
	for _, file := range []string{"chain.json", "util_and_errors.json"} {
		for _, call := range readRecorded(t, file) {
			if call.FeedBlock != "" {
				now = feed(t, h, call)
			}
		}
	}
	asked := make(map[string]int)
	for _, call := range readRecorded(t, "wallet_and_mempool.json") {
		switch {
		case call.FeedBlock != "":
			now = feed(t, h, call)
		case call.Method == "encryptwallet" && call.Error == nil:
			t.Logf("asked %v", asked)
			return // what follows depends on it
		case slices.Contains(walletReplies, call.Method):
			asked[call.Method]++
			replayWallet(t, n, c.Dir, call)
		}
	}
}

func replayWallet(t *testing.T, n *Node, dir string, call recorded) {
	t.Helper()
	params := make([]any, len(call.Params))
	for i := range call.Params {
		params[i] = call.Params[i]
	}
	name := fmt.Sprintf("%s %.80s", call.Method, call.Params)
	client := n.Client()
	if wallet, ok := strings.CutPrefix(call.Path, "/wallet/"); ok {
		client = client.OnWallet(wallet)
	}
	var result json.RawMessage
	err := client.Call(t.Context(), call.Method, &result, params...)
	if call.Error != nil {
		want := strings.ReplaceAll(call.Error.Message, "DATADIR/regtest", dir)
		var e *rpc.Error
		switch {
		case !errors.As(err, &e) || e.Code != call.Error.Code:
			t.Errorf("%s: got %v, Core has %d %s", name, err, call.Error.Code, want)
		case strings.HasPrefix(want, call.Method):
		case e.Message != want:
			t.Errorf("%s: got %q, Core has %q", name, e.Message, want)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	got, want := asRecorded(t, result), call.Result
	if call.Method == "listsinceblock" || call.Method == "listunspent" || call.Method == "listreceivedbyaddress" || call.Method == "listaddressgroupings" {
		sortRows(got)
		sortRows(want)
	}
	for _, d := range differences("", got, want) {
		if !allowed(walletsOnPurpose, call.Method, d) {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// sortRows puts rows in an order, where Core's is that of a hash table.
func sortRows(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			sortRows(inner)
		}
	case []any:
		for _, inner := range v {
			sortRows(inner)
		}
		slices.SortStableFunc(v, func(a, b any) int { return cmp.Compare(rowKey(a), rowKey(b)) })
	}
}

func rowKey(v any) string {
	if m, ok := v.(map[string]any); ok {
		return fmt.Sprint(m["txid"], m["category"], m["vout"], m["address"])
	}
	return fmt.Sprint(v)
}
