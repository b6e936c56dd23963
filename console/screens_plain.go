package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The plain twins of the wallets' screens: numbered questions, a line each, for
// screen readers and slow lines. They can do all that the screens can.

// errBack goes back one question.
var errBack = errors.New("back")

// askOr asks for a line. An empty one goes back where there is no preset.
func (s *Screen) askOr(ctx context.Context, prompt, preset string) (string, error) {
	if preset != "" {
		prompt += " [" + Clean(preset) + "]"
	}
	answer, err := s.Ask(ctx, prompt+": ")
	if err != nil {
		return "", err
	}
	if answer = strings.TrimSpace(answer); answer != "" {
		return answer, nil
	}
	if preset == "" {
		return "", errBack
	}
	return preset, nil
}

// walletsPlain is Wallets with questions.
func (s *Screen) walletsPlain(ctx context.Context, t Teller) error {
	for {
		rows, err := t.Wallets(ctx)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			s.Notef("There is no wallet yet: lode wallet new\n")
			return ErrCancelled
		}
		pick := walletChoices(rows)
		s.Notef("Ctrl-C leaves.\n")
		picked, err := s.pickPlain(ctx, pick)
		if err != nil {
			return err
		}
		if err := s.walletPlain(ctx, t, rows[picked.Row]); err != nil && !errors.Is(err, errBack) {
			return err
		}
	}
}

// walletPlain asks what to do with a wallet until an empty answer goes back.
func (s *Screen) walletPlain(ctx context.Context, t Teller, row WalletRow) error {
	do := []func(context.Context, Teller, WalletRow) error{
		func(ctx context.Context, t Teller, row WalletRow) error {
			_, err := s.sendPlain(ctx, t, row, Order{})
			return err
		},
		s.receivePlain, s.historyPlain, s.detailsPlain, s.renamePlain, s.labelPlain, s.wordsPlainOf,
	}
	for {
		s.Notef("\n%s, number %d: %s spendable, %s immature, %s pending\n", Clean(row.Name), row.Number, row.Spendable, row.Immature, row.Pending)
		for i, a := range actions {
			s.Notef("  %d  %s: %s\n", i+1, a.name, cmp.Or(a.refused(row), a.says))
		}
		answer, err := s.askOr(ctx, "Number, or Enter to go back", "")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(answer)
		if err != nil || n < 1 || n > len(do) {
			s.Notef("There is 1 to %d.\n", len(do))
			continue
		}
		if why := actions[n-1].refused(row); why != "" {
			s.Notef("%s: %s\n", actions[n-1].name, why)
			continue
		}
		err = do[n-1](ctx, t, row)
		switch {
		case errors.Is(err, ErrCancelled):
			return err
		case errors.Is(err, errBack):
		case err != nil:
			s.Notef("%s\n", Clean(err.Error()))
		}
		if now, err := t.Wallet(ctx, row.Number); err == nil {
			row = now
		}
	}
}

// withPassphrase calls f, with a passphrase that is asked for where it needs one.
func (s *Screen) withPassphrase(ctx context.Context, f func(passphrase string) error) error {
	err := f("")
	for errors.Is(err, ErrLocked) || errors.Is(err, ErrPassphrase) {
		if errors.Is(err, ErrPassphrase) {
			s.Notef("That is not the passphrase.\n")
		}
		passphrase, asked := s.Secret(ctx, "Passphrase of the wallets: ")
		if asked != nil {
			return asked
		}
		err = f(passphrase)
	}
	return err
}

// sendPlain is SendForm with questions.
func (s *Screen) sendPlain(ctx context.Context, t Teller, from WalletRow, o Order) (Paid, error) {
	o.From, o.Key = from.Number, t.NewKey()
	for {
		var err error
		if o.To, err = s.askOr(ctx, "To (name, number, address or bitcoin: link)", o.To); err != nil {
			return Paid{}, err
		}
		o.Amount, err = s.askOr(ctx, fmt.Sprintf("Amount, or max (%s spendable)", from.Spendable), o.Amount)
		if err != nil && !errors.Is(err, errBack) { // a link may say how much
			return Paid{}, err
		}
		rate, err := s.Ask(ctx, "Fee rate in sat/vB, or a target such as 6 blocks (Enter: the node's choice): ")
		if err != nil {
			return Paid{}, err
		}
		o.Rate = strings.TrimSpace(rate)
		quote, err := t.Quote(ctx, o)
		if err != nil {
			if ctx.Err() != nil {
				return Paid{}, ErrCancelled
			}
			s.Notef("%s\n", Clean(err.Error()))
			var input *InputError
			if errors.As(err, &input) && input.Field == FieldTo {
				o.To = ""
			} else {
				o.Amount = ""
			}
			continue
		}
		if quote.TypedTo != "" {
			o.To = quote.TypedTo
			if quote.TypedAmount != "" {
				o.Amount = quote.TypedAmount
			}
		}
		for _, pair := range [][2]string{
			{"From", from.Name},
			{"To", quote.To},
			{"Amount", quote.Amount},
			{"Fee", quote.Fee},
			{"Rate", quote.Rate},
			{"Change", quote.Change},
			{"Remains", quote.Remains},
			{"Note", quote.Note},
		} {
			if pair[1] != "" {
				s.Notef("%s: %s\n", pair[0], Clean(pair[1]))
			}
		}
		ok, err := s.Confirm(ctx, "Send it?", false)
		if err != nil {
			return Paid{}, err
		}
		if !ok {
			s.Notef("Nothing was sent.\n")
			return Paid{}, errBack
		}
		var paid Paid
		err = s.withPassphrase(ctx, func(passphrase string) (err error) {
			paid, err = t.Pay(context.WithoutCancel(ctx), o, passphrase)
			return err
		})
		if err != nil {
			return Paid{}, err
		}
		s.Notef("Sent: %s\n%s\n", paid.TxID, paid.Next)
		return paid, nil
	}
}

func (s *Screen) receivePlain(ctx context.Context, t Teller, row WalletRow) error {
	fresh, err := s.Confirm(ctx, "A new address? (No shows the last one while nobody has paid it.)", false)
	if err != nil {
		return err
	}
	place, err := t.Receive(ctx, row.Number, fresh)
	if err != nil {
		return err
	}
	s.Notef("Address: %s\n", place.Address)
	amount, err := s.Ask(ctx, "Amount to ask for (Enter: none): ")
	if err != nil {
		return err
	}
	label, err := s.askOr(ctx, "Label (Enter: none)", place.Label)
	if err != nil && !errors.Is(err, errBack) {
		return err
	}
	uri, err := t.URI(place.Address, strings.TrimSpace(amount), label)
	if err != nil {
		return err
	}
	if label != place.Label {
		if err := t.Label(ctx, row.Number, place.Address, label); err != nil {
			return err
		}
	}
	s.Notef("Link: %s\n", uri)
	code, err := s.Confirm(ctx, "Draw the QR code?", false)
	if err != nil || !code {
		return err
	}
	q, err := NewQR(uri)
	if err != nil {
		return err
	}
	s.Notef("%s", q.draw(s.Width(), s.ASCII, true, false))
	return nil
}

// plainPage is how many payments are read out at once. Policy.
const plainPage = 10

func (s *Screen) historyPlain(ctx context.Context, t Teller, row WalletRow) error {
	for skip := 0; ; skip += plainPage {
		past, err := t.History(ctx, row.Number, skip, plainPage)
		if err != nil {
			return err
		}
		if past.Total == 0 {
			s.Notef("Nothing yet.\n")
			return nil
		}
		for i, r := range past.Rows {
			fee := ""
			if r.Fee != "" {
				fee = ", fee " + r.Fee
			}
			s.Notef("%d. %s, %s %s %s%s, then %s. Confirmations: %s. %s\n", skip+i+1, r.When, r.Direction, r.who(), r.Amount, fee, r.Balance, r.Confirmations, r.TxID)
		}
		left := past.Total - skip - len(past.Rows)
		if left <= 0 || len(past.Rows) == 0 {
			return nil
		}
		more, err := s.Confirm(ctx, fmt.Sprintf("%s more. Go on?", Thousands(int64(left))), true)
		if err != nil || !more {
			return err
		}
	}
}

func (s *Screen) detailsPlain(ctx context.Context, t Teller, row WalletRow) error {
	pairs, err := t.Details(ctx, row.Number)
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		if pair[1] != "" {
			s.Notef("%s: %s\n", pair[0], Clean(pair[1]))
		}
	}
	return nil
}

func (s *Screen) renamePlain(ctx context.Context, t Teller, row WalletRow) error {
	name, err := s.askOr(ctx, "New name of "+Clean(row.Name), "")
	if err != nil {
		return err
	}
	return t.Rename(ctx, row.Number, name)
}

func (s *Screen) labelPlain(ctx context.Context, t Teller, row WalletRow) error {
	address, err := s.askOr(ctx, "Address", row.Address)
	if err != nil {
		return err
	}
	label, err := s.Ask(ctx, "Label (Enter takes it away): ")
	if err != nil {
		return err
	}
	return t.Label(ctx, row.Number, address, strings.TrimSpace(label))
}

// wordsPlainOf shows the words on the alternate screen, so that they do not stay
// in the scrollback.
func (s *Screen) wordsPlainOf(ctx context.Context, t Teller, row WalletRow) error {
	ok, err := s.Confirm(ctx, "Whoever sees the words has the coins. Show them?", false)
	if err != nil || !ok {
		return err
	}
	var r Recovery
	err = s.withPassphrase(ctx, func(passphrase string) (err error) {
		r, err = t.Words(ctx, row.Number, passphrase)
		return err
	})
	if err != nil {
		return err
	}
	s.Notef("\x1b[?1049h\x1b[H")
	defer s.Notef("\x1b[2J\x1b[?1049l")
	for i, word := range r.Words {
		s.Notef("%d %s\n", i+1, word)
	}
	for _, pair := range [][2]string{{"Path", r.Path}, {"Note", r.Note}} {
		if pair[1] != "" {
			s.Notef("%s: %s\n", pair[0], pair[1])
		}
	}
	_, err = s.Ask(ctx, "Enter hides them. ")
	return err
}
