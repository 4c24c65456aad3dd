package azure

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

const (
	// blobVersion is the form of the service's answers. The SDK asks for its newest
	// one, which clouds other than the public one and older stand-ins get later.
	blobVersion = "2023-11-03"
	// blobScope is what a token for blobs is for, in every cloud.
	blobScope = "https://storage.azure.com/.default"
	// blobTimeout bounds a call with all its tries: it is in the way of a failover.
	blobTimeout = 5 * time.Second
	// blobPrefix is where our blobs are in a container.
	blobPrefix = "hopguard"
)

// BlobSecret is a text that nothing prints: fmt with every verb, slog, JSON and
// text all give "<secret>".
type BlobSecret string

// String hides the secret.
func (BlobSecret) String() string { return "<secret>" }

// GoString hides the secret.
func (BlobSecret) GoString() string { return "<secret>" }

// Format hides the secret from every verb.
func (BlobSecret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "<secret>") }

// LogValue hides the secret.
func (BlobSecret) LogValue() slog.Value { return slog.StringValue("<secret>") }

// MarshalText hides the secret from JSON and other text forms.
func (BlobSecret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// BlobSettings say where records and leases are kept, and as whom. One of Account,
// ConnectionString and SASURL is required.
type BlobSettings struct {
	// Account is the URL of a blob service, as in
	// https://name.blob.core.windows.net; Credential says how to sign in.
	Account    string
	Credential Credential
	// ConnectionString has the account's key. Container is required with both.
	ConnectionString BlobSecret
	Container        string
	// SASURL is the URL of a container with a shared access signature.
	SASURL BlobSecret
	// Prefix begins the names of all blobs; empty is "hopguard". Controllers with the
	// same prefix share their groups.
	Prefix string
	// Create allows to make the container if it does not exist.
	Create bool
	// Timeout bounds a call with all its tries; 0 means 5 s. One try has two fifths
	// of it. Signing in does not count.
	Timeout time.Duration
	// CA is trusted beside the system's certificate authorities, if set.
	CA *x509.CertPool
	// Authority overrides the public cloud's, where tokens are asked for.
	Authority string
	// Transport replaces the network; nil means the network.
	Transport policy.Transporter
	// TokenCredential replaces Credential, if set.
	TokenCredential azcore.TokenCredential
	// Rand spreads the waits before a request is repeated, and is used by nobody else;
	// nil is the runtime's own source.
	Rand *rand.Rand
}

// open returns the SDK's client of the container, and the credential if there is one.
func (s BlobSettings) open() (*container.Client, *tokenKeeper, error) {
	cloud, err := Settings{Authority: s.Authority}.cloud()
	if err != nil {
		return nil, nil, err
	}
	options := policy.ClientOptions{
		Cloud: cloud, Transport: s.Transport,
		// Retries live in one layer, which is ours: Container.
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "hopguard"},
	}
	if options.Transport == nil {
		client := newTransport(s.CA)
		client.CheckRedirect = func(*http.Request, []*http.Request) error {
			return errors.New("Azure Storage does not redirect") //nolint:staticcheck // a proper noun
		}
		options.Transport = client
	}
	forTokens := options
	options.PerCallPolicies = []policy.Policy{versionPolicy{}}
	blobs := &container.ClientOptions{
		ClientOptions:          options,
		ExpectContinueBehavior: container.ExpectContinueOptions{Mode: container.ExpectContinueModeOff},
	}
	switch {
	case s.SASURL != "":
		if err := checkSAS(string(s.SASURL)); err != nil {
			return nil, nil, err
		}
		client, err := container.NewClientWithNoCredential(string(s.SASURL), blobs)
		return client, nil, err
	case s.Container == "":
		return nil, nil, errors.New("a container is required")
	case s.ConnectionString != "":
		client, err := container.NewClientFromConnectionString(string(s.ConnectionString), s.Container, blobs)
		if err != nil {
			return nil, nil, errors.New("the connection string cannot be read: want AccountName=…;AccountKey=…")
		}
		return client, nil, checkBlobURL(client.URL())
	}
	if err := checkBlobURL(s.Account); err != nil {
		return nil, nil, err
	}
	token := s.TokenCredential
	if token == nil {
		if token, err = s.Credential.token(forTokens); err != nil {
			return nil, nil, fmt.Errorf("make credential: %w", err)
		}
		token = newSignIn(token, func() string { return s.Credential.ClientSecret })
	}
	keeper := &tokenKeeper{credential: token, turn: newGate()}
	client, err := container.NewClient(strings.TrimSuffix(s.Account, "/")+"/"+url.PathEscape(s.Container), keeper, blobs)
	return client, keeper, err
}

func checkSAS(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil: // its text has the URL
		return errors.New("the SAS URL is not a URL")
	case u.Query().Get("sig") == "":
		return errors.New("the SAS URL has no signature: want https://…/container?…&sig=…")
	case strings.Trim(u.Path, "/") == "":
		return errors.New("the SAS URL names no container: want https://…/container?…&sig=…")
	}
	u.RawQuery = ""
	return checkBlobURL(u.String())
}

// checkBlobURL wants https, but for a stand-in on this machine.
func checkBlobURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("storage account %q: want an absolute https URL", text)
	}
	addr := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || addr != nil && addr.IsLoopback()
	if u.Scheme == "https" || u.Scheme == "http" && local {
		return nil
	}
	return fmt.Errorf("storage account %q: want https, because what opens it goes there", text)
}

// versionPolicy asks for the one form of answers that we know.
type versionPolicy struct{}

// Do implements policy.Policy.
func (versionPolicy) Do(req *policy.Request) (*http.Response, error) {
	h := req.Raw().Header
	delete(h, "x-ms-version") // the SDK does not write it in the canonical form
	h.Set("x-ms-version", blobVersion)
	return req.Next()
}

// containerName returns what errors call the container: its URL without a query.
func containerName(client *container.Client) string {
	parts, err := blob.ParseURL(client.URL())
	if err != nil {
		return "the container"
	}
	return parts.Host + "/" + parts.ContainerName
}
