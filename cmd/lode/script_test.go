package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this program as lode, each time in a process of
// its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lode": func() { os.Exit(run()) }})
}

// TestScript runs the specification of the command line: each script in
// testdata/script has a data directory of its own.
func TestScript(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("LODE_DATADIR", filepath.Join(env.WorkDir, "data"))
			env.Setenv("CHAINS", filepath.Join(root, "testdata", "chains"))
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"json":    checkJSON,
			"keep":    keepJSON,
			"appears": appears,
			"exit":    exitStatus,
			"endsin":  endsIn,
			"replace": replace,
		},
	})
}

// at follows a path such as wallets.0.name or coins.txouts into a JSON value.
// "len" is the length of a list.
func at(v any, path string) (any, error) {
	if path == "." {
		return v, nil
	}
	for _, key := range strings.Split(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			next, ok := node[key]
			if !ok {
				return nil, fmt.Errorf("%s: there is no %q", path, key)
			}
			v = next
		case []any:
			if key == "len" {
				v = json.Number(strconv.Itoa(len(node)))
				continue
			}
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(node) {
				return nil, fmt.Errorf("%s: a list of %d has no %q", path, len(node), key)
			}
			v = node[i]
		default:
			return nil, fmt.Errorf("%s: %q of %v", path, key, node)
		}
	}
	return v, nil
}

func readJSON(ts *testscript.TestScript, name string) any {
	var v any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(name)))
	d.UseNumber()
	ts.Check(d.Decode(&v))
	return v
}

// checkJSON is: json FILE PATH VALUE, or json FILE PATH to ask that it is there.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: json file path [value]")
	}
	got, err := at(readJSON(ts, args[0]), args[1])
	if neg && len(args) == 2 {
		if err == nil {
			ts.Fatalf("%s is there: %v", args[1], got)
		}
		return
	}
	ts.Check(err)
	if len(args) == 3 && (fmt.Sprint(got) == args[2]) == neg {
		ts.Fatalf("%s is %v", args[1], got)
	}
}

// keepJSON is: keep VARIABLE FILE PATH [REGEXP]. It sets an environment variable
// to the value, or to the part of it in the expression's parentheses.
func keepJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 || neg {
		ts.Fatalf("usage: keep variable file path [regexp]")
	}
	got, err := at(readJSON(ts, args[1]), args[2])
	ts.Check(err)
	text := fmt.Sprint(got)
	if len(args) > 3 {
		found := regexp.MustCompile(args[3]).FindStringSubmatch(text)
		if len(found) != 2 {
			ts.Fatalf("%s is %s: no %s in it", args[2], text, args[3])
		}
		text = found[1]
	}
	ts.Setenv(args[0], text)
}

// appears is: appears FILE. It waits until another process has made the file.
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: appears file")
	}
	deadline := time.Now().Add(30 * time.Second)
	for file := ts.MkAbs(args[0]); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s did not appear", args[0])
		}
	}
}

// exitStatus is: exit CODE COMMAND…. It runs a command that must end with it.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: exit code command args…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
	if args[0] != "0" {
		if text := ts.ReadFile("stderr"); strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "lode: ") {
			ts.Fatalf("want one line that begins with lode: on standard error, got %q", text)
		}
	}
}

// endsIn is: endsin FILE TEXT. The file's last line must be just that.
func endsIn(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: endsin file text")
	}
	if strings.HasSuffix("\n"+ts.ReadFile(args[0]), "\n"+args[1]+"\n") == neg {
		ts.Fatalf("%s ends otherwise", args[0])
	}
}

// replace is: replace FILE OLD NEW. The old text must be there once.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 || neg {
		ts.Fatalf("usage: replace file old new")
	}
	text := ts.ReadFile(args[0])
	if strings.Count(text, args[1]) != 1 {
		ts.Fatalf("%s does not have %q once", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}
