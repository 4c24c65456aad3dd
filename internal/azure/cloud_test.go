package azure_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"hopguard/internal/azure"
)

// scopes is a credential that says what it was asked for.
type scopes struct{ seen *requests }

// GetToken implements azcore.TokenCredential.
func (s scopes) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.seen.add(strings.Join(o.Scopes, " "))
	return azcore.AccessToken{Token: canary, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestClouds(t *testing.T) {
	tests := []struct {
		name     string
		settings azure.Settings
		host     string
		scope    string
		signIn   string // the host that a client secret goes to
		err      string
	}{
		{"none-is-public", azure.Settings{}, "management.azure.com", "https://management.core.windows.net//.default", "login.microsoftonline.com", ""},
		{"public", azure.Settings{Cloud: "AzurePublic"}, "management.azure.com", "https://management.core.windows.net//.default", "login.microsoftonline.com", ""},
		{"government", azure.Settings{Cloud: "AzureUSGovernment"}, "management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net//.default", "login.microsoftonline.us", ""},
		{"china", azure.Settings{Cloud: "AzureChina"}, "management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn//.default", "login.chinacloudapi.cn", ""},
		{
			"own", azure.Settings{Endpoint: "https://localhost:8443/", Audience: "https://management.azure.com", Authority: "https://localhost:8444"},
			"localhost:8443", "https://management.azure.com/.default", "localhost:8444", "",
		},
		{"own-endpoint-of-a-cloud", azure.Settings{Cloud: "AzureChina", Endpoint: "https://arm.example"}, "arm.example", "https://management.core.chinacloudapi.cn//.default", "login.chinacloudapi.cn", ""},
		{"unknown", azure.Settings{Cloud: "AzureGermany"}, "", "", "", `azure.cloud: "AzureGermany": want AzurePublic, AzureUSGovernment or AzureChina`},
		{"plain-http", azure.Settings{Endpoint: "http://arm.example"}, "", "", "", `azure.endpoint: "http://arm.example": want an absolute https URL`},
		{"no-host", azure.Settings{Endpoint: "https://"}, "", "", "", `azure.endpoint: "https://": want an absolute https URL`},
		{"no-url", azure.Settings{Endpoint: "arm.example"}, "", "", "", `azure.endpoint: "arm.example": want`},
		{"plain-authority", azure.Settings{Authority: "http://login.example"}, "", "", "", `azure.authority: "http://login.example": want an absolute https URL`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, t *testing.T) {
				var hosts, asked requests
				s := tt.settings
				s.Subscriptions, s.TokenCredential = []string{sub1}, scopes{&asked}
				s.Transport = doer(func(r *http.Request) (*http.Response, error) {
					hosts.add(r.URL.Host)
					return nil, errors.New("reset")
				})
				c, err := azure.New(s)
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) {
						t.Errorf("New() = %v, want %q", err, tt.err)
					}
					return
				}
				if err != nil {
					t.Fatalf("New() = %v", err)
				}
				_, _ = c.PowerState(ctx, machineID("vmx-a")) // the error is the transport's
				if got := hosts.list(); len(got) == 0 || got[0] != tt.host {
					t.Errorf("asked %v, want %s", got, tt.host)
				}
				if got := asked.list(); len(got) == 0 || got[0] != tt.scope {
					t.Errorf("a token for %v, want %s", got, tt.scope)
				}
				s.TokenCredential = nil
				s.Credential = azure.Credential{Kind: "client-secret", TenantID: "tenant", ClientID: "client", ClientSecret: "x", PrivateAuthority: true}
				if c, err = azure.New(s); err != nil {
					t.Fatalf("New() = %v", err)
				}
				before := len(hosts.list())
				_, _ = c.PowerState(ctx, machineID("vmx-a")) // as above
				for _, h := range hosts.list()[before:] {
					if h != tt.signIn {
						t.Errorf("the secret went to %s, want %s", h, tt.signIn)
					}
				}
				if len(hosts.list()) == before {
					t.Error("nobody was asked for a token")
				}
			})
		})
	}
}

func TestVisibleSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := 0
		body := `{"value":[{"subscriptionId":"s1","state":"Enabled"},{"subscriptionId":"s0","state":"Deleted"},{"subscriptionId":"s2","state":"Warned"}],"count":{"type":"Total","value":2}}`
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			lists++
			return answer(r, 200, body), nil
		}), func(s *azure.Settings) { s.Subscriptions = nil })
		for range 9 {
			got, err := c.Subscriptions(t.Context())
			if want := []string{"s1", "s2"}; err != nil || !slices.Equal(got, want) {
				t.Errorf("Subscriptions() = %v, %v, want %v", got, err, want)
			}
			time.Sleep(time.Minute)
		}
		if lists != 1 {
			t.Errorf("%d lists in 9 minutes, want 1", lists)
		}
		time.Sleep(2 * time.Minute)
		body = `{"value":[]}`
		if got, err := c.Subscriptions(t.Context()); err == nil || !strings.Contains(err.Error(), "the identity can see none; give it Reader") {
			t.Errorf("Subscriptions() = %v, %v", got, err)
		}
		body = `{"value":[{"id":"/subscriptions/x"}]}`
		if got, err := c.Subscriptions(t.Context()); err == nil || !strings.Contains(err.Error(), "decode subscription") {
			t.Errorf("Subscriptions() = %v, %v", got, err)
		}
	})
}

func TestASubscriptionThatIsNamedTwiceIsAskedOnce(t *testing.T) {
	var seen requests
	c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
		seen.add(r.URL.Path)
		return answer(r, 200, `{"value":[`+tableJSON("rt-1", "e", "Succeeded", "10.1.0.4")+`]}`), nil
	}), func(s *azure.Settings) { s.Subscriptions = []string{"aa", "bb", "AA", "aa"} })
	tables, err := c.Tables(t.Context(), selection())
	if err != nil || len(tables) != 2 || len(seen.list()) != 2 {
		t.Errorf("Tables() = %d tables by %v, %v; want one list of aa and one of bb", len(tables), seen.list(), err)
	}
}

// What one subscription does not answer must not hide what the others do.
func TestTablesAreReturnedBesideErrors(t *testing.T) {
	c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
		switch {
		case strings.Contains(r.URL.Path, "/s-locked-out/"):
			return answer(r, 403, `{"error":{"code":"AuthorizationFailed","message":"The client 'o' with object id 'o' does not have authorization to perform action 'Microsoft.Network/routeTables/read' over scope '/subscriptions/s-locked-out'."}}`), nil
		default:
			return answer(r, 200, `{"value":[`+tableJSON("rt-1", "e", "Succeeded", "10.1.0.4")+`,`+
				strings.Replace(tableJSON("rt-2", "e", "Succeeded", "10.1.0.4"), `"10.1.0.4"`, `"10.1.0"`, 1)+`,`+
				strings.Replace(tableJSON("rt-3", "e", "Succeeded", "10.1.0"), `"emea"`, `"emea1"`, 1)+`]}`), nil
		}
	}), func(s *azure.Settings) { s.Subscriptions = []string{sub1, "s-locked-out"} })
	tables, err := c.Tables(t.Context(), selection())
	if len(tables) != 1 || tables[0].ID != tableID("rt-1") {
		t.Errorf("Tables() = %v, want rt-1", tables)
	}
	for _, want := range []string{
		"list route tables of subscription s-locked-out: ", "lacks the right Microsoft.Network/routeTables/read on /subscriptions/s-locked-out",
		`rt-2: routes[0] (branch-1).properties.nextHopIpAddress: "10.1.0": want an IP address`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want it to contain %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "rt-3") {
		t.Errorf("error is %v: rt-3 is of another group", err)
	}
}

// The share of a list ends with a write, also when the configuration writes the
// subscription in another case than Azure does.
func TestAListIsNotSharedAcrossAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := 0
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/routeTables") {
				lists++
				return answer(r, 200, `{"value":[`+tableJSON("rt-1", "e", "Succeeded", "10.1.0.4")+`]}`), nil
			}
			return answer(r, 200, tableJSON("rt-1", "e", "Succeeded", "10.2.0.4")), nil
		}), func(s *azure.Settings) { s.Subscriptions = []string{strings.ToUpper(sub1[:8]) + sub1[8:]} })
		term, stop := newTerm(t)
		defer stop()
		tables, err := c.Tables(t.Context(), selection())
		if err != nil {
			t.Fatalf("Tables() = %v", err)
		}
		if _, err := c.Tables(t.Context(), selection()); err != nil || lists != 1 {
			t.Errorf("a second list in the same second: %d, %v", lists, err)
		}
		if o := c.Apply(t.Context(), term, goalB(), goalB().Plan(tables), ignore); len(o) != 1 || !o[0].Done() {
			t.Errorf("Apply() = %+v", o)
		}
		if _, err := c.Tables(t.Context(), selection()); err != nil || lists != 2 {
			t.Errorf("the list after a write is the shared one: %d, %v", lists, err)
		}
	})
}

// A program that was built from a changed tree calls itself v1.2.3+dirty. The SDK
// refuses that, and hopguard could not start at all.
func TestEveryVersionOfTheProgramCanAskAzure(t *testing.T) {
	for _, v := range []string{"", "1.2.3", "v1.2.3", "v1.2.3-rc.1", "v1.2.3+dirty", "v0.0.0-20261122164248-0647f8b4ccec+dirty", "a build of mine"} {
		_, err := azure.New(azure.Settings{Version: v, TokenCredential: static{}, Transport: doer(nil)})
		if err != nil {
			t.Errorf("New() with version %q = %v", v, err)
		}
	}
}
