package node

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// recorded is a call that was made to Bitcoin Core 28.1, with its reply. Numbers
// with a decimal point are strings, exactly as Core printed them.
type recorded struct {
	FeedBlock string      `json:"feed_block"` // instead of a call: a block to submit
	MockTime  json.Number `json:"mocktime"`   // the time to set before it

	Path   string            `json:"path"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	Status int               `json:"status"`
	Result any               `json:"result"`
	Error  *rpc.Error        `json:"error"`
}

func readRecorded(t *testing.T, name string) []recorded {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/vectors/core/rpc_transcripts", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Calls []recorded }
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file.Calls
}

// asRecorded reads a reply of ours into the recorded form.
func asRecorded(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if len(raw) > 0 {
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
	}
	return decimals(v)
}

func decimals(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(v.String(), ".e") {
			return v.String()
		}
	case []any:
		for i := range v {
			v[i] = decimals(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = decimals(v[k])
		}
	}
	return v
}

// differences lists where two replies differ, by path.
func differences(path string, got, want any) []string {
	g, ok1 := got.(map[string]any)
	w, ok2 := want.(map[string]any)
	if ok1 && ok2 {
		var list []string
		for k := range g {
			if _, ok := w[k]; !ok {
				list = append(list, path+"."+k+": not in Core's")
			}
		}
		for k := range w {
			if _, ok := g[k]; !ok {
				list = append(list, path+"."+k+": missing")
				continue
			}
			list = append(list, differences(path+"."+k, g[k], w[k])...)
		}
		slices.Sort(list)
		return list
	}
	gl, ok1 := got.([]any)
	wl, ok2 := want.([]any)
	if ok1 && ok2 && len(gl) == len(wl) {
		var list []string
		for i := range gl {
			list = append(list, differences(fmt.Sprintf("%s[%d]", path, i), gl[i], wl[i])...)
		}
		return list
	}
	if !reflect.DeepEqual(got, want) {
		return []string{fmt.Sprintf("%s: got %v, Core has %v", path, got, want)}
	}
	return nil
}

// onPurpose are the places where lode's replies differ from Core's, by method
// and path, with the reason.
var onPurpose = map[string]string{
	"getblockchaininfo.initialblockdownload":   "there are no peers to download from, so an old tip means nothing",
	"getblockchaininfo.size_on_disk":           "other files",
	"getchaintips.status":                      "Core had read the blocks in another order",
	"getmempoolinfo.usage":                     "other data structures",
	"gettxoutsetinfo.disk_size":                "other files",
	"gettxoutsetinfo.transactions":             "Core answered from coinstatsindex",
	"gettxoutsetinfo.block_info":               "Core answered from coinstatsindex",
	"gettxoutsetinfo.total_unspendable_amount": "Core answered from coinstatsindex",
}

func allowed(purpose map[string]string, method, difference string) bool {
	for place := range purpose {
		m, field, _ := strings.Cut(place, ".")
		if (m == "*" || method == m) && (strings.Contains(difference, "."+field+":") || strings.Contains(difference, "."+field+"[")) {
			return true
		}
	}
	return false
}

// TestRecordedReplies asks a host that has read the chain which Core made what
// Core was asked about it, and then feeds it the blocks and transactions that
// Core was fed.
func TestRecordedReplies(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("validates the chain that Core made")
	}
	now := clock().Unix()
	c := config(filepath.Join(t.TempDir(), "regtest"), "test")
	c.Clock = func() time.Time { return time.Unix(now, 0) }
	n := mustOpen(t, c)
	h := n.link.host
	importVaried(t, h)
	mine := coreMethods()
	asked, skipped := map[string]int{}, map[string]int{}
	for _, file := range []string{"chain.json", "util_and_errors.json", "wallet_and_mempool.json"} {
		for _, call := range readRecorded(t, file) {
			switch {
			case call.FeedBlock != "":
				now = feed(t, h, call)
			case !mine[call.Method] || call.Path != "/":
				skipped[call.Method]++
			case slices.Contains([]string{"getnetworkinfo", "uptime", "getrpcinfo"}, call.Method):
				// about the process: TestProcessMethods
			case call.Method == "gettxoutsetinfo" && len(call.Params) == 2 && call.Error == nil:
				// needs coinstatsindex
			default:
				asked[call.Method]++
				replay(t, n, call)
			}
		}
	}
	t.Logf("replayed %v", asked)
	t.Logf("not replayed %v", skipped)
	for _, m := range []string{"getblock", "getrawtransaction", "gettxoutsetinfo", "sendrawtransaction", "getmempoolentry", "invalidateblock"} {
		if asked[m] == 0 {
			t.Errorf("no call of %s was replayed", m)
		}
	}
}

// coreMethods names the methods of this file's subjects; those of mining, wallets
// and backups have tests of their own.
func coreMethods() map[string]bool {
	h, s := &Host{}, rpc.NewServer(rpc.Config{})
	h.registerControl(s)
	h.registerNetwork(s)
	h.registerChain(s)
	h.registerWait(s)
	h.registerMempool(s)
	h.registerRaw(s)
	h.registerPSBT(s)
	names := map[string]bool{}
	for _, m := range s.Methods() {
		names[m.Name] = true
	}
	return names
}

// feed gives a recorded block to the chain and returns the time of then.
func feed(t *testing.T, h *Host, call recorded) int64 {
	t.Helper()
	when, err := call.MockTime.Int64()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(call.FeedBlock)
	if err != nil {
		t.Fatal(err)
	}
	block, err := consensus.DecodeBlock(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.chain.Accept(block, time.Unix(when, 0)); err != nil {
		t.Fatal(err)
	}
	return when
}

func replay(t *testing.T, n *Node, call recorded) {
	t.Helper()
	params := make([]any, len(call.Params))
	for i := range call.Params {
		params[i] = call.Params[i]
	}
	name := fmt.Sprintf("%s %.80s", call.Method, call.Params)
	var result json.RawMessage
	err := n.Client().Call(t.Context(), call.Method, &result, params...)
	if call.Error != nil {
		var e *rpc.Error
		switch {
		case !errors.As(err, &e) || e.Code != call.Error.Code:
			t.Errorf("%s: got %v, Core has %d %s", name, err, call.Error.Code, call.Error.Message)
		case strings.HasPrefix(call.Error.Message, call.Method): // its help text, ours is our own
		case e.Message != call.Error.Message:
			t.Errorf("%s: got %q, Core has %q", name, e.Message, call.Error.Message)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, d := range differences("", asRecorded(t, result), call.Result) {
		if !allowed(onPurpose, call.Method, d) {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestProcessMethods holds replies about the process against Core's by their
// shape.
func TestProcessMethods(t *testing.T) {
	n := mustOpen(t, config(filepath.Join(t.TempDir(), "regtest"), "test"))
	var info struct {
		Active []struct {
			Method   string
			Duration int64
		} `json:"active_commands"`
		Log string `json:"logpath"`
	}
	if err := n.Client().Call(t.Context(), "getrpcinfo", &info); err != nil || len(info.Active) != 1 || info.Active[0].Method != "getrpcinfo" {
		t.Errorf("%+v, %v", info, err)
	}
	for _, call := range readRecorded(t, "util_and_errors.json") {
		if call.Method != "getnetworkinfo" {
			continue
		}
		var result json.RawMessage
		if err := n.Client().Call(t.Context(), call.Method, &result); err != nil {
			t.Fatal(err)
		}
		for _, d := range differences("", asRecorded(t, result), call.Result) {
			if strings.HasSuffix(d, "missing") || strings.HasSuffix(d, "not in Core's") {
				t.Error(d)
			}
		}
	}
	var uptime int64
	if err := n.Client().Call(t.Context(), "uptime", &uptime); err != nil || uptime < 0 || uptime > 60 {
		t.Errorf("uptime %d, %v", uptime, err)
	}
}

// TestTransactionShapes holds decoded transactions against Core's bitcoin-tx
// files, whose addresses are mainnet's.
func TestTransactionShapes(t *testing.T) {
	data, err := os.ReadFile("../testdata/vectors/core/tx_hex_to_json.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name       string
		ZeroInputs bool `json:"zero_inputs"`
		JSON       map[string]any
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	mainnet := *network.Regtest()
	mainnet.PubKeyHashPrefix, mainnet.ScriptHashPrefix, mainnet.HRP = 0, 5, "bc"
	for _, c := range cases {
		text := c.JSON["hex"].(string)
		raw, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		decode := consensus.GuessTx
		if c.ZeroInputs {
			decode = consensus.DecodeTxNoWitness
		}
		tx, err := decode(raw)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		j := describeTx(tx, &mainnet, nil, false)
		j.Hex = text
		raw, err = json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		var got any // with plain numbers: the files have 1.5 for 1.50000000
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		for _, d := range differences("", got, c.JSON) {
			t.Errorf("%s: %s", c.Name, d)
		}
	}
}

// TestDecodeScript holds decodescript against the cases of Core's own test.
func TestDecodeScript(t *testing.T) {
	data, err := os.ReadFile("../testdata/vectors/core/rpc_decodescript.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases [][2]json.RawMessage
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	n := mustOpen(t, config(filepath.Join(t.TempDir(), "regtest"), "test"))
	for _, c := range cases {
		var result json.RawMessage
		if err := n.Client().Call(t.Context(), "decodescript", &result, c[0]); err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		for _, d := range differences("", asRecorded(t, result), asRecorded(t, c[1])) {
			t.Errorf("%s: %s", c[0], d)
		}
	}
}

// TestDisassemble has what Core's vectors of decodescript do not.
func TestDisassemble(t *testing.T) {
	signature := "30440220" + strings.Repeat("11", 32) + "0220" + strings.Repeat("22", 32)
	for script, want := range map[string]string{
		"":                                 "",
		"00":                               "0",
		"4f":                               "-1",
		"60":                               "16",
		"50":                               "OP_RESERVED",
		"61":                               "OP_NOP",
		"b1":                               "OP_CHECKLOCKTIMEVERIFY",
		"b9":                               "OP_NOP10",
		"ba":                               "OP_CHECKSIGADD",
		"bb":                               "OP_UNKNOWN",
		"ff":                               "OP_INVALIDOPCODE",
		"0181":                             "-1",
		"0180":                             "0",
		"04ffffffff":                       "-2147483647",
		"04ffffff7f":                       "2147483647",
		"0501020304ff":                     "01020304ff",
		"4c00":                             "0",
		"02aa":                             "[error]",
		"51" + "4d":                        "1 [error]",
		"47" + signature + "01":            signature + "[ALL]",
		"47" + signature + "83":            signature + "[SINGLE|ANYONECANPAY]",
		"47" + signature + "04":            signature + "04",
		"6a" + "47" + signature + "01":     "OP_RETURN " + signature + "01",
		"47" + "31" + signature[2:] + "01": "31" + signature[2:] + "01",
	} {
		raw, err := hex.DecodeString(script)
		if err != nil {
			t.Fatal(err)
		}
		if got := disassemble(raw, true); got != want {
			t.Errorf("%s: got %s, want %s", script, got, want)
		}
	}
}
