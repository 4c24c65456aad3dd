package sim_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/sim"
)

// measured stands for sim.Measure, which TestMeasure tests.
func measured(context.Context, sim.Failure, uint64) ([]sim.Measured, error) {
	times := sim.Times{Detected: time.Second, Decided: 2 * time.Second, Written: 3 * time.Second, Back: -1}
	return []sim.Measured{{Setting: "this demo", Runs: 9, Times: times}, {Setting: "the old function", Runs: 9, Times: times}}, nil
}

// The whole demo in virtual time.
func TestDemo(t *testing.T) {
	tests := []struct {
		failure sim.Failure
		// lines must be there, in this order.
		lines []string
		// outage is the least and the most that traffic may be lost.
		least, most time.Duration
	}{
		{
			sim.PowerOff, []string{
				"westeurope |  vmx-a  active", "FAILURE   vmx-a loses its power", "lost: packets of all 3 workloads", "tcp fail: ",
				"vmx-a down", "decision  vmx-a -> vmx-b, epoch 2", "epoch 2 stored", "accepted", "read back", "back: packets of", "nic-app-1 effective",
				"rt-spoke-001     5 at vmx-b", "ok   15 of 15 managed routes moved from vmx-a to vmx-b",
				"ok   nothing else changed: 5 route tables compared member by member, 2 of them not hopguard's", "ok   traffic flows again",
				"median of 9 moments of failure", "this demo                                              1.0s     2.0s     3.0s    never", "the old function",
			}, 5 * time.Second, 8 * time.Second,
		},
		{
			sim.GuestHang, []string{
				"watching  only the power state", "FAILURE   vmx-a hangs", "lost: packets of all 3 workloads",
				"the last answer: vmx-a vm-status pass: power state is", "So nothing is done", "a check of the data path is added", "tcp fail: ",
				"decision  vmx-a -> vmx-b", "back: packets of", "ok   traffic flows again",
			}, 9 * time.Second, 12 * time.Second,
		},
		{
			sim.NVAAndAPI, []string{
				"FAILURE   vmx-a loses its power, and ARM is out of order", "vm-status unknown: ", "503", "answers no longer 503", "answers again",
				"decision  vmx-a -> vmx-b", "back: packets of", "ok   15 of 15", "ok   traffic flows again",
			}, 10 * time.Second, 20 * time.Second,
		},
	}
	for _, tt := range tests {
		t.Run(string(tt.failure), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				began := time.Now()
				r, err := sim.Demo{Failure: tt.failure, Measure: measured, Seed: 1, Out: &out, Width: 100}.Run(t.Context())
				if err != nil || !r.OK {
					t.Fatalf("Run() = %+v, %v\n%s", r, err, out.String())
				}
				if took := time.Since(began); took > 30*time.Second {
					t.Errorf("the demo took %s, want at most 30s", took)
				}
				rest := out.String()
				for _, l := range tt.lines {
					_, after, ok := strings.Cut(rest, l)
					if !ok {
						t.Fatalf("%q is missing, or not in its order, in:\n%s", l, out.String())
					}
					rest = after
				}
				for l := range strings.Lines(out.String()) {
					if len(l) > 101 {
						t.Errorf("wider than 100 columns: %q", l)
					}
				}
				if r.Outage < tt.least || r.Outage > tt.most {
					t.Errorf("traffic was lost for %s, want %s to %s", r.Outage, tt.least, tt.most)
				}
				if r.Managed != 15 || len(r.Other) != 0 || r.Detected < 0 || r.Decided < r.Detected || r.Written < r.Decided || r.Back < r.Written || len(r.Measured) != 2 {
					t.Errorf("result = %+v", r)
				}
			})
		})
	}
}

func TestDemoThatIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var out strings.Builder
		if r, err := (sim.Demo{Failure: sim.PowerOff, Seed: 1, Out: &out}).Run(ctx); err == nil || r.OK {
			t.Errorf("Run() = %+v, %v, want an error", r, err)
		}
	})
}
