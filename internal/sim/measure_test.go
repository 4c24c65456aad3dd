package sim_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"hopguard/internal/sim"
)

// TestMain lets the test program be started by sim.Measure.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == sim.MeasureCommand {
		seed, err := strconv.ParseUint(os.Args[3], 10, 64)
		if err != nil {
			panic(err)
		}
		out := os.Stdout //nolint:forbidigo // this is the main of a process
		sim.MeasureMain(out, sim.Failure(os.Args[2]), seed)
	}
	os.Exit(m.Run())
}

// The times of the reference world are known: what they are made of is in the
// comments. They are virtual, so a slow machine does not change them.
func TestMeasure(t *testing.T) {
	const never = -1
	tests := []struct {
		failure sim.Failure
		// least and most of detected, decided, written and back, in seconds, for each
		// setting.
		want [4][4][2]float64
	}{
		{sim.PowerOff, [4][4][2]float64{
			{{0.3, 1.3}, {0.9, 2}, {2.9, 4}, {5.9, 7.1}}, // up to 1 s + 0.3 s; 2 more tries; 2 s write; 3 s fabric
			{{0.5, 1.5}, {1.5, 3}, {3.5, 5}, {6.5, 8}},   // up to 1 s + 0.5 s; 2 more tries
			{{3, 8}, {7, 12}, {9, 14}, {12, 17}},         // half of 10 s; 2 tries of 2 s
			{{10, 20}, {14, 24}, {20, 30}, {23, 33}},     // half of 30 s; 2 tries of 2 s; 3 writes one by one
		}},
		{sim.GuestHang, [4][4][2]float64{
			{{0.3, 1.3}, {0.9, 2}, {2.9, 4}, {5.9, 7.1}},
			{{0.5, 1.5}, {1.5, 3}, {3.5, 5}, {6.5, 8}},
			{{never, never}, {never, never}, {never, never}, {never, never}}, // the power state stays running
			{{never, never}, {never, never}, {never, never}, {never, never}},
		}},
	}
	for _, tt := range tests {
		t.Run(string(tt.failure), func(t *testing.T) {
			all, err := sim.Measure(t.Context(), tt.failure, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != len(tt.want) {
				t.Fatalf("%d settings were measured, want %d", len(all), len(tt.want))
			}
			for i, m := range all {
				for j, d := range []time.Duration{m.Detected, m.Decided, m.Written, m.Back} {
					got := d.Seconds()
					if d < 0 {
						got = never
					}
					if least, most := tt.want[i][j][0], tt.want[i][j][1]; got < least || got > most {
						t.Errorf("%s: step %d after %.2fs, want %v to %v", m.Setting, j, got, least, most)
					}
				}
			}
		})
	}
}

func TestMeasureSaysWhyItFailed(t *testing.T) {
	if _, err := sim.Measure(t.Context(), "boredom", 1); err == nil {
		t.Error("Measure(boredom) = nil, want an error")
	}
}
