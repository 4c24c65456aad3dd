package config

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxPerHour = 1000
	// leastSigning is how many bytes a secret that signs must have.
	leastSigning = 16

	leastRepeat, longestRepeat = time.Minute, 7 * 24 * time.Hour
	leastGiveUp, longestGiveUp = time.Minute, 24 * time.Hour
)

// notify finds what is wrong in the section notify.
func (r *rules) notify(n Notify) {
	if n.Repeat != 0 {
		r.between("notify.repeat", n.Repeat, leastRepeat, longestRepeat)
	}
	r.between("notify.giveUp", n.GiveUp, leastGiveUp, longestGiveUp)
	names := make(map[string]string)
	for i, t := range n.Targets {
		at := targetPath(i)
		if !groupNamePattern.MatchString(t.Name) {
			r.add(at+".name", t.Name, "a name of at most 63 lower-case letters, digits and dashes, not a dash first")
		}
		r.unique(at+".name", t.Name, t.Name, names)
		r.word(at+".kind", t.Kind)
		r.word(at+".min", t.Min)
		r.number(at+".perHour", t.PerHour, 1, maxPerHour)
		if t.TLS != "" {
			r.word(at+".tls", t.TLS)
		}
		for _, p := range t.places(at) {
			r.placeForm(p)
			r.onePlace(p, at+".kind")
		}
		r.unread(at, t)
		r.target(at, t)
	}
}

// unread refuses what the kind does not read: whoever wrote it believes that it is used.
func (r *rules) unread(at string, t NotifyTarget) {
	reads := t.Kind.reads()
	if reads == nil {
		return // the kind is reported
	}
	var set []string
	for _, p := range t.places("") {
		for _, path := range p.given() {
			set = append(set, path[1:])
		}
	}
	for _, s := range []struct {
		name string
		set  bool
	}{
		{"server", t.Server != ""}, {"mx", t.MX != ""}, {"tls", t.TLS != ""}, {"from", t.From != ""}, {"to", len(t.To) > 0},
		{"user", t.User != ""}, {"caFile", t.CAFile != ""},
	} {
		if s.set {
			set = append(set, s.name)
		}
	}
	for _, name := range set {
		base := name
		for _, suffix := range []string{"Env", "File", "Vault"} {
			if name != "caFile" {
				base = strings.TrimSuffix(base, suffix)
			}
		}
		if !slices.Contains(reads, base) {
			r.add(at+"."+name, hidden, "nothing: a "+string(t.Kind)+" target does not read it", at+".kind")
		}
	}
}

// target finds what a target of its kind lacks.
func (r *rules) target(at string, t NotifyTarget) {
	need := func(p place, kind string) {
		if len(p.given()) == 0 {
			r.add(p.setting, "", "one of "+orList(shortened(p.all(), at+"."))+", because it is a "+kind+" target", append(p.all(), at+".kind")...)
		}
	}
	switch t.Kind {
	case TargetWebhook, TargetTeams, TargetSlack:
		need(t.urlPlace(at+".url"), string(t.Kind))
	case TargetPagerDuty:
		need(t.keyPlace(at+".key"), string(t.Kind))
	case TargetMail:
		r.mail(at, t)
	default: // reported
	}
}

// shortened cuts what the paths begin with.
func shortened(paths []string, prefix string) []string {
	out := slices.Clone(paths)
	for i := range out {
		out[i] = strings.TrimPrefix(out[i], prefix)
	}
	return out
}

// mail finds what is wrong in a target of the kind mail.
func (r *rules) mail(at string, t NotifyTarget) {
	kind := at + ".kind"
	switch {
	case (t.Server == "") == (t.MX == ""):
		r.add(at+".server", t.Server, "either server, host:port, or mx, a domain whose mail servers are asked", at+".mx", kind)
	case t.Server != "" && !validAddress(t.Server, 1, false):
		r.add(at+".server", withoutUser(t.Server), "host:port, like smtp.example.com:587", kind)
	case t.MX != "" && !tenantPattern.MatchString(t.MX):
		r.add(at+".mx", t.MX, "a domain, like example.com", kind)
	case t.MX != "" && t.TLS == MailImplicitTLS:
		r.add(at+".tls", string(t.TLS), "starttls, opportunistic or none, because mx asks at port 25", at+".mx", kind)
	default:
	}
	if _, err := mail.ParseAddress(t.From); err != nil {
		r.add(at+".from", t.From, "the address of the sender, like hopguard@example.com", kind)
	}
	if len(t.To) == 0 {
		r.add(at+".to", "", "at least one address", kind)
	}
	seen := make(map[string]string)
	for i, to := range t.To {
		path := fmt.Sprintf("%s.to[%d]", at, i)
		if a, err := mail.ParseAddress(to); err != nil || a.Address != to {
			r.add(path, to, "an address alone, like ops@example.com", kind)
			continue
		}
		r.unique(path, to, strings.ToLower(to), seen)
	}
	p := t.passwordPlace(at + ".password")
	given := p.given()
	needs := append(p.all(), at+".user", kind)
	switch secure := t.TLS == MailStartTLS || t.TLS == MailImplicitTLS; {
	case t.User == "" && len(given) > 0:
		r.add(at+".user", "", "who signs in, because "+given[0]+" is set", needs...)
	case t.User != "" && len(given) == 0:
		r.add(p.setting, "", "one of "+orList(shortened(p.all(), at+"."))+", because user is set", needs...)
	case t.User != "" && !secure:
		r.add(at+".tls", string(t.TLS), "starttls or tls, because user is set: a password never goes in the clear", append(needs, at+".tls")...)
	default:
	}
}

// hookMisses says what is wrong with a URL that messages are posted to.
func hookMisses(s Secret) string {
	if _, err := url.Parse(s.Reveal()); err != nil || !secureURL(s.Reveal(), true) {
		return "an absolute https URL without user and password; plain http only to this machine"
	}
	return ""
}

// signingMisses says what is wrong with a secret that signs.
func signingMisses(s Secret) string {
	text := s.Reveal()
	if encoded, ok := strings.CutPrefix(text, "whsec_"); ok {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return "a secret of base64 behind whsec_"
		}
		text = string(raw)
	}
	if len(text) < leastSigning {
		return "a secret of at least 16 bytes"
	}
	return ""
}
