package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	// vaultVersion is one that the vaults of every cloud know.
	vaultVersion = "7.4"
	// maxSecret bounds an answer; a secret has at most 25 KB.
	maxSecret = 1 << 20
)

// vault is how secrets of key vaults are read.
type vault struct {
	// open makes a pipeline for one secret. It is not kept: the SDK's policy keeps one
	// token, whatever it is for.
	open func(c challenge) runtime.Pipeline
	// domain is that of the cloud's vaults, and the host of what their tokens are for;
	// "" in an Azure of somebody's own.
	domain string
}

func (s Settings) vault(options policy.ClientOptions, token azcore.TokenCredential) vault {
	v := vault{open: func(c challenge) runtime.Pipeline {
		auth := runtime.NewBearerTokenPolicy(token, nil, &policy.BearerTokenOptions{AuthorizationHandler: policy.AuthorizationHandler{
			// A vault is asked without a token first, and says what one must be for.
			OnRequest:   func(*policy.Request, func(policy.TokenRequestOptions) error) error { return nil },
			OnChallenge: c.answer,
		}})
		return runtime.NewPipeline("hopguard", version(s.Version), runtime.PipelineOptions{PerRetry: []policy.Policy{auth}}, &options)
	}}
	if s.Endpoint == "" {
		v.domain = map[string]string{
			"": "vault.azure.net", "AzurePublic": "vault.azure.net", "AzureUSGovernment": "vault.usgovcloudapi.net", "AzureChina": "vault.azure.cn",
		}[s.Cloud]
	}
	return v
}

// VaultSecret reads a secret of an Azure Key Vault with the client's own credential.
// Its URL is https://VAULT.vault.azure.net/secrets/NAME, with another domain in other
// clouds, and may end with a version. It is safe for concurrent use.
//
// The token goes to the vault only, and is for Key Vault only. Errors name the URL
// and, where a right is missing, what to grant; never the secret.
func (c *Client) VaultSecret(ctx context.Context, secretURL string) (string, error) {
	target, err := c.vault.target(secretURL)
	if err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		secret, err := c.readSecret(ctx, target)
		if err == nil {
			return secret, nil
		}
		what, wait, _ := advise(err)
		if what == giveUp || final(err) || try == readTries || wait > maxWait || sleep(ctx, max(wait, c.jitter.backoff(try))) != nil {
			return "", fmt.Errorf("read secret %s: %w", target, err)
		}
	}
}

// final reports whether the SDK or we say that asking again is no use.
func final(err error) bool {
	_, ok := errors.AsType[interface {
		error
		NonRetriable()
	}](err)
	return ok
}

// notSecretError is a success that is no secret.
type notSecretError struct{ contentType string }

// Error does not show the answer, which may be half a secret.
func (e *notSecretError) Error() string {
	return fmt.Sprintf("the answer, of type %q, is not a secret of Key Vault's", e.contentType)
}

// NonRetriable makes it final.
func (e *notSecretError) NonRetriable() {}

// target checks the URL of a secret. A URL that is refused is not repeated: it may
// hold a password.
func (v vault) target(secretURL string) (*url.URL, error) {
	want := "https://VAULT." + cmp.Or(v.domain, "DOMAIN") + "/secrets/NAME"
	u, err := url.Parse(secretURL)
	if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("key vault: the URL of a secret must be like %s, and nothing else", want)
	}
	parts := strings.Split(strings.TrimPrefix(strings.TrimSuffix(u.Path, "/"), "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "secrets" || parts[1] == "" || u.EscapedPath() != u.Path {
		return nil, fmt.Errorf("key vault: https://%s%s is no secret: want %s", u.Host, u.EscapedPath(), want)
	}
	if v.domain != "" && (!below(u.Hostname(), v.domain) || port(u) != "443") {
		return nil, fmt.Errorf("key vault: %s is no vault of this cloud: want %s", u.Host, want)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + strings.Join(parts, "/")}, nil
}

// below reports whether a host is in a domain.
func below(host, domain string) bool {
	return strings.HasSuffix(strings.ToLower(host), "."+strings.ToLower(domain))
}

func (c *Client) readSecret(ctx context.Context, target *url.URL) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	req, err := runtime.NewRequest(ctx, http.MethodGet, target.String())
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	raw := req.Raw()
	raw.URL.RawQuery = url.Values{"api-version": {vaultVersion}}.Encode()
	raw.Header.Set("Accept", "application/json")
	runtime.SkipBodyDownload(req)
	resp, err := c.vault.open(challenge{vault: target.Hostname(), domain: c.vault.domain}).Do(req)
	if err != nil {
		return "", because(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSecret))
	if err != nil {
		return "", fmt.Errorf("read answer: %w", because(ctx, err))
	}
	if resp.StatusCode != http.StatusOK {
		return "", vaultError(raw, resp, body)
	}
	var secret struct {
		Value *string `json:"value"`
	}
	if json.Unmarshal(body, &secret) != nil || secret.Value == nil {
		return "", &notSecretError{contentType: resp.Header.Get("Content-Type")}
	}
	return *secret.Value, nil
}

// challenge says what a token for a vault must be for.
type challenge struct {
	vault  string // its host
	domain string // as that of vault
}

// parameter finds the parameters of a challenge, quoted or not.
var parameter = regexp.MustCompile(`(\w+)="?([^",\s]+)"?`)

// answer gets a token for what the vault says, if that is Key Vault: another token in
// the hands of a false vault would open other doors. The tenant that it names is not
// passed on: the credential has its own, perhaps under another name.
func (c challenge) answer(_ *policy.Request, resp *http.Response, authorize func(policy.TokenRequestOptions) error) error {
	runtime.Drain(resp)
	said := map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(resp.Header.Get("WWW-Authenticate"), -1) {
		said[strings.ToLower(m[1])] = m[2]
	}
	resource := strings.TrimSuffix(strings.TrimSuffix(cmp.Or(said["resource"], said["scope"]), "/.default"), "/")
	u, err := url.Parse(resource)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "":
		return errors.New("sign in: the vault does not say what a token must be for")
	case c.domain != "" && !strings.EqualFold(u.Host, c.domain), !below(c.vault, u.Host), !strings.Contains(u.Host, "."):
		return fmt.Errorf("sign in: the vault wants a token for %s, which is not its own domain", clean(u.Host))
	}
	if err := authorize(policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}}); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return nil
}

// VaultError is an answer of a key vault that is not a success.
type VaultError struct {
	APIError
	// Inner is the inner code, which says which of its gates the vault has shut.
	Inner string
}

// Unwrap returns what it has in common with answers of Azure Resource Manager.
func (e *VaultError) Unwrap() error { return &e.APIError }

// Error says what came back and, where somebody can do something, what.
func (e *VaultError) Error() string {
	what := fmt.Sprintf("%d %s", e.Status, cmp.Or(e.Inner, e.Code, http.StatusText(e.Status)))
	switch {
	case e.Inner == "SecretDisabled":
		what += ": the secret is disabled"
	case e.Inner == "ForbiddenByFirewall", e.Inner == "ForbiddenByConnection":
		what += ": the vault's network settings do not let this machine in"
	case e.Status == http.StatusForbidden:
		what += `: the identity lacks the role "Key Vault Secrets User" on the vault (or, in a vault with access policies, the permission "get" on secrets)`
	case e.Status == http.StatusNotFound:
		what += ": there is no such secret"
	case e.Status == http.StatusUnauthorized:
		what += ": the vault does not accept the identity's token"
	default:
	}
	if e.Message != "" {
		what += " (" + e.Message + ")"
	}
	return what
}

func vaultError(req *http.Request, resp *http.Response, body []byte) error {
	var b struct {
		Error struct {
			Code    string                `json:"code"`
			Message string                `json:"message"`
			Inner   struct{ Code string } `json:"innererror"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &b) // a gateway's own words: the status says enough
	return &VaultError{
		APIError: APIError{
			Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode, Code: clean(b.Error.Code),
			Message: strings.Join(strings.Fields(clean(b.Error.Message)), " "), RetryAfter: retryAfter(resp.Header, time.Now()),
		},
		Inner: clean(b.Error.Inner.Code),
	}
}
