package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/network"
)

// maxFiles bounds how many files of a folder are looked at (policy).
const maxFiles = 200_000

// Listed is one backup of a folder, or a file that should be one.
type Listed struct {
	Info       // only File and Size are set when the file cannot be read
	Err  error // why it cannot be restored: unreadable, foreign, without its predecessor
}

// List returns the backups in a folder by height and age. Only their first and
// last lines are read: Verify tells whether all is well. A nil p accepts the
// files of every network.
func List(dir string, p *network.Params) ([]Listed, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	names, err := candidates(dir)
	if err != nil {
		return nil, err
	}
	list := make([]Listed, 0, len(names))
	for _, name := range names {
		info, err := ReadInfo(filepath.Join(dir, name))
		switch {
		case errors.Is(err, ErrNotBackup) && !fileName.MatchString(name), errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			list = append(list, Listed{Info: broken(filepath.Join(dir, name)), Err: err})
		default:
			list = append(list, Listed{Info: info})
		}
	}
	slices.SortFunc(list, func(a, b Listed) int { return compareInfo(a.Info, b.Info) })
	markIncomplete(list)
	for i := range list {
		if p != nil && list[i].Tip != (chainhash.Hash{}) {
			if err := list[i].belongs(p); err != nil {
				list[i].Err = about(list[i].File, err)
			}
		}
	}
	return list, nil
}

// candidates returns the names in a folder that may be backups.
func candidates(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") && (e.Type().IsRegular() || fileName.MatchString(e.Name())) {
			names = append(names, e.Name())
		}
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("folder %s holds %d files; at most %d are looked at: move old backups elsewhere", dir, len(names), maxFiles)
	}
	return names, nil
}

func broken(file string) Info {
	info := Info{File: file}
	if stat, err := os.Lstat(file); err == nil {
		info.Size = stat.Size()
	}
	return info
}

// compareInfo orders by height, then age, then name.
func compareInfo(a, b Info) int {
	if a.Height != b.Height {
		return int(a.Height - b.Height)
	}
	if c := a.Created.Compare(b.Created); c != 0 {
		return c
	}
	return strings.Compare(a.File, b.File)
}

// markIncomplete sets Err where a backup's row of predecessors is broken. A
// predecessor ends where its successor begins or later, so it may stand behind
// it in the list.
func markIncomplete(list []Listed) {
	var infos []Info
	for _, l := range list {
		if l.Err == nil {
			infos = append(infos, l.Info)
		}
	}
	lost := incomplete(infos)
	for i := range list {
		if err := lost[list[i].File]; err != nil && list[i].Err == nil {
			list[i].Err = err
		}
	}
}

// incomplete returns, by file, why backups cannot be restored from the set.
func incomplete(infos []Info) map[string]error {
	lost := make(map[string]error)
	known := make(map[string]bool) // files whose answer is known
	byTip := make(map[chainhash.Hash][]Info, len(infos))
	for _, i := range infos {
		byTip[i.Tip] = append(byTip[i.Tip], i)
	}
	for _, i := range infos {
		// The row back to the first file whose answer is known.
		var row []Info
		var err error
		for at := i; ; {
			if known[at.File] {
				err = lost[at.File]
				break
			}
			row = append(row, at)
			if at.Previous == nil {
				break
			}
			before, ok := at.pick(byTip[at.Previous.Tip])
			if !ok {
				err = at.missing(nil)
				break
			}
			at = before
		}
		for _, at := range row {
			known[at.File] = true
			if err != nil {
				lost[at.File] = err
			}
		}
	}
	return lost
}

// pick returns the predecessor of a backup: of those that can be it, the one
// that is byte by byte the same as when the backup was made, else any.
func (i *Info) pick(from []Info) (Info, bool) {
	fits := func(b Info) bool {
		return b.Tip == i.Previous.Tip && b.Height == i.Previous.Height && b.Genesis == i.Genesis &&
			b.Fingerprint == i.Fingerprint && b.FirstHeight <= i.ForkHeight
	}
	at := slices.IndexFunc(from, func(b Info) bool { return fits(b) && b.Checksum == i.Previous.SHA256 })
	if at < 0 {
		at = slices.IndexFunc(from, fits)
	}
	if at < 0 {
		return Info{}, false
	}
	return from[at], true
}

// missing says that the predecessor of a backup is not beside it, and why the
// file of its name is no help.
func (i *Info) missing(why error) error {
	err := fmt.Errorf("%w: it continues %s (block %d, tip %s), which is not in %s",
		ErrIncomplete, i.Previous.File, i.Previous.Height, i.Previous.Tip, filepath.Dir(i.File))
	if why != nil && !errors.Is(why, fs.ErrNotExist) {
		err = fmt.Errorf("%w (%w)", err, why)
	}
	return about(i.File, err)
}

// Chain returns the backups that restore the chain up to a file's tip, the
// file itself last. Predecessors are looked for beside the file, by their name
// first and then by their tip, so that renamed ones are found.
func Chain(file string, p *network.Params) ([]Info, error) {
	return chainFrom(file, p, func(Info) bool { return false })
}

// chainFrom is Chain, but it ends before the backups of which enough is known.
func chainFrom(file string, p *network.Params, enough func(Info) bool) ([]Info, error) {
	info, err := ReadInfo(file)
	if err != nil {
		return nil, err
	}
	if err := info.belongs(p); err != nil {
		return nil, about(file, err)
	}
	dir := filepath.Dir(info.File)
	row := []Info{info}
	var others []Info // all files of the folder, once they are needed
	for at := info; at.Previous != nil; at = row[len(row)-1] {
		named, why := ReadInfo(filepath.Join(dir, at.Previous.File))
		if before, ok := at.pick([]Info{named}); ok {
			row = append(row, before)
			if at.ForkHeight == before.Height && enough(before) {
				break
			}
			continue
		}
		if others == nil {
			list, err := List(dir, p)
			if err != nil {
				return nil, err
			}
			others = make([]Info, 0, len(list))
			for _, l := range list {
				if l.Tip != (chainhash.Hash{}) {
					others = append(others, l.Info)
				}
			}
		}
		before, ok := at.pick(others)
		if !ok {
			return nil, at.missing(why)
		}
		row = append(row, before)
	}
	slices.Reverse(row)
	return row, nil
}
