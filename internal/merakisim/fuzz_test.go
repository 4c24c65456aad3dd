package merakisim_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hopguard/internal/merakisim"
)

// FuzzRequest asks anything of the stand-in: it must answer in its own form.
func FuzzRequest(f *testing.F) {
	for _, s := range []struct{ method, path, query, body string }{
		{"GET", vpnPath, "perPage=3&networkIds[]=N_1001", ""},
		{"GET", vpnPath, "endingBefore=0", ""},
		{"GET", vpnPath, "startingAfter=%zz&perPage=-1", ""},
		{"GET", availabilityPath, "tags[]=vmx&tagsFilterType=withAnyTags", ""},
		{"POST", pingDevicePath, "", `{"count":3}`},
		{"POST", pingPath, "", `{"target":"10.0.0.1","count":1e2}`},
		{"POST", pingPath, "", `[[[`},
		{"GET", pingDevicePath + "/1234", "", ""},
		{"DELETE", "/organizations/%2F/%2e%2e", "x", "{}"},
	} {
		f.Add(s.method, s.path, s.query, s.body)
	}
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		sim, err := merakisim.New(merakisim.Example(), merakisim.Options{Profile: instant()})
		if err != nil {
			t.Fatal(err)
		}
		u := &url.URL{Scheme: "https", Host: "api.meraki.com", Path: "/api/v1" + path, RawQuery: query}
		req, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body))
		if err != nil {
			return // no request at all
		}
		req.Header.Set("Authorization", "Bearer "+merakisim.ExampleKey)
		got := exchange(sim.Transport(), req)
		if got.err != nil {
			t.Fatalf("%s %s: %v", method, u, got.err)
		}
		var v any
		if err := json.Unmarshal([]byte(got.body), &v); err != nil {
			t.Errorf("%s %s = %d with %q: %v", method, u, got.status, got.body, err)
		}
		if got.status >= 400 {
			if o, _ := v.(map[string]any); o["errors"] == nil {
				t.Errorf("%s %s = %d with %q, want errors", method, u, got.status, got.body)
			}
		} else if got.status >= 300 {
			t.Errorf("%s %s = %d, want a success or an error", method, u, got.status)
		}
	})
}
