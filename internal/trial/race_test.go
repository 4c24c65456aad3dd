//go:build race

package trial_test

// Under the race detector everything takes ten times as long.
const (
	usualSeeds   = 60
	historySeeds = 2
)
