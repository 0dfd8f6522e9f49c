package config

import (
	"maps"
	"slices"
	"strings"
)

// hint follows an unknown key in a message: the key that was probably meant, or the keys there are.
func hint(key string, fields map[string]int) string {
	known := slices.Sorted(maps.Keys(fields))
	best, distance := "", 3
	for _, name := range known {
		if d := editDistance(key, name); d < distance {
			best, distance = name, d
		}
	}
	if best != "" {
		return ": did you mean " + best + "?"
	}
	return "; known here: " + strings.Join(known, ", ")
}

// editDistance is the number of single character changes between two words (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
