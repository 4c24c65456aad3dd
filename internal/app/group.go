package app

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/probe"
	"hopguard/internal/route"
)

// group is one controller with what belongs to it between ticks.
type group struct {
	controller *controller.Controller
	// schedule makes the checks while Run does not tick.
	schedule *probe.Schedule
	// reconcile is the time between two ticks of Run when nothing happens.
	reconcile    time.Duration
	unknownAlert time.Duration
	// actAlone lets this process lead while the store is down, if it knows of no other.
	actAlone bool
	// turn is held by the tick that is under way.
	turn chan struct{}
	// leads is since when this process looks after the group, if several could; nil
	// while it does not.
	leads atomic.Pointer[time.Time]
	// fit is whether this process is able to look after the group.
	fit fitness
	// spokes are nil if the group has none.
	spokes *spokes
	// trouble is that of the store, and streaks since when checks fail: for messages.
	trouble *trouble
	streaks streaks
	// nudged holds one when a tick shall be made now.
	nudged chan struct{}

	mu     sync.Mutex
	latest *controller.Report
}

// newGroup wires one group to what all groups share.
func (a *App) newGroup(c config.Group, o Options, w world) (*group, error) {
	members := newMembers(c.Members)
	known, trouble := &addresses{}, &trouble{}
	questions := asker{Options: o, world: w, known: known}
	set := probe.Set{Members: members, Checks: questions.checks(c.Checks), Witness: questions.witness(c.Witness), Now: o.Now}
	windows, err := windows(c.Policy.Windows)
	if err != nil {
		return nil, err
	}
	identity := appliance.Group{
		Name: appliance.GroupName(c.Name), Preferred: appliance.MemberName(c.Preferred), Members: members,
	}
	return &group{
		schedule:     &probe.Schedule{Set: set, Checks: timings(c.Checks), Limit: w.limit, Rand: fork(o.Rand)},
		reconcile:    c.Reconcile,
		actAlone:     c.Policy.StoreOutage == config.StoreOutageAct,
		unknownAlert: c.Policy.UnknownAlert,
		turn:         make(chan struct{}, 1),
		trouble:      trouble,
		spokes:       newSpokes(c.Spokes, w.cloud),
		nudged:       make(chan struct{}, 1),
		controller: &controller.Controller{
			Group: identity,
			Policy: decide.Policy{
				Group: identity, Failback: failback(c.Policy.Failback), FailbackDelay: c.Policy.FailbackDelay, Windows: windows,
				HoldDown: c.Policy.HoldDown, MaxTransitions: c.Policy.MaxTransitions, Per: c.Policy.Per,
			},
			Checks:    counted(c.Checks),
			Vote:      vote(c),
			Witness:   len(set.Witness) > 0,
			Selection: selection(c.Routes),
			Verify:    controller.Verify{NICs: resources(c.Verify.NICs), Timeout: c.Verify.Timeout},
			Prober:    prober{set: set, known: known, cloud: w.cloud, lacking: lacking(c.Checks)},
			Records:   learning{Records: a.records(c, w), known: known, trouble: trouble},
			Cloud:     w.cloud,
			Now:       o.Now,
			Saw:       o.Saw,
		},
	}, nil
}

// fork returns a source of its own for one user, or nil for nil.
func fork(r *rand.Rand) *rand.Rand {
	if r == nil {
		return nil
	}
	return rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
}

func newMembers(list []config.Member) []appliance.Member {
	var members []appliance.Member
	for _, c := range list {
		m := appliance.Member{Name: appliance.MemberName(c.Name), VM: appliance.ResourceID(c.VM)}
		for _, h := range c.Hops {
			m.Hops = append(m.Hops, appliance.HopSource{
				Role: h.Role, Subnet: string(h.Subnet), NIC: string(h.NIC), Addr: h.Address,
			})
		}
		members = append(members, m)
	}
	return members
}

func failback(f config.Failback) decide.Failback {
	switch f {
	case config.FailbackManual:
		return decide.FailbackManual
	case config.FailbackAuto:
		return decide.FailbackAuto
	default:
		panic(fmt.Sprintf("app: failback %q", string(f)))
	}
}

// vote turns the words of the configuration into a number of checks.
func vote(c config.Group) decide.Vote {
	switch c.Vote {
	case config.VoteAny:
		return decide.Vote{Down: 1}
	case config.VoteAll:
		return decide.Vote{Down: len(c.Checks)}
	case config.VoteQuorum:
		return decide.Vote{Down: c.Quorum}
	default:
		panic(fmt.Sprintf("app: vote %q", string(c.Vote)))
	}
}

// windows are when traffic may return by itself.
func windows(list []config.Window) ([]decide.Window, error) {
	var out []decide.Window
	for _, c := range list {
		next, err := c.Schedule()
		if err != nil {
			return nil, err
		}
		out = append(out, decide.Window{Next: next, For: c.For})
	}
	return out, nil
}

func selection(c config.Routes) route.Selection {
	s := route.Selection{TagName: c.Tag.Name, TagValue: c.Tag.Value, Names: c.Names, Prefixes: c.Prefixes}
	for _, ref := range c.Critical {
		s.Critical = append(s.Critical, string(ref))
	}
	return s
}

func resources(ids []config.ResourceID) []appliance.ResourceID {
	var out []appliance.ResourceID
	for _, id := range ids {
		out = append(out, appliance.ResourceID(id))
	}
	return out
}

// alert warns of an active member of which nothing has been known for too long.
// The text does not change while that lasts, so that it is one warning.
func (g *group) alert(r *controller.Report, now time.Time) {
	active := r.Health.Of(r.Record.Active)
	if r.Decision.Reason != decide.ReasonActiveUnknown || active.Since.IsZero() || now.Sub(active.Since) < g.unknownAlert {
		return
	}
	r.Warnings = append(r.Warnings, fmt.Sprintf("nothing is known of the active member %s since %s, longer than policy.unknownAlert (%s): a person must look",
		active.Member, active.Since.UTC().Format(time.RFC3339), g.unknownAlert))
}

// last returns the newest report of Run, or nil.
func (g *group) last() *controller.Report {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.latest
}

func (g *group) keep(r *controller.Report) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.latest = r
}
