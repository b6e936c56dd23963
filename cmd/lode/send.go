package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// send are the flags of send.
type send struct {
	from, to, amount string
	feeRate          float64
	wait             int
	timeout          time.Duration
	passphraseFile   string
}

func (p *program) sendCommand() *cobra.Command {
	var f send
	c := &cobra.Command{
		Use: "send", Short: "Pay from a wallet to an address or a wallet",
		Long: `Pays. Shows the fee, the change and what remains, then asks. A payment that
cannot be made is refused with what is there, what is needed, and why. What is
left out is asked for, on a terminal with a form.`,
		Example: `  lode send --from Wallet1 --to Wallet2 --amount 1.5
  lode send --from 1 --to bcrt1q… --amount 0.1 --yes --wait 1`,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("fee-rate") && (math.IsNaN(f.feeRate) || f.feeRate <= 0) {
				return usagef("--fee-rate: %v is not above 0 sat/vB", f.feeRate)
			}
			if err := positive(c, "timeout", f.timeout); err != nil {
				return err
			}
			if c.Flags().Changed("timeout") && f.wait == 0 {
				return usagef("--timeout goes with --wait N: without it nothing is waited for")
			}
			return p.runSend(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "wallet that pays: name, number or address")
	flags.StringVar(&f.to, "to", "", "address that is paid, or a wallet's name or number")
	for _, flag := range []string{"from", "to"} {
		_ = c.RegisterFlagCompletionFunc(flag, p.completeWallets)
	}
	flags.StringVar(&f.amount, "amount", "", "how much, for example 1.5")
	flags.Float64Var(&f.feeRate, "fee-rate", 0, "fee in sat/vB (default: the node's)")
	p.yesFlag(c, "do not ask")
	flags.IntVar(&f.wait, "wait", 0, "return after this many confirmations")
	flags.DurationVar(&f.timeout, "timeout", 0, "longest time to wait, for example 2m (default: no limit)")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

// sentJSON is what send --json prints.
type sentJSON struct {
	rpc.SendPlan
	Confirmations int `json:"confirmations"`
}

func (p *program) runSend(ctx context.Context, f send) error {
	if f.wait < 0 {
		return usagef("--wait %d: confirmations are 0 or more", f.wait)
	}
	if f.amount != "" {
		if _, err := parsePayment(f.amount); err != nil {
			return err
		}
	}
	if p.json && !p.yes {
		return usagef("--json asks nothing: add --yes to pay")
	}
	return p.with(ctx, "send", func(c *openChain) error {
		if p.canAsk() && !p.screen.Plain && (f.to == "" || f.amount == "") {
			return p.fillOnScreen(ctx, c, f)
		}
		request, err := p.fillSend(ctx, c, f)
		if err != nil {
			return err
		}
		plan, err := c.PrepareSend(ctx, request)
		if err != nil {
			return err
		}
		if !p.json {
			p.showPlan(plan)
		}
		if err := p.confirm(ctx, "Send it?"); err != nil {
			return err
		}
		// From here on a Ctrl-C waits for the answer: a payment is made or it
		// is not, and the person is told which.
		committed := context.WithoutCancel(ctx)
		var sent rpc.SendPlan
		err = p.unlocking(committed, f.passphraseFile, func(passphrase string) (err error) {
			request.Passphrase = passphrase
			sent, err = c.Send(committed, request)
			return err
		})
		if err != nil {
			return err
		}
		return p.afterSend(ctx, c, f, sent)
	})
}

// fillSend completes a payment with what the person is asked for.
func (p *program) fillSend(ctx context.Context, c *openChain, f send) (rpc.SendRequest, error) {
	from, err := p.chooseWallet(ctx, c, "From", "--from", f.from)
	if err != nil {
		return rpc.SendRequest{}, err
	}
	to := f.to
	if to == "" {
		if to, err = p.choosePayee(ctx, c, from.Name); err != nil {
			return rpc.SendRequest{}, err
		}
	}
	amount, err := p.askAmount(ctx, f.amount, from)
	if err != nil {
		return rpc.SendRequest{}, err
	}
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return rpc.SendRequest{
		From: strconv.Itoa(from.Number), To: to, Amount: amount, FeeRate: f.feeRate,
		Key: hex.EncodeToString(key[:]),
	}, nil
}

func (p *program) askAmount(ctx context.Context, given string, from rpc.Wallet) (rpc.Amount, error) {
	if given != "" {
		return parsePayment(given)
	}
	if !p.canAsk() {
		return 0, usagef("how much? say it with --amount, for example --amount 1.5")
	}
	for {
		answer, err := p.screen.Ask(ctx, fmt.Sprintf("Amount (%s spendable): ", from.Spendable))
		if err != nil {
			return 0, err
		}
		amount, err := parsePayment(strings.TrimSpace(answer))
		if err == nil {
			return amount, nil
		}
		p.screen.Notef("%s\n", capital(err.Error()))
	}
}

// parsePayment reads an amount that can be paid: above zero.
func parsePayment(s string) (rpc.Amount, error) {
	amount, err := consensus.ParseAmount(s)
	if err == nil && amount == 0 {
		err = errors.New("amount 0 pays nothing")
	}
	return amount, err
}

func (p *program) showPlan(plan rpc.SendPlan) {
	to := plan.To
	if plan.ToName != "" {
		to = console.Clean(plan.ToName) + "  " + plan.To
	}
	note := ""
	if plan.ToName != "" && plan.ToName == plan.FromName {
		note = "the wallet pays itself: only the fee leaves it"
	}
	change := plan.Change.String()
	if plan.Change == 0 {
		change = "none"
	}
	p.screen.Fields(
		[2]string{"From", console.Clean(plan.FromName)},
		[2]string{"To", to},
		[2]string{"Amount", plan.Amount.String()},
		[2]string{"Fee", fmt.Sprintf("%s  (%s sat/vB, %s vB, %s)", plan.Fee,
			strconv.FormatFloat(plan.FeeRate, 'f', -1, 64), console.Thousands(plan.VSize), console.Count(plan.Inputs, "input"))},
		[2]string{"Change", change},
		[2]string{"Remains", plan.Remaining.String() + " spendable"},
		[2]string{"Note", note},
	)
}

// afterSend reports the payment, and waits for its confirmations when asked to.
func (p *program) afterSend(ctx context.Context, c *openChain, f send, sent rpc.SendPlan) error {
	out := sentJSON{SendPlan: sent}
	if !p.json {
		p.screen.Printf("Sent: %s\n", sent.TxID)
	}
	if f.wait > 0 {
		if !p.json {
			p.screen.Notef("Waiting for %s. Ctrl-C stops the waiting, not the payment.\n", console.Count(f.wait, "confirmation"))
		}
		n, err := p.waitForTx(ctx, c, sent.TxID, f.wait, f.timeout)
		if err != nil {
			return err
		}
		out.Confirmations = n
	}
	switch {
	case p.json:
		return p.printJSON(out)
	case f.wait > 0:
		p.screen.Printf("Confirmed: %s.\n", console.Count(out.Confirmations, "confirmation"))
		return nil
	}
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	p.screen.Printf("%s\n", p.nextBlock(status))
	return nil
}

// nextBlock says when the next block comes, or how to mine it.
func (p *program) nextBlock(s rpc.Status) string {
	if wait := time.Unix(s.Mining.NextBlock, 0).Sub(p.now()); s.Mining.NextBlock > 0 && s.Mining.Mode != "never" {
		if wait <= 0 {
			return "The next block is due now."
		}
		return fmt.Sprintf("The next block comes in %s.", console.Duration(wait))
	}
	if miners := minersOf(s); len(miners) > 0 {
		return fmt.Sprintf("It waits for the next block of pid %d, %s.", miners[0].PID, miners[0].Command)
	}
	return "It waits for a block: lode mine makes one now."
}
