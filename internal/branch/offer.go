package branch

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
)

// The codes of a Refusal beside peering.CodeOverlap.
const (
	// CodeUnknown: what there is could not be found out, or is doubtful. Until it can be,
	// nothing of the source that is new is added, or nothing at all, and nothing is taken
	// for unwanted.
	CodeUnknown peering.Code = "branches-unknown"
	// CodeOutside: it does not lie in what the configuration allows.
	CodeOutside peering.Code = "outside"
)

// Refusal is a destination that somebody offers and that is not used, or a source that
// could not be asked.
type Refusal struct {
	// Prefix is the destination; zero if it is not about one.
	Prefix netip.Prefix `json:"prefix,omitzero"`
	// Source is who offers it, as in Prefix.
	Source string       `json:"source"`
	Code   peering.Code `json:"code"`
	// Text says why, for a person.
	Text string `json:"text"`
}

// String names the destination and its source, and says why.
func (r Refusal) String() string {
	if !r.Prefix.IsValid() {
		return r.Source + ": " + r.Text
	}
	return r.Prefix.String() + " of " + r.Source + ": " + r.Text
}

// Offer is what one network of the other side of the members says is behind it.
type Offer struct {
	// ID and Name are those of the network.
	ID, Name string
	// Own reports that it is the network of a member.
	Own      bool
	Prefixes []netip.Prefix
	// Unread says what of it could not be understood.
	Unread string
}

// label names the network for a person.
func (o Offer) label() string {
	if o.Name == "" {
		return "network " + o.ID
	}
	return "network " + o.Name
}

// Space is a part of the address space of a network in Azure.
type Space struct {
	Network appliance.ResourceID
	Prefix  netip.Prefix
}

// Filter says which offers become destinations.
type Filter struct {
	// Networks and ExcludeNetworks are names, with * and ? in them, or ids; letter case
	// does not count.
	Networks, ExcludeNetworks []string
	// Exclude are prefixes that nothing may lead to.
	Exclude []netip.Prefix
	// Within are the prefixes that a destination must lie in.
	Within []netip.Prefix
	// Wanted are destinations already: what lies in one of them needs no route.
	Wanted []Prefix
	// Spaces are the address spaces that a destination must not overlap: a route to it
	// would draw local traffic.
	Spaces []Space
	// NoV4 and NoV6 report that members have no address of the family: what is in it is
	// left out.
	NoV4, NoV6 bool
	// Blind says why Spaces may lack some: then nothing is chosen.
	Blind string
}

// Choice is what a Filter makes of offers.
type Choice struct {
	// Prefixes are in order, each one once.
	Prefixes []Prefix
	Refused  []Refusal
	// Doubtful reports that there may be more: nothing may be taken for unwanted.
	Doubtful bool
}

// Choose goes through what all networks offer. That none of them offers anything is
// taken for a mistake of who answered, not for the end of all branches. The order of the
// input has no effect.
func (f Filter) Choose(offers []Offer) Choice {
	var c Choice
	if f.Blind != "" {
		c.doubt("all networks", f.Blind)
		return c
	}
	sources := map[netip.Prefix][]string{}
	seen := 0
	for _, o := range offers {
		if o.Own || !among(f.Networks, o) || among(f.ExcludeNetworks, o) {
			continue
		}
		if o.Unread != "" {
			c.doubt(o.label(), o.Unread)
		}
		for _, p := range o.Prefixes {
			seen++
			if f.leave(p) {
				continue
			}
			if why := f.refuse(p); why != nil {
				why.Source = o.label()
				c.Refused = append(c.Refused, *why)
			} else if !slices.Contains(sources[p], o.label()) {
				sources[p] = append(sources[p], o.label())
			}
		}
	}
	for _, name := range f.Networks {
		if !strings.ContainsAny(name, "*?") && !slices.ContainsFunc(offers, func(o Offer) bool { return among([]string{name}, o) }) {
			c.doubt("network "+name, "there is no network of that name or id")
		}
	}
	if seen == 0 && !c.Doubtful {
		c.doubt("all networks", "none of them offers a subnet: taken for a mistake, because that would be the end of all branches")
	}
	for p, from := range sources {
		slices.Sort(from)
		c.Prefixes = append(c.Prefixes, Prefix{Prefix: p, Source: strings.Join(from, ", ")})
	}
	slices.SortFunc(c.Prefixes, func(a, b Prefix) int { return a.Prefix.Compare(b.Prefix) })
	slices.SortFunc(c.Refused, compareRefusals)
	c.Refused = slices.CompactFunc(c.Refused, func(a, b Refusal) bool { return a == b })
	return c
}

func (c *Choice) doubt(source, text string) {
	c.Doubtful = true
	c.Refused = append(c.Refused, Refusal{Source: source, Code: CodeUnknown, Text: text})
}

func compareRefusals(a, b Refusal) int {
	if c := a.Prefix.Compare(b.Prefix); c != 0 {
		return c
	}
	return strings.Compare(a.Source+"\n"+a.Text, b.Source+"\n"+b.Text)
}

// refuse says why a prefix must not be a destination, or nil.
func (f Filter) refuse(p netip.Prefix) *Refusal {
	r := &Refusal{Prefix: p}
	if !slices.ContainsFunc(f.Within, func(w netip.Prefix) bool { return lies(p, w) }) {
		r.Code, r.Text = CodeOutside, "it does not lie in any of "+list(f.Within)
		return r
	}
	for _, x := range f.Exclude {
		if p.Overlaps(x) {
			r.Code, r.Text = CodeOutside, fmt.Sprintf("a part of it, %s, is excluded", x)
			return r
		}
	}
	for _, s := range f.Spaces {
		if p.Overlaps(s.Prefix) {
			r.Code, r.Text = peering.CodeOverlap, fmt.Sprintf("it overlaps %s of virtual network %s: a route would draw local traffic", s.Prefix, s.Network.Name())
			return r
		}
	}
	return nil
}

// leave reports whether a prefix needs no route: a person has excluded it, members have
// no address of its family, or a wider destination of the configuration leads there.
func (f Filter) leave(p netip.Prefix) bool {
	v4 := p.Addr().Is4()
	return v4 && f.NoV4 || !v4 && f.NoV6 ||
		slices.ContainsFunc(f.Exclude, func(x netip.Prefix) bool { return lies(p, x) }) ||
		slices.ContainsFunc(f.Wanted, func(w Prefix) bool { return lies(p, w.Prefix) })
}

// lies reports whether p is in w.
func lies(p, w netip.Prefix) bool { return w.Bits() <= p.Bits() && w.Contains(p.Addr()) }

func list(prefixes []netip.Prefix) string {
	var texts []string
	for _, p := range prefixes {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ", ")
}

// among reports whether a network is one of those that names stand for.
func among(names []string, o Offer) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, o.ID) || fits(name, o.Name)
	})
}

// fits reports whether a name with * and ? in it stands for another one. Nothing else in
// it has a meaning, because people call their networks whatever they like.
func fits(glob, name string) bool {
	pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(glob))
	re, err := regexp.Compile("(?is)^" + pattern + "$")
	return err == nil && re.MatchString(name)
}
