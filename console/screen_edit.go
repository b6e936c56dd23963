package console

import (
	"context"
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// editPage is a small form whose Enter does one thing and goes back.
type editPage struct {
	s    *screens
	name string
	form *form
	busy bool
	do   func(ctx context.Context, f *form) error
	said string // after it was done
}

func newRenamePage(s *screens, row WalletRow) page {
	return &editPage{
		s: s, name: "Rename " + Clean(row.Name), said: "Renamed.",
		form: newForm(newField("name", "Name", row.Name, "")),
		do:   func(ctx context.Context, f *form) error { return s.teller.Rename(ctx, row.Number, f.fields[0].text()) },
	}
}

func newLabelPage(s *screens, row WalletRow) page {
	return &editPage{
		s: s, name: "Label an address of " + Clean(row.Name), said: "The label is kept.",
		form: newForm(
			newField("label", "Label", "", "shown in the history; empty takes it away"),
			newField("address", "Address", row.Address, "one of this wallet, or one that it pays")),
		do: func(ctx context.Context, f *form) error {
			return s.teller.Label(ctx, row.Number, f.fields[1].text(), f.fields[0].text())
		},
	}
}

func (p *editPage) shown() tea.Cmd              { return nil }
func (p *editPage) title() (left, right string) { return p.name, "" }
func (p *editPage) help() string {
	return "Tab next field · Enter does it · Ctrl-U clears · Esc goes back"
}
func (p *editPage) body(w, _ int) (string, *tea.Cursor) { return p.form.body(w, 0) }

func (p *editPage) update(msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		switch {
		case press.String() == "esc":
			return p.s.back(p)
		case press.String() == "enter" && !p.busy:
			p.busy = true
			return ask(p.s, func(ctx context.Context) (any, error) { return nil, p.do(ctx, p.form) },
				func(_ any, err error) tea.Cmd {
					if p.busy = false; err != nil {
						p.form.fields[0].wrong = err.Error()
						return nil
					}
					p.s.flash = p.said
					return p.s.pop(p)
				})
		case press.String() == "enter":
			return nil
		}
	}
	p.form.update(msg)
	return nil
}

// wordsPage shows the words of a wallet, after it was said what that means and
// the passphrase was given where there is one.
type wordsPage struct {
	s    *screens
	row  WalletRow
	pass *form
	busy bool
	got  *Recovery
	err  error
}

func newWordsPage(s *screens, row WalletRow) page { return &wordsPage{s: s, row: row} }

func (p *wordsPage) shown() tea.Cmd { return nil }

func (p *wordsPage) title() (left, right string) {
	return Clean(p.row.Name) + ": what brings it back", ""
}

func (p *wordsPage) help() string {
	switch {
	case p.got != nil:
		return "Esc hides them and goes back"
	case p.pass != nil:
		return "type the passphrase, it is not shown · Enter goes on · Esc goes back"
	}
	return "Enter shows the words · Esc goes back"
}

func (p *wordsPage) update(msg tea.Msg) tea.Cmd {
	press, ok := msg.(tea.KeyPressMsg)
	switch {
	case ok && press.String() == "esc":
		p.got = nil
		return p.s.back(p)
	case ok && press.String() == "enter" && p.got == nil && !p.busy:
		passphrase := ""
		if p.pass != nil {
			passphrase = p.pass.current().input.Value()
		}
		p.busy = true
		return ask(p.s, func(ctx context.Context) (Recovery, error) {
			return p.s.teller.Words(ctx, p.row.Number, passphrase)
		}, p.answered)
	case p.pass != nil && p.got == nil:
		p.pass.update(msg)
	}
	return nil
}

func (p *wordsPage) answered(r Recovery, err error) tea.Cmd {
	p.busy, p.err = false, nil
	switch {
	case err == nil:
		p.got, p.pass = &r, nil
	case errors.Is(err, ErrLocked), errors.Is(err, ErrPassphrase):
		p.pass = newForm(newField("passphrase", "Passphrase", "", "").hide())
		if errors.Is(err, ErrPassphrase) {
			p.pass.blame("passphrase", "That is not the passphrase.")
		}
	default:
		p.err = err
	}
	return nil
}

func (p *wordsPage) body(width, _ int) (string, *tea.Cursor) {
	switch {
	case p.err != nil:
		return problem(p.err.Error(), width), nil
	case p.got != nil:
		return p.got.lines(width), nil
	}
	text := "  " + fold("Whoever sees the words has the coins. They are shown on this screen only, and gone from it when you leave.", width-3, "\n  ") + "\n\n"
	if p.pass == nil {
		return text + boldStyle.Render("  Enter shows them.") + "\n", nil
	}
	field, cursor := p.pass.body(width, strings.Count(text, "\n"))
	return text + field, cursor
}

// NumberedWords draws words with their numbers, four a line.
func NumberedWords(words []string) string {
	var b strings.Builder
	for i, word := range words {
		fmt.Fprintf(&b, "  %2d ", i+1)
		if i%4 == 3 || i == len(words)-1 {
			b.WriteString(word + "\n")
		} else {
			b.WriteString(pad(word, 13))
		}
	}
	return b.String()
}

func (r *Recovery) lines(width int) string {
	text := NumberedWords(r.Words)
	if text != "" {
		text += "\n"
	}
	return text + pairLines([][2]string{{"Path", r.Path}, {"Note", r.Note}}, width)
}
