package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/miner"
	"github.com/lode-chain/lode/rpc"
)

const (
	settingsFile    = "settings"
	maxSettingsSize = 64 << 10 // bytes (policy)

	minInterval     = 10 * time.Millisecond // between blocks (policy)
	maxInterval     = 7 * 24 * time.Hour
	maxBackupEvery  = 1_000_000 // blocks
	settingsVersion = 1
)

// defaultSettings are those of a directory that remembers nothing.
func defaultSettings() rpc.Settings {
	return rpc.Settings{Interval: "30s", MiningMode: string(miner.OnTick), BackupEvery: 5}
}

// settings are what the data directory remembers between runs: a JSON file that
// is replaced as a whole. Its mutex guards the values and the file.
type settings struct {
	file string

	mu     sync.Mutex
	values rpc.Settings
}

// settingsOnDisk is the file: the values with the version of their format.
type settingsOnDisk struct {
	Version int `json:"version"`
	rpc.Settings
}

// openSettings reads the directory's settings; a directory without any has the
// defaults.
func openSettings(dir string) (*settings, error) {
	s := &settings{file: filepath.Join(dir, settingsFile), values: defaultSettings()}
	data, err := platform.ReadFile(s.file, maxSettingsSize)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	var stored settingsOnDisk
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, fmt.Errorf("settings file %s is damaged (%w); remove it to start with the defaults", s.file, err)
	}
	if stored.Version > settingsVersion {
		return nil, fmt.Errorf("settings file %s was written by a newer lode (format %d)", s.file, stored.Version)
	}
	s.values = merge(s.values, stored.Settings)
	if err := checkSettings(s.values); err != nil {
		return nil, fmt.Errorf("settings file %s: %w; remove it to start with the defaults", s.file, err)
	}
	return s, nil
}

// get returns the present values.
func (s *settings) get() rpc.Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values
}

// check says whether change would take c.
func (s *settings) check(c rpc.Settings) error {
	now := s.get()
	if err := checkSettings(merge(now, c)); err != nil {
		return err
	}
	return checkBackupDir(now, c)
}

// checkBackupDir refuses a new backup folder in which no backup can be written.
func checkBackupDir(now, c rpc.Settings) error {
	if c.BackupDir == "" || c.BackupDir == now.BackupDir {
		return nil
	}
	if err := platform.CheckWritable(c.BackupDir); err != nil {
		return rpc.Errorf(rpc.CodeInvalidParameter, "backup folder %s cannot be used: %v", c.BackupDir, err)
	}
	return nil
}

// change sets the values that are not empty in c, checks and writes all. The
// file is on disk when it returns.
func (s *settings) change(c rpc.Settings) (rpc.Settings, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := merge(s.values, c)
	if err := checkSettings(values); err != nil {
		return rpc.Settings{}, err
	}
	if equalSettings(values, s.values) {
		return values, nil
	}
	if err := checkBackupDir(s.values, c); err != nil {
		return rpc.Settings{}, err
	}
	data, err := json.MarshalIndent(settingsOnDisk{settingsVersion, values}, "", "  ")
	if err != nil {
		return rpc.Settings{}, err
	}
	if err := platform.WriteFile(s.file, append(data, '\n')); err != nil {
		return rpc.Settings{}, fmt.Errorf("write the settings: %w", err)
	}
	s.values = values
	return values, nil
}

// merge returns a with what b sets. A negative BackupEvery turns backups off
// and is kept as it is, since 0 means "not set".
func merge(a, b rpc.Settings) rpc.Settings {
	set := func(to *string, from string) {
		if from != "" {
			*to = from
		}
	}
	set(&a.Interval, b.Interval)
	set(&a.MiningMode, b.MiningMode)
	set(&a.MiningTo, b.MiningTo)
	set(&a.BackupDir, b.BackupDir)
	set(&a.DefaultWallet, b.DefaultWallet)
	if b.BackupEvery != 0 {
		a.BackupEvery = max(b.BackupEvery, -1)
	}
	if b.RPCPort != nil {
		port := *b.RPCPort
		a.RPCPort = &port
	}
	return a
}

func equalSettings(a, b rpc.Settings) bool {
	if (a.RPCPort == nil) != (b.RPCPort == nil) || a.RPCPort != nil && *a.RPCPort != *b.RPCPort {
		return false
	}
	a.RPCPort, b.RPCPort = nil, nil
	return a == b
}

// checkSettings refuses values that nothing could be done with.
func checkSettings(s rpc.Settings) error {
	bad := func(format string, args ...any) error {
		return rpc.Errorf(rpc.CodeInvalidParameter, format, args...)
	}
	if d, err := time.ParseDuration(s.Interval); err != nil {
		return bad("interval %q is not a time such as 30s or 2m", s.Interval)
	} else if d < minInterval || d > maxInterval {
		return bad("interval %s is not between %s and %s", s.Interval, minInterval, maxInterval)
	}
	if _, err := miner.ParsePolicy(s.MiningMode); err != nil {
		return bad("%v", err)
	}
	if s.BackupEvery > maxBackupEvery {
		return bad("a backup every %d blocks is not within 1 to %d", s.BackupEvery, maxBackupEvery)
	}
	if s.RPCPort != nil && (*s.RPCPort < 0 || *s.RPCPort > 65535) {
		return bad("port %d is not within 0 to 65535", *s.RPCPort)
	}
	if s.BackupDir != "" {
		if !filepath.IsAbs(s.BackupDir) {
			return bad("backup folder %q is not an absolute path", s.BackupDir)
		}
		if info, err := os.Stat(s.BackupDir); err == nil && !info.IsDir() {
			return bad("backup folder %s is not a folder", s.BackupDir)
		}
	}
	return nil
}
