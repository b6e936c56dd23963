package node

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/newfile"
	"github.com/lode-chain/lode/rpc"
)

// exportFile is the task of lode_export: the best chain as it is when the job
// begins, genesis first, in a new file.
func (h *Host) exportFile(file string) task {
	return func(ctx context.Context, j *job) (any, error) {
		tip := h.chain.Tip()
		f, err := newfile.Create(nil, filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		defer f.Discard()
		out := &countWriter{w: f}
		if err := h.writeRecords(ctx, out, tip, strings.HasSuffix(file, ".gz"), j.progress); err != nil {
			return nil, err
		}
		if err := f.Commit(filepath.Base(file)); errors.Is(err, fs.ErrExist) {
			return nil, errThere(file)
		} else if err != nil {
			return nil, fmt.Errorf("write %s: %w", file, err)
		}
		return rpc.ExportResult{
			File: file, Blocks: int(tip.Height) + 1, Size: out.n, Height: tip.Height, BestBlock: tip.Hash.String(),
		}, nil
	}
}

func errThere(file string) error {
	return rpc.Errorf(rpc.CodeInvalidParameter, "%s is there already; choose another name", file)
}

// writeRecords writes the chain up to tip.
func (h *Host) writeRecords(ctx context.Context, to io.Writer, tip *chain.Entry, pack bool, progress func(done, total int64)) error {
	buf := bufio.NewWriterSize(to, 1<<20)
	var out io.Writer = buf
	var packer *gzip.Writer
	if pack {
		packer = gzip.NewWriter(buf)
		out = packer
	}
	row := make([]*chain.Entry, tip.Height+1)
	for e := tip; e != nil; e = e.Parent() {
		row[e.Height] = e
	}
	for _, e := range row {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := h.chain.BlockBytes(e.Hash)
		if err != nil {
			return err
		}
		var head [recordHeader]byte
		binary.LittleEndian.PutUint32(head[:], h.params.Magic)
		binary.LittleEndian.PutUint32(head[4:], uint32(len(raw)))
		if _, err := out.Write(head[:]); err != nil {
			return err
		}
		if _, err := out.Write(raw); err != nil {
			return err
		}
		progress(int64(e.Height)+1, int64(len(row)))
	}
	if packer != nil {
		if err := packer.Close(); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// countWriter counts what goes through.
type countWriter struct {
	w io.Writer
	n int64
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// verifyAll is the task of lode_verify.
func (h *Host) verifyAll(ctx context.Context, j *job) (any, error) {
	tip := h.chain.Tip()
	var checked int32
	err := h.chain.Verify(ctx, func(done, total int32) {
		if checked = done; done == total {
			tip = h.chain.ByHeight(total - 1)
		}
		j.progress(int64(done), int64(total))
	})
	if err != nil {
		return nil, err
	}
	return rpc.VerifyResult{Blocks: int(checked), Height: tip.Height, BestBlock: tip.Hash.String()}, nil
}

// registerBulk adds the methods that start jobs about the whole chain.
func (h *Host) registerBulk(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "lode_import", Section: rpc.SectionLode, Own: true,
		Summary: "Starts a job that takes in the blocks of a file of bootstrap.dat records, packed with gzip or not.",
		Params:  []rpc.Param{{Name: "file", Type: rpc.String, Help: "File, absolute"}},
		Example: `'{"file":"/home/me/bootstrap.dat"}'`,
		Handler: func(_ context.Context, r *rpc.Request) (any, error) {
			file, err := fileOf(r)
			if err != nil {
				return nil, err
			}
			return h.jobs.start("import", "bytes", true, h.importFile(file))
		},
	})
	s.Register(rpc.Method{
		Name: "lode_export", Section: rpc.SectionLode, Own: true,
		Summary: "Starts a job that writes the best chain to a new file of bootstrap.dat records, packed with gzip when its name ends in .gz.",
		Params:  []rpc.Param{{Name: "file", Type: rpc.String, Help: "File, absolute; it must not exist"}},
		Example: `'{"file":"/home/me/bootstrap.dat.gz"}'`,
		Handler: func(_ context.Context, r *rpc.Request) (any, error) {
			file, err := fileOf(r)
			if err != nil {
				return nil, err
			}
			if _, err := os.Lstat(file); err == nil {
				return nil, errThere(file)
			}
			return h.jobs.start("export", "blocks", false, h.exportFile(file))
		},
	})
	s.Register(rpc.Method{
		Name: "lode_verify", Section: rpc.SectionLode, Own: true,
		Summary: "Starts a job that validates the whole chain again, from the first block on.",
		Handler: func(_ context.Context, r *rpc.Request) (any, error) {
			if err := r.Object(&rpc.Empty{}); err != nil {
				return nil, err
			}
			return h.jobs.start("verify", "blocks", false, h.verifyAll)
		},
	})
}
