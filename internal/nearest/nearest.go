// Package nearest finds the words that somebody who mistyped probably meant. It
// knows nothing of what the words are for.
package nearest

import (
	"cmp"
	"slices"
)

// Distance returns the number of single-letter insertions, deletions,
// replacements and swaps of neighbours that turn a into b (the optimal string
// alignment distance), counted in runes.
func Distance(a, b string) int {
	return distance([]rune(a), []rune(b))
}

func distance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row = above, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := above[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(above[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// Words returns at most n words of list that are near to word, the nearest
// first; among equals the one that shares the longer beginning, then the one
// that stands first in list. Words at a distance over 3, or that would change
// every letter, are left out.
func Words(word string, list []string, n int) []string {
	type candidate struct {
		word             string
		distance, common int
	}
	letters := []rune(word)
	var found []candidate
	for _, w := range list {
		other := []rune(w)
		if d := len(letters) - len(other); d > 3 || d < -3 {
			continue
		}
		d := distance(letters, other)
		if d > 3 || d >= max(len(letters), len(other)) {
			continue
		}
		common := 0
		for common < len(letters) && common < len(other) && letters[common] == other[common] {
			common++
		}
		found = append(found, candidate{w, d, common})
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(b.common, a.common))
	})
	words := make([]string, 0, min(n, len(found)))
	for _, c := range found[:cap(words)] {
		words = append(words, c.word)
	}
	return words
}
