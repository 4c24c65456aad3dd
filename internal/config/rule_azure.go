package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// maxParallel is the greatest Azure.Parallel: a subscription's bucket for writes holds 200.
const maxParallel = 200

// azure finds what is wrong in the section azure.
func (r *rules) azure(a Azure) {
	r.word("azure.cloud", a.Cloud)
	r.endpoint("azure.endpoint", a.Endpoint)
	r.endpoint("azure.authority", a.Authority)
	if u, err := url.Parse(a.Audience); a.Audience != "" && (err != nil || u.Scheme == "" || u.Host == "" || u.User != nil) {
		r.add("azure.audience", withoutUser(a.Audience), "an absolute URL like https://management.azure.com")
	} else if strings.HasSuffix(a.Audience, "/.default") {
		r.add("azure.audience", a.Audience, "the audience without /.default, which is added")
	}
	r.credential(a)
	seen := make(map[string]string)
	for i, s := range a.Subscriptions {
		at := fmt.Sprintf("azure.subscriptions[%d]", i)
		if !guidPattern.MatchString(s) {
			r.add(at, s, "a subscription id: a GUID")
			continue
		}
		r.unique(at, s, strings.ToLower(s), seen)
	}
	r.number("azure.parallel", a.Parallel, 0, maxParallel)
	r.duration("azure.timeout", a.Timeout, 0)
}

// endpoint refuses what is not an https URL. Plain http is refused to this machine too: tokens go over it, and no
// exception means that none can be left behind in production.
func (r *rules) endpoint(path, s string) {
	if s == "" || validURL(s, false, "https") {
		return
	}
	want := "an absolute https URL like https://management.azure.com"
	if u, err := url.Parse(s); err == nil && u.Scheme == "http" {
		want += "; tokens never go over plain http"
		if loopback(u.Hostname()) {
			want += ", not to this machine either: serve https and name its authority in azure.caFile"
		}
	}
	r.add(path, withoutUser(s), want)
}

// loopback reports whether the host is this machine.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

// credential finds what the chosen credential lacks, and what another one would need.
func (r *rules) credential(a Azure) {
	r.word("azure.credential", a.Credential)
	if a.TenantID != "" && !tenantPattern.MatchString(a.TenantID) {
		r.add("azure.tenantID", a.TenantID, "a directory id: a GUID or a domain name")
	}
	if a.ClientID != "" && !guidPattern.MatchString(a.ClientID) {
		r.add("azure.clientID", a.ClientID, "a client id: a GUID")
	}
	p := a.place()
	r.placeForm(p)
	given, all := p.given(), []string{"azure.clientSecret", "azure.clientSecretEnv", "azure.clientSecretFile"}
	known := slices.Contains(a.Credential.words(), string(a.Credential))
	switch {
	case !known: // reported above; what belongs to it is not known
	case a.Credential != CredentialClientSecret:
		for _, path := range given {
			r.add(path, hidden,
				fmt.Sprintf("no secret, because azure.credential is %s; or set azure.credential: client-secret", a.Credential), "azure.credential")
		}
	default:
		const because = ", because azure.credential is client-secret"
		if a.TenantID == "" {
			r.add("azure.tenantID", "", "a directory id"+because, "azure.credential")
		}
		if a.ClientID == "" {
			r.add("azure.clientID", "", "a client id"+because, "azure.credential")
		}
		if len(given) == 0 {
			r.add("azure.clientSecret", "", "one of "+orList(all)+because, append(all, "azure.credential")...)
		}
		r.onePlace(p, "azure.credential")
	}
	if known && a.TokenFile != "" && a.Credential != CredentialWorkloadIdentity {
		r.add("azure.tokenFile", a.TokenFile,
			fmt.Sprintf("no file, because azure.credential is %s; or set azure.credential: workload-identity", a.Credential), "azure.credential")
	}
}
