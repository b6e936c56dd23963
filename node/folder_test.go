package node

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lode-chain/lode/network"
)

func TestFoldersThatAreNotLodes(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string // part of the error; empty: it is taken
	}{
		"empty":            {nil, ""},
		"hidden only":      {[]string{".DS_Store"}, ""},
		"being begun":      {[]string{"lock", "lode.log", "settings"}, ""},
		"after a reset":    {[]string{"lock", "backups/chain_backup_5.json"}, ""},
		"rules":            {[]string{"network.toml", "notes.txt"}, ""},
		"wallets put back": {[]string{"wallets/wallet-1.secrets"}, ""},
		"a chain":          {[]string{"lock", "db/CURRENT", "blocks/blk00000.dat", "notes.txt"}, ""},
		"another node's":   {[]string{".lock", "blocks/blk00000.dat", "chainstate/CURRENT", "settings.json", "wallets/w/wallet.dat"}, "(it holds blocks, chainstate, settings.json and more)"},
		"blocks":           {[]string{"blocks/blk00000.dat"}, "(it holds blocks)"},
		"a lock of theirs": {[]string{"lock", "chaindata/1.ldb"}, "(it holds chaindata)"},
		"other wallets":    {[]string{"wallets/wallet.dat"}, "(it holds wallets)"},
	} {
		dir := filepath.Join(t.TempDir(), "regtest")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range c.files {
			writeTestFile(t, filepath.Join(dir, file))
		}
		err := CheckFolder(dir)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--datadir") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		before := listing(t, dir)
		if _, err := Open(t.Context(), Config{Dir: dir, Params: network.Regtest()}); err == nil {
			t.Errorf("%s: it was opened", name)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("%s: it was touched:\n%s\nbefore\n%s", name, after, before)
		}
	}
}

func writeTestFile(t *testing.T, file string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("theirs"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// listing is all names and modes below a folder, itself included.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			b.WriteString(info.Mode().String() + " " + path + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
