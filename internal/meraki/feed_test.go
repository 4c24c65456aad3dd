package meraki_test

import (
	"context"
	"errors"
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

const (
	vpn            = "GET statuses"
	availabilities = "GET availabilities"
)

func TestOneCallAnswersEverybodyOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		profile := instant()
		profile.Latency = 300 * time.Millisecond
		w := newWorld(t, merakisim.Options{Profile: profile})
		networks := []meraki.NetworkID{"N_1001", "N_1002", "N_2001", "N_2002", "N_2003"}
		round := func() {
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					n := networks[i%len(networks)]
					if got, err := w.VPNStatus(t.Context(), organization, n); err != nil || got.NetworkID != n || got.Reachability != meraki.Online {
						t.Errorf("VPNStatus(%s) = %+v, %v", n, got, err)
					}
				})
			}
			wg.Wait()
		}
		// The first to ask may go before the others have said what they need.
		round()
		if n := len(w.sim.Calls()); n > 2 {
			t.Errorf("the first hundred needed %d requests %q, want at most 2", n, w.asked())
		}
		for range 5 {
			time.Sleep(time.Second)
			before := len(w.sim.Calls())
			round()
			round()
			calls := w.asked()[before:]
			if diff := cmp.Diff([]string{vpn + " networkIds[]=N_1001,N_1002,N_2001,N_2002,N_2003 200"}, calls); diff != "" {
				t.Errorf("two hundred more made other requests (-want +got):\n%s", diff)
			}
		}
	})
}

// TestASharedAnswerIsNeverOlderThanItsSecond walks over the edge: whoever asks a
// second after the call began gets a call of their own, and one observation is
// known by its time.
func TestASharedAnswerIsNeverOlderThanItsSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		start := time.Now()
		var seen []time.Duration
		for range 6 {
			s, err := w.VPNStatus(t.Context(), organization, primaryNet)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, s.Seen.Sub(start))
			time.Sleep(400 * time.Millisecond)
		}
		want := []time.Duration{0, 0, 0, 1200 * time.Millisecond, 1200 * time.Millisecond, 1200 * time.Millisecond}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("Seen differs (-want +got):\n%s", diff)
		}
	})
}

func TestSeenIsBeforeTheQuestionAndAfterTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		profile := instant()
		profile.Latency = 250 * time.Millisecond
		w := newWorld(t, merakisim.Options{Profile: profile})
		w.inject(merakisim.Fault{Kind: merakisim.FaultThrottled, Count: 1, Params: map[string]string{"retryAfter": "5"}})
		start := time.Now()
		s, err := w.VPNStatus(t.Context(), organization, primaryNet)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Seen.Sub(start); got != 5250*time.Millisecond {
			t.Errorf("Seen is %s after the beginning, want 5.25s: when the question that was answered went out", got)
		}
	})
}

func TestCallsAskForWhatIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		ask := func(networks ...meraki.NetworkID) {
			t.Helper()
			if _, err := w.VPNStatuses(t.Context(), organization, networks...); err != nil {
				t.Fatal(err)
			}
		}
		ask("N_1001")
		ask("N_1002") // not in the answer: another call, for both
		ask("n_1001") // in it, in any case
		time.Sleep(time.Second)
		ask("N_2001", "N_1002")
		ask() // everything
		ask("N_2003")
		time.Sleep(10*time.Minute + time.Second)
		ask("N_2003") // nobody asked for the others in the last ten minutes
		if _, err := w.Availability(t.Context(), organization, secondary); err != nil {
			t.Fatal(err)
		}
		w.wantAsked(
			vpn+" networkIds[]=N_1001 200",
			vpn+" networkIds[]=N_1001,N_1002 200",
			vpn+" networkIds[]=N_1001,N_1002,N_2001 200",
			vpn+" 200",
			vpn+" networkIds[]=N_2003 200",
			availabilities+" serials[]=Q2XX-AAAA-0002 200",
		)
	})
}

func TestRowsComeInTheOrderOfAsking(t *testing.T) {
	w := newWorld(t, merakisim.Options{Profile: instant()})
	got, err := w.VPNStatuses(t.Context(), organization, "N_2002", "N_1001", "N_2001")
	if err != nil {
		t.Fatal(err)
	}
	var ids []meraki.NetworkID
	for _, s := range got {
		ids = append(ids, s.NetworkID)
	}
	if diff := cmp.Diff([]meraki.NetworkID{"N_2002", "N_1001", "N_2001"}, ids); diff != "" {
		t.Errorf("networks differ (-want +got):\n%s", diff)
	}
}

// TestAnUnknownIDHidesNoOther mistypes one network. The stand-in refuses the filter
// or leaves the id out; which of both the API does is not documented.
func TestAnUnknownIDHidesNoOther(t *testing.T) {
	for _, ignores := range []bool{false, true} {
		t.Run(fmt.Sprintf("ignores=%v", ignores), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, merakisim.Options{Profile: instant(), IgnoreUnknownIDs: ignores})
				round := func() {
					t.Helper()
					_, err := w.VPNStatus(t.Context(), organization, "N_9")
					wantError(t, err, `organization 549236: no status of network "N_9"`)
					got, err := w.VPNStatus(t.Context(), organization, primaryNet)
					if err != nil || got.Reachability != meraki.Online {
						t.Errorf("VPNStatus(%s) = %+v, %v, want online", primaryNet, got, err)
					}
				}
				round()
				time.Sleep(time.Second)
				round()
				time.Sleep(5 * time.Minute)
				round()
				if ignores {
					w.wantAsked(
						vpn+" networkIds[]=N_9 200", vpn+" networkIds[]=N_1001,N_9 200",
						vpn+" networkIds[]=N_1001,N_9 200", vpn+" networkIds[]=N_1001,N_9 200")
				} else {
					w.wantAsked(vpn+" networkIds[]=N_9 400", vpn+" 200", vpn+" 200", vpn+" networkIds[]=N_1001,N_9 400", vpn+" 200")
				}
			})
		})
	}
}

func TestManyNetworksAreAskedForInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		longest := 0
		c := newClient(t, server(func(r *http.Request) *http.Response {
			ids := r.URL.Query()["networkIds[]"]
			sizes = append(sizes, len(ids))
			longest = max(longest, len(r.URL.String()))
			rows := make([]string, len(ids))
			for i, id := range ids {
				rows[i] = `{"networkId":"` + id + `"}`
			}
			return says(200, "["+strings.Join(rows, ",")+"]")
		}), meraki.Options{})
		var ids []meraki.NetworkID
		for i := range 250 {
			ids = append(ids, meraki.NetworkID(fmt.Sprintf("N_6434517967656725%02d", i)))
		}
		got, err := c.VPNStatuses(t.Context(), "1", ids...)
		if err != nil || len(got) != 250 || !slices.Equal(sizes, []int{100, 100, 50}) || longest > 8000 {
			t.Errorf("%d statuses in parts of %v, addresses up to %d, error %v, want 250 in 100, 100, 50 and 8000", len(got), sizes, longest, err)
		}
	})
}

// TestWhoHasNoTimeLeavesTheQueue lets the first caller wait for a server that hangs:
// its end is its own, and the next in the queue asks anew.
func TestWhoHasNoTimeLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		w.inject(merakisim.Fault{Kind: merakisim.FaultHang, Count: 1})
		start := time.Now()
		var ended []string
		var mu sync.Mutex
		var wg sync.WaitGroup
		ask := func(name string, limit time.Duration) {
			wg.Go(func() {
				err := within(t, limit, func(ctx context.Context) error {
					_, err := w.VPNStatus(ctx, organization, primaryNet)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, fmt.Sprintf("%s %s %v", time.Since(start), name, err))
			})
			synctest.Wait()
		}
		ask("first", 4*time.Second)
		ask("impatient", time.Second)
		ask("patient", 9*time.Second)
		time.Sleep(2 * time.Second)
		ask("later", 9*time.Second)
		wg.Wait()
		const head = "read appliance vpn statuses of organization 549236: "
		want := []string{
			"1s impatient " + head + "wait for the call that is under way: context deadline exceeded",
			"4s first " + head + "GET /api/v1/organizations/549236/appliance/vpn/statuses: send: context deadline exceeded",
			"4s later <nil>",
			"4s patient <nil>",
		}
		slices.Sort(ended)
		if diff := cmp.Diff(want, ended); diff != "" {
			t.Errorf("the callers ended otherwise (-want +got):\n%s", diff)
		}
		w.wantAsked(vpn+" networkIds[]=N_1001 0", vpn+" networkIds[]=N_1001 200")
	})
}

// TestAFailureIsSharedToo keeps a hundred checks from asking a sick API a hundred
// times, and a hurried one from failing the others.
func TestAFailureIsSharedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		w.inject(merakisim.Fault{Kind: merakisim.FaultForbidden})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := w.VPNStatus(t.Context(), organization, primaryNet); !errors.Is(err, meraki.ErrForbidden) {
					t.Errorf("error = %v, want ErrForbidden", err)
				}
			})
		}
		wg.Wait()
		w.wantAsked(vpn + " networkIds[]=N_1001 403")

		w.sim.Heal()
		time.Sleep(time.Second)
		w.inject(merakisim.Fault{Kind: merakisim.FaultThrottled, Count: 1, Params: map[string]string{"retryAfter": "5"}})
		err := within(t, 3*time.Second, func(ctx context.Context) error {
			_, err := w.VPNStatus(ctx, organization, primaryNet)
			return err
		})
		if !errors.Is(err, meraki.ErrThrottled) {
			t.Errorf("hurried: error = %v, want ErrThrottled", err)
		}
		start := time.Now()
		if _, err := w.VPNStatus(t.Context(), organization, primaryNet); err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("patient: %v after %s, want an answer after 5s", err, time.Since(start))
		}
	})
}

func TestAGateIsGivenInTheOrderOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := meraki.NewGate()
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		var order []int
		var wg sync.WaitGroup
		for i := range 200 {
			ctx := t.Context()
			if i%5 == 0 { // these leave the queue
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			wg.Go(func() {
				if g.Enter(ctx) != nil {
					return
				}
				order = append(order, i)
				g.Leave()
			})
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		g.Leave()
		wg.Wait()
		if len(order) != 160 || !slices.IsSorted(order) {
			t.Errorf("%d got the gate, in the order %v, want 160 in the order of asking", len(order), order)
		}
	})
}
