package config

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
)

// interfacePattern is what Linux takes as the name of a network interface.
var interfacePattern = regexp.MustCompile(`^[^/:\s]{1,15}$`)

// targets finds what is wrong in the places that a check names itself.
func (r *rules) targets(at, group string, k Check, g Group) {
	if len(k.Targets) == 0 || k.Kind == KindVMStatus || k.Kind == KindExec {
		return
	}
	var names, paths []string
	for i, m := range g.Members {
		names, paths = append(names, m.Name), append(paths, fmt.Sprintf("%s.members[%d].name", group, i))
		if _, ok := k.Targets[m.Name]; !ok && m.Name != "" {
			r.add(entry(at+".targets", m.Name), "", "a target for every member", at+".targets")
		}
	}
	serials := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(k.Targets)) {
		path, target := entry(at+".targets", name), k.Targets[name]
		if len(names) > 0 && !slices.Contains(names, name) {
			r.add(path, name, "the name of a member: "+oneOf(name, names), paths...)
		}
		r.goodTarget(at, path, target, k)
		if k.Kind == KindMeraki {
			r.unique(path, target, target, serials)
		}
	}
}

// goodTarget refuses a target that the kind cannot ask.
func (r *rules) goodTarget(at, path, target string, k Check) {
	switch k.Kind {
	case KindTCP:
		if !validAddress(target, 1, false) {
			r.add(path, withoutUser(target), "host:port, like 10.0.0.4:443", at+".kind")
		}
	case KindHTTP:
		if !validURL(target, true, "http", "https") {
			r.add(path, withoutUser(target), "an http or https URL without user and password", at+".kind")
		}
	case KindICMP:
		if a, err := netip.ParseAddr(target); err != nil || !pingable(a) {
			r.add(path, target, "an IP address like 10.0.0.4, unicast and without a zone", at+".kind")
		}
	case KindMeraki:
		if !serialPattern.MatchString(target) {
			r.add(path, target, "the serial of a device, like Q2XX-ABCD-1234", at+".kind")
		}
	case KindVMStatus, KindExec: // read none
	default:
	}
}

// from finds what is wrong in where a check asks from.
func (r *rules) from(at string, k Check) {
	if k.Interface != "" && !interfacePattern.MatchString(k.Interface) {
		r.add(at+".interface", k.Interface, "the name of a network interface, like eth0: at most 15 characters")
	}
	s := k.Source
	if !s.IsValid() {
		return
	}
	if !pingable(s) {
		r.add(at+".source", s.String(), "an address of this machine, unicast and without a zone")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(k.Targets)) {
		target, err := netip.ParseAddr(hostOf(k.Kind, k.Targets[name]))
		if err == nil && target.Is4() != s.Is4() {
			path := entry(at+".targets", name)
			r.add(at+".source", s.String(), "an address of the family of "+path+" ("+target.String()+")", path, at+".kind")
			return
		}
	}
}
