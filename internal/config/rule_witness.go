package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// witness finds what is wrong in the witness of a group.
func (r *rules) witness(at string, g Group) {
	w := g.Witness
	if len(w.Targets) == 0 {
		if w.Timeout != 0 {
			r.add(at+".witness.timeout", short(w.Timeout), "none, because there are no witness.targets", at+".witness.targets")
		}
		return
	}
	var needs []string
	for i := range g.Checks {
		needs = append(needs, fmt.Sprintf("%s.checks[%d].kind", at, i), fmt.Sprintf("%s.checks[%d].interval", at, i))
	}
	good := r.duration(at+".witness.timeout", w.Timeout, leastPause)
	switch i, least := g.dataPath(); {
	case i < 0:
		r.add(at+".witness.targets", "[…]", "none, or a check of the data path (tcp, http, icmp or exec): only there can this machine be at fault", append(needs, at+".checks")...)
	case good && least > 0 && w.Timeout > least:
		r.add(at+".witness.timeout", short(w.Timeout), fmt.Sprintf("at most the interval of %s.checks[%d] (%s), because a round waits for the witness", at, i, short(least)), needs...)
	default:
	}
	members, seen := g.hosts(at), make(map[string]string)
	for i, target := range w.Targets {
		path := fmt.Sprintf("%s.witness.targets[%d]", at, i)
		kind, where, ok := SplitWitness(target)
		if !ok {
			r.add(path, withoutUser(target), "tcp://host:port, icmp://address, or an http or https URL without user and password")
			continue
		}
		if other := members[hostOf(kind, where)]; other != "" {
			r.add(path, target, "a host that depends on no member: "+other+" is the same", other)
		}
		r.unique(path, target, target, seen)
	}
}

// hosts returns the hosts that depend on members, each with a setting that names it.
func (g Group) hosts(at string) map[string]string {
	hosts := make(map[string]string)
	for i, k := range g.Checks {
		for _, name := range slices.Sorted(maps.Keys(k.Targets)) {
			if host := hostOf(k.Kind, k.Targets[name]); host != "" {
				hosts[host] = entry(fmt.Sprintf("%s.checks[%d].targets", at, i), name)
			}
		}
	}
	for i, m := range g.Members {
		for j, h := range m.Hops {
			if h.Address.IsValid() {
				hosts[h.Address.String()] = fmt.Sprintf("%s.members[%d].hops[%d].address", at, i, j)
			}
		}
	}
	return hosts
}

// hostOf returns the host of a target in a form that can be compared, or "" if it has none.
func hostOf(kind Kind, target string) string {
	host := ""
	switch kind {
	case KindTCP:
		host, _, _ = net.SplitHostPort(target)
	case KindHTTP:
		if u, err := url.Parse(target); err == nil {
			host = u.Hostname()
		}
	case KindICMP:
		host = target
	case KindVMStatus, KindMeraki, KindExec: // no host
	default:
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
