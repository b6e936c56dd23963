package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/backup"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

// placeOf returns where a backup is restored: in the network of the data
// directory, or in an empty one in a new folder of the backup's network, whose
// rules lie beside it. What cannot be restored creates nothing.
func (p *program) placeOf(info backup.Info) (place, error) {
	dataDir, name, err := p.folderOf(info)
	if err != nil {
		return place{}, err
	}
	where := place{dataDir: dataDir, dir: filepath.Join(dataDir, name)}
	file := filepath.Join(where.dir, rulesFile)
	var text []byte
	if _, err := os.Lstat(file); err == nil || name != info.Network || node.Begun(where.dir) {
		where.params, err = readRules(where.dir, name)
		if err != nil {
			return place{}, err
		}
	} else if where.params, text, err = backup.Rules(info); errors.Is(err, backup.ErrNoRules) {
		return place{}, fmt.Errorf("%w, or in %s", err, where.dir)
	} else if err != nil {
		return place{}, err
	}
	if _, err := backup.Chain(info.File, where.params); errors.Is(err, backup.ErrForeign) {
		return place{}, fmt.Errorf("%w; restore it into another data directory, with --datadir", err)
	} else if err != nil {
		return place{}, err
	}
	if len(text) == 0 {
		return where, nil
	}
	if err := node.CheckFolder(where.dir); err != nil {
		return place{}, err
	}
	if err := platform.MakeDir(where.dir); err != nil {
		return place{}, err
	}
	return where, platform.WriteFile(file, text)
}

// folderOf is findFolder, but of several networks, and where there is none yet,
// the backup's is meant.
func (p *program) folderOf(info backup.Info) (dataDir, name string, err error) {
	like := *p
	if p.network == "" {
		dataDir, err := p.findDataDir()
		if err != nil {
			return "", "", err
		}
		names, err := networksIn(dataDir)
		if err != nil {
			return "", "", err
		}
		if !isNetworkFolder(dataDir) && (len(names) == 0 || slices.Contains(names, info.Network)) {
			like.network = info.Network
		}
	}
	return like.findFolder()
}

// withBackup opens the chain that a backup is to be restored into, as with does.
func (p *program) withBackup(ctx context.Context, file string, f func(*openChain) error) error {
	const command = "backup restore"
	if p.lent != nil {
		return p.with(ctx, command, f)
	}
	info, err := backup.ReadInfo(file)
	if err != nil {
		return err
	}
	where, err := p.placeOf(info)
	if err != nil {
		return err
	}
	c, err := p.openAt(ctx, where, node.Config{Command: command})
	if err != nil {
		return err
	}
	return p.using(c, f)
}

// verifyBackups checks backup files; none stands for all that the chain has.
// Files of a network that is not here are checked without opening a chain.
func (p *program) verifyBackups(ctx context.Context, files []string) ([]rpc.Backup, error) {
	if len(files) > 0 && !p.holdsNetworkOf(files) {
		return verifyAll(ctx, files, verifyApart(ctx))
	}
	var checked []rpc.Backup
	err := p.with(ctx, "backup verify", func(c *openChain) error {
		if len(files) == 0 {
			backups, err := c.Backups(ctx, "")
			if err != nil {
				return err
			}
			for _, b := range backups {
				files = append(files, b.File)
			}
		}
		var err error
		checked, err = verifyAll(ctx, files, func(file string) (rpc.Backup, error) { return c.VerifyBackup(ctx, file) })
		return err
	})
	return checked, err
}

// holdsNetworkOf says whether the chain that a command would open is there, and
// of the network of one of the files.
func (p *program) holdsNetworkOf(files []string) bool {
	if p.lent != nil {
		return true
	}
	where, err := p.findPlace()
	if err != nil {
		return false
	}
	if _, err := os.Stat(where.dir); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return slices.ContainsFunc(files, func(file string) bool {
		info, err := backup.ReadInfo(file)
		return err == nil && info.Fingerprint == where.params.Fingerprint()
	})
}

func verifyAll(ctx context.Context, files []string, verify func(string) (rpc.Backup, error)) ([]rpc.Backup, error) {
	checked := make([]rpc.Backup, 0, len(files))
	for _, file := range files {
		b, err := verify(file)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			b.File, b.Error = file, oneLine(err)
		}
		checked = append(checked, b)
	}
	return checked, nil
}

// verifyApart checks backups by the rules that lie beside them.
func verifyApart(ctx context.Context) func(file string) (rpc.Backup, error) {
	verifiers := make(map[chainhash.Hash]*backup.Verifier) // by the rules' fingerprint
	return func(file string) (rpc.Backup, error) {
		info, err := backup.ReadInfo(file)
		if err != nil {
			return rpc.Backup{}, err
		}
		params, _, err := backup.Rules(info)
		if err != nil {
			return node.BackupRow(info), err
		}
		v := verifiers[info.Fingerprint]
		if v == nil {
			v = backup.NewVerifier(params, time.Now)
			verifiers[info.Fingerprint] = v
		}
		info, err = v.Verify(ctx, file, nil)
		return node.BackupRow(info), err
	}
}
