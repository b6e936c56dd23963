package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/node"
)

// rulesFile describes the network of the folder that it is in.
const rulesFile = node.RulesFile

// maxRulesFile is the most bytes a network file may have. Policy.
const maxRulesFile = 1 << 20

// place is where a chain lives and by which rules.
type place struct {
	dataDir string // absolute
	dir     string // of the network, absolute
	params  *network.Params
}

// findPlace returns the data directory and network that flags, environment and
// the current folder say. Nothing is created.
func (p *program) findPlace() (place, error) {
	dataDir, name, err := p.findFolder()
	if err != nil {
		return place{}, err
	}
	dir := filepath.Join(dataDir, name)
	params, err := readRules(dir, name)
	if err != nil {
		return place{}, err
	}
	return place{dataDir: dataDir, dir: dir, params: params}, nil
}

// findFolder returns the data directory and the name of the network in it. The
// folder of a network, which lode status shows, will do for its data directory.
func (p *program) findFolder() (dataDir, name string, err error) {
	if dataDir, err = p.findDataDir(); err != nil {
		return "", "", err
	}
	if isNetworkFolder(dataDir) {
		dir := dataDir
		if dataDir, name = filepath.Split(dir); p.network != "" && p.network != name {
			return "", "", usagef("%s is the folder of the network %s, not of %s; give --datadir %s", dir, name, p.network, filepath.Clean(dataDir))
		}
		return filepath.Clean(dataDir), name, nil
	}
	name, err = p.findNetwork(dataDir)
	return dataDir, name, err
}

// isNetworkFolder says whether a folder is one network's, not the one of all.
func isNetworkFolder(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, rulesFile))
	return err == nil || node.Begun(dir)
}

// saidDataDir returns the data directory that --datadir or LODE_DATADIR names,
// or "".
func (p *program) saidDataDir() string { return cmp.Or(p.dataDir, p.getenv("LODE_DATADIR")) }

// findDataDir returns the folder of all networks: --datadir, LODE_DATADIR, the
// nearest .lode upwards, or where the system keeps such things.
func (p *program) findDataDir() (string, error) {
	if dir := p.saidDataDir(); dir != "" {
		return filepath.Abs(dir)
	}
	cwd, err := p.cwd()
	if err != nil {
		return "", fmt.Errorf("finding the current folder: %w", err)
	}
	for dir := cwd; ; dir = filepath.Dir(dir) {
		candidate := filepath.Join(dir, ".lode")
		if info, err := os.Stat(candidate); err == nil && info.IsDir() {
			return candidate, nil
		}
		if filepath.Dir(dir) == dir {
			break
		}
	}
	dir, err := platform.DataDir("lode")
	if err != nil {
		return "", errors.New("no home folder is set: say where the chain lives with --datadir")
	}
	return dir, nil
}

// findNetwork returns the name of the network in a data directory: --network,
// or the only one that is there, or regtest.
func (p *program) findNetwork(dataDir string) (string, error) {
	if p.network != "" {
		if p.network != demoNetwork {
			if err := network.CheckName(p.network); err != nil {
				return "", usagef("--network: %s", err)
			}
		}
		return p.network, nil
	}
	names, err := networksIn(dataDir)
	if err != nil {
		return "", err
	}
	switch len(names) {
	case 0:
		return demoNetwork, nil
	case 1:
		return names[0], nil
	}
	return "", usagef("%s holds the networks %s: say which with --network", dataDir, console.List(names))
}

// demoNetwork is the network that needs no file.
const demoNetwork = "regtest"

// networksIn returns the networks of a data directory, sorted: folders with a
// network file, those that hold a chain although it is missing, and regtest.
func networksIn(dataDir string) ([]string, error) {
	entries, err := os.ReadDir(dataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the data directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if e.Name() == demoNetwork || isNetworkFolder(filepath.Join(dataDir, e.Name())) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// readRules reads the rules of the network in dir.
func readRules(dir, name string) (*network.Params, error) {
	file := filepath.Join(dir, rulesFile)
	text, err := readLimited(file, maxRulesFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && name == demoNetwork:
		return network.Regtest(), nil
	case errors.Is(err, fs.ErrNotExist) && node.Begun(dir):
		return nil, fmt.Errorf("%s holds a chain, but its rules (%s) are missing: put the file back (a copy is in its backup folder)", dir, rulesFile)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no network %s in %s; lode init %s makes it", name, filepath.Dir(dir), name)
	case err != nil:
		return nil, fmt.Errorf("reading the network's rules: %w", err)
	case name == demoNetwork:
		return nil, fmt.Errorf("%s: the rules of regtest are fixed; remove this file", file)
	}
	params, err := network.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if params.Name != name {
		return nil, fmt.Errorf("%s describes the network %q, but its folder is %q: they must be the same", file, params.Name, name)
	}
	return params, nil
}

// readLimited reads a file of at most limit bytes. A pipe will do: shells hand
// secrets over by them.
func readLimited(file string, limit int64) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, not a file", file)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %s; at most %s make sense here", file, console.Size(info.Size()), console.Size(limit))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return console.ReadAll(f, int(limit))
}
