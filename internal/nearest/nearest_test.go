package nearest

import (
	"slices"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"", "abc", 3},
		{"same", "same", 0},
		{"abandon", "abandn", 1},
		{"abandon", "abbandon", 1},
		{"abandon", "abondon", 1},
		{"abandon", "abadnon", 1},
		{"ca", "abc", 3},
		{"kitten", "sitting", 3},
		{"あい", "いあ", 1},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := Distance(c.b, c.a); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	list := []string{"zoo", "about", "abandon", "band", "x"}
	if got := Words("abandno", list, 2); !slices.Equal(got, []string{"abandon", "band"}) {
		t.Errorf("got %q", got)
	}
	if got := Words("y", list, 3); len(got) != 0 {
		t.Errorf("a word with no letter in common is no help: %q", got)
	}
	if got := Words("zoo", list, 0); len(got) != 0 {
		t.Errorf("asked for none, got %q", got)
	}
	if got := Words("bout", list, 1); !slices.Equal(got, []string{"about"}) {
		t.Errorf("got %q", got)
	}
}
