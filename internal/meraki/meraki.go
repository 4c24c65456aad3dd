// Package meraki asks the Meraki Dashboard API how appliances are: VPN statuses
// and availabilities of an organization, and live pings of one device.
//
// It guarantees: a status is what the cloud said, with the time before which the
// question was sent; an error speaks of the provider, the network or the asking,
// and never of an appliance, so that trouble with the API cannot be taken for an
// appliance that is down; one call of an organization answers everybody who asks
// within a second; no more requests go out than our share of the organization's
// budget, and those of checks go first; the key goes to Meraki's own hosts only and
// appears in no text; every wait ends with the caller's context.
//
// It does not judge. "offline" means that the cloud has not heard from a device,
// which may forward all the while, and how long the cloud takes to notice is in
// no specification. It changes nothing in an organization: the live tools are the
// only requests that are not reads.
//
// Shapes, limits and errors follow developer.cisco.com/meraki/api-v1 (pages
// Authorization, Rate Limit, Pagination, Errors, and the specification 1.73.0).
// app and cli build it; probe sees it through an interface of its own.
package meraki

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// DefaultBaseURL is the API of all regions that have no host of their own.
const DefaultBaseURL = "https://api.meraki.com/api/v1"

const (
	// organizationRate is what all applications of an organization share, in
	// requests per second (page Rate Limit).
	organizationRate = 10
	// defaultShare leaves half of it to others.
	defaultShare = 5
	// sourceRate is our half of the 100 requests per second that one address may
	// send to all organizations together.
	sourceRate = 50
)

// OrganizationID names an organization, such as "1234567".
type OrganizationID string

// NetworkID names a network, such as "N_24329156".
type NetworkID string

// Serial names a device, such as "Q234-ABCD-5678".
type Serial string

// Options say where and as whom to ask. Only Key is required.
type Options struct {
	// BaseURL is the API up to its version; empty is DefaultBaseURL. It must be
	// https, or http to the machine itself.
	BaseURL string
	// Key gives the API key. It is asked before every request.
	Key KeySource
	// HTTP sends the requests; nil is a client of its own. Its CheckRedirect is
	// not used: see RedirectError.
	HTTP *http.Client
	// Share is how many requests per second one organization gets from us, of the
	// 10 that all its applications share; 0 is 5.
	Share float64
	// UserAgent is sent in the form that Meraki asks for, "Application/1.0 Vendor".
	UserAgent string
	// Log receives a line per request on level debug; nil discards them.
	Log *slog.Logger
	// Jitter returns numbers in [0, 1) and is safe for concurrent use; nil draws
	// them at random.
	Jitter func() float64
}

// Client asks the Dashboard API. It is safe for concurrent use. Make one with New,
// and only one per process: the limits are kept in it.
type Client struct {
	base      *url.URL
	key       KeySource
	http      *http.Client
	share     float64
	userAgent string
	log       *slog.Logger
	jitter    func() float64
	source    *budget

	mu            sync.Mutex // held for lookups only, never while waiting
	organizations map[OrganizationID]*organization
	devices       map[Serial]*budget
	pings         map[pingKey]*pingRound
}

// organization is what the client keeps of one.
type organization struct {
	id             OrganizationID
	budget         *budget
	vpn            *feed
	availabilities *feed
	exports        *feed
}

// New returns a client, or all that is wrong with the options.
func New(o Options) (*Client, error) {
	base, err := parseBase(cmp.Or(o.BaseURL, DefaultBaseURL))
	var problems []error
	if err != nil {
		problems = append(problems, err)
	}
	if o.Key == nil {
		problems = append(problems, errors.New("no source of an API key"))
	}
	share := cmp.Or(o.Share, defaultShare)
	if !(share > 0 && share <= organizationRate) { // also refuses NaN
		problems = append(problems, fmt.Errorf("share %v: want more than 0 and at most %d requests per second", o.Share, organizationRate))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	c := &Client{
		base: base, key: o.Key, http: newHTTP(o.HTTP), share: share, userAgent: cmp.Or(o.UserAgent, "Hopguard/1.0 Hopguard"),
		log: o.Log, jitter: o.Jitter, source: newBudget("this address", sourceRate, sourceRate),
		organizations: map[OrganizationID]*organization{}, devices: map[Serial]*budget{}, pings: map[pingKey]*pingRound{},
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.jitter == nil {
		c.jitter = rand.Float64
	}
	return c, nil
}

// newHTTP returns a client that leaves redirects to us.
func newHTTP(given *http.Client) *http.Client {
	var own http.Client
	if given != nil {
		own = *given
	} else {
		own.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// parseBase checks the address that the key will be sent to.
func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("base URL: %w", err)
	case u.User != nil:
		return nil, errors.New("base URL: want no user or password in it")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("base URL %q: want one such as %s", text, DefaultBaseURL)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, fmt.Errorf("base URL %q: want https, because the key is sent there", text)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// url returns the address of a path below the base. Its parts are escaped.
func (c *Client) url(query url.Values, parts ...string) *url.URL {
	u := c.base.JoinPath(escaped(parts)...)
	u.RawQuery = query.Encode()
	return u
}

// escaped keeps each part one part: an id with a slash or dots in it stays an id.
func escaped(parts []string) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = strings.ReplaceAll(url.PathEscape(p), ".", "%2E")
	}
	return out
}

// organization returns what is kept of an organization.
func (c *Client) organization(id OrganizationID) *organization {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.organizations[id]
	if o == nil {
		o = &organization{
			id:             id,
			budget:         newBudget("organization "+string(id), rate.Limit(c.share), max(1, int(c.share))),
			vpn:            newFeed(vpnStatuses()),
			availabilities: newFeed(availabilities()),
			exports:        newFeed(exports()),
		}
		c.organizations[id] = o
	}
	return o
}

// now is the time of an observation: in UTC, because it leaves the process.
func now() time.Time { return time.Now().UTC() }
