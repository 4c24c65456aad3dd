package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/decide"
	"hopguard/internal/funchost"
	"hopguard/internal/journal"
)

// reportOf decodes the report of an order.
func reportOf(t *testing.T, body string) journal.JSON {
	t.Helper()
	var r journal.JSON
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("the answer is no report: %v\n%s", err, body)
	}
	return r
}

func TestFunctionsKeysAreTheHostsBusiness(t *testing.T) {
	hosted(t, config.Functions{}, nil, func(t *testing.T, host *funchost.Host, h *handlers) {
		for _, key := range []string{"", "guess"} {
			for _, f := range []struct{ method, path string }{
				{"GET", "/api/status"}, {"GET", "/api/plan"}, {"POST", "/api/failover"}, {"POST", "/api/failback"},
				{"POST", "/api/pin"}, {"POST", "/api/freeze"}, {"POST", "/api/thaw"},
			} {
				r := httptest.NewRequestWithContext(t.Context(), f.method, f.path, nil)
				r.Header.Set("X-Functions-Key", key)
				if resp := host.HTTP(r); resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s %s with the key %q = %d, want 401", f.method, f.path, key, resp.StatusCode)
				}
			}
		}
		if n := len(h.world.Calls()); n != 0 {
			t.Errorf("Azure was asked %d times", n)
		}
	})
}

func TestFunctionsStatusAndPlan(t *testing.T) {
	change := func(w *world) { twoGroups(&w.config) }
	hosted(t, config.Functions{}, change, func(t *testing.T, host *funchost.Host, h *handlers) {
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		var page struct{ Groups []journal.JSON }
		read := func(target string, groups int) {
			t.Helper()
			status, body := call(t, host, "GET", target, "")
			page.Groups = nil
			if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 || len(page.Groups) != groups {
				t.Fatalf("GET %s = %d, %v, want %d groups\n%s", target, status, err, groups, body)
			}
		}
		read("/api/status", 2)
		if g := page.Groups[0]; g.Group != "emea" || g.Active != "vmx-a" || !g.DryRun {
			t.Errorf("status = %+v", g)
		}
		read("/api/status?group=apac", 1)
		if g := page.Groups[0]; g.Group != "apac" {
			t.Errorf("status = %+v, want that of apac", g)
		}
		read("/api/plan", 2)
		if g := page.Groups[0]; g.Reason != decide.ReasonActiveUp || len(g.Tables) != 3 {
			t.Errorf("plan = %+v, want to stay", g)
		}
		read("/api/plan?group=emea&active=vmx-b", 1)
		if g := page.Groups[0]; g.MovedTo != "vmx-b" || len(g.Tables[0].Changes) != 5 || g.Predicted == "" {
			t.Errorf("plan = %+v, want every route moved", g)
		}
		for target, want := range map[string]int{
			"/api/status?group=latam": 404, "/api/plan?group=latam": 404, "/api/plan?active=vmx-b": 400, "/api/plan?group=emea&active=vmx-c": 400,
		} {
			if status, body := call(t, host, "GET", target, ""); status != want || !strings.Contains(body, `"detail"`) {
				t.Errorf("GET %s = %d %s, want a problem with %d", target, status, body, want)
			}
		}
		if n := h.world.writes(); n != 0 {
			t.Errorf("%d writes were made", n)
		}
	})
}

// Orders go through the same record and plan as everything else, each with its report.
func TestFunctionsOrders(t *testing.T) {
	hosted(t, config.Functions{}, nil, func(t *testing.T, host *funchost.Host, h *handlers) {
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		give := func(name, body string, want int) journal.JSON {
			t.Helper()
			status, answer := call(t, host, "POST", "/api/"+name, body)
			if status != want {
				t.Fatalf("POST %s %s = %d, want %d\n%s", name, body, status, want, answer)
			}
			return reportOf(t, answer)
		}
		at := func(member string) {
			t.Helper()
			hop := map[string]string{"vmx-a": "10.1.0.4", "vmx-b": "10.2.0.4"}[member]
			if got := h.world.hops(t); got[hop] != 15 {
				t.Errorf("next hops = %v, want all at %s", got, member)
			}
		}
		if r := give("failover", `{"dryRun":true}`, 200); r.MovedTo != "vmx-b" || r.Predicted == "" || !r.DryRun {
			t.Errorf("report = %+v, want a plan", r)
		}
		at("vmx-a")
		if r := give("failover", `{"note":"change 4711","by":"ada"}`, 200); r.MovedTo != "vmx-b" || r.LastTransition.By != "ada" || r.Note != "change 4711" {
			t.Errorf("report = %+v", r)
		}
		at("vmx-b")
		if r := give("failback", ``, 200); r.LastTransition.By != "functions" {
			t.Errorf("report = %+v", r)
		}
		at("vmx-a")
		if r := give("pin", `{"to":"vmx-b","group":"emea"}`, 200); r.Mode != decide.Pinned {
			t.Errorf("report = %+v", r)
		}
		at("vmx-b")
		if r := give("failover", `{"to":"vmx-a"}`, 409); r.Refused == "" {
			t.Errorf("report = %+v, want a refused order", r)
		}
		give("thaw", `{}`, 200)
		if r := give("freeze", `{"for":"1h"}`, 200); r.Mode != decide.Frozen || time.Until(r.FrozenUntil) > time.Hour {
			t.Errorf("report = %+v", r)
		}
		give("failover", ``, 409)
		give("thaw", ``, 200)
		if err := h.world.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		give("failover", `{"to":"vmx-a"}`, 409)
		at("vmx-b")
		if r := give("failover", `{"to":"vmx-a","force":true}`, 200); !r.Forced {
			t.Errorf("report = %+v, want a forced order", r)
		}
		at("vmx-a")
	})
}

func TestFunctionsBadOrdersChangeNothing(t *testing.T) {
	change := func(w *world) { twoGroups(&w.config) }
	hosted(t, config.Functions{}, change, func(t *testing.T, host *funchost.Host, h *handlers) {
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		before := h.record(t, "emea")
		tests := []struct{ name, order, body, want string }{
			{"no-group-of-two", "failover", ``, "there are several groups"},
			{"unknown-group", "thaw", `{"group":"latam"}`, `no group is called \"latam\"`},
			{"unknown-member", "failover", `{"group":"emea","to":"vmx-c"}`, `no member \"vmx-c\"`},
			{"pin-nobody", "pin", `{"group":"emea"}`, `no member \"\"`},
			{"force-nobody", "failover", `{"group":"emea","force":true}`, `say by name who gets the traffic`},
			{"freeze-without-an-end", "freeze", `{"group":"emea"}`, "want a duration above zero"},
			{"freeze-into-the-past", "freeze", `{"group":"emea","for":"-1h"}`, "want a duration above zero"},
			{"no-json", "thaw", `thaw!`, "the order is malformed"},
			{"unknown-word", "thaw", `{"group":"emea","when":"now"}`, "unknown field"},
			{"word-of-another-order", "thaw", `{"group":"emea","to":"vmx-b"}`, `\"to\" has no meaning in this order`},
			{"two-orders", "thaw", `{"group":"emea"}{}`, "something follows it"},
			{"too-long", "thaw", `{"group":"emea","note":"` + strings.Repeat("x", 20<<10) + `"}`, "the order is malformed"},
			{"long-note", "thaw", `{"group":"emea","note":"` + strings.Repeat("x", 600) + `"}`, "at most 500 bytes"},
		}
		for _, tt := range tests {
			status, body := call(t, host, "POST", "/api/"+tt.order, tt.body)
			if status != http.StatusBadRequest || !strings.Contains(body, tt.want) {
				t.Errorf("%s: %d %s, want 400 %q", tt.name, status, body, tt.want)
			}
		}
		if status, _ := call(t, host, "GET", "/api/failover", ""); status != http.StatusNotFound { // the host knows no such route
			t.Errorf("GET /api/failover = %d", status)
		}
		if after := h.record(t, "emea"); !after.Equal(before) || h.world.writes() != 0 {
			t.Errorf("the record is %+v after %d writes, want nothing changed", after, h.world.writes())
		}
	})
}

// An order that Azure does not let through is answered so.
func TestFunctionsOrderThatFails(t *testing.T) {
	hosted(t, config.Functions{}, nil, func(t *testing.T, host *funchost.Host, h *handlers) {
		if _, err := h.world.Inject(azuresim.Fault{Kind: azuresim.FaultForbidden, Path: "routeTables"}); err != nil {
			t.Fatal(err)
		}
		if status, body := call(t, host, "POST", "/api/failover", ""); status != http.StatusBadGateway || !strings.Contains(body, "who is active is not known") {
			t.Errorf("POST /api/failover = %d %s, want 502", status, body)
		}
		if status, body := call(t, host, "POST", "/api/failover", `{"to":"vmx-b"}`); status != http.StatusBadGateway || reportOf(t, body).State != "failed" {
			t.Errorf("POST /api/failover = %d %s, want 502 and the report", status, body)
		}
	})
}

// event makes a request of a sender, who has no key.
func event(t *testing.T, host *funchost.Host, method, target, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp := host.HTTP(r)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func merakiEvent(secret, id string) string {
	now := time.Now().UTC().Format(time.RFC3339)
	return `{"version":"0.1","sharedSecret":"` + secret + `","sentAt":"` + now + `","alertId":"` + id + `","alertTypeId":"stopped_reporting","occurredAt":"` + now + `"}`
}

// An event is proven by its own secret, in an envelope, and has every group looked after
// through the queue: the instance that gets it may not be the one that watches.
func TestFunctionsEvents(t *testing.T) {
	change := func(w *world) {
		twoGroups(&w.config)
		w.config.Events.Meraki.Secret = "of the webhook"
		w.config.Events.EventGrid.Secret = "of the grid 0123"
	}
	hosted(t, config.Functions{}, change, func(t *testing.T, host *funchost.Host, h *handlers) {
		if err := host.Timer(t.Context(), "Tick"); err != nil {
			t.Fatal(err)
		}
		if resp, body := event(t, host, "POST", "/api/events/meraki", merakiEvent("guess", "1")); resp.StatusCode != 401 {
			t.Errorf("a forged event is answered %d %s", resp.StatusCode, body)
		}
		if n, err := host.Deliver(t.Context()); n != 0 || err != nil {
			t.Errorf("a forged event made %d messages, %v", n, err)
		}
		if err := h.world.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if resp, body := event(t, host, "POST", "/api/events/meraki", merakiEvent("of the webhook", "2")); resp.StatusCode != 200 || !strings.Contains(body, `"nudged":1`) {
			t.Fatalf("an event is answered %d %s", resp.StatusCode, body)
		}
		if got := h.world.hops(t); got["10.1.0.4"] != 15 {
			t.Errorf("next hops = %v: an event has decided something", got)
		}
		if resp, body := event(t, host, "POST", "/api/events/meraki", merakiEvent("of the webhook", "2")); resp.StatusCode != 200 || !strings.Contains(body, `"nudged":0`) {
			t.Errorf("the same event again is answered %d %s", resp.StatusCode, body)
		}
		if n, err := host.Deliver(t.Context()); n != 2 || err != nil {
			t.Errorf("Deliver() = %d, %v, want a message for each group of one event", n, err)
		}
		if got := h.world.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all at vmx-b", got)
		}

		validation := `[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","subject":"","topic":"t","dataVersion":"1","metadataVersion":"1","eventTime":"` +
			time.Now().UTC().Format(time.RFC3339) + `","data":{"validationCode":"the code"}}]`
		resp, body := event(t, host, "POST", "/api/events/event-grid?token=of%20the%20grid%200123", validation, "Aeg-Event-Type", "SubscriptionValidation")
		if resp.StatusCode != 200 || !strings.Contains(body, `"validationResponse":"the code"`) {
			t.Errorf("the validation is answered %d %s", resp.StatusCode, body)
		}
		resp, _ = event(t, host, "OPTIONS", "/api/events/event-grid?token=of%20the%20grid%200123", "", "WebHook-Request-Origin", "eventgrid.azure.net")
		if resp.StatusCode != 200 || resp.Header.Get("WebHook-Allowed-Origin") == "" {
			t.Errorf("the handshake is answered %d %v", resp.StatusCode, resp.Header)
		}
		if resp, _ := event(t, host, "POST", "/api/events/nobody", "{}"); resp.StatusCode != 404 {
			t.Errorf("an event of nobody is answered %d", resp.StatusCode)
		}
		for _, line := range host.Log() {
			if strings.Contains(line.Text, "of the webhook") || strings.Contains(line.Text, "of the grid") {
				t.Errorf("a secret is in the log: %s", line.Text)
			}
		}
	})
}

func TestFunctionsBelieveNobodyWithoutSecrets(t *testing.T) {
	hosted(t, config.Functions{}, nil, func(t *testing.T, host *funchost.Host, _ *handlers) {
		if resp, body := event(t, host, "POST", "/api/events/meraki", merakiEvent("", "1")); resp.StatusCode != 404 || !strings.Contains(body, "no sender of events is believed") {
			t.Errorf("an event is answered %d %s, want 404", resp.StatusCode, body)
		}
	})
}
