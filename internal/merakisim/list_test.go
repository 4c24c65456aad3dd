package merakisim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/merakisim"
)

func TestPagesAreWalkedByTheirLinks(t *testing.T) {
	c := newClient(t, merakisim.Options{Profile: instant()})
	first := c.get(vpnPath + "?perPage=3&networkIds[]=N_1001&networkIds[]=N_1002&networkIds[]=N_2001&networkIds[]=N_2002")
	if diff := cmp.Diff([]string{"N_1001", "N_1002", "N_2001"}, first.items(t, "networkId")); diff != "" {
		t.Errorf("first page differs (-want +got):\n%s", diff)
	}
	const filter = "networkIds%5B%5D=N_1001&networkIds%5B%5D=N_1002&networkIds%5B%5D=N_2001&networkIds%5B%5D=N_2002&perPage=3"
	address := c.base + vpnPath + "?"
	want := "<" + address + filter + "&startingAfter=0>; rel=first, <" +
		address + filter + "&startingAfter=N_2001>; rel=next, <" +
		address + "endingBefore=0&" + filter + ">; rel=last"
	if got := first.header.Get("Link"); got != want {
		t.Errorf("Link = %s\nwant   %s", got, want)
	}
	second := c.get(address + filter + "&startingAfter=N_2001")
	if diff := cmp.Diff([]string{"N_2002"}, second.items(t, "networkId")); diff != "" {
		t.Errorf("second page differs (-want +got):\n%s", diff)
	}
	want = "<" + address + filter + "&startingAfter=0>; rel=first, <" +
		address + "endingBefore=N_2002&" + filter + ">; rel=prev, <" +
		address + "endingBefore=0&" + filter + ">; rel=last"
	if got := second.header.Get("Link"); got != want {
		t.Errorf("Link = %s\nwant   %s", got, want)
	}
}

func TestPagesEndBefore(t *testing.T) {
	c := newClient(t, merakisim.Options{Profile: instant()})
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"?perPage=3&endingBefore=0", []string{"N_2001", "N_2002", "N_2003"}},
		{"?perPage=3&endingBefore=N_2003", []string{"N_1002", "N_2001", "N_2002"}},
		{"?perPage=3&endingBefore=N_1002", []string{"N_1001"}},
		{"?startingAfter=N_2003", []string{}},
	} {
		if diff := cmp.Diff(tt.want, c.get(vpnPath+tt.query).items(t, "networkId")); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", tt.query, diff)
		}
	}
}

func TestListsAreFiltered(t *testing.T) {
	tests := []struct {
		name, path, member string
		want               []string
	}{
		{"networks", vpnPath + "?networkIds[]=N_2002&networkIds[]=N_1001", "networkId", []string{"N_1001", "N_2002"}},
		{"serials", availabilityPath + "?serials[]=Q2XX-AAAA-0002", "serial", []string{"Q2XX-AAAA-0002"}},
		{"networks-of-devices", availabilityPath + "?networkIds[]=N_2003", "serial", []string{"Q2YY-BBBB-0003"}},
		{"tags-all", availabilityPath + "?tags[]=vmx&tags[]=other", "serial", []string{}},
		{"tags-any", availabilityPath + "?tags[]=vmx&tags[]=other&tagsFilterType=withAnyTags", "serial", []string{"Q2XX-AAAA-0001", "Q2XX-AAAA-0002"}},
		{"statuses", availabilityPath + "?statuses[]=offline&statuses[]=dormant", "serial", []string{"Q2YY-BBBB-0002"}},
		{"product-types", availabilityPath + "?productTypes[]=switch", "serial", []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := merakisim.Example()
			w.Organizations[0].Networks[3].Device.State = merakisim.Dormant
			sim, err := merakisim.New(w, merakisim.Options{Profile: instant()})
			if err != nil {
				t.Fatal(err)
			}
			c := client{t: t, sim: sim, key: merakisim.ExampleKey, base: "https://api.meraki.com/api/v1"}
			if diff := cmp.Diff(tt.want, c.get(tt.path).items(t, tt.member)); diff != "" {
				t.Errorf("rows differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"array-without-brackets", "GET", vpnPath + "?networkIds=N_1001", "", 400, `{"errors":["'networkIds' must be an array"]}`},
		{"unknown-parameter", "GET", vpnPath + "?serials[]=Q", "", 400, `{"errors":["'serials[]' is not a parameter of this operation"]}`},
		{"per-page-too-small", "GET", vpnPath + "?perPage=2", "", 400, `{"errors":["'perPage' must be between 3 and 300"]}`},
		{"per-page-too-large", "GET", vpnPath + "?perPage=301", "", 400, `{"errors":["'perPage' must be between 3 and 300"]}`},
		{"per-page-of-availabilities", "GET", availabilityPath + "?perPage=1001", "", 400, `{"errors":["'perPage' must be between 3 and 1000"]}`},
		{"per-page-no-number", "GET", vpnPath + "?perPage=all", "", 400, `{"errors":["'perPage' must be between 3 and 300"]}`},
		{"both-ends", "GET", vpnPath + "?startingAfter=a&endingBefore=b", "", 400, `{"errors":["'startingAfter' and 'endingBefore' must not be used together"]}`},
		{"unknown-word", "GET", availabilityPath + "?statuses[]=up", "", 400, `{"errors":["'statuses[]' must be one of: alerting, dormant, offline, online"]}`},
		{"unknown-network", "GET", vpnPath + "?networkIds[]=N_9", "", 400, `{"errors":["Invalid network ID: N_9"]}`},
		{"unknown-serial", "GET", availabilityPath + "?serials[]=Q9", "", 400, `{"errors":["Invalid serial: Q9"]}`},
		{"unknown-organization", "GET", "/organizations/1/appliance/vpn/statuses", "", 404, `{"errors":["Not found"]}`},
		{"unknown-operation", "GET", "/organizations/" + merakisim.ExampleOrganization + "/devices", "", 404, `{"errors":["Not found"]}`},
		{"unknown-version", "GET", "https://api.meraki.com/api/v0/organizations", "", 404, `{"errors":["Not found"]}`},
		{"wrong-method", "PUT", vpnPath, "", 405, `{"errors":["Method not allowed"]}`},
		{"unknown-device", "POST", "/devices/Q9/liveTools/pingDevice", "", 404, `{"errors":["Not found"]}`},
		{"unknown-tool", "POST", "/devices/" + merakisim.ExamplePrimary + "/liveTools/reboot", "", 404, `{"errors":["Not found"]}`},
		{"tool-wrong-method", "GET", pingDevicePath, "", 405, `{"errors":["Method not allowed"]}`},
		{"tool-too-deep", "GET", pingDevicePath + "/1/2", "", 404, `{"errors":["Not found"]}`},
		{"ping-unknown", "GET", pingDevicePath + "/1", "", 404, `{"errors":["Not found"]}`},
		{"ping-count", "POST", pingDevicePath, `{"count":6}`, 400, `{"errors":["'count' must be between 1 and 5"]}`},
		{"ping-count-zero", "POST", pingDevicePath, `{"count":0}`, 400, `{"errors":["'count' must be between 1 and 5"]}`},
		{"ping-without-target", "POST", pingPath, `{"count":1}`, 400, `{"errors":["'target' is required"]}`},
		{"ping-device-with-target", "POST", pingDevicePath, `{"target":"1.1.1.1"}`, 400, `{"errors":["'target' is not a parameter of this operation"]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newClient(t, merakisim.Options{Profile: instant()}).do(tt.method, tt.path, tt.body)
			if got.status != tt.status || got.body != tt.want {
				t.Errorf("%s %s = %d %s\nwant %d %s", tt.method, tt.path, got.status, got.body, tt.status, tt.want)
			}
			if got.header.Get("X-Request-Id") == "" {
				t.Error("no X-Request-Id")
			}
		})
	}
}

func TestCallbacksAreRefusedByName(t *testing.T) {
	got := newClient(t, merakisim.Options{Profile: instant()}).post(pingDevicePath, `{"callback":{"url":"https://example.com"}}`)
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, "callback") {
		t.Errorf("an order with a callback = %d %s, want 400 that names it", got.status, got.body)
	}
}

func TestUnknownIDsAreIgnoredIfSo(t *testing.T) {
	c := newClient(t, merakisim.Options{Profile: instant(), IgnoreUnknownIDs: true})
	if diff := cmp.Diff([]string{"N_1001"}, c.get(vpnPath+"?networkIds[]=N_9&networkIds[]=N_1001").items(t, "networkId")); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

func TestKeysSeeTheirOrganizationsOnly(t *testing.T) {
	w := merakisim.Example()
	w.Organizations = append(w.Organizations, merakisim.Organization{ID: "2"})
	w.Keys = append(w.Keys, merakisim.Key{Text: "reader-of-both", Organizations: []string{"2", merakisim.ExampleOrganization}, ReadOnly: true})
	sim, err := merakisim.New(w, merakisim.Options{Profile: instant()})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, key, scheme, method, path string
		want                            int
	}{
		{"bearer", merakisim.ExampleKey, "Authorization", "GET", vpnPath, 200},
		{"own-header", merakisim.ExampleKey, "X-Cisco-Meraki-API-Key", "GET", vpnPath, 200},
		{"no-key", "", "Authorization", "GET", vpnPath, 401},
		{"wrong-key", "not-a-key-of-anybody", "Authorization", "GET", vpnPath, 401},
		{"hidden-organization", merakisim.ExampleKey, "Authorization", "GET", "/organizations/2/appliance/vpn/statuses", 404},
		{"seen-organization", "reader-of-both", "Authorization", "GET", "/organizations/2/appliance/vpn/statuses", 200},
		{"reader-orders-a-ping", "reader-of-both", "Authorization", "POST", pingDevicePath, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, "https://api.meraki.com/api/v1"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			value := tt.key
			if tt.scheme == "Authorization" {
				value = "Bearer " + tt.key
			}
			req.Header.Set(tt.scheme, value)
			if got := exchange(sim.Transport(), req); got.status != tt.want {
				t.Errorf("status = %d %s, want %d", got.status, got.body, tt.want)
			}
		})
	}
}
