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

// How much is played: see docs/simulation.md.
var (
	oneSeed   = flag.Uint64("seed", 0, "play only this seed, and show its transcript")
	seeds     = flag.Int("seeds", usualSeeds, "how many seeds TestSeeds plays")
	firstSeed = flag.Uint64("first", 1, "the first of them")
	soak      = flag.Duration("for", 0, "how long TestSeeds plays, whatever seeds says, from a first seed that nobody knows")
	histories = flag.Int("histories", historySeeds, "how many seeds TestOneSeedIsOneHistory plays")
	repeats   = flag.Int("repeats", 3, "how often TestOneSeedIsOneHistory plays each seed with each number of processors")
)

// play plays a seed in a bubble of its own.
func play(t *testing.T, seed uint64) trial.Result {
	t.Helper()
	var r trial.Result
	synctest.Test(t, func(*testing.T) { r = trial.Play(seed) })
	return r
}

// tally sums up what was played.
type tally struct {
	began                         time.Time
	played, lasted, calls, writes atomic.Int64
	moves, slowest                atomic.Int64
}

func (s *tally) add(r trial.Result) {
	s.played.Add(1)
	s.lasted.Add(int64(r.Lasted))
	s.calls.Add(int64(r.Calls))
	s.writes.Add(int64(r.Writes))
	s.moves.Add(int64(r.Moves))
	for !r.Unseen {
		was := s.slowest.Load()
		if int64(r.Healed) <= was || s.slowest.CompareAndSwap(was, int64(r.Healed)) {
			return
		}
	}
}

func (s *tally) String() string {
	hours, took := time.Duration(s.lasted.Load()).Hours(), time.Since(s.began)
	return fmt.Sprintf("%d seeds, %.1f simulated hours in %s: %.2f hours a second; %d calls, %d table writes, %d moves; in order after %s at the latest, but for unseen addresses",
		s.played.Load(), hours, took.Round(time.Millisecond), hours/took.Seconds(), s.calls.Load(), s.writes.Load(), s.moves.Load(),
		time.Duration(s.slowest.Load()).Round(time.Second))
}

// TestSeeds plays worlds in which anything goes wrong. What it looks at is in
// docs/simulation.md.
func TestSeeds(t *testing.T) {
	if *oneSeed != 0 {
		r := play(t, *oneSeed)
		t.Logf("%s\nlasted %s, %d calls, in order after %s, %s", r.Transcript, r.Lasted, r.Calls, r.Healed, r.Digest)
		if r.Violation != "" {
			t.Errorf("seed %d: %s", r.Seed, r.Violation)
		}
		return
	}
	from := *firstSeed
	if *soak > 0 && from == 1 {
		from = uint64(time.Now().UnixNano())
	}
	s := &tally{began: time.Now()}
	var next atomic.Uint64
	var stop atomic.Bool
	more := func() (uint64, bool) {
		n := next.Add(1) - 1
		if *soak > 0 {
			return from + n, time.Since(s.began) < *soak
		}
		return from + n, n < uint64(*seeds)
	}
	for n := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprintf("worker-%d", n), func(t *testing.T) {
			t.Parallel()
			for seed, ok := more(); ok && !stop.Load(); seed, ok = more() {
				r := play(t, seed)
				s.add(r)
				if r.Violation != "" {
					stop.Store(true)
					t.Errorf("seed %d: %s\n%s\nreplay: go test ./internal/trial -run 'TestSeeds$' -seed %d", r.Seed, r.Violation, r.Transcript, r.Seed)
				}
			}
		})
	}
	t.Cleanup(func() { t.Log(s) })
}

// TestOneSeedIsOneHistory plays seeds again and again: nothing but the seed may have
// an effect on what happens.
func TestOneSeedIsOneHistory(t *testing.T) {
	first := map[uint64]trial.Result{}
	for _, processors := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("processors-%d", processors), func(t *testing.T) {
			before := runtime.GOMAXPROCS(processors)
			t.Cleanup(func() { runtime.GOMAXPROCS(before) })
			for n := range *repeats * *histories {
				seed := *firstSeed + uint64(n%*histories)
				got := play(t, seed)
				want, known := first[seed]
				if first[seed] = got; known && got != want {
					t.Fatalf("seed %d gave %s after %d calls, and then %s after %d", seed, want.Digest, want.Calls, got.Digest, got.Calls)
				}
			}
		})
	}
}
