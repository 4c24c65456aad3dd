package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/meraki"
	"hopguard/internal/merakisim"
	"hopguard/internal/probe"
)

// cloud is a DeviceReader with one answer, which comes after some time.
type cloud struct {
	word           string
	err            error
	late           time.Duration
	sent, received int
	pingErr        error
	pingLate       time.Duration
	pinged         *int
}

func (c cloud) Reachability(ctx context.Context, serial string) (string, time.Time, error) {
	if serial != "Q2XX-A" {
		return "", time.Time{}, fmt.Errorf("asked for %q", serial)
	}
	sent := time.Now()
	return c.word, sent, errors.Join(wait(ctx, c.late), c.err)
}

func (c cloud) Ping(ctx context.Context, serial string) (sent, received int, err error) {
	if serial != "Q2XX-A" {
		return 0, 0, fmt.Errorf("pinged %q", serial)
	}
	if c.pinged != nil {
		*c.pinged++
	}
	return c.sent, c.received, errors.Join(wait(ctx, c.pingLate), c.pingErr)
}

// wait takes its time unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func serials() map[appliance.MemberName]string {
	return map[appliance.MemberName]string{"a": "Q2XX-A"}
}

func TestMeraki(t *testing.T) {
	trouble := errors.New("429 Too Many Requests")
	tests := []struct {
		name     string
		cloud    cloud
		ping     bool
		pings    int // that were ordered
		outcome  appliance.Outcome
		evidence string
	}{
		{"online", cloud{word: "online", late: 150 * time.Millisecond}, true, 0, appliance.Pass,
			"device Q2XX-A, asked 150ms ago: the Meraki cloud says online"},
		{"online-in-other-letters", cloud{word: "Online"}, true, 0, appliance.Pass, "device Q2XX-A, asked 0s ago: the Meraki cloud says online"},
		{"alerting-is-up", cloud{word: "alerting"}, true, 0, appliance.Pass, "device Q2XX-A, asked 0s ago: the Meraki cloud says alerting"},
		{"offline", cloud{word: "offline", sent: 5, received: 5}, false, 0, appliance.Fail, "device Q2XX-A, asked 0s ago: the Meraki cloud says offline"},
		{"dormant", cloud{word: "dormant", sent: 5, received: 5}, false, 0, appliance.Fail, "device Q2XX-A, asked 0s ago: the Meraki cloud says dormant"},
		{"no-word", cloud{sent: 5, received: 5}, true, 0, appliance.Unknown, "device Q2XX-A, asked 0s ago: the Meraki cloud gives no status"},
		{"new-word", cloud{word: "Drained"}, true, 0, appliance.Unknown, `device Q2XX-A, asked 0s ago: the status "drained" is not one that Meraki documents`},
		{"long-word", cloud{word: strings.Repeat("x", 300)}, true, 0, appliance.Unknown,
			`device Q2XX-A, asked 0s ago: the status "` + strings.Repeat("x", 200) + `…" is not one that Meraki documents`},
		{"trouble", cloud{word: "offline", err: trouble}, true, 0, appliance.Unknown, "the Meraki cloud's word was not read: 429 Too Many Requests"},
		{"silence", cloud{word: "offline", late: time.Hour}, true, 0, appliance.Unknown, "the Meraki cloud's word was not read: no answer within 2s"},
		{"offline-but-all-pings-return", cloud{word: "offline", sent: 5, received: 5, pingLate: time.Second}, true, 1, appliance.Pass,
			"device Q2XX-A, asked 0s ago: the Meraki cloud says offline; but 5 of 5 live pings came back after 1s"},
		{"dormant-but-one-ping-returns", cloud{word: "dormant", sent: 5, received: 1}, true, 1, appliance.Pass,
			"device Q2XX-A, asked 0s ago: the Meraki cloud says dormant; but 1 of 5 live pings came back after 0s"},
		{"offline-and-all-pings-lost", cloud{word: "offline", sent: 5}, true, 1, appliance.Fail,
			"device Q2XX-A, asked 0s ago: the Meraki cloud says offline; 0 of 5 live pings came back after 0s"},
		{"offline-and-the-ping-has-no-result", cloud{word: "offline", pingErr: trouble}, true, 1, appliance.Fail,
			"device Q2XX-A, asked 0s ago: the Meraki cloud says offline; a live ping gave no result after 0s, which adds nothing: 429 Too Many Requests"},
		{"offline-and-the-ping-has-a-result-with-its-error", cloud{word: "offline", sent: 5, received: 5, pingErr: trouble}, true, 1, appliance.Fail,
			"device Q2XX-A, asked 0s ago: the Meraki cloud says offline; a live ping gave no result after 0s, which adds nothing: 429 Too Many Requests"},
		{"offline-and-the-ping-hangs", cloud{word: "offline", pingLate: time.Hour}, true, 1, appliance.Fail,
			"device Q2XX-A, asked 0s ago: the Meraki cloud says offline; a live ping gave no result after 2s, which adds nothing: no answer within 2s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pings := 0
				test.cloud.pinged = &pings
				o := once(t.Context(), probe.Meraki{Devices: test.cloud, Serials: serials(), Ping: test.ping})
				if o.Outcome != test.outcome || o.Evidence != test.evidence {
					t.Errorf("Probe() = %s, %q, want %s, %q", o.Outcome, o.Evidence, test.outcome, test.evidence)
				}
				if pings != test.pings {
					t.Errorf("%d pings were ordered, want %d", pings, test.pings)
				}
			})
		})
	}
}

// An answer that somebody else's question brought is as old as that question.
type shared struct{ cloud }

func (s shared) Reachability(context.Context, string) (string, time.Time, error) {
	return s.word, time.Now().Add(-900 * time.Millisecond), nil
}

func TestMerakiGivesTheAgeOfASharedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := once(t.Context(), probe.Meraki{Devices: shared{cloud{word: "online"}}, Serials: serials()})
		wantSeen(t, o, appliance.Pass, "asked 900ms ago")
	})
}

func TestMerakiWithoutSerialAsksNothing(t *testing.T) {
	for _, s := range []map[appliance.MemberName]string{nil, {"b": "Q2XX-A"}, {"a": ""}} {
		got, evidence := probe.Meraki{Serials: s}.Ask(t.Context(), members("a")[0])
		if want := "not asked: no serial of a is configured"; got != appliance.Unknown || evidence != want {
			t.Errorf("Ask() = %s, %q, want unknown, %q", got, evidence, want)
		}
	}
}

func TestMerakiEndedByItsCallerIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		o := once(ctx, probe.Meraki{Devices: cloud{word: "offline", late: time.Hour}, Serials: serials()})
		wantSeen(t, o, appliance.Unknown, "the Meraki cloud's word was not read: context canceled")
	})
}

// dashboard is a DeviceReader over the real client.
type dashboard struct{ *meraki.Client }

func (d dashboard) Reachability(ctx context.Context, serial string) (string, time.Time, error) {
	all, err := d.VPNStatuses(ctx, merakisim.ExampleOrganization, merakisim.ExamplePrimaryNet)
	if err != nil {
		return "", time.Time{}, err
	}
	for _, s := range all {
		if string(s.Serial) == serial {
			return string(s.Reachability), s.Seen, nil
		}
	}
	return "", time.Time{}, fmt.Errorf("no device %s", serial)
}

func (d dashboard) Ping(ctx context.Context, serial string) (sent, received int, err error) {
	p, err := d.PingDevice(ctx, merakisim.ExampleOrganization, meraki.Serial(serial), 3)
	return p.Sent, p.Received, err
}

// The check, the client and the stand-in together: whatever the cloud does, only what
// it says of the device counts against the device.
func TestMerakiAgainstTheStandIn(t *testing.T) {
	fault := func(kind merakisim.FaultKind) []merakisim.Fault { return []merakisim.Fault{{Kind: kind}} }
	const late = 6 * time.Minute // when the cloud has noticed
	tests := []struct {
		name    string
		state   merakisim.State
		after   time.Duration // between the change and the question
		ping    bool
		dead    merakisim.DeadPing
		faults  []merakisim.Fault
		outcome appliance.Outcome
		part    string
	}{
		{name: "online", state: merakisim.Online, after: late, outcome: appliance.Pass, part: "the Meraki cloud says online"},
		{name: "alerting", state: merakisim.Alerting, after: late, outcome: appliance.Pass, part: "the Meraki cloud says alerting"},
		{name: "offline-and-not-yet-noticed", state: merakisim.Offline, after: time.Minute, outcome: appliance.Pass, part: "the Meraki cloud says online"},
		{name: "offline", state: merakisim.Offline, after: late, outcome: appliance.Fail, part: "the Meraki cloud says offline"},
		{name: "dormant", state: merakisim.Dormant, after: late, outcome: appliance.Fail, part: "the Meraki cloud says dormant"},
		{name: "dead-ping-fails", state: merakisim.Offline, after: late, ping: true, outcome: appliance.Fail,
			part: `ended as "failed"`},
		{name: "dead-ping-is-lost", state: merakisim.Offline, after: late, ping: true, dead: merakisim.DeadPingLost, outcome: appliance.Fail,
			part: "0 of 3 live pings came back"},
		{name: "dead-ping-hangs", state: merakisim.Offline, after: late, ping: true, dead: merakisim.DeadPingHangs, outcome: appliance.Fail,
			part: "no answer within 20s"},
		{name: "throttled", state: merakisim.Offline, after: late, faults: fault(merakisim.FaultThrottled), outcome: appliance.Unknown, part: "was not read: "},
		{name: "unauthorized", state: merakisim.Offline, after: late, faults: fault(merakisim.FaultUnauthorized), outcome: appliance.Unknown, part: "was not read: "},
		{name: "hidden", state: merakisim.Offline, after: late, faults: fault(merakisim.FaultNotFound), outcome: appliance.Unknown, part: "was not read: "},
		{name: "broken", state: merakisim.Offline, after: late, faults: fault(merakisim.Fault500), outcome: appliance.Unknown, part: "was not read: "},
		{name: "garbage", state: merakisim.Offline, after: late, faults: fault(merakisim.FaultGarbage), outcome: appliance.Unknown, part: "was not read: "},
		{name: "half", state: merakisim.Offline, after: late, faults: fault(merakisim.FaultTruncated), outcome: appliance.Unknown, part: "was not read: "},
		{name: "reset", state: merakisim.Offline, after: late, faults: fault(merakisim.FaultReset), outcome: appliance.Unknown, part: "was not read: "},
		{name: "silence", state: merakisim.Offline, after: late, faults: fault(merakisim.FaultHang), outcome: appliance.Unknown, part: "no answer within 20s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, check := standIn(t, merakisim.Options{DeadPing: test.dead})
				check.Ping = test.ping
				if err := sim.Set(merakisim.ExamplePrimary, test.state); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.after)
				for _, f := range test.faults {
					if err := sim.Inject(f); err != nil {
						t.Fatal(err)
					}
				}
				wantSeen(t, within(t.Context(), 20*time.Second, check), test.outcome, test.part)
			})
		})
	}
}

// The cloud still says offline while the device is back: the ping is newer.
func TestMerakiLivePingOvertakesTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, check := standIn(t, merakisim.Options{})
		check.Ping = true
		for _, s := range []merakisim.State{merakisim.Offline, merakisim.Online} {
			if err := sim.Set(merakisim.ExamplePrimary, s); err != nil {
				t.Fatal(err)
			}
			if s == merakisim.Offline {
				time.Sleep(10 * time.Minute)
			}
		}
		wantSeen(t, within(t.Context(), 20*time.Second, check), appliance.Pass, "the Meraki cloud says offline; but 3 of 3 live pings came back after ")
	})
}

func standIn(t *testing.T, o merakisim.Options) (*merakisim.Sim, probe.Meraki) {
	t.Helper()
	sim, err := merakisim.New(merakisim.Example(), o)
	if err != nil {
		t.Fatal(err)
	}
	client, err := meraki.New(meraki.Options{
		Key: meraki.FixedKey(merakisim.ExampleKey), HTTP: &http.Client{Transport: sim.Transport()}, Jitter: func() float64 { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	return sim, probe.Meraki{Devices: dashboard{client}, Serials: map[appliance.MemberName]string{"a": merakisim.ExamplePrimary}}
}
