package probe_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// death is one run of a prober: member a dies at some time after its begin.
type death struct {
	timing  probe.Timing
	timeout time.Duration
	fall    int           // failures in a row that count
	at      time.Duration // when a dies
	refuses bool          // it refuses then; otherwise it is silent
	loss    float64       // of each probe, of both members, all the time
	seed    uint64
}

// bound is what is promised if the timeout is not longer than Confirm.
func (d death) bound() time.Duration {
	return d.timing.Interval + time.Duration(d.fall)*d.timing.Confirm + d.timeout
}

// detected returns how long after the death fall failures of a in a row were seen.
// It is 0 if losses had already made them up.
func (d death) detected(t *testing.T) (after time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		random := seeded(d.seed)
		ctx, cancel := context.WithTimeout(t.Context(), d.at+2*d.bound())
		defer cancel()
		q := probe.TCP{Dial: d.dial(began, random), Targets: map[appliance.MemberName]string{"a": "a:1", "b": "b:1"}}
		s := probe.Schedule{
			Set:    probe.Set{Members: members("a", "b"), Checks: []probe.Check{{Name: "tcp", Timeout: d.timeout, Question: q, DataPath: true}}},
			Checks: []probe.Timing{d.timing},
			Rand:   seeded(d.seed + 1),
		}
		fails := map[appliance.MemberName]int{}
		after = -1
		s.Run(ctx, func(string) bool {
			for _, n := range fails {
				if 0 < n && n < d.fall {
					return true
				}
			}
			return false
		}, func(round []appliance.Observation) {
			for _, o := range round {
				fails[o.Member]++
				if o.Outcome == appliance.Pass {
					fails[o.Member] = 0
				}
			}
			if now := time.Since(began); after < 0 && now >= d.at && fails["a"] >= d.fall {
				after = now - d.at
				cancel()
			}
		})
	})
	if after < 0 {
		t.Errorf("%+v was not detected at all", d)
	}
	return after
}

// dial is the network of the two members. A probe that is on its way when a dies
// gets no answer either.
func (d death) dial(began time.Time, random *rand.Rand) probe.DialFunc {
	turn := make(chan struct{}, 1) // the draws are one at a time
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		turn <- struct{}{}
		latency, lost := time.Duration(random.Int64N(int64(d.timeout))), random.Float64() < d.loss
		<-turn
		dead := address == "a:1" && time.Since(began) >= d.at
		if dead && d.refuses {
			return nil, errno(syscall.ECONNREFUSED)
		}
		if !dead && !lost {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(latency):
			}
			dead = address == "a:1" && time.Since(began) >= d.at
		}
		if dead || lost {
			return silentDrop(ctx, "tcp", address)
		}
		ours, theirs := net.Pipe()
		return ours, theirs.Close()
	}
}

// A death is seen within interval + fall x confirm + timeout, whatever the times,
// the phase, the losses before it and the answers' delays are.
func TestDetectionTimeIsBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ms := func(name string, least, most int) time.Duration {
			return time.Duration(rapid.IntRange(least, most).Draw(rt, name)) * time.Millisecond
		}
		d := death{
			fall: rapid.IntRange(1, 5).Draw(rt, "fall"), refuses: rapid.Bool().Draw(rt, "refuses"),
			loss: rapid.Float64Range(0, 0.5).Draw(rt, "loss"), seed: rapid.Uint64().Draw(rt, "seed"),
		}
		d.timing = probe.Timing{Name: "tcp", Interval: ms("interval", 2, 10000)}
		most := int(d.timing.Interval / time.Millisecond)
		d.timing.Confirm = ms("confirm", 1, most)
		d.timeout = ms("timeout", 1, min(most-1, int(d.timing.Confirm/time.Millisecond)))
		d.at = ms("death", 0, 5*most)
		if got := d.detected(t); got > d.bound() {
			rt.Fatalf("detected after %s, want at most %s", got, d.bound())
		}
	})
}

// BenchmarkDetection reports the detection times in virtual time over so many
// phases and seeds; ns/op is what all of them cost this machine.
func BenchmarkDetection(b *testing.B) {
	const runs = 2000
	second := time.Second
	settings := []struct { // the first two are defaults
		name                       string
		interval, confirm, timeout time.Duration
	}{
		{"10s-2s-2s", 10 * second, 2 * second, 2 * second}, // of a command
		{"1s-500ms-500ms", second, second / 2, second / 2}, // of tcp, http and icmp
		{"1s-200ms-200ms", second, second / 5, second / 5},
		{"200ms-100ms-50ms", second / 5, second / 10, second / 20},
	}
	for _, set := range settings {
		for _, refuses := range []bool{false, true} {
			for _, loss := range []float64{0, 0.1} {
				b.Run(fmt.Sprintf("%s/refuses=%v/loss=%v", set.name, refuses, loss), func(b *testing.B) {
					d := death{timing: probe.Timing{Name: "tcp", Interval: set.interval, Confirm: set.confirm}, timeout: set.timeout, fall: 3, refuses: refuses, loss: loss}
					for b.Loop() {
						report(b, d, runs)
					}
				})
			}
		}
	}
}

// report makes the runs with deaths spread over five intervals.
func report(b *testing.B, d death, runs int) {
	b.Helper()
	took := make([]time.Duration, runs)
	var sum time.Duration
	virtually(b, func(t *testing.T) {
		for i := range took {
			d.seed, d.at = uint64(i), d.timing.Interval*time.Duration(5*i)/time.Duration(runs)
			if took[i] = d.detected(t); took[i] > d.bound() {
				t.Errorf("%+v was detected after %s, want at most %s", d, took[i], d.bound())
			}
			sum += took[i]
		}
	})
	b.ReportMetric((sum / time.Duration(runs)).Seconds(), "mean-s")
	b.ReportMetric(slices.Max(took).Seconds(), "worst-s")
	b.ReportMetric(d.bound().Seconds(), "bound-s")
}

// virtually runs f as a test inside a benchmark, because only a test can have
// virtual time.
func virtually(b *testing.B, f func(*testing.T)) {
	b.Helper()
	every := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(every, []testing.InternalTest{{Name: b.Name(), F: f}}) {
		b.Fatal("the run in virtual time has failed")
	}
}
