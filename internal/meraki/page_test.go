package meraki_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/meraki"
)

func TestNextPageOfLinkHeaders(t *testing.T) {
	tests := []struct {
		name    string
		headers []string
		want    string
	}{
		{"none", nil, ""},
		{"as-meraki-sends-it", []string{"<https://a/x?perPage=5&startingAfter=0>; rel=first, <https://a/x?perPage=5&startingAfter=105>; rel=next, <https://a/x?perPage=5&endingBefore=0>; rel=last"}, "https://a/x?perPage=5&startingAfter=105"},
		{"quoted", []string{`<https://a/1>; rel="prev", <https://a/2>; rel="next"`}, "https://a/2"},
		{"several-headers", []string{"<https://a/1>; rel=first", "<https://a/2>; rel=next"}, "https://a/2"},
		{"no-next", []string{"<https://a/1>; rel=first, <https://a/1>; rel=last"}, ""},
		{"comma-in-the-address", []string{"<https://a/1,2;3>; rel=first, <https://a/2,3>; rel=next"}, "https://a/2,3"},
		{"comma-in-a-title", []string{`<https://a/1>; title="a, <https://evil>; rel=next"; rel=first`}, ""},
		{"several-relations", []string{`<https://a/1>; rel="last next"`}, "https://a/1"},
		{"any-case", []string{"<https://a/1> ; REL = Next"}, "https://a/1"},
		{"other-parameters", []string{`<https://a/1>; title="next"; rel=prev`}, ""},
		{"relation-with-more-letters", []string{"<https://a/1>; rel=nextish"}, ""},
		{"empty-address", []string{"<>; rel=next"}, ""},
		{"not-closed", []string{"<https://a/1; rel=next"}, ""},
		{"not-a-link", []string{"next"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := meraki.NextPage(tt.headers...); got != tt.want {
				t.Errorf("NextPage() = %q, want %q", got, tt.want)
			}
		})
	}
}

// pages serves pages with one row each and links from one to the next.
func pages(links map[string]string) (server, *[]string) {
	var asked []string
	return func(r *http.Request) *http.Response {
		asked = append(asked, r.URL.RequestURI())
		page := r.URL.Query().Get("page")
		return says(200, fmt.Sprintf(`[{"networkId":"N_%s"}]`, page), "Link", links[page])
	}, &asked
}

func TestAllPagesAreRead(t *testing.T) {
	s, asked := pages(map[string]string{
		"":  "</api/v1/first?perPage=300>; rel=first, <https://api.meraki.com/api/v1/x?page=2&raw=%5B%5D>; rel=next",
		"2": "<https://n143.meraki.com/api/v1/x?page=3>; rel=next", // a shard
		"3": "</api/v1/x?page=4>; rel=next",                        // relative
		"4": "</api/v1/x?page=3>; rel=prev",
	})
	got, err := newClient(t, s, meraki.Options{}).VPNStatuses(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	var ids []meraki.NetworkID
	for _, s := range got {
		ids = append(ids, s.NetworkID)
	}
	if diff := cmp.Diff([]meraki.NetworkID{"N_", "N_2", "N_3", "N_4"}, ids); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	want := []string{"/api/v1/organizations/1/appliance/vpn/statuses?perPage=300", "/api/v1/x?page=2&raw=%5B%5D", "/api/v1/x?page=3", "/api/v1/x?page=4"}
	if diff := cmp.Diff(want, *asked); diff != "" {
		t.Errorf("addresses differ (-want +got):\n%s", diff)
	}
}

func TestPagesThatAreNotRead(t *testing.T) {
	const path = "/api/v1/organizations/1/appliance/vpn/statuses"
	tests := []struct {
		name, link, want string
	}{
		{"elsewhere", "<https://example.com/api/v1/x>; rel=next", "GET " + path + `: not followed to "https://example.com": not a host of Meraki`},
		{"not-an-address", "<https://exa mple.com/>; rel=next", "GET " + path + `: not followed to "": not an address`},
		{"itself", "<" + path + "?perPage=300>; rel=next", "GET " + path + `: 200 with a next page that has been read already (content type "application/json", begins "[{\"networkId\":\"N_\"}]")`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, asked := pages(map[string]string{"": tt.link})
			_, err := newClient(t, s, meraki.Options{}).VPNStatuses(t.Context(), "1")
			wantError(t, err, "read appliance vpn statuses of organization 1: "+tt.want)
			if len(*asked) != 1 {
				t.Errorf("asked %q, want one request", *asked)
			}
		})
	}
}

func TestAListHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := newClient(t, server(func(*http.Request) *http.Response {
			n++
			return says(200, "[]", "Link", fmt.Sprintf("</api/v1/x?page=%d>; rel=next", n))
		}), meraki.Options{})
		_, err := c.VPNStatuses(t.Context(), "1")
		wantError(t, err, `read appliance vpn statuses of organization 1: GET /api/v1/x: 200 with too many pages (content type "application/json", begins "[]")`)
		if n != 1000 {
			t.Errorf("%d pages, want 1000", n)
		}
	})
}
