package azure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"hopguard/internal/azure"
)

const (
	secretURL   = "https://kv-1.vault.azure.net/secrets/meraki-key"
	secretValue = canary + "-as-a-secret"
	usual       = `Bearer authorization="https://login.microsoftonline.com/7ae1f0c4-6f2b-4c53-9a7c-2d3f5b1e9a10", resource="https://vault.azure.net"`
)

// scoped is a credential that says what its tokens are for.
type scoped struct {
	scopes *requests
	err    error
}

// GetToken implements azcore.TokenCredential.
func (s scoped) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.scopes.add(strings.Join(o.Scopes, " ") + o.TenantID)
	return azcore.AccessToken{Token: "token-for-" + strings.Join(o.Scopes, " "), ExpiresOn: time.Now().Add(time.Hour)}, s.err
}

// keyVault answers as a vault does: first with a challenge, and then, to its token,
// with what follows; the last answer is repeated.
type keyVault struct {
	challenge string
	then      []func(*http.Request) *http.Response
	token     string // that is expected; empty is that of the usual challenge
	seen      requests
	refused   int
}

// Do implements policy.Transporter.
func (v *keyVault) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	token := v.token
	if token == "" {
		token = "token-for-https://vault.azure.net/.default"
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		v.refused++
		return answer(r, 401, `{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}`, "WWW-Authenticate", v.challenge), nil
	}
	v.seen.add(r.Method + " " + r.URL.String())
	then := v.then[min(len(v.seen.list()), len(v.then))-1]
	resp := then(r)
	if resp == nil {
		return nil, errors.New("connection reset by peer")
	}
	return resp, nil
}

// says is an answer with a body.
func says(status int, body string, header ...string) func(*http.Request) *http.Response {
	return func(r *http.Request) *http.Response { return answer(r, status, body, header...) }
}

func vaultRefusal(code, inner, message string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":%q,"innererror":{"code":%q}}}`, code, message, inner)
}

const theSecret = `{"value":"` + secretValue + `","id":"https://kv-1.vault.azure.net/secrets/meraki-key/4387e9f3d6e14c459867679a90fd0f79","attributes":{"enabled":true,"created":1493938410,"updated":1493938410,"recoveryLevel":"Recoverable+Purgeable"}}`

func TestVaultSecret(t *testing.T) {
	reset := func(*http.Request) *http.Response { return nil }
	tests := []struct {
		name      string
		challenge string // the usual one if empty
		then      []func(*http.Request) *http.Response
		want      string // part of the error; none if empty
		asked     int    // with a token
		took      time.Duration
	}{
		{name: "secret", then: []func(*http.Request) *http.Response{says(200, theSecret)}, asked: 1},
		{name: "older-challenge-with-scope", challenge: `Bearer authorization="https://login.microsoftonline.com/t" scope="https://vault.azure.net/.default"`,
			then: []func(*http.Request) *http.Response{says(200, theSecret)}, asked: 1},
		{name: "challenge-without-quotes", challenge: `Bearer resource=https://vault.azure.net`, then: []func(*http.Request) *http.Response{says(200, theSecret)}, asked: 1},
		{name: "no-role", then: []func(*http.Request) *http.Response{says(403, vaultRefusal("Forbidden", "ForbiddenByRbac", "Caller is not authorized to perform action on resource.\r\nCaller: appid=a9900001"))}, asked: 1,
			want: `403 ForbiddenByRbac: the identity lacks the role "Key Vault Secrets User" on the vault (or, in a vault with access policies, the permission "get" on secrets) (Caller is not authorized to perform action on resource. Caller: appid=a9900001)`},
		{name: "no-access-policy", then: []func(*http.Request) *http.Response{says(403, vaultRefusal("Forbidden", "AccessDenied", "does not have secrets get permission"))}, asked: 1,
			want: `the permission "get" on secrets`},
		{name: "firewall", then: []func(*http.Request) *http.Response{says(403, vaultRefusal("Forbidden", "ForbiddenByFirewall", "Client address is not authorized and caller is not a trusted service."))}, asked: 1,
			want: "403 ForbiddenByFirewall: the vault's network settings do not let this machine in (Client address"},
		{name: "disabled", then: []func(*http.Request) *http.Response{says(403, vaultRefusal("Forbidden", "SecretDisabled", "Operation get is not allowed on a disabled secret."))}, asked: 1,
			want: "403 SecretDisabled: the secret is disabled (Operation get"},
		{name: "not-found", then: []func(*http.Request) *http.Response{says(404, vaultRefusal("SecretNotFound", "", "A secret with (name/id) meraki-key was not found in this key vault."))}, asked: 1,
			want: "404 SecretNotFound: there is no such secret (A secret"},
		{name: "token-refused", then: []func(*http.Request) *http.Response{says(401, vaultRefusal("Unauthorized", "", "AKV10032: Invalid issuer."), "WWW-Authenticate", usual)}, asked: 1,
			want: "401 Unauthorized: the vault does not accept the identity's token (AKV10032: Invalid issuer.)"},
		{name: "page", then: []func(*http.Request) *http.Response{says(200, "<html>sign in</html>", "Content-Type", "text/html")}, asked: 1, want: `the answer, of type "text/html", is not a secret`},
		{name: "half", then: []func(*http.Request) *http.Response{says(200, theSecret[:len(theSecret)-60])}, asked: 1, want: "is not a secret"},
		{name: "other-type", then: []func(*http.Request) *http.Response{says(200, `{"value":["`+secretValue+`"]}`)}, asked: 1, want: "is not a secret"},
		{name: "no-value", then: []func(*http.Request) *http.Response{says(200, `{"id":"x"}`)}, asked: 1, want: "is not a secret"},
		{name: "null", then: []func(*http.Request) *http.Response{says(200, `null`)}, asked: 1, want: "is not a secret"},
		{name: "redirect", then: []func(*http.Request) *http.Response{says(307, ``, "Location", "https://evil.example/")}, asked: 1, want: "307 Temporary Redirect"},
		{name: "trouble-that-passes", then: []func(*http.Request) *http.Response{says(503, "<html>", "Retry-After", "2"), reset, says(200, theSecret)}, asked: 3, took: 2 * time.Second},
		{name: "trouble-that-stays", then: []func(*http.Request) *http.Response{says(500, vaultRefusal("InternalServerError", "", "oops"))}, asked: 4, want: "500 InternalServerError (oops)"},
		{name: "throttled", then: []func(*http.Request) *http.Response{says(429, vaultRefusal("Throttled", "", "Request was not processed because too many requests were received."), "Retry-After", "3"), says(200, theSecret)}, asked: 2, took: 3 * time.Second},
		{name: "throttled-for-long", then: []func(*http.Request) *http.Response{says(429, vaultRefusal("Throttled", "", "wait"), "Retry-After", "300")}, asked: 1, want: "429 Throttled (wait)"},
		{name: "no-connection", then: []func(*http.Request) *http.Response{reset}, asked: 4, want: "connection reset by peer"},
		{name: "token-for-something-else", challenge: `Bearer authorization="https://login.microsoftonline.com/t", resource="https://management.azure.com"`,
			want: "sign in: the vault wants a token for management.azure.com, which is not its own domain"},
		{name: "token-for-a-wider-domain", challenge: `Bearer authorization="https://login.microsoftonline.com/t", resource="https://azure.net"`, want: "wants a token for azure.net"},
		{name: "token-for-another-cloud", challenge: `Bearer resource="https://vault.azure.cn"`, want: "wants a token for vault.azure.cn"},
		{name: "challenge-of-garbage", challenge: `Bearer authorization="x"`, want: "the vault does not say what a token must be for"},
		{name: "challenge-over-http", challenge: `Bearer resource="http://vault.azure.net"`, want: "does not say"},
		{name: "challenge-without-host", challenge: `Bearer resource="vault.azure.net"`, want: "does not say"},
		{name: "no-challenge", challenge: " ", want: "sign in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, t *testing.T) {
				v := &keyVault{challenge: tt.challenge, then: tt.then}
				if v.challenge == "" {
					v.challenge = usual
				}
				var scopes requests
				c := newClient(t, v, func(s *azure.Settings) { s.TokenCredential = scoped{scopes: &scopes} })
				start := time.Now()
				got, err := c.VaultSecret(ctx, secretURL)
				if tt.want == "" && (err != nil || got != secretValue) {
					t.Errorf("VaultSecret() = %q, %v, want the secret", got, err)
				}
				if tt.want != "" {
					if err == nil || got != "" || !strings.HasPrefix(err.Error(), "read secret "+secretURL+": ") || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("VaultSecret() = %q, %v, want ...%s...", got, err, tt.want)
					}
					mustNotPrint(t, "an error", fmt.Sprintf("%v %+v %#v", err, err, err))
				}
				if asked := v.seen.list(); len(asked) != tt.asked || tt.asked > 0 && asked[0] != "GET "+secretURL+"?api-version=7.4" {
					t.Errorf("asked %q, want %d times", asked, tt.asked)
				}
				if took := time.Since(start); took < tt.took || took > tt.took+time.Minute {
					t.Errorf("it took %v, want %v and some", took, tt.took)
				}
				for _, scope := range scopes.list() {
					if scope != "https://vault.azure.net/.default" {
						t.Errorf("a token for %q was asked for", scope)
					}
				}
			})
		})
	}
}

func TestVaultsOfOtherClouds(t *testing.T) {
	tests := []struct {
		name, url, resource string
		change              func(*azure.Settings)
		want                string
	}{
		{"US", "https://kv-1.vault.usgovcloudapi.net/secrets/k", "https://vault.usgovcloudapi.net", func(s *azure.Settings) { s.Cloud = "AzureUSGovernment" }, ""},
		{"China", "https://kv-1.vault.azure.cn/secrets/k/0123456789abcdef", "https://vault.azure.cn", func(s *azure.Settings) { s.Cloud = "AzureChina" }, ""},
		{"public-by-name", "https://KV-1.vault.azure.net:443/secrets/k/", "https://vault.azure.net", func(s *azure.Settings) { s.Cloud = "AzurePublic" }, ""},
		{"other-cloud", "https://kv-1.vault.azure.net/secrets/k", "", func(s *azure.Settings) { s.Cloud = "AzureChina" }, "key vault: kv-1.vault.azure.net is no vault of this cloud: want https://VAULT.vault.azure.cn/secrets/NAME"},
		{"own", "https://kv-1.vault.stack.example:8443/secrets/k", "https://vault.stack.example", func(s *azure.Settings) { s.Endpoint = "https://arm.stack.example" }, ""},
		{"own-with-another-resource", "https://kv-1.vault.stack.example/secrets/k", "https://other.example", func(s *azure.Settings) { s.Endpoint = "https://arm.stack.example" }, "wants a token for other.example"},
		{"own-with-a-top-domain", "https://kv-1.vault.stack.example/secrets/k", "https://example", func(s *azure.Settings) { s.Endpoint = "https://arm.stack.example" }, "wants a token for example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, t *testing.T) {
				v := &keyVault{
					challenge: `Bearer authorization="https://login.example/t", resource="` + tt.resource + `"`,
					token:     "token-for-" + tt.resource + "/.default", then: []func(*http.Request) *http.Response{says(200, theSecret)},
				}
				var scopes requests
				c := newClient(t, v, tt.change, func(s *azure.Settings) { s.TokenCredential = scoped{scopes: &scopes} })
				got, err := c.VaultSecret(ctx, tt.url)
				switch {
				case tt.want == "" && (err != nil || got != secretValue):
					t.Errorf("VaultSecret() = %q, %v, want the secret", got, err)
				case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("VaultSecret() = %v, want ...%s...", err, tt.want)
				default:
				}
			})
		})
	}
}

// Two vaults of one's own with tokens of their own: neither sees the other's.
func TestNoTokenGoesToAnotherVault(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		var scopes requests
		var wrong requests
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			own := "https://" + r.URL.Host[strings.Index(r.URL.Host, ".")+1:]
			switch got := r.Header.Get("Authorization"); got {
			case "":
				return answer(r, 401, "", "WWW-Authenticate", `Bearer resource="`+own+`"`), nil
			case "Bearer token-for-" + own + "/.default":
				return answer(r, 200, theSecret), nil
			default:
				wrong.add(r.URL.Host + " got " + got)
				return answer(r, 403, ""), nil
			}
		}), func(s *azure.Settings) {
			s.Endpoint, s.TokenCredential = "https://arm.stack.example", scoped{scopes: &scopes}
		})
		for range 2 {
			for _, host := range []string{"kv.one.example", "kv.two.example"} {
				if _, err := c.VaultSecret(ctx, "https://"+host+"/secrets/k"); err != nil {
					t.Error(err)
				}
			}
		}
		if got := wrong.list(); len(got) > 0 {
			t.Errorf("tokens went astray: %q", got)
		}
	})
}

func TestURLsThatAreNoSecrets(t *testing.T) {
	c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s was asked", r.URL)
		return nil, errors.New("no")
	}))
	for _, u := range []string{
		"", "meraki-key", "http://kv-1.vault.azure.net/secrets/k", "https://user:" + canary + "@kv-1.vault.azure.net/secrets/k",
		secretURL + "?sig=" + canary, secretURL + "#" + canary, "https://kv-1.vault.azure.net/secrets", "https://kv-1.vault.azure.net/secrets/",
		"https://kv-1.vault.azure.net/keys/k", "https://kv-1.vault.azure.net/secrets/k/v/w", "https://kv-1.vault.azure.net/secrets/a%2fb",
		"https://vault.azure.net/secrets/k", "https://kv-1.vault.azure.net.evil.example/secrets/k", "https://evilvault.azure.net/secrets/k",
		"https://kv-1.vault.azure.net:8443/secrets/k", "https://kv-1.vault.azure.cn/secrets/k", "https://\x00/",
	} {
		got, err := c.VaultSecret(t.Context(), u)
		if err == nil || got != "" || !strings.HasPrefix(err.Error(), "key vault: ") {
			t.Errorf("VaultSecret(%q) = %q, %v, want it refused", u, got, err)
			continue
		}
		mustNotPrint(t, "an error", err.Error())
	}
}

func TestVaultSecretEndsWithItsContext(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), func(s *azure.Settings) { s.Timeout = time.Hour })
		ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("the check's time is over"))
		defer cancel()
		start := time.Now()
		_, err := c.VaultSecret(ctx, secretURL)
		if err == nil || !strings.Contains(err.Error(), "the check's time is over") || time.Since(start) != 10*time.Second {
			t.Errorf("VaultSecret() = %v after %v", err, time.Since(start))
		}
	})
}

// A token for Azure's API is not waited for longer than its caller allows while the
// one for a vault does not come. The SDK's own lock would wait on.
func TestTokenIsNotWaitedForBehindAnother(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		v := &keyVault{challenge: usual}
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Host, ".vault.azure.net") {
				return v.Do(r)
			}
			<-r.Context().Done() // nobody gives a token
			return nil, r.Context().Err()
		}), func(s *azure.Settings) {
			s.Timeout, s.TokenCredential = time.Hour, nil
			s.Credential = azure.Credential{Kind: "client-secret", TenantID: "tenant", ClientID: "client", ClientSecret: canary, PrivateAuthority: true}
		})
		vault, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		var asking sync.WaitGroup
		asking.Go(func() { _, _ = c.VaultSecret(vault, secretURL) })
		synctest.Wait()
		check, end := context.WithTimeoutCause(ctx, 5*time.Second, errors.New("the check's time is over"))
		defer end()
		start := time.Now()
		_, err := c.PowerState(check, "/subscriptions/"+sub1+"/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vmx-a")
		if err == nil || !strings.Contains(err.Error(), "the check's time is over") || time.Since(start) != 5*time.Second {
			t.Errorf("PowerState() = %v after %v, want the end of its own time", err, time.Since(start))
		}
		cancel()
		asking.Wait()
	})
}

func TestSignInForAVaultFails(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		v := &keyVault{challenge: usual}
		var scopes requests
		c := newClient(t, v, func(s *azure.Settings) {
			s.TokenCredential = scoped{scopes: &scopes, err: errors.New("no identity here")}
		})
		_, err := c.VaultSecret(ctx, secretURL)
		if err == nil || !strings.Contains(err.Error(), "sign in: no identity here") || len(scopes.list()) != 1 {
			t.Errorf("VaultSecret() = %v after %d tries to sign in, want one", err, len(scopes.list()))
		}
	})
}

// Whatever a vault says, it gets a token for Key Vault or none, and what it says as
// the secret is in no error.
func FuzzVaultSecret(f *testing.F) {
	f.Add(usual, 200, theSecret)
	f.Add(`Bearer authorization="x" scope="https://vault.azure.net/.default"`, 403, vaultRefusal("Forbidden", "SecretDisabled", "no"))
	f.Add(`Bearer resource=https://management.azure.com`, 404, "<html>")
	f.Fuzz(func(t *testing.T, challenge string, status int, body string) {
		if status < 200 || status > 499 || status == 408 || status == 412 || status == 429 {
			return // these are asked again, in real time here
		}
		var scopes requests
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") == "" {
				resp := answer(r, 401, "")
				resp.Header["Www-Authenticate"] = []string{challenge}
				return resp, nil
			}
			return answer(r, status, body), nil
		}), func(s *azure.Settings) { s.TokenCredential = scoped{scopes: &scopes} })
		secret, err := c.VaultSecret(t.Context(), secretURL)
		if err != nil && secret != "" {
			t.Errorf("VaultSecret() = %q, %v: both", secret, err)
		}
		for _, scope := range scopes.list() {
			if !strings.EqualFold(scope, "https://vault.azure.net/.default") {
				t.Errorf("a token for %q was asked for", scope)
			}
		}
	})
}
