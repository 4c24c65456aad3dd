package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	maxContainer = 63
	maxPrefix    = 256 // a blob's name has at most 1024 characters, and ours goes on behind it

	leastBlobTimeout, longestBlobTimeout = time.Second, 30 * time.Second
	leastLease, longestLease             = 15 * time.Second, time.Minute
)

// Patterns of names in blob storage; schema.json says the same.
var (
	containerPattern = regexp.MustCompile(`^[a-z0-9](-[a-z0-9]|[a-z0-9]{2}|[a-z0-9]-[a-z0-9])(-?[a-z0-9])*$`)
	prefixPattern    = regexp.MustCompile(`^[A-Za-z0-9._-]*[A-Za-z0-9_-](/[A-Za-z0-9._-]*[A-Za-z0-9_-])*$`)
	replicaPattern   = regexp.MustCompile(`^[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-]$`)
)

// store finds what is wrong in the sections store and replicas.
func (r *rules) store(s Store, own Replicas) {
	r.word("store.kind", s.Kind)
	switch s.Kind {
	case StoreFile:
		if s.Path == "" {
			r.add("store.path", "", "a folder, because store.kind is file", "store.kind")
		}
		r.notShared(s, own)
	case StoreMemory:
		r.noPath(s)
		r.notShared(s, own)
	case StoreBlob:
		r.noPath(s)
		r.blob(s)
		r.replicas(own)
	default: // reported above; what belongs to it is not known
	}
}

// noPath refuses a folder that nobody reads.
func (r *rules) noPath(s Store) {
	if s.Path != "" {
		r.add("store.path", s.Path, fmt.Sprintf("no folder, because store.kind is %s; or set store.kind: file", s.Kind), "store.kind")
	}
}

// notShared refuses what belongs to a blob store in another one: whoever wrote it believes that another controller can
// take over.
func (r *rules) notShared(s Store, own Replicas) {
	refuse := func(path, value string) {
		r.add(path, value, fmt.Sprintf("nothing, because store.kind is %s; or set store.kind: blob", s.Kind), "store.kind")
	}
	for _, p := range []place{s.connection(), s.sas()} {
		for _, path := range p.given() {
			refuse(path, hidden)
		}
	}
	for _, set := range []struct{ path, value string }{
		{"store.account", discreet("store.account", s.Account)}, {"store.container", s.Container}, {"store.prefix", s.Prefix},
		{"store.create", spoken(s.Create, "true")}, {"store.timeout", spoken(s.Timeout != 0, short(s.Timeout))},
		{"store.caFile", s.CAFile}, {"replicas.lease", spoken(own.Lease != 0, short(own.Lease))}, {"replicas.name", own.Name},
	} {
		if set.value != "" {
			refuse(set.path, set.value)
		}
	}
}

// spoken returns the text of a setting, or "" if it is not set.
func spoken(set bool, text string) string {
	if !set {
		return ""
	}
	return text
}

// blob finds what is wrong in the settings of a blob store.
func (r *rules) blob(s Store) {
	r.account(s.Account)
	r.way(s)
	named := s.Account != "" || len(s.connection().given()) > 0
	signed := s.sas().given()
	needs := []string{"store.kind", "store.account"}
	for _, p := range []place{s.connection(), s.sas()} {
		needs = append(needs, p.all()...)
	}
	switch {
	case len(signed) > 0 && s.Container != "":
		r.add("store.container", s.Container, "none, because "+signed[0]+" names its own", needs...)
	case s.Container == "" && named && len(signed) == 0:
		r.add("store.container", "", "a container, because store.kind is blob", needs...)
	case s.Container != "" && (len(s.Container) > maxContainer || !containerPattern.MatchString(s.Container)):
		r.add("store.container", s.Container, "the name of a container: 3 to 63 lower-case letters, digits and single dashes, no dash first or last")
	default:
	}
	if len(s.Prefix) > maxPrefix || !prefixPattern.MatchString(s.Prefix) {
		r.add("store.prefix", s.Prefix, fmt.Sprintf("at most %d letters, digits, dashes, dots, underscores and slashes, no slash first or last, no dot before a slash or last", maxPrefix), "store.kind")
	}
	r.between("store.timeout", s.Timeout, leastBlobTimeout, longestBlobTimeout)
}

// account refuses what is not the URL of a blob service.
func (r *rules) account(s string) {
	const want = "an absolute https URL like https://NAME.blob.core.windows.net"
	u, err := url.Parse(s)
	switch {
	case s == "":
	case err != nil || !secureURL(s, false):
		r.add("store.account", discreet("store.account", s), want+"; plain http only to this machine")
	case strings.Trim(u.Path, "/") != "" && !pathStyle(u.Hostname()):
		r.add("store.account", discreet("store.account", s), want+", without a path: store.container names the container")
	default:
	}
}

// way refuses a blob store that is not said in exactly one way.
func (r *rules) way(s Store) {
	var given []string
	needs := []string{"store.kind", "store.account"}
	if s.Account != "" {
		given = append(given, "account")
	}
	for _, p := range []place{s.connection(), s.sas()} {
		r.placeForm(p)
		r.onePlace(p, "store.kind")
		needs = append(needs, p.all()...)
		if places := p.given(); len(places) > 0 {
			given = append(given, strings.TrimPrefix(places[0], "store."))
		}
	}
	if len(given) != 1 {
		r.add("store", strings.Join(given, ", "), "exactly one of account, connectionString or sasURL, because store.kind is blob", needs...)
	}
}

// replicas finds what is wrong in the sharing of a blob store.
func (r *rules) replicas(own Replicas) {
	if own.Lease < leastLease || own.Lease > longestLease || own.Lease%time.Second != 0 {
		r.add("replicas.lease", short(own.Lease), fmt.Sprintf("whole seconds from %s to %s: the lease of a blob lasts no other time", short(leastLease), short(longestLease)))
	}
	if own.Name != "" && !replicaPattern.MatchString(own.Name) {
		r.add("replicas.name", own.Name, "at most 63 letters, digits, dots, dashes and underscores, not a dot last")
	}
}

// secureURL reports whether s is an absolute https URL, or one of http to this machine.
func secureURL(s string, query bool) bool {
	u, err := url.Parse(s)
	return validURL(s, query, "https") || err == nil && validURL(s, query, "http") && loopback(u.Hostname())
}

// pathStyle reports whether the blob service at the host may have the account in the path of its URLs, as stand-ins have it.
func pathStyle(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || loopback(host)
}

// sasMisses says what is wrong with the URL of a container with a shared access signature.
func sasMisses(s Secret) string {
	const want = "the URL of a container with its signature, like https://NAME.blob.core.windows.net/CONTAINER?…&sig=…"
	text := s.Reveal()
	u, err := url.Parse(text)
	if err != nil || !secureURL(text, true) {
		return want + ", over https; plain http only to this machine"
	}
	most := 1
	if pathStyle(u.Hostname()) {
		most++
	}
	if parts := strings.Count(strings.Trim(u.Path, "/"), "/") + 1; strings.Trim(u.Path, "/") == "" || parts > most {
		return want + ": this one is of another thing than a container"
	}
	if u.Query().Get("sig") == "" {
		return want + ": this one has no signature"
	}
	return ""
}

// connectionMisses says what is wrong with a connection string.
func connectionMisses(s Secret) string {
	const want = "a connection string like AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net"
	parts := make(map[string]string)
	for part := range strings.SplitSeq(strings.TrimRight(s.Reveal(), ";"), ";") {
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return want
		}
		parts[key] = value
	}
	switch {
	case parts["AccountName"] == "" && parts["BlobEndpoint"] == "",
		parts["SharedAccessSignature"] == "" && (parts["AccountName"] == "" || parts["AccountKey"] == ""):
		return want
	case parts["BlobEndpoint"] != "" && !secureURL(parts["BlobEndpoint"], false),
		parts["BlobEndpoint"] == "" && parts["DefaultEndpointsProtocol"] == "http":
		return want + ", over https; plain http only to this machine"
	default:
		return ""
	}
}
