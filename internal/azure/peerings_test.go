package azure_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

// spokes is a lab whose workload networks are tagged and not peered.
type spokes struct {
	*lab
	hubs, networks []string // their ids
}

const (
	spokeTag = "nva_ha_spoke"
	peerings = "/virtualNetworkPeerings/"
)

// newSpokes starts a simulated Azure without peerings, in which hopguard may peer.
func newSpokes(t *testing.T, w azuresim.TwoRegionsOptions, o azuresim.Options, change ...func(*azuresim.World)) *spokes {
	t.Helper()
	world := azuresim.TwoRegions(w)
	world.Peerings = nil
	s := &spokes{}
	for i := range world.VirtualNetworks {
		n := &world.VirtualNetworks[i]
		if i < 2 {
			s.hubs = append(s.hubs, n.ID())
			continue
		}
		n.Tags = map[string]string{spokeTag: "emea"}
		s.networks = append(s.networks, n.ID())
	}
	for i := range world.Principals[0].Roles {
		r := &world.Principals[0].Roles[i]
		r.Actions = append(r.Actions, "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/*", "Microsoft.Network/virtualNetworks/peer/action")
	}
	for _, f := range change {
		f(&world)
	}
	s.lab = newLabOf(t, world, o)
	return s
}

func (s *spokes) want() peering.Want {
	w := peering.Want{Group: "emea", Selection: peering.Selection{TagName: spokeTag, TagValue: "emea"}}
	for i, hub := range s.hubs {
		w.Hubs = append(w.Hubs, peering.Hub{Network: appliance.ResourceID(hub), Members: []appliance.MemberName{[]appliance.MemberName{"vmx-a", "vmx-b"}[i]}})
	}
	return w
}

// scan reads, plans and applies.
func (s *spokes) scan(ctx context.Context, t *testing.T, c *azure.Client, term lease.Term, want peering.Want) (peering.Plan, []peering.Outcome, error) {
	t.Helper()
	view, err := c.Networks(ctx, want)
	plan := want.Plan(view)
	return plan, c.ApplyPeerings(ctx, term, want, view, plan, ignorePeering), err
}

func ignorePeering(peering.Progress) {}

// peered reports the state of both halves of each pair, or what is missing.
func (s *spokes) halves(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, id := range slices.Concat(s.hubs, s.networks) {
		status, text := s.as(t, "owner", http.MethodGet, id, "")
		if status != http.StatusOK {
			continue
		}
		n, err := peering.Parse([]byte(text))
		if err != nil {
			t.Fatalf("Parse() = %v", err)
		}
		for _, h := range n.Halves {
			key := n.ID.Name() + ">" + h.Remote.Name()
			if out[key] != "" {
				t.Errorf("%s has two halves", key)
			}
			out[key] = fmt.Sprint(h.State, " ", h.Sync, " ", h.Provisioning, " ", h.Access, " ", h.Forwarded)
		}
	}
	return out
}

const goodHalf = "Connected FullyInSync Succeeded true true" //nolint:dupword // two flags

// mustBePeered fails unless every network is peered with every hub, both ways.
func (s *spokes) mustBePeered(t *testing.T) {
	t.Helper()
	halves := s.halves(t)
	for _, n := range s.networks {
		for _, h := range s.hubs {
			spoke, hub := appliance.ResourceID(n).Name(), appliance.ResourceID(h).Name()
			for _, key := range []string{spoke + ">" + hub, hub + ">" + spoke} {
				if halves[key] != goodHalf {
					t.Errorf("%s is %q, want %q", key, halves[key], goodHalf)
				}
			}
		}
	}
}

// peeringWrites are the writes to peerings of hopguard so far.
func (s *spokes) peeringWrites() []azuresim.Call {
	return slices.DeleteFunc(s.writes(), func(c azuresim.Call) bool { return !strings.Contains(c.Path, peerings) })
}

// mustNotCollide fails if two operations on peerings of one network ran at a time, as
// far as they were ours.
func (s *spokes) mustNotCollide(t *testing.T, length time.Duration) {
	t.Helper()
	alone, shared := map[string]time.Time{}, map[string]time.Time{}
	for _, c := range s.peeringWrites() {
		if c.Status != http.StatusCreated && c.Status != http.StatusOK && c.Status != http.StatusAccepted {
			continue
		}
		local, _, _ := strings.Cut(strings.ToLower(c.Path), strings.ToLower(peerings))
		var body struct {
			Properties struct{ RemoteVirtualNetwork struct{ ID string } }
		}
		if len(c.Body) > 0 {
			if err := json.Unmarshal(c.Body, &body); err != nil {
				t.Fatalf("decode %s: %v", c.Body, err)
			}
		}
		remote := strings.ToLower(body.Properties.RemoteVirtualNetwork.ID)
		if c.Time.Before(alone[local]) || c.Time.Before(shared[local]) || c.Time.Before(alone[remote]) {
			t.Errorf("%s was written at %v, beside another one", c.Path, c.Time)
		}
		alone[local], shared[remote] = c.Time.Add(length), c.Time.Add(length)
	}
}

func peeringFailures(outcomes []peering.Outcome) string {
	var b strings.Builder
	for _, o := range outcomes {
		if o.Err != nil {
			fmt.Fprintf(&b, "%s-%s: %v\n", o.Spoke.Name(), o.Hub.Name(), o.Err)
		}
	}
	return b.String()
}

// mustBePeeringHonest fails if an outcome says done and the pair is not, or if one is
// not done and says no reason.
func (s *spokes) mustBePeeringHonest(t *testing.T, outcomes []peering.Outcome) {
	t.Helper()
	halves := s.halves(t)
	for _, o := range outcomes {
		here, there := halves[o.Spoke.Name()+">"+o.Hub.Name()], halves[o.Hub.Name()+">"+o.Spoke.Name()]
		working := strings.HasPrefix(here, "Connected FullyInSync Succeeded") && strings.HasPrefix(there, "Connected FullyInSync Succeeded")
		switch {
		case o.Done() && !working && (here != "" || there != ""):
			t.Errorf("P9: %s-%s is reported as done, and is %q, %q", o.Spoke.Name(), o.Hub.Name(), here, there)
		case !o.Done() && o.Err == nil && o.Gone == "":
			t.Errorf("P9: %s-%s is not done, and nothing says why: %+v", o.Spoke.Name(), o.Hub.Name(), o)
		case o.Err != nil && strings.Contains(o.Err.Error(), "%!"):
			t.Errorf("%s: error %q has no text", o.Spoke, o.Err)
		}
	}
}

// inSpokes runs f in a bubble, with a client and a term.
func inSpokes(t *testing.T, w azuresim.TwoRegionsOptions, f func(t *testing.T, s *spokes, c *azure.Client, term lease.Term), change ...func(*azuresim.World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSpokes(t, w, azuresim.Options{}, change...)
		term, stop := newTerm(t)
		defer stop()
		f(t, s, s.client(t), term)
	})
}

func TestANewNetworkIsPeeredWithBothMembers(t *testing.T) {
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		began := time.Now()
		plan, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
		if err != nil || peeringFailures(outcomes) != "" || len(outcomes) != 2 {
			t.Fatalf("%d outcomes, %v %s", len(outcomes), err, peeringFailures(outcomes))
		}
		// Each network of a member at once with the other, after the spoke's two halves.
		took := time.Since(began)
		t.Logf("in service after %v", took)
		if took > 45*time.Second {
			t.Errorf("took %v, want three writes of 11 s one after the other, and little more", took)
		}
		s.mustBePeered(t)
		s.mustBePeeringHonest(t, outcomes)
		if n := len(s.peeringWrites()); n != 4 || plan.Steps() != 4 {
			t.Errorf("%d writes, %d planned, want 4", n, plan.Steps())
		}
		s.mustNotCollide(t, azuresim.ProfileDefault().PeeringTime)
		time.Sleep(time.Minute) // lists lag, and so does the fabric
		again, none, err := s.scan(t.Context(), t, c, term, s.want())
		if err != nil || len(none) != 0 || !again.Agreed() || len(s.peeringWrites()) != 4 {
			t.Errorf("a second time: %v, %v, %d writes\n%s", none, err, len(s.peeringWrites()), peering.PlanText(again))
		}
		// Packets reach a branch through either member.
		if h, err := s.Forward(s.world.VirtualMachines[2].NICID(0), netip.MustParseAddr("172.16.0.9")); err != nil || !h.Delivered {
			t.Errorf("Forward() = %+v, %v", h, err)
		}
	})
}
