package route_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

const network = "/subscriptions/5a1f/resourceGroups/rg/providers/Microsoft.Network"

func rtID(name string) appliance.ResourceID {
	return appliance.ResourceID(network + "/routeTables/" + name)
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// diff compares values that hold addresses and prefixes.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}))
}

func parse(t *testing.T, raw string) route.Table {
	t.Helper()
	table, err := route.Parse([]byte(raw))
	if err != nil {
		t.Fatalf("Parse() = %v", err)
	}
	return table
}

func TestParse(t *testing.T) {
	raw := `{
	  "name": "spoke-1", "id": "` + string(rtID("spoke-1")) + `", "etag": "W/\"7f\"", "type": "Microsoft.Network/routeTables",
	  "tags": {"nva_ha_udr": "emea", "owner": "net"},
	  "properties": {
	    "provisioningState": "Succeeded", "disableBgpRoutePropagation": true,
	    "subnets": [{"id": "` + network + `/virtualNetworks/spoke/subnets/work"}],
	    "routes": [
	      {"name": "to-branch", "properties": {"addressPrefix": "10.20.0.0/16", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.1.0.4"}},
	      {"name": "v6", "properties": {"addressPrefix": "fd20::/16", "nextHopType": "virtualappliance", "nextHopIpAddress": "fd00::4"}},
	      {"name": "out", "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "Internet"}},
	      {"name": "none", "properties": {"addressPrefix": "10.9.0.0/16", "nextHopType": "None", "nextHopIpAddress": ""}},
	      {"name": "odd", "properties": {"addressPrefix": "AzureMonitor", "nextHopType": "VnetLocal", "nextHopIpAddress": "not looked at"}},
	      {"name": "unset", "properties": {"addressPrefix": "10.8.0.0/16", "nextHopType": "VirtualAppliance"}}
	    ]
	  }
	}`
	want := route.Table{
		ID: rtID("spoke-1"), ETag: `W/"7f"`, State: "Succeeded", Tags: map[string]string{"nva_ha_udr": "emea", "owner": "net"},
		Subnets: []appliance.ResourceID{network + "/virtualNetworks/spoke/subnets/work"}, Raw: json.RawMessage(raw),
		Routes: []route.Route{
			{Name: "to-branch", Prefix: "10.20.0.0/16", HopType: "VirtualAppliance", Hop: addr("10.1.0.4")},
			{Name: "v6", Prefix: "fd20::/16", HopType: "virtualappliance", Hop: addr("fd00::4")},
			{Name: "out", Prefix: "0.0.0.0/0", HopType: "Internet"},
			{Name: "none", Prefix: "10.9.0.0/16", HopType: "None"},
			{Name: "odd", Prefix: "AzureMonitor", HopType: "VnetLocal"},
			{Name: "unset", Prefix: "10.8.0.0/16", HopType: "VirtualAppliance"},
		},
	}
	if d := diff(want, parse(t, raw)); d != "" {
		t.Errorf("Parse() differs (-want +got):\n%s", d)
	}
}

// A table without routes, tags or an etag is a table all the same.
func TestParseOfAnEmptyTable(t *testing.T) {
	raw := `{"id":"` + string(rtID("empty")) + `"}`
	want := route.Table{ID: rtID("empty"), Raw: json.RawMessage(raw)}
	if d := diff(want, parse(t, raw)); d != "" {
		t.Errorf("Parse() differs (-want +got):\n%s", d)
	}
}

func TestParseRefusesMalformedRoutes(t *testing.T) {
	const good = `{"name":"good","properties":{"addressPrefix":"10.0.0.0/8","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.1.0.4"}}`
	props := func(s string) string { return `{"name":"bad","properties":{` + s + `}}` }
	tests := []struct {
		name, routes, want string
	}{
		{"no-name", `{"properties":{"addressPrefix":"10.0.0.0/8","nextHopType":"None"}}`, `routes[0] ().name: "": want a name`},
		{"two-of-one-name", good + `,` + strings.Replace(good, "good", "GOOD", 1), `routes[1] (GOOD).name: "GOOD": want a name that no other route has`},
		{"no-prefix", props(`"nextHopType":"None"`), `routes[0] (bad).properties.addressPrefix: "": want a CIDR or a service tag`},
		{"no-hop-type", good + `,` + props(`"addressPrefix":"10.0.0.0/8"`), `routes[1] (bad).properties.nextHopType: "": want a next hop type`},
		{"no-properties", `{"name":"bad"}`, `routes[0] (bad).properties.addressPrefix: "": want a CIDR or a service tag`},
		{"hop-is-a-name", props(`"addressPrefix":"10.0.0.0/8","nextHopType":"VirtualAppliance","nextHopIpAddress":"vmx-a"`), `routes[0] (bad).properties.nextHopIpAddress: "vmx-a": want an IP address`},
		{"hop-is-a-prefix", props(`"addressPrefix":"10.0.0.0/8","nextHopType":"VIRTUALAPPLIANCE","nextHopIpAddress":"10.1.0.4/32"`), `routes[0] (bad).properties.nextHopIpAddress: "10.1.0.4/32": want an IP address`},
		{"the-first-of-several", props(`"addressPrefix":"10.0.0.0/8","nextHopType":"VirtualAppliance","nextHopIpAddress":"x"`) + `,{"name":""}`, `routes[0] (bad).properties.nextHopIpAddress: "x": want an IP address`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := `{"id":"` + string(rtID("t")) + `","tags":{"nva_ha_udr":"emea"},"properties":{"routes":[` + tt.routes + `]}}`
			got, err := route.Parse([]byte(raw))
			malformed, ok := errors.AsType[*route.MalformedError](err)
			if !ok {
				t.Fatalf("Parse() error = %v, want a *MalformedError", err)
			}
			if want := "route table " + string(rtID("t")) + ": " + tt.want; err.Error() != want || malformed.Table != rtID("t") {
				t.Errorf("Parse() error = %q\nwant %q", err, want)
			}
			// The table can still be reported: whose it is, and what could be read.
			if got.ID != rtID("t") || got.Tags["nva_ha_udr"] != "emea" || len(got.Routes) != strings.Count(tt.routes, "},{")+1 {
				t.Errorf("Parse() table = %+v, want its id, tags and every route", got)
			}
		})
	}
}

func TestParseRefusesWhatIsNoTable(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"html", "<html>login</html>", "decode route table: "},
		{"nothing", "", "decode route table: "},
		{"a-list", "[]", "decode route table: "},
		{"cut-off", `{"id":"` + string(rtID("t")) + `","properties":{"routes":[`, "decode route table: "},
		{"a-tag-that-is-a-number", `{"id":"t","tags":{"n":1}}`, "decode route table: "},
		{"routes-that-are-no-list", `{"id":"t","properties":{"routes":{}}}`, "decode route table: "},
		{"null", "null", `decode route table: no id in "null"`},
		{"another-object", `{"error":{"code":"x"}}`, `decode route table: no id in "{\"error\":{\"code\":\"x\"}}"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := route.Parse([]byte(tt.raw))
			if err == nil {
				t.Fatalf("Parse() = %+v, nil, want an error", got)
			}
			if !strings.HasPrefix(err.Error(), tt.want) || strings.HasSuffix(tt.want, `"`) && err.Error() != tt.want {
				t.Errorf("Parse() error = %q, want %q", err, tt.want)
			}
			if d := diff(route.Table{}, got); d != "" {
				t.Errorf("Parse() of no table differs from the zero table:\n%s", d)
			}
		})
	}
}
