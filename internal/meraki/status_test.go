package meraki_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/meraki"
)

// comparing compares addresses by value, and takes nil for an empty list.
func comparing() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmpopts.EquateEmpty(),
	}
}

func TestStatusesAreReadLeniently(t *testing.T) {
	tests := []struct {
		name, body string
		want       []meraki.Status
	}{
		{"none", `[]`, nil},
		{"empty-row", `[{}]`, []meraki.Status{{}}},
		{"nulls", `[{"networkId":null,"deviceSerial":null,"deviceStatus":null,"uplinks":null,"vpnMode":null,"exportedSubnets":null,"merakiVpnPeers":null,"thirdPartyVpnPeers":null}]`, []meraki.Status{{}}},
		{"rows-that-are-none", `[null, 7, "x", [], {"networkId":"N_1"}]`, []meraki.Status{{NetworkID: "N_1"}}},
		{"words", `[{"deviceStatus":" Online "},{"deviceStatus":"alerting"},{"deviceStatus":"OFFLINE"},{"deviceStatus":"dormant"},{"deviceStatus":"updating firmware"}]`,
			[]meraki.Status{{Reachability: meraki.Online}, {Reachability: meraki.Alerting}, {Reachability: meraki.Offline}, {Reachability: meraki.Dormant}, {Reachability: "updating firmware"}}},
		{"status-of-another-kind", `[{"deviceStatus":{"word":"online"}},{"deviceStatus":["online"]},{"deviceStatus":1},{"deviceStatus":false}]`,
			[]meraki.Status{{}, {}, {Reachability: "1"}, {Reachability: "false"}}},
		{"word-without-end", `[{"deviceStatus":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"}]`, []meraki.Status{{Reachability: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."}}},
		{"number-for-an-id", `[{"networkId":643451796765672516}]`, []meraki.Status{{NetworkID: "643451796765672516"}}},
		{"unknown-members", `[{"networkId":"N_1","since":{"v":[1,2]},"vpnMode":"HUB"}]`, []meraki.Status{{NetworkID: "N_1", Mode: "hub"}}},
		{"addresses-that-are-none", `[{"uplinks":[{"interface":"wan1","publicIp":""},{"interface":"wan2","publicIp":"2001:db8::1"},null,3],"exportedSubnets":[{"subnet":"all","name":"x"},{"subnet":"10.0.0.0/8"}]}]`,
			[]meraki.Status{{
				Uplinks: []meraki.Uplink{{Interface: "wan1"}, {Interface: "wan2", Public: netip.MustParseAddr("2001:db8::1")}},
				Subnets: []meraki.Subnet{{Name: "x"}, {Prefix: netip.MustParsePrefix("10.0.0.0/8")}},
			}}},
		{"priorities", `[{"merakiVpnPeers":[{"priority":1},{"priority":"2"},{"priority":" 3 "},{"priority":null},{"priority":-1},{"priority":1.5},{"priority":"NaN"},{"priority":1e300},{"priority":{}}]}]`,
			[]meraki.Status{{Peers: []meraki.Peer{{Priority: 1}, {Priority: 2}, {Priority: 3}, {}, {}, {}, {}, {}, {}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := meraki.DecodeStatuses(tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, comparing()); diff != "" {
				t.Errorf("statuses differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAvailabilitiesAreReadLeniently(t *testing.T) {
	got, err := meraki.DecodeAvailabilities(`[
		{"mac":"00:11:22:33:44:55","name":"vmx","network":{"id":"N_1"},"productType":"appliance","serial":"Q1","status":"Dormant","tags":["a"]},
		{"name":7,"network":null,"serial":"Q2","status":null,"tags":null},
		{"network":"N_3","serial":["Q3"]},
		{}]`)
	if err != nil {
		t.Fatal(err)
	}
	want := []meraki.Availability{
		{Serial: "Q1", Name: "vmx", NetworkID: "N_1", Product: "appliance", Reachability: meraki.Dormant}, {Serial: "Q2", Name: "7"}, {}, {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("availabilities differ (-want +got):\n%s", diff)
	}
}

// TestExamplesOfTheSpecification reads what Meraki shows as answers, through the
// whole client. Where the samples are not here the test ends, except in CI.
func TestExamplesOfTheSpecification(t *testing.T) {
	var spec struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Example json.RawMessage `json:"example"`
				} `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
	}
	data, err := os.ReadFile(filepath.Join(root(t), "..", "shared", "facts", "meraki-samples", "openapi-minimal-1.73.0.json"))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("the samples are not here")
	}
	if err == nil {
		err = json.Unmarshal(data, &spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	example := func(path, method, status string) string {
		body := spec.Paths[path][method].Responses[status].Content["application/json"].Example
		if len(body) == 0 {
			t.Fatalf("the specification has no example of %s %s %s", method, path, status)
		}
		return string(body)
	}
	statuses, err := meraki.DecodeStatuses(example("/organizations/{organizationId}/appliance/vpn/statuses", "get", "200"))
	if err != nil {
		t.Fatal(err)
	}
	want := []meraki.Status{{
		Serial: "Q234-ABCD-1234", NetworkID: "N_12345678", NetworkName: "San Francisco Office", Reachability: meraki.Online, Mode: "hub",
		Uplinks: []meraki.Uplink{{Interface: "wan1", Public: netip.MustParseAddr("1.2.3.4")}},
		Subnets: []meraki.Subnet{{Prefix: netip.MustParsePrefix("192.168.0.0/24"), Name: "sales-vlan"}},
		Peers: []meraki.Peer{
			{Network: "L_1234", Name: "New York Office", Reachability: meraki.Reachable, Priority: 1},
			{Name: "Tokyo Office", Public: netip.MustParseAddr("222.111.222.111"), Reachability: meraki.Reachable, ThirdParty: true},
		},
	}}
	if diff := cmp.Diff(want, statuses, comparing()); diff != "" {
		t.Errorf("statuses differ (-want +got):\n%s", diff)
	}
	devices, err := meraki.DecodeAvailabilities(example("/organizations/{organizationId}/devices/availabilities", "get", "200"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]meraki.Availability{{
		Serial: "Q234-ABCD-5678", Name: "My AP", NetworkID: "N_24329156", Product: "switch", Reachability: meraki.Online,
	}}, devices); diff != "" {
		t.Errorf("availabilities differ (-want +got):\n%s", diff)
	}
	for _, tool := range []string{"ping", "pingDevice"} {
		_, created, _ := meraki.DecodePing(example("/devices/{serial}/liveTools/"+tool, "post", "201"))
		p, polled, ok := meraki.DecodePing(example("/devices/{serial}/liveTools/"+tool+"/{id}", "get", "200"))
		wantPing := meraki.Ping{
			Sent: 5, Received: 5, Fastest: 15800 * time.Microsecond, Average: 15800 * time.Microsecond, Slowest: 15900 * time.Microsecond,
		}
		if diff := cmp.Diff(wantPing, p); diff != "" || !ok || created != "1284392014819" || polled != created {
			t.Errorf("%s: ids %q and %q, ok %v, result differs (-want +got):\n%s", tool, created, polled, ok, diff)
		}
	}
}

// root returns the folder of go.mod, at or above the working directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod at or above the working directory")
		}
		dir = parent
	}
}

// TestTheOwnExamples holds where the samples are not: the same shapes in our words.
func TestTheOwnExamples(t *testing.T) {
	answers := map[string]string{
		"/api/v1/organizations/1/appliance/vpn/statuses": `[{"networkId":"N_7","networkName":"hub","deviceSerial":"Q7","deviceStatus":"alerting",
			"uplinks":[{"interface":"wan1","publicIp":"192.0.2.7"}],"vpnMode":"hub","exportedSubnets":[{"subnet":"10.7.0.0/16","name":"w"}],
			"merakiVpnPeers":[{"networkId":"L_8","networkName":"branch","reachability":"unreachable","priority":2}],
			"thirdPartyVpnPeers":[{"name":"other","publicIp":"192.0.2.8","reachability":"reachable"}]}]`,
		"/api/v1/organizations/1/devices/availabilities": `[{"mac":"00:00:5e:00:53:07","name":"hub","network":{"id":"N_7"},"productType":"appliance","serial":"Q7","status":"offline","tags":[]}]`,
	}
	c := newClient(t, server(func(r *http.Request) *http.Response { return says(200, answers[r.URL.Path]) }), meraki.Options{})
	before := time.Now()
	status, err := c.VPNStatus(t.Context(), "1", "N_7")
	if err != nil {
		t.Fatal(err)
	}
	if status.Seen.Before(before) || status.Seen.After(time.Now()) || status.Seen.Location() != time.UTC {
		t.Errorf("Seen = %v, want now, in UTC", status.Seen)
	}
	if diff := cmp.Diff(meraki.Status{
		Serial: "Q7", NetworkID: "N_7", NetworkName: "hub", Reachability: meraki.Alerting, Mode: "hub",
		Uplinks: []meraki.Uplink{{Interface: "wan1", Public: netip.MustParseAddr("192.0.2.7")}},
		Subnets: []meraki.Subnet{{Prefix: netip.MustParsePrefix("10.7.0.0/16"), Name: "w"}},
		Peers: []meraki.Peer{
			{Network: "L_8", Name: "branch", Reachability: meraki.Unreachable, Priority: 2},
			{Name: "other", Public: netip.MustParseAddr("192.0.2.8"), Reachability: meraki.Reachable, ThirdParty: true},
		},
		Seen: status.Seen,
	}, status, comparing()); diff != "" {
		t.Errorf("status differs (-want +got):\n%s", diff)
	}
	device, err := c.Availability(t.Context(), "1", "q7")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(meraki.Availability{
		Serial: "Q7", Name: "hub", NetworkID: "N_7", Product: "appliance", Reachability: meraki.Offline, Seen: device.Seen,
	}, device); diff != "" {
		t.Errorf("availability differs (-want +got):\n%s", diff)
	}
}

func TestWhatTheAnswerDoesNotHave(t *testing.T) {
	c := newClient(t, server(func(*http.Request) *http.Response { return says(200, `[{"networkId":"N_1"}]`) }), meraki.Options{})
	_, err := c.VPNStatus(t.Context(), "1", "N_2")
	wantError(t, err, `organization 1: no status of network "N_2"`)
	_, err = c.Availability(t.Context(), "1", "Q2")
	wantError(t, err, `organization 1: no status of device "Q2"`)
	if _, ok := errors.AsType[*meraki.UnlistedError](err); !ok {
		t.Errorf("error is a %T, want an UnlistedError", err)
	}
}
