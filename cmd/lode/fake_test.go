package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// methods answer the calls of a fake chain, by name.
type methods map[string]func(params json.RawMessage) (any, *rpc.Error)

// fakeProgram is the program at a plain terminal where the person types input,
// on a chain that answers with the methods given.
func fakeProgram(t *testing.T, input string, answers methods) (p *program, out, notes *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
		}
		answer, ok := answers[call.Method]
		if !ok {
			t.Errorf("unexpected call of %s", call.Method)
			answer = func(json.RawMessage) (any, *rpc.Error) { return nil, rpc.CodeMethodNotFound.New(call.Method) }
		}
		// lode's own methods take one object, wrapped or not.
		params := call.Params
		var list []json.RawMessage
		if json.Unmarshal(params, &list) == nil && len(list) > 0 {
			params = list[0]
		}
		result, refusal := answer(params)
		reply := map[string]any{"id": call.ID, "result": result, "error": refusal, "jsonrpc": "2.0"}
		if refusal != nil {
			delete(reply, "result")
		} else {
			delete(reply, "error")
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(reply); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	client := rpc.NewClient(rpc.ClientConfig{Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
	}})
	t.Cleanup(client.Close)
	out, notes = &bytes.Buffer{}, &bytes.Buffer{}
	return &program{
		screen: &console.Screen{In: io.MultiReader(strings.NewReader(input)), Out: out, Err: notes, Interactive: true, Plain: true},
		getenv: func(string) string { return "" },
		now:    func() time.Time { return time.Unix(1_000_000, 0) },
		cwd:    func() (string, error) { return t.TempDir(), nil },
		lent:   &openChain{Client: client, params: network.Regtest(), dir: t.TempDir()},
	}, out, notes
}

func answer(result any) func(json.RawMessage) (any, *rpc.Error) {
	return func(json.RawMessage) (any, *rpc.Error) { return result, nil }
}

var threeWallets = []rpc.Wallet{
	{Number: 1, Name: "Wallet1", Address: "bcrt1qaaa", Spendable: 100_000_000},
	{Number: 2, Name: "Alice", Address: "bcrt1qbbb", Immature: 5_000_000_000},
	{Number: 7, Name: "Bob", Address: "bcrt1qccc"},
}

func TestSendAsksForWhatIsLeftOut(t *testing.T) {
	var prepared, sent rpc.SendRequest
	plan := rpc.SendPlan{FromName: "Wallet1", To: "bcrt1qbbb", ToName: "Alice", Amount: 150_000_000, Fee: 141, FeeRate: 1, VSize: 141, Inputs: 1, Change: 7, Remaining: 7, Replaceable: true}
	// Sender by name in another case, receiver by number; two bad amounts; yes.
	p, out, notes := fakeProgram(t, "wallet1\n7\n1,5\n0\n1.5\nyes\n", methods{
		"lode_wallets": answer(threeWallets),
		"lode_preparesend": func(params json.RawMessage) (any, *rpc.Error) {
			return plan, unmarshal(t, params, &prepared)
		},
		"lode_send": func(params json.RawMessage) (any, *rpc.Error) {
			done := plan
			done.TxID = strings.Repeat("ab", 32)
			return done, unmarshal(t, params, &sent)
		},
		"lode_status": answer(rpc.Status{Mining: rpc.Mining{Mode: "on-tick", NextBlock: 1_000_012}}),
	})
	if code := p.run(context.Background(), []string{"send"}); code != 0 {
		t.Fatalf("exit code %d\n%s", code, notes)
	}
	if prepared.From != "1" || prepared.To != "bcrt1qccc" || prepared.Amount != 150_000_000 {
		t.Errorf("asked for %+v", prepared)
	}
	if !reflect.DeepEqual(sent, prepared) || len(sent.Key) != 32 {
		t.Errorf("sent %+v after showing %+v", sent, prepared)
	}
	for _, want := range []string{"Wallet1", "(sender)", "has a comma", "pays nothing", "Send it?"} {
		if !strings.Contains(notes.String(), want) {
			t.Errorf("%q was not shown:\n%s", want, notes)
		}
	}
	for _, want := range []string{"Fee      0.00000141  (1 sat/vB, 141 vB, 1 input)", "Remains  0.00000007", "Sent: abab", "The next block comes in 12s."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q was not printed:\n%s", want, out)
		}
	}
}

func unmarshal(t *testing.T, params json.RawMessage, v any) *rpc.Error {
	t.Helper()
	if err := json.Unmarshal(params, v); err != nil {
		t.Error(err)
	}
	return nil
}

func TestSendLeftOrDeclinedSendsNothing(t *testing.T) {
	for input, want := range map[string]int{"1\n2\n1\nno\n": exitError, "1\n2\n1\n": exitInterrupted, "": exitInterrupted} {
		p, _, notes := fakeProgram(t, input, methods{
			"lode_wallets":     answer(threeWallets),
			"lode_preparesend": answer(rpc.SendPlan{}),
		})
		if code := p.run(context.Background(), []string{"send"}); code != want {
			t.Errorf("%q: exit code %d, want %d\n%s", input, code, want, notes)
		}
		if !strings.HasSuffix(notes.String(), "nothing was done\n") {
			t.Errorf("%q: %s", input, notes)
		}
	}
}

// TestSendAsksForAnAddress: the list takes one of nobody here, and says what is
// wrong with one. Paying oneself is said.
func TestSendAsksForAnAddress(t *testing.T) {
	const outside = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
	var prepared rpc.SendRequest
	p, out, notes := fakeProgram(t, "1\nbc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu\n"+outside+"\n1\nno\n", methods{
		"lode_wallets": answer(threeWallets),
		"lode_preparesend": func(params json.RawMessage) (any, *rpc.Error) {
			return rpc.SendPlan{FromName: "Bob", Payments: []rpc.Paid{{To: outside, ToName: "Bob"}}}, unmarshal(t, params, &prepared)
		},
	})
	p.run(context.Background(), []string{"send"})
	if prepared.To != outside {
		t.Errorf("asked for %+v\n%s", prepared, notes)
	}
	if !strings.Contains(notes.String(), "mainnet") {
		t.Errorf("it was not said what is wrong:\n%s", notes)
	}
	if !strings.Contains(out.String(), "pays itself") {
		t.Errorf("not said:\n%s", out)
	}
}

func TestChoiceWithoutATerminalNamesChoicesAndFlag(t *testing.T) {
	many := slices.Repeat(threeWallets, 100)
	p, _, notes := fakeProgram(t, "", methods{"lode_wallets": answer(many)})
	p.screen.Interactive = false
	if code := p.run(context.Background(), []string{"send", "--to", "2", "--amount", "1"}); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	want := "lode: which wallet? say it with --from: 1 Wallet1, 2 Alice, 7 Bob, 1 Wallet1, 2 Alice and 295 more\n"
	if notes.String() != want {
		t.Errorf("got %q, want %q", notes, want)
	}
}

func TestLockedWalletsTakeThePassphraseFromAFile(t *testing.T) {
	p, out, notes := fakeProgram(t, "", methods{
		"lode_newwallets": func(params json.RawMessage) (any, *rpc.Error) {
			var r rpc.NewWallets
			unmarshal(t, params, &r)
			if r.Passphrase != "correct horse" {
				return nil, rpc.CodeUnlockNeeded.New("the wallets are locked")
			}
			return []rpc.WalletKeys{{Wallet: rpc.Wallet{Number: 1, Name: "Wallet1"}}}, nil
		},
		"lode_status": answer(rpc.Status{Wallets: 8}),
	})
	p.screen.Interactive = false
	if code := p.run(context.Background(), []string{"wallet", "new"}); code != exitError || !strings.Contains(notes.String(), "--passphrase-file") {
		t.Errorf("without a passphrase: %d, %s", code, notes)
	}
	p.screen.In = strings.NewReader("correct horse\nsecond line\n")
	if code := p.run(context.Background(), []string{"wallet", "new", "--passphrase-file", "-"}); code != 0 {
		t.Errorf("with the passphrase: %d, %s", code, notes)
	}
	if !strings.HasSuffix(out.String(), "Generated 1 wallet (total: 8).\n") {
		t.Errorf("got %s", out)
	}
}

func TestConsoleRunsTheSameCommandsOnItsChain(t *testing.T) {
	p, out, notes := fakeProgram(t, "", methods{"lode_wallets": answer(threeWallets)})
	sh := p.shell(p.lent)
	if err := sh.Run(context.Background(), []string{"balance", "--json"}); err != nil {
		t.Fatal(err)
	}
	if err := sh.Run(context.Background(), []string{"lode", "balance"}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "Alice"); n != 2 || strings.Count(out.String(), `"Alice"`) != 1 {
		t.Errorf("--json of one line stayed for the next:\n%s", out)
	}
	for _, words := range [][]string{{"up"}, {"console"}, {"reset"}, {"init", "x"}, {"balance", "--datadir", "x"}} {
		if err := sh.Run(context.Background(), words); err == nil {
			t.Errorf("%q ran at the console", words)
		}
	}
	if err := sh.Run(context.Background(), []string{"exit"}); err != console.ErrLeave {
		t.Errorf("exit: %v", err)
	}
	if got := sh.Complete([]string{"wallet", "re"}); !slices.Equal(got, []string{"rename", "rescan", "restore"}) {
		t.Errorf("wallet re: %q", got)
	}
	if got := sh.Complete([]string{"balance", "a"}); !slices.Equal(got, []string{"Alice"}) {
		t.Errorf("balance a: %q", got)
	}
	if got := sh.Complete([]string{"send", "--fr"}); !slices.Equal(got, []string{"--from"}) {
		t.Errorf("send --fr: %q", got)
	}
	if notes.Len() > 0 {
		t.Errorf("notes: %s", notes)
	}
}
