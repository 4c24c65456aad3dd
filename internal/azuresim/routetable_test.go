package azuresim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

// inBubble runs a test on the reference world in virtual time.
func inBubble(t *testing.T, run func(t *testing.T, s *azuresim.Sim)) {
	t.Helper()
	inWorld(t, azuresim.TwoRegions(azuresim.TwoRegionsOptions{}), run)
}

// inWorld is inBubble for another world.
func inWorld(t *testing.T, w azuresim.World, run func(t *testing.T, s *azuresim.Sim)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(w, azuresim.Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		run(t, s)
	})
}

// etags gives the table's etag and those of its routes, which must be one.
func etags(t *testing.T, a answer) string {
	t.Helper()
	etag := a.text("etag")
	for _, r := range dig(a.body, "properties", "routes").([]any) {
		if got := dig(r, "etag"); got != etag {
			t.Errorf("a route has etag %v, the table %s", got, etag)
		}
	}
	return etag
}

func TestEtagChangesAtThePutAndAgainAtItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		before := etags(t, call(t, s, "GET", rt1+netAPI, ""))
		put := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4"), "If-Match", before).want(t, 200, "")
		interim := etags(t, put)
		if put.text("properties", "provisioningState") != "Updating" || put.text("properties", "routes", "0", "properties", "nextHopIpAddress") != "10.2.0.4" {
			t.Errorf("the answer shows %s and %s, want Updating and the new hop", put.text("properties", "provisioningState"), put.text("properties", "routes", "0", "properties", "nextHopIpAddress"))
		}
		if put.text("properties", "routes", "0", "properties", "provisioningState") != "Updating" {
			t.Error("a route of an updating table must be Updating")
		}
		time.Sleep(3 * time.Second)
		final := etags(t, call(t, s, "GET", rt1+netAPI, ""))
		if before == interim || interim == final || before == final {
			t.Errorf("etags %s, %s, %s must all differ", before, interim, final)
		}
		call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.1.0.5"), "If-Match", interim).want(t, 412, "PreconditionFailed")
		call(t, s, "PUT", rt1+netAPI, strings.ReplaceAll(moved(t, s, rt1, "x"), "10.2.0.4", "10.1.0.5"), "If-Match", final).want(t, 200, "")
	})
}

func TestOneWriteAtATimePerTable(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
		for _, second := range []struct{ method, path, body string }{
			{"PUT", rt1, moved(t, s, rt1, "10.2.0.4")},
			{"PATCH", rt1, `{"tags":{}}`},
			{"PUT", rt1 + "/routes/new", `{"properties":{"addressPrefix":"192.168.0.0/24","nextHopType":"None"}}`},
			{"DELETE", rt1 + "/routes/branch-001", ""},
			{"DELETE", rt1, ""},
		} {
			a := call(t, s, second.method, second.path+netAPI, second.body).want(t, 429, "RetryableError")
			if a.text("error", "details", "0", "code") != "RetryableErrorDueToAnotherOperation" || a.header.Get("Retry-After") != "2" || a.header.Get("x-ms-failure-cause") != "" {
				t.Errorf("%s %s: %s, Retry-After %q", second.method, second.path, a.raw, a.header.Get("Retry-After"))
			}
		}
		time.Sleep(2 * time.Second)
		call(t, s, "PATCH", rt1+netAPI, `{"tags":{"a":"b"}}`).want(t, 200, "")
	})
}

func TestNothingOfATableIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
		w.RouteTables[0].Properties = map[string]any{"disablePeeringRoute": "All", "fromTheFuture": map[string]any{"deep": []any{1, "two", nil, 3.5}}}
		w.RouteTables[0].Routes[0].Properties = map[string]any{"nextHop": map[string]any{"nextHopIpAddresses": []any{"10.1.0.4", "10.1.0.5"}}}
		s, err := azuresim.New(w, azuresim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		before := call(t, s, "GET", rt1+netAPI, "")
		call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
		time.Sleep(3 * time.Second)
		after := call(t, s, "GET", rt1+netAPI, "")
		want := strings.ReplaceAll(strings.ReplaceAll(string(before.raw), "10.1.0.4", "10.2.0.4"), before.text("etag"), after.text("etag"))
		want = strings.ReplaceAll(want, escaped(before.text("etag")), escaped(after.text("etag")))
		if string(after.raw) != want {
			t.Errorf("after the move:\n%s\nwant\n%s", after.raw, want)
		}
		// An older api-version neither shows the member nor keeps it.
		const old = "?api-version=2025-05-01"
		if a := call(t, s, "GET", rt1+old, ""); strings.Contains(string(a.raw), "disablePeeringRoute") || !strings.Contains(string(a.raw), "fromTheFuture") {
			t.Errorf("at an older api-version: %s", a.raw)
		}
		doc := call(t, s, "GET", rt1+old, "")
		call(t, s, "PUT", rt1+old, string(doc.raw)).want(t, 200, "")
		time.Sleep(3 * time.Second)
		if a := call(t, s, "GET", rt1+netAPI, ""); strings.Contains(string(a.raw), "disablePeeringRoute") {
			t.Error("a PUT at an older api-version resets what it does not know")
		}
		call(t, s, "PUT", rt1+old, `{"location":"westeurope","properties":{"disablePeeringRoute":"All"}}`).want(t, 200, "")
		time.Sleep(3 * time.Second)
		if a := call(t, s, "GET", rt1+netAPI, ""); strings.Contains(string(a.raw), "disablePeeringRoute") {
			t.Error("an older api-version must not set the member either")
		}
	})
}

// escaped is an etag as it stands inside JSON.
func escaped(etag string) string { return strings.ReplaceAll(etag, `"`, `\"`) }

func TestDisablePeeringRouteNoneIsEchoedByThePutOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		put := call(t, s, "PUT", rt1+netAPI, `{"location":"westeurope","properties":{"disablePeeringRoute":"None"}}`).want(t, 200, "")
		if put.text("properties", "disablePeeringRoute") != "None" {
			t.Errorf("the PUT answers %s", put.raw)
		}
		time.Sleep(5 * time.Second)
		if a := call(t, s, "GET", rt1+netAPI, ""); strings.Contains(string(a.raw), "disablePeeringRoute") {
			t.Errorf("the GET answers %s", a.raw)
		}
	})
}

func TestAnUnchangedPutSucceedsAtOnceAndNamesAnOperation(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		put := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.1.0.4")).want(t, 200, "")
		if put.text("properties", "provisioningState") != "Succeeded" || put.header.Get("Azure-AsyncOperation") == "" {
			t.Errorf("got %s and operation %q", put.text("properties", "provisioningState"), put.header.Get("Azure-AsyncOperation"))
		}
		if got := call(t, s, "GET", put.header.Get("Azure-AsyncOperation"), "").text("status"); got != "Succeeded" {
			t.Errorf("its operation is %q", got)
		}
	})
}

func TestRoutesOneByOne(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		put := call(t, s, "PUT", rt1+"/routes/new"+netAPI, `{"properties":{"addressPrefix":"192.168.7.0/24","nextHopType":"virtualappliance","nextHopIpAddress":"23.108.1.1"}}`).want(t, 201, "")
		if put.text("properties", "provisioningState") != "Updating" || put.text("properties", "nextHopType") != "VirtualAppliance" || put.text("etag") == "" {
			t.Errorf("put: %s", put.raw)
		}
		if got := call(t, s, "GET", rt1+"/routes/branch-001"+netAPI, "").text("properties", "provisioningState"); got != "Updating" {
			t.Errorf("meanwhile another route is %s, want Updating", got)
		}
		time.Sleep(3 * time.Second)
		get := call(t, s, "GET", rt1+"/routes/NEW"+netAPI, "").want(t, 200, "")
		table := call(t, s, "GET", rt1+netAPI, "")
		if get.header.Get("ETag") != table.header.Get("ETag") || get.text("etag") != table.text("etag") {
			t.Error("a route's etag is the table's")
		}
		if n := len(dig(call(t, s, "GET", rt1+"/routes"+netAPI, "").body, "value").([]any)); n != 6 {
			t.Errorf("%d routes are listed, want 6", n)
		}
		del := call(t, s, "DELETE", rt1+"/routes/new"+netAPI, "").want(t, 202, "")
		if !strings.Contains(del.header.Get("Location"), "/operationResults/") {
			t.Errorf("Location %q", del.header.Get("Location"))
		}
		call(t, s, "GET", del.header.Get("Location"), "").want(t, 202, "")
		time.Sleep(3 * time.Second)
		call(t, s, "GET", del.header.Get("Location"), "").want(t, 204, "")
		call(t, s, "GET", rt1+"/routes/new"+netAPI, "").want(t, 404, "NotFound")
		call(t, s, "DELETE", rt1+"/routes/new"+netAPI, "").want(t, 204, "")
	})
}

func TestMalformedRoutesAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		route := func(prefix, hop, addr string) string {
			p := map[string]any{"addressPrefix": prefix, "nextHopType": hop}
			if addr != "" {
				p["nextHopIpAddress"] = addr
			}
			b, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			return `{"name":"r","properties":` + string(b) + `}`
		}
		tests := map[string]struct {
			routes string
			code   string
		}{
			"prefix-is-none":           {route("10.0.0.0.0/8", "None", ""), "InvalidAddressPrefixFormat"},
			"prefix-missing":           {route("", "None", ""), "InvalidAddressPrefixFormat"},
			"prefix-has-host-bits":     {route("10.0.0.1/24", "None", ""), "InvalidCIDRNotation"},
			"hop-unknown":              {route("10.0.0.0/24", "Magic", ""), "InvalidRequestFormat"},
			"appliance-without-hop":    {route("10.0.0.0/24", "VirtualAppliance", ""), "InvalidNextHopIpAddress"},
			"address-without-need":     {route("10.0.0.0/24", "Internet", "10.1.0.4"), "InvalidNextHopIpAddress"},
			"address-is-none":          {route("10.0.0.0/24", "VirtualAppliance", "10.1.0.400"), "InvalidNextHopIpAddress"},
			"two-with-one-name":        {route("10.0.0.0/24", "None", "") + "," + route("10.0.1.0/24", "None", ""), "DuplicateResourceName"},
			"no-name":                  {`{"properties":{}}`, "InvalidRequestFormat"},
			"two-with-one-prefix":      {route("10.0.0.0/24", "None", "") + `,{"name":"s","properties":{"addressPrefix":"10.0.0.0/24","nextHopType":"None"}}`, "RouteConflict"},
			"service-tag-is-good":      {route("Storage.WestEurope", "Internet", ""), ""},
			"any-address-is-good":      {route("10.0.0.0/24", "VirtualAppliance", "23.108.1.1"), ""},
			"more-than-the-limit":      {strings.TrimSuffix(strings.Repeat(route("10.0.0.0/24", "None", "")+",", 401), ","), "RouteTableRoutesCountLimitReached"},
			"other-family-is-good-put": {route("fd00::/8", "VirtualAppliance", "10.1.0.4"), ""},
		}
		for _, name := range slices.Sorted(maps.Keys(tests)) {
			tt := tests[name]
			status := 400
			if tt.code == "" {
				status = 200
			}
			if a := call(t, s, "PUT", rt1+netAPI, `{"location":"westeurope","properties":{"routes":[`+tt.routes+`]}}`); a.status != status || a.code() != tt.code {
				t.Errorf("%s: %d %s, want %d %s: %.200s", name, a.status, a.code(), status, tt.code, a.raw)
			}
			time.Sleep(3 * time.Second)
		}
	})
}

func TestTablesInUseAndLimits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		call(t, s, "DELETE", rt1+netAPI, "").want(t, 400, "InUseRouteTableCannotBeDeleted")
		group := strings.Split(rt1, "rt-spoke-001")[0]
		call(t, s, "PUT", group+"elsewhere"+netAPI, `{}`).want(t, 400, "LocationRequired")
		call(t, s, "PUT", rt1+netAPI, `{"location":"northeurope"}`).want(t, 409, "InvalidResourceLocation")
		call(t, s, "PUT", rt1+netAPI, `{"location":`).want(t, 400, "InvalidRequestFormat")
		call(t, s, "PUT", rt1+netAPI, `{}`, "Content-Type", "text/plain").want(t, 415, "UnsupportedMediaType")
		call(t, s, "POST", rt1+netAPI, `{}`).want(t, 405, "MethodNotAllowed")
		var last answer
		for i := range 201 {
			time.Sleep(200 * time.Millisecond) // stay inside the write budget
			if last = call(t, s, "PUT", fmt.Sprintf("%snew-%d%s", group, i, netAPI), `{"location":"westeurope"}`); last.status != 201 {
				break
			}
		}
		last.want(t, 400, "RouteTableCountLimitReached")
	})
}

func TestAFailedOperation(t *testing.T) {
	for content, hop := range map[string]string{"": "10.2.0.4", "new": "10.2.0.4", "old": "10.1.0.4"} {
		inBubble(t, func(t *testing.T, s *azuresim.Sim) {
			if _, err := s.Inject(azuresim.Fault{Kind: azuresim.FaultFailedPoll, Type: "Microsoft.Network/routeTables", Count: 1, Params: map[string]string{"content": content}}); err != nil {
				t.Fatal(err)
			}
			put := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
			time.Sleep(10 * time.Second)
			poll := call(t, s, "GET", put.header.Get("Azure-AsyncOperation"), "")
			if poll.status != 200 || poll.text("status") != "Failed" || poll.code() != "AnotherOperationInProgress" {
				t.Errorf("poll: %s", poll.raw)
			}
			get := call(t, s, "GET", rt1+netAPI, "")
			if get.text("properties", "provisioningState") != "Failed" || get.text("properties", "routes", "0", "properties", "nextHopIpAddress") != hop {
				t.Errorf("content=%q: state %s, hop %s", content, get.text("properties", "provisioningState"), get.text("properties", "routes", "0", "properties", "nextHopIpAddress"))
			}
			if h := forward(t, s, nic1, "172.16.0.9"); h.NextHop.String() != "10.1.0.4" {
				t.Errorf("a failed write reached the fabric: %+v", h)
			}
			// The same content again is a write, because the table is not in a good state.
			again := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
			if again.text("properties", "provisioningState") != "Updating" {
				t.Errorf("a PUT on a failed table: %s", again.text("properties", "provisioningState"))
			}
		})
	}
}

func TestPollURLsAreUsedVerbatim(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		put := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
		url := put.header.Get("Azure-AsyncOperation")
		call(t, s, "GET", url, "").want(t, 200, "")
		call(t, s, "GET", strings.Split(url, "&")[0], "").want(t, 403, "AuthorizationFailed")
		call(t, s, "GET", strings.Replace(url, "&h=", "&h=x", 1), "").want(t, 403, "AuthorizationFailed")
		call(t, s, "GET", strings.Replace(url, "/operations/", "/operations/0", 1), "").want(t, 404, "NotFound")
		callAs(t, s, "hopguard", "GET", url, "").want(t, 200, "")
		time.Sleep(25 * time.Hour)
		call(t, s, "GET", url, "").want(t, 404, "NotFound")
	})
}

func TestPreconditionsOfCreation(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		fresh := strings.Replace(rt1, "rt-spoke-001", "fresh", 1) + netAPI
		const body = `{"location":"westeurope"}`
		call(t, s, "PUT", rt1+netAPI, body, "If-None-Match", "*").want(t, 412, "PreconditionFailed")
		call(t, s, "PUT", fresh, body, "If-Match", "*").want(t, 412, "PreconditionFailed")
		call(t, s, "PUT", fresh, body, "If-None-Match", "*").want(t, 201, "")
		time.Sleep(3 * time.Second)
		etag := strings.Trim(strings.TrimPrefix(call(t, s, "GET", fresh, "").text("etag"), "W/"), `"`)
		call(t, s, "PUT", fresh, body, "If-Match", etag).want(t, 200, "") // without W/ and quotes, which the service adds
		call(t, s, "PUT", fresh, body, "If-Match", "*").want(t, 200, "")
		call(t, s, "DELETE", fresh, "", "If-Match", "old").want(t, 412, "PreconditionFailed")
	})
}
