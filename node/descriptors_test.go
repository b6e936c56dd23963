package node

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lode-chain/lode/rpc"
)

// descriptorMethods names the methods about descriptors, keys and messages.
func descriptorMethods() map[string]bool {
	h, s := &Host{}, rpc.NewServer(rpc.Config{})
	h.registerDescriptors(s)
	names := map[string]bool{}
	for _, m := range s.Methods() {
		names[m.Name] = true
	}
	delete(names, "help")
	return names
}

// TestRecordedDescriptors replays every call about descriptors, multisig
// addresses and signed messages that was made to Core.
func TestRecordedDescriptors(t *testing.T) {
	n := mustOpen(t, config(filepath.Join(t.TempDir(), "regtest"), "test"))
	mine, asked := descriptorMethods(), map[string]int{}
	for _, file := range []string{"util_and_errors.json", "wallet_and_mempool.json"} {
		for _, call := range readRecorded(t, file) {
			if mine[call.Method] && call.Path == "/" {
				asked[call.Method]++
				replay(t, n, call)
			}
		}
	}
	for name := range mine {
		if asked[name] == 0 {
			t.Errorf("no call of %s was replayed", name)
		}
	}
	t.Logf("%v", asked)
}

// TestDescriptorRefusals asks what the recorded calls do not.
func TestDescriptorRefusals(t *testing.T) {
	n := mustOpen(t, config(filepath.Join(t.TempDir(), "regtest"), "test"))
	const (
		key    = "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
		ranged = "wpkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B/0/*)#efr7m7hr"
		hybrid = "0623542d61708e3fc48ba78fbe8fcc983ba94a520bc33f82b8e45e51dbc47af2726bcf181925eee1bdd868b109314f3ea92a6fc23d6b66057d3acfba04d6b08b58"
	)
	many := strings.Split(strings.Repeat(key+" ", 21), " ")[:21]
	for _, c := range []struct {
		method  string
		params  []any
		code    rpc.Code
		message string
	}{
		{"deriveaddresses", []any{ranged}, -8, "Range must be specified for a ranged descriptor"},
		{"deriveaddresses", []any{ranged, []int{0, 1 << 31}}, -8, "End of range is too high"},
		{"deriveaddresses", []any{ranged, -1}, -8, "End of range is too high"},
		{"deriveaddresses", []any{ranged, []int{-1, 5}}, -8, "Range should be greater or equal than 0"},
		{"deriveaddresses", []any{ranged, []int{0, 1_000_000}}, -8, "Range is too large"},
		{"deriveaddresses", []any{ranged, "all"}, -8, "Range must be specified as end or as [begin,end]"},
		{"deriveaddresses", []any{"raw(6a)#l2k5l3tw", 5}, -5, "*"},
		{"deriveaddresses", []any{"multi(1," + key + ")"}, -5, "Missing checksum"},
		{"createmultisig", []any{1, []string{"zz"}}, -5, `Pubkey "zz" must be a hex string`},
		{"createmultisig", []any{1, []string{"05" + key[2:]}}, -5, `Pubkey "05` + key[2:] + `" must be cryptographically valid.`},
		{"createmultisig", []any{1, many}, -8, "Number of keys involved in the multisignature address creation > 20\nReduce the number"},
		{"createmultisig", []any{1, many[:16]}, -8, "redeemScript exceeds size limit: 547 > 520"},
		{"verifymessage", []any{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "", ""}, -3, "Address does not refer to key"},
		{"verifymessage", []any{"mpLQjfK79b7CCV4VMJWEWAj5Mpx8Up5zxB", "!", ""}, -3, "Malformed base64 encoding"},
	} {
		err := n.Client().Call(t.Context(), c.method, nil, c.params...)
		var e *rpc.Error
		if !errors.As(err, &e) || e.Code != c.code || c.message != "*" && e.Message != c.message {
			t.Errorf("%s %v: %v, want %d %s", c.method, c.params, err, c.code, c.message)
		}
	}
	for _, c := range []struct {
		params     []any
		descriptor string
		warned     bool
	}{
		{[]any{1, many[:16], "bech32"}, "wsh(multi(1,", false},
		{[]any{1, []string{key, hybrid}, "bech32"}, "addr(", true},
	} {
		var made struct {
			Address, Descriptor string
			Warnings            []string
		}
		if err := n.Client().Call(t.Context(), "createmultisig", &made, c.params...); err != nil {
			t.Errorf("%v: %v", c.params, err)
		} else if !strings.HasPrefix(made.Descriptor, c.descriptor) || (len(made.Warnings) > 0) != c.warned || made.Address == "" {
			t.Errorf("%v: %+v", c.params, made)
		}
	}
	var reply json.RawMessage
	const private = "wpkh(tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK/0/*)"
	if err := n.Client().Call(t.Context(), "getdescriptorinfo", &reply, private); err != nil || strings.Contains(string(reply), "tprv") || !strings.Contains(string(reply), `"hasprivatekeys":true`) {
		t.Errorf("%s, %v", reply, err)
	}
}
