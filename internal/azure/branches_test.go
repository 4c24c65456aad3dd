package azure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/branch"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

// inBranches runs f in a bubble in which the workload networks but for the first have
// no route table, and hopguard may make them.
func inBranches(t *testing.T, spokes int, f func(t *testing.T, s *spokes, c *azure.Client, term lease.Term), change ...func(*azuresim.World)) {
	t.Helper()
	rights := func(w *azuresim.World) {
		r := &w.Principals[0].Roles[0]
		r.Actions = append(r.Actions, "Microsoft.Network/routeTables/join/action", "Microsoft.Network/virtualNetworks/subnets/*")
	}
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: spokes, Tables: 1}, f, append([]func(*azuresim.World){rights}, change...)...)
}

func branches() branch.Want {
	return branch.Want{
		Group: "emea", TagName: "nva_ha_udr", TagValue: "emea", Subnets: []string{"*"}, Name: "rt-{group}-{region}",
		Prefixes: []branch.Prefix{{Prefix: netip.MustParsePrefix("172.20.0.0/16"), Source: "configuration"}},
		Hops:     branch.Hops{V4: netip.MustParseAddr(hopA)}, RemoveAfter: time.Hour, Now: time.Now(),
	}
}

// route reads, plans and applies.
func (s *spokes) route(ctx context.Context, t *testing.T, c *azure.Client, term lease.Term, want branch.Want) (branch.Plan, []branch.Outcome, error) {
	t.Helper()
	view, err := c.Networks(ctx, s.want())
	networks := slices.DeleteFunc(view.Networks, func(n peering.Network) bool { return slices.Contains(s.hubs, string(n.ID)) })
	tables, tableErr := c.BranchTables(ctx, want, networks)
	plan := want.Plan(networks, tables)
	return plan, c.ApplyBranches(ctx, azure.Branches{
		Term: term, Plan: plan, Want: func(context.Context) (branch.Want, error) { return want, nil },
		Selects: func(n peering.Network) bool { return n.Tags[spokeTag] == "emea" },
	}), errors.Join(err, tableErr)
}

// tableOf is the name of the table that a subnet uses.
func (s *spokes) tableOf(t *testing.T, network int) string {
	t.Helper()
	status, text := s.as(t, "owner", http.MethodGet, s.networks[network], "")
	n, err := peering.Parse([]byte(text))
	if status != http.StatusOK || err != nil {
		return fmt.Sprint(status, err)
	}
	return n.Subnets[0].Table.Name()
}

// mustBeRouted fails unless every network but the first has its table, with the route.
func (s *spokes) mustBeRouted(t *testing.T) {
	t.Helper()
	for i := range s.networks[1:] {
		id := strings.Replace(s.networks[i+1], "virtualNetworks/vnet-spoke-"+fmt.Sprint(i+2), "routeTables/"+s.tableOf(t, i+1), 1)
		raw := string(s.table(t, id))
		if !strings.HasPrefix(s.tableOf(t, i+1), "rt-emea-") || !strings.Contains(raw, `"172.20.0.0/16"`) || !strings.Contains(raw, hopA) {
			t.Errorf("network %d uses table %q: %s", i+1, s.tableOf(t, i+1), raw)
		}
	}
	if s.tableOf(t, 0) != "rt-spoke-001" {
		t.Errorf("the first network uses table %q, want its own", s.tableOf(t, 0))
	}
}

func branchFailures(outcomes []branch.Outcome) string {
	var b strings.Builder
	for _, o := range outcomes {
		if o.Err != nil {
			fmt.Fprintf(&b, "%s: %v\n", o.Resource, o.Err)
		}
		if o.Err == nil && o.Gone == "" && o.ReadBack.IsZero() {
			fmt.Fprintf(&b, "P9: %s: not done, and nothing says why\n", o.Resource)
		}
	}
	return b.String()
}

func TestP7BranchesConvergeAfterEachFault(t *testing.T) {
	for _, typ := range []string{"Microsoft.Network/routeTables", "Microsoft.Network/virtualNetworks/subnets"} {
		for _, x := range troubles() {
			if x.params["content"] == "old" && typ == "Microsoft.Network/routeTables" {
				continue // a table that is made has no older content
			}
			t.Run(x.String()+" "+typ, func(t *testing.T) {
				inBranches(t, 3, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
					f := x.onTables(http.MethodPut, 2)
					f.Type = typ
					s.inject(t, f)
					_, outcomes, err := s.route(t.Context(), t, c, term, branches())
					if x.rides && (err != nil || branchFailures(outcomes) != "") {
						t.Errorf("first: %v %s", err, branchFailures(outcomes))
					}
					s.ClearFaults()
					time.Sleep(time.Minute)
					if _, outcomes, err = s.route(t.Context(), t, c, term, branches()); err != nil || branchFailures(outcomes) != "" {
						t.Errorf("second: %v %s", err, branchFailures(outcomes))
					}
					s.mustBeRouted(t)
					time.Sleep(time.Minute)
					before := len(s.writes())
					if plan, _, err := s.route(t.Context(), t, c, term, branches()); err != nil || plan.Steps() != 0 || len(s.writes()) != before {
						t.Errorf("third: %v, %d writes\n%s", err, len(s.writes())-before, branch.PlanText(plan))
					}
				})
			})
		}
	}
}

// Between our read and our write somebody else does something to the second network.
func TestSomebodyElseChangesASubnetMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, s *spokes, network, subnet string)
		table  string // of the subnet afterwards
		gone   string // what its outcome says; "" if it is done
		has    string // what the subnet's JSON has afterwards
	}{
		{"changes-the-subnet", func(t *testing.T, s *spokes, _, subnet string) {
			t.Helper()
			_, text := s.as(t, "owner", http.MethodGet, subnet, "")
			s.as(t, "owner", http.MethodPut, subnet, strings.Replace(text, `"privateEndpointNetworkPolicies":"Disabled"`, `"privateEndpointNetworkPolicies":"Enabled"`, 1))
			time.Sleep(5 * time.Second)
		}, "rt-emea-northeurope", "", `"privateEndpointNetworkPolicies":"Enabled"`},
		{"gives-it-a-table", func(t *testing.T, s *spokes, network, subnet string) {
			t.Helper()
			theirs := strings.Replace(network, "virtualNetworks/vnet-spoke-2", "routeTables/theirs", 1)
			s.as(t, "owner", http.MethodPut, theirs, `{"location":"northeurope","properties":{"routes":[]}}`)
			time.Sleep(5 * time.Second)
			_, text := s.as(t, "owner", http.MethodGet, subnet, "")
			s.as(t, "owner", http.MethodPut, subnet, strings.Replace(text, `"addressPrefix"`, `"routeTable":{"id":"`+theirs+`"},"addressPrefix"`, 1))
			time.Sleep(5 * time.Second)
		}, "theirs", "somebody has given it the table theirs meanwhile", ""},
		{"takes-the-networks-tag", func(t *testing.T, s *spokes, network, _ string) {
			t.Helper()
			_, text := s.as(t, "owner", http.MethodGet, network, "")
			s.as(t, "owner", http.MethodPut, network, strings.Replace(text, `"`+spokeTag+`":"emea"`, `"was":"emea"`, 1))
			time.Sleep(5 * time.Second)
		}, "", "its network does not exist any more, or is not selected any more", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBranches(t, 2, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				subnet := s.networks[1] + "/subnets/snet-1"
				before := subnet
				if tt.table == "" { // while its table is made
					before = strings.Replace(s.networks[1], "virtualNetworks/vnet-spoke-2", "routeTables/rt-emea-northeurope", 1)
				}
				s.beforeTheFirst(http.MethodPut, before, func() {
					s.hook = nil
					tt.change(t, s, s.networks[1], subnet)
				})
				_, outcomes, err := s.route(t.Context(), t, c, term, branches())
				if err != nil || branchFailures(outcomes) != "" {
					t.Errorf("%v %s", err, branchFailures(outcomes))
				}
				if got := outcomes[len(outcomes)-1].Gone; got != tt.gone {
					t.Errorf("outcome says %q, want %q", got, tt.gone)
				}
				_, text := s.as(t, "owner", http.MethodGet, subnet, "")
				if got := s.tableOf(t, 1); got != tt.table || !strings.Contains(text, tt.has) {
					t.Errorf("table %q, want %q: %s", got, tt.table, text)
				}
			})
		})
	}
}

// A table that somebody makes under our name, between our read and our write, is not
// written, and no subnet gets it.
func TestSomebodyElseMakesTheTableMeanwhile(t *testing.T) {
	inBranches(t, 2, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		id := strings.Replace(s.networks[1], "virtualNetworks/vnet-spoke-2", "routeTables/rt-emea-northeurope", 1)
		s.beforeTheFirst(http.MethodPut, id, func() {
			s.hook = nil
			s.as(t, "owner", http.MethodPut, id, `{"location":"northeurope","properties":{"routes":[]}}`)
			time.Sleep(5 * time.Second)
		})
		_, outcomes, _ := s.route(t.Context(), t, c, term, branches())
		if got := branchFailures(outcomes); !strings.Contains(got, "hopguard has not made it, and it does not have the tag nva_ha_udr=emea") ||
			!strings.Contains(got, "not tried, because its table was not made") {
			t.Errorf("outcomes = %s", got)
		}
		if raw := string(s.table(t, id)); strings.Contains(raw, "172.20") || s.tableOf(t, 1) != "" {
			t.Errorf("their table was written, or used by %q: %s", s.tableOf(t, 1), raw)
		}
	})
}

// Next hops are those of the moment of the write, and without a term nothing is written.
func TestBranchesFollowTheRecord(t *testing.T) {
	inBranches(t, 2, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		want := branches()
		view, err := c.Networks(t.Context(), s.want())
		if err != nil {
			t.Fatal(err)
		}
		view.Networks = slices.DeleteFunc(view.Networks, func(n peering.Network) bool { return !strings.HasSuffix(string(n.ID), "vnet-spoke-2") })
		plan := want.Plan(view.Networks, nil)
		var asked atomic.Int32
		b := azure.Branches{
			Plan: plan, Selects: func(peering.Network) bool { return true },
			Want: func(context.Context) (branch.Want, error) {
				asked.Add(1)
				now := want
				now.Hops.V4 = netip.MustParseAddr(hopB)
				return now, nil
			},
		}
		if got := branchFailures(c.ApplyBranches(t.Context(), b)); !strings.Contains(got, "leadership lost") || len(s.writes()) != 0 {
			t.Errorf("without a term: %s, %d writes", got, len(s.writes()))
		}
		b.Term = term
		if got := branchFailures(c.ApplyBranches(t.Context(), b)); got != "" || asked.Load() == 0 {
			t.Errorf("ApplyBranches() = %s", got)
		}
		id := plan.Tables[0].Table
		if raw := string(s.table(t, string(id))); !strings.Contains(raw, hopB) || strings.Contains(raw, hopA) {
			t.Errorf("the routes do not go to the active member: %s", raw)
		}
		failing := b
		failing.Plan.Tables = []branch.TablePlan{want.Table(id+"x", "northeurope", nil)}
		failing.Plan.Subnets = nil
		failing.Want = func(context.Context) (branch.Want, error) { return branch.Want{}, errors.New("the store is down") }
		if got := branchFailures(c.ApplyBranches(t.Context(), failing)); !strings.Contains(got, "the store is down") {
			t.Errorf("without a record: %s", got)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		failing.Want, failing.Plan = b.Want, plan
		if outcomes := c.ApplyBranches(ended, failing); len(outcomes) != 2 || !strings.Contains(branchFailures(outcomes), "not begun") {
			t.Errorf("after the end: %v", outcomes)
		}
	})
}

// A right that is missing is named, with where it is missing, and not asked for again
// and again.
func TestBranchesWithoutRights(t *testing.T) {
	drop := func(action string) func(*azuresim.World) {
		return func(w *azuresim.World) {
			r := &w.Principals[0].Roles[0]
			r.Actions = slices.DeleteFunc(slices.Clone(r.Actions), func(a string) bool { return strings.EqualFold(a, action) })
		}
	}
	for action, says := range map[string]string{
		"Microsoft.Network/routeTables/write":         "the identity lacks the right Microsoft.Network/routeTables/write on /subscriptions/",
		"Microsoft.Network/routeTables/join/action":   "lacks the right Microsoft.Network/routeTables/join/action on /subscriptions/",
		"Microsoft.Network/virtualNetworks/subnets/*": "the identity lacks the right Microsoft.Network/virtualNetworks/subnets/read on /subscriptions/",
	} {
		t.Run(action[len("Microsoft.Network/"):], func(t *testing.T) {
			inBranches(t, 3, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				_, outcomes, _ := s.route(t.Context(), t, c, term, branches())
				if got := branchFailures(outcomes); !strings.Contains(got, says) {
					t.Errorf("outcomes = %s, want %s", got, says)
				}
			}, drop(action))
		})
	}
}

// Who waits for what nobody needs does not stand in the way of who needs it.
func TestSpareDoesNotStandInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := azure.NewBudget(http.MethodPut)
		const path = "/subscriptions/s/providers/Microsoft.Network/routeTables/x"
		if _, err := b.Take(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waited := make(chan struct{})
		go func() {
			defer close(waited)
			for range 3 {
				if _, err := b.TakeSpare(ctx, path); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		began := time.Now()
		for range 100 {
			if _, err := b.Take(t.Context(), path); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("a hundred tokens took %v beside one who waits for a spare one, want none", took)
		}
		cancel()
		<-waited
	})
}
