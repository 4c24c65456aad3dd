package peering_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
)

// world is Azure as the model has it: networks, and the pairs between the first hubs
// of them and the rest.
type world struct {
	networks []peering.Network
	hubs     int
	pairs    map[[2]int]pair // by spoke and hub
}

func (w world) view() peering.View {
	v := peering.View{Complete: []string{"s1"}}
	for i, n := range w.networks {
		n.Halves = nil
		for j, m := range w.networks {
			spoke, hub, side := i, j, 0
			if i < w.hubs {
				spoke, hub, side = j, i, 1
			}
			if h, ok := w.pairs[[2]int{spoke, hub}].half(side, n, m); ok && (i < w.hubs) != (j < w.hubs) {
				n.Halves = append(n.Halves, h)
			}
		}
		v.Networks = append(v.Networks, n)
	}
	return v
}

func (w world) index(id appliance.ResourceID) int {
	return slices.IndexFunc(w.networks, func(n peering.Network) bool { return n.ID == id })
}

// do makes the steps of the whole plan, in the order of Writes.
func (w world) do(plan peering.Plan) error {
	for _, p := range plan.Writes() {
		key := [2]int{w.index(p.Spoke), w.index(p.Hub)}
		after, err := w.pairs[key].do(p.Steps)
		if err != nil {
			return fmt.Errorf("%s-%s: %w", p.Spoke.Name(), p.Hub.Name(), err)
		}
		w.pairs[key] = after
	}
	return nil
}

func drawLink(t *rapid.T, name string) link {
	return rapid.SampledFrom(append(allLinks(), make([]link, 40)...)).Draw(t, name)
}

// drawWorld draws a world and what is wanted of it.
func drawWorld(t *rapid.T) (world, peering.Want) {
	w := world{hubs: rapid.IntRange(1, 2).Draw(t, "hubs"), pairs: map[[2]int]pair{}}
	for i := range w.hubs {
		w.networks = append(w.networks, hubNetwork(fmt.Sprint("hub", i), fmt.Sprintf("10.%d.0.0/16", i)))
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "spokes") {
		// A small pool, so that some overlap.
		n := tagged(fmt.Sprint("spoke", i), fmt.Sprintf("10.%d.0.0/16", rapid.IntRange(1, 9).Draw(t, "prefix")))
		if rapid.IntRange(0, 3).Draw(t, "selected") == 0 {
			n.Tags = nil
		}
		w.networks = append(w.networks, n)
		for h := range w.hubs {
			w.pairs[[2]int{w.hubs + i, h}] = pair{drawLink(t, "at spoke"), drawLink(t, "at hub")}
		}
	}
	wanted := want()
	wanted.Limit = rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "limit")
	wanted.Remove = rapid.Bool().Draw(t, "remove")
	for i := range w.hubs {
		wanted.Hubs = append(wanted.Hubs, peering.Hub{Network: w.networks[i].ID, Members: []appliance.MemberName{"m"}})
	}
	return w, wanted
}

func TestPlansOfAnyWorld(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, wanted := drawWorld(rt)
		before := w.view()
		plan := wanted.Plan(before)
		if err := atMostNeeded(w, plan); err != nil {
			rt.Error(err)
		}
		if err := w.do(plan); err != nil {
			rt.Fatal(err)
		}
		after := w.view()
		if err := nothingOfOthers(before, after, wanted.Remove); err != nil {
			rt.Error(err)
		}
		again := wanted.Plan(after)
		if wanted.Remove && again.Steps() > 0 {
			// What was removed has made room for what was refused.
			if err := w.do(again); err != nil {
				rt.Fatal(err)
			}
			again = wanted.Plan(w.view())
		}
		if steps := planned(again); steps != "" {
			rt.Errorf("after the plan\n%sanother one is\n%s%s", planned(plan), steps, problems(again))
		}
		// Whatever was not refused works now.
		for _, n := range again.Networks {
			for _, p := range n.Pairs {
				if p.Wanted && p.Problem == nil && !w.pairs[[2]int{w.index(p.Spoke), w.index(p.Hub)}].works() {
					rt.Errorf("%s-%s is said to work and is %+v", p.Spoke.Name(), p.Hub.Name(), w.pairs[[2]int{w.index(p.Spoke), w.index(p.Hub)}])
				}
			}
		}
		for _, n := range after.Networks {
			most := max(wanted.Limit, len(before.Networks[w.index(n.ID)].Halves))
			if wanted.Limit > 0 && len(n.Halves) > most {
				rt.Errorf("%s has %d peerings, more than %d", n.ID.Name(), len(n.Halves), most)
			}
		}
	})
}

// atMostNeeded fails if a wanted pair takes more writes than the shortest way.
func atMostNeeded(w world, plan peering.Plan) error {
	var errs []error
	for _, p := range plan.Writes() {
		if fewest := w.pairs[[2]int{w.index(p.Spoke), w.index(p.Hub)}].fewest(); p.Wanted && len(p.Steps) != fewest {
			errs = append(errs, fmt.Errorf("%s-%s takes %d writes, %d are enough", p.Spoke.Name(), p.Hub.Name(), len(p.Steps), fewest))
		}
	}
	return errors.Join(errs...)
}

// nothingOfOthers fails if a half of somebody else's is gone or has other flags, or if
// one of ours that works was deleted without being asked to.
func nothingOfOthers(before, after peering.View, remove bool) error {
	var errs []error
	for i, n := range before.Networks {
		for _, h := range n.Halves {
			now, ok := after.Networks[i].Towards(h.Remote)
			own := peering.Owned(group, h)
			switch {
			case !ok && !own:
				errs = append(errs, fmt.Errorf("%s is gone", h.ID()))
			case !ok && !remove:
				errs = append(errs, fmt.Errorf("%s was removed, and nobody asked for that", h.ID()))
			case ok && !own && (now.Access != h.Access || now.Forwarded != h.Forwarded || now.Gateway != h.Gateway || now.Name != h.Name):
				errs = append(errs, fmt.Errorf("%s has other flags", h.ID()))
			case ok && now.Gateway != h.Gateway:
				errs = append(errs, fmt.Errorf("%s has other gateway flags", h.ID()))
			}
		}
	}
	return errors.Join(errs...)
}

func TestPlansDoNotDependOnTheOrderOfTheInput(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, wanted := drawWorld(rt)
		view := w.view()
		shuffled := peering.View{Complete: view.Complete, Networks: rapid.Permutation(view.Networks).Draw(rt, "networks")}
		for i, n := range shuffled.Networks {
			shuffled.Networks[i].Halves = rapid.Permutation(n.Halves).Draw(rt, "halves")
		}
		other := wanted
		other.Hubs = rapid.Permutation(wanted.Hubs).Draw(rt, "hubs")
		if d := cmp.Diff(wanted.Plan(view), other.Plan(shuffled), cmpopts.EquateEmpty()); d != "" {
			rt.Errorf("another order, another plan:\n%s", d)
		}
	})
}

// A plan's text says all of it.
func TestPlanTextOfAnyWorldIsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, wanted := drawWorld(rt)
		plan := wanted.Plan(w.view())
		back, err := peering.ParsePlanText(peering.PlanText(plan))
		if err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(plan, back); d != "" {
			rt.Errorf("read back (-want +got):\n%s", d)
		}
	})
}
