package azuresim_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.yaml.in/yaml/v3"

	"hopguard/internal/azuresim"
)

// fact is one step of testdata/facts.yaml.
type fact struct {
	Name, Method, URL, Send string
	As                      *string
	Wait                    time.Duration
	Status                  int
	Header, Headers, Body   map[string]string
	Absent                  []string
	Members                 map[string][]string
}

// TestFacts states what is known of the service without the recordings, so that it is checked where they are not.
func TestFacts(t *testing.T) {
	data, err := os.ReadFile("testdata/facts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var facts []fact
	if err := yaml.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, azuresim.Options{})
		vars := map[string]string{"table": rt1, "vm": vmxA, "group": strings.Split(rt1, "/providers/")[0], "sub": "/subscriptions/" + sub1}
		for _, f := range facts {
			time.Sleep(f.Wait)
			url := os.Expand(f.URL, func(name string) string {
				if v, ok := vars[name]; ok {
					return v
				}
				return "$" + name // $expand is the service's
			})
			var headers []string
			for k, v := range f.Header {
				headers = append(headers, k, v)
			}
			method := f.Method
			if method == "" {
				method = "GET"
			}
			who := "owner"
			if f.As != nil {
				who = *f.As
			}
			var a answer
			if who == "" {
				a = send(t, s, method, url, f.Send, headers...)
			} else {
				a = callAs(t, s, who, method, url, f.Send, headers...)
			}
			if v := a.header.Get("Azure-AsyncOperation"); v != "" {
				vars["async"], vars["location"] = v, a.header.Get("Location")
			}
			f.check(t, a)
		}
	})
}

func (f fact) check(t *testing.T, a answer) {
	t.Helper()
	matches := func(what, pattern, got string) {
		if m := regexp.MustCompile("(?s)^(?:" + pattern + ")$"); !m.MatchString(got) {
			t.Errorf("%s: %s is %.400q, want %q", f.Name, what, got, pattern)
		}
	}
	if a.status != f.Status {
		t.Errorf("%s: status %d, want %d: %.400s", f.Name, a.status, f.Status, a.raw)
	}
	for name, pattern := range f.Headers {
		matches(name, pattern, a.header.Get(name))
	}
	for _, name := range f.Absent {
		if v := a.header.Get(name); v != "" {
			t.Errorf("%s: header %s is %q, want none", f.Name, name, v)
		}
	}
	split := func(path string) []string {
		return slices.DeleteFunc(strings.Split(path, "/"), func(p string) bool { return p == "" })
	}
	for path, pattern := range f.Body {
		matches(path, pattern, a.text(split(path)...))
	}
	for path, names := range f.Members {
		o, _ := dig(a.body, split(path)...).(map[string]any)
		if got := slices.Sorted(maps.Keys(o)); !slices.Equal(got, slices.Sorted(slices.Values(names))) {
			t.Errorf("%s: members of %q are %v, want %v", f.Name, path, got, names)
		}
	}
}
