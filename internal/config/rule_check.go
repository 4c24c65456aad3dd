package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// leastPause is the shortest time between two data-path checks.
	leastPause = 10 * time.Millisecond
	// leastStatusPause is the shortest time between two reads of a machine's state: Azure allows few, and shares them out
	// between all who ask.
	leastStatusPause = time.Second

	maxCount = 100 // of Fall and Rise
)

// checkOf finds what is wrong in one check of group g, whose path is group.
func (r *rules) checkOf(at, group string, k Check, g Group) {
	if (k.Name != "" || k.Kind != "") && !wordPattern.MatchString(k.Name) {
		r.add(at+".name", k.Name, wantName, at+".kind")
	}
	r.word(at+".kind", k.Kind)
	r.timing(at, group, k, g.Policy)
	switch k.Kind {
	case KindVMStatus:
		r.unused(at, k, "port", "targets", "url", "status", "body", "insecureSkipVerify", "serverName")
	case KindTCP:
		r.unused(at, k, "url", "status", "body", "insecureSkipVerify", "serverName")
		r.where(at, k, "port", "targets")
	case KindHTTP:
		r.where(at, k, "port", "targets", "url")
		r.http(at, k)
	default: // reported above
	}
	r.targets(at, group, k, g)
}

// timing finds what is wrong in the durations and counts, each and together.
func (r *rules) timing(at, group string, k Check, p Policy) {
	least := leastPause
	if k.Kind == KindVMStatus {
		least = leastStatusPause
	}
	interval := r.duration(at+".interval", k.Interval, least)
	if r.duration(at+".timeout", k.Timeout, leastPause) && interval && k.Timeout >= k.Interval {
		r.add(at+".timeout", short(k.Timeout), "less than interval ("+short(k.Interval)+")", at+".interval")
	}
	confirm := r.duration(at+".confirmInterval", k.ConfirmInterval, least)
	if confirm && interval && k.ConfirmInterval > k.Interval {
		r.add(at+".confirmInterval", short(k.ConfirmInterval), "at most interval ("+short(k.Interval)+")", at+".interval")
	}
	fall := r.number(at+".fall", k.Fall, 1, maxCount)
	r.number(at+".rise", k.Rise, 1, maxCount)
	if settle := time.Duration(k.Fall) * k.ConfirmInterval; fall && confirm && p.HoldDown > 0 && settle >= p.HoldDown {
		// Otherwise the hold-down ends before the other member can have been found down.
		r.add(at+".fall", strconv.Itoa(k.Fall),
			fmt.Sprintf("fall x confirmInterval (%s) below policy.holdDown (%s)", short(settle), short(p.HoldDown)),
			at+".confirmInterval", group+".policy.holdDown")
	}
}

// unused refuses settings that the kind does not read: whoever wrote them believes in a check that is not made.
func (r *rules) unused(at string, k Check, keys ...string) {
	given := map[string]string{"url": k.URL, "body": k.Body, "serverName": k.ServerName}
	if k.Port != 0 {
		given["port"] = strconv.Itoa(k.Port)
	}
	if len(k.Targets) > 0 {
		given["targets"] = "{…}"
	}
	if len(k.Status) > 0 {
		given["status"] = "[…]"
	}
	if k.InsecureSkipVerify {
		given["insecureSkipVerify"] = "true"
	}
	for _, key := range keys {
		if given[key] != "" {
			r.add(at+"."+key, withoutUser(given[key]), "nothing: a "+string(k.Kind)+" check does not read it", at+".kind")
		}
	}
}

// where refuses a check that does not say in exactly one way whom to ask.
func (r *rules) where(at string, k Check, ways ...string) {
	var given, needs []string
	for _, way := range ways {
		needs = append(needs, at+"."+way)
		if way == "port" && k.Port != 0 || way == "targets" && len(k.Targets) > 0 || way == "url" && k.URL != "" {
			given = append(given, way)
		}
	}
	if len(given) != 1 {
		r.add(at, strings.Join(given, ", "), "exactly one of "+orList(ways)+" in a "+string(k.Kind)+" check", append(needs, at+".kind")...)
	}
	if k.Port != 0 {
		r.number(at+".port", k.Port, 1, 65535)
	}
}

// targets finds what is wrong in the places that a check names itself.
func (r *rules) targets(at, group string, k Check, g Group) {
	if len(k.Targets) == 0 || k.Kind != KindTCP && k.Kind != KindHTTP {
		return
	}
	var names, paths []string
	for i, m := range g.Members {
		names, paths = append(names, m.Name), append(paths, fmt.Sprintf("%s.members[%d].name", group, i))
		if _, ok := k.Targets[m.Name]; !ok && m.Name != "" {
			r.add(entry(at+".targets", m.Name), "", "a target for every member", at+".targets")
		}
	}
	for name, target := range k.Targets {
		path := entry(at+".targets", name)
		if len(names) > 0 && !slices.Contains(names, name) {
			r.add(path, name, "the name of a member: "+oneOf(name, names), paths...)
		}
		switch {
		case k.Kind == KindTCP && !validAddress(target, 1, false):
			r.add(path, withoutUser(target), "host:port, like 10.0.0.4:443", at+".kind")
		case k.Kind == KindHTTP && !validURL(target, true, "http", "https"):
			r.add(path, withoutUser(target), "an http or https URL without user and password", at+".kind")
		default:
		}
	}
}

// http finds what is wrong in the settings of an http check.
func (r *rules) http(at string, k Check) {
	if k.URL != "" {
		// The mark must be the host: elsewhere in the URL every member would be asked at the same place.
		const stand = "192.0.2.1"
		filled := strings.ReplaceAll(k.URL, addressMark, stand)
		u, err := url.Parse(filled)
		if !validURL(filled, true, "http", "https") || err != nil || u.Host != stand && !strings.HasPrefix(u.Host, stand+":") || !strings.Contains(k.URL, "//"+addressMark) {
			r.add(at+".url", withoutUser(k.URL), "an http or https URL with {address} as host, like https://{address}:8443/health")
		}
	}
	if len(k.Status) == 0 {
		r.add(at+".status", "", "at least one status code")
	}
	seen := make(map[string]string)
	for i, code := range k.Status {
		path := fmt.Sprintf("%s.status[%d]", at, i)
		if r.number(path, code, 100, 599) {
			r.unique(path, strconv.Itoa(code), strconv.Itoa(code), seen)
		}
	}
	if k.ServerName != "" && !tenantPattern.MatchString(k.ServerName) {
		r.add(at+".serverName", k.ServerName, "a host name")
	}
}
