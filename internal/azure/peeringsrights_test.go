package azure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

// A missing right is named with the network where it is missing, also when that is the
// other one of the two; and it is asked for only until that is known.
func TestMissingRightsOfPeeringsAreNamed(t *testing.T) {
	const action = "Microsoft.Network/virtualNetworks/"
	forbid := func(scope func(w *azuresim.World) string, actions ...string) func(w *azuresim.World) {
		return func(w *azuresim.World) {
			// What is taken away at a scope is taken away below it: the rest is granted again.
			p := &w.Principals[0]
			at := scope(w)
			for i := range p.Roles {
				p.Roles[i].NotActions = append(p.Roles[i].NotActions, actions...)
			}
			for _, n := range w.VirtualNetworks {
				if !strings.HasPrefix(n.ID(), at) {
					p.Roles = append(p.Roles, azuresim.Assignment{Scope: n.ID(), Actions: actions})
				}
			}
		}
	}
	hub := func(w *azuresim.World) string { return w.VirtualNetworks[0].ID() }
	spoke := func(w *azuresim.World) string { return w.VirtualNetworks[2].ID() }
	tests := []struct {
		name   string
		change func(w *azuresim.World)
		says   string
		failed int // pairs of 20
		wasted int // writes that were refused
	}{
		{"peer-on-the-hub", forbid(hub, action+"peer/action"), "lacks the right " + action + "peer/action on {hub}", 10, 4},
		{"write-on-the-hub", forbid(hub, action+"virtualNetworkPeerings/write"), "lacks the right " + action + "virtualNetworkPeerings/write on {hub}" + peerings, 10, 1},
		{"peer-on-a-spoke", forbid(spoke, action+"peer/action"), "lacks the right " + action + "peer/action on {spoke}", 2, 2},
		{"write-on-a-spoke", forbid(spoke, action+"virtualNetworkPeerings/write"), "lacks the right " + action + "virtualNetworkPeerings/write on {spoke}" + peerings, 2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 10}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				_, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
				if err != nil {
					t.Errorf("scan: %v", err)
				}
				s.mustBePeeringHonest(t, outcomes)
				says := strings.NewReplacer("{hub}", s.hubs[0], "{spoke}", s.networks[0]).Replace(tt.says)
				failed := 0
				for _, o := range outcomes {
					if o.Err == nil {
						continue
					}
					failed++
					if !strings.Contains(o.Err.Error(), says) {
						t.Errorf("%s-%s: %v, want that it %s", o.Spoke.Name(), o.Hub.Name(), o.Err, says)
					}
				}
				wasted := 0
				for _, w := range s.peeringWrites() {
					if w.Status == http.StatusForbidden {
						wasted++
					}
				}
				if failed != tt.failed || wasted > tt.wasted {
					t.Errorf("%d pairs failed, %d writes were refused; want %d and at most %d", failed, wasted, tt.failed, tt.wasted)
				}
			}, tt.change)
		})
	}
}

// Overlaps, the limit and other tenants are told before anything is written.
func TestWhatAzureWouldRefuseIsNotAsked(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *azuresim.World)
		says   []string
		writes int
	}{
		{"overlap-with-a-hub", func(w *azuresim.World) {
			w.VirtualNetworks[2].AddressPrefixes = append(w.VirtualNetworks[2].AddressPrefixes, "10.1.128.0/24")
		}, []string{"overlap \"10.1.128.0/24 of vnet-spoke-1 overlaps 10.1.0.0/16 of vnet-sdwan-a\""}, 6},
		{"two-spokes-overlap", func(w *azuresim.World) {
			w.VirtualNetworks[3].AddressPrefixes = append(w.VirtualNetworks[3].AddressPrefixes, "10.10.128.0/24")
		}, []string{"which is peered with vnet-sdwan-a", "which is peered with vnet-sdwan-b"}, 4},
		{"full", func(w *azuresim.World) {
			for i := range 499 {
				v := w.VirtualNetworks[0]
				v.Name, v.Subnets, v.AddressPrefixes = fmt.Sprint("other-", i), nil, []string{fmt.Sprintf("100.%d.%d.0/24", 64+i/250, i%250)}
				w.VirtualNetworks = append(w.VirtualNetworks, v)
				w.Peerings = append(w.Peerings, azuresim.Peering{A: w.VirtualNetworks[0].ID(), B: v.ID()})
			}
		}, []string{"limit \"network vnet-sdwan-a has 500 peerings, and Azure allows 500\""}, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 2}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				plan, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
				if err != nil || peeringFailures(outcomes) != "" {
					t.Errorf("scan: %v %s", err, peeringFailures(outcomes))
				}
				for _, says := range tt.says {
					if text := peering.PlanText(plan); !strings.Contains(text, says) {
						t.Errorf("the plan does not say %q:\n%s", says, text)
					}
				}
				writes := s.peeringWrites()
				if len(writes) != tt.writes || slices.ContainsFunc(writes, func(c azuresim.Call) bool { return c.Status != http.StatusCreated }) {
					t.Errorf("%d writes, want %d, none of them refused", len(writes), tt.writes)
				}
				time.Sleep(time.Minute)
				if again, _, err := s.scan(t.Context(), t, c, term, s.want()); err != nil || again.Steps() != 0 {
					t.Errorf("again: %v\n%s", err, peering.PlanText(again))
				}
			}, tt.change)
		})
	}
}

func TestNetworksReportsWhatItCouldNotRead(t *testing.T) {
	const (
		sub2    = "5b5c1a10-0000-4000-8000-000000000002"
		network = "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/"
		space   = `"properties":{"provisioningState":"Succeeded","addressSpace":{"addressPrefixes":["10.9.0.0/16"]}}`
	)
	far := "/subscriptions/" + sub2 + network
	tests := []struct {
		name     string
		answers  map[string]string // by the end of the path; a body, or a status with one
		err      string            // "" for none
		complete int
		unread   string
		networks int
	}{
		{"all-well", map[string]string{"hub": `{"id":"` + far + `hub",` + space + `}`}, "", 1, "", 2},
		{"a-hub-that-does-not-exist", map[string]string{"hub": `404{"error":{"code":"ResourceNotFound","message":"x"}}`}, "", 1, "it does not exist", 1},
		{"a-hub-that-may-not-be-read", map[string]string{"hub": `403{"error":{"code":"AuthorizationFailed","message":"The client 'x' with object id 'x' does not have authorization to perform action 'a/read' over scope '/s'."}}`},
			"read virtual network of member vmx-a: GET " + far + "hub: 403 AuthorizationFailed: the identity lacks the right a/read on /s", 1, "the identity lacks the right a/read on /s", 1},
		{"a-list-that-fails", map[string]string{"virtualNetworks": `403{"error":{"code":"AuthorizationFailed","message":"no"}}`, "hub": `{"id":"` + far + `hub",` + space + `}`},
			"list virtual networks of subscription " + sub1 + ": GET", 0, "", 1},
		{"a-malformed-network", map[string]string{"hub": `{"id":"` + far + `hub",` + space + `}`, "virtualNetworks": `{"value":[{"id":"/n","properties":{"addressSpace":{"addressPrefixes":["x"]}}}]}`},
			"", 1, `properties.addressSpace.addressPrefixes[0]: "x": want a CIDR`, 1},
		{"no-network-at-all", map[string]string{"hub": `{"id":"` + far + `hub",` + space + `}`, "virtualNetworks": `{"value":[{}]}`},
			"no id in", 0, "", 1},
		{"no-tenants", map[string]string{"hub": `{"id":"` + far + `hub",` + space + `}`, "subscriptions": `403{"error":{"code":"AuthorizationFailed","message":"no"}}`},
			"list tenants of subscriptions: GET", 1, "", 2},
		{"nonsense-for-tenants", map[string]string{"hub": `{"id":"` + far + `hub",` + space + `}`, "subscriptions": `{"value":[7]}`},
			"decode subscription", 1, "", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
					body, ok := tt.answers[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
					switch {
					case ok && (strings.HasPrefix(body, "4")):
						return answer(r, map[string]int{"403": 403, "404": 404}[body[:3]], body[3:]), nil
					case ok:
						return answer(r, 200, body), nil
					case r.URL.Path == "/subscriptions":
						return answer(r, 200, `{"value":[{"subscriptionId":"`+strings.ToUpper(sub1)+`","tenantId":"t1"}]}`), nil
					default:
						return answer(r, 200, `{"value":[{"id":"/subscriptions/`+sub1+network+`spoke",`+space+`}]}`), nil
					}
				}))
				want := peering.Want{Hubs: []peering.Hub{{Network: appliance.ResourceID(far + "hub"), Members: []appliance.MemberName{"vmx-a"}}}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				v, err := c.Networks(ctx, want)
				if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("Networks() = %v, want %q", err, tt.err)
				}
				if len(v.Complete) != tt.complete || len(v.Networks) != tt.networks {
					t.Errorf("Networks() = %d networks, %v complete; want %d and %d", len(v.Networks), v.Complete, tt.networks, tt.complete)
				}
				if tt.unread == "" && len(v.Unread) > 0 || tt.unread != "" && (len(v.Unread) != 1 || !strings.Contains(v.Unread[0].Why, tt.unread)) {
					t.Errorf("Networks() could not read %+v, want %q", v.Unread, tt.unread)
				}
				if !strings.Contains(tt.name, "tenants") && v.Tenants[sub1] != "t1" {
					t.Errorf("Networks() has the tenants %v", v.Tenants)
				}
			})
		})
	}
}

// The order of networks in use: nobody is on a network that somebody has alone, those
// who wait for one alone are not overtaken, and how many share one is found out.
func TestHalfLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := azure.NewHalfLocks()
		granted := make(chan string, 100)
		take := func(order int, local, remote string) {
			go func() {
				if err := l.Acquire(t.Context(), order, local, remote); err != nil {
					t.Errorf("Acquire() = %v", err)
				}
				granted <- local + ">" + remote
			}()
			synctest.Wait()
		}
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for len(granted) > 0 {
				got = append(got, <-granted)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("granted are %v, want %v", got, want)
			}
		}
		take(1, "s1", "hub")
		take(2, "s2", "hub")
		take(3, "s3", "hub")
		expect("s1>hub", "s2>hub") // two at first
		take(4, "s1", "hub2")
		expect() // s1 is in use
		l.Release("s1", "hub", false, true)
		expect("s1>hub2", "s3>hub")
		take(6, "hub", "s9")
		take(7, "s7", "hub")
		expect() // nobody overtakes the one who wants the hub alone
		l.Release("s2", "hub", false, true)
		l.Release("s3", "hub", false, false)
		expect("hub>s9")
		take(5, "s5", "hub")
		expect()
		l.Release("hub", "s9", true, false)
		expect("s5>hub", "s7>hub")
		l.Release("s5", "hub", true, false) // a collision: one at a time from here
		l.Release("s7", "hub", false, false)
		take(8, "s8", "hub")
		take(9, "s9", "hub")
		expect("s8>hub")
		ctx, cancel := context.WithCancelCause(t.Context())
		left := errors.New("left")
		go cancel(left)
		if err := l.Acquire(ctx, 3, "hub", "x"); !errors.Is(err, left) {
			t.Errorf("Acquire() = %v, want %v", err, left)
		}
		l.Release("s8", "hub", false, true)
		expect("s9>hub")
		l.Release("s9", "hub", false, true)
	})
}
