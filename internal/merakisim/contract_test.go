package merakisim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/merakisim"
)

// contractFile states, in lines, what the specification says of the operations that
// are simulated: parameters, members of bodies and answers with their types, words.
const contractFile = "testdata/contract.txt"

// operations are the simulated ones, by the specification's path.
func operations() map[string]string {
	return map[string]string{
		"/organizations/{organizationId}/appliance/vpn/statuses": "get",
		"/organizations/{organizationId}/devices/availabilities": "get",
		"/devices/{serial}/liveTools/ping":                       "post",
		"/devices/{serial}/liveTools/ping/{id}":                  "get",
		"/devices/{serial}/liveTools/pingDevice":                 "post",
		"/devices/{serial}/liveTools/pingDevice/{id}":            "get",
	}
}

// schema is the part of a schema of OpenAPI 3.0 that the specification uses.
type schema struct {
	Type       string            `json:"type"`
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
	Enum       []string          `json:"enum"`
}

// lines states a schema, one member a line.
func (s schema) lines(path string) []string {
	line := path + " " + s.Type
	if len(s.Enum) > 0 {
		line += " " + strings.Join(s.Enum, "|")
	}
	out := []string{line}
	if s.Items != nil {
		out = append(out, s.Items.lines(path+"[]")...)
	}
	for name, p := range s.Properties {
		out = append(out, p.lines(path+"."+name)...)
	}
	return out
}

// specification reads the lines of an OpenAPI document.
func specification(t *testing.T, doc []byte) []string {
	t.Helper()
	type content map[string]struct {
		Schema schema `json:"schema"`
	}
	var spec struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name   string `json:"name"`
				In     string `json:"in"`
				Schema schema `json:"schema"`
			} `json:"parameters"`
			RequestBody struct {
				Content content `json:"content"`
			} `json:"requestBody"`
			Responses map[string]struct {
				Content content                    `json:"content"`
				Headers map[string]json.RawMessage `json:"headers"`
			} `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(doc, &spec); err != nil {
		t.Fatal(err)
	}
	var out []string
	for path, method := range operations() {
		op, ok := spec.Paths[path][method]
		if !ok {
			t.Errorf("the specification has no %s %s", method, path)
		}
		head := strings.ToUpper(method) + " " + path + ": "
		for _, p := range op.Parameters {
			if p.In == "query" {
				out = append(out, p.Schema.lines(head+"query "+p.Name)...)
			}
		}
		out = append(out, op.RequestBody.Content["application/json"].Schema.lines(head+"body")...)
		for status, r := range op.Responses {
			for name := range r.Headers {
				out = append(out, head+status+" header "+name)
			}
			out = append(out, r.Content["application/json"].Schema.lines(head+status)...)
		}
	}
	out = slices.DeleteFunc(out, func(l string) bool { return strings.HasSuffix(l, ": body ") }) // operations without one
	slices.Sort(out)
	return out
}

// sample reads a file of the folder of samples beside the checkout. Where there is
// none the test ends, except in CI.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod at or above the working directory")
		}
		dir = parent
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "shared", "facts", "meraki-samples", name))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("the samples are not here; the contract in testdata holds alone")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func contract(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(contractFile)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

func TestContractIsWhatTheSpecificationSays(t *testing.T) {
	want := specification(t, sample(t, "openapi-minimal-1.73.0.json"))
	if diff := cmp.Diff(want, contract(t)); diff != "" {
		t.Errorf("%s differs from the specification (-specification +ours):\n%s", contractFile, diff)
	}
}

func TestErrorsAndLinksAreLikeThoseOfTheDocumentation(t *testing.T) {
	var docs struct {
		Throttled struct {
			Status  int               `json:"status"`
			Headers map[string]string `json:"headers"`
			Body    any               `json:"body"`
		} `json:"429"`
		Link string `json:"link_header_as_sent"`
	}
	if err := json.Unmarshal(sample(t, "errors-and-paging.json"), &docs); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, merakisim.Options{Profile: instant()})
	if err := c.sim.Inject(merakisim.Fault{Kind: merakisim.FaultThrottled, Count: 1}); err != nil {
		t.Fatal(err)
	}
	got := c.get(vpnPath)
	if got.status != docs.Throttled.Status || got.header.Get("Retry-After") != docs.Throttled.Headers["Retry-After"] {
		t.Errorf("429 = %d with Retry-After %q, want %d with %q",
			got.status, got.header.Get("Retry-After"), docs.Throttled.Status, docs.Throttled.Headers["Retry-After"])
	}
	if diff := cmp.Diff(docs.Throttled.Body, got.json(t)); diff != "" {
		t.Errorf("429 body differs (-documentation +ours):\n%s", diff)
	}
	first := c.get(vpnPath + "?perPage=3").header.Get("Link")
	if diff := cmp.Diff(relations(docs.Link), relations(first)); diff != "" {
		t.Errorf("Link %q differs in form (-documentation +ours):\n%s", first, diff)
	}
}

// relations lists the relation and the token's name of each link, in order.
func relations(header string) []string {
	var out []string
	for link := range strings.SplitSeq(header, ", ") {
		address, rel, _ := strings.Cut(link, ">; ")
		name := "startingAfter="
		if strings.Contains(address, "endingBefore=") {
			name = "endingBefore="
		}
		out = append(out, rel+" by "+name)
	}
	return out
}

// TestAnswersKeepTheContract drives every operation and compares each answer, member
// by member and both ways, with the contract.
func TestAnswersKeepTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{Profile: instant()})
		answers := map[string][]response{}
		note := func(op string, r response) response { answers[op] = append(answers[op], r); return r }
		note("GET /organizations/{organizationId}/appliance/vpn/statuses", c.get(vpnPath))
		note("GET /organizations/{organizationId}/devices/availabilities", c.get(availabilityPath))
		for _, tool := range []struct{ name, body string }{
			{"ping", `{"target":"10.20.1.4","count":2}`}, {"pingDevice", `{"count":2}`},
		} {
			path := "/devices/{serial}/liveTools/" + tool.name
			created := note("POST "+path, c.post("/devices/"+merakisim.ExamplePrimary+"/liveTools/"+tool.name, tool.body))
			id, _ := created.object(t)["pingId"].(string)
			time.Sleep(3 * time.Second)
			note("GET "+path+"/{id}", c.get("/devices/"+merakisim.ExamplePrimary+"/liveTools/"+tool.name+"/"+id))
		}
		seen := map[string]bool{}
		known := contract(t)
		for op, list := range answers {
			for _, r := range list {
				head := fmt.Sprintf("%s: %d", op, r.status)
				if strings.HasPrefix(op, "GET /organizations") {
					seen[head+" header Link"] = r.header.Get("Link") != ""
				}
				for _, l := range members(r.json(t), head) {
					line, ok := match(known, l)
					if !ok {
						t.Errorf("%s is not in the contract", l)
					}
					seen[line] = true
				}
			}
		}
		for _, line := range known {
			_, rest, _ := strings.Cut(line, ": ")
			// What is asked has tests of its own; callbacks are not simulated.
			if strings.HasPrefix(rest, "query ") || strings.HasPrefix(rest, "body") || strings.Contains(rest, ".callback") {
				continue
			}
			if !seen[line] {
				t.Errorf("no answer has %s", line)
			}
		}
	})
}

// members states a value as schema.lines states a schema; words come after the type.
func members(v any, path string) []string {
	switch v := v.(type) {
	case map[string]any:
		out := []string{path + " object"}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out = append(out, members(v[name], path+"."+name)...)
		}
		return out
	case []any:
		out := []string{path + " array"}
		for _, item := range v {
			out = append(out, members(item, path+"[]")...)
		}
		return out
	case string:
		return []string{path + " string " + v}
	case float64:
		if v == float64(int(v)) {
			return []string{path + " number whole"}
		}
		return []string{path + " number"}
	default:
		return []string{fmt.Sprintf("%s %T", path, v)}
	}
}

// match finds the line of the contract that allows a member.
func match(contract []string, member string) (string, bool) {
	path, value, _ := strings.Cut(member, " ")
	if head, tail, ok := strings.Cut(member, ": "); ok { // the path of an operation has spaces
		p, v, _ := strings.Cut(tail, " ")
		path, value = head+": "+p, v
	}
	kind, word, _ := strings.Cut(value, " ")
	for _, line := range contract {
		rest, ok := strings.CutPrefix(line, path+" ")
		if !ok || strings.HasPrefix(rest, "header ") {
			continue
		}
		want, enum, _ := strings.Cut(rest, " ")
		switch {
		case enum != "" && !slices.Contains(strings.Split(enum, "|"), word):
			return line, false
		case want == kind, want == "integer" && kind == "number" && word == "whole":
			return line, true
		}
		return line, false
	}
	return "", false
}

func TestQueryParametersAreThoseOfTheContract(t *testing.T) {
	values := map[string]string{
		"perPage": "3", "networkIds[]": merakisim.ExamplePrimaryNet, "serials[]": merakisim.ExamplePrimary,
		"productTypes[]": "appliance", "statuses[]": "online", "tagsFilterType": "withAnyTags",
	}
	tried := 0
	for _, line := range contract(t) {
		op, rest, _ := strings.Cut(line, ": ")
		name, ok := strings.CutPrefix(rest, "query ")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, " ")
		if strings.HasSuffix(name, "[][]") {
			continue // the items of an array
		}
		path := vpnPath
		if strings.HasSuffix(op, "/devices/availabilities") {
			path = availabilityPath
		}
		tried++
		value, ok := values[name]
		if !ok {
			value = "x"
		}
		c := newClient(t, merakisim.Options{Profile: instant()}) // with its own limits
		if got := c.get(path + "?" + name + "=" + value); got.status != http.StatusOK {
			t.Errorf("%s with %s = %d %s, want 200", op, name, got.status, got.body)
		}
	}
	if tried != 13 {
		t.Errorf("tried %d parameters, want the 4 of statuses and the 9 of availabilities", tried)
	}
}
