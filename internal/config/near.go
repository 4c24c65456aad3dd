package config

import "strings"

// nearest returns the word that the text was most probably meant to be, letter case aside, or "" when none is near.
func nearest(text string, words []string) string {
	best, least := "", len(text)/3+2
	for _, w := range words {
		if d := distance(strings.ToLower(text), strings.ToLower(w)); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their neighbour to make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	const most = 64 // longer texts are no misspelt words
	if len(x) > most || len(y) > most {
		return most
	}
	var older []int
	old := make([]int, len(y)+1)
	for j := range old {
		old[j] = j
	}
	for i := range x {
		row := make([]int, len(y)+1)
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(old[j+1]+1, row[j]+1, old[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
		older, old = old, row
	}
	return old[len(y)]
}

// orList joins words as "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// oneOf says which words are wanted, and which one was probably meant.
func oneOf(text string, words []string) string {
	want := orList(words)
	if n := nearest(text, words); text != "" && n != "" && len(words) > 1 {
		want += `; perhaps "` + n + `"`
	}
	return want
}
