package meraki_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/meraki"
	"hopguard/internal/merakisim"
)

// TestTheShareIsKept lets everybody ask at once for what cannot be shared.
func TestTheShareIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := merakisim.Example()
		for i := range 40 {
			world.Organizations[0].Networks = append(world.Organizations[0].Networks, merakisim.Network{
				ID: fmt.Sprintf("N_3%03d", i), Mode: "spoke", Device: merakisim.Device{Serial: fmt.Sprintf("Q3-%03d", i)},
			})
		}
		sim, err := merakisim.New(world, merakisim.Options{Profile: instant()})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.SetOthers(merakisim.ExampleOrganization, 7); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, sim.Transport(), meraki.Options{Share: 3})
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if p, err := c.PingDevice(t.Context(), organization, meraki.Serial(fmt.Sprintf("Q3-%03d", i)), 1); err != nil || p.Received != 1 {
					t.Errorf("ping %d = %+v, %v", i, p, err)
				}
			})
		}
		wg.Wait()
		calls := sim.Calls()
		for i, call := range calls {
			if call.Status == 429 {
				t.Errorf("request %d was one too many", i)
			}
			if i >= 6 && call.At.Sub(calls[i-6].At) < time.Second {
				t.Errorf("seven requests in %s, want at most the burst of 3 and 3 more a second", call.At.Sub(calls[i-6].At))
			}
		}
		if len(calls) < 80 {
			t.Errorf("%d requests, want two of each ping or more", len(calls))
		}
	})
}

// both asks for both lists of an organization at once, and waits for the answers.
func both(t *testing.T, c *meraki.Client, id meraki.OrganizationID) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.VPNStatuses(t.Context(), id); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if _, err := c.Availabilities(t.Context(), id); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
}

// arrivals is a server that throttles the first request of each path after some
// time, and notes when requests arrive.
type arrivals struct {
	start   time.Time
	refusal map[string]refusal // by the end of the path
	mu      sync.Mutex
	seen    []string
}

type refusal struct {
	takes      time.Duration
	retryAfter string
}

func (a *arrivals) serve(r *http.Request) *http.Response {
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	a.mu.Lock()
	a.seen = append(a.seen, fmt.Sprintf("%s %s", time.Since(a.start).Round(time.Millisecond), name))
	refuse, refused := a.refusal[name]
	delete(a.refusal, name)
	a.mu.Unlock()
	if refused {
		time.Sleep(refuse.takes)
		return says(429, "", "Retry-After", refuse.retryAfter)
	}
	return says(200, "[]")
}

// TestAPauseHoldsBackWhoIsWaiting throttles a request while another one waits for
// its turn, which comes in the middle of the pause. After it they go one by one.
func TestAPauseHoldsBackWhoIsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &arrivals{start: time.Now(), refusal: map[string]refusal{"statuses": {takes: 500 * time.Millisecond, retryAfter: "10"}}}
		c := newClient(t, server(a.serve), meraki.Options{Share: 1})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.VPNStatuses(t.Context(), "1"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, err := c.Availabilities(t.Context(), "1"); err != nil {
			t.Error(err)
		}
		wg.Wait()
		var times []string
		for _, s := range a.seen {
			at, _, _ := strings.Cut(s, " ")
			times = append(times, at)
		}
		if diff := cmp.Diff([]string{"0s", "10.5s", "11.5s"}, times); diff != "" {
			t.Errorf("requests %v arrived otherwise (-want +got):\n%s", a.seen, diff)
		}
	})
}

func TestAShorterPauseDoesNotEndALongerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &arrivals{start: time.Now(), refusal: map[string]refusal{
			"statuses":       {takes: 100 * time.Millisecond, retryAfter: "30"},
			"availabilities": {takes: 200 * time.Millisecond, retryAfter: "1"},
		}}
		both(t, newClient(t, server(a.serve), meraki.Options{}), "1")
		slices.Sort(a.seen)
		want := []string{"0s availabilities", "0s statuses", "30.1s availabilities", "30.1s statuses"}
		if diff := cmp.Diff(want, a.seen); diff != "" {
			t.Errorf("requests arrived otherwise (-want +got):\n%s", diff)
		}
	})
}

// TestAllOrganizationsShareTheLimitOfTheAddress asks for forty organizations at once.
func TestAllOrganizationsShareTheLimitOfTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &arrivals{start: time.Now()}
		c := newClient(t, server(a.serve), meraki.Options{})
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() { both(t, c, meraki.OrganizationID(fmt.Sprint(i))) })
		}
		wg.Wait()
		atOnce := 0
		for _, s := range a.seen {
			if strings.HasPrefix(s, "0s ") {
				atOnce++
			}
		}
		if took := time.Since(a.start).Round(time.Millisecond); atOnce != 50 || took != 600*time.Millisecond {
			t.Errorf("%d of 80 requests at once and the last after %s, want 50, and 600ms for 30 more", atOnce, took)
		}
	})
}
