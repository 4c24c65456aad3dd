package azure_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

func machineID(name string) appliance.ResourceID {
	return appliance.ResourceID("/subscriptions/" + sub1 + "/resourceGroups/mrg/providers/Microsoft.Compute/virtualMachines/" + name)
}

// statuses makes an instance view's list of statuses.
func statuses(codes ...string) string {
	var list []string
	for _, c := range codes {
		list = append(list, fmt.Sprintf(`{"code":%q,"level":"Info"}`, c))
	}
	return `{"statuses":[` + strings.Join(list, ",") + `]}`
}

// compute answers the list with listed and the machine itself with got; an empty
// one is a failure of Azure.
func compute(seen *requests, listed, got string) doer {
	return func(r *http.Request) (*http.Response, error) {
		body := got
		if strings.HasSuffix(r.URL.Path, "/virtualMachines") {
			seen.add("list")
			body = listed
		} else {
			seen.add("get")
		}
		switch body {
		case "":
			return answer(r, 500, `{"error":{"code":"InternalServerError","message":"compute is ill"}}`), nil
		case "404":
			return answer(r, 404, `{"error":{"code":"ResourceNotFound","message":"gone"}}`), nil
		case "404 group":
			return answer(r, 404, `{"error":{"code":"ResourceGroupNotFound","message":"gone"}}`), nil
		case "404 subscription":
			return answer(r, 404, `{"error":{"code":"SubscriptionNotFound","message":"gone"}}`), nil
		default:
			return answer(r, 200, body), nil
		}
	}
}

func TestPowerState(t *testing.T) {
	inList := func(properties string) string {
		// Azure's lists have the resource group in capitals.
		return `{"value":[{"id":"` + strings.Replace(string(machineID("VMX-A")), "mrg", "MRG", 1) + `","properties":` + properties + `}]}`
	}
	view := func(s string) string { return `{"instanceView":` + s + `}` }
	const running = "running"
	tests := []struct {
		name        string
		listed, got string
		want        string
		err         string
		asked       []string
	}{
		{"listed", inList(view(statuses("ProvisioningState/succeeded", "PowerState/running"))), "", running, "", []string{"list"}},
		{"D6-first-of-all", inList(view(statuses("PowerState/running", "ProvisioningState/succeeded"))), "", running, "", []string{"list"}},
		{"D6-in-the-middle", inList(view(statuses("MigrationPhase/commit", "PowerState/deallocated", "ProvisioningState/updating"))), "", "deallocated", "", []string{"list"}},
		{"D6-alone", inList(view(statuses("PowerState/stopped"))), "", "stopped", "", []string{"list"}},
		{"D6-in-other-case", inList(view(statuses("powerstate/Running"))), "", running, "", []string{"list"}},
		{"D6-other-provisioning-states-are-no-power", inList(view(statuses("ProvisioningState/running", "PowerState/stopped"))), "", "stopped", "", []string{"list"}},
		{"D6-missing", inList(view(statuses("ProvisioningState/succeeded"))), "", "", "", []string{"list"}},
		{"extended", inList(`{"extended":` + view(statuses("PowerState/running")) + `}`), "", running, "", []string{"list"}},
		{"no-view-in-the-list", inList(`{}`), `{"id":"x","properties":` + view(statuses("PowerState/running")) + `}`, running, "", []string{"list", "get"}},
		{"no-statuses-in-the-list", inList(view(`{}`)), `{"id":"x","properties":` + view(statuses("PowerState/running")) + `}`, running, "", []string{"list", "get"}},
		{"another-form-of-extended-view", inList(`{"extended":{"instanceView":{"powerState":{"code":"PowerState/running"}}}}`), `{"properties":` + view(statuses("PowerState/stopped")) + `}`, "stopped", "", []string{"list", "get"}},
		{"not-in-the-list", `{"value":[]}`, `{"properties":` + view(statuses("PowerState/starting")) + `}`, "starting", "", []string{"list", "get"}},
		{"deleted", `{"value":[]}`, "404", "deleted", "", []string{"list", "get"}},
		{"deleted-with-its-group", `{"value":[]}`, "404 group", "deleted", "", []string{"list", "get"}},
		{"no-such-subscription-says-nothing-of-the-machine", `{"value":[]}`, "404 subscription", "", "404 SubscriptionNotFound", []string{"list", "get"}},
		{"list-fails", "", `{"properties":` + view(statuses("PowerState/running")) + `}`, running, "", []string{"list", "get"}},
		{"all-fails", "", "", "", "compute is ill", []string{"list", "get"}},
		{"garbage", "<html>", "<html>", "", "not Azure Resource Manager's", []string{"list", "get"}},
		{"truncated", `{"value":[{"id":`, `{"properties":`, "", "not Azure Resource Manager's", []string{"list", "get"}},
		{"null", `null`, `null`, "", "", []string{"list", "get"}},
		{"nothing-anywhere", `{"value":[]}`, `{}`, "", "", []string{"list", "get"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen requests
			got, err := newClient(t, compute(&seen, tt.listed, tt.got)).PowerState(t.Context(), machineID("vmx-a"))
			if got != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("PowerState() = %q, %v; want %q, %q", got, err, tt.want, tt.err)
			}
			if !slices.Equal(seen.list(), tt.asked) {
				t.Errorf("asked %v, want %v", seen.list(), tt.asked)
			}
		})
	}
}

func TestOneListServesAllMembersOfTheSameSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen requests
		listed := `{"value":[{"id":"` + string(machineID("vmx-a")) + `","properties":{"instanceView":` + statuses("PowerState/running") + `}},
			{"id":"` + string(machineID("vmx-b")) + `","properties":{"instanceView":` + statuses("PowerState/stopped") + `}}]}`
		c := newClient(t, compute(&seen, listed, ""))
		for round := range 3 {
			var all sync.WaitGroup
			for _, name := range []string{"vmx-a", "vmx-b", "vmx-a", "VMX-B"} {
				all.Go(func() {
					want := map[bool]string{true: "running", false: "stopped"}[name == "vmx-a"]
					if got, err := c.PowerState(t.Context(), machineID(name)); got != want || err != nil {
						t.Errorf("PowerState(%s) = %q, %v", name, got, err)
					}
				})
			}
			all.Wait()
			if got := len(seen.list()); got != round+1 {
				t.Errorf("%d requests after round %d, want one list a round: %v", got, round+1, seen.list())
			}
			time.Sleep(time.Second)
		}
	})
}

// Azure gives one machine 36 views and 12 a minute for everybody together.
func TestViewsOfOneMachineStayWithinOurShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen requests
		c := newClient(t, compute(&seen, `{"value":[{"id":"x"}]}`, `{"properties":{"instanceView":`+statuses("PowerState/running")+`}}`))
		began, refused := time.Now(), 0
		for time.Since(began) < 5*time.Minute {
			if _, err := c.PowerState(t.Context(), machineID("vmx-a")); err != nil {
				if !strings.Contains(err.Error(), "asked too often") {
					t.Fatalf("PowerState() = %v", err)
				}
				refused++
			}
			time.Sleep(time.Second)
		}
		views, lists := 0, 0
		for _, s := range seen.list() {
			if s == "get" {
				views++
			} else {
				lists++
			}
		}
		if most := 6 + 60; views > most || views < most-2 || refused == 0 {
			t.Errorf("%d views in 5 minutes (%d refused), want %d", views, refused, most)
		}
		if lists > 2 {
			t.Errorf("%d lists although they have no states, want one in 5 minutes", lists)
		}
	})
}

// A list that Compute throttles is not asked for again before its time, holds up
// nobody, and has no effect on route tables.
func TestAThrottledListOfMachinesHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var listed []time.Duration
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/virtualMachines"):
				listed = append(listed, time.Since(began))
				return answer(r, 429, `{"error":{"code":"OperationNotAllowed","message":"too many","details":[{"code":"TooManyRequests","message":"{}"}]}}`, "Retry-After", "40"), nil
			case strings.HasSuffix(r.URL.Path, "/routeTables"):
				return answer(r, 200, `{"value":[]}`), nil
			default:
				return answer(r, 200, `{"properties":{"instanceView":`+statuses("PowerState/running")+`}}`), nil
			}
		}))
		for range 4 {
			if got, err := c.PowerState(t.Context(), machineID("vmx-a")); got != "running" || err != nil {
				t.Errorf("PowerState() = %q, %v", got, err)
			}
			if _, err := c.Tables(t.Context(), route.Selection{}); err != nil {
				t.Errorf("Tables() = %v", err)
			}
			if took := time.Since(began) % (20 * time.Second); took != 0 {
				t.Errorf("took %v, want no time at all", took)
			}
			time.Sleep(20 * time.Second)
		}
		if want := []time.Duration{0, 40 * time.Second}; !slices.Equal(listed, want) {
			t.Errorf("the list was asked for after %v, want %v", listed, want)
		}
	})
}
