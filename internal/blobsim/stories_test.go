package blobsim_test

import (
	"slices"
	"strings"
)

// What a story often does.
func put(headers ...string) step {
	return step{do: "PUT /c/b", headers: append([]string{"x-ms-blob-type: BlockBlob"}, headers...), body: "content"}
}

func head(headers ...string) step { return step{do: "HEAD /c/b", headers: headers} }

func act(action string, headers ...string) step {
	return step{do: "PUT /c/b?comp=lease", headers: append([]string{"x-ms-lease-action: " + action}, headers...)}
}

func acquire(id string) step {
	return act("acquire", "x-ms-lease-duration: 15", "x-ms-proposed-lease-id: "+id)
}

func breakAfter(seconds string) step { return act("break", "x-ms-lease-break-period: "+seconds) }
func with(id string) string          { return "x-ms-lease-id: " + id }

// states are the ways into each state of a lease of A.
func states() map[string][]step {
	return map[string][]step{
		"available": {put()},
		"leased":    {put(), acquire(idA)},
		"expired":   {put(), acquire(idA), {do: "WAIT 16s"}},
		"breaking":  {put(), acquire(idA), breakAfter("10")},
		"broken":    {put(), acquire(idA), breakAfter("0")},
	}
}

// uses are what may be done in a state.
func uses() map[string]step {
	return map[string]step{
		"acquire-a": acquire(idA), "acquire-b": acquire(idB), "acquire": act("acquire", "x-ms-lease-duration: 15", "x-ms-proposed-lease-id: "+idC),
		"acquire-for-ever": act("acquire", "x-ms-lease-duration: -1", "x-ms-proposed-lease-id: "+idA),
		"renew-a":          act("renew", with(idA)), "renew-b": act("renew", with(idB)),
		"release-a": act("release", with(idA)), "release-b": act("release", with(idB)),
		"break": act("break"), "break-0": breakAfter("0"), "break-5": breakAfter("5"), "break-60": breakAfter("60"),
		"change-a-b": act("change", with(idA), "x-ms-proposed-lease-id: "+idB),
		"change-b-a": act("change", with(idB), "x-ms-proposed-lease-id: "+idA),
		"change-b-c": act("change", with(idB), "x-ms-proposed-lease-id: "+idC),
		"put":        put(), "put-a": put(with(idA)), "put-b": put(with(idB)),
		"get": {do: "GET /c/b"}, "get-a": {do: "GET /c/b", headers: []string{with(idA)}}, "get-b": {do: "GET /c/b", headers: []string{with(idB)}},
		"head-a":   head(with(idA)),
		"metadata": {do: "PUT /c/b?comp=metadata", headers: []string{"x-ms-meta-holder: me"}}, "metadata-a": {do: "PUT /c/b?comp=metadata", headers: []string{"x-ms-meta-holder: me", with(idA)}},
		"metadata-b": {do: "PUT /c/b?comp=metadata", headers: []string{"x-ms-meta-holder: me", with(idB)}},
		"delete":     {do: "DELETE /c/b"}, "delete-a": {do: "DELETE /c/b", headers: []string{with(idA)}}, "delete-b": {do: "DELETE /c/b", headers: []string{with(idB)}},
	}
}

// differs says why the stand-in does not answer as Azurite does, or "".
func differs(state, use string) string {
	_, id, _ := strings.Cut(use, "-")
	over := state == "broken" || state == "expired"
	onBlob := slices.Contains([]string{"put", "get", "head", "metadata", "delete"}, strings.TrimSuffix(use, "-"+id))
	switch {
	case over && onBlob && id == "a":
		return "Azure documents LeaseLost for a lease that is over; Azurite says that there is none. Both are 412"
	case over && onBlob && id == "b":
		return "the other ID does not match whatever has become of the lease; Azurite says that there is none. Both are 412"
	case state == "expired" && use == "renew-b":
		return "Azurite renews an expired lease for anybody; Azure documents 409"
	default:
		return ""
	}
}

// stories are what TestContract tells both: each use in each state, and what
// follows it; and the rest of the operations.
func stories() map[string][]step {
	out := map[string][]step{
		"conditions": {
			head(), put("If-Match: \"0x1\""), put("If-None-Match: *"), put("If-None-Match: *"), put("If-Match: \"0x1\""),
			put("If-Match: E3"), put("If-Match: E2"), put("If-Match: E3"), head("If-Match: E3"),
			{do: "GET /c/b", headers: []string{"If-None-Match: E3"}}, {do: "GET /c/b", headers: []string{"If-Match: E2"}},
			{do: "DELETE /c/b", headers: []string{"If-Match: E2"}}, {do: "DELETE /c/b", headers: []string{"If-Match: E3"}},
			{do: "DELETE /c/b"}, head(),
		},
		"metadata": {
			put("x-ms-meta-holder: me", "x-ms-meta-term: 7"), head(), {do: "PUT /c/b?comp=metadata", headers: []string{"x-ms-meta-holder: you"}}, head(),
			{do: "PUT /c/b?comp=metadata", headers: []string{"x-ms-meta-holder: you", "If-Match: E2"}}, {do: "PUT /c/b?comp=metadata", headers: []string{"If-Match: E3"}}, head(),
			{do: "PUT /c/x?comp=metadata", headers: []string{"x-ms-meta-holder: you"}}, act("acquire", "x-ms-lease-duration: 15", "If-Match: E2"),
		},
		"lists": {
			put("x-ms-meta-holder: me"), acquire(idA), {do: "PUT /c/leases/x", headers: []string{"x-ms-blob-type: BlockBlob"}},
			{do: "GET /c?comp=list&include=metadata&restype=container"}, {do: "GET /c?comp=list&prefix=leases%2F&restype=container"},
			{do: "GET /c?comp=list&maxresults=1&restype=container"}, {do: "GET /c?comp=list&prefix=none&restype=container"},
		},
		"containers": {
			{do: "PUT /c?restype=container"}, {do: "HEAD /c-not?restype=container"}, {do: "GET /c-not/b"}, {do: "HEAD /c-not/b"},
			{do: "GET /c-not?comp=list&restype=container"}, {do: "DELETE /c-not?restype=container"}, {do: "PUT /c-not/b", headers: []string{"x-ms-blob-type: BlockBlob"}},
			put(), {do: "DELETE /c?restype=container"}, {do: "GET /c/b"}, {do: "PUT /c-not/b?comp=lease", headers: []string{"x-ms-lease-action: renew", with(idA)}},
		},
		"absent": {acquire(idA), act("renew", with(idA)), act("release", with(idA)), {do: "GET /c/b"}, {do: "PUT /c/b?comp=metadata"}, {do: "DELETE /c/b"}},
		"renewals": {
			put(), act("acquire", "x-ms-lease-duration: 14", "x-ms-proposed-lease-id: "+idA), act("acquire", "x-ms-lease-duration: 61", "x-ms-proposed-lease-id: "+idA),
			acquire(idA), {do: "WAIT 14s"}, act("renew", with(idA)), {do: "WAIT 14s"}, acquire(idB), head(), {do: "WAIT 2s"}, head(),
			act("renew", with(idA)), head(), {do: "WAIT 16s"}, acquire(idB), act("renew", with(idA)), head(),
			{do: "WAIT 16s"}, put(), head(), act("renew", with(idB)),
		},
		"breaking-ends": {put(), acquire(idA), breakAfter("10"), acquire(idB), {do: "WAIT 11s"}, head(), act("renew", with(idA)), acquire(idB), head()},
	}
	for state, way := range states() {
		for name, use := range uses() {
			use.differs = differs(state, name)
			then := head()
			if strings.HasPrefix(use.differs, "Azurite renews") {
				then.differs = use.differs
			}
			out[state+"-"+name] = append(slices.Clone(way), use, then, act("renew", with(idA)), step{do: "GET /c/b"})
		}
	}
	return out
}
