package console

import (
	"context"
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// The steps of a payment.
type sendStep int

const (
	stepFill sendStep = iota
	stepReview
	stepPassphrase
	stepPaying // from here on nothing but the answer changes anything
	stepPaid
)

// sendPage is the form of a payment. What it would cost is computed as one
// types, once the keys rest; nothing is paid before the summary was seen and
// Enter pressed on it.
type sendPage struct {
	s     *screens
	from  WalletRow
	alone bool // the program ends with it
	form  *form
	pass  *form

	step    sendStep
	seq     int // counts changes: answers to older questions are dropped
	pending bool
	quote   *Quote
	quoted  Order  // what quote is of
	general string // what is wrong, where no field is to blame
	notice  string // what has changed since it was shown
	key     string // of the payment as it stands; another one for each change
	paid    Paid
	review  bool // Enter was pressed before the quote was there
}

func newSendPage(s *screens, from WalletRow, o Order, alone bool) *sendPage {
	p := &sendPage{s: s, from: from, alone: alone, key: s.teller.NewKey()}
	p.form = newForm(
		newField(FieldTo, "To", o.To, "a wallet, an address or a bitcoin: link; Enter opens the list"),
		newField(FieldAmount, "Amount", o.Amount, "for example 1.5, or max for all that is spendable"),
		newField(FieldRate, "Fee rate", o.Rate, "in sat/vB, or a target such as 6 blocks; empty: the node's choice"),
	)
	for p.form.at < 2 && p.form.current().text() != "" {
		p.form.move(1)
	}
	return p
}

func (p *sendPage) order() Order {
	return Order{
		From: p.from.Number, To: p.form.fields[0].text(), Amount: p.form.fields[1].text(), Rate: p.form.fields[2].text(), Key: p.key,
	}
}

func (p *sendPage) shown() tea.Cmd {
	if p.quote == nil {
		return p.changed()
	}
	return nil
}

func (p *sendPage) title() (left, right string) {
	return "Send from " + Clean(p.from.Name), p.from.Spendable + " spendable"
}

func (p *sendPage) help() string {
	switch p.step {
	case stepReview:
		return "Enter pays · Esc changes it · Ctrl-C leaves"
	case stepPassphrase:
		return "type the passphrase, it is not shown · Enter pays · Esc changes the payment"
	case stepPaying:
		return "paying"
	case stepPaid:
		return "Enter or Esc goes on"
	case stepFill:
	}
	leaves := "Esc goes back"
	if p.alone {
		leaves = "Esc leaves"
	}
	return "Tab and ↑↓ next field · Enter goes on · Ctrl-U clears · " + leaves
}

// changed drops what was computed and computes anew once the keys rest.
func (p *sendPage) changed() tea.Cmd {
	p.seq++
	p.quote, p.general, p.notice, p.key, p.review = nil, "", "", p.s.teller.NewKey(), false
	o := p.order()
	if p.pending = o.To != "" && o.Amount != ""; !p.pending {
		return nil
	}
	seq := p.seq
	return p.s.later(func() tea.Cmd {
		if seq != p.seq {
			return nil
		}
		return p.compute()
	})
}

// compute asks what the payment would be.
func (p *sendPage) compute() tea.Cmd {
	seq, o := p.seq, p.order()
	p.pending = true
	return ask(p.s, func(ctx context.Context) (Quote, error) { return p.s.teller.Quote(ctx, o) },
		func(q Quote, err error) tea.Cmd {
			if seq != p.seq {
				return nil
			}
			p.pending = false
			return p.computed(o, q, err)
		})
}

func (p *sendPage) computed(o Order, q Quote, err error) tea.Cmd {
	if err != nil {
		p.review = false
		p.fail(err)
		return nil
	}
	p.form.clear()
	if q.TypedTo != "" { // a link names the address and perhaps the amount
		p.form.fields[0].input.SetValue(q.TypedTo)
		if q.TypedAmount != "" {
			p.form.fields[1].input.SetValue(q.TypedAmount)
		}
		o = p.order()
	}
	p.quote, p.quoted = &q, o
	if p.review {
		p.review, p.step = false, stepReview
	}
	return nil
}

// fail shows an error where it belongs.
func (p *sendPage) fail(err error) {
	var input *InputError
	if errors.As(err, &input) && p.form.blame(input.Field, input.Text) {
		return
	}
	p.general = err.Error()
}

func (p *sendPage) update(msg tea.Msg) tea.Cmd {
	press, isKey := msg.(tea.KeyPressMsg)
	name := ""
	if isKey {
		name = press.String()
	}
	switch p.step {
	case stepFill:
		return p.fill(msg, name)
	case stepReview:
		switch name {
		case "enter":
			return p.pay("")
		case "esc":
			p.step = stepFill
		}
	case stepPassphrase:
		switch name {
		case "enter":
			if passphrase := p.pass.current().input.Value(); passphrase != "" {
				return p.pay(passphrase)
			}
		case "esc":
			p.pass, p.step = nil, stepFill
		default:
			p.pass.update(msg)
		}
	case stepPaying:
		// A second Enter finds the first one's payment on its way.
	case stepPaid:
		if name == "enter" || name == "esc" || name == "q" {
			if p.alone {
				p.s.paid = &p.paid
			}
			return p.s.pop(p)
		}
	}
	return nil
}

func (p *sendPage) fill(msg tea.Msg, name string) tea.Cmd {
	switch name {
	case "esc":
		return p.s.back(p)
	case "enter":
		return p.next()
	}
	if p.form.update(msg) {
		return p.changed()
	}
	return nil
}

// next is what Enter does in the form: it goes to the first field that is still
// empty, and with all filled in to the summary.
func (p *sendPage) next() tea.Cmd {
	o := p.order()
	switch {
	case o.To == "" && p.form.at == 0:
		return p.s.push(newListPage(p.s, func(w WalletRow) tea.Cmd {
			p.form.fields[0].input.SetValue(Clean(w.Name))
			p.form.focus(1)
			return p.changed()
		}))
	case o.To == "":
		p.form.focus(0)
	case o.Amount == "" && p.form.at == 1:
		p.form.blame(FieldAmount, "how much?")
	case o.Amount == "":
		p.form.focus(1)
		return p.compute() // a link may say how much
	case p.quote != nil && p.quoted == o:
		p.step = stepReview
	case p.pending:
		p.review = true
	default:
		p.review = true
		return p.compute()
	}
	return nil
}

// pay makes the payment. The same key makes one payment of however many calls.
func (p *sendPage) pay(passphrase string) tea.Cmd {
	p.step, p.general, p.s.unsure = stepPaying, "", false
	o := p.quoted
	o.Key, o.Plan = p.key, p.quote.Plan
	// It is made or it is not, whatever key is pressed meanwhile, and the person
	// is told which.
	work := func(ctx context.Context) (Paid, error) {
		return p.s.teller.Pay(context.WithoutCancel(ctx), o, passphrase)
	}
	return ask(p.s, work, func(paid Paid, err error) tea.Cmd {
		var changed *ChangedError
		switch {
		case errors.As(err, &changed): // the new one is shown, and asked about
			p.step, p.quote, p.notice, p.review = stepFill, nil, changed.Text, true
			return p.compute()
		case err == nil:
			p.step, p.paid = stepPaid, paid
			p.s.paid = &p.paid
		case errors.Is(err, ErrLocked), errors.Is(err, ErrPassphrase):
			p.step = stepPassphrase
			p.pass = newForm(newField("passphrase", "Passphrase", "", "").hide())
			if errors.Is(err, ErrPassphrase) {
				p.pass.blame("passphrase", "That is not the passphrase. Nothing was paid.")
			}
		default:
			p.step = stepFill
			p.fail(err)
		}
		return nil
	})
}

func (p *sendPage) body(width, _ int) (string, *tea.Cursor) {
	var b strings.Builder
	var cursor *tea.Cursor
	if p.step == stepFill {
		var fields string
		fields, cursor = p.form.body(width, 0)
		b.WriteString(fields + "\n")
	}
	switch {
	case p.quote != nil:
		b.WriteString(p.summary(width))
	case p.general != "":
	case p.pending:
		b.WriteString(faintStyle.Render("  computing…") + "\n")
	}
	if p.general != "" {
		b.WriteString(problem(p.general, width) + "\n")
	}
	b.WriteString("\n")
	switch p.step {
	case stepReview:
		if p.notice != "" {
			b.WriteString(problem(p.notice, width) + "\n\n")
		}
		b.WriteString(boldStyle.Render("  Enter pays this.") + " Nothing has been paid yet.\n")
	case stepPassphrase:
		b.WriteString("  The wallets are locked. Nothing has been paid yet.\n\n")
		row := strings.Count(b.String(), "\n")
		var field string
		field, cursor = p.pass.body(width, row)
		b.WriteString(field)
	case stepPaying:
		b.WriteString("  Paying…\n")
	case stepPaid:
		b.WriteString(boldStyle.Render("  Sent.") + "\n\n" + pairLines([][2]string{{"Transaction", p.paid.TxID}, {"Next", p.paid.Next}}, width))
	case stepFill:
	}
	return b.String(), cursor
}

func (p *sendPage) summary(width int) string {
	q := p.quote
	rows := [][2]string{
		{"From", p.from.Name}, {"To", q.To}, {"Amount", q.Amount}, {"Fee", q.Fee}, {"Rate", q.Rate}, {"Change", q.Change},
	}
	rows = append(rows, q.More...)
	return pairLines(append(rows, [2]string{"Remains", q.Remains}, [2]string{"Note", q.Note}), width)
}
