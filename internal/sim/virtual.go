package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// MeasureCommand is the hidden command that Measure starts this program with. Its
// arguments are a Failure and a seed, and its code is MeasureMain.
const MeasureCommand = "demo-measure"

// childLimit is how long the measurement may take in real time.
const childLimit = time.Minute

// Measure measures every setting for a failure, in virtual time: minutes of the
// world take a moment. testing/synctest gives virtual time to tests only, so this
// program starts itself as one (docs/adr/0002-virtual-time-outside-tests.md).
func Measure(ctx context.Context, f Failure, seed uint64) ([]Measured, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, childLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, MeasureCommand, string(f), strconv.FormatUint(seed, 10))
	cmd.Args[0] = os.Args[0] // a program that is several looks at its name
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("measure in virtual time: %w: %s", err, strings.TrimSpace(stderr.String()+stdout.String()))
	}
	var all []Measured
	// After the JSON comes what package testing prints.
	if err := json.NewDecoder(&stdout).Decode(&all); err != nil {
		return nil, fmt.Errorf("read the measurement: %w", err)
	}
	return all, nil
}

// MeasureMain prints the measurements of a failure as JSON. It ends the process.
func MeasureMain(w io.Writer, f Failure, seed uint64) {
	anything := func(string, string) (bool, error) { return true, nil }
	testing.Main(anything, []testing.InternalTest{{Name: MeasureCommand, F: func(t *testing.T) {
		t.Helper()
		all := []Measured{}
		for _, s := range settings() {
			m, err := measure(f, s, seed, func(run func() error) error {
				var err error
				synctest.Test(t, func(*testing.T) { err = run() })
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		if err := json.NewEncoder(w).Encode(all); err != nil {
			t.Fatal(err)
		}
	}}}, nil, nil)
}
