package trial_test

import (
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/trial"
)

var (
	oneSeed = flag.Uint64("seed", 0, "play only this seed, and show its transcript")
	seeds   = flag.Int("seeds", 1000, "how many seeds TestSeeds plays")
	first   = flag.Uint64("first", 1, "the first of them")
)

// play plays a seed in a bubble of its own.
func play(t *testing.T, seed uint64) trial.Result {
	t.Helper()
	var r trial.Result
	synctest.Test(t, func(*testing.T) { r = trial.Play(seed) })
	return r
}

func report(t *testing.T, r trial.Result) {
	t.Helper()
	if r.Violation != "" {
		t.Errorf("seed %d: %s\n%s\nreplay: go test ./internal/trial -run 'TestSeeds$' -seed %d", r.Seed, r.Violation, r.Transcript, r.Seed)
	}
}

func TestSeeds(t *testing.T) {
	if *oneSeed != 0 {
		r := play(t, *oneSeed)
		if r.Violation != "" {
			t.Error(r.Violation)
		}
		t.Logf("%s\nlasted %s, %d calls, in order after %s, %s", r.Transcript, r.Lasted, r.Calls, r.Healed, r.Digest)
		return
	}
	began := time.Now()
	var next atomic.Uint64
	var lasted, calls, writes, moves atomic.Int64
	next.Store(*first - 1)
	for n := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprintf("worker-%d", n), func(t *testing.T) {
			t.Parallel()
			for !t.Failed() {
				seed := next.Add(1)
				if seed >= *first+uint64(*seeds) {
					return
				}
				r := play(t, seed)
				report(t, r)
				lasted.Add(int64(r.Lasted))
				calls.Add(int64(r.Calls))
				writes.Add(int64(r.Writes))
				moves.Add(int64(r.Moves))
			}
		})
	}
	t.Cleanup(func() {
		hours := time.Duration(lasted.Load()).Hours()
		t.Logf("%d seeds, %.1f simulated hours in %s: %.2f hours a second; %d calls, %d table writes, %d moves",
			*seeds, hours, time.Since(began).Round(time.Millisecond), hours/time.Since(began).Seconds(), calls.Load(), writes.Load(), moves.Load())
	})
}

func TestDigests(t *testing.T) {
	if *oneSeed != 0 {
		for range *seeds {
			t.Logf("DIGEST %s", play(t, *oneSeed).Digest)
		}
		return
	}
	for s := range *seeds {
		r := play(t, uint64(s)+*first)
		t.Logf("DIGEST %d %s", r.Seed, r.Digest[:16])
	}
}
