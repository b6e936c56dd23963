package vault

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// A file of secrets is a row of sealed files, one for each wallet, in the order
// of the numbers that its name tells. Damage to one leaves the others readable:
// each begins with a line that no other line can look like.

const (
	// Groups of more than aloneUpTo wallets share files, maxTogether of them in
	// each at most; policy.
	aloneUpTo   = 16
	maxTogether = 1000
)

var secretsName = regexp.MustCompile(`^wallets?-([1-9][0-9]*)(?:-([1-9][0-9]*))?\.secrets$`)

// secretsFile is a file that holds the secrets of wallets first to last.
type secretsFile struct {
	name        string
	first, last int
	disk        string // where it lies while a rewrite of all files is unfinished; else empty
}

func newSecretsFile(first, last int) secretsFile {
	f := secretsFile{name: fmt.Sprintf("wallets-%d-%d.secrets", first, last), first: first, last: last}
	if first == last {
		f.name = "wallet-" + strconv.Itoa(first) + ".secrets"
	}
	return f
}

// parseSecretsName returns the file that a name stands for; false when it is no
// file of secrets.
func parseSecretsName(name string) (f secretsFile, ok bool, err error) {
	m := secretsName.FindStringSubmatch(name)
	if m == nil {
		return f, false, nil
	}
	if m[2] == "" {
		m[2] = m[1]
	}
	first, err := strconv.Atoi(m[1])
	last, lastErr := strconv.Atoi(m[2])
	if err = errors.Join(err, lastErr); err != nil || max(first, last) > MaxWallets {
		return f, false, fmt.Errorf("the number is over %d", MaxWallets)
	}
	f = newSecretsFile(first, last)
	if f.name != name || last < first || last-first >= maxTogether {
		return f, false, errors.New("no file of lode's has this name; give it back the one that it had")
	}
	return f, true, nil
}

// place is where a wallet's sealed file lies.
type place struct {
	file   string
	offset int64
	size   int
}

// read reads the bytes at a place of the named file.
func (p place) read(fs FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, p.size)
	if _, err := f.ReadAt(data, p.offset); err == io.EOF {
		return nil, fmt.Errorf("%w: it was cut while in use", ErrDamaged)
	} else if err != nil {
		return nil, err
	}
	return data, nil
}

// loaded is a wallet that was read, or why it could not be.
type loaded struct {
	number  int
	wallet  *Wallet
	deleted bool
	notice  error // what was mended
	err     error
}

// read reads the wallets of a file and their journals, if these are present.
// Each of the file's numbers gets a wallet or an error.
func (v *Vault) read(file secretsFile, present map[string]bool) []loaded {
	all := make([]loaded, file.last-file.first+1)
	disk := cmp.Or(file.disk, file.name)
	name := v.path(disk)
	data, err := readAll(v.cfg.FS, name, maxFile*len(all))
	defer wipe(data)
	var faults []error
	for at := (place{file: disk}); err == nil && int(at.offset) < len(data); at.offset += int64(at.size) {
		rest := data[at.offset:]
		at.size = sealedSize(rest)
		w, deleted, err := v.readSealed(rest[:at.size], file)
		if err == nil && all[w.number-file.first].number != 0 {
			err = fmt.Errorf("%w: wallet %d is in it twice", ErrDamaged, w.number)
		}
		switch {
		case err != nil:
			faults = append(faults, err)
		case deleted:
			all[w.number-file.first] = loaded{number: w.number, deleted: true}
		default:
			w.secrets = at
			all[w.number-file.first] = v.withJournal(w, present)
		}
	}
	for i := range all {
		if all[i].number != 0 {
			continue
		}
		fault := err
		if fault == nil && len(faults) > 0 {
			fault, faults = faults[0], faults[1:]
		} else if fault == nil {
			fault = fmt.Errorf("%w: wallet %d is missing from it", ErrDamaged, file.first+i)
		}
		all[i] = loaded{number: file.first + i, err: named(name, fault)}
	}
	for _, fault := range faults {
		all = append(all, loaded{number: file.last, err: named(name, fault)})
	}
	return all
}

// sealedStart is how a wallet's sealed file begins. Its line end stands nowhere
// else before a brace.
var sealedStart = regexp.MustCompile(whatWallet + ` [0-9]+\n\{`)

// sealedSize returns how many of the bytes belong to the first sealed file: four
// lines, or what there is before the next begins.
func sealedSize(data []byte) int {
	size := 0
	for range 4 {
		n := bytes.IndexByte(data[size:], '\n') + 1
		if n == 0 {
			size = len(data)
			break
		}
		size += n
	}
	if next := sealedStart.FindIndex(data[1:min(size+1, len(data))]); next != nil {
		size = 1 + next[0]
	}
	return size
}

// readSealed reads what is public in one sealed file.
func (v *Vault) readSealed(data []byte, in secretsFile) (w *Wallet, deleted bool, err error) {
	if len(data) > maxFile {
		return nil, false, fmt.Errorf("%w: it is longer than %d bytes", ErrDamaged, maxFile)
	}
	var head fileHeader
	sealed, err := decodeFile(whatWallet, data, &head)
	if err != nil {
		return nil, false, err
	}
	wipe(sealed.body)
	return newWallet(v, &head.Header), head.Deleted, v.checkHeader(&head, in, sealed.cipher)
}

// withJournal reads the wallet's journal, if it is present.
func (v *Vault) withJournal(w *Wallet, present map[string]bool) loaded {
	number := w.number
	if !present[journalName(number)] {
		w.journal = v.newJournal(w.header.Load())
		return loaded{number: number, wallet: w}
	}
	path := v.journalPath(number)
	var err error
	var notice error
	if w.journal, notice, err = openJournal(v.cfg.FS, v.cfg.Dir, path, w.header.Load().ID); err != nil {
		if errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w; moved away, the wallet opens without the names, issued addresses and payments in it", err)
		}
		return loaded{number: number, err: named(path, err)}
	}
	return loaded{number: number, wallet: w, notice: notice}
}

// newJournal returns the journal of a wallet that has none yet.
func (v *Vault) newJournal(h *Header) *journal {
	return &journal{fs: v.cfg.FS, dir: v.cfg.Dir, path: v.journalPath(h.Number), id: h.ID}
}
