package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// bumpFee are the flags of bumpfee.
type bumpFee struct {
	request        rpc.BumpRequest
	output         int
	maxFee         string
	passphraseFile string
}

func (p *program) bumpFeeCommand() *cobra.Command {
	var f bumpFee
	c := &cobra.Command{
		Use: "bumpfee TXID", Short: "Raise the fee of a payment that waits",
		Long: `Raises the fee of a payment that waits for a block. It is replaced by one that
pays the same and a higher fee, out of the change or more coins: at least
5 sat/vB more, or nodes would not take it in place of the first. With --child
the wallet spends an output of it instead, at a fee that is enough for both:
that also works for payments of others to the wallet.`,
		Example: `  lode bumpfee TXID
  lode bumpfee TXID --fee-rate 20 --yes
  lode bumpfee TXID --child --target 1
  lode bumpfee TXID --dry-run`,
		Args: needArgs("TXID"),
		RunE: func(c *cobra.Command, args []string) error {
			f.request.TxID = args[0]
			if c.Flags().Changed("output") {
				f.request.Output = &f.output
			}
			if err := f.check(c, p.json, p.yes); err != nil {
				return err
			}
			return p.runBumpFee(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.request.Wallet, "wallet", "", "wallet that pays (default: the one that it belongs to)")
	_ = c.RegisterFlagCompletionFunc("wallet", p.completeWallets)
	flags.Float64Var(&f.request.FeeRate, "fee-rate", 0, "new fee in sat/vB, of both together with --child (default: 5 sat/vB more than it pays, as in Bitcoin Core)")
	flags.IntVar(&f.request.Target, "target", 0, "choose the fee so that it is confirmed within this many blocks")
	flags.BoolVar(&f.request.Child, "child", false, "spend an output of it at a fee that is enough for both (CPFP)")
	flags.IntVar(&f.output, "output", 0, "with --child: the output to spend (default: the wallet's largest)")
	flags.StringVar(&f.maxFee, "max-fee", "", "refuse a higher fee than this many coins (default 0.1)")
	flags.BoolVar(&f.request.AllowHighFee, "allow-high-fee", false, fmt.Sprintf("pay more than 0.1 in fees; the rate is at most %d sat/vB all the same", maxFeeRate))
	flags.BoolVar(&f.request.DryRun, "dry-run", false, "show it and change nothing")
	flags.BoolVar(&f.request.Explain, "explain", false, "tell each step with its values")
	p.yesFlag(c, "do not ask")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

func (f *bumpFee) check(c *cobra.Command, asJSON, yes bool) error {
	given := c.Flags().Changed
	if err := checkRate(c, f.request.FeeRate); err != nil {
		return err
	}
	switch {
	case given("target") && (f.request.Target < 1 || f.request.Target > 1008):
		return usagef("--target %d: 1 to 1008 blocks", f.request.Target)
	case given("target") && given("fee-rate"):
		return usagef("--fee-rate and --target do not go together; give one")
	case given("output") && (!f.request.Child || f.output < 0):
		return usagef("--output N goes with --child, and is 0 or more")
	case asJSON && !yes && !f.request.DryRun:
		return usagef("--json asks nothing: add --yes to pay, or --dry-run")
	case f.maxFee == "":
		return nil
	}
	var err error
	if f.request.MaxFee, err = parsePayment(f.maxFee); err != nil {
		return fmt.Errorf("--max-fee: %w", err)
	}
	return nil
}

func (p *program) runBumpFee(ctx context.Context, f bumpFee) error {
	return p.with(ctx, "bumpfee", func(c *openChain) error {
		dry := f.request
		dry.DryRun = true
		plan, err := c.BumpFee(ctx, dry)
		if err != nil {
			return err
		}
		if f.request.DryRun && p.json {
			return p.printJSON(plan)
		}
		if !p.json {
			p.showBump(plan)
		}
		if f.request.DryRun {
			return nil
		}
		if err := p.confirm(ctx, "Pay it?"); err != nil {
			return err
		}
		committed := context.WithoutCancel(ctx) // as in send: the person is told what came of it
		err = p.unlocking(committed, f.passphraseFile, func(passphrase string) (err error) {
			f.request.Passphrase = passphrase
			plan, err = c.BumpFee(committed, f.request)
			return err
		})
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(plan)
		}
		p.explainSignatures(plan.Explain)
		p.screen.Printf("Sent: %s\n", plan.TxID)
		status, err := c.Status(ctx)
		if err != nil {
			return err
		}
		p.screen.Printf("%s\n", p.nextBlock(status))
		return nil
	})
}

// showBump shows what a higher fee costs.
func (p *program) showBump(plan rpc.BumpPlan) {
	rate := func(fee rpc.Amount, perVB float64) string { return fmt.Sprintf("%s  (%s sat/vB)", fee, decimal(perVB)) }
	rows := [][2]string{
		{"Wallet", console.Clean(plan.Wallet)},
		{"Replaces", plan.Replaces},
		{"Parent", plan.Parent},
		{"Fee was", rate(plan.OldFee, plan.OldFeeRate)},
	}
	if plan.Parent == "" {
		change := plan.Change.String()
		if plan.Change == 0 {
			change = "none"
		}
		rows = append(rows, [2]string{"Fee", rate(plan.Fee, plan.FeeRate)}, [2]string{"More", (plan.Fee - plan.OldFee).String()}, [2]string{"Change", change})
	} else {
		rows = append(rows, [2]string{"Child's fee", rate(plan.Fee, plan.FeeRate)}, [2]string{"Together", decimal(plan.PackageRate) + " sat/vB"},
			[2]string{"Comes back", plan.Change.String()})
	}
	p.screen.Fields(rows...)
}
