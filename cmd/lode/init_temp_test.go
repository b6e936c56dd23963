package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lode-chain/lode/internal/platform"
)

// TestSweepInits leaves what may be in use or somebody else's, and removes what a
// killed init has left.
func TestSweepInits(t *testing.T) {
	now := time.Now()
	parent := filepath.Join(t.TempDir(), "with [brackets]*")
	put := func(name string) {
		t.Helper()
		path := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("words"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	age := func(name string, by time.Duration) {
		t.Helper()
		if err := os.Chtimes(filepath.Join(parent, name), now.Add(-by), now.Add(-by)); err != nil {
			t.Fatal(err)
		}
	}
	put(".lode-init-1/init.lock") // killed
	put(".lode-init-1/acme/wallets/wallet-1.secrets")
	put(".lode-init-1/acme/db/000001.log")
	put(".lode-init-2/acme/wallets/wallet-1.secrets") // killed as it gave up the lock
	age(".lode-init-2", 2*time.Hour)
	put(".lode-init-3/acme/network.toml") // may have been made this moment
	put(".lode-init-4/acme/network.toml") // in use
	held, err := platform.TryLock(filepath.Join(parent, ".lode-init-4", initLock))
	if err != nil || held == nil {
		t.Fatal(err)
	}
	defer held.Unlock()
	age(".lode-init-4", 2*time.Hour)
	put(".lode-init-5/init.lock") // with what init does not make
	put(".lode-init-5/letter.txt")
	put(".lode-init-6/init.lock") // two networks
	put(".lode-init-6/a/x")
	put(".lode-init-6/b/x")
	put(".lode-init-own/init.lock") // not a name of init's
	put("aim/init.lock")
	if err := os.Symlink("aim", filepath.Join(parent, ".lode-init-7")); err != nil {
		t.Fatal(err)
	}
	put(".lode-init-8") // a file
	// The secrets are overwritten, not only unlinked.
	secrets, err := os.Open(filepath.Join(parent, ".lode-init-1/acme/wallets/wallet-1.secrets"))
	if err != nil {
		t.Fatal(err)
	}
	defer secrets.Close()

	for range 2 {
		if err := sweepInits(parent, now); err != nil {
			t.Fatal(err)
		}
	}
	was := make([]byte, 5)
	if n, _ := secrets.ReadAt(was, 0); string(was[:n]) == "words" {
		t.Error("the secrets can still be read")
	}
	for name, stays := range map[string]bool{
		".lode-init-1": false, ".lode-init-2": false, ".lode-init-3": true, ".lode-init-4": true, ".lode-init-5/letter.txt": true,
		".lode-init-6/b/x": true, ".lode-init-own": true, ".lode-init-7": true, "aim/init.lock": true, ".lode-init-8": true,
	} {
		if _, err := os.Lstat(filepath.Join(parent, name)); (err == nil) != stays {
			t.Errorf("%s: %v, want it there: %v", name, err, stays)
		}
	}
	if err := sweepInits(filepath.Join(parent, "nothing"), now); err != nil {
		t.Error(err)
	}
}
