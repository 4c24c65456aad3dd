package azure_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/probe"
	"hopguard/internal/route"
	"hopguard/internal/store"
)

// memberVM is the id of one of the two appliances.
func (l *lab) memberVM(t *testing.T, name string) appliance.ResourceID {
	t.Helper()
	for _, vm := range l.world.VirtualMachines {
		if vm.Name == name {
			return appliance.ResourceID(vm.ID())
		}
	}
	t.Fatalf("no machine %s", name)
	return ""
}

// controller returns a controller of the group that has the tag's value, as it is
// configured by default: vm-status, 3 failures 2 s apart.
func (l *lab) controller(t *testing.T, group string, c *azure.Client) *controller.Controller {
	t.Helper()
	g := appliance.Group{Name: appliance.GroupName(group), Preferred: "vmx-a", Members: []appliance.Member{
		{Name: "vmx-a", VM: l.memberVM(t, "vmx-a")}, {Name: "vmx-b", VM: l.memberVM(t, "vmx-b")},
	}}
	return newController(g, c, c, route.Selection{TagName: "nva_ha_udr", TagValue: group})
}

func newController(g appliance.Group, cloud controller.Cloud, power probe.PowerReader, selection route.Selection) *controller.Controller {
	return &controller.Controller{
		Group:  g,
		Policy: decide.Policy{Group: g, Failback: decide.FailbackManual, HoldDown: time.Minute, MaxTransitions: 4, Per: time.Hour},
		Checks: []controller.Check{{Check: decide.Check{Name: "vm", Fall: 3, Rise: 2}, Confirm: 2 * time.Second}},
		Vote:   decide.Vote{Down: 1}, Selection: selection,
		Prober: probe.Set{Members: g.Members, Checks: []probe.Check{{Name: "vm", Timeout: 5 * time.Second, Question: probe.VMStatus{Power: power}}}},
		Cloud:  cloud, Records: new(store.Memory), Now: time.Now,
	}
}

// mustBe fails unless the report is in that state.
func mustBe(t *testing.T, r *controller.Report, want controller.State) {
	t.Helper()
	if r.State() != want {
		t.Errorf("the tick is %s, want %s; decision %s, warnings %v, errors %v", r.State(), want, r.Decision.Reason, r.Warnings, r.Err())
	}
}

func TestATickMovesTheRoutesOfADeadMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
		c := l.controller(t, "emea", l.client(t))
		c.Verify = controller.Verify{NICs: []appliance.ResourceID{appliance.ResourceID(l.world.VirtualMachines[2].NICID(0))}, Timeout: time.Minute}
		term, stop := newTerm(t)
		defer stop()
		mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Agreed)
		if n := len(l.writes()); n != 0 {
			t.Errorf("%d writes while all is well", n)
		}
		time.Sleep(10 * time.Second)
		if err := l.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // Azure's list is a second behind
		off := time.Now()
		r := c.Tick(t.Context(), term, controller.Request{})
		mustBe(t, r, controller.Degraded) // vmx-a is down
		if r.Decision.Reason != decide.ReasonActiveDown || r.Record.Active != "vmx-b" || len(r.Outcomes) != 3 {
			t.Errorf("decision %+v, active %s, %d outcomes", r.Decision, r.Record.Active, len(r.Outcomes))
		}
		l.mustBeHonest(t, r.Outcomes)
		if took := r.Decided.Sub(off); took < 4*time.Second || took > 4500*time.Millisecond {
			t.Errorf("decided after %v, want 3 tries 2 s apart", took)
		}
		if took := r.Applied.Sub(r.Committed); took < 2*time.Second || took > 2200*time.Millisecond {
			t.Errorf("written in %v, want the 2 s of a write", took)
		}
		if len(r.Effective) != 1 || r.Effective[0].At.Before(r.Applied) || r.Effective[0].At.Sub(off) > 20*time.Second {
			t.Errorf("effective %+v, applied %v", r.Effective, r.Applied)
		}
		l.mustHaveMoved(t)
		// D2: a peer writes all tables again and again.
		n := len(l.writes())
		for range 3 {
			r = c.Tick(t.Context(), term, controller.Request{})
			mustBe(t, r, controller.Degraded)
			time.Sleep(10 * time.Second)
		}
		if got := len(l.writes()) - n; got != 0 || len(r.Outcomes) != 0 {
			t.Errorf("%d writes in the ticks after it", got)
		}
		// The dead one returns: nothing moves by itself, and all is well.
		if err := l.PowerOn("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Agreed)
		if got := len(l.writes()) - n; got != 0 {
			t.Errorf("%d writes after its return", got)
		}
	})
}

func TestP9ATickThatCouldNotWriteSaysSo(t *testing.T) {
	tests := []struct {
		name  string
		fault azuresim.Fault
		says  string
	}{
		{"no-right", azuresim.Fault{Kind: azuresim.FaultForbidden, Method: http.MethodPut}, "the identity lacks the right Microsoft.Network/routeTables/write on /subscriptions/"},
		{"locked", azuresim.Fault{Kind: azuresim.FaultLocked, Method: http.MethodPut}, "ScopeLocked"},
		{"accepted-and-failed", azuresim.Fault{Kind: azuresim.FaultFailedPoll, Method: http.MethodPut, Params: map[string]string{"code": "InternalServerError"}}, "accepted, then failed: InternalServerError"},
		{"one-of-three", azuresim.Fault{Kind: azuresim.FaultFailedPoll, Method: http.MethodPut, Count: 1, Params: map[string]string{"code": "InternalServerError"}}, "accepted, then failed: InternalServerError"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
				c := l.controller(t, "emea", l.client(t))
				term, stop := newTerm(t)
				defer stop()
				mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Agreed)
				if err := l.PowerOff("vmx-a"); err != nil {
					t.Fatal(err)
				}
				l.inject(t, tt.fault)
				time.Sleep(2 * time.Second) // Azure's list is a second behind
				for i := range 2 {
					r := c.Tick(t.Context(), term, controller.Request{})
					l.mustBeHonest(t, r.Outcomes)
					if i == 1 && tt.fault.Count == 1 {
						break // it may have healed by now
					}
					mustBe(t, r, controller.Failed)
					if r.Record.Active != "vmx-b" || !strings.Contains(fmt.Sprint(r.Err()), tt.says) {
						t.Errorf("tick %d: active %s, %v; want %q", i, r.Record.Active, r.Err(), tt.says)
					}
					time.Sleep(10 * time.Second)
				}
				l.ClearFaults()
				for range 2 {
					time.Sleep(10 * time.Second)
					c.Tick(t.Context(), term, controller.Request{})
				}
				mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Degraded)
				l.mustHaveMoved(t)
			})
		})
	}
}

// D6, D8: neither both down nor an ill API moves anything.
func TestDoubtWritesNothing(t *testing.T) {
	tests := []struct {
		name   string
		before func(t *testing.T, l *lab)
		reason decide.Reason
	}{
		{"both-down", func(t *testing.T, l *lab) {
			t.Helper()
			for _, vm := range []string{"vmx-a", "vmx-b"} {
				if err := l.Deallocate(vm); err != nil {
					t.Fatal(err)
				}
			}
		}, decide.ReasonBothDown},
		{"compute-is-ill", func(t *testing.T, l *lab) {
			t.Helper()
			l.inject(t, azuresim.Fault{Kind: azuresim.Fault500, Type: "Microsoft.Compute/virtualMachines"})
		}, decide.ReasonActiveUnknown},
		{"compute-is-throttled-and-a-member-is-down", func(t *testing.T, l *lab) {
			t.Helper()
			l.inject(t, azuresim.Fault{Kind: azuresim.FaultCompute429, Type: "Microsoft.Compute/virtualMachines"})
			if err := l.PowerOff("vmx-a"); err != nil {
				t.Fatal(err)
			}
		}, decide.ReasonActiveUnknown},
		{"tables-cannot-be-read-and-a-member-is-down", func(t *testing.T, l *lab) {
			t.Helper()
			l.inject(t, azuresim.Fault{Kind: azuresim.FaultForbidden, Type: "Microsoft.Network/routeTables"})
			if err := l.PowerOff("vmx-a"); err != nil {
				t.Fatal(err)
			}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
				c := l.controller(t, "emea", l.client(t))
				term, stop := newTerm(t)
				defer stop()
				mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Agreed)
				tt.before(t, l)
				time.Sleep(2 * time.Second) // Azure's list is a second behind
				r := c.Tick(t.Context(), term, controller.Request{})
				if r.State() == controller.Agreed || r.Decision.Reason != tt.reason || len(l.writes()) != 0 {
					t.Errorf("the tick is %s, reason %q, %d writes; want %q and none", r.State(), r.Decision.Reason, len(l.writes()), tt.reason)
				}
			})
		})
	}
}

// The dead member's region answers no request any more. Its tables cannot be
// written; the others move at once, and the rest when the region is back.
func TestARegionWithoutAnAnswerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
		c := l.controller(t, "emea", l.client(t))
		term, stop := newTerm(t)
		defer stop()
		mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Agreed)
		l.SetOutage("westeurope", true)
		order := &decide.Order{Kind: decide.OrderSwitch, To: "vmx-b", Force: true, By: "test"}
		began := time.Now()
		r := c.Tick(t.Context(), term, controller.Request{Order: order})
		mustBe(t, r, controller.Failed)
		l.mustBeHonest(t, r.Outcomes)
		here := 0
		for _, o := range r.Outcomes {
			if o.Done() {
				here++
				if took := o.ReadBack.Sub(began); took > 15*time.Second {
					t.Errorf("%s moved after %v", o.Table, took)
				}
			}
		}
		if here == 0 {
			t.Errorf("no table moved: %v", r.Err())
		}
		l.SetOutage("westeurope", false)
		time.Sleep(time.Minute)
		c.Tick(t.Context(), term, controller.Request{})
		l.mustHaveMoved(t)
	})
}

// A member whose region does not answer is given up soon; the other is found.
func TestAMemberWithoutAnAnswerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
		l.inject(t, azuresim.Fault{Kind: azuresim.FaultTimeout, Path: "virtualMachines/vmx-a"})
		began := time.Now()
		places, err := l.client(t).Places(t.Context(), []appliance.Member{{Name: "vmx-a", VM: l.memberVM(t, "vmx-a")}, {Name: "vmx-b", VM: l.memberVM(t, "vmx-b")}})
		if len(places) != 1 || places[0].Member != "vmx-b" || !strings.Contains(fmt.Sprint(err), "find member vmx-a: ") || !strings.Contains(fmt.Sprint(err), "no answer within 8s") {
			t.Errorf("Places() = %v, %v", places, err)
		}
		if took := time.Since(began); took != 8*time.Second {
			t.Errorf("took %v, want 8 s", took)
		}
	})
}

// One of three subscriptions takes requests and never answers.
func TestASubscriptionWithoutAnAnswerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{Subscriptions: 3}, azuresim.Options{})
		c := l.controller(t, "emea", l.client(t))
		term, stop := newTerm(t)
		defer stop()
		mustBe(t, c.Tick(t.Context(), term, controller.Request{}), controller.Agreed)
		l.inject(t, azuresim.Fault{Kind: azuresim.FaultTimeout, Path: "000000000002/"})
		if err := l.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // Azure's list is a second behind
		began := time.Now()
		r := c.Tick(t.Context(), term, controller.Request{})
		mustBe(t, r, controller.Failed)
		if took := time.Since(began); took > 30*time.Second || len(r.Outcomes) != 2 || !r.Outcomes[0].Done() || !r.Outcomes[1].Done() {
			t.Errorf("after %v: %d outcomes; %v", took, len(r.Outcomes), r.Err())
		}
		if want := "list route tables of subscription 5b5c1a10-0000-4000-8000-000000000002: "; !strings.Contains(fmt.Sprint(r.Err()), want) {
			t.Errorf("error %v does not say %q", r.Err(), want)
		}
		l.ClearFaults()
		c.Tick(t.Context(), term, controller.Request{})
		l.mustHaveMoved(t)
	})
}

// quietWorld has two groups with half of the tables each.
func quietWorld(tables, subscriptions int) azuresim.World {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{Spokes: min(12, tables), Tables: tables, RoutesPerTable: 3, Subscriptions: subscriptions})
	for i := range w.RouteTables {
		if w.RouteTables[i].Tags["nva_ha_udr"] == "emea" && i%2 == 1 {
			w.RouteTables[i].Tags = map[string]string{"nva_ha_udr": "amer"}
		}
	}
	return w
}

// callsByKind counts the calls since the last count.
func (l *lab) callsByKind() map[string]int {
	n := map[string]int{}
	for _, c := range l.Calls() {
		switch {
		case c.Method != http.MethodGet:
			n["writes"]++
		case strings.Contains(strings.ToLower(c.Query), "skiptoken"):
			n["further pages"]++
		case strings.HasSuffix(c.Path, "/virtualMachines"):
			n["vm lists"]++
		case strings.HasSuffix(c.Path, "/routeTables"):
			n["table lists"]++
		default:
			n["other reads"]++
		}
	}
	l.ResetCalls()
	return n
}

// quietTick ticks all groups together once, as a host does.
func quietTick(ctx context.Context, term lease.Term, all []*controller.Controller) []*controller.Report {
	reports := make([]*controller.Report, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { reports[i] = c.Tick(ctx, term, controller.Request{}) })
	}
	wg.Wait()
	return reports
}

func TestAQuietTickCostsOneListOfMachinesAndOneOfTablesPerSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLabOf(t, quietWorld(600, 3), azuresim.Options{})
		client := l.client(t)
		groups := []*controller.Controller{l.controller(t, "emea", client), l.controller(t, "amer", client)}
		term, stop := newTerm(t)
		defer stop()
		quietTick(t.Context(), term, groups)
		for range 5 {
			time.Sleep(10 * time.Second)
			l.ResetCalls()
			for _, r := range quietTick(t.Context(), term, groups) {
				mustBe(t, r, controller.Agreed)
				if n := len(r.Plan.Tables); n != 300 {
					t.Errorf("group %s has %d tables, want 300", r.Group, n)
				}
			}
			if got, want := fmt.Sprint(l.callsByKind()), "map[table lists:3 vm lists:1]"; got != want {
				t.Errorf("a quiet tick of both groups made %s, want %s", got, want)
			}
		}
	})
}
