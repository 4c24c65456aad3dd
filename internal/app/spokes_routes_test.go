package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/spoke"
)

// newRoutedWorld is a world whose workload networks, but for the first, have no route
// tables, and in which hopguard may make them.
func newRoutedWorld(t testing.TB, spokes int, change ...func(*azuresim.World)) world {
	t.Helper()
	w := newSpokeWorld(t, azuresim.TwoRegionsOptions{Spokes: spokes, Tables: 1}, append(change, func(w *azuresim.World) {
		r := &w.Principals[0].Roles[0]
		r.Actions = append(r.Actions, "Microsoft.Network/routeTables/join/action", "Microsoft.Network/virtualNetworks/subnets/read", "Microsoft.Network/virtualNetworks/subnets/write")
	})...)
	g := &w.config.Groups[0]
	g.Spokes.RouteTable.Subnets = []string{"snet-*"}
	g.Branches.Prefixes = []netip.Prefix{netip.MustParsePrefix("172.16.0.0/24"), netip.MustParsePrefix("172.20.0.0/16")}
	w.config = w.config.Complete()
	return w
}

// tablesOf says which table each subnet uses, by name.
func (w world) tablesOf(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, n := range w.networks(t) {
		for _, s := range n.Subnets {
			out[n.ID.Name()+"/"+s.ID.Name()] = s.Table.Name()
		}
	}
	return out
}

// routesOf are the routes of a table, as prefix=next hop, and its tags.
func (w world) routesOf(t *testing.T, name string) (routes []string, tags map[string]string) {
	t.Helper()
	for _, id := range w.RouteTables() {
		if id[strings.LastIndexByte(id, '/')+1:] != name {
			continue
		}
		raw, err := w.RouteTable(id)
		if err != nil {
			t.Fatal(err)
		}
		var table struct {
			Tags       map[string]string
			Properties struct {
				Routes []struct {
					Properties struct{ AddressPrefix, NextHopIPAddress string }
				}
			}
		}
		if err := json.Unmarshal(raw, &table); err != nil {
			t.Fatal(err)
		}
		for _, r := range table.Properties.Routes {
			routes = append(routes, r.Properties.AddressPrefix+"="+r.Properties.NextHopIPAddress)
		}
		slices.Sort(routes)
		return routes, table.Tags
	}
	return nil, nil
}

// scanned scans once and fails the test unless the report is in that state.
func scanned(t *testing.T, a *app.App, state spoke.State, req app.SpokesRequest) *spoke.Report {
	t.Helper()
	r := a.ScanSpokes(t.Context(), "emea", req)
	if r.State() != state {
		t.Fatalf("the scan is %s, want %s: %v\n%s", r.State(), state, r.Failures(), spoke.Text(r))
	}
	return r
}

func tick(t *testing.T, a *app.App) *controller.Report {
	t.Helper()
	r := a.Tick(t.Context(), "emea", controller.Request{})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return r
}

// New networks are peered and routed in one scan, one table for each resource group and
// region; the next tick manages the tables, and a failover moves them with the others.
func TestNewNetworksAreRouted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRoutedWorld(t, 3)
		a := w.open(t)
		tick(t, a)
		r := scanned(t, a, spoke.Agreed, app.SpokesRequest{})
		if c := r.Counts(); c.Subnets != 2 || c.Routed != 2 || c.Writes != 12+2+2 {
			t.Errorf("%+v, want two subnets, and two tables and two subnets written", c)
		}
		want := map[string]string{
			"vnet-sdwan-a/snet-vmx": "", "vnet-sdwan-b/snet-vmx": "", "vnet-spoke-1/snet-1": "rt-spoke-001",
			"vnet-spoke-2/snet-1": "rt-hopguard-emea-northeurope", "vnet-spoke-3/snet-1": "rt-hopguard-emea-westeurope",
		}
		if got := w.tablesOf(t); !maps.Equal(got, want) {
			t.Errorf("tables = %v, want %v", got, want)
		}
		routes, tags := w.routesOf(t, "rt-hopguard-emea-northeurope")
		if want := []string{"172.16.0.0/24=10.1.0.4", "172.20.0.0/16=10.1.0.4"}; !slices.Equal(routes, want) || tags["nva_ha_udr"] != "emea" || tags["hopguard-owner"] != "emea" {
			t.Errorf("routes = %v, tags = %v", routes, tags)
		}
		time.Sleep(2 * time.Second) // lists lag
		if err := w.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if r := tick(t, a); len(r.Outcomes) != 3 {
			t.Errorf("the failover wrote %d tables, want the old one and the two new ones", len(r.Outcomes))
		}
		if routes, _ := w.routesOf(t, "rt-hopguard-emea-northeurope"); !slices.Equal(routes, []string{"172.16.0.0/24=10.2.0.4", "172.20.0.0/16=10.2.0.4"}) {
			t.Errorf("after the failover: %v", routes)
		}
		// What is made from now on goes to the other member.
		w.addNetwork(t, "vnet-new", "10.99.0.0/24")
		time.Sleep(5 * time.Second)
		a2 := w // the subnet of the new network is called app
		a2.config.Groups[0].Spokes.RouteTable.Subnets = []string{"snet-*", "APP"}
		b := a2.open(t)
		tick(t, b)
		scanned(t, b, spoke.Agreed, app.SpokesRequest{})
		if routes, _ := w.routesOf(t, "rt-hopguard-emea-westeurope"); !slices.Equal(routes, []string{"172.16.0.0/24=10.2.0.4", "172.20.0.0/16=10.2.0.4"}) {
			t.Errorf("routes of the table = %v", routes)
		}
		if before := len(w.Calls()); scanned(t, b, spoke.Agreed, app.SpokesRequest{}).Wrote() {
			t.Errorf("another scan wrote: %v", w.Calls()[before:])
		}
	})
}

// A prefix that is added comes into hopguard's own tables by itself, and changes nothing
// else in them. One that is taken away stays, is reported, and goes when that is asked
// for after the delay.
func TestBranchesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRoutedWorld(t, 3)
		a := w.open(t)
		tick(t, a)
		scanned(t, a, spoke.Agreed, app.SpokesRequest{})
		const name = "rt-hopguard-emea-northeurope"
		id := firstSub + "/resourceGroups/rg-spoke-2/providers/Microsoft.Network/routeTables/" + name
		// Somebody adds a route and a tag of their own.
		text := w.do(t, http.MethodGet, id, "")
		text = strings.Replace(text, `"routes":[`, `"routes":[{"name":"mine","properties":{"addressPrefix":"192.168.0.0/16","nextHopType":"None"}},`, 1)
		w.do(t, http.MethodPut, id, strings.Replace(text, `"hopguard-owner"`, `"mine":"yes","hopguard-owner"`, 1))
		time.Sleep(time.Minute)

		with := func(prefixes ...string) *app.App {
			w.config.Groups[0].Branches.Prefixes = nil
			for _, p := range prefixes {
				w.config.Groups[0].Branches.Prefixes = append(w.config.Groups[0].Branches.Prefixes, netip.MustParsePrefix(p))
			}
			b := w.open(t)
			tick(t, b) // the store of these is memory
			return b
		}
		holds := func(what string, want ...string) map[string]string {
			t.Helper()
			routes, tags := w.routesOf(t, name)
			if !slices.Equal(routes, want) || tags["mine"] != "yes" {
				t.Errorf("%s: routes = %v, tags = %v, want %v", what, routes, tags, want)
			}
			return tags
		}
		b := with("172.16.0.0/24", "172.20.0.0/16", "172.30.0.0/16")
		if c := scanned(t, b, spoke.Agreed, app.SpokesRequest{}).Counts(); c.Writes != 2 {
			t.Errorf("%d writes for one prefix more, want one for each table", c.Writes)
		}
		holds("added", "172.16.0.0/24=10.1.0.4", "172.20.0.0/16=10.1.0.4", "172.30.0.0/16=10.1.0.4", "192.168.0.0/16=")

		b = with("172.16.0.0/24", "172.30.0.0/16")
		all := []string{"172.16.0.0/24=10.1.0.4", "172.20.0.0/16=10.1.0.4", "172.30.0.0/16=10.1.0.4", "192.168.0.0/16="}
		r := scanned(t, b, spoke.Agreed, app.SpokesRequest{Remove: true})
		if tags := holds("taken away", all...); !strings.HasPrefix(tags["hopguard-unwanted"], "20") {
			t.Errorf("tags = %v, want the time since when a route is unwanted", tags)
		}
		if text := spoke.PlanText(r); !strings.Contains(text, "= hopguard-172.20.0.0-16  172.20.0.0/16  nobody wants it since ") {
			t.Errorf("plan = %s", text)
		}
		time.Sleep(23 * time.Hour)
		if r := scanned(t, b, spoke.Agreed, app.SpokesRequest{Remove: true}); r.Wrote() {
			t.Errorf("it is removed too soon:\n%s", spoke.PlanText(r))
		}
		time.Sleep(2 * time.Hour)
		if r := scanned(t, b, spoke.Agreed, app.SpokesRequest{}); r.Wrote() {
			t.Errorf("it is removed without being asked:\n%s", spoke.PlanText(r))
		}
		scanned(t, b, spoke.Agreed, app.SpokesRequest{Remove: true})
		if tags := holds("removed", "172.16.0.0/24=10.1.0.4", "172.30.0.0/16=10.1.0.4", "192.168.0.0/16="); tags["hopguard-unwanted"] != "" {
			t.Errorf("tags = %v, want no mark", tags)
		}
		// One that is wanted again loses its mark.
		scanned(t, with("172.30.0.0/16"), spoke.Agreed, app.SpokesRequest{})
		scanned(t, with("172.16.0.0/24", "172.30.0.0/16"), spoke.Agreed, app.SpokesRequest{})
		if tags := holds("wanted again", "172.16.0.0/24=10.1.0.4", "172.30.0.0/16=10.1.0.4", "192.168.0.0/16="); tags["hopguard-unwanted"] != "" {
			t.Errorf("tags = %v, want no mark", tags)
		}
	})
}

// What stands in the way of a table is named, and nothing of others is touched.
func TestTablesThatCannotBeMade(t *testing.T) {
	taken := func(tags map[string]string) func(*azuresim.World) {
		return func(w *azuresim.World) {
			rt := w.RouteTables[0]
			rt.Name, rt.ResourceGroup, rt.Location, rt.Tags = "rt-hopguard-emea-northeurope", "rg-spoke-2", "northeurope", tags
			w.RouteTables = append(w.RouteTables, rt)
		}
	}
	for name, tt := range map[string]struct {
		change func(*azuresim.World)
		config func(*config.Group)
		state  spoke.State
		lack   string
		table  string // of vnet-spoke-2
	}{
		"somebody-elses":                  {taken(nil), nil, spoke.Degraded, "subnet snet-1 of vnet-spoke-2: table-taken: table rt-hopguard-emea-northeurope: hopguard has not made it, and it does not have the tag nva_ha_udr=emea", ""},
		"the-groups-own-by-somebody-else": {taken(map[string]string{"nva_ha_udr": "emea"}), nil, spoke.Agreed, "", "rt-hopguard-emea-northeurope"},
		"without-the-tag":                 {taken(map[string]string{"hopguard-owner": "emea"}), nil, spoke.Degraded, "route table rt-hopguard-emea-northeurope: tag: it has lost the tag nva_ha_udr=emea: no failover moves its routes", ""},
		"two-regions": {nil, func(g *config.Group) {
			g.Spokes.RouteTable.Name, g.Spokes.RouteTable.ResourceGroup = "rt", "rg-spoke-1"
		}, spoke.Degraded, "table-taken: table rt is in ", "rt"},
		"no-right-to-make-tables": {func(w *azuresim.World) {
			for i := range w.Principals[0].Roles {
				r := &w.Principals[0].Roles[i]
				r.Actions = slices.DeleteFunc(slices.Clone(r.Actions), func(a string) bool { return a == "Microsoft.Network/routeTables/write" })
			}
		}, nil, spoke.Failed, "the identity lacks the right Microsoft.Network/routeTables/write on", ""},
		"no-such-resource-group": {nil, func(g *config.Group) { g.Spokes.RouteTable.ResourceGroup = "rg-nowhere" }, spoke.Failed, "ResourceGroupNotFound", ""},
		"no-such-role":           {nil, func(g *config.Group) { g.Branches.Role = "wan" }, spoke.Degraded, `no-hop: table rt-hopguard-emea-northeurope: no next hop to 172.16.0.0/24: member vmx-a has no address in the role "wan" (branches.role)`, ""},
		"a-family-that-no-member-has": {nil, func(g *config.Group) {
			g.Branches.Prefixes = append(g.Branches.Prefixes, netip.MustParsePrefix("fd00:8000::/24"))
		}, spoke.Degraded, "no next hop to fd00:8000::/24: the active member has no address of that family", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var change []func(*azuresim.World)
				if tt.change != nil {
					change = append(change, tt.change)
				}
				w := newRoutedWorld(t, 3, change...)
				if tt.config != nil {
					tt.config(&w.config.Groups[0])
				}
				a := w.open(t)
				a.Tick(t.Context(), "emea", controller.Request{})
				r := scanned(t, a, tt.state, app.SpokesRequest{})
				if text := fmt.Sprint(r.Lacks()); tt.lack != "" && !strings.Contains(text, tt.lack) {
					t.Errorf("lacks = %s\nwant %s", text, tt.lack)
				}
				got := w.tablesOf(t)["vnet-spoke-2/snet-1"]
				if tt.table != got && name != "two-regions" {
					t.Errorf("the subnet uses table %q, want %q", got, tt.table)
				}
				if w.tablesOf(t)["vnet-spoke-1/snet-1"] != "rt-spoke-001" || w.peered(t) != 12 {
					t.Errorf("tables %v, %d halves work", w.tablesOf(t), w.peered(t))
				}
			})
		})
	}
}
