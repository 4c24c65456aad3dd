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
	"hopguard/internal/route"
)

// olderCloud refuses every api-version but those it has, in the words of one of
// the two errors that name them.
func olderCloud(seen *requests, code string, has ...string) doer {
	return func(r *http.Request) (*http.Response, error) {
		time.Sleep(10 * time.Millisecond) // so that requests fly together
		v := r.URL.Query().Get("api-version")
		seen.add(v)
		switch {
		case !slices.Contains(has, v):
			text := fmt.Sprintf("The api-version '%s' is invalid. The supported versions are '%s'.", v, strings.Join(has, ","))
			if code != "InvalidApiVersionParameter" {
				text = fmt.Sprintf("No registered resource provider found for location 'x' and API version '%s' for type 'y'. The supported api-versions are '%s'. The supported locations are 'x'.", v, strings.Join(has, ", "))
			}
			return answer(r, 400, fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, text)), nil
		case strings.Contains(r.URL.Path, "virtualMachines"):
			return answer(r, 200, `{"id":"`+r.URL.Path+`","properties":{"networkProfile":{"networkInterfaces":[{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n1"},{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n2"}]}}}`), nil
		case strings.Contains(r.URL.Path, "networkInterfaces"):
			name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
			return answer(r, 200, `{"id":"`+r.URL.Path+`","properties":{"ipConfigurations":[{"name":"c","properties":{"privateIPAddress":"10.0.0.4","primary":true,"subnet":{"id":"/v/subnets/`+name+`"}}}]}}`), nil
		default:
			return answer(r, 200, `{"value":[]}`), nil
		}
	}
}

func TestOlderCloudsTeachTheirVersions(t *testing.T) {
	tests := []struct {
		name, code string
		has        []string
		want       string // "" if none fits
	}{
		{"newest-of-the-older", "InvalidApiVersionParameter", []string{"2020-01-01", "2023-09-01", "2021-01-01"}, "2023-09-01"},
		{"previews-do-not-count", "InvalidApiVersionParameter", []string{"2023-09-01", "2024-06-01-preview"}, "2023-09-01"},
		{"newer-ones-do-not-count", "InvalidApiVersionParameter", []string{"2023-09-01", "2027-01-01"}, "2023-09-01"},
		{"other-words", "NoRegisteredProviderFound", []string{"2019-11-01", "2020-11-01"}, "2020-11-01"},
		{"nothing-fits", "InvalidApiVersionParameter", []string{"2024-06-01-preview", "2027-01-01"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen requests
				c := newClient(t, olderCloud(&seen, tt.code, tt.has...))
				_, err := c.Tables(t.Context(), route.Selection{TagName: "a", TagValue: "b"})
				if (err == nil) != (tt.want != "") {
					t.Fatalf("Tables() = %v", err)
				}
				if tt.want == "" {
					return
				}
				time.Sleep(2 * time.Second) // let the shared list grow old
				if _, err := c.Tables(t.Context(), route.Selection{TagName: "a", TagValue: "b"}); err != nil {
					t.Errorf("second Tables() = %v", err)
				}
				if got, want := seen.list(), []string{"2025-07-01", tt.want, tt.want}; !slices.Equal(got, want) {
					t.Errorf("asked for versions %v, want %v", got, want)
				}
			})
		})
	}
}

// Requests that fly together fail together. Each used to learn from its own error
// one version less than the one before, until none was left.
func TestVersionsAreLearnedOnceByRequestsThatFlyTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen requests
		c := newClient(t, olderCloud(&seen, "InvalidApiVersionParameter", "2023-01-01", "2022-01-01", "2021-01-01", "2020-01-01"))
		var members []appliance.Member
		for i := range 8 {
			members = append(members, appliance.Member{
				Name: appliance.MemberName(fmt.Sprint("m", i)),
				VM:   appliance.ResourceID(fmt.Sprintf("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v%d", i)),
			})
		}
		places, err := c.Places(t.Context(), members)
		if err != nil || len(places) != len(members) {
			t.Fatalf("Places() = %v, %v", places, err)
		}
		for _, v := range seen.list() {
			if v < "2023-01-01" {
				t.Errorf("asked for version %s although 2023-01-01 was offered", v)
			}
		}
	})
}
