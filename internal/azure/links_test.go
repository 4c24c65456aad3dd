package azure_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/route"
)

func selection() route.Selection { return route.Selection{TagName: "nva_ha_udr", TagValue: "emea"} }

func TestTheTokenOnlyGoesToARM(t *testing.T) {
	tests := []struct {
		endpoint, link string
		want           bool
	}{
		{"https://management.azure.com", "https://management.azure.com/subscriptions?x=1", true},
		{"https://management.azure.com", "https://MANAGEMENT.azure.com/subscriptions", true},
		{"https://management.azure.com", "https://management.azure.com:443/subscriptions", true},
		{"https://management.azure.com:443", "https://management.azure.com/subscriptions", true},
		{"https://management.azure.com", "https://westeurope.management.azure.com/x", true},
		{"https://localhost:8443", "https://localhost:8443/x", true},
		{"https://localhost:8443", "https://localhost:8444/x", false},
		{"https://localhost:8443", "https://localhost/x", false},
		{"https://management.azure.com", "https://management.azure.com:8443/x", false},
		{"https://management.azure.com", "http://management.azure.com/x", false},
		{"https://management.azure.com", "https://management.azure.com.evil.example/x", false},
		{"https://management.azure.com", "https://evilmanagement.azure.com/x", false},
		{"https://management.azure.com", "https://management.azure.com@evil.example/x", false},
		{"https://management.azure.com", "https://evil.example/management.azure.com", false},
		{"https://management.azure.com", "//evil.example/x", false},
		{"https://management.azure.com", "/subscriptions", false},
		{"https://management.azure.com", "://", false},
		{"https://management.azure.com", "", false},
	}
	for _, tt := range tests {
		if got := azure.Ours(tt.endpoint, tt.link); got != tt.want {
			t.Errorf("a client of %s follows %q: %v, want %v", tt.endpoint, tt.link, got, tt.want)
		}
	}
}

// foreign fails the test if a request leaves ARM.
func foreign(t *testing.T, d doer) doer {
	t.Helper()
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Hostname() != "management.azure.com" {
			t.Errorf("%s got a request with %d bytes of token", r.URL.Host, len(r.Header.Get("Authorization")))
		}
		return d(r)
	}
}

func TestP10NoTokenFollowsANextLinkOutOfARM(t *testing.T) {
	c := newClient(t, foreign(t, func(r *http.Request) (*http.Response, error) {
		return answer(r, 200, `{"value":[],"nextLink":"https://evil.example/subscriptions?page=2"}`), nil
	}))
	_, err := c.Tables(t.Context(), selection())
	if err == nil || !strings.Contains(err.Error(), `nextLink "https://evil.example/subscriptions?page=2" leaves https://management.azure.com`) {
		t.Errorf("Tables() = %v", err)
	}
}

func TestP10NoTokenFollowsAnOperationOutOfARM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, foreign(t, func(r *http.Request) (*http.Response, error) {
			state := "Succeeded"
			if r.Method == http.MethodPut {
				return answer(r, 200, tableJSON("rt-1", "e2", "Updating", "10.1.0.4"), "Azure-AsyncOperation", "https://evil.example/op", "Location", "https://evil.example/op"), nil
			}
			if r.Method == http.MethodGet {
				state = "Failed"
			}
			return answer(r, 200, tableJSON("rt-1", "e2", state, "10.1.0.4")), nil
		}))
		term, stop := newTerm(t)
		defer stop()
		goal := goalB()
		outcomes := c.Apply(t.Context(), term, goal, goal.Plan([]route.Table{parseTable(t, tableJSON("rt-1", "e1", "Succeeded", "10.1.0.4"))}), func(route.Progress) {})
		if len(outcomes) != 1 || outcomes[0].Done() || !strings.Contains(fmt.Sprint(outcomes[0].Err), "accepted, then failed: Failed") {
			t.Errorf("Apply() = %+v", outcomes)
		}
	})
}

func TestP10NoTokenFollowsEffectiveRoutesOutOfARM(t *testing.T) {
	c := newClient(t, foreign(t, func(r *http.Request) (*http.Response, error) {
		return answer(r, 202, "", "Location", "https://evil.example/op"), nil
	}))
	if routes, err := c.Effective(t.Context(), "/subscriptions/s/nic"); err == nil {
		t.Errorf("Effective() = %v, nil", routes)
	}
}

func TestP10NoTokenFollowsAnIDOutOfARM(t *testing.T) {
	c := newClient(t, foreign(t, func(r *http.Request) (*http.Response, error) {
		return answer(r, 200, `{"id":"x","properties":{"networkProfile":{"networkInterfaces":[{"id":".evil.example/nic"}]}}}`), nil
	}))
	if places, err := c.Places(t.Context(), []appliance.Member{{Name: "a", VM: "/subscriptions/s/vm"}}); err == nil {
		t.Errorf("Places() = %v, nil", places)
	}
}

func TestListsThatLeadInACircleEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			return answer(r, 200, `{"value":[],"nextLink":"https://management.azure.com/again"}`), nil
		}))
		if _, err := c.Tables(t.Context(), selection()); err == nil || !strings.Contains(err.Error(), "after 400 pages") {
			t.Errorf("Tables() = %v", err)
		}
	})
}

func TestAllPagesOfAListAreRead(t *testing.T) {
	var seen requests
	c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
		seen.add(r.URL.RawQuery)
		page := map[string]string{"": "two", "two": "three", "three": ""}
		at := r.URL.Query().Get("$skiptoken")
		next := ""
		if page[at] != "" {
			next = `,"nextLink":"https://management.azure.com:443/subscriptions/` + sub1 + `/x?$skiptoken=` + page[at] + `"`
		}
		return answer(r, 200, `{"value":[`+tableJSON("rt-"+at, "e", "Succeeded", "10.1.0.4")+`]`+next+`}`), nil
	}))
	tables, err := c.Tables(t.Context(), selection())
	if err != nil {
		t.Fatalf("Tables() = %v", err)
	}
	var names []string
	for _, table := range tables {
		names = append(names, table.ID.Name())
	}
	if want := []string{"rt-", "rt-two", "rt-three"}; !slices.Equal(names, want) {
		t.Errorf("Tables() = %v, want %v; asked %v", names, want, seen.list())
	}
}

func TestEffectiveRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, polls := time.Now(), 0
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			switch {
			case r.Method == http.MethodPost:
				return answer(r, 202, "", "Location", "https://management.azure.com/op?x=1", "Retry-After", "3"), nil
			case polls == 0: // says nothing new, so the old link holds
				polls++
				return answer(r, 202, ""), nil
			default:
				return answer(r, 200, `{"value":[
					{"state":"Active","addressPrefix":["10.9.0.0/16"],"nextHopType":"VirtualAppliance","nextHopIpAddress":["10.1.0.4"]},
					{"state":"Invalid","addressPrefix":["0.0.0.0/0"],"nextHopType":"Internet","nextHopIpAddress":[]}]}`), nil
			}
		}))
		routes, err := c.Effective(t.Context(), "/subscriptions/s/nic")
		if err != nil || len(routes) != 2 || !routes[0].Active || routes[0].Prefix != "10.9.0.0/16" || routes[0].Hops[0].String() != "10.1.0.4" || routes[1].Active {
			t.Errorf("Effective() = %+v, %v", routes, err)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("took %v, want the 3 s that Azure asked for and 1 s more", took)
		}
	})
}
