package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestScriptStopsAtTheFirstFailure(t *testing.T) {
	var ran []string
	sh := &Shell{Run: func(_ context.Context, words []string) error {
		ran = append(ran, strings.Join(words, " "))
		switch words[0] {
		case "bad":
			return errors.New("it is bad")
		case "exit":
			return ErrLeave
		}
		return nil
	}}
	err := sh.Script(context.Background(), strings.NewReader("one\n\n# nothing\ntwo 2\nbad\nthree\n"))
	if err == nil || err.Error() != "line 5: it is bad" || !slices.Equal(ran, []string{"one", "two 2", "bad"}) {
		t.Errorf("ran %q, %v", ran, err)
	}
	ran = nil
	if err := sh.Script(context.Background(), strings.NewReader("one\nexit\nthree")); err != nil || len(ran) != 2 {
		t.Errorf("exit: ran %q, %v", ran, err)
	}
}

func TestCompletion(t *testing.T) {
	sh := &Shell{Screen: &Screen{Err: io.Discard}, Complete: func(words []string) (found []string) {
		for _, name := range []string{"wallet", "wait", "mine"} {
			if strings.HasPrefix(name, words[len(words)-1]) {
				found = append(found, name)
			}
		}
		return found
	}}
	for _, c := range []struct{ line, want string }{
		{"m", "mine "}, {"wal", "wallet "}, {"w", "wa"}, {"help m", "help mine "}, {"zz", "zz"},
	} {
		if got, pos, ok := sh.complete(c.line, len(c.line), '\t'); !ok || got != c.want || pos != len(c.want) {
			t.Errorf("%q became %q, %d, %v", c.line, got, pos, ok)
		}
	}
	if len(sh.queued) != 0 {
		t.Errorf("notices: %q", sh.queued)
	}
	sh.complete("wa", 2, '\t') // nothing to add: the choices are shown
	if !slices.Equal(sh.queued, []string{"wallet  wait"}) {
		t.Errorf("notices: %q", sh.queued)
	}
}

func TestCtrlCEmptiesTheLine(t *testing.T) {
	k := &keyReader{Reader: strings.NewReader("ab\x03c")}
	b, err := io.ReadAll(k)
	if err != nil || !bytes.Equal(b, []byte("ab\x15\x0b\rc")) || !k.interrupted {
		t.Errorf("got %q, %v, %v", b, k.interrupted, err)
	}
}

func TestHistoryIsKeptAndBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history")
	h := newHistory(file)
	h.Add("secret that the terminal adds by itself")
	h.keep("mine 5")
	h.keep("mine 5")
	h.keep("balance")
	h = newHistory(file)
	if h.Len() != 2 || h.At(0) != "balance" || h.At(1) != "mine 5" {
		t.Errorf("got %q", h.lines)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the history's mode is %v, %v", info.Mode(), err)
	}
	for range maxHistory {
		h.keep("a")
		h.keep("b")
	}
	if h.Len() != maxHistory {
		t.Errorf("%d lines are kept", h.Len())
	}
}
