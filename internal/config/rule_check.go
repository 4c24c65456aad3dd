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
	// leastPause is the shortest duration of a data-path check: between two in a row of failures, and of waiting for one.
	leastPause = 10 * time.Millisecond

	maxCount = 100         // of Fall and Rise
	maxFresh = 4 * longest // holds three of the longest intervals and a timeout
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
		r.reads(at, k)
	case KindTCP:
		r.reads(at, k, "port", "targets", "source", "interface")
		r.where(at, k, "port", "targets")
	case KindHTTP:
		r.reads(at, k, "port", "targets", "url", "status", "body", "insecureSkipVerify", "serverName", "caFile", "source", "interface")
		r.where(at, k, "port", "targets", "url")
		r.http(at, k)
	case KindICMP:
		r.reads(at, k, "targets", "source", "interface")
	case KindMeraki:
		r.reads(at, k, "targets", "ping")
		if len(k.Targets) == 0 {
			r.add(at+".targets", "", "the serial of each member's device", at+".kind")
		}
	case KindExec:
		r.reads(at, k, "command")
		r.command(at, k)
	default: // reported above
	}
	r.from(at, k)
	r.targets(at, group, k, g)
}

// leastPauses are the shortest time between two checks of the kind, and between two in a row of failures. Azure allows few
// reads of a machine's state, and shares them out between all who ask; answers of Meraki's cloud are shared for a second; a
// command costs a process.
func (k Kind) leastPauses() (interval, confirm time.Duration) {
	switch k {
	case KindVMStatus:
		return time.Second, time.Second
	case KindMeraki:
		return 5 * time.Second, 2 * time.Second
	case KindExec:
		return time.Second, 100 * time.Millisecond
	case KindTCP, KindHTTP, KindICMP:
		return 100 * time.Millisecond, leastPause
	default: // a kind that Validate refuses
		return leastPause, leastPause
	}
}

// timing finds what is wrong in the durations and counts, each and together.
func (r *rules) timing(at, group string, k Check, p Policy) {
	least, leastConfirm := k.Kind.leastPauses()
	interval := r.duration(at+".interval", k.Interval, least)
	timeout := r.duration(at+".timeout", k.Timeout, leastPause)
	if timeout && interval && k.Timeout >= k.Interval {
		r.add(at+".timeout", short(k.Timeout), "less than interval ("+short(k.Interval)+")", at+".interval")
	}
	confirm := r.duration(at+".confirmInterval", k.ConfirmInterval, leastConfirm)
	if confirm && interval && k.ConfirmInterval > k.Interval {
		r.add(at+".confirmInterval", short(k.ConfirmInterval), "at most interval ("+short(k.Interval)+")", at+".interval")
	}
	fall := r.number(at+".fall", k.Fall, 1, maxCount)
	r.number(at+".rise", k.Rise, 1, maxCount)
	if wait := k.Interval + k.Timeout; interval && timeout && r.between(at+".fresh", k.Fresh, 0, maxFresh) && k.Fresh < wait {
		r.add(at+".fresh", short(k.Fresh), "at least interval + timeout ("+short(wait)+"): no newer answer can be sure to come before that",
			at+".interval", at+".timeout")
	}
	if settle := time.Duration(k.Fall) * k.ConfirmInterval; fall && confirm && p.HoldDown > 0 && settle >= p.HoldDown {
		// Otherwise the hold-down ends before the other member can have been found down.
		r.add(at+".fall", strconv.Itoa(k.Fall),
			fmt.Sprintf("fall x confirmInterval (%s) below policy.holdDown (%s)", short(settle), short(p.HoldDown)),
			at+".confirmInterval", group+".policy.holdDown")
	}
}

// reads refuses every setting that the kind does not read: whoever wrote it believes in a check that is not made.
func (r *rules) reads(at string, k Check, keys ...string) {
	given := map[string]string{"url": k.URL, "body": k.Body, "serverName": k.ServerName, "caFile": k.CAFile, "interface": k.Interface}
	if k.Port != 0 {
		given["port"] = strconv.Itoa(k.Port)
	}
	if len(k.Targets) > 0 {
		given["targets"] = "{…}"
	}
	if len(k.Status) > 0 {
		given["status"] = "[…]"
	}
	if len(k.Command) > 0 {
		given["command"] = "[…]"
	}
	if k.InsecureSkipVerify {
		given["insecureSkipVerify"] = "true"
	}
	if k.Ping {
		given["ping"] = "true"
	}
	if k.Source.IsValid() {
		given["source"] = k.Source.String()
	}
	article := "a "
	if k.Kind == KindICMP || k.Kind == KindExec {
		article = "an "
	}
	for key, value := range given {
		if value != "" && !slices.Contains(keys, key) {
			r.add(at+"."+key, withoutUser(value), "nothing: "+article+string(k.Kind)+" check does not read it", at+".kind")
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

// command finds what is wrong in what an exec check runs. Arguments are not shown.
func (r *rules) command(at string, k Check) {
	switch {
	case len(k.Command) == 0:
		r.add(at+".command", "", "a command and its arguments: at least one item", at+".kind")
	case k.Command[0] == "":
		r.add(at+".command[0]", "", "a path, or a name to look for in PATH", at+".kind")
	default:
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
	if k.CAFile != "" && k.InsecureSkipVerify {
		r.add(at+".caFile", k.CAFile, "no file, because insecureSkipVerify accepts any certificate", at+".insecureSkipVerify")
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
