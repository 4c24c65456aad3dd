package events_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/events"
)

// merakiAlert is a webhook of the Dashboard: a device has not reported for five
// minutes, and this is said now.
func merakiAlert(changes map[string]any) string {
	return object(map[string]any{
		"version": "0.1", "sharedSecret": secret, "sentAt": at(-time.Second),
		"organizationId": "77", "organizationName": "Example", "organizationUrl": "https://dashboard.example/o/77",
		"networkId": "N_10", "networkName": "hub a", "networkUrl": "https://dashboard.example/n/10", "networkTags": []string{},
		"deviceSerial": "Q2AA-0001-0001", "deviceMac": "02:00:00:00:00:01", "deviceName": "hub a",
		"deviceUrl": "https://dashboard.example/d/1", "deviceTags": []string{"hub"}, "deviceModel": "VMX-M",
		"alertId": "9001", "alertType": "appliances went down", "alertTypeId": "stopped_reporting",
		"alertLevel": "critical", "occurredAt": at(-5*time.Minute - 10*time.Second), "alertData": map[string]any{},
	}, changes)
}

// down is the event of merakiAlert without changes.
func down() events.Event {
	return events.Event{
		Source: events.Meraki, Kind: "stopped_reporting", Subjects: []string{"Q2AA-0001-0001", "N_10"},
		ID: "9001", Occurred: morning().Add(-5*time.Minute - 10*time.Second),
	}
}

func TestMerakiEvents(t *testing.T) {
	with := func(change func(*events.Event)) events.Event {
		e := down()
		change(&e)
		return e
	}
	tunnel := map[string]any{"vpnType": "site-to-site", "connectivity": "false", "peerNetworkId": "N_20", "peerNetworkName": "branch"}
	for _, tt := range []struct {
		name    string
		changes map[string]any
		outcome events.Outcome
		want    events.Event
	}{
		{"device-down", nil, events.Nudged, down()},
		{"device-up", map[string]any{"alertTypeId": "started_reporting", "alertType": "appliances came up"}, events.Nudged,
			with(func(e *events.Event) { e.Kind = "started_reporting" })},
		{"tunnel-names-the-network-at-its-other-end", map[string]any{"alertTypeId": "vpn_connectivity_change", "alertData": tunnel}, events.Nudged,
			with(func(e *events.Event) {
				e.Kind = "vpn_connectivity_change"
				e.Subjects = append(e.Subjects, "N_20")
			})},
		{"uplink", map[string]any{"alertTypeId": "failover_event", "alertData": map[string]any{"uplink": "0"}}, events.Nudged,
			with(func(e *events.Event) { e.Kind = "failover_event" })},
		{"spare", map[string]any{"alertTypeId": "vrrp"}, events.Nudged, with(func(e *events.Event) { e.Kind = "vrrp" })},
		{"somebody-changed-settings", map[string]any{"alertTypeId": "settings_changed", "deviceSerial": ""}, events.Nudged,
			with(func(e *events.Event) { e.Kind, e.Subjects = "settings_changed", []string{"N_10"} })},
		{"only-a-text-with-a-capital", map[string]any{"alertTypeId": nil, "alertType": "Appliances went down"}, events.Nudged,
			with(func(e *events.Event) { e.Kind = "Appliances went down" })},
		{"only-a-text-for-a-tunnel", map[string]any{"alertTypeId": "", "alertType": "VPN connectivity changed"}, events.Nudged,
			with(func(e *events.Event) { e.Kind = "VPN connectivity changed" })},
		{"unknown-kind-nudges", map[string]any{"alertTypeId": "power_supply_down"}, events.UnknownKind,
			with(func(e *events.Event) { e.Kind = "power_supply_down" })},
		{"test-without-an-id", map[string]any{"alertId": ""}, events.Nudged, with(func(e *events.Event) { e.ID = "" })},
		{"no-device-no-network", map[string]any{"deviceSerial": nil, "networkId": nil}, events.Nudged,
			with(func(e *events.Event) { e.Subjects = []string{} })},
		{"data-of-another-shape", map[string]any{"alertData": []int{1}}, events.Nudged, down()},
		{"peer-of-another-type", map[string]any{"alertData": map[string]any{"peerNetworkId": 20}}, events.Nudged, down()},
		{"no-data", map[string]any{"alertData": nil}, events.Nudged, down()},
		{"no-time-of-sending", map[string]any{"sentAt": nil}, events.Nudged, down()},
		{"no-time-of-happening", map[string]any{"occurredAt": "yesterday"}, events.Nudged,
			with(func(e *events.Event) { e.Occurred = morning().Add(-time.Second) })},
		{"held-back-for-an-hour-but-sent-now", map[string]any{"occurredAt": at(-time.Hour)}, events.Nudged,
			with(func(e *events.Event) { e.Occurred = morning().Add(-time.Hour) })},
		{"another-zone", map[string]any{"sentAt": nil, "occurredAt": "2026-03-14T10:59:00.5+02:00"}, events.Nudged,
			with(func(e *events.Event) { e.Occurred = morning().Add(-time.Minute + 500*time.Millisecond) })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.want(t, request(t, events.Meraki, merakiAlert(tt.changes)), http.StatusOK, tt.outcome)
			if diff := cmp.Diff([]events.Event{tt.want}, w.nudges()); diff != "" {
				t.Errorf("nudged (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMerakiEventsThatDiffer sends what shares an id with an alert and is none of its
// repetitions.
func TestMerakiEventsThatDiffer(t *testing.T) {
	tunnel := map[string]any{"alertTypeId": "vpn_connectivity_change"}
	with := func(data map[string]any) map[string]any {
		m := maps.Clone(tunnel)
		m["alertData"] = data
		return m
	}
	w := newWorld(t)
	for _, changes := range []map[string]any{
		nil,
		{"alertTypeId": "started_reporting"},
		{"deviceSerial": "Q2AA-0001-0002"},
		{"networkId": "N_11"},
		{"occurredAt": at(-4 * time.Minute)},
		{"alertId": "9002"},
		with(map[string]any{"connectivity": "false"}),
		with(map[string]any{"connectivity": "true"}),
		with(map[string]any{"connectivity": true}),
		with(map[string]any{"connectivity": "true", "peerNetworkId": "N_20"}),
	} {
		w.want(t, request(t, events.Meraki, merakiAlert(changes)), http.StatusOK, events.Nudged)
	}
	// A second attempt says another time of sending.
	w.want(t, request(t, events.Meraki, merakiAlert(map[string]any{"sentAt": at(0)})), http.StatusOK, events.Replayed)
}

func TestMerakiMalformed(t *testing.T) {
	for name, body := range map[string]string{
		"no-kind":             merakiAlert(map[string]any{"alertType": nil, "alertTypeId": nil}),
		"no-time":             merakiAlert(map[string]any{"sentAt": nil, "occurredAt": nil}),
		"time-without-a-zone": merakiAlert(map[string]any{"sentAt": "2026-03-14T08:59:59", "occurredAt": ""}),
		"number-for-a-serial": merakiAlert(map[string]any{"deviceSerial": 7}),
		"list-for-a-kind":     merakiAlert(map[string]any{"alertTypeId": []string{"stopped_reporting"}}),
		"new-line-in-a-kind":  merakiAlert(map[string]any{"alertTypeId": "stopped\nreporting"}),
		"callback":            object(map[string]any{"sharedSecret": secret, "callbackId": "1", "message": map[string]any{}}, nil),
		"only-the-secret":     object(map[string]any{"sharedSecret": secret}, nil),
		"list":                "[" + merakiAlert(nil) + "]",
		"text":                `"` + "x" + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			newWorld(t).want(t, request(t, events.Meraki, body), http.StatusBadRequest, events.Malformed)
		})
	}
}
