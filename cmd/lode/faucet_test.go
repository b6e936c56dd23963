package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

const (
	faucetA = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
	faucetB = "bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde"
	faucetC = "bcrt1qzva4erlxzvafm2n3fa64ffg5j6t6ttxv6zrmmg"
)

var faucetWallets = []rpc.Wallet{
	{Number: 1, Name: "Alice", Address: faucetA},
	{Number: 2, Name: "Zoë", Address: faucetB},
	{Number: 3, Name: "twin", Address: faucetA},
	{Number: 4, Name: "Twin", Address: faucetB},
}

func TestFaucetFile(t *testing.T) {
	payees := newPayees(faucetWallets, network.Regtest())
	for text, want := range map[string][]faucetRow{
		"Alice,1.5":              {{1, "Alice", faucetA, 150_000_000}},
		"alice , 1.5\r\nzoë,2\r": {{1, "alice", faucetA, 150_000_000}, {2, "zoë", faucetB, 200_000_000}},
		"\xef\xbb\xbfname;amount\r\n\r\n2;0.1;;\r\n" + faucetC + ";1\r\n": {{3, "Zoë", faucetB, 10_000_000}, {4, faucetC, faucetC, 100_000_000}},
		"\n\nwho\thow much\n\"Alice\"\t1\n\t\n":                           {{4, "Alice", faucetA, 100_000_000}},
		"1,1\n":                                                           {{1, "Alice", faucetA, 100_000_000}},
		"# paid in May; by hand\n2,0.5\n#1,7\n":                           {{2, "Zoë", faucetB, 50_000_000}},
	} {
		rows, err := parseFaucet([]byte(text), payees)
		if err != nil || len(rows) != len(want) {
			t.Errorf("%q: %+v, %v", text, rows, err)
			continue
		}
		for i := range rows {
			if rows[i] != want[i] {
				t.Errorf("%q: row %d is %+v", text, i, rows[i])
			}
		}
	}
}

// TestFaucetRefusesEveryWrongRow: each is told with its line, and one is enough
// for nothing to be paid.
func TestFaucetRefusesEveryWrongRow(t *testing.T) {
	payees := newPayees(faucetWallets, network.Regtest())
	for text, want := range map[string]string{
		"":                               "no rows",
		"name,amount\n":                  "no rows",
		"Alice,1\nBob,1":                 `line 2: no wallet is called "Bob"`,
		"Alice,1\nAlice":                 "line 2: the amount is missing",
		"Alice,1\n,2":                    "line 2: the name is missing",
		"Alice,1\nname,amount":           `line 2: no wallet is called "name"`,
		"Alice,1,5":                      "line 1: 3 fields",
		"Alice;1,5":                      "has a comma",
		"Alice,0":                        "pays nothing",
		"Alice,-1":                       "is negative",
		"Alice,1e8":                      "exponent",
		"Alice,0.000000001":              "8 decimals",
		"Alice,21000001":                 "21000000",
		"Alice,1\n1,2":                   "line 2: Alice is paid in line 1 already",
		"Alice,1\n" + faucetA + ",2":     "is paid in line 1 already",
		"twin,1":                         "more than one wallet",
		faucetA[:len(faucetA)-1] + "q,1": "typing error",
		"bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu,1": "mainnet",
		"Alice,\"1":                          "quote",
		"Alice\x1b[31m,1":                    `"Alice?[31m"`,
		"Al\xffce,1":                         "UTF-8",
		strings.Repeat("x", maxFaucetFile+1): "larger",
	} {
		rows, err := parseFaucet([]byte(text), payees)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %+v, %v; want %q", text, rows, err, want)
		}
	}
	_, err := parseFaucet([]byte("a,1\nb,1\nAlice,1\nc,1\n"), payees)
	var rows rowsError
	if !errors.As(err, &rows) || len(rows) != 3 || !strings.HasSuffix(err.Error(), "nothing was paid") {
		t.Errorf("got %v", err)
	}
}

// TestFaucetPaysAFileOnce: the key follows from the bytes of the file; --again
// has another one each time.
func TestFaucetPaysAFileOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "class.csv")
	if err := os.WriteFile(file, []byte("Alice,1\n"+faucetC+",2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var sent []rpc.SendRequest
	paid := make(map[string]bool)
	plan := func(r rpc.SendRequest) rpc.SendPlan {
		return rpc.SendPlan{FromName: "Alice", TxID: "ab", Repeated: paid[r.Key]}
	}
	chain := methods{
		"lode_wallets": answer(faucetWallets[:2]),
		"lode_wallet":  answer(faucetWallets[0]),
		"lode_preparesend": func(params json.RawMessage) (any, *rpc.Error) {
			var r rpc.SendRequest
			unmarshal(t, params, &r)
			return plan(r), nil
		},
		"lode_send": func(params json.RawMessage) (any, *rpc.Error) {
			var r rpc.SendRequest
			unmarshal(t, params, &r)
			if paid[r.Key] {
				return plan(r), nil
			}
			sent, paid[r.Key] = append(sent, r), true
			return rpc.SendPlan{TxID: "ab"}, nil
		},
	}
	for _, run := range []struct{ args, says string }{
		{"--dry-run", "Nothing was paid."},
		{"--yes", "Paid 2 rows: ab"},
		{"--yes", "paid before: ab. Nothing was paid now"},
		{"--yes --again", "Paid 2 rows: ab"},
		{"--yes --again", "Paid 2 rows: ab"},
	} {
		p, out, notes := fakeProgram(t, "", chain)
		args := append([]string{"faucet", file, "--from", "1"}, strings.Fields(run.args)...)
		if code := p.run(context.Background(), args); code != 0 || !strings.Contains(out.String(), run.says) {
			t.Fatalf("%s: exit code %d: %s%s", run.args, code, out, notes)
		}
	}
	if len(sent) != 3 || sent[0].Key == sent[1].Key || sent[1].Key == sent[2].Key {
		t.Errorf("sent %+v", sent)
	}
	if r := sent[0].Recipients; len(r) != 2 || r[0].To != faucetA || r[1].To != faucetC || r[1].Amount != 200_000_000 {
		t.Errorf("recipients %+v", r)
	}
}
