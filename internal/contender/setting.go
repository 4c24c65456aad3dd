package contender

import (
	"path/filepath"
	"time"

	"hopguard/internal/config"
	"hopguard/internal/outage"
)

// Names of the settings.
const (
	Defaults  = "defaults"
	Fast      = "fast"
	Seed      = "seed"
	Functions = "functions"
)

// timer is how often the function app's timer fires.
const timer = 30 * time.Second

// All returns the settings of hopguard: defaults, fast, seed and functions, in this order.
func All() []Contender {
	watch := config.Default().Functions.Watch
	return []Contender{
		daemon(Defaults, "hopguard, its defaults", defaults),
		daemon(Fast, "hopguard, fast profile", fast),
		daemon(Seed, "hopguard, set as the old function", seed),
		app(Functions, "hopguard on Azure Functions, timer "+timer.String()+", watch "+watch.String(), defaults, timer, watch),
	}
}

// daemon is hopguard run.
func daemon(name, title string, set func(*config.Config, Place)) Contender {
	c := Contender{configure: configured(set), launch: startDaemon}
	g := c.group()
	c.Setting = outage.Setting{Name: name, Title: title, Checks: words(g), Bound: outage.Seconds(bound(g)), Sees: sees(g)}
	return c
}

// app is hopguard as the handler of a function app. What fails when the watch of one
// invocation has just ended is seen after the pause until the next timer.
func app(name, title string, set func(*config.Config, Place), timer, watch time.Duration) Contender {
	c := Contender{timer: timer, launch: startApp, configure: configured(func(c *config.Config, p Place) {
		set(c, p)
		c.Functions.Watch, c.API.Listen = watch, ""
		c.Log.Level = config.LevelDebug // the only place where it says when a write was accepted, and what was asked
	})}
	g := c.group()
	c.Setting = outage.Setting{Name: name, Title: title, Checks: words(g), Bound: outage.Seconds(timer - watch + bound(g)), Sees: sees(g)}
	return c
}

// group is the group at no place: its checks have no targets.
func (c Contender) group() config.Group { return c.configure(Place{}).Groups[0] }

// configured returns a configuration for a place with the checks of a setting.
func configured(set func(*config.Config, Place)) func(Place) config.Config {
	return func(p Place) config.Config {
		c := config.Default()
		c.Azure.Endpoint, c.Azure.Authority, c.Azure.Audience, c.Azure.CAFile = p.Endpoint, p.Endpoint, audience, p.CA
		c.Azure.Credential, c.Azure.TenantID, c.Azure.ClientID = config.CredentialClientSecret, p.Tenant, p.ClientID
		c.Azure.ClientSecretEnv = secretVariable
		c.Store = config.Store{Kind: config.StoreFile, Path: filepath.Join(p.Dir, recordFolder)}
		if p.Listen.IsValid() {
			c.API.Listen = p.Listen.String()
		}
		g := config.DefaultGroup()
		g.Name, g.Routes.Tag = p.Group, p.Tag
		for _, m := range p.Members {
			g.Members = append(g.Members, config.Member{Name: m.Name, VM: config.ResourceID(m.VM)})
		}
		c.Groups = []config.Group{g}
		set(&c, p)
		return c.Complete()
	}
}

const (
	// audience is what tokens are for, wherever Azure is.
	audience = "https://management.azure.com"
	// secretVariable holds the secret: it is in no file.
	secretVariable = "AZURE_CLIENT_SECRET"
	// recordFolder is where the record is, below Place.Dir.
	recordFolder = "state"
)

// defaults are what docs/configuration.md recommends, with all times as hopguard has them:
// the power state, a connection through each member, and a witness. One that fails is enough.
func defaults(c *config.Config, p Place) {
	g := &c.Groups[0]
	g.Checks = []config.Check{config.DefaultCheck(config.KindVMStatus), tcp(p)}
	g.Vote = config.VoteAny
	g.Witness.Targets = p.Witness
}

// The fast profile: see fast.
const (
	fastInterval = 100 * time.Millisecond
	fastTimeout  = 50 * time.Millisecond
	fastFall     = 5
	fastStatus   = 2 * time.Second
)

// fast asks by two connections through each member, ten times a second, and believes a
// failure when both have failed five times in a row, 50 ms apart: 400 ms by the formula of
// Bound, of which a check uses 100 + 4 x 50 + 50 = 350 ms at most. The timeout has to be above
// the round trip through the further member. Many short tries are better than few long
// ones: whatever disturbs the path or this machine for less than 250 ms moves nothing
// either way, and loss at random has to hit more probes. The witness has no more
// time than the members: what makes all answers late is the observer's trouble.
//
// A ping as the second check would tell a service behind the member that stops from the
// path to it. It cannot be used at this pace: it notices the end of its timeout up to
// 0.1 s late (probe.ICMP), which made detection 50 to 150 ms slower in the lab.
//
// What that costs in false alarms, with p the share of probes that packets lost at random
// fail: of 1 % each way p = 1 - 0.99^2 = 0.02, and 0.04 where two links lose. One check
// falls after
//
//	E = (I + C x (p + p^2 + p^3 + p^4)) / p^5
//
// on average, with the interval I = 0.1 s and the pace C = 0.05 s of confirming: a year at p =
// 0.02, 12 days at 0.04. It is up again after two passes in a row, which takes D = I x (2 -
// p) / (1 - p)^2 - I/2, about 0.15 s. Two that fail independently are down together
//
//	2 x D / (E + D)^2 x 1800 s
//
// times in 30 minutes: 5e-13 at p = 0.02 and 6e-10 at p = 0.04, below 0.01 by far; 0.01 is reached
// where a fifth of all probes is lost. FalseAlarms is this arithmetic; a test compares it with
// the schedule in virtual time. One check alone would be down 6e-5 and 2e-3 times; but a busy
// machine adds to p, whose fifth power counts, and at 0.06 that would be too often.
//
// The third voice is vm-status: two of three must say down. It cannot lose packets of the
// data path, and while Azure does not answer it says nothing, so the other two decide
// alone; a machine that Azure calls stopped needs only one of the other two.
func fast(c *config.Config, p Place) {
	g := &c.Groups[0]
	quick := func(k config.Check) config.Check {
		k.Interval, k.Timeout, k.ConfirmInterval, k.Fall = fastInterval, fastTimeout, fastTimeout, fastFall
		return k
	}
	status := config.DefaultCheck(config.KindVMStatus)
	status.Interval, status.Timeout, status.ConfirmInterval = fastStatus, fastStatus/2, fastStatus/2
	g.Checks = []config.Check{status, quick(tcp(p)), quick(tcp(p))}
	g.Vote, g.Quorum = config.VoteQuorum, 2
	if len(p.Witness) > 0 {
		g.Witness = config.Witness{Targets: p.Witness, Timeout: fastTimeout}
	}
}

// FalseAlarms returns how often, on average, two checks of a member are down together in
// a time, if each probe of either fails by chance with the probability p: see fast. The
// checks are alike and rise after two passes. With large p it is too low, by a third at
// p = 0.5, because a failure of one member has the other one asked more often too.
func FalseAlarms(k config.Check, p float64, in time.Duration) float64 {
	interval, pace := k.Interval.Seconds(), max(k.ConfirmInterval, k.Timeout).Seconds()
	// Until k.Fall in a row: the i-th try of a row is made with the probability p^i.
	row, tries := 1.0, 0.0
	for i := range k.Fall {
		tries += row * pace
		if i == 0 {
			tries = interval
		}
		row *= p
	}
	falls := tries / row
	// Until two passes in a row: the first try comes half an interval after the fall.
	pass := 1 - p
	rises := interval*(1+pass)/(pass*pass) - interval/2
	cycle := falls + rises
	return 2 * rises / (cycle * cycle) * in.Seconds()
}

// tcp asks by a connection to what is behind each member.
func tcp(p Place) config.Check {
	k := config.DefaultCheck(config.KindTCP)
	k.Targets = map[string]string{}
	for _, m := range p.Members {
		k.Targets[m.Name] = m.Through.String()
	}
	return k
}

// seed does what the old function did: the power state every 30 s, three tries two
// seconds apart, one table after the other.
func seed(c *config.Config, _ Place) {
	k := config.DefaultCheck(config.KindVMStatus)
	k.Interval, k.ConfirmInterval, k.Fall = timer, 2*time.Second, 3
	c.Groups[0].Checks = []config.Check{k}
	c.Azure.Parallel = 1
}
