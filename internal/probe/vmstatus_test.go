package probe_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// power is a PowerReader with one answer.
type power struct {
	word string
	err  error
}

func (p power) PowerState(_ context.Context, vm appliance.ResourceID) (string, error) {
	if vm != "/vm/a" {
		return "", fmt.Errorf("asked for %q", vm)
	}
	return p.word, p.err
}

func TestVMStatus(t *testing.T) {
	tests := []struct {
		name     string
		power    power
		outcome  appliance.Outcome
		evidence string
	}{
		{"running", power{word: "running"}, appliance.Pass, "power state is running"},
		{"running-in-other-letters", power{word: "Running"}, appliance.Pass, "power state is running"},
		{"starting-is-not-up", power{word: "starting"}, appliance.Fail, "power state is starting"},
		{"stopping", power{word: "stopping"}, appliance.Fail, "power state is stopping"},
		{"stopped", power{word: "stopped"}, appliance.Fail, "power state is stopped"},
		{"deallocating", power{word: "deallocating"}, appliance.Fail, "power state is deallocating"},
		{"deallocated", power{word: "deallocated"}, appliance.Fail, "power state is deallocated"},
		{"deleted", power{word: "deleted"}, appliance.Fail, "the machine does not exist"},
		{"no-entry", power{}, appliance.Unknown, "Azure reports no power state"},
		{"unknown", power{word: "unknown"}, appliance.Unknown, "Azure reports the power state as unknown"},
		{"new-word", power{word: "Hibernated"}, appliance.Unknown, `power state "hibernated" is not one that Azure documents`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			outcome, evidence := probe.VMStatus{Power: test.power}.Ask(t.Context(), members("a")[0])
			if outcome != test.outcome || evidence != test.evidence {
				t.Errorf("Ask() = %s, %q, want %s, %q", outcome, evidence, test.outcome, test.evidence)
			}
		})
	}
}

// D8: an error of the provider's API says nothing about the appliance.
func TestD8ErrorOfAzureIsUnknown(t *testing.T) {
	for _, err := range []error{
		errors.New("429 TooManyRequests"),
		errors.New("403 AuthorizationFailed"),
		errors.New("invalid character '<' looking for beginning of value"),
		context.DeadlineExceeded,
	} {
		outcome, evidence := probe.VMStatus{Power: power{word: "deallocated", err: err}}.Ask(t.Context(), members("a")[0])
		if want := "power state was not read: " + err.Error(); outcome != appliance.Unknown || evidence != want {
			t.Errorf("Ask() = %s, %q, want unknown, %q", outcome, evidence, want)
		}
	}
}

// silent never answers.
type silent struct{}

func (silent) PowerState(ctx context.Context, _ appliance.ResourceID) (string, error) {
	<-ctx.Done()
	return "", fmt.Errorf("read power state: %w", ctx.Err())
}

func TestD8SilenceOfAzureIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := probe.Set{Members: members("a"), Checks: []probe.Check{{Name: "vm", Timeout: 5 * time.Second, Question: probe.VMStatus{Power: silent{}}}}}
		o := set.Probe(t.Context(), []string{"vm"})[0]
		if o.Outcome != appliance.Unknown || o.Took != 5*time.Second || o.Evidence != "power state was not read: no answer within 5s" {
			t.Errorf("Probe() = %+v, want unknown after 5s", o)
		}
	})
}
