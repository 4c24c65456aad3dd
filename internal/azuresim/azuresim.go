// Package azuresim is an honest stand-in for the part of Azure Resource Manager that a controller of network virtual appliances
// uses: virtual machines and their power, network interfaces, virtual networks, peerings, route tables, tags, locks, Resource Graph,
// the token endpoints before it, and a fabric behind it in which routes take effect some time after a write has succeeded.
//
// It guarantees: answers have the status, headers, codes and member names of the recorded service; one table has one etag that
// changes twice per write; one write runs per table at a time; buckets, locks and permissions refuse as the service does; the same
// seed and the same sequence of requests give the same answers; time is read from the clock when somebody asks, no goroutine runs
// in between, so it works unchanged inside a testing/synctest bubble.
//
// It does not: model anything that is not named in its documentation (an unknown type or query is refused by name), keep state
// across a restart, or forward real packets. Where the service's behaviour is not confirmed, the harsher reading was taken and a
// comment marked [U] says so.
//
// Of this module it imports only the evaluator of templates, and no Azure SDK, so that it cannot share a mistake with the client
// that it tests. The command line, the simulation, the lab and tests may import it; production code may not.
package azuresim

import (
	"cmp"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are the choices that are not part of the world itself. The zero value works.
type Options struct {
	// Seed feeds every random choice: identifiers, etags, keys, faults.
	Seed uint64
	// Profile is how fast the cloud is; the zero value is ProfileDefault().
	Profile Profile
	// Logger receives one debug line per request; nil discards them.
	Logger *slog.Logger
	// Host is the authority put into URLs when a request names none; empty is management.azure.com.
	Host string
	// PageSize is the number of items in one page of a list; 0 is 1000.
	PageSize int
	// TokenLifetime is how long an access token is valid; 0 is one hour.
	TokenLifetime time.Duration
	// IdentityHeader is the secret that App Service hands to the process (X-IDENTITY-HEADER, MSI_SECRET); empty is "identity-header".
	IdentityHeader Secret
	// FrontRegion names the ARM region that answers, as seen in x-ms-routing-request-id; empty is WESTEUROPE.
	FrontRegion string
	// PollWithoutRights lets anybody with a token poll a signed operation URL. The default asks for locations/operations/read,
	// which the service's own minimal roles grant; that it enforces it is [U].
	PollWithoutRights bool
	// CallLog is how many calls Calls remembers; 0 is 100,000. The oldest are forgotten first.
	CallLog int
}

// Sim is one simulated cloud. All methods are safe for concurrent use.
type Sim struct {
	opts     Options
	profile  Profile
	log      *slog.Logger
	tenant   string
	front    string
	kinds    map[string]*kind // read-only after New
	signKey  []byte
	signCert string
	tokenKey *ecdsa.PrivateKey
	control  http.Handler
	conns    *connections

	mu            sync.Mutex
	rng           *rand.Rand // identifiers
	faultRNG      *rand.Rand
	timeline      timeline
	subscriptions []*Subscription // ordered by id
	principals    []*Principal
	resources     map[string]*resource
	indexes       map[string][]*resource
	operations    map[string]*operation
	locks         []Lock
	roles         []*roleDefinition
	assigned      []*roleAssignment
	given         map[*Principal][]Assignment // what the world grants, without assignments
	visibleFrom   map[string]time.Time        // when the directory's readers see a new principal, by object id
	buried        []item                      // workspaces that were deleted and can be brought back, in the order of their deletion
	accepted      map[string]bool             // terms in the marketplace: subscription/publisher/offer/plan
	deployments   map[string]*deployment      // of templates, by lower-case id
	undeploying   map[string]time.Time        // deletions of deployments, and when they are over
	buckets       map[string]*bucket
	windows       map[string]*window
	tokens        map[string]claims
	faults        []*injected
	faultSeq      int
	outages       map[string]bool
	observer      Observer
	fabric        fabric
	calls         []*Call
	gates         []*gate
	scratch       []byte // where documents are encoded before their size is known
	seeding       bool   // documents are not committed one by one while the world is built
}

var _ http.Handler = (*Sim)(nil)

// New builds the world. It reports every mistake in it, not just the first.
func New(w World, o Options) (*Sim, error) {
	if o.Profile == (Profile{}) {
		o.Profile = ProfileDefault()
	}
	o.PageSize = cmp.Or(o.PageSize, 1000)
	o.TokenLifetime = cmp.Or(o.TokenLifetime, time.Hour)
	o.IdentityHeader = cmp.Or(o.IdentityHeader, "identity-header")
	o.CallLog = cmp.Or(o.CallLog, 100_000)
	o.Host = cmp.Or(o.Host, "management.azure.com")
	s := &Sim{
		opts: o, profile: o.Profile, log: o.Logger, tenant: cmp.Or(w.Tenant, DefaultTenant), front: cmp.Or(o.FrontRegion, "WESTEUROPE"),
		rng: rand.New(rand.NewPCG(o.Seed, 1)), faultRNG: rand.New(rand.NewPCG(o.Seed, 2)),
		resources: map[string]*resource{}, indexes: map[string][]*resource{}, operations: map[string]*operation{},
		buckets: map[string]*bucket{}, windows: map[string]*window{}, tokens: map[string]claims{}, outages: map[string]bool{},
		roles: builtInRoles(), given: map[*Principal][]Assignment{}, visibleFrom: map[string]time.Time{}, accepted: map[string]bool{},
		deployments: map[string]*deployment{}, undeploying: map[string]time.Time{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.front = strings.ToUpper(s.front)
	s.kinds = s.newKinds()
	s.fabric = newFabric()
	s.signKey = expand(binary.LittleEndian.AppendUint64(nil, o.Seed), 32)
	s.signCert = base64.RawURLEncoding.EncodeToString(append([]byte{0x30, 0x82, 0x07, 0xfc}, expand(s.signKey, 2044)...))
	s.tokenKey = newTokenKey(s.signKey)
	s.control = s.newControl()
	s.conns = newConnections()
	if err := s.seed(w, time.Now()); err != nil {
		return nil, err
	}
	return s, nil
}

// Now is the simulation's clock: the process's, or the bubble's.
func (s *Sim) Now() time.Time { return time.Now() }

// subscription finds a subscription by its id.
func (s *Sim) subscription(id string) *Subscription {
	for _, su := range s.subscriptions {
		if strings.EqualFold(su.ID, id) {
			return su
		}
	}
	return nil
}

// frontRegion is the ARM region that answers.
func (s *Sim) frontRegion() string { return s.front }

// ref draws a reference of the edge, 32 hexadecimal digits.
func (s *Sim) ref() string { return strings.ToUpper(strings.ReplaceAll(s.guid(), "-", "")) }

// locations are the regions in use, ordered.
func (s *Sim) locations() []string {
	var list []string
	for _, r := range s.resources {
		if r.location != "" && r.location != "global" && !slices.Contains(list, r.location) {
			list = append(list, r.location)
		}
	}
	slices.Sort(list)
	return list
}
