package sim_test

import (
	"encoding/json"
	"os"
	"testing"

	"hopguard/internal/sim"
)

// TestMain lets the test program be started by sim.Measure.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == sim.MeasureCommand {
		sim.MeasureMain(os.Stdout, sim.Failure(os.Args[2]), 1)
	}
	os.Exit(m.Run())
}

func TestMeasure(t *testing.T) {
	for _, f := range sim.Failures() {
		t.Run(string(f), func(t *testing.T) {
			all, err := sim.Measure(t.Context(), f, 1)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.MarshalIndent(all, "", " ")
			t.Logf("%s", text)
		})
	}
}
