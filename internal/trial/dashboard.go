package trial

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/merakisim"
)

// voice is what the word of the Meraki cloud counts for in a scene.
type voice int

const (
	// unheard: nobody asks it.
	unheard voice = iota
	// oneOfThree: a member is down when two of TCP, ping and the cloud say so.
	oneOfThree
	// needed: a member is down when the data path and the cloud both say so.
	needed
)

// String returns the words of the transcript.
func (v voice) String() string {
	switch v {
	case unheard:
		return "unheard"
	case oneOfThree:
		return "one of three"
	case needed:
		return "needed"
	default:
		panic("trial: voice")
	}
}

const (
	merakiKey      = "canary-key-8e31bd-of-the-dashboard"
	merakiInterval = 5 * time.Second
	merakiTimeout  = 4 * time.Second
	// lastWords is how long before the end of a question an answer of the Meraki cloud
	// arrives at the latest: production code that has no time to ask again leaves that to
	// another of its goroutines, and which one asked first is a matter of chance.
	lastWords = 1100 * time.Millisecond
)

// heard are the settings of how the Meraki cloud takes part.
type heard struct {
	voice voice
	// live: a device that is offline is pinged from the cloud; twice: two checks ask.
	live, twice bool
	// late is how long the cloud takes to notice that a device is gone.
	late     time.Duration
	deadPing merakisim.DeadPing
}

// dashboard is the Meraki cloud of a world: each appliance is the device with its name.
type dashboard struct {
	*merakisim.Sim
	heard
	// serials, and whether a device talked to the cloud when its machine was last looked
	// at, are by the machines' names.
	serials map[string]string
	alive   map[string]bool
	// lies are the devices of which the cloud says what is not so, whatever happens.
	lies map[string]bool
}

func newDashboard(seed uint64, h heard, spec azuresim.World) (*dashboard, error) {
	d := &dashboard{heard: h, serials: map[string]string{}, alive: map[string]bool{}, lies: map[string]bool{}}
	var names []string
	for _, vm := range spec.VirtualMachines {
		if vm.Appliance {
			names = append(names, vm.Name)
		}
	}
	world := merakisim.ExampleFor(names...)
	world.Keys[0].Text = merakiKey
	for _, n := range world.Organizations[0].Networks[:len(names)] {
		d.serials[n.Name], d.alive[n.Name] = n.Device.Serial, true
	}
	var err error
	d.Sim, err = merakisim.New(world, merakisim.Options{
		Seed: seed, DeadPing: h.deadPing,
		Profile: merakisim.Profile{Offline: h.late, Online: 2 * time.Second, Alerting: 2 * time.Second, Refresh: 5 * time.Second, Ping: 200 * time.Millisecond},
	})
	return d, err
}

// checks lets a group ask the cloud as well, in one of the forms in which its word alone
// moves nothing.
func (d *dashboard) checks(c *config.Config, g *config.Group) {
	if d.voice == unheard {
		return
	}
	c.Meraki.Organization, c.Meraki.Key, c.Meraki.RequestsPerSecond = merakisim.ExampleOrganization, merakiKey, 10
	device := config.DefaultCheck(config.KindMeraki)
	device.Interval, device.Timeout, device.ConfirmInterval, device.Fall, device.Rise = merakiInterval, merakiTimeout, 2*time.Second, 1, 1
	device.Targets = d.serials
	again := device
	device.Ping = d.live
	g.Checks = append(g.Checks, device)
	if d.twice {
		again.Name = "meraki-again"
		g.Checks = append(g.Checks, again)
	}
	g.Vote = config.VoteAll
	if d.voice == oneOfThree {
		g.Vote, g.Quorum = config.VoteQuorum, 2
	}
}

// follow lets a device do what its machine does. The cloud notices later.
func (d *dashboard) follow(m azuresim.Machine) error {
	if was, known := d.alive[m.Name]; !known || was == m.Alive {
		return nil
	}
	d.alive[m.Name] = m.Alive
	if d.lies[m.Name] {
		return nil
	}
	return d.tell(m.Name)
}

// tell says to the cloud what a device really does.
func (d *dashboard) tell(name string) error {
	state := merakisim.Offline
	if d.alive[name] {
		state = merakisim.Online
	}
	return d.Set(d.serials[name], state)
}

// missing reports whether the cloud says of a device that it does not hear from it.
func (d *dashboard) missing(name appliance.MemberName) bool {
	for _, v := range d.Devices() {
		if v.Serial == d.serials[string(name)] {
			return v.Status == merakisim.Offline || v.Status == merakisim.Dormant
		}
	}
	return false
}

// strikeMeraki puts the Meraki cloud out of order, or lets it say what is not so.
func (w *world) strikeMeraki(length time.Duration) {
	d := w.dashboard
	switch w.rng.IntN(8) {
	case 0, 1, 2, 3, 4:
		name := short(w.member())
		lie := []merakisim.State{merakisim.Offline, merakisim.Offline, merakisim.Offline, merakisim.Dormant, merakisim.Online, merakisim.Alerting}[w.rng.IntN(6)]
		d.lies[name] = true
		w.must(d.Set(d.serials[name], lie))
		w.fault(length, func() { d.lies[name] = false; w.must(d.tell(name)) }, "the Meraki cloud takes %s for %s", name, lie)
		return
	case 5:
		w.must(d.SetOthers(merakisim.ExampleOrganization, 9.9))
		w.fault(length, func() { w.must(d.SetOthers(merakisim.ExampleOrganization, 0)) }, "others ask the Meraki cloud all the time")
		return
	}
	kinds := []merakisim.FaultKind{
		merakisim.FaultUnauthorized, merakisim.FaultForbidden, merakisim.FaultNotFound, merakisim.FaultThrottled, merakisim.FaultThrottled,
		merakisim.FaultThrottledBare, merakisim.Fault500, merakisim.Fault502, merakisim.Fault503, merakisim.Fault504, merakisim.FaultGarbage,
		merakisim.FaultTruncated, merakisim.FaultQuirks, merakisim.FaultSlowBody, merakisim.FaultHang, merakisim.FaultReset, merakisim.FaultRedirect,
	}
	f := merakisim.Fault{Kind: kinds[w.rng.IntN(len(kinds))], Duration: length, Params: map[string]string{}}
	if w.rng.IntN(2) == 0 {
		f.Probability = 0.2 + 0.6*w.rng.Float64()
	}
	switch w.rng.IntN(3) {
	case 0:
		f.Params["applied"], f.Params["retryAfter"] = "true", "3"
	case 1:
		f.Params["to"], f.Params["retryAfter"] = "https://canary.invalid", "20" // where the key must not go
	}
	w.must(d.Inject(f))
	w.fault(length, nil, "meraki %s, probability %.2f, %v", f.Kind, f.Probability, f.Params)
}

// dashboardPort is how the production code of one actor reaches the Meraki cloud.
type dashboardPort struct{ *port }

// RoundTrip implements [http.RoundTripper]. The cloud refuses to select single devices,
// so that all are read: which of two that are asked for in one instant is asked for
// first is a matter of chance.
func (p dashboardPort) RoundTrip(req *http.Request) (*http.Response, error) {
	query := req.URL.Query()
	if query.Has("serials[]") || query.Has("networkIds[]") {
		if p.turn.gone(p.actor) {
			return nil, errGone
		}
		return &http.Response{
			StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
			Body: io.NopCloser(bytes.NewBufferString(`{"errors":["cannot select"]}`)),
		}, nil
	}
	return p.exchange(req, &call{actor: p.actor, side: toMeraki, name: merakiName(req)}, p.meraki)
}

// merakiName is a short name of a request: without the id of a ping.
func merakiName(r *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "/")
	if len(parts) > 3 && parts[0] == "devices" {
		return r.Method + " " + parts[3] + " of " + parts[1]
	}
	return r.Method + " " + parts[len(parts)-1]
}
