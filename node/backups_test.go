package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// backupNode is a host with backups on.
func backupNode(t testing.TB, dir string, every int) *Node {
	t.Helper()
	n, err := Open(t.Context(), Config{
		Dir: dir, Params: network.Regtest(), Command: "test", Version: "1.2.3",
		Settings: rpc.Settings{BackupEvery: every}, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// generate mines blocks that anyone may spend.
func generate(t testing.TB, n *Node, blocks int) {
	t.Helper()
	h := n.link.host
	mined, err := h.generate(t.Context(), blocks, anyoneScript, 0)
	if err != nil || len(mined.hashes) != blocks {
		t.Fatalf("%d blocks (%v)", len(mined.hashes), err)
	}
}

// names returns what lies in a folder.
func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// awaitEvent waits for an event of a kind after a position.
func awaitEvent(t *testing.T, n *Node, since uint64, kind string) (rpc.Event, uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		events, err := n.Client().Events(ctx, rpc.EventsRequest{Since: &since, Timeout: 60})
		if err != nil {
			t.Fatalf("wait for %s: %v", kind, err)
		}
		since = events.Next
		for _, e := range events.Events {
			if e.Kind == kind {
				return e, since
			}
		}
	}
}

func TestBackupsWhileRunning(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	n := backupNode(t, dir, 5)
	generate(t, n, 5)
	event, since := awaitEvent(t, n, 0, "backup")
	if event.Height != 5 || event.Text != "backup chain_backup_5.json: blocks 1 to 5" || event.Hash != n.link.host.chain.Tip().Hash.String() {
		t.Errorf("event %+v", event)
	}
	own := filepath.Join(dir, "backups")
	if s := status(t, n); s.BackupDir != own || s.BackupError != "" {
		t.Errorf("status: %q, %q", s.BackupDir, s.BackupError)
	}

	// A folder that cannot be used is refused. One that cannot be used any more:
	// the chain goes on, and so do backups when there is one.
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := n.Client().Settings(t.Context(), rpc.Settings{BackupDir: filepath.Join(dir, "file", "x")})
	if err == nil || !strings.Contains(err.Error(), "cannot be used") || status(t, n).BackupDir != own {
		t.Errorf("an impossible folder: %v", err)
	}
	elsewhere := filepath.Join(t.TempDir(), "profile")
	if _, err := n.Client().Settings(t.Context(), rpc.Settings{BackupDir: elsewhere}); err != nil {
		t.Fatal(err)
	}
	_, since = awaitEvent(t, n, since, "backup")
	if err := errors.Join(os.RemoveAll(elsewhere), os.WriteFile(elsewhere, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	generate(t, n, 5)
	event, since = awaitEvent(t, n, since, "backup-failed")
	if !strings.Contains(event.Text, "the chain goes on") {
		t.Errorf("event %+v", event)
	}
	generate(t, n, 2)
	if s := status(t, n); s.Height != 12 || !strings.Contains(s.BackupError, "file") {
		t.Errorf("status: height %d, %q", s.Height, s.BackupError)
	}
	if _, err := n.Client().Settings(t.Context(), rpc.Settings{BackupDir: own}); err != nil {
		t.Fatal(err)
	}
	if event, _ = awaitEvent(t, n, since, "backup"); event.Height != 10 {
		t.Errorf("event %+v", event)
	}
	if s := status(t, n); s.BackupError != "" {
		t.Errorf("status: %q", s.BackupError)
	}

	// What is due is written before a list, and before the end.
	generate(t, n, 3)
	list, err := n.Client().Backups(t.Context(), "")
	if err != nil || len(list) != 3 {
		t.Fatalf("list: %+v (%v)", list, err)
	}
	if b := list[2]; b.File != filepath.Join(own, "chain_backup_15.json") || b.FirstBlock != 11 || b.Height != 15 || b.Blocks != 5 ||
		b.Previous != "chain_backup_10.json" || b.ForkHeight != 10 || b.Network != "regtest" || b.Created != clock().Unix() || b.Error != "" || b.Size == 0 {
		t.Errorf("row %+v", b)
	}
	generate(t, n, 5)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"chain_backup_10.json", "chain_backup_15.json", "chain_backup_20.json", "chain_backup_5.json"}
	if got := names(t, own); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}

	// After a restart nothing is written twice; when the files are gone, all is
	// written again.
	n = backupNode(t, dir, 5)
	if list, err := n.Client().Backups(t.Context(), ""); err != nil || len(list) != 4 {
		t.Errorf("after a restart: %+v (%v)", list, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(own); err != nil {
		t.Fatal(err)
	}
	n = backupNode(t, dir, -1)
	if list, err := n.Client().Backups(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("without backups: %+v (%v)", list, err)
	}
	if _, err := n.Client().Settings(t.Context(), rpc.Settings{BackupEvery: 10}); err != nil {
		t.Fatal(err)
	}
	awaitEvent(t, n, 0, "backup")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, own); !slices.Equal(got, []string{"chain_backup_10.json", "chain_backup_20.json"}) {
		t.Errorf("files %q", got)
	}
}

func TestVerifyAndRestoreBackup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	n := backupNode(t, dir, 5)
	defer n.Close()
	generate(t, n, 15)
	list, err := n.Client().Backups(t.Context(), "")
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v (%v)", list, err)
	}
	last := list[2].File
	if b, err := n.Client().VerifyBackup(t.Context(), last); err != nil || b.Height != 15 || b.File != last {
		t.Errorf("verify: %+v (%v)", b, err)
	}

	empty := bulkNode(t)
	var got rpc.ImportResult
	if err := do(t, empty, "lode_restorebackup", last, &got); err != nil {
		t.Fatal(err)
	}
	if got.Height != 15 || got.BestBlock != list[2].Tip || got.Accepted != 15 || got.Read != 15 {
		t.Errorf("restore: %+v", got)
	}
	if err := do(t, n, "lode_restorebackup", last, &got); err != nil || got.Accepted != 0 || got.Known != 15 {
		t.Errorf("restore onto itself: %+v (%v)", got, err)
	}
	other := bulkNode(t)
	generate(t, other, 1)
	mustSay(t, do(t, other, "lode_restorebackup", last, nil), "another one", "block 1", "empty data directory")

	// The file in the middle is gone.
	if err := os.Remove(list[1].File); err != nil {
		t.Fatal(err)
	}
	mustSay(t, do(t, other, "lode_restorebackup", last, nil), "chain_backup_15.json is incomplete", "chain_backup_10.json")
	rows, err := n.Client().Backups(t.Context(), filepath.Dir(last))
	if err != nil || len(rows) != 2 || rows[0].Error != "" || !strings.Contains(rows[1].Error, "chain_backup_10.json") {
		t.Errorf("list: %+v (%v)", rows, err)
	}
	_, err = n.Client().VerifyBackup(t.Context(), "chain_backup_5.json")
	mustSay(t, err, "not an absolute path")
	_, err = n.Client().Backups(t.Context(), "backups")
	mustSay(t, err, "not an absolute path")
	_, err = n.Client().Backups(t.Context(), filepath.Join(dir, "none"))
	mustSay(t, err, "no such file")
}

// An import is one backup, written when it has ended.
func TestImportIsOneBackup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	n := backupNode(t, dir, 5)
	defer n.Close()
	if err := do(t, n, "lode_import", blocksFile(t, variedRecords(t)[:150]...), nil); err != nil {
		t.Fatal(err)
	}
	list, err := n.Client().Backups(t.Context(), "")
	if err != nil || len(list) != 1 || list[0].FirstBlock != 1 || list[0].Height%5 != 0 || list[0].Blocks < 100 {
		t.Errorf("%+v (%v)", list, err)
	}
}

// BenchmarkBackups mines a thousand blocks with backups off and on.
func BenchmarkBackups(b *testing.B) {
	for name, every := range map[string]int{"off": -1, "on": 5} {
		b.Run(name, func(b *testing.B) {
			n := backupNode(b, filepath.Join(b.TempDir(), "regtest"), every)
			defer n.Close()
			// Blocks must not come to lie ahead of the clock.
			var ticks atomic.Int64
			n.link.host.now = func() time.Time { return clock().Add(time.Duration(ticks.Add(1)) * time.Second) }
			for b.Loop() {
				generate(b, n, 1000)
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "blocks/s")
		})
	}
}
