package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// numbered names a wallet in a way that no name can be mistaken for.
func numbered(w rpc.Wallet) string { return strconv.Itoa(w.Number) }

// receive are the flags of receive.
type receive struct {
	amount, label string
	fresh, qr     bool
}

func (p *program) receiveCommand() *cobra.Command {
	var f receive
	c := &cobra.Command{
		Use: "receive [WALLET]", Short: "Show an address to be paid at",
		Long: `Shows an address of a wallet to be paid at, and a payment link (BIP21). It is
the last one shown while nobody has paid it, else a new one; --new is a new one
always. Addresses that were shown before stay valid. From the 21st unpaid one in
a row on it says that restoring from words needs a larger --gap. --qr draws
the link for a camera: --plain draws it in ASCII.`,
		Example: `  lode receive Wallet1
  lode receive Wallet1 --amount 1.5 --label "Lunch on Friday" --qr
  lode receive 1 --new --json`,
		Args: atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error { return p.runReceive(c.Context(), f, first(args)) },
	}
	c.Flags().StringVar(&f.amount, "amount", "", "how much to ask for, for example 1.5")
	c.Flags().StringVar(&f.label, "label", "", "what it is for: kept with the address, and part of the link")
	c.Flags().BoolVar(&f.fresh, "new", false, "an address that was never shown")
	c.Flags().BoolVar(&f.qr, "qr", false, "draw the QR code")
	return c
}

// receivedJSON is what receive --json prints.
type receivedJSON struct {
	rpc.Received
	Amount *rpc.Amount `json:"amount,omitempty"`
	URI    string      `json:"uri"`
}

func (p *program) runReceive(ctx context.Context, f receive, which string) error {
	var amount rpc.Amount
	if f.amount != "" {
		var err error
		if amount, err = parsePayment(f.amount); err != nil {
			return err
		}
	}
	return p.with(ctx, "receive", func(c *openChain) error {
		w, err := p.chooseWallet(ctx, c, "Receive to", "lode receive WALLET", which)
		if err != nil {
			return err
		}
		r, err := c.Receive(ctx, rpc.ReceiveRequest{Wallet: numbered(w), New: f.fresh, Label: f.label})
		if err != nil {
			return err
		}
		out := receivedJSON{Received: r, URI: paymentURI{Address: r.Address, Amount: amount, Label: f.label}.String()}
		if amount != 0 {
			out.Amount = &amount
		}
		if p.json {
			return p.printJSON(out)
		}
		asked := ""
		if amount != 0 {
			asked = amount.String()
		}
		p.screen.Fields(
			[2]string{"Wallet", console.Clean(r.Wallet)},
			[2]string{"Address", r.Address},
			[2]string{"Amount", asked},
			[2]string{"Label", console.Clean(r.Label)},
			[2]string{"Link", out.URI},
		)
		if r.RestoreGap > 0 {
			p.screen.Notef("lode: this is address %d in a row that nobody has paid: if this one is paid and those before are not, the words alone restore it only with lode wallet restore --gap %d (other wallets: their gap limit).\n", r.RestoreGap, r.RestoreGap)
		}
		if f.qr {
			p.screen.Printf("\n")
			p.screen.QR(out.URI)
		}
		return nil
	})
}
