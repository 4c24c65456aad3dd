package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/branch"
	"hopguard/internal/config"
	"hopguard/internal/meraki"
	"hopguard/internal/peering"
)

// cloudPatience is how long a scan waits for the Meraki cloud. The next one asks again.
const cloudPatience = 30 * time.Second

// cloudBranches are the destinations that networks of a Meraki organization offer.
type cloudBranches struct {
	client       *meraki.Client
	organization meraki.OrganizationID
	filter       branch.Filter
	// members are those whose networks must be among those of the organization, by the
	// serial of their device in capitals, and own all that may be.
	members, own map[string]appliance.MemberName
}

// newCloudBranches wires the branches of a group. The members' devices are those of its
// meraki checks.
func newCloudBranches(c config.Group, d *devices) cloudBranches {
	m := c.Branches.Meraki
	b := cloudBranches{client: d.client, organization: d.organization, own: map[string]appliance.MemberName{}}
	for _, k := range c.Checks {
		if k.Kind != config.KindMeraki {
			continue
		}
		for member, serial := range k.Targets {
			b.own[strings.ToUpper(serial)] = appliance.MemberName(member)
		}
	}
	b.members = b.own
	if id := meraki.OrganizationID(m.Organization); id != "" && id != d.organization {
		b.organization, b.members = id, nil // the checks ask another one
	}
	b.filter.Networks, b.filter.Within = m.Networks, m.Within
	b.filter.ExcludeNetworks, b.filter.Exclude = m.Excluded()
	return b
}

// Prefixes asks the cloud. While it is in trouble, or its answer is doubtful, nothing is
// said to be there, and that there may be more.
func (b cloudBranches) Prefixes(ctx context.Context, around branch.Filter) branch.Choice {
	filter := b.filter
	filter.Wanted, filter.Spaces, filter.NoV4, filter.NoV6, filter.Blind = around.Wanted, around.Spaces, around.NoV4, around.NoV6, around.Blind
	if filter.Blind != "" {
		return filter.Choose(nil)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cloudPatience, fmt.Errorf("no answer within %s", cloudPatience))
	defer cancel()
	exports, err := b.client.Exports(ctx, b.organization)
	if err != nil {
		return b.unknown(lasting(err))
	}
	missing := maps.Clone(b.members)
	var offers []branch.Offer
	for _, e := range exports {
		serial := strings.ToUpper(string(e.Serial))
		_, own := b.own[serial]
		delete(missing, serial)
		offers = append(offers, branch.Offer{ID: string(e.Network), Name: e.Name, Own: own, Prefixes: e.Prefixes, Unread: e.Unread})
	}
	for _, serial := range slices.Sorted(maps.Keys(missing)) {
		return b.unknown(fmt.Sprintf("it has no network with the device %s of member %s: which networks are no branches is not known", serial, missing[serial]))
	}
	return filter.Choose(offers)
}

// unknown is the choice while nothing is known.
func (b cloudBranches) unknown(why string) branch.Choice {
	return branch.Choice{Doubtful: true, Refused: []branch.Refusal{{
		Source: "Meraki organization " + string(b.organization), Code: branch.CodeUnknown, Text: why,
	}}}
}

// lasting is the text of an error of the cloud without what is different each time, so
// that one outage is one line in the log.
func lasting(err error) string {
	if e, ok := errors.AsType[*meraki.APIError](err); ok {
		plain := *e
		plain.RequestID, plain.RetryAfter = "", 0
		return plain.Error()
	}
	if errors.Is(err, meraki.ErrThrottled) {
		return meraki.ErrThrottled.Error()
	}
	return err.Error()
}

// around says what destinations must not overlap: the networks that are to be routed, and
// those of members. err is what kept networks from being read.
func around(want peering.Want, view peering.View, err error) branch.Filter {
	var f branch.Filter
	concerns := func(id appliance.ResourceID, tags map[string]string) bool {
		return want.Selection.Selects(id, tags) || slices.ContainsFunc(want.Hubs, func(h peering.Hub) bool { return h.Network.Equal(id) })
	}
	for _, n := range view.Networks {
		if !concerns(n.ID, n.Tags) {
			continue
		}
		for _, p := range n.Prefixes {
			f.Spaces = append(f.Spaces, branch.Space{Network: n.ID, Prefix: p})
		}
	}
	const blind = "not all virtual networks could be read, so whether a branch overlaps one is not known"
	switch i := slices.IndexFunc(view.Unread, func(u peering.Unread) bool { return concerns(u.Network, u.Tags) }); {
	case err != nil:
		f.Blind = blind
	case i >= 0:
		f.Blind = fmt.Sprintf("%s: %s", blind, view.Unread[i].Network.Name())
	case len(want.Unplaced) > 0:
		f.Blind = fmt.Sprintf("the virtual network of member %s is not known, so whether a branch overlaps it is not either", want.Unplaced[0])
	}
	return f
}

// changes are what a write of a table was for, for the log.
func changes(plan branch.Plan, table appliance.ResourceID) []any {
	i := slices.IndexFunc(plan.Tables, func(t branch.TablePlan) bool { return t.Table.Equal(table) })
	if i < 0 {
		return nil
	}
	var facts []any
	for _, c := range []struct {
		key    string
		routes []branch.Route
	}{{"added", plan.Tables[i].Add}, {"removed", plan.Tables[i].Remove}} {
		var texts []string
		for _, r := range c.routes {
			text := r.Prefix.String()
			if r.Source != "" {
				text += " (" + r.Source + ")"
			}
			texts = append(texts, text)
		}
		if len(texts) > 0 {
			facts = append(facts, c.key, texts)
		}
	}
	return facts
}
