package peering_test

import (
	"fmt"
	"strings"
	"testing"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
)

// problems are the plan's problems, one a line.
func problems(p peering.Plan) string {
	var b strings.Builder
	if p.Problem != nil {
		fmt.Fprintf(&b, "%s: %s\n", p.Problem.Code, p.Problem.Text)
	}
	for _, n := range p.Networks {
		if n.Skipped != "" {
			fmt.Fprintf(&b, "%s: skipped: %s\n", n.Network.Name(), n.Skipped)
		}
		for _, pair := range n.Pairs {
			if pair.Problem != nil {
				fmt.Fprintf(&b, "%s-%s: %s: %s\n", pair.Spoke.Name(), pair.Hub.Name(), pair.Problem.Code, pair.Problem.Text)
			}
		}
	}
	return b.String()
}

// planned are the steps of all pairs, one pair a line, in the order of Writes.
func planned(p peering.Plan) string {
	var b strings.Builder
	for _, pair := range p.Writes() {
		fmt.Fprintf(&b, "%s-%s: %s\n", pair.Spoke.Name(), pair.Hub.Name(), stepWords(pair.Steps))
	}
	return b.String()
}

const bothHalves = "create spoke, create hub\n"

func TestPlan(t *testing.T) {
	a, b := hubNetwork("a", "10.1.0.0/16"), hubNetwork("b", "10.2.0.0/16")
	own := link{state: peering.Connected, own: true, access: true, forwarded: true}
	gone := link{state: peering.Disconnected, own: true, access: true, forwarded: true}
	// join returns both networks with the pair between them.
	join := func(p pair, spoke, hub peering.Network) (peering.Network, peering.Network) {
		s, h := spoke, hub
		if half, ok := p.half(0, s, h); ok {
			spoke.Halves = append(spoke.Halves[:len(spoke.Halves):len(spoke.Halves)], half)
		}
		if half, ok := p.half(1, h, s); ok {
			hub.Halves = append(hub.Halves[:len(hub.Halves):len(hub.Halves)], half)
		}
		return spoke, hub
	}
	view := func(n ...peering.Network) peering.View { return peering.View{Networks: n, Complete: []string{"S1"}} }
	x, y := tagged("x", "10.10.0.0/16"), tagged("y", "10.11.0.0/16")
	unselectedX, aWithX := join(pair{own, own}, hubNetwork("x", "10.10.0.0/16"), a)
	_, aWithDeadX := join(pair{{}, gone}, x, a)
	xWithOld, old := join(pair{own, own}, x, hubNetwork("old", "10.77.0.0/16"))
	stranger := hubNetwork("stranger", "10.10.64.0/18")
	_, aWithStranger := join(pair{{}, link{state: peering.Connected, access: true}}, stranger, a)
	full := a
	for i := range 2 {
		_, full = join(pair{{}, link{state: peering.Connected}}, hubNetwork(fmt.Sprint("f", i), fmt.Sprintf("10.%d.0.0/16", 200+i)), full)
	}
	_, repaired := join(pair{{}, gone}, x, full)
	ownX, ownA := join(pair{own, link{state: peering.Connected, access: true}}, hubNetwork("x", "10.10.0.0/16"), a)

	remove := func(w *peering.Want) { w.Remove = true }
	lost := []appliance.MemberName{"vmx-a"}
	limit3 := func(w *peering.Want) { w.Limit = 3 }
	tests := []struct {
		name     string
		hubs     string
		view     peering.View
		change   func(*peering.Want)
		steps    string
		problems string
	}{
		{name: "two-networks-two-hubs", hubs: "a b", view: view(b, y, a, x),
			steps: "x-a: " + bothHalves + "x-b: " + bothHalves + "y-a: " + bothHalves + "y-b: " + bothHalves},
		{name: "a-hub-that-is-selected-is-skipped", hubs: "a", view: view(tagged("a", "10.1.0.0/16"), x),
			steps: "x-a: " + bothHalves, problems: "a: skipped: it is the network of member vmx-a\n"},
		{name: "nothing-selected", hubs: "a", view: view(a), problems: "nothing-selected: no network matches the selection\n"},
		{name: "no-hub", hubs: "", view: view(x), problems: "no-hub: the network of no member is known\n"},
		{name: "a-hub-that-is-not-there", hubs: "a b", view: view(a, x), steps: "x-a: " + bothHalves,
			problems: "x-b: unread: network " + base + "b was not read: it does not exist\n"},
		{name: "a-hub-that-was-not-read", hubs: "b", view: peering.View{Networks: []peering.Network{x}, Unread: []peering.Unread{{Network: id("c"), Why: "another one"}, {Network: id("B"), Why: "403 AuthorizationFailed"}}},
			problems: "x-b: unread: network " + base + "b was not read: 403 AuthorizationFailed\n"},
		{name: "a-hub-of-an-unread-subscription", hubs: "b", view: peering.View{Networks: []peering.Network{x}},
			problems: "x-b: unread: network " + base + "b was not read: its subscription was not read whole\n"},
		{name: "a-selected-network-that-was-not-understood", hubs: "a", view: peering.View{Networks: []peering.Network{a}, Unread: []peering.Unread{{Network: x.ID, Tags: x.Tags, Why: "nonsense"}, {Network: y.ID, Why: "no tag"}}},
			problems: "x-a: unread: network " + base + "x was not read: nonsense\n"},
		{name: "another-tenant", hubs: "a", view: peering.View{Networks: []peering.Network{a, {ID: "/subscriptions/S2/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/far", Tags: x.Tags}, x},
			Tenants: map[string]string{"s1": "t1", "s2": "t2"}}, steps: "x-a: " + bothHalves,
			problems: "far-a: tenant: its tenant is t2, that of a is t1: hopguard signs in to one tenant\n"},
		{name: "overlaps-a-peer-of-the-hub", hubs: "a", view: view(aWithStranger, x, y), steps: "y-a: " + bothHalves,
			problems: "x-a: overlap: 10.10.0.0/16 of x overlaps 10.10.64.0/18 of " + base + "stranger, which is peered with a\n"},
		{name: "two-new-ones-overlap", hubs: "a", view: view(a, tagged("z", "10.10.1.0/24"), x), steps: "x-a: " + bothHalves,
			problems: "z-a: overlap: 10.10.1.0/24 of z overlaps 10.10.0.0/16 of " + base + "x, which is peered with a\n"},
		{name: "the-one-that-is-begun-wins", hubs: "a", view: func() peering.View {
			z, hub := join(pair{link{state: peering.Initiated, own: true, access: true, forwarded: true}, {}}, tagged("z", "10.10.1.0/24"), a)
			return view(hub, z, x)
		}(), steps: "z-a: create hub\n", problems: "x-a: overlap: 10.10.0.0/16 of x overlaps 10.10.1.0/24 of " + base + "z, which is peered with a\n"},
		{name: "what-has-a-half-comes-first", hubs: "a b", view: func() peering.View {
			half := link{state: peering.Initiated, own: true, access: true, forwarded: true}
			z, hub := join(pair{half, {}}, tagged("z", "10.12.0.0/16"), a)
			y2, hub2 := join(pair{{}, half}, y, b)
			return view(hub, hub2, z, x, y2)
		}(), steps: "y-b: create spoke\nz-a: create hub\nx-a: " + bothHalves + "x-b: " + bothHalves + "y-a: " + bothHalves + "z-b: " + bothHalves},
		{name: "removals-come-in-their-place", hubs: "a", view: view(aWithX, unselectedX, y, tagged("w", "10.20.0.0/16")), change: remove,
			steps: "w-a: " + bothHalves + "x-a: delete spoke, delete hub\ny-a: " + bothHalves},
		{name: "read-in-part-and-not", hubs: "a", view: peering.View{Networks: []peering.Network{a, x}, Unread: []peering.Unread{{Network: id("X"), Tags: x.Tags}}}, steps: "x-a: " + bothHalves},
		{name: "hubs-overlap", hubs: "a b", view: view(a, hubNetwork("b", "10.0.0.0/14"), tagged("x", "192.168.0.0/16")), steps: "x-a: " + bothHalves,
			problems: "x-b: overlap: 10.0.0.0/14 of b overlaps 10.1.0.0/16 of " + base + "a, which is peered with x\n"},
		{name: "limit", hubs: "a", view: view(full, y, x), change: limit3, steps: "x-a: " + bothHalves,
			problems: "y-a: limit: network a has 3 peerings, and Azure allows 3\n"},
		{name: "limit-does-not-hinder-a-repair", hubs: "a", view: view(repaired, x), change: limit3, steps: "x-a: delete hub, create spoke, create hub\n"},
		{name: "not-wanted-any-more-and-not-asked-to-remove", hubs: "a", view: view(aWithX, unselectedX, y), steps: "y-a: " + bothHalves,
			problems: "x-a: unwanted: nothing selects it any more; it is removed only when that is asked for\n"},
		{name: "removed-when-asked", hubs: "a", view: view(aWithX, unselectedX, y), change: remove, steps: "x-a: delete spoke, delete hub\ny-a: " + bothHalves},
		{name: "half-of-a-deleted-network-is-removed-when-asked", hubs: "a", view: view(aWithDeadX, y), change: remove, steps: "x-a: delete hub\ny-a: " + bothHalves},
		{name: "half-towards-an-unread-network-is-kept", hubs: "a", view: view(aWithX, y), change: remove, steps: "y-a: " + bothHalves,
			problems: "x-a: kept: network x, where it leads to, was not read\n"},
		{name: "half-beside-somebodys-is-kept", hubs: "a", view: view(ownA, ownX, y), change: remove, steps: "y-a: " + bothHalves,
			problems: "x-a: kept: to-x of a was not made by hopguard\n"},
		{name: "peerings-with-a-former-hub-are-removed-when-asked", hubs: "a", view: view(a, old, xWithOld), change: remove, steps: "old-x: delete spoke, delete hub\nx-a: " + bothHalves},
		{name: "nothing-is-removed-while-nothing-is-selected", hubs: "a", view: view(aWithX, unselectedX), change: remove,
			problems: "nothing-selected: no network matches the selection\nx-a: kept: it may be wanted: no network matches the selection\n"},
		{name: "nothing-is-removed-while-a-member-is-lost", hubs: "b", view: view(aWithX, b, unselectedX, y), change: func(w *peering.Want) { w.Remove, w.Unplaced = true, lost },
			steps: "y-b: " + bothHalves, problems: "no-hub: the network of member vmx-a is not known\na-x: kept: it may be wanted: the network of member vmx-a is not known\n"},
		{name: "what-leads-to-a-lost-member-may-be-wanted", hubs: "b", view: view(aWithX, b, unselectedX, y), change: func(w *peering.Want) { w.Unplaced = lost },
			steps: "y-b: " + bothHalves, problems: "no-hub: the network of member vmx-a is not known\na-x: unwanted: it may be wanted: the network of member vmx-a is not known\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := want(strings.Fields(tt.hubs)...)
			if tt.change != nil {
				tt.change(&w)
			}
			plan := w.Plan(tt.view)
			if got := planned(plan); got != tt.steps {
				t.Errorf("steps are\n%swant\n%s", got, tt.steps)
			}
			if got := problems(plan); got != tt.problems {
				t.Errorf("problems are\n%swant\n%s", got, tt.problems)
			}
			calm := tt.steps == "" && tt.problems == ""
			if plan.Agreed() != calm {
				t.Errorf("Agreed() = %v", plan.Agreed())
			}
		})
	}
}

// A group whose peerings all work agrees, also beside peerings that nobody wants any
// more, as long as nobody asks to remove them.
func TestAgreed(t *testing.T) {
	own := link{state: peering.Connected, own: true, access: true, forwarded: true}
	spoke, hub := pair{own, own}.networks()
	w := want("hub")
	if plan := w.Plan(peering.View{Networks: []peering.Network{spoke, hub}}); !plan.Agreed() || plan.Steps() != 0 {
		t.Errorf("a peering that works: %s%s", planned(plan), problems(plan))
	}
	former := tagged("former", "10.50.0.0/16")
	half, _ := pair{own, own}.half(1, hub, former)
	hub.Halves = append(hub.Halves, half)
	former.Tags = nil
	view := peering.View{Networks: []peering.Network{former, spoke, hub}}
	if plan := w.Plan(view); !plan.Agreed() || plan.Steps() != 0 || !strings.Contains(problems(plan), "former-hub: unwanted") {
		t.Errorf("a peering that nobody wants: agreed %v, %s%s", plan.Agreed(), planned(plan), problems(plan))
	}
	w.Remove = true
	if plan := w.Plan(view); plan.Agreed() || plan.Steps() != 1 {
		t.Errorf("a peering to be removed: agreed %v, %s%s", plan.Agreed(), planned(plan), problems(plan))
	}
}
