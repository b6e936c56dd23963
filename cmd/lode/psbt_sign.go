package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// psbtCreate are the flags of psbt create: those of send that plan a payment.
type psbtCreate struct {
	send
	out string
}

func (p *program) psbtCreateCommand() *cobra.Command {
	f := psbtCreate{send: send{lockTime: -1}}
	c := &cobra.Command{
		Use: "create", Short: "Plan a payment for others to sign",
		Long: `Plans a payment as lode send does and makes a PSBT of it instead of sending it:
for wallets that only watch, and for those that need the signatures of others.
The coins stay where they are until the transaction is sent. Time locks that the
coins have met are open in it, for whoever signs by them.`,
		Example: `  lode psbt create --from Shared --to bcrt1q… --amount 1.5 --out pay.psbt
  lode psbt create --from Shared --to Wallet2 --max --fee-rate 2
  lode psbt create --from Shared --to Wallet2=0.5 --to bcrt1q…=0.25 --target 3
  lode psbt create --from Shared --to 2 --amount 1 --coins TXID:0 --subtract-fee`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(c, false, true); err != nil {
				return err
			}
			return p.runPSBTCreate(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "wallet that pays: name, number or address")
	flags.StringArrayVar(&f.payees, "to", nil, "address that is paid, or a wallet's name or number, or a payment link; several as TO=AMOUNT each")
	for _, flag := range []string{"from", "to"} {
		_ = c.RegisterFlagCompletionFunc(flag, p.completeWallets)
	}
	flags.StringVar(&f.amount, "amount", "", "how much, for example 1.5")
	flags.BoolVar(&f.max, "max", false, "all that there is, instead of an amount; the fee comes off it")
	flags.BoolVar(&f.subtract, "subtract-fee", false, "the fee comes off what is paid, in equal parts")
	flags.Float64Var(&f.feeRate, "fee-rate", 0, "fee in sat/vB (default: the node's)")
	flags.IntVar(&f.target, "target", 0, "choose the fee so that it is confirmed within this many blocks")
	flags.StringArrayVar(&f.coins, "coins", nil, "spend this coin, TXID:N, and no other but those named; repeatable")
	flags.StringArrayVar(&f.coins, "coin", nil, "as --coins")
	_ = flags.MarkHidden("coin") // as it was called before
	flags.BoolVar(&f.addCoins, "add-coins", false, "with --coins: others too when they do not suffice")
	flags.StringVar(&f.data, "data", "", "data in hex, in an OP_RETURN output")
	flags.StringVar(&f.text, "data-text", "", "a text, in an OP_RETURN output")
	flags.StringVar(&f.change, "change", "", "address for the change (default: a new one of the wallet)")
	psbtOut(c, &f.out, "the PSBT")
	return c
}

func (p *program) runPSBTCreate(ctx context.Context, f psbtCreate) error {
	if err := checkOut(f.out); err != nil {
		return err
	}
	switch {
	case f.complete():
	case f.to == "":
		return usagef("whom to pay? say it with --to")
	default:
		return usagef("how much? say it with --amount, for example --amount 1.5, or --max")
	}
	request := f.base
	request.From, request.To = f.from, f.to
	if f.to != "" && f.amount != "" {
		var err error
		if request.Amount, err = parsePayment(f.amount); err != nil {
			return err
		}
	}
	return p.with(ctx, "psbt create", func(c *openChain) error {
		made, err := c.CreatePSBT(ctx, request)
		if err != nil {
			return err
		}
		if err := p.writePSBT(f.out, made.PSBT); err != nil {
			return err
		}
		if p.json {
			return p.printJSON(psbtJSON{made.PSBT, f.out, made.View})
		}
		p.warnPSBT(made.View)
		p.afterPSBT(f.out, made.View)
		return nil
	})
}

// psbtSign are the flags of psbt sign.
type psbtSign struct {
	file, wallet, sighash, out, passphraseFile string
}

func (p *program) psbtSignCommand() *cobra.Command {
	var f psbtSign
	c := &cobra.Command{
		Use: "sign FILE|BASE64|-", Short: "Sign a PSBT with a wallet's keys",
		Long: `Adds the signatures that a wallet can make. Look at it with lode psbt show
first: a signature says yes to the whole transaction. What does not fit
together, such as a script that is not that of the coin, is not signed.
Without --wallet it is the wallet here whose signature is missing, if there is
one only.`,
		Example: `  lode psbt sign pay.psbt --wallet Alice --out alice.psbt`,
		Args:    needArgs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			f.file = args[0]
			return p.runPSBTSign(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.wallet, "wallet", "", "wallet that signs: name, number or address")
	_ = c.RegisterFlagCompletionFunc("wallet", p.completeWallets)
	flags.StringVar(&f.sighash, "sighash", "", "type of the signatures, if it is to be another than ALL")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	psbtOut(c, &f.out, "the PSBT")
	return c
}

// signedJSON is what psbt sign --json prints.
type signedJSON struct {
	rpc.SignedPSBT
	File string `json:"file,omitempty"`
}

func (p *program) runPSBTSign(ctx context.Context, f psbtSign) error {
	if err := checkOut(f.out); err != nil {
		return err
	}
	if f.file == "-" && f.passphraseFile == "-" {
		return usagef("standard input (-) can be read once")
	}
	text, err := p.readPSBT(f.file)
	if err != nil {
		return err
	}
	return p.with(ctx, "psbt sign", func(c *openChain) error {
		if f.wallet == "" {
			if f.wallet, err = awaited(ctx, c, text); err != nil {
				return err
			}
		}
		w, err := p.chooseWallet(ctx, c, "Sign with", "--wallet", f.wallet)
		if err != nil {
			return err
		}
		request := rpc.SignPSBT{PSBT: text, Wallet: fmt.Sprint(w.Number), Sighash: f.sighash}
		var signed rpc.SignedPSBT
		err = p.unlocking(ctx, f.passphraseFile, func(passphrase string) (err error) {
			request.Passphrase = passphrase
			signed, err = c.SignPSBT(ctx, request)
			return err
		})
		if err != nil {
			return err
		}
		if signed.Added == 0 {
			return nothingSigned(signed)
		}
		if err := p.writePSBT(f.out, signed.PSBT); err != nil {
			return err
		}
		if p.json {
			return p.printJSON(signedJSON{signed, f.out})
		}
		p.screen.Notef("%s has signed: %s.\n", console.Clean(signed.Wallet), console.Count(signed.Added, "signature"))
		for _, text := range signed.Refused {
			p.screen.Notef("Not signed: %s.\n", console.Clean(text))
		}
		p.warnPSBT(signed.View)
		p.afterPSBT(f.out, signed.View)
		return nil
	})
}

// warnPSBT tells what stands in the way of a PSBT although it can be signed.
func (p *program) warnPSBT(view rpc.PSBTView) {
	for _, text := range view.Warnings {
		p.screen.Notef("Warning: %s.\n", console.Clean(text))
	}
}

// awaited is the wallet here whose signature a PSBT waits for; empty when there is
// none, or more than one.
func awaited(ctx context.Context, c *openChain, text string) (string, error) {
	view, err := c.ShowPSBT(ctx, rpc.PSBTRequest{PSBT: text})
	if err != nil {
		return "", err
	}
	name := ""
	for _, in := range view.Inputs {
		for _, k := range in.Missing {
			for _, w := range k.Wallets {
				if name != "" && name != w {
					return "", nil
				}
				name = w
			}
		}
	}
	return name, nil
}

// nothingSigned says why a wallet had nothing to add.
func nothingSigned(s rpc.SignedPSBT) error {
	if len(s.Refused) > 0 {
		return errors.New("nothing was signed: " + strings.Join(s.Refused, "; "))
	}
	if s.Complete {
		return errors.New("nothing was signed: all that is needed is there; lode psbt finalize is next")
	}
	return fmt.Errorf("nothing was signed: wallet %s has no key that is asked for, or has signed already; %s", s.Wallet, whatLacks(s.View))
}

// signerNames names those who could sign: by wallet, else by fingerprint.
func signerNames(keys []rpc.PSBTKey) string {
	var names []string
	seen := make(map[string]bool)
	for _, k := range keys {
		name := keyName(k)
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return orList(names)
}

// orList is words with commas and an "or" before the last.
func orList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func keyName(k rpc.PSBTKey) string {
	switch {
	case len(k.Wallets) > 0:
		return console.Clean(strings.Join(k.Wallets, " or "))
	case k.Fingerprint != "":
		return "[" + k.Fingerprint + "]"
	}
	return console.Short(k.Key, 16)
}

// missingSigners names those who can still sign any input.
func missingSigners(view rpc.PSBTView) string {
	var keys []rpc.PSBTKey
	for _, in := range view.Inputs {
		if in.Status != "final" {
			keys = append(keys, in.Missing...)
		}
	}
	if len(keys) == 0 {
		return "who has the keys"
	}
	return signerNames(keys)
}

// whatLacks says what each open input needs.
func whatLacks(view rpc.PSBTView) string {
	if view.Invalid != "" {
		return view.Invalid
	}
	var list []string
	for i, in := range view.Inputs {
		if in.Status != "final" && !strings.HasPrefix(in.Status, "ready") {
			list = append(list, fmt.Sprintf("input %d: %s", i, inputNeed(in)))
		}
	}
	if len(list) == 0 {
		return "nothing"
	}
	return console.Clean(strings.Join(list, "; "))
}

// inputNeed says how many signatures a multisig input needs yet, and otherwise
// what the node says.
func inputNeed(in rpc.PSBTInput) string {
	if need := in.Required - len(in.Signed); in.Required > 0 && need > 0 && len(in.Missing) > 0 {
		return fmt.Sprintf("needs %s: %s", console.Count(need, "more signature"), signerNames(in.Missing))
	}
	return in.Status
}

// showPSBT prints what a PSBT says.
func (p *program) showPSBT(v rpc.PSBTView) {
	fee := "not known: a coin is missing"
	if v.Fee != nil {
		fee = v.Fee.String()
		if v.VSize > 0 {
			fee += fmt.Sprintf("  (%s sat/vB, %s vB)", trimFloat(v.FeeRate), console.Thousands(v.VSize))
		}
	}
	p.screen.Fields(
		[2]string{"Transaction", v.TxID},
		[2]string{"Fee", fee},
		[2]string{"Lock time", lockTime(v.LockTime)},
		[2]string{"State", psbtState(v)},
	)
	for _, text := range v.Warnings {
		p.screen.Fields([2]string{"Warning", console.Clean(text)})
	}
	for i, in := range v.Inputs {
		p.screen.Printf("\nInput %d  %s\n", i, in.Coin)
		p.screen.Fields(inputFields(in)...)
	}
	for i, out := range v.Outputs {
		p.screen.Printf("\nOutput %d\n", i)
		to := out.Address
		if to == "" {
			to = "script " + console.Short(out.Script, 50)
		}
		p.screen.Fields(
			[2]string{"Amount", out.Amount.String()},
			[2]string{"To", to},
			[2]string{"Wallet", console.Clean(strings.Join(out.Wallets, ", "))},
			[2]string{"Data", out.Data},
		)
	}
}

// lockTime says until when a transaction has to wait (BIP65).
func lockTime(n uint32) string {
	const times = 500_000_000 // consensus: from here on it is a time
	switch {
	case n == 0:
		return ""
	case n < times:
		return fmt.Sprintf("not before block %s", console.Thousands(int64(n)+1))
	}
	return "not before " + console.When(int64(n), time.Local)
}

func psbtState(v rpc.PSBTView) string {
	switch {
	case v.Invalid != "":
		return v.Invalid
	case v.Complete, v.Next == "finalizer", v.Next == "extractor":
		return "all have signed; lode psbt finalize is next"
	}
	return "not complete: " + whatIsNext(v)
}

// whatIsNext says in a few words what an incomplete PSBT waits for.
func whatIsNext(v rpc.PSBTView) string {
	if v.Next == "signer" {
		return "to be signed by " + missingSigners(v)
	}
	for i, in := range v.Inputs {
		if in.Status != "final" && !strings.HasPrefix(in.Status, "ready") {
			return fmt.Sprintf("see input %d", i)
		}
	}
	return "lode psbt finalize is next"
}

func inputFields(in rpc.PSBTInput) [][2]string {
	amount := "not known"
	if in.Amount != nil {
		amount = in.Amount.String()
	}
	status := in.Status
	if status != "final" {
		status = inputNeed(in)
	}
	fields := [][2]string{
		{"Amount", amount},
		{"Address", in.Address},
		{"Wallet", console.Clean(strings.Join(in.Wallets, ", "))},
		{"Sighash", in.Sighash},
		{"Coin", coinWords(in)},
	}
	if in.Required > 0 {
		fields = append(fields, [2]string{"Needs", console.Count(in.Required, "signature")})
	}
	for _, k := range in.Signed {
		fields = append(fields, [2]string{"Signed", describeSigner(k)})
	}
	if status != "final" && !strings.HasPrefix(status, "ready") {
		for _, k := range in.Missing {
			fields = append(fields, [2]string{"Not signed", describeSigner(k)})
		}
	}
	return append(fields, [2]string{"State", console.Clean(status)})
}

// coinWords say what became of a coin that cannot be spent.
func coinWords(in rpc.PSBTInput) string {
	switch {
	case in.CoinState == "spent" && in.SpentBy != "":
		return "spent by transaction " + in.SpentBy
	case in.CoinState == "spent":
		return "spent"
	case in.CoinState == "unknown":
		return "not known here"
	}
	return ""
}

// describeSigner names a key, where it comes from, and what it signs for.
func describeSigner(k rpc.PSBTKey) string {
	text := keyName(k)
	if len(k.Wallets) > 0 {
		text += "  [" + k.Fingerprint + "]"
	}
	if k.Path != "" {
		text += "  " + k.Path
	}
	if k.Leaf != "" {
		text += "  script " + console.Short(k.Leaf, 12)
	}
	return text
}

func trimFloat(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }
