package azuresim

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Provisioning states as the service writes them.
const (
	stateSucceeded = "Succeeded"
	stateUpdating  = "Updating"
	stateCreating  = "Creating"
	stateDeleting  = "Deleting"
	stateFailed    = "Failed"
)

// keepVersions is how long old versions of a document are kept at least, for lists that lag.
const keepVersions = 2 * time.Minute

// resource is one thing with an id. doc is what a GET shows, without etag, provisioningState and composed members, which finish
// puts in when the document is committed; body is the encoded result.
type resource struct {
	id, key          string
	kind             *kind
	sub, group, name string
	location         string
	doc              object
	etag, state      string
	guid             string
	op               *operation
	gone             bool
	body             []byte
	versions         []version
	created, changed time.Time
	parent           *resource
	table            *tableState
	nic              *nicState
	vm               *vmState
	vnet             *vnetState
	subnet           *subnetState
	peering          *peeringState
	managedBy        string // of a resource group: the application whose publisher manages it
	billing          object // of Application Insights
}

// version is what lists may still show: a document at the time when it became true.
type version struct {
	at    time.Time
	body  []byte // nil: the resource was gone
	tags  object
	power vmSnapshot
}

// busy reports whether an operation is running on the resource.
func (r *resource) busy() bool { return r.op != nil }

func (r *resource) tags() object { return r.doc.obj("tags") }

// at gives the version that was true at t, nil if there was none.
func (r *resource) at(t time.Time) *version {
	for i := len(r.versions) - 1; i >= 0; i-- {
		if v := &r.versions[i]; !v.at.After(t) {
			if v.body == nil {
				return nil
			}
			return v
		}
	}
	return nil
}

// lookup finds a living resource by id, whatever its casing.
func (s *Sim) lookup(id string) *resource {
	if r := s.resources[strings.ToLower(id)]; r != nil && !r.gone {
		return r
	}
	return nil
}

// insert adds a resource, or revives a deleted one with the same id, whose history lists may still show. id has the canonical form.
func (s *Sim) insert(k *kind, id, sub, group, name, location string, now time.Time) *resource {
	key := strings.ToLower(id)
	r := &resource{id: id, key: key, kind: k, sub: sub, group: group, name: name, location: location, guid: s.guid(), created: now, changed: now}
	index := k.index(sub)
	list := s.indexes[index]
	i, found := slices.BinarySearchFunc(list, key, func(r *resource, key string) int { return strings.Compare(r.key, key) })
	if found {
		r.versions = list[i].versions
		list[i] = r
	} else {
		s.indexes[index] = slices.Insert(list, i, r)
	}
	s.resources[key] = r
	return r
}

// remove makes a resource gone at that time; lists forget it later.
func (s *Sim) remove(r *resource, at time.Time) {
	r.gone, r.op = true, nil
	r.versions = append(r.versions, version{at: at})
	s.trim(r, at)
}

// all gives every resource of a type in a subscription ("" = in all), the gone ones included, ordered by id.
func (s *Sim) all(k *kind, sub string) []*resource {
	if sub != "" {
		return s.indexes[k.index(sub)]
	}
	var list []*resource
	for _, su := range s.subscriptions {
		list = append(list, s.indexes[k.index(su.ID)]...)
	}
	return list
}

// commit makes the present document of r, and with it its parent's, the one that GETs show, and remembers it for lists.
func (s *Sim) commit(r *resource, at time.Time) {
	s.commitOne(r, at)
	if r.parent != nil {
		s.commitOne(r.parent, at)
	}
}

func (s *Sim) commitOne(r *resource, at time.Time) {
	if s.seeding {
		return // seed commits everything once, at its end
	}
	s.scratch = appendJSON(s.scratch[:0], r.kind.finish(r))
	r.body = slices.Clone(s.scratch)
	v := version{at: at, body: r.body, tags: r.tags()}
	if r.vm != nil {
		v.power = r.vm.snapshot()
	}
	r.changed = at
	if n := len(r.versions); n > 0 && r.versions[n-1].at.Equal(at) {
		r.versions[n-1] = v
		return
	}
	r.versions = append(r.versions, v)
	s.trim(r, at)
}

// trim forgets versions that no list can show any more.
func (s *Sim) trim(r *resource, now time.Time) {
	horizon := now.Add(-max(keepVersions, s.profile.ListLag, s.profile.IndexLag))
	first := 0
	for first+1 < len(r.versions) && !r.versions[first+1].at.After(horizon) {
		first++
	}
	if first > 0 {
		r.versions = slices.Delete(r.versions, 0, first)
	}
}

// guid draws an identifier in the form of a GUID.
func (s *Sim) guid() string {
	var b [16]byte
	for i := range 2 {
		n := s.rng.Uint64()
		for j := range 8 {
			b[i*8+j] = byte(n >> (8 * j))
		}
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// newEtag draws a Network etag.
func (s *Sim) newEtag() string { return `W/"` + s.guid() + `"` }
