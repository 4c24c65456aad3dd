//go:build !race

package trial_test

// How many seeds are played.
const (
	usualSeeds   = 1000
	historySeeds = 8
)
