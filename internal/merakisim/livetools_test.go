package merakisim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/merakisim"
)

// result is how a ping stands: its status, and what was sent and received.
func (c client) result(path string) [3]any {
	c.t.Helper()
	o := c.get(path).object(c.t)
	r, _ := o["results"].(map[string]any)
	return [3]any{o["status"], r["sent"], r["received"]}
}

func TestPingsTakeTheirTimeAndSeeTheDevice(t *testing.T) {
	tests := []struct {
		name     string
		dead     merakisim.DeadPing
		path     string
		body     string
		prepare  func(*merakisim.Sim) error
		cutAfter time.Duration // the device goes silent
		want     [3]any        // when the ping is over
	}{
		{name: "device-answers", path: pingDevicePath, body: `{"count":3}`, want: [3]any{"complete", 3.0, 3.0}},
		{name: "five-by-default", path: pingDevicePath, want: [3]any{"complete", 5.0, 5.0}},
		{
			name: "alerting-device-answers", path: pingDevicePath, body: `{"count":1}`,
			prepare: func(s *merakisim.Sim) error { return s.Set(merakisim.ExamplePrimary, merakisim.Alerting) },
			want:    [3]any{"complete", 1.0, 1.0},
		},
		{name: "device-dies-between", path: pingDevicePath, body: `{"count":4}`, cutAfter: 1500 * time.Millisecond, want: [3]any{"complete", 4.0, 2.0}},
		{
			name: "silent-device-fails", path: pingDevicePath, body: `{"count":2}`,
			prepare: func(s *merakisim.Sim) error { return s.Set(merakisim.ExamplePrimary, merakisim.Offline) },
			want:    [3]any{"failed", nil, nil},
		},
		{
			name: "silent-device-loses", path: pingDevicePath, body: `{"count":2}`, dead: merakisim.DeadPingLost,
			prepare: func(s *merakisim.Sim) error { return s.Set(merakisim.ExamplePrimary, merakisim.Offline) },
			want:    [3]any{"complete", 2.0, 0.0},
		},
		{
			name: "silent-device-hangs", path: pingDevicePath, body: `{"count":2}`, dead: merakisim.DeadPingHangs,
			prepare: func(s *merakisim.Sim) error { return s.Set(merakisim.ExamplePrimary, merakisim.Offline) },
			want:    [3]any{"running", nil, nil},
		},
		{name: "target-answers", path: pingPath, body: `{"target":"10.101.0.9","count":2}`, want: [3]any{"complete", 2.0, 2.0}},
		{
			name: "target-is-silent", path: pingPath, body: `{"target":"10.101.0.9","count":2}`,
			prepare: func(s *merakisim.Sim) error { return s.SetTarget(merakisim.ExamplePrimary, "10.101.0.9", false) },
			want:    [3]any{"complete", 2.0, 0.0},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, merakisim.Options{Profile: instant(), DeadPing: tt.dead})
				if tt.prepare != nil {
					if err := tt.prepare(c.sim); err != nil {
						t.Fatal(err)
					}
				}
				created := c.post(tt.path, tt.body)
				if created.status != 201 || created.object(t)["status"] != "new" {
					t.Fatalf("order = %d %s, want 201 and new", created.status, created.body)
				}
				path := tt.path + "/" + created.object(t)["pingId"].(string)
				if tt.cutAfter > 0 {
					time.Sleep(tt.cutAfter)
					if err := c.sim.Set(merakisim.ExamplePrimary, merakisim.Offline); err != nil {
						t.Fatal(err)
					}
				}
				if got := c.result(path); got[0] != "running" {
					t.Errorf("before its end it is %v, want running", got)
				}
				time.Sleep(6 * time.Second)
				if diff := cmp.Diff(tt.want, c.result(path)); diff != "" {
					t.Errorf("ping differs (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAPingBelongsToItsToolAndDevice(t *testing.T) {
	c := newClient(t, merakisim.Options{Profile: instant()})
	id, _ := c.post(pingDevicePath, "").object(t)["pingId"].(string)
	for _, path := range []string{pingPath + "/" + id, "/devices/" + merakisim.ExampleSecondary + "/liveTools/pingDevice/" + id} {
		if got := c.get(path); got.status != 404 {
			t.Errorf("%s = %d, want 404", path, got.status)
		}
	}
}
