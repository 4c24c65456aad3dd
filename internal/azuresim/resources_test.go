package azuresim_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

// names gives the names in a list, ordered.
func names(a answer, path ...string) []string {
	list, _ := dig(a.body, path...).([]any)
	out := []string{}
	for _, v := range list {
		name, _ := dig(v, "name").(string)
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func TestResourcesByTag(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		list := func(who, filter string) answer {
			return callAs(t, s, who, "GET", "/subscriptions/"+sub1+"/resources"+groupAPI+"&$filter="+url.QueryEscape(filter), "")
		}
		emea := []string{"rt-spoke-001", "rt-spoke-002", "rt-spoke-003"}
		tests := map[string]struct {
			filter string
			want   []string
		}{
			"tag-and-value":       {"tagName eq 'nva_ha_udr' and tagValue eq 'emea'", emea},
			"tag-of-another-case": {"tagName eq 'NVA_HA_UDR' and tagValue eq 'emea'", emea},
			"value-in-its-case":   {"tagName eq 'nva_ha_udr' and tagValue eq 'EMEA'", []string{}},
			"tag-alone":           {"tagName eq 'nva_ha_udr'", append([]string{"rt-other-group"}, emea...)},
			"type":                {"resourceType eq 'Microsoft.Compute/virtualMachines' and name eq 'vmx-a'", []string{"vmx-a"}},
		}
		for name, tt := range tests {
			if got := names(list("owner", tt.filter), "value"); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, want %v", name, got, tt.want)
			}
		}
		for _, bad := range []string{"tagName eq 'a' and resourceType eq 'b'", "tagValue eq 'a'", "location eq 'a'", "tagName ne 'a'"} {
			list("owner", bad).want(t, 400, "InvalidFilterInQueryString")
		}
		if got := names(list("hopguard", "resourceType eq 'Microsoft.Network/routeTables'"), "value"); len(got) != 5 {
			t.Errorf("somebody with rights on tables sees %v", got)
		}
		call(t, s, "PATCH", rt1+netAPI, `{"tags":{"nva_ha_udr":"apac"}}`).want(t, 200, "")
		time.Sleep(10 * time.Second)
		if got := names(list("owner", tests["tag-and-value"].filter), "value"); !slices.Equal(got, emea) {
			t.Errorf("10s after a change the index shows %v", got)
		}
		time.Sleep(25 * time.Second)
		if got := names(list("owner", tests["tag-and-value"].filter), "value"); !slices.Equal(got, emea[1:]) {
			t.Errorf("35s after a change the index shows %v", got)
		}
		group := call(t, s, "GET", strings.Split(rt1, "/providers/")[0]+"/resources"+groupAPI, "")
		if got := names(group, "value"); !slices.Contains(got, "rt-spoke-001") || slices.Contains(got, "rt-spoke-002") {
			t.Errorf("the group has %v", got)
		}
	})
}

func TestResourceGraph(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(azuresim.TwoRegions(azuresim.TwoRegionsOptions{Subscriptions: 2}), azuresim.Options{PageSize: 2})
		if err != nil {
			t.Fatal(err)
		}
		query := func(version, body string) answer {
			time.Sleep(time.Second)
			return call(t, s, "POST", "/providers/Microsoft.ResourceGraph/resources?api-version="+version, body)
		}
		const tables = `resources | where type =~ 'Microsoft.Network/routeTables' | where tags['nva_ha_udr'] =~ 'EMEA' | project id, name, type, tags`
		a := query("2021-03-01", `{"query":"`+tables+`"}`).want(t, 200, "")
		if got := names(a, "data"); len(got) != 2 || dig(a.body, "totalRecords") != 3.0 || a.text("data", "0", "type") != "microsoft.network/routetables" {
			t.Errorf("first page: %s", a.raw)
		}
		b := query("2021-03-01", `{"query":"`+tables+`","options":{"$skipToken":"`+a.text("$skipToken")+`"}}`).want(t, 200, "")
		if got := append(names(a, "data"), names(b, "data")...); len(got) != 3 || b.text("$skipToken") != "" {
			t.Errorf("both pages: %v", got)
		}
		one := query("2021-03-01", `{"query":"`+tables+`","subscriptions":["`+sub1+`"],"options":{"$top":1}}`)
		if dig(one.body, "totalRecords") != 2.0 || dig(one.body, "count") != 1.0 {
			t.Errorf("one subscription, one row: %s", one.raw)
		}
		table := query("2019-04-01", `{"query":"Resources | where name == 'vmx-a' and type =~ \"microsoft.compute/virtualmachines\" | project name, location"}`)
		if table.text("data", "columns", "1", "name") != "location" || dig(table.body, "data", "rows", "0").([]any)[1] != "westeurope" {
			t.Errorf("as a table: %s", table.raw)
		}
		if got := query("2021-03-01", `{"query":"resources | where isnotnull(tags.nva_ha_udr)"}`); dig(got.body, "totalRecords") != 4.0 {
			t.Errorf("isnotnull: %s", got.raw)
		}
		for _, bad := range []string{"resourcecontainers", "resources | summarize count()", "resources | where type contains 'x'", "resources | project nothing"} {
			a := query("2021-03-01", `{"query":"`+bad+`"}`).want(t, 400, "BadRequest")
			if a.text("error", "details", "0", "code") != "InvalidQuery" {
				t.Errorf("%s: %s", bad, a.raw)
			}
		}
	})
}

// TestTheIndexHidesWhatTheCallerMayNotRead: nothing is refused, it is just not there.
func TestTheIndexHidesWhatTheCallerMayNotRead(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	w.Principals = append(w.Principals, azuresim.Principal{Name: "p", ObjectID: "p-oid", AppID: "p-app", Roles: []azuresim.Assignment{{Scope: rt1, Actions: []string{"*/read"}}}})
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(w, azuresim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(callAs(t, s, "p", "GET", "/subscriptions/"+sub1+"/resources"+groupAPI, ""), "value"); !slices.Equal(got, []string{"rt-spoke-001"}) {
			t.Errorf("the list shows %v", got)
		}
		graph := callAs(t, s, "p", "POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", `{"query":"resources"}`)
		if got := names(graph, "data"); !slices.Equal(got, []string{"rt-spoke-001"}) {
			t.Errorf("Resource Graph shows %v", got)
		}
	})
}
