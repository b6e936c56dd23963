package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lode-chain/lode/backup"
)

// RulesFile describes the network of the folder that it is in. A folder without
// one is regtest's.
const RulesFile = backup.RulesFile

const (
	dbDir     = "db"
	blocksDir = "blocks"
	backupDir = "backups"

	// consoleHistory is the console's, in package main.
	consoleHistory = "console_history"
)

// maxStrangers is how many entries of a foreign folder an error names.
const maxStrangers = 3

// Begun says whether a folder is one in which lode has opened a chain.
func Begun(dir string) bool {
	return exists(dir, lockFile) && (exists(dir, dbDir) || exists(dir, hostFile))
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// CheckFolder refuses the folder of a network that holds something and is not
// lode's, such as that of another node of the same name: lode would write over
// it. It changes nothing. A folder that is not there, or empty, can be lode's.
func CheckFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if Begun(dir) || exists(dir, RulesFile) || holdsWallets(filepath.Join(dir, walletDir)) {
		return nil
	}
	// What is there before a chain is: while another process begins one, or
	// after lode reset.
	early := []string{lockFile, hostFile, settingsFile, logName, logName + ".1", "socket", backupDir, consoleHistory}
	var strangers []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(early, name) {
			continue
		}
		if len(strangers) == maxStrangers {
			strangers[maxStrangers-1] += " and more"
			break
		}
		strangers = append(strangers, name)
	}
	if len(strangers) == 0 {
		return nil
	}
	return fmt.Errorf("%s is not lode's (it holds %s): choose another folder with --datadir", dir, strings.Join(strangers, ", "))
}

// holdsWallets says whether a folder of wallets is lode's.
func holdsWallets(dir string) bool {
	secrets, _ := filepath.Glob(filepath.Join(dir, "wallet*-*.secrets")) // the pattern is right
	return len(secrets) > 0 || exists(dir, "vault")
}
