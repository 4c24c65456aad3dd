package azure_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

// tableJSON is a table of the tests as ARM answers it, with one route for each hop.
func tableJSON(name, etag, state string, hops ...string) string {
	var routes []string
	for i, hop := range hops {
		routes = append(routes, fmt.Sprintf(`{"name":"branch-%d","properties":{"addressPrefix":"172.16.%d.0/24","nextHopType":"VirtualAppliance","nextHopIpAddress":%q}}`, i+1, i, hop))
	}
	return fmt.Sprintf(`{"id":%q,"etag":%q,"tags":{"nva_ha_udr":"emea"},"properties":{"provisioningState":%q,"routes":[%s]}}`,
		tableID(name), etag, state, strings.Join(routes, ","))
}

// tableID is the id of a table of the tests.
func tableID(name string) appliance.ResourceID {
	return appliance.ResourceID("/subscriptions/" + sub1 + "/resourceGroups/rg/providers/Microsoft.Network/routeTables/" + name)
}

func parseTable(t *testing.T, text string) route.Table {
	t.Helper()
	table, err := route.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s) = %v", text, err)
	}
	return table
}

// goalB wants all routes at vmx-b (10.2.0.4) and none at vmx-a (10.1.0.4).
func goalB() route.Goal {
	hop := func(s string) []appliance.Hop { return []appliance.Hop{{Role: "nic", Addr: netip.MustParseAddr(s)}} }
	return route.Goal{
		Group: "emea", Active: "vmx-b", Selection: selection(),
		Members: []route.MemberHops{{Member: "vmx-a", Hops: hop("10.1.0.4")}, {Member: "vmx-b", Hops: hop("10.2.0.4")}},
	}
}

// ignore listens to no progress.
func ignore(route.Progress) {}
