package console

import (
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
	Cells  []string // what the row shows
	Search string   // text that finds the row, e.g. name and address
	Mark   string   // why the row is special, e.g. "sender"
}

// Pick is a list to pick from.
type Pick struct {
	Title   string
	Head    []string // over Cells
	Right   []bool   // columns aligned to the right
	Choices []Choice
}

// pickRows is how many rows of a list are shown at once, if the terminal is
// high enough. Policy.
const pickRows = 12

// Pick lets the person choose one row and returns its index. On a terminal
// the list is filtered as the person types; a plain screen numbers it. It
// returns ErrNoTerminal where nobody can be asked and ErrCancelled after Esc
// or Ctrl-C, with the terminal as it was.
func (s *Screen) Pick(ctx context.Context, p Pick) (int, error) {
	switch {
	case !s.Interactive:
		return 0, ErrNoTerminal
	case len(p.Choices) == 0:
		return 0, errors.New("there is nothing to choose from")
	case s.Plain:
		return s.pickPlain(ctx, p)
	}
	model, err := tea.NewProgram(newPicker(p), tea.WithContext(ctx),
		tea.WithInput(s.In), tea.WithOutput(s.Err), tea.WithoutSignalHandler()).Run()
	if err != nil && ctx.Err() == nil {
		return 0, fmt.Errorf("showing the list: %w", err)
	}
	chosen := -1
	if m, ok := model.(*picker); ok {
		chosen = m.chosen
	}
	if chosen < 0 {
		return 0, ErrCancelled
	}
	return chosen, nil
}

// pickPlain prints the list with numbers and asks for one, or for text that
// only one row has.
func (s *Screen) pickPlain(ctx context.Context, p Pick) (int, error) {
	list := newPicker(p)
	s.Notef("%s\n", p.Title)
	for i, choice := range p.Choices {
		if i == pickRows && len(p.Choices) > pickRows+3 {
			s.Notef("  … and %s more\n", Thousands(int64(len(p.Choices)-i)))
			break
		}
		s.Notef("  %s%s\n", list.row(i), mark(choice))
	}
	for {
		answer, err := s.Ask(ctx, "Number or name: ")
		if err != nil {
			return 0, err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			continue
		}
		list.setFilter(answer)
		if n := len(list.shown); n == 1 || n > 0 && list.exact(list.shown[0], answer) {
			return list.shown[0], nil
		}
		s.Notef("%s of the rows have %q in them. Try another, or leave with Ctrl-C.\n", Thousands(int64(len(list.shown))), answer)
	}
}

func mark(c Choice) string {
	if c.Mark == "" {
		return ""
	}
	return "  (" + c.Mark + ")"
}

// picker is the model of the list: a filter, the rows that pass it, and the
// row under the cursor.
type picker struct {
	Pick
	keys   []string // lower case, what the filter looks in
	widths []int
	filter string
	shown  []int // indexes of Choices, in order
	cursor int   // into shown
	top    int   // first visible row of shown
	height int   // rows that fit
	chosen int   // index of Choices, or -1
	done   bool
}

func newPicker(p Pick) *picker {
	m := &picker{Pick: p, height: pickRows, chosen: -1, keys: make([]string, len(p.Choices)), widths: make([]int, len(p.Head))}
	measure := func(cells []string) {
		for i, cell := range cells {
			m.widths[i] = max(m.widths[i], lipgloss.Width(cell))
		}
	}
	measure(p.Head)
	for i, choice := range p.Choices {
		m.keys[i] = strings.ToLower(strconv.Itoa(choice.Number) + " " + choice.Search)
		measure(choice.Cells)
	}
	m.setFilter("")
	return m
}

// setFilter shows the rows that have text in them. One whose number or first
// cell is exactly that comes first, so that a number and Enter are enough.
func (m *picker) setFilter(text string) {
	m.filter, m.cursor, m.top = text, 0, 0
	m.shown = m.shown[:0]
	want := strings.ToLower(strings.TrimSpace(text))
	first := -1
	for i, key := range m.keys {
		if !strings.Contains(key, want) {
			continue
		}
		if first < 0 && want != "" && m.exact(i, want) {
			first = len(m.shown)
		}
		m.shown = append(m.shown, i)
	}
	if first > 0 {
		row := m.shown[first]
		m.shown = slices.Insert(slices.Delete(m.shown, first, first+1), 0, row)
	}
}

func (m *picker) exact(i int, text string) bool {
	if strconv.Itoa(m.Choices[i].Number) == text {
		return true
	}
	return slices.ContainsFunc(m.Choices[i].Cells, func(cell string) bool { return strings.EqualFold(cell, text) })
}

// Init implements tea.Model.
func (m *picker) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *picker) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.height = max(1, min(pickRows, msg.Height-5))
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
			m.chosen, m.done = m.shown[m.cursor], true
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

func (m *picker) row(i int) string {
	return m.line(m.Choices[i].Cells)
}

func (m *picker) line(cells []string) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
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
	var b strings.Builder
	b.WriteString(boldStyle.Render(m.Title) + "  " + m.filter + "\n")
	b.WriteString(headStyle.Render("  "+m.line(m.Head)) + "\n")
	for at := m.top; at < min(len(m.shown), m.top+m.height); at++ {
		i := m.shown[at]
		line := m.row(i)
		if at == m.cursor {
			b.WriteString(markStyle.Render("> " + line))
		} else {
			b.WriteString("  " + line)
		}
		b.WriteString(faintStyle.Render(mark(m.Choices[i])) + "\n")
	}
	if len(m.shown) == 0 {
		b.WriteString("  nothing has that in it\n")
	}
	b.WriteString(faintStyle.Render(fmt.Sprintf("  %s of %s · type to filter, arrows, Enter · Esc leaves",
		Thousands(int64(len(m.shown))), Thousands(int64(len(m.Choices))))))
	v := tea.NewView(b.String())
	v.Cursor = tea.NewCursor(lipgloss.Width(m.Title)+2+lipgloss.Width(m.filter), 0)
	return v
}
