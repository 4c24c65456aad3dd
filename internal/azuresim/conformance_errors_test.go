package azuresim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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

// knownError is one entry of the collected errors.
type knownError struct {
	Kind    string            `json:"kind"`
	HTTP    int               `json:"http"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body"`
}

func readErrors(t *testing.T) map[string]knownError {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recordings(t), "errors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Errors []knownError `json:"errors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	byCode := map[string]knownError{}
	for _, e := range file.Errors {
		byCode[errorKey(e.HTTP, e.Body)] = e
	}
	return byCode
}

// errorKey tells errors apart: status, code, code of the first detail; Compute's 412 has no details.
func errorKey(status int, body any) string {
	code, _ := dig(body, "error", "code").(string)
	inner, _ := dig(body, "error", "details", "0", "code").(string)
	return strings.TrimSuffix(fmt.Sprintf("%d %s %s", status, code, inner), " ")
}

// compareError compares an error with a collected one: members and types exactly, texts up to what varies.
func compareError(t *testing.T, e knownError, got answer) {
	t.Helper()
	if got.status != e.HTTP {
		t.Errorf("status %d, want %d: %.300s", got.status, e.HTTP, got.raw)
	}
	for name, want := range e.Headers {
		switch g := got.header.Get(name); {
		case g == "":
			t.Errorf("header %s is missing", name)
		case !strings.Contains(want, "<") && !strings.Contains(want, "unconfirmed") && g != want:
			t.Errorf("header %s = %q, want %q", name, g, want)
		case name == "WWW-Authenticate" && textPattern(want).FindString(g) != g:
			t.Errorf("header %s = %q, want the form %q", name, g, want)
		}
	}
	compareErrorBody(t, "", e.Body, got.body)
}

func compareErrorBody(t *testing.T, path string, want, got any) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name, v := range w {
			if _, ok := g[name]; !ok {
				t.Errorf("%s/%s is missing", path, name)
				continue
			}
			compareErrorBody(t, path+"/"+name, v, g[name])
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				t.Errorf("%s/%s is not in the collected error", path, name)
			}
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			t.Errorf("%s: %v, want %d entries", path, got, len(w))
			return
		}
		for i := range w {
			compareErrorBody(t, path+"/0", w[i], g[i])
		}
	case string:
		g, _ := got.(string)
		var inner, innerGot map[string]any
		if json.Unmarshal([]byte(w), &inner) == nil { // JSON inside a string
			if err := json.Unmarshal([]byte(g), &innerGot); err != nil {
				t.Errorf("%s: %q is not JSON inside a string: %v", path, g, err)
			}
			compareKinds(t, path, inner, innerGot)
			return
		}
		switch path {
		case "/error/details/0/target": // names a policy of its time
		default:
			if p := textPattern(w); p.FindString(g) != g || g == "" {
				t.Errorf("%s: %q, want the form %q", path, g, w)
			}
		}
	}
}

// compareKinds compares the names and types of members.
func compareKinds(t *testing.T, path string, want, got map[string]any) {
	t.Helper()
	for name := range want {
		if fmt.Sprintf("%T", want[name]) != fmt.Sprintf("%T", got[name]) {
			t.Errorf("%s/%s is %T, want %T", path, name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %v has other members than %v", path, got, want)
	}
}

var varies = regexp.MustCompile(`<[^>]*>|'[^']*'|resource [XY]\b|[A-Z][A-Za-z]+Operation\b|\d{1,2}/\d{1,2}/\d{4} [\d:]+ [AP]M|/subscriptions/\S+[^.\s]|\d{4}-\d\d-\d\d|\b\d+\b|https://\S+|eastus`)

// textPattern is a collected text in which everything that belongs to its occasion may be anything.
func textPattern(text string) *regexp.Regexp {
	var b strings.Builder
	rest := text
	for {
		loc := varies.FindStringIndex(rest)
		if loc == nil {
			break
		}
		b.WriteString(regexp.QuoteMeta(rest[:loc[0]]))
		found := rest[loc[0]:loc[1]]
		switch {
		case strings.HasPrefix(found, "'"):
			b.WriteString(`'[^']*'`)
		case strings.HasPrefix(found, "https://aka.ms"):
			b.WriteString(regexp.QuoteMeta(found))
		case strings.HasPrefix(found, "resource "):
			b.WriteString(`resource \S+`)
		default:
			b.WriteString(`.+`)
		}
		rest = rest[loc[1]:]
	}
	b.WriteString(regexp.QuoteMeta(rest))
	return regexp.MustCompile("(?s)^" + b.String() + "$")
}

// moved is the first table with its next hops moved.
func moved(t *testing.T, s *azuresim.Sim, id, to string) string {
	t.Helper()
	doc, err := s.RouteTable(id)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(doc), "10.1.0.4", to)
}

func TestCollectedErrors(t *testing.T) {
	known := readErrors(t)
	spoke, hub := strings.Split(rt1, "/routeTables/")[0]+"/virtualNetworks/vnet-spoke-1", "/subscriptions/"+sub1+"/resourceGroups/rg-sdwan-westeurope/providers/Microsoft.Network/virtualNetworks/vnet-sdwan-a"
	limited := func(t *testing.T, s *azuresim.Sim, n int, path string) answer {
		for range n {
			if a := call(t, s, "GET", path, ""); a.status != http.StatusOK {
				return a
			}
		}
		return call(t, s, "GET", path, "")
	}
	inject := func(t *testing.T, s *azuresim.Sim, k azuresim.FaultKind, method, path, body string) answer {
		if _, err := s.Inject(azuresim.Fault{Kind: k, Count: 1}); err != nil {
			t.Fatal(err)
		}
		return call(t, s, method, path, body)
	}
	makers := map[string]func(t *testing.T, s *azuresim.Sim) answer{
		"401 ExpiredAuthenticationToken": func(t *testing.T, s *azuresim.Sim) answer {
			token, _, err := s.Token("owner")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour)
			return send(t, s, "GET", rt1+netAPI, "", "Authorization", "Bearer "+token)
		},
		"403 AuthorizationFailed": func(t *testing.T, s *azuresim.Sim) answer {
			return callAs(t, s, "reader", "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4"))
		},
		"403 LinkedAuthorizationFailed": func(t *testing.T, s *azuresim.Sim) answer {
			return callAs(t, s, "peerer", "PUT", spoke+"/virtualNetworkPeerings/new"+netAPI, `{"properties":{"remoteVirtualNetwork":{"id":"`+hub+`"}}}`)
		},
		"404 ResourceNotFound": func(t *testing.T, s *azuresim.Sim) answer { return call(t, s, "GET", rt1+"x"+netAPI, "") },
		"404 ResourceGroupNotFound": func(t *testing.T, s *azuresim.Sim) answer {
			return call(t, s, "GET", strings.Replace(rt1, "rg-spoke-1", "rg-none", 1)+netAPI, "")
		},
		"412 PreconditionFailed PreconditionFailedEtagMismatch": func(t *testing.T, s *azuresim.Sim) answer {
			return call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4"), "If-Match", "invalid")
		},
		"412 PreconditionFailed": func(t *testing.T, s *azuresim.Sim) answer {
			return call(t, s, "PATCH", vmxA+computeAPI, `{"tags":{"a":"b"}}`, "If-Match", "invalid")
		},
		"429 RetryableError RetryableErrorDueToAnotherOperation": func(t *testing.T, s *azuresim.Sim) answer {
			call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
			return call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.1.0.5"))
		},
		"429 RetryableError ReferencedResourceNotProvisioned": func(t *testing.T, s *azuresim.Sim) answer {
			other := strings.Replace(rt1, "rt-spoke-001", "rt-untagged", 1)
			call(t, s, "PUT", other+netAPI, moved(t, s, other, "10.2.0.4")).want(t, 200, "")
			return call(t, s, "PUT", spoke+"/subnets/snet-9"+netAPI, `{"properties":{"addressPrefix":"10.10.9.0/24","routeTable":{"id":"`+other+`"}}}`)
		},
		"400 ReferencedResourceNotProvisioned": func(t *testing.T, s *azuresim.Sim) answer {
			call(t, s, "PUT", spoke+"/subnets/snet-9"+netAPI, `{"properties":{"addressPrefix":"10.10.9.0/24"}}`).want(t, 201, "")
			return call(t, s, "PUT", spoke+"/virtualNetworkPeerings/to-vnet-sdwan-a"+netAPI, `{"properties":{"remoteVirtualNetwork":{"id":"`+hub+`"}}}`)
		},
		"429 SubscriptionRequestsThrottled": func(t *testing.T, s *azuresim.Sim) answer { return limited(t, s, 700, rt1+netAPI) },
		"429 ResourceRequestsThrottled": func(t *testing.T, s *azuresim.Sim) answer {
			return inject(t, s, azuresim.FaultNetwork429, "GET", rt1+netAPI, "")
		},
		"429 OperationNotAllowed TooManyRequests": func(t *testing.T, s *azuresim.Sim) answer { return limited(t, s, 40, vmxA+computeAPI) },
		"400 InvalidApiVersionParameter": func(t *testing.T, s *azuresim.Sim) answer {
			return call(t, s, "GET", "/subscriptions?api-version=2023-04-02", "")
		},
		"400 NoRegisteredProviderFound": func(t *testing.T, s *azuresim.Sim) answer {
			return call(t, s, "GET", rt1+"?api-version=2023-04-02", "")
		},
		"409 ScopeLocked": func(t *testing.T, s *azuresim.Sim) answer {
			call(t, s, "PUT", "/subscriptions/"+sub1+"/resourceGroups/rg-spoke-1/providers/Microsoft.Authorization/locks/l?api-version=2020-05-01", `{"properties":{"level":"ReadOnly"}}`).want(t, 201, "")
			return call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4"))
		},
		"409 MissingSubscriptionRegistration": func(t *testing.T, s *azuresim.Sim) answer {
			return call(t, s, "PUT", "/subscriptions/unregistered/resourceGroups/rg/providers/Microsoft.Network/routeTables/a"+netAPI, `{"location":"westeurope"}`)
		},
		"200 AnotherOperationInProgress": func(t *testing.T, s *azuresim.Sim) answer { // the poll that says Failed, AnotherOperationInProgress
			put := inject(t, s, azuresim.FaultFailedPoll, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
			time.Sleep(3 * time.Second)
			return call(t, s, "GET", put.header.Get("Azure-AsyncOperation"), "")
		},
	}
	for key, e := range known {
		provoke := makers[strings.TrimSpace(key)]
		if provoke == nil {
			t.Errorf("nothing here makes the collected error %q", key)
			continue
		}
		t.Run(key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { compareError(t, e, provoke(t, errorWorld(t))) })
		})
	}
}

// errorWorld is the reference world with an unregistered subscription and somebody who may write peerings but not join networks.
func errorWorld(t *testing.T) *azuresim.Sim {
	t.Helper()
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	w.Subscriptions = append(w.Subscriptions, azuresim.Subscription{ID: "unregistered", Unregistered: []string{"Microsoft.Network"}})
	w.ResourceGroups = append(w.ResourceGroups, azuresim.ResourceGroup{Subscription: "unregistered", Name: "rg", Location: "westeurope"})
	owner := slices.IndexFunc(w.Principals, func(p azuresim.Principal) bool { return p.Name == "owner" })
	w.Principals[owner].Roles = append(w.Principals[owner].Roles, azuresim.Assignment{Scope: "/subscriptions/unregistered", Actions: []string{"*"}})
	w.Principals = append(w.Principals, azuresim.Principal{Name: "peerer", ObjectID: "0b1d0001-0000-4000-8000-000000000009", AppID: "a9900001-0000-4000-8000-000000000009",
		Roles: []azuresim.Assignment{{Scope: "/subscriptions/" + sub1, Actions: []string{"Microsoft.Network/virtualNetworks/virtualNetworkPeerings/*"}}}})
	s, err := azuresim.New(w, azuresim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRecordedErrorsOf2018(t *testing.T) {
	for _, name := range []string{"err-404-nic-ResourceNotFound-2018.json", "err-404-vm-ResourceNotFound-2018.json", "err-403-AuthorizationFailed.json"} {
		t.Run(name, func(t *testing.T) {
			e := readExchange(t, name)
			groups := []azuresim.ResourceGroup{{Subscription: zeroSub, Name: "miq-networking-eastus", Location: "eastus"}, {Subscription: zeroSub, Name: "miq-vms-eastus", Location: "eastus"}}
			inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
				who := "owner"
				if e.Response.Status == http.StatusForbidden {
					who = "nobody"
				}
				// The machine's recording is of a version that is not a version of networks: only the path matters.
				got := callAs(t, s, who, "GET", e.Request.URL, "")
				if got.status != e.Response.Status {
					t.Fatalf("status %d, want %d: %s", got.status, e.Response.Status, got.raw)
				}
				for _, d := range diffHeaders(e.Response.Headers, got.header, rules{old: true}) {
					t.Error(d)
				}
				// Since then the text of 404 names a page.
				g, w := textForm(got.text("error", "message")), textForm(dig(e.Response.Body, "error", "message").(string))
				if got.code() != dig(e.Response.Body, "error", "code") || !strings.HasPrefix(g, w) {
					t.Errorf("got %s %q, want %q", got.code(), g, w)
				}
			}, groups...)
		})
	}
}

func TestConstructedIdentityTokens(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(recordings(t), "managed-identity-tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]struct {
		Request struct {
			URL     string            `json:"url"`
			Headers map[string]string `json:"headers"`
			Form    map[string]string `json:"form"`
		} `json:"request"`
		Response struct {
			Status int            `json:"status"`
			Body   map[string]any `json:"body"`
		} `json:"response"`
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		t.Fatal(err)
	}
	delete(top, "source")
	again, err := json.Marshal(top)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(again, &file); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, azuresim.Options{})
		resource := "resource=" + url.QueryEscape("https://management.azure.com")
		form := url.Values{}
		for k, v := range file["workload_identity"].Request.Form {
			form.Set(k, v)
		}
		form.Set("client_id", "a9900001-0000-4000-8000-000000000001")
		form.Set("client_assertion", "federated-secret")
		got := map[string]answer{
			"app_service_and_functions": send(t, s, "GET", "http://localhost/msi/token?api-version=2019-08-01&"+resource, "", "X-IDENTITY-HEADER", "identity-header"),
			"imds":                      send(t, s, "GET", "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&"+resource, "", "Metadata", "true"),
			"workload_identity":         send(t, s, "POST", "/"+azuresim.DefaultTenant+"/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded"),
		}
		for name, a := range got {
			want := file[name].Response
			if a.status != want.Status {
				t.Errorf("%s: status %d, want %d: %s", name, a.status, want.Status, a.raw)
				continue
			}
			body := a.body.(map[string]any)
			for member, v := range want.Body {
				if fmt.Sprintf("%T", v) != fmt.Sprintf("%T", body[member]) {
					t.Errorf("%s: %s is %T, want %T", name, member, body[member], v)
				}
			}
			for member := range body {
				if _, ok := want.Body[member]; !ok {
					t.Errorf("%s: %s is not in the sample", name, member)
				}
			}
			token, _ := body["access_token"].(string)
			if r := send(t, s, "GET", "/subscriptions"+groupAPI, "", "Authorization", "Bearer "+token); r.status != 200 {
				t.Errorf("%s: the token is not accepted: %s", name, r.raw)
			}
		}
		unknown := send(t, s, "GET", "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&client_id=x&"+resource, "", "Metadata", "true")
		if unknown.status != 400 || unknown.text("error") != "invalid_request" || unknown.text("error_description") != "Identity not found" {
			t.Errorf("an unknown identity: %d %s", unknown.status, unknown.raw)
		}
	})
}

// TestEveryRecordingIsUsed fails when somebody adds a recording that no test reads.
func TestEveryRecordingIsUsed(t *testing.T) {
	var source strings.Builder
	for _, name := range []string{"conformance_network_test.go", "conformance_compute_test.go", "conformance_errors_test.go"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(data)
	}
	// These are about Functions, Event Grid and alerts, which are not simulated here.
	others := []string{"eventgrid-and-alerts.json", "function.json.timer.sample.json", "functions-custom-handler.json", "host.json.sample.json"}
	entries, err := os.ReadDir(recordings(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(others, e.Name()) && !strings.Contains(source.String(), `"`+e.Name()+`"`) {
			t.Errorf("%s is compared with nothing", e.Name())
		}
	}
}
