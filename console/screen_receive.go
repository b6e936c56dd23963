package console

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// receivePage shows an address to be paid at, with its QR code. Amount and label
// go into the code as one types them; Enter also remembers the label.
type receivePage struct {
	s       *screens
	row     WalletRow
	place   *Place
	form    *form
	uri     string
	general string
}

// The fields of the page.
const (
	receiveAmount = 0
	receiveLabel  = 1
)

func newReceivePage(s *screens, row WalletRow) *receivePage {
	return &receivePage{s: s, row: row, form: newForm(newField(FieldAmount, "Amount", "", ""), newField("label", "Label", "", ""))}
}

func (p *receivePage) shown() tea.Cmd { return p.get(false) }

// get asks for an address.
func (p *receivePage) get(fresh bool) tea.Cmd {
	return ask(p.s, func(ctx context.Context) (Place, error) { return p.s.teller.Receive(ctx, p.row.Number, fresh) },
		func(place Place, err error) tea.Cmd {
			if err != nil {
				p.general = err.Error()
				return nil
			}
			p.place, p.general = &place, ""
			p.form.fields[receiveLabel].input.SetValue(place.Label)
			p.compose()
			if fresh {
				p.s.flash = "A new address. The ones before stay valid."
			}
			return nil
		})
}

// compose makes the link of what is typed.
func (p *receivePage) compose() {
	if p.place == nil {
		return
	}
	amount, label := p.form.fields[receiveAmount], p.form.fields[receiveLabel].text()
	amount.wrong = ""
	var err error
	if p.uri, err = p.s.teller.URI(p.place.Address, amount.text(), label); err != nil {
		amount.wrong = err.Error()
		p.uri, _ = p.s.teller.URI(p.place.Address, "", label)
	}
}

func (p *receivePage) title() (left, right string) { return "Receive to " + Clean(p.row.Name), "" }

func (p *receivePage) help() string {
	return "Tab next field · Enter keeps the label · Ctrl-N new address · Esc goes back"
}

func (p *receivePage) update(msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		switch press.String() {
		case "esc":
			return p.s.back(p)
		case "ctrl+n":
			return p.get(true)
		case "enter":
			return p.keep()
		}
	}
	if p.form.update(msg) {
		p.compose()
	}
	return nil
}

// keep remembers the label.
func (p *receivePage) keep() tea.Cmd {
	label := p.form.fields[receiveLabel].text()
	if p.place == nil || label == p.place.Label {
		p.form.move(1)
		return nil
	}
	place := p.place
	return ask(p.s, func(ctx context.Context) (any, error) {
		return nil, p.s.teller.Label(ctx, p.row.Number, place.Address, label)
	}, func(_ any, err error) tea.Cmd {
		if err != nil {
			p.form.blame("label", err.Error())
			return nil
		}
		place.Label, p.s.flash = label, "The label is kept."
		return nil
	})
}

// sideWidth is how many columns the text beside the code gets at least. Policy.
const sideWidth = 30

// code returns the best code that fits: of the link with all of it, of the link
// with the amount, or of the address alone; and what it leaves out.
func (p *receivePage) code(width, height int) (drawing, note string) {
	links := []struct{ text, note string }{{p.uri, ""}}
	if withAmount, err := p.s.teller.URI(p.place.Address, p.form.fields[receiveAmount].text(), ""); err == nil {
		links = append(links, struct{ text, note string }{withAmount, "the label is too long for the code"})
	}
	links = append(links, struct{ text, note string }{p.place.Address, "the code holds the address alone"})
	for _, link := range links {
		q, err := NewQR(link.text)
		if err != nil {
			continue
		}
		if p.s.ascii {
			if side := q.Size() + 2; 2*side <= width && side <= height {
				return q.ASCII(1), link.note
			}
			continue
		}
		if quiet := q.quietFor(width, height); quiet >= 0 {
			return q.Blocks(quiet, true), link.note
		}
	}
	return "", "this terminal is too small for the QR code"
}

func (p *receivePage) body(width, height int) (string, *tea.Cursor) {
	if p.place == nil {
		if p.general != "" {
			return problem(p.general, width), nil
		}
		return "  …", nil
	}
	drawing, note := p.code(width-sideWidth-2, height)
	room := width - 1
	if drawing != "" {
		room = width - lipgloss.Width(drawing) - 2
	}
	fields, cursor := p.form.body(room, 0)
	var side strings.Builder
	side.WriteString(fields)
	side.WriteString("\n" + faintStyle.Render("  Address") + "\n  " + strings.Join(breakUp(p.place.Address, room-3), "\n  ") + "\n")
	if p.uri != p.place.Address {
		side.WriteString("\n" + faintStyle.Render("  Link") + "\n  " + strings.Join(breakUp(p.uri, room-3), "\n  ") + "\n")
	}
	for _, text := range []string{note, p.general} {
		if text != "" {
			side.WriteString("\n" + problem(text, room) + "\n")
		}
	}
	if drawing == "" {
		return side.String(), cursor
	}
	if cursor != nil {
		cursor.X += lipgloss.Width(drawing) + 2
	}
	return lipgloss.JoinHorizontal(lipgloss.Top, strings.TrimRight(drawing, "\n"), "  ", side.String()), cursor
}
