package console

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// maxQuiet is the margin that a QR code is to have, in modules (ISO 18004);
// readers do with less, so a small screen gets less.
const maxQuiet = 4

// QR is a drawing of a text that a camera reads.
type QR struct{ code *qr.Code }

// NewQR returns the code of a text, of the lowest level of redundancy: a screen
// has no scratches, and a small code fits on it. A text over about 2,900 bytes
// has none.
func NewQR(text string) (*QR, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, fmt.Errorf("drawing a QR code: %w", err)
	}
	return &QR{code}, nil
}

// Size returns the modules on a side, without a margin.
func (q *QR) Size() int { return q.code.Size }

// Dark says whether a module is; outside the code none is.
func (q *QR) Dark(x, y int) bool { return q.code.Black(x, y) }

// quietFor is the widest margin with which the code fits, -1 when none does.
func (q *QR) quietFor(width, height int) int {
	for quiet := maxQuiet; quiet >= 1; quiet-- {
		side := q.Size() + 2*quiet
		if side <= width && (side+1)/2 <= height {
			return quiet
		}
	}
	return -1
}

// Blocks draws the code with half blocks, two modules a character. The light
// modules are drawn, as on a terminal the background is the dark; with colour
// black and white are named and the terminal's own do not matter.
func (q *QR) Blocks(quiet int, color bool) string {
	var b strings.Builder
	for y := -quiet; y < q.Size()+quiet; y += 2 {
		if color {
			b.WriteString("\x1b[38;5;231;48;5;16m")
		}
		for x := -quiet; x < q.Size()+quiet; x++ {
			upper, lower := !q.Dark(x, y), !q.Dark(x, y+1) && y+1 < q.Size()+quiet
			switch {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		if color {
			b.WriteString("\x1b[m")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// ASCII draws the code with two characters a module, the light ones as ##.
func (q *QR) ASCII(quiet int) string {
	var b strings.Builder
	for y := -quiet; y < q.Size()+quiet; y++ {
		for x := -quiet; x < q.Size()+quiet; x++ {
			if q.Dark(x, y) {
				b.WriteString("  ")
			} else {
				b.WriteString("##")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// SVG draws the code as a picture for a page, black on white.
func (q *QR) SVG() string {
	var b strings.Builder
	side := q.Size() + 2*maxQuiet
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, side, side)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side)
	for y := range q.Size() {
		for x := 0; x < q.Size(); x++ {
			n := 0
			for q.Dark(x+n, y) {
				n++
			}
			if n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+maxQuiet, y+maxQuiet, n, n)
				x += n
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String()
}

// QR prints the code of a text as a result, or says why there is none.
func (s *Screen) QR(text string) {
	q, err := NewQR(text)
	switch {
	case err != nil:
		s.Notef("%s\n", err)
	default:
		room := 0
		if s.OutIsTerminal() {
			room = s.Width()
		}
		s.Printf("%s", q.draw(room, s.ASCII, s.Plain, s.Color))
	}
}

// draw returns the code as it fits into a number of columns, 0 for any: in ASCII
// where only that can be shown, or where plain is asked for and there is room;
// else with half blocks. Where it does not fit, it is a line that says so.
func (q *QR) draw(room int, ascii, plain, color bool) string {
	for quiet := maxQuiet; quiet >= 1; quiet-- {
		side := q.Size() + 2*quiet
		switch {
		case (ascii || plain) && (room == 0 || 2*side <= room):
			return q.ASCII(quiet)
		case !ascii && !plain && (room == 0 || side <= room):
			return q.Blocks(quiet, color)
		}
	}
	least := q.Size() + 2
	switch {
	case plain && !ascii:
		return q.draw(room, false, false, false)
	case ascii:
		least *= 2
	}
	return fold(fmt.Sprintf("No room for the QR code: it takes %s. The link above says the same; a shorter label makes the code smaller.", Count(least, "column")), room, "\n") + "\n"
}
