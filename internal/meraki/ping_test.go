package meraki_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/meraki"
	"hopguard/internal/merakisim"
)

func TestPings(t *testing.T) {
	tests := []struct {
		name     string
		dead     merakisim.DeadPing
		state    merakisim.State
		mute     bool // the target does not answer
		target   string
		fault    merakisim.Fault
		sent     int
		received int
		took     time.Duration
		want     string // the end of the error
	}{
		{name: "device-answers", state: merakisim.Online, sent: 3, received: 3, took: 3 * time.Second},
		{name: "alerting-device-answers", state: merakisim.Alerting, sent: 3, received: 3, took: 3 * time.Second},
		{name: "target-answers", state: merakisim.Online, target: "10.101.0.9", sent: 3, received: 3, took: 3 * time.Second},
		{name: "target-is-silent", state: merakisim.Online, target: "10.101.0.9", mute: true, sent: 3, took: 3 * time.Second},
		{name: "silent-device-loses", state: merakisim.Offline, dead: merakisim.DeadPingLost, sent: 3, took: 3 * time.Second},
		{name: "silent-device-fails", state: merakisim.Offline, took: 3 * time.Second, want: `" of device Q2XX-AAAA-0001 ended as "failed"`},
		{name: "silent-device-hangs", state: merakisim.Offline, dead: merakisim.DeadPingHangs, took: time.Minute, want: `is still "running": not complete within 1m0s`},
		{name: "look-fails-once", state: merakisim.Online, fault: merakisim.Fault{Kind: merakisim.Fault502, Method: "GET", Count: 1}, sent: 3, received: 3, took: 3500 * time.Millisecond},
		{name: "look-is-garbage", state: merakisim.Online, fault: merakisim.Fault{Kind: merakisim.FaultGarbage, Method: "GET"}, took: 1500 * time.Millisecond, want: `with a body that is not JSON (content type "text/html", begins "<html>  <head><title>200 OK</title></head>`},
		{name: "order-is-forbidden", state: merakisim.Online, fault: merakisim.Fault{Kind: merakisim.FaultForbidden, Method: "POST"}, want: "403 Forbidden: You do not have permission to do this"},
		{name: "order-is-throttled", state: merakisim.Online, fault: merakisim.Fault{Kind: merakisim.FaultThrottled, Method: "POST", Count: 1}, sent: 3, received: 3, took: 8 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, merakisim.Options{Profile: instant(), DeadPing: tt.dead})
				w.set(merakisim.ExamplePrimary, tt.state)
				if tt.mute {
					if err := w.sim.SetTarget(merakisim.ExamplePrimary, tt.target, false); err != nil {
						t.Fatal(err)
					}
				}
				if tt.fault.Kind != "" {
					w.inject(tt.fault)
				}
				start := time.Now()
				var p meraki.Ping
				var err error
				if tt.target == "" {
					p, err = w.PingDevice(t.Context(), organization, primary, 3)
				} else {
					p, err = w.PingFrom(t.Context(), organization, primary, tt.target, 3)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if tt.want != "" {
					if err == nil || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("error = %v\nwant one with %s", err, tt.want)
					}
					return
				}
				want := meraki.Ping{Serial: primary, Target: tt.target, Sent: tt.sent, Received: tt.received, Loss: 100 * float64(tt.sent-tt.received) / 3}
				if diff := cmp.Diff(want, p, cmpopts.IgnoreFields(meraki.Ping{}, "ID", "Fastest", "Average", "Slowest", "Seen")); diff != "" || err != nil {
					t.Errorf("error %v, ping differs (-want +got):\n%s", err, diff)
				}
				if (p.Average > 0) != (tt.received > 0) || p.Fastest > p.Average || p.Average > p.Slowest {
					t.Errorf("times %s, %s, %s of %d replies", p.Fastest, p.Average, p.Slowest, p.Received)
				}
				// In virtual time the order was accepted when it was sent, and the
				// replies came a second apart.
				if age := time.Since(p.Seen); err == nil && age != 3*time.Second && tt.fault.Kind == "" {
					t.Errorf("Seen is %s old, want 3s: when the order went out", age)
				}
			})
		})
	}
}

func TestADeviceIsPingedOnceInFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		var wg sync.WaitGroup
		for i := range 20 { // these share one ping
			serial := []meraki.Serial{primary, "q2xx-aaaa-0001"}[i%2]
			wg.Go(func() {
				if p, err := w.PingDevice(t.Context(), organization, serial, 1); err != nil || p.Received != 1 {
					t.Errorf("PingDevice() = %+v, %v", p, err)
				}
			})
		}
		for range 3 { // these are other pings of the same device, and wait
			wg.Go(func() {
				if p, err := w.PingFrom(t.Context(), organization, primary, "10.101.0.9", 1); err != nil || p.Received != 1 {
					t.Errorf("PingFrom() = %+v, %v", p, err)
				}
			})
		}
		wg.Go(func() {
			if _, err := w.PingDevice(t.Context(), organization, secondary, 1); err != nil {
				t.Errorf("PingDevice(secondary) = %v", err)
			}
		})
		wg.Wait()
		if _, err := w.PingDevice(t.Context(), organization, primary, 1); err != nil {
			t.Error(err)
		}
		orders := map[string][]time.Duration{}
		first := w.sim.Calls()[0].At
		for _, c := range w.sim.Calls() {
			if c.Method == http.MethodPost {
				serial := strings.Split(c.Path, "/")[4]
				orders[serial] = append(orders[serial], c.At.Sub(first).Round(time.Millisecond))
			}
		}
		want := map[string][]time.Duration{
			merakisim.ExamplePrimary: {0, 5 * time.Second, 10 * time.Second}, merakisim.ExampleSecondary: {0},
		}
		if diff := cmp.Diff(want, orders); diff != "" {
			t.Errorf("orders differ (-want +got):\n%s", diff)
		}
	})
}

func TestAPingThatComesTooSoonIsNotWaitedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		if _, err := w.PingDevice(t.Context(), organization, primary, 1); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err := within(t, 3*time.Second, func(ctx context.Context) error {
			_, err := w.PingDevice(ctx, organization, primary, 1)
			return err
		})
		wantError(t, err, "ping device Q2XX-AAAA-0001: wait to send POST /api/v1/devices/Q2XX-AAAA-0001/liveTools/pingDevice: not sent: the limit of live tools of device Q2XX-AAAA-0001 has no room for another 4s")
		if e, ok := errors.AsType[*meraki.BusyError](err); !ok || e.Wait != 4*time.Second || time.Since(start) != 0 {
			t.Errorf("error %#v after %s, want a BusyError at once", err, time.Since(start))
		}
		// Who did not wait took nobody's turn.
		if _, err := w.PingDevice(t.Context(), organization, primary, 1); err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("patient: %v after %s, want a result after 4s and the second of the ping", err, time.Since(start))
		}
	})
}

func TestPingsAreReadLeniently(t *testing.T) {
	tests := []struct {
		name, body string
		id         string
		want       meraki.Ping
		ok         bool
	}{
		{"whole", `{"pingId":"12","results":{"sent":2,"received":1,"loss":{"percentage":50},"latencies":{"minimum":1.5,"average":2,"maximum":2.5}}}`,
			"12", meraki.Ping{Sent: 2, Received: 1, Loss: 50, Fastest: 1500 * time.Microsecond, Average: 2 * time.Millisecond, Slowest: 2500 * time.Microsecond}, true},
		{"numbers-as-strings", `{"pingId":12,"results":{"sent":"2","received":"2","loss":{"percentage":"0"},"latencies":{"average":"20.5"}}}`,
			"12", meraki.Ping{Sent: 2, Received: 2, Average: 20500 * time.Microsecond}, true},
		{"id-in-the-address", `{"url":"/devices/Q/liveTools/ping/77"}`, "77", meraki.Ping{}, false},
		{"nothing-received", `{"pingId":"1","results":{"sent":5,"received":0,"loss":{"percentage":100},"latencies":{"minimum":null},"replies":[]}}`,
			"1", meraki.Ping{Sent: 5, Loss: 100}, true},
		{"replies-counted", `{"pingId":"1","results":{"sent":4,"replies":[{},{},{}]}}`, "1", meraki.Ping{Sent: 4, Received: 3, Loss: 25}, true},
		{"sent-as-ordered", `{"pingId":"1","request":{"count":2},"results":{"received":2}}`, "1", meraki.Ping{Sent: 2, Received: 2}, true},
		{"loss-that-is-none", `{"pingId":"1","results":{"sent":2,"received":1,"loss":{"percentage":-7}}}`, "1", meraki.Ping{Sent: 2, Received: 1, Loss: 50}, true},
		{"received-is-not-said", `{"pingId":"1","results":{"sent":5,"loss":{"percentage":100}}}`, "1", meraki.Ping{}, false},
		{"received-is-null", `{"pingId":"1","results":{"sent":5,"received":null,"replies":null}}`, "1", meraki.Ping{}, false},
		{"more-received-than-sent", `{"pingId":"1","results":{"sent":1,"received":2}}`, "1", meraki.Ping{}, false},
		{"nothing-sent", `{"pingId":"1","results":{"sent":0,"received":0}}`, "1", meraki.Ping{}, false},
		{"half-a-ping", `{"pingId":"1","results":{"sent":1.5,"received":1}}`, "1", meraki.Ping{}, false},
		{"no-results", `{"pingId":"1","results":null}`, "1", meraki.Ping{}, false},
		{"a-list", `[1]`, "", meraki.Ping{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, id, ok := meraki.DecodePing(tt.body)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok || id != tt.id {
				t.Errorf("id %q, ok %v, want %q, %v; ping differs (-want +got):\n%s", id, ok, tt.id, tt.ok, diff)
			}
		})
	}
}

func TestPingsThatTheAPIDoesNotExplain(t *testing.T) {
	tests := []struct{ name, created, polled, want string }{
		{"no-id", `{"status":"new"}`, "", `ping device Q1: POST /api/v1/devices/Q1/liveTools/pingDevice: 201 with a body without a pingId (content type "application/json", begins "{\"status\":\"new\"}")`},
		{"no-results", `{"pingId":"7"}`, `{"status":"complete"}`, `ping device Q1: GET /api/v1/devices/Q1/liveTools/pingDevice/7: 200 with a complete ping without results (content type "application/json", begins "{\"status\":\"complete\"}")`},
		{"unknown-word", `{"pingId":"7"}`, `{"status":"queued"}`, `ping device Q1: ping "7" is still "queued": not complete within 1m0s`},
		{"no-word", `{"pingId":"7"}`, `[]`, `ping device Q1: ping "7" is still "": not complete within 1m0s`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, server(func(r *http.Request) *http.Response {
					if r.Method == http.MethodPost {
						return says(201, tt.created)
					}
					return says(200, tt.polled)
				}), meraki.Options{})
				_, err := c.PingDevice(t.Context(), "1", "Q1", 1)
				wantError(t, err, tt.want)
			})
		})
	}
}
