package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
)

const (
	formatName    = "lode chain backup"
	formatVersion = 1
	formatNote    = "Blocks only. This file holds no private keys and no words: it restores the chain, not the wallets."

	maxHeaderBytes = 16 << 10 // policy; what lode writes is below 2 KiB
	// maxLineBytes bounds the line of one block (policy). A block has at most
	// 4,000,000 bytes, twice that in hex, and a txid for each 60 of them.
	maxLineBytes = 16 << 20
)

// Kinds of what is wrong with a backup. Their texts continue "backup FILE is …".
var (
	// ErrNotBackup says that a file is something else.
	ErrNotBackup = errors.New("not a backup made by lode")
	// ErrVersion says that a file has a format of a later lode.
	ErrVersion = errors.New("in a newer format")
	// ErrDamaged says that a file is not as it was written.
	ErrDamaged = errors.New("damaged")
	// ErrForeign says that a file belongs to another network.
	ErrForeign = errors.New("of another network")
	// ErrIncomplete says that a file which it continues is not there.
	ErrIncomplete = errors.New("incomplete")
)

// fileName is the pattern of the names that a Keeper gives. A name in a file
// that does not match it is never opened.
var fileName = regexp.MustCompile(`^chain_backup_[0-9]{1,10}(_[0-9a-f]{8})?(_[0-9]{1,4})?\.json$`)

// Header is what a backup says about itself before its blocks.
type Header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Keys    bool   `json:"contains_keys"` // always false
	Note    string `json:"note"`

	Software string    `json:"software"` // that wrote it, e.g. "lode 0.1.0"
	Created  time.Time `json:"created"`  // UTC, whole seconds

	Network     string         `json:"network"`
	Fingerprint chainhash.Hash `json:"network_fingerprint"` // of all rules
	Genesis     chainhash.Hash `json:"genesis"`

	FirstHeight int32          `json:"first_height"`
	Height      int32          `json:"height"`      // of the tip
	ForkHeight  int32          `json:"fork_height"` // of the block that the first one follows
	ForkBlock   chainhash.Hash `json:"fork_block"`
	Tip         chainhash.Hash `json:"tip"`
	ChainWork   string         `json:"chainwork"` // up to the tip, 64 hex digits
	Blocks      int            `json:"block_count"`

	Previous *Previous `json:"previous"` // the backup that holds the fork block; nil at genesis
}

// Previous names the backup that another one continues. The tip tells which
// one it is, the rest helps to find it.
type Previous struct {
	File   string         `json:"file"` // its name in the same folder
	Height int32          `json:"height"`
	Tip    chainhash.Hash `json:"tip"`
	SHA256 string         `json:"sha256"`
}

// newHeader returns a header with what every backup of a network says.
func newHeader(p *network.Params) Header {
	return Header{
		Format:      formatName,
		Version:     formatVersion,
		Note:        formatNote,
		Network:     p.Name,
		Fingerprint: p.Fingerprint(),
		Genesis:     p.GenesisHash,
	}
}

// check refuses headers that lode would not write.
func (h *Header) check() error {
	switch p := h.Previous; {
	case h.Format != formatName || h.Version != formatVersion || h.Keys || h.Note != formatNote:
		return errors.New("its first lines have been changed")
	case h.FirstHeight < 1 || h.Height < h.FirstHeight || h.ForkHeight != h.FirstHeight-1 ||
		h.Blocks != int(h.Height-h.FirstHeight)+1:
		return errors.New("its heights make no sense")
	case (p == nil) != (h.ForkHeight == 0), p == nil && h.ForkBlock != h.Genesis:
		return errors.New("it does not say what it continues")
	case p != nil && !fileName.MatchString(p.File):
		return fmt.Errorf("%q is not the name of a backup", p.File)
	case p != nil && (p.Height < h.ForkHeight || !isChecksum(p.SHA256)):
		return errors.New("it does not say what it continues")
	case !isChecksum(h.ChainWork):
		return errors.New("its chain work is not a number")
	}
	return nil
}

// belongs returns ErrForeign with the reason unless a backup is of a network.
func (h *Header) belongs(p *network.Params) error {
	switch {
	case h.Network != p.Name:
		return fmt.Errorf("%w: it belongs to %q, this is %q", ErrForeign, h.Network, p.Name)
	case h.Genesis != p.GenesisHash:
		return fmt.Errorf("%w: its genesis block is %s, here it is %s", ErrForeign, h.Genesis, p.GenesisHash)
	case h.Fingerprint != p.Fingerprint():
		return fmt.Errorf("%w: a network %q with the same genesis block and other rules", ErrForeign, h.Network)
	}
	return nil
}

// isChecksum reports whether s is 64 digits of lower-case hex.
func isChecksum(s string) bool {
	if len(s) != hex.EncodedLen(sha256.Size) {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// formatWork writes chain work as Core does.
func formatWork(work *big.Int) string { return fmt.Sprintf("%064x", work) }

// blocksLine ends the header; endLine ends the blocks.
const (
	blocksLine = "  \"blocks\": [\n"
	endLine    = "  ],\n"
)

// encode returns the lines of a file before its blocks.
func (h *Header) encode() ([]byte, error) {
	b, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return nil, err
	}
	b = bytes.TrimSuffix(b, []byte("\n}"))
	return append(b, ",\n"+blocksLine...), nil
}

// decodeHeader reads what encode has written, and nothing else.
func decodeHeader(lines []byte) (Header, error) {
	object := slices.Concat(bytes.TrimSuffix(lines, []byte(blocksLine)), []byte("\"blocks\": 0}"))
	var kind struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(object, &kind); err != nil || kind.Format != formatName {
		return Header{}, fmt.Errorf("%w", ErrNotBackup)
	}
	if kind.Version > formatVersion {
		return Header{}, fmt.Errorf("%w (%d; this lode reads up to %d): use a newer lode", ErrVersion, kind.Version, formatVersion)
	}
	var h Header
	if err := json.Unmarshal(object, &h); err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := h.check(); err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if again, err := h.encode(); err != nil || !bytes.Equal(again, lines) {
		return Header{}, fmt.Errorf("%w: its first lines have been changed", ErrDamaged)
	}
	return h, nil
}

// rawField is what precedes the bytes of a block in its line.
const rawField = `],"raw":"`

// appendBlock appends a block's line without what separates it from the next.
func appendBlock(dst []byte, height int32, b *wire.MsgBlock, raw []byte) []byte {
	dst = fmt.Appendf(dst, `    {"height":%d,"hash":"%s","time":"`, height, b.BlockHash())
	dst = b.Header.Timestamp.UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","txids":[`...)
	for i, txid := range consensus.TxIDs(b) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), txid.String()...), '"')
	}
	dst = append(dst, rawField...)
	dst = hex.AppendEncode(dst, raw)
	return append(dst, `"}`...)
}

// decodeBlock reads a line that appendBlock has written.
func decodeBlock(line []byte, height int32) (*wire.MsgBlock, []byte, error) {
	at := bytes.LastIndex(line, []byte(rawField))
	digits, ok := bytes.CutSuffix(line, []byte(`"}`))
	if at < 0 || !ok || len(digits) < at+len(rawField) {
		return nil, nil, errors.New("its line is not that of a block")
	}
	digits = digits[at+len(rawField):]
	raw := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(raw, digits); err != nil {
		return nil, nil, errors.New("its bytes are not in hex")
	}
	b, err := consensus.DecodeBlock(raw)
	if err != nil {
		return nil, nil, err
	}
	if again := appendBlock(make([]byte, 0, len(line)), height, b, raw); !bytes.Equal(again, line) {
		return nil, nil, errors.New("its height, hash, time or transaction ids are not those of its bytes")
	}
	return b, raw, nil
}

const (
	sumPrefix = "  \"sha256\": \""
	sumSuffix = "\"\n}\n"
	// trailerBytes is the length of a file from endLine on.
	trailerBytes = len(endLine) + len(sumPrefix) + 2*sha256.Size + len(sumSuffix)
)

// decodeTrailer reads the end of a file, from endLine on.
func decodeTrailer(b []byte) (checksum string, ok bool) {
	if len(b) != trailerBytes {
		return "", false
	}
	s, head := bytes.CutPrefix(b, []byte(endLine+sumPrefix))
	s, tail := bytes.CutSuffix(s, []byte(sumSuffix))
	return string(s), head && tail && isChecksum(string(s))
}
