package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// Choice is one row of a list to pick from.
type Choice struct {
	Number int      // as printed elsewhere; typing it finds the row
	Name   string   // finds the row, and so does a part of it
	Key    string   // another text that finds it, such as an address
	Cells  []string // what the row shows; nothing is looked for here
}

// Pick is a list to pick from.
type Pick struct {
	Title   string
	Head    []string // over Cells
	Right   []bool   // columns aligned to the right
	Shrink  []int    // columns that are cut where the terminal is too narrow, the widest first
	Choices []Choice
	Note    string // a sentence under the list, or none
	// Other judges a text that names no row: whether it is an answer too, and
	// what to say of it, if anything. Nil: only rows are.
	Other func(text string) (hint string, ok bool)
}

// other is what Other says.
func (p *Pick) other(text string) (hint string, ok bool) {
	if p.Other == nil || text == "" {
		return "", false
	}
	return p.Other(text)
}

// Picked is what was chosen: a row, or another text that Pick.Other takes.
type Picked struct {
	Row  int // index of Choices; -1 for Text
	Text string
}

// pickRows is how many rows of a list are shown at once, if the terminal is
// high enough. Policy.
const pickRows = 12

// Pick lets the person choose one row. On a terminal the list is filtered as
// the person types; a plain screen numbers it. It returns ErrNoTerminal where
// nobody can be asked and ErrCancelled after Esc or Ctrl-C, with the terminal as
// it was.
func (s *Screen) Pick(ctx context.Context, p Pick) (Picked, error) {
	switch {
	case !s.Interactive:
		return Picked{}, ErrNoTerminal
	case len(p.Choices) == 0:
		return Picked{}, errors.New("there is nothing to choose from")
	case s.Plain:
		return s.pickPlain(ctx, p)
	}
	model, err := tea.NewProgram(newPicker(p), tea.WithContext(ctx),
		tea.WithInput(s.In), tea.WithOutput(s.Err), tea.WithoutSignalHandler()).Run()
	if err != nil && ctx.Err() == nil {
		return Picked{}, fmt.Errorf("showing the list: %w", err)
	}
	m, ok := model.(*picker)
	if !ok || m.chosen == nil {
		return Picked{}, ErrCancelled
	}
	return *m.chosen, nil
}

// pickPlain prints the list with numbers, a page at a time, and asks for one: by
// its number, or by a name or a part of one. A part that several have lists them.
func (s *Screen) pickPlain(ctx context.Context, p Pick) (Picked, error) {
	list := newPicker(p)
	list.resize(s.Width(), pickRows)
	s.Notef("%s\n", p.Title)
	left := s.pagePlain(list, list.shown)
	if p.Note != "" {
		s.Notef("%s\n", p.Note)
	}
	for {
		prompt := "Number or name: "
		if len(left) > 0 {
			prompt = "Number, name or part of one; n for more: "
		}
		answer, err := s.Ask(ctx, prompt)
		if err != nil {
			return Picked{}, err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			continue
		}
		rows, why := p.named(answer)
		if len(rows) == 1 && (len(left) == 0 || !isMore(answer) || strings.EqualFold(p.Choices[rows[0]].Name, answer)) {
			return Picked{Row: rows[0]}, nil
		}
		if len(left) > 0 && isMore(answer) {
			left = s.pagePlain(list, left)
			continue
		}
		hint, ok := p.other(answer)
		if ok {
			return Picked{Row: -1, Text: answer}, nil
		}
		if len(rows) > 1 {
			s.Notef("%s:\n", why)
			left = s.pagePlain(list, rows)
			continue
		}
		s.Notef("%s. Try another, or leave with Ctrl-C.\n", cmp.Or(hint, why))
	}
}

// isMore says whether an answer asks for the next page.
func isMore(answer string) bool { return strings.EqualFold(answer, "n") }

// pagePlain prints the next rows of a list and returns those after them. A few
// more than a page are no page of their own.
func (s *Screen) pagePlain(list *picker, rows []int) (left []int) {
	n := len(rows)
	if n > pickRows+3 {
		n = pickRows
	}
	s.Notef("  %s\n", list.line(list.Head))
	for _, row := range rows[:n] {
		s.Notef("  %s\n", list.line(list.Choices[row].Cells))
	}
	if left = rows[n:]; len(left) > 0 {
		s.Notef("  … and %s more\n", Thousands(int64(len(left))))
	}
	return left
}

// named returns the rows that a typed answer names: by its number, its whole name
// or key, or a part of the name, at its beginning rather than within. Where it is
// not one, why says so.
func (p *Pick) named(answer string) (rows []int, why string) {
	if _, err := strconv.Atoi(answer); err == nil {
		row := slices.IndexFunc(p.Choices, func(c Choice) bool { return strconv.Itoa(c.Number) == answer })
		if row < 0 {
			return nil, "Nothing has the number " + answer
		}
		return []int{row}, ""
	}
	want := strings.ToLower(answer)
	for _, fits := range []func(c Choice) bool{
		func(c Choice) bool { return strings.EqualFold(c.Name, answer) || strings.EqualFold(c.Key, answer) },
		func(c Choice) bool { return strings.HasPrefix(strings.ToLower(c.Name), want) },
		func(c Choice) bool { return strings.Contains(strings.ToLower(c.Name), want) },
	} {
		for i, c := range p.Choices {
			if fits(c) {
				rows = append(rows, i)
			}
		}
		switch {
		case len(rows) == 1:
			return rows, ""
		case len(rows) > 1:
			return rows, fmt.Sprintf("%s names fit %q", Thousands(int64(len(rows))), Clean(answer))
		}
	}
	return nil, fmt.Sprintf("No name fits %q", Clean(answer))
}

// picker is the model of the list: a filter, the rows that pass it, and the
// row under the cursor.
type picker struct {
	Pick
	keys   []string // of Choices, as they are looked for
	names  []string
	full   []int // widths of the columns
	widths []int // and as they fit
	filter string
	shown  []int // indexes of Choices, in order
	cursor int   // into shown
	top    int   // first visible row of shown
	height int   // rows that fit
	width  int   // of the terminal, 0 while unknown
	chosen *Picked
	done   bool
}

func newPicker(p Pick) *picker {
	m := &picker{
		Pick: p, height: pickRows, full: make([]int, len(p.Head)),
		keys: make([]string, len(p.Choices)), names: make([]string, len(p.Choices)),
	}
	measure := func(cells []string) {
		for i, cell := range cells {
			m.full[i] = max(m.full[i], lipgloss.Width(cell))
		}
	}
	measure(p.Head)
	for i, choice := range p.Choices {
		measure(choice.Cells)
		m.keys[i], m.names[i] = strings.ToLower(choice.Key), strings.ToLower(choice.Name)
	}
	m.widths = m.full
	m.setFilter("")
	return m
}

// resize fits the list into a number of columns and of rows.
func (m *picker) resize(width, rows int) {
	m.width, m.height = width, max(1, rows)
	m.widths = slices.Clone(m.full)
	t := Table{Shrink: m.Shrink}
	t.fit(m.widths, width-3)
	m.move(0)
}

// setFilter shows the rows that a text may mean. One whose number or name is
// exactly that comes first, so that a number and Enter are enough.
func (m *picker) setFilter(text string) {
	m.filter, m.cursor, m.top = text, 0, 0
	m.shown = m.shown[:0]
	want := strings.ToLower(strings.TrimSpace(text))
	first := -1
	for i, choice := range m.Choices {
		number := strconv.Itoa(choice.Number)
		if !strings.HasPrefix(number, want) && !strings.Contains(m.names[i], want) &&
			(len(want) < keyPart || !strings.Contains(m.keys[i], want)) {
			continue
		}
		if first < 0 && (number == want || m.names[i] == want) {
			first = len(m.shown)
		}
		m.shown = append(m.shown, i)
	}
	if first > 0 {
		row := m.shown[first]
		m.shown = slices.Insert(slices.Delete(m.shown, first, first+1), 0, row)
	}
}

// keyPart is how much of a key must be typed for it to be looked at: less is in
// too many of them. Policy.
const keyPart = 4

// Init implements tea.Model.
func (m *picker) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *picker) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, min(pickRows, msg.Height-5-len(noteLines(m.Note, msg.Width))))
	case tea.PasteMsg:
		m.setFilter(m.filter + Clean(strings.TrimSpace(msg.Content)))
	case tea.KeyPressMsg:
		return m, m.key(msg)
	}
	return m, nil
}

func (m *picker) key(msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "esc", "ctrl+c":
		m.done = true
		return tea.Quit
	case "enter":
		if len(m.shown) > 0 {
			m.chosen = &Picked{Row: m.shown[m.cursor]}
		} else if text := strings.TrimSpace(m.filter); m.takes(text) {
			m.chosen = &Picked{Row: -1, Text: text}
		}
		if m.chosen != nil {
			m.done = true
			return tea.Quit
		}
	case "up", "ctrl+p", "shift+tab":
		m.move(-1)
	case "down", "ctrl+n", "tab":
		m.move(1)
	case "pgup":
		m.move(-m.height)
	case "pgdown":
		m.move(m.height)
	case "home":
		m.move(-len(m.shown))
	case "end":
		m.move(len(m.shown))
	case "ctrl+u":
		m.setFilter("")
	case "backspace":
		if r := []rune(m.filter); len(r) > 0 {
			m.setFilter(string(r[:len(r)-1]))
		}
	default:
		if msg.Text != "" {
			m.setFilter(m.filter + msg.Text)
		}
	}
	return nil
}

func (m *picker) move(by int) {
	m.cursor = max(0, min(len(m.shown)-1, m.cursor+by))
	m.top = max(0, min(m.top, m.cursor))
	m.top = max(m.top, m.cursor-m.height+1)
}

// takes says whether a text that names no row is an answer.
func (m *picker) takes(text string) bool {
	_, ok := m.other(text)
	return ok
}

func (m *picker) line(cells []string) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		if slices.Contains(m.Shrink, i) {
			cell = cut(cell, m.widths[i])
		}
		pad := strings.Repeat(" ", max(0, m.widths[i]-lipgloss.Width(cell)))
		if i < len(m.Right) && m.Right[i] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// View implements tea.Model. Once a row is chosen it is empty, so that the
// list leaves nothing behind.
func (m *picker) View() tea.View {
	if m.done {
		return tea.NewView("")
	}
	text := boldStyle.Render(m.Title) + "  " + m.filter + "\n" + m.rows() +
		faintStyle.Render(fmt.Sprintf("  %s of %s · type to filter, arrows, Enter · Esc leaves",
			Thousands(int64(len(m.shown))), Thousands(int64(len(m.Choices)))))
	for _, line := range noteLines(m.Note, m.width) {
		text += "\n" + faintStyle.Render(line)
	}
	v := tea.NewView(text)
	v.Cursor = tea.NewCursor(lipgloss.Width(m.Title)+2+lipgloss.Width(m.filter), 0)
	return v
}

// noteLines folds a note that stands under a list; width is 0 while unknown.
func noteLines(note string, width int) []string {
	if note == "" {
		return nil
	}
	return strings.Split("  "+fold(note, cmp.Or(width, 80)-2, "\n  "), "\n")
}

// rows draws the heading and the rows that are seen.
func (m *picker) rows() string {
	var b strings.Builder
	b.WriteString(headStyle.Render("  "+m.line(m.Head)) + "\n")
	for at := m.top; at < min(len(m.shown), m.top+m.height); at++ {
		line := m.line(m.Choices[m.shown[at]].Cells)
		if at == m.cursor {
			b.WriteString(markStyle.Render("> "+line) + "\n")
		} else {
			b.WriteString("  " + line + "\n")
		}
	}
	if len(m.shown) == 0 {
		hint, _ := m.other(strings.TrimSpace(m.filter))
		b.WriteString("  " + fold(cmp.Or(Clean(hint), "nothing has that in it"), cmp.Or(m.width, 80)-2, "\n  ") + "\n")
	}
	return b.String()
}
