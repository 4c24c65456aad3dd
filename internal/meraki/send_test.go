package meraki_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/meraki"
	"hopguard/internal/merakisim"
)

// TestReadsAreRepeated measures when a read has its answer: what fails is asked for
// once more, what is throttled up to five times, what is refused is not.
func TestReadsAreRepeated(t *testing.T) {
	tests := []struct {
		name     string
		fault    merakisim.Fault
		jitter   float64
		took     time.Duration
		requests int
		fails    bool
	}{
		{name: "throttled-with-retry-after", fault: merakisim.Fault{Kind: merakisim.FaultThrottled, Count: 2, Params: map[string]string{"retryAfter": "7"}}, took: 14 * time.Second, requests: 3},
		{name: "throttled-with-jitter", fault: merakisim.Fault{Kind: merakisim.FaultThrottled, Count: 1, Params: map[string]string{"retryAfter": "2"}}, jitter: 0.5, took: 2250 * time.Millisecond, requests: 2},
		{name: "throttled-bare", fault: merakisim.Fault{Kind: merakisim.FaultThrottledBare, Count: 3}, took: (1 + 2 + 4) * time.Second, requests: 4},
		{name: "throttled-bare-with-jitter", fault: merakisim.Fault{Kind: merakisim.FaultThrottledBare, Count: 3}, jitter: 0.5, took: (1500 + 3000 + 6000) * time.Millisecond, requests: 4},
		{name: "throttled-for-ever", fault: merakisim.Fault{Kind: merakisim.FaultThrottled}, took: 4 * time.Second, requests: 5, fails: true},
		{name: "throttled-for-too-long", fault: merakisim.Fault{Kind: merakisim.FaultThrottled, Params: map[string]string{"retryAfter": "61"}}, requests: 1, fails: true},
		{name: "server-error-once", fault: merakisim.Fault{Kind: merakisim.Fault500, Count: 1}, took: 500 * time.Millisecond, requests: 2},
		{name: "server-error-with-jitter", fault: merakisim.Fault{Kind: merakisim.Fault503, Count: 1}, jitter: 0.5, took: 750 * time.Millisecond, requests: 2},
		{name: "server-error-for-ever", fault: merakisim.Fault{Kind: merakisim.Fault502}, took: 500 * time.Millisecond, requests: 2, fails: true},
		{name: "garbage-once", fault: merakisim.Fault{Kind: merakisim.FaultGarbage, Count: 1}, took: 500 * time.Millisecond, requests: 2},
		{name: "truncated-once", fault: merakisim.Fault{Kind: merakisim.FaultTruncated, Count: 1}, took: 500 * time.Millisecond, requests: 2},
		{name: "reset-once", fault: merakisim.Fault{Kind: merakisim.FaultReset, Count: 1}, took: 500 * time.Millisecond, requests: 2},
		{name: "hangs-once", fault: merakisim.Fault{Kind: merakisim.FaultHang, Count: 1}, took: 20500 * time.Millisecond, requests: 2},
		{name: "slow-body", fault: merakisim.Fault{Kind: merakisim.FaultSlowBody}, took: 3 * time.Second, requests: 1},
		{name: "slow", fault: merakisim.Fault{Kind: merakisim.FaultSlow}, took: 10 * time.Second, requests: 1},
		{name: "unauthorized", fault: merakisim.Fault{Kind: merakisim.FaultUnauthorized}, requests: 1, fails: true},
		{name: "forbidden", fault: merakisim.Fault{Kind: merakisim.FaultForbidden}, requests: 1, fails: true},
		{name: "not-found", fault: merakisim.Fault{Kind: merakisim.FaultNotFound}, requests: 1, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, merakisim.Options{Profile: instant()})
				w.Client = newClient(t, w.sim.Transport(), meraki.Options{Jitter: func() float64 { return tt.jitter }})
				w.inject(tt.fault)
				start := time.Now()
				got, err := w.VPNStatuses(t.Context(), organization)
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if tt.fails != (err != nil) || err == nil && len(got) != 5 {
					t.Errorf("%d statuses, error %v, want an error: %v", len(got), err, tt.fails)
				}
				if n := len(w.sim.Calls()); n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
			})
		})
	}
}

// Orders are not repeated, except those that were throttled: a ping whose answer got
// lost may be under way.
func TestOrdersAreNotRepeated(t *testing.T) {
	for _, kind := range []merakisim.FaultKind{merakisim.Fault500, merakisim.Fault502, merakisim.FaultReset, merakisim.FaultGarbage, merakisim.FaultTruncated} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, merakisim.Options{Profile: instant()})
				w.inject(merakisim.Fault{Kind: kind, Method: "POST"})
				if _, err := w.PingDevice(t.Context(), organization, primary, 1); err == nil {
					t.Error("PingDevice() has no error, want one")
				}
				if n := len(w.sim.Calls()); n != 1 {
					t.Errorf("%d requests, want 1", n)
				}
			})
		})
	}
}

// TestNoWaitIsLongerThanTheContext shows both ends: a wait that cannot be worth it is
// not begun, and one that is under way ends.
func TestNoWaitIsLongerThanTheContext(t *testing.T) {
	tests := []struct {
		name  string
		fault merakisim.Fault
		limit time.Duration
		took  time.Duration
		kind  error
	}{
		{"retry-after-is-too-far", merakisim.Fault{Kind: merakisim.FaultThrottled, Params: map[string]string{"retryAfter": "10"}}, 5 * time.Second, 0, meraki.ErrThrottled},
		{"backoff-is-too-far", merakisim.Fault{Kind: merakisim.FaultThrottledBare}, 2500 * time.Millisecond, time.Second, meraki.ErrThrottled},
		{"repetition-is-too-far", merakisim.Fault{Kind: merakisim.Fault500}, 400 * time.Millisecond, 0, meraki.ErrUnavailable},
		{"no-answer", merakisim.Fault{Kind: merakisim.FaultHang}, 3 * time.Second, 3 * time.Second, context.DeadlineExceeded},
		{"slow-answer", merakisim.Fault{Kind: merakisim.FaultSlow}, 3 * time.Second, 3 * time.Second, context.DeadlineExceeded},
		{"slow-body", merakisim.Fault{Kind: merakisim.FaultSlowBody}, 2 * time.Second, 2 * time.Second, context.DeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, merakisim.Options{Profile: instant()})
				w.inject(tt.fault)
				start := time.Now()
				err := within(t, tt.limit, func(ctx context.Context) error {
					_, err := w.VPNStatuses(ctx, organization)
					return err
				})
				if took := time.Since(start); took != tt.took || !errors.Is(err, tt.kind) {
					t.Errorf("took %s with error %v, want %s and %v", took, err, tt.took, tt.kind)
				}
			})
		})
	}
}

// TestAPauseHoldsEverybodyBack shows that a 429 silences all calls of its
// organization, and no other.
func TestAPauseHoldsEverybodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := merakisim.Example()
		world.Organizations = append(world.Organizations, merakisim.Organization{ID: "2"})
		world.Keys[0].Organizations = append(world.Keys[0].Organizations, "2")
		sim, err := merakisim.New(world, merakisim.Options{Profile: instant()})
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, sim.Transport(), meraki.Options{})
		if err := sim.Inject(merakisim.Fault{Kind: merakisim.FaultThrottled, Path: "vpn", Count: 1, Params: map[string]string{"retryAfter": "30"}}); err != nil {
			t.Fatal(err)
		}
		ask := func(limit time.Duration, f func(context.Context) error) (time.Duration, error) {
			start := time.Now()
			err := within(t, limit, f)
			return time.Since(start), err
		}
		vpn := func(ctx context.Context) error { _, err := c.VPNStatuses(ctx, organization); return err }
		availabilities := func(ctx context.Context) error { _, err := c.Availabilities(ctx, organization); return err }
		other := func(ctx context.Context) error { _, err := c.Availabilities(ctx, "2"); return err }

		if took, err := ask(10*time.Second, vpn); took != 0 || !errors.Is(err, meraki.ErrThrottled) {
			t.Errorf("first: %v after %s, want ErrThrottled at once", err, took)
		}
		took, err := ask(10*time.Second, availabilities)
		if took != 0 {
			t.Errorf("another call: after %s, want at once", took)
		}
		wantError(t, err, "read devices availabilities of organization 549236: wait to send GET /api/v1/organizations/549236/devices/availabilities: not sent: the limit of organization 549236 has no room for another 30s")
		if took, err := ask(10*time.Second, other); took != 0 || err != nil {
			t.Errorf("another organization: %v after %s, want an answer at once", err, took)
		}
		if took, err := ask(time.Minute, availabilities); took != 30*time.Second || err != nil {
			t.Errorf("with more time: %v after %s, want an answer after 30s", err, took)
		}
	})
}

// A server cannot silence us for longer than ten minutes.
func TestAPauseHasABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		w.inject(merakisim.Fault{Kind: merakisim.FaultThrottled, Count: 1, Params: map[string]string{"retryAfter": "86400"}})
		if _, err := w.VPNStatuses(t.Context(), organization); !errors.Is(err, meraki.ErrThrottled) {
			t.Errorf("error = %v, want ErrThrottled", err)
		}
		time.Sleep(time.Second) // the answer is not shared any more
		start := time.Now()
		if _, err := w.VPNStatuses(t.Context(), organization); err != nil || time.Since(start) != 599*time.Second {
			t.Errorf("error %v after %s, want an answer after 9m59s", err, time.Since(start))
		}
	})
}
