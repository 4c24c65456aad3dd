package azuresim_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

const appID = "a9900001-0000-4000-8000-000000000001"

// form posts a form to the token service.
func form(t *testing.T, s *azuresim.Sim, path string, pairs ...string) answer {
	t.Helper()
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return send(t, s, "POST", path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token %q has %d parts", token, len(parts))
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTokenEndpoints(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		tenant := "/" + azuresim.DefaultTenant
		for name, a := range map[string]answer{
			"v2":        form(t, s, tenant+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", appID, "client_secret", "secret", "scope", "https://management.core.windows.net//.default"),
			"v1":        form(t, s, tenant+"/oauth2/token", "grant_type", "client_credentials", "client_id", appID, "client_secret", "secret", "resource", "https://management.azure.com/"),
			"adfs":      form(t, s, "/adfs/oauth2/token", "grant_type", "client_credentials", "client_id", appID, "client_secret", "secret", "resource", "https://management.azure.com/"),
			"assertion": form(t, s, tenant+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", appID, "client_assertion", "federated-secret", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "scope", "https://management.azure.com/.default"),
		} {
			token := a.text("access_token")
			if a.status != 200 || a.text("token_type") != "Bearer" {
				t.Errorf("%s: %d %s", name, a.status, a.raw)
				continue
			}
			c := claimsOf(t, token)
			if c["tid"] != azuresim.DefaultTenant || c["oid"] != "0b1d0001-0000-4000-8000-000000000001" || c["appid"] != appID || c["exp"].(float64)-c["iat"].(float64) != 3600 {
				t.Errorf("%s: claims %v", name, c)
			}
			if r := send(t, s, "GET", rt1+netAPI, "", "Authorization", "Bearer "+token); r.status != 200 {
				t.Errorf("%s: ARM answers %s", name, r.raw)
			}
		}
	})
}

func TestTokenEndpointRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		tenant := "/" + azuresim.DefaultTenant
		scope := []string{"scope", "https://management.azure.com/.default"}
		tests := map[string]struct {
			path   string
			pairs  []string
			status int
			err    string
		}{
			"wrong-secret":    {tenant, append(scope, "grant_type", "client_credentials", "client_id", appID, "client_secret", "no"), 401, "invalid_client"},
			"no-secret":       {tenant, append(scope, "grant_type", "client_credentials", "client_id", appID), 401, "invalid_client"},
			"wrong-assertion": {tenant, append(scope, "grant_type", "client_credentials", "client_id", appID, "client_assertion", "x"), 401, "invalid_client"},
			"unknown-app":     {tenant, append(scope, "grant_type", "client_credentials", "client_id", "x", "client_secret", "secret"), 400, "unauthorized_client"},
			"unknown-tenant":  {"/nowhere", append(scope, "grant_type", "client_credentials", "client_id", appID, "client_secret", "secret"), 400, "invalid_request"},
			"password-grant":  {tenant, append(scope, "grant_type", "password"), 400, "unsupported_grant_type"},
			"no-scope":        {tenant, []string{"grant_type", "client_credentials", "client_id", appID, "client_secret", "secret", "scope", "openid"}, 400, "invalid_scope"},
		}
		for name, tt := range tests {
			a := form(t, s, tt.path+"/oauth2/v2.0/token", tt.pairs...)
			if a.status != tt.status || a.text("error") != tt.err || !strings.HasPrefix(a.text("error_description"), "AADSTS") {
				t.Errorf("%s: %d %s", name, a.status, a.raw)
			}
			if strings.Contains(string(a.raw), `"no"`) {
				t.Errorf("%s: the answer repeats a secret", name)
			}
		}
		for _, c := range s.Calls() {
			if len(c.Body) > 0 {
				t.Errorf("the call log keeps the body of %s, which holds a secret", c.Path)
			}
		}
	})
}

func TestDiscoveryAndTheKeyThatSigns(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		for _, path := range []string{"/common/v2.0", "/" + azuresim.DefaultTenant + "/v2.0", "/adfs", "/common"} {
			a := send(t, s, "GET", path+"/.well-known/openid-configuration", "")
			if !strings.HasPrefix(a.text("token_endpoint"), "https://management.azure.com/") || a.text("issuer") == "" || a.text("jwks_uri") == "" {
				t.Errorf("%s: %s", path, a.raw)
			}
			keys := send(t, s, "GET", a.text("jwks_uri"), "")
			x, errX := base64.RawURLEncoding.DecodeString(keys.text("keys", "0", "x"))
			y, errY := base64.RawURLEncoding.DecodeString(keys.text("keys", "0", "y"))
			if errX != nil || errY != nil {
				t.Fatal(errX, errY)
			}
			key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
			if err != nil {
				t.Fatal(err)
			}
			for range 50 { // every length of the numbers in a signature
				token, _, err := s.Token("owner")
				if err != nil {
					t.Fatal(err)
				}
				text, sig, _ := strings.Cut(token[strings.IndexByte(token, '.')+1:], ".")
				raw, err := base64.RawURLEncoding.DecodeString(sig)
				if err != nil {
					t.Fatal(err)
				}
				sum := sha256.Sum256([]byte(token[:strings.IndexByte(token, '.')+1] + text))
				if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
					t.Fatal("a token is not signed by the published key")
				}
			}
		}
		instance := send(t, s, "GET", "/common/discovery/instance?api-version=1.1&authorization_endpoint=https%3A%2F%2Flogin.example%2Ftenant-x%2Foauth2%2Fv2.0%2Fauthorize", "")
		if instance.text("tenant_discovery_endpoint") != "https://management.azure.com/tenant-x/v2.0/.well-known/openid-configuration" {
			t.Errorf("instance discovery: %s", instance.raw)
		}
		meta := send(t, s, "GET", "/metadata/endpoints?api-version=2022-09-01", "")
		for _, path := range [][]string{{"name"}, {"resourceManager"}, {"authentication", "loginEndpoint"}, {"suffixes", "storage"}, {"microsoftGraphResourceId"}, {"ossrDbmsResourceId"}} {
			if meta.text(path...) == "" {
				t.Errorf("metadata lacks %v", path)
			}
		}
	})
}

func TestWhoMayNotCall(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		good, expires, err := s.Token("owner")
		if err != nil {
			t.Fatal(err)
		}
		if got := expires.Sub(s.Now()); got > time.Hour || got < time.Hour-time.Second {
			t.Errorf("the token lives %v", got)
		}
		vault := form(t, s, "/"+azuresim.DefaultTenant+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", appID, "client_secret", "secret", "scope", "https://vault.azure.net/.default").text("access_token")
		parts := strings.Split(good, ".")
		forged := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"oid":"x"}`)) + "." + parts[2]
		for name, tt := range map[string]struct{ header, code string }{
			"missing": {"", "AuthenticationFailed"}, "basic": {"Basic abc", "AuthenticationFailed"}, "garbage": {"Bearer garbage", "InvalidAuthenticationToken"},
			"forged": {"Bearer " + forged, "InvalidAuthenticationToken"}, "other-audience": {"Bearer " + vault, "InvalidAuthenticationToken"},
		} {
			headers := []string{"Authorization", tt.header}
			if tt.header == "" {
				headers = nil
			}
			a := send(t, s, "GET", rt1+netAPI, "", headers...)
			if a.status != 401 || a.code() != tt.code || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer authorization_uri=") {
				t.Errorf("%s: %d %s %q", name, a.status, a.code(), a.header.Get("WWW-Authenticate"))
			}
		}
		time.Sleep(time.Hour)
		send(t, s, "GET", rt1+netAPI, "", "Authorization", "Bearer "+good).want(t, 401, "ExpiredAuthenticationToken")
		if _, _, err := s.Token("stranger"); err == nil {
			t.Error("a stranger must get no token")
		}
	})
}

func TestManagedIdentity(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		q := "resource=https%3A%2F%2Fmanagement.azure.com%2F"
		az := send(t, s, "GET", "http://localhost/token/?"+q+"&api-version=2017-09-01", "", "secret", "identity-header")
		if _, err := time.Parse("01/02/2006 15:04:05 -07:00", az.text("expires_on")); err != nil || az.text("access_token") == "" {
			t.Errorf("the old form: %s", az.raw)
		}
		shell := form(t, s, "http://localhost/msi/token", "resource", "https://management.azure.com/")
		if shell.status != 400 {
			t.Errorf("Cloud Shell's form without its header: %d", shell.status)
		}
		shell = send(t, s, "POST", "http://localhost/msi/token", "resource=https%3A%2F%2Fmanagement.azure.com%2F", "Content-Type", "application/x-www-form-urlencoded", "Metadata", "true")
		if claimsOf(t, shell.text("access_token"))["aud"] != "https://management.azure.com/" || shell.text("expires_on") == "" {
			t.Errorf("Cloud Shell's form: %s", shell.raw)
		}
		for name, a := range map[string]answer{
			"wrong-header":    send(t, s, "GET", "http://localhost/msi/token?api-version=2019-08-01&"+q, "", "X-IDENTITY-HEADER", "x"),
			"no-version":      send(t, s, "GET", "http://localhost/msi/token?"+q, "", "X-IDENTITY-HEADER", "identity-header"),
			"no-resource":     send(t, s, "GET", "http://localhost/msi/token?api-version=2019-08-01", "", "X-IDENTITY-HEADER", "identity-header"),
			"imds-no-header":  send(t, s, "GET", "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&"+q, ""),
			"imds-no-version": send(t, s, "GET", "http://169.254.169.254/metadata/identity/oauth2/token?"+q, "", "Metadata", "true"),
		} {
			if a.status != 400 && a.status != 401 {
				t.Errorf("%s: %d %s", name, a.status, a.raw)
			}
		}
	})
}

func TestRightsAreNarrow(t *testing.T) {
	tests := []struct {
		name    string
		actions []string
		not     []string
		scope   string
		method  string
		path    string
		want    int
	}{
		{"exact-action", []string{"Microsoft.Network/routeTables/read"}, nil, "/subscriptions/" + sub1, "GET", rt1, 200},
		{"other-case", []string{"microsoft.network/ROUTETABLES/read"}, nil, "/SUBSCRIPTIONS/" + sub1, "GET", rt1, 200},
		{"wildcard-type", []string{"Microsoft.Network/*/read"}, nil, "/subscriptions/" + sub1, "GET", rt1, 200},
		{"not-action", []string{"*"}, []string{"Microsoft.Network/routeTables/*"}, "/subscriptions/" + sub1, "GET", rt1, 403},
		{"scope-is-the-table", []string{"*/read"}, nil, rt1, "GET", rt1, 200},
		{"scope-is-another", []string{"*/read"}, nil, rt1 + "0", "GET", rt1, 403},
		{"scope-prefix-is-no-scope", []string{"*/read"}, nil, "/subscriptions/" + sub1 + "/resourceGroups/rg-spoke", "GET", rt1, 403},
		{"list-needs-the-subscription", []string{"*/read"}, nil, rt1, "GET", "/subscriptions/" + sub1 + "/providers/Microsoft.Network/routeTables", 403},
		{"route-write-is-not-table-write", []string{"Microsoft.Network/routeTables/routes/*"}, nil, rt1, "DELETE", rt1, 403},
		{"route-delete", []string{"Microsoft.Network/routeTables/routes/*"}, nil, rt1, "DELETE", rt1 + "/routes/branch-001", 202},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
			w.Principals = append(w.Principals, azuresim.Principal{Name: "p", ObjectID: "p-oid", AppID: "p-app", Roles: []azuresim.Assignment{{Scope: tt.scope, Actions: tt.actions, NotActions: tt.not}}})
			synctest.Test(t, func(t *testing.T) {
				s, err := azuresim.New(w, azuresim.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if a := callAs(t, s, "p", tt.method, tt.path+netAPI, ""); a.status != tt.want {
					t.Errorf("%d, want %d: %s", a.status, tt.want, a.raw)
				}
			})
		})
	}
}

func TestPollingNeedsARightUnlessToldOtherwise(t *testing.T) {
	for _, free := range []bool{false, true} {
		w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
		w.Principals = append(w.Principals, azuresim.Principal{Name: "p", ObjectID: "p-oid", AppID: "p-app", Roles: []azuresim.Assignment{{Scope: rt1, Actions: []string{"Microsoft.Network/routeTables/*"}}}})
		synctest.Test(t, func(t *testing.T) {
			s, err := azuresim.New(w, azuresim.Options{PollWithoutRights: free})
			if err != nil {
				t.Fatal(err)
			}
			put := callAs(t, s, "p", "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
			a := callAs(t, s, "p", "GET", put.header.Get("Azure-AsyncOperation"), "")
			if want := map[bool]int{false: 403, true: 200}[free]; a.status != want {
				t.Errorf("PollWithoutRights=%v: %d, want %d", free, a.status, want)
			}
		})
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{ClientSecret: "hush-hush"})
	data, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(data), fmt.Sprintf("%v %+v %#v", w, w, w)} {
		if strings.Contains(text, "hush-hush") {
			t.Error("a secret was printed")
		}
	}
}
