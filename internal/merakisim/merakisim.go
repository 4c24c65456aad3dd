// Package merakisim is an honest stand-in for the part of the Meraki Dashboard API
// that tells how appliances are: VPN statuses and device availabilities of an
// organization, and the live tools ping and pingDevice.
//
// It guarantees: answers have the members, words, headers and limits of the
// specification 1.73.0 and of the pages Pagination, Rate Limit, Errors and
// Authorization of developer.cisco.com/meraki/api-v1; the cloud notices late what
// happens to a device; the same seed and the same sequence of requests give the
// same answers; time is read when somebody asks and no goroutine runs in between,
// so it works unchanged inside a testing/synctest bubble.
//
// Under /_sim/ it obeys people and tests: see the methods of Sim of the same names.
//
// It does not: know other operations (they are answered 404), send callbacks or
// webhooks, or keep state across a restart. Where Meraki's behaviour is not
// documented the harsher reading was taken, and a comment marked [U] says so.
//
// It imports nothing of this module, so that it cannot share a mistake with the
// client that it tests. The command line, the simulation, the lab and tests may
// import it; production code may not.
package merakisim

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Profile is how fast the cloud is. How fast the real one is, Meraki does not say,
// except for Refresh and Ping.
type Profile struct {
	// Latency passes before each answer.
	Latency time.Duration
	// Offline is how long the cloud takes to notice that a device or a tunnel is
	// gone, Online that one is back, and Alerting that a device complains.
	Offline, Online, Alerting time.Duration
	// Refresh is how often device availabilities are renewed.
	Refresh time.Duration
	// Ping is the time between two pings of a live tool.
	Ping time.Duration
}

// ProfileDefault is a cloud as users describe it: five minutes until a dead device
// is offline, and availabilities that are renewed every five minutes.
func ProfileDefault() Profile {
	return Profile{
		Latency: 150 * time.Millisecond, Offline: 5 * time.Minute, Online: time.Minute, Alerting: time.Minute,
		Refresh: 5 * time.Minute, Ping: time.Second,
	}
}

// ProfileFast is a cloud that notices within seconds, for people who do not want to
// wait. No real one is known to be that quick.
func ProfileFast() Profile {
	return Profile{
		Latency: 10 * time.Millisecond, Offline: 10 * time.Second, Online: 2 * time.Second, Alerting: 2 * time.Second,
		Refresh: 10 * time.Second, Ping: 200 * time.Millisecond,
	}
}

// DeadPing is how a live ping ends whose device does not answer. Meraki does not
// say which it is [U].
type DeadPing int

// The ends.
const (
	DeadPingFails DeadPing = iota // status "failed", without results
	DeadPingLost                  // status "complete", nothing received
	DeadPingHangs                 // status "running" for ever
)

// Options are the choices that are not part of the world itself. The zero value works.
type Options struct {
	// Seed feeds every random choice: identifiers, latencies of pings, faults.
	Seed uint64
	// Profile is how fast the cloud is; the zero value is ProfileDefault().
	Profile Profile
	// DeadPing is how a ping of a silent device ends.
	DeadPing DeadPing
	// IgnoreUnknownIDs leaves ids that do not exist out of a filtered list. The
	// default refuses the request; which of both the API does is [U].
	IgnoreUnknownIDs bool
	// Logger receives one debug line per request; nil discards them.
	Logger *slog.Logger
}

// Sim is one simulated Dashboard. All methods are safe for concurrent use.
type Sim struct {
	opts    Options
	profile Profile
	log     *slog.Logger
	began   time.Time

	mu            sync.Mutex // never held while waiting
	rng           *rand.Rand // identifiers and latencies
	faultRNG      *rand.Rand
	organizations map[string]*organization
	devices       map[string]*device
	networks      map[string]*network
	keys          map[fingerprint]*principal
	tunnels       map[[2]string]*history // by both networks, ordered
	targets       map[[2]string]*history // by serial and target
	pings         map[string]*livePing
	buckets       map[string]*bucket
	faults        []*injected
	calls         []Call
}

var _ http.Handler = (*Sim)(nil)

// New builds the world. It reports every mistake in it, not just the first.
func New(w World, o Options) (*Sim, error) {
	if o.Profile == (Profile{}) {
		o.Profile = ProfileDefault()
	}
	s := &Sim{
		opts: o, profile: o.Profile, log: o.Logger, began: time.Now(),
		rng: rand.New(rand.NewPCG(o.Seed, 1)), faultRNG: rand.New(rand.NewPCG(o.Seed, 2)),
		organizations: map[string]*organization{}, devices: map[string]*device{}, networks: map[string]*network{},
		keys: map[fingerprint]*principal{}, tunnels: map[[2]string]*history{}, targets: map[[2]string]*history{},
		pings: map[string]*livePing{}, buckets: map[string]*bucket{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, s.seed(w)
}
