package controller_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// TestEvents: who listens hears each step once, in its order, with its time.
func TestEvents(t *testing.T) {
	bubble(t, "of-a-failover", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		began := time.Now()
		w.tick(t, controller.Request{})
		var got []string
		for _, e := range w.events {
			what := ""
			switch e.Kind {
			case controller.EventObserved:
				what = fmt.Sprintf("%s %s", e.Observation.Member, e.Observation.Outcome)
			case controller.EventJudged:
				what = fmt.Sprintf("%s %s", e.Health.Member, e.Health.Verdict)
			case controller.EventDecided:
				what = fmt.Sprintf("%s epoch %d", e.Decision.Reason, e.Epoch)
			case controller.EventCommitted:
				what = fmt.Sprintf("epoch %d", e.Epoch)
			case controller.EventProgress:
				what = fmt.Sprintf("%s %s", e.Progress.Table.Name(), e.Progress.Stage)
			default:
				t.Fatalf("event of kind %q", e.Kind)
			}
			got = append(got, fmt.Sprintf("%v %s %s", e.At.Sub(began), e.Kind, what))
			if e.Group != "emea" {
				t.Errorf("event %+v is of group %q, want emea", e, e.Group)
			}
		}
		want := []string{
			"0s observed vmx-a fail", "0s observed vmx-b pass", "2s observed vmx-a fail", "2s observed vmx-b pass", "4s observed vmx-a fail", "4s observed vmx-b pass",
			"4s judged vmx-a down", "4s judged vmx-b up", "4s decided active-down epoch 2", "4s committed epoch 2",
			"4s progress spoke-1 accepted", "6s progress spoke-1 succeeded", "6s progress spoke-1 read back",
			"6s progress spoke-2 accepted", "8s progress spoke-2 succeeded", "8s progress spoke-2 read back",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events differ (-want +got):\n%s", diff)
		}
	})
	bubble(t, "nobody-listens", func(t *testing.T) {
		w := newWorld()
		w.down("vmx-a")
		c := w.controller()
		c.Saw = nil
		expect(t, w.tickBy(t, c, term(t), controller.Request{}), controller.Degraded, decide.ReasonActiveDown)
	})
}

// The report repeats every observation, in the order of the rounds.
func TestReportHasEveryObservation(t *testing.T) {
	bubble(t, "of-three-rounds", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		r := w.tick(t, controller.Request{})
		if n := len(r.Observations); n != 6 {
			t.Errorf("report has %d observations, want 6", n)
		}
		if !slices.IsSortedFunc(r.Observations, func(a, b appliance.Observation) int { return a.At.Compare(b.At) }) {
			t.Errorf("observations are not in the order of the rounds: %v", r.Observations)
		}
		if r.Group != "emea" || r.Preferred != "vmx-a" || r.DryRun || r.Ended.Sub(r.Started) != 8*time.Second {
			t.Errorf("report = %s, %s, dry %v, %v long, want emea, vmx-a, false, 8s", r.Group, r.Preferred, r.DryRun, r.Ended.Sub(r.Started))
		}
	})
}
