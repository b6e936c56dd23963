package console

import (
	"bufio"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

// Table is rows under a heading. Columns named in Right are aligned to the
// right, as amounts and numbers are.
type Table struct {
	Head  []string
	Right []bool
	Rows  [][]string
	// Foot is a last row of sums, or empty.
	Foot []string
	// Shrink are columns of addresses and hashes. On a terminal that is too
	// narrow they are cut in their middle, the widest first.
	Shrink []int
	// Drop are columns that are left out where that is not enough, the first one
	// first. What was left out is said.
	Drop []int
}

// dropped returns the columns that must be left out, so that the others fit into
// room columns with those of Shrink as narrow as they get.
func (t *Table) dropped(widths []int, room int) []int {
	need := -2
	for i, width := range widths {
		if slices.Contains(t.Shrink, i) {
			width = min(width, leastColumn)
		}
		need += width + 2
	}
	for n, i := range t.Drop {
		if need <= room {
			return t.Drop[:n]
		}
		width := widths[i]
		if slices.Contains(t.Shrink, i) {
			width = min(width, leastColumn)
		}
		need -= width + 2
	}
	return t.Drop
}

// without returns the table without some of its columns, and their names.
func (t *Table) without(columns []int) (left Table, names []string) {
	if len(columns) == 0 {
		return *t, nil
	}
	at := make([]int, len(t.Head)) // where a column goes
	n := 0
	for i := range t.Head {
		if at[i] = n; slices.Contains(columns, i) {
			at[i] = -1
			names = append(names, t.Head[i])
			continue
		}
		n++
	}
	keep := func(row []string) []string {
		var kept []string
		for i, cell := range row {
			if at[i] >= 0 {
				kept = append(kept, cell)
			}
		}
		return kept
	}
	left = Table{Head: keep(t.Head), Foot: keep(t.Foot)}
	for i := range t.Head {
		if at[i] >= 0 {
			left.Right = append(left.Right, i < len(t.Right) && t.Right[i])
		}
	}
	for _, row := range t.Rows {
		left.Rows = append(left.Rows, keep(row))
	}
	for _, i := range t.Shrink {
		if at[i] >= 0 {
			left.Shrink = append(left.Shrink, at[i])
		}
	}
	return left, names
}

// leastColumn is how far a column shrinks. Policy.
const leastColumn = 9

// fit narrows the columns that may shrink until a row has at most room columns.
func (t *Table) fit(widths []int, room int) {
	over := 2*(len(widths)-1) - room
	for _, width := range widths {
		over += width
	}
	for ; over > 0; over-- {
		widest := -1
		for _, i := range t.Shrink {
			if widths[i] > leastColumn && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

var (
	headStyle  = lipgloss.NewStyle().Faint(true)
	boldStyle  = lipgloss.NewStyle().Bold(true)
	faintStyle = lipgloss.NewStyle().Faint(true)
	warnStyle  = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
	markStyle  = lipgloss.NewStyle().Foreground(lipgloss.Color("6"))
)

// Table prints t with two spaces between columns. Widths are those of the
// characters as shown, so that names in any script line up.
func (s *Screen) Table(t Table) {
	room := 0
	if s.OutIsTerminal() {
		room = s.Width()
	}
	s.tableIn(t, room)
}

// widths are those that the columns would like to have.
func (t *Table) widths() []int {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head, t.Foot}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	return widths
}

// tableIn prints t into a number of columns, 0 for as many as it takes.
func (s *Screen) tableIn(t Table, room int) {
	widths := t.widths()
	var lacks []string
	if room > 0 {
		t, lacks = t.without(t.dropped(widths, room))
		widths = t.widths()
		t.fit(widths, room)
	}
	out := bufio.NewWriter(s.Out)
	defer out.Flush()
	line := func(row []string) string {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			if slices.Contains(t.Shrink, i) {
				cell = cut(cell, widths[i])
			}
			pad := strings.Repeat(" ", max(0, widths[i]-lipgloss.Width(cell)))
			switch {
			case i < len(t.Right) && t.Right[i]:
				b.WriteString(pad + cell)
			default:
				b.WriteString(cell + pad)
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	out.WriteString(s.style(headStyle, line(t.Head)) + "\n")
	for _, row := range t.Rows {
		out.WriteString(line(row) + "\n")
	}
	if len(t.Foot) > 0 {
		out.WriteString(s.Bold(line(t.Foot)) + "\n")
	}
	if len(lacks) > 0 {
		out.WriteString(s.Faint(fold("No room for: "+List(lacks)+". A wider terminal shows it.", room, "\n")) + "\n")
	}
}

// Fields prints pairs of a label and a value, the values under each other. A
// pair whose value is empty is left out. On a terminal long values are folded.
func (s *Screen) Fields(pairs ...[2]string) {
	width := 0
	for _, pair := range pairs {
		if pair[1] != "" {
			width = max(width, lipgloss.Width(pair[0]))
		}
	}
	for _, pair := range pairs {
		if pair[1] != "" {
			s.Printf("%s%s  %s\n", s.Faint(pair[0]), strings.Repeat(" ", width-lipgloss.Width(pair[0])), s.Fold(pair[1], width+2))
		}
	}
}

// Fold breaks text between words where it is wider than the terminal, and
// indents what follows. Elsewhere than on a terminal it stays as it is.
func (s *Screen) Fold(text string, indent int) string {
	if !s.OutIsTerminal() {
		return text
	}
	return fold(text, s.Width()-indent, "\n"+strings.Repeat(" ", indent))
}

// Wrap breaks text between words so that no line is wider than width, if the
// words let it.
func Wrap(text string, width int) string { return fold(text, width, "\n") }

// fold puts lineBreak in place of spaces so that no line is wider than width, if
// the words let it.
func fold(text string, width int, lineBreak string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " ") {
		wide := lipgloss.Width(word)
		switch {
		case i == 0:
		case column+1+wide > width && column > 0:
			b.WriteString(lineBreak)
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += wide
	}
	return b.String()
}

// Bold returns text in bold where Out shows it.
func (s *Screen) Bold(text string) string { return s.style(boldStyle, text) }

// Faint returns text that steps back where Out shows it.
func (s *Screen) Faint(text string) string { return s.style(faintStyle, text) }

// Warn returns text in the colour of warnings where Out shows it.
func (s *Screen) Warn(text string) string { return s.style(warnStyle, text) }

func (s *Screen) style(style lipgloss.Style, text string) string {
	if !s.Color {
		return text
	}
	return style.Render(text)
}
