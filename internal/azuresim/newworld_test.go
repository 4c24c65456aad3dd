package azuresim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"hopguard/internal/azuresim"
)

func TestAWorldGoesThroughYAML(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{IPv6: true, Subscriptions: 2})
	for i := range w.Principals { // secrets do not go out
		w.Principals[i].ClientSecret, w.Principals[i].FederatedToken = "<secret>", "<secret>"
	}
	data, err := yaml.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	back, err := azuresim.ParseWorld(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, back); d != "" {
		t.Errorf("the world changed on its way (-want +got):\n%s", d)
	}
	for name, text := range map[string]string{"unknown key": "subscriptionz: []", "wrong type": "subscriptions: 3", "two documents": "subscriptions: []\n---\nsubscriptions: []"} {
		if _, err := azuresim.ParseWorld([]byte(text)); err == nil {
			t.Errorf("%s must be refused", name)
		}
	}
}

func TestABrokenWorldIsReportedWhole(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	w.Subscriptions = append(w.Subscriptions, w.Subscriptions[0])
	w.ResourceGroups = append(w.ResourceGroups, azuresim.ResourceGroup{Subscription: "nowhere", Name: "lost"})
	w.RouteTables = append(w.RouteTables, w.RouteTables[0])
	w.VirtualNetworks[0].AddressPrefixes = []string{"10.1.0.1/16"}
	w.VirtualNetworks[3].Subnets[0].RouteTable = "/nowhere"
	w.VirtualNetworks[4].Subnets[0].AddressPrefixes = []string{"192.168.0.0/24"}
	w.VirtualMachines[1].PowerState = "asleep"
	w.VirtualMachines[1].NICs[0].IPConfigurations[0].Address = "10.9.9.9"
	w.Principals = append(w.Principals, w.Principals[0])
	w.Locks = append(w.Locks, azuresim.Lock{Scope: "/x", Name: "l", Level: "Soft"})
	_, err := azuresim.New(w, azuresim.Options{})
	if err == nil {
		t.Fatal("a broken world must be refused")
	}
	for _, part := range []string{"subscription ", "\"lost\"", "rt-spoke-001: the id is taken", "10.1.0.1/16", "/nowhere", "192.168.0.0/24", "asleep", "10.9.9.9", "principal \"hopguard\"", "\"Soft\""} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not tell of %s:\n%v", part, err)
		}
	}
}

func TestTheReferenceWorldScales(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{Spokes: 7, Tables: 30, RoutesPerTable: 400, Subscriptions: 3})
	s, err := azuresim.New(w, azuresim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.RouteTables()); n != 32 {
		t.Errorf("%d tables, want 30 tagged and 2 others", n)
	}
	for i, m := range w.VirtualMachines[2:] {
		if h := forward(t, s, m.NICID(0), "172.16.0.9"); !h.Delivered || h.NextHop.String() != "10.1.0.4" {
			t.Errorf("spoke %d: %+v", i+1, h)
		}
	}
}
