package vault

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"strconv"
	"sync"
)

// A journal is lines of text, each "<crc32c in 8 hex digits> <JSON>\n". The
// checksum runs on from line to line, so a line that is lost, moved or taken
// from another journal is noticed. A line is written by one write and synced
// before the call returns; only the last can be torn, and then it lacks its
// line end.

const (
	journalVersion = 1
	maxRecord      = 2 << 20 // bytes of a line; policy: a standard transaction in hex and some
	maxSendKey     = 256     // bytes; policy
	maxLabel       = 1024    // bytes; policy
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is one line. The first one holds only Journal and Wallet.
type record struct {
	Journal int    `json:"journal,omitempty"` // format version
	Wallet  string `json:"wallet,omitempty"`  // its ID

	Name   string  `json:"name,omitempty"`
	Issued *issued `json:"issued,omitempty"`
	Label  *label  `json:"label,omitempty"`
	Send   *Send   `json:"send,omitempty"`
}

type label struct {
	Script string `json:"script"` // hex
	Label  string `json:"label"`
}

type issued struct {
	Chain uint32 `json:"chain"`
	Next  uint32 `json:"next"`
}

// Send is a payment that was signed: written before it is submitted, so that
// the same key can never make a second one.
type Send struct {
	Key     string `json:"key"`
	TxID    string `json:"txid"`
	Tx      string `json:"tx"`                // hex, with witnesses
	Details string `json:"details,omitempty"` // the caller's own, returned with it
}

// journal is a wallet's state beside its keys. mu guards it and its file.
type journal struct {
	fs   FS
	dir  string
	path string
	id   string

	mu     sync.Mutex
	size   int64 // bytes that count; 0 while there is no file
	crc    uint32
	broken error // a write failed half-way and could not be cut
	name   string
	next   map[uint32]uint32
	labels map[string]string // of scripts, in hex
	sends  map[string]span
}

// span is where a send's line is: they are read back when asked for.
type span struct {
	off int64
	len int
}

// openJournal reads the wallet's journal if there is one.
func openJournal(fs FS, dir, path, id string) (*journal, error) {
	j := &journal{fs: fs, dir: dir, path: path, id: id}
	f, err := fs.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	torn, err := j.read(f)
	if err != nil {
		return nil, err
	}
	if torn {
		if err := fs.Truncate(path, j.size); err != nil {
			return nil, fmt.Errorf("cut the torn end: %w", err)
		}
	}
	return j, nil
}

// read replays all lines and reports whether bytes of a torn one follow.
func (j *journal) read(f io.Reader) (torn bool, err error) {
	r := bufio.NewReaderSize(f, 64<<10)
	for n := 0; ; n++ {
		line, err := readLine(r)
		switch {
		case err == io.EOF && len(line) == 0:
			return false, nil
		case err == io.EOF:
			// No line end: torn, unless all of it is there but a changed end.
			if _, _, perr := j.parse(line[:len(line)-1]); perr == nil {
				return false, fmt.Errorf("%w: its last line end is wrong", ErrDamaged)
			}
			return true, nil
		case err != nil:
			return false, err
		}
		rec, crc, err := j.parse(line[:len(line)-1])
		if err != nil {
			return false, fmt.Errorf("%w: line %d: %v", ErrDamaged, n+1, err)
		}
		if n == 0 {
			err = j.checkHead(rec)
		} else {
			err = j.replay(rec, span{j.size, len(line)})
		}
		if err != nil {
			return false, err
		}
		j.size += int64(len(line))
		j.crc = crc
	}
}

// readLine returns a line with its end, or with io.EOF what is left.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxRecord {
			return nil, fmt.Errorf("%w: a line is longer than %d bytes", ErrDamaged, maxRecord)
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// parse checks one line, without its end, and returns the running checksum
// after it.
func (j *journal) parse(line []byte) (*record, uint32, error) {
	if len(line) < 10 || line[8] != ' ' {
		return nil, 0, errors.New("it is too short")
	}
	crc := crc32.Update(j.crc, castagnoli, line[9:])
	if string(line[:8]) != fmt.Sprintf("%08x", crc) {
		return nil, 0, errors.New("its checksum is wrong")
	}
	rec := new(record)
	dec := json.NewDecoder(bytes.NewReader(line[9:]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(rec); err != nil {
		return nil, 0, err
	}
	return rec, crc, nil
}

func (j *journal) checkHead(rec *record) error {
	switch {
	case rec.Journal > journalVersion:
		return fmt.Errorf("%w (format %d, this one reads up to %d)", ErrNewer, rec.Journal, journalVersion)
	case rec.Journal < 1 || rec.Wallet != j.id:
		return fmt.Errorf("%w: it is the journal of another wallet", ErrDamaged)
	}
	return nil
}

func (j *journal) replay(rec *record, at span) error {
	switch {
	case rec.Name != "":
		j.name = rec.Name
	case rec.Issued != nil:
		if j.next == nil {
			j.next = make(map[uint32]uint32, 2)
		}
		j.next[rec.Issued.Chain] = max(j.next[rec.Issued.Chain], rec.Issued.Next)
	case rec.Label != nil:
		if j.labels == nil {
			j.labels = make(map[string]string)
		}
		j.labels[rec.Label.Script] = rec.Label.Label
	case rec.Send != nil:
		if j.sends == nil {
			j.sends = make(map[string]span)
		}
		j.sends[rec.Send.Key] = at
	default:
		return fmt.Errorf("%w: a line of no known kind", ErrDamaged)
	}
	return nil
}

// append writes records as one write, creating the file before the first.
// After it returns nil they are on the disk; after an error they do not count.
func (j *journal) append(recs ...*record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if j.size == 0 {
		recs = append([]*record{{Journal: journalVersion, Wallet: j.id}}, recs...)
	}
	var buf []byte
	crc, places := j.crc, make([]span, len(recs))
	for i, rec := range recs {
		body, err := json.Marshal(rec)
		if err != nil {
			return err
		}
		if len(body)+10 > maxRecord {
			return fmt.Errorf("%s: a record of %d bytes is over the limit of %d", j.path, len(body), maxRecord)
		}
		crc = crc32.Update(crc, castagnoli, body)
		places[i] = span{j.size + int64(len(buf)), len(body) + 10}
		buf = fmt.Appendf(buf, "%08x %s\n", crc, body)
	}
	if err := j.write(buf); err != nil {
		return fmt.Errorf("write %s: %w", j.path, err)
	}
	for i, rec := range recs {
		if rec.Journal == 0 {
			if err := j.replay(rec, places[i]); err != nil {
				return err
			}
		}
	}
	j.size += int64(len(buf))
	j.crc = crc
	return nil
}

// write puts buf at the end. A failed write is cut off again; if that fails
// too, the journal takes no more until it is opened anew.
func (j *journal) write(buf []byte) error {
	var err error
	if j.size == 0 {
		if err = replace(j.fs, j.path, buf); err == nil {
			err = j.fs.SyncDir(j.dir)
		}
		if err != nil {
			// Renamed but perhaps not durable: nothing of it counts.
			if rerr := j.fs.Remove(j.path); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
				j.broken = fmt.Errorf("%s: an earlier write failed; start lode again: %w", j.path, err)
			}
		}
		return err
	}
	if err = j.fs.WriteAt(j.path, buf, j.size); err != nil {
		if terr := j.fs.Truncate(j.path, j.size); terr != nil {
			j.broken = fmt.Errorf("%s: an earlier write failed; start lode again: %w", j.path, err)
		}
	}
	return err
}

// issuedNext returns the next index of a chain that has not been issued.
func (j *journal) issuedNext(chain uint32) uint32 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next[chain]
}

func (j *journal) allIssued() map[uint32]uint32 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.next)
}

// send reads a send back. Kind: ErrUnknown when the key was never used.
func (j *journal) send(key string) (*Send, error) {
	j.mu.Lock()
	at, ok := j.sends[key]
	j.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("payment with key %s: %w", strconv.Quote(clip(key)), ErrUnknown)
	}
	f, err := j.fs.Open(j.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	line := make([]byte, at.len)
	if _, err := f.ReadAt(line, at.off); err != nil {
		return nil, fmt.Errorf("read %s: %w", j.path, err)
	}
	var rec record
	if err := json.Unmarshal(line[9:], &rec); err != nil || rec.Send == nil || rec.Send.Key != key {
		return nil, fmt.Errorf("%s: %w: it was changed while in use", j.path, ErrDamaged)
	}
	return rec.Send, nil
}
