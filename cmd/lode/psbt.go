package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/newfile"
	"github.com/lode-chain/lode/rpc"
)

// maxPSBTFile is the most bytes that a file with a PSBT may have: what a call can
// carry. Policy.
const maxPSBTFile = 24 << 20

// psbtMagic is how the bytes of a PSBT begin, psbtBase64 how that looks in
// base64.
const (
	psbtMagic  = "psbt\xff"
	psbtBase64 = "cHNidP"
)

func (p *program) psbtCommand() *cobra.Command {
	return group("psbt", "Transactions that several sign, as files",
		`Partially signed transactions (BIP174): made by one, signed by others, sent by
anyone. A PSBT is given as a file, as base64, or as - for standard input; it is
printed as base64, or written to a new file with --out.

A payment of a 2-of-3 wallet, made where it is only watched, signed on two other
machines and sent:

  lode psbt create --from Shared --to bcrt1q… --amount 1.5 --out pay.psbt
  lode psbt sign pay.psbt --wallet Alice --out alice.psbt
  lode psbt sign pay.psbt --wallet Bob --out bob.psbt
  lode psbt combine alice.psbt bob.psbt --out both.psbt
  lode psbt finalize both.psbt --send`,
		`  lode psbt show pay.psbt`,
		p.psbtCreateCommand(), p.psbtSignCommand(), p.psbtCombineCommand(), p.psbtFinalizeCommand(), p.psbtShowCommand())
}

// psbtOut gives a command --out.
func psbtOut(c *cobra.Command, out *string, what string) {
	c.Flags().StringVarP(out, "out", "o", "", "write "+what+" to this new file instead of printing it")
}

// readPSBT returns the PSBT of an argument in base64.
func (p *program) readPSBT(arg string) (string, error) {
	var data []byte
	var err error
	switch {
	case arg == "-":
		data, err = console.ReadAll(p.screen.In, maxPSBTFile)
	case strings.HasPrefix(arg, psbtBase64):
		data = []byte(arg)
	default:
		data, err = readLimited(arg, maxPSBTFile)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no file %s, and it is no PSBT in base64 either: those begin with %s", console.Short(arg, 60), psbtBase64)
	case err != nil:
		return "", err
	case bytes.HasPrefix(data, []byte(psbtMagic)):
		return base64.StdEncoding.EncodeToString(data), nil
	}
	text := string(bytes.Join(bytes.Fields(data), nil))
	if !strings.HasPrefix(text, psbtBase64) {
		name := arg
		if arg == "-" {
			name = "standard input"
		}
		return "", fmt.Errorf("%s holds no PSBT: that begins with %s in base64, or with the bytes psbt 0xff", name, psbtBase64)
	}
	return text, nil
}

// readPSBTs reads several, of which at most one may be standard input.
func (p *program) readPSBTs(args []string) ([]string, error) {
	if at := slices.Index(args, "-"); at >= 0 && slices.Contains(args[at+1:], "-") {
		return nil, usagef("standard input (-) can be read once")
	}
	var list []string
	for _, arg := range args {
		text, err := p.readPSBT(arg)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}

// checkOut refuses a file that is there before anything is done.
func checkOut(out string) error {
	if out == "" {
		return nil
	}
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s is there already and is left as it is; choose another name with --out", out)
	}
	return nil
}

// writePSBT writes a PSBT to a new file, as bytes, or prints it in base64.
func (p *program) writePSBT(out, text string) error {
	if out == "" {
		if !p.json {
			p.screen.Printf("%s\n", text)
		}
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return writeNew(out, data)
}

// writeNew writes a file that only its owner may read, and that must not be
// there.
func writeNew(out string, data []byte) error {
	err := newfile.Write(out, data)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is left as it is; choose another name with --out", out)
	}
	return err
}

func (p *program) psbtShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show FILE|BASE64|-", Short: "Explain a PSBT: coins, fee, whose addresses, who has signed",
		Long: `Explains a PSBT: which coins it spends and whose they are, where the money goes,
the fee, who has signed each input and who has not. Coins that the PSBT does not
describe are looked up in the chain. Nothing is changed.`,
		Example: `  lode psbt show pay.psbt
  lode psbt show pay.psbt --json`,
		Args: needArgs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := p.readPSBT(args[0])
			if err != nil {
				return err
			}
			return p.with(c.Context(), "psbt show", func(chain *openChain) error {
				view, err := chain.ShowPSBT(c.Context(), rpc.PSBTRequest{PSBT: text})
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(view)
				}
				p.showPSBT(view)
				return nil
			})
		},
	}
}

func (p *program) psbtCombineCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "combine FILE…", Short: "Merge what several have signed",
		Long: `Merges PSBTs of the same transaction: signatures, scripts and all else that any
of them has.`,
		Example: `  lode psbt combine alice.psbt bob.psbt --out both.psbt`,
		Args:    someArgs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkOut(out); err != nil {
				return err
			}
			list, err := p.readPSBTs(args)
			if err != nil {
				return err
			}
			return p.with(c.Context(), "psbt combine", func(chain *openChain) error {
				text, err := combine(c.Context(), chain, list)
				if err != nil {
					return err
				}
				return p.psbtMade(c.Context(), chain, out, text)
			})
		},
	}
	psbtOut(c, &out, "the PSBT")
	return c
}

func combine(ctx context.Context, c *openChain, list []string) (text string, err error) {
	if len(list) == 1 {
		return list[0], nil
	}
	err = c.Call(ctx, "combinepsbt", &text, list)
	return text, err
}

// psbtJSON is what the commands that make a PSBT print with --json.
type psbtJSON struct {
	PSBT string       `json:"psbt"`
	File string       `json:"file,omitempty"`
	View rpc.PSBTView `json:"view"`
}

// psbtMade writes a PSBT and says how far it is.
func (p *program) psbtMade(ctx context.Context, c *openChain, out, text string) error {
	view, err := c.ShowPSBT(ctx, rpc.PSBTRequest{PSBT: text})
	if err != nil {
		return err
	}
	if err := p.writePSBT(out, text); err != nil {
		return err
	}
	if p.json {
		return p.printJSON(psbtJSON{text, out, view})
	}
	p.warnPSBT(view)
	p.afterPSBT(out, view)
	return nil
}

// afterPSBT says on standard error, so that standard output is the PSBT alone,
// what was made and what is next.
func (p *program) afterPSBT(out string, view rpc.PSBTView) {
	name := "FILE"
	if out != "" {
		name = out
		p.screen.Notef("Written: %s\n", out)
	}
	switch view.Next {
	case "signer":
		p.screen.Notef("Next: lode psbt sign %s --wallet NAME, by %s.\n", name, missingSigners(view))
	case "finalizer", "extractor":
		p.screen.Notef("All have signed. Next: lode psbt finalize %s --send\n", name)
	default:
		p.screen.Notef("It is not complete: %s.\n", whatLacks(view))
	}
}

func (p *program) psbtFinalizeCommand() *cobra.Command {
	var out string
	var send bool
	c := &cobra.Command{
		Use: "finalize FILE…", Short: "Make the transaction of a PSBT that all have signed",
		Long: `Makes the transaction out of a PSBT that has all its signatures and prints it in
hex. Several files are combined first. --send hands it to the network.`,
		Example: `  lode psbt finalize both.psbt --send
  lode psbt finalize alice.psbt bob.psbt --out tx.hex`,
		Args: someArgs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkOut(out); err != nil {
				return err
			}
			list, err := p.readPSBTs(args)
			if err != nil {
				return err
			}
			return p.with(c.Context(), "psbt finalize", func(chain *openChain) error {
				return p.finalizePSBT(c.Context(), chain, list, out, send)
			})
		},
	}
	psbtOut(c, &out, "the transaction in hex")
	c.Flags().BoolVar(&send, "send", false, "send the transaction")
	return c
}

// finalizedJSON is what psbt finalize --json prints.
type finalizedJSON struct {
	Hex  string       `json:"hex"`
	TxID string       `json:"txid"`
	Sent bool         `json:"sent"`
	File string       `json:"file,omitempty"`
	View rpc.PSBTView `json:"view"`
}

func (p *program) finalizePSBT(ctx context.Context, c *openChain, list []string, out string, send bool) error {
	text, err := combine(ctx, c, list)
	if err != nil {
		return err
	}
	view, err := c.ShowPSBT(ctx, rpc.PSBTRequest{PSBT: text})
	if err != nil {
		return err
	}
	var done struct {
		Hex      string
		Complete bool
	}
	if err := c.Call(ctx, "finalizepsbt", &done, text); err != nil {
		return err
	}
	if !done.Complete {
		return fmt.Errorf("the transaction is not complete: %s", whatLacks(view))
	}
	result := finalizedJSON{Hex: done.Hex, File: out, View: view}
	var decoded struct{ TxID string }
	if err := c.Call(ctx, "decoderawtransaction", &decoded, done.Hex); err != nil {
		return err
	}
	result.TxID = decoded.TxID
	if out != "" {
		if err := writeNew(out, []byte(done.Hex+"\n")); err != nil {
			return err
		}
	}
	if send {
		if err := c.Call(ctx, "sendrawtransaction", &result.TxID, done.Hex); err != nil {
			return err
		}
		result.Sent = true
	}
	switch {
	case p.json:
		return p.printJSON(result)
	case send:
		p.screen.Printf("Sent: %s\n", result.TxID)
	case out == "":
		p.screen.Printf("%s\n", done.Hex)
	default:
		p.screen.Notef("Written: %s\n", out)
	}
	return nil
}
