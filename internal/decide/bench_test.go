package decide_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// BenchmarkFalseAlarms probes two healthy members over a path that loses each probe
// with the same chance, ten million times, and compares how often they are called
// down with what the theory of runs says. The seed is fixed: it agrees or it does not.
func BenchmarkFalseAlarms(b *testing.B) {
	const probes, fall, rise = 10_000_000, 3, 2
	for _, loss := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.3} {
		b.Run(fmt.Sprint("loss=", loss), func(b *testing.B) {
			var alarms int
			for b.Loop() {
				alarms = falseAlarms(loss, probes, fall, rise)
			}
			want, sigma := expectedAlarms(loss, probes, fall, rise)
			off := (float64(alarms) - want) / sigma
			b.ReportMetric(float64(alarms)*1e6/probes, "alarms/Mprobe")
			b.ReportMetric(want*1e6/probes, "theory/Mprobe")
			b.ReportMetric(off, "sigma")
			if math.Abs(off) > 4 {
				b.Errorf("%d false alarms, want %.1f within 4 times %.1f", alarms, want, sigma)
			}
		})
	}
}

// falseAlarms counts how often a member goes down though no member has a fault.
func falseAlarms(loss float64, probes, fall, rise int) (alarms int) {
	rules := decide.Rules{Group: pair(), Checks: []decide.Check{{Name: "tcp", Fall: fall, Rise: rise, DataPath: true}}, Vote: decide.Vote{Down: 1}}
	random := rand.New(rand.NewPCG(1, math.Float64bits(loss)))
	round := make([]appliance.Observation, len(rules.Group.Members))
	var h decide.Health
	for i := range probes / len(round) {
		now := at(time.Duration(i) * time.Second)
		for j, m := range rules.Group.Members {
			o := appliance.Pass
			if random.Float64() < loss {
				o = appliance.Fail
			}
			round[j] = appliance.Observation{Member: m.Name, Check: "tcp", Outcome: o, At: now}
		}
		after := decide.Judge(rules, h, round, now)
		for _, m := range rules.Group.Members {
			if after.Of(m.Name).Verdict == appliance.Down && h.Of(m.Name).Verdict != appliance.Down {
				alarms++
			}
		}
		h = after
	}
	return alarms
}

// expectedAlarms is the mean and the standard deviation of the alarms in so many
// probes. Each begins a new wait: for a run of fall losses and then for a run of rise
// passes; the number of waits in a long time is normal (renewal theory).
func expectedAlarms(loss float64, probes, fall, rise int) (mean, sigma float64) {
	down, downVar := runWait(loss, fall)
	up, upVar := runWait(1-loss, rise)
	n, cycle := float64(probes), down+up
	return n / cycle, math.Sqrt(n * (downVar + upVar) / (cycle * cycle * cycle))
}

// runWait is the mean and the variance of the number of trials until k in a row
// have succeeded, each with probability p (Feller, volume 1, XIII.7).
func runWait(p float64, k int) (mean, variance float64) {
	q, pk := 1-p, math.Pow(p, float64(k))
	return (1 - pk) / (q * pk), 1/(q*pk*q*pk) - float64(2*k+1)/(q*pk) - p/(q*q)
}
