package azure_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
)

// mustNotPrint fails if the canary, or a good part of it, is in text.
func mustNotPrint(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, canary[:12]) {
		t.Errorf("%s prints the secret: %s", what, text)
	}
}

func TestP10SettingsDoNotPrintTheirSecret(t *testing.T) {
	credential := azure.Credential{Kind: "client-secret", TenantID: "tenant", ClientID: "client", ClientSecret: canary, TokenFile: "file"}
	settings := azure.Settings{Credential: credential, TokenCredential: static{}}
	client, err := azure.New(azure.Settings{Credential: credential, Transport: doer(nil)})
	if err != nil {
		t.Fatalf("New() = %v", err)
	}
	values := map[string]any{
		"credential": credential, "pointer to credential": &credential, "list of credentials": []azure.Credential{credential},
		"settings": settings, "pointer to settings": &settings, "map": map[string]azure.Credential{"a": credential},
		"client": client, "error": fmt.Errorf("with %v and %+v", credential, settings),
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
			text := fmt.Sprintf(verb, v)
			mustNotPrint(t, name+" by "+verb, text)
			if hex := fmt.Sprintf("%x", canary); strings.Contains(strings.ToLower(text), hex) {
				t.Errorf("%s by %s prints the secret in hexadecimal", name, verb)
			}
		}
		if text, err := json.Marshal(v); err == nil {
			mustNotPrint(t, name+" in JSON", string(text))
		}
		for _, h := range []func(io.Writer) slog.Handler{
			func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
			func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		} {
			var b bytes.Buffer
			slog.New(h(&b)).InfoContext(t.Context(), "start", "value", v)
			mustNotPrint(t, name+" in a log", b.String())
		}
	}
	if got, want := credential.String(), "client-secret tenant=tenant client=client"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

// ask makes every kind of request and returns the errors' text.
func ask(ctx context.Context, c *azure.Client) string {
	_, e1 := c.Tables(ctx, selection())
	_, e2 := c.PowerState(ctx, machineID("vmx-a"))
	_, e3 := c.Places(ctx, []appliance.Member{{Name: "vmx-a", VM: machineID("vmx-a")}})
	_, e4 := c.Effective(ctx, "/subscriptions/s/nic")
	_, e5 := c.Table(ctx, tableID("rt-1"))
	err := errors.Join(e1, e2, e3, e4, e5)
	return fmt.Sprintf("%v %+v %#v %#v %#v", err, err, err, e1, e5)
}

// answers are what an endpoint may say instead of what is expected of it; the last
// one repeats the request with all its secrets.
func answers() map[string]doer {
	return map[string]doer{
		"reset":     func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") },
		"html":      func(r *http.Request) (*http.Response, error) { return answer(r, 200, "<html>sign in</html>"), nil },
		"empty":     func(r *http.Request) (*http.Response, error) { return answer(r, 200, ""), nil },
		"null":      func(r *http.Request) (*http.Response, error) { return answer(r, 200, "null"), nil },
		"not-found": func(r *http.Request) (*http.Response, error) { return answer(r, 404, "no"), nil },
		"refused": func(r *http.Request) (*http.Response, error) {
			return answer(r, 401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}`), nil
		},
		"arm-401": func(r *http.Request) (*http.Response, error) {
			return answer(r, 401, `{"error":{"code":"InvalidAuthenticationToken","message":"The access token is invalid."}}`, "WWW-Authenticate", `Bearer error="invalid_token"`), nil
		},
		"ill":      func(r *http.Request) (*http.Response, error) { return answer(r, 500, "oops"), nil },
		"echo":     func(r *http.Request) (*http.Response, error) { return answer(r, 400, echo(r)), nil },
		"echo-200": func(r *http.Request) (*http.Response, error) { return answer(r, 200, echo(r)), nil },
		"echo-json": func(r *http.Request) (*http.Response, error) {
			text, err := json.Marshal(map[string]any{"error": map[string]string{"code": "Echo", "message": echo(r)}})
			if err != nil {
				return nil, err
			}
			return answer(r, 403, string(text)), nil
		},
	}
}

func echo(r *http.Request) string {
	body := ""
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err.Error()
		}
		body = string(b)
	}
	return fmt.Sprint(r.Header.Get("Authorization"), " ", r.Header.Get("X-Identity-Header"), " ", body)
}

func TestP10NoErrorOfARMPrintsTheToken(t *testing.T) {
	for name, d := range answers() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, t *testing.T) {
				mustNotPrint(t, "an error", ask(ctx, newClient(t, d)))
			})
		})
	}
}

func TestP10NoFailingSignInPrintsItsSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("eyJhbGciOiJub25lIn0."+canary), 0o600); err != nil {
		t.Fatal(err)
	}
	credentials := map[string]azure.Credential{
		"client-secret":     {Kind: "client-secret", TenantID: "tenant", ClientID: "client", ClientSecret: canary, PrivateAuthority: true},
		"workload-identity": {Kind: "workload-identity", TenantID: "tenant", ClientID: "client", TokenFile: file, PrivateAuthority: true},
		"managed-identity":  {Kind: "managed-identity"},
		"default":           {PrivateAuthority: true},
	}
	// What App Service and the SDK's chain read.
	t.Setenv("IDENTITY_ENDPOINT", "http://identity.example/msi/token")
	t.Setenv("IDENTITY_HEADER", canary)
	t.Setenv("AZURE_TENANT_ID", "tenant")
	t.Setenv("AZURE_CLIENT_ID", "client")
	t.Setenv("AZURE_CLIENT_SECRET", canary)
	t.Setenv("PATH", "")
	for kind, credential := range credentials {
		for name, d := range answers() {
			t.Run(kind+" "+name, func(t *testing.T) {
				inBubble(t, func(ctx context.Context, t *testing.T) {
					var hosts requests
					c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
						hosts.add(r.URL.Host)
						return d(r)
					}), func(s *azure.Settings) { s.TokenCredential, s.Credential = nil, credential })
					text := ask(ctx, c)
					mustNotPrint(t, "an error", text)
					mustNotPrint(t, "an error", strings.ReplaceAll(url.QueryEscape(text), "%", ""))
					if len(hosts.list()) == 0 {
						t.Error("nobody was asked for a token: the test tests nothing")
					}
				})
			})
		}
	}
}

func TestUnknownCredentialsAreRefused(t *testing.T) {
	for _, c := range []azure.Credential{{Kind: "password", ClientSecret: canary}, {Kind: "client-secret", ClientSecret: canary}} {
		_, err := azure.New(azure.Settings{Credential: c})
		if err == nil || !strings.HasPrefix(err.Error(), "make credential: ") {
			t.Errorf("New(%v) = %v", c, err)
			continue
		}
		mustNotPrint(t, "an error", err.Error())
	}
}
