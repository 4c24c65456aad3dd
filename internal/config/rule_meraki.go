package config

import (
	"fmt"
	"regexp"
	"strconv"
)

// maxRequests is what all applications of a Meraki organization may ask together, in a second.
const maxRequests = 10

var (
	organizationPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	serialPattern       = regexp.MustCompile(`^Q[A-Z0-9]{3}-[A-Z0-9]{4}-[A-Z0-9]{4}$`)
)

// meraki finds what is wrong in the section meraki.
func (r *rules) meraki(m Meraki) {
	if m.BaseURL != "" && !secureURL(m.BaseURL, false) {
		r.add("meraki.baseURL", withoutUser(m.BaseURL), "an absolute https URL like https://api.meraki.com/api/v1; plain http only to this machine")
	}
	if m.Organization != "" && !organizationPattern.MatchString(m.Organization) {
		r.add("meraki.organization", m.Organization, "the id of an organization, like 1234567")
	}
	p := m.place()
	r.placeForm(p)
	if m.Organization == "" {
		for _, path := range p.given() {
			r.add(path, hidden, "no key, because meraki.organization is not set; or set it", "meraki.organization")
		}
	} else {
		r.onePlace(p, "meraki.organization")
		if len(p.given()) == 0 {
			r.add(p.setting, "", "one of meraki.key, meraki.keyEnv, meraki.keyFile or meraki.keyVault, because meraki.organization is set", "meraki.organization")
		}
	}
	if !(m.RequestsPerSecond > 0 && m.RequestsPerSecond <= maxRequests) { // so that no number is refused too
		r.add("meraki.requestsPerSecond", strconv.FormatFloat(m.RequestsPerSecond, 'f', -1, 64), fmt.Sprintf("a number above 0 and at most %d", maxRequests))
	}
}

// merakiVote finds what is wrong in a group that asks Meraki's cloud: its word alone must not move traffic.
func (r *rules) merakiVote(at string, g Group, m Meraki) {
	first, count := 0, 0
	var kinds []string
	for i, k := range g.Checks {
		kinds = append(kinds, fmt.Sprintf("%s.checks[%d].kind", at, i))
		if k.Kind != KindMeraki {
			continue
		}
		if count++; count == 1 {
			first = i
		}
	}
	const because = "a meraki failure counts only beside the failure of another check"
	switch {
	case count == 0:
		return
	case count == len(g.Checks):
		r.add(at+".checks", "only meraki", `a check of another kind too: "offline" only means that the cloud has not heard of a device`, kinds...)
	case g.Vote == VoteAny:
		r.add(at+".vote", string(g.Vote), "quorum with quorum: 2 or more, or all: "+because, kinds...)
	case g.Vote == VoteQuorum && g.Quorum == 1:
		r.add(at+".quorum", "1", "2 or more, or vote: all: "+because, append(kinds, at+".vote")...)
	default:
	}
	if m.Organization == "" {
		r.add("meraki.organization", "", fmt.Sprintf("the id of the organization, because %s.checks[%d] is a meraki check", at, first), kinds[first])
	}
}

// events finds what is wrong in the section events.
func (r *rules) events(c Config) {
	var first string
	for _, p := range c.Events.places() {
		r.placeForm(p)
		r.onePlace(p)
		if given := p.given(); first == "" && len(given) > 0 {
			first = given[0]
		}
	}
	if first != "" && c.API.Listen == "" {
		r.add("api.listen", "", "host:port, because "+first+" is set: events come in there", first)
	}
}
