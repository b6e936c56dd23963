package main

import (
	"cmp"
	"context"
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
	from, to, amount string   // to: the only one, if it is no pair
	payees           []string // as given
	pairs            []rpc.Recipient
	feeRate          float64
	target           int
	max, subtract    bool
	coins            []string
	addCoins         bool
	data, text       string
	change           string
	noReplace        bool
	lockTime         int64
	maxFee           string
	highFee, explain bool
	dryRun           bool
	wait             int
	timeout          time.Duration
	passphraseFile   string
	key              string

	base rpc.SendRequest // what the flags ask for beside wallets and amount
}

func (p *program) sendCommand() *cobra.Command {
	var f send
	c := &cobra.Command{
		Use: "send", Short: "Pay from a wallet to addresses or wallets",
		Long: `Pays. Shows the fee, the change and what remains, then asks. A payment that
cannot be made is refused with what is there, what is needed, and why. What is
left out is asked for, on a terminal with a form.

What was shown is what is paid: if something changed in between, it is shown
again. With --yes nothing is shown before. A script that cannot know whether a
payment was made repeats it under the same --key: that makes one payment.

Without --fee-rate and --target the fee is 2 sat/vB, twice the least that is
mined, so that it also is taken when somewhat more is wanted; more when
lode fees says that this does not suffice within 6 blocks.`,
		Example: `  lode send --from Wallet1 --to Wallet2 --amount 1.5
  lode send --from 1 --to bcrt1q… --amount 0.1 --yes --wait 1
  lode send --from 1 --to Wallet2=0.5 --to bcrt1q…=0.25 --target 3
  lode send --from 1 --to Wallet2 --max
  lode send --from 1 --to 2 --amount 1 --coins TXID:0 --subtract-fee
  lode send --from 1 --data 68656c6c6f --dry-run
  lode send --from 1 --to 2 --amount 1 --explain
  lode send --from 1 --to 2 --amount 1 --yes --json --key rent-may`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(c, p.json, p.yes); err != nil {
				return err
			}
			return p.runSend(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "wallet that pays: name, number or address")
	flags.StringArrayVar(&f.payees, "to", nil, "address that is paid, or a wallet's name or number, or a payment link; several as TO=AMOUNT each")
	for _, flag := range []string{"from", "to"} {
		_ = c.RegisterFlagCompletionFunc(flag, p.completeWallets)
	}
	flags.StringVar(&f.amount, "amount", "", "how much, for example 1.5")
	flags.BoolVar(&f.max, "max", false, "pay all that is spendable; the fee comes off it")
	flags.BoolVar(&f.subtract, "subtract-fee", false, "the fee comes off what is paid, in equal parts")
	flags.Float64Var(&f.feeRate, "fee-rate", 0, fmt.Sprintf("fee in sat/vB, at most %d (default: 2, or more when it takes more)", maxFeeRate))
	flags.IntVar(&f.target, "target", 0, "choose the fee so that it is confirmed within this many blocks")
	flags.StringArrayVar(&f.coins, "coins", nil, "spend this coin, TXID:N, and no other but those named; repeatable")
	flags.BoolVar(&f.addCoins, "add-coins", false, "with --coins: others too when they do not suffice")
	flags.StringVar(&f.data, "data", "", "data in hex, in an OP_RETURN output")
	flags.StringVar(&f.text, "data-text", "", "a text, in an OP_RETURN output")
	flags.StringVar(&f.change, "change", "", "address for the change (default: a new one of the wallet)")
	flags.BoolVar(&f.noReplace, "no-rbf", false, "say that it is not to be replaced (then lode bumpfee works by a child only)")
	flags.Int64Var(&f.lockTime, "locktime", -1, "height, or Unix time, before which it is not valid; it must have come")
	flags.StringVar(&f.maxFee, "max-fee", "", "refuse a higher fee than this many coins (default 0.1)")
	flags.BoolVar(&f.highFee, "allow-high-fee", false, fmt.Sprintf("pay more than 0.1 in fees; the rate is at most %d sat/vB all the same", maxFeeRate))
	flags.BoolVar(&f.dryRun, "dry-run", false, "show it and pay nothing")
	flags.BoolVar(&f.explain, "explain", false, "tell each step with its values: coins, fee, change, signatures")
	p.yesFlag(c, "do not ask")
	flags.StringVar(&f.key, "key", "", "a text of your choice: what is sent twice under the same key of a wallet is one payment")
	flags.IntVar(&f.wait, "wait", 0, "return after this many confirmations")
	flags.DurationVar(&f.timeout, "timeout", 0, "longest time to wait, for example 2m (default: no limit)")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

// check refuses flags that do not go together, and reads them.
func (f *send) check(c *cobra.Command, asJSON, yes bool) error {
	given := c.Flags().Changed
	if err := checkRate(c, f.feeRate); err != nil {
		return err
	}
	switch {
	case given("key") && f.key == "":
		return usagef("--key: a text, the same for the same payment")
	case given("target") && (f.target < 1 || f.target > 1008):
		return usagef("--target %d: 1 to 1008 blocks", f.target)
	case given("locktime") && (f.lockTime < 0 || f.lockTime > math.MaxUint32):
		return usagef("--locktime %d is not within 0 to %d", f.lockTime, uint32(math.MaxUint32))
	case given("timeout") && f.wait == 0:
		return usagef("--timeout goes with --wait N: without it nothing is waited for")
	case f.addCoins && len(f.coins) == 0:
		return usagef("--add-coins goes with --coins TXID:N")
	case f.wait < 0:
		return usagef("--wait %d: confirmations are 0 or more", f.wait)
	case asJSON && !yes && !f.dryRun:
		return usagef("--json asks nothing: add --yes to pay, or --dry-run")
	}
	for _, pair := range [][2]string{{"fee-rate", "target"}, {"amount", "max"}, {"max", "subtract-fee"}, {"data", "data-text"}, {"max-fee", "allow-high-fee"}, {"dry-run", "wait"}} {
		if given(pair[0]) && given(pair[1]) {
			return usagef("--%s and --%s do not go together; give one", pair[0], pair[1])
		}
	}
	if err := positive(c, "timeout", f.timeout); err != nil {
		return err
	}
	if f.amount != "" {
		if _, err := parsePayment(f.amount); err != nil {
			return err
		}
	}
	if err := f.readPayees(); err != nil {
		return err
	}
	return f.readOptions()
}

// readPayees takes the payees apart: one that --amount belongs to, or pairs of
// payee and amount.
func (f *send) readPayees() error {
	for _, text := range f.payees {
		if isURI(text) {
			link, err := parseURI(text)
			if err != nil {
				return err
			}
			text = link.Address
			switch asked, _ := parsePayment(f.amount); {
			case link.Amount == 0, f.amount != "" && asked == link.Amount:
			case f.amount != "":
				return usagef("the payment link asks for %s, and --amount says %s: leave one of them out", link.Amount, asked)
			case f.max:
				return usagef("the payment link asks for %s, and --max pays all: leave one of them out", link.Amount)
			default:
				text += "=" + link.Amount.String()
			}
		}
		to, amount, pair := cutLast(text, "=")
		switch {
		case !pair && len(f.payees) == 1:
			f.to = text
		case !pair:
			return usagef("several are paid with --to TO=AMOUNT each: %q has no amount", text)
		case f.amount != "" || f.max:
			return usagef("--to %s says how much: leave --amount and --max out", text)
		case strings.EqualFold(amount, "max"):
			f.pairs = append(f.pairs, rpc.Recipient{To: to, Max: true})
		default:
			value, err := parsePayment(amount)
			if err != nil {
				return fmt.Errorf("--to %s: %w", text, err)
			}
			f.pairs = append(f.pairs, rpc.Recipient{To: to, Amount: value, Subtract: f.subtract})
		}
	}
	return nil
}

// cutLast cuts a text at the last of a separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i > 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// readOptions makes the rest of the flags into a request.
func (f *send) readOptions() error {
	f.base = rpc.SendRequest{FeeRate: f.feeRate, Max: f.max, Subtract: f.subtract && f.to != "", Recipients: f.pairs}
	o := &f.base.SendOptions
	o.Target, o.Coins, o.AddCoins, o.Data, o.Change, o.AllowHighFee, o.Explain = f.target, f.coins, f.addCoins, f.data, f.change, f.highFee, f.explain
	if f.text != "" {
		o.Data = hex.EncodeToString([]byte(f.text))
	}
	if f.noReplace {
		o.Replaceable = new(bool)
	}
	if f.lockTime >= 0 {
		lock := uint32(f.lockTime)
		o.LockTime = &lock
	}
	if f.maxFee == "" {
		return nil
	}
	var err error
	if o.MaxFee, err = parsePayment(f.maxFee); err != nil {
		return fmt.Errorf("--max-fee: %w", err)
	}
	return nil
}

// complete says whether nothing has to be asked for but the wallet.
func (f *send) complete() bool {
	return len(f.pairs) > 0 || f.to == "" && f.base.Data != "" || f.to != "" && (f.amount != "" || f.max)
}

// sentJSON is what send --json prints.
type sentJSON struct {
	rpc.SendPlan
	Confirmations int `json:"confirmations"`
}

func (p *program) runSend(ctx context.Context, f send) error {
	return p.with(ctx, "send", func(c *openChain) error {
		if p.canAsk() && !p.screen.Plain && !f.complete() && !f.dryRun {
			return p.fillOnScreen(ctx, c, f)
		}
		request, err := p.fillSend(ctx, c, f)
		if err != nil {
			return err
		}
		if f.dryRun {
			plan, err := c.PrepareSend(ctx, request)
			switch {
			case err != nil:
				return err
			case p.json:
				return p.printJSON(plan)
			}
			p.showPlan(plan)
			p.explainPlan(plan)
			return nil
		}
		sent, err := p.payShown(ctx, c, request, f.passphraseFile, "Send it?", func(plan rpc.SendPlan) {
			p.showPlan(plan)
			p.explainPlan(plan)
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
	request := f.base
	request.From, request.To, request.Key = strconv.Itoa(from.Number), f.to, cmp.Or(f.key, newKey())
	if len(f.pairs) > 0 || f.to == "" && f.base.Data != "" {
		return request, nil
	}
	if request.To == "" {
		if request.To, err = p.choosePayee(ctx, c, from.Name); err != nil {
			return request, err
		}
	}
	if !f.max {
		request.Amount, err = p.askAmount(ctx, f.amount, from)
	}
	return request, err
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
	rows := [][2]string{{"From", console.Clean(plan.FromName)}}
	own := len(plan.Payments) > 0
	for _, paid := range plan.Payments {
		to := paid.To
		if paid.ToName != "" {
			to = console.Clean(paid.ToName) + "  " + paid.To
		}
		if len(plan.Payments) > 1 {
			to = paid.Amount.String() + "  " + to
		}
		rows = append(rows, [2]string{"To", to})
		own = own && paid.ToName == plan.FromName
	}
	note := ""
	if own {
		note = "the wallet pays itself: only the fee leaves it"
	}
	reason := ""
	if plan.FeeReason != "as asked" {
		reason = plan.FeeReason
	}
	rows = append(rows,
		[2]string{"Amount", plan.Amount.String()},
		[2]string{"Fee", fmt.Sprintf("%s  (%s sat/vB, %s vB, %s)", plan.Fee,
			strconv.FormatFloat(plan.FeeRate, 'f', -1, 64), console.Thousands(plan.VSize), console.Count(plan.Inputs, "input"))},
		[2]string{"Because", reason},
		[2]string{"Change", changeWords(plan)},
	)
	rows = append(rows, extraRows(plan)...)
	p.screen.Fields(append(rows, [2]string{"Remains", plan.Remaining.String() + " spendable"}, [2]string{"Note", note})...)
}

// afterSend reports the payment, and waits for its confirmations when asked to.
func (p *program) afterSend(ctx context.Context, c *openChain, f send, sent rpc.SendPlan) error {
	out := sentJSON{SendPlan: sent}
	switch {
	case p.json:
	case sent.Repeated:
		p.screen.Printf("This payment was made before, under the same key: %s. Nothing was paid now.\n", sent.TxID)
	default:
		p.explainSignatures(sent.Explain)
		p.screen.Printf("Sent: %s\n", sent.TxID)
	}
	if f.wait > 0 {
		if !p.json {
			p.screen.Notef("Waiting for %s. Ctrl-C stops the waiting, not the payment.\n", console.Count(f.wait, "confirmation"))
		}
		var err error
		if out.Confirmations, err = p.waitForTx(ctx, c, sent.TxID, f.wait, f.timeout); err != nil {
			if p.json { // it is paid, whatever became of the waiting
				err = errors.Join(err, p.printJSON(out))
			}
			return err
		}
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
