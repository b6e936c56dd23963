package console

import (
	"bufio"
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
	widths := make([]int, len(t.Head))
	measure := func(row []string) {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	measure(t.Head)
	measure(t.Foot)
	for _, row := range t.Rows {
		measure(row)
	}
	out := bufio.NewWriter(s.Out)
	defer out.Flush()
	line := func(row []string) string {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[i]-lipgloss.Width(cell))
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
}

// Fields prints pairs of a label and a value, the values under each other. A
// pair whose value is empty is left out.
func (s *Screen) Fields(pairs ...[2]string) {
	width := 0
	for _, pair := range pairs {
		if pair[1] != "" {
			width = max(width, lipgloss.Width(pair[0]))
		}
	}
	for _, pair := range pairs {
		if pair[1] != "" {
			s.Printf("%s%s  %s\n", s.Faint(pair[0]), strings.Repeat(" ", width-lipgloss.Width(pair[0])), pair[1])
		}
	}
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
