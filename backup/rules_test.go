package backup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/network"
)

// makeRules makes a network of one's own; the source of its identity is a byte.
func makeRules(t *testing.T, id byte) (*network.Params, []byte) {
	t.Helper()
	spec, err := network.NewSpec("club", time.Unix(1_700_000_000, 0), bytes.NewReader(bytes.Repeat([]byte{id}, 256)))
	if err != nil {
		t.Fatal(err)
	}
	p, text, err := network.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p, text
}

func TestRulesLieBesideTheBackups(t *testing.T) {
	p, text := makeRules(t, 1)
	f := &fixture{T: t, chain: newChain(t, p), dir: filepath.Join(t.TempDir(), "backups"), now: time.Unix(1_700_000_000, 0)}
	f.newKeeper()
	f.keeper.Rules = text
	f.mine(5, "")
	f.wrote(5, "chain_backup_5.json")
	there, err := os.ReadFile(f.file(RulesFile))
	if err != nil || !bytes.Equal(there, text) {
		t.Fatalf("got %q, %v", there, err)
	}
	if info, err := os.Stat(f.file(RulesFile)); err != nil || info.Mode().Perm() != platform.FileMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	info, err := ReadInfo(f.file("chain_backup_5.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got, gotText, err := Rules(info); err != nil || got.Fingerprint() != p.Fingerprint() || !bytes.Equal(gotText, text) {
		t.Fatalf("rules: %v", err)
	}

	// The same rules in other words are good; others are left, and nothing is
	// written beside them.
	words := append(bytes.Clone(text), "# mine\n"...)
	f.write(RulesFile, words)
	f.mine(5, "")
	f.wrote(5, "chain_backup_10.json")
	_, others := makeRules(t, 2)
	for _, bad := range [][]byte{others, []byte("nonsense")} {
		f.write(RulesFile, bad)
		f.mine(5, "")
		err := f.keeper.Update(context.Background(), f.dir, 5, 0, func(w Written) { t.Errorf("%s was written", w.Name()) })
		if err == nil || !strings.Contains(err.Error(), RulesFile) {
			t.Errorf("got %v", err)
		}
		if there, _ := os.ReadFile(f.file(RulesFile)); !bytes.Equal(there, bad) {
			t.Error("the other rules are gone")
		}
	}
	f.write(RulesFile, others)
	if _, _, err := Rules(info); !errors.Is(err, ErrForeign) {
		t.Errorf("other rules: got %v, want %v", err, ErrForeign)
	}
	if err := os.Remove(f.file(RulesFile)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Rules(info); !errors.Is(err, ErrNoRules) {
		t.Errorf("no rules: got %v, want %v", err, ErrNoRules)
	}
}

func (f *fixture) write(name string, data []byte) {
	f.Helper()
	if err := os.WriteFile(f.file(name), data, 0o600); err != nil {
		f.Fatal(err)
	}
}
