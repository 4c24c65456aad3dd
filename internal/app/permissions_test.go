package app_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
)

// polling is the action that the manual names apart: nobody knows whether Azure asks for
// it, and the simulated one does.
const polling = "Microsoft.Network/locations/operationResults/read"

// The role of the manual is what hopguard uses, no more and no less: an identity that
// has nothing else makes a failover, and each action is asked for.
func TestRoleOfTheManualIsWhatIsUsed(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(manual), "`"+polling+"`") {
		t.Errorf("the manual does not name %s", polling)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(manual)
	if block == nil {
		t.Fatal("the manual has no role")
	}
	var role struct{ Actions []string }
	if err := json.Unmarshal(block[1], &role); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		me := &w.reference.Principals[0]
		for i := range me.Roles {
			me.Roles[i].Actions = role.Actions
		}
		if w.Sim, err = azuresim.New(w.reference, azuresim.Options{Seed: 1}); err != nil {
			t.Fatal(err)
		}
		w.dial = w.DialContext
		for _, vm := range w.reference.VirtualMachines {
			if !vm.Appliance {
				nic := "/subscriptions/" + vm.Subscription + "/resourceGroups/" + vm.ResourceGroup + "/providers/Microsoft.Network/networkInterfaces/" + vm.NICs[0].Name
				w.config.Groups[0].Verify.NICs = []config.ResourceID{config.ResourceID(nic)}
				break
			}
		}
		a := w.open(t)
		if r := a.Tick(t.Context(), "emea", controller.Request{}); r.Err() != nil {
			t.Fatal(r.Err())
		}
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // the list of power states lags
		if r := a.Tick(t.Context(), "emea", controller.Request{}); r.Err() != nil {
			t.Errorf("the failover: %v", r.Err())
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}
		used := map[string]bool{}
		for _, c := range w.Calls() {
			switch {
			case c.Action == "" || c.Action == polling:
			case c.Status == 403:
				t.Errorf("%s %s is forbidden: %s", c.Method, c.Path, c.Action)
			default:
				used[c.Action] = true
			}
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(role.Actions)), slices.Sorted(maps.Keys(used))); diff != "" {
			t.Errorf("actions (-manual +used):\n%s", diff)
		}
	})
}
