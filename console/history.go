package console

import (
	"os"
	"slices"
	"strings"
)

// maxHistory is how many lines are remembered. Policy.
const maxHistory = 500

// history is the lines typed before, newest last, kept in a file. It
// implements term.History. Only what the shell keeps gets in: the terminal's
// own additions are ignored, because it cannot tell a secret.
type history struct {
	file  string
	lines []string
}

func newHistory(file string) *history {
	h := &history{file: file}
	if file == "" {
		return h
	}
	if b, err := os.ReadFile(file); err == nil {
		h.lines = slices.DeleteFunc(strings.Split(string(b), "\n"), func(line string) bool { return line == "" })
		h.lines = h.lines[max(0, len(h.lines)-maxHistory):]
	}
	return h
}

// Add implements term.History.
func (h *history) Add(string) {}

// Len implements term.History.
func (h *history) Len() int { return len(h.lines) }

// At implements term.History: 0 is the newest.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }

// keep remembers a line. A history that cannot be written is no reason to
// bother anyone.
func (h *history) keep(line string) {
	if n := len(h.lines); n > 0 && h.lines[n-1] == line {
		return
	}
	h.lines = append(h.lines, Clean(line))
	h.lines = h.lines[max(0, len(h.lines)-maxHistory):]
	if h.file != "" {
		_ = os.WriteFile(h.file, []byte(strings.Join(h.lines, "\n")+"\n"), 0o600)
	}
}
