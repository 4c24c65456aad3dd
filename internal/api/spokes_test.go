package api_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"hopguard/internal/spoke"
)

// A summary of the newest scan is beside the group's report, and has no effect on
// whether the group is ready.
func TestStatusShowsSpokes(t *testing.T) {
	g := group("emea", report("emea", time.Second))
	g.Spokes = &spoke.Report{Group: "emea", Started: noon, Ended: noon.Add(time.Second), Errors: []error{errors.New("list virtual networks: 403")}}
	_, body := ask(t, server(g, group("apac", report("apac", time.Second))), http.MethodGet, "/v1/status")
	groups, _ := body["groups"].([]any)
	if len(groups) != 2 {
		t.Fatalf("status = %v, want two groups", body)
	}
	first, _ := groups[0].(map[string]any)
	second, _ := groups[1].(map[string]any)
	spokes, _ := first["spokes"].(map[string]any)
	if spokes["state"] != "failed" || spokes["peerings"] != 0.0 || spokes["took"] != "1s" || spokes["plan"] != nil || first["state"] != "agreed" {
		t.Errorf("spokes = %v of %v", spokes, first["state"])
	}
	if _, ok := second["spokes"]; ok {
		t.Errorf("a group without spokes shows %v", second["spokes"])
	}
	if resp, _ := ask(t, server(g), http.MethodGet, "/readyz"); resp.StatusCode != http.StatusOK {
		t.Errorf("GET /readyz = %d, want 200: a restart would not help", resp.StatusCode)
	}
}
