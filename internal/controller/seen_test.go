package controller_test

import (
	"testing"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// A continuous prober has judged already: the tick asks nobody, and acts at once.
func TestTickTakesWhatAContinuousProberHasSeen(t *testing.T) {
	bubble(t, "dead", func(t *testing.T) {
		w := settled(t)
		health := w.record().Health
		health.Members = []decide.MemberHealth{
			{Member: "vmx-a", Verdict: appliance.Down, Since: health.Members[0].Since},
			{Member: "vmx-b", Verdict: appliance.Up, Since: health.Members[1].Since},
		}
		seen := &controller.Seen{Health: health, Observations: []appliance.Observation{{Member: "vmx-a", Check: "tcp", Outcome: appliance.Fail, Evidence: "silence"}}}
		r := w.tick(t, controller.Request{Seen: seen})
		if probes := only(w.calls(), "probe"); len(probes) > 0 {
			t.Errorf("the tick asked by itself: %v", probes)
		}
		if r.Decision.Reason != decide.ReasonActiveDown || r.Record.Active != "vmx-b" || len(r.Observations) != 1 {
			t.Errorf("Tick() = %+v with %d observations, want a failover to vmx-b with the one that was given", r.Decision, len(r.Observations))
		}
		if r.Decided != r.Started {
			t.Errorf("decided %v after the start, want at once", r.Decided.Sub(r.Started))
		}
	})
}
