package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/lode-chain/lode/internal/newfile"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/network"
)

// RulesFile describes a network of one's own. Backups hold no rules, so a copy
// lies beside them: without it they cannot be checked.
const RulesFile = "network.toml"

// maxRules is the most bytes that a file of rules may have (policy).
const maxRules = 1 << 20

// ErrNoRules says that the rules of a backup's network are not beside it.
var ErrNoRules = errors.New("the rules of its network are needed")

// Rules returns the rules of a backup's network and their text: of the file
// beside it. Those of regtest have no text.
// Kinds: ErrNoRules, ErrForeign.
func Rules(i Info) (*network.Params, []byte, error) {
	if p := network.Regtest(); i.Network == p.Name {
		return p, nil, about(i.File, i.belongs(p))
	}
	file := filepath.Join(filepath.Dir(i.File), RulesFile)
	p, text, err := readRules(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s is a backup of the network %s: %w to check it; put the network's %s beside it, as %s",
			i.Name(), i.Network, ErrNoRules, RulesFile, file)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := i.belongs(p); err != nil {
		return nil, nil, fmt.Errorf("%s, beside it, has other rules: %w", RulesFile, about(i.File, err))
	}
	return p, text, nil
}

func readRules(file string) (*network.Params, []byte, error) {
	text, err := platform.ReadFile(file, maxRules)
	if err != nil {
		return nil, nil, err
	}
	p, err := network.Parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, text, nil
}

// keepRules puts the rules beside the backups unless they are there. It never
// replaces others.
func (k *Keeper) keepRules(dir string) error {
	if len(k.Rules) == 0 {
		return nil
	}
	file := filepath.Join(dir, RulesFile)
	there, _, err := readRules(file)
	switch {
	case err == nil && there.Fingerprint() == k.Params.Fingerprint():
		return nil
	case err == nil:
		return fmt.Errorf("%s describes another network, %s: choose another folder for the backups of %s", file, there.Name, k.Params.Name)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f, err := newfile.Create(k.FS, dir)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(k.Rules); err != nil {
		return err
	}
	return f.Commit(RulesFile)
}
