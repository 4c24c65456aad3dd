package app_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/merakisim"
	"hopguard/internal/spoke"
)

// routedTable is the table of the second workload network.
const routedTable = "rt-hopguard-emea-northeurope"

// newBranchWorld is a routed world in which every network of the simulated Meraki
// organization but those of the members is a branch.
func newBranchWorld(t *testing.T, change ...func(*azuresim.World)) (world, *merakisim.Sim) {
	t.Helper()
	w := newRoutedWorld(t, 3, change...)
	cloud := w.withMeraki(t)
	k := config.DefaultCheck(config.KindMeraki)
	k.Targets = map[string]string{"vmx-a": merakisim.ExamplePrimary, "vmx-b": merakisim.ExampleSecondary}
	g := &w.config.Groups[0]
	g.Checks, g.Vote = append(slices.Clone(g.Checks), k), config.VoteAll
	g.Branches.Prefixes = []netip.Prefix{netip.MustParsePrefix("172.16.0.0/24")}
	g.Branches.Meraki.Networks = []string{"*"}
	w.config = w.config.Complete()
	if err := w.config.Validate(); err != nil {
		t.Fatal(err)
	}
	return w, cloud
}

// offer says what a branch offers from now on.
func offer(t *testing.T, cloud *merakisim.Sim, name string, prefixes ...string) {
	t.Helper()
	var list []netip.Prefix
	for _, p := range prefixes {
		list = append(list, netip.MustParsePrefix(p))
	}
	if err := cloud.SetBranch(name, list...); err != nil {
		t.Fatal(err)
	}
}

// destinations are the prefixes of the routes of a table.
func (w world) destinations(t *testing.T, name string) []string {
	t.Helper()
	routes, _ := w.routesOf(t, name)
	for i, r := range routes {
		routes[i], _, _ = strings.Cut(r, "=")
	}
	return routes
}

// lacks are those of a report, one a line.
func lacks(r *spoke.Report) string {
	var b strings.Builder
	for _, l := range r.Lacks() {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

// listCalls counts the requests for VPN statuses of the whole organization.
func listCalls(cloud *merakisim.Sim) int {
	n := 0
	for _, c := range cloud.Calls() {
		if strings.HasSuffix(c.Path, "/vpn/statuses") && len(c.Query["networkIds[]"]) == 0 {
			n++
		}
	}
	return n
}

var threeBranches = []string{"10.101.0.0/24", "10.102.0.0/24", "10.103.0.0/24", "172.16.0.0/24"}

// A branch that joins the organization while hopguard runs has its route in every table
// within one scan, by itself; one that leaves keeps it, and is reported as held.
func TestRunRoutesANewBranchWithinOneScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, cloud := newBranchWorld(t)
		w.config.Groups[0].Branches.RemoveAfter = time.Hour
		d := w.run(t)
		time.Sleep(3*time.Minute + 10*time.Second) // a scan has just ended
		if got := w.destinations(t, routedTable); !slices.Equal(got, threeBranches) {
			t.Fatalf("destinations = %v, want %v", got, threeBranches)
		}
		offer(t, cloud, "turin", "10.104.0.0/24")
		began := time.Now()
		with := append(slices.Clone(threeBranches[:3]), "10.104.0.0/24", "172.16.0.0/24")
		for !slices.Equal(w.destinations(t, routedTable), with) && time.Since(began) < 5*time.Minute {
			time.Sleep(time.Second)
		}
		took := time.Since(began)
		if most := time.Minute + 15*time.Second; took > most {
			t.Errorf("the new branch is routed after %v, want at most %v", took, most)
		}
		t.Logf("the new branch is routed after %v", took)
		time.Sleep(time.Minute)
		if got := w.destinations(t, "rt-hopguard-emea-westeurope"); !slices.Equal(got, with) {
			t.Errorf("the other table leads to %v, want %v", got, with)
		}
		before, writes := listCalls(cloud), w.writes()
		time.Sleep(10 * time.Minute)
		if n := listCalls(cloud) - before; n != 10 || w.writes() != writes {
			t.Errorf("%d lists of the organization in 10 minutes and %d writes, want 10 and none", n, w.writes()-writes)
		}
		if err := cloud.RemoveBranch("riga"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if got := w.destinations(t, routedTable); !slices.Equal(got, with) {
			t.Errorf("long after a branch left: %v, want that its route stays", got)
		}
		r := d.shownSpokes()
		held := r.UnwantedRoutes()
		if len(held) != 1 || held[0].Prefix != netip.MustParsePrefix("10.103.0.0/24") || held[0].Tables != 2 || held[0].Until.Sub(held[0].Since) != time.Hour || r.State() != spoke.Agreed {
			t.Errorf("held = %v, the scan is %s", held, r.State())
		}
		for _, want := range []string{"  routes of configuration: 172.16.0.0/24\n", "  routes of network turin: 10.104.0.0/24\n", "  held: 10.103.0.0/24: nobody wants it since "} {
			if text := spoke.Text(r); !strings.Contains(text, want) {
				t.Errorf("the report lacks %q:\n%s", want, text)
			}
		}
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		for _, want := range []string{`"added":["10.104.0.0/24 (network turin)"]`, `"unwanted":["10.103.0.0/24: nobody wants it`} {
			if !strings.Contains(d.log.String(), want) {
				t.Errorf("the log lacks %s", want)
			}
		}
	})
}

// The route to a branch that is gone goes when that is asked for, after the delay, and
// only while the cloud says so.
func TestABranchThatIsGoneIsRemovedWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, cloud := newBranchWorld(t)
		a := w.open(t)
		tick(t, a)
		scanned(t, a, spoke.Agreed, app.SpokesRequest{})
		if err := cloud.RemoveBranch("riga"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		scanned(t, a, spoke.Agreed, app.SpokesRequest{Remove: true}) // the clock begins
		holds := func(what string, want ...string) {
			t.Helper()
			if got := w.destinations(t, routedTable); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		holds("at once", threeBranches...)
		time.Sleep(23 * time.Hour)
		if scanned(t, a, spoke.Agreed, app.SpokesRequest{Remove: true}).Wrote() {
			t.Error("something was written before the delay was over")
		}
		time.Sleep(2 * time.Hour)
		for _, kind := range []merakisim.FaultKind{merakisim.Fault503, merakisim.FaultEmpty} {
			inject(t, cloud, kind)
			if scanned(t, a, spoke.Degraded, app.SpokesRequest{Remove: true}).Wrote() {
				t.Errorf("%s: something was written while nothing is known", kind)
			}
			cloud.Heal()
			time.Sleep(time.Minute)
		}
		if scanned(t, a, spoke.Agreed, app.SpokesRequest{}).Wrote() {
			t.Error("something was written without being asked")
		}
		scanned(t, a, spoke.Agreed, app.SpokesRequest{Remove: true})
		holds("removed", "10.101.0.0/24", "10.102.0.0/24", "172.16.0.0/24")
	})
}

func inject(t *testing.T, cloud *merakisim.Sim, kind merakisim.FaultKind) {
	t.Helper()
	if err := cloud.Inject(merakisim.Fault{Kind: kind, Path: "vpn/statuses$"}); err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong with the cloud, nothing changes: not what is there, not what is new
// in its answer, and no clock of a removal begins. It is said, and not again and again.
func TestTroubleWithTheCloudChangesNothing(t *testing.T) {
	for kind, says := range map[merakisim.FaultKind]string{
		merakisim.Fault503: "503 Service Unavailable", merakisim.FaultThrottled: "429 Too Many Requests", merakisim.FaultUnauthorized: "401 Unauthorized",
		merakisim.FaultNotFound: "404 Not Found", merakisim.FaultGarbage: "a body that is not JSON", merakisim.FaultTruncated: "a body that is not JSON",
		merakisim.FaultHang: "no answer within", merakisim.FaultReset: "GET ", merakisim.FaultEmpty: "no network with the device Q2XX-AAAA-0001 of member vmx-a",
	} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, cloud := newBranchWorld(t)
				d := w.run(t)
				time.Sleep(3 * time.Minute)
				before, lines := w.writes(), strings.Count(d.log.String(), `"msg":"spokes"`)
				inject(t, cloud, kind)
				offer(t, cloud, "turin", "10.104.0.0/24")
				if err := cloud.RemoveBranch("riga"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(30 * time.Minute)
				_, tags := w.routesOf(t, routedTable)
				if got := w.destinations(t, routedTable); !slices.Equal(got, threeBranches) || w.writes() != before || tags["hopguard-unwanted"] != "" {
					t.Errorf("destinations = %v, %d writes, tags = %v, want nothing changed", got, w.writes()-before, tags)
				}
				r := d.shownSpokes()
				if text := lacks(r); r.State() != spoke.Degraded || !strings.Contains(text, "branches-unknown: Meraki organization 549236: ") || !strings.Contains(text, says) {
					t.Errorf("the scan is %s, lacks %s\nwant %q", r.State(), text, says)
				}
				if n := strings.Count(d.log.String(), `"msg":"spokes"`) - lines; n != 1 {
					t.Errorf("%d lines in the log about an outage, want 1", n)
				}
				cloud.Heal()
				time.Sleep(3 * time.Minute)
				with := append(slices.Clone(threeBranches[:3]), "10.104.0.0/24", "172.16.0.0/24")
				if got := w.destinations(t, routedTable); !slices.Equal(got, with) {
					t.Errorf("after it: %v, want %v", got, with)
				}
				if err := d.stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// All branches without any subnet is an answer that nobody believes.
func TestBranchesWithoutSubnetsAreAMistake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, cloud := newBranchWorld(t)
		a := w.open(t)
		tick(t, a)
		scanned(t, a, spoke.Agreed, app.SpokesRequest{})
		for _, name := range []string{"oslo", "porto", "riga"} {
			offer(t, cloud, name)
		}
		time.Sleep(time.Minute)
		r := scanned(t, a, spoke.Degraded, app.SpokesRequest{Remove: true})
		if _, tags := w.routesOf(t, routedTable); r.Wrote() || tags["hopguard-unwanted"] != "" || !strings.Contains(lacks(r), "none of them offers a subnet") {
			t.Errorf("tags = %v, lacks = %s", tags, lacks(r))
		}
	})
}

// What must not be routed is refused by name, and does not keep the rest from it.
func TestBranchesThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, cloud := newBranchWorld(t)
		var space string
		for _, v := range w.reference.VirtualNetworks {
			if v.Name == "vnet-spoke-2" {
				space = v.AddressPrefixes[0]
			}
		}
		offer(t, cloud, "oslo", "0.0.0.0/0", "8.8.8.0/24", "10.101.0.0/24")
		offer(t, cloud, "porto", space, "10.2.0.0/28", "10.0.0.0/8")
		offer(t, cloud, "riga", "172.16.0.128/25", "fd00:1::/64", "10.101.0.0/24", "172.16.0.0/24")
		a := w.open(t)
		tick(t, a)
		r := scanned(t, a, spoke.Degraded, app.SpokesRequest{})
		for _, want := range []string{
			"outside: 0.0.0.0/0 of network oslo: it does not lie in any of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7",
			"outside: 8.8.8.0/24 of network oslo: ",
			fmt.Sprintf("overlap: %s of network porto: it overlaps %s of virtual network vnet-spoke-2: a route would draw local traffic", space, space),
			"overlap: 10.2.0.0/28 of network porto: it overlaps 10.2.0.0/16 of virtual network vnet-sdwan-b",
			"overlap: 10.0.0.0/8 of network porto: it overlaps ",
		} {
			if !strings.Contains(lacks(r), want) {
				t.Errorf("lacks %q:\n%s", want, lacks(r))
			}
		}
		if len(r.Lacks()) != 5 {
			t.Errorf("%d lacks, want 5:\n%s", len(r.Lacks()), lacks(r))
		}
		if got, want := w.destinations(t, routedTable), []string{"10.101.0.0/24", "172.16.0.0/24"}; !slices.Equal(got, want) {
			t.Errorf("destinations = %v, want %v: what lies in the configuration's needs no route, and members have no IPv6", got, want)
		}
		if text := spoke.Text(r); !strings.Contains(text, "routes of network oslo, network riga: 10.101.0.0/24\n") {
			t.Errorf("report = %s", text)
		}
	})
}

// Which networks of which organization count as branches, and with what, is as the
// configuration says.
func TestBranchSettingsReachTheCloud(t *testing.T) {
	tests := []struct {
		name   string
		change func(*config.MerakiBranches)
		want   []string // destinations; nil is that the source is in doubt
	}{
		{"networks", func(m *config.MerakiBranches) { m.Networks = []string{"oslo"} }, []string{"10.101.0.0/24", "172.16.0.0/24"}},
		{"exclude-a-network", func(m *config.MerakiBranches) { m.Exclude = []string{"oslo"} }, []string{"10.102.0.0/24", "10.103.0.0/24", "172.16.0.0/24"}},
		{"exclude-a-prefix", func(m *config.MerakiBranches) { m.Exclude = []string{"10.102.0.0/16"} }, []string{"10.101.0.0/24", "10.103.0.0/24", "172.16.0.0/24"}},
		{"within", func(m *config.MerakiBranches) { m.Within = []netip.Prefix{netip.MustParsePrefix("10.101.0.0/16")} }, []string{"10.101.0.0/24", "172.16.0.0/24"}},
		{"organization", func(m *config.MerakiBranches) { m.Organization = "1" }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := newBranchWorld(t) // with three branches: oslo, porto and riga
				tt.change(&w.config.Groups[0].Branches.Meraki)
				a := w.open(t)
				tick(t, a)
				r := a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{})
				want := tt.want
				if want == nil {
					want = []string{"172.16.0.0/24"}
					if !strings.Contains(lacks(r), "branches-unknown") {
						t.Errorf("lacks = %s, want that the branches are not known", lacks(r))
					}
				}
				if got := w.destinations(t, routedTable); !slices.Equal(got, want) {
					t.Errorf("destinations = %v, want %v; lacks:\n%s", got, want, lacks(r))
				}
			})
		})
	}
}

// A table has at most 400 routes; what would be too many is said, and not cut off.
func TestMoreBranchesThanATableHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, cloud := newBranchWorld(t)
		a := w.open(t)
		tick(t, a)
		scanned(t, a, spoke.Agreed, app.SpokesRequest{})
		var many []string
		for i := range 396 {
			many = append(many, fmt.Sprintf("10.%d.%d.0/24", 200+i/256, i%256))
		}
		offer(t, cloud, "turin", many...)
		time.Sleep(time.Minute)
		scanned(t, a, spoke.Agreed, app.SpokesRequest{})
		if n := len(w.destinations(t, routedTable)); n != 400 {
			t.Fatalf("%d routes, want 400", n)
		}
		offer(t, cloud, "ulm", "10.105.0.0/24", "10.106.0.0/24")
		time.Sleep(time.Minute)
		r := scanned(t, a, spoke.Degraded, app.SpokesRequest{})
		const want = "route table rt-hopguard-emea-northeurope: limit: it would have 402 routes, and Azure allows 400: none of the new ones is added: 10.105.0.0/24 (network ulm), 10.106.0.0/24 (network ulm)"
		if n := len(w.destinations(t, routedTable)); n != 400 || r.Wrote() || !strings.Contains(lacks(r), want) {
			t.Errorf("%d routes, lacks %s\nwant %s", n, lacks(r), want)
		}
	})
}

// While not every network could be read, no branch is added: it may overlap one.
func TestBranchesWaitForTheNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, cloud := newBranchWorld(t)
		a := w.open(t)
		tick(t, a)
		scanned(t, a, spoke.Agreed, app.SpokesRequest{})
		offer(t, cloud, "turin", "10.104.0.0/24")
		time.Sleep(time.Minute)
		if _, err := w.Inject(azuresim.Fault{Kind: azuresim.Fault500, Path: "virtualNetworks$"}); err != nil {
			t.Fatal(err)
		}
		r := a.ScanSpokes(t.Context(), "emea", app.SpokesRequest{})
		if got := w.destinations(t, routedTable); !slices.Equal(got, threeBranches) || !strings.Contains(lacks(r), "not all virtual networks could be read") {
			t.Errorf("destinations = %v, lacks = %s", got, lacks(r))
		}
	})
}
