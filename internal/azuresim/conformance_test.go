package azuresim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

// Recorded answers of the real service lie beside the repository, not in it. Where they are, each is replayed: the request that was
// recorded is made against a simulator that holds the same things, and status, headers and every member of the body are compared.
const samplesFolder = "../../../shared/facts/azure-samples"

// zeroSub stands for subscriptions whose ids were taken out of a recording.
const zeroSub = "00000000-0000-0000-0000-000000000000"

// exchange is one recorded request and its answer.
type exchange struct {
	Request struct {
		Method  string         `json:"method"`
		URL     string         `json:"url"`
		Headers map[string]any `json:"headers"`
		Body    any            `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int            `json:"status"`
		Headers map[string]any `json:"headers"`
		Body    any            `json:"body"`
	} `json:"response"`
	Steps []exchange `json:"steps"`
}

// recordings gives the folder of recorded answers. Where it is missing the fixtures of TestFacts stand for it, but not in CI.
func recordings(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(samplesFolder); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the recorded answers are missing in CI: %v", err)
		}
		t.Skipf("no recorded answers here, TestFacts states the same: %v", err)
	}
	return samplesFolder
}

func readExchange(t *testing.T, name string) exchange {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recordings(t), name))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("<AZURE_SUBSCRIPTION_ID>", zeroSub, "AZURE_SUBSCRIPTION_ID", zeroSub).Replace(string(data))
	var e exchange
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}

// rules say how a recording may differ.
type rules struct {
	// old recordings may lack members and headers that later years added, and have values of their time.
	old bool
	// except are paths of the body (a prefix) that are not compared, each because of something that is not modelled.
	except []string
	// extra are headers that this recording lacks and another has.
	extra []string
	// url and body replace those of the recording.
	url, body string
}

// replay makes the recorded request and compares the answer.
func replay(t *testing.T, s *azuresim.Sim, name string, e exchange, r rules) answer {
	t.Helper()
	url, body := e.Request.URL, r.body
	if r.url != "" {
		url = r.url
	}
	if body == "" && e.Request.Body != nil {
		data, err := json.Marshal(e.Request.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = string(data)
	}
	var headers []string
	for k, v := range e.Request.Headers {
		if k == "If-Match" {
			headers = append(headers, k, v.(string))
		}
	}
	got := call(t, s, e.Request.Method, url, body, headers...)
	if got.status != e.Response.Status {
		t.Errorf("%s: status %d, want %d: %.300s", name, got.status, e.Response.Status, got.raw)
		return got
	}
	for _, d := range diffHeaders(e.Response.Headers, got.header, r) {
		t.Errorf("%s: header %s", name, d)
	}
	want := e.Response.Body
	if want == "" {
		want = nil
	}
	for _, d := range diffBody("", want, got.body, r) {
		t.Errorf("%s: body %s", name, d)
	}
	return got
}

// significant headers may not be there when the recording lacks them and would have kept them.
func significant() []string {
	return []string{"ETag", "Azure-AsyncOperation", "Location", "Azure-AsyncNotification", "WWW-Authenticate", "x-ms-failure-cause", "x-ms-original-request-ids"}
}

// ignored headers depend on the server software of the day or on the size of the answer.
func ignored() []string {
	return []string{"Server", "Vary", "Connection", "Transfer-Encoding", "X-Ms-Served-By", "Content-Length", "Date"}
}

func diffHeaders(want map[string]any, got http.Header, r rules) (diffs []string) {
	full := want["x-ms-request-id"] != nil && want["X-Cache"] != nil // a recording of 2026 that kept everything
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if slices.ContainsFunc(ignored(), func(i string) bool { return strings.EqualFold(i, name) }) {
			continue
		}
		w, _ := want[name].(string)
		if list, ok := want[name].([]any); ok && len(list) > 0 {
			w, _ = list[0].(string)
		}
		switch g := got.Get(name); {
		case g == "" && r.old && strings.EqualFold(name, "content-type"):
		case g == "":
			diffs = append(diffs, name+" is missing, want "+w)
		case headerForm(name, w, r.old) != headerForm(name, g, r.old):
			diffs = append(diffs, fmt.Sprintf("%s = %s, want the form %s", name, headerForm(name, g, r.old), headerForm(name, w, r.old)))
		}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(want)), func(w string) bool { return strings.EqualFold(w, name) })
	}
	for _, name := range significant() {
		if got.Get(name) != "" && !has(name) && !r.old && !slices.Contains(r.extra, name) {
			diffs = append(diffs, name+" should not be there")
		}
	}
	if full {
		for name := range got {
			if !has(name) {
				diffs = append(diffs, name+" is not in the recording, which kept all headers")
			}
		}
	}
	return diffs
}

var (
	guidForm   = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
	timeForm   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	stampForm  = regexp.MustCompile(`[A-Z]+\d*:\d{4}[\d.]+T?\d*Z`)
	numberForm = regexp.MustCompile(`\d+(\.\d+)?`)
	paramForm  = regexp.MustCompile(`(^|[?&])([a-z-]+)=[^&]*`)
)

// headerForm is what must be equal of a header's value.
func headerForm(name, value string, old bool) string {
	value = guidForm.ReplaceAllString(value, "<guid>")
	switch strings.ToLower(name) {
	case "azure-asyncoperation", "location":
		path, query, _ := strings.Cut(value, "?")
		var names []string
		for _, m := range paramForm.FindAllStringSubmatch(query, -1) {
			if !old || m[2] == "api-version" || m[2] == "monitor" { // URLs were not signed then
				names = append(names, m[2])
			}
		}
		slices.Sort(names)
		return path + "?" + strings.Join(names, "&")
	case "x-ms-routing-request-id":
		return stampForm.ReplaceAllString(value, "<region>:<stamp>")
	case "x-ms-operation-identifier":
		parts := strings.Split(value, "/")
		parts[1] = "<region>"
		return strings.Join(parts, "/")
	case "x-msedge-ref":
		return regexp.MustCompile(`[0-9A-F]{32}|[A-Z]{2,3}\d[0-9A-Z]+|\d{4}-.*`).ReplaceAllString(value, "#")
	case "x-ms-ratelimit-remaining-resource":
		if old {
			return "policies"
		}
		return numberForm.ReplaceAllString(value, "N")
	case "x-ms-throttle-levels":
		return numberForm.ReplaceAllString(value, "N")
	case "retry-after":
		return value
	default:
		if strings.HasPrefix(strings.ToLower(name), "x-ms-ratelimit") {
			return numberForm.ReplaceAllString(value, "N")
		}
		return value
	}
}

// byID sorts a list of resources: the service's order is nowhere promised.
func byID(list []any) []any {
	key := func(v any) string { id, _ := dig(v, "id").(string); return strings.ToLower(id) }
	return slices.SortedStableFunc(slices.Values(list), func(a, b any) int { return strings.Compare(key(a), key(b)) })
}

// textForm is what must be equal of a text in a body.
func textForm(s string) string {
	return timeForm.ReplaceAllString(guidForm.ReplaceAllString(s, "<guid>"), "<time>")
}

func diffBody(path string, want, got any, r rules) (diffs []string) {
	if slices.Contains(r.except, path) {
		return nil
	}
	bad := func(format string, args ...any) []string {
		return append(diffs, path+": "+fmt.Sprintf(format, args...))
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return bad("%T, want an object", got)
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			v, ok := g[name]
			if !ok && !slices.Contains(r.except, path+"/"+name) {
				diffs = append(diffs, path+"/"+name+" is missing")
				continue
			}
			diffs = append(diffs, diffBody(path+"/"+name, w[name], v, r)...)
		}
		for _, name := range slices.Sorted(maps.Keys(g)) {
			if _, ok := w[name]; !ok && !r.old && !slices.Contains(r.except, path+"/"+name) {
				diffs = append(diffs, path+"/"+name+" is not in the recording")
			}
		}
		return diffs
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return bad("%v, want a list of %d", got, len(w))
		}
		w, g = byID(w), byID(g)
		for i := range w {
			diffs = append(diffs, diffBody(path+"/0", w[i], g[i], r)...)
		}
		return diffs
	case string:
		g, ok := got.(string)
		if !ok || textForm(g) != textForm(w) {
			return bad("%q, want %q", got, w)
		}
		return nil
	default:
		if want != got {
			return bad("%v, want %v", got, want)
		}
		return nil
	}
}

// recordedWorld has the subscriptions and groups of the recordings, and a principal that may do everything.
func recordedWorld(groups ...azuresim.ResourceGroup) azuresim.World {
	w := azuresim.World{ResourceGroups: groups}
	seen := map[string]bool{}
	var roles []azuresim.Assignment
	for _, g := range groups {
		if !seen[g.Subscription] {
			seen[g.Subscription] = true
			w.Subscriptions = append(w.Subscriptions, azuresim.Subscription{ID: g.Subscription})
			roles = append(roles, azuresim.Assignment{Scope: "/subscriptions/" + g.Subscription, Actions: []string{"*"}})
		}
	}
	w.Principals = []azuresim.Principal{
		{Name: "owner", ObjectID: "0b1d0001-0000-4000-8000-000000000003", AppID: "a9900001-0000-4000-8000-000000000003", Roles: roles},
		{Name: "nobody", ObjectID: "0b1d0001-0000-4000-8000-000000000004", AppID: "a9900001-0000-4000-8000-000000000004"},
	}
	return w
}

// inRecordedWorld runs a replay in virtual time.
func inRecordedWorld(t *testing.T, run func(t *testing.T, s *azuresim.Sim), groups ...azuresim.ResourceGroup) {
	t.Helper()
	recordings(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(recordedWorld(groups...), azuresim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		run(t, s)
	})
}

// later lets running operations end and lists catch up.
func later() { time.Sleep(time.Minute) }
