package console

import (
	"regexp"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
)

// TestQRDrawings: what is drawn, read back module by module, is the code.
func TestQRDrawings(t *testing.T) {
	for _, text := range []string{"a", "bitcoin:bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde?amount=1.5&label=Lunch", strings.Repeat("x", 2000)} {
		q, err := NewQR(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, quiet := range []int{1, 2, 4} {
			blocks := strings.Split(strings.TrimSuffix(q.Blocks(quiet, false), "\n"), "\n")
			ascii := strings.Split(strings.TrimSuffix(q.ASCII(quiet), "\n"), "\n")
			side := q.Size() + 2*quiet
			if len(blocks) != (side+1)/2 || len(ascii) != side || lipgloss.Width(blocks[0]) != side || len(ascii[0]) != 2*side {
				t.Fatalf("%d lines of blocks, %d of ASCII for %d modules", len(blocks), len(ascii), side)
			}
			for y := range side {
				for x := range side {
					dark := q.Dark(x-quiet, y-quiet)
					upper := y%2 == 0
					c := []rune(blocks[y/2])[x]
					light := c == '█' || upper && c == '▀' || !upper && c == '▄'
					if light == dark || (ascii[y][2*x] == '#') == dark || ascii[y][2*x] != ascii[y][2*x+1] {
						t.Fatalf("module %d,%d is dark %v: %c %c", x, y, dark, c, ascii[y][2*x])
					}
				}
			}
		}
		if colored := escapes.ReplaceAllString(regexp.MustCompile("\x1b\\[m").ReplaceAllString(q.Blocks(2, true), ""), ""); colored != q.Blocks(2, false) {
			t.Error("with colour other blocks are drawn")
		}
		n := 0
		for y := range q.Size() {
			for x := range q.Size() {
				if q.Dark(x, y) && !q.Dark(x-1, y) {
					n++
				}
			}
		}
		if got := strings.Count(q.SVG(), "v1h-"); got != n {
			t.Errorf("%d bars in the picture, %d in the code", got, n)
		}
	}
	if _, err := NewQR(strings.Repeat("x", 3000)); err == nil {
		t.Error("a text that is too long was drawn")
	}
}
