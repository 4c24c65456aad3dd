package azure_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

// put lets the owner write a half and waits until that is done.
func (s *spokes) put(t *testing.T, local, name, remote, more string) {
	t.Helper()
	body := `{"properties":{"remoteVirtualNetwork":{"id":"` + remote + `"},"allowVirtualNetworkAccess":true` + more + `}}`
	if status, text := s.as(t, "owner", http.MethodPut, local+peerings+name, body); status != http.StatusCreated && status != http.StatusOK {
		t.Errorf("PUT %s%s: %d %s", local, name, status, text)
	}
	time.Sleep(15 * time.Second)
}

// del lets the owner delete something and waits until that is done.
func (s *spokes) del(t *testing.T, id string) {
	t.Helper()
	if status, text := s.as(t, "owner", http.MethodDelete, id, ""); status != http.StatusAccepted {
		t.Errorf("DELETE %s: %d %s", id, status, text)
	}
	time.Sleep(15 * time.Second)
}

// settle is longer than lists lag.
func settle() { time.Sleep(5 * time.Second) }

const forwarded = `,"allowForwardedTraffic":true`

// own is the name of the group's half towards a network.
func own(network string) string { return peering.Name("emea", appliance.ResourceID(network)) }

func TestPeeringsAreRepaired(t *testing.T) {
	tests := []struct {
		name string
		// spoil does something to a peering that works.
		spoil  func(t *testing.T, s *spokes, spoke, hub string)
		writes int
	}{
		{"nothing-wrong", func(*testing.T, *spokes, string, string) {}, 0},
		{"spokes-half-deleted", func(t *testing.T, s *spokes, spoke, hub string) { s.del(t, spoke+peerings+own(hub)) }, 3},
		{"hubs-half-deleted", func(t *testing.T, s *spokes, spoke, hub string) { s.del(t, hub+peerings+own(spoke)) }, 3},
		{"both-deleted", func(t *testing.T, s *spokes, spoke, hub string) {
			s.del(t, hub+peerings+own(spoke))
			s.del(t, spoke+peerings+own(hub))
		}, 2},
		{"deleted-and-only-one-made-again", func(t *testing.T, s *spokes, spoke, hub string) {
			s.del(t, hub+peerings+own(spoke))
			s.del(t, spoke+peerings+own(hub))
			s.put(t, hub, "by-hand", spoke, forwarded)
		}, 1},
		{"forwarded-traffic-taken-away", func(t *testing.T, s *spokes, spoke, hub string) {
			s.put(t, spoke, own(hub), hub, "")
		}, 1},
		{"address-space-of-the-hub-grew", func(t *testing.T, s *spokes, _, hub string) {
			s.edit(t, hub, `"addressPrefixes":["10.1.0.0/16"]`, `"addressPrefixes":["10.1.0.0/16","10.201.0.0/16"]`)
		}, 1},
		{"both-address-spaces-grew", func(t *testing.T, s *spokes, spoke, hub string) {
			s.edit(t, hub, `"addressPrefixes":["10.1.0.0/16"]`, `"addressPrefixes":["10.1.0.0/16","10.201.0.0/16"]`)
			s.edit(t, spoke, `"addressPrefixes":["10.10.0.0/16"]`, `"addressPrefixes":["10.10.0.0/16","10.202.0.0/16"]`)
		}, 3}, // the spoke's two hubs have not taken it over
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				if took, errs := s.scans(t, c, term, 2); took > 1 {
					t.Fatalf("%d scans: %s", took, errs)
				}
				tt.spoil(t, s, s.networks[0], s.hubs[0])
				settle()
				before := len(s.peeringWrites())
				plan, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
				if err != nil || peeringFailures(outcomes) != "" {
					t.Errorf("scan: %v %s", err, peeringFailures(outcomes))
				}
				if n := len(s.peeringWrites()) - before; n != tt.writes || plan.Steps() != tt.writes {
					t.Errorf("%d writes, %d planned, want %d\n%s", n, plan.Steps(), tt.writes, peering.PlanText(plan))
				}
				s.mustBePeered(t)
			})
		})
	}
}

// edit for a network: the lab's edit expects the 200 of a table.
func (s *spokes) edit(t *testing.T, id, old, replacement string) {
	t.Helper()
	_, text := s.as(t, "owner", http.MethodGet, id, "")
	if !strings.Contains(text, old) {
		t.Fatalf("%s is not in %s", old, text)
	}
	if status, answer := s.as(t, "owner", http.MethodPut, id, strings.Replace(text, old, replacement, 1)); status != http.StatusCreated {
		t.Fatalf("PUT %s: %d %s", id, status, answer)
	}
	time.Sleep(5 * time.Second)
}

// What others have made is used as it is: not renamed, not rewritten, not deleted.
func TestPeeringsOfOthers(t *testing.T) {
	const gateways = `,"allowForwardedTraffic":true,"allowGatewayTransit":true`
	tests := []struct {
		name   string
		make   func(t *testing.T, s *spokes, spoke, hub string)
		writes int    // with the first hub
		says   string // "" if the pair works in the end
	}{
		{"both-halves", func(t *testing.T, s *spokes, spoke, hub string) {
			s.put(t, spoke, "theirs", hub, forwarded)
			s.put(t, hub, "theirs", spoke, gateways)
		}, 0, ""},
		{"one-half", func(t *testing.T, s *spokes, _, hub string) { s.put(t, hub, "theirs", s.networks[0], gateways) }, 1, ""},
		{"out-of-sync", func(t *testing.T, s *spokes, spoke, hub string) {
			s.put(t, spoke, "theirs", hub, forwarded)
			s.put(t, hub, "theirs", spoke, gateways)
			s.edit(t, spoke, `"addressPrefixes":["10.10.0.0/16"]`, `"addressPrefixes":["10.10.0.0/16","10.202.0.0/16"]`)
		}, 1, ""},
		{"drops-replies", func(t *testing.T, s *spokes, spoke, hub string) {
			s.put(t, spoke, "theirs", hub, "")
			s.put(t, hub, "theirs", spoke, gateways)
		}, 0, "peering theirs of vnet-spoke-1 was not made by hopguard and has allowForwardedTraffic false"},
		{"disconnected", func(t *testing.T, s *spokes, spoke, hub string) {
			s.put(t, spoke, "theirs", hub, forwarded)
			s.put(t, hub, "theirs", spoke, gateways)
			s.del(t, spoke+peerings+"theirs")
		}, 0, "only deleting its halves helps: theirs of vnet-sdwan-a was not made by hopguard"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				s.hubs = s.hubs[:1]
				spoke, hub := s.networks[0], s.hubs[0]
				tt.make(t, s, spoke, hub)
				settle()
				flags := func() string {
					var b strings.Builder
					for _, id := range []string{spoke, hub} {
						_, text := s.as(t, "owner", http.MethodGet, id+peerings+"theirs", "")
						for _, flag := range []string{"allowVirtualNetworkAccess", "allowForwardedTraffic", "allowGatewayTransit", "useRemoteGateways"} {
							_, rest, _ := strings.Cut(text, `"`+flag+`":`)
							fmt.Fprintf(&b, "%s=%.4s ", flag, rest)
						}
					}
					return b.String()
				}
				before := flags()
				plan, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
				if err != nil || peeringFailures(outcomes) != "" {
					t.Errorf("scan: %v %s", err, peeringFailures(outcomes))
				}
				if n := len(s.peeringWrites()); n != tt.writes {
					t.Errorf("%d writes, want %d", n, tt.writes)
				}
				if after := flags(); after != before {
					t.Errorf("the flags are %s, were %s", after, before)
				}
				if tt.says == "" {
					s.mustBePeered(t)
				} else if text := peering.PlanText(plan); !strings.Contains(text, tt.says) {
					t.Errorf("the plan does not say %q:\n%s", tt.says, text)
				}
			})
		})
	}
}

// noWorkloads takes the machines from the workload networks: a subnet in use would keep
// a network from being deleted.
func noWorkloads(w *azuresim.World) {
	w.VirtualMachines = slices.DeleteFunc(w.VirtualMachines, func(m azuresim.VirtualMachine) bool { return !m.Appliance })
}

// Somebody does something just before the first write to the spoke's half or the
// second, to the hub's.
func TestPeeringsWhileOthersWrite(t *testing.T) {
	tests := []struct {
		name      string
		before    string // the network whose peering is about to be written
		meanwhile func(t *testing.T, s *spokes)
		gone      bool
		most      int // writes
	}{
		{"the-half-is-made-by-somebody", "spoke", func(t *testing.T, s *spokes) { s.put(t, s.networks[0], "theirs", s.hubs[0], forwarded) }, false, 2},
		{"the-other-half-is-made-by-somebody", "hub", func(t *testing.T, s *spokes) {
			s.as(t, "owner", http.MethodPut, s.hubs[0]+peerings+"theirs", `{"properties":{"remoteVirtualNetwork":{"id":"`+s.networks[0]+`"},"allowVirtualNetworkAccess":true,"allowForwardedTraffic":true}}`)
		}, false, 2},
		{"our-half-is-made-by-another-hopguard", "spoke", func(t *testing.T, s *spokes) { s.put(t, s.networks[0], own(s.hubs[0]), s.hubs[0], forwarded) }, false, 2},
		{"our-half-is-deleted-again", "hub", func(t *testing.T, s *spokes) { s.del(t, s.networks[0]+peerings+own(s.hubs[0])) }, false, 3},
		{"the-network-is-deleted", "spoke", func(t *testing.T, s *spokes) { s.del(t, s.networks[0]) }, true, 1},
		{"the-network-is-deleted-between-its-halves", "hub", func(t *testing.T, s *spokes) { s.del(t, s.networks[0]) }, true, 2},
		{"the-network-is-not-selected-any-more", "spoke", func(t *testing.T, s *spokes) {
			s.as(t, "owner", http.MethodPatch, s.networks[0], `{"tags":{}}`)
			s.inject(t, azuresim.Fault{Kind: azuresim.FaultPrecondition, Method: http.MethodPut, Path: peerings, Count: 1})
		}, true, 1},
		{"the-hub-is-being-changed", "hub", func(t *testing.T, s *spokes) {
			s.as(t, "owner", http.MethodPut, s.hubs[0]+"/subnets/more", `{"properties":{"addressPrefix":"10.1.9.0/24"}}`)
		}, false, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				s.hubs = s.hubs[:1]
				network := map[string]string{"spoke": s.networks[0], "hub": s.hubs[0]}[tt.before]
				var once sync.Once
				s.hook = func(r *http.Request) {
					if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, network) {
						once.Do(func() { tt.meanwhile(t, s) })
					}
				}
				_, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
				if err != nil || peeringFailures(outcomes) != "" || len(outcomes) != 1 || (outcomes[0].Gone != "") != tt.gone {
					t.Errorf("scan: %v, %+v", err, outcomes)
				}
				s.mustBePeeringHonest(t, outcomes)
				if n := len(s.peeringWrites()); n > tt.most {
					t.Errorf("%d writes, want at most %d", n, tt.most)
				}
				if !tt.gone {
					s.mustBePeered(t)
				}
			}, noWorkloads)
		})
	}
}

// A network that is being changed all the time is waited for, and then reported.
func TestPeeringsOfANetworkThatIsBeingChanged(t *testing.T) {
	for _, changes := range []int{20, 400} {
		t.Run(fmt.Sprint(changes), func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				s.hubs = s.hubs[:1]
				var others sync.WaitGroup
				others.Go(func() {
					for i := range changes {
						prefix := fmt.Sprintf("10.1.%d.%d/29", 16+i/32, i%32*8)
						s.as(t, "owner", http.MethodPut, s.hubs[0]+fmt.Sprint("/subnets/s", i), `{"properties":{"addressPrefix":"`+prefix+`"}}`)
						time.Sleep(2030 * time.Millisecond)
					}
				})
				time.Sleep(time.Second)
				began := time.Now()
				_, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
				took := time.Since(began)
				others.Wait()
				if err != nil || len(outcomes) > 1 {
					t.Fatalf("scan: %v, %+v", err, outcomes)
				}
				s.mustBePeeringHonest(t, outcomes)
				if n := len(s.peeringWrites()); n > 6 {
					t.Errorf("%d writes", n)
				}
				if changes == 400 && (took > 8*time.Minute || !strings.Contains(peeringFailures(outcomes), "Updating state")) {
					t.Errorf("after %v: %s", took, peeringFailures(outcomes))
				}
				settle()
				if took, errs := s.scans(t, c, term, 2); took > 1 {
					t.Errorf("took %d scans:\n%s", took, errs)
				}
			})
		})
	}
}

// A network that is deleted leaves the hub's half behind, which is reported, and
// removed only when that is asked for. Nothing else is ever removed.
func TestRemovalOnlyWhenAsked(t *testing.T) {
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 3}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		if took, errs := s.scans(t, c, term, 2); took > 1 {
			t.Fatalf("%d scans: %s", took, errs)
		}
		s.put(t, s.hubs[0], "theirs", s.hubs[1], "")
		s.as(t, "owner", http.MethodPatch, s.networks[0], `{"tags":{}}`)
		s.del(t, s.networks[1])
		settle()
		before := len(s.peeringWrites())
		plan, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
		if err != nil || len(outcomes) != 0 || len(s.peeringWrites()) != before || strings.Count(peering.PlanText(plan), "! problem unwanted") != 4 {
			t.Errorf("not asked: %v, %v, %d writes\n%s", outcomes, err, len(s.peeringWrites())-before, peering.PlanText(plan))
		}
		want := s.want()
		want.Remove = true
		_, outcomes, err = s.scan(t.Context(), t, c, term, want)
		if err != nil || peeringFailures(outcomes) != "" || len(outcomes) != 4 || len(s.peeringWrites())-before != 6 {
			t.Errorf("asked: %d outcomes, %v %s, %d writes", len(outcomes), err, peeringFailures(outcomes), len(s.peeringWrites())-before)
		}
		for _, o := range outcomes {
			if !o.Done() {
				t.Errorf("%s-%s is not done: %+v", o.Spoke.Name(), o.Hub.Name(), o)
			}
		}
		s.networks = s.networks[2:]
		s.mustBePeered(t)
		halves := s.halves(t)
		if len(halves) != 5 || halves["vnet-sdwan-a>vnet-sdwan-b"] == "" {
			t.Errorf("left are %v, want those of the third network and the one of somebody else", halves)
		}
		settle()
		if again, _, err := s.scan(t.Context(), t, c, term, want); err != nil || !again.Agreed() {
			t.Errorf("again: %v\n%s", err, peering.PlanText(again))
		}
	}, noWorkloads)
}
