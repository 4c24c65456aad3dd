package peering_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
)

const (
	group = appliance.GroupName("emea")
	base  = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/"
)

func id(name string) appliance.ResourceID { return appliance.ResourceID(base + name) }

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// tagged is a network that the selection of emea selects.
func tagged(name, prefix string, halves ...peering.Half) peering.Network {
	return peering.Network{ID: id(name), State: "Succeeded", Tags: map[string]string{"nva_ha_spoke": "emea"}, Prefixes: prefixes(prefix), Halves: halves}
}

func hubNetwork(name, prefix string, halves ...peering.Half) peering.Network {
	n := tagged(name, prefix, halves...)
	n.Tags = nil
	return n
}

func want(hubs ...string) peering.Want {
	w := peering.Want{Group: group, Selection: peering.Selection{TagName: "nva_ha_spoke", TagValue: "emea"}}
	for _, h := range hubs {
		w.Hubs = append(w.Hubs, peering.Hub{Network: id(h), Members: []appliance.MemberName{appliance.MemberName("vmx-" + h)}})
	}
	return w
}

// link is one half in the model of Azure below; the zero value is a missing one. It
// can be compared, so that states can be searched.
type link struct {
	state                   peering.State
	own, access, forwarded  bool
	stale, failed, gateways bool
}

// pair is both halves: the spoke's and the hub's.
type pair [2]link

// put is a PUT of a half: what Azure allows and what it does then, as the recordings
// and the documentation say. It is written without a look at the planner.
func (p pair) put(side int, sync bool, flags []string) (pair, bool) {
	mine, other := p[side], p[1-side]
	if mine.state == peering.Disconnected || other.state == peering.Disconnected {
		return p, false
	}
	if mine.state == "" {
		mine = link{own: true, access: true, forwarded: true}
	} else if sync {
		mine.stale = false
	}
	for _, f := range flags {
		switch f {
		case "allowVirtualNetworkAccess":
			mine.access = true
		case "allowForwardedTraffic":
			mine.forwarded = true
		}
	}
	mine.failed, mine.state = false, peering.Initiated
	if other.state != "" {
		mine.state, other.state = peering.Connected, peering.Connected
	}
	p[side], p[1-side] = mine, other
	return p, true
}

// del is a DELETE of a half.
func (p pair) del(side int) (pair, bool) {
	if p[side].state == "" {
		return p, false
	}
	p[side] = link{}
	if p[1-side].state != "" {
		p[1-side].state = peering.Disconnected
	}
	return p, true
}

// works reports whether the pair carries the group's traffic.
func (p pair) works() bool {
	for side, l := range p {
		if l.state != peering.Connected || l.stale || l.failed || !l.access {
			return false
		}
		if (l.own || side == 0) && !l.forwarded {
			return false
		}
	}
	return true
}

// fewest returns with how many writes the pair can be made to work without deleting
// or changing the flags of what others have built on; -1 if it cannot.
func (p pair) fewest() int {
	type at struct {
		p pair
		n int
	}
	seen := map[pair]bool{p: true}
	for queue := []at{{p, 0}}; len(queue) > 0; queue = queue[1:] {
		here := queue[0]
		if here.p.works() {
			return here.n
		}
		var next []pair
		for side, l := range here.p {
			for _, sync := range []bool{false, true} {
				var flags []string
				if l.own {
					flags = []string{"allowVirtualNetworkAccess", "allowForwardedTraffic"}
				}
				if q, ok := here.p.put(side, sync, flags); ok {
					next = append(next, q)
				}
			}
			if q, ok := here.p.del(side); ok && l.own && !l.gateways {
				next = append(next, q)
			}
		}
		for _, q := range next {
			if !seen[q] {
				seen[q] = true
				queue = append(queue, at{q, here.n + 1})
			}
		}
	}
	return -1
}

// do makes the steps of a plan.
func (p pair) do(steps []peering.Step) (pair, error) {
	for _, s := range steps {
		side := map[peering.Side]int{peering.AtSpoke: 0, peering.AtHub: 1}[s.Side]
		was, ok := p[side], false
		next := p
		switch s.Op {
		case peering.OpCreate:
			if was.state == "" {
				next, ok = p.put(side, false, nil)
			}
		case peering.OpWrite:
			if was.state != "" && (was.own || len(s.Flags) == 0) {
				next, ok = p.put(side, s.Sync, s.Flags)
			}
		case peering.OpDelete:
			if was.own && !was.gateways {
				next, ok = p.del(side)
			}
		}
		if !ok {
			return p, fmt.Errorf("%s of %s at the %s is impossible in %+v", s.Op, s.Name, s.Side, p)
		}
		p = next
	}
	return p, nil
}

// half is a link as a plan reads it. The sync level is that of the service: local if
// this half is behind, remote if the other is.
func (p pair) half(side int, local, remote peering.Network) (peering.Half, bool) {
	l, other := p[side], p[1-side]
	if l.state == "" {
		return peering.Half{}, false
	}
	h := peering.Half{
		Network: local.ID, Remote: remote.ID, Name: "to-" + remote.ID.Name(), ETag: `W/"1"`, State: l.state, Provisioning: "Succeeded",
		Access: l.access, Forwarded: l.forwarded, Gateway: l.gateways, Taken: remote.Prefixes,
	}
	if l.own {
		h.Name = peering.Name(group, remote.ID)
	}
	if l.failed {
		h.Provisioning = "Failed"
	}
	if l.stale {
		h.Taken = prefixes("192.168.255.0/24")
	}
	switch {
	case other.state == "":
		h.Sync = peering.RemoteNotInSync
	case l.stale && other.stale:
		h.Sync = peering.LocalAndRemoteNotInSync
	case l.stale:
		h.Sync = peering.LocalNotInSync
	case other.stale:
		h.Sync = peering.RemoteNotInSync
	default:
		h.Sync = peering.FullyInSync
	}
	h.Raw = rawHalf(h)
	return h, true
}

func rawHalf(h peering.Half) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"name":%q,"properties":{"remoteVirtualNetwork":{"id":%q},"allowVirtualNetworkAccess":%t,"allowForwardedTraffic":%t,"allowGatewayTransit":%t,"younger":{"than":"we"}}}`,
		h.Name, h.Remote, h.Access, h.Forwarded, h.Gateway))
}

// allLinks are all links that can be told apart.
func allLinks() []link {
	out := []link{{}}
	for _, state := range []peering.State{peering.Initiated, peering.Connected, peering.Disconnected} {
		for bits := range 1 << 5 {
			on := func(i int) bool { return bits>>i&1 == 1 }
			l := link{state: state, own: on(0), access: true, forwarded: !on(1), stale: on(2), failed: on(3), gateways: on(4)}
			if on(1) && on(4) {
				l.access = false // both flags and gateways: one more kind
			}
			out = append(out, l)
		}
	}
	return out
}

func stepWords(steps []peering.Step) string {
	var out []string
	for _, s := range steps {
		var w strings.Builder
		w.WriteString(string(s.Op) + " " + string(s.Side))
		if s.Sync {
			w.WriteString(" sync")
		}
		for _, f := range s.Flags {
			w.WriteString(" " + f)
		}
		out = append(out, w.String())
	}
	return strings.Join(out, ", ")
}
