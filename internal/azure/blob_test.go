package azure_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"hopguard/internal/azure"
	"hopguard/internal/blobsim"
	"hopguard/internal/decide"
)

// opened returns a container of the simulated account, as client sees it.
func opened(t *testing.T, sim *blobsim.Sim, client string, change ...func(*azure.BlobSettings)) *azure.Container {
	t.Helper()
	s := azure.BlobSettings{
		ConnectionString: azure.BlobSecret(sim.ConnectionString()), Container: "state", Create: true,
		Transport: doer(sim.Transport(client).RoundTrip),
	}
	for _, f := range change {
		f(&s)
	}
	c, err := azure.NewContainer(s)
	if err != nil {
		t.Fatalf("NewContainer() = %v", err)
	}
	return c
}

// faultOn returns a fault for the calls of one operation, from the first to the last.
func faultOn(op blobsim.Op, first, last int, f blobsim.Fault) func(blobsim.Call) blobsim.Fault {
	return func(c blobsim.Call) blobsim.Fault {
		if c.Op == op && c.Nth >= first && c.Nth <= last {
			return f
		}
		return blobsim.Fault{}
	}
}

// count returns how often an operation was asked for.
func count(sim *blobsim.Sim, op blobsim.Op) int {
	n := 0
	for _, c := range sim.Calls() {
		if c.Op == op {
			n++
		}
	}
	return n
}

// raw does a request as the owner of the account does by hand.
func raw(t *testing.T, sim *blobsim.Sim, method, target, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, sim.URL()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+byHand)
	req.Header.Set("x-ms-blob-type", "BlockBlob")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := sim.Transport("owner").RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return resp
}

// byHand is the token with which tests do what people do.
const byHand = "owner-token"

func newSim(change ...func(*blobsim.Options)) *blobsim.Sim {
	o := blobsim.Options{Token: byHand}
	for _, f := range change {
		f(&o)
	}
	return blobsim.New(o)
}

func TestBlobSettings(t *testing.T) {
	const key = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5;EndpointSuffix=core.windows.net"
	for _, test := range []struct {
		name     string
		settings azure.BlobSettings
		want     string // the container's name, or what is wrong
	}{
		{"key", azure.BlobSettings{ConnectionString: key, Container: "state"}, "acc.blob.core.windows.net/state"},
		{"identity", azure.BlobSettings{Account: "https://acc.blob.core.windows.net/", Container: "state", TokenCredential: static{}}, "acc.blob.core.windows.net/state"},
		{"sas", azure.BlobSettings{SASURL: "https://acc.blob.core.windows.net/state?sv=1&sig=abc"}, "acc.blob.core.windows.net/state"},
		{"local-stand-in", azure.BlobSettings{SASURL: "http://127.0.0.1:1/acc/state?sig=abc"}, "127.0.0.1:1/state"},
		{"nothing", azure.BlobSettings{}, "open blob storage: a container is required"},
		{"no-account", azure.BlobSettings{Container: "state"}, `open blob storage: storage account "": want an absolute https URL`},
		{"no-container", azure.BlobSettings{ConnectionString: key}, "open blob storage: a container is required"},
		{"odd-key", azure.BlobSettings{ConnectionString: canary, Container: "state"}, "open blob storage: the connection string cannot be read: want AccountName=…;AccountKey=…"},
		{"http-key", azure.BlobSettings{ConnectionString: "BlobEndpoint=http://example.com/acc;AccountName=acc;AccountKey=a2V5", Container: "state"}, `open blob storage: storage account "http://example.com/acc/state": want https, because what opens it goes there`},
		{"http", azure.BlobSettings{Account: "http://acc.blob.core.windows.net", Container: "state"}, `open blob storage: storage account "http://acc.blob.core.windows.net": want https, because what opens it goes there`},
		{"sas-over-http", azure.BlobSettings{SASURL: "http://example.com/state?sig=" + canary}, `open blob storage: storage account "http://example.com/state": want https, because what opens it goes there`},
		{"sas-without-signature", azure.BlobSettings{SASURL: "https://example.com/state?se=" + canary}, "open blob storage: the SAS URL has no signature: want https://…/container?…&sig=…"},
		{"sas-of-an-account", azure.BlobSettings{SASURL: "https://example.com/?sig=" + canary}, "open blob storage: the SAS URL names no container: want https://…/container?…&sig=…"},
		{"sas-is-no-url", azure.BlobSettings{SASURL: "https://exa mple.com/" + canary}, "open blob storage: the SAS URL is not a URL"},
		{"prefix", azure.BlobSettings{ConnectionString: key, Container: "state", Prefix: "a/../b"}, `open blob storage: prefix "a/../b": want letters, digits, dashes, dots, slashes`},
		{"credential", azure.BlobSettings{Account: "https://acc.blob.core.windows.net/", Container: "state", Credential: azure.Credential{Kind: "password"}}, `open blob storage: make credential: azure.credential: "password": want default, managed-identity, workload-identity, client-secret or cli`},
		{"authority", azure.BlobSettings{Account: "https://acc.blob.core.windows.net/", Container: "state", Authority: "http://x"}, `open blob storage: azure.authority: "http://x": want an absolute https URL, because a token goes there`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := azure.NewContainer(test.settings)
			got := fmt.Sprint(err)
			if err == nil {
				got = c.String()
			}
			if got != test.want {
				t.Errorf("NewContainer() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestP10BlobSecretsDoNotPrint(t *testing.T) {
	s := azure.BlobSettings{SASURL: "https://acc.blob.core.windows.net/state?sig=" + canary}
	k := azure.BlobSettings{Container: "state", ConnectionString: "AccountName=acc;AccountKey=YzRuNHJ5LXZhbHVlLXRoYXQ="}
	for _, settings := range []azure.BlobSettings{s, k} {
		c, err := azure.NewContainer(settings)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{settings, &settings, c, azure.Records{Container: c}, azure.Leases{Container: c}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				text := fmt.Sprintf(verb, v)
				mustNotPrint(t, verb, text)
				if strings.Contains(text, "YzRuNHJ5") {
					t.Errorf("%s prints the key: %s", verb, text)
				}
			}
		}
		text, err := json.Marshal(settings.SASURL)
		if err != nil || string(text) != `"\u003csecret\u003e"` {
			t.Errorf("Marshal() = %s, %v", text, err)
		}
		if got := settings.SASURL.LogValue().String(); got != "<secret>" {
			t.Errorf("LogValue() = %q", got)
		}
	}
}

// A request's URL has the signature in it, and so have the texts of many errors.
func TestP10BlobErrorsShowNoSignature(t *testing.T) {
	for name, d := range answers() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, t *testing.T) {
				client := http.Client{Transport: roundTripper(d)}
				c, err := azure.NewContainer(azure.BlobSettings{
					SASURL: "https://acc.blob.core.windows.net/state?sv=1&sig=" + canary, Transport: &client, Create: true,
				})
				if err != nil {
					t.Fatal(err)
				}
				r, l := azure.Records{Container: c, Now: time.Now}, azure.Leases{Container: c}
				_, _, e1 := r.Load(ctx, "emea")
				_, e2 := r.Swap(ctx, decide.Record{Group: "emea"}, "")
				_, e3 := l.Acquire(ctx, claim("emea", idA))
				e4 := l.Renew(ctx, "emea", idA)
				e5 := l.Release(ctx, "emea", idA)
				_, e6 := l.Holdings(ctx, "")
				for _, err := range []error{e1, e2, e3, e4, e5, e6} {
					mustNotPrint(t, "an error", fmt.Sprintf("%v %+v %#v", err, err, err))
				}
				if name == "reset" && (e1 == nil || !strings.Contains(e1.Error(), "connection reset by peer") || strings.Contains(e1.Error(), "Get ")) {
					t.Errorf("Load() = %v, want why there was no answer, without the request", e1)
				}
			})
		})
	}
}

// roundTripper is a doer as http.Client wants it.
type roundTripper doer

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", req.URL, err) // with the URL, as some transports say it
	}
	return resp, nil
}

func TestBlobErrorsSayWhatToDo(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		want   string
	}{
		{403, "AuthorizationPermissionMismatch", "grant the role Storage Blob Data Contributor on the container hopguard.blob.core.windows.net/state"},
		{403, "AuthorizationFailure", "the network rules of the storage account keep this machine out"},
		{403, "AuthenticationFailed", "the key, SAS or token is not accepted"},
		{403, "KeyBasedAuthenticationNotPermitted", "use an identity"},
		{404, "ContainerNotFound", "az storage container create"},
		{409, "ContainerBeingDeleted", "its name is free again after 30 s"},
		{412, "LeaseIdMissing", "break it"},
		{400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format."},
	} {
		t.Run(test.code, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, t *testing.T) {
				sim := newSim()
				sim.SetFault(faultOn(blobsim.OpGetBlob, 1, 9, blobsim.Fault{Kind: blobsim.Refuse, Status: test.status, Code: test.code}))
				r := azure.Records{Container: opened(t, sim, "a", func(s *azure.BlobSettings) { s.Create = false }), Now: time.Now}
				_, _, err := r.Load(ctx, "emea")
				e, ok := errors.AsType[*azure.BlobError](err)
				if !ok || e.Status != test.status || e.Code != test.code || !strings.Contains(err.Error(), test.want) {
					t.Errorf("Load() = %v, want %q", err, test.want)
				}
				if n := count(sim, blobsim.OpGetBlob); n != 1 {
					t.Errorf("it was asked %d times, want once", n)
				}
			})
		})
	}
}

// The form of answers is pinned, and no request waits for leave to send its body.
func TestHeadersOfBlobRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		sim.SetFault(faultOn(blobsim.OpPutBlob, 1, 1, blobsim.Fault{Kind: blobsim.Refuse, Status: 503, Code: "ServerBusy"}))
		var seen requests
		c := opened(t, sim, "a", func(s *azure.BlobSettings) {
			s.Transport = doer(func(r *http.Request) (*http.Response, error) {
				seen.add(fmt.Sprint(r.Method, " ", r.Header.Values("x-ms-version"), other(r.Header), r.Header.Values("Expect")))
				return sim.Transport("a").RoundTrip(r)
			})
		})
		mustSwap(t, recordsOf(c), recordOf("emea", 1), "")
		want := []string{"PUT [2023-11-03] [] []", "PUT [2023-11-03] [] []", "PUT [2023-11-03] [] []", "PUT [2023-11-03] [] []", "GET [2023-11-03] [] []"}
		got := seen.list()
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// other returns the names of a header that are not in the canonical form.
func other(h http.Header) []string {
	var out []string
	for name := range h {
		if name != http.CanonicalHeaderKey(name) && strings.EqualFold(name, "x-ms-version") {
			out = append(out, name)
		}
	}
	return out
}

// slowToken takes as long as a sign-in may take, and counts.
type slowToken struct {
	asked int
	life  time.Duration
	err   error
}

// GetToken implements azcore.TokenCredential.
func (s *slowToken) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.asked++
	select {
	case <-time.After(8 * time.Second):
	case <-ctx.Done():
		return azcore.AccessToken{}, ctx.Err()
	}
	return azcore.AccessToken{Token: byHand, ExpiresOn: time.Now().Add(s.life)}, s.err
}

// Signing in may take longer than a try, and is done once for the life of a token.
func TestSigningInForBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token := &slowToken{life: time.Hour}
		sim := newSim()
		c := opened(t, sim, "a", func(s *azure.BlobSettings) {
			s.ConnectionString, s.Account, s.TokenCredential = "", sim.URL(), token
		})
		r := azure.Records{Container: c, Now: time.Now}
		load := func(want int) {
			t.Helper()
			if _, _, err := r.Load(t.Context(), "emea"); err != nil {
				t.Errorf("Load() = %v", err)
			}
			if token.asked != want {
				t.Errorf("a token was asked for %d times, want %d", token.asked, want)
			}
		}
		load(1)
		load(1)
		time.Sleep(54 * time.Minute)
		load(1)
		time.Sleep(2 * time.Minute)
		token.err = errors.New("identity endpoint is away")
		load(2 + 1) // before the call, and once more by the SDK: the old token is good still
		time.Sleep(5 * time.Minute)
		if _, _, err := r.Load(t.Context(), "emea"); err == nil || !strings.Contains(err.Error(), "sign in: identity endpoint is away") {
			t.Errorf("Load() = %v, want that nobody signs in", err)
		}
	})
}
