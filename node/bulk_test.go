package node

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

const variedFile = "../testdata/chains/core281_varied.dat.gz"

// variedRecords returns the records of the chain that Core made, genesis first.
func variedRecords(t testing.TB) [][]byte {
	t.Helper()
	data := unpacked(t, variedFile)
	var records [][]byte
	for len(data) > 0 {
		n := recordHeader + int(binary.LittleEndian.Uint32(data[4:]))
		records = append(records, data[:n])
		data = data[n:]
	}
	return records
}

func record(b *wire.MsgBlock) []byte {
	raw := consensus.EncodeBlock(b)
	head := binary.LittleEndian.AppendUint32(nil, network.Regtest().Magic)
	return append(binary.LittleEndian.AppendUint32(head, uint32(len(raw))), raw...)
}

// blocksFile writes records and returns the file's absolute name.
func blocksFile(t testing.TB, parts ...[]byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "blocks.dat")
	if err := os.WriteFile(file, slices.Concat(parts...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// bulkNode is a host in a directory of its own that mines nothing by itself.
func bulkNode(t testing.TB) *Node {
	t.Helper()
	c := Config{
		Dir: filepath.Join(t.TempDir(), "regtest"), Params: network.Regtest(), Command: "test", Version: "1.2.3",
		Settings: rpc.Settings{BackupEvery: -1}, Clock: clock,
	}
	n, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// do runs a job and returns its result, and the job's error.
func do(t testing.TB, n *Node, method, file string, result any) error {
	t.Helper()
	j, err := n.Client().StartJob(t.Context(), method, rpc.FileRequest{File: file})
	for err == nil && !j.Ended {
		j, err = n.Client().Job(t.Context(), rpc.JobRequest{ID: j.ID, SinceDone: &j.Done, Timeout: 60})
	}
	if err != nil {
		return err
	}
	if result != nil && j.Result != nil {
		if err := json.Unmarshal(j.Result, result); err != nil {
			t.Fatal(err)
		}
	}
	if j.Error != "" {
		return errors.New(j.Error)
	}
	return nil
}

func mustSay(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of several lines: %q", err)
	}
}

func TestImportExportVerify(t *testing.T) {
	n := bulkNode(t)
	var want struct {
		Height int32
		Best   string `json:"best_block"`
		Blocks int    `json:"blocks_in_file"`
	}
	data, err := os.ReadFile(strings.TrimSuffix(variedFile, ".dat.gz") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs(variedFile)
	if err != nil {
		t.Fatal(err)
	}
	var got rpc.ImportResult
	if err := do(t, n, "lode_import", file, &got); err != nil {
		t.Fatal(err)
	}
	if got.Height != want.Height || got.BestBlock != want.Best || got.Read != want.Blocks || got.Known != 1 || got.Accepted != want.Blocks-1 || got.Skipped != 0 {
		t.Errorf("import: %+v, want %+v", got, want)
	}
	if err := do(t, n, "lode_import", file, &got); err != nil || got.Known != want.Blocks || got.Accepted != 0 {
		t.Errorf("import again: %+v (%v)", got, err)
	}

	for _, name := range []string{"chain.dat", "chain.dat.gz"} {
		out := filepath.Join(t.TempDir(), name)
		var exported rpc.ExportResult
		if err := do(t, n, "lode_export", out, &exported); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(out)
		if err != nil || info.Size() != exported.Size || exported.Blocks != int(want.Height)+1 || exported.BestBlock != want.Best || exported.File != out {
			t.Errorf("export: %+v (%v)", exported, err)
		}
		mustSay(t, do(t, n, "lode_export", out, nil), "is there already")
		if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 1 {
			t.Errorf("beside the export: %v (%v)", entries, err)
		}
		if data := unpacked(t, out); !bytes.Equal(data, bestRecords(t, n)) {
			t.Errorf("%s holds %d bytes, which are not the records of the best chain", name, len(data))
		}
	}

	var verified rpc.VerifyResult
	if err := n.Client().RunJob(t.Context(), "lode_verify", rpc.Empty{}, &verified, nil); err != nil {
		t.Fatal(err)
	}
	if verified.Blocks != int(want.Height)+1 || verified.Height != want.Height || verified.BestBlock != want.Best {
		t.Errorf("verify: %+v", verified)
	}
}

// unpacked returns the content of a file, without gzip if its name says so.
func unpacked(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil && strings.HasSuffix(file, ".gz") {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			data, err = io.ReadAll(z)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// bestRecords returns the records of a host's best chain.
func bestRecords(t *testing.T, n *Node) (all []byte) {
	t.Helper()
	m := n.link.host.chain
	for height := range m.Tip().Height + 1 {
		b, err := m.Block(m.ByHeight(height).Hash)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, record(b)...)
	}
	return all
}

func TestImportOutOfOrderAndGarbage(t *testing.T) {
	records := variedRecords(t)[:120]
	magic := records[0][:4]
	shuffled := slices.Clone(records)
	slices.Reverse(shuffled)
	garbage := slices.Concat([]byte("some bytes"), magic, []byte{200, 0, 0, 0, 1, 2, 3}, magic, []byte{0xff, 0xff, 0xff, 0x7f}, magic[:3])
	parts := [][]byte{garbage}
	for _, r := range shuffled {
		parts = append(parts, r, make([]byte, 7))
	}
	parts = append(parts, shuffled[3], bytes.Repeat([]byte{0}, 1<<16), []byte("tail"))
	n := bulkNode(t)
	var got rpc.ImportResult
	if err := do(t, n, "lode_import", blocksFile(t, parts...), &got); err != nil {
		t.Fatal(err)
	}
	skipped := int64(len(garbage) + 7*len(records) + 1<<16 + 4)
	if got.Read != 121 || got.Accepted != 119 || got.Known != 2 || got.Height < 100 || got.Skipped != skipped {
		t.Errorf("import: %+v, want %d bytes skipped", got, skipped)
	}
}

func TestImportOfBadFiles(t *testing.T) {
	records := variedRecords(t)[:40]
	all := slices.Concat(records...)
	foreign := func(magic string) []byte { return append([]byte(magic), all[4:]...) }
	otherGenesis := *network.Regtest().Genesis
	otherGenesis.Header.Nonce = 77
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(all)
	_ = z.Close()
	flipped := bytes.Clone(packed.Bytes())
	flipped[len(flipped)-6] ^= 1 // in the checksum

	tests := []struct {
		what   string
		file   []byte
		height int32 // afterwards
		says   []string
	}{
		{"mainnet", foreign("\xf9\xbe\xb4\xd9"), 0, []string{"another network", "main network", "f9beb4d9", "fabfb5da"}},
		{"testnet3", foreign("\x0b\x11\x09\x07"), 0, []string{"testnet3"}},
		{"testnet4", foreign("\x1c\x16\x3f\x28"), 0, []string{"testnet4"}},
		{"signet", foreign("\x0a\x03\xcf\x40"), 0, []string{"signet"}},
		{"somebody's", foreign("\x01\x02\x03\x04"), 0, []string{"01020304"}},
		{"other genesis", slices.Concat(record(&otherGenesis), all), 0, []string{"another network", otherGenesis.BlockHash().String()}},
		{"empty", nil, 0, []string{"no blocks"}},
		{"text", []byte("hello, world, this is no file of blocks"), 0, []string{"no blocks", "blocksxor"}},
		{"cut in a block", all[:len(all)-1], 38, []string{"middle of a block", "39 blocks before it"}},
		{"cut in a length", all[:len(all)-len(records[39])+6], 38, []string{"middle of a block"}},
		{"cut packing", packed.Bytes()[:packed.Len()/2], -1, []string{"packing is cut off"}},
		{"damaged packing", flipped, 39, []string{"unpack the file"}},
		{"no gzip at all", []byte("\x1f\x8b nonsense"), 0, []string{"unpack the file"}},
		{"parent missing", slices.Concat(records[0], records[1], records[3], records[4]), 1, []string{"2 blocks", "do not connect"}},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			n := bulkNode(t)
			mustSay(t, do(t, n, "lode_import", blocksFile(t, test.file), nil), test.says...)
			if got := status(t, n).Height; got != test.height && test.height >= 0 || test.height < 0 && got == 0 {
				t.Errorf("height %d, want %d", got, test.height)
			}
		})
	}
}

// A block that breaks a rule ends the import; what came before it stays, and
// so does a mended file's rest.
func TestImportStopsAtAnInvalidBlock(t *testing.T) {
	records := variedRecords(t)[:60]
	bad, err := consensus.DecodeBlock(bytes.Clone(records[30][recordHeader:]))
	if err != nil {
		t.Fatal(err)
	}
	bad.Transactions[0].TxOut[0].Value++
	bad.Header.MerkleRoot, _ = consensus.MerkleRoot(consensus.TxIDs(bad))
	for consensus.CheckBlock(network.Regtest(), bad) != nil {
		bad.Header.Nonce++
	}
	spoiled := slices.Clone(records)
	spoiled[30] = record(bad)
	n := bulkNode(t)
	var got rpc.ImportResult
	err = do(t, n, "lode_import", blocksFile(t, spoiled...), &got)
	mustSay(t, err, bad.BlockHash().String(), "height 30", "is invalid", "bad-cb-amount")
	if got.Height != 29 || got.Accepted != 29 {
		t.Errorf("after the bad block: %+v", got)
	}
	if err := do(t, n, "lode_import", blocksFile(t, records...), &got); err != nil || got.Height != 59 {
		t.Errorf("import of the good file: %+v (%v)", got, err)
	}

	late, err := consensus.DecodeBlock(bytes.Clone(records[40][recordHeader:]))
	if err != nil {
		t.Fatal(err)
	}
	late.Header.Timestamp = clock().Add(3 * time.Hour)
	for consensus.CheckBlock(network.Regtest(), late) != nil {
		late.Header.Nonce++
	}
	err = do(t, n, "lode_import", blocksFile(t, record(late)), nil)
	mustSay(t, err, late.BlockHash().String(), "cannot be accepted yet", "time-too-new")
}

func TestImportTooFarOutOfOrder(t *testing.T) {
	im := &importer{waitingBytes: maxWaitingBytes - 10}
	err := im.wait(fileBlock{raw: make([]byte, 100), msg: network.Regtest().Genesis})
	mustSay(t, err, "out of order", "64 MiB")
}

func TestFilesThatAreNone(t *testing.T) {
	n := bulkNode(t)
	dir := t.TempDir()
	mustSay(t, do(t, n, "lode_import", "blocks.dat", nil), "not an absolute path")
	mustSay(t, do(t, n, "lode_export", "../blocks.dat", nil), "not an absolute path")
	mustSay(t, do(t, n, "lode_import", dir, nil), "not a regular file")
	mustSay(t, do(t, n, "lode_import", filepath.Join(dir, "none"), nil), "no such file")
	mustSay(t, do(t, n, "lode_export", filepath.Join(dir, "none", "x"), nil), "no such file")
	mustSay(t, do(t, n, "lode_export", dir, nil), "is there already")
	fifo := filepath.Join(dir, "fifo")
	if err := makeFIFO(fifo); err != nil {
		t.Skip("no named pipes here:", err)
	}
	mustSay(t, do(t, n, "lode_import", fifo, nil), "not a regular file")
	mustSay(t, do(t, n, "lode_restorebackup", fifo, nil), "not a regular file")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left over: %v (%v)", entries, err)
	}
}

// A job that is cancelled keeps what it has done, and the next one goes on.
func TestCancelledImportGoesOn(t *testing.T) {
	n := bulkNode(t)
	h := n.link.host
	records := variedRecords(t)[:200]
	file := blocksFile(t, records...)
	ctx, cancel := context.WithCancel(t.Context())
	im := &importer{h: h, waiting: map[chainhash.Hash][]fileBlock{}}
	r, err := openRecords(h.params, file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	err = im.run(ctx, r, func() {
		if im.result.Read == 150 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || im.result.Read != 150 {
		t.Fatalf("cancelled after %d blocks: %v", im.result.Read, err)
	}
	if tip := h.chain.Tip(); tip.Height < 140 {
		t.Errorf("height %d after 150 blocks", tip.Height)
	}
	var got rpc.ImportResult
	if err := do(t, n, "lode_import", file, &got); err != nil || got.Known != 150 || got.Known+got.Accepted != 200 {
		t.Errorf("second import: %+v (%v)", got, err)
	}
}

func FuzzRecords(f *testing.F) {
	records := variedRecords(f)
	f.Add(slices.Concat(records[:3]...))
	f.Add(append([]byte("garbage"), records[2]...))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := newRecordReader(network.Regtest(), io.NopCloser(bytes.NewReader(data)), int64(len(data)))
		if err != nil {
			return
		}
		var inBlocks int64
		for {
			b, err := r.next()
			if err != nil {
				break
			}
			inBlocks += recordHeader + int64(len(b.raw))
		}
		if inBlocks+r.skipped != r.offset {
			t.Fatalf("%d bytes in blocks, %d skipped, %d in all", inBlocks, r.skipped, r.offset)
		}
	})
}

// BenchmarkImport reads a chain with 43,032 signatures through the job, and
// reports how much longer that takes than giving the same blocks, decoded
// before, to a chain alone.
func BenchmarkImport(b *testing.B) {
	file, err := filepath.Abs("../testdata/chains/bulk_20x1000.dat.gz")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		b.Skip(err)
	}
	var alone, all time.Duration
	for b.Loop() {
		alone += importAlone(b, file)
		n := bulkNode(b)
		start := time.Now()
		var got rpc.ImportResult
		if err := do(b, n, "lode_import", file, &got); err != nil || got.Height != 190 {
			b.Fatalf("%+v (%v)", got, err)
		}
		all += time.Since(start)
	}
	b.ReportMetric(all.Seconds()/float64(b.N), "import-s")
	b.ReportMetric(all.Seconds()/alone.Seconds(), "ratio")
}

// importAlone returns how long a chain without a host takes for a file.
func importAlone(b *testing.B, file string) time.Duration {
	b.Helper()
	r, err := openRecords(network.Regtest(), file)
	if err != nil {
		b.Fatal(err)
	}
	defer r.close()
	var blocks []*wire.MsgBlock
	for {
		block, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		blocks = append(blocks, block.msg)
	}
	store, err := kv.OpenPebble(filepath.Join(b.TempDir(), "db"), kv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	m, err := chain.Open(chain.Config{Params: network.Regtest(), Store: store, Dir: filepath.Join(b.TempDir(), "blocks"), Exec: par.New()})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	start := time.Now()
	if err := m.Group(b.Context(), func(g *chain.Group) error {
		for _, block := range blocks {
			if _, err := g.Accept(block, clock()); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
