package config

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// finding is a broken rule. It holds only if the values at the paths in needs could be read.
type finding struct {
	Problem
	needs []string
}

// rules collects what is wrong.
type rules struct{ findings []finding }

// add notes that value at path breaks a rule; needs are the other paths that the rule looks at.
func (r *rules) add(path, value, want string, needs ...string) {
	r.findings = append(r.findings, finding{Problem{Path: path, Value: value, Want: want}, needs})
}

// Validate reports everything that is wrong with a complete configuration as a *Problems, or nil. It looks at no file, but
// for those of the system's time zones, and no variable; Load does that too.
func (c Config) Validate() error {
	var list []Problem
	for _, f := range c.check() {
		list = append(list, f.Problem)
	}
	return problems("", list)
}

// check finds every broken rule of the configuration alone.
func (c Config) check() []finding {
	var r rules
	r.texts("", reflect.ValueOf(c))
	r.azure(c.Azure)
	r.meraki(c.Meraki)
	r.events(c)
	r.notify(c.Notify)
	r.store(c.Store, c.Replicas)
	r.functions(c.Functions)
	r.word("log.level", c.Log.Level)
	r.word("log.format", c.Log.Format)
	if c.API.Listen != "" && !validAddress(c.API.Listen, 0, true) {
		r.add("api.listen", c.API.Listen, "host:port, like 127.0.0.1:8080 or :8080")
	}
	if len(c.Groups) == 0 {
		r.add("groups", "", "at least one group")
	}
	names, tags := make(map[string]string), make(map[string]string)
	for i, g := range c.Groups {
		at := fmt.Sprintf("groups[%d]", i)
		r.group(at, g)
		r.merakiVote(at, g, c.Meraki)
		r.spokes(at+".spokes", g, c.Azure.Subscriptions)
		r.routeTable(at, g)
		r.merakiBranches(at, g, c.Meraki)
		r.unique(at+".name", g.Name, g.Name, names)
		if tag := g.Routes.Tag; tag.Name != "" && tag.Value != "" {
			key := strings.ToLower(tag.Name) + "=" + tag.Value
			if first := tags[key]; first != "" {
				r.add(at+".routes.tag.value", tag.Value,
					"a tag that no other group has: "+first+".routes.tag is the same, and a table belongs to one group",
					at+".name", at+".routes.tag.name", first+".routes.tag", first+".name")
			} else {
				tags[key] = at
			}
		}
	}
	return r.findings
}

// texts refuses, in every text under v, what cannot be written to a line of YAML or of a log.
func (r *rules) texts(path string, v reflect.Value) {
	switch {
	case formOf(v.Type()) == formStruct:
		for i, key := range keysOf(v.Type()) {
			r.texts(join(path, key), v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			r.texts(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case v.Kind() == reflect.Map:
		for key, item := range v.Seq2() {
			r.texts(entry(path, key.String()), key)
			r.texts(entry(path, key.String()), item)
		}
	case v.Kind() == reflect.String && !printable(v.String()):
		r.add(path, discreet(path, v.String()), "a text of printable characters")
	default: // numbers, addresses and good texts
	}
}

// printable reports whether s is UTF-8 without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == '\ufeff' })
}

// word refuses what is not one of the words of the type.
func (r *rules) word(path string, w worded) {
	text := reflect.ValueOf(w).String()
	if !slices.Contains(w.words(), text) {
		r.add(path, text, oneOf(text, w.words()))
	}
}

// unique refuses a value whose key was seen before; seen keeps the path of the first.
func (r *rules) unique(path, value, key string, seen map[string]string) {
	if value == "" {
		return
	}
	if first := seen[key]; first != "" {
		r.add(path, value, "a value of its own: "+first+" is the same", first)
		return
	}
	seen[key] = path
}

// longest is the longest duration that a setting may have: more is a mistake, and could overflow in sums.
const longest = 30 * 24 * time.Hour

// duration refuses what is shorter than least or longer than longest; least 0 means anything above zero. It reports
// whether the value is good, so that rules about two durations judge only good ones.
func (r *rules) duration(path string, d, least time.Duration) bool {
	return r.between(path, d, least, longest)
}

// between is duration with another longest.
func (r *rules) between(path string, d, least, most time.Duration) bool {
	switch {
	case d <= 0:
		r.add(path, short(d), "a duration above zero, like 10s")
	case d < least:
		r.add(path, short(d), "at least "+short(least))
	case d > most:
		r.add(path, short(d), "at most "+short(most))
	default:
		return true
	}
	return false
}

// number refuses what is outside least..most, and reports whether the value is good.
func (r *rules) number(path string, n, least, most int) bool {
	if n < least || n > most {
		r.add(path, strconv.Itoa(n), fmt.Sprintf("a whole number from %d to %d", least, most))
		return false
	}
	return true
}

// short prints a duration as people write it: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// validAddress reports whether s is host:port with a port from least up; the host may be missing if anyHost.
func validAddress(s string, least int, anyHost bool) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" && !anyHost || strings.ContainsAny(host, "/@ ") {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && wholePattern.MatchString(port) && n >= least && n <= 65535
}

// validURL reports whether s is an absolute URL of one of the schemes with a host, and without user, query or fragment
// unless query is allowed.
func validURL(s string, query bool, schemes ...string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(s, " ") {
		return false
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return false
		}
	}
	if !query && (u.RawQuery != "" || u.ForceQuery) {
		return false
	}
	for _, scheme := range schemes {
		if strings.HasPrefix(s, scheme+"://") {
			return true
		}
	}
	return false
}

// discreet returns what a message may show of the value at path: nothing that is or could be meant as a secret. A secret
// is easily written where its variable or file belongs.
func discreet(path, value string) string {
	if isSecret(path) {
		return hidden
	}
	value = withoutUser(value)
	if at := strings.IndexByte(value, '?'); at >= 0 && path == "store.account" {
		return value[:at+1] + hidden // a signature belongs in store.sasURL
	}
	return value
}

// withoutUser returns a URL with what looks like a user and password taken out: a message may show the rest.
func withoutUser(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	} else {
		scheme += "://"
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if at := strings.LastIndex(rest[:end], "@"); at >= 0 {
		return scheme + hidden + rest[at:]
	}
	return s
}
