package console

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// historyPage is what a wallet paid and was paid, a page at a time.
type historyPage struct {
	s    *screens
	row  WalletRow
	past *Past
	skip int // entries before the first one shown
	want int // of the question that is open
	rows int // that fit
	at   int // cursor, from the first one shown
	err  error
}

func newHistoryPage(s *screens, row WalletRow) *historyPage {
	p := &historyPage{s: s, row: row}
	p.rows = p.fit(s.height)
	return p
}

// historyBelow is how many lines the payment under the cursor takes, and
// historyAround what the page has around its rows.
const (
	historyBelow  = 5
	historyAround = 7
)

func (p *historyPage) fit(height int) int { return max(1, height-historyBelow-historyAround) }

func (p *historyPage) shown() tea.Cmd { return p.load(p.skip) }

// load asks for the page that begins after skip entries.
func (p *historyPage) load(skip int) tea.Cmd {
	p.want = max(0, skip)
	want, rows := p.want, p.rows
	return ask(p.s, func(ctx context.Context) (Past, error) {
		return p.s.teller.History(ctx, p.row.Number, want, rows)
	}, func(past Past, err error) tea.Cmd {
		if want != p.want {
			return nil
		}
		p.err = err
		if err == nil {
			p.past, p.skip = &past, want
			p.at = max(0, min(p.at, len(past.Rows)-1))
		}
		return nil
	})
}

func (p *historyPage) title() (left, right string) {
	if p.past == nil {
		return Clean(p.row.Name) + ": history", ""
	}
	return Clean(p.row.Name) + ": history", p.past.Balance + " in all"
}

func (p *historyPage) help() string {
	return "↑↓ · PgUp PgDn pages · Home newest · End oldest · Esc goes back"
}

func (p *historyPage) update(msg tea.Msg) tea.Cmd {
	if size, ok := msg.(tea.WindowSizeMsg); ok && p.fit(size.Height) != p.rows {
		p.rows = p.fit(size.Height)
		return p.load(p.skip)
	}
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil
	}
	if name := press.String(); name == "esc" || name == "q" {
		return p.s.back(p)
	}
	if p.past == nil {
		return nil
	}
	last := max(0, p.past.Total-p.rows)
	switch press.String() {
	case "up", "k":
		if p.at > 0 {
			p.at--
		} else if p.skip > 0 {
			return p.load(p.skip - 1)
		}
	case "down", "j":
		if p.at < len(p.past.Rows)-1 {
			p.at++
		} else if p.skip < last {
			return p.load(p.skip + 1)
		}
	case "pgup":
		p.at = 0
		return p.load(p.skip - p.rows)
	case "pgdown", "space":
		p.at = 0
		return p.load(min(last, p.skip+p.rows))
	case "home":
		p.at = 0
		return p.load(0)
	case "end":
		p.at = p.rows - 1
		return p.load(last)
	}
	return nil
}

// feeWidth is how wide the terminal must be for a column of fees. Policy.
const feeWidth = 100

func (p *historyPage) body(width, _ int) (string, *tea.Cursor) {
	switch {
	case p.err != nil:
		return problem(p.err.Error(), width), nil
	case p.past == nil:
		return "  …", nil
	case p.past.Total == 0:
		return "  Nothing yet. It receives at " + p.row.Address + ".", nil
	}
	pick := Pick{Head: []string{"Conf", "When", "", "With", "Amount"}, Right: []bool{true, false, false, false, true}, Shrink: []int{3}}
	if width >= feeWidth {
		pick.Head, pick.Right = append(pick.Head, "Fee"), append(pick.Right, true)
	}
	pick.Head, pick.Right = append(pick.Head, "Balance"), append(pick.Right, true)
	for _, r := range p.past.Rows {
		cells := []string{r.Confirmations, r.When, r.Direction, r.who(), r.Amount}
		if width >= feeWidth {
			cells = append(cells, r.Fee)
		}
		pick.Choices = append(pick.Choices, Choice{Cells: append(cells, r.Balance)})
	}
	list := newPicker(pick)
	list.resize(width, p.rows)
	list.cursor = p.at
	var b strings.Builder
	b.WriteString(list.rows())
	for i := len(p.past.Rows); i < p.rows; i++ {
		b.WriteString("\n")
	}
	b.WriteString(faintStyle.Render(fmt.Sprintf("  %s to %s of %s", Thousands(int64(p.skip+1)),
		Thousands(int64(p.skip+len(p.past.Rows))), Thousands(int64(p.past.Total)))) + "\n\n")
	if p.at < len(p.past.Rows) {
		r := p.past.Rows[p.at]
		b.WriteString(pairLines([][2]string{
			{"Transaction", r.TxID}, {"Address", r.Address}, {"Label", r.Label}, {"Fee", r.Fee}, {"Note", r.Note},
		}, width))
	}
	return b.String(), nil
}

// who is the other side as a row shows it.
func (r PastRow) who() string {
	switch {
	case r.Label != "" && r.With != "" && r.With != r.Address:
		return Clean(r.With + " · " + r.Label)
	case r.Label != "":
		return Clean(r.Label)
	}
	return Clean(r.With)
}
