package app

import (
	"fmt"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/probe"
	"hopguard/internal/route"
)

// group is one controller with what belongs to it between ticks.
type group struct {
	controller *controller.Controller
	prober     *prober
	// interval is the time between two starts of its ticks in Run: the smallest of
	// its checks' intervals.
	interval     time.Duration
	unknownAlert time.Duration
	// turn is held by the tick that is under way.
	turn chan struct{}

	mu     sync.Mutex
	latest *controller.Report
}

func newGroup(c config.Group, o Options, cloud *azure.Client, records controller.Records) *group {
	members := newMembers(c.Members)
	known := &addresses{}
	g := &group{
		prober:       newProber(c, members, known, cloud, o),
		interval:     interval(c.Checks),
		unknownAlert: c.Policy.UnknownAlert,
		turn:         make(chan struct{}, 1),
	}
	identity := appliance.Group{
		Name: appliance.GroupName(c.Name), Preferred: appliance.MemberName(c.Preferred), Members: members,
	}
	g.controller = &controller.Controller{
		Group: identity,
		Policy: decide.Policy{
			Group: identity, Failback: failback(c.Policy.Failback), FailbackDelay: c.Policy.FailbackDelay,
			HoldDown: c.Policy.HoldDown, MaxTransitions: c.Policy.MaxTransitions, Per: c.Policy.Per,
		},
		Checks:    counted(c.Checks),
		Vote:      vote(c),
		Selection: selection(c.Routes),
		Verify:    controller.Verify{NICs: resources(c.Verify.NICs), Timeout: c.Verify.Timeout},
		Prober:    g.prober,
		Records:   learning{Records: records, known: known},
		Cloud:     cloud,
		Now:       o.Now,
		Saw:       o.Saw,
	}
	return g
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

// counted are the checks as far as a tick counts them.
func counted(list []config.Check) []controller.Check {
	var checks []controller.Check
	for _, c := range list {
		checks = append(checks, controller.Check{
			Check:   decide.Check{Name: c.Name, Fall: c.Fall, Rise: c.Rise, DataPath: dataPath(c.Kind)},
			Confirm: c.ConfirmInterval,
		})
	}
	return checks
}

// asked are the checks as far as they are asked of members.
func asked(list []config.Check, known *addresses, power probe.PowerReader, dial probe.DialFunc) []probe.Check {
	var checks []probe.Check
	for _, c := range list {
		checks = append(checks, probe.Check{
			Name: c.Name, Timeout: c.Timeout, Question: question(c, known, power, dial), DataPath: dataPath(c.Kind),
		})
	}
	return checks
}

// dataPath reports whether a check asks the member itself, and not Azure.
func dataPath(k config.Kind) bool { return k != config.KindVMStatus }

func question(c config.Check, known *addresses, power probe.PowerReader, dial probe.DialFunc) probe.Question {
	targets := map[appliance.MemberName]string{}
	for name, target := range c.Targets {
		targets[appliance.MemberName(name)] = target
	}
	switch c.Kind {
	case config.KindVMStatus:
		return probe.VMStatus{Power: power}
	case config.KindTCP:
		return probe.TCP{Targets: targets, Port: uint16(c.Port), Address: known.of, Dial: dial}
	case config.KindHTTP:
		return probe.HTTP{
			Targets: targets, URL: c.URL, Port: uint16(c.Port), Address: known.of, Status: c.Status, Body: c.Body,
			ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify, Dial: dial,
		}
	default:
		panic(fmt.Sprintf("app: check kind %q", string(c.Kind)))
	}
}

// interval is the smallest interval of the checks.
func interval(checks []config.Check) time.Duration {
	var least time.Duration
	for _, c := range checks {
		if least == 0 || c.Interval < least {
			least = c.Interval
		}
	}
	return least
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
