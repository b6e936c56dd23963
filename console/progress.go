package console

import (
	"fmt"
	"strings"
	"time"
)

// Progress shows how far long work has come: a bar that is redrawn on a
// terminal, nothing elsewhere. It belongs to one goroutine.
type Progress struct {
	screen *Screen
	title  string
	start  time.Time
	shown  bool
}

// Progress begins to show work; now is the time of its start.
func (s *Screen) Progress(title string, now time.Time) *Progress {
	return &Progress{screen: s, title: title, start: now}
}

// Show draws done of total units; total is 0 while it is unknown.
func (p *Progress) Show(done, total int64, unit string, now time.Time) {
	if !p.screen.ErrIsTerminal() || p.screen.Plain {
		return
	}
	line := progressLine(p.title, done, total, unit, now.Sub(p.start))
	if width := p.screen.Width(); len([]rune(line)) >= width {
		line = string([]rune(line)[:width-1])
	}
	p.screen.Notef("\r\x1b[K%s", line)
	p.shown = true
}

// Clear removes the bar, so that what comes next stands alone.
func (p *Progress) Clear() {
	if p.shown {
		p.screen.Notef("\r\x1b[K")
		p.shown = false
	}
}

func progressLine(title string, done, total int64, unit string, spent time.Duration) string {
	if total <= 0 {
		return fmt.Sprintf("%s  %s", title, units(done, unit))
	}
	const cells = 24
	done = min(done, total)
	full := int(done * cells / total)
	sofar := units(done, "")
	if unit == "bytes" {
		sofar = units(done, unit)
	}
	line := fmt.Sprintf("%s  [%s%s] %3d%%  %s of %s", title, strings.Repeat("#", full), strings.Repeat("-", cells-full),
		done*100/total, sofar, units(total, unit))
	if spent > 2*time.Second && done > 0 && done < total {
		left := time.Duration(float64(spent) * float64(total-done) / float64(done))
		line += "  " + Duration(left) + " left"
	}
	return line
}

func units(n int64, unit string) string {
	if unit == "bytes" {
		return Size(n)
	}
	return strings.TrimSpace(Thousands(n) + " " + unit)
}
