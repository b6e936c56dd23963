package vault

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

// A journal is lines of text, each "<crc32c in 8 hex digits> <JSON>\n". The
// checksum runs on from line to line, so a line that is lost, moved or taken
// from another journal is noticed. Records are written by one write and synced
// before the call returns. What no reader can want any more is dropped when the
// file has grown: it is written anew beside the old one and renamed over it.

const (
	journalVersion = 2
	maxRecord      = 2 << 20   // bytes of a line; policy: a standard transaction in hex and some
	maxJournal     = 256 << 20 // bytes of a damaged one that is searched; policy
	compactFrom    = 1 << 20   // bytes from which on a journal is written anew; policy
	damagedSuffix  = ".damaged-"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journal is a wallet's state beside its keys. mu guards it and its file.
type journal struct {
	fs   FS
	dir  string
	path string
	id   string

	mu      sync.Mutex
	version int
	size    int64 // bytes that count; 0 while there is no file
	base    int64 // size when it was last written anew
	crc     uint32
	broken  error // a write failed half-way and could not be cut
	state
}

// openJournal reads the wallet's journal if there is one. A damaged one is
// mended: what can be read of it is kept, the damaged file is put aside, and
// notice says what is lost.
func openJournal(fs FS, dir, path, id string) (j *journal, notice, err error) {
	j = &journal{fs: fs, dir: dir, path: path, id: id}
	f, err := fs.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return j, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	end, err := j.read(f)
	switch {
	case err != nil:
		return nil, nil, err
	case end == endTorn:
		if err := fs.Truncate(path, j.size); err != nil {
			j.broken = fmt.Errorf("%s: its torn end could not be cut: %w", path, err)
			return j, j.broken, nil
		}
	case end == endDamaged:
		notice, err = j.salvage(f)
		if err != nil {
			return nil, nil, err
		}
	}
	return j, notice, nil
}

// The ways in which the lines of a journal end.
type ending int

const (
	endWhole   ending = iota
	endTorn           // bytes of a line without its end follow, which nobody was told of
	endDamaged        // a line that is not what was written follows
)

// read replays all lines up to the first that is not whole.
func (j *journal) read(f io.Reader) (ending, error) {
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := readLine(r)
		switch {
		case err == io.EOF && len(line) == 0:
			return endWhole, nil
		case err == io.EOF && !j.whole(line) && !j.whole(line[:len(line)-1]):
			return endTorn, nil
		case err == io.EOF || err == errLongLine:
			return endDamaged, nil // its end is missing or changed
		case err != nil:
			return 0, err
		}
		body, crc, ok := checkLine(line[:len(line)-1], j.crc)
		if !ok {
			return endDamaged, nil
		}
		if err := j.take(body, span{j.size, len(line)}); err != nil {
			return 0, err
		}
		j.size += int64(len(line))
		j.crc = crc
	}
}

// whole says whether a line without its end is the next one.
func (j *journal) whole(line []byte) bool {
	_, _, ok := checkLine(line, j.crc)
	return ok
}

var errLongLine = fmt.Errorf("%w: a line is longer than %d bytes", ErrDamaged, maxRecord)

// readLine returns a line with its end, or with io.EOF what is left.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxRecord {
			return nil, errLongLine
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// checkLine takes a line without its end apart; false when its checksum is not
// the one that follows crc.
func checkLine(line []byte, crc uint32) (body []byte, next uint32, ok bool) {
	stored, ok := storedSum(line)
	if !ok {
		return nil, 0, false
	}
	next = crc32.Update(crc, castagnoli, line[9:])
	return line[9:], next, next == stored
}

// storedSum is the checksum that a line begins with.
func storedSum(line []byte) (uint32, bool) {
	var sum [4]byte
	if len(line) < 10 || line[8] != ' ' || bytes.ContainsAny(line[:8], "ABCDEF") {
		return 0, false
	}
	if _, err := hex.Decode(sum[:], line[:8]); err != nil {
		return 0, false
	}
	return uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3]), true
}

// take reads one line's JSON into the state. Its checksum is right, so what is
// not understood was written by another version.
func (j *journal) take(body []byte, at span) error {
	rec := new(record)
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(rec); err != nil {
		return fmt.Errorf("%w (a line of its journal is of no kind that this one knows)", ErrNewer)
	}
	if j.version == 0 && rec.Journal != 0 {
		return j.checkHead(rec)
	}
	return j.replay(rec, at)
}

func (j *journal) checkHead(rec *record) error {
	switch {
	case rec.Journal > journalVersion:
		return fmt.Errorf("%w (format %d, this one reads up to %d)", ErrNewer, rec.Journal, journalVersion)
	case rec.Wallet != j.id:
		return fmt.Errorf("%w: it is the journal of another wallet", ErrDamaged)
	}
	j.version = rec.Journal
	return nil
}

// salvage keeps what can still be proven of a damaged journal: a line behind the
// damage is good if its checksum follows the one that the line before states.
// The damaged file is kept under another name.
func (j *journal) salvage(f io.ReaderAt) (notice, err error) {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, maxJournal+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxJournal {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrDamaged, maxJournal)
	}
	prev, known, lost := j.crc, true, 0
	for at := j.size; at < int64(len(data)); {
		line, _, ended := bytes.Cut(data[at:], []byte("\n"))
		size := int64(len(line))
		if ended {
			size++
		}
		body, _, ok := checkLine(line, prev)
		if !ended && !ok && len(line) > 0 { // its last byte may be the changed end
			body, _, ok = checkLine(line[:len(line)-1], prev)
		}
		switch {
		case ok && known:
			if err := j.take(body, span{at, len(body) + 10}); err != nil {
				return nil, err
			}
		case len(line) > 0:
			lost++
		}
		prev, known = storedSum(line)
		at += size
	}
	aside := fmt.Sprintf("%s%s%08x", j.path, damagedSuffix, crc32.Checksum(data, castagnoli))
	text := fmt.Sprintf("%s was damaged", j.path)
	if lost > 0 {
		text += fmt.Sprintf(": %d of its records (of names, labels, addresses given out or payments) could not be read, all others are kept", lost)
	}
	err = j.fs.Create(aside, data)
	if errors.Is(err, os.ErrExist) {
		err = nil // of an earlier start
	}
	if err == nil {
		err = j.renew(nil)
	}
	if err != nil {
		j.broken = fmt.Errorf("%s: its damage could not be mended: %w", j.path, err)
		return fmt.Errorf("%s; mending it failed: %w", text, err), nil
	}
	return fmt.Errorf("%s; the damaged file is kept as %s", text, aside), nil
}

// append writes records as one write, creating the file before the first.
// After it returns nil they are on the disk; after an error they do not count.
func (j *journal) append(recs ...*record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if j.size == 0 || j.version < journalVersion || j.size > max(compactFrom, 2*j.base) {
		return j.renew(recs)
	}
	buf, crc, places, err := j.encode(nil, j.crc, j.size, recs)
	if err != nil {
		return err
	}
	if err := j.fs.WriteAt(j.path, buf, j.size); err != nil {
		if terr := j.fs.Truncate(j.path, j.size); terr != nil {
			j.broken = fmt.Errorf("%s: an earlier write failed; start lode again: %w", j.path, err)
		}
		return fmt.Errorf("write %s: %w", j.path, err)
	}
	j.size += int64(len(buf))
	j.crc = crc
	return j.replayAll(recs, places)
}

// encode appends lines to buf, which is to lie at an offset of the file.
func (j *journal) encode(buf []byte, crc uint32, offset int64, recs []*record) ([]byte, uint32, []span, error) {
	places := make([]span, len(recs))
	begin := int64(len(buf))
	for i, rec := range recs {
		body, err := json.Marshal(rec)
		if err != nil {
			return nil, 0, nil, err
		}
		if len(body)+10 > maxRecord {
			return nil, 0, nil, fmt.Errorf("%s: a record of %d bytes is over the limit of %d", j.path, len(body), maxRecord)
		}
		crc = crc32.Update(crc, castagnoli, body)
		places[i] = span{offset + int64(len(buf)) - begin, len(body) + 10}
		buf = fmt.Appendf(buf, "%08x %s\n", crc, body)
	}
	return buf, crc, places, nil
}

func (j *journal) replayAll(recs []*record, places []span) error {
	for i, rec := range recs {
		if err := j.replay(rec, places[i]); err != nil {
			return err
		}
	}
	return nil
}

// renew writes a journal of what counts now and recs, and puts it in the place
// of the old one. The caller holds mu, or nobody else knows j.
func (j *journal) renew(recs []*record) error {
	live, sends, err := j.live()
	if err != nil {
		return err
	}
	head := []*record{{Journal: journalVersion, Wallet: j.id}}
	buf, crc, _, err := j.encode(nil, 0, 0, append(head, live...))
	if err != nil {
		return err
	}
	moved := make(map[string]span, len(sends))
	for _, s := range sends {
		crc = crc32.Update(crc, castagnoli, s.body)
		moved[s.key] = span{int64(len(buf)), len(s.body) + 10}
		buf = fmt.Appendf(buf, "%08x %s\n", crc, s.body)
	}
	base := int64(len(buf))
	buf, crc, places, err := j.encode(buf, crc, base, recs)
	if err != nil {
		return err
	}
	fresh := j.size == 0
	if err := replace(j.fs, j.path, buf); err != nil {
		return fmt.Errorf("write %s: %w", j.path, err)
	}
	if err := j.fs.SyncDir(j.dir); err != nil {
		// Renamed but perhaps not durable: nothing of it counts.
		if fresh {
			if rerr := j.fs.Remove(j.path); rerr == nil || errors.Is(rerr, os.ErrNotExist) {
				return fmt.Errorf("write %s: %w", j.path, err)
			}
		}
		j.broken = fmt.Errorf("%s: an earlier write failed; start lode again: %w", j.path, err)
		return fmt.Errorf("write %s: %w", j.path, err)
	}
	j.version, j.size, j.base, j.crc, j.sends = journalVersion, int64(len(buf)), base, crc, moved
	return j.replayAll(recs, places)
}
