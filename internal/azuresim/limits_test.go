package azuresim_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

// instant is a profile without latency, so that a bucket can be emptied at one moment.
func instant() azuresim.Profile {
	p := azuresim.ProfileDefault()
	p.RequestLatency = 0
	return p
}

func inInstantBubble(t *testing.T, run func(t *testing.T, s *azuresim.Sim)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { run(t, newSim(t, azuresim.Options{Profile: instant()})) })
}

// until counts how many calls succeed before one is throttled.
func until(t *testing.T, limit int, do func() answer) (int, answer) {
	t.Helper()
	for n := range limit {
		if a := do(); a.status == http.StatusTooManyRequests {
			return n, a
		}
	}
	t.Fatalf("%d calls and none was throttled", limit)
	return 0, answer{}
}

func TestARMReadBucket(t *testing.T) {
	inInstantBubble(t, func(t *testing.T, s *azuresim.Sim) {
		read := func(who string) func() answer {
			return func() answer { return callAs(t, s, who, "GET", rt1+netAPI, "") }
		}
		n, a := until(t, 1000, read("owner"))
		if n != 250 || a.code() != "SubscriptionRequestsThrottled" || a.header.Get("Retry-After") != "1" || a.header.Get("x-ms-failure-cause") != "gateway" {
			t.Errorf("after %d reads: %s %v", n, a.raw, a.header)
		}
		if a := read("reader")(); a.status != 200 || a.header.Get("x-ms-ratelimit-remaining-subscription-reads") != "249" {
			t.Errorf("somebody else's bucket: %d, %s left", a.status, a.header.Get("x-ms-ratelimit-remaining-subscription-reads"))
		}
		time.Sleep(2 * time.Second)
		if n, _ := until(t, 1000, read("owner")); n != 50 {
			t.Errorf("2s later %d reads were good, want 25 for each second", n)
		}
	})
}

func TestARMWriteAndDeleteBuckets(t *testing.T) {
	inInstantBubble(t, func(t *testing.T, s *azuresim.Sim) {
		n, a := until(t, 1000, func() answer { return call(t, s, "PATCH", rt1+netAPI, `{"tags":{}}`) })
		if n != 200 || a.code() != "SubscriptionRequestsThrottled" || !strings.Contains(a.text("error", "message"), "'write' requests") {
			t.Errorf("after %d writes: %s", n, a.raw)
		}
		time.Sleep(3 * time.Second)
		if n, _ := until(t, 1000, func() answer { return call(t, s, "PATCH", rt1+netAPI, `{"tags":{}}`) }); n != 30 {
			t.Errorf("3s later %d writes were good, want 10 for each second", n)
		}
		n, a = until(t, 1000, func() answer { return call(t, s, "DELETE", rt1+"x"+netAPI, "") })
		if n != 200 || !strings.Contains(a.text("error", "message"), "'delete' requests") {
			t.Errorf("after %d deletes: %s", n, a.raw)
		}
	})
}

func TestTheGlobalBucketIsForAllPrincipals(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	for i := range 20 {
		w.Principals = append(w.Principals, azuresim.Principal{Name: fmt.Sprint("p", i), ObjectID: fmt.Sprint("oid-", i), AppID: fmt.Sprint("app-", i),
			Roles: []azuresim.Assignment{{Scope: "/subscriptions/" + sub1, Actions: []string{"*/read"}}}})
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(w, azuresim.Options{Profile: instant()})
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for i := range 20 {
			n, _ := until(t, 1000, func() answer { return callAs(t, s, fmt.Sprint("p", i), "GET", rt1+netAPI, "") })
			total += n
		}
		if total != 3750 {
			t.Errorf("%d reads were good, want 15 x 250", total)
		}
	})
}

func TestComputeBuckets(t *testing.T) {
	inInstantBubble(t, func(t *testing.T, s *azuresim.Sim) {
		view := func(vm string) func() answer {
			return func() answer { return call(t, s, "GET", vm+computeAPI+"&$expand=instanceView", "") }
		}
		n, a := until(t, 100, view(vmxA))
		if n != 36 || a.code() != "OperationNotAllowed" || a.text("error", "details", "0", "code") != "TooManyRequests" || a.text("error", "details", "0", "target") != "LowCostGetResource" || a.header.Get("Retry-After") != "5" || a.header.Get("x-ms-failure-cause") != "" {
			t.Errorf("after %d reads of a machine: %s %v", n, a.raw, a.header)
		}
		if a := callAs(t, s, "hopguard", "GET", vmxA+computeAPI, ""); a.status != 429 {
			t.Errorf("the machine's bucket is everybody's, but somebody else got %d", a.status)
		}
		view(vmxB)().want(t, 200, "")
		time.Sleep(time.Minute)
		if n, _ := until(t, 100, view(vmxA)); n != 12 {
			t.Errorf("a minute later %d reads were good, want 12", n)
		}
		n, a = until(t, 100, func() answer { return call(t, s, "PATCH", vmxA+computeAPI, `{"tags":{}}`) })
		if n != 12 || a.text("error", "details", "0", "target") != "UpdateVMResource" {
			t.Errorf("after %d updates: %s", n, a.raw)
		}
	})
}

func TestListsOfMachinesAreDear(t *testing.T) {
	inInstantBubble(t, func(t *testing.T, s *azuresim.Sim) {
		url := "/subscriptions/" + sub1 + "/providers/Microsoft.Compute/virtualMachines" + computeAPI + "&statusOnly=true"
		good := 0
		for range 1500 {
			a := call(t, s, "GET", url, "")
			if a.code() == "OperationNotAllowed" {
				if a.text("error", "details", "0", "target") != "HighCostGetSubscriptionMaximum" {
					t.Errorf("target %s", a.text("error", "details", "0", "target"))
				}
				break
			}
			good++
			time.Sleep(40 * time.Millisecond) // ARM's own bucket allows 25/s
		}
		// 900 at the start and 5 a second, while 25 a second are used: 900 / 20 s x 25.
		if good < 1100 || good > 1150 {
			t.Errorf("%d lists were good, want about 1125", good)
		}
	})
}

func TestNetworkWritesInFiveMinutes(t *testing.T) {
	inInstantBubble(t, func(t *testing.T, s *azuresim.Sim) {
		good := 0
		var last answer
		for range 1200 {
			if last = call(t, s, "PATCH", rt1+netAPI, `{"tags":{}}`); last.status != 200 {
				break
			}
			good++
			time.Sleep(100 * time.Millisecond)
		}
		last.want(t, 429, "ResourceRequestsThrottled")
		wait, err := strconv.Atoi(last.header.Get("Retry-After"))
		if good != 1000 || err != nil || wait < 190 || wait > 200 {
			t.Errorf("after %d writes in 100s: Retry-After %q, want the rest of 5 minutes", good, last.header.Get("Retry-After"))
		}
		time.Sleep(time.Duration(wait) * time.Second)
		call(t, s, "PATCH", rt1+netAPI, `{"tags":{}}`).want(t, 200, "")
	})
}

func TestResourceGraphQuota(t *testing.T) {
	inInstantBubble(t, func(t *testing.T, s *azuresim.Sim) {
		query := func() answer {
			return call(t, s, "POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", `{"query":"resources"}`)
		}
		if a := query(); a.header.Get("x-ms-user-quota-remaining") != "14" || a.header.Get("x-ms-user-quota-resets-after") != "00:00:05" {
			t.Errorf("headers: %v", a.header)
		}
		n, a := until(t, 100, query)
		if n != 14 || a.code() != "RateLimiting" {
			t.Errorf("after %d more queries: %s", n, a.raw)
		}
		time.Sleep(5 * time.Second)
		query().want(t, 200, "")
	})
}
