package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/probe"
)

// world is a simulated Azure and a configuration for it.
type world struct {
	*azuresim.Sim
	reference azuresim.World
	config    config.Config
	dial      probe.DialFunc
	meraki    http.RoundTripper // nil without the Meraki cloud
	notify    http.RoundTripper // where messages go; nil without targets
	seed      uint64            // of the times of checks, with handlers
}

// newWorld makes the reference world and a configuration of one group for it.
func newWorld(t testing.TB, o azuresim.TwoRegionsOptions) world {
	t.Helper()
	w := world{reference: azuresim.TwoRegions(o)}
	var err error
	if w.Sim, err = azuresim.New(w.reference, azuresim.Options{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	w.dial = w.DialContext
	g := config.DefaultGroup()
	g.Name = "emea"
	for _, vm := range w.reference.VirtualMachines {
		if vm.Appliance {
			g.Members = append(g.Members, config.Member{Name: vm.Name, VM: config.ResourceID(vm.ID())})
		}
	}
	c := config.Default()
	c.Azure.Endpoint, c.Azure.Authority = "https://sim.invalid", "https://sim.invalid"
	c.Azure.Credential, c.Azure.TenantID = config.CredentialClientSecret, azuresim.DefaultTenant
	c.Azure.ClientID, c.Azure.ClientSecret = w.reference.Principals[0].AppID, "secret"
	c.Store.Kind = config.StoreMemory
	c.Groups = []config.Group{g}
	w.config = c.Complete()
	return w
}

// open wires the configuration to the simulated Azure.
func (w world) open(t testing.TB) *app.App {
	t.Helper()
	if err := w.config.Validate(); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(app.Options{Config: w.config, Transport: w.Transport(), Dial: w.dial, Meraki: w.meraki, Notify: w.notify})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// hops counts, over all tables with the tag of the group, the routes by next hop.
func (w world) hops(t *testing.T) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, id := range w.RouteTables() {
		raw, err := w.RouteTable(id)
		if err != nil {
			t.Fatal(err)
		}
		var table struct {
			Tags       map[string]string
			Properties struct {
				Routes []struct {
					Properties struct{ NextHopIPAddress string }
				}
			}
		}
		if err := json.Unmarshal(raw, &table); err != nil {
			t.Fatal(err)
		}
		for _, r := range table.Properties.Routes {
			if table.Tags["nva_ha_udr"] == "emea" {
				n[r.Properties.NextHopIPAddress]++
			}
		}
	}
	return n
}

// writes counts the PUTs that were made.
func (w world) writes() int {
	n := 0
	for _, c := range w.Calls() {
		if c.Method == "PUT" {
			n++
		}
	}
	return n
}

func TestTickMovesTheRoutesOfADeadMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		a := w.open(t)
		if r := a.Tick(t.Context(), "emea", controller.Request{}); r.State() != controller.Agreed {
			t.Fatalf("first tick is %s: %v %v", r.State(), r.Err(), r.Warnings)
		}
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // the list of power states lags
		r := a.Tick(t.Context(), "emea", controller.Request{})
		if r.State() != controller.Degraded || r.Decision.Reason != decide.ReasonActiveDown {
			t.Fatalf("tick after the failure is %s, reason %s: %v", r.State(), r.Decision.Reason, r.Err())
		}
		if got, want := r.Decided.Sub(r.Started).Round(time.Second), 4*time.Second; got != want {
			t.Errorf("decided %s after the start, want three tries two seconds apart, %s", got, want)
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 || len(got) != 1 {
			t.Errorf("next hops = %v, want 15 routes at 10.2.0.4", got)
		}
		before := w.writes()
		if r := a.Tick(t.Context(), "emea", controller.Request{}); r.State() != controller.Degraded || w.writes() != before {
			t.Errorf("another tick is %s and made %d writes, want none", r.State(), w.writes()-before)
		}
	})
}

// One tick asks all checks at once. What a quick one has found is not too old when a slow one ends.
func TestTickCountsAQuickCheckBesideASlowOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		quick := config.DefaultCheck(config.KindTCP)
		quick.Port = 443
		slow := quick
		slow.Interval, slow.Timeout, slow.ConfirmInterval = 10*time.Second, 5*time.Second, 2*time.Second
		w.config.Groups[0].Checks, w.config.Groups[0].Vote = []config.Check{quick, slow}, config.VoteAll
		w.config = w.config.Complete()
		a := w.open(t)
		if r := a.Tick(t.Context(), "emea", controller.Request{}); r.State() != controller.Agreed {
			t.Fatalf("first tick is %s: %v %v", r.State(), r.Err(), r.Warnings)
		}
		if err := w.Hang("vmx-a"); err != nil {
			t.Fatal(err)
		}
		r := a.Tick(t.Context(), "emea", controller.Request{})
		if r.Decision.Reason != decide.ReasonActiveDown || r.Err() != nil {
			t.Errorf("tick after the failure is %s, reason %s: %v %v", r.State(), r.Decision.Reason, r.Err(), r.Health)
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 || len(got) != 1 {
			t.Errorf("next hops = %v, want 15 routes at 10.2.0.4", got)
		}
	})
}

func TestTickOfAGroupThatIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld(t, azuresim.TwoRegionsOptions{}).open(t).Tick(t.Context(), "apac", controller.Request{})
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), `no group is called "apac"`) {
			t.Errorf("Tick() = %v, want an error that names the group", err)
		}
	})
}
