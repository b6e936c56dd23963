package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lode-chain/lode/backup"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/rpc"
)

// When backups are written (policy).
const (
	// backupCalm is how long the tip stays where it is before backups are
	// written, so that many blocks in a row are one piece of work and do not
	// compete with it for the disk; backupPatience is the longest wait.
	backupCalm     = 30 * time.Millisecond
	backupPatience = time.Second
	backupRetry    = 30 * time.Second // after a failure
	backupAtEnd    = 3 * time.Second  // for what is due when the host ends
	backupsAtEnd   = 25               // files
)

// backups writes the chain's backups while the host runs. It follows the chain
// at a distance: nobody waits for it, and a backup that fails stops nothing.
type backups struct {
	host     *Host
	wake     chan struct{} // there may be something to do
	verifier *backup.Verifier

	writing sync.Mutex // guards keeper
	keeper  *backup.Keeper

	mu      sync.Mutex // guards what follows
	held    int        // jobs that add blocks: backups come afterwards
	problem string     // why the last backup failed, or empty
}

// markKey is where the keeper's mark is stored. It only saves a look at the
// folder, so it need not be synced.
var markKey = []byte{kv.SpaceBackup, 'm'}

func newBackups(h *Host) (*backups, error) {
	rules, err := os.ReadFile(filepath.Join(h.dir, RulesFile)) // read before as the host's own
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	b := &backups{
		host:     h,
		wake:     make(chan struct{}, 1),
		verifier: backup.NewVerifier(h.params, time.Now),
		keeper: backup.NewKeeper(backup.Config{
			Params: h.params, Chain: h.chain, Software: "lode " + cmp.Or(h.config.Version, "unversioned"), Now: h.now,
			Rules: rules,
		}),
	}
	stored, err := h.store.Get(markKey)
	if errors.Is(err, kv.ErrNotFound) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	var mark backup.Mark
	if err := json.Unmarshal(stored, &mark); err == nil {
		b.keeper.Resume(mark)
	}
	return b, nil
}

// dir is the folder in which backups are kept.
func (b *backups) dir() string {
	return cmp.Or(b.host.settings.get().BackupDir, filepath.Join(b.host.dir, backupDir))
}

// status is what lode_status shows: the folder, and why the last one failed.
func (b *backups) status() (dir, problem string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dir(), b.problem
}

// settingsChanged tells Run that h.settings.get() has new values. It does not block.
func (b *backups) settingsChanged() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// hold keeps backups from being written until release is called: what is about
// to come in becomes one backup, and is not slowed down by it.
func (b *backups) hold() (release func()) {
	b.mu.Lock()
	b.held++
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		b.held--
		b.mu.Unlock()
		b.settingsChanged()
	}
}

// Run writes backups as they become due. When ctx ends it writes what is due,
// and returns nil.
func (b *backups) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		changed := b.host.chain.Changed()
		b.update(ctx, 0)
		retry := time.NewTimer(backupRetry)
		select {
		case <-changed:
			b.awaitCalm(ctx)
		case <-b.wake:
		case <-retry.C: // costs nothing when nothing is due
		case <-ctx.Done():
		}
		retry.Stop()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), backupAtEnd)
	defer cancel()
	b.update(last, backupsAtEnd)
	return nil
}

// awaitCalm waits until the tip has stayed where it is for a moment.
func (b *backups) awaitCalm(ctx context.Context) {
	patience := time.NewTimer(backupPatience)
	defer patience.Stop()
	for {
		changed := b.host.chain.Changed()
		calm := time.NewTimer(backupCalm)
		select {
		case <-changed:
			calm.Stop()
			continue
		case <-calm.C:
		case <-patience.C:
		case <-ctx.Done():
		}
		calm.Stop()
		return
	}
}

// update writes at most limit of the backups that are due; 0 is no limit.
func (b *backups) update(ctx context.Context, limit int) {
	b.writing.Lock()
	defer b.writing.Unlock()
	dir, every := b.dir(), int32(b.host.settings.get().BackupEvery)
	if every <= 0 {
		b.failed(nil)
		return
	}
	if b.isHeld() || !b.keeper.Due(dir, every) {
		return
	}
	err := b.keeper.Update(ctx, dir, every, limit, b.wrote)
	if err == nil {
		err = b.storeMark()
	}
	if err == nil || ctx.Err() == nil {
		b.failed(err)
	}
}

func (b *backups) storeMark() error {
	mark, ok := b.keeper.Mark()
	if !ok {
		return nil
	}
	value, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	batch := new(kv.Batch)
	batch.Put(markKey, value)
	return b.host.store.Apply(batch, false)
}

func (b *backups) isHeld() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held > 0
}

// wrote tells of a new backup.
func (b *backups) wrote(w backup.Written) {
	text := fmt.Sprintf("backup %s: blocks %d to %d", w.Name(), w.FirstHeight, w.Height)
	if w.FirstHeight == w.Height {
		text = fmt.Sprintf("backup %s: block %d", w.Name(), w.Height)
	}
	if w.Note != "" {
		text += " (" + w.Note + ")"
		b.host.log.Warn("backup", "file", w.File, "note", w.Note)
	}
	b.failed(nil)
	b.host.events.Publish(rpc.Event{Kind: "backup", Height: w.Height, Hash: w.Tip.String(), Text: text})
}

// failed notes the outcome of the last try, and tells of a failure that is new.
func (b *backups) failed(err error) {
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	b.mu.Lock()
	news := problem != b.problem
	b.problem = problem
	b.mu.Unlock()
	if err == nil || !news {
		return
	}
	b.host.log.Error("backup failed", "err", err)
	b.host.events.Publish(rpc.Event{
		Kind: "backup-failed", Height: b.host.chain.Tip().Height,
		Text: "backup failed, the chain goes on: " + problem,
	})
}

// list answers lode_backups. Of the folder in use, what is due is written first.
func (b *backups) list(ctx context.Context, dir string) ([]rpc.Backup, error) {
	own := b.dir()
	if dir == "" || dir == own {
		dir = own
		b.update(ctx, 0)
	}
	if !filepath.IsAbs(dir) {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "folder %q is not an absolute path", dir)
	}
	files, err := backup.List(dir, b.host.params)
	if errors.Is(err, fs.ErrNotExist) && dir == own {
		return []rpc.Backup{}, nil
	}
	if err != nil {
		return nil, rpc.Errorf(rpc.CodeMisc, "list backups: %v", err)
	}
	rows := make([]rpc.Backup, len(files))
	for i, f := range files {
		rows[i] = BackupRow(f.Info)
		if f.Err != nil {
			rows[i].Error = f.Err.Error()
		}
	}
	return rows, nil
}

// BackupRow is a backup as callers see it; of one that could not be read, only
// the file is known.
func BackupRow(i backup.Info) rpc.Backup {
	row := rpc.Backup{File: i.File, Size: i.Size}
	if i.Blocks == 0 {
		return row
	}
	row.Network, row.FirstBlock, row.Height, row.ForkHeight = i.Network, i.FirstHeight, i.Height, i.ForkHeight
	row.Tip, row.Blocks, row.Created = i.Tip.String(), i.Blocks, i.Created.Unix()
	if i.Previous != nil {
		row.Previous = i.Previous.File
	}
	return row
}

// restore is the task of lode_restorebackup.
func (b *backups) restore(file string) task {
	return func(ctx context.Context, j *job) (any, error) {
		release := b.hold()
		defer release()
		h := b.host
		r, err := backup.Restore(ctx, h.params, h.chain, file, h.now, j.progress)
		if r.Tip == nil {
			return nil, err
		}
		return rpc.ImportResult{
			Read: r.Blocks, Accepted: r.Accepted, Known: r.Blocks - r.Accepted,
			Height: r.Tip.Height, BestBlock: r.Tip.Hash.String(),
		}, err
	}
}

// registerBackups adds the methods about backups.
func (h *Host) registerBackups(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "lode_backups", Section: rpc.SectionLode, Own: true,
		Summary: "Lists the backups of a folder by their first lines; an error says why one cannot be restored.",
		Params:  []rpc.Param{{Name: "dir", Type: rpc.String, Optional: true, Help: "Folder, absolute (default: the one in use)"}},
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			var request rpc.BackupsRequest
			if err := r.Object(&request); err != nil {
				return nil, err
			}
			return h.backups.list(ctx, request.Dir)
		},
	})
	s.Register(rpc.Method{
		Name: "lode_verifybackup", Section: rpc.SectionLode, Own: true,
		Summary: "Reads a backup and those that it continues in full and checks that they restore its tip.",
		Params:  []rpc.Param{{Name: "file", Type: rpc.String, Help: "File, absolute"}},
		Example: `'{"file":"/home/me/chain_backup_5.json"}'`,
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			file, err := fileOf(r)
			if err != nil {
				return nil, err
			}
			info, err := h.backups.verifier.Verify(ctx, file, nil)
			if err != nil {
				return nil, rpc.Errorf(rpc.CodeMisc, "%v", err)
			}
			return BackupRow(info), nil
		},
	})
	s.Register(rpc.Method{
		Name: "lode_restorebackup", Section: rpc.SectionLode, Own: true,
		Summary: "Starts a job that takes in the blocks of a backup and of those that it continues. The chain must be empty, or a part of theirs.",
		Params:  []rpc.Param{{Name: "file", Type: rpc.String, Help: "File, absolute"}},
		Example: `'{"file":"/home/me/chain_backup_5.json"}'`,
		Handler: func(_ context.Context, r *rpc.Request) (any, error) {
			file, err := fileOf(r)
			if err != nil {
				return nil, err
			}
			return h.jobs.start("restore", "blocks", true, h.backups.restore(file))
		},
	})
}

// fileOf reads the request of a method that takes a file.
func fileOf(r *rpc.Request) (string, error) {
	var request rpc.FileRequest
	if err := r.Object(&request); err != nil {
		return "", err
	}
	if !filepath.IsAbs(request.File) {
		return "", rpc.Errorf(rpc.CodeInvalidParameter, "file %q is not an absolute path", request.File)
	}
	return filepath.Clean(request.File), nil
}
