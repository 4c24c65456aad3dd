package config

import (
	"slices"
	"strconv"
	"time"
)

// Default returns every setting that has a default outside the groups: the public cloud, the credential chain, a file
// store, a watch that ends before a timer of 30 s fires again, no API. It has no groups.
func Default() Config {
	return Config{
		Azure:     Azure{Cloud: CloudPublic, Credential: CredentialDefault, Timeout: 30 * time.Second},
		Meraki:    Meraki{RequestsPerSecond: 5},
		Notify:    Notify{Repeat: time.Hour, GiveUp: time.Hour},
		Store:     Store{Kind: StoreFile},
		Functions: Functions{Watch: 25 * time.Second},
		Log:       Log{Level: LevelInfo, Format: FormatAuto},
	}
}

// DefaultGroup returns the settings of a group that does not say them. Complete fills in what follows from its names.
func DefaultGroup() Group {
	return Group{
		Routes: Routes{Tag: Tag{Name: "nva_ha_udr"}},
		Vote:   VoteAny,
		Policy: Policy{
			Failback:       FailbackManual,
			FailbackDelay:  5 * time.Minute,
			HoldDown:       time.Minute,
			MaxTransitions: 4,
			Per:            time.Hour,
			UnknownAlert:   2 * time.Minute,
			StoreOutage:    StoreOutageHold,
		},
		Verify:    Verify{Timeout: 30 * time.Second},
		Reconcile: 10 * time.Second,
	}
}

// DefaultCheck returns the settings of a check of the kind that does not say them. A packet there and back costs next to
// nothing, so the data path is asked each second. A machine's state is read from Azure, which takes longer and is allowed
// rarely; a command costs a process; Meraki's cloud is asked more rarely still, because an organization's requests are few,
// and what it says has been waited for in the cloud already.
func DefaultCheck(kind Kind) Check {
	c := Check{Kind: kind, Interval: time.Second, Timeout: 500 * time.Millisecond, ConfirmInterval: 500 * time.Millisecond, Fall: 3, Rise: 2}
	switch kind {
	case KindVMStatus:
		c.Interval, c.Timeout, c.ConfirmInterval = 10*time.Second, 5*time.Second, 2*time.Second
	case KindHTTP:
		c.Status = []int{200}
	case KindMeraki:
		c.Interval, c.Timeout, c.ConfirmInterval, c.Fall, c.Rise = 30*time.Second, 10*time.Second, 5*time.Second, 2, 1
	case KindExec:
		c.Interval, c.Timeout, c.ConfirmInterval = 10*time.Second, 2*time.Second, 2*time.Second
	case KindTCP, KindICMP:
	default: // a kind that Validate refuses
	}
	return c
}

// DefaultTarget returns the settings of a target that does not say them.
func DefaultTarget() NotifyTarget {
	return NotifyTarget{Min: SeverityWarning, PerHour: 20}
}

// within returns the defaults of a check with a short interval: half of it, where the usual timeout and confirmInterval would
// not fit. What is no duration is reported elsewhere.
func (k Check) within(interval string) Check {
	d, err := time.ParseDuration(interval)
	if err != nil || d <= 0 {
		return k
	}
	k.Timeout, k.ConfirmInterval = min(k.Timeout, d/2), min(k.ConfirmInterval, d/2)
	_, confirm := k.Kind.leastPauses()
	k.ConfirmInterval = max(k.ConfirmInterval, confirm)
	return k
}

// Complete returns the configuration with what follows from other settings filled in where it is empty: the preferred
// member is the first, a tag value is the group's name, networks are read each minute, route
// tables have their usual name, a group without checks reads vm-status, mail goes by STARTTLS, a
// check is named after its kind and says nothing after three of its intervals and the group's longest timeout, a witness has
// 2 s or as much as the checks' interval allows, a window is in UTC, the Meraki key is in its usual variable, a file store has its usual folder, and a blob store its usual
// prefix, timeout and lease. Load and Import have done it.
func (c Config) Complete() Config {
	c.Meraki = c.Meraki.complete()
	c.Store, c.Replicas = c.Store.complete(), c.Replicas.complete(c.Store.Kind)
	c.Notify.Targets = slices.Clone(c.Notify.Targets)
	for i := range c.Notify.Targets {
		c.Notify.Targets[i] = c.Notify.Targets[i].complete()
	}
	c.Groups = slices.Clone(c.Groups) // not the caller's
	for i := range c.Groups {
		c.Groups[i] = c.Groups[i].complete()
	}
	return c
}

func (g Group) complete() Group {
	if g.Preferred == "" && len(g.Members) > 0 {
		g.Preferred = g.Members[0].Name
	}
	if g.Routes.Tag.Value == "" {
		g.Routes.Tag.Value = g.Name
	}
	g.Spokes = g.Spokes.complete(g.Name)
	g.Spokes.RouteTable, g.Branches = g.Spokes.RouteTable.complete(g.Branches)
	g.Checks = slices.Clone(g.Checks)
	if len(g.Checks) == 0 {
		g.Checks = []Check{DefaultCheck(KindVMStatus)}
	}
	taken := make(map[string]bool)
	for _, k := range g.Checks {
		taken[k.Name] = true
	}
	for i := range g.Checks {
		k := &g.Checks[i]
		if k.Name == "" && k.Kind != "" {
			k.Name = freeName(string(k.Kind), taken)
		}
		taken[k.Name] = true
		if len(k.Status) == 0 {
			k.Status = DefaultCheck(k.Kind).Status
		}
		if k.Fresh == 0 {
			k.Fresh = g.usualFresh(*k)
		}
	}
	if g.Witness.Timeout == 0 {
		g.Witness.Timeout = g.witnessTimeout()
	}
	g.Policy.Windows = slices.Clone(g.Policy.Windows)
	for i := range g.Policy.Windows {
		if w := &g.Policy.Windows[i]; w.Timezone == "" {
			w.Timezone = utc
		}
	}
	return g
}

// utc is the time zone of a window that names none.
const utc = "UTC"

// usualFresh is three intervals of the check and the longest timeout of the group's: two answers may be lost, and one tick
// asks all checks at once and waits for the slowest, by which a good answer must not become too old. It is 0 where these are
// no good durations.
func (g Group) usualFresh(k Check) time.Duration {
	if k.Interval <= 0 || k.Interval > longest || k.Timeout <= 0 || k.Timeout > longest {
		return 0
	}
	wait := k.Timeout
	for _, other := range g.Checks {
		if other.Timeout <= longest {
			wait = max(wait, other.Timeout)
		}
	}
	return 3*k.Interval + wait
}

// witnessTimeout is the usual one, or as much as the interval of the data-path checks allows; 0 without a witness.
func (g Group) witnessTimeout() time.Duration {
	if len(g.Witness.Targets) == 0 {
		return 0
	}
	const usual = 2 * time.Second
	if _, least := g.dataPath(); least > 0 {
		return min(usual, least)
	}
	return usual
}

// dataPath returns the number of the check on the data path that has the shortest interval, and the interval; -1 if the
// group has no such check.
func (g Group) dataPath() (int, time.Duration) {
	first, least := -1, time.Duration(0)
	for i, k := range g.Checks {
		if k.Kind.dataPath() && (first < 0 || k.Interval > 0 && (least <= 0 || k.Interval < least)) {
			first, least = i, k.Interval
		}
	}
	return first, least
}

// freeName returns word, or word-2, word-3 and so on: the first that is not taken.
func freeName(word string, taken map[string]bool) string {
	name := word
	for n := 2; taken[name]; n++ {
		name = word + "-" + strconv.Itoa(n)
	}
	return name
}
