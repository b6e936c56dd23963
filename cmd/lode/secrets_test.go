//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// The secrets of the session below, none of them published.
const (
	sessionWords      = "legal winner thank year wave sausage worth useful legal winner thank yellow"
	sessionKey        = "5a1f9c3e77b0d42586e9a1c4f3d20b6817954ace08fb63d1e27c90a4bd3f6581"
	sessionPassphrase = "Tiefer-Brunnen-41"
	sessionNext       = "Hoher-Turm-97"
	sessionBackup     = "Leiser-Wald-13"
)

// needles are the forms in which a session's secrets could turn up.
func needles(t *testing.T) map[string]string {
	t.Helper()
	params := network.Regtest()
	raw, err := hex.DecodeString(sessionKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := address.ParsePrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	seed := keys.Seed(sessionWords, "")
	first, err := keys.DerivePath(seed, "m/84'/1'/0'/0/0")
	if err != nil {
		t.Fatal(err)
	}
	master, err := keys.NewMaster(seed)
	if err != nil {
		t.Fatal(err)
	}
	account, err := master.Derive(84+keys.Hardened, 1+keys.Hardened, keys.Hardened)
	if err != nil {
		t.Fatal(err)
	}
	extended := func(k *keys.ExtendedKey) string {
		text, err := k.EncodePrivate(params)
		if err != nil {
			t.Fatal(err)
		}
		return text[:60]
	}
	list := map[string]string{
		"the words":                       sessionWords,
		"half of the words":               strings.Join(strings.Fields(sessionWords)[2:7], " "),
		"the words in base64":             base64.StdEncoding.EncodeToString([]byte(sessionWords))[:40],
		"the seed":                        hex.EncodeToString(seed),
		"the key":                         sessionKey,
		"the key's bytes":                 string(raw),
		"the key in base64":               base64.StdEncoding.EncodeToString(raw)[:40],
		"the hex of the key in base64":    base64.StdEncoding.EncodeToString([]byte(sessionKey))[:40],
		"the key's WIF":                   address.EncodeWIF(key, true, params),
		"the first address's key":         hex.EncodeToString(first.Serialize()),
		"the first address's key as WIF":  address.EncodeWIF(first, true, params),
		"the first address's key's bytes": string(first.Serialize()),
		"the passphrase":                  sessionPassphrase,
		"the second passphrase":           sessionNext,
		"the backup's passphrase":         sessionBackup,
		"the master key":                  extended(master),
		"the account's key":               extended(account),
		"the passphrase in base64":        base64.StdEncoding.EncodeToString([]byte(sessionPassphrase))[:20],
	}
	return list
}

// session is a data directory and all that its commands have said.
type session struct {
	t    *testing.T
	lode string
	work string
	said bytes.Buffer
}

func (s *session) file(name, text string) string {
	s.t.Helper()
	name = filepath.Join(s.work, name)
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

func (s *session) command(args ...string) *exec.Cmd {
	c := exec.Command(s.lode, args...)
	c.Env = append(os.Environ(), "LODE_DATADIR="+filepath.Join(s.work, "data"))
	c.Dir = s.work
	return c
}

// run runs a command and keeps what it says; ok is whether it is to succeed.
func (s *session) run(ok bool, args ...string) {
	s.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	fmt.Fprintf(&s.said, "$ lode %s\n%s\n", strings.Join(args, " "), out)
	if (err == nil) != ok {
		s.t.Errorf("lode %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// look searches data for the secrets.
func look(t *testing.T, where string, data []byte, list map[string]string) {
	t.Helper()
	lower := bytes.ToLower(data)
	for what, needle := range list {
		if bytes.Contains(data, []byte(needle)) || len(needle) == 64 && bytes.Contains(lower, []byte(strings.ToLower(needle))) {
			t.Errorf("%s is in %s", what, where)
		}
	}
}

// TestSecretsStaySecret lives a full life with known words, keys and passphrases
// and looks for them afterwards, and meanwhile, in everything that anybody else
// could read: all files of the data directory, the log, what commands print that
// were not asked for secrets, arguments and environment of the processes, the
// replies of all RPC methods, and events.
func TestSecretsStaySecret(t *testing.T) {
	s := &session{t: t, lode: filepath.Join(t.TempDir(), "lode"), work: t.TempDir()}
	if err := os.Symlink(os.Args[0], s.lode); err != nil {
		t.Fatal(err)
	}
	list := needles(t)
	words, key := s.file("words", sessionWords), s.file("key", sessionKey)
	one, two, three := s.file("one", sessionPassphrase), s.file("two", sessionNext), s.file("three", sessionBackup)
	wrong := s.file("wrong", "not it")

	s.run(true, "wallet", "passphrase", "set", "--new-passphrase-file", one)
	s.run(true, "wallet", "restore", "--name", "Words", "--passphrase-file", one, words)
	s.run(true, "wallet", "import", "--name", "Key", "--passphrase-file", one, key)
	s.run(true, "mine", "101", "--to", "Words")

	up := s.command("up", "--no-mining", "--rpc-port", "0", "--passphrase-file", one, "--ready-file", "ready")
	up.Stdout = &s.said // read when it has ended
	up.Stderr = up.Stdout
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- up.Wait() }()
	stopped := false
	defer func() {
		if !stopped {
			_ = up.Process.Kill()
			<-ended
		}
	}()
	status := s.awaitReady(ended)
	host := &session{t: t, lode: s.lode, work: s.work}
	host.run(true, "wallet", "list", "--json")
	host.run(true, "wallet", "show", "Words")
	host.run(true, "send", "--from", "Words", "--to", "Key", "--amount", "1.5", "--yes")
	host.run(true, "mine", "1", "--to", "Words")
	host.run(true, "wallet", "backup", "Words", "--to", "words.age", "--backup-passphrase-file", three, "--passphrase-file", one)
	host.run(true, "wallet", "lock")
	host.run(true, "wallet", "unlock", "--passphrase-file", one, "--for", "10m")
	host.run(true, "wallet", "passphrase", "change", "--passphrase-file", one, "--new-passphrase-file", two)
	host.run(true, "wallet", "archive", "Key")
	host.run(true, "status", "--json")
	// What goes wrong must not tell either: words with a slip, a key as a name, a
	// passphrase in the wrong place.
	host.run(false, "wallet", "passphrase", "change", "--passphrase-file", wrong, "--new-passphrase-file", three)
	host.run(false, "wallet", "restore", "--passphrase-file", two, s.file("slip", strings.Replace(sessionWords, "winner", "wimmer", 1)))
	host.run(false, "wallet", "restore", "--passphrase-file", two, key)
	host.run(false, "wallet", "import", "--passphrase-file", two, words)
	host.run(false, "wallet", "import", "--passphrase-file", two, s.file("long", sessionKey+"00"))
	host.run(false, "wallet", "restore", "--from", "words.age", "--backup-passphrase-file", wrong, "--passphrase-file", two)
	host.run(false, "wallet", "restore", "--from", words, "--backup-passphrase-file", three, "--passphrase-file", two)
	host.run(false, "wallet", "show", "Words", "--show-words", "--passphrase-file", wrong)
	host.run(false, "wallet", "delete", "Words", "--yes", "--with-coins", "--words-file", key, "--passphrase-file", two)
	look(t, "what commands print", host.said.Bytes(), list)
	if !strings.Contains(host.said.String(), "Words") {
		t.Error("the commands said nothing")
	}

	lookAtProcess(t, up.Process.Pid, list)
	s.lookAtReplies(status, list)
	if out, err := s.command("stop").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := <-ended; err != nil {
		t.Errorf("lode up: %v\n%s", err, s.said.Bytes())
	}
	stopped = true
	look(t, "what lode up prints", s.said.Bytes(), list)
	files := 0
	err := filepath.WalkDir(filepath.Join(s.work, "data"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		look(t, path, data, list)
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
	backup, err := os.ReadFile(filepath.Join(s.work, "words.age"))
	if err != nil {
		t.Fatal(err)
	}
	look(t, "the backup", backup, list)

	// The search finds what is there: asked for, the words are shown.
	out, err := s.command("wallet", "show", "Words", "--show-words", "--passphrase-file", two).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(sessionWords)) {
		t.Errorf("the words are not shown even when asked for: %v", err)
	}
}

// awaitReady waits for the ready file.
func (s *session) awaitReady(ended chan error) rpc.Status {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case err := <-ended:
			s.t.Fatalf("lode up has ended: %v", err)
		case <-deadline:
			s.t.Fatal("lode up is not ready")
		case <-time.After(10 * time.Millisecond):
		}
		data, err := os.ReadFile(filepath.Join(s.work, "ready"))
		if err != nil {
			continue
		}
		var status rpc.Status
		if err := json.Unmarshal(data, &status); err != nil {
			s.t.Fatal(err)
		}
		return status
	}
}

// lookAtProcess looks at what others may see of a process, and that its memory
// is not left in a core file.
func lookAtProcess(t *testing.T, pid int, list map[string]string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	for _, name := range []string{"cmdline", "environ"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if os.IsPermission(err) {
			continue // nobody but root may read it
		}
		if err != nil {
			t.Error(err)
		}
		look(t, name, data, list)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(limits), "\n") {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max core file size") && (f[4] != "0" || f[5] != "0") {
			t.Errorf("core files are allowed: %s", line)
		}
	}
}

// asked are the methods whose reply is a secret, or that end the host, or wait.
var asked = map[string]bool{
	"lode_newwallets": true, "lode_stop": true, "stop": true, "lode_events": true, "waitfornewblock": true,
}

// given are the methods that take a secret. Others may keep what they are given,
// such as a label.
var given = []string{
	"walletpassphrase", "walletpassphrasechange", "encryptwallet", "importdescriptors", "getdescriptorinfo", "signmessagewithprivkey",
	"signrawtransactionwithkey", "lode_unlock", "lode_changepassphrase", "lode_removepassphrase", "lode_setpassphrase", "lode_walletkeys",
	"lode_importkey", "lode_restorewords", "lode_restorewallet", "lode_backupwallet", "lode_adoptwallet", "lode_deletewallet", "lode_send",
}

// lookAtReplies calls every method, without parameters, with secrets in the place
// of the first, and with its example, over HTTP as any client does.
func (s *session) lookAtReplies(status rpc.Status, list map[string]string) {
	s.t.Helper()
	cookie, err := os.ReadFile(status.CookieFile)
	if err != nil {
		s.t.Fatal(err)
	}
	user, password, _ := strings.Cut(string(cookie), ":")
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	call := func(method string, params any) []byte {
		body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
		if err != nil {
			s.t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, time.Second) // some wait for something
		defer cancel()
		request, err := http.NewRequestWithContext(short, http.MethodPost, status.RPCURL, bytes.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		request.SetBasicAuth(user, password)
		reply, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil
		}
		defer reply.Body.Close()
		data, _ := io.ReadAll(reply.Body)
		return data
	}
	var help struct{ Result string }
	if err := json.Unmarshal(call("help", []any{}), &help); err != nil {
		s.t.Fatal(err)
	}
	look(s.t, "the reply of help", []byte(help.Result), list)
	methods := 0
	for _, line := range strings.Split(help.Result, "\n") {
		method, _, _ := strings.Cut(line, " ")
		if method == "" || method == "==" || asked[method] {
			continue
		}
		methods++
		look(s.t, "the reply of help "+method, call("help", []any{method}), list)
		all := []any{[]any{}, map[string]any{"wallet": "Words"}}
		if slices.Contains(given, method) {
			all = append(all,
				[]any{sessionNext + "x"}, []any{sessionNext + "x", 1}, []any{sessionNext + "x", sessionBackup}, []any{sessionKey + "0"}, []any{sessionWords, 5},
				map[string]any{"wallet": "Words", "passphrase": sessionNext + "x"}, map[string]any{"passphrase": sessionNext + "x", "new_passphrase": sessionBackup},
				map[string]any{"mnemonic": strings.Replace(sessionWords, "legal", "legol", 1)}, map[string]any{"key": sessionKey + "0"},
				map[string]any{"wallet": "Words", "passphrase": sessionNext, "words": sessionKey, "key": sessionWords, "with_coins": true},
				map[string]any{"passphrase": []any{sessionNext}}, map[string]any{sessionNext: 1},
			)
		}
		for _, params := range all {
			// What somebody sends may come back to him, as in "no wallet is called …".
			sent, hits := fmt.Sprint(params), maps.Clone(list)
			maps.DeleteFunc(hits, func(_, needle string) bool { return strings.Contains(sent, needle) })
			look(s.t, fmt.Sprintf("the reply of %s to %.60s", method, sent), call(method, params), hits)
		}
	}
	if methods < 60 {
		s.t.Errorf("%d methods were called", methods)
	}
	look(s.t, "the events", call("lode_events", map[string]any{"since": 0, "timeout": 0}), list)
}
