package azure_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
)

// Whatever an endpoint answers, nothing panics, nothing prints the token, and an
// answer that is nonsense does not become a member's place or state.
func FuzzAnswers(f *testing.F) {
	for _, r := range refusals() {
		f.Add(r.status, r.body)
	}
	for _, body := range []string{
		"", "null", "[]", `{}`, `{"value":null}`, `{"value":[null]}`, `{"value":[{}]}`, `{"value":{}}`, `{"value":[],"nextLink":"://"}`,
		`{"error":null}`, `{"error":"x"}`, `{"error":{"code":1}}`, `{"properties":[]}`, `{"properties":{"networkProfile":{"networkInterfaces":[{"id":""},{}]}}}`,
		`{"properties":{"ipConfigurations":[null,{"properties":{"privateIPAddress":"::ffff:10.0.0.4"}}]}}`,
		`{"properties":{"instanceView":{"statuses":[{"code":"PowerState/"},{"code":"/"},{}]}}}`,
		`{"value":[{"state":"Active","nextHopIpAddress":["x"]}]}`, tableJSON("rt-1", "e", "Succeeded", hopA),
	} {
		f.Add(http.StatusOK, body)
	}
	samples, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "facts", "azure-samples", "*.json")) // the pattern is well formed
	for _, path := range samples {
		if text, err := os.ReadFile(path); err == nil {
			f.Add(http.StatusOK, string(text))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if err := azure.ReadError(status, nil, body, noon()); err.Error() == "" {
			t.Error("an error without a text")
		}
		if status != http.StatusOK {
			return // the others may be waited for
		}
		first := map[string]bool{}
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			if key := r.URL.Path; first[key] || r.URL.Host != "management.azure.com" {
				return answer(r, 404, ""), nil
			}
			first[r.URL.Path] = true
			return answer(r, status, body), nil
		}))
		_, _ = c.Tables(t.Context(), selection()) // any error is right, and none too
		state, err := c.PowerState(t.Context(), machineID("vmx-a"))
		if err == nil && strings.ContainsAny(state, " \n") && !strings.Contains(body, "PowerState/") && !strings.Contains(strings.ToLower(body), "powerstate") {
			t.Errorf("PowerState() = %q of %q", state, body)
		}
		places, err := c.Places(t.Context(), []appliance.Member{{Name: "vmx-a", VM: machineID("vmx-a")}})
		for _, p := range places {
			for _, h := range p.Hops {
				if !h.Addr.IsValid() || h.Role == "" {
					t.Errorf("Places() = %v, %v", places, err)
				}
			}
		}
		_, _ = c.Effective(t.Context(), "/subscriptions/s/nic") // as above
		_, _ = c.Table(t.Context(), tableID("rt-1"))            // as above
	})
}
