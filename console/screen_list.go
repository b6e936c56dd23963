package console

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// listPage is the list of the wallets, filtered as one types.
type listPage struct {
	s    *screens
	rows []WalletRow
	list *picker
	err  error
	// chose is what happens to the wallet that is chosen; nil opens it.
	chose func(WalletRow) tea.Cmd
}

func newListPage(s *screens, chose func(WalletRow) tea.Cmd) *listPage {
	return &listPage{s: s, chose: chose}
}

// shown reads the wallets anew: their sums may have changed.
func (p *listPage) shown() tea.Cmd {
	return ask(p.s, p.s.teller.Wallets, func(rows []WalletRow, err error) tea.Cmd {
		p.set(rows, err)
		return nil
	})
}

// set shows rows, with the filter and the cursor as they were.
func (p *listPage) set(rows []WalletRow, err error) {
	if p.rows, p.err = rows, err; err != nil {
		return
	}
	before := p.list
	p.list = newPicker(walletChoices(rows))
	if before != nil {
		p.list.setFilter(before.filter)
		p.list.move(before.cursor)
	}
}

// walletChoices makes the rows of a list of wallets.
func walletChoices(rows []WalletRow) Pick {
	pick := Pick{
		Title:   "Wallets",
		Head:    []string{"#", "Name", "Spendable", "Immature", "Pending", "Address"},
		Right:   []bool{true, false, true, true, true, false},
		Shrink:  []int{1, 5},
		Choices: make([]Choice, len(rows)),
		Note:    keysNote(rows),
	}
	for i, w := range rows {
		pick.Choices[i] = Choice{
			Number: w.Number, Name: w.Name, Key: w.Address,
			Cells: []string{strconv.Itoa(w.Number), Clean(w.Name), w.Spendable, w.Immature, w.Pending, w.Address},
		}
	}
	return pick
}

func (p *listPage) title() (left, right string) {
	if p.chose != nil {
		left = "Pay which wallet?"
	} else {
		left = "Wallets"
	}
	if p.list != nil {
		right = fmt.Sprintf("%s of %s", Thousands(int64(len(p.list.shown))), Thousands(int64(len(p.rows))))
	}
	return left, right
}

func (p *listPage) help() string {
	does := "opens"
	if p.chose != nil {
		does = "takes"
	}
	return "type to filter by name, number or address · ↑↓ PgUp PgDn Home End · Enter " + does + " · Ctrl-U clears · Esc leaves"
}

func (p *listPage) body(width, height int) (string, *tea.Cursor) {
	switch {
	case p.err != nil:
		return problem(p.err.Error(), width), nil
	case p.list == nil:
		return "  …", nil
	case len(p.rows) == 0:
		return "  There is no wallet yet. Leave with Esc and make one: lode wallet new", nil
	}
	const find = "Find: "
	note := noteLines(p.list.Note, width)
	if len(note) > 0 {
		note = append([]string{""}, note...)
	}
	p.list.resize(width, height-3-len(note))
	var b strings.Builder
	b.WriteString(find + p.list.filter + "\n\n" + p.list.rows())
	if len(note) > 0 {
		b.WriteString(faintStyle.Render(strings.Join(note, "\n")))
	}
	return b.String(), tea.NewCursor(lipgloss.Width(find+p.list.filter), 0)
}

func (p *listPage) update(msg tea.Msg) tea.Cmd {
	press, ok := msg.(tea.KeyPressMsg)
	if ok && press.String() == "esc" {
		return p.s.back(p)
	}
	if p.list == nil {
		return nil
	}
	if ok && press.String() == "enter" {
		if len(p.list.shown) == 0 {
			return nil
		}
		row := p.rows[p.list.shown[p.list.cursor]]
		if p.chose != nil {
			return tea.Batch(p.s.pop(p), p.chose(row))
		}
		return p.s.push(newWalletPage(p.s, row))
	}
	p.list.Update(msg)
	return nil
}
