package azure_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

// What counts as a dependent resource is not documented. In an Azure in which two
// halves that lead to one network collide, most writes are not wasted, and all
// networks are peered in one run all the same.
func TestPeeringsLearnWhatCollides(t *testing.T) {
	const count = 20
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: count}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		var mu sync.Mutex
		until := map[string]time.Time{} // by hub
		collisions := 0
		s.hook = func(r *http.Request) {
			if r.Method != http.MethodPut {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, hub := range s.hubs {
				if !strings.HasPrefix(r.URL.Path, hub) && !strings.HasSuffix(r.URL.Path, own(hub)) {
					continue
				}
				if time.Now().Before(until[hub]) {
					collisions++
					s.inject(t, azuresim.Fault{Kind: azuresim.FaultFailedPoll, Method: http.MethodPut, Path: regexp.QuoteMeta(r.URL.Path), Count: 1})
				}
				until[hub] = time.Now().Add(azuresim.ProfileDefault().PeeringTime)
			}
		}
		began := time.Now()
		_, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
		if err != nil || peeringFailures(outcomes) != "" {
			t.Errorf("scan: %v %s", err, peeringFailures(outcomes))
		}
		s.mustBePeered(t)
		writes := len(s.peeringWrites())
		t.Logf("%d collisions, %d writes, %v", collisions, writes, time.Since(began))
		if collisions == 0 || writes > 4*count*5/4 {
			t.Errorf("%d collisions, %d writes, want at most a quarter more than %d", collisions, writes, 4*count)
		}
	})
}

// slowHalf answers one read of a network with its half as it was before the other one
// was there.
type slowHalf struct {
	*spokes
	left int
}

// Do implements policy.Transporter.
func (s *slowHalf) Do(r *http.Request) (*http.Response, error) {
	resp, err := s.lab.Do(r)
	if err != nil || r.Method != http.MethodGet || r.URL.Path != s.networks[0] || s.left == 0 {
		return resp, err
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	if bytes.Contains(text, []byte(`"peeringState":"Connected"`)) {
		s.left--
		text = bytes.ReplaceAll(text, []byte(`"peeringState":"Connected"`), []byte(`"peeringState":"Initiated"`))
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// The first half turns Connected by itself, a moment after the second was written:
// that needs no write.
func TestTheFirstHalfIsGivenAMoment(t *testing.T) {
	for left, writes := range map[int]int{1: 2, 3: 3} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, func(t *testing.T, s *spokes, _ *azure.Client, term lease.Term) {
				s.hubs = s.hubs[:1]
				c := s.client(t, func(settings *azure.Settings) { settings.Transport = &slowHalf{s, left} })
				_, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
				if err != nil || peeringFailures(outcomes) != "" || len(s.peeringWrites()) != writes {
					t.Errorf("scan: %v %s, %d writes, want %d", err, peeringFailures(outcomes), len(s.peeringWrites()), writes)
				}
				s.mustBePeered(t)
			})
		})
	}
}

// An operation that never ends is reported, not waited for without end.
func TestAcceptedPeeringsAreNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		profile := azuresim.ProfileDefault()
		profile.PeeringTime = time.Hour
		s := newSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, azuresim.Options{Profile: profile})
		term, stop := newTerm(t)
		defer stop()
		began := time.Now()
		_, outcomes, err := s.scan(t.Context(), t, s.client(t), term, s.want())
		if err != nil || len(outcomes) != 2 {
			t.Fatalf("scan: %v, %+v", err, outcomes)
		}
		for _, o := range outcomes {
			if o.Done() || o.Err == nil || !strings.Contains(o.Err.Error(), "5m0s") {
				t.Errorf("%s-%s: %+v", o.Spoke.Name(), o.Hub.Name(), o)
			}
		}
		if took := time.Since(began); took > 30*time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

// What must not be written, or cannot be understood, is given up at once: a half
// without an etag, because its write would not be conditional, and a network that is
// not as Azure documents it.
func TestP3APeeringWithoutAnEtagIsNotWritten(t *testing.T) {
	const network = "/subscriptions/" + sub1 + "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/"
	half := func(remote, level string) string {
		return `{"name":"theirs","properties":{"provisioningState":"Succeeded","peeringState":"Connected","peeringSyncLevel":"` + level + `","remoteVirtualNetwork":{"id":"` +
			network + remote + `"},"allowVirtualNetworkAccess":true,"allowForwardedTraffic":true}}`
	}
	body := func(name, prefix, half string) string {
		return `{"id":"` + network + name + `","tags":{"` + spokeTag + `":"emea"},"properties":{"addressSpace":{"addressPrefixes":["` + prefix + `"]},"virtualNetworkPeerings":[` + half + `]}}`
	}
	spoke, hub := body("spoke", "10.10.0.0/16", half("hub", "LocalNotInSync")), body("hub", "10.1.0.0/16", half("spoke", "RemoteNotInSync"))
	for name, tt := range map[string]struct{ now, says string }{
		"no-etag":   {spoke, "peering theirs: it has no etag"},
		"malformed": {strings.Replace(spoke, "10.10.0.0/16", "ten", 1), `properties.addressSpace.addressPrefixes[0]: "ten": want a CIDR`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
					switch {
					case r.Method != http.MethodGet:
						t.Errorf("%s %s", r.Method, r.URL.Path)
						return answer(r, 200, `{}`), nil
					case strings.HasSuffix(r.URL.Path, "/theirs"):
						return answer(r, 200, half("spoke", "RemoteNotInSync")), nil
					case strings.Contains(r.URL.Path, peerings):
						return answer(r, 404, `{"error":{"code":"NotFound","message":"x"}}`), nil
					default:
						return answer(r, 200, tt.now), nil
					}
				}))
				term, stop := newTerm(t)
				defer stop()
				want := (&spokes{hubs: []string{network + "hub"}}).want()
				view := peering.View{}
				for _, text := range []string{spoke, hub} {
					n, err := peering.Parse([]byte(text))
					if err != nil {
						t.Fatal(err)
					}
					view.Networks = append(view.Networks, n)
				}
				began := time.Now()
				outcomes := c.ApplyPeerings(t.Context(), term, want, view, want.Plan(view), ignorePeering)
				if len(outcomes) != 1 || outcomes[0].Done() || !strings.Contains(peeringFailures(outcomes), tt.says) || outcomes[0].Writes != 0 {
					t.Errorf("outcomes: %+v, want %s", outcomes, tt.says)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// Progress tells each write and the end.
func TestProgressOfPeerings(t *testing.T) {
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		s.hubs = s.hubs[:1]
		s.inject(t, azuresim.Fault{Kind: azuresim.Fault503, Method: http.MethodPut, Path: peerings, Count: 1, Params: map[string]string{"retryAfter": "3"}})
		view, err := c.Networks(t.Context(), s.want())
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		outcomes := c.ApplyPeerings(t.Context(), term, s.want(), view, s.want().Plan(view), func(p peering.Progress) {
			seen = append(seen, strings.TrimSpace(fmt.Sprint(p.Stage, " ", p.Op, " ", p.Side)))
		})
		want := []string{"retry", "accepted create spoke", "settled create spoke", "accepted create hub", "settled create hub", "read back"}
		if !slices.Equal(seen, want) {
			t.Errorf("progress is %q, want %q", seen, want)
		}
		if o := outcomes[0]; o.Writes != 3 || len(o.Made) != 2 || len(o.Planned) != 2 || o.ReadBack.Sub(o.Started) < 22*time.Second {
			t.Errorf("outcome: %+v", o)
		}
	})
}
