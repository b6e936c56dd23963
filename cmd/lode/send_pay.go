package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// maxFeeRate is the highest feerate that can be asked for, in sat/vB.
const maxFeeRate = int(wallet.MaxFeeRate / 1000)

// checkRate refuses a --fee-rate that is none.
func checkRate(c *cobra.Command, rate float64) error {
	switch {
	case !c.Flags().Changed("fee-rate"):
		return nil
	case math.IsNaN(rate) || math.IsInf(rate, 0):
		return usagef("--fee-rate: %v is no number of sat/vB, such as 2.5", rate)
	case rate <= 0:
		return usagef("--fee-rate: %s is not above 0 sat/vB", decimal(rate))
	case rate > float64(maxFeeRate):
		return usagef("--fee-rate: %s is more than %d sat/vB, the highest rate there is", decimal(rate), maxFeeRate)
	}
	return nil
}

// payShown makes a payment. It is shown and asked about first, and what is paid is
// what was shown: when that cannot be any more, the new one is shown. With --yes
// it is shown as it was made.
func (p *program) payShown(ctx context.Context, c *openChain, r rpc.SendRequest, passphraseFile, question string, show func(rpc.SendPlan)) (rpc.SendPlan, error) {
	for {
		if !p.yes {
			plan, err := c.PrepareSend(ctx, r)
			if err != nil || plan.Repeated {
				return plan, err
			}
			show(plan)
			if err := p.confirm(ctx, question); err != nil {
				return plan, err
			}
			r.Plan = plan.Plan
		}
		// From here on a Ctrl-C waits for the answer: a payment is made or it
		// is not, and the person is told which.
		committed := context.WithoutCancel(ctx)
		var sent rpc.SendPlan
		err := p.unlocking(committed, passphraseFile, func(passphrase string) (err error) {
			r.Passphrase = passphrase
			sent, err = c.Send(committed, r)
			return err
		})
		switch {
		case errors.Is(err, rpc.CodePlanChanged.New("")) && !p.yes && ctx.Err() == nil:
			p.screen.Notef("\n%s. This is how it is now:\n\n", capital(oneLine(err)))
			continue
		case err == nil && p.yes && !p.json && !sent.Repeated:
			show(sent)
		}
		return sent, err
	}
}

// changeWords say how much change there is, and where it goes unless that is the
// wallet's own address.
func changeWords(plan rpc.SendPlan) string {
	switch {
	case plan.Change == 0:
		return "none"
	case plan.ChangeForeign:
		return fmt.Sprintf("%s  to %s, which is none of this wallet's addresses", plan.Change, plan.ChangeAddress)
	}
	return plan.Change.String()
}

// dataWords show data as hex, and as the text that it may be.
func dataWords(data string) string {
	raw, err := hex.DecodeString(data)
	if err != nil || len(raw) == 0 {
		return data
	}
	if text := string(raw); utf8.ValidString(text) && console.Clean(text) == text {
		return fmt.Sprintf("%s  (%q)", data, text)
	}
	return data
}

// extraRows show what was asked for beside whom to pay and how much.
func extraRows(plan rpc.SendPlan) (rows [][2]string) {
	if plan.Data != "" {
		rows = append(rows, [2]string{"Data", dataWords(plan.Data)})
	}
	if plan.LockTime != nil {
		rows = append(rows, [2]string{"Locktime", strconv.FormatUint(uint64(*plan.LockTime), 10)})
	}
	if !plan.Replaceable {
		rows = append(rows, [2]string{"Replaceable", "no: lode bumpfee raises its fee by a child only"})
	}
	return rows
}
