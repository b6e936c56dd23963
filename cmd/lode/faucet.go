package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// faucet are the flags of faucet.
type faucet struct {
	from           string
	feeRate        float64
	dryRun, again  bool
	passphraseFile string
}

func (p *program) faucetCommand() *cobra.Command {
	var f faucet
	c := &cobra.Command{
		Use: "faucet FILE.csv", Short: "Pay many at once, a class for example",
		Long: `Pays everybody in a file in one transaction. Each row is a name or an address,
and an amount, set apart by what the first row has: a comma, a semicolon or a
tab. A heading and lines that begin with # are left out. Nothing is paid unless
all rows are right. The same file is paid once: run again, it says so and names
the payment. --again pays it once more.`,
		Example: `  lode faucet class.csv --from Wallet1 --dry-run
  lode faucet class.csv --from Wallet1 --yes

  where class.csv has rows such as
  Alice,1.5
  bcrt1q…,0.25`,
		Args: needArgs("FILE.csv"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkRate(c, f.feeRate); err != nil {
				return err
			}
			if p.json && !p.yes && !f.dryRun {
				return usagef("--json asks nothing: add --yes to pay, or --dry-run")
			}
			return p.runFaucet(c.Context(), f, args[0])
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "wallet that pays: name, number or address")
	_ = c.RegisterFlagCompletionFunc("from", p.completeWallets)
	flags.Float64Var(&f.feeRate, "fee-rate", 0, "fee in sat/vB (default: the node's)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what it would cost and pay nothing")
	flags.BoolVar(&f.again, "again", false, "pay although this file was paid before")
	p.yesFlag(c, "do not ask")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

// faucetJSON is what faucet --json prints.
type faucetJSON struct {
	rpc.SendPlan
	Rows []faucetRow `json:"rows"`
}

func (p *program) runFaucet(ctx context.Context, f faucet, file string) error {
	data, err := readLimited(file, maxFaucetFile)
	if err != nil {
		return err
	}
	return p.with(ctx, "faucet", func(c *openChain) error {
		wallets, err := c.ListAllWallets(ctx)
		if err != nil {
			return err
		}
		rows, err := parseFaucet(data, newPayees(wallets, c.params))
		if err != nil {
			return err
		}
		from, err := p.chooseWallet(ctx, c, "From", "--from", f.from)
		if err != nil {
			return err
		}
		request := rpc.SendRequest{From: numbered(from), FeeRate: f.feeRate, Key: faucetKey(data, f.again)}
		for _, row := range rows {
			request.Recipients = append(request.Recipients, rpc.Recipient{To: row.Address, Amount: row.Amount})
		}
		out := faucetJSON{Rows: rows}
		if f.dryRun {
			out.SendPlan, err = c.PrepareSend(ctx, request)
		} else {
			out.SendPlan, err = p.payShown(ctx, c, request, f.passphraseFile, "Pay them?", func(plan rpc.SendPlan) { p.showFaucet(faucetJSON{plan, rows}) })
		}
		if err != nil {
			return err
		}
		return p.endFaucet(out, f)
	})
}

// faucetKey is the key under which a file is paid: the same for the same bytes.
func faucetKey(data []byte, again bool) string {
	if again {
		return newKey()
	}
	sum := sha256.Sum256(data)
	return "faucet " + hex.EncodeToString(sum[:])
}

// endFaucet says what came of it.
func (p *program) endFaucet(out faucetJSON, f faucet) error {
	switch {
	case p.json:
		return p.printJSON(out)
	case out.Repeated:
		p.screen.Printf("This file was paid before: %s. Nothing was paid now; --again pays it once more.\n", out.TxID)
	case f.dryRun:
		p.showFaucet(out)
		p.screen.Printf("Nothing was paid.\n")
	default:
		p.screen.Printf("Paid %s: %s\n", console.Count(len(out.Rows), "row"), out.TxID)
	}
	return nil
}

// showFaucet shows the rows and the sum.
func (p *program) showFaucet(out faucetJSON) {
	t := console.Table{Head: []string{"Line", "To", "Address", "Amount"}, Right: []bool{true, false, false, true}, Shrink: []int{2, 1}}
	var sum rpc.Amount
	for _, row := range out.Rows {
		name := console.Clean(row.Name)
		if row.Name == row.Address {
			name = ""
		}
		t.Rows = append(t.Rows, []string{strconv.Itoa(row.Line), name, row.Address, row.Amount.String()})
		sum += row.Amount
	}
	t.Foot = []string{"", "all", "", sum.String()}
	p.screen.Table(t)
	p.screen.Printf("\n")
	p.screen.Fields(
		[2]string{"From", console.Clean(out.FromName)},
		[2]string{"Fee", out.Fee.String() + "  (" + strconv.FormatFloat(out.FeeRate, 'f', -1, 64) + " sat/vB, " + console.Thousands(out.VSize) + " vB)"},
		[2]string{"Remains", out.Remaining.String() + " spendable"},
	)
}
