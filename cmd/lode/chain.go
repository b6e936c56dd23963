package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func (p *program) chainCommand() *cobra.Command {
	return group("chain", "Look at the whole chain, check it, export and import it",
		"Looks at the whole chain, checks it from its first block, and carries blocks\nin and out.",
		"  lode chain info\n  lode chain verify\n  lode chain export chain.dat",
		p.chainInfoCommand(), p.chainVerifyCommand(), p.chainExportCommand(), p.chainImportCommand())
}

// chainInfoJSON is what chain info --json prints: Core's getblockchaininfo as
// it is, and on request gettxoutsetinfo with both of its hashes.
type chainInfoJSON struct {
	Chain json.RawMessage `json:"chain"`
	Coins *coinsJSON      `json:"coins,omitempty"`
}

// coinsJSON has gettxoutsetinfo's field names.
type coinsJSON struct {
	Height    int32            `json:"height"`
	BestBlock string           `json:"bestblock"`
	TxOuts    int64            `json:"txouts"`
	BogoSize  int64            `json:"bogosize"`
	Total     consensus.Amount `json:"total_amount"`
	MuHash    string           `json:"muhash"`
	Hash3     string           `json:"hash_serialized_3"`
}

func (p *program) chainInfoCommand() *cobra.Command {
	var coins bool
	c := &cobra.Command{
		Use: "info", Short: "Show height, tip, work and rules",
		Long: `Shows where the chain stands. --coins adds the set of unspent coins with its two
hashes (muhash and hash_serialized_3), as Bitcoin Core computes them.`,
		Example: "  lode chain info\n  lode chain info --coins --json",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.with(ctx, "chain info", func(c *openChain) error {
				var out chainInfoJSON
				if err := c.Call(ctx, "getblockchaininfo", &out.Chain); err != nil {
					return err
				}
				if coins {
					out.Coins = &coinsJSON{}
					for _, kind := range []string{"muhash", "hash_serialized_3"} {
						if err := c.Call(ctx, "gettxoutsetinfo", out.Coins, kind); err != nil {
							return err
						}
					}
				}
				if p.json {
					return p.printJSON(out)
				}
				return p.showChain(ctx, c, out)
			})
		},
	}
	c.Flags().BoolVar(&coins, "coins", false, "count the unspent coins and hash them")
	return c
}

func (p *program) showChain(ctx context.Context, c *openChain, info chainInfoJSON) error {
	var chain struct {
		Chain      string  `json:"chain"`
		Difficulty float64 `json:"difficulty"`
		ChainWork  string  `json:"chainwork"`
		Size       int64   `json:"size_on_disk"`
	}
	if err := json.Unmarshal(info.Chain, &chain); err != nil {
		return fmt.Errorf("reading getblockchaininfo: %w", err)
	}
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	halving := "none is left"
	if s.NextHalving > 0 {
		halving = fmt.Sprintf("at height %s, in %s", console.Thousands(int64(s.NextHalving)), console.Count(s.NextHalving-s.Height, "block"))
	}
	fields := [][2]string{
		{"Network", chain.Chain},
		{"Height", console.Thousands(int64(s.Height))},
		{"Tip", s.BestBlock},
		{"Tip's time", p.when(s.TipTime)},
		{"Work", chain.ChainWork},
		{"Next reward", s.Reward.String()},
		{"Halving", halving},
		{"Issued", s.CoinsIssued.String()},
		{"Maturity", console.Count(s.Maturity, "confirmation")},
		{"Waiting", console.Count(s.MempoolTxs, "transaction")},
		{"On disk", console.Size(chain.Size)},
	}
	if u := info.Coins; u != nil {
		fields = append(fields, [][2]string{
			{"Coins", console.Thousands(u.TxOuts)},
			{"Their sum", u.Total.String()},
			{"muhash", u.MuHash},
			{"hash_serialized_3", u.Hash3},
		}...)
	}
	p.screen.Fields(fields...)
	return nil
}

func (p *program) chainVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Check every block again from the first one",
		Long:    "Checks every block again, scripts and signatures included, from the first one.\nThe exit code is 0 only when all is as the rules say.",
		Example: "  lode chain verify",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			return p.with(ctx, "chain verify", func(c *openChain) error {
				var r rpc.VerifyResult
				if err := p.job(ctx, c, "Checking", "lode_verify", rpc.Empty{}, &r); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(r)
				}
				p.screen.Printf("The chain is valid: %s checked, tip %s at height %s.\n",
					console.Count(r.Blocks, "block"), r.BestBlock, console.Thousands(int64(r.Height)))
				return nil
			})
		},
	}
}

func (p *program) chainExportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export FILE", Short: "Write all blocks to a file",
		Long: `Writes the blocks of the best chain as bootstrap.dat records, compressed when
the name ends in .gz. A file that is there already is never written over.`,
		Example: "  lode chain export chain.dat.gz",
		Args:    needArgs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			file, err := absolute(args[0])
			if err != nil {
				return err
			}
			if _, err := os.Lstat(file); err == nil {
				return fmt.Errorf("%s is there already; choose another name", file)
			}
			if _, err := os.Stat(filepath.Dir(file)); errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("there is no folder %s", filepath.Dir(file))
			}
			return p.with(ctx, "chain export", func(c *openChain) error {
				var r rpc.ExportResult
				if err := p.job(ctx, c, "Exporting", "lode_export", rpc.FileRequest{File: file}, &r); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(r)
				}
				p.screen.Printf("Wrote %s to %s (%s).\n", console.Count(r.Blocks, "block"), r.File, console.Size(r.Size))
				return nil
			})
		},
	}
}

func (p *program) chainImportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "import FILE", Short: "Take in blocks from a file",
		Long: `Takes in blocks from a file of bootstrap.dat records, gzipped or not, as lode
chain export and Bitcoin Core's tools write them. Every block is checked in
full. After Ctrl-C the same command goes on where it was.`,
		Example: "  lode chain import chain.dat.gz",
		Args:    needArgs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			file, err := existingFile(args[0])
			if err != nil {
				return err
			}
			return p.with(ctx, "chain import", func(c *openChain) error {
				var result rpc.ImportResult
				if err := p.job(ctx, c, "Importing", "lode_import", rpc.FileRequest{File: file}, &result); err != nil {
					return err
				}
				return p.showImport(result)
			})
		},
	}
}

func (p *program) showImport(r rpc.ImportResult) error {
	if p.json {
		return p.printJSON(r)
	}
	p.screen.Printf("Read %s: %s new, %s known. Height %s, tip %s.\n", console.Count(r.Read, "block"),
		console.Thousands(int64(r.Accepted)), console.Thousands(int64(r.Known)), console.Thousands(int64(r.Height)), r.BestBlock)
	if r.Skipped > 0 {
		p.screen.Notef("%s between the blocks were skipped: they are part of none.\n", console.Size(r.Skipped))
	}
	return nil
}

// existingFile returns the absolute path of a file that can be read.
func existingFile(name string) (string, error) {
	file, err := absolute(name)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no file %s", file)
	}
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s is a folder; name a file", file)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a plain file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	return file, f.Close()
}

// job runs long work at the host and shows how far it is. Ctrl-C cancels it.
func (p *program) job(ctx context.Context, c *openChain, title, method string, params, result any) error {
	progress := p.screen.Progress(title, p.now())
	defer progress.Clear()
	return c.RunJob(ctx, method, params, result, func(j rpc.Job) {
		progress.Show(j.Done, j.Total, j.Unit, p.now())
	})
}
