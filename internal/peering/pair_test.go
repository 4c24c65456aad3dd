package peering_test

import (
	"slices"
	"strings"
	"testing"

	"hopguard/internal/peering"
)

// networks are a spoke and a hub with the pair between them.
func (p pair) networks() (spoke, hub peering.Network) {
	spoke, hub = tagged("spoke", "10.10.0.0/16"), hubNetwork("hub", "10.1.0.0/16")
	s, h := spoke, hub
	if half, ok := p.half(0, s, h); ok {
		spoke.Halves = append(spoke.Halves, half)
	}
	if half, ok := p.half(1, h, s); ok {
		hub.Halves = append(hub.Halves, half)
	}
	return spoke, hub
}

// Every combination of two halves, 97 kinds each: what a plan does works, it takes as
// many writes as the shortest way that a search finds, and it gives up just where
// there is none. Then nothing is left to do.
func TestEveryPairIsRepairedWithTheFewestWrites(t *testing.T) {
	links := allLinks()
	cases, possible := 0, 0
	for _, a := range links {
		for _, b := range links {
			cases++
			p := pair{a, b}
			plan := want("hub").Pair(p.networks())
			fewest := p.fewest()
			if fewest < 0 {
				if len(plan.Steps) > 0 || plan.Problem == nil || plan.Problem.Code != peering.CodeForeign || !plan.Problem.Refused {
					t.Fatalf("%+v cannot be repaired, and the plan is %s, problem %+v", p, stepWords(plan.Steps), plan.Problem)
				}
				continue
			}
			possible++
			if plan.Problem != nil || len(plan.Steps) != fewest {
				t.Fatalf("%+v: plan is %q (problem %+v), want %d writes", p, stepWords(plan.Steps), plan.Problem, fewest)
			}
			after, err := p.do(plan.Steps)
			if err != nil {
				t.Fatalf("%+v: plan is %q: %v", p, stepWords(plan.Steps), err)
			}
			if !after.works() {
				t.Fatalf("%+v: plan is %q, after which it is %+v", p, stepWords(plan.Steps), after)
			}
			if again := want("hub").Pair(after.networks()); len(again.Steps) > 0 || again.Problem != nil {
				t.Fatalf("%+v: after the plan another one is %q, problem %+v", p, stepWords(again.Steps), again.Problem)
			}
		}
	}
	if cases != len(links)*len(links) || possible < 1000 {
		t.Errorf("%d cases, of which %d could be repaired", cases, possible)
	}
}

func TestPair(t *testing.T) {
	good := link{state: peering.Connected, access: true, forwarded: true}
	own := good
	own.own = true
	with := func(l link, change func(*link)) link { change(&l); return l }
	disconnected := func(l *link) { l.state = peering.Disconnected }
	initiated := func(l *link) { l.state = peering.Initiated }
	tests := []struct {
		name   string
		pair   pair
		change func(spoke, hub *peering.Network)
		steps  string
		why    string // of all steps, if it is asked for
		code   peering.Code
		text   string
	}{
		{name: "nothing-there", steps: "create spoke, create hub"},
		{name: "all-well", pair: pair{own, own}},
		{name: "made-by-somebody-and-well", pair: pair{good, good}},
		{name: "only-the-spokes-half", pair: pair{with(own, initiated), {}}, steps: "create hub"},
		{name: "only-somebodys-half-at-the-hub", pair: pair{{}, with(good, initiated)}, steps: "create spoke"},
		{name: "the-list-is-behind-and-shows-one-connected-half", pair: pair{own, {}}, steps: "create hub"},
		{name: "both-there-and-not-connected", pair: pair{with(own, initiated), with(good, initiated)}, steps: "write spoke"},
		{name: "both-own-and-not-connected", pair: pair{with(own, initiated), with(own, initiated)}, steps: "write spoke"},
		{name: "both-somebodys-and-not-connected", pair: pair{with(good, initiated), with(good, initiated)}, steps: "write spoke"},
		{name: "not-connected-own-half-first", pair: pair{with(good, initiated), with(own, initiated)}, steps: "write hub"},
		{name: "one-deleted", pair: pair{with(own, disconnected), {}}, steps: "delete spoke, create spoke, create hub"},
		{name: "one-disconnected", pair: pair{with(own, disconnected), own}, steps: "delete spoke, delete hub, create spoke, create hub",
			why: "it is disconnected, the other half is disconnected, to replace a disconnected one, to replace a disconnected one"},
		{name: "both-disconnected", pair: pair{with(own, disconnected), with(own, disconnected)}, steps: "delete spoke, delete hub, create spoke, create hub"},
		{name: "somebodys-is-disconnected", pair: pair{with(good, disconnected), {}}, code: peering.CodeForeign,
			text: "the peering is disconnected, and only deleting its halves helps: to-hub of spoke was not made by hopguard"},
		{name: "own-is-disconnected-from-somebodys", pair: pair{with(own, disconnected), good}, code: peering.CodeForeign, text: "to-spoke of hub was not made"},
		{name: "own-with-gateway-flags-is-disconnected", pair: pair{with(own, func(l *link) { disconnected(l); l.gateways = true }), {}},
			code: peering.CodeForeign, text: "has gateway flags that somebody else has set"},
		{name: "own-lost-its-flags", pair: pair{with(own, func(l *link) { l.access, l.forwarded = false, false }), own},
			steps: "write spoke allowVirtualNetworkAccess allowForwardedTraffic"},
		{name: "somebodys-spoke-half-drops-replies", pair: pair{with(good, func(l *link) { l.forwarded = false }), good}, code: peering.CodeForeign,
			text: "has allowForwardedTraffic false: replies that come through the appliance are dropped"},
		{name: "somebodys-spoke-half-drops-replies-and-the-other-is-missing", pair: pair{with(good, func(l *link) { initiated(l); l.forwarded = false }), {}},
			code: peering.CodeForeign, text: "replies"},
		{name: "somebodys-hub-half-need-not-forward", pair: pair{good, with(good, func(l *link) { l.forwarded = false })}},
		{name: "no-access", pair: pair{good, with(good, func(l *link) { l.access = false })}, code: peering.CodeForeign, text: "no traffic passes it"},
		{name: "spoke-is-behind", pair: pair{with(own, func(l *link) { l.stale = true }), own}, steps: "write spoke sync"},
		{name: "somebodys-is-behind", pair: pair{good, with(good, func(l *link) { l.stale = true })}, steps: "write hub sync"},
		{name: "failed", pair: pair{own, with(own, func(l *link) { l.failed = true })}, steps: "write hub"},
		{name: "half-is-being-written", pair: pair{own, own}, code: peering.CodeBusy, text: "peering " + peering.Name(group, id("hub")) + " of spoke is Updating",
			change: func(spoke, _ *peering.Network) { spoke.Halves[0].Provisioning = "Updating" }},
		{name: "network-is-being-changed", steps: "create spoke, create hub", code: peering.CodeBusy, text: "network hub is Updating",
			change: func(_, hub *peering.Network) { hub.State = "Updating" }},
		{name: "network-is-being-changed-and-nothing-is-to-do", pair: pair{own, own}, change: func(_, hub *peering.Network) { hub.State = "Updating" }},
		{name: "overlap", code: peering.CodeOverlap, text: "10.10.0.0/16 of spoke overlaps 10.10.128.0/17 of hub",
			change: func(_, hub *peering.Network) { hub.Prefixes = prefixes("10.1.0.0/16", "10.10.128.0/17") }},
		{name: "overlap-of-what-is-peered-is-not-our-business", pair: pair{own, own},
			change: func(_, hub *peering.Network) {
				hub.Prefixes = prefixes("10.0.0.0/8")
				hub.Halves[0].Taken = prefixes("10.10.0.0/16")
			}, steps: "write spoke sync"},
		{name: "name-leads-elsewhere", code: peering.CodeNameTaken, text: "leads to " + base + "other",
			change: func(spoke, _ *peering.Network) {
				spoke.Halves = []peering.Half{{Network: spoke.ID, Remote: id("other"), Name: strings.ToUpper(peering.Name(group, id("hub")))}}
			}},
		{name: "name-at-the-hub-leads-elsewhere", code: peering.CodeNameTaken, text: "of hub leads to " + base + "other",
			change: func(_, hub *peering.Network) {
				hub.Halves = []peering.Half{{Network: hub.ID, Remote: id("other"), Name: peering.Name(group, id("spoke"))}}
			}},
		{name: "overlap-of-a-network-that-is-being-changed", code: peering.CodeOverlap, text: "overlaps",
			change: func(_, hub *peering.Network) { hub.Prefixes, hub.State = prefixes("10.0.0.0/8"), "Updating" }},
		{name: "half-is-being-made", pair: pair{own, own}, code: peering.CodeBusy, change: func(_, hub *peering.Network) { hub.Halves[0].Provisioning = "Creating" }},
		{name: "half-is-being-deleted", pair: pair{own, own}, code: peering.CodeBusy, change: func(_, hub *peering.Network) { hub.Halves[0].Provisioning = "Deleting" }},
		{name: "canceled", pair: pair{own, own}, steps: "write hub", change: func(_, hub *peering.Network) { hub.Halves[0].Provisioning = "Canceled" }},
		{name: "level-says-local", pair: pair{own, own}, steps: "write spoke sync",
			change: func(spoke, _ *peering.Network) { spoke.Halves[0].Sync = peering.LocalNotInSync }},
		{name: "level-says-remote", pair: pair{own, own}, steps: "write hub sync",
			change: func(spoke, _ *peering.Network) { spoke.Halves[0].Sync = peering.RemoteNotInSync }},
		{name: "level-says-both", pair: pair{own, own}, steps: "write spoke sync, write hub sync",
			change: func(_, hub *peering.Network) { hub.Halves[0].Sync = peering.LocalAndRemoteNotInSync }},
		{name: "level-of-a-half-that-stands-alone", pair: pair{own, {}}, steps: "create hub",
			change: func(spoke, _ *peering.Network) { spoke.Halves[0].Sync = peering.LocalNotInSync }},
		{name: "level-of-halves-that-are-not-connected", pair: pair{with(own, initiated), with(own, initiated)}, steps: "write spoke",
			change: func(_, hub *peering.Network) { hub.Halves[0].Sync = peering.LocalNotInSync }},
		{name: "nothing-known-of-what-was-taken-over", pair: pair{own, own}, change: func(spoke, _ *peering.Network) { spoke.Halves[0].Taken = nil }},
		{name: "nothing-known-of-the-address-space", pair: pair{own, own}, change: func(spoke, _ *peering.Network) { spoke.Prefixes = nil }},
		{name: "address-spaces-say-more-than-the-level-of-the-spoke", pair: pair{with(own, func(l *link) { l.stale = true }), own}, steps: "write spoke sync",
			change: func(spoke, hub *peering.Network) {
				spoke.Halves[0].Sync, hub.Halves[0].Sync = peering.RemoteNotInSync, peering.LocalNotInSync
			}},
		{name: "address-spaces-say-more-than-the-level", pair: pair{own, with(own, func(l *link) { l.stale = true })}, steps: "write hub sync",
			change: func(spoke, hub *peering.Network) {
				// The other reading of the words.
				spoke.Halves[0].Sync, hub.Halves[0].Sync = peering.LocalNotInSync, peering.RemoteNotInSync
			}},
		{name: "another-order-of-prefixes-is-the-same-space", pair: pair{own, own},
			change: func(spoke, hub *peering.Network) {
				hub.Prefixes = prefixes("10.1.0.0/16", "10.3.0.0/16")
				spoke.Halves[0].Taken = prefixes("10.3.0.0/16", "10.1.0.0/16")
			}},
		{name: "another-order-of-what-was-taken-over", pair: pair{own, own},
			change: func(spoke, hub *peering.Network) {
				hub.Prefixes = prefixes("10.3.0.0/16", "10.1.0.0/16")
				spoke.Halves[0].Taken = prefixes("10.1.0.0/16", "10.3.0.0/16")
			}},
		{name: "a-peering-of-subnets-has-less-than-the-network", pair: pair{good, good},
			change: func(spoke, _ *peering.Network) {
				spoke.Halves[0].Subnets, spoke.Halves[0].Taken = true, prefixes("10.1.0.0/24")
			}},
		{name: "a-disconnected-peering-of-subnets-is-somebodys", pair: pair{with(own, disconnected), {}}, code: peering.CodeForeign, text: "peers only some subnets",
			change: func(spoke, _ *peering.Network) { spoke.Halves[0].Subnets = true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spoke, hub := tt.pair.networks()
			if tt.change != nil {
				tt.change(&spoke, &hub)
			}
			before := [2]peering.Network{clone(spoke), clone(hub)}
			p := want("hub").Pair(spoke, hub)
			if d := diff(before, [2]peering.Network{spoke, hub}); d != "" {
				t.Errorf("Pair() changes what it is given:\n%s", d)
			}
			if got := stepWords(p.Steps); got != tt.steps {
				t.Errorf("Pair() does %q, want %q", got, tt.steps)
			}
			var why []string
			for _, s := range p.Steps {
				if why = append(why, s.Why); s.Why == "" {
					t.Errorf("nothing says why to %s at the %s", s.Op, s.Side)
				}
			}
			if got := strings.Join(why, ", "); tt.why != "" && got != tt.why {
				t.Errorf("Pair() says why: %q, want %q", got, tt.why)
			}
			switch {
			case tt.code == "" && p.Problem != nil:
				t.Errorf("Pair() has the problem %+v, want none", p.Problem)
			case tt.code != "" && (p.Problem == nil || p.Problem.Code != tt.code || !strings.Contains(p.Problem.Text, tt.text)):
				t.Errorf("Pair() has the problem %+v, want %s: %s", p.Problem, tt.code, tt.text)
			}
		})
	}
}

// clone is a copy that shares nothing that could be sorted.
func clone(n peering.Network) peering.Network {
	n.Prefixes, n.Halves = slices.Clone(n.Prefixes), slices.Clone(n.Halves)
	for i := range n.Halves {
		n.Halves[i].Taken = slices.Clone(n.Halves[i].Taken)
	}
	return n
}

func TestReplanFollowsWhatChangedMeanwhile(t *testing.T) {
	spoke, hub := pair{}.networks()
	untagged := spoke
	untagged.Tags = nil
	begun := want("hub").Pair(spoke, hub)
	own := link{state: peering.Connected, own: true, access: true, forwarded: true}
	ownSpoke, ownHub := pair{own, own}.networks()
	busyHub, goneHub := clone(ownHub), clone(ownHub)
	busyHub.Halves[0].Provisioning, goneHub.Halves[0].State = "Updating", peering.Disconnected
	theirs := own
	theirs.own = false
	theirSpoke, _ := pair{theirs, own}.networks()
	removal := want("hub")
	removal.Remove = true
	gone := peering.PairPlan{Spoke: spoke.ID, Hub: hub.ID}
	tests := []struct {
		name       string
		want       peering.Want
		plan       peering.PairPlan
		spoke, hub *peering.Network
		steps      string
		code       peering.Code
		text       string
	}{
		{"as-before", want("hub"), begun, &spoke, &hub, "create spoke, create hub", "", ""},
		{"made-by-somebody", want("hub"), begun, &ownSpoke, &ownHub, "", "", ""},
		{"deleted", want("hub"), begun, nil, &hub, "", peering.CodeGone, "network spoke does not exist any more"},
		{"not-selected-any-more", want("hub"), begun, &untagged, &hub, "", peering.CodeGone, "network spoke is not selected any more"},
		{"no-hub-any-more", want("other"), begun, &spoke, &hub, "", peering.CodeGone, "not selected"},
		{"hub-deleted", want("hub"), begun, &spoke, nil, "", peering.CodeUnread, "network hub of the member does not exist"},
		{"wanted-again", removal, gone, &ownSpoke, &ownHub, "", peering.CodeKept, "wanted again"},
		{"still-not-wanted", removal, gone, new(without(ownSpoke)), &ownHub, "delete spoke, delete hub", "", ""},
		{"not-wanted-and-being-written", removal, gone, new(without(ownSpoke)), &busyHub, "", peering.CodeBusy, "is Updating"},
		{"not-wanted-and-half-of-it-somebodys", removal, gone, new(without(theirSpoke)), &ownHub, "", peering.CodeKept, "to-hub of spoke was not made by hopguard"},
		{"not-wanted-and-gone", removal, gone, nil, &goneHub, "delete hub", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.want.Replan(tt.plan, tt.spoke, tt.hub)
			if got := stepWords(p.Steps); got != tt.steps {
				t.Errorf("Replan() does %q, want %q", got, tt.steps)
			}
			if tt.code == "" && p.Problem != nil || tt.code != "" && (p.Problem == nil || p.Problem.Code != tt.code || !strings.Contains(p.Problem.Text, tt.text)) {
				t.Errorf("Replan() has the problem %+v, want %s: %s", p.Problem, tt.code, tt.text)
			}
		})
	}
}

// without is the network without its tags.
func without(n peering.Network) peering.Network {
	n.Tags = nil
	return n
}
