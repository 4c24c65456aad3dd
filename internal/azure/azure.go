// Package azure is hopguard's Azure: reading members, power states and route
// tables, and writing route tables, through the official SDK's pipeline and the
// raw JSON of Azure Resource Manager.
//
// It guarantees that a table is written only with a valid lease.Term, with the
// etag of what was read, only in its next hops, and that an outcome is without
// error only after a read of the table by its id showed the wanted next hops. It
// does not decide anything. It is the only importer of the Azure SDK; app imports
// it.
package azure

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// Settings say which Azure, as whom, and how. Cloud or Endpoint is required.
type Settings struct {
	// Cloud is AzurePublic, AzureUSGovernment or AzureChina. Empty is AzurePublic.
	Cloud string
	// Endpoint, Authority and Audience override the cloud's; for a private Azure or
	// a simulator. All https.
	Endpoint, Authority, Audience string
	// CA is trusted beside the system's certificate authorities, if set.
	CA *x509.CertPool
	// Credential says how to sign in.
	Credential Credential
	// Subscriptions are where route tables are looked for; empty means every
	// subscription that the credential can see.
	Subscriptions []string
	// Parallel is how many tables are written at once; 0 means as many as the
	// budget allows.
	Parallel int
	// Timeout bounds each request; 0 means 30 s.
	Timeout time.Duration
	// Transport replaces the network; nil means the network.
	Transport policy.Transporter
	// TokenCredential replaces Credential, if set.
	TokenCredential azcore.TokenCredential
	// Version is this program's, for the User-Agent header.
	Version string
	// Rand spreads the waits before a request is repeated, and is used by nobody else;
	// nil is the runtime's own source.
	Rand *rand.Rand
}

// Client talks to one Azure as one principal. It is safe for concurrent use.
type Client struct {
	endpoint      string
	pipeline      runtime.Pipeline
	subscriptions []string
	parallel      int
	timeout       time.Duration
	budgets       budgets
	versions      versions
	tables        tableLists
	power         powerLists
	nics          nicLists
	vault         vault
	jitter        jitter
	buffers       sync.Pool // for pages of lists

	visibleTurn gate // guards what follows
	visible     []string
	seen        time.Time
}

// New returns a client. It does no request.
func New(s Settings) (*Client, error) {
	conf, err := s.cloud()
	if err != nil {
		return nil, err
	}
	transport := s.Transport
	if transport == nil {
		transport = newTransport(s.CA)
	}
	options := policy.ClientOptions{
		Cloud:     conf,
		Transport: transport,
		// Retries live in one layer, which is ours: send.
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "hopguard"},
	}
	token := s.TokenCredential
	if token == nil {
		if token, err = s.Credential.token(options); err != nil {
			return nil, fmt.Errorf("make credential: %w", err)
		}
		token = newSignIn(token, func() string { return s.Credential.ClientSecret })
	}
	secrets := s.vault(options, token)
	options.PerRetryPolicies = []policy.Policy{lastPolicy{}}
	client, err := arm.NewClient("hopguard", version(s.Version), token, &arm.ClientOptions{
		ClientOptions: options,
		// Registering providers needs rights that a failover must not have.
		DisableRPRegistration: true,
	})
	if err != nil {
		return nil, fmt.Errorf("make ARM client: %w", err)
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	return &Client{
		endpoint: client.Endpoint(), pipeline: client.Pipeline(), subscriptions: distinct(s.Subscriptions),
		parallel: s.Parallel, timeout: timeout, vault: secrets, visibleTurn: newGate(),
		jitter: jitter{rand: s.Rand},
	}, nil
}

// distinct returns the ids without those that only differ in case from one before: a
// table that is found twice would be written twice.
func distinct(ids []string) []string {
	var out []string
	for _, id := range ids {
		if !slices.ContainsFunc(out, func(known string) bool { return strings.EqualFold(known, id) }) {
			out = append(out, id)
		}
	}
	return out
}

// version returns a form that the SDK accepts. It refuses what a build from a changed
// tree has at its end, as in v1.2.3+dirty, and with it the whole client.
func version(v string) string {
	v, _, _ = strings.Cut("v"+strings.TrimPrefix(v, "v"), "+")
	if !versionForm.MatchString(v) {
		return "v0.0.0"
	}
	return v
}

var versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[A-Za-z0-9_.-]+)?$`)

// newTransport returns a transport that keeps many connections warm: a failover
// sends hundreds of requests at once.
func newTransport(ca *x509.CertPool) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	t.TLSHandshakeTimeout = 10 * time.Second
	// Of two hundred lists that arrive at once, what is not read yet stays at the sender.
	t.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 256 << 10}
	if ca != nil {
		t.TLSClientConfig.RootCAs = ca
	}
	return &http.Client{
		Transport: t,
		// A redirect would carry the token to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("Azure Resource Manager does not redirect") //nolint:staticcheck // a proper noun
		},
	}
}
