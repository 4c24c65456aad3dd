package azure_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/route"
)

// beforeTheFirst runs f once, before the first request with that method and path.
func (l *lab) beforeTheFirst(method, path string, f func()) {
	var once sync.Once
	l.hook = func(r *http.Request) {
		if r.Method == method && strings.EqualFold(r.URL.Path, path) {
			once.Do(f)
		}
	}
}

// Between our read and our write somebody else changes the table.
func TestSomebodyElseChangesATableMeanwhile(t *testing.T) {
	tests := []struct {
		name string
		// change is made with the first managed table, before it is written.
		change func(t *testing.T, l *lab, id string)
		want   string // hops of branch-001 and branch-002 afterwards
		err    string // of its outcome; "" if it is done
		writes int    // of that table
	}{
		{
			name: "adds-a-tag", writes: 2, want: hopB + " " + hopB,
			change: func(t *testing.T, l *lab, id string) {
				t.Helper()
				l.edit(t, id, `"env":"prod"`, `"env":"prod","new":"tag"`)
			},
		},
		{
			name: "adds-a-route-at-the-dead-member", writes: 2, want: hopB + " " + hopB,
			change: func(t *testing.T, l *lab, id string) {
				t.Helper()
				l.edit(t, id, `"routes":[`, `"routes":[{"name":"new","properties":{"addressPrefix":"192.168.0.0/24","nextHopType":"VirtualAppliance","nextHopIpAddress":"`+hopA+`"}},`)
			},
		},
		{
			name: "moves-all-to-the-goal", writes: 1, want: hopB + " " + hopB,
			change: func(t *testing.T, l *lab, id string) {
				t.Helper()
				l.edit(t, id, hopA, hopB)
			},
		},
		{
			name: "points-a-route-elsewhere", writes: 2, want: "10.9.9.9 " + hopB,
			err: "route branch-001 was not moved: somebody else pointed it at VirtualAppliance 10.9.9.9 meanwhile",
			change: func(t *testing.T, l *lab, id string) {
				t.Helper()
				status, _ := l.as(t, "owner", http.MethodPut, id+"/routes/branch-001", `{"properties":{"addressPrefix":"172.16.0.0/24","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.9.9.9"}}`)
				if status != http.StatusOK {
					t.Fatalf("PUT of a route: %d", status)
				}
			},
		},
		{
			name: "removes-a-route", writes: 2, want: " " + hopB,
			err: "route branch-001 was not moved: somebody else removed it meanwhile",
			change: func(t *testing.T, l *lab, id string) {
				t.Helper()
				if status, _ := l.as(t, "owner", http.MethodDelete, id+"/routes/branch-001", ""); status != http.StatusAccepted {
					t.Fatalf("DELETE of a route: %d", status)
				}
			},
		},
		{
			name: "takes-the-tag-away", writes: 1, want: hopA + " " + hopA,
			err: "table changed meanwhile: it does not have the tag nva_ha_udr=emea",
			change: func(t *testing.T, l *lab, id string) {
				t.Helper()
				l.edit(t, id, `"nva_ha_udr":"emea"`, `"nva_ha_udr":"emea-old"`)
			},
		},
		{
			name: "gives-it-to-a-group-with-a-similar-value", writes: 1, want: hopA + " " + hopA,
			err: "it does not have the tag nva_ha_udr=emea",
			change: func(t *testing.T, l *lab, id string) {
				t.Helper()
				l.edit(t, id, `"nva_ha_udr":"emea"`, `"nva_ha_udr":"emea1"`)
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
				id := l.managed[0]
				l.beforeTheFirst(http.MethodPut, id, func() { tt.change(t, l, id) })
				term, stop := newTerm(t)
				defer stop()
				outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
				if err != nil {
					t.Fatalf("Tables() = %v", err)
				}
				for _, o := range outcomes {
					if moved := slices.ContainsFunc(o.Changes, func(c route.Change) bool { return c.Route == "new" }); moved != (string(o.Table) == id && strings.HasPrefix(tt.name, "adds-a-route")) {
						t.Errorf("%s: says that the new route was moved: %v", o.Table, moved)
					}
					switch {
					case string(o.Table) != id || tt.err == "":
						if !o.Done() {
							t.Errorf("%s: %v", o.Table, o.Err)
						}
					case o.Done() || !strings.Contains(o.Err.Error(), tt.err):
						t.Errorf("%s: %v, want %q", o.Table, o.Err, tt.err)
					}
				}
				_, hops := l.hops(t, id)
				if got := hops["branch-001"] + " " + hops["branch-002"]; got != tt.want {
					t.Errorf("next hops %q, want %q", got, tt.want)
				}
				if h, ok := hops["new"]; ok && h != hopB {
					t.Errorf("the new route is at %s", h)
				}
				n := 0
				for _, call := range l.writes() {
					if strings.EqualFold(call.Path, id) {
						n++
					}
				}
				if n != tt.writes {
					t.Errorf("%d writes of the table, want %d", n, tt.writes)
				}
				l.mustNotTouchOthers(t)
			})
		})
	}
}

func TestSomebodyElseDeletesATableMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{Tables: 30}, azuresim.Options{})
		id := l.managed[len(l.managed)-1]
		// The table's subnet lets go of it first.
		l.beforeTheFirst(http.MethodPut, id, func() { l.remove(t, id) })
		term, stop := newTerm(t)
		defer stop()
		outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
		if err != nil {
			t.Fatalf("Tables() = %v", err)
		}
		for _, o := range outcomes {
			if string(o.Table) == id && (o.Done() || o.Err == nil) || string(o.Table) != id && !o.Done() {
				t.Errorf("%s: %v", o.Table, o.Err)
			}
		}
		// It is not made anew.
		if status, text := l.as(t, "owner", http.MethodGet, id, ""); status != http.StatusNotFound {
			t.Errorf("GET of the deleted table: %d %s", status, text)
		}
	})
}

// remove deletes a table, after its subnet has let go of it.
func (l *lab) remove(t *testing.T, id string) {
	t.Helper()
	for _, v := range l.world.VirtualNetworks {
		for _, s := range v.Subnets {
			if s.RouteTable != id {
				continue
			}
			_, text := l.as(t, "owner", http.MethodGet, v.SubnetID(s.Name), "")
			bare := cutMember(t, text, "routeTable")
			if status, text := l.as(t, "owner", http.MethodPut, v.SubnetID(s.Name), bare); status > 299 {
				t.Fatalf("PUT of a subnet: %d %s", status, text)
			}
			sleepSeconds(20)
		}
	}
	if status, text := l.as(t, "owner", http.MethodDelete, id, ""); status > 299 {
		t.Fatalf("DELETE %s: %d %s", id, status, text)
	}
	sleepSeconds(20)
}

// D13: a peer's write drops tags and properties and moves routes of others.
func TestP2NothingElseInATableChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
		rt := &w.RouteTables[0]
		rt.Tags["Owner"], rt.Tags["empty"] = "Ünïcode <&>   ", ""
		rt.DisableBGPRoutePropagation = true
		rt.Properties = map[string]any{
			"disablePeeringRoute": "All", "younger": map[string]any{"big": 9007199254740993, "float": 1.0, "null": nil, "list": []any{1, "a<b", false}},
		}
		rt.Routes[0].Properties = map[string]any{"hasBgpOverride": true, "nextHop": map[string]any{"ecmp": []any{"10.1.0.4"}}}
		rt.Routes = append(rt.Routes,
			azuresim.Route{Name: "internet", AddressPrefix: "0.0.0.0/0", NextHopType: "Internet"},
			azuresim.Route{Name: "drop", AddressPrefix: "192.0.2.0/24", NextHopType: "None"},
			azuresim.Route{Name: "firewall", AddressPrefix: "198.51.100.0/24", NextHopType: "VirtualAppliance", NextHopIPAddress: "10.1.0.40"},
			azuresim.Route{Name: "service", AddressPrefix: "AzureCloud.westeurope", NextHopType: "VirtualAppliance", NextHopIPAddress: hopA},
		)
		l := newLabOf(t, w, azuresim.Options{})
		id := l.managed[0]
		before := members(t, l.table(t, id))
		term, stop := newTerm(t)
		defer stop()
		outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
		if err != nil || failures(outcomes) != "" {
			t.Fatalf("Apply() = %v %s", err, failures(outcomes))
		}
		after := members(t, l.table(t, id))
		moved := 0
		for path, was := range before {
			switch is := after[path]; {
			case strings.HasSuffix(path, "etag"):
			case strings.HasSuffix(path, ".nextHopIpAddress") && was == `"`+hopA+`"`:
				moved++
				if is != `"`+hopB+`"` {
					t.Errorf("%s is %s, want %s", path, is, hopB)
				}
			case is != was:
				t.Errorf("%s was %s and is %s", path, was, is)
			}
		}
		if moved != 6 || len(after) != len(before) {
			t.Errorf("%d next hops moved, want 6; %d members before, %d after", moved, len(before), len(after))
		}
		l.mustNotTouchOthers(t)
	})
}

// D17: a peer matches by the beginning of a name, hides a failed write, and
// repeats a refused one with the etag that was refused.
func TestD17SimilarNamesAndRefusedWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{Spokes: 1, Tables: 1})
		base := w.RouteTables[0]
		w.RouteTables = nil
		for _, name := range []string{"rt-1", "rt-10", "rt-1-old"} {
			rt := base
			rt.Name, rt.Routes = name, []azuresim.Route{
				{Name: "node-1", AddressPrefix: "172.16.1.0/24", NextHopType: "VirtualAppliance", NextHopIPAddress: hopA},
				{Name: "node-10", AddressPrefix: "172.16.10.0/24", NextHopType: "VirtualAppliance", NextHopIPAddress: "10.1.0.40"},
				{Name: "node-1-a", AddressPrefix: "172.16.11.0/24", NextHopType: "VirtualAppliance", NextHopIPAddress: hopA},
			}
			rt.Tags = map[string]string{"nva_ha_udr": map[string]string{"rt-1": "emea"}[name] + map[string]string{"rt-10": "emea0", "rt-1-old": "eme"}[name]}
			w.RouteTables = append(w.RouteTables, rt)
		}
		for i := range w.VirtualNetworks {
			for j := range w.VirtualNetworks[i].Subnets {
				w.VirtualNetworks[i].Subnets[j].RouteTable = ""
			}
		}
		l := newLabOf(t, w, azuresim.Options{})
		l.inject(t, azuresim.Fault{Kind: azuresim.FaultPrecondition, Method: http.MethodPut, Count: 1})
		l.inject(t, azuresim.Fault{Kind: azuresim.Fault500, Method: http.MethodPut, Count: 1})
		term, stop := newTerm(t)
		defer stop()
		outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
		if err != nil || len(outcomes) != 1 || failures(outcomes) != "" || outcomes[0].Writes != 3 {
			t.Errorf("Apply() = %+v, %v", outcomes, err)
		}
		if _, hops := l.hops(t, l.managed[0]); hops["node-1"] != hopB || hops["node-1-a"] != hopB || hops["node-10"] != "10.1.0.40" {
			t.Errorf("next hops %v", hops)
		}
		l.mustNotTouchOthers(t)
	})
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
		id := l.managed[0]
		l.beforeTheFirst(http.MethodPut, id, func() { l.edit(t, id, `"env":"prod"`, `"env":"test"`) })
		term, stop := newTerm(t)
		defer stop()
		if outcomes, err := l.apply(t.Context(), t, l.client(t, func(s *azure.Settings) { s.Parallel = 1 }), term, ignore); err != nil || failures(outcomes) != "" {
			t.Fatalf("Apply() = %v %s", err, failures(outcomes))
		}
		var etags []string
		for _, call := range l.writes() {
			if strings.EqualFold(call.Path, id) {
				etags = append(etags, call.IfMatch)
			}
		}
		if len(etags) != 2 || etags[0] == etags[1] {
			t.Errorf("the refused write was repeated with %v", etags)
		}
	})
}
